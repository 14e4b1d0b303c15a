import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { MigrateError } from './errors.ts'
import { parseScript, type Script } from './script.ts'
import { shortest } from './text.ts'

export const DIALECTS = ['sqlite', 'postgres'] as const
export type Dialect = (typeof DIALECTS)[number]
export type Direction = 'up' | 'down'

/** One migration, for one dialect. */
export interface Migration {
  /** `<version>_<name>`: what people and the history call it. */
  readonly id: string
  readonly version: bigint
  readonly up: Script
  /** The down script, read when asked for. */
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

/** A migration's file name, taken apart. */
export interface FileName {
  readonly id: string
  readonly version: bigint
  readonly dialect?: Dialect
  readonly direction: Direction
}

interface Source extends FileName {
  readonly file: string
  readonly read: () => Buffer
}

const ID = /^(\d+)_([A-Za-z0-9][A-Za-z0-9_-]*)$/

/** The version in a migration's id, or nothing if it is no id. */
export function versionOf(id: string): bigint | undefined {
  const digits = ID.exec(id)?.[1]
  return digits === undefined ? undefined : BigInt(digits)
}

/**
 * Takes a file name apart: `<version>_<name>[.<dialect>][.<direction>].sql`, dialect and direction in either order.
 *
 * @throws FILE_NAME
 */
export function parseFileName(name: string, file = name): FileName {
  const [id = '', ...parts] = name.replace(/\.sql$/, '').split('.')
  const refuse = (why: string) =>
    new MigrateError('FILE_NAME', `${file} is no name of a migration: ${why}`, {
      file,
      hint: 'the form is <version>_<name>[.sqlite|.postgres][.up|.down].sql, such as 000004_add_email.up.sql',
    })
  const version = versionOf(id)
  if (version === undefined) {
    throw refuse(
      /^\d+_/.test(id)
        ? 'the name may hold letters, digits, "_" and "-"'
        : 'it must begin with a version of digits and "_"',
    )
  }
  let dialect: Dialect | undefined
  let direction: Direction | undefined
  for (const part of parts) {
    const known = DIALECTS.find((one) => one === part)
    if (known !== undefined && dialect === undefined) dialect = known
    else if ((part === 'up' || part === 'down') && direction === undefined) direction = part
    else
      throw refuse(`".${part}" is ${known || part === 'up' || part === 'down' ? 'there twice' : 'unknown'}`)
  }
  return { id, version, ...(dialect && { dialect }), direction: direction ?? 'up' }
}

/** The order of migrations: by version as an integer, then by name. */
export function compareIds(a: { id: string; version: bigint }, b: { id: string; version: bigint }): number {
  if (a.version !== b.version) return a.version < b.version ? -1 : 1
  return a.id < b.id ? -1 : a.id > b.id ? 1 : 0
}

/**
 * Reads the migrations of one dialect, in order. Every up script is read and checked; down scripts when asked for.
 *
 * @throws DIRECTORY, FILE_NAME, FILE_TEXT, DIRECTIVE, EMPTY_SCRIPT, DUPLICATE_VERSION, ONE_DIALECT, NO_UP
 */
export function readMigrations(source: MigrationSource, dialect: Dialect): Migration[] {
  const files = typeof source === 'string' || source instanceof URL ? folder(source) : array(source)
  return assemble(files).map(({ id, version, scripts }) => {
    refuseOneDialect(id, scripts)
    const pick = (direction: Direction) =>
      scripts.get(`${dialect} ${direction}`) ?? scripts.get(`neutral ${direction}`)
    const up = pick('up')
    const down = pick('down')
    if (up === undefined) throw noUp(id, down?.file ?? id)
    return {
      id,
      version,
      up: parseScript(up.file, up.read()),
      down: down && (() => parseScript(down.file, down.read())),
    }
  })
}

function array(files: readonly MigrationFile[]): Source[] {
  return files.map(({ name, sql }) => ({
    ...parseFileName(name),
    file: name,
    read: () => Buffer.from(sql),
  }))
}

/** A folder, with folders per dialect in it or without. */
function folder(source: string | URL): Source[] {
  const path = source instanceof URL ? fileURLToPath(source) : source
  const files: Source[] = []
  for (const entry of listFolder(path)) {
    const dialect = DIALECTS.find((one) => one === entry.name)
    if (entry.isDirectory() && dialect !== undefined) {
      for (const inner of listFolder(join(path, entry.name))) {
        if (inner.name.endsWith('.sql')) files.push(fromDisk(join(path, entry.name), inner.name, dialect))
      }
    } else if (!entry.isDirectory() && entry.name.endsWith('.sql')) files.push(fromDisk(path, entry.name))
  }
  return files
}

function listFolder(path: string) {
  try {
    return readdirSync(path, { withFileTypes: true })
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

function fromDisk(path: string, name: string, dialect?: Dialect): Source {
  const absolute = join(path, name)
  const file = shortest(absolute)
  const parsed = parseFileName(name, file)
  if (dialect !== undefined && parsed.dialect !== undefined && parsed.dialect !== dialect) {
    throw new MigrateError(
      'FILE_NAME',
      `${file} is for ${parsed.dialect} and stands in the folder of ${dialect}`,
      {
        file,
        hint: `move it to the folder ${parsed.dialect}`,
      },
    )
  }
  const read = () => {
    try {
      return readFileSync(absolute)
    } catch (cause) {
      throw new MigrateError('FILE_TEXT', `cannot read ${file}: ${reason(cause)}`, {
        file,
        cause,
        hint: 'let this user read the file',
      })
    }
  }
  return { ...parsed, ...(dialect && { dialect }), file, read }
}

/** The database's or the system's own words, without the call that they came from. */
function reason(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException
  const words: Record<string, string> = {
    ENOENT: 'there is no such folder',
    ENOTDIR: 'it is a file, not a folder',
    EACCES: 'permission denied',
    EISDIR: 'it is a folder, not a file',
  }
  return words[code ?? ''] ?? message
}

/** The files of one migration, each under its dialect (or `neutral`) and direction. */
interface Files {
  readonly id: string
  readonly version: bigint
  readonly scripts: Map<string, Source>
}

/** Puts the files of each migration together, and the migrations in order. */
function assemble(sources: readonly Source[]): Files[] {
  const byId = new Map<string, Files>()
  for (const source of sources) {
    const { id, version } = source
    const migration = byId.get(id) ?? { id, version, scripts: new Map() }
    byId.set(id, migration)
    const slot = `${source.dialect ?? 'neutral'} ${source.direction}`
    const other = migration.scripts.get(slot)
    if (other !== undefined) {
      const message = `${other.file} and ${source.file} are both the ${slot} script of ${id}`
      throw new MigrateError('DUPLICATE_VERSION', message, { file: source.file, hint: 'remove one of them' })
    }
    migration.scripts.set(slot, source)
  }
  const ordered = [...byId.values()].sort(compareIds)
  refuseSharedNumbers(ordered)
  return ordered
}

/** Two migrations may share a date; two may not share any other number. */
function refuseSharedNumbers(ordered: readonly Files[]): void {
  for (const [i, migration] of ordered.entries()) {
    const before = ordered[i - 1]
    if (before?.version !== migration.version || isDate(migration.id)) continue
    const [first = '', second = ''] = [before, migration].map(({ scripts }) => [...scripts.values()][0]?.file)
    const digits = migration.id.indexOf('_')
    const free = String((ordered.at(-1)?.version ?? 0n) + 1n).padStart(digits, '0')
    throw new MigrateError(
      'DUPLICATE_VERSION',
      `${first} and ${second} have the same number ${migration.version}`,
      {
        file: second,
        hint: `renumber the one that is applied nowhere yet, such as ${migration.id} to ${free}${migration.id.slice(digits)}`,
      },
    )
  }
}

/** Whether the version is a day, such as 20260115. */
export function isDate(id: string): boolean {
  const [, year, month, day] = /^(\d{4})(\d\d)(\d\d)_/.exec(id) ?? []
  if (year === undefined || Number(year) < 1970 || Number(year) > 2999) return false
  const date = new Date(`${year}-${month}-${day}T00:00:00Z`)
  return !Number.isNaN(date.getTime()) && date.getUTCDate() === Number(day)
}

function refuseOneDialect(id: string, scripts: Files['scripts']): void {
  if (scripts.has('neutral up')) return
  const has = DIALECTS.find((one) => scripts.has(`${one} up`))
  const lacks = DIALECTS.find((one) => !scripts.has(`${one} up`))
  if (has === undefined || lacks === undefined) return
  throw new MigrateError(
    'ONE_DIALECT',
    `${id} exists for ${has} and not for ${lacks}: the histories would part`,
    {
      file: scripts.get(`${has} up`)?.file ?? id,
      hint: `write ${id}.${lacks}.up.sql; where nothing is to be done there, "-- migrate: nothing <reason>" says so`,
    },
  )
}

function noUp(id: string, file: string): MigrateError {
  return new MigrateError('NO_UP', `${id} has a down script and no up script`, {
    file,
    hint: `write ${id}.up.sql, or correct the name of ${file}`,
  })
}
