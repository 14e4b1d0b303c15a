import type { DatabaseSync } from 'node:sqlite'
import type { ForeignKey } from '../../core/schema/model.ts'
import { quoteName } from '../../core/text.ts'
import { mendable, type Taken } from '../../core/transfer/aside.ts'
import { textOf, type Uniqueness } from '../../core/transfer/bad.ts'
import type { Moved } from '../../core/transfer/moved.ts'
import { conditionSql, type Values } from './values.ts'

/** Rows that are read and deleted at a time. */
const BATCH = 500

/**
 * Inside a transaction: deletes the rows of a table that a unique index would not take beside another, and gives them.
 * Of rows that are equal the first by key stays.
 */
export async function* duplicatesOf(
  native: DatabaseSync,
  moved: Moved,
  { parts, where }: Uniqueness,
): AsyncIterable<Taken[]> {
  const values = parts.map(({ column, expression, collation }) => {
    const value = column === undefined ? `(${expression})` : quoteName(column)
    return collation === undefined ? value : `${value} COLLATE ${collation}`
  })
  const order = [...keyNames(moved).map(quoteName), ...values]
  const whole = values.map((value) => `${value} IS NOT NULL`)
  const conditions = [...(where === undefined ? [] : [`(${where})`]), ...whole].join(' AND ')
  yield* take(
    native,
    moved,
    `row_number() OVER (PARTITION BY ${values.join(', ')} ORDER BY ${order.join(', ')}) > 1`,
    conditions,
  )
}

/**
 * Inside a transaction: deletes the rows of a table that refer to no row, and gives them. Those that referred to these
 * are orphans now: it is called again until it gives none of any table.
 */
export async function* orphansOf(
  native: DatabaseSync,
  moved: Moved,
  { columns, to, references }: ForeignKey,
): AsyncIterable<Taken[]> {
  const names = columns.map((name) => `main.${quoteName(moved.to.name)}.${quoteName(name)}`)
  const all = names.map((name) => `${name} IS NOT NULL`).join(' AND ')
  // The parent's side first: its affinity and collation count (https://sqlite.org/foreignkeys.html).
  const same = names.map((name, i) => `parent.${quoteName(references[i] ?? '')} = ${name}`)
  const parent = `main.${quoteName(to.name)} AS parent`
  yield* take(
    native,
    moved,
    '1',
    `${all} AND NOT EXISTS (SELECT 1 FROM ${parent} WHERE ${same.join(' AND ')})`,
  )
}

function keyNames({ columns, key }: Moved): string[] {
  return columns.filter(({ from }) => key.includes(from.name)).map(({ to }) => to.name)
}

/** Deletes and gives the rows that fulfil a condition, one by one known by their places. */
async function* take(
  native: DatabaseSync,
  moved: Moved,
  goes: string,
  where: string,
): AsyncIterable<Taken[]> {
  const table = `main.${quoteName(moved.to.name)}`
  const place = conditionSql(native, { from: moved.to })
  const found = native
    .prepare(
      `SELECT id FROM (SELECT ${place} AS id, ${goes} AS goes FROM ${table} WHERE ${where}) WHERE goes`,
    )
    .all()
    .map(({ id }) => String(id))
  const values = moved.columns.map(({ to }, i) => {
    const value = quoteName(to.name)
    return `iif(typeof(${value}) = 'text', CAST(${value} AS BLOB), ${value}) AS c${i}, typeof(${value}) AS t${i}`
  })
  for (let at = 0; at < found.length; at += BATCH) {
    yield found.slice(at, at + BATCH).map((id) => {
      const select = native.prepare(`SELECT ${values.join(', ')} FROM ${table} WHERE ${id}`)
      select.setReadBigInts(true)
      const row: Values = select.get() ?? {}
      native.exec(`DELETE FROM ${table} WHERE ${id}`)
      return takenOf(moved, row)
    })
  }
}

function takenOf(moved: Moved, row: Values): Taken {
  const all = moved.columns.map(({ to }, i) => {
    const value = row[`c${i}`]
    const isText = row[`t${i}`] === 'text' && value instanceof Uint8Array
    return [to.name, mendable(isText ? textOf(value) : value)] as const
  })
  const keys = keyNames(moved)
  return {
    key: Object.fromEntries(all.filter(([name]) => keys.includes(name))),
    row: Object.fromEntries(all),
  }
}
