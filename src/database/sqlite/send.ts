import type { DatabaseSync, SQLInputValue } from 'node:sqlite'
import { setImmediate as turn } from 'node:timers/promises'
import { MigrateError } from '../../core/errors.ts'
import type { Dialect } from '../../core/migrations.ts'
import { nameOf } from '../../core/schema/model.ts'
import { pathText } from '../../core/schema/sql/names.ts'
import { quoteName } from '../../core/text.ts'
import { encoderOf } from '../../core/transfer/binary.ts'
import { CLASS, type Field, SHORT, textOfField, USUAL } from '../../core/transfer/field.ts'
import { bytesOf } from '../../core/transfer/hash.ts'
import type { Moved, MovedColumn, Side } from '../../core/transfer/moved.ts'
import { Output } from '../../core/transfer/output.ts'
import type { Packet } from '../end.ts'
import { fieldSql } from './encode.ts'

/** Rows that SQLite puts together into one blob, if they are not so long that there are more than `CHUNK_BYTES`. */
const CHUNK = 500
const CHUNK_BYTES = 1 << 20
/** Bytes of a value, or of a row, with which it is read by itself. */
const LONG = 1 << 16
/** Bytes that are gathered before they are sent. */
const PACKET = 1 << 18
/** Arguments of a function, or terms of an expression, which has a limit to its depth. */
const TERMS = 100

const [DIGIT_0, DIGIT_9, COMMA, SEMICOLON, BANG] = [0x30, 0x39, 0x2c, 0x3b, 0x21]

/** The function by which SQL gives the bytes of a real: its text would not tell all of it. */
const BITS = 'nexflow_migrate_bits'

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

/** The bytes of a row, NULL where a value of it is bad. */
export function rowSql({ columns }: Moved, to: Dialect): string {
  const count = `x'${columns.length.toString(16).padStart(4, '0')}'`
  // The more a chain of || has, the deeper it is for SQLite's parser, which takes a thousand.
  return [count, ...columns.map((column, i) => `(${fieldSql(column, `c${i}`, to)})`)].join(' || ')
}

/**
 * The rows of a table as COPY BINARY has them.
 *
 * @param also what else is done with each row
 * @throws BAD_ROWS
 */
export async function* send(
  native: DatabaseSync,
  moved: Moved,
  to: Dialect,
  row = new RawRow(moved.columns),
  also = () => {},
): AsyncIterable<Packet> {
  const encoders = moved.columns.map((column) => encoderOf(column, to))
  let out = new Output()
  let rows = 0
  const add = () => {
    out.reserve(2)
    out.view.setInt16(out.length, encoders.length)
    out.length += 2
    for (let i = 0; i < encoders.length; i++) {
      const field = row.fields[i]
      if (field && !encoders[i]?.(field, out)) throw bad(moved, row, i)
    }
    also()
    rows++
  }
  const take = (): Packet => {
    const packet = { bytes: out.bytes.subarray(0, out.length), rows }
    // What was given away is not written to again.
    out = new Output(PACKET + CHUNK_BYTES / 4)
    rows = 0
    return packet
  }
  for (const _ of visits(native, moved, 'from', row, add)) {
    if (out.length < PACKET) continue
    yield take()
    await turn()
  }
  if (rows > 0) yield take()
}

/** Which value of which row it is; how many there are, and why each is bad, `transfer --check` tells. */
function bad({ from, to, key, columns }: Moved, { fields }: RawRow, i: number): MigrateError {
  const shown = (at: number) => textOfField(fields[at])
  const keys = key.flatMap((name) => {
    const at = columns.findIndex((column) => column.from.name === name)
    return at < 0 ? [] : [`${name} = ${shown(at)}`]
  })
  const where = keys.length === 0 ? '' : ` (${keys.join(', ')})`
  const column = columns[i]
  return new MigrateError(
    'BAD_ROWS',
    `${nameOf(from)}${where}: ${column?.from.name} is ${shown(i)}, which ${nameOf(to)} cannot take as ${column?.to.type}`,
    {
      hint: '"nexflow-migrate transfer --check" tells all such rows; --map converts them, --bad sets them aside',
    },
  )
}

