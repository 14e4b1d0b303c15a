import { constants, DatabaseSync } from 'node:sqlite'
import { MigrateError } from '../../core/errors.ts'
import type { Script } from '../../core/script.ts'
import { quoteName } from '../../core/text.ts'
import type { Loss } from '../stash.ts'
import { isOurs } from '../state.ts'
import { type Action, type Statement, walk } from './script.ts'
import { shapeOf } from './shape.ts'

/** What a script does to a schema, as it was seen on a copy of it in memory, without rows. */
export interface Rehearsal {
  /** It was seen to its end. What a copy cannot do, for lack of rows, files or modules, may end it early. */
  readonly whole: boolean
  /** It drops a table while others refer to it. */
  readonly dropsReferenced: boolean
  /** Tables that it drops and makes again. */
  readonly rebuilt: ReadonlySet<string>
  /** Tables whose rows its statements write, with what triggers and foreign keys declare. */
  readonly written: ReadonlySet<string>
  /** Indexes, triggers and views that it says to drop. */
  readonly dropped: ReadonlySet<string>
  /** Tables and columns that are there before it and not after it. */
  readonly gone: readonly Gone[]
}

/** A table, or columns of it, that a script takes away. Names as they are before the script. */
export interface Gone {
  readonly table: string
  /** None: the whole table. */
  readonly columns: readonly string[] | undefined
  /** The name under which DROP TABLE finds it. */
  readonly droppedAs: string | undefined
  /** Columns whose values its statements read while they write. */
  readonly carried: readonly string[]
}

const SYNTAX_ERROR = /syntax error$|^incomplete input$|^unrecognized token/

/**
 * Runs scripts, one after the other, on a copy of the schema in memory.
 *
 * @param from where the first begins, in characters, if part of it has run already
 * @throws SQL where a text is none that SQLite reads, TRANSACTION_STATEMENT
 */
export function rehearse(database: DatabaseSync, scripts: readonly Script[], from = 0): Rehearsal[] {
  return withCopy(database, (copy) => scripts.map((script, i) => watch(copy, script, i === 0 ? from : 0)))
}

function withCopy<T>(database: DatabaseSync, work: (copy: DatabaseSync) => T): T {
  const copy = new DatabaseSync(':memory:')
  try {
    copySchema(database, copy)
    return work(copy)
  } finally {
    copy.close()
  }
}

function copySchema(database: DatabaseSync, copy: DatabaseSync): void {
  const schema = database.prepare(
    `SELECT type, name, sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY type <> 'table', rowid`,
  )
  for (const { type, name, sql } of schema.iterate()) {
    const made = attempt(() => copy.exec(String(sql)))
    if (made || type !== 'table') continue
    // For lack of a function or a module of the application's: its columns will do.
    const columns = columnNames(database, String(name)).map(quoteName)
    attempt(() => copy.exec(`CREATE TABLE ${quoteName(String(name))} (${columns.join(', ')})`))
  }
}

/** What each of the scripts takes away; from the first that fails, its error. */
export function losses(database: DatabaseSync, scripts: readonly Script[]): (Loss[] | MigrateError)[] {
  return withCopy(database, (copy) => {
    let failed: MigrateError | undefined
    return scripts.map((script) => {
      try {
        return failed ?? lossesOf(database, copy, script)
      } catch (error) {
        if (!(error instanceof MigrateError)) throw error
        failed = error
        return error
      }
    })
  })
}

function lossesOf(database: DatabaseSync, copy: DatabaseSync, script: Script): Loss[] {
  const shapes = new Map(allTables(copy).map((name) => [name, shapeOf(copy, name)]))
  const { gone, written } = watch(copy, script, 0)
  return gone.flatMap(({ table, columns, droppedAs, carried }): Loss[] => {
    const shape = shapes.get(table)
    if (shape === undefined || isOurs(table)) return []
    // SQLite can take no foreign key off a table, and with one the rows would still hold on to others.
    const alone = !shape.virtual && shape.foreignKeys.length === 0
    const parkable = columns === undefined && droppedAs === table && !written.has(table) && alone
    const counters = shapeOf(database, table)?.counters ?? []
    return [{ schema: 'main', table, columns, carried, shape: { ...shape, counters }, parkable }]
  })
}

/** A table as it is followed through a script: its name and its columns' names then and now. */
interface Followed {
  readonly name: string
  columns: { readonly was: string | undefined; now: string }[]
  readonly lost: string[]
}

const WRITES: readonly number[] = [constants.SQLITE_INSERT, constants.SQLITE_UPDATE, constants.SQLITE_DELETE]
const DROPS: readonly number[] = [constants.SQLITE_DROP_TABLE, constants.SQLITE_DROP_VTABLE]
const DROPS_OTHER: readonly number[] = [
  constants.SQLITE_DROP_INDEX,
  constants.SQLITE_DROP_TRIGGER,
  constants.SQLITE_DROP_VIEW,
]

