import { MigrateError } from '../core/errors.ts'
import type { Sql } from '../core/sql-error.ts'
import { count, list, quoteName } from '../core/text.ts'
import type { Database, Run } from './database.ts'
import { readState, stateWriter } from './state.ts'

/** A table, or columns of it, that a script takes away. Names as they are before the script. */
export interface Loss {
  readonly schema: string
  readonly table: string
  /** The columns; undefined: the whole table. */
  readonly columns: readonly string[] | undefined
  /** Columns whose values the script itself carries somewhere. */
  readonly carried: readonly string[]
  /** The table as it is before the script. */
  readonly shape: Shape
  /** The script drops it in a way in which it can be renamed instead, and nothing else is touched by that. */
  readonly parkable: boolean
}

/** What a stash has to know of a table. */
export interface Shape {
  /** A module stands behind it, which knows no conflicts. */
  readonly virtual: boolean
  readonly columns: readonly {
    readonly name: string
    readonly type: string
    /** The type is the database's own: it is there for as long as the database is. */
    readonly portable: boolean
    readonly generated: boolean
    /** An UPDATE may set it. */
    readonly assignable: boolean
    /** It has a default. */
    readonly fallback: boolean
  }[]
  /** Columns that tell each row from all others and are never NULL; the primary key first. */
  readonly keys: readonly (readonly string[])[]
  readonly foreignKeys: readonly {
    readonly columns: readonly string[]
    readonly schema: string
    readonly table: string
    readonly parents: readonly string[]
    readonly setsNull: boolean
  }[]
  /** SQL that stops a trigger, and SQL that starts it again. */
  readonly triggers: readonly { readonly stop: string; readonly start: string }[]
  /** What counts ids, and how far it has come. */
  readonly counters: readonly {
    readonly column: string
    readonly sequence: string
    readonly last: number | null
  }[]
}

/** Rows that a rollback would have lost. */
export interface Stash {
  readonly number: number
  readonly migration: string
  readonly schema: string
  readonly table: string
  /** The columns that were lost; null: the whole table. */
  readonly columns: readonly string[] | null
  readonly rows: number
  /** Bytes of the values. */
  readonly bytes: number
  /** ISO 8601, UTC. */
  readonly since: string
  /** `parked`: the table itself under another name. `copied`: its rows. */
  readonly kept: 'parked' | 'copied'
  /** Rows that `up` could not put back: they are only here. Without it, `up` has yet to come. */
  readonly remains?: number
}

type Column = Pick<Shape['columns'][number], 'name' | 'type' | 'portable'>

/** A stash with what giving it back needs. */
export interface FullStash extends Stash {
  readonly values: readonly Column[]
  /** What tells the rows apart that lost columns. */
  readonly key: readonly Column[]
  /** The key does not tell all rows apart: those that are the same in it are counted. */
  readonly counted: boolean
  readonly carried: readonly string[]
  readonly counters: Shape['counters']
}

export const STASH = 'schema_migrations_stash'

/** Rows that cannot be counted before the run. */
export const UNKNOWN = -1

const COUNT = '"number of the row"'

/** What the databases say differently. */
const SAYS = {
  sqlite: { row: 'rowid', size: 'octet_length', overriding: '', text: (value: string) => value },
  postgres: {
    row: 'ctid',
    size: 'pg_column_size',
    overriding: 'OVERRIDING SYSTEM VALUE',
    text: (value: string) => `${value}::text`,
  },
} as const

/** The table that holds a stash. */
export function stashName(number: number): string {
  return `${STASH}_${number}`
}

/** The stashes, the oldest first. */
export async function readStashes(database: Database): Promise<FullStash[]> {
  const notes = await readState<FullStash>(database, 'stash ')
  return [...notes.values()].sort((a, b) => a.number - b.number)
}

/** A stash as others are told of it. */
export function publicStash(stash: Stash): Stash {
  const { number, migration, schema, table, columns, rows, bytes, since, kept, remains } = stash
  const known = { number, migration, schema, table, columns, rows, bytes, since, kept }
  return remains === undefined ? known : { ...known, remains }
}

/** What people call the rows of a stash: `users`, or `users.metadata`. */
export function stashLabel({ schema, table, columns }: Pick<Stash, 'schema' | 'table' | 'columns'>): string {
  const full = schema === 'main' || schema === 'public' ? table : `${schema}.${table}`
  return columns === null ? full : columns.map((column) => `${full}.${column}`).join(', ')
}

