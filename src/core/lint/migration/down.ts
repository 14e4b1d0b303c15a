import { type Column, nameOf, type Table } from '../../schema/model.ts'
import { fold, nameIn, nameText, pathText, stringText } from '../../schema/sql/names.ts'
import { isSign, isWord, partsOf, type Token, unquoted } from '../../schema/tokens.ts'
import { skipBlank } from '../../text.ts'
import type { Act } from './acts.ts'
import {
  columnOf,
  columnSql,
  eachDown,
  type MigrationRule,
  means,
  type Part,
  placeOf,
  type Read,
  type Spotted,
  spot,
  tableOf,
} from './whole.ts'

/** What can go wrong on the way back. What the up script has made is kept when it is dropped: that is none of it. */
export const DOWN_RULES: readonly MigrationRule[] = [
  {
    id: 'down-restores-shape-only',
    topic: 'down',
    severity: 'info',
    what: 'A down script that makes a table or a column again which the up script has dropped.',
    why: 'It comes back empty: what the up script has dropped is dropped for good.',
    safe: 'Let the old one be for a release, or back up before "up".',
    bad: {
      before: 'CREATE TABLE notes (id integer PRIMARY KEY, title text);',
      up: 'ALTER TABLE notes DROP COLUMN title;',
      down: 'ALTER TABLE notes ADD COLUMN title text;',
    },
    good: {
      before: 'CREATE TABLE notes (id integer PRIMARY KEY, title text);',
      up: 'ALTER TABLE notes RENAME COLUMN title TO old_title;',
      down: 'ALTER TABLE notes RENAME COLUMN old_title TO title;',
    },
    find: eachDown((down, part) =>
      down.acts.flatMap((act) => {
        const table = tableOf(part.before, act.table)
        if (table === undefined || writes(down, part, table)) return []
        const what = madeAgain(act, table, part)
        return what === undefined
          ? []
          : [
              spot(
                down,
                act.at,
                `${what} comes back without its values`,
                '-- before "up": nexflow-migrate backup',
              ),
            ]
      }),
    ),
  },
  {
    id: 'down-narrows',
    topic: 'down',
    severity: 'warning',
    what: 'A down script that puts back what fewer values fit in: a shorter or smaller type, NOT NULL, UNIQUE.',
    why: 'The wider one has been in use since: rows that do not fit stop the way back when it is needed.',
    safe: 'Put those rows right first, in the down script.',
    bad: {
      before:
        'CREATE TABLE notes (id integer PRIMARY KEY, title text);\nCREATE UNIQUE INDEX notes_title ON notes (title);',
      up: 'DROP INDEX notes_title;',
      down: 'CREATE UNIQUE INDEX notes_title ON notes (title);',
    },
    good: {
      before:
        'CREATE TABLE notes (id integer PRIMARY KEY, title text);\nCREATE UNIQUE INDEX notes_title ON notes (title);',
      up: 'DROP INDEX notes_title;',
      down: "UPDATE notes SET title = title || ' ' || id WHERE id NOT IN (SELECT min(id) FROM notes GROUP BY title);\nCREATE UNIQUE INDEX notes_title ON notes (title);",
    },
    find: eachDown(narrowed),
  },
  {
    id: 'down-adds-not-null',
    topic: 'down',
    severity: 'error',
    what: 'A down script that adds a column with NOT NULL and without a default.',
    why: 'It fails as soon as the table has a row: there is nothing that the rows could have in it.',
    safe: 'Give it a default, or add it without NOT NULL, fill it, and set NOT NULL then.',
    bad: {
      before: 'CREATE TABLE notes (id integer PRIMARY KEY, title text NOT NULL);',
      up: 'ALTER TABLE notes DROP COLUMN title;',
      down: 'ALTER TABLE notes ADD COLUMN title text NOT NULL;',
    },
    good: {
      before: 'CREATE TABLE notes (id integer PRIMARY KEY, title text NOT NULL);',
      up: 'ALTER TABLE notes DROP COLUMN title;',
      down: "ALTER TABLE notes ADD COLUMN title text NOT NULL DEFAULT '';",
    },
    find: eachDown((down, { before, after, dialect }) =>
      down.acts.flatMap((act) => {
        const table = tableOf(after, act.table)
        if (act.does !== 'add column' || table === undefined || !needsValue(act)) return []
        const column = columnOf(dialect, tableOf(before, act.table), act.name ?? '')
        const name = nameText(dialect, act.name ?? '')
        const text = column === undefined ? `${name} …` : columnSql(dialect, column)
        const message = `${nameOf(table)}.${act.name} is added with NOT NULL and without a default: rows stop it`
        const safe = `ALTER TABLE ${pathText(dialect, table)} ADD COLUMN ${text} DEFAULT ${emptyValue(dialect, column)};`
        return [spot(down, act.at, message, safe)]
      }),
    ),
  },
  {
    id: 'down-keeps-enum-value',
    dialect: 'postgres',
    topic: 'down',
    severity: 'info',
    what: 'A value that the up script adds to an enum and the down script leaves there.',
    why: 'PostgreSQL cannot take a value out of an enum: it stays, and "verify" sees a difference.',
    safe: 'Make the type again in the down script, or use a table of values.',
    bad: {
      before:
        "CREATE TYPE state AS ENUM ('open', 'done');\nCREATE TABLE notes (id integer PRIMARY KEY, state state NOT NULL);",
      up: "ALTER TYPE state ADD VALUE 'late';",
      down: '-- migrate: nothing the value stays\n',
    },
    good: {
      before:
        "CREATE TYPE state AS ENUM ('open', 'done');\nCREATE TABLE notes (id integer PRIMARY KEY, state state NOT NULL);",
      up: "ALTER TYPE state ADD VALUE 'late';",
      down: "ALTER TYPE state RENAME TO state_late;\nCREATE TYPE state AS ENUM ('open', 'done');\nALTER TABLE notes ALTER COLUMN state TYPE state USING state::text::state;\nDROP TYPE state_late;",
    },
    find: eachDown((down, { before, after, all, dialect }) => {
      return after.enums.flatMap((one) => {
        const old = before.enums.find((other) => nameOf(other) === nameOf(one))
        const added = one.values.filter((value) => !(old ?? one).values.includes(value))
        if (added.length === 0 || down.names.has(one.name)) return []
        const message = `${added.join(', ')} stays in the enum ${nameOf(one)}`
        const type = pathText(dialect, one)
        const values = (old ?? one).values.map(stringText).join(', ')
        const [table, column] = userOf(type, all.tables)
        const safe = [
          `ALTER TYPE ${type} RENAME TO ${nameText(dialect, `${one.name}_old`)};`,
          `CREATE TYPE ${type} AS ENUM (${values});`,
          `ALTER TABLE ${table} ALTER COLUMN ${column} TYPE ${type} USING ${column}::text::${type};`,
          `DROP TYPE ${nameText(dialect, `${one.name}_old`)};`,
        ].join('\n')
        return [spot(down, skipBlank(down.script.text), message, safe)]
      })
    }),
  },
  {
    id: 'down-does-nothing',
    topic: 'down',
    severity: 'warning',
    what: 'A down script that does nothing, such as SELECT 1, while the up script does something.',
    why: 'The history says that it was rolled back, and all of it is still there.',
    safe: 'Take back what the up script does, or say "-- migrate: irreversible <reason>".',
    bad: { up: 'CREATE TABLE notes (id integer PRIMARY KEY);', down: 'SELECT 1;' },
    good: { up: 'CREATE TABLE notes (id integer PRIMARY KEY);', down: 'DROP TABLE notes;' },
    find: eachDown((down, { up, before, after }) => {
      const { nothing, irreversible, text } = down.script
      if (nothing !== undefined || irreversible !== undefined || !down.statements.every(isIdle)) return []
      if (up.acts.length === 0 && JSON.stringify(before) === JSON.stringify(after)) return []
      const message = 'the down script does nothing, and what the up script does stays'
      return [spot(down, skipBlank(text), message, '-- in its place:\n-- migrate: irreversible <reason>')]
    }),
  },
  {
    id: 'down-overwrites',
    topic: 'down',
    severity: 'warning',
    what: 'A down script that writes one value over a column that was there before, whatever stands in it.',
    why: 'Values that the up script has not written are overwritten with the others and nobody knows which they were.',
    safe: 'Let the up script keep the old values in a column of its own, and write those back.',
    bad: {
      before: 'CREATE TABLE notes (id integer PRIMARY KEY, state text);',
      up: "UPDATE notes SET state = 'open' WHERE state IS NULL;",
      down: "UPDATE notes SET state = NULL WHERE state = 'open';",
    },
    good: {
      before: 'CREATE TABLE notes (id integer PRIMARY KEY, state text);',
      up: "ALTER TABLE notes ADD COLUMN old_state text;\nUPDATE notes SET old_state = state;\nUPDATE notes SET state = 'open' WHERE state IS NULL;",
      down: 'UPDATE notes SET state = old_state;\nALTER TABLE notes DROP COLUMN old_state;',
    },
    find: eachDown((down, { before, after, dialect }) =>
      down.acts.flatMap((act) => {
        const [was, is] = [tableOf(before, act.table), tableOf(after, act.table)]
        if (act.does !== 'update' || was === undefined || is === undefined) return []
        return overwritten(act, down).flatMap((name) => {
          const column = columnOf(dialect, was, name)
          if (column === undefined || columnOf(dialect, is, name) === undefined) return []
          const message = `${nameOf(was)}.${column.name} is overwritten in rows that the up script has not written`
          const old = nameText(dialect, `old_${column.name}`)
          const path = pathText(dialect, was)
          const safe = `-- in the up script, first:\nALTER TABLE ${path} ADD COLUMN ${old} ${column.type};\nUPDATE ${path} SET ${old} = ${nameText(dialect, column.name)};\n-- here:\nUPDATE ${path} SET ${nameText(dialect, column.name)} = ${old};\nALTER TABLE ${path} DROP COLUMN ${old};`
          return [spot(down, act.at, message, safe)]
        })
      }),
    ),
  },
]

