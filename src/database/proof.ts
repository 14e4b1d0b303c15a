import type { Moved, Side } from '../core/transfer/moved.ts'
import type { Digest } from './end.ts'

/** What one side says of a table by itself, so that it can be compared with what the other says. */
export interface Proof {
  /** The number of rows, and a digest of their canonical form that does not depend on their order. */
  digest(moved: Moved, side: Side): Promise<Digest>
  count(moved: Moved, side: Side): Promise<number>
  /** The same as the digest for each of `BUCKETS` parts of the table; those without rows are left out. */
  buckets(moved: Moved, side: Side): Promise<readonly Bucket[]>
  /** The rows of some of the parts. */
  hashes(moved: Moved, side: Side, buckets: ReadonlySet<number>): Promise<readonly RowHash[]>
  /**
   * The rows with these keys.
   *
   * @param most of each key: without a key rows may be equal
   */
  rows(moved: Moved, side: Side, keys: ReadonlySet<bigint>, most: number): Promise<readonly RowFound[]>
}

/** Into how many parts a table is divided by the hash of its rows' keys. */
export const BUCKETS = 1024

export interface Bucket {
  readonly bucket: number
  readonly rows: number
  readonly sum: bigint
}

export interface RowHash {
  /** The hash of the key; without a key that of the row. */
  readonly key: bigint
  readonly row: bigint
}

export interface RowFound extends RowHash {
  /** One for each of the columns that are moved. */
  readonly values: readonly ValueFound[]
}

export interface ValueFound {
  readonly hash: bigint
  /** As the side writes it, cut after `SHOWN` characters. */
  readonly text: string | null
}

/** Characters of a value that are read to be shown. */
export const SHOWN = 10_000

/** The columns of a key among those that are moved; without one, all of them. */
export function keyOf(moved: Moved): readonly number[] {
  const key = moved.key.map((name) => moved.columns.findIndex(({ from }) => from.name === name))
  return key.length === 0 || key.includes(-1) ? [...moved.columns.keys()] : key
}

/** Whether rows can be told apart by something else than all that they hold. */
export function hasKey(moved: Moved): boolean {
  return (
    moved.key.length > 0 && moved.key.every((name) => moved.columns.some(({ from }) => from.name === name))
  )
}

/** So many columns have their NULLs told by one number, which both sides can count with. */
export const GROUP = 31
