import { baseName } from '../kinds.ts'
import type { Column, ForeignKey, Named, Schema, Table } from '../model.ts'

/** What a diagram marks a column with. */
export type Mark = 'PK' | 'FK' | 'UK'

/** The marks of a column: part of the primary key, part of a foreign key, unique by itself. */
export function marksOf(table: Table, column: string): Mark[] {
  return [
    ...(table.primaryKey?.columns.includes(column) ? (['PK'] as const) : []),
    ...(table.foreignKeys.some(({ columns }) => columns.includes(column)) ? (['FK'] as const) : []),
    ...(keysOf(table).some((key) => key.length === 1 && key[0] === column) ? (['UK'] as const) : []),
  ]
}

/** How many rows stand at the two ends of a foreign key. */
export interface Ends {
  /** A row may refer to none. */
  readonly optional: boolean
  /** Several rows may refer to the same one. */
  readonly many: boolean
  /** The key that a row is known by is part of it. */
  readonly identifying: boolean
}

export function endsOf(table: Table, { columns }: ForeignKey): Ends {
  const keys = [...keysOf(table), ...(table.primaryKey ? [table.primaryKey.columns] : [])]
  return {
    optional: table.columns.some(({ name, nullable }) => nullable && columns.includes(name)),
    many: !keys.some((key) => key.every((column) => columns.includes(column))),
    identifying: columns.every((column) => table.primaryKey?.columns.includes(column)),
  }
}

/** Columns that are unique together, in all rows, beside those of the primary key. */
function keysOf({ uniques, indexes }: Table): (readonly string[])[] {
  const whole = indexes.filter(({ unique, where }) => unique && where === undefined)
  const parts = whole.map((index) => index.parts.flatMap(({ column }) => column ?? []))
  return [
    ...uniques.map(({ columns }) => columns),
    ...parts.filter((columns, i) => columns.length === whole[i]?.parts.length),
  ]
}

/** The tables by name, each without its partitions. */
export function wholeTables({ tables }: Schema): Table[] {
  return byName(tables.filter(({ partitionOf }) => partitionOf === undefined))
}

/** By name, whatever order they come in. */
export function byName<T extends Named>(items: readonly T[]): T[] {
  return [...items].sort((a, b) => order(a.schema, b.schema) || order(a.name, b.name))
}

/** By code units: the same on every machine. */
function order(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}

/** The table that a foreign key refers to; undefined where there is none. SQLite's names have no case. */
export function tableOf({ dialect, tables }: Schema, { schema, name }: Named): Table | undefined {
  const exact = tables.find((table) => table.schema === schema && table.name === name)
  if (exact !== undefined || dialect === 'postgres') return exact
  return tables.find((table) => sameName(table.name, name))
}

export function sameName(a: string, b: string): boolean {
  return a.toLowerCase() === b.toLowerCase()
}

/** PostgreSQL's long names of types, and what people write. */
const SHORT: Readonly<Record<string, string>> = {
  'character varying': 'varchar',
  character: 'char',
  'bit varying': 'varbit',
  'timestamp with time zone': 'timestamptz',
  'timestamp without time zone': 'timestamp',
  'time with time zone': 'timetz',
  'time without time zone': 'time',
}

/** A column's type as people write it: `varchar(50)`, `timestamptz(3)[]`; `any` where SQLite's table says none. */
export function shortType({ type }: Pick<Column, 'type'>): string {
  const [, bare = type, array = ''] = /^(.*?)((?:\[\])*)$/.exec(type) ?? []
  const short = SHORT[baseName(bare)]
  if (short === undefined) return type === '' ? 'any' : type
  return `${short}${/\([^)]*\)/.exec(bare)?.[0] ?? ''}${array}`
}
