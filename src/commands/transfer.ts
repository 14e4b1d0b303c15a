import { type BackupPlace, checkBackupPlace } from '../core/backup.ts'
import { MigrateError } from '../core/errors.ts'
import type { Dialect } from '../core/migrations.ts'
import { nameOf } from '../core/schema/model.ts'
import type { Bad } from '../core/transfer/bad.ts'
import type { Moved } from '../core/transfer/moved.ts'
import type { Skipped, TransferPlan } from '../core/transfer/plan.ts'
import type { Wanted } from '../core/transfer/select.ts'
import { type Database, withDatabase } from '../database/database.ts'
import type { Counter, Lane } from '../database/end.ts'
import { TABLE } from '../database/history.ts'
import { isIncomplete, readNotes } from '../database/state.ts'
import { isPool, type Target } from '../database/target.ts'
import { checkLockTimeout, lockOptions } from './lock.ts'
import type { Options } from './options.ts'
import { type RowsFile, withRowsFile } from './transfer-aside.ts'
import { checkRows } from './transfer-check.ts'
import { type FilledTable, fill } from './transfer-fill.ts'
import { readSource } from './transfer-source.ts'
import { endTransfer, makeOutside, plannedTarget, prepareTarget, sameHistory } from './transfer-target.ts'
import { compareTables, pinned, type RowDifference } from './transfer-verify.ts'

/** How the target is compared with the source: by digests of all rows, by their number, or not at all. */
export const VERIFY = ['full', 'count', 'none'] as const

export interface TransferOptions
  extends Pick<Options, 'migrations' | 'logger' | 'onProgress' | 'signal'>,
    Wanted {
  /** The source: a URL, a path, or an open handle. It is only read. */
  readonly from: Target
  /** The target, of either dialect: new, empty, or with the source's migrations and no rows. */
  readonly to: Target
  /** Default: `full`. */
  readonly verify?: (typeof VERIFY)[number]
  /** Only compare what an earlier transfer has moved. */
  readonly verifyOnly?: boolean
  /** Only find the rows that the target cannot take as they are. Nothing is written. */
  readonly check?: boolean
  /** Where shadow databases are made, to find out beforehand what the target will be. See `ShadowOptions`. */
  readonly shadow?: string
  /** Set the rows aside, in this new file, that PostgreSQL cannot take as they are. Default: stop at the first. */
  readonly badTo?: string
  /** SQL expressions in the source's dialect that are moved in the place of columns, by `table.column`. */
  readonly map?: Readonly<Record<string, string>>
  /** How columns are masked, by `table.column`: `hash`, `null` or `empty`. */
  readonly mask?: Readonly<Record<string, string>>
  /** Go on with a transfer that was interrupted. Tables that have changed since are copied again. */
  readonly resume?: boolean
  /** Put the source's rows in the place of those that the target holds, after a backup of it. */
  readonly replace?: boolean
  /** Where that backup goes. */
  readonly backup?: BackupPlace
  /** Milliseconds to wait for another process that migrates. Default: 60,000. */
  readonly lockTimeout?: number
}

export interface TransferResult {
  readonly from: TransferEnd
  readonly to: TransferEnd
  /** Nothing bad and no difference was found. */
  readonly ok: boolean
  readonly verify: (typeof VERIFY)[number]
  readonly tables: readonly FilledTable[]
  /** Rows that were moved, compared, or looked at. */
  readonly rows: number
  readonly bytes: number
  readonly seconds: number
  /** Where both sides differ, some rows of each table. */
  readonly differences: readonly RowDifference[]
  /** Of `check`: what the target cannot take as it is. */
  readonly bad: readonly Bad[]
  /** Rows that were set aside, by table, and in which file they are. */
  readonly aside?: { readonly file: string; readonly rows: Readonly<Record<string, number>> }
  /** Tables of no migration, which were made in the target. */
  readonly outside: readonly string[]
  readonly skipped: readonly Skipped[]
  readonly warnings: readonly string[]
  /** The backup of what the target held before. */
  readonly backup?: string
}

/** One end of a transfer. */
export interface TransferEnd {
  readonly dialect: Dialect
  /** The database, without user and password. */
  readonly database: string
}

