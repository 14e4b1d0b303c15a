import { createHash, randomUUID } from 'node:crypto'
import type { DatabaseSync } from 'node:sqlite'
import { MigrateError } from '../../core/errors.ts'
import type { Key, Table } from '../../core/schema/model.ts'
import { stringText } from '../../core/schema/sql/names.ts'
import { quoteName, shortest } from '../../core/text.ts'
import type { Moved, MovedColumn } from '../../core/transfer/moved.ts'
import type { Changed, Changes } from '../end.ts'
import { isOurs, type Log, STATE, STATE_TABLE, type Switched } from '../state.ts'
import { fieldSql, registerOdd, valueSql } from './encode.ts'
import { fromSqlite, isBusy, isSqliteError } from './errors.ts'
import { introspect } from './introspect.ts'
import { beginWriting } from './lock.ts'
import { rowidOf } from './send.ts'

/**
 * A row for each row that the application has written, by its key, in the application's own transaction. Its number
 * is one more than the greatest: that row is never taken out, so none is given twice.
 */
const CHANGES = 'schema_migrations_changes'

/** What the names of triggers begin with that write the log, and of those that let nobody write. */
const LOGGING = 'schema_migrations_log_'
const FENCE = 'schema_migrations_fence_'

/** Rows of the log that are taken out at a time, and how many are let be. */
const PRUNED = 10_000
const KEPT = 50_000

/** A table whose rows are watched, and the columns that tell a row; of one without, only that it has changed is noted. */
export type Watched = Pick<Moved, 'from' | 'key'>

/**
 * A source that is followed must let others write while it is read.
 *
 * @throws DATABASE
 */
export function checkJournal(native: DatabaseSync): void {
  const mode = native.prepare('PRAGMA journal_mode').get()?.journal_mode
  if (mode !== 'wal') {
    throw new MigrateError(
      'DATABASE',
      `${pathOf(native)} is in journal mode ${mode}, where whoever reads stops all who write`,
      {
        hint: 'set "PRAGMA journal_mode = WAL", as openDatabase does; or stop the application and leave out --follow',
      },
    )
  }
}

/**
 * Begins to note in the database itself, by triggers, which rows of these tables are written. All that commits after
 * it is noted. A log that is there already is begun anew.
 *
 * @returns how the log is called, and the unique indexes of which it cannot see whom REPLACE takes away
 * @throws DATABASE without WAL mode, BUSY, READ_ONLY
 */
export function startLog(
  native: DatabaseSync,
  watched: readonly Watched[],
): { id: string; unseen: string[] } {
  checkJournal(native)
  return writing(native, () => {
    dropLog(native)
    const tables = new Map(introspect(native).tables.map((table) => [table.name, table]))
    const width = Math.max(0, ...watched.map(({ key }) => key.length))
    const keys = Array.from({ length: width }, (_, i) => `, k${i}`).join('')
    native.exec(`CREATE TABLE main.${CHANGES} (seq INTEGER PRIMARY KEY, "table" TEXT${keys})`)
    const unseen = watched.flatMap((one) => {
      const table = tables.get(one.from.name)
      return table === undefined ? [] : watch(native, table, one.key)
    })
    const id = randomUUID()
    makeState(native)
    writeState(native, 'follow', {
      log: id,
      since: new Date().toISOString(),
      schema: schemaOf(native),
    } satisfies Log)
    return { id, unseen }
  })
}

/** Takes the log away, and its triggers: nothing of it stays. */
export function stopLog(native: DatabaseSync): void {
  writing(native, () => dropLog(native))
}

/** The log that is written, if one is. */
export function readLog(native: DatabaseSync): Log | undefined {
  return readState<Log>(native, 'follow')
}

/** Where the application's database is now, if it was switched over. */
export function readSwitched(native: DatabaseSync): Switched | undefined {
  return readState<Switched>(native, 'moved')
}

function dropLog(native: DatabaseSync): void {
  dropTriggers(native, LOGGING)
  native.exec(`DROP TABLE IF EXISTS main.${CHANGES}`)
  writeState(native, 'follow', undefined)
}

