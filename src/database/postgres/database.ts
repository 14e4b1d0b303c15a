import pg, {
  type Client,
  type ClientBase,
  type ClientConfig,
  type Pool,
  type PoolClient,
  type QueryResult,
} from 'pg'
import { MigrateError } from '../../core/errors.ts'
import type { Script } from '../../core/script.ts'
import type { Sql } from '../../core/sql-error.ts'
import { skipBlank } from '../../core/text.ts'
import type { Database, Row, Run } from '../database.ts'
import { lockLost } from '../lock.ts'
import type { Patience } from '../patience.ts'
import { isPool } from '../target.ts'
import { connect, connectAgain, connectPool, libpqEnv, nameOf } from './connect.ts'
import { dependents } from './dependents.ts'
import { fromPostgres } from './errors.ts'
import {
  attemptsOn,
  type Held,
  type Query,
  type Watching,
  withSessionLock,
  withTransactionLock,
} from './lock.ts'
import { runOutside } from './outside.ts'
import { parked } from './park.ts'
import { losses } from './rehearse.ts'
import { besideUntil, MESSAGE, type Part, pieces, refuseTransactionStatements, send } from './script.ts'
import { limitsOf, reset, sets, setsLockTimeout, stoppable, watchClient } from './session.ts'
import { shapeOf } from './shape.ts'

function keepsSession({ file }: Script): MigrateError {
  return new MigrateError(
    'NOT_IN_TRANSACTION',
    `${file} sets something for its session and a pooler stands between`,
    {
      file,
      hint: 'connect to the server itself: what it sets would stay with a session that others are given',
    },
  )
}

const BEGIN = { text: 'BEGIN' }
const COMMIT = { text: 'COMMIT' }

/** What must be the first of a transaction: not even a look at the lock may come before it. */
const SET_TRANSACTION = /^set\s+transaction\b[^;]*/i

