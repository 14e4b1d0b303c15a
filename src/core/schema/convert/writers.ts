import type {
  A_Const,
  A_Expr,
  BoolExpr,
  BooleanTest,
  CollateClause,
  FuncCall,
  Node,
  NullTest,
  TypeCast,
} from 'libpg-query'
import type { Deparser } from 'pgsql-deparser'
import type { Dialect } from '../../migrations.ts'
import { functionName, lastWord, numberOf, stringOf, words } from './ast.ts'

/** Makes SQL of a tree. */
export type Write = (tree: Node) => string

type Context = Parameters<Deparser['A_Expr']>[1]

/** Words that SQLite does not take for a name unless they are quoted, and PostgreSQL does. */
const KEYWORDS = new Set(
  'add alter autoincrement between commit delete drop escape exists index insert into isnull nothing notnull set transaction update values'.split(
    ' ',
  ),
)

/** A character that no name has: PostgreSQL's writer puts the name that holds it into quotes. */
const MARK = '\u0001'

const LIKES: Readonly<Record<string, string>> = {
  '~~': 'LIKE',
  '!~~': 'NOT LIKE',
  '~~*': 'ILIKE',
  '!~~*': 'NOT ILIKE',
}

/**
 * pgsql-deparser writes statements. Expressions are written here: with parentheses around each operand that is itself
 * an operation, since the two databases do not agree which operators bind more tightly.
 */
export function writers(Base: typeof Deparser): Readonly<Record<Dialect, Write>> {
  class Postgres extends Base {
    operand(node: Node | undefined, context: Context): string {
      if (node === undefined) return ''
      const text = this.visit(node, context)
      return this.isWhole(node) ? text : `(${text})`
    }

    isWhole(node: Node): boolean {
      if ('A_Const' in node) return !numberOf(node)?.startsWith('-')
      if ('FuncCall' in node) return functionName(node.FuncCall) !== 'timezone'
      if ('A_Expr' in node) return node.A_Expr.kind === 'AEXPR_NULLIF'
      return ['ColumnRef', 'CoalesceExpr', 'TypeCast', 'SQLValueFunction', 'RowExpr'].some(
        (name) => name in node,
      )
    }

    override A_Expr({ kind, name, lexpr, rexpr }: A_Expr, context: Context): string {
      const op = lastWord(name)
      const [left, right] = [() => this.operand(lexpr, context), () => this.operand(rexpr, context)]
      const items = rexpr && 'List' in rexpr ? (rexpr.List.items ?? []) : []
      const bounds = () => items.map((item) => this.operand(item, context)).join(' AND ')
      switch (kind) {
        case 'AEXPR_OP':
          if (lexpr === undefined) return `${op}${right()}`
          // PostgreSQL gives LIKE back as an operator. The sign of a number on the right can belong to nothing else.
          return `${left()} ${LIKES[op] ?? op} ${rexpr && numberOf(rexpr) ? this.visit(rexpr, context) : right()}`
        case 'AEXPR_IN':
          return `${left()} ${op === '=' ? 'IN' : 'NOT IN'} (${items.map((item) => this.visit(item, context)).join(', ')})`
        case 'AEXPR_LIKE':
        case 'AEXPR_ILIKE': {
          const [pattern, sign] = escaped(rexpr)
          const end = sign === undefined ? '' : ` ESCAPE ${this.operand(sign, context)}`
          return `${left()} ${LIKES[op] ?? op} ${this.operand(pattern, context)}${end}`
        }
        case 'AEXPR_BETWEEN':
          return `${left()} BETWEEN ${bounds()}`
        case 'AEXPR_NOT_BETWEEN':
          return `${left()} NOT BETWEEN ${bounds()}`
        case 'AEXPR_DISTINCT':
          return `${left()} ${this.distinct(true)} ${right()}`
        case 'AEXPR_NOT_DISTINCT':
          return `${left()} ${this.distinct(false)} ${right()}`
        default:
          return super.A_Expr({ kind, name, lexpr, rexpr } as A_Expr, context)
      }
    }

    distinct(yes: boolean): string {
      return yes ? 'IS DISTINCT FROM' : 'IS NOT DISTINCT FROM'
    }

    override BoolExpr({ boolop, args = [] }: BoolExpr, context: Context): string {
      const inner = (node: Node) => {
        const text = this.visit(node, context)
        return 'BoolExpr' in node && node.BoolExpr.boolop !== 'NOT_EXPR' ? `(${text})` : text
      }
      if (boolop === 'NOT_EXPR') return `NOT ${this.operand(args[0], context)}`
      return args.map(inner).join(boolop === 'OR_EXPR' ? ' OR ' : ' AND ')
    }

    override NullTest({ arg, nulltesttype }: NullTest, context: Context): string {
      return `${this.operand(arg, context)} ${nulltesttype === 'IS_NULL' ? 'IS NULL' : 'IS NOT NULL'}`
    }

    override BooleanTest({ arg, booltesttype = 'IS_TRUE' }: BooleanTest, context: Context): string {
      return `${this.operand(arg, context)} ${booltesttype.replaceAll('_', ' ')}`
    }

    override TypeCast({ arg, typeName }: TypeCast, context: Context): string {
      return `${this.operand(arg, context)}::${typeName ? this.TypeName(typeName, context) : 'text'}`
    }

    override CollateClause({ arg, collname }: CollateClause, context: Context): string {
      const collation = words(collname)
        .map((word) => `"${word.replaceAll('"', '""')}"`)
        .join('.')
      return `${this.operand(arg, context)} COLLATE ${collation}`
    }

    override FuncCall(fields: FuncCall, context: Context): string {
      const { args = [], agg_order, agg_filter, over, agg_distinct, agg_star, func_variadic } = fields
      const called = functionName(fields)
      if (called === 'timezone' && args.length === 2) {
        return `${this.operand(args[1], context)} AT TIME ZONE ${this.operand(args[0], context)}`
      }
      if (called === 'extract')
        return `extract(${stringOf(args[0])} FROM ${this.visit(args[1] ?? ({} as Node), context)})`
      const special = agg_order || agg_filter || over || agg_distinct || agg_star || func_variadic
      if (special || !/^\w+$/.test(called)) return super.FuncCall(fields, context)
      return `${called}(${args.map((arg) => this.visit(arg, context)).join(', ')})`
    }
  }

  class Sqlite extends Postgres {
    override distinct(yes: boolean): string {
      return yes ? 'IS NOT' : 'IS'
    }

    override TypeCast({ arg, typeName }: TypeCast, context: Context): string {
      return `CAST(${arg ? this.visit(arg, context) : 'NULL'} AS ${lastWord(typeName?.names).toUpperCase()})`
    }

    override A_Const(fields: A_Const, context: Context): string {
      const text = stringOf({ A_Const: fields })
      if (text !== undefined) return `'${text.replaceAll("'", "''")}'`
      const [, bytes] = /^x(.*)$/.exec(fields.bsval?.bsval ?? '') ?? []
      return bytes === undefined ? super.A_Const(fields, context) : `X'${bytes}'`
    }
  }

  return {
    postgres: (tree) => short((pretty) => new Postgres(tree, { pretty }).deparseQuery()),
    sqlite: (tree) =>
      short((pretty) => new Sqlite(marked(tree), { pretty }).deparseQuery()).replaceAll(MARK, ''),
  }
}

