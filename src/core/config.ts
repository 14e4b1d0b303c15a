import { existsSync, readFileSync } from 'node:fs'
import { dirname, isAbsolute, join, resolve } from 'node:path'
import { parseEnv } from 'node:util'
import { type BackupPlace, isKeep } from './backup.ts'
import { MigrateError } from './errors.ts'
import { SEVERITIES } from './lint/rule.ts'
import { FAIL_ON, type FailOn, type Severities } from './lint/severity.ts'
import { DIALECTS } from './migrations.ts'
import type { AcceptedPair, Exception } from './schema/pairs.ts'
import { shortest } from './text.ts'

const BEFORE = ['up', 'down', 'always', 'never'] as const

/** When backups are taken by themselves, where they go and how many stay. */
export interface BackupSettings extends Pick<BackupPlace, 'dir' | 'keep'> {
  /** `always`: before `up` and before `down`. Default: `never`. */
  readonly before?: (typeof BEFORE)[number]
}

/** What a project accepts of the differences between SQLite and PostgreSQL. */
export interface AcceptedParity {
  readonly pairs?: readonly AcceptedPair[]
  readonly exceptions?: readonly Exception[]
}

/** How a change waits for the other sessions of a PostgreSQL server, in milliseconds. */
export interface PostgresSettings {
  readonly lockTimeout?: number
  readonly maxWait?: number
  readonly statementTimeout?: number
}

/** What a project asks of `lint`. */
export interface LintSettings {
  /** The severities of rules, by their ids. */
  readonly rules?: Severities
  /** How bad a finding must be for `lint` to fail. Default: `error`. */
  readonly failOn?: FailOn
}

/** What a project says of every transfer of its data. */
export interface TransferSettings {
  /** SQL expressions in the source's dialect that are moved in the place of columns, by `table.column`. */
  readonly map?: Readonly<Record<string, string>>
  /** How columns are masked, by `table.column`: `hash`, `null` or `empty`. */
  readonly mask?: Readonly<Record<string, string>>
  /** Tables that are not moved. */
  readonly exclude?: readonly string[]
}

/** Where the database and the migrations are, as far as anybody has said. */
export interface Settings {
  /** A URL or a path. */
  readonly database?: string
  /** The folder of the migrations. */
  readonly dir?: string
  /** Where shadow databases of PostgreSQL are made: a URL, or the name of a package. */
  readonly shadow?: string
  /** Only the config file says. */
  readonly backup?: BackupSettings
  /** Only the config file says. */
  readonly postgres?: PostgresSettings
  /** Only the config file says. */
  readonly parity?: AcceptedParity
  /** Types that columns get in the other database, by `table.column`. Only the config file says. */
  readonly columns?: Readonly<Record<string, string>>
  /** Only the config file says. */
  readonly lint?: LintSettings
  /** Only the config file says. */
  readonly transfer?: TransferSettings
}

/** What is said to `loadSettings`. */
export interface SettingsOptions
  extends Omit<Settings, 'backup' | 'postgres' | 'parity' | 'columns' | 'lint' | 'transfer'> {
  /** A config file; without, the first of config.yml, config.yaml and config.json in `cwd`. */
  readonly config?: string
  /** Environment; `.env` in `cwd` adds what it lacks. Default: `process.env`, to which `.env` is added too. */
  readonly env?: NodeJS.ProcessEnv
  readonly cwd?: string
}

const NAMES = ['config.yml', 'config.yaml', 'config.json']

/**
 * Finds out where the database and the migrations are. Order of precedence: what is given here, the environment
 * (`DATABASE_URL` and `SHADOW_DATABASE_URL`, also from `.env`), the config file. What nobody says stays open.
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
  const shadow = options.shadow ?? (env.SHADOW_DATABASE_URL || config.shadow)
  const { backup, postgres, parity, columns, lint, transfer } = config
  return {
    ...(database !== undefined && { database }),
    ...(dir !== undefined && { dir }),
    ...(shadow !== undefined && { shadow }),
    ...(backup !== undefined && { backup }),
    ...(postgres !== undefined && { postgres }),
    ...(parity !== undefined && { parity }),
    ...(columns !== undefined && { columns }),
    ...(lint !== undefined && { lint }),
    ...(transfer !== undefined && { transfer }),
  }
}

/** What the environment has goes before what the file says. */
function loadEnvFile(file: string, env: NodeJS.ProcessEnv): void {
  if (!existsSync(file)) return
  for (const [name, value] of Object.entries(parseEnv(read(file)))) env[name] ??= value
}

/** An error of the config file: what is wrong and what to do. */
type Refuse = (message: string, hint: string) => MigrateError

