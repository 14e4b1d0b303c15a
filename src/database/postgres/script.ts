import type { ClientBase, Connection, DatabaseError, Submittable } from 'pg'
import { MigrateError } from '../../core/errors.ts'
import { type Spot, type Sql, sqlError, transactionStatement } from '../../core/sql-error.ts'
import { fromPostgres, isServerError } from './errors.ts'

/** Characters that go to the server in one message; a longer script goes in several. */
export const MESSAGE = 64 * 1024

/** Between two parts of a message: ends a last statement and a last comment. */
const SEPARATOR = '\n;\n'

/** The words with which a statement can begin that begins or ends a transaction. */
const TRANSACTION_WORD = /\b(begin|start|commit|end|rollback|abort|prepare)\b/i

/** Kinds of TransactionStmt that a script may hold: savepoints do not end the transaction. */
const SAVEPOINTS = ['TRANS_STMT_SAVEPOINT', 'TRANS_STMT_RELEASE', 'TRANS_STMT_ROLLBACK_TO']

const SYNTAX_ERROR = '42601'

/** Part of a message: our own SQL, or a piece of a script that ends where a statement ends. */
export interface Part {
  readonly text: string
  /** What it means where this one statement of ours fails. */
  readonly failure?: () => MigrateError
  /** The script and where in it this piece begins. */
  readonly of?: { readonly sql: Sql; readonly start: number }
}

/** Sends parts in one message, as one round trip. Errors have the place in the script that they come from. */
export async function send(client: ClientBase, parts: readonly Part[], name: string): Promise<void> {
  const text = parts.map((part) => part.text).join(SEPARATOR)
  const { error, completed } = await simpleQuery(client, text)
  if (error !== undefined) throw await explain(error, parts, completed, name)
}

/**
 * A simple query (postgresql.org/docs/current/protocol-flow.html#PROTOCOL-FLOW-SIMPLE-QUERY): any number of
 * statements in one message. The server parses all of it before it runs the first. Rows are dropped as they come.
 */
function simpleQuery(client: ClientBase, text: string): Promise<{ error?: unknown; completed: number }> {
  return new Promise((resolve) => {
    let completed = 0
    const query: Submittable & Record<string, unknown> = {
      submit: (connection: Connection) => connection.query(text),
      handleRowDescription: () => {},
      handleDataRow: () => {},
      handleEmptyQuery: () => {},
      handleCommandComplete: () => completed++,
      handleCopyInResponse: (connection: { sendCopyFail(why: string): void }) =>
        connection.sendCopyFail('COPY FROM STDIN has no input in a migration'),
      handleCopyData: () => {},
      handleError: (error: unknown) => resolve({ error, completed }),
      handleReadyForQuery: () => resolve({ completed }),
    }
    client.query(query)
  })
}

/**
 * Cuts a script into pieces that each go to the server at once. A piece ends at the end of a line with a semicolon
 * where PostgreSQL's own grammar reads what is before it as whole statements.
 */
export async function* pieces(sql: Sql): AsyncGenerator<Part & { of: { sql: Sql; start: number } }> {
  let start = 0
  for (let limit = MESSAGE; start + limit < sql.text.length; ) {
    const end = await lastStatementEnd(sql.text.slice(start, start + limit))
    if (end === 0) {
      limit *= 2
      continue
    }
    yield { text: sql.text.slice(start, start + end), of: { sql, start } }
    start += end
    limit = MESSAGE
  }
  yield { text: start === 0 ? sql.text : sql.text.slice(start), of: { sql, start } }
}

/** How often a place to cut is looked for before more text is taken. */
const TRIES = 8

/** Where the last statement ends that is whole in this part of a text; 0 if none is. */
async function lastStatementEnd(text: string): Promise<number> {
  const { fingerprintSync } = await grammar()
  let end = text.length
  for (let i = 0; i < TRIES; i++) {
    end = text.lastIndexOf(';\n', end - 1) + 1
    const line = text.slice(text.lastIndexOf('\n', end - 1) + 1, end)
    if (end === 0) return 0
    // Behind a "--" the semicolon may be a comment's.
    if (line.includes('--')) continue
    if (isWhole(fingerprintSync, text.slice(0, end))) return end
  }
  return 0
}

/** Whether the grammar reads a text as whole statements. It throws some of its errors and returns the others. */
function isWhole(fingerprint: (text: string) => string, text: string): boolean {
  try {
    return /^[0-9a-f]{16}$/.test(fingerprint(text))
  } catch {
    return false
  }
}

/**
 * Refuses a piece that would end the transaction that it runs in.
 *
 * @throws TRANSACTION_STATEMENT
 */
