import { MigrateError } from '../core/errors.ts'
import type { Script } from '../core/script.ts'
import { bytesText, count } from '../core/text.ts'
import type { Database, Run } from '../database/database.ts'
import {
  copySql,
  type FullStash,
  type Loss,
  planStash,
  readStashes,
  type Stash,
  stashLabel,
  stashName,
  UNKNOWN,
} from '../database/stash.ts'
import { stateWriter } from '../database/state.ts'

/** What a rollback is about to take away, and how it is kept. */
export interface Kept extends Pick<Stash, 'table' | 'columns' | 'rows' | 'bytes'> {
  readonly kept: Stash['kept'] | 'discarded'
}

/** The steps up to the first that is run in batches: what those behind it take away can be seen only after it. */
export function untilBatch<S extends { readonly script: Script }>(steps: readonly S[]): readonly S[] {
  const batch = steps.findIndex(({ script }) => script.batch !== undefined)
  return batch === -1 ? steps : steps.slice(0, batch + 1)
}

/** What each of the scripts would destroy that holds something. */
export async function lossesOf(
  database: Database,
  steps: readonly { readonly id: string; readonly script: Script }[],
  discard: boolean,
): Promise<{ losses: (Loss[] | MigrateError)[]; kept: (Kept[] | MigrateError)[] }> {
  const losses = await database.losses(steps.map(({ script }) => script))
  const kept: (Kept[] | MigrateError)[] = []
  for (const [i, some] of losses.entries()) {
    if (some instanceof MigrateError) {
      kept.push(some)
      continue
    }
    const stashes: Kept[] = []
    for (const loss of some) {
      const stash = await planStash(database, steps[i]?.id ?? '', 0, loss)
      if (stash === undefined) continue
      const { table, columns, rows } = stash
      stashes.push({ table, columns, rows, bytes: stash.bytes, kept: discard ? 'discarded' : stash.kept })
    }
    kept.push(stashes)
  }
  return { losses, kept }
}

/** `users.metadata: 1,000 rows, 12 kB, copied to the stash`. */
export function keptText({ table, columns, rows, bytes, kept }: Kept): string {
  const label = stashLabel({ schema: 'main', table, columns })
  const amount = rows === UNKNOWN ? '' : `: ${count(rows, 'row')}, ${bytesText(bytes)}`
  const how = { parked: 'parked in the stash', copied: 'copied to the stash', discarded: 'gone for good' }[
    kept
  ]
  return `${label}${amount}, ${how}`
}

/**
 * Keeps in the stash what a script is about to destroy, in its transaction.
 *
 * @returns what is kept, and the script as it is to be run
 */
export async function keep(
  database: Database,
  run: Run,
  id: string,
  script: Script,
  losses: readonly Loss[] | MigrateError,
): Promise<{ stashes: FullStash[]; script: Script }> {
  // What it takes away could not be found out, for the reason for which it cannot be run.
  if (losses instanceof MigrateError) throw losses
  if (losses.length === 0) return { stashes: [], script }
  const write = await stateWriter(database)
  const stashes: FullStash[] = []
  const parks = new Map<string, string>()
  let number = (await readStashes(database)).at(-1)?.number ?? 0
  for (const loss of losses) {
    await database.freeze(loss.schema, loss.table)
    const parkable = loss.parkable && script.transaction
    const stash = await planStash(database, id, number + 1, { ...loss, parkable })
    if (stash === undefined) continue
    number = stash.number
    if (parkable) parks.set(`${loss.schema}.${loss.table}`, stashName(number))
    else await run(await copySql(database, stash))
    await run(write(`stash ${number}`, stash))
    stashes.push(stash)
  }
  return { stashes, script: parks.size === 0 ? script : { ...script, parks } }
}
