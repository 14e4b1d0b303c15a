import type { DatabaseSync, SQLInputValue } from 'node:sqlite'
import { setImmediate } from 'node:timers/promises'
import { pathText } from '../../core/schema/sql/names.ts'
import { quoteName } from '../../core/text.ts'
import { bytesOf, Chain, hexOf, Sum } from '../../core/transfer/hash.ts'
import type { Moved, MovedColumn, Side } from '../../core/transfer/moved.ts'
import type { Digest } from '../end.ts'
import {
  BUCKETS,
  type Bucket,
  GROUP,
  keyOf,
  type Proof,
  type RowFound,
  type RowHash,
  SHOWN,
  type ValueFound,
} from '../proof.ts'
import { addField, type Canonical, CLASS, canonicalOf, type Field, SHORT, USUAL } from './canonical.ts'

/** Rows that SQLite puts together into one blob, if they are not so long that there are more than `CHUNK_BYTES`. */
const CHUNK_ROWS = 500
const CHUNK_BYTES = 1 << 20
/** Bytes of a value, or of a row, with which it is read by itself. */
const LONG = 1 << 16
/** Milliseconds after which the process' other work goes on. */
const TURN = 10
/** Arguments of a function, or terms of an expression, which has a limit to its depth. */
const TERMS = 100

const [DIGIT_0, DIGIT_9, COMMA, SEMICOLON, BANG] = [0x30, 0x39, 0x2c, 0x3b, 0x21]

/** The function by which SQL gives the bytes of a real: its text would not tell all of it. */
const BITS = 'nexflow_migrate_bits'

/** The number of rows of a table, and a digest of their canonical form. */
export async function digest(
  native: DatabaseSync,
  moved: Moved,
  side: Side,
  signal?: AbortSignal,
  onRows?: (rows: number) => void,
): Promise<Digest> {
  const sum = new Sum()
  const all = [...moved.columns.keys()]
  const chain = new Chain()
  await scan(native, moved, side, { signal, onRows }, (row) => {
    row.hash(chain, all)
    sum.add(chain)
  })
  return { rows: sum.rows, digest: hexOf(sum.total) }
}

/** The number of rows of a table. */
export async function count(native: DatabaseSync, moved: Moved, side: Side): Promise<number> {
  return Number(
    native.prepare(`SELECT count(*) AS n FROM ${tableOf(moved, side)}${whereOf(moved, side)}`).get()?.n,
  )
}

/** What the database says of its tables. */
export function proofOf(native: DatabaseSync, signal?: AbortSignal): Proof {
  const visit = (moved: Moved, side: Side, each: (row: Row, keyed: RowHash) => void) => {
    const [key, row] = [new Chain(), new Chain()]
    const [all, keys] = [[...moved.columns.keys()], keyOf(moved)]
    return scan(native, moved, side, { signal }, (found) => {
      found.hash(key, keys)
      found.hash(row, all)
      each(found, { key: key.value, row: row.value })
    })
  }
  return {
    digest: (moved, side) => digest(native, moved, side, signal),
    count: (moved, side) => count(native, moved, side),
    buckets: async (moved, side) => {
      const buckets = Array.from({ length: BUCKETS }, (_, bucket) => ({ bucket, rows: 0, sum: 0n }))
      await visit(moved, side, (_, { key, row }) => {
        const bucket = buckets[bucketOf(key)]
        if (bucket === undefined) return
        bucket.rows++
        bucket.sum = BigInt.asUintN(64, bucket.sum + row)
      })
      return buckets.filter(({ rows }): boolean => rows > 0) satisfies Bucket[]
    },
    hashes: async (moved, side, wanted) => {
      const hashes: RowHash[] = []
      await visit(moved, side, (_, hash) => {
        if (wanted.has(bucketOf(hash.key))) hashes.push(hash)
      })
      return hashes
    },
    rows: async (moved, side, keys, most) => {
      const found = new Map<bigint, RowFound[]>()
      await visit(moved, side, (row, hash) => {
        const same = found.get(hash.key) ?? []
        if (!keys.has(hash.key) || same.length >= most) return
        found.set(hash.key, [...same, { ...hash, values: row.values() }])
      })
      return [...found.values()].flat()
    },
  }
}

function bucketOf(key: bigint): number {
  return Number(BigInt.asUintN(32, key)) % BUCKETS
}

/** The row that is being looked at. */
class Row {
  readonly fields: readonly Field[]
  /** The class of each field where none is written. */
  readonly usual: Uint8Array
  readonly #columns: readonly MovedColumn[]
  readonly #canonical: readonly Canonical[]
  readonly #mask = bytesOf(new Uint8Array(10))

  constructor(columns: readonly MovedColumn[], side: Side) {
    const data = bytesOf(new Uint8Array(0))
    this.fields = columns.map(() => ({ data, offset: 0, length: 0, class: CLASS.null }))
    this.usual = Uint8Array.from(columns, (column) => CLASS[usualOf(column)])
    this.#columns = columns
    this.#canonical = columns.map((column) => canonicalOf(column, side))
  }

  /** Gives `chain` the hash of some of the columns. NULLs are the seed, or another value in between. */
  hash(chain: Chain, columns: readonly number[]): void {
    for (let start = 0; start < columns.length || start === 0; start += GROUP) {
      const end = Math.min(start + GROUP, columns.length)
      let nulls = 0
      for (let i = start; i < end; i++) {
        if (this.fields[columns[i] ?? 0]?.class === CLASS.null) nulls |= 1 << (i - start)
      }
      if (start === 0) chain.start(nulls)
      else this.#addNumber(chain, nulls)
      for (let i = start; i < end; i++) this.#add(chain, columns[i] ?? 0)
    }
  }

