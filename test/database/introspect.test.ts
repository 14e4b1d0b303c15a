import assert from 'node:assert/strict'
import { DatabaseSync } from 'node:sqlite'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import pg from 'pg'
import type { Column, Schema, Table } from '../../src/core/schema/model.ts'
import { withDatabase } from '../../src/database/database.ts'
import { up } from '../../src/index.ts'
import { KINDS, type Kind, type Scratch } from '../matrix.ts'
import { scripts } from '../tools.ts'

/** The schema that a database has after some SQL. */
function schemaOf(kind: Kind, sql: string, search = ''): Promise<Schema> {
  return kind.scratch(async (scratch) => {
    await run(scratch, sql)
    return withDatabase(scratch.url + search, {}, (database) => database.introspect())
  })
}

async function run(scratch: Scratch, sql: string): Promise<void> {
  await withDatabase(scratch.url, { create: true }, (database) =>
    database.transaction((send) => send({ file: 'test', text: sql })),
  )
}

/** The schema of a database in memory. */
async function sqlite(...sql: string[]): Promise<Schema> {
  const native = new DatabaseSync(':memory:')
  try {
    for (const text of sql) native.exec(text)
    return await withDatabase(native, {}, (database) => database.introspect())
  } finally {
    native.close()
  }
}

function table(schema: Schema, name: string, of = ''): Table {
  const found = schema.tables.find((one) => one.name === name && one.schema === of)
  return found ?? assert.fail(`no table ${name} in ${schema.tables.map((one) => one.name).join(', ')}`)
}

for (const kind of KINDS) {
  describe(`introspect, ${kind.label}`, () => {
    const count = kind.dialect === 'sqlite' ? 'INTEGER' : 'integer'
    const text = kind.dialect === 'sqlite' ? 'TEXT' : 'text'

    test('1 what both databases have', async () => {
      const schema = await schemaOf(
        kind,
        `CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT NOT NULL, age INTEGER DEFAULT 7, CONSTRAINT adult CHECK (age > 6), CONSTRAINT one UNIQUE (name, age));
         CREATE TABLE posts (id INTEGER NOT NULL, author INTEGER, editor INTEGER, PRIMARY KEY (id, author),
           CONSTRAINT written FOREIGN KEY (author) REFERENCES users ON DELETE CASCADE ON UPDATE SET NULL DEFERRABLE INITIALLY DEFERRED);
         CREATE UNIQUE INDEX late ON posts (editor DESC, id) WHERE editor > 1;
         CREATE INDEX lowered ON users (lower(name));
         CREATE VIEW names AS SELECT name FROM users`,
      )
      const users = table(schema, 'users')
      assert.deepEqual(users.columns, [
        { name: 'id', type: count, kind: 'integer', nullable: false },
        { name: 'name', type: text, kind: 'text', nullable: false },
        { name: 'age', type: count, kind: 'integer', nullable: true, default: '7' },
      ])
      assert.deepEqual(users.primaryKey?.columns, ['id'])
      assert.deepEqual(users.uniques, [{ name: 'one', columns: ['name', 'age'] }])
      assert.deepEqual(users.checks, [{ name: 'adult', expression: 'age > 6' }])
      assert.deepEqual(users.indexes, [
        { name: 'lowered', unique: false, parts: [{ expression: 'lower(name)' }] },
      ])
      const posts = table(schema, 'posts')
      assert.deepEqual(posts.primaryKey?.columns, ['id', 'author'])
      assert.deepEqual(posts.foreignKeys, [
        {
          name: 'written',
          columns: ['author'],
          to: { schema: '', name: 'users' },
          references: ['id'],
          onDelete: 'CASCADE',
          onUpdate: 'SET NULL',
          deferrable: 'deferred',
        },
      ])
      const parts = [
        // PostgreSQL has NULLs first where an order is descending, and says nothing of it.
        { column: 'editor', desc: true },
        { column: 'id' },
      ]
      assert.deepEqual(posts.indexes, [{ name: 'late', unique: true, parts, where: 'editor > 1' }])
      assert.deepEqual(
        schema.views.map(({ name, columns }) => ({ name, columns })),
        [{ name: 'names', columns: [{ name: 'name', type: text, kind: 'text' }] }],
      )
    })

    test('2 nothing of this tool’s own', () =>
      kind.scratch(async ({ url }) => {
        await up({ database: url, migrations: scripts({ '1_a': 'CREATE TABLE a (id INTEGER)' }) })
        const schema = await withDatabase(url, {}, (database) => database.introspect())
        assert.deepEqual(
          schema.tables.map(({ name }) => name),
          ['a'],
        )
        assert.deepEqual([schema.sequences, schema.triggers, schema.views], [[], [], []])
      }))

    test('3 an empty database', async () => {
      const { dialect, ...lists } = await schemaOf(kind, 'SELECT 1')
      assert.equal(dialect, kind.dialect)
      for (const list of Object.values(lists)) assert.deepEqual(list, [])
    })

    test('4 as many queries for 1,000 tables as for one', () =>
      kind.scratch(async (scratch) => {
        const make = (from: number, to: number) =>
          Array.from(
            { length: to - from },
            (_, i) => `CREATE TABLE t${from + i} (id INTEGER NOT NULL DEFAULT 1, CHECK (id > 0))`,
          ).join(';')
        await run(scratch, make(0, 1))
        const one = await countQueries(kind, scratch.url)
        await run(scratch, make(1, 1000))
        const many = await countQueries(kind, scratch.url)
        assert.equal(one.tables, 1)
        assert.equal(many.tables, 1000)
        assert.equal(many.queries, one.queries)
        assert.ok(many.queries <= (kind.dialect === 'sqlite' ? 8 : 4), `${many.queries} queries`)
        assert.ok(many.milliseconds < 5000, `${many.milliseconds} ms`)
      }))
  })
}

