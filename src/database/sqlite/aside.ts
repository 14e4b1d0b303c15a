import type { DatabaseSync } from 'node:sqlite'
import type { Named } from '../../core/schema/model.ts'
import { quoteName } from '../../core/text.ts'
import type { Aside } from '../end.ts'

/**
 * What of the tables is set aside while they are filled: triggers, and of large tables the indexes that no constraint
 * has made. Foreign keys are none of a table's own here: PRAGMA foreign_keys says whether they hold.
 */
export function setAside(
  native: DatabaseSync,
  tables: readonly Named[],
  large: (table: Named) => boolean,
): Aside[] {
  // In the order in which they were made: triggers of one event fire by it.
  const parts = native.prepare(
    `SELECT type, name, sql FROM main.sqlite_schema
     WHERE tbl_name = ? AND type IN ('index', 'trigger') AND sql IS NOT NULL ORDER BY rowid`,
  )
  return tables.flatMap((table) =>
    parts
      .all(table.name)
      .map(({ type, name, sql }) => ({
        table,
        kind: type === 'index' ? ('index' as const) : ('trigger' as const),
        name: String(name),
        drop: `DROP ${type === 'index' ? 'INDEX' : 'TRIGGER'} main.${quoteName(String(name))}`,
        build: String(sql),
      }))
      .filter(({ kind }) => kind === 'trigger' || large(table)),
  )
}
