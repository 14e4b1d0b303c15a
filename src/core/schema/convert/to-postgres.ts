import type { A_Expr, FuncCall, Node } from 'libpg-query'
import type { Kind } from '../model.ts'
import {
  call,
  cast,
  functionName,
  integer,
  lastWord,
  name,
  numberOf,
  operator,
  type Rules,
  string,
  stringOf,
  truthOf,
} from './ast.ts'
import { momentOf } from './moments.ts'
import { COMPARISONS, condition, fitted, giveUp, type Surroundings } from './values.ts'

/** What SQLite says in words of its own. */
export function toPostgres(around: Surroundings): Rules {
  return {
    // PostgreSQL reads X'…' as bits.
    A_Const: (fields) => {
      const [, bytes] = /^x(.*)$/i.exec(fields.bsval?.bsval ?? '') ?? []
      return bytes === undefined ? { A_Const: fields } : cast(string(`\\x${bytes}`), 'bytea')
    },
    SQLValueFunction: (fields) => {
      const moment = momentOf({ SQLValueFunction: fields })
      if (moment === 'now') return call('now')
      return moment === 'today' ? { SQLValueFunction: fields } : giveUp('a time of day')
    },
    TypeCast: ({ arg, typeName }) => {
      if (arg === undefined) return giveUp('a cast of nothing')
      const type = lastWord(typeName?.names)
      const [target, sources] = CASTS[type] ?? giveUp(`a cast to ${type}`)
      const kind = around.kind(arg)
      if (kind === undefined || !sources.includes(kind)) return giveUp(`a cast from ${kind}`)
      return kind === (target === 'bigint' ? 'integer' : target) ? arg : cast(arg, target)
    },
    FuncCall: (fields) => {
      const moment = momentOf({ FuncCall: fields })
      if (moment === 'now') return call('now')
      if (moment === 'today') return { SQLValueFunction: { op: 'SVFOP_CURRENT_DATE', typmod: -1 } }
      if (moment === 'epoch') return EPOCH
      if (functionName(fields) === 'gen_random_uuid') return { FuncCall: fields }
      return called(fields, around)
    },
    A_Expr: (fields) => operation(fields, around),
    CollateClause: ({ arg, collname }) => {
      const collation = lastWord(collname).toLowerCase()
      if (arg === undefined || collation !== 'binary') return giveUp(`the collation ${collation}`)
      return arg
    },
  }
}

const EPOCH = cast(call('extract', string('epoch'), call('now')), 'bigint')

/** SQLite's casts: PostgreSQL's type, and from what it does the same. SQLite cuts a fraction off, PostgreSQL rounds. */
const CASTS: Readonly<Record<string, [string, readonly Kind[]]>> = {
  text: ['text', ['text', 'integer', 'uuid']],
  int4: ['bigint', ['integer']],
  int8: ['bigint', ['integer']],
  float4: ['double precision', ['integer', 'real', 'numeric']],
  real: ['double precision', ['integer', 'real', 'numeric']],
}

type Make = (args: readonly Node[], around: Surroundings) => Node | undefined

/** Functions of one argument's text, and others that both databases have with one meaning. */
const SAME = new Set([
  'abs',
  'coalesce',
  'count',
  'sum',
  'avg',
  'nullif',
  'row_number',
  'rank',
  'dense_rank',
  'lag',
  'lead',
])
const SAME_OF_TEXT = new Set(['lower', 'upper', 'length', 'replace', 'trim', 'btrim', 'ltrim', 'rtrim'])