/** All in the schema of new tables; what is of another schema is made before. */
const RICH = `
  CREATE TYPE mood AS ENUM ('sad', 'ok', 'happy');
  CREATE DOMAIN email AS varchar(80) DEFAULT 'x@y' NOT NULL CHECK (VALUE ~ '@');
  CREATE DOMAIN work_email AS email;
  CREATE DOMAIN feeling AS mood;
  CREATE SEQUENCE tickets AS integer START 10 INCREMENT 5 MAXVALUE 1000 CYCLE;
  CREATE SEQUENCE loose;
  CREATE TABLE users (
    id serial PRIMARY KEY, name varchar(40) COLLATE "C" NOT NULL, mail work_email, m mood DEFAULT 'ok', f feeling,
    tags text[] DEFAULT '{}', twice int GENERATED ALWAYS AS (id * 2) STORED, at timestamptz DEFAULT now(),
    ticket bigint DEFAULT nextval('tickets'), own bigint, outer_level other.level, price numeric(10,2),
    CONSTRAINT wide UNIQUE (name, mail) INCLUDE (m), CONSTRAINT later UNIQUE (at) DEFERRABLE INITIALLY DEFERRED,
    CONSTRAINT long_name CHECK (length(name) > 0 AND name <> ')'));
  ALTER SEQUENCE loose OWNED BY users.own;
  CREATE TABLE posts (
    id bigint GENERATED ALWAYS AS IDENTITY, n smallint GENERATED BY DEFAULT AS IDENTITY, author int NOT NULL, body jsonb,
    during tstzrange, PRIMARY KEY (id, n),
    CONSTRAINT written FOREIGN KEY (author) REFERENCES users ON DELETE CASCADE ON UPDATE RESTRICT DEFERRABLE,
    CONSTRAINT outside FOREIGN KEY (author) REFERENCES other.places (id) MATCH FULL,
    CONSTRAINT apart EXCLUDE USING gist (during WITH &&) WHERE (author > 1));
  ALTER TABLE posts ADD CONSTRAINT few CHECK (author > 0) NOT VALID;
  CREATE UNLOGGED TABLE quick (a int);
  CREATE INDEX body ON posts USING gin (body jsonb_path_ops);
  CREATE INDEX many ON users (lower(name) DESC, id NULLS FIRST, name COLLATE "POSIX" text_pattern_ops, (id + 1), at DESC NULLS LAST) INCLUDE (m) WHERE id > 10;
  CREATE TABLE logs (id bigint, at timestamptz NOT NULL, PRIMARY KEY (id, at), CHECK (id > 0)) PARTITION BY RANGE (at);
  CREATE TABLE logs_1 PARTITION OF logs FOR VALUES FROM ('2020-01-01 00:00+00') TO ('2021-01-01 00:00+00') PARTITION BY HASH (id);
  CREATE TABLE logs_1_0 PARTITION OF logs_1 FOR VALUES WITH (MODULUS 1, REMAINDER 0);
  CREATE TABLE logs_rest PARTITION OF logs DEFAULT;
  CREATE INDEX logs_at ON logs (at);
  CREATE TABLE refers (id bigint, at timestamptz, FOREIGN KEY (id, at) REFERENCES logs);
  CREATE VIEW v AS SELECT u.id, p.body FROM users u JOIN posts p ON p.author = u.id;
  CREATE MATERIALIZED VIEW counts AS SELECT author, count(*) AS n FROM posts GROUP BY author;
  CREATE UNIQUE INDEX counts_author ON counts (author);
  CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.at := now(); RETURN NEW; END $$;
  CREATE FUNCTION f(a int, b text DEFAULT 'x') RETURNS mood LANGUAGE sql AS $$ SELECT 'ok'::mood $$;
  CREATE PROCEDURE p(x users) LANGUAGE sql AS 'SELECT 1';
  CREATE TRIGGER touched BEFORE INSERT OR UPDATE OF name, m ON users FOR EACH ROW WHEN (NEW.id > 1) EXECUTE FUNCTION touch();
  CREATE TRIGGER logged AFTER INSERT ON logs FOR EACH ROW EXECUTE FUNCTION touch();
  ALTER TABLE users ENABLE ALWAYS TRIGGER touched;
  COMMENT ON TABLE users IS 'people'; COMMENT ON COLUMN users.mail IS 'at work'; COMMENT ON INDEX many IS 'much';
  COMMENT ON VIEW v IS 'both'; COMMENT ON TYPE mood IS 'how'; COMMENT ON SEQUENCE tickets IS 'next'; COMMENT ON DOMAIN email IS 'mail';
  COMMENT ON FUNCTION f(int, text) IS 'does'; COMMENT ON TRIGGER touched ON users IS 'touches'`

const OTHER = `
  CREATE SCHEMA other; CREATE TYPE other.level AS ENUM ('low', 'high');
  CREATE TABLE other.places (id serial PRIMARY KEY, level other.level DEFAULT 'low')`

