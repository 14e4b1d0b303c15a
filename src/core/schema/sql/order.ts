import { nameOf, type Schema, type Table } from '../model.ts'
import { fold } from './names.ts'

/**
 * Things in an order in which each comes behind what it needs; else by name. In a circle somebody must be first.
 *
 * @param needs names of others, or of what is not among the things
 */
export function inOrder<T>(
  things: readonly T[],
  name: (thing: T) => string,
  needs: (thing: T) => Iterable<string>,
): T[] {
  const sorted = things.map((thing) => ({ thing, name: name(thing) })).sort(byName)
  const all = Map.groupBy(sorted, (one) => one.name)
  const seen = new Set<string>()
  const ordered: T[] = []
  const visit = (wanted: string) => {
    if (seen.has(wanted)) return
    seen.add(wanted)
    const found = all.get(wanted) ?? []
    for (const { thing } of found) for (const needed of [...needs(thing)].sort()) visit(needed)
    ordered.push(...found.map(({ thing }) => thing))
  }
  for (const one of sorted) visit(one.name)
  return ordered
}

/** By code units: the same everywhere. */
export function byName(a: { readonly name: string }, b: { readonly name: string }): number {
  return a.name < b.name ? -1 : a.name > b.name ? 1 : 0
}

/** The tables in foreign-key order: each behind those that it refers to and is a part of, else by name. */
export function tablesInOrder({ dialect, tables }: Pick<Schema, 'dialect' | 'tables'>): Table[] {
  return inOrder(
    tables,
    (table) => fold(dialect, nameOf(table)),
    ({ partitionOf, foreignKeys }) =>
      [...(partitionOf === undefined ? [] : [partitionOf]), ...foreignKeys.map(({ to }) => to)].map((one) =>
        fold(dialect, nameOf(one)),
      ),
  )
}
