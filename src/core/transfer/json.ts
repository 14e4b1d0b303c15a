import { writeDecimal } from './decimal.ts'
import { Output } from './output.ts'

const [QUOTE, BACKSLASH, COMMA, COLON, SPACE, MINUS, ZERO, NINE] = [
  0x22, 0x5c, 0x2c, 0x3a, 0x20, 0x2d, 0x30, 0x39,
]
const [OPEN_ARRAY, CLOSE_ARRAY, OPEN_OBJECT, CLOSE_OBJECT] = [0x5b, 0x5d, 0x7b, 0x7d]

const WORDS = ['true', 'false', 'null'].map((word) => new TextEncoder().encode(word))

/** What stands behind a backslash, and the byte that it means. */
const ESCAPES: readonly number[] = table({
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
  '"': '"',
  '\\': '\\',
  '/': '/',
})
/** Bytes that jsonb prints with a backslash, and what stands behind it. */
const ESCAPED: readonly number[] = table({
  '\b': 'b',
  '\f': 'f',
  '\n': 'n',
  '\r': 'r',
  '\t': 't',
  '"': '"',
  '\\': '\\',
})

function table(pairs: Readonly<Record<string, string>>): number[] {
  const bytes = new Array<number>(256).fill(0)
  for (const [from, to] of Object.entries(pairs)) bytes[from.charCodeAt(0)] = to.charCodeAt(0)
  return bytes
}

/**
 * Writes JSON as PostgreSQL's jsonb prints it: the keys of an object by length and then by bytes, of equal ones the last;
 * numbers as numeric has them, to the last digit; escapes only where it writes them.
 */
export class JsonPrinter {
  readonly out = new Output()
  /** The keys of objects that are not yet closed, without escapes. */
  readonly #keys = new Output()
  /** Their members, four numbers each: where the key is in `#keys`, and where the member is in `out`. */
  readonly #members: number[] = []
  /** Containers that are open, two numbers each: where it begins in `out`, and in `#members`, or -1 for an array. */
  readonly #open: number[] = []
  readonly #sorted = new Output()
  readonly #order: number[] = []
  /** Of equal keys the last goes before the others. */
  readonly #byKey = (a: number, b: number) => this.#compare(a, b) || b - a
  #bytes: Uint8Array = new Uint8Array(0)
  #at = 0
  #end = 0

  /**
   * Prints what stands there into `out`, from its beginning.
   *
   * @returns whether it is JSON that jsonb takes: no `\u0000`, no half of a surrogate pair
   */
  print(bytes: Uint8Array, start: number, end: number): boolean {
    this.#bytes = bytes
    this.#at = start
    this.#end = end
    this.out.length = 0
    this.#keys.length = 0
    this.#members.length = 0
    this.#open.length = 0
    // Only numbers can be longer than twice of what is read: a blank behind each comma and colon.
    this.out.reserve(2 * (end - start))
    for (;;) {
      // Each turn reads a value, or the beginning of one, and what closes behind it.
      const byte = this.#next()
      if (byte === OPEN_ARRAY || byte === OPEN_OBJECT) {
        if (this.#opened(byte)) continue
      } else if (!this.#scalar(byte)) return false
      const more = this.#closed()
      if (more === undefined) return false
      if (!more) return this.#next() === -1
    }
  }

  /** The next byte that is no white space, or -1. */
  #next(): number {
    const bytes = this.#bytes
    const end = this.#end
    for (let at = this.#at; at < end; at++) {
      const byte = bytes[at] ?? 0
      if (byte > SPACE || (byte !== SPACE && byte !== 0x0a && byte !== 0x0d && byte !== 0x09)) {
        this.#at = at
        return byte
      }
    }
    this.#at = end
    return -1
  }

  #put(byte: number): void {
    this.out.bytes[this.out.length++] = byte
  }

  /** Opens a container. Returns whether a value follows: it is not empty, and an object's first key is read. */
  #opened(byte: number): boolean {
    this.#at++
    const object = byte === OPEN_OBJECT
    this.#open.push(this.out.length, object ? this.#members.length : -1)
    this.#put(byte)
    const next = this.#next()
    if (next === (object ? CLOSE_OBJECT : CLOSE_ARRAY)) return false
    // A key that is none is found out by the value that is not there.
    if (object && !this.#key()) this.#at = this.#end
    return true
  }

