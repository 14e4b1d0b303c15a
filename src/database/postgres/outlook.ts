import { MigrateError } from '../../core/errors.ts'
import type { Lock } from '../../core/lint/effect.ts'
import { type Rate, type Size, speedsOf } from '../../core/lint/forecast.ts'
import { type Named, nameOf, type Schema } from '../../core/schema/model.ts'
import { quoteName } from '../../core/text.ts'
import type { Row } from '../database.ts'
import type { Answer, Blocker, Need, Outlook } from '../outlook.ts'
import type { QueryEach } from './catalog.ts'
import { introspect } from './introspect.ts'

/** Locks that each lock waits for: https://www.postgresql.org/docs/current/explicit-locking.html#TABLE-LOCK-COMPATIBILITY */
const WAITS_FOR: Readonly<Record<Exclude<Lock, 'WRITE'>, readonly string[]>> = {
  'ACCESS SHARE': ['AccessExclusive'],
  'ROW SHARE': ['Exclusive', 'AccessExclusive'],
  'ROW EXCLUSIVE': ['Share', 'ShareRowExclusive', 'Exclusive', 'AccessExclusive'],
  'SHARE UPDATE EXCLUSIVE': [
    'ShareUpdateExclusive',
    'Share',
    'ShareRowExclusive',
    'Exclusive',
    'AccessExclusive',
  ],
  SHARE: ['RowExclusive', 'ShareUpdateExclusive', 'ShareRowExclusive', 'Exclusive', 'AccessExclusive'],
  'SHARE ROW EXCLUSIVE': [
    'RowExclusive',
    'ShareUpdateExclusive',
    'Share',
    'ShareRowExclusive',
    'Exclusive',
    'AccessExclusive',
  ],
  EXCLUSIVE: [
    'RowShare',
    'RowExclusive',
    'ShareUpdateExclusive',
    'Share',
    'ShareRowExclusive',
    'Exclusive',
    'AccessExclusive',
  ],
  'ACCESS EXCLUSIVE': [
    'AccessShare',
    'RowShare',
    'RowExclusive',
    'ShareUpdateExclusive',
    'Share',
    'ShareRowExclusive',
    'Exclusive',
    'AccessExclusive',
  ],
}

/** Bytes up to which a table's rows are counted. */
const COUNTED = 8 * 2 ** 20

/** Milliseconds that the measure of the server may take, each of its two parts. */
const MEASURE = 500

/** Milliseconds that a question waits for somebody who has locked the table. */
const PATIENCE = 200

/** How much longer it takes with a table that others see: what is written of it is logged, too. */
const LOGGED = 1.7

/** What is taken for granted where nothing can be measured: bytes a second. */
const USUAL = 400e6

/** Looks at a live server. Whatever it does stands in a transaction that is rolled back. */
export function outlook(each: QueryEach, major: number): Outlook {
  /** @throws what the server says */
  const within = async (mode: string, milliseconds: number, sql: string): Promise<Row[][]> => {
    try {
      const limits = `SET LOCAL statement_timeout = ${milliseconds}; SET LOCAL lock_timeout = ${PATIENCE}`
      return (await each(`BEGIN ${mode}; ${limits}; ${sql}`)).slice(3)
    } finally {
      await each('ROLLBACK')
    }
  }
  const ask = async (sql: string, milliseconds: number): Promise<Answer> => {
    try {
      const [rows = []] = await within('READ ONLY', milliseconds, sql)
      return { rows }
    } catch (error) {
      if (!(error instanceof MigrateError) || error.code === 'CONNECTION') throw error
      const { code = '', message } = (error.cause ?? error) as { code?: string; message: string }
      // Classes 22 and 23: data exceptions and violated constraints.
      return /^2[23]/.test(code) ? { refused: message } : { unknown: message }
    }
  }
  return {
    major,
    schema: () => schema(each),
    sizes: (tables) => sizes(ask, tables),
    blockers: (needs, everyone) => blockers(each, needs, everyone),
    calibrate: (largest) => calibrate(within, largest),
    ask,
    // The disk is the server's.
    room: async () => undefined,
  }
}

