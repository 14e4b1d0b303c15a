import { scriptText } from '../../schema/sql/ddl.ts'
import { tableText } from '../../schema/sql/ddl-sqlite.ts'
import { list } from '../../text.ts'
import type { Found } from '../rule.ts'
import type { RowFacts, SqliteFacts, TableFate } from './facts.ts'
import { brokenKeys, forgottenClauses, forgottenThings, keyText } from './losses.ts'
import { lower, q, rebuilds, rebuildText, restored, type SqliteRule, startOf } from './sqlite-rule.ts'

const USERS = 'CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT NOT NULL, email TEXT);'
const INDEXED = `${USERS}\nCREATE INDEX users_email ON users (email);`
const POSTS = `${USERS}
CREATE TABLE posts (id INTEGER PRIMARY KEY, author INTEGER REFERENCES users (id) ON DELETE CASCADE, body TEXT);`
const COUNTED = 'CREATE TABLE users (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT);'

/** A rebuild of `users` that does all right but what is given. */
const rebuilt = ({
  columns = `id INTEGER PRIMARY KEY, name TEXT NOT NULL CHECK (name <> ' '), email TEXT`,
  copy = 'INSERT INTO users_new (id, name, email) SELECT users.id, users.name, users.email FROM users;',
  end = '',
}) =>
  `CREATE TABLE users_new (${columns});\n${copy}\nDROP TABLE users;\nALTER TABLE users_new RENAME TO users;${end && `\n${end}`}`

