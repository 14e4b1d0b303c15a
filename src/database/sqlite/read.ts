import { constants, type DatabaseSync } from 'node:sqlite'
import type { Sql } from '../../core/sql-error.ts'
import type { Reading } from '../database.ts'
import { columnNames, tableNames } from './rehearse.ts'
import { type Action, type Statement, walk } from './script.ts'

const WRITES: readonly number[] = [constants.SQLITE_INSERT, constants.SQLITE_UPDATE, constants.SQLITE_DELETE]
const MAKES: readonly number[] = [constants.SQLITE_CREATE_TABLE, constants.SQLITE_CREATE_VTABLE]
const DROPS: readonly number[] = [constants.SQLITE_DROP_TABLE, constants.SQLITE_DROP_VTABLE]
const CHANGES: readonly number[] = [
  ...MAKES,
  ...DROPS,
  constants.SQLITE_ALTER_TABLE,
  constants.SQLITE_CREATE_INDEX,
  constants.SQLITE_CREATE_TRIGGER,
  constants.SQLITE_CREATE_VIEW,
  constants.SQLITE_DROP_INDEX,
  constants.SQLITE_DROP_TRIGGER,
  constants.SQLITE_DROP_VIEW,
  constants.SQLITE_CREATE_TEMP_TABLE,
  constants.SQLITE_CREATE_TEMP_INDEX,
  constants.SQLITE_CREATE_TEMP_TRIGGER,
  constants.SQLITE_CREATE_TEMP_VIEW,
  constants.SQLITE_DROP_TEMP_TABLE,
  constants.SQLITE_DROP_TEMP_INDEX,
  constants.SQLITE_DROP_TEMP_TRIGGER,
  constants.SQLITE_DROP_TEMP_VIEW,
]

/** Runs what changes the schema, so that what comes after it can be compiled, in a transaction that is rolled back. */
export function read(native: DatabaseSync, script: Sql, name: string): Reading[] {
  const readings: Reading[] = []
  // Enforced, DROP TABLE would fail over rows that are to come back under the same name.
  native.exec('PRAGMA foreign_keys = OFF; BEGIN')
  try {
    walk(native, script, name, { watch: true, attach: false }, (statement) => {
      readings.push(readOne(native, statement))
    })
    return readings
  } finally {
    if (native.isTransaction) native.exec('ROLLBACK')
    native.exec('PRAGMA legacy_alter_table = OFF; PRAGMA foreign_keys = ON')
  }
}

function readOne(native: DatabaseSync, { spot, actions, run }: Statement): Reading {
  const named = (codes: readonly number[]) =>
    unique(actions.filter(({ code, within }) => codes.includes(code) && within === null))
  const reads = unique(actions.filter(({ code }) => code === constants.SQLITE_READ))
  const changes = actions.some(({ code }) => CHANGES.includes(code))
  if (!changes) {
    // What a rename does hangs on it.
    if (actions.some(({ code, first }) => code === constants.SQLITE_PRAGMA && first === 'legacy_alter_table'))
      run()
    const writes = named(WRITES)
    return { ...spot, kind: writes.length > 0 ? 'data' : 'session', makes: [], drops: [], writes, reads }
  }
  const before = namesOf(native)
  run()
  const renames = renamed(before, actions, native)
  const makes = named([...MAKES, constants.SQLITE_CREATE_TEMP_TABLE])
  const fills = makes.length > 0 && actions.some(({ code }) => code === constants.SQLITE_SELECT)
  return {
    ...spot,
    kind: 'schema',
    makes,
    drops: named([...DROPS, constants.SQLITE_DROP_TEMP_TABLE]),
    writes: [],
    reads: fills ? reads : [],
    ...(renames && { renames }),
    ...(fills && { fills }),
  }
}

/** The tables of these actions, without SQLite's own. */
function unique(actions: readonly Action[]): string[] {
  return [...new Set(actions.map(({ first }) => first ?? ''))].filter((name) => !/^(sqlite_.*)?$/.test(name))
}

/** The columns of every table, in their order. */
function namesOf(native: DatabaseSync): Map<string, string[]> {
  return new Map(tableNames(native).map((table) => [table, columnNames(native, table)]))
}

/** What ALTER TABLE has given another name, by what the tables and columns were called before. */
function renamed(
  before: ReadonlyMap<string, readonly string[]>,
  actions: readonly Action[],
  native: DatabaseSync,
): Reading['renames'] {
  const altered = actions.find(({ code }) => code === constants.SQLITE_ALTER_TABLE)?.second ?? undefined
  const table = altered && [...before.keys()].find((name) => name.toLowerCase() === altered.toLowerCase())
  if (table === undefined) return undefined
  const after = namesOf(native)
  const now = after.get(table)
  const to = [...after.keys()].find((name) => !before.has(name))
  if (now === undefined) return to === undefined ? undefined : { table, to }
  const had = before.get(table) ?? []
  const i = had.findIndex((column, at) => column !== now[at])
  const [column, other] = [had[i], now[i]]
  if (column === undefined || other === undefined || had.length !== now.length) return undefined
  return { table, column, to: other }
}
