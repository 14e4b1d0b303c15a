import type { Lock } from '../core/lint/effect.ts'
import type { Rate, Size } from '../core/lint/forecast.ts'
import type { Named, Schema } from '../core/schema/model.ts'
import type { Row } from './database.ts'

/** What a migration will take of a table that is there. */
export interface Need {
  readonly table: Named
  readonly lock: Lock
}

/** Somebody or something that a migration would wait for now, or stumble over. */
export interface Blocker {
  readonly kind:
    | 'transaction'
    | 'prepared transaction'
    | 'autovacuum'
    | 'waiting'
    | 'invalid index'
    | 'writer'
  /** The tables that it is about; none: the whole database. */
  readonly tables: readonly string[]
  readonly pid?: number
  readonly user?: string
  readonly application?: string
  /** Such as `idle in transaction`. */
  readonly state?: string
  /** When its transaction began: ISO 8601, UTC. */
  readonly since?: string
  /** When its last statement began: ISO 8601, UTC. */
  readonly queryStart?: string
  /** Of the index, or of the prepared transaction. */
  readonly name?: string
}

/** The place that a database takes, where it can be told. */
export interface Room {
  /** Bytes that are free where the files are. */
  readonly free: number
  /** Bytes of the database that are free in its own file. */
  readonly reusable: number
  /** Bytes of the write-ahead log now; left out: there is none. */
  readonly wal?: number
}

/** What a question to the rows came to. */
export type Answer =
  | { readonly rows: readonly Row[] }
  /** A value is at fault. */
  | { readonly refused: string }
  /** It could not be answered: no right, not in time. */
  | { readonly unknown: string }

/** Looks at a live database without changing anything. */
export interface Outlook {
  /** PostgreSQL: the release, such as 18. */
  readonly major?: number
  /**
   * All that the database holds beside its rows.
   *
   * @throws BUSY if somebody has locked what must be read for it
   */
  schema(): Promise<Schema>
  /** How large tables are, in their order. Rows are counted where that is quick, and estimated elsewhere. */
  sizes(tables: readonly Named[]): Promise<Size[]>
  /** @param everyone somebody waits for every open transaction, whatever it uses */
  blockers(needs: readonly Need[], everyone: boolean): Promise<Blocker[]>
  /**
   * How quickly rows are read and written here: tried for less than a second on something of its own, which is gone
   * afterwards.
   *
   * @param largest a table of which a part is read
   */
  calibrate(largest: Named | undefined): Promise<Rate>
  /** @param milliseconds after which it is given up, where that can be done */
  ask(sql: string, milliseconds: number): Promise<Answer>
  room(): Promise<Room | undefined>
}
