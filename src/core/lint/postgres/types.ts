import type { Node, TypeName } from 'libpg-query'
import { numberOf, words } from '../../schema/convert/ast.ts'
import { nameText } from '../../schema/sql/names.ts'

/** The grammar's names of types, and format_type's. */
const NAMES: Readonly<Record<string, string>> = {
  int: 'integer',
  int2: 'smallint',
  int4: 'integer',
  int8: 'bigint',
  smallserial: 'smallint',
  serial2: 'smallint',
  serial: 'integer',
  serial4: 'integer',
  bigserial: 'bigint',
  serial8: 'bigint',
  float4: 'real',
  float8: 'double precision',
  bool: 'boolean',
  decimal: 'numeric',
  varchar: 'character varying',
  bpchar: 'character',
  varbit: 'bit varying',
  time: 'time without time zone',
  timetz: 'time with time zone',
  timestamp: 'timestamp without time zone',
  timestamptz: 'timestamp with time zone',
}

const SERIALS = new Set(['smallserial', 'serial2', 'serial', 'serial4', 'bigserial', 'serial8'])

/** What an interval without fields has where others have their fields. */
const ALL_FIELDS = '32767'

/** Whether a column of this type counts by a sequence of its own. */
export function isSerial(type: TypeName | undefined): boolean {
  const [first = '', ...more] = words(type?.names)
  return more.length === 0 && SERIALS.has(first)
}

/** A type as format_type writes it: `int` is `integer`, `varchar(10)` is `character varying(10)`. */
export function typeText(type: TypeName | undefined): string {
  const names = words(type?.names)
  const array = type?.arrayBounds === undefined ? '' : '[]'
  const [schema, name = ''] = names.length > 1 ? names : ['', names[0]]
  const known = NAMES[name]
  const own = known !== undefined && (schema === '' || schema === 'pg_catalog')
  const base = own ? known : pathOf(schema ?? '', name)
  return withMods(base, modsOf(type?.typmods)) + array
}

function pathOf(schema: string, name: string): string {
  const bare = nameText('postgres', name)
  return ['', 'pg_catalog', 'public'].includes(schema) ? bare : `${nameText('postgres', schema)}.${bare}`
}

function modsOf(nodes: readonly Node[] = []): string[] {
  const mods = nodes.map((node) => numberOf(node) ?? '')
  if (mods[0] === ALL_FIELDS) return mods.slice(1)
  return mods
}

function withMods(base: string, mods: readonly string[]): string {
  if (mods.length === 0) return base
  // numeric(10) has the scale 0.
  const list = base === 'numeric' && mods.length === 1 ? [...mods, '0'] : mods
  const [, word = base, rest = ''] = /^(time|timestamp)( .*)$/.exec(base) ?? []
  return `${word}(${list.join(',')})${rest}`
}

/** A type in parts: `timestamp(3) with time zone` is `timestamp with time zone` and 3. */
interface Parts {
  readonly base: string
  readonly mods: readonly number[]
  readonly array: boolean
}

function partsOf(type: string): Parts {
  const array = type.endsWith('[]')
  const [, before = '', mods, behind = ''] =
    /^(.*?)(?:\s*\(([^)]*)\))?( with(?:out)? time zone)?$/.exec(array ? type.slice(0, -2) : type) ?? []
  return { base: before + behind, mods: mods === undefined ? [] : mods.split(',').map(Number), array }
}

/** What becomes of a table whose column gets another type, its CHECKs aside. */
export interface TypeChange {
  readonly rewrite: boolean
  /** Every index of the column is built again, because it orders otherwise. */
  readonly reindex: boolean
  /** It would be none where the session's time zone is UTC. */
  readonly timezone?: true
}

const FREE: TypeChange = { rewrite: false, reindex: false }
const REWRITE: TypeChange = { rewrite: true, reindex: true }

const VARYING = 'character varying'
const STAMP = 'timestamp without time zone'
const STAMP_TZ = 'timestamp with time zone'

/** Pairs whose bytes are the same, without a length or a precision to keep. */
const SAME_BYTES = new Set([
  'text>character varying',
  'character varying>text',
  'cidr>inet',
  'bit>bit varying',
])

/** The same bytes, in another order. */
const OTHER_ORDER = new Set([
  'text>citext',
  'character varying>citext',
  'citext>text',
  'citext>character varying',
  'xml>text',
  'xml>character varying',
])

/**
 * What a type change costs: measured on PostgreSQL 12 to 18.
 *
 * @param from as format_type writes it, domains as what is below them
 * @param utc the session's time zone is known to be UTC
 */
export function typeChange(from: string, to: string, utc: boolean): TypeChange {
  if (from === to) return FREE
  const [a, b] = [partsOf(from), partsOf(to)]
  if (a.array || b.array)
    return a.array && b.array && a.base === b.base && b.mods.length === 0 ? FREE : REWRITE
  if (a.base === b.base) return widens(a, b) ? FREE : REWRITE
  const pair = `${a.base}>${b.base}`
  // A text goes into a limit only by being looked at.
  const limited = b.mods.length > 0 && !(a.base === VARYING && widens(a, { ...b, base: VARYING }))
  if (SAME_BYTES.has(pair)) return limited ? REWRITE : FREE
  if (OTHER_ORDER.has(pair)) return limited ? REWRITE : { rewrite: false, reindex: true }
  if (pair === `${STAMP}>${STAMP_TZ}` || pair === `${STAMP_TZ}>${STAMP}`) {
    if (!widens(a, { ...b, base: a.base })) return REWRITE
    return utc ? { rewrite: false, reindex: true } : { ...REWRITE, timezone: true }
  }
  return REWRITE
}

/** Whether every value of a type is one of another of the same base, without being looked at. */
function widens({ base, mods: a }: Parts, { mods: b }: Parts): boolean {
  if (b.length === 0) return true
  switch (base) {
    case VARYING:
    case 'bit varying':
      return a.length > 0 && (b[0] ?? 0) >= (a[0] ?? 0)
    case 'numeric':
      return a.length > 0 && (b[0] ?? 0) >= (a[0] ?? 0) && a[1] === b[1]
    case STAMP:
    case STAMP_TZ:
    case 'time without time zone':
    case 'time with time zone':
    case 'interval':
      // None is the most precise there is: 6.
      return b.length === 1 && a.length <= 1 && (b[0] ?? 6) >= (a[0] ?? 6)
    default:
      return a.length === b.length && a.every((mod, i) => mod === b[i])
  }
}
