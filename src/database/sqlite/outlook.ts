import { readFileSync, statfsSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { type Rate, type Size, speedsOf } from '../../core/lint/forecast.ts'
import type { Named } from '../../core/schema/model.ts'
import { quoteName } from '../../core/text.ts'
import type { Answer, Blocker, Outlook, Room } from '../outlook.ts'
import { isSqliteError } from './errors.ts'
import { introspect } from './introspect.ts'

/** Bytes of a file up to which every table is measured page by page. */
const MEASURED = 256 * 2 ** 20

/** Rows that are read to tell how wide those of a table are. */
const SAMPLE = 1000

/** Looks at a file. Nothing is written to it, and no lock is taken that keeps others from writing. */
export function outlook(native: DatabaseSync): Outlook {
  return {
    schema: async () => introspect(native),
    sizes: async (tables) => tables.map((table) => sizeOf(native, table)),
    blockers: async () => writers(native.location()),
    calibrate: async () => calibrate(),
    ask: async (sql) => ask(native, sql),
    room: async () => roomOf(native),
  }
}

function pragma(native: DatabaseSync, name: string): number {
  return Number(Object.values(native.prepare(`PRAGMA ${name}`).get() ?? {})[0] ?? 0)
}

function sizeOf(native: DatabaseSync, { name }: Named): Size {
  const table = quoteName(name)
  const size = pragma(native, 'page_count') * pragma(native, 'page_size')
  if (size <= MEASURED) {
    const rows = Number(native.prepare(`SELECT count(*) AS n FROM ${table}`).get()?.n)
    const pages = native
      .prepare(
        `SELECT coalesce(sum(iif(s.name = t.name, pgsize, 0)), 0) AS bytes, coalesce(sum(iif(s.name = t.name, 0, pgsize)), 0) AS "indexBytes"
         FROM sqlite_schema AS t JOIN dbstat AS s ON s.name = t.name WHERE t.tbl_name = ? COLLATE NOCASE AND t.type IN ('table', 'index') AND s.aggregate = 1`,
      )
      .get(name)
    return { rows, bytes: Number(pages?.bytes), indexBytes: Number(pages?.indexBytes) }
  }
  return estimated(native, name)
}

/** A large file is not read as a whole. */
function estimated(native: DatabaseSync, name: string): Size {
  const table = quoteName(name)
  const columns = native.prepare('SELECT name FROM pragma_table_info(?)').all(name)
  const widths = columns.map(
    (column) => `coalesce(length(CAST(${quoteName(String(column.name))} AS BLOB)), 0)`,
  )
  const width = native
    .prepare(
      `SELECT avg(width) AS width FROM (SELECT ${widths.join(' + ')} AS width FROM ${table} LIMIT ${SAMPLE})`,
    )
    .get()?.width
  let rows: number
  try {
    rows = Number(native.prepare(`SELECT max(rowid) AS n FROM ${table}`).get()?.n ?? 0)
  } catch {
    rows = Number(native.prepare(`SELECT count(*) AS n FROM ${table}`).get()?.n)
  }
  const indexes = native.prepare('SELECT count(*) AS n FROM pragma_index_list(?)').get(name)
  const bytes = Math.round(rows * (Number(width ?? 0) + ROW_HEAD))
  return { rows, bytes, indexBytes: Math.round(rows * ENTRY * Number(indexes?.n)) }
}

/** Bytes of a row beside its values, and of an entry of an index. */
const ROW_HEAD = 12
const ENTRY = 24

/** Where SQLite locks, in a file and in the index of its log: https://sqlite.org/src/file/src/os.h, https://sqlite.org/walformat.html */
const RESERVED = 0x40000001
const WAL_WRITE = 120

/**
 * Who has the write lock now. To try for it would keep others from it: only Linux tells it without.
 * https://man7.org/linux/man-pages/man5/proc_locks.5.html
 */
function writers(path: string | null): Blocker[] {
  if (path === null) return []
  const places = new Map([
    [statSync(path, { throwIfNoEntry: false })?.ino, RESERVED],
    [statSync(`${path}-shm`, { throwIfNoEntry: false })?.ino, WAL_WRITE],
  ])
  const pids = linesOf('/proc/locks').flatMap((line) => {
    const [, , , mode, pid, file = '', start, end] = line.trim().split(/\s+/)
    const at = places.get(Number(file.split(':').at(-1)))
    const held =
      mode === 'WRITE' && at !== undefined && Number(start) <= at && (end === 'EOF' || Number(end) >= at)
    return held && Number(pid) !== process.pid ? [Number(pid)] : []
  })
  return [...new Set(pids)].map((pid): Blocker => {
    const [application] = linesOf(`/proc/${pid}/comm`)
    return { kind: 'writer', tables: [], pid, ...(application && { application }) }
  })
}

function linesOf(file: string): string[] {
  try {
    return readFileSync(file, 'utf8')
      .split('\n')
      .filter((line) => line !== '')
  } catch {
    return []
  }
}

/** Rows of some 100 bytes. */
const TRIAL = 30_000

/** How much longer it takes in a file that others use: what is written goes through the log, and to the disk. */
const LOGGED = 2

/** In a database of its own, which is gone when it is closed. */
function calibrate(): Rate {
  const native = new DatabaseSync('')
  try {
    native.exec(`CREATE TABLE trial (id INTEGER PRIMARY KEY, number INTEGER, text TEXT);
      WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < ${TRIAL})
      INSERT INTO trial SELECT n, n * 7919 % 100000, hex(zeroblob(40)) FROM numbers`)
    const bytes = pragma(native, 'page_count') * pragma(native, 'page_size')
    const speed = (sql: string) => {
      const start = performance.now()
      native.exec(sql)
      return (1000 * bytes) / (LOGGED * Math.max(performance.now() - start, 0.05))
    }
    const scan = speed('SELECT count(*) FROM trial WHERE text IS NULL')
    const index = speed('CREATE INDEX trial_number ON trial (number)')
    const rewrite = speed(
      'CREATE TABLE copy (id INTEGER PRIMARY KEY, number INTEGER, text TEXT); INSERT INTO copy SELECT * FROM trial',
    )
    const update = speed(`UPDATE copy SET text = text || 'x'`)
    return { speeds: speedsOf({ scan, index, rewrite, update }), measured: true }
  } finally {
    native.close()
  }
}

function ask(native: DatabaseSync, sql: string): Answer {
  try {
    return { rows: native.prepare(sql).all() }
  } catch (error) {
    if (!isSqliteError(error)) throw error
    return { unknown: error.message }
  }
}

function roomOf(native: DatabaseSync): Room | undefined {
  const path = native.location()
  if (path === null) return undefined
  const { bavail, bsize } = statfsSync(dirname(path))
  const wal = statSync(`${path}-wal`, { throwIfNoEntry: false })?.size
  return {
    free: bavail * bsize,
    reusable: pragma(native, 'freelist_count') * pragma(native, 'page_size'),
    ...(native.prepare('PRAGMA journal_mode').get()?.journal_mode === 'wal' && { wal: wal ?? 0 }),
  }
}
