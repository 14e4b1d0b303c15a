import assert from 'node:assert/strict'
import { mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, test } from 'node:test'
import {
  type Dialect,
  down,
  NEXFLOW_MIGRATIONS,
  parity,
  type TranslateOptions,
  type TranslateResult,
  translate,
  up,
} from '../../src/index.ts'
import { KINDS, withFolder } from '../matrix.ts'
import { errorOf, ids } from '../tools.ts'

type Files = Readonly<Record<string, string>>

function write(dir: string, files: Files): void {
  for (const [name, sql] of Object.entries(files)) {
    mkdirSync(dirname(join(dir, name)), { recursive: true })
    writeFileSync(join(dir, name), sql)
  }
}

/** What a folder holds that these files are not. */
function added(dir: string, files: Files): Record<string, string> {
  const names = readdirSync(dir, { recursive: true, encoding: 'utf8' }).filter(
    (name) => name.endsWith('.sql') && !(name in files),
  )
  return Object.fromEntries(names.sort().map((name) => [name, readFileSync(join(dir, name), 'utf8')]))
}

/** Nexflow's migrations as one database's only. */
function nexflow(dialect: Dialect): Files {
  const names = readdirSync(NEXFLOW_MIGRATIONS)
  const own = names.filter((name) => name.includes(`.${dialect}.`))
  const neutral = names.filter((name) => !/\.(sqlite|postgres)\./.test(name))
  const read = (name: string) => readFileSync(new URL(name, NEXFLOW_MIGRATIONS), 'utf8')
  return Object.fromEntries([
    ...own.map((name) => [name, read(name)]),
    ...neutral.map((name) => [name.replace(/\.(up|down)\./, `.${dialect}.$1.`), read(name)]),
  ])
}

const BASE: Files = {
  '000001_base.sqlite.up.sql': `
    CREATE TABLE teams (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL);
    CREATE TABLE users (
      id TEXT PRIMARY KEY NOT NULL,
      team INTEGER,
      name TEXT,
      mood TEXT NOT NULL DEFAULT 'ok' CHECK (mood IN ('ok', 'bad')),
      active INTEGER NOT NULL DEFAULT 1,
      age INTEGER CONSTRAINT grown_up CHECK (age > 17)
    );
    CREATE INDEX users_name ON users (name);
    CREATE TABLE posts (id TEXT PRIMARY KEY NOT NULL, author TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE);
    INSERT INTO teams (name) VALUES ('a');
    INSERT INTO users (id, team, name, age) VALUES ('6f0d1a52-0a8b-4a52-9f5f-1b0e5cbb3e0a', 1, 'Ann', 30);
    INSERT INTO posts VALUES ('p', '6f0d1a52-0a8b-4a52-9f5f-1b0e5cbb3e0a');`,
  '000001_base.sqlite.down.sql': 'DROP TABLE posts; DROP TABLE users; DROP TABLE teams;',
  '000001_base.postgres.up.sql': `
    CREATE TYPE mood AS ENUM ('ok', 'bad');
    CREATE TABLE teams (id bigserial PRIMARY KEY, name text NOT NULL);
    CREATE TABLE users (
      id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
      team bigint,
      name varchar(50),
      mood mood NOT NULL DEFAULT 'ok',
      active boolean NOT NULL DEFAULT true,
      age integer CONSTRAINT grown_up CHECK (age > 17)
    );
    CREATE INDEX users_name ON users (name);
    CREATE TABLE posts (id text PRIMARY KEY, author uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE);
    INSERT INTO teams (name) VALUES ('a');
    INSERT INTO users (id, team, name, age) VALUES ('6f0d1a52-0a8b-4a52-9f5f-1b0e5cbb3e0a', 1, 'Ann', 30);
    INSERT INTO posts VALUES ('p', '6f0d1a52-0a8b-4a52-9f5f-1b0e5cbb3e0a');`,
  '000001_base.postgres.down.sql': 'DROP TABLE posts; DROP TABLE users; DROP TABLE teams; DROP TYPE mood;',
}

interface Case {
  readonly name: string
  readonly from: Dialect
  readonly up: string
  readonly down?: string
  /** What the other up file must say, and must not. */
  readonly says?: readonly RegExp[]
  readonly not?: RegExp
  readonly reviews?: readonly RegExp[]
  readonly notes?: readonly RegExp[]
  /** How many of them a person has to bring in order. */
  readonly differences?: number
}

