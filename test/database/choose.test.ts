import assert from 'node:assert/strict'
import { DatabaseSync } from 'node:sqlite'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import pg from 'pg'
import type { Dialect } from '../../src/core/migrations.ts'
import { nameOf } from '../../src/core/schema/model.ts'
import { quoteName } from '../../src/core/text.ts'
import { trialsOf } from '../../src/core/transfer/map.ts'
import { select, type Wanted } from '../../src/core/transfer/select.ts'
import { tryOut } from '../../src/database/choose.ts'
import { type Database, withDatabase } from '../../src/database/database.ts'
import { KINDS, type Kind, NEWEST } from '../matrix.ts'
import { errorOf } from '../tools.ts'

/** A database of a test's own, in one transaction that is rolled back. */
interface Open {
  readonly dialect: Dialect
  readonly database: Database
  exec(sql: string): Promise<void>
  /** The values of a column `n`, in order. */
  numbers(sql: string): Promise<number[]>
  choose(wanted: Wanted): Promise<Map<string, string>>
}

/** Does `work` in a transaction of an empty database. */
function withOpen<T>(kind: Kind, work: (open: Open) => Promise<T>): Promise<T> {
  return kind.scratch(({ url }) => (kind.dialect === 'sqlite' ? inSqlite(work) : inPostgres(url, work)))
}

async function inSqlite<T>(work: (open: Open) => Promise<T>): Promise<T> {
  const native = new DatabaseSync(':memory:')
  const { choose } = await import('../../src/database/sqlite/choose.ts')
  native.exec('PRAGMA foreign_keys = OFF; BEGIN')
  try {
    return await withDatabase(native, {}, (database) =>
      work({
        dialect: 'sqlite',
        database,
        exec: async (sql) => native.exec(sql),
        numbers: async (sql) =>
          native
            .prepare(`${sql} ORDER BY n`)
            .all()
            .map(({ n }) => Number(n)),
        choose: async (wanted) => choose(native, select(await database.introspect(), wanted)),
      }),
    )
  } finally {
    native.close()
  }
}

async function inPostgres<T>(url: string, work: (open: Open) => Promise<T>): Promise<T> {
  const client = new pg.Client(url)
  const { choose } = await import('../../src/database/postgres/choose.ts')
  await client.connect()
  try {
    await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ')
    return await withDatabase(client, {}, (database) =>
      work({
        dialect: 'postgres',
        database,
        exec: async (sql) => void (await client.query(sql)),
        numbers: async (sql) => (await client.query(`${sql} ORDER BY n`)).rows.map(({ n }) => Number(n)),
        choose: async (wanted) => choose(client, select(await database.introspect(), wanted)),
      }),
    )
  } finally {
    await client.end()
  }
}

/** The numbers of the rows that are moved, by table. */
async function chosen(
  { database, numbers, choose }: Open,
  wanted: Wanted,
): Promise<Record<string, number[]>> {
  const conditions = await choose(wanted)
  const found: Record<string, number[]> = {}
  for (const { table } of select(await database.introspect(), wanted).choices) {
    const condition = conditions.get(nameOf(table))
    const where = condition === undefined ? '' : ` WHERE (${condition})`
    found[nameOf(table)] = await numbers(`SELECT n FROM ${quoteName(table.name)}${where}`)
  }
  return found
}

// ---------------------------------------------------------------- what is made up

const NAMES = ['users', 'Order', 'd e', 'tags']

/** A value of a foreign key: a row of the other table, nothing, or of two columns the second NULL. */
type Link = number | null | 'half'

interface Made {
  readonly key: 'id' | 'text' | 'pair' | 'none'
  /** SQLite. */
  readonly withoutRowid: boolean
  readonly references: readonly number[]
  readonly rows: readonly (readonly Link[])[]
}

const link = fc.oneof({ weight: 4, arbitrary: fc.nat(9) }, fc.constant(null), fc.constant('half' as const))

