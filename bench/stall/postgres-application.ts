// Short reads and writes by primary key on PostgreSQL: node postgres-application.ts URL
import pg from 'pg'
import { apply } from './application.ts'
import { ON_POSTGRES, ROWS } from './scale.ts'

const READ = { name: 'read', text: 'SELECT owner, balance, updated_at FROM accounts WHERE id = $1' }
const WRITE = {
  name: 'write',
  text: 'UPDATE accounts SET balance = balance + 1, updated_at = now() WHERE id = $1',
}

/** Every fourth request writes. */
const EVERY = 4

const { connections, rate } = ON_POSTGRES
const clients = Array.from({ length: connections }, () => new pg.Client(process.argv[2]))
for (const client of clients) {
  // A connection that is lost fails its next request, which counts.
  client.on('error', () => {})
  await client.connect()
}
let count = 0
const request = (client: pg.Client) => () => {
  const id = 1 + Math.floor(Math.random() * ROWS)
  return client.query({ ...(count++ % EVERY === 0 ? WRITE : READ), values: [id] })
}
await apply(rate, clients.map(request))
await Promise.all(clients.map((client) => client.end()))
