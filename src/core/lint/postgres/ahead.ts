import { words } from '../../schema/convert/ast.ts'
import type { Catalog } from './catalog.ts'
import { held, of, opened, type PostgresScript } from './statement.ts'

/** What a script is going to do, whichever statement it is, gathered once. */
export interface Ahead {
  /** Tables and views by their names, and which statement makes them last. */
  readonly made: ReadonlyMap<string, number>
  /** Columns that are added, behind their table, and by which statement last. */
  readonly added: ReadonlyMap<string, number>
  /** Tables that get a policy. */
  readonly policies: ReadonlySet<string>
  /** Columns of the indexes and keys that a table gets. */
  readonly indexes: ReadonlyMap<string, readonly (readonly string[])[]>
  /** Columns of the foreign keys, unique constraints and primary keys that a table gets, by their kind. */
  readonly constraints: ReadonlySet<string>
  /** Values that are added to enums, and by which statement. */
  readonly values: readonly { readonly type: string; readonly value: string; readonly by: number }[]
}

/** How a constraint is found again in `Ahead.constraints`. */
export function constraintKey(table: string, kind: string, columns: readonly string[]): string {
  return `${table} ${kind} ${[...columns].sort().join(' ')}`
}

const KINDS: Readonly<Record<string, string>> = {
  CONSTR_FOREIGN: 'foreign key',
  CONSTR_UNIQUE: 'unique',
  CONSTR_PRIMARY: 'primary key',
}

export function aheadOf(script: PostgresScript, catalog: Catalog): Ahead {
  const [made, added] = [new Map<string, number>(), new Map<string, number>()]
  const [policies, constraints] = [new Set<string>(), new Set<string>()]
  const values: Ahead['values'][number][] = []
  const indexes = new Map<string, (readonly string[])[]>()
  const index = (key: string, columns: readonly string[]) => {
    const list = indexes.get(key)
    if (list === undefined) indexes.set(key, [columns])
    else list.push(columns)
  }
  const constrain = (key: string, node: unknown, column?: string) => {
    const constraint = held(node, 'Constraint')
    const kind = KINDS[constraint?.contype ?? '']
    if (constraint === undefined || kind === undefined) return
    const said = words(kind === 'foreign key' ? constraint.fk_attrs : constraint.keys)
    const columns = column === undefined ? said : [column]
    constraints.add(constraintKey(key, kind, columns))
    if (kind !== 'foreign key') index(key, columns)
  }
  const column = (key: string, node: unknown) => {
    const { colname, constraints: behind = [] } = held(node, 'ColumnDef') ?? {}
    for (const one of behind) constrain(key, one, colname)
  }

  for (const [i, { tree }] of script.statements.entries()) {
    const { kind, node } = opened(tree)
    const statement = { kind, node }
    const table = of(statement, 'CreateStmt')
    if (table) {
      const key = catalog.keyOf(table.relation)
      made.set(key, i)
      for (const element of table.tableElts ?? []) {
        constrain(key, element)
        column(key, element)
      }
    }
    const view = of(statement, 'ViewStmt')?.view ?? of(statement, 'CreateTableAsStmt')?.into?.rel
    if (view) made.set(catalog.keyOf(view), i)
    const policy = of(statement, 'CreatePolicyStmt')
    if (policy) policies.add(catalog.keyOf(policy.table))
    const built = of(statement, 'IndexStmt')
    if (built && built.whereClause === undefined)
      index(
        catalog.keyOf(built.relation),
        (built.indexParams ?? []).map((part) => held(part, 'IndexElem')?.name ?? ''),
      )
    const enumeration = of(statement, 'AlterEnumStmt')
    if (enumeration && enumeration.oldVal === undefined)
      values.push({
        type: catalog.keyOfWords(words(enumeration.typeName)),
        value: enumeration.newVal ?? '',
        by: i,
      })
    const altered = of(statement, 'AlterTableStmt')
    if (altered === undefined) continue
    const key = catalog.keyOf(altered.relation)
    for (const command of altered.cmds ?? []) {
      const { subtype, def } = held(command, 'AlterTableCmd') ?? {}
      if (subtype === 'AT_AddColumn') {
        added.set(`${key} ${held(def, 'ColumnDef')?.colname}`, i)
        column(key, def)
      } else if (subtype === 'AT_AddConstraint') constrain(key, def)
    }
  }
  return { made, added, policies, indexes, constraints, values }
}
