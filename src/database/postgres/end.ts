import type { ClientBase } from 'pg'
import { MigrateError } from '../../core/errors.ts'
import type { Named } from '../../core/schema/model.ts'
import type { Counter, End } from '../end.ts'
import { guardedEnd } from '../guarded.ts'
import { setAside } from './aside.ts'
import { findBad } from './bad.ts'
import { choose } from './choose.ts'
import { counters, countersSql } from './counters.ts'
import { count, proofOf } from './digest.ts'
import { fromPostgres, isServerError } from './errors.ts'
import { startMasks } from './mask.ts'
import { quoteTable, receive } from './receive.ts'
import { serverOf } from './refused.ts'
import { send, snapshot } from './send.ts'

type Query = <T>(sql: string) => Promise<T[]>

/** What a transfer does with a database of PostgreSQL. */
export function endOf(client: ClientBase, query: Query, name: string): End {
  const end: End = {
    ...proofOf(query),
    handle: { dialect: 'postgres', client },
    snapshot: (work) => snapshot(client, work),
    // They are set aside.
    unchecked: (work) => work(),
    read: (moved, to) => send(client, moved, to),
    write: (moved, from, rows, note) => receive(client, moved, from, rows, note),
    choose: (selection) => choose(client, selection),
    startMasks: () => startMasks(client),
    findBad: (moved, into, search) => findBad(client, moved, into, search),
    server: () => serverOf(client),
    setAside: (tables, large) => setAside(query, tables, large),
    isEmpty: async (table) => (await query(`SELECT FROM ${quoteTable(table)} LIMIT 1`)).length === 0,
    emptied: (tables) => (tables.length === 0 ? '' : `TRUNCATE ${tables.map(quoteTable).join(', ')}`),
    estimate: async (moved) =>
      moved.rows === undefined ? estimate(query, moved.from) : count(query, moved, 'from'),
    counters: (tables) => counters(query, tables),
    finish: async (tables, given) => finish(query, tables, given),
    // Foreign keys are built behind the rows: the server has looked.
    orphan: async () => undefined,
  }
  return guardedEnd(end, (error) => refused(error, name) ?? fromPostgres(error, name) ?? error)
}

/** As the statistics have it, if there are any. */
async function estimate(query: Query, table: Named): Promise<number> {
  const [row] = await query<{ rows: string }>(
    `SELECT CASE WHEN reltuples < 0 THEN 0 ELSE reltuples END::bigint AS rows FROM pg_class
     WHERE oid = '${quoteTable(table).replaceAll("'", "''")}'::regclass`,
  )
  return Number(row?.rows ?? 0)
}

async function finish(query: Query, tables: readonly Named[], given: readonly Counter[]): Promise<string> {
  const analyze = tables.length === 0 ? '' : `ANALYZE ${tables.map(quoteTable).join(', ')}`
  return [await countersSql(query, given), analyze].filter((sql) => sql !== '').join(';\n')
}

/** Classes of errors that say that the server does not take a row: data exceptions, and violated constraints. */
function refused(error: unknown, name: string): MigrateError | undefined {
  if (!isServerError(error)) return undefined
  const { code = '', message, where = '', detail } = error
  if (!/^2[23]/.test(code)) return undefined
  const [, place = ''] = /^COPY (.*?)(?::|$)/.exec(where) ?? []
  const words = [message, detail, place === '' ? '' : `at ${place}`].filter(Boolean).join(', ')
  return new MigrateError('BAD_ROWS', `${name} does not take a row: ${words}`, {
    hint: '"nexflow-migrate transfer --check" tells all such rows beforehand, and --bad sets them aside',
    cause: error,
  })
}