/** Milliseconds to wait for somebody who has locked a table of which the server is to write an expression. */
const SCHEMA_PATIENCE = 3000

async function schema(each: QueryEach): Promise<Schema> {
  const [[before] = []] = await each('SHOW lock_timeout')
  await each(`SET lock_timeout = ${SCHEMA_PATIENCE}`)
  try {
    return await introspect(each)
  } catch (error) {
    const { code } = ((error as MigrateError).cause ?? {}) as { code?: string }
    if (!(error instanceof MigrateError) || code !== LOCK_NOT_AVAILABLE) throw error
    throw new MigrateError('BUSY', `the schema cannot be read: ${await lockers(each)}`, {
      hint: 'run the same command again when that is over, or end it with pg_terminate_backend(pid)',
      cause: error,
    })
  } finally {
    await each(`SET lock_timeout = ${literal(String(before?.lock_timeout))}`)
  }
}

/** Who keeps everybody from a table. */
async function lockers(each: QueryEach): Promise<string> {
  const [rows = []] = await each(`
    SELECT concat('pid ', pid, ' (', concat_ws(', ', usename, nullif(application_name, '')), ') has locked ',
        string_agg(DISTINCT relation::regclass::text, ', '), ', ', state, ', in a transaction since ', ${MOMENT('xact_start')}) AS who
      FROM pg_locks JOIN pg_stat_activity USING (pid) JOIN pg_class ON pg_class.oid = relation AND relkind IN ('r', 'p', 'm', 'v')
      WHERE locktype = 'relation' AND mode = 'AccessExclusiveLock' AND granted AND datname = current_database() AND relation >= 16384
      GROUP BY pid, usename, application_name, state, xact_start`)
  return rows.length === 0 ? 'somebody has locked a table' : rows.map(({ who }) => String(who)).join('; ')
}

const LOCK_NOT_AVAILABLE = '55P03'

type Ask = Outlook['ask']
type Within = (mode: string, milliseconds: number, sql: string) => Promise<Row[][]>

function pathOf({ schema, name }: Named): string {
  return schema === '' ? quoteName(name) : `${quoteName(schema)}.${quoteName(name)}`
}

const literal = (text: string) => `'${text.replaceAll("'", "''")}'`

/** The tables in SQL, with their numbers in the list: `(0, 'users'::regclass)`. */
function listed(tables: readonly Named[]): string {
  return tables.map((table, i) => `(${i}, to_regclass(${literal(pathOf(table))}))`).join(', ')
}

/** To measure a table waits for who has locked it: then the size is what the server noted last. */
async function sizes(ask: Ask, tables: readonly Named[]): Promise<Size[]> {
  const sizes: Size[] = []
  for (const table of tables) {
    const path = pathOf(table)
    const of = (bytes: string, indexBytes: string) =>
      ask(
        `SELECT (${bytes})::float8 AS bytes, (${indexBytes})::float8 AS "indexBytes",
           greatest(reltuples, pg_stat_get_live_tuples(oid), 0)::float8 AS rows
         FROM pg_class WHERE oid = to_regclass(${literal(path)})`,
        MEASURE,
      )
    const noted = `SELECT coalesce(sum(i.relpages), 0) * 8192 FROM pg_index JOIN pg_class AS i ON i.oid = indexrelid WHERE indrelid = pg_class.oid`
    const exact = await of('pg_table_size(oid)', 'pg_indexes_size(oid)')
    const found = 'rows' in exact ? exact : await of('relpages * 8192', noted)
    const size = ('rows' in found ? found.rows[0] : undefined) as Size | undefined
    if (size === undefined || size.bytes > COUNTED) {
      sizes.push(size ?? { rows: 0, bytes: 0, indexBytes: 0 })
      continue
    }
    const counted = await ask(`SELECT count(*)::float8 AS n FROM ${path}`, MEASURE)
    sizes.push({ ...size, ...('rows' in counted && { rows: Number(counted.rows[0]?.n) }) })
  }
  return sizes
}

