import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { DIALECTS, type Dialect } from '../../../src/core/migrations.ts'
import { kindOf } from '../../../src/core/schema/kinds.ts'
import { type Column, emptySchema, type Schema, type Table } from '../../../src/core/schema/model.ts'
import { alterSchema, createSchema, scriptText } from '../../../src/core/schema/sql/ddl.ts'
import { nameText } from '../../../src/core/schema/sql/names.ts'
import { tablesInOrder } from '../../../src/core/schema/sql/order.ts'
import type { Renames } from '../../../src/core/schema/sql/renames.ts'
import { schemas } from '../../schemas.ts'

const column = (dialect: Dialect, name: string, type: string, more: Partial<Column> = {}): Column => ({
  name,
  type,
  kind: kindOf(dialect, type),
  nullable: true,
  ...more,
})

const table = (name: string, columns: readonly Column[], more: Partial<Table> = {}): Table => ({
  schema: '',
  name,
  columns,
  uniques: [],
  foreignKeys: [],
  checks: [],
  exclusions: [],
  indexes: [],
  ...more,
})

const schema = (dialect: Dialect, ...tables: Table[]): Schema => ({ ...emptySchema(dialect), tables })

const refersTo = (name: string, columns: readonly string[]) => ({
  columns,
  to: { schema: '', name },
  references: ['id'],
  onDelete: 'CASCADE' as const,
  onUpdate: 'NO ACTION' as const,
})

const ID = {
  sqlite: column('sqlite', 'id', 'INTEGER', { nullable: false }),
  postgres: column('postgres', 'id', 'integer', { nullable: false }),
}
const KEY = { primaryKey: { columns: ['id'] } }

describe('1 the text of a table', () => {
  test('1.1 SQLite', () => {
    const users = table(
      'users',
      [
        ID.sqlite,
        column('sqlite', 'team', 'INTEGER'),
        column('sqlite', 'name', 'TEXT', { nullable: false, collation: 'NOCASE', default: "'new'" }),
        column('sqlite', 'order', 'TEXT', { default: "datetime('now')" }),
        column('sqlite', 'size', 'INTEGER', { generated: { expression: 'length(name)', stored: false } }),
      ],
      {
        ...KEY,
        uniques: [{ columns: ['name'] }, { columns: ['team', 'name'] }],
        checks: [{ expression: "name <> ''" }, { name: 'both', expression: 'team > 0' }],
        foreignKeys: [refersTo('teams', ['team'])],
        indexes: [
          { name: 'by_order', unique: true, parts: [{ column: 'order', desc: true }], where: 'team > 1' },
        ],
        strict: true,
      },
    )
    assert.equal(
      scriptText(createSchema(schema('sqlite', users))),
      `CREATE TABLE users (
    id INTEGER PRIMARY KEY,
    team INTEGER REFERENCES teams (id) ON DELETE CASCADE,
    name TEXT COLLATE NOCASE NOT NULL UNIQUE DEFAULT 'new' CHECK (name <> ''),
    "order" TEXT DEFAULT (datetime('now')),
    size INTEGER GENERATED ALWAYS AS (length(name)) VIRTUAL,
    UNIQUE (team, name),
    CONSTRAINT both CHECK (team > 0)
) STRICT;

CREATE UNIQUE INDEX by_order ON users ("order" DESC) WHERE team > 1;
`,
    )
  })

  test('1.2 PostgreSQL: names that the server gives go without saying, and a circle is closed in the end', () => {
    const a = table('a', [ID.postgres, column('postgres', 'b', 'bigint')], {
      primaryKey: { name: 'a_pkey', columns: ['id'] },
      foreignKeys: [{ ...refersTo('b', ['b']), name: 'a_b_fkey' }],
      checks: [
        { name: 'a_b_check', expression: 'b > 0' },
        { name: 'mine', expression: 'id > 0' },
      ],
      comment: "It's a",
    })
    const b = table(
      'b',
      [
        column('postgres', 'id', 'bigint', { identity: 'always', nullable: false }),
        column('postgres', 'At', 'timestamp with time zone', { default: 'now()' }),
      ],
      {
        primaryKey: { columns: ['id'] },
        foreignKeys: [refersTo('a', ['id'])],
      },
    )
    assert.equal(
      scriptText(createSchema(schema('postgres', a, b))),
      `CREATE TABLE b (
    id BIGINT PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    "At" TIMESTAMPTZ DEFAULT now()
);

CREATE TABLE a (
    id INTEGER PRIMARY KEY CONSTRAINT mine CHECK (id > 0),
    b BIGINT CHECK (b > 0) REFERENCES b (id) ON DELETE CASCADE
);

COMMENT ON TABLE a IS 'It''s a';
ALTER TABLE b ADD CONSTRAINT b_id_fkey FOREIGN KEY (id) REFERENCES a (id) ON DELETE CASCADE;
`,
    )
  })

  for (const dialect of DIALECTS) {
    test(`1.3 in whatever order it is told, the text is the same: ${dialect}`, () =>
      fc.assert(
        fc.property(schemas(dialect), (one) => {
          const { tables, views, triggers, functions } = one
          const other = {
            ...one,
            tables: tables.toReversed(),
            views: views.toReversed(),
            triggers: triggers.toReversed(),
            functions: functions.toReversed(),
          }
          assert.deepEqual(createSchema(one), createSchema(other))
        }),
      ))
  }
})

