import { existsSync, realpathSync, statSync } from 'node:fs'
import { resolve as absolute, basename, dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { MigrateError } from '../core/errors.ts'
import {
  DIALECTS,
  type Dialect,
  type Files,
  type MigrationSource,
  parseFileName,
  readFiles,
  refuseOneDialect,
  type Source,
} from '../core/migrations.ts'
import { resolve } from '../core/plan.ts'
import { didYouMean, shortest } from '../core/text.ts'
import { NEXFLOW_MIGRATIONS } from './options.ts'

/** A history, and which of it is to be judged. */
export interface Batch {
  readonly files: readonly Files[]
  /** Ids. */
  readonly wanted: ReadonlySet<string>
  /** SQL files that are no migrations: each is judged by itself, as if it came behind the whole history. */
  readonly strays: readonly Files[]
  /** For which databases the history is. */
  readonly dialects: readonly Dialect[]
}

/** Which files are to be judged. */
export interface Choice {
  readonly migrations?: MigrationSource
  /** Ids of migrations, and paths of files. Default: all migrations. */
  readonly files?: readonly string[]
  /** Only what has come or changed since a branch left this revision of git. */
  readonly since?: string
  readonly dialect?: Dialect
  /** The kind of database that files are for that do not say so. */
  readonly usual?: Dialect
}

/**
 * Finds what is to be judged, each with the history that it belongs to.
 *
 * @throws USAGE, TOOL, UNKNOWN_ID, ONE_DIALECT and the codes of the files: see `readFiles`
 */
export async function chooseFiles(choice: Choice): Promise<Batch[]> {
  const { files: words = [], since, migrations = NEXFLOW_MIGRATIONS } = choice
  if (words.length === 0) {
    const files = readFiles(migrations)
    const wanted = since === undefined ? files : await changed(files, migrations, since)
    return [batchOf(files, new Set(wanted.map(({ id }) => id)), choice)]
  }
  if (since !== undefined)
    throw new MigrateError('USAGE', 'files and a revision cannot be named together', {
      hint: 'leave out the files, or --since',
    })
  return named(words, choice)
}

/** The migrations of which a file has come or changed. */
async function changed(files: readonly Files[], source: MigrationSource, since: string): Promise<Files[]> {
  if (typeof source !== 'string' && !(source instanceof URL)) {
    throw new MigrateError('USAGE', 'what a branch changes is known of a folder only', {
      hint: 'give the folder of the migrations',
    })
  }
  const folder = absolute(source instanceof URL ? fileURLToPath(source) : source)
  const { changedSince } = await import('./since.ts')
  const paths = new Set(await changedSince(since, folder))
  return files.filter((one) => sources(one).some(({ path = '' }) => paths.has(absolute(path))))
}

function sources({ up, down }: Files): Source[] {
  return [...Object.values(up), ...Object.values(down)]
}

/** What is named, by the histories that it belongs to. */
function named(words: readonly string[], choice: Choice): Batch[] {
  const own = ownFiles(choice.migrations)
  const wanted = new Set<string>()
  const strays: Files[] = []
  const others = new Map<string, { files: readonly Files[]; wanted: Set<string> }>()
  for (const word of words) {
    const id = idOf(word, own)
    const other = id === undefined ? otherHistory(word, others) : undefined
    if (id !== undefined) wanted.add(id)
    else if (other === undefined) strays.push(strayOf(word, choice))
    else for (const one of other) others.get(one.folder)?.wanted.add(one.id)
  }
  // Behind migrations that nobody has named, a file would be judged by tables that are not its own.
  const history = choice.migrations === undefined && wanted.size === 0 ? [] : own
  return [
    ...(wanted.size + strays.length > 0 ? [batchOf(history, wanted, choice, strays)] : []),
    ...[...others.values()].map((other) => batchOf(other.files, other.wanted, choice)),
  ]
}

/** The files of the source; of a folder that is not there, none. */
function ownFiles(source: MigrationSource = NEXFLOW_MIGRATIONS): Files[] {
  const isGone = (typeof source === 'string' || source instanceof URL) && !existsSync(source)
  return isGone ? [] : readFiles(source)
}

/**
 * The id of a migration that is named by its id, its version or one of its files; undefined if it is another file.
 *
 * @throws UNKNOWN_ID if it is none of these
 */
function idOf(word: string, own: readonly Files[]): string | undefined {
  if (!existsSync(word)) return namedId(word, own)
  const path = realpathSync(word)
  const name = basename(path)
  return own.find((files) =>
    sources(files).some((one) => one.path?.endsWith(name) && realpathSync(one.path) === path),
  )?.id
}

function namedId(word: string, own: readonly Files[]): string {
  try {
    return resolve(word, own)
  } catch (error) {
    if (!(error instanceof MigrateError) || error.code !== 'UNKNOWN_ID') throw error
    const names = own.flatMap((files) => [files.id, ...sources(files).map(({ file }) => file)])
    throw new MigrateError('UNKNOWN_ID', `there is neither a migration nor a file ${word}`, {
      hint: didYouMean(word, names) ?? '"nexflow-migrate status" lists the ids',
    })
  }
}

interface OfHistory {
  readonly folder: string
  readonly id: string
}

/** The migrations that a folder or a file of another history names; undefined if a file is of none. */
function otherHistory(
  word: string,
  known: Map<string, { files: readonly Files[]; wanted: Set<string> }>,
): OfHistory[] | undefined {
  const path = absolute(word)
  const at = (folder: string) => {
    const found = known.get(folder) ?? { files: readFiles(folder), wanted: new Set<string>() }
    known.set(folder, found)
    return found.files
  }
  if (statSync(path).isDirectory()) return at(path).map(({ id }) => ({ folder: path, id }))
  if (!isMigrationName(basename(path))) return undefined
  const folder = dirname(path)
  const whole = DIALECTS.some((dialect) => dialect === basename(folder)) ? [dirname(folder)] : []
  for (const candidate of [...whole, folder]) {
    try {
      const found = at(candidate).find((files) => sources(files).some((one) => one.path === path))
      if (found !== undefined) return [{ folder: candidate, id: found.id }]
    } catch (error) {
      // Another file there is no migration, or two have one number: then it is no history.
      if (!(error instanceof MigrateError)) throw error
    }
  }
  return undefined
}

function isMigrationName(name: string): boolean {
  try {
    return parseFileName(name) !== undefined
  } catch {
    return false
  }
}

/** An SQL file that is no migration, in the form of one. */
function strayOf(word: string, { dialect, usual }: Choice): Files {
  const path = absolute(word)
  const name = basename(path)
  const parts = [...name.split('.').slice(1, -1), basename(dirname(path))]
  const said = dialect ?? DIALECTS.find((one) => parts.includes(one)) ?? usual
  const source = { file: shortest(path), path }
  return { id: name.replace(/\.sql$/, ''), version: 0n, up: { [said ?? 'neutral']: source }, down: {} }
}

/**
 * A history with what is wanted of it. Where no migration has a file for one of the databases alone, and some have one
 * for the other alone, it is for that one.
 *
 * @throws ONE_DIALECT
 */
function batchOf(
  files: readonly Files[],
  wanted: ReadonlySet<string>,
  { dialect }: Choice,
  strays: readonly Files[] = [],
): Batch {
  const lacks = (one: Dialect) =>
    files.filter(({ up }) => up[one] === undefined && up.neutral === undefined && Object.keys(up).length > 0)
  const isAbsent = (one: Dialect) => lacks(one).length > 0 && files.every(({ up }) => up[one] === undefined)
  const absent = DIALECTS.filter(isAbsent)
  const dialects = DIALECTS.filter((one) =>
    dialect === undefined ? absent.length !== 1 || !isAbsent(one) : one === dialect,
  )
  const [first] = dialects.flatMap(lacks)
  if (first !== undefined) refuseOneDialect(first.id, first.up)
  return { files, wanted, strays, dialects }
}

/** Where a folder's files are told of in a list. */
export function filesOfBatch({ files, wanted, strays }: Batch): Files[] {
  return [...files.filter(({ id }) => wanted.has(id)), ...strays]
}
