import { type Leniency, newerThanFiles, planUp } from '../core/plan.ts'
import { list } from '../core/text.ts'
import type { GivenBack } from '../database/stash.ts'
import { type ChangeResult, change, type DoneStep } from './change.ts'
import type { ChangeOptions } from './options.ts'
import type { PlanResult } from './plan.ts'

export interface UpOptions extends Omit<ChangeOptions, 'discard'>, Leniency {
  /** Of a dry run: where what a statement does is measured. See `ShadowOptions`. */
  readonly shadow?: string
}

export interface UpResult extends ChangeResult {
  readonly applied: readonly DoneStep[]
  /** What an earlier rollback had kept and is in its place again. */
  readonly givenBack: readonly GivenBack[]
  /** Of a dry run that has something to do. */
  readonly plan?: PlanResult
}

/**
 * Applies the pending migrations: all of them, or as far as `to`, `steps` or `id` say.
 *
 * Replicas that start together: one migrates, the others wait for it and find nothing to do.
 *
 * @throws USAGE, UNKNOWN_ID, CHANGED, MISSING, OUT_OF_ORDER, EARLIER_PENDING, NOT_IN_TRANSACTION, LOCK_TIMEOUT,
 *   BLOCKED, ABORTED, FOREIGN_HISTORY, SQL, TRANSACTION_STATEMENT; of a dry run those of `plan`; the codes of the files:
 *   see `readMigrations`;
 *   the codes of the connection: CONFIG, CONNECTION, AUTHENTICATION, PERMISSION, READ_ONLY, NOT_A_DATABASE, BUSY
 */
export async function up(options: UpOptions = {}): Promise<UpResult> {
  let warned = false
  const { result, done, givenBack } = await change('up', options, (database, migrations, history) => {
    const newer = options.allowNewer && !warned ? newerThanFiles(migrations, history) : []
    if (newer.length > 0) {
      options.logger?.warn(`${database.name} was migrated by a newer build: ${list(newer)}`)
      warned = true
    }
    const pending = planUp(migrations, history, options, options)
    return pending.map(({ id, up, down }) => ({ id, script: up, down: down?.() }))
  })
  const foreseen = result.planned.length === 0 ? undefined : await planned(options)
  return { ...result, applied: done, givenBack, ...(foreseen && { plan: foreseen }) }
}

/** What a dry run of `up` tells of what it would do. */
async function planned({ backup, ...options }: UpOptions): Promise<PlanResult> {
  const { plan } = await import('./plan.ts')
  return plan({ ...options, backup: { ...backup, before: backup !== undefined } })
}
