import type { Hash } from 'node:crypto'
import { MigrateError } from '../core/errors.ts'
import type { Direction } from '../core/migrations.ts'
import { checksumOf, type Script } from '../core/script.ts'
import type { Spot, Sql } from '../core/sql-error.ts'
import { count, place } from '../core/text.ts'
import type { Finished, Progress } from '../database/database.ts'
import type { Interrupted } from '../database/state.ts'

/** What a person says of an interrupted script: its statement in doubt has run, is to run again, or all of it is. */
export type Decision = 'done' | 'again' | 'restart'

export const DECISIONS: readonly Decision[] = ['done', 'again', 'restart']

interface Step {
  readonly id: string
  readonly script: Script
}

/**
 * What a run has to go on with, if anything was interrupted.
 *
 * @throws INTERRUPTED where this run would leave it half done
 */
export function resumable(
  interrupted: Interrupted | undefined,
  direction: Direction,
  steps: readonly Step[],
  decision: Decision | undefined,
): Interrupted | undefined {
  if (interrupted === undefined || decision === 'restart') return undefined
  const { id, done } = interrupted
  const where = `the ${interrupted.direction} script of ${id} was interrupted after ${count(done, 'statement')}`
  const step = steps.find((one) => one.id === id)
  if (interrupted.direction !== direction || step === undefined) {
    const command = interrupted.direction
    throw new MigrateError('INTERRUPTED', where, {
      hint: `go on with "${command} --to ${id}"; or undo by hand what it did and say so with "${direction} --interrupted restart"`,
    })
  }
  const { file, text, transaction } = step.script
  if (!transaction && checksumOf(text.slice(0, interrupted.length)) === interrupted.checksum)
    return interrupted
  throw new MigrateError('INTERRUPTED', `${where}, and what has run of it is not what the file says now`, {
    file,
    hint: `restore that part of the file; or undo by hand what it did and run "${direction} --interrupted restart"`,
  })
}

/**
 * Goes through a script outside a transaction and writes down how far it came.
 *
 * @param write gives the SQL that keeps what it is given
 */
export function progressOf(
  direction: Direction,
  { id, script }: Step,
  interrupted: Interrupted | undefined,
  decision: Decision | undefined,
  write: (value: Interrupted) => Sql,
): Progress & { readonly begin: Sql } {
  const { text, file } = script
  // Each note has the checksum of all before it: it goes on from the last one's.
  const hash = process.getBuiltinModule('node:crypto').createHash('sha256')
  const checksum = (sum: Hash) => `sha256:${sum.copy().digest('hex')}`
  hash.update(text.slice(0, interrupted?.length ?? 0))
  const start = { id, direction, done: 0, started: false, length: 0, session: [] }
  let now: Interrupted = interrupted ?? { ...start, checksum: checksum(hash) }
  const after = ({ start, end }: Spot, kind: Finished): Interrupted => ({
    ...now,
    done: now.done + 1,
    started: false,
    length: end,
    checksum: checksum(hash.copy().update(text.slice(now.length, end))),
    session: kind === 'session' ? [...now.session, { start, end }] : now.session,
  })
  return {
    begin: write(now),
    from: now.length,
    session: now.session,
    doubt: now.started ? (decision === 'done' || decision === 'again' ? decision : 'unknown') : 'none',
    started: () => write({ ...now, started: true }),
    finished: (spot, kind = 'statement') => write(after(spot, kind)),
    pass: (spot, kind = 'statement') => {
      const next = after(spot, kind)
      hash.update(text.slice(now.length, spot.end))
      now = next
    },
    unknown: (spot: Spot) =>
      new MigrateError(
        'INTERRUPTED',
        `${id} was interrupted in statement ${now.done + 1}, and it cannot be known whether that has run`,
        {
          ...place(file, text, firstOf(text, spot), firstOf(text, spot)),
          hint: `look at the database; if it has run: "${direction} --interrupted done"; if not: "${direction} --interrupted again"`,
        },
      ),
  }
}

function firstOf(text: string, { start }: Spot): number {
  return start + (/\S/.exec(text.slice(start))?.index ?? 0)
}
