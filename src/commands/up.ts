import { type Dialect, readMigrations } from '../core/migrations.ts'
import { type Applied, type Leniency, newerThanFiles, planUp } from '../core/plan.ts'
import { list } from '../core/text.ts'
import { withDatabase } from '../database/database.ts'
import { prepareHistory, readHistory, recordSql, TABLE } from '../database/history.ts'
import { dialectOf } from '../database/target.ts'
import { apply, type Step } from './apply.ts'
import {
  type ChangeOptions,
  checkOptions,
  DEFAULT_DATABASE,
  type DoneStep,
  done,
  lockOptions,
  NEXFLOW_MIGRATIONS,
  type PlannedStep,
  planned,
} from './options.ts'

export interface UpOptions extends ChangeOptions, Leniency {}

export interface UpResult {
  readonly dialect: Dialect
  /** The database, without user and password. */
  readonly database: string
  readonly applied: readonly DoneStep[]
  /** What a dry run would have applied. */
  readonly planned: readonly PlannedStep[]
}

/**
 * Applies the pending migrations: all of them, or as far as `to`, `steps` or `id` say.
 *
 * Replicas that start together: one migrates, the others wait for it and find nothing to do.
 *
 * @throws USAGE, UNKNOWN_ID, CHANGED, MISSING, OUT_OF_ORDER, EARLIER_PENDING, NOT_IN_TRANSACTION, LOCK_TIMEOUT,
 *   ABORTED, FOREIGN_HISTORY, SQL, TRANSACTION_STATEMENT; the codes of the files: see `readMigrations`;
 *   the codes of the connection: CONFIG, CONNECTION, AUTHENTICATION, PERMISSION, READ_ONLY, NOT_A_DATABASE, BUSY
 */
export async function up(options: UpOptions = {}): Promise<UpResult> {
  checkOptions(options)
  const {
    database: target = DEFAULT_DATABASE,
    migrations: source = NEXFLOW_MIGRATIONS,
    dryRun = false,
  } = options
  const migrations = readMigrations(source, dialectOf(target))
  const plan = (history: readonly Applied[]) =>
    planUp(migrations, history, options, options).map((migration) => ({ ...migration, script: migration.up }))

  // With nothing to do there is no need of the lock, nor to make a database.
  const glance = await withDatabase(target, {}, async (database) => {
    const history = await readHistory(database)
    const newer = options.allowNewer ? newerThanFiles(migrations, history) : []
    if (newer.length > 0) {
      options.logger?.warn(`${database.name} was migrated by a newer build: ${list(newer)}`)
    }
    const result = { dialect: database.dialect, database: database.name, applied: [], planned: [] }
    return { steps: plan(history), result }
  })
  if (glance.steps.length === 0) return glance.result
  // The history keeps the down script, so that an older release can roll back without the file.
  const downs = new Map(glance.steps.map(({ id, down }) => [id, down?.().text]))
  if (dryRun) return { ...glance.result, planned: planned(glance.steps) }

  return withDatabase(target, { create: true }, async (database) => {
    const key = await database.qualify(TABLE)
    return database.lock(key, lockOptions(options), async () => {
      await prepareHistory(database)
      const steps: Step[] = []
      for (const { id, script } of plan(await readHistory(database))) {
        const record = await recordSql(database, { id, checksum: script.checksum, down: downs.get(id) })
        steps.push({ id, script, record })
      }
      await apply(database, 'up', steps, options)
      return { dialect: database.dialect, database: database.name, applied: done(steps), planned: [] }
    })
  })
}
