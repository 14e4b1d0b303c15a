import type { Form } from '../../core/transfer/form.ts'
import type { MovedColumn } from '../../core/transfer/moved.ts'
import { written } from './encode.ts'

/** How a form's values are hashed: SQL of the hash, from SQL of a value and of the seed. */
interface Canonical {
  /** The column is of this type, or is cast to it. */
  readonly type?: string
  /** The text that both sides have, or the uuid, or the bytes. */
  readonly value: (column: string) => string
  readonly kind?: 'uuid' | 'bytes'
}

const asText: Canonical = { value: (column) => `${column}::text` }
/** Binary, because the text hangs on the session's settings, and is made in twice the time. */
const sent = (type: string): Canonical => ({
  type,
  value: (column) => `encode(${type}_send(${column}), 'hex')`,
})
/** SQLite stores no -0 in a column of reals; the sum is 0. */
const float: Canonical = {
  type: 'float8',
  value: (column) => `encode(float8send(${column} + 0), 'hex')`,
}
const integer: Canonical = { type: 'int8', value: (column) => `${column}::text` }

/**
 * What a text hangs on, as a transfer sets it: what reads such texts from a database must have set it too.
 * `set_config` gives what it has set, so that an expression can see to it that it is set first; it holds to the end of
 * the transaction.
 */
export const SETTINGS: Readonly<Record<string, string>> = {
  TimeZone: 'UTC',
  DateStyle: 'ISO, YMD',
  IntervalStyle: 'postgres',
  extra_float_digits: '1',
  bytea_output: 'hex',
  xmloption: 'content',
}

/** SQL that sets them, to be compared with 0. */
export const SET = `(SELECT count(set_config(name, setting, true)) FROM (VALUES ${Object.entries(SETTINGS)
  .map(([name, setting]) => `('${name}', '${setting}')`)
  .join(', ')}) AS settings (name, setting))`

/** What each form's values must have in common with the other side's; mirrors the one of ../sqlite/canonical.ts. */
const FORMS: Readonly<Record<Exclude<Form, 'any'>, Canonical>> = {
  boolean: { type: 'boolean', value: (column) => `${column}::text` },
  int2: integer,
  int4: integer,
  int8: integer,
  float4: float,
  float8: float,
  numeric: { type: 'numeric', value: (column) => `trim_scale(${column})::text` },
  text: asText,
  bytes: { type: 'bytea', value: (column) => column, kind: 'bytes' },
  uuid: { type: 'uuid', value: (column) => column, kind: 'uuid' },
  timestamptz: sent('timestamptz'),
  timestamp: sent('timestamp'),
  date: sent('date'),
  time: sent('time'),
  json: asText,
  jsonb: { type: 'jsonb', value: (column) => `${column}::text` },
  other: { value: (column) => `CASE WHEN ${SET} > 0 THEN ${written(column)} END` },
}

const NO_UUID = '00000000-0000-0000-0000-000000000000'

/** PostgreSQL's char(n), as it writes it. */
const PADDED = /^character(\(|$)/

/**
 * SQL of a hash of a column's value. NULL is told by the seed of the row's hash; what stands for it here is the same on
 * both sides.
 *
 * @param name its name
 * @param seed SQL of the hash so far
 * @param utf8 whether that is what the server keeps texts in
 */
export function hashText({ form, from, to }: MovedColumn, name: string, seed: string, utf8: boolean): string {
  const { type, value, kind } = form === 'any' ? asText : FORMS[form]
  const canonical = value(type === undefined ? name : `${name}::${type}`)
  if (kind === 'uuid') return `uuid_hash_extended(coalesce(${canonical}, '${NO_UUID}'), ${seed})`
  // There is no function for bytes; a record of one value has the hash of that value.
  if (kind === 'bytes') return `hash_record_extended(ROW(coalesce(${canonical}, '')), ${seed})`
  const padded = form === 'text' && (PADDED.test(from.type) || PADDED.test(to.type))
  const text = `coalesce(${padded ? `rtrim(${canonical}, ' ')` : canonical}, '')`
  return utf8
    ? `hashtextextended(${text} COLLATE "C", ${seed})`
    : `hash_record_extended(ROW(convert_to(${text}, 'UTF8')), ${seed})`
}
