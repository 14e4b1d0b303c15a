import { type Column, nameOf, type Schema, type Table } from '../../schema/model.ts'
import { fold, listText, nameText, pathText } from '../../schema/sql/names.ts'
import { isWord } from '../../schema/tokens.ts'
import { skipBlank } from '../../text.ts'
import type { Act } from './acts.ts'
import {
  columnOf,
  columnSql,
  each,
  eachDown,
  type MigrationRule,
  means,
  type Part,
  placeOf,
  type Read,
  readScript,
  type Spotted,
  spot,
  tableOf,
} from './whole.ts'

/** The practices of the migration guide. */
export const PRACTICES: readonly MigrationRule[] = [
  {
    id: 'reversible',
    topic: 'practice',
    severity: 'warning',
    what: 'A migration without a down script, where the others of the folder have one.',
    why: '"down" stops at it: a release that has to go back has to be taken back by hand.',
    safe: 'Write the down script, or say "-- migrate: irreversible <reason>" in the up script.',
    bad: {
      before: 'CREATE TABLE notes (id integer PRIMARY KEY);',
      up: 'ALTER TABLE notes ADD COLUMN body text;',
    },
    good: {
      before: 'CREATE TABLE notes (id integer PRIMARY KEY);',
      up: 'ALTER TABLE notes ADD COLUMN body text;',
      down: 'ALTER TABLE notes DROP COLUMN body;',
    },
    find: each(({ up, down }, { migration }) => {
      const { irreversible, nothing, text } = up.script
      if (down !== undefined || irreversible !== undefined || nothing !== undefined) return []
      if (!migration.othersHaveDown) return []
      const message = `${migration.id} has no down script, so that nothing before it can be rolled back either`
      const safe =
        '-- in the down script, the reverse of this one; or here, at the top:\n-- migrate: irreversible <reason>'
      return [spot(up, skipBlank(text), message, safe)]
    }),
  },
  {
    id: 'no-data-loss-in-down',
    topic: 'practice',
    severity: 'error',
    what: 'A down script that deletes rows, or drops a table or a column that its up script has not made.',
    why: 'What was there before the migration is gone after "up" and "down". What the up script has made may be dropped: its rows are kept.',
    safe: 'Take back what the up script has done and nothing more.',
    bad: {
      before: 'CREATE TABLE notes (id integer PRIMARY KEY, body text);',
      up: 'ALTER TABLE notes ADD COLUMN title text;',
      down: 'DELETE FROM notes;\nALTER TABLE notes DROP COLUMN title;',
    },
    good: {
      before: 'CREATE TABLE notes (id integer PRIMARY KEY, body text);',
      up: 'ALTER TABLE notes ADD COLUMN title text;',
      down: 'ALTER TABLE notes DROP COLUMN title;',
    },
    find: eachDown((down, part) => down.acts.flatMap((act) => lost(act, down, part))),
  },
  {
    id: 'indexes-after-tables',
    topic: 'practice',
    severity: 'error',
    what: 'An index on a table that is made only later in the script.',
    why: 'The script fails: there is no such table yet.',
    safe: 'Make indexes behind their tables.',
    bad: {
      up: 'CREATE INDEX notes_body ON notes (body);\nCREATE TABLE notes (id integer PRIMARY KEY, body text);',
    },
    good: {
      up: 'CREATE TABLE notes (id integer PRIMARY KEY, body text);\nCREATE INDEX notes_body ON notes (body);',
    },
    find: ({ migration: { refused = [] } }) =>
      refused.flatMap(({ script, dialect, direction, before }) =>
        early(readScript(script, dialect, direction), before),
      ),
  },
  {
    id: 'foreign-key-missing',
    topic: 'practice',
    severity: 'info',
    what: 'A new column that is called after a table, such as user_id, and has no foreign key to it.',
    why: 'Nothing keeps rows from referring to rows that are not there.',
    safe: 'Give it a foreign key.',
    bad: {
      before: 'CREATE TABLE users (id integer PRIMARY KEY);',
      up: 'CREATE TABLE notes (id integer PRIMARY KEY, user_id integer NOT NULL);',
    },
    good: {
      before: 'CREATE TABLE users (id integer PRIMARY KEY);',
      up: 'CREATE TABLE notes (id integer PRIMARY KEY, user_id integer NOT NULL REFERENCES users (id));',
    },
    find: each((part) =>
      part.newColumns.flatMap(({ table, column }) => {
        if (table.foreignKeys.some(({ columns }) => columns.includes(column.name))) return []
        const to = referred(column, part.all)
        if (to === undefined || !part.isNamed(table)) return []
        const message = `${nameOf(table)}.${column.name} has no foreign key to ${nameOf(to)}: it may hold what no row there has`
        const key = to.primaryKey?.columns ?? []
        const { dialect } = part
        const references = `REFERENCES ${pathText(dialect, to)}${key.length > 0 ? ` ${listText(dialect, key)}` : ''}`
        return [
          spot(
            part.up,
            placeOf(part.up, table.name, column.name),
            message,
            `${columnSql(dialect, column)} ${references}`,
          ),
        ]
      }),
    ),
  },
  {
    id: 'default-missing',
    topic: 'practice',
    severity: 'info',
    what: 'A moment of creation or change, or a yes or no, of a new table that must be given and has no default.',
    why: 'Every INSERT must name it, also those that are written before it is thought of.',
    safe: 'Give it a sensible default.',
    bad: { up: 'CREATE TABLE notes (id integer PRIMARY KEY, created_at timestamp NOT NULL);' },
    good: {
      up: 'CREATE TABLE notes (id integer PRIMARY KEY, created_at timestamp NOT NULL DEFAULT CURRENT_TIMESTAMP);',
    },
    find: ofNewTables((part, table, column) => {
      const { dialect } = part
      if (column.nullable || column.default !== undefined || column.generated || column.identity)
        return undefined
      const value = isMoment(column)
        ? 'CURRENT_TIMESTAMP'
        : isFlag(column)
          ? column.kind === 'boolean' && dialect === 'postgres'
            ? 'false'
            : '0'
          : undefined
      return (
        value && {
          message: `${nameOf(table)}.${column.name} must be given in every INSERT`,
          safe: `${columnSql(dialect, column)} DEFAULT ${value}`,
        }
      )
    }),
  },
  {
    id: 'not-null-missing',
    topic: 'practice',
    severity: 'info',
    what: 'A column of a new table that always has a value, by its default or by what it is, and takes NULL.',
    why: 'Whoever reads it must think of a case that is not meant to be.',
    safe: 'Say NOT NULL.',
    bad: { up: "CREATE TABLE notes (id integer PRIMARY KEY, state text DEFAULT 'new');" },
    good: { up: "CREATE TABLE notes (id integer PRIMARY KEY, state text NOT NULL DEFAULT 'new');" },
    find: ofNewTables((part, table, column) => {
      if (!column.nullable || column.generated || isKey(table, column.name)) return undefined
      if (!isMoment(column) && !isValue(column.default)) return undefined
      return {
        message: `${nameOf(table)}.${column.name} takes NULL, though ${isMoment(column) ? 'every row has such a moment' : 'its default is a value'}`,
        safe: columnSql(part.dialect, { ...column, nullable: false }),
      }
    }),
  },
  {
    id: 'unique-missing',
    topic: 'practice',
    severity: 'info',
    what: 'What people are told apart by, such as an email or a username, of a new table that is not unique.',
    why: 'Two rows may have the same, and which of them is meant nobody knows.',
    safe: 'Make it unique.',
    bad: { up: 'CREATE TABLE users (id integer PRIMARY KEY, email text NOT NULL);' },
    good: { up: 'CREATE TABLE users (id integer PRIMARY KEY, email text NOT NULL UNIQUE);' },
    find: ofNewTables((part, table, column) => {
      if (!/^(email|e_mail|email_address|username|user_name|login|slug)$/i.test(column.name)) return undefined
      if (isUnique(table, column)) return undefined
      return {
        message: `two rows of ${nameOf(table)} may have the same ${column.name}`,
        safe: `${columnSql(part.dialect, column)} UNIQUE`,
      }
    }),
  },
]