const MOMENT = (column: string) => `to_char(${column} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')`

const SESSION = `pid, usename::text AS "user", nullif(application_name, '') AS application, state,
  ${MOMENT('xact_start')} AS since, ${MOMENT('query_start')} AS "queryStart"`

async function blockers(each: QueryEach, needs: readonly Need[], everyone: boolean): Promise<Blocker[]> {
  const modes = needs.flatMap(({ lock }, i) =>
    (lock === 'WRITE' ? [] : WAITS_FOR[lock]).map((mode) => `(${i}, '${mode}Lock')`),
  )
  const none = needs.length === 0
  const wanted = `wanted (n, oid) AS (VALUES ${none ? '(NULL::int, NULL::regclass)' : listed(needs.map(({ table }) => table))}),
    mode (n, mode) AS (VALUES ${modes.length === 0 ? `(NULL::int, NULL::text)` : modes.join(', ')}),
    lock AS (SELECT l.pid, l.virtualtransaction, l.granted, array_agg(DISTINCT w.n ORDER BY w.n) AS tables FROM pg_locks AS l
      JOIN pg_database AS d ON d.oid = l.database AND d.datname = current_database()
      JOIN wanted AS w ON w.oid = l.relation JOIN mode AS m ON m.n = w.n AND (m.mode = l.mode OR NOT l.granted)
      WHERE l.locktype = 'relation' AND l.pid IS DISTINCT FROM pg_backend_pid() GROUP BY 1, 2, 3)`
  const [sessions = [], prepared = [], indexes = []] = await each(`
    WITH ${wanted}
    SELECT tables, granted, ${SESSION}, backend_type = 'autovacuum worker' AS vacuum,
        backend_type = 'autovacuum worker' AND query LIKE '%(to prevent wraparound)' AS wraparound
      FROM pg_stat_activity JOIN lock USING (pid)
    UNION ALL SELECT '{}', true, ${SESSION}, false, false FROM pg_stat_activity AS a
      WHERE ${everyone} AND datname = current_database() AND pid <> pg_backend_pid() AND xact_start IS NOT NULL
        AND backend_type = 'client backend' AND NOT EXISTS (SELECT FROM lock WHERE lock.pid = a.pid)
    ORDER BY since, pid;
    WITH ${wanted}
    SELECT tables, gid AS name, owner::text AS "user", ${MOMENT('prepared')} AS since FROM pg_prepared_xacts
      JOIN pg_locks AS own ON own.locktype = 'transactionid' AND own.transactionid = transaction
      JOIN lock ON lock.pid IS NULL AND lock.virtualtransaction = own.virtualtransaction
    ORDER BY since, gid;
    WITH ${wanted}
    SELECT array_agg(w.n) AS tables, i.relname::text AS name FROM wanted AS w JOIN pg_index AS x ON x.indrelid = w.oid
      JOIN pg_class AS i ON i.oid = x.indexrelid AND i.relkind = 'i'
      WHERE NOT x.indisvalid AND NOT EXISTS (SELECT FROM pg_locks WHERE relation = i.oid AND mode = 'ShareUpdateExclusiveLock')
    GROUP BY i.relname ORDER BY name`)
  const told = (
    kind: Blocker['kind'],
    { tables, granted: _, vacuum: __, wraparound: ___, ...row }: Row,
  ): Blocker => {
    const known = Object.fromEntries(Object.entries(row).filter(([, value]) => value !== null))
    const names = (tables as number[]).map((n) => nameOf(needs[n]?.table ?? { schema: '', name: '' }))
    return { kind, tables: [...new Set(names)], ...known }
  }
  return [
    // Any other autovacuum gives way to who waits for it.
    ...sessions
      .filter(({ vacuum, wraparound }) => !vacuum || wraparound)
      .map((row) => told(row.vacuum ? 'autovacuum' : row.granted ? 'transaction' : 'waiting', row)),
    ...prepared.map((row) => told('prepared transaction', row)),
    ...indexes.map((row) => told('invalid index', row)),
  ]
}

