import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import type { Dialect } from '../../src/index.ts'
import { ENV, milliseconds } from '../measure.ts'
import { WARM } from './scale.ts'

/** What an application lived through. */
export interface Load {
  /** Milliseconds from when a request should have begun to its answer, of those that failed too. Sorted. */
  readonly latencies: readonly number[]
  /** How often each message came instead of an answer. */
  readonly errors: Readonly<Record<string, number>>
}

/**
 * Does `work` while an application, a process of its own, sends its requests to a database.
 *
 * Its first moments, while everything is cold, do not count and are over when `work` begins.
 */
export async function underLoad(dialect: Dialect, url: string, work: () => Promise<void>): Promise<Load> {
  const program = join(import.meta.dirname, `${dialect}-application.ts`)
  const child = spawn(process.execPath, [program, url], { env: ENV, stdio: ['pipe', 'pipe', 'inherit'] })
  const ended = once(child, 'close')
  child.stdin.on('error', () => {})
  let said = ''
  child.stdout.setEncoding('utf8').on('data', (words) => {
    said += words
  })
  try {
    await Promise.race([once(child.stdout, 'data'), ended])
    if (child.exitCode === null) await work()
  } finally {
    // It ends when it has its answers.
    child.stdin.end()
    await ended
  }
  if (child.exitCode !== 0) throw new Error(`the application ended with ${child.exitCode}`)
  return JSON.parse(said.slice(WARM.length))
}

export const LOAD_HEADS = ['requests', 'p50', 'p99', 'longest', 'failed'] as const

/** The cells of a load. */
export function cells(load: Load): string[] {
  const times = [50, 99, 100].map((percent) => milliseconds(percentile(load, percent)))
  return [String(load.latencies.length), ...times, String(failures(load))]
}

/** What so many of a hundred stay within. */
export function percentile({ latencies }: Load, percent: number): number {
  return latencies[Math.ceil((latencies.length * percent) / 100) - 1] ?? Number.NaN
}

export function failures({ errors }: Load): number {
  return Object.values(errors).reduce((sum, count) => sum + count, 0)
}
