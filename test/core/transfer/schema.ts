import { DatabaseSync } from 'node:sqlite'
import { nameOf, type Schema } from '../../../src/core/schema/model.ts'
import { type Form, formOf, longestOf } from '../../../src/core/transfer/form.ts'
import type { Moved } from '../../../src/core/transfer/moved.ts'
import { tablesOf } from '../../../src/core/transfer/named.ts'
import { introspect } from '../../../src/database/sqlite/introspect.ts'

/** The schema that a script makes in SQLite. */
export function schemaOf(sql: string): Schema {
  const native = new DatabaseSync(':memory:')
  try {
    native.exec(sql)
    return introspect(native)
  } finally {
    native.close()
  }
}

/**
 * Everything of a schema, moved to where it is called the same.
 *
 * @param form of SQLite's columns, all of them
 */
export function movedOf(schema: Schema, form?: Form): Moved[] {
  return tablesOf(schema).map((table) => ({
    from: table,
    to: table,
    key: table.primaryKey?.columns ?? [],
    columns: table.columns
      .filter(({ generated }) => generated === undefined)
      .map((column) => {
        const longest = longestOf(column, schema)
        return {
          from: column,
          to: column,
          form: form ?? formOf(column, schema),
          ...(longest !== undefined && { longest }),
        }
      }),
  }))
}

/** What stands in the place of columns, by `table.column`. */
export function valuesOf(moved: readonly Moved[]): Record<string, string> {
  return Object.fromEntries(
    moved.flatMap(({ from, columns }) =>
      columns.flatMap((column) =>
        column.value === undefined ? [] : [[`${nameOf(from)}.${column.from.name}`, column.value]],
      ),
    ),
  )
}
