import type { DatabaseSync } from 'node:sqlite'
import type { Pool } from 'pg'
import type { MigrateError } from '../core/errors.ts'
import type { Measured } from '../core/lint/effect.ts'
import type { Dialect } from '../core/migrations.ts'
import type { Schema } from '../core/schema/model.ts'
import type { Script } from '../core/script.ts'
import type { Spot, Sql } from '../core/sql-error.ts'
import type { Batched } from './batch.ts'
import type { End } from './end.ts'
import type { LockOptions } from './lock.ts'
import type { Outlook } from './outlook.ts'
import type { Patience } from './patience.ts'
import type { Loss, Shape } from './stash.ts'
import { dialectOf, type Native, type Target } from './target.ts'

/** A row as the driver gives it. */
export type Row = Record<string, unknown>

/** Runs a script inside a transaction. */
export type Run = (sql: Sql) => Promise<void>

/** What is watched over while scripts run. */
export interface Watch {
  readonly scripts: readonly Script[]
  /** Told before the commit what a rebuild of a table forgot. What it throws rolls back. */
  onForgotten(what: readonly string[]): void
}

/** What has finished: a statement, or one that sets something for the session only. */
export type Finished = 'statement' | 'session'

/** How far a script has come that runs outside a transaction. */
export interface Progress {
  /** Where its next statement begins, in characters. */
  readonly from: number
  /** Statements before that which set something for the session only, and are run again. */
  readonly session: readonly Spot[]
  /** Whether the next statement was started and how it ended is not known; or what a person says of it. */
  readonly doubt: 'none' | 'unknown' | 'done' | 'again'
  /** The SQL that notes that the next statement was started. */
  started(): Sql
  /** The SQL that notes that it has finished. */
  finished(spot: Spot, kind?: Finished): Sql
  /** That note holds: the next statement is the one behind it. */
  pass(spot: Spot, kind?: Finished): void
  /** How to say that nobody but a person can know whether a statement has run. */
  unknown(spot: Spot): Error
}

/**
 * The seam between the databases. It knows SQL and nothing of migrations.
 * Errors of a driver come out as MigrateError; an error in `Sql` has its file, line and column.
 */
export interface Database {
  readonly dialect: Dialect
  /** How people are told which database it is: no password. */
  readonly name: string
  /** The rows that one statement gives, with the columns that its text names. */
  query<T = Row>(sql: string): Promise<T[]>
  /** A string literal. */
  quote(text: string): string
  /** The columns of a table where new tables are made, with their types in lower case; none if it is not there. */
  columns(table: string): Promise<Map<string, string>>
  /** The table's name so that no setting of a script can make it mean another. */
  qualify(table: string): Promise<string>
  /**
   * Does `work` in one transaction: all or nothing, committed durably. What is run goes to the server in one message
   * where it can, BEGIN and COMMIT with it, so an error may come as late as the commit. Under the lock it is made
   * sure first that the lock is still held. With `patience`, where others have the locks that it needs, all of it is
   * taken back and `work` done again: what it gives is that of the last time, and nothing else of it must stay.
   *
   * @throws SQL, TRANSACTION_STATEMENT, LOCK_LOST, BLOCKED, ABORTED, ROWS_LOST, FOREIGN_KEY and the errors of the
   *   connection
   */
  transaction<T>(work: (run: Run) => Promise<T>, watch?: Watch): Promise<T>
  /**
   * Runs a script statement by statement, outside a transaction, from where it stopped. What can run in a transaction
   * does so together with its note; the others are noted before and after.
   *
   * @throws SQL, TRANSACTION_STATEMENT, LOCK_LOST, BLOCKED, ABORTED, NOT_IN_TRANSACTION, what `progress.unknown` says, and the errors of the connection
   */
  statements(script: Script, progress: Progress): Promise<void>
  /**
   * Reads a script whose statements are run in batches, sets what it sets for its session and does `work` with the
   * others. It changes nothing itself.
   *
   * @throws DIRECTIVE where a statement cannot be run in batches, SQL, TRANSACTION_STATEMENT, NOT_IN_TRANSACTION
   */
  batches<T>(script: Script, work: (statements: readonly Batched[]) => Promise<T>): Promise<T>
  /**
   * The later scripts that need what `without` makes, so that it cannot be taken back under them. In doubt, all.
   *
   * @param before what ran before it, in order
   */
  dependents(before: readonly Sql[], without: Sql, later: readonly Sql[]): Promise<Sql[]>
  /**
   * What each of the scripts takes away, one run after the other, found out without changing anything. From the first
   * that fails, its error.
   *
   * @throws BLOCKED, ABORTED
   */
  losses(scripts: readonly Script[]): Promise<(Loss[] | MigrateError)[]>
  /**
   * The statements of a script and what each does, found out without changing anything.
   *
   * @throws SQL, TRANSACTION_STATEMENT
   */
  read(script: Sql): Promise<Reading[]>
  /**
   * Runs a script on this throw-away database statement by statement, each in a transaction of its own where that is
   * possible, and tells what each does to the tables that were there before it. What was run stays; the first that
   * fails is the last. What the script sets for its session holds to its end.
   *
   * @throws SQL where the script cannot be read, TRANSACTION_STATEMENT
   */
  measure(script: Script): Promise<Measured[]>
  /** Inside a transaction: nobody else writes to the table until its end. */
  freeze(schema: string, table: string): Promise<void>
  /** A table as it is now; undefined if it is not there. */
  shape(schema: string, table: string): Promise<Shape | undefined>
  /** What can be told of a change before it is made: nothing is changed. */
  outlook(): Promise<Outlook>
  /** What a transfer does with it, as the source or as the target. */
  end(): Promise<End>
  /** All that it holds beside its rows, in a number of queries that does not grow with it. Nothing is changed. */
  introspect(): Promise<Schema>
  /**
   * Does `work` while no other process does any under the same key.
   * The lock is freed when the process dies.
   *
   * @throws LOCK_TIMEOUT, LOCK_LOST, ABORTED
   */
  lock<T>(key: string, options: LockOptions, work: () => Promise<T>): Promise<T>
  /** Whether nobody has made anything in it. */
  isEmpty(): Promise<boolean>
  /**
   * Writes a copy of what it holds at one moment to `path`, where nothing is yet, and verifies it. Nobody is kept
   * from writing meanwhile.
   *
   * @throws BACKUP, TOOL, ABORTED and the errors of the connection
   */
  backup(path: string, options: CopyOptions): Promise<BackupFacts>
  /**
   * Verifies a backup, as far as it can be without the database that it is of.
   *
   * @throws BACKUP, TOOL, ABORTED
   */
  verifyBackup(path: string, options: CopyOptions): Promise<BackupFacts>
  /**
   * Puts what a verified backup holds in the place of all that the database holds: all or nothing.
   *
   * @throws BACKUP, TOOL, NOT_EMPTY, ABORTED and the errors of the connection
   */
  restore(path: string, options: CopyOptions): Promise<void>
  /** Gives back what was taken of the handle; the handle itself stays open. */
  close(): Promise<void>
}

