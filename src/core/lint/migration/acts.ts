import type { Dialect } from '../../migrations.ts'
import type { Named } from '../../schema/model.ts'
import { fold, nameIn } from '../../schema/sql/names.ts'
import { closing, isSign, isWord, partsOf, type Token, tokensOf, unquoted } from '../../schema/tokens.ts'

/** What a script says to do with a table. */
export interface Act {
  readonly does:
    | 'make table'
    | 'drop table'
    | 'rename table'
    | 'add column'
    | 'drop column'
    | 'rename column'
    | 'make index'
    | 'insert'
    | 'update'
    | 'delete'
    | 'truncate'
  /** Folded, with its schema where the script says it. */
  readonly table: Named
  /** Folded: the column, or the new name. */
  readonly name?: string
  /** Where the table's name stands, or the column's where there is one. */
  readonly at: number
  /** What stands behind the names, to the end of the action. */
  readonly rest: readonly Token[]
}

/** A statement's tokens, with places in the whole text. */
export type Statement = readonly Token[]

/** Bodies in which semicolons stand. */
const BODIES = ['TRIGGER', 'FUNCTION', 'PROCEDURE']

/** The statements of a text. Where no body is, each ends at a semicolon. */
export function statementsOf(text: string, dialect: Dialect): Statement[] {
  const statements: Token[][] = [[]]
  let depth = 0
  for (const token of tokensOf(text, dialect)) {
    const statement = statements.at(-1) ?? []
    if (hasBody(statement)) {
      if (isWord(token, 'BEGIN', 'CASE')) depth++
      if (isWord(token, 'END')) depth--
    }
    if (isSign(token, ';') && depth <= 0) {
      depth = 0
      statements.push([])
    } else statement.push(token)
  }
  return statements.filter(({ length }) => length > 0)
}

function hasBody(statement: Statement): boolean {
  return isWord(statement[0], 'CREATE') && statement.slice(1, 6).some((token) => isWord(token, ...BODIES))
}

/** What a script does to tables: also inside WITH and the code of DO, not where code is only made. */
export function actsOf(statements: readonly Statement[], dialect: Dialect): Act[] {
  return statements.flatMap((statement) => {
    if (hasBody(statement)) return []
    const body = isWord(statement[0], 'DO') ? statement.find(({ kind }) => kind === 'string') : undefined
    if (body === undefined) return actsIn(statement, dialect)
    const open = /^\$\w*\$/.exec(body.text)?.[0].length ?? 1
    const from = body.start + open
    const inner = statementsOf(body.text.slice(open, -open), dialect)
    return actsOf(inner, dialect).map((act) => moved(act, from))
  })
}

function moved(act: Act, by: number): Act {
  const rest = act.rest.map((token) => ({ ...token, start: token.start + by, end: token.end + by }))
  return { ...act, at: act.at + by, rest }
}

function actsIn(statement: Statement, dialect: Dialect): Act[] {
  return statement.flatMap((token, i) => {
    const read = isWord(token, ...READERS.keys()) && READERS.get(token.text.toUpperCase())
    return read ? read(new Reader(endOf(statement, i), dialect)) : []
  })
}

const READERS = new Map<string, (behind: Reader) => Act[]>([
  ['ALTER', alterations],
  ['CREATE', made],
  ['DROP', (behind) => (behind.words('TABLE') ? listed('drop table', behind) : [])],
  ['TRUNCATE', (behind) => listed('truncate', behind.skip('TABLE'))],
  ['DELETE', (behind) => (behind.words('FROM') ? one('delete', behind) : [])],
  ['INSERT', inserted],
  ['REPLACE', inserted],
  ['UPDATE', updated],
])

/** What stands behind a token, up to the parenthesis that closes around it. */
function endOf(statement: Statement, i: number): readonly Token[] {
  let depth = 0
  for (let end = i + 1; end < statement.length; end++) {
    if (isSign(statement[end], '(')) depth++
    if (isSign(statement[end], ')') && --depth < 0) return statement.slice(i + 1, end)
  }
  return statement.slice(i + 1)
}

