import { styleText } from 'node:util'
import {
  bytesText,
  count,
  type ProgressEvent,
  type TransferOptions,
  type TransferResult,
  transfer,
} from '../index.ts'
import { durationText, number, paint } from './output.ts'

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

/** What is being moved: on a terminal a table that lives, elsewhere a line now and then. */
export function tableProgress(stream: NodeJS.WriteStream, now = () => performance.now()) {
  const tables = new Map<string, Rows>()
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
    done < total ? `${durationText(left)} left` : 'moved',
  ]
  return {
    on: (event: Rows) => {
      tables.set(event.table, event)
      if (now() - last < (stream.isTTY ? OFTEN : SELDOM)) return
      last = now()
      clear()
      const lines = aligned((stream.isTTY ? [...tables.values()] : [event]).map(rowOf))
      stream.write(`${lines.join('\n')}\n`)
      if (stream.isTTY) drawn = lines.length
    },
    clear,
  }
}

/** Moves, and shows it. */
export async function showTransfer(
  options: TransferOptions,
  quiet: boolean,
  onProgress: (event: ProgressEvent) => void,
): Promise<TransferResult> {
  const live = tableProgress(process.stderr)
  try {
    return await transfer({
      ...options,
      onProgress: (event) => {
        if (event.type !== 'rows') onProgress(event)
        else if (!quiet) live.on(event)
      },
    })
  } finally {
    live.clear()
  }
}

const PROVEN: Readonly<Record<TransferResult['verify'], string>> = {
  full: 'every row is the same on both sides, by the digest that each has made of its own',
  count: 'every table has as many rows on both sides; what they hold was not compared',
  none: 'nothing was compared',
}

export function transferText(result: TransferResult): string {
  const { from, to, ok, verify, tables, rows, bytes, seconds, outside, skipped, warnings, backup } = result
  const warning = paint('yellow', 'warning', process.stdout)
  return [
    ...(backup === undefined ? [] : [`backup: ${backup}`]),
    ...aligned(
      tables.map(({ table, rows, bytes, seconds, digest }) => [
        table,
        `${number(rows)} rows`,
        bytesText(bytes),
        `${seconds.toFixed(1)} s`,
        digest ?? '',
      ]),
    ),
    ...warnings.map((message) => `${warning}: ${message}`),
    ...skipped.map(({ table, reason }) => `${warning}: ${table} was not moved: ${reason}`),
    ...(outside.length === 0
      ? []
      : [`${count(outside.length, 'table')} of no migration were made in the target`]),
    `${count(rows, 'row')} (${bytesText(bytes)}) moved from ${from.database} to ${to.database} in ${seconds.toFixed(1)} s`,
    ok ? PROVEN[verify] : styleText('red', 'the two sides differ: the target stays marked as incomplete'),
  ].join('\n')
}
