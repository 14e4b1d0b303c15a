import { hostname } from 'node:os'
import { MigrateError } from '../core/errors.ts'
import type { Database } from '../database/database.ts'
import { readHistory } from '../database/history.ts'
import type { LockOptions } from '../database/lock.ts'
import type { Blocker, Patience } from '../database/patience.ts'
import { type Holder, readState } from '../database/state.ts'
import type { ChangeOptions, WaitOptions } from './options.ts'

/** @throws USAGE */
export function checkLockTimeout(lockTimeout: number | undefined): void {
  if (lockTimeout !== undefined && !(lockTimeout >= 0)) {
    throw new MigrateError('USAGE', 'the lock timeout must be a number from 0', {
      hint: 'such as --lock-timeout 60',
    })
  }
}

/** @throws USAGE */
export function checkWaiting({ tableLockTimeout = 1, maxWait = 0, statementTimeout = 0 }: WaitOptions): void {
  const rules: [name: string, fits: boolean, hint: string][] = [
    ['the lock timeout of tables must be more than 0', tableLockTimeout > 0, 'such as 2s'],
    ['the longest wait must be a number from 0', maxWait >= 0, 'such as --max-wait 600'],
    [
      'the statement timeout must be a number from 0',
      statementTimeout >= 0,
      'such as --statement-timeout 60',
    ],
  ]
  for (const [message, fits, hint] of rules) if (!fits) throw new MigrateError('USAGE', message, { hint })
}

/** Milliseconds after which people are told again whom a change waits for. */
const AGAIN = 10_000

/** How a change waits for the locks of others, and tells whose they are. */
export function patienceOf({
  tableLockTimeout = 2000,
  maxWait = 600_000,
  statementTimeout,
  signal,
  logger,
  onProgress,
}: WaitOptions & Pick<ChangeOptions, 'signal' | 'logger' | 'onProgress'>): Patience {
  let last: string | undefined
  let told = 0
  const onBlocked = (message: string, blockers: readonly Blocker[]) => {
    const who = JSON.stringify(blockers.map(({ pid, since, table }) => [pid, since, table]))
    if (who === last && Date.now() - told < AGAIN) return
    last = who
    told = Date.now()
    logger?.info(`${message}: waiting for it`)
    onProgress?.({ type: 'waiting', message, blockers })
  }
  return { lockTimeout: tableLockTimeout, maxWait, statementTimeout, signal, onBlocked }
}

/** Milliseconds between two looks at who holds the lock. */
const LOOK = 1000

/** How a command waits for the lock, and tells who holds it. */
export function lockOptions(
  {
    lockTimeout = 60_000,
    signal,
    logger,
    onProgress,
  }: Pick<ChangeOptions, 'lockTimeout' | 'signal' | 'logger' | 'onProgress'>,
  database: Database,
): LockOptions {
  let told: string | undefined
  let looked = Number.NEGATIVE_INFINITY
  const onWait = async () => {
    if (Date.now() - looked < LOOK) return told
    looked = Date.now()
    // Who waits must not fail for what it only wants to tell.
    const message = await holderText(database).catch(() => SOMEBODY)
    if (message !== told) {
      logger?.info(`${message}: waiting for it`)
      onProgress?.({ type: 'waiting', message })
    }
    told = message
    return told
  }
  return { timeout: lockTimeout, signal, onWait }
}

const SOMEBODY = 'another process is migrating'

async function holderText(database: Database): Promise<string> {
  const holder = (await readState<Holder>(database, 'holder')).get('')
  // One that was killed has left its name.
  if (holder === undefined || isDead(holder)) return SOMEBODY
  const { host, pid, program, since, direction, migrations } = holder
  const applied = new Set((await readHistory(database)).map(({ id }) => id))
  const at = migrations.find((id) => applied.has(id) === (direction === 'down')) ?? migrations.at(-1)
  return `${program} on ${host} (pid ${pid}) has been migrating since ${since} and is at ${at}`
}

/** Of another host nothing is known. */
function isDead({ host, pid }: Holder): boolean {
  if (host !== hostname()) return false
  try {
    process.kill(pid, 0)
    return false
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ESRCH'
  }
}
