import { quoteName } from '../../text.ts'
import { listedBy } from '../listed.ts'
import type { Column, ForeignKey, Named, Schema, Table } from '../model.ts'
import { fold, stringText } from '../sql/names.ts'
import { candidates, likely } from './candidates.ts'
import { columnValues, domainOf } from './column-values.ts'
import { Draft, mentions, type Slot } from './row-draft.ts'
import type { Values } from './samples.ts'

/** What a row is to be like; a number is that of the edge. */
export type Mood = 'plain' | 'null' | 'twin' | number

/** Makes the rows of one table. */
export class Writer {
  readonly table: Table
  readonly #schema: Schema
  readonly #from: number
  /** The same table as it will be, in its schema. */
  readonly #later: { readonly schema: Schema; readonly table: Table } | undefined

  /**
   * @param from    the number of the first row
   * @param fitting what plain rows must fit too
   */
  constructor(schema: Schema, table: Table, from: number, fitting?: Schema) {
    this.table = table
    this.#schema = schema
    this.#from = from
    const later = fitting && tableOf(fitting, table)
    this.#later = later && fitting && { schema: fitting, table: later }
  }

  /** A row to be tried. */
  draft(n: number, mood: Mood): Draft {
    const { columns, foreignKeys } = this.table
    const referring = new Set(foreignKeys.flatMap((key) => key.columns))
    const slots = [...columns.entries()]
      .filter(([, { generated, identity }]) => !generated && identity !== 'always')
      .filter(([, { name }]) => !referring.has(name))
      .map(([i, column]) => this.#slot(column, n, i, mood))
    const taken = new Map<string, string>()
    const take = (slot: Slot) => {
      for (const [i, column] of slot.columns.entries()) taken.set(column, slot.options[0]?.[i] ?? 'NULL')
    }
    for (const slot of slots) take(slot)
    // What several keys have in common, the longest decides.
    for (const key of foreignKeys.toSorted((a, b) => b.columns.length - a.columns.length)) {
      const slot = this.#reference(key, n, mood, taken)
      if (slot === undefined) continue
      take(slot)
      slots.push(slot)
    }
    return new Draft(this.table, slots)
  }

  /** @param links foreign keys to rows that are not there yet */
  insert(draft: Draft, links: readonly { readonly key: ForeignKey; readonly other: Draft }[] = []): string {
    const values = draft.values()
    for (const { key, other } of links) {
      const theirs = other.values()
      for (const [i, column] of key.columns.entries())
        values.set(column, theirs.get(key.references[i] ?? '') ?? 'NULL')
    }
    const into = `INSERT INTO ${pathOf(this.table)}`
    if (values.size === 0) return `${into} DEFAULT VALUES`
    return `${into} (${[...values.keys()].map(quoteName).join(', ')}) VALUES (${[...values.values()].join(', ')})`
  }

  /** @param shift so that columns of a row differ, and the later ones have more */
  #slot(column: Column, n: number, shift: number, mood: Mood): Slot {
    const columns = [column.name]
    const values = this.#values(column)
    const none = this.#isNullable(column.name) ? [['NULL']] : []
    const left = column.default !== undefined || values === undefined ? [undefined] : []
    if (values === undefined) return { columns, options: [...none, ...left], plain: 0 }
    const plain = (m: number) => [values.plain(m + shift)]
    const nulls = mood === 'null' ? none : []
    const conditions = conditionsOf(this.#schema, this.table, column)
    if (conditions.length > 0) {
      const all = [...candidates(column.kind, conditions, `r${n}`).map((one) => [one]), plain(n)]
      // Where a condition lists what is allowed, all else would be refused.
      const listed = new Set(conditions.flatMap((one) => listedBy(one)?.values ?? []).flatMap(literals))
      const { here = [], elsewhere = [] } = Object.groupBy(all, ([sql = '']) =>
        listed.has(sql) ? 'here' : 'elsewhere',
      )
      const turned = [...turnedBy(n, here), ...turnedBy(n, elsewhere)]
      const first = [...nulls, ...(this.#later ? [plain(n)] : [])]
      return { columns, options: [...first, ...turned, ...none, ...left], plain: nulls.length }
    }
    if (this.#isKey(column.name)) {
      const more = [1, 2, 3].map((k) => plain(n + 97 * k))
      return { columns, options: [...nulls, plain(n), ...more], plain: nulls.length }
    }
    const edge = typeof mood === 'number' ? values.edges[mood % Math.max(1, values.edges.length)] : undefined
    const first = [...nulls, ...(edge === undefined ? [] : [[edge]])]
    const own = plain(mood === 'twin' ? this.#from : n)
    return { columns, options: [...first, own, ...none, ...left], plain: first.length }
  }

  #isNullable(name: string): boolean {
    const { columns, primaryKey } = this.table
    return !primaryKey?.columns.includes(name) && columns.some((one) => one.name === name && one.nullable)
  }

  /** Whether values must differ from row to row. */
  #isKey(name: string): boolean {
    const tables = [this.table, ...(this.#later ? [this.#later.table] : [])]
    return tables.some(({ primaryKey, uniques, indexes, exclusions }) => {
      const parts = indexes.filter(({ unique }) => unique).flatMap((index) => index.parts)
      return (
        [primaryKey, ...uniques].some((key) => key?.columns.includes(name)) ||
        parts.some(({ column, expression }) => column === name || mentions(expression, name)) ||
        exclusions.some(({ definition }) => mentions(definition, name))
      )
    })
  }

  #values(column: Column): Values | undefined {
    const values = columnValues(this.#schema, column)
    const { dialect } = this.#schema
    const later = this.#later
    const other = later?.table.columns.find(({ name }) => fold(dialect, name) === fold(dialect, column.name))
    if (values === undefined || later === undefined || other === undefined) return values
    const conditions = conditionsOf(later.schema, later.table, other)
    const theirs = other.type === column.type ? values : (columnValues(later.schema, other) ?? values)
    const plain = (n: number) => {
      const value = likely(other.kind, conditions, n) ?? theirs.plain(n)
      return column.kind === 'text' && !value.startsWith("'") ? stringText(value) : value
    }
    return { plain, edges: [] }
  }

  /**
   * Values of a foreign key: those of a row that is there.
   *
   * @param taken what the row has already
   */
  #reference(key: ForeignKey, n: number, mood: Mood, taken: ReadonlyMap<string, string>): Slot | undefined {
    const { columns, to, references } = key
    const free = columns.filter((column) => !taken.has(column))
    if (free.length === 0) return undefined
    const names = references.map((column) => `p.${quoteName(column)}`)
    const rows = `FROM ${pathOf(to)} AS p WHERE ${this.#conditions(key, names, taken).join(' AND ')}`
    // As many as there are, and one where there are none.
    const number = this.#schema.dialect === 'sqlite' ? 'max(count(*), 1)' : 'greatest(count(*), 1)'
    const itself = tableOf(this.#schema, to) === this.table
    const pick = (m: number) =>
      free.map((column) => {
        const i = columns.indexOf(column)
        const offset = `${m} % (SELECT ${number} ${rows})`
        const one = `(SELECT ${names[i]} ${rows} ORDER BY ${names.join(', ')} LIMIT 1 OFFSET ${offset})`
        // Where there is none, it refers to itself.
        const own = itself && !this.#isNullable(column) ? taken.get(references[i] ?? '') : undefined
        return own === undefined ? one : `coalesce(${one}, ${own})`
      })
    const some = free.some((column) => this.#isNullable(column))
    const none = some ? [pick(n).map((sql, i) => (this.#isNullable(free[i] ?? '') ? 'NULL' : sql))] : []
    const nulls = mood === 'null' ? none : []
    return {
      columns: free,
      options: [...nulls, pick(n), pick(n + 1), pick(n + 2), ...none],
      plain: nulls.length,
    }
  }

  /** Which rows a foreign key may refer to. */
  #conditions(
    { columns }: ForeignKey,
    names: readonly string[],
    taken: ReadonlyMap<string, string>,
  ): string[] {
    const conditions = columns.map((column, i) =>
      taken.has(column) ? `${names[i]} = ${taken.get(column)}` : `${names[i]} IS NOT NULL`,
    )
    const { primaryKey, uniques } = this.table
    const once = [primaryKey, ...uniques].some((key) =>
      key?.columns.every((column) => columns.includes(column)),
    )
    if (!once) return conditions
    const equal = columns.map((column, i) => `c.${quoteName(column)} = ${names[i]}`).join(' AND ')
    return [...conditions, `NOT EXISTS (SELECT 1 FROM ${pathOf(this.table)} AS c WHERE ${equal})`]
  }
}

/** A value as SQL, for a column of text or of numbers. */
function literals(value: string | number): string[] {
  return [String(value), stringText(String(value))]
}

/** Not every row begins with the same one. */
function turnedBy<T>(n: number, all: readonly T[]): T[] {
  const at = n % Math.max(1, all.length)
  return [...all.slice(at), ...all.slice(0, at)]
}

/** What a column's values must satisfy beside its type, as SQL that has it in words. */
function conditionsOf(schema: Schema, table: Table, column: Column): string[] {
  const { checks, partitionBy } = table
  const parts = schema.tables.flatMap(({ partitionOf }) => partitionOf ?? [])
  const bounds = parts.filter((part) => tableOf(schema, part) === table).map(({ bound }) => bound)
  return [
    ...checks.map(({ expression }) => expression).filter((one) => mentions(one, column.name)),
    ...(domainOf(schema, column.type)?.checks.map(({ expression }) => expression) ?? []),
    ...(mentions(partitionBy, column.name) ? bounds : []),
  ]
}

export function tableOf({ tables, dialect }: Schema, { schema, name }: Named): Table | undefined {
  return tables.find((table) => table.schema === schema && fold(dialect, table.name) === fold(dialect, name))
}

/** In quotes throughout: what needs none has them too. */
function pathOf({ schema, name }: Named): string {
  return schema === '' ? quoteName(name) : `${quoteName(schema)}.${quoteName(name)}`
}