/** Whether the down script puts rows or values into a table: what it makes again may be filled. */
function writes(down: Read, { dialect }: Part, { name }: Table): boolean {
  return down.acts.some(
    ({ does, table }) => (does === 'insert' || does === 'update') && means(dialect, table.name, name),
  )
}

/** What the up script has dropped and this makes again. */
function madeAgain(act: Act, table: Table, { after, dialect }: Part): string | undefined {
  const now = tableOf(after, table)
  if (act.does === 'make table') return now === undefined ? nameOf(table) : undefined
  if (act.does !== 'add column' || now === undefined) return undefined
  const column = columnOf(dialect, table, act.name ?? '')
  const gone = column !== undefined && !column.generated && columnOf(dialect, now, column.name) === undefined
  return gone ? `${nameOf(table)}.${column.name}` : undefined
}

/** What was narrower before the up script, and the down script names. */
function narrowed(down: Read, part: Part): Spotted[] {
  const { before, after, dialect } = part
  const says = (...columns: readonly string[]) => columns.every((name) => down.names.has(fold(dialect, name)))
  // What it computes or writes may be what would not fit.
  if (isWordIn(down, 'COALESCE', 'IFNULL')) return []
  return before.tables.flatMap((was) => {
    const is = tableOf(after, was)
    if (is === undefined || !says(was.name) || writes(down, part, was)) return []
    const found = (column: string, what: string, safe: string) =>
      spot(
        down,
        lastPlace(down, column) ?? placeOf(down, was.name, column),
        `${nameOf(was)}.${column} ${what}`,
        safe,
      )
    const [path, name] = [pathText(dialect, was), (column: string) => nameText(dialect, column)]
    const columns = was.columns.flatMap((old): Spotted[] => {
      const now = columnOf(dialect, is, old.name)
      if (now === undefined || !says(old.name)) return []
      const rows = dialect === 'postgres' ? unfit(now, old) : undefined
      if (rows !== undefined) {
        return [
          found(
            old.name,
            `becomes ${old.type} again: values written since may not fit`,
            `-- first, put those right that this finds:\nSELECT * FROM ${path} WHERE ${rows};`,
          ),
        ]
      }
      const tighter = now.nullable && !old.nullable && isWordIn(down, 'NOT')
      return tighter
        ? [
            found(
              old.name,
              'becomes NOT NULL again: rows written since may have NULL',
              `-- first:\nUPDATE ${path} SET ${name(old.name)} = ${emptyValue(dialect, old)} WHERE ${name(old.name)} IS NULL;`,
            ),
          ]
        : []
    })
    const uniques = uniquesOf(was).flatMap((columns): Spotted[] => {
      const kept = uniquesOf(is).some((other) => other.every((column) => columns.includes(column)))
      const there = columns.every((column) => columnOf(dialect, is, column) !== undefined)
      const [first = ''] = columns
      if (kept || !there || !says(...columns) || !isWordIn(down, 'UNIQUE')) return []
      const all = columns.map(name).join(', ')
      return [
        found(
          first,
          'becomes unique again: rows written since may have the same',
          `-- first, put those right that this finds:\nSELECT ${all}, count(*) FROM ${path} GROUP BY ${all} HAVING count(*) > 1;`,
        ),
      ]
    })
    return [...columns, ...uniques]
  })
}

