import { type Dialect, readMigrations } from '../core/migrations.ts'
import { compare, type Entry } from '../core/plan.ts'
import { withDatabase } from '../database/database.ts'
import { readHistory } from '../database/history.ts'
import { publicStash, readStashes, type Stash } from '../database/stash.ts'
import { readNotes, type Switched, type Transfer } from '../database/state.ts'
import { dialectOf } from '../database/target.ts'
import { DEFAULT_DATABASE, NEXFLOW_MIGRATIONS, type Options } from './options.ts'

export interface StatusResult {
  readonly dialect: Dialect
  /** The database, without user and password. */
  readonly database: string
  /** Every migration is applied, and none is changed, missing or out of order. */
  readonly upToDate: boolean
  readonly migrations: readonly Entry[]
  /** What rollbacks have kept and `up` has not put back. */
  readonly stashes: readonly Stash[]
  /** A transfer into the database that has not ended: rows are missing. */
  readonly transfer?: Transfer
  /** Where the application was switched over to. */
  readonly moved?: Switched
}

/**
 * Tells which migrations are applied, pending, changed, missing, out of order or interrupted, and what rollbacks have
 * kept. Changes nothing.
 *
 * @throws FOREIGN_HISTORY; the codes of the files: see `readMigrations`; the codes of the connection: CONFIG,
 *   CONNECTION, AUTHENTICATION, PERMISSION, NOT_A_DATABASE, BUSY
 */
export async function status(options: Options = {}): Promise<StatusResult> {
  const { database: target = DEFAULT_DATABASE, migrations: source = NEXFLOW_MIGRATIONS } = options
  const files = readMigrations(source, dialectOf(target))
  return withDatabase(target, {}, async (database) => {
    const { interrupted, transfer, moved } = await readNotes(database)
    const migrations = compare(files, await readHistory(database)).map(
      (entry): Entry => (entry.id === interrupted?.id ? { ...entry, state: 'interrupted' } : entry),
    )
    const stashes = (await readStashes(database)).map(publicStash)
    const upToDate = !transfer && !moved && migrations.every(({ state }) => state === 'applied')
    return {
      dialect: database.dialect,
      database: database.name,
      upToDate,
      migrations,
      stashes,
      ...(transfer !== undefined && { transfer }),
      ...(moved !== undefined && { moved }),
    }
  })
}
