import type { DatabaseSync } from 'node:sqlite'
import { setImmediate as turn } from 'node:timers/promises'
import type { Dialect } from '../../core/migrations.ts'
import type { Entry, OneRow, Problem } from '../../core/transfer/aside.ts'
import { mendable } from '../../core/transfer/aside.ts'
import { type Into, textOf } from '../../core/transfer/bad.ts'
import type { Moved } from '../../core/transfer/moved.ts'
import { judges, registerJudges, textTrouble } from './bad.ts'
import { rowSql } from './send.ts'
import { conditionSql, inner, type Values } from './values.ts'

/** Rows that are sent at a time, and bytes from which on there are no more. */
const CHUNK = 500
const BYTES = 1_048_576

/** The rows of a table, one by one: also those that the target cannot take. */
export async function* sendCarefully(
  native: DatabaseSync,
  moved: Moved,
  to: Dialect,
): AsyncIterable<readonly OneRow[]> {
  registerJudges(native)
  const id = conditionSql(native, moved)
  const statement = native.prepare(
    `SELECT id, CAST(${rowSql(moved, to)} AS BLOB) AS bytes FROM (${inner(moved, undefined, '', `${id} AS id`)})`,
  )
  let chunk: OneRow[] = []
  let size = 0
  for (const row of statement.iterate()) {
    const bytes = row.bytes instanceof Uint8Array ? row.bytes : null
    chunk.push({ id: String(row.id), bytes })
    size += bytes?.length ?? 0
    if (chunk.length < CHUNK && size < BYTES) continue
    yield chunk
    chunk = []
    size = 0
    await turn()
  }
  if (chunk.length > 0) yield chunk
}

/** A row as a person can mend it, and what is known to be wrong with it. */
export function entryOf(
  native: DatabaseSync,
  moved: Moved,
  into: Into | undefined,
  id: string,
): Pick<Entry, 'key' | 'problems' | 'row'> {
  registerJudges(native)
  const found = into === undefined ? [] : judges(moved, into)
  const values = moved.columns.map(
    (_, i) => `iif(typeof(c${i}) = 'text', CAST(c${i} AS BLOB), c${i}) AS v${i}, typeof(c${i}) AS t${i}`,
  )
  const reasons = found.map(({ sql }, i) => `${sql} AS j${i}`)
  const statement = native.prepare(
    `SELECT ${[...values, ...reasons].join(', ')} FROM (${inner(moved, undefined, id)})`,
  )
  statement.setReadBigInts(true)
  const row: Values = statement.get() ?? {}
  const fields = moved.columns.map(({ from, to }, i) => {
    const value = row[`v${i}`]
    const isText = row[`t${i}`] === 'text' && value instanceof Uint8Array
    return { from, to, value: isText ? textOf(value) : value, bytes: isText ? value : undefined, i }
  })
  const problems = fields.flatMap(({ to, bytes, i }): Problem[] => {
    const at = row[`j${i}`]
    const form = moved.columns[i]?.form
    const reason =
      at === null || at === undefined
        ? into !== undefined && form !== undefined && bytes !== undefined && textTrouble(bytes)
        : found[i]?.reasons[Number(at)]
    return typeof reason === 'string' ? [{ column: to.name, reason }] : []
  })
  const named = fields.map(({ to, value }) => [to.name, mendable(value)] as const)
  const keys = fields.filter(({ from }) => moved.key.includes(from.name))
  return {
    key: Object.fromEntries(keys.map(({ to, value }) => [to.name, mendable(value)])),
    problems,
    row: Object.fromEntries(named),
  }
}
