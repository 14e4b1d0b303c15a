import type { Dialect } from '../migrations.ts'
import { fits, precisionOf } from './bad.ts'
import { CLASS, type Field, latin } from './field.ts'
import type { Form } from './form.ts'
import { dateOf, momentOf, timeOf } from './moment.ts'
import type { MovedColumn } from './moved.ts'
import type { Output } from './output.ts'

/**
 * Writes a value as a field of COPY BINARY: its length in bytes, and the bytes (postgresql.org/docs/current/sql-copy.html;
 * each type's own form is that of its `…recv` function).
 *
 * @returns false where it is no value of the form; what it has written then means nothing
 */
export type Encoder = (field: Field, out: Output) => boolean

/** How the values of a column are written. A key of SQLite may be NULL where it says nothing. */
export function encoderOf(column: MovedColumn, to: Dialect): Encoder {
  const encode = ENCODERS[column.form]
  const none = column.to.nullable || to === 'sqlite'
  const isWhole = to === 'sqlite' ? undefined : wholeness(column)
  return (field, out) => {
    if (field.class !== CLASS.null) return (isWhole === undefined || isWhole(field)) && encode(field, out)
    if (none) writeInt32(out, -1)
    return none
  }
}

/** What tells whether the server would take a value without cutting or rounding it, which it does in silence. */
function wholeness({ form, to, longest }: MovedColumn): ((field: Field) => boolean) | undefined {
  const [precision, scale] = precisionOf(to.type)
  if (longest !== undefined) return (field) => field.length <= longest || lengthOf(field) <= longest
  if (precision === undefined) return undefined
  if (form === 'numeric') {
    return (field) => {
      const words = field.class === CLASS.real ? String(jsValue(field)) : fieldText(field)
      return fits(words, precision, scale) === 'whole'
    }
  }
  const isFine = (micros: bigint | undefined) => (micros ?? 0n) % 10n ** BigInt(6 - precision) === 0n
  if (form === 'time') return (field) => isFine(timeOf(jsValue(field)))
  if (form === 'timestamp' || form === 'timestamptz') return (field) => isFine(momentOf(jsValue(field)))
  return undefined
}

/** Characters of a text: bytes that begin one. */
function lengthOf({ data: { bytes }, offset, length }: Field): number {
  let characters = 0
  for (let i = offset; i < offset + length; i++) if (((bytes[i] ?? 0) & 0xc0) !== 0x80) characters++
  return characters
}

function fieldText({ data, offset, length }: Field): string {
  return latin(data.bytes, offset, length)
}

function writeInt32(out: Output, value: number): void {
  out.reserve(4)
  out.view.setInt32(out.length, value)
  out.length += 4
}

function writeBytes(out: Output, { data, offset, length }: Field, before = -1): true {
  const first = before < 0 ? 0 : 1
  writeInt32(out, length + first)
  out.reserve(length + first)
  if (first > 0) out.bytes[out.length++] = before
  // For few bytes a loop takes less than what makes a view of them.
  if (length < 32) for (let i = 0; i < length; i++) out.bytes[out.length + i] = data.bytes[offset + i] ?? 0
  else out.bytes.set(data.bytes.subarray(offset, offset + length), out.length)
  out.length += length
  return true
}

/** A number of eight bytes; as a double where that is exact. */
function writeInt64(out: Output, value: bigint | number): true {
  writeInt32(out, 8)
  out.reserve(8)
  if (typeof value === 'bigint') out.view.setBigInt64(out.length, value)
  else {
    const high = Math.floor(value / 2 ** 32)
    out.view.setInt32(out.length, high)
    out.view.setUint32(out.length + 4, value - high * 2 ** 32)
  }
  out.length += 8
  return true
}

function writeDouble(out: Output, value: number): true {
  writeInt32(out, 8)
  out.reserve(8)
  out.view.setFloat64(out.length, value)
  out.length += 8
  return true
}

/** Digits of a number that is exact as a double. */
const EXACT = 15

/** An INTEGER's digits as a number; as bigint only where a double would not be exact. */
function integerOf({ data: { bytes }, offset, length }: Field): number | bigint {
  if (length > EXACT) return BigInt(latin(bytes, offset, length))
  const negative = bytes[offset] === 0x2d
  let value = 0
  for (let i = offset + Number(negative); i < offset + length; i++)
    value = value * 10 + (bytes[i] ?? 0) - 0x30
  return negative ? -value : value
}

