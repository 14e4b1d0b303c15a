import { MigrateError } from '../core/errors.ts'
import type { Dialect } from '../core/migrations.ts'
import { diff, type Rules } from '../core/schema/diff.ts'
import type { Difference } from '../core/schema/difference.ts'
import { type Named, nameOf, type Schema } from '../core/schema/model.ts'
import {
  type AcceptedPair,
  checkAccepted,
  type Exception,
  isExcepted,
  parityRules,
} from '../core/schema/pairs.ts'
import type { Logger } from './options.ts'
import { type Replay, type ReplayOptions, withReplay } from './replay.ts'

export interface ParityOptions extends ReplayOptions {
  /** Compare after every migration, and stop at the first at which they part. */
  readonly each?: boolean
  /** Also what is usually forgiven, such as the order of columns. */
  readonly strict?: boolean
  /** Pairs of types that count as equal beside those of the table. */
  readonly pairs?: readonly AcceptedPair[]
  /** Differences that are accepted. */
  readonly exceptions?: readonly Exception[]
  /** Told what is worth a look. */
  readonly logger?: Logger
}

/** How much was compared. */
export interface Compared {
  readonly tables: number
  readonly columns: number
  /** Primary keys, foreign keys, unique constraints and checks. */
  readonly constraints: number
  readonly indexes: number
  readonly views: number
  readonly triggers: number
}

export interface ParityResult {
  /** SQLite and PostgreSQL have the same schema, but for the exceptions. */
  readonly equal: boolean
  /** The last migration before the comparison; with `each` the first at which they part. */
  readonly at?: string
  /** Of SQLite. */
  readonly compared: Compared
  /** `before` is SQLite, `after` PostgreSQL. */
  readonly differences: readonly Difference[]
  /** The exceptions that applied. */
  readonly exceptions: readonly Exception[]
  readonly warnings: readonly string[]
}

/** See `parity` in index.ts. */
export async function parity(options: ParityOptions = {}): Promise<ParityResult> {
  const { pairs = [], exceptions = [], strict = false, each = false, logger, onProgress } = options
  checkAccepted(pairs, exceptions)
  const warnings: string[] = []
  const warn = (message: string) => {
    warnings.push(message)
    logger?.warn(message)
  }
  const { loadExpressions } = await import('../core/schema/convert/expressions.ts')
  const rules = parityRules(await loadExpressions(), { pairs, strict })
  const { schemas, at, found } = await (each ? replayEach : replayAll)(rules, exceptions, options)
  for (const exception of exceptions.filter((one) => !found.used.has(one))) {
    const { reason: _, ...place } = exception
    const message = `the exception for ${Object.entries(place).flat().join(' ')} matches no difference`
    warn(message)
    onProgress?.({ type: 'warning', message })
  }
  return {
    equal: found.differences.length === 0,
    ...(at !== undefined && { at }),
    compared: comparedOf(schemas.sqlite),
    differences: found.differences,
    exceptions: exceptions.filter((one) => found.used.has(one)),
    warnings,
  }
}

type Schemas = Readonly<Record<Dialect, Schema>>

interface Found {
  readonly differences: Difference[]
  readonly used: ReadonlySet<Exception>
}

interface Replayed {
  readonly schemas: Schemas
  readonly at: string | undefined
  readonly found: Found
}

function compare(schemas: Schemas, rules: Rules, exceptions: readonly Exception[]): Found {
  const used = new Set<Exception>()
  const differences = diff(schemas.sqlite, schemas.postgres, rules).filter((difference) => {
    const excepted = exceptions.filter((exception) => isExcepted(difference, exception))
    for (const exception of excepted) used.add(exception)
    return excepted.length === 0
  })
  return { differences, used }
}

/** Both at once: while the server starts, SQLite is done. */
async function replayAll(
  rules: Rules,
  exceptions: readonly Exception[],
  options: ParityOptions,
): Promise<Replayed> {
  const failed = new AbortController()
  const signal = AbortSignal.any([failed.signal, ...(options.signal ? [options.signal] : [])])
  const endOf = async (dialect: Dialect) => {
    try {
      return await withReplay(dialect, { ...quiet(dialect, options), signal }, async (replay) => {
        await onDialect(dialect, replay.up())
        return { schema: await replay.schema(), at: replay.migrations.at(-1)?.id }
      })
    } catch (error) {
      // The other need not come to its end.
      if (!signal.aborted) failed.abort(error)
      throw error
    }
  }
  const [sqlite, postgres] = await Promise.allSettled([endOf('sqlite'), endOf('postgres')])
  if (failed.signal.aborted) throw failed.signal.reason
  if (sqlite.status === 'rejected') throw sqlite.reason
  if (postgres.status === 'rejected') throw postgres.reason
  const schemas = { sqlite: sqlite.value.schema, postgres: postgres.value.schema }
  return { schemas, at: sqlite.value.at, found: compare(schemas, rules, exceptions) }
}

