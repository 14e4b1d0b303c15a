import { MigrateError } from '../core/errors.ts'
import type { End } from './end.ts'

/**
 * An end whose driver's errors are said in our words, where they arise: the two ends of a transfer are each inside the
 * other's work.
 *
 * @param explain gives the error that is thrown in the place of one
 */
export function guardedEnd(end: End, explain: (error: unknown) => unknown): End {
  const said = (error: unknown) => (error instanceof MigrateError ? error : explain(error))
  const tried = async <T>(work: () => Promise<T>): Promise<T> => {
    try {
      return await work()
    } catch (error) {
      throw said(error)
    }
  }
  async function* each<T>(items: AsyncIterable<T>): AsyncIterable<T> {
    try {
      yield* items
    } catch (error) {
      throw said(error)
    }
  }
  return {
    ...end,
    digest: (moved, side) => tried(() => end.digest(moved, side)),
    count: (moved, side) => tried(() => end.count(moved, side)),
    buckets: (moved, side) => tried(() => end.buckets(moved, side)),
    hashes: (moved, side, some) => tried(() => end.hashes(moved, side, some)),
    rows: (moved, side, keys, most) => tried(() => end.rows(moved, side, keys, most)),
    snapshot: (work) => tried(() => end.snapshot(work)),
    unchecked: (work) => tried(() => end.unchecked(work)),
    read: (moved, to, onDigest) => each(end.read(moved, to, onDigest)),
    write: (moved, from, rows, note) => tried(() => end.write(moved, from, rows, note)),
    findBad: (moved, into, search) => tried(() => end.findBad(moved, into, search)),
  }
}
