import type { ColumnRef, Node, ResTarget, SelectStmt } from 'libpg-query'
import type { Dialect } from '../../migrations.ts'
import type { Kind } from '../model.ts'
import {
  call,
  cast,
  type Fields,
  lastWord,
  type NodeName,
  name,
  nodesOf,
  numberOf,
  type Rules,
  rewrite,
  string,
  words,
} from './ast.ts'
import type { Columns, Rows } from './expressions.ts'
import { isRandom } from './normal-form.ts'
import { toPostgres } from './to-postgres.ts'
import { toSqlite } from './to-sqlite.ts'
import { condition, fitted, giveUp, kindOfNode, type Surroundings } from './values.ts'

/** What both databases read alike. Each dialect adds what it says in words of its own. */
const ALIKE: readonly NodeName[] = [
  'A_Const',
  'A_Star',
  'Alias',
  'BoolExpr',
  'CaseExpr',
  'CaseWhen',
  'CoalesceExpr',
  'ColumnRef',
  'CommonTableExpr',
  'DeleteStmt',
  'IndexElem',
  'Integer',
  'InsertStmt',
  'JoinExpr',
  'List',
  'NullTest',
  'BooleanTest',
  'RangeSubselect',
  'RangeVar',
  'ResTarget',
  'RowExpr',
  'SelectStmt',
  'SetToDefault',
  'SortBy',
  'String',
  'SubLink',
  'UpdateStmt',
  'WindowDef',
]

/** Tables that are not the application's. */
const SYSTEM = /^(sqlite_|pg_)/i

/**
 * The tree of an expression or a statement as the other database understands it.
 *
 * @throws NotUnderstood
 */
export function conversion(tree: Node, to: Dialect, columns: Columns | undefined, rows?: Rows): Node {
  const names = scope(tree, columns)
  const kind = (node: Node | undefined): Kind | undefined => kindOfNode(node, names)
  const isOfSqlite = to === 'postgres'
  const isStatement = ['SelectStmt', 'InsertStmt', 'UpdateStmt', 'DeleteStmt'].some((one) => one in tree)
  const alike: Rules = {
    ColumnRef: (fields) =>
      columnRef(fields, names) ??
      (isOfSqlite && !isStatement ? string(lastWord(fields.fields)) : { ColumnRef: fields }),
    RangeVar: (fields) => ({ RangeVar: plainTable(fields) }),
    SelectStmt: (fields) => ({ SelectStmt: select(fields, to, kind) }),
    RowExpr: (fields) => (fields.row_format === 'COERCE_IMPLICIT_CAST' ? { RowExpr: fields } : giveUp('ROW')),
    SortBy: (fields) => ({ SortBy: order(fields, to) }),
    BoolExpr: (fields) => ({
      BoolExpr: { ...fields, args: (fields.args ?? []).map((arg) => condition(arg, to, kind)) },
    }),
    CaseExpr: (fields) => ({
      CaseExpr: {
        ...fields,
        args: fields.arg ? fields.args : fields.args?.map((arg) => when(arg, to, kind)),
      } as Fields<'CaseExpr'>,
    }),
    JoinExpr: (fields) => {
      if (fields.isNatural) giveUp('NATURAL JOIN')
      return { JoinExpr: { ...fields, ...(fields.quals && { quals: condition(fields.quals, to, kind) }) } }
    },
    SubLink: (fields) => {
      const known = fields.subLinkType === 'EXISTS_SUBLINK' || fields.subLinkType === 'EXPR_SUBLINK'
      const isIn = fields.subLinkType === 'ANY_SUBLINK' && fields.operName === undefined
      return known || isIn ? { SubLink: fields } : giveUp('ANY or ALL of a subquery')
    },
    InsertStmt: (fields) => ({ InsertStmt: insert(named(fields, to, columns, rows), to, columns) }),
    UpdateStmt: (fields) => ({ UpdateStmt: update(fields, to, columns, kind) }),
    DeleteStmt: (fields) => {
      if (fields.usingClause) giveUp('DELETE … USING')
      return { DeleteStmt: { ...fields, ...where(fields, to, kind), ...target(fields) } }
    },
  }
  const own = to === 'postgres' ? toPostgres({ kind }) : toSqlite({ kind })
  const known = new Set<NodeName>([...ALIKE, ...(Object.keys(own) as NodeName[])])
  const refuse = (node: NodeName) => void (known.has(node) || giveUp(node))
  const converted = rewrite(isOfSqlite ? randomsReplaced(tree) : tree, { ...alike, ...own }, refuse)
  if (to === 'sqlite') refuseRest(converted)
  return converted
}

