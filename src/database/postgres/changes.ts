import type { ClientBase, ClientConfig } from 'pg'
import pg from 'pg'
import { type Code, MigrateError } from '../../core/errors.ts'
import { nameOf } from '../../core/schema/model.ts'
import type { Moved, MovedColumn, Side } from '../../core/transfer/moved.ts'
import type { Changed, Changes, Digest, Packet } from '../end.ts'
import { type Following, type LooseKey, STATE, STATE_TABLE } from '../state.ts'
import { nameOf as databaseName } from './connect.ts'
import { fromPostgres, isServerError } from './errors.ts'
import { copy, isStaged, quoteTable } from './receive.ts'

/** Milliseconds that the target's tables may be kept by others: while the application waits, nobody waits long. */
const LOCK_TIMEOUT = 5000

/** What a target is followed with. */
export interface Reading {
  read(moved: Moved): AsyncIterable<Packet>
  /** Compares what has arrived; without, rows are counted only. */
  digest?: ((moved: Moved, side: Side) => Promise<Digest>) | undefined
}

/** What was done to the target. */
export interface Done {
  /** Rows that are there now, and rows that were there before, of those that have changed. */
  readonly written: number
  readonly removed: number
}

/**
 * Makes a target ready to be followed into: triggers are silent, as what they did in the source is in its log, and
 * foreign keys do nothing but check at each commit. Their actions too were done in the source, and here they would
 * come between: a row may be taken out and put back in the same transaction.
 *
 * @param log the log under which the target was filled
 * @throws DIFFERENT where it follows another log, BLOCKED and the errors of the connection
 */
export function prepare(client: ClientBase, tables: readonly Moved[], log: string): Promise<Following> {
  return inTransaction(client, async () => {
    const state = await stateTable(client)
    await client.query(`CREATE TABLE IF NOT EXISTS ${state} ${STATE_TABLE}`)
    // Of a run that was killed, the server may still be at the last commit: it is waited for.
    await client.query(`LOCK TABLE ${state} IN SHARE ROW EXCLUSIVE MODE`)
    const before = await readFollowing(client, state)
    if (before !== undefined && before.log !== log) {
      throw new MigrateError('DIFFERENT', 'the target follows another log than the source writes', {
        hint: 'begin again: what was changed meanwhile is not known',
      })
    }
    const oids = tables.map(({ to }) => `${pg.escapeLiteral(quoteTable(to))}::regclass`).join(', ')
    const known = before?.foreignKeys ?? []
    const foreignKeys = [...known]
    for (const { loose, ...key } of await strictKeys(client, oids)) {
      await client.query(`ALTER TABLE ${key.table} DROP CONSTRAINT ${key.name}`)
      // The rows fulfil it as they are: what comes is checked.
      await client.query(
        `ALTER TABLE ${key.table} ADD CONSTRAINT ${key.name} ${loose}${key.partitioned ? '' : ' NOT VALID'}`,
      )
      if (!known.some(({ table, name }) => table === key.table && name === key.name)) foreignKeys.push(key)
    }
    const silenced = await loudTriggers(client, oids)
    for (const { silence } of silenced) await client.query(silence)
    const triggers = new Set([...(before?.triggers ?? []), ...silenced.map(({ enable }) => enable)])
    const following = { log, seq: before?.seq ?? 0, foreignKeys, triggers: [...triggers] }
    await writeFollowing(client, state, following)
    return following
  })
}

