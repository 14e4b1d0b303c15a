import { styleText } from 'node:util'
import {
  type BackupResult,
  bytesText,
  count,
  type Difference,
  type DownResult,
  type DriftResult,
  differenceText,
  type Entry,
  type Judgement,
  keptText,
  type Labels,
  type MigrateError,
  type NewResult,
  type Pair,
  type ParityResult,
  type PlanCheck,
  type PlanMigration,
  type PlannedStep,
  type PlanResult,
  type PlanStatement,
  type ProgressEvent,
  type Remedy,
  type RestoreResult,
  type Stash,
  type StashDropResult,
  type StashListResult,
  type State,
  type StatusResult,
  stashLabel,
  type TranslateResult,
  type TypesResult,
  type UpResult,
  type Verdict,
  type VerifyResult,
} from '../index.ts'

type Stream = NodeJS.WriteStream

/** Colors where the stream is a terminal and NO_COLOR is not set. */
export function paint(
  style: 'red' | 'green' | 'yellow' | 'bold' | 'dim',
  text: string,
  stream: Stream,
): string {
  return styleText(style, text, { stream })
}

function migrations(n: number): string {
  return count(n, 'migration')
}

export function upText({ database, applied, plan, backup, givenBack }: UpResult): string {
  if (plan !== undefined) return planText(plan)
  if (applied.length === 0) return `${database}: nothing to do, everything is applied`
  return [
    ...savedText(backup),
    ...applied.map(({ id }) => `applied ${id}`),
    ...givenBack.map(({ stash, remains }) => {
      return `put back ${count(stash.rows - remains, 'row')} of ${stashLabel(stash)}`
    }),
    `${database}: ${migrations(applied.length)} applied`,
  ].join('\n')
}

export function downText({ database, rolledBack, planned, backup, stashed }: DownResult): string {
  if (planned.length > 0) return plannedText('would roll back', database, planned)
  if (rolledBack.length === 0) return `${database}: nothing to do, nothing of it is applied`
  const lines = [
    ...savedText(backup),
    ...rolledBack.map(({ id }) => `rolled back ${id}`),
    ...stashed.map(stashText),
  ]
  return [...lines, `${database}: ${migrations(rolledBack.length)} rolled back`].join('\n')
}

function plannedText(would: string, database: string, planned: readonly PlannedStep[]): string {
  const steps = planned.map(({ id, file, sql, losses = [], problem }) =>
    [
      `-- ${would} ${id} (${file})`,
      ...losses.map((loss) => `-- ${keptText(loss)}`),
      ...(problem === undefined ? [] : [`-- this would fail: ${problem}`]),
      `${sql.trimEnd()}\n`,
    ].join('\n'),
  )
  return [...steps, `-- ${database}: ${would} ${migrations(planned.length)}; nothing was changed`].join('\n')
}

export function planText(plan: PlanResult): string {
  const { database, exists, migrations: pending, seconds, blockers, backup, space, rate, notes } = plan
  if (pending.length === 0) return `${database}: nothing to do, everything is applied`
  const { needed = 0, free } = space ?? {}
  const short = free !== undefined && needed > free
  return [
    ...pending.flatMap((one) => [...planMigrationText(one), '']),
    ...blockers.map(({ message }) => `${paint('yellow', 'in the way now', process.stdout)}: ${message}`),
    ...(needed < SPEAK_OF && !short
      ? []
      : [
          `${short ? `${paint('red', 'would fail', process.stdout)}: ` : ''}space needed until it is over: ${bytesText(needed)}${free === undefined ? '' : ` of ${bytesText(free)} that are free`}`,
        ]),
    ...planBackupText(backup),
    ...notes.map((note) => `note: ${note}`),
    ...(rate === undefined ? [] : [planRateText(rate)]),
    ...(exists ? [] : [`${database} is not there yet: it would be made`]),
    `${database}: would apply ${migrations(pending.length)} in ${rangeText(seconds)}; nothing was changed`,
  ].join('\n')
}