/** Puts triggers on a table, and gives the unique indexes that they cannot watch. */
function watch(native: DatabaseSync, table: Table, key: readonly string[]): string[] {
  const uniques = key.length === 0 ? [] : uniquesOf(table, key)
  create(native, table, key, uniques)
  const plain = uniques.filter(({ expressions }) => !expressions)
  if (plain.length === uniques.length || compiles(native, table)) return []
  // The application may have functions that are not known here: a trigger that does not work would stop it.
  dropTriggers(native, LOGGING, table.name)
  create(native, table, key, plain)
  return uniques.filter(({ expressions }) => expressions).map(({ name }) => `${name} on ${table.name}`)
}

/** What no two rows may have in common: REPLACE takes the other row away, and fires no trigger that would tell. */
interface Uniqueness {
  readonly name: string
  /** Finds the row `o` that has in common what is to be written. */
  readonly where: string
  /** What UPDATE must set so that another row can be in the way; any column where it cannot be told. */
  readonly of?: readonly string[]
  readonly expressions: boolean
}

function uniquesOf(table: Table, key: readonly string[]): Uniqueness[] {
  const column = (name: string) => table.columns.find((one) => one.name === name)
  const same = (name: string, collation: string | undefined) => {
    const { nullable = true, default: fallback, generated } = column(name) ?? {}
    const value = `new.${quoteName(name)}`
    // REPLACE puts the default in the place of a NULL that may not be.
    const given =
      nullable || fallback === undefined || generated ? value : `coalesce(${value}, (${fallback}))`
    return `o.${quoteName(name)}${collation === undefined ? '' : ` COLLATE ${collation}`} = ${given}`
  }
  const ofKey = ({ name, columns, collations = {} }: Key): Uniqueness => ({
    name: name ?? `the unique constraint (${columns.join(', ')})`,
    where: columns.map((one) => same(one, collations[one])).join(' AND '),
    ...(!columns.some((one) => column(one)?.generated) && { of: columns }),
    expressions: false,
  })
  /** What has the same key is noted by that key: but for a collation to which other keys are the same. */
  const isKey = ({ columns, collations }: Key) =>
    collations === undefined &&
    columns.length === key.length &&
    columns.every((one) => key.includes(one) && column(one)?.collation === undefined)
  const { primaryKey, uniques, indexes } = table
  const constraints = [...(primaryKey ? [primaryKey] : []), ...uniques]
  const all = table.columns.map(({ name }) => `new.${quoteName(name)} AS ${quoteName(name)}`).join(', ')
  return [
    ...constraints.filter((one) => !isKey(one)).map(ofKey),
    ...indexes
      .filter(({ unique }) => unique)
      .map(({ name, parts, where }): Uniqueness => {
        const columns = parts.flatMap((part) => part.column ?? [])
        const expressions = columns.length < parts.length || where !== undefined
        const equal = parts.map((part) => {
          if (part.column !== undefined) return same(part.column, part.collation)
          const collation = part.collation === undefined ? '' : ` COLLATE ${part.collation}`
          // Its names are those of columns: beside the row that is there, of what is to be written.
          return `(${part.expression})${collation} = (SELECT ${part.expression} FROM (SELECT ${all}))`
        })
        return {
          name,
          where: [...equal, ...(where === undefined ? [] : [`(${where})`])].join(' AND '),
          ...(!expressions && !columns.some((one) => column(one)?.generated) && { of: columns }),
          expressions,
        }
      }),
  ]
}

