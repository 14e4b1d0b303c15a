import type { Check, Conflict, Deferrable } from './model.ts'
import { bare, closing, isSign, isWord, layout, partsOf, type Token, tokensOf, unquoted } from './tokens.ts'

/** What the text of a CREATE TABLE says and no PRAGMA of SQLite tells. Columns by their names in lower case. */
export interface Declaration {
  readonly collations: ReadonlyMap<string, string>
  readonly generated: ReadonlyMap<string, string>
  /** What NOT NULL does to a row that breaks it. */
  readonly notNulls: ReadonlyMap<string, Conflict>
  readonly primaryKey: (DeclaredKey & { readonly autoincrement: boolean }) | undefined
  readonly uniques: readonly DeclaredKey[]
  /** In their order. */
  readonly foreignKeys: readonly { readonly name?: string; readonly deferrable?: Deferrable }[]
  readonly checks: readonly Check[]
}

export interface DeclaredKey {
  readonly name?: string
  readonly columns: readonly string[]
  readonly onConflict?: Conflict
}

/** Words that begin a constraint of the table: none of them can be the name of a column. */
const OF_TABLE = ['CONSTRAINT', 'PRIMARY', 'UNIQUE', 'CHECK', 'FOREIGN']

/** Words that mean a value where DEFAULT has no parentheses; any other is a string. */
const VALUES = ['NULL', 'TRUE', 'FALSE', 'CURRENT_TIME', 'CURRENT_DATE', 'CURRENT_TIMESTAMP']

const ROWID = ['rowid', '_rowid_', 'oid']

/** Tokens that are read one after the other. */
interface Reader {
  readonly peek: () => Token | undefined
  readonly next: () => Token | undefined
  /** Goes past these words, if they are next. */
  readonly eat: (...words: string[]) => boolean
  /** What stands in the parentheses that are next; nothing if none are. */
  readonly group: () => Token[]
}

function readerOf(tokens: readonly Token[]): Reader {
  let at = 0
  const eat = (...words: string[]) => {
    const found = words.every((word, i) => isWord(tokens[at + i], word))
    if (found) at += words.length
    return found
  }
  const group = () => {
    if (!isSign(tokens[at], '(')) return []
    const end = closing(tokens, at)
    const inner = tokens.slice(at + 1, end)
    at = end + 1
    return inner
  }
  return { peek: () => tokens[at], next: () => tokens[at++], eat, group }
}

/**
 * Cuts the text of a CREATE TABLE, as SQLite keeps it, at its own tokens.
 *
 * @param columns the names that an expression may mean
 */
export function declarationOf(sql: string, columns: readonly string[]): Declaration {
  const tokens = tokensOf(sql, 'sqlite')
  const reader = readerOf(tokens.slice(tokens.findIndex((token) => isSign(token, '('))))
  const body = readerOf(reader.group())
  const found: Found = {
    collations: new Map(),
    generated: new Map(),
    notNulls: new Map(),
    primaryKey: undefined,
    uniques: [],
    foreignKeys: [],
    checks: [],
    expression: expressionsOf(columns),
  }
  while (body.peek() !== undefined) readItem(body, found)
  return found
}

interface Found extends Declaration {
  readonly collations: Map<string, string>
  readonly generated: Map<string, string>
  readonly notNulls: Map<string, Conflict>
  primaryKey: Declaration['primaryKey']
  readonly uniques: DeclaredKey[]
  readonly foreignKeys: { name?: string; deferrable?: Deferrable }[]
  readonly checks: Check[]
  readonly expression: (tokens: readonly Token[]) => string
}

/** A column, or a constraint of the table. (Between two of those the comma may be missing.) */
function readItem(body: Reader, found: Found): void {
  const first = body.peek()
  const column =
    first === undefined || isWord(first, ...OF_TABLE) ? undefined : lower(unquoted(body.next() as Token))
  let name: string | undefined
  for (let token = body.peek(); token !== undefined; token = body.peek()) {
    if (isSign(token, ',')) {
      body.next()
      return
    }
    if (body.eat('CONSTRAINT')) {
      const named = body.next()
      if (named !== undefined) name = unquoted(named)
      continue
    }
    const known = readConstraint(body, found, column, name)
    // A name is that of the constraint behind it only.
    if (known) name = undefined
    else if (isSign(token, '(')) body.group()
    else body.next()
  }
}

