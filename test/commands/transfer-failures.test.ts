import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, chownSync, copyFileSync, existsSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { describe, type TestContext, test } from 'node:test'
import { openDatabase, up } from '../../src/index.ts'
import { type Kind, LONG, NEWEST, withFolder } from '../matrix.ts'
import { contents, MOVABLE, movableRows } from '../movable.ts'
import { run, start } from '../process.ts'
import { countOf, type Road, withRoad } from '../road.ts'
import { onServer, withServer } from '../servers.ts'
import { errorOf } from '../tools.ts'

const PASSWORD = 'for-tests-only'
const MANY = 60_000

/** Rows enough that something comes in between. */
function rowsOf({ dialect }: Kind): string[] {
  return [
    ...movableRows(dialect, 20),
    dialect === 'sqlite'
      ? `WITH RECURSIVE n (i) AS (SELECT 10 UNION ALL SELECT i + 1 FROM n LIMIT ${MANY}) INSERT INTO parts SELECT i, 'b' || i, hex(randomblob(50)) FROM n`
      : `INSERT INTO parts SELECT i, 'b' || i, repeat(md5(i::text), 3) FROM generate_series(10, ${MANY + 9}) AS i`,
  ]
}

const withRows = <T>(from: Kind, to: Kind, work: (road: Road) => Promise<T>) =>
  withRoad(from, to, { migrations: MOVABLE, rows: rowsOf(from) }, work)

interface Ended {
  readonly status: number | null
  readonly stdout: string
  readonly stderr: string
}

/** Starts the transfer, does `work` as soon as it tells of rows, and gives its end. */
async function disturbed(
  { args, folder }: Road,
  words: readonly string[],
  work: (child: ReturnType<typeof start>) => unknown,
): Promise<Ended> {
  const child = start([...args, ...words], { cwd: folder })
  assert.ok(child.stdout && child.stderr)
  let stderr = ''
  child.stderr.setEncoding('utf8')
  const told = Promise.withResolvers<void>()
  child.stderr.on('data', (data: string) => {
    stderr += data
    if (/ rows /.test(stderr)) told.resolve()
  })
  const [stdout, [status]] = await Promise.all([
    text(child.stdout),
    once(child, 'close'),
    told.promise.then(() => work(child)),
  ])
  return { status, stdout, stderr }
}

/** Nobody takes it for whole, and it goes on to its end. */
async function assertResumes(road: Road, from: Kind, to: Kind): Promise<void> {
  const { source, target, dir, transfer } = road
  const opened = await errorOf(openDatabase({ path: target.url, migrations: dir }))
  assert.equal(opened.code, 'INCOMPLETE')
  const { status, stderr } = await transfer(['--resume'])
  assert.equal(status, 0, stderr)
  assert.deepEqual(await contents(target, to.dialect), await contents(source, from.dialect))
  await (await openDatabase({ path: target.url, migrations: dir })).close()
}

