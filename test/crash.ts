// Kills the program thousands of times and looks at what is left:
//   npm run crash -- [--kills N] [--seed S] [--dialect sqlite|postgres] [--lanes N]
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { copyFileSync, existsSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { setTimeout as pause } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import pg from 'pg'
import { build } from 'rolldown'
import { down, type MigrationFile, up } from '../src/index.ts'
import { filesOf, type History, historyOf, type Random, randomOf, type Step } from './crash-history.ts'
import type { Job, Operation, Said } from './crash-worker.ts'
import type { Kind } from './matrix.ts'
import { onServer, withServer } from './servers.ts'

export interface CrashOptions {
  readonly kills: number
  readonly seed: number
  /** Databases that are worked on at the same time. */
  readonly lanes: number
  /** Kills on one history; then comes the next. */
  readonly each?: number
  readonly onProgress?: (kills: number) => void
}

/** What came of it: how many were killed, and how often in the middle of something. */
export interface Crashes {
  kills: number
  /** A script outside a transaction was half done. */
  interrupted: number
  /** Its statement was begun, and how it ended had to be found out. */
  doubtful: number
  /** An index that an interrupted build had left. */
  invalid: number
}

/** Kills workers until there were so many, and checks the database after each. */
export async function crash(kind: Kind, options: CrashOptions): Promise<Crashes> {
  const { kills, seed, lanes, each = 125, onProgress = () => {} } = options
  const crashes: Crashes = { kills: 0, interrupted: 0, doubtful: 0, invalid: 0 }
  const { withFolder } = await import('./matrix.ts')
  await withFolder(async (folder) => {
    const worker = await bundle(folder)
    await warm(kind, worker)
    const seeds = Array.from({ length: Math.ceil(kills / each) }, (_, i) => seed + i)
    const lane = async () => {
      for (let next = seeds.shift(); next !== undefined; next = seeds.shift()) {
        const before = crashes.kills
        await onHistory(kind, next, Math.min(each, kills), worker, crashes)
        onProgress(crashes.kills - before)
      }
    }
    await Promise.all(Array.from({ length: lanes }, lane))
  })
  return crashes
}

/** The worker in one file starts in half the time. */
async function bundle(folder: string): Promise<string> {
  symlinkSync(join(import.meta.dirname, '../node_modules'), join(folder, 'node_modules'))
  await build({
    input: join(import.meta.dirname, 'crash-worker.ts'),
    platform: 'node',
    external: /^(node:|libpg-query|yaml|pg-native)/,
    logLevel: 'silent',
    output: {
      dir: join(folder, 'worker'),
      format: 'esm',
      entryFileNames: '[name].mjs',
      chunkFileNames: '[name].mjs',
    },
  })
  return join(folder, 'worker', 'crash-worker.mjs')
}

/** One comes through, so that the others find its code compiled. */
async function warm({ dialect, scratch }: Kind, worker: string): Promise<void> {
  const migrations = filesOf(historyOf(dialect, 0, 8))
  const victims = new Victims(worker)
  await scratch(({ url: database }) =>
    victims.run({ dialect, database, migrations, operations: ['up', 'down all', 'open'], killAt: 0 }),
  ).finally(() => victims.close())
}

/** What is found in a database. */
interface Sight {
  /** Tables, columns, indexes, keys and rows, without what is this tool's own. */
  readonly content: string
  readonly applied: readonly string[]
  readonly note: { id: string; direction: 'up' | 'down'; done: number; started: boolean } | undefined
  readonly stashes: number
  readonly invalid: readonly string[]
}

/** How a database is looked at from outside, and what an application writes to it. */
interface Eye {
  look(): Promise<Sight>
  write(statements: readonly string[]): Promise<void>
  /** Waits until the server has done with a process that is gone, or ends what it does for it. */
  settle(terminate: boolean): Promise<void>
  /** A copy of the database, on which statements are run one by one: what is there before and after each. */
  stepThrough(statements: readonly string[]): Promise<string[]>
  close(): Promise<void>
}

const OWN = 'schema_migrations'

type Rows = readonly Record<string, unknown>[]

/** A line for each thing that is not made of others. */
function linesOf(content: unknown): string[] {
  if (!Array.isArray(content)) return [JSON.stringify(content)]
  return content.flatMap((part) => linesOf(part))
}

/** Fails with the lines in which two contents differ, and no others. */
function assertSame(actual: string, expected: string | undefined, where: string): void {
  if (actual === expected) return
  const [is, should] = [actual.split('\n'), (expected ?? '').split('\n')]
  const less = should.filter((line) => !is.includes(line)).map((line) => `- ${line}`)
  const more = is.filter((line) => !should.includes(line)).map((line) => `+ ${line}`)
  throw new Error(`${where}:\n${[...less, ...more].join('\n') || 'the same lines in another order'}`)
}

function sightOf(content: unknown, own: { applied: Rows; notes: Rows }, invalid: readonly string[]): Sight {
  const notes = new Map(own.notes.map(({ name, value }) => [String(name), String(value)]))
  const note = notes.get('interrupted')
  return {
    content: linesOf(content).join('\n'),
    applied: own.applied.map(({ version }) => String(version)),
    note: note === undefined ? undefined : JSON.parse(note),
    stashes: [...notes.keys()].filter((name) => name.startsWith('stash')).length,
    invalid,
  }
}

function sqliteEye(path: string): Eye {
  const look = (file: string): Sight => {
    if (!existsSync(file)) return sightOf([], { applied: [], notes: [] }, [])
    const database = new DatabaseSync(file, { timeout: 10_000 })
    const all = (sql: string): Rows => database.prepare(sql).all()
    const [integrity] = all('PRAGMA integrity_check')
    assert.equal(integrity?.integrity_check, 'ok')
    const names = all(
      `SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite%' ORDER BY name`,
    ).map(({ name }) => String(name))
    const content = names
      .filter((name) => !name.startsWith(OWN))
      .map((name) => [
        name,
        all(`SELECT name, type, "notnull", dflt_value, pk FROM pragma_table_info('${name}')`),
        all(`SELECT "from", "table", "to", on_delete FROM pragma_foreign_key_list('${name}')`),
        all(
          `SELECT name, sql FROM sqlite_schema WHERE type = 'index' AND tbl_name = '${name}' ORDER BY name`,
        ),
        all(`SELECT * FROM "${name}"`)
          .map((row) => JSON.stringify(row))
          .sort(),
      ])
    const applied = names.includes(OWN) ? all(`SELECT version FROM ${OWN} ORDER BY id`) : []
    const notes = names.includes(`${OWN}_state`) ? all(`SELECT name, value FROM ${OWN}_state`) : []
    // In the middle of a rebuild outside a transaction, rows refer to a table that is not there.
    const dangling = all('PRAGMA foreign_key_check').map((row) => ({ ...row }))
    database.close()
    return sightOf([...content, dangling], { applied, notes }, [])
  }
  const run = (file: string, each: (database: DatabaseSync) => void) => {
    const database = new DatabaseSync(file, { timeout: 10_000, enableForeignKeyConstraints: false })
    each(database)
    database.close()
  }
  return {
    look: async () => look(path),
    write: async (statements) => run(path, (database) => database.exec(statements.join(';'))),
    settle: async () => {},
    stepThrough: async (statements) => {
      const copy = `${path}-${process.hrtime.bigint()}`
      copyFileSync(path, copy)
      return [
        look(copy).content,
        ...statements.map((statement) => {
          run(copy, (database) => database.exec(statement))
          return look(copy).content
        }),
      ]
    },
    close: async () => {},
  }
}

const POSTGRES_CONTENT = `
  SELECT relname AS name, attname AS part, format_type(atttypid, atttypmod) AS is, attnotnull::text AS more, pg_get_expr(adbin, adrelid) AS rest
  FROM pg_class JOIN pg_attribute ON attrelid = pg_class.oid LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
  WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' AND attnum > 0 AND NOT attisdropped AND NOT starts_with(relname, '${OWN}')
  UNION ALL
  SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid), convalidated::text, NULL FROM pg_constraint
  WHERE connamespace = 'public'::regnamespace AND contype <> 'n' AND NOT starts_with(conrelid::regclass::text, '${OWN}')
  UNION ALL
  SELECT indrelid::regclass::text, indexrelid::regclass::text, pg_get_indexdef(indexrelid), 'index', indisvalid::text FROM pg_index
  JOIN pg_class ON pg_class.oid = indexrelid WHERE relnamespace = 'public'::regnamespace AND NOT starts_with(indrelid::regclass::text, '${OWN}')
  ORDER BY 1, 2, 3`

function postgresEye(url: string): Eye {
  let open: Promise<pg.Client> | undefined
  const connected = async (to: string) => {
    const client = new pg.Client({ connectionString: to, application_name: 'the eye' })
    await client.connect()
    return client
  }
  const here = () => {
    open ??= connected(url)
    return open
  }
  const look = async (client: pg.Client): Promise<Sight> => {
    const all = async (sql: string): Promise<Rows> => (await client.query(sql)).rows
    const things = await all(POSTGRES_CONTENT)
    const isInvalid = (row: Record<string, unknown>) => row.more === 'index' && row.rest === 'false'
    const tables = new Set(things.map(({ name }) => String(name)))
    const own = new Set(
      (await all(`SELECT relname FROM pg_class WHERE starts_with(relname, '${OWN}')`)).map(
        ({ relname }) => relname,
      ),
    )
    const rows = [...tables].map(
      (name) => `SELECT '${name}' AS name, to_jsonb(t)::text COLLATE "C" AS row FROM ${name} AS t`,
    )
    const content = [
      things.filter((row) => !isInvalid(row)),
      rows.length > 0 ? await all(`${rows.join(' UNION ALL ')} ORDER BY 1, 2`) : [],
    ]
    const applied = own.has(OWN) ? await all(`SELECT version FROM ${OWN} ORDER BY id`) : []
    const notes = own.has(`${OWN}_state`) ? await all(`SELECT name, value FROM ${OWN}_state`) : []
    return sightOf(
      content,
      { applied, notes },
      things.filter(isInvalid).map(({ part }) => String(part)),
    )
  }
  const eye: Eye = {
    look: async () => look(await here()),
    write: async (statements) => {
      await (await here()).query(statements.join(';'))
    },
    settle: async (terminate) => {
      const others = `FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'nexflow-migrate'`
      const client = await here()
      if (terminate) await client.query(`SELECT pg_terminate_backend(pid) ${others}`)
      while ((await client.query(`SELECT 1 ${others}`)).rows.length > 0) await pause(2)
    },
    stepThrough: async (statements) => {
      await eye.settle(false)
      await eye.close()
      const name = new URL(url).pathname.slice(1)
      const server = url.slice(0, -name.length)
      const copy = `${name}_copy`
      await onServer(`${server}postgres`, `CREATE DATABASE ${copy} TEMPLATE ${name}`)
      const client = await connected(`${server}${copy}`)
      const seen = [(await look(client)).content]
      for (const statement of statements) {
        await client.query(statement)
        seen.push((await look(client)).content)
      }
      await client.end()
      await onServer(`${server}postgres`, `DROP DATABASE ${copy} WITH (FORCE)`)
      return seen
    },
    close: async () => {
      await (await open)?.end()
      open = undefined
    },
  }
  return eye
}

/** An empty database, looked at from outside. */
function withEye<T>({ dialect, scratch }: Kind, work: (eye: Eye, url: string) => Promise<T>): Promise<T> {
  return scratch(async ({ url }) => {
    const eye = dialect === 'sqlite' ? sqliteEye(url.slice('sqlite:'.length)) : postgresEye(url)
    try {
      return await work(eye, url)
    } finally {
      await eye.close()
    }
  })
}

/** What a database may look like: after so many migrations, and inside a script that runs outside a transaction. */
interface Model {
  readonly levels: string[]
  readonly inside: Map<string, string[]>
}

/** Goes up, down and up again without being killed, and writes down what there is on the way. */
async function modelsOf(
  kind: Kind,
  history: History,
  migrations: MigrationFile[],
): Promise<{ bare: Model; full: Model }> {
  return withEye(kind, async (eye, database) => {
    const bare: Model = { levels: [], inside: new Map() }
    const full: Model = { levels: [], inside: new Map() }
    const content = async () => (await eye.look()).content
    const through = async (model: Model, direction: 'up' | 'down', step: Step) => {
      if (step.outside) model.inside.set(`${direction} ${step.id}`, await eye.stepThrough(step[direction]))
    }
    const climb = async (model: Model) => {
      const levels = [await content()]
      for (const step of history.steps) {
        await through(model, 'up', step)
        const { warnings } = await up({ database, migrations, steps: 1 })
        assert.deepEqual(warnings, [])
        levels.push(await content())
      }
      return levels
    }
    bare.levels.push(...(await climb(bare)))
    await eye.write(history.rows)
    full.levels.unshift(await content())
    for (const step of history.steps.toReversed()) {
      await through(full, 'down', step)
      await down({ database, migrations })
      full.levels.unshift(await content())
    }
    const again = await climb(full)
    for (const [i, level] of again.entries())
      assertSame(level, full.levels[i], `level ${i} is another on the way up`)
    return { bare, full }
  })
}

/** Processes that can be killed: one works, the next one is starting. */
class Victims {
  readonly #file: string
  #next: ChildProcess | undefined

  constructor(file: string) {
    this.#file = file
    this.#next = this.#start()
  }

  #start(): ChildProcess {
    const flags = ['--no-wasm-dynamic-tiering', '--no-wasm-tier-up']
    return spawn(process.execPath, [...flags, this.#file], {
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
      env: { PATH: process.env.PATH, NODE_COMPILE_CACHE: `${this.#file}-cache` },
    })
  }

  /**
   * Gives one a job and kills it after so many milliseconds, if it has not killed itself.
   *
   * @returns how many calls of the driver it took to come to the end; undefined if it did not
   */
  async run(job: Job, killAfter?: number): Promise<number | undefined> {
    const child = this.#next ?? this.#start()
    this.#next = child
    const exit = once(child, 'exit')
    let timer: NodeJS.Timeout | undefined
    const ended = new Promise<Said>((resolve) => {
      child.on('message', (said: Said) => {
        if (said !== 'begun') return resolve(said)
        if (killAfter !== undefined) timer = setTimeout(() => child.kill('SIGKILL'), killAfter)
      })
    })
    child.send(job)
    const said = await Promise.race([ended, exit.then(() => undefined)])
    clearTimeout(timer)
    child.removeAllListeners('message')
    if (said !== undefined && said !== 'begun' && !child.killed) {
      if (said.error !== undefined) throw new Error(`a worker failed: ${said.error}`)
      return said.calls
    }
    this.#next = this.#start()
    assert.deepEqual(await exit, [null, 'SIGKILL'])
    return undefined
  }

  async close(): Promise<void> {
    const child = this.#next
    if (child === undefined) return
    const exit = once(child, 'exit')
    child.kill('SIGKILL')
    await exit
  }
}