for (const kind of KINDS.filter(({ dialect }) => dialect === 'postgres')) {
  describe(`introspect, what only ${kind.label} has`, () => {
    test('1 all that it has', async () => {
      const schema = await schemaOf(kind, `${OTHER};${RICH}`)
      assert.deepEqual(schema.enums, [
        { schema: '', name: 'mood', values: ['sad', 'ok', 'happy'], comment: 'how' },
        { schema: 'other', name: 'level', values: ['low', 'high'] },
      ])
      assert.deepEqual(
        schema.domains.map(({ name, type, nullable, checks }) => ({ name, type, nullable, checks })),
        [
          {
            name: 'email',
            type: 'character varying(80)',
            nullable: false,
            checks: [{ name: 'email_check', expression: `(VALUE)::text ~ '@'::text` }],
          },
          { name: 'feeling', type: 'mood', nullable: true, checks: [] },
          { name: 'work_email', type: 'email', nullable: true, checks: [] },
        ],
      )
      const numbers = { type: 'integer', start: '10', increment: '5', min: '1', max: '1000', cycle: true }
      assert.deepEqual(
        schema.sequences.map(({ name }) => name),
        ['loose', 'tickets'],
      )
      assert.deepEqual(schema.sequences[1], { schema: '', name: 'tickets', ...numbers, comment: 'next' })

      const users = table(schema, 'users')
      assert.deepEqual(users.columns, [
        { name: 'id', type: 'integer', kind: 'integer', nullable: false, identity: 'serial' },
        { name: 'name', type: 'character varying(40)', kind: 'text', nullable: false, collation: '"C"' },
        { name: 'mail', type: 'work_email', kind: 'text', nullable: true, comment: 'at work' },
        { name: 'm', type: 'mood', kind: 'enum', nullable: true, default: `'ok'::mood` },
        { name: 'f', type: 'feeling', kind: 'enum', nullable: true },
        { name: 'tags', type: 'text[]', kind: 'array', nullable: true, default: `'{}'::text[]` },
        {
          name: 'twice',
          type: 'integer',
          kind: 'integer',
          nullable: true,
          generated: { expression: 'id * 2', stored: true },
        },
        {
          name: 'at',
          type: 'timestamp with time zone',
          kind: 'timestamptz',
          nullable: true,
          default: 'now()',
        },
        {
          name: 'ticket',
          type: 'bigint',
          kind: 'integer',
          nullable: true,
          default: `nextval('tickets'::regclass)`,
        },
        { name: 'own', type: 'bigint', kind: 'integer', nullable: true },
        { name: 'outer_level', type: 'other.level', kind: 'enum', nullable: true },
        { name: 'price', type: 'numeric(10,2)', kind: 'numeric', nullable: true },
      ])
      assert.deepEqual(users.uniques, [
        { name: 'later', columns: ['at'], deferrable: 'deferred' },
        { name: 'wide', columns: ['name', 'mail'], include: ['m'] },
      ])
      assert.deepEqual(users.checks, [
        { name: 'long_name', expression: `(length((name)::text) > 0) AND ((name)::text <> ')'::text)` },
      ])
      assert.deepEqual(users.indexes, [
        {
          name: 'many',
          unique: false,
          parts: [
            { expression: 'lower((name)::text)', desc: true, collation: '"C"' },
            { column: 'id', nulls: 'first' },
            { column: 'name', collation: '"POSIX"', operators: 'text_pattern_ops' },
            { expression: 'id + 1' },
            { column: 'at', desc: true, nulls: 'last' },
          ],
          where: 'id > 10',
          include: ['m'],
          comment: 'much',
        },
      ])

      const posts = table(schema, 'posts')
      assert.deepEqual(
        posts.columns.map(({ identity }) => identity),
        ['always', 'by default', undefined, undefined, undefined],
      )
      assert.deepEqual(posts.foreignKeys, [
        {
          name: 'outside',
          columns: ['author'],
          to: { schema: 'other', name: 'places' },
          references: ['id'],
          onDelete: 'NO ACTION',
          onUpdate: 'NO ACTION',
          matchFull: true,
        },
        {
          name: 'written',
          columns: ['author'],
          to: { schema: '', name: 'users' },
          references: ['id'],
          onDelete: 'CASCADE',
          onUpdate: 'RESTRICT',
          deferrable: 'immediate',
        },
      ])
      assert.deepEqual(posts.checks, [{ name: 'few', expression: 'author > 0', notValid: true }])
      assert.deepEqual(posts.exclusions, [
        { name: 'apart', definition: 'EXCLUDE USING gist (during WITH &&) WHERE ((author > 1))' },
      ])
      assert.deepEqual(posts.indexes, [
        {
          name: 'body',
          unique: false,
          parts: [{ column: 'body', operators: 'jsonb_path_ops' }],
          method: 'gin',
        },
      ])
      assert.equal(table(schema, 'quick').unlogged, true)
      assert.equal(table(schema, 'places', 'other').columns[1]?.default, `'low'::other.level`)

      // A partition has only what its parent has not.
      const parts = ['logs', 'logs_1', 'logs_1_0', 'logs_rest'].map((name) => table(schema, name))
      assert.deepEqual(
        parts.map((one) => [one.partitionBy, one.partitionOf?.name, one.partitionOf?.bound]),
        [
          ['RANGE (at)', undefined, undefined],
          ['HASH (id)', 'logs', `FOR VALUES FROM ('2020-01-01 00:00:00+00') TO ('2021-01-01 00:00:00+00')`],
          [undefined, 'logs_1', 'FOR VALUES WITH (modulus 1, remainder 0)'],
          [undefined, 'logs', 'DEFAULT'],
        ],
      )
      const held = ({ primaryKey, indexes, checks }: Table) => [primaryKey, ...indexes, ...checks].length
      assert.deepEqual(parts.map(held), [3, 1, 1, 1])
      assert.equal(table(schema, 'refers').foreignKeys.length, 1)

      assert.deepEqual(
        schema.views.map(({ name, materialized, columns, indexes }) => [
          name,
          materialized,
          columns.map(({ kind }) => kind),
          indexes.map((one) => one.name),
        ]),
        [
          ['counts', true, ['integer', 'integer'], ['counts_author']],
          ['v', undefined, ['integer', 'json'], []],
        ],
      )
      assert.deepEqual(
        // Before 14 an argument's IN goes without saying.
        schema.functions.map(({ name, arguments: types, sql, comment }) => {
          return [name, types, sql.split('\n')[0]?.replace('(IN ', '('), comment]
        }),
        [
          ['f', 'integer, text', `CREATE OR REPLACE FUNCTION f(a integer, b text DEFAULT 'x'::text)`, 'does'],
          ['p', 'users', 'CREATE OR REPLACE PROCEDURE p(x users)', undefined],
          ['touch', '', 'CREATE OR REPLACE FUNCTION touch()', undefined],
        ],
      )
      assert.deepEqual(
        schema.triggers.map(({ sql: _, ...one }) => one),
        [
          { schema: '', name: 'logged', table: 'logs', timing: 'AFTER', events: ['INSERT'] },
          {
            schema: '',
            name: 'touched',
            table: 'users',
            timing: 'BEFORE',
            events: ['INSERT', 'UPDATE'],
            of: ['name', 'm'],
            enabled: 'always',
            comment: 'touches',
          },
        ],
      )
      assert.match(
        schema.triggers[1]?.sql ?? '',
        /^CREATE TRIGGER touched BEFORE INSERT .* ON users FOR EACH/,
      )
    })

    test('2 the same, whatever schema the new tables are in', () =>
      kind.scratch(async (scratch) => {
        const url = `${scratch.url}?options=${encodeURIComponent('-csearch_path=app,public -cTimeZone=Asia/Tokyo -cDateStyle=SQL')}`
        await scratch.query(`${OTHER};${RICH};CREATE SCHEMA app`)
        const before = await withDatabase(scratch.url, {}, (database) => database.introspect())
        const names = ({ schema }: { schema: string }) => schema === ''
        await scratch.query('DROP SCHEMA public CASCADE; CREATE SCHEMA public')
        await run({ ...scratch, url }, RICH)
        const after = await withDatabase(url, {}, (database) => database.introspect())
        assert.deepEqual(after, before)
        const seen = await withDatabase(scratch.url, {}, (database) => database.introspect())
        assert.equal(seen.tables.some(names), false)
        assert.equal(table(seen, 'users', 'app').columns[3]?.type, 'app.mood')
      }))

    test('3 nothing of the session is other than before, in a transaction or not', () =>
      kind.scratch(async ({ url }) => {
        const client = new pg.Client(url)
        await client.connect()
        try {
          const settings = async () => {
            const { rows } = await client.query(
              `SELECT current_setting('search_path') AS path, current_setting('TimeZone') AS zone, pg_current_xact_id_if_assigned() AS id`,
            )
            return rows[0]
          }
          await client.query(`CREATE SCHEMA app; SET search_path = app, "$user"; SET TimeZone = 'Asia/Tokyo'`)
          const before = await settings()
          await withDatabase(client, {}, (database) => database.introspect())
          assert.deepEqual(await settings(), before)
          await client.query(`BEGIN; SET LOCAL search_path = public; CREATE TABLE seen (a date)`)
          const within = await settings()
          const schema = await withDatabase(client, {}, (database) => database.introspect())
          assert.equal(schema.tables[0]?.name, 'seen')
          assert.deepEqual(await settings(), within)
          await client.query('COMMIT')
          assert.deepEqual((await settings()).path, before.path)
        } finally {
          await client.end()
        }
      }))

    test('4 nothing of an extension, and none of what is for a session only', async () => {
      const extensions = ['citext', 'pg_trgm'].map((name) => `CREATE EXTENSION ${name}`)
      const schema = await schemaOf(
        kind,
        `${extensions.join(';')}; CREATE TABLE t (a citext); CREATE TEMP TABLE gone (a int); CREATE INDEX i ON t USING gin (a gin_trgm_ops)`,
      )
      assert.deepEqual(schema.extensions, ['citext', 'pg_trgm'])
      assert.deepEqual([schema.functions, schema.domains, schema.views], [[], [], []])
      assert.deepEqual(table(schema, 't').columns, [
        { name: 'a', type: 'citext', kind: 'text', nullable: true },
      ])
      assert.deepEqual(table(schema, 't').indexes[0]?.parts, [{ column: 'a', operators: 'gin_trgm_ops' }])
      assert.equal(schema.tables.length, 1)
    })

    test('5 a sequence is a column’s part only as serial makes it', async () => {
      const schema = await schemaOf(
        kind,
        `CREATE TABLE t (a bigserial, b serial, c smallserial);
         ALTER TABLE t ALTER b DROP NOT NULL;
         ALTER TABLE t ALTER c SET DEFAULT nextval('t_a_seq')`,
      )
      assert.deepEqual(
        table(schema, 't').columns.map((one) => [one.identity, one.default]),
        [
          ['serial', undefined],
          [undefined, `nextval('t_b_seq'::regclass)`],
          [undefined, `nextval('t_a_seq'::regclass)`],
        ],
      )
      assert.deepEqual(
        schema.sequences.map(({ name }) => name),
        ['t_b_seq', 't_c_seq'],
      )
    })

    test('6 what some versions have', async () => {
      const major = Number(kind.label.split(' ')[1])
      if (major >= 15) {
        const schema = await schemaOf(
          kind,
          `CREATE TABLE p (a int, b int, UNIQUE NULLS NOT DISTINCT (a), PRIMARY KEY (a, b));
           CREATE UNIQUE INDEX i ON p (b) NULLS NOT DISTINCT;
           CREATE TABLE c (a int, b int, FOREIGN KEY (a, b) REFERENCES p ON DELETE SET NULL (b))`,
        )
        assert.equal(table(schema, 'p').uniques[0]?.nullsNotDistinct, true)
        assert.equal(table(schema, 'p').indexes[0]?.nullsNotDistinct, true)
        assert.deepEqual(table(schema, 'c').foreignKeys[0]?.onDeleteColumns, ['b'])
      }
      if (major >= 18) {
        const schema = await schemaOf(
          kind,
          `CREATE TABLE p (a int4range, during tstzrange, PRIMARY KEY (a, during WITHOUT OVERLAPS));
           CREATE TABLE c (a int4range CONSTRAINT given NOT NULL, during tstzrange, twice bool GENERATED ALWAYS AS (isempty(a)),
             FOREIGN KEY (a, PERIOD during) REFERENCES p, CONSTRAINT loose CHECK (a IS NOT NULL) NOT ENFORCED)`,
        )
        const [c, p] = schema.tables
        assert.deepEqual([p?.primaryKey, p?.indexes], [undefined, []])
        assert.deepEqual(
          [p, c].flatMap((one) => one?.exclusions.map(({ definition }) => definition)),
          [
            'PRIMARY KEY (a, during WITHOUT OVERLAPS)',
            'FOREIGN KEY (a, PERIOD during) REFERENCES p(a, PERIOD during)',
          ],
        )
        assert.deepEqual(c?.columns[2]?.generated, { expression: 'isempty(a)', stored: false })
        assert.equal(c?.columns[0]?.nullable, false)
        assert.deepEqual(
          c?.checks.map(({ name }) => name),
          ['loose'],
        )
      }
    })
  })
}

