import {
  appendFileSync,
  closeSync,
  existsSync,
  fsyncSync,
  openSync,
  readSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  writeSync,
} from 'node:fs'
import { dirname } from 'node:path'
import type { DatabaseSync } from 'node:sqlite'
import type { ClientBase } from 'pg'
import { MigrateError } from '../core/errors.ts'
import { type ForeignKey, nameOf, type Schema } from '../core/schema/model.ts'
import { shortest } from '../core/text.ts'
import type { Entry, Problem } from '../core/transfer/aside.ts'
import { type Into, type Uniqueness, uniquenesses } from '../core/transfer/bad.ts'
import type { Moved } from '../core/transfer/moved.ts'

/** The file of rows that are set aside. */
export interface RowsFile {
  readonly path: string
  /** Forgets what a killed run had found at this step, which begins again; of one table, or of all. */
  begin(step: Entry['step'], table?: string): void
  add(entry: Entry): void
  /** What was added is on the disk. */
  sync(): void
  /** Rows by table. */
  counts(): ReadonlyMap<string, number>
}

/**
 * Opens the file of rows that are set aside, which only its owner can read: it holds personal data. It is gone
 * afterwards if there are none.
 *
 * @param resume go on with the file of a run that was killed; without, there must be none
 * @throws USAGE
 */
export async function withRowsFile<T>(
  path: string,
  resume: boolean,
  work: (file: RowsFile) => Promise<T>,
): Promise<T> {
  if (!resume && existsSync(path)) {
    throw new MigrateError('USAGE', `${shortest(path)} exists already`, {
      hint: 'name another file, or load the rows in it first',
    })
  }
  let file = attempt(path, () => openSync(path, 'a', 0o600))
  const counts = new Map<string, number>()
  const entries = function* () {
    for (const { text } of linesOf(path)) yield text
  }
  try {
    mendEnd(path)
    for (const line of entries()) count(counts, entryOf(line, path).table, 1)
    return await work({
      path,
      begin: (step, table) => {
        const isGone = (entry: Entry) => entry.step === step && (table ?? entry.table) === entry.table
        let gone = 0
        for (const line of entries()) if (isGone(entryOf(line, path))) gone++
        if (gone === 0) return
        closeSync(file)
        rewrite(path, function* () {
          for (const line of entries()) {
            const entry = entryOf(line, path)
            if (isGone(entry)) count(counts, entry.table, -1)
            else yield line
          }
        })
        file = openSync(path, 'a', 0o600)
      },
      add: (entry) => {
        attempt(path, () => writeAll(file, `${JSON.stringify(entry)}\n`))
        count(counts, entry.table, 1)
      },
      sync: () => {
        attempt(path, () => fsyncSync(file))
        syncFolder(path)
      },
      counts: () => counts,
    })
  } finally {
    closeSync(file)
    if (statSync(path).size === 0) rmSync(path)
  }
}

function count(counts: Map<string, number>, table: string, by: number): void {
  counts.set(table, (counts.get(table) ?? 0) + by)
}

/** A line, and where it begins, in bytes. */
interface Line {
  readonly text: string
  readonly start: number
  /** Nothing says that it has an end. */
  readonly isOpen: boolean
}

const NEW_LINE = 10

/** The lines of a file that are not blank, without holding all of it. */
export function* linesOf(path: string): Iterable<Line> {
  const file = openSync(path, 'r')
  try {
    const buffer = Buffer.alloc(65_536)
    let parts: Buffer[] = []
    let begun = 0
    const line = (isOpen: boolean): Line[] => {
      const text = Buffer.concat(parts).toString()
      parts = []
      return text.trim() === '' ? [] : [{ text, start: begun, isOpen }]
    }
    for (let position = 0; ; ) {
      const read = readSync(file, buffer, 0, buffer.length, position)
      if (read === 0) break
      for (let start = 0; start < read; ) {
        const at = buffer.subarray(0, read).indexOf(NEW_LINE, start)
        parts.push(Buffer.from(buffer.subarray(start, at === -1 ? read : at)))
        if (at === -1) break
        yield* line(false)
        start = at + 1
        begun = position + start
      }
      position += read
    }
    yield* line(true)
  } finally {
    closeSync(file)
  }
}

