import { constants, type DatabaseSync } from 'node:sqlite'
import { MigrateError } from '../../core/errors.ts'
import type { Measured } from '../../core/lint/effect.ts'
import type { Script } from '../../core/script.ts'
import { tableNames } from './rehearse.ts'
import { type Statement, walk } from './script.ts'

const WRITES: readonly number[] = [constants.SQLITE_INSERT, constants.SQLITE_UPDATE, constants.SQLITE_DELETE]

/** Runs a script; the authorizer says which tables each statement writes to or alters. */
export function measure(native: DatabaseSync, script: Script, name: string): Measured[] {
  const there = new Set(tableNames(native))
  const measured: Measured[] = []
  const visit = ({ spot, actions, run }: Statement) => {
    const tables = actions.map(({ code, first, second }) => {
      if (code === constants.SQLITE_ALTER_TABLE) return second
      return WRITES.includes(code) || code === constants.SQLITE_DROP_TABLE ? first : null
    })
    run()
    const written = [...new Set(tables)].filter((table) => table !== null && there.has(table))
    const effects = written.map((table) => ({
      table: String(table),
      lock: 'WRITE' as const,
      scan: false,
      rewrite: false,
    }))
    measured.push({ ...spot, effects })
  }
  try {
    walk(native, script, name, { watch: true, attach: false }, visit)
  } catch (error) {
    if (!(error instanceof MigrateError)) throw error
    const start = measured.at(-1)?.end ?? 0
    measured.push({ start, end: script.text.length, effects: [], error })
  }
  return measured
}
