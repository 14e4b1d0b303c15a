import assert from 'node:assert/strict'
import { DatabaseSync } from 'node:sqlite'
import { describe, test } from 'node:test'
import { down, type Logger, type MigrationFile, up } from '../../src/index.ts'
import { errorOf, scripts } from '../tools.ts'

/** Rebuilds of SQLite tables: https://sqlite.org/lang_altertable.html#otheralter */
const FIRST = `CREATE TABLE users (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT);
  CREATE TABLE posts (id INTEGER PRIMARY KEY, author INTEGER REFERENCES users (id) ON DELETE CASCADE);
  CREATE TABLE notes (id INTEGER PRIMARY KEY, author INTEGER REFERENCES users (id) ON DELETE SET NULL);
  CREATE TABLE loans (id INTEGER PRIMARY KEY, author INTEGER REFERENCES users (id));
  INSERT INTO users VALUES (1, 'a'), (2, 'b'), (3, 'c');
  INSERT INTO posts VALUES (1, 1), (2, 2); INSERT INTO notes VALUES (1, 1), (2, 3); INSERT INTO loans VALUES (1, 1);`

const NEW = 'CREATE TABLE users_new (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL);'
const COPY = 'INSERT INTO users_new SELECT users.id, users.name FROM users;'
const SWAP = 'DROP TABLE users; ALTER TABLE users_new RENAME TO users;'
const REBUILD = `${NEW} ${COPY} ${SWAP}`

/** Does `work` on a database with the first migration applied, and gives the rows that count. */
async function withUsers(
  work: (run: (sql: string, options?: object) => Promise<unknown>, database: DatabaseSync) => Promise<void>,
  first = FIRST,
): Promise<void> {
  const database = new DatabaseSync(':memory:')
  try {
    const files: Record<string, string> = { '1_first': first }
    await up({ database, migrations: scripts(files) })
    const run = async (sql: string, options: object = {}) => {
      files['2_second'] = sql
      return up({ database, migrations: scripts(files), ...options })
    }
    await work(run, database)
  } finally {
    database.close()
  }
}

function counts(database: DatabaseSync): unknown[] {
  const one = (sql: string) => Object.values(database.prepare(sql).get() ?? {})[0]
  return [
    ...['users', 'posts', 'notes', 'loans'].map((table) => one(`SELECT count(*) FROM ${table}`)),
    one('SELECT count(author) FROM notes'),
    one('SELECT count(*) FROM pragma_foreign_key_check'),
    one('PRAGMA foreign_keys'),
  ]
}

const WHOLE = [3, 2, 2, 1, 2, 0, 1]