/** The seam over a client, or over one connection of a pool. */
export async function wrap(native: Pool | ClientBase, url?: string, patience?: Patience): Promise<Database> {
  const name = nameOf((isPool(native) ? native.options : native) as ClientConfig)
  const client = isPool(native) ? await native.connect() : native

  /** What the open transaction has yet to send. */
  let queue: Part[] = []
  let held: Held | undefined

  async function flush(): Promise<void> {
    const message = queue
    queue = []
    if (message.length > 0) await send(client, message, name)
  }

  async function query<T = Row>(sql: string): Promise<T[]> {
    await flush()
    return ask<T>(client, sql)
  }

  async function ask<T = Row>(on: ClientBase, sql: string): Promise<T[]> {
    const [rows = []] = await askEach<T>(on, sql)
    return rows
  }

  /** What the driver gives for a text of several statements is an array. */
  async function askEach<T = Row>(on: ClientBase, sql: string): Promise<T[][]> {
    try {
      const results: QueryResult | QueryResult[] = await on.query(sql)
      return [results].flat().map(({ rows }) => rows as T[])
    } catch (error) {
      throw (
        fromPostgres(error, name) ??
        new MigrateError('DATABASE', `${name}: ${(error as Error).message}`, { cause: error })
      )
    }
  }

  let known: { schema: string; pooled: boolean } | undefined
  /** The schema of new tables, and whether a pooler stands between: then the server's process is not whom we met. */
  async function session(): Promise<{ schema: string; pooled: boolean }> {
    if (known === undefined) {
      const [row] = await query('SELECT current_schema() AS schema, pg_backend_pid() AS pid')
      const pooled = row?.pid !== (client as ClientBase & { processID?: unknown }).processID
      known = { schema: String(row?.schema ?? ''), pooled }
    }
    if (known.schema !== '') return known
    throw new MigrateError('DATABASE', `${name}: no schema of the search_path exists`, {
      hint: 'create one, or set search_path in the URL: ?options=-csearch_path%3Dpublic',
    })
  }

  /** The start of each transaction: the lock must still be held. */
  async function guard(): Promise<Part[]> {
    await held?.check()
    if (held === undefined) return []
    const { pooled } = await session()
    const parts = [{ text: held.guard, failure: () => lockLost(name) }]
    return pooled ? [...parts, { text: watchClient('transaction') }] : parts
  }

  /** Does `work` with a second connection. */
  async function withSecond<T>(work: (query: Query) => Promise<T>): Promise<T> {
    if (url === undefined && !isPool(native)) {
      throw new MigrateError(
        'CONFIG',
        `${name} is behind a pooler, where one connection cannot hold the lock`,
        {
          hint: 'hand in a Pool or a URL, or connect to the server itself',
        },
      )
    }
    const pooled = isPool(native) ? await native.connect() : undefined
    const second = pooled ?? (await connect(url ?? ''))
    try {
      return await work((sql) => ask(second, sql))
    } finally {
      if (pooled !== undefined) pooled.release(true)
      else await (second as Client).end()
    }
  }

  const limits = limitsOf(patience)
  const attempts =
    patience &&
    attemptsOn(query, patience, async () => {
      const second = await connectAgain(native, url)
      return { query: (sql) => ask(second, sql), end: () => second.end() }
    })

  /** Makes attempts until one succeeds, where others keep the locks that it needs. */
  async function attempt<T>(
    work: () => Promise<T>,
    watching: Omit<Watching, 'pid'>,
    alone?: string,
  ): Promise<T> {
    if (attempts === undefined) return work()
    const { processID } = client as ClientBase & { processID?: number }
    const pooled = known?.pooled === true
    const pid = pooled ? (alone ?? held?.pid) : processID
    return attempts.run({ ...watching, pid: pid ?? 'SELECT NULL AS pid' }, work)
  }

  /** One transaction, once. */
  async function once<T>(work: (run: Run) => Promise<T>): Promise<T> {
    queue = [BEGIN, ...limits, ...(await guard())]
    const beginning = queue.length
    const run = async (sql: Sql) => {
      const { parks, ...plain } = sql
      if (parks !== undefined) queue.push(...(await parked(plain, parks, (await session()).schema)))
      for await (const piece of parks === undefined ? pieces(plain) : []) {
        if (!sql.own) await refuseTransactionStatements(piece)
        const waiting = queue.reduce((sum, { text }) => sum + text.length, 0)
        if (waiting + piece.text.length > MESSAGE && queue.some(({ of }) => of)) await flush()
        const first = queue[0] === BEGIN && queue.length === beginning && !sql.own
        if (first) await pushFirst(piece)
        else queue.push(piece)
      }
      if (!sql.own && sets(sql.text)) queue.push(reset((await session()).pooled, limits))
    }
    try {
      const result = await work(run)
      queue.push(COMMIT)
      await flush()
      return result
    } catch (error) {
      const sent = queue[0] !== BEGIN
      queue = []
      // Without a connection the server has rolled back by itself.
      if (sent) await client.query('ROLLBACK').catch(() => {})
      throw error
    }
  }

  /** What comes first in a transaction may be what must, or what may wait as long as it likes. */
  async function pushFirst({ text, of }: Part & { of: NonNullable<Part['of']> }): Promise<void> {
    const cut = (start: number, end?: number) => ({
      text: text.slice(start, end),
      of: { sql: of.sql, start: of.start + start },
    })
    const start = skipBlank(text)
    const setting = SET_TRANSACTION.exec(text.slice(start))?.[0].length
    if (setting !== undefined) {
      queue.splice(1, 0, cut(0, start + setting))
      queue.push(cut(start + setting))
      return
    }
    const beside = limits.length > 0 && !setsLockTimeout(text) ? await besideUntil(text) : 0
    if (beside === 0) queue.push(cut(0))
    else queue.push({ text: 'SET LOCAL lock_timeout = 0' }, cut(0, beside), ...limits, cut(beside))
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

    qualify: async (table) => `${pg.escapeIdentifier((await session()).schema)}."${table}"`,

    transaction: (work, watch) => {
      const polite = !watch?.scripts.some(({ text }) => setsLockTimeout(text))
      return attempt(() => once(work), { polite })
    },

    statements: async (script, progress) => {
      const { pooled } = await session()
      if (pooled && sets(script.text)) throw keepsSession(script)
      await runOutside(client, script, progress, { name, guard, attempt, patience, pooled })
      if (sets(script.text)) await send(client, [reset(pooled)], name)
    },

    batches: async (script, work) => {
      const { planBatches, readBatches } = await import('./batch.ts')
      const read = await readBatches(script)
      const { pooled } = await session()
      if (pooled && read.session.length > 0) throw keepsSession(script)
      for (const { start, end } of read.session) {
        await send(client, [{ text: script.text.slice(start, end), of: { sql: script, start } }], name)
      }
      const result = await work(await planBatches(query, script, read))
      if (read.session.length > 0) await send(client, [reset(pooled)], name)
      return result
    },

    dependents,

    losses: async (scripts) => {
      await session()
      const polite = !scripts.some(({ text }) => setsLockTimeout(text))
      return attempt(() => losses(client, query, scripts, name, limits), { polite })
    },

    read: async (script) => {
      const { read } = await import('./read.ts')
      return read(script)
    },

    measure: async (script) => {
      const { measure } = await import('./measure.ts')
      const { schema, pooled } = await session()
      try {
        return await measure(client, (sql) => askEach(client, sql), script, name, schema)
      } finally {
        if (sets(script.text)) await send(client, [reset(pooled)], name)
      }
    },

    // What drops the table or a column takes this lock in any case: a weaker one now could be a deadlock then.
    freeze: async (schema, table) => {
      await query(
        `LOCK TABLE ${pg.escapeIdentifier(schema)}.${pg.escapeIdentifier(table)} IN ACCESS EXCLUSIVE MODE`,
      )
    },

    shape: (schema, table) => {
      const full = pg.escapeLiteral(`${pg.escapeIdentifier(schema)}.${pg.escapeIdentifier(table)}`)
      return shapeOf(query, `to_regclass(${full})`)
    },

    outlook: async () => {
      const { outlook } = await import('./outlook.ts')
      const [row] = await query<{ server_version_num: string }>('SHOW server_version_num')
      return outlook((sql) => askEach(client, sql), Math.floor(Number(row?.server_version_num) / 10_000))
    },

    end: async () => {
      const { endOf } = await import('./end.ts')
      await flush()
      return endOf(client, query, name)
    },

    introspect: async () => {
      const { introspect } = await import('./introspect.ts')
      await flush()
      return introspect((sql) => askEach(client, sql))
    },

    lock: async (key, options, work) => {
      const literal = pg.escapeLiteral(key)
      const holding = (now: Held) => {
        held = now
        return stoppable(client, options.signal, work).finally(() => {
          held = undefined
        })
      }
      if ((await session()).pooled) {
        return withSecond((holder) => withTransactionLock(query, holder, name, literal, options, holding))
      }
      return withSessionLock(query, literal, options, async (now) => {
        await query(watchClient('session'))
        return holding(now)
      })
    },

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
      await attempts?.end()
      // Not back into the pool: whatever a script has set goes with the connection.
      if (client !== native) (client as PoolClient).release(true)
    },
  }
}

export { connect, connectPool }

export function disconnect(native: Pool | Client): Promise<void> {
  return native.end()
}