export async function refuseTransactionStatements({ text, of }: Piece): Promise<void> {
  // The grammar is asked only where the words are there at all: most scripts have none.
  if (!TRANSACTION_WORD.test(text)) return
  // What this grammar cannot read, an older or newer server may: it reads all before it runs any.
  const statements = await read(text).catch(() => [])
  const ending = statements.find(({ tree }) => endsTransaction(tree))
  if (ending !== undefined) throw transactionStatement(of.sql, of.start + ending.start)
}

type Piece = ReturnType<typeof pieces> extends AsyncGenerator<infer P> ? P : never

/**
 * Where each statement of a script begins and ends.
 *
 * @throws SQL (syntax), TRANSACTION_STATEMENT
 */
export async function cut(sql: Sql): Promise<(Spot & { tree: Tree })[]> {
  const spots: (Spot & { tree: Tree })[] = []
  for await (const { text, of } of pieces(sql)) {
    const statements = await read(text).catch((error: unknown) => {
      const details = (error as { sqlDetails?: { cursorPosition: number } }).sqlDetails
      if (details === undefined) throw error
      const at = of.start + details.cursorPosition
      const spot = { start: lineStart(sql.text, at), end: sql.text.length, at }
      throw sqlError(sql, spot, 'postgres', (error as Error).message, { cause: error })
    })
    for (const { start, end, tree } of statements) {
      if (endsTransaction(tree)) throw transactionStatement(sql, of.start + start)
      spots.push({ start: of.start + start, end: of.start + end, tree })
    }
  }
  return spots
}

/** Characters that are read at once: to ask the grammar for each of many short scripts takes more time than to read them. */
const AT_ONCE = 16 * 1024

/** What may not stand in one text with other scripts: a comment that is left open would hide them. */
const APART = /[^\t\n\r -~]|\/\*/

/**
 * Does what `cut` does, for scripts that are asked for in this order; many short ones are read together.
 *
 * @returns a function with the throws of `cut`
 */
export function inOrder(scripts: Iterable<Sql>): typeof cut {
  const rest = scripts[Symbol.iterator]()
  let next: IteratorResult<Sql> | undefined
  let together = new Map<Sql, Statement[]>()
  return async (sql) => {
    next ??= rest.next()
    if (next.done !== true && next.value === sql) {
      const some: Sql[] = []
      for (let length = 0; next.done !== true && length < AT_ONCE; next = rest.next()) {
        some.push(next.value)
        length += next.value.text.length
      }
      together = await readTogether(some.filter(({ text }) => text.length < AT_ONCE && !APART.test(text)))
    }
    return together.get(sql) ?? cut(sql)
  }
}

/** The statements of scripts that are read as one. Where that says nothing sure of a script, it is not among them. */
async function readTogether(scripts: readonly Sql[]): Promise<Map<Sql, Statement[]>> {
  const found = new Map<Sql, Statement[]>()
  if (scripts.length === 0) return found
  // By itself each tells where it is wrong.
  const statements = await read(scripts.map(({ text }) => text).join(SEPARATOR)).catch(() => undefined)
  if (statements === undefined) return found
  let [start, i] = [0, 0]
  for (const sql of scripts) {
    const end = start + sql.text.length
    const own: Statement[] = []
    for (let one = statements[i]; one !== undefined && one.start < end; one = statements[++i]) {
      // A quote that was left open has gone on into the next.
      if (one.end > end + SEPARATOR.indexOf(';')) return new Map()
      own.push({
        start: Math.max(one.start - start, 0),
        end: Math.min(one.end - start, sql.text.length),
        tree: one.tree,
      })
    }
    if (!own.some(({ tree }) => endsTransaction(tree))) found.set(sql, own)
    start = end + SEPARATOR.length
  }
  return found
}

/** A statement's syntax tree: its kind, and what libpg-query says of it. */
export type Tree = Readonly<Record<string, unknown>>

interface Statement extends Spot {
  readonly tree: Tree
}

function endsTransaction({ TransactionStmt: statement }: Tree): boolean {
  const { kind = 'TRANS_STMT_COMMIT' } = (statement ?? {}) as { kind?: string }
  return statement !== undefined && !SAVEPOINTS.includes(kind)
}

/** The words without which no statement waits beside the queue. */
const BESIDE = /\b(concurrently|validate)\b/i

/**
 * Whether a statement keeps nobody waiting while it waits itself: what runs CONCURRENTLY waits for transactions, not
 * for locks, and VALIDATE CONSTRAINT for a lock that reads and writes do not mind.
 */
