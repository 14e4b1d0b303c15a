import { type LockOptions, waitForLock } from '../lock.ts'

/** Sends one statement and gives its rows. */
type Query = (sql: string) => Promise<Record<string, unknown>[]>

/**
 * Where the server has `client_connection_check_interval` (14 and newer) it looks for a vanished client while a
 * statement runs, and does not keep a killed migrator's lock until the statement's end.
 */
export const WATCH_CLIENT = `SELECT set_config(name, '500ms', false) FROM pg_settings WHERE name = 'client_connection_check_interval'`

/**
 * Does `work` while no other session does any under the same key. The lock is the session's: the server frees it
 * when the connection ends.
 *
 * @param key an SQL expression of type bigint
 */
export async function withAdvisoryLock<T>(
  query: Query,
  key: string,
  options: LockOptions,
  work: () => Promise<T>,
): Promise<T> {
  await waitForLock(
    options,
    async () => (await query(`SELECT pg_try_advisory_lock(${key}) AS got`))[0]?.got === true,
  )
  try {
    await query(WATCH_CLIENT)
    return await work()
  } finally {
    // A broken connection has lost the lock already, and the error of the work is the one to tell.
    await query(`SELECT pg_advisory_unlock(${key})`).catch(() => {})
  }
}