function alterations(reader: Reader): Act[] {
  if (!reader.words('TABLE')) return []
  const table = reader.skip('IF', 'EXISTS', 'ONLY').named()
  if (table === undefined) return []
  return partsOf(reader.skipSign('*').rest).flatMap((part): Act[] => {
    const action = new Reader(part, reader.dialect)
    const act = (does: Act['does'], at?: number): Act[] => {
      const name = action.name()
      const named = { table: table.table, ...(name && { name: name.text }) }
      return name === undefined ? [] : [{ does, ...named, at: at ?? name.at, rest: action.rest }]
    }
    if (action.words('RENAME', 'TO')) return act('rename table', table.at)
    const verb = VERBS.find(([word]) => action.words(word))?.[1]
    if (verb === undefined || isWord(action.rest[0], ...CONSTRAINTS)) return []
    action.skip('COLUMN', 'IF', 'NOT', 'EXISTS')
    return act(verb)
  })
}

const VERBS = [
  ['ADD', 'add column'],
  ['DROP', 'drop column'],
  ['RENAME', 'rename column'],
] as const

/** What can be added, dropped and renamed beside columns. */
const CONSTRAINTS = ['CONSTRAINT', 'PRIMARY', 'UNIQUE', 'FOREIGN', 'CHECK', 'EXCLUDE', 'NOT']

function made(reader: Reader): Act[] {
  reader.skip('GLOBAL', 'LOCAL', 'TEMP', 'TEMPORARY', 'UNLOGGED', 'VIRTUAL', 'FOREIGN', 'UNIQUE')
  if (reader.words('TABLE')) return one('make table', reader.skip('IF', 'NOT', 'EXISTS'))
  if (!reader.words('INDEX')) return []
  const on = reader.rest.findIndex((token) => isWord(token, 'ON'))
  return on === -1
    ? []
    : one('make index', new Reader(reader.rest.slice(on + 1), reader.dialect).skip('ONLY'))
}

function inserted(reader: Reader): Act[] {
  if (reader.words('OR')) reader.take()
  return reader.words('INTO') ? one('insert', reader) : []
}

/** Not ON UPDATE, FOR UPDATE, DO UPDATE SET. */
function updated(reader: Reader): Act[] {
  if (reader.words('OR')) reader.take()
  const [act] = one('update', reader.skip('ONLY'))
  return act?.rest.slice(0, 4).some((token) => isWord(token, 'SET')) && act.table.name !== 'set' ? [act] : []
}

function one(does: Act['does'], reader: Reader): Act[] {
  const table = reader.skip('ONLY').named()
  return table === undefined ? [] : [{ does, ...table, rest: reader.rest }]
}

function listed(does: Act['does'], reader: Reader): Act[] {
  reader.skip('IF', 'EXISTS')
  return partsOf(reader.rest).flatMap((part) => one(does, new Reader(part, reader.dialect)))
}

/** Reads tokens from the left. */
class Reader {
  rest: readonly Token[]
  readonly dialect: Dialect

  constructor(rest: readonly Token[], dialect: Dialect) {
    this.rest = rest
    this.dialect = dialect
  }

  take(): Token | undefined {
    const [token] = this.rest
    this.rest = this.rest.slice(1)
    return token
  }

  /** Takes these words if all of them stand there, one behind the other. */
  words(...words: readonly string[]): boolean {
    const there = words.every((word, i) => isWord(this.rest[i], word))
    if (there) this.rest = this.rest.slice(words.length)
    return there
  }

  /** Takes those of these words that stand there. */
  skip(...words: readonly string[]): this {
    while (isWord(this.rest[0], ...words)) this.take()
    return this
  }

  skipSign(sign: string): this {
    if (isSign(this.rest[0], sign)) this.take()
    return this
  }

  name(): { text: string; at: number } | undefined {
    const [token] = this.rest
    // SQLite takes a string for a name.
    const quoted = token?.kind === 'string' && this.dialect === 'sqlite'
    const text = token && (quoted ? fold('sqlite', unquoted(token)) : nameIn(this.dialect, token))
    if (token === undefined || text === undefined) return undefined
    this.take()
    return { text, at: token.start }
  }

  /** A name with or without its schema. */
  named(): { table: Named; at: number } | undefined {
    const first = this.name()
    if (first === undefined || !isSign(this.rest[0], '.')) {
      return first && { table: { schema: '', name: first.text }, at: first.at }
    }
    this.take()
    const last = this.name()
    return last && { table: { schema: first.text, name: last.text }, at: last.at }
  }
}

/** What the parenthesis holds that a list of tokens begins with. */
export function enclosed(tokens: readonly Token[]): readonly Token[] {
  return isSign(tokens[0], '(') ? tokens.slice(1, closing(tokens, 0)) : []
}
