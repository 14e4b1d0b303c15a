import { MigrateError } from '../core/errors.ts'
import type { Measured } from '../core/lint/effect.ts'
import { rulesOn } from '../core/lint/lint.ts'
import { Catalog } from '../core/lint/postgres/catalog.ts'
import { lintPostgres } from '../core/lint/postgres/lint-postgres.ts'
import { POSTGRES_RULES } from '../core/lint/postgres/rules.ts'
import { failed } from '../core/lint/refusals.ts'
import type { Hit } from '../core/lint/rule.ts'
import type { Severities } from '../core/lint/severity.ts'
import type { Direction, Migration } from '../core/migrations.ts'
import type { Schema } from '../core/schema/model.ts'
import type { Script } from '../core/script.ts'
import type { ShadowOptions } from '../database/shadow.ts'

/** A history on one database, and which of it is to be judged. */
export interface History {
  readonly migrations: readonly Migration[]
  /** Ids. */
  readonly wanted: ReadonlySet<string>
  /** Each is judged by itself, as if it came behind the whole history. */
  readonly strays: readonly Migration[]
}

/** What the rules say of a migration on one database. */
export interface Judged {
  readonly up: readonly Hit[]
  readonly down: readonly Hit[]
  readonly before: Schema
  readonly after: Schema
}

export interface PostgresOptions extends ShadowOptions {
  /** The severities of the project: what is off is not looked for. */
  readonly severities: Severities
  /** From the text alone. */
  readonly static?: boolean
}

/** The rules that are asked. */
type Asked = typeof POSTGRES_RULES

/** What is asked, and where it is written down what came of it. */
export interface Book {
  readonly judged: Map<Migration, Judged>
  readonly notes: string[]
  readonly rules: Asked
}

/** What came of it. */
export interface PostgresVerdict {
  /** By the migrations as they were handed in. */
  readonly judged: ReadonlyMap<Migration, Judged>
  /** All of them were run. */
  readonly measured: boolean
  /** Why some were not. */
  readonly notes: readonly string[]
}

/**
 * Judges migrations by what their statements do on a shadow database; where there is none to be had, or a migration
 * fails on it, by their text.
 *
 * @throws ABORTED, CONFIG and the errors of the connection to a server that was named
 */
export async function judgePostgres(
  histories: readonly History[],
  { static: fromText = false, severities, ...shadow }: PostgresOptions,
): Promise<PostgresVerdict> {
  const judged = new Map<Migration, Judged>()
  const notes: string[] = []
  const rules = rulesOn(POSTGRES_RULES, severities)
  const book = { judged, notes, rules }
  const isEmpty = histories.every(({ wanted, strays }) => wanted.size + strays.length === 0)
  if (!fromText && !isEmpty) {
    const { measureAll } = await import('./lint-measured.ts')
    await measureAll(histories, shadow, book)
  }
  const measured = judged.size
  for (const history of histories) await readHistory(history, book)
  return { judged, measured: !fromText && judged.size === measured, notes }
}

/** Judges by their text what is not judged yet. */
async function readHistory(
  { migrations, wanted, strays }: History,
  { judged, notes, rules }: Book,
): Promise<void> {
  const isOpen = (one: Migration) => wanted.has(one.id) && !judged.has(one)
  const open = strays.filter((one) => !judged.has(one))
  const end = open.length > 0 ? migrations.length : migrations.findLastIndex(isOpen) + 1
  const history = migrations.slice(0, end)
  if (history.length + open.length === 0) return
  const { inOrder } = await import('../database/postgres/script.ts')
  const read = inOrder(scriptsOf([...history, ...open], new Set([...history.filter(isOpen), ...open])))
  const catalog = new Catalog()
  for (const migration of history) {
    if (isOpen(migration)) judged.set(migration, await judgeText(migration, catalog, rules, read))
    else await pass(migration.up, catalog, { read, notes })
  }
  for (const stray of open) judged.set(stray, await judgeText(stray, catalog.clone(), rules, read))
}

/** Scripts in the order in which they are read. */
function* scriptsOf(migrations: readonly Migration[], judged: ReadonlySet<Migration>): Generator<Script> {
  for (const migration of migrations) {
    yield migration.up
    const down = judged.has(migration) ? migration.down?.() : undefined
    if (down !== undefined) yield down
  }
}

/** Gives the statements of a script. */
type ReadScript = typeof statementsOf

/** Brings the catalog forward. */
async function pass(
  script: Script,
  catalog: Catalog,
  { read, notes }: { read: ReadScript; notes: string[] },
): Promise<void> {
  try {
    const statements = await read(script)
    catalog.begin()
    for (const { tree } of statements) catalog.apply(tree)
  } catch (error) {
    if (!isRefusal(error)) throw error
    notes.push(`PostgreSQL cannot read ${script.file}: what comes behind it is judged without it`)
  }
}

async function judgeText(
  { up, down }: Migration,
  catalog: Catalog,
  rules: Asked,
  read: ReadScript,
): Promise<Judged> {
  const script = down?.()
  // A long history has many tables: they are copied only where somebody asks for them again.
  const earlier = script && catalog.clone()
  const before = catalog.schema()
  const first = await judgeScript(up, 'up', catalog, rules, { read })
  const after = catalog.schema()
  const second =
    script && earlier
      ? await judgeScript(script, 'down', catalog.clone(), rules, { read, before: earlier })
      : []
  return { up: first, down: second, before, after }
}

/** What is known of a script beside its text. */
interface Known {
  readonly measured?: readonly Measured[]
  /** The server's major version. */
  readonly version?: number
  /** Of a down script: the schema before its up script. */
  readonly before?: Catalog
  /** Default: one script by itself. */
  readonly read?: ReadScript
}

/** What the rules say of a script. It brings the catalog forward. */
export async function judgeScript(
  script: Script,
  direction: Direction,
  catalog: Catalog,
  rules: Asked,
  { measured = [], version, before, read = statementsOf }: Known = {},
): Promise<Hit[]> {
  const { file, text, transaction } = script
  try {
    const statements = (await read(script)).map((statement, i) => {
      const seen = measured[i]
      return seen === undefined ? statement : { ...statement, measured: seen }
    })
    const hits = lintPostgres(
      {
        file,
        text,
        direction,
        transaction,
        batched: script.batch !== undefined,
        statements,
        ...(version !== undefined && { version }),
        ...(before && { before }),
      },
      catalog,
      rules,
    )
    const errors = measured.flatMap(({ error }) => error ?? [])
    return [...hits, ...errors.map((error) => failed(script, error))]
  } catch (error) {
    if (!isRefusal(error)) throw error
    return [failed(script, error)]
  }
}

/**
 * The statements of a script, by PostgreSQL's own grammar.
 *
 * @throws SQL, TRANSACTION_STATEMENT
 */
export async function statementsOf(script: Script) {
  const { cut } = await import('../database/postgres/script.ts')
  return cut(script)
}

/** What the grammar, or this tool, says against a script. */
function isRefusal(error: unknown): error is MigrateError {
  return error instanceof MigrateError && ['SQL', 'TRANSACTION_STATEMENT'].includes(error.code)
}