function lastPlace(read: Read, column: string): number | undefined {
  return read.statements.flat().findLast((token) => means(read.dialect, nameIn(read.dialect, token), column))
    ?.start
}

function isWordIn({ statements }: Read, ...words: readonly string[]): boolean {
  return statements.some((statement) => statement.some((token) => isWord(token, ...words)))
}

function uniquesOf({ primaryKey, uniques, indexes }: Table): (readonly string[])[] {
  const whole = indexes.filter(
    ({ unique, where, parts }) =>
      unique && where === undefined && parts.every(({ column }) => column !== undefined),
  )
  return [
    ...(primaryKey ? [primaryKey.columns] : []),
    ...uniques.map(({ columns }) => columns),
    ...whole.map(({ parts }) => parts.map(({ column = '' }) => column)),
  ]
}

/** From, to. */
const INTEGERS: Readonly<Record<string, readonly [string, string]>> = {
  smallint: ['-32768', '32767'],
  integer: ['-2147483648', '2147483647'],
  bigint: ['-9223372036854775808', '9223372036854775807'],
}

/** Which values of one column's type PostgreSQL does not get into another, as a condition; none: all of them fit. */
function unfit(from: Column, to: Column): string | undefined {
  const name = nameText('postgres', to.name)
  if (from.type === to.type) return undefined
  if (from.kind !== to.kind) {
    if (from.kind === 'text') return `NOT pg_input_is_valid(${name}, ${stringText(to.type)})`
    if (to.kind === 'integer' && ['numeric', 'real'].includes(from.kind)) return `${name} <> trunc(${name})`
    return to.kind === 'date' && from.kind.startsWith('timestamp') ? `${name} <> ${name}::date` : undefined
  }
  const names = Object.keys(INTEGERS)
  if (to.kind === 'integer' && names.indexOf(to.type) < names.indexOf(from.type)) {
    return `${name} NOT BETWEEN ${INTEGERS[to.type]?.join(' AND ')}`
  }
  const [[wide, fraction = 0], [narrow, places = 0]] = [sizes(from.type), sizes(to.type)]
  if (narrow === undefined) return undefined
  if (to.kind === 'text')
    return wide === undefined || wide > narrow ? `length(${name}) > ${narrow}` : undefined
  const fits = wide !== undefined && wide - fraction <= narrow - places
  return to.kind === 'numeric' && !fits ? `abs(${name}) >= 1e${narrow - places}` : undefined
}

