import { spawnSync } from 'node:child_process'
import { hash } from 'node:crypto'
import type { Server } from '../test/servers.ts'
import { tables, withPostgres, write, writeFile } from './files.ts'
import {
  type Command,
  type Runner,
  race,
  run,
  runAside,
  type Table,
  timeTable,
  VERDICT,
  verdict,
} from './measure.ts'
import { label, type Migration, OURS, PEERS, peersOn, type Tool } from './peers.ts'
import { withProxy } from './proxy.ts'

const COUNT = 1000
const ROUNDS = 7

/** The peers are too many to have each of them do as much. */
const PEERS_COUNT = 250
const PEERS_ROUNDS = 5

/** Milliseconds in each direction. */
const DELAY = 10

const HISTORY = `CREATE TABLE schema_migrations (id BIGSERIAL PRIMARY KEY, version TEXT NOT NULL UNIQUE,
  applied_at TIMESTAMPTZ NOT NULL DEFAULT now(), checksum TEXT, down_script TEXT);\n`

/** One-table migrations on PostgreSQL, each committed to the disk. */
export async function postgres(server: Server): Promise<Table[]> {
  return [await besidePsql(server), await besidePeers(server), await roundTrips(server)]
}

async function besidePsql(server: Server): Promise<Table> {
  const title = `${COUNT} one-table migrations on PostgreSQL, beside psql`
  if (spawnSync('psql', ['--version']).error) {
    const notes = ['`psql` is not on this machine: there is nothing to compare with.']
    return { title, notes, heads: ['', ...VERDICT], rows: [['`psql -f`', '≤ 1.15', 'unknown']] }
  }
  const migrations = tables(COUNT)
  const file = writeFile('all.sql', sqlOf(migrations))
  const psql = (url: string) => ['psql', '-Xqv', 'ON_ERROR_STOP=1', '-f', file, url]
  const runners = [onFresh(server, OURS, migrations), { ...fresh(server, '`psql -f`', psql), bound: 1.15 }]
  const notes = [
    '`psql` reads one file with the same statements and history rows, each migration between `BEGIN` and `COMMIT`.',
    rounds(ROUNDS),
  ]
  return timeTable(title, notes, runners, await race(runners, ROUNDS))
}

async function besidePeers(server: Server): Promise<Table> {
  const migrations = tables(PEERS_COUNT)
  const runners = [OURS, ...peersOn('postgres')].map((tool) => onFresh(server, tool, migrations))
  const title = `${PEERS_COUNT} one-table migrations on PostgreSQL, beside the peers`
  return timeTable(title, [rounds(PEERS_ROUNDS)], runners, await race(runners, PEERS_ROUNDS))
}

function rounds(count: number): string {
  return `Whole processes, fresh databases; fsync on and every setting as the server comes. Median of ${count} rounds and of the ratios in each round.`
}

function onFresh(server: Server, tool: Tool, migrations: readonly Migration[]): Runner {
  const folder = write(tool, migrations)
  return fresh(server, label(tool, 'postgres'), (url) => tool.command(url, folder))
}

function fresh(server: Server, name: string, command: (url: string) => Command): Runner {
  return { name, run: () => withPostgres(server, (url) => run(command(url)).ms) }
}

/** What ours does, as one file. */
function sqlOf(migrations: readonly Migration[]): string {
  const steps = migrations.map(({ index, name, up, down }) => {
    const values = [`${String(index).padStart(6, '0')}_${name}`, `sha256:${hash('sha256', up)}`, down]
    const row = values.map((value) => `'${value.replaceAll("'", "''")}'`).join(', ')
    return `BEGIN;\n${up}INSERT INTO public.schema_migrations (version, checksum, down_script) VALUES (${row});\nCOMMIT;\n`
  })
  return HISTORY + steps.join('')
}

/** The slope between few and more migrations, so that connecting and reading the history do not count. */
async function roundTrips(server: Server): Promise<Table> {
  const few = 20
  const more = 40
  const tools = [OURS, ...PEERS.filter(({ name }) => ['dbmate', 'node-pg-migrate'].includes(name))]
  const rows: string[][] = []
  for (const tool of tools) {
    const small = await throughProxy(server, tool, few)
    const large = await throughProxy(server, tool, more)
    const slope = (large.trips - small.trips) / (more - few)
    const ms = (large.ms - small.ms) / (more - few)
    const cells = [tool.name, String(small.trips), String(large.trips), String(slope), ms.toFixed(1)]
    rows.push([...cells, ...verdict(slope, tool === OURS ? 1 : undefined)])
  }
  return {
    title: 'Round trips to a PostgreSQL server far away',
    notes: [
      `Through a proxy that adds ${DELAY} ms to each direction and counts how often the client waits for the server.`,
    ],
    heads: ['', `for ${few}`, `for ${more}`, 'each migration', 'ms each migration', ...VERDICT],
    rows,
  }
}

function throughProxy(server: Server, tool: Tool, count: number): Promise<{ trips: number; ms: number }> {
  const folder = write(tool, tables(count))
  return withPostgres(server, (url) =>
    withProxy(Number(new URL(url).port), DELAY, async ({ port, roundTrips }) => {
      const far = new URL(url)
      far.port = String(port)
      // Not `run`, which would hold up the proxy.
      const ms = await runAside(tool.command(far.href, folder))
      return { trips: roundTrips(), ms }
    }),
  )
}
