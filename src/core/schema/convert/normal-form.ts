import type { A_Expr, FuncCall, Node } from 'libpg-query'
import {
  call,
  functionName,
  integer,
  isNull,
  lastWord,
  name,
  nodesOf,
  number,
  numberOf,
  operator,
  type Rules,
  rewrite,
  string,
  stringOf,
  truthOf,
  words,
} from './ast.ts'

import { asksEpoch, momentOf, utcOf } from './moments.ts'

/** Two expressions of one normal form mean the same, in whichever database each was written. */
export function normalForm(tree: Node): string {
  const tables = nodesOf(tree, 'RangeVar').length
  return sorted(condition(rewrite(tree, tables > 1 ? RULES : { ...RULES, ColumnRef: unqualified })))
}

/** A name's case is no part of it where one side is SQLite. */
function columnRef(fields: Node[] | undefined): Node {
  return {
    ColumnRef: {
      fields: words(fields).map((word) => (word === '*' ? { A_Star: {} } : name(word.toLowerCase()))),
    },
  }
}

/** Among the columns of one table the table need not be said. */
function unqualified({ fields = [] }: { fields?: Node[] }): Node {
  return columnRef(fields.slice(-1))
}

const RULES: Rules = {
  ColumnRef: ({ fields }) => columnRef(fields),
  RangeVar: ({ relname = '', schemaname, alias }) => ({
    RangeVar: {
      relname: relname.toLowerCase(),
      ...(schemaname !== undefined && schemaname !== 'public' && schemaname !== 'main' && { schemaname }),
      ...(alias && { alias }),
    },
  }),
  ResTarget: ({ name: label, val, ...rest }) => {
    const own = val && 'ColumnRef' in val ? lastWord(val.ColumnRef.fields) : undefined
    const kept = label?.toLowerCase() === own ? undefined : label?.toLowerCase()
    return { ResTarget: { ...(kept !== undefined && { name: kept }), ...(val && { val }), ...rest } }
  },
  SortBy: ({ node, sortby_dir }) => ({
    SortBy: {
      ...(node && { node }),
      sortby_dir: sortby_dir === 'SORTBY_DESC' ? 'SORTBY_DESC' : 'SORTBY_ASC',
    },
  }),
  TypeCast: ({ arg, typeName }) => {
    const bare: Node = arg ?? { A_Const: { isnull: true } }
    const type = lastWord(typeName?.names)
    // What the rules for the leaves have made of it is already a moment by its name.
    if (type === 'date' && momentName(bare) === 'now') return moment('today')
    const text = stringOf(bare)
    if (text === undefined) return bare
    if (NUMBERS.has(type) && /^[-+]?[\d.]+(e[-+]?\d+)?$/i.test(text)) return number(plain(text))
    if (type === 'interval') return string(text.replace(/s$/, ''))
    if (type === 'bool') return integer(/^(t|true|1|on|yes|y)$/i.test(text) ? 1 : 0)
    return bare
  },
  A_Const: (fields) => {
    const node: Node = { A_Const: fields }
    const [value, digits, text] = [truthOf(node), numberOf(node), stringOf(node)]
    if (value !== undefined) return integer(value ? 1 : 0)
    if (digits !== undefined) return number(plain(digits))
    if (fields.bsval !== undefined)
      return { A_Const: { bsval: { bsval: fields.bsval.bsval?.toLowerCase() ?? '' } } }
    if (text !== undefined && /^\\x([0-9a-f]{2})*$/i.test(text)) {
      return { A_Const: { bsval: { bsval: text.slice(1).toLowerCase() } } }
    }
    if (text === undefined) return node
    const utc = utcOf(text) ?? text
    return string(MOMENT.exec(utc)?.[1] ?? utc)
  },
  SQLValueFunction: (fields) => {
    const node: Node = { SQLValueFunction: fields }
    const known = momentOf(node)
    return known === undefined ? node : moment(known)
  },
  FuncCall: (fields) => functionForm(fields),
  A_Expr: (fields) => operatorForm(fields),
  BoolExpr: ({ boolop, args = [] }) => {
    const [first = integer(1)] = args
    if (boolop !== 'NOT_EXPR')
      return junction(boolop === 'OR_EXPR' ? 'OR_EXPR' : 'AND_EXPR', args.map(condition))
    // A flag that is denied is a flag of 0.
    return 'ColumnRef' in first ? comparison('=', first, integer(0)) : not(first)
  },
  CaseExpr: ({ defresult, ...rest }) => ({
    CaseExpr: { ...rest, ...(defresult && !isNull(defresult) && { defresult }) },
  }),
  SelectStmt: ({ whereClause, ...rest }) => ({
    SelectStmt: { ...rest, ...(whereClause && { whereClause: condition(whereClause) }) },
  }),
  CollateClause: ({ arg, collname }) => ({
    CollateClause: { ...(arg && { arg }), collname: [name(lastWord(collname).toLowerCase())] },
  }),
}

