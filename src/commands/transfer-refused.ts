import { MigrateError } from '../core/errors.ts'
import { nameOf, type Schema } from '../core/schema/model.ts'
import { count } from '../core/text.ts'
import type { Bad } from '../core/transfer/bad.ts'
import type { Moved } from '../core/transfer/moved.ts'
import { named } from '../core/transfer/plan.ts'
import type { Database } from '../database/database.ts'
import type { Lane } from '../database/end.ts'

/** How the errors of each database are told apart. */
interface Refused {
  /** It refused what a row holds. */
  isRefusal(error: unknown): boolean
  /** Another row has what must be unique. */
  isTaken(error: unknown): boolean
}

export function refusedOf({ dialect }: Pick<Database, 'dialect'>): Promise<Refused> {
  return dialect === 'sqlite'
    ? import('../database/sqlite/refused.ts')
    : import('../database/postgres/refused.ts')
}

/** A table that was being filled, or built upon, and all that are moved. */
export interface Refusing {
  readonly source: Lane
  readonly target: Lane
  readonly all: readonly Moved[]
  readonly moved: Moved
  /** The target's, before anything was set aside. */
  readonly schema: Schema
  readonly signal?: AbortSignal | undefined
}

/**
 * Says of an error that rows of a table have caused which row it is, inside the source's snapshot: the server tells no
 * more than its place among those that came, and of what was made in SQL it is only known that there is one.
 */
export async function refusedRow(error: unknown, refusing: Refusing): Promise<unknown> {
  const { source, target, all, moved, schema, signal } = refusing
  if (!(error instanceof MigrateError) || signal?.aborted) return error
  const { isRefusal } = await refusedOf(target.database)
  const isOfRows = error.code === 'BAD_ROWS' || (error.code === 'SQL' && isRefusal(error.cause))
  const table = named(schema.tables, moved.to)
  if (!isOfRows || table === undefined) return error
  const server = await target.end.server()
  const search = { all, ...(server && { server }), ...(signal && { signal }) }
  const [first, ...more] = await source.end.findBad(moved, { schema, table }, search)
  const rows = [first, ...more].reduce((sum, bad) => sum + (bad?.count ?? 0), 0)
  const message =
    first === undefined
      ? `${nameOf(moved.from)}: ${error.message}`
      : `${nameOf(moved.from)}${sentence(first)}`
  if (error.code === 'BAD_ROWS' && first === undefined) return error
  return new MigrateError(
    'BAD_ROWS',
    rows > 1 ? `${message}; ${count(rows, 'value')} of it in all` : message,
    {
      hint: '"nexflow-migrate transfer --check" tells all such rows; --bad sets them aside, and --map changes them',
      cause: error,
    },
  )
}

function sentence({ columns, reason, examples: [example] }: Bad): string {
  const { key = {}, value } = example ?? {}
  const keys = Object.entries(key).map(([name, value]) => `${name} = ${value}`)
  const where = keys.length === 0 ? '' : ` where ${keys.join(', ')}`
  return `.${columns.join(', ')} ${reason}${value === undefined ? '' : `: ${value}${where}`}`
}
