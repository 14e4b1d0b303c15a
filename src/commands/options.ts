import type { BackupPlace } from '../core/backup.ts'
import type { MigrationSource } from '../core/migrations.ts'
import type { Blocker } from '../database/patience.ts'
import type { Target as DatabaseTarget } from '../database/target.ts'
import type { Decision } from './interrupted.ts'
import type { FollowEvent } from './transfer-follow.ts'

/** The database where nothing else is said. */
export const DEFAULT_DATABASE = './data/nexflow.db'

/** Nexflow's own migrations, which come with this package. */
export const NEXFLOW_MIGRATIONS = new URL('../../migrations/', import.meta.url)

/** What happens while a command runs. */
export type ProgressEvent =
  | {
      readonly type: 'waiting'
      readonly message: string
      /** Where it waits for the locks of others in the database, and not for another process that migrates: who they are. */
      readonly blockers?: readonly Blocker[]
    }
  | { readonly type: 'warning' | 'note'; readonly message: string }
  | {
      readonly type: 'started' | 'finished'
      readonly direction: 'up' | 'down'
      readonly id: string
      /** Its place in this run, from 1. */
      readonly index: number
      readonly total: number
    }
  | {
      /** A batch of a statement has committed (`-- migrate: batch <rows>`). */
      readonly type: 'batch'
      readonly id: string
      /** Which UPDATE or DELETE of the script it is, from 1, and of how many. */
      readonly statement: number
      readonly statements: number
      /** Rows that it has gone over, whether it changed them or not. */
      readonly done: number
      /** Rows that there are: counted when it began (`exact`: SQLite), or as the server's statistics have it. */
      readonly total: number
      readonly exact: boolean
      /** Rows in a second. */
      readonly rate: number
      /** Seconds, by that rate. */
      readonly left: number
    }
  | {
      /** Rows of a table have been moved. */
      readonly type: 'rows'
      readonly table: string
      readonly done: number
      /** About how many there are. */
      readonly total: number
      readonly bytes: number
      /** Rows in a second. */
      readonly rate: number
      /** Seconds, by that rate. */
      readonly left: number
    }
  | FollowEvent
  | {
      /** An index, a trigger or a foreign key is built behind the rows. */
      readonly type: 'building'
      readonly table: string
      readonly what: string
    }
  | {
      /** One side of a table is looked through, to be compared with the other. */
      readonly type: 'comparing'
      readonly table: string
    }
  | {
      readonly type: 'bytes'
      readonly what: 'backup' | 'verify' | 'restore'
      /** Bytes. */
      readonly done: number
      /** Bytes, where it is known how many there will be. */
      readonly total?: number
    }

export interface Logger {
  info(message: string): void
  warn(message: string): void
}

/** What every command takes. */
export interface Options {
  /**
   * A URL, a path, or an open `DatabaseSync`, `pg.Client` or `pg.Pool`. Default: `./data/nexflow.db`.
   * After a script that sets something for its session, a `pg.Client` is set back to how it was connected.
   */
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

/** How a change waits for the other sessions of a PostgreSQL server. On SQLite it means nothing. */
export interface WaitOptions {
  /**
   * Milliseconds that a statement may wait for a lock on a table, which keeps others waiting behind it: then all of
   * its transaction is taken back and tried again. Default: 2,000. A script's own `SET lock_timeout` goes before it.
   */
  readonly tableLockTimeout?: number
  /** Milliseconds until a transaction that others block is not tried again and fails. Default: 600,000. */
  readonly maxWait?: number
  /** Milliseconds that a statement may run; 0: as long as it takes. Default: what the server says. */
  readonly statementTimeout?: number
}

/** What the commands take that change the database. */
export interface ChangeOptions extends Options, WaitOptions {
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
  /** Fail where a rebuild of a SQLite table forgot an index, a trigger, a view or a counter. Default: warn. */
  readonly strict?: boolean
  /**
   * Of a script outside a transaction that was interrupted: its statement in doubt has run (`done`), is to run
   * `again`, or all of what it did was undone by hand (`restart`).
   */
  readonly interrupted?: Decision
  /** Let a rollback destroy what it drops, rows and all, instead of keeping it in the stash. */
  readonly discard?: boolean
  /** Milliseconds to wait for another process that migrates. Default: 60,000. */
  readonly lockTimeout?: number
  /** Take a backup before the first step, to this place. With nothing to do there is none. */
  readonly backup?: BackupPlace
}
