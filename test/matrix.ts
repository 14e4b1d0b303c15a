import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import type { Dialect } from '../src/index.ts'
import { onServer, type Server } from './servers.ts'

/** An empty database to test on. */
export interface Scratch {
  readonly url: string
  /** The rows of a query, over a connection of the test's own. */
  query(sql: string): Promise<Record<string, unknown>[]>
  /** Names of the tables, without the history's. */
  tables(): Promise<string[]>
}

/** A kind of database to run a test on. */
export interface Kind {
  readonly label: string
  readonly dialect: Dialect
  /** Makes an empty database, does `work` and removes it. */
  scratch<T>(work: (database: Scratch) => Promise<T>): Promise<T>
}

const SQLITE: Kind = {
  label: 'sqlite',
  dialect: 'sqlite',
  scratch: (work) =>
    withFolder(async (folder) => {
      const path = join(folder, 'app.db')
      const query = async (sql: string) => {
        const database = new DatabaseSync(path, { timeout: 10_000 })
        try {
          return database.prepare(sql).all()
        } finally {
          database.close()
        }
      }
      return work({
        url: `sqlite:${path}`,
        query,
        tables: () =>
          names(query, `SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite%'`),
      })
    }),
}

function postgres(server: Server): Kind {
  return {
    label: server.label,
    dialect: 'postgres',
    scratch: async (work) => {
      const name = `test_${randomBytes(6).toString('hex')}`
      await onServer(`${server.url}/postgres`, `CREATE DATABASE ${name}`)
      const url = `${server.url}/${name}`
      const query = (sql: string) => onServer(url, sql)
      try {
        return await work({
          url,
          query,
          tables: () =>
            names(query, `SELECT tablename AS name FROM pg_tables WHERE schemaname = current_schema()`),
        })
      } finally {
        await onServer(`${server.url}/postgres`, `DROP DATABASE ${name} WITH (FORCE)`)
      }
    },
  }
}

async function names(query: Scratch['query'], sql: string): Promise<string[]> {
  const rows = await query(`${sql} ORDER BY 1`)
  return rows.map(({ name }) => String(name)).filter((name) => !name.startsWith('schema_migrations'))
}

/** Does `work` in a folder that is removed afterwards. */
export async function withFolder<T>(work: (folder: string) => Promise<T>): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), 'nexflow-test-'))
  try {
    return await work(folder)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

const servers = process.env.TEST_SERVERS
if (servers === undefined)
  throw new Error('run the tests with "npm test", which starts the PostgreSQL servers')

/** The PostgreSQL servers that run. */
export const SERVERS: readonly Server[] = JSON.parse(servers)

/** Every kind of database: one loop over it is the matrix. */
export const KINDS: readonly Kind[] = [SQLITE, ...SERVERS.map(postgres)]

/** SQLite and the newest PostgreSQL: for what takes long and is the same on every major. */
export const NEWEST: readonly Kind[] = KINDS.filter((_, i) => i === 0 || i === KINDS.length - 1)

/** Whether this is `npm run long`: on every server, and more often. */
export const LONG = process.env.TEST_LONG !== undefined
