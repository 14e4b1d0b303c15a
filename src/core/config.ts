import { existsSync, readFileSync } from 'node:fs'
import { dirname, isAbsolute, join, resolve } from 'node:path'
import { parseEnv } from 'node:util'
import { MigrateError } from './errors.ts'
import { DIALECTS } from './migrations.ts'
import { shortest } from './text.ts'

/** Where the database and the migrations are, as far as anybody has said. */
export interface Settings {
  /** A URL or a path. */
  readonly database?: string
  /** The folder of the migrations. */
  readonly dir?: string
}

/** What is said to `loadSettings`. */
export interface SettingsOptions extends Settings {
  /** A config file; without, the first of config.yml, config.yaml and config.json in `cwd`. */
  readonly config?: string
  /** Environment; `.env` in `cwd` adds what it lacks. Default: `process.env`, to which `.env` is added too. */
  readonly env?: NodeJS.ProcessEnv
  readonly cwd?: string
}

const NAMES = ['config.yml', 'config.yaml', 'config.json']

/**
 * Finds out where the database and the migrations are. Order of precedence: what is given here, the environment
 * (`DATABASE_URL`, also from `.env`), the config file. What nobody says stays open.
 *
 * @throws CONFIG
 */
export async function loadSettings(options: SettingsOptions = {}): Promise<Settings> {
  const { env = process.env, cwd = '.' } = options
  loadEnvFile(join(cwd, '.env'), env)
  const file = options.config ?? NAMES.map((name) => join(cwd, name)).find((path) => existsSync(path))
  const config = file === undefined ? {} : await readConfig(file, env)
  const database = options.database ?? (env.DATABASE_URL || config.database)
  const dir = options.dir ?? config.dir
  return { ...(database !== undefined && { database }), ...(dir !== undefined && { dir }) }
}

/** What the environment has goes before what the file says. */
function loadEnvFile(file: string, env: NodeJS.ProcessEnv): void {
  if (!existsSync(file)) return
  for (const [name, value] of Object.entries(parseEnv(read(file)))) env[name] ??= value
}

/** Nexflow's own section: `database: { type, path, migrations_path }`. Paths are relative to the file's folder. */
async function readConfig(file: string, env: NodeJS.ProcessEnv): Promise<Settings> {
  const refuse = (message: string, hint: string) =>
    new MigrateError('CONFIG', `${shortest(file)}: ${message}`, { file: shortest(file), hint })
  const document = await parse(file, refuse)
  const section = isRecord(document) ? document.database : undefined
  if (section === undefined || section === null) return {}
  if (!isRecord(section))
    throw refuse('"database" is no section', 'write database: { type: sqlite, path: FILE }')

  const text = (key: string): string | undefined => {
    const value = section[key]
    if (value === undefined || value === null) return undefined
    if (typeof value !== 'string') throw refuse(`database.${key} is no text`, `write it in quotes`)
    return value.replace(/\$\{(\w+)\}/g, (_, name: string) => {
      const found = env[name]
      if (found !== undefined) return found
      throw refuse(
        `the environment has no ${name}, which database.${key} names`,
        `set ${name}, or add it to .env`,
      )
    })
  }
  const type = text('type')
  const path = text('path')
  const dir = text('migrations_path')
  if (type !== undefined && !DIALECTS.some((dialect) => dialect === type)) {
    throw refuse(`database.type is ${type}`, `write one of ${DIALECTS.join(', ')}`)
  }
  const postgres = path !== undefined && /^postgres(ql)?:/.test(path)
  if (path !== undefined && type !== undefined && postgres !== (type === 'postgres')) {
    throw refuse(
      `database.type is ${type} and database.path is not`,
      'write a path for sqlite, and a URL postgres://… for postgres',
    )
  }
  const database =
    path === undefined || postgres || /^(sqlite:|:memory:)/.test(path) ? path : near(file, path)
  return {
    ...(database !== undefined && { database }),
    ...(dir !== undefined && { dir: near(file, dir) }),
  }
}

async function parse(
  file: string,
  refuse: (message: string, hint: string) => MigrateError,
): Promise<unknown> {
  const text = read(file)
  try {
    return file.endsWith('.json') ? JSON.parse(text) : (await import('yaml')).parse(text)
  } catch (cause) {
    throw refuse(`it cannot be read: ${(cause as Error).message.split('\n')[0]}`, 'correct the file')
  }
}

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (cause) {
    throw new MigrateError('CONFIG', `cannot read ${file}: ${(cause as Error).message}`, {
      file,
      hint: 'name another with --config, or let this user read it',
      cause,
    })
  }
}

function near(file: string, path: string): string {
  return isAbsolute(path) ? path : shortest(resolve(dirname(file), path))
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
