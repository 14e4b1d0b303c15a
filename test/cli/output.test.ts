import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { describe, test } from 'node:test'
import { batchProgress, bytesProgress, errorText } from '../../src/cli/output.ts'
import { MigrateError } from '../../src/index.ts'
import { KINDS, withFolder } from '../matrix.ts'
import { json, run, start } from '../process.ts'

describe('1 without a database of its own', () => {
  test('1.1 up makes ./data/nexflow.db with the whole schema, and the second time has nothing to do', () =>
    withFolder(async (cwd) => {
      const first = await run(['up'], { cwd })
      assert.equal(first.status, 0)
      assert.equal(
        first.stdout,
        'applied 000001_init_schema\napplied 000002_add_indexes\napplied 000003_add_user_metadata\ndata/nexflow.db: 3 migrations applied\n',
      )
      assert.match(first.stderr, /^applying 000001_init_schema \(1 of 3\)\n/)
      assert.ok(existsSync(join(cwd, 'data', 'nexflow.db')))
      const second = await run(['up'], { cwd })
      assert.deepEqual(
        { ...second },
        { status: 0, stdout: 'data/nexflow.db: nothing to do, everything is applied\n', stderr: '' },
      )
    }))

  test('1.2 status --check exits with 3 until everything is applied', () =>
    withFolder(async (cwd) => {
      assert.equal((await run(['status'], { cwd })).status, 0)
      assert.equal((await run(['status', '--check'], { cwd })).status, 3)
      await run(['up'], { cwd })
      const { status, stdout } = await run(['status', '--check'], { cwd })
      assert.equal(status, 0)
      assert.match(stdout, /^000001_init_schema {8}applied {7}\d{4}-.*Z$/m)
      assert.match(stdout, /up to date \(3 applied\)\n$/)
    }))

  test('1.4 verify exits with 3 where something fails, and says where', () =>
    withFolder(async (cwd) => {
      const fine = await run(['verify', '--dialect', 'sqlite'], { cwd })
      assert.equal(fine.status, 0)
      assert.match(fine.stdout, /^ {26}sqlite\n000001_init_schema {8}reversible\n/)
      assert.match(fine.stdout, /\n3 migrations verified \(3 reversible\)\n$/)
      mkdirSync(join(cwd, 'migrations'))
      const write = (name: string, sql: string) => writeFileSync(join(cwd, 'migrations', name), sql)
      write('1_a.up.sql', 'CREATE TABLE a (id INTEGER PRIMARY KEY)')
      write('1_a.down.sql', 'DROP TABLE a')
      write('2_b.up.sql', 'ALTER TABLE a ADD COLUMN b TEXT NOT NULL')
      write('2_b.down.sql', 'ALTER TABLE a DROP COLUMN b')
      const found = await run(['verify', '--dialect', 'sqlite', '--dir', 'migrations'], { cwd })
      assert.equal(found.status, 3)
      assert.equal(
        found.stdout,
        [
          '     sqlite',
          '1_a  reversible',
          '2_b  fails',
          '',
          '2_b, sqlite: fails',
          '  works on empty tables, fails on rows: Cannot add a NOT NULL column with default value NULL',
          '  at migrations/2_b.up.sql:1:1',
          '    1 | ALTER TABLE a ADD COLUMN b TEXT NOT NULL',
          '      | ^',
          '',
          '2 migrations verified (1 reversible, 1 fails)',
          '',
        ].join('\n'),
      )
      const only = await run(['verify', '2', '--dialect', 'sqlite', '--dir', 'migrations', '--json'], { cwd })
      assert.equal(JSON.parse(only.stdout).migrations[0].sqlite.error.line, 1)
      assert.equal((await run(['verify', '--dialect', 'mysql'], { cwd })).status, 2)
      const both = await run(['verify', '2', '--dir', 'migrations'], { cwd })
      assert.match(both.stdout, /^ {5}sqlite {4}postgres\n2_b {2}fails {5}fails\n\n2_b, sqlite: fails\n/)
      assert.equal(new Set(both.stderr.trim().split('\n')).size, 1)
      assert.equal(both.stderr.match(/applying 2_b/g)?.length, 2, 'on tables with rows, and on others')
    }))

  test('1.3 new and up in a folder of one’s own', () =>
    withFolder(async (cwd) => {
      const made = await run(['new', 'add', 'email', '--neutral'], { cwd })
      assert.equal(
        made.stdout,
        'wrote migrations/000001_add_email.up.sql\nwrote migrations/000001_add_email.down.sql\napply it with: nexflow-migrate up --dir migrations\n',
      )
      writeFileSync(join(cwd, 'migrations/000001_add_email.up.sql'), 'CREATE TABLE a (id INTEGER)')
      writeFileSync(join(cwd, 'migrations/000001_add_email.down.sql'), 'DROP TABLE a')
      assert.equal((await run(['up', '--dir', 'migrations'], { cwd })).status, 0)
      assert.match(
        (await run(['down', '--dir', 'migrations', '--dry-run'], { cwd })).stdout,
        /^-- would roll back 000001_add_email \(migrations\/000001_add_email\.down\.sql\)\nDROP TABLE a\n/,
      )
      assert.match(
        (await run(['down', '--dir', 'migrations'], { cwd })).stdout,
        /^rolled back 000001_add_email\n/,
      )
      assert.match((await run(['down', '--dir', 'migrations'], { cwd })).stdout, /nothing to do/)
    }))

  test('1.4 --quiet says nothing, --json one document whatever happens', () =>
    withFolder(async (cwd) => {
      assert.deepEqual({ ...(await run(['up', '--quiet'], { cwd })) }, { status: 0, stdout: '', stderr: '' })
      for (const args of [
        ['up'],
        ['status'],
        ['down'],
        ['up', '--dry-run'],
        ['up', '--nonsense'],
        ['down', '--all', '--to', '1'],
        ['new', 'a', '--dir', 'm'],
        ['--help'],
        ['up', '--help'],
        ['--version'],
        [],
      ]) {
        const { stdout } = await run([...args, '--json'], { cwd })
        assert.match(stdout, /^\{.*\}\n$/)
        assert.equal(typeof JSON.parse(stdout), 'object')
      }
    }))

  test('1.5 a file that is not there is called by its name, and is not made', () =>
    withFolder(async (cwd) => {
      assert.match(
        (await run(['status', '--database', 'none.db'], { cwd })).stdout,
        /^none\.db: not up to date \(3 pending\)$/m,
      )
      assert.equal(existsSync(join(cwd, 'none.db')), false)
    }))

  test('1.6 the settings come from the option, the environment, .env and config.yml', () =>
    withFolder(async (cwd) => {
      writeFileSync(join(cwd, 'config.yml'), 'database: { type: sqlite, path: "${WHERE}/config.db" }')
      writeFileSync(join(cwd, '.env'), 'WHERE=there\n')
      const where = async (args: string[], env: Record<string, string> = {}) =>
        ((await json(['status', ...args], { cwd, env })).document as { database?: string }).database
      await run(['up'], { cwd })
      assert.ok(existsSync(join(cwd, 'there/config.db')))
      await run(['up'], { cwd, env: { DATABASE_URL: 'sqlite:env.db' } })
      await run(['up', '--database', 'option.db'], { cwd, env: { DATABASE_URL: 'sqlite:env.db' } })
      assert.equal(await where([]), 'there/config.db')
      assert.equal(await where([], { DATABASE_URL: 'env.db' }), 'env.db')
      assert.equal(await where(['--database', 'option.db'], { DATABASE_URL: 'env.db' }), 'option.db')
    }))
})

