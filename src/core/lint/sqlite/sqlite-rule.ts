import type { Schema, Table } from '../../schema/model.ts'
import { alterSqlite } from '../../schema/sql/alter-sqlite.ts'
import { scriptText } from '../../schema/sql/ddl.ts'
import { nameText } from '../../schema/sql/names.ts'
import type { Found, Rule } from '../rule.ts'
import type { SqliteFacts, TableFate } from './facts.ts'

/** A rule, and where a script breaks it. */
export interface SqliteRule extends Rule {
  readonly dialect: 'sqlite'
  readonly find: (facts: SqliteFacts) => readonly Found[]
}

export const lower = (name: string) => name.toLowerCase()

/** A name in SQL. */
export const q = (text: string) => nameText('sqlite', text)

/** Where a statement begins. */
export function startOf({ statements, script }: SqliteFacts, index: number): number {
  const last = statements.at(-1)
  return statements[index]?.start ?? last?.start ?? script.text.search(/\S/)
}

/** The table as a schema has it. */
export function tableIn({ tables }: Schema, name: string): Table | undefined {
  return tables.find((table) => lower(table.name) === lower(name))
}

/** Whether a down script takes back only what its up script has made. */
export function takesBack({ origin }: SqliteFacts, table: string, column?: string): boolean {
  if (origin === undefined) return false
  const was = tableIn(origin, table)
  if (was === undefined) return true
  return column !== undefined && !was.columns.some((one) => lower(one.name) === lower(column))
}

/** Tables that were dropped and have come back. */
export function rebuilds({ tables }: SqliteFacts): TableFate[] {
  return tables.filter(({ fate, table }) => fate === 'rebuilt' && table.virtual === undefined)
}

/** SQL that makes a table into another in the way that loses nothing. */
export function rebuildText({ before }: SqliteFacts, table: Table): string {
  const tables = before.tables.map((one) => (lower(one.name) === lower(table.name) ? table : one))
  const { statements } = alterSqlite(before, { ...before, tables }, {})
  return statements.length > 0
    ? scriptText(statements)
    : '-- nothing: but for the order of columns the table is as it is to be'
}

/** The table as it has become, with what was left behind. */
export function restored({ now, table }: TableFate): Table {
  const had = now ?? table
  return { ...had, name: table.name, indexes: table.indexes }
}
