import { setTimeout as pause } from 'node:timers/promises'
import { MigrateError } from '../core/errors.ts'

/** How to wait for the lock. */
export interface LockOptions {
  /** Milliseconds until LOCK_TIMEOUT. */
  readonly timeout: number
  /** Called now and then while somebody else holds the lock. Gives who that is, if it can be told. */
  readonly onWait: () => Promise<string | undefined>
  readonly signal: AbortSignal | undefined
}

/** Milliseconds between two tries. */
export const POLL = 50

/**
 * Tries until it has the lock.
 *
 * It never waits inside the database: a session that waits in `pg_advisory_lock` holds a snapshot, for which
 * CREATE INDEX CONCURRENTLY waits in turn, and the two are a deadlock.
 *
 * @throws LOCK_TIMEOUT, ABORTED
 */
export async function waitForLock(options: LockOptions, acquire: () => Promise<boolean>): Promise<void> {
  const start = Date.now()
  while (!(await acquire())) {
    const holder = await options.onWait()
    if (Date.now() - start >= options.timeout) {
      const who = holder ?? 'another process is migrating'
      throw new MigrateError(
        'LOCK_TIMEOUT',
        `the lock was not free within ${options.timeout / 1000} s: ${who}`,
        {
          hint: 'wait for it and run the same command again, or give --lock-timeout more seconds',
        },
      )
    }
    await pause(POLL)
    throwIfAborted(options.signal)
  }
}

/** @throws ABORTED between two migrations */
export function throwIfAborted(signal: AbortSignal | undefined): void {
  throwIf(signal, 'stopped on request, between two migrations', 'the next "up" goes on from here')
}

/** @throws ABORTED before anything was changed */
export function throwIfStopped(signal: AbortSignal | undefined): void {
  throwIf(signal, 'stopped on request: nothing was changed', 'run the same command again')
}

function throwIf(signal: AbortSignal | undefined, message: string, hint: string): void {
  if (signal?.aborted) throw new MigrateError('ABORTED', message, { hint, cause: signal.reason })
}

/** What held the lock is gone, and somebody else may be migrating. */
export function lockLost(name: string): MigrateError {
  return new MigrateError('LOCK_LOST', `${name}: the lock was lost, and with it the right to go on`, {
    hint: 'a script or a person has removed it; see that nobody else is migrating and run the same command again',
  })
}
