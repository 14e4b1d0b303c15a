import { CODES } from '../index.ts'
import { tell } from './output.ts'

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

const stop = new AbortController()
let listens = false

/** Aborted when somebody asks this process to end: what runs is finished or rolled back first. */
export function stopSignal(): AbortSignal {
  if (!listens) for (const name of SIGNALS) process.on(name, () => onSignal(name))
  listens = true
  return stop.signal
}

export function isStopped(): boolean {
  return stop.signal.aborted
}

function onSignal(name: string): void {
  // Who asks twice is served at once: the database rolls back by itself.
  if (isStopped()) process.exit(CODES.ABORTED)
  tell(`${name}: stopping; what runs now is finished or rolled back first\n`)
  stop.abort(new Error(name))
}
