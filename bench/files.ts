import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { onServer, type Server } from '../test/servers.ts'
import type { Migration, Tool } from './peers.ts'

/** On the disk of the repository, since a folder for temporary files may be in memory. */
export const DATA = join(import.meta.dirname, 'data')

/** Does `work` with an empty folder for the data of this run. */
export async function withData<T>(work: () => Promise<T>): Promise<T> {
  rmSync(DATA, { recursive: true, force: true })
  mkdirSync(DATA)
  try {
    return await work()
  } finally {
    rmSync(DATA, { recursive: true, force: true })
  }
}

/** Migrations that make a table each. */
export function tables(count: number): Migration[] {
  return Array.from({ length: count }, (_, i) => ({
    index: i + 1,
    name: `create_table_${i + 1}`,
    up: `CREATE TABLE table_${i + 1} (id INTEGER PRIMARY KEY, name TEXT NOT NULL, created_at TEXT);\n`,
    down: `DROP TABLE table_${i + 1};\n`,
  }))
}

/** Migrations of so many characters, which leave nothing behind. */
export function texts(count: number, size: number): Migration[] {
  const up = `SELECT '${'x'.repeat(size - "SELECT '';\n".length)}';\n`
  return Array.from({ length: count }, (_, i) => ({ index: i + 1, name: 'text', up, down: 'SELECT 1;\n' }))
}

/** Writes migrations in a tool's own manner and gives the folder. */
export function write(tool: Tool, migrations: readonly Migration[]): string {
  const folder = mkdtempSync(join(DATA, `${tool.name}-`))
  for (const migration of migrations) {
    for (const [name, text] of Object.entries(tool.files(migration))) writeFileSync(join(folder, name), text)
  }
  if (tool.name === 'drizzle-orm') writeJournal(folder, tool, migrations)
  return folder
}

/** drizzle-orm reads the files that a list names. */
function writeJournal(folder: string, tool: Tool, migrations: readonly Migration[]): void {
  const entries = migrations.map((migration) => ({
    idx: migration.index - 1,
    version: '7',
    when: migration.index,
    tag: Object.keys(tool.files(migration))[0]?.replace(/\.sql$/, ''),
    breakpoints: true,
  }))
  mkdirSync(join(folder, 'meta'))
  writeFileSync(join(folder, 'meta/_journal.json'), JSON.stringify({ version: '7', entries }))
}

/** A file with one text in it, in a folder of its own. */
export function writeFile(name: string, text: string): string {
  const path = join(mkdtempSync(join(DATA, 'file-')), name)
  writeFileSync(path, text)
  return path
}

/** Does `work` with the URL of a file that is not there yet. */
export async function withSqlite<T>(work: (url: string) => T | Promise<T>): Promise<T> {
  const folder = mkdtempSync(join(DATA, 'sqlite-'))
  try {
    return await work(`sqlite:${folder}/app.db`)
  } finally {
    rmSync(folder, { recursive: true })
  }
}

/** Makes an empty database in WAL mode, which stays in the file. */
export async function makeWal(url: string): Promise<void> {
  await query(url, 'PRAGMA journal_mode = WAL')
}

let made = 0

/** Does `work` with the URL of an empty database, with nothing left to write to the disk. */
export async function withPostgres<T>(
  server: Server,
  work: (url: string) => T | Promise<T>,
  setting?: string,
): Promise<T> {
  const name = `bench_${++made}`
  const main = `${server.url}/postgres`
  await query(main, `CREATE DATABASE ${name}`)
  if (setting !== undefined) await query(main, `ALTER DATABASE ${name} SET ${setting}`)
  await query(main, 'CHECKPOINT')
  try {
    return await work(`${server.url}/${name}`)
  } finally {
    await query(main, `DROP DATABASE ${name} WITH (FORCE)`)
  }
}

/** The rows of one statement. */
export async function query(url: string, sql: string): Promise<Record<string, unknown>[]> {
  if (url.startsWith('sqlite:')) {
    const database = new DatabaseSync(url.slice('sqlite:'.length))
    try {
      return database.prepare(sql).all()
    } finally {
      database.close()
    }
  }
  return onServer(url, sql)
}
