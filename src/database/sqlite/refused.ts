import { isSqliteError } from './errors.ts'

/** Primary result codes (https://sqlite.org/rescode.html): a constraint, a type of a STRICT table, a value too large. */
const REFUSALS = [19, 20, 18]

/** Whether SQLite refused what a row holds, and not that anything was written at all. */
export function isRefusal(error: unknown): error is Error & { errcode: number } {
  return isSqliteError(error) && REFUSALS.includes(error.errcode & 0xff)
}

/** A primary key, UNIQUE, a rowid. */
const TAKEN = [1555, 2067, 2579]

/** Whether another row has the values that must be unique. */
export function isTaken(error: unknown): boolean {
  return isSqliteError(error) && TAKEN.includes(error.errcode)
}
