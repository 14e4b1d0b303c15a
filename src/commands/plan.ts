import { existsSync } from 'node:fs'
import { type BackupPlace, checkBackupPlace } from '../core/backup.ts'
import { checksOf, type DataCheck, type Refusal, refusalText } from '../core/lint/checks.ts'
import { blocksReads, blocksWrites, type Effect } from '../core/lint/effect.ts'
import {
  type Hold,
  holdsOf,
  NO_TIME,
  type Range,
  type Rate,
  type Size,
  secondsOf,
  spaceOf,
  sum,
} from '../core/lint/forecast.ts'
import { Lineage } from '../core/lint/lineage.ts'
import { type Dialect, type Migration, readMigrations } from '../core/migrations.ts'
import { type Leniency, planUp, type Target } from '../core/plan.ts'
import { type Named, nameOf, type Schema } from '../core/schema/model.ts'
import type { Script } from '../core/script.ts'
import { count, list, place, skipBlank } from '../core/text.ts'
import { type Database, withDatabase } from '../database/database.ts'
import { readHistory } from '../database/history.ts'
import type { Blocker, Need, Outlook } from '../database/outlook.ts'
import type { ShadowOptions } from '../database/shadow.ts'
import { type Interrupted, readState } from '../database/state.ts'
import { type Target as DatabaseTarget, dialectOf, isMemory, sqlitePath } from '../database/target.ts'
import { lastBackup } from './backup.ts'
import { checkTarget } from './change.ts'
import { blanked, type Foreseen, type ForeseenAll, type ForeseenStatement } from './foresee.ts'
import { DEFAULT_DATABASE, NEXFLOW_MIGRATIONS, type Options } from './options.ts'

export interface PlanOptions
  extends Pick<Options, 'database' | 'migrations' | 'signal'>,
    Pick<Target, 'id' | 'to' | 'steps'>,
    Leniency,
    Pick<ShadowOptions, 'shadow'> {
  /** Where backups are, and whether `up` takes one by itself. */
  readonly backup?: BackupPlace & { readonly before?: boolean }
}

export interface PlanResult {
  readonly dialect: Dialect
  /** The database, without user and password. */
  readonly database: string
  /** Without one it would be made. */
  readonly exists: boolean
  /** Nothing says that a migration would fail. */
  readonly ok: boolean
  /** Those that are pending, in order. */
  readonly migrations: readonly PlanMigration[]
  /** Seconds for all of them: at least, and at most. */
  readonly seconds: Range
  /** Who or what is in the way now. */
  readonly blockers: readonly PlanBlocker[]
  readonly backup: PlanBackup
  /** What is needed until it is over; left out: nothing to speak of. */
  readonly space?: PlanSpace
  /** What the seconds are made of; left out: nothing is pending. */
  readonly rate?: Rate
  /** How all this was found out, where that is worth a word. */
  readonly notes: readonly string[]
}

export interface PlanMigration {
  readonly id: string
  readonly file: string
  /** In one transaction, or statement by statement. */
  readonly transaction: boolean
  /** The most rows that one of its transactions changes. */
  readonly batch?: number
  readonly statements: readonly PlanStatement[]
  readonly seconds: Range
  /** Which tables others wait for, and how long. */
  readonly holds: readonly Hold[]
  readonly checks: readonly PlanCheck[]
  /** Why it fails even without rows. */
  readonly error?: { readonly message: string; readonly line?: number }
}

export interface PlanStatement {
  /** Of the file, from 1. */
  readonly line: number
  /** Without the semicolon behind it. */
  readonly sql: string
  readonly effects: readonly PlanEffect[]
  /** What it does was seen on a shadow database, not only read from its text. */
  readonly measured: boolean
  readonly seconds: Range
}

/** What a statement does to a table that is there now. */
export interface PlanEffect extends Effect {
  /** Whether others wait for it who read the table, or write to it. */
  readonly reads: boolean
  readonly writes: boolean
  readonly rows: number
  /** With its indexes. */
  readonly bytes: number
}

/** What the rows that are there now say to it. */
export interface PlanCheck {
  readonly kind: Refusal
  readonly table: string
  readonly columns: readonly string[]
  /** What is coming, such as `NOT NULL`. */
  readonly rule: string
  /** `may fail`: rows refuse it now, and an earlier statement writes to the table. */
  readonly verdict: 'fits' | 'fails' | 'may fail' | 'unknown'
  /** How many refuse it; left out: not known. */
  readonly rows?: number
  readonly examples: readonly { readonly key?: string; readonly value?: string }[]
  readonly message: string
}

