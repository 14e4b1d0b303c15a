import { blocksReads, blocksWrites, type Effect, LOCKS, type Lock } from './effect.ts'

/** How large a table is. */
export interface Size {
  readonly rows: number
  /** Without its indexes. */
  readonly bytes: number
  readonly indexBytes: number
}

/** What is done with the rows of a table, the quickest first. */
export const WORKS = ['scan', 'foreign key', 'index', 'rewrite', 'update'] as const
export type Work = (typeof WORKS)[number]

/** How much longer it takes than to read them: measured on PostgreSQL 16, with 2 million rows of 120 bytes. */
const RATIOS: Readonly<Record<Work, number>> = {
  scan: 1,
  'foreign key': 2,
  index: 4.5,
  rewrite: 20,
  update: 110,
}

/** Bytes of a table, without its indexes, with which each is done in a second. */
export type Speeds = Readonly<Record<Work, number>>

/** What was measured on the server, or is taken for granted. */
export interface Rate {
  readonly speeds: Speeds
  /** Bytes a second that are read of a large table of its own, which may lie on the disk. */
  readonly reading?: number
  readonly measured: boolean
}

/** Seconds: at least, and at most. */
export type Range = readonly [least: number, most: number]

export const NO_TIME: Range = [0, 0]

/** How far a prediction may be off, to either side. */
const UNCERTAINTY = 3

/** Seconds that a statement may take beside what it does with rows, where there are some: to commit, to be heard. */
const BESIDE = 0.05

/** Bytes that are read in no time. */
const FEW = 1e6

/** Less than a statement takes that does nothing. */
const LEAST = 0.0005

/** Speeds of which some were measured; the others by what is known of their ratios. */
export function speedsOf(measured: Partial<Speeds> & { readonly scan: number }): Speeds {
  const entries = WORKS.map((work) => [work, measured[work] ?? measured.scan / RATIOS[work]])
  return Object.fromEntries(entries) as Speeds
}

/** The seconds that a work on a table takes. */
export function secondsOf(work: Work, { bytes, indexBytes }: Size, { speeds, reading }: Rate): Range {
  // Its indexes are written anew, or with each row.
  const all = work === 'rewrite' || work === 'update' ? bytes + indexBytes : bytes
  const quick = all / speeds[work]
  const slow = reading === undefined ? quick : quick + Math.max(0, bytes / reading - bytes / speeds.scan)
  return rounded([quick / UNCERTAINTY, slow * UNCERTAINTY + (bytes > FEW ? BESIDE : 0)])
}

export function sum(ranges: readonly Range[]): Range {
  return rounded(ranges.reduce(([a, b], [c, d]) => [a + c, b + d] as const, NO_TIME))
}

function rounded([least, most]: Range): Range {
  const round = (seconds: number) => (seconds < LEAST ? 0 : Number(seconds.toPrecision(2)))
  return [round(least), round(most)]
}

/** Somebody waits for it who reads or writes the table. */
export interface Hold {
  readonly table: string
  readonly lock: Lock
  readonly reads: boolean
  readonly writes: boolean
  /** How long it is held: to the end of the transaction. */
  readonly seconds: Range
}

/**
 * The locks that others wait for, each from the statement that takes it to the end of its transaction.
 *
 * @param together one transaction for all of them
 */
export function holdsOf(
  statements: readonly { readonly effects: readonly Effect[]; readonly seconds: Range }[],
  together: boolean,
): Hold[] {
  const holds = new Map<string, Hold>()
  for (const [i, { effects, seconds }] of statements.entries()) {
    const rest = together ? sum(statements.slice(i).map((one) => one.seconds)) : seconds
    for (const { table, lock } of effects) {
      if (!blocksWrites(lock)) continue
      const known = holds.get(table)
      const strongest = known === undefined || strength(lock) > strength(known.lock) ? lock : known.lock
      const longest = together && known ? known.seconds : sum([known?.seconds ?? NO_TIME, rest])
      holds.set(table, {
        table,
        lock: strongest,
        reads: blocksReads(strongest),
        writes: true,
        seconds: longest,
      })
    }
  }
  return [...holds.values()]
}

function strength(lock: Lock): number {
  return lock === 'WRITE' ? LOCKS.length : LOCKS.indexOf(lock)
}

/** Bytes that are needed until it is over. */
export function spaceOf(work: Work | undefined, effect: Effect, size: Size): number {
  if (effect.rewrite || work === 'rewrite') return size.bytes + size.indexBytes
  // An entry of an index: its values, and where the row is.
  if (work === 'index' && effect.scan) return Math.min(size.bytes, size.rows * INDEX_ENTRY)
  return 0
}

const INDEX_ENTRY = 24
