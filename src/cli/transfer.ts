import {
  bytesText,
  count,
  type FollowEvent,
  type ProgressEvent,
  type TransferLoadResult,
  type TransferOptions,
  type TransferResult,
  transfer,
  transferLoad,
  transferRelease,
} from '../index.ts'
import { ask } from './ask.ts'
import { atMost, lockTimeout, type Outcome, placeOf, settings, usage, type Values, WARN } from './commands.ts'
import { durationText, number, paint } from './output.ts'
import { stopSignal } from './stop.ts'

/** Milliseconds between two pictures on a terminal, and two lines where each stays. */
const OFTEN = 100
const SELDOM = 2000

type Rows = Extract<ProgressEvent, { type: 'rows' }>

/** The columns of a table for people: texts to the left, numbers to the right. */
function aligned(rows: readonly (readonly string[])[]): string[] {
  const widths = rows[0]?.map((_, i) => Math.max(...rows.map((row) => row[i]?.length ?? 0))) ?? []
  return rows.map((row) =>
    row
      .map((cell, i) => (i === 0 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0)))
      .join('  ')
      .trimEnd(),
  )
}

type Step = Extract<ProgressEvent, { type: 'building' | 'comparing' }>

/** What is being moved: on a terminal a table that lives, elsewhere a line now and then. */
export function tableProgress(stream: NodeJS.WriteStream, now = () => performance.now(), end = 'moved') {
  const tables = new Map<string, Rows>()
  const steps = new Map<string, string>()
  let drawn = 0
  let last = Number.NEGATIVE_INFINITY
  const clear = () => {
    if (drawn > 0) stream.write(`\x1b[${drawn}A\x1b[0J`)
    drawn = 0
  }
  const rowOf = ({ table, done, total, bytes, rate, left }: Rows) => [
    table,
    `${number(done)}${done < total ? ` of about ${number(total)}` : ''} rows`,
    bytesText(bytes),
    `${number(rate)} rows/s`,
    done < total ? `${durationText(left)} left` : (steps.get(table) ?? end),
  ]
  return {
    on: (event: Rows | Step) => {
      if (event.type === 'rows') tables.set(event.table, event)
      else steps.set(event.table, event.type === 'building' ? event.what : 'comparing')
      const moved = tables.get(event.table)
      if (moved === undefined || now() - last < (stream.isTTY ? OFTEN : SELDOM)) return
      last = now()
      clear()
      const lines = aligned((stream.isTTY ? [...tables.values()] : [moved]).map(rowOf))
      stream.write(`${lines.join('\n')}\n`)
      if (stream.isTTY) drawn = lines.length
    },
    clear,
  }
}

/** The command: moves, checks, compares, or loads rows that were set aside. */
export async function runTransfer(
  words: readonly string[],
  values: Values,
  onProgress: (event: ProgressEvent) => void,
): Promise<Outcome> {
  if (values.load !== undefined) {
    atMost(0, words)
    const result = await transferLoad({
      file: String(values.load),
      to: endOf(values, 'to'),
      signal: stopSignal(),
    })
    return { result, text: loadText(result), status: result.left.length > 0 ? 3 : 0 }
  }
  if (values.release === true) {
    atMost(0, words)
    if (values.yes !== true) await ask('--release lets the source be written to again', false)
    const result = await transferRelease({ from: endOf(values, 'from') })
    const moved = result.movedTo === undefined ? '' : `; what ${result.movedTo} was given since is not in it`
    return { result, text: `${result.database} can be written to${moved}` }
  }
  const options = await optionsOf(words, values)
  const live = tableProgress(process.stderr, undefined, options.check ? 'looked at' : 'moved')
  try {
    const result = await transfer({
      ...options,
      onProgress: (event) => {
        if (event.type === 'rows' || event.type === 'building' || event.type === 'comparing') {
          if (values.quiet !== true) live.on(event)
        } else if (event.type === 'stopping' || event.type === 'switched') {
          live.clear()
          onProgress({ type: 'note', message: followText(event) })
        } else if (event.type !== 'followed') onProgress(event)
      },
    })
    live.clear()
    return { result, text: transferText(result, options), status: result.ok ? 0 : 3 }
  } finally {
    live.clear()
  }
}

