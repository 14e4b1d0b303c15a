import type { MigrateError } from '../core/errors.ts'
import type { Effect } from '../core/lint/effect.ts'
import type { Work } from '../core/lint/forecast.ts'
import type { Move } from '../core/lint/lineage.ts'
import type { Copies } from '../core/schema/convert/copies.ts'
import type { Schema } from '../core/schema/model.ts'
import type { Spot } from '../core/sql-error.ts'
import type { Reading } from '../database/database.ts'

/** A statement that has not been run on the live database. */
export interface ForeseenStatement extends Spot {
  readonly effects: readonly Effect[]
  readonly move: Move
  /** What it does with rows that it reads or writes. */
  readonly work: Work
  /** It writes some of the rows only, by a condition. */
  readonly some?: true
  /** It waits for every transaction that is open, whatever that uses. */
  readonly waits?: true
  /** It makes this index unless there is one of its name, whatever that is worth. */
  readonly keeps?: string
}

/** What a script would do. */
export interface Foreseen {
  readonly statements: readonly ForeseenStatement[]
  readonly before: Schema
  readonly after: Schema
  /** Effects are measured, not only predicted. */
  readonly measured: boolean
  /** See `Change`. */
  readonly using?: ReadonlyMap<string, { readonly expression: string; readonly plain: boolean }>
  /** It fails even where there are no rows; those behind it are not looked at. */
  readonly error?: MigrateError
}

/** How a statement moves the rows of tables. */
export function moveOf(reading: Reading, text: string, copies: Copies): Move {
  if (reading.kind !== 'data') return reading
  const copied = copies.columns(text)
  // Where SQLite copies a table as it is, it does not say that it reads it.
  const reads = reading.reads.length > 0 ? reading.reads : copies.sources(text)
  return { ...reading, reads, ...(copied && { copies: copied }) }
}
