import type { DatabaseSync } from 'node:sqlite'
import { MigrateError } from '../../core/errors.ts'
import type { Script } from '../../core/script.ts'
import { count, quoteName } from '../../core/text.ts'
import type { Watch } from '../database.ts'
import { isOurs } from '../state.ts'
import { isSqliteError } from './errors.ts'
import { columnNames, type Rehearsal, rehearse, tableNames } from './rehearse.ts'

/** Whether a text has the words without which no script takes a table away. */
function mayDropTable({ text }: Script): boolean {
  return /\bdrop\b/i.test(text) && /\btable\b/i.test(text)
}

/**
 * Does `work`, a transaction, with foreign keys unenforced where one of the scripts drops a table that others refer
 * to: enforced, DROP TABLE deletes the rows that refer to it (https://sqlite.org/foreignkeys.html#fk_schemacommands).
 * Before the commit it is made sure that nothing was lost on the way. Enforcement comes back whatever happens.
 *
 * @param work is given what to call before the commit
 * @throws ROWS_LOST, FOREIGN_KEY, what `watch.onForgotten` throws
 */
export async function withWatch<T>(
  native: DatabaseSync,
  watch: Watch | undefined,
  work: (begin: () => void, beforeCommit: () => void) => Promise<T>,
): Promise<T> {
  const none = () => {}
  if (!watch?.scripts.some(mayDropTable)) return work(none, none)
  const seen = merge(rehearse(native, watch.scripts))
  if (!seen.dropsReferenced && seen.rebuilt.size === 0) return work(none, none)
  let before: Inventory | undefined
  const begin = () => {
    before = takeInventory(native, seen)
  }
  const beforeCommit = () => {
    if (before !== undefined) compare(before, takeInventory(native, seen), seen, watch)
  }
  return withoutEnforcement(native, seen.dropsReferenced, () => work(begin, beforeCommit))
}

/** Does `work`, a script outside a transaction, with foreign keys unenforced where it drops a referenced table. */
export async function watchOutside(
  native: DatabaseSync,
  script: Script,
  from: number,
  work: () => Promise<void>,
): Promise<void> {
  const [seen] = rehearse(native, [script], from)
  const off = seen !== undefined && (seen.dropsReferenced || !seen.whole) && mayDropTable(script)
  const before = off ? danglingKeys(native) : new Map()
  await withoutEnforcement(native, off, work)
  if (off) refuseDangling(before, danglingKeys(native))
}

/** @throws DATABASE where enforcement cannot be switched, as inside a transaction of the caller's */
async function withoutEnforcement<T>(native: DatabaseSync, off: boolean, work: () => Promise<T>): Promise<T> {
  const enforced = () => native.prepare('PRAGMA foreign_keys').get()?.foreign_keys === 1
  if (!off || !enforced()) return work()
  try {
    native.exec('PRAGMA foreign_keys = OFF')
    if (!enforced()) return await work()
    throw new MigrateError(
      'DATABASE',
      'foreign keys stay enforced while a script drops a table that others need',
      {
        hint: 'hand in a connection that is in no transaction',
      },
    )
  } finally {
    native.exec('PRAGMA foreign_keys = ON')
  }
}

/** What the scripts do together. */
function merge(seen: readonly Rehearsal[]): Rehearsal {
  const all = (pick: (one: Rehearsal) => Iterable<string>) => new Set(seen.flatMap((one) => [...pick(one)]))
  return {
    whole: seen.every(({ whole }) => whole),
    // What could not be seen to its end may do it.
    dropsReferenced: seen.some(({ dropsReferenced, whole }) => dropsReferenced || !whole),
    rebuilt: all(({ rebuilt }) => rebuilt),
    written: all(({ written }) => written),
    dropped: all(({ dropped }) => dropped),
    gone: seen.flatMap(({ gone }) => gone),
  }
}

/** What must be there after the scripts as it was before. */
interface Inventory {
  /** Rows by table. */
  readonly rows: ReadonlyMap<string, number>
  /** Rows that refer to no row, by table and the table that they refer to. */
  readonly dangling: ReadonlyMap<string, number>
  /** Indexes and triggers of rebuilt tables, and views that work, as people are told. */
  readonly things: ReadonlyMap<string, string>
  /** The last ids that AUTOINCREMENT has given. */
  readonly counters: ReadonlyMap<string, number>
}

