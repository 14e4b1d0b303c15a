import type { ClientBase } from 'pg'
import { MigrateError } from '../../core/errors.ts'
import type { Script } from '../../core/script.ts'
import { type Loss, STASH } from '../stash.ts'
import { mentions } from './dependents.ts'
import { mayPass } from './errors.ts'
import type { Query } from './lock.ts'
import { dropped, isTable } from './park.ts'
import { cut, type Part, pieces, refuseTransactionStatements, send } from './script.ts'
import { reset, sets } from './session.ts'
import { shapeOf } from './shape.ts'

/** A table of the catalog. Numbers stay when names change. */
interface Table {
  readonly oid: number
  readonly schema: string
  readonly name: string
  /** Columns by their numbers. */
  readonly columns: Readonly<Record<string, string>>
}

/** What is gone of a table: all of it, or columns. */
interface Gone {
  readonly table: Table
  readonly columns: readonly string[] | undefined
}

/**
 * Runs scripts, one after the other, in a transaction that is rolled back, and asks the catalog what each took away:
 * PostgreSQL can roll back every change of a schema, and no reader of SQL sees into functions.
 *
 * @returns what each takes away; from the first that fails, its error
 */
export async function losses(
  client: ClientBase,
  query: Query,
  scripts: readonly Script[],
  name: string,
  limits: readonly Part[],
): Promise<(Loss[] | MigrateError)[]> {
  const found: Loss[][] = []
  await send(client, [{ text: 'BEGIN' }, ...limits], name)
  try {
    for (const [i, script] of scripts.entries()) {
      const before = await tables(query)
      await query('SAVEPOINT rehearsal')
      await run(client, script, name, limits)
      const gone = compare(before, await tables(query))
      if (gone.length > 0) await query('ROLLBACK TO SAVEPOINT rehearsal')
      found.push(gone.length > 0 ? await describe(query, gone, script) : [])
      if (gone.length > 0 && i + 1 < scripts.length) await run(client, script, name, limits)
    }
    return found
  } catch (error) {
    // It will fail in the same place when it is run, and take nothing away.
    if (!(error instanceof MigrateError) || mayPass(error)) throw error
    return scripts.map((_, i) => found[i] ?? error)
  } finally {
    await query('ROLLBACK')
  }
}

async function succeeds(work: () => Promise<void>): Promise<boolean> {
  try {
    await work()
    return true
  } catch (error) {
    if (mayPass(error)) throw error
    return false
  }
}

/** Runs a script inside the transaction; of one that runs outside, what can be. */
async function run(client: ClientBase, script: Script, name: string, limits: readonly Part[]): Promise<void> {
  if (script.transaction) {
    for await (const piece of pieces(script)) {
      await refuseTransactionStatements(piece)
      await send(client, [piece], name)
    }
    if (sets(script.text)) await send(client, [reset(true, limits)], name)
    return
  }
  // It takes no table and no column away, and as a whole it may hold up everybody.
  if (script.batch !== undefined) return
  for (const { start, end } of await cut(script)) {
    await client.query('SAVEPOINT statement')
    const part = { text: script.text.slice(start, end), of: { sql: script, start } }
    // What cannot run in a transaction takes no table and no column away.
    if (!(await succeeds(() => send(client, [part], name))))
      await client.query('ROLLBACK TO SAVEPOINT statement')
  }
}

async function tables(query: Query): Promise<Table[]> {
  const rows = await query(`
    SELECT c.oid::int8 AS oid, nspname AS schema, relname AS name,
      (SELECT coalesce(json_object_agg(attnum, attname), '{}') FROM pg_attribute WHERE attrelid = c.oid AND attnum > 0 AND NOT attisdropped) AS columns
    FROM pg_class AS c JOIN pg_namespace ON pg_namespace.oid = relnamespace
    WHERE relkind = 'r' AND relpersistence <> 't' AND nspname <> 'information_schema' AND nspname !~ '^pg_'
      AND NOT starts_with(relname, '${STASH}')`)
  return rows as unknown as Table[]
}

function compare(before: readonly Table[], after: readonly Table[]): Gone[] {
  const byOid = new Map(after.map((table) => [table.oid, table]))
  const byName = new Map(after.map((table) => [`${table.schema}.${table.name}`, table]))
  return before.flatMap((table): Gone[] => {
    const same = byOid.get(table.oid)
    const again = byName.get(`${table.schema}.${table.name}`)
    if (same === undefined && again === undefined) return [{ table, columns: undefined }]
    const left = same === undefined ? Object.values(again?.columns ?? {}) : []
    const columns = Object.entries(table.columns)
      .filter(([number, column]) => (same === undefined ? !left.includes(column) : !(number in same.columns)))
      .map(([, column]) => column)
    return columns.length === 0 ? [] : [{ table, columns }]
  })
}

/** Kinds of statements that write no rows. */
const SCHEMA_ONLY = /^(Alter|Create|Drop|Index|Rename|Comment|Grant|View)/

async function describe(query: Query, gone: readonly Gone[], script: Script): Promise<Loss[]> {
  const trees = (await cut(script)).map(({ tree }) => tree)
  const writing = trees.filter((tree) => !SCHEMA_ONLY.test(Object.keys(tree)[0] ?? ''))
  const read = new Set(writing.flatMap((tree) => [...mentions(tree)]))
  const described: Loss[] = []
  for (const { table, columns } of gone) {
    const shape = await shapeOf(query, String(table.oid))
    if (shape === undefined) continue
    described.push({
      schema: table.schema,
      table: table.name,
      columns,
      carried: columns?.filter((column) => read.has(column)) ?? [],
      shape,
      parkable:
        columns === undefined &&
        writing.length === 0 &&
        trees.some((tree) => dropped(tree).some((one) => isTable(one, table.schema, table.name))) &&
        shape.columns.every(({ portable, generated }) => portable && !generated) &&
        (await standsAlone(query, table.oid)),
    })
  }
  return described
}

/** Whether nothing but its own columns, keys, indexes and triggers belongs to the table. */
async function standsAlone(query: Query, oid: number): Promise<boolean> {
  const [row] = await query(`
    SELECT relispartition OR relhasrules OR relrowsecurity
      OR EXISTS (SELECT FROM pg_inherits WHERE inhparent = ${oid} OR inhrelid = ${oid})
      OR EXISTS (SELECT FROM pg_policy WHERE polrelid = ${oid})
      OR EXISTS (SELECT FROM pg_statistic_ext WHERE stxrelid = ${oid})
      OR EXISTS (SELECT FROM pg_publication_rel WHERE prrelid = ${oid})
      OR reloftype <> 0 AS tied
    FROM pg_class WHERE oid = ${oid}`)
  return row?.tied === false
}
