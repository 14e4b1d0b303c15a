import type { DatabaseSync } from 'node:sqlite'
import type { Schema, Table } from '../../core/schema/model.ts'
import { sampleRows } from '../../core/schema/rows/rows.ts'
import { quoteName } from '../../core/text.ts'

/** Rows of a table: each value as a literal. */
export interface Rows {
  readonly columns: readonly string[]
  readonly rows: readonly (readonly string[])[]
}

/** What an AUTOINCREMENT has given beyond the rows that are left. */
const GIVEN = 1000

/**
 * Puts rows into tables: NULLs, twins, values at the edges. What has none because of its CHECKs gets some that they
 * would refuse.
 *
 * @param fitting only plain rows, which fit this schema too
 */
export function fillTables(
  native: DatabaseSync,
  schema: Schema,
  tables: ReadonlySet<string>,
  fitting?: Schema,
): void {
  const wanted = ({ name, virtual }: Table) => virtual === undefined && tables.has(name)
  const rows = sampleRows(schema, { wanted, ...(fitting && { fitting }) })
  let next = rows.next()
  while (!next.done) next = rows.next(refusal(native, next.value.sql))
  const empty = next.value.filter((table) => countOf(native, table.name) === 0)
  if (empty.length > 0) {
    native.exec('PRAGMA ignore_check_constraints = ON')
    const again = sampleRows(schema, { wanted: (table) => empty.includes(table) })
    let one = again.next()
    while (!one.done) one = again.next(refusal(native, one.value.sql))
    native.exec('PRAGMA ignore_check_constraints = OFF')
  }
  native.exec('PRAGMA defer_foreign_keys = OFF')
  for (const table of schema.tables.filter(wanted)) tellApart(native, table)
  if (schema.tables.some(({ columns }) => columns.some(({ identity }) => identity !== undefined)))
    native.exec(`UPDATE main.sqlite_sequence SET seq = seq + ${GIVEN}`)
}

/** SQLite's words where it refuses a row. */
function refusal(native: DatabaseSync, sql: string): string | undefined {
  try {
    native.exec(`SAVEPOINT sample;\n${sql};\nRELEASE sample`)
    return undefined
  } catch (error) {
    native.exec('ROLLBACK TO sample; RELEASE sample')
    return (error as Error).message
  }
}

/** Gives columns values of their own where it may: else nobody would see that one holds what another held. */
function tellApart(native: DatabaseSync, { name, columns, primaryKey, foreignKeys }: Table): void {
  const keys = new Set([primaryKey, ...foreignKeys].flatMap((key) => key?.columns ?? []))
  for (const [i, column] of columns.entries()) {
    if (keys.has(column.name) || column.generated !== undefined) continue
    const quoted = quoteName(column.name)
    const own: Partial<Record<typeof column.kind, string>> = {
      text: `${quoted} || ' of ${i}'`,
      integer: `${quoted} / 2 + ${i}`,
      real: `${quoted} / 2 + ${i}`,
      timestamp: `datetime(${quoted}, '-${i} days')`,
    }
    const value = own[column.kind]
    if (value === undefined) continue
    // Where a CHECK or a trigger refuses it, the rows stay as they are.
    refusal(native, `UPDATE OR IGNORE main.${quoteName(name)} SET ${quoted} = ${value}`)
  }
}

export function countOf(native: DatabaseSync, table: string): number {
  return Number(native.prepare(`SELECT count(*) AS n FROM main.${quoteName(table)}`).get()?.n)
}

/** Every row of a table, in its order. */
export function rowsOf(native: DatabaseSync, table: string, columns: readonly string[]): Rows {
  const values = columns.map((column, i) => `quote(${quoteName(column)}) AS c${i}`)
  const rows = native.prepare(`SELECT ${values.join(', ')} FROM main.${quoteName(table)}`).all()
  return { columns, rows: rows.map((row) => columns.map((_, i) => String(row[`c${i}`]))) }
}

/** The last ids that AUTOINCREMENT has given, by table. */
export function countersOf(native: DatabaseSync): Map<string, number> {
  const made = native.prepare(`SELECT 1 FROM main.sqlite_schema WHERE name = 'sqlite_sequence'`).get()
  if (made === undefined) return new Map()
  const rows = native.prepare('SELECT name, CAST(seq AS REAL) AS seq FROM main.sqlite_sequence').all()
  return new Map(rows.map(({ name, seq }) => [String(name), Number(seq)]))
}
