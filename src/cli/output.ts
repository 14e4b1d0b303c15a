import { styleText } from 'node:util'
import type {
  BackupResult,
  DownResult,
  Entry,
  MigrateError,
  NewResult,
  PlannedStep,
  ProgressEvent,
  RestoreResult,
  State,
  StatusResult,
  UpResult,
} from '../index.ts'

type Stream = NodeJS.WriteStream

/** Colors where the stream is a terminal and NO_COLOR is not set. */
function paint(style: 'red' | 'green' | 'yellow' | 'bold' | 'dim', text: string, stream: Stream): string {
  return styleText(style, text, { stream })
}

function migrations(n: number): string {
  return `${n} migration${n === 1 ? '' : 's'}`
}

export function upText({ database, applied, planned, backup }: UpResult): string {
  if (planned.length > 0) return plannedText('would apply', database, planned)
  if (applied.length === 0) return `${database}: nothing to do, everything is applied`
  return [
    ...savedText(backup),
    ...applied.map(({ id }) => `applied ${id}`),
    `${database}: ${migrations(applied.length)} applied`,
  ].join('\n')
}

export function downText({ database, rolledBack, planned, backup }: DownResult): string {
  if (planned.length > 0) return plannedText('would roll back', database, planned)
  if (rolledBack.length === 0) return `${database}: nothing to do, nothing of it is applied`
  const lines = [...savedText(backup), ...rolledBack.map(({ id }) => `rolled back ${id}`)]
  return [...lines, `${database}: ${migrations(rolledBack.length)} rolled back`].join('\n')
}

function plannedText(would: string, database: string, planned: readonly PlannedStep[]): string {
  const steps = planned.map(({ id, file, sql }) => `-- ${would} ${id} (${file})\n${sql.trimEnd()}\n`)
  return [...steps, `-- ${database}: ${would} ${migrations(planned.length)}; nothing was changed`].join('\n')
}

const COLORS: Record<State, 'red' | 'green' | 'yellow'> = {
  applied: 'green',
  pending: 'yellow',
  changed: 'red',
  missing: 'red',
  'out of order': 'red',
}

export function statusText({ database, migrations: entries, upToDate }: StatusResult): string {
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
    `${database}: ${verdict}${counts.length > 0 ? ` (${counts.join(', ')})` : ''}`,
  ].join('\n')
}

export function newText({ files }: NewResult): string {
  return files.map((file) => `wrote ${file}`).join('\n')
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
  const plural = (n: number, noun: string) => `${n} ${noun}${n === 1 ? '' : 's'}`
  return [size(bytes), ...(tables > 0 ? [plural(tables, 'table'), plural(rows, 'row')] : [])].join(', ')
}

/** `512 MB`, `1.07 GB`. */
function size(bytes: number): string {
  const units = ['bytes', 'kB', 'MB', 'GB', 'TB']
  let unit = 0
  for (; bytes >= 1000 && unit < units.length - 1; unit++) bytes /= 1000
  return `${unit === 0 || bytes >= 10 ? Math.round(bytes) : bytes.toFixed(2)} ${units[unit]}`
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
export function bytesText(every: number, now = () => performance.now()) {
  let what: Bytes['what'] | undefined
  let start = 0
  let last = 0
  return (event: Bytes): string | undefined => {
    const time = now()
    if (event.what !== what) [what, start, last] = [event.what, time, time]
    if (time - last < every) return undefined
    last = time
    const of = event.total === undefined ? '' : ` of ${size(event.total)}`
    return `${DOING[event.what]}: ${size(event.done)}${of}, ${size((event.done * 1000) / (time - start))}/s`
  }
}

/** Progress on stderr: a live line on a terminal, plain lines otherwise. */
export function showProgress() {
  let live = false
  const clear = () => {
    if (live) process.stderr.write('\r\x1b[2K')
    live = false
  }
  const say = (text: string) => {
    clear()
    live = process.stderr.isTTY
    process.stderr.write(live ? text : `${text}\n`)
  }
  const note = (text: string) => {
    clear()
    process.stderr.write(`${text}\n`)
  }
  const bytes = bytesText(process.stderr.isTTY ? OFTEN : SELDOM)
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
