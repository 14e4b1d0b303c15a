import { MigrateError } from './errors.ts'
import { compareIds, type Migration, versionOf } from './migrations.ts'
import { count, didYouMean, list } from './text.ts'

/** A row of the history. */
export interface Applied {
  readonly id: string
  /** ISO 8601, UTC. */
  readonly appliedAt: string
  /** Of the up script as it was applied; null for a row written by hand. */
  readonly checksum: string | null
  /** Which file it was, by `stampOf`; null if unknown. */
  readonly stamp: string | null
}

export type State = 'applied' | 'pending' | 'changed' | 'missing' | 'out of order' | 'interrupted'

/** One migration as files and history together show it. */
export interface Entry {
  readonly id: string
  readonly state: State
  readonly appliedAt?: string
}

/** How far to go. With none of them: everything (up), the last one (down). */
export interface Target {
  /** Exactly this migration, by its id or its version. */
  readonly id?: string
  /** Up to this migration (up), or back to it (down), itself included. */
  readonly to?: string
  /** So many migrations. */
  readonly steps?: number
  /** Every applied migration (down). */
  readonly all?: boolean
}

/** What `up` accepts that it would refuse. */
export interface Leniency {
  readonly allowOutOfOrder?: boolean
  /** Applied migrations newer than every file: the database of a newer build. */
  readonly allowNewer?: boolean
}

/**
 * Files and history together, in the order of migrations.
 *
 * `changed`: the up script differs from what was applied. `missing`: applied, and there is no file.
 * `out of order`: pending, and a later one is applied.
 */
export function compare(migrations: readonly Migration[], history: readonly Applied[]): Entry[] {
  const applied = new Map(history.map((row) => [row.id, row]))
  const missing = withoutFile(migrations, applied)
  const all: readonly Ordered[] =
    missing.length === 0 ? migrations : [...migrations, ...missing].sort(compareIds)
  const last = all.findLast(({ id }) => applied.has(id))

  return all.map((one): Entry => {
    const { id } = one
    const row = applied.get(id)
    // The very file that was applied need not be read. Any other is, and is checked by it.
    const same = row !== undefined && row.stamp !== null && row.stamp === one.stamp
    const checksum = same ? row.checksum : one.up?.checksum
    if (row === undefined) {
      return { id, state: last !== undefined && compareIds(one, last) < 0 ? 'out of order' : 'pending' }
    }
    const { appliedAt } = row
    if (checksum === undefined) return { id, state: 'missing', appliedAt }
    return {
      id,
      state: row.checksum === null || row.checksum === checksum ? 'applied' : 'changed',
      appliedAt,
    }
  })
}

type Ordered = Pick<Migration, 'id' | 'version'> & Partial<Pick<Migration, 'up' | 'stamp'>>

/** What is applied and has no file. */
function withoutFile(migrations: readonly Migration[], applied: ReadonlyMap<string, Applied>): Ordered[] {
  const found = migrations.reduce((n, { id }) => n + (applied.has(id) ? 1 : 0), 0)
  if (found === applied.size) return []
  const files = new Set(migrations.map(({ id }) => id))
  return [...applied.keys()]
    .filter((id) => !files.has(id))
    .map((id) => ({ id, version: versionOf(id) ?? -1n }))
}

function ordered(id: string): Ordered | undefined {
  const version = versionOf(id)
  return version === undefined ? undefined : { id, version }
}

/**
 * The migrations that `up` is to apply, in order.
 *
 * @throws UNKNOWN_ID, CHANGED, MISSING, OUT_OF_ORDER, EARLIER_PENDING
 */
export function planUp(
  migrations: readonly Migration[],
  history: readonly Applied[],
  target: Target = {},
  { allowOutOfOrder = false, allowNewer = false }: Leniency = {},
): Migration[] {
  const entries = compare(migrations, history)
  const states = Object.groupBy(entries, ({ state }) => state)
  const inState = (state: State) => (states[state] ?? []).map(({ id }) => id)
  const wanted = target.id ?? target.to
  const id = wanted === undefined ? undefined : resolve(wanted, entries)

  const changed = inState('changed')
  if (changed.length > 0) throw refuseChanged(changed, migrations)
  const newer = allowNewer ? newerThanFiles(migrations, history) : []
  const missing = inState('missing').filter((one) => !newer.includes(one))
  if (missing.length > 0) throw refuseMissing(missing)

  const open = new Set([...inState('pending'), ...inState('out of order')])
  const pending = migrations.filter((migration) => open.has(migration.id))
  const steps = chooseUp(pending, target, id)
  const late = inState('out of order').filter((one) => target.id === undefined || one === id)
  if (late.length > 0 && !allowOutOfOrder) throw refuseOutOfOrder(late)
  return steps
}

