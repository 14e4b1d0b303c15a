/** Bytes, and the view through which four of them are read at once. */
export interface Bytes {
  readonly bytes: Uint8Array
  readonly view: DataView
}

export function bytesOf(bytes: Uint8Array): Bytes {
  return { bytes, view: new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength) }
}

/**
 * The hash of several byte strings, one behind the other: that of each is the seed of the next. It is PostgreSQL's
 * `hash_bytes_extended` (src/common/hashfn.c, Bob Jenkins' lookup3), which `hashtextextended(text, seed)` gives, so that
 * both sides of a transfer can compute it where the rows are: `hashtextextended(b, hashtextextended(a, seed))`.
 */
export class Chain {
  /** The two halves of the 64 bits, signed. */
  high = 0
  low = 0

  start(low: number): void {
    this.high = 0
    this.low = low
  }

  /** The hash so far, as PostgreSQL's bigint is. */
  get value(): bigint {
    return BigInt.asIntN(64, (BigInt(this.high) << 32n) | BigInt(this.low >>> 0))
  }

  /** @param length bytes from `offset` on */
  add({ bytes, view }: Bytes, offset: number, length: number): void {
    let a = (0x9e3779b9 + length + 3923095) | 0
    let b = a
    let c = a
    if ((this.high | this.low) !== 0) {
      a = (a + this.high) | 0
      b = (b + this.low) | 0
      a = ((a - c) | 0) ^ ((c << 4) | (c >>> 28))
      c = (c + b) | 0
      b = ((b - a) | 0) ^ ((a << 6) | (a >>> 26))
      a = (a + c) | 0
      c = ((c - b) | 0) ^ ((b << 8) | (b >>> 24))
      b = (b + a) | 0
      a = ((a - c) | 0) ^ ((c << 16) | (c >>> 16))
      c = (c + b) | 0
      b = ((b - a) | 0) ^ ((a << 19) | (a >>> 13))
      a = (a + c) | 0
      c = ((c - b) | 0) ^ ((b << 4) | (b >>> 28))
      b = (b + a) | 0
    }
    let at = offset
    const end = offset + length
    for (; end - at >= 12; at += 12) {
      a = (a + view.getInt32(at, true)) | 0
      b = (b + view.getInt32(at + 4, true)) | 0
      c = (c + view.getInt32(at + 8, true)) | 0
      a = ((a - c) | 0) ^ ((c << 4) | (c >>> 28))
      c = (c + b) | 0
      b = ((b - a) | 0) ^ ((a << 6) | (a >>> 26))
      a = (a + c) | 0
      c = ((c - b) | 0) ^ ((b << 8) | (b >>> 24))
      b = (b + a) | 0
      a = ((a - c) | 0) ^ ((c << 16) | (c >>> 16))
      c = (c + b) | 0
      b = ((b - a) | 0) ^ ((a << 19) | (a >>> 13))
      a = (a + c) | 0
      c = ((c - b) | 0) ^ ((b << 4) | (b >>> 28))
      b = (b + a) | 0
    }
    // The rest, byte for byte; the lowest byte of c is left to the length.
    const rest = end - at
    for (let i = 0; i < rest; i++) {
      const byte = bytes[at + i] ?? 0
      if (i < 4) a = (a + (byte << (i * 8))) | 0
      else if (i < 8) b = (b + (byte << ((i - 4) * 8))) | 0
      else c = (c + (byte << ((i - 7) * 8))) | 0
    }
    c = ((c ^ b) - ((b << 14) | (b >>> 18))) | 0
    a = ((a ^ c) - ((c << 11) | (c >>> 21))) | 0
    b = ((b ^ a) - ((a << 25) | (a >>> 7))) | 0
    c = ((c ^ b) - ((b << 16) | (b >>> 16))) | 0
    a = ((a ^ c) - ((c << 4) | (c >>> 28))) | 0
    b = ((b ^ a) - ((a << 14) | (a >>> 18))) | 0
    c = ((c ^ b) - ((b << 24) | (b >>> 8))) | 0
    this.high = b
    this.low = c
  }
}

/** A sum of hashes modulo 2^64, whatever their order. */
export class Sum {
  rows = 0
  #total = 0n
  #high = 0
  #low = 0
  #pending = 0

  add({ high, low }: Chain): void {
    this.rows++
    this.#high += high >>> 0
    this.#low += low >>> 0
    // So many of 32 bits are exact in a double.
    if (++this.#pending === 2 ** 20) this.#carry()
  }

  #carry(): void {
    this.#total = BigInt.asUintN(64, this.#total + (BigInt(this.#high) << 32n) + BigInt(this.#low))
    this.#high = 0
    this.#low = 0
    this.#pending = 0
  }

  get total(): bigint {
    this.#carry()
    return this.#total
  }
}

/** 16 hexadecimal digits of a sum modulo 2^64. */
export function hexOf(sum: bigint): string {
  return BigInt.asUintN(64, sum).toString(16).padStart(16, '0')
}
