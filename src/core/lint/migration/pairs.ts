import type { MigrateError, Place } from '../../errors.ts'
import type { Dialect } from '../../migrations.ts'
import { listedBy } from '../../schema/listed.ts'
import { type Column, type Enum, nameOf, type Table } from '../../schema/model.ts'
import { isRowid } from '../../schema/sql/ddl-sqlite.ts'
import { fold, listText, namesIn, nameText, pathText, stringText } from '../../schema/sql/names.ts'
import { unquoted } from '../../schema/tokens.ts'
import { isFlag } from './practices.ts'
import {
  columnOf,
  columnSql,
  type MigrationRule,
  means,
  type Part,
  pair,
  placeOf,
  readScript,
  type Spotted,
  spot,
  tableOf,
} from './whole.ts'

const NAMES: Readonly<Record<Dialect, string>> = { sqlite: 'SQLite', postgres: 'PostgreSQL' }

/** Where the two databases part, though each is content by itself. */
export const PAIR_RULES: readonly MigrationRule[] = [
  {
    id: 'not-portable',
    topic: 'pair',
    severity: 'error',
    what: 'A file for both databases that one of them refuses.',
    why: 'Whoever runs that database cannot take the release.',
    safe: 'Write a file for each database.',
    bad: {
      before: 'CREATE TABLE notes (id integer PRIMARY KEY, body text);',
      up: 'ALTER TABLE notes ALTER COLUMN body SET DEFAULT 1;',
    },
    good: {
      before: 'CREATE TABLE notes (id integer PRIMARY KEY, body text);',
      up: 'ALTER TABLE notes ADD COLUMN title text;',
    },
    find: ({ migration: { id, refused = [] } }) =>
      refused
        .filter(
          ({ neutral, dialect, direction }) =>
            neutral && !refused.some((one) => one.dialect !== dialect && one.direction === direction),
        )
        .map(({ dialect, direction, script, error }) => {
          const message = `${NAMES[dialect]} refuses it, and the file is for both databases: ${error.message}`
          const safe = `-- in files of their own:\n-- ${id}.sqlite.${direction}.sql\n-- ${id}.postgres.${direction}.sql`
          return spot(readScript(script, dialect, direction), offsetOf(script.text, error), message, safe)
        }),
  },
  {
    id: 'null-in-primary-key',
    dialect: 'sqlite',
    topic: 'pair',
    severity: 'warning',
    what: 'A PRIMARY KEY of SQLite that is no INTEGER and does not say NOT NULL, where PostgreSQL has the same.',
    why: 'In SQLite such a key takes NULL, any number of times; in PostgreSQL it does not, and such rows cannot be moved there.',
    safe: 'Say NOT NULL.',
    bad: {
      up: 'CREATE TABLE notes (id text PRIMARY KEY);',
      other: { up: 'CREATE TABLE notes (id uuid PRIMARY KEY);' },
    },
    good: {
      up: 'CREATE TABLE notes (id text PRIMARY KEY NOT NULL);',
      other: { up: 'CREATE TABLE notes (id uuid PRIMARY KEY);' },
    },
    find: pair((sqlite, postgres) =>
      sqlite.newTables.filter(sqlite.isNamed).flatMap((table) => {
        const other = tableOf(postgres.after, table)
        if (other?.primaryKey === undefined || table.withoutRowid) return []
        return table.columns
          .filter(
            (column) =>
              column.nullable && table.primaryKey?.columns.includes(column.name) && !isRowid(table, column),
          )
          .map((column) => {
            const message = `${nameOf(table)}.${column.name} takes NULL in SQLite though it is the primary key; in PostgreSQL it does not`
            const safe = columnSql('sqlite', { ...column, nullable: false })
            return spot(sqlite.up, placeOf(sqlite.up, table.name, column.name), message, safe)
          })
      }),
    ),
  },
  {
    id: 'enum-and-check-part',
    dialect: 'postgres',
    topic: 'pair',
    severity: 'warning',
    what: 'A value that an enum of PostgreSQL gets and the CHECK of the same column in SQLite does not, or the reverse.',
    why: 'The application writes it in one database, and is refused in the other.',
    safe: 'Change both in the same migration: in SQLite the table is rebuilt with the longer CHECK.',
    bad: {
      before:
        "CREATE TYPE state AS ENUM ('open', 'done');\nCREATE TABLE notes (id integer PRIMARY KEY, state state NOT NULL);",
      up: "ALTER TYPE state ADD VALUE 'late';",
      other: {
        before:
          "CREATE TABLE notes (id INTEGER PRIMARY KEY, state TEXT NOT NULL CHECK (state IN ('open', 'done')));",
        up: '-- migrate: nothing SQLite has no enum\n',
      },
    },
    good: {
      before:
        "CREATE TYPE state AS ENUM ('open', 'done');\nCREATE TABLE notes (id integer PRIMARY KEY, state state NOT NULL);",
      up: "ALTER TYPE state ADD VALUE 'late';",
      other: {
        before:
          "CREATE TABLE notes (id INTEGER PRIMARY KEY, state TEXT NOT NULL CHECK (state IN ('open', 'done')));",
        up: "CREATE TABLE notes_new (id INTEGER PRIMARY KEY, state TEXT NOT NULL CHECK (state IN ('open', 'done', 'late')));\nINSERT INTO notes_new (id, state) SELECT notes.id, notes.state FROM notes;\nDROP TABLE notes;\nALTER TABLE notes_new RENAME TO notes;",
      },
    },
    find: pair((sqlite, postgres) => postgres.after.enums.flatMap((one) => parted(one, sqlite, postgres))),
  },
  {
    id: 'rename-reaches-less',
    topic: 'pair',
    severity: 'info',
    what: 'A table that gets another name in a file for both databases, while views or functions read it.',
    why: 'SQLite rewrites views and triggers to the new name. In PostgreSQL views follow the table, and the code of functions goes on with the old name and fails.',
    safe: 'Make the functions again in the same migration, in a file for PostgreSQL.',
    bad: {
      before: 'CREATE TABLE notes (id integer PRIMARY KEY);\nCREATE VIEW all_notes AS SELECT id FROM notes;',
      up: 'ALTER TABLE notes RENAME TO entries;',
    },
    good: {
      before: 'CREATE TABLE notes (id integer PRIMARY KEY);',
      up: 'ALTER TABLE notes RENAME TO entries;',
    },
    find: pair((sqlite, postgres) => (postgres.neutral ? renamed(sqlite, postgres) : [])),
  },
  {
    id: 'unique-in-two-forms',
    topic: 'pair',
    dialect: 'postgres',
    severity: 'info',
    what: 'What is a UNIQUE constraint in one database and a unique index in the other.',
    why: 'ON CONFLICT ON CONSTRAINT, and how it is dropped later, are not the same.',
    safe: 'Use the same form in both.',
    bad: {
      up: 'CREATE TABLE tags (id integer PRIMARY KEY, name text NOT NULL UNIQUE);',
      other: {
        up: 'CREATE TABLE tags (id INTEGER PRIMARY KEY, name TEXT NOT NULL);\nCREATE UNIQUE INDEX tags_name ON tags (name);',
      },
    },
    good: {
      up: 'CREATE TABLE tags (id integer PRIMARY KEY, name text NOT NULL UNIQUE);',
      other: { up: 'CREATE TABLE tags (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);' },
    },
    find: pair(uniqueForms),
  },
  {
    id: 'integer-width',
    topic: 'pair',
    severity: 'info',
    what: 'A new INTEGER in a file for both databases.',
    why: 'It has up to 64 bits in SQLite and 32 in PostgreSQL: a number beyond two thousand million is refused there.',
    safe: 'Write BIGINT where numbers may become large; in SQLite it is the same.',
    bad: { up: 'CREATE TABLE files (id text PRIMARY KEY NOT NULL, size integer NOT NULL);' },
    good: { up: 'CREATE TABLE files (id text PRIMARY KEY NOT NULL, size bigint NOT NULL);' },
    find: neutralColumns(({ type, kind }, table, column) => {
      if (kind !== 'integer' || !/^(integer|smallint)$/.test(type) || isBound(table, column)) return undefined
      const bits = type === 'smallint' ? 16 : 32
      return {
        message: `${nameOf(table)}.${column.name} has ${bits} bits in PostgreSQL and up to 64 in SQLite`,
        safe: columnSql('postgres', { ...column, type: 'bigint' }),
      }
    }),
  },
  {
    id: 'length-not-enforced',
    topic: 'pair',
    severity: 'info',
    what: 'A new VARCHAR(n) in a file for both databases.',
    why: 'SQLite does not look at the length: it takes what PostgreSQL refuses, and such rows cannot be moved there.',
    safe: 'Write TEXT, with a CHECK where the length matters.',
    bad: { up: 'CREATE TABLE tags (id integer PRIMARY KEY, name varchar(40));' },
    good: { up: 'CREATE TABLE tags (id integer PRIMARY KEY, name text CHECK (length(name) <= 40));' },
    find: neutralColumns(({ type, kind }, table, column) => {
      const [, size] = /\((\d+)\)$/.exec(type) ?? []
      if (kind !== 'text' || size === undefined || isMeasured(table, column)) return undefined
      const name = nameText('sqlite', column.name)
      return {
        message: `${nameOf(table)}.${column.name} may be longer than ${size} in SQLite, and not in PostgreSQL`,
        safe: `${columnSql('sqlite', { ...column, type: 'TEXT' })} CHECK (length(${name}) <= ${size})`,
      }
    }),
  },
]

