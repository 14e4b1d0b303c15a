import { verify } from '../src/commands/verify.ts'
const more = Array.from({ length: 100 }, (_, i) => i + 2).flatMap((n) => [
  { name: `${n}_t.sql`, sql: n % 2 ? `ALTER TABLE t${n - 1} ADD COLUMN more TEXT` : `CREATE TABLE t${n} (id INTEGER PRIMARY KEY, a TEXT, b REAL)`},
  { name: `${n}_t.down.sql`, sql: n % 2 ? `ALTER TABLE t${n - 1} DROP COLUMN more` : `DROP TABLE t${n}` }])
const t = performance.now()
const r = await verify({ migrations: more, dialect: process.argv[2] as 'sqlite' })
console.log(r.ok, performance.now() - t)
