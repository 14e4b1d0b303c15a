import assert from 'node:assert/strict'
import { join } from 'node:path'
import { DatabaseSync, type SQLInputValue } from 'node:sqlite'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import type { Packet } from '../../src/database/end.ts'
import { send, snapshot } from '../../src/database/postgres/send.ts'
import { receive } from '../../src/database/sqlite/receive.ts'
import { KINDS, NEWEST, type Scratch, withFolder } from '../matrix.ts'
import { errorOf } from '../tools.ts'
import { movedOf, packets, withClient } from './moved.ts'

/** Does `work` with a file that holds what `sql` makes. */
function withFile<T>(sql: string, work: (native: DatabaseSync, url: string) => Promise<T>): Promise<T> {
  return withFolder(async (folder) => {
    const native = new DatabaseSync(join(folder, 'a.db'), { enableForeignKeyConstraints: false })
    try {
      native.exec(sql)
      return await work(native, `sqlite:${native.location()}`)
    } finally {
      native.close()
    }
  })
}

/** All rows of the table `t`, with integers as bigint. */
function rowsOf(native: DatabaseSync, sql = 'SELECT * FROM t'): Record<string, unknown>[] {
  const statement = native.prepare(sql)
  statement.setReadBigInts(true)
  return statement.all().map((row) => ({ ...row }))
}

const hostile = `SET timezone = 'Asia/Kathmandu'; SET datestyle = 'German, DMY'; SET intervalstyle = 'iso_8601';
  SET extra_float_digits = -15; SET bytea_output = 'escape'; SET lc_monetary = 'C'`

const noted = (text: string) => () => ({ file: 'test', text })

/** Moves the table `t`. */
async function move(source: Scratch, native: DatabaseSync, url: string, note = ''): Promise<void> {
  const moved = await movedOf(source.url, url, 't')
  return withClient(source.url, async (client) => {
    await client.query(hostile)
    return snapshot(client, () =>
      receive(native, moved, 'postgres', send(client, moved, 'sqlite'), noted(note)),
    )
  })
}

/** A form: its types, what PostgreSQL is given, and what SQLite must hold then. */
interface Way {
  readonly postgres: string
  readonly sqlite: string
  readonly values: fc.Arbitrary<readonly [given: unknown, held: unknown]>
}

const same = <T>(values: fc.Arbitrary<T>, held: (value: T) => unknown = String) =>
  values.map((value) => [value, held(value)] as const)

const integers = (bits: bigint) =>
  same(fc.bigInt({ min: -(2n ** bits), max: 2n ** bits - 1n }), (value) => value)

const texts = (most = 60) =>
  fc
    .string({ unit: 'binary', maxLength: most })
    // A text of PostgreSQL has no NUL.
    .map((text) => text.replaceAll('\0', ''))

/** Microseconds of a second: PostgreSQL and SQLite write no zeros at their end. */
const fraction = fc
  .oneof(fc.constant(0), fc.integer({ min: 0, max: 999_999 }))
  .map((micros) => String(micros).padStart(6, '0'))

const moments = (zone: string) =>
  fc
    .tuple(
      fc.date({ min: new Date('0001-01-02'), max: new Date('9999-12-30'), noInvalidDate: true }),
      fraction,
    )
    .map(([date, micros]) => {
      const text = date.toISOString().slice(0, 19).replace('T', ' ')
      const held = Number(micros) === 0 ? text : `${text}.${micros}`.replace(/0+$/, '')
      return [`${text}.${micros}${zone}`, held] as const
    })

const days = fc
  .date({ min: new Date('0001-01-01'), max: new Date('9999-12-31'), noInvalidDate: true })
  .map((date) => date.toISOString())

const numbers = fc
  .tuple(fc.bigInt({ min: -(10n ** 40n), max: 10n ** 40n }), fc.stringMatching(/^\d{0,30}$/))
  .map(([whole, behind]) => `${whole}${behind === '' ? '' : `.${behind}`}`)

const json = fc.json().filter((text) => !text.includes('\\u'))

