import type { DatabaseSync } from 'node:sqlite'
import { setTimeout as pause } from 'node:timers/promises'
import type { ClientBase } from 'pg'
import { MigrateError } from '../core/errors.ts'
import type { Moved, Side } from '../core/transfer/moved.ts'
import type { Digest, Packet } from '../database/end.ts'
import type { Following } from '../database/state.ts'

/** What happens while a source is followed. */
export type FollowEvent =
  | {
      /** The target has come to where the source was a moment ago. */
      readonly type: 'followed'
      /** Rows that were written in the target, and rows that were taken out for it. */
      readonly written: number
      readonly removed: number
      /** Milliseconds that it took. */
      readonly took: number
    }
  | {
      /** The application waits. */
      readonly type: 'stopping'
    }
  | {
      /** The application can go on, with the target. */
      readonly type: 'switched'
      /** Milliseconds for which nobody could write. */
      readonly stop: number
    }

export interface FollowOptions {
  /** A connection of its own to the database that the application goes on writing to, in WAL mode. */
  readonly source: DatabaseSync
  /** A connection to the target, which holds a copy that was begun after the log. */
  readonly target: ClientBase
  readonly moved: readonly Moved[]
  /** The log under which the copy was made: what `startLog` has given. */
  readonly log: string
  /** How the application's people are told where it is now: no password. */
  readonly to: string
  /** The rows of a table of `source`, or of one of its temporary tables, for PostgreSQL. */
  read(moved: Moved): AsyncIterable<Packet>
  /**
   * Digests of tables, and of temporary tables of `source` and `target`. With it, all that is brought over after
   * `atRest` is compared, in the transaction that brings it.
   */
  readonly digest?: (moved: Moved, side: Side) => Promise<Digest>
  /**
   * Called once, when the target has nearly caught up: both ends hold the same, `source` reads as of this moment and
   * nothing is brought over meanwhile. The place to build foreign keys and to compare all rows.
   */
  readonly atRest?: () => Promise<void>
  /** Called while the application waits and both ends hold the same: the place to set counters. */
  readonly onStop?: () => Promise<void>
  /** The application is not stopped before this is settled; without, as soon as the target has nearly caught up. */
  readonly when?: Promise<unknown>
  readonly signal?: AbortSignal | undefined
  readonly onEvent?: (event: FollowEvent) => void
}

export interface Followed {
  /** Rows that were written in the target, and rows that were taken out for it. */
  readonly written: number
  readonly removed: number
  /** Milliseconds for which nobody could write; undefined where a run that was killed had stopped them. */
  readonly stop?: number
  /** Virtual tables of the source, which SQLite lets nobody fence in. */
  readonly unfenced: readonly string[]
}

/** Milliseconds in which the target must catch up, so that the application waits no longer than about that. */
const SHORT = 200
/** Milliseconds between two looks while nothing is to be done. */
const IDLE = 100

/**
 * Brings what is written to a SQLite database over to PostgreSQL while it is written, until little is left; then
 * lets the application wait, brings over the rest and fences the source in: from then on, who writes there is told
 * where the database is. Killed at any moment, it goes on where it was when it is called again.
 *
 * @throws BAD_ROWS, FOREIGN_KEY, DIFFERENT, LOCK_LOST, BLOCKED, BUSY, ABORTED and the errors of the connections: the
 *   application goes on with the source
 */
export async function follow(options: FollowOptions): Promise<Followed> {
  const { source, target, moved, log, signal, digest, onEvent = () => {} } = options
  const { putFence, pruneLog, readSwitched, withChanges } = await import('../database/sqlite/changes.ts')
  const { beginWriting } = await import('../database/sqlite/lock.ts')
  const { snapshot } = await import('../database/sqlite/send.ts')
  const { applyChanges, confirm, prepare, readPlace, release } = await import(
    '../database/postgres/changes.ts'
  )
  const total = { written: 0, removed: 0 }

  const switched = readSwitched(source)
  if (switched !== undefined) {
    const place = await readPlace(target)
    if (switched.log !== log || (place !== undefined && place.log !== log)) throw otherTarget(switched.to)
    if (place !== undefined) await confirm(target, place)
    return { ...total, unfenced: [] }
  }

  let place: Following = await prepare(target, moved, log)
  let rested = options.atRest === undefined
  /** Brings the target to the moment that is read. */
  const catchUp = async () => {
    const reading = { read: options.read, digest: rested ? digest : undefined }
    const done = await withChanges(source, moved, log, place.seq, (changes) =>
      applyChanges(target, place, changes, reading),
    )
    place = done.following
    total.written += done.written
    total.removed += done.removed
    return done
  }
  /** Does so while the application goes on, then `work` at that same moment, and tells how long it took to get there. */
  const step = async (work = async () => {}) => {
    const start = performance.now()
    const took = await snapshot(source, async () => {
      const { written, removed } = await catchUp()
      const now = performance.now() - start
      onEvent({ type: 'followed', written, removed, took: now })
      await work()
      return now
    })
    pruneLog(source, place.seq)
    return took
  }

  let ready = options.when === undefined
  const settled = options.when?.then(
    () => {
      ready = true
    },
    () => {
      ready = true
    },
  )
  for (;;) {
    throwIfAborted(signal)
    if ((await step()) > SHORT) continue
    if (!rested) {
      await step(options.atRest)
      rested = true
      // What was built meanwhile is made ready too.
      place = await prepare(target, moved, log)
    } else if (ready) break
    else await Promise.race([settled, pause(IDLE)])
  }

  beginWriting(source)
  const start = performance.now()
  let unfenced: string[]
  try {
    onEvent({ type: 'stopping' })
    await catchUp()
    await release(target, place)
    await options.onStop?.()
    unfenced = putFence(source, options.to)
    source.exec('COMMIT')
  } catch (error) {
    if (source.isTransaction) source.exec('ROLLBACK')
    throw error
  }
  const stop = performance.now() - start
  onEvent({ type: 'switched', stop })
  await confirm(target, place)
  return { ...total, stop, unfenced }
}

/** @throws ABORTED */
function throwIfAborted(signal: AbortSignal | undefined): void {
  if (!signal?.aborted) return
  throw new MigrateError('ABORTED', 'stopped on request: the application goes on with the source', {
    hint: 'the log goes on too: run the same command again with --resume',
    cause: signal.reason,
  })
}

function otherTarget(to: string): MigrateError {
  return new MigrateError('DIFFERENT', `the source was switched over already: ${to}`, {
    hint: 'begin again from there; or take the fence away, if what was written there is not wanted',
  })
}