/** As PostgreSQL writes it. SQLite's do not say that they are in UTC, and need not say that it is midnight. */
const MOMENT = /^(\d{4}-\d\d-\d\d(?: \d\d:\d\d:\d\d(?:\.\d+)?)??)(?: 00:00:00)?(?:\+00)?$/

const NUMBERS = new Set([
  'int2',
  'int4',
  'int8',
  'integer',
  'bigint',
  'smallint',
  'float4',
  'float8',
  'real',
  'numeric',
])

/** One way to write a number: `1.50` is 1.5, `007` is 7. */
function plain(digits: string): string {
  if (/e/i.test(digits)) return String(Number(digits))
  const [, sign = '', whole = '', fraction = ''] = /^([-+]?)0*(\d*)\.?(\d*?)0*$/.exec(digits) ?? []
  if (!digits.includes('.')) return digits.replace(/^\+/, '').replace(/^(-?)0+(?=\d)/, '$1')
  const value = `${whole || '0'}${fraction && `.${fraction}`}`
  return sign === '-' && value !== '0' ? `-${value}` : value
}

/** A moment stands in a normal form as a function that nobody can write. */
const moment = (which: string): Node => call(`@${which}`)

function momentName(node: Node | undefined): string | undefined {
  if (node === undefined || !('FuncCall' in node)) return undefined
  const [, which] = /^@(.*)$/.exec(functionName(node.FuncCall)) ?? []
  return which
}

/** One name of those that both databases give to one function. */
const SYNONYMS: Readonly<Record<string, string>> = {
  char_length: 'length',
  character_length: 'length',
  substring: 'substr',
  instr: 'strpos',
  position: 'strpos',
  trim: 'btrim',
  group_concat: 'string_agg',
  json_array_length: 'jsonb_array_length',
  json_type: 'jsonb_typeof',
  json_typeof: 'jsonb_typeof',
  if: 'iif',
  chr: 'char',
  uuid_generate_v4: 'gen_random_uuid',
  uuidv4: 'gen_random_uuid',
}

function functionForm(fields: FuncCall): Node {
  const written = functionName(fields)
  const called = SYNONYMS[written] ?? written
  const { args = [] } = fields
  const [first, second, third] = args
  const known = momentOf({ FuncCall: fields }) ?? momentOfForm(called, args)
  if (known !== undefined) return moment(known)
  const [, sign = '', length] = /^([-+]?)(\d+ [a-z]+?)s?$/.exec(stringOf(second) ?? '') ?? []
  if (called === 'datetime' && args.length === 2 && stringOf(first) === 'now' && length !== undefined) {
    return comparison(sign || '+', moment('now'), string(length))
  }
  if (called === 'ifnull' || called === 'coalesce') return { CoalesceExpr: { args } }
  if (called === 'iif' && first !== undefined && second !== undefined) {
    const when: Node = { CaseWhen: { expr: first, result: second } }
    return { CaseExpr: { args: [when], ...(third && !isNull(third) && { defresult: third }) } }
  }
  if (called === 'json_extract' && args.length === 2)
    return operatorForm({
      kind: 'AEXPR_OP',
      name: [name('->>')],
      ...(first && { lexpr: first }),
      ...(second && { rexpr: second }),
    })
  if (called === 'like_escape' && first !== undefined && stringOf(second) === '\\') return first
  if (isRandom({ FuncCall: fields })) return call('gen_random_uuid')
  return { FuncCall: { ...fields, funcname: [name(called)], ...(args.length > 0 && { args }) } }
}

/** A function around a moment, whose own form it has already. */
function momentOfForm(called: string, args: readonly Node[]): string | undefined {
  const [first, second] = args
  if (called === 'timezone' && /^utc$/i.test(stringOf(first) ?? '')) return momentName(second)
  if (called === 'to_char' && momentName(first) === 'now') return 'now'
  if (asksEpoch(called, first) && momentName(second)) return 'epoch'
  return undefined
}