describe('1 a table that others refer to', () => {
  for (const [name, sql] of Object.entries({
    '1.1 new, copy, drop, rename': REBUILD,
    '1.2 old renamed first, with legacy_alter_table': `PRAGMA legacy_alter_table = ON; ALTER TABLE users RENAME TO old; ${NEW.replace('users_new', 'users')}
      INSERT INTO users SELECT old.id, old.name FROM old; DROP TABLE old; PRAGMA legacy_alter_table = OFF;`,
    '1.3 with the PRAGMA that does nothing in a transaction': `PRAGMA foreign_keys = OFF; ${REBUILD} PRAGMA foreign_keys = ON;`,
    '1.4 outside a transaction': `-- migrate: no-transaction\n${REBUILD}`,
    '1.5 outside a transaction, with the PRAGMA': `-- migrate: no-transaction\nPRAGMA foreign_keys = OFF; ${REBUILD} PRAGMA foreign_keys = ON;`,
    '1.6 with other words around it': `/* DROP TABLE posts; */ ${REBUILD.replaceAll('users;', '"users" ;')} -- the end`,
  })) {
    test(name, () =>
      withUsers(async (run, database) => {
        await run(sql)
        assert.deepEqual(counts(database), WHOLE)
        // References and enforcement are what they were.
        assert.throws(() => database.exec('INSERT INTO posts VALUES (9, 99)'), /FOREIGN KEY/)
        database.exec('DELETE FROM users WHERE id = 2')
        assert.equal(database.prepare('SELECT count(*) AS n FROM posts').get()?.n, 1)
      }),
    )
  }

  test('1.7 two in one run, and in one transaction for all', async () => {
    for (const transaction of ['each', 'all'] as const) {
      const database = new DatabaseSync(':memory:')
      const migrations = scripts({ '1_first': FIRST, '2_a': REBUILD, '3_b': REBUILD })
      await up({ database, migrations, transaction })
      assert.deepEqual(counts(database), WHOLE)
    }
  })

  test('1.8 a script that fails leaves everything, enforcement too', () =>
    withUsers(async (run, database) => {
      assert.equal((await errorOf(run(`${REBUILD} INSERT INTO none VALUES (1)`))).code, 'SQL')
      assert.deepEqual(counts(database), WHOLE)
      assert.deepEqual(await run(REBUILD).then(() => counts(database)), WHOLE)
    }))

  test('1.9 in a down script', () =>
    withUsers(async (_run, database) => {
      const migrations = scripts({
        '1_first': FIRST,
        '2_b': 'CREATE TABLE b (a)',
        '2_b.down': `DROP TABLE b; ${REBUILD}`,
      })
      await up({ database, migrations })
      await down({ database, migrations })
      assert.deepEqual(counts(database), WHOLE)
    }))

  test('1.10 a caller who does not enforce stays so', () =>
    withUsers(async (run, database) => {
      database.exec('PRAGMA foreign_keys = OFF')
      await run(REBUILD)
      assert.deepEqual(counts(database), [...WHOLE.slice(0, 6), 0])
    }))

  test('1.11 a DELETE of rows still cascades as declared', () =>
    withUsers(async (run, database) => {
      await run(
        'DELETE FROM users WHERE id = 1 AND NOT EXISTS (SELECT 1 FROM loans WHERE id = 7); DELETE FROM loans;'.replace(
          /^(.*;) (.*)$/,
          '$2 $1',
        ),
      )
      assert.deepEqual(counts(database), [2, 1, 2, 0, 1, 0, 1])
    }))
})

describe('2 what is lost on the way is refused, with its numbers', () => {
  const refused = (name: string, sql: string, code: string, says: RegExp, first = FIRST) =>
    test(name, () =>
      withUsers(async (run, database) => {
        const error = await errorOf(run(sql))
        assert.deepEqual([error.code, error.file], [code, '2_second.sql'], error.message)
        assert.match(error.message, says)
        assert.ok(error.hint)
        assert.deepEqual(counts(database).slice(0, 4), [3, 2, 2, 1])
        assert.equal(database.prepare('PRAGMA foreign_keys').get()?.foreign_keys, 1)
      }, first),
    )

  const some = `${NEW} INSERT INTO users_new SELECT users.id, users.name FROM users WHERE users.id < 3; ${SWAP}`
  refused('2.1 rows that were not copied', some, 'ROWS_LOST', /^users had 3 rows and would have 2$/)
  const ignore = `${NEW} INSERT OR IGNORE INTO users_new SELECT users.id, users.name FROM users; ${SWAP}`
  const nulls = FIRST.replace("(3, 'c')", '(3, NULL)')
  refused(
    '2.2 rows that OR IGNORE left out',
    ignore,
    'ROWS_LOST',
    /^users had 3 rows and would have 2$/,
    nulls,
  )
  const gone = `DELETE FROM users WHERE id = 1; ${REBUILD}`
  refused(
    '2.3 a DELETE that would have cascaded',
    gone,
    'FOREIGN_KEY',
    /^1 row of (posts|notes|loans) would refer to no row of users$/,
  )
  refused(
    '2.4 a table that is dropped for good',
    'DROP TABLE users',
    'FOREIGN_KEY',
    /would refer to no row of users/,
  )
  const unreferenced =
    'CREATE TABLE n (id INTEGER); INSERT INTO n SELECT posts.id FROM posts LIMIT 1; DROP TABLE posts; ALTER TABLE n RENAME TO posts'
  refused(
    '2.5 in a table to which nobody refers',
    unreferenced,
    'ROWS_LOST',
    /^posts had 2 rows and would have 1$/,
  )

  test('2.6 rows that dangled before do not count', () =>
    withUsers(async (run, database) => {
      database.exec('PRAGMA foreign_keys = OFF; INSERT INTO posts VALUES (7, 77); PRAGMA foreign_keys = ON')
      await run(REBUILD)
      assert.equal(database.prepare('SELECT count(*) AS n FROM posts').get()?.n, 3)
    }))

  test('2.7 rows that a DELETE says may go', () =>
    withUsers(async (run, database) => {
      await run(
        `DELETE FROM loans; DELETE FROM notes; DELETE FROM posts; DELETE FROM users WHERE id = 3; ${REBUILD}`,
      )
      assert.deepEqual(counts(database).slice(0, 4), [2, 0, 0, 0])
    }))
})