/** What SQLite's functions are in PostgreSQL. What is in none of the tables is not known there. */
const FUNCTIONS: Readonly<Record<string, Make>> = {
  // What LIKE … ESCAPE is to the grammar.
  like_escape: (args) => call('like_escape', ...args),
  ifnull: (args) => ({ CoalesceExpr: { args: [...args] } }),
  iif: ([test, yes, no], around) => {
    if (test === undefined || yes === undefined) return undefined
    const when: Node = { CaseWhen: { expr: condition(test, 'postgres', around.kind), result: yes } }
    return { CaseExpr: { args: [when], ...(no && { defresult: no }) } }
  },
  instr: (args, around) => (args.every((arg) => isText(arg, around)) ? call('strpos', ...args) : undefined),
  substr: ([text, from, ...length], around) => {
    const start = Number(numberOf(from))
    // From the end, and from before the beginning, the two count otherwise.
    return text && from && start >= 1 && isText(text, around)
      ? call('substr', text, from, ...length)
      : undefined
  },
  min: (args) => (args.length === 1 ? call('min', ...args) : undefined),
  max: (args) => (args.length === 1 ? call('max', ...args) : undefined),
  round: (args, around) =>
    args.length === 1 || around.kind(args[0]) === 'numeric' ? call('round', ...args) : undefined,
  group_concat: ([value, separator = string(',')]) =>
    value && call('string_agg', cast(value, 'text'), separator),
  json_extract: ([json, path, ...more], around) => {
    const steps = pathOf(stringOf(path))
    return json && steps && more.length === 0 ? extracted('->>', json, steps, around) : undefined
  },
  json_array_length: ([json, ...path], around) =>
    json && path.length === 0 ? call('jsonb_array_length', jsonOf(json, around)) : undefined,
  date: ([value, ...more], around) => {
    if (value === undefined || more.length > 0) return undefined
    if (around.kind(value) === 'date') return value
    return around.kind(value) === 'timestamptz'
      ? cast(call('timezone', string('UTC'), value), 'date')
      : undefined
  },
  datetime: ([value, offset, ...more], around) => {
    if (value === undefined || more.length > 0) return undefined
    if (offset === undefined) return around.kind(value) === 'timestamptz' ? value : undefined
    const [, sign = '', length] =
      /^([-+]?)(\d+ (second|minute|hour|day|month|year)s?)$/.exec(stringOf(offset) ?? '') ?? []
    if (stringOf(value) !== 'now' || length === undefined) return undefined
    return operator(sign === '-' ? '-' : '+', call('now'), cast(string(length), 'interval'))
  },
}

function called(fields: FuncCall, around: Surroundings): Node {
  const written = functionName(fields)
  const { args = [] } = fields
  if (SAME.has(written)) return { FuncCall: { ...fields, funcname: [name(written)] } }
  if (SAME_OF_TEXT.has(written) && args.every((arg) => isText(arg, around))) {
    return { FuncCall: { ...fields, funcname: [name(written)] } }
  }
  const made = FUNCTIONS[written]?.(args, around)
  if (made === undefined || fields.agg_order || fields.agg_distinct) return giveUp(`the function ${written}`)
  if (!fields.over && !fields.agg_filter) return made
  if (!('FuncCall' in made)) return giveUp(`OVER of ${written}`)
  return { FuncCall: { ...fields, ...made.FuncCall } }
}

/** A text, or a column of which nothing is known. */
function isText(node: Node, around: Surroundings): boolean {
  const kind = around.kind(node)
  return kind === undefined || kind === 'text' || numberOf(node) !== undefined
}

/** Operators that mean the same in both. */
const ALIKE = new Set(['+', '-', '*', '/', '%', '&', '|', '<<', '>>'])

function operation(fields: A_Expr, around: Surroundings): Node {
  const { kind, lexpr, rexpr } = fields
  const op = lastWord(fields.name)
  const node: Node = { A_Expr: fields }
  switch (kind) {
    case 'AEXPR_LIKE':
      return like(fields, around)
    case 'AEXPR_NULLIF':
    case 'AEXPR_DISTINCT':
    case 'AEXPR_NOT_DISTINCT':
      return compared(fields, around, (l, r) => ({ A_Expr: { ...fields, lexpr: l, rexpr: r } }))
    case 'AEXPR_IN':
    case 'AEXPR_BETWEEN':
    case 'AEXPR_NOT_BETWEEN': {
      const items = rexpr && 'List' in rexpr ? (rexpr.List.items ?? []) : []
      const list: Node = { List: { items: items.map((item) => against(item, lexpr, around)) } }
      return { A_Expr: { ...fields, rexpr: list } }
    }
    case 'AEXPR_OP':
      break
    default:
      return giveUp(`the operation ${kind}`)
  }
  if (COMPARISONS.has(op)) return compared(fields, around, (l, r) => flagged(op, l, r, around))
  if (op === '->' || op === '->>') {
    const steps = pathOf(stringOf(rexpr)) ?? giveUp('a path that is no string')
    return lexpr ? extracted(op, lexpr, steps, around) : giveUp(op)
  }
  // SQLite binds it more tightly than PostgreSQL, and parentheses cannot be told any more.
  if (op === '||')
    return [lexpr, rexpr].some(isArithmetic) ? giveUp('|| beside +') : joined(lexpr, rexpr, around)
  if (!ALIKE.has(op) || [lexpr, rexpr].some(isJoined)) return giveUp(`the operator ${op}`)
  const known = [around.kind(lexpr), around.kind(rexpr)].filter((one) => one !== undefined)
  return known.every((one) => one === 'integer' || one === 'real' || one === 'numeric')
    ? node
    : giveUp(`${op} of no numbers`)
}

