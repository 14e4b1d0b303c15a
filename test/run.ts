// Starts the databases and runs the tests: `node test/run.ts [FILE …] [-- options of node --test]`
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, statfsSync } from 'node:fs'
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

const FAST = ['-c', 'fsync=off', '-c', 'full_page_writes=off', '-c', 'max_connections=300']

async function withServers(
  majors: readonly Major[],
  work: (servers: Server[]) => Promise<number>,
): Promise<number> {
  const [major, ...rest] = majors
  if (major === undefined) return work([])
  return withServer(major, FAST, (server) => withServers(rest, (others) => work([server, ...others])))
}

async function test(servers: readonly Server[]): Promise<number> {
  const args = ['--test', '--test-concurrency=2', ...words.slice(split + 1), ...files]
  // What the machine says of its own databases is none of the tests' business.
  const kept = Object.entries(process.env).filter(([name]) => !/^PG|^DATABASE_URL$/.test(name))
  const env = { ...Object.fromEntries(kept), TEST_SERVERS: JSON.stringify(servers) }
  const child = spawn(process.execPath, args, { stdio: 'inherit', env })
  const [code] = await once(child, 'exit')
  return code ?? 1
}

const missing = missingPrograms()
if (missing.length > 0 && process.env.TEST_PROGRAMS === 'required') {
  throw new Error(`these programs must be here:\n${missing.join('\n')}`)
}
const given = process.env.TEST_POSTGRES_URL
process.exitCode =
  given === undefined
    ? await withServers([15, 18], test)
    : await test([{ label: 'postgres of TEST_POSTGRES_URL', url: given.replace(/(?<=[^/])\/[^/]*$/, '') }])
for (const line of missing) console.log(line)
