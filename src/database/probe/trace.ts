import { constants, DatabaseSync } from 'node:sqlite'
import { MigrateError } from '../../core/errors.ts'
import type { Failure, Referrer, SqliteStatement } from '../../core/lint/sqlite/facts.ts'
import type { Schema, Table } from '../../core/schema/model.ts'
import { isWord, type Token, tokensOf, unquoted } from '../../core/schema/tokens.ts'
import type { Script } from '../../core/script.ts'
import { skipBlank } from '../../core/text.ts'
import { isSqliteError } from '../sqlite/errors.ts'
import { introspect } from '../sqlite/introspect.ts'
import { type Work, WRITES, workOf } from '../sqlite/measure.ts'
import { columnNames } from '../sqlite/rehearse.ts'
import { type Action, type Statement, walk } from '../sqlite/script.ts'
import { countOf, type Rows, rowsOf } from './sample.ts'

const { SQLITE_ALTER_TABLE, SQLITE_CREATE_INDEX, SQLITE_CREATE_TABLE, SQLITE_DROP_TABLE } = constants
const { SQLITE_ATTACH, SQLITE_DETACH, SQLITE_INSERT, SQLITE_PRAGMA, SQLITE_SELECT, SQLITE_UPDATE } = constants

const DROPS: readonly number[] = [
  constants.SQLITE_DROP_INDEX,
  constants.SQLITE_DROP_TRIGGER,
  constants.SQLITE_DROP_VIEW,
]

/** Primary result code of constraints: https://sqlite.org/rescode.html#constraint */
const CONSTRAINT = 19

/** A table as it is followed through a script, whatever it is called. */
export interface Followed {
  /** As it was before the script; none if that made it. */
  readonly was?: Table
  name: string
  /** Where its rows are: it stays when the table gets another name. */
  root: number
  readonly columns: { readonly was: string; now: string | undefined; at: number }[]
  renamedAt: number
  /** The first other name. */
  renamedTo?: string
  droppedAt: number
  changedAt: number
  referrers: readonly Referrer[]
  /** Its rows before it was dropped. */
  rows?: Rows
}

export interface TraceOptions {
  /** There are rows to be looked at. */
  readonly rows: boolean
}

/** One run of a script, with an eye on each statement. The caller begins and rolls back the transaction. */
export class Trace {
  readonly statements: SqliteStatement[] = []
  /** All tables that were there or came, also those that have gone. */
  readonly tables: Followed[]
  /** Names in lower case. */
  readonly dropped = new Map<string, number>()
  /** Names of tables that it names. */
  readonly touched = new Set<string>()
  failure: (Failure & { readonly constraint: boolean; readonly literal: boolean }) | undefined
  casts = false
  /** It changed the schema. */
  changed = false
  /** Columns that are read by statements that fill others: `table.column`, in lower case. */
  readonly read = new Set<string>()
  readonly #native: DatabaseSync
  readonly #script: Script
  readonly #options: TraceOptions
  #literal = false

  constructor(native: DatabaseSync, script: Script, before: Schema, options: TraceOptions) {
    this.#native = native
    this.#script = script
    this.#options = options
    const roots = rootsOf(native)
    this.tables = before.tables.map((was) => ({
      was,
      ...NEW,
      name: was.name,
      root: roots.get(was.name) ?? 0,
      columns: was.columns.map(({ name }) => ({ was: name, now: name, at: -1 })),
    }))
  }

  run(): this {
    try {
      walk(this.#native, this.#script, 'the copy in memory', { watch: true }, (statement) =>
        this.#visit(statement),
      )
    } catch (error) {
      if (!(error instanceof MigrateError)) throw error
      if (/not authorized|authorization denied/.test(error.message)) return this
      const { text } = this.#script
      const start = skipBlank(text, this.statements.at(-1)?.end ?? 0)
      const constraint = isSqliteError(error.cause) && (error.cause.errcode & 0xff) === CONSTRAINT
      const at = error.line === undefined ? start : offsetOf(text, error.line, error.column ?? 1)
      this.failure = {
        statement: this.statements.length,
        at,
        words: wordsOf(error.message, text.slice(start)),
        constraint,
        literal: this.#literal,
      }
    }
    return this
  }

  /** The table that is called so at this moment. */
  find(name: string | null | undefined): Followed | undefined {
    const wanted = name?.toLowerCase()
    return this.tables.find((table) => table.droppedAt === -1 && table.name.toLowerCase() === wanted)
  }

