import { type Code, MigrateError } from '../core/errors.ts'
import type { Migration } from '../core/migrations.ts'
import { diff } from '../core/schema/diff.ts'
import { type Difference, differenceText } from '../core/schema/difference.ts'
import type { Schema } from '../core/schema/model.ts'
import { type RowChange, rowChanges, rowChangeText } from '../core/schema/rows/row-changes.ts'
import { list } from '../core/text.ts'
import type { Replay } from './replay.ts'
import { readRows } from './rows.ts'
import type { Scene } from './stage.ts'

/**
 * What comes of a migration on tables with rows: up, down, up.
 *
 * - `reversible`: down brings back the schema and every row.
 * - `shape only`: it brings back the schema, and not what up had taken away or changed of rows and values; or rows stay
 *   that up had put in.
 * - `lossy`: something of the schema is not back, or rows or values are lost that were still there after up.
 * - `irreversible (declared)`: up works, and the migration says that there is no way back.
 * - `fails`: up fails on tables with rows; or down fails, or there is none; or the second up fails, or makes another
 *   schema than the first from the same one.
 * - `not reached`: an earlier migration fails, even on empty tables.
 */
export type Verdict =
  | 'reversible'
  | 'shape only'
  | 'lossy'
  | 'irreversible (declared)'
  | 'fails'
  | 'not reached'

/** What a database or a file says against a migration. */
export interface Failure {
  readonly code: Code
  readonly message: string
  readonly file?: string
  readonly line?: number
  readonly column?: number
  readonly excerpt?: string
  readonly hint?: string
}

/** A migration on one database. */
export interface Judgement {
  readonly verdict: Verdict
  /** Why, in sentences. */
  readonly reasons: readonly string[]
  /** What is worth a look and does not change the verdict. */
  readonly notes: readonly string[]
  /** Between the schema before it and the one after down. */
  readonly differences: readonly Difference[]
  /** Between the rows before it and those after down. */
  readonly rows: readonly RowChange[]
  /** Why it fails; or, where it does not, on which rows it would. */
  readonly error?: Failure
}

/** What came of up, down and up again. */
export interface Outcome {
  /** Why the first up fails. */
  readonly up?: MigrateError
  /** Why it is not to be rolled back. */
  readonly irreversible?: string
  /** What fails behind the first up. */
  readonly failure?: { readonly what: string; readonly error: MigrateError }
  readonly differences: readonly Difference[]
  readonly rows: readonly RowChange[]
  /** Between the schemas after the first up and after the second. */
  readonly second: readonly Difference[]
  /** The database is as after up. */
  readonly clean: boolean
  readonly schema: Schema
}

/** What no other migration would help against. */
const FATAL = ['CONNECTION', 'ABORTED', 'LOCK_LOST', 'SHADOW', 'INTERNAL']

/** The error of a script, if it fails. Others are thrown. */
export async function ownError(work: Promise<unknown>): Promise<MigrateError | undefined> {
  try {
    await work
    return undefined
  } catch (error) {
    if (error instanceof MigrateError && !FATAL.includes(error.code)) return error
    throw error
  }
}

/** Up, down and up again. */
export async function tryOut(replay: Replay, { id, up, down }: Migration, before: Scene): Promise<Outcome> {
  const { database } = replay
  const nothing = { differences: [], rows: [], second: [], clean: true, schema: before.schema }
  const error = await ownError(replay.run(up))
  if (error !== undefined) return { ...nothing, up: error, clean: false }
  const schema = await replay.schema()
  const script = down?.()
  if (script?.irreversible !== undefined) return { ...nothing, irreversible: script.irreversible, schema }
  if (script === undefined) return { ...nothing, failure: { what: '', error: noDown(id) }, schema }

  const between = await readRows(database, schema)
  const back = await ownError(replay.run(script))
  // What fails in a transaction has changed nothing.
  if (back)
    return { ...nothing, failure: { what: 'down fails: ', error: back }, clean: script.transaction, schema }
  const after = await replay.schema()
  const differences = diff(before.schema, after)
  const rows = rowChanges(before.rows, between, await readRows(database, after))
  const again = await ownError(replay.run(up))
  if (again) {
    const failure = { what: 'up fails after down: ', error: again }
    return { ...nothing, failure, differences, rows, clean: false }
  }
  // From the same it makes the same.
  const same = differences.length === 0 && rows.length === 0
  const now = same ? schema : await replay.schema()
  const second = diff(schema, now).filter((one) => !isOrder(one))
  return { differences, rows, second, clean: second.length === 0, schema: now }
}