/** The row that is being looked at. */
export class RawRow {
  readonly fields: readonly Field[]
  /** The class of each field where none is written. */
  readonly usual: Uint8Array

  constructor(columns: readonly MovedColumn[]) {
    const data = bytesOf(new Uint8Array(0))
    this.fields = columns.map(() => ({ data, offset: 0, length: 0, class: CLASS.null }))
    this.usual = Uint8Array.from(columns, (column) => CLASS[usualOf(column)])
  }
}

/**
 * Visits every row of a table. SQL only puts bytes together, and JavaScript is called for many rows at once: a call for
 * each value costs more than all else.
 *
 * @param row what is visited
 * @returns again and again how many rows were visited
 */
export function* visits(
  native: DatabaseSync,
  moved: Moved,
  side: Side,
  row: RawRow,
  visit: () => void,
): Generator<number> {
  native.function(BITS, { deterministic: true, directOnly: true }, bits)
  const some = side === 'from' && moved.rows !== undefined
  const rowid = some ? undefined : rowidOf({ from: moved[side] }, native)
  const utf8 = native.prepare('PRAGMA encoding').get()?.encoding === 'UTF-8'
  const from = ` FROM ${tableOf(moved, side)}${whereOf(moved, side)}`
  const each = `SELECT ${apart(moved.columns.length, utf8)} FROM (SELECT ${columnsOf(moved, side)}${from})`
  // What is text in UTF-16 cannot be put together with bytes.
  if (!utf8) yield* visitApart(native, each, row, visit)
  else if (rowid === undefined) yield* visitEach(native, moved, side, row, visit)
  else yield* visitChunks(native, moved, side, rowid, row, visit)
}

/** Each row by itself, where there is no rowid, or not all rows are wanted. */
function* visitEach(
  native: DatabaseSync,
  moved: Moved,
  side: Side,
  row: RawRow,
  visit: () => void,
): Generator<number> {
  const inner = `SELECT ${columnsOf(moved, side)} FROM ${tableOf(moved, side)}${whereOf(moved, side)}`
  const rows = native.prepare(`SELECT CAST(${rowText(moved, side, undefined)} AS BLOB) AS r FROM (${inner})`)
  let visited = 0
  for (const { r } of rows.iterate()) {
    if (r instanceof Uint8Array) visitBytes(r, row, visit, () => {})
    yield ++visited
  }
}

/** Rows of which every column is a field of its own. */
function* visitApart(
  native: DatabaseSync,
  sql: string,
  row: RawRow,
  visit: () => void,
  ...params: SQLInputValue[]
): Generator<number> {
  const statement = native.prepare(sql)
  statement.setReturnArrays(true)
  let visited = 0
  // With arrays set, the rows are arrays.
  for (const values of statement.iterate(...params) as Iterable<unknown>) {
    if (!Array.isArray(values)) continue
    for (const [i, field] of row.fields.entries()) {
      const [kind, value]: unknown[] = [values[2 * i], values[2 * i + 1]]
      const bytes = value instanceof Uint8Array ? value : Buffer.from(typeof value === 'string' ? value : '')
      field.data = bytesOf(bytes)
      field.offset = 0
      field.length = bytes.length
      field.class = String(kind).charCodeAt(0)
    }
    visit()
    yield ++visited
  }
}