function planMigrationText({
  id,
  file,
  transaction,
  batch,
  statements,
  seconds,
  holds,
  checks,
  error,
}: PlanMigration) {
  const fails = paint('red', 'would fail', process.stdout)
  const alone = batch === undefined ? 'statement by statement' : `in batches of up to ${count(batch, 'row')}`
  const how = transaction ? 'one transaction' : alone
  return [
    `${paint('bold', id, process.stdout)} (${file}), ${how}, ${rangeText(seconds)}`,
    ...statements.flatMap(planStatementText),
    ...holds.map(({ table, lock, reads, seconds }) => {
      const what = table === '' ? 'the database' : table
      return `  ${reads ? 'nobody reads or writes' : 'nobody writes to'} ${what} for ${rangeText(seconds)} (${lock === 'WRITE' ? 'write lock' : lock})`
    }),
    ...checks.flatMap((check) => planCheckText(check, fails)),
    ...(error === undefined
      ? []
      : [`  ${fails}${error.line === undefined ? '' : ` at line ${error.line}`}: ${error.message}`]),
  ]
}

function planRateText({ measured, speeds }: NonNullable<PlanResult['rate']>): string {
  const by = measured
    ? 'seconds by what this machine was seen to do'
    : 'seconds by what is usual: this machine could not be measured'
  return `note: ${by} (${bytesText(speeds.scan)}/s read, ${bytesText(speeds.rewrite)}/s rewritten)`
}

/** Bytes below which nobody wants to hear of them. */
const SPEAK_OF = 1e6

/** Lines of a statement that are shown. */
const SHOWN = 8

function planStatementText({ line, sql, effects, seconds }: PlanStatement): string[] {
  const lines = sql.split('\n')
  const shown = lines.length > SHOWN ? [...lines.slice(0, SHOWN - 1), '…'] : lines
  return [
    ...shown.map((text, i) => `  ${i === 0 ? String(line).padStart(4) : '    '} | ${text}`),
    ...effects.map(({ table, lock, scan, rewrite, reads, writes, rows, bytes }) => {
      const does = [
        lock === 'WRITE' ? 'write lock' : lock,
        ...(rewrite ? ['rewritten'] : scan ? ['every row read'] : []),
        ...(reads ? ['blocks reads and writes'] : writes ? ['blocks writes'] : []),
      ]
      return `       | -> ${table}: ${does.join(', ')}; ${count(rows, 'row')}, ${bytesText(bytes)}`
    }),
    ...(seconds[1] < 0.05 ? [] : [`       | -> ${rangeText(seconds)}`]),
  ]
}

function planCheckText({ verdict, message, examples }: PlanCheck, fails: string): string[] {
  if (verdict === 'fits') return []
  const head = { fails, 'may fail': 'may fail', unknown: 'not known' }[verdict]
  const some = examples.map(({ key, value }) => [key, value].filter((part) => part !== undefined).join(': '))
  const shown = some.filter((text) => text !== '')
  return [`  ${head}: ${message}${shown.length === 0 ? '' : ` (such as ${shown.join('; ')})`}`]
}

function planBackupText({ before, due, destroys, last }: PlanResult['backup']): string[] {
  const lost = destroys.length === 0 ? [] : [`destroyed for good: ${destroys.join(', ')}`]
  const was = last === undefined ? 'there is none' : `the last one is ${last.file} of ${last.takenAt}`
  if (before) return [...lost, `backup: "up" takes one first; ${was}`]
  if (due)
    return [...lost, `${paint('yellow', 'backup due', process.stdout)}: ${was}; take one with "up --backup"`]
  return [...lost, `backup: none is taken; ${was}`]
}

/** `0.2 to 1.8 s`, `2 to 12 min`. */
function rangeText([least, most]: PlanResult['seconds']): string {
  if (most < 0.05) return 'less than 0.05 s'
  const [unit, name] = most < 120 ? [1, 's'] : most < 7200 ? [60, 'min'] : [3600, 'h']
  const text = (seconds: number) => String(Number((seconds / unit).toPrecision(2)))
  return `${text(least)} to ${text(most)} ${name}`
}

const COLORS: Record<State, 'red' | 'green' | 'yellow'> = {
  applied: 'green',
  pending: 'yellow',
  changed: 'red',
  missing: 'red',
  'out of order': 'red',
  interrupted: 'red',
}

export function statusText({
  database,
  migrations: entries,
  upToDate,
  stashes,
  transfer,
  moved,
}: StatusResult): string {
  const width = Math.max(0, ...entries.map(({ id }) => id.length))
  const line = ({ id, state, appliedAt = '' }: Entry) =>
    `${id.padEnd(width)}  ${paint(COLORS[state], state.padEnd(12), process.stdout)}  ${appliedAt}`.trimEnd()
  const states = Object.keys(COLORS) as State[]
  const counts = states
    .map((state) => ({ state, n: entries.filter((entry) => entry.state === state).length }))
    .filter(({ n }) => n > 0)
    .map(({ state, n }) => `${n} ${state}`)
  const verdict = upToDate ? 'up to date' : 'not up to date'
  return [
    ...entries.map(line),
    ...stashes.map(stashText),
    ...(transfer === undefined
      ? []
      : [`incomplete: the transfer from ${transfer.from} that began at ${transfer.since} has not ended`]),
    ...(moved === undefined ? [] : [`moved to ${moved.to} at ${moved.at}`]),
    `${database}: ${verdict}${counts.length > 0 ? ` (${counts.join(', ')})` : ''}`,
  ].join('\n')
}

