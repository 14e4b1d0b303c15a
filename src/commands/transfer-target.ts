import { randomInt } from 'node:crypto'
import { statSync } from 'node:fs'
import { MigrateError } from '../core/errors.ts'
import { type Migration, readMigrations } from '../core/migrations.ts'
import { convertSchema } from '../core/schema/convert/convert.ts'
import { loadExpressions } from '../core/schema/convert/expressions.ts'
import { emptySchema, nameOf, type Schema, type Table } from '../core/schema/model.ts'
import { createSchema } from '../core/schema/sql/ddl.ts'
import { count, list } from '../core/text.ts'
import { different, named } from '../core/transfer/plan.ts'
import type { Database } from '../database/database.ts'
import type { Aside, End, Lane } from '../database/end.ts'
import { prepareHistory, readHistory } from '../database/history.ts'
import {
  ASIDE,
  holderOf,
  isIncomplete,
  type Notes,
  readNotes,
  readState,
  refuseUnused,
  stateWriter,
  TRANSFER,
} from '../database/state.ts'
import { apply } from './apply.ts'
import { takeBackup } from './backup.ts'
import { NEXFLOW_MIGRATIONS } from './options.ts'
import { withReplay } from './replay.ts'
import type { TransferOptions } from './transfer.ts'

/** What a target is filled with, and from where. */
export interface Prepared {
  /** The log of the source, if the transfer that is gone on with follows it. */
  readonly log?: string
  readonly backup?: string
}

/**
 * Marks the target as incomplete and brings it to the source's version. From here on it can be resumed.
 *
 * @throws DIFFERENT, MISSING, INTERRUPTED, INCOMPLETE, NOT_EMPTY, USAGE, and what `up` and `backup` throw
 */
export async function prepareTarget(
  source: Database,
  target: Database,
  options: TransferOptions,
): Promise<Prepared> {
  const { resume = false, replace = false, follow = false } = options
  const applied = (await readHistory(source)).map(({ id }) => id)
  const { moved, ...notesOfSource } = await readNotes(source)
  // A run that was killed behind the switch has only to be brought to its end.
  refuseHalf(source, { ...notesOfSource, ...(moved !== undefined && !(resume && follow) && { moved }) })
  const notes = await readNotes(target)
  const fresh = await target.isEmpty()
  if (resume && notes.transfer === undefined) {
    throw new MigrateError('USAGE', `${target.name}: no transfer into it was interrupted`, {
      hint: 'leave out --resume',
    })
  }
  if (resume && !follow && notes.transfer?.log !== undefined) {
    throw new MigrateError('USAGE', `the transfer into ${target.name} follows its source`, {
      hint: 'give --follow too, or begin again with --replace',
    })
  }
  if (notes.transfer !== undefined && !resume && !replace) throw isIncomplete(target, notes.transfer)
  if (notes.interrupted !== undefined) refuseHalf(target, { interrupted: notes.interrupted })
  const steps = await missingSteps(source, target, applied, options)
  // What was there before an interrupted transfer is in the backup that was taken then.
  const full = fresh || notes.transfer !== undefined ? [] : await tablesWithRows(target)
  if (full.length > 0 && !replace) {
    throw new MigrateError('NOT_EMPTY', `${target.name} holds rows already, in ${list(full)}`, {
      hint: 'name an empty database, or give --replace, which takes a backup of it first',
    })
  }
  const saved = full.length > 0 ? await takeBackup(target, backupOf(options)) : undefined
  await prepareHistory(
    target,
    holderOf(
      'up',
      steps.map(({ id }) => id),
    ),
  )
  if (!resume) await begin(source, target, replace)
  const up = { ...options, logger: undefined, onProgress: undefined }
  await apply(
    target,
    'up',
    steps.map((step) => ({ id: step.id, script: step.up, down: step.down?.() })),
    { ...(up.signal && { signal: up.signal }) },
  )
  const log = resume ? notes.transfer?.log : undefined
  return { ...(log !== undefined && { log }), ...(saved && { backup: saved.file }) }
}

function refuseHalf(database: Database, { interrupted, ...notes }: Notes): void {
  refuseUnused(database, notes)
  if (interrupted === undefined) return
  throw new MigrateError('INTERRUPTED', `${database.name}: ${interrupted.id} was interrupted half-way`, {
    hint: `"nexflow-migrate ${interrupted.direction}" brings it to its end`,
  })
}

function backupOf({ backup = {}, signal, logger, onProgress }: TransferOptions) {
  const { keep: _, ...place } = backup
  return { ...place, ...(signal && { signal }), ...(logger && { logger }), ...(onProgress && { onProgress }) }
}

