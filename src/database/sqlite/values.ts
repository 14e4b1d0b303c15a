import type { DatabaseSync } from 'node:sqlite'
import { quoteName } from '../../core/text.ts'
import { EXAMPLES, type Example, shown, textOf } from '../../core/transfer/bad.ts'
import type { Moved } from '../../core/transfer/moved.ts'
import { valueSql } from './encode.ts'
import { rowidOf } from './send.ts'

/** Bytes of a value that are read to show it. */
const HEAD = 256

/** The columns that tell a row to people, each by its name in SQL: its key, else the number that SQLite gives it. */
export function keySql(moved: Moved, rowid: string | undefined): { name: string; sql: string }[] {
  if (moved.key.length === 0) return rowid === undefined ? [] : [{ name: 'rowid', sql: rowid }]
  return moved.key.map((name) => ({ name, sql: quoteName(name) }))
}

/** Rows `k0`, `k1` … of the key and `c0`, `c1` … of what is moved, with `i` where there is a rowid. */
export function inner(moved: Moved, rowid: string | undefined, where = '', more = ''): string {
  const keys = keySql(moved, rowid).map(({ sql }, i) => `${sql} AS k${i}`)
  const values = moved.columns.map((column, i) => `${valueSql(column)} AS c${i}`)
  const also = [...(rowid === undefined ? [] : [`${rowid} AS i`]), ...(more === '' ? [] : [more])]
  const all = [...also, ...keys, ...values].join(', ')
  const conditions = [moved.rows, where].filter(Boolean).map((one) => `(${one})`)
  const rows = conditions.length === 0 ? '' : ` WHERE ${conditions.join(' AND ')}`
  return `SELECT ${all} FROM main.${quoteName(moved.from.name)}${rows}`
}

/** A value's class, the beginning of it, and its length. */
export const headSql = (value: string, name: string) =>
  `typeof(${value}) AS ${name}_class, octet_length(${value}) AS ${name}_size,
   iif(typeof(${value}) IN ('text', 'blob'), substr(CAST(${value} AS BLOB), 1, ${HEAD}), ${value}) AS ${name}_head`

/** Many operands of one operator: a chain of them is as deep as it is long for SQLite's parser, which takes a thousand. */
export function chain(parts: readonly string[], operator: string): string {
  if (parts.length <= 100) return parts.join(` ${operator} `)
  const half = parts.length >> 1
  return `(${chain(parts.slice(0, half), operator)}) ${operator} (${chain(parts.slice(half), operator)})`
}

/** A row as the driver gives it. */
export type Values = Record<string, unknown>

/** A value of which `headSql` has read the beginning, as it is shown. */
export function headShown(row: Values, name: string): string {
  const [kind, size, head] = [row[`${name}_class`], Number(row[`${name}_size`]), row[`${name}_head`]]
  if (!(head instanceof Uint8Array)) return shown(kind === 'real' ? realText(head) : head)
  if (kind === 'blob') return shown(head, size)
  // A cut may fall into a character.
  const text = textOf(head.length < size ? head.subarray(0, wholeLength(head)) : head)
  return shown(text, size)
}

function wholeLength(bytes: Uint8Array): number {
  let end = bytes.length
  while (end > 0 && ((bytes[end - 1] ?? 0) & 0xc0) === 0x80) end--
  return Math.max(0, end - 1)
}

function realText(value: unknown): string {
  return Number.isInteger(value) ? `${value}.0` : String(value)
}

/** Examples of rows that fulfil a condition over what `inner` gives; `value` names what is shown of them. */
export function examplesOf(
  native: DatabaseSync,
  moved: Moved,
  from: string,
  condition: string,
  values: readonly string[],
): Example[] {
  const keys = keySql(moved, rowidOf(moved, native))
  const shownKeys = keys.map((_, i) => headSql(`k${i}`, `k${i}`))
  const heads = values.map((value) => headSql(value, value))
  const statement = native.prepare(
    `SELECT ${[...shownKeys, ...heads].join(', ')} FROM (${from}) WHERE ${condition} LIMIT ${EXAMPLES}`,
  )
  statement.setReadBigInts(true)
  return statement.all().map((row) => ({
    key: Object.fromEntries(keys.map(({ name }, i) => [name, plain(headShown(row, `k${i}`))])),
    value: values.map((value) => headShown(row, value)).join(', '),
  }))
}

/** A key without quotes, where it can be read without. */
export function plain(value: string): string {
  return /^"[\w .:@-]*"$/.test(value) ? value.slice(1, -1) : value
}

/** SQL that gives a value as a literal of SQL. */
const literalSql = (value: string) => `CASE typeof(${value})
  WHEN 'text' THEN 'CAST(x''' || hex(CAST(${value} AS BLOB)) || ''' AS TEXT)' ELSE quote(${value}) END`

/** SQL that gives, of each row of a table, a condition that only this row fulfils. */
export function conditionSql(native: DatabaseSync, moved: Pick<Moved, 'from'>): string {
  const rowid = rowidOf(moved, native)
  const keys = native
    .prepare('SELECT name FROM pragma_table_info(?) WHERE pk > 0 ORDER BY pk')
    .all(moved.from.name)
    .map(({ name }) => quoteName(String(name)))
  // A virtual table has a rowid, though nothing says so.
  if (rowid !== undefined || keys.length === 0) return `'${rowid ?? 'rowid'} = ' || ${rowid ?? 'rowid'}`
  return keys.map((key) => `'${key.replaceAll("'", "''")} IS ' || ${literalSql(key)}`).join(` || ' AND ' || `)
}

/** How many rows of a table are moved. */
export function rowsOf(native: DatabaseSync, { from, rows }: Moved): number {
  const where = rows === undefined ? '' : ` WHERE (${rows})`
  const found = native.prepare(`SELECT count(*) AS n FROM main.${quoteName(from.name)}${where}`).get()
  return Number(found?.n)
}