export function waitsBeside(tree: Tree, text: string): boolean {
  if (!BESIDE.test(text)) return false
  if (tree.IndexStmt !== undefined || tree.DropStmt !== undefined) {
    return isSet(tree.IndexStmt) || isSet(tree.DropStmt)
  }
  const { cmds = [] } = (tree.AlterTableStmt ?? {}) as { cmds?: { AlterTableCmd: Tree }[] }
  const { params = [] } = (tree.ReindexStmt ?? {}) as { params?: { DefElem?: { defname?: string } }[] }
  if (params.some(({ DefElem }) => DefElem?.defname === 'concurrently')) return true
  return (
    cmds.length > 0 &&
    cmds.every(({ AlterTableCmd: { subtype, def } }) => {
      const { PartitionCmd } = (def ?? {}) as { PartitionCmd?: unknown }
      return subtype === 'AT_ValidateConstraint' || isSet(PartitionCmd)
    })
  )
}

function isSet(statement: unknown): boolean {
  return (statement as { concurrent?: boolean } | undefined)?.concurrent === true
}

/** How many characters at the beginning of a script are statements that keep nobody waiting. */
export async function besideUntil(text: string): Promise<number> {
  if (!BESIDE.test(text)) return 0
  // What this grammar cannot read may still be right.
  const statements = await read(text).catch(() => [])
  const other = statements.findIndex(({ start, end, tree }) => !waitsBeside(tree, text.slice(start, end)))
  return (other === -1 ? statements : statements.slice(0, other)).at(-1)?.end ?? 0
}

/** The statements of a text, by PostgreSQL's own grammar. */
async function read(text: string): Promise<Statement[]> {
  const { parseSync } = await grammar()
  const bytes = Buffer.from(text)
  // The parser counts bytes.
  const offset =
    bytes.length === text.length ? (n: number) => n : (n: number) => bytes.toString('utf8', 0, n).length
  return (parseSync(text).stmts ?? []).map(({ stmt, stmt_location: from = 0, stmt_len: length }) => ({
    start: offset(from),
    end: length ? offset(from + length) : text.length,
    tree: (stmt ?? {}) as Tree,
  }))
}

/** PostgreSQL's own grammar, loaded when a script needs reading. */
export function grammar() {
  loaded ??= load()
  return loaded
}

let loaded: ReturnType<typeof load> | undefined

async function load() {
  const parser = await import('libpg-query')
  await parser.loadModule()
  return parser
}

/** Says where in which script an error of the server comes from. */
async function explain(
  error: unknown,
  parts: readonly Part[],
  completed: number,
  name: string,
): Promise<unknown> {
  const known = fromPostgres(error, name)
  if (!isServerError(error)) return known ?? error
  // What is ours stands before the scripts, a statement each.
  const failure = parts[completed]?.failure
  if (failure !== undefined && error.position === undefined) return failure().with({ cause: error })
  if (error.code === SYNTAX_ERROR) {
    // A quote that is left open goes on into the next part, where the server stumbles.
    for (const { of } of parts) {
      const refused =
        of &&
        (await cut(of.sql).then(
          () => undefined,
          (refusal: unknown) => refusal,
        ))
      if (refused instanceof MigrateError) return refused
    }
  }
  const words = error.detail === undefined ? error.message : `${error.message}: ${error.detail}`
  const found = await findError(error, parts, completed)
  if (found === undefined) {
    const file = parts.find((part) => part.of)?.of?.sql.file
    return known ?? new MigrateError('SQL', words, { ...(file && { file }), hint: error.hint, cause: error })
  }
  const located = sqlError(found.sql, found.spot, 'postgres', words, { hint: error.hint, cause: error })
  return known === undefined ? located : known.with({ ...located.details, hint: known.hint })
}

/**
 * The statement that failed, by the position that the server gives, in characters of the message, else by the
 * number of statements that were completed before. None if it was none of a script's: a COMMIT, say.
 */
async function findError(
  error: DatabaseError,
  parts: readonly Part[],
  completed: number,
): Promise<{ sql: Sql; spot: Spot } | undefined> {
  let position = error.position === undefined ? undefined : Number(error.position) - 1
  for (const { text, of } of parts) {
    const statements = of === undefined ? undefined : await read(text).catch(() => undefined)
    if (position !== undefined) {
      const length = [...text].length
      if (position < length + SEPARATOR.length) {
        if (of === undefined) return undefined
        const at = [...text].slice(0, position).join('').length
        const inside = statements?.find(({ start, end }) => start <= at && at <= end)
        const { start, end } = inside ?? { start: lineStart(text, at), end: text.length }
        return { sql: of.sql, spot: { start: of.start + start, end: of.start + end, at: of.start + at } }
      }
      position -= length + SEPARATOR.length
    } else {
      const failed = statements?.[completed]
      if (of !== undefined && failed !== undefined) {
        return { sql: of.sql, spot: { start: of.start + failed.start, end: of.start + failed.end } }
      }
      completed -= statements?.length ?? 1
    }
  }
  return undefined
}

function lineStart(text: string, at: number): number {
  return text.lastIndexOf('\n', at - 1) + 1
}
