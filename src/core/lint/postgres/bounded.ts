import type { Node } from 'libpg-query'
import { lastWord, nodesOf, numberOf } from '../../schema/convert/ast.ts'
import type { Catalog } from './catalog.ts'
import { columnOf, conjuncts, hasSubquery, isConstant } from './expression.ts'
import { held, type Tree } from './statement.ts'

/** Rows that a statement may change at once without being in anyone's way. */
const MOST = 100_000

/** Why an UPDATE or a DELETE changes few rows: a key, a list, a range, a limit. Nothing where it may change many. */
export function boundOf(node: Tree, catalog: Catalog): 'key' | 'range' | 'limit' | undefined {
  const where = node.whereClause as Node | undefined
  if (hasLimit([where, node.withClause, node.fromClause, node.usingClause])) return 'limit'
  if (where === undefined || node.fromClause !== undefined || node.usingClause !== undefined) return undefined
  const parts = conjuncts(where)
  const key = catalog.keyOf(node.relation as never)
  // Of a table that is not known, `id` is taken for its key.
  const keys = catalog.table(key) === undefined ? [['id']] : catalog.uniqueKeys(key)
  const fixed = new Set(parts.flatMap((part) => fixedColumn(part) ?? []))
  if (keys.some((columns) => columns.every((column) => fixed.has(column)))) return 'key'
  return keys.some(([column, ...more]) => column !== undefined && more.length === 0 && isShort(parts, column))
    ? 'range'
    : undefined
}

/** `LIMIT 1000` in the query that chooses the rows. */
function hasLimit(nodes: unknown): boolean {
  return nodesOf(nodes, 'SelectStmt').some(({ limitCount }) => {
    const rows = numberOf(limitCount)
    return rows !== undefined && Number(rows) <= MOST
  })
}

/** The column that a condition gives one value, or a few. */
function fixedColumn(condition: Node): string | undefined {
  const either = held(condition, 'BoolExpr')
  if (either?.boolop === 'OR_EXPR') {
    const [first, ...more] = (either.args ?? []).map(fixedColumn)
    return more.every((column) => column === first) ? first : undefined
  }
  const { kind, name, lexpr, rexpr } = held(condition, 'A_Expr') ?? {}
  if (lastWord(name) !== '=') return undefined
  switch (kind) {
    case 'AEXPR_OP': {
      const [left, right] = [columnOf(lexpr), columnOf(rexpr)]
      if (left !== undefined && isConstant(rexpr)) return left
      if (left !== undefined && isOneRow(rexpr)) return left
      return right !== undefined && isConstant(lexpr) ? right : undefined
    }
    case 'AEXPR_IN':
    case 'AEXPR_OP_ANY':
      return isConstant(rexpr) ? columnOf(lexpr) : undefined
    default:
      return undefined
  }
}

/** A query in the place of a value gives one. */
function isOneRow(node: Node | undefined): boolean {
  return held(node, 'SubLink')?.subLinkType === 'EXPR_SUBLINK' && hasSubquery(node)
}

/** Whether a column is between two numbers that are not far apart. */
function isShort(parts: readonly Node[], column: string): boolean {
  let [low, high] = [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY]
  for (const part of parts) {
    const { kind, name, lexpr, rexpr } = held(part, 'A_Expr') ?? {}
    if (columnOf(lexpr) !== column) continue
    const op = lastWord(name)
    const [from, to] = (held(rexpr, 'List')?.items ?? [rexpr]).map((bound) => Number(numberOf(bound)))
    if (kind === 'AEXPR_BETWEEN') [low, high] = [from ?? low, to ?? high]
    else if (op.startsWith('>')) low = from ?? low
    else if (op.startsWith('<') && op !== '<>') high = from ?? high
  }
  return high - low <= MOST
}
