import type { DatabaseSync } from 'node:sqlite'
import { MigrateError } from '../../core/errors.ts'
import type { Broken, ColumnFate, Failure, SqliteFacts, TableFate } from '../../core/lint/sqlite/facts.ts'
import type { Direction } from '../../core/migrations.ts'
import { emptySchema, type Schema, type Table } from '../../core/schema/model.ts'
import { namesIn } from '../../core/schema/sql/names.ts'
import type { Script } from '../../core/script.ts'
import { quoteName } from '../../core/text.ts'
import { readBatches } from '../sqlite/batch.ts'
import { introspect } from '../sqlite/introspect.ts'
import { withMemory } from '../sqlite/shadow.ts'
import { compareRows, movedColumns } from './compare.ts'
import { countersOf, fillTables, rowsOf } from './sample.ts'
import { type Followed, Trace } from './trace.ts'

const lower = (name: string) => name.toLowerCase()

/** What a script sets for its connection, as it is at first. */
const SETTINGS = `PRAGMA legacy_alter_table = OFF; PRAGMA ignore_check_constraints = OFF;
  PRAGMA writable_schema = OFF; PRAGMA recursive_triggers = OFF; PRAGMA query_only = OFF`

/** What fails with these words does so for the rows that are there, though no constraint is broken. */
const NEEDS_ROWS = /^Cannot add a |constraint failed$/i

/** A database in memory that goes forward with a history, on which scripts are tried. Foreign keys are not enforced. */
export class Probe {
  readonly #native: DatabaseSync
  #schema: Schema | undefined
  /** A script has failed: what it should have made may be missing. */
  doubtful = false

  constructor(native: DatabaseSync) {
    this.#native = native
    native.exec('PRAGMA foreign_keys = OFF')
  }

  /** As it is now. */
  schema(): Schema {
    this.#schema ??= introspect(this.#native)
    return this.#schema
  }

