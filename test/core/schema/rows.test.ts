import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { fill, readRows } from '../../../src/commands/rows.ts'
import type { Snapshot } from '../../../src/core/schema/rows/row-changes.ts'
import { type RowOptions, sampleRows } from '../../../src/core/schema/rows/rows.ts'
import { type Database, withDatabase } from '../../../src/database/database.ts'
import { KINDS } from '../../matrix.ts'

/** Types of each dialect; those in the first list have room for many values that differ. */
const TYPES = {
  sqlite: [
    ['INTEGER', 'TEXT', 'REAL', 'NUMERIC', 'VARCHAR(40)', 'DECIMAL(10, 2)', 'DATETIME', 'UUID', 'BIGINT'],
    ['BLOB', 'BOOLEAN', 'DATE', 'TIME', 'JSON', 'CHAR(3)', 'ANYTHING'],
  ],
  postgres: [
    [
      'integer',
      'bigint',
      'smallint',
      'text',
      'varchar(40)',
      'uuid',
      'timestamptz',
      'double precision',
      'inet',
    ],
    [
      ...[
        'boolean',
        'real',
        'numeric',
        'numeric(6,2)',
        'numeric(2,2)',
        'char(3)',
        'varchar(1)',
        'date',
        'time',
        'timetz',
      ],
      ...[
        'timestamp(0)',
        'interval',
        'bytea',
        'json',
        'jsonb',
        'int4range',
        'bit(3)',
        'varbit',
        'money',
        'xml',
        'cidr',
      ],
      ...[
        'point',
        'tsvector',
        'macaddr',
        'integer[]',
        'text[]',
        'numeric(6,2)[]',
        'mood',
        'mood[]',
        '"char"',
      ],
    ],
  ],
} as const

const MOOD = `CREATE TYPE mood AS ENUM ('sad', 'it''s ok');`

const LINKS = ['none', 'none', 'before', 'itself', 'nullable', 'later'] as const

interface Drawn {
  readonly columns: readonly { readonly type: number; readonly nullable: boolean; readonly unique: boolean }[]
  readonly link: (typeof LINKS)[number]
}

const drawn: fc.Arbitrary<Drawn[]> = fc.array(
  fc.record({
    columns: fc.array(fc.record({ type: fc.nat(), nullable: fc.boolean(), unique: fc.boolean() }), {
      maxLength: 6,
    }),
    link: fc.constantFrom(...LINKS),
  }),
  { minLength: 1, maxLength: 5 },
)

/** Statements that make the tables that were drawn; keys to later tables come behind them all. */
function statements(dialect: 'sqlite' | 'postgres', tables: readonly Drawn[]): string {
  const roomy: readonly string[] = TYPES[dialect][0]
  const all: readonly string[] = TYPES[dialect].flat()
  const later: string[] = []
  const made = tables.map(({ columns, link }, n) => {
    const own = columns.map(({ type, nullable, unique }, i) => {
      const names = unique ? roomy : all
      return `"c ${i}" ${names[type % names.length]}${nullable ? '' : ' NOT NULL'}${unique ? ' UNIQUE' : ''}`
    })
    const targets = {
      none: undefined,
      before: n > 0 ? n - 1 : undefined,
      itself: n,
      nullable: 0,
      later: tables.length - 1,
    }
    const target = targets[link]
    const other = target === undefined ? [] : [`other ${roomy[0]}${link === 'nullable' ? '' : ' NOT NULL'}`]
    const key = `FOREIGN KEY (other) REFERENCES t${target} (id)`
    const inside = target !== undefined && (dialect === 'sqlite' || target <= n)
    if (target !== undefined && !inside) later.push(`ALTER TABLE t${n} ADD ${key};`)
    return `CREATE TABLE t${n} (${[`id ${roomy[0]} PRIMARY KEY NOT NULL`, ...own, ...other, ...(inside ? [key] : [])].join(', ')});`
  })
  return [...(dialect === 'postgres' ? [MOOD] : []), ...made, ...later].join('\n')
}

