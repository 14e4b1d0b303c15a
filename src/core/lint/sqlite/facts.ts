import type { Direction } from '../../migrations.ts'
import type { Schema, Table } from '../../schema/model.ts'
import type { Script } from '../../script.ts'
import type { Spot } from '../../sql-error.ts'

/** What a script does, as SQLite was seen to do it: without rows, and with some in the tables that it touches. */
export interface SqliteFacts {
  readonly script: Script
  readonly direction: Direction
  readonly before: Schema
  readonly after: Schema
  /** Of a down script: the schema before its up script. What that made may go. */
  readonly origin?: Schema
  /** As far as they could be compiled. */
  readonly statements: readonly SqliteStatement[]
  /** It fails on empty tables. */
  readonly fails?: Failure
  /** It fails on tables with rows only. */
  readonly failsOnRows?: Failure
  /** An earlier migration could not be replayed: what is not there may be missing for that reason only. */
  readonly doubtful: boolean
  /** What became of the tables that were there. */
  readonly tables: readonly TableFate[]
  /** Views and triggers that compiled before it and do not after it. */
  readonly broken: readonly Broken[]
  /** Names in lower case of the indexes, triggers and views that it says to drop, and the statement that does. */
  readonly dropped: ReadonlyMap<string, number>
  /** The last statement, by its index, that made or changed a table; by its name after the script, in lower case. */
  readonly changedAt: ReadonlyMap<string, number>
}

export interface Failure {
  /** Which statement. */
  readonly statement: number
  /** Where in the script, in characters. */
  readonly at: number
  /** SQLite's words, or this tool's. */
  readonly words: string
}

export interface SqliteStatement extends Spot {
  readonly text: string
  readonly pragma?: { readonly name: string; readonly value?: string }
  readonly vacuum?: true
  /** Every row of a table that was there is changed or deleted. */
  readonly whole?: { readonly table: string; readonly verb: 'UPDATE' | 'DELETE' }
  /** Rows of a table that was there are put into another. */
  readonly copies?: { readonly from: string; readonly into: string }
  /** A table that was there gets rows. */
  readonly inserts?: string
  /** What becomes of rows that break a constraint, where the statement says. */
  readonly conflict?: 'IGNORE' | 'REPLACE'
  /** An index of a table that was there, and still is the same. */
  readonly makesIndex?: { readonly index: string; readonly table: string }
  /** IF NOT EXISTS, and there is one of that name which is not the same. */
  readonly keeps?: { readonly type: string; readonly name: string }
}

export interface TableFate {
  readonly table: Table
  /** `rebuilt`: it was dropped, or renamed, and another has its name. */
  readonly fate: 'kept' | 'rebuilt' | 'renamed' | 'dropped'
  /** What bears its name now; where it was renamed, itself. */
  readonly now?: Table
  /** The statement that dropped or renamed it. */
  readonly at: number
  /** It was renamed first, while others referred to it. */
  readonly renamedTo?: string
  /** Foreign keys of others that referred to it when it was dropped. */
  readonly referrers: readonly Referrer[]
  readonly columns: readonly ColumnFate[]
  /** What its rebuild made of rows; nothing where there were none. */
  readonly rows?: RowFacts
}

export interface Referrer {
  readonly table: string
  readonly onDelete: string
  /** It was made by this script. */
  readonly isNew: boolean
}

export interface ColumnFate {
  readonly name: string
  readonly fate: 'kept' | 'renamed' | 'dropped'
  /** Its new name. */
  readonly to?: string
  readonly at: number
}

export interface RowFacts {
  readonly had: number
  readonly has: number
  /** Columns that now hold what another one held. */
  readonly swapped: readonly { readonly column: string; readonly holds: string }[]
  /** Columns of which every row has the same now. */
  readonly emptied: readonly string[]
  /** Columns of which CAST has made other values. */
  readonly zeroed: readonly string[]
  /** AUTOINCREMENT goes on from less than it had come to. */
  readonly counter?: true
}

export interface Broken {
  readonly type: 'view' | 'trigger'
  readonly name: string
  /** SQLite's. */
  readonly words: string
  /** The statement after which it does not compile. */
  readonly at: number
}
