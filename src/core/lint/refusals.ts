import type { MigrateError, Place } from '../errors.ts'
import { DIALECTS, type Dialect, type Direction } from '../migrations.ts'
import type { Script } from '../script.ts'
import type { Hit, Rule } from './rule.ts'

export const FAILS: Rule = {
  id: 'fails',
  topic: 'failing',
  severity: 'error',
  what: 'A statement that the database refuses.',
  why: 'The migration stops there. Where it is run in a transaction nothing has happened; the release that needs it waits.',
  safe: 'Correct the statement where the database says that it is wrong.',
  bad: { up: 'CREATE TABLE notes (id integer PRIMARY KEY, body text NOT NULL,);' },
  good: { up: 'CREATE TABLE notes (id integer PRIMARY KEY, body text NOT NULL);' },
}

export const NOT_PORTABLE: Rule = {
  id: 'not-portable',
  topic: 'pair',
  severity: 'error',
  what: 'A file for both databases that one of them refuses.',
  why: 'The history goes on in one database and stops in the other.',
  safe: 'Write a file for each database, or words that both take.',
  bad: { up: 'CREATE TABLE notes (id integer PRIMARY KEY AUTOINCREMENT, body text);' },
  good: { up: 'CREATE TABLE notes (id integer PRIMARY KEY, body text);' },
}

const NAMES: Readonly<Record<Dialect, string>> = { sqlite: 'SQLite', postgres: 'PostgreSQL' }

/** Of a file that is for both: what one database refuses and the other does not is a matter of the file. */
export function notPortable(id: string, dialect: Dialect, direction: Direction, hit: Hit): Hit {
  const other = dialect === 'sqlite' ? 'postgres' : 'sqlite'
  const files = DIALECTS.map((one) => `${id}.${one}.${direction}.sql`)
  return {
    rule: NOT_PORTABLE,
    at: hit.at,
    message: `${NAMES[dialect]} refuses it, and the file is for ${NAMES[other]} too: ${hit.message}`,
    safe: `-- write ${files.join(' and ')}`,
  }
}

/** Whether a database could not even read the script. */
export function isUnreadable({ rule, message }: Hit): boolean {
  return rule.id === FAILS.id && /syntax error|unrecognized token|incomplete input/.test(message)
}

/** The database's own words on a script that it cannot read. */
export function failed({ text }: Script, { message, details }: MigrateError): Hit {
  const { hint = 'correct the statement' } = details
  return { rule: FAILS, at: offsetOf(text, details), message, safe: `-- ${hint}` }
}

/** Where a place is, in characters of the text. */
function offsetOf(text: string, { line = 1, column = 1 }: Partial<Place>): number {
  let start = 0
  for (let i = 1; i < line; i++) start = text.indexOf('\n', start) + 1
  return start + [...text.slice(start, start + 2 * column)].slice(0, column - 1).join('').length
}
