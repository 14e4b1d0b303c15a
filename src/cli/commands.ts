import {
  type BackupPlace,
  backup,
  type Dialect,
  down,
  drift,
  type FailOn,
  lint,
  loadSettings,
  MigrateError,
  newMigration,
  type Options,
  type ProgressEvent,
  pairs,
  parity,
  plan,
  type RenameQuestion,
  restore,
  type SchemaFormat,
  type Settings,
  schema,
  stashDrop,
  stashList,
  status,
  translate,
  types,
  up,
  verify,
  type WaitOptions,
  type WantedOptions,
} from '../index.ts'
import { ask, isTerminal, isYes } from './ask.ts'
import {
  backupText,
  downText,
  driftText,
  newText,
  pairsText,
  parityText,
  planText,
  restoreText,
  stashDropText,
  stashListText,
  statusText,
  tell,
  translateText,
  typesText,
  upText,
  verifyText,
} from './output.ts'
import { stopSignal } from './stop.ts'

/** An option of the command line: what stands behind it, if anything, and what it does. */
export interface Option {
  readonly value?: string
  /** It may be given more than once. */
  readonly many?: true
  readonly does: string
}

/** Options that every command takes. */
export const COMMON = {
  database: { value: 'URL', does: 'sqlite:./data/app.db, a path, or postgres://… (also DATABASE_URL)' },
  dir: { value: 'DIR', does: 'the folder of the migrations' },
  config: { value: 'FILE', does: 'config.yml or config.json with sections "database" and "backup"' },
  json: { does: 'print one JSON document' },
  quiet: { does: 'print nothing but errors' },
  verbose: { does: 'print with an error where in the program it comes from' },
  'no-color': { does: 'print without colors (also NO_COLOR)' },
  yes: { does: 'answer every question with yes' },
  help: { does: 'print help' },
  version: { does: 'print the version' },
} as const satisfies Record<string, Option>

const TO = { value: 'ID', does: 'as far as this migration, itself included' }
const STEPS = { value: 'N', does: 'so many migrations' }
const DRY_RUN = { does: 'only tell what would be done' }
const TRANSACTION = {
  value: 'each|all',
  does: 'a transaction for each migration (default), or one: all or nothing',
}
const LOCK_TIMEOUT = {
  value: 'SECONDS',
  does: 'how long to wait for another process that migrates (default 60)',
}

const MAX_WAIT = {
  value: 'SECONDS',
  does: 'PostgreSQL: how long to try again where other sessions have the locks that it needs (default 600)',
}
const STATEMENT_TIMEOUT = {
  value: 'SECONDS',
  does: 'PostgreSQL: how long a statement may run (default: what the server says)',
}
const ALLOW_OUT_OF_ORDER = { does: 'apply migrations that come before one that is applied' }

const STRICT = {
  does: 'fail where a rebuild of a SQLite table forgot an index, a trigger, a view or a counter',
}
const INTERRUPTED = {
  value: 'done|again|restart',
  does: 'of an interrupted script: its statement in doubt has run, is to run again, or all of it is',
}
const SHADOW = {
  value: 'URL',
  does: 'the PostgreSQL server to make shadow databases on (also SHADOW_DATABASE_URL)',
}
const BACKUP = { does: 'take a backup before the first migration' }

/** The values of the options, as the command line gives them. */
export type Values = Readonly<Record<string, string | boolean | readonly (string | boolean)[] | undefined>>

/** What a command gives back: the library's result, the same for people, and an exit status. */
export interface Outcome {
  readonly result: object
  readonly text: string
  readonly status?: number
}

interface Command {
  readonly usage: string
  readonly does: string
  readonly options: Readonly<Record<string, Option>>
  run(words: readonly string[], values: Values, onProgress: (event: ProgressEvent) => void): Promise<Outcome>
}

