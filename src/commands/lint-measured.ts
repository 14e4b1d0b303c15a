import { setImmediate as turn } from 'node:timers/promises'
import { MigrateError } from '../core/errors.ts'
import type { Measured } from '../core/lint/effect.ts'
import { catalogOf } from '../core/lint/postgres/catalog.ts'
import type { Migration } from '../core/migrations.ts'
import { diff } from '../core/schema/diff.ts'
import { nameOf, type Schema } from '../core/schema/model.ts'
import type { Script } from '../core/script.ts'
import type { Database } from '../database/database.ts'
import { throwIfStopped } from '../database/lock.ts'
import type { ShadowOptions } from '../database/shadow.ts'
import { type Book, type History, type Judged, judgeScript, statementsOf } from './lint-postgres.ts'
import { type MakeReplay, type Replay, withReplays } from './replay.ts'
import { fill } from './rows.ts'
import { ownError } from './trial.ts'

/**
 * Runs migrations on shadow databases with rows in the tables and judges them by what their statements do. What cannot
 * be run, or comes behind that, stays open, and a note says why.
 *
 * @throws ABORTED, CONFIG and the errors of the connection to a server that was named
 */
export async function measureAll(
  histories: readonly History[],
  shadow: ShadowOptions,
  book: Book,
): Promise<void> {
  try {
    await withReplays('postgres', { ...shadow, migrations: [] }, async (make) => {
      for (const history of histories) await new Measurer(make, history, shadow.signal, book).run()
    })
  } catch (error) {
    if (!(error instanceof MigrateError) || error.code !== 'SHADOW') throw error
    const { hint } = error.details
    book.notes.push(`${error.message}${hint === undefined ? '' : `: ${hint}`}`)
  }
}

/** Where a walk stopped, and how another is to begin there. */
interface Stop {
  readonly next: number
  /** Rows are what it fails on. */
  readonly rows: boolean
}

const END: Stop = { next: -1, rows: false }

/** Walks through a history on one shadow database for as long as that is what it should be. */
class Measurer {
  readonly #make: MakeReplay
  readonly #history: History
  readonly #signal: AbortSignal | undefined
  readonly #book: Book

  constructor(make: MakeReplay, history: History, signal: AbortSignal | undefined, book: Book) {
    this.#make = make
    this.#history = history
    this.#signal = signal
    this.#book = book
  }

  async run(): Promise<void> {
    const { migrations, wanted, strays } = this.#history
    const last = migrations.findLastIndex(({ id }) => wanted.has(id))
    const first = migrations.findIndex(({ id }) => wanted.has(id))
    let stop: Stop = { next: first, rows: true }
    while (stop.next !== -1) {
      const { next, rows } = stop
      stop = await this.#make((replay) => this.#walk(replay, migrations.slice(0, last + 1), next, rows))
    }
    for (const stray of strays) {
      const all = [...migrations, stray]
      const once = (rows: boolean) => this.#make((replay) => this.#walk(replay, all, migrations.length, rows))
      if ((await once(true)).next !== -1) await once(false)
    }
  }

  /** Judges what is wanted, from one migration on. */
  async #walk(replay: Replay, migrations: readonly Migration[], start: number, rows: boolean): Promise<Stop> {
    const { wanted, strays } = this.#history
    const stage = new Rows(replay)
    for (const [i, migration] of migrations.entries()) {
      // What runs in this process keeps the thread: only here can a signal be heard.
      await turn()
      throwIfStopped(this.#signal)
      if (i < start || !(wanted.has(migration.id) || strays.includes(migration))) {
        const error = await ownError(replay.run(migration.up))
        if (error === undefined) continue
        if (stage.used) return { next: i, rows: false }
        this.#stopped(migration.up, error)
        return END
      }
      const withRows = rows || i > start
      const isLast = i === migrations.length - 1
      const { judged, error, clean } = await measureOne(
        replay,
        migration,
        withRows ? stage : undefined,
        this.#book.rules,
        isLast,
      )
      if (error !== undefined && stage.used) return { next: i, rows: false }
      if (error?.up !== undefined && strays.includes(migration)) {
        this.#alone(migration.up, error.up)
        return END
      }
      this.#book.judged.set(migration, judged)
      if (error !== undefined && !isLast && error.up) this.#stopped(migration.up, error.up)
      if (isLast || error?.up !== undefined) return END
      if (!clean) return { next: i + 1, rows: true }
    }
    return END
  }

