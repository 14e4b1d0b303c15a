import { existsSync } from 'node:fs'
import { basename } from 'node:path'
import type { AcceptedParity } from '../core/config.ts'
import { MigrateError } from '../core/errors.ts'
import { DIALECTS, type Dialect } from '../core/migrations.ts'
import { carry } from '../core/schema/convert/carry.ts'
import type { Hints } from '../core/schema/convert/convert.ts'
import { type Expressions, loadExpressions } from '../core/schema/convert/expressions.ts'
import { nameOf, type Schema } from '../core/schema/model.ts'
import { alterSchema, scriptText } from '../core/schema/sql/ddl.ts'
import { nameText } from '../core/schema/sql/names.ts'
import { renameAll } from '../core/schema/sql/renames.ts'
import {
  columnQuestions,
  type Decided,
  meansPostgres,
  questionKey,
  type RenameQuestion,
  tableQuestions,
  withKnownNames,
} from '../core/schema/wanted.ts'
import { parseScript, readText, type Script } from '../core/script.ts'
import { didYouMean, list } from '../core/text.ts'
import { checkWritten, comparer } from './check.ts'
import { type MakeReplay, type Replay, withReplays } from './replay.ts'

/** How a wanted schema is told from the history. */
export interface WantedOptions {
  /** The file of the wanted schema: statements that make it in an empty database. */
  readonly from: string
  /** Which database's words it is in. Default: what its name says, such as `schema.postgres.sql`, or what takes it. */
  readonly dialect?: Dialect
  /** What has another name now: `{ 'users.nick': 'name', people: 'users' }`. */
  readonly rename?: Readonly<Record<string, string>>
  /** What is dropped though something new looks like it: `['users.nick']`. */
  readonly drop?: readonly string[]
  /** Asked where something may be renamed. Without it, that is an error. */
  readonly onRename?: (question: RenameQuestion) => boolean | Promise<boolean>
  /** The types that columns get in the other database, by `table.column`. */
  readonly columns?: Hints
  /** The project's own pairs and exceptions, which count when it is checked. */
  readonly parity?: AcceptedParity
  /** Where shadow databases are made; see `parity`. */
  readonly shadow?: string
  readonly signal?: AbortSignal
}

/** The scripts of a migration for one database. */
interface Scripts {
  readonly up: string
  readonly down: string
}

/** A migration that makes the wanted schema of what the history makes. */
export interface WantedMigration {
  readonly scripts: Readonly<Record<Dialect, Scripts>>
  readonly notes: readonly string[]
  readonly differences: readonly string[]
}

/**
 * Compares a wanted schema with what the history makes, for both databases.
 *
 * @param dir the folder of the migrations
 * @param id  of the new one
 * @returns nothing if there is nothing to do
 * @throws USAGE, RENAME, FILE_TEXT, SQL, SHADOW and what `up` throws
 */
export async function wantedMigration(
  options: WantedOptions,
  dir: string,
  id: string,
): Promise<WantedMigration | undefined> {
  const { from, shadow, signal } = options
  const script = parseScript(from, readText(from, from))
  const replay = {
    migrations: existsSync(dir) ? dir : [],
    ...(shadow !== undefined && { shadow }),
    ...(signal && { signal }),
  }
  return withReplays('sqlite', replay, (sqlite) =>
    withReplays('postgres', replay, async (postgres) => {
      const make = { sqlite, postgres }
      const wanted = await readWanted(script, options, make)
      const other: Dialect = wanted.dialect === 'sqlite' ? 'postgres' : 'sqlite'
      const expressions = await loadExpressions()
      const written = await make[wanted.dialect](async (source) => {
        await source.up()
        return make[other](async (target) => {
          await target.up()
          const job = { id, wanted, source, target, expressions }
          return write(job, { ...options.columns, ...script.hints }, options)
        })
      })
      if (written === undefined) return undefined
      const differences = await check(written, make, options, expressions)
      return { scripts: written.scripts, notes: written.notes, differences }
    }),
  )
}

type Makes = Readonly<Record<Dialect, MakeReplay>>

/** What a text makes in an empty database. */
async function readWanted(script: Script, { from, dialect }: WantedOptions, make: Makes): Promise<Schema> {
  const on = (one: Dialect) =>
    make[one](async (replay) => {
      await replay.run(script)
      return replay.schema()
    })
  const named = DIALECTS.find((one) => basename(from).split('.').slice(1).includes(one))
  const chosen = dialect ?? named
  if (chosen !== undefined) return on(chosen)
  const sqlite = await on('sqlite').catch(sqlErrors)
  if (!(sqlite instanceof MigrateError) && !meansPostgres(sqlite)) return sqlite
  const postgres = await on('postgres').catch(sqlErrors)
  if (!(postgres instanceof MigrateError)) return postgres
  if (!(sqlite instanceof MigrateError)) return sqlite
  throw postgres.with({
    hint: `SQLite refuses it too (${sqlite.message}); say which database it is for with --dialect`,
  })
}