  /**
   * Goes forward. What runs of a script that fails stays.
   *
   * @param facts what is known of the script
   */
  apply(script: Script, facts?: SqliteFacts): void {
    this.#native.exec('BEGIN')
    const trace = new Trace(this.#native, script, emptySchema('sqlite'), { rows: false }).run()
    if (this.#native.isTransaction) this.#native.exec('COMMIT')
    this.#native.exec(SETTINGS)
    this.#schema = trace.failure === undefined ? facts?.after : undefined
    this.doubtful ||= trace.failure !== undefined
  }

  /**
   * Runs a script, on empty tables and on such with rows, and takes it back.
   *
   * @param origin of a down script: the schema before its up script
   */
  facts(script: Script, direction: Direction, origin?: Schema): SqliteFacts {
    const before = this.schema()
    const { trace, after, broken } = this.#try(() => {
      const known = new Set(brokenOf(this.#native, before).map(nameOfBroken))
      const trace = new Trace(this.#native, script, before, { rows: false }).run()
      const after = trace.changed ? introspect(this.#native) : before
      const changes = trace.failure === undefined && trace.tables.some(isChanged)
      const found = changes
        ? brokenOf(this.#native, after).filter((one) => !known.has(nameOfBroken(one)))
        : []
      return { trace, after, broken: found.map((one) => ({ ...one, at: breaker(one.text, trace) })) }
    })
    const touched = wantedFor(trace, before)
    const fates = trace.tables.flatMap((table) => fateOf(table, trace, after) ?? [])
    const wanted = trace.failure === undefined && touched.size > 0
    const seen = wanted ? this.#withRows(script, before, touched) : undefined
    // Where the rows stop it, those that do not tell what it makes of them.
    const calm = seen?.failure && !seen.rows ? this.#withRows(script, before, touched, after) : seen
    const whole = (calm ?? seen)?.trace.statements
    return {
      script,
      direction,
      before,
      after,
      ...(origin && { origin }),
      statements: trace.statements.map((one, i) => {
        const all = one.whole ?? whole?.[i]?.whole
        return all === undefined ? one : { ...one, whole: all }
      }),
      ...(trace.failure && { fails: trace.failure }),
      ...(seen?.failure && { failsOnRows: seen.failure }),
      doubtful: this.doubtful,
      tables: fates.map((fate) => {
        const rows = calm?.rows?.get(fate.table.name)
        const moved = calm?.moved?.get(fate.table.name)
        return { ...fate, columns: withMoved(fate.columns, moved), ...(rows && { rows }) }
      }),
      broken,
      dropped: trace.dropped,
      changedAt: new Map(trace.tables.map(({ name, changedAt }) => [lower(name), changedAt])),
    }
  }

  /** Whether a script is one that can go in batches. */
  takesBatches(script: Script): boolean {
    try {
      return readBatches(this.#native, script, 'the copy in memory').length > 0
    } catch (error) {
      if (error instanceof MigrateError) return false
      throw error
    }
  }

  /** Does `work` in a transaction that is taken back. */
  #try<T>(work: () => T): T {
    this.#native.exec('BEGIN')
    try {
      return work()
    } finally {
      if (this.#native.isTransaction) this.#native.exec('ROLLBACK')
      this.#native.exec(SETTINGS)
    }
  }

  #withRows(script: Script, before: Schema, touched: ReadonlySet<string>, fitting?: Schema) {
    return this.#try(() => {
      fillTables(this.#native, before, touched, fitting)
      const counters = countersOf(this.#native)
      const trace = new Trace(this.#native, script, before, { rows: true }).run()
      const failure = reportable(trace)
      if (trace.failure !== undefined) return { trace, failure }
      const now = countersOf(this.#native)
      const moved = new Map<string, ReadonlyMap<string, string>>()
      const rows = new Map(
        trace.tables.flatMap((table) => {
          const facts = rowFacts(this.#native, trace, table, moved)
          if (facts === undefined || table.was === undefined) return []
          const { name } = table.was
          const counter = (now.get(name) ?? 0) < (counters.get(name) ?? 0)
          return [[name, { ...facts, ...(counter && { counter }) }] as const]
        }),
      )
      return { trace, failure, rows, moved }
    })
  }
}

/** Does `work` with a probe of its own. */
export function withProbe<T>(work: (probe: Probe) => Promise<T>): Promise<T> {
  return withMemory((native) => work(new Probe(native)))
}

/** A failure on rows that are likely; the rows of a script's own may be there already, and no table takes any text. */
function reportable({ failure }: Trace): Failure | undefined {
  if (failure === undefined) return undefined
  const told = (failure.constraint && !failure.literal) || NEEDS_ROWS.test(failure.words)
  return told ? failure : undefined
}

function isChanged({ droppedAt, renamedAt, changedAt }: Followed): boolean {
  return droppedAt !== -1 || renamedAt !== -1 || changedAt !== -1
}

/** The tables that need rows: what is touched, what that refers to, and what refers to what is dropped. */
function wantedFor({ tables, touched }: Trace, { tables: all }: Schema): Set<string> {
  const names = new Set([...touched].map(lower))
  const wanted = new Set(tables.flatMap(({ was }) => (was && names.has(lower(was.name)) ? [was.name] : [])))
  for (const name of wanted) {
    const table = all.find((one) => one.name === name)
    for (const { to } of table?.foreignKeys ?? []) {
      const parent = all.find((one) => lower(one.name) === lower(to.name))
      if (parent !== undefined) wanted.add(parent.name)
    }
  }
  return wanted
}

function fateOf(followed: Followed, trace: Trace, after: Schema): TableFate | undefined {
  const { was: table, droppedAt, renamedAt, renamedTo, referrers } = followed
  if (table === undefined) return undefined
  const find = (name: string) => after.tables.find((one) => lower(one.name) === lower(name))
  const isSame = droppedAt === -1 && lower(followed.name) === lower(table.name)
  const other = trace.find(table.name)
  const fate = isSame ? 'kept' : other !== undefined ? 'rebuilt' : droppedAt === -1 ? 'renamed' : 'dropped'
  const now = fate === 'renamed' ? find(followed.name) : find(table.name)
  const isFirst = renamedTo !== undefined && fate === 'rebuilt'
  return {
    table,
    fate,
    ...(now && { now }),
    at: fate === 'renamed' || (isFirst && droppedAt === -1) ? renamedAt : droppedAt,
    ...(isFirst && { renamedTo }),
    referrers,
    columns: columnFates(followed, fate, now),
  }
}

function columnFates({ columns, droppedAt }: Followed, fate: TableFate['fate'], now?: Table): ColumnFate[] {
  if (fate === 'dropped') return []
  return columns.map(({ was, now: name, at }): ColumnFate => {
    const there = now?.columns.some((column) => lower(column.name) === lower(was))
    if (there || now === undefined) return { name: was, fate: 'kept', at }
    if (fate === 'rebuilt') return { name: was, fate: 'dropped', at: droppedAt }
    return name === undefined
      ? { name: was, fate: 'dropped', at }
      : { name: was, fate: 'renamed', to: name, at }
  })
}

function withMoved(
  columns: readonly ColumnFate[],
  moved: ReadonlyMap<string, string> | undefined,
): readonly ColumnFate[] {
  if (moved === undefined || moved.size === 0) return columns
  return columns.map((column) => {
    const to = column.fate === 'dropped' ? moved.get(column.name) : undefined
    return to === undefined ? column : { ...column, fate: 'renamed', to }
  })
}

function rowFacts(
  native: DatabaseSync,
  trace: Trace,
  followed: Followed,
  moved: Map<string, ReadonlyMap<string, string>>,
) {
  const { was, droppedAt, name, columns } = followed
  const now = was && trace.find(was.name)
  if (was === undefined || now === undefined || now === followed || was.virtual !== undefined)
    return undefined
  const rows =
    droppedAt === -1
      ? rowsOf(
          native,
          name,
          columns.flatMap((one) => one.now ?? []),
        )
      : followed.rows
  const table = introspect(native).tables.find((one) => one.name === now.name)
  if (rows === undefined || rows.rows.length === 0 || table === undefined || table.virtual !== undefined)
    return undefined
  const names = table.columns.map((column) => column.name)
  const after = rowsOf(native, now.name, names)
  const plain = (all: readonly string[]) =>
    all.filter((column) => was.columns.some((one) => one.name === column && one.generated === undefined))
  const key = plain(was.primaryKey?.columns ?? [])
  moved.set(was.name, movedColumns(rows, after, key))
  const facts = compareRows(rows, after, key, trace.casts)
  // What is read may have become the same for the rows that there are here.
  const left = facts.emptied.filter((column) => !trace.read.has(`${lower(was.name)}.${lower(column)}`))
  return { ...facts, emptied: left }
}

interface Uncompiled extends Omit<Broken, 'at'> {
  readonly text: string
}

function nameOfBroken({ type, name }: Uncompiled): string {
  return `${type} ${lower(name)}`
}

/** Views and triggers that refer to what is not there. */
function brokenOf(native: DatabaseSync, { views, triggers }: Schema): Uncompiled[] {
  const words = (sql: string) => {
    try {
      native.prepare(sql)
      return undefined
    } catch (error) {
      return (error as Error).message
    }
  }
  const found: Uncompiled[] = []
  for (const { name, query } of views) {
    const said = words(`SELECT * FROM main.${quoteName(name)}`)
    if (said !== undefined) found.push({ type: 'view', name, words: said, text: query })
  }
  for (const { name, table, events, sql } of triggers) {
    const [event] = events
    const said = words(`EXPLAIN ${firing(native, event, table)}`)
    if (said !== undefined) found.push({ type: 'trigger', name, words: said, text: sql })
  }
  return found
}

/** A statement for which a trigger of the table would run. */
function firing(native: DatabaseSync, event: string | undefined, table: string): string {
  const path = `main.${quoteName(table)}`
  if (event === 'DELETE') return `DELETE FROM ${path}`
  if (event === 'INSERT') return `INSERT INTO ${path} DEFAULT VALUES`
  const columns = native.prepare(`SELECT name FROM pragma_table_info(?)`).all(table)
  const sets = columns.map(({ name }) => `${quoteName(String(name))} = ${quoteName(String(name))}`)
  return `UPDATE ${path} SET ${sets.join(', ')}`
}

/** The statement that took away what a view or a trigger names. */
function breaker(text: string, { tables, statements }: Trace): number {
  const names = namesIn('sqlite', text)
  const at = tables
    .filter(({ was }) => was && names.has(lower(was.name)))
    .map(({ droppedAt, renamedAt, changedAt }) => Math.max(droppedAt, renamedAt, changedAt))
  return Math.max(0, Math.min(statements.length - 1, ...at.filter((one) => one !== -1)))
}
