import { MigrateError } from '../core/errors.ts'
import type { Dialect } from '../core/migrations.ts'
import type { Databases } from '../core/nexflow.ts'
import { type Connected, connectForApplication } from '../database/database.ts'
import { dialectOf, isMemory } from '../database/target.ts'
import { DEFAULT_DATABASE, type Logger, type Options, type WaitOptions } from './options.ts'
import { type UpOptions, up } from './up.ts'

/** An open, migrated database. `native` is the driver's own handle: a `DatabaseSync`, or a `pg.Pool`. */
export type OpenDatabase<D extends Dialect = Dialect> = Extract<Connected, { dialect: D }> & {
  /** Ids of the migrations that this start applied. */
  readonly migrated: readonly string[]
}

/**
 * The tables of an open database, as Kysely takes them: `new Kysely<DatabaseOf<typeof db>>({ dialect: … })`. Without
 * more they are Nexflow's; for migrations of your own, name the `Databases` that `nexflow-migrate types` has written:
 * `DatabaseOf<typeof db, Databases>`.
 */
export type DatabaseOf<
  Opened extends Pick<OpenDatabase, 'dialect'>,
  All extends Readonly<Record<Dialect, object>> = Databases,
> = All[Opened['dialect']]

export interface OpenDatabaseOptions
  extends Pick<Options, 'migrations' | 'onProgress' | 'signal'>,
    Pick<UpOptions, 'transaction' | 'lockTimeout' | 'allowOutOfOrder' | 'strict' | 'backup'>,
    WaitOptions {
  readonly type?: Dialect
  /** A path, or a URL of the dialect that `type` names. Default: `./data/nexflow.db`. */
  readonly path?: string
  /** Default: warnings to the console. */
  readonly logger?: Logger
  /** Refuse a database that a newer build has migrated further. Default: start with a warning. */
  readonly refuseNewer?: boolean
}

/**
 * Opens a database as an application does at its start: foreign keys on, migrated, the native handle handed back.
 * Any number of processes may start at once: one migrates, the others wait for it.
 *
 * @throws what `up` throws
 */
export function openDatabase(
  options: OpenDatabaseOptions & { type: 'postgres' },
): Promise<OpenDatabase<'postgres'>>
export function openDatabase(
  options: OpenDatabaseOptions & { type: 'sqlite' },
): Promise<OpenDatabase<'sqlite'>>
export function openDatabase(options?: OpenDatabaseOptions): Promise<OpenDatabase>
export async function openDatabase(options: OpenDatabaseOptions = {}): Promise<OpenDatabase> {
  const { path = DEFAULT_DATABASE, type = dialectOf(path), refuseNewer = false } = options
  const logger = options.logger ?? { info: () => {}, warn: console.warn }
  if (dialectOf(path) !== type) {
    throw new MigrateError('CONFIG', `the type is ${type} and the path is not`, {
      hint: 'give a path with sqlite, and a URL postgres://… with postgres',
    })
  }
  const change = { ...options, logger, allowNewer: !refuseNewer }
  // Before the application's own connection: what cannot be migrated is not even made. Only memory has one place.
  const first = isMemory(path) ? undefined : await up({ ...change, database: path })
  const connected = await connectForApplication(path)
  try {
    const { applied } = first ?? (await up({ ...change, database: connected.native }))
    return { ...connected, migrated: applied.map(({ id }) => id) }
  } catch (error) {
    await connected.close()
    throw error
  }
}
