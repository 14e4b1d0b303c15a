import { setTimeout as pause } from 'node:timers/promises'
import { type LockOptions, lockLost, waitForLock } from '../lock.ts'
import {
  type Block,
  type Blocker,
  blockersText,
  type Patience,
  patiently,
  type Setback,
} from '../patience.ts'
import { causeCode } from './errors.ts'

/** Sends one statement and gives its rows. */
export type Query = (sql: string) => Promise<Record<string, unknown>[]>

/** A lock that is held. */
export interface Held {
  /** SQL for the beginning of each transaction, which fails with a division by zero where the lock is lost. */
  readonly guard: string
  /** Of a lock that each transaction takes anew: SQL for the process that has it now. */
  readonly pid?: string
  /** Makes sure of what the guard cannot see. */
  check(): Promise<void>
}

/** An SQL expression of type bigint: the text's hash. */
function keyOf(literal: string, seed: number): string {
  return `hashtextextended(${literal}, ${seed})`
}

/**
 * Does `work` while no other session does any under the same key. The lock is the session's: the server frees it
 * when the connection ends.
 *
 * @param literal the key, as a string literal
 */
export async function withSessionLock<T>(
  query: Query,
  literal: string,
  options: LockOptions,
  work: (held: Held) => Promise<T>,
): Promise<T> {
  const key = keyOf(literal, 0)
  await waitForLock(options, async () => isTrue(await query(`SELECT pg_try_advisory_lock(${key}) AS yes`)))
  try {
    // Who holds it for the session may take it for a transaction too. Nobody else may.
    return await work({ guard: `SELECT 1 / pg_try_advisory_xact_lock(${key})::int`, check: async () => {} })
  } finally {
    // A broken connection has lost the lock already, and the error of the work is the one to tell. What is cancelled
    // late may hit this.
    const unlock = () => query(`SELECT pg_advisory_unlock(${key})`)
    await unlock().catch(() => unlock().catch(() => {}))
  }
}

/** What would end a transaction that holds the lock and does nothing else. */
const NO_TIMEOUTS = `SELECT set_config(name, '0', true) FROM pg_settings
  WHERE name IN ('idle_in_transaction_session_timeout', 'transaction_timeout')`

/**
 * The same through a pooler that gives each transaction another session. There a session's lock would be lost, or
 * stay with a session that nobody knows. A transaction on a connection of its own holds this one: the pooler keeps a
 * session for it, and ends that with the connection. An idle transaction has no snapshot, so nothing waits for it.
 *
 * A second key is held by each transaction of the work: where its process was killed, the server may still be
 * running one.
 *
 * @param holder a second connection
 */
export async function withTransactionLock<T>(
  query: Query,
  holder: Query,
  name: string,
  literal: string,
  options: LockOptions,
  work: (held: Held) => Promise<T>,
): Promise<T> {
  const [key, running] = [keyOf(literal, 0), keyOf(literal, 1)]
  const idle = async () => isTrue(await query(`SELECT pg_try_advisory_xact_lock(${running}) AS yes`))
  let ours = false
  try {
    await waitForLock(options, async () => {
      if (ours) return idle()
      await holder('BEGIN')
      ours = isTrue(await holder(`SELECT pg_try_advisory_xact_lock(${key}) AS yes`))
      if (!ours) await holder('ROLLBACK')
      return ours && idle()
    })
    await holder(NO_TIMEOUTS)
    const check = async () => {
      await holder('SELECT 1').catch((cause: unknown) => {
        throw lockLost(name).with({ cause })
      })
    }
    const pid = `SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND granted AND objsubid = 1
      AND (classid::int8 << 32) | objid::int8 = ${running}
      AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`
    return await work({ guard: `SELECT 1 / pg_try_advisory_xact_lock(${running})::int`, pid, check })
  } finally {
    await holder('ROLLBACK').catch(() => {})
  }
}

function isTrue([row]: Record<string, unknown>[]): boolean {
  return row?.yes === true
}

/** A second connection. */
export interface Second {
  readonly query: Query
  end(): Promise<void>
}

/** How an attempt is watched. */
export interface Watching {
  /** The server's process that makes it, or SQL that finds it. */
  readonly pid: number | string
  /**
   * Whether it may be taken back before its time when others queue behind it. Not where it waits in nobody's way, or
   * where the script itself says how long it waits.
   */
  readonly polite: boolean
  /** Takes away what a failed attempt has left, and says whether there may be another one. */
  readonly clear?: () => Promise<boolean>
}

