import pg from 'pg'
import { migrate } from 'postgres-migrations'

const [url, folder] = process.argv.slice(2)

const client = new pg.Client(url)
await client.connect()
await migrate({ client }, folder)
await client.end()
