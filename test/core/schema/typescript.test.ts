import assert from 'node:assert/strict'
import { DatabaseSync } from 'node:sqlite'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import pg from 'pg'
import { typesOf } from '../../../src/core/schema/draw/typescript.ts'
import type { Column, Schema } from '../../../src/core/schema/model.ts'
import { withDatabase } from '../../../src/database/database.ts'
import { compile } from '../../compile.ts'
import { KINDS, type Scratch } from '../../matrix.ts'
import { column, nexflow, schema, table } from './handmade.ts'

const both = { sqlite: nexflow('sqlite'), postgres: nexflow('postgres') }

function introspect(url: string): Promise<Schema> {
  return withDatabase(url, {}, (database) => database.introspect())
}

/** The type of a column, as it is written. */
function typeIn(text: string, name: string): string | undefined {
  return new RegExp(`^  ${name}: (.*)$`, 'm').exec(text)?.[1]
}

describe('1 what is written', () => {
  test('1.1 one dialect: plain names', () => {
    const text = typesOf({ sqlite: both.sqlite })
    assert.ok(text.startsWith('// Written by "nexflow-migrate types"'))
    assert.ok(
      text.includes(`
export interface SchedulesTable {
  id: string
  skill: string
  cron_expression: string
  input: string
  enabled: Generated<0 | 1>
  created_at: Generated<string>
}

export type Schedule = Selectable<SchedulesTable>
export type NewSchedule = Insertable<SchedulesTable>
export type ScheduleUpdate = Updateable<SchedulesTable>
`),
      text,
    )
    assert.ok(text.includes('\nexport interface Database {\n  logs: LogsTable\n'))
    assert.ok(!text.includes('Sqlite') && !text.includes('Timestamp') && !text.includes('import'))
  })

  test('1.2 both: each with its dialect in front, what they share once', () => {
    const text = typesOf(both)
    assert.ok(
      text.includes(
        'export interface Databases {\n  sqlite: SqliteDatabase\n  postgres: PostgresDatabase\n}',
      ),
    )
    assert.ok(text.includes('export type SqliteNewUser = Insertable<SqliteUsersTable>'))
    assert.ok(text.includes("export type PostgresMessageRole = 'user' | 'assistant' | 'system' | 'tool'"))
    assert.equal(text.match(/export type Generated</g)?.length, 1)
  })

  test('1.3 names of tables that make the same name, or that of something else', async () => {
    const names = [
      'user',
      'users',
      'new_users',
      'user_update',
      'dates',
      'jsons',
      'databases',
      'a b',
      'a-b',
      '2fa',
      '🙂',
      'ɤ ƛ \ua7da \u1ad0',
    ]
    const text = typesOf({
      postgres: schema(
        'postgres',
        [
          ...names.map((name) => table(name, [column('postgres', 'at', 'date')])),
          { ...table('users', [column('postgres', 'x y', 'user_kind', { kind: 'enum' })]), schema: 'app' },
        ],
        {
          enums: [
            { schema: '', name: 'user_kind', values: ["it's", 'a\n"b"', ''] },
            { schema: '', name: 'user', values: [] },
          ],
        },
      ),
    })
    const written = [...text.matchAll(/^export (?:type|interface) (\w+)/gm)].map(([, name]) => name)
    assert.equal(new Set(written).size, written.length, text)
    assert.ok(text.includes(`  'app.users': AppUsersTable\n`))
    assert.ok(text.includes(`  'x y': UserKind\n`))
    const tables = [table('databases', []), table('Database', [])]
    const two = typesOf({ sqlite: schema('sqlite', tables), postgres: schema('postgres', tables) })
    await compile({ 'types.ts': text, 'both.ts': two })
  })

  test('1.4 one of several', () => {
    const singular = {
      users: 'User',
      categories: 'Category',
      addresses: 'Address',
      boxes: 'Box',
      statuses: 'Status',
      order_people: 'OrderPerson',
      news: 'News',
      orderItems: 'OrderItem',
      houses: 'House',
      branches: 'Branch',
      analysis: 'Analysis',
    }
    const names = Object.keys(singular)
    const text = typesOf({
      sqlite: schema(
        'sqlite',
        names.map((name) => table(name, [])),
      ),
    })
    for (const name of names) {
      const one = singular[name as keyof typeof singular]
      assert.match(text, new RegExp(`^export type ${one} = Selectable<`, 'm'), name)
    }
  })

  test('1.5 comments of the database, whatever is in them', async () => {
    const text = typesOf({
      postgres: schema('postgres', [
        table('t', [column('postgres', 'a', 'text', { comment: 'ends */ here' })], { comment: 'two\nlines' }),
      ]),
    })
    assert.ok(
      text.includes(
        '/**\n * two\n * lines\n */\nexport interface TTable {\n  /** ends *\\/ here */\n  a: string\n',
      ),
    )
    await compile({ 'types.ts': text })
  })

  test('1.6 property: any names make a file that compiles', () =>
    fc.assert(
      fc.asyncProperty(
        fc.uniqueArray(fc.string({ unit: 'grapheme', minLength: 1, maxLength: 8 }), {
          minLength: 30,
          maxLength: 60,
        }),
        async (names) => {
          const tables = names.map((name, i) =>
            table(
              name,
              [column('sqlite', name, 'TEXT', { comment: name }), column('sqlite', `${name}2`, 'INT')],
              {
                checks: [
                  { expression: `"${name.replaceAll('"', '""')}" IN ('${names[i]?.replaceAll("'", "''")}')` },
                ],
              },
            ),
          )
          await compile({ 'types.ts': typesOf({ sqlite: schema('sqlite', tables) }) })
        },
      ),
      { numRuns: 4, endOnFailure: true },
    ))
})