/** What goes wrong where a table is dropped and made again. */
export const REBUILD: readonly SqliteRule[] = [
  {
    id: 'sqlite-rebuild-referenced',
    dialect: 'sqlite',
    topic: 'rebuild',
    severity: 'warning',
    what: 'A table is rebuilt while foreign keys of others refer to it.',
    why: 'Where foreign keys are enforced, DROP TABLE deletes the rows first: ON DELETE CASCADE empties the tables that refer to it, SET NULL wipes their columns, anything else fails. PRAGMA foreign_keys does nothing inside a transaction, and defer_foreign_keys stops no cascade. nexflow-migrate switches enforcement off by itself, counts the rows and checks the keys before it commits; any other tool, and a person at a prompt, does not.',
    safe: 'Change the table with ALTER TABLE where that does; else run the rebuild with nexflow-migrate only.',
    bad: { before: POSTS, up: rebuilt({}) },
    good: { before: POSTS, up: 'ALTER TABLE users ADD COLUMN age INTEGER;' },
    find: (facts) =>
      rebuilds(facts)
        .filter(({ referrers, renamedTo }) => referrers.length > 0 && renamedTo === undefined)
        .map((fate) => referenced(facts, fate)),
  },
  {
    id: 'sqlite-rename-old-first',
    dialect: 'sqlite',
    topic: 'rebuild',
    severity: 'error',
    what: 'A rebuild renames the old table first, while others refer to it.',
    why: 'A rename takes the foreign keys, views and triggers of others along: they refer to the old table from then on, and to nothing once it is dropped. Rows are lost, or every write to the other tables fails.',
    safe: 'Make the new table under a name of its own, copy, drop the old one, and rename the new one last.',
    bad: {
      before: POSTS,
      up: `ALTER TABLE users RENAME TO users_old;
CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT NOT NULL, email TEXT);
INSERT INTO users (id, name, email) SELECT users_old.id, users_old.name, users_old.email FROM users_old;
DROP TABLE users_old;`,
    },
    good: { before: USERS, up: rebuilt({}) },
    find: (facts) => facts.tables.flatMap((fate) => renamedFirst(facts, fate)),
  },
  {
    id: 'sqlite-rebuild-forgets',
    dialect: 'sqlite',
    topic: 'rebuild',
    severity: 'error',
    what: 'A rebuild does not make an index or a trigger of the table again.',
    why: 'They go with the old table and nobody says so: queries become slow, what a unique index or a trigger kept right goes wrong.',
    safe: 'Make them again behind the rename; where one is to go, say DROP INDEX or DROP TRIGGER.',
    bad: { before: INDEXED, up: rebuilt({}) },
    good: { before: INDEXED, up: rebuilt({ end: 'CREATE INDEX users_email ON users (email);' }) },
    find: (facts) =>
      rebuilds(facts).flatMap((fate) => {
        const lost = forgottenThings(facts, fate)
        if (lost.length === 0) return []
        const message = `the rebuild of ${fate.table.name} loses ${list(lost.map(({ what }) => what))}`
        return [
          {
            at: startOf(facts, fate.at),
            message,
            safe: `-- at the end of this script:\n${lost.map(({ sql }) => sql).join('\n')}`,
          },
        ]
      }),
  },
  {
    id: 'sqlite-rebuild-forgets-clause',
    dialect: 'sqlite',
    topic: 'rebuild',
    severity: 'warning',
    what: 'The table that a rebuild makes lacks a key, a CHECK, a default, a collation or an option that the old one had.',
    why: 'Nothing fails, and from then on rows come in that the old table refused, texts compare otherwise, or running code that relied on a default fails.',
    safe: 'Write the whole of the old table into the new one, beside what is to change.',
    bad: {
      before:
        'CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT NOT NULL, email TEXT UNIQUE COLLATE NOCASE);',
      up: rebuilt({}),
    },
    good: {
      before:
        'CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT NOT NULL, email TEXT UNIQUE COLLATE NOCASE);',
      up: rebuilt({
        columns: 'id INTEGER PRIMARY KEY, name TEXT, email TEXT UNIQUE COLLATE NOCASE',
      }),
    },
    find: (facts) =>
      rebuilds(facts).flatMap((fate) => {
        const lost = forgottenClauses(facts, fate)
        if (lost.length === 0) return []
        const { table } = fate
        return [
          {
            at: startOf(facts, fate.at),
            message: `the rebuild of ${table.name} loses ${list(lost.map(({ what }) => what))}`,
            safe: `-- the table as it was, to be changed only where it is meant:\n${scriptText([tableText(table, `${table.name}_new`)])}`,
          },
        ]
      }),
  },
  {
    id: 'sqlite-rebuild-loses-rows',
    dialect: 'sqlite',
    topic: 'loss',
    severity: 'error',
    what: 'A table that is dropped and made again does not get all its rows back.',
    why: 'What INSERT OR IGNORE passes over, what a WHERE or a JOIN leaves out, and all of it where nothing is copied, is gone with the old table. nexflow-migrate counts and stops with ROWS_LOST; other tools do not.',
    safe: 'Copy every row; where rows are to go, say so with a DELETE before the rebuild.',
    bad: {
      before: USERS,
      up: rebuilt({
        columns: 'id INTEGER PRIMARY KEY, name TEXT NOT NULL, email TEXT UNIQUE',
        copy: 'INSERT OR IGNORE INTO users_new SELECT users.id, users.name, users.email FROM users;',
      }),
    },
    good: { before: USERS, up: rebuilt({}) },
    find: (facts) =>
      withRows(facts).flatMap(([fate, { had, has }]) => {
        if (has >= had) return []
        const { table, at } = fate
        const all = has === 0 ? 'all rows' : `${had - has} of ${had} sample rows`
        return [
          {
            at: startOf(facts, at),
            message: `${table.name} is dropped and made again without ${all}`,
            safe: rebuildText(facts, restored(fate)),
          },
        ]
      }),
  },
  {
    id: 'sqlite-rebuild-swaps-values',
    dialect: 'sqlite',
    topic: 'loss',
    severity: 'error',
    what: 'The copy of a rebuild puts the values of one column into another.',
    why: 'INSERT … SELECT goes by place, not by name: with SELECT * and columns in another order, or two lists that differ, values are swapped and nothing fails.',
    safe: 'Name the columns on both sides, in the same order.',
    bad: {
      before: USERS,
      up: rebuilt({
        columns: 'id INTEGER PRIMARY KEY, email TEXT, name TEXT NOT NULL',
        copy: "UPDATE users SET email = '' WHERE email IS NULL;\nINSERT INTO users_new SELECT * FROM users;",
      }),
    },
    good: {
      before: USERS,
      up: rebuilt({ columns: 'id INTEGER PRIMARY KEY, email TEXT, name TEXT NOT NULL' }),
    },
    find: (facts) =>
      withRows(facts).flatMap(([fate, { swapped }]) =>
        swapped.slice(0, 1).map(({ column, holds }) => ({
          at: copyOf(facts, fate),
          message: `after the copy ${fate.table.name}.${column} holds what ${holds} held`,
          safe: rebuildText(facts, restored(fate)),
        })),
      ),
  },
  {
    id: 'sqlite-rebuild-loses-values',
    dialect: 'sqlite',
    topic: 'loss',
    severity: 'error',
    what: 'After a rebuild a column has the same value in every row, which it had not before.',
    why: 'The copy left the column out, or put a literal in its place: the values are gone, and nothing fails.',
    safe: 'Copy the column from the old table, by its qualified name.',
    bad: {
      before: USERS,
      up: rebuilt({ copy: 'INSERT INTO users_new (id, name) SELECT users.id, users.name FROM users;' }),
    },
    good: { before: USERS, up: rebuilt({}) },
    find: (facts) =>
      withRows(facts).flatMap(([fate, { emptied }]) =>
        emptied.length === 0
          ? []
          : [
              {
                at: copyOf(facts, fate),
                message: `after the copy every row of ${fate.table.name} has the same in ${list(emptied)}: what was there is lost`,
                safe: rebuildText(facts, restored(fate)),
              },
            ],
      ),
  },
  {
    id: 'sqlite-cast-loses-values',
    dialect: 'sqlite',
    topic: 'loss',
    severity: 'error',
    what: 'The copy of a rebuild casts values that the new type has no room for.',
    why: 'CAST never fails in SQLite: text that is no number becomes 0, and what stands behind the point is cut off.',
    safe: 'Look first whether there are such values, and copy without CAST: the column takes what is a number as one.',
    bad: {
      before: USERS,
      up: rebuilt({
        columns: 'id INTEGER PRIMARY KEY, name TEXT NOT NULL, email INTEGER',
        copy: 'INSERT INTO users_new (id, name, email) SELECT users.id, users.name, CAST(users.email AS INTEGER) FROM users;',
      }),
    },
    good: {
      before: USERS,
      up: rebuilt({ columns: 'id INTEGER PRIMARY KEY, name TEXT NOT NULL, email INTEGER' }),
    },
    find: (facts) =>
      withRows(facts).flatMap(([fate, { zeroed }]) =>
        zeroed.slice(0, 1).map((column) => ({
          at: copyOf(facts, fate),
          message: `CAST makes 0 of text in ${fate.table.name}.${column}, or cuts numbers off, and says nothing`,
          safe: `-- none may come of this:\nSELECT ${q(column)} FROM ${q(fate.table.name)} WHERE ${q(column)} IS NOT NULL AND CAST(CAST(${q(column)} AS INTEGER) AS TEXT) <> CAST(${q(column)} AS TEXT);\n-- and the copy without CAST:\n${rebuildText(facts, restored(fate))}`,
        })),
      ),
  },
  {
    id: 'sqlite-copy-ignores',
    dialect: 'sqlite',
    topic: 'loss',
    severity: 'warning',
    what: 'The copy of a rebuild says OR IGNORE or OR REPLACE.',
    why: 'Rows that the new table does not take vanish without a word, where a plain INSERT would stop the migration.',
    safe: 'Copy with a plain INSERT.',
    bad: {
      before: USERS,
      up: rebuilt({
        copy: 'INSERT OR IGNORE INTO users_new SELECT users.id, users.name, users.email FROM users;',
      }),
    },
    good: { before: USERS, up: rebuilt({}) },
    find: (facts) =>
      rebuilds(facts).flatMap((fate) =>
        facts.statements
          .filter(({ copies, conflict }) => conflict && copies?.from === fate.table.name)
          .filter(() => (fate.rows?.has ?? 0) >= (fate.rows?.had ?? 0))
          .map(({ start, conflict }) => ({
            at: start,
            message: `rows of ${fate.table.name} that the new table does not take vanish with OR ${conflict}`,
            safe: rebuildText(facts, restored(fate)),
          })),
      ),
  },
  {
    id: 'sqlite-autoincrement-reset',
    dialect: 'sqlite',
    topic: 'rebuild',
    severity: 'warning',
    what: 'A rebuild of a table with AUTOINCREMENT does not take its counter along.',
    why: 'The counter goes on from the greatest id that is left: ids of deleted rows are given again, and whoever kept one points to another row.',
    safe: 'Copy the row of sqlite_sequence before the old table is dropped.',
    bad: {
      before: COUNTED,
      up: rebuilt({
        columns: 'id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT, email TEXT',
        copy: 'INSERT INTO users_new (id, name) SELECT users.id, users.name FROM users;',
      }),
    },
    good: {
      before: COUNTED,
      up: rebuilt({
        columns: 'id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT, email TEXT',
        copy: `INSERT INTO users_new (id, name) SELECT users.id, users.name FROM users;
UPDATE sqlite_sequence SET seq = (SELECT seq FROM sqlite_sequence WHERE name = 'users') WHERE name = 'users_new';`,
      }),
    },
    find: (facts) =>
      withRows(facts)
        .filter(
          ([{ now }, { counter }]) => counter && now?.columns.some(({ identity }) => identity !== undefined),
        )
        .map(([{ table, at }]) => ({
          at: startOf(facts, at),
          message: `the AUTOINCREMENT counter of ${table.name} goes back to the greatest id that is left: ids of deleted rows are given again`,
          safe: `-- before DROP TABLE ${q(table.name)}:\nUPDATE sqlite_sequence SET seq = (SELECT seq FROM sqlite_sequence WHERE name = '${table.name}') WHERE name = '${table.name}_new';`,
        })),
  },
  {
    id: 'sqlite-rebuild-outside-transaction',
    dialect: 'sqlite',
    topic: 'rebuild',
    severity: 'warning',
    what: 'A rebuild runs outside a transaction.',
    why: 'Between DROP TABLE and the rename there is no such table for anybody else, and where it stops there, the table stays gone.',
    safe: 'Leave "-- migrate: no-transaction" out: nexflow-migrate switches foreign keys off before the transaction where it must.',
    bad: { before: USERS, up: `-- migrate: no-transaction\n${rebuilt({})}` },
    good: { before: USERS, up: rebuilt({}) },
    find: (facts) =>
      facts.script.transaction
        ? []
        : rebuilds(facts).map(({ table, at }) => ({
            at: startOf(facts, at),
            message: `${table.name} is rebuilt outside a transaction: for a moment nobody finds it, and where the script stops, it stays gone`,
            safe: '-- remove the line "-- migrate: no-transaction"',
          })),
  },
  {
    id: 'sqlite-breaks-view',
    dialect: 'sqlite',
    topic: 'breaking',
    severity: 'error',
    what: 'A view or a trigger refers to what is not there any more.',
    why: 'DROP TABLE looks at no view and no trigger of others: they fail at the next query, or the next write.',
    safe: 'Drop it before, and make it again as it is to be.',
    bad: {
      before: `${USERS}\nCREATE VIEW named AS SELECT id, email FROM users;`,
      up: rebuilt({
        columns: 'id INTEGER PRIMARY KEY, name TEXT NOT NULL',
        copy: 'DROP VIEW IF EXISTS none;\nINSERT INTO users_new (id, name) SELECT users.id, users.name FROM users;\nPRAGMA legacy_alter_table = ON;',
      }),
    },
    good: {
      before: `${USERS}\nCREATE VIEW named AS SELECT id, name FROM users;`,
      up: `DROP VIEW named;\n${rebuilt({ end: 'CREATE VIEW named AS SELECT id, name FROM users;' })}`,
    },
    find: (facts) =>
      facts.broken.map(({ type, name, words, at }) => ({
        at: startOf(facts, at),
        message: `the ${type} ${name} does not work any more: ${words}`,
        safe: `-- before it:\nDROP ${type.toUpperCase()} ${q(name)};\n-- and at the end, as it is to be:\nCREATE ${type.toUpperCase()} ${q(name)} …`,
      })),
  },
  {
    id: 'sqlite-foreign-key-target',
    dialect: 'sqlite',
    topic: 'failing',
    severity: 'error',
    what: 'A foreign key refers to a table that is not there, or to columns that are neither a primary key nor unique.',
    why: 'SQLite takes the statement, and then fails at every write: "foreign key mismatch", or "no such table".',
    safe: 'Refer to the primary key, or make a unique index on exactly those columns.',
    bad: {
      before: USERS,
      up: 'CREATE TABLE mails (id INTEGER PRIMARY KEY, address TEXT REFERENCES users (email));',
    },
    good: {
      before: USERS,
      up: 'CREATE TABLE mails (id INTEGER PRIMARY KEY, author INTEGER REFERENCES users (id));',
    },
    find: (facts) => targets(facts),
  },
]

