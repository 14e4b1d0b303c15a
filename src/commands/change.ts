import { checkBackupPlace } from '../core/backup.ts'
import { MigrateError } from '../core/errors.ts'
import { type Dialect, type Direction, type Migration, readMigrations } from '../core/migrations.ts'
import type { Applied as Row, Target } from '../core/plan.ts'
import { type Database, withDatabase } from '../database/database.ts'
import { prepareHistory, readHistory, TABLE } from '../database/history.ts'
import type { Stash } from '../database/stash.ts'
import { holderOf, readNotes, refuseUnused } from '../database/state.ts'
import { dialectOf } from '../database/target.ts'
import { type Applied, apply, type Step } from './apply.ts'
import { afterBackup } from './backup.ts'
import { DECISIONS } from './interrupted.ts'
import { type Kept, lossesOf, untilBatch } from './keep.ts'
import { checkLockTimeout, checkWaiting, lockOptions, patienceOf } from './lock.ts'
import { type ChangeOptions, DEFAULT_DATABASE, NEXFLOW_MIGRATIONS } from './options.ts'
import { downScript } from './script.ts'

/** A migration that a dry run would apply or roll back. */
export interface PlannedStep {
  readonly id: string
  readonly file: string
  readonly sql: string
  /** What a rollback takes away, and how it is kept. Behind one that is run in batches it is not known yet. */
  readonly losses?: readonly Kept[]
  /** Why a rollback would fail. */
  readonly problem?: string
}

/** A migration that was applied or rolled back. */
export interface DoneStep {
  readonly id: string
  readonly file: string
}

/** What `up` and `down` have in common. */
export interface ChangeResult {
  readonly dialect: Dialect
  /** The database, without user and password. */
  readonly database: string
  /** What a dry run would have done. */
  readonly planned: readonly PlannedStep[]
  /** What was found on the way and is worth a look. */
  readonly warnings: readonly string[]
  /** The backup that was taken before the first step. */
  readonly backup?: string
}

/** What a run has done. */
export interface Done extends Omit<Applied, 'warnings'> {
  readonly done: readonly DoneStep[]
}

const NOTHING: Done = { done: [], stashed: [], givenBack: [] }

/** What is to be done, by the files and the history as they are now. */
export type Plan = (database: Database, migrations: Migration[], history: Row[]) => Step[] | Promise<Step[]>

/**
 * Read, plan, apply, record: what `up` and `down` do, each with its own plan.
 *
 * @throws what `up` and `down` say
 */
export async function change(
  direction: Direction,
  options: ChangeOptions,
  plan: Plan,
): Promise<{ result: ChangeResult } & Done> {
  checkOptions(options)
  const { database: target = DEFAULT_DATABASE, migrations: source = NEXFLOW_MIGRATIONS } = options
  const migrations = readMigrations(source, dialectOf(target))
  const planNow = async (database: Database) => plan(database, migrations, await readHistory(database))

  // With nothing to do there is no need of the lock, nor to make a database.
  const { steps, half, result } = await withDatabase(target, {}, async (database) => ({
    half: await halfDown(database, migrations, options),
    steps: await planNow(database),
    result: { dialect: database.dialect, database: database.name, planned: [], warnings: [] },
  }))
  if (steps.length === 0 && half === undefined && options.interrupted !== 'restart') {
    return { result, ...NOTHING }
  }
  if (options.dryRun)
    return { result: { ...result, planned: await dryRun(direction, steps, options) }, ...NOTHING }
  return withDatabase(target, { create: true, patience: patienceOf(options) }, async (database) => {
    const key = await database.qualify(TABLE)
    return database.lock(key, lockOptions(options, database), async () => {
      const needed = async () => (await planNow(database)).length > 0
      return afterBackup(database, options, needed, async (backup) => {
        const ids = [...(half ? [half] : []), ...steps].map(({ id }) => id)
        await prepareHistory(database, holderOf(direction, ids))
        const before = await endHalf(database, direction, migrations, options, planNow)
        const now = before.rest ?? (await planNow(database))
        const { warnings, stashed, givenBack } = await apply(database, direction, now, options)
        const ran = direction === 'down' ? [...before.steps, ...now] : now
        const done = ran.map(({ id, script }) => ({ id, file: script.file }))
        const told = { ...result, ...backup, warnings: [...before.warnings, ...warnings] }
        return { result: told, done, stashed: [...before.stashed, ...stashed], givenBack }
      })
    })
  })
}