export interface PlanBlocker extends Blocker {
  readonly message: string
}

export interface PlanBackup {
  /** `up` takes one by itself. */
  readonly before: boolean
  /** What is destroyed for good, such as `users.nick`. */
  readonly destroys: readonly string[]
  /** One should be taken before. */
  readonly due: boolean
  /** The newest that there is. */
  readonly last?: { readonly file: string; readonly takenAt: string }
}

/** In bytes. */
export interface PlanSpace {
  readonly needed: number
  /** Of the disk; left out: it is a server's. */
  readonly free?: number
  /** Of the write-ahead log now. */
  readonly wal?: number
}

/** Milliseconds for a question to the rows. */
const PATIENCE = 10_000

/** Milliseconds after which a backup is old. */
const DAY = 24 * 60 * 60 * 1000

/** See `plan` in index.ts. */
export async function plan(options: PlanOptions = {}): Promise<PlanResult> {
  const {
    database: target = DEFAULT_DATABASE,
    migrations: source = NEXFLOW_MIGRATIONS,
    backup = {},
  } = options
  checkTarget(options)
  checkBackupPlace(backup)
  const files = readMigrations(source, dialectOf(target))
  return withDatabase(target, {}, async (database) => {
    const steps = planUp(files, await readHistory(database), options, options)
    return new Planner(database, options).plan(steps, isThere(target))
  })
}

/** Whether there is a database; of a server only the connection tells. */
function isThere(target: DatabaseTarget): boolean {
  if (typeof target !== 'string' || dialectOf(target) === 'postgres' || isMemory(target)) return true
  return existsSync(sqlitePath(target))
}

/** A statement, with what it does to tables that are there now. */
interface Placed extends ForeseenStatement {
  readonly sql: string
  readonly line: number
  /** By what the tables are called now; `there`: the table itself was not made by this script. */
  readonly live: readonly { readonly effect: Effect; readonly table: string; readonly there: boolean }[]
  /** The tables that are there now that it reads, and writes to. */
  readonly reads: readonly string[]
  readonly writes: readonly string[]
}

class Planner {
  readonly #database: Database
  readonly #options: PlanOptions

  constructor(database: Database, options: PlanOptions) {
    this.#database = database
    this.#options = options
  }