function create(
  native: DatabaseSync,
  { name }: Table,
  key: readonly string[],
  uniques: readonly Uniqueness[],
): void {
  const into = `INSERT INTO ${CHANGES} ("table"${key.map((_, i) => `, k${i}`).join('')})`
  const row = (of: string) => [stringText(name), ...key.map((one) => `${of}.${quoteName(one)}`)].join(', ')
  const list = (of: string, more = '') => `(${key.map((one) => `${of}.${quoteName(one)}${more}`).join(', ')})`
  const trigger = (what: string, when: string, statements: readonly string[]) =>
    native.exec(
      `CREATE TRIGGER main.${quoteName(`${LOGGING}${what}_${name}`)} ${when} ON ${quoteName(name)}
       BEGIN ${statements.map((one) => `${one}; `).join('')}END`,
    )
  const inTheWay = ({ where }: Uniqueness) =>
    `${into} SELECT ${row('o')} FROM ${quoteName(name)} AS o WHERE ${where}`
  // Two values may be the same to the column's collation and still be two keys.
  const other = `${into} SELECT ${row('new')} WHERE ${list('new', ' COLLATE BINARY')} IS NOT ${list('old')}`
  trigger('insert', 'AFTER INSERT', [`${into} VALUES (${row('new')})`])
  trigger('delete', 'AFTER DELETE', [`${into} VALUES (${row('old')})`])
  trigger('update', 'AFTER UPDATE', [`${into} VALUES (${row('old')})`, ...(key.length > 0 ? [other] : [])])
  if (uniques.length > 0) trigger('replace', 'BEFORE INSERT', uniques.map(inTheWay))
  for (const [i, unique] of uniques.entries()) {
    const of = unique.of === undefined ? '' : ` OF ${unique.of.map(quoteName).join(', ')}`
    trigger(`replace_${i}`, `BEFORE UPDATE${of}`, [inTheWay(unique)])
  }
}

/** Whether the triggers of a table can be run: SQLite looks at them only when it is written to. */
function compiles(native: DatabaseSync, { name, columns }: Table): boolean {
  const table = `main.${quoteName(name)}`
  const set = columns.filter(({ generated }) => !generated).map((one) => `${quoteName(one.name)} = NULL`)
  try {
    for (const sql of [`INSERT INTO ${table} DEFAULT VALUES`, `UPDATE ${table} SET ${set.join(', ')}`])
      native.prepare(sql)
    return true
  } catch (error) {
    if (isSqliteError(error)) return false
    throw error
  }
}

/**
 * Does `work` with what has changed since a place in the log, inside an open transaction: what is given is of its
 * moment, in temporary tables of this connection.
 *
 * @param after the last of the log's rows that is done with
 * @throws DIFFERENT where the log is not the one that it was, or the schema has changed
 */
export async function withChanges<T>(
  native: DatabaseSync,
  tables: readonly Moved[],
  log: string,
  after: number,
  work: (changes: Changes) => Promise<T>,
): Promise<T> {
  checkLog(native, log, after)
  const last = Number(native.prepare(`SELECT ifnull(max(seq), 0) AS seq FROM main.${CHANGES}`).get()?.seq)
  const range = `seq > ${after} AND seq <= ${last}`
  const noted = native.prepare(`SELECT DISTINCT "table" FROM main.${CHANGES} WHERE ${range}`).all()
  const names = new Set(noted.map(({ table }) => table))
  const changed = tables
    .filter(({ from }) => names.has(from.name))
    .map((moved, i) => collect(native, moved, i, range))
  const result = await work({ last, tables: changed })
  for (const i of changed.keys()) native.exec(drops(i))
  return result
}

const temporary = (i: number) => ({ keys: `nexflow_keys_${i}`, rows: `nexflow_rows_${i}` })

function drops(i: number): string {
  return Object.values(temporary(i))
    .map((name) => `DROP TABLE IF EXISTS temp.${name};`)
    .join('')
}

