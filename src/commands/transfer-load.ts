import { rmSync } from 'node:fs'
import { MigrateError } from '../core/errors.ts'
import { type Column, nameOf, type Schema, type Table } from '../core/schema/model.ts'
import { quoteName, shortest } from '../core/text.ts'
import type { Entry, Problem } from '../core/transfer/aside.ts'
import { fits, precisionOf } from '../core/transfer/bad.ts'
import { longestOf, typeBelow } from '../core/transfer/form.ts'
import { type Database, withDatabase } from '../database/database.ts'
import { readNotes, refuseUnused } from '../database/state.ts'
import type { Target } from '../database/target.ts'
import { entryOf, linesOf, rewrite } from './transfer-aside.ts'
import { refusedOf } from './transfer-refused.ts'

export interface TransferLoadOptions {
  /** The file of rows that were set aside. */
  readonly file: string
  readonly to: Target
  readonly signal?: AbortSignal
}

export interface TransferLoadResult {
  /** Rows that were inserted. */
  readonly loaded: number
  /** Rows that were in the target already, equal in every column. */
  readonly there: number
  /** Rows that stay in the file, each with what is wrong with it now. */
  readonly left: readonly Pick<Entry, 'table' | 'key' | 'problems'>[]
}

/**
 * Inserts the rows of a file that were set aside and have been mended. Those that the target does not take stay in the
 * file, with the reasons; the others are removed from it, and the file with the last. Done twice it changes nothing.
 *
 * @throws INCOMPLETE, MOVED, BAD_ROWS if a line is no row, ABORTED, and the errors of the connection
 */
export async function load({ file, to, signal }: TransferLoadOptions): Promise<TransferLoadResult> {
  return withDatabase(to, {}, async (database) => {
    refuseUnused(database, await readNotes(database))
    const schema = await database.introspect()
    const refused = await refusedOf(database)
    const tables = new Map(schema.tables.map((table) => [nameOf(table), table]))
    const counts = { loaded: 0, there: 0 }
    const left = new Map<number, readonly Problem[]>()
    const insertAll = async (isTried: (line: number) => boolean) => {
      const before = left.size
      for (const [line, entry] of entriesOf(file)) {
        if (!isTried(line)) continue
        signal?.throwIfAborted()
        const table = tables.get(entry.table)
        const outcome =
          table === undefined
            ? [{ reason: `there is no table ${entry.table}` }]
            : await insert(database, refused, table, schema, entry)
        if (typeof outcome === 'string') {
          left.delete(line)
          counts[outcome]++
        } else left.set(line, outcome)
      }
      return before - left.size
    }
    await begin(database)
    try {
      await insertAll(() => true)
      // What refers to a row that stood behind it in the file.
      while (left.size > 0 && (await insertAll((line) => left.has(line))) > 0);
      await database.query('COMMIT')
    } catch (error) {
      await database.query('ROLLBACK').catch(() => {})
      throw error
    }
    return { ...counts, left: keep(file, left) }
  })
}

function* entriesOf(file: string): Iterable<[line: number, entry: Entry]> {
  let line = 0
  try {
    for (const { text } of linesOf(file)) yield [line++, entryOf(text, file)]
  } catch (cause) {
    if (cause instanceof MigrateError || !(cause instanceof Error) || !('syscall' in cause)) throw cause
    throw new MigrateError('USAGE', `cannot read ${shortest(file)}: ${cause.message}`, {
      hint: 'name the file that "transfer --bad rows-to" has written',
      cause,
    })
  }
}

async function begin({ dialect, query }: Database): Promise<void> {
  if (dialect === 'sqlite') {
    await query('BEGIN IMMEDIATE')
    return
  }
  await query('BEGIN')
  // What SQLite writes without a zone is in UTC.
  await query(`SET LOCAL TimeZone = 'UTC'`)
  await query('SET CONSTRAINTS ALL IMMEDIATE')
}

/** Leaves in the file what was not loaded. */
function keep(file: string, left: ReadonlyMap<number, readonly Problem[]>): TransferLoadResult['left'] {
  const kept: Entry[] = []
  const lines = function* () {
    for (const [line, entry] of entriesOf(file)) {
      const problems = left.get(line)
      if (problems === undefined) continue
      const now = { ...entry, problems }
      kept.push(now)
      yield JSON.stringify(now)
    }
  }
  rewrite(file, lines)
  if (left.size === 0) rmSync(file)
  return kept.map(({ table, key, problems }) => ({ table, key, problems }))
}