describe('2 help', () => {
  test('2.1 lists every command, and every option of a command', async () => {
    const { stdout, status } = await run(['--help'])
    assert.equal(status, 0)
    for (const word of ['up [ID]', 'down [ID]', 'status', 'new NAME', '--database URL', '--json'])
      assert.ok(stdout.includes(word), word)
    const up = await run(['up', '--help'])
    for (const option of [
      '--to ID',
      '--steps N',
      '--dry-run',
      '--transaction',
      '--lock-timeout',
      '--allow-out-of-order',
      '--dir',
    ]) {
      assert.ok(up.stdout.includes(option), option)
    }
    assert.equal((await run([])).status, 2)
    assert.match((await run(['--version'])).stdout, /^\d+\.\d+\.\d+\n$/)
  })

  test('2.2 options may stand before the command', () =>
    withFolder(async (cwd) => {
      const { document } = await json(['--steps', '1', '--database', 'a.db', 'up'], { cwd })
      assert.equal(document.applied?.length, 1)
    }))
})

describe('3 who reads', () => {
  test('3.1 colors only on a terminal, and not with NO_COLOR', () => {
    const error = new MigrateError('SQL', 'words', {
      file: 'a.sql',
      line: 2,
      column: 3,
      excerpt: '2 | x\n  | ^',
      hint: 'do this',
      done: ['1_a'],
    })
    assert.equal(
      errorText(error, false),
      'error SQL: words\n  at a.sql:2:3\n    2 | x\n      | ^\n  1 migration before it succeeded and stay: 1_a\n  next: do this\n',
    )
  })

  test('3.2 a reader that has seen enough', () =>
    withFolder(async (cwd) => {
      const child = start(['status'], { cwd })
      child.stdout?.destroy()
      if (child.stderr === null) throw new Error('the process has no output')
      const [stderr, [code]] = await Promise.all([text(child.stderr), once(child, 'exit')])
      assert.deepEqual([stderr, code], ['', 0])
    }))

  test('3.3 on a terminal progress is a live line that goes away', async (t) =>
    withFolder(async (cwd) => {
      const bin = join(import.meta.dirname, '../../src/cli/bin.ts')
      const command = `${process.execPath} ${bin} up --database a.db`
      // script(1) gives a terminal.
      const child = spawn('script', ['-qec', command, '/dev/null'], {
        cwd,
        stdio: ['ignore', 'pipe', 'inherit'],
      })
      child.on('error', () => t.skip('there is no script(1) on this machine'))
      const shown = await text(child.stdout)
      if (shown === '') return
      assert.ok(shown.includes('applying 000001_init_schema (1 of 3)\r\x1b[2K'), shown)
      assert.match(shown, /3 migrations applied/)
    }))
})

