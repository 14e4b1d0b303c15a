import { type LockOptions, lockLost, waitForLock } from '../lock.ts'

/** Sends one statement and gives its rows. */
export type Query = (sql: string) => Promise<Record<string, unknown>[]>

/** A lock that is held. */
export interface Held {
  /** SQL for the beginning of each transaction, which fails with a division by zero where the lock is lost. */
  readonly guard: string
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
    return await work({ guard: `SELECT 1 / pg_try_advisory_xact_lock(${running})::int`, check })
  } finally {
    await holder('ROLLBACK').catch(() => {})
  }
}

function isTrue([row]: Record<string, unknown>[]): boolean {
  return row?.yes === true
}
