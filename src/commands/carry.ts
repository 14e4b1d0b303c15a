import { MigrateError } from '../core/errors.ts'
import { carry } from '../core/schema/convert/carry.ts'
import type { Hints } from '../core/schema/convert/convert.ts'
import type { CopiedColumn, Copies } from '../core/schema/convert/copies.ts'
import type { Columns, Expressions, Rows } from '../core/schema/convert/expressions.ts'
import type { Schema } from '../core/schema/model.ts'
import { alterSchema, scriptText } from '../core/schema/sql/ddl.ts'
import { nameText, stringText } from '../core/schema/sql/names.ts'
import { renameAll } from '../core/schema/sql/renames.ts'
import { parseScript, type Script } from '../core/script.ts'
import { skipBlank } from '../core/text.ts'
import type { Reading, Run } from '../database/database.ts'
import type { Replay } from './replay.ts'

/** A statement that nobody has carried over: a person has to. */
export interface Review {
  /** The file that it stands in. */
  readonly file: string
  readonly statement: string
  readonly reason: string
}

/** A script of the one dialect in the words of the other. */
export interface CarriedScript {
  readonly text: string
  readonly reviews: readonly Review[]
  /** What is worth a look. */
  readonly notes: readonly string[]
  /** The schemas that the script leaves: its own database's, and the other's. */
  readonly source: Schema
}

/** The database that a script is carried to. */
export interface Other {
  /** Its schema now, after what has been run on it. */
  schema(source: Schema): Promise<Schema>
  /** Runs SQL of ours. */
  run(text: string): Promise<void>
}

/** What does not change from script to script. */
export interface CarryContext {
  readonly expressions: Expressions
  readonly copies: Copies
  /** The other dialect's types of columns. */
  readonly hints: Hints
}

/** A database to carry to. */
export function otherOn(replay: Replay, file: string): Other {
  return {
    schema: () => replay.schema(),
    run: (text) => replay.run(parseScript(file, text)),
  }
}

/**
 * Runs a script on its own database and writes what it does for the other one, which follows: what it changes of the
 * schema as the difference of the schemas before and after, what it does to rows as it says it.
 */
export async function carryScript(
  script: Script,
  replay: Replay,
  other: Other,
  context: CarryContext,
): Promise<CarriedScript> {
  const steps = await follow(script, replay)
  const carrier = new Carrier(script, steps, other, context)
  for (const step of steps.list) await carrier.step(step)
  return carrier.end()
}

/** A statement, and the schemas before and after it where they matter. */
interface Step extends Reading {
  readonly sql: string
  readonly before?: Schema
  /** Of a rename. */
  readonly after?: Schema
  /** The table that each name means at that moment. */
  readonly written: readonly (Fate | undefined)[]
  readonly read: readonly (Fate | undefined)[]
  readonly dropped: readonly (Fate | undefined)[]
  readonly renamed?: Fate | undefined
}

interface Steps {
  readonly list: readonly Step[]
  readonly first: Schema
  readonly last: Schema
}

/** A table from the beginning of a script to its end. */
interface Fate {
  readonly was?: string
  now?: string
}

function key(name: string): string {
  return name.toLowerCase()
}

/** Runs a script, and looks at the schema before every statement that does not just change the schema. */
async function follow(script: Script, replay: Replay): Promise<Steps> {
  const readings = await replay.database.read(script)
  const schemas: Schema[] = [await replay.schema()]
  const before = new Map<Reading, Schema>()
  const after = new Map<Reading, Schema>()
  const latest = () => schemas.at(-1) as Schema
  const walk = async (run: Run) => {
    let waiting: Reading[] = []
    const flush = async () => {
      const [first, last] = [waiting[0], waiting.at(-1)]
      if (first === undefined || last === undefined) return
      const before = script.text.slice(0, first.start)
      await run({ file: script.file, text: script.text.slice(first.start, last.end), before })
      if (waiting.some(({ kind }) => kind === 'schema' || kind === 'opaque'))
        schemas.push(await replay.schema())
      waiting = []
    }
    for (const reading of readings) {
      if (reading.kind !== 'schema' || reading.renames) {
        await flush()
        before.set(reading, latest())
      }
      waiting.push(reading)
      if (!reading.renames) continue
      await flush()
      after.set(reading, latest())
    }
    await flush()
  }
  if (script.transaction) {
    const watch = { scripts: [script], onForgotten: () => {} }
    await replay.database.transaction(walk, watch)
  } else await walk((part) => replay.run({ ...script, ...part }))
  const [first = latest(), last] = [schemas[0], latest()]
  return { list: fates(script, readings, first, last, { before, after }), first, last }
}

