import { MigrateError } from '../../core/errors.ts'

/** What `node:sqlite` throws: https://nodejs.org/api/sqlite.html, codes of https://sqlite.org/rescode.html */
interface SqliteError extends Error {
  readonly errcode: number
}

export function isSqliteError(error: unknown): error is SqliteError {
  return error instanceof Error && 'errcode' in error
}

/** Somebody else holds the lock. Extended result codes keep the primary one in their low byte. */
export function isBusy(error: unknown): boolean {
  return isSqliteError(error) && (error.errcode & 0xff) === 5
}

/** Primary result codes that are not the script's fault. */
const MEANINGS: Record<
  number,
  { code: 'BUSY' | 'READ_ONLY' | 'NOT_A_DATABASE' | 'PERMISSION' | 'DATABASE'; hint: string }
> = {
  5: { code: 'BUSY', hint: 'another program is writing to the database: try again' },
  6: { code: 'BUSY', hint: 'another connection of this program is using the table: close its statements' },
  8: { code: 'READ_ONLY', hint: 'let this user write to the database file and to its folder' },
  10: { code: 'DATABASE', hint: 'check the disk, its free space and its log' },
  11: { code: 'DATABASE', hint: 'the file is damaged: keep a copy of it and restore a backup' },
  13: { code: 'DATABASE', hint: 'the disk is full: free some space and run the same command again' },
  14: { code: 'PERMISSION', hint: 'check that the folder exists and that this user may write to it' },
  26: { code: 'NOT_A_DATABASE', hint: 'name another file with --database' },
}

/** What SQLite said, as our error; undefined if the statement itself is at fault. */
export function fromSqlite(error: unknown, name: string): MigrateError | undefined {
  if (!isSqliteError(error)) return undefined
  const meaning = MEANINGS[error.errcode & 0xff]
  return (
    meaning &&
    new MigrateError(meaning.code, `${name}: ${error.message}`, { hint: meaning.hint, cause: error })
  )
}
