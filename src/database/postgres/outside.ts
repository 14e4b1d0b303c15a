import { setTimeout as pause } from 'node:timers/promises'
import type { ClientBase } from 'pg'
import { MigrateError } from '../../core/errors.ts'
import type { Script } from '../../core/script.ts'
import { outsideTransaction, type Spot } from '../../core/sql-error.ts'
import type { Progress } from '../database.ts'
import { cut, type Part, send, type Tree } from './script.ts'

/**
 * Runs a script outside a transaction, from where it stopped. Each statement is tried together with its note in one
 * transaction, so that it is never in doubt. Where the server says that it cannot be, it is noted before and after.
 */
export async function runOutside(
  client: ClientBase,
  script: Script,
  progress: Progress,
  name: string,
  guard: () => Promise<Part[]>,
): Promise<void> {
  const run = (parts: readonly Part[]) => send(client, parts, name)
  const inTransaction = async (...parts: Part[]) => {
    try {
      await run([{ text: 'BEGIN' }, ...(await guard()), ...parts, { text: 'COMMIT' }])
    } catch (error) {
      await client.query('ROLLBACK').catch(() => {})
      throw error
    }
  }
  let { doubt } = progress
  try {
    for (const spot of progress.session) await run([partOf(script, spot)])
    for (const statement of await cut(script)) {
      if (statement.start < progress.from) continue
      const part = partOf(script, statement)
      const [kind = ''] = Object.keys(statement.tree)
      if (doubt !== 'none') {
        const seen = await lookUp(client, statement.tree, part.text)
        if (seen !== 'unknown') doubt = seen
      }
      if (doubt === 'unknown') throw progress.unknown(statement)
      const decided = doubt
      doubt = 'none'
      const kindOf = SESSION.includes(kind) ? 'session' : 'statement'
      const finished = progress.finished(statement, kindOf)
      if (decided === 'done') {
        await inTransaction(finished)
      } else if (kindOf === 'session') {
        await run([part])
        await inTransaction(finished)
      } else {
        try {
          await inTransaction(part, finished)
        } catch (error) {
          if (!mustBeOutside(error)) throw error
          await inTransaction(progress.started())
          await run([part])
          // IF NOT EXISTS is content with an index that an interrupted build has left, and that nothing uses.
          const left = kind === 'IndexStmt' && (await lookUp(client, statement.tree, part.text)) === 'again'
          if (left) await run([part])
          await inTransaction(finished)
        }
      }
      progress.pass(statement, kindOf)
    }
  } catch (error) {
    throw outsideTransaction(error)
  }
}

/** Statements that set something for the session. */
const SESSION: readonly string[] = ['VariableSetStmt', 'PrepareStmt', 'ListenStmt', 'LoadStmt', 'DiscardStmt']

export function partOf(script: Script, { start, end }: Spot): Part {
  return { text: script.text.slice(start, end), of: { sql: script, start } }
}

/** active_sql_transaction and invalid_transaction_termination: it began nothing that the rollback has not undone. */
export function mustBeOutside(error: unknown): boolean {
  const code =
    error instanceof MigrateError ? (error.cause as { code?: unknown } | undefined)?.code : undefined
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
  const running = `SELECT 1 FROM pg_stat_activity WHERE state = 'active' AND pid <> pg_backend_pid()
    AND datname = current_database() AND query <> '' AND starts_with($1, query)`
  while ((await client.query(running, [text])).rows.length > 0) await pause(POLL)
  const [[kind, statement] = ['', undefined]] = Object.entries(tree)
  return LOOK_UP[kind]?.(client, statement as Node) ?? 'unknown'
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
