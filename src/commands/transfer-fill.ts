import { MigrateError } from '../core/errors.ts'
import { nameOf, type Schema } from '../core/schema/model.ts'
import { list } from '../core/text.ts'
import type { Moved, Side } from '../core/transfer/moved.ts'
import type { Aside, Digest, Lane, Packet } from '../database/end.ts'
import { throwIfStopped } from '../database/lock.ts'
import { ASIDE, BEFORE, FILLED, readState, stateWriter } from '../database/state.ts'
import type { ProgressEvent } from './options.ts'
import type { RowsFile } from './transfer-aside.ts'
import { type BadRows, badRowsOf } from './transfer-bad.ts'
import { refusedRow } from './transfer-refused.ts'
import { COMPARE, isSame } from './transfer-verify.ts'

/** Rows from which on indexes are built behind the rows. */
const LARGE = 10_000

/** Milliseconds between two events of one table. */
const TELL = 200

/** A table of the target, as it is when all is done. */
export interface FilledTable {
  readonly table: string
  readonly rows: number
  /** Of the rows on their way. */
  readonly bytes: number
  /** That filling it took, without what was built behind. */
  readonly seconds: number
  /** The digest that both sides gave, where it was asked for. */
  readonly digest?: string
}

export interface FillOptions {
  readonly source: Lane
  /** Connections to the target: with two, one fills tables while the other builds and proves. */
  readonly lanes: readonly [Lane, ...Lane[]]
  readonly moved: readonly Moved[]
  readonly verify: 'full' | 'count' | 'none'
  /** Where rows are set aside that the target does not take; without, the first of them is an error. */
  readonly file?: RowsFile | undefined
  /** The source is followed behind it: foreign keys and the proof come later, and what was filled before may lag. */
  readonly follow?: boolean
  readonly signal?: AbortSignal | undefined
  readonly onProgress?: ((event: ProgressEvent) => void) | undefined
}

/** What has come of it. */
export interface Filled {
  readonly tables: readonly FilledTable[]
  /** Tables whose two sides are not the same. */
  readonly unequal: readonly Moved[]
  readonly warnings: readonly string[]
}

/**
 * Fills the tables of the target, each all or nothing, the largest first; builds what was set aside meanwhile, and
 * compares both sides. Killed at any instant, it goes on when it is called again.
 *
 * @throws BAD_ROWS, ABORTED and the errors of the connections
 */
export async function fill(options: FillOptions): Promise<Filled> {
  const { source, lanes, moved, signal } = options
  const schema = await schemaBefore(lanes[0].database)
  let failed: Moved | undefined
  try {
    return await fillAll({ ...options, schema, onRefused: (one) => (failed ??= one) })
  } catch (error) {
    if (failed === undefined) throw error
    const [target] = lanes
    throw await refusedRow(error, { source, target, all: moved, moved: failed, schema, signal })
  }
}

/** The target's schema before anything of it was set aside, by this run or by the one that it goes on with. */
async function schemaBefore(database: Lane['database']): Promise<Schema> {
  const noted = (await readState<Schema>(database, BEFORE)).get('')
  if (noted !== undefined) return noted
  const schema = await database.introspect()
  const write = await stateWriter(database)
  await database.transaction((run) => run(write(BEFORE, schema)))
  return schema
}

interface FillAllOptions extends FillOptions {
  readonly schema: Schema
  /** Told of the table at which it fails. */
  onRefused(moved: Moved): void
}

