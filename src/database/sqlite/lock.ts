import { realpathSync, statSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { type LockOptions, lockLost, waitForLock } from '../lock.ts'
import { fromSqlite, isBusy } from './errors.ts'

/**
 * Does `work` while no other process does any on the same file.
 *
 * The lock is SQLite's own, on an empty file beside the database: the operating system frees it when the process
 * dies, and it lasts over many transactions, which a lock in the database itself cannot. The file stays, since
 * removing a lock file would let two processes lock two files of one name.
 *
 * @param work is given a function that throws where the lock is no longer held
 * @throws LOCK_TIMEOUT, LOCK_LOST, ABORTED, PERMISSION, READ_ONLY
 */
export async function withFileLock<T>(
  path: string,
  options: LockOptions,
  work: (check: () => void) => Promise<T>,
): Promise<T> {
  const file = `${realpathSync(path)}.migrate-lock`
  const lock = openLock(file)
  try {
    await waitForLock(options, async () => acquire(lock, file))
    const inode = inodeOf(file)
    // Somebody who removes the file lets a second process lock another one of its name.
    const check = () => {
      if (inode === undefined || inodeOf(file) !== inode) throw lockLost(file)
    }
    return await work(check)
  } finally {
    lock.close()
  }
}

function inodeOf(file: string): bigint | undefined {
  return statSync(file, { bigint: true, throwIfNoEntry: false })?.ino
}

/** Takes the lock on a file, if nobody has it, and gives the function that frees it. */
export function tryLock(file: string): (() => void) | undefined {
  const lock = openLock(file)
  if (acquire(lock, file)) return () => lock.close()
  lock.close()
  return undefined
}

function openLock(file: string): DatabaseSync {
  try {
    return new DatabaseSync(file, { timeout: 0 })
  } catch (error) {
    throw fromSqlite(error, file) ?? error
  }
}

function acquire(lock: DatabaseSync, file: string): boolean {
  try {
    // A killed process is to leave no journal behind. (OFF is refused by node:sqlite's defensive mode.)
    lock.exec('PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE')
    return true
  } catch (error) {
    if (isBusy(error)) return false
    throw fromSqlite(error, file) ?? error
  }
}

/** Milliseconds in which the write lock is tried for again and again, once waiting for it has failed. */
const INSIST = 2000

/**
 * Begins a transaction that writes. SQLite's own waiting sleeps between two tries, and a program that writes all the
 * time leaves the lock for microseconds only: after it, each of them is tried for.
 */
export function beginWriting(native: DatabaseSync): void {
  const begin = () => native.exec('BEGIN IMMEDIATE')
  try {
    begin()
    return
  } catch (error) {
    if (!isBusy(error)) throw error
  }
  const timeout = native.prepare('PRAGMA busy_timeout').get()?.timeout
  native.exec('PRAGMA busy_timeout = 0')
  try {
    for (const end = Date.now() + INSIST; ; ) {
      try {
        begin()
        return
      } catch (error) {
        if (!isBusy(error) || Date.now() > end) throw error
      }
    }
  } finally {
    native.exec(`PRAGMA busy_timeout = ${timeout}`)
  }
}
