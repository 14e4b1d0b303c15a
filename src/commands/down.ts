import { MigrateError } from '../core/errors.ts'
import type { Migration } from '../core/migrations.ts'
import { type Applied, planDown } from '../core/plan.ts'
import type { Sql } from '../core/sql-error.ts'
import { list } from '../core/text.ts'
import type { Database } from '../database/database.ts'
import type { Stash } from '../database/stash.ts'
import type { Step } from './apply.ts'
import { type ChangeResult, change, type DoneStep } from './change.ts'
import type { ChangeOptions } from './options.ts'
import { downScript } from './script.ts'

export interface DownOptions extends ChangeOptions {
  /** Every applied migration. */
  readonly all?: boolean
}

export interface DownResult extends ChangeResult {
  readonly rolledBack: readonly DoneStep[]
  /** Rows that it keeps, for `up` to put back. */
  readonly stashed: readonly Stash[]
}

/**
 * Rolls back: the last migration that was applied, or as far as `to`, `steps`, `all` or `id` say.
 * What it would destroy, tables and columns that hold something, it keeps in the stash for `up` to put back.
 * It uses the file of the down script if it is there, and the script kept in the history if it is not.
 *
 * @throws USAGE, UNKNOWN_ID, LATER_APPLIED, NO_DOWN, IRREVERSIBLE, NOT_IN_TRANSACTION, LOCK_TIMEOUT, BLOCKED,
 *   ABORTED, FOREIGN_HISTORY, SQL, TRANSACTION_STATEMENT; the codes of the files: see `readMigrations`;
 *   the codes of the connection: CONFIG, CONNECTION, AUTHENTICATION, PERMISSION, READ_ONLY, NOT_A_DATABASE, BUSY
 */
export async function down(options: DownOptions = {}): Promise<DownResult> {
  const { result, done, stashed } = await change('down', options, async (database, migrations, history) => {
    const rows = planDown(migrations, history, options)
    if (options.id !== undefined) await refuseUnderLater(database, migrations, history, rows)
    const files = new Map(migrations.map((migration) => [migration.id, migration]))
    const steps: Step[] = []
    for (const { id } of rows) steps.push({ id, script: await downScript(database, id, files.get(id)) })
    return steps
  })
  return { ...result, rolledBack: done, stashed }
}

/** One that is rolled back from under later ones must be one that they do not need. */
async function refuseUnderLater(
  database: Database,
  migrations: readonly Migration[],
  history: readonly Applied[],
  [row]: readonly Applied[],
): Promise<void> {
  const ups = new Map<string, Sql>(migrations.map(({ id, up }) => [id, up]))
  const without = row && ups.get(row.id)
  if (row === undefined) return
  const before = history.slice(0, history.indexOf(row))
  const later = history.slice(before.length + 1)
  const scripts = (rows: readonly Applied[]) => rows.flatMap(({ id }) => ups.get(id) ?? [])
  // Where a file is missing it cannot be told: then all of them count.
  const known = without !== undefined && history.every(({ id }) => ups.has(id))
  const needing = known ? await database.dependents(scripts(before), without, scripts(later)) : scripts(later)
  const ids = later.flatMap(({ id }) =>
    known && !needing.some((script) => script === ups.get(id)) ? [] : id,
  )
  if (ids.length === 0) return
  throw new MigrateError(
    'LATER_APPLIED',
    `${list(ids)} ${ids.length === 1 ? 'was' : 'were'} applied after ${row.id} and may need it`,
    {
      hint: `roll them back too with "down --to ${row.id}"`,
    },
  )
}