/** A rule about the columns that a file for both databases makes. */
function neutralColumns(
  say: (postgres: Column, table: Table, column: Column) => { message: string; safe: string } | undefined,
): MigrationRule['find'] {
  return pair((sqlite, postgres) => {
    if (!sqlite.neutral || !postgres.neutral) return []
    return sqlite.newColumns.flatMap(({ table, column }): Spotted[] => {
      if (!sqlite.isNamed(table)) return []
      const other = columnOf('sqlite', tableOf(postgres.after, table), column.name)
      const said = other && say(other, table, column)
      return said
        ? [spot(sqlite.up, placeOf(sqlite.up, table.name, column.name), said.message, said.safe)]
        : []
    })
  })
}

/** Whether it is a key, refers to one, or has few values: what it holds is decided elsewhere. */
function isBound(table: Table, column: Column): boolean {
  const { name } = column
  const refers = table.foreignKeys.some(({ columns }) => columns.includes(name))
  return isRowid(table, column) || refers || isFlag(column) || listedIn(table, name) !== undefined
}

/** Whether a check looks at a column's length. */
function isMeasured({ checks }: Table, { name }: Column): boolean {
  return checks.some(({ expression }) => {
    const names = namesIn('sqlite', expression)
    return names.has('length') && names.has(fold('sqlite', name))
  })
}

