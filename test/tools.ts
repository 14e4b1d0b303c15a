import assert from 'node:assert/strict'
import { MigrateError, type MigrationFile } from '../src/index.ts'

/** Migrations from their scripts: `{ '1_a': 'CREATE TABLE …', '1_a.down': 'DROP TABLE …' }`. */
export function scripts(byName: Readonly<Record<string, string>>): MigrationFile[] {
  return Object.entries(byName).map(([name, sql]) => ({ name: `${name}.sql`, sql }))
}

export function ids(steps: readonly { readonly id: string }[]): string[] {
  return steps.map(({ id }) => id)
}

/** The error that a promise ends with. */
export async function errorOf(work: Promise<unknown>): Promise<MigrateError> {
  try {
    await work
  } catch (error) {
    if (error instanceof MigrateError) return error
    throw error
  }
  return assert.fail('there was no error')
}
