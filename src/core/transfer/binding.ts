import { isUtf8 } from 'node:buffer'
import type { Affinity } from '../schema/kinds.ts'
import type { Form } from './form.ts'
import { wireOf } from './wire.ts'

/** What a parameter of SQLite's is given. */
export type Bound = null | number | bigint | string | Uint8Array

/** How the fields of a column reach SQLite: through parameters of an SQL expression. */
export interface Binding {
  readonly sql: string
  /** How many parameters the expression has; for NULL all are null. */
  readonly slots: number
  /** Sets the parameters from `slot` on by the field of `length` bytes that begins at `at`. */
  set(view: DataView, at: number, length: number, values: Bound[], slot: number): void
}

/** What the values meet in SQLite. */
export interface Destination {
  readonly column: string
  /** Of the column; `blob` also where the table is STRICT and the column is ANY. */
  readonly affinity: Affinity
  /** The database keeps texts in UTF-16. */
  readonly utf16: boolean
}

/** A value that SQLite cannot hold as it is. */
export class BadValue extends Error {}

/** Gives the value of a field to the one parameter there is. */
type Read = (view: DataView, at: number, length: number) => Bound

function one(sql: string, read: Read): Binding {
  return {
    sql,
    slots: 1,
    set: (view, at, length, values, slot) => {
      values[slot] = read(view, at, length)
    },
  }
}

/**
 * How the fields of a column are bound. Texts are bound as their bytes: that is faster than a string,
 * and no byte is lost. A number of JavaScript's is bound as a REAL, which CAST makes an INTEGER again.
 *
 * @throws (when a field is set) BadValue
 */
export function bindingOf(form: Form, destination: Destination): Binding {
  const text = destination.utf16 ? decoded(destination) : bytes
  if (form === 'any') return classed(text)
  switch (wireOf(form)) {
    case 'int8':
      return one('CAST(? AS INTEGER)', destination.affinity === 'real' ? asReal(destination, int8) : int8)
    case 'float8':
      return one('?', float8(destination))
    case 'bytea':
      return one('?', bytes)
    case 'text':
      return textOf(form, destination, text)
  }
}

const MOMENTS: ReadonlySet<Form> = new Set(['timestamptz', 'timestamp', 'date'])
/** Forms whose texts can be those of numbers. */
const FREE: ReadonlySet<Form> = new Set(['text', 'json', 'jsonb', 'other'])

function textOf(form: Form, destination: Destination, text: Read): Binding {
  const numbers = destination.affinity !== 'text' && destination.affinity !== 'blob'
  if (form === 'numeric' && numbers) return one('?', numeric(destination))
  const checked = FREE.has(form) && numbers ? unlikeNumber(destination, text) : text
  return one('CAST(? AS TEXT)', MOMENTS.has(form) ? moment(destination, checked) : checked)
}

/** A value with its class before it. One of the two parameters is null: only a text goes through the CAST. */
function classed(text: Read): Binding {
  return {
    sql: 'coalesce(CAST(? AS TEXT), ?)',
    slots: 2,
    set: (view, at, length, values, slot) => {
      const kind = view.getUint8(at)
      const value = CLASSES[kind] ?? text
      values[slot] = kind === TEXT ? text(view, at + 1, length - 1) : null
      values[slot + 1] = kind === TEXT ? null : value(view, at + 1, length - 1)
    },
  }
}

const bytes: Read = (view, at, length) => new Uint8Array(view.buffer, view.byteOffset + at, length)

const TEXT = 't'.charCodeAt(0)

const CLASSES: Readonly<Record<number, Read>> = {
  ['i'.charCodeAt(0)]: (view, at) => view.getBigInt64(at),
  ['r'.charCodeAt(0)]: (view, at) => view.getFloat64(at),
  ['b'.charCodeAt(0)]: bytes,
}

/** From here on what the upper half of an int8 counts is beyond what JavaScript counts exactly. */
const SAFE = 2 ** 21

const int8: Read = (view, at) => {
  const high = view.getInt32(at)
  return high >= -SAFE && high < SAFE ? high * 2 ** 32 + view.getUint32(at + 4) : view.getBigInt64(at)
}

/** A column that makes a REAL of every number holds only those that a double holds. */
function asReal({ column }: Destination, read: Read): Read {
  return (view, at, length) => {
    const value = read(view, at, length)
    if (typeof value === 'bigint' && BigInt(Number(value)) !== value)
      throw new BadValue(`${column} would round ${value}`)
    return value
  }
}