/** SQLite's ways to a random name are known only as a whole. */
function randomsReplaced<T>(tree: T): T {
  const visit = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(visit)
    if (typeof value !== 'object' || value === null) return value
    if (isRandom(value as Node)) return cast(call('gen_random_uuid'), 'text')
    return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, visit(inner)]))
  }
  return visit(tree) as T
}

/** What an operation around it has not taken apart. */
function refuseRest(tree: Node): void {
  if (nodesOf(tree, 'A_ArrayExpr').length > 0) giveUp('an array')
  if (nodesOf(tree, 'TypeCast').some(({ typeName }) => lastWord(typeName?.names) === 'interval'))
    giveUp('an interval')
}

/** The columns by the tables that a statement names. */
function scope(tree: Node, columns: Columns | undefined): Columns | undefined {
  if (columns === undefined) return undefined
  const tables = nodesOf(tree, 'RangeVar').concat(relations(tree))
  if (tables.length === 0) return columns
  const byName = new Map(
    tables.map(({ alias, relname = '' }) => [(alias?.aliasname ?? relname).toLowerCase(), relname] as const),
  )
  const own = relations(tree)[0]?.relname
  if (own !== undefined) byName.set('excluded', own)
  return (column, table) => {
    if (table !== undefined) return columns(column, byName.get(table.toLowerCase()) ?? table)
    for (const one of byName.values()) {
      const found = columns(column, one)
      if (found !== undefined) return found
    }
    return undefined
  }
}

/** The table that a statement changes, which its tree does not wrap. */
function relations(tree: Node): Fields<'RangeVar'>[] {
  const found = [
    ...nodesOf(tree, 'InsertStmt'),
    ...nodesOf(tree, 'UpdateStmt'),
    ...nodesOf(tree, 'DeleteStmt'),
  ].map(({ relation }) => relation)
  return found.filter((relation) => relation !== undefined)
}

/** Nothing where there is no column of that name: SQLite takes it for a string. */
function columnRef(fields: ColumnRef, names: Columns | undefined): Node | undefined {
  const path = fields.fields ?? []
  const [column, table, ...more] = words(path).reverse()
  if (column === undefined || more.length > 0) giveUp('a name of three words')
  const known = column === '*' ? undefined : names?.(column, table)
  if (known === undefined && /^(_?rowid_?|oid)$/.test(column)) giveUp('rowid')
  if (known === undefined)
    return names && table === undefined && column !== '*' ? undefined : { ColumnRef: fields }
  return { ColumnRef: { fields: [...path.slice(0, -1), name(known.name)] } }
}

function plainTable(fields: Fields<'RangeVar'>): Fields<'RangeVar'> {
  const { schemaname, catalogname, ...rest } = fields
  if (catalogname !== undefined) giveUp('a table of another database')
  if (schemaname !== undefined && schemaname !== 'public' && schemaname !== 'main') giveUp('a schema')
  if (SYSTEM.test(rest.relname ?? '')) giveUp("a table of the database's own")
  return rest
}

function target({ relation }: { relation?: Fields<'RangeVar'> }): { relation?: Fields<'RangeVar'> } {
  return relation ? { relation: plainTable(relation) } : {}
}

