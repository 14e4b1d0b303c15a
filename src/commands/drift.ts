import type { Dialect } from '../core/migrations.ts'
import { type Applied, compare, refuseMissing, type State } from '../core/plan.ts'
import { alterSchema, scriptText } from '../core/schema/ddl.ts'
import { diff } from '../core/schema/diff.ts'
import type { Difference } from '../core/schema/difference.ts'
import type { Schema } from '../core/schema/model.ts'
import { withDatabase } from '../database/database.ts'
import { readHistory } from '../database/history.ts'
import { dialectOf } from '../database/target.ts'
import { DEFAULT_DATABASE, type Options } from './options.ts'
import { type ReplayOptions, withReplay } from './replay.ts'

export interface DriftOptions extends Options, ReplayOptions {}

/** A script, and what a person must look at before running it. */
export interface Remedy {
  readonly sql: string
  readonly notes: readonly string[]
}

export interface DriftResult {
  readonly dialect: Dialect
  /** The database, without user and password. */
  readonly database: string
  readonly drifted: boolean
  /** Files that are not as they were applied: they were replayed as they are now. */
  readonly changed: readonly string[]
  /** `missing`: only the history has it. `extra`: only the database has it. */
  readonly differences: readonly Difference[]
  /** What brings the database back to its history. */
  readonly back: Remedy
  /** What a migration would say that makes of the database's state the history's. */
  readonly official: { readonly up: Remedy; readonly down: Remedy }
}

/** See `drift` in index.ts. */
export async function drift(options: DriftOptions = {}): Promise<DriftResult> {
  const { database: target = DEFAULT_DATABASE } = options
  const dialect = dialectOf(target)
  const { name, live, history } = await withDatabase(target, {}, async (database) => ({
    name: database.name,
    history: await readHistory(database),
    live: await database.introspect(),
  }))
  const { schema: expected, changed } = await replayed(dialect, history, options)
  const differences = diff(expected, live)
  return {
    dialect,
    database: name,
    drifted: differences.length > 0,
    changed,
    differences,
    back: remedy(live, expected),
    official: { up: remedy(expected, live), down: remedy(live, expected) },
  }
}

/** The schema that the applied migrations make, in the order in which they were applied. */
function replayed(
  dialect: Dialect,
  history: readonly Applied[],
  options: ReplayOptions,
): Promise<{ schema: Schema; changed: string[] }> {
  return withReplay(dialect, options, async (replay) => {
    const entries = compare(replay.migrations, history)
    const inState = (wanted: State) => entries.filter(({ state }) => state === wanted).map(({ id }) => id)
    const missing = inState('missing')
    if (missing.length > 0) throw refuseMissing(missing)
    const files = new Map(replay.migrations.map((migration) => [migration.id, migration]))
    for (const { id } of history) {
      const script = files.get(id)?.up
      if (script !== undefined) await replay.run(script)
    }
    return { schema: await replay.schema(), changed: inState('changed') }
  })
}

function remedy(before: Schema, after: Schema): Remedy {
  const { statements, notes } = alterSchema(before, after)
  return { sql: scriptText(statements), notes }
}
