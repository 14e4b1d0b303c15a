import { nameOf, type Schema } from '../core/schema/model.ts'
import { trialsOf, withMaps } from '../core/transfer/map.ts'
import { withMasks } from '../core/transfer/mask.ts'
import type { Moved } from '../core/transfer/moved.ts'
import { planTransfer, type TransferPlan } from '../core/transfer/plan.ts'
import { select } from '../core/transfer/select.ts'
import { tryOut } from '../database/choose.ts'
import type { Lane } from '../database/end.ts'
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
  const { map = {}, mask = {} } = options
  const schema = await database.introspect()
  const selection = select(schema, options)
  const plan = planTransfer(
    schema,
    target,
    selection.choices.map(({ table }) => table),
  )
  if (Object.keys(mask).length > 0) await end.startMasks()
  const masked = withMaps(withMasks(plan.moved, schema, mask), schema, map)
  await tryOut(database, trialsOf(masked, schema, selection, map))
  const conditions = await end.choose(selection)
  const moved = masked.map((one): Moved => {
    const rows = conditions.get(nameOf(one.from))
    return rows === undefined ? one : { ...one, rows }
  })
  return { ...plan, moved }
}
