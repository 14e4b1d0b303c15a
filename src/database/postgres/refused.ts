import type { ClientBase, DatabaseError } from 'pg'
import type { Server } from '../../core/transfer/bad.ts'
import { SET } from './canonical.ts'
import { written } from './encode.ts'
import { isServerError } from './errors.ts'

/** Whether the server refused what a row holds, and not that anything was written at all. */
export function isRefusal(error: unknown): error is DatabaseError {
  // postgresql.org/docs/current/errcodes-appendix.html: data, constraints, limits of a value, what a trigger raises.
  return isServerError(error) && /^(22|23|54|P0001|42804)/.test(error.code ?? '')
}

/** Whether another row has the values that must be unique. */
export function isTaken(error: unknown): boolean {
  return isServerError(error) && error.code === '23505'
}

/**
 * A server that is asked what it takes: nothing is written. Inside a transaction of the caller's a refusal does not end
 * it.
 */
export async function serverOf(client: ClientBase): Promise<Server> {
  const { rows } = await client.query(`SELECT lower('É' COLLATE "default") = 'é' AS folds`)
  return {
    foldsAll: rows[0]?.folds === true,
    refusals: (type, texts) => refusals(client, type, texts),
    rewritten: (type, texts) => rewritten(client, type, texts),
  }
}

/** What the server says of each text: of half of them, and half of those, until one is left. */
async function refusals(
  client: ClientBase,
  type: string,
  texts: readonly string[],
  first = 0,
): Promise<Map<number, string>> {
  if (texts.length === 0) return new Map()
  const words = await refusal(client, type, texts)
  if (words === undefined) return new Map()
  if (texts.length === 1) return new Map([[first, words]])
  const half = texts.length >> 1
  return new Map([
    ...(await refusals(client, type, texts.slice(0, half), first)),
    ...(await refusals(client, type, texts.slice(half), first + half)),
  ])
}

async function rewritten(client: ClientBase, type: string, texts: readonly string[]): Promise<number[]> {
  const { rows } = await client.query(
    `SELECT n::int - 1 AS at FROM unnest($1::text[]) WITH ORDINALITY AS given (text, n)
     WHERE CASE WHEN ${SET} > 0 THEN ${written(`text::${type}`)} END <> text ORDER BY n`,
    [texts],
  )
  return rows.map(({ at }) => at)
}

async function refusal(
  client: ClientBase,
  type: string,
  texts: readonly string[],
): Promise<string | undefined> {
  const inside = await inTransaction(client)
  if (inside) await client.query('SAVEPOINT nexflow_asked')
  try {
    await client.query(`SELECT count(text::${type}) FROM unnest($1::text[]) AS text`, [texts])
    if (inside) await client.query('RELEASE nexflow_asked')
    return undefined
  } catch (error) {
    if (inside) await client.query('ROLLBACK TO nexflow_asked')
    if (!isRefusal(error)) throw error
    return error.message
  }
}

async function inTransaction(client: ClientBase): Promise<boolean> {
  // A statement by itself is a transaction too, which began with it.
  const { rows } = await client.query('SELECT now() <> statement_timestamp() AS inside')
  return rows[0]?.inside === true
}
