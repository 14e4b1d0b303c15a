import { mkdtempSync } from 'node:fs'
import { join } from 'node:path'
import type { Server } from '../../test/servers.ts'
import { DATA, withPostgres } from '../files.ts'
import { type Table, VERDICT, verdict } from '../measure.ts'
import { back } from './back.ts'
import { makeData } from './data.ts'
import { type Took, watched } from './processes.ts'
import { attempt, MB, megabytes, peakOf, type Results, rates, ratio, tookOf } from './results.ts'
import { checkRules, Expected, makeBare, migrate, type Rules } from './target.ts'
import { FULL, LANES, NONE, PGLOADER, SERIAL, UTC, type Way, waysOf } from './ways.ts'

/** 1 is 5.9 million rows; a smaller one is for trying things out. */
const SCALE = Number(process.env.TRANSFER_SCALE ?? 1)
const ROUNDS = Number(process.env.TRANSFER_ROUNDS ?? 3)

/** Times the rate of the other. */
const AT_LEAST = { copy: 1.5, pgloader: 5, verified: 1 } as const

/** Megabytes. */
const MEMORY = 300

const NOTES = [
  "Nexflow's schema (uuid, timestamptz, jsonb, enums, boolean) with its keys, foreign keys and indexes, which are in every figure. Ours makes the tables too; the others find them made, without keys and indexes, and make these when the rows are there: two at a time, but for the serial `\\copy`. pgloader has its rows and batches set to what fits into its heap.",
  `Memory: the peak of the resident memory of the clients, of all that run at once. MB are those of the values. After each run counts, samples of the rows, keys and indexes are compared. Median of ${ROUNDS} rounds and of the ratios in each round; \`once\`: in the first alone.`,
]

/** An application's data from SQLite to PostgreSQL, and back. */
export async function transfer(server: Server): Promise<Table[]> {
  const file = join(mkdtempSync(join(DATA, 'transfer-')), 'app.db')
  makeData(file, SCALE)
  const expected = new Expected(file)
  const ways = waysOf(file, expected)
  const results = await measureAll(server, ways, expected)
  const other = { name: 'faster `\\copy`', ms: fasterCopy(results) }
  return [
    rates('from SQLite to PostgreSQL', NOTES, results, expected, other),
    bounds(results),
    await back(server, ways, expected),
  ]
}

async function measureAll(server: Server, ways: readonly Way[], expected: Expected): Promise<Results> {
  const results: Results = new Map(ways.map(({ name }) => [name, []]))
  const rules = await withPostgres(server, migrate)
  for (let round = 0; round < ROUNDS; round++) {
    for (const way of round % 2 === 0 ? ways : ways.toReversed()) {
      if (way.once && round > 0) continue
      await attempt(results, way, () => runOnce(server, way, expected, rules))
    }
  }
  return results
}

function runOnce(server: Server, way: Way, expected: Expected, rules: Rules): Promise<Took> {
  const work = async (url: string) => {
    if (!way.whole) await makeBare(url)
    const took = await watched((start) => way.work(url, start, rules))
    await expected.check(url)
    await checkRules(url, rules)
    return took
  }
  return withPostgres(server, work, UTC)
}

function bounds(results: Results): Table {
  const [none, full] = [tookOf(results, NONE), tookOf(results, FULL)]
  const pgloader = tookOf(results, PGLOADER).map(({ ms }) => ms)
  const memory = (name: string, took: readonly Took[]) => {
    const peak = peakOf(took)
    return [`peak memory of ${name}`, megabytes(peak), ...verdict((peak ?? Number.NaN) / MB, MEMORY)]
  }
  return {
    title: 'What ours is to reach',
    notes: ['Of the run above; memory in MB.'],
    heads: ['', 'value', ...VERDICT],
    rows: [
      ['rate ÷ faster `\\copy`', ...atLeast(ratio(none, fasterCopy(results)), AT_LEAST.copy)],
      ['rate ÷ pgloader', ...atLeast(ratio(none, pgloader), AT_LEAST.pgloader)],
      ['rate, verified ÷ faster `\\copy`', ...atLeast(ratio(full, fasterCopy(results)), AT_LEAST.verified)],
      memory(NONE, none),
      memory(FULL, full),
    ],
  }
}

function atLeast(value: number, bound: number): string[] {
  return [Number.isNaN(value) ? 'unknown' : value.toFixed(2), `≥ ${bound}`, value >= bound ? 'yes' : '**no**']
}

/** Milliseconds of the faster of the two in each round. */
function fasterCopy(results: Results): number[] {
  const lanes = tookOf(results, LANES)
  return tookOf(results, SERIAL).map(({ ms }, round) => Math.min(ms, lanes[round]?.ms ?? ms))
}