/** What the file says in the sections that are this program's. Paths are relative to the file's folder. */
async function readConfig(file: string, env: NodeJS.ProcessEnv): Promise<Settings> {
  const refuse: Refuse = (message, hint) =>
    new MigrateError('CONFIG', `${shortest(file)}: ${message}`, { file: shortest(file), hint })
  const document = await parse(file, refuse)
  return {
    ...readDatabase(document, file, env, refuse),
    ...readBackup(document, file, env, refuse),
    ...readPostgres(document, refuse),
    ...readShadow(document, env, refuse),
    ...(await readParity(document, refuse)),
    ...readTranslate(document, refuse),
    ...readLint(document, refuse),
    ...readTransfer(document, refuse),
  }
}

/** A section of the file, empty if it is not there. */
function section(document: unknown, name: string, form: string, refuse: Refuse): Record<string, unknown> {
  const found = isRecord(document) ? document[name] : undefined
  if (found === undefined || found === null) return {}
  if (!isRecord(found)) throw refuse(`"${name}" is no section`, `write ${name}: ${form}`)
  return found
}

/** Reads the texts of a section, with `${NAME}` taken from the environment. */
function textsOf(values: Record<string, unknown>, name: string, env: NodeJS.ProcessEnv, refuse: Refuse) {
  return (key: string): string | undefined => {
    const value = values[key]
    if (value === undefined || value === null) return undefined
    const full = [name, key].filter((word) => word !== '').join('.')
    if (typeof value !== 'string') throw refuse(`${full} is no text`, `write it in quotes`)
    return value.replace(/\$\{(\w+)\}/g, (_, variable: string) => {
      const found = env[variable]
      if (found !== undefined) return found
      throw refuse(
        `the environment has no ${variable}, which ${full} names`,
        `set ${variable}, or add it to .env`,
      )
    })
  }
}

/** `database: { type, path, migrations_path }`: Nexflow's own section. */
function readDatabase(document: unknown, file: string, env: NodeJS.ProcessEnv, refuse: Refuse): Settings {
  const values = section(document, 'database', '{ type: sqlite, path: FILE }', refuse)
  const text = textsOf(values, 'database', env, refuse)
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

/** `backup: { before, dir, keep }`. */
function readBackup(document: unknown, file: string, env: NodeJS.ProcessEnv, refuse: Refuse): Settings {
  const values = section(document, 'backup', '{ before: up, dir: DIR, keep: 10 }', refuse)
  const text = textsOf(values, 'backup', env, refuse)
  const said = text('before')
  const before = BEFORE.find((one) => one === said)
  if (said !== before) throw refuse(`backup.before is ${said}`, `write one of ${BEFORE.join(', ')}`)
  const dir = text('dir')
  const keep = values.keep ?? undefined
  if (keep !== undefined && !isKeep(keep)) {
    throw refuse(
      `backup.keep is ${JSON.stringify(keep)}`,
      'write a whole number from 1, or leave it out to keep all',
    )
  }
  const backup = {
    ...(before !== undefined && { before }),
    ...(dir !== undefined && { dir: near(file, dir) }),
    ...(keep !== undefined && { keep }),
  }
  return Object.keys(backup).length > 0 ? { backup } : {}
}

const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1000, min: 60_000, m: 60_000, h: 3_600_000 }

/** `postgres: { lock_timeout, max_wait, statement_timeout }`: times with their units. */
function readPostgres(document: unknown, refuse: Refuse): Settings {
  const form = '{ lock_timeout: 2s, max_wait: 10m, statement_timeout: 0 }'
  const values = section(document, 'postgres', form, refuse)
  const time = (key: string, least: number): number | undefined => {
    const value = values[key] ?? undefined
    if (value === undefined) return undefined
    const [, number = '', unit = ''] = /^(\d+(?:\.\d+)?)\s*([a-z]*)$/.exec(String(value)) ?? []
    const found = Number(number) === 0 ? 0 : Number(number) * (UNITS[unit] ?? Number.NaN)
    if (number !== '' && found >= least) return found
    throw refuse(
      `postgres.${key} is ${JSON.stringify(value)}`,
      'write a time with its unit, such as 500ms, 2s or 10m',
    )
  }
  const [lockTimeout, maxWait, statementTimeout] = [
    time('lock_timeout', 1),
    time('max_wait', 0),
    time('statement_timeout', 0),
  ]
  const postgres = {
    ...(lockTimeout !== undefined && { lockTimeout }),
    ...(maxWait !== undefined && { maxWait }),
    ...(statementTimeout !== undefined && { statementTimeout }),
  }
  return Object.keys(postgres).length > 0 ? { postgres } : {}
}

