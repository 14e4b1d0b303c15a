import { type BackupPlace, checkBackupPlace } from '../core/backup.ts'
import { MigrateError } from '../core/errors.ts'
import type { Dialect } from '../core/migrations.ts'
import { nameOf } from '../core/schema/model.ts'
import { list } from '../core/text.ts'
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
import { buildRest, type FilledTable, fill } from './transfer-fill.ts'
import { checkChosen, readSource } from './transfer-source.ts'
import {
  endTransfer,
  makeOutside,
  noteLog,
  plannedTarget,
  prepareTarget,
  refuseSame,
  sameHistory,
} from './transfer-target.ts'
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
  /**
   * While an application goes on writing to the source, a SQLite database in WAL mode: copy it, bring over what has
   * been written since until little is left, and then let the application wait for a moment to switch over. From then
   * on nobody can write to the source, and who tries is told where the database is now.
   */
  readonly follow?: boolean
  /** With `follow`: the application is not stopped before this is settled. Default: as soon as little is left. */
  readonly when?: Promise<unknown>
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
  /** With `follow`: milliseconds for which nobody could write. */
  readonly stop?: number
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
      const lane = await laneOf(source)
      refuseUtf16(lane, options)
      const other = await laneOf(target)
      await refuseSame(lane, other)
      const done = await work(lane, other, options)
      return { from: ours, to: theirs, verify, ...done, seconds: (performance.now() - start) / 1000 }
    }),
  )
}

function checkOptions(options: TransferOptions): void {
  const {
    from,
    to,
    verify = 'full',
    resume,
    replace,
    check,
    verifyOnly,
    badTo,
    follow,
    backup = {},
  } = options
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
  if (follow && (check || verifyOnly || badTo !== undefined))
    throw refuse('--follow moves all rows as they are', 'leave out --check, --verify-only and --bad')
  const { only: tables, limit, where = {}, mask = {} } = options
  const parts = [tables, limit, ...Object.values(where), ...Object.values(mask)]
  if (follow && parts.some((one) => one !== undefined))
    throw refuse('--follow moves whole tables', 'leave out --only, --where, --limit and --mask')
  if (badTo !== undefined && (check || verifyOnly))
    throw refuse(`--bad sets rows aside, and ${given[0]} moves none`, 'leave out one of them')
}