function sqlErrors(error: unknown): MigrateError {
  if (error instanceof MigrateError && error.code === 'SQL') return error
  throw error
}

interface Job {
  readonly id: string
  readonly wanted: Schema
  /** The history on the wanted schema's database, and on the other. */
  readonly source: Replay
  readonly target: Replay
  readonly expressions: Expressions
}

interface Written {
  readonly scripts: Record<Dialect, Scripts>
  readonly notes: readonly string[]
  readonly before: Schema
  readonly after: Schema
}

async function write(job: Job, hints: Hints, options: WantedOptions): Promise<Written | undefined> {
  const { wanted, source, target, expressions } = job
  const first = await source.schema()
  const renames = await decide(first, wanted, options)
  const was = await source.schema()
  const [sourceUp, sourceDown] = await rename(job, source, renames)
  const [targetUp, targetDown] = await rename(job, target, renames)
  const before = await source.schema()
  const beforeThere = await target.schema()
  const after = withKnownNames(wanted, before)
  const carried = carry(before, after, beforeThere, expressions, hints)
  const here = await alter(job, source, before, after)
  const there = await alter(job, target, beforeThere, carried.schema)
  if (renames.length === 0 && here.up.length === 0 && there.up.length === 0) return undefined
  const scripts = (dialect: Dialect, up: string[], down: string[]): Scripts => ({
    up: textOf(up, dialect),
    down: textOf(down, dialect),
  })
  return {
    scripts: {
      [before.dialect]: scripts(before.dialect, [...sourceUp, ...here.up], [...here.down, ...sourceDown]),
      [beforeThere.dialect]: scripts(
        beforeThere.dialect,
        [...targetUp, ...there.up],
        [...there.down, ...targetDown],
      ),
    } as Record<Dialect, Scripts>,
    notes: [...new Set([...carried.notes, ...here.notes, ...there.notes])],
    before: was,
    after,
  }
}

function textOf(statements: readonly string[], dialect: Dialect): string {
  const label = dialect === 'sqlite' ? 'SQLite' : 'PostgreSQL'
  if (statements.length === 0) return `-- migrate: nothing the change is none to ${label}\n`
  return scriptText(statements)
}

/** Turns one schema into another and says how, there and back. What it really becomes is asked of the database. */
async function alter({ id }: Job, replay: Replay, before: Schema, after: Schema) {
  const up = alterSchema(before, after)
  if (up.statements.length === 0) return { up: [], down: [], notes: [] }
  await replay.run(parseScript(`${id}.${before.dialect}.up.sql`, scriptText(up.statements)))
  const down = alterSchema(await replay.schema(), before)
  // What up has made goes with what was put into it meanwhile.
  const back = down.notes
    .filter((note) => !/ is dropped with its (rows|values)$/.test(note))
    .map((note) => `back: ${note}`)
  return { up: up.statements, down: down.statements, notes: [...up.notes, ...back] }
}

/** Gives tables and columns their new names in a database; the statements for it, and those that take it back. */
async function rename(
  { id }: Job,
  replay: Replay,
  renames: readonly RenameQuestion[],
): Promise<[up: string[], down: string[]]> {
  const { dialect, tables } = await replay.schema()
  const text = (name: string) => nameText(dialect, name)
  const known = (name: string) =>
    tables.find((one) => one.name.toLowerCase() === name.toLowerCase())?.name ?? name
  const statement = (table: string, from: string, to: string) =>
    table === ''
      ? `ALTER TABLE ${text(known(from))} RENAME TO ${text(to)}`
      : `ALTER TABLE ${text(known(table))} RENAME COLUMN ${text(from)} TO ${text(to)}`
  const up = renames.map(({ table = '', from, to }) => statement(table, from, to))
  const down = renames.toReversed().map(({ table = '', from, to }) => statement(table, to, from))
  if (up.length > 0) await replay.run(parseScript(`${id}.${dialect}.up.sql`, scriptText(up)))
  return [up, down]
}

/**
 * What is renamed: what was said, and what somebody says when asked.
 *
 * @throws USAGE, RENAME
 */
