import { setTimeout as pause } from 'node:timers/promises'
import pg, { type ClientBase } from 'pg'
import { MigrateError } from '../../core/errors.ts'
import type { Script } from '../../core/script.ts'
import { outsideTransaction, type Spot, type Sql } from '../../core/sql-error.ts'
import type { Progress } from '../database.ts'
import type { Patience } from '../patience.ts'
import { causeCode } from './errors.ts'
import type { Watching } from './lock.ts'
import { cut, type Part, send, type Tree, waitsBeside } from './script.ts'
import { limitsOf, setsLockTimeout } from './session.ts'

/** What runs the statements. */
export interface Outside {
  readonly name: string
  /** The start of each transaction. */
  guard(): Promise<Part[]>
  /** Makes attempts until one succeeds. */
  attempt<T>(work: () => Promise<T>, watching: Omit<Watching, 'pid'>, pid?: string): Promise<T>
  readonly patience: Patience | undefined
  /** What is set for the session would stay with one that others are given. */
  readonly pooled: boolean
}

/**
 * Runs a script outside a transaction, from where it stopped. Each statement is tried together with its note in one
 * transaction, so that it is never in doubt. Where the server says that it cannot be, it is noted before and after.
 * Where others have the locks that a statement needs, that one is tried again.
 */
export async function runOutside(
  client: ClientBase,
  script: Script,
  progress: Progress,
  { name, guard, attempt, patience, pooled }: Outside,
): Promise<void> {
  const run = (parts: readonly Part[]) => send(client, parts, name)
  /** What the script has set goes before what would be set here. */
  let set = progress.session.map((spot) => partOf(script, spot).text).join(';')
  const limits = (beside: boolean) => limitsOf(patience, { set, beside })
  const inTransaction = (parts: readonly Part[], { beside = false, after = [] as readonly Part[] } = {}) =>
    attempt(
      async () => {
        try {
          const begin = [{ text: 'BEGIN' }, ...limits(beside), ...(await guard())]
          await run([...begin, ...parts, { text: 'COMMIT' }, ...after])
        } catch (error) {
          await client.query('ROLLBACK').catch(() => {})
          throw error
        }
      },
      { polite: !beside && !setsLockTimeout(set) },
    )
  /** Runs a statement that cannot be in a transaction, between its two notes. */
  const alone = async (part: Part, tree: Tree, finished: Sql) => {
    const beside = waitsBeside(tree, part.text)
    const limited = limits(beside).map(({ text }) => text.replace('SET LOCAL', 'SET'))
    const back = limited.map((text) => ({ text: text.replace(/^SET (\w+).*/, 'RESET $1') }))
    if (pooled && patience?.statementTimeout !== undefined) throw noTimeout(script, part)
    const clear = async () => (await lookUp(client, tree, part.text)) === 'again'
    await inTransaction([progress.started()], { after: pooled ? [] : limited.map((text) => ({ text })) })
    try {
      const polite = !beside && !setsLockTimeout(set)
      const attempts = () => attempt(() => run([part]), { polite, clear }, running(part.text))
      await attempts()
      // IF NOT EXISTS is content with an index that an interrupted build has left, and that nothing uses.
      if (tree.IndexStmt !== undefined && (await clear())) await attempts()
      await inTransaction([finished], { after: pooled ? [] : back })
    } catch (error) {
      if (!pooled) for (const { text } of back) await client.query(text).catch(() => {})
      throw error
    }
  }
  let { doubt } = progress
  try {
    for (const spot of progress.session) await run([partOf(script, spot)])
    for (const statement of await cut(script)) {
      if (statement.start < progress.from) continue
      const part = partOf(script, statement)
      if (doubt !== 'none') {
        const seen = await lookUp(client, statement.tree, part.text)
        if (seen !== 'unknown') doubt = seen
      }
      if (doubt === 'unknown') throw progress.unknown(statement)
      const decided = doubt
      doubt = 'none'
      const kindOf = isSession(statement.tree) ? 'session' : 'statement'
      const finished = progress.finished(statement, kindOf)
      if (decided === 'done') {
        await inTransaction([finished])
      } else if (kindOf === 'session') {
        await run([part])
        set += `;${part.text}`
        await inTransaction([finished])
      } else {
        try {
          await inTransaction([part, finished], { beside: waitsBeside(statement.tree, part.text) })
        } catch (error) {
          if (!mustBeOutside(error)) throw error
          await alone(part, statement.tree, finished)
        }
      }
      progress.pass(statement, kindOf)
    }
  } catch (error) {
    throw outsideTransaction(error)
  }
}

function noTimeout(script: Script, { text }: Part): MigrateError {
  const words = text.trim().split(/\s+/).slice(0, 3).join(' ')
  return new MigrateError(
    'NOT_IN_TRANSACTION',
    `${script.file}: ${words} runs outside a transaction, where no statement timeout can be set through a pooler`,
    { file: script.file, hint: 'connect to the server itself, or leave out --statement-timeout' },
  )
}

