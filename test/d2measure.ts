import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { up } from '../src/index.ts'
import { onServer, withServer } from './servers.ts'
import { scripts } from './tools.ts'

const N = 1_000_000
const held: number[] = []
let since = 0
const exec = DatabaseSync.prototype.exec
DatabaseSync.prototype.exec = function (sql: string) {
  const r = exec.call(this, sql)
  if (sql === 'BEGIN IMMEDIATE') since = performance.now()
  if (sql === 'COMMIT') held.push(performance.now() - since)
  return r
}
const stat = (a: number[]) => {
  const s = a.toSorted((x, y) => x - y)
  const q = (p: number) => s[Math.floor((s.length - 1) * p)]?.toFixed(1)
  return `n ${s.length} p50 ${q(0.5)} p99 ${q(0.99)} max ${q(1)} ms`
}
const first = (d: string) =>
  `CREATE TABLE t (id integer PRIMARY KEY, n integer, s text); CREATE INDEX t_n ON t (n); ${d === 's' ? `WITH RECURSIVE g(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM g WHERE i<${N}) INSERT INTO t SELECT i, 0, 'row of the table ' || i FROM g` : `INSERT INTO t SELECT i, 0, 'row of the table ' || i FROM generate_series(1,${N}) i`}; CREATE TABLE calls (id integer primary key, n integer); INSERT INTO calls VALUES (1,0)`
const SQL = 'UPDATE t SET n = n + 1'
const W = `const { DatabaseSync } = require('node:sqlite'); const db = new DatabaseSync(process.argv[1], { timeout: 5000 }); const a=[]; let stop=false, err=0; process.on('SIGTERM',()=>{stop=true});
const go=()=>{ if(stop){const s=a.sort((x,y)=>x-y);console.log('   writer:', s.length,'writes p50',s[s.length>>1].toFixed(2),'p99',s[Math.floor(s.length*.99)].toFixed(1),'max',s.at(-1).toFixed(1),'errors',err);return} const t=performance.now(); try{db.exec('UPDATE calls SET n=n+1')}catch(e){err++;console.log(e.message)} a.push(performance.now()-t); setTimeout(go, 5)}; go()`
const what = process.argv[2]
if (what !== 'pg')
  for (const mode of ['whole', 'batch', 'batch+writer', 'batch10000', 'whole+writer']) {
    const folder = mkdtempSync('/tmp/d2m-')
    const database = `sqlite:${join(folder, 'a.db')}`
    await up({ database, migrations: scripts({ '1_a': first('s') }) })
    const w = mode.includes('writer')
      ? spawn(process.execPath, ['-e', W, join(folder, 'a.db')], { stdio: 'inherit' })
      : undefined
    if (w) await new Promise((r) => setTimeout(r, 500))
    held.length = 0
    const t = performance.now()
    await up({
      database,
      migrations: scripts({
        '1_a': first('s'),
        '2_b': mode.startsWith('whole')
          ? SQL
          : `-- migrate: batch ${mode === 'batch10000' ? 10000 : 1000}\n${SQL}`,
      }),
    })
    console.log('sqlite', mode, ((performance.now() - t) / 1000).toFixed(1), 's; lock held', stat(held))
    if (w) {
      w.kill('SIGTERM')
      await new Promise((r) => w.once('exit', r))
    }
    rmSync(folder, { recursive: true })
  }
if (what !== 'sqlite')
  await withServer(18, [], async (server) => {
    const url = `${server.url}/postgres`
    for (const mode of ['whole', 'batch', 'batch10000', 'unanalyzed']) {
      await up({ database: url, migrations: scripts({ '1_a': first('p') }) })
      if (mode !== 'unanalyzed') await onServer(url, 'VACUUM ANALYZE t')
      const t = performance.now()
      const took: number[] = []
      let last = t
      await up({
        database: url,
        onProgress: (e) => {
          if (e.type === 'batch') {
            took.push(performance.now() - last)
            last = performance.now()
          }
        },
        migrations: scripts({
          '1_a': first('p'),
          '2_b': mode.startsWith('whole')
            ? SQL
            : `-- migrate: batch ${mode === 'batch10000' ? 10000 : 1000}\n${SQL}`,
        }),
      })
      console.log(
        'postgres',
        mode,
        ((performance.now() - t) / 1000).toFixed(1),
        's; between batches',
        took.length ? stat(took) : '',
      )
      await onServer(url, 'DROP TABLE t, calls, schema_migrations, schema_migrations_state')
    }
  })