/** One history on one database, killed so many times. */
async function onHistory(
  kind: Kind,
  seed: number,
  kills: number,
  worker: string,
  crashes: Crashes,
): Promise<void> {
  const random = randomOf(seed)
  const history = historyOf(kind.dialect, seed, 5 + random(4))
  const migrations = filesOf(history)
  const victims = new Victims(worker)
  try {
    const models = await modelsOf(kind, history, migrations)
    await withEye(kind, async (eye, database) => {
      const lane = new Lane({ kind, database, migrations, history, models, eye, random, victims, crashes })
      await lane.killTimes(kills)
    })
  } catch (error) {
    const files = migrations.map(({ name, sql }) => `-- ${name}\n${sql}`).join('\n')
    throw new Error(`${files}\nseed ${seed} on ${kind.label}: ${(error as Error).stack}`, { cause: error })
  } finally {
    await victims.close()
  }
}

interface LaneOptions {
  readonly kind: Kind
  readonly database: string
  readonly migrations: MigrationFile[]
  readonly history: History
  readonly models: { bare: Model; full: Model }
  readonly eye: Eye
  readonly random: Random
  readonly victims: Victims
  readonly crashes: Crashes
}

/** Kills on one database. */
class Lane {
  readonly #on: LaneOptions
  #model: Model
  #left = 0

