import { MigrateError } from '../core/errors.ts'
import { placeIn, type Spot, type Sql } from '../core/sql-error.ts'
import { quoteName, skipBlank } from '../core/text.ts'

/** The key of a row: its values as SQL literals. */
export type Key = readonly string[]

/** An UPDATE or DELETE that is run in batches, along a key of its table. */
export interface Batched extends Spot {
  /** The columns of that key. */
  readonly by: readonly string[]
  /** The most milliseconds for which a batch is to hold its locks. */
  readonly target: number
  /** How many rows there are behind a key, from all of them on. Not `exact`: as the server's statistics have it. */
  remaining(after: Key | undefined): Promise<{ rows: number; exact: boolean }>
  /** How many of so many rows there are behind a key, and the key of their last; undefined if there is none. */
  next(after: Key | undefined, rows: number): Promise<{ last: Key; rows: number } | undefined>
  /** The statement for the rows behind a key, up to another. */
  part(after: Key | undefined, last: Key): Sql
}

/** A column of the key. */
export interface KeyColumn {
  readonly name: string
  /** As it is written behind a table's name and a dot. */
  readonly sql: string
  /** The SQL for the SQL literal of an expression's value. */
  literal(expression: string): string
}

/** A statement, and what was found out of it. */
export interface Found extends Spot {
  /** The statement without the semicolon at its end, and where in it the word WHERE ends. */
  readonly text: string
  readonly where: number | undefined
  /** Its table, for FROM, and the name by which the statement itself calls that. */
  readonly table: string
  readonly called: string
  readonly key: readonly KeyColumn[]
}

/** The statement with a range put into its WHERE: what is there stays as it is, comments and all. */
export function within({ text, where }: Pick<Found, 'text' | 'where'>, range: string): string {
  // A comment may go on to the end of its line.
  if (where === undefined) return `${text}\nWHERE ${range}`
  return `${text.slice(0, where)} (${text.slice(where)}\n) AND (${range})`
}

/** A condition for the rows behind a key, up to another. Their ends are those of the database's own order. */
export function rangeOf(
  { key, called }: Pick<Found, 'key' | 'called'>,
  after: Key | undefined,
  last: Key | undefined,
): string {
  const row = (parts: readonly string[]) => (parts.length === 1 ? parts.join('') : `(${parts.join(', ')})`)
  const columns = row(columnsOf(called, key))
  const ends = [
    ...(after === undefined ? [] : [`${columns} > ${row(after)}`]),
    ...(last === undefined ? [] : [`${columns} <= ${row(last)}`]),
  ]
  return ends.join(' AND ')
}

function columnsOf(table: string, key: readonly KeyColumn[]): string[] {
  return key.map(({ sql }) => `${table}.${sql}`)
}

/** The SELECT for the key of the last of so many rows, and how many they are: `key 0`, `key 1` …, `rows`. */
export function nextSql({ table, key }: Found, after: Key | undefined, rows: number): string {
  const called = 'walked'
  const columns = columnsOf(called, key)
  const behind = after === undefined ? '' : `WHERE ${rangeOf({ key, called }, after, undefined)}`
  const names = key.map((_, i) => quoteName(`key ${i}`))
  const inner = columns.map((column, i) => `${column} AS ${names[i]}`).join(', ')
  const literals = key.map(
    ({ literal }, i) => `${literal(`batch.${names[i]}`)} AS ${quoteName(`literal ${i}`)}`,
  )
  return `SELECT ${literals.join(', ')}, count(*) OVER () AS "rows"
    FROM (SELECT ${inner} FROM ${table} AS ${called} ${behind} ORDER BY ${columns.join(', ')} LIMIT ${rows}) AS batch
    ORDER BY ${names.map((name) => `batch.${name} DESC`).join(', ')} LIMIT 1`
}

/** What that SELECT gave. */
export function nextOf(
  { key }: Found,
  [row]: readonly Record<string, unknown>[],
): { last: Key; rows: number } | undefined {
  if (row === undefined) return undefined
  return { last: key.map((_, i) => String(row[`literal ${i}`])), rows: Number(row.rows) }
}

/** A statement of a batch script cannot be run in batches. */
export function notInBatches(sql: Sql, spot: Spot, why: string, hint: string): MigrateError {
  const start = skipBlank(sql.text, spot.start)
  return new MigrateError('DIRECTIVE', why, { ...placeIn(sql, spot.at ?? start, start), hint })
}

/** The statements of a script: first those that set something for the session, then those for batches. */
export function refuseOrder(sql: Sql, statements: readonly (Spot & { readonly session: boolean })[]): void {
  const first = statements.findIndex(({ session }) => !session)
  const late = first === -1 ? undefined : statements.slice(first).find(({ session }) => session)
  if (late !== undefined) {
    throw notInBatches(
      sql,
      late,
      'what is set for the session stands behind a statement that is run in batches',
      'move it above the first UPDATE or DELETE, or into a migration of its own',
    )
  }
  if (first === -1) {
    throw notInBatches(
      sql,
      { start: 0, end: 0 },
      'a script in batches holds no UPDATE and no DELETE',
      'remove the directive "-- migrate: batch"',
    )
  }
}

/** Anything but UPDATE, DELETE and the settings of a session. */
export function otherStatement(sql: Sql, spot: Spot): MigrateError {
  return notInBatches(
    sql,
    spot,
    'a script in batches holds UPDATE and DELETE only',
    'put this statement into a migration of its own, before or after it',
  )
}

/** A clause with which batches together would not do what the statement does as a whole, or of which nothing comes. */
export function badClause(sql: Sql, spot: Spot, clause: string): MigrateError {
  const HINTS: Readonly<Record<string, string>> = {
    WITH: 'write its query as a subquery in the WHERE',
    RETURNING: 'remove it: nobody would read its rows',
    'CURRENT OF': 'write a condition on the rows in its place',
  }
  const hint = HINTS[clause] ?? 'write a condition on the rows in its place'
  return notInBatches(sql, spot, `${clause} cannot be run in batches`, hint)
}

export function readsItself(sql: Sql, spot: Spot, table: string): MigrateError {
  return notInBatches(
    sql,
    spot,
    `this statement reads ${table} elsewhere too, and each batch would see what those before it have done`,
    `note first what it is to see, in a migration of its own (CREATE TABLE … AS SELECT …), and read that; or leave out the directive`,
  )
}

export function changesKey(sql: Sql, spot: Spot, table: string, columns: readonly string[]): MigrateError {
  return notInBatches(
    sql,
    spot,
    `this statement changes ${columns.join(', ')}, the key of ${table} along which the batches go`,
    'leave out the directive, so that it runs as a whole',
  )
}