/** The stash that a loss needs; undefined where the table or the columns hold nothing. */
export async function planStash(
  database: Database,
  migration: string,
  number: number,
  loss: Loss,
): Promise<FullStash | undefined> {
  const { schema, table, columns, shape, carried } = loss
  const lost = (name: string) => columns === undefined || columns.includes(name)
  const values = shape.columns.filter(({ name, generated }) => !generated && lost(name))
  const left = shape.columns.filter(({ name, generated }) => !generated && !lost(name))
  if (values.length === 0) return undefined
  const { rows, bytes, full } = await measure(database, loss, values)
  const fallback = values.some((column) => column.fallback)
  if (rows === 0 || (columns !== undefined && !full && !fallback)) return undefined
  const unique = shape.keys.find((key) => key.every((one) => left.some(({ name }) => name === one)))
  const key =
    columns === undefined ? [] : left.filter(({ name }) => unique === undefined || unique.includes(name))
  const plain = ({ name, type, portable }: Column): Column => ({ name, type, portable })
  return {
    number,
    migration,
    schema,
    table,
    columns: columns ?? null,
    rows,
    bytes,
    since: new Date().toISOString(),
    kept: loss.parkable ? 'parked' : 'copied',
    values: values.map(plain),
    key: key.map(plain),
    counted: columns !== undefined && unique === undefined,
    carried,
    counters: shape.counters,
  }
}

async function measure(
  database: Database,
  { schema, table }: Loss,
  values: readonly Column[],
): Promise<{ rows: number; bytes: number; full: boolean }> {
  const now = await database.shape(schema, table)
  // What an earlier step of the same run brings back cannot be counted yet.
  if (!values.every(({ name }) => now?.columns.some((column) => column.name === name))) {
    return { rows: UNKNOWN, bytes: 0, full: true }
  }
  const { size } = SAYS[database.dialect]
  const sum = (each: (column: string) => string) =>
    values.map(({ name }) => each(quoteName(name))).join(' + ')
  const bytes = sum((column) => `coalesce(sum(${size}(${column})), 0)`)
  const held = sum((column) => `count(${column})`)
  const [row] = await database.query(
    `SELECT count(*) AS n, ${bytes} AS bytes, ${held} AS held FROM ${quoteName(schema)}.${quoteName(table)}`,
  )
  return { rows: Number(row?.n), bytes: Number(row?.bytes), full: Number(row?.held) > 0 }
}

/** The SQL that copies what a script would destroy: before the script, in its transaction. */
export async function copySql(database: Database, stash: FullStash): Promise<Sql> {
  const { number, schema, table, values, key, counted } = stash
  const { row, text } = SAYS[database.dialect]
  const target = await database.qualify(stashName(number))
  const columns = [...key, ...values]
  const names = columns.map(({ name }) => quoteName(name))
  // A type that is the application's own may be dropped: its values come back from their text.
  const selected = columns.map(({ portable }, i) =>
    portable ? names[i] : `${names[i]}::text AS ${names[i]}`,
  )
  if (counted) {
    const same = key.map(({ name }) => text(quoteName(name))).join(', ') || '1'
    selected.push(`row_number() OVER (PARTITION BY ${same} ORDER BY ${row}) AS ${COUNT}`)
    names.push(COUNT)
  }
  const select = `SELECT ${selected.join(', ')} FROM ${quoteName(schema)}.${quoteName(table)}`
  const sql =
    database.dialect === 'sqlite'
      ? // Columns without a type keep every value as it is.
        `CREATE TABLE ${target} (${names.join(', ')}); INSERT INTO ${target} ${select}`
      : `CREATE TABLE ${target} AS ${select}`
  return { file: STASH, text: sql, own: true }
}

/** Drops stashes for good. */
export async function dropStashes(database: Database, run: Run, stashes: readonly Stash[]): Promise<void> {
  const write = await stateWriter(database)
  for (const { number } of stashes) {
    const table = await database.qualify(stashName(number))
    // Somebody may have dropped it by hand: the note must go all the same.
    await run({ file: STASH, text: `DROP TABLE IF EXISTS ${table}`, own: true })
    await run(write(`stash ${number}`, undefined))
  }
}

/** What `up` has put back of a stash. */
export interface GivenBack {
  readonly stash: Stash
  /** Rows that stay in the stash: their place is taken, or what they refer to is gone. */
  readonly remains: number
}