  /** It may be of another history, whose tables are not here. */
  #alone({ file }: Script, { message }: MigrateError): void {
    this.#book.notes.push(
      `${file} does not run on PostgreSQL by itself: it is judged from its text (${message})`,
    )
  }

  #stopped({ file }: Script, { message }: MigrateError): void {
    this.#book.notes.push(
      `${file} fails on PostgreSQL: what comes behind it is judged from its text (${message})`,
    )
  }
}

/** Rows in the tables of a shadow database: a function may do something for each. */
class Rows {
  readonly #replay: Replay
  #filled = new Set<string>()
  /** Whether anything was put in. */
  used = false

  constructor(replay: Replay) {
    this.#replay = replay
  }

  /** Puts rows into the tables that have had none, such as fit both before and after the script. */
  async fill(schema: Schema, fitting: Schema): Promise<void> {
    const names = new Set(schema.tables.map(nameOf))
    this.#filled = new Set([...this.#filled].filter((name) => names.has(name)))
    const lacking = schema.tables.filter((table) => !this.#filled.has(nameOf(table)))
    if (lacking.length === 0) return
    this.used = true
    for (const table of lacking) this.#filled.add(nameOf(table))
    await fill(this.#replay.database, schema, { wanted: (table) => lacking.includes(table), fitting })
  }
}

/** What came of a migration. */
interface Outcome {
  readonly judged: Judged
  /** Why its up, or its down, fails. */
  readonly error?: { readonly up?: MigrateError; readonly down?: MigrateError }
  /** The database is as after up. */
  readonly clean: boolean
}

/**
 * Runs up, down and up again, and looks at what the first two do.
 *
 * @param isLast nothing comes behind it
 */
async function measureOne(
  { database, run, schema }: Replay,
  { up, down }: Migration,
  rows: Rows | undefined,
  rules: Book['rules'],
  isLast: boolean,
): Promise<Outcome> {
  const before = await schema()
  const version = await versionOf(database)
  await rows?.fill(before, await schemaAfter(up, before))
  const first = await measured(database, up)
  const catalog = catalogOf(before)
  const upHits = await judgeScript(up, 'up', catalog, rules, { ...first, version })
  // Of one that fails, what it was to make.
  const after = first.error === undefined ? await schema() : catalog.schema()
  const script = down?.()
  const second = script && first.error === undefined ? await measured(database, script) : {}
  const known = { ...second, version, before: catalogOf(before) }
  const downHits =
    script === undefined ? [] : await judgeScript(script, 'down', catalogOf(after), rules, known)
  const judged = { up: upHits, down: downHits, before, after }
  if (first.error !== undefined) return { judged, error: { up: first.error }, clean: false }
  if (second.error !== undefined) return { judged, error: { down: second.error }, clean: false }
  if (script === undefined || isLast) return { judged, clean: true }
  const again = await ownError(run(up))
  return { judged, clean: again === undefined && diff(after, await schema()).length === 0 }
}

/** What each statement of a script does, and why it fails, if it does. */
async function measured(
  database: Database,
  script: Script,
): Promise<{ measured?: readonly Measured[]; error?: MigrateError }> {
  if (script.irreversible !== undefined) return {}
  try {
    const all = await database.measure(script)
    const error = all.at(-1)?.error
    return { measured: all, ...(error && { error }) }
  } catch (error) {
    // The grammar cannot read it: it says so again, where it is judged.
    if (error instanceof MigrateError && REFUSALS.includes(error.code)) return { error }
    throw error
  }
}

const REFUSALS: readonly string[] = ['SQL', 'TRANSACTION_STATEMENT']

/** As its text makes it. */
async function schemaAfter(script: Script, before: Schema): Promise<Schema> {
  const catalog = catalogOf(before)
  catalog.begin()
  for (const { tree } of await statementsOf(script).catch(() => [])) catalog.apply(tree)
  return catalog.schema()
}

async function versionOf(database: Database): Promise<number> {
  const [row] = await database.query<{ server_version_num: string }>('SHOW server_version_num')
  return Math.floor(Number(row?.server_version_num) / 10_000)
}