const other = (dialect: Dialect): Dialect => (dialect === 'sqlite' ? 'postgres' : 'sqlite')

/** SQLite's rebuild of the table users, with other columns and other copied ones. */
function rebuild(columns: string, into = 'id, team, name, mood, active, age', from = into): string {
  return `CREATE TABLE users_new (${columns});
    INSERT INTO users_new (${into}) SELECT ${from} FROM users;
    DROP TABLE users;
    ALTER TABLE users_new RENAME TO users;
    CREATE INDEX users_name ON users (name);`
}

const USERS = `id TEXT PRIMARY KEY NOT NULL, team INTEGER, name TEXT,
  mood TEXT NOT NULL DEFAULT 'ok' CHECK (mood IN ('ok', 'bad')), active INTEGER NOT NULL DEFAULT 1,
  age INTEGER CONSTRAINT grown_up CHECK (age > 17)`

const CASES: readonly Case[] = [
  {
    name: 'ALTER COLUMN TYPE',
    from: 'postgres',
    up: 'ALTER TABLE users DROP CONSTRAINT grown_up, ALTER COLUMN age TYPE text USING age::text',
    says: [/age TEXT/, /INSERT INTO users_\w+/],
  },
  {
    name: 'a type that is longer',
    from: 'postgres',
    up: 'ALTER TABLE users ALTER COLUMN name TYPE varchar(60)',
    down: 'ALTER TABLE users ALTER COLUMN name TYPE varchar(50)',
    says: [/^-- migrate: nothing 000002_x\.postgres\.up\.sql changes nothing that SQLite has\n$/],
  },
  {
    name: 'SET NOT NULL',
    from: 'postgres',
    up: 'ALTER TABLE users ALTER COLUMN name SET NOT NULL',
    down: 'ALTER TABLE users ALTER COLUMN name DROP NOT NULL',
    says: [/name TEXT NOT NULL/, /DROP TABLE users;/],
  },
  {
    name: 'DROP CONSTRAINT',
    from: 'postgres',
    up: 'ALTER TABLE users DROP CONSTRAINT grown_up',
    down: 'ALTER TABLE users ADD CONSTRAINT grown_up CHECK (age > 17)',
    says: [/DROP TABLE users;/],
    not: /grown_up/,
  },
  {
    name: 'ADD CHECK',
    from: 'postgres',
    up: "ALTER TABLE users ADD CHECK (name <> '')",
    says: [/CHECK \(name <> ''\)/],
  },
  {
    name: 'ADD FOREIGN KEY',
    from: 'postgres',
    up: 'ALTER TABLE users ADD FOREIGN KEY (team) REFERENCES teams (id) ON DELETE SET NULL',
    down: 'ALTER TABLE users DROP CONSTRAINT users_team_fkey',
    says: [/REFERENCES teams/, /ON DELETE SET NULL/],
  },
  {
    name: 'a value more in an enum',
    from: 'postgres',
    up: "ALTER TYPE mood ADD VALUE 'great'",
    says: [/mood IN \('ok', 'bad', 'great'\)/],
  },
  {
    name: 'CREATE INDEX CONCURRENTLY',
    from: 'postgres',
    up: '-- migrate: no-transaction\nCREATE INDEX CONCURRENTLY users_age ON users (age)',
    down: 'DROP INDEX users_age',
    says: [/^CREATE INDEX users_age ON users \(age\);\n$/],
  },
  {
    name: 'a column and its values',
    from: 'postgres',
    up: `ALTER TABLE users ADD COLUMN seen_at timestamptz;
      UPDATE users SET seen_at = now(), active = false WHERE age > 20;
      INSERT INTO teams (name) VALUES ('b'), ('c');
      ALTER TABLE users DROP COLUMN age;`,
    down: 'ALTER TABLE users DROP COLUMN seen_at; ALTER TABLE users ADD COLUMN age integer;',
    says: [
      /ADD COLUMN seen_at TEXT;\n[\s\S]*UPDATE users[\s\S]*INSERT INTO teams[\s\S]*CREATE TABLE users_new/,
    ],
  },
  {
    name: 'code',
    from: 'postgres',
    up: `ALTER TABLE users ADD COLUMN x integer; DO $$ BEGIN UPDATE users SET x = 1; END $$;`,
    down: 'ALTER TABLE users DROP COLUMN x',
    says: [/ADD COLUMN x INTEGER;\n-- REVIEW: it runs code.*\n-- DO \$\$/],
    reviews: [/runs code/],
  },
  {
    name: 'rights',
    from: 'postgres',
    up: 'GRANT SELECT ON users TO public; CREATE INDEX users_age ON users (age)',
    down: 'DROP INDEX users_age',
    not: /GRANT/,
    notes: [/GRANT SELECT/],
  },
  {
    name: 'a rebuild for NOT NULL',
    from: 'sqlite',
    up: rebuild(USERS.replace('name TEXT', 'name TEXT NOT NULL')),
    down: rebuild(USERS),
    says: [/ALTER TABLE users ALTER COLUMN name SET NOT NULL/],
    not: /CREATE|DROP TABLE|INSERT/,
  },
  {
    name: 'a rebuild that renames a column and drops one',
    from: 'sqlite',
    up: rebuild(
      `${USERS.replace('name TEXT', 'nick TEXT').replace(/age INTEGER.*/, 'level INTEGER')}`,
      'id, team, nick, mood, active',
      'id, team, name, mood, active',
    ).replace('ON users (name)', 'ON users (nick)'),
    says: [/RENAME COLUMN name TO nick/, /DROP COLUMN age/, /ADD COLUMN level/],
    not: /CREATE TABLE|INSERT/,
  },
  {
    name: 'a rebuild that computes',
    from: 'sqlite',
    up: rebuild(USERS, undefined, 'id, team, lower(name), mood, active, age'),
    reviews: [/changes rows while it copies/],
  },
  {
    name: 'a rebuild the other way about, between data',
    from: 'sqlite',
    up: `UPDATE users SET name = 'x' WHERE name IS NULL;
      PRAGMA legacy_alter_table = ON;
      ALTER TABLE users RENAME TO users_old;
      CREATE TABLE users (${USERS.replace('name TEXT', 'name TEXT NOT NULL')});
      INSERT INTO users SELECT * FROM users_old;
      DROP TABLE users_old;
      PRAGMA legacy_alter_table = OFF;
      CREATE INDEX users_name ON users (name);
      UPDATE users SET active = 0;`,
    says: [
      /^UPDATE users[\s\S]*;\n\n?ALTER TABLE users ALTER COLUMN name SET NOT NULL;\n[\s\S]*UPDATE users SET active = false/,
    ],
    not: /CREATE TABLE|_old/,
  },
  {
    name: 'values in a list that is an enum',
    from: 'sqlite',
    up: rebuild(USERS.replace("'bad')", "'bad', 'great')")),
    down: rebuild(USERS),
    says: [/ALTER TYPE mood ADD VALUE 'great'/],
    not: /CHECK/,
  },
  {
    name: 'a value that is new in an enum and used at once',
    from: 'sqlite',
    up: `${rebuild(USERS.replace("'bad')", "'bad', 'great')"))} UPDATE users SET mood = 'great';`,
    says: [/^-- migrate: no-transaction\nALTER TYPE mood ADD VALUE 'great'/, /UPDATE users/],
  },
  {
    name: 'a rebuild as Drizzle writes it',
    from: 'sqlite',
    up: `PRAGMA foreign_keys=OFF;--> statement-breakpoint
      CREATE TABLE \`__new_users\` (${USERS.replace('name TEXT', '`name` TEXT NOT NULL')});
      --> statement-breakpoint
      INSERT INTO \`__new_users\`("id", "team", "name", "mood", "active", "age") SELECT "id", "team", "name", "mood", "active", "age" FROM \`users\`;--> statement-breakpoint
      DROP TABLE \`users\`;--> statement-breakpoint
      ALTER TABLE \`__new_users\` RENAME TO \`users\`;--> statement-breakpoint
      PRAGMA foreign_keys=ON;--> statement-breakpoint
      CREATE INDEX users_name ON users (name);`,
    says: [/^ALTER TABLE users ALTER COLUMN name SET NOT NULL;\n$/],
  },
  {
    name: 'a trigger, which nobody can carry over',
    from: 'sqlite',
    up: 'CREATE TRIGGER t AFTER INSERT ON users BEGIN DELETE FROM posts; END; CREATE INDEX a ON posts (author)',
    down: 'DROP TRIGGER t; DROP INDEX a',
    says: [/^CREATE INDEX a ON posts \(author\);\n$/],
    notes: [/write the trigger t/],
    differences: 1,
  },
  {
    name: 'a view, a generated column, a partial index',
    from: 'postgres',
    up: `CREATE VIEW grown AS SELECT id, upper(name) AS name FROM users WHERE active AND age >= 18;
      ALTER TABLE users ADD COLUMN twice bigint GENERATED ALWAYS AS (age * 2) STORED;
      CREATE UNIQUE INDEX one_name ON users (lower(name)) WHERE active;`,
    down: 'DROP VIEW grown; DROP INDEX one_name; ALTER TABLE users DROP COLUMN twice;',
    says: [
      /CREATE VIEW grown/,
      /CREATE UNIQUE INDEX one_name ON users \(lower\(name\)\) WHERE/,
      /twice INTEGER/,
    ],
  },
  {
    name: 'a reference to a column whose type was chosen by hand',
    from: 'sqlite',
    up: `CREATE TABLE likes (post TEXT NOT NULL REFERENCES posts (id), who TEXT REFERENCES users (id), PRIMARY KEY (post, who));
      ALTER TABLE posts ADD COLUMN editor TEXT REFERENCES users (id);`,
    down: `DROP TABLE likes;
      CREATE TABLE posts_new (id TEXT PRIMARY KEY NOT NULL, author TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE);
      INSERT INTO posts_new (id, author) SELECT id, author FROM posts;
      DROP TABLE posts;
      ALTER TABLE posts_new RENAME TO posts;`,
    says: [/who UUID/i, /editor UUID/i, /post TEXT/],
  },
  {
    name: 'the column of the guide that is renamed, and another in its place',
    from: 'sqlite',
    up: `DROP INDEX users_name;
      ALTER TABLE users RENAME COLUMN name TO old_name;
      ALTER TABLE users ADD COLUMN name TEXT;
      UPDATE users SET name = old_name;
      ALTER TABLE users DROP COLUMN old_name;
      ALTER TABLE teams RENAME TO groups;`,
    says: [
      /DROP INDEX users_name;\n[\s\S]*RENAME COLUMN name TO old_name;\n[\s\S]*ADD COLUMN name TEXT;\n[\s\S]*UPDATE users SET name = old_name;\n[\s\S]*DROP COLUMN old_name;\n[\s\S]*ALTER TABLE teams RENAME TO groups;\n$/,
    ],
  },
  {
    name: 'what is not understood',
    from: 'sqlite',
    up: `CREATE TABLE t (a TEXT, b TEXT); INSERT INTO t (a) SELECT strftime('%W', 'now', 'weekday 1');`,
    down: 'DROP TABLE t',
    says: [/CREATE TABLE t[\s\S]*-- REVIEW: .*\n-- INSERT INTO t/],
    reviews: [/understood|function/],
  },
  {
    name: 'a table that is made anew, without its rows',
    from: 'postgres',
    up: 'DROP TABLE posts; CREATE TABLE posts (id text PRIMARY KEY, author uuid NOT NULL, title text);',
    says: [/REVIEW: the table comes again without its rows.*\n-- DROP TABLE posts;\n/, /title TEXT/],
    reviews: [/without its rows/],
  },
  {
    name: 'rows by way of a table for the time being',
    from: 'sqlite',
    up: `CREATE TABLE for_now AS SELECT id FROM users; DELETE FROM posts WHERE author NOT IN (SELECT id FROM for_now); DROP TABLE for_now; CREATE INDEX a ON posts (author);`,
    down: 'DROP INDEX a',
    reviews: [/there is no table for_now/],
  },
  {
    name: 'nothing',
    from: 'sqlite',
    up: '-- migrate: nothing it was for tests\n',
    says: [/^-- migrate: nothing it was for tests\n$/],
  },
  {
    name: 'irreversible',
    from: 'sqlite',
    up: '-- migrate: irreversible rows go\nDELETE FROM posts;',
    says: [/^-- migrate: irreversible rows go\nDELETE FROM posts;\n$/],
  },
]