const made = fc.array(
  fc.record<Made>({
    key: fc.constantFrom('id', 'text', 'pair', 'none'),
    withoutRowid: fc.boolean(),
    references: fc.array(fc.nat(3), { maxLength: 3 }),
    rows: fc.array(fc.tuple(link, link, link), { maxLength: 8 }),
  }),
  { minLength: 1, maxLength: 4 },
)

const wanted = fc.record({
  only: fc.option(fc.uniqueArray(fc.nat(3), { minLength: 1 }), { nil: undefined }),
  where: fc.array(fc.nat(3), { maxLength: 2 }),
  limit: fc.option(fc.integer({ min: 1, max: 4 }), { nil: undefined }),
})

const keyColumns = ({ key }: Made) => (key === 'pair' ? ['a', 'b'] : key === 'none' ? [] : ['id'])

/** The key of row `i`: not in the order of the rows. */
function keyValues({ key }: Made, i: number): (number | string)[] {
  const other = (i * 7) % 10
  if (key === 'pair') return [i % 2, `k${other}`]
  return key === 'none' ? [] : [key === 'id' ? other : `k${other}`]
}

/** The foreign keys of a table that refer to a key that there is: which of its links, and the other table. */
function keysOf(tables: readonly Made[], table: Made) {
  return table.references.flatMap((at, j) => {
    const other = tables[at]
    return other === undefined || other.key === 'none' ? [] : [{ j, at, other }]
  })
}

/** The row that a link refers to. */
function linked(other: Made, to: Link | undefined): number | undefined {
  if (to === null || to === undefined || other.rows.length === 0) return undefined
  if (to === 'half') return other.key === 'pair' ? undefined : 0
  return to % other.rows.length
}

function literal(value: number | string | null): string {
  return typeof value === 'string' ? `'${value}'` : String(value)
}

function scriptOf(tables: readonly Made[], dialect: Dialect): string {
  const types: Readonly<Record<string, string>> = { id: 'INTEGER', text: 'TEXT', a: 'INTEGER', b: 'TEXT' }
  const typeOf = (table: Made, column: string) => types[column === 'id' ? table.key : column] ?? ''
  const made: string[] = []
  const filled: string[] = []
  const tied: string[] = []
  for (const [i, table] of tables.entries()) {
    const name = quoteName(NAMES[i] ?? '')
    const keys = keysOf(tables, table).map(({ j, at, other }) => {
      const columns = keyColumns(other)
      const own = columns.map((column) => `r${j}${column}`)
      const to = `${quoteName(NAMES[at] ?? '')} (${columns.join(', ')})`
      return { j, other, columns, own, sql: `FOREIGN KEY (${own.join(', ')}) REFERENCES ${to}` }
    })
    const lines = [
      ...keyColumns(table).map((column) => `${column} ${typeOf(table, column)} NOT NULL`),
      ...keys.flatMap(({ own, columns, other }) =>
        own.map((one, k) => `${one} ${typeOf(other, columns[k] ?? '')}`),
      ),
      'n INTEGER NOT NULL',
      ...(table.key === 'none' ? [] : [`PRIMARY KEY (${keyColumns(table).join(', ')})`]),
      ...(dialect === 'sqlite' ? keys.map(({ sql }) => sql) : []),
    ]
    const option = dialect === 'sqlite' && table.withoutRowid && table.key !== 'none' ? ' WITHOUT ROWID' : ''
    made.push(`CREATE TABLE ${name} (${lines.join(', ')})${option}`)
    if (dialect === 'postgres') tied.push(...keys.map(({ sql }) => `ALTER TABLE ${name} ADD ${sql}`))
    for (const [n, links] of table.rows.entries()) {
      const values = keys.flatMap(({ j, other, own }) => {
        const row = linked(other, links[j])
        if (row !== undefined) return keyValues(other, row)
        return own.map((_, k) => (k === 0 && links[j] === 'half' && own.length > 1 ? 1 : null))
      })
      const all = [...keyValues(table, n), ...values, n].map(literal)
      filled.push(`INSERT INTO ${name} VALUES (${all.join(', ')})`)
    }
  }
  return [...made, ...filled, ...tied].join(';\n')
}

