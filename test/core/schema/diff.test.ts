import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { diff } from '../../../src/core/schema/diff.ts'
import { type Difference, differenceText } from '../../../src/core/schema/difference.ts'
import { emptySchema, type Schema, type Table } from '../../../src/core/schema/model.ts'

/** Has everything that a schema can have, of either database. */
const FULL: Schema = {
  dialect: 'postgres',
  extensions: ['citext'],
  enums: [{ schema: '', name: 'mood', values: ['sad', 'happy'], comment: 'how it is' }],
  domains: [
    {
      schema: '',
      name: 'email',
      type: 'text',
      nullable: false,
      default: "''::text",
      checks: [{ name: 'email_check', expression: "VALUE ~ '@'", notValid: true }],
      comment: 'an address',
    },
  ],
  sequences: [
    {
      schema: '',
      name: 'numbers',
      type: 'bigint',
      start: '1',
      increment: '1',
      min: '1',
      max: '9223372036854775807',
      cycle: true,
      comment: 'counts',
    },
  ],
  functions: [
    { schema: '', name: 'f', arguments: 'integer', sql: 'CREATE FUNCTION f …', comment: 'does it' },
  ],
  tables: [
    {
      schema: '',
      name: 'users',
      columns: [
        { name: 'id', type: 'bigint', kind: 'integer', nullable: false, identity: 'always' },
        {
          name: 'email',
          type: 'text',
          kind: 'text',
          nullable: true,
          default: "''::text",
          collation: '"C"',
          onConflict: 'FAIL',
          comment: 'an address',
        },
        {
          name: 'short',
          type: 'text',
          kind: 'text',
          nullable: true,
          generated: { expression: 'lower(email)', stored: true },
        },
      ],
      primaryKey: {
        name: 'users_pkey',
        columns: ['id'],
        desc: ['id'],
        collations: { id: 'NOCASE' },
        onConflict: 'REPLACE',
        include: ['email'],
        deferrable: 'immediate',
      },
      uniques: [{ name: 'users_email_key', columns: ['email', 'short'], nullsNotDistinct: true }],
      foreignKeys: [
        {
          name: 'users_email_fkey',
          columns: ['email'],
          to: { schema: 'other', name: 'addresses' },
          references: ['address'],
          onDelete: 'SET NULL',
          onDeleteColumns: ['email'],
          onUpdate: 'CASCADE',
          matchFull: true,
          deferrable: 'deferred',
          notValid: true,
        },
      ],
      checks: [{ name: 'users_check', expression: 'length(email) > 3', notValid: true }],
      exclusions: [{ name: 'users_excl', definition: 'EXCLUDE USING gist (email WITH =)' }],
      indexes: [
        {
          name: 'users_short_idx',
          unique: false,
          parts: [
            { column: 'short', desc: true, nulls: 'last', collation: '"C"', operators: 'text_pattern_ops' },
            { expression: 'lower(email)' },
          ],
          method: 'gist',
          where: 'email IS NOT NULL',
          include: ['id'],
          nullsNotDistinct: true,
          comment: 'finds it',
        },
      ],
      strict: true,
      withoutRowid: true,
      unlogged: true,
      virtual: 'CREATE VIRTUAL TABLE …',
      partitionBy: 'RANGE (id)',
      partitionOf: { schema: '', name: 'people', bound: 'DEFAULT' },
      comment: 'who they are',
    },
  ],
  views: [
    {
      schema: '',
      name: 'names',
      columns: [{ name: 'short', type: 'text', kind: 'text' }],
      query: 'SELECT short FROM users',
      materialized: true,
      indexes: [{ name: 'names_idx', unique: true, parts: [{ column: 'short' }] }],
      comment: 'short ones',
    },
  ],
  triggers: [
    {
      schema: '',
      name: 'touch',
      table: 'users',
      timing: 'BEFORE',
      events: ['UPDATE'],
      of: ['email'],
      sql: 'CREATE TRIGGER touch …',
      enabled: 'always',
      comment: 'touches',
    },
  ],
}

const copy = (schema: Schema) => structuredClone(schema) as unknown as Record<string, unknown>

type Path = readonly (string | number)[]

/** Every value of a tree that holds no others, by its path; and every list. */
function* leaves(value: unknown, path: Path = []): Generator<Path> {
  if (typeof value !== 'object' || value === null) return yield path
  if (Array.isArray(value)) yield path
  for (const [key, inner] of Object.entries(value)) yield* leaves(inner, [...path, key])
}

/** The schema with another value in one place. */
function changed(path: Path): Schema {
  const schema = copy(FULL)
  const holder = path
    .slice(0, -1)
    .reduce<Record<string | number, unknown>>(
      (inner, key) => inner[key] as Record<string | number, unknown>,
      schema,
    )
  const key = path.at(-1) ?? ''
  const { [key]: value } = holder
  if (Array.isArray(value)) holder[key] = []
  else holder[key] = typeof value === 'boolean' ? !value : `${value} and more`
  return schema as unknown as Schema
}

/** What other values follow from, or stand for. */
const DERIVED = /^dialect$|kind$/