function followText(event: Extract<FollowEvent, { type: 'stopping' | 'switched' }>): string {
  return event.type === 'stopping'
    ? 'the application waits'
    : `the application can go on with the target: it waited ${Math.ceil(event.stop)} ms`
}

function endOf(values: Values, name: 'from' | 'to'): string {
  const url = values[name]
  if (typeof url === 'string') return url
  throw usage(`transfer needs --${name}`, 'such as --from sqlite:./data/nexflow.db --to postgres://…')
}

async function optionsOf(words: readonly string[], values: Values): Promise<TransferOptions> {
  const { dir, shadow, backup, transfer: said = {} } = await settings(values)
  const badTo = badFile(words, values)
  const { verify, limit } = values
  const map = { ...said.map, ...pairsOf(values, 'map') }
  const mask = { ...said.mask, ...pairsOf(values, 'mask') }
  const exclude = [...(said.exclude ?? []), ...listOf(values, 'exclude')]
  const ends = { from: endOf(values, 'from'), to: endOf(values, 'to') }
  if (values.replace === true) {
    await ask(
      'transfer --replace puts the rows of the source in the place of those of the target',
      values.yes === true,
    )
  }
  return {
    ...ends,
    signal: stopSignal(),
    logger: WARN,
    ...(dir !== undefined && { migrations: dir }),
    ...(shadow !== undefined && { shadow }),
    ...(verify !== undefined && { verify: verify as NonNullable<TransferOptions['verify']> }),
    ...lockTimeout(values),
    check: values.check === true,
    verifyOnly: values['verify-only'] === true,
    resume: values.resume === true,
    replace: values.replace === true,
    follow: values.follow === true,
    backup: placeOf(backup),
    ...(badTo !== undefined && { badTo }),
    ...(values.only !== undefined && { only: listOf(values, 'only') }),
    ...(exclude.length > 0 && { exclude }),
    ...(values.where !== undefined && { where: pairsOf(values, 'where') }),
    ...(limit !== undefined && { limit: Number(limit) }),
    map,
    mask,
  }
}

/** The FILE of `--bad rows-to FILE`. */
function badFile([file, ...more]: readonly string[], { bad }: Values): string | undefined {
  atMost(0, more)
  if (bad === 'rows-to' && file !== undefined) return file
  if (bad === 'rows-to') throw usage('--bad rows-to needs a FILE', 'such as --bad rows-to bad.jsonl')
  if (bad !== undefined && bad !== 'stop') throw usage(`--bad is ${bad}`, 'write stop, or rows-to FILE')
  atMost(0, file === undefined ? [] : [file])
  return undefined
}

function listOf(values: Values, name: string): string[] {
  return values[name] === undefined
    ? []
    : String(values[name])
        .split(',')
        .map((word) => word.trim())
}

/** `NAME=VALUE`, any number of them. */
function pairsOf(values: Values, name: string): Record<string, string> {
  const given = values[name]
  const words = Array.isArray(given) ? given.map(String) : []
  return Object.fromEntries(
    words.map((word) => {
      const at = word.indexOf('=')
      if (at > 0) return [word.slice(0, at), word.slice(at + 1)]
      throw usage(`--${name} cannot read "${word}"`, `write --${name} NAME=…`)
    }),
  )
}

const PROVEN: Readonly<Record<TransferResult['verify'], string>> = {
  full: 'every row is the same on both sides, by a digest that each has made by itself',
  count: 'every table has as many rows on both sides; what they hold was not compared',
  none: 'nothing was compared',
}

/** Rows that were not loaded, as far as they are shown. */
const MOST = 20