/** What a killed run has begun to write of a line goes; a last line that a person has left without an end gets one. */
function mendEnd(path: string): void {
  for (const { text, start, isOpen } of linesOf(path)) {
    if (!isOpen) continue
    if (isEntry(text)) appendFileSync(path, '\n')
    else truncateSync(path, start)
  }
}

function isEntry(line: string): boolean {
  try {
    JSON.parse(line)
    return true
  } catch {
    return false
  }
}

/** @throws BAD_ROWS if a line is none of ours */
export function entryOf(line: string, path: string): Entry {
  try {
    const entry = JSON.parse(line) as Entry
    if (typeof entry.table === 'string' && typeof entry.row === 'object' && entry.row !== null) return entry
  } catch (cause) {
    throw noEntry(line, path, cause)
  }
  throw noEntry(line, path)
}

function noEntry(line: string, path: string, cause?: unknown): MigrateError {
  return new MigrateError('BAD_ROWS', `${shortest(path)} has a line that is no row: ${line.slice(0, 60)}`, {
    hint: 'a line is a JSON object with "table" and "row"',
    cause,
  })
}

/** Puts other lines in the place of a file: all of them, or none. */
export function rewrite(path: string, lines: () => Iterable<string>): void {
  const beside = `${path}.part`
  attempt(path, () => {
    const file = openSync(beside, 'w', 0o600)
    try {
      for (const line of lines()) writeAll(file, `${line}\n`)
      fsyncSync(file)
    } finally {
      closeSync(file)
    }
    renameSync(beside, path)
    syncFolder(path)
  })
}

function writeAll(file: number, text: string): void {
  const bytes = Buffer.from(text)
  for (let at = 0; at < bytes.length; ) at += writeSync(file, bytes, at)
}

/** A new name is on the disk when its folder is. Not every system can say so. */
function syncFolder(path: string): void {
  try {
    const folder = openSync(dirname(path), 'r')
    try {
      fsyncSync(folder)
    } finally {
      closeSync(folder)
    }
  } catch {}
}

function attempt<T>(path: string, work: () => T): T {
  try {
    return work()
  } catch (cause) {
    if (!(cause instanceof Error) || !('syscall' in cause)) throw cause
    throw new MigrateError('USAGE', `cannot write ${shortest(path)}: ${cause.message}`, {
      hint: 'let this user write there, or name another file',
      cause,
    })
  }
}

/** A table that is copied row by row, from SQLite to PostgreSQL. */
export interface Careful {
  readonly native: DatabaseSync
  readonly client: ClientBase
  readonly moved: Moved
  readonly into: Into
  readonly file: RowsFile
  /** SQL that is committed with the table. */
  readonly note: string
  readonly signal?: AbortSignal
}

/**
 * Copies a table, and sets aside the rows that the target does not take. They are on the disk before the others are
 * committed; where this is done again, because it was killed before, those that it had found then are forgotten.
 *
 * @returns how many rows the target holds now
 */
export async function copyCarefully(careful: Careful): Promise<number> {
  const { native, client, moved, into, file, note, signal } = careful
  const [{ entryReader, sendCarefully }, { receiveCarefully }] = await Promise.all([
    import('../database/sqlite/careful.ts'),
    import('../database/postgres/careful.ts'),
  ])
  const table = nameOf(moved.to)
  file.begin('rows', table)
  const read = entryReader(native, moved, into)
  return receiveCarefully(client, moved, 'sqlite', sendCarefully(native, moved, 'postgres', into), note, {
    refused: async (id, refusal) => {
      signal?.throwIfAborted()
      const { problems, ...row } = read(id)
      const told = refusal && {
        ...(refusal.column !== undefined && { column: refusal.column }),
        reason: refusal.words,
      }
      file.add({ table, step: 'rows', ...row, problems: problems.length > 0 || !told ? problems : [told] })
    },
    settled: async () => file.sync(),
  })
}