/** Foreign keys that do more than to check at the commit, and what they are to be meanwhile. */
async function strictKeys(client: ClientBase, oids: string): Promise<(LooseKey & { loose: string })[]> {
  const columns = (table: string, numbers: string) =>
    `(SELECT string_agg(quote_ident(attname), ', ' ORDER BY n) FROM unnest(${numbers}) WITH ORDINALITY AS k (num, n)
      JOIN pg_attribute ON attrelid = ${table} AND attnum = num)`
  const { rows } = await client.query(
    `SELECT conrelid::regclass::text AS "table", quote_ident(conname) AS name,
       regexp_replace(pg_get_constraintdef(c.oid), ' NOT VALID$', '') AS definition,
       obj_description(c.oid, 'pg_constraint') AS comment, convalidated AS valid,
       'p' IN (own.relkind, other.relkind) AS partitioned,
       format('FOREIGN KEY (%s) REFERENCES %s (%s)%s DEFERRABLE INITIALLY DEFERRED', ${columns('conrelid', 'conkey')},
         confrelid::regclass, ${columns('confrelid', 'confkey')}, CASE confmatchtype WHEN 'f' THEN ' MATCH FULL' ELSE '' END) AS loose
     FROM pg_constraint c JOIN pg_class own ON own.oid = conrelid JOIN pg_class other ON other.oid = confrelid
     WHERE contype = 'f' AND conparentid = 0 AND (conrelid IN (${oids}) OR confrelid IN (${oids}))
       AND NOT (confupdtype = 'a' AND confdeltype = 'a' AND condeferrable AND condeferred)
       AND pg_get_constraintdef(c.oid) NOT LIKE '% NOT ENFORCED'
     ORDER BY 1, 2`,
  )
  return rows
}

async function loudTriggers(
  client: ClientBase,
  oids: string,
): Promise<{ silence: string; enable: string }[]> {
  const { rows } = await client.query(
    `SELECT format('ALTER TABLE %s DISABLE TRIGGER %I', tgrelid::regclass, tgname) AS silence,
       format('ALTER TABLE %s ENABLE %sTRIGGER %I', tgrelid::regclass,
         CASE tgenabled WHEN 'R' THEN 'REPLICA ' WHEN 'A' THEN 'ALWAYS ' ELSE '' END, tgname) AS enable
     FROM pg_trigger WHERE NOT tgisinternal AND tgenabled <> 'D' AND tgparentid = 0 AND tgrelid IN (${oids})`,
  )
  return rows
}

/**
 * Brings the target from where it is to where the source is at this moment: in one transaction, with the place in
 * the log to which it has come.
 *
 * @throws BAD_ROWS, FOREIGN_KEY, DIFFERENT where other rows have arrived than were sent, LOCK_LOST where somebody
 *   else follows into the target, and the errors of the connection
 */
export function applyChanges(
  client: ClientBase,
  following: Following,
  { last, tables }: Changes,
  reading: Reading,
): Promise<Done & { following: Following }> {
  return inTransaction(client, async () => {
    const state = await stateTable(client)
    await holdPlace(client, state, following)
    let [written, removed] = [0, 0]
    for (const [i, changed] of tables.entries()) {
      removed += await remove(client, changed, i, reading)
      written += await insert(client, changed, i, reading)
      if (reading.digest !== undefined) await prove(client, changed, i, reading.digest)
    }
    const now = { ...following, seq: last }
    await writeFollowing(client, state, now)
    return { written, removed, following: now }
  })
}

/** Takes out all rows whose keys were written: those that are there still are put back as they are now. */
async function remove(
  client: ClientBase,
  { moved, keys }: Changed,
  i: number,
  { read }: Reading,
): Promise<number> {
  const table = quoteTable(moved.to)
  if (keys === undefined) return (await client.query(`DELETE FROM ${table}`)).rowCount ?? 0
  const name = `pg_temp.${tableOf('keys', i)}`
  await client.query(
    `CREATE TEMPORARY TABLE ${tableOf('keys', i)} (${stageColumns(keys.columns)}) ON COMMIT DROP`,
  )
  await copy(client, name, '', read(keys))
  const { rowCount } = await client.query(
    `DELETE FROM ${table} AS t USING ${name} AS k WHERE ${sameKey(keys)}`,
  )
  return rowCount ?? 0
}

async function insert(
  client: ClientBase,
  { moved, rows, present }: Changed,
  i: number,
  { read }: Reading,
): Promise<number> {
  const names = moved.columns.map(({ to }) => pg.escapeIdentifier(to.name)).join(', ')
  const written = await insertInto(client, `${quoteTable(moved.to)} (${names})`, rows, i, read(rows))
  if (written === present) return written
  throw new MigrateError('DIFFERENT', `${nameOf(moved.to)}: of ${present} rows ${written} have arrived`)
}

