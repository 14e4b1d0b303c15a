import { MigrateError } from '../core/errors.ts'
import type { Dialect } from '../core/migrations.ts'
import { type Applied, compare, refuseMissing, type State } from '../core/plan.ts'
import { carry } from '../core/schema/convert/carry.ts'
import { type Expressions, loadExpressions } from '../core/schema/convert/expressions.ts'
import { diff } from '../core/schema/diff.ts'
import type { Difference } from '../core/schema/difference.ts'
import { nameOf, type Schema } from '../core/schema/model.ts'
import { alterSchema, scriptText } from '../core/schema/sql/ddl.ts'
import { type Database, withDatabase } from '../database/database.ts'
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
  /**
   * The migration that would make what the database has official, for each dialect. PostgreSQL's is left out where
   * there is no server to replay its history on.
   */
  readonly official: { readonly [dialect in Dialect]?: { readonly up: Remedy; readonly down: Remedy } }
}

/** See `drift` in index.ts. */
export async function drift(options: DriftOptions = {}): Promise<DriftResult> {
  const { database: target = DEFAULT_DATABASE } = options
  const dialect = dialectOf(target)
  const { name, major, found, history } = await withDatabase(target, {}, async (database) => ({
    name: database.name,
    major: await majorOf(database),
    history: await readHistory(database),
    found: await database.introspect(),
  }))
  const { schema: expected, changed, major: replayedOn } = await replayed(dialect, history, options)
  const live = major === replayedOn ? found : wordedAlike(expected, found, await loadExpressions())
  const differences = diff(expected, live)
  const drifted = differences.length > 0
  return {
    dialect,
    database: name,
    drifted,
    changed,
    differences,
    back: remedy(live, expected),
    official: drifted ? await officialOf(expected, live, history, options) : {},
  }
}

/** The schema that the applied migrations make, in the order in which they were applied. */
function replayed(
  dialect: Dialect,
  history: readonly Applied[],
  options: ReplayOptions,
): Promise<{ schema: Schema; changed: string[]; major: string }> {
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
    return {
      schema: await replay.schema(),
      changed: inState('changed'),
      major: await majorOf(replay.database),
    }
  })
}

/** The release of PostgreSQL, such as `18`. */
async function majorOf({ dialect, query }: Database): Promise<string> {
  if (dialect === 'sqlite') return ''
  const [row] = await query<{ server_version_num: string }>('SHOW server_version_num')
  return String(row?.server_version_num).slice(0, -4)
}

/** Each release of PostgreSQL gives the text of a view in its own words: where it means the same, in the history's. */
function wordedAlike(expected: Schema, live: Schema, { same }: Expressions): Schema {
  const known = new Map(expected.views.map((view) => [nameOf(view), view.query]))
  const views = live.views.map((view) => {
    const query = known.get(nameOf(view))
    return query !== undefined && same(query, view.query) ? { ...view, query } : view
  })
  return { ...live, views }
}

function remedy(before: Schema, after: Schema): Remedy {
  const { statements, notes } = alterSchema(before, after)
  return { sql: scriptText(statements), notes }
}

/** The same change, for the database that it was made on and for the other. */
async function officialOf(
  expected: Schema,
  live: Schema,
  history: readonly Applied[],
  options: ReplayOptions,
): Promise<DriftResult['official']> {
  const here = both(expected, live)
  const other = live.dialect === 'sqlite' ? 'postgres' : 'sqlite'
  try {
    const { schema: onto } = await replayed(other, history, options)
    const { schema, notes } = carry(expected, live, onto, await loadExpressions())
    const { up, down } = both(onto, schema)
    return { [live.dialect]: here, [other]: { up: { ...up, notes: [...notes, ...up.notes] }, down } }
  } catch (error) {
    if (error instanceof MigrateError && error.code === 'SHADOW') return { [live.dialect]: here }
    throw error
  }
}

function both(before: Schema, after: Schema) {
  return { up: remedy(before, after), down: remedy(after, before) }
}