type Done = Omit<TransferResult, 'from' | 'to' | 'seconds' | 'verify'>

const NOTHING: Done = {
  ok: true,
  tables: [],
  rows: 0,
  bytes: 0,
  differences: [],
  bad: [],
  outside: [],
  skipped: [],
  warnings: [],
}

/**
 * Moves what a database holds into another one, of either dialect, that has the same migrations; and proves it. The
 * source is only read, at one moment, whoever writes to it meanwhile. Until the proof is done the target is marked as
 * incomplete, and nobody else opens it.
 *
 * @throws USAGE, DIFFERENT, MISSING, INTERRUPTED, INCOMPLETE, NOT_EMPTY, BAD_ROWS, LOCK_TIMEOUT, ABORTED; what `up`
 *   throws of a migration, with `replace` what `backup` throws, with `check` SHADOW; the codes of the connections:
 *   CONFIG, CONNECTION, AUTHENTICATION, PERMISSION, READ_ONLY, NOT_A_DATABASE, BUSY, DATABASE
 */
export async function transfer(options: TransferOptions): Promise<TransferResult> {
  checkOptions(options)
  const { from, to, verify = 'full', check = false, verifyOnly = false } = options
  const start = performance.now()
  const create = !check && !verifyOnly
  return withDatabase(from, {}, (source) =>
    withDatabase(to, { create }, async (target) => {
      const [ours, theirs] = [source, target].map(({ dialect, name }) => ({ dialect, database: name }))
      if (ours === undefined || theirs === undefined) throw new Error('a transfer has two ends')
      const work = check ? find : verifyOnly ? compare : move
      const done = await work(await laneOf(source), await laneOf(target), options)
      return { from: ours, to: theirs, verify, ...done, seconds: (performance.now() - start) / 1000 }
    }),
  )
}

function checkOptions(options: TransferOptions): void {
  const { from, to, verify = 'full', resume, replace, check, verifyOnly, badTo, backup = {} } = options
  checkBackupPlace(backup)
  checkLockTimeout(options.lockTimeout)
  const refuse = (message: string, hint: string) => new MigrateError('USAGE', message, { hint })
  if (from === to) throw refuse('source and target are the same database', 'name two')
  if (!VERIFY.includes(verify))
    throw refuse(`${verify} is no way to verify`, `choose from ${VERIFY.join(', ')}`)
  const only = { '--check': check, '--verify-only': verifyOnly, '--resume': resume, '--replace': replace }
  const given = Object.entries(only).flatMap(([name, value]) => (value ? [name] : []))
  if (given.length > 1) throw refuse(`${given.join(' and ')} cannot be given together`, 'give one of them')
  if (verifyOnly && Object.values(options.mask ?? {}).includes('hash'))
    throw refuse('what was masked by a hash cannot be compared later', 'leave out its tables with --exclude')
  if (badTo !== undefined && (check || verifyOnly))
    throw refuse(`--bad sets rows aside, and ${given[0]} moves none`, 'leave out one of them')
}

async function laneOf(database: Database): Promise<Lane> {
  return { database, end: await database.end() }
}

/** Finds what is bad. */
async function find(source: Lane, target: Lane, options: TransferOptions): Promise<Done> {
  const planned = await plannedTarget(source.database, target.database, options)
  return source.end.snapshot(async () => {
    const { moved, skipped, warnings } = await readSource(source, planned.schema, options)
    const server = planned.exists ? await target.end.server() : undefined
    const { bad, tables } = await checkRows(source.end, moved, planned.schema, server, options)
    return { ...NOTHING, ok: bad.length === 0, bad, tables, rows: rowsOf(tables), skipped, warnings }
  })
}