function withRows(facts: SqliteFacts): [TableFate, RowFacts][] {
  return rebuilds(facts).flatMap((fate): [TableFate, RowFacts][] => (fate.rows ? [[fate, fate.rows]] : []))
}

/** Where a table's rows are copied. */
function copyOf(facts: SqliteFacts, { table, at }: TableFate): number {
  return facts.statements.find(({ copies }) => copies?.from === table.name)?.start ?? startOf(facts, at)
}

const CONSEQUENCES: Readonly<Record<string, (children: string, table: string) => string>> = {
  CASCADE: (children) => `deletes every row of ${children}`,
  'SET NULL': (children, table) => `sets the columns of ${children} that refer to ${table} to NULL`,
  'SET DEFAULT': (children, table) => `resets the columns of ${children} that refer to ${table}`,
}

function referenced(facts: SqliteFacts, { table, at, referrers, now }: TableFate): Found {
  const groups = Map.groupBy(referrers, ({ onDelete }) => (onDelete in CONSEQUENCES ? onDelete : ''))
  const said = [...groups].map(([action, all]) => {
    const names = list([...new Set(all.map((one) => one.table))])
    return CONSEQUENCES[action]?.(names, table.name) ?? `fails for the rows of ${names}`
  })
  return {
    at: startOf(facts, at),
    message: `with foreign keys on, DROP TABLE ${table.name} ${said.join(' and ')}; nexflow-migrate switches them off for it and checks before it commits, other tools do not`,
    safe: `-- outside nexflow-migrate, before BEGIN:\nPRAGMA foreign_keys = OFF;\n-- then, in one transaction:\n${rebuildText(facts, { ...(now ?? table), name: table.name })}PRAGMA foreign_key_check;`,
  }
}

