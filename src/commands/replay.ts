import { MigrateError } from '../core/errors.ts'
import { type Dialect, type Migration, type MigrationSource, readMigrations } from '../core/migrations.ts'
import { planUp } from '../core/plan.ts'
import type { Schema } from '../core/schema/model.ts'
import type { Script } from '../core/script.ts'
import { list } from '../core/text.ts'
import type { Database } from '../database/database.ts'
import { prepareHistory } from '../database/history.ts'
import { type ShadowOptions, withShadows } from '../database/shadow.ts'
import { holderOf, type Interrupted, stateWriter } from '../database/state.ts'
import { apply } from './apply.ts'
import { progressOf } from './interrupted.ts'
import { NEXFLOW_MIGRATIONS, type ProgressEvent } from './options.ts'

export interface ReplayOptions extends ShadowOptions {
  /** A folder, its URL, or the files themselves. Default: Nexflow's migrations. */
  readonly migrations?: MigrationSource
  readonly onProgress?: (event: ProgressEvent) => void
}

/** A history on a shadow database: the very steps that `up` would take. */
export interface Replay {
  readonly database: Database
  /** All of them, in order. */
  readonly migrations: readonly Migration[]
  /**
   * Applies those that it has not come to yet: all of them, or up to this one, itself included.
   *
   * @throws UNKNOWN_ID and what `up` throws of a script
   */
  up(to?: string): Promise<void>
  /** Runs any script as one of its direction would be; the history knows nothing of it. */
  run(script: Script): Promise<void>
  schema(): Promise<Schema>
}

/** Makes an empty shadow database, does `work` with the history on it, of which nothing is applied yet. */
export type MakeReplay = <T>(work: (replay: Replay) => Promise<T>) => Promise<T>

/**
 * Does `work` with something that makes replays, any number of them; see `withShadows`. The files are read before
 * anything is started.
 *
 * @throws what `up` throws, SHADOW
 */
export async function withReplays<T>(
  dialect: Dialect,
  options: ReplayOptions,
  work: (make: MakeReplay) => Promise<T>,
): Promise<T> {
  const migrations = readMigrations(options.migrations ?? NEXFLOW_MIGRATIONS, dialect)
  for (const migration of migrations) migration.up
  return withShadows(dialect, options, (make) =>
    work((use) => make(async (database) => use(await replayOn(database, migrations, options)))),
  )
}

/** The same with one replay. */
export function withReplay<T>(
  dialect: Dialect,
  options: ReplayOptions,
  work: (replay: Replay) => Promise<T>,
): Promise<T> {
  return withReplays(dialect, options, (make) => make(work))
}

async function replayOn(
  database: Database,
  migrations: readonly Migration[],
  { signal, onProgress }: ReplayOptions,
): Promise<Replay> {
  const ids = migrations.map(({ id }) => id)
  await prepareHistory(database, holderOf('up', ids))
  const write = await stateWriter(database)
  let next = 0
  const warn = (message: string) => onProgress?.({ type: 'warning', message })
  return {
    database,
    migrations,
    up: async (to) => {
      const end = to === undefined ? migrations.length : planUp(migrations, [], { to }).length
      const steps = migrations
        .slice(next, end)
        .map(({ id, up, down }) => ({ id, script: up, down: down?.() }))
      await apply(database, 'up', steps, {
        ...(signal && { signal }),
        ...(onProgress && { onProgress }),
      }).catch((error: unknown) => {
        // What had run is gone with the shadow.
        throw error instanceof MigrateError ? error.with({ done: [] }) : error
      })
      next = Math.max(next, end)
    },
    run: async (script) => {
      if (script.transaction) {
        const onForgotten = (what: readonly string[]) =>
          warn(`${script.file}: the rebuild of a table forgot ${list(what)}`)
        await database.transaction((run) => run(script), { scripts: [script], onForgotten })
        return
      }
      const note = (value: Interrupted) => write('interrupted', value)
      const step = { id: script.file, script }
      if (script.batch !== undefined) {
        const { runBatches } = await import('./batch.ts')
        await runBatches(database, step, { direction: 'up', signal, write: note })
      } else await database.statements(script, progressOf('up', step, undefined, undefined, note))
      await database.transaction((run) => run(write('interrupted', undefined)))
    },
    schema: () => database.introspect(),
  }
}
