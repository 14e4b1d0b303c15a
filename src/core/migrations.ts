import { readdirSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { MigrateError } from './errors.ts'
import { parseScript, readText, type Script, stampOf } from './script.ts'
import { shortest } from './text.ts'

export const DIALECTS = ['sqlite', 'postgres'] as const
export type Dialect = (typeof DIALECTS)[number]
export type Direction = 'up' | 'down'

/** One migration, for one dialect. */
export interface Migration {
  /** `<version>_<name>`: what people and the history call it. */
  readonly id: string
  readonly version: bigint
  /** The up script, read when asked for. */
  readonly up: Script
  /** Which file the up script is now, by `stampOf`. */
  readonly stamp: string | undefined
  /** The down script, read when asked for: its file's, or what the up script implies. */
  readonly down: (() => Script) | undefined
}

/** A file that is not on disk: for bundlers, and for tests. */
export interface MigrationFile {
  /** A name of the grammar, such as `000001_init_schema.sqlite.up.sql`. */
  readonly name: string
  readonly sql: string
}

/** Where migrations come from: a folder, the URL of a folder, or the files themselves. */
export type MigrationSource = string | URL | readonly MigrationFile[]

/**
 * Finds the migrations of one dialect, in order. A script is read and checked when it is asked for: FILE_TEXT,
 * DIRECTIVE, EMPTY_SCRIPT.
 *
 * @throws DIRECTORY, FILE_NAME, DUPLICATE_VERSION, ONE_DIALECT, NO_UP
 */
export function readMigrations(source: MigrationSource, dialect: Dialect): Migration[] {
  return readFiles(source).map((files) => {
    if (files.up.neutral === undefined) refuseOneDialect(files.id, files.up)
    return migrationOf(files, dialect)
  })
}

/**
 * A migration of one dialect, whether or not it has files for the other.
 *
 * @throws NO_UP
 */
export function migrationOf({ id, version, up: ups, down: downs }: Files, dialect: Dialect): Migration {
  const up = ups[dialect] ?? ups.neutral
  const down = downs[dialect] ?? downs.neutral
  if (up === undefined) throw noUp(id, down?.file ?? id)
  const readUp = once(() => {
    // The stamp first: a file that changes while it is read must not go by its later one.
    const stamp = up.path && stampOf(up.path)
    return readScript(up, stamp)
  })
  const readDown = down && once(() => readScript(down))
  return {
    id,
    version,
    get up() {
      return readUp()
    },
    get stamp() {
      return up.path && stampOf(up.path)
    },
    get down() {
      return readDown ?? impliedDown(readUp())
    },
  }
}

/**
 * The files of a source by migration, in order, whichever database each is for.
 *
 * @throws DIRECTORY, FILE_NAME, DUPLICATE_VERSION
 */
export function readFiles(source: MigrationSource): Files[] {
  return typeof source === 'string' || source instanceof URL ? folder(source) : array(source)
}

function once<T>(make: () => T): () => T {
  let made: T | undefined
  return () => {
    made ??= make()
    return made
  }
}

/** Where nothing was done there is nothing to roll back; what is irreversible needs no file to say so. */
function impliedDown({ file, nothing, irreversible }: Script): Migration['down'] {
  if (nothing !== undefined) return () => parseScript(file, `-- migrate: nothing ${nothing}\n`)
  if (irreversible !== undefined) return () => parseScript(file, `-- migrate: irreversible ${irreversible}\n`)
  return undefined
}

/** The order of migrations: by version as an integer, then by name. */
export function compareIds(
  a: Pick<Migration, 'id' | 'version'>,
  b: Pick<Migration, 'id' | 'version'>,
): number {
  if (a.version !== b.version) return a.version < b.version ? -1 : 1
  return a.id < b.id ? -1 : a.id > b.id ? 1 : 0
}

const ID = /^(\d+)_[A-Za-z0-9][A-Za-z0-9_-]*$/

/** The version in a migration's id, or nothing if it is no id. */
export function versionOf(id: string): bigint | undefined {
  const digits = ID.exec(id)?.[1]
  return digits === undefined ? undefined : BigInt(digits)
}

/** Whether the version is a day, such as 20260115. */
export function isDate(id: string): boolean {
  const [, year, month, day] = /^(\d{4})(\d\d)(\d\d)_/.exec(id) ?? []
  if (year === undefined || Number(year) < 1970 || Number(year) > 2999) return false
  const date = new Date(`${year}-${month}-${day}T00:00:00Z`)
  return !Number.isNaN(date.getTime()) && date.getUTCDate() === Number(day)
}

/** What a file name says behind the id. */
interface Ending {
  readonly dialect?: Dialect
  readonly direction: Direction
}

/**
 * Takes a file name apart: `<version>_<name>[.<dialect>][.<direction>].sql`, dialect and direction in either order.
 *
 * @throws FILE_NAME
 */
export function parseFileName(name: string, file = name): { id: string; version: bigint } & Ending {
  const dot = name.indexOf('.')
  const id = name.slice(0, dot)
  return { id, version: parseVersion(id, file), ...parseEnding(name.slice(dot), file) }
}

function parseVersion(id: string, file: string): bigint {
  const version = versionOf(id)
  if (version !== undefined) return version
  const letters = 'the name may hold letters, digits, "_" and "-"'
  throw badName(file, /^\d+_/.test(id) ? letters : 'it must begin with a version of digits and "_"')
}

/** Few endings stand behind thousands of ids. */
const ENDINGS = new Map<string, Ending>()

function parseEnding(ending: string, file: string): Ending {
  const known = ENDINGS.get(ending)
  if (known !== undefined) return known
  let dialect: Dialect | undefined
  let direction: Direction | undefined
  for (const part of ending.split('.').slice(1, -1)) {
    if ((part === 'up' || part === 'down') && direction === undefined) direction = part
    else if ((part === 'sqlite' || part === 'postgres') && dialect === undefined) dialect = part
    else
      throw badName(
        file,
        `".${part}" is ${/^(up|down|sqlite|postgres)$/.test(part) ? 'one too many' : 'unknown'}`,
      )
  }
  const parsed: Ending = { ...(dialect && { dialect }), direction: direction ?? 'up' }
  ENDINGS.set(ending, parsed)
  return parsed
}

/** A file, or what a bundler has made of it. */
export interface Source {
  /** How people are told of it. */
  readonly file: string
  readonly path?: string
  readonly sql?: string
}

/** @throws FILE_TEXT, DIRECTIVE, EMPTY_SCRIPT */
export function readScript({ file, path, sql }: Source, stamp?: string): Script {
  return parseScript(file, sql ?? readText(path ?? file, file), stamp)
}

/** One direction's files of a migration. */
export type Slots = { [slot in Dialect | 'neutral']?: Source }

/** The files of one migration. */
export interface Files {
  readonly id: string
  readonly version: bigint
  readonly up: Slots
  readonly down: Slots
}

function array(files: readonly MigrationFile[]): Files[] {
  const all = new Map<string, Files>()
  for (const { name, sql } of files) addFile(all, name, { file: name, sql })
  return inOrder(all)
}

/** A folder, with folders per dialect in it or without. */
function folder(source: string | URL): Files[] {
  const path = resolve(source instanceof URL ? fileURLToPath(source) : source)
  const all = new Map<string, Files>()
  const names = listFolder(path)
  addFolder(all, path, names)
  for (const dialect of DIALECTS) {
    const inner = join(path, dialect)
    if (names.includes(dialect)) addFolder(all, inner, listFolder(inner), dialect)
  }
  return inOrder(all)
}

/** Adds the SQL files of a folder. */
function addFolder(all: Map<string, Files>, path: string, names: readonly string[], dialect?: Dialect): void {
  const shown = shortest(path)
  for (const name of names) {
    if (!name.endsWith('.sql')) continue
    addFile(all, name, { file: shown === '' ? name : `${shown}/${name}`, path: `${path}/${name}` }, dialect)
  }
}

/** @throws DIRECTORY */
export function listFolder(path: string): string[] {
  try {
    return readdirSync(path)
  } catch (cause) {
    const missing = (cause as NodeJS.ErrnoException).code === 'ENOENT'
    throw new MigrateError('DIRECTORY', `cannot read the migrations in ${path}: ${reason(cause)}`, {
      file: path,
      cause,
      hint: missing
        ? 'make the folder with "nexflow-migrate new NAME", or name another with --dir'
        : 'name another folder with --dir, or let this user read it',
    })
  }
}

/** Puts a file to its migration. `folder` is the dialect of the folder that it stands in, if it has one. */
function addFile(all: Map<string, Files>, name: string, source: Source, folder?: Dialect): void {
  const { file } = source
  const dot = name.indexOf('.')
  const id = name.slice(0, dot)
  const { direction, dialect = folder ?? 'neutral' } = parseEnding(name.slice(dot), file)
  if (folder !== undefined && dialect !== folder) {
    throw new MigrateError('FILE_NAME', `${file} is for ${dialect} and stands in the folder of ${folder}`, {
      file,
      hint: `move it to the folder ${dialect}`,
    })
  }
  let files = all.get(id)
  if (files === undefined) {
    files = { id, version: parseVersion(id, file), up: {}, down: {} }
    all.set(id, files)
  }
  const other = files[direction][dialect]
  if (other !== undefined) {
    const message = `${other.file} and ${file} are both the ${dialect} ${direction} script of ${id}`
    throw new MigrateError('DUPLICATE_VERSION', message, { file, hint: 'remove one of them' })
  }
  files[direction][dialect] = source
}

function inOrder(all: Map<string, Files>): Files[] {
  const ordered = [...all.values()].sort(compareIds)
  refuseSharedNumbers(ordered)
  return ordered
}

/** Two migrations may share a date; two may not share any other number. */
function refuseSharedNumbers(ordered: readonly Files[]): void {
  const index = ordered.findIndex(({ id, version }, i) => version === ordered[i - 1]?.version && !isDate(id))
  const [first, second] = ordered.slice(index - 1, index + 1)
  if (index < 1 || first === undefined || second === undefined) return
  const [one, other] = [first, second].map(({ up, down }) => Object.values({ ...down, ...up })[0]?.file ?? '')
  const digits = second.id.indexOf('_')
  const free = String((ordered.at(-1)?.version ?? 0n) + 1n).padStart(digits, '0')
  throw new MigrateError('DUPLICATE_VERSION', `${one} and ${other} have the same number ${second.version}`, {
    ...(other && { file: other }),
    hint: `renumber the one that is applied nowhere yet, such as ${second.id} to ${free}${second.id.slice(digits)}`,
  })
}

/**
 * Refuses a migration that one database has and the other has not.
 *
 * @throws ONE_DIALECT
 */
export function refuseOneDialect(id: string, up: Slots): void {
  const has = DIALECTS.find((dialect) => up[dialect] !== undefined)
  const lacks = DIALECTS.find((dialect) => up[dialect] === undefined)
  if (has === undefined || lacks === undefined) return
  throw new MigrateError(
    'ONE_DIALECT',
    `${id} exists for ${has} and not for ${lacks}: the histories would part`,
    {
      file: up[has]?.file ?? id,
      hint: `write ${id}.${lacks}.up.sql, or let "nexflow-migrate translate ${id}" write it; where nothing is to be done there, "-- migrate: nothing <reason>" says so`,
    },
  )
}

function noUp(id: string, file: string): MigrateError {
  return new MigrateError('NO_UP', `${id} has a down script and no up script`, {
    file,
    hint: `write ${id}.up.sql, or correct the name of ${file}`,
  })
}

function badName(file: string, why: string): MigrateError {
  return new MigrateError('FILE_NAME', `${file} is no name of a migration: ${why}`, {
    file,
    hint: 'the form is <version>_<name>[.sqlite|.postgres][.up|.down].sql, such as 000004_add_email.up.sql',
  })
}

/** Why the system refused, in words of the trade. */
function reason(error: unknown): string {
  const { code = '', message } = error as NodeJS.ErrnoException
  const words: Record<string, string> = {
    ENOENT: 'there is no such folder',
    ENOTDIR: 'it is a file, not a folder',
    EACCES: 'permission denied',
  }
  return words[code] ?? message
}