/** Makes attempts until one succeeds. */
export interface Attempts {
  /** @throws BLOCKED, ABORTED, and what ends an attempt for good */
  run<T>(watching: Watching, attempt: () => Promise<T>): Promise<T>
  /** Ends the second connection, if there is one. */
  end(): Promise<void>
}

/** Milliseconds between two looks at whether a statement of ours waits. */
const LOOK = 25

/** Milliseconds that the first attempt waits with others behind it. */
const LEAST = 50

/** Seconds after which nobody hopes that a transaction ends in the next moment. */
const OLD = 1

/** The part of the time that an attempt has taken already for which others may have to wait for it. */
const DEAR = 50

/**
 * Makes attempts, which others may keep from the locks that they need, and watches them from a second connection.
 * That is opened when one takes its time, and can be done without: then nobody knows who is in the way.
 *
 * Everybody has to queue behind a statement that waits for a strong lock. It is taken back as soon as somebody does,
 * and tried again when those who were in the way are gone. Each attempt has twice the time of the one before it, up
 * to `lockTimeout`, so that it gets its turn among many short transactions too.
 *
 * @param first the connection of the attempts, which is free between them
 */
export function attemptsOn(first: Query, patience: Patience, open: () => Promise<Second>): Attempts {
  let second: Promise<Second> | undefined
  /** A cancellation was asked for, and it may come late. */
  let cancelled = false

  const ask: Query = async (sql) => {
    second ??= open()
    const { query } = await second.catch((error: unknown) => {
      second = undefined
      throw error
    })
    return query(sql)
  }

  /** Looks at an attempt until it is over. */
  async function watch(
    { pid, polite }: Watching,
    n: number,
    over: AbortSignal,
    onBlocks: (blocks: Block[]) => void,
  ): Promise<void> {
    const next = () => pause(Math.min(LOOK, patience.lockTimeout / 4), undefined, { signal: over })
    let process = typeof pid === 'number' ? pid : undefined
    const began = Date.now()
    let tag: unknown
    let since = 0
    for (await next(); ; await next()) {
      process ??= Number((await ask(`${pid}`))[0]?.pid) || undefined
      const waits = process !== undefined && (await ask(waitsSql(process))).length > 0
      const rows = waits ? await ask(blocksSql(process ?? 0)) : []
      if (over.aborted) return
      if (rows[0]?.tag !== tag) since = Date.now()
      tag = rows[0]?.tag
      const blocks = rows.map(blockOf)
      if (blocks.length > 0) onBlocks(blocks)
      // PostgreSQL ends an autovacuum for those who stay in the queue.
      const hopeful = blocks.every(({ yields }) => yields)
      // What has taken long to come here would take as long again.
      const old = n === 0 && blocks.some(({ blocker, yields }) => !yields && (blocker.seconds ?? 0) > OLD)
      const enough = Math.max(old ? 0 : LEAST * 2 ** n, (since - began) / DEAR)
      if (!polite || hopeful || rows[0]?.behind !== true || Date.now() - since < enough) continue
      cancelled = true
      if ((await ask(cancelSql(pid))).length === 0) cancelled = false
    }
  }

  async function setback(
    error: unknown,
    blocks: readonly Block[],
    took: number,
  ): Promise<Setback | undefined> {
    const code = causeCode(error)
    if (code === '40P01') return { why: 'deadlock', queued: 0, blocks }
    if (code === '40001') return { why: 'serialization', queued: 0, blocks: [] }
    if (code === '57014' && cancelled) {
      cancelled = false
      return { why: 'lock', queued: 0, blocks }
    }
    return code === '55P03'
      ? { why: 'lock', queued: Math.min(took, patience.lockTimeout), blocks }
      : undefined
  }

  const stillHeld = async (blocks: readonly Block[]) => {
    const keys = blocks.map(({ key }) => `'${key}'`).join(', ')
    const sql = `WITH ${LOCKS} ${holders()} WHERE h.granted AND ${KEY} IN (${keys})`
    return (await first(sql).catch(() => [])).map((row) => {
      const now = blockOf(row)
      const was = blocks.find(({ key }) => key === now.key)
      return { ...now, blocker: { ...was?.blocker, ...now.blocker } }
    })
  }

  return {
    run: (watching, work) => {
      let blocks: readonly Block[] = []
      let began = 0
      const attempt = async (n: number) => {
        const over = new AbortController()
        blocks = []
        began = Date.now()
        // That it cannot be watched is no reason not to make it.
        watch(watching, n, over.signal, (found) => {
          blocks = found
          const blockers = found.map(({ blocker }) => blocker)
          patience.onBlocked(blockersText(blockers), blockers)
        }).catch(() => {})
        try {
          return await work()
        } finally {
          over.abort()
        }
      }
      return patiently(
        patience,
        attempt,
        async (error) => {
          const found = await setback(error, blocks, Date.now() - began)
          return found === undefined || (await watching.clear?.()) === false ? undefined : found
        },
        stillHeld,
      )
    },
    end: async () => {
      const one = await second?.catch(() => undefined)
      await one?.end()
    },
  }
}

