import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'

/** What run.ts has made of `src/cli/bin.ts`. */
export const BIN = process.env.TEST_BIN ?? join(import.meta.dirname, '../src/cli/bin.ts')

/** Hundreds of processes start: each but the first finds its code compiled. */
const CACHE = join(import.meta.dirname, '../node_modules/.cache/nexflow-test')

export interface Run {
  readonly status: number | null
  readonly stdout: string
  readonly stderr: string
}

export interface RunOptions {
  readonly cwd?: string
  readonly env?: Record<string, string>
  /** Run as this user. */
  readonly uid?: number
}

/** Starts the command line as a process of its own, with nothing of this machine's settings. */
export function start(args: readonly string[], { cwd, env = {}, uid }: RunOptions = {}): ChildProcess {
  return spawn(process.execPath, [BIN, ...args], {
    cwd,
    env: { PATH: process.env.PATH, HOME: process.env.HOME, NODE_COMPILE_CACHE: CACHE, ...env },
    ...(uid !== undefined && { uid, gid: uid }),
    stdio: ['ignore', 'pipe', 'pipe'],
  })
}

/** Runs the command line to its end. */
export async function run(args: readonly string[], options: RunOptions = {}): Promise<Run> {
  const child = start(args, options)
  if (child.stdout === null || child.stderr === null) throw new Error('the process has no output')
  const [stdout, stderr, [status]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, 'exit'),
  ])
  return { status, stdout, stderr }
}

/** Runs it with `--json` and gives the one document that it prints. */
export async function json(
  args: readonly string[],
  options: RunOptions = {},
): Promise<{ status: number | null; document: Document }> {
  const { status, stdout } = await run([...args, '--json'], options)
  return { status, document: JSON.parse(stdout) }
}

/** What `--json` prints, as far as the tests look at it. */
export interface Document {
  readonly applied?: readonly { id: string }[]
  readonly rolledBack?: readonly { id: string }[]
  readonly upToDate?: boolean
  readonly error?: {
    code: string
    message: string
    hint?: string
    file?: string
    line?: number
    column?: number
  }
}
