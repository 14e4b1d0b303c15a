import type { Dialect } from '../../migrations.ts'
import type { Schema } from '../model.ts'
import type { Expressions } from './expressions.ts'
import { schemaToPostgres } from './schema-to-postgres.ts'
import { schemaToSqlite } from './schema-to-sqlite.ts'

/** Types that somebody wants for columns of the new schema, by `table.column`. They win over what names suggest. */
export type Hints = Readonly<Record<string, string>>

/** A schema as the other database has it, and what a person must look at: what it cannot say, or not alike. */
export interface Converted {
  readonly schema: Schema
  readonly notes: string[]
}

/** The model of one database made into the other's. Under parity the two are equal, but for what the notes name. */
export function convertSchema(
  schema: Schema,
  to: Dialect,
  expressions: Expressions,
  hints: Hints = {},
): Converted {
  if (schema.dialect === to) return { schema, notes: [] }
  return to === 'postgres'
    ? schemaToPostgres(schema, expressions, hints)
    : schemaToSqlite(schema, expressions, hints)
}
