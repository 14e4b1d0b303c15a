// An application's data in Nexflow's shape, the same from the same seed: `node bench/transfer/data.ts FILE [scale] [seed]`.
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { ours, run } from '../measure.ts'

/** Nexflow's own. */
export const MIGRATIONS = join(import.meta.dirname, '../../migrations')

/** Rows at scale 1. A parent stands before its children. */
const ROWS = {
  users: 100_000,
  skills: 100,
  schedules: 1000,
  sessions: 300_000,
  messages: 3_000_000,
  tasks: 500_000,
  logs: 2_000_000,
} as const

export type TableName = keyof typeof ROWS

/** The tables, parents first. */
export const TABLES = Object.keys(ROWS) as TableName[]

/** Characters of a message. */
const MESSAGE = { least: 20, most: 2000 } as const

const BEGIN = Date.UTC(2024, 0, 1)
const END = Date.UTC(2026, 0, 1)

type Value = string | number | null

/** The tables' rows at a scale, which makes at least one of each. */
export function rowsAt(scale: number): Record<TableName, number> {
  const entries = Object.entries(ROWS).map(([name, rows]) => [name, Math.max(1, Math.round(rows * scale))])
  return Object.fromEntries(entries) as Record<TableName, number>
}

/** Makes a SQLite database with all migrations and rows; a file that is there is an error. */
export function makeData(file: string, scale = 1, seed = 1): void {
  if (existsSync(file)) throw new Error(`${file} is there already`)
  run(ours(`sqlite:${file}`, MIGRATIONS))
  const database = new DatabaseSync(file)
  // Nothing needs to survive a crash of this process.
  database.exec('PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA cache_size = -1000000')
  database.exec('PRAGMA foreign_keys = OFF; BEGIN')
  const indexes = dropIndexes(database)
  fill(database, rowsAt(scale), new Source(seed))
  for (const sql of indexes) database.exec(sql)
  database.exec('COMMIT')
  if (database.prepare('PRAGMA foreign_key_check').get() !== undefined) throw new Error('orphans were made')
  database.exec('PRAGMA journal_mode = WAL')
  database.close()
}

/** They are built faster when the rows are there. Gives the statements that make them. */
export function dropIndexes(database: DatabaseSync): string[] {
  const sql = `SELECT name, sql FROM sqlite_schema WHERE type = 'index' AND sql IS NOT NULL`
  const found = database.prepare(sql).all() as { name: string; sql: string }[]
  const its = found.filter(({ sql }) => TABLES.some((table) => sql.includes(` ON ${table} `)))
  for (const { name } of its) database.exec(`DROP INDEX ${name}`)
  return its.map(({ sql }) => sql)
}

function fill(database: DatabaseSync, rows: Record<TableName, number>, source: Source): void {
  const users = source.ids(rows.users)
  const sessions = source.ids(rows.sessions)
  const skills = Array.from({ length: rows.skills }, (_, i) => `${source.of(SKILLS)}-${i + 1}`)
  const makers: Record<TableName, (i: number, at: number) => Value[]> = {
    users: (i, at) => user(source, users[i] ?? '', i, at),
    skills: (i, at) => skill(source, skills[i] ?? '', at),
    schedules: (_, at) => schedule(source, source.of(skills), at),
    sessions: (i, at) => [sessions[i] ?? '', source.of(users), datetime(at), iso(at + source.below(1e8))],
    messages: (_, at) => message(source, source.of(sessions), at),
    tasks: (_, at) => task(source, source.of(sessions), source.of(skills), at),
    logs: (_, at) => log(source, at),
  }
  for (const table of TABLES) insert(database, table, rows[table], makers[table])
}

/** Rows in the order of their times, as an application writes them. */
function insert(
  database: DatabaseSync,
  table: TableName,
  rows: number,
  make: (i: number, at: number) => Value[],
): void {
  const marks = make(0, BEGIN).map(() => '?')
  const statement = database.prepare(`INSERT INTO ${table} VALUES (${marks.join(', ')})`)
  const step = (END - BEGIN) / rows
  for (let i = 0; i < rows; i++) statement.run(...make(i, BEGIN + Math.floor(i * step)))
}

