import { MigrateError } from '../core/errors.ts'
import type { Dialect } from '../core/migrations.ts'
import { list } from '../core/text.ts'
import { withDatabase } from '../database/database.ts'
import { TABLE } from '../database/history.ts'
import { dropStashes, publicStash, readStashes, type Stash } from '../database/stash.ts'
import { checkWaiting, lockOptions, patienceOf } from './lock.ts'
import { type ChangeOptions, DEFAULT_DATABASE, type Options, type WaitOptions } from './options.ts'

export interface StashListResult {
  readonly dialect: Dialect
  /** The database, without user and password. */
  readonly database: string
  readonly stashes: readonly Stash[]
}

/**
 * Tells what rollbacks have kept that `up` has not put back. Changes nothing.
 *
 * @throws the codes of the connection: CONFIG, CONNECTION, AUTHENTICATION, PERMISSION, NOT_A_DATABASE, BUSY
 */
export async function stashList(options: Pick<Options, 'database'> = {}): Promise<StashListResult> {
  return withDatabase(options.database ?? DEFAULT_DATABASE, {}, async (database) => {
    const stashes = (await readStashes(database)).map(publicStash)
    return { dialect: database.dialect, database: database.name, stashes }
  })
}

export interface StashDropOptions
  extends Pick<ChangeOptions, 'database' | 'lockTimeout' | 'signal' | 'logger' | 'onProgress'>,
    WaitOptions {
  /** Which one. */
  readonly number?: number
  /** Every one. */
  readonly all?: boolean
}

export interface StashDropResult {
  readonly dialect: Dialect
  /** The database, without user and password. */
  readonly database: string
  /** What is gone for good. */
  readonly dropped: readonly Stash[]
}

/**
 * Drops what a rollback has kept, for good.
 *
 * @throws USAGE, UNKNOWN_ID, LOCK_TIMEOUT, LOCK_LOST, BLOCKED, ABORTED; the codes of the connection: CONFIG, CONNECTION,
 *   AUTHENTICATION, PERMISSION, READ_ONLY, NOT_A_DATABASE, BUSY
 */
export async function stashDrop(options: StashDropOptions): Promise<StashDropResult> {
  const { database: target = DEFAULT_DATABASE, number, all = false } = options
  if ((number === undefined) === !all) {
    throw new MigrateError('USAGE', 'say which stash, by its number, or all of them', {
      hint: '"stash list" lists them',
    })
  }
  checkWaiting(options)
  return withDatabase(target, { patience: patienceOf(options) }, async (database) => {
    const result = { dialect: database.dialect, database: database.name }
    if (all && (await readStashes(database)).length === 0) return { ...result, dropped: [] }
    const key = await database.qualify(TABLE)
    return database.lock(key, lockOptions(options, database), async () => {
      const known = await readStashes(database)
      const dropped = known.filter((stash) => all || stash.number === number)
      if (dropped.length === 0 && !all) {
        const numbers = known.map((stash) => String(stash.number))
        throw new MigrateError('UNKNOWN_ID', `there is no stash ${number}`, {
          hint: numbers.length === 0 ? 'the stash is empty' : `there is ${list(numbers)}`,
        })
      }
      await database.transaction((run) => dropStashes(database, run, dropped))
      return { ...result, dropped: dropped.map(publicStash) }
    })
  })
}
