import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { describe, test } from 'node:test'
import { up } from '../../src/index.ts'
import { KINDS, withFolder } from '../matrix.ts'
import { json, type RunOptions, run } from '../process.ts'
import { scripts } from '../tools.ts'

const A = 'CREATE TABLE a (id INTEGER PRIMARY KEY);'

/** What a folder holds, byte for byte. */
function digest(folder: string): string {
  const sum = createHash('sha256')
  for (const name of readdirSync(folder, { recursive: true, encoding: 'utf8' }).sort()) {
    const path = join(folder, name)
    sum.update(`${name}\n`)
    if (!statSync(path).isDirectory()) sum.update(readFileSync(path))
  }
  return sum.digest('hex')
}

interface Case {
  readonly name: string
  /** Files of the folder; those whose names end in .sql go to its folder `migrations`. */
  readonly files?: Readonly<Record<string, string | Buffer>>
  readonly args?: readonly string[]
  readonly env?: Record<string, string>
  readonly code: string
  readonly status?: number
  readonly says: RegExp
  readonly hint?: RegExp
}

const UP = ['up', '--dir', 'migrations']

const CASES: readonly Case[] = [
  {
    name: 'a bad file name',
    files: { 'init.sql': A },
    code: 'FILE_NAME',
    says: /migrations\/init\.sql/,
    hint: /<version>_<name>/,
  },
  {
    name: 'duplicate versions',
    files: { '1_a.sql': A, '1_b.sql': A },
    code: 'DUPLICATE_VERSION',
    says: /1_a\.sql and migrations\/1_b\.sql/,
    hint: /renumber/,
  },
  {
    name: 'an empty script',
    files: { '1_a.sql': '-- later\n' },
    code: 'EMPTY_SCRIPT',
    says: /1_a\.sql/,
    hint: /migrate: nothing/,
  },
  {
    name: 'an empty down script',
    files: { '1_a.sql': A, '1_a.down.sql': '' },
    code: 'EMPTY_SCRIPT',
    says: /1_a\.down\.sql/,
  },
  {
    name: 'invalid UTF-8',
    files: { '1_a.sql': Buffer.from([0x53, 0xff]) },
    code: 'FILE_TEXT',
    says: /UTF-8/,
  },
  {
    name: 'an unknown directive',
    files: { '1_a.sql': `-- migrate: no-transactions\n${A}` },
    code: 'DIRECTIVE',
    says: /no-transactions/,
    hint: /did you mean/,
  },
  {
    name: 'a COMMIT of its own',
    files: { '1_a.sql': `${A}\nCOMMIT;` },
    code: 'TRANSACTION_STATEMENT',
    says: /COMMIT/,
  },
  {
    name: 'one dialect only',
    files: { '1_a.sqlite.sql': A },
    code: 'ONE_DIALECT',
    says: /postgres/,
    hint: /1_a\.postgres\.up\.sql/,
  },
  {
    name: 'an unknown id',
    files: { '1_add_a.sql': A },
    args: [...UP, '1_ad_a'],
    status: 2,
    code: 'UNKNOWN_ID',
    says: /1_ad_a/,
    hint: /1_add_a/,
  },
  {
    name: 'a folder that is not there',
    args: ['up', '--dir', 'none'],
    code: 'DIRECTORY',
    says: /none/,
    hint: /new NAME/,
  },
  {
    name: 'a folder that is a file',
    files: { file: '' },
    args: ['up', '--dir', 'file'],
    code: 'DIRECTORY',
    says: /file/,
  },
  {
    name: 'an unset ${NAME} in the config',
    files: { 'config.yml': 'database: { path: "${NEXFLOW_DB}" }' },
    args: ['up'],
    status: 2,
    code: 'CONFIG',
    says: /NEXFLOW_DB/,
    hint: /set NEXFLOW_DB/,
  },
  {
    name: 'a config that is not there',
    args: ['up', '--config', 'none.yml'],
    status: 2,
    code: 'CONFIG',
    says: /none\.yml/,
  },
  {
    name: 'an unknown option',
    args: ['up', '--dry-runs'],
    status: 2,
    code: 'USAGE',
    says: /--dry-runs/,
    hint: /--dry-run/,
  },
  {
    name: 'an option of another command',
    args: ['status', '--steps', '1'],
    status: 2,
    code: 'USAGE',
    says: /--steps/,
  },
  { name: 'an option without its value', args: ['up', '--to'], status: 2, code: 'USAGE', says: /--to/ },
  {
    name: 'steps that are no number',
    args: ['up', '--steps', 'two'],
    status: 2,
    code: 'USAGE',
    says: /steps/,
  },
  {
    name: 'an unknown command',
    args: ['upp'],
    status: 2,
    code: 'USAGE',
    says: /upp/,
    hint: /did you mean up/,
  },
  { name: 'a word too many', args: ['up', 'a', 'b'], status: 2, code: 'USAGE', says: /"b"/ },
  { name: 'an id and --to', args: ['up', '1', '--to', '1'], status: 2, code: 'USAGE', says: /together/ },
  {
    name: 'a database of an unknown kind',
    args: ['up', '--database', 'mysql://root@h/d'],
    status: 2,
    code: 'CONFIG',
    says: /mysql/,
    hint: /sqlite:/,
  },
]

