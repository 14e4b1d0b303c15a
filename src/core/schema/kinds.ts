import type { Dialect } from '../migrations.ts'
import type { Kind } from './model.ts'

/** What a type's name means, in either database; SQLite takes any name, and many are borrowed. */
const NAMES: Readonly<Record<Exclude<Kind, 'enum' | 'array' | 'other'>, readonly string[]>> = {
  integer: [
    'integer',
    'int',
    'int2',
    'int4',
    'int8',
    'smallint',
    'bigint',
    'tinyint',
    'mediumint',
    'serial',
    'bigserial',
    'smallserial',
    'oid',
  ],
  real: ['real', 'double precision', 'double', 'float', 'float4', 'float8'],
  numeric: ['numeric', 'decimal', 'money'],
  boolean: ['boolean', 'bool'],
  text: [
    'text',
    'character varying',
    'varchar',
    'character',
    'char',
    'bpchar',
    'nchar',
    'nvarchar',
    'clob',
    'citext',
    'name',
    '"char"',
  ],
  uuid: ['uuid'],
  json: ['json', 'jsonb'],
  date: ['date'],
  time: ['time', 'time without time zone', 'time with time zone', 'timetz'],
  timestamp: ['timestamp', 'timestamp without time zone', 'datetime'],
  timestamptz: ['timestamptz', 'timestamp with time zone'],
  interval: ['interval'],
  blob: ['blob', 'bytea', 'binary', 'varbinary'],
}

const KINDS = new Map(
  Object.entries(NAMES).flatMap(([kind, names]) => names.map((name) => [name, kind as Kind])),
)

/**
 * What a value of a declared type is. An enum and a domain are known by the schema, not by their names: `other`.
 *
 * @param type such as `VARCHAR(40)`, `timestamp(3) with time zone`, `integer[]`
 * @returns for SQLite, where the name is unknown, the affinity: https://sqlite.org/datatype3.html#determination_of_column_affinity
 */
export function kindOf(dialect: Dialect, type: string): Kind {
  if (/\[\]$/.test(type)) return 'array'
  const name = baseName(type)
  const known = KINDS.get(name)
  if (known !== undefined || dialect === 'postgres') return known ?? 'other'
  return affinityOf(name)
}

/** What SQLite makes of values that a column of this declared type is given: `blob` leaves them as they are. */
export type Affinity = 'integer' | 'text' | 'blob' | 'real' | 'numeric'

/** https://sqlite.org/datatype3.html#determination_of_column_affinity */
export function affinityOf(type: string): Affinity {
  return AFFINITIES.find(([pattern]) => pattern.test(type))?.[1] ?? 'numeric'
}

/** A type's name in lower case, without its length, precision or scale. */
export function baseName(type: string): string {
  return type
    .toLowerCase()
    .replace(/\s*\([^)]*\)/, '')
    .replace(/\s+/g, ' ')
    .trim()
}

/** In SQLite's order. */
const AFFINITIES: readonly [RegExp, Affinity][] = [
  [/int/i, 'integer'],
  [/char|clob|text/i, 'text'],
  [/blob|^$/i, 'blob'],
  [/real|floa|doub/i, 'real'],
]
