import { setImmediate as turn } from 'node:timers/promises'
import { MigrateError } from '../core/errors.ts'
import type { Direction } from '../core/migrations.ts'
import type { Script } from '../core/script.ts'
import { count, list } from '../core/text.ts'
import type { Database, Run, Watch } from '../database/database.ts'
import { eraseSql, recordSql } from '../database/history.ts'
import { throwIfAborted } from '../database/lock.ts'
import {
  type FullStash,
  type GivenBack,
  giveBack,
  type Loss,
  publicStash,
  readStashes,
  type Stash,
  stashLabel,
} from '../database/stash.ts'
import { type Interrupted, readState, stateWriter } from '../database/state.ts'
import { progressOf, resumable } from './interrupted.ts'
import { keep, keptText, lossesOf, untilBatch } from './keep.ts'
import type { ChangeOptions } from './options.ts'

/** One migration in one direction. */
export interface Step {
  readonly id: string
  readonly script: Script
  /** The down script, for the history to keep, when it is applied. */
  readonly down?: Script | undefined
}

/** What came of the steps. */
export interface Applied {
  readonly warnings: readonly string[]
  /** What was kept that they would have destroyed. */
  readonly stashed: readonly Stash[]
  /** What was put back of that. */
  readonly givenBack: readonly GivenBack[]
}

/** What one attempt at a transaction has come to. */
interface Attempt {
  readonly stashed: FullStash[]
  readonly givenBack: GivenBack[]
}

/**
 * Runs steps in order: script and record in one transaction, so that neither is ever there without the other. What a
 * rollback would destroy is kept in the same transaction, and put back in that of the next `up`.
 *
 * @throws what `up` and `down` say
 */