  /** By the table's name before the script. */
  #columnText(table: string | null, column: string | null): string {
    return `${this.find(table)?.was?.name ?? table}.${column}`.toLowerCase()
  }

  #visit(statement: Statement): void {
    const { spot, actions } = statement
    const text = this.#script.text.slice(spot.start, spot.end)
    const tokens = tokensOf(text, 'sqlite')
    this.#literal = !actions.some(({ code }) => code === constants.SQLITE_READ)
    for (const { code, first, second } of actions)
      this.touched.add((code === SQLITE_ALTER_TABLE || code === SQLITE_CREATE_INDEX ? second : first) ?? '')
    const fills = actions.some(isWrite) || actions.some(({ code }) => code === SQLITE_CREATE_TABLE)
    const work = fills ? workOf(this.#native, text) : undefined
    if (work?.casts && actions.some(({ code }) => code === SQLITE_INSERT)) this.casts = true
    if (actions.some(({ code }) => code === SQLITE_INSERT || code === SQLITE_CREATE_TABLE))
      for (const { code, first, second } of actions)
        if (code === constants.SQLITE_READ) this.read.add(this.#columnText(first, second))
    const counted = this.#countWritten(actions)
    const drops = actions
      .filter(({ code }) => code === SQLITE_DROP_TABLE)
      .map(({ first }) => this.find(first))
    for (const table of drops) this.#beforeDrop(table)
    const facts = { ...spot, text, ...this.#about(statement, text, tokens, work) }
    if (!this.#runs(actions, facts.vacuum === true)) {
      this.statements.push(facts)
      return
    }
    statement.run()
    const index = this.statements.length
    const whole = this.#wholeOf(actions, work, counted)
    this.statements.push({ ...facts, ...(whole && { whole }) })
    if (!actions.some(changesSchema)) return
    this.changed = true
    this.#follow(index, actions)
  }

  /** What cannot be done inside a transaction is left out where the script is none. */
  #runs(actions: readonly Action[], vacuum: boolean): boolean {
    if (this.#script.transaction) return true
    const settings = actions.filter(({ code }) => code === SQLITE_PRAGMA)
    if (settings.some(({ first }) => first !== 'legacy_alter_table')) return false
    return !vacuum && !actions.some(({ code }) => code === SQLITE_ATTACH || code === SQLITE_DETACH)
  }

  #about(
    { actions }: Statement,
    text: string,
    tokens: readonly Token[],
    work: Work | undefined,
  ): Partial<SqliteStatement> {
    const pragma = actions.find(({ code }) => code === SQLITE_PRAGMA)
    if (pragma !== undefined) {
      const { first, second } = pragma
      return { pragma: { name: (first ?? '').toLowerCase(), ...(second !== null && { value: second }) } }
    }
    if (isWord(tokens[0], 'VACUUM')) return { vacuum: true }
    const index = actions.find(({ code }) => code === SQLITE_CREATE_INDEX)
    const indexed = this.find(index?.second)
    if (index !== undefined && indexed?.was !== undefined) {
      return { makesIndex: { index: index.first ?? '', table: indexed.was.name } }
    }
    const keeps = isWord(tokens[0], 'CREATE') ? keptBy(this.#native, text, tokens, actions) : undefined
    if (keeps !== undefined) return { keeps }
    const inserted = actions.find((action) => action.code === SQLITE_INSERT && isWrite(action))
    const made = actions.find(({ code }) => code === SQLITE_CREATE_TABLE)
    const into = inserted?.first ?? made?.first
    if (into == null) return {}
    const from = [...(work?.scans ?? [])].map((name) => this.find(name)).find((table) => table?.was)
    const target = this.find(into)
    const conflict = conflictOf(tokens)
    return {
      ...(from?.was && from !== target && { copies: { from: from.was.name, into } }),
      ...(inserted && target?.was && { inserts: target.was.name }),
      ...(conflict && { conflict }),
    }
  }

  /** How many rows the tables have whose rows are to be changed. */
  #countWritten(actions: readonly Action[]): ReadonlyMap<Followed, number> {
    if (!this.#options.rows) return new Map()
    const written = actions.filter((action) => isWrite(action) && action.code !== SQLITE_INSERT)
    const tables = new Set(written.flatMap(({ first }) => this.find(first) ?? []))
    return new Map([...tables].map((table) => [table, countOf(this.#native, table.name)]))
  }

  #wholeOf(
    actions: readonly Action[],
    work: Work | undefined,
    counted: ReadonlyMap<Followed, number>,
  ): SqliteStatement['whole'] {
    const write = actions.find((action) => isWrite(action) && action.code !== SQLITE_INSERT)
    const table = this.find(write?.first)
    if (write === undefined || work === undefined || table?.was === undefined) return undefined
    // An upsert, or INSERT OR REPLACE.
    if (actions.some((action) => action.code === SQLITE_INSERT && action.first === write.first))
      return undefined
    const verb = write.code === SQLITE_UPDATE ? 'UPDATE' : 'DELETE'
    const all = { table: table.was.name, verb } as const
    if (work.changes.has(table.name) || work.cleared.has(table.name)) return all
    const had = counted.get(table) ?? 0
    if (had < 2 || !(work.scans.has(table.name) || work.ranges.has(table.name))) return undefined
    const changed = this.#native.prepare('SELECT changes() AS n').get()?.n
    return Number(changed) === had ? all : undefined
  }

  #beforeDrop(table: Followed | undefined): void {
    if (table === undefined) return
    table.referrers = this.#referrersOf(table)
    if (!this.#options.rows || table.was === undefined) return
    const columns = table.columns.flatMap(({ now }) => now ?? [])
    const { rows } = rowsOf(this.#native, table.name, columns)
    table.rows = { columns: table.columns.filter(({ now }) => now !== undefined).map(({ was }) => was), rows }
  }

  #referrersOf(table: Followed): Referrer[] {
    const keys = this.#native
      .prepare(
        `SELECT child.name, key.on_delete AS action
         FROM main.sqlite_schema AS child, pragma_foreign_key_list(child.name) AS key
         WHERE child.type = 'table' AND lower(key."table") = lower(?1) AND lower(child.name) <> lower(?1)`,
      )
      .all(table.name)
    return keys.map(({ name, action }) => ({
      table: String(name),
      onDelete: String(action),
      isNew: this.find(String(name))?.was === undefined,
    }))
  }

  /** Looks which tables are gone, new, or have another name or other columns. */
  #follow(index: number, actions: readonly Action[]): void {
    const drops = actions.some(({ code }) => code === SQLITE_DROP_TABLE)
    // DROP TABLE names its triggers too, and nobody has said that they should go.
    for (const { code, first } of drops ? [] : actions)
      if (DROPS.includes(code)) this.dropped.set((first ?? '').toLowerCase(), index)
    const now = rootsOf(this.#native)
    for (const table of this.tables) {
      if (table.droppedAt !== -1 || now.get(table.name) === table.root) continue
      const name = [...now].find(([, root]) => root === table.root && root !== 0)?.[0]
      const gone = name === undefined || (drops && this.#isDropped(actions, table))
      if (gone) table.droppedAt = index
      else {
        table.renamedTo ??= name
        table.renamedAt = index
        table.name = name
      }
    }
    const known = new Set(this.tables.filter(({ droppedAt }) => droppedAt === -1).map(({ name }) => name))
    for (const [name, root] of now) {
      if (known.has(name)) continue
      this.tables.push({ ...NEW, name, root, columns: [], changedAt: index })
    }
    for (const { code, first, second } of actions) {
      if (code === SQLITE_CREATE_TABLE) this.#change(first, index)
      if (code === SQLITE_ALTER_TABLE) this.#alter(second, index)
    }
  }

  #isDropped(actions: readonly Action[], { name }: Followed): boolean {
    return actions.some(
      ({ code, first }) => code === SQLITE_DROP_TABLE && first?.toLowerCase() === name.toLowerCase(),
    )
  }

  #change(name: string | null, index: number): void {
    const table = this.find(name)
    if (table !== undefined) table.changedAt = index
  }

  /** One ALTER makes one change: a column has another name, or is gone, or new. */
  #alter(name: string | null, index: number): void {
    const table = this.find(name)
    if (table === undefined) return
    table.changedAt = index
    const now = columnNames(this.#native, table.name)
    const then = table.columns.filter((column) => column.now !== undefined)
    const gone = then.filter((column) => !now.includes(column.now ?? ''))
    const fresh = now.filter((column) => !then.some((one) => one.now === column))
    for (const column of gone) {
      column.at = index
      column.now = fresh.length === gone.length ? fresh[0] : undefined
    }
  }
}

const NEW = { renamedAt: -1, droppedAt: -1, changedAt: -1, referrers: [] }

/** Where the rows of each table are. */
function rootsOf(native: DatabaseSync): Map<string, number> {
  const rows = native
    .prepare(
      `SELECT name, rootpage FROM main.sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'`,
    )
    .all()
  return new Map(rows.map(({ name, rootpage }) => [String(name), Number(rootpage)]))
}

function isWrite({ code, first }: Action): boolean {
  return WRITES.includes(code) && !first?.startsWith('sqlite_')
}

function changesSchema({ code, first }: Action): boolean {
  return WRITES.includes(code) && first === 'sqlite_master'
}

/** Of ALTER TABLE … ADD CHECK and SET NOT NULL, SQLite says no more than that. */
function wordsOf(message: string, statement: string): string {
  if (message !== 'constraint failed') return message
  const [first] = statement.split(';')
  return `${/\bcheck\b/i.test(first ?? '') ? 'CHECK' : 'NOT NULL'} ${message}`
}

/** INSERT OR …: nobody but the text says it. */
function conflictOf(tokens: readonly Token[]): SqliteStatement['conflict'] {
  const at = tokens.findIndex((token) => isWord(token, 'INSERT', 'REPLACE'))
  if (isWord(tokens[at], 'REPLACE')) return 'REPLACE'
  if (!isWord(tokens[at + 1], 'OR')) return undefined
  if (isWord(tokens[at + 2], 'IGNORE')) return 'IGNORE'
  return isWord(tokens[at + 2], 'REPLACE') ? 'REPLACE' : undefined
}

/**
 * What `IF NOT EXISTS` leaves as it is though the statement has it otherwise. SQLite says nothing of it: the text says
 * the name, and what the statement would have made is compared with what is there.
 */
function keptBy(
  native: DatabaseSync,
  text: string,
  tokens: readonly Token[],
  actions: readonly Action[],
): SqliteStatement['keeps'] {
  const exists = tokens.findIndex((token) => isWord(token, 'EXISTS'))
  if (exists < 3 || exists > 6 || !isWord(tokens[exists - 1], 'NOT') || !isWord(tokens[exists - 2], 'IF'))
    return undefined
  const path = tokens[exists + 2]?.text === '.' ? tokens[exists + 3] : tokens[exists + 1]
  const name = path && unquoted(path)
  const row = native
    .prepare('SELECT type, name, sql FROM main.sqlite_schema WHERE lower(name) = lower(?)')
    .get(name ?? '')
  if (row === undefined || actions.some(({ code }) => code === SQLITE_SELECT && row.type === 'table'))
    return undefined
  const found = { type: String(row.type), name: String(row.name) }
  if (found.type === 'table') return sameTable(native, found.name, text) ? undefined : found
  const words = (all: readonly Token[]) => all.map((token) => tokenText(token)).join(' ')
  const wanted = words([...tokens.slice(0, exists - 2), ...tokens.slice(exists + 1)].filter(isNoSemicolon))
  return wanted === words(tokensOf(String(row.sql), 'sqlite')) ? undefined : found
}

/** Whether a statement makes the table that is there already. */
function sameTable(native: DatabaseSync, name: string, statement: string): boolean {
  const scratch = new DatabaseSync(':memory:')
  try {
    scratch.exec(statement)
    const shape = (database: DatabaseSync) => {
      const table = introspect(database).tables.find((one) => one.name.toLowerCase() === name.toLowerCase())
      if (table === undefined) return ''
      const columns = table.columns.map(({ type, ...rest }) => ({ ...rest, type: type.toLowerCase() }))
      const foreignKeys = table.foreignKeys.map(({ references: _, ...rest }) => rest)
      return JSON.stringify({ ...table, name: '', columns, foreignKeys, indexes: [] }).toLowerCase()
    }
    return shape(scratch) === shape(native)
  } finally {
    scratch.close()
  }
}

function tokenText(token: Token): string {
  return token.kind === 'word' || token.kind === 'name' ? unquoted(token).toLowerCase() : token.text
}

function isNoSemicolon({ text }: Token, i: number, all: readonly Token[]): boolean {
  return text !== ';' || i < all.length - 1
}

/** The place of a line and a column, as they count characters from 1. */
function offsetOf(text: string, line: number, column: number): number {
  let start = 0
  for (let n = 1; n < line; n++) start = text.indexOf('\n', start) + 1
  const chars = [...text.slice(start, start + 4 * column)].slice(0, column - 1)
  return start + chars.join('').length
}
