import assert from 'node:assert/strict'
import { DatabaseSync } from 'node:sqlite'
import { describe, test } from 'node:test'
import pg from 'pg'
import { type Differences, differences } from '../../src/commands/transfer-verify.ts'
import type { Moved } from '../../src/core/transfer/moved.ts'
import { proofOf as proofOfPostgres } from '../../src/database/postgres/digest.ts'
import { proofOf } from '../../src/database/sqlite/digest.ts'
import { KINDS, withFolder } from '../matrix.ts'
import { moved } from '../moved.ts'

const KEYED = moved(
  [
    { name: 'id', form: 'int8' },
    { name: 'lang', form: 'text' },
    { name: 'body', form: 'text' },
    { name: 'at', form: 'timestamptz' },
  ],
  ['id', 'lang'],
)
const ROWS = 3000

/** Compares the same table on SQLite and on a database of this kind, in which `sql` has changed something. */
function compared(
  kind: (typeof KINDS)[number],
  sql: string,
  what: Moved = KEYED,
  most?: number,
): Promise<Differences> {
  const series = kind.dialect === 'sqlite' ? 'generate' : `generate_series(1, ${ROWS}) AS n (n)`
  const generate = `WITH RECURSIVE generate (n) AS (VALUES (1) UNION ALL SELECT n + 1 FROM generate WHERE n < ${ROWS})`
  const select = `SELECT n, CASE WHEN n % 2 = 0 THEN 'de' ELSE 'en' END, 'body of ' || n, '2024-01-02 03:04:05'`
  return kind.scratch(({ url }) =>
    withFolder(async () => {
      const from = new DatabaseSync(':memory:')
      from.exec(`CREATE TABLE t (id, lang, body, at); ${generate} INSERT INTO t ${select} FROM generate`)
      try {
        if (kind.dialect === 'sqlite') {
          const to = new DatabaseSync(':memory:')
          to.exec(
            `CREATE TABLE t (id, lang, body, at); ${generate} INSERT INTO t ${select} FROM ${series}; ${sql}`,
          )
          return await differences(proofOf(from), proofOf(to), what, most).finally(() => to.close())
        }
        const to = new pg.Client(url)
        await to.connect()
        try {
          await to.query(`SET TimeZone = 'UTC'; CREATE TABLE t (id bigint, lang text, body text, at timestamptz);
            INSERT INTO t ${select}::timestamptz FROM ${series}; ${sql}`)
          const query = async <T>(text: string): Promise<T[]> => (await to.query(text)).rows
          return await differences(proofOf(from), proofOfPostgres(query), what, most)
        } finally {
          await to.end()
        }
      } finally {
        from.close()
      }
    }),
  )
}

for (const kind of KINDS) {
  describe(`differences: ${kind.label}`, () => {
    test('1 none', async () => {
      assert.deepEqual(await compared(kind, ''), { rows: [], total: 0, complete: true })
    })

    test('2 a row that is missing, one that is too many, and one with another value', async () => {
      const { rows, total, complete } = await compared(
        kind,
        `DELETE FROM t WHERE id = 17;
        INSERT INTO t VALUES (5000, 'fr', NULL, NULL);
        UPDATE t SET body = NULL WHERE id = 4;
        UPDATE t SET body = 'body of 6 ', at = '2024-01-02 03:04:06' WHERE id = 6`,
      )
      assert.equal(total, 4)
      assert.equal(complete, true)
      const sorted = rows.toSorted((a, b) => Number(a.key?.id) - Number(b.key?.id))
      const shown = sorted.map((row) => ({
        ...row,
        columns: row.columns?.map((one) => ({ ...one, to: one.to?.replace('+00', '') ?? one.to })),
      }))
      assert.deepEqual(shown, [
        {
          table: 't',
          key: { id: '4', lang: 'de' },
          change: 'different',
          columns: [{ name: 'body', from: 'body of 4', to: null }],
        },
        {
          table: 't',
          key: { id: '6', lang: 'de' },
          change: 'different',
          columns: [
            { name: 'body', from: 'body of 6', to: 'body of 6 ' },
            { name: 'at', from: '2024-01-02 03:04:05', to: '2024-01-02 03:04:06' },
          ],
        },
        { table: 't', key: { id: '17', lang: 'en' }, change: 'missing', columns: undefined },
        { table: 't', key: { id: '5000', lang: 'fr' }, change: 'extra', columns: undefined },
      ])
    })

    test('3 values that have changed their places, and a row that is there twice', async () => {
      const swapped = await compared(
        kind,
        "UPDATE t SET body = CASE id WHEN 10 THEN 'body of 12' ELSE 'body of 10' END WHERE id IN (10, 12)",
      )
      assert.deepEqual(swapped.rows.map(({ key, change }) => `${key?.id} ${change}`).sort(), [
        '10 different',
        '12 different',
      ])
      const twice = await compared(kind, 'INSERT INTO t SELECT * FROM t WHERE id = 9')
      assert.deepEqual(twice.rows, [{ table: 't', key: { id: '9', lang: 'en' }, change: 'extra' }])
    })

    test('4 without a key a row is known by all that it holds', async () => {
      const { rows, total } = await compared(
        kind,
        'DELETE FROM t WHERE id = 3; INSERT INTO t SELECT * FROM t WHERE id = 5; INSERT INTO t SELECT * FROM t WHERE id = 5 LIMIT 1',
        { ...KEYED, key: [] },
      )
      assert.equal(total, 3)
      assert.deepEqual(rows.map(({ key, change, columns }) => [key, change, columns?.[0]]).toSorted(), [
        [undefined, 'extra', { name: 'id', to: '5' }],
        [undefined, 'extra', { name: 'id', to: '5' }],
        [undefined, 'missing', { name: 'id', from: '3' }],
      ])
    })

    test('5 a long value is shown where it begins to differ, and of many rows only some', async () => {
      const long = await compared(kind, `UPDATE t SET body = body || '${'x'.repeat(200)}' WHERE id = 8`)
      assert.deepEqual(long.rows[0]?.columns, [
        { name: 'body', from: 'body of 8', to: `body of 8${'x'.repeat(51)}…` },
      ])
      const all = await compared(kind, "UPDATE t SET body = ''", KEYED, 5)
      assert.equal(all.rows.length, 5)
      assert.equal(all.total, ROWS)
      assert.ok(all.rows.every(({ columns }) => columns?.length === 1 && columns[0]?.name === 'body'))
    })
  })
}
