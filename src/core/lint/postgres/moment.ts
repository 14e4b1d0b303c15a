import type { AlterTableCmd, ColumnDef, Constraint } from 'libpg-query'
import { words } from '../../schema/convert/ast.ts'
import { nameText } from '../../schema/sql/names.ts'
import { skipBlank } from '../../text.ts'
import type { Effect, Lock } from '../effect.ts'
import type { Rule } from '../rule.ts'
import type { Ahead } from './ahead.ts'
import type { Catalog } from './catalog.ts'
import type { Cause, LockRule, Told } from './effects.ts'
import { columnList, expressionText } from './expression.ts'
import { held, type PostgresScript, type PostgresStatement } from './statement.ts'

/** A statement at its moment: what was before it, what it does, and what is still to come in its script. */
export interface Moment {
  readonly script: PostgresScript
  readonly statement: PostgresStatement
  /** Which of the script's it is. */
  readonly index: number
  /** Before the statement. */
  readonly catalog: Catalog
  /** The table, view or index that it names first; empty if none. */
  readonly subject: string
  /** Of an ALTER TABLE. */
  readonly actions: readonly AlterTableCmd[]
  /** Columns that it makes, of a new table or of one that is there. */
  readonly newColumns: readonly ColumnDef[]
  /** What it may do, as its text says. */
  readonly causes: readonly Cause[]
  /** What of it makes others wait for long. */
  readonly work: readonly Cause[]
  /** What was measured, makes others wait for long, and is nowhere in its text. */
  readonly hidden: readonly Effect[]
  /** The locks for which others wait that earlier statements of the transaction hold, by table. */
  readonly locks: ReadonlyMap<string, Lock>
  readonly ahead: Ahead
}

/** What a rule says of a statement. */
export interface Said {
  /** One sentence, no full stop. */
  readonly message: string
  readonly safe: string
}

/** A rule for PostgreSQL. It says one thing of a statement, or nothing. */
export interface PostgresRule extends Rule {
  /** The kinds of statements that it may hold for; left out: all. */
  readonly kinds?: readonly string[]
  /** It only holds where something makes others wait for long. */
  readonly ofWork?: true
  readonly find: (moment: Moment) => Said | undefined
}

/** A rule about work under a lock: it holds where the effects say so. */
export function lockRule(
  id: LockRule,
  rule: Omit<PostgresRule, 'id' | 'topic' | 'severity' | 'find' | 'dialect'>,
  say: (cause: Cause, moment: Moment) => Said,
): PostgresRule {
  const find = (moment: Moment) => {
    const cause = moment.work.find((one) => one.rule === id)
    return cause && say(cause, moment)
  }
  return { id, dialect: 'postgres', topic: 'locks', severity: 'error', ofWork: true, ...rule, find }
}

/** The text of a statement, without what stands before it and the semicolon. */
export function sqlOf({ script, statement }: Moment): string {
  return script.text.slice(skipBlank(script.text, statement.start), statement.end).replace(/[;\s]+$/, '')
}

/** A table's name in SQL. */
export function sqlName(key: string): string {
  return key
    .split('.')
    .map((part) => nameText('postgres', part))
    .join('.')
}

export const quoted = (name: string) => nameText('postgres', name)

/** The last part of a table's name. */
export const bareName = (key: string) => key.split('.').at(-1) ?? key

/** The parts of a statement that most rules ask for. */
export function partsOf(
  { kind, node }: Told,
  catalog: Catalog,
): Pick<Moment, 'subject' | 'actions' | 'newColumns'> {
  const relation = node.relation as Parameters<Catalog['keyOf']>[0]
  const subject = relation === undefined ? '' : catalog.keyOf(relation)
  if (kind === 'CreateStmt') {
    const { tableElts = [] } = node as { tableElts?: unknown[] }
    return { subject, actions: [], newColumns: tableElts.flatMap((one) => held(one, 'ColumnDef') ?? []) }
  }
  if (kind !== 'AlterTableStmt') return { subject, actions: [], newColumns: [] }
  const { cmds = [] } = node as { cmds?: unknown[] }
  const actions = cmds.flatMap((command) => held(command, 'AlterTableCmd') ?? [])
  const added = actions.filter(({ subtype }) => subtype === 'AT_AddColumn')
  return { subject, actions, newColumns: added.flatMap(({ def }) => held(def, 'ColumnDef') ?? []) }
}