/** `stash 3: users.metadata of 000003_add_user_metadata, 1,000 rows, 12 kB, since …`. */
function stashText(stash: Stash): string {
  const { number, migration, rows, bytes, since, kept, remains } = stash
  const left = remains === undefined ? '' : `, ${remains} of them could not be put back`
  return `stash ${number}: ${stashLabel(stash)} of ${migration}, ${count(rows, 'row')}, ${bytesText(bytes)}, ${kept} ${since}${left}`
}

export function stashListText({ database, stashes }: StashListResult): string {
  if (stashes.length === 0) return `${database}: the stash is empty`
  return stashes.map(stashText).join('\n')
}

export function stashDropText({ database, dropped }: StashDropResult): string {
  const lines = dropped.map((stash) => `dropped stash ${stash.number}: ${stashLabel(stash)}`)
  return lines.length === 0 ? `${database}: the stash is empty` : lines.join('\n')
}

const SIDES = { before: 'SQLite', after: 'PostgreSQL' }

export function driftText({ database, drifted, changed, differences, back, official }: DriftResult): string {
  const replayed = changed.map(
    (id) => `${id} changed after being applied: its file was replayed as it is now`,
  )
  if (!drifted) return [...replayed, `${database} has the schema of its history`].join('\n')
  return [
    ...replayed,
    ...differenceLines(differences, { before: 'the history', after: 'the database' }),
    `${database} differs from its history: ${count(differences.length, 'difference')}`,
    remedyText('this brings the database back to its history', back),
    ...Object.entries(official).flatMap(([dialect, { up, down }]) => [
      remedyText(`this makes official what the database has: the up script for ${dialect}`, up),
      remedyText(`and its down script for ${dialect}`, down),
    ]),
  ].join('\n')
}

function remedyText(does: string, { sql, notes }: Remedy): string {
  return [`\n-- ${does}`, ...notes.map((note) => `-- note: ${note}`), sql.trimEnd()].join('\n')
}

function differenceLines(differences: readonly Difference[], labels: Labels): string[] {
  return [...Map.groupBy(differences, placeOf)].flatMap(([place, some]) => [
    place,
    ...some.map((one) => `  ${differenceText(one, labels)}`),
  ])
}

export function parityText({ equal, at, compared, differences, exceptions }: ParityResult): string {
  const counts = Object.entries(compared).filter(([what, n]) => n > 0 || what === 'tables')
  const what = counts.map(([noun, n]) => count(n, noun.replace(/s$/, ''))).join(', ')
  const accepted = exceptions.length === 0 ? '' : `, with ${count(exceptions.length, 'exception')}`
  const after = at === undefined ? '' : ` after ${at}`
  if (equal) return `SQLite and PostgreSQL have the same schema${after}: ${what}${accepted}`
  return [
    ...differenceLines(differences, SIDES),
    `SQLite and PostgreSQL differ${after}: ${count(differences.length, 'difference')}${accepted}`,
  ].join('\n')
}

function placeOf({ object, table, name }: Difference): string {
  if (table !== undefined) return table
  return object === 'table' || object === 'view' ? name : 'beside the tables'
}

/** The table of pairs, a paragraph each. */
export function pairsText(pairs: readonly Pair[]): string {
  const strict = (pair: Pair) => {
    if (pair.strict === undefined) return ''
    return pair.strict === true ? '; not with --strict' : `; with --strict only ${pair.strict}`
  }
  return pairs
    .map((pair) => `${pair.of}: ${pair.sqlite}\n  ~ ${pair.postgres}\n  ${pair.reason}${strict(pair)}`)
    .join('\n')
}

const VERDICTS: Readonly<Record<Verdict, 'red' | 'green' | 'yellow'>> = {
  reversible: 'green',
  'shape only': 'yellow',
  lossy: 'red',
  'irreversible (declared)': 'yellow',
  fails: 'red',
  'not reached': 'red',
}

