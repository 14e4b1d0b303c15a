import { constants, type DatabaseSync, type StatementSync } from 'node:sqlite'
import { type Spot, type Sql, sqlError, transactionStatement } from '../../core/sql-error.ts'
import { skipBlank } from '../../core/text.ts'
import { fromSqlite, isSqliteError } from './errors.ts'
import { park } from './park.ts'

/** Characters that are handed to SQLite's parser first; more when the statement is longer. */
const WINDOW = 4096

/** The words with which a statement begins that begins or ends a transaction. */
const TRANSACTION_WORD = /\b(begin|commit|end|rollback)\b/i

/** What SQLite's authorizer says of a statement: an action and its two names, the database and the trigger. */
export interface Action {
  readonly code: number
  readonly first: string | null
  readonly second: string | null
  readonly schema: string | null
  /** The trigger or view that does it. */
  readonly within: string | null
}

/** A statement of a script, compiled and not yet run. */
export interface Statement {
  readonly spot: Spot
  /** What it would do; only where the authorizer was asked. */
  readonly actions: readonly Action[]
  run(): void
}

/** How a script is walked through. */
export interface Walk {
  /** Whether the authorizer is asked what each statement does. */
  readonly watch: boolean
  /** ATTACH and VACUUM INTO make files. (SQLITE_IGNORE for them would crash VACUUM.) */
  readonly attach?: boolean
  /** Where to begin, in characters. */
  readonly from?: number
}

/** Runs every statement of a script. A COMMIT or its like is refused before it is run. */
export function runScript(database: DatabaseSync, sql: Sql, name: string): void {
  const { parks } = sql
  walk(database, sql, name, { watch: parks !== undefined }, ({ actions, run }) => {
    const dropped = actions.find(({ code }) => code === constants.SQLITE_DROP_TABLE)?.first ?? ''
    const target = parks?.get(`main.${dropped}`)
    if (target === undefined) run()
    else park(database, dropped, target)
  })
}

/**
 * Cuts a script and hands out its statements, each to be run before the next is compiled. SQLite's authorizer says
 * what each would do (https://sqlite.org/c3ref/set_authorizer.html).
 *
 * @throws SQL, TRANSACTION_STATEMENT and what `visit` throws
 */
export function walk(
  database: DatabaseSync,
  sql: Sql,
  name: string,
  { watch, attach = true, from = 0 }: Walk,
  visit: (statement: Statement) => void,
): void {
  let spot: Spot = { start: 0, end: 0 }
  let actions: Action[] = []
  let endsTransaction = false
  // VACUUM, while it runs, begins a transaction of its own: only what a statement says of itself counts.
  let running = false
  // SQLite is asked only where it matters: most scripts have none of the words, and each question takes time.
  const ask = watch || !attach || TRANSACTION_WORD.test(sql.text)
  const authorize = (
    code: number,
    first: string | null,
    second: string | null,
    schema: string | null,
    within: string | null,
  ) => {
    if (code === constants.SQLITE_ATTACH && !attach) return constants.SQLITE_DENY
    if (running) return constants.SQLITE_OK
    actions.push({ code, first, second, schema, within })
    if (code !== constants.SQLITE_TRANSACTION) return constants.SQLITE_OK
    endsTransaction = true
    return constants.SQLITE_DENY
  }
  if (ask) database.setAuthorizer(authorize)
  try {
    const onPart = (start: number, end: number) => {
      spot = { start, end }
      actions = []
      endsTransaction = false
    }
    for (const { statement, end } of cut(database, sql.text, from, onPart)) {
      spot = { start: spot.start, end }
      running = true
      visit({ spot, actions, run: () => drain(statement) })
      running = false
    }
  } catch (error) {
    if (endsTransaction) throw transactionStatement(sql, spot.start)
    if (!isSqliteError(error)) throw error
    const at = spot.start + findError(database, sql.text.slice(spot.start, spot.end), error.message)
    throw (
      fromSqlite(error, name) ??
      sqlError(sql, { ...spot, at }, 'sqlite', error.message, { hint: advice(error.message), cause: error })
    )
  } finally {
    if (ask) database.setAuthorizer(null)
  }
}

/** A rename reads every view and trigger, and finds that what they refer to is not there at this moment. */
function advice(message: string): string | undefined {
  const [, kind, name] = /^error in (view|trigger) (\S+): no such table/.exec(message) ?? []
  if (kind === undefined) return undefined
  return `drop the ${kind} ${name} before the table is dropped and make it again at the end; or write PRAGMA legacy_alter_table = ON before the rename and OFF behind it`
}

/** Runs a statement to its end, whether it gives rows or not. An iterator for each would hold memory for long. */
function drain(statement: StatementSync): void {
  if (statement.columns().length === 0) statement.run()
  else for (const _ of statement.iterate());
}

function attempt(work: () => void): string | undefined {
  try {
    work()
    return undefined
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
}

/**
 * The statements of a text, one after the other. SQLite's own parser finds where each ends: `prepare` compiles the
 * first statement of a text and `sourceSQL` is its part of it (https://sqlite.org/c3ref/prepare.html, pzTail).
 * Each must have been run before the next is asked for.
 *
 * @param onPart told what is handed to the parser next
 */
function* cut(
  database: DatabaseSync,
  text: string,
  from: number,
  onPart: (start: number, end: number) => void,
): Generator<{ statement: StatementSync; end: number }> {
  let window = WINDOW
  for (let start = skipBlank(text, from); start < text.length; start = skipBlank(text, start)) {
    for (;;) {
      const part = text.slice(start, start + window)
      const whole = start + window >= text.length
      onPart(start, start + part.length)
      const statement = prepare(database, part, whole)
      const source = statement?.sourceSQL ?? ''
      if (statement !== undefined && (whole || source.endsWith(';'))) {
        yield { statement, end: start + source.length }
        start += source.length
        window = Math.max(WINDOW, 2 * source.length)
        break
      }
      window *= 4
    }
  }
}

/** Compiles the first statement; what may fail only because the text is cut off gives nothing. */
function prepare(database: DatabaseSync, part: string, whole: boolean): StatementSync | undefined {
  try {
    return database.prepare(part)
  } catch (error) {
    if (whole) throw error
    return undefined
  }
}

/** How many places of one token are looked at for the one that SQLite means. */
const MOST_PLACES = 1000

const NAMED =
  /^(?:no such \w+|duplicate column name|ambiguous column name|table|index|view|there is already \w+):? "?(?:\w+\.)*(\w+)/

/** Where in a statement the error is that SQLite words so; 0 if it does not say. */
function findError(database: DatabaseSync, statement: string, message: string): number {
  if (message === 'incomplete input') return statement.trimEnd().length
  const token = /^(?:near|unrecognized token:) "(.+?)"(?:: syntax error)?$/s.exec(message)?.[1]
  if (token !== undefined) {
    // Where the text up to and including the token gives the same error, that token is the one.
    let at = statement.indexOf(token)
    for (let i = 0; i < MOST_PLACES && at !== -1; i++) {
      const until = statement.slice(0, at + token.length)
      if (attempt(() => database.prepare(until)) === message) return at
      at = statement.indexOf(token, at + 1)
    }
  }
  const name = NAMED.exec(message)?.[1]
  return name === undefined ? 0 : Math.max(0, statement.search(new RegExp(`\\b${name}\\b`)))
}