describe('2 Kysely', () => {
  test('2.1 takes it as it is: what is optional, what is a union, what comes back', () =>
    compile({
      'types.ts': typesOf(both),
      'app.ts': `
import { Kysely, DummyDriver, SqliteAdapter, SqliteIntrospector, SqliteQueryCompiler } from 'kysely'
import type * as k from 'kysely'
import type * as t from './types.ts'
import type { Databases, PostgresDatabase, PostgresNewUser, PostgresUser, SqliteDatabase, SqliteNewUser, SqliteUserUpdate } from './types.ts'

type Same<A, B> = [A, B] extends [B, A] ? true : false
const dialect = {
  createAdapter: () => new SqliteAdapter(),
  createDriver: () => new DummyDriver(),
  createIntrospector: (db: Kysely<unknown>) => new SqliteIntrospector(db),
  createQueryCompiler: () => new SqliteQueryCompiler(),
}
const sqlite = new Kysely<SqliteDatabase>({ dialect })
const postgres = new Kysely<PostgresDatabase>({ dialect })

// What the database gives itself may be left out, and may be given.
const user: SqliteNewUser = { id: 'a', channel: 'web', channel_user_id: '1' }
await sqlite.insertInto('users').values(user).execute()
await sqlite.insertInto('users').values({ ...user, created_at: '2026-01-15', metadata: null }).execute()
await postgres.insertInto('users').values({ channel: 'web', channel_user_id: '1' }).execute()
await postgres.insertInto('users').values({ channel: 'web', channel_user_id: '1', created_at: new Date(), metadata: { a: [1] } }).execute()
// @ts-expect-error: a column that nobody gives is missing
await sqlite.insertInto('users').values({ id: 'a', channel: 'web' }).execute()
// @ts-expect-error: NOT NULL
await sqlite.insertInto('users').values({ ...user, channel: null }).execute()

const message = { id: 'a', session_id: 's', content: 'hi' }
await sqlite.insertInto('messages').values({ ...message, role: 'tool' }).execute()
// @ts-expect-error: not in the CHECK
await sqlite.insertInto('messages').values({ ...message, role: 'robot' }).execute()
// @ts-expect-error: not in the enum
await postgres.insertInto('messages').values({ ...message, role: 'robot' }).execute()
// @ts-expect-error: neither 0 nor 1
await sqlite.updateTable('schedules').set({ enabled: 2 }).execute()
await sqlite.updateTable('schedules').set({ enabled: 0 }).where('enabled', '=', 1).execute()
// @ts-expect-error: there is no such table
sqlite.selectFrom('nobody')

const one = await sqlite.selectFrom('schedules').selectAll().executeTakeFirstOrThrow()
const enabled: Same<typeof one.enabled, 0 | 1> = true
const created: Same<typeof one.created_at, string> = true
const task = await postgres.selectFrom('tasks').select(['created_at', 'status', 'output']).executeTakeFirstOrThrow()
const at: Same<typeof task.created_at, Date> = true
const status: Same<typeof task.status, 'pending' | 'running' | 'completed' | 'failed'> = true
const output: Same<typeof task.output, t.Json> = true

// Its own types of a row are the same as Kysely's.
const read: Same<PostgresUser, k.Selectable<t.PostgresUsersTable>> = true
const added: Same<PostgresNewUser, k.Insertable<t.PostgresUsersTable>> = true
const changed: Same<SqliteUserUpdate, k.Updateable<t.SqliteUsersTable>> = true
const either: Same<Databases['sqlite' | 'postgres'], SqliteDatabase | PostgresDatabase> = true
export default { enabled, created, at, status, output, read, added, changed, either }
`,
    }))

  test('2.2 what only the database gives; views; nullable columns', () => {
    const of = (name: string, type: string, more: Partial<Column> = {}) =>
      column('postgres', name, type, more)
    const postgres = schema(
      'postgres',
      [
        table(
          'things',
          [
            of('id', 'bigint', { identity: 'always' }),
            of('number', 'integer', { identity: 'by default' }),
            of('twice', 'integer', { generated: { expression: 'number * 2', stored: true }, nullable: true }),
            of('price', 'numeric(10,2)', { default: '0', nullable: true }),
            of('moods', 'mood[]', { kind: 'array' }),
            of('email', 'address', { nullable: true }),
            of('grade', 'grade'),
          ],
          { primaryKey: { columns: ['id'] } },
        ),
      ],
      {
        enums: [{ schema: '', name: 'mood', values: ['good', 'bad'] }],
        domains: [
          { schema: '', name: 'address', type: 'text', nullable: false, checks: [] },
          {
            schema: '',
            name: 'grade',
            type: 'character varying(1)',
            nullable: true,
            checks: [{ expression: `(VALUE)::text = ANY (ARRAY['a'::text, 'b'::text])` }],
          },
        ],
        views: [
          {
            schema: '',
            name: 'cheap',
            columns: [of('id', 'bigint'), of('price', 'numeric')],
            query: '',
            indexes: [],
          },
        ],
      },
    )
    return compile({
      'types.ts': typesOf({ postgres }),
      'app.ts': `
import type { Kysely } from 'kysely'
import type * as k from 'kysely'
import type * as t from './types.ts'
type Same<A, B> = [A, B] extends [B, A] ? true : false
declare const db: Kysely<t.Database>
const thing: t.NewThing = { moods: ['good'], email: 'a@b', grade: 'a' }
await db.insertInto('things').values(thing).execute()
await db.insertInto('things').values({ ...thing, number: 1, price: 2n }).execute()
// @ts-expect-error: GENERATED ALWAYS AS IDENTITY
await db.insertInto('things').values({ ...thing, id: 1 }).execute()
// @ts-expect-error: GENERATED ALWAYS AS IDENTITY
export const wrong: t.NewThing = { ...thing, id: 1 }
// @ts-expect-error: a generated column
await db.updateTable('things').set({ twice: 1 }).execute()
// @ts-expect-error: the domain has a list of values
await db.updateTable('things').set({ grade: 'c' }).execute()
// @ts-expect-error: the domain is NOT NULL
await db.updateTable('things').set({ email: null }).execute()
const { id, twice, price, moods } = await db.selectFrom('things').selectAll().executeTakeFirstOrThrow()
const row: Same<[typeof id, typeof twice, typeof price, typeof moods], [string, number | null, string | null, string]> = true
const cheap = await db.selectFrom('cheap').selectAll().executeTakeFirstOrThrow()
const view: Same<typeof cheap, t.Cheap> & Same<t.Cheap, { id: string | null; price: string | null }> = true
const added: Same<t.NewThing, k.Insertable<t.ThingsTable>> = true
const changed: Same<t.ThingUpdate, k.Updateable<t.ThingsTable>> = true
export default { row, view, added, changed }
`,
    })
  })
})