/** @returns whether a constraint was next */
function readConstraint(
  body: Reader,
  found: Found,
  column: string | undefined,
  name: string | undefined,
): boolean {
  const named = name === undefined ? {} : { name }
  if (body.eat('PRIMARY', 'KEY')) {
    if (!body.eat('ASC')) body.eat('DESC')
    const { columns, autoincrement } = keyColumns(body.group(), column)
    const onConflict = readConflict(body)
    const counts = body.eat('AUTOINCREMENT') || autoincrement
    found.primaryKey = { ...named, columns, ...onConflict, autoincrement: counts }
  } else if (body.eat('UNIQUE')) {
    const { columns } = keyColumns(body.group(), column)
    found.uniques.push({ ...named, columns, ...readConflict(body) })
  } else if (body.eat('CHECK')) {
    found.checks.push({ ...named, expression: found.expression(body.group()) })
    readConflict(body)
  } else if (body.eat('NOT', 'NULL')) {
    const { onConflict } = readConflict(body)
    if (onConflict !== undefined && column !== undefined) found.notNulls.set(column, onConflict)
  } else if (body.eat('DEFAULT')) {
    if (body.group().length === 0) body.next()
  } else if (body.eat('COLLATE')) {
    const collation = body.next()
    if (column !== undefined && collation) found.collations.set(column, collationName(unquoted(collation)))
  } else if (body.eat('AS')) {
    if (column !== undefined) found.generated.set(column, found.expression(body.group()))
  } else if (body.eat('FOREIGN', 'KEY')) {
    body.group()
    // Its REFERENCES is next, and takes the name.
    if (body.eat('REFERENCES')) readReferences(body, found, named)
  } else if (body.eat('REFERENCES')) {
    readReferences(body, found, named)
  } else if (body.eat('NOT', 'DEFERRABLE')) {
    readInitially(body)
  } else if (body.eat('DEFERRABLE')) {
    const deferrable = readInitially(body)
    // It is of the foreign key before it.
    const key = found.foreignKeys.at(-1)
    if (key !== undefined) key.deferrable = deferrable
  } else return false
  return true
}

function keyColumns(
  group: readonly Token[],
  column: string | undefined,
): { columns: string[]; autoincrement: boolean } {
  if (group.length === 0) return { columns: column === undefined ? [] : [column], autoincrement: false }
  const columns = partsOf(group).map((part) => bareName(part))
  return { columns, autoincrement: group.some((token) => isWord(token, 'AUTOINCREMENT')) }
}

function bareName(part: readonly Token[]): string {
  const token = part.find((one) => one.kind !== 'sign')
  return token === undefined ? '' : lower(unquoted(token))
}

function readConflict(body: Reader): { onConflict?: Conflict } {
  if (!body.eat('ON', 'CONFLICT')) return {}
  const conflict = body.next()?.text.toUpperCase() ?? 'ABORT'
  return conflict === 'ABORT' ? {} : { onConflict: conflict as Conflict }
}

/** https://sqlite.org/syntax/foreign-key-clause.html: the words of its actions are no constraints. */
function readReferences(body: Reader, found: Found, named: { name?: string }): void {
  body.next()
  body.group()
  for (;;) {
    if (body.eat('MATCH')) body.next()
    else if (isWord(body.peek(), 'ON')) {
      body.next()
      body.next()
      if (isWord(body.next(), 'SET', 'NO')) body.next()
    } else break
  }
  found.foreignKeys.push({ ...named })
}

function readInitially(body: Reader): Deferrable {
  if (!body.eat('INITIALLY')) return 'immediate'
  return isWord(body.next(), 'DEFERRED') ? 'deferred' : 'immediate'
}

/** SQLite's own are named without regard to case. */
export function collationName(name: string): string {
  return /^(binary|nocase|rtrim)$/i.test(name) ? name.toUpperCase() : name
}

/** A type's name as SQLite tells it, in one layout. */
export function typeName(type: string): string {
  const tokens = tokensOf(type, 'sqlite')
  const plain = tokens.every(
    ({ kind, text }) => kind === 'word' || kind === 'number' || /^[(),+-]$/.test(text),
  )
  return plain ? layout(tokens).replaceAll(', ', ',') : type
}

