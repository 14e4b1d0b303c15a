import type { Schema } from '../model.ts'
import { alterPostgres } from './alter-postgres.ts'
import { alterSqlite } from './alter-sqlite.ts'
import { createPostgres } from './ddl-postgres.ts'
import { createSqlite } from './ddl-sqlite.ts'
import type { Renames } from './renames.ts'

export type { Renames }

/** How one schema becomes another. */
export interface Alteration {
  /** Without semicolons. */
  readonly statements: string[]
  /** What a person must look at: what is lost, and what rows can stop. */
  readonly notes: string[]
}

/**
 * The statements that make a schema in an empty database: of equal schemas the same text. Each comes behind what it
 * needs, else they go by name. Without semicolons.
 */
export function createSchema(schema: Schema): string[] {
  return schema.dialect === 'sqlite' ? createSqlite(schema) : createPostgres(schema)
}

/**
 * The statements that turn one schema into another of the same dialect, rows kept, in one transaction. Where SQLite's
 * ALTER TABLE does not do, the table is rebuilt. Columns that are new come last where the table is not rebuilt: their
 * order is no difference.
 *
 * @param renames what is not dropped and made anew, but has another name
 */
export function alterSchema(before: Schema, after: Schema, renames: Renames = {}): Alteration {
  return after.dialect === 'sqlite'
    ? alterSqlite(before, after, renames)
    : alterPostgres(before, after, renames)
}

/** Statements as the text of a script: those of several lines stand apart. */
export function scriptText(statements: readonly string[]): string {
  return statements
    .map((statement, i) => {
      // Behind a comment a semicolon would be part of it.
      const end = statement.includes('--', statement.lastIndexOf('\n') + 1) ? '\n;' : ';'
      const apart = i > 0 && (statement.includes('\n') || statements[i - 1]?.includes('\n'))
      return `${apart ? '\n' : ''}${statement}${end}\n`
    })
    .join('')
}
