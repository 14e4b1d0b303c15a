import type { DatabaseSync } from 'node:sqlite'
import { quoteName } from '../../core/text.ts'

/**
 * What DROP TABLE does to all but the rows: they stay, under another name. What refers to the table goes on to
 * refer to its name, as after a drop (https://sqlite.org/pragma.html#pragma_legacy_alter_table).
 */
export function park(database: DatabaseSync, table: string, target: string): void {
  const things = database
    .prepare(
      `SELECT type, name FROM sqlite_schema WHERE tbl_name = ? AND type IN ('index', 'trigger') AND sql IS NOT NULL`,
    )
    .all(table)
  for (const { type, name } of things) database.exec(`DROP ${type} main.${quoteName(String(name))}`)
  const legacy = database.prepare('PRAGMA legacy_alter_table').get()?.legacy_alter_table
  database.exec('PRAGMA legacy_alter_table = ON')
  try {
    database.exec(`ALTER TABLE main.${quoteName(table)} RENAME TO ${quoteName(target)}`)
  } finally {
    database.exec(`PRAGMA legacy_alter_table = ${legacy}`)
  }
}
