import type { Dialect } from '../../migrations.ts'
import { baseName } from '../kinds.ts'
import { listedBy } from '../listed.ts'
import type { Column, Domain, Enum, Kind, Named, Schema, Table } from '../model.ts'
import { sameName, shortType } from './marks.ts'

/** What a driver gives for a column's value, in TypeScript. */
export interface Value {
  readonly type: string
  /** The type is a union of literals, or a name that has to be defined. */
  readonly helpers: readonly string[]
  /** The column's domain lets no NULL into it. */
  readonly required?: true
}

/** What of a column its values depend on. */
export type Typed = Pick<Column, 'name' | 'type' | 'kind' | 'collation'>

/** @param enumName the type that is written for an enum */
export function valueType(
  schema: Schema,
  column: Typed,
  table: Table | undefined,
  enumName: (type: Enum) => string,
): Value {
  const plain = schema.dialect === 'sqlite' ? ofSqlite(column) : ofPostgres(schema, column.type, enumName)
  const type = listed(schema.dialect, column, table?.checks ?? [], plain.type) ?? plain.type
  return { ...plain, type, ...(type !== plain.type && { helpers: [] }) }
}

/** https://nodejs.org/api/sqlite.html#type-conversion-between-javascript-and-sqlite */
const SQLITE: Readonly<Record<Kind, string>> = {
  integer: 'number',
  real: 'number',
  numeric: 'number',
  boolean: 'number',
  text: 'string',
  uuid: 'string',
  enum: 'string',
  json: 'string',
  interval: 'string',
  date: 'number | string',
  time: 'number | string',
  timestamp: 'number | string',
  timestamptz: 'number | string',
  blob: 'Uint8Array',
  array: 'SqliteValue',
  other: 'SqliteValue',
}

function ofSqlite({ type, kind }: Typed): Value {
  const any = type === '' || baseName(type) === 'any'
  const found = any ? 'SqliteValue' : SQLITE[kind]
  return { type: found, helpers: found === 'SqliteValue' ? [found] : [] }
}

/** By the names that PostgreSQL gives its types; all others come as text. See pg-types, textParsers.js. */
const POSTGRES: Readonly<Record<string, string>> = {
  smallint: 'number',
  integer: 'number',
  oid: 'number',
  real: 'number',
  'double precision': 'number',
  boolean: 'boolean',
  bigint: 'Int8',
  numeric: 'Numeric',
  date: 'Timestamp',
  timestamp: 'Timestamp',
  timestamptz: 'Timestamp',
  json: 'JsonColumn',
  jsonb: 'JsonColumn',
  bytea: 'Bytes',
  interval: 'IntervalColumn',
  point: 'Point',
  circle: 'Circle',
}

/** What an array of PostgreSQL is read as, and what is taken for its elements; of all others the text is given. */
const ARRAYS: Readonly<Record<string, readonly [gives: string, takes: string]>> = {
  smallint: ['number', 'number'],
  integer: ['number', 'number'],
  oid: ['number', 'number'],
  real: ['number', 'number'],
  'double precision': ['number', 'number'],
  numeric: ['number', '(bigint | number | string)'],
  boolean: ['boolean', 'boolean'],
  bigint: ['string', '(bigint | number | string)'],
  date: ['Date', '(Date | string)'],
  timestamp: ['Date', '(Date | string)'],
  timestamptz: ['Date', '(Date | string)'],
  json: ['Json', 'Json'],
  jsonb: ['Json', 'Json'],
  bytea: ['Buffer', 'Uint8Array'],
  interval: ['Interval', '(Interval | string)'],
  ...Object.fromEntries(
    'text varchar char uuid money time timetz inet cidr macaddr numrange'
      .split(' ')
      .map((name) => [name, ['string', 'string'] as const]),
  ),
}