/**
 * Whether a table or a view, or a column of it, is something that running code may count on: neither this script made
 * it nor, where this is a down script, the up script that it takes back.
 */
export function wasThere({ script, catalog }: Moment, key: string, column?: string): boolean {
  if (catalog.isFresh(key, column)) return false
  const { before, direction } = script
  if (direction === 'up' || before === undefined) return true
  if (before.table(key) === undefined) return before.view(key) !== undefined
  return column === undefined || before.column(key, column) !== undefined
}

export const NO_TRANSACTION = '-- migrate: no-transaction'
export const SECOND = '-- in a second migration:'

/** Columns that a constraint is about. */
export function columnsOf(constraint: Constraint, column?: string): string[] {
  if (column !== undefined) return [column]
  return words(constraint.contype === 'CONSTR_FOREIGN' ? constraint.fk_attrs : constraint.keys)
}

const ENDS: Readonly<Record<string, string>> = {
  CONSTR_FOREIGN: 'fkey',
  CONSTR_CHECK: 'check',
  CONSTR_UNIQUE: 'key',
  CONSTR_PRIMARY: 'pkey',
}

/** The name of a constraint: the one that it was given, else as PostgreSQL would name it. */
export function constraintName(key: string, constraint: Constraint, column?: string): string {
  if (constraint.conname !== undefined) return constraint.conname
  const columns = constraint.contype === 'CONSTR_PRIMARY' ? [] : columnsOf(constraint, column)
  return [bareName(key), ...columns, ENDS[constraint.contype ?? ''] ?? 'constraint'].join('_')
}

const ACTIONS: Readonly<Record<string, string>> = {
  r: 'RESTRICT',
  c: 'CASCADE',
  n: 'SET NULL',
  d: 'SET DEFAULT',
}

/** What a constraint says, behind its name. */
export function constraintText(constraint: Constraint, catalog: Catalog, column?: string): string {
  const columns = columnList(columnsOf(constraint, column))
  switch (constraint.contype) {
    case 'CONSTR_FOREIGN': {
      const parents = words(constraint.pk_attrs)
      const [remove, update] = [
        ACTIONS[constraint.fk_del_action ?? ''],
        ACTIONS[constraint.fk_upd_action ?? ''],
      ]
      const to = `REFERENCES ${sqlName(catalog.keyOf(constraint.pktable))}${parents.length > 0 ? ` ${columnList(parents)}` : ''}`
      return `FOREIGN KEY ${columns} ${to}${remove ? ` ON DELETE ${remove}` : ''}${update ? ` ON UPDATE ${update}` : ''}`
    }
    case 'CONSTR_CHECK':
      return `CHECK (${expressionText(constraint.raw_expr)})`
    case 'CONSTR_PRIMARY':
      return `PRIMARY KEY ${columns}`
    default:
      return `UNIQUE ${columns}`
  }
}

/** A constraint in two migrations: the first looks at no row, the second locks nobody out. */
export function inTwoSteps(key: string, constraint: Constraint, catalog: Catalog, column?: string): string {
  const [table, name] = [sqlName(key), quoted(constraintName(key, constraint, column))]
  return `ALTER TABLE ${table} ADD CONSTRAINT ${name} ${constraintText(constraint, catalog, column)} NOT VALID;
${SECOND}
ALTER TABLE ${table} VALIDATE CONSTRAINT ${name};`
}

/** NOT NULL for a column without a scan under a strong lock. */
export function notNullSteps(key: string, column: string): string {
  const [table, name] = [sqlName(key), quoted(`${bareName(key)}_${column}_not_null`)]
  return `ALTER TABLE ${table} ADD CONSTRAINT ${name} CHECK (${quoted(column)} IS NOT NULL) NOT VALID;
${SECOND}
ALTER TABLE ${table} VALIDATE CONSTRAINT ${name};
-- in a third migration:
ALTER TABLE ${table} ALTER COLUMN ${quoted(column)} SET NOT NULL;
ALTER TABLE ${table} DROP CONSTRAINT ${name};`
}

/** A change of many rows, in batches. */
export function batched(statement: string): string {
  return `-- migrate: batch 1000\n${statement};`
}

/** Whether a column is added without being able to be NULL. */
export function isRequired(added: ColumnDef): boolean {
  const kinds = (added.constraints ?? []).map((one) => held(one, 'Constraint')?.contype)
  return kinds.includes('CONSTR_NOTNULL') || kinds.includes('CONSTR_PRIMARY')
}
