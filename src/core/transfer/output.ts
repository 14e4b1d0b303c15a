import { type Bytes, bytesOf } from './hash.ts'

/** Bytes that are written one after the other, in room that grows and is used again. */
export class Output implements Bytes {
  bytes: Uint8Array = new Uint8Array(1024)
  view: DataView = bytesOf(this.bytes).view
  length = 0

  /** Sees to it that so many bytes more have room. */
  reserve(more: number): void {
    const needed = this.length + more
    if (needed <= this.bytes.length) return
    const bytes = new Uint8Array(Math.max(needed, this.bytes.length * 2))
    bytes.set(this.bytes.subarray(0, this.length))
    this.bytes = bytes
    this.view = bytesOf(bytes).view
  }
}