/** Whether a process waits for a lock: this costs next to nothing. */
function waitsSql(pid: number): string {
  return `SELECT 1 FROM pg_stat_get_activity(${pid}) WHERE wait_event_type = 'Lock'`
}

/** All locks, each with what it is on. */
const LOCKS = `locks AS MATERIALIZED (
  SELECT *, concat_ws('/', locktype, database, relation, page, tuple, virtualxid, transactionid, classid, objid, objsubid)
    AS tag FROM pg_locks)`

/** A row is waited for by the transaction that has changed it; who does so holds a lock on the row itself. */
const rowOf = (pid: number) =>
  `(SELECT relation FROM locks WHERE pid = ${pid} AND locktype = 'tuple' LIMIT 1)`

/** Who holds what: the name of a transaction lasts as long as it does, and others may see it too. */
const KEY = `h.virtualtransaction || ' ' || h.tag`

const utc = (column: string) => `to_char(${column} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')`

const holders = (
  rowOf = 'NULL::oid',
) => `SELECT DISTINCT ON (1) ${KEY} AS key, h.tag, h.pid, gid AS prepared, usename AS user,
    application_name AS application, state, ${utc('xact_start')} AS since, ${utc('query_start')} AS query_start,
    extract(epoch FROM clock_timestamp() - xact_start) AS seconds, query, coalesce(h.relation, ${rowOf})::regclass AS table,
    h.pid IS NOT NULL AND coalesce(backend_type = 'autovacuum worker', usesysid IS NULL)
      AND query !~ 'to prevent wraparound' AS yields
  FROM locks AS h LEFT JOIN pg_stat_activity AS a ON a.pid = h.pid
    LEFT JOIN pg_prepared_xacts AS p ON h.pid IS NULL AND p.transaction = (SELECT transactionid
      FROM locks AS x WHERE x.pid IS NULL AND x.locktype = 'transactionid' AND x.virtualtransaction = h.virtualtransaction)`

/** The locks that a process waits for, and whether somebody waits for it in turn. */
function blocksSql(pid: number): string {
  return `WITH ${LOCKS},
    mine AS MATERIALIZED (SELECT tag, granted FROM locks WHERE pid = ${pid}),
    blocking AS MATERIALIZED (SELECT unnest(pg_blocking_pids(${pid})) AS pid),
    waiting AS MATERIALIZED (SELECT DISTINCT pid FROM locks
      WHERE NOT granted AND pid <> ${pid} AND tag IN (SELECT tag FROM mine) LIMIT 20)
    SELECT *, EXISTS (SELECT FROM waiting WHERE ${pid} = ANY (pg_blocking_pids(pid))) AS behind
    FROM (${holders(rowOf(pid))} WHERE h.granted AND h.tag IN (SELECT tag FROM mine WHERE NOT granted)
      AND coalesce(h.pid, 0) IN (SELECT pid FROM blocking)) AS blocks`
}

/** Only while it waits, and is still ours: late, it would end what is not to be ended. */
function cancelSql(pid: number | string): string {
  return `SELECT pg_cancel_backend(pid) FROM pg_locks WHERE pid IN (${pid}) AND NOT granted LIMIT 1`
}

/** Characters of a query that are told. */
const FIRST_WORDS = 80

function blockOf(row: Record<string, unknown>): Block {
  const text = (name: string) => (row[name] === null || row[name] === '' ? undefined : String(row[name]))
  const query = text('query')
  // Who may not see it is told so in its place. What stands in quotes may be a secret.
  const words = query?.startsWith('<') ? undefined : query?.replace(/'(?:[^']|'')*'?/g, "'…'")
  const blocker = {
    pid: row.pid === null ? undefined : Number(row.pid),
    prepared: text('prepared'),
    user: text('user'),
    application: text('application'),
    state: text('state'),
    since: text('since'),
    seconds: row.seconds === null ? undefined : Number(row.seconds),
    queryStart: text('query_start'),
    query: words?.replace(/\s+/g, ' ').trim().slice(0, FIRST_WORDS),
    table: text('table'),
  }
  const known = Object.fromEntries(Object.entries(blocker).filter(([, value]) => value !== undefined))
  return { blocker: known as Blocker, key: String(row.key), yields: row.yields === true }
}
