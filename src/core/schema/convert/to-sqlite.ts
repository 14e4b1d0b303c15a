import type { A_Expr, FuncCall, Node, TypeName } from 'libpg-query'
import { kindOf } from '../kinds.ts'
import type { Kind } from '../model.ts'
import {
  call,
  cast,
  functionName,
  integer,
  isNull,
  lastWord,
  name,
  number,
  numberOf,
  operator,
  type Rules,
  string,
  stringOf,
  truthOf,
} from './ast.ts'
import { type Moment, momentOf, utcOf } from './moments.ts'
import { COMPARISONS, fitted, giveUp, type Surroundings } from './values.ts'

/** What PostgreSQL says in words of its own. */
export function toSqlite(around: Surroundings): Rules {
  return {
    A_Const: (fields) => {
      if (fields.bsval) return giveUp('bits')
      const value = truthOf({ A_Const: fields })
      return value === undefined ? { A_Const: fields } : integer(value ? 1 : 0)
    },
    SQLValueFunction: (fields) => moment(momentOf({ SQLValueFunction: fields })) ?? giveUp(`${fields.op}`),
    TypeCast: ({ arg, typeName }) => converted(arg ?? giveUp('a cast of nothing'), typeName ?? {}, around),
    FuncCall: (fields) => moment(momentOf({ FuncCall: fields })) ?? called(fields, around),
    A_Expr: (fields) => operation(fields, around),
    // Stands only where a list may stand: the operation around it takes it apart.
    A_ArrayExpr: (fields) => ({ A_ArrayExpr: fields }),
    CollateClause: ({ arg, collname }) => {
      const collation = lastWord(collname)
      return arg && /^(C|POSIX|default)$/.test(collation) ? arg : giveUp(`the collation ${collation}`)
    },
  }
}

const MOMENTS: Readonly<Record<Moment, Node>> = {
  now: call('datetime', string('now')),
  today: call('date', string('now')),
  epoch: cast(call('strftime', string('%s'), string('now')), 'integer'),
}

const moment = (which: Moment | undefined): Node | undefined => which && MOMENTS[which]

/** The grammar's short names of types. */
const TYPES: Readonly<Record<string, string>> = {
  int2: 'integer',
  int4: 'integer',
  int8: 'integer',
  bool: 'boolean',
}

/** A cast, or what it gives. */
function converted(arg: Node, typeName: TypeName, around: Surroundings): Node {
  const word = lastWord(typeName.names)
  const kind = kindOf('postgres', TYPES[word] ?? word)
  if (isNull(arg)) return arg
  if (typeName.arrayBounds)
    return 'A_ArrayExpr' in arg || stringOf(arg) !== undefined ? arg : giveUp('an array')
  const known = momentOf({ TypeCast: { arg, typeName } })
  if (known !== undefined) return MOMENTS[known]
  const text = stringOf(arg)
  if (text !== undefined) return literal(text, kind, word)
  const held = around.kind(arg)
  if (kind === 'text' && (held === 'text' || held === 'uuid' || held === 'enum')) return arg
  if (kind === held && !typeName.typmods) return arg
  const digits = numberOf(arg)
  if (digits !== undefined && (kind === 'numeric' || kind === 'real') && !typeName.typmods) return arg
  return (CASTS[kind] ?? giveUp(`a cast to ${word}`))(arg, held)
}

/** A string that is given a type. */
function literal(text: string, kind: Kind, type: string): Node {
  switch (kind) {
    case 'integer':
    case 'real':
    case 'numeric':
      return /^[-+]?(\d+\.?\d*|\.\d+)$/.test(text) ? number(text) : giveUp(`the ${type} ${text}`)
    case 'boolean':
      return integer(/^(t|true|y|yes|on|1)$/i.test(text) ? 1 : 0)
    case 'blob': {
      const [, bytes] = /^\\x((?:[0-9a-f]{2})*)$/i.exec(text) ?? []
      return bytes === undefined ? giveUp('bytes') : { A_Const: { bsval: { bsval: `x${bytes}` } } }
    }
    case 'timestamp':
    case 'timestamptz':
      // `now`, `tomorrow`, and dates in an order of one's own.
      return string(utcOf(text, kind === 'timestamptz') ?? giveUp(`the moment ${text}`))
    case 'date':
      return /^\d{4}-\d\d-\d\d/.test(text) ? string(text) : giveUp(`the moment ${text}`)
    case 'interval':
      return cast(string(text), 'interval')
    default:
      return /^reg/.test(type) ? giveUp(`a ${type}`) : string(text)
  }
}

