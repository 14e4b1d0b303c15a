// The least that applies a folder of migrations durably: node bare-loop.js URL FOLDER
import { hash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { pathToFileURL } from 'node:url'

const quote = (text) => `'${text.replaceAll("'", "''")}'`

export function bareLoop(url, folder) {
  const migrations = readdirSync(folder)
    .filter((name) => name.endsWith('.up.sql'))
    .sort()
    .map((name) => {
      const up = readFileSync(`${folder}/${name}`, 'utf8')
      const down = readFileSync(`${folder}/${name.replace('.up.', '.down.')}`, 'utf8')
      return { id: name.slice(0, -'.up.sql'.length), up, down, checksum: `sha256:${hash('sha256', up)}` }
    })
  const db = new DatabaseSync(url.slice('sqlite:'.length), { timeout: 5000 })
  db.exec('PRAGMA synchronous = FULL; PRAGMA journal_mode = WAL')
  db.exec(
    `CREATE TABLE schema_migrations (id INTEGER PRIMARY KEY AUTOINCREMENT, version TEXT NOT NULL UNIQUE,
     applied_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%d %H:%M:%f', 'now')), checksum TEXT, down_script TEXT)`,
  )
  for (const { id, up, down, checksum } of migrations) {
    db.exec('BEGIN IMMEDIATE')
    db.exec(up)
    db.exec(
      `INSERT INTO schema_migrations (version, checksum, down_script)
       VALUES (${quote(id)}, ${quote(checksum)}, ${quote(down)})`,
    )
    db.exec('COMMIT')
  }
  db.close()
}

const [, main, url, folder] = process.argv
if (import.meta.url === pathToFileURL(main).href) bareLoop(url, folder)