/** What must be chosen, as JavaScript finds it; of a table without a key any so many. */
function expected(
  tables: readonly Made[],
  {
    only,
    where,
    limit,
  }: { only: readonly number[] | undefined; where: readonly number[]; limit: number | undefined },
  found: Readonly<Record<string, number[]>>,
): Record<string, number[]> {
  const rows = new Map<number, Set<number>>()
  for (const [i, table] of tables.entries()) {
    if (!(only === undefined || only.includes(i))) continue
    const all = table.rows.map((_, n) => n).filter((n) => !where.includes(i) || n % 2 === 0)
    const most = limit ?? all.length
    const greatestFirst = all.toSorted((a, b) => compare(keyValues(table, b), keyValues(table, a)))
    const any = (found[NAMES[i] ?? ''] ?? []).filter((n) => all.includes(n)).slice(0, most)
    const first = table.key === 'none' ? any : greatestFirst.slice(0, most)
    assert.equal(first.length, Math.min(most, all.length))
    rows.set(i, new Set(first))
  }
  for (let more = true; more; ) {
    more = false
    for (const [i, chosen] of [...rows]) {
      const table = tables[i] as Made
      for (const { j, at, other } of keysOf(tables, table)) {
        const theirs = rows.get(at) ?? new Set()
        more ||= !rows.has(at)
        rows.set(at, theirs)
        for (const n of chosen) {
          const row = linked(other, table.rows[n]?.[j])
          if (row === undefined || theirs.has(row)) continue
          theirs.add(row)
          more = true
        }
      }
    }
  }
  const named = [...rows].map(([i, numbers]) => [NAMES[i], [...numbers].sort((a, b) => a - b)] as const)
  return Object.fromEntries(named)
}

function compare(a: readonly (number | string)[], b: readonly (number | string)[]): number {
  for (const [i, value] of a.entries()) {
    const other = b[i] as number | string
    if (value !== other) return value < other ? -1 : 1
  }
  return 0
}

for (const kind of NEWEST) {
  test(`1 ${kind.label}: what is asked for and what it refers to, and nothing else`, () =>
    withOpen(kind, async (open) => {
      const property = fc.asyncProperty(made, wanted, async (tables, { only, where, limit }) => {
        const there = (at: number) => at < tables.length
        const chosenOnly = only?.filter(there)
        fc.pre(chosenOnly === undefined || chosenOnly.length > 0)
        const conditions = where.filter((at) => there(at) && (chosenOnly?.includes(at) ?? true))
        await open.exec('SAVEPOINT start')
        await open.exec(scriptOf(tables, open.dialect))
        const found = await chosen(open, {
          ...(chosenOnly && { only: chosenOnly.map((at) => NAMES[at] ?? '') }),
          where: Object.fromEntries(conditions.map((at) => [NAMES[at], 'n % 2 = 0 -- even'])),
          ...(limit && { limit }),
        })
        assert.deepEqual(found, {
          ...expected(tables, { only: chosenOnly, where: conditions, limit }, found),
        })
        await open.exec('ROLLBACK TO start')
      })
      await fc.assert(property, { numRuns: kind.dialect === 'sqlite' ? 300 : 60 })
    }))
}

// ---------------------------------------------------------------- cases