/** Foreign keys of others that a rename has taken along. */
function renamedFirst(facts: SqliteFacts, fate: TableFate): Found[] {
  const { table, renamedTo, at } = fate
  if (renamedTo === undefined) return []
  const children = facts.after.tables.filter(
    (child) =>
      lower(child.name) !== lower(renamedTo) &&
      child.foreignKeys.some(({ to }) => lower(to.name) === lower(renamedTo)),
  )
  if (children.length === 0) return []
  const names = list(children.map(({ name }) => name))
  const first = facts.statements.findIndex(
    ({ text }) => /^\s*alter/i.test(text) && text.toLowerCase().includes(lower(renamedTo)),
  )
  return [
    {
      at: startOf(facts, first === -1 ? at : first),
      message: `the rename to ${renamedTo} takes the foreign keys of ${names} along: they do not refer to the new ${table.name}`,
      safe: rebuildText(facts, restored(fate)),
    },
  ]
}

function targets(facts: SqliteFacts): Found[] {
  const known = new Set(
    brokenKeys(facts.before).map(({ table, key }) => `${lower(table.name)} ${keyText(key)}`),
  )
  const moved = new Set(facts.tables.flatMap(({ renamedTo }) => (renamedTo ? [lower(renamedTo)] : [])))
  const gone = new Set(
    facts.tables.filter(({ fate }) => fate === 'dropped').map(({ table }) => lower(table.name)),
  )
  return brokenKeys(facts.after)
    .filter(({ table, key }) => {
      const to = lower(key.to.name)
      return !known.has(`${lower(table.name)} ${keyText(key)}`) && !moved.has(to) && !gone.has(to)
    })
    .map(({ table, key, why }) => ({
      at: startOf(
        facts,
        Math.max(
          facts.changedAt.get(lower(table.name)) ?? -1,
          facts.changedAt.get(lower(key.to.name)) ?? -1,
          0,
        ),
      ),
      message: `a foreign key of ${table.name} has no target, so that every write to it fails with foreign keys on: ${why}`,
      safe:
        key.references.length > 0 && !why.includes('no table')
          ? `CREATE UNIQUE INDEX ${q(`${key.to.name}_${key.references.join('_')}`)} ON ${q(key.to.name)} (${key.references.map(q).join(', ')});`
          : `-- make ${q(key.to.name)} first, in this migration or an earlier one`,
    }))
}
