import { nameOf, type Schema } from '../core/schema/model.ts'
import { trialsOf, withMaps } from '../core/transfer/map.ts'
import { withMasks } from '../core/transfer/mask.ts'
import type { Moved } from '../core/transfer/moved.ts'
import { planTransfer, type TransferPlan } from '../core/transfer/plan.ts'
import { select } from '../core/transfer/select.ts'
import { tryOut } from '../database/choose.ts'
import type { Database } from '../database/database.ts'
import type { Lane } from '../database/end.ts'
import { readHistory } from '../database/history.ts'
import type { TransferOptions } from './transfer.ts'

/**
 * Finds out what is moved: the tables and rows that were chosen, with what stands in the place of columns. To be called
 * inside the source's snapshot.
 *
 * @param target its schema, now or as it will be
 * @throws USAGE, DIFFERENT
 */
export async function readSource(
  { database, end }: Lane,
  target: Schema,
  options: TransferOptions,
): Promise<TransferPlan> {
  const { mask = {} } = options
  const { plan, moved: masked, selection } = await chosen(database, target, options)
  if (Object.keys(mask).length > 0) await end.startMasks()
  const conditions = await end.choose(selection)
  const moved = masked.map((one): Moved => {
    const rows = conditions.get(nameOf(one.from))
    return rows === undefined ? one : { ...one, rows }
  })
  return { ...plan, moved }
}

/**
 * Finds out, before anything is written, whether what was said of tables and columns can be done.
 *
 * @throws USAGE, DIFFERENT
 */
export async function checkChosen(
  source: Database,
  target: Database,
  options: TransferOptions,
): Promise<void> {
  const [mine, there] = await Promise.all([source, target].map((one) => readHistory(one)))
  // A target that is to be migrated yet has what the source has by then.
  const isReady = mine?.length === there?.length
  await chosen(source, await (isReady ? target : source).introspect(), options)
}

async function chosen(source: Database, target: Schema, options: TransferOptions) {
  const { map = {}, mask = {} } = options
  const schema = await source.introspect()
  const selection = select(schema, options)
  const plan = planTransfer(
    schema,
    target,
    selection.choices.map(({ table }) => table),
  )
  const moved = withMaps(withMasks(plan.moved, schema, mask), schema, map)
  await tryOut(source, trialsOf(moved, schema, selection, map))
  return { plan, moved, selection }
}
