import type { Form } from './form.ts'
import type { Bytes } from './hash.ts'

/** SQLite's classes of values, by the first letter of what `typeof` says. */
export const CLASS = { text: 0x74, integer: 0x69, real: 0x72, blob: 0x62, null: 0x6e } as const

/**
 * A value as it is stored: its class, and the bytes of a text or a blob, the decimal digits of an integer, or the eight
 * bytes of a real, the highest first.
 */
export interface Field {
  data: Bytes
  offset: number
  length: number
  class: number
}

/** What most values of a form are; of `any` it is the column's declaration that says it. */
export const USUAL: Readonly<Record<Exclude<Form, 'any'>, 'text' | 'integer' | 'real' | 'blob'>> = {
  boolean: 'integer',
  int2: 'integer',
  int4: 'integer',
  int8: 'integer',
  float4: 'real',
  float8: 'real',
  numeric: 'text',
  text: 'text',
  bytes: 'blob',
  uuid: 'text',
  timestamptz: 'text',
  timestamp: 'text',
  date: 'text',
  time: 'text',
  json: 'text',
  jsonb: 'text',
  other: 'text',
}

/** Values of these forms are never long. */
export const SHORT: ReadonlySet<Form> = new Set([
  'boolean',
  'int2',
  'int4',
  'int8',
  'float4',
  'float8',
  'uuid',
  'timestamptz',
  'timestamp',
  'date',
  'time',
])

/** Bytes as a text of one character each. */
export function latin(bytes: Uint8Array, offset: number, length: number): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset + offset, length).toString('latin1')
}

/** Characters of a value that are shown. */
const SHOWN = 60

/** A value as people are shown it. */
export function textOfField(field: Field | undefined): string {
  if (field === undefined || field.class === CLASS.null) return 'NULL'
  const { data, offset, length } = field
  if (field.class === CLASS.real) return String(data.view.getFloat64(offset))
  const bytes = Buffer.from(data.bytes.buffer, data.bytes.byteOffset + offset, Math.min(length, SHOWN * 4))
  if (field.class === CLASS.integer) return bytes.toString('latin1')
  if (field.class === CLASS.blob)
    return `x'${bytes.toString('hex', 0, SHOWN / 2)}${length > SHOWN / 2 ? '…' : ''}'`
  const text = bytes.toString('utf8')
  return text.length > SHOWN ? `${JSON.stringify(text.slice(0, SHOWN))}…` : JSON.stringify(text)
}
