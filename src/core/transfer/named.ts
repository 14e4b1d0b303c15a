import { MigrateError } from '../errors.ts'
import { type Column, nameOf, type Schema, type Table } from '../schema/model.ts'
import { fold } from '../schema/sql/names.ts'
import { didYouMean, list } from '../text.ts'

/** The tables that are moved by themselves: a partition is moved with the table that it is a part of. */
export function tablesOf({ tables }: Schema): Table[] {
  return tables.filter(({ partitionOf }) => partitionOf === undefined)
}

/**
 * The table that somebody has named.
 *
 * @param option what named it, such as `--only`
 * @throws USAGE
 */
export function tableNamed(schema: Schema, said: string, option: string): Table {
  const is = (table: Table) => fold(schema.dialect, nameOf(table)) === fold(schema.dialect, said)
  const found = schema.tables.find(is)
  if (found === undefined) {
    const names = tablesOf(schema).map(nameOf)
    throw new MigrateError('USAGE', `${option}: there is no table ${said}`, {
      hint: didYouMean(said, names) ?? `the tables are ${list(names)}`,
    })
  }
  if (found.partitionOf === undefined) return found
  const whole = nameOf(wholeOf(schema, found))
  throw new MigrateError('USAGE', `${option}: ${said} is a partition of ${whole}`, { hint: `name ${whole}` })
}

/** The table that is moved where this one is, or is a part of it. */
export function wholeOf(schema: Schema, table: Table): Table {
  const { partitionOf } = table
  const above = partitionOf && schema.tables.find((one) => nameOf(one) === nameOf(partitionOf))
  return above === undefined ? table : wholeOf(schema, above)
}

/**
 * The column that somebody has named as `table.column`.
 *
 * @param option what named it, such as `--mask`
 * @throws USAGE
 */
export function columnNamed(
  schema: Schema,
  said: string,
  option: string,
): { readonly table: Table; readonly column: Column } {
  const all = schema.tables.flatMap((table) =>
    table.columns.map((column) => ({ table, column, name: `${nameOf(table)}.${column.name}` })),
  )
  const found = all.find(({ name }) => fold(schema.dialect, name) === fold(schema.dialect, said))
  if (found === undefined) {
    const names = all.map(({ name }) => name)
    throw new MigrateError('USAGE', `${option}: there is no column ${said}`, {
      hint: didYouMean(said, names) ?? 'name it as table.column',
    })
  }
  tableNamed(schema, nameOf(found.table), option)
  return found
}
