import { nameOf } from '../core/schema/model.ts'
import type { Moved, Side } from '../core/transfer/moved.ts'
import type { Digest } from '../database/end.ts'
import { throwIfStopped } from '../database/lock.ts'
import { hasKey, type Proof, type RowFound, type RowHash } from '../database/proof.ts'
import type { TransferOptions } from './transfer.ts'
import type { FilledTable } from './transfer-fill.ts'

/** A row that is not the same on both sides. */
export interface RowDifference {
  /** The table's name in the source. */
  readonly table: string
  /** Values of the key by its columns' names in the source; undefined where nothing tells a row from all others. */
  readonly key: Readonly<Record<string, string>> | undefined
  /** The target has it not, only the target has it, or it has other values. */
  readonly change: 'missing' | 'extra' | 'different'
  /** What differs; where there is no key, all that the row holds. Values are shortened to where they begin to differ. */
  readonly columns?: readonly ValueDifference[]
}

export interface ValueDifference {
  /** In the source. */
  readonly name: string
  /** NULL is `null`; undefined is a row that this side has not. */
  readonly from?: string | null
  readonly to?: string | null
}

export interface Differences {
  readonly rows: readonly RowDifference[]
  /** How many rows differ, of those that were looked at. */
  readonly total: number
  /** Whether all were looked at: of very many that differ it is not worth it. */
  readonly complete: boolean
}

/** What is asked of each side. */
export const COMPARE: Readonly<
  Record<
    NonNullable<TransferOptions['verify']>,
    ((proof: Proof, moved: Moved, side: Side) => Promise<Digest>) | undefined
  >
> = {
  full: (proof, moved, side) => proof.digest(moved, side),
  count: async (proof, moved, side) => ({ rows: await proof.count(moved, side), digest: '' }),
  none: undefined,
}

export function isSame(one: Digest | undefined, other: Digest | undefined): boolean {
  return one?.rows === other?.rows && one?.digest === other?.digest
}

/**
 * Compares tables, both sides at once.
 *
 * @throws ABORTED
 */
export async function compareTables(
  from: Proof,
  to: Proof,
  all: readonly Moved[],
  { verify = 'full', signal }: Pick<TransferOptions, 'verify' | 'signal'>,
): Promise<{ tables: FilledTable[]; unequal: Moved[] }> {
  const tables: FilledTable[] = []
  const unequal: Moved[] = []
  for (const moved of all) {
    throwIfStopped(signal)
    const start = performance.now()
    const [one, other] = await both(async (proof, side) => COMPARE[verify]?.(proof, moved, side), from, to)
    if (!isSame(one, other)) unequal.push(moved)
    const { rows = 0, digest } = one ?? {}
    const seconds = (performance.now() - start) / 1000
    tables.push({ table: nameOf(moved.from), rows, bytes: 0, seconds, ...(digest && { digest }) })
  }
  return { tables, unequal }
}

/** Rows of the tables that are not the same on both sides, some of each. */
export async function pinned(from: Proof, to: Proof, unequal: readonly Moved[]): Promise<RowDifference[]> {
  const found: RowDifference[] = []
  for (const moved of unequal) found.push(...(await differences(from, to, moved)).rows)
  return found
}

/** Rows of one side whose hashes are looked at, at a time. */
const ROWS_AT_A_TIME = 200_000

/**
 * Pins the difference of two tables to their rows: by sums of parts of them, divided by the hash of the key, then row by
 * row in the parts that differ.
 *
 * @param most how many rows are told
 */
export async function differences(from: Proof, to: Proof, moved: Moved, most = 20): Promise<Differences> {
  const parts = await differentParts(from, to, moved)
  const found: Found[] = []
  let total = 0
  while (parts.length > 0 && total < most) {
    const some = nextParts(parts)
    const [before, after] = await both((proof, side) => proof.hashes(moved, side, some), from, to)
    for (const difference of compare(before, after)) {
      if (total++ < most) found.push(difference)
    }
  }
  return { rows: await described(from, to, moved, found), total, complete: parts.length === 0 }
}

function both<T>(ask: (proof: Proof, side: Side) => Promise<T>, from: Proof, to: Proof): Promise<[T, T]> {
  return Promise.all([ask(from, 'from'), ask(to, 'to')])
}

interface Part {
  readonly bucket: number
  readonly rows: number
}

/** Parts whose sums differ, and how many rows each has on both sides. */
async function differentParts(from: Proof, to: Proof, moved: Moved): Promise<Part[]> {
  const [before, after] = await both((proof, side) => proof.buckets(moved, side), from, to)
  const others = new Map(after.map((one) => [one.bucket, one]))
  const parts: Part[] = []
  for (const { bucket, rows, sum } of before) {
    const other = others.get(bucket)
    others.delete(bucket)
    if (other?.rows !== rows || other.sum !== sum) parts.push({ bucket, rows: rows + (other?.rows ?? 0) })
  }
  return [...parts, ...others.values()]
}

