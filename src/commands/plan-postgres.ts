import type { AlterTableCmd, Node } from 'libpg-query'
import { MigrateError } from '../core/errors.ts'
import type { Effect } from '../core/lint/effect.ts'
import type { Move } from '../core/lint/lineage.ts'
import { nodesOf } from '../core/schema/convert/ast.ts'
import { loadCopies } from '../core/schema/convert/copies.ts'
import type { Schema } from '../core/schema/model.ts'
import type { Script } from '../core/script.ts'
import type { Spot } from '../core/sql-error.ts'
import type { Database, Reading } from '../database/database.ts'
import { type ShadowOptions, withShadow } from '../database/shadow.ts'
import { type Foreseen, type ForeseenAll, type ForeseenStatement, measureThrough, moveOf } from './foresee.ts'
import { furnish } from './plan-sqlite.ts'

/**
 * What scripts would do: measured on a shadow that has the schema of the live database, where there is a server to
 * make it on and it can be made; else as their text tells.
 */
export async function foreseePostgres(
  database: Database,
  live: Schema,
  scripts: readonly Script[],
  major: number,
  options: ShadowOptions,
): Promise<ForeseenAll> {
  const { cut } = await import('../database/postgres/script.ts')
  const read: Read[] = []
  let unreadable: MigrateError | undefined
  for (const script of scripts) {
    try {
      const statements = await cut(script)
      read.push({ script, statements, ...(await shapesOf(database, script, statements)) })
    } catch (error) {
      if (!(error instanceof MigrateError)) throw error
      unreadable = error
      break
    }
  }
  const measured = await tryShadow(live, read, major, options)
  const { all, notes } =
    typeof measured === 'string' ? { all: await predict(live, read, major), notes: [measured] } : measured
  if (unreadable === undefined || all.some(({ error }) => error)) return { all, notes }
  const last = all.at(-1)?.after ?? live
  return {
    all: [...all, { statements: [], before: last, after: last, measured: false, error: unreadable }],
    notes,
  }
}

interface Read {
  readonly script: Script
  readonly statements: readonly (Spot & { readonly tree: Readonly<Record<string, unknown>> })[]
  readonly readings: readonly Reading[]
  readonly shapes: readonly Omit<ForeseenStatement, 'effects'>[]
  readonly using: NonNullable<Foreseen['using']>
}

/** @returns why it could not be measured, where that is so */
async function tryShadow(
  live: Schema,
  read: readonly Read[],
  major: number,
  options: ShadowOptions,
): Promise<ForeseenAll | string> {
  try {
    return await withShadow('postgres', options, (shadow) => measureAll(shadow, live, read, major))
  } catch (error) {
    if (!(error instanceof MigrateError) || error.code === 'ABORTED') throw error
    if (error.code === 'SHADOW') return `judged by the text alone: ${error.message}`
    if (error instanceof NotHere) return `judged by the text alone: on the shadow database, ${error.message}`
    throw error
  }
}

/** The shadow lacks what the live server has. */
class NotHere extends MigrateError {}

/** Errors that say more of the shadow's server than of a script: a role, an extension or a right lacks. */
function isOfServer({ message, cause }: MigrateError): boolean {
  const { code = '' } = (cause ?? {}) as { code?: string }
  return ['42704', '58P01', '42501'].includes(code) || /\bextension\b/.test(message)
}

async function measureAll(
  shadow: Database,
  live: Schema,
  read: readonly Read[],
  server: number,
): Promise<ForeseenAll> {
  try {
    await furnish(shadow, live)
  } catch (error) {
    throw error instanceof MigrateError && error.code !== 'CONNECTION'
      ? new NotHere('SHADOW', `the schema cannot be made: ${error.message}`, { cause: error })
      : error
  }
  const all: Foreseen[] = []
  const { major } = await shadow.outlook()
  const notes = major === server ? [] : [`measured on PostgreSQL ${major}, and the server is ${server}`]
  let before = await shadow.introspect()
  for (const one of read) {
    const { script, readings } = one
    const { effects, error, notes: more } = await measureThrough(shadow, script, readings)
    notes.push(...more)
    if (error !== undefined && isOfServer(error)) {
      throw new NotHere('SHADOW', `${script.file} fails: ${error.message}`, { cause: error })
    }
    const after = await shadow.introspect()
    all.push(foreseen(one, effects, before, after, true, error))
    if (error !== undefined) break
    before = after
  }
  return { all, notes }
}

/** By the text of the scripts and what is known of the tables. */
async function predict(live: Schema, read: readonly Read[], major: number): Promise<Foreseen[]> {
  const { catalogOf } = await import('../core/lint/postgres/catalog.ts')
  const { effectsOf } = await import('../core/lint/postgres/effects.ts')
  const catalog = catalogOf(live)
  return read.map((one) => {
    const before = catalog.schema()
    const effects = one.statements.map(({ tree }) => {
      const [[kind, node] = ['', {}]] = Object.entries(tree)
      const found = effectsOf({ kind, node: node as Readonly<Record<string, unknown>> }, catalog, major)
      catalog.apply(tree)
      return found
    })
    return foreseen(one, effects, before, catalog.schema(), false, undefined)
  })
}

function foreseen(
  { shapes, using }: Read,
  effects: readonly (readonly Effect[])[],
  before: Schema,
  after: Schema,
  isMeasured: boolean,
  error: MigrateError | undefined,
): Foreseen {
  const statements = shapes.map((shape, i) => ({ ...shape, effects: effects[i] ?? [] }))
  return { statements, before, after, measured: isMeasured, using, ...(error && { error }) }
}

