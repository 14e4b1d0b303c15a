import { MigrateError } from '../errors.ts'
import type { Dialect } from '../migrations.ts'
import { nameOf, type Schema } from '../schema/model.ts'
import { pathText } from '../schema/sql/names.ts'
import type { Moved, MovedColumn } from './moved.ts'
import { columnNamed } from './named.ts'
import type { Selection } from './select.ts'

/** SQL of somebody's that is tried before it is relied on. */
export interface Trial {
  /** Where it was said, such as `--map users.active`. */
  readonly what: string
  /** A query that gives no row. */
  readonly sql: string
}

/**
 * The tables with SQL expressions in the place of columns.
 *
 * @param moved with their masks
 * @param source the source's schema
 * @param maps expressions in the source's SQL, by `table.column`; of a table that is not moved they mean nothing
 * @throws USAGE
 */
export function withMaps(
  moved: readonly Moved[],
  source: Schema,
  maps: Readonly<Record<string, string>>,
): readonly Moved[] {
  return Object.entries(maps).reduce<readonly Moved[]>((all, [name, expression]) => {
    if (expression.trim() === '') {
      throw new MigrateError('USAGE', `--map: ${name} has no expression`, {
        hint: `write one in SQL: ${name}="…"`,
      })
    }
    return withValue(all, source, name, '--map', (column) => {
      // What ends with a comment must not swallow what stands behind it.
      if (column.value === undefined) return `(${expression}\n)`
      throw new MigrateError('USAGE', `${name} is masked and mapped`, { hint: 'take one of the two away' })
    })
  }, moved)
}

/**
 * The tables with SQL in the place of one column.
 *
 * @param option what named the column, such as `--mask`
 * @throws USAGE, what `sqlOf` throws
 */
export function withValue(
  moved: readonly Moved[],
  source: Schema,
  name: string,
  option: string,
  sqlOf: (column: MovedColumn) => string,
): readonly Moved[] {
  const { table, column } = columnNamed(source, name, option)
  if (column.generated !== undefined) {
    throw new MigrateError('USAGE', `${option}: ${name} is computed from other columns`, {
      hint: 'name the columns that it is computed from',
    })
  }
  return moved.map((one) => {
    if (nameOf(one.from) !== nameOf(table)) return one
    const columns = one.columns.map((each) =>
      each.from.name === column.name ? { ...each, value: sqlOf(each) } : each,
    )
    return { ...one, columns }
  })
}

/**
 * Queries that tell whether the SQL of `--where` and `--map` can be run. A condition is what an expression is put
 * into: it may contain no aggregate, and neither may what is moved row by row.
 *
 * @param maps what `withMaps` has taken
 */
export function trialsOf(
  moved: readonly Moved[],
  source: Schema,
  { choices }: Selection,
  maps: Readonly<Record<string, string>>,
): Trial[] {
  const wheres = choices.flatMap(({ table, where }) =>
    where === undefined
      ? []
      : [{ what: `--where ${nameOf(table)}`, sql: trialSql(source.dialect, table, where) }],
  )
  const names = new Set(moved.map(({ from }) => nameOf(from)))
  const mapped = Object.entries(maps).flatMap(([name, expression]) => {
    const { table } = columnNamed(source, name, '--map')
    const sql = trialSql(source.dialect, table, expression, ' IS NULL')
    return names.has(nameOf(table)) ? [{ what: `--map ${name}`, sql }] : []
  })
  return [...wheres, ...mapped]
}

function trialSql(dialect: Dialect, table: Moved['from'], expression: string, test = ''): string {
  return `SELECT 1 FROM ${pathText(dialect, table)} WHERE (${expression}\n)${test} LIMIT 0`
}
