import type { Migration } from '../core/migrations.ts'
import { nameOf, type Schema, type Table } from '../core/schema/model.ts'
import type { Snapshot } from '../core/schema/rows/row-changes.ts'
import type { Script } from '../core/script.ts'
import type { Replay } from './replay.ts'
import { fill, readRows } from './rows.ts'

/** What a database is before a migration. */
export interface Scene {
  readonly schema: Schema
  readonly rows: Snapshot
}

/** More than rows are made at once. */
const STRIDE = 20

/** Keeps rows in every table while a history goes forward. */
export class Stage {
  readonly #replay: Replay
  /** The tables as they were when rows were put in. */
  readonly #filled = new Map<string, string>()
  /** The rows as they were before the last migration. */
  #rows: Snapshot = new Map()
  readonly #empty = new Set<string>()
  readonly #told = new Set<string>()
  #from = 0
  /** As it is now, where that is known. */
  schema: Schema | undefined

  constructor(replay: Replay) {
    this.#replay = replay
  }

  /**
   * Puts rows into tables that are new or changed, have none, or whose rows are not as they were: a NULL that one
   * migration fills is there for the next.
   *
   * @param fitting only plain rows, which fit this schema too
   */
  async prepare(fitting?: Schema): Promise<Scene> {
    const { database } = this.#replay
    this.schema ??= await this.#replay.schema()
    const schema = this.schema
    const rows = await readRows(database, schema)
    const lacking = schema.tables.filter((table) => this.#lacksRows(table, rows))
    this.#rows = rows
    if (lacking.length === 0) return { schema, rows }
    const wanted = (table: Table) => lacking.includes(table)
    await fill(database, schema, { wanted, from: this.#from, ...(fitting && { fitting }) })
    this.#from += STRIDE
    const now = await readRows(database, schema)
    this.#rows = now
    for (const table of lacking) {
      const name = nameOf(table)
      // Plain rows are not all that is to be tried.
      if (fitting === undefined) this.#filled.set(name, shapeOf(table))
      if (now.get(name)?.rows.length === 0) this.#empty.add(name)
      else this.#empty.delete(name)
    }
    return { schema, rows: now }
  }

  #lacksRows(table: Table, rows: Snapshot): boolean {
    const name = nameOf(table)
    const found = rows.get(name)?.rows
    if (found === undefined) return false
    if (this.#filled.get(name) !== shapeOf(table)) return true
    if (found.length === 0) return !this.#empty.has(name)
    return JSON.stringify(found) !== JSON.stringify(this.#rows.get(name)?.rows)
  }

  /** Tables without rows, told once and wherever a migration names them. */
  notes({ up, down }: Migration): string[] {
    const names = [...this.#empty].filter(
      (name) => !this.#told.has(name) || [up, down?.()].some((script) => tells(script, name)),
    )
    for (const name of names) this.#told.add(name)
    return names.map((name) => `no row could be made for ${name}: it was empty`)
  }
}

function tells(script: Script | undefined, table: string): boolean {
  return script?.text.toLowerCase().includes(table.toLowerCase()) === true
}

/** What rows depend on. */
function shapeOf({ columns, primaryKey, uniques, foreignKeys, checks }: Table): string {
  return JSON.stringify([columns, primaryKey, uniques, foreignKeys, checks])
}
