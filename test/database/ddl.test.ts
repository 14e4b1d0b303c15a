import assert from 'node:assert/strict'
import { DatabaseSync } from 'node:sqlite'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import pg from 'pg'
import { emptySchema, type Schema, type Table } from '../../src/core/schema/model.ts'
import { alterSchema, createSchema, scriptText } from '../../src/core/schema/sql/ddl.ts'
import { tablesInOrder } from '../../src/core/schema/sql/order.ts'
import { introspect as introspectPostgres } from '../../src/database/postgres/introspect.ts'
import { introspect as introspectSqlite } from '../../src/database/sqlite/introspect.ts'
import { type Logger, up } from '../../src/index.ts'
import { KINDS, type Kind } from '../matrix.ts'
import { schemas } from '../schemas.ts'

const SILENT: Logger = { info: () => {}, warn: () => {} }

/** A database that is emptied again and again. */
interface Ground {
  clear(): Promise<void>
  run(sql: string): Promise<void>
  /** Runs a script as this tool does. */
  migrate(sql: string, notes?: readonly string[]): Promise<void>
  rows(sql: string): Promise<Record<string, unknown>[]>
  schema(): Promise<Schema>
  count(table: string): Promise<number>
}

async function onGround(kind: Kind, work: (ground: Ground) => Promise<void>): Promise<void> {
  if (kind.dialect === 'sqlite') {
    let native = new DatabaseSync(':memory:')
    const clear = async () => {
      native.close()
      native = new DatabaseSync(':memory:')
      // The tests write rows of a circle one after the other.
      native.exec('PRAGMA foreign_keys = OFF')
    }
    // With strict, what a rebuild forgets is an error.
    const migrate = async (sql: string, notes: readonly string[] = []) => {
      native.exec('PRAGMA foreign_keys = ON')
      const migrations = [{ name: '1_all.up.sql', sql: sql || '-- migrate: nothing at all' }]
      const strict = !notes.some((note) => note.includes('without AUTOINCREMENT'))
      await up({ database: native, migrations, strict, logger: SILENT })
    }
    return work({
      clear,
      run: async (sql) => native.exec(`BEGIN; ${sql}; COMMIT`),
      migrate,
      rows: async (sql) => native.prepare(sql).all(),
      schema: async () => introspectSqlite(native),
      count: async (table) => Number(native.prepare(`SELECT count(*) AS n FROM "${table}"`).get()?.n),
    })
  }
  await kind.scratch(async ({ url }) => {
    const client = new pg.Client(url)
    await client.connect()
    const rows = async (sql: string) => {
      const results = await client.query(sql)
      return (Array.isArray(results) ? results : [results]).map((result) => result.rows)
    }
    const run = async (sql: string) => {
      await client.query(`BEGIN; ${sql}; COMMIT`)
    }
    try {
      await work({
        clear: async () => {
          await client.query(
            'ROLLBACK; DROP SCHEMA public CASCADE; DROP SCHEMA IF EXISTS "Other" CASCADE; CREATE SCHEMA public',
          )
        },
        run,
        migrate: run,
        rows: async (sql) => (await rows(sql))[0] ?? [],
        schema: () => introspectPostgres(rows),
        count: async (table) => Number((await rows(`SELECT count(*) AS n FROM "${table}"`))[0]?.[0]?.n),
      })
    } finally {
      await client.end()
    }
  })
}

/** Three rows for a table. */
function rowsOf(table: Table, dialect: Schema['dialect']): string[] {
  const columns = table.columns.filter(({ generated }) => generated === undefined)
  const value = (column: Table['columns'][number], i: number) => {
    if (column.nullable && i === 2) return 'NULL'
    const { kind, type } = column
    if (kind === 'integer' || type === 'positive') return String(i + 1)
    if (kind === 'real') return `${i}.5`
    if (kind === 'blob') return `x'0${i}'`
    if (kind === 'boolean') return 'true'
    if (kind === 'json') return `'{"i": ${i}}'`
    if (kind === 'enum') return `'ok'`
    if (kind === 'array') return `'{ok}'`
    if (kind.startsWith('timestamp')) return `'2026-01-0${i + 1}'`
    return dialect === 'sqlite' ? `'v${i}'` : `'${i}'`
  }
  const names = columns.map(({ name }) => `"${name}"`).join(', ')
  return [0, 1, 2].map(
    (i) =>
      `INSERT INTO "${table.name}" (${names}) VALUES (${columns.map((column) => value(column, i)).join(', ')})`,
  )
}