for (const kind of KINDS) {
  describe(`2 ${kind.label}`, () => {
    test('2.1 a chain of rows that each refer to the one before', () =>
      withOpen(kind, async (open) => {
        const chain = 500
        await open.exec(`CREATE TABLE a (n INTEGER PRIMARY KEY, before INTEGER REFERENCES a);
          WITH RECURSIVE i (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM i WHERE n <= ${chain})
          INSERT INTO a SELECT n, nullif(n - 1, 0) FROM i`)
        await open.exec(`INSERT INTO a VALUES (9999, NULL)`)
        const { a } = await chosen(open, { where: { a: `a.n = ${chain}` } })
        assert.deepEqual(
          a,
          Array.from({ length: chain }, (_, i) => i + 1),
        )
      }))

    test('2.2 a condition that cannot be run', () =>
      withOpen(kind, async (open) => {
        await open.exec('CREATE TABLE a (n INTEGER PRIMARY KEY); INSERT INTO a VALUES (0)')
        const schema = await open.database.introspect()
        for (const [where, says] of [
          ['m > 1', /^--where a: .*m/],
          ['count(*) > 1', /^--where a: .*aggregate/],
          ["n = 'a", /^--where a: .*unterminated|^--where a: .*unrecognized/],
        ] as const) {
          const selection = select(schema, { where: { a: where } })
          await open.exec('SAVEPOINT start')
          const error = await errorOf(tryOut(open.database, trialsOf([], schema, selection, {})))
          assert.equal(error.code, 'USAGE')
          assert.match(error.message, says)
          await open.exec('ROLLBACK TO start')
        }
        const fine = select(schema, { where: { a: 'n > (SELECT max(n) FROM a) - 1' } })
        await tryOut(open.database, trialsOf([], schema, fine, {}))
        // What is only wrong with the rows.
        const wrong = kind.dialect === 'sqlite' ? `json_extract('{', '$') = n` : '1 / n = 1'
        const error = await errorOf(open.choose({ where: { a: wrong } }))
        assert.equal(error.code, 'USAGE')
        assert.match(error.message, /^--where a: /)
      }))

    test('2.3 chosen twice in one transaction', () =>
      withOpen(kind, async (open) => {
        await open.exec('CREATE TABLE a (n INTEGER PRIMARY KEY); INSERT INTO a VALUES (1), (2), (3)')
        assert.deepEqual(await chosen(open, { limit: 2 }), { a: [2, 3] })
        assert.deepEqual(await chosen(open, { limit: 1 }), { a: [3] })
        assert.deepEqual(await open.choose({}), new Map())
      }))
  })
}

