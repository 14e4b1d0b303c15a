import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { ClientBase, DatabaseError } from 'pg'
import pg from 'pg'
import { from as copyFrom } from 'pg-copy-streams'
import type { Dialect } from '../../core/migrations.ts'
import type { OneRow, Refusal } from '../../core/transfer/aside.ts'
import { otherwise } from '../../core/transfer/bad.ts'
import type { Moved } from '../../core/transfer/moved.ts'
import { framed, isStaged, makeStage, quoteTable, STAGE, writtenOtherwise } from './receive.ts'
import { isRefusal } from './refused.ts'

/** What becomes of rows that are not taken. */
export interface Refusals {
  /** Told of each row that is left out; without a refusal its bytes could not be made. */
  refused(id: string, refusal?: Refusal): Promise<void>
  /** Before the rest is committed: what was told must last. */
  settled(): Promise<void>
}

/**
 * Empties a table, fills it with the rows that it takes, and commits that together with `note`: all or nothing.
 *
 * @param note SQL
 * @returns how many rows it holds now
 */
export async function receiveCarefully(
  client: ClientBase,
  moved: Moved,
  from: Dialect,
  chunks: AsyncIterable<readonly OneRow[]>,
  note: string,
  refusals: Refusals,
): Promise<number> {
  await client.query('BEGIN')
  try {
    await client.query(`TRUNCATE ${quoteTable(moved.to)}`)
    const copy = await copier(client, moved, from)
    let count = 0
    for await (const chunk of chunks) {
      for (const { id } of chunk.filter(({ bytes }) => bytes === null)) await refusals.refused(id)
      count += await put(
        client,
        copy,
        moved.columns,
        chunk.filter(({ bytes }) => bytes !== null),
        refusals,
      )
    }
    await refusals.settled()
    if (note !== '') await client.query(note)
    await client.query('COMMIT')
    return count
  } catch (error) {
    await client.query('ROLLBACK').catch(() => {})
    throw error
  }
}

type Copy = (rows: readonly OneRow[]) => Promise<void>

/** Writes rows, and leaves out those that the server refuses: it says which, or they are halved until one is left. */
async function put(
  client: ClientBase,
  copy: Copy,
  columns: Moved['columns'],
  rows: readonly OneRow[],
  refusals: Refusals,
): Promise<number> {
  if (rows.length === 0) return 0
  const error = await attempt(client, () => copy(rows))
  if (error === undefined) return rows.length
  const at = rows.length === 1 ? 0 : lineOf(error)
  const bad = at === undefined ? undefined : rows[at]
  if (at === undefined || bad === undefined) {
    const half = rows.length >> 1
    const first = await put(client, copy, columns, rows.slice(0, half), refusals)
    return first + (await put(client, copy, columns, rows.slice(half), refusals))
  }
  const before = await put(client, copy, columns, rows.slice(0, at), refusals)
  await refusals.refused(bad.id, refusalOf(error, columns))
  return before + (await put(client, copy, columns, rows.slice(at + 1), refusals))
}

/** @returns what the server refused */
async function attempt(client: ClientBase, work: () => Promise<void>): Promise<DatabaseError | undefined> {
  await client.query('SAVEPOINT nexflow_rows')
  try {
    await work()
    await client.query('RELEASE nexflow_rows')
    return undefined
  } catch (error) {
    if (!isRefusal(error)) throw error
    await client.query('ROLLBACK TO nexflow_rows')
    return error
  }
}

/** The row at which COPY stopped, from 0: the server counts lines in binary too. */
function lineOf({ where = '' }: DatabaseError): number | undefined {
  const [, line] = /^COPY .*, line (\d+)/m.exec(where) ?? []
  return line === undefined ? undefined : Number(line) - 1
}

/** The server's words, and the column if it names one. */
function refusalOf(error: DatabaseError, columns: Moved['columns']): Refusal {
  const { message, detail, column, where = '' } = error
  const other = writtenOtherwise(error, columns)?.to
  if (other !== undefined) return { words: otherwise(other.type), column: other.name }
  const [, named = column] = /^COPY .*, line \d+, column ([^:\n]+)/m.exec(where) ?? []
  // What a CHECK says of a row is all of the row.
  const isRow = detail === undefined || detail.startsWith('Failing row')
  return { words: isRow ? message : `${message}: ${detail}`, ...(named !== undefined && { column: named }) }
}

async function copier(client: ClientBase, moved: Moved, from: Dialect): Promise<Copy> {
  const { to, columns } = moved
  const table = quoteTable(to)
  const names = columns.map((column) => pg.escapeIdentifier(column.to.name))
  const staged = columns.map((column) => isStaged(column, from))
  if (!staged.includes(true)) return (rows) => copyTo(client, `${table} (${names.join(', ')})`, rows)
  await makeStage(client, columns, staged, from)
  const values = names.map((name, i) => (staged[i] ? `${name}::${columns[i]?.to.type}` : name))
  return async (rows) => {
    await copyTo(client, `pg_temp.${STAGE}`, rows)
    await client.query(
      `INSERT INTO ${table} (${names.join(', ')}) OVERRIDING SYSTEM VALUE SELECT ${values.join(', ')} FROM pg_temp.${STAGE};
       TRUNCATE pg_temp.${STAGE}`,
    )
  }
}

async function copyTo(client: ClientBase, target: string, rows: readonly OneRow[]): Promise<void> {
  const stream = client.query(copyFrom(`COPY ${target} FROM STDIN (FORMAT binary)`))
  await pipeline(Readable.from(framed(packets(rows)), { objectMode: true }), stream)
}

async function* packets(rows: readonly OneRow[]) {
  const bytes = rows.flatMap((row) => (row.bytes === null ? [] : [row.bytes]))
  yield { bytes: Buffer.concat(bytes), rows: rows.length }
}