async function countQueries(kind: Kind, url: string) {
  let queries = 0
  const counted = async (native: DatabaseSync | pg.Client) => {
    return withDatabase(native, {}, async (database) => {
      queries = 0
      const start = performance.now()
      const schema = await database.introspect()
      return { queries, tables: schema.tables.length, milliseconds: performance.now() - start }
    })
  }
  if (kind.dialect === 'sqlite') {
    const native = new DatabaseSync(url.replace('sqlite:', ''))
    const prepare = native.prepare.bind(native)
    const exec = native.exec.bind(native)
    native.prepare = (sql) => {
      queries++
      return prepare(sql)
    }
    native.exec = (sql) => {
      queries++
      exec(sql)
    }
    return counted(native).finally(() => native.close())
  }
  const client = new pg.Client(url)
  await client.connect()
  const query = client.query.bind(client) as (sql: string) => Promise<pg.QueryResult>
  const counting = (sql: string) => {
    queries += sql.split(';\n').length
    return query(sql)
  }
  return counted(Object.assign(client, { query: counting })).finally(() => client.end())
}

describe('introspect, what only SQLite has', () => {
  /** A CREATE TABLE t, and what is to be found of it. */
  const CASES: Record<string, [sql: string, found: Partial<Table>]> = {
    'comments, and strings with parentheses': [
      `CREATE TABLE t(a TEXT /* ), CHECK (b) */ CHECK (a <> ')' -- ( '
        AND a <> 'it''s'), b)`,
      { checks: [{ expression: `a <> ')' AND a <> 'it''s'` }] },
    ],
    'quoted names in every form': [
      'CREATE TABLE t("check" INT CHECK ("check">0), `primary key` INT, [unique (a)] INT, \'references\' INT, UNIQUE([unique (a)],`primary key`))',
      {
        checks: [{ expression: '"check" > 0' }],
        uniques: [{ columns: ['unique (a)', 'primary key'] }],
        foreignKeys: [],
      },
    ],
    'words in any case': [
      'create table T(A integer Primary Key AutoIncrement, b text Constraint "N n" Check(b Is Not Null) Collate NoCase)',
      {
        columns: [
          { name: 'A', type: 'INTEGER', kind: 'integer', nullable: false, identity: 'autoincrement' },
          { name: 'b', type: 'TEXT', kind: 'text', nullable: true, collation: 'NOCASE' },
        ],
        checks: [{ name: 'N n', expression: 'b Is Not Null' }],
        primaryKey: { columns: ['A'] },
      },
    ],
    'a name belongs to the constraint behind it only': [
      'CREATE TABLE t(a INT CONSTRAINT x NOT NULL CHECK (a > 0) CONSTRAINT y CHECK (a < 9))',
      { checks: [{ expression: 'a > 0' }, { name: 'y', expression: 'a < 9' }] },
    ],
    'no comma between constraints of the table': [
      'CREATE TABLE t(a, b, CONSTRAINT u UNIQUE (a) CHECK (b > 0) CONSTRAINT c CHECK ((((a)) + 1)))',
      {
        uniques: [{ name: 'u', columns: ['a'] }],
        checks: [{ expression: 'b > 0' }, { name: 'c', expression: '((a)) + 1' }],
      },
    ],
    'commas in parentheses': [
      'CREATE TABLE t(a DECIMAL ( 10 , 2 ) DEFAULT (max(1, (2))) CHECK (a IN (1,2,(3))), b)',
      {
        columns: [
          { name: 'a', type: 'DECIMAL(10,2)', kind: 'numeric', nullable: true, default: 'max(1, (2))' },
          { name: 'b', type: '', kind: 'blob', nullable: true },
        ],
        checks: [{ expression: 'a IN (1, 2, (3))' }],
      },
    ],
    'types of several words': [
      'CREATE TABLE t(a DOUBLE  /* long */ PRECISION NOT NULL, b VARYING CHARACTER (20) DEFAULT \'x\', c "check" DEFAULT -1)',
      {
        columns: [
          { name: 'a', type: 'DOUBLE PRECISION', kind: 'real', nullable: false },
          { name: 'b', type: 'VARYING CHARACTER(20)', kind: 'text', nullable: true, default: `'x'` },
          { name: 'c', type: 'check', kind: 'numeric', nullable: true, default: '-1' },
        ],
      },
    ],
    'generated columns': [
      "CREATE TABLE t(a INT, b INT GENERATED ALWAYS AS (a*2) STORED, c TEXT AS (a||')') UNIQUE)",
      {
        columns: [
          { name: 'a', type: 'INT', kind: 'integer', nullable: true },
          {
            name: 'b',
            type: 'INT',
            kind: 'integer',
            nullable: true,
            generated: { expression: 'a * 2', stored: true },
          },
          {
            name: 'c',
            type: 'TEXT',
            kind: 'text',
            nullable: true,
            generated: { expression: `a || ')'`, stored: false },
          },
        ],
        uniques: [{ columns: ['c'] }],
      },
    ],
    'what is done on a conflict': [
      'CREATE TABLE t(a INT NOT NULL ON CONFLICT IGNORE, b INT UNIQUE ON CONFLICT REPLACE, PRIMARY KEY (a DESC, b) ON CONFLICT ROLLBACK)',
      {
        columns: [
          { name: 'a', type: 'INT', kind: 'integer', nullable: false, onConflict: 'IGNORE' },
          { name: 'b', type: 'INT', kind: 'integer', nullable: true },
        ],
        primaryKey: { columns: ['a', 'b'], desc: ['a'], onConflict: 'ROLLBACK' },
        uniques: [{ columns: ['b'], onConflict: 'REPLACE' }],
      },
    ],
    'actions of foreign keys are no constraints': [
      `CREATE TABLE t(a INT CONSTRAINT f REFERENCES P ON DELETE SET DEFAULT ON UPDATE SET NULL MATCH FULL NOT DEFERRABLE INITIALLY DEFERRED DEFAULT 1,
        b INT, c INT, FOREIGN KEY (B, c) REFERENCES p(X, Y) ON DELETE NO ACTION DEFERRABLE CHECK (a > 0))`,
      {
        foreignKeys: [
          {
            columns: ['b', 'c'],
            to: { schema: '', name: 'p' },
            references: ['x', 'y'],
            onDelete: 'NO ACTION',
            onUpdate: 'NO ACTION',
            deferrable: 'immediate',
          },
          {
            name: 'f',
            columns: ['a'],
            to: { schema: '', name: 'p' },
            references: ['id'],
            onDelete: 'SET DEFAULT',
            onUpdate: 'SET NULL',
          },
        ],
        checks: [{ expression: 'a > 0' }],
      },
    ],
    'a primary key may be NULL where it is not the rowid': [
      'CREATE TABLE t(id TEXT CONSTRAINT k PRIMARY KEY)',
      {
        columns: [{ name: 'id', type: 'TEXT', kind: 'text', nullable: true }],
        primaryKey: { name: 'k', columns: ['id'] },
      },
    ],
    'STRICT and WITHOUT ROWID': [
      'CREATE TABLE t(id TEXT, n INT, PRIMARY KEY(id COLLATE NOCASE, n DESC)) WITHOUT ROWID, STRICT',
      {
        columns: [
          { name: 'id', type: 'TEXT', kind: 'text', nullable: false },
          { name: 'n', type: 'INT', kind: 'integer', nullable: false },
        ],
        primaryKey: { columns: ['id', 'n'], desc: ['n'], collations: { id: 'NOCASE' } },
        strict: true,
        withoutRowid: true,
      },
    ],
    'strings in double quotes': [
      `CREATE TABLE t(a TEXT DEFAULT "it's" CHECK (a IN ('x', 'y')), b DEFAULT word, c DEFAULT CURRENT_TIMESTAMP, d DEFAULT true)`,
      {
        columns: [
          { name: 'a', type: 'TEXT', kind: 'text', nullable: true, default: `'it''s'` },
          { name: 'b', type: '', kind: 'blob', nullable: true, default: `'word'` },
          { name: 'c', type: '', kind: 'blob', nullable: true, default: 'CURRENT_TIMESTAMP' },
          { name: 'd', type: '', kind: 'blob', nullable: true, default: 'true' },
        ],
      },
    ],
  }
  for (const [name, [sql, found]] of Object.entries(CASES)) {
    test(`1 ${name}`, async () => {
      const schema = await sqlite('CREATE TABLE p(id INTEGER PRIMARY KEY, x, y, UNIQUE(x, y))', sql)
      const whole = schema.tables.find((one) => one.name.toLowerCase() === 't')
      for (const [key, value] of Object.entries(found)) assert.deepEqual(whole?.[key as keyof Table], value)
    })
  }

  test('2 tables that were altered', async () => {
    const schema = await sqlite(
      'CREATE TABLE a(id INTEGER PRIMARY KEY -- the key\n)',
      `ALTER TABLE a ADD COLUMN "n" INT CHECK (n<>5) REFERENCES a`,
      `ALTER TABLE a ADD m TEXT COLLATE nocase DEFAULT ')'`,
      'ALTER TABLE a RENAME COLUMN n TO "new n"',
      'ALTER TABLE a RENAME TO t',
    )
    const { columns, checks, foreignKeys } = table(schema, 't')
    assert.deepEqual(
      columns.map(({ name }) => name),
      ['id', 'new n', 'm'],
    )
    assert.deepEqual(columns[2], {
      name: 'm',
      type: 'TEXT',
      kind: 'text',
      nullable: true,
      default: `')'`,
      collation: 'NOCASE',
    })
    assert.deepEqual(checks, [{ expression: '"new n" <> 5' }])
    assert.deepEqual(foreignKeys[0]?.to, { schema: '', name: 't' })
    assert.deepEqual(foreignKeys[0]?.references, ['id'])
  })

  test('3 indexes', async () => {
    const schema = await sqlite(
      `CREATE TABLE t(a TEXT COLLATE NOCASE, b, "c d")`,
      `CREATE UNIQUE INDEX IF NOT EXISTS "the (index)" ON t(a COLLATE BINARY DESC, (b), "c d"  ASC, lower( a )||',' COLLATE nocase, (substr(b,1) COLLATE RTRIM) desc)
        WHERE b='a)' /* or */ AND a IS NOT NULL`,
      'CREATE INDEX plain ON t(a, (b+1))',
    )
    assert.deepEqual(table(schema, 't').indexes, [
      { name: 'plain', unique: false, parts: [{ column: 'a' }, { expression: 'b + 1' }] },
      {
        name: 'the (index)',
        unique: true,
        parts: [
          { column: 'a', desc: true, collation: 'BINARY' },
          { column: 'b' },
          { column: 'c d' },
          { expression: `lower(a) || ',' COLLATE nocase` },
          { expression: 'substr(b, 1)', desc: true, collation: 'RTRIM' },
        ],
        where: `b = 'a)' AND a IS NOT NULL`,
      },
    ])
  })

  test('4 views and triggers', async () => {
    const schema = await sqlite(
      'CREATE TABLE t(a TEXT, b INT)',
      'CREATE VIEW "as" (x, [y as]) AS SELECT a, b -- as it was\n  FROM t',
      'CREATE TRIGGER IF NOT EXISTS before UPDATE OF a, "b" ON t BEGIN SELECT 1; END',
      'CREATE TRIGGER late AFTER INSERT ON t WHEN NEW.b > 1 BEGIN DELETE FROM t; END',
      'CREATE TRIGGER through INSTEAD OF DELETE ON "as" BEGIN SELECT 1; END',
    )
    assert.deepEqual(schema.views, [
      {
        schema: '',
        name: 'as',
        columns: [
          { name: 'x', type: 'TEXT', kind: 'text' },
          { name: 'y as', type: 'INT', kind: 'integer' },
        ],
        query: 'SELECT a, b -- as it was\n  FROM t',
        indexes: [],
      },
    ])
    assert.deepEqual(
      schema.triggers.map(({ sql, ...rest }) => ({ ...rest, sql: sql.slice(0, 14) })),
      [
        {
          schema: '',
          name: 'through',
          table: 'as',
          timing: 'INSTEAD OF',
          events: ['DELETE'],
          sql: 'CREATE TRIGGER',
        },
        {
          schema: '',
          name: 'before',
          table: 't',
          timing: 'BEFORE',
          events: ['UPDATE'],
          of: ['a', 'b'],
          sql: 'CREATE TRIGGER',
        },
        {
          schema: '',
          name: 'late',
          table: 't',
          timing: 'AFTER',
          events: ['INSERT'],
          sql: 'CREATE TRIGGER',
        },
      ],
    )
  })

  test('5 a virtual table, without what stands behind it; a view of what is gone', async () => {
    const schema = await sqlite(
      `CREATE VIRTUAL TABLE docs USING fts5(title, body, tokenize = 'porter')`,
      'CREATE TABLE gone(a)',
      'CREATE VIEW broken AS SELECT a FROM gone',
      'CREATE VIEW whole AS SELECT 1 AS one',
      'DROP TABLE gone',
      'CREATE TEMP TABLE docs(other)',
    )
    assert.deepEqual(
      schema.tables.map(({ name, columns, virtual }) => ({
        name,
        columns: columns.map((one) => one.name),
        virtual,
      })),
      [
        {
          name: 'docs',
          columns: ['title', 'body'],
          virtual: `CREATE VIRTUAL TABLE docs USING fts5(title, body, tokenize = 'porter')`,
        },
      ],
    )
    assert.deepEqual(
      schema.views.map(({ name, columns }) => [name, columns.map((one) => one.name)]),
      [
        ['broken', []],
        ['whole', ['one']],
      ],
    )
  })

  test('6 an older file’s strings in double quotes are written as strings', async () => {
    const native = new DatabaseSync(':memory:', { enableDoubleQuotedStringLiterals: true })
    native.exec(`CREATE TABLE t(a TEXT CHECK (a IN ("x", "a", "it's")), "b" INT CHECK ("t"."b" > "abs"(1)));
      CREATE INDEX i ON t(a) WHERE "a" <> "y"`)
    const { checks, indexes } = table(
      await withDatabase(native, {}, (database) => database.introspect()),
      't',
    )
    assert.deepEqual(
      checks.map(({ expression }) => expression),
      ['"t"."b" > "abs"(1)', `a IN ('x', "a", 'it''s')`],
    )
    assert.equal(indexes[0]?.where, `"a" <> 'y'`)
    native.close()
  })

  test('7 whatever a CREATE TABLE looks like', async () => {
    await fc.assert(
      fc.asyncProperty(tableTexts, async ({ tokens, blanks, expected }) => {
        const native = new DatabaseSync(':memory:')
        try {
          const sql = tokens.map((token, i) => token + blanks[i % blanks.length]).join('')
          native.exec('CREATE TABLE parent(id INTEGER PRIMARY KEY)')
          native.exec(sql)
          const read = () => withDatabase(native, {}, (database) => database.introspect())
          const found = table(await read(), 't')
          const { checks, foreignKeys, uniques, columns } = found
          assert.deepEqual(checks, expected.checks, sql)
          assert.deepEqual(foreignKeys, expected.foreignKeys, sql)
          assert.deepEqual(uniques, expected.uniques, sql)
          assert.deepEqual(columns, expected.columns, sql)
          // SQLite's own word for a column's collation is that of an index on it.
          for (const [i, { name, collation }] of columns.entries()) {
            native.exec(`CREATE INDEX i${i} ON t("${name.replaceAll('"', '""')}")`)
            const [row] = native.prepare(`SELECT coll FROM pragma_index_xinfo('i${i}') WHERE key`).all()
            assert.equal(String(row?.coll).toUpperCase(), collation ?? 'BINARY', sql)
          }
        } finally {
          native.close()
        }
      }),
      { numRuns: 300 },
    )
  })
})

