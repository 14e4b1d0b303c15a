import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { basename } from 'node:path'
import { text } from 'node:stream/consumers'
import { type Command, ENV } from '../measure.ts'

/** Milliseconds between two looks at the memory of what runs; the system keeps each process's peak itself. */
const LOOK = 50

/** What a way took. */
export interface Took {
  readonly ms: number
  /** Bytes of resident memory at the peak, of all its processes that ran at once; where the system tells. */
  readonly peak: number | undefined
}

/** Starts a program and waits for its end. */
export type Start = (command: Command) => Promise<void>

/** Measures all programs that `work` starts. */
export async function watched(work: (start: Start) => Promise<void>): Promise<Took> {
  const groups = new Set<number>()
  let peak = 0
  const watch = setInterval(() => {
    peak = Math.max(peak, peakOf(groups))
  }, LOOK)
  const begin = performance.now()
  try {
    await work((command) => runInGroup(command, groups))
    return { ms: performance.now() - begin, peak: existsSync('/proc/self/stat') ? peak : undefined }
  } finally {
    clearInterval(watch)
  }
}

async function runInGroup([program = '', ...args]: Command, groups: Set<number>): Promise<void> {
  const child = spawn(program, args, { env: ENV, stdio: ['ignore', 'ignore', 'pipe'], detached: true })
  const group = child.pid
  if (group !== undefined) groups.add(group)
  try {
    const [[status], stderr] = await Promise.all([once(child, 'close'), text(child.stderr)])
    if (status !== 0) throw new Error(`${basename(program)} ended with ${status}: ${stderr}`)
  } finally {
    if (group !== undefined) groups.delete(group)
  }
}

/** The sum of the peaks of all processes in these groups. */
function peakOf(groups: ReadonlySet<number>): number {
  if (groups.size === 0 || !existsSync('/proc/self/stat')) return 0
  let sum = 0
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue
    try {
      // After the program's name, which may have any character: state, parent, group.
      const stat = readFileSync(`/proc/${name}/stat`, 'utf8')
      const group = Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[2])
      if (!groups.has(group)) continue
      const [, kilobytes = '0'] =
        /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${name}/status`, 'utf8')) ?? []
      sum += Number(kilobytes) * 1024
    } catch {
      // It has ended meanwhile.
    }
  }
  return sum
}

/** One thing to do, when those that it needs are done. */
export interface Job {
  readonly name: string
  readonly needs: readonly string[]
  run(start: Start): Promise<void>
}

/** Runs jobs in their order, so many at a time. */
export async function inLanes(lanes: number, jobs: readonly Job[], start: Start): Promise<void> {
  const waiting = [...jobs]
  const done = new Set<string>()
  const running = new Map<string, Promise<void>>()
  const run = async (job: Job) => {
    await job.run(start)
    running.delete(job.name)
    done.add(job.name)
  }
  try {
    while (waiting.length + running.size > 0) {
      const next = waiting.findIndex(({ needs }) => needs.every((name) => done.has(name)))
      if (running.size === lanes || next === -1) {
        if (running.size === 0) throw new Error(`${waiting[0]?.name} waits for what is never done`)
        await Promise.race(running.values())
        continue
      }
      for (const job of waiting.splice(next, 1)) running.set(job.name, run(job))
    }
  } finally {
    await Promise.allSettled(running.values())
  }
}
