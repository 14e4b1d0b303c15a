import type { MigrateError } from '../errors.ts'
import type { Spot } from '../sql-error.ts'

/** PostgreSQL's locks on tables, the weakest first: postgresql.org/docs/current/explicit-locking.html */
export const LOCKS = [
  'ACCESS SHARE',
  'ROW SHARE',
  'ROW EXCLUSIVE',
  'SHARE UPDATE EXCLUSIVE',
  'SHARE',
  'SHARE ROW EXCLUSIVE',
  'EXCLUSIVE',
  'ACCESS EXCLUSIVE',
] as const

/** One of them; SQLite has one for the whole database, `WRITE`. */
export type Lock = (typeof LOCKS)[number] | 'WRITE'

/** What a statement does to a table that was there before it, as predicted from its text or as measured. */
export interface Effect {
  /** With its schema where that is not the usual one. */
  readonly table: string
  /** The strongest that it takes on the table. */
  readonly lock: Lock
  /** Every row is read: the more rows, the longer. What an index of it is built from counts. */
  readonly scan: boolean
  /** The table gets a new file, to which every row is written. An index alone does not count. */
  readonly rewrite: boolean
}

/** A statement, and what it did on a throw-away database. */
export interface Measured extends Spot {
  readonly effects: readonly Effect[]
  /** Why it failed; those behind it were not run. */
  readonly error?: MigrateError
}

/** Whether others wait for it who write to the table. */
export function blocksWrites(lock: Lock): boolean {
  return lock === 'WRITE' || LOCKS.indexOf(lock) >= LOCKS.indexOf('SHARE')
}

/** Whether others wait for it who read the table. */
export function blocksReads(lock: Lock): boolean {
  return lock === 'ACCESS EXCLUSIVE'
}