describe('2 the order of tables', () => {
  const order = (...tables: [name: string, ...parents: string[]][]) =>
    tablesInOrder(
      schema(
        'postgres',
        ...tables.map(([name, ...parents]) =>
          table(name, [], { foreignKeys: parents.map((parent) => refersTo(parent, ['x'])) }),
        ),
      ),
    )
      .map(({ name }) => name)
      .join(' ')

  test('2.1 by name where nothing else is said', () => assert.equal(order(['b'], ['c'], ['a']), 'a b c'))
  test('2.2 what is referred to comes first', () =>
    assert.equal(order(['a', 'c'], ['b', 'a'], ['c']), 'c a b'))
  test('2.3 in a circle too, for those outside it', () =>
    assert.equal(order(['a', 'b'], ['b', 'a', 'z'], ['c', 'a'], ['z']), 'z b a c'))
  test('2.4 itself is no matter, nor what is not there', () => assert.equal(order(['a', 'a', 'gone']), 'a'))
})

describe('3 a name is quoted where it must be', () => {
  const cases: [name: string, sqlite: string, postgres: string][] = [
    ['users', 'users', 'users'],
    ['Users', 'Users', '"Users"'],
    ['user', 'user', '"user"'],
    ['index', '"index"', 'index'],
    ['ORDER', '"ORDER"', '"ORDER"'],
    ['1st', '"1st"', '"1st"'],
    ['a b', '"a b"', '"a b"'],
    ['a"b', '"a""b"', '"a""b"'],
    ['größe', '"größe"', '"größe"'],
    ['', '""', '""'],
  ]
  for (const [name, sqlite, postgres] of cases) {
    test(`3.1 ${name || 'none'}`, () => {
      assert.equal(nameText('sqlite', name), sqlite)
      assert.equal(nameText('postgres', name), postgres)
    })
  }
})