async function run(database: Database, text: string): Promise<void> {
  await database.transaction((script) => script({ file: 'test', text, own: true }))
}

/** The rows that are made for a schema, and the names of tables that have none. */
async function rowsOf(
  database: Database,
  options?: RowOptions,
): Promise<{ rows: Snapshot; empty: string[] }> {
  const schema = await database.introspect()
  const empty = await fill(database, schema, options)
  return { rows: await readRows(database, schema), empty: empty.map(({ name }) => name) }
}

/** A row for each of the moods, none of them refused. */
async function fitsAtOnce(database: Database): Promise<void> {
  const schema = await database.introspect()
  const rows = sampleRows(schema)
  const refused: string[] = []
  let next = rows.next()
  while (!next.done) {
    const { sql } = next.value
    const error = await run(database, sql).then(() => undefined, String)
    if (error !== undefined) refused.push(`${sql}: ${error}`)
    next = rows.next(error)
  }
  assert.deepEqual([...refused.slice(0, 3), ...next.value], [])
  for (const [name, { rows: all }] of await readRows(database, schema)) assert.ok(all.length >= 7, name)
}

function column(rows: Snapshot, table: string, name: string): (string | null)[] {
  const { columns = [], rows: all = [] } = rows.get(table) ?? {}
  return all.map((row) => row[columns.indexOf(name)] ?? null)
}