/** Statements that set something for the session. */
const SESSION: readonly string[] = ['VariableSetStmt', 'PrepareStmt', 'ListenStmt', 'LoadStmt', 'DiscardStmt']

export function isSession(tree: Tree): boolean {
  return SESSION.some((kind) => kind in tree)
}

export function partOf(script: Script, { start, end }: Spot): Part {
  return { text: script.text.slice(start, end), of: { sql: script, start } }
}

/** active_sql_transaction and invalid_transaction_termination: it began nothing that the rollback has not undone. */
export function mustBeOutside(error: unknown): boolean {
  const code = causeCode(error)
  return code === '25001' || code === '2D000'
}

type Verdict = 'done' | 'again' | 'unknown'

/**
 * How a statement ended that was started and whose end nobody saw, by what it does: the catalog knows.
 * What may run twice, runs again.
 */
const LOOK_UP: Readonly<Record<string, (client: ClientBase, statement: Node) => Promise<Verdict>>> = {
  IndexStmt: async (client, { idxname, relation }) => {
    if (typeof idxname !== 'string') return 'unknown'
    const { schemaname } = relation as { schemaname?: string }
    const index = await findIndex(client, idxname, schemaname)
    if (index === undefined) return 'again'
    if (index.valid) return 'done'
    // An interrupted build leaves an index that nothing uses and every write pays for.
    await client.query(`DROP INDEX CONCURRENTLY ${index.name}`)
    return 'again'
  },
  DropStmt: async (client, { removeType, objects }) => {
    const [object] = objects as { List?: { items: { String: { sval: string } }[] } }[]
    const names = object?.List?.items.map(({ String: { sval } }) => sval) ?? []
    if (removeType !== 'OBJECT_INDEX') return 'unknown'
    return (await findIndex(client, names.at(-1) ?? '', names.at(-2))) === undefined ? 'done' : 'again'
  },
  ReindexStmt: async (client, { relation }) => {
    const { schemaname = null, relname = '' } = (relation ?? {}) as { schemaname?: string; relname?: string }
    const left = await client.query(
      `SELECT indexrelid::regclass AS name FROM pg_index JOIN pg_class AS i ON i.oid = indexrelid
       WHERE NOT indisvalid AND relname ~ '_cc(new|old)\\d*$'
         AND indrelid IN (SELECT coalesce(x.indrelid, t.oid) FROM pg_class AS t LEFT JOIN pg_index AS x ON x.indexrelid = t.oid
           WHERE t.relname = $1 AND ($2::text IS NULL OR t.relnamespace = $2::regnamespace))`,
      [relname, schemaname],
    )
    for (const { name } of left.rows) await client.query(`DROP INDEX CONCURRENTLY IF EXISTS ${name}`)
    return 'again'
  },
  VacuumStmt: async () => 'again',
  ClusterStmt: async () => 'again',
  RepackStmt: async () => 'again',
  AlterSystemStmt: async () => 'again',
  CreatedbStmt: async (client, { dbname }) => ((await findDatabase(client, dbname)) ? 'done' : 'again'),
  DropdbStmt: async (client, { dbname }) => ((await findDatabase(client, dbname)) ? 'again' : 'done'),
}

type Node = Readonly<Record<string, unknown>>

/** Milliseconds between two looks at whether the server still runs a statement. */
const POLL = 100

async function lookUp(client: ClientBase, tree: Tree, text: string): Promise<Verdict> {
  // The server may still be at it, for a client that is gone.
  while ((await client.query(running(text))).rows.length > 0) await pause(POLL)
  const [[kind, statement] = ['', undefined]] = Object.entries(tree)
  return LOOK_UP[kind]?.(client, statement as Node) ?? 'unknown'
}

/** The processes that run a statement. */
function running(text: string): string {
  return `SELECT pid FROM pg_stat_activity WHERE state = 'active' AND pid <> pg_backend_pid()
    AND datname = current_database() AND query <> '' AND starts_with(${pg.escapeLiteral(text)}, query)`
}

async function findIndex(
  client: ClientBase,
  name: string,
  schema: string | undefined,
): Promise<{ valid: boolean; name: string } | undefined> {
  const { rows } = await client.query<{ valid: boolean; name: string }>(
    `SELECT indisvalid AS valid, indexrelid::regclass::text AS name FROM pg_index
     JOIN pg_class ON pg_class.oid = indexrelid JOIN pg_namespace ON pg_namespace.oid = relnamespace
     WHERE relname = $1 AND (nspname = $2 OR $2 IS NULL AND pg_table_is_visible(pg_class.oid))`,
    [name, schema ?? null],
  )
  return rows[0]
}

async function findDatabase(client: ClientBase, name: unknown): Promise<boolean> {
  return (await client.query('SELECT 1 FROM pg_database WHERE datname = $1', [name])).rows.length > 0
}