const WAYS: Readonly<Record<string, Way>> = {
  boolean: {
    postgres: 'boolean',
    sqlite: 'BOOLEAN',
    values: same(fc.boolean(), (value) => (value ? 1n : 0n)),
  },
  int2: { postgres: 'smallint', sqlite: 'SMALLINT', values: integers(15n) },
  int4: { postgres: 'int', sqlite: 'INTEGER', values: integers(31n) },
  int8: { postgres: 'bigint', sqlite: 'BIGINT', values: integers(63n) },
  float4: {
    postgres: 'real',
    sqlite: 'REAL',
    values: same(fc.float({ noNaN: true }), (value) => Math.fround(value) + 0),
  },
  float8: {
    postgres: 'double precision',
    sqlite: 'REAL',
    values: same(fc.double({ noNaN: true }), (value) => value + 0),
  },
  words: {
    postgres: 'double precision',
    sqlite: 'TEXT',
    values: same(fc.double({ noNaN: true }), (value) => String(value)),
  },
  numeric: { postgres: 'numeric', sqlite: 'TEXT', values: same(numbers) },
  decimal: {
    postgres: 'numeric(15, 4)',
    sqlite: 'DECIMAL(15, 4)',
    values: same(fc.integer({ min: -(10 ** 15) + 1, max: 10 ** 15 - 1 }), (value) => {
      const number = value / 10_000
      return Number.isInteger(number) ? BigInt(number) : number
    }).map(([value, held]) => [`${value}e-4`, held] as const),
  },
  text: { postgres: 'text', sqlite: 'TEXT', values: same(texts()) },
  varchar: { postgres: 'varchar(60)', sqlite: 'VARCHAR(60)', values: same(texts(), (value) => value) },
  enum: { postgres: 'mood', sqlite: 'TEXT', values: same(fc.constantFrom('sad', "it's", '😀')) },
  bytes: {
    postgres: 'bytea',
    sqlite: 'BLOB',
    values: fc.uint8Array().map((bytes) => [Buffer.from(bytes), new Uint8Array(bytes)] as const),
  },
  uuid: {
    postgres: 'uuid',
    sqlite: 'UUID',
    values: same(fc.uuid(), (uuid) => uuid.toLowerCase()).map(
      ([uuid, held]) => [uuid.toUpperCase(), held] as const,
    ),
  },
  timestamptz: { postgres: 'timestamptz', sqlite: 'DATETIME', values: moments('Z') },
  timestamp: { postgres: 'timestamp', sqlite: 'TEXT', values: moments('') },
  date: { postgres: 'date', sqlite: 'DATE', values: same(days.map((day) => day.slice(0, 10))) },
  time: {
    postgres: 'time',
    sqlite: 'TIME',
    values: fc.tuple(days, fraction).map(([day, micros]) => {
      const text = day.slice(11, 19)
      return [
        `${text}.${micros}`,
        Number(micros) === 0 ? text : `${text}.${micros}`.replace(/0+$/, ''),
      ] as const
    }),
  },
  json: { postgres: 'json', sqlite: 'TEXT', values: same(json) },
  other: {
    postgres: 'interval',
    sqlite: 'TEXT',
    values: same(fc.integer({ min: 2, max: 999 }), (value) => `${value} days`).map(
      ([value, held]) => [`P${value}D`, held] as const,
    ),
  },
}

const NAMES = Object.keys(WAYS)
const MADE = `CREATE TABLE t (id INTEGER PRIMARY KEY, ${Object.entries(WAYS)
  .map(([name, { sqlite }]) => `"${name}" ${sqlite}`)
  .join(', ')})`

