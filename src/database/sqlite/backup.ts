import { chmodSync, existsSync, statSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { backup as copyPages, DatabaseSync } from 'node:sqlite'
import { setTimeout as pause } from 'node:timers/promises'
import { pathToFileURL } from 'node:url'
import { Worker } from 'node:worker_threads'
import { MigrateError } from '../../core/errors.ts'
import { list, quoteName, shortest } from '../../core/text.ts'
import type { BackupFacts, CopyOptions } from '../database.ts'
import { noBackup, publish, withWorkFolder } from '../files.ts'
import { POLL, throwIfStopped } from '../lock.ts'
import { fromSqlite, isBusy, isSqliteError } from './errors.ts'

/** Pages that are copied in one step: 4 MB of the usual ones. Fewer or more make no difference to the time. */
const STEP = 1000

/** Milliseconds that a reader waits for the end of another program's recovery. */
const BUSY_TIMEOUT = 5000

/** Rows of each table, and the values of the column that is compared. */
interface Contents {
  readonly rows: ReadonlyMap<string, number>
  readonly values: readonly unknown[]
}

/**
 * SQLite's online backup (https://sqlite.org/backup.html), from within a read transaction: without one, each write
 * of another process would begin it anew.
 *
 * @param to where nothing is yet
 */
export async function backup(
  native: DatabaseSync,
  name: string,
  to: string,
  options: CopyOptions,
): Promise<BackupFacts> {
  const path = native.location()
  const source = await guarded(name, async () => {
    if (path === null) return copyMemory(native, to, options)
    return withSnapshot(path, async (snapshot) => {
      warnOfWriters(snapshot, name, options)
      const contents = contentsOf(snapshot, options)
      await copy(snapshot, to, 'backup', options)
      chmodSync(to, statSync(path).mode & 0o777)
      return contents
    })
  })
  const copied = await verify(to, options, (why) => notVerified(name, why))
  const difference = differs(source, copied)
  if (difference !== undefined) throw notVerified(name, difference)
  return facts(to, copied)
}

function notVerified(name: string, why: string): MigrateError {
  return new MigrateError('BACKUP', `the copy of ${name} does not verify, and was removed: ${why}`, {
    hint: 'the database itself may be damaged: run PRAGMA integrity_check on it, and check the disk',
  })
}

/** A database in memory has one connection, the application's. */
function copyMemory(native: DatabaseSync, to: string, options: CopyOptions): Contents {
  const contents = contentsOf(native, options)
  native.prepare('VACUUM INTO ?').run(to)
  return contents
}

/** Does `work` with a connection that sees the database as it is now, whoever writes meanwhile. */
async function withSnapshot<T>(path: string, work: (snapshot: DatabaseSync) => Promise<T>): Promise<T> {
  const snapshot = new DatabaseSync(path, { timeout: BUSY_TIMEOUT })
  try {
    // The transaction begins with the first read.
    snapshot.exec('BEGIN; SELECT 1 FROM sqlite_schema')
    return await work(snapshot)
  } finally {
    snapshot.close()
  }
}

function warnOfWriters(snapshot: DatabaseSync, name: string, { onWarning }: CopyOptions): void {
  if (pragma(snapshot, 'journal_mode') === 'wal') return
  onWarning(`${name} is not in WAL mode: who writes to it waits until it is copied`)
}

/** Copies page by page, on Node's threads. The copy is on the disk when this ends. */
async function copy(
  source: DatabaseSync,
  to: string,
  what: 'backup' | 'restore',
  { signal, onBytes }: CopyOptions,
): Promise<void> {
  const size = Number(pragma(source, 'page_size'))
  const pages = await copyPages(source, to, {
    rate: STEP,
    progress: ({ totalPages, remainingPages }) => {
      throwIfStopped(signal)
      onBytes(what, size * (totalPages - remainingPages), size * totalPages)
    },
  })
  onBytes(what, size * pages, size * pages)
}

/**
 * Verifies a file that nobody writes to: SQLite's own check of its structure, and that every row can be counted.
 *
 * @throws BACKUP
 */
export async function verifyBackup(from: string, options: CopyOptions): Promise<BackupFacts> {
  if ((statSync(`${from}-wal`, { throwIfNoEntry: false })?.size ?? 0) > 0) {
    throw noBackup(
      from,
      `part of it stands in ${shortest(resolve(from))}-wal`,
      'it is a database in use: make a backup of it, and restore that',
    )
  }
  const refuse = (why: string) => noBackup(from, `it is damaged: ${why}`, 'restore another backup')
  return facts(from, await verify(from, options, refuse))
}

async function verify(
  path: string,
  options: CopyOptions,
  refuse: (why: string) => MigrateError,
): Promise<Contents> {
  const { size } = statSync(path)
  options.onBytes('verify', 0, size)
  try {
    const file = openStill(path)
    try {
      const contents = contentsOf(file, options)
      const found = await integrity(path, contents.rows, options.signal)
      if (found.length > 0) throw refuse(list(found, 3))
      options.onBytes('verify', size, size)
      return contents
    } finally {
      file.close()
    }
  } catch (error) {
    throw isSqliteError(error) ? refuse(error.message) : error
  }
}

/** Opens a file that nobody writes to, without the files that WAL mode would put beside it. */
function openStill(path: string): DatabaseSync {
  return new DatabaseSync(still(path), { readOnly: true })
}

function still(path: string): URL {
  const url = pathToFileURL(path)
  url.searchParams.set('immutable', '1')
  return url
}

function contentsOf(database: DatabaseSync, { compare }: CopyOptions): Contents {
  const tables = database
    .prepare(`SELECT name FROM sqlite_schema WHERE type = 'table' AND rootpage > 0`)
    .all()
  const rows = new Map(
    tables.map(({ name }) => {
      const counted = database.prepare(`SELECT count(*) AS n FROM ${quoteName(String(name))}`).get()
      return [String(name), Number(counted?.n)]
    }),
  )
  if (!rows.has(compare.table)) return { rows, values: [] }
  const { table, column } = compare
  const values = database.prepare(`SELECT ${quoteName(column)} AS value FROM ${quoteName(table)} ORDER BY 1`)
  return { rows, values: values.all().map(({ value }) => value) }
}

function differs(source: Contents, copied: Contents): string | undefined {
  for (const table of new Set([...source.rows.keys(), ...copied.rows.keys()])) {
    const [had, has] = [source.rows.get(table), copied.rows.get(table)]
    if (had !== has) return `${table} has ${has ?? 'no'} rows and not ${had ?? 'none'}`
  }
  const same = JSON.stringify(source.values) === JSON.stringify(copied.values)
  return same ? undefined : 'its history differs'
}

function facts(path: string, { rows }: Contents): BackupFacts {
  const counts = [...rows.values()]
  return {
    bytes: statSync(path).size,
    tables: counts.length,
    rows: counts.reduce((sum, n) => sum + n, 0),
  }
}

/**
 * What `PRAGMA integrity_check` finds wrong. It is cut into parts that together do all of it, for as many threads as
 * there are processors: each table with its indexes, and what is not a table's (the list of free pages, that each
 * page is used once), which `quick_check` of the whole file does.
 */
async function integrity(
  path: string,
  rows: ReadonlyMap<string, number>,
  signal: AbortSignal | undefined,
): Promise<string[]> {
  const largestFirst = [...rows].sort(([, a], [, b]) => b - a).map(([name]) => name)
  const parts = largestFirst.map((name) => `PRAGMA integrity_check(${quoteName(name)})`)
  parts.splice(1, 0, 'PRAGMA quick_check')
  const found = await Promise.all(
    Array.from({ length: Math.min(parts.length, availableParallelism()) }, () =>
      checkParts(still(path).href, parts, signal),
    ),
  )
  return found.flat()
}

/** Takes parts off the list and checks them in a thread, until none is left. */
function checkParts(url: string, parts: string[], signal: AbortSignal | undefined): Promise<string[]> {
  // As text, so that it needs no file of its own, which a bundler of an application would lose.
  const worker = new Worker(`(${checkInThread})()`, { eval: true, execArgv: [], workerData: url })
  const found: string[] = []
  const done = new Promise<string[]>((resolved, rejected) => {
    const next = () => {
      const part = parts.shift()
      if (part === undefined) resolved(found)
      else worker.postMessage(part)
    }
    worker.on('message', (lines: string[]) => {
      found.push(...lines.filter((line) => line !== 'ok'))
      next()
    })
    worker.on('error', rejected)
    signal?.addEventListener('abort', () => rejected(signal.reason), { once: true })
    next()
  })
  return done.catch(stopped(signal)).finally(() => worker.terminate())
}

function stopped(signal: AbortSignal | undefined) {
  return (error: unknown): never => {
    throwIfStopped(signal)
    throw error
  }
}

/** Runs in a thread, alone with what it is given. */
function checkInThread(): void {
  const { parentPort, workerData } = process.getBuiltinModule('node:worker_threads')
  const { DatabaseSync } = process.getBuiltinModule('node:sqlite')
  const database = new DatabaseSync(new URL(workerData), { readOnly: true })
  // Mapped, the file is read without being copied: a third of the time less.
  database.exec(`PRAGMA mmap_size = ${2 ** 40}`)
  parentPort?.on('message', (pragma: string) => {
    const rows = database.prepare(pragma).all()
    parentPort.postMessage(rows.map((row) => String(Object.values(row)[0])))
  })
}

/**
 * Into a database that is there: SQLite's backup the other way round, one transaction of the database, which its
 * other connections see as a whole or not at all. Into a file that is not there: a copy that is given its name when
 * it is whole.
 *
 * @param missing the path of the file that is to be made
 */
export async function restore(
  native: DatabaseSync,
  missing: string | undefined,
  name: string,
  from: string,
  options: CopyOptions,
): Promise<void> {
  const path = native.location()
  if (path === null && missing === undefined) {
    throw new MigrateError('BACKUP', `${name}: nothing can be restored into a database in memory`, {
      hint: 'name a file with --database',
    })
  }
  await guarded(name, async () => {
    const source = openStill(from)
    try {
      if (path !== null) await overwrite(native, path, name, source, options)
      else if (missing !== undefined) await make(missing, from, source, options)
    } finally {
      source.close()
    }
  })
}

async function make(path: string, from: string, source: DatabaseSync, options: CopyOptions): Promise<void> {
  // SQLite would take it for this database's and write its pages into it.
  const left = ['-wal', '-journal'].map((end) => `${path}${end}`).find((file) => existsSync(file))
  if (left !== undefined) {
    throw new MigrateError('NOT_EMPTY', `${shortest(left)} is there, and belongs to another database`, {
      hint: 'move it away: it may hold data of a database that was removed',
    })
  }
  await withWorkFolder(dirname(path), async (folder) => {
    const copied = join(folder, 'copy')
    await copy(source, copied, 'restore', options)
    chmodSync(copied, statSync(from).mode & 0o777)
    publish(copied, [path])
  })
}

async function overwrite(
  native: DatabaseSync,
  path: string,
  name: string,
  source: DatabaseSync,
  options: CopyOptions,
): Promise<void> {
  const [has, wants] = [pragma(native, 'page_size'), pragma(source, 'page_size')]
  if (has !== wants) {
    throw new MigrateError('BACKUP', `${name} has pages of ${has} bytes, and the backup of ${wants}`, {
      hint: 'restore it into a file that is not there, stop the application, and exchange the two',
    })
  }
  const start = Date.now()
  for (;;) {
    try {
      return await copy(source, path, 'restore', options)
    } catch (error) {
      if (!isKeptOut(error)) throw error
      if (Date.now() - start >= options.timeout) throw keptOut(name, error)
    }
    await pause(POLL)
    throwIfStopped(options.signal)
  }
}

/** Another program writes: Node's backup does not wait for it, and says so with no code. */
function isKeptOut(error: unknown): boolean {
  return isBusy(error) || (isSqliteError(error) && error.errcode === 0)
}

function keptOut(name: string, cause: unknown): MigrateError {
  return new MigrateError('BUSY', `${name}: database is locked`, {
    hint: 'another program is writing to the database: stop it and try again',
    cause,
  })
}

async function guarded<T>(name: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if (error instanceof MigrateError || !isSqliteError(error)) throw error
    throw (
      fromSqlite(error, name) ?? new MigrateError('DATABASE', `${name}: ${error.message}`, { cause: error })
    )
  }
}

function pragma(database: DatabaseSync, key: string): unknown {
  return database.prepare(`PRAGMA ${key}`).get()?.[key]
}