async function insertInto(
  client: ClientBase,
  target: string,
  { columns }: Moved,
  i: number,
  packets: AsyncIterable<Packet>,
): Promise<number> {
  if (!columns.some((column) => isStaged(column, 'sqlite'))) return copy(client, target, '', packets)
  const stage = tableOf('rows', i)
  await client.query(`CREATE TEMPORARY TABLE ${stage} (${stageColumns(columns)}) ON COMMIT DROP`)
  await copy(client, `pg_temp.${stage}`, '', packets)
  const values = columns.map((column) => typed('k', column)).join(', ')
  const { rowCount } = await client.query(
    `INSERT INTO ${target} OVERRIDING SYSTEM VALUE SELECT ${values} FROM pg_temp.${stage} AS k`,
  )
  return rowCount ?? 0
}

/** The rows as they stand in the table now, against those of the source. */
async function prove(
  client: ClientBase,
  { moved, keys, rows }: Changed,
  i: number,
  digest: NonNullable<Reading['digest']>,
): Promise<void> {
  const proof = tableOf('proof', i)
  let arrived = moved
  if (keys !== undefined) {
    await client.query(
      `CREATE TEMPORARY TABLE ${proof} ON COMMIT DROP AS SELECT * FROM ${quoteTable(moved.to)} AS t
       WHERE EXISTS (SELECT FROM pg_temp.${tableOf('keys', i)} AS k WHERE ${sameKey(keys)})`,
    )
    arrived = { ...rows, to: { schema: 'pg_temp', name: proof } }
  }
  const [sent, here] = [await digest(rows, 'from'), await digest(arrived, 'to')]
  if (sent.rows === here.rows && sent.digest === here.digest) return
  throw new MigrateError(
    'DIFFERENT',
    `${nameOf(moved.to)}: the rows that were changed last differ from the source`,
    {
      hint: 'nothing of this step was kept; report it, and what the table holds',
    },
  )
}

const tableOf = (what: 'keys' | 'rows' | 'proof', i: number) => `nexflow_${what}_${i}`

function stageColumns(columns: readonly MovedColumn[]): string {
  return columns
    .map(
      (column) =>
        `${pg.escapeIdentifier(column.to.name)} ${isStaged(column, 'sqlite') ? 'text' : column.to.type}`,
    )
    .join(', ')
}

/** A column of what was sent, in the target's type. */
function typed(of: string, column: MovedColumn): string {
  const value = `${of}.${pg.escapeIdentifier(column.to.name)}`
  return isStaged(column, 'sqlite') ? `${value}::${column.to.type}` : value
}

function sameKey({ columns }: Moved): string {
  return columns
    .map((column) => `t.${pg.escapeIdentifier(column.to.name)} = ${typed('k', column)}`)
    .join(' AND ')
}

/**
 * Gives foreign keys their actions back and lets triggers speak again: the target is as an application needs it. It
 * can be made ready again after this, if the source is not left yet.
 *
 * @throws BLOCKED and the errors of the connection
 */
export function release(client: ClientBase, following: Following): Promise<void> {
  return inTransaction(client, async () => {
    await holdPlace(client, await stateTable(client), following)
    for (const { table, name, definition, comment, partitioned } of following.foreignKeys) {
      await client.query(`ALTER TABLE ${table} DROP CONSTRAINT ${name}`)
      // All rows were checked by what stood in its place; the server believes it when it has looked itself: `confirm`.
      await client.query(
        `ALTER TABLE ${table} ADD CONSTRAINT ${name} ${definition}${partitioned ? '' : ' NOT VALID'}`,
      )
      if (comment !== null) {
        await client.query(`COMMENT ON CONSTRAINT ${name} ON ${table} IS ${pg.escapeLiteral(comment)}`)
      }
    }
    for (const enable of following.triggers) await client.query(enable)
  })
}

