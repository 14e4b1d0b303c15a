import type { DatabaseSync } from 'node:sqlite'
import type { Dialect } from '../../core/migrations.ts'
import { quoteName } from '../../core/text.ts'
import type { Form } from '../../core/transfer/form.ts'
import { dateOf, momentOf, timeOf } from '../../core/transfer/moment.ts'
import type { MovedColumn } from '../../core/transfer/moved.ts'

/** What JavaScript is asked of a value that SQL does not answer by itself: the field, or nothing where it is none. */
type Odd = (value: unknown) => Buffer | null

/** The bytes of a field behind their number. */
const sized = (bytes: string) => `unhex(printf('%08x', octet_length(${bytes}))) || ${bytes}`

/** A field of four, or eight bytes from an integer. */
const int4 = (value: string) => `unhex(printf('00000004%08x', (${value}) & 0xffffffff))`
const int8 = (value: string) => `unhex(printf('00000008%016x', ${value}))`

const within = (least: string, most: string, field: (value: string) => string) => (value: string) =>
  `CASE WHEN typeof(${value}) = 'integer' AND ${value} BETWEEN ${least} AND ${most} THEN ${field(value)} END`

const ofClass = (name: string, field: (value: string) => string) => (value: string) =>
  `CASE typeof(${value}) WHEN '${name}' THEN ${field(value)} END`

/** Whether a date in a text is one: SQLite takes the 31st of any month. */
const isDay = (value: string) =>
  `${value} >= '0001' AND (substr(${value}, 9, 2) < '29' OR date(substr(${value}, 1, 10)) = substr(${value}, 1, 10))`

/** Microseconds since 2000 of a text of this shape, with what stands behind its seconds. Of NULL `printf` makes 0. */
const micros = (value: string, fraction = '') => {
  const seconds = `unixepoch(substr(${value}, 1, 19))`
  return `CASE WHEN ${seconds} IS NOT NULL THEN ${int8(`(${seconds} - 946684800) * 1000000${fraction}`)} END`
}

/**
 * What most programs write: `YYYY-MM-DD HH:MM:SS` with a space or a T, as it is, with a Z, or with milliseconds and a
 * Z. The rest is JavaScript's.
 */
const moment = (value: string) => `CASE WHEN ${value} GLOB '????-??-??[ T][012]?:??:??*' AND ${isDay(value)}
  AND substr(${value}, 12, 2) < '24' THEN CASE
    WHEN octet_length(${value}) = 19 OR octet_length(${value}) = 20 AND ${value} GLOB '*Z' THEN ${micros(value)}
    WHEN octet_length(${value}) = 24 AND ${value} GLOB '*.[0-9][0-9][0-9]Z'
      THEN ${micros(value, ` + substr(${value}, 21, 3) * 1000`)}
    ELSE nexflow_moment(${value}) END
  ELSE nexflow_moment(${value}) END`

const day = (value: string) => `CASE
  WHEN octet_length(${value}) = 10 AND ${value} GLOB '????-??-??' AND ${isDay(value)}
    AND julianday(${value}) IS NOT NULL THEN ${int4(`CAST(julianday(${value}) - 2451544.5 AS INTEGER)`)}
  ELSE nexflow_date(${value}) END`

/**
 * Lower case, hyphens at their places and nowhere else; of other characters `unhex` makes NULL. It stops at a NUL, which
 * a text of 36 bytes that has 36 characters before it has not.
 */
const uuid = (value: string) =>
  `CASE WHEN octet_length(${value}) = 36 AND ${value} GLOB '????????-????-????-????-????????????'
    AND ${value} COLLATE BINARY = lower(${value}) AND octet_length(unhex(${value}, '-')) = 16
    THEN x'00000010' || unhex(${value}, '-') END`

const text = ofClass('text', sized)

/** A value with its class, for another SQLite. */
const classed = (value: string) => `CASE typeof(${value})
  WHEN 'integer' THEN x'0000000969' || unhex(printf('%016x', ${value}))
  WHEN 'real' THEN x'0000000972' || substr(nexflow_float8(${value}), 5)
  WHEN 'text' THEN unhex(printf('%08x', octet_length(${value}) + 1)) || x'74' || ${value}
  ELSE unhex(printf('%08x', octet_length(${value}) + 1)) || x'62' || ${value} END`

