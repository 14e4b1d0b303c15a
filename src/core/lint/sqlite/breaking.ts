import { list } from '../../text.ts'
import type { Found } from '../rule.ts'
import type { ColumnFate, SqliteFacts, TableFate } from './facts.ts'
import { isUnique } from './losses.ts'
import { lower, q, type SqliteRule, startOf, tableIn, takesBack } from './sqlite-rule.ts'

const USERS = 'CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT NOT NULL, email TEXT);'

/** What breaks the application that runs while the migration does. */
export const BREAKING: readonly SqliteRule[] = [
  {
    id: 'sqlite-drop-table',
    dialect: 'sqlite',
    topic: 'breaking',
    severity: 'error',
    what: 'DROP TABLE of a table that was there, which does not come back.',
    why: 'Its rows are gone, and the application that still runs gets "no such table" at its next query. Rows of other tables that refer to it are deleted (foreign keys on) or refer to nothing (off).',
    safe: 'Stop using it, deploy that, rename it, and drop it in a later migration once nobody has missed it.',
    bad: { before: USERS, up: 'DROP TABLE users;' },
    good: { before: USERS, up: 'DROP TABLE IF EXISTS old_users;' },
    find: (facts) =>
      facts.tables
        .filter(({ fate, table }) => fate === 'dropped' && !takesBack(facts, table.name))
        // A rebuild that fails half-way.
        .filter(
          ({ table }) =>
            facts.fails === undefined || !facts.statements.some(({ copies }) => copies?.from === table.name),
        )
        .map((fate) => dropped(facts, fate)),
  },
  {
    id: 'sqlite-drop-column',
    dialect: 'sqlite',
    topic: 'breaking',
    severity: 'error',
    what: 'A column that was there is dropped, by ALTER TABLE or by a rebuild that leaves it out.',
    why: 'Its values are gone, and the application that still runs gets "no such column" at its next query.',
    safe: 'Stop using the column, deploy that, and drop it in a later migration.',
    bad: { before: USERS, up: 'ALTER TABLE users DROP COLUMN email;' },
    good: { before: USERS, up: 'ALTER TABLE users ADD COLUMN mail TEXT;' },
    find: (facts) =>
      columns(facts, 'dropped').map(({ table, column }) => ({
        at: startOf(facts, column.at),
        message: `the column ${table.name}.${column.name} is dropped with its values, and running code that names it fails`,
        safe: `-- in this migration: nothing; deploy code that does not use ${table.name}.${column.name}\n-- in a second migration:\nALTER TABLE ${q(table.name)} DROP COLUMN ${q(column.name)};`,
      })),
  },
  {
    id: 'sqlite-rename-table',
    dialect: 'sqlite',
    topic: 'breaking',
    severity: 'error',
    what: 'A table gets another name.',
    why: 'The application that still runs gets "no such table". A view of the old name only reads: SQLite writes through no view without INSTEAD OF triggers.',
    safe: 'Make the new table beside the old one, write to both, move the reads, and drop the old one later; or keep the old name as a view with INSTEAD OF triggers.',
    bad: { before: USERS, up: 'ALTER TABLE users RENAME TO people;' },
    good: {
      before: USERS,
      up: `ALTER TABLE users RENAME TO people;
CREATE VIEW users AS SELECT * FROM people;
CREATE TRIGGER users_insert INSTEAD OF INSERT ON users BEGIN
  INSERT INTO people (id, name, email) VALUES (NEW.id, NEW.name, NEW.email);
END;
CREATE TRIGGER users_update INSTEAD OF UPDATE ON users BEGIN
  UPDATE people SET name = NEW.name, email = NEW.email WHERE id = OLD.id;
END;
CREATE TRIGGER users_delete INSTEAD OF DELETE ON users BEGIN
  DELETE FROM people WHERE id = OLD.id;
END;`,
    },
    find: (facts) => facts.tables.flatMap((fate) => renamed(facts, fate)),
  },
  {
    id: 'sqlite-rename-column',
    dialect: 'sqlite',
    topic: 'breaking',
    severity: 'error',
    what: 'A column gets another name, by ALTER TABLE or by a rebuild.',
    why: 'The application that still runs gets "no such column" at its next query.',
    safe: 'Add the new column, write to both, copy the values, move the reads, and drop the old one in a later migration.',
    bad: { before: USERS, up: 'ALTER TABLE users RENAME COLUMN name TO full_name;' },
    good: { before: USERS, up: 'ALTER TABLE users ADD COLUMN full_name TEXT;' },
    find: (facts) =>
      columns(facts, 'renamed')
        .filter(({ table, column }) => !takesBack(facts, table.name, column.name))
        .map(({ table, column }) => ({
          at: startOf(facts, column.at),
          message: `the column ${table.name}.${column.name} becomes ${column.to}, and running code that names it fails`,
          safe: `${addText(facts, table.name, column)}\n-- in a second migration, when no code uses the old one:\nALTER TABLE ${q(table.name)} DROP COLUMN ${q(column.name)};`,
        })),
  },
  {
    id: 'sqlite-drop-view',
    dialect: 'sqlite',
    topic: 'breaking',
    severity: 'warning',
    what: 'A view is dropped and not made again.',
    why: 'The application that still reads it gets "no such table".',
    safe: 'Stop reading it, deploy that, and drop it in a later migration.',
    bad: {
      before: `${USERS}\nCREATE VIEW named AS SELECT id, name FROM users;`,
      up: 'DROP VIEW named;',
    },
    good: {
      before: `${USERS}\nCREATE VIEW named AS SELECT id, name FROM users;`,
      up: 'DROP VIEW named;\nCREATE VIEW named AS SELECT id, name, email FROM users;',
    },
    find: ({ before, after, dropped, origin, ...facts }) => {
      const there = new Set([...after.views, ...after.tables].map(({ name }) => lower(name)))
      const gone = before.views.filter(
        ({ name }) => !there.has(lower(name)) && (origin?.views.some((one) => one.name === name) ?? true),
      )
      return gone.map(({ name }) => ({
        at: startOf({ before, after, dropped, ...facts }, dropped.get(lower(name)) ?? 0),
        message: `the view ${name} is gone, and running code that reads it fails`,
        safe: `-- in a later migration, when no code reads it:\nDROP VIEW ${q(name)};`,
      }))
    },
  },
  {
    id: 'sqlite-drop-unique',
    dialect: 'sqlite',
    topic: 'breaking',
    severity: 'warning',
    what: 'A unique index is dropped, and nothing else keeps its columns unique.',
    why: 'Twins come in from then on, an upsert with ON CONFLICT on these columns fails, and foreign keys to them make every write fail.',
    safe: 'Make the new unique index first; drop the old one when no code relies on it.',
    bad: {
      before: `${USERS}\nCREATE UNIQUE INDEX users_email ON users (email);`,
      up: 'DROP INDEX users_email;',
    },
    good: {
      before: `${USERS}\nCREATE INDEX users_email ON users (email);`,
      up: 'DROP INDEX users_email;',
    },
    find: (facts) =>
      facts.tables.flatMap(({ table, now }) =>
        table.indexes
          .filter(({ unique, parts, name }) => {
            const columns = parts.flatMap(({ column }) => column ?? [])
            const stay = columns.every((column) => now?.columns.some((one) => one.name === column))
            const known =
              facts.origin === undefined ||
              tableIn(facts.origin, table.name)?.indexes.some((one) => one.name === name)
            return unique && known && facts.dropped.has(lower(name)) && now && stay && !isUnique(now, columns)
          })
          .map(({ name, parts }) => ({
            at: startOf(facts, facts.dropped.get(lower(name)) ?? 0),
            message: `${table.name} (${parts.map(({ column, expression }) => column ?? expression).join(', ')}) is not unique any more: ON CONFLICT on it fails, and twins come in`,
            safe: `-- in a later migration, when no code relies on it:\nDROP INDEX ${q(name)};`,
          })),
      ),
  },
  {
    id: 'sqlite-required-column',
    dialect: 'sqlite',
    topic: 'breaking',
    severity: 'warning',
    what: 'A rebuild adds a column that is NOT NULL and has no default.',
    why: 'The application that still runs does not know the column: each of its INSERTs fails.',
    safe: 'Give the column a default, at least until all code writes it.',
    bad: {
      before: USERS,
      up: `CREATE TABLE users_new (id INTEGER PRIMARY KEY, name TEXT NOT NULL, email TEXT, role TEXT NOT NULL);
INSERT INTO users_new (id, name, email, role) SELECT users.id, users.name, users.email, 'member' FROM users;
DROP TABLE users;
ALTER TABLE users_new RENAME TO users;`,
    },
    good: { before: USERS, up: `ALTER TABLE users ADD COLUMN role TEXT NOT NULL DEFAULT 'member';` },
    find: (facts) =>
      facts.tables.flatMap((fate) =>
        required(facts, fate).map((column) => ({
          at: startOf(facts, Math.max(fate.at, 0)),
          message: `${fate.table.name}.${column} is new, NOT NULL and without a default: every INSERT of running code fails`,
          safe: `-- in CREATE TABLE: ${q(column)} … NOT NULL DEFAULT …`,
        })),
      ),
  },
]

