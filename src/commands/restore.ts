import { statSync } from 'node:fs'
import { type BackupPlace, checkBackupPlace } from '../core/backup.ts'
import { MigrateError } from '../core/errors.ts'
import type { Dialect } from '../core/migrations.ts'
import { shortest } from '../core/text.ts'
import { type BackupFacts, withDatabase } from '../database/database.ts'
import { dialectOfBackup, noBackup } from '../database/files.ts'
import { TABLE } from '../database/history.ts'
import { dialectOf, sqlitePath, type Target } from '../database/target.ts'
import { type BackupOptions, copyOptions, takeBackup } from './backup.ts'
import { checkLockTimeout, lockOptions } from './lock.ts'
import { DEFAULT_DATABASE, type Options } from './options.ts'

export interface RestoreOptions extends Pick<Options, 'database' | 'logger' | 'onProgress' | 'signal'> {
  /** What `backup` has written. */
  readonly file: string
  /** Put it in the place of what the database holds, after a backup of that. */
  readonly replace?: boolean
  /** Where that backup goes. */
  readonly backup?: BackupPlace
  /** Milliseconds to wait for another process that migrates. Default: 60,000. */
  readonly lockTimeout?: number
}

export interface RestoreResult extends BackupFacts {
  readonly dialect: Dialect
  /** The database, without user and password. */
  readonly database: string
  /** What was restored. */
  readonly file: string
  /** The backup of what the database held before. */
  readonly backup?: string
}

/**
 * Puts a backup into a new or empty database, or with `replace` in the place of what a database holds, after a backup
 * of that: all or nothing.
 *
 * @throws USAGE, BACKUP, NOT_EMPTY, TOOL, LOCK_TIMEOUT, ABORTED; the codes of the connection: CONFIG, CONNECTION,
 *   AUTHENTICATION, PERMISSION, READ_ONLY, NOT_A_DATABASE, BUSY, DATABASE
 */
export async function restore(options: RestoreOptions): Promise<RestoreResult> {
  const { file, database: target = DEFAULT_DATABASE, replace = false, backup: place = {} } = options
  checkBackupPlace(place)
  checkLockTimeout(options.lockTimeout)
  refuseItself(file, target)
  const dialect = dialectOfBackup(file)
  if (dialect !== dialectOf(target)) {
    const [of, is] = [dialect, dialectOf(target)].map((one) => (one === 'sqlite' ? 'SQLite' : 'PostgreSQL'))
    throw noBackup(file, `it is a backup of ${of}, and the database is ${is}`, `name a database of ${of}`)
  }
  return withDatabase(target, {}, async (database) => {
    const copy = copyOptions(options)
    const facts = await database.verifyBackup(file, copy)
    const key = await database.qualify(TABLE)
    return database.lock(key, lockOptions(options, database), async () => {
      const empty = await database.isEmpty()
      if (!empty && !replace) {
        throw new MigrateError('NOT_EMPTY', `${database.name} holds data already`, {
          hint: 'name an empty database, or give --replace, which takes a backup of it first',
        })
      }
      // Without `keep`: the file that is restored may be the oldest one.
      const saved = empty ? undefined : await takeBackup(database, safety(options))
      const backup = saved && { backup: saved.file }
      try {
        await database.restore(file, copy)
      } catch (error) {
        throw error instanceof MigrateError && backup ? error.with(backup) : error
      }
      options.logger?.info(`restored ${shortest(file)}`)
      return { dialect, database: database.name, file: shortest(file), ...facts, ...backup }
    })
  })
}

/** How the backup is taken of what is replaced. */
function safety({ backup = {}, signal, logger, onProgress }: RestoreOptions): BackupOptions {
  const { keep: _, ...place } = backup
  return { ...place, ...(signal && { signal }), ...(logger && { logger }), ...(onProgress && { onProgress }) }
}

/** A look at the names only: to open and close a file by itself frees SQLite's locks on it in this process. */
function refuseItself(file: string, target: Target): void {
  if (dialectOf(target) !== 'sqlite') return
  const path =
    typeof target === 'string' ? sqlitePath(target) : 'location' in target ? target.location() : null
  const [one, other] = [file, path].map((name) => statSync(name ?? '', { throwIfNoEntry: false }))
  if (one !== undefined && one.ino === other?.ino && one.dev === other.dev)
    throw noBackup(file, 'it is the database itself', 'name a backup')
}