/** Lets the server look at all rows by the foreign keys, while the application works with them; then it is over. */
export async function confirm(client: ClientBase, following: Following): Promise<void> {
  for (const { table, name } of following.foreignKeys.filter(({ valid }) => valid)) {
    await explained(client, () => client.query(`ALTER TABLE ${table} VALIDATE CONSTRAINT ${name}`))
  }
  await explained(client, async () =>
    client.query(`DELETE FROM ${await stateTable(client)} WHERE name = 'follow'`),
  )
}

/** How far the target has come, if it is one that follows. */
export async function readPlace(client: ClientBase): Promise<Following | undefined> {
  return explained(client, async () => {
    const state = await stateTable(client)
    const { rows } = await client.query(`SELECT to_regclass(${pg.escapeLiteral(state)}) IS NOT NULL AS found`)
    return rows[0]?.found ? readFollowing(client, state) : undefined
  })
}

async function stateTable(client: ClientBase): Promise<string> {
  const { rows } = await client.query('SELECT quote_ident(current_schema()) AS schema')
  return `${rows[0]?.schema}."${STATE}"`
}

async function readFollowing(client: ClientBase, state: string, lock = ''): Promise<Following | undefined> {
  const { rows } = await client.query(`SELECT value FROM ${state} WHERE name = 'follow' ${lock}`)
  // Nobody else writes it.
  return rows.length === 0 ? undefined : (JSON.parse(rows[0].value) as Following)
}

/** Nobody else follows into the target until this transaction ends. */
async function holdPlace(client: ClientBase, state: string, following: Following): Promise<void> {
  const now = await readFollowing(client, state, 'FOR UPDATE')
  if (now?.log === following.log && now.seq === following.seq) return
  throw new MigrateError('LOCK_LOST', 'another process follows the source into this target', {
    hint: 'let it come to its end, or end it and run the same command again',
  })
}

async function writeFollowing(client: ClientBase, state: string, following: Following): Promise<void> {
  await client.query(
    `INSERT INTO ${state} (name, value) VALUES ('follow', $1) ON CONFLICT (name) DO UPDATE SET value = excluded.value`,
    [JSON.stringify(following)],
  )
}

async function inTransaction<T>(client: ClientBase, work: () => Promise<T>): Promise<T> {
  return explained(client, async () => {
    await client.query(`BEGIN; SET LOCAL lock_timeout = ${LOCK_TIMEOUT}`)
    try {
      const result = await work()
      await client.query('COMMIT')
      return result
    } catch (error) {
      await client.query('ROLLBACK').catch(() => {})
      throw error
    }
  })
}

/** What the server says of rows: postgresql.org/docs/current/errcodes-appendix.html, by class or by code. */
const ROWS: Readonly<Record<string, { code: Code; hint: string }>> = {
  '23503': {
    code: 'FOREIGN_KEY',
    hint: 'correct the rows in the source and run the same command again: it goes on',
  },
  '23': {
    code: 'BAD_ROWS',
    hint: 'correct the rows in the source and run the same command again: it goes on',
  },
  '22': {
    code: 'BAD_ROWS',
    hint: 'correct the rows in the source and run the same command again: it goes on',
  },
  '55P03': {
    code: 'BLOCKED',
    hint: 'end those who use the tables of the target, and run the same command again',
  },
}

async function explained<T>(client: ClientBase, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if (error instanceof MigrateError) throw error
    const name = databaseName(client as ClientConfig)
    const known = fromPostgres(error, name)
    if (known !== undefined || !isServerError(error)) throw known ?? error
    const { code = '', message, detail, where } = error
    const { hint, ...meaning } = ROWS[code] ??
      ROWS[code.slice(0, 2)] ?? { code: 'DATABASE' as const, hint: undefined }
    const words = [message, detail, where].filter((one) => one !== undefined).join('; ')
    throw new MigrateError(meaning.code, `${name}: ${words}`, { hint, cause: error })
  }
}
