import { checkBackupPlace } from '../core/backup.ts'
import { MigrateError } from '../core/errors.ts'
import { type Dialect, type Direction, type Migration, readMigrations } from '../core/migrations.ts'
import type { Applied } from '../core/plan.ts'
import type { Script } from '../core/script.ts'
import type { Sql } from '../core/sql-error.ts'
import { list } from '../core/text.ts'
import { type Database, withDatabase } from '../database/database.ts'
import { eraseSql, prepareHistory, readHistory, recordSql, TABLE } from '../database/history.ts'
import { type LockOptions, throwIfAborted } from '../database/lock.ts'
import { dialectOf } from '../database/target.ts'
import { afterBackup } from './backup.ts'
import { type ChangeOptions, DEFAULT_DATABASE, NEXFLOW_MIGRATIONS } from './options.ts'

/** A migration that a dry run would apply or roll back. */
export interface PlannedStep {
  readonly id: string
  readonly file: string
  readonly sql: string
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
  /** The backup that was taken before the first step. */
  readonly backup?: string
}

/** One migration in one direction. */
export interface Step {
  readonly id: string
  readonly script: Script
  /** The down script, for the history to keep, when it is applied. */
  readonly down?: Script | undefined
}

/** What is to be done, by the files and the history as they are now. */
export type Plan = (
  database: Database,
  migrations: Migration[],
  history: Applied[],
) => Step[] | Promise<Step[]>

/**
 * Read, plan, apply, record: what `up` and `down` do, each with its own plan.
 *
 * @throws what `up` and `down` say
 */
export async function change(
  direction: Direction,
  options: ChangeOptions,
  plan: Plan,
): Promise<{ result: ChangeResult; done: DoneStep[] }> {
  checkOptions(options)
  const { database: target = DEFAULT_DATABASE, migrations: source = NEXFLOW_MIGRATIONS } = options
  const migrations = readMigrations(source, dialectOf(target))
  const planNow = async (database: Database) => plan(database, migrations, await readHistory(database))

  // With nothing to do there is no need of the lock, nor to make a database.
  const glance = await withDatabase(target, {}, async (database) => ({
    steps: await planNow(database),
    result: { dialect: database.dialect, database: database.name, planned: [] },
  }))
  const { steps, result } = glance
  if (steps.length === 0) return { result, done: [] }
  if (options.dryRun) {
    const planned = steps.map(({ id, script }) => ({ id, file: script.file, sql: script.text }))
    return { result: { ...result, planned }, done: [] }
  }
  return withDatabase(target, { create: true }, async (database) => {
    const key = await database.qualify(TABLE)
    const needed = async () => (await planNow(database)).length > 0
    return database.lock(key, lockOptions(options), () =>
      afterBackup(database, options, needed, async (backup) => {
        await prepareHistory(database)
        const now = await planNow(database)
        await apply(database, direction, now, options)
        const done = now.map(({ id, script }) => ({ id, file: script.file }))
        return { result: { ...result, ...backup }, done }
      }),
    )
  })
}

/** Runs the steps in order: script and record in one transaction, so that neither is ever there without the other. */
async function apply(
  database: Database,
  direction: Direction,
  steps: readonly Step[],
  options: ChangeOptions,
): Promise<void> {
  const { transaction = 'each', logger, onProgress, signal } = options
  const tell = (type: 'started' | 'finished', index: number) => {
    const id = steps[index]?.id ?? ''
    onProgress?.({ type, direction, id, index: index + 1, total: steps.length })
    if (type === 'finished') logger?.info(`${direction === 'up' ? 'applied' : 'rolled back'} ${id}`)
  }
  const record = (step: Step) =>
    direction === 'up' ? recordSql(database, step) : eraseSql(database, step.id)

  if (transaction === 'all') {
    refuseOutside(steps)
    throwIfAborted(signal)
    const groups: Sql[][] = []
    for (const step of steps) groups.push([step.script, await record(step)])
    await database.transaction(groups, (index) => tell('started', index))
    for (const index of steps.keys()) tell('finished', index)
    return
  }
  const finished: string[] = []
  try {
    for (const [index, step] of steps.entries()) {
      throwIfAborted(signal)
      tell('started', index)
      if (!step.script.transaction) await database.statements(step.script)
      const row = await record(step)
      await database.transaction([step.script.transaction ? [step.script, row] : [row]])
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

/** @throws USAGE if the options contradict each other */
function checkOptions(options: ChangeOptions & { readonly all?: boolean }): void {
  const given = (['id', 'to', 'steps', 'all'] as const).filter((name) => options[name] !== undefined)
  if (given.length > 1) {
    throw new MigrateError('USAGE', `${given.join(' and ')} cannot be given together`, {
      hint: 'give one of them',
    })
  }
  const { steps, lockTimeout, transaction, backup = {} } = options
  checkBackupPlace(backup)
  if (steps !== undefined && !(Number.isSafeInteger(steps) && steps > 0)) {
    throw new MigrateError('USAGE', 'steps must be a whole number from 1', { hint: 'such as --steps 1' })
  }
  checkLockTimeout(lockTimeout)
  if (transaction !== undefined && !['each', 'all'].includes(transaction)) {
    throw new MigrateError('USAGE', 'transaction must be each or all', { hint: 'such as --transaction all' })
  }
}

/** @throws USAGE */
export function checkLockTimeout(lockTimeout: number | undefined): void {
  if (lockTimeout !== undefined && !(lockTimeout >= 0)) {
    throw new MigrateError('USAGE', 'the lock timeout must be a number from 0', {
      hint: 'such as --lock-timeout 60',
    })
  }
}

/** How a command waits for the lock. */
export function lockOptions(
  options: Pick<ChangeOptions, 'lockTimeout' | 'signal' | 'logger' | 'onProgress'>,
): LockOptions {
  const { lockTimeout = 60_000, signal, logger, onProgress } = options
  return {
    timeout: lockTimeout,
    signal,
    onWait: () => {
      logger?.info('another process is migrating: waiting for it')
      onProgress?.({ type: 'waiting' })
    },
  }
}
