import assert from 'node:assert/strict'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { MigrateError } from '../../../src/core/errors.ts'
import { lintMigration, type Refused, type Side } from '../../../src/core/lint/migration/rules.ts'
import { DIALECTS, type Dialect, readMigrations } from '../../../src/core/migrations.ts'
import { emptySchema } from '../../../src/core/schema/model.ts'
import { parseScript, type Script } from '../../../src/core/script.ts'
import type { Database } from '../../../src/database/database.ts'
import { withShadows } from '../../../src/database/shadow.ts'
import { SERVERS } from '../../matrix.ts'

const server = `${SERVERS.at(-1)?.url}/postgres`

interface Files {
  readonly before?: string
  readonly up: string
  readonly down?: string
}

/** A migration: one text for both databases, or a text for each. */
interface Case {
  readonly what: string
  readonly both?: Files
  readonly sqlite?: Files
  readonly postgres?: Files
  readonly othersHaveDown?: boolean
  /** `rule` or `rule, what stands at its place`; none: it is safe. */
  readonly finds: readonly string[]
}

type Databases = Readonly<Record<Dialect, Database>>

/** Does `work` with an empty database of each. */
function withBoth<T>(work: (databases: Databases) => Promise<T>): Promise<T> {
  return withShadows('sqlite', {}, (makeSqlite) =>
    withShadows('postgres', { shadow: server }, (makePostgres) =>
      makeSqlite((sqlite) => makePostgres((postgres) => work({ sqlite, postgres }))),
    ),
  )
}

interface Tried {
  readonly side?: Side
  readonly refused?: Refused
}

/** Runs what is before and the up script, and takes the schema before and after. */
async function tryOn(database: Database, files: Files, neutral: boolean): Promise<Tried> {
  const { dialect } = database
  const script = (text: string, direction: string) =>
    parseScript(`1_a${neutral ? '' : `.${dialect}`}.${direction}.sql`, text)
  const run = (one: Script) =>
    one.nothing === undefined ? database.transaction((run) => run(one)) : Promise.resolve()
  if (files.before) await run(script(files.before, 'before'))
  const before = await database.introspect()
  const up = script(files.up, 'up')
  const error = await run(up).then(
    () => undefined,
    (refusal: unknown) => refusal,
  )
  if (error !== undefined) {
    assert.ok(error instanceof MigrateError)
    return { refused: { dialect, direction: 'up', script: up, neutral, before, error } }
  }
  const after = await database.introspect()
  const down = files.down === undefined ? {} : { down: script(files.down, 'down') }
  return { side: { up, ...down, neutral, before, after } }
}

/** Each case on empty databases. */
async function findingsOf({
  both,
  sqlite = both,
  postgres = both,
  othersHaveDown = true,
}: Omit<Case, 'what' | 'finds'>) {
  return withBoth(async (databases) => {
    const neutral = both !== undefined
    const tried: Partial<Record<Dialect, Tried>> = {
      ...(sqlite && { sqlite: await tryOn(databases.sqlite, sqlite, neutral) }),
      ...(postgres && { postgres: await tryOn(databases.postgres, postgres, neutral) }),
    }
    const refused = DIALECTS.flatMap((dialect) => tried[dialect]?.refused ?? [])
    const hits = lintMigration({
      id: '1_a',
      othersHaveDown,
      ...(tried.sqlite?.side && { sqlite: tried.sqlite.side }),
      ...(tried.postgres?.side && { postgres: tried.postgres.side }),
      refused,
    })
    return hits.map(({ dialect, direction, hit }) => {
      const files = dialect === 'sqlite' ? sqlite : postgres
      const text = files?.[direction] ?? ''
      assert.match(hit.message, /^\S.*[^.\s]$/)
      assert.notEqual(hit.safe, '')
      return { rule: hit.rule.id, at: `${hit.rule.id}, ${/^\w*|^\S/.exec(text.slice(hit.at))?.[0]}` }
    })
  })
}

const NOTES = 'CREATE TABLE notes (id integer PRIMARY KEY, body text);'
const OWNED = `CREATE TABLE users (id integer PRIMARY KEY);\n${NOTES}`

