import assert from 'node:assert/strict'
import { DatabaseSync, type SQLInputValue } from 'node:sqlite'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import pg from 'pg'
import type { Moved, Side } from '../../src/core/transfer/moved.ts'
import {
  count as countPostgres,
  digest as digestPostgres,
  type Query,
} from '../../src/database/postgres/digest.ts'
import { count, digest } from '../../src/database/sqlite/digest.ts'
import { SERVERS } from '../matrix.ts'
import { column, moved, type Pair, SAMPLES } from '../moved.ts'

/** Does `work` with an empty database. */
async function onSqlite<T>(work: (native: DatabaseSync) => Promise<T>): Promise<T> {
  const native = new DatabaseSync(':memory:')
  try {
    return await work(native)
  } finally {
    native.close()
  }
}

const ALL = moved(
  [{ name: 'id', form: 'int8' }, ...SAMPLES.map(({ name, form, type }) => ({ name, form, type }))],
  ['id'],
)
const NAMES = ALL.columns.map(({ from }) => `"${from.name}"`)

type Line = readonly (Pair | null)[]

const LINES = fc.array(fc.tuple(...SAMPLES.map(({ pairs }) => fc.option(pairs, { freq: 6 }))), {
  minLength: 1,
  maxLength: 5,
})

function fillSqlite(native: DatabaseSync, lines: readonly Line[]): void {
  native.exec(`DROP TABLE IF EXISTS t; CREATE TABLE t (${NAMES.join(', ')})`)
  const insert = native.prepare(`INSERT INTO t VALUES (${NAMES.map(() => '?').join(', ')})`)
  for (const [i, line] of lines.entries()) insert.run(BigInt(i), ...line.map((pair) => pair?.sqlite ?? null))
}

/** A server's database for one test, in which all is undone. */
async function onPostgres(
  url: string,
  work: (query: Query, client: pg.Client) => Promise<void>,
): Promise<void> {
  const client = new pg.Client(url)
  await client.connect()
  try {
    await client.query('BEGIN')
    await work(async (sql) => (await client.query(sql)).rows, client)
  } finally {
    await client.end()
  }
}

async function fillPostgres(client: pg.Client, lines: readonly Line[]): Promise<void> {
  await client.query('TRUNCATE pg_temp.t')
  const values = SAMPLES.map(({ type, cast = type }, i) => `$${i + 2}::text::${cast}`)
  for (const [i, line] of lines.entries()) {
    await client.query(`INSERT INTO pg_temp.t VALUES ($1, ${values})`, [
      i,
      ...line.map((pair) => pair?.postgres ?? null),
    ])
  }
}

const CREATE = `CREATE TEMPORARY TABLE t (id bigint, ${SAMPLES.map(({ name, type }) => `"${name}" ${type}`)})`