  async plan(steps: readonly Migration[], exists: boolean): Promise<PlanResult> {
    const { dialect, name } = this.#database
    const interrupted = (await readState<Interrupted>(this.#database, 'interrupted')).get('')
    const scripts = steps.map(({ id, up }) => (interrupted?.id === id ? whatIsLeft(up, interrupted) : up))
    if (steps.length === 0) return { ...this.#nothing(), exists }
    const outlook = await this.#database.outlook()
    const live = await outlook.schema()
    const { all, notes } = await this.#foresee(live, scripts, outlook)
    const lineage = new Lineage(live)
    const changes = all.map((one, i) => follow(lineage, live, one, scripts[i]))
    const sizes = await sizesOf(
      outlook,
      live,
      changes.flatMap(({ placed }) => placed),
    )
    const rate = await outlook.calibrate(largest(live, sizes))
    const forecasts = await Promise.all(
      scripts.map((script, i) =>
        this.#migration(steps[i]?.id ?? '', script, all[i], changes[i]?.placed ?? [], sizes, rate, outlook),
      ),
    )
    const migrations: PlanMigration[] = []
    for (const [i, forecast] of forecasts.entries()) {
      const change = changes[i]
      const checks = change === undefined ? [] : await checkRows(outlook, live, change, sizes, rate)
      migrations.push({ ...forecast, checks })
    }
    const placed = changes.flatMap((one) => one.placed)
    const blockers = await blockersOf(outlook, live, placed)
    const space = await this.#space(outlook, changes, sizes)
    const fits = space?.free === undefined || space.needed <= space.free
    const refused = migrations.some(
      ({ checks, error }) => error || checks.some(({ verdict }) => verdict === 'fails'),
    )
    return {
      dialect,
      database: name,
      exists,
      ok: fits && !refused,
      migrations,
      seconds: sum(migrations.map(({ seconds }) => seconds)),
      blockers,
      backup: this.#backup(changes, sizes),
      ...(space && { space }),
      rate,
      notes: [
        ...notes,
        ...(interrupted && steps.some(({ id }) => id === interrupted.id)
          ? [interruptedText(interrupted)]
          : []),
      ],
    }
  }

  #nothing(): Omit<PlanResult, 'exists'> {
    const { dialect, name } = this.#database
    const none = { migrations: [], blockers: [], notes: [], seconds: NO_TIME }
    return { dialect, database: name, ok: true, ...none, backup: this.#backup([], new Map()) }
  }

  async #foresee(live: Schema, scripts: readonly Script[], { major = 0 }: Outlook): Promise<ForeseenAll> {
    const { shadow, signal } = this.#options
    const options = { ...(shadow !== undefined && { shadow }), ...(signal && { signal }) }
    if (this.#database.dialect === 'sqlite') {
      const { foreseeSqlite } = await import('./plan-sqlite.ts')
      return foreseeSqlite(live, scripts, options)
    }
    const { foreseePostgres } = await import('./plan-postgres.ts')
    return foreseePostgres(this.#database, live, scripts, major, options)
  }

  async #migration(
    id: string,
    script: Script,
    foreseen: Foreseen | undefined,
    placed: readonly Placed[],
    sizes: Sizes,
    rate: Rate,
    outlook: Outlook,
  ): Promise<Omit<PlanMigration, 'checks'>> {
    const statements: PlanStatement[] = []
    for (const one of placed) {
      const written = await rowsOf(outlook, one, this.#database.dialect)
      statements.push({
        line: one.line,
        sql: one.sql,
        effects: one.live
          .filter(({ there }) => there)
          .map(({ effect, table }) => effectOn(effect, table, sizes)),
        measured: foreseen?.measured ?? false,
        seconds: secondsFor(one, written, sizes, rate),
      })
    }
    const { batch } = script
    const whole = sum(statements.map((one) => one.seconds))
    const seconds = batch === undefined ? whole : inBatches(whole)
    const { error } = foreseen ?? {}
    return {
      id,
      file: script.file,
      transaction: script.transaction,
      ...(batch !== undefined && { batch }),
      statements,
      seconds,
      holds: this.#holds(statements, seconds, script),
      ...(error && {
        error: { message: error.message, ...(error.line !== undefined && { line: error.line }) },
      }),
    }
  }

  /** SQLite has one lock for all of it, from the beginning of the transaction to its end. */
  #holds(
    statements: readonly PlanStatement[],
    seconds: Range,
    { transaction: together, batch }: Script,
  ): Hold[] {
    const holds = holdsOf(statements, together)
    if (this.#database.dialect === 'postgres' || holds.length === 0) return holds
    if (batch !== undefined)
      return [{ table: '', lock: 'WRITE', reads: false, writes: true, seconds: ONE_BATCH }]
    const longest = statements.map((one) => one.seconds).sort(([, a], [, b]) => b - a)[0] ?? NO_TIME
    return [{ table: '', lock: 'WRITE', reads: false, writes: true, seconds: together ? seconds : longest }]
  }

  async #space(outlook: Outlook, changes: readonly Followed[], sizes: Sizes): Promise<PlanSpace | undefined> {
    const written = changes.map(({ placed }) =>
      placed.reduce((total, one) => total + writtenBy(one, sizes), 0),
    )
    const most = Math.max(0, ...written)
    const room = await outlook.room()
    if (most === 0) return undefined
    if (room === undefined) return { needed: most }
    const { free, reusable, wal } = room
    // What is written goes through the log first.
    const needed = Math.max(0, most - reusable) + (wal === undefined ? 0 : Math.max(0, most - wal))
    return { needed, free, ...(wal !== undefined && { wal }) }
  }

  #backup(changes: readonly Followed[], sizes: Sizes): PlanBackup {
    const { before = false, dir } = this.#options.backup ?? {}
    const destroys = [...new Set(changes.flatMap((one) => destroyedBy(one, sizes)))]
    const last = lastBackup(this.#database.dialect, dir)
    const old = last === undefined || Date.now() - Date.parse(last.takenAt) > DAY
    return { before, destroys, due: !before && destroys.length > 0 && old, ...(last && { last }) }
  }
}

/** Seconds that a batch holds SQLite's write lock, and is made smaller above. */
const ONE_BATCH: Range = [0, 0.05]

/** Of a script in batches the statement in progress goes on, and where it begins is not noted. */
function whatIsLeft(up: Script, { length, batch }: Interrupted): Script {
  return batch === undefined ? blanked(up, length) : up
}

function interruptedText({ id, done, batch }: Interrupted): string {
  if (batch === undefined) return `${id} was interrupted: what is left of it is shown`
  const rows = count(batch.rows, 'row')
  return `${id} was interrupted after ${rows} of statement ${done + 1}: all of it is shown, not only what is left`
}

/** With its pauses it takes several times as long as one statement: bench/RESULTS.md. */
function inBatches([least, most]: Range): Range {
  return [2 * least, 12 * most]
}

interface Followed {
  readonly live: Schema
  readonly foreseen: Foreseen
  readonly from: Lineage
  readonly to: Lineage
  readonly placed: readonly Placed[]
  /** Tables by what they are called now, and whether rows are written before they are read as a whole. */
  readonly changed: ReadonlyMap<string, boolean>
}

/** Goes through a script: which of the tables that are there now each statement is about. */
function follow(lineage: Lineage, live: Schema, foreseen: Foreseen, script: Script | undefined): Followed {
  const { text = '', file = '' } = script ?? {}
  const from = lineage.clone()
  const changed = new Map<string, boolean>()
  const placed = foreseen.statements.map((statement): Placed => {
    const start = skipBlank(text, statement.start)
    const found = statement.effects.flatMap((effect) => {
      const origin = lineage.of(effect.table)
      const table = origin?.live
      const there = from.of(effect.table)?.live !== undefined
      if (table !== undefined && (effect.scan || effect.rewrite)) changed.set(table, origin?.changed ?? false)
      return table === undefined ? [] : [{ effect, table, there }]
    })
    const named = (names: readonly string[]) => [
      ...new Set(names.flatMap((name) => lineage.of(name)?.live ?? [])),
    ]
    const { reads, writes } = statement.move
    const one = { reads: named(reads), writes: named(writes) }
    lineage.follow(statement.move)
    return {
      ...statement,
      ...one,
      live: found,
      // With SQLite the semicolon is the statement's, with PostgreSQL it stands behind it.
      sql: text.slice(start, statement.end).trimEnd().replace(/;$/, ''),
      line: place(file, text, start).line,
    }
  })
  return { live, foreseen, from, to: lineage.clone(), placed, changed }
}

/** By what the tables are called now. */
type Sizes = ReadonlyMap<string, Size>

async function sizesOf(outlook: Outlook, live: Schema, placed: readonly Placed[]): Promise<Sizes> {
  const names = new Set(
    placed.flatMap((one) => [...one.live.map(({ table }) => table), ...one.reads, ...one.writes]),
  )
  const tables = live.tables.filter((table) => names.has(nameOf(table)) && table.virtual === undefined)
  const sizes = await outlook.sizes(tables)
  return new Map(tables.map((table, i) => [nameOf(table), sizes[i] ?? EMPTY]))
}

const EMPTY: Size = { rows: 0, bytes: 0, indexBytes: 0 }

function largest({ tables }: Schema, sizes: Sizes): Named | undefined {
  const [first] = [...sizes].sort(([, a], [, b]) => b.bytes - a.bytes)
  return tables.find((table) => nameOf(table) === first?.[0])
}

function effectOn(effect: Effect, table: string, sizes: Sizes): PlanEffect {
  const { rows, bytes, indexBytes } = sizes.get(table) ?? EMPTY
  return {
    ...effect,
    reads: blocksReads(effect.lock),
    writes: blocksWrites(effect.lock),
    rows,
    bytes: bytes + indexBytes,
  }
}

/** How many rows a statement would write, as the server's planner has it. */
async function rowsOf(
  outlook: Outlook,
  { some, work, sql, writes }: Placed,
  dialect: Dialect,
): Promise<number | undefined> {
  if (dialect === 'sqlite' || !some || work !== 'update' || writes.length === 0) return undefined
  const answer = await outlook.ask(`EXPLAIN (FORMAT JSON) ${sql}`, PATIENCE)
  if (!('rows' in answer)) return undefined
  const [plan] = (answer.rows[0]?.['QUERY PLAN'] ?? []) as { Plan?: { Plans?: { 'Plan Rows'?: number }[] } }[]
  return plan?.Plan?.Plans?.[0]?.['Plan Rows']
}

function secondsFor(one: Placed, written: number | undefined, sizes: Sizes, rate: Rate): Range {
  const of = (table: string) => sizes.get(table) ?? EMPTY
  if (one.move.kind === 'data' && one.work === 'update') {
    return sum(one.writes.map((table) => updateSeconds(of(table), one.some === true, written, rate)))
  }
  // Rows that are put into another table.
  if (one.work === 'rewrite' && (one.move.kind === 'data' || one.move.fills)) {
    return sum(one.reads.map((table) => secondsOf('rewrite', { ...of(table), indexBytes: 0 }, rate)))
  }
  return sum(
    one.live.map(({ effect: { scan, rewrite }, table }) => {
      if (rewrite) return secondsOf('rewrite', of(table), rate)
      return scan ? secondsOf(one.work === 'update' ? 'scan' : one.work, of(table), rate) : NO_TIME
    }),
  )
}

/** @param written rows, where it is not all of them and they can be told */
function updateSeconds(size: Size, some: boolean, written: number | undefined, rate: Rate): Range {
  const all = secondsOf('update', size, rate)
  if (!some) return all
  const scan = secondsOf('scan', size, rate)
  if (written === undefined || size.rows === 0) return [0, all[1]]
  const part = Math.min(1, written / size.rows)
  const most = Math.max(scan[1], all[1] * part)
  return [Math.min(scan[0], all[0] * part), Number(most.toPrecision(2))]
}

/** Bytes that are written beside what is there. */
function writtenBy(one: Placed, sizes: Sizes): number {
  const of = (table: string) => sizes.get(table) ?? EMPTY
  const copied = one.work === 'rewrite' && (one.move.kind === 'data' || one.move.fills)
  if (copied) return one.reads.reduce((total, table) => total + of(table).bytes, 0)
  if (one.move.kind === 'data')
    return one.some ? 0 : one.writes.reduce((total, table) => total + of(table).bytes, 0)
  return one.live.reduce((total, { effect, table }) => total + spaceOf(one.work, effect, of(table)), 0)
}

/** What holds something now and is not there any more afterwards. */
function destroyedBy({ foreseen, from, to, placed }: Followed, sizes: Sizes): string[] {
  const sourcesOf = ({ tables }: Schema, lineage: Lineage) =>
    new Map(
      tables.flatMap((table) => {
        const { live } = lineage.of(nameOf(table)) ?? {}
        return live === undefined ? [] : [[live, lineage.sources(table)] as const]
      }),
    )
  const after = sourcesOf(foreseen.after, to)
  const lost = [...sourcesOf(foreseen.before, from)].flatMap(([table, columns]) => {
    const left = after.get(table)
    if (left === undefined) return [table]
    return [...columns].filter((column) => !left.has(column)).map((column) => `${table}.${column}`)
  })
  const emptied = placed
    .filter(({ sql, move }) => move.kind === 'data' && /^(delete|truncate)\b/i.test(sql))
    .flatMap(({ writes }) => writes.map((table) => `rows of ${table}`))
  // A table that is known to be empty has nothing to lose.
  const isEmpty = (table: string) => sizes.get(table)?.rows === 0
  return [...lost, ...emptied].filter((what) => !isEmpty(what.replace(/^rows of /, '')))
}

/** Asks the rows that are there now. */
async function checkRows(
  outlook: Outlook,
  live: Schema,
  { foreseen, from, to, placed, changed }: Followed,
  sizes: Sizes,
  rate: Rate,
): Promise<PlanCheck[]> {
  const { before, after, using, error, measured } = foreseen
  if (error !== undefined) return []
  const read = measured
    ? new Set(
        placed.flatMap(({ effects }) =>
          effects.filter(({ scan, rewrite }) => scan || rewrite).map(({ table }) => table),
        ),
      )
    : undefined
  const checks = checksOf({
    live,
    before,
    after,
    from,
    to,
    ...(using && { using }),
    // Those that SQLite copies are read by the copy.
    ...(read && live.dialect === 'postgres' && { read }),
    tries: (outlook.major ?? 0) >= 16,
  })
  const found: PlanCheck[] = []
  for (const check of checks) {
    const [quickest] = secondsOf('scan', sizes.get(check.table) ?? EMPTY, rate)
    const long = live.dialect === 'sqlite' && quickest * 1000 > PATIENCE
    // Of an orphan, the parents may be changed as well.
    const own = check.kind === 'orphan' ? check.changed : (changed.get(check.table) ?? check.changed)
    found.push(await askRows(outlook, { ...check, changed: own }, long))
  }
  return found
}

/** @param long it would take too long, and could not be stopped */
async function askRows(outlook: Outlook, check: DataCheck, long: boolean): Promise<PlanCheck> {
  const { kind, table, columns, rule, changed, attempt, count: counting, examples: some } = check
  const told = (
    verdict: PlanCheck['verdict'],
    more: Partial<PlanCheck> & { why?: string } = {},
  ): PlanCheck => {
    const { why, rows, examples = [] } = more
    const message = [messageOf(check, verdict, rows), ...(why === undefined ? [] : [why])].join(': ')
    return { kind, table, columns, rule, verdict, ...(rows !== undefined && { rows }), examples, message }
  }
  const fails = changed ? 'may fail' : 'fails'
  if (long) return told('unknown', { why: 'to read the table would take too long' })
  const tried = attempt === undefined ? undefined : await outlook.ask(attempt, PATIENCE)
  if (tried && 'rows' in tried) return told('fits', { rows: 0 })
  const why = tried && 'refused' in tried ? { why: tried.refused } : {}
  const answer = counting === undefined ? undefined : await outlook.ask(counting, PATIENCE)
  if (answer === undefined || !('rows' in answer)) {
    if (tried && 'refused' in tried) return told(fails, why)
    const reason = [answer, tried].flatMap((one) => (one && 'unknown' in one ? [one.unknown] : []))
    return told('unknown', { why: reason[0] ?? 'a value is refused on the way' })
  }
  const rows = Number(answer.rows[0]?.n)
  if (rows === 0) return told(tried && 'refused' in tried ? fails : 'fits', { ...why, rows })
  const shown = some === undefined ? undefined : await outlook.ask(some, PATIENCE)
  const examples = (shown && 'rows' in shown ? shown.rows : []).map(({ key, value }) => ({
    ...(key !== null && { key: String(key) }),
    ...(value !== null && { value: String(value) }),
  }))
  return told(fails, { ...why, rows, examples })
}

function messageOf(check: DataCheck, verdict: PlanCheck['verdict'], rows: number | undefined): string {
  const what = refusalText(check)
  if (verdict === 'unknown') return `not known of ${check.table} whether ${what}`
  if (verdict === 'fits') return `no row of ${check.table}: ${what}`
  return `${rows === undefined || rows === 0 ? 'a row' : count(rows, 'row')} of ${check.table}: ${what}`
}

async function blockersOf(outlook: Outlook, live: Schema, placed: readonly Placed[]): Promise<PlanBlocker[]> {
  const tables = new Map(live.tables.map((table) => [nameOf(table), table]))
  const wanted = new Map<string, Need>()
  for (const { effect, table } of placed.flatMap((one) => one.live)) {
    const named = tables.get(table)
    if (named !== undefined) wanted.set(`${table} ${effect.lock}`, { table: named, lock: effect.lock })
  }
  if (placed.length === 0) return []
  const kept = new Set(placed.flatMap(({ keeps = [] }) => keeps))
  const waits = placed.some((one) => one.waits)
  const found = await outlook.blockers([...wanted.values()], waits)
  return found.map((one) => ({ ...one, message: blockerText(one, kept) }))
}

function blockerText(blocker: Blocker, kept: ReadonlySet<string>): string {
  const { kind, tables, pid, user, application, state, since, queryStart, name } = blocker
  const on = tables.length === 0 ? 'the database' : list(tables)
  const who = [user, application].filter((part) => part !== undefined).join(', ')
  const session = `pid ${pid}${who === '' ? '' : ` (${who})`}`
  const times = [
    ...(state === undefined ? [] : [state]),
    ...(since === undefined ? [] : [`in a transaction since ${since}`]),
    ...(queryStart === undefined ? [] : [`last statement at ${queryStart}`]),
  ].join(', ')
  switch (kind) {
    case 'transaction':
      return tables.length === 0
        ? `${session} has a transaction open, and CONCURRENTLY waits for every one: ${times}`
        : `${session} uses ${on}: ${times}`
    case 'waiting':
      return `${session} waits for a lock on ${on}: ${times}`
    case 'autovacuum':
      return `${session} vacuums ${on} to prevent wraparound, and does not give way: ${times}`
    case 'prepared transaction':
      return `the prepared transaction ${name} of ${user} has locked ${on} since ${since}`
    case 'invalid index':
      return kept.has(name ?? '')
        ? `the index ${name} of ${on} is invalid, and IF NOT EXISTS would keep it so: drop it first`
        : `the index ${name} of ${on} is invalid: nothing uses it, and every write pays for it`
    case 'writer':
      return `pid ${pid}${who === '' ? '' : ` (${who})`} is writing to the database`
  }
}
