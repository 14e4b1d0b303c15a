import type { Node, ResTarget } from 'libpg-query'
import { nodesOf } from './ast.ts'

/** A column that another is copied to. */
export interface CopiedColumn {
  readonly from: string
  readonly to: string
}

/** Reads statements that copy rows from one table to another. */
export interface Copies {
  /**
   * @returns the columns that it names, if it copies every row as it is; of `SELECT *` none. Undefined where it does
   *   anything else, or is not understood.
   */
  columns(sql: string): CopiedColumn[] | undefined
  /** The tables of which an INSERT reads rows. */
  sources(sql: string): string[]
}

/** Reads by PostgreSQL's own grammar, which is SQLite's here. */
export async function loadCopies(): Promise<Copies> {
  const parser = await import('libpg-query')
  await parser.loadModule()
  const read = (sql: string): Node | undefined => {
    try {
      const [statement, ...more] = parser.parseSync(sql.replaceAll('`', '"')).stmts ?? []
      return more.length > 0 ? undefined : statement?.stmt
    } catch {
      return undefined
    }
  }
  return {
    columns: (sql) => copied(read(sql)),
    sources: (sql) => {
      const statement = read(sql)
      if (statement === undefined || !('InsertStmt' in statement)) return []
      const ranges = nodesOf(statement.InsertStmt.selectStmt, 'RangeVar')
      return ranges.flatMap(({ relname }) => relname ?? [])
    },
  }
}

function copied(statement: Node | undefined): CopiedColumn[] | undefined {
  if (statement === undefined || !('InsertStmt' in statement)) return undefined
  const { cols = [], selectStmt } = statement.InsertStmt
  if (selectStmt === undefined || !('SelectStmt' in selectStmt)) return undefined
  const { targetList = [], fromClause = [], op, withClause, valuesLists, ...rest } = selectStmt.SelectStmt
  const [from, ...others] = fromClause
  const whole = ['whereClause', 'groupClause', 'distinctClause', 'limitCount', 'limitOffset', 'havingClause']
  const changes = whole.some((part) => part in rest) || op !== 'SETOP_NONE' || withClause || valuesLists
  if (changes || from === undefined || !('RangeVar' in from) || others.length > 0) return undefined
  const read = targetList.map(columnOf)
  if (read.length === 1 && read[0] === '*') return []
  const into = cols.map((column) => ('ResTarget' in column ? column.ResTarget.name : undefined))
  if (into.length === 0) return read.every((name) => name !== undefined && name !== '*') ? [] : undefined
  const pairs = into.flatMap((to, i): CopiedColumn[] => {
    const name = read[i]
    return to === undefined || name === undefined || name === '*' ? [] : [{ from: name, to }]
  })
  return pairs.length === read.length && pairs.length === into.length ? pairs : undefined
}

/** The column that a part of a SELECT is, `*`, or nothing. */
function columnOf(target: Node): string | undefined {
  const { val }: ResTarget = 'ResTarget' in target ? target.ResTarget : {}
  if (val === undefined || !('ColumnRef' in val)) return undefined
  const last = val.ColumnRef.fields?.at(-1)
  if (last === undefined) return undefined
  if ('A_Star' in last) return '*'
  return 'String' in last ? last.String.sval : undefined
}