function takeInventory(native: DatabaseSync, { dropsReferenced, rebuilt, written }: Rehearsal): Inventory {
  const rows = new Map<string, number>()
  // Our own, the history among them, are written by us meanwhile.
  for (const table of tableNames(native).filter((name) => !written.has(name) && !isOurs(name))) {
    const row = native.prepare(`SELECT count(*) AS n FROM main.${quoteName(table)}`).get()
    rows.set(table, Number(row?.n))
  }
  return {
    rows,
    dangling: dropsReferenced ? danglingKeys(native) : new Map(),
    things: thingsOf(native, rebuilt),
    counters: countersOf(native, rebuilt),
  }
}

function thingsOf(native: DatabaseSync, rebuilt: ReadonlySet<string>): Map<string, string> {
  const things = new Map<string, string>()
  const schema = native.prepare(
    `SELECT type, name, tbl_name FROM sqlite_schema WHERE sql IS NOT NULL AND type <> 'table' ORDER BY type, name`,
  )
  for (const row of schema.all()) {
    const name = String(row.name)
    const kept = row.type === 'view' ? works(native, name) : rebuilt.has(String(row.tbl_name))
    if (kept) things.set(name, `the ${row.type} ${name}${row.type === 'view' ? '' : ` of ${row.tbl_name}`}`)
  }
  return things
}

function works(native: DatabaseSync, view: string): boolean {
  try {
    native.prepare(`SELECT * FROM main.${quoteName(view)}`)
    return true
  } catch {
    return false
  }
}

function countersOf(native: DatabaseSync, rebuilt: ReadonlySet<string>): Map<string, number> {
  if (columnNames(native, 'sqlite_sequence').length === 0) return new Map()
  const rows = native.prepare('SELECT name, seq FROM main.sqlite_sequence').all()
  return new Map(
    rows.filter(({ name }) => rebuilt.has(String(name))).map(({ name, seq }) => [String(name), Number(seq)]),
  )
}

/** https://sqlite.org/pragma.html#pragma_foreign_key_check */
function danglingKeys(native: DatabaseSync): Map<string, number> {
  const check = native.prepare('SELECT parent, count(*) AS n FROM pragma_foreign_key_check(?) GROUP BY 1')
  const dangling = new Map<string, number>()
  for (const child of tableNames(native)) {
    try {
      for (const { parent, n } of check.all(child)) dangling.set(`${child} to ${parent}`, Number(n))
    } catch (error) {
      // A foreign key to columns that are not unique cannot be checked, and nothing can be written to its table.
      if (!isSqliteError(error)) throw error
    }
  }
  return dangling
}

/** @throws ROWS_LOST, FOREIGN_KEY, what `onForgotten` throws */
function compare(before: Inventory, after: Inventory, { rebuilt, dropped }: Rehearsal, watch: Watch): void {
  const [file = ''] = watch.scripts.map((script) => script.file)
  for (const [table, had] of before.rows) {
    const has = after.rows.get(table)
    if (has === undefined || has === had) continue
    throw new MigrateError('ROWS_LOST', `${table} had ${count(had, 'row')} and would have ${has}`, {
      file,
      hint: 'copy every row when the table is rebuilt; if rows are to go, let a DELETE in the script say so',
    })
  }
  refuseDangling(before.dangling, after.dangling, file)
  const forgotten = [...before.things]
    .filter(([name]) => !after.things.has(name) && !dropped.has(name))
    .map(([, thing]) => thing)
  for (const [table, last] of before.counters) {
    const next = after.counters.get(table) ?? 0
    if (rebuilt.has(table) && next < last) {
      forgotten.push(`the AUTOINCREMENT counter of ${table}, which was ${last} and is ${next}`)
    }
  }
  if (forgotten.length > 0) watch.onForgotten(forgotten)
}

function refuseDangling(
  before: ReadonlyMap<string, number>,
  after: ReadonlyMap<string, number>,
  file?: string,
): void {
  for (const [key, n] of after) {
    const had = before.get(key) ?? 0
    if (n <= had) continue
    const [child = '', parent = ''] = key.split(' to ')
    const message = `${count(n - had, 'row')} of ${child} would refer to no row of ${parent}`
    throw new MigrateError('FOREIGN_KEY', message, {
      ...(file !== undefined && { file }),
      hint: `foreign keys are not enforced while a script drops a table that others refer to: put the rows of ${child} right in it, or delete rows of ${parent} in a migration of its own, where ON DELETE works`,
    })
  }
}
