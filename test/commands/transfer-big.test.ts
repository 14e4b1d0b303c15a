import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { NEWEST, type Scratch } from '../matrix.ts'
import { run } from '../process.ts'
import { withRoad } from '../road.ts'
import { scripts } from '../tools.ts'

/** `npm run big` takes the sizes that the tool is made for: 500 MB, and 100 MB. */
const isBig = process.env.TEST_BIG === '1'
const BLOB = isBig ? 500_000_000 : 50_000_000
const TEXT = isBig ? 100_000_000 : 20_000_000

const BIG = scripts({
  '1_files.sqlite.up': 'CREATE TABLE files (id INTEGER PRIMARY KEY, data BLOB, words TEXT)',
  '1_files.sqlite.down': 'DROP TABLE files',
  '1_files.postgres.up': 'CREATE TABLE files (id bigint PRIMARY KEY, data bytea, words text)',
  '1_files.postgres.down': 'DROP TABLE files',
})

/** At its end the process tells how much memory it has had. */
const PEAK = `data:text/javascript,process.on('exit',()=>process.stderr.write('peak '+process.resourceUsage().maxRSS+'\\n'))`

async function lengths({ query }: Scratch): Promise<string[]> {
  const rows = await query('SELECT id, length(data) AS data, length(words) AS words FROM files ORDER BY id')
  return rows.map(({ id, data, words }) => `${id} ${data} ${words}`)
}

const [sqlite, postgres] = NEWEST

describe('large values', () => {
  test(`a blob of ${BLOB / 1e6} MB and a text of ${TEXT / 1e6} MB go there and back, and on`, async (context) => {
    assert.ok(sqlite && postgres)
    const rows = [
      `INSERT INTO files VALUES (1, x'00', 'before'), (2, randomblob(${BLOB}), NULL),
        (3, NULL, 'é' || hex(randomblob(${TEXT / 2}))), (4, x'ff', 'behind')`,
    ]
    await withRoad(sqlite, postgres, { migrations: BIG, rows }, async ({ source, target, dir }) => {
      const wanted = ['1 1 6', `2 ${BLOB} null`, `3 null ${TEXT + 1}`, '4 1 6']
      const go = async (from: Scratch, to: Scratch) => {
        const args = ['transfer', '--from', from.url, '--to', to.url, '--dir', dir]
        const { status, stderr } = await run(args, { env: { NODE_OPTIONS: `--import="${PEAK}"` } })
        assert.equal(status, 0, stderr)
        assert.deepEqual(await lengths(to), wanted)
        const peak = Number(/peak (\d+)/.exec(stderr)?.[1]) / 1000
        context.diagnostic(
          `${from.url.split(':')[0]} to ${to.url.split(':')[0]}: ${Math.round(peak)} MB at most`,
        )
        // A value is there in one piece, and more than once on its way.
        assert.ok(peak < 200 + (7 * BLOB) / 1e6, `${peak} MB`)
      }
      assert.deepEqual(await lengths(source), wanted)
      await go(source, target)
      await sqlite.scratch((back) => go(target, back))
      await sqlite.scratch((copy) => go(source, copy))
      await postgres.scratch((copy) => go(target, copy))
    })
  })
})
