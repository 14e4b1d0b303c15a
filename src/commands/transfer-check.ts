import type { DatabaseSync } from 'node:sqlite'
import type { ClientBase } from 'pg'
import type { Schema } from '../core/schema/model.ts'
import type { Bad } from '../core/transfer/bad.ts'
import type { Moved } from '../core/transfer/moved.ts'

export interface CheckOptions {
  readonly from:
    | { readonly dialect: 'sqlite'; readonly native: DatabaseSync }
    | { readonly dialect: 'postgres'; readonly client: ClientBase }
  readonly to: {
    /** As it is, or will be. */
    readonly schema: Schema
    /** A server that can be asked what it takes; nothing is written. Without one, nothing is said of what only it knows. */
    readonly client?: ClientBase
  }
  readonly all: readonly Moved[]
  readonly signal?: AbortSignal
  /** Told when a table has been looked through. */
  readonly onTable?: (moved: Moved, rows: number, bad: readonly Bad[]) => void
}

export interface Checked {
  readonly bad: readonly Bad[]
  /** All that were looked at. */
  readonly rows: number
}

/**
 * Finds all rows that the target cannot take as they are, in one moment of the source. Nothing is written.
 *
 * @throws ABORTED as the signal's reason
 */
export async function check(options: CheckOptions): Promise<Checked> {
  const { from, to, all, signal, onTable } = options
  const bad: Bad[] = []
  let rows = 0
  const look = async (
    find: (moved: Moved, table: Schema['tables'][number]) => Promise<Bad[]>,
    count: (moved: Moved) => Promise<number>,
  ) => {
    for (const moved of all) {
      const table = to.schema.tables.find(
        ({ schema, name }) => schema === moved.to.schema && name === moved.to.name,
      )
      const found = table === undefined ? [] : await find(moved, table)
      const counted = await count(moved)
      bad.push(...found)
      rows += counted
      onTable?.(moved, counted, found)
    }
  }
  if (from.dialect === 'sqlite') {
    const { native } = from
    const [{ findBad }, { snapshot }, { rowsOf }] = await Promise.all([
      import('../database/sqlite/bad.ts'),
      import('../database/sqlite/send.ts'),
      import('../database/sqlite/values.ts'),
    ])
    const server = to.client && (await (await import('../database/postgres/refused.ts')).serverOf(to.client))
    // Another database of SQLite takes every value as it is.
    const isAny = to.schema.dialect === 'sqlite'
    await snapshot(native, () =>
      look(
        (moved, table) =>
          isAny
            ? Promise.resolve([])
            : findBad(
                native,
                moved,
                { schema: to.schema, table },
                { all, ...(server && { server }), ...(signal && { signal }) },
              ),
        async (moved) => rowsOf(native, moved),
      ),
    )
    return { bad, rows }
  }
  const { client } = from
  const [{ findBad, snapshot }, { rowsOf }] = await Promise.all([
    import('../database/postgres/bad.ts'),
    import('../database/postgres/values.ts'),
  ])
  await snapshot(client, () =>
    look(
      (moved, table) =>
        findBad(client, moved, { schema: to.schema, table }, { all, ...(signal && { signal }) }),
      (moved) => rowsOf(client, moved),
    ),
  )
  return { bad, rows }
}
