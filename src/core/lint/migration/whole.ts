import type { MigrateError } from '../../errors.ts'
import type { Dialect, Direction } from '../../migrations.ts'
import type { Column, Named, Schema, Table } from '../../schema/model.ts'
import { columnText as postgresColumn } from '../../schema/sql/ddl-postgres.ts'
import { columnText as sqliteColumn } from '../../schema/sql/ddl-sqlite.ts'
import { fold, nameIn } from '../../schema/sql/names.ts'
import type { Script } from '../../script.ts'
import { once, skipBlank } from '../../text.ts'
import type { Found, Rule } from '../rule.ts'
import { type Act, actsOf, enclosed, type Statement, statementsOf } from './acts.ts'

/** A migration with both its directions, and what it makes of each database. */
export interface WholeMigration {
  readonly id: string
  readonly sqlite?: Side
  readonly postgres?: Side
  /** Other migrations of the folder have down scripts. */
  readonly othersHaveDown: boolean
  /** Scripts that a database refuses. Where it is an up script, that database has no side. */
  readonly refused?: readonly Refused[]
}

/** What it is in one database. */
export interface Side {
  readonly up: Script
  readonly down?: Script
  /** The up file is for both databases. */
  readonly neutral: boolean
  readonly before: Schema
  readonly after: Schema
}

export interface Refused {
  readonly dialect: Dialect
  readonly direction: Direction
  readonly script: Script
  /** The file is for both databases. */
  readonly neutral: boolean
  /** What was there. */
  readonly before: Schema
  readonly error: MigrateError
}

/** A rule, and how it looks for what it is about. */
export interface MigrationRule extends Rule {
  readonly find: (whole: Whole) => readonly Spotted[]
}

/** Where a rule holds. */
export interface Spotted extends Found {
  readonly dialect: Dialect
  readonly direction: Direction
}

/** A script that was read. */
export interface Read {
  readonly script: Script
  readonly dialect: Dialect
  readonly direction: Direction
  readonly acts: readonly Act[]
  readonly statements: readonly Statement[]
  /** Every name that stands in it, folded. */
  readonly names: ReadonlySet<string>
}

/** One side with its scripts read. */
export interface Part {
  readonly dialect: Dialect
  readonly neutral: boolean
  /** Of many tables, those that the scripts name. */
  readonly before: Schema
  readonly after: Schema
  /** What there is after the up script. */
  readonly all: Schema
  readonly up: Read
  readonly down?: Read
  /** Whether a script names it. It takes every word of them: first what is said of the table, then this. */
  readonly isNamed: (table: Table) => boolean
  /** Tables that the up script makes, also those that it does not name. Of a partition and of a virtual table others say what it has. */
  readonly newTables: readonly Table[]
  /** Columns that the up script makes, also those of the tables that it makes. */
  readonly newColumns: readonly { readonly table: Table; readonly column: Column }[]
}

/** A migration with its scripts read. */
export interface Whole {
  readonly migration: WholeMigration
  readonly parts: readonly Part[]
  readonly sqlite: Part | undefined
  readonly postgres: Part | undefined
}

export function wholeOf(migration: WholeMigration): Whole {
  const sqlite = migration.sqlite && partOf('sqlite', migration.sqlite)
  const postgres = migration.postgres && partOf('postgres', migration.postgres)
  return { migration, sqlite, postgres, parts: [sqlite, postgres].filter((part) => part !== undefined) }
}

function partOf(dialect: Dialect, side: Side): Part {
  const up = readScript(side.up, dialect, 'up')
  const down = side.down && readScript(side.down, dialect, 'down')
  const isNamed = ({ name }: Table) => {
    const folded = fold(dialect, name)
    return up.names.has(folded) || down?.names.has(folded) === true
  }
  const named = (schema: Schema) => ({ ...schema, tables: schema.tables.filter(isNamed) })
  const [before, after] = [once(() => named(side.before)), once(() => named(side.after))]
  const isMade = ({ virtual, partitionOf }: Table) => virtual === undefined && partitionOf === undefined
  const made = once(() => {
    const all: { table: Table; isNew: boolean; columns: readonly Column[] }[] = []
    // Of a long history most tables are what they were, and in their places.
    for (const [i, table] of changedIn(side)) {
      const there = side.before.tables[i]
      const isSame = there?.name === table.name && there.schema === table.schema
      const was = isSame ? there : tableOf(side.before, table)
      const isNew = was === undefined && isMade(table)
      const columns =
        was === undefined && !isNew
          ? []
          : table.columns.filter(({ name }) => columnOf(dialect, was, name) === undefined)
      if (isNew || columns.length > 0) all.push({ table, isNew, columns })
    }
    return all
  })
  const newTables = once(() => made().flatMap(({ table, isNew }) => (isNew ? [table] : [])))
  const newColumns = once(() =>
    made().flatMap(({ table, columns }) => columns.map((column) => ({ table, column }))),
  )
  return {
    dialect,
    neutral: side.neutral,
    get before() {
      return before()
    },
    get after() {
      return after()
    },
    all: side.after,
    isNamed,
    up,
    ...(down !== undefined && { down }),
    get newTables() {
      return newTables()
    },
    get newColumns() {
      return newColumns()
    },
  }
}