function plain(schema: Schema): Schema {
  const byName = <T extends { name: string }>(all: readonly T[]) =>
    [...all].sort((a, b) => (a.name < b.name ? -1 : 1))
  return { ...schema, tables: schema.tables.map((table) => ({ ...table, columns: byName(table.columns) })) }
}

/** All that a database can hold, as people write it. */
const RICH: Readonly<Record<Schema['dialect'], string>> = {
  sqlite: `
    CREATE TABLE "Weird ""name""" (id INTEGER PRIMARY KEY DESC, "select" TEXT DEFAULT 'a''b', [x y] DEFAULT (1 + 1), CHECK ("select" <> 'CHECK (') );
    CREATE TABLE parents (a TEXT, b INTEGER, c TEXT COLLATE RTRIM UNIQUE ON CONFLICT REPLACE, d NOT NULL ON CONFLICT IGNORE DEFAULT 'x', CONSTRAINT pk PRIMARY KEY (a, b DESC)) WITHOUT ROWID;
    CREATE TABLE children (
      id INTEGER PRIMARY KEY AUTOINCREMENT, pa TEXT DEFAULT NULL, pb INTEGER, self INTEGER REFERENCES children DEFERRABLE INITIALLY DEFERRED,
      total REAL GENERATED ALWAYS AS (pb * 2.5) STORED, lower TEXT AS (lower(pa)) VIRTUAL CHECK (lower <> ''),
      CONSTRAINT "my fk" FOREIGN KEY (pa, pb) REFERENCES parents ON UPDATE SET NULL ON DELETE RESTRICT,
      CONSTRAINT positive CHECK (pb > 0), UNIQUE (pa COLLATE NOCASE, pb)
    );
    CREATE TABLE strict_one (id INT PRIMARY KEY, data ANY, flag INTEGER NOT NULL DEFAULT TRUE CHECK (flag IN (0, 1)), at TEXT DEFAULT CURRENT_TIMESTAMP) STRICT;
    CREATE UNIQUE INDEX "an index" ON children (lower(pa) COLLATE NOCASE DESC, pb + 1, self) WHERE pb IS NOT NULL AND pa <> 'x';
    CREATE VIEW renamed (one, two) AS SELECT pa, pb FROM children; -- said
    CREATE VIEW stars AS SELECT children.*, a FROM children, parents;
    CREATE VIEW computed AS WITH w AS (SELECT 1 AS n) SELECT n + 1 AS m, n FROM w UNION SELECT 2, 3;
    CREATE VIEW "a view of views" AS SELECT one || two FROM renamed;
    CREATE TRIGGER "on insert" INSTEAD OF INSERT ON renamed BEGIN INSERT INTO children (pa) VALUES (NEW.one); DELETE FROM children WHERE pa = ';'; END;
    CREATE TRIGGER touch AFTER UPDATE OF pa, pb ON children WHEN NEW.pa <> OLD.pa BEGIN SELECT 1; END;
    CREATE VIRTUAL TABLE search USING fts5(title, body);
    CREATE TABLE circle_a (id INTEGER PRIMARY KEY, b INTEGER REFERENCES circle_b (id));
    CREATE TABLE circle_b (id INTEGER PRIMARY KEY, a INTEGER REFERENCES circle_a (id));`,
  postgres: `
    CREATE SCHEMA "Other"; CREATE EXTENSION citext;
    CREATE TYPE mood AS ENUM ('sad', 'it''s ok'); COMMENT ON TYPE mood IS 'how it is'; CREATE TYPE "Other".mood AS ENUM ('x');
    CREATE DOMAIN amount AS numeric(10, 2) DEFAULT 0 NOT NULL CHECK (VALUE >= 0) CONSTRAINT small CHECK (VALUE < 1000);
    CREATE DOMAIN tip AS amount; COMMENT ON DOMAIN tip IS 'more';
    CREATE SEQUENCE numbers AS integer INCREMENT BY -2 MAXVALUE 100 START 50 CYCLE; CREATE SEQUENCE plain; COMMENT ON SEQUENCE plain IS 'p';
    CREATE FUNCTION twice(n integer) RETURNS integer LANGUAGE sql IMMUTABLE AS 'SELECT n * 2';
    CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END; $$; COMMENT ON FUNCTION touch() IS 't';
    CREATE TABLE "Weird ""name""" ("Id" bigserial PRIMARY KEY, "select" varchar(20)[] DEFAULT '{}', "when" timestamptz(3) DEFAULT (now() AT TIME ZONE 'utc'), x char(3) COLLATE "C", n numeric(10,2));
    CREATE TABLE empty_one ();
    CREATE TABLE parents (
      a uuid DEFAULT gen_random_uuid(), b integer GENERATED ALWAYS AS IDENTITY, c citext UNIQUE DEFERRABLE, m mood NOT NULL DEFAULT 'sad', o "Other".mood,
      price amount, t integer DEFAULT twice(2) CHECK (twice(t) > 0), g integer GENERATED ALWAYS AS (twice(t) + 1) STORED, j jsonb DEFAULT '{"a": 1}', s smallserial, v serial,
      d date DEFAULT CURRENT_DATE, i interval DEFAULT '1 day', r double precision DEFAULT -1.5, big bigint GENERATED BY DEFAULT AS IDENTITY, q integer DEFAULT nextval('plain'),
      PRIMARY KEY (a, b), CONSTRAINT named UNIQUE (t, g) INCLUDE (j), CONSTRAINT gap EXCLUDE USING gist (int4range(t, t + 1) WITH &&) WHERE (t > 5), CHECK (t < 9 OR c <> 'x'));
    ALTER TABLE parents ALTER s DROP NOT NULL;
    ALTER TABLE parents ADD CHECK (q > 0) NOT VALID;
    COMMENT ON TABLE parents IS 'It''s a table'; COMMENT ON COLUMN parents.m IS 'two
lines';
    CREATE TABLE "Other".children (id integer PRIMARY KEY, pa uuid, pb integer, CONSTRAINT "my fk" FOREIGN KEY (pa, pb) REFERENCES parents MATCH FULL ON UPDATE CASCADE ON DELETE SET NULL DEFERRABLE INITIALLY DEFERRED);
    CREATE UNLOGGED TABLE unlogged (id integer REFERENCES "Other".children NOT NULL);
    ALTER TABLE unlogged ADD CONSTRAINT later FOREIGN KEY (id) REFERENCES "Other".children NOT VALID;
    CREATE TABLE circle_a (id integer PRIMARY KEY, b integer); CREATE TABLE circle_b (id integer PRIMARY KEY, a integer REFERENCES circle_a); ALTER TABLE circle_a ADD FOREIGN KEY (b) REFERENCES circle_b;
    CREATE TABLE measures (at date NOT NULL, kind text DEFAULT 'x', n integer CHECK (n > 0), PRIMARY KEY (at, kind)) PARTITION BY RANGE (at);
    CREATE TABLE measures_1 PARTITION OF measures FOR VALUES FROM ('2026-01-01') TO ('2026-02-01');
    CREATE TABLE measures_2 PARTITION OF measures (n DEFAULT 5 CHECK (n < 100), kind DEFAULT 'y') FOR VALUES FROM ('2026-02-01') TO ('2026-03-01') PARTITION BY LIST (kind);
    CREATE TABLE measures_2_y PARTITION OF measures_2 FOR VALUES IN ('y'); CREATE TABLE measures_rest PARTITION OF measures DEFAULT;
    CREATE INDEX by_n ON measures (n); CREATE INDEX own ON measures_1 (n, kind);
    CREATE UNIQUE INDEX "an index" ON parents (lower(c::text) DESC, (t + 1), m) INCLUDE (o) WHERE t IS NOT NULL AND c <> 'y';
    CREATE INDEX by_json ON parents USING gin (j jsonb_path_ops); CREATE INDEX nulls ON parents (t DESC NULLS LAST, x_like(c));
    COMMENT ON INDEX by_json IS 'gin';
    CREATE VIEW renamed (one, two) AS SELECT a, b FROM parents; COMMENT ON VIEW renamed IS 'v';
    CREATE VIEW a_view_of_views AS SELECT one::text || two AS three FROM renamed;
    CREATE MATERIALIZED VIEW counts AS SELECT count(*) AS n, m FROM parents GROUP BY m; CREATE UNIQUE INDEX counts_m ON counts (m); COMMENT ON MATERIALIZED VIEW counts IS 'm';
    CREATE FUNCTION all_parents() RETURNS SETOF parents LANGUAGE sql AS 'SELECT * FROM parents';
    CREATE PROCEDURE clean(n integer, m mood DEFAULT 'sad') LANGUAGE sql AS 'DELETE FROM renamed WHERE two = n';
    CREATE VIEW from_function AS SELECT a FROM all_parents();
    CREATE TRIGGER touched BEFORE UPDATE OF t, m ON parents FOR EACH ROW WHEN (OLD.t <> NEW.t) EXECUTE FUNCTION touch(); COMMENT ON TRIGGER touched ON parents IS 'tr';
    CREATE TRIGGER sleeping AFTER INSERT ON "Other".children EXECUTE FUNCTION touch(); ALTER TABLE "Other".children DISABLE TRIGGER sleeping;
    CREATE CONSTRAINT TRIGGER awake AFTER INSERT ON parents DEFERRABLE FOR EACH ROW EXECUTE FUNCTION touch(); ALTER TABLE parents ENABLE ALWAYS TRIGGER awake;`.replace(
    'x_like(c)',
    '(c::text)',
  ),
}

