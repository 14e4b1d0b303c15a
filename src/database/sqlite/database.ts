import type { DatabaseSync } from 'node:sqlite'
import { MigrateError } from '../../core/errors.ts'
import type { Sql } from '../../core/sql-error.ts'
import { shortest } from '../../core/text.ts'
import type { Database, Row } from '../database.ts'
import { isMemory, sqlitePath } from '../target.ts'
import { connect, ensureWal, setWal } from './connect.ts'
import { dependents } from './dependents.ts'
import { fromSqlite, isSqliteError } from './errors.ts'
import { beginWriting, withFileLock } from './lock.ts'
import { runOutside } from './outside.ts'
import { losses } from './rehearse.ts'
import { runScript } from './script.ts'
import { watchOutside, withWatch } from './session.ts'
import { shapeOf } from './shape.ts'

/** The seam over a `DatabaseSync`. A file that is not there is open in memory, under its own name. */
export async function wrap(native: DatabaseSync, url?: string): Promise<Database> {
  if (!native.isOpen)
    throw new MigrateError('DATABASE', 'the database handle is closed', { hint: 'hand in an open one' })
  const path = native.location()
  const name = shortest(url === undefined ? (path ?? ':memory:') : sqlitePath(url))

  /** Runs `work`, and says a driver's error in our words. */
  function guarded<T>(work: () => T): T {
    try {
      return work()
    } catch (error) {
      if (error instanceof MigrateError) throw error
      throw (
        fromSqlite(error, name) ??
        new MigrateError('DATABASE', `${name}: ${(error as Error).message}`, { cause: error })
      )
    }
  }

  /** A deferred constraint may fail only now. */
  function commit(file: string | undefined): void {
    try {
      native.exec('COMMIT')
    } catch (error) {
      if (!isSqliteError(error)) throw error
      throw (
        fromSqlite(error, name) ??
        new MigrateError('SQL', error.message, { ...(file && { file }), cause: error })
      )
    }
  }

  let checkLock = () => {}

  return {
    dialect: 'sqlite',
    name,
    quote: (text) => `'${text.replaceAll("'", "''")}'`,

    query: async <T = Row>(sql: string) => guarded(() => native.prepare(sql).all() as T[]),

    columns: async (table) => {
      const rows = guarded(() =>
        native.prepare('SELECT name, lower(type) AS type FROM pragma_table_info(?)').all(table),
      )
      return new Map(rows.map((row) => [String(row.name), String(row.type)]))
    },

    qualify: async (table) => `main."${table}"`,

    transaction: async (work, watch) => {
      checkLock()
      const run = async (sql: Sql) => {
        last = sql.own ? last : sql.file
        if (sql.own) guarded(() => native.exec(sql.text))
        else runScript(native, sql, name)
      }
      let last: string | undefined
      return withWatch(native, watch, async (begin, beforeCommit) => {
        guarded(() => beginWriting(native))
        try {
          guarded(begin)
          const result = await work(run)
          guarded(beforeCommit)
          commit(last)
          return result
        } catch (error) {
          // A script's ON CONFLICT ROLLBACK has ended the transaction already.
          if (native.isTransaction) native.exec('ROLLBACK')
          throw error
        }
      })
    },

    statements: async (script, progress) => {
      checkLock()
      await watchOutside(native, script, progress.from, async () =>
        runOutside(native, script, progress, name),
      )
    },

    batches: async (script, work) => {
      checkLock()
      const { readBatches } = await import('./batch.ts')
      const statements = readBatches(native, script, name)
      return work(statements)
    },

    dependents,

    losses: async (scripts) => losses(native, scripts),

    read: async (script) => {
      const { read } = await import('./read.ts')
      return read(native, script, name)
    },

    measure: async (script) => {
      const { measure } = await import('./measure.ts')
      return measure(native, script, name)
    },

    // A transaction that writes is the only one.
    freeze: async () => {},

    shape: async (_schema, table) => guarded(() => shapeOf(native, table)),

    outlook: async () => {
      const { outlook } = await import('./outlook.ts')
      return outlook(native)
    },

    end: async () => {
      const { endOf } = await import('./end.ts')
      return endOf(native, name)
    },

    introspect: async () => {
      const { introspect } = await import('./introspect.ts')
      return guarded(() => introspect(native))
    },

    lock: (_key, options, work) => {
      if (path === null) return work()
      return withFileLock(path, options, async (check) => {
        checkLock = check
        // The caller's own handle is taken as it is.
        if (url !== undefined) setWal(native)
        return work()
      })
    },

    isEmpty: async () => {
      const made = `SELECT 1 FROM sqlite_schema WHERE name NOT LIKE 'sqlite\\_%' ESCAPE '\\'`
      return guarded(() => native.prepare(made).get() === undefined)
    },

    backup: async (to, options) => {
      const { backup } = await import('./backup.ts')
      return backup(native, name, to, options)
    },

    verifyBackup: async (from, options) => {
      const { verifyBackup } = await import('./backup.ts')
      return verifyBackup(from, options)
    },

    restore: async (from, options) => {
      const { restore } = await import('./backup.ts')
      const missing = path === null && url !== undefined && !isMemory(url)
      return restore(native, missing ? sqlitePath(url) : undefined, name, from, options)
    },

    close: async () => {},
  }
}

export { connect, ensureWal }

export async function disconnect(native: DatabaseSync): Promise<void> {
  native.close()
}