async function fillAll(options: FillAllOptions): Promise<Filled> {
  const { source, lanes, moved, schema, file, follow = false } = options
  const verify = follow ? 'none' : options.verify
  const [first, second = first] = lanes
  const sizes = new Map<Moved, number>()
  for (const one of moved) sizes.set(one, await source.end.estimate(one))
  const before = await filledBefore(options)
  const todo = moved.filter((one) => !before.has(one)).sort((a, b) => weight(b, sizes) - weight(a, sizes))
  const large = new Set(todo.filter((one) => (sizes.get(one) ?? 0) > LARGE).map(({ to }) => nameOf(to)))
  const bad = file && (await badRowsOf(options, schema, file))
  const asides = await setAside(first, todo, large)
  const keys = follow ? [] : asides.filter(({ aside }) => aside.kind === 'foreign key')
  const copied = new Map(todo.map((one) => [one, Promise.withResolvers<FilledTable>()]))
  const digests: Record<Side, Map<Moved, Digest>> = { from: new Map(), to: new Map() }

  const orRefused = <T>(one: Moved | undefined, work: Promise<T>) =>
    work.catch((error: unknown) => {
      if (one !== undefined) options.onRefused(one)
      throw error
    })
  const filling = async (signal: AbortSignal) => {
    for (const [one, { resolve }] of copied) {
      throwIfStopped(signal)
      const onDigest = (digest: Digest) => digests.from.set(one, digest)
      const more = { bad, ...(verify === 'full' && bad === undefined && { onDigest }) }
      const filled = fillTable({ ...options, signal }, first, one, sizes.get(one) ?? 0, more)
      resolve(await orRefused(one, filled))
    }
  }
  const building = async (signal: AbortSignal) => {
    for (const one of [...before.keys(), ...todo]) {
      const filled = copied.get(one)?.promise
      if (filled !== undefined) await orStopped(filled, signal)
      const own = asides.filter(({ aside }) => aside.kind !== 'foreign key' && isOf(aside, one))
      await orRefused(one, build(options, second, own, signal))
    }
    // What an earlier run has set aside of tables that this one does not move.
    const isOther = ({ aside }: Noted) =>
      aside.kind !== 'foreign key' && !moved.some((one) => isOf(aside, one))
    await build(options, second, asides.filter(isOther), signal)
  }
  const tying = async (signal: AbortSignal) => {
    for (const key of keys) {
      const one = moved.find((each) => isOf(key.aside, each))
      await orRefused(one, build(options, first, [key], signal))
    }
  }
  const proving = async (lane: Lane, side: Side, signal: AbortSignal) => {
    for (const one of todo) {
      throwIfStopped(signal)
      if (digests[side].has(one)) continue
      if (verify === 'full') options.onProgress?.({ type: 'comparing', table: nameOf(one.to) })
      const found = await COMPARE[verify]?.(lane.end, bad?.without(one) ?? one, side)
      if (found !== undefined) digests[side].set(one, found)
    }
  }

  if (first === second || bad !== undefined) {
    // One connection does one thing after the other; and what is set aside must be so before anything is built.
    const signal = options.signal ?? new AbortController().signal
    await filling(signal)
    await bad?.setAsideByKeys()
    await building(signal)
    await tying(signal)
    await proving(source, 'from', signal)
    await proving(first, 'to', signal)
  } else {
    const filled = Promise.withResolvers<void>()
    await together(options.signal, [
      async (signal) => {
        await filling(signal)
        filled.resolve()
        await proving(source, 'from', signal)
      },
      async (signal) => {
        await building(signal)
        await orStopped(filled.promise, signal)
        await together(signal, [(signal) => tying(signal), (signal) => proving(second, 'to', signal)])
      },
    ])
  }
  const tables: FilledTable[] = []
  for (const one of moved) {
    const table = before.get(one) ?? (await copied.get(one)?.promise)
    if (table === undefined) throw new Error(`${nameOf(one.from)} was not filled`)
    const rows = table.rows - (bad?.taken(one) ?? 0)
    const digest = digests.to.get(one)?.digest
    tables.push({ ...table, rows, ...(digest && { digest }) })
  }
  const unequal = todo.filter((one) => !isSame(digests.from.get(one), digests.to.get(one)))
  return { tables, unequal, warnings: bad?.warnings ?? [] }
}

function isOf({ table }: Aside, { to }: Moved): boolean {
  return nameOf(table) === nameOf(to)
}

function weight(one: Moved, sizes: ReadonlyMap<Moved, number>): number {
  return (sizes.get(one) ?? 0) * one.columns.length
}

/** Does all of it at once. The first that fails stops the others, and its error is thrown when they have ended. */
async function together(
  signal: AbortSignal | undefined,
  works: readonly ((signal: AbortSignal) => Promise<unknown>)[],
): Promise<void> {
  const stop = new AbortController()
  const any = signal === undefined ? stop.signal : AbortSignal.any([signal, stop.signal])
  const ended = works.map((work) =>
    work(any).catch((error: unknown) => {
      if (!stop.signal.aborted) stop.abort(error)
    }),
  )
  await Promise.all(ended)
  if (stop.signal.aborted) throw stop.signal.reason
}

/** Waits for what somebody else does, who may have failed. */
function orStopped<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  const { promise: stopped, reject } = Promise.withResolvers<never>()
  const stop = () => reject(signal.reason)
  if (signal.aborted) stop()
  signal.addEventListener('abort', stop, { once: true })
  return Promise.race([promise, stopped]).finally(() => signal.removeEventListener('abort', stop))
}

/**
 * Tables that an earlier run has filled, and that are the same on both sides now: the application may have gone on
 * writing to the source.
 */