const CHANNELS = ['telegram', 'slack', 'discord', 'web', 'email', 'matrix'] as const
const SKILLS = ['summarise', 'search-web', 'read-mail', 'calendar', 'translate', 'code-review'] as const
const LANGUAGES = ['en', 'ru', 'de', 'ja', 'pt-BR'] as const
const CRONS = ['*/5 * * * *', '0 9 * * 1-5', '30 2 1 * *', '0 0 * * 0'] as const
const ROLES = ['user', 'assistant', 'user', 'assistant', 'tool', 'system'] as const
const STATUSES = ['completed', 'completed', 'completed', 'failed', 'running', 'pending'] as const
const LEVELS = ['info', 'info', 'info', 'debug', 'debug', 'warn', 'error'] as const
const SOURCES = ['gateway', 'scheduler', 'agent.loop', 'skills.runner', 'channel.telegram', 'memory'] as const

function user(source: Source, id: string, i: number, at: number): Value[] {
  const metadata = source.chance(0.6)
    ? JSON.stringify({
        name: source.text(4, 30),
        language: source.of(LANGUAGES),
        premium: source.chance(0.1),
        score: source.below(10_000) / 100,
      })
    : null
  return [id, source.of(CHANNELS), `${source.of(CHANNELS)}:${100_000 + i}`, datetime(at), metadata]
}

function skill(source: Source, name: string, at: number): Value[] {
  const version = `${source.below(5)}.${source.below(20)}.${source.below(10)}`
  const permissions = JSON.stringify(['read', 'net:https', 'files:/home'].slice(0, 1 + source.below(3)))
  const metadata = JSON.stringify({ author: source.text(5, 20), tags: [source.of(SKILLS)], stars: null })
  return [source.id(), name, version, `/skills/${name}`, permissions, metadata, datetime(at)]
}

function schedule(source: Source, skill: string, at: number): Value[] {
  const input = JSON.stringify({ query: source.text(5, 80) })
  return [source.id(), skill, source.of(CRONS), input, source.chance(0.7) ? 1 : 0, datetime(at)]
}

function message(source: Source, session: string, at: number): Value[] {
  // Most are short.
  const length = MESSAGE.least + Math.round((MESSAGE.most - MESSAGE.least) * source.fraction() ** 3)
  return [source.id(), session, source.of(ROLES), source.text(length, length), datetime(at)]
}

function task(source: Source, session: string, skill: string, at: number): Value[] {
  const status = source.of(STATUSES)
  const input = JSON.stringify({
    query: source.text(10, 200),
    limit: source.below(100),
    options: { deep: source.chance(0.5), language: source.of(LANGUAGES), after: null },
  })
  const output =
    status === 'completed'
      ? JSON.stringify({
          summary: source.text(20, 400),
          items: [source.text(5, 60), source.text(5, 60)],
          cost: source.below(1e6) / 1e4,
        })
      : null
  // Of those that did not fail some have an empty text, which is not nothing.
  const error = status === 'failed' ? source.text(20, 120) : source.chance(0.1) ? '' : null
  return [
    source.id(),
    session,
    skill,
    input,
    output,
    status,
    error,
    datetime(at),
    iso(at + source.below(60_000)),
  ]
}

function log(source: Source, at: number): Value[] {
  const metadata = source.chance(0.8)
    ? JSON.stringify({
        request: source.id(),
        ms: source.below(30_000),
        ok: source.chance(0.97),
        path: source.text(5, 40),
      })
    : null
  return [source.id(), source.of(LEVELS), source.of(SOURCES), source.text(20, 200), metadata, datetime(at)]
}

