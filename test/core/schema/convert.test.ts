import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { describe, test } from 'node:test'
import type { Dialect } from '../../../src/core/migrations.ts'
import { convertSchema, type Hints } from '../../../src/core/schema/convert/convert.ts'
import { type Expressions, loadExpressions } from '../../../src/core/schema/convert/expressions.ts'
import { diff } from '../../../src/core/schema/diff.ts'
import { differenceText } from '../../../src/core/schema/difference.ts'
import type { Column, Schema } from '../../../src/core/schema/model.ts'
import { parityRules } from '../../../src/core/schema/pairs.ts'
import { createSchema } from '../../../src/core/schema/sql/ddl.ts'
import { withDatabase } from '../../../src/database/database.ts'
import { KINDS, type Kind as Matrix, NEWEST } from '../../matrix.ts'

const SQLITE = `
  CREATE TABLE people (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    email TEXT NOT NULL UNIQUE COLLATE NOCASE,
    token TEXT NOT NULL DEFAULT (lower(hex(randomblob(16)))),
    enabled INTEGER NOT NULL DEFAULT 1,
    is_admin INTEGER NOT NULL DEFAULT 0,
    trusted INTEGER CHECK (trusted IN (0, 1)),
    level INTEGER NOT NULL DEFAULT 0 CHECK (level BETWEEN 0 AND 9),
    state TEXT NOT NULL DEFAULT 'new' CHECK (state IN ('new', 'old')),
    settings TEXT NOT NULL DEFAULT '{}' CHECK (json_valid(settings)),
    metadata TEXT,
    score REAL NOT NULL DEFAULT 0.5,
    price DECIMAL(10, 2),
    photo BLOB,
    nick VARCHAR(40) CHECK (length(nick) > 1),
    born DATE,
    "order" INTEGER NOT NULL DEFAULT (strftime('%s', 'now')),
    createdAt DATETIME NOT NULL DEFAULT CURRENT_TIMESTAMP,
    updated_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
    deleted_at TEXT
  );
  CREATE TABLE notes (
    person_id INTEGER NOT NULL REFERENCES people (id) ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED,
    person_token TEXT REFERENCES secrets (token),
    number INTEGER NOT NULL,
    body TEXT NOT NULL,
    size INTEGER GENERATED ALWAYS AS (length(body)) STORED,
    PRIMARY KEY (person_id, number),
    CONSTRAINT notes_body CHECK (body <> '' AND number > 0)
  );
  CREATE TABLE secrets (token TEXT PRIMARY KEY DEFAULT (lower(hex(randomblob(16)))));
  CREATE UNIQUE INDEX people_nick ON people (lower(nick)) WHERE enabled = 1 AND deleted_at IS NULL;
  CREATE INDEX people_created ON people (createdAt DESC, level);
  CREATE VIEW actives AS SELECT id, nick FROM people WHERE enabled;
`

const POSTGRES = `
  CREATE TYPE mood AS ENUM ('good', 'bad');
  CREATE DOMAIN positive AS integer DEFAULT 1 NOT NULL CHECK (VALUE > 0);
  CREATE TABLE people (
    id bigserial PRIMARY KEY,
    key uuid NOT NULL DEFAULT gen_random_uuid() UNIQUE,
    email varchar(255) NOT NULL,
    mood mood NOT NULL DEFAULT 'good',
    "index" positive,
    enabled boolean NOT NULL DEFAULT true,
    settings jsonb NOT NULL DEFAULT '{}',
    score double precision DEFAULT 0.5,
    price numeric(10, 2) DEFAULT -1,
    photo bytea DEFAULT '\\x00ff',
    born date DEFAULT CURRENT_DATE,
    created_at timestamptz NOT NULL DEFAULT now(),
    CHECK (email LIKE '%@%'),
    CONSTRAINT people_price CHECK (price BETWEEN -1 AND 99 AND char_length(email) > 3)
  );
  CREATE TABLE notes (
    id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    person bigint NOT NULL REFERENCES people ON DELETE SET NULL ON UPDATE CASCADE,
    person_key uuid REFERENCES people (key),
    state text NOT NULL CHECK (state IN ('new', 'old')),
    size integer GENERATED ALWAYS AS (length(state)) STORED,
    UNIQUE (person, state)
  );
  CREATE UNIQUE INDEX people_email ON people (lower(email)) WHERE enabled AND mood <> 'bad';
  CREATE INDEX people_created ON people (created_at DESC);
  CREATE VIEW actives AS SELECT people.id, email FROM people WHERE enabled AND mood = 'good';
`

/** The up scripts of Nexflow's migrations for a dialect. */
function nexflow(dialect: Dialect): string {
  const folder = join(import.meta.dirname, '../../../migrations')
  const other = dialect === 'sqlite' ? '.postgres.' : '.sqlite.'
  const files = readdirSync(folder).filter((file) => /up\.sql$/.test(file) && !file.includes(other))
  return files
    .sort()
    .map((file) => readFileSync(join(folder, file), 'utf8'))
    .join('\n')
}

