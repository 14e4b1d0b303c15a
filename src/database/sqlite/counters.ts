import type { DatabaseSync } from 'node:sqlite'
import type { Named } from '../../core/schema/model.ts'
import { stringText } from '../../core/schema/sql/names.ts'
import { quoteName } from '../../core/text.ts'
import type { Counter } from '../end.ts'
import { introspect } from './introspect.ts'

/** The column that is the rowid, which SQLite counts: of a key that is not the rowid there is an index. */
const ROWID = `SELECT c.name FROM pragma_table_info(?1, 'main') AS c JOIN pragma_table_list(?1) AS l ON l.schema = 'main'
  WHERE c.pk = 1 AND l.wr = 0 AND lower(c.type) = 'integer'
    AND NOT EXISTS (SELECT 1 FROM pragma_index_list(?1, 'main') WHERE origin = 'pk')
    AND NOT EXISTS (SELECT 1 FROM pragma_table_info(?1, 'main') WHERE pk > 1)`

/**
 * The last number that each INTEGER PRIMARY KEY has given. Without AUTOINCREMENT it is the largest one: the next is
 * behind it.
 */
export function counters(native: DatabaseSync, tables: readonly Named[]): Counter[] {
  const isKept = native.prepare(`SELECT 1 FROM main.sqlite_schema WHERE name = 'sqlite_sequence'`).get()
  const kept =
    isKept &&
    `UNION ALL SELECT seq FROM main.sqlite_sequence WHERE name = ?1 AND typeof(seq) = 'integer' AND seq > 0`
  return tables.flatMap((table) => {
    const column = native.prepare(ROWID).get(table.name)?.name
    if (column === undefined) return []
    const held = `SELECT max(${quoteName(String(column))}) AS last FROM main.${quoteName(table.name)}`
    const last = native.prepare(`SELECT max(last) AS last FROM (${held} ${kept ?? ''}) WHERE ?1 <> ''`)
    last.setReadBigInts(true)
    const found = last.get(table.name)?.last
    return typeof found === 'bigint' ? [{ table, column: String(column), last: found }] : []
  })
}

/**
 * The SQL that lets AUTOINCREMENT go on behind what was given, and behind what its column holds. Where nothing was
 * given it stays as it is.
 */
export function countersSql(native: DatabaseSync, given: readonly Counter[]): string {
  const counting = new Set(
    introspect(native).tables.flatMap(({ name, columns }) =>
      columns.some(({ identity }) => identity === 'autoincrement') ? [name] : [],
    ),
  )
  return given
    .filter(({ table }) => counting.has(table.name))
    .map(({ table: { name }, column, last }) => {
      const text = stringText(name)
      const held = `SELECT max(${quoteName(column)}) FROM main.${quoteName(name)}`
      return `DELETE FROM main.sqlite_sequence WHERE name = ${text};
INSERT INTO main.sqlite_sequence (name, seq) SELECT ${text}, max(last) FROM (SELECT ${last} AS last UNION ALL ${held}) WHERE last > 0 HAVING count(*) > 0`
    })
    .join(';\n')
}
