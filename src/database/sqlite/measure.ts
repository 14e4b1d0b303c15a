import { constants, type DatabaseSync } from 'node:sqlite'
import { MigrateError } from '../../core/errors.ts'
import type { Effect, Measured } from '../../core/lint/effect.ts'
import type { Script } from '../../core/script.ts'
import { isSqliteError } from './errors.ts'
import { tableNames } from './rehearse.ts'
import { type Action, type Statement, walk } from './script.ts'

/** Rows are written. */
export const WRITES: readonly number[] = [
  constants.SQLITE_INSERT,
  constants.SQLITE_UPDATE,
  constants.SQLITE_DELETE,
]

/** The table is the second name. */
const OF_TABLE: readonly number[] = [
  constants.SQLITE_ALTER_TABLE,
  constants.SQLITE_CREATE_INDEX,
  constants.SQLITE_CREATE_TRIGGER,
  constants.SQLITE_DROP_INDEX,
  constants.SQLITE_DROP_TRIGGER,
]

/** What a statement does to the rows of tables, as its program says. */
export interface Work {
  /** Tables of which it goes through every row. */
  readonly scans: ReadonlySet<string>
  /** Those of them of which it passes over none. */
  readonly whole: ReadonlySet<string>
  /** Those of them of which each row may be written on the way. */
  readonly changes: ReadonlySet<string>
  /** Tables of which it goes through the rows from one key on, or up to one. */
  readonly ranges: ReadonlySet<string>
  /** Tables that are emptied, with no look at their rows. */
  readonly cleared: ReadonlySet<string>
  /** It makes values of other types: CAST. */
  readonly casts: boolean
  /** It writes the whole file anew. */
  readonly vacuum: boolean
}

/** A step of the program that SQLite makes of a statement: https://sqlite.org/opcode.html */
interface Step {
  readonly addr: number
  readonly opcode: string
  readonly p1: number
  readonly p2: number
  readonly p3: number
}

/** Runs a script; the authorizer and the program of each statement tell what it does. */
export function measure(native: DatabaseSync, script: Script, name: string): Measured[] {
  const there = new Set(tableNames(native))
  const measured: Measured[] = []
  const visit = ({ spot, actions, run }: Statement) => {
    const work = workOf(native, script.text.slice(spot.start, spot.end))
    const effects = effectsOf(actions, work, there)
    runWithoutRows(run)
    measured.push({ ...spot, effects })
  }
  try {
    walk(native, script, name, { watch: true }, visit)
  } catch (error) {
    if (!(error instanceof MigrateError)) throw error
    const start = measured.at(-1)?.end ?? 0
    measured.push({ start, end: script.text.length, effects: [], error })
  }
  return measured
}

/** https://sqlite.org/rescode.html#constraint_foreignkey */
const FOREIGN_KEY = 787

/** The rows that a script's own refer to are the application's: here there are none. */
function runWithoutRows(run: () => void): void {
  try {
    run()
  } catch (error) {
    if (!isSqliteError(error) || error.errcode !== FOREIGN_KEY) throw error
  }
}

/** SQLite has one lock, of the whole database: what counts is how long a statement holds it. */
function effectsOf(actions: readonly Action[], work: Work, there: ReadonlySet<string>): Effect[] {
  const changed = new Set(actions.flatMap(changedBy))
  if (work.vacuum) for (const table of there) changed.add(table)
  // Who only reads takes no lock that others would wait for.
  const reindexes = actions.some(({ code }) => code === constants.SQLITE_REINDEX)
  if (changed.size === 0 && !reindexes) return []
  const written = new Set(actions.filter(isWrite).map(({ first }) => first ?? ''))
  const inserts = actions.some((action) => action.code === constants.SQLITE_INSERT && isWrite(action))
  const alters = actions.some(({ code }) => code === constants.SQLITE_ALTER_TABLE)
  const fills = inserts || actions.some(({ code }) => code === constants.SQLITE_CREATE_TABLE)
  // A CHECK, or the types of a STRICT table, are made sure of for every row.
  const checks = actions.some(({ first }) => first === 'pragma_quick_check')
  return [...new Set([...changed, ...work.scans])]
    .filter((table) => there.has(table))
    .map((table) => {
      const changes = work.changes.has(table) && (written.has(table) || alters)
      const whole = changes || (work.whole.has(table) && fills)
      const rewrite = work.vacuum || work.cleared.has(table) || (whole && !readsOnly(actions))
      return {
        table,
        lock: 'WRITE',
        scan: rewrite || work.scans.has(table) || (checks && changed.has(table)),
        rewrite,
      }
    })
}

