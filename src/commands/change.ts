import { setImmediate as turn } from 'node:timers/promises'
import { checkBackupPlace } from '../core/backup.ts'
import { MigrateError } from '../core/errors.ts'
import { type Dialect, type Direction, type Migration, readMigrations } from '../core/migrations.ts'
import type { Applied } from '../core/plan.ts'
import type { Script } from '../core/script.ts'
import { count, list } from '../core/text.ts'
import { type Database, type Run, type Watch, withDatabase } from '../database/database.ts'
import { eraseSql, prepareHistory, readHistory, recordSql, TABLE } from '../database/history.ts'
import { type LockOptions, throwIfAborted } from '../database/lock.ts'
import {
  type FullStash,
  type GivenBack,
  giveBack,
  publicStash,
  readStashes,
  type Stash,
  stashLabel,
} from '../database/stash.ts'
import { type Holder, holderAt, type Interrupted, readState, stateWriter } from '../database/state.ts'
import { dialectOf, type Target } from '../database/target.ts'
import { afterBackup } from './backup.ts'
import { DECISIONS, progressOf, resumable } from './interrupted.ts'
import { type Kept, keep, keptText, lossesOf } from './keep.ts'
import { type ChangeOptions, DEFAULT_DATABASE, NEXFLOW_MIGRATIONS } from './options.ts'
import { downScript } from './script.ts'

/** A migration that a dry run would apply or roll back. */
export interface PlannedStep {
  readonly id: string
  readonly file: string
  readonly sql: string
  /** What a rollback takes away, and how it is kept. */
  readonly losses?: readonly Kept[]
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
export interface Done {
  readonly done: readonly DoneStep[]
  /** What it keeps that it would have destroyed. */
  readonly stashed: readonly Stash[]
  /** What it has put back of that. */
  readonly givenBack: readonly GivenBack[]
}

const NOTHING: Done = { done: [], stashed: [], givenBack: [] }

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
): Promise<{ result: ChangeResult } & Done> {
  checkOptions(options)
  const { database: target = DEFAULT_DATABASE, migrations: source = NEXFLOW_MIGRATIONS } = options
  const migrations = readMigrations(source, dialectOf(target))
  const planNow = async (database: Database) => plan(database, migrations, await readHistory(database))
  const halfNow = async (database: Database, steps: readonly Step[]) => {
    const half = await halfDown(database, migrations, options)
    return half !== undefined && (direction === 'up' || steps.some(({ id }) => id === half.id)) ? [half] : []
  }
  const allNow = async (database: Database) => {
    const steps = await planNow(database)
    return direction === 'up' ? [...(await halfNow(database, steps)), ...steps] : steps
  }

  // With nothing to do there is no need of the lock, nor to make a database.
  const glance = await withDatabase(target, {}, async (database) => ({
    steps: await allNow(database),
    result: { dialect: database.dialect, database: database.name, planned: [], warnings: [] },
  }))
  const { steps, result } = glance
  if (steps.length === 0 && options.interrupted !== 'restart') return { result, ...NOTHING }
  if (options.dryRun) {
    const kept = direction === 'down' ? (await dryLosses(target, steps, options)).kept : []
    const planned = steps.map(({ id, script }, i) => ({
      id,
      file: script.file,
      sql: script.text,
      ...(kept[i] && { losses: kept[i] }),
    }))
    return { result: { ...result, planned }, ...NOTHING }
  }
  return withDatabase(target, { create: true }, async (database) => {
    const key = await database.qualify(TABLE)
    const needed = async () => (await allNow(database)).length > 0
    return database.lock(key, lockOptions(options, database), () =>
      afterBackup(database, options, needed, async (backup) => {
        await prepareHistory(database, holderAt(steps[0]?.id ?? ''))
        const half = await halfNow(database, await planNow(database))
        const first =
          half.length > 0
            ? await apply(database, 'down', half, { ...options, transaction: 'each' })
            : { warnings: [], stashed: [] }
        const now = await planNow(database)
        const { warnings, ...applied } = await apply(database, direction, now, options)
        const ran = direction === 'down' ? [...half, ...now] : now
        const done = ran.map(({ id, script }) => ({ id, file: script.file }))
        const told = { warnings: [...first.warnings, ...warnings], ...backup }
        const stashed = [...first.stashed, ...applied.stashed]
        return { result: { ...result, ...told }, done, ...applied, stashed }
      }),
    )
  })
}

/**
 * A rollback that was interrupted outside a transaction. It comes to its end before anything else, by itself: from
 * half of it nothing can go on, and what the others would lose can be seen only after it.
 */
async function halfDown(
  database: Database,
  migrations: readonly Migration[],
  options: ChangeOptions,
): Promise<Step | undefined> {
  const noted = (await readState<Interrupted>(database, 'interrupted')).get('')
  if (noted?.direction !== 'down' || options.interrupted === 'restart') return undefined
  const { id } = noted
  return {
    id,
    script: await downScript(
      database,
      id,
      migrations.find((migration) => migration.id === id),
    ),
  }
}

function dryLosses(target: Target, steps: readonly Step[], { discard = false }: ChangeOptions) {
  return withDatabase(target, {}, (database) => lossesOf(database, steps, discard))
}

/**
 * Runs the steps in order: script and record in one transaction, so that neither is ever there without the other.
 *
 * @returns warnings, and what was kept and put back
 */