for (const from of NEWEST) {
  for (const to of NEWEST.filter((one) => LONG || (one !== from && from.dialect === 'sqlite'))) {
    describe(`a transfer that is disturbed, ${from.label} to ${to.label}`, () => {
      for (const signal of ['SIGINT', 'SIGKILL'] as const) {
        test(`1 ${signal}: it says how it goes on, and does`, () =>
          withRows(from, to, async (road) => {
            const { status, stderr } = await disturbed(road, [], (child) => child.kill(signal))
            if (signal === 'SIGINT') {
              assert.equal(status, 130, stderr)
              assert.match(stderr, /SIGINT: stopping/)
              assert.match(stderr, /error ABORTED: stopped on request/)
              assert.match(stderr, /next: .*--resume/)
            } else assert.equal(status, null)
            assert.doesNotMatch(stderr, new RegExp(PASSWORD))
            await assertResumes(road, from, to)
          }))
      }

      test('2 many at once into the same target: one wins, nothing is there twice', () =>
        withRoad(from, to, { migrations: MOVABLE, rows: movableRows(from.dialect, 20) }, async (road) => {
          const { source, target, transfer } = road
          const many = from.dialect === to.dialect ? 4 : 20
          const ended = await Promise.all(Array.from({ length: many }, () => transfer(['--json'])))
          const codes = ended.map(({ status, stdout }) =>
            status === 0 ? 'done' : JSON.parse(stdout).error.code,
          )
          assert.equal(codes.filter((code) => code === 'done').length, 1, codes.join())
          assert.deepEqual(new Set(codes), new Set(['done', 'NOT_EMPTY']))
          assert.deepEqual(await contents(target, to.dialect), await contents(source, from.dialect))
        }))

      for (const [end, kind, url] of [
        ['source', from, (road: Road) => road.source.url],
        ['target', to, (road: Road) => road.target.url],
      ] as const) {
        if (kind.dialect === 'sqlite') continue
        test(`3 the ${end}'s connections are ended by the server`, () =>
          withRows(from, to, async (road) => {
            const { status, stdout, stderr } = await disturbed(road, ['--json'], async () => {
              await onServer(
                url(road),
                'SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()',
              )
            })
            assert.equal(status, 1, stdout)
            assert.ok(['CONNECTION', 'LOCK_LOST'].includes(JSON.parse(stdout).error.code), stdout)
            assert.doesNotMatch(stdout + stderr, new RegExp(PASSWORD))
            await assertResumes(road, from, to)
          }))
      }
    })
  }
}