/** `||` of PostgreSQL asks for a text on one side. */
function joined(left: Node | undefined, right: Node | undefined, around: Surroundings): Node {
  const sides = [left, right].map((side) => {
    const kind = around.kind(side)
    if (side === undefined || kind === 'text' || kind === undefined) return side
    return kind === 'integer' ? cast(side, 'text') : giveUp(`|| of ${kind}`)
  })
  return operator('||', ...(sides as [Node | undefined, Node | undefined]))
}

const isArithmetic = (node: Node | undefined) =>
  node !== undefined && 'A_Expr' in node && ALIKE.has(lastWord(node.A_Expr.name))
const isJoined = (node: Node | undefined) =>
  node !== undefined && 'A_Expr' in node && /^(\|\||->>?|#>>?)$/.test(lastWord(node.A_Expr.name))

function compared(fields: A_Expr, around: Surroundings, make: (left: Node, right: Node) => Node): Node {
  const { lexpr, rexpr } = fields
  if (lexpr === undefined || rexpr === undefined) return giveUp('a comparison with nothing')
  return make(against(lexpr, rexpr, around), against(rexpr, lexpr, around))
}

/** A value as it is compared with another. */
function against(node: Node, other: Node | undefined, around: Surroundings): Node {
  const kind = around.kind(other)
  const digits = numberOf(node)
  // SQLite makes a text of a number beside a column of texts; elsewhere the two are never the same.
  if (kind === 'text' && digits !== undefined)
    return other && 'ColumnRef' in other ? string(digits) : giveUp('a text and a number')
  if ('ColumnRef' in node) {
    const held = around.kind(node)
    if (held === 'json') giveUp('a comparison of JSON')
    return node
  }
  return 'A_Const' in node || momentOf(node) !== undefined ? fitted(node, kind, 'postgres') : node
}

/** `enabled = 1` is `enabled`. */
function flagged(op: string, left: Node, right: Node, around: Surroundings): Node {
  const value = truthOf(right)
  if (op !== '=' || value === undefined || around.kind(left) !== 'boolean' || !('ColumnRef' in left)) {
    return operator(op, left, right)
  }
  return value ? left : { BoolExpr: { boolop: 'NOT_EXPR', args: [left] } }
}

/** SQLite's LIKE knows no case. Its backslash is a letter as any other. */
function like(fields: A_Expr, around: Surroundings): Node {
  const { lexpr, rexpr } = fields
  if (lexpr === undefined || !isText(lexpr, around)) return giveUp('LIKE of no text')
  const escaped = rexpr && 'FuncCall' in rexpr && functionName(rexpr.FuncCall) === 'like_escape'
  const pattern = stringOf(rexpr)
  if (!escaped && (pattern === undefined || pattern.includes('\\'))) return giveUp('a backslash in LIKE')
  if (pattern !== undefined && !/\p{L}/u.test(pattern)) return { A_Expr: fields }
  const op = lastWord(fields.name) === '!~~' ? '!~~*' : '~~*'
  return { A_Expr: { ...fields, kind: 'AEXPR_ILIKE', name: [name(op)] } }
}

/** The steps of a path into JSON: `$.a.b[0]`, or the name of a member. */
function pathOf(text: string | undefined): string[] | undefined {
  if (text === undefined) return undefined
  if (!text.startsWith('$')) return [text]
  if (!/^\$(\.\w+|\[\d+\])+$/.test(text)) return undefined
  return text.slice(1).match(/\w+/g) ?? undefined
}

function extracted(op: '->' | '->>', json: Node, steps: readonly string[], around: Surroundings): Node {
  const [only] = steps
  if (steps.length > 1 || only === undefined)
    return operator(op.replace('-', '#'), jsonOf(json, around), string(`{${steps.join(',')}}`))
  return operator(op, jsonOf(json, around), /^\d+$/.test(only) ? integer(Number(only)) : string(only))
}

/** A column of text that holds JSON. */
function jsonOf(node: Node, around: Surroundings): Node {
  return around.kind(node) === 'text' ? cast(node, 'jsonb') : node
}