/** What a type that is written lets in. */
const IS: Readonly<Record<string, (value: unknown) => boolean>> = {
  number: (value) => typeof value === 'number',
  string: (value) => typeof value === 'string',
  boolean: (value) => typeof value === 'boolean',
  Int8: (value) => typeof value === 'string',
  Numeric: (value) => typeof value === 'string',
  Timestamp: (value) => value instanceof Date,
  JsonColumn: (value) => typeof value === 'object',
  Bytes: (value) => value instanceof Buffer,
  Uint8Array: (value) => value instanceof Uint8Array,
  IntervalColumn: (value) => typeof (value as { toISO?: unknown }).toISO === 'function',
  Point: (value) => Object.keys(value as object).join() === 'x,y',
  Circle: (value) => Object.keys(value as object).join() === 'x,y,radius',
  Date: (value) => value instanceof Date,
  Buffer: (value) => value instanceof Buffer,
  Json: () => true,
  Interval: (value) => typeof (value as { toISO?: unknown }).toISO === 'function',
  SqliteValue: (value) => ['string', 'number'].includes(typeof value) || value instanceof Uint8Array,
  Mood: (value) => value === 'good',
  "'a' | 'b'": (value) => value === 'a',
  '0 | 1': (value) => value === 1,
  'number | string': (value) => ['string', 'number'].includes(typeof value),
}