/** Casts of what is no literal. */
const CASTS: { readonly [K in Kind]?: (arg: Node, held: Kind | undefined) => Node } = {
  text: (arg, held) =>
    held === undefined || held === 'integer' ? cast(arg, 'text') : giveUp(`the text of ${held}`),
  // PostgreSQL rounds, SQLite cuts off.
  integer: (arg, held) =>
    held === 'boolean'
      ? arg
      : held === undefined || held === 'integer'
        ? cast(arg, 'integer')
        : giveUp(`the integer of ${held}`),
  real: (arg) => cast(arg, 'real'),
  numeric: (arg, held) => (held === 'integer' ? cast(arg, 'numeric') : giveUp(`the decimal of ${held}`)),
  // Only of what is JSON's text already.
  json: (arg, held) => (held === 'text' ? arg : giveUp(`the JSON of ${held}`)),
  date: (arg, held) =>
    held === 'timestamptz' || held === 'timestamp' ? call('date', arg) : giveUp(`the date of ${held}`),
}

type Make = (args: readonly Node[], around: Surroundings) => Node | undefined

/** Functions that both databases have with one meaning. */
const SAME = new Set([
  'abs',
  'avg',
  'count',
  'dense_rank',
  'lag',
  'lead',
  'length',
  'lower',
  'ltrim',
  'max',
  'min',
  'rank',
  'replace',
  'row_number',
  'rtrim',
  'sum',
  'upper',
])

const renamed =
  (to: string): Make =>
  (args) =>
    call(to, ...args)

/** What PostgreSQL's functions are in SQLite. What is in none of the tables is not known there. */
const FUNCTIONS: Readonly<Record<string, Make>> = {
  btrim: renamed('trim'),
  char_length: renamed('length'),
  character_length: renamed('length'),
  strpos: renamed('instr'),
  position: renamed('instr'),
  chr: renamed('char'),
  jsonb_array_length: renamed('json_array_length'),
  json_array_length: renamed('json_array_length'),
  // Its escape is what stands in LIKE.
  like_escape: renamed('like_escape'),
  octet_length: ([text]) => text && call('length', cast(text, 'blob')),
  left: ([text, size]) =>
    text && size && Number(numberOf(size)) >= 0 ? call('substr', text, integer(1), size) : undefined,
  substr: (args) => substring(args),
  substring: (args) => substring(args),
  string_agg: renamed('group_concat'),
  round: (args, around) =>
    around.kind(args[0]) === 'real' && args.length === 1 ? call('round', ...args) : undefined,
}

/** Before the beginning the two count otherwise; a pattern is no place. */
function substring([text, from, ...length]: readonly Node[]): Node | undefined {
  return text && from && Number(numberOf(from)) >= 1 ? call('substr', text, from, ...length) : undefined
}

function called(fields: FuncCall, around: Surroundings): Node {
  const written = functionName(fields)
  const { args = [] } = fields
  if (fields.agg_order || fields.agg_within_group || fields.func_variadic)
    return giveUp('an aggregate in an order')
  if (SAME.has(written)) {
    if (written === 'length' && around.kind(args[0]) === 'blob') return { FuncCall: fields }
    return { FuncCall: { ...fields, funcname: [name(written)] } }
  }
  const made = FUNCTIONS[written]?.(args, around) ?? giveUp(`the function ${written}`)
  if (!fields.over && !fields.agg_filter && !fields.agg_distinct) return made
  if (!('FuncCall' in made)) return giveUp(`OVER of ${written}`)
  return { FuncCall: { ...fields, ...made.FuncCall } }
}

/** Operators that mean the same in both. */
const ALIKE = new Set(['+', '-', '*', '/', '%', '&', '|', '<<', '>>', '||', '->', '->>'])

const LIKES: Readonly<Record<string, string>> = { '~~': '~~', '!~~': '!~~', '~~*': '~~', '!~~*': '!~~' }