async function filledBefore({
  source,
  lanes,
  moved,
  follow,
  signal,
}: FillOptions): Promise<Map<Moved, FilledTable>> {
  const [{ database, end }] = lanes
  const filled = await readState<FilledTable>(database, FILLED)
  const others = [...filled.keys()].filter((name) => !moved.some(({ to }) => nameOf(to) === name))
  if (others.length > 0) {
    throw new MigrateError('USAGE', `the transfer that was interrupted has moved ${list(others)} too`, {
      hint: 'give --resume with the options that it had, or begin again with --replace',
    })
  }
  const same = new Map<Moved, FilledTable>()
  for (const one of moved) {
    const table = filled.get(nameOf(one.to))
    if (table === undefined) continue
    throwIfStopped(signal)
    if (follow) {
      same.set(one, table)
      continue
    }
    const [from, to] = await Promise.all([source.end.digest(one, 'from'), end.digest(one, 'to')])
    if (isSame(from, to)) same.set(one, { ...table, digest: to.digest })
  }
  return same
}

/** What was set aside, with the name of its row in the state. */
interface Noted {
  readonly name: string
  readonly aside: Aside
}

/** Takes away what is in the way, and notes how it is built again: all that is away, from earlier runs too. */
async function setAside(
  { database, end }: Lane,
  todo: readonly Moved[],
  large: ReadonlySet<string>,
): Promise<Noted[]> {
  const earlier = await readState<Aside>(database, ASIDE)
  const found = await end.setAside(
    todo.map(({ to }) => to),
    (table) => large.has(nameOf(table)),
  )
  const write = await stateWriter(database)
  const next = Math.max(0, ...[...earlier.keys()].map(Number)) + 1
  const noted = found.map((aside, i) => ({ name: String(next + i).padStart(6, '0'), aside }))
  await database.transaction(async (run) => {
    for (const { name, aside } of noted) {
      await run(write(`${ASIDE}${name}`, aside))
      await run({ file: 'transfer', text: aside.drop, own: true })
    }
  })
  return [...[...earlier].map(([name, aside]) => ({ name, aside })), ...noted]
}

/** Builds all that is still set aside. */
export async function buildRest(options: FillOptions): Promise<void> {
  const [lane] = options.lanes
  const rest = await readState<Aside>(lane.database, ASIDE)
  const noted = [...rest].map(([name, aside]) => ({ name, aside }))
  await build(options, lane, noted, options.signal ?? new AbortController().signal)
}

async function build(
  { onProgress }: FillOptions,
  { database }: Lane,
  which: readonly Noted[],
  signal: AbortSignal,
): Promise<void> {
  const write = await stateWriter(database)
  for (const { name, aside } of which) {
    throwIfStopped(signal)
    onProgress?.({ type: 'building', table: nameOf(aside.table), what: `${aside.kind} ${aside.name}` })
    await database.transaction(async (run) => {
      await run({ file: 'transfer', text: aside.build, own: true })
      await run(write(`${ASIDE}${name}`, undefined))
    })
  }
}

async function fillTable(
  { source, signal, onProgress }: FillOptions,
  { database, end }: Lane,
  moved: Moved,
  expected: number,
  { bad, onDigest }: { bad: BadRows | undefined; onDigest?: (digest: Digest) => void },
): Promise<FilledTable> {
  const start = performance.now()
  const table = nameOf(moved.to)
  const write = await stateWriter(database)
  const sum = { rows: 0, bytes: 0 }
  const seconds = () => (performance.now() - start) / 1000
  let told = start
  const tell = (total = Math.max(expected, sum.rows)) => {
    told = performance.now()
    const rate = sum.rows / Math.max(seconds(), 0.001)
    const left = (total - sum.rows) / Math.max(rate, 1)
    onProgress?.({ type: 'rows', table, done: sum.rows, total, bytes: sum.bytes, rate, left })
  }
  async function* counted(packets: AsyncIterable<Packet>): AsyncIterable<Packet> {
    for await (const packet of packets) {
      throwIfStopped(signal)
      yield packet
      sum.rows += packet.rows
      sum.bytes += packet.bytes.length
      if (performance.now() - told > TELL) tell()
    }
  }
  const note = () =>
    write(`${FILLED}${table}`, { table, rows: sum.rows, bytes: sum.bytes, seconds: seconds() })
  try {
    await end.write(
      moved,
      source.database.dialect,
      counted(source.end.read(moved, database.dialect, onDigest)),
      note,
    )
  } catch (error) {
    if (bad === undefined || !(error instanceof MigrateError) || error.code !== 'BAD_ROWS') throw error
    sum.rows = await bad.copy(moved, note)
  }
  tell(sum.rows)
  return { table, rows: sum.rows, bytes: sum.bytes, seconds: seconds() }
}
