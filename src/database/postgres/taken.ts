import type { ClientBase } from 'pg'
import pg from 'pg'
import type { ForeignKey } from '../../core/schema/model.ts'
import { type Mendable, mendableNumber, type Taken } from '../../core/transfer/aside.ts'
import type { Uniqueness } from '../../core/transfer/bad.ts'
import type { Moved, MovedColumn } from '../../core/transfer/moved.ts'
import { quoteTable } from './receive.ts'

/** Rows that are read and deleted at a time. */
const BATCH = 500

/**
 * Inside a transaction: deletes the rows of a table that a unique constraint would not take beside another, as the
 * server compares them, and gives them. Of rows that are equal the first by key stays.
 */
export async function* duplicatesOf(
  client: ClientBase,
  moved: Moved,
  { parts, where, nullsNotDistinct }: Uniqueness,
): AsyncIterable<Taken[]> {
  const values = parts.map(({ column, expression }) =>
    column === undefined ? `(${expression})` : pg.escapeIdentifier(column),
  )
  const whole = nullsNotDistinct === true ? [] : values.map((value) => `${value} IS NOT NULL`)
  const conditions = [...(where === undefined ? [] : [`(${where})`]), ...whole].join(' AND ') || 'true'
  // PARTITION BY takes NULLs for equal.
  yield* take(
    client,
    moved,
    `SELECT tableoid AS t, ctid AS i, row_number() OVER (PARTITION BY ${values.join(', ')} ORDER BY ${orderOf(moved)}) > 1 AS goes
     FROM ${quoteTable(moved.to)} WHERE ${conditions}`,
  )
}

function orderOf(moved: Moved): string {
  return [...keysOf(moved).map(({ to }) => pg.escapeIdentifier(to.name)), 'tableoid', 'ctid'].join(', ')
}

/**
 * Inside a transaction: deletes the rows of a table that refer to no row, as the server compares them, and gives them.
 * Those that referred to these are orphans now: it is called again until it gives none of any table.
 */
export async function* orphansOf(
  client: ClientBase,
  moved: Moved,
  { columns, to, references, matchFull }: ForeignKey,
): AsyncIterable<Taken[]> {
  const names = columns.map((name) => `child.${pg.escapeIdentifier(name)}`)
  const all = names.map((name) => `${name} IS NOT NULL`).join(' AND ')
  const same = names.map((name, i) => `parent.${pg.escapeIdentifier(references[i] ?? '')} = ${name}`)
  const lone = `(${all} AND NOT EXISTS (SELECT FROM ${quoteTable(to)} AS parent WHERE ${same.join(' AND ')}))`
  const half = `(num_nulls(${names.join(', ')}) BETWEEN 1 AND ${names.length - 1})`
  yield* take(
    client,
    moved,
    `SELECT child.tableoid AS t, child.ctid AS i, true AS goes FROM ${quoteTable(moved.to)} AS child
     WHERE ${matchFull === true ? `${lone} OR ${half}` : lone}`,
  )
}

const keysOf = ({ columns, key }: Moved): MovedColumn[] =>
  columns.filter(({ from }) => key.includes(from.name))

/** Deletes and gives the rows whose places a query gives. What it sees is of its beginning. */
async function* take(client: ClientBase, moved: Moved, found: string): AsyncIterable<Taken[]> {
  const table = quoteTable(moved.to)
  const values = moved.columns.map(
    ({ to }, i) => `${textSql(to.kind, pg.escapeIdentifier(to.name))} AS c${i}`,
  )
  await client.query(
    `SET LOCAL TimeZone = 'UTC'; SET LOCAL DateStyle = 'ISO'; SET LOCAL IntervalStyle = 'postgres';
     DECLARE nexflow_taken CURSOR FOR SELECT f.t::text, f.i::text, ${values.join(', ')}
     FROM (${found}) AS f JOIN ${table} AS o ON o.ctid = f.i AND o.tableoid = f.t WHERE goes`,
  )
  try {
    for (;;) {
      const { rows } = await client.query(`FETCH ${BATCH} FROM nexflow_taken`)
      if (rows.length === 0) return
      await client.query(
        `DELETE FROM ${table} AS o USING unnest($1::oid[], $2::tid[]) AS f(t, i) WHERE o.ctid = f.i AND o.tableoid = f.t`,
        [rows.map(({ t }) => t), rows.map(({ i }) => i)],
      )
      yield rows.map((row) => {
        const all = moved.columns.map(({ to }, i) => [to.name, mendableOf(to.kind, row[`c${i}`])] as const)
        const keys = keysOf(moved).map(({ to }) => to.name)
        return {
          key: Object.fromEntries(all.filter(([name]) => keys.includes(name))),
          row: Object.fromEntries(all),
        }
      })
    }
  } finally {
    // Where the transaction has failed, the cursor is gone with it.
    await client.query('CLOSE nexflow_taken').catch(() => {})
  }
}

const textSql = (kind: string, value: string) =>
  kind === 'blob' ? `encode(${value}, 'hex')` : `${value}::text`

/** A value that the server has written as a text. */
function mendableOf(kind: string, words: string | null): Mendable {
  if (words === null) return null
  if (kind === 'blob') return { hex: words }
  if (kind === 'boolean') return words === 'true' || words === 't'
  return ['integer', 'real', 'numeric'].includes(kind) ? mendableNumber(words) : words
}
