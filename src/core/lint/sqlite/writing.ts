import { lower, q, rebuilds, type SqliteRule, startOf } from './sqlite-rule.ts'

const USERS = 'CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT NOT NULL, email TEXT);'

const OFF = /^(off|no|false|0)$/i
const ON = /^(on|yes|true|1|reset)$/i

/** What keeps others from writing, and settings that do not do what they seem to. */
export const WRITING: readonly SqliteRule[] = [
  {
    id: 'sqlite-whole-table-write',
    dialect: 'sqlite',
    topic: 'locks',
    severity: 'warning',
    what: 'UPDATE or DELETE of every row of a table that was there, in one statement.',
    why: 'SQLite has one write lock for the whole database: until the last row is done, every other write waits, and fails with "database is locked" after its busy timeout.',
    safe: 'Put it into a migration of its own with "-- migrate: batch <rows>", which keeps each lock short.',
    bad: { before: USERS, up: `UPDATE users SET email = lower(email);` },
    good: { before: USERS, up: `UPDATE users SET email = 'a@example.org' WHERE id = 1;` },
    find: ({ statements, script, tables }) => {
      if (script.batch !== undefined) return []
      const stays = (table: string) =>
        tables.some((one) => one.table.name === table && one.fate !== 'dropped')
      return statements.flatMap(({ whole, start, text }) =>
        whole === undefined || !stays(whole.table)
          ? []
          : [
              {
                at: start,
                message: `${whole.verb} of every row of ${whole.table} holds the write lock of the whole database to its end`,
                safe: `-- in a migration of its own:\n-- migrate: batch 1000\n${text.trim()}`,
              },
            ],
      )
    },
  },
  {
    id: 'sqlite-replace-cascades',
    dialect: 'sqlite',
    topic: 'loss',
    severity: 'warning',
    what: 'INSERT OR REPLACE into a table that others refer to with ON DELETE CASCADE, SET NULL or SET DEFAULT.',
    why: 'REPLACE deletes the row that is in the way: with it go the rows that refer to it, and the values of columns that are not given.',
    safe: 'Write INSERT … ON CONFLICT (…) DO UPDATE SET ….',
    bad: {
      before: `${USERS}\nCREATE TABLE posts (id INTEGER PRIMARY KEY, author INTEGER REFERENCES users (id) ON DELETE CASCADE);`,
      up: `INSERT OR REPLACE INTO users (id, name) VALUES (1, 'admin');`,
    },
    good: {
      before: `${USERS}\nCREATE TABLE posts (id INTEGER PRIMARY KEY, author INTEGER REFERENCES users (id) ON DELETE CASCADE);`,
      up: `INSERT INTO users (id, name) VALUES (1, 'admin') ON CONFLICT (id) DO UPDATE SET name = excluded.name;`,
    },
    find: ({ statements, before }) =>
      statements.flatMap(({ inserts, conflict, start }) => {
        if (inserts === undefined || conflict !== 'REPLACE') return []
        const children = before.tables.filter(({ foreignKeys }) =>
          foreignKeys.some(
            ({ to, onDelete }) => lower(to.name) === lower(inserts) && /CASCADE|SET/.test(onDelete),
          ),
        )
        return children.slice(0, 1).map(({ name }) => ({
          at: start,
          message: `REPLACE deletes the row of ${inserts} that is in the way, and with it what refers to it in ${name}`,
          safe: `INSERT INTO ${q(inserts)} (…) VALUES (…) ON CONFLICT (…) DO UPDATE SET …;`,
        }))
      }),
  },
  {
    id: 'sqlite-foreign-keys-pragma',
    dialect: 'sqlite',
    topic: 'rebuild',
    severity: 'warning',
    what: 'PRAGMA foreign_keys in a script that runs in a transaction.',
    why: 'There it does nothing and says nothing: with other tools the foreign keys stay on, and DROP TABLE deletes the rows that refer to it.',
    safe: 'Leave it out: nexflow-migrate switches enforcement off before the transaction where a referenced table is dropped.',
    bad: {
      before: USERS,
      up: `PRAGMA foreign_keys = OFF;
CREATE TABLE users_new (id INTEGER PRIMARY KEY, name TEXT NOT NULL, email TEXT CHECK (email <> ' '));
INSERT INTO users_new (id, name, email) SELECT users.id, users.name, users.email FROM users;
DROP TABLE users;
ALTER TABLE users_new RENAME TO users;
PRAGMA foreign_keys = ON;`,
    },
    good: {
      before: USERS,
      up: `CREATE TABLE users_new (id INTEGER PRIMARY KEY, name TEXT NOT NULL, email TEXT CHECK (email <> ' '));
INSERT INTO users_new (id, name, email) SELECT users.id, users.name, users.email FROM users;
DROP TABLE users;
ALTER TABLE users_new RENAME TO users;`,
    },
    find: ({ statements, script }) => {
      const [first] = statements.filter(({ pragma }) => pragma?.name === 'foreign_keys' && pragma.value)
      if (first === undefined || !script.transaction) return []
      return [
        {
          at: first.start,
          message: 'PRAGMA foreign_keys does nothing inside the transaction in which this script runs',
          safe: '-- nothing: remove the line, enforcement is switched off where it must be',
        },
      ]
    },
  },
  {
    id: 'sqlite-journal-mode',
    dialect: 'sqlite',
    topic: 'failing',
    severity: 'error',
    what: 'PRAGMA journal_mode in a script that runs in a transaction.',
    why: 'SQLite changes it there not at all, or fails.',
    safe: 'Leave it out: nexflow-migrate sets WAL itself; else put it into a migration with "-- migrate: no-transaction".',
    bad: { up: 'PRAGMA journal_mode = WAL;\nCREATE TABLE users (id INTEGER PRIMARY KEY);' },
    good: { up: '-- migrate: no-transaction\nPRAGMA journal_mode = WAL;' },
    find: ({ statements, script }) =>
      statements
        .filter(({ pragma }) => pragma?.name === 'journal_mode' && pragma.value && script.transaction)
        .map(({ start, text }) => ({
          at: start,
          message: 'PRAGMA journal_mode cannot be changed inside the transaction in which this script runs',
          safe: `-- migrate: no-transaction\n${text.trim()}`,
        })),
  },
  {
    id: 'sqlite-unsafe-pragma',
    dialect: 'sqlite',
    topic: 'loss',
    severity: 'error',
    what: 'A setting under which the file can be damaged: writable_schema, journal_mode OFF or MEMORY, synchronous OFF, ignore_check_constraints.',
    why: 'A wrong word in sqlite_schema, or a crash at the wrong moment, and the database cannot be opened any more; rows come in that their table forbids.',
    safe: 'Change the schema with ALTER TABLE or a rebuild, and leave the settings as they are.',
    bad: { before: USERS, up: 'PRAGMA writable_schema = ON;' },
    good: { before: USERS, up: 'PRAGMA user_version = 7;' },
    find: ({ statements }) =>
      statements.flatMap(({ pragma: { name = '', value = '' } = {}, start }) => {
        const unsafe =
          (/^(writable_schema|ignore_check_constraints)$/.test(name) && ON.test(value)) ||
          (name === 'journal_mode' && /^(off|memory)$/i.test(value)) ||
          (name === 'synchronous' && OFF.test(value))
        if (!unsafe) return []
        return [
          {
            at: start,
            message: `PRAGMA ${name} = ${value} can damage the database`,
            safe: '-- nothing: change the schema with ALTER TABLE or a rebuild',
          },
        ]
      }),
  },
  {
    id: 'sqlite-write-lock',
    dialect: 'sqlite',
    topic: 'locks',
    severity: 'off',
    what: 'An index of a table that was there, or a rebuild: every row is read while others wait to write.',
    why: 'SQLite has one write lock for the whole database. With many rows the writes of the application wait, and fail after their busy timeout.',
    safe: 'Run it when little is written; let the application wait longer with PRAGMA busy_timeout.',
    bad: { before: USERS, up: 'CREATE INDEX users_email ON users (email);' },
    good: {
      up: 'CREATE TABLE people (id INTEGER PRIMARY KEY, name TEXT);\nCREATE INDEX people_name ON people (name);',
    },
    find: (facts) => {
      const kept = facts.tables.filter(({ fate }) => fate === 'kept' || fate === 'renamed')
      const indexes = facts.statements.flatMap(({ makesIndex, start }) =>
        makesIndex && kept.some(({ table }) => table.name === makesIndex.table)
          ? [{ at: start, what: `the index ${makesIndex.index}`, table: makesIndex.table }]
          : [],
      )
      const tables = rebuilds(facts).map(({ table, at }) => ({
        at: startOf(facts, at),
        what: 'the rebuild',
        table: table.name,
      }))
      return [...indexes, ...tables].map(({ at, what, table }) => ({
        at,
        message: `${what} reads every row of ${table} under the write lock of the whole database`,
        safe: '-- the same, when little is written; in the application: PRAGMA busy_timeout = 30000;',
      }))
    },
  },
  {
    id: 'sqlite-vacuum',
    dialect: 'sqlite',
    topic: 'locks',
    severity: 'info',
    what: 'VACUUM in a migration.',
    why: 'It writes the whole file anew while nobody else may write, and needs as much space again.',
    safe: 'Run it by hand at a quiet hour, or rely on auto_vacuum.',
    bad: { before: USERS, up: '-- migrate: no-transaction\nVACUUM;' },
    good: { before: USERS, up: 'CREATE TABLE people (id INTEGER PRIMARY KEY, name TEXT);' },
    find: ({ statements, script }) =>
      statements
        .filter(({ vacuum }) => vacuum && !script.transaction)
        .map(({ start }) => ({
          at: start,
          message: 'VACUUM writes the whole file anew under the write lock, and needs as much space again',
          safe: '-- by hand, at a quiet hour:\nVACUUM;',
        })),
  },
]