/** The schema that a script makes, read from a real database. */
function made(kind: Matrix, sql: string): Promise<Schema> {
  return kind.scratch(({ url, query }) =>
    withDatabase(url, { create: true }, async (database) => {
      if (kind.dialect === 'postgres') await query(sql)
      else {
        const native = new DatabaseSync(url.replace('sqlite:', ''))
        native.exec(sql)
        native.close()
      }
      return database.introspect()
    }),
  )
}

const SOURCES: Readonly<Record<Dialect, string>> = { sqlite: SQLITE, postgres: POSTGRES }
const PAIRS_OF_KINDS = KINDS.flatMap((from) =>
  KINDS.filter((to) => to.dialect !== from.dialect).map((to) => ({ from, to })),
)

for (const { from, to } of PAIRS_OF_KINDS) {
  describe(`from ${from.label} to ${to.label}`, () => {
    for (const [name, sql] of [
      ["Nexflow's", nexflow(from.dialect)],
      ['another', SOURCES[from.dialect]],
    ] as const) {
      test(`${name} schema is equal under parity, and so is what the database makes of it`, async () => {
        const expressions = await loadExpressions()
        const source = await made(from, sql)
        const { schema } = convertSchema(source, to.dialect, expressions)
        assertEqual(source, schema, expressions)
        const statements = createSchema(schema)
        assertEqual(source, await made(to, `${statements.join(';\n')};`), expressions)
      })

      test(`${name} schema comes back as it was`, async () => {
        const expressions = await loadExpressions()
        const source = await made(from, sql)
        const there = convertSchema(source, to.dialect, expressions).schema
        const back = convertSchema(there, from.dialect, expressions).schema
        assertEqual(back, there, expressions)
      })
    }
  })
}

function assertEqual(a: Schema, b: Schema, expressions: Expressions): void {
  const labels = { before: a.dialect, after: b.dialect }
  const told = diff(a, b, parityRules(expressions)).map(
    (one) => `${one.table ?? ''} ${differenceText(one, labels)}`,
  )
  assert.deepEqual(told, [])
}

/** Types of columns, as they came out. */
function typesOf(schema: Schema, table: string): Record<string, string> {
  const columns: readonly Column[] = schema.tables.find(({ name }) => name === table)?.columns ?? []
  return Object.fromEntries(
    columns.map((column) => [
      column.name,
      [column.type, column.identity, column.default].filter((one) => one !== undefined).join(' | '),
    ]),
  )
}

