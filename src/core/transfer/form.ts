import type { Dialect } from '../migrations.ts'
import { baseName } from '../schema/kinds.ts'
import type { Column, Schema } from '../schema/model.ts'

/**
 * What a value is while it is moved: how it is written, and what of it must be the same on both sides. The names of
 * PostgreSQL's types say what they say there. `text` is all that a text gives and PostgreSQL reads as one: varchar,
 * char, citext, an enum. `other` is a type that is read from a text and written as one. `any` keeps a value of SQLite
 * with its class.
 */
export type Form =
  | 'boolean'
  | 'int2'
  | 'int4'
  | 'int8'
  | 'float4'
  | 'float8'
  | 'numeric'
  | 'text'
  | 'bytes'
  | 'uuid'
  | 'timestamptz'
  | 'timestamp'
  | 'date'
  | 'time'
  | 'json'
  | 'jsonb'
  | 'other'
  | 'any'

const FORMS: Readonly<Record<string, Form>> = {
  boolean: 'boolean',
  smallint: 'int2',
  integer: 'int4',
  bigint: 'int8',
  real: 'float4',
  'double precision': 'float8',
  numeric: 'numeric',
  text: 'text',
  'character varying': 'text',
  character: 'text',
  citext: 'text',
  bytea: 'bytes',
  uuid: 'uuid',
  'timestamp with time zone': 'timestamptz',
  'timestamp without time zone': 'timestamp',
  date: 'date',
  'time without time zone': 'time',
  json: 'json',
  jsonb: 'jsonb',
}

/** The type below a column's domain, if it has one, as PostgreSQL writes it. */
export function typeBelow({ type }: Pick<Column, 'type'>, { domains }: Schema): string {
  const domain = domains.find(({ schema, name }) => type === (schema === '' ? name : `${schema}.${name}`))
  return domain?.type ?? type
}

/**
 * What the values of a column are while they are moved.
 *
 * @param postgres the column on PostgreSQL's side, and its schema; where both sides are PostgreSQL, the target's
 */
export function formOf(column: Column, postgres: Schema): Form {
  if (column.kind === 'enum') return 'text'
  const type = typeBelow(column, postgres)
  return FORMS[baseName(type)] ?? 'other'
}

/** The form where no side is PostgreSQL, or `undefined` where one is. */
export function formBetween(from: Dialect, to: Dialect): 'any' | undefined {
  return from === 'sqlite' && to === 'sqlite' ? 'any' : undefined
}

/** The most characters that a varchar(n) or a char(n) takes. */
export function longestOf(column: Column, postgres: Schema): number | undefined {
  const [, length] = /^character(?: varying)?\((\d+)\)/.exec(typeBelow(column, postgres)) ?? []
  return length === undefined ? undefined : Number(length)
}
