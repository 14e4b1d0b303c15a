import type { Readable } from 'node:stream'
import { finished } from 'node:stream/promises'
import type { ClientBase } from 'pg'
import { to as copyTo } from 'pg-copy-streams'
import { MigrateError } from '../../core/errors.ts'
import type { Dialect } from '../../core/migrations.ts'
import { nameOf } from '../../core/schema/model.ts'
import { pathText } from '../../core/schema/sql/names.ts'
import type { Moved } from '../../core/transfer/moved.ts'
import type { Packet } from '../end.ts'
import { fieldSql } from './encode.ts'
import { cancel } from './session.ts'

/**
 * What the texts that PostgreSQL writes depend on, and what pg_dump sets so that a long transaction is not cut off and
 * no row is left out silently. Not every major has all of them.
 */
const SETTINGS: Readonly<Record<string, string>> = {
  timezone: 'UTC',
  datestyle: 'ISO, YMD',
  intervalstyle: 'postgres',
  extra_float_digits: '1',
  bytea_output: 'hex',
  lc_monetary: 'C',
  client_encoding: 'UTF8',
  row_security: 'off',
  statement_timeout: '0',
  transaction_timeout: '0',
  idle_in_transaction_session_timeout: '0',
  jit: 'off',
}

const SETTINGS_SQL = `SELECT set_config(name, value, true) FROM pg_settings
  JOIN (VALUES ${Object.entries(SETTINGS)
    .map(([name, value]) => `('${name}', '${value}')`)
    .join(', ')}) AS wanted (wanted, value) ON lower(name) = wanted`

/**
 * Does `work` while all that is read is of one moment, and texts are written in one way whatever the session has set.
 */
export async function snapshot<T>(client: ClientBase, work: () => Promise<T>): Promise<T> {
  await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ')
  try {
    await client.query(SETTINGS_SQL)
    const result = await work()
    await client.query('COMMIT')
    return result
  } catch (error) {
    await client.query('ROLLBACK').catch(() => {})
    throw error
  }
}

const SAVEPOINT = 'nexflow_send'

/**
 * The rows of a table as COPY BINARY has them, inside `snapshot`. Who takes only some of them can go on with the
 * snapshot.
 */
export async function* send(client: ClientBase, moved: Moved, to: Dialect): AsyncIterable<Packet> {
  await client.query(`SAVEPOINT ${SAVEPOINT}`)
  const stream = client.query(copyTo(copySql(moved, to)))
  let whole = false
  try {
    yield* packetsOf(stream.iterator({ destroyOnReturn: false }), moved)
    whole = true
  } finally {
    if (!whole) await stop(client, stream)
  }
  await client.query(`RELEASE SAVEPOINT ${SAVEPOINT}`)
}

function copySql({ from, columns, rows }: Moved, to: Dialect): string {
  const fields = columns.map((column) => fieldSql(column, to)).join(', ')
  const where = rows === undefined ? '' : ` WHERE (${rows})`
  return `COPY (SELECT ${fields} FROM ${pathText('postgres', from)}${where}) TO STDOUT (FORMAT binary)`
}

/** Nobody takes the rest: the server is asked to stop, and what is on its way is read, as the connection goes on. */
async function stop(client: ClientBase, stream: Readable): Promise<void> {
  // What has failed is at its end.
  if (!stream.destroyed) {
    const ended = finished(stream).catch(() => {})
    stream.resume()
    await Promise.all([cancel(client), ended])
    stream.destroy()
  }
  // Where the connection is gone, what it ended with is told already.
  await client.query(`ROLLBACK TO SAVEPOINT ${SAVEPOINT}`).catch(() => {})
}

/** Bytes of the header before its extension, whose length is the last number in it. */
const HEADER = 19
/** Bytes beside those that a long row needs: the next rows find place there too. */
const ROOM = 131_072

/**
 * Whole rows of what COPY BINARY gives, without its header and its trailer
 * (postgresql.org/docs/current/sql-copy.html, "Binary Format").
 */
async function* packetsOf(chunks: AsyncIterable<Buffer>, { from }: Moved): AsyncIterable<Packet> {
  let begun = false
  let ended = false
  // What has come of a row that is not whole: the first `size` bytes.
  let room: Buffer = Buffer.alloc(0)
  let size = 0
  let need = HEADER
  for await (const chunk of chunks) {
    let bytes = chunk
    if (size > 0) {
      if (size + chunk.length > room.length) {
        const least = size + chunk.length
        const larger = Buffer.allocUnsafeSlow(need > least ? need + ROOM : least)
        room.copy(larger, 0, 0, size)
        room = larger
      }
      chunk.copy(room, size)
      bytes = room.subarray(0, size + chunk.length)
    }
    size = bytes.length
    if (size < need) {
      if (bytes === chunk) room = chunk
      continue
    }
    const start = begun ? 0 : HEADER + bytes.readInt32BE(HEADER - 4)
    begun = true
    const found = wholeRows(bytes, start)
    if (found.rows > 0) yield { bytes: bytes.subarray(start, found.end), rows: found.rows }
    ended = found.ended
    // Copied by the next chunk, and never written to: the packet may be in use.
    room = bytes.subarray(found.end)
    size = room.length
    need = found.need
  }
  if (!ended) {
    throw new MigrateError('CONNECTION', `the rows of ${nameOf(from)} ended before their end`, {
      hint: 'run the same command again',
    })
  }
}

interface Found {
  readonly rows: number
  /** Where the last whole row ends. */
  readonly end: number
  /** How many bytes from there on there must be before it is worth looking again. */
  readonly need: number
  /** The trailer is there. */
  readonly ended: boolean
}

function wholeRows(bytes: Buffer, start: number): Found {
  const { length } = bytes
  let rows = 0
  let end = start
  while (end + 2 <= length) {
    let fields = bytes.readInt16BE(end)
    if (fields < 0) return { rows, end, need: 2, ended: true }
    let at = end + 2
    for (; fields > 0 && at + 4 <= length; fields--) at += 4 + Math.max(bytes.readInt32BE(at), 0)
    // A field's length is behind it where the row goes on.
    if (fields > 0 || at > length) return { rows, end, need: at - end + (fields > 0 ? 4 : 0), ended: false }
    rows++
    end = at
  }
  return { rows, end, need: 2, ended: false }
}