  /**
   * Reads what stands behind a value: closes containers, until there is another value to read.
   *
   * @returns whether there is one; undefined if it is no JSON
   */
  #closed(): boolean | undefined {
    const open = this.#open
    for (;;) {
      if (open.length === 0) return false
      const base = open[open.length - 1] ?? -1
      const next = this.#next()
      if (next === (base === -1 ? CLOSE_ARRAY : CLOSE_OBJECT)) {
        this.#at++
        const start = open[open.length - 2] ?? 0
        if (base !== -1) this.#endObject(base, start)
        this.#put(next)
        open.length -= 2
        continue
      }
      if (next !== COMMA) return undefined
      this.#at++
      if (base !== -1) this.#members[this.#members.length - 1] = this.out.length
      this.#put(COMMA)
      this.#put(SPACE)
      if (base !== -1 && !this.#key()) return undefined
      return true
    }
  }

  /** Reads a key and its colon. */
  #key(): boolean {
    if (this.#next() !== QUOTE) return false
    const { out } = this
    const keys = this.#keys
    const start = keys.length
    const from = out.length
    if (!this.#string(keys)) return false
    this.#members.push(start, keys.length, from, from)
    if (this.#next() !== COLON) return false
    this.#at++
    this.#put(COLON)
    this.#put(SPACE)
    return true
  }

  #scalar(byte: number): boolean {
    if (byte === QUOTE) return this.#string(undefined)
    if (byte === MINUS || (byte >= ZERO && byte <= NINE)) return this.#number()
    const bytes = this.#bytes
    const word = WORDS.find(([first]) => first === byte)
    if (word === undefined || this.#end - this.#at < word.length) return false
    for (const letter of word) {
      if (bytes[this.#at++] !== letter) return false
      this.#put(letter)
    }
    return true
  }

  /** A number of JSON has no plus, no zeros before it, and digits on both sides of its point. */
  #number(): boolean {
    const bytes = this.#bytes
    const { out } = this
    const start = this.#at
    let at = start
    if (bytes[at] === MINUS) at++
    const first = at
    while (isDigit(bytes, at, this.#end)) at++
    const whole = at - first
    if (whole === 0 || (whole > 1 && bytes[first] === ZERO)) return false
    let plain = true
    if (at < this.#end && bytes[at] === 0x2e) {
      const from = ++at
      while (isDigit(bytes, at, this.#end)) at++
      if (at === from) return false
    }
    if (at < this.#end && ((bytes[at] ?? 0) | 0x20) === 0x65) {
      plain = false
      at++
      if (at < this.#end && (bytes[at] === MINUS || bytes[at] === 0x2b)) at++
      while (isDigit(bytes, at, this.#end)) at++
    }
    this.#at = at
    // Below zero it may be none: -0.
    if (plain && first === start) {
      for (let i = start; i < at; i++) out.bytes[out.length++] = bytes[i] ?? 0
      return true
    }
    if (!writeDecimal(out, bytes, start, at)) return false
    out.reserve(2 * (this.#end - at))
    return true
  }

  /** @param plain where its bytes are written too, without quotes and escapes */
  #string(plain: Output | undefined): boolean {
    const bytes = this.#bytes
    const end = this.#end
    const { out } = this
    const to = out.bytes
    plain?.reserve(end - this.#at)
    let at = this.#at + 1
    let length = out.length
    to[length++] = QUOTE
    for (; at < end; at++) {
      const byte = bytes[at] ?? 0
      if (byte === QUOTE) {
        to[length++] = QUOTE
        out.length = length
        this.#at = at + 1
        return true
      }
      if (byte < SPACE) return false
      if (byte === BACKSLASH) {
        out.length = length
        at = this.#escape(at + 1, plain)
        if (at === -1) return false
        length = out.length
      } else {
        to[length++] = byte
        if (plain !== undefined) plain.bytes[plain.length++] = byte
      }
    }
    return false
  }

  /** Reads what stands behind a backslash. Returns where its last byte is, or -1. */
  #escape(at: number, plain: Output | undefined): number {
    if (at >= this.#end) return -1
    const letter = this.#bytes[at] ?? 0
    if (letter !== 0x75) {
      const byte = ESCAPES[letter] ?? 0
      if (byte === 0) return -1
      this.#character(byte, plain)
      return at
    }
    const unit = this.#unit(at + 1)
    if (unit <= 0 || (unit >= 0xdc00 && unit < 0xe000)) return -1
    if (unit < 0xd800 || unit >= 0xe000) {
      this.#character(unit, plain)
      return at + 4
    }
    if (this.#bytes[at + 5] !== BACKSLASH || this.#bytes[at + 6] !== 0x75) return -1
    const second = this.#unit(at + 7)
    if (second < 0xdc00 || second >= 0xe000) return -1
    this.#character(0x10000 + ((unit - 0xd800) << 10) + (second - 0xdc00), plain)
    return at + 10
  }

  /** Four hexadecimal digits, or -1. */
  #unit(start: number): number {
    if (start + 4 > this.#end) return -1
    let unit = 0
    for (let at = start; at < start + 4; at++) {
      const value = hexValue(this.#bytes[at] ?? 0)
      if (value === -1) return -1
      unit = unit * 16 + value
    }
    return unit
  }

  #character(code: number, plain: Output | undefined): void {
    if (plain !== undefined) writeUtf8(plain, code)
    const letter = ESCAPED[code] ?? 0
    if (letter !== 0) {
      this.#put(BACKSLASH)
      this.#put(letter)
    } else if (code >= SPACE) writeUtf8(this.out, code)
    else for (const byte of `\\u${code.toString(16).padStart(4, '0')}`) this.#put(byte.charCodeAt(0))
  }

  /** Brings the members of an object into their order. */
  #endObject(base: number, start: number): void {
    const members = this.#members
    if (members.length > base) {
      members[members.length - 1] = this.out.length
      let inOrder = true
      for (let at = base + 4; inOrder && at < members.length; at += 4) inOrder = this.#compare(at - 4, at) < 0
      if (!inOrder) this.#sort(base, start)
      this.#keys.length = members[base] ?? 0
      members.length = base
    }
  }

  #sort(base: number, start: number): void {
    const members = this.#members
    const order = this.#order
    order.length = 0
    for (let at = base; at < members.length; at += 4) order.push(at)
    if (order.length > FEW) order.sort(this.#byKey)
    else this.#sortFew(order)
    const { out } = this
    const sorted = this.#sorted
    sorted.length = 0
    sorted.reserve(out.length - start)
    let previous = -1
    for (const at of order) {
      if (previous !== -1) {
        if (this.#compare(previous, at) === 0) continue
        sorted.bytes[sorted.length++] = COMMA
        sorted.bytes[sorted.length++] = SPACE
      }
      copy(sorted.bytes, sorted.length, out.bytes, members[at + 2] ?? 0, members[at + 3] ?? 0)
      sorted.length += (members[at + 3] ?? 0) - (members[at + 2] ?? 0)
      previous = at
    }
    copy(out.bytes, start + 1, sorted.bytes, 0, sorted.length)
    out.length = start + 1 + sorted.length
  }

  /** By insertion: for few keys it costs the least. */
  #sortFew(order: number[]): void {
    for (let i = 1; i < order.length; i++) {
      const at = order[i] ?? 0
      let j = i
      for (; j > 0 && this.#byKey(order[j - 1] ?? 0, at) > 0; j--) order[j] = order[j - 1] ?? 0
      order[j] = at
    }
  }

  #compare(a: number, b: number): number {
    const { bytes } = this.#keys
    const members = this.#members
    const startA = members[a] ?? 0
    const startB = members[b] ?? 0
    const length = (members[a + 1] ?? 0) - startA
    const difference = length - ((members[b + 1] ?? 0) - startB)
    if (difference !== 0) return difference
    for (let i = 0; i < length; i++) {
      const other = (bytes[startA + i] ?? 0) - (bytes[startB + i] ?? 0)
      if (other !== 0) return other
    }
    return 0
  }
}

/** Keys that are sorted by insertion. */
const FEW = 24

/** Bytes from which on it costs less to have them copied than to copy them. */
const MANY = 128

function copy(to: Uint8Array, at: number, from: Uint8Array, start: number, end: number): void {
  if (end - start >= MANY) to.set(from.subarray(start, end), at)
  else for (let i = start; i < end; i++) to[at++] = from[i] ?? 0
}

function isDigit(bytes: Uint8Array, at: number, end: number): boolean {
  const byte = bytes[at] ?? 0
  return at < end && byte >= ZERO && byte <= NINE
}

/** The value of a hexadecimal digit, or -1. */
function hexValue(byte: number): number {
  if (byte >= ZERO && byte <= NINE) return byte - ZERO
  const letter = byte | 0x20
  return letter >= 0x61 && letter <= 0x66 ? letter - 0x57 : -1
}

function writeUtf8(out: Output, code: number): void {
  const { bytes } = out
  if (code < 0x80) bytes[out.length++] = code
  else {
    if (code < 0x800) bytes[out.length++] = 0xc0 | (code >> 6)
    else {
      if (code < 0x10000) bytes[out.length++] = 0xe0 | (code >> 12)
      else {
        bytes[out.length++] = 0xf0 | (code >> 18)
        bytes[out.length++] = 0x80 | ((code >> 12) & 0x3f)
      }
      bytes[out.length++] = 0x80 | ((code >> 6) & 0x3f)
    }
    bytes[out.length++] = 0x80 | (code & 0x3f)
  }
}