function operation(fields: A_Expr, around: Surroundings): Node {
  const { kind, lexpr, rexpr } = fields
  const op = lastWord(fields.name)
  switch (kind) {
    case 'AEXPR_IN':
    case 'AEXPR_BETWEEN':
    case 'AEXPR_NOT_BETWEEN': {
      const items = rexpr && 'List' in rexpr ? (rexpr.List.items ?? []) : []
      const list: Node = { List: { items: items.map((item) => against(item, lexpr, around)) } }
      return { A_Expr: { ...fields, rexpr: list } }
    }
    case 'AEXPR_DISTINCT':
    case 'AEXPR_NOT_DISTINCT':
    case 'AEXPR_NULLIF':
      return { A_Expr: compared(fields, around) }
    case 'AEXPR_LIKE':
    case 'AEXPR_ILIKE':
      return like(op, lexpr, rexpr)
    case 'AEXPR_OP_ANY':
    case 'AEXPR_OP_ALL': {
      const isIn = op === (kind === 'AEXPR_OP_ANY' ? '=' : '<>')
      const items = elements(rexpr)
      if (!isIn || items === undefined || lexpr === undefined) return giveUp(`${op} of an array`)
      return { A_Expr: { kind: 'AEXPR_IN', name: [name(op)], lexpr, rexpr: { List: { items } } } }
    }
    case 'AEXPR_OP':
      break
    default:
      return giveUp(`the operation ${kind}`)
  }
  const shift = shifted(op, lexpr, rexpr)
  if (shift !== undefined) return shift
  if (LIKES[op] !== undefined) return like(op, lexpr, rexpr)
  if (op === '#>>' || op === '#>') {
    const [, path] = /^\{([\w,]+)\}$/.exec(stringOf(rexpr) ?? '') ?? []
    if (path === undefined) return giveUp(op)
    const steps = path.split(',').map((step) => (/^\d+$/.test(step) ? `[${step}]` : `.${step}`))
    return operator(op.replace('#', '-'), lexpr, string(`$${steps.join('')}`))
  }
  if ([lexpr, rexpr].some((side) => side && 'A_ArrayExpr' in side)) return giveUp('an array')
  const held = [around.kind(lexpr), around.kind(rexpr)]
  if (held.some((one) => one === 'array' || one === 'interval'))
    return giveUp(`${op} of ${held.join(' and ')}`)
  // SQLite keeps a whole number as an integer, and divides it as one.
  if (op === '/' && held.includes('numeric')) return giveUp('a division of decimals')
  if (!COMPARISONS.has(op) && held.some((one) => one === 'timestamptz' || one === 'date'))
    return giveUp('a sum of dates')
  if (COMPARISONS.has(op)) return { A_Expr: compared(fields, around) }
  return ALIKE.has(op) ? { A_Expr: fields } : giveUp(`the operator ${op}`)
}

/** A value as it is compared with another. */
function against(node: Node, other: Node | undefined, around: Surroundings): Node {
  return 'A_Const' in node ? fitted(node, around.kind(other), 'sqlite') : node
}

function compared(fields: A_Expr, around: Surroundings): A_Expr {
  const { lexpr, rexpr } = fields
  return {
    ...fields,
    ...(lexpr && { lexpr: against(lexpr, rexpr, around) }),
    ...(rexpr && { rexpr: against(rexpr, lexpr, around) }),
  }
}

/** `now() - interval '7 days'`. */
function shifted(op: string, left: Node | undefined, right: Node | undefined): Node | undefined {
  if ((op !== '+' && op !== '-') || momentOf(left) !== 'now' || !right || !('TypeCast' in right))
    return undefined
  const [, amount, unit] =
    /^(\d+) (second|minute|hour|day|month|year|mon)s?$/.exec(stringOf(right.TypeCast.arg) ?? '') ?? []
  if (unit === undefined) return undefined
  const words = `${op}${amount} ${unit === 'mon' ? 'month' : unit}s`
  return call('datetime', string('now'), string(words))
}

/** SQLite's LIKE knows no case: it takes what PostgreSQL takes, and more. Denied, it would take less. */
function like(op: string, left: Node | undefined, right: Node | undefined): Node {
  const pattern = stringOf(right)
  const knowsCase = op === '~~' || op === '!~~'
  const hasLetters = pattern === undefined || /\p{L}/u.test(pattern)
  if (op === '!~~' && knowsCase && hasLetters) return giveUp('NOT LIKE')
  const escaped = right && 'FuncCall' in right && functionName(right.FuncCall) === 'like_escape'
  if (pattern === undefined && !escaped) return giveUp('LIKE of no string')
  // PostgreSQL escapes with a backslash unless it is told otherwise.
  const rexpr = pattern?.includes('\\') ? call('like_escape', string(pattern), string('\\')) : right
  return {
    A_Expr: {
      kind: 'AEXPR_LIKE',
      name: [name(LIKES[op] ?? op)],
      ...(left && { lexpr: left }),
      ...(rexpr && { rexpr }),
    },
  }
}

/** What an array holds, written as ARRAY[…] or as '{…}'. */
function elements(node: Node | undefined): Node[] | undefined {
  if (node && 'A_ArrayExpr' in node) return node.A_ArrayExpr.elements ?? []
  const [, inside] = /^\{([^{}\\"]*)\}$/.exec(stringOf(node) ?? '') ?? []
  return inside?.split(',').map(string)
}
