import { setTimeout as sleep } from 'node:timers/promises'
import { WARM } from './scale.ts'

/** Milliseconds at first that do not count. */
const COLD = 2000

/**
 * Sends requests at a fixed rate until the input of this process ends, and tells what became of them.
 *
 * A request begins when it should, whether or not those before it have their answers: where no worker is free it waits
 * for one, and that counts. A loop that sent the next only after an answer would hardly meet a stall.
 *
 * @param rate requests a second
 * @param workers each does one request at a time
 */
export async function apply(rate: number, workers: readonly (() => unknown)[]): Promise<void> {
  const latencies: number[] = []
  const errors: Record<string, number> = {}
  let end = Number.POSITIVE_INFINITY
  process.stdin.resume().once('end', () => {
    end = performance.now()
  })
  const begin = performance.now()
  let next = 0
  const work = async (request: () => unknown) => {
    for (;;) {
      const due = begin + (next++ * 1000) / rate
      while (performance.now() < due) await sleep(Math.ceil(due - performance.now()))
      if (due >= end) return
      const counts = due >= begin + COLD
      try {
        await request()
      } catch (error) {
        const { message } = error as Error
        if (counts) errors[message] = (errors[message] ?? 0) + 1
      }
      if (counts) latencies.push(performance.now() - due)
    }
  }
  setTimeout(() => process.stdout.write(WARM), COLD)
  await Promise.all(workers.map(work))
  console.log(JSON.stringify({ latencies: latencies.sort((a, b) => a - b), errors }))
}
