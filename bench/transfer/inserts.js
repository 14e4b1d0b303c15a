// The script that a developer writes: node inserts.js FILE URL TABLE=column,column …
import { DatabaseSync } from 'node:sqlite'
import pg from 'pg'

const [file, url, ...tables] = process.argv.slice(2)
const ROWS = 1000

const source = new DatabaseSync(file, { readOnly: true })
const target = new pg.Client(url)
await target.connect()
for (const [table, list] of tables.map((word) => word.split('='))) {
  const columns = list.split(',')
  await target.query('BEGIN')
  let values = []
  for (const row of source.prepare(`SELECT ${list} FROM ${table}`).iterate()) {
    for (const column of columns) values.push(row[column])
    if (values.length === ROWS * columns.length) {
      await target.query(insert(table, columns, ROWS), values)
      values = []
    }
  }
  if (values.length > 0) await target.query(insert(table, columns, values.length / columns.length), values)
  await target.query('COMMIT')
}
await target.end()

function insert(table, columns, rows) {
  const row = (_, i) => `(${columns.map((_, j) => `$${i * columns.length + j + 1}`).join(', ')})`
  return `INSERT INTO ${table} (${columns.join(', ')}) VALUES ${Array.from({ length: rows }, row).join(', ')}`
}
