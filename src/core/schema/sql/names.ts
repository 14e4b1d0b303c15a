import type { Dialect } from '../../migrations.ts'
import { quoteName } from '../../text.ts'
import type { Named } from '../model.ts'
import { type Token, tokensOf, unquoted } from '../tokens.ts'

/** What is no name unless it is quoted: https://sqlite.org/lang_keywords.html, and PostgreSQL's pg_get_keywords(). */
const RESERVED: Readonly<Record<Dialect, ReadonlySet<string>>> = {
  sqlite: set(`
    add all alter and as autoincrement between case cast check collate commit constraint create current_date
    current_time current_timestamp default deferrable delete distinct drop else escape except exists false foreign
    from group having if in index insert intersect into is isnull join limit not nothing notnull null on or order
    primary raise references returning select set table then to transaction true union unique update using values
    when where`),
  postgres: set(`
    all analyse analyze and any array as asc asymmetric authorization binary both case cast check collate collation
    column concurrently constraint create cross current_catalog current_date current_role current_schema current_time
    current_timestamp current_user default deferrable desc distinct do else end except false fetch for foreign freeze
    from full grant group having ilike in initially inner intersect into is isnull join lateral leading left like
    limit localtime localtimestamp natural not notnull null offset on only or order outer overlaps placing primary
    references returning right select session_user similar some symmetric system_user table tablesample then to
    trailing true union unique user using variadic verbose when where window with`),
}

/** A name that means itself without quotes. */
const PLAIN: Readonly<Record<Dialect, RegExp>> = {
  sqlite: /^[A-Za-z_][A-Za-z0-9_]*$/,
  postgres: /^[a-z_][a-z0-9_]*$/,
}

function set(words: string): ReadonlySet<string> {
  return new Set(words.trim().split(/\s+/))
}

/** A name in SQL, quoted only where it must be. */
export function nameText(dialect: Dialect, name: string): string {
  const plain = PLAIN[dialect].test(name) && !RESERVED[dialect].has(name.toLowerCase())
  return plain ? name : quoteName(name)
}

/** The name of an object in SQL, with its schema where that is not the usual one. */
export function pathText(dialect: Dialect, { schema, name }: Named): string {
  const bare = nameText(dialect, name)
  return schema === '' ? bare : `${nameText(dialect, schema)}.${bare}`
}

/** Names in parentheses. */
export function listText(dialect: Dialect, names: readonly string[]): string {
  return `(${names.map((name) => nameText(dialect, name)).join(', ')})`
}

/** A string in SQL. */
export function stringText(text: string): string {
  return `'${text.replaceAll("'", "''")}'`
}

/** What two names have in common that mean the same. */
export function fold(dialect: Dialect, name: string): string {
  return dialect === 'sqlite' ? name.toLowerCase() : name
}

/** The name that a token is, folded; nothing if it is none. In doubt a word is one. */
export function nameIn(dialect: Dialect, token: Token): string | undefined {
  if (token.kind === 'word') return token.text.toLowerCase()
  return token.kind === 'name' ? fold(dialect, unquoted(token)) : undefined
}

/** Every name that stands in SQL, folded. */
export function namesIn(dialect: Dialect, sql: string): Set<string> {
  return new Set(tokensOf(sql, dialect).flatMap((token) => nameIn(dialect, token) ?? []))
}

/**
 * SQL in which names have become others, all at once.
 *
 * @param names new ones by the old ones, folded
 */
export function renameIn(dialect: Dialect, sql: string, names: ReadonlyMap<string, string>): string {
  let [text, end] = ['', 0]
  for (const token of tokensOf(sql, dialect)) {
    const to = names.get(nameIn(dialect, token) ?? '')
    if (to === undefined) continue
    text += sql.slice(end, token.start) + nameText(dialect, to)
    end = token.end
  }
  return text + sql.slice(end)
}
