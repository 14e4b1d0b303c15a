import { mkdtempSync } from 'node:fs'
import { join } from 'node:path'
import type { Server } from '../../test/servers.ts'
import { DATA, withPostgres } from '../files.ts'
import { median, type Table, VERDICT, verdict } from '../measure.ts'
import { makeData } from './data.ts'
import { type Took, watched } from './processes.ts'
import { checkRules, Expected, makeBare, migrate, type Rules } from './target.ts'
import { FULL, LANES, missing, NONE, PGLOADER, SERIAL, type Way, waysOf } from './ways.ts'

/** 1 is 5.9 million rows; a smaller one is for trying things out. */
const SCALE = Number(process.env.TRANSFER_SCALE ?? 1)
const ROUNDS = 3
const MB = 1e6

/** Times the rate of the other. */
const AT_LEAST = { copy: 1.5, pgloader: 5, verified: 1 } as const

/** Megabytes. */
const MEMORY = 300

/** An application's data from SQLite to PostgreSQL. */
export async function transfer(server: Server): Promise<Table[]> {
  const file = join(mkdtempSync(join(DATA, 'transfer-')), 'app.db')
  makeData(file, SCALE)
  const expected = new Expected(file)
  const rules = await withPostgres(server, migrate)
  const results = await measureAll(server, waysOf(file, expected), expected, rules)
  return [rates(results, expected), bounds(results)]
}

/** What a way took in each round; a text says why there is nothing. */
type Results = ReadonlyMap<string, readonly Took[] | string>

async function measureAll(
  server: Server,
  ways: readonly Way[],
  expected: Expected,
  rules: Rules,
): Promise<Results> {
  const results = new Map<string, Took[] | string>()
  for (let round = 0; round < ROUNDS; round++) {
    for (const way of round % 2 === 0 ? ways : ways.toReversed()) {
      const earlier = results.get(way.name) ?? []
      if (typeof earlier === 'string' || (way.once && round > 0)) continue
      results.set(
        way.name,
        await tryOnce(server, way, expected, rules).then((took) =>
          typeof took === 'string' ? took : [...earlier, took],
        ),
      )
    }
  }
  return results
}

/** One that fails is told in the table, and the others are measured. */
async function tryOnce(server: Server, way: Way, expected: Expected, rules: Rules): Promise<Took | string> {
  const lacks = missing(way)
  if (lacks.length > 0) return `${lacks.join(' and ')} is not on this machine`
  try {
    return await withPostgres(
      server,
      async (url) => {
        const bare = way.whole ? rules : await makeBare(url)
        const took = await watched((start) => way.work(url, start, bare))
        await expected.check(url)
        await checkRules(url, rules)
        return took
      },
      // In most of the peers' texts the zone is missing.
      `timezone = 'UTC'`,
    )
  } catch (error) {
    console.error(error)
    return `**failed**: ${String(error instanceof Error ? error.message : error)
      .trim()
      .split('\n')
      .at(-1)}`
  }
}

function rates(results: Results, expected: Expected): Table {
  const rows = [...results].map(([name, took]) => {
    if (typeof took === 'string') return [name, took, '', '', '', '', '']
    const seconds = took.map(({ ms }) => ms / 1000)
    const middle = median(seconds)
    return [
      name,
      `${middle.toFixed(1)} s`,
      took.length > 1 ? `${Math.min(...seconds).toFixed(1)} – ${Math.max(...seconds).toFixed(1)}` : 'once',
      String(Math.round(expected.rows / middle)),
      (expected.bytes / MB / middle).toFixed(1),
      megabytes(peakOf(took)),
      ratio(took, fasterCopy(results)).toFixed(2),
    ]
  })
  return {
    title: `${expected.rows} rows of ${Math.round(expected.bytes / MB)} MB from SQLite to PostgreSQL`,
    notes: NOTES,
    heads: ['', 'median', 'from – to', 'rows/s', 'MB/s', 'peak memory', 'rate ÷ faster `\\copy`'],
    rows,
  }
}

const NOTES = [
  "Nexflow's schema (uuid, timestamptz, jsonb, enums, boolean) with its keys, foreign keys and indexes, which are in every figure. Ours makes the tables too; the others find them made, without keys and indexes, and make these when the rows are there: two at a time, but for the serial `\\copy`. pgloader has its rows and batches set to what fits into its heap.",
  `Memory: the peak of the resident memory of the clients, of all that run at once. MB are those of the values. After each run the counts, samples of the rows, keys and indexes are compared. Median of ${ROUNDS} rounds and of the ratios in each round; \`once\`: in the first alone.`,
]

function bounds(results: Results): Table {
  const took = (name: string) => {
    const its = results.get(name)
    return typeof its === 'string' || its === undefined ? [] : its
  }
  const pgloader = took(PGLOADER).map(({ ms }) => ms)
  const rows = [
    ['rate ÷ faster `\\copy`', ...atLeast(ratio(took(NONE), fasterCopy(results)), AT_LEAST.copy)],
    ['rate ÷ pgloader', ...atLeast(ratio(took(NONE), pgloader), AT_LEAST.pgloader)],
    [
      'rate with full verification ÷ faster `\\copy` without',
      ...atLeast(ratio(took(FULL), fasterCopy(results)), AT_LEAST.verified),
    ],
    ...[NONE, FULL].map((name) => {
      const peak = peakOf(took(name))
      return [
        `peak memory, ${name}`,
        megabytes(peak),
        ...verdict(peak === undefined ? Number.NaN : peak / MB, MEMORY),
      ]
    }),
  ]
  return {
    title: 'What ours is to reach',
    notes: ['Of the run above.'],
    heads: ['', 'value', ...VERDICT],
    rows,
  }
}

function atLeast(value: number, bound: number): string[] {
  return [value.toFixed(2), `≥ ${bound}`, value >= bound ? 'yes' : '**no**']
}

/** Milliseconds of the faster of the two in each round. */
function fasterCopy(results: Results): number[] {
  const [serial, lanes] = [SERIAL, LANES].map((name) => results.get(name))
  if (!Array.isArray(serial) || !Array.isArray(lanes)) return []
  return serial.map((took, round) => Math.min(took.ms, lanes[round].ms))
}

/** The rate of one to that of another, round by round. */
function ratio(took: readonly Took[], other: readonly number[]): number {
  const rounds = Math.min(took.length, other.length)
  return median(took.slice(0, rounds).map(({ ms }, round) => (other[round] ?? Number.NaN) / ms))
}

function peakOf(took: readonly Took[]): number | undefined {
  const peaks = took.map(({ peak }) => peak).filter((peak) => peak !== undefined)
  return peaks.length > 0 ? Math.max(...peaks) : undefined
}

function megabytes(bytes: number | undefined): string {
  return bytes === undefined ? 'unknown' : `${Math.round(bytes / MB)} MB`
}
