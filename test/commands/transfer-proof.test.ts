import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { fill } from '../../src/commands/transfer-fill.ts'
import { readSource } from '../../src/commands/transfer-source.ts'
import { pinned } from '../../src/commands/transfer-verify.ts'
import type { Moved } from '../../src/core/transfer/moved.ts'
import { withDatabase } from '../../src/database/database.ts'
import type { Lane, Packet } from '../../src/database/end.ts'
import { type Dialect, MigrateError, transfer } from '../../src/index.ts'
import { LONG, NEWEST } from '../matrix.ts'
import { MOVABLE, movableRows } from '../movable.ts'
import { withRoad } from '../road.ts'

const ROWS = 39
/** The row that a broken converter gets wrong: the last. */
const ROW = 38
const ID = (i: number) => `00000000-0000-4000-8000-${String(i).padStart(12, '0')}`

/** A converter that gets the last bit of one value wrong. */
async function* broken(packets: AsyncIterable<Packet>, column: number): AsyncIterable<Packet> {
  let row = 0
  for await (const packet of packets) {
    const bytes = Buffer.from(packet.bytes)
    for (let at = 0; at < bytes.length; row++) {
      const fields = bytes.readInt16BE(at)
      at += 2
      for (let field = 0; field < fields; field++) {
        const length = bytes.readInt32BE(at)
        at += 4 + Math.max(length, 0)
        if (row !== ROW || field !== column || length <= 0) continue
        // The last bits of a numeric may lie behind its scale.
        const place = at - (length >= 12 ? 3 : 1)
        bytes.writeUInt8((bytes[place] ?? 0) ^ 1, place)
      }
    }
    yield { ...packet, bytes }
  }
}

/** What comes of a converter that breaks a column: where the difference is, or that the target refuses the row. */
async function filledBroken(source: Lane, target: Lane, moved: Moved, column: number): Promise<string> {
  const end = { ...source.end, read: (one: Moved, to: Dialect) => broken(source.end.read(one, to), column) }
  try {
    const from = { ...source, end }
    const { unequal } = await target.end.unchecked(() =>
      fill({ source: from, lanes: [target], moved: [moved], verify: 'full' }),
    )
    const found = await pinned(source.end, target.end, unequal)
    return found
      .map(({ table, key, columns = [] }) => `${table} ${key?.id} ${columns.map(({ name }) => name)}`)
      .join()
  } catch (error) {
    if (error instanceof MigrateError && error.code === 'BAD_ROWS') return 'refused'
    throw error
  }
}

/** One value changed in a row of its own, in each dialect's SQL. */
const CHANGES: readonly (readonly [column: string, sqlite: string, postgres?: string])[] = [
  ['active', '1 - active', 'NOT active'],
  ['small', 'coalesce(small, 0) + 1', '(coalesce(small, 0) + 1)::smallint'],
  ['n', 'n - 1'],
  ['big', 'big + 1'],
  ['score', 'coalesce(score, 0) + 1e-9'],
  ['price', 'coalesce(price, 0) + 0.01'],
  ['name', `name || ' '`],
  ['mood', `iif(mood = 'ok', 'sad', 'ok')`, `CASE mood WHEN 'ok' THEN 'sad' ELSE 'ok' END::mood`],
  ['note', `note || char(8203)`, `note || E'\\u200b'`],
  ['data', `CAST(data || x'00' AS BLOB)`, `data || '\\x00'`],
  ['made_at', `'2026-01-02 03:04:05.124'`, `made_at + interval '1 microsecond'`],
  ['day', `date(day, '+1 day')`, 'day + 1'],
  ['clock', `'12:34:56.000001'`, `clock + interval '1 microsecond'`],
  ['meta', `'{"b": 15, "a": [1, 2.50, "X"]}'`, `'{"b": 15, "a": [1, 2.50, "X"]}'`],
  ['raw', `'{"b": 1, "a": null}'`],
  ['order', `'O'`],
  ['Mixed Case', `''`],
]

