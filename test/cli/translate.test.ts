import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { describe, test } from 'node:test'
import { KINDS, withFolder } from '../matrix.ts'
import { BIN, run } from '../process.ts'

const kind = KINDS.findLast(({ dialect }) => dialect === 'postgres')
if (kind === undefined) throw new Error('there is no PostgreSQL')

const ONE = { '1_a.sqlite.sql': 'CREATE TABLE users (nick TEXT)', '1_a.sqlite.down.sql': 'DROP TABLE users' }
const BOTH = {
  ...ONE,
  '1_a.postgres.sql': 'CREATE TABLE users (nick text)',
  '1_a.postgres.down.sql': 'DROP TABLE users',
}

/** A folder with migrations and a wanted schema, and a server for shadow databases. */
function inProject(
  files: Readonly<Record<string, string>>,
  work: (cwd: string, env: Record<string, string>) => Promise<void>,
): Promise<void> {
  return (kind as NonNullable<typeof kind>).scratch(({ url }) =>
    withFolder(async (cwd) => {
      mkdirSync(join(cwd, 'migrations'))
      for (const [name, sql] of Object.entries(files)) writeFileSync(join(cwd, 'migrations', name), sql)
      writeFileSync(join(cwd, 'schema.sql'), 'CREATE TABLE users (name TEXT);')
      await work(cwd, { SHADOW_DATABASE_URL: url })
    }),
  )
}

describe('1 translate', () => {
  test('1.1 says what it wrote, and exits with 3 where a person has to look', () =>
    inProject(
      { ...ONE, '2_b.sqlite.sql': "INSERT INTO users (nick) SELECT strftime('%W', 'now', 'weekday 1')" },
      async (cwd, env) => {
        const first = await run(['translate', '1_a'], { cwd, env })
        assert.deepEqual(
          [first.status, first.stdout],
          [0, 'wrote migrations/1_a.postgres.sql\nwrote migrations/1_a.postgres.down.sql\n'],
        )
        const second = await run(['translate', '2', '--to', 'postgres', '--quiet'], { cwd, env })
        assert.deepEqual([second.status, second.stdout], [3, ''])
        assert.match(readFileSync(join(cwd, 'migrations/2_b.postgres.sql'), 'utf8'), /^-- REVIEW: /)
        const third = await run(['translate', '1_a', '--json'], { cwd, env })
        assert.equal(third.status, 1)
        assert.equal(JSON.parse(third.stdout).error.code, 'DIRECTORY')
        assert.equal((await run(['translate', '1', '--to', 'mysql'], { cwd, env })).status, 2)
        assert.equal((await run(['translate'], { cwd, env })).status, 2)
      },
    ))

  test('1.2 the config file says types', () =>
    inProject(ONE, async (cwd, env) => {
      writeFileSync(
        join(cwd, 'config.yml'),
        'translate: { columns: { users.nick: citext, users.nik: text } }',
      )
      const wrong = await run(['translate', '1'], { cwd, env })
      assert.equal(wrong.status, 2)
      assert.match(
        wrong.stderr,
        /translate\.columns names users\.nik, which is in no version\n {2}next: did you mean users\.nick\?/,
      )
      writeFileSync(join(cwd, 'config.yml'), 'translate: { columns: { users.nick: uuid } }')
      assert.equal((await run(['translate', '1'], { cwd, env })).status, 0)
      assert.match(readFileSync(join(cwd, 'migrations/1_a.postgres.sql'), 'utf8'), /nick UUID/)
      writeFileSync(join(cwd, 'config.yml'), 'translate: { columns: [users.nick] }')
      assert.match(
        (await run(['translate', '1'], { cwd, env })).stderr,
        /^error CONFIG: config\.yml: translate\.columns/,
      )
    }))

  test('1.3 without a PostgreSQL it translates by the model alone, and says that nothing was run', () =>
    withFolder(async (cwd) => {
      // Of the packages, those that make no shadow databases.
      const root = join(import.meta.dirname, '../..')
      const tool = join(cwd, 'tool')
      for (const part of ['src', 'migrations', 'package.json'])
        cpSync(join(root, part), join(tool, part), { recursive: true })
      mkdirSync(join(tool, 'node_modules'))
      for (const name of ['pg', 'pg-connection-string', 'libpg-query', 'pgsql-deparser', 'yaml'])
        symlinkSync(join(root, 'node_modules', name), join(tool, 'node_modules', name))
      mkdirSync(join(cwd, 'migrations'))
      const sql =
        "CREATE TABLE users (id TEXT PRIMARY KEY NOT NULL, seen_at TEXT); UPDATE users SET seen_at = datetime('now')"
      writeFileSync(join(cwd, 'migrations/1_a.sqlite.sql'), sql)
      writeFileSync(join(cwd, 'schema.sql'), sql)
      const start = async (...args: string[]) => {
        const child = spawn(process.execPath, [join(tool, 'src/cli/bin.ts'), ...args], {
          cwd,
          env: { PATH: process.env.PATH },
          stdio: ['ignore', 'pipe', 'pipe'],
        })
        const [out, errors] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'exit')])
        return out + errors
      }
      const output = await start('translate', '1')
      assert.match(output, /wrote migrations\/1_a\.postgres\.sql\nnote: it was not run/)
      const written = readFileSync(join(cwd, 'migrations/1_a.postgres.sql'), 'utf8')
      assert.match(written, /seen_at TIMESTAMPTZ\n\);\n[\s\S]*UPDATE users SET seen_at = now\(\);/i)
      // What people may have written for PostgreSQL cannot be known.
      assert.match(await start('new', 'b', '--from', 'schema.sql'), /^error SHADOW: /)
    }))
})