function watch(copy: DatabaseSync, script: Script, from: number): Rehearsal {
  const tables = new Map<string, Followed>()
  for (const name of allTables(copy)) {
    const columns = columnNames(copy, name).map((column) => ({ was: column, now: column }))
    tables.set(name, { name, columns, lost: [] })
  }
  const followed = [...tables.values()]
  const droppedAs = new Map<Followed, string>()
  const written = new Set<string>()
  const dropped = new Set<string>()
  const carried = new Set<string>()
  let dropsReferenced = false

  const visit = ({ actions, run }: Statement) => {
    const ours = actions.filter(({ schema }) => schema === 'main')
    const drops = actions.filter(({ code }) => DROPS.includes(code)).map(({ first }) => first ?? '')
    // DROP TABLE names its triggers too, and nobody has said that they should go.
    const others = drops.length === 0 ? ours.filter(({ code }) => DROPS_OTHER.includes(code)) : []
    for (const { first } of others) dropped.add(first ?? '')
    const writes = drops.length === 0 ? ours.filter(isWrite) : []
    for (const { first } of writes) written.add(first ?? '')
    if (writes.length > 0) {
      const reads = ours.filter(({ code }) => code === constants.SQLITE_READ)
      for (const { first, second } of reads) {
        const was = tables.get(first ?? '')?.columns.find(({ now }) => now === second)?.was
        if (was !== undefined) carried.add(`${tables.get(first ?? '')?.name}.${was}`)
      }
    }
    for (const name of drops) dropsReferenced ||= isReferenced(copy, name)
    // What only reads and writes rows has none here, and may take long.
    if (actions.some(changesSchema)) attempt(run)
    for (const name of drops) {
      const table = tables.get(name)
      if (table !== undefined) droppedAs.set(table, name)
      tables.delete(name)
    }
    const altered = actions.find(({ code }) => code === constants.SQLITE_ALTER_TABLE)?.second
    if (altered) follow(copy, tables, altered)
  }

  if (script.transaction) copy.exec('BEGIN')
  const whole = walkWhole(copy, script, from, visit)
  if (copy.isTransaction) copy.exec('COMMIT')

  const now = new Set(allTables(copy))
  const rebuilt = [...droppedAs.keys()].map(({ name }) => name).filter((name) => now.has(name))
  const gone = followed.flatMap((table): Gone[] => {
    const again = now.has(table.name) ? columnNames(copy, table.name) : []
    const before = table.columns.flatMap(({ was }) => was ?? [])
    const left = droppedAs.has(table) ? before.filter((column) => !again.includes(column)) : []
    const columns = [...table.lost, ...left]
    const wholly = droppedAs.has(table) && !now.has(table.name)
    if (!wholly && columns.length === 0) return []
    return [
      {
        table: table.name,
        columns: wholly ? undefined : columns,
        droppedAs: droppedAs.get(table),
        carried: columns.filter((column) => carried.has(`${table.name}.${column}`)),
      },
    ]
  })
  return { whole, dropsReferenced, rebuilt: new Set(rebuilt), written, dropped, gone }
}

/** Whether the script was seen to its end. */
function walkWhole(
  copy: DatabaseSync,
  script: Script,
  from: number,
  visit: (statement: Statement) => void,
): boolean {
  try {
    walk(copy, script, 'the copy in memory', { watch: true, attach: false, from }, visit)
    return true
  } catch (error) {
    if (!(error instanceof MigrateError)) throw error
    if (error.code === 'TRANSACTION_STATEMENT' || SYNTAX_ERROR.test(error.message)) throw error
    return false
  }
}

/** One ALTER makes one change: a table or a column has another name, or a column is gone or new. */
function follow(copy: DatabaseSync, tables: Map<string, Followed>, altered: string): void {
  const table = tables.get(altered)
  if (table === undefined) return
  const names = allTables(copy)
  if (!names.includes(altered)) {
    // The new name may be one that was dropped before: it is the one that is not followed.
    const renamed = names.find((name) => !tables.has(name) && sameColumns(copy, name, table))
    tables.delete(altered)
    if (renamed !== undefined) tables.set(renamed, table)
    return
  }
  const now = columnNames(copy, altered)
  if (now.length < table.columns.length) {
    for (const { was, now: name } of table.columns)
      if (was !== undefined && !now.includes(name)) table.lost.push(was)
    table.columns = table.columns.filter(({ now: name }) => now.includes(name))
  } else {
    table.columns = now.map((name, i) => ({ was: table.columns[i]?.was, now: name }))
  }
}

function sameColumns(copy: DatabaseSync, name: string, table: Followed): boolean {
  return columnNames(copy, name).join('\0') === table.columns.map(({ now }) => now).join('\0')
}

function isWrite({ code, first }: Action): boolean {
  return WRITES.includes(code) && !first?.startsWith('sqlite_')
}

function changesSchema({ code, first }: Action): boolean {
  return code === constants.SQLITE_PRAGMA || (WRITES.includes(code) && first === 'sqlite_master')
}

/** Whether another table has a foreign key to this one. */
export function isReferenced(database: DatabaseSync, table: string): boolean {
  return (
    database
      .prepare(
        `SELECT 1 FROM sqlite_schema AS child, pragma_foreign_key_list(child.name) AS key
         WHERE child.type = 'table' AND lower(key."table") = lower(?1) AND lower(child.name) <> lower(?1)`,
      )
      .get(table) !== undefined
  )
}

/** Every table of the schema but SQLite's own. */
function allTables(database: DatabaseSync): string[] {
  const rows = database
    .prepare(`SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'`)
    .all()
  return rows.map(({ name }) => String(name))
}

/** Tables of the schema, without SQLite's own and without those behind virtual ones. */
export function tableNames(database: DatabaseSync): string[] {
  const rows = database
    .prepare(
      `SELECT name FROM pragma_table_list
       WHERE schema = 'main' AND type IN ('table', 'virtual') AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY name`,
    )
    .all()
  return rows.map(({ name }) => String(name))
}

export function columnNames(database: DatabaseSync, table: string): string[] {
  return database
    .prepare('SELECT name FROM pragma_table_info(?)')
    .all(table)
    .map(({ name }) => String(name))
}

/** Only the schema is copied: what fails for lack of rows, files or modules may work on the database itself. */
function attempt(work: () => void): boolean {
  try {
    work()
    return true
  } catch {
    return false
  }
}
