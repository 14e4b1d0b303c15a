import assert from 'node:assert/strict'
import { DatabaseSync } from 'node:sqlite'
import { describe, test } from 'node:test'
import { fixSqlite } from '../../src/commands/fix-sqlite.ts'
import { lintSqlite } from '../../src/commands/lint-sqlite.ts'
import type { Hit } from '../../src/core/lint/rule.ts'
import { readMigrations } from '../../src/core/migrations.ts'
import { up } from '../../src/index.ts'
import { scripts } from '../tools.ts'

const USERS = `CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT NOT NULL, email TEXT);
  INSERT INTO users VALUES (1, 'a', 'x@example.org'), (2, 'b', NULL), (7, 'c', 'z@example.org');`
const POSTS = `${USERS}
  CREATE TABLE posts (id INTEGER PRIMARY KEY, author INTEGER REFERENCES users (id) ON DELETE CASCADE);
  INSERT INTO posts VALUES (1, 1), (2, 7);`
const ALL = 'SELECT id, name, email FROM users ORDER BY id'
const SAME = [
  [1, 'a', 'x@example.org'],
  [2, 'b', null],
  [7, 'c', 'z@example.org'],
]
const NEW = 'CREATE TABLE users_new (id INTEGER PRIMARY KEY, name TEXT NOT NULL, email TEXT, age INTEGER);'
const COPY = 'INSERT INTO users_new (id, name, email) SELECT users.id, users.name, users.email FROM users;'
const SWAP = 'DROP TABLE users;\nALTER TABLE users_new RENAME TO users;'
const REBUILD = `${NEW}\n${COPY}\n${SWAP}`

interface Case {
  readonly before: string
  readonly up: string
  /** What is cured. */
  readonly cures: string
  /** What the fixed text has. */
  readonly has?: readonly RegExp[]
  readonly hasNot?: RegExp
  /** What the rows are in the end. */
  readonly query?: string
  readonly rows?: unknown
}