async function replayEach(
  rules: Rules,
  exceptions: readonly Exception[],
  options: ParityOptions,
): Promise<Replayed> {
  return withReplay('sqlite', quiet('sqlite', options), (sqlite) =>
    withReplay('postgres', quiet('postgres', options), async (postgres) => {
      const now = async (): Promise<Schemas> => {
        // The server first: SQLite keeps the thread.
        const [theirs, ours] = await Promise.all([postgres.schema(), sqlite.schema()])
        return { sqlite: ours, postgres: theirs }
      }
      const used = new Set<Exception>()
      const changed = changes()
      let last: Replayed | undefined
      for (const { id } of sqlite.migrations) {
        await stepTo(id, { sqlite, postgres })
        const schemas = await now()
        const found = compare(changed(schemas), rules, exceptions)
        for (const exception of found.used) used.add(exception)
        last = { schemas, at: id, found: { ...found, used } }
        if (found.differences.length > 0) break
      }
      return last ?? { schemas: await now(), at: undefined, found: { differences: [], used } }
    }),
  )
}

/**
 * Of two schemas that were equal the last time, what may have changed since: all but the tables that are as they were,
 * have no reference to or from one that is not, and whose types are as they were.
 */
function changes(): (schemas: Schemas) => Schemas {
  let before = new Map<string, string>()
  return (schemas) => {
    const both = [schemas.sqlite, schemas.postgres]
    const now = new Map(both.flatMap(textsOf))
    const isSame = (key: string) => before.get(key) === now.get(key)
    const others = [...before.keys(), ...now.keys()].filter((key) => !isSame(key))
    const all = others.some((key) => key.endsWith(' types'))
    before = now
    if (all) return schemas
    const names = new Set(others.map((key) => key.slice(key.indexOf(' ') + 1)))
    const references = ({ tables }: Schema) =>
      tables.flatMap((table) => table.foreignKeys.map(({ to }) => [nameKey(table), nameKey(to)] as const))
    const near = both.flatMap(references).filter((pair) => pair.some((name) => names.has(name)))
    const wanted = new Set([...names, ...near.flat()])
    const part = (schema: Schema) => ({
      ...schema,
      tables: schema.tables.filter((table) => wanted.has(nameKey(table))),
    })
    return { sqlite: part(schemas.sqlite), postgres: part(schemas.postgres) }
  }
}

/** What each table is, and what the types are that they may have. */
function textsOf({ dialect, tables, enums, domains }: Schema): [key: string, text: string][] {
  return [
    [`${dialect} types`, JSON.stringify([enums, domains])],
    ...tables.map((table): [string, string] => [`${dialect} ${nameKey(table)}`, JSON.stringify(table)]),
  ]
}

/** A name in any case. */
function nameKey(named: Named): string {
  return `table ${nameOf(named).toLowerCase()}`
}

async function stepTo(id: string, replays: Readonly<Record<Dialect, Replay>>): Promise<void> {
  await onDialect('sqlite', replays.sqlite.up(id))
  await onDialect('postgres', replays.postgres.up(id))
}

/** Two replays at once, of which one is shown: each has the same steps. */
function quiet(dialect: Dialect, { each: _, logger: __, ...options }: ParityOptions): ReplayOptions {
  const { onProgress, ...rest } = options
  if (onProgress === undefined) return rest
  return {
    ...rest,
    onProgress: (event) => {
      if (dialect === 'postgres' || event.type === 'warning') onProgress(event)
    },
  }
}

const NAMES: Readonly<Record<Dialect, string>> = { sqlite: 'SQLite', postgres: 'PostgreSQL' }

/** A script may be both databases' and fail on one. */
async function onDialect(dialect: Dialect, work: Promise<void>): Promise<void> {
  try {
    await work
  } catch (error) {
    if (!(error instanceof MigrateError) || error.file === undefined) throw error
    throw new MigrateError(error.code, `on ${NAMES[dialect]}: ${error.message}`, error.details)
  }
}

function comparedOf({ tables, views, triggers }: Schema): Compared {
  const sum = (of: (table: Schema['tables'][number]) => number) =>
    tables.reduce((total, table) => total + of(table), 0)
  return {
    tables: tables.length,
    columns: sum(({ columns }) => columns.length),
    constraints: sum(
      ({ primaryKey, uniques, foreignKeys, checks }) =>
        (primaryKey ? 1 : 0) + uniques.length + foreignKeys.length + checks.length,
    ),
    indexes: sum(({ indexes }) => indexes.length),
    views: views.length,
    triggers: triggers.length,
  }
}
