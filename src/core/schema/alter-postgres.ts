import type { Alteration } from './ddl.ts'
import type { Schema } from './model.ts'
import type { Renames } from './renames.ts'
export function alterPostgres(_: Schema, __: Schema, ___: Renames): Alteration {
  return { statements: [], notes: [] }
}
