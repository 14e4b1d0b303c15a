import { MigrateError } from '../core/errors.ts'
import { nameOf, type Schema, type Table } from '../core/schema/model.ts'
import type { Rows, Snapshot } from '../core/schema/rows/row-changes.ts'
import { type RowOptions, sampleRows } from '../core/schema/rows/rows.ts'
import { quoteName } from '../core/text.ts'
import type { Database } from '../database/database.ts'

/** Tables that are read with one query. SQLite takes 500. */
const AT_ONCE = 100

/** What no other form of a row would help against. */
const FATAL = ['CONNECTION', 'ABORTED', 'LOCK_LOST']

/**
 * Puts rows into the tables of a database that fit its schema.
 *
 * @returns the tables that took none of them
 */
export async function fill(
  database: Database,
  schema: Schema,
  options: RowOptions = {},
): Promise<readonly Table[]> {
  const rows = sampleRows(schema, options)
  let next = rows.next()
  while (!next.done) next = rows.next(await refusal(database, next.value.sql))
  return next.value
}

/** The database's words where it refuses a row. */
async function refusal(database: Database, text: string): Promise<string | undefined> {
  try {
    await database.transaction((run) => run({ file: 'rows', text, own: true }))
    return undefined
  } catch (error) {
    if (!(error instanceof MigrateError) || FATAL.includes(error.code)) throw error
    return error.message
  }
}

/** Reads every row of every table: as text, as each database writes its values most exactly. */
export async function readRows(database: Database, { dialect, tables }: Schema): Promise<Snapshot> {
  // Rows of partitions are in their whole.
  const wanted = tables.filter((table) => table.partitionOf === undefined)
  const snapshot = new Map<string, Rows & { rows: (string | null)[][] }>()
  for (const table of wanted) {
    const { primaryKey, columns } = table
    snapshot.set(nameOf(table), {
      columns: columns.map(({ name }) => name),
      ...(primaryKey && { key: primaryKey.columns }),
      rows: [],
    })
  }
  for (let start = 0; start < wanted.length; start += AT_ONCE) {
    const part = wanted.slice(start, start + AT_ONCE)
    const select = dialect === 'sqlite' ? selectSqlite : selectPostgres
    const found = await database.query<{ n: number; row: string }>(part.map(select).join(' UNION ALL '))
    for (const { n, row } of found) {
      const table = part[n]
      const values = JSON.parse(row) as (string | null)[]
      if (table !== undefined) snapshot.get(nameOf(table))?.rows.push(values)
    }
  }
  return snapshot
}

function from({ schema, name }: Table): string {
  return schema === '' ? quoteName(name) : `${quoteName(schema)}.${quoteName(name)}`
}

function selectPostgres(table: Table, n: number): string {
  const values = table.columns.map(({ name }) => `${quoteName(name)}::text`)
  return `SELECT ${n} AS n, array_to_json(ARRAY[${values.join(', ')}]::text[])::text AS row FROM ${from(table)}`
}

/** As literals, which tell 1 from 1.0 and '1', in a list of JSON. */
function selectSqlite(table: Table, n: number): string {
  const values = table.columns.map(({ name }) => `json_quote(nullif(quote(${quoteName(name)}), 'NULL'))`)
  return `SELECT ${n} AS n, '[' || ${values.join(` || ',' || `) || "''"} || ']' AS row FROM ${from(table)}`
}