const safe = (what: string, files: Files): Case => ({ what, both: files, finds: [] })
const bad = (what: string, files: Files, ...finds: string[]): Case => ({ what, both: files, finds })
const onPostgres = (what: string, postgres: Files, ...finds: string[]): Case => ({ what, postgres, finds })
const onSqlite = (what: string, sqlite: Files, ...finds: string[]): Case => ({ what, sqlite, finds })

const down = (before: string, up: string, down: string): Files => ({ before, up, down })

const CASES: readonly Case[] = [
  // reversible
  bad('no down script', { before: NOTES, up: 'ALTER TABLE notes ADD COLUMN a text' }, 'reversible, ALTER'),
  safe('irreversible', {
    before: NOTES,
    up: '-- migrate: irreversible it is\nALTER TABLE notes ADD COLUMN a text',
  }),

  // no-data-loss-in-down
  safe('down drops the table that up made', down('', NOTES, 'DROP TABLE notes')),
  safe('down drops it in any case', down('', NOTES, 'DROP TABLE IF EXISTS "notes"')),
  safe(
    'down drops the column that up made',
    down(NOTES, 'ALTER TABLE notes ADD COLUMN a text', 'ALTER TABLE notes DROP COLUMN a'),
  ),
  bad(
    'down drops another column',
    down(
      NOTES,
      'ALTER TABLE notes ADD COLUMN a text',
      'ALTER TABLE notes DROP COLUMN a; ALTER TABLE notes DROP "body"',
    ),
    'no-data-loss-in-down, ',
  ),
  bad(
    'down drops another table',
    down(NOTES, 'CREATE TABLE tags (id integer PRIMARY KEY)', 'DROP TABLE tags; DROP TABLE notes'),
    'no-data-loss-in-down, notes',
  ),
  onPostgres(
    'one of a list',
    down(NOTES, 'CREATE TABLE tags (id int)', 'DROP TABLE tags, public.notes CASCADE'),
    'no-data-loss-in-down, notes',
  ),
  onPostgres(
    'of several actions',
    down(
      NOTES,
      'ALTER TABLE notes ADD a int',
      'ALTER TABLE IF EXISTS ONLY public.notes DROP COLUMN a, DROP IF EXISTS body CASCADE',
    ),
    'no-data-loss-in-down, body',
  ),
  onPostgres(
    'DROP CONSTRAINT is no column',
    down(NOTES, 'ALTER TABLE notes ADD CONSTRAINT k CHECK (id > 0)', 'ALTER TABLE notes DROP CONSTRAINT k'),
  ),
  bad(
    'down deletes all rows',
    down(NOTES, 'ALTER TABLE notes ADD COLUMN a text', 'DELETE FROM notes; ALTER TABLE notes DROP COLUMN a'),
    'no-data-loss-in-down, notes',
  ),
  bad(
    'down deletes some rows',
    down(
      NOTES,
      'ALTER TABLE notes ADD COLUMN a text',
      "DELETE FROM notes WHERE a = 'x'; ALTER TABLE notes DROP COLUMN a",
    ),
    'no-data-loss-in-down, notes',
  ),
  safe(
    'down deletes what up inserted',
    down(NOTES, "INSERT INTO notes (id, body) VALUES (1, 'x')", 'DELETE FROM notes WHERE id = 1'),
  ),
  bad(
    'down deletes more than up inserted',
    down(NOTES, "INSERT INTO notes (id, body) VALUES (1, 'x')", 'DELETE FROM notes'),
    'no-data-loss-in-down, notes',
  ),
  safe('down deletes from the table that up made', down('', NOTES, 'DELETE FROM notes; DROP TABLE notes')),
  onPostgres(
    'TRUNCATE',
    down(
      NOTES,
      'ALTER TABLE notes ADD a int',
      'TRUNCATE TABLE ONLY notes RESTART IDENTITY; ALTER TABLE notes DROP a',
    ),
    'no-data-loss-in-down, notes',
  ),
  onPostgres(
    'in WITH',
    down(
      NOTES,
      'CREATE TABLE old (id int)',
      'WITH gone AS (DELETE FROM notes RETURNING id) SELECT id FROM gone; DROP TABLE old',
    ),
    'no-data-loss-in-down, notes',
  ),
  onPostgres(
    'in DO',
    down(NOTES, 'CREATE TABLE old (id int)', 'DO $$ BEGIN DELETE FROM notes; END $$; DROP TABLE old'),
    'no-data-loss-in-down, notes',
  ),
  onPostgres(
    'in a function that is only made',
    down(
      NOTES,
      'CREATE TABLE old (id int)',
      'CREATE FUNCTION f() RETURNS void LANGUAGE sql BEGIN ATOMIC DELETE FROM notes; END; DROP TABLE old',
    ),
  ),
  safe(
    'ON DELETE is no DELETE',
    down(
      `${NOTES} CREATE TABLE a (id integer PRIMARY KEY);`,
      'DROP TABLE a',
      'CREATE TABLE a (id integer PRIMARY KEY, n integer REFERENCES notes (id) ON DELETE CASCADE); INSERT INTO a (id) VALUES (1)',
    ),
  ),
  onSqlite(
    'down rebuilds a table',
    down(
      NOTES,
      'ALTER TABLE notes ADD COLUMN a text',
      'CREATE TABLE notes_new (id INTEGER PRIMARY KEY, body TEXT); INSERT INTO notes_new SELECT notes.id, notes.body FROM notes; DROP TABLE notes; ALTER TABLE notes_new RENAME TO notes',
    ),
  ),
  onSqlite(
    'a trigger that deletes is only made',
    down(
      NOTES,
      'CREATE TABLE log (x)',
      'CREATE TRIGGER w AFTER INSERT ON notes BEGIN DELETE FROM notes; END; DROP TABLE log',
    ),
  ),
  safe(
    "the guide's good form",
    down(
      'CREATE TABLE users (id integer PRIMARY KEY, email text UNIQUE);',
      'ALTER TABLE users RENAME COLUMN email TO old_email',
      'ALTER TABLE users RENAME COLUMN old_email TO email',
    ),
  ),

  // indexes-after-tables, not-portable
  bad(
    'index before its table',
    {
      up: 'CREATE INDEX i ON notes (body); CREATE TABLE notes (id integer PRIMARY KEY, body text)',
      down: 'DROP TABLE notes',
    },
    'indexes-after-tables, notes',
  ),
  safe('index behind its table', { up: `${NOTES} CREATE INDEX i ON notes (body)`, down: 'DROP TABLE notes' }),
  bad(
    'SQLite refuses it',
    {
      before: NOTES,
      up: 'ALTER TABLE notes ALTER COLUMN body TYPE varchar(9)',
      down: 'ALTER TABLE notes ALTER COLUMN body TYPE text',
    },
    'not-portable, TYPE',
  ),
  bad(
    'PostgreSQL refuses it',
    { up: 'CREATE TABLE a (id integer PRIMARY KEY AUTOINCREMENT)', down: 'DROP TABLE a' },
    'not-portable, AUTOINCREMENT',
  ),

  // foreign-key-missing
  bad(
    'no foreign key',
    {
      before: OWNED,
      up: 'ALTER TABLE notes ADD COLUMN user_id text',
      down: 'ALTER TABLE notes DROP COLUMN user_id',
    },
    'foreign-key-missing, user_id',
  ),
  bad(
    'to a table of the same script',
    {
      up: 'CREATE TABLE categories (id integer PRIMARY KEY); CREATE TABLE b (id integer PRIMARY KEY, category_id bigint)',
      down: 'DROP TABLE b; DROP TABLE categories',
    },
    'foreign-key-missing, category_id',
  ),
  safe('a foreign key of the table', {
    before: OWNED,
    up: 'CREATE TABLE b (id integer PRIMARY KEY, user_id integer, FOREIGN KEY (user_id) REFERENCES users (id))',
    down: 'DROP TABLE b',
  }),
  safe('no such table', {
    before: OWNED,
    up: 'CREATE TABLE b (id integer PRIMARY KEY, channel_user_id text)',
    down: 'DROP TABLE b',
  }),
  safe('a column that was there', {
    before: `${OWNED} ALTER TABLE notes ADD COLUMN user_id text;`,
    up: 'ALTER TABLE notes ADD COLUMN c text',
    down: 'ALTER TABLE notes DROP COLUMN c',
  }),

  // default-missing, not-null-missing, unique-missing
  bad(
    'no defaults',
    {
      up: 'CREATE TABLE a (id integer PRIMARY KEY, created_at timestamp NOT NULL, is_new boolean NOT NULL, name text NOT NULL)',
      down: 'DROP TABLE a',
    },
    'default-missing, created_at',
    'default-missing, is_new',
  ),
  safe('defaults', {
    up: 'CREATE TABLE a (id integer PRIMARY KEY, created_at timestamp NOT NULL DEFAULT CURRENT_TIMESTAMP, name text NOT NULL)',
    down: 'DROP TABLE a',
  }),
  bad(
    'values that may be NULL',
    {
      up: "CREATE TABLE a (id integer PRIMARY KEY, updated_at timestamp DEFAULT CURRENT_TIMESTAMP, state text DEFAULT 'x', note text)",
      down: 'DROP TABLE a',
    },
    'not-null-missing, updated_at',
    'not-null-missing, state',
  ),
  safe('a default of NULL', {
    up: 'CREATE TABLE a (id integer PRIMARY KEY, note text DEFAULT NULL)',
    down: 'DROP TABLE a',
  }),
  bad(
    'an email that is not unique',
    { up: 'CREATE TABLE a (id integer PRIMARY KEY, email text NOT NULL)', down: 'DROP TABLE a' },
    'unique-missing, email',
  ),
  safe('unique by an index', {
    up: 'CREATE TABLE a (id integer PRIMARY KEY, email text, slug text); CREATE UNIQUE INDEX i ON a (lower(email)); CREATE UNIQUE INDEX j ON a (slug)',
    down: 'DROP TABLE a',
  }),
  safe('unique together', {
    up: 'CREATE TABLE a (id integer PRIMARY KEY, org text, username text, UNIQUE (org, username))',
    down: 'DROP TABLE a',
  }),
  safe('a table that was there', {
    before: 'CREATE TABLE a (id integer PRIMARY KEY, email text, created_at timestamp);',
    up: 'ALTER TABLE a ADD COLUMN b text',
    down: 'ALTER TABLE a DROP COLUMN b',
  }),

  // down scripts
  bad(
    'a column comes back empty',
    down(NOTES, 'ALTER TABLE notes DROP COLUMN body', 'ALTER TABLE notes ADD COLUMN body text'),
    'down-restores-shape-only, body',
  ),
  bad('a table comes back empty', down(NOTES, 'DROP TABLE notes', NOTES), 'down-restores-shape-only, notes'),
  safe(
    'a column comes back with values',
    down(
      NOTES,
      'ALTER TABLE notes ADD COLUMN text text; UPDATE notes SET text = body; ALTER TABLE notes DROP COLUMN body',
      'ALTER TABLE notes ADD COLUMN body text; UPDATE notes SET body = text; ALTER TABLE notes DROP COLUMN text',
    ),
  ),
  bad(
    'unique again',
    down(
      `${NOTES} CREATE UNIQUE INDEX i ON notes (body);`,
      'DROP INDEX i',
      'CREATE UNIQUE INDEX i ON notes (body)',
    ),
    'down-narrows, body',
  ),
  safe(
    'an index again',
    down(`${NOTES} CREATE INDEX i ON notes (body);`, 'DROP INDEX i', 'CREATE INDEX i ON notes (body)'),
  ),
  onPostgres(
    'shorter again',
    down(
      'CREATE TABLE a (v varchar(30));',
      'ALTER TABLE a ALTER v TYPE varchar(120)',
      'ALTER TABLE a ALTER v TYPE varchar(30)',
    ),
    'down-narrows, v',
  ),
  onPostgres(
    'int again',
    down('CREATE TABLE a (v int);', 'ALTER TABLE a ALTER v TYPE bigint', 'ALTER TABLE a ALTER v TYPE int'),
    'down-narrows, v',
  ),
  onPostgres(
    'uuid again',
    down(
      'CREATE TABLE a (v uuid);',
      'ALTER TABLE a ALTER v TYPE text',
      'ALTER TABLE a ALTER v TYPE uuid USING v::uuid',
    ),
    'down-narrows, v',
  ),
  onPostgres(
    'numeric again',
    down(
      'CREATE TABLE a (v numeric(5, 2));',
      'ALTER TABLE a ALTER v TYPE numeric(10, 2)',
      'ALTER TABLE a ALTER v TYPE numeric(5, 2)',
    ),
    'down-narrows, v',
  ),
  onPostgres(
    'longer again',
    down(
      'CREATE TABLE a (v varchar(120));',
      'ALTER TABLE a ALTER v TYPE varchar(30)',
      'ALTER TABLE a ALTER v TYPE varchar(120)',
    ),
  ),
  onPostgres(
    'text again',
    down(
      'CREATE TABLE a (v text);',
      'ALTER TABLE a ALTER v TYPE jsonb USING v::jsonb',
      'ALTER TABLE a ALTER v TYPE text',
    ),
  ),
  onPostgres(
    'NOT NULL again',
    down(
      'CREATE TABLE a (v text NOT NULL);',
      'ALTER TABLE a ALTER v DROP NOT NULL',
      'ALTER TABLE a ALTER v SET NOT NULL',
    ),
    'down-narrows, v',
  ),
  onPostgres(
    'NOT NULL again, filled first',
    down(
      'CREATE TABLE a (v text NOT NULL);',
      'ALTER TABLE a ALTER v DROP NOT NULL',
      "UPDATE a SET v = '' WHERE v IS NULL; ALTER TABLE a ALTER v SET NOT NULL",
    ),
  ),
  onSqlite(
    'NOT NULL again, by a rebuild',
    down(
      'CREATE TABLE a (v TEXT NOT NULL);',
      'CREATE TABLE b (v TEXT); INSERT INTO b SELECT a.v FROM a; DROP TABLE a; ALTER TABLE b RENAME TO a',
      'CREATE TABLE b (v TEXT NOT NULL); INSERT INTO b SELECT a.v FROM a; DROP TABLE a; ALTER TABLE b RENAME TO a',
    ),
    'down-narrows, v',
  ),
  onSqlite(
    'NOT NULL again, by a rebuild that fills',
    down(
      'CREATE TABLE a (v TEXT NOT NULL);',
      'CREATE TABLE b (v TEXT); INSERT INTO b SELECT a.v FROM a; DROP TABLE a; ALTER TABLE b RENAME TO a',
      "CREATE TABLE b (v TEXT NOT NULL); INSERT INTO b SELECT coalesce(a.v, '') FROM a; DROP TABLE a; ALTER TABLE b RENAME TO a",
    ),
  ),
  bad(
    'a column that must be given',
    down(
      'CREATE TABLE a (id integer PRIMARY KEY, v text NOT NULL);',
      'ALTER TABLE a DROP COLUMN v',
      'ALTER TABLE a ADD v text NOT NULL',
    ),
    'down-restores-shape-only, v',
    'down-adds-not-null, v',
  ),
  bad(
    'a column with a default',
    down(
      "CREATE TABLE a (id integer PRIMARY KEY, v text NOT NULL DEFAULT 'x');",
      'ALTER TABLE a DROP COLUMN v',
      "ALTER TABLE a ADD COLUMN v text NOT NULL DEFAULT 'x'",
    ),
    'down-restores-shape-only, v',
  ),
  onPostgres(
    'a column that counts',
    down(
      'CREATE TABLE a (v serial);',
      'ALTER TABLE a DROP COLUMN v',
      'ALTER TABLE a ADD COLUMN v serial NOT NULL',
    ),
    'down-restores-shape-only, v',
  ),
  onPostgres(
    'an enum value that stays',
    down("CREATE TYPE mood AS ENUM ('a');", "ALTER TYPE mood ADD VALUE 'b'", '-- migrate: nothing it stays'),
    'down-keeps-enum-value, ',
  ),
  bad('SELECT 1', down('', NOTES, 'SELECT 1'), 'down-does-nothing, SELECT'),
  bad(
    'SELECT 1 after an UPDATE',
    down(NOTES, "UPDATE notes SET body = ''", "SELECT 'nothing to do'"),
    'down-does-nothing, SELECT',
  ),
  onPostgres('DO nothing', down('', NOTES, 'DO $$ BEGIN NULL; END $$'), 'down-does-nothing, DO'),
  safe(
    'nothing, and why',
    down('', NOTES, '-- migrate: nothing the table stays, older releases do not see it'),
  ),
  safe('irreversible, and why', down('', NOTES, '-- migrate: irreversible the table is full')),
  onPostgres(
    'SELECT of a function',
    down(
      `${NOTES} CREATE FUNCTION back() RETURNS int LANGUAGE sql AS 'SELECT 1';`,
      'ALTER TABLE notes ADD a int',
      'SELECT back()',
    ),
  ),
  bad(
    'one value over all',
    down(NOTES, "UPDATE notes SET body = 'x' WHERE body IS NULL", 'UPDATE notes SET body = NULL'),
    'down-overwrites, notes',
  ),
  bad(
    'NULL over a value',
    down(
      NOTES,
      "UPDATE notes SET body = 'x' WHERE body IS NULL",
      "UPDATE notes SET body = NULL WHERE body = 'x'",
    ),
    'down-overwrites, notes',
  ),
  safe(
    'a row that up has set',
    down(NOTES, "UPDATE notes SET body = 'x' WHERE id = 1", "UPDATE notes SET body = 'y' WHERE id = 1"),
  ),
  safe(
    'computed back',
    down(
      'CREATE TABLE a (id integer PRIMARY KEY, n bigint);',
      'UPDATE a SET n = n * 100',
      'UPDATE a SET n = n / 100',
    ),
  ),

  // pairs
  bad(
    'a key that takes NULL',
    { up: 'CREATE TABLE a (id text PRIMARY KEY)', down: 'DROP TABLE a' },
    'null-in-primary-key, id',
  ),
  bad(
    'one of two that takes NULL',
    { up: 'CREATE TABLE a (x text NOT NULL, y text, PRIMARY KEY (x, y))', down: 'DROP TABLE a' },
    'null-in-primary-key, y',
  ),
  safe('a key that does not', { up: 'CREATE TABLE a (id text PRIMARY KEY NOT NULL)', down: 'DROP TABLE a' }),
  onSqlite('SQLite alone', { up: 'CREATE TABLE a (id TEXT PRIMARY KEY)', down: 'DROP TABLE a' }),
  {
    what: 'WITHOUT ROWID',
    sqlite: { up: 'CREATE TABLE a (id TEXT PRIMARY KEY) WITHOUT ROWID', down: 'DROP TABLE a' },
    postgres: { up: 'CREATE TABLE a (id text PRIMARY KEY)', down: 'DROP TABLE a' },
    finds: [],
  },
  bad(
    '32 bits',
    { up: 'CREATE TABLE a (id integer PRIMARY KEY, n integer)', down: 'DROP TABLE a' },
    'integer-width, n',
  ),
  safe('integers of other uses', {
    before: OWNED,
    up: 'CREATE TABLE a (id integer PRIMARY KEY, user_id integer REFERENCES users (id), enabled integer NOT NULL DEFAULT 1, level integer CHECK (level IN (1, 2)), n bigint)',
    down: 'DROP TABLE a',
  }),
  {
    what: '32 bits in files of their own',
    sqlite: { up: 'CREATE TABLE a (n INTEGER)', down: 'DROP TABLE a' },
    postgres: { up: 'CREATE TABLE a (n int)', down: 'DROP TABLE a' },
    finds: [],
  },
  bad(
    'a length',
    {
      before: NOTES,
      up: 'ALTER TABLE notes ADD COLUMN c varchar(9)',
      down: 'ALTER TABLE notes DROP COLUMN c',
    },
    'length-not-enforced, c',
  ),
  safe('a length with a CHECK', {
    before: NOTES,
    up: 'ALTER TABLE notes ADD COLUMN c varchar(9) CHECK (length(c) <= 9)',
    down: 'ALTER TABLE notes DROP COLUMN c',
  }),
  {
    what: 'unique in two forms',
    sqlite: { up: 'CREATE TABLE a (v TEXT); CREATE UNIQUE INDEX i ON a (v)', down: 'DROP TABLE a' },
    postgres: { up: 'CREATE TABLE a (v text UNIQUE)', down: 'DROP TABLE a' },
    finds: ['unique-in-two-forms, v'],
  },
  {
    what: 'unique by an index in both',
    sqlite: { up: 'CREATE TABLE a (v TEXT); CREATE UNIQUE INDEX i ON a (v)', down: 'DROP TABLE a' },
    postgres: { up: 'CREATE TABLE a (v text); CREATE UNIQUE INDEX i ON a (v)', down: 'DROP TABLE a' },
    finds: [],
  },
  bad(
    'a rename under a view',
    {
      before: `${NOTES} CREATE VIEW v AS SELECT id FROM notes;`,
      up: 'ALTER TABLE notes RENAME TO entries',
      down: 'ALTER TABLE entries RENAME TO notes',
    },
    'rename-reaches-less, notes',
  ),
  safe('a rename with a view of others', {
    before: `${OWNED} CREATE VIEW v AS SELECT id FROM users;`,
    up: 'ALTER TABLE notes RENAME TO entries',
    down: 'ALTER TABLE entries RENAME TO notes',
  }),
  {
    what: 'a CHECK gets a value and the enum does not',
    sqlite: {
      before: "CREATE TABLE a (s TEXT CHECK (s IN ('x')));",
      up: "DROP TABLE a; CREATE TABLE a (s TEXT CHECK (s IN ('x', 'y')))",
      down: '-- migrate: irreversible it is',
    },
    postgres: {
      before: "CREATE TYPE s AS ENUM ('x'); CREATE TABLE a (s s);",
      up: '-- migrate: nothing to do',
      down: '-- migrate: nothing to do',
    },
    finds: ['enum-and-check-part, '],
  },
  {
    what: 'an enum gets a value where SQLite lists none',
    sqlite: {
      before: 'CREATE TABLE a (s TEXT);',
      up: '-- migrate: nothing to do',
      down: '-- migrate: nothing to do',
    },
    postgres: {
      before: "CREATE TYPE s AS ENUM ('x'); CREATE TABLE a (s s);",
      up: "ALTER TYPE s ADD VALUE 'y'",
      down: '-- migrate: irreversible it is',
    },
    finds: ['down-keeps-enum-value, '],
  },
]

