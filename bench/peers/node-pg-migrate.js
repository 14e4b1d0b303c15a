import { runner } from 'node-pg-migrate'

const [databaseUrl, dir] = process.argv.slice(2)

await runner({
  databaseUrl,
  dir,
  direction: 'up',
  migrationsTable: 'pgmigrations',
  singleTransaction: false,
})
