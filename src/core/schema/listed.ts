import { closing, isSign, isWord, type Token, tokensOf, unquoted } from './tokens.ts'

/** A column, and the only values that a check lets into it. */
export interface Listed {
  /** Without quotes. */
  readonly column: string
  readonly values: readonly (string | number)[]
}

/**
 * Reads a check that says nothing but which values a column may have: `x IN ('a', 'b')`, `x = 'a'`, PostgreSQL's
 * `(x)::text = ANY (ARRAY['a'::text, 'b'::text])`, and each of them behind `x IS NULL OR`.
 *
 * @returns undefined where it says anything else
 */
export function listedBy(expression: string): Listed | undefined {
  // In SQLite brackets are quotes.
  const dialect = /\bARRAY\s*\[/i.test(expression) ? 'postgres' : 'sqlite'
  // There is one operator, so that parentheses group nothing.
  const tokens = withoutCasts(tokensOf(expression, dialect)).filter(
    ({ kind, text }) => kind !== 'sign' || !'()[],'.includes(text),
  )
  const [name, ...rest] = tokens
  if (name?.kind !== 'name' && name?.kind !== 'word') return undefined
  const column = unquoted(name)
  const [is, none, or, again, ...behind] = rest
  const orNull = isWord(is, 'IS') && isWord(none, 'NULL') && isWord(or, 'OR')
  if (orNull && again !== undefined && unquoted(again) === column) return listing(column, behind)
  return listing(column, rest)
}

function listing(column: string, tokens: readonly Token[]): Listed | undefined {
  const [operator, any, array] = tokens
  if (isWord(operator, 'IN')) return valuesOf(column, tokens.slice(1))
  if (!isSign(operator, '=')) return undefined
  if (isWord(any, 'ANY') && isWord(array, 'ARRAY')) return valuesOf(column, tokens.slice(3))
  const found = valuesOf(column, tokens.slice(1))
  return found?.values.length === 1 ? found : undefined
}

function valuesOf(column: string, tokens: readonly Token[]): Listed | undefined {
  const values: (string | number)[] = []
  for (let i = 0; i < tokens.length; i++) {
    const minus = isSign(tokens[i], '-')
    const value = literalOf(tokens[minus ? ++i : i])
    if (value === undefined || (minus && typeof value === 'string')) return undefined
    values.push(minus ? -Number(value) : value)
  }
  return values.length === 0 ? undefined : { column, values }
}

function literalOf(token: Token | undefined): string | number | undefined {
  if (token?.kind === 'number' && /^\d+(\.\d+)?$/.test(token.text)) return Number(token.text)
  return token?.kind === 'string' && token.text.startsWith("'") ? unquoted(token) : undefined
}

/** Without `::type`, `::schema."Type"`, `::character varying(20)[]`. */
function withoutCasts(tokens: readonly Token[]): Token[] {
  const kept: Token[] = []
  for (let i = 0; i < tokens.length; i++) {
    const token = tokens[i] as Token
    if (isSign(token, '::')) i = behindType(tokens, i + 1) - 1
    else kept.push(token)
  }
  return kept
}

function behindType(tokens: readonly Token[], from: number): number {
  let at = from
  while (isOfType(tokens[at])) at++
  if (isSign(tokens[at], '(')) at = closing(tokens, at) + 1
  while (isSign(tokens[at], '[') && isSign(tokens[at + 1], ']')) at += 2
  return at
}

function isOfType(token: Token | undefined): boolean {
  if (token?.kind === 'word') return !isWord(token, 'IN', 'IS', 'AND', 'OR', 'NOT')
  return token?.kind === 'name' || isSign(token, '.')
}
