import type { DatabaseSync, StatementSync } from 'node:sqlite'
import { setImmediate as turn } from 'node:timers/promises'
import { MigrateError } from '../../core/errors.ts'
import type { Dialect } from '../../core/migrations.ts'
import { nameOf } from '../../core/schema/model.ts'
import { quoteName } from '../../core/text.ts'
import type { Moved } from '../../core/transfer/moved.ts'
import type { Packet } from '../end.ts'
import { canBeLong, fieldSql, registerOdd, valueSql } from './encode.ts'

/** Rows that SQL puts together at a time. */
const CHUNK = 500
/** Bytes of a row from which on it is read by itself: five hundred of these are no more than 32 MB. */
const LONG = 65_536
/** Bytes that are gathered of rows that are read one by one. */
const PACKET = 262_144

/** Does `work` while all that is read is of one moment. */
export async function snapshot<T>(native: DatabaseSync, work: () => Promise<T>): Promise<T> {
  native.exec('BEGIN')
  try {
    // The moment is that of the first read.
    native.prepare('SELECT count(*) FROM sqlite_schema').get()
    return await work()
  } finally {
    if (native.isTransaction) native.exec('COMMIT')
  }
}

/** The name under which a table's rowid can be reached, if no column has taken all of its names. */
export function rowidOf(moved: Pick<Moved, 'from'>, native: DatabaseSync): string | undefined {
  const rows = native
    .prepare(
      'SELECT lower(t.name) AS name, l.wr, l.type FROM pragma_table_list(?) AS l, pragma_table_xinfo(?) AS t',
    )
    .all(moved.from.name, moved.from.name)
  if (rows.some(({ wr, type }) => wr === 1 || type !== 'table')) return undefined
  const taken = new Set(rows.map(({ name }) => name))
  return ['rowid', '_rowid_', 'oid'].find((name) => !taken.has(name))
}

/** Rows `c0`, `c1` … of what is moved, with `i` where there is a rowid; the field of each column is made of them. */
function sources({ from, columns, rows }: Moved, rowid: string | undefined): string {
  const values = columns.map((column, i) => `${valueSql(column)} AS c${i}`)
  const all = [...(rowid === undefined ? [] : [`${rowid} AS i`]), ...values].join(', ')
  return `SELECT ${all} FROM ${quoteName(from.schema || 'main')}.${quoteName(from.name)}${rows === undefined ? '' : ` WHERE (${rows})`}`
}

/** The bytes of a row, NULL where a value of it is bad. */
export function rowSql({ columns }: Moved, to: Dialect): string {
  const count = `x'${columns.length.toString(16).padStart(4, '0')}'`
  // The more a chain of || has, the deeper it is for SQLite's parser, which takes a thousand.
  return [count, ...columns.map((column, i) => `(${fieldSql(column, `c${i}`, to)})`)].join(' || ')
}

/** How long a row is, as far as it can be long: of the lengths SQLite reads no values. */
function lengthSql({ columns }: Moved): string {
  const lengths = columns.flatMap(({ form }, i) =>
    canBeLong(form) ? [`ifnull(octet_length(c${i}), 0)`] : [],
  )
  return lengths.join(' + ') || '0'
}

/**
 * The rows of a table as COPY BINARY has them: SQLite's SQL builds them, JavaScript passes large buffers.
 *
 * @throws BAD_ROWS
 */
export async function* send(native: DatabaseSync, moved: Moved, to: Dialect): AsyncIterable<Packet> {
  registerOdd(native)
  const rowid = rowidOf(moved, native)
  yield* rowid === undefined ? oneByOne(native, moved, to) : inChunks(native, moved, to, rowid)
}

async function* inChunks(
  native: DatabaseSync,
  moved: Moved,
  to: Dialect,
  rowid: string,
): AsyncIterable<Packet> {
  const all = `${sources(moved, rowid)} ${moved.rows === undefined ? 'WHERE' : 'AND'} ${rowid}`
  const length = lengthSql(moved)
  // The LIMIT keeps SQLite from putting the row's expression wherever the row is named.
  const chunk = native.prepare(
    `SELECT CAST(group_concat(row, '') AS BLOB) AS bytes, count(row) AS short, count(*) AS rows, sum(long) AS long,
       min(i) AS least, max(i) AS most
     FROM (SELECT i, ${length} > ${LONG} AS long, iif(${length} > ${LONG}, NULL, ${rowSql(moved, to)}) AS row
           FROM (${all} >= ?) ORDER BY i LIMIT ${CHUNK})`,
  )
  chunk.setReadBigInts(true)
  const longs = native.prepare(
    `SELECT CAST(${rowSql(moved, to)} AS BLOB) AS bytes FROM (${all} BETWEEN ? AND ?) WHERE ${length} > ${LONG}`,
  )
  for (let next = -(2n ** 63n); ; ) {
    const found = chunk.get(next) as {
      bytes: Uint8Array | null
      short: bigint
      rows: bigint
      long: bigint
      least: bigint
      most: bigint
    }
    if (found.rows === 0n) return
    if (found.short + found.long < found.rows) throw bad(moved)
    if (found.bytes !== null) yield { bytes: found.bytes, rows: Number(found.short) }
    if (found.long > 0n) yield* each(longs, moved, found.least, found.most)
    if (found.most === 2n ** 63n - 1n) return
    next = found.most + 1n
    await turn()
  }
}

/** A table without a rowid that can be named. */
async function* oneByOne(native: DatabaseSync, moved: Moved, to: Dialect): AsyncIterable<Packet> {
  const all = native.prepare(
    `SELECT CAST(${rowSql(moved, to)} AS BLOB) AS bytes FROM (${sources(moved, undefined)})`,
  )
  yield* each(all, moved)
}

async function* each(
  statement: StatementSync,
  moved: Moved,
  ...range: readonly bigint[]
): AsyncIterable<Packet> {
  let parts: Uint8Array[] = []
  let size = 0
  for (const { bytes } of statement.iterate(...range)) {
    if (!(bytes instanceof Uint8Array)) throw bad(moved)
    parts.push(bytes)
    size += bytes.length
    if (size < PACKET) continue
    yield { bytes: parts.length === 1 ? bytes : Buffer.concat(parts), rows: parts.length }
    parts = []
    size = 0
    await turn()
  }
  if (parts.length > 0) yield { bytes: Buffer.concat(parts), rows: parts.length }
}

/** What is wrong with which row, `transfer --check` tells: here it is only known that there is one. */
function bad({ from }: Moved): MigrateError {
  return new MigrateError('BAD_ROWS', `${nameOf(from)} has a row that the target cannot take as it is`, {
    hint: '"nexflow-migrate transfer --check" tells which rows and why',
  })
}