describe('2 new --from', () => {
  test('2.1 without a terminal nothing is asked: the flags decide', () =>
    inProject(BOTH, async (cwd, env) => {
      const from = ['new', 'b', '--from', 'schema.sql']
      const unsure = await run(from, { cwd, env })
      assert.equal(unsure.status, 2)
      assert.match(
        unsure.stderr,
        /^error RENAME: .*users\.nick to name\?\n {2}next: give --rename users\.nick=name to keep what they hold, or --drop users\.nick to lose it\n$/,
      )
      assert.equal(readdirSync(join(cwd, 'migrations')).length, 4)
      for (const [flags, status] of [
        [['--rename', 'users.nick'], 2],
        [['--dialect', 'mysql'], 2],
        [['--neutral'], 2],
        [['--rename', 'users.nick=name'], 0],
      ] as const)
        assert.equal((await run([...from, ...flags], { cwd, env })).status, status, flags[0])
      assert.match(
        readFileSync(join(cwd, 'migrations/2_b.postgres.up.sql'), 'utf8'),
        /RENAME COLUMN nick TO name/,
      )
      const again = await run(from, { cwd, env })
      assert.deepEqual(
        [again.status, again.stdout],
        [0, 'nothing to do: the migrations make what is in schema.sql\n'],
      )
      assert.equal((await run(['new', 'b', '--rename', 'a=b'], { cwd, env })).status, 2)
    }))

  test('2.2 on a terminal it is a question; --yes answers it', async (t) => {
    for (const [answer, more, wanted] of [
      ['y\n', '', /RENAME COLUMN nick TO name/],
      ['n\n', '', /DROP COLUMN nick/],
      ['', ' --yes', /RENAME COLUMN nick TO name/],
    ] as const) {
      await inProject(BOTH, async (cwd, env) => {
        const command = `${process.execPath} ${BIN} new b --from schema.sql${more}`
        // script(1) gives a terminal.
        const child = spawn('script', ['-qec', command, '/dev/null'], {
          cwd,
          env: { PATH: process.env.PATH, ...env },
          stdio: ['pipe', 'pipe', 'inherit'],
        })
        child.on('error', () => t.skip('there is no script(1) on this machine'))
        let shown = ''
        child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
          const asked = shown.includes('[y/N]')
          shown += chunk
          if (!asked && shown.includes('[y/N]')) child.stdin.write(answer)
        })
        await once(child, 'close')
        if (shown === '') return
        assert.equal(
          /is users\.nick renamed to name; otherwise what it holds is dropped\?/.test(shown),
          answer !== '',
          shown,
        )
        assert.match(readFileSync(join(cwd, 'migrations/2_b.postgres.up.sql'), 'utf8'), wanted)
      })
    }
  })
})
