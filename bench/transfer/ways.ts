import { join } from 'node:path'
import { writeFile } from '../files.ts'
import { BIN, type Command } from '../measure.ts'
import { MIGRATIONS } from './data.ts'
import { inLanes, type Job, type Start } from './processes.ts'
import { BY_SIZE, type Expected, finishing, type Rules } from './target.ts'

/** One of those that move the rows. */
export interface Way {
  readonly name: string
  /** What must be on the machine. */
  readonly programs: readonly string[]
  /** Whether it makes the schema itself; the others get tables without indexes and keys, outside their time. */
  readonly whole: boolean
  /** Whether it is so slow that one round says enough. */
  readonly once: boolean
  work(url: string, start: Start, rules: Rules): Promise<void>
}

export const NONE = 'ours, `--verify none`'
export const FULL = 'ours, `--verify full`'
export const SERIAL = '`sqlite3 -csv` to `\\copy`'
export const LANES = '`sqlite3 -csv` to `\\copy`, two at a time'
export const PGLOADER = 'pgloader'
export const INSERTS = 'Node, INSERTs of 1000 rows'

/** A setting of the target: in most of the peers' texts the zone is missing. */
export const UTC = `timezone = 'UTC'`

/** Ours as a user's shell starts it. */
export function transfer(from: string, to: string, verify: 'none' | 'full'): Command {
  const ends = ['--from', from, '--to', to, '--dir', MIGRATIONS]
  return [process.execPath, BIN, 'transfer', ...ends, '--verify', verify]
}

/** All ways from the file to PostgreSQL, ours first. */
export function waysOf(file: string, { columns }: Expected): Way[] {
  const ours = (name: string, verify: 'none' | 'full'): Way => ({
    name,
    programs: [],
    whole: true,
    once: false,
    work: (url, start) => start(transfer(`sqlite:${file}`, url, verify)),
  })
  const peer = { whole: false, once: false }
  const copies = (lanes: number): Way['work'] => {
    return (url, start, rules) =>
      inLanes(lanes, [...copyJobs(file, url, columns), ...finishing(url, rules)], start)
  }
  return [
    ours(NONE, 'none'),
    ours(FULL, 'full'),
    { ...peer, name: SERIAL, programs: ['sqlite3', 'psql'], work: copies(1) },
    { ...peer, name: LANES, programs: ['sqlite3', 'psql'], work: copies(2) },
    {
      ...peer,
      name: PGLOADER,
      programs: ['pgloader'],
      once: true,
      work: async (url, start, rules) => {
        await start(['pgloader', '--on-error-stop', writeFile('transfer.load', loadFile(file, url))])
        await inLanes(2, indexJobs(url, rules), start)
      },
    },
    {
      ...peer,
      name: INSERTS,
      programs: [],
      once: true,
      work: async (url, start, rules) => {
        const lists = BY_SIZE.map((table) => `${table}=${columns.get(table)?.join(',')}`)
        await start([process.execPath, join(import.meta.dirname, 'inserts.js'), file, url, ...lists])
        await inLanes(2, indexJobs(url, rules), start)
      },
    },
  ]
}

/** For each table a pipe from one database's own program to the other's. */
function copyJobs(file: string, url: string, columns: Expected['columns']): Job[] {
  return BY_SIZE.map((table) => {
    const list = columns.get(table)?.join(', ')
    // The program writes nothing for NULL and quotes for an empty text, as `\copy` reads them.
    const read = ['sqlite3', '-readonly', '-csv', '-newline', '\n', file, `SELECT ${list} FROM ${table}`]
    const write = psql(url, `\\copy ${table} (${list}) FROM STDIN (FORMAT csv)`)
    return { name: table, needs: [], run: (start) => start(pipe(read, write)) }
  })
}

/** PostgreSQL's own client, with one command. */
export function psql(url: string, command: string): Command {
  return ['psql', '-qXd', url, '-v', 'ON_ERROR_STOP=1', '-c', command]
}

/** Of a way that has brought all rows already. */
function indexJobs(url: string, rules: Rules): Job[] {
  const tables = new Set<string>(BY_SIZE)
  return finishing(url, rules).map((job) => ({
    ...job,
    needs: job.needs.filter((name) => !tables.has(name)),
  }))
}

/** Two programs, the first's output into the second: it fails if either does. */
function pipe(from: Command, to: Command): Command {
  return ['bash', '-c', `set -o pipefail; ${quoted(from)} | ${quoted(to)}`]
}

/** A command as a shell reads it. */
export function quoted(command: Command): string {
  return command.map((word) => `'${word.replaceAll("'", `'\\''`)}'`).join(' ')
}

/** Its defaults fill its heap with rows that it has read ahead. */
function loadFile(file: string, url: string): string {
  const names = BY_SIZE.map((table) => `'${table}'`).join(', ')
  return `LOAD DATABASE FROM sqlite://${file} INTO ${url}
  WITH data only, create no tables, create no indexes, no foreign keys, reset no sequences,
    workers = 2, concurrency = 1, batch rows = 5000, batch size = 8MB, prefetch rows = 10000
  INCLUDING ONLY TABLE NAMES LIKE ${names};
`
}