/**
 * Says that a transfer has begun, and forgets what is left of an earlier one. What the target holds goes, also where
 * nothing comes in its place; and what an earlier one has taken away to build it behind the rows is there again.
 */
async function begin(source: Database, target: Database, replace: boolean): Promise<void> {
  const end = await target.end()
  if (replace) await giveUpFollowing(end)
  const write = await stateWriter(target)
  const old = [...(await readState(target, TRANSFER)).keys()]
  const { tables } = replace ? await target.introspect() : { tables: [] }
  const whole = tables.filter((table) => table.partitionOf === undefined && table.virtual === undefined)
  const earlier = [...(await readState<Aside>(target, ASIDE)).values()]
  const asides = await end.setAside(whole, () => false)
  const isKey = ({ kind }: Aside) => kind === 'foreign key'
  const again = [...earlier, ...asides].sort((a, b) => Number(isKey(a)) - Number(isKey(b)))
  const own = (text: string) => ({ file: 'transfer', text, own: true })
  await end.unchecked(() =>
    target.transaction(async (run) => {
      for (const { drop } of asides) await run(own(drop))
      if (whole.length > 0) await run(own(end.emptied(whole)))
      for (const { build } of again) await run(own(build))
      for (const name of old) await run(write(`${TRANSFER}${name}`, undefined))
      await run(write(TRANSFER, { from: source.name, since: new Date().toISOString() }))
    }),
  )
}

/**
 * What comes last: counters, statistics, and with the proof the mark of the target goes.
 *
 * @param finish SQL
 */
export async function endTransfer(target: Database, finish: string, proven: boolean): Promise<void> {
  const write = await stateWriter(target)
  const names = proven ? [...(await readState(target, TRANSFER)).keys()] : []
  await target.transaction(async (run) => {
    if (finish !== '') await run({ file: 'transfer', text: finish, own: true })
    for (const name of names) await run(write(`${TRANSFER}${name}`, undefined))
  })
}

/** What a run that followed its source has made of foreign keys and triggers is as it was. */
async function giveUpFollowing({ handle }: End): Promise<void> {
  if (handle.dialect !== 'postgres') return
  const { confirm, readPlace, release } = await import('../database/postgres/changes.ts')
  const place = await readPlace(handle.client)
  if (place === undefined) return
  await release(handle.client, place)
  await confirm(handle.client, place)
}

/** Says under which log the source is copied. */
export async function noteLog(target: Database, log: string): Promise<void> {
  const { transfer } = await readNotes(target)
  const write = await stateWriter(target)
  await target.transaction((run) => run(write(TRANSFER, { ...transfer, log })))
}

/** The migrations that the source has and the target has not. */
async function missingSteps(
  source: Database,
  target: Database,
  applied: readonly string[],
  { migrations = NEXFLOW_MIGRATIONS }: TransferOptions,
): Promise<Migration[]> {
  const there = new Set((await readHistory(target)).map(({ id }) => id))
  const ahead = [...there].filter((id) => !applied.includes(id))
  if (ahead.length > 0) {
    throw different(`${target.name} has ${list(ahead)}, which ${source.name} has not`)
  }
  const files = readMigrations(migrations, target.dialect)
  const unknown = applied.filter((id) => !there.has(id) && !files.some((file) => file.id === id))
  if (unknown.length > 0) {
    throw new MigrateError('MISSING', `${source.name} has ${list(unknown)}, of which there is no file`, {
      hint: 'name the folder that has it with --dir, or use the release that has migrated the source',
    })
  }
  return files.filter(({ id }) => applied.includes(id) && !there.has(id))
}

/**
 * Two names can be of one database: another path of the same file, another host of the same server.
 *
 * @throws USAGE
 */
export async function refuseSame(source: Lane, target: Lane): Promise<void> {
  if (!(await isSame(source, target))) return
  throw new MigrateError(
    'USAGE',
    `${source.database.name} and ${target.database.name} are the same database`,
    {
      hint: 'name two',
    },
  )
}