export function verifyText({ migrations: verified }: VerifyResult): string {
  const dialects = (['sqlite', 'postgres'] as const).filter((dialect) => verified.some((one) => one[dialect]))
  const judged = verified.flatMap((one) =>
    dialects.flatMap((dialect) => {
      const judgement = one[dialect]
      return judgement === undefined ? [] : [{ id: one.id, dialect, judgement }]
    }),
  )
  const width = (texts: readonly string[]) => Math.max(0, ...texts.map(({ length }) => length))
  const [first, second] = [
    width(verified.map(({ id }) => id)),
    width([...dialects, ...judged.map((one) => one.judgement.verdict)]),
  ]
  const line = (cells: readonly string[]) => cells.join('  ').trimEnd()
  const table = verified.map((one) =>
    line([
      one.id.padEnd(first),
      ...dialects.map((dialect) => {
        const { verdict } = one[dialect] ?? {}
        return verdict ? paint(VERDICTS[verdict], verdict.padEnd(second), process.stdout) : ''.padEnd(second)
      }),
    ]),
  )
  const details = judged.flatMap(({ id, dialect, judgement }) => {
    const told = judgementText(judgement)
    return told.length === 0
      ? []
      : ['', `${id}, ${dialect}: ${judgement.verdict}`, ...told.map((one) => `  ${one}`)]
  })
  const counts = [...Map.groupBy(judged, ({ judgement }) => judgement.verdict)].map(
    ([verdict, all]) => `${all.length} ${verdict}`,
  )
  return [
    ...(verified.length === 0
      ? []
      : [line([''.padEnd(first), ...dialects.map((dialect) => dialect.padEnd(second))])]),
    ...table,
    ...details,
    ...(details.length === 0 ? [] : ['']),
    `${migrations(verified.length)} verified${counts.length > 0 ? ` (${counts.join(', ')})` : ''}`,
  ].join('\n')
}

function judgementText({ reasons, notes, error }: Judgement): string[] {
  const { file, line, column, excerpt = '', hint } = error ?? {}
  const at = [file, line, column].filter((part) => part !== undefined).join(':')
  return [
    ...reasons,
    ...notes.map((note) => `note: ${note}`),
    ...(at === '' ? [] : [`at ${at}`]),
    ...(excerpt === '' ? [] : excerpt.split('\n').map((shown) => `  ${shown}`)),
    ...(hint === undefined ? [] : [`next: ${hint}`]),
  ]
}

export function newText({ files, notes, differences }: NewResult): string {
  return writtenText(files, notes, differences)
}

export function translateText({ files, notes, reviews, differences, checked }: TranslateResult): string {
  const marked = reviews.map(({ file, reason, statement }) => {
    return `REVIEW ${file}: ${reason}: ${statement.split('\n')[0]}`
  })
  const unchecked = checked ? [] : ['it was not run: there is no PostgreSQL to make a shadow database on']
  return writtenText(files, [...notes, ...unchecked], [...marked, ...differences])
}

function writtenText(files: readonly string[], notes: readonly string[], wrong: readonly string[]): string {
  return [...files.map((file) => `wrote ${file}`), ...notes.map((note) => `note: ${note}`), ...wrong].join(
    '\n',
  )
}

export function typesText({ file, upToDate, text }: TypesResult, check: boolean): string {
  if (file === undefined) return text.trimEnd()
  if (upToDate) return `${file}: up to date`
  return check ? `${file}: out of date; "types ${file}" writes it` : `wrote ${file}`
}

function savedText(backup: string | undefined): string[] {
  return backup === undefined ? [] : [`wrote the backup ${backup}`]
}

export function backupText({ database, file, removed, ...facts }: BackupResult): string {
  return [
    ...removed.map((old) => `removed the old backup ${old}`),
    `${database}: backed up to ${file} (${factsText(facts)}, verified)`,
  ].join('\n')
}

export function restoreText({ database, file, backup, ...facts }: RestoreResult): string {
  const saved = backup === undefined ? [] : [`what it held before is in ${backup}`]
  return [...saved, `${database}: restored from ${file} (${factsText(facts)})`].join('\n')
}

function factsText({ bytes, tables, rows }: Pick<BackupResult, 'bytes' | 'tables' | 'rows'>): string {
  return [bytesText(bytes), ...(tables > 0 ? [count(tables, 'table'), count(rows, 'row')] : [])].join(', ')
}

/** Whoever was to read it has gone: `| head`, or a terminal that was closed. That is no failure. */
export function ignoreGone(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EPIPE' && error.code !== 'EIO') throw error
}