/** https://sqlite.org/lang_keywords.html */
const SQLITE_KEYWORDS =
  `abort action add after all alter always analyze and as asc attach autoincrement before begin between by cascade case
   cast check collate column commit conflict constraint create cross current current_date current_time
   current_timestamp database default deferrable deferred delete desc detach distinct do drop each else end escape
   except exclude exclusive exists explain fail filter first following for foreign from full generated glob group
   groups having if ignore immediate in index indexed initially inner insert instead intersect into is isnull join key
   last left like limit match materialized natural no not nothing notnull null nulls of offset on or order others outer
   over partition plan pragma preceding primary query raise range recursive references regexp reindex release rename
   replace restrict returning right rollback row rows savepoint select set table temp temporary then ties to
   transaction trigger unbounded union unique update using vacuum values view virtual when where window with
   without`.split(/\s+/)

const RUNS = { sqlite: 50, postgres: 6 }

for (const kind of KINDS) {
  describe(kind.label, () => {
    const { dialect } = kind

    test('1 built from its own dump and read again it is the same', () =>
      onGround(kind, (ground) =>
        fc.assert(
          fc.asyncProperty(schemas(dialect), async (schema) => {
            await ground.clear()
            await ground.run(scriptText(createSchema(schema)))
            const first = await ground.schema()
            const dump = scriptText(createSchema(first))
            await ground.clear()
            await ground.run(dump)
            assert.deepEqual(await ground.schema(), first)
            assert.equal(scriptText(createSchema(await ground.schema())), dump)
          }),
          { numRuns: Number(process.env.RUNS ?? RUNS[dialect]) },
        ),
      ))

    test('2 altered into another it is the other', () =>
      onGround(kind, (ground) =>
        fc.assert(
          fc.asyncProperty(schemas(dialect), schemas(dialect), fc.boolean(), async (a, b, withRows) => {
            await ground.clear()
            await ground.run(scriptText(createSchema(b)))
            const after = await ground.schema()
            await ground.clear()
            await ground.run(scriptText(createSchema(a)))
            const before = await ground.schema()
            if (withRows) {
              const off = dialect === 'postgres' ? `SET LOCAL session_replication_role = replica;` : ''
              const rows = tablesInOrder(before).flatMap((table) => rowsOf(table, dialect))
              await ground.run([off, ...rows].join(';\n'))
            }
            const { statements, notes } = alterSchema(before, after)
            const script = scriptText(statements)
            const may = withRows && notes.some((note) => /fails if|look at its values/.test(note))
            try {
              await ground.migrate(script, notes)
            } catch (error) {
              if (may) return
              throw new Error(`${error}\n${script}\n${notes.join('\n')}`, { cause: error })
            }
            assert.deepEqual(plain(await ground.schema()), plain(after), script)
            assert.deepEqual(alterSchema(await ground.schema(), after).statements, [])
            if (!withRows) return
            for (const { name } of after.tables) {
              const stayed = before.tables.some((table) => table.name === name)
              assert.equal(await ground.count(name), stayed ? 3 : 0, name)
            }
          }),
          { numRuns: Number(process.env.RUNS ?? RUNS[dialect]) },
        ),
      ))

    test('3 all that a database can hold', () =>
      onGround(kind, async (ground) => {
        await ground.clear()
        await ground.run(RICH[dialect])
        const rich = await ground.schema()
        const dump = scriptText(createSchema(rich))
        const none = emptySchema(dialect)
        const gone = alterSchema(rich, none)
        await ground.run(scriptText(gone.statements))
        assert.deepEqual(await ground.schema(), none)
        assert.equal(gone.notes.length, rich.tables.length)

        await ground.run(scriptText(alterSchema(none, rich).statements))
        assert.deepEqual(await ground.schema(), rich)
        await ground.clear()
        await ground.run(dump)
        assert.deepEqual(await ground.schema(), rich, dump)
        assert.deepEqual(alterSchema(rich, rich), { statements: [], notes: [] })
      }))

    test('4 a name that is a keyword is quoted where it must be, and means itself', () =>
      onGround(kind, async (ground) => {
        await ground.clear()
        const known =
          dialect === 'postgres'
            ? (await ground.rows('SELECT word FROM pg_get_keywords()')).map(({ word }) => String(word))
            : SQLITE_KEYWORDS
        const words = [...known, 'Mixed', 'two words', 'größe', '1st', '$1', "it's", 'a"b']
        const columns = words.map((word) => ({
          name: word,
          type: 'integer',
          kind: 'integer' as const,
          nullable: true,
        }))
        const none = { uniques: [], foreignKeys: [], checks: [], exclusions: [] }
        const wide = { schema: '', name: 'wide one', columns, ...none, indexes: [] }
        const tables = words.map((name) => {
          const indexes = [{ name: `${name} index`, unique: false, parts: [{ column: name }] }]
          return { ...wide, name, columns: columns.filter((column) => column.name === name), indexes }
        })
        const schema = { ...emptySchema(dialect), tables: [wide, ...tables] }
        await ground.run(scriptText(createSchema(schema)))
        const names = ({ tables }: Schema) =>
          tables.map(({ name, columns }) => [name, ...columns.map((column) => column.name)].join()).sort()
        assert.deepEqual(names(await ground.schema()), names(schema))
      }))

    test('5 what has another name is renamed, with its rows', () =>
      onGround(kind, async (ground) => {
        const [text, number] = dialect === 'sqlite' ? ['TEXT', 'INTEGER'] : ['text', 'integer']
        const make = (users: string, posts: string, name: string, more = '') => `
          CREATE TABLE ${users} (id ${number} PRIMARY KEY, ${name} ${text} CHECK (${name} <> '')${more});
          CREATE TABLE ${posts} (id ${number} PRIMARY KEY, author ${number} REFERENCES ${users} (id));
          CREATE INDEX by_name ON ${users} (${name}) WHERE ${name} <> 'x';
          CREATE VIEW named AS SELECT ${name} AS n FROM ${users};`
        // Names that are swapped, a name that was another table's, a column that is changed beside.
        for (const [users, posts, name, more] of [
          ['people', 'posts', 'title', undefined],
          ['people', 'posts', 'title', `, extra ${number} NOT NULL DEFAULT 3 CHECK (extra > 1)`],
          ['posts', 'users', 'name', undefined],
          ['notes', 'posts', 'name', `, CHECK (id > 0)`],
        ] as const) {
          await ground.clear()
          await ground.run(make(users, posts, name, more))
          const after = await ground.schema()
          await ground.clear()
          await ground.run(`${make('users', 'posts', 'name')} CREATE TABLE notes (id ${number} PRIMARY KEY);`)
          await ground.run(`INSERT INTO users VALUES (1, 'a'), (2, 'b'); INSERT INTO posts VALUES (7, 2)`)
          const before = await ground.schema()
          const { statements } = alterSchema(before, after, {
            tables: { users, ...(posts !== 'posts' && { posts }) },
            columns: { ...(name !== 'name' && { [`${users}.name`]: name }) },
          })
          const script = scriptText(statements)
          await ground.migrate(script)
          const now = await ground.schema()
          assert.deepEqual(alterSchema(now, after).statements, [], script)
          assert.deepEqual(plain(now), plain(after), script)
          assert.equal((await ground.rows('SELECT n FROM named')).length, 2)
          assert.equal((await ground.rows(`SELECT author FROM ${posts}`))[0]?.author, 2)
        }
      }))
  })
}