function where(
  { whereClause }: { whereClause?: Node },
  to: Dialect,
  kind: Surroundings['kind'],
): { whereClause?: Node } {
  return whereClause ? { whereClause: condition(whereClause, to, kind) } : {}
}

/** Of a SELECT, what only PostgreSQL has. */
const ONLY_POSTGRES: readonly (keyof SelectStmt)[] = ['intoClause', 'lockingClause', 'groupDistinct']

function select(fields: SelectStmt, to: Dialect, kind: Surroundings['kind']): SelectStmt {
  const only = ONLY_POSTGRES.find((key) => fields[key] !== undefined)
  if (only !== undefined) giveUp(only)
  if (!fields.targetList && !fields.valuesLists && !fields.larg) giveUp('a SELECT of nothing')
  const distinct = fields.distinctClause?.some((one) => Object.keys(one).length > 0)
  if (distinct || fields.limitOption === 'LIMIT_OPTION_WITH_TIES') giveUp('DISTINCT ON, WITH TIES')
  if (numberOf(fields.limitCount)?.startsWith('-')) giveUp('a limit below nothing')
  if (to === 'sqlite' && fields.limitOffset && !fields.limitCount) giveUp('OFFSET without LIMIT')
  // SQLite puts no SELECT of a set operation into parentheses.
  const nested = [fields.larg, fields.rarg].some(
    (one) => one && (one.sortClause || one.limitCount || one.withClause),
  )
  if (to === 'sqlite' && (nested || fields.rarg?.larg)) giveUp('a SELECT in parentheses')
  const { larg, rarg } = fields
  return {
    ...fields,
    ...where(fields, to, kind),
    ...(fields.havingClause && { havingClause: condition(fields.havingClause, to, kind) }),
    ...(larg && { larg: select(larg, to, kind) }),
    ...(rarg && { rarg: select(rarg, to, kind) }),
  }
}

/** NULLs come first in SQLite and last in PostgreSQL, unless it is said. */
function order(fields: Fields<'SortBy'>, to: Dialect): Fields<'SortBy'> {
  if (fields.sortby_dir === 'SORTBY_USING') giveUp('ORDER BY … USING')
  if (fields.sortby_nulls !== 'SORTBY_NULLS_DEFAULT') return fields
  const isFirst = (fields.sortby_dir === 'SORTBY_DESC') === (to === 'sqlite')
  return { ...fields, sortby_nulls: isFirst ? 'SORTBY_NULLS_FIRST' : 'SORTBY_NULLS_LAST' }
}

function when(node: Node, to: Dialect, kind: Surroundings['kind']): Node {
  if (!('CaseWhen' in node) || node.CaseWhen.expr === undefined) return node
  return { CaseWhen: { ...node.CaseWhen, expr: condition(node.CaseWhen.expr, to, kind) } }
}

/** An INSERT that names its columns, and those of a `SELECT *`: in the other database they may stand in another order. */
function named(
  fields: Fields<'InsertStmt'>,
  to: Dialect,
  columns: Columns | undefined,
  rows: Rows | undefined,
): Fields<'InsertStmt'> {
  const { selectStmt, cols, relation } = fields
  const known = (column: string, table: string) => columns?.(column, table)?.name ?? column
  const query = selectStmt && 'SelectStmt' in selectStmt ? selectStmt.SelectStmt : undefined
  if (query === undefined || rows === undefined) return fields
  const targetList = query.targetList?.flatMap((one): Node[] => {
    const { val }: ResTarget = 'ResTarget' in one ? one.ResTarget : {}
    if (!val || !('ColumnRef' in val) || lastWord(val.ColumnRef.fields) !== '*') return [one]
    const [from, ...others] = query.fromClause ?? []
    if (others.length > 0 || from === undefined || !('RangeVar' in from)) giveUp('* of several tables')
    const table = from.RangeVar.relname ?? ''
    const columnNode = (column: string): Node => ({ ColumnRef: { fields: [name(known(column, table))] } })
    return rows(table)?.map((column) => ({ ResTarget: { val: columnNode(column.name) } })) ?? [one]
  })
  const [first] = query.valuesLists ?? []
  const count = first && 'List' in first ? first.List.items?.length : targetList?.length
  // SQLite counts no column that it makes itself.
  const row = rows(relation?.relname ?? '')?.filter(({ generated }) => to === 'sqlite' || !generated)
  return {
    ...fields,
    selectStmt: { SelectStmt: { ...query, ...(targetList && { targetList }) } },
    ...(!cols &&
      row && { cols: row.slice(0, count).map((one): Node => ({ ResTarget: { name: one.name } })) }),
  }
}