/**
 * Puts back what the rollback of a migration has kept: after its up script, in its transaction. What was deleted
 * since stays deleted, what is new keeps its values.
 *
 * @throws STASH where a table or a column is not there again, or cannot take the values
 */
export async function giveBack(
  database: Database,
  run: Run,
  stashes: readonly FullStash[],
): Promise<GivenBack[]> {
  const write = await stateWriter(database)
  const shapes = new Map<FullStash, Shape>()
  for (const stash of stashes) {
    const shape = await database.shape(stash.schema, stash.table)
    if (shape === undefined) throw refuse(stash, `there is no table ${stash.table}`)
    const wanted = [...stash.key, ...stash.values].map(({ name }) => name)
    const missing = wanted.filter((name) => !shape.columns.some((column) => column.name === name))
    if (missing.length > 0) throw refuse(stash, `${stash.table} has no column ${list(missing)}`)
    shapes.set(stash, shape)
  }
  const done: GivenBack[] = []
  for (const [stash, shape] of inOrder(shapes)) {
    const own = (text: string) => run({ file: STASH, text, own: true })
    const table = await database.qualify(stashName(stash.number))
    const remains = await refusing(stash, async () => {
      await convertible(database, stash, shape, table)
      for (const { stop } of shape.triggers) await own(stop)
      const left =
        stash.columns === null
          ? await insertRows(database, own, stash, shape, table)
          : await updateRows(database, own, stash, shape, table)
      for (const { start } of shape.triggers) await own(start)
      // What is still to be sent fails here, and not at the commit, where nobody knows of which stash it is.
      await database.query('SELECT 1')
      return left
    })
    if (remains === 0) await own(`DROP TABLE ${table}`)
    await run(write(`stash ${stash.number}`, remains === 0 ? undefined : { ...stash, remains }))
    done.push({ stash: publicStash(stash), remains })
  }
  return done
}

function refuse(stash: Stash, why: string, cause?: unknown): MigrateError {
  return new MigrateError(
    'STASH',
    `stash ${stash.number} (${stashLabel(stash)}) cannot be put back: ${why}`,
    {
      hint: `correct the up script of ${stash.migration}; or go without the rows: "stash drop ${stash.number}"`,
      cause,
    },
  )
}

async function refusing<T>(stash: Stash, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    // What has a hint is not the fault of the values: the disk, the connection.
    if (error instanceof MigrateError && error.hint !== undefined) throw error
    throw refuse(stash, (error as Error).message, error)
  }
}

/** Tables before those that refer to them; columns after all tables. */
function inOrder(shapes: ReadonlyMap<FullStash, Shape>): [FullStash, Shape][] {
  const ordered: [FullStash, Shape][] = []
  const waiting = [...shapes].sort(([a], [b]) => Number(a.columns !== null) - Number(b.columns !== null))
  while (waiting.length > 0) {
    const ready = waiting.findIndex(([stash, { foreignKeys }]) =>
      foreignKeys.every(
        (key) =>
          key.table === stash.table ||
          stash.columns !== null ||
          !waiting.some(
            ([other]) => other.columns === null && other.table === key.table && other.schema === key.schema,
          ),
      ),
    )
    // A circle of foreign keys has no order.
    ordered.push(...waiting.splice(Math.max(ready, 0), 1))
  }
  return ordered
}

/** A type that has changed takes a value only if the value can be had back from it. */
async function convertible(database: Database, stash: FullStash, shape: Shape, table: string): Promise<void> {
  for (const { name, type, portable } of stash.values) {
    const now = shape.columns.find((column) => column.name === name)?.type ?? type
    if (now === type) continue
    const value = quoteName(name)
    const lossy =
      database.dialect === 'postgres'
        ? `${value}::text::${now}::text${portable ? `::${type}` : ''}::text <> ${value}::text`
        : isNumeric(now) &&
          `typeof(${value}) IN ('text', 'blob') AND NOT (typeof(${value}) = 'text' AND ${value} = CAST(CAST(${value} AS NUMERIC) AS TEXT))`
    if (!lossy) continue
    const [row] = await database.query(`SELECT count(*) AS n FROM ${table} WHERE ${lossy}`)
    if (Number(row?.n) === 0) continue
    throw refuse(
      stash,
      `${stash.table}.${name} was ${type} and is ${now}, which cannot hold ${count(Number(row?.n), 'value')} of it`,
    )
  }
}