describe('rows', () => {
  const alter = async (ground: Ground, before: string, after: string) => {
    await ground.clear()
    await ground.run(after)
    const wanted = await ground.schema()
    await ground.clear()
    await ground.run(before)
    const { statements, notes } = alterSchema(await ground.schema(), wanted)
    await ground.migrate(scriptText(statements))
    return notes
  }

  for (const kind of KINDS) {
    const sqlite = kind.dialect === 'sqlite'

    test(`1 NULLs become the default: ${kind.label}`, () =>
      onGround(kind, async (ground) => {
        const notes = await alter(
          ground,
          `CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT); INSERT INTO t VALUES (1, NULL), (2, 'b')`,
          `CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT NOT NULL DEFAULT 'none')`,
        )
        assert.deepEqual(
          (await ground.rows('SELECT a FROM t ORDER BY id')).map(({ a }) => a),
          ['none', 'b'],
        )
        assert.match(notes[0] ?? '', /^NULLs in t\.a become 'none'/)
      }))

    test(`2 ids of deleted rows are not given again: ${kind.label}`, () =>
      onGround(kind, async (ground) => {
        const id = sqlite ? 'INTEGER PRIMARY KEY AUTOINCREMENT' : 'SERIAL PRIMARY KEY'
        await alter(
          ground,
          `CREATE TABLE t (id ${id}, a TEXT); INSERT INTO t (a) VALUES ('a'), ('b'); DELETE FROM t`,
          `CREATE TABLE t (id ${id}, a TEXT CHECK (a <> ''))`,
        )
        assert.deepEqual((await ground.rows(`INSERT INTO t (a) VALUES ('c') RETURNING id`))[0]?.id, 3)
      }))

    test(`3 values get another type: ${kind.label}`, () =>
      onGround(kind, async (ground) => {
        const [from, to] = sqlite
          ? ['a TEXT, b INTEGER, c TEXT, d BLOB', 'a INTEGER, b TEXT, c BLOB, d TEXT']
          : [
              'a text, b integer, c text, d boolean DEFAULT true',
              "a integer, b text DEFAULT 'x', c jsonb, d bigint DEFAULT 1",
            ]
        const strict = sqlite ? ' STRICT' : ''
        await alter(
          ground,
          `CREATE TABLE t (${from})${strict}; INSERT INTO t VALUES ('12', 34, '{"a": 1}', ${sqlite ? "x'61'" : 'true'})`,
          `CREATE TABLE t (${to})${strict}`,
        )
        const [row] = await ground.rows('SELECT a, b, d FROM t')
        assert.deepEqual({ ...row }, sqlite ? { a: 12, b: '34', d: 'a' } : { a: 12, b: '34', d: '1' })
      }))

    if (sqlite) continue
    test(`4 an enum gets a value, loses one, and has one as a default at once: ${kind.label}`, () =>
      onGround(kind, async (ground) => {
        const make = (values: string, fallback: string) =>
          `CREATE TYPE mood AS ENUM (${values}); CREATE TABLE t (m mood DEFAULT ${fallback}, all_m mood[]);
           CREATE INDEX ok ON t (m) WHERE m <> 'ok'; CREATE VIEW v AS SELECT m FROM t;
           CREATE FUNCTION f(m mood) RETURNS mood LANGUAGE sql AS 'SELECT m';`
        const rows = `INSERT INTO t VALUES ('ok', '{ok}');`
        await alter(
          ground,
          `${make("'ok', 'sad'", 'NULL')}${rows}`,
          make("'first', 'ok', 'mid', 'sad', 'last'", 'NULL'),
        )
        const notes = await alter(
          ground,
          `${make("'ok', 'sad'", "'sad'")}${rows}`,
          make("'new', 'ok'", "'new'"),
        )
        assert.match(notes.join(), /the enum mood loses sad/)
        assert.equal((await ground.rows('INSERT INTO t DEFAULT VALUES RETURNING m::text'))[0]?.m, 'new')
      }))

    test(`5 ids of identity and serial go on from each other: ${kind.label}`, () =>
      onGround(kind, async (ground) => {
        const ids = [
          'SERIAL',
          'INTEGER GENERATED ALWAYS AS IDENTITY',
          'BIGSERIAL',
          'BIGINT GENERATED BY DEFAULT AS IDENTITY',
        ]
        for (const [i, from] of ids.entries()) {
          const to = ids[(i + 1) % ids.length]
          const make = (id: string | undefined) => `CREATE TABLE t (id ${id} PRIMARY KEY, a text);`
          await alter(ground, `${make(from)} INSERT INTO t (a) VALUES ('a'), ('b')`, make(to))
          assert.equal(
            Number((await ground.rows(`INSERT INTO t (a) VALUES ('c') RETURNING id`))[0]?.id),
            3,
            to,
          )
        }
      }))
  }
})
