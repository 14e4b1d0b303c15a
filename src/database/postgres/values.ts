import type { ClientBase } from 'pg'
import pg from 'pg'
import { EXAMPLES, type Example, shown } from '../../core/transfer/bad.ts'
import type { Moved, MovedColumn } from '../../core/transfer/moved.ts'
import { quoteTable } from './receive.ts'

/** Characters of a value that are read to show it. */
const HEAD = 256

/** The value of a column as it is read. */
export function valueSql({ value, from }: MovedColumn): string {
  return value === undefined ? pg.escapeIdentifier(from.name) : `(${value})`
}

/** Rows `k0`, `k1` … of the key and `c0`, `c1` … of what is moved, and the place of each. */
export function inner({ from, key, columns, rows }: Moved): string {
  const keys = key.map((name, i) => `${pg.escapeIdentifier(name)} AS k${i}`)
  const values = columns.map((column, i) => `${valueSql(column)} AS c${i}`)
  const all = [`ctid AS i`, ...keys, ...values].join(', ')
  return `SELECT ${all} FROM ${quoteTable(from)}${rows === undefined ? '' : ` WHERE (${rows})`}`
}

/** Examples of rows that fulfil a condition over what `inner` gives; `values` names what is shown of them. */
export async function examplesOf(
  client: ClientBase,
  { key }: Moved,
  from: string,
  condition: string,
  values: readonly string[],
): Promise<Example[]> {
  const keys =
    key.length === 0 ? [{ name: 'ctid', sql: 'i' }] : key.map((name, i) => ({ name, sql: `k${i}` }))
  const heads = [...keys.map(({ sql }) => sql), ...values].map(
    (value, i) => `left(${value}::text, ${HEAD}) AS h${i}, length(${value}::text) AS n${i}`,
  )
  const { rows } = await client.query(
    `SELECT ${heads.join(', ')} FROM (${from}) AS found WHERE ${condition} LIMIT ${EXAMPLES}`,
  )
  return rows.map((row) => ({
    key: Object.fromEntries(keys.map(({ name }, i) => [name, String(row[`h${i}`])])),
    value: values.map((_, i) => shown(row[`h${i + keys.length}`], row[`n${i + keys.length}`])).join(', '),
  }))
}

/** How many rows of a table are moved. */
export async function rowsOf(client: ClientBase, { from, rows }: Moved): Promise<number> {
  const where = rows === undefined ? '' : ` WHERE (${rows})`
  const { rows: found } = await client.query(`SELECT count(*) AS n FROM ${quoteTable(from)}${where}`)
  return Number(found[0]?.n)
}