/** Names that a scan may stumble over; a number makes each another. */
const NAMES = [
  'check',
  'a b',
  'x(y',
  'z)',
  "it's",
  'primary key',
  'q"uote',
  'ünï',
  'references',
  'A',
  '--',
  'c,d',
]

const BLANKS = [' ', '\n', '\t ', " /* ) , ( ' */ ", ` -- "'(\n`, '/**/ ']

const anyCase = (words: string) =>
  fc.boolean().map((low) => words.split(' ').map((word) => (low ? word.toLowerCase() : word)))

const quotedName = (name: string) =>
  fc
    .constantFrom(
      `"${name.replaceAll('"', '""')}"`,
      `\`${name}\``,
      ...(/^\w+$/.test(name) && !/^(check|references)/i.test(name) ? [name] : []),
      `[${name}]`,
    )
    .map((text) => text)

interface Piece {
  readonly tokens: readonly string[]
  readonly apply: (found: Expected) => void
}

interface Expected {
  columns: Column[]
  checks: { name?: string; expression: string }[]
  foreignKeys: Table['foreignKeys'][number][]
  uniques: { name?: string; columns: string[] }[]
}

const nothing: Piece = { tokens: [], apply: () => {} }

const constraintName = fc.option(fc.constantFrom('n', 'check', 'on "x"', 'm)'), { nil: undefined })

