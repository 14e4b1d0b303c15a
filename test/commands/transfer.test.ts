import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { openDatabase, schema, status, transfer, up } from '../../src/index.ts'
import { type Kind, LONG, NEWEST, type Scratch } from '../matrix.ts'
import { contents, MOVABLE, movableRows } from '../movable.ts'
import { errorOf, scripts } from '../tools.ts'

const ROWS = 40

/** Does `work` with a source that holds rows, and an empty target. */
function withEnds<T>(from: Kind, to: Kind, work: (from: Scratch, to: Scratch) => Promise<T>): Promise<T> {
  return from.scratch((source) =>
    to.scratch(async (target) => {
      await up({ database: source.url, migrations: MOVABLE })
      for (const sql of movableRows(from.dialect, ROWS)) await source.query(sql)
      return work(source, target)
    }),
  )
}

for (const from of NEWEST) {
  for (const to of NEWEST.filter((one) => LONG || one !== from || one.dialect === 'sqlite')) {
    describe(`transfer, ${from.label} to ${to.label}`, () => {
      const move = (source: Scratch, target: Scratch, more = {}) =>
        transfer({ from: source.url, to: target.url, migrations: MOVABLE, ...more })

      test('moves every row, and proves it', () =>
        withEnds(from, to, async (source, target) => {
          const result = await move(source, target)
          assert.equal(result.ok, true)
          assert.equal(result.tables.find(({ table }) => table === 'kinds')?.rows, ROWS)
          assert.deepEqual(await contents(target, to.dialect), await contents(source, from.dialect))
        }))

      test('the target has every index, key and trigger that its migrations make', () =>
        withEnds(from, to, (source, target) =>
          to.scratch(async (fresh) => {
            await move(source, target)
            await up({ database: fresh.url, migrations: MOVABLE })
            const [one, other] = await Promise.all(
              [target, fresh].map(({ url }) => schema({ database: url, format: 'json' })),
            )
            assert.deepEqual(JSON.parse(one?.text ?? ''), JSON.parse(other?.text ?? ''))
          }),
        ))

      test('counters go on where they were', () =>
        withEnds(from, to, async (source, target) => {
          await move(source, target)
          await target.query(`INSERT INTO counted (label) VALUES ('next')`)
          const [row] = await target.query(`SELECT CAST(id AS TEXT) AS id FROM counted WHERE label = 'next'`)
          // 1 is the seed, 2 to 4 were given, 4 was deleted.
          assert.equal(row?.id, '5')
        }))

      test('the application opens the target, and nothing is left of the transfer', () =>
        withEnds(from, to, async (source, target) => {
          await move(source, target)
          const db = await openDatabase({ path: target.url, migrations: MOVABLE })
          await db.close()
          const { upToDate, transfer: left } = await status({ database: target.url, migrations: MOVABLE })
          assert.deepEqual({ upToDate, left }, { upToDate: true, left: undefined })
          const rows = await target.query(
            `SELECT name FROM schema_migrations_state WHERE name LIKE 'transfer%'`,
          )
          assert.deepEqual(rows, [])
        }))

      test('a target that holds rows is refused, and with replace its rows go after a backup', () =>
        withEnds(from, to, async (source, target) => {
          await up({ database: target.url, migrations: MOVABLE })
          await target.query('INSERT INTO tree VALUES (77, NULL)')
          const error = await errorOf(move(source, target))
          assert.equal(error.code, 'NOT_EMPTY')
          assert.match(error.message, /tree/)
        }))

      test('tables of no migration are made and moved', () =>
        withEnds(from, to, async (source, target) => {
          await source.query('CREATE TABLE plugin (id INTEGER PRIMARY KEY, word TEXT)')
          await source.query(`INSERT INTO plugin VALUES (1, 'a'), (2, NULL)`)
          const { outside } = await move(source, target)
          assert.deepEqual(outside, ['plugin'])
          const rows = await target.query('SELECT CAST(id AS TEXT) AS id, word FROM plugin ORDER BY id')
          assert.deepEqual(
            rows.map((row) => ({ ...row })),
            [
              { id: '1', word: 'a' },
              { id: '2', word: null },
            ],
          )
        }))

      test('histories that have parted are refused', () =>
        withEnds(from, to, async (source, target) => {
          const more = [
            ...MOVABLE,
            ...scripts({ '3_more.up': 'CREATE TABLE more (id INTEGER)', '3_more.down': 'DROP TABLE more' }),
          ]
          await up({ database: target.url, migrations: more })
          const error = await errorOf(transfer({ from: source.url, to: target.url, migrations: more }))
          assert.equal(error.code, 'DIFFERENT')
          assert.match(error.message, /3_more/)
        }))
    })
  }
}
