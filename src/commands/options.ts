import { MigrateError } from '../core/errors.ts'
import type { MigrationSource } from '../core/migrations.ts'
import type { Script } from '../core/script.ts'
import type { LockOptions } from '../database/lock.ts'
import type { Target as DatabaseTarget } from '../database/target.ts'

/** The database where nothing else is said. */
export const DEFAULT_DATABASE = './data/nexflow.db'

/** Nexflow's own migrations, which come with this package. */
export const NEXFLOW_MIGRATIONS = new URL('../../migrations/', import.meta.url)

/** What happens while a command runs. */
export type ProgressEvent =
  | { readonly type: 'waiting' }
  | {
      readonly type: 'started' | 'finished'
      readonly direction: 'up' | 'down'
      readonly id: string
      /** Its place in this run, from 1. */
      readonly index: number
      readonly total: number
    }

export interface Logger {
  info(message: string): void
  warn(message: string): void
}

/** What every command takes. */
export interface Options {
  /** A URL, a path, or an open `DatabaseSync`, `pg.Client` or `pg.Pool`. Default: `./data/nexflow.db`. */
  readonly database?: DatabaseTarget
  /** A folder, its URL, or the files themselves. Default: Nexflow's migrations. */
  readonly migrations?: MigrationSource
  /** Told in sentences what is done. */
  readonly logger?: Logger
  /** Told in data what is done. */
  readonly onProgress?: (event: ProgressEvent) => void
  /** Stops before the next migration. */
  readonly signal?: AbortSignal
}

/** What the commands take that change the database. */
export interface ChangeOptions extends Options {
  /** Exactly this migration. */
  readonly id?: string
  /** Every migration up to this one, or back to it, itself included. */
  readonly to?: string
  /** So many migrations. */
  readonly steps?: number
  /** Only tell what would be done. */
  readonly dryRun?: boolean
  /** `each`: a transaction for each migration (default). `all`: one for all of them, all or nothing. */
  readonly transaction?: 'each' | 'all'
  /** Milliseconds to wait for another process that migrates. Default: 60,000. */
  readonly lockTimeout?: number
}

/** A migration that a dry run would apply or roll back. */
export interface PlannedStep {
  readonly id: string
  readonly file: string
  readonly sql: string
}

/** A migration that was applied or rolled back. */
export interface DoneStep {
  readonly id: string
  readonly file: string
}

/** @throws USAGE if the options contradict each other */
export function checkOptions(options: ChangeOptions & { readonly all?: boolean }): void {
  const given = (['id', 'to', 'steps', 'all'] as const).filter((name) => options[name] !== undefined)
  if (given.length > 1) {
    throw new MigrateError('USAGE', `${given.join(' and ')} cannot be given together`, {
      hint: 'give one of them',
    })
  }
  const { steps, lockTimeout, transaction } = options
  if (steps !== undefined && !(Number.isSafeInteger(steps) && steps > 0)) {
    throw new MigrateError('USAGE', 'steps must be a whole number from 1', { hint: 'such as --steps 1' })
  }
  if (lockTimeout !== undefined && !(lockTimeout >= 0)) {
    throw new MigrateError('USAGE', 'the lock timeout must be a number from 0', {
      hint: 'such as --lock-timeout 60',
    })
  }
  if (transaction !== undefined && !['each', 'all'].includes(transaction)) {
    throw new MigrateError('USAGE', 'transaction must be each or all', { hint: 'such as --transaction all' })
  }
}

/** How a command waits for the lock. */
export function lockOptions({
  lockTimeout = 60_000,
  signal,
  logger,
  onProgress,
}: ChangeOptions): LockOptions {
  return {
    timeout: lockTimeout,
    signal,
    onWait: () => {
      logger?.info('another process is migrating: waiting for it')
      onProgress?.({ type: 'waiting' })
    },
  }
}

/** The steps as they are told, without their SQL. */
export function done(steps: readonly { id: string; script: Script }[]): DoneStep[] {
  return steps.map(({ id, script }) => ({ id, file: script.file }))
}

/** The steps as a dry run tells them. */
export function planned(steps: readonly { id: string; script: Script }[]): PlannedStep[] {
  return steps.map(({ id, script }) => ({ id, file: script.file, sql: script.text }))
}
