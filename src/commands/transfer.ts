import { type BackupPlace, checkBackupPlace } from '../core/backup.ts'
import { MigrateError } from '../core/errors.ts'
import type { Dialect } from '../core/migrations.ts'
import { nameOf } from '../core/schema/model.ts'
import type { Moved } from '../core/transfer/moved.ts'
import { planTransfer, type Skipped } from '../core/transfer/plan.ts'
import { type Database, withDatabase } from '../database/database.ts'
import type { Counter } from '../database/end.ts'
import { TABLE } from '../database/history.ts'
import { isPool, type Target } from '../database/target.ts'
import { checkLockTimeout, lockOptions } from './lock.ts'
import type { Options } from './options.ts'
import { type FilledTable, fill, type Lane } from './transfer-fill.ts'
import { endTransfer, makeOutside, prepareTarget } from './transfer-target.ts'

/** How the target is compared with the source: by digests of all rows, by their number, or not at all. */
export const VERIFY = ['full', 'count', 'none'] as const

export interface TransferOptions extends Pick<Options, 'migrations' | 'logger' | 'onProgress' | 'signal'> {
  /** The source: a URL, a path, or an open handle. It is only read. */
  readonly from: Target
  /** The target, of either dialect: new, empty, or with the source's migrations and no rows. */
  readonly to: Target
  /** Default: `full`. */
  readonly verify?: (typeof VERIFY)[number]
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
  readonly from: End
  readonly to: End
  /** All that was to be proven is. */
  readonly ok: boolean
  readonly verify: (typeof VERIFY)[number]
  readonly tables: readonly FilledTable[]
  readonly rows: number
  readonly bytes: number
  readonly seconds: number
  /** Tables of no migration, which were made in the target. */
  readonly outside: readonly string[]
  readonly skipped: readonly Skipped[]
  readonly warnings: readonly string[]
  /** The backup of what the target held before. */
  readonly backup?: string
}

/** One end of a transfer. */
interface End {
  readonly dialect: Dialect
  /** The database, without user and password. */
  readonly database: string
}

/**
 * Moves what a database holds into another one, of either dialect, that has the same migrations; and proves it. The
 * source is only read, at one moment, whoever writes to it meanwhile. Until the proof is done the target is marked as
 * incomplete, and nobody else opens it.
 *
 * @throws USAGE, DIFFERENT, MISSING, INTERRUPTED, INCOMPLETE, NOT_EMPTY, BAD_ROWS, LOCK_TIMEOUT, ABORTED; what `up`
 *   throws of a migration, with `replace` what `backup` throws; the codes of the connections: CONFIG, CONNECTION,
 *   AUTHENTICATION, PERMISSION, READ_ONLY, NOT_A_DATABASE, BUSY, DATABASE
 */
export async function transfer(options: TransferOptions): Promise<TransferResult> {
  checkOptions(options)
  const start = performance.now()
  return withDatabase(options.from, {}, (source) =>
    withDatabase(options.to, { create: true }, async (target) => {
      const key = await target.qualify(TABLE)
      return target.lock(key, lockOptions(options, target), () =>
        withLanes(target, options.to, async (lanes) => {
          const [from, to] = [source, target].map(({ dialect, name }) => ({ dialect, database: name })) as [
            End,
            End,
          ]
          const moved = await move(source, lanes, options)
          return { from, to, ...moved, seconds: (performance.now() - start) / 1000 }
        }),
      )
    }),
  )
}

function checkOptions({
  from,
  to,
  verify = 'full',
  resume,
  replace,
  backup = {},
  lockTimeout,
}: TransferOptions): void {
  checkBackupPlace(backup)
  checkLockTimeout(lockTimeout)
  const refuse = (message: string, hint: string) => new MigrateError('USAGE', message, { hint })
  if (from === to) throw refuse('source and target are the same database', 'name two')
  if (!VERIFY.includes(verify))
    throw refuse(`${verify} is no way to verify`, `choose from ${VERIFY.join(', ')}`)
  if (resume && replace) throw refuse('--resume goes on and --replace begins again', 'give one of them')
}

/** The connections that the target is filled over: two, where there can be two. */
async function withLanes<T>(
  target: Database,
  to: Target,
  work: (lanes: [Lane, ...Lane[]]) => Promise<T>,
): Promise<T> {
  const first = { database: target, end: await target.end() }
  const more = typeof to === 'string' || ('totalCount' in to && isPool(to))
  if (target.dialect === 'sqlite' || !more) return work([first])
  return withDatabase(to, {}, async (database) => work([first, { database, end: await database.end() }]))
}

type Done = Omit<TransferResult, 'from' | 'to' | 'seconds'>

async function move(database: Database, lanes: [Lane, ...Lane[]], options: TransferOptions): Promise<Done> {
  const [{ database: target, end }] = lanes
  const source = { database, end: await database.end() }
  const { verify = 'full', signal, onProgress } = options
  return source.end.snapshot(async () => {
    const { backup } = await prepareTarget(database, target, options)
    const schema = await database.introspect()
    const plan = planTransfer(schema, await target.introspect())
    const made = await makeOutside(schema, target, plan.outside)
    const { moved, skipped, warnings } =
      made.length === 0 ? plan : planTransfer(schema, await target.introspect())
    const { tables, unequal } = await end.unchecked(() =>
      fill({ source, lanes, moved, verify, signal, onProgress }),
    )
    const orphan = await end.orphan(moved.map(({ to }) => to))
    if (orphan !== undefined) throw new MigrateError('BAD_ROWS', orphan)
    const ok = unequal.length === 0
    const finish = await end.finish(
      moved.map(({ to }) => to),
      inTarget(await source.end.counters(moved.map(({ from }) => from)), moved),
    )
    await endTransfer(target, finish, ok)
    return {
      ok,
      verify,
      tables,
      rows: tables.reduce((sum, { rows }) => sum + rows, 0),
      bytes: tables.reduce((sum, { bytes }) => sum + bytes, 0),
      outside: plan.outside.map(nameOf),
      skipped,
      warnings: [...made, ...warnings],
      ...(backup !== undefined && { backup }),
    }
  })
}

/** Counters by the names that the target has for their columns. */
function inTarget(counters: readonly Counter[], moved: readonly Moved[]): Counter[] {
  return counters.flatMap(({ table, column, last }) => {
    const one = moved.find(({ from }) => nameOf(from) === nameOf(table))
    const place = one?.columns.find(({ from }) => from.name === column)
    return one && place ? [{ table: one.to, column: place.to.name, last }] : []
  })
}
