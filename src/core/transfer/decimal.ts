import type { Output } from './output.ts'

/** PostgreSQL's numeric has no more digits before its point, and fewer behind it. */
const MOST_DIGITS = 131_072

const [ZERO, NINE, PLUS, MINUS, POINT] = [0x30, 0x39, 0x2b, 0x2d, 0x2e]

/**
 * Writes a decimal number as PostgreSQL's numeric prints it: without exponent, zeros before it and a sign before zero.
 * `1.50e1` is `15.0`.
 *
 * @param trim without zeros at the end of the fraction too
 * @returns whether it is a number: `[+-]`, digits with or without a point, an exponent or none
 */
export function writeDecimal(
  out: Output,
  bytes: Uint8Array,
  start: number,
  end: number,
  trim = false,
): boolean {
  let at = start
  const negative = bytes[at] === MINUS
  if (negative || bytes[at] === PLUS) at++
  const first = at
  at = digitsEnd(bytes, at, end)
  const whole = at - first
  let fraction = 0
  if (at < end && bytes[at] === POINT) {
    const from = at + 1
    at = digitsEnd(bytes, from, end)
    fraction = at - from
  }
  if (whole + fraction === 0) return false
  const last = at
  let exponent = 0
  if (at < end && ((bytes[at] ?? 0) | 0x20) === 0x65) {
    at++
    const sign = bytes[at]
    if (sign === MINUS || sign === PLUS) at++
    const from = at
    at = digitsEnd(bytes, from, end)
    if (at === from) return false
    for (let i = from; i < at; i++) exponent = Math.min(exponent * 10 + (bytes[i] ?? 0) - ZERO, 1e9)
    if (sign === MINUS) exponent = -exponent
  }
  // Of zero it says nothing.
  if (exponent > MOST_DIGITS && isZero(bytes, first, last)) exponent = MOST_DIGITS
  if (at !== end || Math.abs(exponent) > MOST_DIGITS) return false
  return write(out, { bytes, negative, first, whole, last, fraction, exponent }, trim)
}

function isZero(bytes: Uint8Array, start: number, end: number): boolean {
  for (let i = start; i < end; i++) if (bytes[i] !== ZERO && bytes[i] !== POINT) return false
  return true
}

interface Decimal {
  readonly bytes: Uint8Array
  readonly negative: boolean
  /** Where the digits begin, how many stand before the point, and where they end. */
  readonly first: number
  readonly whole: number
  readonly last: number
  readonly fraction: number
  readonly exponent: number
}

function write(out: Output, decimal: Decimal, trim: boolean): boolean {
  const { bytes, negative, first, whole, last, fraction, exponent } = decimal
  const digits = whole + fraction
  /** The nth digit; zeros before and behind all of them. */
  const digit = (n: number) =>
    n < 0 || n >= digits ? ZERO : (bytes[n < whole ? first + n : last - digits + n] ?? ZERO)
  const point = whole + exponent
  let scale = Math.max(0, fraction - exponent)
  if (trim) while (scale > 0 && digit(point + scale - 1) === ZERO) scale--
  let begin = 0
  while (begin < point && digit(begin) === ZERO) begin++

  out.reserve(Math.max(point - begin, 0) + scale + 3)
  const sign = out.length
  if (negative) out.bytes[out.length++] = MINUS
  const from = out.length
  let zero = true
  const put = (byte: number) => {
    if (byte !== ZERO) zero = false
    out.bytes[out.length++] = byte
  }
  for (let n = begin; n < point; n++) put(digit(n))
  if (out.length === from) out.bytes[out.length++] = ZERO
  if (scale > 0) {
    out.bytes[out.length++] = POINT
    for (let n = point; n < point + scale; n++) put(digit(n))
  }
  if (zero && negative) {
    out.bytes.copyWithin(sign, from, out.length)
    out.length--
  }
  return true
}

function digitsEnd(bytes: Uint8Array, start: number, end: number): number {
  let at = start
  for (; at < end; at++) {
    const byte = bytes[at] ?? 0
    if (byte < ZERO || byte > NINE) break
  }
  return at
}