/** Some hundred rows at a time. */
function* visitChunks(
  native: DatabaseSync,
  moved: Moved,
  side: Side,
  rowid: string,
  row: RawRow,
  visit: () => void,
): Generator<number> {
  const table = tableOf(moved, side)
  const next = native.prepare(
    `SELECT ${rowid} AS k FROM ${table} WHERE ${rowid} >= ? ORDER BY ${rowid} LIMIT 1 OFFSET ?`,
  )
  next.setReadBigInts(true)
  const inner = `SELECT ${rowid} AS k, ${columnsOf(moved, side)} FROM ${table} WHERE ${rowid} BETWEEN ? AND ?`
  const chunk = native.prepare(
    `SELECT CAST(group_concat(r, '') AS BLOB) AS bytes FROM (SELECT ${rowText(moved, side, 'k')} AS r FROM (${inner}))`,
  )
  const long: bigint[] = []
  const one = `SELECT ${apart(moved.columns.length, true)} FROM (${inner})`
  let visited = 0
  let rows = CHUNK
  let start = next.get(-(2n ** 63n), 0)?.k
  while (typeof start === 'bigint') {
    const end = next.get(start, rows)?.k
    const bytes = chunk.get(start, typeof end === 'bigint' ? end - 1n : 2n ** 63n - 1n)?.bytes
    if (bytes instanceof Uint8Array) {
      visited += visitBytes(bytes, row, visit, (k) => long.push(k))
      rows = Math.max(1, Math.min(CHUNK, Math.floor((rows * CHUNK_BYTES) / bytes.length)))
    }
    for (const k of long.splice(0)) yield* visitApart(native, one, row, visit, k, k)
    yield visited
    start = end
  }
}

/**
 * Reads what `rowText` has written, many times.
 *
 * @returns how many rows
 */
function visitBytes(
  bytes: Uint8Array,
  row: RawRow,
  visit: () => void,
  visitLong: (rowid: bigint) => void,
): number {
  const data = bytesOf(bytes)
  const { fields, usual } = row
  let rows = 0
  for (let at = 0; at < bytes.length; rows++) {
    if (bytes[at] === BANG) {
      const end = bytes.indexOf(SEMICOLON, at)
      visitLong(BigInt(Buffer.from(bytes.subarray(at + 1, end)).toString()))
      at = end + 1
      continue
    }
    if (fields.length === 0) at++
    for (let i = 0; i < fields.length; i++) {
      const field = fields[i]
      if (field === undefined) break
      let length = 0
      let byte = bytes[at++] ?? 0
      // NULL has no length.
      let kind: number = byte === COMMA || byte === SEMICOLON ? CLASS.null : (usual[i] ?? 0)
      for (; byte >= DIGIT_0 && byte <= DIGIT_9; byte = bytes[at++] ?? 0)
        length = length * 10 + byte - DIGIT_0
      if (byte !== COMMA && byte !== SEMICOLON) {
        kind = byte
        at++
      }
      field.data = data
      field.length = length
      field.class = kind
    }
    for (const field of fields) {
      field.offset = at
      at += field.length
    }
    visit()
  }
  return rows
}

export function tableOf(moved: Moved, side: Side): string {
  return pathText('sqlite', moved[side])
}

export function whereOf(moved: Moved, side: Side): string {
  return side === 'from' && moved.rows !== undefined ? ` WHERE ${moved.rows}` : ''
}

function columnsOf(moved: Moved, side: Side): string {
  const columns = moved.columns.map((column, i) => {
    const value = side === 'from' ? column.value : undefined
    return `${value === undefined ? quoteName(column[side].name) : `(${value})`} AS c${i}`
  })
  return columns.length === 0 ? '0 AS c' : columns.join(', ')
}

function bits(value: unknown): Uint8Array {
  const { bytes, view } = bytesOf(new Uint8Array(8))
  if (typeof value === 'number') view.setFloat64(0, value)
  return bytes
}

/** The class that most values of a column have. */
function usualOf({ form, from }: MovedColumn): 'text' | 'integer' | 'real' | 'blob' {
  if (form !== 'any') return USUAL[form]
  if (from.kind === 'integer' || from.kind === 'boolean') return 'integer'
  return from.kind === 'real' || from.kind === 'blob' ? from.kind : 'text'
}