/** The commands, a row for each: one call of the library. */
export const COMMANDS: Readonly<Record<string, Command>> = {
  up: {
    usage: 'up [ID]',
    does: 'apply everything pending, or exactly the one named',
    options: {
      to: TO,
      steps: STEPS,
      'dry-run': DRY_RUN,
      backup: BACKUP,
      transaction: TRANSACTION,
      'allow-out-of-order': ALLOW_OUT_OF_ORDER,
      strict: STRICT,
      interrupted: INTERRUPTED,
      'lock-timeout': LOCK_TIMEOUT,
      'max-wait': MAX_WAIT,
      'statement-timeout': STATEMENT_TIMEOUT,
    },
    run: async (words, values, onProgress) => {
      const result = await up({
        ...(await common(values, 'up')),
        ...change(words, values),
        onProgress,
        ...(values['dry-run'] === true && (await shadowOf(values))),
        allowOutOfOrder: values['allow-out-of-order'] === true,
      })
      return { result, text: upText(result), status: result.plan?.ok === false ? 3 : 0 }
    },
  },
  down: {
    usage: 'down [ID]',
    does: 'roll back the last one, or exactly the one named',
    options: {
      to: { ...TO, does: 'back to this migration, itself included' },
      steps: STEPS,
      all: { does: 'every applied migration' },
      discard: { does: 'destroy what the scripts drop, rows and all, instead of keeping it in the stash' },
      'dry-run': DRY_RUN,
      backup: BACKUP,
      transaction: TRANSACTION,
      strict: STRICT,
      interrupted: INTERRUPTED,
      'lock-timeout': LOCK_TIMEOUT,
      'max-wait': MAX_WAIT,
      'statement-timeout': STATEMENT_TIMEOUT,
    },
    run: async (words, values, onProgress) => {
      const all = values.all === true ? { all: true } : {}
      const discard = values.discard === true && values['dry-run'] !== true
      if (discard) await ask('down --discard destroys the rows of what it drops', values.yes === true)
      const result = await down({
        ...(await common(values, 'down')),
        ...change(words, values),
        ...all,
        discard: values.discard === true,
        onProgress,
      })
      return { result, text: downText(result) }
    },
  },
  stash: {
    usage: 'stash list|drop N',
    does: 'what rollbacks have kept: list it, or drop it for good',
    options: { all: { does: 'drop: every stash' }, 'lock-timeout': LOCK_TIMEOUT },
    run: async ([verb, number, ...more], values, onProgress) => {
      atMost(0, more)
      const options = await common(values)
      if (verb === 'list' && number === undefined && values.all === undefined) {
        const result = await stashList(options)
        return { result, text: stashListText(result) }
      }
      if (verb !== 'drop')
        throw usage('stash needs to know what to do', 'write "stash list" or "stash drop N"')
      if ((number === undefined) === (values.all !== true) || /\D/.test(number ?? '')) {
        throw usage('stash drop needs the number of a stash, or --all', '"stash list" lists them')
      }
      const which = number === undefined ? 'everything in the stash' : `stash ${number}`
      await ask(`stash drop destroys the rows of ${which}`, values.yes === true)
      const result = await stashDrop({
        ...options,
        ...lockTimeout(values),
        ...(number !== undefined && { number: Number(number) }),
        all: values.all === true,
        onProgress,
      })
      return { result, text: stashDropText(result) }
    },
  },
  status: {
    usage: 'status',
    does: 'what is applied, pending, changed, missing, out of order, interrupted or kept',
    options: { check: { does: 'exit with 3 if not up to date' } },
    run: async (words, values) => {
      atMost(0, words)
      const result = await status(await common(values))
      return { result, text: statusText(result), status: values.check === true && !result.upToDate ? 3 : 0 }
    },
  },
  plan: {
    usage: 'plan [ID]',
    does: 'what up would do: locks, rewrites, time, who is in the way; exit with 3 if it would fail',
    options: {
      to: TO,
      steps: STEPS,
      'allow-out-of-order': ALLOW_OUT_OF_ORDER,
      shadow: SHADOW,
    },
    run: async (words, values) => {
      atMost(1, words)
      const [id] = words
      const { backup, ...options } = await common(values, 'up')
      const { backup: place } = await settings(values)
      const result = await plan({
        ...options,
        ...(await shadowOf(values)),
        ...(id !== undefined && { id }),
        ...(typeof values.to === 'string' && { to: values.to }),
        ...(values.steps !== undefined && { steps: Number(values.steps) }),
        allowOutOfOrder: values['allow-out-of-order'] === true,
        backup: { ...placeOf(place), before: backup !== undefined },
      })
      return { result, text: planText(result), status: result.ok ? 0 : 3 }
    },
  },
  parity: {
    usage: 'parity',
    does: 'compare what the migrations make of SQLite and of PostgreSQL; exit with 3 if they differ',
    options: {
      each: { does: 'compare after every migration, and name the first at which they part' },
      strict: { does: 'also compare the order of columns, lengths and what else is usually forgiven' },
      pairs: { does: 'print what counts as equal' },
      shadow: SHADOW,
    },
    run: async (words, values, onProgress) => {
      atMost(0, words)
      if (values.pairs === true) {
        const table = await pairs()
        return { result: { pairs: table }, text: pairsText(table) }
      }
      const result = await parity({
        ...(await shadowed(values)),
        each: values.each === true,
        strict: values.strict === true,
        onProgress,
      })
      return { result, text: parityText(result), status: result.equal ? 0 : 3 }
    },
  },
  lint: {
    usage: 'lint [FILE|ID…]',
    does: 'find what would block the service, lose data, break or fail; exit with 3 if something would',
    options: {
      since: {
        value: 'REV',
        does: 'only what has come or changed since the branch left this revision of git',
      },
      dialect: { value: 'sqlite|postgres', does: 'only on this database' },
      format: { value: 'text|json|github|sarif', does: 'for people (default), or for programs' },
      'fail-on': {
        value: 'info|warning|error|never',
        does: 'how bad a finding must be for the exit status 3 (default error)',
      },
      static: { does: 'judge PostgreSQL from the text alone, without a shadow database' },
      fix: { does: 'write what can be written without the hazard; only for what is applied nowhere' },
      shadow: SHADOW,
    },
    run: async (words, values) => {
      const format = formatOf(values)
      const { database, lint: own = {} } = await settings(values)
      const failOn = (values['fail-on'] ?? own.failOn) as FailOn | undefined
      const result = await lint({
        ...(await shadowed(values)),
        ...(database !== undefined && { database }),
        ...dialectOf(values),
        ...(words.length > 0 && { files: words }),
        ...(values.since !== undefined && { since: String(values.since) }),
        ...(own.rules && { rules: own.rules }),
        ...(failOn !== undefined && { failOn }),
        static: values.static === true,
        fix: values.fix === true,
      })
      const status = result.ok ? 0 : 3
      if (values.json === true) return { result, text: '', status }
      const { findingsAs } = await import('./findings.ts')
      return { result, text: await findingsAs(format, result), status }
    },
  },
  drift: {
    usage: 'drift',
    does: 'compare the schema of the database with that of its history; exit with 3 if they differ',
    options: { shadow: SHADOW },
    run: async (words, values, onProgress) => {
      atMost(0, words)
      const { database } = await settings(values)
      const result = await drift({
        ...(await shadowed(values)),
        ...(database !== undefined && { database }),
        onProgress,
      })
      return { result, text: driftText(result), status: result.drifted ? 3 : 0 }
    },
  },
  verify: {
    usage: 'verify [ID…]',
    does: 'try up, down, up on tables with rows; exit with 3 if something fails or is lossy',
    options: {
      dialect: { value: 'sqlite|postgres', does: 'only on this database' },
      strict: { does: 'exit with 3 also where down does not bring back values, or up fails on some rows' },
      shadow: SHADOW,
    },
    run: async (words, values, onProgress) => {
      const result = await verify({
        ...(await shadowed(values)),
        ...(words.length > 0 && { ids: words }),
        ...(values.dialect !== undefined && { dialect: values.dialect as 'sqlite' | 'postgres' }),
        strict: values.strict === true,
        onProgress,
      })
      return { result, text: verifyText(result), status: result.ok ? 0 : 3 }
    },
  },
  schema: {
    usage: 'schema',
    does: 'print the schema of the database, or what the migrations make of one',
    options: {
      format: {
        value: 'sql|json|mermaid|dbml|svg',
        does: 'sql (default), data, or a diagram as text or picture',
      },
      at: { value: 'ID', does: 'as the files make it, up to this migration' },
      dialect: { value: 'sqlite|postgres', does: 'as the files make it on this database' },
      shadow: SHADOW,
    },
    run: async (words, values) => {
      atMost(0, words)
      const { database } = await common(values)
      const result = await schema({
        ...(await shadowed(values)),
        ...(database !== undefined && { database }),
        ...dialectOf(values),
        ...(typeof values.at === 'string' && { at: values.at }),
        ...(values.format !== undefined && { format: values.format as SchemaFormat }),
        logger: values.quiet === true ? SILENT : WARN,
      })
      return { result, text: result.text.trimEnd() }
    },
  },
  types: {
    usage: 'types [FILE]',
    does: 'write TypeScript types of what the migrations make; without FILE print them',
    options: {
      dialect: { value: 'sqlite|postgres', does: 'of one database (default: of both)' },
      check: { does: 'write nothing; exit with 3 if FILE is out of date' },
      shadow: SHADOW,
    },
    run: async (words, values) => {
      atMost(1, words)
      const [file] = words
      const check = values.check === true
      const result = await types({
        ...(await shadowed(values)),
        ...(file !== undefined && { file }),
        ...dialectOf(values),
        check,
      })
      return { result, text: typesText(result, check), status: check && !result.upToDate ? 3 : 0 }
    },
  },
  new: {
    usage: 'new NAME',
    does: 'write the files of a migration: empty, or so that it makes a wanted schema',
    options: {
      date: { does: 'the version is a day, such as 20260115' },
      timestamp: { does: 'the version is a second, such as 20260115093000' },
      neutral: { does: 'one pair of files for both databases' },
      from: { value: 'FILE', does: 'the wanted schema, as SQL for either database' },
      dialect: { value: 'sqlite|postgres', does: 'from: the database that the file is for' },
      rename: { value: 'LIST', does: 'from: what has another name, such as users.nick=name,people=users' },
      drop: { value: 'LIST', does: 'from: what is dropped and not renamed, such as users.nick' },
      shadow: SHADOW,
    },
    run: async (words, values) => {
      if (words.length === 0) throw usage('new needs a NAME', 'such as "new add_email"')
      if (values.date && values.timestamp) throw usage('--date and --timestamp cannot be given together')
      const { dir } = await settings(values)
      const style = values.date ? 'date' : values.timestamp ? 'timestamp' : undefined
      const result = await newMigration({
        name: words.join(' '),
        ...(dir !== undefined && { dir }),
        ...(style && { version: style }),
        neutral: values.neutral === true,
        ...(await wanted(values)),
      })
      if (result.files.length === 0) {
        return { result, text: `nothing to do: the migrations make what is in ${values.from}` }
      }
      // `up` reads Nexflow's own migrations where nobody has said otherwise.
      const hint = dir === undefined ? '\napply it with: nexflow-migrate up --dir migrations' : ''
      return { result, text: newText(result) + hint, status: result.differences.length > 0 ? 3 : 0 }
    },
  },
  translate: {
    usage: 'translate ID',
    does: 'write the files that a migration lacks for the other database; exit with 3 if a person has to look',
    options: {
      to: { value: 'sqlite|postgres', does: 'the database to write for (default: the one without a file)' },
      shadow: SHADOW,
    },
    run: async (words, values) => {
      const [id] = words
      if (id === undefined) throw usage('translate needs the ID of a migration')
      atMost(1, words)
      const { dir, shadow, parity, columns } = await settings(values)
      await saveMemory()
      const to = dialect(values.to, '--to')
      const result = await translate({
        id,
        ...(to && { to }),
        ...(dir !== undefined && { dir }),
        ...(shadow !== undefined && { shadow }),
        ...(parity && { parity }),
        ...(columns && { columns }),
        signal: stopSignal(),
      })
      const clean = result.reviews.length === 0 && result.differences.length === 0
      return { result, text: translateText(result), status: clean ? 0 : 3 }
    },
  },
  transfer: {
    usage: 'transfer --from URL --to URL',
    does: 'move all rows to the other database, and prove that they are the same',
    options: {
      from: { value: 'URL', does: 'the source, which is only read' },
      to: { value: 'URL', does: 'the target: new, empty, or migrated and without rows' },
      verify: { value: 'full|count|none', does: 'how both sides are compared (default full)' },
      check: { does: 'write nothing; exit with 3 if there are rows that the target cannot take' },
      'verify-only': { does: 'only compare what was moved before; exit with 3 if it differs' },
      resume: { does: 'go on with a transfer that was interrupted' },
      replace: { does: 'in the place of the rows that the target holds, after a backup of it' },
      bad: {
        value: 'stop|rows-to FILE',
        does: 'rows that PostgreSQL cannot take: stop at the first (default), or set them aside in FILE',
      },
      follow: {
        does: 'while the application goes on writing to the source, to switch it over with one short stop',
      },
      release: { does: 'only let the source be written to again, and take the log of --follow away' },
      load: { value: 'FILE', does: 'only load rows that were set aside in FILE and have been mended' },
      only: { value: 'TABLES', does: 'only these, such as users,messages, and what they refer to' },
      exclude: { value: 'TABLES', does: 'not these' },
      where: {
        value: 'TABLE=SQL',
        does: 'only the rows that fulfil this, and what they refer to',
        many: true,
      },
      limit: { value: 'N', does: 'so many rows of each table, and what they refer to' },
      map: { value: 'TABLE.COLUMN=SQL', does: 'move the value of this instead', many: true },
      mask: { value: 'TABLE.COLUMN=hash|null|empty', does: 'hide what the column holds', many: true },
      shadow: { ...SHADOW, does: 'check: the PostgreSQL server to make a shadow database on' },
      'lock-timeout': LOCK_TIMEOUT,
    },
    run: async (words, values, onProgress) => {
      const { runTransfer } = await import('./transfer.ts')
      return runTransfer(words, values, onProgress)
    },
  },
  backup: {
    usage: 'backup [FILE]',
    does: 'write a verified copy of the database, while it is in use',
    options: { compress: { does: 'smaller and slower (PostgreSQL)' } },
    run: async (words, values, onProgress) => {
      atMost(1, words)
      const [file] = words
      const { database } = await common(values)
      const { backup: place } = await settings(values)
      const result = await backup({
        signal: stopSignal(),
        ...(database !== undefined && { database }),
        ...placeOf(place),
        ...(file !== undefined && { file }),
        compress: values.compress === true,
        logger: WARN,
        onProgress,
      })
      return { result, text: backupText(result) }
    },
  },
  restore: {
    usage: 'restore FILE',
    does: 'put a backup into a new or empty database',
    options: {
      replace: { does: 'in the place of what the database holds, after a backup of that' },
      'lock-timeout': LOCK_TIMEOUT,
    },
    run: async (words, values, onProgress) => {
      const [file] = words
      if (file === undefined) throw usage('restore needs a FILE', 'name what "backup" has written')
      atMost(1, words)
      const { database } = await common(values)
      const { backup: place } = await settings(values)
      if (values.replace === true) {
        await ask(
          `restore --replace puts ${file} in the place of all that the database holds`,
          values.yes === true,
        )
      }
      const result = await restore({
        file,
        signal: stopSignal(),
        ...(database !== undefined && { database }),
        ...lockTimeout(values),
        replace: values.replace === true,
        backup: placeOf(place),
        logger: WARN,
        onProgress,
      })
      return { result, text: restoreText(result) }
    },
  },
}