/** Compares what an earlier transfer has moved. */
async function compare(source: Lane, target: Lane, options: TransferOptions): Promise<Done> {
  const { transfer: unfinished } = await readNotes(target.database)
  if (unfinished !== undefined) throw isIncomplete(target.database, unfinished)
  await sameHistory(source.database, target.database)
  return source.end.snapshot(() =>
    target.end.snapshot(async () => {
      const read = await readSource(source, await target.database.introspect(), options)
      const { tables, unequal } = await compareTables(source.end, target.end, read.moved, options)
      const differences = await pinned(source.end, target.end, unequal)
      const { skipped, warnings } = read
      const missing = read.outside.map((table) => ({
        table: nameOf(table),
        reason: 'it is not in the target',
      }))
      const ok = unequal.length === 0 && missing.length === 0
      const all = { skipped: [...skipped, ...missing], warnings, rows: rowsOf(tables) }
      return { ...NOTHING, ok, tables, differences, ...all }
    }),
  )
}

function rowsOf(tables: readonly FilledTable[]): number {
  return tables.reduce((sum, { rows }) => sum + rows, 0)
}

async function move(source: Lane, target: Lane, options: TransferOptions): Promise<Done> {
  const { database } = target
  const key = await database.qualify(TABLE)
  return database.lock(key, lockOptions(options, database), () =>
    withLanes(target, options.to, (lanes) =>
      source.end.snapshot(async () => {
        const { backup } = await prepareTarget(source.database, database, options)
        const first = await readSource(source, await database.introspect(), options)
        const made = await makeOutside(await source.database.introspect(), database, first.outside)
        const read =
          made.length === 0 ? first : await readSource(source, await database.introspect(), options)
        const done = await withBadRows(options, (file) => fillAndProve(source, lanes, read, options, file))
        const warnings = [...made, ...read.warnings, ...done.warnings]
        return {
          ...done,
          outside: first.outside.map(nameOf),
          skipped: read.skipped,
          warnings,
          ...(backup !== undefined && { backup }),
        }
      }),
    ),
  )
}

/** The connections that the target is filled over: two, where there can be two. */
async function withLanes<T>(
  first: Lane,
  to: Target,
  work: (lanes: readonly [Lane, ...Lane[]]) => Promise<T>,
): Promise<T> {
  const more = typeof to === 'string' || ('totalCount' in to && isPool(to))
  if (first.database.dialect === 'sqlite' || !more) return work([first])
  return withDatabase(to, {}, async (database) => work([first, await laneOf(database)]))
}

function withBadRows<T>(
  { badTo, resume = false }: TransferOptions,
  work: (file: RowsFile | undefined) => Promise<T>,
): Promise<T> {
  return badTo === undefined ? work(undefined) : withRowsFile(badTo, resume, work)
}

async function fillAndProve(
  source: Lane,
  lanes: readonly [Lane, ...Lane[]],
  { moved }: TransferPlan,
  options: TransferOptions,
  file: RowsFile | undefined,
): Promise<Done> {
  const [{ database, end }] = lanes
  const { verify = 'full', signal, onProgress } = options
  const { tables, unequal, warnings } = await end.unchecked(() =>
    fill({ source, lanes, moved, verify, file, signal, onProgress }),
  )
  const orphan = await end.orphan(moved.map(({ to }) => to))
  if (orphan !== undefined) {
    throw new MigrateError('BAD_ROWS', orphan, {
      hint: '"nexflow-migrate transfer --check" tells all such rows beforehand',
    })
  }
  const counters = await source.end.counters(moved.map(({ from }) => from))
  const finish = await end.finish(
    moved.map(({ to }) => to),
    inTarget(counters, moved),
  )
  const differences = await pinned(source.end, end, unequal)
  const ok = unequal.length === 0
  await endTransfer(database, finish, ok)
  return {
    ...NOTHING,
    ok,
    tables,
    rows: rowsOf(tables),
    bytes: tables.reduce((sum, { bytes }) => sum + bytes, 0),
    differences,
    warnings,
    ...(file !== undefined && { aside: { file: file.path, rows: Object.fromEntries(file.counts()) } }),
  }
}

/** Counters by the names that the target has for their columns. */
function inTarget(counters: readonly Counter[], moved: readonly Moved[]): Counter[] {
  return counters.flatMap(({ table, column, last }) => {
    const one = moved.find(({ from }) => nameOf(from) === nameOf(table))
    const place = one?.columns.find(({ from }) => from.name === column)
    return one && place ? [{ table: one.to, column: place.to.name, last }] : []
  })
}
