import { mkdirSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { withSqlite } from './files.ts'
import { type Runner, race, run, type Table, timeTable } from './measure.ts'

const ROUNDS = 5

/** What ours may take of the faster of the two, without the verification. */
const BOUND = 1.2

const WHO = {
  ours: 'ours, until the copy is on the disk',
  plain: '`backup()` of node:sqlite',
  vacuum: '`VACUUM INTO`',
  verified: 'ours, verified',
} as const

/** A copy of a SQLite file of 1 GB. */
export async function backup(): Promise<Table[]> {
  return withSqlite(async (url) => {
    const path = url.slice('sqlite:'.length)
    fill(path)
    const runners = (Object.keys(WHO) as (keyof typeof WHO)[]).map((who) => runner(who, path))
    const notes = [
      `Five tables of random rows with indexes, in WAL mode, in the system's cache; median of ${ROUNDS} rounds and of the ratios in each round. The verification is all of \`PRAGMA integrity_check\`, in two threads, the rows of every table and the history.`,
    ]
    return [timeTable('A backup of a SQLite file of 1 GB', notes, runners, await race(runners, ROUNDS))]
  })
}

function runner(who: keyof typeof WHO, path: string): Runner {
  const folder = join(dirname(path), 'copies')
  const script = join(import.meta.dirname, 'processes/backup.js')
  return {
    name: WHO[who],
    run: () => {
      rmSync(folder, { recursive: true, force: true })
      mkdirSync(folder)
      return Number(run([process.execPath, script, who, path, join(folder, 'copy')]).stdout)
    },
    ...((who === 'plain' || who === 'vacuum') && { bound: BOUND }),
  }
}

function fill(path: string): void {
  const database = new DatabaseSync(path)
  const rows = (count: number, select: string) =>
    `WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT ${count}) ${select} FROM n`
  const id = 'lower(hex(randomblob(16)))'
  database.exec(`
    PRAGMA journal_mode = WAL;
    PRAGMA synchronous = OFF;
    CREATE TABLE users (id TEXT PRIMARY KEY NOT NULL, name TEXT NOT NULL UNIQUE);
    CREATE TABLE sessions (id TEXT PRIMARY KEY NOT NULL, user_id TEXT NOT NULL);
    CREATE TABLE messages (id TEXT PRIMARY KEY NOT NULL, session_id TEXT NOT NULL, content TEXT NOT NULL);
    CREATE TABLE tasks (id TEXT PRIMARY KEY NOT NULL, session_id TEXT NOT NULL, input TEXT NOT NULL);
    CREATE TABLE logs (id TEXT PRIMARY KEY NOT NULL, level TEXT NOT NULL, message TEXT NOT NULL);
    BEGIN;
    ${rows(20_000, `INSERT INTO users SELECT ${id}, i`)};
    ${rows(100_000, `INSERT INTO sessions SELECT ${id}, i`)};
    ${rows(1_000_000, `INSERT INTO messages SELECT ${id}, abs(random() % 100000), hex(randomblob(180))`)};
    ${rows(250_000, `INSERT INTO tasks SELECT ${id}, i, hex(randomblob(400))`)};
    ${rows(600_000, `INSERT INTO logs SELECT ${id}, 'info', hex(randomblob(100))`)};
    COMMIT;
    CREATE INDEX idx_messages_session_id ON messages (session_id);
    CREATE INDEX idx_tasks_session_id ON tasks (session_id);
    CREATE INDEX idx_logs_level ON logs (level);`)
  database.close()
}
