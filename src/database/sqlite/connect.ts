import { existsSync, mkdirSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { MigrateError } from '../../core/errors.ts'
import type { ConnectOptions } from '../database.ts'
import { sqlitePath } from '../target.ts'
import { fromSqlite } from './errors.ts'

/** Milliseconds that a statement waits for another program's write. */
const BUSY_TIMEOUT = 5000

/**
 * Opens a file, or `:memory:`: foreign keys on, WAL, a busy timeout, every commit on disk before it returns.
 *
 * @throws NOT_A_DATABASE, READ_ONLY, PERMISSION, BUSY
 */
export function connect(url: string, { create = false }: ConnectOptions): DatabaseSync {
  const path = sqlitePath(url)
  const memory = path === ':memory:' || !(create || existsSync(path))
  if (!memory) preparePath(path)
  try {
    const native = new DatabaseSync(memory ? ':memory:' : path, { timeout: BUSY_TIMEOUT })
    const mode = native.prepare('PRAGMA journal_mode').get()?.journal_mode
    if (create && !memory && mode !== 'wal') native.exec('PRAGMA journal_mode = WAL')
    native.exec('PRAGMA synchronous = FULL')
    return native
  } catch (error) {
    throw fromSqlite(error, path) ?? error
  }
}

function preparePath(path: string): void {
  if (statSync(path, { throwIfNoEntry: false })?.isDirectory()) {
    throw new MigrateError('NOT_A_DATABASE', `${path} is a folder, not a database file`, {
      hint: `name a file, such as ${path}/nexflow.db`,
    })
  }
  try {
    mkdirSync(dirname(path), { recursive: true })
  } catch (cause) {
    throw new MigrateError('PERMISSION', `cannot make the folder of ${path}: ${(cause as Error).message}`, {
      hint: 'make the folder, or name another file with --database',
      cause,
    })
  }
}