describe('digest: sqlite', () => {
  const of = (native: DatabaseSync, side: Side = 'from', what: Moved = ALL) => digest(native, what, side)

  test('1 another value, another row, or none gives another digest', async () => {
    await onSqlite(async (native) => {
      const property = fc.asyncProperty(LINES, fc.nat(), fc.nat(), async (lines, a, b) => {
        fillSqlite(native, lines)
        const before = await of(native)
        assert.equal(before.rows, lines.length)
        const changed = async (sql: string, ...params: SQLInputValue[]) => {
          native.exec('SAVEPOINT here')
          native.prepare(sql).run(...params)
          const after = await of(native)
          native.exec('ROLLBACK TO here; RELEASE here')
          assert.notEqual(after.digest, before.digest, sql)
        }
        const [id, at] = [a % lines.length, b % SAMPLES.length]
        const [pair, sample] = [lines[id]?.[at], SAMPLES[at]]
        if (sample === undefined) return
        const name = `"${sample.name}"`
        const value = pair == null ? null : pair.sqlite
        if (value === null) await changed(`UPDATE t SET ${name} = '' WHERE id = ?`, id)
        else {
          await changed(`UPDATE t SET ${name} = NULL WHERE id = ?`, id)
          await changed(`UPDATE t SET ${name} = ? WHERE id = ?`, sample.change(value), id)
        }
        await changed('INSERT INTO t SELECT * FROM t WHERE id = ?', id)
        await changed('DELETE FROM t WHERE id = ?', id)
        await changed('UPDATE t SET id = id + 1 WHERE id = ?', id)
      })
      await fc.assert(property, { numRuns: 300 })
    })
  })

  test('2 values that have changed their places give another digest', async () => {
    await onSqlite(async (native) => {
      const what = moved([
        { name: 'a', form: 'text' },
        { name: 'b', form: 'text' },
        { name: 'c', form: 'int8' },
      ])
      const ofRows = async (...rows: SQLInputValue[][]) => {
        native.exec('DROP TABLE IF EXISTS t; CREATE TABLE t (a, b, c)')
        const insert = native.prepare('INSERT INTO t VALUES (?, ?, ?)')
        for (const row of rows) insert.run(...row)
        return (await of(native, 'from', what)).digest
      }
      const tables = [
        [
          ['x', 'y', 1n],
          ['z', 'w', 2n],
        ],
        [
          ['z', 'y', 1n],
          ['x', 'w', 2n],
        ],
        [
          ['x', 'w', 1n],
          ['z', 'y', 2n],
        ],
        [
          ['x', 'y', 2n],
          ['z', 'w', 1n],
        ],
        [
          ['y', 'x', 1n],
          ['z', 'w', 2n],
        ],
        [
          ['y', 'x', 1n],
          ['w', 'z', 2n],
        ],
        [
          ['xy', '', 1n],
          ['z', 'w', 2n],
        ],
        [
          ['', 'xy', 1n],
          ['z', 'w', 2n],
        ],
        [
          [null, 'xy', 1n],
          ['z', 'w', 2n],
        ],
        [
          ['xy', null, 1n],
          ['z', 'w', 2n],
        ],
        [
          ['x', 'y', 1n],
          ['x', 'y', 1n],
          ['z', 'w', 2n],
        ],
        [
          ['x', 'y', 1n],
          ['z', 'w', 2n],
          ['z', 'w', 2n],
        ],
        [
          ['x', 'y', null],
          ['z', 'w', 2n],
        ],
        [
          ['x', 'y', 1n],
          ['z', 'w', '2'],
        ],
        [
          ['x', 'y', 1n],
          ['z', 'w', 2.0],
        ],
        [
          ['x', 'y', 1n],
          ['z', Buffer.from('w'), 2n],
        ],
        [],
        [[null, null, null]],
        [
          [null, null, null],
          [null, null, null],
        ],
      ] satisfies SQLInputValue[][][]
      const digests: string[] = []
      for (const rows of tables) digests.push(await ofRows(...rows))
      assert.equal(new Set(digests).size, tables.length)
      const [first = []] = tables
      assert.equal(await ofRows(...first.toReversed()), digests[0])
    })
  })

  test('3 the rows are the same however they are read', async () => {
    await onSqlite(async (native) => {
      const what = moved([
        { name: 'id', form: 'int8' },
        { name: 'body', form: 'text' },
        { name: 'data', form: 'bytes' },
        { name: 'part', form: 'float8' },
      ])
      // Negative rowids, gaps, long rows, and more of them than one chunk has.
      native.exec(`CREATE TABLE t (id INTEGER PRIMARY KEY, body, data, part);
        WITH RECURSIVE n (n) AS (VALUES (1) UNION ALL SELECT n + 1 FROM n WHERE n < 3000)
        INSERT INTO t SELECT n * n - 5000, iif(n % 700 = 0, printf('%.*c', 70000 + n, 'ä'), 'body ' || n || char(0)),
          iif(n % 900 = 1, zeroblob(100000 + n), iif(n % 5 = 0, NULL, x'00ff' || n)), n / 7.0 FROM n;
        INSERT INTO t VALUES (-9223372036854775808, 'least', NULL, NULL), (9223372036854775807, 'most', NULL, 1)`)
      const expected = await of(native, 'from', what)
      assert.equal(expected.rows, 3002)
      const same = async (sql: string, look = what) => {
        native.exec('SAVEPOINT here; ALTER TABLE t RENAME TO old')
        native.exec(sql)
        assert.deepEqual(await of(native, 'from', look), expected, sql)
        native.exec('ROLLBACK TO here; RELEASE here')
      }
      await same(
        'CREATE TABLE t (id PRIMARY KEY, body, data, part) WITHOUT ROWID; INSERT INTO t SELECT * FROM old',
      )
      await same(
        'CREATE TABLE t (part, data, body, id); INSERT INTO t SELECT part, data, body, id FROM old ORDER BY body',
      )
      await same('CREATE VIEW t AS SELECT * FROM old')
      await same(
        'CREATE TABLE t (id, body, data, part, rowid, _ROWID_, oid); INSERT INTO t (id, body, data, part) SELECT * FROM old',
      )
      await same(
        'CREATE TABLE t (id, body, data, part, rowid DEFAULT 1, oid DEFAULT 1); INSERT INTO t (id, body, data, part) SELECT * FROM old',
      )
      await same('CREATE TABLE t AS SELECT * FROM old; INSERT INTO t SELECT 0, 1, 2, 3 FROM t', {
        ...what,
        rows: 'body <> 1',
      })
      await same(
        'CREATE TABLE t AS SELECT * FROM old WHERE false; INSERT INTO t SELECT * FROM old; UPDATE t SET body = upper(body)',
        {
          ...what,
          columns: what.columns.map((one) =>
            one.from.name === 'body' ? { ...one, value: 'lower(body)' } : one,
          ),
        },
      )
    })
  })

  test('4 a database in UTF-16 has the same digest', async () => {
    const fill = `CREATE TABLE t (a, b, c, d);
      INSERT INTO t VALUES ('añ😀', x'00ff', -7, 0.1), ('', x'', 9223372036854775807, -1e300), (NULL, NULL, NULL, NULL)`
    const what = moved([
      { name: 'a', form: 'text' },
      { name: 'b', form: 'bytes' },
      { name: 'c', form: 'int8' },
      { name: 'd', form: 'float8' },
    ])
    const inEncoding = (encoding: string) =>
      onSqlite(async (native) => {
        native.exec(`PRAGMA encoding = '${encoding}'; ${fill}`)
        return of(native, 'from', what)
      })
    const [first, ...others] = [
      await inEncoding('UTF-8'),
      await inEncoding('UTF-16le'),
      await inEncoding('UTF-16be'),
    ]
    for (const other of others) assert.deepEqual(other, first)
  })

  test('5 between two SQLite databases the class counts', async () => {
    await onSqlite(async (native) => {
      native.exec('CREATE TABLE t (a)')
      const values = [
        "'1'",
        '1',
        '1.0',
        "x'31'",
        'NULL',
        "''",
        "x''",
        '0',
        '0.0',
        "'0.0'",
        '9e999',
        '0.1',
        '0.1 + 1e-17',
      ]
      const digests: string[] = []
      for (const value of values) {
        native.exec(`DELETE FROM t; INSERT INTO t VALUES (${value})`)
        digests.push((await of(native, 'to', moved([{ name: 'a', form: 'any' }]))).digest)
      }
      assert.equal(new Set(digests).size, values.length)
    })
  })

  test('6 what is no value of a form is like no value of it', async () => {
    await onSqlite(async (native) => {
      native.exec('CREATE TABLE t (a)')
      const ofValue = async (form: Moved['columns'][number]['form'], value: string) => {
        native.exec(`DELETE FROM t; INSERT INTO t VALUES (${value})`)
        return (await of(native, 'from', moved([{ name: 'a', form }]))).digest
      }
      const good = {
        boolean: ['0', '1', 'NULL'],
        int4: ['0', '1', '-1'],
        text: ["'1'", "''", "'a'", "x'00'", 'NULL'],
        bytes: ["x'31'", "x''"],
        uuid: ["'00000000-0000-0000-0000-000000000000'", 'NULL'],
        timestamptz: ["'2024-02-29 00:00:00'", "'2024-03-01'", "'infinity'", "'-infinity'", '0', "'24:00'"],
        date: ["'2024-02-29'", "'2024-03-01'"],
        time: ["'00:00'", "'23:59:59.999999'", "'24:00:00'"],
        jsonb: ["'1'", "'{}'"],
        numeric: ['0', "'NaN'", "'1'"],
      } as const
      const bad = [
        "'true'",
        "'1'",
        '1.0',
        "x'31'",
        "'2024-02-30'",
        "'2023-02-29'",
        "'24:00:00.1'",
        "'2024-01-01 24:00'",
        "'2024-01-01 10:00 '",
        "'2024-13-01'",
        "'2024-01-00'",
        "'0000-01-01'",
        "'2024-01-01 10:60'",
        "'2024-01-01 10:00:60'",
        "'2024-01-01 10:00:00.1234567'",
        "'2024-01-01 10:00+1'",
        "'now'",
        '99999999999',
        '99999999.9',
        "'{00000000-0000-0000-0000-000000000000}'",
        "'0000000000000000000000000000000000-0'",
        "'00000000-0000-0000-0000-00000000000A'",
        "'nan'",
        "'1e'",
        "'{'",
        "'[01]'",
      ]
      for (const [form, values] of Object.entries(good) as [keyof typeof good, readonly string[]][]) {
        const digests: [value: string, digest: string][] = []
        for (const value of new Set([...values, ...bad])) digests.push([value, await ofValue(form, value)])
        const distinct = new Map(digests.map(([value, one]) => [one, value]))
        const same = digests.filter(([value, one]) => distinct.get(one) !== value).map(([value]) => value)
        const equal: Partial<Record<string, string[]>> = { jsonb: ["'1'"], numeric: ["'1'"] }
        assert.deepEqual(same, equal[form] ?? [], form)
      }
    })
  })

  test('7 other work goes on meanwhile, and it can be stopped', async () => {
    await onSqlite(async (native) => {
      native.exec(`CREATE TABLE t (id INTEGER PRIMARY KEY, a);
        WITH RECURSIVE n (n) AS (VALUES (1) UNION ALL SELECT n + 1 FROM n WHERE n < 300000)
        INSERT INTO t SELECT n, 'some text ' || n FROM n`)
      const what = moved([{ name: 'a', form: 'text' }])
      const seen: number[] = []
      let turns = 0
      const timer = setInterval(() => turns++, 1)
      const { rows } = await digest(native, what, 'from', undefined, (done) => seen.push(done))
      clearInterval(timer)
      assert.equal(rows, 300_000)
      assert.ok(turns > 3, `${turns} turns`)
      assert.equal(seen.at(-1), 300_000)
      assert.deepEqual(
        seen,
        seen.toSorted((a, b) => a - b),
      )
      const stop = new AbortController()
      const stopped = digest(native, what, 'from', stop.signal, () => stop.abort())
      await assert.rejects(stopped, { name: 'AbortError' })
      assert.equal(await count(native, what, 'from'), 300_000)
      assert.equal(await count(native, { ...what, rows: 'id % 3 = 0' }, 'from'), 100_000)
    })
  })
})

