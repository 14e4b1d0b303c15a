import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { dirname, join } from 'node:path'
import { text } from 'node:stream/consumers'

/** The built command line, as a user's shell starts it. */
export const BIN = join(import.meta.dirname, '../dist/cli/bin.cjs')

/** A program and its arguments. */
export type Command = readonly string[]

/** Our `up`. */
export function ours(url: string, folder: string): Command {
  return [process.execPath, BIN, 'up', '--database', url, '--dir', folder]
}

/** Nothing of this machine's settings, and the Node of this run for every program that looks for one. */
export const ENV = {
  PATH: `${dirname(process.execPath)}:${process.env.PATH}`,
  HOME: process.env.HOME,
}

interface Ran {
  readonly ms: number
  readonly stdout: string
}

/** Runs a program to its end, which is to be one of those. */
export function run(command: Command, statuses: readonly (number | null)[] = [0]): Ran {
  const [program = '', ...args] = command
  const begin = performance.now()
  const { status, error, stdout, stderr } = spawnSync(program, args, { env: ENV, maxBuffer: 2 ** 26 })
  const ms = performance.now() - begin
  if (error) throw error
  if (!statuses.includes(status)) throw new Error(`${command.join(' ')} ended with ${status}:\n${stderr}`)
  return { ms, stdout: String(stdout) }
}

/** Runs a program to its end while this process goes on with its own, and gives the milliseconds. */
export async function runAside(command: Command): Promise<number> {
  const [program = '', ...args] = command
  const begin = performance.now()
  const child = spawn(program, args, { env: ENV, stdio: ['ignore', 'ignore', 'pipe'] })
  const ended = once(child, 'exit').then(([status]) => ({ status, ms: performance.now() - begin }))
  const [{ status, ms }, stderr] = await Promise.all([ended, text(child.stderr)])
  if (status !== 0) throw new Error(`${command.join(' ')} ended with ${status}:\n${stderr}`)
  return ms
}

/** What `processes/observe.cjs` sees of our command: its peak of memory in bytes, and the packages it loads. */
export function observe([node = '', ...args]: Command): { peak: number; packages: string[] } {
  const observer = join(import.meta.dirname, 'processes/observe.cjs')
  const { status, error, output } = spawnSync(node, ['--require', observer, ...args], {
    env: ENV,
    stdio: ['ignore', 'ignore', 'pipe', 'pipe'],
    maxBuffer: 2 ** 26,
  })
  if (error) throw error
  if (status !== 0) throw new Error(`${args.join(' ')} ended with ${status}:\n${output[2]}`)
  return JSON.parse(String(output[3]))
}

/** One who is measured. */
export interface Runner {
  readonly name: string
  /** Does it once, prepared and cleaned up outside the time. */
  run(): number | Promise<number>
  /** What ours ÷ it may be at most. */
  readonly bound?: number
}

/** Milliseconds, a list for each runner. */
type Times = ReadonlyMap<string, readonly number[]>

/** All run once in each round, back and forth, so that the machine's moods meet them alike. A first round is not counted. */
export async function race(runners: readonly Runner[], rounds: number): Promise<Times> {
  const times = new Map(runners.map(({ name }) => [name, [] as number[]]))
  for (let round = 0; round <= rounds; round++) {
    for (const { name, run } of round % 2 === 0 ? runners : runners.toReversed()) {
      const ms = await run()
      if (round > 0) times.get(name)?.push(ms)
    }
  }
  return times
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = sorted.length >> 1
  const upper = sorted[middle] ?? Number.NaN
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2
}

/** A table of the report. */
export interface Table {
  readonly title: string
  readonly notes: readonly string[]
  readonly heads: readonly string[]
  readonly rows: readonly (readonly string[])[]
}

export const VERDICT = ['bound', 'met'] as const

/** The cells of a bound. */
export function verdict(value: number, bound: number | undefined): string[] {
  if (bound === undefined) return ['', '']
  return [`≤ ${bound}`, value <= bound ? 'yes' : '**no**']
}

/** The times of a race. The first runner is ours. */
export function timeTable(title: string, notes: string[], runners: readonly Runner[], times: Times): Table {
  const mine = times.get(runners[0]?.name ?? '') ?? []
  const rows = runners.map(({ name, bound }, i) => {
    const its = times.get(name) ?? []
    const cells = [
      name,
      milliseconds(median(its)),
      `${Math.round(Math.min(...its))} – ${Math.round(Math.max(...its))}`,
    ]
    if (i === 0) return [...cells, '', '', '']
    const ratio = median(mine.map((ms, round) => ms / (its[round] ?? Number.NaN)))
    return [...cells, ratio.toFixed(2), ...verdict(ratio, bound)]
  })
  return { title, notes, heads: ['', 'median', 'from – to', 'ours ÷ it', ...VERDICT], rows }
}

export function milliseconds(ms: number): string {
  return ms < 10 ? `${ms.toFixed(1)} ms` : `${Math.round(ms)} ms`
}

export function markdown({ title, notes, heads, rows }: Table): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`
  const rule = heads.map((_, i) => (i === 0 ? '---' : '---:'))
  return [
    `### ${title}`,
    '',
    ...notes.flatMap((note) => [note, '']),
    line(heads),
    line(rule),
    ...rows.map(line),
    '',
  ].join('\n')
}
