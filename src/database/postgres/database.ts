import pg, { type Client, type ClientBase, type ClientConfig, type Pool, type PoolClient } from 'pg'
import { MigrateError } from '../../core/errors.ts'
import { outsideTransaction } from '../../core/sql-error.ts'
import type { Database, Row } from '../database.ts'
import { isPool } from '../target.ts'
import { connect, connectPool, libpqEnv, nameOf } from './connect.ts'
import { dependents } from './dependents.ts'
import { fromPostgres } from './errors.ts'
import { WATCH_CLIENT, withAdvisoryLock } from './lock.ts'
import { cut, MESSAGE, type Part, pieces, refuseTransactionStatements, send } from './script.ts'

const BEGIN = { text: 'BEGIN' }
const COMMIT = { text: 'COMMIT' }

/** What a script may have set for its session is set back: each begins as if it were the first. */
const RESET = { text: `RESET ROLE;RESET ALL;${WATCH_CLIENT}` }
const SETS = /\bset(_config)?\b/i

/** The seam over a client, or over one connection of a pool. */
export async function wrap(native: Pool | ClientBase, url?: string): Promise<Database> {
  const name = nameOf((isPool(native) ? native.options : native) as ClientConfig)
  const client = isPool(native) ? await native.connect() : native

  async function query<T = Row>(sql: string): Promise<T[]> {
    try {
      return (await client.query(sql)).rows as T[]
    } catch (error) {
      throw (
        fromPostgres(error, name) ??
        new MigrateError('DATABASE', `${name}: ${(error as Error).message}`, { cause: error })
      )
    }
  }

  let schema: string | undefined
  async function currentSchema(): Promise<string> {
    schema ??= String((await query('SELECT current_schema() AS name'))[0]?.name ?? '')
    if (schema === '') {
      throw new MigrateError('DATABASE', `${name}: no schema of the search_path exists`, {
        hint: 'create one, or set search_path in the URL: ?options=-csearch_path%3Dpublic',
      })
    }
    return schema
  }

  const source = () => ({ name, query, env: libpqEnv(client, url) })

  return {
    dialect: 'postgres',
    name,
    query,
    quote: (text) => pg.escapeLiteral(text).trimStart(),

    columns: async (table) => {
      const rows = await query(
        `SELECT attname AS name, format_type(atttypid, NULL) AS type FROM pg_attribute
         WHERE attrelid = to_regclass(quote_ident(current_schema()) || '.' || quote_ident('${table}'))
           AND attnum > 0 AND NOT attisdropped`,
      )
      return new Map(rows.map((row) => [String(row.name), String(row.type)]))
    },

    qualify: async (table) => `${pg.escapeIdentifier(await currentSchema())}."${table}"`,

    transaction: async (groups, onGroup = () => {}) => {
      let parts: Part[] = [BEGIN]
      let length = 0
      const flush = async () => {
        const message = parts
        parts = []
        length = 0
        await send(client, message, name)
      }
      try {
        for (const [i, scripts] of groups.entries()) {
          onGroup(i)
          for (const script of scripts) {
            for await (const piece of pieces(script)) {
              if (!script.own) await refuseTransactionStatements(piece)
              if (length > 0 && length + piece.text.length > MESSAGE) await flush()
              parts.push(piece)
              length += piece.text.length
            }
          }
          if (scripts.some(({ own, text }) => !own && SETS.test(text))) parts.push(RESET)
          if (i === groups.length - 1) parts.push(COMMIT)
          await flush()
        }
      } catch (error) {
        // Without a connection the server has rolled back by itself.
        await client.query('ROLLBACK').catch(() => {})
        throw error
      }
    },

    statements: async (script) => {
      for (const { start, end } of await cut(script)) {
        const part = { text: script.text.slice(start, end), of: { sql: script, start } }
        await send(client, [part], name).catch((error: unknown) => {
          throw error instanceof MigrateError ? outsideTransaction(error) : error
        })
      }
      if (SETS.test(script.text)) await send(client, [RESET], name)
    },

    dependents,

    lock: (key, options, work) =>
      withAdvisoryLock(query, `hashtextextended(${pg.escapeLiteral(key)}, 0)`, options, work),

    isEmpty: async () => {
      const { isEmpty } = await import('./backup.ts')
      return isEmpty(query)
    },

    backup: async (to, options) => {
      const { backup } = await import('./backup.ts')
      return backup(source(), to, options)
    },

    verifyBackup: async (from, options) => {
      const { verifyBackup } = await import('./backup.ts')
      return verifyBackup(from, options)
    },

    restore: async (from, options) => {
      const { restore } = await import('./backup.ts')
      return restore(source(), from, options)
    },

    close: async () => {
      // Not back into the pool: whatever a script has set goes with the connection.
      if (client !== native) (client as PoolClient).release(true)
    },
  }
}

export { connect, connectPool }

export function disconnect(native: Pool | Client): Promise<void> {
  return native.end()
}