/** Follows every table through the statements. */
function fates(
  script: Script,
  readings: readonly Reading[],
  first: Schema,
  last: Schema,
  looks: Record<'before' | 'after', ReadonlyMap<Reading, Schema>>,
): Step[] {
  const tables = new Map<string, Fate>(first.tables.map(({ name }) => [key(name), { was: name }]))
  const steps = readings.map((reading): Step => {
    const fate = (name: string) => tables.get(key(name))
    const { renames, makes, drops, start, end } = reading
    const from = skipBlank(script.text, start)
    const [before, after] = [looks.before.get(reading), looks.after.get(reading)]
    const step = {
      ...reading,
      sql: script.text.slice(from, end).replace(/\s*;?\s*$/, ''),
      ...(before && { before }),
      ...(after && { after }),
      written: reading.writes.map(fate),
      read: reading.reads.map(fate),
      dropped: drops.map(fate),
      renamed: renames && fate(renames.table),
    }
    for (const name of drops) tables.delete(key(name))
    for (const name of makes) if (!tables.has(key(name))) tables.set(key(name), {})
    if (renames && renames.column === undefined && step.renamed) {
      tables.delete(key(renames.table))
      tables.set(key(renames.to), step.renamed)
    }
    return step
  })
  for (const { name } of last.tables) {
    const fate = tables.get(key(name))
    if (fate !== undefined) fate.now = name
  }
  return steps
}

class Carrier {
  readonly #script: Script
  readonly #steps: Steps
  readonly #other: Other
  readonly #context: CarryContext
  readonly #parts: string[] = []
  readonly #reviews: Review[] = []
  readonly #notes: string[] = []
  /** Tables that are no scaffold of a rebuild. */
  readonly #names: ReadonlySet<string>
  /** Where the source stands, as far as the other has followed. */
  #source: Schema
  #target: Schema | undefined
  /** What tells a sequence of the numbers that were inserted. */
  #counting: string | undefined

