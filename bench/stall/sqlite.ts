import { copyFileSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { setTimeout as sleep } from 'node:timers/promises'
import { query, withSqlite, write } from '../files.ts'
import { milliseconds, runAside, type Table, VERDICT, verdict } from '../measure.ts'
import { type Migration, OURS, PEERS, type Tool } from '../peers.ts'
import { cells, LOAD_HEADS, type Load, underLoad } from './load.ts'
import { ON_SQLITE, ROWS } from './scale.ts'

const NAMES = ['dbmate', 'knex']

/** Milliseconds. */
const QUIET = 15_000
const AFTERWARDS = 2000

const TABLE = `PRAGMA journal_mode = WAL;
  CREATE TABLE accounts (id INTEGER PRIMARY KEY, email TEXT NOT NULL, balance INTEGER NOT NULL DEFAULT 0,
    address TEXT NOT NULL, email_key TEXT);
  CREATE INDEX accounts_email_key ON accounts (email_key);
  WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT ${ROWS})
  INSERT INTO accounts (id, email, address)
    SELECT i, printf('%x.Owner@example.org', i * 2654435761 % 4294967296), hex(zeroblob(48)) FROM n;
  ANALYZE;
  PRAGMA wal_checkpoint(TRUNCATE)`

const UPDATE = 'UPDATE accounts SET email_key = lower(email);\n'
const DOWN = 'UPDATE accounts SET email_key = NULL;\n'
const BATCHES = '-- migrate: no-transaction\n-- migrate: batch 1000\n'

const WHOLE: Migration = { index: 1, name: 'fill_email_key', up: UPDATE, down: DOWN }
const BATCHED: Migration = { ...WHOLE, up: BATCHES + UPDATE, down: BATCHES + DOWN }

/** An application that writes to SQLite, while a migration fills a column of a large table. */
export async function onSqlite(): Promise<Table> {
  return withSqlite(async (original) => {
    fill(original)
    const quiet = await onCopy(original, (url) => underLoad('sqlite', url, () => sleep(QUIET)))
    const mine = await migrated(original, OURS, BATCHED)
    const rows = [
      ['no migration', ...cells(quiet), '', '', '', ''],
      ['ours, in batches of 1000', ...result(mine), ...verdict(locked(mine.load), 0)],
    ]
    for (const peer of PEERS.filter(({ name }) => NAMES.includes(name))) {
      rows.push([`${peer.name}, at once`, ...result(await migrated(original, peer, WHOLE)), '', ''])
    }
    const title = `A column filled in a table of ${ROWS} rows on SQLite`
    const heads = ['', ...LOAD_HEADS, 'migration', '`database is locked`', ...VERDICT]
    return { title, notes: NOTES, heads, rows }
  })
}

const NOTES = [
  `The application: ${ON_SQLITE.rate} writes a second over one connection (WAL, busy timeout ${ON_SQLITE.timeout / 1000} s), each of one row of the same table by its primary key. A write is timed from when it should begin, so that those which wait for others count.`,
  `The migration: \`${UPDATE.trim()}\`, of a column with an index. The load goes on until ${AFTERWARDS / 1000} s after it; without one for ${QUIET / 1000} s.`,
]

interface Result {
  readonly load: Load
  readonly ms: number
}

function result({ load, ms }: Result): string[] {
  return [...cells(load), milliseconds(ms), String(locked(load))]
}

function locked({ errors }: Load): number {
  return errors['database is locked'] ?? 0
}

function migrated(original: string, tool: Tool, migration: Migration): Promise<Result> {
  const folder = write(tool, [migration])
  return onCopy(original, async (url) => {
    let ms = 0
    const load = await underLoad('sqlite', url, async () => {
      ms = await runAside(tool.command(url, folder))
      await sleep(AFTERWARDS)
    })
    const [row] = await query(url, 'SELECT count(*) AS empty FROM accounts WHERE email_key IS NULL')
    if (row?.empty !== 0) throw new Error(`${tool.name} left ${row?.empty} rows empty`)
    return { load, ms }
  })
}

function fill(url: string): void {
  const database = new DatabaseSync(pathOf(url))
  database.exec(TABLE)
  database.close()
}

function onCopy<T>(original: string, work: (url: string) => Promise<T>): Promise<T> {
  return withSqlite((url) => {
    copyFileSync(pathOf(original), pathOf(url))
    return work(url)
  })
}

function pathOf(url: string): string {
  return url.slice('sqlite:'.length)
}