async function apply(
  database: Database,
  direction: Direction,
  steps: readonly Step[],
  options: ChangeOptions,
): Promise<Omit<Done, 'done'> & { warnings: string[] }> {
  const { transaction = 'each', logger, onProgress, signal, strict = false, discard = false } = options
  const warnings: string[] = []
  const stashed: FullStash[] = []
  const givenBack: GivenBack[] = []
  const finished: string[] = []
  const write = await stateWriter(database)
  const noted = (await readState<Interrupted>(database, 'interrupted')).get('')
  const interrupted = resumable(noted, direction, steps, options.interrupted)

  const waiting = direction === 'up' ? await readStashes(database) : []
  const { losses, kept } =
    direction === 'down' ? await lossesOf(database, steps, discard) : { losses: [], kept: [] }
  for (const one of kept.flat()) {
    logger?.info(keptText(one))
    onProgress?.({ type: 'note', message: keptText(one) })
  }

  const tell = (type: 'started' | 'finished', index: number) => {
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
  /** What a rollback would destroy is kept before it. */
  const stash = async (index: number, { id, script }: Step, run: Run) => {
    const now = await keep(database, run, id, script, discard ? [] : (losses[index] ?? []))
    stashed.push(...now.stashes)
    return now.script
  }
  /** What the script has brought back gets its rows again, and the history its row. */
  const record = async (step: Step, run: Run) => {
    const mine = waiting.filter(({ migration, remains }) => migration === step.id && remains === undefined)
    if (mine.length > 0) {
      for (const given of await giveBack(database, run, mine)) {
        givenBack.push(given)
        if (given.remains > 0) warn(remainsText(given))
      }
    }
    await run(await (direction === 'up' ? recordSql(database, step) : eraseSql(database, step.id)))
  }
  // Whoever waits reads where we are: committed with the step before.
  const moveOn = (index: number) => {
    const next = steps[index + 1]
    return write('holder', next && holderAt(next.id))
  }

  const together = async () => {
    refuseOutside(steps)
    throwIfAborted(signal)
    await database.transaction(
      async (run) => {
        for (const [index, step] of steps.entries()) {
          tell('started', index)
          await run(await stash(index, step, run))
          await record(step, run)
        }
        await run(moveOn(steps.length))
      },
      watch(...steps.map(({ script }) => script)),
    )
    for (const index of steps.keys()) tell('finished', index)
  }
  const oneByOne = async (index: number, step: Step) => {
    // SQLite keeps the thread: only between two migrations can a signal be heard.
    if (signal !== undefined) await turn()
    throwIfAborted(signal)
    tell('started', index)
    const { script } = step
    if (!script.transaction) {
      const resumed = step.id === interrupted?.id ? interrupted : undefined
      const keepOn = (value: Interrupted) => write('interrupted', value)
      const progress = progressOf(direction, step, resumed, options.interrupted, keepOn)
      if (direction === 'down' && !resumed) {
        // Kept and begun at once: otherwise it would be kept again.
        await database.transaction(async (run) => {
          await stash(index, step, run)
          await run(progress.begin)
        })
      }
      await database.statements(script, progress)
    }
    await database.transaction(
      async (run) => {
        if (script.transaction) await run(await stash(index, step, run))
        await record(step, run)
        if (!script.transaction) await run(write('interrupted', undefined))
        await run(moveOn(index))
      },
      script.transaction ? watch(script) : undefined,
    )
    finished.push(step.id)
    tell('finished', index)
  }

  try {
    if (noted !== undefined && interrupted === undefined) {
      await database.transaction((run) => run(write('interrupted', undefined)))
    }
    if (transaction === 'all') await together()
    else for (const [index, step] of steps.entries()) await oneByOne(index, step)
    return { warnings, stashed: stashed.map(publicStash), givenBack }
  } catch (error) {
    throw error instanceof MigrateError && finished.length > 0 ? error.with({ done: finished }) : error
  }
}

function remainsText({ stash, remains }: GivenBack): string {
  return `${count(remains, 'row')} of ${stashLabel(stash)} could not be put back and stay in stash ${stash.number}: their place is taken, or what they refer to is gone`
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
  const { steps, lockTimeout, transaction, interrupted, backup = {} } = options
  checkBackupPlace(backup)
  if (steps !== undefined && !(Number.isSafeInteger(steps) && steps > 0)) {
    throw new MigrateError('USAGE', 'steps must be a whole number from 1', { hint: 'such as --steps 1' })
  }
  checkLockTimeout(lockTimeout)
  if (transaction !== undefined && !['each', 'all'].includes(transaction)) {
    throw new MigrateError('USAGE', 'transaction must be each or all', { hint: 'such as --transaction all' })
  }
  if (interrupted !== undefined && !DECISIONS.includes(interrupted)) {
    throw new MigrateError('USAGE', `interrupted must be one of ${DECISIONS.join(', ')}`, {
      hint: 'such as --interrupted again',
    })
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

/** Milliseconds between two looks at who holds the lock. */
const LOOK = 1000

/** How a command waits for the lock, and tells who holds it. */
export function lockOptions(
  {
    lockTimeout = 60_000,
    signal,
    logger,
    onProgress,
  }: Pick<ChangeOptions, 'lockTimeout' | 'signal' | 'logger' | 'onProgress'>,
  database: Database,
): LockOptions {
  let told: string | undefined
  let looked = Number.NEGATIVE_INFINITY
  const onWait = async () => {
    if (Date.now() - looked < LOOK) return told
    looked = Date.now()
    // Who waits must not fail for what it only wants to tell.
    const holder = await readState<Holder>(database, 'holder').catch(() => new Map<string, Holder>())
    const message = holderText(holder.get(''))
    if (message !== told) {
      logger?.info(`${message}: waiting for it`)
      onProgress?.({ type: 'waiting', message })
    }
    told = message
    return told
  }
  return { timeout: lockTimeout, signal, onWait }
}

function holderText(holder: Holder | undefined): string {
  if (holder === undefined) return 'another process is migrating'
  const { host, pid, program, since, migration } = holder
  return `${program} on ${host} (pid ${pid}) has been migrating since ${since} and is at ${migration}`
}
