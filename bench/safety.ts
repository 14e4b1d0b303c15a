import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import type { Server } from '../test/servers.ts'
import { tables, withPostgres, withSqlite, write } from './files.ts'
import { type Runner, race, run, type Table, timeTable } from './measure.ts'
import { type Migration, OURS } from './peers.ts'

const COUNT = 1000
const ROUNDS = 7
const ROWS = 1_000_000

/** What it costs that nothing is lost: beside loops that check, lock, note and keep nothing. */
export async function safety(server: Server): Promise<Table[]> {
  const plain = write(OURS, tables(COUNT))
  const rebuilds = write(OURS, [...FIRST, ...Array.from({ length: COUNT / 4 }, (_, i) => rebuild(i + 2))])
  const sqlite = [one('ours', plain, withSqlite), one('floor', plain, withSqlite, 1.5)]
  const rebuilt = [one('ours', rebuilds, withSqlite), one('floor', rebuilds, withSqlite, 1.5)]
  const onServer = <T>(work: (url: string) => T | Promise<T>) => withPostgres(server, work)
  const postgres = [one('ours', plain, onServer), one('floor', plain, onServer, 1.1)]
  return [
    timeTable(
      `${COUNT} one-table migrations on SQLite, and without checks`,
      [FLOOR, rounds()],
      sqlite,
      await race(sqlite, ROUNDS),
    ),
    timeTable(
      `${COUNT / 4} rebuilds of a small table that another refers to`,
      [REBUILDS, rounds()],
      rebuilt,
      await race(rebuilt, ROUNDS),
    ),
    timeTable(
      `${COUNT} one-table migrations on PostgreSQL, and without checks`,
      [FLOOR, rounds()],
      postgres,
      await race(postgres, ROUNDS),
    ),
    await stash(),
  ]
}

const FLOOR =
  'The floor is a loop in the same process that runs the same scripts and writes the same history rows, a transaction each, durably. It locks, checks and notes nothing.'
const REBUILDS =
  'Each script makes the table anew, copies its rows, drops the old one and renames. The floor has switched foreign keys off for all of them; ours rehearses each, counts rows, checks foreign keys and what was forgotten.'

function rounds(): string {
  return `Median of ${ROUNDS} rounds and of the ratios in each round.`
}

const FIRST: Migration[] = [
  {
    index: 1,
    name: 'first',
    up: 'CREATE TABLE parent (id INTEGER PRIMARY KEY, name TEXT);\nCREATE TABLE child (id INTEGER PRIMARY KEY, parent INTEGER REFERENCES parent (id));\n',
    down: 'DROP TABLE child;\nDROP TABLE parent;\n',
  },
]

function rebuild(index: number): Migration {
  const up = `CREATE TABLE parent_new (id INTEGER PRIMARY KEY, name TEXT);
INSERT INTO parent_new (id, name) SELECT parent.id, parent.name FROM parent;
DROP TABLE parent;
ALTER TABLE parent_new RENAME TO parent;\n`
  return { index, name: 'rebuild', up, down: up }
}

function one(
  who: 'ours' | 'floor',
  folder: string,
  withUrl: <T>(work: (url: string) => T | Promise<T>) => Promise<T>,
  bound?: number,
): Runner {
  const script = join(import.meta.dirname, 'processes/in-process.js')
  return {
    name: who === 'ours' ? 'ours' : 'without checks',
    run: () => withUrl((url) => Number(run([process.execPath, script, who, url, folder]).stdout)),
    ...(bound !== undefined && { bound }),
  }
}

/** A rollback that has to copy a column of a million rows. */
async function stash(): Promise<Table> {
  const folder = write(OURS, [
    {
      index: 1,
      name: 'notes',
      up: 'CREATE TABLE notes (id INTEGER PRIMARY KEY, body TEXT NOT NULL);\n',
      down: 'DROP TABLE notes;\n',
    },
    {
      index: 2,
      name: 'links',
      up: 'CREATE TABLE links (id INTEGER PRIMARY KEY, note INTEGER NOT NULL REFERENCES notes (id), text TEXT NOT NULL);\n',
      down: 'DROP TABLE links;\n',
    },
  ])
  const runner = (who: 'stash' | 'select', bound?: number): Runner => ({
    name:
      who === 'stash'
        ? 'ours, `down` that copies the table to the stash and drops it'
        : '`CREATE TABLE`, `INSERT … SELECT`, `DROP TABLE`',
    run: () =>
      withSqlite(async (url) => {
        run(OURS.command(url, folder))
        fill(url)
        return Number(
          run([process.execPath, join(import.meta.dirname, 'processes/stash.js'), who, url, folder]).stdout,
        )
      }),
    ...(bound !== undefined && { bound }),
  })
  const runners = [runner('stash'), runner('select', 2)]
  const notes = [
    `${ROWS} rows of 200 characters on SQLite, WAL, synced; median of 3 rounds and of the ratios in each round.`,
  ]
  return timeTable('A stash that has to copy', notes, runners, await race(runners, 3))
}

function fill(url: string): void {
  const database = new DatabaseSync(url.slice('sqlite:'.length))
  database.exec(`INSERT INTO notes VALUES (1, 'one');
    WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT ${ROWS})
    INSERT INTO links (note, text) SELECT 1, hex(randomblob(100)) FROM n;
    PRAGMA wal_checkpoint(TRUNCATE)`)
  database.close()
}