const CASES: Readonly<Record<string, Case>> = {
  '1.1 ADD COLUMN with CURRENT_TIMESTAMP': {
    before: USERS,
    up: '-- why it is so\nALTER TABLE users ADD COLUMN at TEXT DEFAULT CURRENT_TIMESTAMP; -- new\nCREATE INDEX users_at ON users (at);',
    cures: 'sqlite-add-column-default',
    has: [/^-- why it is so\nCREATE TABLE/, /; -- new\nCREATE INDEX users_at ON users \(at\);$/],
    query: 'SELECT count(at) AS n FROM users',
    rows: [[3]],
  },
  '1.2 ADD COLUMN with an expression, twice': {
    before: POSTS,
    up: 'ALTER TABLE users ADD COLUMN a INT NOT NULL DEFAULT (1 + 1);\nALTER TABLE main."users" ADD b TEXT CHECK (b <> name) DEFAULT (lower(hex(randomblob(8))));',
    cures: 'sqlite-add-column-default',
    query: 'SELECT count(DISTINCT b), min(a), (SELECT count(*) FROM posts) FROM users',
    rows: [[3, 2, 2]],
  },
  '1.3 ADD COLUMN UNIQUE': {
    before: `${USERS} CREATE INDEX users_name ON users (name); CREATE VIEW named AS SELECT name FROM users;`,
    up: 'ALTER TABLE users ADD COLUMN code TEXT UNIQUE',
    cures: 'sqlite-add-column-refused',
    has: [/UNIQUE/, /CREATE INDEX users_name/, /CREATE VIEW named/],
  },
  '1.4 ADD COLUMN STORED, and one that stands behind it': {
    before: USERS,
    up: "ALTER TABLE users ADD COLUMN big TEXT GENERATED ALWAYS AS (upper(name)) STORED;\nALTER TABLE users ADD COLUMN at TEXT DEFAULT (datetime('now'));",
    cures: 'sqlite-add-column-refused',
    query: 'SELECT big, at IS NOT NULL FROM users',
    rows: [
      ['A', 1],
      ['B', 1],
      ['C', 1],
    ],
  },
  '1.5 ADD COLUMN REFERENCES with a default': {
    before: USERS,
    up: 'ALTER TABLE users ADD COLUMN boss INTEGER DEFAULT 1 REFERENCES users;',
    cures: 'sqlite-add-column-references',
    query: 'SELECT boss FROM users',
    rows: [[1], [1], [1]],
  },
  '1.6 ADD COLUMN PRIMARY KEY, where there is none': {
    before: "CREATE TABLE users (name TEXT); INSERT INTO users VALUES ('a'), ('b');",
    up: 'ALTER TABLE users ADD COLUMN id INTEGER PRIMARY KEY;',
    cures: 'sqlite-add-column-refused',
    query: 'SELECT id, name FROM users',
    rows: [
      [1, 'a'],
      [2, 'b'],
    ],
  },
  '2.1 DROP COLUMN with an index': {
    before: `${USERS} CREATE INDEX users_email ON users (email, name); CREATE INDEX users_name ON users (name);`,
    up: 'ALTER TABLE users DROP COLUMN email;',
    cures: 'sqlite-drop-column-in-use',
    has: [/^-- with the column go the index users_email\n/],
    hasNot: /users_name|users_new/,
    query: 'SELECT * FROM users',
    rows: [
      [1, 'a'],
      [2, 'b'],
      [7, 'c'],
    ],
  },
  '2.2 DROP COLUMN with UNIQUE and a foreign key': {
    before: `${POSTS} CREATE TABLE notes (id INTEGER PRIMARY KEY, post INTEGER UNIQUE REFERENCES posts (id), body TEXT);
      INSERT INTO notes VALUES (1, 1, 'x');`,
    up: 'ALTER TABLE notes DROP post;',
    cures: 'sqlite-drop-column-in-use',
    has: [/^-- with the column go UNIQUE \(post\), the foreign key \(post\) to posts\n/],
    query: 'SELECT * FROM notes',
    rows: [[1, 'x']],
  },
  '3.1 a rebuild that forgets an index and a trigger': {
    before: `${USERS} CREATE UNIQUE INDEX users_name ON users (name);
      CREATE TRIGGER users_low AFTER INSERT ON users BEGIN UPDATE users SET name = lower(name) WHERE id = NEW.id; END;`,
    up: REBUILD.slice(0, -1),
    cures: 'sqlite-rebuild-forgets',
    has: [
      /RENAME TO users;\nCREATE UNIQUE INDEX users_name ON users \(name\);\nCREATE TRIGGER users_low[\s\S]*END;\n$/,
    ],
    query: ALL,
    rows: SAME,
  },
  '3.2 a rebuild below views': {
    before: `${USERS} CREATE VIEW named AS SELECT id, name FROM users; CREATE VIEW short AS SELECT name FROM named;`,
    up: REBUILD,
    cures: 'sqlite-rename-blocked',
    has: [/DROP VIEW named;[\s\S]*DROP TABLE users;[\s\S]*CREATE VIEW named/],
    query: 'SELECT * FROM short ORDER BY 1',
    rows: [['a'], ['b'], ['c']],
  },
  '3.3 a rebuild that forgets the counter': {
    before:
      "CREATE TABLE users (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT); INSERT INTO users VALUES (1, 'a'), (9, 'z'); DELETE FROM users WHERE id = 9;",
    up: 'CREATE TABLE n (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT, age INTEGER);\nINSERT INTO n (id, name) SELECT users.id, users.name FROM users;\nDROP TABLE users;\nALTER TABLE n RENAME TO users;',
    cures: 'sqlite-autoincrement-reset',
    query: "SELECT seq FROM sqlite_sequence WHERE name = 'users'",
    rows: [[9]],
  },
  '3.4 a copy with SELECT * into another order': {
    before: USERS,
    up: `CREATE TABLE users_new (id INTEGER PRIMARY KEY, email TEXT, name TEXT, age INTEGER);\nINSERT INTO users_new SELECT *, 5 FROM users;\n${SWAP}`,
    cures: 'sqlite-rebuild-swaps-values',
    has: [
      /INSERT INTO users_new \(id, email, name, age\)\nSELECT users.id, users.email, users.name, 5\nFROM users;/,
    ],
    query: `${ALL}, age`,
    rows: SAME,
  },
  '3.5 a copy with a name in quotes that is none': {
    before: USERS,
    up: `${NEW}\nINSERT INTO users_new (id, name, email, age) SELECT "id", "name", "email", "age" FROM users;\n${SWAP}`,
    cures: 'sqlite-double-quotes',
    has: [/\(id, name, email\)\nSELECT users.id, users.name, users.email\n/],
    query: ALL,
    rows: SAME,
  },
  '3.6 a copy that leaves a column out': {
    before: USERS,
    up: `${NEW}\nINSERT INTO users_new (id, name) SELECT u.id, u.name FROM users AS u;\n${SWAP}`,
    cures: 'sqlite-rebuild-loses-values',
    has: [/SELECT u.id, u.name, u.email\nFROM users AS u;/],
    query: ALL,
    rows: SAME,
  },
  '3.7 a copy with SELECT * into more columns': {
    before: USERS,
    up: `${NEW}\nINSERT INTO users_new SELECT * FROM users;\n${SWAP}`,
    cures: 'sqlite-fails',
    query: ALL,
    rows: SAME,
  },
  '3.8 a rebuild that forgets two indexes, of which one has lost its name': {
    before: `${USERS} CREATE INDEX users_a ON users (name); CREATE INDEX users_b ON users (name, email);`,
    up: `${REBUILD}\nCREATE INDEX users_a ON users (age);`,
    cures: 'none',
    has: [
      /CREATE INDEX users_b ON users \(name, email\);/,
      /\n-- not made again, the new table cannot have it: the index users_a\n/,
    ],
    query: ALL,
    rows: SAME,
  },
  '4.1 PRAGMA foreign_keys': {
    before: POSTS,
    up: `-- first\nPRAGMA foreign_keys = OFF; -- so\nPRAGMA defer_foreign_keys(1);\n${REBUILD}\nPRAGMA foreign_keys=on;\n`,
    cures: 'sqlite-foreign-keys-pragma',
    has: [/^-- first\nCREATE TABLE users_new/],
    hasNot: /PRAGMA/,
    query: 'SELECT count(*) FROM posts',
    rows: [[2]],
  },
  '5.1 SET DEFAULT and TYPE, as PostgreSQL has them': {
    before: USERS,
    up: "ALTER TABLE users ALTER COLUMN email SET DEFAULT 'none';\nALTER TABLE users ALTER name TYPE varchar(40);\nALTER TABLE users ALTER email SET DATA TYPE VARCHAR;\nALTER TABLE users ALTER email DROP DEFAULT;",
    cures: 'sqlite-fails',
    query: ALL,
    rows: SAME,
  },
  '6.1 a write of every row': {
    before: USERS,
    up: '-- all\nUPDATE users SET name = upper(name);',
    cures: 'sqlite-whole-table-write',
    has: [/^-- migrate: batch 1000\n-- all\nUPDATE/],
    query: 'SELECT name FROM users',
    rows: [['A'], ['B'], ['C']],
  },
}