/** A default's text as SQLite tells it. It cannot mean a column: what is a name in it is a string. */
export function defaultText(text: string): string {
  const tokens = tokensOf(text, 'sqlite')
  const [only] = tokens
  if (tokens.length === 1 && only !== undefined && (only.kind === 'word' || only.kind === 'name')) {
    return isWord(only, ...VALUES) ? only.text : quoted(unquoted(only))
  }
  return layout(bare(asStrings(tokens, new Set())))
}

/** What stands behind ON … in the text of a CREATE INDEX. */
export interface DeclaredIndex {
  /** Expressions, and columns, each as it stands there without its order and without the collation that it names. */
  readonly parts: readonly string[]
  readonly where?: string
}

/**
 * Cuts the text of a CREATE INDEX.
 *
 * @param columns those of its table
 * @param collates whether SQLite says that the part has a collation
 */
export function indexDeclaration(
  sql: string,
  columns: readonly string[],
  collates: (part: number) => boolean,
): DeclaredIndex {
  const expression = expressionsOf(columns)
  const reader = fromFirst(sql, '(')
  const parts = partsOf(reader.group()).map((part, i) => {
    if (isWord(part.at(-1), 'ASC', 'DESC')) part = part.slice(0, -1)
    const inner = bare(part)
    return expression(collates(i) && isWord(inner.at(-2), 'COLLATE') ? inner.slice(0, -2) : inner)
  })
  if (!reader.eat('WHERE')) return { parts }
  const rest: Token[] = []
  for (let token = reader.next(); token !== undefined; token = reader.next()) rest.push(token)
  return { parts, where: expression(rest) }
}

function fromFirst(sql: string, sign: string): Reader {
  const tokens = tokensOf(sql, 'sqlite')
  return readerOf(tokens.slice(tokens.findIndex((token) => isSign(token, sign))))
}

/** The SELECT of a CREATE VIEW, as it was written. */
export function viewQuery(sql: string): string {
  const tokens = tokensOf(sql, 'sqlite')
  const as = tokens.find((token) => isWord(token, 'AS'))
  return sql
    .slice(as?.end ?? sql.length)
    .trim()
    .replace(/\s*;$/, '')
}

/** What stands between the name and the body of a CREATE TRIGGER. */
export function triggerHead(sql: string): {
  readonly timing: 'BEFORE' | 'AFTER' | 'INSTEAD OF'
  readonly event: string
  readonly of: readonly string[]
} {
  // CREATE TRIGGER and its name.
  const reader = readerOf(tokensOf(sql, 'sqlite').slice(3))
  const timing = reader.eat('INSTEAD', 'OF') ? 'INSTEAD OF' : reader.eat('AFTER') ? 'AFTER' : 'BEFORE'
  reader.eat('BEFORE')
  const event = reader.next()?.text.toUpperCase() ?? ''
  const of: string[] = []
  if (reader.eat('OF')) {
    for (let token = reader.next(); token !== undefined && !isWord(token, 'ON'); token = reader.next()) {
      if (token.kind !== 'sign') of.push(unquoted(token))
    }
  }
  return { timing, event, of }
}

/** How an expression over these columns is written: one layout, strings in single quotes, no parentheses around it. */
function expressionsOf(columns: readonly string[]): (tokens: readonly Token[]) => string {
  const known = new Set([...columns.map(lower), ...ROWID])
  return (tokens) => layout(bare(asStrings(tokens, known)))
}

/**
 * In double quotes, what names no column is a string, for SQLite's older self
 * (https://sqlite.org/quirks.html#double_quoted_string_literals_are_accepted). Newer builds take it from a file that
 * has it and from nobody else: it is written as what it means.
 */
function asStrings(tokens: readonly Token[], known: ReadonlySet<string>): Token[] {
  return tokens.map((token, i) => {
    const name = token.kind === 'name' && token.text.startsWith('"') && !known.has(lower(unquoted(token)))
    const [before, after] = [tokens[i - 1], tokens[i + 1]]
    const other = isSign(before, '.') || isSign(after, '.') || isSign(after, '(')
    if (!name || other || isWord(before, 'COLLATE', 'AS', 'OVER')) return token
    return { ...token, kind: 'string', text: quoted(unquoted(token)) }
  })
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", "''")}'`
}

/** As SQLite compares names: ASCII only. */
export function lower(name: string): string {
  return name.replace(/[A-Z]+/g, (letters) => letters.toLowerCase())
}