/** SQLite's ways to a random name: hexadecimal digits of random bytes, with dashes or without. */
export function isRandom(node: Node): boolean {
  if ('FuncCall' in node) {
    const [called, { args = [] }] = [functionName(node.FuncCall), node.FuncCall]
    const [first] = args
    if (called === 'gen_random_uuid') return args.length === 0
    if (called === 'hex' && first && 'FuncCall' in first) {
      const [size] = first.FuncCall.args ?? []
      return functionName(first.FuncCall) === 'randomblob' && numberOf(size) === '16'
    }
    return (called === 'lower' || called === 'upper') && first !== undefined && isRandom(first)
  }
  if (!('A_Expr' in node) || lastWord(node.A_Expr.name) !== '||') return false
  return nodesOf(node, 'FuncCall').filter((one) => functionName(one) === 'randomblob').length >= 4
}

/** The other side of a comparison, and its opposite. */
const SWAPPED: Readonly<Record<string, string>> = { '>': '<', '>=': '<=' }
const OPPOSITE: Readonly<Record<string, string>> = {
  '=': '<>',
  '<>': '=',
  '<': '>=',
  '>=': '<',
  '>': '<=',
  '<=': '>',
}
const DISTINCT: Readonly<Record<string, 'AEXPR_DISTINCT' | 'AEXPR_NOT_DISTINCT'>> = {
  AEXPR_DISTINCT: 'AEXPR_NOT_DISTINCT',
  AEXPR_NOT_DISTINCT: 'AEXPR_DISTINCT',
}
const EITHER_WAY = new Set(['=', '<>', '+', '*', '&', '|'])

/** LIKE in its four ways of writing, and whether it says NOT. SQLite's LIKE knows no case, as ILIKE. */
const LIKES: Readonly<Record<string, boolean>> = { '~~': false, '~~*': false, '!~~': true, '!~~*': true }

const ANOTHER_WAY: Readonly<Record<string, string>> = { '!=': '<>', '==': '=' }

function operatorForm(fields: A_Expr): Node {
  const { kind, lexpr, rexpr } = fields
  const written = lastWord(fields.name)
  const op = ANOTHER_WAY[written] ?? written
  const between = rexpr && 'List' in rexpr ? (rexpr.List.items ?? []) : []
  const [low, high] = between
  switch (kind) {
    case 'AEXPR_BETWEEN':
      return junction('AND_EXPR', [comparison('>=', lexpr, low), comparison('<=', lexpr, high)])
    case 'AEXPR_NOT_BETWEEN':
      return junction('OR_EXPR', [comparison('<', lexpr, low), comparison('>', lexpr, high)])
    case 'AEXPR_IN':
      return membership(op, lexpr, between)
    case 'AEXPR_OP_ANY':
    case 'AEXPR_OP_ALL': {
      const items = elements(rexpr)
      const isList = op === (kind === 'AEXPR_OP_ANY' ? '=' : '<>')
      return items && isList ? membership(op, lexpr, items) : { A_Expr: fields }
    }
    case 'AEXPR_LIKE':
    case 'AEXPR_ILIKE':
      return like(LIKES[op] ?? false, lexpr, rexpr)
    case 'AEXPR_OP':
      break
    default:
      return { A_Expr: fields }
  }
  if (LIKES[op] !== undefined && lexpr) return like(LIKES[op], lexpr, rexpr)
  if (isRandom({ A_Expr: fields })) return call('gen_random_uuid')
  const digits = numberOf(rexpr)
  if (lexpr === undefined && op === '-' && digits !== undefined) {
    return number(digits.startsWith('-') ? digits.slice(1) : plain(`-${digits}`))
  }
  if (lexpr === undefined && op === '+' && rexpr !== undefined) return rexpr
  if (op === '->>' || op === '->') return operator(op, lexpr, pathForm(rexpr))
  if (op === '#>>' || op === '#>') return operator(op.replace('#', '-'), lexpr, pathForm(rexpr))
  return comparison(op, lexpr, rexpr)
}