for (const kind of KINDS.filter(({ dialect }) => dialect === 'postgres')) {
  describe(`receive from ${kind.label}`, () => {
    test('1 values of every form are what the design says', async () => {
      await kind.scratch(async (source) => {
        await source.query(`CREATE TYPE mood AS ENUM ('sad', 'it''s', '😀');
          CREATE TABLE t (id bigint PRIMARY KEY, ${Object.entries(WAYS)
            .map(([name, { postgres }]) => `"${name}" ${postgres}`)
            .join(', ')})`)
        await withFile(MADE, async (native, url) => {
          const row = fc.tuple(...Object.values(WAYS).map(({ values }) => fc.option(values)))
          await fc.assert(
            fc.asyncProperty(fc.array(row, { maxLength: 20 }), async (rows) => {
              await withClient(source.url, async (client) => {
                await client.query('TRUNCATE t')
                for (const [i, values] of rows.entries()) {
                  const marks = values.map((_, at) => `$${at + 2}`).join(', ')
                  await client.query(`INSERT INTO t VALUES ($1, ${marks})`, [
                    i + 1,
                    ...values.map((value) => value?.[0]),
                  ])
                }
              })
              await move(source, native, url)
              const wanted = rows.map((values, i) =>
                Object.fromEntries([
                  ['id', BigInt(i + 1)],
                  ...NAMES.map((name, at) => [name, values[at]?.[1] ?? null]),
                ]),
              )
              assert.deepEqual(rowsOf(native), wanted)
            }),
            { numRuns: 25 },
          )
        })
      })
    })

    test('2 jsonb is as PostgreSQL prints it, char(n) without its blanks', async () => {
      await kind.scratch(async (source) => {
        await source.query(`CREATE TABLE t (j jsonb, c char(5), a int[], m money, d double precision[]);
          INSERT INTO t VALUES ('{"b":1,"a":[1e2,null]}', 'ab', '{1,2}', 3.5, '{0.1}')`)
        await withFile('CREATE TABLE t (j TEXT, c CHAR(5), a TEXT, m TEXT, d TEXT)', async (native, url) => {
          await move(source, native, url)
          assert.deepEqual(rowsOf(native), [
            { j: '{"a": [100, null], "b": 1}', c: 'ab', a: '{1,2}', m: '$3.50', d: '{0.1}' },
          ])
        })
      })
    })
  })
}

const [, postgres] = NEWEST

/** Values that SQLite cannot hold: their types, what is said. */
const BAD: readonly (readonly [postgres: string, sqlite: string, value: string, words: RegExp])[] = [
  ['double precision', 'REAL', 'NaN', /v is NaN/],
  ['real', 'REAL', 'NaN', /v is NaN/],
  ['timestamptz', 'TEXT', 'infinity', /v is infinity, .*years 0001 to 9999/],
  ['timestamptz', 'TEXT', '0044-03-15 12:00:00 BC', /v is 0044-03-15 12:00:00 BC,/],
  ['timestamp', 'TEXT', '10000-01-01 00:00:00', /v is 10000-01-01 00:00:00,/],
  ['date', 'TEXT', '-infinity', /v is -infinity,/],
  ['date', 'DATE', '0001-01-01 BC', /v is 0001-01-01 BC,/],
  ['numeric', 'NUMERIC', '0.12345678901234567890', /v is 0\.12345678901234567890,/],
  ['numeric', 'DECIMAL(30)', '12345678901234567891', /v is 12345678901234567891,/],
  ['numeric', 'REAL', '9007199254740993', /v is 9007199254740993,/],
  ['numeric', 'NUMERIC', 'NaN', /v is NaN,/],
  ['bigint', 'REAL', '9007199254740993', /round 9007199254740993/],
  ['text', 'STRING', '007', /v is the text '007'/],
  ['text', 'STRING', ' 1e3 ', /v is the text ' 1e3 '/],
  ['json', 'JSON', '1.50', /v is the text '1\.50'/],
  ['text', 'REAL', '5', /v is the text '5'/],
  ['text', 'TEXT CHECK (v <> 5)', '5', /CHECK constraint failed/],
  ['text', 'TEXT NOT NULL', 'null', /NOT NULL constraint failed: t\.v/],
  ['text', 'TEXT NOT NULL ON CONFLICT IGNORE', 'null', /NOT NULL constraint failed/],
  ['text', 'TEXT UNIQUE ON CONFLICT REPLACE COLLATE NOCASE', 'GOOD', /UNIQUE constraint failed: t\.v/],
]

describe('receive: rows that SQLite cannot hold', () => {
  for (const [type, declared, value, words] of BAD) {
    test(`3 ${type} ${value} in ${declared}: named, and the table is as it was`, async () => {
      const good = /text/.test(type)
        ? 'good'
        : type === 'json'
          ? '"a"'
          : /date|time/.test(type)
            ? '2026-01-02'
            : '1'
      await postgres?.scratch(async (source) => {
        const given = value === 'null' ? 'NULL' : `'${value}'`
        await source.query(`CREATE TABLE t (id uuid, n int, v ${type}, PRIMARY KEY (n, id));
          INSERT INTO t VALUES ('${ID}', 1, '${good}'), ('${ID}', 2, ${given})`)
        await withFile(
          `CREATE TABLE t (id TEXT, n INTEGER, v ${declared}, PRIMARY KEY (n, id)); INSERT INTO t VALUES ('was', 0, 'there')`,
          async (native, url) => {
            const error = await errorOf(move(source, native, url, `INSERT INTO t VALUES ('note', 0, 'x')`))
            assert.equal(error.code, 'BAD_ROWS')
            assert.match(error.message, words)
            assert.match(error.message, new RegExp(`^t, n = 2, id = '${ID}': `))
            assert.deepEqual(rowsOf(native), [{ id: 'was', n: 0n, v: 'there' }])
          },
        )
      })
    })
  }
})

