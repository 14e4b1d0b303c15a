import { MigrateError } from '../core/errors.ts'
import type { Migration } from '../core/migrations.ts'
import { parseScript, type Script } from '../core/script.ts'
import type { Database } from '../database/database.ts'
import { keptDown } from '../database/history.ts'

/**
 * What rolls a migration back: its file, else the script that the history has kept.
 *
 * @throws NO_DOWN, IRREVERSIBLE
 */
export async function downScript(
  database: Database,
  id: string,
  migration: Migration | undefined,
): Promise<Script> {
  const kept = migration?.down === undefined ? await keptDown(database, id) : undefined
  const script = kept === undefined ? migration?.down?.() : parseScript(`${id} (kept in the history)`, kept)
  if (script === undefined) {
    throw new MigrateError('NO_DOWN', `${id} has no down script`, { hint: `write ${id}.down.sql` })
  }
  if (script.irreversible === undefined) return script
  throw new MigrateError('IRREVERSIBLE', `${id} cannot be rolled back: ${script.irreversible}`, {
    hint: 'write a new migration that brings what you need, or restore a backup',
  })
}
