import type { DatabaseSync } from 'node:sqlite'
import type { Shape } from '../stash.ts'

/** A table as it is now; undefined if it is not there. */
export function shapeOf(native: DatabaseSync, table: string): Shape | undefined {
  const rows = (sql: string, ...values: string[]) => native.prepare(sql).all(table, ...values)
  // hidden: 2 and 3 are generated columns, 1 those of a virtual table: https://sqlite.org/pragma.html#pragma_table_xinfo
  const columns = rows(
    'SELECT name, type, dflt_value AS fallback, "notnull" AS required, pk, hidden FROM pragma_table_xinfo(?)',
  ).filter(({ hidden }) => hidden !== 1)
  if (columns.length === 0) return undefined
  const virtual =
    rows(`SELECT 1 FROM pragma_table_list(?) WHERE schema = 'main' AND type = 'virtual'`).length > 0
  // Of a search index it is what tells whose words they are.
  if (virtual) columns.unshift({ name: 'rowid', type: '', fallback: null, required: 0, pk: 0, hidden: 0 })
  const primary = columns
    .filter(({ pk }) => Number(pk) > 0)
    .sort((a, b) => Number(a.pk) - Number(b.pk))
    .map(({ name }) => String(name))
  // A primary key that is no INTEGER may hold NULL, and more than once.
  const required = new Set(columns.filter(({ required }) => required === 1).map(({ name }) => String(name)))
  const isRowid =
    primary.length === 1 && columns.some(({ pk, type }) => pk === 1 && /^integer$/i.test(String(type)))
  const unique = rows(
    `SELECT list.name, group_concat(info.name, char(0)) AS columns FROM pragma_index_list(?) AS list, pragma_index_info(list.name) AS info
     WHERE list."unique" AND NOT list.partial GROUP BY list.name HAVING count(info.name) = count(*) ORDER BY list.seq`,
  ).map((row) => String(row.columns).split('\0'))
  const keys = [primary, ...unique].filter(
    (key) => key.length > 0 && (key.every((name) => required.has(name)) || (isRowid && key === primary)),
  )
  const foreign = rows(
    `SELECT id, "table" AS parent, "from", coalesce("to", '') AS target, on_delete FROM pragma_foreign_key_list(?) ORDER BY id, seq`,
  )
  return {
    virtual,
    columns: columns.map(({ name, type, fallback, hidden }) => ({
      name: String(name),
      type: String(type),
      portable: true,
      assignable: true,
      generated: Number(hidden) > 1,
      fallback: fallback !== null,
    })),
    keys,
    foreignKeys: [...Map.groupBy(foreign, ({ id }) => id).values()].map((parts) => {
      const parent = String(parts[0]?.parent)
      const named = parts.map(({ target }) => String(target)).filter((name) => name !== '')
      return {
        columns: parts.map((part) => String(part.from)),
        schema: 'main',
        table: parent,
        // Without names it means the primary key.
        parents: named.length > 0 ? named : primaryKey(native, parent),
        setsNull: parts[0]?.on_delete === 'SET NULL',
      }
    }),
    triggers: rows(
      `SELECT name, sql FROM sqlite_schema WHERE type = 'trigger' AND lower(tbl_name) = lower(?)`,
    ).map(({ name, sql }) => ({
      stop: `DROP TRIGGER main."${String(name).replaceAll('"', '""')}"`,
      start: String(sql),
    })),
    counters: counterOf(native, table),
  }
}

function primaryKey(native: DatabaseSync, table: string): string[] {
  const rows = native.prepare('SELECT name FROM pragma_table_info(?) WHERE pk > 0 ORDER BY pk').all(table)
  return rows.map(({ name }) => String(name))
}

/** What AUTOINCREMENT has given last. */
function counterOf(native: DatabaseSync, table: string): Shape['counters'] {
  const exists = native.prepare(`SELECT 1 FROM sqlite_schema WHERE name = 'sqlite_sequence'`).get()
  if (exists === undefined) return []
  const row = native.prepare('SELECT seq FROM main.sqlite_sequence WHERE name = ?').get(table)
  return row === undefined ? [] : [{ column: '', sequence: table, last: Number(row.seq) }]
}
