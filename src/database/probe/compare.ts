import type { RowFacts } from '../../core/lint/sqlite/facts.ts'
import type { Rows } from './sample.ts'

const lower = (name: string) => name.toLowerCase()

/** Rows by which a column can be judged. */
const FEW = 2

/**
 * What a rebuild has made of rows.
 *
 * @param key   columns by which a row is known again
 * @param casts whether the copy has a CAST
 */
export function compareRows(before: Rows, after: Rows, key: readonly string[], casts: boolean): RowFacts {
  const pairs = pairsOf(before, after, key)
  const facts = { had: before.rows.length, has: after.rows.length }
  const swapped: { column: string; holds: string }[] = []
  const emptied: string[] = []
  const zeroed: string[] = []
  for (const [i, column] of before.columns.entries()) {
    const j = indexOf(after, column)
    if (j === -1 || key.includes(column)) continue
    const [old, now] = [pairs.map(([row]) => row[i] ?? ''), pairs.map(([, row]) => row[j] ?? '')]
    if (now.every((value, n) => same(value, old[n] ?? ''))) continue
    const other = before.columns.findIndex((_, k) => k !== i && isMoved(pairs, k, j))
    if (other !== -1) swapped.push({ column, holds: before.columns[other] ?? '' })
    else if (distinct(old) >= FEW && distinct(now) === 1) emptied.push(column)
    else if (casts && now.some((value, n) => isLossy(old[n] ?? '', value))) zeroed.push(column)
  }
  return { ...facts, swapped, emptied, zeroed }
}

/** Columns that are not there any more, by the new ones that hold what they held. */
export function movedColumns(before: Rows, after: Rows, key: readonly string[]): Map<string, string> {
  const pairs = pairsOf(before, after, key)
  const added = after.columns.filter((column) => indexOf(before, column) === -1)
  const moved = new Map<string, string>()
  for (const [i, column] of before.columns.entries()) {
    if (indexOf(after, column) !== -1) continue
    const to = added.find((one) => isMoved(pairs, i, indexOf(after, one)))
    if (to !== undefined) moved.set(column, to)
  }
  return moved
}

type Pair = readonly [before: readonly string[], after: readonly string[]]

/** Each row and what has become of it: by its key, else by its place. */
function pairsOf(before: Rows, after: Rows, key: readonly string[]): Pair[] {
  const [from, to] = [before, after].map((rows) => key.map((column) => indexOf(rows, column)))
  const text = (row: readonly string[], at: readonly number[] = []) => at.map((i) => plain(row[i])).join('\0')
  if (key.length > 0 && to?.every((i) => i !== -1)) {
    const found = new Map(after.rows.map((row) => [text(row, to), row]))
    const pairs = before.rows.flatMap((row): Pair[] => {
      const other = found.get(text(row, from))
      return other === undefined ? [] : [[row, other]]
    })
    if (pairs.length >= FEW) return pairs
  }
  if (before.rows.length !== after.rows.length) return []
  return before.rows.map((row, i): Pair => [row, after.rows[i] ?? []])
}

function indexOf({ columns }: Rows, name: string): number {
  return columns.findIndex((column) => lower(column) === lower(name))
}

/** Whether one column's values stand in another now, and it can be seen. */
function isMoved(pairs: readonly Pair[], from: number, to: number): boolean {
  const values = pairs.map(([row]) => row[from] ?? '')
  return distinct(values) > FEW && pairs.every(([, row], n) => same(row[to] ?? '', values[n] ?? ''))
}

function distinct(values: readonly string[]): number {
  return new Set(values.map(plain)).size
}

/** A literal without its quotes, and a number however it is written. */
function plain(literal = ''): string {
  const text = literal.startsWith("'") ? literal.slice(1, -1).replaceAll("''", "'") : literal
  return text.trim() !== '' && Number.isFinite(Number(text)) ? String(Number(text)) : text
}

function same(one: string, other: string): boolean {
  return plain(one) === plain(other)
}

/** Text of which CAST has made a number, or a number without what stood behind its point. */
function isLossy(before: string, after: string): boolean {
  if (before === 'NULL' || same(before, after) || !Number.isFinite(Number(after))) return false
  const value = Number(plain(before))
  if (before.startsWith("'") && !Number.isFinite(value)) return Number(after) === 0
  return !Number.isInteger(value) && Math.trunc(value) === Number(after)
}