/** The target, once all tables are filled, as `setAsideByKeys` needs it. */
export interface Keys {
  /** Inside whose transaction all of it is done. */
  readonly target:
    | { readonly dialect: 'postgres'; readonly client: ClientBase }
    | { readonly dialect: 'sqlite'; readonly native: DatabaseSync }
  /** The target's. */
  readonly schema: Schema
  readonly all: readonly Moved[]
  readonly file: RowsFile
  /** SQL that is committed with it, so that nobody does it again. */
  readonly note: string
}

/**
 * Takes out of the target the rows that its unique constraints and foreign keys would not take, which are yet to be
 * built, and sets them aside: of equal rows the first by key stays, and of orphans the orphans too. All of it in one
 * transaction, with `note`; killed before its end, nothing is taken out and it is to be done again.
 *
 * @returns how many rows were taken out
 */
export async function setAsideByKeys({ target, schema, all, file, note }: Keys): Promise<number> {
  const run = async (sql: string) => {
    if (target.dialect === 'postgres') await target.client.query(sql)
    else target.native.exec(sql)
  }
  const { duplicatesOf, orphansOf } =
    target.dialect === 'postgres' ? await postgresKeys(target.client) : await sqliteKeys(target.native)
  let taken = 0
  const set = async (
    moved: Moved,
    rows: AsyncIterable<readonly Pick<Entry, 'key' | 'row'>[]>,
    problem: Problem,
  ) => {
    let found = 0
    for await (const batch of rows) {
      for (const row of batch)
        file.add({ table: nameOf(moved.to), step: 'keys', problems: [problem], ...row })
      found += batch.length
    }
    taken += found
    return found
  }
  const tables = all.flatMap((moved) => {
    const table = schema.tables.find(
      ({ schema, name }) => schema === moved.to.schema && name === moved.to.name,
    )
    return table === undefined ? [] : [{ moved, table }]
  })
  file.begin('keys')
  await run('BEGIN')
  try {
    for (const { moved, table } of tables) {
      for (const unique of uniquenesses(table)) {
        await set(moved, duplicatesOf(moved, unique), {
          ...columnOf(unique.parts.map(({ column }) => column)),
          reason: `is there in another row already${unique.name === undefined ? '' : ` (${unique.name})`}`,
        })
      }
    }
    for (let found = -1; found !== 0; ) {
      found = 0
      for (const { moved, table } of tables) {
        for (const foreignKey of table.foreignKeys) {
          found += await set(moved, orphansOf(moved, foreignKey), {
            ...columnOf(foreignKey.columns),
            reason: `refers to no row of ${nameOf(foreignKey.to)}`,
          })
        }
      }
    }
    file.sync()
    if (note !== '') await run(note)
    await run('COMMIT')
    return taken
  } catch (error) {
    await run('ROLLBACK').catch(() => {})
    throw error
  }
}

function columnOf(columns: readonly (string | undefined)[]): Pick<Problem, 'column'> {
  const [column] = columns
  return columns.length === 1 && column !== undefined ? { column } : {}
}

async function postgresKeys(client: ClientBase) {
  const { duplicatesOf, orphansOf } = await import('../database/postgres/taken.ts')
  return {
    duplicatesOf: (moved: Moved, unique: Uniqueness) => duplicatesOf(client, moved, unique),
    orphansOf: (moved: Moved, foreignKey: ForeignKey) => orphansOf(client, moved, foreignKey),
  }
}

async function sqliteKeys(native: DatabaseSync) {
  const { duplicatesOf, orphansOf } = await import('../database/sqlite/taken.ts')
  return {
    duplicatesOf: (moved: Moved, unique: Uniqueness) => duplicatesOf(native, moved, unique),
    orphansOf: (moved: Moved, foreignKey: ForeignKey) => orphansOf(native, moved, foreignKey),
  }
}
