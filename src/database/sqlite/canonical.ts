import { writeDecimal } from '../../core/transfer/decimal.ts'
import { CLASS, type Field, latin } from '../../core/transfer/field.ts'
import type { Form } from '../../core/transfer/form.ts'
import { bytesOf, type Chain } from '../../core/transfer/hash.ts'
import { JsonPrinter } from '../../core/transfer/json.ts'
import type { MovedColumn, Side } from '../../core/transfer/moved.ts'
import { Output } from '../../core/transfer/output.ts'

/** Adds a value's canonical form to a hash. False, and nothing is added, where it is no value of the form. */
export type Canonical = (chain: Chain, field: Field) => boolean

const out = new Output()
const json = new JsonPrinter()

/** Adds what stands in `out`. */
function addOut(chain: Chain): true {
  chain.add(out, 0, out.length)
  return true
}

function asIs(chain: Chain, { data, offset, length }: Field): true {
  chain.add(data, offset, length)
  return true
}

function integer(chain: Chain, field: Field): boolean {
  return field.class === CLASS.integer && asIs(chain, field)
}

function text(chain: Chain, field: Field): boolean {
  return field.class === CLASS.text && asIs(chain, field)
}

/** PostgreSQL's char(n) has no blanks at its end. */
function padded(chain: Chain, { data, offset, length, class: kind }: Field): boolean {
  if (kind !== CLASS.text) return false
  while (length > 0 && data.bytes[offset + length - 1] === 0x20) length--
  chain.add(data, offset, length)
  return true
}

const TRUTH = ['false', 'true'].map((word) => new TextEncoder().encode(word))

function boolean(chain: Chain, { data, offset, length, class: kind }: Field): boolean {
  const word = TRUTH[(data.bytes[offset] ?? 0) - 0x30]
  if (kind !== CLASS.integer || length !== 1 || word === undefined) return false
  write(word)
  return addOut(chain)
}

function write(bytes: Uint8Array): void {
  out.length = 0
  out.reserve(bytes.length)
  out.bytes.set(bytes)
  out.length = bytes.length
}

/** The number that an integer or a real is; NaN of what is none. */
function numberOf({ data, offset, length, class: kind }: Field): number {
  if (kind === CLASS.real) return data.view.getFloat64(offset)
  if (kind !== CLASS.integer) return Number.NaN
  return Number(latin(data.bytes, offset, length))
}

/** @param rounded to what float4 holds */
function float(rounded: boolean): Canonical {
  return (chain, field) => {
    const value = numberOf(field)
    if (Number.isNaN(value)) return false
    out.length = 0
    // SQLite stores no -0 in a column of reals; the sum is 0.
    out.view.setFloat64(16, (rounded ? Math.fround(value) : value) + 0)
    for (let i = 16; i < 24; i++) writeHex(out.bytes[i] ?? 0)
    return addOut(chain)
  }
}

const HEX = new TextEncoder().encode('0123456789abcdef')

function writeHex(byte: number): void {
  out.bytes[out.length++] = HEX[byte >> 4] ?? 0
  out.bytes[out.length++] = HEX[byte & 15] ?? 0
}

/** The 32 bits of a number, the highest first. */
function writeWord(word: number): void {
  for (let shift = 24; shift >= 0; shift -= 8) writeHex((word >> shift) & 255)
}

const SPECIAL = new Set(['NaN', 'Infinity', '-Infinity'])

function numeric(chain: Chain, field: Field): boolean {
  const { data, offset, length, class: kind } = field
  if (kind === CLASS.blob) return false
  out.length = 0
  if (kind !== CLASS.real && writeDecimal(out, data.bytes, offset, offset + length, true))
    return addOut(chain)
  const printed =
    kind === CLASS.real ? String(numberOf(field)) : latin(data.bytes, offset, Math.min(length, 16))
  const bytes = Buffer.from(printed)
  if (SPECIAL.has(printed)) write(bytes)
  else if (kind === CLASS.text || !writeDecimal(out, bytes, 0, bytes.length, true)) return false
  return addOut(chain)
}