/** Sentences that people must see. */
export const WARN = { info: () => {}, warn: (message: string) => tell(`warning: ${message}\n`) }

const SILENT = { info: () => {}, warn: () => {} }

/** @throws USAGE */
function dialectOf({ dialect }: Values): { dialect?: Dialect } {
  if (dialect === undefined) return {}
  if (dialect !== 'sqlite' && dialect !== 'postgres')
    throw usage(`there is no dialect ${dialect}`, 'write sqlite or postgres')
  return { dialect }
}

const FORMATS = ['text', 'json', 'github', 'sarif'] as const

/** @throws USAGE */
function formatOf({ format = 'text', json }: Values): (typeof FORMATS)[number] {
  const found = FORMATS.find((one) => one === format)
  if (found === undefined) throw usage(`there is no format ${format}`, `write one of ${FORMATS.join(', ')}`)
  if (json === true && found !== 'text' && found !== 'json')
    throw usage(`--json and --format ${found} cannot be given together`)
  return found
}

/** Where the config file puts backups. */
export function placeOf({ dir, keep }: Settings['backup'] = {}): BackupPlace {
  return { ...(dir !== undefined && { dir }), ...(keep !== undefined && { keep }) }
}

export function lockTimeout(values: Values) {
  const seconds = values['lock-timeout']
  return seconds === undefined ? {} : { lockTimeout: 1000 * Number(seconds) }
}