function insert(
  fields: Fields<'InsertStmt'>,
  to: Dialect,
  columns: Columns | undefined,
): Fields<'InsertStmt'> {
  if (fields.override && fields.override !== 'OVERRIDING_NOT_SET') giveUp('OVERRIDING')
  const { onConflictClause: conflict, selectStmt } = fields
  if (conflict?.infer?.conname) giveUp('ON CONSTRAINT')
  if (conflict?.action === 'ONCONFLICT_UPDATE' && !conflict.infer) giveUp('ON CONFLICT without its columns')
  const query = selectStmt && 'SelectStmt' in selectStmt ? selectStmt.SelectStmt : undefined
  // SQLite reads the ON of a conflict as the ON of a join.
  if (to === 'sqlite' && conflict && query?.fromClause && !query.whereClause)
    giveUp('a SELECT before ON CONFLICT')
  const table = fields.relation?.relname
  const known = fields.cols?.map((col) =>
    'ResTarget' in col ? columns?.(col.ResTarget.name ?? '', table) : undefined,
  )
  const cols = fields.cols?.map((col, i): Node => {
    const column = known?.[i]?.name
    return 'ResTarget' in col && column ? { ResTarget: { ...col.ResTarget, name: column } } : col
  })
  const kinds = known?.map((column) => column?.kind) ?? []
  const row = (node: Node): Node =>
    'List' in node
      ? { List: { items: (node.List.items ?? []).map((item, i) => fitted(item, kinds[i], to)) } }
      : node
  const values = query?.valuesLists
  const targets = conflict?.targetList?.map((one) => assigned(one, table, to, columns))
  const shown = query?.targetList?.map((one, i): Node => {
    if (!('ResTarget' in one) || one.ResTarget.val === undefined) return one
    return { ResTarget: { ...one.ResTarget, val: fitted(one.ResTarget.val, kinds[i], to) } }
  })
  return {
    ...fields,
    ...target(fields),
    ...(cols && { cols }),
    ...(values && { selectStmt: { SelectStmt: { ...query, valuesLists: values.map(row) } } }),
    ...(shown && { selectStmt: { SelectStmt: { ...query, targetList: shown } } }),
    ...(conflict && { onConflictClause: { ...conflict, ...(targets && { targetList: targets }) } }),
  }
}

function update(
  fields: Fields<'UpdateStmt'>,
  to: Dialect,
  columns: Columns | undefined,
  kind: Surroundings['kind'],
): Fields<'UpdateStmt'> {
  const table = fields.relation?.relname
  const targets = fields.targetList?.map((one) => assigned(one, table, to, columns))
  return { ...fields, ...target(fields), ...where(fields, to, kind), ...(targets && { targetList: targets }) }
}

/** `column = value` of an UPDATE. */
function assigned(node: Node, table: string | undefined, to: Dialect, columns: Columns | undefined): Node {
  if (!('ResTarget' in node)) return giveUp('an assignment')
  const { name: column = '', val, indirection } = node.ResTarget
  if (indirection || val === undefined || 'MultiAssignRef' in val) return giveUp('an assignment to a part')
  const known = columns?.(column, table)
  return { ResTarget: { name: known?.name ?? column, val: fitted(val, known?.kind, to) } }
}
