import { quoteName } from '../text.ts'
import { candidates, likely } from './candidates.ts'
import { kindOf } from './kinds.ts'
import {
  type Column,
  type ForeignKey,
  type Kind,
  type Named,
  nameOf,
  type Schema,
  type Table,
} from './model.ts'
import { literal, type Values, valuesOf } from './samples.ts'

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

/** What a row is to be like. */
type Mood = 'plain' | 'null' | 'twin' | number

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

function tableOf({ tables, dialect }: Schema, { schema, name }: Named): Table | undefined {
  return tables.find((table) => table.schema === schema && same(dialect, table.name, name))
}

function same(dialect: string, a: string, b: string): boolean {
  return a === b || (dialect === 'sqlite' && a.toLowerCase() === b.toLowerCase())
}

/** Values for one column or, of a foreign key, for several; the first that the database takes is the one. */
interface Slot {
  readonly columns: readonly string[]
  /** SQL for each column in turn; undefined leaves them to the database. */
  readonly options: readonly (readonly string[] | undefined)[]
  /** Which of the options nobody would wonder at. */
  readonly plain: number
}

/** A row that is being looked for. */
class Draft {
  readonly #table: Table
  readonly #slots: Slot[]
  readonly #turns: number[]
  /** How often the database refused it and did not say why. */
  #calm = 0
  #next = 0

  constructor(table: Table, slots: Slot[]) {
    this.#table = table
    this.#slots = slots
    this.#turns = slots.map(() => 0)
  }

