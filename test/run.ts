// Starts the databases and runs the tests: `node test/run.ts [FILE …] [-- options of node --test]`
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, rmSync, statfsSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { rolldown } from 'rolldown'
import config from '../rolldown.config.ts'
import { missingPrograms } from './programs.ts'
import { type Major, type Server, withServer } from './servers.ts'

const words = process.argv.slice(2)
const split = words.includes('--') ? words.indexOf('--') : words.length
const files = split > 0 ? words.slice(0, split) : ['test/**/*.test.ts']

/** The tests lose no power: what is on a disk and what is in memory is the same to them. */
const MEMORY = '/dev/shm'
const LEAST = 2 * 2 ** 30
if (existsSync(MEMORY)) {
  const { bavail, bsize } = statfsSync(MEMORY)
  if (bavail * bsize > LEAST) process.env.TMPDIR = MEMORY
}

const FAST = [
  'fsync=off',
  'full_page_writes=off',
  'max_connections=300',
  'max_prepared_transactions=9',
].flatMap((setting) => ['-c', setting])

/** Does `work` with the command line in one piece, as it is shipped: a thousand processes start in half the time. */
async function withCommand<T>(work: (bin: string) => Promise<T>): Promise<T> {
  const root = join(import.meta.dirname, '..')
  const folder = join(root, `node_modules/.cache/nexflow-test-${process.pid}`)
  const [, { output, ...input } = {}] = config
  try {
    const bundle = await rolldown(input)
    const dir = join(folder, 'dist/cli')
    await bundle.write({ ...output, dir })
    await bundle.close()
    mkdirSync(folder, { recursive: true })
    for (const beside of ['migrations', 'package.json']) symlinkSync(join(root, beside), join(folder, beside))
    return await work(join(dir, 'bin.cjs'))
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

async function withServers(
  majors: readonly Major[],
  work: (servers: Server[]) => Promise<number>,
): Promise<number> {
  const [major, ...rest] = majors
  if (major === undefined) return work([])
  return withServer(major, FAST, (server) => withServers(rest, (others) => work([server, ...others])))
}

async function test(bin: string, servers: readonly Server[]): Promise<number> {
  const args = ['--test', '--test-concurrency=2', ...words.slice(split + 1), ...files]
  // What the machine says of its own databases is none of the tests' business.
  const kept = Object.entries(process.env).filter(([name]) => !/^PG|^DATABASE_URL$/.test(name))
  const env = { ...Object.fromEntries(kept), TEST_SERVERS: JSON.stringify(servers), TEST_BIN: bin }
  const child = spawn(process.execPath, args, { stdio: 'inherit', env })
  const [code] = await once(child, 'exit')
  return code ?? 1
}

const missing = missingPrograms()
if (missing.length > 0 && process.env.TEST_PROGRAMS === 'required') {
  throw new Error(`these programs must be here:\n${missing.join('\n')}`)
}
const given = process.env.TEST_POSTGRES_URL
process.exitCode = await withCommand((bin) =>
  given === undefined
    ? withServers(process.env.TEST_LONG === undefined ? [18] : [15, 18], (servers) => test(bin, servers))
    : test(bin, [{ label: 'postgres of TEST_POSTGRES_URL', url: given.replace(/(?<=[^/])\/[^/]*$/, '') }]),
)
for (const line of missing) console.log(line)
