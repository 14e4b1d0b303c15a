import type { ClientBase } from 'pg'
import { nameOf } from '../../core/schema/model.ts'
import type { Bad, Into, Search } from '../../core/transfer/bad.ts'
import type { Form } from '../../core/transfer/form.ts'
import type { Moved, MovedColumn } from '../../core/transfer/moved.ts'
import { badKeys } from './bad-keys.ts'
import { examplesOf, inner } from './values.ts'

/** Why a value is bad, and the SQL that is true of it where no reason before it is. */
type Reason = readonly [reason: string, sql: string]

const notANumber = (value: string): Reason => ['is NaN, which SQLite makes NULL', `${value} = 'NaN'`]

/** Years that SQLite's functions know: https://sqlite.org/lang_datefunc.html */
const moment = (value: string): Reason[] => [
  ['is no moment of the years 0001 to 9999', `${value} < '0001-01-01' OR ${value} >= '10000-01-01'`],
]

/** https://sqlite.org/datatype3.html#determination_of_column_affinity */
const isText = ({ to: { type } }: MovedColumn) => /char|clob|text/i.test(type) && !/int/i.test(type)
const isReal = ({ to: { type } }: MovedColumn) => /real|floa|doub/i.test(type)

/** What of a form a database of SQLite does not hold, or not as it is. */
const REASONS: Partial<Record<Form, (value: string, column: MovedColumn) => Reason[]>> = {
  float4: (value) => [notANumber(value)],
  float8: (value) => [notANumber(value)],
  numeric: (value, column) => {
    if (isText(column)) return []
    const size = `abs(${value})`
    const whole = isReal(column)
      ? ''
      : ` AND NOT (${value} = trunc(${value}) AND ${size} < 9223372036854775808)`
    // Beyond what a double precision holds, the cast fails.
    const rounded = `CASE WHEN ${size} > 1e307 OR ${size} < 1e-307 AND ${value} <> 0 THEN true ELSE ${value}::float8::text::numeric <> ${value} END`
    return [
      ['is no number of SQLite', `${value} IN ('NaN', 'Infinity', '-Infinity')`],
      [`would be rounded in ${column.to.type}`, `(${rounded})${whole}`],
    ]
  },
  timestamptz: moment,
  timestamp: moment,
  date: moment,
}

/**
 * All rows of a table of PostgreSQL that a table of SQLite cannot take as they are, with the reasons. What a CHECK of
 * the target says of them, the target says itself.
 *
 * @throws ABORTED as the signal's reason
 */
export async function findBad(
  client: ClientBase,
  moved: Moved,
  into: Into,
  search: Search = {},
): Promise<Bad[]> {
  const isOther = into.schema.dialect === 'sqlite'
  const all = moved.columns.flatMap((column, at) => {
    const value = `c${at}`
    const reasons = [
      ...(column.to.nullable ? [] : [['is NULL', `${value} IS NULL`] satisfies Reason]),
      ...(isOther ? (REASONS[column.form]?.(value, column) ?? []) : []),
    ]
    // Each is of what no reason before it is true of.
    return reasons.map(([reason, sql], i) => {
      const before = reasons.slice(0, i).map(([, other]) => `(${other}) IS NOT true AND `)
      return { column, value, reason, sql: `(${before.join('')}(${sql}))` }
    })
  })
  const from = inner(moved)
  const sums = all.map(({ sql }, i) => `count(*) FILTER (WHERE ${sql}) AS n${i}`)
  const { rows } = await client.query(
    `SELECT ${['count(*) AS n', ...sums].join(', ')} FROM (${from}) AS found`,
  )
  const bad: Bad[] = []
  for (const [i, { column, value, reason, sql }] of all.entries()) {
    search.signal?.throwIfAborted()
    const count = Number(rows[0]?.[`n${i}`])
    if (count === 0) continue
    const examples = await examplesOf(client, moved, from, sql, [value])
    bad.push({ table: nameOf(moved.from), columns: [column.from.name], reason, count, examples })
  }
  return [...bad, ...(await badKeys(client, moved, into, search))]
}

/** Does `work` while all that is read is of one moment, and nothing is written. */
export async function snapshot<T>(client: ClientBase, work: () => Promise<T>): Promise<T> {
  await client.query(`BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY`)
  try {
    await client.query(`SET LOCAL TimeZone = 'UTC'`)
    return await work()
  } finally {
    await client.query('ROLLBACK')
  }
}
