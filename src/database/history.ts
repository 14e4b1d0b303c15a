import { MigrateError } from '../core/errors.ts'
import type { Dialect } from '../core/migrations.ts'
import type { Applied } from '../core/plan.ts'
import type { Script } from '../core/script.ts'
import type { Sql } from '../core/sql-error.ts'
import type { Database } from './database.ts'
import { type Holder, STATE, STATE_TABLE, stateWriter } from './state.ts'

export const TABLE = 'schema_migrations'

/** The guide's three columns; ours follow, so that a row written by hand stays valid. */
const COLUMNS: Record<Dialect, Record<string, string>> = {
  sqlite: {
    id: 'INTEGER PRIMARY KEY AUTOINCREMENT',
    version: 'TEXT NOT NULL UNIQUE',
    applied_at: `TEXT NOT NULL DEFAULT (datetime('now'))`,
    checksum: 'TEXT',
    file_stamp: 'TEXT',
    down_script: 'TEXT',
  },
  postgres: {
    id: 'BIGSERIAL PRIMARY KEY',
    version: 'TEXT NOT NULL UNIQUE',
    applied_at: 'TIMESTAMPTZ NOT NULL DEFAULT now()',
    checksum: 'TEXT',
    file_stamp: 'TEXT',
    down_script: 'TEXT',
  },
}

/** The present moment, finer than the guide's seconds: the order by `applied_at` is the order in which it happened. */
const NOW: Record<Dialect, string> = {
  sqlite: `strftime('%Y-%m-%d %H:%M:%f', 'now')`,
  postgres: 'clock_timestamp()',
}

/** How `applied_at` is read as ISO 8601 in UTC. */
const APPLIED_AT: Record<Dialect, string> = {
  sqlite: `replace(rtrim(applied_at, 'Z'), ' ', 'T') || 'Z'`,
  postgres: `to_char(applied_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')`,
}

/** Tools that keep a table of the same name, and how their columns tell them. */
const FOREIGN: readonly { tool: string; columns: readonly string[]; table?: string }[] = [
  { tool: 'golang-migrate', columns: ['version', 'dirty'] },
  { tool: 'Rails', columns: ['version'], table: 'ar_internal_metadata' },
  { tool: 'dbmate', columns: ['version'] },
]

/**
 * The history, in the order in which it was applied.
 *
 * @throws FOREIGN_HISTORY if the table is another tool's
 */
export async function readHistory(database: Database): Promise<Applied[]> {
  const table = await database.qualify(TABLE)
  const select = (checksum: string, stamp: string) =>
    database.query<Applied>(
      `SELECT version AS id, ${APPLIED_AT[database.dialect]} AS "appliedAt", ${checksum} AS checksum, ${stamp} AS stamp
       FROM ${table} AS history ORDER BY history.id`,
    )
  // Nearly always the table is there and ours: its columns are looked at only if that query fails. By then another
  // process may have made it.
  return select('checksum', 'file_stamp').catch(async () => {
    const columns = await ourColumns(database)
    if (columns === undefined) return []
    const [checksum = '', stamp = ''] = ['checksum', 'file_stamp'].map((name) =>
      columns.has(name) ? name : 'NULL',
    )
    return select(checksum, stamp)
  })
}

/**
 * Makes the history's table and the one beside it, or adds to the guide's what it lacks, and says who is here.
 *
 * @throws FOREIGN_HISTORY
 */
export async function prepareHistory(database: Database, holder: Holder): Promise<void> {
  const columns = await ourColumns(database)
  const wanted = Object.entries(COLUMNS[database.dialect])
  const table = await database.qualify(TABLE)
  const history =
    columns === undefined
      ? [`CREATE TABLE ${table} (${wanted.map((column) => column.join(' ')).join(', ')})`]
      : wanted
          .filter(([name]) => !columns.has(name))
          .map((column) => `ALTER TABLE ${table} ADD COLUMN ${column.join(' ')}`)
  const state = `CREATE TABLE IF NOT EXISTS ${await database.qualify(STATE)} ${STATE_TABLE}`
  const write = await stateWriter(database)
  await database.transaction((run) =>
    run({ file: TABLE, text: [...history, state, write('holder', holder).text].join(';\n'), own: true }),
  )
}

/** The SQL that records a migration as applied, with its down script, so that an older release can roll it back. */
export async function recordSql(
  database: Database,
  migration: { readonly id: string; readonly script: Script; readonly down?: Script | undefined },
): Promise<Sql> {
  const { checksum, stamp } = migration.script
  const values = [migration.id, checksum, stamp, migration.down?.text]
  const quoted = values.map((value) => (value === undefined ? 'NULL' : database.quote(value)))
  const literals = [...quoted, NOW[database.dialect]].join(', ')
  const table = await database.qualify(TABLE)
  const text = `INSERT INTO ${table} (version, checksum, file_stamp, down_script, applied_at) VALUES (${literals})`
  return { file: TABLE, text, own: true }
}

/** The SQL that takes a migration out of the history. */
export async function eraseSql(database: Database, id: string): Promise<Sql> {
  const text = `DELETE FROM ${await database.qualify(TABLE)} WHERE version = ${database.quote(id)}`
  return { file: TABLE, text, own: true }
}

/** The down script that was kept when the migration was applied. */
export async function keptDown(database: Database, id: string): Promise<string | undefined> {
  const columns = await ourColumns(database)
  if (!columns?.has('down_script')) return undefined
  const table = await database.qualify(TABLE)
  const [row] = await database.query(`SELECT down_script FROM ${table} WHERE version = ${database.quote(id)}`)
  return typeof row?.down_script === 'string' ? row.down_script : undefined
}

/** The columns of the history's table; undefined if there is none. */
async function ourColumns(database: Database): Promise<Map<string, string> | undefined> {
  const columns = await database.columns(TABLE)
  if (columns.size === 0) return undefined
  if (['id', 'version', 'applied_at'].every((name) => columns.has(name))) return columns
  throw await foreignHistory(database, [...columns.keys()])
}

async function foreignHistory(database: Database, columns: string[]): Promise<MigrateError> {
  let owner = 'a tool that is not known here'
  for (const { tool, columns: theirs, table } of FOREIGN) {
    const same = theirs.length === columns.length && theirs.every((name) => columns.includes(name))
    if (same && (table === undefined || (await database.columns(table)).size > 0)) {
      owner = tool
      break
    }
  }
  return new MigrateError(
    'FOREIGN_HISTORY',
    `${database.name}: the table ${TABLE} is the history of ${owner}`,
    {
      hint: 'it stays untouched; "nexflow-migrate adopt" takes such a history over',
    },
  )
}
