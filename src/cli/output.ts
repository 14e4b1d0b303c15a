import { styleText } from 'node:util'
import {
  type BackupResult,
  bytesText,
  count,
  type Difference,
  type DownResult,
  differenceText,
  type Entry,
  keptText,
  type MigrateError,
  type NewResult,
  type Pair,
  type ParityResult,
  type PlannedStep,
  type ProgressEvent,
  type RestoreResult,
  type Stash,
  type StashDropResult,
  type StashListResult,
  type State,
  type StatusResult,
  stashLabel,
  type TranslateResult,
  type UpResult,
} from '../index.ts'

type Stream = NodeJS.WriteStream

/** Colors where the stream is a terminal and NO_COLOR is not set. */
function paint(style: 'red' | 'green' | 'yellow' | 'bold' | 'dim', text: string, stream: Stream): string {
  return styleText(style, text, { stream })
}

function migrations(n: number): string {
  return count(n, 'migration')
}

export function upText({ database, applied, planned, backup, givenBack }: UpResult): string {
  if (planned.length > 0) return plannedText('would apply', database, planned)
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

const COLORS: Record<State, 'red' | 'green' | 'yellow'> = {
  applied: 'green',
  pending: 'yellow',
  changed: 'red',
  missing: 'red',
  'out of order': 'red',
  interrupted: 'red',
}

export function statusText({ database, migrations: entries, upToDate, stashes }: StatusResult): string {
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

export function parityText({ equal, at, compared, differences, exceptions }: ParityResult): string {
  const counts = Object.entries(compared).filter(([what, n]) => n > 0 || what === 'tables')
  const what = counts.map(([noun, n]) => count(n, noun.replace(/s$/, ''))).join(', ')
  const accepted = exceptions.length === 0 ? '' : `, with ${count(exceptions.length, 'exception')}`
  const after = at === undefined ? '' : ` after ${at}`
  if (equal) return `SQLite and PostgreSQL have the same schema${after}: ${what}${accepted}`
  const places = [...Map.groupBy(differences, placeOf)]
  const lines = places.flatMap(([place, some]) => [
    place,
    ...some.map((one) => `  ${differenceText(one, SIDES)}`),
  ])
  return [
    ...lines,
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
  const bytes = bytesProgress(process.stderr.isTTY ? OFTEN : SELDOM)
  return {
    on: (event: ProgressEvent) => {
      if (event.type === 'bytes') {
        const text = bytes(event)
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