/** What the trees of a script say beside what is read of them. */
async function shapesOf(
  database: Database,
  script: Script,
  statements: Read['statements'],
): Promise<Pick<Read, 'readings' | 'shapes' | 'using'>> {
  const copies = await loadCopies()
  const readings = await database.read(script)
  const using: [string, { expression: string; plain: boolean }][] = []
  const shapes: Omit<ForeseenStatement, 'effects'>[] = []
  for (const [i, reading] of readings.entries()) {
    const { start, end } = reading
    const tree = (statements[i]?.tree ?? {}) as Node
    const move = moveOf(reading, script.text.slice(start, end), copies)
    shapes.push({ start, end, move: { ...move, ...droppedColumns(tree) }, ...workOf(tree) })
    using.push(...(await usingOf(tree)))
  }
  return { readings, shapes, using: new Map(using) }
}

/** What ALTER TABLE is to do, with the table's name. */
function commandsOf(tree: Node): { table: string; commands: AlterTableCmd[] } {
  if (!('AlterTableStmt' in tree)) return { table: '', commands: [] }
  const { relation, cmds = [] } = tree.AlterTableStmt
  const commands = cmds.flatMap((one) => ('AlterTableCmd' in one ? [one.AlterTableCmd] : []))
  return { table: relation?.relname ?? '', commands }
}

function droppedColumns(tree: Node): Pick<Move, 'dropsColumns'> {
  const { table, commands } = commandsOf(tree)
  const dropped = commands.filter(({ subtype }) => subtype === 'AT_DropColumn')
  return dropped.length === 0
    ? {}
    : { dropsColumns: dropped.map(({ name = '' }) => ({ table, column: name })) }
}

const INDEXES = ['CONSTR_PRIMARY', 'CONSTR_UNIQUE', 'CONSTR_EXCLUSION']

type Shape = Pick<ForeseenStatement, 'work' | 'some' | 'waits' | 'keeps'>

function workOf(tree: Node): Shape {
  if ('UpdateStmt' in tree || 'DeleteStmt' in tree || 'MergeStmt' in tree) {
    const conditions = nodesOf(tree, 'UpdateStmt').concat(nodesOf(tree, 'DeleteStmt') as never[])
    return {
      work: 'update',
      ...((conditions.length === 0 || conditions.some((one) => one.whereClause)) && { some: true }),
    }
  }
  if ('InsertStmt' in tree || 'CreateTableAsStmt' in tree || 'RefreshMatViewStmt' in tree)
    return { work: 'rewrite' }
  if ('IndexStmt' in tree) {
    const { concurrent, if_not_exists, idxname } = tree.IndexStmt
    const keeps = if_not_exists && idxname !== undefined ? { keeps: idxname } : {}
    return { work: 'index', ...(concurrent && { waits: true }), ...keeps }
  }
  const waits = isConcurrent(tree) ? { waits: true as const } : {}
  if ('ReindexStmt' in tree) return { work: 'index', ...waits }
  const constraints = nodesOf(tree, 'Constraint').map(({ contype = '' }) => contype)
  if (constraints.some((type) => INDEXES.includes(type))) return { work: 'index' }
  const validates = commandsOf(tree).commands.some(({ subtype }) => subtype === 'AT_ValidateConstraint')
  if (validates || constraints.includes('CONSTR_FOREIGN')) return { work: 'foreign key' }
  return { work: 'scan', ...waits }
}

function isConcurrent(tree: Node): boolean {
  if ('DropStmt' in tree) return tree.DropStmt.concurrent === true
  const named =
    'ReindexStmt' in tree && nodesOf(tree, 'DefElem').some(({ defname }) => defname === 'concurrently')
  return (
    named ||
    commandsOf(tree).commands.some(
      ({ def }) => def && nodesOf(def, 'PartitionCmd').some((one) => one.concurrent),
    )
  )
}

/** What is said behind USING, by table and column. */
async function usingOf(tree: Node): Promise<[string, { expression: string; plain: boolean }][]> {
  const { table, commands } = commandsOf(tree)
  const found: [string, { expression: string; plain: boolean }][] = []
  for (const { subtype, name = '', def } of commands) {
    const column = def && 'ColumnDef' in def ? def.ColumnDef : undefined
    if (subtype !== 'AT_AlterColumnType' || column?.raw_default === undefined) continue
    const { Deparser } = await import('pgsql-deparser')
    const { writers } = await import('../core/schema/convert/writers.ts')
    const expression = writers(Deparser).postgres(column.raw_default)
    found.push([
      `${table}.${name}`,
      { expression, plain: isPlain(column.raw_default, column.typeName, name) },
    ])
  }
  return found
}

/** Whether it says no more than the cast that would be made without it. */
function isPlain(tree: Node, type: unknown, column: string): boolean {
  if (!('TypeCast' in tree)) return false
  const { arg, typeName } = tree.TypeCast
  const bare = (value: unknown) =>
    JSON.stringify(value, (key, inner) => (key === 'location' ? undefined : inner))
  const [field] = arg && 'ColumnRef' in arg ? (arg.ColumnRef.fields ?? []) : []
  const named = field !== undefined && 'String' in field && field.String.sval === column
  return named && bare(typeName) === bare(type)
}