/** An integer within the bounds of its type. */
const integer =
  (bytes: 2 | 4): Encoder =>
  (field, out) => {
    const value = field.class === CLASS.integer ? integerOf(field) : undefined
    const bound = 2 ** (bytes * 8 - 1)
    if (typeof value !== 'number' || value < -bound || value >= bound) return false
    writeInt32(out, bytes)
    out.reserve(bytes)
    if (bytes === 2) out.view.setInt16(out.length, value)
    else out.view.setInt32(out.length, value)
    out.length += bytes
    return true
  }

/** A number that is no bigint: a REAL's, or an INTEGER's that a double holds exactly. */
function doubleOf(field: Field): number | undefined {
  if (field.class === CLASS.real) return field.data.view.getFloat64(field.offset)
  if (field.class !== CLASS.integer) return undefined
  const value = integerOf(field)
  const double = Number(value)
  return typeof value === 'number' || BigInt(double) === value ? double : undefined
}

/** Values of hexadecimal digits in lower case; 255 for all else. */
const HEX = new Uint8Array(256).fill(255)
for (let i = 0; i < 16; i++) HEX[i.toString(16).charCodeAt(0)] = i

const HYPHEN = 0x2d

/** Lower case, hyphens at their places: any other writing would be changed by the way. */
const uuid: Encoder = ({ data: { bytes }, offset, length, class: kind }, out) => {
  if (kind !== CLASS.text || length !== 36) return false
  writeInt32(out, 16)
  out.reserve(16)
  let at = offset
  for (let i = 0; i < 16; i++) {
    if ((i === 4 || i === 6 || i === 8 || i === 10) && bytes[at++] !== HYPHEN) return false
    const [high, low] = [HEX[bytes[at] ?? 0] ?? 255, HEX[bytes[at + 1] ?? 0] ?? 255]
    if ((high | low) > 15) return false
    out.bytes[out.length++] = (high << 4) | low
    at += 2
  }
  return true
}

/** PostgreSQL's dates and moments begin with 2000. */
const MICROS_2000 = 946_684_800_000_000n
const DAY_2000 = 10_957

/** Days before each month, in a year that begins with March. */
const MARCH = [0, 306, 337, 0, 31, 61, 92, 122, 153, 184, 214, 245, 275]
const DAYS = [0, 31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]

/** Days from 2000-01-01, of a date of the Gregorian calendar; Number.NaN where it is none. */
function dayOf(year: number, month: number, day: number): number {
  const leap = year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0)
  if (!(year > 0 && day > 0 && day <= (DAYS[month] ?? 0)) || (month === 2 && day === 29 && !leap))
    return Number.NaN
  const since = month < 3 ? year - 1 : year
  const years = since * 365 + Math.floor(since / 4) - Math.floor(since / 100) + Math.floor(since / 400)
  return years + (MARCH[month] ?? 0) + day - 730_426
}

/** Two digits, Number.NaN where they are none. */
function two(bytes: Uint8Array, at: number): number {
  const [tens, ones] = [(bytes[at] ?? 0) - 0x30, (bytes[at + 1] ?? 0) - 0x30]
  return tens >= 0 && tens <= 9 && ones >= 0 && ones <= 9 ? tens * 10 + ones : Number.NaN
}

/**
 * Microseconds since 2000 of what most programs write: `YYYY-MM-DD HH:MM:SS` with a space or a T, with milliseconds or
 * without, in UTC. Number.NaN for all else.
 */
function usualMoment({ data: { bytes }, offset, length }: Field): number {
  const zulu = bytes[offset + length - 1] === 0x5a
  const digits = length - Number(zulu)
  const t = bytes[offset + 10]
  const shaped =
    (digits === 19 || (digits === 23 && bytes[offset + 19] === 0x2e)) &&
    bytes[offset + 4] === HYPHEN &&
    bytes[offset + 7] === HYPHEN &&
    (t === 0x20 || t === 0x54) &&
    bytes[offset + 13] === 0x3a &&
    bytes[offset + 16] === 0x3a
  if (!shaped) return Number.NaN
  const day = dayOf(
    two(bytes, offset) * 100 + two(bytes, offset + 2),
    two(bytes, offset + 5),
    two(bytes, offset + 8),
  )
  const [hours, minutes] = [two(bytes, offset + 11), two(bytes, offset + 14)]
  const seconds = two(bytes, offset + 17)
  if (!(hours < 24 && minutes < 60 && seconds < 60)) return Number.NaN
  const last = (bytes[offset + 22] ?? 0) - 0x30
  const millis =
    digits === 19 ? 0 : two(bytes, offset + 20) * 10 + (last >= 0 && last <= 9 ? last : Number.NaN)
  return ((day * 24 + hours) * 3600 + minutes * 60 + seconds) * 1_000_000 + millis * 1000
}