const withName = (name: string | undefined, keyword: string[], tokens: readonly string[]) =>
  name === undefined ? tokens : [...keyword, `"${name.replaceAll('"', '""')}"`, ...tokens]

const named = (name: string | undefined) => (name === undefined ? {} : { name })

const CHECKS: readonly { tokens: readonly string[]; text: string }[] = [
  { tokens: ['1', '>', '0'], text: '1 > 0' },
  {
    tokens: ['length', '(', "')'", ')', '<>', "',('", 'OR', '-', '1', '<', '(', '2', ')'],
    text: `length(')') <> ',(' OR -1 < (2)`,
  },
  {
    tokens: ["x'00'", 'NOT', 'IN', '(', "'a'", ',', "'it''s -- /*'", ')'],
    text: `x'00' NOT IN ('a', 'it''s -- /*')`,
  },
  {
    tokens: ['CASE', 'WHEN', '1', 'THEN', '.5e1', 'ELSE', 'max', '(', '1', ',', '2', ')', 'END'],
    text: 'CASE WHEN 1 THEN .5e1 ELSE max(1, 2) END',
  },
]

const check: fc.Arbitrary<Piece> = fc
  .tuple(constraintName, anyCase('CHECK'), anyCase('CONSTRAINT'), fc.constantFrom(...CHECKS), fc.boolean())
  .map(([name, keyword, constraint, { tokens, text }, twice]) => ({
    tokens: withName(name, constraint, [
      ...keyword,
      '(',
      ...(twice ? ['('] : []),
      ...tokens,
      ...(twice ? [')'] : []),
      ')',
    ]),
    apply: ({ checks }) => checks.push({ ...named(name), expression: text }),
  }))

