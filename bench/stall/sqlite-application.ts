// Short writes by primary key on SQLite: node sqlite-application.ts URL
import { DatabaseSync } from 'node:sqlite'
import { apply } from './application.ts'
import { ON_SQLITE, ROWS } from './scale.ts'

const { rate, timeout } = ON_SQLITE
const [url = ''] = process.argv.slice(2)
const database = new DatabaseSync(url.slice('sqlite:'.length), { timeout })
const write = database.prepare('UPDATE accounts SET balance = balance + 1 WHERE id = ?')
await apply(rate, [() => write.run(1 + Math.floor(Math.random() * ROWS))])
database.close()