/** Takes as many parts as can be held in memory, but at least one. */
function nextParts(parts: Part[]): Set<number> {
  const some = new Set<number>()
  let rows = 0
  for (let part = parts.at(-1); part !== undefined; part = parts.at(-1)) {
    rows += part.rows
    if (some.size > 0 && rows > 2 * ROWS_AT_A_TIME) break
    some.add(part.bucket)
    parts.pop()
  }
  return some
}

interface Found {
  readonly key: bigint
  readonly change: RowDifference['change']
  /** The row's hash on each side that has it. */
  readonly before?: bigint
  readonly after?: bigint
}

/** What of two lists of rows has no equal in the other. Rows of one key go together, as far as there are. */
function* compare(before: readonly RowHash[], after: readonly RowHash[]): Generator<Found> {
  const rows = new Map<bigint, Map<bigint, number>>()
  const put = (list: readonly RowHash[], by: number) => {
    for (const { key, row } of list) {
      const counts = rows.get(key) ?? new Map<bigint, number>()
      counts.set(row, (counts.get(row) ?? 0) + by)
      rows.set(key, counts)
    }
  }
  put(before, 1)
  put(after, -1)
  for (const [key, counts] of rows) {
    const left = [...counts].flatMap(([row, n]) => new Array<bigint>(Math.max(n, 0)).fill(row))
    const right = [...counts].flatMap(([row, n]) => new Array<bigint>(Math.max(-n, 0)).fill(row))
    for (let i = 0; i < Math.max(left.length, right.length); i++) {
      const [one, other] = [left[i], right[i]]
      if (one !== undefined && other !== undefined) {
        yield { key, change: 'different', before: one, after: other }
      } else if (one !== undefined) yield { key, change: 'missing', before: one }
      else if (other !== undefined) yield { key, change: 'extra', after: other }
    }
  }
}

/** Reads the rows that were found. */
async function described(
  from: Proof,
  to: Proof,
  moved: Moved,
  found: readonly Found[],
): Promise<RowDifference[]> {
  if (found.length === 0) return []
  const keys = new Set(found.map(({ key }) => key))
  const [before, after] = await both((proof, side) => proof.rows(moved, side, keys, found.length), from, to)
  return found.map((one) => {
    const left = rowOf(before, one.key, one.before)
    const right = rowOf(after, one.key, one.after)
    const key = keyTexts(moved, left ?? right)
    const columns = key === undefined || one.change === 'different' ? valuesOf(moved, left, right) : undefined
    return { table: nameOf(moved.from), key, change: one.change, ...(columns && { columns }) }
  })
}

function rowOf(rows: readonly RowFound[], key: bigint, hash: bigint | undefined): RowFound | undefined {
  return rows.find((row) => row.key === key && row.row === hash)
}

function keyTexts(moved: Moved, row: RowFound | undefined): Record<string, string> | undefined {
  if (!hasKey(moved) || row === undefined) return undefined
  return Object.fromEntries(
    moved.key.map((name) => {
      const i = moved.columns.findIndex(({ from }) => from.name === name)
      return [name, shortened(row.values[i]?.text ?? 'NULL', 0)]
    }),
  )
}

/** The values of a row, only those that differ where both sides have it. */
function valuesOf(
  moved: Moved,
  before: RowFound | undefined,
  after: RowFound | undefined,
): ValueDifference[] {
  return moved.columns.flatMap((column, i) => {
    const [left, right] = [before?.values[i], after?.values[i]]
    if (left && right && left.hash === right.hash) return []
    const at = left?.text && right?.text ? firstDifference(left.text, right.text) : 0
    return {
      name: column.from.name,
      ...(left && { from: left.text === null ? null : shortened(left.text, at) }),
      ...(right && { to: right.text === null ? null : shortened(right.text, at) }),
    }
  })
}

function firstDifference(a: string, b: string): number {
  let at = 0
  while (at < a.length && at < b.length && a[at] === b[at]) at++
  return at
}

/** Characters of a value that are shown, and how many of them before the first that differs. */
const WIDTH = 60
const BEFORE = 20

function shortened(text: string, at: number): string {
  if (text.length <= WIDTH) return text
  const start = Math.max(0, Math.min(at - BEFORE, text.length - WIDTH))
  const end = start + WIDTH
  return `${start > 0 ? '…' : ''}${text.slice(start, end)}${end < text.length ? '…' : ''}`
}
