import type { A_Const, FuncCall, Node, SelectStmt } from 'libpg-query'

/** The names of nodes of PostgreSQL's syntax tree. */
export type NodeName = Node extends infer N ? (N extends N ? keyof N : never) : never

/** What a node of that name holds. */
export type Fields<K extends NodeName> =
  Extract<Node, Record<K, unknown>> extends Record<K, infer F> ? F : never

/** What becomes of a node, by its name; what stands in it was rewritten before. */
export type Rules = { readonly [K in NodeName]?: (fields: Fields<K>) => Node }

/** Where something stands in the text, and how it was written: no part of its meaning. */
const PLACES = new Set([
  'location',
  'list_start',
  'list_end',
  'rexpr_list_start',
  'rexpr_list_end',
  'stmt_location',
  'stmt_len',
  'funcformat',
])

/**
 * A tree after the rules, from its leaves up.
 *
 * @param refuse is told the name of every node that has no rule
 */
export function rewrite<T>(tree: T, rules: Rules, refuse?: (name: NodeName) => void): T {
  const visit = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(visit)
    if (typeof value !== 'object' || value === null) return value
    const copy = Object.fromEntries(
      Object.entries(value)
        .filter(([key]) => !PLACES.has(key))
        .map(([key, inner]) => [key, visit(inner)]),
    )
    const name = nameOfNode(copy)
    if (name === undefined) return copy
    const rule = rules[name] as ((fields: unknown) => Node) | undefined
    if (rule === undefined) refuse?.(name)
    return rule === undefined ? copy : rule(copy[name])
  }
  return visit(tree) as T
}

/** Every node of a name in a tree, wherever it stands. */
export function nodesOf<K extends NodeName>(tree: unknown, name: K): Fields<K>[] {
  const found: Fields<K>[] = []
  const visit = (value: unknown): void => {
    if (typeof value !== 'object' || value === null) return
    for (const [key, inner] of Object.entries(value)) {
      if (key === name) found.push(inner as Fields<K>)
      visit(inner)
    }
  }
  visit(tree)
  return found
}

/** A node is an object with one name, in capitals, for what it holds. */
function nameOfNode(value: object): NodeName | undefined {
  const [name, ...others] = Object.keys(value)
  return name !== undefined && others.length === 0 && /^[A-Z]/.test(name) ? (name as NodeName) : undefined
}

/** The words of a list of strings: a qualified name. */
export function words(nodes: readonly Node[] = []): string[] {
  return nodes.map(word)
}

const word = (node: Node) => ('String' in node ? (node.String.sval ?? '') : '*')

/** The last word of a qualified name: an operator, a function, a type. */
export function lastWord(nodes: readonly Node[] | undefined): string {
  const last = nodes?.at(-1)
  return last === undefined ? '' : word(last)
}

export const string = (sval: string): Node => ({ A_Const: { sval: { sval } } })
export const integer = (ival: number): Node => ({ A_Const: { ival: { ival } } })
export const truth = (boolval: boolean): Node => ({ A_Const: { boolval: { boolval } } })
export const name = (sval: string): Node => ({ String: { sval } })

export function call(funcname: string, ...args: Node[]): Node {
  return { FuncCall: { funcname: [name(funcname)], ...(args.length > 0 && { args }) } }
}

export function operator(op: string, lexpr: Node | undefined, rexpr: Node | undefined): Node {
  return { A_Expr: { kind: 'AEXPR_OP', name: [name(op)], ...(lexpr && { lexpr }), ...(rexpr && { rexpr }) } }
}

export function cast(arg: Node, type: string): Node {
  return { TypeCast: { arg, typeName: { names: type.split('.').map(name), typemod: -1 } } }
}

/** The text of a string constant. */
export function stringOf(node: Node | undefined): string | undefined {
  if (node === undefined || !('A_Const' in node) || node.A_Const.sval === undefined) return undefined
  return node.A_Const.sval.sval ?? ''
}

/** The text of a number. A zero is written by leaving it out. */
export function numberOf(node: Node | undefined): string | undefined {
  if (node === undefined || !('A_Const' in node)) return undefined
  const { ival, fval }: A_Const = node.A_Const
  if (ival !== undefined) return String(ival.ival ?? 0)
  return fval === undefined ? undefined : (fval.fval ?? '0')
}

/** `true` and `false`; a false is written by leaving it out. */
export function truthOf(node: Node | undefined): boolean | undefined {
  if (node === undefined || !('A_Const' in node) || node.A_Const.boolval === undefined) return undefined
  return node.A_Const.boolval.boolval ?? false
}

export function isNull(node: Node | undefined): boolean {
  return node !== undefined && 'A_Const' in node && node.A_Const.isnull === true
}

/** A number as a node. */
export function number(text: string): Node {
  const value = Number(text)
  const small = /^-?\d+$/.test(text) && Math.abs(value) < 2 ** 31
  return small ? integer(value) : { A_Const: { fval: { fval: text } } }
}

/** The name of a function in small letters, without the schema of PostgreSQL's own. */
export function functionName({ funcname }: FuncCall): string {
  const [first = '', ...rest] = words(funcname).map((word) => word.toLowerCase())
  return first === 'pg_catalog' && rest.length > 0 ? rest.join('.') : [first, ...rest].join('.')
}

/** The expression of a statement that only selects it. */
export function selected(statement: Node | undefined): Node | undefined {
  if (statement === undefined || !('SelectStmt' in statement)) return undefined
  const { targetList = [], ...rest }: SelectStmt = statement.SelectStmt
  const [target] = targetList
  const more = Object.keys(rest).filter((key) => key !== 'op' && key !== 'limitOption')
  if (more.length > 0 || targetList.length !== 1 || target === undefined || !('ResTarget' in target))
    return undefined
  return target.ResTarget.name === undefined ? target.ResTarget.val : undefined
}
