// Measures us, the peers and the floor, and writes RESULTS.md: `node run.ts [SECTION …]`.
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { cpus, release, totalmem, type } from 'node:os'
import { join } from 'node:path'
import { type Server, withServer } from '../test/servers.ts'
import { backup } from './backup.ts'
import { query, withData } from './files.ts'
import { lint } from './lint.ts'
import { markdown, type Table } from './measure.ts'
import { memory } from './memory.ts'
import { PEERS } from './peers.ts'
import { postgres } from './postgres.ts'
import { safety } from './safety.ts'
import { schema } from './schema.ts'
import { sqlite } from './sqlite.ts'
import { stall } from './stall/stall.ts'
import { start } from './start.ts'
import { transfer } from './transfer/transfer.ts'

const SECTIONS: readonly { title: string; measure(server: Server): Promise<Table[]> }[] = [
  { title: 'Start', measure: start },
  { title: 'SQLite', measure: sqlite },
  { title: 'PostgreSQL', measure: postgres },
  { title: 'Memory', measure: memory },
  { title: 'Backup', measure: backup },
  { title: 'Safety', measure: safety },
  { title: 'Schema', measure: schema },
  { title: 'Stall', measure: stall },
  { title: 'Lint', measure: lint },
  { title: 'Transfer', measure: transfer },
]

const HEAD = `# Benchmark

Written by \`npm run bench\`, which measures all of it; \`npm start --prefix bench -- 1 3\` measures sections 1 and 3 again and leaves the others. Each section is one run.
Ratios are taken within each round and their median is shown. \`ours ÷ it\` below 1: ours takes less.
`

async function machine(server: Server): Promise<string> {
  const [row] = await query(`${server.url}/postgres`, `SELECT current_setting('server_version') AS version`)
  const rows = [
    ['processor', `${cpus()[0]?.model}, ${cpus().length} cores`],
    ['memory', `${Math.round(totalmem() / 2 ** 30)} GiB`],
    ['system', `${type()} ${release()}`],
    ['Node', process.versions.node],
    ['SQLite', process.versions.sqlite ?? ''],
    ['PostgreSQL', String(row?.version)],
    ['peers', PEERS.map(({ name }) => `${name} ${versionOf(name)}`).join(', ')],
  ]
  return ['| machine | |', '| --- | --- |', ...rows.map((cells) => `| ${cells.join(' | ')} |`), ''].join('\n')
}

function versionOf(name: string): string {
  const file = join(import.meta.dirname, 'node_modules', name, 'package.json')
  return (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version
}

async function measure(server: Server, chosen: readonly number[]): Promise<void> {
  const file = join(import.meta.dirname, 'RESULTS.md')
  const earlier = existsSync(file) ? readFileSync(file, 'utf8').split(/^(?=## )/m) : []
  const report = [`${HEAD}\n${await machine(server)}\n`]
  console.log(report[0])
  for (const [i, { title, measure }] of SECTIONS.entries()) {
    const head = `## ${i + 1} ${title}\n`
    if (!chosen.includes(i + 1)) {
      report.push(...earlier.filter((part) => part.startsWith(head)))
      continue
    }
    console.log(head)
    const tables = (await measure(server)).map(markdown)
    for (const table of tables) console.log(table)
    report.push(`${[head, ...tables].join('\n').trimEnd()}\n\n`)
  }
  writeFileSync(file, `${report.join('').trimEnd()}\n`)
}

if (!existsSync(join(import.meta.dirname, '../dist'))) throw new Error('build first: npm ci')
const words = process.argv.slice(2).map(Number)
const unknown = words.find((word) => SECTIONS[word - 1] === undefined)
if (unknown !== undefined) throw new Error(`the sections are 1 to ${SECTIONS.length}`)
const chosen = words.length > 0 ? [...new Set(words)] : [...SECTIONS.keys()].map((i) => i + 1)
// This process reads no log while it waits for those that it measures, and a server that fills its pipe would stop.
// (`log` leaves out errors of statements, and not that it is ready, for which its start is waited.)
const QUIET = ['-c', 'log_min_messages=log', '-c', 'log_checkpoints=off']
await withData(() => withServer(18, QUIET, (server) => measure(server, chosen)))
