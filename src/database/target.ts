import type { DatabaseSync } from 'node:sqlite'
import type { ClientBase, Pool } from 'pg'
import { MigrateError } from '../core/errors.ts'
import type { Dialect } from '../core/migrations.ts'

/** What an application's code talks to: the driver's own handle. */
export type Native = DatabaseSync | Pool | ClientBase

/** A database by its URL or path, or the caller's own open handle. */
export type Target = string | Native

/**
 * Tells the kind of a database from its URL, path or handle: `sqlite:./data/app.db`, `sqlite::memory:`, a bare path,
 * `postgres://…`, a `DatabaseSync`, a `pg.Pool` or `pg.Client`.
 *
 * @throws CONFIG
 */
export function dialectOf(target: Target): Dialect {
  if (typeof target === 'object' && target !== null) {
    if ('prepare' in target) return 'sqlite'
    if ('query' in target) return 'postgres'
  }
  if (typeof target !== 'string') {
    throw new MigrateError('CONFIG', 'the database is neither a URL, nor a path, nor an open handle')
  }
  if (/^postgres(ql)?:\/\//.test(target)) return 'postgres'
  const scheme = /^([a-z][a-z0-9+]+):/i.exec(target)?.[1]
  if (scheme === undefined || scheme === 'sqlite') return 'sqlite'
  throw new MigrateError('CONFIG', `${scheme}: is no database that this tool knows`, {
    hint: 'write sqlite:./data/app.db or postgres://user@host/name',
  })
}

/**
 * The path in a SQLite URL: `sqlite:./data/app.db`, `sqlite:///data/app.db`, or a bare path.
 *
 * @throws CONFIG
 */
export function sqlitePath(url: string): string {
  const path = url.replace(/^sqlite:(\/\/)?/, '')
  if (path === '' || path.endsWith('/') || (path !== url && path.includes('?'))) {
    throw new MigrateError('CONFIG', `"${url}" names no SQLite file`, {
      hint: 'write sqlite:./data/app.db, without parameters',
    })
  }
  return path
}

/** Whether the database lives in memory, with its one connection. */
export function isMemory(target: Target): boolean {
  return typeof target === 'string' && dialectOf(target) === 'sqlite' && sqlitePath(target) === ':memory:'
}

/** Whether the handle is a pool of connections rather than one. */
export function isPool(handle: Pool | ClientBase): handle is Pool {
  return 'totalCount' in handle
}