/** `shadow: URL`, which is no section. */
function readShadow(document: unknown, env: NodeJS.ProcessEnv, refuse: Refuse): Settings {
  const values = isRecord(document) ? { shadow: document.shadow } : {}
  const shadow = textsOf(values, '', env, refuse)('shadow')
  return shadow === undefined ? {} : { shadow }
}

/** `parity: { pairs, exceptions }`. */
async function readParity(document: unknown, refuse: Refuse): Promise<Settings> {
  const form = '{ pairs: [{ sqlite, postgres, reason }], exceptions: [{ table, column, reason }] }'
  const { pairs, exceptions } = section(document, 'parity', form, refuse)
  const items = (name: string, value: unknown): Record<string, string>[] => {
    if (value === undefined || value === null) return []
    if (Array.isArray(value) && value.every(isRecord)) return value as Record<string, string>[]
    throw refuse(`parity.${name} is no list`, `write parity: ${form}`)
  }
  const parity = {
    pairs: items('pairs', pairs) as unknown as AcceptedPair[],
    exceptions: items('exceptions', exceptions) as unknown as Exception[],
  }
  if (parity.pairs.length + parity.exceptions.length === 0) return {}
  const { checkAccepted } = await import('./schema/pairs.ts')
  checkAccepted(parity.pairs, parity.exceptions, refuse)
  return { parity }
}

/** `translate: { columns: { users.metadata: jsonb } }`. */
function readTranslate(document: unknown, refuse: Refuse): Settings {
  const form = '{ columns: { users.metadata: jsonb } }'
  const values = section(document, 'translate', form, refuse)
  const columns = byColumn(values.columns, () =>
    refuse('translate.columns is no list of columns and types', `write translate: ${form}`),
  )
  return columns === undefined ? {} : { columns }
}

/** Texts by `table.column`. */
function byColumn(found: unknown, refusal: () => MigrateError): Record<string, string> | undefined {
  if (found === undefined || found === null) return undefined
  if (!isRecord(found)) throw refusal()
  for (const [column, text] of Object.entries(found)) {
    if (typeof text !== 'string' || text === '' || !column.includes('.')) throw refusal()
  }
  return found as Record<string, string>
}

/** `transfer: { map, mask, exclude }`. Whether there are such columns and masks, `transfer` knows. */
function readTransfer(document: unknown, refuse: Refuse): Settings {
  const form = `{ map: { users.active: "active = 't'" }, mask: { users.name: hash }, exclude: [logs] }`
  const values = section(document, 'transfer', form, refuse)
  const refusal = (what: string) => refuse(`transfer.${what}`, `write transfer: ${form}`)
  const map = byColumn(values.map, () => refusal('map is no list of columns and SQL expressions'))
  // YAML reads the word as no value.
  const masks = isRecord(values.mask)
    ? Object.fromEntries(Object.entries(values.mask).map(([column, one]) => [column, one ?? 'null']))
    : values.mask
  const mask = byColumn(masks, () => refusal('mask is no list of columns and masks'))
  const exclude = values.exclude ?? undefined
  if (!(exclude === undefined || isTexts(exclude))) throw refusal('exclude is no list of tables')
  const transfer = {
    ...(map !== undefined && { map }),
    ...(mask !== undefined && { mask }),
    ...(exclude !== undefined && { exclude }),
  }
  return Object.keys(transfer).length > 0 ? { transfer } : {}
}

/** `lint: { rules: { ID: SEVERITY }, fail_on: SEVERITY }`. Whether there are such rules, `lint` knows. */
function readLint(document: unknown, refuse: Refuse): Settings {
  const form = '{ rules: { RULE: warning }, fail_on: error }'
  const { rules, fail_on } = section(document, 'lint', form, refuse)
  const all = isRecord(rules) ? Object.entries(rules) : []
  if (rules !== undefined && rules !== null && !isRecord(rules))
    throw refuse('lint.rules is no list of rules and severities', `write lint: ${form}`)
  for (const [rule, severity] of all) {
    if (SEVERITIES.some((one) => one === severity)) continue
    throw refuse(`lint.rules.${rule} is ${JSON.stringify(severity)}`, `write one of ${SEVERITIES.join(', ')}`)
  }
  const failOn = FAIL_ON.find((one) => one === fail_on)
  if (failOn !== (fail_on ?? undefined))
    throw refuse(`lint.fail_on is ${JSON.stringify(fail_on)}`, `write one of ${FAIL_ON.join(', ')}`)
  const lint: LintSettings = {
    ...(all.length > 0 && { rules: rules as Severities }),
    ...(failOn !== undefined && { failOn }),
  }
  return Object.keys(lint).length > 0 ? { lint } : {}
}

async function parse(file: string, refuse: Refuse): Promise<unknown> {
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

function isTexts(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((one) => typeof one === 'string' && one !== '')
}