/** How it waits for other sessions: what the command line says goes before the config file. */
function waiting(values: Values, { lockTimeout, ...said }: NonNullable<Settings['postgres']>): WaitOptions {
  const milliseconds = (name: string, other: number | undefined) =>
    values[name] === undefined ? other : 1000 * Number(values[name])
  const maxWait = milliseconds('max-wait', said.maxWait)
  const statementTimeout = milliseconds('statement-timeout', said.statementTimeout)
  return {
    ...(lockTimeout !== undefined && { tableLockTimeout: lockTimeout }),
    ...(maxWait !== undefined && { maxWait }),
    ...(statementTimeout !== undefined && { statementTimeout }),
  }
}

function dialect(value: Values[string], option: string): Dialect | undefined {
  if (value === undefined || value === 'sqlite' || value === 'postgres') return value
  throw usage(`${option} is ${value}`, 'write sqlite or postgres')
}

/** The options of `new --from`. */
async function wanted(values: Values): Promise<Partial<WantedOptions>> {
  const given = ['dialect', 'rename', 'drop', 'shadow'].find((name) => values[name] !== undefined)
  if (values.from === undefined && given !== undefined) throw usage(`--${given} is of --from`)
  if (values.from === undefined) return {}
  const { shadow, parity, columns } = await settings(values)
  await saveMemory()
  const one = dialect(values.dialect, '--dialect')
  const words = (value: Values[string]) =>
    value === undefined
      ? []
      : String(value)
          .split(',')
          .map((word) => word.trim())
  const renames = words(values.rename).map((word) => {
    const [from, to, ...more] = word.split('=')
    if (from && to && more.length === 0) return [from, to] as const
    throw usage(`--rename cannot read "${word}"`, 'write OLD=NEW, such as users.nick=name')
  })
  const ask = async ({ table, from, to }: RenameQuestion) => {
    const was = table === undefined ? from : `${table}.${from}`
    return values.yes === true || isYes(`is ${was} renamed to ${to}; otherwise what it holds is dropped`)
  }
  return {
    from: String(values.from),
    ...(one && { dialect: one }),
    rename: Object.fromEntries(renames),
    drop: words(values.drop),
    ...((values.yes === true || isTerminal()) && { onRename: ask }),
    ...(shadow !== undefined && { shadow }),
    ...(parity && { parity }),
    ...(columns && { columns }),
    signal: stopSignal(),
  }
}

