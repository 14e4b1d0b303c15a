import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Server } from '../test/servers.ts'
import { DATA, withSqlite } from './files.ts'
import { BIN, median, ours, run, type Table, verdict } from './measure.ts'

const MIGRATIONS = 500
const TABLES = 200
const ROUNDS = 3

/** Migrations that `verify` tries out: each means that every row of every table is read four times. */
const VERIFIED = 20

/** Seconds that `parity` may take. */
const BOUND = 10

/** What the schema model gives, on a long history: whole processes, from their start to their end. */
export async function schema(server: Server): Promise<Table[]> {
  const folder = history()
  const last = Array.from({ length: VERIFIED }, (_, i) => String(MIGRATIONS - i).padStart(6, '0'))
  const shadow = ['--shadow', `${server.url}/postgres`]
  return withSqlite((url) => {
    run(ours(url, folder))
    const ways: readonly [name: string, words: readonly string[], bound?: number][] = [
      ['`parity`, with an embedded PostgreSQL that it starts itself', ['parity'], BOUND],
      ['`parity --shadow URL`', ['parity', ...shadow], BOUND],
      ['`parity --each --shadow URL`', ['parity', '--each', ...shadow]],
      [`\`verify --shadow URL\` of the last ${VERIFIED}`, ['verify', ...last, ...shadow]],
      ['`drift` of the SQLite database', ['drift', ...shadow]],
      ['`schema --format svg`', ['schema', '--format', 'svg']],
      ['`types --shadow URL`', ['types', ...shadow]],
    ]
    const rows = ways.map(([name, words, bound]) => {
      const command = [process.execPath, BIN, ...words, '--database', url, '--dir', folder]
      const seconds = Array.from({ length: ROUNDS }, () => run(command).ms / 1000)
      const middle = median(seconds)
      const range = `${Math.min(...seconds).toFixed(1)} – ${Math.max(...seconds).toFixed(1)}`
      return [name, `${middle.toFixed(1)} s`, range, ...verdict(middle, bound)]
    })
    const title = `${MIGRATIONS} migrations that make ${TABLES} tables, for both databases`
    const notes = [`Whole processes, measured from outside; median of ${ROUNDS} runs.`]
    return [{ title, notes, heads: ['', 'median', 'from – to', 'bound, s', 'met'], rows }]
  })
}

/** Tables that refer to each other; then columns and indexes are added to them. */
function history(): string {
  const folder = mkdtempSync(join(DATA, 'schema-'))
  mkdirSync(folder, { recursive: true })
  for (let i = 0; i < MIGRATIONS; i++) {
    const { name, sqlite, postgres, down } = i < TABLES ? table(i) : i % 2 === 0 ? column(i) : index(i)
    const id = `${String(i + 1).padStart(6, '0')}_${name}`
    writeFileSync(join(folder, `${id}.sqlite.up.sql`), sqlite)
    writeFileSync(join(folder, `${id}.postgres.up.sql`), postgres)
    writeFileSync(join(folder, `${id}.down.sql`), down)
  }
  return folder
}

interface Files {
  readonly name: string
  readonly sqlite: string
  readonly postgres: string
  readonly down: string
}

function table(i: number): Files {
  const parent = `REFERENCES table_${Math.floor(i / 2)} (id) ON DELETE CASCADE`
  const sqlite = [
    'id INTEGER PRIMARY KEY AUTOINCREMENT',
    'name TEXT NOT NULL UNIQUE',
    `state TEXT NOT NULL DEFAULT 'new' CHECK (state IN ('new', 'open', 'done'))`,
    'enabled INTEGER NOT NULL DEFAULT 1 CHECK (enabled IN (0, 1))',
    'score REAL',
    'data BLOB',
    'metadata TEXT',
    `created_at TEXT NOT NULL DEFAULT (datetime('now'))`,
  ]
  const postgres = [
    'id BIGSERIAL PRIMARY KEY',
    'name VARCHAR(255) NOT NULL UNIQUE',
    `state TEXT NOT NULL DEFAULT 'new' CHECK (state IN ('new', 'open', 'done'))`,
    'enabled BOOLEAN NOT NULL DEFAULT true',
    'score DOUBLE PRECISION',
    'data BYTEA',
    'metadata JSONB',
    'created_at TIMESTAMPTZ NOT NULL DEFAULT now()',
  ]
  const create = (columns: string[], key: string) =>
    `CREATE TABLE table_${i} (\n    ${[...columns, ...(i > 0 ? [`parent_id ${key} ${parent}`] : [])].join(',\n    ')}\n);\n`
  return {
    name: `create_table_${i}`,
    sqlite: create(sqlite, 'INTEGER'),
    postgres: create(postgres, 'BIGINT'),
    down: `DROP TABLE table_${i};\n`,
  }
}

function column(i: number): Files {
  const [on, name] = [`table_${i % TABLES}`, `note_${i}`]
  const sql = `ALTER TABLE ${on} ADD COLUMN ${name} TEXT;\n`
  return {
    name: `add_${name}`,
    sqlite: sql,
    postgres: sql,
    down: `ALTER TABLE ${on} DROP COLUMN ${name};\n`,
  }
}

function index(i: number): Files {
  const sql = `CREATE INDEX idx_${i} ON table_${i % TABLES} (state, created_at);\n`
  return { name: `add_index_${i}`, sqlite: sql, postgres: sql, down: `DROP INDEX idx_${i};\n` }
}