/** What would be done, and what a rollback would take away. */
async function dryRun(
  direction: Direction,
  steps: readonly Step[],
  options: ChangeOptions,
): Promise<PlannedStep[]> {
  const { database: target = DEFAULT_DATABASE, discard = false } = options
  const planned = steps.map(({ id, script }) => ({ id, file: script.file, sql: script.text }))
  if (direction === 'up') return planned
  const seen = untilBatch(steps)
  const { kept } = await withDatabase(target, { patience: patienceOf(options) }, (database) =>
    lossesOf(database, seen, discard),
  )
  return planned.map((step, i): PlannedStep => {
    const losses = kept[i]
    if (losses === undefined) return step
    return losses instanceof MigrateError ? { ...step, problem: losses.message } : { ...step, losses }
  })
}

/**
 * A rollback that was interrupted outside a transaction.
 *
 * @throws INCOMPLETE, MOVED
 */
async function halfDown(
  database: Database,
  migrations: readonly Migration[],
  { interrupted }: ChangeOptions,
): Promise<Step | undefined> {
  const { interrupted: noted, ...notes } = await readNotes(database)
  refuseUnused(database, notes)
  if (noted?.direction !== 'down' || interrupted === 'restart') return undefined
  const file = migrations.find(({ id }) => id === noted.id)
  return { id: noted.id, script: await downScript(database, noted.id, file) }
}

/**
 * Brings such a rollback to its end before anything else: from half of it nothing can go on, and what others would
 * lose can be seen only after it. `up` does so by itself; `down` where it is among what is to be rolled back.
 *
 * @returns what was done, and of a rollback what is left to do
 */
async function endHalf(
  database: Database,
  direction: Direction,
  migrations: readonly Migration[],
  options: ChangeOptions,
  planNow: (database: Database) => Promise<Step[]>,
): Promise<{ steps: Step[]; rest?: Step[]; warnings: readonly string[]; stashed: readonly Stash[] }> {
  const none = { steps: [], warnings: [], stashed: [] }
  const half = await halfDown(database, migrations, options)
  if (half === undefined) return none
  const planned = direction === 'down' ? await planNow(database) : []
  if (direction === 'down' && !planned.some(({ id }) => id === half.id)) return none
  const { warnings, stashed } = await apply(database, 'down', [half], { ...options, transaction: 'each' })
  const done = { steps: [half], warnings, stashed }
  return direction === 'up' ? done : { ...done, rest: planned.filter(({ id }) => id !== half.id) }
}

/** @throws USAGE if the options contradict each other */
export function checkTarget(options: Target): void {
  const given = (['id', 'to', 'steps', 'all'] as const).filter((name) => options[name] !== undefined)
  if (given.length > 1) {
    throw new MigrateError('USAGE', `${given.join(' and ')} cannot be given together`, {
      hint: 'give one of them',
    })
  }
  const { steps } = options
  if (steps !== undefined && !(Number.isSafeInteger(steps) && steps > 0)) {
    throw new MigrateError('USAGE', 'steps must be a whole number from 1', { hint: 'such as --steps 1' })
  }
}

/** @throws USAGE */
function checkOptions(options: ChangeOptions & Target): void {
  checkTarget(options)
  const { lockTimeout, transaction, interrupted, backup = {} } = options
  checkBackupPlace(backup)
  checkLockTimeout(lockTimeout)
  checkWaiting(options)
  if (transaction !== undefined && !['each', 'all'].includes(transaction)) {
    throw new MigrateError('USAGE', 'transaction must be each or all', { hint: 'such as --transaction all' })
  }
  if (interrupted !== undefined && !DECISIONS.includes(interrupted)) {
    throw new MigrateError('USAGE', `interrupted must be one of ${DECISIONS.join(', ')}`, {
      hint: 'such as --interrupted again',
    })
  }
}