/** https://sqlite.org/datatype3.html#determination_of_column_affinity */
function isNumeric(type: string): boolean {
  return /INT/i.test(type) || (/REAL|FLOA|DOUB/i.test(type) && !/CHAR|CLOB|TEXT|BLOB/i.test(type))
}

/** The value of a stash as the column takes it now. */
function converted(database: Database, { name, type, portable }: Column, shape: Shape): string {
  const value = `kept.${quoteName(name)}`
  const now = shape.columns.find((column) => column.name === name)?.type ?? type
  return database.dialect === 'sqlite' || (portable && now === type) ? value : `${value}::text::${now}`
}

/** Its columns that are not generated now. */
function writable({ values }: FullStash, { columns }: Shape): Column[] {
  return values.filter(({ name }) => !columns.some((one) => one.name === name && one.generated))
}

type Own = (text: string) => Promise<void>

/**
 * Rows that the up script has made itself get their own values back.
 *
 * @returns how many rows stay in the stash
 */
async function insertRows(
  database: Database,
  own: Own,
  stash: FullStash,
  shape: Shape,
  table: string,
): Promise<number> {
  const target = `${quoteName(stash.schema)}.${quoteName(stash.table)}`
  const { overriding, text } = SAYS[database.dialect]
  const now = new Map(shape.columns.map((column) => [column.name, column]))
  const values = writable(stash, shape)
  const value = (name: string) => {
    const column = values.find((one) => one.name === name)
    return column === undefined ? 'NULL' : converted(database, column, shape)
  }
  const others = shape.foreignKeys.filter((key) => key.table !== stash.table || key.schema !== stash.schema)
  const exists = (key: Shape['foreignKeys'][number]) => hasParent(database, key, values, shape)
  const nulled = new Map(
    others.filter(({ setsNull }) => setsNull).flatMap((key) => key.columns.map((name) => [name, key])),
  )
  const selected = values.map(({ name }) => {
    const key = nulled.get(name)
    return key === undefined ? value(name) : `CASE WHEN ${exists(key)} THEN ${value(name)} END`
  })
  const needed = others.filter(({ setsNull }) => !setsNull).map(exists)
  const [key = [], ...otherKeys] = shape.keys
  const same = (names: readonly string[]) =>
    names.map((name) => `present.${quoteName(name)} = ${value(name)}`).join(' AND ')
  // Another row may have taken what is unique beside the key.
  const taken = otherKeys.map(
    (other) => `NOT EXISTS (SELECT 1 FROM ${target} AS present WHERE ${same(other)} AND NOT (${same(key)}))`,
  )
  const rows = async (of: string) => Number((await database.query(`SELECT count(*) AS n FROM ${of}`))[0]?.n)
  if (key.length === 0 && !shape.virtual) {
    // Without a key, equal rows are the same.
    const equal = values.map(
      ({ name }) => `${text(`present.${quoteName(name)}`)} IS NOT DISTINCT FROM ${text(value(name))}`,
    )
    await own(
      `DELETE FROM ${target} AS present WHERE EXISTS (SELECT 1 FROM ${table} AS kept WHERE ${equal.join(' AND ')})`,
    )
  }
  const before = await rows(target)
  const changes = values
    .filter(({ name }) => !key.includes(name) && now.get(name)?.assignable)
    .map(({ name }) => `${quoteName(name)} = excluded.${quoteName(name)}`)
  const update = changes.length === 0 ? 'NOTHING' : `UPDATE SET ${changes.join(', ')}`
  const conflict = key.length > 0 ? `ON CONFLICT (${key.map(quoteName).join(', ')}) DO ${update}` : ''
  const names = values.map(({ name }) => quoteName(name)).join(', ')
  await own(
    `INSERT INTO ${target} (${names}) ${overriding} SELECT ${selected.join(', ')} FROM ${table} AS kept
     WHERE ${['true', ...needed, ...taken].join(' AND ')} ${conflict}`,
  )
  for (const counter of stash.counters) await own(await counterSql(database, stash, shape, counter))
  if (key.length === 0) return stash.rows - ((await rows(target)) - before)
  return rows(`${table} AS kept WHERE NOT EXISTS (SELECT 1 FROM ${target} AS present WHERE ${same(key)})`)
}

