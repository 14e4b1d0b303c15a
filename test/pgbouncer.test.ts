import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, chownSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { describe, test } from 'node:test'
import pg from 'pg'
import { type Blocker, down, type ProgressEvent, up } from '../src/index.ts'
import { kill, withFiles } from './endless.ts'
import { KINDS, type Scratch, withFolder } from './matrix.ts'
import { json } from './process.ts'
import { programPath } from './programs.ts'
import { errorOf, ids, scripts } from './tools.ts'

const PROGRAM = programPath('pgbouncer')
const skip = PROGRAM === undefined && 'pgbouncer is not here'

/** It refuses to be root. */
const NOBODY = process.getuid?.() === 0 ? 65534 : undefined

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1')
  await once(probe, 'listening')
  const { port } = probe.address() as { port: number }
  probe.close()
  await once(probe, 'close')
  return port
}

/** A PgBouncer before the scratch database: each transaction may get another session. */
async function withBouncer(scratch: Scratch, work: (through: Scratch) => Promise<void>): Promise<void> {
  await withFolder(async (folder) => {
    const { hostname, port, username, password, pathname } = new URL(scratch.url)
    const own = await freePort()
    const config = join(folder, 'pgbouncer.ini')
    const users = join(folder, 'users.txt')
    writeFileSync(users, `"${username}" "${password}"\n`)
    writeFileSync(
      config,
      `[databases]\n* = host=${hostname} port=${port}\n[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = ${own}
pool_mode = transaction\nauth_type = plain\nauth_file = ${users}\nunix_socket_dir =\ndefault_pool_size = 120
max_client_conn = 300\nignore_startup_parameters = extra_float_digits\n`,
    )
    chmodSync(folder, 0o755)
    if (NOBODY !== undefined) for (const file of [folder, config, users]) chownSync(file, NOBODY, NOBODY)
    const bouncer = spawn(PROGRAM ?? '', [config], {
      stdio: ['ignore', 'ignore', 'pipe'],
      ...(NOBODY !== undefined && { uid: NOBODY, gid: NOBODY }),
    })
    try {
      await ready(bouncer)
      await work({ ...scratch, url: `postgres://${username}:${password}@127.0.0.1:${own}${pathname}` })
    } finally {
      const ended = once(bouncer, 'exit')
      bouncer.kill('SIGKILL')
      await ended
    }
  })
}

async function ready({ stderr }: ChildProcess): Promise<void> {
  if (stderr === null) throw new Error('the process has no output')
  const said: string[] = []
  for await (const line of createInterface(stderr)) {
    said.push(line)
    if (line.includes('process up')) {
      stderr.resume()
      return
    }
  }
  throw new Error(`pgbouncer did not start:\n${said.join('\n')}`)
}

const A = 'CREATE TABLE a (id INTEGER PRIMARY KEY, note TEXT);\n'
const B = 'CREATE TABLE b (id INTEGER PRIMARY KEY);\n'
const INDEX =
  '-- migrate: no-transaction\nCREATE INDEX CONCURRENTLY a_note ON a (note);\nINSERT INTO b VALUES (1);'

