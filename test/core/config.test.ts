import assert from 'node:assert/strict'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { loadSettings, type SettingsOptions } from '../../src/index.ts'
import { withFolder } from '../matrix.ts'
import { errorOf } from '../tools.ts'

/** The settings in a folder with these files. */
function settings(files: Record<string, string>, options: SettingsOptions = {}) {
  return withFolder(async (cwd) => {
    for (const [name, text] of Object.entries(files)) {
      mkdirSync(join(cwd, name, '..'), { recursive: true })
      writeFileSync(join(cwd, name), text)
    }
    const config = options.config === undefined ? {} : { config: join(cwd, options.config) }
    const { database, dir } = await loadSettings({ env: {}, ...options, cwd, ...config })
    return { database: database?.replace(`${cwd}/`, ''), dir: dir?.replace(`${cwd}/`, '') }
  })
}

const YML = 'database: { type: sqlite, path: from/config.db, migrations_path: sql }\n'

describe('1 precedence', () => {
  test('1.1 nobody says anything', async () => {
    assert.deepEqual(await settings({}), { database: undefined, dir: undefined })
  })

  test('1.2 option, environment, .env, config file', async () => {
    const files = { 'config.yml': YML, '.env': 'DATABASE_URL=sqlite:from-dotenv.db\n' }
    assert.equal((await settings({ 'config.yml': YML })).database, 'from/config.db')
    assert.equal((await settings(files)).database, 'sqlite:from-dotenv.db')
    assert.equal((await settings(files, { env: { DATABASE_URL: 'env.db' } })).database, 'env.db')
    const all = { env: { DATABASE_URL: 'env.db' }, database: 'option.db', dir: 'option' }
    assert.deepEqual(await settings(files, all), { database: 'option.db', dir: 'option' })
  })

  test('1.3 an empty DATABASE_URL says nothing', async () => {
    assert.equal(
      (await settings({ 'config.yml': YML }, { env: { DATABASE_URL: '' } })).database,
      'from/config.db',
    )
  })

  test('1.4 yml, yaml, json, or the one that is named; paths are relative to it', async () => {
    const json = JSON.stringify({
      server: { port: 1 },
      database: { type: 'sqlite', path: 'a.db', migrations_path: 'm' },
    })
    assert.deepEqual(await settings({ 'config.json': json }), { database: 'a.db', dir: 'm' })
    assert.deepEqual(await settings({ 'config.yaml': YML, 'config.json': json }), {
      database: 'from/config.db',
      dir: 'sql',
    })
    assert.deepEqual(await settings({ 'etc/nexflow.yml': YML }, { config: 'etc/nexflow.yml' }), {
      database: 'etc/from/config.db',
      dir: 'etc/sql',
    })
  })

  test('1.5 URLs stay as they are', async () => {
    for (const url of ['postgres://u:p@h/d?sslmode=require', 'sqlite:./x.db', ':memory:']) {
      const type = url.startsWith('postgres') ? 'postgres' : 'sqlite'
      assert.equal(
        (await settings({ 'config.yml': `database: { type: ${type}, path: "${url}" }` })).database,
        url,
      )
    }
  })
})

describe('2 the environment in the config', () => {
  const file = {
    'config.yml':
      'database: { type: postgres, path: "postgres://app:${DB_PASSWORD}@h/${DB}" }\nother: ${NOT_SET}\n',
  }

  test('2.1 is put in, also from .env; other sections are none of our business', async () => {
    const url = 'postgres://app:secret@h/nexflow'
    assert.equal((await settings(file, { env: { DB_PASSWORD: 'secret', DB: 'nexflow' } })).database, url)
    assert.equal((await settings({ ...file, '.env': 'DB=nexflow\nDB_PASSWORD=secret' })).database, url)
  })

  test('2.2 unset, it is named', async () => {
    await assert.rejects(settings(file, { env: { DB: 'nexflow' } }), {
      code: 'CONFIG',
      message: /DB_PASSWORD/,
    })
  })
})

describe('3 what is no config', () => {
  for (const [text, says] of [
    ['database: [', /cannot be read/],
    ['database: sqlite', /no section/],
    ['database: { type: mysql, path: a }', /mysql/],
    ['database: { type: sqlite, path: 7 }', /path/],
    ['database: { type: postgres, path: a.db }', /postgres/],
    ['database: { type: sqlite, path: "postgres://h/d" }', /sqlite/],
  ] as const) {
    test(`3.1 ${text}`, () =>
      assert.rejects(settings({ 'config.yml': text }), { code: 'CONFIG', message: says }))
  }

  test('3.2 a file that is not there', () =>
    assert.rejects(settings({}, { config: 'none.yml' }), { code: 'CONFIG' }))
})

