import type { Node } from 'libpg-query'
import { functionName, lastWord, numberOf, stringOf, truthOf, words } from '../../schema/convert/ast.ts'
import { listText, nameText, stringText } from '../../schema/sql/names.ts'
import { bare, isWord, type Token, tokensOf, unquoted } from '../../schema/tokens.ts'
import { held } from './statement.ts'
import { typeText } from './types.ts'

/** How often a function gives something new: for each row, for each statement, never. */
export type Volatility = 'volatile' | 'stable'

/** PostgreSQL's own functions that give something new for each row, and those of well-known extensions. */
const VOLATILE = set(`
  random random_normal clock_timestamp timeofday nextval currval lastval setval gen_random_uuid uuidv4 uuidv7
  uuid_generate_v1 uuid_generate_v1mc uuid_generate_v4 gen_random_bytes gen_salt pg_sleep set_config setseed`)

/** Those that a default is often made with, and that give the same for every row of a statement. */
const STABLE = set(`
  now transaction_timestamp statement_timestamp timezone date_trunc date_part extract age to_char to_date to_timestamp
  to_number make_date make_time make_timestamp make_timestamptz make_interval justify_days justify_hours
  justify_interval current_setting current_database current_schema current_user session_user version txid_current
  pg_current_xact_id inet_client_addr pg_backend_pid lower upper initcap concat concat_ws format length char_length octet_length
  substr substring left right lpad rpad trim btrim ltrim rtrim replace translate repeat reverse split_part strpos
  position overlay regexp_replace regexp_match md5 sha224 sha256 sha384 sha512 encode decode digest hmac convert_to
  convert_from chr ascii quote_ident quote_literal to_hex abs ceil ceiling floor round trunc sqrt power mod sign div
  greatest least exp ln log pi json_build_object json_build_array jsonb_build_object jsonb_build_array json_object
  jsonb_object to_json to_jsonb row_to_json jsonb_set jsonb_insert jsonb_strip_nulls jsonb_array_length array_append
  array_cat array_fill array_length array_position array_prepend array_remove array_to_string cardinality
  string_to_array to_tsvector to_tsquery plainto_tsquery setweight point box circle int4range int8range numrange
  daterange tsrange tstzrange lower_inc upper_inc isempty coalesce nullif hashtext uuid_nil uuid_ns_dns uuid_ns_url
  uuid_generate_v3 uuid_generate_v5 st_makepoint st_setsrid st_geomfromtext text varchar int4 int8 numeric date
  host network masklen family like_escape xmlparse`)

function set(words: string): ReadonlySet<string> {
  return new Set(words.trim().split(/\s+/))
}

/**
 * The first function in an expression that gives something new for each row, so that a default of it needs every row
 * written. A function of which nothing is known counts, as PostgreSQL takes one that does not say.
 *
 * @param known what the catalog knows of a function
 */
export function volatileIn(
  expression: unknown,
  known: (name: readonly string[]) => Volatility | undefined,
): string | undefined {
  for (const call of callsIn(expression)) {
    const name = functionName(call)
    const own = known(words(call.funcname))
    if (own !== undefined) {
      if (own === 'volatile') return name
    } else if (VOLATILE.has(name.split('.').at(-1) ?? '') || !STABLE.has(name)) return name
  }
  return undefined
}

type Call = Parameters<typeof functionName>[0]

function* callsIn(value: unknown): Generator<Call> {
  if (typeof value !== 'object' || value === null) return
  for (const [key, inner] of Object.entries(value)) {
    if (key === 'FuncCall') yield inner as Call
    yield* callsIn(inner)
  }
}

/** The column that an expression is, without its table. */
export function columnOf(node: unknown): string | undefined {
  const fields = held(node, 'ColumnRef')?.fields
  return fields === undefined ? undefined : lastWord(fields)
}

/** Every column that an expression names. */
export function columnsIn(value: unknown, found = new Set<string>()): Set<string> {
  if (typeof value !== 'object' || value === null) return found
  const column = columnOf(value)
  if (column !== undefined) found.add(column)
  else for (const inner of Object.values(value)) columnsIn(inner, found)
  return found
}

/** The conditions that must all hold. */
export function conjuncts(node: Node | undefined): Node[] {
  if (node === undefined) return []
  const all = held(node, 'BoolExpr')
  return all?.boolop === 'AND_EXPR' ? (all.args ?? []).flatMap(conjuncts) : [node]
}