function sizes(type: string): number[] {
  return (/\(([\d, ]+)\)/.exec(type)?.[1] ?? '')
    .split(',')
    .flatMap((size) => (size === '' ? [] : [Number(size)]))
}

/** NOT NULL without a default, and without anything that counts or computes. */
function needsValue({ rest }: Act): boolean {
  const notNull = rest.some((token, i) => isWord(token, 'NOT') && isWord(rest[i + 1], 'NULL'))
  const own = rest.some((token) =>
    isWord(token, 'DEFAULT', 'GENERATED', 'AS', 'SERIAL', 'BIGSERIAL', 'SMALLSERIAL'),
  )
  return notNull && !own
}

function emptyValue(dialect: Part['dialect'], column: Column | undefined): string {
  const { kind = 'text' } = column ?? {}
  if (kind === 'boolean') return dialect === 'sqlite' ? '0' : 'false'
  if (['integer', 'real', 'numeric'].includes(kind)) return '0'
  return kind === 'text' ? "''" : '<value>'
}

/** Whether a statement changes nothing. */
function isIdle(statement: readonly Token[]): boolean {
  const [first, second] = statement
  if (isWord(first, 'SELECT', 'VALUES')) {
    return !statement.some(
      (token, i) =>
        isWord(token, 'FROM', 'INTO') || (isSign(token, '(') && statement[i - 1]?.kind === 'word' && i > 1),
    )
  }
  return (
    isWord(first, 'DO') &&
    second?.kind === 'string' &&
    /^\$(\w*)\$\s*begin\s+(null;\s*)?end;?\s*\$\1\$$/i.test(second.text)
  )
}

/** Columns that an UPDATE sets to a value in all rows, or to NULL where they have some value. */
function overwritten({ rest }: Act, { dialect }: Read): string[] {
  const set = rest.findIndex((token) => isWord(token, 'SET'))
  const end = rest.findIndex((token, i) => i > set && isWord(token, 'WHERE', 'FROM', 'RETURNING'))
  const where = rest.findIndex((token) => isWord(token, 'WHERE'))
  const condition = where === -1 ? [] : rest.slice(where + 1)
  return partsOf(rest.slice(set + 1, end === -1 ? undefined : end)).flatMap(
    ([target, sign, value, ...more]) => {
      const name = target && nameIn(dialect, target)
      if (target === undefined || name === undefined || !isSign(sign, '=') || value === undefined) return []
      const isNull = isWord(value, 'NULL')
      const constant =
        isNull || value.kind === 'string' || value.kind === 'number' || isWord(value, 'TRUE', 'FALSE')
      const casts = more.length === 0 || isSign(more[0], '::')
      if (!constant || !casts) return []
      if (condition.length === 0) return [unquoted(target)]
      return isNull && condition.some((token) => nameIn(dialect, token) === name) ? [unquoted(target)] : []
    },
  )
}

/** A table and a column that have the type, for an example. */
function userOf(type: string, tables: readonly Table[]): [table: string, column: string] {
  for (const table of tables) {
    const column = table.columns.find((one) => one.type === type)
    if (column !== undefined) return [pathText('postgres', table), nameText('postgres', column.name)]
  }
  return ['<table>', '<column>']
}
