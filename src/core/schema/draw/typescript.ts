import { DIALECTS, type Dialect } from '../../migrations.ts'
import { type Column, type Enum, type Named, nameOf, type Schema, type Table, type View } from '../model.ts'
import { identifier, literal, type Typed, type Value, valueType } from './driver-types.ts'
import { byName, wholeTables } from './marks.ts'
import { namesFor, type TypeNames } from './type-names.ts'

/**
 * The schema as TypeScript types, in a text that imports nothing. For each dialect: one interface a table, which
 * Kysely takes as it is, with what the driver gives back and what it takes; from it the types of a row that is read,
 * is inserted, is updated; and one interface of all tables for `new Kysely<…>()`.
 *
 * @param schemas one of them gives plain names; of both, each has its dialect in front
 */
export function typesOf(schemas: Partial<Record<Dialect, Schema>>): string {
  const given = DIALECTS.flatMap((dialect) => schemas[dialect] ?? [])
  const helpers = new Set<string>()
  const parts = given.map((schema) => partOf(schema, given.length > 1 ? PREFIX[schema.dialect] : '', helpers))
  const map = given.map(({ dialect }) => `  ${dialect}: ${PREFIX[dialect]}Database`)
  const both =
    given.length > 1
      ? [
          `/** All tables, by the dialect of the database. */\nexport interface Databases {\n${map.join('\n')}\n}`,
        ]
      : []
  return `${[HEAD, ...both, ...parts.flat(), ...helperTexts(helpers)].join('\n\n')}\n`
}

const HEAD = `// Written by "nexflow-migrate types" from the migrations. A change in here is lost the next time.`

const PREFIX: Readonly<Record<Dialect, string>> = { sqlite: 'Sqlite', postgres: 'Postgres' }

/** All of one dialect. */
function partOf(schema: Schema, prefix: string, helpers: Set<string>): string[] {
  const tables = wholeTables(schema)
  const views = byName(schema.views)
  const enums = byName(schema.enums)
  const names = namesFor([...tables, ...views], enums, prefix, [...RESERVED, `${prefix}Database`])
  const value: ValueOf = (column, table) => {
    const found = valueType(schema, column, table, (type) => names.enums.get(type) ?? 'string')
    for (const helper of found.helpers) helpers.add(helper)
    return found
  }
  const of = (one: Named) => names.tables.get(one) ?? { table: '', row: '', added: '', update: '' }
  const rows = [...tables, ...views].map((one) => `  ${identifier(nameOf(one))}: ${of(one).table}`)
  return [
    [`export interface ${prefix}Database {`, ...rows, '}'].join('\n'),
    ...enums.map((one) => enumText(one, names.enums.get(one) ?? '')),
    ...tables.map((table) => tableText(table, of(table), schema.dialect, value, helpers)),
    ...views.map((view) => viewText(view, of(view), value, helpers)),
  ]
}

type ValueOf = (column: Typed, table?: Table) => Value

function enumText({ comment, values }: Enum, name: string): string {
  const union = values.map(literal).join(' | ') || 'never'
  return [...doc(comment, ''), `export type ${name} = ${union}`].join('\n')
}

function tableText(
  table: Table,
  names: TypeNames,
  dialect: Dialect,
  value: ValueOf,
  helpers: Set<string>,
): string {
  const columns = table.columns.flatMap((column) => {
    const { type, required } = value(column, table)
    const whole = column.nullable && !required ? `${type} | null` : type
    const wrapper = wrapperOf(table, column, dialect)
    if (wrapper !== undefined) helpers.add(wrapper)
    return [
      ...doc(column.comment, '  '),
      `  ${identifier(column.name)}: ${wrapper === undefined ? whole : `${wrapper}<${whole}>`}`,
    ]
  })
  for (const helper of ['Selectable', 'Insertable', 'Updateable']) helpers.add(helper)
  return [
    ...doc(table.comment, ''),
    `export interface ${names.table} {`,
    ...columns,
    '}\n',
    `export type ${names.row} = Selectable<${names.table}>`,
    `export type ${names.added} = Insertable<${names.table}>`,
    `export type ${names.update} = Updateable<${names.table}>`,
  ].join('\n')
}

/** Who gives the value where INSERT does not, if anybody. */
function wrapperOf(
  table: Table,
  column: Column,
  dialect: Dialect,
): 'Generated' | 'GeneratedAlways' | undefined {
  if (column.generated !== undefined || column.identity === 'always') return 'GeneratedAlways'
  const given = column.default !== undefined || column.identity !== undefined
  return given || (dialect === 'sqlite' && isRowid(table, column)) ? 'Generated' : undefined
}

/** SQLite counts in an INTEGER PRIMARY KEY by itself: https://sqlite.org/lang_createtable.html#rowid */
function isRowid({ primaryKey, withoutRowid }: Table, { name, type }: Column): boolean {
  const { columns = [], desc } = primaryKey ?? {}
  const alone = columns.length === 1 && columns[0] === name && desc === undefined
  return alone && withoutRowid === undefined && type.toUpperCase() === 'INTEGER'
}

