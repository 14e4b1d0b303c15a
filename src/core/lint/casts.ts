import type { Dialect } from '../migrations.ts'
import { baseName } from '../schema/kinds.ts'
import { type Column, type Enum, nameOf } from '../schema/model.ts'
import { stringText } from '../schema/sql/names.ts'

/** A column whose values are to have another type. */
interface Cast {
  readonly dialect: Dialect
  /** The column as it is now, in SQL. */
  readonly value: string
  readonly before: Column
  readonly after: Column
  readonly enums: readonly Enum[]
  /** The server can be asked whether a text is a value of a type: `pg_input_is_valid`, from PostgreSQL 16. */
  readonly tries: boolean
  readonly using?: { readonly expression: string; readonly plain: boolean } | undefined
}

/** How it is found out which values refuse. */
interface CastCheck {
  /** The condition under which one does. */
  readonly bad?: string
  /** The value as it will be; to ask for it fails where one refuses. */
  readonly result?: string
}

/** What integers can be. */
const INTEGERS: Readonly<Record<string, readonly [least: string, most: string]>> = {
  smallint: ['-32768', '32767'],
  integer: ['-2147483648', '2147483647'],
  bigint: ['-9223372036854775808', '9223372036854775807'],
}

/** Nothing where every value fits, or where it cannot be told. */
export function castCheck(cast: Cast): CastCheck | undefined {
  return cast.dialect === 'sqlite' ? strictCheck(cast) : postgresCheck(cast)
}

function postgresCheck(cast: Cast): CastCheck | undefined {
  const { value, after, using } = cast
  if (using !== undefined && !using.plain) return { result: using.expression }
  const bad = badValues(cast)
  // A cast that is written out cuts what is too long; the one of an assignment does not.
  const cuts = /^(character|bit)/.test(after.type)
  const result = cuts && !using ? undefined : `CAST(${value} AS ${after.type})`
  if (bad === undefined && result === undefined) return undefined
  // What the cast cuts, it does not refuse.
  return cuts && using
    ? undefined
    : { ...(bad !== undefined && { bad }), ...(result !== undefined && { result }) }
}

function badValues({ value, before, after, enums, tries }: Cast): string | undefined {
  const [, first, second = '0'] = /\((\d+)(?:,(-?\d+))?\)/.exec(after.type) ?? []
  const type = baseName(after.type)
  const text = `CAST(${value} AS text)`
  const isNumber = ['integer', 'real', 'numeric'].includes(before.kind)
  const isText = before.kind === 'text' || before.kind === 'enum' || before.kind === 'json'
  if (type === 'character varying' || type === 'character') {
    return first === undefined ? undefined : `char_length(rtrim(${text}, ' ')) > ${first}`
  }
  const range = INTEGERS[type]
  if (range !== undefined && isNumber) {
    return `round(CAST(${value} AS numeric)) NOT BETWEEN ${range[0]} AND ${range[1]}`
  }
  if (type === 'numeric' && first !== undefined && isNumber) {
    return `abs(round(CAST(${value} AS numeric), ${second})) >= 10::numeric ^ ${Number(first) - Number(second)}`
  }
  const values = enums.find((one) => nameOf(one) === after.type)?.values
  if (values !== undefined && isText) {
    return `${text} <> ALL (ARRAY[${values.map(stringText).join(', ')}]::text[])`
  }
  if (!isText) return undefined
  if (tries) return `NOT pg_input_is_valid(${text}, ${stringText(after.type)})`
  const form = FORMS[after.kind]
  return form === undefined ? undefined : `${text} !~* ${stringText(form)}`
}

/** How values are written, for servers that cannot be asked. */
const FORMS: { readonly [kind in Column['kind']]?: string } = {
  integer: String.raw`^\s*[-+]?\d+\s*$`,
  numeric: String.raw`^\s*([-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?|nan|[-+]?inf(inity)?)\s*$`,
  real: String.raw`^\s*([-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?|nan|[-+]?inf(inity)?)\s*$`,
  boolean: String.raw`^\s*(t|tr|tru|true|f|fa|fal|fals|false|y|ye|yes|n|no|on|of|off|0|1)\s*$`,
  uuid: String.raw`^\{?([0-9a-f]{4}-?){8}\}?$`,
}

/** The values that a column of a STRICT table refuses: https://sqlite.org/stricttables.html */
function strictCheck({ value, after }: Cast): CastCheck | undefined {
  const whole = `typeof(${value}) = 'real' AND ${value} = CAST(${value} AS INTEGER)`
  const digits = `typeof(${value}) = 'text' AND CAST(CAST(${value} AS INTEGER) AS TEXT) = ltrim(trim(${value}), '+')`
  const number = `typeof(${value}) = 'text' AND json_valid(${value}) AND json_type(${value}) IN ('integer', 'real')`
  const bad = {
    INT: `typeof(${value}) NOT IN ('null', 'integer') AND NOT (${whole}) AND NOT (${digits})`,
    REAL: `typeof(${value}) NOT IN ('null', 'integer', 'real') AND NOT (${number})`,
    TEXT: `typeof(${value}) = 'blob'`,
    BLOB: `typeof(${value}) NOT IN ('null', 'blob')`,
  }[after.type.toUpperCase().replace('INTEGER', 'INT')]
  return bad === undefined ? undefined : { bad }
}