/** ALTER TABLE … ADD CONSTRAINT and SET NOT NULL look at every row and write none. */
function readsOnly(actions: readonly Action[]): boolean {
  return actions.some(({ second }) => second === 'sqlite_fail')
}

function changedBy(action: Action): string[] {
  if (OF_TABLE.includes(action.code)) return [action.second ?? '']
  const itself = isWrite(action) || action.code === constants.SQLITE_DROP_TABLE
  // Where a table is made, SQLite's own is written; so is what it is filled from held meanwhile.
  const makes = action.code === constants.SQLITE_CREATE_TABLE
  return itself || makes ? [action.first ?? ''] : []
}

function isWrite({ code, first }: Action): boolean {
  return WRITES.includes(code) && !first?.startsWith('sqlite_')
}

/** Asks SQLite for the program of a statement: https://sqlite.org/lang_explain.html */
export function workOf(native: DatabaseSync, statement: string): Work {
  const work = { scans: new Set<string>(), whole: new Set<string>(), changes: new Set<string>() }
  const [ranges, cleared] = [new Set<string>(), new Set<string>()]
  const steps = programOf(native, statement)
  const roots = steps.length === 0 ? new Map<number, Root>() : rootsOf(native)
  const cursors = new Map<number, Root>()
  const written = new Set<number>()
  for (const { opcode, p1, p2, p3 } of steps) {
    const root = roots.get(p2)
    if (opcode === 'OpenWrite') written.add(p1)
    if (/^Open(Read|Write)$/.test(opcode) && p3 === 0 && root !== undefined) cursors.set(p1, root)
  }
  for (const step of steps) {
    const { opcode, p1, p2 } = step
    const emptied = opcode === 'Clear' && p2 === 0 ? roots.get(p1) : undefined
    if (emptied?.isTable) cleared.add(emptied.table)
    const { table, isTable } = cursors.get(p1) ?? {}
    if (table === undefined) continue
    if (opcode === 'Count') work.scans.add(table)
    const end = endOf(steps, step)
    if (end === undefined) continue
    if (isTable && /^Seek[GL][ET]$/.test(opcode)) ranges.add(table)
    if (!BEGINS.includes(opcode)) continue
    work.scans.add(table)
    if (passesOver(steps, step, end)) continue
    work.whole.add(table)
    // An index may lead to the rows that are written; a subquery of its own over the table does not.
    const readers = steps.filter((one) => BEGINS.includes(one.opcode) && cursors.get(one.p1)?.table === table)
    if (written.has(p1) || readers.length === 1) work.changes.add(table)
  }
  return {
    ...work,
    ranges,
    cleared,
    casts: steps.some(({ opcode }) => opcode === 'Cast'),
    vacuum: steps.some(({ opcode }) => opcode === 'Vacuum'),
  }
}

/** Steps that go to the first row of all, or the last. */
const BEGINS: readonly string[] = ['Rewind', 'Last']

function programOf(native: DatabaseSync, statement: string): Step[] {
  try {
    return native.prepare(`EXPLAIN ${statement}`).all() as unknown as Step[]
  } catch {
    // It is an EXPLAIN itself, or what it reads is not there: what it does is seen when it runs.
    return []
  }
}

interface Root {
  readonly table: string
  readonly isTable: boolean
}

function rootsOf(native: DatabaseSync): Map<number, Root> {
  const rows = native.prepare('SELECT rootpage, tbl_name, type FROM main.sqlite_schema WHERE rootpage > 0')
  return new Map(
    rows
      .all()
      .map((row) => [Number(row.rootpage), { table: String(row.tbl_name), isTable: row.type === 'table' }]),
  )
}

/** The step that goes on with the next row. */
function endOf(steps: readonly Step[], { addr, p1 }: Step): Step | undefined {
  return steps.find(
    (step) => step.addr > addr && step.p1 === p1 && (step.opcode === 'Next' || step.opcode === 'Prev'),
  )
}

/** Whether a row may be left out: then a step of the loop jumps to its end. */
function passesOver(steps: readonly Step[], start: Step, end: Step): boolean {
  return steps.some(({ addr, p2 }) => addr > start.addr && addr < end.addr && p2 === end.addr)
}