/** A value that needs no row: a constant, a parameter, a cast or an array of such, a call without columns. */
export function isConstant(node: unknown): boolean {
  if (node === undefined) return false
  return columnsIn(node).size === 0 && !hasSubquery(node)
}

export function hasSubquery(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false
  return Object.entries(value).some(([key, inner]) => key === 'SelectStmt' || hasSubquery(inner))
}

/** A condition that every row meets: true, 1 = 1, id = id, id IS NOT NULL of a key. */
export function isTautology(node: Node | undefined, required: (column: string) => boolean): boolean {
  return conjuncts(node).every((part) => {
    if (truthOf(part) === true) return true
    const test = held(part, 'NullTest')
    if (test?.nulltesttype === 'IS_NOT_NULL') return required(columnOf(test.arg) ?? '')
    const sides = held(part, 'A_Expr')
    if (sides === undefined || lastWord(sides.name) !== '=') return false
    const [left, right] = [sides.lexpr, sides.rexpr]
    return left !== undefined && right !== undefined && expressionText(left) === expressionText(right)
  })
}

/** The columns of which a CHECK says that they are not NULL. */
export function notNullIn(check: string): string[] {
  if (!/null/i.test(check)) return []
  return conjunctsOf(tokensOf(check, 'postgres')).flatMap((tokens) => {
    const [column, is, not, nothing, ...more] = tokens
    const says = isWord(is, 'IS') && isWord(not, 'NOT') && isWord(nothing, 'NULL') && more.length === 0
    return says && column !== undefined ? [nameIn(column)] : []
  })
}

const nameIn = (token: Token) => (token.kind === 'word' ? token.text.toLowerCase() : unquoted(token))

/** The parts between the ANDs outside parentheses. Those of BETWEEN come out as halves that say nothing. */
function conjunctsOf(tokens: readonly Token[]): (readonly Token[])[] {
  const inner = bare(tokens)
  const parts: Token[][] = [[]]
  let depth = 0
  for (const token of inner) {
    if (token.kind === 'sign') depth += token.text === '(' ? 1 : token.text === ')' ? -1 : 0
    if (depth === 0 && isWord(token, 'OR')) return []
    if (depth === 0 && isWord(token, 'AND')) parts.push([])
    else parts.at(-1)?.push(token)
  }
  return parts.length === 1 ? [inner] : parts.flatMap(conjunctsOf)
}

/** What an expression is called where its text is not known. */
export const UNKNOWN = '…'

const VALUE_FUNCTIONS: Readonly<Record<string, string>> = {
  SVFOP_CURRENT_DATE: 'CURRENT_DATE',
  SVFOP_CURRENT_TIME: 'CURRENT_TIME',
  SVFOP_CURRENT_TIMESTAMP: 'CURRENT_TIMESTAMP',
  SVFOP_LOCALTIME: 'LOCALTIME',
  SVFOP_LOCALTIMESTAMP: 'LOCALTIMESTAMP',
  SVFOP_CURRENT_USER: 'CURRENT_USER',
  SVFOP_SESSION_USER: 'SESSION_USER',
  SVFOP_CURRENT_ROLE: 'CURRENT_ROLE',
}

/** An expression as SQL, for the common ones; `…` stands for what is not written here. */
export function expressionText(node: unknown, depth = 0): string {
  if (typeof node !== 'object' || node === null) return UNKNOWN
  for (const [kind, fields] of Object.entries(node)) {
    const write = WRITERS[kind]
    return write === undefined ? UNKNOWN : write(fields as Loose, depth)
  }
  return UNKNOWN
}

/** Fields of whatever node. */
type Loose = Readonly<Record<string, unknown>>

const nodes = (value: unknown) => (Array.isArray(value) ? (value as Node[]) : [])
const inner = (node: unknown) => expressionText(node, 1)
const around = (text: string, depth: number) => (depth > 0 ? `(${text})` : text)
const each = (value: unknown) =>
  nodes(value)
    .map((node) => expressionText(node))
    .join(', ')

