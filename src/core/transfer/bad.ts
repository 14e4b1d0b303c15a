import { isUtf8 } from 'node:buffer'
import type { IndexPart, Schema, Table } from '../schema/model.ts'
import type { Moved } from './moved.ts'

/** Rows of a table that the target cannot take as they are, for one reason. */
export interface Bad {
  /** In the source. */
  readonly table: string
  /** In the source; several of a key. */
  readonly columns: readonly string[]
  readonly reason: string
  /** Rows. */
  readonly count: number
  /** A few of them. */
  readonly examples: readonly Example[]
}

/** A bad row: what tells it from the others, and the value, both as they are shown to people. */
export interface Example {
  readonly key: Readonly<Record<string, string>>
  readonly value: string
}

/** Examples of one reason. */
export const EXAMPLES = 3

/** The target's side of a table, where it is known beforehand. */
export interface Into {
  readonly schema: Schema
  readonly table: Table
}

/** What the search for bad rows may be given beside the table. */
export interface Search {
  /** All tables that are moved: what a foreign key refers to is looked for in them. */
  readonly all?: readonly Moved[]
  /** The target itself, for what only it can say: without it, nothing is said of that. */
  readonly server?: Server
  readonly signal?: AbortSignal
}

/** What a PostgreSQL server says of values before they are sent. */
export interface Server {
  /**
   * Why texts are no values of a type.
   *
   * @returns the server's words for each text that it refuses, by its place
   */
  refusals(type: string, texts: readonly string[]): Promise<ReadonlyMap<number, string>>
  /**
   * Which texts a type takes and would write in another way: what is moved would not be what was there.
   *
   * @param texts that are not refused
   * @returns their places
   */
  rewritten(type: string, texts: readonly string[]): Promise<readonly number[]>
  /** Whether lower(), and so citext, folds letters beyond ASCII. */
  readonly foldsAll: boolean
}

/** Why a text is bad that a type would write in another way. */
export function otherwise(type: string): string {
  return `would be written in another way by ${type}`
}

/** Characters of a value that are shown. */
const SHOWN = 60

/** A value as people are shown it: texts in quotes and escaped, bytes in hexadecimal, no more than a line. */
export function shown(value: unknown, size?: number): string {
  if (value === null || value === undefined) return 'NULL'
  if (value instanceof Uint8Array) {
    const hex = Buffer.from(value.subarray(0, SHOWN / 2)).toString('hex')
    const length = size ?? value.length
    return length > SHOWN / 2 ? `x'${hex}…' (${length} bytes)` : `x'${hex}'`
  }
  const text = String(value)
  const cut = text.length > SHOWN || (size !== undefined && size > text.length)
  const kept = (cut ? text.slice(0, SHOWN) : text).toWellFormed()
  return typeof value === 'string' ? `${JSON.stringify(kept)}${cut ? '…' : ''}` : kept
}

/** Bytes of a text as the text, or as they are where they are none: not UTF-8, or with a NUL. */
export function textOf(bytes: Uint8Array): string | Uint8Array {
  return isUtf8(bytes) && !bytes.includes(0) ? Buffer.from(bytes).toString() : bytes
}

/** The size of a decimal number. */
interface Decimal {
  readonly negative: boolean
  /** Without zeros at either end. */
  readonly digits: string
  /** Digits of these that stand before the point; behind it, with zeros before them, if negative. */
  readonly point: number
}

/** A decimal number, as PostgreSQL reads it from a text. */
export function decimalOf(words: string): Decimal | undefined {
  const [, sign, whole = '', fraction = '', only = '', exponent = '0'] =
    /^([+-]?)(?:(\d+)\.?(\d*)|\.(\d+))(?:e([+-]?\d+))?$/i.exec(words) ?? []
  if (sign === undefined) return undefined
  const all = whole + fraction + only
  const digits = all.replace(/^0+/, '')
  const point = whole.length + Number(exponent) - (all.length - digits.length)
  const kept = digits.replace(/0+$/, '')
  return { negative: sign === '-' && kept !== '', digits: kept, point: kept === '' ? 0 : point }
}

/** What PostgreSQL's numeric holds without a precision: postgresql.org/docs/current/datatype-numeric.html */
const WHOLE_DIGITS = 131_072
const DECIMALS = 16_383

/** Whether a numeric, or a numeric(precision, scale), holds a number with all of its digits. */
export function fits(words: string, precision?: number, scale = 0): 'whole' | 'rounded' | 'too large' {
  const number = decimalOf(words)
  if (number === undefined) return 'too large'
  const { digits, point } = number
  const [whole, decimals] = precision === undefined ? [WHOLE_DIGITS, DECIMALS] : [precision - scale, scale]
  const written = /\.(\d*)/.exec(words)?.[1]?.length ?? 0
  const exponent = Number(/e(.*)$/i.exec(words)?.[1] ?? 0)
  if (written - exponent > DECIMALS || Math.abs(exponent) > 2 ** 30) return 'too large'
  if (digits === '') return 'whole'
  if (point > whole) return 'too large'
  return digits.length - point > decimals ? 'rounded' : 'whole'
}

/** Numbers are equal if this is. */
export function canonicalDecimal(words: string): string | undefined {
  const number = decimalOf(words)
  return number && `${number.negative ? '-' : ''}${number.digits}e${number.point}`
}

/** The precision and the scale of `numeric(p, s)`, the precision of `timestamp(p) …` and the like. */
export function precisionOf(type: string): number[] {
  const [, words] = /^[a-z ]*\(([\d, -]+)\)/.exec(type) ?? []
  return words === undefined ? [] : words.split(',').map(Number)
}

/** Something of the target that takes no two equal rows. */
export interface Uniqueness {
  readonly name?: string
  readonly parts: readonly IndexPart[]
  readonly where?: string
  readonly nullsNotDistinct?: true
}

/** All of a table that takes no two equal rows. */
export function uniquenesses({ primaryKey, uniques, indexes }: Table): Uniqueness[] {
  const keys = [...(primaryKey ? [primaryKey] : []), ...uniques]
  return [
    ...keys.map(({ columns, ...rest }) => ({ ...rest, parts: columns.map((column) => ({ column })) })),
    ...indexes.filter(({ unique }) => unique),
  ]
}
