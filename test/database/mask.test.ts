import assert from 'node:assert/strict'
import { DatabaseSync } from 'node:sqlite'
import { describe, test } from 'node:test'
import pg from 'pg'
import { quoteName } from '../../src/core/text.ts'
import type { Form } from '../../src/core/transfer/form.ts'
import { withMasks } from '../../src/core/transfer/mask.ts'
import { withDatabase } from '../../src/database/database.ts'
import { movedOf } from '../core/transfer/schema.ts'
import { KINDS } from '../matrix.ts'

type Values = Record<string, unknown>

const UUID = /^[\da-f]{8}-[\da-f]{4}-4[\da-f]{3}-8[\da-f]{3}-[\da-f]{12}$/

/** What the columns of SQLite are moved as. */
const FORMS: Readonly<Record<string, Form>> = {
  u: 'uuid',
  big: 'int8',
  middle: 'int4',
  small: 'int2',
  bytes: 'bytes',
}

/** The rows of a script's table `a` with all columns but `n` hashed, in the order of `n`, as often as is said. */
async function inSqlite(script: string, times = 1, form?: Form): Promise<Values[][]> {
  const native = new DatabaseSync(':memory:')
  const { startMasks } = await import('../../src/database/sqlite/mask.ts')
  native.exec(script)
  try {
    return await withDatabase(native, {}, async (database) => {
      const schema = await database.introspect()
      const moved = movedOf(schema, form).map((table) => ({
        ...table,
        columns: table.columns.map((column) => ({
          ...column,
          form: form ?? FORMS[column.from.name] ?? 'text',
          ...(column.from.name === 'short' && { longest: 10 }),
        })),
      }))
      const sql = selectOf(withMasks(moved, schema, masksOf(moved)))
      const found: Values[][] = []
      for (let i = 0; i < times; i++) {
        await startMasks(native)
        const select = native.prepare(sql)
        select.setReadBigInts(true)
        found.push(select.all())
      }
      return found
    })
  } finally {
    native.close()
  }
}

async function inPostgres(url: string, script: string, times = 1): Promise<Values[][]> {
  const client = new pg.Client(url)
  const { startMasks } = await import('../../src/database/postgres/mask.ts')
  await client.connect()
  try {
    await client.query(script)
    return await withDatabase(client, {}, async (database) => {
      const schema = await database.introspect()
      const moved = movedOf(schema)
      const found: Values[][] = []
      for (let i = 0; i < times; i++) {
        await client.query('BEGIN')
        await startMasks(client)
        found.push((await client.query(selectOf(withMasks(moved, schema, masksOf(moved))))).rows)
        await client.query('COMMIT')
      }
      const [after] = (await client.query(`SELECT current_setting('nexflow.secret', true) AS secret`)).rows
      assert.equal(after.secret, '')
      return found
    })
  } finally {
    await client.end()
  }
}

function masksOf(moved: ReturnType<typeof movedOf>): Record<string, string> {
  const names = moved.flatMap(({ from, columns }) =>
    columns.map((column) => `${from.name}.${column.from.name}`),
  )
  return Object.fromEntries(names.filter((name) => name !== 'a.n').map((name) => [name, 'hash']))
}

function selectOf(moved: ReturnType<typeof withMasks>): string {
  const table = moved.find(({ from }) => from.name === 'a')
  const values = table?.columns.map(
    ({ from, value = quoteName(from.name) }) => `${value} AS ${quoteName(from.name)}`,
  )
  return `SELECT ${values?.join(', ')} FROM a ORDER BY n`
}

/** A value as it is written, without its class in JavaScript. */
const text = (value: unknown) =>
  value instanceof Uint8Array ? Buffer.from(value).toString('hex') : String(value)

const LOOKS: Readonly<Record<string, RegExp>> = {
  words: /^[\da-f]{32}$/,
  short: /^[\da-f]{10}$/,
  u: UUID,
  big: /^\d{1,19}$/,
  middle: /^\d{1,10}$/,
  small: /^\d{1,5}$/,
  bytes: /^[\da-f]{64}$/,
}

const MOST: Readonly<Record<string, bigint>> = { big: 2n ** 63n, middle: 2n ** 31n, small: 2n ** 15n }

function check([first = [], second = []]: Values[][]): void {
  const [one, same, other, nothing] = first as [Values, Values, Values, Values]
  for (const [column, look] of Object.entries(LOOKS)) {
    assert.match(text(one[column]), look, column)
    if (column in MOST) assert.ok(BigInt(text(one[column])) < (MOST[column] ?? 0n), column)
    assert.equal(text(one[column]), text(same[column]), column)
    assert.notEqual(text(one[column]), text(other[column]), column)
    assert.equal(nothing[column], null, column)
  }
  const [again] = second as [Values]
  assert.notEqual(text(one.words), text(again.words))
}