export async function apply(
  database: Database,
  direction: Direction,
  steps: readonly Step[],
  options: ChangeOptions,
): Promise<Applied> {
  const { transaction = 'each', logger, onProgress, signal, strict = false, discard = false } = options
  const warnings: string[] = []
  const stashed: Stash[] = []
  const givenBack: GivenBack[] = []
  const finished: string[] = []
  const write = await stateWriter(database)
  const noted = (await readState<Interrupted>(database, 'interrupted')).get('')
  const interrupted = resumable(noted, direction, steps, options.interrupted)
  const stashes = direction === 'up' ? await readStashes(database) : []
  const losses: (readonly Loss[] | MigrateError)[] = []

  /** Finds out what a rollback takes away, from a step on. */
  const look = async (from: number) => {
    if (direction === 'up' || from === steps.length) return
    const found = await lossesOf(database, untilBatch(steps.slice(from)), discard)
    losses.push(...found.losses)
    for (const one of found.kept.flat()) {
      if (one instanceof MigrateError) continue
      logger?.info(keptText(one))
      onProgress?.({ type: 'note', message: keptText(one) })
    }
  }
  await look(0)

  let begun = -1
  const tell = (type: 'started' | 'finished', index: number) => {
    // Where others are in the way, a transaction is begun more than once.
    if (type === 'started' && index <= begun) return
    begun = Math.max(begun, index)
    const id = steps[index]?.id ?? ''
    onProgress?.({ type, direction, id, index: index + 1, total: steps.length })
    if (type === 'finished') logger?.info(`${direction === 'up' ? 'applied' : 'rolled back'} ${id}`)
  }
  const warn = (message: string) => {
    warnings.push(message)
    logger?.warn(message)
    onProgress?.({ type: 'warning', message })
  }
  const watch = (...scripts: Script[]): Watch => ({
    scripts,
    onForgotten: (what) => {
      const message = `${scripts[0]?.file}: the rebuild of a table forgot ${list(what)}`
      if (strict) throw new MigrateError('FORGOTTEN', message, { hint: 'make it again in the script' })
      warn(message)
    },
  })

  /** One transaction, of which `work` may be done again: only what the last time came to is told. */
  const commit = async (work: (run: Run, now: Attempt) => Promise<void>, on?: Watch) => {
    const now = await database.transaction(async (run) => {
      const attempt: Attempt = { stashed: [], givenBack: [] }
      await work(run, attempt)
      return attempt
    }, on)
    stashed.push(...now.stashed.map(publicStash))
    givenBack.push(...now.givenBack)
    for (const given of now.givenBack) if (given.remains > 0) warn(remainsText(given))
  }

  /** Keeps what the script would destroy, and gives the script as it is to be run. */
  const stash = async (index: number, { id, script }: Step, run: Run, now: Attempt): Promise<Script> => {
    const kept = await keep(database, run, id, script, discard ? [] : (losses[index] ?? []))
    now.stashed.push(...kept.stashes)
    return kept.script
  }
  /** Gives what the script has brought back its rows again, and the history its row. */
  const record = async (step: Step, run: Run, now: Attempt) => {
    const mine = stashes.filter(({ migration, remains }) => migration === step.id && remains === undefined)
    if (mine.length > 0) now.givenBack.push(...(await giveBack(database, run, mine)))
    await run(await (direction === 'up' ? recordSql(database, step) : eraseSql(database, step.id)))
  }
  /** With the last one it is over: nobody is to be told that this process is still at it. */
  const leave = async (index: number, run: Run) => {
    if (index === steps.length - 1) await run(write('holder', undefined))
  }

  const together = async () => {
    refuseOutside(steps)
    throwIfAborted(signal)
    const work = async (run: Run, now: Attempt) => {
      for (const [index, step] of steps.entries()) {
        tell('started', index)
        await run(await stash(index, step, run, now))
        await record(step, run, now)
        await leave(index, run)
      }
    }
    await commit(work, watch(...steps.map(({ script }) => script)))
    for (const index of steps.keys()) tell('finished', index)
  }
  const inside = (index: number, step: Step) =>
    commit(async (run, now) => {
      await run(await stash(index, step, run, now))
      await record(step, run, now)
      await leave(index, run)
    }, watch(step.script))
  const outside = async (index: number, step: Step) => {
    const resumed = step.id === interrupted?.id ? interrupted : undefined
    const note = (value: Interrupted) => write('interrupted', value)
    const progress = progressOf(direction, step, resumed, options.interrupted, note)
    if (direction === 'down' && !resumed) {
      // Kept and begun at once: otherwise it would be kept again.
      await commit(async (run, now) => {
        await stash(index, step, run, now)
        await run(progress.begin)
      })
    }
    if (step.script.batch === undefined) await database.statements(step.script, progress)
    else {
      const run = { direction, interrupted: resumed, onProgress, signal, write: note }
      const { runBatches } = await import('./batch.ts')
      await runBatches(database, step, run)
    }
    await commit(async (run, now) => {
      await record(step, run, now)
      await run(write('interrupted', undefined))
      await leave(index, run)
    })
  }

  try {
    if (noted !== undefined && interrupted === undefined) {
      await database.transaction((run) => run(write('interrupted', undefined)))
    }
    if (transaction === 'all') await together()
    for (const [index, step] of transaction === 'all' ? [] : steps.entries()) {
      // SQLite keeps the thread: only between two migrations can a signal be heard.
      if (signal !== undefined) await turn()
      throwIfAborted(signal)
      tell('started', index)
      await (step.script.transaction ? inside : outside)(index, step)
      finished.push(step.id)
      tell('finished', index)
      if (step.script.batch !== undefined) await look(index + 1)
    }
    return { warnings, stashed, givenBack }
  } catch (error) {
    await database.transaction((run) => run(write('holder', undefined))).catch(() => {})
    throw error instanceof MigrateError && finished.length > 0 ? error.with({ done: finished }) : error
  }
}

function remainsText({ stash, remains }: GivenBack): string {
  const stay = remains === 1 ? 'it stays' : 'they stay'
  return `${count(remains, 'row')} of ${stashLabel(stash)} could not be put back: the place is taken, or what is referred to is gone; ${stay} in stash ${stash.number}`
}

function refuseOutside(steps: readonly Step[]): void {
  const outside = steps.filter(({ script }) => !script.transaction)
  const [first] = outside
  if (first === undefined) return
  const ids = outside.map(({ id }) => id)
  throw new MigrateError('NOT_IN_TRANSACTION', `${list(ids)} cannot run inside the one transaction for all`, {
    file: first.script.file,
    hint: 'leave out --transaction all, or run the migrations before and after it by themselves with --to',
  })
}
