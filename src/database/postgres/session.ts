import { connect } from 'node:net'
import type { ClientBase } from 'pg'
import { MigrateError } from '../../core/errors.ts'
import type { Patience } from '../patience.ts'
import { causeCode } from './errors.ts'
import type { Part } from './script.ts'

/**
 * Where the server has `client_connection_check_interval` (14 and newer) it looks for a vanished client while a
 * statement runs, and does not keep a killed migrator's lock until the statement's end.
 */
export function watchClient(scope: 'session' | 'transaction'): string {
  return `SELECT set_config(name, '500ms', ${scope === 'transaction'}) FROM pg_settings
    WHERE name = 'client_connection_check_interval'`
}

/** A script that sets something for its session, in some way. */
const SETS = /\b(set|set_config|discard)\b/i

export function sets(text: string): boolean {
  return SETS.test(text)
}

/** What a script may have set for its session is set back: each begins as if it were the first. */
export function reset(pooled: boolean, limits: readonly Part[] = []): Part {
  const own = pooled ? [] : [watchClient('session')]
  return { text: ['RESET ROLE', 'RESET ALL', ...own, ...limits.map(({ text }) => text)].join(';') }
}

/**
 * How long the statements of a transaction wait and run: for its beginning, so that what a script sets comes later.
 *
 * @param set    what the script has set for the session before: that holds
 * @param beside they keep nobody waiting while they wait
 */
export function limitsOf(patience: Patience | undefined, { set = '', beside = false } = {}): Part[] {
  if (patience === undefined) return []
  const { lockTimeout, statementTimeout } = patience
  const limits = [
    ...(setsLockTimeout(set) ? [] : [`lock_timeout = ${beside ? 0 : milliseconds(lockTimeout)}`]),
    ...(statementTimeout === undefined || setsStatementTimeout(set)
      ? []
      : [`statement_timeout = ${milliseconds(statementTimeout)}`]),
  ]
  return limits.map((limit) => ({ text: `SET LOCAL ${limit}` }))
}

/** As the server takes it. */
function milliseconds(time: number): number {
  return Math.min(Math.ceil(time), 2 ** 31 - 1)
}

/** A script that says itself how long its statements wait for locks. */
export function setsLockTimeout(text: string): boolean {
  return /\bset(_config)?\b[^;]*\block_timeout\b/i.test(text)
}

function setsStatementTimeout(text: string): boolean {
  return /\bset(_config)?\b[^;]*\bstatement_timeout\b/i.test(text)
}

/**
 * Does `work`. On a signal to stop, the server cancels the statement that it is at.
 *
 * @throws ABORTED in the place of the error with which that statement ended
 */
export async function stoppable<T>(
  client: ClientBase,
  signal: AbortSignal | undefined,
  work: () => Promise<T>,
): Promise<T> {
  if (signal === undefined) return work()
  const onAbort = () => cancel(client)
  signal.addEventListener('abort', onAbort)
  try {
    return await work()
  } catch (error) {
    if (!signal.aborted || causeCode(error) !== '57014') throw error
    const { done } = error instanceof MigrateError ? error.details : {}
    throw new MigrateError('ABORTED', 'stopped on request, and what was running was taken back', {
      hint: 'the next "up" goes on from here',
      ...(done && { done }),
      cause: signal.reason,
    })
  } finally {
    signal.removeEventListener('abort', onAbort)
  }
}

/** https://www.postgresql.org/docs/current/protocol-message-formats.html#PROTOCOL-MESSAGE-FORMATS-CANCELREQUEST */
const CANCEL_REQUEST = 80877102

/**
 * Asks the server to cancel what the session is at, as libpq does: without a session, so that it works where no
 * connection is left, and through poolers. Behind it, no later statement is meant any more.
 */
export async function cancel(client: ClientBase): Promise<void> {
  const { host, port, processID, secretKey } = client as ClientBase & Record<string, unknown>
  const socket = String(host).startsWith('/')
    ? connect(`${host}/.s.PGSQL.${port}`)
    : connect(Number(port), String(host))
  const message = Buffer.alloc(16)
  message.writeInt32BE(message.length, 0)
  message.writeInt32BE(CANCEL_REQUEST, 4)
  message.writeInt32BE(Number(processID), 8)
  message.writeInt32BE(Number(secretKey), 12)
  // Where nothing can be cancelled, the statement comes to its end.
  socket.on('error', () => {})
  socket.end(message)
  // The server answers nothing: it has done its part when it closes.
  socket.resume()
  await new Promise((resolve) => socket.once('close', resolve))
}
