import type { Sql } from '../../core/sql-error.ts'
import { grammar } from './script.ts'

/** A node of PostgreSQL's syntax tree. */
type Node = Record<string, unknown>

/** The names that a statement makes, for the common ones; any other is taken to make every name that it mentions. */
const MAKES: Readonly<Record<string, (statement: Node) => string[]>> = {
  CreateStmt: ({ relation }) => [...mentions((relation as Node).relname)],
  IndexStmt: ({ idxname }) => [...mentions(idxname)],
  CreateEnumStmt: ({ typeName }) => [...mentions(typeName)],
  CreateDomainStmt: ({ domainname }) => [...mentions(domainname)],
  CreateFunctionStmt: ({ funcname }) => [...mentions(funcname)],
  CreateSeqStmt: ({ sequence }) => [...mentions((sequence as Node).relname)],
  CreateTrigStmt: ({ trigname }) => [...mentions(trigname)],
  ViewStmt: ({ view }) => [...mentions((view as Node).relname)],
  AlterTableStmt: (statement) => {
    const commands = (statement.cmds as { AlterTableCmd: Node }[]).map((command) => command.AlterTableCmd)
    if (commands.some(({ subtype }) => subtype !== 'AT_AddColumn')) return [...mentions(statement)]
    return commands.flatMap(({ def }) => [...mentions(((def as Node).ColumnDef as Node).colname)])
  },
}

/** Reads it: a later script that mentions a name which the one in question makes depends on it. */
export async function dependents(
  _before: readonly Sql[],
  without: Sql,
  later: readonly Sql[],
): Promise<Sql[]> {
  const { parseSync } = await grammar()
  const trees = (sql: Sql) => (parseSync(sql.text).stmts ?? []).map(({ stmt }) => (stmt ?? {}) as Node)
  const made = trees(without).flatMap((tree) => {
    const [kind = '', statement] = Object.entries(tree)[0] ?? []
    return MAKES[kind]?.(statement as Node) ?? [...mentions(tree)]
  })
  return later.filter((script) => {
    const mentioned = new Set(trees(script).flatMap((tree) => [...mentions(tree)]))
    return made.some((name) => mentioned.has(name))
  })
}

/** Every name in a tree: texts, and the words of those in which names may be hidden, such as a function's body. */
export function* mentions(tree: unknown): Generator<string> {
  if (typeof tree === 'string') {
    yield tree
    yield* tree.match(/\w+/g) ?? []
  } else if (typeof tree === 'object' && tree !== null)
    for (const value of Object.values(tree)) yield* mentions(value)
}