const UUID_LENGTH = 36

/** The 16 bytes of a uuid in lower case, with its hyphens. */
function uuid(chain: Chain, { data, offset, length, class: kind }: Field): boolean {
  if (kind !== CLASS.text || length !== UUID_LENGTH) return false
  const { bytes } = data
  out.length = 0
  for (let at = offset; at < offset + UUID_LENGTH; at += 2) {
    if (out.length === 4 || out.length === 6 || out.length === 8 || out.length === 10) {
      if (bytes[at++] !== 0x2d) return false
    }
    const high = DIGIT[bytes[at] ?? 0] ?? 16
    const low = DIGIT[bytes[at + 1] ?? 0] ?? 16
    if ((high | low) > 15) return false
    out.bytes[out.length++] = (high << 4) | low
  }
  return addOut(chain)
}

/** Values of hexadecimal digits in lower case; 16 for what is none. */
const DIGIT = new Uint8Array(256).fill(16)
for (const [value, letter] of HEX.entries()) DIGIT[letter] = value

/** Seconds from 1970 to 2000, where PostgreSQL's time begins. */
const EPOCH = 946_684_800
const DAY = 86_400

/** Seconds since 1970 and microseconds. */
interface Moment {
  readonly seconds: number
  readonly micros: number
}

/** Moments that PostgreSQL has beside all others. */
const INFINITE: Readonly<Record<string, readonly [moment: string, date: string]>> = {
  infinity: ['7fffffffffffffff', '7fffffff'],
  '-infinity': ['8000000000000000', '80000000'],
}

function moment(chain: Chain, field: Field): boolean {
  const found = momentOf(field)
  if (found !== undefined) writeMicros(found.seconds - EPOCH, found.micros)
  else if (!infinite(field, 0)) return false
  return addOut(chain)
}

/** A day, also where a time stands behind it that is midnight. */
function date(chain: Chain, field: Field): boolean {
  const found = momentOf(field)
  if (found === undefined) return infinite(field, 1) && addOut(chain)
  const days = (found.seconds - EPOCH) / DAY
  if (!Number.isInteger(days) || found.micros !== 0) return false
  out.length = 0
  writeWord(days)
  return addOut(chain)
}

function time(chain: Chain, { data, offset, length, class: kind }: Field): boolean {
  const found = kind === CLASS.text ? timeOf(data.bytes, offset, offset + length) : undefined
  if (found === undefined || found.end !== offset + length) return false
  writeMicros(found.seconds, found.micros)
  return addOut(chain)
}

function infinite({ data, offset, length, class: kind }: Field, which: 0 | 1): boolean {
  const special = kind === CLASS.text && length < 10 ? INFINITE[latin(data.bytes, offset, length)] : undefined
  if (special === undefined) return false
  write(Buffer.from(special[which]))
  return true
}

/** Writes a time in microseconds as the 16 hexadecimal digits of an int8; none of the steps leaves what a double holds. */
function writeMicros(seconds: number, micros: number): void {
  const upper = Math.floor(seconds / 65_536)
  const product = upper * 1e6
  const shifted = Math.floor(product / 65_536)
  const rest = (product - shifted * 65_536) * 65_536 + (seconds - upper * 65_536) * 1e6 + micros
  const carry = Math.floor(rest / 2 ** 32)
  out.length = 0
  writeWord((shifted + carry) | 0)
  writeWord((rest - carry * 2 ** 32) | 0)
}

function momentOf(field: Field): Moment | undefined {
  const { data, offset, length, class: kind } = field
  if (kind === CLASS.text) {
    if (length < 16 && allDigits(data.bytes, offset, length))
      return ofInteger(Number(latin(data.bytes, offset, length)))
    return momentIn(data.bytes, offset, offset + length)
  }
  if (kind === CLASS.integer) return ofInteger(numberOf(field))
  return kind === CLASS.real ? ofReal(numberOf(field)) : undefined
}

