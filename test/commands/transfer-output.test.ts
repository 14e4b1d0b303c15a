import assert from 'node:assert/strict'
import { once } from 'node:events'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { describe, test } from 'node:test'
import { tableProgress } from '../../src/cli/transfer.ts'
import { NEWEST } from '../matrix.ts'
import { MOVABLE, movableRows } from '../movable.ts'
import { type Run, run, start } from '../process.ts'
import { type Road, withRoad } from '../road.ts'

const [sqlite, postgres] = NEWEST
const withRows = (work: (road: Road) => Promise<void>, more: readonly string[] = []) => {
  assert.ok(sqlite && postgres)
  const rows = [...movableRows('sqlite', 20), ...more]
  return withRoad(sqlite, postgres, { migrations: MOVABLE, rows }, work)
}

/** The one document, and that it is one. */
function document({ stdout }: Run) {
  assert.equal(stdout.trim().split('\n').length, 1, stdout)
  return JSON.parse(stdout)
}

describe('what transfer prints', () => {
  test('1 --json is one document on every ending', () =>
    withRows(async ({ source, target, transfer, args, folder }) => {
      const found = await transfer(['--check', '--json'])
      assert.deepEqual([found.status, document(found).ok], [0, true])
      const wrong = await transfer(['--verify', 'half', '--json'])
      assert.deepEqual([wrong.status, document(wrong).error.code], [2, 'USAGE'])
      const twice = await transfer(['--check', '--resume', '--json'])
      assert.deepEqual([twice.status, document(twice).error.code], [2, 'USAGE'])
      const missing = await run(['transfer', '--from', source.url, '--json'])
      assert.deepEqual([missing.status, document(missing).error.code], [2, 'USAGE'])
      const early = await transfer(['--verify-only', '--json'])
      assert.deepEqual([early.status, document(early).error.code], [1, 'DIFFERENT'])

      const moved = await transfer(['--json'])
      const result = document(moved)
      assert.equal(moved.status, 0)
      assert.deepEqual(Object.keys(result).sort(), [
        'bad',
        'bytes',
        'differences',
        'from',
        'ok',
        'outside',
        'rows',
        'seconds',
        'skipped',
        'tables',
        'to',
        'verify',
        'warnings',
      ])
      assert.match(result.to.database, /^postgres:\/\/127\.0\.0\.1:\d+\/test_/)
      for (const { rows, digest, seconds } of result.tables) {
        assert.ok(rows >= 0 && seconds >= 0)
        assert.match(digest, /^[\da-f]{16}$/)
      }
      const again = await transfer(['--json'])
      assert.deepEqual([again.status, document(again).error.code], [1, 'NOT_EMPTY'])
      const unasked = await transfer(['--replace', '--json'])
      assert.deepEqual([unasked.status, document(unasked).error.code], [2, 'USAGE'])
      await target.query('UPDATE tree SET parent = NULL')
      const differs = await transfer(['--verify-only', '--json'])
      assert.deepEqual([differs.status, document(differs).ok], [3, false])
      const load = await run(['transfer', '--load', join(folder, 'none'), '--to', target.url, '--json'])
      assert.deepEqual([load.status, document(load).error.code], [2, 'USAGE'])
      const release = await run(['transfer', '--release', '--from', source.url, '--yes', '--json'])
      assert.deepEqual([release.status, document(release).database !== undefined], [0, true])
      assert.ok(args.includes('--from'))
    }))

  test('2 one document too where it is stopped', () =>
    withRows(
      async ({ args, folder }) => {
        const child = start([...args, '--json'], { cwd: folder })
        assert.ok(child.stdout && child.stderr)
        child.stderr.once('data', () => child.kill('SIGTERM'))
        const [stdout, [status]] = await Promise.all([text(child.stdout), once(child, 'close')])
        assert.equal(status, 130)
        assert.equal(document({ status, stdout, stderr: '' }).error.code, 'ABORTED')
      },
      [
        `WITH RECURSIVE n (i) AS (SELECT 10 UNION ALL SELECT i + 1 FROM n LIMIT 60000) INSERT INTO parts SELECT i, 'b' || i, hex(randomblob(50)) FROM n`,
      ],
    ))

  test('3 without a terminal lines stay, and --quiet says nothing but errors', () =>
    withRows(async ({ transfer }) => {
      const check = await transfer(['--check', '--quiet'])
      assert.deepEqual([check.status, check.stdout, check.stderr], [0, '', ''])
      const { stdout, stderr } = await transfer()
      assert.match(stderr, /^\w+ {2}[\d,]+ rows {2}[\d.]+ \w+ {2}[\d,]+ rows\/s {2}moved$/m)
      assert.ok(!stderr.includes('\x1b') && !stdout.includes('\x1b'))
      assert.match(stdout, /^kinds +20 rows +\S+ \w+ +[\d.]+ s +[\da-f]{16}$/m)
      assert.match(
        stdout,
        /\nevery row is the same on both sides, by a digest that each has made by itself\n$/,
      )
      const quiet = await transfer(['--verify-only', '--quiet'])
      assert.deepEqual([quiet.status, quiet.stdout, quiet.stderr], [0, '', ''])
      const error = await transfer(['--quiet'])
      assert.equal(error.stdout, '')
      assert.match(error.stderr, /^error NOT_EMPTY: /)
    }))

  test('4 a terminal has one line for each table, drawn again', () => {
    let shown = ''
    const stream = {
      isTTY: true,
      write: (words: string) => (shown += words),
    } as unknown as NodeJS.WriteStream
    let now = 0
    const { on, clear } = tableProgress(stream, () => now)
    const event = { type: 'rows', bytes: 2_000_000, rate: 1000.4, left: 90 } as const
    on({ ...event, table: 'messages', done: 1000, total: 91_000 })
    now = 50
    on({ ...event, table: 'logs', done: 5, total: 5 })
    now = 200
    on({ ...event, table: 'logs', done: 6, total: 5 })
    clear()
    assert.equal(
      shown,
      'messages  1,000 of about 91,000 rows  2.00 MB  1,000 rows/s  1 min 30 s left\n' +
        '\x1b[1A\x1b[0J' +
        'messages  1,000 of about 91,000 rows  2.00 MB  1,000 rows/s  1 min 30 s left\n' +
        'logs                          6 rows  2.00 MB  1,000 rows/s            moved\n' +
        '\x1b[2A\x1b[0J',
    )
  })
})