function dropped(facts: SqliteFacts, { table, at, referrers }: TableFate): Found {
  const names = [...new Set(referrers.map((one) => one.table))]
  const others =
    names.length === 0
      ? ''
      : `; rows of ${list(names)} refer to it: they are deleted with it, or refer to nothing`
  return {
    at: startOf(facts, at),
    message: `the table ${table.name} is dropped with its rows, and running code that names it fails${others}`,
    safe: `-- in this migration: nothing; deploy code that does not use ${table.name}\n-- in a second migration:\nALTER TABLE ${q(table.name)} RENAME TO ${q(`${table.name}_del`)};\n-- in a third, when nobody has missed it:\nDROP TABLE ${q(`${table.name}_del`)};`,
  }
}

/** Columns with such a fate, of tables that are there. */
function columns(facts: SqliteFacts, wanted: ColumnFate['fate']) {
  return facts.tables.flatMap(({ table, columns, now }) =>
    columns
      .filter(({ fate, name }) => fate === wanted && !takesBack(facts, table.name, name))
      .map((column) => ({ table, column, now })),
  )
}

function addText({ after }: SqliteFacts, table: string, { name, to = '' }: ColumnFate): string {
  const type = tableIn(after, table)?.columns.find((column) => lower(column.name) === lower(to))?.type ?? ''
  return `ALTER TABLE ${q(table)} ADD COLUMN ${[q(to), type].filter(Boolean).join(' ')};\n-- code writes to both, then:\nUPDATE ${q(table)} SET ${q(to)} = ${q(name)};`
}