function float8({ column, affinity }: Destination): Read {
  return (view, at) => {
    const value = view.getFloat64(at)
    if (Number.isNaN(value)) throw new BadValue(`${column} is NaN, which is NULL to SQLite`)
    // SQLite itself would write only fifteen digits of it.
    return affinity === 'text' ? String(value) : value
  }
}

function textAt(view: DataView, at: number, length: number): string {
  return Buffer.from(view.buffer, view.byteOffset + at, length).toString()
}

/** The text itself, where the database keeps texts in another form than the bytes that come. */
function decoded({ column }: Destination): Read {
  return (view, at, length) => {
    if (!isUtf8(new Uint8Array(view.buffer, view.byteOffset + at, length)))
      throw new BadValue(`${column} is no UTF-8, which a database in UTF-16 cannot hold`)
    return textAt(view, at, length)
  }
}

const HYPHEN = '-'.charCodeAt(0)
const NINE = '9'.charCodeAt(0)

/** Of the years 0001 to 9999: no infinity, nothing before Christ, whose texts have a letter or a longer year. */
function moment({ column }: Destination, text: Read): Read {
  return (view, at, length) => {
    if (view.getUint8(at + 4) !== HYPHEN || view.getUint8(at + length - 1) > NINE)
      throw new BadValue(`${column} is ${textAt(view, at, length)}, and SQLite has the years 0001 to 9999`)
    return text(view, at, length)
  }
}

/** What SQLite takes for a number where the column asks for one, and makes one of. */
const NUMBER = /^[ \t-\r]*[+-]?(\d+(\.\d*)?|\.\d+)(e[+-]?\d+)?[ \t-\r]*$/i
/** What is the same text when it is read again. */
const SAME = /^(0|-?[1-9]\d{0,17})$/

function unlikeNumber({ column, affinity }: Destination, text: Read): Read {
  return (view, at, length) => {
    // No letter begins a number: few texts are looked at as a whole.
    if (length > 0 && view.getUint8(at) <= NINE) {
      const words = textAt(view, at, length)
      if (NUMBER.test(words) && (affinity === 'real' || !SAME.test(words)))
        throw new BadValue(
          `${column} is the text '${words.slice(0, 40)}', which its type makes a number in SQLite`,
        )
    }
    return text(view, at, length)
  }
}

function numeric({ column, affinity }: Destination): Read {
  return (view, at, length) => {
    const words = textAt(view, at, length)
    const value = numberOf(words, affinity === 'real')
    if (value === undefined)
      throw new BadValue(`${column} is ${words.slice(0, 80)}, of which SQLite would not keep every digit`)
    return value
  }
}

const LEAST = -(2n ** 63n)
const MOST = 2n ** 63n - 1n

/**
 * The number of SQLite that is what a numeric of PostgreSQL is: no digit is lost.
 *
 * @param text as PostgreSQL writes it: without an exponent
 * @param real it will be a REAL in any case
 */
function numberOf(text: string, real: boolean): number | bigint | undefined {
  if (!real && /^-?\d{1,19}$/.test(text)) {
    const value = BigInt(text)
    if (value >= LEAST && value <= MOST) return value
  }
  const value = Number(text)
  return Number.isFinite(value) && digitsOf(text) === digitsOf(String(value)) ? value : undefined
}

/** Sign, digits without zeros around them, and where the point stands: of equal numbers they are the same. */
function digitsOf(text: string): string {
  const [, sign, whole = '', fraction = '', exponent = '0'] =
    /^(-?)(\d*)(?:\.(\d*))?(?:e([+-]\d+))?$/.exec(text) ?? []
  const digits = (whole + fraction).replace(/^0+/, '')
  if (digits === '') return '0'
  const leading = whole.length + fraction.length - digits.length
  return `${sign}${digits.replace(/0+$/, '')}e${whole.length - leading + Number(exponent)}`
}

/** A field for people: of a key, that they find the row by it. */
export function shown(form: Form, view: DataView, at: number, length: number): string {
  if (length < 0) return 'NULL'
  const kind = form === 'any' ? String.fromCharCode(view.getUint8(at)) : wireOf(form)
  const [start, rest] = form === 'any' ? [at + 1, length - 1] : [at, length]
  const hex = () => Buffer.from(view.buffer, view.byteOffset + start, Math.min(rest, SHOWN)).toString('hex')
  switch (kind) {
    case 'i':
    case 'int8':
      return String(view.getBigInt64(start))
    case 'r':
    case 'float8':
      return String(view.getFloat64(start))
    case 'b':
    case 'bytea':
      return `x'${hex()}'`
    default:
      return `'${textAt(view, start, Math.min(rest, SHOWN))}'`
  }
}

/** Bytes of a key that are shown. */
const SHOWN = 80
