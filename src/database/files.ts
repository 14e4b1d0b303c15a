import {
  closeSync,
  existsSync,
  fsyncSync,
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readSync,
  renameSync,
  rmSync,
  statSync,
} from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { MigrateError } from '../core/errors.ts'
import type { Dialect } from '../core/migrations.ts'
import { shortest } from '../core/text.ts'

/** Folders in which a backup or a restored file is made; nothing in them has a name that anybody looks for. */
const WORK = { prefix: '.nexflow-migrate-', suffix: '.part' }

/**
 * Does `work` with an empty folder in `dir` that is removed afterwards, and removes those that killed processes left.
 *
 * Which are left is told by a lock in each, which the operating system frees when its process dies: the number of a
 * process would mean nothing in another container.
 *
 * @throws BACKUP if `dir` cannot be written
 */
export async function withWorkFolder<T>(dir: string, work: (folder: string) => Promise<T>): Promise<T> {
  const { tryLock } = await import('./sqlite/lock.ts')
  const made = attempt(dir, () => {
    makeFolders(dir)
    sweep(dir, tryLock)
    return mkdtempSync(join(dir, WORK.prefix))
  })
  const unlock = tryLock(join(made, 'lock'))
  const folder = `${made}${WORK.suffix}`
  try {
    // Only now, with its lock held, it has the name by which another process may take it for left.
    attempt(dir, () => renameSync(made, folder))
    return await work(folder)
  } finally {
    unlock?.()
    for (const path of [made, folder]) rmSync(path, { recursive: true, force: true })
  }
}

function sweep(dir: string, tryLock: (file: string) => (() => void) | undefined): void {
  for (const name of readdirSync(dir)) {
    if (!name.startsWith(WORK.prefix) || !name.endsWith(WORK.suffix)) continue
    const folder = join(dir, name)
    if (!existsSync(join(folder, 'lock'))) continue
    const unlock = tryLock(join(folder, 'lock'))
    unlock?.()
    try {
      // What cannot be removed, the next one removes.
      if (unlock !== undefined) rmSync(folder, { recursive: true, force: true })
    } catch {}
  }
}

/**
 * Gives a finished file or folder the first of these names that is free. It overwrites nothing, whoever else is
 * writing there.
 *
 * @throws BACKUP if no name is free
 */
export function publish(from: string, names: Iterable<string>): string {
  let last = from
  for (const to of names) {
    last = to
    if (!attempt(dirname(to), () => give(from, to))) continue
    syncFolder(dirname(to))
    return to
  }
  throw exists(last)
}

/** @throws BACKUP if something has this name */
export function refuseTaken(path: string): void {
  // A link to nowhere is something too.
  if (lstatSync(path, { throwIfNoEntry: false }) !== undefined) throw exists(path)
}

function exists(path: string): MigrateError {
  return new MigrateError('BACKUP', `${shortest(path)} exists already, and a backup overwrites nothing`, {
    hint: 'give another name, or none',
  })
}

/** Whether the name was free. */
function give(from: string, to: string): boolean {
  try {
    if (statSync(from).isDirectory()) moveFolder(from, to)
    else linkSync(from, to)
    return true
  } catch (error) {
    const { code = '' } = error as NodeJS.ErrnoException
    if (['EEXIST', 'ENOTEMPTY', 'ENOTDIR'].includes(code)) return false
    // A file system without links: there the look before and the move are two steps.
    if (!['EPERM', 'ENOSYS', 'ENOTSUP', 'EOPNOTSUPP'].includes(code)) throw error
    if (existsSync(to)) return false
    renameSync(from, to)
    return true
  }
}

/** A folder with something in it is never replaced: rename(2) refuses. */
function moveFolder(from: string, to: string): void {
  if (existsSync(to)) throw Object.assign(new Error('it exists'), { code: 'EEXIST' })
  renameSync(from, to)
}

/** A new name is on the disk when its folder is. Not every system can say so. */
function syncFolder(dir: string): void {
  try {
    const folder = openSync(dir, 'r')
    try {
      fsyncSync(folder)
    } finally {
      closeSync(folder)
    }
  } catch {}
}

/** What the system refuses, in our words. */
function attempt<T>(dir: string, work: () => T): T {
  try {
    return work()
  } catch (cause) {
    if (cause instanceof MigrateError || !(cause instanceof Error) || !('syscall' in cause)) throw cause
    throw new MigrateError('BACKUP', `cannot write to ${shortest(resolve(dir))}: ${cause.message}`, {
      hint: 'let this user write there, free some space, or name another folder',
      cause,
    })
  }
}

/** One folder after the other: where none can be made, as in /proc, Node's recursive `mkdir` never ends. */
export function makeFolders(folder: string): void {
  if (existsSync(folder)) return
  makeFolders(dirname(folder))
  try {
    mkdirSync(folder)
  } catch (error) {
    // Another process has just made it.
    if (!existsSync(folder)) throw error
  }
}

/** The name that pg_dump gives the list of what a folder of its making holds. */
const TOC = 'toc.dat'

/**
 * Which database a backup is of, by its first bytes.
 *
 * @throws BACKUP if it is none
 */
export function dialectOfBackup(file: string): Dialect {
  const stat = statSync(file, { throwIfNoEntry: false })
  if (stat === undefined) throw noBackup(file, 'it is not there', 'correct the name')
  const head = stat.isDirectory() ? firstBytes(join(file, TOC)) : firstBytes(file)
  if (!stat.isDirectory() && head.startsWith('SQLite format 3\0')) return 'sqlite'
  if (head.startsWith('PGDMP')) return 'postgres'
  throw noBackup(
    file,
    'it is no SQLite database and no archive of pg_dump',
    'name what "backup" has written; feed a plain SQL file to psql',
  )
}

export function noBackup(file: string, why: string, hint: string, cause?: unknown): MigrateError {
  return new MigrateError('BACKUP', `${shortest(resolve(file))} cannot be restored: ${why}`, { hint, cause })
}

function firstBytes(path: string): string {
  try {
    const file = openSync(path, 'r')
    try {
      const bytes = Buffer.alloc(16)
      return bytes.toString('latin1', 0, readSync(file, bytes))
    } finally {
      closeSync(file)
    }
  } catch {
    return ''
  }
}

/** Bytes of a file, or of all the files in a folder. */
export function sizeOf(path: string): number {
  const stat = statSync(path, { throwIfNoEntry: false })
  if (!stat?.isDirectory()) return stat?.size ?? 0
  return readdirSync(path).reduce((sum, name) => sum + sizeOf(join(path, name)), 0)
}
