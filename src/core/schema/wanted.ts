import { baseName } from './kinds.ts'
import { type Column, type Key, type Named, nameOf, type Schema, type Table } from './model.ts'

/** Something that is gone and something that is new, which may be one and the same. */
export interface RenameQuestion {
  /** The table of a column, by its new name. */
  readonly table?: string
  readonly from: string
  readonly to: string
}

/** What has been said already: what is renamed, old names to new ones, and what is dropped. */
export interface Decided {
  readonly renamed: Readonly<Record<string, string>>
  readonly dropped: ReadonlySet<string>
}

/** The name by which a table or a column is decided on. */
export function questionKey({ table, from }: Pick<RenameQuestion, 'table' | 'from'>): string {
  return table === undefined ? from : `${table}.${from}`
}

function key(name: string): string {
  return name.toLowerCase()
}

/** Those of `list` that `others` has none of by that name. */
function without<T extends { readonly name: string }>(
  list: readonly T[],
  others: readonly { readonly name: string }[],
): T[] {
  const names = new Set(others.map(({ name }) => key(name)))
  return list.filter(({ name }) => !names.has(key(name)))
}

/** Tables that may have another name: half of their columns or more are the same. */
export function tableQuestions(before: Schema, after: Schema, decided: Decided): RenameQuestion[] {
  const taken = new Set(Object.values(decided.renamed).map(key))
  const gone = without(before.tables, after.tables).filter((table) => isOpen(nameOf(table), decided))
  const added = without(after.tables, before.tables).filter(({ name }) => !taken.has(key(name)))
  return gone.flatMap((table) => {
    const alike = added
      .filter((other) => other.schema === table.schema)
      .map((other) => ({ other, likeness: likeness(table, other) }))
      .filter(({ likeness }) => likeness >= 0.5)
      .sort((a, b) => b.likeness - a.likeness)
    return alike.map(({ other }) => ({ from: nameOf(table), to: other.name }))
  })
}

function likeness(one: Table, other: Table): number {
  const same = one.columns.filter((column) =>
    other.columns.some(({ name, kind }) => key(name) === key(column.name) && kind === column.kind),
  )
  return same.length / Math.max(one.columns.length, other.columns.length, 1)
}

/** Columns that may have another name: they hold the same. Those in the same place come first. */
export function columnQuestions(before: Schema, after: Schema, decided: Decided): RenameQuestion[] {
  return after.tables.flatMap((table) => {
    const was = before.tables.find((one) => key(nameOf(one)) === key(nameOf(table)))
    if (was === undefined) return []
    const at = nameOf(table)
    const taken = new Set(
      Object.entries(decided.renamed).flatMap(([from, to]) =>
        key(from).startsWith(`${key(at)}.`) ? key(to) : [],
      ),
    )
    const gone = without(was.columns, table.columns).filter(({ name }) => isOpen(`${at}.${name}`, decided))
    const added = without(table.columns, was.columns).filter(({ name }) => !taken.has(key(name)))
    return gone.flatMap((column) => {
      const place = neighbour(was.columns, column, table.columns)
      const inPlace = (other: Column) => (neighbour(table.columns, other, was.columns) === place ? 0 : 1)
      return added
        .filter((other) => holdsSame(column, other))
        .sort((a, b) => inPlace(a) - inPlace(b))
        .map((other) => ({ table: at, from: column.name, to: other.name }))
    })
  })
}

function isOpen(name: string, { renamed, dropped }: Decided): boolean {
  return renamed[name] === undefined && !dropped.has(name)
}

function holdsSame(one: Column, other: Column): boolean {
  return one.kind === other.kind && (one.kind !== 'other' || baseName(one.type) === baseName(other.type))
}

/** The column before it that both tables have. */
function neighbour(columns: readonly Column[], column: Column, others: readonly Column[]): string {
  const before = columns.slice(0, columns.indexOf(column))
  const shared = before.findLast(({ name }) => others.some((other) => key(other.name) === key(name)))
  return key(shared?.name ?? '')
}

/** Names that PostgreSQL gives by itself. */
const GIVEN = /_(pkey|key|fkey|check|not_null)\d*$/

/**
 * The wanted schema with the names that its constraints have already: a text that names none does not ask for others.
 */
export function withKnownNames(wanted: Schema, before: Schema): Schema {
  const tables = wanted.tables.map((table): Table => {
    const was = before.tables.find((one) => sameName(one, table))
    if (was === undefined) return table
    return {
      ...table,
      ...(table.primaryKey && {
        primaryKey: named([table.primaryKey], was.primaryKey ? [was.primaryKey] : [])[0] as Key,
      }),
      uniques: named(table.uniques, was.uniques),
      foreignKeys: named(table.foreignKeys, was.foreignKeys),
      checks: named(table.checks, was.checks),
    }
  })
  return { ...wanted, tables }
}

function sameName(one: Named, other: Named): boolean {
  return key(nameOf(one)) === key(nameOf(other))
}

function named<T extends { readonly name?: string }>(list: readonly T[], known: readonly T[]): T[] {
  const left = [...known]
  return list.map((one) => {
    const i = left.findIndex((other) => text(other) === text(one))
    if (i === -1) return one
    const [found] = left.splice(i, 1)
    if (one.name !== undefined && !GIVEN.test(one.name)) return one
    return found ?? one
  })
}

function text<T extends { readonly name?: string }>({ name: _, ...rest }: T): string {
  return JSON.stringify(Object.entries(rest).sort(([a], [b]) => (a < b ? -1 : 1)))
}

/** Types that SQLite has no use for: who writes one means PostgreSQL. */
const POSTGRES_TYPES: ReadonlySet<string> = new Set(
  `uuid jsonb timestamptz timestamp_with_time_zone bytea serial bigserial smallserial serial4 serial8 citext inet cidr
   macaddr tsvector tsquery xml interval hstore money int4range int8range numrange tsrange tstzrange daterange bit_varying
   point box polygon timetz oid`.split(/\s+/),
)

/** Whether a schema that SQLite took has types that only PostgreSQL has. */
export function meansPostgres({ tables }: Schema): boolean {
  return tables.some(({ strict, columns }) =>
    columns.some(
      ({ type }) =>
        strict === undefined &&
        (POSTGRES_TYPES.has(baseName(type).replaceAll(' ', '_')) || type.endsWith('[]')),
    ),
  )
}