/** What is left as it is: a person has to decide. */
const LEFT: Readonly<Record<string, readonly [before: string, up: string]>> = {
  'ADD COLUMN NOT NULL without a default': [USERS, 'ALTER TABLE users ADD COLUMN x TEXT NOT NULL;'],
  'ADD COLUMN NOT NULL UNIQUE': [USERS, "ALTER TABLE users ADD COLUMN x TEXT NOT NULL DEFAULT '' UNIQUE;"],
  'ADD COLUMN PRIMARY KEY beside another': [USERS, 'ALTER TABLE users ADD COLUMN x INTEGER PRIMARY KEY;'],
  'ADD COLUMN with a CHECK that its default breaks': [
    USERS,
    'ALTER TABLE users ADD COLUMN x INTEGER DEFAULT (0 + 0) CHECK (x > 0);',
  ],
  'DROP COLUMN of the primary key': [USERS, 'ALTER TABLE users DROP COLUMN id;'],
  'DROP COLUMN that a view reads': [
    `${USERS} CREATE VIEW mails AS SELECT email FROM users;`,
    'ALTER TABLE users DROP COLUMN email;',
  ],
  'DROP COLUMN that a trigger names': [
    `${USERS} CREATE TRIGGER t AFTER INSERT ON users BEGIN UPDATE users SET email = '' WHERE id = NEW.id; END;`,
    'ALTER TABLE users DROP COLUMN email;',
  ],
  'DROP COLUMN that a CHECK names': [
    'CREATE TABLE t (a INTEGER, b INTEGER, CHECK (a < b));',
    'ALTER TABLE t DROP COLUMN b;',
  ],
  'DROP COLUMN that others refer to': [
    'CREATE TABLE t (a INTEGER PRIMARY KEY, b INTEGER UNIQUE); CREATE TABLE c (b INTEGER REFERENCES t (b));',
    'ALTER TABLE t DROP COLUMN b;',
  ],
  'a loss that is meant': [USERS, 'ALTER TABLE users DROP COLUMN email;'],
  'a copy with a literal in the place of a column': [
    USERS,
    `${NEW}\nINSERT INTO users_new (id, name, email) SELECT users.id, users.name, '' FROM users;\n${SWAP}`,
  ],
  'a copy in which a column may have another name': [
    USERS,
    `CREATE TABLE users_new (id INTEGER PRIMARY KEY, name TEXT, mail TEXT);\nINSERT INTO users_new SELECT "id", "name", "mail" FROM users;\n${SWAP}`,
  ],
  'SET DEFAULT of what SQLite may not know': [USERS, 'ALTER TABLE users ALTER email SET DEFAULT now();'],
  'two writes of every row': [USERS, 'UPDATE users SET name = 1;\nDELETE FROM users;'],
  'what does not go in batches': [USERS, 'UPDATE users SET id = id + 100;'],
  'what is asked to be ignored': [
    USERS,
    "-- lint: ignore sqlite-whole-table-write it is small\nUPDATE users SET name = 'x';",
  ],
  'nothing to be cured': [USERS, 'ALTER TABLE users ADD COLUMN x TEXT;'],
  'the pragma outside a transaction': [USERS, '-- migrate: no-transaction\nPRAGMA foreign_keys = OFF;'],
}

