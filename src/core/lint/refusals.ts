import { MigrateError, type Place } from '../errors.ts'
import type { Script } from '../script.ts'
import { place } from '../text.ts'
import type { Hit, Rule } from './rule.ts'

export const FAILS: Rule = {
  id: 'fails',
  dialect: 'postgres',
  topic: 'failing',
  severity: 'error',
  what: 'A statement that PostgreSQL refuses.',
  why: 'The migration stops there. Where it is run in a transaction nothing has happened; the release that needs it waits.',
  safe: 'Correct the statement where the database says that it is wrong.',
  bad: { up: 'CREATE TABLE notes (id integer PRIMARY KEY, body text NOT NULL,);' },
  good: { up: 'CREATE TABLE notes (id integer PRIMARY KEY, body text NOT NULL);' },
}

/** Whether it says that a database refuses the script. */
export function isRefusal({ rule }: Hit): boolean {
  return rule.id === FAILS.id || rule.id === 'sqlite-fails'
}

/** The refusal as an error, with its place. */
export function refusalOf({ file, text }: Script, { at, message }: Hit): MigrateError {
  return new MigrateError('SQL', message.replace(/^it fails: /, ''), place(file, text, at))
}

/** Whether a database could not even read the script. */
export function isUnreadable(hit: Hit): boolean {
  return isRefusal(hit) && /syntax error|unrecognized token|incomplete input/.test(hit.message)
}

/** Whether it is for what the database does not have, and not for what is not there at this moment. */
export function isForeign(hit: Hit): boolean {
  return isUnreadable(hit) || /no such function|no such module/.test(hit.message)
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