function allDigits(bytes: Uint8Array, offset: number, length: number): boolean {
  for (let at = offset; at < offset + length; at++) if (digit(bytes, at) > 9) return false
  return length > 0
}

/** Seconds of Unix time, or milliseconds; between them it could be either. */
function ofInteger(value: number): Moment | undefined {
  const size = Math.abs(value)
  if (size < 1e10) return { seconds: value, micros: 0 }
  return size >= 253_402_300_800 && size < 253_402_300_800_000 ? ofMilliseconds(value) : undefined
}

/** A Julian day, or seconds of Unix time, to the millisecond. */
function ofReal(value: number): Moment | undefined {
  if (value >= 1721059.5 && value < 5373484.5) {
    return ofMilliseconds(Math.floor(value * 86_400_000 + 0.5) - 210_866_760_000_000)
  }
  const size = Math.abs(value)
  return size >= 1e8 && size < 1e10
    ? ofMilliseconds(Math.sign(value) * Math.floor(size * 1000 + 0.5))
    : undefined
}

function ofMilliseconds(value: number): Moment {
  const seconds = Math.floor(value / 1000)
  return { seconds, micros: (value - seconds * 1000) * 1000 }
}

/** The value of a digit; more than 9 if it is none. */
function digit(bytes: Uint8Array, at: number): number {
  return (bytes[at] ?? 0) ^ 0x30
}

/** Two digits as a number; more than 99 if they are none. */
function two(bytes: Uint8Array, at: number): number {
  const tens = digit(bytes, at)
  const ones = digit(bytes, at + 1)
  return tens > 9 || ones > 9 ? 1000 : tens * 10 + ones
}

const MONTHS = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]

/** `YYYY-MM-DD[T ]HH:MM[:SS[.f{1,6}]][Z|±HH:MM]`, or the day alone. */
function momentIn(bytes: Uint8Array, start: number, end: number): Moment | undefined {
  if (end - start < 10 || bytes[start + 4] !== 0x2d || bytes[start + 7] !== 0x2d) return undefined
  const century = two(bytes, start)
  const years = two(bytes, start + 2)
  const month = two(bytes, start + 5)
  const day = two(bytes, start + 8)
  if (century > 99 || years > 99) return undefined
  const year = century * 100 + years
  const leap = year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0)
  const last = month === 2 && leap ? 29 : (MONTHS[month - 1] ?? 0)
  if (year === 0 || day === 0 || day > last) return undefined
  const seconds = daysUntil(year, month, day) * DAY
  if (end - start === 10) return { seconds, micros: 0 }

  const between = bytes[start + 10]
  const found = between === 0x20 || between === 0x54 ? timeOf(bytes, start + 11, end) : undefined
  const zone = found && zoneOf(bytes, found.end, end)
  if (zone === undefined || found === undefined || found.seconds >= DAY) return undefined
  return { seconds: seconds + found.seconds - zone, micros: found.micros }
}

/** Days since 1970 (Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms"). */
function daysUntil(year: number, month: number, day: number): number {
  const shifted = month > 2 ? year : year - 1
  const era = Math.floor(shifted / 400)
  const ofEra = shifted - era * 400
  const ofYear = Math.floor((153 * (month + (month > 2 ? -3 : 9)) + 2) / 5) + day - 1
  return era * 146_097 + ofEra * 365 + Math.floor(ofEra / 4) - Math.floor(ofEra / 100) + ofYear - 719_468
}

/** `HH:MM[:SS[.f{1,6}]]`, and where it ends. PostgreSQL's day ends with 24:00. */
function timeOf(bytes: Uint8Array, start: number, end: number): (Moment & { end: number }) | undefined {
  const hours = two(bytes, start)
  const minutes = two(bytes, start + 3)
  if (end - start < 5 || bytes[start + 2] !== 0x3a || hours > 24 || minutes > 59) return undefined
  let at = start + 5
  let seconds = 0
  let micros = 0
  if (at < end && bytes[at] === 0x3a) {
    seconds = two(bytes, at + 1)
    at += 3
    if (at > end || seconds > 59) return undefined
    if (at < end && bytes[at] === 0x2e) {
      const from = ++at
      let unit = 100_000
      for (; at < end && unit >= 1 && digit(bytes, at) <= 9; at++) {
        micros += digit(bytes, at) * unit
        unit /= 10
      }
      if (at === from) return undefined
    }
  }
  const total = hours * 3600 + minutes * 60 + seconds
  return total > DAY || (total === DAY && micros > 0) ? undefined : { seconds: total, micros, end: at }
}