async function decide(
  before: Schema,
  wanted: Schema,
  { rename: said = {}, drop = [], onRename }: WantedOptions,
): Promise<RenameQuestion[]> {
  const decided = { renamed: { ...said } as Record<string, string>, dropped: new Set(drop) }
  const given = checkSaid(before, wanted, decided)
  const tables = [...given.filter(({ table }) => table === undefined)]
  const settle = async (find: () => RenameQuestion[], into: RenameQuestion[]) => {
    const asked = new Set<string>()
    for (;;) {
      const open = find().filter((one) => !asked.has(`${questionKey(one)}=${one.to}`))
      const [question] = open
      if (question === undefined) return
      if (onRename === undefined) throw unsure(open)
      asked.add(`${questionKey(question)}=${question.to}`)
      if (!(await onRename(question))) continue
      decided.renamed[questionKey(question)] = question.to
      into.push(question)
    }
  }
  await settle(() => tableQuestions(before, wanted, decided), tables)
  const renamed = renameAll(
    before,
    tables.map(({ from, to }) => ({ schema: '', from, to, columns: [] })),
  )
  const columns = given.flatMap(({ table, ...one }): RenameQuestion[] => {
    if (table === undefined) return []
    const now = tables.find(({ from }) => from === table)?.to ?? table
    decided.renamed[`${now}.${one.from}`] = one.to
    return [{ ...one, table: now }]
  })
  for (const name of drop) {
    const [table = '', column] = name.split('.')
    const now = tables.find(({ from }) => from === table)?.to
    if (now !== undefined && column !== undefined) decided.dropped.add(`${now}.${column}`)
  }
  await settle(() => columnQuestions(renamed, wanted, decided), columns)
  return [...tables, ...columns]
}

function unsure(questions: readonly RenameQuestion[]): MigrateError {
  const first = [...new Map(questions.toReversed().map((one) => [questionKey(one), one])).values()].reverse()
  const pairs = first.map((one) => `${questionKey(one)} to ${one.to}`)
  const flags = first.map((one) => `${questionKey(one)}=${one.to}`).join(',')
  const drops = first.map(questionKey).join(',')
  return new MigrateError('RENAME', `renamed, or dropped and made anew: ${list(pairs)}?`, {
    hint: `give --rename ${flags} to keep what they hold, or --drop ${drops} to lose it`,
  })
}

/**
 * What was said must fit: an old name that is gone, and a new one that is new.
 *
 * @throws USAGE
 */
function checkSaid(before: Schema, wanted: Schema, { renamed, dropped }: Decided): RenameQuestion[] {
  const had = namesOf(before)
  const has = namesOf(wanted)
  const refuse = (name: string, names: ReadonlySet<string>, what: string) => {
    if (names.has(name)) return
    throw new MigrateError('USAGE', `${what} ${name}`, {
      hint: didYouMean(name, names) ?? 'name it as table, or as table.column',
    })
  }
  const tableWas = new Map(Object.entries(renamed).map(([from, to]) => [to, from]))
  const old = (name: string) => {
    const [table = '', ...rest] = name.split('.')
    return had.has(table) || rest.length === 0 ? name : [tableWas.get(table) ?? table, ...rest].join('.')
  }
  for (const name of dropped) refuse(old(name), had, 'to drop, the history has no')
  return Object.entries(renamed).map(([name, to]) => {
    const from = old(name)
    refuse(from, had, 'to rename, the history has no')
    const [table = '', column] = from.split('.')
    const now = column === undefined ? to : `${renamed[table] ?? table}.${to}`
    refuse(now, has, 'the wanted schema has no')
    const stays = column === undefined ? from : `${renamed[table] ?? table}.${column}`
    if (has.has(stays)) {
      throw new MigrateError('USAGE', `${from} is in the wanted schema, and cannot have become ${to}`, {
        hint: 'leave it out of --rename',
      })
    }
    return column === undefined ? { from, to } : { table, from: column, to }
  })
}

function namesOf({ tables }: Schema): Set<string> {
  return new Set(
    tables.flatMap((table) => [
      nameOf(table),
      ...table.columns.map(({ name }) => `${nameOf(table)}.${name}`),
    ]),
  )
}

/** Runs it up, down and up again on both databases. */
async function check(
  { scripts, before, after }: Written,
  make: Makes,
  { parity }: WantedOptions,
  expressions: Expressions,
): Promise<string[]> {
  const same = comparer(expressions, parity)
  const found: string[] = []
  for (const dialect of DIALECTS) {
    const { up, down } = scripts[dialect]
    const ups = { file: `${dialect}.up.sql`, text: up, direction: 'up', before, after } as const
    const downs = {
      file: `${dialect}.down.sql`,
      text: down,
      direction: 'down',
      before: after,
      after: before,
    } as const
    const differences = await checkWritten(make[dialect], dialect, [ups, downs, ups], same)
    found.push(...differences.map((one) => `${dialect}: ${one}`))
  }
  return found
}