const ID = '2b1f8a51-4c0e-4d0b-8f5a-0c9d6e7f8a9b'

describe('receive: tables of SQLite', () => {
  test('4 numbers that a type makes of texts and that are the same when they are read', async () => {
    await postgres?.scratch(async (source) => {
      await source.query(
        `CREATE TABLE t (a text, b numeric, c json, d oid); INSERT INTO t VALUES ('12', '1e18', '-5', 7), ('0', '100000000000000000000', '"5"', 0)`,
      )
      await withFile('CREATE TABLE t (a STRING, b NUMERIC, c JSON, d INTEGER)', async (native, url) => {
        await move(source, native, url)
        assert.deepEqual(rowsOf(native), [
          { a: 12n, b: 10n ** 18n, c: -5n, d: 7n },
          { a: 0n, b: 1e20, c: '"5"', d: 0n },
        ])
      })
    })
  })

  test('5 STRICT with ANY, WITHOUT ROWID, generated columns, names that need quotes, UTF-16; the note is committed with it', async () => {
    await postgres?.scratch(async (source) => {
      await source.query(
        `CREATE TABLE t ("a ""b" text PRIMARY KEY, "select" text, "é" bigint); INSERT INTO t VALUES ('x', '007', 1), ('ü😀', NULL, -9007199254740993)`,
      )
      const made = `PRAGMA encoding = 'UTF-16'; CREATE TABLE t ("a ""b" TEXT PRIMARY KEY, g TEXT AS (upper("a ""b")) STORED, "select" ANY, "é" INTEGER) STRICT, WITHOUT ROWID; CREATE TABLE note (x)`
      await withFile(made, async (native, url) => {
        await move(source, native, url, 'INSERT INTO note VALUES (1)')
        assert.deepEqual(rowsOf(native), [
          { 'a "b': 'x', g: 'X', select: '007', é: 1n },
          { 'a "b': 'ü😀', g: 'ü😀', select: null, é: -9007199254740993n },
        ])
        assert.equal(rowsOf(native, 'SELECT * FROM note').length, 1)
      })
    })
  })

  test('6 what ends in between leaves the table as it was, and no transaction', async () => {
    await postgres?.scratch(async (source) => {
      await source.query(
        `CREATE TABLE t (v text); INSERT INTO t SELECT repeat('x', 900) FROM generate_series(1, 20000)`,
      )
      await withFile(`CREATE TABLE t (v TEXT); INSERT INTO t VALUES ('was')`, async (native, url) => {
        const moved = await movedOf(source.url, url, 't')
        await withClient(source.url, async (client) => {
          const { rows } = await client.query('SELECT pg_backend_pid() AS pid')
          async function* killed(): AsyncIterable<Packet> {
            for await (const packet of send(client, moved, 'sqlite')) {
              yield packet
              await source.query(`SELECT pg_terminate_backend(${rows[0]?.pid})`)
            }
          }
          await assert.rejects(
            snapshot(client, () => receive(native, moved, 'postgres', killed(), noted(''))),
          )
        })
        assert.deepEqual([native.isTransaction, rowsOf(native)], [false, [{ v: 'was' }]])
        await assert.rejects(
          move(source, native, url, 'INSERT INTO nowhere VALUES (1)'),
          /no such table: nowhere/,
        )
        assert.deepEqual([native.isTransaction, rowsOf(native)], [false, [{ v: 'was' }]])
      })
    })
  })
})

/** A value of SQLite with its class, as the other end sends it. */
function classed(value: SQLInputValue, isText: boolean): Buffer {
  if (value === null) return Buffer.from([255, 255, 255, 255])
  const bytes = Buffer.alloc(8)
  if (typeof value === 'bigint') bytes.writeBigInt64BE(value)
  if (typeof value === 'number') bytes.writeDoubleBE(value)
  const held = value instanceof Uint8Array ? Buffer.from(value) : bytes
  const kind = typeof value === 'bigint' ? 'i' : typeof value === 'number' ? 'r' : isText ? 't' : 'b'
  const head = Buffer.alloc(5, kind)
  head.writeInt32BE(held.length + 1)
  return Buffer.concat([head, held])
}

