import type { AlterTableCmd, ColumnDef, Constraint, Node, RangeVar } from 'libpg-query'
import { words } from '../../schema/convert/ast.ts'
import { listText, nameText } from '../../schema/sql/names.ts'

/** A statement of a safe way to do the same. */
export interface Step {
  readonly sql: string
  /** `batch`: by `-- migrate: batch`; `outside` a transaction. */
  readonly how: 'inside' | 'outside' | 'batch'
  /** It must not share a transaction with what is before it. */
  readonly apart?: true
  /** For the name of its migration, where it gets one of its own. */
  readonly label: string
  /** What undoes it; without, the down script that there is does. */
  readonly down?: readonly string[]
  /** That is not for a transaction. */
  readonly downOutside?: true
  /** What a down script names that undoes it, so that it need not do so twice. */
  readonly undoes?: Undone
}

/** A thing that a down script takes back. */
export interface Undone {
  readonly kind: 'index' | 'constraint' | 'not null'
  readonly name: string
}

/** The label of what stays as it was. */
export const REST = 'rest'

/** Writes a syntax tree as SQL. */
export type Write = (tree: Node) => string

/** The steps that do the same as a statement without its hazard; undefined where none are known. */
export function safeSteps(tree: Node, text: string, write: Write): Step[] | undefined {
  const statement = (sql: string): Step => ({ sql, how: 'inside', label: REST })
  if ('IndexStmt' in tree) return index(tree.IndexStmt, write)
  if ('DropStmt' in tree && tree.DropStmt.removeType === 'OBJECT_INDEX') return dropIndexes(tree, write)
  if ('ReindexStmt' in tree) return reindex(tree, write)
  if ('UpdateStmt' in tree || 'DeleteStmt' in tree) return [{ sql: text, how: 'batch', label: 'rows' }]
  if (!('AlterTableStmt' in tree) || tree.AlterTableStmt.objtype !== 'OBJECT_TABLE') return undefined
  const { relation, cmds = [] } = tree.AlterTableStmt
  if (relation === undefined) return undefined
  const alter = (...some: Node[]) => write({ AlterTableStmt: { ...tree.AlterTableStmt, cmds: some } })
  const as: Altering = { table: relation, path: pathOf(relation), alter }
  const kept: Node[] = []
  const steps: Step[] = []
  for (const cmd of cmds) {
    const safe = 'AlterTableCmd' in cmd ? command(cmd.AlterTableCmd, as) : undefined
    if (safe?.keep !== undefined) kept.push(safe.keep)
    else if (safe === undefined) kept.push(cmd)
    steps.push(...(safe?.steps ?? []))
  }
  if (steps.length === 0) return undefined
  return [...(kept.length > 0 ? [statement(alter(...kept))] : []), ...steps]
}

/** The table that is altered, and how the SQL for it is written. */
interface Altering {
  readonly table: RangeVar
  readonly path: string
  alter(...cmds: Node[]): string
}

/** What stays of an action where it was, and what follows. */
interface Safe {
  readonly keep?: Node
  readonly steps: Step[]
}

function command(cmd: AlterTableCmd, as: Altering): Safe | undefined {
  const { subtype, name = '', def } = cmd
  if (subtype === 'AT_SetNotNull') return { steps: notNull(name, as) }
  if (def === undefined) return undefined
  if (subtype === 'AT_AddConstraint' && 'Constraint' in def) {
    const steps = constraint(def.Constraint, as)
    return steps && { steps }
  }
  if (subtype === 'AT_AddColumn' && 'ColumnDef' in def) return column(cmd, def.ColumnDef, as)
  return undefined
}

/** ADD CONSTRAINT, by its kind. */
function constraint(one: Constraint, as: Altering): Step[] | undefined {
  const { contype, indexname, skip_validation: unchecked } = one
  if (unchecked || indexname !== undefined) return undefined
  if (contype === 'CONSTR_FOREIGN') return validated(one, [...words(one.fk_attrs), 'fkey'], as)
  if (contype === 'CONSTR_CHECK') return validated(one, ['check'], as)
  if (contype === 'CONSTR_UNIQUE') return byIndex(one, 'UNIQUE', [...words(one.keys), 'key'], as)
  if (contype === 'CONSTR_PRIMARY') return byIndex(one, 'PRIMARY KEY', ['pkey'], as)
  return undefined
}

