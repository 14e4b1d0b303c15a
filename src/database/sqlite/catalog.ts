import type { DatabaseSync } from 'node:sqlite'
import { isSqliteError } from './errors.ts'

/** What SQLite tells of a schema, in a number of queries that does not grow with it. */
export interface Catalog {
  readonly objects: readonly ObjectRow[]
  /** By name. */
  readonly list: ReadonlyMap<string, ListRow>
  /** Of tables and views, in their order. */
  readonly columns: readonly ColumnRow[]
  /** A row for each part of an index. */
  readonly indexes: readonly IndexRow[]
  /** A row for each column of a foreign key. */
  readonly foreignKeys: readonly ForeignKeyRow[]
}

export interface ObjectRow {
  readonly type: 'table' | 'index' | 'view' | 'trigger'
  readonly name: string
  /** The table that it is of. */
  readonly table: string
  readonly sql: string
}

/** https://sqlite.org/pragma.html#pragma_table_list */
export interface ListRow {
  readonly type: 'table' | 'view' | 'virtual' | 'shadow'
  readonly wr: number
  readonly strict: number
}

export interface ColumnRow {
  readonly table: string
  readonly name: string
  readonly type: string
  readonly required: number
  readonly fallback: string | null
  readonly pk: number
  readonly hidden: number
}

export interface IndexRow {
  readonly table: string
  readonly name: string
  readonly unique: number
  /** It is an index, or of a unique constraint, or of the primary key. */
  readonly origin: 'c' | 'u' | 'pk'
  /** None: an expression. */
  readonly column: string | null
  readonly desc: number
  readonly collation: string
}

export interface ForeignKeyRow {
  readonly table: string
  readonly id: number
  readonly parent: string
  readonly from: string
  readonly to: string | null
  readonly onDelete: string
  readonly onUpdate: string
}

/** Where a file has them; those of SQLite's own have no place in a schema. */
const OBJECTS = `SELECT type, name, tbl_name AS "table", sql FROM main.sqlite_schema
  WHERE name NOT LIKE 'sqlite\\_%' ESCAPE '\\' AND sql IS NOT NULL`

const LIST = `SELECT name, type, wr, strict FROM pragma_table_list WHERE schema = 'main'`

/** What has a place of its own in the file is a table; a virtual one and a view have none. */
const STORED = `t.type = 'table' AND t.rootpage > 0`

const columnsOf = (which: string) =>
  `SELECT t.name AS "table", c.name, c.type, c."notnull" AS required, c.dflt_value AS fallback, c.pk, c.hidden
   FROM main.sqlite_schema AS t, pragma_table_xinfo(t.name, 'main') AS c WHERE ${which} ORDER BY t.rowid, c.cid`

const INDEXES = `SELECT t.name AS "table", i.name, i."unique", i.origin, p.name AS "column", p.desc, p.coll AS collation
  FROM main.sqlite_schema AS t, pragma_index_list(t.name, 'main') AS i, pragma_index_xinfo(i.name, 'main') AS p
  WHERE ${STORED} AND p.key ORDER BY t.rowid, i.seq, p.seqno`

const FOREIGN_KEYS = `SELECT t.name AS "table", k.id, k."table" AS parent, k."from", k."to", k.on_delete AS "onDelete", k.on_update AS "onUpdate"
  FROM main.sqlite_schema AS t, pragma_foreign_key_list(t.name, 'main') AS k WHERE ${STORED} ORDER BY t.rowid, k.id, k.seq`

/** Reads it as it is at one moment. */
export function readCatalog(native: DatabaseSync): Catalog {
  const ours = !native.isTransaction
  if (ours) native.exec('BEGIN')
  try {
    const rows = <T>(sql: string) => native.prepare(sql).all() as T[]
    const list = rows<ListRow & { name: string }>(LIST)
    return {
      objects: rows<ObjectRow>(OBJECTS),
      list: new Map(list.map((row) => [row.name, row])),
      columns: [...rows<ColumnRow>(columnsOf(STORED)), ...unstored(native)],
      indexes: rows<IndexRow>(INDEXES),
      foreignKeys: rows<ForeignKeyRow>(FOREIGN_KEYS),
    }
  } finally {
    if (ours) native.exec('COMMIT')
  }
}

/**
 * The columns of views and virtual tables. One that refers to what is gone, or whose module or function only the
 * application has, has none that could be told: then each is asked for by itself.
 */
function unstored(native: DatabaseSync): ColumnRow[] {
  const which = `(t.type = 'view' OR t.type = 'table' AND t.rootpage = 0)`
  const rows = (more: string, ...names: string[]) =>
    native.prepare(columnsOf(which + more)).all(...names) as unknown as ColumnRow[]
  try {
    return rows('')
  } catch (error) {
    if (!isSqliteError(error)) throw error
    const all = native.prepare(`SELECT name FROM main.sqlite_schema AS t WHERE ${which}`).all()
    return all.flatMap(({ name }) => {
      try {
        return rows(' AND t.name = ?', String(name))
      } catch (one) {
        if (isSqliteError(one)) return []
        throw one
      }
    })
  }
}