  constructor(on: LaneOptions) {
    this.#on = on
    this.#model = on.models.bare
  }

  async killTimes(kills: number): Promise<void> {
    const { eye, history, models, random } = this.#on
    this.#left = kills
    // From nothing, until one has come through.
    for (let call = 1; await this.#kill([random(2) ? 'up' : 'open'], call); call++);
    await this.#top()
    await eye.write(history.rows)
    this.#model = models.full
    await this.#top()
    await this.#atEachCall()
    while (this.#left > 0) await this.#atAnyTime()
    await this.#finish()
  }

  /** Down to nothing and up again, killed at the first call of the driver, at the second, and so on. */
  async #atEachCall(): Promise<void> {
    const { random } = this.#on
    const calls = Math.max(await this.#unkilled(['down all']), await this.#unkilled(['up']))
    await this.#top()
    const budget = Math.floor(0.6 * this.#left)
    const stride = Math.max(1, Math.ceil((1.7 * calls) / budget))
    for (let call = 1 + random(stride); call <= calls && this.#left > 0; call += stride) {
      await this.#kill(['down all'], call)
      if (random(8) === 0) await this.#empty()
      if (random(3) === 0) await this.#finish()
      await this.#kill([random(2) ? 'up' : 'open'], call)
      if (random(3) > 0) await this.#finish()
    }
  }

  /** The next "down" goes on by itself too, where an "up" was not what was killed. */
  async #empty(): Promise<void> {
    const { database, migrations } = this.#on
    if ((await this.#check()).note?.direction === 'up') await this.#finish()
    await down({ database, migrations, all: true })
    assert.equal((await this.#check()).applied.length, 0)
  }

  /** Up and down as chance has it, killed at any moment. */
  async #atAnyTime(): Promise<void> {
    const { random } = this.#on
    const all: Operation[] = ['up', 'open', 'down', 'down', 'down all']
    const operations = Array.from({ length: 20 }, () => all[random(all.length)] ?? 'up')
    await this.#kill(operations, 0, random(80))
    if (random(2) === 0) await this.#finish()
  }

  async #unkilled(operations: Operation[]): Promise<number> {
    return (await this.#run(operations, 0)) ?? assert.fail('it died by itself')
  }

  #run(operations: Operation[], killAt: number, killAfter?: number): Promise<number | undefined> {
    const { kind, database, migrations, victims } = this.#on
    return victims.run({ dialect: kind.dialect, database, migrations, operations, killAt }, killAfter)
  }

  /** @returns whether it was killed before it came to its end */
  async #kill(operations: Operation[], killAt: number, killAfter?: number): Promise<boolean> {
    const { eye, random, crashes } = this.#on
    const terminate = random(2) === 0
    const ended = (await this.#run(operations, killAt, killAfter)) !== undefined
    await eye.settle(terminate)
    const { note, invalid } = await this.#check()
    if (ended) return false
    this.#left--
    crashes.kills++
    if (note !== undefined) crashes.interrupted++
    if (note?.started) crashes.doubtful++
    if (invalid.length > 0) crashes.invalid++
    return true
  }

  /** Each script has run once or not at all, and the history says which. */
  async #check(): Promise<Sight> {
    const { eye, history } = this.#on
    const sight = await eye.look()
    const level = sight.applied.length
    const ids = history.steps.map(({ id }) => id)
    assert.deepEqual(sight.applied, ids.slice(0, level))
    const { note } = sight
    if (note === undefined) {
      assertSame(sight.content, this.#model.levels[level], `after ${level} migrations`)
      assert.deepEqual(sight.invalid, [])
      return sight
    }
    const { id, direction, done, started } = note
    assert.equal(id, ids[direction === 'up' ? level : level - 1])
    const seen = this.#model.inside.get(`${direction} ${id}`) ?? []
    const allowed = seen.slice(done, started ? done + 2 : done + 1)
    const where = `${started ? 'in' : 'before'} statement ${done + 1} of ${id} ${direction}, invalid: ${sight.invalid}`
    if (!allowed.includes(sight.content)) assertSame(sight.content, allowed[0], where)
    if (!started) assert.deepEqual(sight.invalid, [], where)
    return sight
  }

  /** The next "up" goes on by itself, and has all there is. */
  async #finish(): Promise<void> {
    const { database, migrations } = this.#on
    const { warnings } = await up({ database, migrations, lockTimeout: 20_000 })
    assert.deepEqual(warnings, [])
    await this.#top()
  }

  async #top(): Promise<void> {
    const { applied, note, stashes } = await this.#check()
    assert.deepEqual([applied.length, note, stashes], [this.#on.history.steps.length, undefined, 0])
  }
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      kills: { type: 'string', default: '10000' },
      seed: { type: 'string', default: String(Date.now() % 1_000_000) },
      dialect: { type: 'string', default: 'sqlite,postgres' },
      lanes: { type: 'string', default: '2' },
      each: { type: 'string', default: '500' },
    },
  })
  const options = {
    kills: Number(values.kills),
    seed: Number(values.seed),
    lanes: Number(values.lanes),
    each: Number(values.each),
    onProgress: (kills: number) => process.stderr.write(`${kills} kills more\n`),
  }
  const flags = ['-c', 'fsync=off', '-c', 'full_page_writes=off', '-c', 'max_connections=300']
  await withServer(18, flags, async (server) => {
    process.env.TEST_SERVERS = JSON.stringify([server])
    const { KINDS } = await import('./matrix.ts')
    for (const kind of KINDS.filter(({ dialect }) => values.dialect.split(',').includes(dialect))) {
      process.stderr.write(`${kind.label}: ${options.kills} kills, repeat them with --seed ${options.seed}\n`)
      const start = Date.now()
      const crashes = await crash(kind, options)
      console.log(kind.label, crashes, `${Math.round((Date.now() - start) / 1000)} s`)
      if (options.kills < 500) continue
      assert.ok(crashes.interrupted > 0, 'no script outside a transaction was hit')
      if (kind.dialect === 'postgres') assert.ok(crashes.doubtful > 0, 'no statement was in doubt')
    }
  })
}

if (import.meta.main) await main()
