import { MigrateError } from '../core/errors.ts'
import { nameOf, type Schema } from '../core/schema/model.ts'
import type { Sql } from '../core/sql-error.ts'
import { quoteName } from '../core/text.ts'
import type { Entry } from '../core/transfer/aside.ts'
import type { Moved } from '../core/transfer/moved.ts'
import { named } from '../core/transfer/plan.ts'
import { readState, stateWriter, TRANSFER } from '../database/state.ts'
import { copyCarefully, entryOf, linesOf, type RowsFile, setAsideByKeys } from './transfer-aside.ts'
import type { FillOptions } from './transfer-fill.ts'

/** The name of the row in the state that says that the keys are done. */
const KEYS = `${TRANSFER} keys`

/** How rows are set aside that the target does not take. */
export interface BadRows {
  /**
   * Copies a table without them.
   *
   * @returns how many rows the target holds
   */
  copy(moved: Moved, note: () => Sql): Promise<number>
  /** Takes out of all tables what unique constraints and foreign keys would not take. */
  setAsideByKeys(): Promise<void>
  /** How many rows of a table it has taken out. */
  taken(moved: Moved): number
  /** The rows of a table that were not set aside. */
  without(moved: Moved): Moved
  readonly warnings: readonly string[]
}

/**
 * Gives how rows are set aside.
 *
 * @param schema the target's, before anything of it was set aside
 * @throws USAGE
 */
export async function badRowsOf(
  { source, lanes: [{ database, end }], moved, signal }: FillOptions,
  schema: Schema,
  file: RowsFile,
): Promise<BadRows> {
  const [from, to] = [source.end.handle, end.handle]
  if (from.dialect !== 'sqlite' || to.dialect !== 'postgres') {
    throw new MigrateError('USAGE', 'rows are set aside on the way from SQLite to PostgreSQL only', {
      hint: 'leave out --bad, and change with --map what the target cannot take',
    })
  }
  const write = await stateWriter(database)
  const tableOf = (one: Moved) => {
    const table = named(schema.tables, one.to)
    if (table === undefined) throw new Error(`${nameOf(one.to)} is not in the target`)
    return table
  }
  const warnings: string[] = []
  let entries: ReadonlyMap<string, readonly Entry[]> = new Map()
  return {
    copy: (one, note) =>
      copyCarefully({
        native: from.native,
        client: to.client,
        moved: one,
        into: { schema, table: tableOf(one) },
        file,
        note: note().text,
        ...(signal && { signal }),
      }),
    setAsideByKeys: async () => {
      if (!(await readState(database, KEYS)).has('')) {
        const note = write(KEYS, { done: true }).text
        await setAsideByKeys({ target: to, schema, all: moved, file, note })
      }
      entries = Map.groupBy(entriesOf(file), ({ table }) => table)
      for (const one of moved) {
        const own = entries.get(nameOf(one.to)) ?? []
        if (own.length > 0 && conditionOf(one, own) === undefined)
          warnings.push(
            `${nameOf(one.from)}: rows were set aside and have no key: the others were not compared`,
          )
      }
    },
    taken: (one) => (entries.get(nameOf(one.to)) ?? []).filter(({ step }) => step === 'keys').length,
    without: (one) => {
      const own = entries.get(nameOf(one.to)) ?? []
      const rows = own.length === 0 ? undefined : conditionOf(one, own)
      const both = [one.rows, rows].flatMap((condition) =>
        condition === undefined ? [] : [`(${condition})`],
      )
      return rows === undefined ? one : { ...one, rows: both.join(' AND ') }
    },
    warnings,
  }
}

function* entriesOf({ path }: RowsFile): Iterable<Entry> {
  for (const { text } of linesOf(path)) yield entryOf(text, path)
}

/** That a row is none of these, in SQLite's SQL; nothing where they have no key that tells them. */
function conditionOf({ key, columns }: Moved, entries: readonly Entry[]): string | undefined {
  const parts = key.map((name) => columns.find(({ from }) => from.name === name))
  const keys = entries.map((entry) => parts.map((part) => entry.key[part?.to.name ?? '']))
  const isPlain = (value: unknown) => typeof value === 'string' || typeof value === 'number'
  if (key.length === 0 || !keys.every((values) => values.every(isPlain))) return undefined
  const names = parts.map((part) => part?.value ?? quoteName(part?.from.name ?? '')).join(', ')
  const values = key.map((_, i) => `json_extract(value, '$[${i}]')`).join(', ')
  const list = JSON.stringify(keys).replaceAll("'", "''")
  return `((${names}) IN (SELECT ${values} FROM json_each('${list}'))) IS NOT TRUE`
}