/** An enum, and the columns of SQLite that list its values, after a migration that has changed one of the two. */
function parted(one: Enum, sqlite: Part, postgres: Part): Spotted[] {
  const was = postgres.before.enums.find((other) => nameOf(other) === nameOf(one))
  const added = was === undefined ? [] : one.values.filter((value) => !was.values.includes(value))
  const rebuilt = () => sqlite.after.tables.flatMap((table) => tableOf(postgres.all, table) ?? [])
  const users = (added.length > 0 ? postgres.all.tables : rebuilt()).flatMap((table) =>
    table.columns
      .filter(({ type }) => type === pathText('postgres', one))
      .map(({ name }) => ({ table, name })),
  )
  return users.flatMap(({ table, name }): Spotted[] => {
    const there = tableOf(sqlite.all, table)
    const listed = there && listedIn(there, name)
    if (there === undefined || listed === undefined) return []
    const before = tableOf(sqlite.before, there)
    const had = before && listedIn(before, name)
    const lacks = added.filter((value) => !listed.includes(value))
    const [value = ''] = lacks
    if (lacks.length > 0) {
      const literals = [...listed, ...lacks].map((each) => stringText(String(each))).join(', ')
      const message = `${nameOf(one)} gets ${lacks.join(', ')}, and the CHECK of ${nameOf(there)}.${name} in SQLite refuses it`
      const safe = `-- in the file for SQLite, rebuild ${pathText('sqlite', there)} with:\nCHECK (${nameText('sqlite', name)} IN (${literals}))`
      return [spot(postgres.up, literalPlace(postgres, value), message, safe)]
    }
    const more =
      had === undefined
        ? []
        : listed.filter((each) => !had.includes(each) && !one.values.includes(String(each)))
    if (more.length === 0) return []
    const message = `the CHECK of ${nameOf(there)}.${name} takes ${more.join(', ')}, and the enum ${nameOf(one)} of PostgreSQL refuses it`
    const safe = `-- in the file for PostgreSQL:\n${more.map((each) => `ALTER TYPE ${pathText('postgres', one)} ADD VALUE ${stringText(String(each))};`).join('\n')}`
    return [spot(sqlite.up, literalPlace(sqlite, String(more[0])), message, safe)]
  })
}