/** Rows of some 130 bytes: 4 MB, which is less than `temp_buffers`. */
const TRIAL = 30_000

async function calibrate(within: Within, largest: Named | undefined): Promise<Rate> {
  const measured = await tried(() => trial(within))
  const reading = largest && (await tried(() => sample(within, largest)))
  const scan = measured?.scan ?? reading
  return {
    speeds: speedsOf({ scan: USUAL, ...(scan !== undefined && { scan }), ...measured }),
    ...(reading !== undefined && { reading }),
    measured: scan !== undefined,
  }
}

/** Nothing where it is not allowed, or not done in time. */
async function tried<T>(work: () => Promise<T>): Promise<T | undefined> {
  try {
    return await work()
  } catch (error) {
    if (error instanceof MigrateError && error.code !== 'CONNECTION') return undefined
    throw error
  }
}

const NOW = 'SELECT extract(epoch FROM clock_timestamp())::float8 AS now'

/** A table of its own, which nobody else sees. */
async function trial(within: Within) {
  const table = 'pg_temp.nexflow_trial'
  const scan = `SELECT count(*) FROM ${table} WHERE number IS NULL`
  const timed = [
    `${scan}; ${scan}; ${scan}`,
    `CREATE INDEX ON ${table} (number)`,
    `ALTER TABLE ${table} ALTER COLUMN number TYPE bigint`,
    `UPDATE ${table} SET text = text || 'x'`,
  ]
  const results = await within(
    '',
    MEASURE,
    [
      `CREATE TEMPORARY TABLE nexflow_trial AS SELECT n AS id, n * 7919 % 100000 AS number, repeat('x', 90) AS text FROM generate_series(1, ${TRIAL}) AS n`,
      `SELECT pg_table_size('${table}')::float8 AS bytes`,
      `SET LOCAL max_parallel_workers_per_gather = 0`,
      // What was written is seen for the first time.
      scan,
      NOW,
      ...timed.flatMap((sql) => [sql, NOW]),
    ].join('; '),
  )
  const bytes = Number(results[1]?.[0]?.bytes)
  const times = timesIn(results)
  const speed = (i: number, often = 1) => {
    const seconds = (times[i + 1] ?? 0) - (times[i] ?? 0)
    return (often * bytes) / (LOGGED * Math.max(seconds, 1e-4))
  }
  return { scan: speed(0, 3), index: speed(1), rewrite: speed(2), update: speed(3) }
}

/** What the clock showed, each time that it was asked. */
function timesIn(results: readonly Row[][]): number[] {
  return results.flatMap(([row]) => (row?.now === undefined ? [] : [Number(row.now)]))
}

/** Bytes of a table that are read. */
const SAMPLE = 16 * 2 ** 20

/** Reads a part of a table, wherever it lies. */
async function sample(within: Within, table: Named): Promise<number | undefined> {
  const path = pathOf(table)
  const [[size] = []] = await within(
    'READ ONLY',
    MEASURE,
    `SELECT pg_relation_size(${literal(path)})::float8 AS bytes`,
  )
  const bytes = Number(size?.bytes)
  if (bytes < SAMPLE) return undefined
  const percent = (100 * SAMPLE) / bytes
  const results = await within(
    'READ ONLY',
    MEASURE,
    `${NOW}; SELECT count(*) FROM ${path} TABLESAMPLE SYSTEM (${percent.toFixed(6)}); ${NOW}`,
  )
  const [start = 0, end = 0] = results.flatMap(([row]) => (row?.now === undefined ? [] : [Number(row.now)]))
  return SAMPLE / Math.max(end - start, 1e-4)
}
