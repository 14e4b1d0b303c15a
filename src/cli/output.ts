import { styleText } from 'node:util'
import type {
  DownResult,
  Entry,
  MigrateError,
  NewResult,
  PlannedStep,
  ProgressEvent,
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

export function upText({ database, applied, planned }: UpResult): string {
  if (planned.length > 0) return plannedText('would apply', database, planned)
  if (applied.length === 0) return `${database}: nothing to do, everything is applied`
  return [
    ...applied.map(({ id }) => `applied ${id}`),
    `${database}: ${migrations(applied.length)} applied`,
  ].join('\n')
}

export function downText({ database, rolledBack, planned }: DownResult): string {
  if (planned.length > 0) return plannedText('would roll back', database, planned)
  if (rolledBack.length === 0) return `${database}: nothing to do, nothing of it is applied`
  const lines = rolledBack.map(({ id }) => `rolled back ${id}`)
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

/** An error as people read it: what, where, and what to do next. */
export function errorText(error: MigrateError, verbose: boolean): string {
  const { file, line, column, excerpt, hint, done = [] } = error.details
  const at = [file, line, column].filter((part) => part !== undefined).join(':')
  const lines = [
    `${paint('red', `error ${error.code}`, process.stderr)}: ${error.message}`,
    ...(at === '' ? [] : [`  at ${at}`]),
    ...(excerpt === undefined ? [] : excerpt.split('\n').map((shown) => `    ${shown}`)),
    ...(done.length === 0
      ? []
      : [`  ${migrations(done.length)} before it succeeded and stay: ${done.join(', ')}`]),
    ...(hint === undefined ? [] : [`  ${paint('bold', 'next', process.stderr)}: ${hint}`]),
    ...(verbose
      ? [String(error.stack), ...(error.cause instanceof Error ? [String(error.cause.stack)] : [])]
      : []),
  ]
  return `${lines.join('\n')}\n`
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
  return {
    on: (event: ProgressEvent) => {
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