function comparison(op: string, left: Node | undefined, right: Node | undefined): Node {
  const swapped = SWAPPED[op]
  if (swapped !== undefined) return operator(swapped, right, left)
  if (!EITHER_WAY.has(op) || left === undefined || right === undefined) return operator(op, left, right)
  const [one, other] = sorted(left) <= sorted(right) ? [left, right] : [right, left]
  return operator(op, one, other)
}

/** A list's order says nothing, nor does a value that it names twice. */
function membership(op: string, of: Node | undefined, items: readonly Node[]): Node {
  const unique = new Map(items.map((item) => [sorted(item), item]))
  const list = [...unique].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, item]) => item)
  if (list.length === 1) return comparison(op, of, list[0])
  return {
    A_Expr: {
      kind: 'AEXPR_IN',
      name: [name(op)],
      ...(of && { lexpr: of }),
      rexpr: { List: { items: list } },
    },
  }
}

function like(negative: boolean, left: Node | undefined, right: Node | undefined): Node {
  return {
    A_Expr: {
      kind: 'AEXPR_LIKE',
      name: [name(negative ? '!~~' : '~~')],
      ...(left && { lexpr: left }),
      ...(right && { rexpr: right }),
    },
  }
}

/** What an array holds, written as ARRAY[…] or as '{…}'. */
function elements(node: Node | undefined): readonly Node[] | undefined {
  if (node && 'A_ArrayExpr' in node) return node.A_ArrayExpr.elements ?? []
  const [, inside] = /^\{([^{}\\"]*)\}$/.exec(stringOf(node) ?? '') ?? []
  return inside?.split(',').map(string)
}

/** Where in a JSON text: `'a'` and `'$.a'` are one path, `'{a,b}'` and `'$.a.b'` another. */
function pathForm(path: Node | undefined): Node | undefined {
  const text = stringOf(path)
  if (text === undefined) return path
  const [, list] = /^\{(.*)\}$/.exec(text) ?? []
  return string(list === undefined ? text.replace(/^\$\./, '') : list.split(',').join('.'))
}

/** AND and OR are flat, and their order says nothing. */
function junction(boolop: 'AND_EXPR' | 'OR_EXPR', args: readonly Node[]): Node {
  const flat = args.flatMap((arg) =>
    'BoolExpr' in arg && arg.BoolExpr.boolop === boolop ? (arg.BoolExpr.args ?? []) : [arg],
  )
  const unique = new Map(flat.map((arg) => [sorted(arg), arg]))
  const list = [...unique].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, arg]) => arg)
  const [only] = list
  return list.length === 1 && only !== undefined ? only : { BoolExpr: { boolop, args: list } }
}

/** NOT goes down to what it denies. */
function not(node: Node): Node {
  if ('BoolExpr' in node) {
    const { boolop, args = [] } = node.BoolExpr
    if (boolop === 'NOT_EXPR' && args[0] !== undefined) return args[0]
    return junction(boolop === 'AND_EXPR' ? 'OR_EXPR' : 'AND_EXPR', args.map(not))
  }
  if ('NullTest' in node) {
    const nulltesttype = node.NullTest.nulltesttype === 'IS_NULL' ? 'IS_NOT_NULL' : 'IS_NULL'
    return { NullTest: { ...node.NullTest, nulltesttype } }
  }
  if ('A_Expr' in node) {
    const { kind, lexpr, rexpr } = node.A_Expr
    const op = lastWord(node.A_Expr.name)
    if (kind === 'AEXPR_LIKE') return like(op === '~~', lexpr, rexpr)
    const opposite = OPPOSITE[op]
    const distinct = DISTINCT[kind ?? '']
    if (distinct !== undefined) return { A_Expr: { ...node.A_Expr, kind: distinct } }
    if (kind === 'AEXPR_IN' && opposite) return { A_Expr: { ...node.A_Expr, name: [name(opposite)] } }
    if (kind === 'AEXPR_OP' && opposite) return comparison(opposite, lexpr, rexpr)
  }
  return { BoolExpr: { boolop: 'NOT_EXPR', args: [node] } }
}

/** A column alone, where a condition is asked for, is a flag: `enabled` is `enabled = 1`. */
function condition(node: Node): Node {
  return 'ColumnRef' in node ? comparison('=', node, integer(1)) : node
}

/** The same tree is the same text. */
function sorted(value: unknown): string {
  return JSON.stringify(value, (_, inner: unknown) => {
    if (typeof inner !== 'object' || inner === null || Array.isArray(inner)) return inner
    return Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
  })
}
