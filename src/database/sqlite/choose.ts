import type { DatabaseSync } from 'node:sqlite'
import { MigrateError } from '../../core/errors.ts'
import type { Table } from '../../core/schema/model.ts'
import { quoteName } from '../../core/text.ts'
import type { Selection } from '../../core/transfer/select.ts'
import { type Chooser, chooseWith, type IdPart } from '../choose.ts'
import { fromSqlite } from './errors.ts'
import { rowidOf } from './send.ts'

/**
 * A chunk of rows is looked for among all ids from the first, which for many of them is slower than to read the whole
 * table once: the plus keeps SQLite from it.
 */
const MANY = 30_000

/**
 * Chooses rows inside the transaction that is open, as `chooseWith` says.
 *
 * @throws USAGE, BUSY, DATABASE
 */
export function choose(native: DatabaseSync, selection: Selection): Promise<Map<string, string>> {
  const chooser: Chooser = {
    temporary: 'temp',
    run: async (sql) => {
      try {
        return Number(native.prepare(sql).run().changes)
      } catch (error) {
        throw fromSqlite(error, native.location() ?? ':memory:') ?? error
      }
    },
    from: ({ name }) => `main.${quoteName(name)}`,
    idOf: (table) => idOf(native, table),
    // The plus takes the column's affinity away: then the other's is applied to its value, as the foreign key does it
    // (sqlite.org/foreignkeys.html, 3), and the other's index is of use.
    comparedWith: (_parent, sql) => `+${sql}`,
    soughtAmong: (sql, ids) => (ids > MANY ? `+${sql}` : sql),
  }
  return chooseWith(chooser, selection)
}

function idOf(native: DatabaseSync, table: Table): readonly IdPart[] {
  const rowid = rowidOf({ from: table }, native)
  if (rowid !== undefined) return [{ name: rowid, type: 'INTEGER' }]
  const { primaryKey, columns, name } = table
  const key = primaryKey?.columns.map((one) => columns.find((column) => column.name === one)) ?? []
  // Several rows may have NULL for a key, if it is not that of a table WITHOUT ROWID.
  if (key.length > 0 && (table.withoutRowid === true || key.every((column) => column?.nullable === false))) {
    return (primaryKey?.columns ?? []).map((column) => {
      const collation = primaryKey?.collations?.[column]
      return { name: quoteName(column), type: '', ...(collation !== undefined && { collation }) }
    })
  }
  throw new MigrateError('USAGE', `nothing tells the rows of ${name} apart, so some cannot be chosen`, {
    hint: `take ${name} whole, or leave it out with --exclude`,
  })
}
