import type { Sql } from '../../core/sql-error.ts'
import type { Reading } from '../database.ts'
import { cut, type Tree } from './script.ts'

type Kind = Reading['kind']

/** What statements do that do not change the schema, by the names that libpg-query gives to their kinds. */
const KINDS: Readonly<Record<string, Kind>> = {
  InsertStmt: 'data',
  UpdateStmt: 'data',
  DeleteStmt: 'data',
  MergeStmt: 'data',
  TruncateStmt: 'data',
  CopyStmt: 'data',
  RefreshMatViewStmt: 'session',
  VariableSetStmt: 'session',
  VariableShowStmt: 'session',
  DiscardStmt: 'session',
  LockStmt: 'session',
  VacuumStmt: 'session',
  ReindexStmt: 'session',
  ClusterStmt: 'session',
  CheckPointStmt: 'session',
  ConstraintsSetStmt: 'session',
  TransactionStmt: 'session',
  ExplainStmt: 'session',
  NotifyStmt: 'session',
  CallStmt: 'opaque',
  ExecuteStmt: 'opaque',
  GrantStmt: 'other',
  GrantRoleStmt: 'other',
  CreateRoleStmt: 'other',
  AlterRoleStmt: 'other',
  AlterRoleSetStmt: 'other',
  DropRoleStmt: 'other',
  AlterDefaultPrivilegesStmt: 'other',
  AlterOwnerStmt: 'other',
  CreatePolicyStmt: 'other',
  AlterPolicyStmt: 'other',
  RuleStmt: 'other',
  CreateStatsStmt: 'other',
  CreatePublicationStmt: 'other',
  CreateSubscriptionStmt: 'other',
  SecLabelStmt: 'other',
}

const WRITING = ['InsertStmt', 'UpdateStmt', 'DeleteStmt', 'MergeStmt']

/** Words with which code can write rows. */
const WRITING_WORD = /\b(insert|update|delete|merge|truncate|copy|perform|call|execute|setval)\b/i

/** PostgreSQL's own grammar says what a statement does; what is code inside it, it does not read. */
export async function read(script: Sql): Promise<Reading[]> {
  const spots = await cut(script)
  return spots.map(({ start, end, tree }) => ({ start, end, ...readOne(tree) }))
}

function readOne(tree: Tree): Omit<Reading, 'start' | 'end'> {
  const [[type = '', body] = []] = Object.entries(tree)
  const node = (body ?? {}) as Tree
  const tables = tablesOf(node)
  const none = { makes: [], drops: [], writes: [], reads: [] }
  const writing = nodesOf(tree, WRITING)
  const kind = KINDS[type] ?? kindOf(type, node, writing.length > 0)
  if (kind === 'data') {
    const writes = writing.length > 0 ? writing.flatMap((one) => nameOf(one.relation)) : tables
    return { ...none, kind, writes, reads: tables.filter((name) => !writes.includes(name)) }
  }
  const filled =
    type === 'CreateTableAsStmt' ? ((node.into ?? {}) as Tree) : (node.intoClause as Tree | undefined)
  if (filled !== undefined && node.objtype !== 'OBJECT_MATVIEW') {
    const makes = nameOf(filled.rel)
    const reads = tables.filter((name) => !makes.includes(name))
    return { ...none, kind, makes, reads, ...(filled.skipData !== true && { fills: true }) }
  }
  const renames = type === 'RenameStmt' ? renamed(node) : undefined
  return {
    ...none,
    kind,
    makes: type === 'CreateStmt' ? nameOf(node.relation) : [],
    drops: type === 'DropStmt' && node.removeType === 'OBJECT_TABLE' ? lastNames(node.objects) : [],
    ...(renames && { renames }),
  }
}

function kindOf(type: string, node: Tree, writes: boolean): Kind {
  if (type === 'DoStmt') return WRITING_WORD.test(JSON.stringify(node)) ? 'opaque' : 'schema'
  if (type !== 'SelectStmt') return 'schema'
  if (writes) return 'data'
  if (node.intoClause !== undefined) return 'schema'
  const calls = nodesOf(node, ['FuncCall']).map(({ funcname }) => lastName(funcname))
  return calls.some((name) => !/^(set_config|pg_advisory.*)$/.test(name)) ? 'opaque' : 'session'
}

/** Every node of these kinds in a tree. */
function nodesOf(value: unknown, kinds: readonly string[]): Tree[] {
  if (Array.isArray(value)) return value.flatMap((one) => nodesOf(one, kinds))
  if (typeof value !== 'object' || value === null) return []
  return Object.entries(value).flatMap(([name, inner]) => [
    ...(kinds.includes(name) ? [inner as Tree] : []),
    ...nodesOf(inner, kinds),
  ])
}

/** The tables that a tree names, without those that its WITH makes. */
function tablesOf(node: unknown): string[] {
  const made = new Set(nodesOf(node, ['CommonTableExpr']).map(({ ctename }) => String(ctename)))
  const names = new Set<string>()
  const visit = (value: unknown) => {
    if (Array.isArray(value)) for (const one of value) visit(one)
    else if (typeof value === 'object' && value !== null) {
      for (const name of nameOf(value)) names.add(name)
      for (const inner of Object.values(value)) visit(inner)
    }
  }
  visit(node)
  return [...names].filter((name) => !made.has(name))
}

/** The name of a RangeVar, in a list of one. */
function nameOf(range: unknown): string[] {
  const { relname } = (range ?? {}) as { relname?: unknown }
  return typeof relname === 'string' ? [relname] : []
}

/** The last part of a list of names. */
function lastName(names: unknown): string {
  const last = Array.isArray(names) ? names.at(-1) : undefined
  const { String: text } = (last ?? {}) as { String?: { sval?: string } }
  return text?.sval ?? ''
}

function lastNames(objects: unknown): string[] {
  const lists = Array.isArray(objects) ? (objects as { List?: { items?: unknown } }[]) : []
  return lists.map(({ List: list }) => lastName(list?.items))
}

function renamed({ renameType, relationType, relation, subname, newname }: Tree): Reading['renames'] {
  const [table] = nameOf(relation)
  const to = String(newname)
  if (table === undefined) return undefined
  if (renameType === 'OBJECT_TABLE') return { table, to }
  const column = renameType === 'OBJECT_COLUMN' && relationType === 'OBJECT_TABLE'
  return column ? { table, column: String(subname), to } : undefined
}
