import type { Dialect } from '../migrations.ts'

/** A piece of an SQL text that is neither white space nor comment. */
export interface Token {
  /** A `name` is quoted; a `word` is not: a keyword, or a name in what case it may be. */
  readonly kind: (typeof KINDS)[number]
  readonly text: string
  readonly start: number
  readonly end: number
}

const BLANK = String.raw`([ \t\n\f\r]+|--[^\n]*|/\*[^]*?(?:\*/|$))`
const NUMBER = String.raw`(0[xX][\da-fA-F_]+|(?:\d[\d_]*(?:\.[\d_]*)?|\.\d[\d_]*)(?:[eE][+-]?\d+)?)`
const WORD = String.raw`([A-Za-z_\u0080-\uffff][\w$\u0080-\uffff]*)`
const SIGN = String.raw`(->>|->|\|\||<<|>>|<=|>=|<>|!=|==|::|[^])`

/** As each database cuts a text: https://sqlite.org/src/file/src/tokenize.c, postgresql.org/docs/current/sql-syntax-lexical.html */
const PIECES: Readonly<Record<Dialect, RegExp>> = {
  sqlite: pieces(
    `([xX]?'[^']*(?:''[^']*)*(?:'|$))`,
    String.raw`("[^"]*(?:""[^"]*)*(?:"|$)|${'`[^`]*(?:``[^`]*)*(?:`|$)'}|\[[^\]]*(?:\]|$))`,
  ),
  postgres: pieces(
    String.raw`([eE]'(?:[^'\\]|\\[^]|'')*(?:'|$)|[bBxXnN]?'[^']*(?:''[^']*)*(?:'|$)|(\$(?:[A-Za-z_]\w*)?\$)[^]*?(?:\3|$))`,
    `("[^"]*(?:""[^"]*)*(?:"|$))`,
  ),
}

function pieces(string: string, name: string): RegExp {
  return new RegExp([BLANK, string, name, NUMBER, WORD, SIGN].join('|'), 'y')
}

const KINDS = ['word', 'sign', 'name', 'string', 'number'] as const

/** What each group of these expressions is: names for them would take time with every token. */
const GROUPS: Readonly<Record<Dialect, readonly (Token['kind'] | undefined)[]>> = {
  sqlite: [undefined, undefined, 'string', 'name', 'number', 'word', 'sign'],
  // The third is the tag of a string between dollars.
  postgres: [undefined, undefined, 'string', undefined, 'name', 'number', 'word', 'sign'],
}

/** Cuts an SQL text into its tokens. It knows no grammar: what they mean together is for others to say. */
export function tokensOf(sql: string, dialect: Dialect): Token[] {
  const piece = PIECES[dialect]
  const groups = GROUPS[dialect]
  const tokens: Token[] = []
  piece.lastIndex = 0
  for (let found = piece.exec(sql); found !== null && found[0] !== ''; found = piece.exec(sql)) {
    let group = 1
    while (found[group] === undefined) group++
    const kind = groups[group]
    if (kind !== undefined)
      tokens.push({ kind, text: found[0], start: found.index, end: found.index + found[0].length })
  }
  return tokens
}

export function isSign(token: Token | undefined, sign: string): boolean {
  return token?.kind === 'sign' && token.text === sign
}

/** Whether it is one of these words, unquoted, in whatever case. */
export function isWord(token: Token | undefined, ...words: readonly string[]): boolean {
  return token?.kind === 'word' && words.includes(token.text.toUpperCase())
}

/** What a word, a quoted name or a string names. */
export function unquoted({ kind, text }: Token): string {
  if (kind !== 'name' && kind !== 'string') return text
  const quote = text[0] ?? ''
  return quote === '[' ? text.slice(1, -1) : text.slice(1, -1).replaceAll(quote + quote, quote)
}

/** Where the parenthesis that opens at `open` closes; behind the end if it does not. */
export function closing(tokens: readonly Token[], open: number): number {
  let depth = 0
  for (let i = open; i < tokens.length; i++) {
    if (isSign(tokens[i], '(')) depth++
    else if (isSign(tokens[i], ')') && --depth === 0) return i
  }
  return tokens.length
}

/** The parts between the commas that stand in no parentheses. */
export function partsOf(tokens: readonly Token[]): Token[][] {
  const parts: Token[][] = [[]]
  for (let i = 0; i < tokens.length; i++) {
    const end = isSign(tokens[i], '(') ? closing(tokens, i) : i
    if (isSign(tokens[i], ',')) parts.push([])
    else parts.at(-1)?.push(...tokens.slice(i, end + 1))
    i = end
  }
  return parts
}

/** Without the parentheses that stand around the whole. */
export function bare(tokens: readonly Token[]): readonly Token[] {
  while (isSign(tokens[0], '(') && closing(tokens, 0) === tokens.length - 1) tokens = tokens.slice(1, -1)
  return tokens
}

/** An expression's text without the parentheses that stand around the whole. */
export function unwrapped(expression: string, dialect: Dialect): string {
  if (!expression.startsWith('(')) return expression
  const inner = bare(tokensOf(expression, dialect))
  return expression.slice(inner[0]?.start ?? 0, inner.at(-1)?.end)
}

/** Words behind which a parenthesis opens no list of arguments. */
const OPERATORS = new Set(
  `ALL AND AS BETWEEN BY CASE COLLATE DISTINCT ELSE END ESCAPE EXCEPT EXISTS FILTER FROM GLOB HAVING IN INTERSECT IS
   ISNULL JOIN LIKE LIMIT MATCH NOT NOTNULL OFFSET ON OR OVER REGEXP SELECT THEN UNION USING VALUES WHEN WHERE`.split(
    /\s+/,
  ),
)

const isOperator = (token: Token) => token.kind === 'word' && OPERATORS.has(token.text.toUpperCase())

/** The tokens in one layout, so that texts which differ in white space and comments only are the same. */
export function layout(tokens: readonly Token[]): string {
  let text = ''
  let unary = false
  for (const [i, token] of tokens.entries()) {
    const before = tokens[i - 1]
    if (before !== undefined && !sticks(before, token, unary)) text += ' '
    text += token.text
    unary = /^[-+~]$/.test(token.text) && (before === undefined || beginsOperand(before))
  }
  return text
}

/** @param unary whether `before` is a sign of the number or name behind it */
function sticks(before: Token, token: Token, unary: boolean): boolean {
  if (isSign(before, '(') || isSign(before, '.') || isSign(before, '::')) return true
  if ([')', ',', '.', '::'].some((sign) => isSign(token, sign))) return true
  if (isSign(token, '(')) return before.kind === 'name' || (before.kind === 'word' && !isOperator(before))
  // Two of them would be a comment.
  return unary && token.text !== '-'
}

function beginsOperand(before: Token): boolean {
  return (before.kind === 'sign' && before.text !== ')') || isOperator(before)
}