const UUIDS = ['6f1d4c1e-8a55-4d2e-9d0e-1f2a3b4c5d6e', '7f1d4c1e-8a55-4d2e-9d0e-1f2a3b4c5d6e']

const rowsOf = (bytes: (hex: string) => string) => {
  const row = (n: number, which: 0 | 1) =>
    `(${n}, '${['Zoë', ''][which]}', '${['x', 'y'][which]}', '${UUIDS[which]}', ${[-5, 9][which]}, ${[-7, 7][which]}, ${[1, 2][which]}, ${bytes(['00ff', ''][which] ?? '')})`
  return `INSERT INTO a VALUES ${row(1, 0)}, ${row(2, 0)}, ${row(3, 1)}, (4, NULL, NULL, NULL, NULL, NULL, NULL, NULL)`
}

describe('1 a hash is of the value’s form, the same for the same, and another in another run', () => {
  test('1.1 sqlite', async () => {
    const script = `CREATE TABLE a (n INTEGER, words TEXT, short TEXT, u TEXT, big INTEGER, middle INTEGER, small INTEGER, bytes BLOB);
      ${rowsOf((hex) => `x'${hex}'`)}`
    check(await inSqlite(script, 2))
  })

  for (const { label, scratch } of KINDS.filter(({ dialect }) => dialect === 'postgres')) {
    test(`1.2 ${label}`, () =>
      scratch(async ({ url }) => {
        const script = `CREATE TABLE a (n integer, words text, short varchar(10), u uuid, big bigint, middle integer, small smallint, bytes bytea);
          ${rowsOf((hex) => `'\\x${hex}'`)}`
        check(await inPostgres(url, script, 2))
      }))

    test(`1.3 ${label}: a type stays, and so do joins`, () =>
      scratch(async ({ url, query }) => {
        const script = `CREATE DOMAIN code AS varchar(20); CREATE TABLE p (k code UNIQUE, u uuid UNIQUE, i bigint UNIQUE);
          CREATE TABLE a (n integer, k text REFERENCES p (k), u uuid REFERENCES p (u), i bigint REFERENCES p (i), c char(40));
          INSERT INTO p VALUES ('k', '${UUIDS[0]}', 5); INSERT INTO a VALUES (1, 'k', '${UUIDS[0]}', 5, 'c')`
        const [[row] = []] = await inPostgres(url, script)
        assert.match(text(row?.k), /^[\da-f]{20}$/)
        assert.match(text(row?.c), /^[\da-f]{32}$/)
        // The same expressions, now for both sides of the join.
        const client = new pg.Client(url)
        const { startMasks } = await import('../../src/database/postgres/mask.ts')
        await client.connect()
        try {
          await client.query('BEGIN')
          await startMasks(client)
          const masked = await withDatabase(client, {}, async (database) => {
            const schema = await database.introspect()
            const moved = movedOf(schema)
            return withMasks(moved, schema, masksOf(moved))
          })
          const from = (name: string) => {
            const columns = masked.find((one) => one.from.name === name)?.columns ?? []
            const values = columns.map(
              ({ from: { name: column }, value }) => `${value ?? column} AS ${column}`,
            )
            return `(SELECT ${values.join(', ')} FROM ${name}) AS ${name}`
          }
          const join = `SELECT pg_typeof(a.u)::text AS u, pg_typeof(a.i)::text AS i FROM ${from('a')}
            JOIN ${from('p')} ON a.k = p.k AND a.u = p.u AND a.i = p.i`
          assert.deepEqual((await client.query(join)).rows, [{ u: 'uuid', i: 'bigint' }])
        } finally {
          await client.end()
        }
        assert.deepEqual(await query('SELECT i FROM a'), [{ i: '5' }])
      }))
  }
})

test('2 what stays in SQLite keeps its class', async () => {
  const script = `CREATE TABLE a (n INTEGER, i INTEGER, t TEXT, u TEXT, b BLOB, none, nocase TEXT COLLATE NOCASE);
    INSERT INTO a VALUES (1, 5, 'x', '${UUIDS[0]?.toUpperCase()}', x'00', 'y', 'Ann'), (2, NULL, '', '', 7, x'', 'ANN')`
  const [[one, two] = []] = await inSqlite(script, 1, 'any')
  assert.equal(typeof one?.i, 'bigint')
  assert.ok((one?.i as bigint) >= 0n && (one?.i as bigint) < 2n ** 53n)
  assert.match(text(one?.t), /^[\da-f]{32}$/)
  assert.match(text(one?.u), UUID)
  assert.ok(one?.b instanceof Uint8Array && one.b.length === 32)
  assert.match(text(one?.none), /^[\da-f]{32}$/)
  assert.equal(two?.i, null)
  assert.equal(typeof two?.b, 'bigint')
  assert.ok(two?.none instanceof Uint8Array)
  assert.equal(one?.nocase, two?.nocase)
})