for (const from of NEWEST) {
  for (const to of NEWEST.filter((one) => LONG || one !== from)) {
    describe(`the proof of a transfer, ${from.label} to ${to.label}`, () => {
      test('1 a converter that gets one bit of one value wrong is caught, at its table, row and column', () =>
        withRoad(from, to, { migrations: MOVABLE, rows: movableRows(from.dialect, ROWS) }, (road) =>
          withDatabase(road.source.url, {}, async (database) => {
            const options = { from: road.source.url, to: road.target.url, migrations: MOVABLE }
            await transfer(options)
            const source = { database, end: await database.end() }
            await withDatabase(road.target.url, {}, async (target) => {
              const lane = { database: target, end: await target.end() }
              await source.end.snapshot(async () => {
                const { moved } = await readSource(source, await target.introspect(), options)
                const kinds = moved.find((one) => one.from.name === 'kinds')
                assert.ok(kinds)
                let caught = 0
                for (const [i, { from, form }] of kinds.columns.entries()) {
                  const found = await filledBroken(source, lane, kinds, i)
                  if (from.name === 'Mixed Case') assert.equal(found, '', 'NULL has no bytes')
                  else if (from.name === 'id') assert.ok(found.includes(`kinds ${ID(ROW)} `), found)
                  else if (found !== 'refused') {
                    assert.equal(found, `kinds ${ID(ROW)} ${from.name}`, `${from.name}, ${form}`)
                    caught++
                  }
                }
                // What is no value any more the target refuses itself.
                assert.ok(caught >= 12, `${caught} by the digest`)
              })
            })
          }),
        ))

      test('2 --verify-only finds every value that was changed later, and the row that came or went', () =>
        withRoad(
          from,
          to,
          { migrations: MOVABLE, rows: movableRows(from.dialect, ROWS) },
          async ({ target, transfer: run }) => {
            const moved = await run()
            assert.equal(moved.status, 0, moved.stderr)
            const same = await run(['--verify-only', '--json'])
            assert.equal(same.status, 0, same.stdout)
            assert.deepEqual(JSON.parse(same.stdout).differences, [])
            const expected: string[] = []
            for (const [i, [column, sqlite, postgres = sqlite]] of CHANGES.entries()) {
              const value = to.dialect === 'sqlite' ? sqlite : postgres
              const row = i + 3
              await target.query(`UPDATE kinds SET "${column}" = ${value} WHERE id = '${ID(row)}'`)
              expected.push(`kinds ${ID(row)} different ${column}`)
            }
            await target.query(`DELETE FROM kinds WHERE id = '${ID(2)}'`)
            await target.query(`UPDATE tree SET parent = 1 WHERE id = 3`)
            await target.query(`INSERT INTO "select" VALUES (7, NULL)`)
            await target.query(`UPDATE pieces SET b = 'y' WHERE a IS NULL`)
            expected.push(`kinds ${ID(2)} missing `, 'tree 3 different parent', 'select 7 extra ')
            const { status, stdout } = await run(['--verify-only', '--json'])
            assert.equal(status, 3)
            const { ok, differences } = JSON.parse(stdout)
            assert.equal(ok, false)
            type Found = { table: string; key?: { id: string }; change: string; columns?: { name: string }[] }
            const all: Found[] = differences
            const keyed = all.filter(({ key }) => key !== undefined)
            assert.deepEqual(
              keyed
                .map(
                  ({ table, key, change, columns = [] }) =>
                    `${table} ${key?.id} ${change} ${columns.map(({ name }) => name)}`,
                )
                .sort(),
              expected.sort(),
            )
            const others = all.filter(({ key }) => key === undefined)
            assert.deepEqual(new Set(others.map(({ table }) => table)), new Set(['pieces']))
            const text = await run(['--verify-only'])
            assert.equal(text.status, 3)
            assert.match(text.stdout, /^tree \(id = 3\) differs; parent: 3 and 1$/m)
            assert.match(text.stdout, /the two sides differ\n$/)
            const counted = await run(['--verify-only', '--verify', 'count', '--only', 'tree'])
            assert.equal(counted.status, 0, counted.stdout)
          },
        ))
    })
  }
}