test('3.4 long work in bytes: how much of how much, how fast, and no more often than it is to be said', () => {
  let time = 0
  const text = bytesProgress(2000, () => time)
  const event = { type: 'bytes', what: 'backup', total: 4e9 } as const
  assert.equal(text({ ...event, done: 1e9 }), undefined)
  time = 1999
  assert.equal(text({ ...event, done: 1e9 }), undefined)
  time = 2000
  assert.equal(text({ ...event, done: 1e9 }), 'backing up: 1.00 GB of 4.00 GB, 500 MB/s')
  time = 3000
  assert.equal(text({ ...event, done: 2e9 }), undefined)
  time = 4000
  assert.equal(text({ type: 'bytes', what: 'backup', done: 800 }), 'backing up: 800 bytes, 200 bytes/s')
  assert.equal(text({ type: 'bytes', what: 'verify', done: 1 }), undefined)
})

test('3.5 work in batches: how many rows of how many, how fast, and how long it will take', () => {
  let time = 0
  const text = batchProgress(2000, () => time)
  const event = { type: 'batch', id: '2_b', statement: 1, statements: 1, total: 1e6, exact: true } as const
  assert.equal(text({ ...event, done: 1000, rate: 1000, left: 999 }), undefined)
  time = 2000
  assert.equal(
    text({ ...event, done: 3000, rate: 1500.4, left: 664.6 }),
    '2_b: 3,000 of 1,000,000 rows, 1,500 rows/s, 11 min 5 s left',
  )
  time = 3999
  assert.equal(text({ ...event, done: 4000, rate: 1500, left: 664 }), undefined)
  time = 4000
  assert.equal(
    text({ ...event, statement: 2, statements: 3, exact: false, done: 1e6 - 1, rate: 5, left: 0.2 }),
    '2_b, statement 2 of 3: 999,999 of about 1,000,000 rows, 5 rows/s, 1 s left',
  )
  time = 6000
  assert.match(text({ ...event, done: 1, rate: 100, left: 10_000 }) ?? '', /, 2 h 46 min left$/)
})

describe('4 which Node', () => {
  test('4.1 an older one is told what is needed, in one line', async () => {
    const bin = join(import.meta.dirname, '../../src/cli/bin.ts')
    const older = `data:text/javascript,Object.defineProperty(process.versions, 'node', { value: '20.20.2' })`
    for (const [args, says] of [
      [['up'], /^nexflow-migrate needs Node 24\.10 or newer and this is 20\.20\.2: install .*\n$/],
      [['up', '--json'], /^\{"error":\{"code":"NODE_VERSION".*\}\}\n$/],
    ] as const) {
      const child = spawn(process.execPath, ['--import', older, bin, ...args], {
        stdio: ['ignore', 'pipe', 'pipe'],
      })
      const [stdout, stderr, [code]] = await Promise.all([
        text(child.stdout),
        text(child.stderr),
        once(child, 'exit'),
      ])
      assert.match(stdout + stderr, says)
      assert.equal(code, 1)
    }
  })
})

for (const kind of KINDS) {
  describe(`5 errors as people read them, ${kind.label}`, () => {
    test('5.1 the file, the line, the statement with a caret, the database’s words, what to do next', () =>
      kind.scratch(({ url }) =>
        withFolder(async (cwd) => {
          mkdirSync(join(cwd, 'm'))
          writeFileSync(join(cwd, 'm/000001_a.sql'), 'CREATE TABLE a (id int);')
          const wrong = kind.dialect === 'sqlite' ? 'DEFAULT now()' : "DEFAULT datetime('now')"
          writeFileSync(
            join(cwd, 'm/000002_b.up.sql'),
            `-- two\nCREATE TABLE b (\n  id int,\n  t text ${wrong}\n);\n`,
          )
          const { status, stdout, stderr } = await run(['up', '--quiet', '--dir', 'm', '--database', url], {
            cwd,
          })
          assert.deepEqual([status, stdout], [1, ''])
          const lines = stderr.split('\n')
          assert.match(lines[0] ?? '', /^error SQL: /)
          assert.match(lines[1] ?? '', /^ {2}at m\/000002_b\.up\.sql:4:\d+$/)
          assert.deepEqual(lines.slice(2, 4), ['    2 | CREATE TABLE b (', '    3 |   id int,'])
          assert.match(lines[5] ?? '', /^ {6}\| +\^$/)
          assert.equal(lines[6], '  1 migration before it succeeded and stay: 000001_a')
          assert.match(
            lines[7] ?? '',
            /^ {2}next: .*000002_b\.sqlite\.up\.sql and 000002_b\.postgres\.up\.sql$/,
          )
        }),
      ))
  })
}
