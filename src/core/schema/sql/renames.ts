import type { Dialect } from '../../migrations.ts'
import type { Column, Index, Key, Schema, Table } from '../model.ts'
import { fold, renameIn } from './names.ts'

/** What is the same thing under another name. */
export interface Renames {
  /** New names by old ones. A table of another schema is `schema.table`, and stays in it. */
  readonly tables?: Readonly<Record<string, string>>
  /** New names of columns by `table.column`: the table's new name, the column's old one. */
  readonly columns?: Readonly<Record<string, string>>
}

/** One name that becomes another. */
export interface Rename {
  readonly from: string
  readonly to: string
}

/** How a table comes to its new name, and its columns to theirs. */
export interface TableRename extends Rename {
  readonly schema: string
  readonly columns: readonly Rename[]
}

/** What `renames` says of the tables that are there. */
export function renamesOf({ dialect, tables }: Schema, renames: Renames): TableRename[] {
  const told = renames.tables ?? {}
  const columnsTold = Object.entries(renames.columns ?? {})
  return tables.map(({ schema, name, columns }) => {
    const prefix = schema === '' ? '' : `${schema}.`
    const to = (told[`${prefix}${name}`] ?? told[name] ?? name).replace(prefix, '')
    const renamed = columns.flatMap((column): Rename[] => {
      const said = columnsTold.find(([path]) => same(dialect, path, `${prefix}${to}.${column.name}`))
      return said === undefined ? [] : [{ from: column.name, to: said[1] }]
    })
    return { schema, from: name, to, columns: renamed }
  })
}

function same(dialect: Dialect, a: string, b: string): boolean {
  return fold(dialect, a) === fold(dialect, b)
}

/** The schema as it is when tables and columns have their new names, which ALTER TABLE writes everywhere. */
export function renameAll(schema: Schema, renames: readonly TableRename[]): Schema {
  const { dialect } = schema
  const key = (at: string, name: string) => fold(dialect, JSON.stringify([at, name]))
  const found = new Map(renames.map((rename) => [key(rename.schema, rename.from), rename]))
  const renameOf = (at: string, name: string) =>
    found.get(key(at, name)) ?? { schema: at, from: name, to: name, columns: [] }
  const columnOf = (rename: TableRename) => (name: string) =>
    rename.columns.find(({ from }) => same(dialect, from, name))?.to ?? name

  const tables = schema.tables.map((table): Table => {
    const rename = renameOf(table.schema, table.name)
    const column = columnOf(rename)
    const changed = [rename, ...rename.columns].filter(({ from, to }) => from !== to)
    const names = new Map(changed.map(({ from, to }) => [fold(dialect, from), to]))
    const sql = (text: string) => (names.size === 0 ? text : renameIn(dialect, text, names))
    const partition = table.partitionOf
    return {
      ...table,
      name: rename.to,
      columns: table.columns.map((one) => renameColumn(one, column, sql)),
      ...(table.primaryKey !== undefined && { primaryKey: renameKey(table.primaryKey, column) }),
      uniques: table.uniques.map((unique) => renameKey(unique, column)),
      foreignKeys: table.foreignKeys.map((one) => {
        const parent = renameOf(one.to.schema, one.to.name)
        return {
          ...one,
          columns: one.columns.map(column),
          to: { ...one.to, name: parent.to },
          references: one.references.map(columnOf(parent)),
        }
      }),
      checks: table.checks.map((check) => ({ ...check, expression: sql(check.expression) })),
      exclusions: table.exclusions.map((one) => ({ ...one, definition: sql(one.definition) })),
      indexes: table.indexes.map((index) => renameIndex(index, column, sql)),
      ...(table.partitionBy !== undefined && { partitionBy: sql(table.partitionBy) }),
      ...(partition !== undefined && {
        partitionOf: { ...partition, name: renameOf(partition.schema, partition.name).to },
      }),
    }
  })
  const triggers = schema.triggers.map((trigger) => ({
    ...trigger,
    table: renameOf(trigger.schema, trigger.table).to,
  }))
  return { ...schema, tables, triggers }
}

type Change = (text: string) => string

function renameColumn(one: Column, column: Change, sql: Change): Column {
  const { generated } = one
  return {
    ...one,
    name: column(one.name),
    ...(generated !== undefined && { generated: { ...generated, expression: sql(generated.expression) } }),
  }
}

function renameKey<K extends Key>(key: K, column: Change): K {
  return {
    ...key,
    columns: key.columns.map(column),
    ...(key.desc !== undefined && { desc: key.desc.map(column) }),
  }
}

function renameIndex(index: Index, column: Change, sql: Change): Index {
  return {
    ...index,
    parts: index.parts.map((part) => ({
      ...part,
      ...(part.column !== undefined && { column: column(part.column) }),
      ...(part.expression !== undefined && { expression: sql(part.expression) }),
    })),
    ...(index.where !== undefined && { where: sql(index.where) }),
    ...(index.include !== undefined && { include: index.include.map(column) }),
  }
}

/** Renames in an order in which each new name is free: of names that are swapped, one goes by another name first. */
export function renameOrder(renames: readonly Rename[], taken: ReadonlySet<string>): Rename[] {
  const left = renames.filter(({ from, to }) => from !== to)
  const ordered: Rename[] = []
  while (left.length > 0) {
    const free = left.findIndex(({ to }) => !left.some(({ from }) => from === to))
    const [next] = left.splice(Math.max(free, 0), 1)
    if (next === undefined) break
    if (free !== -1) ordered.push(next)
    else {
      const meanwhile = freeName(`${next.from}_old`, taken)
      ordered.push({ from: next.from, to: meanwhile })
      left.push({ from: meanwhile, to: next.to })
    }
  }
  return ordered
}

/** The name, or the first with a number behind it that nobody has. */
export function freeName(name: string, taken: ReadonlySet<string>): string {
  let free = name
  for (let n = 2; taken.has(free.toLowerCase()); n++) free = `${name}_${n}`
  return free
}
