import { hostname } from 'node:os'
import { basename } from 'node:path'
import { MigrateError } from '../core/errors.ts'
import type { Direction } from '../core/migrations.ts'
import type { Spot, Sql } from '../core/sql-error.ts'
import type { Database } from './database.ts'

/** The table beside the history: what is going on, what was interrupted, what is kept. A row each, as JSON. */
export const STATE = 'schema_migrations_state'

export const STATE_TABLE = '(name TEXT PRIMARY KEY NOT NULL, value TEXT NOT NULL)'

/** Whether a table is this tool's own: the history, what is beside it, and the stash. */
export function isOurs(table: string): boolean {
  return table.startsWith('schema_migrations')
}

/** Who holds the lock, and what for. */
export interface Holder {
  readonly host: string
  readonly pid: number
  readonly program: string
  /** When it took the lock: ISO 8601, UTC. */
  readonly since: string
  readonly direction: Direction
  /** The migrations that it is to apply or roll back, in order: the history tells how far it has come. */
  readonly migrations: readonly string[]
}

/** A script that runs outside a transaction and has not come to its end. */
export interface Interrupted {
  readonly id: string
  readonly direction: Direction
  /** Statements that have finished. */
  readonly done: number
  /** The next one was started, and how it ended is not known. */
  readonly started: boolean
  /** Characters of the script up to the end of the last of them, and their checksum. */
  readonly length: number
  readonly checksum: string
  /** Which of them set something for the session only. */
  readonly session: readonly Pick<Spot, 'start' | 'end'>[]
  /** Of a script in batches: how far the last of the statements above has come, which has not finished. */
  readonly batch?: Walked
}

/** How far a statement has come that is run in batches. */
export interface Walked {
  /** The columns along which it goes, and their values in the last row that is done, as SQL literals. */
  readonly by: readonly string[]
  readonly key: readonly string[]
  /** Rows that it has gone over. */
  readonly rows: number
}

/** A transfer into the database that has not ended. */
export interface Transfer {
  /** The source, without user and password. */
  readonly from: string
  /** When it began: ISO 8601, UTC. */
  readonly since: string
  /** The log under which a source that is followed was copied. */
  readonly log?: string
}

/** What the names of a transfer's rows begin with. */
export const TRANSFER = 'transfer'

/** Of what it has set aside, of the tables that it has filled, and of the target's schema before: a row each. */
export const ASIDE = `${TRANSFER} aside `
export const FILLED = `${TRANSFER} table `
export const BEFORE = `${TRANSFER} schema`

/** The row of a source that says where the application was switched over to. */
export const MOVED = 'moved'

/** What keeps a database from being changed, or used. */
export interface Notes {
  readonly interrupted?: Interrupted
  readonly transfer?: Transfer
  /** The application was switched over to another one. */
  readonly moved?: Switched
}

/** In a source: what is written to it is noted, so that it can be followed. */
export interface Log {
  /** Another one has another. */
  readonly log: string
  /** ISO 8601, UTC. */
  readonly since: string
  /** A checksum of the schema that it is of. */
  readonly schema: string
}

/** In a source: the application was switched over, and nothing is written to it any more. */
export interface Switched {
  /** The target's name, without a password. */
  readonly to: string
  /** ISO 8601, UTC. */
  readonly at: string
  /** The log that ended with it. */
  readonly log?: string
}

/** In a target: how far it has followed its source. */
export interface Following {
  readonly log: string
  /** The last row of the log that is done with. */
  readonly seq: number
  /** Foreign keys that are only checked at a commit meanwhile, and as they are to be again. */
  readonly foreignKeys: readonly LooseKey[]
  /** SQL that enables triggers again which are silent meanwhile. */
  readonly triggers: readonly string[]
}

/** A foreign key that does nothing but check at a commit. Names are quoted where they must be. */
export interface LooseKey {
  readonly table: string
  readonly name: string
  /** As it is to be again. */
  readonly definition: string
  readonly comment: string | null
  /** All rows fulfil it, and the server knows. */
  readonly valid: boolean
  /** Of partitioned tables PostgreSQL checks all rows at once. */
  readonly partitioned: boolean
}

const PROGRAM = basename(process.argv[1] ?? process.execPath).replace(/^bin\.[cm]?[jt]s$/, 'nexflow-migrate')

/** This process, and what it is about to do. */
export function holderOf(direction: Direction, migrations: readonly string[]): Holder {
  return {
    host: hostname(),
    pid: process.pid,
    program: PROGRAM,
    since: new Date().toISOString(),
    direction,
    migrations,
  }
}

/** The rows whose names begin so, by the rest of their names. */
export async function readState<T>(database: Database, prefix: string): Promise<Map<string, T>> {
  const like = `${prefix.replaceAll('_', '\\_')}%`
  const rows = await readRows<T>(database, `name LIKE ${database.quote(like)} ESCAPE '\\'`)
  return new Map(rows.map(([name, value]) => [name.slice(prefix.length), value]))
}

async function readRows<T>(database: Database, condition: string): Promise<[string, T][]> {
  const table = await database.qualify(STATE)
  const select = () => database.query(`SELECT name, value FROM ${table} WHERE ${condition} ORDER BY name`)
  // Before the first change there is no table; by the time it is looked for, another process may have made it.
  const rows = await select().catch(async () => ((await database.columns(STATE)).size > 0 ? select() : []))
  // Nobody else writes them.
  return rows.map(({ name, value }) => [String(name), JSON.parse(String(value)) as T])
}

/** The rows that keep a database from being changed, or used. */
export async function readNotes(database: Database): Promise<Notes> {
  const names = ['interrupted', TRANSFER, MOVED].map(database.quote)
  return Object.fromEntries(await readRows(database, `name IN (${names.join(', ')})`))
}

/** How to say that a database must not be used: rows of it are missing. */
export function isIncomplete(database: Database, { from, since }: Transfer): MigrateError {
  return new MigrateError(
    'INCOMPLETE',
    `${database.name} is the target of a transfer from ${from} that began at ${since} and has not ended`,
    { hint: 'end it with "nexflow-migrate transfer --resume", or begin again with --replace' },
  )
}

/**
 * Refuses a database of which rows are missing, or that the application has left.
 *
 * @throws INCOMPLETE, MOVED
 */
export function refuseUnused(database: Database, { transfer, moved }: Notes): void {
  if (transfer !== undefined) throw isIncomplete(database, transfer)
  if (moved === undefined) return
  throw new MigrateError('MOVED', `${database.name} has moved to ${moved.to}, since ${moved.at}`, {
    hint: 'name that one; "nexflow-migrate transfer --release" lets this one be written to again',
  })
}

/** Gives a function for the SQL that writes a row, or takes it away. */
export async function stateWriter(
  database: Database,
): Promise<(name: string, value: object | undefined) => Sql> {
  const table = await database.qualify(STATE)
  return (name, value) => {
    const key = database.quote(name)
    const text =
      value === undefined
        ? `DELETE FROM ${table} WHERE name = ${key}`
        : `INSERT INTO ${table} (name, value) VALUES (${key}, ${database.quote(JSON.stringify(value))})
           ON CONFLICT (name) DO UPDATE SET value = excluded.value`
    return { file: STATE, text, own: true }
  }
}