describe('3 what a rebuild forgot is named', () => {
  const first = `${FIRST}
    CREATE INDEX users_name ON users (name);
    CREATE TRIGGER users_new_one AFTER INSERT ON users BEGIN INSERT INTO notes (author) VALUES (new.id); END;
    CREATE TRIGGER posts_new_one AFTER INSERT ON posts BEGIN UPDATE notes SET author = 1; END;
    INSERT INTO users VALUES (9, 'gone'); DELETE FROM users WHERE id = 9; DELETE FROM notes WHERE id > 2;`
  const forgotten =
    /the index users_name of users, the trigger users_new_one of users, the AUTOINCREMENT counter of users, which was 9 and is 3$/
  const all = `${REBUILD} CREATE INDEX users_name ON users (name);
    CREATE TRIGGER users_new_one AFTER INSERT ON users BEGIN INSERT INTO notes (author) VALUES (new.id); END;
    UPDATE sqlite_sequence SET seq = 9 WHERE name = 'users';`

  test('3.1 as a warning', () =>
    withUsers(async (run, database) => {
      const warned: string[] = []
      const logger: Logger = { info: () => {}, warn: (message) => warned.push(message) }
      const result = await run(REBUILD, { logger })
      assert.equal(warned.length, 1)
      assert.match(warned[0] ?? '', forgotten)
      assert.deepEqual((result as { warnings: string[] }).warnings, warned)
      assert.deepEqual(counts(database), WHOLE)
    }, first))

  test('3.2 as an error, with strict', () =>
    withUsers(async (run, database) => {
      const error = await errorOf(run(REBUILD, { strict: true }))
      assert.equal(error.code, 'FORGOTTEN')
      assert.match(error.message, forgotten)
      assert.deepEqual(counts(database), WHOLE)
      assert.equal(
        database.prepare(`SELECT count(*) AS n FROM sqlite_schema WHERE name = 'users_name'`).get()?.n,
        1,
      )
    }, first))

  test('3.3 not what it made again, nor what it says to drop', () =>
    withUsers(async (run) => {
      await run(all, { strict: true })
      await run(all, { strict: true })
    }, first))

  const views = `${FIRST} CREATE VIEW names AS SELECT name FROM users; CREATE VIEW ids AS SELECT id FROM users;`
  const renaming =
    'CREATE TABLE n (id INTEGER PRIMARY KEY AUTOINCREMENT, label TEXT); INSERT INTO n SELECT users.id, users.name FROM users; DROP TABLE users;'

  test('3.4 a view that no longer works', () =>
    withUsers(async (run) => {
      const sql = `${renaming} PRAGMA legacy_alter_table = ON; ALTER TABLE n RENAME TO users; PRAGMA legacy_alter_table = OFF;`
      const error = await errorOf(run(sql, { strict: true }))
      assert.match(error.message, /forgot the view names$/)
    }, views))

  test('3.5 a view in the way of the rename, and what to do', () =>
    withUsers(async (run, database) => {
      const error = await errorOf(run(`${renaming} ALTER TABLE n RENAME TO users;`))
      assert.deepEqual([error.code, error.line], ['SQL', 1])
      assert.match(error.hint ?? '', /drop the view \w+ before .* legacy_alter_table = ON/)
      assert.deepEqual(counts(database), WHOLE)
    }, views))
})

test('4 scripts that take no table away are not looked at twice', async () => {
  const database = new DatabaseSync(':memory:')
  const migrations: MigrationFile[] = scripts({
    '1_a': FIRST,
    '2_b': 'ALTER TABLE users ADD COLUMN drop_it TEXT',
  })
  const { warnings } = await up({ database, migrations })
  assert.deepEqual(warnings, [])
})
