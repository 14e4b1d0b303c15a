import { nameOf, type Schema, type Table } from '../model.ts'
import { type Mood, tableOf, Writer } from './row-writer.ts'

/** SQL that puts a row into a table, for the database to try. Where tables need each other's rows, one into each. */
export interface Attempt {
  readonly tables: readonly Table[]
  readonly sql: string
}

export interface RowOptions {
  /** Into which tables. Default: all. */
  readonly wanted?: (table: Table) => boolean
  /** The number of the first row: rows of other numbers have other keys. */
  readonly from?: number
  /** Only rows that nobody would wonder at, and that fit this schema too, where its tables have the same names. */
  readonly fitting?: Schema
}

const MOODS: readonly Mood[] = ['plain', 'null', 0, 1, 2, 3, 'twin']
const CALM: readonly Mood[] = ['plain', 'plain', 'plain']

/** How often a row is tried, in ever other forms, before it is given up. */
const TRIES = 24

/**
 * Makes rows that fit a schema: every type, NULLs, values at the edges, foreign keys obeyed, each row by itself. What
 * only the database can judge, a CHECK or a trigger, is asked of it: a row that it refuses comes again in another form.
 *
 * @yields SQL to try; to be answered with the database's words where it refuses, and undefined where it does not
 * @returns the tables that it took no row for
 */
export function* sampleRows(schema: Schema, options: RowOptions = {}): Rows<readonly Table[]> {
  const { wanted = () => true, from = 0, fitting } = options
  const empty: Table[] = []
  for (const group of inOrder(schema)) {
    const writers = group.filter(wanted).map((table) => new Writer(schema, table, from, fitting))
    const linked = writers.length > 1 && (yield* together(schema, writers, from + MOODS.length))
    for (const writer of writers) {
      const taken = yield* severalRows(writer, from, fitting ? CALM : MOODS)
      if (taken === 0 && !linked) empty.push(writer.table)
    }
  }
  return empty
}

/** How many rows of a table are given up before it is. */
const GIVEN_UP = 2

function* severalRows(writer: Writer, from: number, moods: readonly Mood[]): Rows<number> {
  let taken = 0
  for (const [i, mood] of moods.entries()) {
    if (taken === 0 && i === GIVEN_UP) return 0
    if (yield* oneRow(writer, from + i, mood)) taken++
  }
  return taken
}

type Rows<T> = Generator<Attempt, T, string | undefined>

/** One row, until the database takes it. */
function* oneRow(writer: Writer, n: number, mood: Mood): Rows<boolean> {
  const draft = writer.draft(n, mood)
  for (let i = 0; i < TRIES; i++) {
    const refused = yield { tables: [writer.table], sql: writer.insert(draft) }
    if (refused === undefined) return true
    if (!draft.change(refused)) return false
  }
  return false
}

/** A row for each of the tables, which need each other: the keys are checked when all of them are there. */
function* together(schema: Schema, writers: readonly Writer[], n: number): Rows<boolean> {
  const drafts = new Map(writers.map((writer) => [writer.table, { writer, draft: writer.draft(n, 'plain') }]))
  for (let i = 0; i < TRIES; i++) {
    const inserts = [...drafts.values()].map(({ writer, draft }) => {
      const keys = writer.table.foreignKeys.flatMap((key) => {
        const to = tableOf(schema, key.to)
        const other = to === writer.table ? undefined : to && drafts.get(to)?.draft
        return other === undefined ? [] : [{ key, other }]
      })
      return writer.insert(draft, keys)
    })
    const refused = yield { tables: [...drafts.keys()], sql: atOnce(schema, inserts) }
    if (refused === undefined) return true
    const changed = [...drafts.values()].map(({ draft }) => draft.change(refused))
    if (!changed.includes(true)) return false
  }
  return false
}

function atOnce({ dialect }: Schema, inserts: readonly string[]): string {
  if (dialect === 'sqlite') return ['PRAGMA defer_foreign_keys = ON', ...inserts].join(';\n')
  // One statement: PostgreSQL checks the keys at its end.
  return `WITH ${inserts.map((insert, i) => `row_${i} AS (${insert})`).join(',\n')} SELECT 1`
}

/** Tables behind those that they refer to; those that refer to each other, in a circle, together (Tarjan). */
function inOrder(schema: Schema): Table[][] {
  const groups: Table[][] = []
  const open: Table[] = []
  const seen = new Map<Table, { readonly index: number; low: number; open: boolean }>()
  const visit = (table: Table) => {
    const node = { index: seen.size, low: seen.size, open: true }
    seen.set(table, node)
    open.push(table)
    for (const key of table.foreignKeys) {
      const to = tableOf(schema, key.to)
      if (to === undefined) continue
      const other = seen.get(to) ?? visit(to)
      if (other.open) node.low = Math.min(node.low, other.low)
    }
    if (node.low === node.index) {
      const group = open.splice(open.indexOf(table))
      for (const one of group) Object.assign(seen.get(one) ?? {}, { open: false })
      groups.push(group)
    }
    return node
  }
  for (const table of schema.tables.toSorted((a, b) => (nameOf(a) < nameOf(b) ? -1 : 1))) {
    if (!seen.has(table)) visit(table)
  }
  // What a partition holds is put into its whole.
  return groups.map((group) => group.filter(({ partitionOf }) => partitionOf === undefined))
}