describe('1 cases', () => {
  for (const { what, finds, ...files } of CASES) {
    const label = files.both ? '' : `, ${DIALECTS.filter((dialect) => files[dialect]).join(' and ')}`
    test(`${finds.length === 0 ? 'safe' : 'found'}: ${what}${label}`, async () => {
      const found = await findingsOf(files)
      assert.deepEqual(found.map(({ at }) => at).sort(), [...finds].sort())
    })
  }

  test('reversible asks for down scripts only where there are others', async () => {
    const both = { before: NOTES, up: 'ALTER TABLE notes ADD COLUMN a text' }
    const hits = await withBoth(async ({ sqlite }) => {
      const { side } = await tryOn(sqlite, both, true)
      return lintMigration({ id: '1_a', othersHaveDown: false, ...(side && { sqlite: side }) })
    })
    assert.deepEqual(hits, [])
  })
})

test("2 nothing is found in Nexflow's own migrations", () =>
  withBoth(async (databases) => {
    const folder = join(import.meta.dirname, '../../../migrations')
    const sides = new Map<string, Partial<Record<Dialect, Side>>>()
    for (const dialect of DIALECTS) {
      let before = emptySchema(dialect)
      for (const { id, up, down } of readMigrations(folder, dialect)) {
        await databases[dialect].transaction((run) => run(up))
        const after = await databases[dialect].introspect()
        const neutral = !up.file.includes(`.${dialect}.`)
        const side = { up, ...(down && { down: down() }), neutral, before, after }
        sides.set(id, { ...sides.get(id), [dialect]: side })
        before = after
      }
    }
    assert.equal(sides.size, 3)
    for (const [id, both] of sides) {
      const hits = lintMigration({ id, ...both, othersHaveDown: true })
      assert.deepEqual(
        hits.map(({ hit }) => `${hit.rule.id}: ${hit.message}`),
        [],
      )
    }
  }))