describe('what becomes of each', () => {
  const [sqlite, postgres] = NEWEST
  const converted = async (kind: Matrix | undefined, sql: string, hints?: Hints) => {
    assert.ok(kind)
    const expressions = await loadExpressions()
    const source = await made(kind, sql)
    return convertSchema(source, kind.dialect === 'sqlite' ? 'postgres' : 'sqlite', expressions, hints)
  }

  test('1 of SQLite', async () => {
    const { schema, notes } = await converted(sqlite, SQLITE)
    assert.deepEqual(typesOf(schema, 'people'), {
      id: 'bigint | serial',
      email: 'citext',
      token: 'uuid | gen_random_uuid()',
      enabled: 'boolean | true',
      is_admin: 'boolean | false',
      trusted: 'boolean',
      level: 'bigint | 0',
      state: "text | 'new'",
      settings: "jsonb | '{}'",
      metadata: 'jsonb',
      score: 'double precision | 0.5',
      price: 'numeric(10,2)',
      photo: 'bytea',
      nick: 'character varying(40)',
      born: 'date',
      order: 'bigint | extract(epoch FROM now())::bigint',
      createdAt: 'timestamp with time zone | now()',
      updated_at: 'timestamp with time zone | now()',
      deleted_at: 'timestamp with time zone',
    })
    assert.deepEqual(typesOf(schema, 'notes'), {
      person_id: 'bigint',
      person_token: 'uuid',
      number: 'bigint',
      body: 'text',
      size: 'bigint',
    })
    const people = schema.tables.find(({ name }) => name === 'people')
    assert.deepEqual(
      people?.checks.map(({ expression }) => expression),
      ['length(nick) > 1', 'level BETWEEN 0 AND 9', "state IN ('new', 'old')"],
    )
    assert.deepEqual(
      people?.indexes.map(({ where }) => where),
      [undefined, 'enabled AND deleted_at IS NULL'],
    )
    assert.deepEqual(schema.extensions, ['citext'])
    assert.deepEqual(notes, ['people.email: NOCASE became citext, an extension of PostgreSQL'])
  })

  test('2 of PostgreSQL', async () => {
    const { schema, notes } = await converted(postgres, POSTGRES)
    assert.deepEqual(typesOf(schema, 'people'), {
      id: 'INTEGER | autoincrement',
      key: 'TEXT',
      email: 'TEXT',
      mood: "TEXT | 'good'",
      index: 'INTEGER | 1',
      enabled: 'INTEGER | 1',
      settings: "TEXT | '{}'",
      score: 'REAL | 0.5',
      price: 'NUMERIC | -1',
      photo: "BLOB | X'00ff'",
      born: "TEXT | date('now')",
      created_at: "TEXT | datetime('now')",
    })
    const people = schema.tables.find(({ name }) => name === 'people')
    assert.deepEqual(
      people?.checks.map(({ name, expression }) => [name, expression]),
      [
        [undefined, "mood IN ('good', 'bad')"],
        [undefined, '"index" > 0'],
        [undefined, 'enabled IN (0, 1)'],
        [undefined, "email LIKE '%@%'"],
        ['people_price', 'price >= -1 AND price <= 99 AND length(email) > 3'],
      ],
    )
    assert.deepEqual(notes, ['people.key: SQLite makes no UUID, the application gives it'])
  })

  test('3 hints win, and what refers to the column follows', async () => {
    const sql = `CREATE TABLE a (id TEXT PRIMARY KEY, metadata TEXT, enabled INTEGER DEFAULT 1);
      CREATE TABLE b (a_id TEXT REFERENCES a (id))`
    const { schema } = await converted(sqlite, sql, {
      'a.id': 'uuid',
      'a.metadata': 'text',
      'A.Enabled': 'integer',
    })
    assert.deepEqual(typesOf(schema, 'a'), { id: 'uuid', metadata: 'text', enabled: 'integer | 1' })
    assert.deepEqual(typesOf(schema, 'b'), { a_id: 'uuid' })
  })

  test('3.1 a view keeps the names of its columns, a default its moment', async () => {
    const sql = `CREATE TABLE a (n INTEGER, since_at TEXT DEFAULT '2026-01-15 10:00:00');
      CREATE VIEW v (n, many) AS SELECT n, count(*) FROM a GROUP BY n;
      CREATE VIEW w AS SELECT n, count(*) AS many FROM a GROUP BY n`
    const { schema } = await converted(sqlite, sql, { 'a.since_at': 'timestamptz' })
    assert.equal(schema.tables[0]?.columns[1]?.default, "'2026-01-15 10:00:00+00'")
    const texts = createSchema(schema).filter((one) => one.includes('VIEW'))
    assert.deepEqual(
      texts.map((one) => one.split('\n')[0]),
      ['CREATE VIEW v (n, many) AS', 'CREATE VIEW w AS'],
    )
  })

  test('4 what PostgreSQL cannot say is told', async () => {
    const sql = `CREATE TABLE a (id INTEGER PRIMARY KEY, name TEXT CHECK (name GLOB 'a*'), r INTEGER DEFAULT (random()));
      CREATE INDEX a_hex ON a (hex(name));
      CREATE TABLE b (x ANY) STRICT;
      CREATE VIEW v AS SELECT rowid FROM a;
      CREATE TRIGGER t AFTER INSERT ON a BEGIN DELETE FROM a; END`
    const { schema, notes } = await converted(sqlite, sql)
    assert.deepEqual(notes.sort(), [
      'a.r: the default random() was left out, PostgreSQL may not understand it',
      "a: CHECK (name GLOB 'a*') was left out, PostgreSQL may not understand it",
      'a: write the trigger t for PostgreSQL',
      'a_hex on a: was left out, PostgreSQL may not understand its expression',
      'b.x: holds whatever it is given, became numeric',
      'v: the view was left out, PostgreSQL may not understand it',
    ])
    assert.deepEqual(schema.triggers, [])
  })

  test('5 what SQLite cannot say is told', async () => {
    const sql = `CREATE SCHEMA app; CREATE SEQUENCE s;
      CREATE TABLE app.a (id int PRIMARY KEY, tags text[], at inet DEFAULT '::1', doc jsonb, span int4range,
        n int GENERATED BY DEFAULT AS IDENTITY, name text CHECK (name ~ '^a'), EXCLUDE USING gist (span WITH &&));
      CREATE INDEX a_doc ON app.a USING gin (doc);
      CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
      CREATE TRIGGER t BEFORE UPDATE ON app.a FOR EACH ROW EXECUTE FUNCTION f();
      CREATE MATERIALIZED VIEW v AS SELECT 1 AS one`
    const { schema, notes } = await converted(postgres, sql)
    assert.deepEqual(
      schema.tables.map(({ name }) => name),
      ['app_a'],
    )
    assert.deepEqual(notes.sort(), [
      'a: write the trigger t for SQLite',
      'a_doc on app.a: SQLite has no gin, it became a plain one',
      'app.a.at: inet became TEXT',
      'app.a.n: SQLite counts only in a primary key of one column',
      'app.a.span: int4range became TEXT',
      'app.a.tags: text[] became TEXT',
      "app.a: CHECK (name ~ '^a'::text) was left out, SQLite may not understand it",
      'app.a: SQLite has no EXCLUDE, a_span_excl was left out',
      'app.a: SQLite has one schema, it became app_a',
      'f: SQLite has no functions of its own',
      's: SQLite has no sequences',
      "v: SQLite keeps no view's rows, it became a plain one",
    ])
  })
})