/** A rule about the columns of the tables that the up script makes. */
function ofNewTables(
  say: (part: Part, table: Table, column: Column) => { message: string; safe: string } | undefined,
): MigrationRule['find'] {
  return each((part) =>
    part.newTables.flatMap((table) =>
      table.columns.flatMap((column): Spotted[] => {
        const said = say(part, table, column)
        if (said === undefined || !part.isNamed(table)) return []
        return [spot(part.up, placeOf(part.up, table.name, column.name), said.message, said.safe)]
      }),
    ),
  )
}

/** What a down script takes away that was there before the up script. */
function lost(act: Act, down: Read, part: Part): Spotted[] {
  const was = tableOf(part.before, act.table)
  const is = tableOf(part.after, act.table)
  if (was === undefined || is === undefined) return []
  const said = LOSSES[act.does]?.({ act, down, part, was, is })
  return said === undefined ? [] : [spot(down, act.at, `the down script ${said.what}`, said.safe)]
}

interface Taken {
  readonly act: Act
  readonly down: Read
  readonly part: Part
  readonly was: Table
  readonly is: Table
}

/** What is lost by an act of a down script, and what to write in its place. */
const LOSSES: Partial<Record<Act['does'], (taken: Taken) => { what: string; safe: string } | undefined>> = {
  'drop table': ({ act, down, was }) => {
    // A table that is rebuilt comes back under its name.
    const back = down.acts.some(
      ({ does, table, name, at }) =>
        at > act.at &&
        ((does === 'make table' && means(down.dialect, table.name, was.name)) ||
          (does === 'rename table' && means(down.dialect, name, was.name))),
    )
    if (back) return undefined
    const what = `drops ${nameOf(was)}, which was there before the up script`
    return { what, safe: '-- leave the table: the up script has not made it' }
  },
  'drop column': ({ act: { name = '' }, down: { dialect }, was, is }) => {
    const column = columnOf(dialect, was, name)
    if (column === undefined || columnOf(dialect, is, name) === undefined) return undefined
    const what = `drops ${nameOf(was)}.${column.name}, which was there before the up script`
    return { what, safe: '-- leave the column: the up script has not made it' }
  },
  truncate: ({ was }) => ({
    what: `empties ${nameOf(was)}, whose rows were there before the up script`,
    safe: '-- leave the rows',
  }),
  delete: ({ act, down: { dialect }, part: { up }, was }) => {
    const seeded = up.acts.some(
      ({ does, table }) => does === 'insert' && means(dialect, table.name, was.name),
    )
    if (!seeded) {
      const what = `deletes rows of ${nameOf(was)} that were there before the up script`
      return { what, safe: '-- leave the rows' }
    }
    if (act.rest.some((token) => isWord(token, 'WHERE'))) return undefined
    const what = `deletes all rows of ${nameOf(was)}, not only those that the up script has put in`
    return { what, safe: `DELETE FROM ${pathText(dialect, was)} WHERE <what tells these from the others>;` }
  },
}

