import type { EventEmitter } from 'node:events'
import { readFileSync } from 'node:fs'
import { homedir, userInfo } from 'node:os'
import { join } from 'node:path'
import pg, { type Client, type ClientBase, type ClientConfig, type Pool } from 'pg'
import { type ConnectionOptions, parse, toClientConfig } from 'pg-connection-string'
import { MigrateError } from '../../core/errors.ts'
import { isPool } from '../target.ts'
import { fromPostgres } from './errors.ts'

/** Milliseconds to wait for a connection, where neither the URL nor PGCONNECT_TIMEOUT says. */
const CONNECT_TIMEOUT = 10_000

/**
 * Connects to a server.
 *
 * @throws CONFIG, CONNECTION, AUTHENTICATION
 */
export function connect(url: string): Promise<Client> {
  return tryEach(clientConfigs(url), async (config) => {
    const client = new pg.Client(config)
    await client.connect()
    return client
  })
}

/**
 * Connects to a server with a pool of connections.
 *
 * @throws CONFIG, CONNECTION, AUTHENTICATION
 */
export function connectPool(url: string): Promise<Pool> {
  return tryEach(clientConfigs(url), async (config) => {
    const pool = new pg.Pool(config)
    ;(await pool.connect()).release()
    return pool
  })
}

/**
 * Connects a second time to where a handle is connected: the caller's pool may have no connection left.
 *
 * @param url what the handle was connected to, if it was here
 * @throws the errors of the connection
 */
export async function connectAgain(native: Pool | ClientBase, url: string | undefined): Promise<Client> {
  if (url !== undefined) return connect(url)
  const { host, port, user, password, database, ssl } = native as Client & { password?: string }
  // A pool hides its password from whoever copies its options.
  const options = isPool(native) ? native.options : { host, port, user, password, database, ssl }
  const client = new pg.Client(options as ClientConfig)
  client.on('error', () => {})
  await client.connect()
  return client
}

/** The second way to connect is for a server that the first one asks for SSL in vain. */
async function tryEach<T extends Client | Pool>(
  configs: readonly ClientConfig[],
  connectWith: (config: ClientConfig) => Promise<T>,
): Promise<T> {
  for (const [i, config] of configs.entries()) {
    try {
      const native = await connectWith(config)
      // What ends a connection between two queries is told by the next query.
      const events: EventEmitter = native
      events.on('error', () => {})
      return native
    } catch (error) {
      if (i + 1 < configs.length && /does not support SSL/.test(String(error))) continue
      throw fromPostgres(error, nameOf(config)) ?? error
    }
  }
  throw new Error('there is no way to connect')
}

/** How people are told which database it is: no user, no password. */
export function nameOf({ host, port, database }: ClientConfig): string {
  return host?.startsWith('/')
    ? `postgres:///${database}?host=${host}`
    : `postgres://${host}:${port ?? 5432}/${database}`
}

/**
 * How `pg` is to connect, from a URL with libpq's parameters, libpq's environment and a service file
 * (postgresql.org/docs/current/libpq-connect.html, libpq-envars.html, libpq-pgservice.html).
 *
 * @returns ways to try, one after the other: two for `sslmode=prefer`, which takes an unencrypted connection too
 * @throws CONFIG
 */
function clientConfigs(url: string): ClientConfig[] {
  const mode = /[?&]sslmode=/.test(url) ? undefined : process.env.PGSSLMODE
  const given = parseUrl(mode === undefined ? url : `${url}${url.includes('?') ? '&' : '?'}sslmode=${mode}`)
  const service = readService(String(given.service ?? process.env.PGSERVICE ?? ''))
  const timeout = given.connect_timeout ?? process.env.PGCONNECT_TIMEOUT
  const user = given.user || service.user || process.env.PGUSER || userInfo().username
  const config: ClientConfig = {
    ...toClientConfig({
      ...given,
      user,
      host: given.host || service.host || null,
      port: given.port || service.port || null,
      password: given.password || service.password || '',
      database: given.database || service.dbname || process.env.PGDATABASE || user,
    }),
    connectionTimeoutMillis: timeout === undefined ? CONNECT_TIMEOUT : Number(timeout) * 1000,
    application_name: given.application_name ?? process.env.PGAPPNAME ?? 'nexflow-migrate',
  }
  if (given.sslmode === 'allow') return [{ ...config, ssl: false }]
  return given.sslmode === 'prefer' ? [config, { ...config, ssl: false }] : [config]
}

/** The parameters of a URL that libpq has a variable for, and that a connection does not tell afterwards. */
const VARIABLES: Readonly<Record<string, string>> = {
  sslmode: 'PGSSLMODE',
  sslrootcert: 'PGSSLROOTCERT',
  sslcert: 'PGSSLCERT',
  sslkey: 'PGSSLKEY',
  options: 'PGOPTIONS',
  connect_timeout: 'PGCONNECT_TIMEOUT',
}

/**
 * The environment in which libpq's own programs connect as an open connection has. The password stands there and not
 * among the arguments, which every user of the machine can read.
 *
 * @param url what was connected to, if it was here
 */
export function libpqEnv(client: ClientBase, url: string | undefined): NodeJS.ProcessEnv {
  const { host, port, user, database, password, ssl } = client as Client
  // What a service says would go before all of these; it is in them already.
  const { PGSERVICE: _, ...env } = process.env
  const parameters = new URLSearchParams(url?.replace(/^[^?]*/, ''))
  for (const [name, variable] of Object.entries(VARIABLES)) {
    const value = parameters.get(name)
    if (value !== null) env[variable] = value
  }
  if (url === undefined && ssl) env.PGSSLMODE = 'require'
  return {
    ...env,
    PGHOST: host,
    PGPORT: String(port),
    PGDATABASE: database ?? '',
    PGAPPNAME: 'nexflow-migrate',
    ...(user !== undefined && { PGUSER: user }),
    ...(typeof password === 'string' && { PGPASSWORD: password }),
  }
}

/** The modes of sslmode mean what libpq says they mean: `require` encrypts and does not verify. */
function parseUrl(url: string): ConnectionOptions {
  try {
    return parse(url, { useLibpqCompat: !url.includes('uselibpqcompat=') })
  } catch (cause) {
    const unreadable = (cause as { code?: string }).code === 'ERR_INVALID_URL'
    const words = unreadable ? 'it is no URL' : (cause as Error).message
    throw new MigrateError('CONFIG', `the URL of the PostgreSQL database cannot be used: ${words}`, {
      hint: 'write postgres://user:password@host:5432/name, with %40 for @, %3A for : and %2F for / in the password',
    })
  }
}

/** A section of the service file, `~/.pg_service.conf` or what PGSERVICEFILE names. */
function readService(name: string): Record<string, string> {
  if (name === '') return {}
  const file = process.env.PGSERVICEFILE ?? join(homedir(), '.pg_service.conf')
  const lines = readLines(file)
  const start = lines.indexOf(`[${name}]`) + 1
  if (start === 0) {
    throw new MigrateError('CONFIG', `there is no service ${name} in ${file}`, {
      hint: 'correct PGSERVICE, or name the service file with PGSERVICEFILE',
    })
  }
  const section: Record<string, string> = {}
  for (const line of lines.slice(start)) {
    if (line.startsWith('[')) break
    const [, key, value] = /^(\w+)\s*=\s*(.*)$/.exec(line) ?? []
    if (key !== undefined && value !== undefined) section[key] = value
  }
  return section
}

function readLines(file: string): string[] {
  try {
    return readFileSync(file, 'utf8')
      .split('\n')
      .map((line) => line.trim())
  } catch {
    return []
  }
}