const ACTIONS = ['NO ACTION', 'RESTRICT', 'CASCADE', 'SET NULL', 'SET DEFAULT'] as const

const DEFERRABLE = [
  ['', undefined],
  ['DEFERRABLE', 'immediate'],
  ['DEFERRABLE INITIALLY DEFERRED', 'deferred'],
  ['DEFERRABLE INITIALLY IMMEDIATE', 'immediate'],
  ['NOT DEFERRABLE INITIALLY DEFERRED', undefined],
] as const

const reference = (column: string, start: readonly string[]): fc.Arbitrary<Piece> =>
  fc
    .record({
      name: constraintName,
      words: anyCase('REFERENCES'),
      onDelete: fc.constantFrom(...ACTIONS),
      onUpdate: fc.constantFrom(...ACTIONS),
      deferrable: fc.constantFrom(...DEFERRABLE),
      listed: fc.boolean(),
    })
    .map(({ name, words, onDelete, onUpdate, deferrable: [said, deferrable], listed }) => ({
      tokens: withName(
        name,
        ['CONSTRAINT'],
        [
          ...start,
          ...words,
          '"parent"',
          ...(listed ? ['(', 'ID', ')'] : []),
          ...`ON DELETE ${onDelete} ON UPDATE ${onUpdate} ${said}`.trim().split(' '),
        ],
      ),
      apply: ({ foreignKeys }) =>
        foreignKeys.push({
          ...named(name),
          columns: [column],
          to: { schema: '', name: 'parent' },
          references: ['id'],
          onDelete,
          onUpdate,
          ...(deferrable !== undefined && { deferrable }),
        }),
    }))

