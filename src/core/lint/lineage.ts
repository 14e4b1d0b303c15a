import type { Dialect } from '../migrations.ts'
import { emptySchema, nameOf, type Schema, type Table } from '../schema/model.ts'
import { fold } from '../schema/sql/names.ts'

/** What a statement does to the tables, as the database's own reader has it. */
export interface Move {
  readonly kind: 'schema' | 'data' | 'session' | 'opaque' | 'other'
  readonly makes: readonly string[]
  readonly drops: readonly string[]
  readonly writes: readonly string[]
  readonly reads: readonly string[]
  readonly renames?: { readonly table: string; readonly column?: string; readonly to: string }
  readonly fills?: true
  /** It copies every row of a table as it is: the columns by their new names; none: by the names that they have. */
  readonly copies?: readonly { readonly from: string; readonly to: string }[]
  readonly dropsColumns?: readonly { readonly table: string; readonly column: string }[]
}

/** Where the rows of a table come from. */
export interface Origin {
  /** The table in which they are now; nothing: they are made by a statement. */
  readonly live?: string
  /** The columns there, by what they are called here, folded. What is not among them is new. */
  readonly columns: ReadonlyMap<string, string>
  /** Statements write to it before, so that what is in it now may be something else then. */
  readonly changed: boolean
  /** The table is not the one that is there now: its rows are copied. */
  readonly rebuilt: boolean
}

const NEW: Origin = { columns: new Map(), changed: false, rebuilt: true }

/** Follows the tables of a live database through scripts that were not run on it. */
export class Lineage {
  readonly #dialect: Dialect
  readonly #tables: Map<string, Origin>

  constructor(live: Schema) {
    this.#dialect = live.dialect
    this.#tables = new Map(
      live.tables.map((table) => [
        fold(live.dialect, nameOf(table)),
        {
          live: nameOf(table),
          columns: new Map(table.columns.map(({ name }) => [fold(live.dialect, name), name])),
          changed: false,
          rebuilt: false,
        },
      ]),
    )
  }

  /** What is known at this moment; it does not follow on. */
  clone(): Lineage {
    const copy = new Lineage(emptySchema(this.#dialect))
    for (const [name, origin] of this.#tables) copy.#tables.set(name, origin)
    return copy
  }

  /** @param table by its name at this moment, with its schema or without */
  of(table: string): Origin | undefined {
    const key = this.#key(table)
    return key === undefined ? undefined : this.#tables.get(key)
  }

  /** The columns that are there now whose values a table holds. */
  sources(table: Table): Set<string> {
    const columns = this.of(nameOf(table))?.columns
    const found = table.columns.map(({ name }) => columns?.get(fold(this.#dialect, name)) ?? '')
    return new Set(found.filter((name) => name !== ''))
  }

  follow(move: Move): void {
    if (move.kind === 'opaque') for (const name of this.#tables.keys()) this.#set(name, { changed: true })
    for (const name of move.drops) this.#tables.delete(this.#key(name) ?? '')
    for (const name of move.makes) {
      const source = move.fills ? this.#largest(move.reads) : undefined
      const origin = source === undefined ? NEW : { ...source, changed: true, rebuilt: true }
      this.#tables.set(fold(this.#dialect, name), origin)
    }
    if (move.kind === 'data') for (const name of move.writes) this.#write(name, move)
    for (const { table, column } of move.dropsColumns ?? []) this.#dropColumn(table, column)
    if (move.renames) this.#rename(move.renames)
  }

  #write(name: string, { reads, copies }: Move): void {
    const key = this.#key(name)
    const known = key === undefined ? undefined : this.#tables.get(key)
    if (key === undefined || known === undefined) return
    const source = known.live === undefined ? this.#largest(reads) : undefined
    if (source === undefined) {
      this.#set(key, { changed: true })
      return
    }
    const pairs = copies?.map(({ from, to }): [string, string] => [
      fold(this.#dialect, to),
      source.columns.get(fold(this.#dialect, from)) ?? '',
    ])
    const columns = pairs === undefined || pairs.length === 0 ? source.columns : new Map(pairs)
    this.#tables.set(key, {
      ...source,
      columns,
      changed: source.changed || copies === undefined,
      rebuilt: true,
    })
  }

  #rename({ table, column, to }: NonNullable<Move['renames']>): void {
    const key = this.#key(table)
    const origin = key === undefined ? undefined : this.#tables.get(key)
    if (key === undefined || origin === undefined) return
    if (column === undefined) {
      this.#tables.delete(key)
      // It stays in its schema.
      this.#tables.set(key.replace(/[^.]*$/, '') + fold(this.#dialect, to), origin)
      return
    }
    const columns = new Map(origin.columns)
    const source = columns.get(fold(this.#dialect, column))
    columns.delete(fold(this.#dialect, column))
    if (source !== undefined) columns.set(fold(this.#dialect, to), source)
    this.#set(key, { columns })
  }

  #dropColumn(table: string, column: string): void {
    const key = this.#key(table)
    const origin = key === undefined ? undefined : this.#tables.get(key)
    if (key === undefined || origin === undefined) return
    const columns = new Map(origin.columns)
    columns.delete(fold(this.#dialect, column))
    this.#set(key, { columns })
  }

  #set(key: string, what: Partial<Origin>): void {
    const origin = this.#tables.get(key)
    if (origin !== undefined) this.#tables.set(key, { ...origin, ...what })
  }

  /** The one of which rows are copied: of several, the first that is there now. */
  #largest(names: readonly string[]): Origin | undefined {
    return names.map((name) => this.of(name)).find((origin) => origin?.live !== undefined)
  }

  #key(name: string): string | undefined {
    const folded = fold(this.#dialect, name)
    if (this.#tables.has(folded)) return folded
    return [...this.#tables.keys()].find((key) => key.endsWith(`.${folded}`))
  }
}
