// The least that applies a folder of migrations durably: node bare-loop.js URL FOLDER
import { hash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { pathToFileURL } from 'node:url'

const quote = (text) => `'${text.replaceAll("'", "''")}'`

/** A loop for either database. */
export async function bareLoop(url, folder) {
  const migrations = read(folder)
  if (url.startsWith('sqlite:')) onSqlite(url.slice('sqlite:'.length), migrations)
  else await onPostgres(url, migrations)
}

function read(folder) {
  return readdirSync(folder)
    .filter((name) => name.endsWith('.up.sql'))
    .sort()
    .map((name) => {
      const up = readFileSync(`${folder}/${name}`, 'utf8')
      const down = readFileSync(`${folder}/${name.replace('.up.', '.down.')}`, 'utf8')
      return { id: name.slice(0, -'.up.sql'.length), up, down, checksum: `sha256:${hash('sha256', up)}` }
    })
}

const row = ({ id, down, checksum }) =>
  `INSERT INTO schema_migrations (version, checksum, down_script)
   VALUES (${quote(id)}, ${quote(checksum)}, ${quote(down)})`

function onSqlite(path, migrations) {
  const db = new DatabaseSync(path, { timeout: 5000 })
  db.exec('PRAGMA synchronous = FULL; PRAGMA journal_mode = WAL; PRAGMA foreign_keys = OFF')
  db.exec(
    `CREATE TABLE schema_migrations (id INTEGER PRIMARY KEY AUTOINCREMENT, version TEXT NOT NULL UNIQUE,
     applied_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%d %H:%M:%f', 'now')), checksum TEXT, down_script TEXT)`,
  )
  for (const migration of migrations) {
    db.exec('BEGIN IMMEDIATE')
    db.exec(migration.up)
    db.exec(row(migration))
    db.exec('COMMIT')
  }
  db.close()
}

async function onPostgres(url, migrations) {
  const { default: pg } = await import('pg')
  const client = new pg.Client(url)
  await client.connect()
  await client.query(
    `CREATE TABLE schema_migrations (id BIGSERIAL PRIMARY KEY, version TEXT NOT NULL UNIQUE,
     applied_at TIMESTAMPTZ NOT NULL DEFAULT now(), checksum TEXT, down_script TEXT)`,
  )
  for (const migration of migrations) {
    await client.query(`BEGIN;${migration.up};${row(migration)};COMMIT`)
  }
  await client.end()
}

const [, main, url, folder] = process.argv
if (import.meta.url === pathToFileURL(main).href) await bareLoop(url, folder)