function isOf(type: string, value: unknown): boolean {
  const selected = /^ColumnType<([^,]+),/.exec(type)?.[1] ?? type
  const element = /^(\w+)\[\]$/.exec(selected)?.[1]
  const is = IS[element ?? selected]
  assert.ok(is, `the test knows nothing of ${type}`)
  return element === undefined ? is(value) : Array.isArray(value) && value.every(is)
}

const SQLITE_VALUES: readonly (readonly [type: string, value: string])[] = [
  ['INTEGER', '1'],
  ['BIGINT', '1'],
  ['BOOLEAN', '1'],
  ['REAL', '1'],
  ['NUMERIC', '1.5'],
  ['DECIMAL(10, 2)', '1.5'],
  ['TEXT', "'a'"],
  ['VARCHAR(20)', "'a'"],
  ['UUID', "'6c84fb90-12c4-11e1-840d-7b25c5ee775a'"],
  ['JSON', `'{"a":1}'`],
  ['DATETIME', 'CURRENT_TIMESTAMP'],
  ['TIMESTAMP', 'unixepoch()'],
  ['DATE', "'2026-01-15'"],
  ['BLOB', "x'01'"],
  ['', "'a'"],
  ["TEXT CHECK (@ IN ('a', 'b'))", "'a'"],
  ['INTEGER CHECK (@ IN (0, 1))', '1'],
]

const POSTGRES_VALUES: readonly (readonly [type: string, value: string])[] = [
  ['smallint', '1'],
  ['integer', '1'],
  ['bigint', '1'],
  ['oid', '1'],
  ['real', '1.5'],
  ['double precision', '1.5'],
  ['numeric(10,2)', '1.5'],
  ['money', '1'],
  ['boolean', 'true'],
  ['text', "'a'"],
  ['varchar(20)', "'a'"],
  ['char(3)', "'a'"],
  ['name', "'a'"],
  ['uuid', "'6c84fb90-12c4-11e1-840d-7b25c5ee775a'"],
  ['json', `'{"a":1}'`],
  ['jsonb', `'[1]'`],
  ['bytea', `'\\x01'`],
  ['date', "'2026-01-15'"],
  ['timestamp(3)', "'2026-01-15'"],
  ['timestamptz', "'2026-01-15'"],
  ['time', "'10:00'"],
  ['timetz', "'10:00'"],
  ['interval', "'1 day'"],
  ['point', "'(1,2)'"],
  ['circle', "'<(1,2),3>'"],
  ['box', "'(1,2),(3,4)'"],
  ['inet', "'127.0.0.1'"],
  ['cidr', "'127.0.0.0/8'"],
  ['macaddr', "'08:00:2b:01:02:03'"],
  ['bit varying(3)', "B'101'"],
  ['xml', "'<a/>'"],
  ['tsvector', "'a'"],
  ['int4range', "'[1,2)'"],
  ['mood', "'good'"],
  ['"Odd Name"', "'good'"],
  ['short', "'a'"],
  ["text CHECK (@ IN ('a', 'b'))", "'a'"],
  ...[
    'smallint integer bigint oid real|1',
    'numeric(10,2)|1.5',
    'boolean|true',
    'text varchar(20) char(3) name|a',
    'uuid|6c84fb90-12c4-11e1-840d-7b25c5ee775a',
    'date timestamp timestamptz|2026-01-15',
    'time timetz|10:00',
    'interval|1 day',
    'inet|127.0.0.1',
    'cidr|127.0.0.0/8',
    'macaddr|08:00:2b:01:02:03',
    'money|1',
    'numrange int4range|"[1,2)"',
    'bit|1',
    'mood|good',
    'json jsonb|1',
    'bytea|"\\\\x01"',
    'xml|<a/>',
  ].flatMap((row) => {
    const [types = '', value] = row.split('|')
    return types.split(' ').map((type) => [`${type}[]`, `'{${value}}'`] as const)
  }),
]