/** Indexes that stand before the tables that they are on. */
function early(read: Read, before: Schema): Spotted[] {
  return read.acts.flatMap((act) => {
    if (act.does !== 'make index' || tableOf(before, act.table) !== undefined) return []
    const made = read.acts.filter(
      ({ does, table }) => does === 'make table' && means(read.dialect, table.name, act.table.name),
    )
    if (made.length === 0 || made.some(({ at }) => at < act.at)) return []
    const message = `the index is on ${nameOf(act.table)}, which is made only further down`
    return [
      spot(
        read,
        act.at,
        message,
        `-- behind CREATE TABLE ${nameText(read.dialect, act.table.name)}, the CREATE INDEX as it is`,
      ),
    ]
  })
}

/** The table that a column is called after: user_id after users. */
function referred({ name }: Column, { dialect, tables }: Schema): Table | undefined {
  const [, one] = /^(.+)_id$/.exec(fold(dialect, name)) ?? []
  if (one === undefined) return undefined
  const names = [one, `${one}s`, `${one}es`, one.replace(/y$/, 'ies')]
  return tables.find((table) => names.includes(fold(dialect, table.name)))
}

const isMoment = ({ name }: Column) => /^(created|updated|inserted|modified)_?at$/i.test(name)

/** Whether it says yes or no. */
export function isFlag({ name, kind }: Column): boolean {
  return (
    kind === 'boolean' ||
    (kind === 'integer' &&
      /^(is|has|can)_|^(enabled|disabled|active|archived|deleted|verified|locked|visible|public)$/i.test(
        name,
      ))
  )
}

/** Whether a default is a value as it stands. */
function isValue(expression: string | undefined): boolean {
  return expression !== undefined && /^[-+]?\d|^'|^(true|false)$/i.test(expression)
}

function isKey({ primaryKey }: Table, column: string): boolean {
  return primaryKey?.columns.includes(column) === true
}

/** Whether the column is unique, by itself or together with others, or in another form such as lower(email). */
function isUnique(table: Table, { name }: Column): boolean {
  return (
    isKey(table, name) ||
    table.uniques.some(({ columns }) => columns.includes(name)) ||
    table.indexes.some(
      ({ unique, parts }) =>
        unique && parts.some(({ column, expression }) => column === name || expression?.includes(name)),
    )
  )
}
