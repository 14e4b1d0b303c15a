import { setImmediate as turn } from 'node:timers/promises'
import { MigrateError } from '../core/errors.ts'
import { DIALECTS, type Dialect, type Migration, readMigrations } from '../core/migrations.ts'
import { resolve } from '../core/plan.ts'
import type { Schema } from '../core/schema/model.ts'
import { throwIfStopped } from '../database/lock.ts'
import { NEXFLOW_MIGRATIONS, type Options, type ProgressEvent } from './options.ts'
import { type MakeReplay, type Replay, withReplays } from './replay.ts'
import { Stage } from './stage.ts'
import { failed, type Judgement, judge, notReached, ownError, tryOut } from './trial.ts'

export interface VerifyOptions extends Pick<Options, 'migrations' | 'onProgress' | 'signal'> {
  /** Only these migrations. Default: all. */
  readonly ids?: readonly string[]
  /** Only on this database. Default: on both. */
  readonly dialect?: Dialect
  /** See `ShadowOptions`. */
  readonly shadow?: string
  /** Not only what fails or is lossy is found, but also what is `shape only` or not fit for every row. */
  readonly strict?: boolean
}

export interface VerifiedMigration {
  readonly id: string
  readonly sqlite?: Judgement
  readonly postgres?: Judgement
}

export interface VerifyResult {
  /** Nothing was found. */
  readonly ok: boolean
  readonly migrations: readonly VerifiedMigration[]
}

/** See `verify` in index.ts. */
export async function verify(options: VerifyOptions = {}): Promise<VerifyResult> {
  const { dialect, strict = false } = options
  if (dialect !== undefined && !DIALECTS.includes(dialect)) {
    throw new MigrateError('USAGE', `dialect must be ${DIALECTS.join(' or ')}`, {
      hint: 'such as --dialect sqlite',
    })
  }
  // Both at once: while the server starts, SQLite is done. One is shown: each has the same steps.
  const { onProgress: _, ...quiet } = options
  const on = (one: Dialect) => {
    if (one !== (dialect ?? one)) return undefined
    return verifyDialect(one, one === (dialect ?? 'postgres') ? options : quiet)
  }
  const [sqlite, postgres] = await both(on('sqlite'), on('postgres'))
  const migrations = [...(sqlite ?? postgres ?? new Map<string, Judgement>()).keys()].map(
    (id): VerifiedMigration => {
      const [here, there] = [sqlite?.get(id), postgres?.get(id)]
      return { id, ...(here && { sqlite: here }), ...(there && { postgres: there }) }
    },
  )
  const all = [...(sqlite?.values() ?? []), ...(postgres?.values() ?? [])]
  return { ok: !all.some((one) => isFound(one, strict)), migrations }
}

/** Both to their ends, so that neither leaves anything behind. */
async function both<T>(a: T, b: T): Promise<[Awaited<T>, Awaited<T>]> {
  const [first, second] = await Promise.allSettled([a, b])
  if (first.status === 'rejected') throw first.reason
  if (second.status === 'rejected') throw second.reason
  return [first.value, second.value]
}

function isFound({ verdict, error }: Judgement, strict: boolean): boolean {
  if (verdict === 'reversible' || verdict === 'irreversible (declared)') return strict && error !== undefined
  return strict || verdict !== 'shape only'
}

async function verifyDialect(dialect: Dialect, options: VerifyOptions): Promise<Map<string, Judgement>> {
  const warnings: string[] = []
  const onProgress = (event: ProgressEvent) => {
    if (event.type === 'warning') warnings.push(event.message)
  }
  const migrations = readMigrations(options.migrations ?? NEXFLOW_MIGRATIONS, dialect)
  return withReplays(dialect, { ...options, onProgress }, (make) =>
    new Verifier(make, options, warnings).run(migrations),
  )
}

/** Where a walk stopped, and why it could not go on there. */
interface Stop {
  readonly next: number
  /** Why its up fails on tables with rows; or, `before` it, what it stands on without any. */
  readonly error?: MigrateError
  readonly before?: true
}

/** An up that failed on tables with rows: what it makes of the schema where there are none. */
interface Second {
  readonly fitting: Schema
  readonly error: MigrateError
}

/** Walks through a history with rows in its tables, on one shadow database for as long as that is what it should be. */
class Verifier {
  readonly #make: MakeReplay
  readonly #options: VerifyOptions
  readonly #warnings: string[]
  readonly #judged = new Map<string, Judgement>()

  constructor(make: MakeReplay, options: VerifyOptions, warnings: string[]) {
    this.#make = make
    this.#options = options
    this.#warnings = warnings
  }

  async run(migrations: readonly Migration[]): Promise<Map<string, Judgement>> {
    const named = this.#options.ids?.map((id) => resolve(id, migrations))
    const wanted = migrations.map(({ id }) => named === undefined || named.includes(id))
    for (let at = wanted.indexOf(true); at !== -1; ) {
      let stop = await this.#make((replay) => this.#walk(replay, at, wanted))
      while (stop.error && !stop.before) stop = await this.#again(migrations, stop.next, stop.error, wanted)
      for (const [i, { id }] of migrations.entries()) {
        if (stop.error && wanted[i] && i >= stop.next) this.#judged.set(id, notReached(stop.error))
      }
      at = stop.error ? -1 : wanted.indexOf(true, stop.next)
    }
    return this.#judged
  }

  /** Judges one migration after the other. */
  async #walk(replay: Replay, start: number, wanted: readonly boolean[], second?: Second): Promise<Stop> {
    const { signal, onProgress } = this.#options
    const { migrations } = replay
    const error = await ownError(upBefore(replay, start))
    if (error !== undefined) return { next: start, error, before: true }
    const stage = new Stage(replay)
    for (const [i, migration] of migrations.entries()) {
      if (i < start) continue
      if (!wanted[i]) return { next: i }
      // SQLite keeps the thread: only here can a signal be heard.
      await turn()
      throwIfStopped(signal)
      const { id } = migration
      onProgress?.({ type: 'started', direction: 'up', id, index: i + 1, total: migrations.length })
      this.#warnings.length = 0
      const now = i === start ? second : undefined
      const before = await stage.prepare(now?.fitting)
      const outcome = await tryOut(replay, migration, before)
      if (outcome.up !== undefined && now === undefined) return { next: i, error: outcome.up }
      const notes = [...stage.notes(migration), ...new Set(this.#warnings)]
      this.#judged.set(id, judge(outcome, notes, now?.error))
      if (!outcome.clean) return { next: i + 1 }
      stage.schema = outcome.schema
    }
    return { next: migrations.length }
  }

  /** Does it fail without rows, and on rows that fit what it makes of the tables? */
  async #again(
    migrations: readonly Migration[],
    at: number,
    error: MigrateError,
    wanted: readonly boolean[],
  ): Promise<Stop> {
    let fitting: Schema | undefined
    const first = await ownError(
      this.#make(async (replay) => {
        await upBefore(replay, at + 1)
        fitting = await replay.schema()
      }),
    )
    if (fitting !== undefined) {
      const second = { fitting, error }
      return this.#make((replay) => this.#walk(replay, at, wanted, second))
    }
    const worst = first ?? error
    this.#judged.set(migrations[at]?.id ?? '', failed(`up fails on empty tables: ${worst.message}`, worst))
    return { next: at + 1, error: worst, before: true }
  }
}

/** Applies what comes before a migration. */
async function upBefore({ up, migrations }: Replay, at: number): Promise<void> {
  const last = migrations[at - 1]
  if (last !== undefined) await up(last.id)
}

export type { Failure, Judgement, Verdict } from './trial.ts'