/** Tables that are not what stood in their place before, with the place. */
function changedIn({ before, after }: Side): [number, Table][] {
  const changed: [number, Table][] = []
  const [was, is] = [before.tables, after.tables]
  for (let i = 0; i < is.length; i++) {
    const table = is[i]
    if (table !== undefined && table !== was[i]) changed.push([i, table])
  }
  return changed
}

/** Reads a script when something of it is asked for: most rules have nothing to say of most scripts. */
export function readScript(script: Script, dialect: Dialect, direction: Direction): Read {
  const statements = once(() => statementsOf(script.text, dialect))
  const acts = once(() => actsOf(statements(), dialect))
  const names = once(() => {
    const all = new Set<string>()
    for (const one of statements())
      for (const token of one) {
        const name = nameIn(dialect, token)
        if (name !== undefined) all.add(name)
      }
    // In the code of DO, and where SQLite takes a string for a name, only these are known.
    if (dialect === 'sqlite' || all.has('do')) for (const { table } of acts()) all.add(table.name)
    return all
  })
  return {
    script,
    dialect,
    direction,
    get acts() {
      return acts()
    },
    get statements() {
      return statements()
    },
    get names() {
      return names()
    },
  }
}

/** A rule that looks at each side by itself. */
export const each =
  (find: (part: Part, whole: Whole) => readonly Spotted[]): MigrationRule['find'] =>
  (whole) =>
    whole.parts.flatMap((part) => find(part, whole))

/** A rule that looks at the down script of each side. */
export const eachDown = (find: (down: Read, part: Part) => readonly Spotted[]): MigrationRule['find'] =>
  each((part) => (part.down === undefined ? [] : find(part.down, part)))

/** A rule that looks at both sides together. */
export const pair =
  (find: (sqlite: Part, postgres: Part, whole: Whole) => readonly Spotted[]): MigrationRule['find'] =>
  (whole) =>
    whole.sqlite && whole.postgres ? find(whole.sqlite, whole.postgres, whole) : []

export function spot({ dialect, direction }: Read, at: number, message: string, safe: string): Spotted {
  return { dialect, direction, at, message, safe }
}

/** Whether two names mean the same. */
export function means(dialect: Dialect, said: string | undefined, name: string): boolean {
  if (said === undefined || said.length !== name.length) return false
  return said === name || fold(dialect, said) === fold(dialect, name)
}

/** The table of a name as a script has it; without a schema it is that of any. */
export function tableOf({ dialect, tables }: Schema, { schema, name }: Named): Table | undefined {
  return tables.find(
    (table) =>
      means(dialect, table.name, name) &&
      (schema === '' || table.schema === '' || means(dialect, table.schema, schema)),
  )
}

export function columnOf(dialect: Dialect, table: Table | undefined, name: string): Column | undefined {
  return table?.columns.find((column) => means(dialect, column.name, name))
}

/** Where a script names a table, or a column of it; where it begins if it does not. */
export function placeOf({ script, dialect, acts, statements }: Read, table: string, column?: string): number {
  const own = acts.filter((act) => means(dialect, act.table.name, table))
  const made = own.find(({ does }) => does === 'make table')
  const named = statements.flat().filter((token) => {
    const name = nameIn(dialect, token)
    return column === undefined ? name === table : name === fold(dialect, column)
  })
  const start = skipBlank(script.text)
  if (column === undefined) return made?.at ?? own[0]?.at ?? named[0]?.start ?? start
  const inside = enclosed(made?.rest ?? []).find((token) => nameIn(dialect, token) === fold(dialect, column))
  const added = own.find(({ does, name }) => does === 'add column' && means(dialect, name, column))
  return inside?.start ?? added?.at ?? named[0]?.start ?? own[0]?.at ?? start
}

/** A column as a statement writes it. */
export function columnSql(dialect: Dialect, column: Column): string {
  return dialect === 'sqlite' ? sqliteColumn(column, { checks: [], references: [] }) : postgresColumn(column)
}
