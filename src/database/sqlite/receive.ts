import type { DatabaseSync } from 'node:sqlite'
import { MigrateError } from '../../core/errors.ts'
import type { Dialect } from '../../core/migrations.ts'
import { affinityOf } from '../../core/schema/kinds.ts'
import { nameOf } from '../../core/schema/model.ts'
import type { Sql } from '../../core/sql-error.ts'
import { quoteName } from '../../core/text.ts'
import { BadValue, type Binding, type Bound, bindingOf, shown } from '../../core/transfer/binding.ts'
import type { Moved } from '../../core/transfer/moved.ts'
import type { Packet } from '../end.ts'
import { isSqliteError } from './errors.ts'
import { beginWriting } from './lock.ts'

/**
 * Empties a table, fills it, and commits that together with a note: all or nothing. What the foreign keys, the
 * indexes and the triggers have to do with it is the caller's.
 *
 * @param note asked for when all rows are there
 * @throws BAD_ROWS, BUSY
 */
export async function receive(
  native: DatabaseSync,
  moved: Moved,
  _from: Dialect,
  rows: AsyncIterable<Packet>,
  note: () => Sql,
): Promise<void> {
  beginWriting(native)
  try {
    native.exec(`DELETE FROM main.${quoteName(moved.to.name)}`)
    const insert = inserter(native, moved)
    for await (const { bytes } of rows) insert(bytes)
    native.exec(note().text)
    native.exec('COMMIT')
  } catch (error) {
    if (native.isTransaction) native.exec('ROLLBACK')
    throw error
  }
}

/** Gives what inserts the rows of a packet. */
function inserter(native: DatabaseSync, moved: Moved): (bytes: Uint8Array) => void {
  const bindings = bindingsOf(native, moved)
  const names = moved.columns.map(({ to }) => quoteName(to.name)).join(', ')
  // What a constraint says itself, such as ON CONFLICT IGNORE, would leave rows out.
  const statement = native.prepare(
    `INSERT OR ABORT INTO main.${quoteName(moved.to.name)} (${names}) VALUES (${bindings.map(({ sql }) => sql).join(', ')})`,
  )
  const values: Bound[] = bindings.flatMap(({ slots }) => new Array<Bound>(slots).fill(null))
  let rows = 0

  /** Binds the row that begins at `start`, and tells where it ends. */
  function bind(view: DataView, start: number): number {
    if (view.getInt16(start) !== bindings.length)
      throw new MigrateError(
        'INTERNAL',
        `a row of ${nameOf(moved.from)} has not as many fields as it has columns`,
      )
    let at = start + 2
    let slot = 0
    for (const binding of bindings) {
      const length = view.getInt32(at)
      at += 4
      if (length < 0) values.fill(null, slot, slot + binding.slots)
      else {
        binding.set(view, at, length, values, slot)
        at += length
      }
      slot += binding.slots
    }
    return at
  }

  return (bytes) => {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    for (let at = 0; at < bytes.length; ) {
      const start = at
      try {
        at = bind(view, start)
        statement.run(...values)
      } catch (error) {
        if (!isRefused(error)) throw error
        throw badRow(moved, keyText(moved, view, start) ?? `row ${rows + 1} of those that came`, error)
      }
      rows++
    }
  }
}

function bindingsOf(native: DatabaseSync, { to, columns }: Moved): Binding[] {
  const utf16 = native.prepare('PRAGMA encoding').get()?.encoding !== 'UTF-8'
  const strict = native.prepare('SELECT strict FROM pragma_table_list(?)').get(to.name)?.strict === 1
  return columns.map(({ form, to: { name, type } }) => {
    const any = strict && type.toUpperCase() === 'ANY'
    return bindingOf(form, { column: name, affinity: any ? 'blob' : affinityOf(type), utf16 })
  })
}

/** Primary result codes of a row's own fault: too long, a constraint, another class. https://sqlite.org/rescode.html */
const REFUSALS: readonly number[] = [18, 19, 20]

function isRefused(error: unknown): error is Error {
  return error instanceof BadValue || (isSqliteError(error) && REFUSALS.includes(error.errcode & 0xff))
}

function badRow({ to }: Moved, row: string, cause: Error): MigrateError {
  return new MigrateError('BAD_ROWS', `${nameOf(to)}, ${row}: ${cause.message}`, {
    hint: '"nexflow-migrate transfer --check" tells all such rows',
    cause,
  })
}

/** `id = 5`, of the row that begins at `start`; nothing where no key tells it from others. */
function keyText({ columns, key }: Moved, view: DataView, start: number): string | undefined {
  const texts = new Map<string, string>()
  let at = start + 2
  for (const { from, to, form } of columns) {
    const length = view.getInt32(at)
    if (key.includes(from.name)) texts.set(from.name, `${to.name} = ${shown(form, view, at + 4, length)}`)
    at += 4 + Math.max(length, 0)
  }
  const known = key.flatMap((name) => texts.get(name) ?? [])
  return known.length > 0 && known.length === key.length ? known.join(', ') : undefined
}
