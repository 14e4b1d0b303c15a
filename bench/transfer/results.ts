import { spawnSync } from 'node:child_process'
import { ENV, median, type Table } from '../measure.ts'
import type { Took } from './processes.ts'
import type { Expected } from './target.ts'

export const MB = 1e6

/** What each took in each round; a text says why there is nothing. */
export type Results = Map<string, Took[] | string>

/** Adds what `work` took, with programs that must be there. One that fails is told in the table, and the others go on. */
export async function attempt(
  results: Results,
  { name, programs }: { readonly name: string; readonly programs: readonly string[] },
  work: () => Promise<Took>,
): Promise<void> {
  const earlier = results.get(name) ?? []
  if (typeof earlier === 'string') return
  const lacks = missing(programs)
  if (lacks.length > 0) {
    results.set(name, `${lacks.join(' and ')} is not on this machine`)
    return
  }
  try {
    results.set(name, [...earlier, await work()])
  } catch (error) {
    console.error(error)
    const [line] = String(error instanceof Error ? error.message : error).split('\n')
    results.set(name, `**failed**: ${line}`)
  }
}

/** Those of the programs that are not on this machine. */
export function missing(programs: readonly string[]): string[] {
  return programs.filter((program) => spawnSync(program, ['--version'], { env: ENV }).error !== undefined)
}

export function tookOf(results: Results, name: string): readonly Took[] {
  const took = results.get(name) ?? []
  return typeof took === 'string' ? [] : took
}

/** The rate of one to that of another, of which these are the milliseconds, round by round. */
export function ratio(took: readonly Took[], other: readonly number[]): number {
  const rounds = Math.min(took.length, other.length)
  return median(took.slice(0, rounds).map(({ ms }, round) => (other[round] ?? Number.NaN) / ms))
}

/** Bytes. */
export function peakOf(took: readonly Took[]): number | undefined {
  const peaks = took.map(({ peak }) => peak).filter((peak) => peak !== undefined)
  return peaks.length > 0 ? Math.max(...peaks) : undefined
}

export function megabytes(bytes: number | undefined): string {
  return bytes === undefined ? 'unknown' : `${Math.round(bytes / MB)} MB`
}

/** Seconds, rates and memory of all, and their rate to that of one, of which these are the milliseconds. */
export function rates(
  where: string,
  notes: readonly string[],
  results: Results,
  expected: Expected,
  other: { readonly name: string; readonly ms: readonly number[] },
): Table {
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
      ratio(took, other.ms).toFixed(2),
    ]
  })
  return {
    title: `${expected.rows} rows of ${Math.round(expected.bytes / MB)} MB ${where}`,
    notes,
    heads: ['', 'median', 'from – to', 'rows/s', 'MB/s', 'peak memory', `rate ÷ ${other.name}`],
    rows,
  }
}