/** Applied migrations that come after every file: a newer build has migrated this database. */
export function newerThanFiles(migrations: readonly Migration[], history: readonly Applied[]): string[] {
  const last = migrations.at(-1)
  const newer = history
    .flatMap(({ id }) => ordered(id) ?? [])
    .filter((one) => !last || compareIds(one, last) > 0)
  return newer.map(({ id }) => id)
}

function chooseUp(pending: Migration[], target: Target, id: string | undefined): Migration[] {
  const index = pending.findIndex((migration) => migration.id === id)
  if (target.id !== undefined) {
    const one = pending[index]
    if (one === undefined) return []
    if (index > 0) {
      const earlier = pending.slice(0, index).map((migration) => migration.id)
      throw new MigrateError('EARLIER_PENDING', `${list(earlier)} must be applied before ${id}`, {
        hint: `apply them all with "up --to ${id}"`,
      })
    }
    return [one]
  }
  if (id !== undefined) return pending.slice(0, index + 1)
  return pending.slice(0, target.steps)
}

/**
 * The applied migrations that `down` is to roll back, the last applied first.
 *
 * @param history in the order in which it was applied
 * @throws UNKNOWN_ID
 */
export function planDown(
  migrations: readonly Migration[],
  history: readonly Applied[],
  target: Target = {},
): Applied[] {
  const backwards = history.toReversed()
  const wanted = target.id ?? target.to
  if (wanted !== undefined) {
    const id = resolve(wanted, [...migrations, ...history])
    const index = backwards.findIndex((row) => row.id === id)
    return backwards.slice(target.to === undefined ? Math.max(index, 0) : 0, index + 1)
  }
  return backwards.slice(0, target.all ? undefined : (target.steps ?? 1))
}

/**
 * A migration named by its id, or by its version where only one has it.
 *
 * @throws UNKNOWN_ID
 */
export function resolve(wanted: string, known: readonly { readonly id: string }[]): string {
  const ids = [...new Set(known.map(({ id }) => id))]
  if (ids.includes(wanted)) return wanted
  const version = /^\d+$/.test(wanted) ? BigInt(wanted) : undefined
  const sameVersion = ids.filter((id) => version !== undefined && versionOf(id) === version)
  const [only] = sameVersion
  if (only !== undefined && sameVersion.length === 1) return only
  throw new MigrateError('UNKNOWN_ID', `there is no migration ${wanted}`, {
    hint: didYouMean(wanted, ids) ?? '"nexflow-migrate status" lists the ids',
  })
}

function refuseChanged(ids: string[], migrations: readonly Migration[]): MigrateError {
  const file = migrations.find(({ id }) => id === ids[0])?.up.file
  return new MigrateError('CHANGED', `${list(ids)} changed after being applied`, {
    ...(file !== undefined && { file }),
    hint: 'restore the text as it was applied, and put what is new into a new migration',
  })
}

/** Applied, and there is no file to run or to compare. */
export function refuseMissing(ids: string[]): MigrateError {
  return new MigrateError(
    'MISSING',
    `${list(ids)} ${ids.length === 1 ? 'is' : 'are'} applied and the file is missing`,
    {
      hint: `restore the ${ids.length === 1 ? 'file' : 'files'}, or roll back with "down ${ids.at(-1)}" from the script kept in the history`,
    },
  )
}

function refuseOutOfOrder(ids: string[]): MigrateError {
  return new MigrateError(
    'OUT_OF_ORDER',
    `${count(ids.length, 'pending migration')} would come before one that is applied: ${list(ids)}`,
    { hint: 'apply it where it stands with --allow-out-of-order, or give it a later version' },
  )
}