/** Whether what a row of the stash refers to is there. */
function hasParent(
  database: Database,
  key: Shape['foreignKeys'][number],
  values: readonly Column[],
  shape: Shape,
): string {
  const pairs = key.columns.map((name, i) => {
    const column = values.find((value) => value.name === name)
    return [
      column ? converted(database, column, shape) : `present.${quoteName(name)}`,
      quoteName(key.parents[i] ?? ''),
    ] as const
  })
  const none = pairs.map(([value]) => `${value} IS NULL`).join(' OR ')
  const same = pairs.map(([value, parent]) => `parent.${parent} = ${value}`).join(' AND ')
  return `(${none} OR EXISTS (SELECT 1 FROM ${quoteName(key.schema)}.${quoteName(key.table)} AS parent WHERE ${same}))`
}

/** Ids go on where they had come to. */
async function counterSql(
  database: Database,
  stash: FullStash,
  shape: Shape,
  { column, last }: Shape['counters'][number],
): Promise<string> {
  if (last === null) return ''
  if (database.dialect === 'sqlite') {
    return `UPDATE main.sqlite_sequence SET seq = max(seq, ${last}) WHERE name = ${database.quote(stash.table)};
      INSERT INTO main.sqlite_sequence (name, seq) SELECT ${database.quote(stash.table)}, ${last}
      WHERE ${shape.counters.length > 0} AND NOT EXISTS (SELECT 1 FROM main.sqlite_sequence WHERE name = ${database.quote(stash.table)})`
  }
  const now = shape.counters.find((one) => one.column === column)
  if (now === undefined) return ''
  const sequence = database.quote(now.sequence)
  return `SELECT setval(${sequence}, greatest(${last}, (SELECT last_value FROM ${now.sequence})))`
}

/** @returns how many rows stay in the stash */
async function updateRows(
  database: Database,
  own: Own,
  stash: FullStash,
  shape: Shape,
  table: string,
): Promise<number> {
  const { row, text } = SAYS[database.dialect]
  const target = `${quoteName(stash.schema)}.${quoteName(stash.table)}`
  const columns = writable(stash, shape)
  if (columns.length === 0) return 0
  const same = stash.key.map(({ name, portable }) => {
    const [ours, theirs] = [`present.${quoteName(name)}`, `kept.${quoteName(name)}`]
    if (stash.counted) return `${text(ours)} IS NOT DISTINCT FROM ${text(theirs)}`
    return portable ? `${ours} = ${theirs}` : `${text(ours)} = ${theirs}`
  })
  const numbered = `(SELECT *, ${row} AS "the row", row_number() OVER (PARTITION BY ${
    stash.key.map(({ name }) => text(quoteName(name))).join(', ') || '1'
  } ORDER BY ${row}) AS ${COUNT} FROM ${target})`
  const present = stash.counted ? numbered : target
  const join =
    [...same, ...(stash.counted ? [`present.${COUNT} = kept.${COUNT}`] : [])].join(' AND ') || 'true'
  const foreign = shape.foreignKeys
    .filter((key) => key.columns.some((name) => columns.some((column) => column.name === name)))
    .map((key) => hasParent(database, key, columns, shape))
  // A script that carries the values itself may have brought newer ones: those stay.
  const set = columns.map((column) => {
    const value = converted(database, column, shape)
    const keep = stash.carried.includes(column.name)
    return `${quoteName(column.name)} = ${keep ? `coalesce(present.${quoteName(column.name)}, ${value})` : value}`
  })
  await own(
    stash.counted
      ? `UPDATE ${target} AS changed SET ${set.join(', ')} FROM ${present} AS present, ${table} AS kept
         WHERE changed.${row} = present."the row" AND ${[join, ...foreign].join(' AND ')}`
      : `UPDATE ${target} AS present SET ${set.join(', ')} FROM ${table} AS kept WHERE ${[join, ...foreign].join(' AND ')}`,
  )
  const differs = columns
    .filter(({ name }) => stash.carried.includes(name))
    .map(
      (column) =>
        `${text(`present.${quoteName(column.name)}`)} IS DISTINCT FROM ${text(converted(database, column, shape))}`,
    )
  if (differs.length === 0) return 0
  const [left] = await database.query(
    `SELECT count(*) AS n FROM ${present} AS present, ${table} AS kept WHERE ${join} AND (${differs.join(' OR ')})`,
  )
  return Number(left?.n)
}
