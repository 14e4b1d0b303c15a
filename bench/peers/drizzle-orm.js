const [url, migrationsFolder] = process.argv.slice(2)

async function onSqlite() {
  const { DatabaseSync } = await import('node:sqlite')
  const { drizzle } = await import('drizzle-orm/sqlite-proxy')
  const { migrate } = await import('drizzle-orm/sqlite-proxy/migrator')
  const db = new DatabaseSync(url.slice('sqlite:'.length))
  const query = async (sql, values, method) => {
    const statement = db.prepare(sql)
    if (method === 'run') return { rows: [statement.run(...values)] }
    return { rows: statement.all(...values).map((row) => Object.values(row)) }
  }
  const runAll = async (queries) => {
    db.exec('BEGIN')
    for (const sql of queries) db.exec(sql)
    db.exec('COMMIT')
  }
  await migrate(drizzle(query), runAll, { migrationsFolder })
  db.close()
}

async function onPostgres() {
  const { default: pg } = await import('pg')
  const { drizzle } = await import('drizzle-orm/node-postgres')
  const { migrate } = await import('drizzle-orm/node-postgres/migrator')
  const client = new pg.Client(url)
  await client.connect()
  await migrate(drizzle(client), { migrationsFolder })
  await client.end()
}

await (url.startsWith('sqlite:') ? onSqlite() : onPostgres())
