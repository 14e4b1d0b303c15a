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