describe('3 SQLite', () => {
  const [sqlite] = KINDS as [Kind, ...Kind[]]
  const taken = (script: string, wanted: Wanted) =>
    withOpen(sqlite, async (open) => {
      await open.exec(script)
      return chosen(open, wanted)
    })

  test('3.1 a foreign key compares by affinity and collation of what it refers to', async () => {
    const script = (parent: string, child: string) => `CREATE TABLE p (n INTEGER, k ${parent} UNIQUE);
      CREATE TABLE c (n INTEGER, k ${child} REFERENCES p (k));`
    const only = { only: ['c'] }
    const texts = await taken(
      `${script('TEXT', 'INTEGER')} INSERT INTO p VALUES (1, '7'), (2, '07'); INSERT INTO c VALUES (1, 7)`,
      only,
    )
    assert.deepEqual(texts.p, [1])
    const numbers = await taken(
      `${script('INTEGER', 'TEXT')} INSERT INTO p VALUES (1, 7), (2, 8); INSERT INTO c VALUES (1, '07')`,
      only,
    )
    assert.deepEqual(numbers.p, [1])
    const cases = await taken(
      `${script('TEXT COLLATE NOCASE', 'TEXT')} INSERT INTO p VALUES (1, 'Ann'), (2, 'Bob'); INSERT INTO c VALUES (1, 'ANN')`,
      only,
    )
    assert.deepEqual(cases.p, [1])
    const exact = await taken(
      `${script('TEXT', 'TEXT COLLATE NOCASE')} INSERT INTO p VALUES (1, 'Ann'), (2, 'ann'); INSERT INTO c VALUES (1, 'ann')`,
      only,
    )
    assert.deepEqual(exact.p, [2])
  })

  test('3.2 columns that hide the rowid', async () => {
    const rows = "INSERT INTO a VALUES (5, 'x', 'y', 1), (5, 'z', 'w', 2)"
    const hidden = (key: string) => `CREATE TABLE a (rowid ${key}, _rowid_, "OID", n INTEGER)`
    assert.deepEqual(await taken(`CREATE TABLE a (rowid, x, OID, n); ${rows}`, { where: { a: 'n = 2' } }), {
      a: [2],
    })
    const keyed = `CREATE TABLE a (rowid, _rowid_ NOT NULL, oid, n, PRIMARY KEY (_rowid_)); ${rows}`
    assert.deepEqual(await taken(keyed, { where: { a: 'n = 2' } }), { a: [2] })
    const error = await errorOf(taken(`${hidden('')}; ${rows}`, { limit: 1 }))
    assert.equal(error.code, 'USAGE')
    assert.match(error.message, /nothing tells the rows of a apart/)
    assert.deepEqual(await taken(`${hidden('')}; ${rows}`, {}), { a: [1, 2] })
  })

  test('3.3 a key WITHOUT ROWID in a collation of its own', async () => {
    const script = (
      column: string,
      key: string,
    ) => `CREATE TABLE a (x TEXT ${column}, n, PRIMARY KEY (x ${key})) WITHOUT ROWID;
      INSERT INTO a VALUES ('a', 1), ('A', 2), ('b', 3)`
    const where = { where: { a: 'n = 2' } }
    assert.deepEqual(await taken(script('COLLATE NOCASE', 'COLLATE BINARY'), where), { a: [2] })
    assert.deepEqual(await taken(script('', ''), where), { a: [2] })
  })

  test('3.4 foreign keys to nowhere, and rows that refer to none', async () => {
    const script = `CREATE TABLE a (n INTEGER PRIMARY KEY, x REFERENCES nowhere, y REFERENCES a, z REFERENCES b (q), FOREIGN KEY (x, y) REFERENCES a);
      CREATE TABLE b (n INTEGER, q UNIQUE);
      INSERT INTO a VALUES (1, 1, 77, 1), (2, 2, 1, 2); INSERT INTO b VALUES (1, 2), (2, 3)`
    assert.deepEqual(await taken(script, { only: ['a'], limit: 1 }), { a: [1, 2], b: [1] })
  })
})

test('3.5 SQLite: of so many rows that the table is better read once', () =>
  withOpen((KINDS as [Kind])[0], async (open) => {
    await open.exec(`CREATE TABLE a (n INTEGER PRIMARY KEY); CREATE TABLE b (n, x INTEGER PRIMARY KEY REFERENCES a) WITHOUT ROWID;
      WITH RECURSIVE i (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM i WHERE n < 31000) INSERT INTO a SELECT n FROM i;
      INSERT INTO b SELECT n, n FROM a`)
    const { a = [], b = [] } = await chosen(open, { only: ['b'], limit: 30_500 })
    assert.deepEqual([a.length, a[0], b.length, b[0]], [30_500, 501, 30_500, 501])
    const conditions = await open.choose({ only: ['b'], limit: 30_500 })
    assert.deepEqual([...conditions.keys()], ['a', 'b'])
    for (const [table, condition] of conditions) {
      const plan = await open.database.query(`EXPLAIN QUERY PLAN SELECT n FROM ${table} WHERE ${condition}`)
      assert.match(String(plan[0]?.detail), /^SCAN/)
    }
  }))

