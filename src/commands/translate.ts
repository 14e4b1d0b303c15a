import { basename, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { AcceptedParity } from '../core/config.ts'
import { MigrateError } from '../core/errors.ts'
import {
  DIALECTS,
  type Dialect,
  type Direction,
  type Files,
  type MigrationFile,
  readFiles,
  readScript,
  type Slots,
} from '../core/migrations.ts'
import { resolve } from '../core/plan.ts'
import { hintsFor } from '../core/schema/convert/carry.ts'
import { convertSchema, type Hints } from '../core/schema/convert/convert.ts'
import { loadCopies } from '../core/schema/convert/copies.ts'
import { loadExpressions } from '../core/schema/convert/expressions.ts'
import { nameOf, type Schema } from '../core/schema/model.ts'
import type { Script } from '../core/script.ts'
import { didYouMean, shortest, skipBlank } from '../core/text.ts'
import {
  type CarriedScript,
  type CarryContext,
  carryScript,
  type Other,
  otherOn,
  type Review,
} from './carry.ts'
import { checkWritten, comparer, type Written } from './check.ts'
import { type MakeReplay, type Replay, withReplays } from './replay.ts'
import { writeNew } from './write.ts'

export interface TranslateOptions {
  /** The migration. */
  readonly id: string
  /** The database to write for. Default: the one whose file is missing. */
  readonly to?: Dialect
  /** The folder of the migrations. Default: `./migrations`. */
  readonly dir?: string | URL
  /** The types that columns get in the other database, by `table.column`; a `-- translate:` line goes before. */
  readonly columns?: Hints
  /** The project's own pairs and exceptions, which count when it is checked. */
  readonly parity?: AcceptedParity
  /** Where shadow databases are made; see `parity`. */
  readonly shadow?: string
  readonly signal?: AbortSignal
}

export interface TranslateResult {
  readonly id: string
  readonly from: Dialect
  readonly to: Dialect
  /** What was written. */
  readonly files: readonly string[]
  /** Statements that a person has to carry over: in the files they stand behind `-- REVIEW:`. */
  readonly reviews: readonly Review[]
  /** What is worth a look. */
  readonly notes: readonly string[]
  /** Where the two databases part after what was written, and what of it failed. */
  readonly differences: readonly string[]
  /** Whether it was run on a shadow database. */
  readonly checked: boolean
}

/** See `translate` in index.ts. */
export async function translate(options: TranslateOptions): Promise<TranslateResult> {
  const { dir = 'migrations', signal, shadow } = options
  const folder = dir instanceof URL ? fileURLToPath(dir) : dir
  const all = readFiles(folder)
  const id = resolve(options.id, all)
  const index = all.findIndex((one) => one.id === id)
  const files = all[index] as Files
  const to = options.to ?? lacking(files)
  const from: Dialect = to === 'sqlite' ? 'postgres' : 'sqlite'
  const parts = partsOf(files, from, to)
  const replay = {
    migrations: filesOf(all.slice(0, index)),
    ...(shadow !== undefined && { shadow }),
    ...(signal && { signal }),
  }
  return withReplays(from, replay, (make) =>
    withOther(to, replay, async (makeOther) => {
      const job = { id, from, to, parts, options, files: all }
      const translated = await translateParts(job, make, makeOther)
      return { ...translated, files: writeNew(translated.drafts), checked: makeOther !== undefined }
    }),
  ).then(({ drafts: _, ...result }) => result)
}

/** What is to be translated. */
interface Job {
  readonly id: string
  readonly from: Dialect
  readonly to: Dialect
  readonly parts: readonly Part[]
  readonly options: TranslateOptions
  readonly files: readonly Files[]
}

/** One direction: what it is read from, and where it goes; nothing where a file serves both databases. */
interface Part {
  readonly direction: Direction
  readonly script: Script
  readonly path: string | undefined
  /** What serves the other database already. */
  readonly served: Script | undefined
}

/** The database that lacks an up file, else the one that lacks a down file. */
function lacking({ id, up, down }: Files): Dialect {
  for (const slots of [up, down]) {
    const has = DIALECTS.filter((dialect) => slots[dialect] !== undefined)
    const [only] = has
    if (only !== undefined && has.length === 1 && slots.neutral === undefined) {
      return only === 'sqlite' ? 'postgres' : 'sqlite'
    }
  }
  throw nothingToWrite(id, up)
}

function nothingToWrite(id: string, slots: Slots): MigrateError {
  const { neutral, ...own } = slots
  if (neutral !== undefined && Object.keys(own).length === 0) {
    return new MigrateError(
      'DIRECTORY',
      `there is nothing to translate: ${neutral.file} serves both databases`,
      {
        file: neutral.file,
        hint: `if it is for one of them only, give it that name, such as ${id}.sqlite.up.sql`,
      },
    )
  }
  const file = Object.values(slots)[0]?.file ?? id
  return new MigrateError('DIRECTORY', `there is nothing to translate: ${id} has files for both databases`, {
    file,
    hint: 'delete the one that is to be written anew',
  })
}

/** @throws DIRECTORY where there is nothing to read, or nothing to write */
function partsOf({ id, up, down }: Files, from: Dialect, to: Dialect): Part[] {
  const parts = [['up', up] as const, ['down', down] as const].flatMap(([direction, slots]): Part[] => {
    const source = slots[from] ?? slots.neutral
    if (source === undefined) return []
    const serves = slots[to] ?? slots.neutral
    const path = serves === undefined ? otherPath(source.path ?? source.file, id, to, direction) : undefined
    const served = serves && readScript(serves)
    return [{ direction, script: readScript(source), path, served }]
  })
  if (parts.every(({ path }) => path === undefined)) throw nothingToWrite(id, { ...down, ...up })
  if (parts.some(({ direction }) => direction === 'up')) return parts
  throw new MigrateError('DIRECTORY', `there is nothing to translate: ${id} has no file for ${from}`, {
    hint: `write ${id}.${from}.up.sql, or leave --to out`,
  })
}

/** Where the other database's file goes: its name is made as the one that it is read from. */
function otherPath(path: string, id: string, to: Dialect, direction: Direction): string {
  const parts = basename(path).slice(id.length, -'.sql'.length).split('.')
  const inName = parts.some((part) => DIALECTS.some((dialect) => dialect === part))
  const folder = DIALECTS.some((dialect) => dialect === basename(dirname(path)))
    ? join(dirname(path), '..', to)
    : dirname(path)
  const renamed = parts.map((part) => (DIALECTS.some((dialect) => dialect === part) ? to : part))
  const named = folder === dirname(path) && !inName ? ['', to, direction] : renamed
  return join(folder, `${id}${named.join('.')}.sql`)
}

/** The files of whole migrations, as an array that a replay takes. */
export function filesOf(all: readonly Files[]): MigrationFile[] {
  return all.flatMap(({ id, up, down }) =>
    [['up', up] as const, ['down', down] as const].flatMap(([direction, slots]) =>
      ([...DIALECTS, 'neutral'] as const).flatMap((slot): MigrationFile[] => {
        const source = slots[slot]
        if (source === undefined) return []
        const part = slot === 'neutral' ? '' : `.${slot}`
        return [{ name: `${id}${part}.${direction}.sql`, sql: readScript(source).text }]
      }),
    ),
  )
}

/** Replays of the other database; without a PostgreSQL to be had, none. */
async function withOther<T>(
  dialect: Dialect,
  options: Parameters<typeof withReplays>[1],
  work: (make: MakeReplay | undefined) => Promise<T>,
): Promise<T> {
  let started = false
  try {
    return await withReplays(dialect, options, (make) => {
      started = true
      return work(make)
    })
  } catch (error) {
    if (started || !(error instanceof MigrateError) || error.code !== 'SHADOW') throw error
    return work(undefined)
  }
}

interface Translated extends Omit<TranslateResult, 'files' | 'checked'> {
  readonly drafts: readonly { path: string; text: string }[]
}

/** A direction that was carried over, with the schema that it starts from. */
interface CarriedPart extends CarriedScript {
  readonly part: Part
  readonly before: Schema
}

async function translateParts(
  job: Job,
  make: MakeReplay,
  makeOther: MakeReplay | undefined,
): Promise<Translated> {
  const { id, from, to, options } = job
  const expressions = await loadExpressions()
  const hints = hintsOf(job)
  const context = { expressions, copies: await loadCopies(), hints }
  const carried = await make(async (source) => {
    await source.up()
    if (makeOther === undefined) {
      const schema = async (one: Schema) => convertSchema(one, to, expressions, hintsFor(one, hints)).schema
      return carryParts(job, source, () => ({ schema, run: async () => {} }), context)
    }
    return makeOther(async (replay) => {
      await replay.up()
      return carryParts(job, source, (file) => otherOn(replay, file), context)
    })
  })
  await checkHints(job, carried, make)
  const same = comparer(expressions, options.parity)
  const check = (written: readonly Written[]) =>
    makeOther === undefined ? [] : checkWritten(makeOther, to, written, same)
  let written = carried.map(writtenOf)
  let differences = await check(written)
  if (differences.some((one) => NEW_VALUE.test(one))) {
    written = written.map((one) => ({ ...one, text: outsideTransaction(one.text) }))
    differences = await check(written)
  }
  return {
    id,
    from,
    to,
    drafts: written.flatMap(({ path, text }) => (path === undefined ? [] : [{ path, text }])),
    reviews: carried.flatMap(({ part, reviews }) => (part.path === undefined ? [] : reviews)),
    notes: [...new Set(carried.flatMap(({ notes }) => notes))],
    differences,
  }
}

/** A value that ALTER TYPE adds can be used only after the commit. */
const NEW_VALUE = /unsafe use of new value/

function outsideTransaction(text: string): string {
  return text.includes(' ADD VALUE ') ? `-- migrate: no-transaction\n${text}` : text
}

function writtenOf({ part, before, source, text }: CarriedPart): Written & { path: string | undefined } {
  const { direction, path, script } = part
  const file = path === undefined ? script.file : shortest(path)
  return { file, path, text, direction, before, after: source }
}

/** Carries up, and then down from where that ends. */
async function carryParts(
  { parts, to }: Job,
  source: Replay,
  other: (file: string) => Other,
  context: CarryContext,
): Promise<CarriedPart[]> {
  const done: CarriedPart[] = []
  let before = await source.schema()
  for (const part of parts) {
    const into = other(shortest(part.path ?? part.served?.file ?? part.script.file))
    const one = await carryPart(part, source, into, to, context)
    done.push({ ...one, part, before })
    before = one.source
  }
  return done
}

async function carryPart(
  { script, path, served }: Part,
  source: Replay,
  other: Other,
  to: Dialect,
  context: CarryContext,
): Promise<CarriedScript> {
  const { nothing, irreversible } = script
  const directives = [
    ...(irreversible === undefined ? [] : [`-- migrate: irreversible ${irreversible}\n`]),
    ...(nothing === undefined ? [] : [`-- migrate: nothing ${nothing}\n`]),
  ].join('')
  if (path === undefined) {
    await source.run(script)
    const { text } = served ?? script
    await other.run(text)
    return { text, reviews: [], notes: [], source: await source.schema() }
  }
  if (nothing !== undefined || isBlank(script)) {
    return { text: directives, reviews: [], notes: [], source: await source.schema() }
  }
  const carried = await carryScript(script, source, other, context)
  const label = to === 'sqlite' ? 'SQLite' : 'PostgreSQL'
  const none = `-- migrate: nothing ${basename(script.file)} changes nothing that ${label} has\n`
  return { ...carried, text: `${directives}${carried.text === '' ? none : carried.text}` }
}

/** Whether a script is nothing but what its directives say. */
function isBlank({ text }: Script): boolean {
  return skipBlank(text) === text.length
}

/** What the scripts say goes before what the options do. */
function hintsOf({ parts, options }: Job): Hints {
  return Object.assign({}, options.columns, ...parts.map(({ script }) => script.hints ?? {}))
}

/**
 * Every hint must be of a column that there is.
 *
 * @throws DIRECTIVE, CONFIG
 */
async function checkHints(job: Job, carried: readonly CarriedPart[], make: MakeReplay): Promise<void> {
  const { parts, options } = job
  const columns = columnsOf(carried.flatMap(({ before, source }) => [before, source]))
  for (const { script } of parts) {
    for (const column of Object.keys(script.hints ?? {})) {
      if (columns.has(column)) continue
      throw new MigrateError('DIRECTIVE', `${script.file} translates ${column}, which is not there`, {
        file: script.file,
        hint: didYouMean(column, columns) ?? 'name it as table.column',
      })
    }
  }
  const open = Object.keys(options.columns ?? {}).filter((column) => !columns.has(column))
  if (open.length === 0) return
  // They may be of any version.
  const ever = await make((replay) => everyColumn(job, replay))
  const unknown = open.find((column) => !ever.has(column))
  if (unknown === undefined) return
  throw new MigrateError('CONFIG', `translate.columns names ${unknown}, which is in no version`, {
    hint: didYouMean(unknown, ever) ?? 'name it as table.column',
  })
}

async function everyColumn({ files, from }: Job, replay: Replay): Promise<Set<string>> {
  await replay.up()
  const schemas = [await replay.schema()]
  for (const { up } of files.slice(replay.migrations.length)) {
    const source = up[from] ?? up.neutral
    const script = source && readScript(source)
    if (script === undefined || script.nothing !== undefined) continue
    await replay.run(script)
    schemas.push(await replay.schema())
  }
  return columnsOf(schemas)
}

function columnsOf(schemas: readonly Schema[]): Set<string> {
  return new Set(
    schemas.flatMap(({ tables }) =>
      tables.flatMap((table) => table.columns.map(({ name }) => `${nameOf(table)}.${name}`)),
    ),
  )
}
