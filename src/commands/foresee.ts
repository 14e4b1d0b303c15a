import type { MigrateError } from '../core/errors.ts'
import type { Effect } from '../core/lint/effect.ts'
import type { Work } from '../core/lint/forecast.ts'
import type { Move } from '../core/lint/lineage.ts'
import type { Copies } from '../core/schema/convert/copies.ts'
import type { Schema } from '../core/schema/model.ts'
import type { Script } from '../core/script.ts'
import type { Spot } from '../core/sql-error.ts'
import { place, skipBlank } from '../core/text.ts'
import type { Database, Reading } from '../database/database.ts'

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

/** What scripts would do, and what is to be said of how that was found out. */
export interface ForeseenAll {
  readonly all: readonly Foreseen[]
  readonly notes: readonly string[]
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

/** Statements as they were measured. */
export interface Through {
  readonly effects: readonly (readonly Effect[])[]
  readonly error?: MigrateError
  /** What could not be tried. */
  readonly notes: readonly string[]
}

/** Measures a script on a shadow without rows: what fails only for want of them is passed over. */
export async function measureThrough(
  shadow: Database,
  script: Script,
  readings: readonly Reading[],
): Promise<Through> {
  const effects: (readonly Effect[])[] = []
  const notes: string[] = []
  for (;;) {
    const done = readings[effects.length - 1]?.end ?? 0
    const measured = await shadow.measure(blanked(script, done))
    effects.push(...measured.map((one) => one.effects))
    const error = measured.at(-1)?.error
    if (error === undefined) return { effects, notes }
    const failed = readings[effects.length - 1]
    if (failed === undefined || !wantsRows(failed, error)) return { effects, notes, error }
    const { line } = place(script.file, script.text, skipBlank(script.text, failed.start))
    notes.push(`${script.file}:${line} could not be tried without rows: ${error.message}`)
  }
}

/** The script from a place on, where it was. */
export function blanked(script: Script, to: number): Script {
  return { ...script, text: script.text.slice(0, to).replace(/[^\n]/g, ' ') + script.text.slice(to) }
}

/** Whether a statement that reads or writes rows may have failed because there are none. */
function wantsRows({ kind }: Reading, { cause }: MigrateError): boolean {
  const { code = '', errcode = 0 } = (cause ?? {}) as { code?: string; errcode?: number }
  // What code raises, in a block or a function.
  if (code.startsWith('P0')) return true
  // SQLITE_CONSTRAINT; more than one row, data exceptions, constraints.
  const ofRows = (errcode & 0xff) === 19 || /^2[123]/.test(code)
  return ofRows && (kind === 'data' || kind === 'opaque')
}

/** How a statement moves the rows of tables. */
export function moveOf(reading: Reading, text: string, copies: Copies): Move {
  if (reading.kind !== 'data') return reading
  const copied = copies.columns(text)
  // Where SQLite copies a table as it is, it does not say that it reads it.
  const reads = reading.reads.length > 0 ? reading.reads : copies.sources(text)
  return { ...reading, reads, ...(copied && { copies: copied }) }
}
