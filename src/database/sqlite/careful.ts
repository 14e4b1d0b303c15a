import type { DatabaseSync } from 'node:sqlite'
import { setImmediate as turn } from 'node:timers/promises'
import type { Dialect } from '../../core/migrations.ts'
import type { Entry, OneRow, Problem } from '../../core/transfer/aside.ts'
import { mendable } from '../../core/transfer/aside.ts'
import { type Into, textOf } from '../../core/transfer/bad.ts'
import type { Moved } from '../../core/transfer/moved.ts'
import { judges, registerJudges, textTrouble } from './bad.ts'
import { rowidOf, rowSql } from './send.ts'
import { conditionSql, inner, type Values } from './values.ts'

/** Rows that are sent at a time, and bytes from which on there are no more. */
const CHUNK = 500
const BYTES = 1_048_576

/**
 * The rows of a table, one by one: also those that the target cannot take. Those that it would take and change have no
 * bytes either.
 */
export async function* sendCarefully(
  native: DatabaseSync,
  moved: Moved,
  to: Dialect,
  into: Into,
): AsyncIterable<readonly OneRow[]> {
  registerJudges(native)
  const id = conditionSql(native, moved)
  const good = judges(moved, into)
    .map(({ sql }) => `(${sql}) IS NULL`)
    .join(' AND ')
  const statement = native.prepare(
    `SELECT id, iif(${good}, CAST(${rowSql(moved, to)} AS BLOB), NULL) AS bytes FROM (${inner(moved, undefined, '', `${id} AS id`)})`,
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

/** Gives rows as a person can mend them, and what is known to be wrong with each. */
export function entryReader(
  native: DatabaseSync,
  moved: Moved,
  into: Into,
): (id: string) => Pick<Entry, 'key' | 'problems' | 'row'> {
  registerJudges(native)
  const found = judges(moved, into)
  const values = moved.columns.map(
    (_, i) => `iif(typeof(c${i}) = 'text', CAST(c${i} AS BLOB), c${i}) AS v${i}, typeof(c${i}) AS t${i}`,
  )
  const reasons = found.map(({ sql }, i) => `${sql} AS j${i}`)
  const prepare = (condition: string) => {
    const statement = native.prepare(
      `SELECT ${[...values, ...reasons].join(', ')} FROM (${inner(moved, undefined, condition)})`,
    )
    statement.setReadBigInts(true)
    return statement
  }
  const rowid = rowidOf(moved, native)
  const byRowid = rowid === undefined ? undefined : prepare(`${rowid} = ?`)
  const find = (id: string): Values => {
    const row = byRowid === undefined ? prepare(id).get() : byRowid.get(BigInt(id.replace(/^\w+ = /, '')))
    return row ?? {}
  }
  return (id) => {
    const row = find(id)
    const fields = moved.columns.map(({ from, to }, i) => {
      const isText = row[`t${i}`] === 'text'
      const value = row[`v${i}`]
      return { from, to, value: isText && value instanceof Uint8Array ? textOf(value) : value, isText }
    })
    const problems = fields.flatMap(({ to, value, isText }, i): Problem[] => {
      const at = row[`j${i}`]
      const known = at === null ? undefined : found[i]?.reasons[Number(at)]
      const reason = known ?? (isText && value instanceof Uint8Array ? textTrouble(value) : undefined)
      return reason === undefined ? [] : [{ column: to.name, reason }]
    })
    const named = fields.map(({ from, to, value }) => ({ from, field: [to.name, mendable(value)] as const }))
    const keys = named.filter(({ from }) => moved.key.includes(from.name))
    return {
      key: Object.fromEntries(keys.map(({ field }) => field)),
      problems,
      row: Object.fromEntries(named.map(({ field }) => field)),
    }
  }
}