/** Class and bytes of each column, as two columns of a row. */
function apart(columns: number, utf8: boolean): string {
  const type = utf8 ? 'BLOB' : 'TEXT'
  const values = Array.from({ length: columns }, (_, i) => {
    return `typeof(c${i}), CASE typeof(c${i}) WHEN 'real' THEN ${BITS}(c${i}) WHEN 'blob' THEN c${i} ELSE CAST(c${i} AS ${type}) END`
  })
  return columns === 0 ? '0' : values.join(', ')
}

/**
 * SQL that gives a row as the lengths of its values, and the values: `4,2;abcdef`. NULL is without length; behind a
 * length stands the first letter of the class if it is not the usual one. A long row is only told: `!rowid;`.
 *
 * @param rowid if a long row can be read by itself
 */
function rowText({ columns }: Moved, side: Side, rowid: string | undefined): string {
  const usual = ['true', ...columns.map((column, i) => isUsual(`c${i}`, column, side))]
  const plain = columns.map((column, i) => plainItem(`c${i}`, usualOf(column)))
  const any = columns.map((_, i) => anyItem(`c${i}`))
  const total = joined(
    columns.map((_, i) => `coalesce(octet_length(c${i}), 0)`),
    ' + ',
  )
  const long = rowid === undefined ? '' : ` WHEN ${total} > ${LONG} THEN concat('!', ${rowid}, ';')`
  return `CASE WHEN ${joined(usual, ' AND ')} THEN ${itemsText(plain)}${long} ELSE ${itemsText(any)} END`
}

function isUsual(name: string, column: MovedColumn, side: Side): string {
  const bounded = SHORT.has(column.form) ? '' : ` AND octet_length(${name}) <= ${LONG}`
  // Classes stand in an order: numbers, texts, blobs. To ask for it costs less than to ask for their names.
  const tests = {
    text: `${isTextual(column, side) ? '' : `${name} COLLATE BINARY >= '' AND `}${name} COLLATE BINARY < x''${bounded}`,
    integer: `typeof(${name}) = 'integer'`,
    real: `typeof(${name}) = 'real'`,
    blob: `${name} COLLATE BINARY >= x''${bounded}`,
  }
  return `(${tests[usualOf(column)]} OR ${name} IS NULL)`
}

/** Whether SQLite makes a text of every number that is put into the column: https://sqlite.org/datatype3.html, 3.1 */
function isTextual({ from, to, value }: MovedColumn, side: Side): boolean {
  const { type } = side === 'from' ? from : to
  return (side === 'to' || value === undefined) && /char|clob|text/i.test(type) && !/int/i.test(type)
}

interface Item {
  readonly length: string
  readonly value: string
}

function plainItem(name: string, usual: 'text' | 'integer' | 'real' | 'blob'): Item {
  if (usual !== 'real') return { length: `octet_length(${name})`, value: name }
  return { length: `iif(${name} IS NULL, '', 8)`, value: `iif(${name} IS NULL, '', ${BITS}(${name}))` }
}

function anyItem(name: string): Item {
  const letter = `substr(typeof(${name}), 1, 1)`
  return {
    length: `CASE typeof(${name}) WHEN 'null' THEN '' WHEN 'real' THEN '8r' ELSE concat(octet_length(${name}), ${letter}) END`,
    value: `iif(typeof(${name}) = 'real', ${BITS}(${name}), ${name})`,
  }
}

function itemsText(items: readonly Item[]): string {
  const lengths = items.flatMap(({ length }, i) => [...(i === 0 ? [] : ["','"]), length])
  const args = [...lengths, "';'", ...items.map(({ value }) => value)]
  return joined(args, ', ', 'concat')
}

/** Terms with an operator between them, or arguments of a function that can be called with its own results. */
function joined(terms: readonly string[], operator: string, call = ''): string {
  if (terms.length <= TERMS) return `${call}(${terms.join(operator)})`
  const groups = Array.from({ length: Math.ceil(terms.length / TERMS) }, (_, i) => {
    return joined(terms.slice(i * TERMS, (i + 1) * TERMS), operator, call)
  })
  return joined(groups, operator, call)
}
