import { existsSync } from 'node:fs'
import { MigrateError } from '../core/errors.ts'
import type { Dialect } from '../core/migrations.ts'
import { resolve } from '../core/plan.ts'
import { dbmlOf } from '../core/schema/draw/dbml.ts'
import { mermaidOf } from '../core/schema/draw/mermaid.ts'
import { svgOf } from '../core/schema/draw/svg.ts'
import type { Schema } from '../core/schema/model.ts'
import { createSchema, scriptText } from '../core/schema/sql/ddl.ts'
import { didYouMean } from '../core/text.ts'
import { withDatabase } from '../database/database.ts'
import { dialectOf, isMemory, sqlitePath, type Target } from '../database/target.ts'
import { DEFAULT_DATABASE, type Options } from './options.ts'
import { type ReplayOptions, withReplay } from './replay.ts'

/** How a schema can be written. */
const FORMATS = {
  sql: (schema: Schema) => scriptText(createSchema(schema)),
  json: ({ dialect, ...rest }: Schema) => `${JSON.stringify({ dialect, ...rest }, undefined, 2)}\n`,
  mermaid: mermaidOf,
  dbml: dbmlOf,
  svg: svgOf,
} as const satisfies Record<string, (schema: Schema) => string | Promise<string>>

export type SchemaFormat = keyof typeof FORMATS

export interface SchemaOptions extends Pick<Options, 'database' | 'logger'>, ReplayOptions {
  /** Default: `sql`, statements that make it in an empty database. */
  readonly format?: SchemaFormat
  /** As it is behind this migration: from the files, not from the database. */
  readonly at?: string
  /** As the files make it on this dialect, not from the database. */
  readonly dialect?: Dialect
}

export interface SchemaResult {
  readonly dialect: Dialect
  /** The database that it was read from, without user and password; without it, it comes from the files. */
  readonly database?: string
  /** The last migration before it, where it comes from the files. */
  readonly at?: string
  readonly format: SchemaFormat
  readonly schema: Schema
  /** The schema in this format. */
  readonly text: string
}

/** See `schema` in index.ts. */
export async function schema(options: SchemaOptions = {}): Promise<SchemaResult> {
  const { format = 'sql' } = options
  if (!Object.hasOwn(FORMATS, format)) {
    throw new MigrateError('USAGE', `there is no format ${format}`, {
      hint: didYouMean(format, Object.keys(FORMATS)) ?? `write one of ${Object.keys(FORMATS).join(', ')}`,
    })
  }
  const read = await readSchema(options)
  return { ...read, format, text: await FORMATS[format](read.schema) }
}

type ReadSchema = Omit<SchemaResult, 'format' | 'text'>

async function readSchema(options: SchemaOptions): Promise<ReadSchema> {
  const { database: target = DEFAULT_DATABASE, at, dialect, logger } = options
  if (at !== undefined || dialect !== undefined) return replayed(dialect ?? dialectOf(target), options)
  if (isThere(target)) {
    return withDatabase(target, {}, async (database) => {
      return { dialect: database.dialect, database: database.name, schema: await database.introspect() }
    })
  }
  logger?.warn(`there is no database ${target} yet: this is what the migrations will make`)
  return replayed(dialectOf(target), options)
}

/** What the files make, up to `at` or all of them. */
function replayed(dialect: Dialect, { at, ...options }: SchemaOptions): Promise<ReadSchema> {
  return withReplay(dialect, options, async (replay) => {
    const id = at === undefined ? replay.migrations.at(-1)?.id : resolve(at, replay.migrations)
    await replay.up(id)
    return { dialect, ...(id !== undefined && { at: id }), schema: await replay.schema() }
  })
}

/** Whether there is a database to read; of a server only the connection tells. */
function isThere(target: Target): boolean {
  if (typeof target !== 'string' || dialectOf(target) === 'postgres') return true
  return !isMemory(target) && existsSync(sqlitePath(target))
}
