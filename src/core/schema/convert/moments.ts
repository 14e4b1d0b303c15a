import type { Node } from 'libpg-query'
import { functionName, stringOf, words } from './ast.ts'

/** What both databases can say of the present, each in words of its own. */
export type Moment = 'now' | 'today' | 'epoch'

/** SQLite's formats that give what datetime('now') gives, as finely as they like, and the others. */
const FORMATS: Readonly<Record<string, Moment>> = {
  '%Y-%m-%d %H:%M:%S': 'now',
  '%Y-%m-%d %H:%M:%f': 'now',
  '%Y-%m-%dT%H:%M:%S': 'now',
  '%Y-%m-%dT%H:%M:%f': 'now',
  '%Y-%m-%dT%H:%M:%SZ': 'now',
  '%Y-%m-%dT%H:%M:%fZ': 'now',
  '%Y-%m-%d %H:%M:%SZ': 'now',
  '%Y-%m-%d %H:%M:%fZ': 'now',
  '%Y-%m-%d': 'today',
  '%s': 'epoch',
}

/** SQLite's functions for the present, by the word that they end with. */
const OF_SQLITE: Readonly<Record<string, Moment>> = { datetime: 'now', date: 'today', unixepoch: 'epoch' }

/** PostgreSQL's, without arguments. */
const OF_POSTGRES = new Set(['now', 'transaction_timestamp', 'statement_timestamp', 'clock_timestamp'])

const VALUES: Readonly<Record<string, Moment>> = {
  SVFOP_CURRENT_TIMESTAMP: 'now',
  SVFOP_CURRENT_TIMESTAMP_N: 'now',
  SVFOP_LOCALTIMESTAMP: 'now',
  SVFOP_LOCALTIMESTAMP_N: 'now',
  SVFOP_CURRENT_DATE: 'today',
}

/** Which of them a node means, if it is one: `datetime('now')`, `CURRENT_TIMESTAMP`, `now()`, `strftime('%s', 'now')`. */
export function momentOf(node: Node | undefined): Moment | undefined {
  if (node === undefined) return undefined
  if ('SQLValueFunction' in node) return VALUES[node.SQLValueFunction.op ?? '']
  if ('TypeCast' in node) {
    const [moment, type] = [momentOf(node.TypeCast.arg), words(node.TypeCast.typeName?.names).at(-1)]
    if (type === 'date') return moment && 'today'
    return moment === 'epoch' || /^timestamp/.test(type ?? '') ? moment : undefined
  }
  if (!('FuncCall' in node)) return undefined
  const { args = [] } = node.FuncCall
  const [first, second] = args
  const called = functionName(node.FuncCall)
  if (OF_POSTGRES.has(called) && args.length === 0) return 'now'
  if (called === 'strftime' && isNow(args.slice(1))) return FORMATS[stringOf(first) ?? '']
  // What is written with `localtime` or an offset is another moment.
  if (isNow(args)) return OF_SQLITE[called]
  if (called === 'timezone' && /^utc$/i.test(stringOf(first) ?? '')) return momentOf(second)
  if (called === 'to_char' && momentOf(first) === 'now') return 'now'
  if (asksEpoch(called, first)) return momentOf(second) && 'epoch'
  return undefined
}

const MOMENT = /^(\d{4}-\d\d-\d\d)(?:[ T](\d\d:\d\d)(:\d\d)?(\.\d+)?)?(?:(Z)|([-+]\d\d)(?::?(\d\d))?)?$/i

/**
 * A moment in a string, as SQLite's datetime() writes it: in UTC. Nothing where it is none.
 *
 * @param zoned whether the zone that it names counts; a `timestamp` of PostgreSQL leaves it aside
 */
export function utcOf(text: string, zoned = true): string | undefined {
  const [all, day, time = '00:00', seconds = ':00', fraction = '', , hours, minutes = '00'] =
    MOMENT.exec(text) ?? []
  if (all === undefined) return undefined
  const value = new Date(
    `${day}T${time}${seconds}${hours === undefined || !zoned ? 'Z' : `${hours}:${minutes}`}`,
  )
  if (Number.isNaN(value.getTime())) return undefined
  return `${value.toISOString().slice(0, 19).replace('T', ' ')}${fraction.replace(/\.?0+$/, '')}`
}

/** `'now'`, or nothing, which means it. */
function isNow(args: readonly Node[]): boolean {
  return args.length === 0 || (args.length === 1 && /^now$/i.test(stringOf(args[0]) ?? ''))
}

/** `extract(epoch FROM …)`, which PostgreSQL before 14 gives back as `date_part('epoch'::text, …)`. */
export function asksEpoch(called: string, field: Node | undefined): boolean {
  const plain = field !== undefined && 'TypeCast' in field ? field.TypeCast.arg : field
  return ['extract', 'date_part'].includes(called) && stringOf(plain) === 'epoch'
}