let listened = false

/** Writes to stderr. */
export function tell(text: string): void {
  if (!listened) process.stderr.on('error', ignoreGone)
  listened = true
  process.stderr.write(text)
}

/** An error as people read it: what, where, and what to do next. */
export function errorText(error: MigrateError, verbose: boolean): string {
  const { file, line, column, excerpt, hint, done = [], backup } = error.details
  const at = [file, line, column].filter((part) => part !== undefined).join(':')
  const lines = [
    `${paint('red', `error ${error.code}`, process.stderr)}: ${error.message}`,
    ...(at === '' ? [] : [`  at ${at}`]),
    ...(excerpt === undefined ? [] : excerpt.split('\n').map((shown) => `    ${shown}`)),
    ...(done.length === 0
      ? []
      : [`  ${migrations(done.length)} before it succeeded and stay: ${done.join(', ')}`]),
    ...(backup === undefined ? [] : [`  the backup from before it is in ${backup}`]),
    ...(hint === undefined ? [] : [`  ${paint('bold', 'next', process.stderr)}: ${hint}`]),
    ...(verbose
      ? [String(error.stack), ...(error.cause instanceof Error ? [String(error.cause.stack)] : [])]
      : []),
  ]
  return `${lines.join('\n')}\n`
}

type Bytes = Extract<ProgressEvent, { type: 'bytes' }>

const DOING: Record<Bytes['what'], string> = {
  backup: 'backing up',
  verify: 'verifying',
  restore: 'restoring',
}

/** Milliseconds between two lines: on a terminal, and where each stays. */
const OFTEN = 100
const SELDOM = 2000

/** Long work in bytes: what is to be said of it now, if anything. */
export function bytesProgress(every: number, now = () => performance.now()) {
  let what: Bytes['what'] | undefined
  let start = 0
  let last = 0
  return (event: Bytes): string | undefined => {
    const time = now()
    if (event.what !== what) [what, start, last] = [event.what, time, time]
    if (time - last < every) return undefined
    last = time
    const of = event.total === undefined ? '' : ` of ${bytesText(event.total)}`
    return `${DOING[event.what]}: ${bytesText(event.done)}${of}, ${bytesText((event.done * 1000) / (time - start))}/s`
  }
}

type Batch = Extract<ProgressEvent, { type: 'batch' }>

/** Work in batches: what is to be said of it now, if anything. */
export function batchProgress(every: number, now = () => performance.now()) {
  let last: number | undefined
  return ({ id, statement, statements, done, total, exact, rate, left }: Batch): string | undefined => {
    const time = now()
    last ??= time
    if (time - last < every) return undefined
    last = time
    const which = statements === 1 ? '' : `, statement ${statement} of ${statements}`
    const of = `${exact ? '' : 'about '}${number(total)}`
    return `${id}${which}: ${number(done)} of ${of} rows, ${number(rate)} rows/s, ${durationText(left)} left`
  }
}

export function number(n: number): string {
  return Math.round(n).toLocaleString('en-US')
}

/** `40 s`, `3 min 20 s`, `2 h 5 min`. */
export function durationText(seconds: number): string {
  const whole = Math.ceil(seconds)
  if (whole < 60) return `${whole} s`
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`
  return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`
}

/** Progress on stderr: a live line on a terminal, plain lines otherwise. */
export function showProgress() {
  let live = false
  const clear = () => {
    if (live) tell('\r\x1b[2K')
    live = false
  }
  const say = (text: string) => {
    clear()
    live = process.stderr.isTTY
    tell(live ? text : `${text}\n`)
  }
  const note = (text: string) => {
    clear()
    tell(`${text}\n`)
  }
  const every = process.stderr.isTTY ? OFTEN : SELDOM
  const bytes = bytesProgress(every)
  const batch = batchProgress(every)
  return {
    on: (event: ProgressEvent) => {
      if (event.type === 'bytes' || event.type === 'batch') {
        const text = event.type === 'bytes' ? bytes(event) : batch(event)
        if (text !== undefined) say(text)
      }
      if (event.type === 'waiting') say(`${event.message}: waiting for it`)
      if (event.type === 'note') note(event.message)
      if (event.type === 'warning') note(`${paint('yellow', 'warning', process.stderr)}: ${event.message}`)
      if (event.type === 'started') {
        const doing = event.direction === 'up' ? 'applying' : 'rolling back'
        say(`${doing} ${event.id} (${event.index} of ${event.total})`)
      }
    },
    clear,
  }
}