/** What looks for bad rows, and what follows, puts texts and bytes together in SQL, which UTF-16 does not allow. */
function refuseUtf16({ database, end: { handle } }: Lane, { check, badTo, follow }: TransferOptions): void {
  if (handle.dialect !== 'sqlite' || !(check || follow || badTo !== undefined)) return
  const { encoding } = handle.native.prepare('PRAGMA encoding').get() ?? {}
  if (encoding === 'UTF-8') return
  throw new MigrateError('USAGE', `${database.name} keeps its texts in ${encoding}`, {
    hint: 'leave out --check, --bad and --follow; or move it to another SQLite database first, which is in UTF-8',
  })
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

function bytesOf(tables: readonly FilledTable[]): number {
  return tables.reduce((sum, { bytes }) => sum + bytes, 0)
}

async function move(source: Lane, target: Lane, options: TransferOptions): Promise<Done> {
  const { database } = target
  const key = await database.qualify(TABLE)
  await checkChosen(source.database, database, options)
  const work = () =>
    withLanes(target, options.to, async (lanes) => {
      if (options.follow) return moveLive(source, lanes, options)
      return source.end.snapshot(async () => {
        const { backup } = await prepareTarget(source.database, database, options)
        const read = await readBoth(source, target, options)
        const done = await withBadRows(options, (file) => fillAndProve(source, lanes, read, options, file))
        return { ...done, ...told(read, done.warnings), ...(backup !== undefined && { backup }) }
      })
    })
  try {
    return await database.lock(key, lockOptions(options, database), work)
  } catch (error) {
    throw options.signal?.aborted ? await stopped(error, database) : error
  }
}

/** What whoever has stopped it is told: who follows has said it already. */
async function stopped(error: unknown, target: Database): Promise<unknown> {
  const isTold = error instanceof MigrateError && error.code === 'ABORTED'
  if (isTold && error.hint?.includes('--resume')) return error
  const { transfer } = await readNotes(target).catch(() => ({ transfer: undefined }))
  if (transfer === undefined && isTold) return error
  const state = transfer === undefined ? '' : `: ${target.name} stays marked as incomplete`
  return new MigrateError('ABORTED', `stopped on request${state}`, {
    hint: `run the same command again${transfer === undefined ? '' : ' with --resume: it goes on where it was'}`,
    cause: error,
  })
}

/** What is moved into a target that is at the source's version, with the tables of no migration made there. */
async function readBoth(source: Lane, { database }: Lane, options: TransferOptions): Promise<TransferPlan> {
  const first = await readSource(source, await database.introspect(), options)
  if (first.outside.length === 0) return first
  const made = await makeOutside(await source.database.introspect(), database, first.outside)
  const read = await readSource(source, await database.introspect(), options)
  return { ...read, outside: first.outside, warnings: [...made, ...read.warnings] }
}

function told({ outside, skipped, warnings }: TransferPlan, more: readonly string[]) {
  return { outside: outside.map(nameOf), skipped, warnings: [...warnings, ...more] }
}

/** Moves a database that is written to meanwhile. */
async function moveLive(
  source: Lane,
  lanes: readonly [Lane, ...Lane[]],
  options: TransferOptions,
): Promise<Done> {
  const [target] = lanes
  const [from, to] = [source.end.handle, target.end.handle]
  if (from.dialect !== 'sqlite' || to.dialect !== 'postgres' || typeof options.from !== 'string') {
    throw new MigrateError('USAGE', '--follow goes from a SQLite database, by its URL, to PostgreSQL', {
      hint: 'leave out --follow, and stop the application for the time of the transfer',
    })
  }
  const { checkJournal, startLog, readLog, readSwitched } = await import('../database/sqlite/changes.ts')
  const { follow } = await import('./transfer-follow.ts')
  checkJournal(from.native)
  const { signal, onProgress } = options
  const { backup, log: earlier } = await prepareTarget(source.database, target.database, options)
  const read = await readBoth(source, target, options)
  const { moved } = read
  const going = (readLog(from.native) ?? readSwitched(from.native))?.log
  if (earlier !== undefined && earlier !== going) {
    throw new MigrateError(
      'DIFFERENT',
      `${source.database.name} has lost the log of what was written to it`,
      {
        hint: 'begin again with --replace',
      },
    )
  }
  const { id: log, unseen } =
    earlier === undefined ? startLog(from.native, moved) : { id: earlier, unseen: [] }
  if (earlier === undefined) await noteLog(target.database, log)
  const fillOptions = { source, lanes, moved, verify: 'full' as const, follow: true, signal, onProgress }
  const { tables } =
    readSwitched(from.native) === undefined
      ? await source.end.snapshot(() => fill(fillOptions))
      : { tables: [] }
  const onStop = async () => {
    const counters = await source.end.counters(moved.map(({ from }) => from))
    const text = await target.end.finish([], inTarget(counters, moved))
    if (text !== '') await target.database.transaction((run) => run({ file: 'transfer', text, own: true }))
  }
  const { stop, unfenced } = await follow({
    source: from.native,
    target: to.client,
    moved,
    log,
    to: target.database.name,
    read: (one) => source.end.read(one, 'postgres'),
    digest: (one, side) => (side === 'from' ? source : target).end.digest(one, side),
    atRest: async () => {
      await buildRest(fillOptions)
      const { unequal } = await compareTables(source.end, target.end, moved, options)
      if (unequal.length > 0) throw await unequalError(source, target, unequal)
    },
    onStop,
    ...(options.when && { when: options.when }),
    signal,
    ...(onProgress && { onEvent: onProgress }),
  })
  await endTransfer(
    target.database,
    await target.end.finish(
      moved.map(({ to }) => to),
      [],
    ),
    true,
  )
  const warnings = [
    ...unfenced.map((table) => `${table} is a virtual table: nothing keeps others from writing to it`),
    ...unseen.map((index) => `${index}: what REPLACE took away by it was found by the proof only`),
  ]
  const sums = { rows: rowsOf(tables), bytes: bytesOf(tables), ...(stop !== undefined && { stop }) }
  return { ...NOTHING, tables, ...sums, ...told(read, warnings), ...(backup !== undefined && { backup }) }
}

async function unequalError(source: Lane, target: Lane, unequal: readonly Moved[]): Promise<MigrateError> {
  const [first] = await pinned(source.end, target.end, unequal)
  const key = Object.entries(first?.key ?? {}).map(([name, value]) => `${name} = ${value}`)
  const row = first === undefined ? '' : `: ${first.table} (${key.join(', ')}) is ${first.change}`
  const names = list(unequal.map(({ from }) => nameOf(from)))
  return new MigrateError('DIFFERENT', `the two sides of ${names} are not the same${row}`, {
    hint: 'begin again with --replace; this should not happen: please report it',
  })
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
    bytes: bytesOf(tables),
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

export interface TransferReleaseOptions {
  /** A SQLite database that was followed, by its URL or path. */
  readonly from: Target
}

export interface TransferReleaseResult {
  /** The database that can be written to again. */
  readonly database: string
  /** Where the application was switched over to, if it was. */
  readonly movedTo?: string
}

/**
 * Lets a database be written to again that was followed by a transfer, and takes the log away: nothing of it stays.
 * What was written to the other one since is not in it.
 *
 * @throws USAGE, and the codes of the connection
 */
export async function transferRelease({ from }: TransferReleaseOptions): Promise<TransferReleaseResult> {
  return withDatabase(from, {}, async (database) => {
    const { handle } = await database.end()
    if (handle.dialect !== 'sqlite')
      throw new MigrateError('USAGE', 'only a SQLite database is followed', { hint: 'name it with --from' })
    const { readSwitched, removeFence, stopLog } = await import('../database/sqlite/changes.ts')
    const switched = readSwitched(handle.native)
    removeFence(handle.native)
    stopLog(handle.native)
    return { database: database.name, ...(switched && { movedTo: switched.to }) }
  })
}
