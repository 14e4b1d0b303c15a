import assert from 'node:assert/strict'
import { execFileSync, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { connect, createServer, type Socket } from 'node:net'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { describe, type TestContext, test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import pg from 'pg'
import { type Dialect, MigrateError, up } from '../src/index.ts'
import { ENDLESS, kill, reached, withFiles } from './endless.ts'
import { KINDS, type Scratch, withFolder } from './matrix.ts'
import { start } from './process.ts'
import { onServer, withServer } from './servers.ts'
import { errorOf, ids, scripts } from './tools.ts'

const A = 'CREATE TABLE a (id INTEGER PRIMARY KEY);\n'
const B = 'CREATE TABLE b (id INTEGER PRIMARY KEY);\n'
const AB = scripts({ '1_a': A, '2_b': B })

/** The first migration is there and the second is not, and the next run goes on. */
async function between({ url: database, tables }: Scratch, migrations = AB): Promise<void> {
  assert.deepEqual(await tables(), ['a'])
  assert.deepEqual(ids((await up({ database, migrations })).applied), ['2_b'])
  assert.deepEqual(await tables(), ['a', 'b'])
}

/** What a process says at its end: exit status and stderr. */
async function endOf(child: ReturnType<typeof start>): Promise<{ status: number | null; stderr: string }> {
  let stderr = ''
  child.stderr?.on('data', (data) => {
    stderr += data
  })
  const [status] = await once(child, 'close')
  return { status, stderr }
}

/** A small file system, where this user may mount one. */
async function onSmallDisk(context: TestContext, work: (folder: string) => Promise<void>): Promise<void> {
  await withFolder(async (folder) => {
    const small = join(folder, 'small')
    mkdirSync(small)
    try {
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=2m,mode=777', 'tmpfs', small], { stdio: 'ignore' })
    } catch {
      return context.skip('no file system can be mounted here')
    }
    try {
      await work(small)
    } finally {
      execFileSync('umount', [small])
    }
  })
}

/** SQLite keeps its thread until a script has ended. PostgreSQL takes back what runs. */
const BUSY: Record<Dialect, string> = {
  sqlite: ENDLESS.sqlite.sql.replace(
    'SELECT i + 1 FROM n) SELECT',
    'SELECT i + 1 FROM n LIMIT 5000000) SELECT',
  ),
  postgres: ENDLESS.postgres.sql,
}

for (const kind of KINDS) {
  const { dialect, label } = kind

  describe(`1 asked to stop, ${label}`, { concurrency: true }, () => {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
      test(`1.1 ${signal} in a migration finishes it or takes it back, and ends with 130`, () =>
        kind.scratch((scratch) =>
          withFiles(
            { '1_a.sql': A, '2_b.sql': B + BUSY[dialect], '3_c.sql': 'CREATE TABLE c (id int);' },
            async (dir) => {
              const child = start(['up', '--database', scratch.url, '--dir', dir])
              const ended = endOf(child)
              await reached(child, scratch, dialect)
              child.kill(signal)
              const { status, stderr } = await ended
              assert.equal(status, 130, stderr)
              assert.match(stderr, new RegExp(`${signal}: stopping`))
              assert.match(stderr, /error ABORTED: stopped on request/)
              const finished = dialect === 'sqlite' ? ['a', 'b', 'filler'] : ['a']
              assert.deepEqual(await scratch.tables(), finished)
              if (dialect === 'postgres') writeFileSync(join(dir, '2_b.sql'), B)
              await up({ database: scratch.url, migrations: dir })
              assert.ok((await scratch.tables()).includes('c'))
            },
          ),
        ))
    }

    test('1.2 while it waits for the lock', () =>
      kind.scratch((scratch) =>
        withFiles({ '1_a.sql': A + ENDLESS[dialect].sql }, async (dir) => {
          const holder = start(['up', '--database', scratch.url, '--dir', dir])
          await reached(holder, scratch, dialect)
          const waiter = start(['up', '--json', '--database', scratch.url, '--dir', dir])
          const ended = endOf(waiter)
          if (waiter.stderr) await once(waiter.stderr, 'data')
          waiter.kill('SIGINT')
          assert.equal((await ended).status, 130)
          const gone = once(holder, 'exit')
          holder.kill('SIGKILL')
          await gone
        }),
      ))

    test('1.3 nobody reads its output any more, and it goes on', () =>
      kind.scratch((scratch) =>
        withFiles({ '1_a.sql': A, '2_b.sql': B }, async (dir) => {
          const child = start(['up', '--database', scratch.url, '--dir', dir])
          child.stdout?.destroy()
          child.stderr?.destroy()
          assert.deepEqual(await once(child, 'exit'), [0, null])
          assert.deepEqual(await scratch.tables(), ['a', 'b'])
        }),
      ))

    test('1.4 its terminal is closed: nothing to write to any more, and SIGHUP', () =>
      kind.scratch((scratch) =>
        withFiles(
          { '1_a.sql': A, '2_b.sql': B + BUSY[dialect], '3_c.sql': 'CREATE TABLE c (id int);' },
          async (dir) => {
            const child = start(['up', '--database', scratch.url, '--dir', dir])
            const ended = once(child, 'exit')
            await reached(child, scratch, dialect)
            child.stdout?.destroy()
            child.stderr?.destroy()
            child.kill('SIGHUP')
            assert.deepEqual(await ended, [130, null])
            assert.deepEqual(await scratch.tables(), dialect === 'sqlite' ? ['a', 'b', 'filler'] : ['a'])
          },
        ),
      ))
  })
}

describe('2 SQLite', { concurrency: true }, () => {
  const [kind] = KINDS
  if (kind === undefined) throw new Error('there is no SQLite')

  test('2.1 the lock file is removed between two migrations', () =>
    kind.scratch(async (scratch) => {
      const { url: database } = scratch
      const onProgress = ({ type }: { type: string }) => {
        if (type === 'finished') rmSync(`${database.slice('sqlite:'.length)}.migrate-lock`)
      }
      const error = await errorOf(up({ database, migrations: AB, onProgress }))
      assert.equal(error.code, 'LOCK_LOST')
      assert.deepEqual(error.details.done, ['1_a'])
      await between(scratch)
    }))

  test('2.2 another program keeps the database', () =>
    kind.scratch(async (scratch) => {
      const database = scratch.url.slice('sqlite:'.length)
      await up({ database, migrations: AB.slice(0, 1) })
      const other = new DatabaseSync(database)
      other.exec('BEGIN IMMEDIATE')
      const error = await errorOf(up({ database, migrations: AB }))
      other.close()
      assert.equal(error.code, 'BUSY')
      assert.match(error.hint ?? '', /another program is writing/)
      await between(scratch)
    }))

  test('2.3 another program writes all the time', () =>
    kind.scratch(async (scratch) => {
      const database = scratch.url.slice('sqlite:'.length)
      await up({ database, migrations: AB.slice(0, 1) })
      const code = `
        const { DatabaseSync } = require('node:sqlite')
        const database = new DatabaseSync(process.argv[1], { timeout: 20_000 })
        const insert = database.prepare('INSERT INTO a DEFAULT VALUES')
        insert.run()
        console.log('begun')
        for (;;) insert.run()`
      const writer = spawn(process.execPath, ['-e', code, database], { stdio: ['ignore', 'pipe', 'inherit'] })
      await once(writer.stdout, 'data')
      const ended = once(writer, 'exit')
      try {
        await up({ database, migrations: AB })
      } finally {
        writer.kill('SIGKILL')
        await ended
      }
      assert.deepEqual(await scratch.tables(), ['a', 'b'])
    }))

  test('2.4 the disk is full', (context) =>
    onSmallDisk(context, async (folder) => {
      const database = join(folder, 'app.db')
      await up({ database, migrations: AB.slice(0, 1) })
      const fill = `WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 4000) INSERT INTO b SELECT i, randomblob(1000) FROM n`
      const full = scripts({ '1_a': A, '2_b': `CREATE TABLE b (id INTEGER PRIMARY KEY, data BLOB); ${fill}` })
      const error = await errorOf(up({ database, migrations: full }))
      assert.equal(error.code, 'DATABASE')
      assert.match(`${error.message} ${error.hint}`, /full.*free some space/)
      assert.deepEqual(ids((await up({ database, migrations: AB })).applied), ['2_b'])
    }))

  test('2.5 the file system is read-only', (context) =>
    onSmallDisk(context, async (folder) => {
      const database = join(folder, 'app.db')
      await up({ database, migrations: AB.slice(0, 1) })
      execFileSync('mount', ['-o', 'remount,ro', folder])
      const error = await errorOf(up({ database, migrations: AB }))
      execFileSync('mount', ['-o', 'remount,rw', folder])
      assert.equal(error.code, 'READ_ONLY')
      assert.match(error.hint ?? '', /mount it/)
      assert.deepEqual(ids((await up({ database, migrations: AB })).applied), ['2_b'])
    }))
})

/** A way to a server that can be cut. */
async function withProxy(url: string, work: (url: string, cut: () => void) => Promise<void>): Promise<void> {
  const { port, hostname } = new URL(url)
  const sockets = new Set<Socket>()
  const proxy = createServer((near) => {
    const far = connect(Number(port), hostname)
    for (const [one, other] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(one)
      one.on('error', () => {})
      one.on('close', () => other.destroy())
      one.pipe(other)
    }
  })
  proxy.listen(0, '127.0.0.1')
  await once(proxy, 'listening')
  const through = new URL(url)
  through.port = String((proxy.address() as { port: number }).port)
  const cut = () => {
    for (const socket of sockets) socket.resetAndDestroy()
  }
  try {
    await work(through.href, cut)
  } finally {
    cut()
    proxy.close()
  }
}

const SLEEP = scripts({ '1_a': A, '2_b': `${B}SELECT pg_sleep(60);` })

async function asleep({ query }: Scratch): Promise<void> {
  const sleeping = `SELECT 1 FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND datname = current_database()`
  while ((await query(sleeping)).length === 0) await pause(10)
}

for (const kind of KINDS.filter(({ dialect }) => dialect === 'postgres')) {
  describe(`3 ${kind.label}`, { concurrency: true }, () => {
    test('3.1 killed in a long statement, the lock is free in under 1.5 s', () =>
      kind.scratch((scratch) =>
        withFiles({ '1_a.sql': A, '2_b.sql': `${B}SELECT pg_sleep(60);` }, async (dir) => {
          await kill(['up', '--dir', dir], scratch, 'postgres')
          const start = performance.now()
          await between(scratch)
          assert.ok(performance.now() - start < 1500, `${performance.now() - start} ms`)
        }),
      ))

    test('3.2 a script gives the lock away, and somebody else takes it', () =>
      kind.scratch(async (scratch) => {
        const other = new pg.Client(scratch.url)
        await other.connect()
        const sql = `${A}SELECT pg_advisory_unlock_all();
          DO $$ BEGIN WHILE NOT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND NOT granted
            AND database = (SELECT oid FROM pg_database WHERE datname = current_database())) LOOP PERFORM pg_sleep(0.01); END LOOP; END $$;`
        const onProgress = ({ type }: { type: string }) => {
          if (type === 'started')
            other
              .query(`SELECT pg_advisory_lock(hashtextextended('"public"."schema_migrations"', 0))`)
              .catch(() => {})
        }
        const migrations = scripts({ '1_a': sql, '2_b': B })
        const error = await errorOf(up({ database: scratch.url, migrations, onProgress }))
        await other.end()
        assert.equal(error.code, 'LOCK_LOST')
        assert.deepEqual(error.details.done, ['1_a'])
        await between(scratch, migrations)
      }))

    test('3.3 the server ends the connection between two migrations', () =>
      kind.scratch(async (scratch) => {
        const code = `import('pg').then(async ({ default: pg }) => {
          const client = new pg.Client(process.argv[1])
          await client.connect()
          await client.query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()")
          await client.end() })`
        const onProgress = ({ type }: { type: string }) => {
          if (type === 'finished')
            spawnSync(process.execPath, ['-e', code, scratch.url], { stdio: 'inherit' })
        }
        const error = await errorOf(up({ database: scratch.url, migrations: AB, onProgress }))
        assert.equal(error.code, 'CONNECTION')
        assert.match(error.hint ?? '', /run the same command again/)
        await between(scratch)
      }))

    test('3.4 the network cuts the connection', () =>
      kind.scratch((scratch) =>
        withProxy(scratch.url, async (database, cut) => {
          const failed = errorOf(up({ database, migrations: SLEEP }))
          await asleep(scratch)
          cut()
          const error = await failed
          assert.equal(error.code, 'CONNECTION')
          assert.match(error.hint ?? '', /run the same command again/)
          await between(scratch)
        }),
      ))

    test('3.5 statement_timeout', () =>
      kind.scratch(async (scratch) => {
        const database = `${scratch.url}?options=-cstatement_timeout%3D300`
        const error = await errorOf(up({ database, migrations: SLEEP }))
        assert.deepEqual([error.code, error.line], ['SQL', 2])
        assert.match(error.message, /statement timeout/)
        assert.match(error.hint ?? '', /statement_timeout/)
        await between(scratch)
      }))

    test('3.6 the server has no connection left', () =>
      kind.scratch(async (scratch) => {
        await up({ database: scratch.url, migrations: AB.slice(0, 1) })
        const user = `crowd_${process.hrtime.bigint()}`
        await scratch.query(`CREATE ROLE ${user} LOGIN PASSWORD 'x' CONNECTION LIMIT 0`)
        const crowded = new URL(scratch.url)
        crowded.username = user
        crowded.password = 'x'
        const error = await errorOf(up({ database: crowded.href, migrations: AB }))
        await scratch.query(`DROP ROLE ${user}`)
        assert.equal(error.code, 'CONNECTION')
        assert.match(error.hint ?? '', /max_connections/)
        await between(scratch)
      }))
  })
}

test('4 the server crashes and starts again', () =>
  withServer(18, ['-c', 'fsync=off'], async ({ url }) => {
    const database = `${url}/postgres`
    const failed = up({ database, migrations: SLEEP }).then(
      () => assert.fail('it has come through'),
      (error: unknown) => error,
    )
    const sleeping = `SELECT pid FROM pg_stat_activity WHERE wait_event = 'PgSleep'`
    let pid: unknown
    while (pid === undefined) [{ pid } = { pid: undefined }] = await onServer(database, sleeping)
    process.kill(Number(pid), 'SIGKILL')
    const error = await failed
    assert.ok(error instanceof MigrateError)
    assert.equal(error.code, 'CONNECTION')
    assert.match(error.hint ?? '', /run the same command again/)
    // Whoever comes too early is told so.
    for (;;) {
      const applied = await up({ database, migrations: AB }).catch((early: unknown) => {
        assert.equal((early as MigrateError).code, 'CONNECTION')
        return undefined
      })
      if (applied !== undefined) return assert.deepEqual(ids(applied.applied), ['2_b'])
      await pause(20)
    }
  }))