/** Puts the keys that have changed, and the rows that have them now, into temporary tables. */
function collect(native: DatabaseSync, moved: Moved, i: number, range: string): Changed {
  const rowsOf = (table: string) => Number(native.prepare(`SELECT count(*) AS n FROM ${table}`).get()?.n)
  const table = `main.${quoteName(moved.from.name)}`
  const where = moved.rows === undefined ? '' : ` WHERE (${moved.rows})`
  if (moved.key.length === 0) return { moved, rows: moved, present: rowsOf(table + where) }
  const { keys, rows } = temporary(i)
  const names = moved.key.map(quoteName)
  native.exec(drops(i))
  native.exec(
    `CREATE TEMP TABLE ${keys} AS SELECT DISTINCT ${names.map((name, k) => `k${k} AS ${name}`).join(', ')}
     FROM main.${CHANGES} WHERE ${range} AND "table" = ${stringText(moved.from.name)}`,
  )
  const rowid = rowidOf(moved, native)
  // IS and not =: a row whose key is NULL is not to be passed over silently.
  const found =
    rowid === undefined
      ? `(${names.join(', ')}) IN (SELECT ${names.join(', ')} FROM temp.${keys})`
      : `${rowid} IN (SELECT o.${rowid} FROM temp.${keys} AS k CROSS JOIN ${table} AS o
          ON ${names.map((name) => `o.${name} IS k.${name}`).join(' AND ')})`
  native.exec(
    `CREATE TEMP TABLE ${rows} AS SELECT * FROM ${table}${where === '' ? ' WHERE' : `${where} AND`} ${found}`,
  )
  const columns = moved.columns
    .filter(({ from }) => moved.key.includes(from.name))
    .map((column): MovedColumn => ({ ...column, to: { ...column.to, nullable: true } }))
  dropBad(native, keys, columns)
  const { rows: _, ...all } = moved
  return {
    moved,
    keys: { ...all, from: { schema: 'temp', name: keys }, columns },
    rows: { ...all, from: { schema: 'temp', name: rows } },
    present: rowsOf(`temp.${rows}`),
  }
}

/** A key that the target cannot have is not in it: there is nothing to take out. */
function dropBad(native: DatabaseSync, keys: string, columns: readonly MovedColumn[]): void {
  registerOdd(native)
  const values = columns.map((column, i) => `${valueSql(column)} AS c${i}`)
  const bad = columns.map((column, i) => `(${fieldSql(column, `c${i}`, 'postgres')}) IS NULL`)
  native.exec(
    `DELETE FROM temp.${keys} WHERE rowid IN (
       SELECT i FROM (SELECT rowid AS i, ${values.join(', ')} FROM temp.${keys}) WHERE ${bad.join(' OR ')})`,
  )
}

/** What was seen of a log the last time. */
const SEEN = new WeakMap<DatabaseSync, unknown>()

function checkLog(native: DatabaseSync, id: string, after: number): void {
  const version = native.prepare('PRAGMA main.schema_version').get()?.schema_version
  const log = readLog(native)
  if (log?.log !== id) {
    throw new MigrateError(
      'DIFFERENT',
      `${pathOf(native)}: the log of its changes is not the one that was begun`,
      {
        hint: 'begin again: what was changed meanwhile is not known',
      },
    )
  }
  const last = Number(native.prepare(`SELECT ifnull(max(seq), 0) AS seq FROM main.${CHANGES}`).get()?.seq)
  if (last < after) {
    throw new MigrateError('DIFFERENT', `${pathOf(native)}: the log of its changes is shorter than it was`, {
      hint: 'begin again: an older copy of the file has taken its place',
    })
  }
  if (SEEN.get(native) === version) return
  if (schemaOf(native) !== log.schema) {
    throw new MigrateError('DIFFERENT', `${pathOf(native)}: its schema was changed while it was followed`, {
      hint: 'begin again, and migrate before or after it',
    })
  }
  SEEN.set(native, version)
}

/** A checksum of the whole schema, the log's triggers with it. */
function schemaOf(native: DatabaseSync): string {
  const hash = createHash('sha256')
  const rows = native.prepare(
    `SELECT type, name, tbl_name, sql FROM main.sqlite_schema WHERE name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY type, name`,
  )
  for (const row of rows.iterate()) hash.update(`${JSON.stringify(row)}\n`)
  return hash.digest('hex')
}

/** Takes some of the log out that is done with, where it has become long and nobody writes at the moment. */
export function pruneLog(native: DatabaseSync, done: number): void {
  const first = native.prepare(`SELECT min(seq) AS seq FROM main.${CHANGES}`).get()?.seq
  if (first === null || done - Number(first) < KEPT) return
  const timeout = native.prepare('PRAGMA busy_timeout').get()?.timeout
  native.exec('PRAGMA busy_timeout = 0')
  try {
    native.exec(
      `DELETE FROM main.${CHANGES} WHERE seq < ${Math.min(Number(first) + PRUNED, done)} AND seq < (SELECT max(seq) FROM main.${CHANGES})`,
    )
  } catch (error) {
    if (!isBusy(error)) throw error
  } finally {
    native.exec(`PRAGMA busy_timeout = ${timeout}`)
  }
}

