import type { Node } from 'libpg-query'
import type { Dialect } from '../../migrations.ts'
import { quoteName } from '../../text.ts'
import type { Kind } from '../model.ts'
import { isSign, isWord, type Token, tokensOf, unquoted } from '../tokens.ts'
import { selected } from './ast.ts'
import { conversion } from './conversion.ts'
import { normalForm } from './normal-form.ts'
import { NotUnderstood } from './values.ts'
import { type Write, writers } from './writers.ts'

/**
 * A column that an expression names, whatever the case: its own name, and what it holds where the database is
 * PostgreSQL. Nothing where there is none of that name.
 */
export type Columns = (column: string, table?: string) => { name: string; kind: Kind } | undefined

/** The columns of a table in their order, in the database that a statement is written for. */
export type Rows = (
  table: string,
) => readonly { readonly name: string; readonly generated?: unknown }[] | undefined

/** What this tool understands of SQL expressions. */
export interface Expressions {
  /** Whether two expressions mean the same, each written for either database. */
  same(a: string, b: string): boolean
  /** An expression in the words of the other database. Nothing where it is not known to be understood there. */
  convert(expression: string, to: Dialect, columns?: Columns): string | undefined
  /** A statement that reads or changes rows, likewise. What PostgreSQL refuses loudly at run time may be let through. */
  convertStatement(sql: string, to: Dialect, columns?: Columns, rows?: Rows): string | undefined
  /** What it is in a statement that is not known to be understood. Nothing where that cannot be told. */
  strangeIn(sql: string, to: Dialect, columns?: Columns, rows?: Rows): string | undefined
  /** The columns that a statement of PostgreSQL gives values, if it is an INSERT that names them. */
  inserted(sql: string): string[]
}

/** Reads SQL by PostgreSQL's own grammar; what that does not read is compared as words and not converted. */
export async function loadExpressions(): Promise<Expressions> {
  const [parser, deparser] = await Promise.all([import('libpg-query'), import('pgsql-deparser')])
  await parser.loadModule()
  const read = reader((sql) => parser.parseSync(sql).stmts?.map(({ stmt }) => stmt))
  const write = writers(deparser.Deparser)

  const forms = new Map<string, string>()
  const formOf = (text: string): string => {
    const known = forms.get(text)
    if (known !== undefined) return known
    const tree = read.expression(text) ?? read.statement(text)
    const form = tree === undefined ? `words ${wordForm(text)}` : normalForm(tree)
    forms.set(text, form)
    return form
  }
  const outcome = (sql: string, to: Dialect, back: Read, columns?: Columns, rows?: Rows): Outcome => {
    const tree = back(sql)
    return tree === undefined ? {} : translated(tree, to, write[to], back, columns, rows)
  }

  return {
    same: (a, b) => a === b || formOf(a) === formOf(b),
    convert: (text, to, columns) => outcome(text, to, read.expression, columns).text,
    convertStatement: (sql, to, columns, rows) => outcome(sql, to, read.statement, columns, rows).text,
    strangeIn: (sql, to, columns, rows) => outcome(sql, to, read.statement, columns, rows).strange,
    inserted: (sql) => {
      const tree = read.statement(sql)
      const cols = tree && 'InsertStmt' in tree ? (tree.InsertStmt.cols ?? []) : []
      return cols.flatMap((col) => ('ResTarget' in col ? (col.ResTarget.name ?? []) : []))
    },
  }
}

type Read = (text: string) => Node | undefined

/** What a text became, or what in it is not known to be understood. */
interface Outcome {
  readonly text?: string
  readonly strange?: string
}

/** What is written must be read as it was meant: the writer of trees is not trusted with parentheses. */
function translated(
  tree: Node,
  to: Dialect,
  write: Write,
  read: Read,
  columns: Columns | undefined,
  rows: Rows | undefined,
): Outcome {
  try {
    const meant = conversion(tree, to, columns, rows)
    const text = write(meant)
    const written = read(text)
    return written !== undefined && normalForm(written) === normalForm(meant) ? { text } : {}
  } catch (error) {
    if (error instanceof NotUnderstood) return { strange: error.message }
    throw error
  }
}