const WRITERS: Readonly<Record<string, (fields: Loose, depth: number) => string>> = {
  A_Const: (fields) => {
    const node = { A_Const: fields } as unknown as Node
    if (fields.isnull === true) return 'NULL'
    const text = stringOf(node)
    if (text !== undefined) return stringText(text)
    return numberOf(node) ?? truthOf(node)?.toString() ?? UNKNOWN
  },
  ColumnRef: ({ fields }) =>
    words(nodes(fields))
      .map((word) => (word === '*' ? word : nameText('postgres', word)))
      .join('.'),
  TypeCast: ({ arg, typeName }) => `${inner(arg)}::${typeText(typeName as never)}`,
  CollateClause: ({ arg, collname }) =>
    `${inner(arg)} COLLATE ${nameText('postgres', lastWord(nodes(collname)))}`,
  FuncCall: (fields) => {
    const name = words(nodes(fields.funcname)).filter((word) => word !== 'pg_catalog')
    const args = fields.agg_star === true ? '*' : each(fields.args)
    return `${name.map((word) => nameText('postgres', word)).join('.')}(${args})`
  },
  SQLValueFunction: ({ op }) => VALUE_FUNCTIONS[op as string] ?? UNKNOWN,
  CoalesceExpr: ({ args }) => `COALESCE(${each(args)})`,
  MinMaxExpr: ({ op, args }) => `${op === 'IS_LEAST' ? 'LEAST' : 'GREATEST'}(${each(args)})`,
  A_ArrayExpr: ({ elements }) => `ARRAY[${each(elements)}]`,
  RowExpr: ({ args }) => `(${each(args)})`,
  List: ({ items }) => each(items),
  NullTest: ({ arg, nulltesttype }, depth) =>
    around(`${inner(arg)} IS ${nulltesttype === 'IS_NOT_NULL' ? 'NOT NULL' : 'NULL'}`, depth),
  BooleanTest: ({ arg, booltesttype }, depth) =>
    around(`${inner(arg)} ${String(booltesttype).replaceAll('_', ' ')}`, depth),
  BoolExpr: ({ boolop, args }, depth) => {
    if (boolop === 'NOT_EXPR') return around(`NOT ${nodes(args).map(inner).join('')}`, depth)
    return around(
      nodes(args)
        .map(inner)
        .join(boolop === 'AND_EXPR' ? ' AND ' : ' OR '),
      depth,
    )
  },
  A_Expr: ({ kind, name, lexpr, rexpr }, depth) => {
    const op = lastWord(nodes(name))
    const left = lexpr === undefined ? '' : `${inner(lexpr)} `
    const bounds = () =>
      nodes((rexpr as { List?: Loose })?.List?.items)
        .map(inner)
        .join(' AND ')
    switch (kind) {
      case 'AEXPR_OP':
        return around(`${left}${op} ${inner(rexpr)}`, depth)
      case 'AEXPR_IN':
        return around(`${left}${op === '<>' ? 'NOT IN' : 'IN'} (${expressionText(rexpr)})`, depth)
      case 'AEXPR_OP_ANY':
      case 'AEXPR_OP_ALL':
        return around(
          `${left}${op} ${kind === 'AEXPR_OP_ANY' ? 'ANY' : 'ALL'} (${expressionText(rexpr)})`,
          depth,
        )
      case 'AEXPR_LIKE':
      case 'AEXPR_ILIKE': {
        const word = kind === 'AEXPR_LIKE' ? 'LIKE' : 'ILIKE'
        return around(`${left}${op.startsWith('!') ? `NOT ${word}` : word} ${inner(rexpr)}`, depth)
      }
      case 'AEXPR_BETWEEN':
        return around(`${left}BETWEEN ${bounds()}`, depth)
      case 'AEXPR_NOT_BETWEEN':
        return around(`${left}NOT BETWEEN ${bounds()}`, depth)
      case 'AEXPR_DISTINCT':
        return around(`${left}IS DISTINCT FROM ${inner(rexpr)}`, depth)
      case 'AEXPR_NOT_DISTINCT':
        return around(`${left}IS NOT DISTINCT FROM ${inner(rexpr)}`, depth)
      case 'AEXPR_NULLIF':
        return `NULLIF(${expressionText(lexpr)}, ${expressionText(rexpr)})`
      default:
        return UNKNOWN
    }
  },
}

/** Columns in parentheses. */
export const columnList = (columns: readonly string[]) => listText('postgres', columns)
