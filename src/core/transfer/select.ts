import { MigrateError } from '../errors.ts'
import { type ForeignKey, nameOf, type Schema, type Table } from '../schema/model.ts'
import { fold } from '../schema/sql/names.ts'
import { tableNamed, tablesOf, wholeOf } from './named.ts'

/** What somebody wants to be moved; without any of it, everything. */
export interface Wanted {
  /** Only these tables, and of others the rows that theirs refer to. */
  readonly only?: readonly string[]
  /** Not these tables. */
  readonly exclude?: readonly string[]
  /** By table, a condition in the source's SQL. */
  readonly where?: Readonly<Record<string, string>>
  /** Of each table so many rows: those with the greatest keys. */
  readonly limit?: number
}

/** What is taken of a table before it is known what the rows of others refer to. */
export interface Choice {
  readonly table: Table
  /** Of a table that nobody has named, only the rows that others refer to are taken. */
  readonly rows: 'all' | 'some' | 'referred to'
  readonly where?: string
  readonly limit?: number
}

/** A table that a foreign key is of or refers to, and the one that it is moved with: it may be a partition. */
export interface Related {
  readonly table: Table
  readonly whole: Table
}

/** A foreign key between tables. */
export interface Reference {
  readonly key: ForeignKey
  readonly child: Related
  readonly parent: Related
}

/** Which tables are moved, and how their rows are chosen. */
export interface Selection {
  readonly choices: readonly Choice[]
  /** The foreign keys between these tables. */
  readonly references: readonly Reference[]
}

/** The foreign keys of a schema. One that refers to no table of it, as SQLite allows, refers to no row. */
export function referencesOf(schema: Schema): Reference[] {
  const { tables, dialect } = schema
  const related = (table: Table): Related => ({ table, whole: wholeOf(schema, table) })
  return tables.flatMap((table) =>
    table.foreignKeys.flatMap((key) => {
      const parent = tables.find((one) => fold(dialect, nameOf(one)) === fold(dialect, nameOf(key.to)))
      // Without a key to refer to, nothing can be looked up either.
      if (parent === undefined || key.references.length !== key.columns.length) return []
      return [{ key, child: related(table), parent: related(parent) }]
    }),
  )
}

/**
 * Which tables are moved. What chosen rows refer to comes along, also from tables that nobody has named.
 *
 * @param schema the source's
 * @throws USAGE
 */
export function select(schema: Schema, wanted: Wanted): Selection {
  const { limit } = wanted
  if (limit !== undefined && !(Number.isSafeInteger(limit) && limit > 0)) {
    throw new MigrateError('USAGE', `--limit is ${limit}`, { hint: 'write a whole number from 1' })
  }
  const excluded = new Set((wanted.exclude ?? []).map((name) => tableNamed(schema, name, '--exclude')))
  const only = wanted.only?.map((name) => tableNamed(schema, name, '--only'))
  const named = tablesOf(schema).filter(
    (table) => !excluded.has(table) && (only === undefined || only.includes(table)),
  )
  if (named.length === 0 && (only !== undefined || excluded.size > 0)) {
    throw new MigrateError('USAGE', 'no table is left to be moved', {
      hint: 'name others with --only, or fewer with --exclude',
    })
  }
  const wheres = wheresOf(schema, wanted, named)
  const all = referencesOf(schema)
  const moved = withParents(named, all, excluded)
  const choices = tablesOf(schema)
    .filter((table) => moved.has(table))
    .map((table): Choice => {
      const where = wheres.get(table)
      if (!named.includes(table)) return { table, rows: 'referred to' }
      if (where === undefined && limit === undefined) return { table, rows: 'all' }
      const some = { ...(where !== undefined && { where }), ...(limit !== undefined && { limit }) }
      return { table, rows: 'some', ...some }
    })
  return { choices, references: all.filter(({ child }) => moved.has(child.whole)) }
}

function wheresOf(schema: Schema, { where = {} }: Wanted, named: readonly Table[]): Map<Table, string> {
  const wheres = new Map<Table, string>()
  for (const [name, condition] of Object.entries(where)) {
    const table = tableNamed(schema, name, '--where')
    if (!named.includes(table)) {
      throw new MigrateError('USAGE', `--where: ${name} is not among the tables that are moved`, {
        hint: `name ${name} with --only too, and not with --exclude`,
      })
    }
    if (condition.trim() === '') {
      throw new MigrateError('USAGE', `--where: ${name} has no condition`, {
        hint: `write one in SQL: ${name}="…"`,
      })
    }
    wheres.set(table, condition)
  }
  return wheres
}

/** Tables and all that they refer to, directly or not. */
function withParents(
  tables: readonly Table[],
  references: readonly Reference[],
  excluded: ReadonlySet<Table>,
): Set<Table> {
  // What is added to a set while it is gone through is gone through too.
  const found = new Set(tables)
  for (const table of found) {
    for (const { key, child, parent } of references) {
      if (child.whole !== table) continue
      if (excluded.has(parent.whole)) throw needed(key, child.table, parent.whole)
      found.add(parent.whole)
    }
  }
  return found
}

function needed({ name, columns }: ForeignKey, child: Table, parent: Table): MigrateError {
  const [from, to] = [nameOf(child), nameOf(parent)]
  const key = `${from} (${columns.join(', ')})${name === undefined ? '' : `, ${name},`}`
  return new MigrateError('USAGE', `--exclude: ${to} is needed: the foreign key ${key} refers to it`, {
    hint: `exclude ${from} too, or keep ${to}`,
  })
}