/** How much a backup holds. */
export interface BackupFacts {
  readonly bytes: number
  readonly tables: number
  readonly rows: number
}

/** How a database is copied. */
export interface CopyOptions {
  /** A table whose values of one column are compared too, if it is there. */
  readonly compare: { readonly table: string; readonly column: string }
  /** Smaller, where the dialect can. */
  readonly compress: boolean
  /** Milliseconds to wait for those who keep it from being written. */
  readonly timeout: number
  readonly signal: AbortSignal | undefined
  /** Told how many bytes are done, of how many where that is known. */
  readonly onBytes: (what: 'backup' | 'verify' | 'restore', done: number, total?: number) => void
  /** Told what the application will feel. */
  readonly onWarning: (message: string) => void
}

/** A statement of a script and what it does, as the database's own reader has it. */
export interface Reading extends Spot {
  /**
   * `schema` changes what the model knows of, `data` writes rows, `session` sets something or only reads. Of what is
   * `opaque` no reader can tell: it runs code. `other` changes what the model does not know of, such as rights.
   */
  readonly kind: 'schema' | 'data' | 'session' | 'opaque' | 'other'
  /** Tables by the names that they have at that moment. */
  readonly makes: readonly string[]
  readonly drops: readonly string[]
  readonly writes: readonly string[]
  readonly reads: readonly string[]
  /** It gives a table, or a column of it, another name. */
  readonly renames?: { readonly table: string; readonly column?: string; readonly to: string }
  /** It makes a table and fills it with rows. */
  readonly fills?: true
}

/** How a database is connected to. */
export interface ConnectOptions {
  /** Make the file and its folder where they are not there; without, a missing file counts as empty. */
  readonly create?: boolean
  /** How its transactions wait for the locks of others; without, as the server has it. Nothing to SQLite. */
  readonly patience?: Patience
}

/** What each dialect's `database.ts` gives. The driver is loaded with it, and not before. */
interface Driver {
  connect(target: string, options: ConnectOptions): Native | Promise<Native>
  disconnect(native: Native): Promise<void>
  /** @param url what the handle was connected to, if it was here */
  wrap(native: Native, url?: string, patience?: Patience): Promise<Database>
}

async function driver(dialect: Dialect): Promise<Driver> {
  return dialect === 'sqlite' ? import('./sqlite/database.ts') : import('./postgres/database.ts')
}

/**
 * Connects to a database, or takes the caller's handle, does `work` and closes what was opened.
 *
 * @throws CONFIG, CONNECTION, AUTHENTICATION, NOT_A_DATABASE, READ_ONLY, PERMISSION, BUSY, DATABASE
 */
export async function withDatabase<T>(
  target: Target,
  options: ConnectOptions,
  work: (database: Database) => Promise<T>,
): Promise<T> {
  const { connect, disconnect, wrap } = await driver(dialectOf(target))
  const native = typeof target === 'string' ? await connect(target, options) : target
  try {
    const database = await wrap(native, typeof target === 'string' ? target : undefined, options.patience)
    try {
      return await work(database)
    } finally {
      await database.close()
    }
  } finally {
    if (typeof target === 'string') await disconnect(native)
  }
}

/** A handle that an application goes on with. */
export type Connected =
  | { readonly dialect: 'sqlite'; readonly native: DatabaseSync; close(): Promise<void> }
  | { readonly dialect: 'postgres'; readonly native: Pool; close(): Promise<void> }

/**
 * Connects for an application, which is given the driver's own handle: for PostgreSQL a pool.
 *
 * @throws CONFIG, CONNECTION, AUTHENTICATION, NOT_A_DATABASE, READ_ONLY, PERMISSION, BUSY
 */
export async function connectForApplication(target: string): Promise<Connected> {
  if (dialectOf(target) === 'sqlite') {
    const { connect, disconnect, ensureWal } = await import('./sqlite/database.ts')
    const native = connect(target, { create: true })
    try {
      await ensureWal(native)
    } catch (error) {
      native.close()
      throw error
    }
    return { dialect: 'sqlite', native, close: () => disconnect(native) }
  }
  const { connectPool, disconnect } = await import('./postgres/database.ts')
  const native = await connectPool(target)
  return { dialect: 'postgres', native, close: () => disconnect(native) }
}