async function lint(before: string, sql: string): Promise<Hit[]> {
  const migrations = readMigrations(scripts({ '1_before': before, '2_case': sql }), 'sqlite')
  const linted = await lintSqlite({ migrations, wanted: new Set(['2_case']) })
  const ignored = migrations.at(-1)?.up.ignores?.map(({ rule }) => rule) ?? []
  return (linted.get('2_case')?.up ?? []).filter(({ rule }) => !ignored.includes(rule.id))
}

async function fix(before: string, sql: string, hits: readonly Hit[]): Promise<string | undefined> {
  const [first, second] = readMigrations(scripts({ '1_before': before, '2_case': sql }), 'sqlite')
  assert.ok(first && second)
  return fixSqlite([first], second.up, hits)
}

const told = (hits: readonly Hit[]) => hits.map(({ rule }) => rule.id)

describe('lint --fix on SQLite', () => {
  for (const [name, one] of Object.entries(CASES)) {
    test(name, async () => {
      const hits = await lint(one.before, one.up)
      const text = (await fix(one.before, one.up, hits)) ?? assert.fail(`left: ${told(hits).join()}`)
      if (one.cures !== 'none') assert.ok(told(hits).includes(one.cures), told(hits).join())
      for (const part of one.has ?? []) assert.match(text, part)
      if (one.hasNot) assert.doesNotMatch(text, one.hasNot)
      const left = await lint(one.before, text)
      assert.ok(!told(left).includes(one.cures), `${text}\n${told(left).join()}`)
      assert.deepEqual(
        left.filter(({ rule }) => rule.topic === 'failing').map(({ message }) => message),
        [],
        text,
      )
      assert.equal(await fix(one.before, text, left), undefined)
      const database = new DatabaseSync(':memory:')
      try {
        await up({ database, migrations: scripts({ '1_before': one.before }) })
        await up({ database, migrations: scripts({ '1_before': one.before, '2_case': text }) })
        assert.deepEqual(database.prepare('PRAGMA foreign_key_check').all(), [])
        const rows = database.prepare(one.query ?? ALL).all()
        assert.deepEqual(
          rows.map((row) => Object.values(row)),
          one.rows ?? SAME,
        )
      } finally {
        database.close()
      }
    })
  }

  for (const [name, [before, sql]] of Object.entries(LEFT)) {
    test(`7 left: ${name}`, async () => {
      assert.equal(await fix(before, sql, await lint(before, sql)), undefined)
    })
  }

  test('8.1 what is not told is not cured', async () => {
    const sql = 'PRAGMA foreign_keys = OFF;\nUPDATE users SET name = 1;'
    const hits = (await lint(USERS, sql)).filter(({ rule }) => rule.id === 'sqlite-whole-table-write')
    assert.equal(await fix(USERS, sql, hits), undefined)
  })
})
