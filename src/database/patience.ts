import { setTimeout as pause } from 'node:timers/promises'
import { MigrateError } from '../core/errors.ts'
import { count, list } from '../core/text.ts'

/** Who holds a lock that a statement waits for. What this user may not see of it is left out. */
export interface Blocker {
  /** The server's process. A prepared transaction has none. */
  readonly pid?: number
  /** The name of a prepared transaction. */
  readonly prepared?: string
  readonly user?: string
  readonly application?: string
  /** What it does: `active`, `idle in transaction` … */
  readonly state?: string
  /** Since when its transaction is open: ISO 8601, UTC. */
  readonly since?: string
  /** For how many seconds that is, by the server's clock. */
  readonly seconds?: number
  /** When its query began, or its last one: ISO 8601, UTC. */
  readonly queryStart?: string
  /** The first words of that query, without the texts in it. */
  readonly query?: string
  /** The table or index whose lock it is. */
  readonly table?: string
}

/**
 * How a change waits for the locks of others on PostgreSQL: in short tries, so that nobody has to queue behind it.
 * On SQLite it means nothing.
 */
export interface Patience {
  /** Milliseconds that a statement waits for a lock, until its transaction is taken back and tried again. */
  readonly lockTimeout: number
  /** Milliseconds until nothing is tried again: BLOCKED. */
  readonly maxWait: number
  /** Milliseconds that a statement may run; undefined: what the server says. */
  readonly statementTimeout: number | undefined
  readonly signal: AbortSignal | undefined
  /** Called again and again while others are waited for: who they are, as far as that is known. */
  readonly onBlocked: (message: string, blockers: readonly Blocker[]) => void
}

/** A lock of somebody else's that is in the way. */
export interface Block {
  readonly blocker: Blocker
  /** Whose lock on what, so that it can be found again. */
  readonly key: string
  /** Who holds it gives way to those who wait for a while. */
  readonly yields: boolean
}

/** Why an attempt failed that may be made again. */
export interface Setback {
  readonly why: keyof typeof REASONS
  /** Milliseconds for which others may have had to queue behind it. */
  readonly queued: number
  /** Who was in the way, as far as that is known. */
  readonly blocks: readonly Block[]
}

const REASONS = {
  lock: 'others keep the locks that it needs',
  deadlock: 'a deadlock with others',
  serialization: 'others are changing what it reads',
} as const

/** Milliseconds between two looks at whether the lock is still held. */
const POLL = 100

/** Milliseconds of a pause before another attempt: the first one at least, any at most. */
const LEAST = 200
const MOST = 30_000

/**
 * Attempts something until it succeeds, and stays out of the queue between two attempts: while those are known that
 * were in the way, until they are gone; else for pauses that grow. No two processes pause for the same time.
 *
 * @param attempt   is given how many went before it
 * @param setback   says whether another attempt may succeed
 * @param stillHeld those of the locks that are still held
 * @throws BLOCKED when the time is over, ABORTED, and what is no setback
 */
export async function patiently<T>(
  patience: Patience,
  attempt: (n: number) => Promise<T>,
  setback: (error: unknown) => Promise<Setback | undefined>,
  stillHeld: (blocks: readonly Block[]) => Promise<readonly Block[]>,
): Promise<T> {
  const { maxWait, signal, onBlocked } = patience
  let since: number | undefined
  for (let n = 0; ; n++) {
    try {
      return await attempt(n)
    } catch (error) {
      const found = await setback(error)
      if (found === undefined) throw error
      since ??= Date.now() - found.queued
      const end = since + maxWait
      let open: readonly Block[] = found.blocks.filter(({ yields }) => !yields)
      // Who comes back the moment that the lock is free loses least; but not again and again.
      const next = Date.now() + (open.length > 0 && n === 0 ? 0 : pauseOf(n, found.queued))
      for (;;) {
        if (Date.now() >= end) throw blockedError(error, found, Date.now() - since)
        if (open.length > 0) open = await stillHeld(open)
        onBlocked(...told(found.why, open.length > 0 ? open : found.blocks))
        const wait = open.length > 0 ? POLL : next - Date.now()
        if (wait <= 0) break
        await pauseFor(Math.min(wait, end - Date.now()), signal)
      }
    }
  }
}

/** The longer others had to queue, the longer it stays away. */
function pauseOf(n: number, queued: number): number {
  return (0.5 + Math.random()) * Math.min(MOST, Math.max(LEAST, queued) * 2 ** n)
}

/** @throws ABORTED */
async function pauseFor(time: number, signal: AbortSignal | undefined): Promise<void> {
  try {
    await pause(Math.max(0, time), undefined, { ...(signal && { signal }) })
  } catch {
    throw new MigrateError(
      'ABORTED',
      'stopped on request while it waited for others: nothing was left half done',
      {
        hint: 'the next "up" goes on from here',
        cause: signal?.reason,
      },
    )
  }
}

function told(why: Setback['why'], blocks: readonly Block[]): [string, Blocker[]] {
  const blockers = blocks.map(({ blocker }) => blocker)
  return [blockers.length > 0 ? blockersText(blockers) : REASONS[why], blockers]
}

function blockedError(cause: unknown, { why, blocks }: Setback, waited: number): MigrateError {
  const [who, blockers] = told(why, blocks)
  const known = cause instanceof MigrateError ? cause.details : {}
  const ends = blockers.flatMap(({ pid, prepared }) => {
    if (pid !== undefined) return [`SELECT pg_terminate_backend(${pid})`]
    return prepared === undefined ? [] : [`ROLLBACK PREPARED '${prepared}'`]
  })
  const until = ends.length > 0 ? `wait until they have ended, or end them (${list(ends)})` : 'wait'
  return new MigrateError('BLOCKED', `blocked for ${secondsText(waited / 1000)}: ${who}`, {
    ...known,
    hint: `nothing of it was changed: ${until}, and run the same command again; or give --max-wait more seconds`,
    cause,
  })
}

/** Whom a change waits for, for people. */
export function blockersText(blockers: readonly Blocker[]): string {
  const texts = blockers.slice(0, MANY).map(blockerText)
  const more = blockers.length - texts.length
  return more > 0 ? `${texts.join('; ')}; and ${count(more, 'other')}` : texts.join('; ')
}

/** Blockers that a sentence names. */
const MANY = 3

/** `pid 7 (user app, application psql) has a lock on users: its transaction is open for 12 s, idle in transaction since …`. */
function blockerText(blocker: Blocker): string {
  const { pid, prepared, user, application, state, seconds, queryStart, query, table } = blocker
  const who = [
    ...(user === undefined ? [] : [`user ${user}`]),
    ...(application === undefined ? [] : [`application ${application}`]),
  ]
  const name = pid === undefined ? `the prepared transaction ${prepared ?? ''}`.trimEnd() : `pid ${pid}`
  const has = `${name}${who.length > 0 ? ` (${who.join(', ')})` : ''} has a lock${table === undefined ? '' : ` on ${table}`}`
  const facts = [
    ...(seconds === undefined ? [] : [`its transaction is open for ${secondsText(seconds)}`]),
    ...(state === undefined || state === 'active' ? [] : [state]),
    ...(queryStart === undefined ? [] : [`${state === 'active' ? 'query' : 'last query'} at ${queryStart}`]),
    ...(query === undefined ? [] : [`"${query}"`]),
  ]
  return facts.length > 0 ? `${has}: ${facts.join(', ')}` : has
}

function secondsText(seconds: number): string {
  return `${seconds < 10 ? Number(seconds.toFixed(1)) : Math.round(seconds)} s`
}