for (const kind of KINDS.filter(({ dialect }) => dialect === 'postgres')) {
  describe(`PgBouncer in transaction mode, ${kind.label}`, { skip, concurrency: true }, () => {
    test('1 up, and down with what it keeps', () =>
      kind.scratch((scratch) =>
        withBouncer(scratch, async ({ url: database, query, tables }) => {
          const migrations = scripts({
            '1_a': A,
            '1_a.down': 'DROP TABLE a',
            '2_b': B,
            '2_b.down': 'DROP TABLE b',
            '3_i': INDEX,
            '3_i.down': 'DELETE FROM b; DROP INDEX a_note',
          })
          assert.deepEqual(ids((await up({ database, migrations })).applied), ['1_a', '2_b', '3_i'])
          await query(`INSERT INTO a VALUES (1, 'kept')`)
          const { rolledBack, stashed } = await down({ database, migrations, all: true })
          assert.deepEqual([ids(rolledBack), stashed.length], [['3_i', '2_b', '1_a'], 1])
          assert.deepEqual(await tables(), [])
          await up({ database, migrations })
          assert.deepEqual(await query('SELECT note FROM a'), [{ note: 'kept' }])
          assert.equal((await query('SELECT * FROM b')).length, 1)
        }),
      ))

    test('2 twenty at once: one applies everything, the others find nothing to do', () =>
      kind.scratch((scratch) =>
        withBouncer(scratch, ({ url, query }) =>
          withFiles({ '1_a.sql': A, '2_b.sql': B, '3_i.sql': INDEX }, async (dir) => {
            const runs = await Promise.all(
              Array.from({ length: 20 }, () => json(['up', '--database', url, '--dir', dir])),
            )
            assert.deepEqual(
              runs.flatMap(({ document }) => document.error ?? []),
              [],
            )
            assert.deepEqual(runs.map(({ document }) => document.applied?.length).sort(), [
              ...Array(19).fill(0),
              3,
            ])
            const [row] = await query(`SELECT indisvalid FROM pg_index WHERE indexrelid = 'a_note'::regclass`)
            assert.equal(row?.indisvalid, true)
          }),
        ),
      ))

    test('3 one is killed in a script, and the next one goes on', () =>
      kind.scratch((scratch) =>
        withBouncer(scratch, (through) =>
          withFiles({ '1_a.sql': A, '2_b.sql': `${B}SELECT pg_sleep(600);` }, async (dir) => {
            await kill(['up', '--dir', dir], through, 'postgres')
            writeFileSync(join(dir, '2_b.sql'), B)
            assert.deepEqual(
              ids((await up({ database: through.url, migrations: dir, lockTimeout: 10_000 })).applied),
              ['2_b'],
            )
            assert.deepEqual(await through.tables(), ['a', 'b'])
          }),
        ),
      ))

    test('4 the session that holds the lock is ended between two migrations', () =>
      kind.scratch((scratch) =>
        withBouncer(scratch, async ({ url: database, tables }) => {
          const sql = `${A}SELECT pg_terminate_backend(pid) FROM pg_stat_activity
            WHERE datname = current_database() AND state = 'idle in transaction';`
          const migrations = scripts({ '1_a': sql, '2_b': B })
          const error = await errorOf(up({ database, migrations }))
          assert.equal(error.code, 'LOCK_LOST')
          assert.deepEqual(await tables(), ['a'])
          assert.deepEqual(ids((await up({ database, migrations })).applied), ['2_b'])
        }),
      ))

    test('5 others keep the locks that it needs: it says who, and goes on when they are gone', () =>
      kind.scratch((scratch) =>
        withBouncer(scratch, async ({ url: database, query, tables }) => {
          await query(A)
          const session = new pg.Client({
            connectionString: scratch.url,
            application_name: 'the application',
          })
          await session.connect()
          const blockers: (readonly Blocker[])[] = []
          const free = (event: ProgressEvent) => {
            if (event.type !== 'waiting' || event.blockers === undefined) return
            blockers.push(event.blockers)
            void session.query('COMMIT')
          }
          for (const directive of ['', '-- migrate: no-transaction\n']) {
            await session.query('BEGIN; SELECT FROM a')
            const limits = `SELECT current_setting('lock_timeout') AS lock, current_setting('statement_timeout') AS statement`
            const table = directive === '' ? 'inside' : 'outside'
            const sql = `${directive}ALTER TABLE a ADD COLUMN ${table} int; CREATE TABLE ${table} AS ${limits};`
            const migrations = scripts({ [`2_${table}`]: sql })
            await up({
              database,
              migrations,
              allowOutOfOrder: true,
              onProgress: free,
              statementTimeout: 60_000,
            })
            await query('DELETE FROM schema_migrations')
            assert.deepEqual(await query(`SELECT * FROM ${table}`), [{ lock: '2s', statement: '1min' }])
          }
          assert.deepEqual(
            blockers.map(([blocker]) => blocker?.application),
            ['the application', 'the application'],
          )
          // Nothing of it stays with a session that others are given.
          assert.deepEqual(await query(`SELECT current_setting('lock_timeout') AS lock`), [{ lock: '0' }])
          const error = await errorOf(
            up({ database, migrations: scripts({ '3_i': INDEX }), statementTimeout: 60_000 }),
          )
          assert.equal(error.code, 'NOT_IN_TRANSACTION')
          await session.query('BEGIN; SELECT FROM a')
          const late = await errorOf(
            up({
              database,
              migrations: scripts({ '4_a': 'DROP TABLE a' }),
              interrupted: 'restart',
              tableLockTimeout: 200,
              maxWait: 400,
            }),
          )
          assert.equal(late.code, 'BLOCKED')
          await session.end()
          assert.deepEqual(await tables(), ['a', 'inside', 'outside'])
        }),
      ))
  })
}