  #addNumber(chain: Chain, number: number): void {
    const { written } = new TextEncoder().encodeInto(String(number), this.#mask.bytes)
    chain.add(this.#mask, 0, written)
  }

  #add(chain: Chain, i: number): void {
    const column = this.#columns[i]
    const canonical = this.#canonical[i]
    const field = this.fields[i]
    if (column && canonical && field) addField(chain, column.form, canonical, field)
  }

  values(): ValueFound[] {
    const chain = new Chain()
    return this.fields.map((field, i) => {
      this.hash(chain, [i])
      return { hash: chain.value, text: shown(field) }
    })
  }
}

function shown({ data, offset, length, class: kind }: Field): string | null {
  if (kind === CLASS.null) return null
  if (kind === CLASS.real) return String(data.view.getFloat64(offset))
  const bytes = Buffer.from(data.bytes.buffer, data.bytes.byteOffset + offset, length)
  return kind === CLASS.blob
    ? `\\x${bytes.toString('hex', 0, SHOWN / 2)}`
    : bytes.toString('utf8', 0, SHOWN * 4).slice(0, SHOWN)
}

interface ScanOptions {
  readonly signal?: AbortSignal | undefined
  readonly onRows?: ((rows: number) => void) | undefined
}

/**
 * Visits every row of a table. SQL only puts bytes together, and JavaScript is called for many rows at once: a call for
 * each value costs more than all else.
 */
async function scan(
  native: DatabaseSync,
  moved: Moved,
  side: Side,
  { signal, onRows }: ScanOptions,
  visit: (row: Row) => void,
): Promise<void> {
  native.function(BITS, { deterministic: true, directOnly: true }, bits)
  const row = new Row(moved.columns, side)
  const rowid = side === 'from' && moved.rows !== undefined ? undefined : rowidOf(native, moved[side])
  const utf8 = native.prepare('PRAGMA encoding').get()?.encoding === 'UTF-8'
  let turn = performance.now()
  let done = 0
  for (const visited of visits()) {
    done = visited
    if (performance.now() - turn < TURN) continue
    onRows?.(visited)
    await setImmediate()
    signal?.throwIfAborted()
    turn = performance.now()
  }
  onRows?.(done)

  function* visits(): Generator<number> {
    const from = ` FROM ${tableOf(moved, side)}${whereOf(moved, side)}`
    const each = `SELECT ${apart(moved.columns.length, utf8)} FROM (SELECT ${columnsOf(moved, side)}${from})`
    // What is text in UTF-16 cannot be put together with bytes.
    if (!utf8) yield* visitApart(native, each, row, visit)
    else if (rowid === undefined) yield* visitEach(native, moved, side, row, visit)
    else yield* visitChunks(native, moved, side, rowid, row, visit)
  }
}

/** Each row by itself, where there is no rowid, or not all rows are wanted. */
function* visitEach(
  native: DatabaseSync,
  moved: Moved,
  side: Side,
  row: Row,
  visit: (row: Row) => void,
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
  row: Row,
  visit: (row: Row) => void,
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
    visit(row)
    yield ++visited
  }
}

/** Some hundred rows at a time. */
function* visitChunks(
  native: DatabaseSync,
  moved: Moved,
  side: Side,
  rowid: string,
  row: Row,
  visit: (row: Row) => void,
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
  let rows = CHUNK_ROWS
  let start = next.get(-(2n ** 63n), 0)?.k
  while (typeof start === 'bigint') {
    const end = next.get(start, rows)?.k
    const bytes = chunk.get(start, typeof end === 'bigint' ? end - 1n : 2n ** 63n - 1n)?.bytes
    if (bytes instanceof Uint8Array) {
      visited += visitBytes(bytes, row, visit, (k) => long.push(k))
      rows = Math.max(1, Math.min(CHUNK_ROWS, Math.floor((rows * CHUNK_BYTES) / bytes.length)))
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
  row: Row,
  visit: (row: Row) => void,
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
    visit(row)
  }
  return rows
}

function tableOf(moved: Moved, side: Side): string {
  return pathText('sqlite', moved[side])
}

function whereOf(moved: Moved, side: Side): string {
  return side === 'from' && moved.rows !== undefined ? ` WHERE ${moved.rows}` : ''
}

function columnsOf(moved: Moved, side: Side): string {
  const columns = moved.columns.map((column, i) => {
    const value = side === 'from' ? column.value : undefined
    return `${value === undefined ? quoteName(column[side].name) : `(${value})`} AS c${i}`
  })
  return columns.length === 0 ? '0 AS c' : columns.join(', ')
}

/** By which name the rowid can be had, if the table has one and no column of another meaning hides it. */
function rowidOf(native: DatabaseSync, { schema, name }: Moved['from']): string | undefined {
  const table = native
    .prepare('SELECT type, wr FROM pragma_table_list WHERE schema = ? AND name = ? COLLATE NOCASE')
    .get(schema || 'main', name)
  if (table?.type === 'virtual' || table?.type === 'view' || Number(table?.wr) !== 0) return undefined
  const columns = native
    .prepare('SELECT lower(name) AS name FROM pragma_table_xinfo(?, ?)')
    .all(name, schema || 'main')
  const taken = new Set(columns.map((column) => column.name))
  return ['rowid', '_rowid_', 'oid'].find((one) => !taken.has(one))
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
