import { promises as fs } from 'node:fs'
import path from 'node:path'
import { Kysely, PostgresDialect, SqliteDialect } from 'kysely'
import { FileMigrationProvider, Migrator } from 'kysely/migration'

const [url, migrationFolder] = process.argv.slice(2)

async function dialect() {
  if (url.startsWith('sqlite:')) {
    const { Database } = await import('./node-sqlite.js')
    return new SqliteDialect({ database: new Database(url.slice('sqlite:'.length)) })
  }
  const { default: pg } = await import('pg')
  return new PostgresDialect({ pool: new pg.Pool({ connectionString: url }) })
}

const db = new Kysely({ dialect: await dialect() })
const provider = new FileMigrationProvider({ fs, path, migrationFolder })
const { error } = await new Migrator({ db, provider }).migrateToLatest()
await db.destroy()
if (error) throw error