async function insert(
  database: Database,
  refused: Awaited<ReturnType<typeof refusedOf>>,
  table: Table,
  schema: Schema,
  { row }: Entry,
): Promise<'loaded' | 'there' | Problem[]> {
  const fields = Object.entries(row).map(([name, value]) => {
    const column = table.columns.find((one) => one.name === name)
    const reason = column === undefined ? 'there is no such column' : trouble(column, value, schema)
    return { name, column, value, reason }
  })
  const problems = fields.flatMap(({ name, reason }) =>
    reason === undefined ? [] : [{ column: name, reason }],
  )
  if (problems.length > 0) return problems
  const name = await tableSql(database, table)
  const columns = fields.map((field) => quoteName(field.name))
  const values = fields.map(({ value }) => literal(database, value))
  const overriding = database.dialect === 'postgres' ? ' OVERRIDING SYSTEM VALUE' : ''
  await database.query('SAVEPOINT nexflow_row')
  try {
    await database.query(
      `INSERT INTO ${name} (${columns.join(', ')})${overriding} VALUES (${values.join(', ')})`,
    )
    await database.query('RELEASE SAVEPOINT nexflow_row')
    return 'loaded'
  } catch (error) {
    if (!(error instanceof MigrateError) || !refused.isRefusal(error.cause)) throw error
    await database.query('ROLLBACK TO SAVEPOINT nexflow_row')
    const same = fields.map(({ column, value }, i) =>
      database.dialect === 'postgres'
        ? `${columns[i]}::text IS NOT DISTINCT FROM (${literal(database, value)}::${column?.type})::text`
        : `${columns[i]} IS ${literal(database, value)}`,
    )
    if (refused.isTaken(error.cause)) {
      const found = await database.query(`SELECT 1 AS there FROM ${name} WHERE ${same.join(' AND ')}`)
      if (found.length > 0) return 'there'
    }
    return [{ reason: wordsOf(error) }]
  }
}

async function tableSql(database: Database, { schema, name }: Table): Promise<string> {
  if (database.dialect === 'sqlite') return `main.${quoteName(name)}`
  return schema === '' ? quoteName(name) : `${quoteName(schema)}.${quoteName(name)}`
}

/** A value of the file, of which the target's column makes its own. */
function literal({ dialect, quote }: Database, value: unknown): string {
  if (value === null) return 'NULL'
  const hex = hexOf(value)
  if (hex !== undefined) return dialect === 'sqlite' ? `x'${hex}'` : `'\\x${hex}'`
  if (typeof value === 'string') return quote(value)
  if (typeof value === 'object') return quote(JSON.stringify(value))
  if (dialect === 'postgres') return quote(String(value))
  return String(typeof value === 'boolean' ? Number(value) : value)
}

function hexOf(value: unknown): string | undefined {
  if (typeof value !== 'object' || value === null || !('hex' in value)) return undefined
  const { hex } = value
  const isHex = typeof hex === 'string' && /^([\da-f]{2})*$/i.test(hex)
  return isHex && Object.keys(value).length === 1 ? hex : undefined
}

/** What PostgreSQL would take and make something else of. */
function trouble(column: Column, value: unknown, schema: Schema): string | undefined {
  if (schema.dialect === 'sqlite' || value === null) return undefined
  const hex = hexOf(value)
  if (column.kind === 'blob') return hex === undefined ? 'is no {"hex":"…"}' : undefined
  if (hex !== undefined) return column.kind === 'json' ? undefined : 'is bytes, and must be a text'
  const words = typeof value === 'object' ? JSON.stringify(value) : String(value)
  const type = typeBelow(column, schema)
  const [precision, scale] = precisionOf(type)
  switch (column.kind) {
    case 'boolean':
      return /^(true|false|0|1)$/.test(words) ? undefined : 'is no boolean: true or false'
    case 'date':
    case 'timestamp':
    case 'timestamptz': {
      const [, fraction = ''] = /\.(\d+)/.exec(words) ?? []
      if (!/^\d{4}-\d\d-\d\d/.test(words)) return 'is no moment: YYYY-MM-DD HH:MM:SS'
      return fraction.length > (precision ?? 6) ? `has a finer fraction than ${type}` : undefined
    }
    case 'numeric': {
      const found = fits(words, precision, scale)
      return found === 'rounded' ? `would be rounded in ${type}` : undefined
    }
    default: {
      const longest = longestOf(column, schema)
      return longest !== undefined && [...words].length > longest
        ? `has more than ${longest} characters`
        : undefined
    }
  }
}

function wordsOf({ cause, message }: MigrateError): string {
  if (!(cause instanceof Error)) return message
  const { detail } = cause as Error & { detail?: string }
  return detail === undefined || detail.startsWith('Failing row')
    ? cause.message
    : `${cause.message}: ${detail}`
}