for (const kind of KINDS.filter(({ dialect }) => dialect === 'postgres')) {
  const sqlite = KINDS.find(({ dialect }) => dialect === 'sqlite')

  /** Translates on a server of its own, and looks at what was written with everything that there is. */
  function translated(
    files: Files,
    options: Omit<TranslateOptions, 'dir'>,
    look: (
      result: TranslateResult,
      written: Record<string, string>,
      dir: string,
      url: string,
    ) => Promise<void> | void,
  ): Promise<void> {
    return kind.scratch(({ url }) =>
      withFolder(async (dir) => {
        write(dir, files)
        const result = await translate({ dir, shadow: url, ...options })
        await look(result, added(dir, files), dir, url)
      }),
    )
  }

  describe(`translate, ${kind.label}`, { concurrency: 2 }, () => {
    for (const from of ['sqlite', 'postgres'] as const) {
      test(`1 Nexflow's migrations from ${from}, one after the other`, () =>
        kind.scratch(({ url }) =>
          withFolder(async (dir) => {
            const files = nexflow(from)
            write(dir, files)
            for (const id of ['000001_init_schema', '2', '000003_add_user_metadata']) {
              const result = await translate({ id, dir, shadow: url })
              assert.deepEqual([result.reviews, result.differences, result.from], [[], [], from])
            }
            assert.equal(Object.keys(added(dir, files)).length, 6)
            const { equal, differences } = await parity({ migrations: dir, shadow: url, each: true })
            assert.ok(equal, JSON.stringify(differences))
            for (const one of [sqlite, kind]) {
              await one?.scratch(async (database) => {
                await up({ database: database.url, migrations: dir })
                assert.equal((await database.tables()).length, 7)
                await down({ database: database.url, migrations: dir, all: true, discard: true })
                assert.deepEqual(await database.tables(), [])
              })
            }
          }),
        ))
    }

    test('2 rows are the same in both', () => {
      const files = {
        '1_a.sqlite.up.sql': `CREATE TABLE flags (name TEXT PRIMARY KEY, is_on INTEGER NOT NULL DEFAULT 0, data TEXT DEFAULT '{}');
          INSERT INTO flags (name, is_on) VALUES ('a', 1), ('b', 0);
          INSERT OR IGNORE INTO flags (name) VALUES ('a');
          ALTER TABLE flags ADD COLUMN note TEXT;
          UPDATE flags SET note = name || '!' WHERE is_on = 1;`,
      }
      return translated(files, { id: '1_a' }, async (result, _, dir) => {
        assert.deepEqual([result.reviews, result.differences], [[], []])
        for (const one of [sqlite, kind]) {
          await one?.scratch(async (database) => {
            assert.deepEqual(ids((await up({ database: database.url, migrations: dir })).applied), ['1_a'])
            const rows = await database.query('SELECT name, is_on, note FROM flags ORDER BY name')
            assert.deepEqual(
              rows.map(({ name, is_on, note }) => [name, Number(is_on), note]),
              [
                ['a', 1, 'a!'],
                ['b', 0, null],
              ],
            )
          })
        }
      })
    })

    test('2.1 a sequence goes on behind the numbers that were inserted, and columns are known by name', () => {
      const files = {
        '1_a.sqlite.up.sql': `CREATE TABLE roles (id INTEGER PRIMARY KEY, name TEXT, title TEXT);
          INSERT INTO roles (id, name) VALUES (1, 'a'), (5, 'b');
          INSERT INTO roles VALUES (7, 'c', 'C');
          INSERT INTO roles (name) VALUES ('d');`,
        '2_b.postgres.up.sql': `INSERT INTO roles (id, name) VALUES (20, 'e');
          SELECT setval(pg_get_serial_sequence('roles', 'id'), 20);`,
      }
      return translated(files, { id: '1_a' }, async (result, written, dir, shadow) => {
        assert.deepEqual([result.reviews, result.differences], [[], []])
        assert.equal(written['1_a.postgres.up.sql']?.match(/setval/g)?.length, 1)
        const second = await translate({ dir, shadow, id: '2_b' })
        assert.deepEqual([second.reviews, second.notes.length], [[], 1])
        for (const one of [sqlite, kind]) {
          await one?.scratch(async (database) => {
            await up({ database: database.url, migrations: dir })
            await database.query("INSERT INTO roles (name) VALUES ('z')")
            const rows = await database.query('SELECT id, name FROM roles ORDER BY id')
            assert.deepEqual(
              rows.map(({ id, name }) => `${id}${name}`),
              ['1a', '5b', '7c', '8d', '20e', '21z'],
            )
          })
        }
      })
    })

    // What is written does not hang on PostgreSQL's version.
    if (kind !== KINDS.at(-1)) return

    for (const one of CASES) {
      const { name, from, says = [], not, reviews = [], notes = [] } = one
      test(`3 ${from}: ${name}`, () => {
        const files = {
          ...BASE,
          [`000002_x.${from}.up.sql`]: one.up,
          ...(one.down && { [`000002_x.${from}.down.sql`]: one.down }),
        }
        return translated(files, { id: '2' }, (result, written) => {
          const to = other(from)
          const text = written[`000002_x.${to}.up.sql`] ?? ''
          for (const wanted of says) assert.match(text, wanted)
          if (not) assert.doesNotMatch(text, not)
          assert.equal(result.differences.length, one.differences ?? 0, result.differences.join('\n') + text)
          assert.equal(result.reviews.length, reviews.length, JSON.stringify(result.reviews))
          for (const [i, wanted] of reviews.entries()) assert.match(result.reviews[i]?.reason ?? '', wanted)
          for (const [i, wanted] of notes.entries()) assert.match(result.notes[i] ?? '', wanted)
          assert.equal(one.down !== undefined, `000002_x.${to}.down.sql` in written)
        })
      })
    }

    test('4 types as somebody wants them: a comment goes before the options', () => {
      const files = {
        'sqlite/1_a.sql':
          '-- translate: a.data jsonb\n-- translate: a.size numeric(10,2)\nCREATE TABLE a (data TEXT, size TEXT, id TEXT)',
        'sqlite/1_a.down.sql': 'DROP TABLE a',
      }
      const columns = { 'a.data': 'text', 'a.id': 'uuid' }
      return translated(files, { id: '1', columns }, (result, written) => {
        assert.deepEqual(Object.keys(written), ['postgres/1_a.down.sql', 'postgres/1_a.sql'])
        assert.match(written['postgres/1_a.sql'] ?? '', /data JSONB,\s+size NUMERIC\(10, ?2\),\s+id UUID/i)
        assert.deepEqual(result.differences, [])
      })
    })

    test('5 what cannot be done is said, and nothing is written', () =>
      kind.scratch(({ url }) =>
        withFolder(async (dir) => {
          const files: Files = {
            '1_a.sqlite.up.sql': '-- translate: a.bady jsonb\nCREATE TABLE a (body TEXT)',
            '2_b.up.sql': 'CREATE TABLE b (x TEXT)',
            '3_c.sqlite.up.sql': 'CREATE TABLE c (x TEXT)',
            '3_c.postgres.up.sql': 'CREATE TABLE c (x TEXT)',
            '4_d.sqlite.up.sql': 'CREATE TABLE d (x TEXT)',
          }
          write(dir, files)
          const refused = (id: string, options: Partial<TranslateOptions> = {}) =>
            errorOf(translate({ dir, id, shadow: url, ...options }))
          const hint = await refused('1')
          assert.deepEqual([hint.code, hint.hint], ['DIRECTIVE', 'did you mean a.body?'])
          const neutral = await refused('2')
          assert.equal(neutral.code, 'DIRECTORY')
          assert.match(neutral.message, /2_b\.up\.sql serves both/)
          assert.match((await refused('3')).message, /files for both/)
          assert.match((await refused('3', { to: 'sqlite' })).message, /files for both/)
          assert.equal((await refused('4', { to: 'sqlite' })).code, 'DIRECTORY')
          const earlier = await refused('4')
          assert.equal(earlier.code, 'ONE_DIALECT')
          assert.match(earlier.hint ?? '', /nexflow-migrate translate 1_a/)
          assert.equal((await refused('5')).code, 'UNKNOWN_ID')
          write(dir, { '1_a.sqlite.up.sql': 'CREATE TABLE a (body TEXT)' })
          const unknown = await refused('1', { columns: { 'd.y': 'uuid', 'b.x': 'uuid' } })
          assert.deepEqual([unknown.code, unknown.hint], ['CONFIG', 'did you mean d.x?'])
          assert.deepEqual(Object.keys(added(dir, files)), [])
        }),
      ))

    test('6 an error is told with its place in the whole script', () =>
      kind.scratch(({ url }) =>
        withFolder(async (dir) => {
          const sql =
            'CREATE TABLE a (n INTEGER);\nINSERT INTO a VALUES (1);\n\n  -- the next\n  UPDATE a SET\n    m = 1;\n'
          write(dir, { '1_a.sqlite.up.sql': sql })
          for (const file of ['1_a.sqlite.up.sql', '1_a.postgres.up.sql']) {
            renameSync(join(dir, '1_a.sqlite.up.sql'), join(dir, file))
            const { code, line, column } = await errorOf(translate({ dir, id: '1', shadow: url }))
            assert.deepEqual([code, line, column], ['SQL', 6, 5])
          }
        }),
      ))
  })
}