/** What SQLite's `datetime('now')` writes, which is the default of the column. */
function datetime(at: number): string {
  const text = iso(at)
  return `${text.slice(0, 10)} ${text.slice(11, 19)}`
}

/** What the application writes itself. */
function iso(at: number): string {
  return new Date(at).toISOString()
}

const HEX = Array.from({ length: 65_536 }, (_, i) => i.toString(16).padStart(4, '0'))

/** Characters of a text out of which pieces are cut. */
const POOL = 2 ** 22

const ASCII = [' ', ' ', ' ', ' ', ' ', ' ', ' ', ' ', ', ', '. ', '.\n', '\n\n', '\t', '? ', ' "', '" ']
const MARKS = [...ASCII, "'s ", ' \\d+\\s ', ' C:\\Users\\', ' <b>', '; -- ', ' $1 ', ' {"a": [1, ', ' 100% ']
const FOREIGN = [
  'слово',
  'Привет',
  'съешь ещё',
  'naïve',
  'Größe',
  '東京都',
  'こんにちは',
  '🙂',
  '👩‍💻',
  '€',
  '—',
  'ß',
]

/** Everything that is random, from a seed. */
class Source {
  #state: number
  readonly #pools: readonly [plain: string, foreign: string]

  constructor(seed: number) {
    this.#state = seed >>> 0
    const words = Array.from({ length: 4096 }, () => this.#word())
    this.#pools = [this.#pool(words), this.#pool([...words, ...Array(300).fill(FOREIGN).flat()])]
  }

  /** 32 bits: splitmix32. */
  bits(): number {
    this.#state = (this.#state + 0x9e3779b9) | 0
    let z = this.#state
    z = Math.imul(z ^ (z >>> 16), 0x21f0aaad)
    z = Math.imul(z ^ (z >>> 15), 0x735a2d97)
    return (z ^ (z >>> 15)) >>> 0
  }

  /** At least 0, below 1. */
  fraction(): number {
    return this.bits() / 2 ** 32
  }

  below(limit: number): number {
    return Math.floor(this.fraction() * limit)
  }

  chance(share: number): boolean {
    return this.fraction() < share
  }

  of<T>(values: readonly T[]): T {
    return values[this.below(values.length)] as T
  }

  /** A uuid of version 4. */
  id(): string {
    const [a, b, c, d] = [this.bits(), this.bits(), this.bits(), this.bits()]
    const version = HEX[(b & 0x0fff) | 0x4000]
    const variant = HEX[((c >>> 16) & 0x3fff) | 0x8000]
    return `${HEX[a >>> 16]}${HEX[a & 0xffff]}-${HEX[b >>> 16]}-${version}-${variant}-${HEX[c & 0xffff]}${HEX[d >>> 16]}${HEX[d & 0xffff]}`
  }

  ids(count: number): string[] {
    return Array.from({ length: count }, () => this.id())
  }

  /** A piece of so many characters; of a quarter of them some are not ASCII. */
  text(least: number, most: number): string {
    const pool = this.#pools[this.chance(0.25) ? 1 : 0]
    const length = least + this.below(most - least + 1)
    const begin = this.below(POOL - length)
    // Half of a character is no text.
    return pool.slice(begin, begin + length).replaceAll(/^[\udc00-\udfff]|[\ud800-\udbff]$/g, '.')
  }

  #word(): string {
    const letters = Array.from({ length: 2 + this.below(9) }, () => this.of([...'etaoinshrdlucmfwygpb']))
    return letters.join('')
  }

  #pool(words: readonly string[]): string {
    const parts: string[] = []
    for (let length = 0; length < POOL; ) {
      const part = this.of(words) + this.of(MARKS)
      parts.push(part)
      length += part.length
    }
    return parts.join('').slice(0, POOL)
  }
}

if (import.meta.main) {
  const [file, scale, seed] = process.argv.slice(2)
  if (file === undefined) throw new Error('which file is to be made?')
  makeData(file, Number(scale ?? 1), Number(seed ?? 1))
}
