import { DatabaseSync } from 'node:sqlite'
import { isDeepStrictEqual } from 'node:util'
import type { Server } from '../../test/servers.ts'
import { query, withPostgres, withSqlite, writeFile } from '../files.ts'
import { type Command, ours, run, type Table } from '../measure.ts'
import { dropIndexes, MIGRATIONS, TABLES, type TableName } from './data.ts'
import { type Took, watched } from './processes.ts'
import { attempt, missing, type Results, rates, tookOf } from './results.ts'
import { BY_SIZE, type Expected, makeBare } from './target.ts'
import { FULL, INSERTS, LANES, NONE, psql, quoted, transfer, UTC, type Way } from './ways.ts'

const PEER = '`\\copy` to `sqlite3 .import`'

const NOTES = [
  'The peer finds the tables made, without indexes. It writes without a journal and unsynced, turns a text that stands for NULL back into it, makes the indexes and looks for orphans. Each once.',
]

/** What stands for NULL, for which `.import` has no word. */
const MARKER = '\\N'

/** The same data from PostgreSQL to SQLite. */
export async function back(server: Server, ways: readonly Way[], expected: Expected): Promise<Table> {
  const results: Results = new Map()
  const work = async (url: string) => {
    await fill(url, ways)
    await expected.check(url)
    for (const [name, verify] of [
      [NONE, 'none'],
      [FULL, 'full'],
    ] as const) {
      await attempt(results, { name, programs: [] }, () =>
        toFile(expected, (file) => transfer(url, `sqlite:${file}`, verify)),
      )
    }
    const columns = await columnsOf(url)
    await attempt(results, { name: PEER, programs: ['sqlite3', 'psql'] }, () =>
      toFile(expected, (file) => importing(url, file, columns)),
    )
  }
  await withPostgres(server, work, UTC)
  const other = { name: PEER, ms: tookOf(results, PEER).map(({ ms }) => ms) }
  return rates('from PostgreSQL to SQLite', NOTES, results, expected, other)
}

/** By the fastest of the peers that are there. */
async function fill(url: string, ways: readonly Way[]): Promise<void> {
  const able = ways.filter(({ programs }) => missing(programs).length === 0)
  const way = able.find(({ name }) => name === LANES) ?? able.find(({ name }) => name === INSERTS)
  const rules = await makeBare(url)
  await watched(async (start) => way?.work(url, start, rules))
}

/** Runs the command that fills a new file, and compares. */
function toFile(expected: Expected, command: (file: string) => Command): Promise<Took> {
  return withSqlite(async (url) => {
    const prepared = command(url.slice('sqlite:'.length))
    const took = await watched((start) => start(prepared))
    await expected.check(url)
    const wanted = await withSqlite((other) => {
      run(ours(other, MIGRATIONS))
      return schemaOf(other)
    })
    if (!isDeepStrictEqual(await schemaOf(url), wanted)) throw new Error('not the schema of the migrations')
    return took
  })
}

function schemaOf(url: string): Promise<Record<string, unknown>[]> {
  const names = TABLES.map((name) => `'${name}'`).join(', ')
  return query(url, `SELECT name, sql FROM sqlite_schema WHERE tbl_name IN (${names}) ORDER BY name`)
}

interface Column {
  readonly on: TableName
  readonly name: string
  readonly type: string
  readonly nullable: boolean
}

async function columnsOf(url: string): Promise<Column[]> {
  const rows = await query(
    url,
    `SELECT attrelid::regclass::text AS on, attname AS name, atttypid::regtype::text AS type,
        NOT attnotnull AS nullable
      FROM pg_attribute WHERE attnum > 0 AND attrelid IN (${TABLES.map((name) => `'${name}'::regclass`).join(', ')})
      ORDER BY attrelid, attnum`,
  )
  return rows as unknown as Column[]
}

/** Makes the tables without indexes, and gives the command of PostgreSQL's and SQLite's own programs. */
function importing(url: string, file: string, columns: readonly Column[]): Command {
  run(ours(`sqlite:${file}`, MIGRATIONS))
  const database = new DatabaseSync(file)
  const indexes = dropIndexes(database)
  database.close()
  const imports = BY_SIZE.map((table) => {
    const its = columns.filter(({ on }) => on === table)
    const select = `SELECT ${its.map(written).join(', ')} FROM ${table}`
    const copy = psql(url, `\\copy (${select}) TO STDOUT (FORMAT csv, NULL '${MARKER}')`)
    return `.import --csv '|sh ${writeFile('copy.sh', quoted(copy))}' ${table}`
  })
  const nulls = BY_SIZE.flatMap((table) => {
    const names = columns.filter(({ on, nullable }) => on === table && nullable).map(({ name }) => name)
    if (names.length === 0) return []
    const set = names.map((name) => `${name} = nullif(${name}, '${MARKER}')`).join(', ')
    return [`UPDATE ${table} SET ${set} WHERE '${MARKER}' IN (${names.join(', ')})`]
  })
  const fast = 'PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA cache_size = -262144'
  return ['sqlite3', file, fast, ...imports, ...nulls, ...indexes, 'PRAGMA foreign_key_check']
}

/** A value as SQLite's columns have it. */
function written({ name, type }: Column): string {
  if (type === 'timestamp with time zone') return `${name} AT TIME ZONE 'UTC'`
  return type === 'boolean' ? `${name}::int` : name
}
