import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { ClientBase, DatabaseError } from 'pg'
import pg from 'pg'
import { from as copyFrom } from 'pg-copy-streams'
import type { Dialect } from '../../core/migrations.ts'
import type { Named } from '../../core/schema/model.ts'
import type { Sql } from '../../core/sql-error.ts'
import type { Moved, MovedColumn } from '../../core/transfer/moved.ts'
import type { Packet } from '../end.ts'
import { SET } from './canonical.ts'
import { written } from './encode.ts'

/** postgresql.org/docs/current/sql-copy.html, "Binary Format": signature, flags, no extension. */
const HEADER = Buffer.from('PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0', 'latin1')
const TRAILER = Buffer.from([0xff, 0xff])

export const STAGE = 'nexflow_stage'

/** A table's name with its schema, where it has another than the usual one. */
export function quoteTable({ schema, name }: Named): string {
  const table = pg.escapeIdentifier(name)
  return schema === '' ? table : `${pg.escapeIdentifier(schema)}.${table}`
}

/** Whether values come as text, for the server to read: of SQLite's numbers, and of types with no form of their own. */
export function isStaged({ form }: MovedColumn, from: Dialect): boolean {
  return form === 'other' || (form === 'numeric' && from === 'sqlite')
}

/**
 * Empties a table, fills it, and commits that together with a note: all or nothing.
 *
 * @param note asked for when all rows are there
 */
export async function receive(
  client: ClientBase,
  moved: Moved,
  from: Dialect,
  rows: AsyncIterable<Packet>,
  note: () => Sql,
): Promise<void> {
  const table = quoteTable(moved.to)
  const names = moved.columns.map(({ to }) => pg.escapeIdentifier(to.name))
  const staged = moved.columns.map((column) => isStaged(column, from))
  await client.query('BEGIN')
  try {
    await client.query(`TRUNCATE ${table}`)
    if (staged.includes(true)) await throughStage(client, moved, staged, from, rows)
    else await copy(client, `${table} (${names.join(', ')})`, await freeze(client, table), rows)
    await client.query(note().text)
    await client.query('COMMIT')
  } catch (error) {
    await client.query('ROLLBACK').catch(() => {})
    throw error
  }
}

/** Nobody sees the rows before the commit: they can be written as if they had always been there. Not in partitions. */
async function freeze(client: ClientBase, table: string): Promise<string> {
  const { rows } = await client.query(
    `SELECT relkind FROM pg_class WHERE oid = ${pg.escapeLiteral(table)}::regclass`,
  )
  return rows[0]?.relkind === 'r' ? ', FREEZE' : ''
}

/** Text that the server has to read goes through a table of texts. */
async function throughStage(
  client: ClientBase,
  { to, columns }: Moved,
  staged: readonly boolean[],
  from: Dialect,
  rows: AsyncIterable<Packet>,
): Promise<void> {
  const names = columns.map((column) => pg.escapeIdentifier(column.to.name))
  await makeStage(client, columns, staged, from)
  await copy(client, `pg_temp.${STAGE}`, '', rows)
  const values = names.map((name, i) => (staged[i] ? `${name}::${columns[i]?.to.type}` : name))
  await client.query(
    `INSERT INTO ${quoteTable(to)} (${names.join(', ')}) OVERRIDING SYSTEM VALUE SELECT ${values.join(', ')} FROM pg_temp.${STAGE}`,
  )
}

/** What the constraints' names begin with that take no text which its type would write in another way. */
const OTHERWISE = 'nexflow_otherwise_'

/** Makes the table of texts. What SQLite has of a type with no form of its own must be as the server writes it. */
export async function makeStage(
  client: ClientBase,
  columns: readonly MovedColumn[],
  staged: readonly boolean[],
  from: Dialect,
): Promise<void> {
  const parts = columns.map(({ to, form }, i) => {
    const name = pg.escapeIdentifier(to.name)
    if (!staged[i]) return `${name} ${to.type}`
    const isSame = `CONSTRAINT ${OTHERWISE}${i} CHECK (${written(`${name}::${to.type}`)} = ${name})`
    return `${name} text${form === 'other' && from === 'sqlite' ? ` ${isSame}` : ''}`
  })
  await client.query(`SELECT ${SET}; CREATE TEMPORARY TABLE ${STAGE} (${parts.join(', ')}) ON COMMIT DROP`)
}

/** The column whose text the server would write in another way, if that is what a constraint says. */
export function writtenOtherwise(
  { constraint = '' }: Pick<DatabaseError, 'constraint'>,
  columns: readonly MovedColumn[],
): MovedColumn | undefined {
  return constraint.startsWith(OTHERWISE) ? columns[Number(constraint.slice(OTHERWISE.length))] : undefined
}

/** Fills a table. */
export async function copy(
  client: ClientBase,
  target: string,
  options: string,
  rows: AsyncIterable<Packet>,
): Promise<number> {
  const stream = client.query(copyFrom(`COPY ${target} FROM STDIN (FORMAT binary${options})`))
  await pipeline(Readable.from(framed(rows), { objectMode: true, highWaterMark: 1 }), stream)
  return stream.rowCount
}

export async function* framed(rows: AsyncIterable<Packet>): AsyncIterable<Uint8Array> {
  yield HEADER
  for await (const { bytes } of rows) yield bytes
  yield TRAILER
}
