import type { A_Expr, Node } from 'libpg-query'
import type { Dialect } from '../../migrations.ts'
import { kindOf } from '../kinds.ts'
import type { Kind } from '../model.ts'
import { type Fields, isNull, lastWord, numberOf, operator, string, stringOf, truth, words } from './ast.ts'
import type { Columns } from './expressions.ts'
import { momentOf, utcOf } from './moments.ts'

/** Something that is not known to be understood by the other database: the conversion gives up. */
export class NotUnderstood extends Error {}

/** Gives up. */
export function giveUp(what: string): never {
  throw new NotUnderstood(what)
}

/** What the rules of a dialect need to know of what stands around a node. */
export interface Surroundings {
  /** What a node gives, where that is known. */
  kind(node: Node | undefined): Kind | undefined
}

/** What stands where PostgreSQL asks for a boolean; to SQLite any number is one. */
export function condition(node: Node, to: Dialect, kind: Surroundings['kind']): Node {
  if (to === 'sqlite') return node
  const digits = numberOf(node)
  if (digits !== undefined) return truth(Number(digits) !== 0)
  const held = kind(node)
  if (held === 'integer' || held === 'real' || held === 'numeric')
    return operator('<>', node, { A_Const: { ival: {} } })
  return held === undefined || held === 'boolean' ? node : giveUp('a condition that is no boolean')
}

/**
 * A value for a column of a kind: SQLite's 0 and 1 are PostgreSQL's false and true. A moment is in UTC to SQLite, which
 * compares it as a text, and of the session's time zone to PostgreSQL where it names none.
 */
export function fitted(value: Node, kind: Kind | undefined, to: Dialect): Node {
  if (kind === undefined || isNull(value)) return value
  if ('CaseExpr' in value) return { CaseExpr: fittedCase(value.CaseExpr, kind, to) }
  if ('CoalesceExpr' in value) {
    const args = (value.CoalesceExpr.args ?? []).map((one) => fitted(one, kind, to))
    return { CoalesceExpr: { ...value.CoalesceExpr, args } }
  }
  const [digits, text, moment] = [numberOf(value), stringOf(value), momentOf(value)]
  const utc = text === undefined || !/^timestamp/.test(kind) ? undefined : utcOf(text, kind === 'timestamptz')
  if (to === 'sqlite') return utc === undefined ? value : string(utc)
  if (utc !== undefined && kind === 'timestamptz') return string(`${utc}+00`)
  if (kind === 'boolean' && digits !== undefined) {
    return digits === '0' || digits === '1'
      ? truth(digits === '1')
      : giveUp('a boolean that is neither 0 nor 1')
  }
  if (text !== undefined && LITERALS[kind]?.test(text) === false) giveUp(`a string that is no ${kind}`)
  // A number in a text is taken for one by SQLite as well, where the column is a text.
  if (digits !== undefined && !NUMERIC.has(kind) && kind !== 'text') giveUp(`a number that is no ${kind}`)
  if (moment !== undefined && !FITS[moment].has(kind)) giveUp(`a moment that is no ${kind}`)
  return value
}

/** What a CASE gives, branch by branch. */
function fittedCase(fields: Fields<'CaseExpr'>, kind: Kind, to: Dialect): Fields<'CaseExpr'> {
  const { args = [], defresult } = fields
  return {
    ...fields,
    args: args.map((one): Node => {
      if (!('CaseWhen' in one) || one.CaseWhen.result === undefined) return one
      return { CaseWhen: { ...one.CaseWhen, result: fitted(one.CaseWhen.result, kind, to) } }
    }),
    ...(defresult && { defresult: fitted(defresult, kind, to) }),
  }
}

const NUMERIC: ReadonlySet<Kind> = new Set<Kind>(['integer', 'real', 'numeric'])

const FITS: Readonly<Record<'now' | 'today' | 'epoch', ReadonlySet<Kind>>> = {
  now: new Set<Kind>(['timestamptz', 'timestamp']),
  today: new Set<Kind>(['timestamptz', 'timestamp', 'date']),
  epoch: NUMERIC,
}

/** Strings that PostgreSQL takes for a value of a kind. */
const LITERALS: { readonly [K in Kind]?: RegExp } = {
  integer: /^\s*[-+]?\d+\s*$/,
  real: /^\s*[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?\s*$/i,
  numeric: /^\s*[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?\s*$/i,
  boolean: /^(true|false|t|f|yes|no|on|off|1|0)$/i,
  uuid: /^[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}$/i,
  json: /^\s*([[{"\d-].*|true|false|null)\s*$/s,
  date: /^\d{4}-\d\d-\d\d$/,
  timestamp: /^\d{4}-\d\d-\d\d([ T]\d\d:\d\d(:\d\d(\.\d+)?)?)?(Z|[-+]\d\d(:?\d\d)?)?$/,
  timestamptz: /^\d{4}-\d\d-\d\d([ T]\d\d:\d\d(:\d\d(\.\d+)?)?)?(Z|[-+]\d\d(:?\d\d)?)?$/,
}

/** Operators whose answer is yes or no. */
export const COMPARISONS: ReadonlySet<string> = new Set(['=', '<>', '<', '>', '<=', '>='])

const TEXTS = new Set([
  'lower',
  'upper',
  'trim',
  'btrim',
  'ltrim',
  'rtrim',
  'replace',
  'substr',
  'string_agg',
  'to_char',
])
const COUNTS = new Set(['length', 'strpos', 'count', 'octet_length', 'ascii', 'row_number', 'rank'])

/** What a node gives, as far as that can be told. */
export function kindOfNode(node: Node | undefined, names: Columns | undefined): Kind | undefined {
  if (node === undefined) return undefined
  if ('ColumnRef' in node) {
    const [column = '', table] = words(node.ColumnRef.fields).reverse()
    return names?.(column, table)?.kind
  }
  if ('A_Const' in node) {
    if (stringOf(node) !== undefined) return 'text'
    if (node.A_Const.boolval) return 'boolean'
    return node.A_Const.ival ? 'integer' : node.A_Const.fval && 'numeric'
  }
  if ('BoolExpr' in node || 'NullTest' in node || 'BooleanTest' in node) return 'boolean'
  if ('TypeCast' in node)
    return kindOf(
      'postgres',
      TYPE_NAMES[lastWord(node.TypeCast.typeName?.names)] ?? lastWord(node.TypeCast.typeName?.names),
    )
  if ('FuncCall' in node) {
    const called = lastWord(node.FuncCall.funcname)
    if (momentOf(node) === 'now') return 'timestamptz'
    if (called === 'gen_random_uuid') return 'uuid'
    return TEXTS.has(called) ? 'text' : COUNTS.has(called) ? 'integer' : undefined
  }
  return 'A_Expr' in node ? kindOfOperation(node.A_Expr, names) : undefined
}

/** PostgreSQL's grammar has short names for some. */
const TYPE_NAMES: Readonly<Record<string, string>> = { int2: 'smallint', int4: 'integer', int8: 'bigint' }

function kindOfOperation(
  { kind, name: op, lexpr, rexpr }: A_Expr,
  names: Columns | undefined,
): Kind | undefined {
  if (kind !== 'AEXPR_OP') return kind === 'AEXPR_NULLIF' ? kindOfNode(lexpr, names) : 'boolean'
  const word = lastWord(op)
  if (COMPARISONS.has(word) || /~~/.test(word)) return 'boolean'
  if (word === '||' || word === '->>' || word === '#>>') return 'text'
  const [left, right] = [kindOfNode(lexpr, names), kindOfNode(rexpr, names)]
  return left === right ? left : undefined
}