describe('4 backups', () => {
  const read = (text: string) =>
    withFolder(async (cwd) => {
      mkdirSync(join(cwd, 'etc'))
      writeFileSync(join(cwd, 'etc/c.yml'), text)
      const { backup } = await loadSettings({ config: join(cwd, 'etc/c.yml'), env: { KEPT: 'kept' }, cwd })
      return backup && { ...backup, ...(backup.dir && { dir: backup.dir.replace(`${cwd}/`, '') }) }
    })

  test('4.1 when, where and how many', async () => {
    assert.equal(await read('database: { path: a.db }'), undefined)
    assert.deepEqual(await read('backup: { before: always, dir: "${KEPT}/here", keep: 3, other: 1 }'), {
      before: 'always',
      dir: 'etc/kept/here',
      keep: 3,
    })
    for (const before of ['up', 'down', 'never'])
      assert.deepEqual(await read(`backup: { before: ${before} }`), { before })
  })

  for (const [text, says] of [
    ['backup: yes', /"backup" is no section/],
    ['backup: { before: sometimes }', /backup\.before is sometimes/],
    ['backup: { before: [up] }', /backup\.before/],
    ['backup: { keep: 0 }', /backup\.keep is 0/],
    ['backup: { keep: 2.5 }', /backup\.keep is 2\.5/],
    ['backup: { keep: "3" }', /backup\.keep is "3"/],
    ['backup: { dir: "${NONE}" }', /NONE, which backup\.dir names/],
  ] as const) {
    test(`4.2 ${text}`, () => assert.rejects(read(text), { code: 'CONFIG', message: says }))
  }
})

describe('5 how other sessions are waited for', () => {
  const postgres = (section: unknown) =>
    withFolder(async (cwd) => {
      writeFileSync(join(cwd, 'config.json'), JSON.stringify({ postgres: section }))
      return (await loadSettings({ env: {}, cwd })).postgres
    })

  test('5.1 times have units, in the library milliseconds', async () => {
    assert.deepEqual(await postgres({ lock_timeout: '2s', max_wait: '10m', statement_timeout: 0 }), {
      lockTimeout: 2000,
      maxWait: 600_000,
      statementTimeout: 0,
    })
    assert.deepEqual(
      await postgres({ lock_timeout: '500 ms', max_wait: '1.5h', statement_timeout: '3min' }),
      {
        lockTimeout: 500,
        maxWait: 5_400_000,
        statementTimeout: 180_000,
      },
    )
    assert.equal(await postgres({}), undefined)
    assert.equal(await postgres(undefined), undefined)
  })

  test('5.2 what is no time is refused', async () => {
    for (const section of [
      { lock_timeout: 2 },
      { lock_timeout: 0 },
      { lock_timeout: '2 weeks' },
      { max_wait: '-1s' },
      { statement_timeout: true },
      { statement_timeout: '' },
      '2s',
    ]) {
      const error = await errorOf(postgres(section))
      assert.equal(error.code, 'CONFIG')
      assert.match(error.hint ?? '', /2s/)
    }
  })
})

describe('6 lint', () => {
  const read = (text: string) =>
    withFolder(async (cwd) => {
      writeFileSync(join(cwd, 'config.yml'), text)
      return (await loadSettings({ env: {}, cwd })).lint
    })

  test('6.1 severities of rules, and how bad a finding must be', async () => {
    assert.equal(await read('lint: { other: 1 }'), undefined)
    assert.deepEqual(await read('lint: { rules: { drop-table: off, truncate: info }, fail_on: warning }'), {
      rules: { 'drop-table': 'off', truncate: 'info' },
      failOn: 'warning',
    })
  })

  for (const [text, says] of [
    ['lint: strict', /"lint" is no section/],
    ['lint: { rules: [drop-table] }', /lint\.rules is no list/],
    ['lint: { rules: { drop-table: fatal } }', /lint\.rules\.drop-table is "fatal"/],
    ['lint: { fail_on: 3 }', /lint\.fail_on is 3/],
  ] as const) {
    test(`6.2 ${text}`, () => assert.rejects(read(text), { code: 'CONFIG', message: says }))
  }
})

describe('7 transfer', () => {
  const read = (text: string) =>
    withFolder(async (cwd) => {
      writeFileSync(join(cwd, 'config.yml'), text)
      return (await loadSettings({ env: {}, cwd })).transfer
    })

  test('7.1 expressions, masks and tables that stay', async () => {
    assert.equal(await read('transfer: { other: 1 }'), undefined)
    assert.equal(await read('transfer:'), undefined)
    const text = `transfer:
  map: { users.active: "active IN ('t', 'yes')" }
  mask: { users.name: hash, users.email: null }
  exclude: [logs, audit.events]`
    assert.deepEqual(await read(text), {
      map: { 'users.active': "active IN ('t', 'yes')" },
      mask: { 'users.name': 'hash', 'users.email': 'null' },
      exclude: ['logs', 'audit.events'],
    })
  })

  for (const [text, says] of [
    ['transfer: all', /"transfer" is no section/],
    ['transfer: { map: [users.active] }', /transfer\.map is no list/],
    ['transfer: { map: { users.active: } }', /transfer\.map is no list/],
    ['transfer: { map: { active: "1" } }', /transfer\.map is no list/],
    ['transfer: { mask: hash }', /transfer\.mask is no list/],
    ['transfer: { mask: { users.name: 7 } }', /transfer\.mask is no list/],
    ['transfer: { exclude: logs }', /transfer\.exclude is no list/],
    ['transfer: { exclude: [""] }', /transfer\.exclude is no list/],
  ] as const) {
    test(`7.2 ${text}`, () => assert.rejects(read(text), { code: 'CONFIG', message: says }))
  }
})