for (const kind of KINDS) {
  const { dialect } = kind
  const here = <T>(ddl: string, work: (database: Database) => Promise<T>) =>
    kind.scratch(({ url }) =>
      withDatabase(url, { create: true }, async (database) => {
        await run(database, ddl)
        return work(database)
      }),
    )

  const clear = (tables: readonly Drawn[]) =>
    dialect === 'postgres'
      ? 'DROP SCHEMA public CASCADE; CREATE SCHEMA public'
      : `PRAGMA defer_foreign_keys = ON; ${[...tables.keys()].map((n) => `DROP TABLE IF EXISTS t${n};`).join(' ')}`

  describe(`rows, ${kind.label}`, () => {
    test('1 every row fits any schema, at the first try', () =>
      here('SELECT 1', (database) =>
        fc.assert(
          fc.asyncProperty(drawn, async (tables) => {
            try {
              await run(database, statements(dialect, tables))
              await fitsAtOnce(database)
            } finally {
              await run(database, clear(tables))
            }
          }),
          { numRuns: 30, seed: 1 },
        ),
      ))

    test('2 the same rows every time', () =>
      here('CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT, b REAL)', async (database) => {
        const schema = await database.introspect()
        const all = () => [...sampleRows(schema)].map(({ sql }) => sql)
        assert.deepEqual(all(), all())
      }))

    test('3 NULLs, edges, and values that are there twice', () =>
      here(
        'CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT, n BIGINT, v VARCHAR(5) NOT NULL)',
        async (database) => {
          const { rows } = await rowsOf(database)
          const [texts, numbers] = [column(rows, 't', 'a'), column(rows, 't', 'n')]
          const quoted = (text: string) => (dialect === 'sqlite' ? `'${text}'` : text)
          assert.ok(texts.includes(null) && texts.includes(quoted('')))
          assert.ok(
            texts.some((text) => text?.includes('🙂')) && texts.some((text) => Number(text?.length) > 900),
          )
          assert.equal(new Set(texts).size, texts.length - 1)
          for (const n of ['0', '-1', '9223372036854775807', null]) assert.ok(numbers.includes(n), String(n))
          assert.ok(!column(rows, 't', 'v').includes(null))
        },
      ))

    test('4 CHECKs, asked of the database', () =>
      here(
        `CREATE TABLE t (id INTEGER PRIMARY KEY, status TEXT NOT NULL CHECK (status IN ('new', 'it''s', 'done')),
           age INTEGER CHECK (age BETWEEN 18 AND 65), low INTEGER NOT NULL, high INTEGER NOT NULL CHECK (high > 3),
           email TEXT NOT NULL UNIQUE CHECK (email LIKE '%_@_%'), code TEXT NOT NULL CHECK (length(code) = 4),
           phone TEXT, CHECK (low < high), CHECK (phone IS NOT NULL OR age IS NOT NULL));
         CREATE TABLE one (id INTEGER PRIMARY KEY CHECK (id = 1), v TEXT);
         CREATE TABLE none (id INTEGER PRIMARY KEY CHECK (id <> id), v TEXT);`,
        async (database) => {
          const { rows, empty } = await rowsOf(database)
          assert.deepEqual(empty, ['none'])
          assert.equal(column(rows, 'one', 'id').length, 1)
          assert.ok(Number(rows.get('t')?.rows.length) >= 6, String(rows.get('t')?.rows.length))
          assert.equal(new Set(column(rows, 't', 'status')).size, 3)
        },
      ))

    test('5 keys of several columns, one to one, of many to many, and to what is unique', () =>
      here(
        `CREATE TABLE tenants (id INTEGER PRIMARY KEY, name VARCHAR(9) UNIQUE);
         CREATE TABLE users (tenant INTEGER REFERENCES tenants (id), n INTEGER, PRIMARY KEY (tenant, n));
         CREATE TABLE profiles (tenant INTEGER, n INTEGER, bio TEXT, PRIMARY KEY (tenant, n),
           FOREIGN KEY (tenant, n) REFERENCES users (tenant, n), FOREIGN KEY (tenant) REFERENCES tenants (id));
         CREATE TABLE follows (a INTEGER REFERENCES tenants (id), b INTEGER REFERENCES tenants (id), PRIMARY KEY (a, b));
         CREATE TABLE named (id INTEGER PRIMARY KEY, name VARCHAR(9) NOT NULL REFERENCES tenants (name));
         CREATE TABLE trees (id INTEGER PRIMARY KEY, up INTEGER NOT NULL REFERENCES trees (id));`,
        async (database) => {
          const { rows, empty } = await rowsOf(database)
          assert.deepEqual(empty, [])
          for (const [name, { rows: all }] of rows) assert.ok(all.length >= 6, `${name}: ${all.length}`)
        },
      ))

    test('6 tables that need each other', () =>
      here(
        dialect === 'sqlite'
          ? `CREATE TABLE a (id INTEGER PRIMARY KEY, b INTEGER REFERENCES b (id), c INTEGER NOT NULL REFERENCES c (id));
             CREATE TABLE b (id INTEGER PRIMARY KEY, a INTEGER NOT NULL REFERENCES a (id));
             CREATE TABLE c (id INTEGER PRIMARY KEY);
             CREATE TABLE x (id INTEGER PRIMARY KEY, y INTEGER NOT NULL REFERENCES y (id));
             CREATE TABLE y (id INTEGER PRIMARY KEY, x INTEGER NOT NULL REFERENCES x (id));`
          : `CREATE TABLE c (id INTEGER PRIMARY KEY);
             CREATE TABLE a (id INTEGER PRIMARY KEY, b INTEGER, c INTEGER NOT NULL REFERENCES c (id));
             CREATE TABLE b (id INTEGER PRIMARY KEY, a INTEGER NOT NULL REFERENCES a (id));
             ALTER TABLE a ADD FOREIGN KEY (b) REFERENCES b (id);
             CREATE TABLE x (id INTEGER PRIMARY KEY, y INTEGER NOT NULL);
             CREATE TABLE y (id INTEGER PRIMARY KEY, x INTEGER NOT NULL REFERENCES x (id));
             ALTER TABLE x ADD FOREIGN KEY (y) REFERENCES y (id);`,
        async (database) => {
          const { rows, empty } = await rowsOf(database)
          assert.deepEqual(empty, [])
          assert.ok(column(rows, 'a', 'b').some((value) => value !== null && value !== 'NULL'))
          assert.ok(Number(rows.get('x')?.rows.length) > 6)
        },
      ))

    test('7 once more into tables that have rows', () =>
      here(
        'CREATE TABLE t (id INTEGER PRIMARY KEY, a VARCHAR(20) UNIQUE); CREATE TABLE u (t INTEGER REFERENCES t (id))',
        async (database) => {
          const { rows } = await rowsOf(database)
          const more = await rowsOf(database, { from: 20, wanted: ({ name }) => name === 't' })
          assert.equal(more.rows.get('t')?.rows.length, 2 * Number(rows.get('t')?.rows.length))
          assert.equal(more.rows.get('u')?.rows.length, rows.get('u')?.rows.length)
        },
      ))

    test('8 rows that fit a later schema too', () =>
      here(
        `CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT, b TEXT, c INTEGER, d TEXT);
         CREATE TABLE later (id INTEGER PRIMARY KEY, a VARCHAR(4) NOT NULL UNIQUE, b INTEGER, c INTEGER CHECK (c < 9),
           d TEXT CHECK (d IN ('on', 'off')))`,
        async (database) => {
          const schema = await database.introspect()
          const later = schema.tables
            .filter(({ name }) => name === 'later')
            .map((table) => ({ ...table, name: 't' }))
          const { rows } = await rowsOf(database, {
            wanted: ({ name }) => name === 't',
            fitting: { ...schema, tables: later },
          })
          assert.ok(Number(rows.get('t')?.rows.length) > 1)
          await run(database, 'INSERT INTO later SELECT id, a, CAST(b AS INTEGER), c, d FROM t')
        },
      ))
  })

  if (dialect === 'postgres') {
    test(`9 what only PostgreSQL has, ${kind.label}`, () =>
      here(
        `CREATE SCHEMA app; CREATE DOMAIN app.positive AS integer CHECK (VALUE > 0);
         CREATE TABLE ids (id INTEGER GENERATED ALWAYS AS IDENTITY PRIMARY KEY, s SERIAL, a TEXT,
           b TEXT GENERATED ALWAYS AS (upper(a)) STORED, d UUID NOT NULL DEFAULT gen_random_uuid(), p app.positive NOT NULL);
         CREATE TABLE refs (id BIGINT GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY, to_id INTEGER NOT NULL REFERENCES ids (id) DEFERRABLE INITIALLY DEFERRED);
         CREATE TABLE parts (at DATE NOT NULL, a TEXT) PARTITION BY RANGE (at);
         CREATE TABLE part1 PARTITION OF parts FOR VALUES FROM ('1999-01-01') TO ('1999-02-01');
         CREATE TABLE app.rooms (room INTEGER NOT NULL, during TSRANGE NOT NULL, EXCLUDE USING gist (during WITH &&));
         CREATE UNIQUE INDEX ON ids (lower(a));`,
        async (database) => {
          const { rows, empty } = await rowsOf(database)
          assert.deepEqual(empty, [])
          assert.deepEqual([...rows.keys()].sort(), ['app.rooms', 'ids', 'parts', 'refs'])
          assert.ok(Number(rows.get('app.rooms')?.rows.length) > 3)
        },
      ))
  } else {
    test('9 what only SQLite has', () =>
      here(
        `CREATE TABLE strict (id INTEGER PRIMARY KEY AUTOINCREMENT, a ANY, b BLOB NOT NULL, c TEXT AS (upper(a))) STRICT;
         CREATE TABLE kv (k TEXT PRIMARY KEY, v TEXT CHECK (json_valid(v)), at TEXT NOT NULL DEFAULT (datetime('now')),
           on_ INTEGER NOT NULL DEFAULT 1, doc TEXT NOT NULL DEFAULT '{}') WITHOUT ROWID;
         CREATE VIRTUAL TABLE words USING fts5 (body);`,
        async (database) => {
          const { rows, empty } = await rowsOf(database)
          assert.deepEqual(empty, [])
          for (const at of column(rows, 'kv', 'at'))
            assert.match(String(at), /^'\d{4}-\d\d-\d\d \d\d:\d\d:\d\d'$/)
          for (const on of column(rows, 'kv', 'on_')) assert.match(String(on), /^[01]$/)
          for (const doc of column(rows, 'kv', 'doc'))
            JSON.parse(String(doc).slice(1, -1).replaceAll("''", "'"))
        },
      ))
  }
}