function ofPostgres(schema: Schema, type: string, enumName: (type: Enum) => string): Value {
  const array = /^(.*?)(?:\[\])+$/.exec(type)?.[1]
  if (array !== undefined) return arrayOf(schema, array, enumName)
  const own = schema.enums.find((one) => isNamed(one, type))
  if (own !== undefined) return { type: enumName(own), helpers: [] }
  const domain = schema.domains.find((one) => isNamed(one, type))
  if (domain !== undefined) return ofDomain(schema, domain, enumName)
  const found = POSTGRES[short(type)] ?? 'string'
  return { type: found, helpers: /^[A-Z]/.test(found) ? [found] : [] }
}

function arrayOf(schema: Schema, element: string, enumName: (type: Enum) => string): Value {
  const [gives, takes] = ARRAYS[short(element)] ?? []
  if (gives === undefined) {
    // The driver knows nothing of types that were made here, and gives the text.
    const { type, helpers } = ofPostgres(schema, element, enumName)
    const one = /\W/.test(type) ? `(${type})` : type
    return helpers.length > 0
      ? { type: 'string', helpers: [] }
      : { type: `ColumnType<string, ${one}[] | string>`, helpers: ['ColumnType'] }
  }
  const helpers = ['Json', 'Interval'].filter((name) => name === gives)
  if (gives === takes) return { type: `${gives}[]`, helpers }
  return { type: `ColumnType<${gives}[], ${takes}[]>`, helpers: ['ColumnType', ...helpers] }
}

function ofDomain(schema: Schema, domain: Domain, enumName: (type: Enum) => string): Value {
  const below = ofPostgres(schema, domain.type, enumName)
  const column: Typed = { name: 'value', type: domain.type, kind: 'other' }
  const type = listed('postgres', column, domain.checks, below.type) ?? below.type
  return {
    type,
    helpers: type === below.type ? below.helpers : [],
    ...((below.required || !domain.nullable) && { required: true }),
  }
}

function short(type: string): string {
  return baseName(shortType({ type }))
}

/** Whether a type's name, as PostgreSQL writes it, is that of an enum or a domain. */
function isNamed({ schema, name }: Named, type: string): boolean {
  const parts = [...type.matchAll(/"((?:[^"]|"")*)"|[^."]+/g)].map(([whole, quoted]) =>
    quoted === undefined ? whole : quoted.replaceAll('""', '"'),
  )
  return name === parts.at(-1) && schema === (parts.length > 1 ? parts[0] : '')
}

/** A union of what a CHECK lets in, where it is of the values' own type. */
function listed(
  dialect: Dialect,
  { name, type, collation }: Typed,
  checks: readonly { readonly expression: string }[],
  plain: string,
): string | undefined {
  if (plain !== 'string' && plain !== 'number') return undefined
  // These compare without regard to case or to blanks: other texts than those listed are let in.
  const loose = dialect === 'postgres' && /^(citext|character\b(?! varying))/.test(type)
  if (loose || collation !== undefined) return undefined
  const found = checks
    .flatMap(({ expression }) => listedBy(expression) ?? [])
    .find((one) => (dialect === 'sqlite' ? sameName(one.column, name) : isSame(one.column, name)))
  const values = [...new Set(found?.values)]
  const fitting = values.length > 0 && values.every((value) => typeof value === plain)
  return fitting ? values.map(literal).join(' | ') : undefined
}

/** `VALUE` is a keyword, in whatever case. */
function isSame(written: string, name: string): boolean {
  return written === name || (name === 'value' && written.toLowerCase() === name)
}

/** A number, or a text in quotes. */
export function literal(value: string | number): string {
  if (typeof value === 'number') return String(value)
  return `'${JSON.stringify(value).slice(1, -1).replaceAll('\\"', '"').replaceAll("'", "\\'")}'`
}

/** The name of a property. */
export function identifier(name: string): string {
  return /^[A-Za-z_$][\w$]*$/.test(name) ? name : literal(name)
}
