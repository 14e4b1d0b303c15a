import { accessSync, constants, existsSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { MigrateError } from '../../core/errors.ts'
import type { ConnectOptions } from '../database.ts'
import { makeFolders } from '../files.ts'
import { sqlitePath } from '../target.ts'
import { fromSqlite } from './errors.ts'
import { withFileLock } from './lock.ts'

/** Milliseconds that a statement waits for another program's write. */
const BUSY_TIMEOUT = 5000

/**
 * Opens a file, or `:memory:`: foreign keys on, a busy timeout, every commit on disk before it returns.
 *
 * @throws NOT_A_DATABASE, READ_ONLY, PERMISSION, BUSY
 */
export function connect(url: string, { create = false }: ConnectOptions): DatabaseSync {
  const path = sqlitePath(url)
  const memory = path === ':memory:' || !(create || existsSync(path))
  if (create && !memory) makeFolder(path)
  let native: DatabaseSync | undefined
  try {
    native = new DatabaseSync(memory ? ':memory:' : path, { timeout: BUSY_TIMEOUT })
    native.exec('PRAGMA synchronous = FULL')
    return native
  } catch (error) {
    if (native?.isOpen) native.close()
    if (statSync(path, { throwIfNoEntry: false })?.isDirectory()) {
      throw new MigrateError('NOT_A_DATABASE', `${path} is a folder, not a database file`, {
        hint: `name a file, such as ${path}/nexflow.db`,
      })
    }
    const known = fromSqlite(error, path)
    if (known?.code !== 'PERMISSION' || !isReadOnly(dirname(path))) throw known ?? error
    throw new MigrateError('READ_ONLY', `${path}: its file system is read-only`, {
      hint: 'mount it so that it can be written to, or name another file with --database',
      cause: error,
    })
  }
}

function isReadOnly(folder: string): boolean {
  try {
    accessSync(folder, constants.W_OK)
    return false
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EROFS'
  }
}

/**
 * Sets WAL mode, so that readers and a writer do not wait for each other. It lasts: the file remembers it.
 * Two that set it at once can fail, whatever their busy timeouts: it needs the lock of `withFileLock`.
 *
 * @throws READ_ONLY, BUSY
 */
export function setWal(native: DatabaseSync): void {
  try {
    native.exec('PRAGMA journal_mode = WAL')
  } catch (error) {
    throw fromSqlite(error, native.location() ?? ':memory:') ?? error
  }
}

/** Sets WAL mode for an application, where it is not set. */
export async function ensureWal(native: DatabaseSync): Promise<void> {
  const path = native.location()
  const mode = native.prepare('PRAGMA journal_mode').get()?.journal_mode
  if (path === null || mode === 'wal') return
  const options = { timeout: BUSY_TIMEOUT, signal: undefined, onWait: async () => undefined }
  await withFileLock(path, options, async () => setWal(native))
}

function makeFolder(path: string): void {
  try {
    makeFolders(dirname(path))
  } catch (cause) {
    throw new MigrateError('PERMISSION', `cannot make the folder of ${path}: ${(cause as Error).message}`, {
      hint: 'make the folder, or name another file with --database',
      cause,
    })
  }
}