const WIDTH = 110

/** On one line, or on many where it is long. */
function short(write: (pretty: boolean) => string): string {
  const line = write(false)
  if (line.length <= WIDTH) return line
  // Where no string holds a line's end, a space before one says nothing.
  return line.includes('\n') ? write(true) : write(true).replace(/ +$/gm, '')
}

/** The pattern of a LIKE, and what stands behind ESCAPE. */
function escaped(pattern: Node | undefined): [Node | undefined, Node | undefined] {
  if (pattern && 'FuncCall' in pattern && functionName(pattern.FuncCall) === 'like_escape') {
    const [text, sign] = pattern.FuncCall.args ?? []
    return [text, sign]
  }
  return [pattern, undefined]
}

/** Where a tree holds names. */
const NAMES = new Set(['relname', 'name', 'aliasname', 'ctename', 'String'])

/** The tree with a mark on each name that SQLite would take for a word of its own. */
function marked<T>(tree: T): T {
  const visit = (value: unknown, isName: boolean): unknown => {
    if (typeof value === 'string') return isName && KEYWORDS.has(value) ? value + MARK : value
    if (Array.isArray(value)) return value.map((inner) => visit(inner, false))
    if (typeof value !== 'object' || value === null) return value
    const entries = Object.entries(value)
    return Object.fromEntries(
      entries.map(([key, inner]) => [key, visit(inner, NAMES.has(key) || (isName && key === 'sval'))]),
    )
  }
  return visit(tree, false) as T
}