/** Seconds east of UTC; undefined if it is no zone that stands there. */
function zoneOf(bytes: Uint8Array, start: number, end: number): number | undefined {
  if (start === end) return 0
  const sign = bytes[start]
  if (sign === 0x5a) return end - start === 1 ? 0 : undefined
  if ((sign !== 0x2b && sign !== 0x2d) || end - start !== 6 || bytes[start + 3] !== 0x3a) return undefined
  const [hours, minutes] = [two(bytes, start + 1), two(bytes, start + 4)]
  if (hours > 15 || minutes > 59) return undefined
  return (sign === 0x2b ? 1 : -1) * (hours * 3600 + minutes * 60)
}

/** A text, or a number that SQLite has made of a text, in a column that is declared as one of numbers. */
function textOrNumber(chain: Chain, field: Field): boolean {
  if (field.class === CLASS.blob) return false
  if (field.class !== CLASS.real) return asIs(chain, field)
  write(Buffer.from(String(numberOf(field))))
  return addOut(chain)
}

function jsonb(chain: Chain, { data, offset, length, class: kind }: Field): boolean {
  if (kind === CLASS.blob) return false
  if (kind === CLASS.real) {
    write(Buffer.from(String(data.view.getFloat64(offset))))
    if (!json.print(out.bytes, 0, out.length)) return false
  } else if (!json.print(data.bytes, offset, offset + length)) return false
  chain.add(json.out, 0, json.out.length)
  return true
}

/** The class too. */
function any(chain: Chain, field: Field): true {
  asIs(chain, field)
  return addClass(chain, field)
}

/** What each form's values must have in common with the other side's; mirrors the one of ../postgres/canonical.ts. */
const FORMS: Readonly<Record<Form, Canonical>> = {
  boolean,
  int2: integer,
  int4: integer,
  int8: integer,
  float4: float(true),
  float8: float(false),
  numeric,
  text,
  bytes: (chain, field) => field.class === CLASS.blob && asIs(chain, field),
  uuid,
  timestamptz: moment,
  timestamp: moment,
  date,
  time,
  json: textOrNumber,
  jsonb,
  other: textOrNumber,
  any,
}

/** PostgreSQL's char(n), as it writes it. */
const PADDED = /^character(\(|$)/

/** Whether blanks at the end of a column's values mean nothing. */
export function isPadded({ form, from, to }: MovedColumn): boolean {
  return form === 'text' && (PADDED.test(from.type) || PADDED.test(to.type))
}

/** How the values of a column are added to a hash. */
export function canonicalOf(column: MovedColumn, side: Side): Canonical {
  // What has come here from a float4 needs no rounding: it would hide a difference.
  if (column.form === 'float4' && side === 'to') return FORMS.float8
  return isPadded(column) ? padded : FORMS[column.form]
}

const NOTHING = bytesOf(new Uint8Array(16))
const UUID_BYTES = 16

/** Adds a column's value. NULL is told by the seed of the row's hash; what stands for it here is the same on both sides. */
export function addField(chain: Chain, form: Form, canonical: Canonical, field: Field): void {
  if (field.class === CLASS.null) {
    chain.add(NOTHING, 0, form === 'uuid' ? UUID_BYTES : 0)
  } else if (!canonical(chain, field)) {
    // No value of the form: like no other.
    asIs(chain, field)
    addClass(chain, field)
  }
}

function addClass(chain: Chain, field: Field): true {
  out.bytes[0] = field.class
  chain.add(out, 0, 1)
  return true
}
