import { existsSync, readdirSync, rmSync, statSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { type BackupPlace, backupNames, checkBackupPlace, surplusBackups } from '../core/backup.ts'
import { MigrateError } from '../core/errors.ts'
import type { Dialect } from '../core/migrations.ts'
import { shortest } from '../core/text.ts'
import { type BackupFacts, type CopyOptions, type Database, withDatabase } from '../database/database.ts'
import { dialectOfBackup, publish, refuseTaken, withWorkFolder } from '../database/files.ts'
import { TABLE } from '../database/history.ts'
import { throwIfStopped } from '../database/lock.ts'
import { type ChangeOptions, DEFAULT_DATABASE, type Options } from './options.ts'

/** The folder of the backups where nothing else is said. */
const DEFAULT_DIR = 'backups'

export interface BackupOptions
  extends Pick<Options, 'database' | 'logger' | 'onProgress' | 'signal'>,
    BackupPlace {
  /** Exactly this file, or for PostgreSQL this folder; it must not be there. Default: a name in `dir`. */
  readonly file?: string
}

export interface BackupResult extends BackupFacts {
  readonly dialect: Dialect
  /** The database, without user and password. */
  readonly database: string
  /** What was written: a file for SQLite, a folder for PostgreSQL. */
  readonly file: string
  /** Older backups that went, since no more than `keep` stay. */
  readonly removed: readonly string[]
}

/**
 * Writes a verified copy of the database as it is at one moment, while others go on writing to it. Under its name
 * there is all of it or nothing, and nothing is overwritten.
 *
 * @throws USAGE, BACKUP, TOOL, ABORTED; the codes of the connection: CONFIG, CONNECTION, AUTHENTICATION, PERMISSION,
 *   NOT_A_DATABASE, BUSY, DATABASE
 */
export async function backup(options: BackupOptions = {}): Promise<BackupResult> {
  checkBackupPlace(options)
  return withDatabase(options.database ?? DEFAULT_DATABASE, {}, async (database) => {
    if (!(await database.isEmpty())) return takeBackup(database, options)
    throw new MigrateError('BACKUP', `${database.name} holds nothing that could be backed up`, {
      hint: 'name the database with --database',
    })
  })
}

/** Takes a backup of an open database. */
export async function takeBackup(database: Database, options: BackupOptions): Promise<BackupResult> {
  const { file, dir = DEFAULT_DIR, keep, signal } = options
  const { dialect, name } = database
  throwIfStopped(signal)
  if (file !== undefined) refuseTaken(file)
  const folder = file === undefined ? dir : dirname(file)
  return withWorkFolder(folder, async (work) => {
    const copy = join(work, 'copy')
    const facts = await database.backup(copy, copyOptions(options))
    throwIfStopped(signal)
    const written = publish(copy, file === undefined ? pathsIn(dir, dialect) : [file])
    options.logger?.info(`wrote the backup ${shortest(written)}`)
    const removed = file !== undefined || keep === undefined ? [] : prune(dialect, written, keep)
    return { dialect, database: name, file: shortest(written), ...facts, removed }
  })
}

function* pathsIn(dir: string, dialect: Dialect): Generator<string> {
  for (const name of backupNames(dialect, new Date())) yield join(dir, name)
}

/** Removes the oldest backups, once a new one is there. What is no backup of this kind stays, whatever its name. */
function prune(dialect: Dialect, written: string, keep: number): string[] {
  const dir = dirname(written)
  const backups = readdirSync(dir).filter((name) => isBackup(join(dir, name), dialect))
  const surplus = surplusBackups(dialect, backups, basename(written), keep)
  return surplus.map((name) => {
    rmSync(join(dir, name), { recursive: true })
    return shortest(join(dir, name))
  })
}

/** The newest backup of this kind of database in the folder, and when it was finished: ISO 8601, UTC. */
export function lastBackup(
  dialect: Dialect,
  dir = DEFAULT_DIR,
): { readonly file: string; readonly takenAt: string } | undefined {
  const paths = existsSync(dir) ? readdirSync(dir).map((name) => join(dir, name)) : []
  const [last] = paths
    .filter((path) => isBackup(path, dialect))
    .map((path) => ({ path, time: statSync(path).mtime }))
    .sort((a, b) => b.time.getTime() - a.time.getTime())
  return last && { file: shortest(last.path), takenAt: last.time.toISOString() }
}

function isBackup(path: string, dialect: Dialect): boolean {
  try {
    return dialectOfBackup(path) === dialect
  } catch {
    return false
  }
}

/** How `backup` and `restore` copy. */
export function copyOptions(
  options: Pick<BackupOptions, 'compress' | 'signal' | 'logger' | 'onProgress'> & { lockTimeout?: number },
): CopyOptions {
  const { compress = false, signal, logger, onProgress, lockTimeout = 60_000 } = options
  return {
    compare: { table: TABLE, column: 'version' },
    compress,
    timeout: lockTimeout,
    signal,
    onBytes: (what, done, total) =>
      onProgress?.({ type: 'bytes', what, done, ...(total !== undefined && { total }) }),
    onWarning: (message) => logger?.warn(message),
  }
}

/**
 * Takes the backup that `up` and `down` are to take before their first step, then does `work`. An error of the work
 * says where the backup is.
 *
 * @param needed whether there is a step to do
 */
export async function afterBackup<T>(
  database: Database,
  { backup: place, signal, logger, onProgress }: ChangeOptions,
  needed: () => Promise<boolean>,
  work: (backup: { backup?: string }) => Promise<T>,
): Promise<T> {
  // A new database has nothing to lose.
  if (place === undefined || !(await needed()) || (await database.isEmpty())) return work({})
  const given = { ...(signal && { signal }), ...(logger && { logger }), ...(onProgress && { onProgress }) }
  const { file } = await takeBackup(database, { ...place, ...given })
  try {
    return await work({ backup: file })
  } catch (error) {
    throw error instanceof MigrateError ? error.with({ backup: file }) : error
  }
}