function listedIn({ checks }: Table, column: string): readonly (string | number)[] | undefined {
  const all = checks.map(({ expression }) => listedBy(expression))
  return all.find((listed) => listed !== undefined && means('sqlite', listed.column, column))?.values
}

function literalPlace({ up }: Part, value: string): number {
  const tokens = up.statements.flat()
  const token = tokens.find((one) => one.kind === 'string' && unquoted(one) === value) ?? tokens[0]
  return token?.start ?? 0
}

function renamed(sqlite: Part, postgres: Part): Spotted[] {
  return postgres.up.acts.flatMap((act): Spotted[] => {
    const table = act.does === 'rename table' ? tableOf(postgres.before, act.table) : undefined
    if (table === undefined || tableOf(postgres.after, table) !== undefined) return []
    const reads = (text: string) => namesIn('postgres', text).has(table.name)
    const functions = postgres.before.functions.filter(({ sql }) => inCode(sql, table.name)).map(nameOf)
    const views = [...postgres.before.views, ...sqlite.before.views].filter(({ query }) => reads(query))
    const [view] = views
    if (functions.length > 0) {
      const message = `the function ${functions.join(', ')} of PostgreSQL goes on reading ${nameOf(table)}, which has another name then`
      return [
        spot(
          postgres.up,
          act.at,
          message,
          `-- in a file for PostgreSQL, behind the rename: CREATE OR REPLACE FUNCTION ${functions[0]} with the new name`,
        ),
      ]
    }
    if (view === undefined) return []
    const message = `SQLite writes the new name of ${nameOf(table)} into the text of the view ${nameOf(view)}, and in PostgreSQL the view follows the table`
    return [spot(postgres.up, act.at, message, '-- see that both are what is wanted: nexflow-migrate parity')]
  })
}

/** Whether the code of a function, which is a text, has a name in it. */
function inCode(sql: string, name: string): boolean {
  return new RegExp(`(?<![\\w$])${name.replace(/[^\w]/g, '\\$&')}(?![\\w$])`, 'i').test(sql)
}

function uniqueForms(sqlite: Part, postgres: Part): Spotted[] {
  return postgres.newTables.filter(postgres.isNamed).flatMap((table) => {
    const other = tableOf(sqlite.after, table)
    if (other === undefined) return []
    return [
      ...table.uniques
        .filter(({ columns }) => hasIndex(other, columns))
        .map(({ columns }) => ({ columns, is: 'a constraint', there: 'an index' })),
      ...other.uniques
        .filter(({ columns }) => hasIndex(table, columns))
        .map(({ columns }) => ({ columns, is: 'an index', there: 'a constraint' })),
    ].map(({ columns, is, there }) => {
      const message = `${listText('postgres', columns)} of ${nameOf(table)} is unique by ${is} in PostgreSQL and by ${there} in SQLite`
      const safe = `-- in both, in CREATE TABLE ${pathText('postgres', table)}:\nUNIQUE ${listText('postgres', columns)}`
      return spot(postgres.up, placeOf(postgres.up, table.name, columns[0]), message, safe)
    })
  })
}

function hasIndex({ indexes }: Table, columns: readonly string[]): boolean {
  const key = (names: readonly (string | undefined)[]) =>
    names.map((name) => fold('sqlite', name ?? '')).join(' ')
  return indexes.some(
    ({ unique, where, parts }) =>
      unique && where === undefined && key(parts.map(({ column }) => column)) === key(columns),
  )
}

/** Where an error is, in characters of the text. */
function offsetOf(text: string, { details }: MigrateError): number {
  const { line = 1, column = 1 }: Partial<Place> = details
  let start = 0
  for (let i = 1; i < line; i++) start = text.indexOf('\n', start) + 1
  return start + [...text.slice(start, start + 2 * column)].slice(0, column - 1).join('').length
}