/**
 * Puts a fence in the place of the log, in a transaction that is open: from its commit on, nobody writes to a table
 * of the application without an error that says where the database is now.
 *
 * @param to the target's name, without a password
 * @returns virtual tables, on which SQLite has no triggers
 */
export function putFence(native: DatabaseSync, to: string): string[] {
  const log = readLog(native)?.log
  dropLog(native)
  const at = new Date().toISOString()
  const why = stringText(`this database has moved to ${to} at ${at}, and nothing more is written to it`)
  const tables = native
    .prepare(
      `SELECT name, type FROM pragma_table_list WHERE schema = 'main' AND type IN ('table', 'virtual') AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'`,
    )
    .all()
    .map(({ name, type }) => ({ name: String(name), virtual: type === 'virtual' }))
    .filter(({ name }) => !isOurs(name))
  for (const { name } of tables.filter(({ virtual }) => !virtual)) {
    for (const event of ['INSERT', 'UPDATE', 'DELETE']) {
      native.exec(
        `CREATE TRIGGER main.${quoteName(`${FENCE}${event.toLowerCase()}_${name}`)} BEFORE ${event} ON ${quoteName(name)}
         BEGIN SELECT RAISE(ABORT, ${why}); END`,
      )
    }
  }
  writeState(native, 'moved', { to, at, ...(log !== undefined && { log }) } satisfies Switched)
  return tables.filter(({ virtual }) => virtual).map(({ name }) => name)
}

/** Takes the fence away: the application can go on here. What it has written to the target since is not brought back. */
export function removeFence(native: DatabaseSync): void {
  writing(native, () => {
    dropTriggers(native, FENCE)
    writeState(native, 'moved', undefined)
  })
}

function dropTriggers(native: DatabaseSync, prefix: string, table?: string): void {
  const triggers = native
    .prepare(
      `SELECT name FROM main.sqlite_schema WHERE type = 'trigger' AND substr(name, 1, length(?)) = ? AND tbl_name = ifnull(?, tbl_name)`,
    )
    .all(prefix, prefix, table ?? null)
  for (const { name } of triggers) native.exec(`DROP TRIGGER main.${quoteName(String(name))}`)
}

function readState<T>(native: DatabaseSync, name: string): T | undefined {
  if (!hasState(native)) return undefined
  const row = native.prepare(`SELECT value FROM main.${STATE} WHERE name = ?`).get(name)
  // Nobody else writes them.
  return row === undefined ? undefined : (JSON.parse(String(row.value)) as T)
}

function writeState(native: DatabaseSync, name: string, value: object | undefined): void {
  if (value === undefined) {
    if (hasState(native)) native.prepare(`DELETE FROM main.${STATE} WHERE name = ?`).run(name)
    return
  }
  makeState(native)
  native
    .prepare(
      `INSERT INTO main.${STATE} (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value`,
    )
    .run(name, JSON.stringify(value))
}

function makeState(native: DatabaseSync): void {
  native.exec(`CREATE TABLE IF NOT EXISTS main.${STATE} ${STATE_TABLE}`)
}

function hasState(native: DatabaseSync): boolean {
  return native.prepare('SELECT 1 FROM main.sqlite_schema WHERE name = ?').get(STATE) !== undefined
}

/** Does `work` in a transaction that writes. */
function writing<T>(native: DatabaseSync, work: () => T): T {
  try {
    beginWriting(native)
    const result = work()
    native.exec('COMMIT')
    return result
  } catch (error) {
    if (native.isTransaction) native.exec('ROLLBACK')
    throw fromSqlite(error, pathOf(native)) ?? error
  }
}

function pathOf(native: DatabaseSync): string {
  return shortest(native.location() ?? ':memory:')
}