export function settings(values: Values) {
  const { database, dir, config, shadow } = values
  const given = { database, dir, config, shadow }
  return loadSettings(Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)))
}

/** Where shadow databases are made. */
async function shadowOf(values: Values): Promise<{ shadow?: string }> {
  const { shadow } = await settings(values)
  return shadow === undefined ? {} : { shadow }
}

/** What the commands take that replay the history on shadow databases. */
async function shadowed(values: Values) {
  const { dir, shadow, parity } = await settings(values)
  await saveMemory()
  return {
    ...(dir !== undefined && { migrations: dir }),
    ...(shadow !== undefined && { shadow }),
    ...parity,
    signal: stopSignal(),
  }
}

/**
 * Compiling PostgreSQL's grammar a second time, for speed, would take half a gigabyte and win nothing. The flags are
 * the process's, so a program that uses the library sets them for itself, or not.
 */
async function saveMemory(): Promise<void> {
  const { setFlagsFromString } = await import('node:v8')
  setFlagsFromString('--no-wasm-dynamic-tiering')
  setFlagsFromString('--no-wasm-tier-up')
}

/**
 * Where the database and the migrations are, how others are waited for, and whether a backup is taken before the
 * change.
 */
async function common(
  values: Values,
  direction?: 'up' | 'down',
): Promise<Options & WaitOptions & { backup?: BackupPlace }> {
  const { database, dir, backup: place, postgres = {} } = await settings(values)
  const { before = 'never' } = place ?? {}
  const wanted = direction !== undefined && (values.backup === true || [direction, 'always'].includes(before))
  if (database?.startsWith('postgres')) await saveMemory()
  return {
    ...(database !== undefined && { database }),
    ...(dir !== undefined && { migrations: dir }),
    ...(wanted && { backup: placeOf(place) }),
    ...waiting(values, postgres),
    signal: stopSignal(),
  }
}

/** The options of `up` and `down`. */
function change(words: readonly string[], values: Values) {
  atMost(1, words)
  const [id] = words
  return {
    ...(id !== undefined && { id }),
    ...(typeof values.to === 'string' && { to: values.to }),
    ...(values.steps !== undefined && { steps: Number(values.steps) }),
    ...(values.interrupted !== undefined && {
      interrupted: values.interrupted as 'done' | 'again' | 'restart',
    }),
    ...(values.strict === true && { strict: true }),
    ...lockTimeout(values),
    ...(values.transaction !== undefined && { transaction: values.transaction as 'each' | 'all' }),
    dryRun: values['dry-run'] === true,
  }
}

export function atMost(most: number, words: readonly string[]): void {
  if (words.length > most) throw usage(`"${words[most]}" is one word too many`)
}

/** The command line was used wrongly. */
export function usage(
  message: string,
  hint = '"nexflow-migrate --help" lists the commands and their options',
): MigrateError {
  return new MigrateError('USAGE', message, { hint })
}
