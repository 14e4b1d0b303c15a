import { setTimeout as pause } from 'node:timers/promises'
import { MigrateError } from '../core/errors.ts'

/** How to wait for the lock. */
export interface LockOptions {
  /** Milliseconds until LOCK_TIMEOUT. */
  readonly timeout: number
  /** Called once, when somebody else holds the lock. */
  readonly onWait: () => void
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
  for (let tries = 0; !(await acquire()); tries++) {
    if (tries === 0) options.onWait()
    if (Date.now() - start >= options.timeout) {
      throw new MigrateError(
        'LOCK_TIMEOUT',
        `another process is still migrating after ${options.timeout / 1000} s`,
        {
          hint: 'wait for it and run the same command again, or give --lock-timeout more seconds',
        },
      )
    }
    await pause(POLL)
    throwIfAborted(options.signal)
  }
}

/** @throws ABORTED */
export function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted) {
    throw new MigrateError('ABORTED', 'stopped on request, between two migrations', {
      hint: 'the next "up" goes on from here',
      cause: signal.reason,
    })
  }
}

/** @throws ABORTED */
export function throwIfStopped(signal: AbortSignal | undefined): void {
  if (signal?.aborted) {
    throw new MigrateError('ABORTED', 'stopped on request: nothing was changed', {
      hint: 'run the same command again',
      cause: signal.reason,
    })
  }
}
