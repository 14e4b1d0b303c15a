/** A column, and the only values that a check lets into it. */
export interface Listed {
  /** As the database knows it: without quotes. */
  readonly column: string
  readonly values: readonly (string | number)[]
}

/** In order: a string, a quoted name, a number, a word, `::`, or one character. */
const TOKEN =
  /\s*(?:'((?:[^']|'')*)'|"((?:[^"]|"")*)"|`((?:[^`]|``)*)`|(-?\d+(?:\.\d+)?)|([\p{L}_][\p{L}\p{N}_$]*)|(::)|(.))/suy

type Token =
  | { readonly is: 'literal'; readonly value: string | number }
  | { readonly is: 'name' | 'word' | 'sign'; readonly text: string }

/**
 * Reads a check that says nothing but which values a column may have: `x IN ('a', 'b')`, `x = 'a'`, PostgreSQL's
 * `((x)::text = ANY (ARRAY['a'::text, 'b'::text]))`, and each of them behind `x IS NULL OR`.
 *
 * @returns undefined where it says anything else
 */
export function listedBy(expression: string): Listed | undefined {
  const tokens = withoutCasts(tokensOf(expression))
  // What is left has one operator, so that parentheses group nothing.
  const signs = tokens.filter((token) => !(token.is === 'sign' && '()[],'.includes(token.text)))
  const [name, ...rest] = signs
  if (name === undefined || (name.is !== 'name' && name.is !== 'word')) return undefined
  const column = name.text
  const or = wordsOf(rest.slice(0, 4))
  if (or === `is null or ${column.toLowerCase()}`) return listing(column, rest.slice(4))
  return listing(column, rest)
}

function listing(column: string, [operator, ...rest]: readonly Token[]): Listed | undefined {
  if (operator === undefined) return undefined
  if (wordsOf([operator]) === 'in') return valuesOf(column, rest)
  if (operator.is !== 'sign' || operator.text !== '=') return undefined
  if (wordsOf(rest.slice(0, 2)) === 'any array') return valuesOf(column, rest.slice(2))
  return rest.length === 1 ? valuesOf(column, rest) : undefined
}

function valuesOf(column: string, tokens: readonly Token[]): Listed | undefined {
  const values = tokens.flatMap((token) => (token.is === 'literal' ? token.value : []))
  return values.length === 0 || values.length < tokens.length ? undefined : { column, values }
}

function wordsOf(tokens: readonly Token[]): string {
  return tokens.map((token) => (token.is === 'literal' ? "'" : token.text.toLowerCase())).join(' ')
}

function tokensOf(expression: string): Token[] {
  return [...expression.matchAll(new RegExp(TOKEN, 'guy'))].flatMap((match): Token[] => {
    const [, string, quoted, ticked, number, word, cast, sign] = match
    if (string !== undefined) return [{ is: 'literal', value: string.replaceAll("''", "'") }]
    if (quoted !== undefined) return [{ is: 'name', text: quoted.replaceAll('""', '"') }]
    if (ticked !== undefined) return [{ is: 'name', text: ticked.replaceAll('``', '`') }]
    if (number !== undefined) return [{ is: 'literal', value: Number(number) }]
    if (word !== undefined) return [{ is: 'word', text: word }]
    const text = cast ?? sign ?? ''
    return text.trim() === '' ? [] : [{ is: 'sign', text }]
  })
}

/** Words that follow a type and are none of it. */
const BEHIND = /^(in|is|and|or|not)$/i

/** Without `::type`, `::schema."Type"`, `::character varying(20)[]`. */
function withoutCasts(tokens: readonly Token[]): Token[] {
  const kept: Token[] = []
  for (let i = 0; i < tokens.length; i++) {
    if (isSign(tokens[i], '::')) i = behindType(tokens, i + 1) - 1
    else kept.push(tokens[i] as Token)
  }
  return kept
}

function behindType(tokens: readonly Token[], from: number): number {
  let at = from
  for (let token = tokens[at]; isOfType(token); token = tokens[++at]);
  if (isSign(tokens[at], '(') && isSign(tokens[at + 2], ')')) at += 3
  while (isSign(tokens[at], '[') && isSign(tokens[at + 1], ']')) at += 2
  return at
}

function isOfType(token: Token | undefined): boolean {
  if (token?.is === 'word') return !BEHIND.test(token.text)
  return token?.is === 'name' || isSign(token, '.')
}

function isSign(token: Token | undefined, text: string): boolean {
  return token?.is === 'sign' && token.text === text
}