const WRITES = ['INSERT', 'UPDATE', 'DELETE']

function renamed(facts: SqliteFacts, { table, fate, now, at }: TableFate): Found[] {
  if (fate !== 'renamed' || now === undefined || takesBack(facts, table.name)) return []
  const view = facts.after.views.find(({ name }) => lower(name) === lower(table.name))
  const triggers = facts.after.triggers.filter((one) => lower(one.table) === lower(table.name))
  const lacking = WRITES.filter((event) => !triggers.some(({ events }) => events.includes(event)))
  if (view !== undefined && lacking.length === 0) return []
  const left =
    view === undefined
      ? 'running code that names it fails'
      : `the view in its place has no INSTEAD OF trigger for ${list(lacking)}: running code that writes fails`
  return [
    {
      at: startOf(facts, at),
      message: `the table ${table.name} becomes ${now.name}, and ${left}`,
      safe: `ALTER TABLE ${q(table.name)} RENAME TO ${q(now.name)};\nCREATE VIEW ${q(table.name)} AS SELECT * FROM ${q(now.name)};\n${insteadOf(table.name, now)}`,
    },
  ]
}

function insteadOf(old: string, { name, columns, primaryKey }: TableFate['table']): string {
  const writable = columns.filter(({ generated }) => generated === undefined).map((column) => q(column.name))
  const key = (primaryKey?.columns ?? columns.map((column) => column.name)).map(q)
  const where = key.map((column) => `${column} IS OLD.${column}`).join(' AND ')
  const trigger = (event: string, body: string) =>
    `CREATE TRIGGER ${q(`${old}_${event.toLowerCase()}`)} INSTEAD OF ${event} ON ${q(old)} BEGIN\n  ${body};\nEND;`
  return [
    trigger(
      'INSERT',
      `INSERT INTO ${q(name)} (${writable.join(', ')}) VALUES (${writable.map((one) => `NEW.${one}`).join(', ')})`,
    ),
    trigger(
      'UPDATE',
      `UPDATE ${q(name)} SET ${writable.map((one) => `${one} = NEW.${one}`).join(', ')} WHERE ${where}`,
    ),
    trigger('DELETE', `DELETE FROM ${q(name)} WHERE ${where}`),
  ].join('\n')
}

function required({ origin }: SqliteFacts, { table, now, fate, columns }: TableFate): string[] {
  if (origin !== undefined || fate !== 'rebuilt' || now === undefined) return []
  const known = new Set([
    ...table.columns.map(({ name }) => lower(name)),
    ...columns.map(({ to = '' }) => lower(to)),
  ])
  return now.columns
    .filter(
      (column) =>
        !known.has(lower(column.name)) &&
        !column.nullable &&
        column.default === undefined &&
        column.generated === undefined &&
        !(now.primaryKey?.columns.length === 1 && now.primaryKey.columns[0] === column.name),
    )
    .map(({ name }) => name)
}