async function isSame({ database, end: { handle } }: Lane, target: Lane): Promise<boolean> {
  const other = target.end.handle
  if (handle.dialect === 'sqlite' && other.dialect === 'sqlite') {
    const [one, two] = [handle, other].map(({ native }) => native.location())
    if (handle.native === other.native) return true
    if (!one || !two) return false
    const [a, b] = [one, two].map((path) => statSync(path, { bigint: true }))
    return a?.dev === b?.dev && a?.ino === b?.ino
  }
  if (handle.dialect !== 'postgres' || other.dialect !== 'postgres') return false
  const schema = 'SELECT current_schema() AS schema'
  const [[mine], [theirs]] = await Promise.all([database.query(schema), target.database.query(schema)])
  if (mine?.schema !== theirs?.schema) return false
  // Nobody else takes a lock of this number: where one side has it and the other does not get it, both are one.
  const lock = randomInt(2 ** 47)
  await database.query('BEGIN')
  try {
    await database.query(`SELECT pg_advisory_xact_lock(${lock})`)
    const [row] = await target.database.query(`SELECT pg_try_advisory_xact_lock(${lock}) AS free`)
    return row?.free === false
  } finally {
    await database.query('ROLLBACK')
  }
}

/** Tables that are not empty, without this tool's own. */
export async function tablesWithRows(database: Database): Promise<string[]> {
  const { tables } = await database.introspect()
  const end = await database.end()
  const found: string[] = []
  for (const table of tables) {
    if (table.partitionOf === undefined && !(await end.isEmpty(table))) found.push(nameOf(table))
  }
  return found
}

/** What each affinity of SQLite's takes in PostgreSQL, whatever the names suggest: these take everything it holds. */
const PLAIN: Readonly<Record<string, string>> = {
  integer: 'bigint',
  real: 'double precision',
  text: 'text',
  blob: 'bytea',
  numeric: 'numeric',
}

/** Tables that no migration makes, as the other database has them. */
interface Outside {
  /** All that is to be made, and nothing else. */
  readonly made: Schema
  readonly notes: readonly string[]
}

async function outsideOf(source: Schema, there: Schema, outside: readonly Table[]): Promise<Outside> {
  const hints = Object.fromEntries(
    outside.flatMap((table) =>
      table.columns.flatMap(({ name, kind }) => {
        const type = source.dialect === 'sqlite' ? PLAIN[kind] : undefined
        return type === undefined ? [] : [[`${nameOf(table)}.${name}`, type]]
      }),
    ),
  )
  const { schema, notes } = convertSchema(source, there.dialect, await loadExpressions(), hints)
  const types = source.dialect === 'postgres' && there.dialect === 'postgres'
  const made = {
    ...emptySchema(there.dialect),
    enums: types ? schema.enums.filter((one) => named(there.enums, one) === undefined) : [],
    domains: types ? schema.domains.filter((one) => named(there.domains, one) === undefined) : [],
    tables: outside.flatMap((table) => named(schema.tables, table) ?? []),
  }
  return { made, notes: notes.filter((note) => outside.some((table) => note.includes(nameOf(table)))) }
}

/**
 * Makes the tables in the target that no migration has made, as the source has them.
 *
 * @returns warnings
 */
export async function makeOutside(
  source: Schema,
  target: Database,
  outside: readonly Table[],
): Promise<readonly string[]> {
  if (outside.length === 0) return []
  const { made, notes } = await outsideOf(source, await target.introspect(), outside)
  await target.transaction(async (run) => {
    for (const text of createSchema(made)) await run({ file: 'transfer', text, own: true })
  })
  return [
    `${count(outside.length, 'table')} of no migration made in ${target.name}: ${list(outside.map(nameOf))}`,
    ...notes,
  ]
}

/**
 * What the target will be, or is: found out without changing it.
 *
 * @throws DIFFERENT, MISSING, SHADOW
 */
export async function plannedTarget(
  source: Database,
  target: Database,
  options: TransferOptions,
): Promise<{ schema: Schema; exists: boolean }> {
  const applied = (await readHistory(source)).map(({ id }) => id)
  const steps = await missingSteps(source, target, applied, options)
  const exists = steps.length === 0
  const schema = exists
    ? await target.introspect()
    : await withReplay(target.dialect, options, async (replay) => {
        for (const id of applied) await replay.up(id)
        return replay.schema()
      })
  const mine = await source.introspect()
  const outside = mine.tables.filter(
    (table) => table.virtual === undefined && named(schema.tables, table) === undefined,
  )
  if (outside.length === 0) return { schema, exists }
  const { made } = await outsideOf(mine, schema, outside)
  return { schema: { ...schema, tables: [...schema.tables, ...made.tables] }, exists }
}

/**
 * Both must have the same migrations.
 *
 * @throws DIFFERENT
 */
export async function sameHistory(source: Database, target: Database): Promise<void> {
  const [one = [], other = []] = await Promise.all(
    [source, target].map(async (database) => (await readHistory(database)).map(({ id }) => id)),
  )
  const apart = [...one.filter((id) => !other.includes(id)), ...other.filter((id) => !one.includes(id))]
  if (apart.length > 0) throw different(`only one of the two databases has ${list(apart)}`)
}
