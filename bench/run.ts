// Measures us, the peers and the floor: `node run.ts [SECTION …]`; all sections together write RESULTS.md.
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
]

const HEAD = `# Benchmark

Written by \`npm run bench\`, which measures all of it; \`npm start --prefix bench -- 1 3\` prints sections 1 and 3 only.
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
  const report: string[] = []
  const tell = (text: string) => {
    report.push(text)
    console.log(text)
  }
  tell(HEAD)
  tell(await machine(server))
  for (const [i, section] of SECTIONS.entries()) {
    if (!chosen.includes(i + 1)) continue
    tell(`## ${i + 1} ${section.title}\n`)
    for (const table of await section.measure(server)) tell(markdown(table))
  }
  if (chosen.length === SECTIONS.length) {
    writeFileSync(join(import.meta.dirname, 'RESULTS.md'), `${report.join('\n').trimEnd()}\n`)
  }
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
