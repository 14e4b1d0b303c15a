import { type Bytes, bytesOf } from './hash.ts'

/** Bytes that are written one after the other, in room that grows and is used again. */
export class Output implements Bytes {
  bytes: Uint8Array
  view: DataView
  length = 0

  /** @param room bytes */
  constructor(room = 1024) {
    this.bytes = Buffer.allocUnsafeSlow(room)
    this.view = bytesOf(this.bytes).view
  }

  /** Sees to it that so many bytes more have room. */
  reserve(more: number): void {
    const needed = this.length + more
    if (needed <= this.bytes.length) return
    const bytes = Buffer.allocUnsafeSlow(Math.max(needed, this.bytes.length * 2))
    bytes.set(this.bytes.subarray(0, this.length))
    this.bytes = bytes
    this.view = bytesOf(bytes).view
  }
}
