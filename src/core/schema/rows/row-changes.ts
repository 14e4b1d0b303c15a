import { count } from '../../text.ts'

/** The rows of a table, each value as text, or null. */
export interface Rows {
  readonly columns: readonly string[]
  /** Columns that tell the rows apart: the primary key. */
  readonly key?: readonly string[]
  readonly rows: readonly (readonly (string | null)[])[]
}

/** The rows of every table, by its name. */
export type Snapshot = ReadonlyMap<string, Rows>

/** What a rollback has not brought back of a table. */
export interface RowChange {
  readonly table: string
  /** Only where it is values that differ, and not whole rows. */
  readonly column?: string
  /** How many rows, or rows with such a value. */
  readonly rows: number
  /** `left over`: more is there than before. */
  readonly change: 'gone' | 'changed' | 'left over'
  /** It was still there after `up`: the rollback has lost it. Of what is left over: `up` had put it in. */
  readonly had: boolean
}

/**
 * Compares the rows from before a migration with those after it was rolled back, in what both have of tables and
 * columns.
 *
 * @param between the rows after `up`
 */
export function rowChanges(before: Snapshot, between: Snapshot, after: Snapshot): RowChange[] {
  return [...before].flatMap(([table, rows]) => {
    const now = after.get(table)
    if (now === undefined) return []
    const changes = isKeyed(rows, now)
      ? byKey(rows, between.get(table), now)
      : byContent(rows, between.get(table), now)
    return changes.map((change) => ({
      table,
      ...change,
      had: change.had || (change.column !== undefined && isMoved(table, change.column, before, between)),
    }))
  })
}

/** Whether up has kept the values of a column that it took away: in one that was not there before. */
function isMoved(table: string, column: string, before: Snapshot, between: Snapshot): boolean {
  if (between.get(table)?.columns.includes(column)) return false
  const wanted = valuesOf(before.get(table), column)
  // A default, the same in all rows, could be anybody's.
  if (new Set(wanted).size < 2) return false
  return [...between].some(([name, rows]) =>
    rows.columns.some(
      (other) => !before.get(name)?.columns.includes(other) && sameList(valuesOf(rows, other), wanted),
    ),
  )
}

type Change = Omit<RowChange, 'table'>

function isKeyed(before: Rows, after: Rows): boolean {
  return before.key !== undefined && [before, after].every((rows) => hasKey(rows, before.key ?? []))
}

function hasKey({ columns, rows }: Rows, key: readonly string[]): boolean {
  if (!key.every((column) => columns.includes(column))) return false
  return new Set(rows.map((row) => keyOf(columns, key, row))).size === rows.length
}

function keyOf(columns: readonly string[], key: readonly string[], row: Rows['rows'][number]): string {
  return JSON.stringify(key.map((column) => row[columns.indexOf(column)]))
}

/** Each row by its primary key. */
function byKey(before: Rows, between: Rows | undefined, after: Rows): Change[] {
  const key = before.key ?? []
  const keyed = ({ columns, rows }: Rows) => new Map(rows.map((row) => [keyOf(columns, key, row), row]))
  const [first, last] = [keyed(before), keyed(after)]
  const middle = between && hasKey(between, key) ? keyed(between) : new Map<string, Rows['rows'][number]>()
  const gone = [...first.keys()].filter((id) => !last.has(id))
  const extra = [...last.keys()].filter((id) => !first.has(id))
  const columns = before.columns.filter((column) => after.columns.includes(column))
  const changed = columns.flatMap((column) => {
    const value = (rows: Rows | undefined, row: Rows['rows'][number] | undefined) =>
      row?.[rows?.columns.indexOf(column) ?? -1]
    const ids = [...first.keys()].filter(
      (id) => last.has(id) && value(before, first.get(id)) !== value(after, last.get(id)),
    )
    const had = ids.filter((id) => value(before, first.get(id)) === value(between, middle.get(id)))
    return parted(ids, had).map((part) => ({ column, change: 'changed' as const, ...part }))
  })
  return [
    ...parted(
      gone,
      gone.filter((id) => middle.has(id)),
    ).map((part) => ({ change: 'gone' as const, ...part })),
    ...changed,
    ...parted(
      extra,
      extra.filter((id) => middle.has(id)),
    ).map((part) => ({ change: 'left over' as const, ...part })),
  ]
}

/** How many of the rows were there after up, and how many were not. */
function parted(all: readonly string[], had: readonly string[]): { rows: number; had: boolean }[] {
  return [
    { rows: had.length, had: true },
    { rows: all.length - had.length, had: false },
  ].filter(({ rows }) => rows > 0)
}

/** Without a key: how many rows, and which values each column has. */
function byContent(before: Rows, between: Rows | undefined, after: Rows): Change[] {
  const [first, middle, last] = [before.rows.length, between?.rows.length ?? 0, after.rows.length]
  if (last < first) {
    const kept = Math.min(first, middle) - last
    return [
      { rows: kept, had: true },
      { rows: first - Math.max(last, Math.min(first, middle)), had: false },
    ]
      .filter(({ rows }) => rows > 0)
      .map((part) => ({ change: 'gone', ...part }))
  }
  if (last > first) return [{ change: 'left over', rows: last - first, had: middle > first }]
  return before.columns
    .filter((column) => after.columns.includes(column))
    .flatMap((column): Change[] => {
      const [was, is] = [valuesOf(before, column), valuesOf(after, column)]
      if (sameList(was, is)) return []
      const rows = was.filter((value, i) => value !== is[i]).length
      return [{ column, change: 'changed', rows, had: sameList(valuesOf(between, column), was) }]
    })
}

/** In an order of their own. */
function valuesOf(rows: Rows | undefined, column: string): string[] {
  const i = rows?.columns.indexOf(column) ?? -1
  return i === -1 ? [] : (rows?.rows ?? []).map((row) => JSON.stringify(row[i] ?? null)).sort()
}

function sameList(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((value, i) => value === b[i])
}

/** A change in plain words. */
export function rowChangeText({ table, column, rows, change, had }: RowChange): string {
  const what =
    column === undefined
      ? `${count(rows, 'row')} of ${table}`
      : `${count(rows, 'value')} of ${table}.${column}`
  const [is, stay] = rows === 1 ? ['is', 'stays'] : ['are', 'stay']
  if (change === 'left over')
    return had ? `${what} that up put in ${stay} after down` : `${what} ${is} new after down`
  if (had)
    return `${what} that up had ${column === undefined ? 'left' : 'kept'} ${is} ${column === undefined ? 'gone' : 'lost'} after down`
  return `${what} that up took away${column === undefined ? '' : ' or changed'} ${is} not back after down`
}
