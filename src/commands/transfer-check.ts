import { nameOf, type Schema } from '../core/schema/model.ts'
import type { Bad, Server } from '../core/transfer/bad.ts'
import type { Moved } from '../core/transfer/moved.ts'
import { named } from '../core/transfer/plan.ts'
import type { End } from '../database/end.ts'
import { throwIfStopped } from '../database/lock.ts'
import type { Options } from './options.ts'
import type { FilledTable } from './transfer-fill.ts'

/**
 * Finds all rows that the target cannot take as they are, inside the source's snapshot. Nothing is written.
 *
 * @param server the target, to be asked what it takes; without, nothing is said of what only it knows
 * @throws ABORTED
 */
export async function checkRows(
  end: End,
  all: readonly Moved[],
  schema: Schema,
  server: Server | undefined,
  { signal, onProgress }: Pick<Options, 'signal' | 'onProgress'>,
): Promise<{ bad: readonly Bad[]; tables: readonly FilledTable[] }> {
  const bad: Bad[] = []
  const tables: FilledTable[] = []
  for (const moved of all) {
    throwIfStopped(signal)
    const start = performance.now()
    const table = named(schema.tables, moved.to)
    const search = { all, ...(server && { server }), ...(signal && { signal }) }
    if (table !== undefined) bad.push(...(await end.findBad(moved, { schema, table }, search)))
    const rows = await end.count(moved, 'from')
    const seconds = (performance.now() - start) / 1000
    tables.push({ table: nameOf(moved.from), rows, bytes: 0, seconds })
    onProgress?.({
      type: 'rows',
      table: nameOf(moved.from),
      done: rows,
      total: rows,
      bytes: 0,
      rate: rows / seconds,
      left: 0,
    })
  }
  return { bad, tables }
}
