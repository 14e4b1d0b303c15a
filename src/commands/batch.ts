import { setTimeout as pause } from 'node:timers/promises'
import { MigrateError } from '../core/errors.ts'
import type { Direction } from '../core/migrations.ts'
import { checksumOf, type Script } from '../core/script.ts'
import { placeIn, type Sql } from '../core/sql-error.ts'
import { count, skipBlank } from '../core/text.ts'
import type { Batched } from '../database/batch.ts'
import type { Database } from '../database/database.ts'
import type { Interrupted, Walked } from '../database/state.ts'
import type { ProgressEvent } from './options.ts'

/** Rows of the first batch, if it may have as many. */
const FIRST = 1000

/** Of one batch to the next the number of rows grows by so much at most, and falls to so much at least. */
const GROWTH = 1.2
const FALL = 0.25

/** Batches behind the first that comes to the end: who adds rows all the time is not run after for ever. */
const CATCH_UPS = 20

/**
 * The rows of the next batch.
 *
 * @param took   milliseconds for which a batch of `size` rows held its locks
 * @param target the most that it is to be
 */
export function nextSize(size: number, most: number, took: number, target: number): number {
  if (took > target) return Math.max(1, Math.floor(size * Math.max(FALL, target / took)))
  return took < target / 2 ? Math.min(most, Math.ceil(size * GROWTH)) : size
}

/** How a script is run in batches. */
export interface BatchRun {
  readonly direction: Direction
  /** What there is to go on with. */
  readonly interrupted?: Interrupted | undefined
  readonly onProgress?: ((event: ProgressEvent) => void) | undefined
  readonly signal?: AbortSignal | undefined
  /** The SQL that keeps how far it has come. */
  write(value: Interrupted): Sql
}

/**
 * Runs the statements of a script in batches along the keys of their tables. Each batch commits together with the note
 * of the last key that is done, so that nothing is done twice. Between two batches others have as much time as one took.
 *
 * @throws DIRECTIVE, SQL, INTERRUPTED, ABORTED, LOCK_LOST and the errors of the connection
 */
export async function runBatches(
  database: Database,
  { id, script }: { readonly id: string; readonly script: Script },
  run: BatchRun,
): Promise<void> {
  await database.batches(script, async (statements) => {
    const { length = 0, batch } = run.interrupted ?? {}
    const from = batch === undefined ? 0 : statements.findIndex(({ end }) => end === length)
    if (batch !== undefined && statements[from]?.by.join() !== batch.by.join()) {
      throw changed(script, run.direction, batch)
    }
    for (const [i, statement] of statements.entries()) {
      if (i < from) continue
      const { end } = statement
      const start = { id, direction: run.direction, done: i, started: false, session: [] }
      const until = { length: end, checksum: checksumOf(script.text.slice(0, end)) }
      const write = (walked: Walked) => run.write({ ...start, ...until, batch: walked })
      const report = reporter(id, i, statements.length, run)
      await walk(database, script, statement, i === from ? batch : undefined, write, report, run)
    }
  })
}

/** One statement, from where it stopped. */
async function walk(
  database: Database,
  script: Script,
  statement: Batched,
  walked: Walked | undefined,
  write: (walked: Walked) => Sql,
  report: Reporter,
  { direction, signal }: BatchRun,
): Promise<void> {
  const { by, target } = statement
  const most = script.batch ?? FIRST
  let size = Math.min(FIRST, most)
  let last = walked?.key
  let rows = walked?.rows ?? 0
  let took = 0
  let catchUps = 0
  const tell = report(rows, await statement.remaining(last))
  while (catchUps < CATCH_UPS) {
    const next = await statement.next(last, size)
    if (next === undefined) return
    // Who waits for a lock sleeps between two tries: the pauses must not keep in step with them.
    if (took > 0) await pause(took * (1 + Math.random() / 2))
    throwIfAborted(signal, direction)
    const part = statement.part(last, next.last)
    const now = { by, key: next.last, rows: rows + next.rows }
    let since = 0
    try {
      await database.transaction(async (run) => {
        since = performance.now()
        await run(part)
        await run(write(now))
      })
    } catch (error) {
      throw located(error, script, statement, last, next.last)
    }
    took = performance.now() - since
    if (next.rows < size) catchUps++
    else size = nextSize(size, most, took, target)
    last = now.key
    rows = now.rows
    tell(rows)
  }
}

type Reporter = ReturnType<typeof reporter>

/** Tells how far a statement has come, and how fast. */
function reporter(id: string, index: number, statements: number, { onProgress }: BatchRun) {
  return (before: number, { rows, exact }: { rows: number; exact: boolean }) => {
    const start = performance.now()
    return (done: number) => {
      const total = Math.max(done, before + rows)
      const rate = ((done - before) * 1000) / Math.max(1, performance.now() - start)
      const place = { id, statement: index + 1, statements }
      onProgress?.({ type: 'batch', ...place, done, total, exact, rate, left: (total - done) / rate })
    }
  }
}

/** @throws ABORTED between two batches */
function throwIfAborted(signal: AbortSignal | undefined, direction: Direction): void {
  if (!signal?.aborted) return
  throw new MigrateError('ABORTED', 'stopped on request, between two batches', {
    hint: `the next "${direction}" goes on from here`,
    cause: signal.reason,
  })
}

/** A batch has failed: the place of the whole statement, and which rows it was at. */
function located(
  error: unknown,
  script: Script,
  { start, by }: Batched,
  after: readonly string[] | undefined,
  last: readonly string[],
): unknown {
  if (!(error instanceof MigrateError) || error.code !== 'SQL') return error
  const at = skipBlank(script.text, start)
  const key = (values: readonly string[]) => `${by.join(', ')} ${values.join(', ')}`
  const stay = after === undefined ? '' : `the rows up to ${key(after)} are done and stay; `
  const next = `${stay}put right the rows behind it, up to ${key(last)}, and run the same command again: it goes on there`
  const hint = error.hint === undefined ? next : `${error.hint}; ${next}`
  return error.with({ ...placeIn(script, at), hint })
}

function changed({ file }: Script, direction: Direction, { by, rows }: Walked): MigrateError {
  return new MigrateError(
    'INTERRUPTED',
    `${file} was interrupted after ${count(rows, 'row')} along ${by.join(', ')}, and the statement or the key of its table is another one now`,
    {
      file,
      hint: `make it what it was; or undo by hand what it did and run "${direction} --interrupted restart"`,
    },
  )
}