const TYPES = [
  { tokens: [], type: '', kind: 'blob' },
  { tokens: ['INTEGER'], type: 'INTEGER', kind: 'integer' },
  { tokens: ['VARCHAR', '(', '40', ')'], type: 'VARCHAR(40)', kind: 'text' },
  { tokens: ['DOUBLE', 'PRECISION'], type: 'DOUBLE PRECISION', kind: 'real' },
  { tokens: ['DECIMAL', '(', '10', ',', '-2', ')'], type: 'DECIMAL(10,-2)', kind: 'numeric' },
] as const

const DEFAULTS = [
  { tokens: ['-', '1'], text: '-1' },
  { tokens: ["'check (a)'"], text: `'check (a)'` },
  { tokens: ['(', 'datetime', '(', "'now'", ')', ')'], text: `datetime('now')` },
  { tokens: ['null'], text: 'null' },
]

const oneColumn = (name: string): fc.Arbitrary<Piece[]> =>
  fc
    .record({
      quoted: quotedName(name),
      type: fc.constantFrom(...TYPES),
      required: fc.boolean(),
      fallback: fc.option(fc.constantFrom(...DEFAULTS), { nil: undefined }),
      collation: fc.option(fc.constantFrom('NOCASE', 'RTRIM', 'BINARY'), { nil: undefined }),
      check: fc.option(check, { nil: nothing }),
      reference: fc.option(reference(name, []), { nil: nothing }),
      unique: fc.option(constraintName, { nil: null }),
      order: fc.shuffledSubarray([0, 1, 2, 3, 4, 5], { minLength: 6, maxLength: 6 }),
    })
    .map(({ quoted, type, required, fallback, collation, check, reference, unique, order }) => {
      const { tokens, type: typeName, kind } = type
      const own: Column = {
        name,
        type: typeName,
        kind,
        nullable: !required,
        ...(fallback && { default: fallback.text }),
        ...(collation !== undefined && collation !== 'BINARY' && { collation }),
      }
      const one = { tokens: [quoted, ...tokens], apply: (found: Expected) => found.columns.push(own) }
      const uniqueOf: Piece = {
        tokens:
          unique === null ? [] : withName(unique, ['constraint'], ['Unique', 'ON', 'CONFLICT', 'ABORT']),
        apply: ({ uniques }) => unique !== null && uniques.push({ ...named(unique), columns: [name] }),
      }
      const parts: Piece[] = [
        { ...nothing, tokens: required ? ['NOT', 'Null'] : [] },
        { ...nothing, tokens: fallback ? ['DEFAULT', ...fallback.tokens] : [] },
        { ...nothing, tokens: collation === undefined ? [] : ['collate', collation.toLowerCase()] },
        check,
        reference,
        uniqueOf,
      ]
      return [one, ...order.map((i) => parts[i] ?? nothing)]
    })

const tableTexts = fc
  .array(fc.constantFrom(...NAMES), { minLength: 1, maxLength: 4 })
  .map((names) => names.map((name, i) => `${name}${i}`))
  .chain((names) =>
    fc.record({
      columns: fc.tuple(...names.map(oneColumn)),
      rest: fc.array(
        fc.oneof(
          check,
          ...names.map((name) =>
            reference(name, ['FOREIGN', 'KEY', '(', `"${name.replaceAll('"', '""')}"`, ')']),
          ),
        ),
        { maxLength: 3 },
      ),
      blanks: fc.array(fc.constantFrom(...BLANKS), { minLength: 1, maxLength: 7 }),
    }),
  )
  .map(({ columns, rest, blanks }) => {
    const expected: Expected = { columns: [], checks: [], foreignKeys: [], uniques: [] }
    const items = [...columns, ...rest.map((piece) => [piece])]
    for (const piece of items.flat()) piece.apply(expected)
    const by = (key: (one: never) => string) => (a: unknown, b: unknown) =>
      key(a as never) < key(b as never) ? -1 : key(a as never) > key(b as never) ? 1 : 0
    expected.checks.sort(by(({ name, expression }: Expected['checks'][0]) => `${name ?? ''}\0${expression}`))
    expected.uniques.sort(by(({ name, columns }: Expected['uniques'][0]) => `${name ?? ''}\0${columns}`))
    expected.foreignKeys.sort(
      by(
        ({ name, columns, onDelete, onUpdate }: Expected['foreignKeys'][0]) =>
          `${name ?? ''}\0${columns}\0${onDelete}\0${onUpdate}`,
      ),
    )
    const inner = items.flatMap((item, i) => [
      ...(i > 0 ? [','] : []),
      ...item.flatMap(({ tokens }) => tokens),
    ])
    return { tokens: ['CREATE', 'TABLE', 't', '(', ...inner, ')'], blanks, expected }
  })
