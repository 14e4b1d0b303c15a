import { constants, DatabaseSync, type StatementSync } from 'node:sqlite'
import { MigrateError } from '../../core/errors.ts'
import { type Spot, type Sql, sqlError, transactionStatement } from '../../core/sql-error.ts'
import { skipBlank } from '../../core/text.ts'
import { fromSqlite, isSqliteError } from './errors.ts'

/** Characters that are handed to SQLite's parser first; more when the statement is longer. */
const WINDOW = 4096

/** The words with which a statement begins that begins or ends a transaction. */
const TRANSACTION_WORD = /\b(begin|commit|end|rollback)\b/i

const SYNTAX_ERROR = /syntax error$|^incomplete input$|^unrecognized token/

/** Runs every statement of a script. A COMMIT or its like is refused before it is run. */
export function runScript(database: DatabaseSync, sql: Sql, name: string): void {
  walk(database, sql, name, constants.SQLITE_OK, drain)
}

/**
 * Refuses a script that would fail for its own text alone, before any of it is run outside a transaction:
 * reads it to its end on a copy of the schema in memory. What the copy cannot do, for lack of rows, files or
 * modules, the database itself may be able to: only syntax and transaction statements are judged.
 */
export function checkScript(database: DatabaseSync, sql: Sql): void {
  const copy = new DatabaseSync(':memory:')
  try {
    const schema = database.prepare(
      `SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY type <> 'table'`,
    )
    for (const row of schema.iterate()) attempt(() => copy.exec(String(row.sql)))
    // ATTACH and VACUUM INTO would make files. (SQLITE_IGNORE would crash VACUUM.)
    walk(copy, sql, 'the copy in memory', constants.SQLITE_DENY, (statement) =>
      attempt(() => drain(statement)),
    )
  } catch (error) {
    if (!(error instanceof MigrateError)) throw error
    if (error.code === 'TRANSACTION_STATEMENT' || SYNTAX_ERROR.test(error.message)) throw error
  } finally {
    copy.close()
  }
}

/** Cuts a script and hands out its statements, ready to be run. SQLite's authorizer says what each would do. */
function walk(
  database: DatabaseSync,
  sql: Sql,
  name: string,
  attach: number,
  run: (statement: StatementSync) => void,
): void {
  let spot: Spot = { start: 0, end: 0 }
  let endsTransaction = false
  // VACUUM, while it runs, begins a transaction of its own: only what a statement says of itself counts.
  let running = false
  // SQLite is asked only where the words are there at all: most scripts have none, and each question takes time.
  const ask = attach !== constants.SQLITE_OK || TRANSACTION_WORD.test(sql.text)
  const authorize = (action: number) => {
    if (action === constants.SQLITE_ATTACH) return attach
    if (running || action !== constants.SQLITE_TRANSACTION) return constants.SQLITE_OK
    endsTransaction = true
    return constants.SQLITE_DENY
  }
  if (ask) database.setAuthorizer(authorize)
  try {
    const onSpot = (start: number, end: number) => {
      spot = { start, end }
      endsTransaction = false
    }
    for (const statement of cut(database, sql.text, onSpot)) {
      running = true
      run(statement)
      running = false
    }
  } catch (error) {
    if (endsTransaction) throw transactionStatement(sql, spot.start)
    if (!isSqliteError(error)) throw error
    const at = spot.start + findError(database, sql.text.slice(spot.start, spot.end), error.message)
    throw fromSqlite(error, name) ?? sqlError(sql, { ...spot, at }, 'sqlite', error.message, { cause: error })
  } finally {
    if (ask) database.setAuthorizer(null)
  }
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
 */
function* cut(
  database: DatabaseSync,
  text: string,
  onSpot: (start: number, end: number) => void,
): Generator<StatementSync> {
  let window = WINDOW
  for (let start = skipBlank(text); start < text.length; start = skipBlank(text, start)) {
    for (;;) {
      const part = text.slice(start, start + window)
      const whole = start + window >= text.length
      onSpot(start, start + part.length)
      const statement = prepare(database, part, whole)
      const source = statement?.sourceSQL ?? ''
      if (statement !== undefined && (whole || source.endsWith(';'))) {
        onSpot(start, start + source.length)
        yield statement
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