describe('diff', () => {
  test('1 a schema is as itself', () => {
    assert.deepEqual(diff(FULL, FULL), [])
    assert.deepEqual(diff(FULL, structuredClone(FULL)), [])
    assert.deepEqual(diff(emptySchema('sqlite'), emptySchema('sqlite')), [])
  })

  test('2 no change of anything goes unseen', () => {
    for (const path of leaves(FULL)) {
      const where = path.join('.')
      if (DERIVED.test(where)) continue
      assert.notDeepEqual(diff(FULL, changed(path)), [], where)
      assert.notDeepEqual(diff(changed(path), FULL), [], where)
    }
  })

  test('3 what is only on one side is missing, or extra', () => {
    const parts = [
      'enums',
      'domains',
      'sequences',
      'functions',
      'tables',
      'views',
      'triggers',
      'extensions',
    ] as const
    const objects = ['enum', 'domain', 'sequence', 'function', 'table', 'view', 'trigger', 'extension']
    for (const [i, part] of parts.entries()) {
      const less = { ...FULL, [part]: [] }
      const [missing, ...more] = diff(FULL, less)
      assert.deepEqual([missing?.object, missing?.change, more.length], [objects[i], 'missing', 0])
      assert.deepEqual(diff(less, FULL), [{ ...missing, change: 'extra' }])
    }
    const [users] = FULL.tables
    const inside = ['columns', 'uniques', 'foreignKeys', 'checks', 'exclusions', 'indexes'] as const
    for (const part of inside) {
      const less = { ...FULL, tables: [{ ...users, [part]: [] } as unknown as Table] }
      assert.ok(diff(FULL, less).every(({ change, table }) => change === 'missing' && table === 'users'))
      assert.deepEqual(
        diff(less, FULL).map(({ change }) => change),
        diff(FULL, less).map(() => 'extra'),
      )
    }
  })

  const table = (more: Partial<Table>): Table => ({
    schema: '',
    name: 't',
    columns: [],
    uniques: [],
    foreignKeys: [],
    checks: [],
    exclusions: [],
    indexes: [],
    ...more,
  })
  const withTables = (dialect: Schema['dialect'], ...tables: Table[]): Schema => ({
    ...emptySchema(dialect),
    tables,
  })
  const brief = (found: Difference[]) => found.map((one) => differenceText(one, { before: 'A', after: 'B' }))
  const of = (a: Partial<Table>, b: Partial<Table>, dialect: Schema['dialect'] = 'postgres') =>
    brief(diff(withTables(dialect, table(a)), withTables(dialect, table(b))))

  test('4 what was renamed is told as that', () => {
    const index = { unique: false, parts: [{ column: 'a' }] }
    assert.deepEqual(of({ indexes: [{ ...index, name: 'one' }] }, { indexes: [{ ...index, name: 'two' }] }), [
      'index one: name is one in A and two in B',
    ])
    assert.deepEqual(
      of({ uniques: [{ name: 'one', columns: ['a'] }] }, { uniques: [{ name: 'two', columns: ['a'] }] }),
      ['unique one: name is one in A and two in B'],
    )
    assert.deepEqual(
      of(
        { checks: [{ name: 'one', expression: 'a > 1' }] },
        { checks: [{ name: 'one', expression: 'a > 2' }] },
      ),
      ['check one: expression is a > 1 in A and a > 2 in B'],
    )
  })

  test('5 two of the same are two', () => {
    const check = { expression: 'a > 1' }
    assert.deepEqual(of({ checks: [check, { ...check }] }, { checks: [check] }), ['check a > 1: only in A'])
  })

  test('6 a constraint here and a unique index there are one difference', () => {
    const constraint = { uniques: [{ columns: ['a', 'b'] }] }
    const index = { indexes: [{ name: 'i', unique: true, parts: [{ column: 'a' }, { column: 'b' }] }] }
    assert.deepEqual(of(constraint, index), ['unique a, b: form is a constraint in A and the index i in B'])
    assert.deepEqual(of(index, constraint), ['unique a, b: form is the index i in A and a constraint in B'])
    const partial = { indexes: index.indexes.map((one) => ({ ...one, where: 'a > 1' })) }
    assert.deepEqual(of(constraint, partial), ['unique a, b: only in A', 'index i: only in B'])
  })

  test('7 names and types are the same in any case on SQLite, and not on PostgreSQL', () => {
    const column = { name: 'a', type: 'text', kind: 'text', nullable: true } as const
    const other = { ...column, name: 'A', type: 'TEXT' }
    assert.deepEqual(of({ columns: [column] }, { columns: [other] }, 'sqlite'), [])
    assert.deepEqual(of({ columns: [column] }, { columns: [other] }), [
      'column A: only in B',
      'column a: only in A',
    ])
    // Beyond ASCII, SQLite tells them apart.
    assert.equal(
      of({ columns: [{ ...column, name: 'ä' }] }, { columns: [{ ...column, name: 'Ä' }] }, 'sqlite').length,
      2,
    )
  })

  test('8 the order of columns is one difference of the table', () => {
    const [a, b, c] = ['a', 'b', 'c'].map(
      (name) => ({ name, type: 'text', kind: 'text', nullable: true }) as const,
    )
    assert.ok(a && b && c)
    assert.deepEqual(of({ columns: [a, b] }, { columns: [b, a] }), [
      'table t: column order is a, b in A and b, a in B',
    ])
    // One that only one side has moves no other.
    assert.deepEqual(of({ columns: [a, b] }, { columns: [a, c, b] }), ['column c: only in B'])
  })

  test('9 in the order of tables, whatever the order of the schemas', () => {
    const tables = ['b', 'a', 'c'].map((name) => table({ name }))
    const found = diff(emptySchema('sqlite'), withTables('sqlite', ...tables))
    assert.deepEqual(
      found.map(({ name }) => name),
      ['a', 'b', 'c'],
    )
  })
})