const moment: Encoder = (field, out) => {
  if (field.class === CLASS.text) {
    const micros = usualMoment(field)
    // Beyond the years 1715 to 2284 a double is not exact.
    if (Math.abs(micros) <= Number.MAX_SAFE_INTEGER) return writeInt64(out, micros)
  }
  const micros = momentOf(jsValue(field))
  return micros !== undefined && writeInt64(out, micros - MICROS_2000)
}

const date: Encoder = (field, out) => {
  const days = dateOf(jsValue(field))
  if (days === undefined) return false
  writeInt32(out, 4)
  writeInt32(out, days - DAY_2000)
  return true
}

const time: Encoder = (field, out) => {
  const micros = timeOf(jsValue(field))
  return micros !== undefined && writeInt64(out, micros)
}

/** A value as JavaScript has it; a text with bytes that are none is none of any form. */
function jsValue(field: Field): bigint | number | string | undefined {
  const { data, offset, length } = field
  switch (field.class) {
    case CLASS.integer:
      return BigInt(integerOf(field))
    case CLASS.real:
      return data.view.getFloat64(offset)
    case CLASS.text:
      return length > 64 ? undefined : latin(data.bytes, offset, length)
    default:
      return undefined
  }
}

const text: Encoder = (field, out) => field.class === CLASS.text && writeBytes(out, field)

const NUMBER = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i

/** As text, which the server reads. */
const numeric: Encoder = (field, out) => {
  const { data, offset, length } = field
  if (field.class === CLASS.integer) return writeBytes(out, field)
  if (field.class === CLASS.text)
    return NUMBER.test(latin(data.bytes, offset, length)) && writeBytes(out, field)
  const real = doubleOf(field)
  if (real === undefined || !Number.isFinite(real)) return false
  const words = String(real)
  writeInt32(out, words.length)
  out.reserve(words.length)
  for (let i = 0; i < words.length; i++) out.bytes[out.length++] = words.charCodeAt(i)
  return true
}

/** A value with its class, for another SQLite. */
const any: Encoder = (field, out) => {
  if (field.class === CLASS.text || field.class === CLASS.blob) return writeBytes(out, field, field.class)
  writeInt32(out, 9)
  out.reserve(9)
  out.bytes[out.length++] = field.class
  if (field.class === CLASS.integer) out.view.setBigInt64(out.length, BigInt(integerOf(field)))
  else out.view.setFloat64(out.length, field.data.view.getFloat64(field.offset))
  out.length += 8
  return true
}

const ENCODERS: Readonly<Record<Form, Encoder>> = {
  boolean: ({ data, offset, length, class: kind }, out) => {
    const bit = (data.bytes[offset] ?? 0) - 0x30
    if (kind !== CLASS.integer || length !== 1 || (bit !== 0 && bit !== 1)) return false
    writeInt32(out, 1)
    out.reserve(1)
    out.bytes[out.length++] = bit
    return true
  },
  int2: integer(2),
  int4: integer(4),
  int8: (field, out) => field.class === CLASS.integer && writeInt64(out, integerOf(field)),
  float4: (field, out) => {
    const value = doubleOf(field)
    // What is too large for 32 bits would become infinite.
    if (value === undefined || Number.isFinite(value) !== Number.isFinite(Math.fround(value))) return false
    writeInt32(out, 4)
    out.reserve(4)
    out.view.setFloat32(out.length, value)
    out.length += 4
    return true
  },
  float8: (field, out) => {
    const value = doubleOf(field)
    return value !== undefined && writeDouble(out, value)
  },
  numeric,
  text,
  bytes: (field, out) => field.class === CLASS.blob && writeBytes(out, field),
  uuid,
  timestamptz: moment,
  timestamp: moment,
  date,
  time,
  json: text,
  // The version of jsonb's binary form goes before the text.
  jsonb: (field, out) => field.class === CLASS.text && writeBytes(out, field, 1),
  other: text,
  any,
}