describe('1 what concerns no database', () => {
  for (const { name, files = {}, args = UP, env, code, status = 1, says, hint } of CASES) {
    test(`1.1 ${name}: ${code}`, () =>
      withFolder(async (cwd) => {
        mkdirSync(join(cwd, 'migrations'))
        for (const [file, text] of Object.entries(files)) {
          writeFileSync(join(cwd, file.endsWith('.sql') ? 'migrations' : '', file), text)
        }
        const before = digest(cwd)
        const { status: exit, document } = await json(args, { cwd, ...(env && { env }) })
        assert.equal(document.error?.code, code)
        assert.match(document.error?.message ?? '', says)
        assert.match(document.error?.hint ?? '', hint ?? /./)
        assert.equal(exit, status)
        if (code !== 'TRANSACTION_STATEMENT') assert.equal(digest(cwd), before)
        else assert.equal((await json(['status', ...args.slice(1)], { cwd })).document.upToDate, false)

        const { stdout, stderr } = await run(args, { cwd })
        assert.equal(stdout, '')
        assert.match(stderr, new RegExp(`error ${code}: `))
        assert.doesNotMatch(stderr, /\n {4}at /, 'no stack')
      }))
  }
})

/** Runs as a user who may not do everything, where the tests are run by root. */
const asNobody: RunOptions = process.getuid?.() === 0 ? { uid: 65534 } : {}

describe('2 what is no SQLite database', () => {
  test('2.1 a folder where the file should be', () =>
    withFolder(async (cwd) => {
      mkdirSync(join(cwd, 'app.db'))
      const { document } = await json(['up', '--database', 'app.db'], { cwd })
      assert.equal(document.error?.code, 'NOT_A_DATABASE')
      assert.match(document.error?.message ?? '', /app\.db is a folder/)
    }))

  test('2.2 a file of something else', () =>
    withFolder(async (cwd) => {
      writeFileSync(join(cwd, 'app.db'), 'Dear diary, '.repeat(100))
      const before = digest(cwd)
      for (const command of ['up', 'down', 'status']) {
        const { document } = await json([command, '--database', 'app.db'], { cwd })
        assert.equal(document.error?.code, 'NOT_A_DATABASE')
      }
      assert.equal(digest(cwd), before)
    }))

  test('2.3 a database that this user may only read', () =>
    withFolder(async (cwd) => {
      const database = join(cwd, 'app.db')
      await up({ database })
      for (const path of [cwd, database]) chmodSync(path, path === cwd ? 0o555 : 0o444)
      const before = digest(cwd)
      for (const command of ['up', 'down', 'status']) {
        const { status, document } = await json([command, '--database', database], { cwd, ...asNobody })
        assert.deepEqual([status, document.error?.code], [1, 'READ_ONLY'])
        assert.match(document.error?.hint ?? '', /write/)
      }
      assert.equal(digest(cwd), before)
      chmodSync(cwd, 0o755)
    }))

  test('2.4 likewise before it was ever in WAL mode, by the command and by an application', () =>
    withFolder(async (cwd) => {
      const database = join(cwd, 'app.db')
      const native = new DatabaseSync(database)
      native.exec('CREATE TABLE other (id INTEGER)')
      native.close()
      chmodSync(cwd, 0o555)
      chmodSync(database, 0o444)
      const { status, document } = await json(['up', '--database', database], { cwd, ...asNobody })
      const open = join(import.meta.dirname, '../../src/index.ts')
      const code = `import { openDatabase } from '${open}'
        await openDatabase({ path: '${database}', migrations: [] }).catch((error) => console.log(error.name, error.code))`
      const child = spawnSync(process.execPath, ['--input-type=module', '-e', code], {
        ...asNobody,
        encoding: 'utf8',
      })
      chmodSync(cwd, 0o755)
      assert.equal(status, 1)
      assert.match(document.error?.code ?? '', /^(READ_ONLY|PERMISSION)$/)
      assert.match(child.stdout, /^MigrateError (READ_ONLY|PERMISSION)\n$/)
    }))

  test('2.5 a folder that nobody can make', async () => {
    const { document } = await json(['up', '--database', '/proc/none/none/app.db'])
    assert.equal(document.error?.code, 'PERMISSION')
  })

  test('2.6 a folder in which this user may not write, or may not read', () =>
    withFolder(async (cwd) => {
      chmodSync(cwd, 0o555)
      const { document } = await json(['up', '--database', join(cwd, 'data', 'app.db')], { ...asNobody })
      assert.equal(document.error?.code, 'PERMISSION')
      chmodSync(cwd, 0o755)
      mkdirSync(join(cwd, 'migrations'), 0o700)
      if (asNobody.uid === undefined) chmodSync(join(cwd, 'migrations'), 0)
      else chownSync(join(cwd, 'migrations'), 0, 0)
      const closed = await json(['up', '--dir', join(cwd, 'migrations')], { ...asNobody })
      chmodSync(join(cwd, 'migrations'), 0o700)
      assert.equal(closed.document.error?.code, 'DIRECTORY')
      assert.match(closed.document.error?.message ?? '', /permission denied/)
      assert.equal(existsSync(join(cwd, 'data')), false)
    }))
})

