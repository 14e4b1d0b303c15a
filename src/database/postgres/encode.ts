import type { Dialect } from '../../core/migrations.ts'
import { quoteName } from '../../core/text.ts'
import type { Form } from '../../core/transfer/form.ts'
import type { MovedColumn } from '../../core/transfer/moved.ts'

/** A value as its type writes it and reads it: a cast to text is another, which gives an inet a netmask. NULL is ''. */
export const written = (value: string) => `format('%s', ${value})`

const ofOther = (value: string) => `CASE WHEN num_nulls(${value}) = 0 THEN ${written(value)} END`

const as = (type: string) => (value: string) => `${value}::${type}`

/**
 * The value that goes to another PostgreSQL. To a type that it has already, also below a domain, a cast costs nothing;
 * where `--map` gives another, its bytes would be taken for what they are not.
 */
const TO_POSTGRES: Readonly<Record<Form, (value: string) => string>> = {
  boolean: as('boolean'),
  int2: as('int2'),
  int4: as('int4'),
  int8: as('int8'),
  float4: as('float4'),
  float8: as('float8'),
  numeric: as('numeric'),
  text: as('text'),
  bytes: as('bytea'),
  uuid: as('uuid'),
  timestamptz: as('timestamptz'),
  timestamp: as('timestamp'),
  date: as('date'),
  time: as('time'),
  json: as('json'),
  jsonb: as('jsonb'),
  other: ofOther,
  any: as('text'),
}

/** The value that goes to SQLite, as `wireOf` says, under the settings of `snapshot`. */
const TO_SQLITE: Readonly<Record<Form, (value: string) => string>> = {
  boolean: (value) => `${value}::int4::int8`,
  int2: as('int8'),
  int4: as('int8'),
  int8: as('int8'),
  float4: as('float8'),
  float8: as('float8'),
  numeric: as('text'),
  text: as('text'),
  bytes: as('bytea'),
  uuid: as('text'),
  // Without a zone, and so without it in the text.
  timestamptz: (value) => `(${value} AT TIME ZONE 'UTC')::text`,
  timestamp: as('text'),
  date: as('text'),
  time: as('text'),
  json: as('text'),
  jsonb: as('text'),
  other: ofOther,
  any: as('text'),
}

/** The value of a column as it is read. */
export function valueSql({ value, from }: MovedColumn): string {
  return value === undefined ? quoteName(from.name) : `(${value})`
}

/** The value of a column whose binary form is what the target takes. */
export function fieldSql(column: MovedColumn, to: Dialect): string {
  return (to === 'postgres' ? TO_POSTGRES : TO_SQLITE)[column.form](valueSql(column))
}
