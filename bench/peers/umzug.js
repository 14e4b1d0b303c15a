import { readFile } from 'node:fs/promises'
import { Umzug } from 'umzug'

const [url, folder] = process.argv.slice(2)
const PLACE = url.startsWith('sqlite:') ? '?' : '$1'

async function connect() {
  if (url.startsWith('sqlite:')) {
    const { DatabaseSync } = await import('node:sqlite')
    const db = new DatabaseSync(url.slice('sqlite:'.length))
    return {
      exec: async (sql) => db.exec(sql),
      query: async (sql, values = []) => db.prepare(sql).all(...values),
      close: () => db.close(),
    }
  }
  const { default: pg } = await import('pg')
  const db = new pg.Client(url)
  await db.connect()
  return {
    exec: (sql) => db.query(sql),
    query: async (sql, values) => (await db.query(sql, values)).rows,
    close: () => db.end(),
  }
}

const db = await connect()
await db.exec('CREATE TABLE IF NOT EXISTS migrations (name TEXT PRIMARY KEY)')
const umzug = new Umzug({
  migrations: {
    glob: ['*.sql', { cwd: folder }],
    resolve: ({ name, path }) => ({ name, up: async () => db.exec(await readFile(path, 'utf8')) }),
  },
  storage: {
    executed: async () => (await db.query('SELECT name FROM migrations')).map(({ name }) => name),
    logMigration: ({ name }) => db.query(`INSERT INTO migrations VALUES (${PLACE})`, [name]),
    unlogMigration: ({ name }) => db.query(`DELETE FROM migrations WHERE name = ${PLACE}`, [name]),
  },
  logger: console,
})
await umzug.up()
await db.close()