/** Nothing tells whether a column of a view can be NULL. */
function viewText(view: View, names: TypeNames, value: ValueOf, helpers: Set<string>): string {
  helpers.add('GeneratedAlways').add('Selectable')
  const columns = view.columns.map((column) => {
    const { type } = value(column)
    return `  ${identifier(column.name)}: GeneratedAlways<${type} | null>`
  })
  return [
    ...doc(view.comment, ''),
    `export interface ${names.table} {`,
    ...columns,
    '}\n',
    `export type ${names.row} = Selectable<${names.table}>`,
  ].join('\n')
}

/** A comment of the database, above what it is of. */
function doc(comment: string | undefined, indent: string): string[] {
  if (comment === undefined || comment.trim() === '') return []
  const lines = comment.replaceAll('*/', '*\\/').trim().split(/\r?\n/)
  if (lines.length === 1) return [`${indent}/** ${lines[0]} */`]
  return [`${indent}/**`, ...lines.map((line) => `${indent} * ${line}`.trimEnd()), `${indent} */`]
}

/** Types that the others are made of: text, and what it is made of in its turn. */
const HELPERS: Readonly<Record<string, readonly [text: string, ...needs: string[]]>> = {
  Int8: [
    `/** A bigint of PostgreSQL, which may be beyond what a number counts exactly. */
export type Int8 = ColumnType<string, bigint | number | string>`,
    'ColumnType',
  ],
  Numeric: [`export type Numeric = ColumnType<string, bigint | number | string>`, 'ColumnType'],
  Timestamp: [`export type Timestamp = ColumnType<Date, Date | string>`, 'ColumnType'],
  Bytes: [`export type Bytes = ColumnType<Buffer, Uint8Array>`, 'ColumnType'],
  JsonColumn: [
    `/** Of an array, INSERT takes the JSON text: the driver would make an array of PostgreSQL of it. */
export type JsonColumn = ColumnType<Json, { [key: string]: Json } | string>`,
    'ColumnType',
    'Json',
  ],
  Json: [`export type Json = string | number | boolean | null | Json[] | { [key: string]: Json }`],
  IntervalColumn: [
    `export type IntervalColumn = ColumnType<Interval, Interval | string>`,
    'ColumnType',
    'Interval',
  ],
  Interval: [
    `export interface Interval {
  years?: number
  months?: number
  days?: number
  hours?: number
  minutes?: number
  seconds?: number
  milliseconds?: number
  toPostgres(): string
  toISO(): string
  toISOString(): string
}`,
  ],
  Point: [`export type Point = ColumnType<{ x: number; y: number }, string>`, 'ColumnType'],
  Circle: [`export type Circle = ColumnType<{ x: number; y: number; radius: number }, string>`, 'ColumnType'],
  SqliteValue: [
    `/** What SQLite holds where a column has no type. */
export type SqliteValue = number | string | Uint8Array`,
  ],
  Generated: [
    `/** Optional in INSERT. */
export type Generated<T> =
  T extends ColumnType<infer S, infer I, infer U>
    ? ColumnType<S, I | undefined, U>
    : ColumnType<T, T | undefined, T>`,
    'ColumnType',
  ],
  GeneratedAlways: [
    `/** Only the database gives it a value. */
export type GeneratedAlways<T> = ColumnType<T extends { readonly __select__: infer S } ? S : T, never, never>`,
    'ColumnType',
  ],
  ColumnType: [
    `/** What a query gives, INSERT takes and UPDATE takes; the same as Kysely's. */
export type ColumnType<S, I = S, U = I> = {
  readonly __select__: S
  readonly __insert__: I
  readonly __update__: U
}`,
  ],
  Selectable: [
    `/** A row as a query gives it. */
export type Selectable<T> = { [K in keyof T]: SelectOf<T[K]> }

type SelectOf<C> = C extends { readonly __select__: infer S } ? S : C`,
  ],
  Insertable: [
    `/** A row as INSERT takes it. */
export type Insertable<T> = {
  [K in keyof T as Need<InsertOf<T[K]>> extends 'must' ? K : never]: InsertOf<T[K]>
} & {
  [K in keyof T as Need<InsertOf<T[K]>> extends 'may' ? K : never]?: InsertOf<T[K]>
}

type InsertOf<C> = C extends { readonly __insert__: infer I } ? I : C
type Need<I> = [I] extends [never] ? 'never' : [Extract<I, null | undefined>] extends [never] ? 'must' : 'may'`,
  ],
  Updateable: [
    `/** What UPDATE takes. */
export type Updateable<T> = {
  [K in keyof T as [UpdateOf<T[K]>] extends [never] ? never : K]?: UpdateOf<T[K]> | undefined
}

type UpdateOf<C> = C extends { readonly __update__: infer U } ? U : C`,
  ],
}

/** Names that no table's type may have. */
const RESERVED: readonly string[] = [
  ...Object.keys(HELPERS),
  ...['Databases', 'SelectOf', 'InsertOf', 'UpdateOf', 'Need'],
  ...['Date', 'Buffer', 'Uint8Array', 'Extract'],
]

function helperTexts(used: ReadonlySet<string>): string[] {
  const needed = new Set<string>()
  const need = (name: string) => {
    if (needed.has(name)) return
    needed.add(name)
    const [, ...more] = HELPERS[name] ?? ['']
    more.forEach(need)
  }
  used.forEach(need)
  return Object.entries(HELPERS).flatMap(([name, [text]]) => (needed.has(name) ? text : []))
}