describe('3 what is written is what the driver gives', { concurrency: true }, () => {
  for (const { label, dialect, scratch } of KINDS) {
    const values = dialect === 'sqlite' ? SQLITE_VALUES : POSTGRES_VALUES
    test(`3.1 ${label}`, () =>
      scratch(async ({ url, query }: Scratch) => {
        if (dialect === 'postgres') {
          await query(`CREATE TYPE mood AS ENUM ('good', 'bad')`)
          await query(`CREATE DOMAIN "Odd Name" AS mood`)
          await query(`CREATE DOMAIN short AS varchar(1) CHECK (VALUE IN ('a', 'b'))`)
        }
        const columns = values.map(([type], i) => `c${i} ${type.replace('@', `c${i}`)} NOT NULL`)
        await query(`CREATE TABLE all_types (${columns.join(', ')})`)
        await query(`INSERT INTO all_types VALUES (${values.map(([, value]) => value).join(', ')})`)
        const text = typesOf({ [dialect]: await introspect(url) })
        const [row = {}] = await rowsOf(url, 'SELECT * FROM all_types')
        for (const [i, [type]] of values.entries()) {
          const written = typeIn(text, `c${i}`) ?? ''
          assert.ok(isOf(written, row[`c${i}`]), `${type}: ${written} and ${String(row[`c${i}`])}`)
        }
        await compile({ 'types.ts': text })
      }))
  }

  test('3.2 an INTEGER PRIMARY KEY of SQLite counts by itself', () =>
    KINDS[0]?.scratch(async ({ url, query }) => {
      await query('CREATE TABLE a (id INTEGER PRIMARY KEY, x ANY)')
      await query('CREATE TABLE b (idb INTEGER PRIMARY KEY DESC)')
      await query('CREATE TABLE c (idc INTEGER PRIMARY KEY) WITHOUT ROWID')
      await query('CREATE TABLE d (idd INT PRIMARY KEY)')
      const text = typesOf({ sqlite: await introspect(url) })
      assert.equal(typeIn(text, 'id'), 'Generated<number>')
      assert.equal(typeIn(text, 'idb'), 'number | null')
      assert.equal(typeIn(text, 'idc'), 'number')
      assert.equal(typeIn(text, 'idd'), 'number | null')
      assert.equal(typeIn(text, 'x'), 'SqliteValue | null')
    }))

  test('3.3 a list that lets in other texts than it names is none', () => {
    const checks = [{ expression: `x IN ('a', 'b')` }]
    const written = (type: string, more: Partial<Column> = {}) =>
      typeIn(
        typesOf({
          postgres: schema('postgres', [table('t', [column('postgres', 'x', type, more)], { checks })]),
        }),
        'x',
      )
    assert.equal(written('text'), "'a' | 'b'")
    assert.equal(written('character varying(3)'), "'a' | 'b'")
    assert.equal(written('citext'), 'string')
    assert.equal(written('character(3)'), 'string')
    assert.equal(written('text', { collation: '"de"' }), 'string')
    assert.equal(written('integer'), 'number')
    assert.equal(written('bigint'), 'Int8')
  })

  test('3.4 a partition is no table of its own', () => {
    const part = table('part', [], { partitionOf: { schema: '', name: 'whole', bound: 'DEFAULT' } })
    const text = typesOf({ postgres: schema('postgres', [table('whole', []), part]) })
    assert.ok(text.includes('WholeTable') && !text.includes('Part'))
  })
})

/** As the driver gives them to whoever changes nothing. */
async function rowsOf(url: string, sql: string): Promise<Record<string, unknown>[]> {
  if (url.startsWith('sqlite:')) {
    const database = new DatabaseSync(url.slice('sqlite:'.length))
    try {
      return database.prepare(sql).all()
    } finally {
      database.close()
    }
  }
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    return (await client.query(sql)).rows
  } finally {
    await client.end()
  }
}
