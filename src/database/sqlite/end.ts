import type { DatabaseSync } from 'node:sqlite'
import type { Named } from '../../core/schema/model.ts'
import { quoteName } from '../../core/text.ts'
import type { Moved } from '../../core/transfer/moved.ts'
import type { End } from '../end.ts'
import { guardedEnd } from '../guarded.ts'
import { setAside } from './aside.ts'
import { findBad } from './bad.ts'
import { choose } from './choose.ts'
import { setWal } from './connect.ts'
import { counters, countersSql } from './counters.ts'
import { count, proofOf, sendAndDigest } from './digest.ts'
import { fromSqlite, isSqliteError } from './errors.ts'
import { startMasks } from './mask.ts'
import { receive } from './receive.ts'
import { rowidOf, send, snapshot } from './send.ts'

/** What a transfer does with a database of SQLite. */
export function endOf(native: DatabaseSync, name: string): End {
  const end: End = {
    ...proofOf(native),
    handle: { dialect: 'sqlite', native },
    snapshot: (work) => snapshot(native, work),
    unchecked: (work) => unchecked(native, work),
    read: (moved, to, onDigest) =>
      onDigest === undefined ? send(native, moved, to) : sendAndDigest(native, moved, to, onDigest),
    write: async (moved, from, rows, note) => receive(native, moved, from, rows, note),
    choose: (selection) => choose(native, selection),
    startMasks: () => startMasks(native),
    // Another database of SQLite takes every value as it is.
    findBad: async (moved, into, search) =>
      into.schema.dialect === 'sqlite' ? [] : findBad(native, moved, into, search),
    server: async () => undefined,
    setAside: async (tables, large) => setAside(native, tables, large),
    isEmpty: async ({ name }) =>
      native.prepare(`SELECT 1 FROM main.${quoteName(name)} LIMIT 1`).get() === undefined,
    emptied: (tables) => tables.map(({ name }) => `DELETE FROM main.${quoteName(name)}`).join(';\n'),
    estimate: (moved) => estimate(native, moved),
    counters: async (tables) => counters(native, tables),
    finish: async (_tables, given) => countersSql(native, given),
    orphan: async (tables) => orphan(native, tables),
  }
  return guardedEnd(end, (error) => fromSqlite(error, name) ?? error)
}

async function unchecked<T>(native: DatabaseSync, work: () => Promise<T>): Promise<T> {
  const before = native.prepare('PRAGMA foreign_keys').get()?.foreign_keys
  native.exec('PRAGMA foreign_keys = OFF')
  const isWal = leaveWal(native)
  try {
    return await work()
  } finally {
    if (isWal) setWal(native)
    native.exec(`PRAGMA foreign_keys = ${before}`)
  }
}

/**
 * Leaves WAL mode: through it all rows would be written twice, where a journal notes of new pages only that they were
 * not there. A run that is killed leaves the file so; who takes the lock sets WAL again.
 */
function leaveWal(native: DatabaseSync): boolean {
  const mode = () => native.prepare('PRAGMA journal_mode').get()?.journal_mode
  if (mode() !== 'wal') return false
  try {
    native.exec('PRAGMA journal_mode = DELETE')
  } catch (error) {
    // Others have it open: then it is not left.
    if (!isSqliteError(error)) throw error
  }
  return mode() !== 'wal'
}

/** Bytes of the shortest row with its place in its page. */
const LEAST = 4

/** The rowids between the first and the last, if so many rows could be there: to count is to read an index. */
async function estimate(native: DatabaseSync, moved: Moved): Promise<number> {
  const rowid = rowidOf(moved, native)
  if (rowid === undefined || moved.rows !== undefined) return count(native, moved, 'from')
  const row = native
    .prepare(
      `SELECT max(${rowid}) * 1.0 AS most, min(${rowid}) * 1.0 AS least FROM main.${quoteName(moved.from.name)}`,
    )
    .get()
  const span = row?.most === null ? 0 : Number(row?.most) - Number(row?.least) + 1
  const size = native
    .prepare('SELECT page_count * page_size AS bytes FROM pragma_page_count, pragma_page_size')
    .get()
  return span > Number(size?.bytes) / LEAST ? count(native, moved, 'from') : span
}

function orphan(native: DatabaseSync, tables: readonly Named[]): string | undefined {
  for (const { name } of tables) {
    const row = native.prepare('SELECT * FROM pragma_foreign_key_check(?) LIMIT 1').get(name)
    if (row !== undefined)
      return `${row.table}: ${row.rowid === null ? 'a row' : `the row ${row.rowid}`} refers to one of ${row.parent} that is not there`
  }
  return undefined
}