describe('4 PostgreSQL', () => {
  for (const kind of KINDS.filter(({ dialect }) => dialect === 'postgres')) {
    const taken = (script: string, wanted: Wanted) =>
      withOpen(kind, async (open) => {
        await open.exec(script)
        return chosen(open, wanted)
      })

    test(`4.1 ${kind.label}: partitions, and foreign keys of and to one of them`, async () => {
      const script = `CREATE TABLE p (n int, part int, up int, PRIMARY KEY (n, part)) PARTITION BY LIST (part);
        CREATE TABLE p1 PARTITION OF p FOR VALUES IN (1); CREATE TABLE p2 PARTITION OF p FOR VALUES IN (2) PARTITION BY RANGE (n);
        CREATE TABLE p2a PARTITION OF p2 DEFAULT;
        ALTER TABLE p1 ADD UNIQUE (n); ALTER TABLE p2a ADD FOREIGN KEY (up) REFERENCES p1 (n);
        CREATE TABLE c (n int, pn int, part int, FOREIGN KEY (pn, part) REFERENCES p);
        CREATE TABLE one (n int, p1 int REFERENCES p1 (n));
        INSERT INTO p VALUES (1, 1, NULL), (2, 1, NULL), (3, 1, NULL), (4, 2, 1), (5, 2, 2), (6, 2, 3);
        INSERT INTO c VALUES (1, 4, 2), (2, 3, 1), (3, NULL, 2); INSERT INTO one VALUES (1, 2)`
      assert.deepEqual(await taken(script, { only: ['c'] }), { c: [1, 2, 3], p: [1, 3, 4] })
      assert.deepEqual(await taken(script, { only: ['one'] }), { one: [1], p: [2] })
      assert.deepEqual(await taken(script, { only: ['p'], limit: 2 }), { p: [2, 3, 5, 6] })
      const error = await errorOf(taken(script, { only: ['p2a'] }))
      assert.deepEqual([error.code, error.message], ['USAGE', '--only: p2a is a partition of p'])
      const needed = await errorOf(taken(script, { exclude: ['p'] }))
      assert.match(needed.message, /p is needed: the foreign key c \(pn, part\)/)
    })

    test(`4.2 ${kind.label}: collations, types and schemas that differ`, async () => {
      const script = `CREATE SCHEMA "S t";
        CREATE TABLE "S t".p (n int, k text COLLATE "C" UNIQUE, i bigint UNIQUE);
        CREATE TABLE c (n int, k varchar(9) REFERENCES "S t".p (k), i smallint REFERENCES "S t".p (i));
        CREATE TABLE d (n int, k text COLLATE "POSIX" UNIQUE); CREATE TABLE e (n int, k text REFERENCES d (k));
        INSERT INTO "S t".p VALUES (1, 'a', 1), (2, 'b', 2), (3, 'c', 3); INSERT INTO c VALUES (1, 'b', 3);
        INSERT INTO d VALUES (1, 'x'), (2, 'y'); INSERT INTO e VALUES (1, 'y')`
      await withOpen(kind, async (open) => {
        await open.exec(script)
        const conditions = await open.choose({ only: ['c', 'e'] })
        assert.deepEqual([...conditions.keys()].sort(), ['S t.p', 'd'])
        const theirs = await open.numbers(`SELECT n FROM "S t".p WHERE ${conditions.get('S t.p')}`)
        assert.deepEqual(theirs, [2, 3])
        assert.deepEqual(await open.numbers(`SELECT n FROM d WHERE ${conditions.get('d')}`), [2])
      })
    })

    test(`4.3 ${kind.label}: a table that others inherit from`, async () => {
      const script = `CREATE TABLE a (n int PRIMARY KEY); CREATE TABLE b () INHERITS (a); CREATE TABLE c (n int, a int REFERENCES a);
        INSERT INTO a VALUES (1), (2); INSERT INTO b VALUES (1), (3); INSERT INTO c VALUES (1, 1)`
      await withOpen(kind, async (open) => {
        await open.exec(script)
        const conditions = await open.choose({ only: ['c'] })
        assert.deepEqual(await open.numbers(`SELECT n FROM ONLY a WHERE ${conditions.get('a')}`), [1])
      })
    })
  }
})