  constructor(script: Script, steps: Steps, other: Other, context: CarryContext) {
    this.#script = script
    this.#steps = steps
    this.#other = other
    this.#context = context
    this.#source = steps.first
    this.#names = new Set([
      ...[...steps.first.tables, ...steps.last.tables].map(({ name }) => key(name)),
      ...steps.list.flatMap((step) => (isRenamed(step) && step.renames ? [key(step.renames.to)] : [])),
    ])
  }

  async step(step: Step): Promise<void> {
    const { kind, fills, sql } = step
    if (step.dropped.some((fate) => this.#isEmptied(fate))) {
      this.#review(sql, 'the table comes again without its rows, and here they stay')
    }
    if (isRenamed(step)) await this.#rename(step)
    else if (kind === 'data' && this.#isCopy(step)) await this.#copy(step)
    else if (kind === 'data') await this.#data(step)
    else if (kind === 'opaque' && !isCounted(step)) {
      await this.#follow(step.before)
      this.#review(sql, 'it runs code, which may change rows')
    } else if (kind === 'other' || isCounted(step)) this.#notes.push(`left out: ${sql.split('\n')[0]}`)
    else if (fills && step.makes.some((name) => this.#names.has(key(name)))) {
      this.#review(sql, 'it fills the table that it makes, and only the table is made here')
    }
  }

  async end(): Promise<CarriedScript> {
    await this.#follow(this.#steps.last)
    await this.#run([])
    return {
      text: partsText(this.#parts),
      reviews: this.#reviews,
      notes: [...new Set(this.#notes)],
      source: this.#steps.last,
    }
  }

  /** Brings the other schema to where the source is. */
  async #follow(schema: Schema | undefined): Promise<void> {
    if (schema === undefined) return
    const { expressions, hints } = this.#context
    const wanted = this.#settled(schema)
    const target = await this.#now()
    const carried = carry(this.#source, wanted, target, expressions, hints)
    const { statements, notes } = alterSchema(target, carried.schema)
    // What the source loses too is no news.
    const known = alterSchema(this.#source, wanted).notes
    this.#notes.push(...carried.notes, ...notes.filter((note) => !known.includes(note)))
    this.#source = wanted
    if (statements.length === 0) return
    await this.#run(statements).catch((error: unknown) => {
      throw error instanceof MigrateError && error.code === 'SQL'
        ? error.with({ hint: 'what follows from the two schemas fails there: write this file by hand' })
        : error
    })
  }

  async #now(): Promise<Schema> {
    this.#target ??= await this.#other.schema(this.#source)
    return this.#target
  }

  /** @param counted what is to follow, once for all statements one after the other that ask for it */
  async #run(statements: readonly string[], counted?: string): Promise<void> {
    const open = this.#counting === undefined || this.#counting === counted ? [] : [this.#counting]
    const all = [...open, ...statements]
    if (all.length === 0) return
    const text = scriptText(all)
    await this.#other.run(text)
    this.#parts.push(text)
    this.#target = undefined
    this.#counting = counted
  }

  /** A schema without the scaffold of a rebuild; what is away meanwhile is as it was. */
  #settled(schema: Schema): Schema {
    const { first, last } = this.#steps
    const has = (list: Schema, name: string) => list.tables.some((one) => key(one.name) === key(name))
    const away = this.#source.tables.filter(
      ({ name }) => !has(schema, name) && has(first, name) && has(last, name),
    )
    const tables = [...schema.tables.filter(({ name }) => this.#names.has(key(name))), ...away]
    return { ...schema, tables }
  }

  async #rename(step: Step): Promise<void> {
    const { renames } = step
    if (renames === undefined) return
    await this.#follow(step.before)
    if (await this.#renameIn(renames)) this.#source = this.#settled(step.after ?? this.#source)
    else this.#review(step.sql, `there is no ${renames.table}${renames.column ? `.${renames.column}` : ''}`)
  }

  /** Gives another name to a table or a column of the other database, if it is there. */
  async #renameIn({ table, column, to }: NonNullable<Reading['renames']>): Promise<boolean> {
    const target = await this.#now()
    const found = target.tables.find(({ name }) => key(name) === key(table))
    const named = column && found?.columns.find(({ name }) => key(name) === key(column))?.name
    if (found === undefined || (column !== undefined && named === undefined)) return false
    const text = (name: string) => nameText(target.dialect, name)
    const what = named === undefined ? '' : ` COLUMN ${text(named)}`
    await this.#run([`ALTER TABLE ${text(found.name)} RENAME${what} TO ${text(to)}`])
    return true
  }

  /** Whether a table that is dropped comes again, and nothing takes its rows over. */
  #isEmptied(fate: Fate | undefined): boolean {
    const name = key(fate?.was ?? '')
    const comes = this.#steps.last.tables.some((table) => key(table.name) === name)
    return comes && !this.#steps.list.some((step) => this.#isCopy(step) && step.read.includes(fate))
  }

  /** Whether a statement only fills a table that takes the place of another with the rows of that. */
  #isCopy({ written, read }: Step): boolean {
    const [into] = written
    if (into === undefined || into.was !== undefined || into.now === undefined) return false
    const name = key(into.now)
    return read.some((from) => from !== undefined && from !== into && key(from.was ?? '') === name)
  }

  /** The rows of a rebuilt table stay where they are; a column that is copied to another name has that name. */
  async #copy({ sql, written, before }: Step): Promise<void> {
    const copied = this.#context.copies.columns(sql)
    if (copied === undefined) {
      return this.#review(sql, 'it changes rows while it copies them, and here they stay in their table')
    }
    const table = written[0]?.now ?? ''
    const had = this.#columns(this.#source, table)
    const has = this.#columns(this.#steps.last, table)
    const renamed = copied.filter(({ from, to }) => {
      return had.has(key(from)) && !has.has(key(from)) && has.has(key(to)) && !had.has(key(to))
    })
    if (renamed.length > 0) await this.#follow(before)
    for (const { from, to } of renamed) await this.#renameColumn(table, { from, to })
    const moved = copied.filter((one) => key(one.from) !== key(one.to) && !renamed.includes(one))
    if (moved.length > 0) this.#review(sql, 'it copies a column to another that is there too')
  }

  #columns({ tables }: Schema, table: string): Set<string> {
    const found = tables.find(({ name }) => key(name) === key(table))
    return new Set(found?.columns.map(({ name }) => key(name)))
  }

  async #renameColumn(table: string, { from, to }: CopiedColumn): Promise<void> {
    if (!(await this.#renameIn({ table, column: from, to }))) return
    const found = this.#source.tables.find(({ name }) => key(name) === key(table))
    if (found === undefined) return
    const { schema, name } = found
    this.#source = renameAll(this.#source, [{ schema, from: name, to: name, columns: [{ from, to }] }])
  }

  async #data(step: Step): Promise<void> {
    await this.#follow(step.before)
    const { sql } = step
    const target = await this.#now()
    const known = new Set([...target.tables, ...target.views].map(({ name }) => key(name)))
    const unknown = [...step.writes, ...step.reads].find((name) => !known.has(key(name)))
    if (unknown !== undefined) return this.#review(sql, `there is no table ${unknown}`)
    const { expressions } = this.#context
    const columns = columnsOf([...step.writes, ...step.reads], this.#source, target)
    const rows: Rows = (name) => this.#source.tables.find((one) => key(one.name) === key(name))?.columns
    const text = expressions.convertStatement(sql, target.dialect, columns, rows)
    if (text === undefined) {
      const strange = expressions.strangeIn(sql, target.dialect, columns, rows)
      return this.#review(sql, `it is not understood${strange === undefined ? '' : `: ${strange}`}`)
    }
    try {
      await this.#run([text], this.#counted(step, text))
    } catch (error) {
      if (!(error instanceof MigrateError) || error.code !== 'SQL') throw error
      this.#review(sql, error.message)
    }
  }

  /** A sequence does not know of the numbers that an INSERT gives: it goes on behind them. */
  #counted({ writes }: Step, text: string): string | undefined {
    if (this.#target?.dialect !== 'postgres') return undefined
    const table = this.#target.tables.find(({ name }) => key(name) === key(writes[0] ?? ''))
    const given = this.#context.expressions.inserted(text)
    const counting = table?.columns.find(({ name, identity }) => identity && given.includes(name))
    if (table === undefined || counting === undefined) return undefined
    const [of, column] = [nameText('postgres', table.name), nameText('postgres', counting.name)]
    const sequence = `pg_get_serial_sequence(${stringText(of)}, ${stringText(counting.name)})`
    return `SELECT setval(${sequence}, greatest(max(${column}), nextval(${sequence})))\nFROM ${of}`
  }

  #review(statement: string, reason: string): void {
    const { file } = this.#script
    this.#reviews.push({ file, statement, reason })
    const lines = [
      `REVIEW: ${reason.replaceAll(/\s*\n\s*/g, ' ')} (from ${file})`,
      ...`${statement};`.split('\n'),
    ]
    this.#parts.push(lines.map((line) => `-- ${line}`.trimEnd().concat('\n')).join(''))
  }
}