  /** What is put in: columns and SQL. */
  values(): Map<string, string> {
    const values = new Map<string, string>()
    for (const [i, { columns, options }] of this.#slots.entries()) {
      const chosen = options[(this.#turns[i] ?? 0) % Math.max(1, options.length)]
      for (const [j, column] of columns.entries()) {
        const sql = chosen?.[j]
        if (sql !== undefined) values.set(column, sql)
      }
    }
    return values
  }

  /**
   * Takes another form.
   *
   * @param refused the database's words
   * @returns false if there is none left
   */
  change(refused: string): boolean {
    const blamed = blame(this.#table, refused)
    const slots = [...this.#slots.keys()].filter((i) => {
      const slot = this.#slots[i]
      return (
        slot !== undefined && slot.options.length > 1 && slot.columns.some((column) => blamed.has(column))
      )
    })
    if (slots.length > 0) {
      // One at a time: where two are in it together, every pair of their options has its turn.
      const slot = slots[this.#next++ % slots.length] ?? 0
      this.#turns[slot] = (this.#turns[slot] ?? 0) + 1
      return true
    }
    this.#calm++
    for (const [i, { plain, options }] of this.#slots.entries()) {
      const last = options.length - 1
      this.#turns[i] =
        this.#calm === 1 ? plain : this.#calm === 2 ? last : Math.min(last, plain + this.#calm - 2)
    }
    return this.#calm < 4
  }
}

/** The columns that the database's words are about, by the name or the text of what was violated. */
function blame(table: Table, refused: string): Set<string> {
  const plain = refused.replaceAll(/\s+/g, ' ')
  const says = (words: string | undefined) =>
    words !== undefined && words !== '' && plain.includes(words.replaceAll(/\s+/g, ' '))
  const keys = [table.primaryKey, ...table.uniques, ...table.foreignKeys].filter((one) => one !== undefined)
  const checks = table.checks.filter(({ name, expression }) => says(name) || says(expression))
  const indexes = table.indexes.filter(({ name }) => says(name))
  const parts = indexes.flatMap(({ parts: all }) => all.map(({ column, expression }) => column ?? expression))
  const texts = [
    ...checks.map(({ expression }) => expression),
    ...table.exclusions.filter(({ name }) => says(name)).map(({ definition }) => definition),
    ...parts,
  ]
  const named = keys.filter(({ name }) => says(name)).flatMap(({ columns }) => columns)
  return new Set(
    table.columns
      .map(({ name }) => name)
      .filter(
        (name) =>
          named.includes(name) ||
          says(`${table.name}.${name}`) ||
          says(`column "${name}"`) ||
          texts.some((text) => mentions(text, name)),
      ),
  )
}

/** Whether an SQL expression has a column's name in it; one too many does no harm. */
function mentions(expression: string | undefined, name: string): boolean {
  const escaped = name.replaceAll(/[^\w]/g, '\\$&')
  return expression !== undefined && new RegExp(`(?<!\\w)${escaped}(?!\\w)`, 'i').test(expression)
}

/** Makes the rows of one table. */
class Writer {
  readonly table: Table
  readonly #schema: Schema
  readonly #from: number
  readonly #fitting: Table | undefined
  readonly #fittingSchema: Schema | undefined

  constructor(schema: Schema, table: Table, from: number, fitting?: Schema) {
    this.table = table
    this.#schema = schema
    this.#from = from
    this.#fittingSchema = fitting
    this.#fitting = fitting && tableOf(fitting, table)
  }

  draft(n: number, mood: Mood): Draft {
    const referring: Slot[] = []
    const taken = new Map<string, string>()
    const literals = new Map<string, string>()
    const columns = this.table.columns.filter(
      ({ generated, identity }) => !generated && identity !== 'always',
    )
    const inKeys = new Set(this.table.foreignKeys.flatMap((one) => one.columns))
    const slots = columns
      .map((column, i) => ({ column, i }))
      .filter(({ column }) => !inKeys.has(column.name))
      .map(({ column, i }) => this.#slot(column, i, n, mood))
    for (const { columns: names, options } of slots) {
      const [name = '', sql] = [names[0], options[0]?.[0]]
      if (sql !== undefined) literals.set(name, sql)
    }
    for (const one of this.table.foreignKeys.toSorted((a, b) => b.columns.length - a.columns.length)) {
      const slot = this.#reference(one, n, mood, taken, literals)
      if (slot === undefined) continue
      referring.push(slot)
      for (const [i, column] of slot.columns.entries()) taken.set(column, slot.options[0]?.[i] ?? 'NULL')
    }
    return new Draft(this.table, [...slots, ...referring])
  }

  /** @param links foreign keys to rows that are not there yet */
  insert(draft: Draft, links: readonly { key: ForeignKey; other: Draft }[] = []): string {
    const values = draft.values()
    for (const { key, other } of links) {
      const theirs = other.values()
      for (const [i, column] of key.columns.entries())
        values.set(column, theirs.get(key.references[i] ?? '') ?? 'NULL')
    }
    const into = `INSERT INTO ${qualified(this.table)}`
    if (values.size === 0) return `${into} DEFAULT VALUES`
    return `${into} (${[...values.keys()].map(quoteName).join(', ')}) VALUES (${[...values.values()].join(', ')})`
  }

  #slot(column: Column, i: number, n: number, mood: Mood): Slot {
    const { name } = column
    const values = this.#values(column)
    const plain = values && ((m: number) => [values.plain(m + i)])
    const conditions = this.#conditions(this.#schema, this.table, column)
    const nullable = column.nullable && !this.table.primaryKey?.columns.includes(name)
    const none = nullable ? [['NULL']] : []
    const rest = [...none, ...(column.default !== undefined || plain === undefined ? [undefined] : [])]
    if (plain === undefined) return { columns: [name], options: rest, plain: 0 }
    if (conditions.length > 0) {
      const all = [...candidates(this.#kind(column), conditions, `r${n}`).map((one) => [one]), plain(n)]
      // Those of an enum and the like have nothing to be found out.
      const turned = [...all.slice(n % all.length), ...all.slice(0, n % all.length)]
      const first = mood === 'null' ? none : []
      const best = this.#fitting ? [plain(n)] : []
      return { columns: [name], options: [...first, ...best, ...turned, ...rest], plain: first.length }
    }
    if (this.#isKey(name)) {
      const more = [1, 2, 3].map((k) => plain(n + 97 * k))
      return { columns: [name], options: [...(mood === 'null' ? none : []), plain(n), ...more], plain: 0 }
    }
    const edge = typeof mood === 'number' ? values?.edges[mood % Math.max(1, values.edges.length)] : undefined
    const first = mood === 'null' ? none : edge === undefined ? [] : [[edge]]
    const number = mood === 'twin' ? this.#from : n
    return { columns: [name], options: [...first, plain(number), ...rest], plain: first.length }
  }

  /** Whether values must differ from row to row. */
  #isKey(name: string): boolean {
    return [this.table, ...(this.#fitting ? [this.#fitting] : [])].some(
      ({ primaryKey, uniques, indexes, exclusions }) => {
        const keys = [primaryKey, ...uniques].some((one) => one?.columns.includes(name))
        const unique = indexes.filter((index) => index.unique).flatMap(({ parts }) => parts)
        return (
          keys ||
          unique.some(({ column, expression }) => column === name || mentions(expression, name)) ||
          exclusions.some(({ definition }) => mentions(definition, name))
        )
      },
    )
  }

  /** What a column's values must satisfy beside its type. */
  #conditions(schema: Schema, table: Table, column: Column): string[] {
    const domain = domainOf(schema, column.type)
    const bounds = schema.tables.filter(
      ({ partitionOf }) => partitionOf && tableOf(schema, partitionOf) === table,
    )
    return [
      ...table.checks.map(({ expression }) => expression).filter((one) => mentions(one, column.name)),
      ...(domain?.checks.map(({ expression }) => expression) ?? []),
      ...(mentions(table.partitionBy, column.name)
        ? bounds.map(({ partitionOf }) => partitionOf?.bound ?? '')
        : []),
    ]
  }

  #kind(column: Column): Kind {
    return column.kind
  }

  #values(column: Column): Values | undefined {
    const own = columnValues(this.#schema, column)
    const other = this.#fitting?.columns.find(({ name }) => same(this.#schema.dialect, name, column.name))
    if (own === undefined || other === undefined || this.#fittingSchema === undefined || !this.#fitting)
      return own
    const conditions = this.#conditions(this.#fittingSchema, this.#fitting, other)
    const narrow = narrowed(column, other) ? columnValues(this.#fittingSchema, other) : own
    const text = column.kind === 'text' && other.kind !== 'text'
    return {
      plain: (n) => {
        const value = likely(other.kind, conditions, n) ?? narrow?.plain(n) ?? own.plain(n)
        return text && !value.startsWith("'") ? literal(value) : value
      },
      edges: [],
    }
  }

  /** Values of a foreign key: those of a row that is there. */
  #reference(
    { columns, to, references }: ForeignKey,
    n: number,
    mood: Mood,
    taken: ReadonlyMap<string, string>,
    literals: ReadonlyMap<string, string>,
  ): Slot | undefined {
    const free = columns.filter((column) => !taken.has(column))
    if (free.length === 0) return undefined
    const itself = tableOf(this.#schema, to) === this.table
    const nullable = free.some((name) => this.table.columns.some((one) => one.name === name && one.nullable))
    const alone = [this.table.primaryKey, ...this.table.uniques].some((one) =>
      one?.columns.every((column) => columns.includes(column)),
    )
    const parent = qualified(to)
    const names = references.map((column) => `p.${quoteName(column)}`)
    const conditions = columns.map((column, i) =>
      taken.has(column) ? `${names[i]} = ${taken.get(column)}` : `${names[i]} IS NOT NULL`,
    )
    if (alone) {
      const equal = columns.map((column, i) => `c.${quoteName(column)} = ${names[i]}`).join(' AND ')
      conditions.push(`NOT EXISTS (SELECT 1 FROM ${qualified(this.table)} AS c WHERE ${equal})`)
    }
    const where = `FROM ${parent} AS p WHERE ${conditions.join(' AND ')}`
    const pick = (m: number) =>
      free.map((column) => {
        const i = columns.indexOf(column)
        // The table is empty, or every row of it is taken: the row refers to itself.
        const own = itself ? literals.get(references[i] ?? '') : undefined
        const one = `(SELECT ${names[i]} ${where} ORDER BY ${names.join(', ')} LIMIT 1 OFFSET ${m} % (SELECT count(*) + (count(*) = 0)${this.#schema.dialect === 'postgres' ? '::int' : ''} ${where}))`
        return own === undefined || nullable ? one : `coalesce(${one}, ${own})`
      })
    const none = free.map((name) =>
      this.table.columns.some((one) => one.name === name && one.nullable)
        ? 'NULL'
        : (pick(n)[free.indexOf(name)] ?? ''),
    )
    const first = nullable && mood === 'null' ? [none] : []
    const last = nullable ? [none] : []
    return {
      columns: free,
      options: [...first, pick(n), pick(n + 1), pick(n + 2), ...last],
      plain: first.length,
    }
  }
}

/** Whether values of the first column may be too much for the second. */
function narrowed(from: Column, to: Column): boolean {
  return from.kind !== to.kind || from.type !== to.type
}

function qualified({ schema, name }: Named): string {
  return schema === '' ? quoteName(name) : `${quoteName(schema)}.${quoteName(name)}`
}

function domainOf(schema: Schema, type: string) {
  return schema.domains.find((domain) => names(domain).includes(type))
}

/** How `format_type` may write a type of one's own. */
function names({ schema, name }: Named): string[] {
  const quoted = quoteName(name)
  return [name, quoted, `${schema}.${name}`, `${schema}.${quoted}`, `${quoteName(schema)}.${quoted}`]
}

/** The values of a column, by its type and what its default tells of it. */
function columnValues(schema: Schema, column: Column): Values | undefined {
  const { dialect } = schema
  const domain = domainOf(schema, column.type)
  const type = domain?.type ?? column.type
  const { values = [] } = schema.enums.find((one) => names(one).includes(type)) ?? {}
  if (values.length > 0) {
    return { plain: (n) => literal(values[n % values.length] ?? ''), edges: values.map(literal) }
  }
  const told = dialect === 'sqlite' ? toldByDefault(column) : undefined
  if (type.endsWith('[]')) return arrays(schema, { ...column, type: type.slice(0, -2), kind: 'other' })
  return valuesOf(dialect, told ?? column.kind, type)
}

function arrays(schema: Schema, element: Column): Values | undefined {
  const values = columnValues(schema, { ...element, kind: elementKind(element.type) })
  if (values === undefined) return { plain: () => `'{}'`, edges: [] }
  const array = (...of: string[]) => `ARRAY[${of.join(', ')}]::${element.type}[]`
  return {
    plain: (n) => array(values.plain(n), values.plain(n + 1)),
    edges: [`'{}'`, array('NULL'), array(...values.edges)],
  }
}

function elementKind(type: string): Kind {
  return kindOf('postgres', type)
}

/** SQLite has few types, and a default may tell more: a moment, JSON, yes or no. */
function toldByDefault({ kind, default: value = '' }: Column): Kind | undefined {
  if (kind === 'integer' && /^\(?(0|1|true|false)\)?$/i.test(value)) return 'boolean'
  if (kind !== 'text') return undefined
  if (/^\(?\s*(datetime|current_timestamp|strftime)\b/i.test(value)) return 'timestamp'
  if (/^\(?\s*(date|current_date)\b/i.test(value)) return 'date'
  return /^\(?\s*'(\{.*\}|\[.*\])'\s*\)?$/.test(value) ? 'json' : undefined
}
