import type { DatabaseSync } from 'node:sqlite'
import { setImmediate } from 'node:timers/promises'
import type { Dialect } from '../../core/migrations.ts'
import { CLASS, type Field } from '../../core/transfer/field.ts'
import { bytesOf, Chain, hexOf, Sum } from '../../core/transfer/hash.ts'
import type { Moved, MovedColumn, Side } from '../../core/transfer/moved.ts'
import type { Digest, Packet } from '../end.ts'
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
import { addField, type Canonical, canonicalOf } from './canonical.ts'
import { RawRow, send, tableOf, visits, whereOf } from './send.ts'

/** Milliseconds after which the process' other work goes on. */
const TURN = 10

/** The number of rows of a table, and a digest of their canonical form. */
export async function digest(
  native: DatabaseSync,
  moved: Moved,
  side: Side,
  signal?: AbortSignal,
  onRows?: (rows: number) => void,
): Promise<Digest> {
  const { row, add, result } = summing(moved, side)
  await scan(native, moved, side, row, { signal, onRows }, add)
  return result()
}

/**
 * The rows of a table on their way, and when all are gone a digest of them. It is made of what was read, and not of
 * what was written.
 */
export async function* sendAndDigest(
  native: DatabaseSync,
  moved: Moved,
  to: Dialect,
  onDigest: (digest: Digest) => void,
): AsyncIterable<Packet> {
  const { row, add, result } = summing(moved, 'from')
  yield* send(native, moved, to, row, add)
  onDigest(result())
}

/** Adds up the digests of rows that are visited. */
function summing(moved: Moved, side: Side): { row: Row; add: () => void; result: () => Digest } {
  const [row, chain, sum] = [new Row(moved.columns, side), new Chain(), new Sum()]
  const all = [...moved.columns.keys()]
  return {
    row,
    add: () => {
      row.hash(chain, all)
      sum.add(chain)
    },
    result: () => ({ rows: sum.rows, digest: hexOf(sum.total) }),
  }
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
    const found = new Row(moved.columns, side)
    return scan(native, moved, side, found, { signal }, () => {
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
class Row extends RawRow {
  readonly #columns: readonly MovedColumn[]
  readonly #canonical: readonly Canonical[]
  readonly #mask = bytesOf(new Uint8Array(10))

  constructor(columns: readonly MovedColumn[], side: Side) {
    super(columns)
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

/** Visits every row of a table, and lets the process' other work go on. */
async function scan(
  native: DatabaseSync,
  moved: Moved,
  side: Side,
  row: Row,
  { signal, onRows }: ScanOptions,
  visit: () => void,
): Promise<void> {
  let turn = performance.now()
  let done = 0
  for (const visited of visits(native, moved, side, row, visit)) {
    done = visited
    if (performance.now() - turn < TURN) continue
    onRows?.(visited)
    await setImmediate()
    signal?.throwIfAborted()
    turn = performance.now()
  }
  onRows?.(done)
}