/** A small file system, where this user may mount one. */
async function onSmallDisk(
  context: TestContext,
  megabytes: number,
  work: (folder: string) => Promise<void>,
): Promise<void> {
  await withFolder(async (folder) => {
    try {
      execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${megabytes}m,mode=777`, 'tmpfs', folder], {
        stdio: 'ignore',
      })
    } catch {
      return context.skip('no file system can be mounted here')
    }
    try {
      await work(folder)
    } finally {
      execFileSync('umount', [folder])
    }
  })
}

const [sqlite, postgres] = NEWEST

describe('ends of a transfer that cannot be used', () => {
  for (const from of NEWEST) {
    test(`4 the disk of the target is full, from ${from.label}`, (context) => {
      assert.ok(sqlite)
      return withRows(from, sqlite, (road) =>
        onSmallDisk(context, 6, async (small) => {
          const path = join(small, 'app.db')
          const args = ['transfer', '--from', road.source.url, '--dir', road.dir]
          const { status, stdout } = await run([...args, '--to', path, '--json'])
          const { error } = JSON.parse(stdout)
          assert.deepEqual([status, error.code], [1, 'DATABASE'], stdout)
          assert.match(`${error.message} ${error.hint}`, /full.*free some space/)
          execFileSync('mount', ['-o', 'remount,size=100m', small])
          const again = await run([...args, '--to', path, '--resume'])
          assert.equal(again.status, 0, again.stderr)
          assert.match(again.stdout, /every row is the same/)
        }),
      )
    })
  }

  test('5 a source that cannot be written to, its folder neither', (context) => {
    if (process.getuid?.() !== 0) return context.skip('only root can be another user')
    assert.ok(sqlite)
    return withRows(sqlite, sqlite, async ({ source, dir, folder }) => {
      const closed = join(folder, 'closed')
      const open = join(folder, 'open')
      mkdirSync(closed)
      mkdirSync(open)
      chownSync(open, 65_534, 65_534)
      chmodSync(folder, 0o755)
      const path = join(closed, 'app.db')
      // A database in WAL mode can only be read by who can write beside it.
      await source.query('PRAGMA journal_mode = DELETE')
      copyFileSync(source.url.slice('sqlite:'.length), path)
      chmodSync(path, 0o444)
      chmodSync(closed, 0o555)
      const options = { uid: 65_534, cwd: open }
      const moved = await run(
        ['transfer', '--from', path, '--to', join(open, 'app.db'), '--dir', dir],
        options,
      )
      assert.equal(moved.status, 0, moved.stderr)
      const back = await run(
        [
          'transfer',
          '--from',
          join(open, 'app.db'),
          '--to',
          join(closed, 'other.db'),
          '--dir',
          dir,
          '--json',
        ],
        options,
      )
      const { error } = JSON.parse(back.stdout)
      assert.ok(['PERMISSION', 'READ_ONLY'].includes(error.code), back.stdout)
      assert.ok(!existsSync(join(closed, 'other.db')))
      const none = await run(
        ['transfer', '--from', join(open, 'none.db'), '--to', path, '--dir', dir, '--json'],
        options,
      )
      assert.equal(none.status, 1, none.stdout)
      assert.ok(!existsSync(join(open, 'none.db')))
    })
  })

  test('6 a user without rights, on either side; and a password is never printed', async () => {
    assert.ok(sqlite && postgres)
    await withRows(sqlite, postgres, async ({ source, target, dir, folder }) => {
      const role = `reader_${process.pid}`
      const secret = 'Only-4-this-test'
      await target.query(`CREATE ROLE ${role} LOGIN PASSWORD '${secret}'`)
      try {
        const url = target.url.replace(`postgres:${PASSWORD}@`, `${role}:${secret}@`)
        const go = async (...words: string[]) => {
          const { status, stdout, stderr } = await run(['transfer', '--dir', dir, '--verbose', ...words], {
            cwd: folder,
          })
          assert.doesNotMatch(stdout + stderr, new RegExp(`${secret}|${PASSWORD}`))
          return { status, text: stdout + stderr }
        }
        await target.query(`REVOKE CREATE ON SCHEMA public FROM public`)
        const to = await go('--from', source.url, '--to', url)
        assert.equal(to.status, 1)
        assert.match(to.text, /error PERMISSION/)
        await up({ database: target.url, migrations: dir })
        await target.query('DELETE FROM counted')
        await target.query('DELETE FROM audit')
        const filled = await go('--from', source.url, '--to', url)
        assert.match(filled.text, /error PERMISSION/)
        const from = await go('--from', url, '--to', join(folder, 'other.db'))
        assert.equal(from.status, 1)
        assert.match(from.text, /error PERMISSION/)
        const wrong = await go('--from', source.url, '--to', url.replace(secret, `${secret}x`))
        assert.match(wrong.text, /error AUTHENTICATION/)
        await target.query(`GRANT SELECT ON ALL TABLES IN SCHEMA public TO ${role}`)
        const read = await go('--from', url, '--to', join(folder, 'read.db'))
        assert.equal(read.status, 0, read.text)
      } finally {
        await target.query(`DROP OWNED BY ${role}; DROP ROLE ${role}`)
      }
    })
  })

  test('7 a server that crashes in the middle, and comes again', async () => {
    await withServer(18, ['-c', 'fsync=off'], async ({ url }) => {
      assert.ok(sqlite && postgres)
      await withRows(sqlite, postgres, async (road) => {
        const there = `${url}/postgres`
        const own = { ...road, args: road.args.map((word) => (word === road.target.url ? there : word)) }
        const { status, stdout } = await disturbed(own, ['--json'], async () => {
          const rows = await onServer(
            there,
            `SELECT pid FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()`,
          )
          process.kill(Number(rows[0]?.pid), 'SIGKILL')
        })
        assert.equal(status, 1, stdout)
        assert.ok(['CONNECTION', 'LOCK_LOST'].includes(JSON.parse(stdout).error.code), stdout)
        // It recovers from what its log holds.
        while (!(await onServer(there, 'SELECT 1').catch(() => undefined)));
        const again = await run([...own.args, '--resume'])
        assert.equal(again.status, 0, again.stderr)
        const [row] = await onServer(there, 'SELECT count(*)::int AS n FROM parts')
        assert.equal(row?.n, await countOf(road.source, 'parts'))
      })
    })
  })
})
