import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import type { Server } from '../../test/servers.ts'
import { query, withPostgres, write } from '../files.ts'
import { milliseconds, runAside, type Table, VERDICT, verdict } from '../measure.ts'
import { type Migration, OURS, PEERS, type Tool } from '../peers.ts'
import { cells, failures, LOAD_HEADS, type Load, percentile, underLoad } from './load.ts'
import { ON_POSTGRES, ROWS } from './scale.ts'

const NAMES = ['dbmate', 'node-pg-migrate', 'knex', 'drizzle-orm']

/** Milliseconds. */
const QUIET = 15_000
const RUN = 35_000
const HELD = 20_000
const HEAD_START = 1000

/** What ours may do to the longest request: its `lock_timeout`, and a little. */
const LONGEST = 2000 + 200

/** What ours may do to the p99 of the whole run. */
const P99 = 2

/** The row with the id 0 is the idle session's: the application asks for none that it has written. */
const TABLE = [
  `CREATE TABLE accounts (id BIGINT PRIMARY KEY, owner TEXT NOT NULL, balance BIGINT NOT NULL DEFAULT 0,
    updated_at TIMESTAMPTZ NOT NULL DEFAULT now(), address TEXT NOT NULL)`,
  `INSERT INTO accounts (id, owner, address) SELECT i, 'owner ' || i, repeat(md5(i::text), 3)
    FROM generate_series(0, ${ROWS}) AS i`,
  // Else the server does it meanwhile.
  'VACUUM ANALYZE accounts',
  'CHECKPOINT',
]

const MIGRATION: Migration = {
  index: 1,
  name: 'add_note',
  up: 'ALTER TABLE accounts ADD COLUMN note TEXT;\n',
  down: 'ALTER TABLE accounts DROP COLUMN note;\n',
}

/** An application on PostgreSQL, while a session holds a lock and a migration waits for it. */
export async function onPostgres(server: Server): Promise<Table[]> {
  const quiet = await onTable(server, (url) => underLoad('postgres', url, () => sleep(QUIET)))
  const mine = await migrated(server, OURS)
  const rows = [
    ['no migration', ...cells(quiet), late(quiet), ''],
    ['ours', ...cells(mine.load), late(mine.load), milliseconds(mine.ms)],
  ]
  for (const peer of PEERS.filter(({ name }) => NAMES.includes(name))) {
    const { load, ms } = await migrated(server, peer)
    rows.push([peer.name, ...cells(load), late(load), milliseconds(ms)])
  }
  const title = `A column more in a table of ${ROWS} rows on PostgreSQL, which a session holds`
  const heads = ['', ...LOAD_HEADS, `over ${LONGEST / 1000} s`, 'migration']
  return [{ title, notes: NOTES, heads, rows }, bounds(quiet, mine.load)]
}

function late({ latencies }: Load): string {
  return String(latencies.filter((ms) => ms > LONGEST).length)
}

const NOTES = [
  `The application: ${ON_POSTGRES.rate} requests a second over ${ON_POSTGRES.connections} connections, three reads to a write, each of one row by its primary key. A request is timed from when it should begin, so that those which wait for a connection count.`,
  `The session: writes a row that the application does not ask for, and then sits idle in its transaction for ${HELD / 1000} s.`,
  `The migration: \`${MIGRATION.up.trim()}\`, started ${HEAD_START / 1000} s after that. The load goes on for ${RUN / 1000} s, or until the migration is done; without one for ${QUIET / 1000} s.`,
]

function bounds(quiet: Load, ours: Load): Table {
  const rows: [name: string, value: number, bound: number][] = [
    ['failed requests', failures(ours), 0],
    ['longest request, ms', percentile(ours, 100), LONGEST],
    ['p99 ÷ p99 without migration', percentile(ours, 99) / percentile(quiet, 99), P99],
  ]
  return {
    title: 'What ours does to the application',
    notes: ['Of the run above.'],
    heads: ['', 'value', ...VERDICT],
    rows: rows.map(([name, value, bound]) => [name, shown(value), ...verdict(value, bound)]),
  }
}

function shown(value: number): string {
  return Number.isInteger(value) ? String(value) : value.toFixed(2)
}

async function migrated(server: Server, tool: Tool): Promise<{ load: Load; ms: number }> {
  const folder = write(tool, [MIGRATION])
  return onTable(server, async (url) => {
    let ms = 0
    const load = await underLoad('postgres', url, async () => {
      const over = sleep(RUN)
      await withHolder(url, async () => {
        await sleep(HEAD_START)
        ms = await runAside(tool.command(url, folder))
      })
      await over
    })
    await query(url, 'SELECT note FROM accounts WHERE id = 0')
    return { load, ms }
  })
}

/** Does `work` while a session that has used the table is idle in its transaction, and waits until it is over. */
async function withHolder(url: string, work: () => Promise<void>): Promise<void> {
  const client = new pg.Client(url)
  await client.connect()
  try {
    await client.query('BEGIN; UPDATE accounts SET balance = 1 WHERE id = 0')
    const over = sleep(HELD).then(() => client.query('COMMIT'))
    await Promise.all([over, work()])
  } finally {
    await client.end()
  }
}

function onTable<T>(server: Server, work: (url: string) => Promise<T>): Promise<T> {
  return withPostgres(server, async (url) => {
    for (const sql of TABLE) await query(url, sql)
    return work(url)
  })
}