for (const kind of KINDS.filter(({ dialect }) => dialect === 'postgres')) {
  describe(`3 what a server refuses, ${kind.label}`, () => {
    const SECRET = 'sesame-never-printed'

    test('3.1 a password is wrong, and is printed nowhere', () =>
      kind.scratch(async ({ url }) => {
        const wrong = new URL(url)
        wrong.password = SECRET
        for (const args of [
          ['up'],
          ['up', '--verbose'],
          ['up', '--json', '--verbose'],
          ['status'],
          ['down'],
        ]) {
          const { status, stdout, stderr } = await run([...args, '--database', wrong.href])
          assert.equal(status, 1)
          assert.match(stdout + stderr, /AUTHENTICATION/)
          assert.doesNotMatch(stdout + stderr, new RegExp(SECRET))
        }
        const right = await run(['up', '--verbose', '--database', url])
        assert.doesNotMatch(right.stdout + right.stderr, new RegExp(new URL(url).password))
      }))

    test('3.2 a URL that cannot be read does not tell its password', async () => {
      const { status, stdout, stderr } = await run([
        'up',
        '--verbose',
        '--database',
        `postgres://app:${SECRET}@h:port/d`,
      ])
      assert.equal(status, 2)
      assert.match(stderr, /CONFIG/)
      assert.doesNotMatch(stdout + stderr, new RegExp(SECRET))
    })

    test('3.3 nobody listens, or the host is unknown', async () => {
      for (const host of ['127.0.0.1:1', 'no-such-host.invalid']) {
        const { status, document } = await json(['up', '--database', `postgres://app:${SECRET}@${host}/d`])
        assert.deepEqual([status, document.error?.code], [1, 'CONNECTION'])
        assert.match(document.error?.hint ?? '', /host/)
      }
    })

    test('3.4 there is no such database', () =>
      kind.scratch(async ({ url }) => {
        const { document } = await json(['up', '--database', `${url}_none`])
        assert.equal(document.error?.code, 'CONNECTION')
        assert.match(document.error?.message ?? '', /does not exist/)
      }))

    test('3.5 a database that may only be read', () =>
      kind.scratch(async ({ url, query, tables }) => {
        await query(
          `DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET default_transaction_read_only = on', current_database()); END $$`,
        )
        const { document } = await json(['up', '--database', url])
        assert.equal(document.error?.code, 'READ_ONLY')
        assert.equal((await json(['status', '--database', url])).document.upToDate, false)
        assert.deepEqual(await tables(), [])
      }))

    test('3.6 a user who may not make tables, or not do what a script wants', () =>
      kind.scratch(async ({ url, query, tables }) => {
        const user = `limited_${process.hrtime.bigint()}`
        await query(`CREATE ROLE ${user} LOGIN PASSWORD 'x'`)
        await query('REVOKE CREATE ON SCHEMA public FROM public')
        try {
          const limited = new URL(url)
          limited.username = user
          limited.password = 'x'
          assert.equal((await json(['up', '--database', limited.href])).document.error?.code, 'PERMISSION')
          assert.deepEqual(await tables(), [])
          await query(`GRANT CREATE ON SCHEMA public TO ${user}`)
          await withFolder(async (dir) => {
            for (const { name, sql } of scripts({ '1_a': `${A}\nCREATE ROLE another;` }))
              writeFileSync(join(dir, name), sql)
            const { document } = await json(['up', '--database', limited.href, '--dir', dir])
            assert.deepEqual([document.error?.code, document.error?.line], ['PERMISSION', 2])
          })
          assert.deepEqual(await tables(), [])
        } finally {
          await query(`DROP OWNED BY ${user}; DROP ROLE ${user}`)
        }
      }))
  })
}
