import type { Packet } from '../end.ts'
export async function* send(..._: unknown[]): AsyncIterable<Packet> {}
export async function snapshot<T>(_: unknown, work: () => Promise<T>): Promise<T> {
  return work()
}