const bigints = fc.oneof(
  fc.constantFrom(0n, 2n ** 63n - 1n, -(2n ** 63n), 2n ** 53n + 1n),
  fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
)
const doubles = fc.oneof(fc.constantFrom(0, -0, 5, Infinity, -Infinity, 1e300), fc.double({ noNaN: true }))
const cells: fc.Arbitrary<readonly [SQLInputValue, boolean]> = fc.oneof(
  fc.constant([null, false] as const),
  fc.tuple(bigints, fc.constant(false)),
  fc.tuple(doubles, fc.constant(false)),
  // Bytes of any kind, also as a text: NUL, and what is no UTF-8.
  fc.tuple(fc.uint8Array({ maxLength: 40 }), fc.boolean()),
  fc.tuple(
    fc.string({ unit: 'binary' }).map((text) => new Uint8Array(Buffer.from(text))),
    fc.boolean(),
  ),
)

test('7 from SQLite every class and every byte is kept', async () => {
  const made = 'CREATE TABLE t (a, b BLOB, c)'
  await withFile(made, async (native, url) => {
    const moved = await movedOf(url, url, 't')
    const read = native.prepare(
      "SELECT typeof(a) AS ta, CASE typeof(a) WHEN 'text' THEN CAST(a AS BLOB) ELSE a END AS a, typeof(b) AS tb, CASE typeof(b) WHEN 'text' THEN CAST(b AS BLOB) ELSE b END AS b, typeof(c) AS tc, CASE typeof(c) WHEN 'text' THEN CAST(c AS BLOB) ELSE c END AS c FROM t",
    )
    read.setReadBigInts(true)
    const row = fc.tuple(cells, cells, cells)
    await fc.assert(
      fc.asyncProperty(fc.array(row), async (rows) => {
        const bytes = rows.flatMap((values) => [
          Buffer.from([0, 3]),
          ...values.map(([value, isText]) => classed(value, isText)),
        ])
        await receive(
          native,
          moved,
          'sqlite',
          packets({ bytes: Buffer.concat(bytes), rows: rows.length }),
          noted(''),
        )
        const classOf = ([value, isText]: readonly [SQLInputValue, boolean]) =>
          value === null
            ? 'null'
            : typeof value === 'bigint'
              ? 'integer'
              : typeof value === 'number'
                ? 'real'
                : isText
                  ? 'text'
                  : 'blob'
        const wanted = rows.map(([a, b, c]) => ({
          ta: classOf(a),
          a: a[0],
          tb: classOf(b),
          b: b[0],
          tc: classOf(c),
          c: c[0],
        }))
        assert.deepEqual(
          read.all().map((one) => ({ ...one })),
          wanted,
        )
      }),
    )
  })
})

test('8 a database in UTF-16 refuses a text that is no UTF-8, and tells the row without a key by its number', async () => {
  await withFile(`PRAGMA encoding = 'UTF-16le'; CREATE TABLE t (a TEXT)`, async (native, url) => {
    const moved = await movedOf(url, url, 't')
    const rows = [Buffer.from('ok'), Buffer.from([0x61, 0xff])].flatMap((value) => [
      Buffer.from([0, 1]),
      classed(value, true),
    ])
    const error = await errorOf(
      receive(native, moved, 'sqlite', packets({ bytes: Buffer.concat(rows), rows: 2 }), noted('')),
    )
    assert.deepEqual(
      [error.code, error.message],
      ['BAD_ROWS', 't, row 2 of those that came: a is no UTF-8, which a database in UTF-16 cannot hold'],
    )
  })
})

test('9 a stream that is not of this table is no row of it', async () => {
  await withFile(`CREATE TABLE t (a, b); INSERT INTO t VALUES (1, 2)`, async (native, url) => {
    const moved = await movedOf(url, url, 't')
    const bytes = Buffer.concat([Buffer.from([0, 1]), classed(5n, false)])
    assert.equal(
      (await errorOf(receive(native, moved, 'sqlite', packets({ bytes, rows: 1 }), noted('')))).code,
      'INTERNAL',
    )
    assert.equal(rowsOf(native).length, 1)
  })
})