for (const server of SERVERS) {
  describe(`digest: ${server.label}`, () => {
    const url = `${server.url}/postgres`

    test('1 the same rows have the same digest, whatever the session has set', async () => {
      await onPostgres(url, async (query, client) => {
        await client.query(`${CREATE}; SET TimeZone = 'Asia/Kathmandu'; SET DateStyle = 'SQL, DMY';
          SET IntervalStyle = 'sql_standard'; SET extra_float_digits = -5; SET bytea_output = 'escape'`)
        await onSqlite(async (native) => {
          const property = fc.asyncProperty(LINES, async (lines) => {
            // Texts are read as usual, whatever is shown.
            await client.query(
              `SAVEPOINT here; SET LOCAL DateStyle = 'ISO, YMD'; SET LOCAL IntervalStyle = 'postgres'; SET LOCAL TimeZone = 'UTC'`,
            )
            await fillPostgres(client, lines)
            await client.query(
              `SET LOCAL TimeZone = 'Asia/Kathmandu'; SET LOCAL DateStyle = 'SQL, DMY'; SET LOCAL IntervalStyle = 'sql_standard'`,
            )
            fillSqlite(native, lines)
            const here = await digest(native, ALL, 'from')
            const there = await digestPostgres(query, ALL, 'to')
            if (here.digest !== there.digest) assert.deepEqual(await byColumn(native, query), [])
            assert.deepEqual(here, there)
            await client.query('ROLLBACK TO here')
          })
          await fc.assert(property, { numRuns: 300 })
        })
      })
    })

    test('2 another value, another row, or none gives another digest', async () => {
      await onPostgres(url, async (query, client) => {
        await client.query(CREATE)
        const line = SAMPLES.map(({ pairs }) => fc.sample(pairs, { numRuns: 1, seed: 7 })[0] ?? null)
        await fillPostgres(client, [line, line, line.map(() => null)])
        const seen = new Map<string, string>()
        const see = async (sql: string) => {
          await client.query(`SAVEPOINT here; ${sql}`)
          const { digest } = await digestPostgres(query, ALL, 'to')
          assert.equal(seen.get(digest), undefined, sql)
          seen.set(digest, sql)
          await client.query('ROLLBACK TO here')
        }
        await see('SELECT 1')
        await see('DELETE FROM t WHERE id = 0')
        await see('INSERT INTO t SELECT * FROM t WHERE id = 1')
        await see('INSERT INTO t SELECT * FROM t WHERE id = 2')
        await see('UPDATE t SET id = 3 WHERE id = 2')
        for (const { name } of SAMPLES) await see(`UPDATE t SET "${name}" = NULL WHERE id = 0`)
        for (const type of ['text', 'bytes', 'char']) await see(`UPDATE t SET "${type}" = '' WHERE id = 2`)
        await see("UPDATE t SET uuid = '00000000-0000-0000-0000-000000000000' WHERE id = 2")
        await see("UPDATE t SET json = (json::text || ' ')::json WHERE id = 0")
        await see("UPDATE t SET timestamptz = timestamptz + interval '1 microsecond' WHERE id = 0")
        await see('UPDATE t SET float8 = float8 * (1 + 3e-16) + 5e-324 WHERE id = 0')
      })
    })

    test('3 values at the edges', async () => {
      await onPostgres(url, async (query, client) => {
        await onSqlite(async (native) => {
          const same = async (
            form: Moved['columns'][number]['form'],
            type: string,
            value: string,
            sqlite: SQLInputValue,
          ) => {
            await client.query(`DROP TABLE IF EXISTS t; CREATE TEMPORARY TABLE t (a ${type})`)
            await client.query(`INSERT INTO t VALUES ($1)`, [value])
            native.exec('DROP TABLE IF EXISTS t; CREATE TABLE t (a)')
            native.prepare('INSERT INTO t VALUES (?)').run(sqlite)
            const what = moved([{ name: 'a', form, type }])
            const side: Side = form === 'float4' ? 'to' : 'from'
            assert.deepEqual(
              await digestPostgres(query, what, 'to'),
              await digest(native, what, side),
              `${type} ${value}`,
            )
          }
          for (const [value, sqlite] of [
            ['-0', 0],
            ['0', -0],
            ['Infinity', Infinity],
            ['-Infinity', -Infinity],
            ['1e21', 1e21],
            ['5e-324', 5e-324],
            ['1.7976931348623157e308', Number.MAX_VALUE],
            ['9007199254740993', 9007199254740993n],
          ] as const)
            await same('float8', 'float8', value, sqlite)
          await same('float4', 'real', '0.1', Math.fround(0.1))
          for (const [value, sqlite] of [
            ['NaN', 'NaN'],
            ['1.50', 1.5],
            ['1e-7', 1e-7],
            ['123456789012345678901234567890.10', '123456789012345678901234567890.1'],
            ['-0.00', '-0'],
            ['1e21', 1e21],
            ['Infinity', Infinity],
          ] as const)
            await same('numeric', 'numeric', value, sqlite)
          for (const type of ['timestamptz', 'timestamp'] as const)
            for (const [value, sqlite] of [
              ['infinity', 'infinity'],
              ['-infinity', '-infinity'],
              ['0001-01-01 00:00:00+00', '0001-01-01'],
              ['9999-12-31 23:59:59.999999+00', '9999-12-31T23:59:59.999999Z'],
              ['1969-12-31 23:59:59.999+00', '1969-12-31T23:59:59.999'],
              ['1999-12-31 23:59:59.999999+00', '1999-12-31 23:59:59.999999'],
              ['2000-02-29 12:00:00+00', 951825600n],
              ['2000-02-29 12:00:00+00', '951825600'],
              ['2000-02-29 12:00:00.5+00', 951825600.5],
              ['2000-02-29 12:00:00.124+00', 951825600.1235],
              ['2000-02-29 12:00:00.123+00', 951825600123n],
              ['2000-02-29 12:00:00+00', 2451604],
              ['1960-01-01 00:00:00+00', -315619200n],
            ] as const)
              await same(type, type, type === 'timestamptz' ? value : value.replace(/\+00$/, ''), sqlite)
          for (const day of ['infinity', '-infinity', '0001-01-01', '9999-12-31', '1999-12-31'])
            await same('date', 'date', day, day)
          await same('date', 'date', '2000-02-29', '2000-02-29T00:00:00Z')
          for (const [value, sqlite] of [
            ['24:00', '24:00:00'],
            ['00:00', '00:00'],
            ['23:59:59.999999', '23:59:59.999999'],
          ] as const)
            await same('time', 'time', value, sqlite)
          const every = Uint8Array.from({ length: 256 }, (_, i) => i)
          await same('bytes', 'bytea', `\\x${Buffer.from(every).toString('hex')}`, every)
          await same('text', 'character(5)', 'a b', 'a b    ')
          await same('text', 'character(5)', '', '   ')
          await same('text', 'varchar(5)', 'a  ', 'a  ')
          await same('text', 'name', 'some', 'some')
          await same('other', 'integer[]', '{1,NULL,3}', '{1,NULL,3}')
          await same('other', 'inet', '10.0.0.1/8', '10.0.0.1/8')
          await same('jsonb', 'jsonb', '5', 5n)
          await same('jsonb', 'jsonb', '5.5', 5.5)
          await same('json', 'json', '{"a" :  1e5, "a": 2}', '{"a" :  1e5, "a": 2}')
        })
      })
    })

    test('4 more columns than one number can tell the NULLs of', async () => {
      await onPostgres(url, async (query, client) => {
        const columns = Array.from({ length: 250 }, (_, i) => ({ name: `c${i}`, form: 'text' as const }))
        const what = moved(columns)
        const texts = columns.map((_, i) => (i % 7 === 0 ? null : `${i}`))
        await client.query(`CREATE TEMPORARY TABLE t (${columns.map(({ name }) => `${name} text`)})`)
        await client.query(`INSERT INTO t VALUES (${texts.map((_, i) => `$${i + 1}`)})`, texts)
        await onSqlite(async (native) => {
          native.exec(`CREATE TABLE t (${columns.map(({ name }) => name)})`)
          native.prepare(`INSERT INTO t VALUES (${texts.map(() => '?')})`).run(...texts)
          const before = await digest(native, what, 'from')
          assert.deepEqual(await digestPostgres(query, what, 'to'), before)
          native.exec('UPDATE t SET c245 = NULL')
          assert.deepEqual(await digest(native, what, 'from'), before)
          native.exec("UPDATE t SET c245 = ''")
          const after = await digest(native, what, 'from')
          assert.notEqual(after.digest, before.digest)
          await client.query("UPDATE t SET c245 = ''")
          assert.deepEqual(await digestPostgres(query, what, 'to'), after)
        })
      })
    })

    test('5 a condition and values of its own hold on the side that is read', async () => {
      await onPostgres(url, async (query, client) => {
        await client.query(`CREATE TEMPORARY TABLE t (a text, b int);
          INSERT INTO t VALUES ('x', 1), ('y', 2), ('Z', 3)`)
        const table = { schema: '', name: 't' }
        const what: Moved = {
          from: table,
          to: table,
          key: [],
          rows: 'b > 1',
          columns: [{ from: column('a', 'text'), to: column('c', ''), form: 'text', value: 'lower(a)' }],
        }
        await onSqlite(async (native) => {
          native.exec("CREATE TABLE t (c); INSERT INTO t VALUES ('y'), ('z')")
          assert.deepEqual(await digestPostgres(query, what, 'from'), await digest(native, what, 'to'))
          assert.equal(await countPostgres(query, what, 'from'), 2)
          assert.equal(await count(native, what, 'to'), 2)
        })
      })
    })

    test('6 a database in another encoding has the same digest', async () => {
      const name = `latin_${process.pid}`
      const root = new pg.Client(url)
      await root.connect()
      try {
        await root.query(`CREATE DATABASE ${name} TEMPLATE template0 ENCODING 'LATIN1' LOCALE 'C'`)
        await onPostgres(`${server.url}/${name}`, async (query, client) => {
          await client.query(`CREATE TEMPORARY TABLE t (a text, b jsonb, c uuid, d bytea);
            INSERT INTO t VALUES ('é', '{"ü": 1}', NULL, 'x'), (NULL, NULL, NULL, NULL)`)
          const what = moved([
            { name: 'a', form: 'text' },
            { name: 'b', form: 'jsonb' },
            { name: 'c', form: 'uuid' },
            { name: 'd', form: 'bytes' },
          ])
          await onSqlite(async (native) => {
            native.exec(
              `CREATE TABLE t (a, b, c, d); INSERT INTO t VALUES ('é', '{"ü":1}', NULL, x'78'), (NULL, NULL, NULL, NULL)`,
            )
            assert.deepEqual(await digestPostgres(query, what, 'to'), await digest(native, what, 'from'))
          })
        })
      } finally {
        await root.query(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`)
        await root.end()
      }
    })

    /** Which columns differ. */
    async function byColumn(native: DatabaseSync, query: Query): Promise<string[]> {
      const different: string[] = []
      for (const one of ALL.columns) {
        const what = { ...ALL, columns: [one] }
        const [here, there] = [await digest(native, what, 'from'), await digestPostgres(query, what, 'to')]
        if (here.digest === there.digest) continue
        const values = native.prepare(`SELECT quote("${one.from.name}") AS v FROM t`).all()
        const others = await query<{ v: string }>(`SELECT "${one.to.name}"::text AS v FROM t`)
        different.push(`${one.from.name}: ${values.map(({ v }) => v)} / ${others.map(({ v }) => v)}`)
      }
      return different
    }
  })
}
