import { MigrateError } from '../core/errors.ts'
import type { Script } from '../core/script.ts'
import type { Sql } from '../core/sql-error.ts'
import { list } from '../core/text.ts'
import type { Database } from '../database/database.ts'
import { throwIfAborted } from '../database/lock.ts'
import type { ChangeOptions } from './options.ts'

/** One migration in one direction: a script to run, and the SQL that records it. */
export interface Step {
  readonly id: string
  readonly script: Script
  readonly record: Sql
}

/**
 * Runs the steps in order: script and record in one transaction, so that neither is ever there without the other.
 *
 * @throws NOT_IN_TRANSACTION, ABORTED, and what the database says of a script
 */
export async function apply(
  database: Database,
  direction: 'up' | 'down',
  steps: readonly Step[],
  options: ChangeOptions,
): Promise<void> {
  const { transaction = 'each', logger, onProgress, signal } = options
  if (transaction === 'all') refuseOutside(steps)
  const finished: string[] = []
  const tell = (type: 'started' | 'finished', index: number) => {
    const id = steps[index]?.id ?? ''
    onProgress?.({ type, direction, id, index: index + 1, total: steps.length })
    if (type === 'finished') logger?.info(`${direction === 'up' ? 'applied' : 'rolled back'} ${id}`)
  }
  const scripts = ({ script, record }: Step) => (script.nothing === undefined ? [script, record] : [record])
  try {
    if (transaction === 'all') {
      throwIfAborted(signal)
      await database.transaction(steps.map(scripts), (index) => tell('started', index))
      for (const index of steps.keys()) tell('finished', index)
      return
    }
    for (const [index, step] of steps.entries()) {
      throwIfAborted(signal)
      tell('started', index)
      if (!step.script.transaction) await database.statements(step.script)
      await database.transaction([step.script.transaction ? scripts(step) : [step.record]])
      finished.push(step.id)
      tell('finished', index)
    }
  } catch (error) {
    throw error instanceof MigrateError && finished.length > 0 ? error.with({ done: finished }) : error
  }
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