describe('4 altered', () => {
  const lite = (columns: readonly Column[], more: Partial<Table> = {}) =>
    table('t', [ID.sqlite, ...columns], { ...KEY, ...more })
  const post = (columns: readonly Column[], more: Partial<Table> = {}) =>
    table('t', [ID.postgres, ...columns], { primaryKey: { name: 't_pkey', columns: ['id'] }, ...more })
  const [a, b] = [column('sqlite', 'a', 'TEXT'), column('sqlite', 'b', 'INTEGER')]
  const [c, d] = [column('postgres', 'c', 'text'), column('postgres', 'd', 'integer')]
  const strict = { nullable: false }
  const rebuilt = (columns: string, values: string, names: string) => [
    `CREATE TABLE t_new (\n    id INTEGER PRIMARY KEY,\n    ${columns}\n)`,
    `INSERT INTO t_new (${names})\nSELECT ${values}\nFROM t`,
    'DROP TABLE t',
    'ALTER TABLE t_new RENAME TO t',
  ]

  const cases: Record<
    string,
    [before: Table, after: Table, statements: string[], notes?: RegExp | undefined, renames?: Renames]
  > = {
    'SQLite: nothing': [lite([a]), lite([{ ...a, type: 'text' }]), []],
    'SQLite: a column more': [lite([]), lite([a]), ['ALTER TABLE t ADD COLUMN a TEXT']],
    'SQLite: a column more, with all that ADD COLUMN takes': [
      lite([]),
      lite([{ ...a, ...strict, default: "'x'" }, b], {
        checks: [{ expression: "a <> ''" }],
        foreignKeys: [refersTo('t', ['b'])],
      }),
      [
        "ALTER TABLE t ADD COLUMN a TEXT NOT NULL DEFAULT 'x' CHECK (a <> '')",
        'ALTER TABLE t ADD COLUMN b INTEGER REFERENCES t (id) ON DELETE CASCADE',
      ],
      /gets CHECK/,
    ],
    'SQLite: a column with a default that ADD COLUMN refuses': [
      lite([]),
      lite([{ ...a, default: 'CURRENT_TIMESTAMP' }]),
      rebuilt('a TEXT DEFAULT CURRENT_TIMESTAMP', 't.id', 'id'),
    ],
    'SQLite: a column that no row can have': [
      lite([]),
      lite([{ ...a, ...strict }]),
      rebuilt('a TEXT NOT NULL', 't.id', 'id'),
      /t\.a is new, NOT NULL and has no default: it fails if the table has rows/,
    ],
    'SQLite: a column less': [lite([a, b]), lite([b]), ['ALTER TABLE t DROP COLUMN a'], /t\.a is dropped/],
    'SQLite: a column less that a check speaks of': [
      lite([a, b], { checks: [{ expression: 'a > b' }] }),
      lite([b]),
      rebuilt('b INTEGER', 't.id, t.b', 'id, b'),
      /t\.a is dropped/,
    ],
    'SQLite: NOT NULL with a default': [
      lite([a]),
      lite([{ ...a, ...strict, default: "lower('X')" }]),
      rebuilt("a TEXT NOT NULL DEFAULT (lower('X'))", "t.id, coalesce(t.a, (lower('X')))", 'id, a'),
      /NULLs in t\.a become lower/,
    ],
    'SQLite: a column with another name': [
      lite([a], {
        checks: [{ expression: "a <> 'a'" }],
        indexes: [{ name: 'i', unique: false, parts: [{ column: 'a' }] }],
      }),
      lite([{ ...a, name: 'z' }], {
        checks: [{ expression: "z <> 'a'" }],
        indexes: [{ name: 'i', unique: false, parts: [{ column: 'z' }] }],
      }),
      ['ALTER TABLE t RENAME COLUMN a TO z'],
      undefined,
      { columns: { 't.a': 'z' } },
    ],
    'SQLite: an index': [
      lite([a], { indexes: [{ name: 'i', unique: false, parts: [{ column: 'a' }] }] }),
      lite([a], { indexes: [{ name: 'i', unique: true, parts: [{ column: 'a' }] }] }),
      ['DROP INDEX i', 'CREATE UNIQUE INDEX i ON t (a)'],
      /the unique index i/,
    ],
    'SQLite: columns in another order': [lite([a, b]), lite([b, a]), [], /the wanted order is id, b, a/],
    'PostgreSQL: a column more and one less': [
      post([c]),
      post([{ ...d, ...strict, default: '1' }]),
      ['ALTER TABLE t DROP COLUMN c', 'ALTER TABLE t ADD COLUMN d INTEGER NOT NULL DEFAULT 1'],
      /t\.c is dropped/,
    ],
    'PostgreSQL: another type, with a default': [
      post([{ ...c, default: "'1'::text" }]),
      post([{ ...d, name: 'c', default: '1' }]),
      [
        'ALTER TABLE t\n    ALTER COLUMN c DROP DEFAULT,\n    ALTER COLUMN c TYPE INTEGER USING c::INTEGER,\n    ALTER COLUMN c SET DEFAULT 1',
      ],
      /t\.c changes from text to integer/,
    ],
    'PostgreSQL: a type that needs no USING': [
      post([d]),
      post([{ ...d, type: 'bigint' }]),
      ['ALTER TABLE t ALTER COLUMN d TYPE BIGINT'],
      /changes/,
    ],
    'PostgreSQL: NOT NULL with a default': [
      post([{ ...c, default: "'x'::text" }]),
      post([{ ...c, ...strict, default: "'x'::text" }]),
      ["UPDATE t SET c = 'x'::text WHERE c IS NULL", 'ALTER TABLE t ALTER COLUMN c SET NOT NULL'],
      /NULLs in t\.c become 'x'/,
    ],
    'PostgreSQL: a constraint and an index with other names': [
      post([c], {
        checks: [{ name: 'one', expression: "c <> ''" }],
        indexes: [{ name: 'i', unique: false, parts: [{ column: 'c' }] }],
      }),
      post([c], {
        checks: [{ name: 'two', expression: "c <> ''" }],
        indexes: [{ name: 'j', unique: false, parts: [{ column: 'c' }] }],
      }),
      ['ALTER TABLE t RENAME CONSTRAINT one TO two', 'ALTER INDEX i RENAME TO j'],
    ],
    'PostgreSQL: a check that is valid now': [
      post([c], { checks: [{ name: 'one', expression: "c <> ''", notValid: true }] }),
      post([c], { checks: [{ name: 'one', expression: "c <> ''" }] }),
      ['ALTER TABLE t VALIDATE CONSTRAINT one'],
    ],
    'PostgreSQL: a table and a column with other names': [
      post([c]),
      table('u', [ID.postgres, { ...c, name: 'z' }], { primaryKey: { name: 't_pkey', columns: ['id'] } }),
      ['ALTER TABLE t RENAME TO u', 'ALTER TABLE u RENAME COLUMN c TO z'],
      undefined,
      { tables: { t: 'u' }, columns: { 'u.c': 'z' } },
    ],
    'PostgreSQL: a comment': [
      post([{ ...c, comment: 'old' }], { comment: 'gone' }),
      post([{ ...c, comment: 'new' }]),
      ['COMMENT ON TABLE t IS NULL', "COMMENT ON COLUMN t.c IS 'new'"],
    ],
  }
  for (const [name, [before, after, statements, notes, renames]] of Object.entries(cases)) {
    test(`4.1 ${name}`, () => {
      const dialect = name.startsWith('SQLite') ? 'sqlite' : 'postgres'
      const alteration = alterSchema(schema(dialect, before), schema(dialect, after), renames)
      assert.deepEqual(alteration.statements, statements)
      assert.equal(alteration.notes.length, notes === undefined ? 0 : 1, alteration.notes.join('\n'))
      assert.match(alteration.notes.join('\n'), notes ?? /^$/)
    })
  }

  test('4.2 an enum gets values in their places', () => {
    const moods = (...values: string[]): Schema => ({
      ...emptySchema('postgres'),
      enums: [{ schema: '', name: 'mood', values }],
    })
    const { statements } = alterSchema(moods('b', 'd'), moods('a', 'b', 'c', 'd', 'e'))
    assert.deepEqual(statements, [
      "ALTER TYPE mood ADD VALUE 'a' BEFORE 'b'",
      "ALTER TYPE mood ADD VALUE 'c' AFTER 'b'",
      "ALTER TYPE mood ADD VALUE 'e'",
    ])
  })

  test('4.3 views that read a rebuilt table, and their triggers, are made again', () => {
    const view = (name: string, query: string) => ({
      schema: '',
      name,
      query,
      indexes: [],
      columns: [{ name: 'id', type: 'INTEGER', kind: 'integer' as const }],
    })
    const whole = (one: Table): Schema => ({
      ...schema('sqlite', one),
      views: [
        view('v', 'SELECT id FROM t'),
        view('second', 'SELECT id FROM v'),
        view('other', 'SELECT 1 AS id'),
      ],
      triggers: [
        {
          schema: '',
          name: 'x',
          table: 'second',
          timing: 'INSTEAD OF',
          events: ['INSERT'],
          sql: 'CREATE TRIGGER x INSTEAD OF INSERT ON second BEGIN SELECT 1; END',
        },
      ],
    })
    const { statements } = alterSchema(whole(lite([a])), whole(lite([{ ...a, default: "'x'" }])))
    assert.deepEqual(
      statements.map((statement) => statement.split('\n')[0]),
      [
        'DROP TRIGGER x',
        'DROP VIEW second',
        'DROP VIEW v',
        'CREATE TABLE t_new (',
        'INSERT INTO t_new (id, a)',
        'DROP TABLE t',
        'ALTER TABLE t_new RENAME TO t',
        'CREATE VIEW v AS',
        'CREATE VIEW second AS',
        'CREATE TRIGGER x INSTEAD OF INSERT ON second BEGIN SELECT 1; END',
      ],
    )
  })
})

test('5 a semicolon stands behind a comment, not in it', () => {
  assert.equal(scriptText(['SELECT 1 -- one', 'SELECT 2']), 'SELECT 1 -- one\n;\nSELECT 2;\n')
})