/** What came of a transfer, for people. */
export function transferText(result: TransferResult, { check, verifyOnly }: TransferOptions): string {
  const { from, to, ok, verify, tables, rows, bytes, seconds, skipped, warnings, backup, aside, stop } =
    result
  const warning = paint('yellow', 'warning', process.stdout)
  const done = check
    ? `of ${from.database} looked at`
    : verifyOnly
      ? `of ${from.database} compared with ${to.database}`
      : `moved from ${from.database} to ${to.database}`
  const size = bytes === 0 ? '' : ` (${bytesText(bytes)})`
  const differ = verifyOnly ? '' : ': the target stays marked as incomplete'
  const verdict = check
    ? ok
      ? 'the target can take every row as it is'
      : `${count(sum(result.bad.map((one) => one.count)), 'value')} that the target cannot take as they are`
    : ok
      ? (aside === undefined ? '' : 'but for those set aside, ') + PROVEN[verify]
      : `the two sides differ${differ}`
  return [
    ...(backup === undefined ? [] : [`backup: ${backup}`]),
    ...aligned(tables.map((table) => tableCells(table))),
    ...result.bad.flatMap(badText),
    ...result.differences.map(differenceLine),
    ...warnings.map((message) => `${warning}: ${message}`),
    ...skipped.map(({ table, reason }) => `${warning}: ${table} was not moved: ${reason}`),
    ...(aside === undefined ? [] : asideText(aside)),
    ...(stop === undefined
      ? []
      : [`the application waited ${Math.ceil(stop)} ms; it must use ${to.database} from now on`]),
    `${number(rows)} ${rows === 1 ? 'row' : 'rows'}${size} ${done} in ${seconds.toFixed(1)} s`,
    ok ? verdict : paint('red', verdict, process.stdout),
  ].join('\n')
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((all, one) => all + one, 0)
}

function tableCells({ table, rows, bytes, seconds, digest }: TransferResult['tables'][number]): string[] {
  return [
    table,
    `${number(rows)} rows`,
    bytes === 0 ? '' : bytesText(bytes),
    `${seconds.toFixed(1)} s`,
    ...(digest === undefined ? [] : [digest]),
  ]
}

function badText({ table, columns, reason, count: n, examples }: TransferResult['bad'][number]): string[] {
  const shown = examples.map(({ key, value }) => {
    const keys = Object.entries(key).map(([name, value]) => `${name} = ${value}`)
    return `  ${value}${keys.length === 0 ? '' : ` where ${keys.join(', ')}`}`
  })
  return [`${table}.${columns.join(', ')}: ${count(n, 'row')}: ${reason}`, ...shown]
}

function differenceLine({ table, key, change, columns = [] }: TransferResult['differences'][number]): string {
  const keys = Object.entries(key ?? {}).map(([name, value]) => `${name} = ${value}`)
  const values = columns.map(({ name, from, to }) => `${name}: ${from ?? 'NULL'} and ${to ?? 'NULL'}`)
  const what = { missing: 'is missing in the target', extra: 'is only in the target', different: 'differs' }
  return [`${table} (${keys.join(', ')}) ${what[change]}`, ...values].join('; ')
}

function asideText({ file, rows }: NonNullable<TransferResult['aside']>): string[] {
  const tables = Object.entries(rows).filter(([, n]) => n > 0)
  if (tables.length === 0) return [`no row was set aside`]
  return [
    ...tables.map(([table, n]) => `${table}: ${count(n, 'row')} set aside`),
    `they are in ${file}: mend them, and load them with: nexflow-migrate transfer --load ${file} --to …`,
  ]
}

function loadText({ loaded, there, left }: TransferLoadResult): string {
  return [
    ...left.slice(0, MOST).map(({ table, key, problems }) => {
      const keys = Object.entries(key).map(([name, value]) => `${name} = ${String(value)}`)
      const words = problems.map(({ column, reason }) => [column, reason].filter(Boolean).join(' '))
      return `${table} (${keys.join(', ')}): ${words.join('; ')}`
    }),
    `${count(loaded, 'row')} loaded, ${there} there already, ${left.length} left in the file`,
  ].join('\n')
}