/** Added without a look at the rows, which are looked at later under a lock that nobody waits for. */
function validated(one: Constraint, ending: readonly string[], { table, path, alter }: Altering): Step[] {
  const name = one.conname ?? joined(table, ending)
  const { initially_valid: _, ...rest } = one
  const def: Node = { Constraint: { ...rest, conname: name, skip_validation: true } }
  const add = alter(action('AT_AddConstraint', { def }))
  return [
    {
      sql: add,
      how: 'inside',
      label: 'constraint',
      down: [drop(path, name)],
      undoes: { kind: 'constraint', name },
    },
    validate(path, name, add),
  ]
}

/** Nothing makes a constraint unproven again but to add it anew. */
function validate(path: string, name: string, add: string): Step {
  return {
    sql: validateText(path, name),
    how: 'inside',
    apart: true,
    label: 'validate',
    down: [drop(path, name), add],
  }
}

function validateText(path: string, name: string): string {
  return `ALTER TABLE ${path} VALIDATE CONSTRAINT ${nameText('postgres', name)}`
}

/** The index is built while others write; the constraint then takes it over. */
function byIndex(one: Constraint, kind: string, ending: readonly string[], as: Altering): Step[] | undefined {
  const { table, path } = as
  const { conname, keys = [], including = [], nulls_not_distinct: nulls, deferrable, initdeferred } = one
  const name = conname ?? joined(table, ending)
  const quoted = nameText('postgres', name)
  const include = including.length > 0 ? ` INCLUDE ${listText('postgres', words(including))}` : ''
  const distinct = nulls ? ' NULLS NOT DISTINCT' : ''
  const deferred = `${deferrable ? ' DEFERRABLE' : ''}${initdeferred ? ' INITIALLY DEFERRED' : ''}`
  return [
    {
      sql: `CREATE UNIQUE INDEX CONCURRENTLY ${quoted} ON ${path} ${listText('postgres', words(keys))}${include}${distinct}`,
      how: 'outside',
      label: 'index',
      down: [`DROP INDEX CONCURRENTLY IF EXISTS ${inSchema(table, name)}`],
    },
    {
      sql: `ALTER TABLE ${path} ADD CONSTRAINT ${quoted} ${kind} USING INDEX ${quoted}${deferred}`,
      how: 'inside',
      label: 'constraint',
      down: [drop(path, name)],
      undoes: { kind: 'constraint', name },
    },
  ]
}

/** Proven by a CHECK, for which no write waits: then SET NOT NULL looks at no row. */
function notNull(column: string, { table, path }: Altering): Step[] {
  const name = joined(table, [column, 'not_null'])
  const [quoted, bare] = [nameText('postgres', name), nameText('postgres', column)]
  const add = `ALTER TABLE ${path} ADD CONSTRAINT ${quoted} CHECK (${bare} IS NOT NULL) NOT VALID`
  return [
    { sql: add, how: 'inside', label: 'check', down: [drop(path, name)] },
    validate(path, name, add),
    {
      sql: `ALTER TABLE ${path} ALTER COLUMN ${bare} SET NOT NULL`,
      how: 'inside',
      apart: true,
      label: 'not_null',
      down: [`ALTER TABLE ${path} ALTER COLUMN ${bare} DROP NOT NULL`],
      undoes: { kind: 'not null', name: column },
    },
    {
      sql: `ALTER TABLE ${path} DROP CONSTRAINT ${quoted}`,
      how: 'inside',
      label: 'not_null',
      down: [add, validateText(path, name)],
      downOutside: true,
    },
  ]
}

/** Constraints of a column that are looked up in every row: the column comes without, they come later. */
const LATER: readonly (string | undefined)[] = ['CONSTR_UNIQUE', 'CONSTR_CHECK']

function column(cmd: AlterTableCmd, def: ColumnDef, as: Altering): Safe | undefined {
  const { constraints = [], colname = '' } = def
  const isLater = (one: Node) => 'Constraint' in one && LATER.includes(one.Constraint.contype)
  const later = constraints.filter(isLater)
  if (later.length === 0) return undefined
  const steps = later.flatMap((one) => {
    if (!('Constraint' in one)) return []
    const named =
      one.Constraint.conname ?? joined(as.table, [colname, SUFFIXES[one.Constraint.contype ?? ''] ?? ''])
    const keys: Node[] = one.Constraint.contype === 'CONSTR_UNIQUE' ? [{ String: { sval: colname } }] : []
    return constraint({ ...one.Constraint, conname: named, ...(keys.length > 0 && { keys }) }, as) ?? []
  })
  const rest = constraints.filter((one) => !isLater(one))
  const keep: Node = {
    AlterTableCmd: { ...cmd, def: { ColumnDef: { ...def, constraints: rest } } },
  }
  return { keep, steps }
}