/** The field of a value that is not NULL, as COPY BINARY has it; NULL where the value is none of its form. */
const FIELDS: Readonly<Record<Form, (value: string) => string>> = {
  boolean: (value) =>
    `CASE WHEN typeof(${value}) <> 'integer' THEN NULL WHEN ${value} = 1 THEN x'0000000101' WHEN ${value} = 0 THEN x'0000000100' END`,
  int2: within('-32768', '32767', (value) => `unhex(printf('00000002%04x', ${value} & 0xffff))`),
  int4: within('-2147483648', '2147483647', int4),
  int8: ofClass('integer', int8),
  float4: (value) => `nexflow_float4(${value})`,
  float8: (value) => `nexflow_float8(${value})`,
  numeric: (value) =>
    `CASE typeof(${value}) WHEN 'integer' THEN ${sized(`CAST(${value} AS TEXT)`)} ELSE nexflow_numeric(${value}) END`,
  text,
  bytes: ofClass('blob', sized),
  uuid,
  timestamptz: moment,
  timestamp: moment,
  date: day,
  time: (value) => `nexflow_time(${value})`,
  json: text,
  // The version of jsonb's binary form goes before the text.
  jsonb: ofClass('text', (value) => `unhex(printf('%08x', octet_length(${value}) + 1)) || x'01' || ${value}`),
  other: text,
  any: classed,
}

function field(bytes: number, write: (buffer: Buffer) => void): Buffer {
  const buffer = Buffer.alloc(4 + bytes)
  buffer.writeInt32BE(bytes)
  write(buffer)
  return buffer
}

const int8Field = (value: bigint) => field(8, (buffer) => buffer.writeBigInt64BE(value, 4))

/** A number that is no bigint any more: a REAL's, or an INTEGER's that a double holds exactly. */
function double(value: unknown): number | undefined {
  if (typeof value === 'number') return value
  return typeof value === 'bigint' && BigInt(Number(value)) === value ? Number(value) : undefined
}

/** PostgreSQL's dates and moments begin with 2000. */
const EPOCH_2000 = 946_684_800_000_000n
const DAY_2000 = 10_957

const ODD: Readonly<Record<string, Odd>> = {
  nexflow_moment: (value) => {
    const micros = momentOf(value)
    return micros === undefined ? null : int8Field(micros - EPOCH_2000)
  },
  nexflow_date: (value) => {
    const days = dateOf(value)
    return days === undefined ? null : field(4, (buffer) => buffer.writeInt32BE(days - DAY_2000, 4))
  },
  nexflow_time: (value) => {
    const micros = timeOf(value)
    return micros === undefined ? null : int8Field(micros)
  },
  nexflow_float8: (value) => {
    const number = double(value)
    return number === undefined ? null : field(8, (buffer) => buffer.writeDoubleBE(number, 4))
  },
  nexflow_float4: (value) => {
    const number = double(value)
    // What is too large for 32 bits would become infinite.
    if (number === undefined || Number.isFinite(number) !== Number.isFinite(Math.fround(number))) return null
    return field(4, (buffer) => buffer.writeFloatBE(number, 4))
  },
  nexflow_numeric: (value) => {
    const words = typeof value === 'number' && Number.isFinite(value) ? String(value) : value
    if (typeof words !== 'string' || !/^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(words)) return null
    const bytes = Buffer.from(words)
    return field(bytes.length, (buffer) => bytes.copy(buffer, 4))
  },
}

const registered = new WeakSet<DatabaseSync>()

/** Registers what the fields' SQL calls; once, as it cannot be done while a statement is at work. */
export function registerOdd(native: DatabaseSync): void {
  if (registered.has(native)) return
  registered.add(native)
  for (const [name, give] of Object.entries(ODD)) {
    native.function(name, { deterministic: true, useBigIntArguments: true }, (value) => give(value))
  }
}

/** The value of a column as it is read. */
export function valueSql({ value, from }: MovedColumn): string {
  return value === undefined ? quoteName(from.name) : `(${value})`
}

/**
 * The field of a value: NULL where the target cannot take it as it is.
 *
 * @param name how the value is called: an expression is too long to be repeated
 */
export function fieldSql({ form, to: { nullable } }: MovedColumn, name: string, to: Dialect): string {
  // A key of SQLite may be NULL where it says nothing, and only a table of SQLite takes it over.
  const none = nullable || to === 'sqlite' ? `x'ffffffff'` : 'NULL'
  return `CASE WHEN ${name} IS NULL THEN ${none} ELSE ${FIELDS[form](name)} END`
}