type Parse = (sql: string) => (Node | undefined)[] | undefined

function reader(parse: Parse): { expression: Read; statement: Read } {
  const attempt = (sql: string): Node | undefined => {
    try {
      const statements = parse(sql) ?? []
      return statements.length === 1 ? statements[0] : undefined
    } catch {
      return undefined
    }
  }
  const either = (text: string, wrap: (text: string) => string) =>
    attempt(wrap(common(text))) ?? attempt(wrap(ofSqlite(text)))
  return {
    expression: (text) => {
      const literal = /^\s*"((?:[^"]|"")*)"\s*$/.exec(text)?.[1]
      // SQLite takes a name that is none for a string; alone, it can be nothing else.
      const given = literal === undefined ? text : `'${literal.replaceAll('""', '"').replaceAll("'", "''")}'`
      return selected(either(given, (sql) => `SELECT (${sql}\n)`))
    },
    statement: (text) => {
      const [, start] = /^\s*(INSERT\s+OR\s+IGNORE)\b/i.exec(text) ?? []
      const tree = either(start === undefined ? text : text.replace(start, 'INSERT'), (sql) => sql)
      return start === undefined || tree === undefined ? tree : ignoring(tree)
    },
  }
}

/** INSERT OR IGNORE, said as both databases understand it. */
function ignoring(tree: Node): Node | undefined {
  if (!('InsertStmt' in tree) || tree.InsertStmt.onConflictClause) return undefined
  return { InsertStmt: { ...tree.InsertStmt, onConflictClause: { action: 'ONCONFLICT_NOTHING' } } }
}

/** A text with some of its tokens written otherwise. */
function respelled(
  text: string,
  spell: (token: Token, i: number, all: Token[]) => string | undefined,
): string {
  let [written, end] = ['', 0]
  for (const [i, token, all] of tokensOf(text, 'sqlite').map((token, i, all) => [i, token, all] as const)) {
    written += text.slice(end, token.start) + (spell(token, i, all) ?? token.text)
    end = token.end
  }
  return written + text.slice(end)
}

/** SQLite's ways of writing that mean nothing to PostgreSQL. */
function common(text: string): string {
  if (!/`|==/.test(text)) return text
  return respelled(text, (token) => {
    if (token.text.startsWith('`')) return quoteName(unquoted(token))
    return isSign(token, '==') ? '=' : undefined
  })
}

/** What may stand behind IS in PostgreSQL's grammar. */
const TESTS = ['NULL', 'TRUE', 'FALSE', 'UNKNOWN', 'DISTINCT', 'NORMALIZED', 'DOCUMENT', 'JSON']

/** Those that mean something else to PostgreSQL: names in brackets, IS between values. */
function ofSqlite(text: string): string {
  return respelled(common(text), (token, i, all) => {
    if (token.kind === 'name') return quoteName(unquoted(token))
    if (isWord(token, 'IS') && !isWord(all[i + 1], 'NOT', ...TESTS)) return 'IS NOT DISTINCT FROM'
    const isDenied = isWord(token, 'NOT') && isWord(all[i - 1], 'IS') && !isWord(all[i + 1], ...TESTS)
    return isDenied ? 'DISTINCT FROM' : undefined
  })
}

/** A text that no grammar here reads: its words, whatever their case, space and quotes. */
function wordForm(text: string): string {
  return tokensOf(text, 'sqlite')
    .map((token) => {
      if (token.kind === 'string') return token.text
      if (token.kind === 'name') return unquoted(token).toLowerCase()
      return { '!=': '<>', '==': '=' }[token.text] ?? token.text.toLowerCase()
    })
    .join(' ')
}