const SUFFIXES: Readonly<Record<string, string>> = { CONSTR_UNIQUE: 'key', CONSTR_CHECK: 'check' }

type IndexFields = Extract<Node, { IndexStmt: unknown }>['IndexStmt']

function index(fields: IndexFields, write: Write): Step[] | undefined {
  const { relation, idxname, indexParams = [] } = fields
  if (fields.concurrent || relation === undefined) return undefined
  const parts = indexParams.map((one) => ('IndexElem' in one ? (one.IndexElem.name ?? 'expr') : 'expr'))
  const name = idxname ?? joined(relation, [...parts, 'idx'])
  return [
    {
      sql: write({ IndexStmt: { ...fields, idxname: name, concurrent: true } }),
      how: 'outside',
      label: 'index',
      down: [`DROP INDEX CONCURRENTLY IF EXISTS ${inSchema(relation, name)}`],
      undoes: { kind: 'index', name },
    },
  ]
}

function dropIndexes(tree: Extract<Node, { DropStmt: unknown }>, write: Write): Step[] | undefined {
  const { objects = [], behavior, concurrent } = tree.DropStmt
  if (concurrent || behavior === 'DROP_CASCADE') return undefined
  return objects.map((one) => ({
    sql: write({ DropStmt: { ...tree.DropStmt, objects: [one], concurrent: true } }),
    how: 'outside',
    label: 'index',
  }))
}

function reindex(tree: Extract<Node, { ReindexStmt: unknown }>, write: Write): Step[] | undefined {
  const { kind, params = [] } = tree.ReindexStmt
  if (kind === 'REINDEX_OBJECT_SYSTEM' || params.length > 0) return undefined
  const concurrently: Node = { DefElem: { defname: 'concurrently', defaction: 'DEFELEM_UNSPEC' } }
  return [
    {
      sql: write({ ReindexStmt: { ...tree.ReindexStmt, params: [concurrently] } }),
      how: 'outside',
      label: 'index',
    },
  ]
}

/** What a statement of a down script takes back. */
export function undoneBy(tree: Node): Undone[] {
  if ('DropStmt' in tree && tree.DropStmt.removeType === 'OBJECT_INDEX') {
    return (tree.DropStmt.objects ?? []).map((one) => ({
      kind: 'index',
      name: 'List' in one ? (words(one.List.items).at(-1) ?? '') : '',
    }))
  }
  if (!('AlterTableStmt' in tree)) return []
  return (tree.AlterTableStmt.cmds ?? []).flatMap((cmd): Undone[] => {
    if (!('AlterTableCmd' in cmd)) return []
    const { subtype, name = '' } = cmd.AlterTableCmd
    if (subtype === 'AT_DropConstraint') return [{ kind: 'constraint', name }]
    return subtype === 'AT_DropNotNull' ? [{ kind: 'not null', name }] : []
  })
}

function action(subtype: 'AT_AddConstraint', rest: Partial<AlterTableCmd>): Node {
  return { AlterTableCmd: { subtype, behavior: 'DROP_RESTRICT', ...rest } }
}

function drop(path: string, name: string): string {
  return `ALTER TABLE ${path} DROP CONSTRAINT IF EXISTS ${nameText('postgres', name)}`
}

function pathOf({ schemaname, relname = '' }: RangeVar): string {
  const name = nameText('postgres', relname)
  return schemaname === undefined ? name : `${nameText('postgres', schemaname)}.${name}`
}

function inSchema({ schemaname }: RangeVar, name: string): string {
  return pathOf({ ...(schemaname !== undefined && { schemaname }), relname: name })
}

/** Bytes of a name: what is longer, PostgreSQL cuts. */
const LONGEST = 63

/** A name as PostgreSQL makes it up. */
function joined({ relname = '' }: RangeVar, ending: readonly string[]): string {
  const tail = ending.join('_')
  return `${relname.slice(0, Math.max(1, LONGEST - 1 - tail.length))}_${tail}`.slice(0, LONGEST)
}
