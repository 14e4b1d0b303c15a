import knex from 'knex'

const [url, directory] = process.argv.slice(2)

async function connection() {
  if (!url.startsWith('sqlite:')) return { client: 'pg', connection: url }
  const { default: BetterSqlite3 } = await import('knex/lib/dialects/better-sqlite3/index.js')
  const { Database } = await import('./node-sqlite.js')
  class NodeSqlite extends BetterSqlite3 {
    _driver() {
      return Database
    }
  }
  return {
    client: NodeSqlite,
    connection: { filename: url.slice('sqlite:'.length) },
    useNullAsDefault: true,
  }
}

const db = knex({ ...(await connection()), migrations: { directory, loadExtensions: ['.cjs'] } })
await db.migrate.latest()
await db.destroy()
