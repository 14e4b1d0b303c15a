import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { MigrateError } from '../core/errors.ts'
import { DIALECTS, type Dialect } from '../core/migrations.ts'
import { typesOf } from '../core/schema/draw/typescript.ts'
import type { Schema } from '../core/schema/model.ts'
import { shortest } from '../core/text.ts'
import { type ReplayOptions, withReplay } from './replay.ts'

export interface TypesOptions extends ReplayOptions {
  /** What is written. Default: nothing, the text is in the result. */
  readonly file?: string
  /** Default: both, in one text. */
  readonly dialect?: Dialect
  /** Write nothing: only tell whether the file is up to date. */
  readonly check?: boolean
}

export interface TypesResult {
  readonly dialects: readonly Dialect[]
  /** The file, if one was named. */
  readonly file?: string
  /** The file was, before anything was written, what it has to be; false without one. */
  readonly upToDate: boolean
  /** The TypeScript. */
  readonly text: string
}

/** See `types` in index.ts. */
export async function types({
  file,
  dialect,
  check = false,
  ...options
}: TypesOptions = {}): Promise<TypesResult> {
  if (check && file === undefined) {
    throw new MigrateError('USAGE', 'there is no file to check', { hint: 'name the file of the types' })
  }
  const dialects = dialect === undefined ? DIALECTS : [dialect]
  const schemas: Partial<Record<Dialect, Schema>> = {}
  for (const one of dialects) schemas[one] = await schemaOf(one, options, dialect === undefined)
  const text = typesOf(schemas)
  const upToDate = file !== undefined && read(file) === text
  if (file !== undefined && !upToDate && !check) write(file, text)
  return { dialects, ...(file !== undefined && { file: shortest(file) }), upToDate, text }
}

async function schemaOf(dialect: Dialect, options: ReplayOptions, both: boolean): Promise<Schema> {
  try {
    return await withReplay(dialect, options, async (replay) => {
      await replay.up()
      return replay.schema()
    })
  } catch (error) {
    if (!both || !(error instanceof MigrateError) || error.code !== 'SHADOW') throw error
    throw error.with({
      hint: [error.hint, 'or write the types of SQLite alone: --dialect sqlite'].join('; '),
    })
  }
}

/** What stands in the file, with the ends of lines that a checkout on Windows changes. */
function read(file: string): string | undefined {
  return existsSync(file)
    ? attempt('read', file, () => readFileSync(file, 'utf8').replaceAll('\r\n', '\n'))
    : undefined
}

function write(file: string, text: string): void {
  attempt('write', file, () => {
    mkdirSync(dirname(file), { recursive: true })
    writeFileSync(file, text)
  })
}

function attempt<T>(what: 'read' | 'write', file: string, work: () => T): T {
  try {
    return work()
  } catch (cause) {
    throw new MigrateError('DIRECTORY', `cannot ${what} ${shortest(file)}: ${(cause as Error).message}`, {
      file: shortest(file),
      hint: 'name another file',
      cause,
    })
  }
}
