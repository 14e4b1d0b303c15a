import { MigrateError } from '../errors.ts'
import { type Column, type Named, nameOf, type Schema, type Table } from '../schema/model.ts'
import { list } from '../text.ts'
import { formBetween, formOf, longestOf } from './form.ts'
import type { Moved, MovedColumn } from './moved.ts'

/** What is moved, what first has to be made for it, and what stays behind. */
export interface TransferPlan {
  readonly moved: readonly Moved[]
  /** Tables that no migration has made: they have to be made in the target. */
  readonly outside: readonly Table[]
  /** What cannot be moved, and why. */
  readonly skipped: readonly Skipped[]
  /** What is worth a look. */
  readonly warnings: readonly string[]
}

export interface Skipped {
  readonly table: string
  readonly reason: string
}

/**
 * Finds for every table and column of the source its place in the target. Names are the same, or the same but for
 * case.
 *
 * @throws DIFFERENT
 */
export function planTransfer(
  source: Schema,
  target: Schema,
  chosen: readonly Table[] = source.tables,
): TransferPlan {
  const tables = chosen.filter(({ partitionOf }) => partitionOf === undefined)
  const skipped = tables
    .filter(({ virtual }) => virtual !== undefined)
    .map((table) => ({
      table: nameOf(table),
      reason:
        'a virtual table of SQLite: its rows come from elsewhere, or its module must be asked to make them',
    }))
  const real = tables.filter(({ virtual }) => virtual === undefined)
  const pairs = real.map((from) => ({ from, to: named(target.tables, from) }))
  const outside = pairs.filter(({ to }) => to === undefined).map(({ from }) => from)
  const context = { source, target }
  const moved = pairs.flatMap(({ from, to }) => (to === undefined ? [] : [movedTable(from, to, context)]))
  return { moved, outside, skipped, warnings: moved.flatMap(roundedColumns) }
}

interface Context {
  readonly source: Schema
  readonly target: Schema
}

/** The one of the same name, or else of the same but for case; in the same schema. */
export function named<T extends Named>(all: readonly T[], { schema, name }: Named): T | undefined {
  const near = all.filter((one) => one.schema === schema)
  return near.find((one) => one.name === name) ?? near.find((one) => same(one.name, name))
}

function same(one: string, other: string): boolean {
  return one.toLowerCase() === other.toLowerCase()
}

function movedTable(from: Table, to: Table, context: Context): Moved {
  const columns = from.columns.flatMap((column): MovedColumn[] => {
    const place =
      to.columns.find(({ name }) => name === column.name) ??
      to.columns.find(({ name }) => same(name, column.name))
    if (place === undefined) {
      if (column.generated !== undefined) return []
      throw different(`${nameOf(from)}.${column.name} is not in the target`)
    }
    if (place.generated !== undefined) {
      if (column.generated !== undefined) return []
      throw different(`${nameOf(from)}.${column.name} is computed from others in the target`)
    }
    return [movedColumn(column, place, context)]
  })
  const missing = to.columns.filter(
    (column) => column.generated === undefined && !columns.some(({ to: place }) => place === column),
  )
  if (missing.length > 0) {
    throw different(`${nameOf(from)} has no ${list(missing.map(({ name }) => name))}, and the target has`)
  }
  return { from, to, columns, key: keyOf(from) }
}

function movedColumn(from: Column, to: Column, { source, target }: Context): MovedColumn {
  const [column, schema] = target.dialect === 'postgres' ? [to, target] : [from, source]
  const form = formBetween(source.dialect, target.dialect) ?? formOf(column, schema)
  const longest = target.dialect === 'postgres' ? longestOf(to, target) : undefined
  return {
    from,
    to,
    form,
    ...(longest !== undefined && { longest }),
  }
}

/** What tells a row from all others: the primary key, or a unique constraint over columns that are never NULL. */
function keyOf({ primaryKey, uniques, columns }: Table): readonly string[] {
  const never = (name: string) => columns.some((column) => column.name === name && !column.nullable)
  return primaryKey?.columns ?? uniques.find(({ columns }) => columns.every(never))?.columns ?? []
}

/** What a type of the target does not hold whole, it says itself. */
function roundedColumns({ from, columns }: Moved): string[] {
  return columns
    .filter(({ form }) => form === 'float4')
    .map(({ to }) => `${nameOf(from)}.${to.name} is a real of 32 bits in PostgreSQL: it holds six digits`)
}

/** The two databases are not at the same place. */
export function different(message: string): MigrateError {
  return new MigrateError('DIFFERENT', message, {
    hint: 'both must have the same migrations, and nothing else changed: "nexflow-migrate drift" and "parity" tell what differs',
  })
}