/** What is of several lines stands apart, as in `scriptText`. */
function partsText(parts: readonly string[]): string {
  const isLong = (part = '') =>
    part
      .replace(/^-- REVIEW: .*\n/, '')
      .trimEnd()
      .includes('\n')
  return parts
    .map((part, i) => `${i > 0 && (isLong(part) || isLong(parts[i - 1])) ? '\n' : ''}${part}`)
    .join('')
}

/** Whether a statement gives another name to a table that stays, or to a column of it. */
function isRenamed({ renamed }: Step): boolean {
  return renamed?.was !== undefined && renamed.now !== undefined
}

/** Whether a statement only tells a sequence where to go on: SQLite looks for the largest number itself. */
function isCounted({ sql }: Step): boolean {
  return /^SELECT\s+(pg_catalog\.)?setval\s*\(/i.test(sql)
}

/** The columns that a statement may name, with what they hold on PostgreSQL. */
function columnsOf(tables: readonly string[], ...schemas: readonly Schema[]): Columns {
  const postgres = schemas.find(({ dialect }) => dialect === 'postgres')
  return (column, table) => {
    const among = postgres?.tables.filter(({ name }) =>
      table === undefined ? tables.some((one) => key(one) === key(name)) : key(name) === key(table),
    )
    const found = among?.flatMap(
      ({ columns }) => columns.find(({ name }) => key(name) === key(column)) ?? [],
    )[0]
    return found && { name: found.name, kind: found.kind }
  }
}