function noDown(id: string): MigrateError {
  return new MigrateError('NO_DOWN', `${id} has no down script`, {
    hint: `write ${id}.down.sql, or "-- migrate: irreversible <reason>" in the up script`,
  })
}

/** A column that was dropped comes back behind the others: nothing can be done about that. */
function isOrder({ aspects }: Difference): boolean {
  return aspects.length > 0 && aspects.every(({ aspect }) => aspect === 'column order')
}

/**
 * The verdict.
 *
 * @param refused why up fails on other rows than these
 */
export function judge(outcome: Outcome, notes: readonly string[], refused?: MigrateError): Judgement {
  const { up, failure, irreversible, rows, second } = outcome
  const differences = outcome.differences.filter((one) => !isOrder(one))
  const order = outcome.differences.filter(isOrder)
  const error = up ?? failure?.error ?? refused
  return {
    verdict: verdictOf(outcome, differences),
    reasons: [
      ...(up === undefined ? [] : [`works on empty tables, fails on rows: ${up.message}`]),
      ...(failure === undefined ? [] : [`${failure.what}${failure.error.message}`]),
      ...(irreversible === undefined ? [] : [irreversible]),
      ...differences.map((one) => sentence(one, 'the schema before it', 'the schema after down')),
      ...rows.map(rowChangeText),
      ...second.map((one) => sentence(one, 'the schema after up', 'the one after down and up')),
    ],
    notes: [
      ...(up === undefined && refused ? [`works on some rows and fails on others: ${refused.message}`] : []),
      ...order.map(({ name, aspects }) => orderText(name, aspects)),
      ...notes,
    ],
    differences,
    rows,
    ...(error && { error: failureOf(error) }),
  }
}

function verdictOf(
  { up, failure, irreversible, rows, second }: Outcome,
  differences: readonly Difference[],
): Verdict {
  if (up !== undefined || failure !== undefined) return 'fails'
  // From another schema up makes another one: that is not its fault.
  if (second.length > 0 && differences.length === 0) return 'fails'
  if (irreversible !== undefined) return 'irreversible (declared)'
  if (differences.length > 0 || rows.some(({ had, change }) => had && change !== 'left over')) return 'lossy'
  return rows.length > 0 ? 'shape only' : 'reversible'
}

function sentence(difference: Difference, before: string, after: string): string {
  const text = differenceText(difference, { before, after })
  return difference.table === undefined ? text : `${difference.table}: ${text}`
}

function orderText(table: string, aspects: Difference['aspects']): string {
  const [{ before, after } = { before: '', after: '' }] = aspects
  return `the columns of ${table} are in another order after down: ${list(after.split(', '), 20)}; they were ${list(before.split(', '), 20)}`
}

/** A migration that cannot even be tried on rows. */
export function failed(reason: string, error: MigrateError): Judgement {
  return {
    verdict: 'fails',
    reasons: [reason],
    notes: [],
    differences: [],
    rows: [],
    error: failureOf(error),
  }
}

export function notReached({ message, file }: MigrateError): Judgement {
  const where = file === undefined ? '' : ` (${file})`
  const reason = `an earlier migration fails on empty tables: ${message}${where}`
  return { verdict: 'not reached', reasons: [reason], notes: [], differences: [], rows: [] }
}

function failureOf({ code, message, details }: MigrateError): Failure {
  const { file, line, column, excerpt, hint } = details
  return {
    code,
    message,
    ...(file !== undefined && { file }),
    ...(line !== undefined && { line }),
    ...(column !== undefined && { column }),
    ...(excerpt !== undefined && { excerpt }),
    ...(hint !== undefined && { hint }),
  }
}
