import { closeSync, openSync, statSync, writeSync } from 'node:fs'
import { dirname } from 'node:path'
import type { Dialect } from '../src/index.ts'
import type { Server } from '../test/servers.ts'
import { texts, withPostgres, withSqlite, write, writeFile } from './files.ts'
import { median, observe, type Table, VERDICT, verdict } from './measure.ts'
import { OURS } from './peers.ts'

const RUNS = 5
const MB = 1e6
const BIG = 200 * MB

/** Characters of an up script, about those that make a table. */
const SMALL = 100
const SIZES = [
  [1000, SMALL],
  [5000, SMALL],
  [5000, 10_000],
] as const

const LABELS: Record<Dialect, string> = { sqlite: 'SQLite', postgres: 'PostgreSQL' }
const DIALECTS = ['sqlite', 'postgres'] as const

/** The peak of memory of the whole process. */
export async function memory(server: Server): Promise<Table[]> {
  return [await growth(server), await bigScript(server)]
}

/** Peaks in bytes: of a run that applies everything, and of one that finds nothing to do. */
interface Peaks {
  readonly applied: number
  readonly 'nothing to do': number
  readonly text: number
}

async function growth(server: Server): Promise<Table> {
  const rows: string[][] = []
  for (const dialect of DIALECTS) {
    const least = await peaks(server, dialect, 10, SMALL)
    for (const [count, size] of SIZES) {
      const most = await peaks(server, dialect, count, size)
      for (const what of ['applied', 'nothing to do'] as const) {
        const grown = most[what] - least[what]
        const ratio = grown / most.text
        const sizes = [most.text, least[what], most[what], grown].map(megabytes)
        const each = `${(grown / count / 1000).toFixed(1)} kB`
        const name = `${LABELS[dialect]}, ${count} of ${size / 1000} kB, ${what}`
        rows.push([name, ...sizes, each, ratio.toFixed(2), ...verdict(ratio, 1)])
      }
    }
  }
  return {
    title: 'Memory and the number of migrations',
    notes: [
      `Peak of the resident memory, median of ${RUNS} runs. The text is that of all up and down scripts: the peak may not grow by more.`,
    ],
    heads: ['', 'text', 'peak with 10', 'peak', 'growth', 'each migration', 'growth ÷ text', ...VERDICT],
    rows,
  }
}

async function peaks(server: Server, dialect: Dialect, count: number, size: number): Promise<Peaks> {
  const migrations = texts(count, size)
  const folder = write(OURS, migrations)
  const text = migrations.reduce((sum, { up, down }) => sum + up.length + down.length, 0)
  const found = await runs(() =>
    onFresh(server, dialect, (url) => {
      const command = OURS.command(url, folder)
      return [observe(command).peak, observe(command).peak] as const
    }),
  )
  return {
    text,
    applied: median(found.map(([first]) => first)),
    'nothing to do': median(found.map(([, second]) => second)),
  }
}

async function bigScript(server: Server): Promise<Table> {
  const rows: string[][] = []
  for (const [label, word] of [
    ['ASCII', 'word'],
    ['ASCII and Cyrillic', 'слово'],
  ] as const) {
    const file = writeBig(word)
    const { size } = statSync(file)
    for (const dialect of DIALECTS) {
      const command = (url: string) => OURS.command(url, dirname(file))
      const found = await runs(() => onFresh(server, dialect, (url) => observe(command(url)).peak))
      const ratio = median(found) / size
      rows.push([
        `${LABELS[dialect]}, ${label}`,
        megabytes(size),
        megabytes(median(found)),
        ratio.toFixed(2),
        ...verdict(ratio, 3),
      ])
    }
  }
  return {
    title: `Memory and one script of ${megabytes(BIG)}`,
    notes: [
      `Many lines of \`INSERT\` of 1 kB; peak of the resident memory with Node's own, median of ${RUNS} runs.`,
    ],
    heads: ['', 'script', 'peak', 'peak ÷ script', ...VERDICT],
    rows,
  }
}

function writeBig(word: string): string {
  const path = writeFile(
    '000001_big.up.sql',
    'CREATE TABLE big (id INTEGER PRIMARY KEY, body TEXT NOT NULL);\n',
  )
  const file = openSync(path, 'a')
  const body = `${word} ${'x'.repeat(950)}`
  for (let i = 1, size = 0; size < BIG; i++)
    size += writeSync(file, `INSERT INTO big VALUES (${i}, '${body}');\n`)
  closeSync(file)
  return path
}

async function runs<T>(work: () => Promise<T>): Promise<T[]> {
  const found: T[] = []
  while (found.length < RUNS) found.push(await work())
  return found
}

/** How durable a commit is makes no difference to the memory. */
function onFresh<T>(server: Server, dialect: Dialect, work: (url: string) => T): Promise<T> {
  return dialect === 'sqlite' ? withSqlite(work) : withPostgres(server, work, 'synchronous_commit = off')
}

function megabytes(bytes: number): string {
  return `${(bytes / MB).toFixed(bytes < 10 * MB ? 1 : 0)} MB`
}
