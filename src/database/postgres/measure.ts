import type { DefElem, Node, RangeVar } from 'libpg-query'
import type { ClientBase } from 'pg'
import { MigrateError } from '../../core/errors.ts'
import { type Effect, LOCKS, type Lock, type Measured } from '../../core/lint/effect.ts'
import { nodesOf } from '../../core/schema/convert/ast.ts'
import { nameOf } from '../../core/schema/model.ts'
import type { Script } from '../../core/script.ts'
import { type Spot, sqlError } from '../../core/sql-error.ts'
import { isOurs } from '../state.ts'
import type { QueryEach } from './catalog.ts'
import { isServerError } from './errors.ts'
import { mustBeOutside, partOf } from './outside.ts'
import { cut, send } from './script.ts'

/** A table, a view or an index, at one moment. */
interface Relation {
  readonly oid: number
  /** The table of an index; its own of all else. */
  readonly of: number
  readonly schema: string
  readonly name: string
  /** `relkind` of https://www.postgresql.org/docs/current/catalog-pg-class.html */
  readonly kind: string
  /** Whether its name alone means it. */
  readonly visible: boolean
  /** An index that is built in two scans, of which the second looks for what it excludes. */
  readonly excludes: boolean
  /** The number of the file that it is in; null where it has none. */
  readonly file: number | null
  readonly space: number
  /** How often it was scanned, up to now. */
  readonly scans: number
}

interface ForeignKey {
  readonly child: number
  readonly parent: number
  readonly deferred: boolean
}

/** What there is and what is locked, at one moment of a transaction. */
interface Look {
  readonly relations: ReadonlyMap<number, Relation>
  readonly indexes: ReadonlyMap<number, readonly Relation[]>
  readonly locks: readonly { readonly oid: number; readonly lock: Lock }[]
  /** Those by which every row is known to have its row in the other table. */
  readonly foreignKeys: ReadonlyMap<number, ForeignKey>
}

type Seen = Partial<Pick<Effect, 'lock' | 'scan' | 'rewrite'>>

/** What was seen of tables, by their numbers. */
type SeenTables = ReadonlyMap<number, Seen>

/** TOAST tables are left out: they are locked with their tables only. */
const LOOK = `
  SELECT c.oid, coalesce(indrelid, c.oid) AS of, nspname AS schema, relname AS name, relkind AS kind,
    pg_table_is_visible(c.oid) AS visible, coalesce(indisexclusion, false) AS excludes,
    pg_relation_filenode(c.oid) AS file, reltablespace AS space,
    coalesce(pg_stat_get_xact_numscans(c.oid), 0)::int4 AS scans
  FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = relnamespace LEFT JOIN pg_index ON indexrelid = c.oid
  WHERE relkind IN ('r', 'p', 'f', 'm', 'v', 'i', 'I') AND nspname <> 'information_schema' AND nspname !~ '^pg_';
  SELECT relation AS oid, mode FROM pg_locks JOIN pg_database ON pg_database.oid = database
  WHERE locktype = 'relation' AND pid = pg_backend_pid() AND granted AND datname = current_database();
  SELECT oid, conrelid AS child, confrelid AS parent, condeferred AS deferred FROM pg_constraint WHERE contype = 'f' AND convalidated`

/**
 * Runs a script statement by statement and asks the catalog what each has done: PostgreSQL keeps every lock to the
 * end of the transaction, gives a table that is rewritten a new file, and counts scans. No code, trigger or cascade
 * hides anything from it. A view, materialized or not, counts as a table.
 *
 * @param usual the schema that people are not told
 * @throws SQL where the grammar cannot read it, TRANSACTION_STATEMENT, and the errors of the connection
 */
export async function measure(
  client: ClientBase,
  query: QueryEach,
  script: Script,
  name: string,
  usual: string,
): Promise<Measured[]> {
  const statements = await cut(script)
  const trees = statements.map(({ tree }) => tree as Node)
  const first = look(await query(LOOK))
  const together = script.transaction && (trees.some(needsOthers) || mayDefer(trees, first))
  /** SET LOCAL holds to the end of the script. */
  const settings: string[] = []
  let last: Look | undefined

  async function inside(statement: Spot): Promise<SeenTables> {
    const before =
      last ?? look((await query(['BEGIN', ...settings, LOOK].join(';\n'))).slice(1 + settings.length))
    try {
      await send(client, [partOf(script, statement)], name)
      const after = look(await query(together ? LOOK : `${LOOK};COMMIT`))
      if (together) last = after
      return compare(before, after)
    } catch (error) {
      await client.query('ROLLBACK').catch(() => {})
      throw error
    }
  }

  async function outside(statement: Spot, tree: Node): Promise<SeenTables> {
    const before = look(await query(LOOK))
    await send(client, [partOf(script, statement)], name)
    return compareOutside(tree, before, look(await query(LOOK)))
  }

  const measured: Measured[] = []
  for (const { start, end, tree } of statements) {
    try {
      const seen = await inside({ start, end }).catch((error: unknown) => {
        if (together || !mustBeOutside(error)) throw error
        return outside({ start, end }, tree as Node)
      })
      measured.push({ start, end, effects: effectsOf(seen, first.relations, usual) })
    } catch (error) {
      return [...measured, { start, end, effects: [], error: refusal(error, script, { start, end }) }]
    }
    if (isLocal(tree as Node) && script.transaction) settings.push(script.text.slice(start, end))
  }
  if (last !== undefined) await query('COMMIT')
  return measured
}

/** What is nothing without the transaction that it stands in. */
function needsOthers(tree: Node): boolean {
  if ('TransactionStmt' in tree || 'DeclareCursorStmt' in tree || 'ConstraintsSetStmt' in tree) return true
  const [table] = nodesOf(tree, 'CreateStmt')
  const [into] = nodesOf(tree, 'CreateTableAsStmt')
  return [table?.oncommit, into?.into?.onCommit].some(
    (action) => action === 'ONCOMMIT_DROP' || action === 'ONCOMMIT_DELETE_ROWS',
  )
}

/** Whether rows may be written that are right only when others are written too. */
function mayDefer(trees: readonly Node[], { foreignKeys }: Look): boolean {
  const deferred =
    [...foreignKeys.values()].some(({ deferred }) => deferred) ||
    nodesOf(trees, 'Constraint').some(
      ({ initdeferred, contype }) => initdeferred || contype === 'CONSTR_ATTR_DEFERRED',
    )
  return (
    deferred && trees.some((tree) => 'InsertStmt' in tree || 'UpdateStmt' in tree || 'DeleteStmt' in tree)
  )
}

function isLocal(tree: Node): boolean {
  return 'VariableSetStmt' in tree && tree.VariableSetStmt.is_local === true
}

const CANCELLED = '57014'

/** The server's refusal of a statement, or of the commit behind it; all else is thrown. */
function refusal(error: unknown, script: Script, spot: Spot): MigrateError {
  const cause = error instanceof MigrateError ? error.cause : undefined
  if (!(error instanceof MigrateError) || !isServerError(cause) || cause.code === CANCELLED) throw error
  return error.code === 'DATABASE'
    ? sqlError(script, spot, 'postgres', cause.message, { hint: cause.hint, cause })
    : error
}

function look([relations = [], locks = [], foreignKeys = []]: readonly Record<string, unknown>[][]): Look {
  const rows = relations as unknown as Relation[]
  const held = locks as unknown as { oid: number; mode: string }[]
  const keys = foreignKeys as unknown as (ForeignKey & { oid: number })[]
  return {
    relations: new Map(rows.map((relation) => [relation.oid, relation])),
    indexes: Map.groupBy(
      rows.filter(({ oid, of }) => of !== oid),
      ({ of }) => of,
    ),
    locks: held.map(({ oid, mode }) => ({ oid, lock: lockOf(mode) })),
    foreignKeys: new Map(keys.map((key) => [key.oid, key])),
  }
}

/** `AccessShareLock` is ACCESS SHARE. */
function lockOf(mode: string): Lock {
  const name = mode
    .replace(/Lock$/, '')
    .replace(/(?<=[a-z])(?=[A-Z])/g, ' ')
    .toUpperCase()
  return LOCKS.find((lock) => lock === name) ?? 'ACCESS SHARE'
}

const STRENGTH: readonly (Lock | undefined)[] = LOCKS

function stronger(a: Lock | undefined, b: Lock): Lock {
  return a !== undefined && STRENGTH.indexOf(a) > STRENGTH.indexOf(b) ? a : b
}

/** What was done between two moments of a transaction. Who reads a table locks its indexes too, so theirs count. */
function compare(before: Look, after: Look): SeenTables {
  const seen = new Map<number, Seen>()
  const held = new Set(before.locks.map(({ oid, lock }) => `${oid} ${lock}`))
  for (const { oid, lock } of after.locks) {
    const table = before.relations.get(oid)?.of
    if (table === undefined || held.has(`${oid} ${lock}`)) continue
    seen.set(table, { lock: stronger(seen.get(table)?.lock, lock) })
  }
  const checked = [...after.foreignKeys]
    .filter(([oid, { child }]) => !before.foreignKeys.has(oid) && scansOf(child, before, after) > 0)
    .flatMap(([, { child, parent }]) => [child, parent])
  for (const { oid, of, kind, space, file, scans } of before.relations.values()) {
    const now = after.relations.get(oid)
    if (now === undefined || of !== oid) continue
    const renewed = now.file !== file
    // TRUNCATE gives a new file too, and builds the indexes on it. A materialized view is filled from elsewhere.
    const read = now.space !== space || scansOf(oid, before, after) > buildsOf(oid, before, after)
    const rewrite = renewed && (kind === 'm' || read)
    const scan = rewrite || (!renewed && now.scans > scans) || checked.includes(oid)
    if (scan) seen.set(oid, { lock: strongest(before, after, oid), scan, rewrite })
  }
  return seen
}

/** What a statement reads that one before it has locked, others wait for with that lock. */
function strongest(before: Look, after: Look, table: number): Lock {
  const own = after.locks.filter(({ oid }) => before.relations.get(oid)?.of === table)
  return own.reduce<Lock>((most, { lock }) => stronger(most, lock), 'ACCESS SHARE')
}

/** How often a table was scanned, by itself or by an index that was there. */
function scansOf(table: number, before: Look, after: Look): number {
  const heap = before.relations.get(table)
  const relations = [...(heap ? [heap] : []), ...(before.indexes.get(table) ?? [])]
  return relations.reduce(
    (sum, { oid, scans }) => sum + (after.relations.get(oid)?.scans ?? scans) - scans,
    0,
  )
}

/** How often it was scanned to build indexes. One that only gets another number keeps its file. */
function buildsOf(table: number, before: Look, after: Look): number {
  const files = new Set(before.indexes.get(table)?.map(({ file }) => file))
  const built = (after.indexes.get(table) ?? []).filter(({ file }) => file !== null && !files.has(file))
  return built.reduce((sum, { excludes }) => sum + (excludes ? 2 : 1), 0)
}

/**
 * What a statement did that runs in transactions of its own, whose locks are gone by now. Which they were:
 * https://www.postgresql.org/docs/current/explicit-locking.html
 */
function compareOutside(tree: Node, before: Look, after: Look): SeenTables {
  const seen = new Map<number, Seen>(named(tree, [...before.relations.values()]))
  const weak = isConcurrent(tree)
  for (const { oid, of, file } of before.relations.values()) {
    const now = after.relations.get(oid)
    if (of !== oid || now === undefined) continue
    const dropped = before.indexes.get(oid)?.some((index) => !after.relations.has(index.oid))
    if (now.file !== file) seen.set(oid, { lock: 'ACCESS EXCLUSIVE', scan: true, rewrite: true })
    else if (buildsOf(oid, before, after) > 0) {
      const lock = 'ReindexStmt' in tree ? 'ACCESS EXCLUSIVE' : 'SHARE'
      seen.set(oid, { lock: weak ? 'SHARE UPDATE EXCLUSIVE' : lock, scan: true })
    } else if (dropped) seen.set(oid, { lock: weak ? 'SHARE UPDATE EXCLUSIVE' : 'ACCESS EXCLUSIVE' })
  }
  return seen
}

function isConcurrent(tree: Node): boolean {
  if ('IndexStmt' in tree) return tree.IndexStmt.concurrent === true
  if ('DropStmt' in tree) return tree.DropStmt.concurrent === true
  return 'ReindexStmt' in tree && options(tree.ReindexStmt.params).includes('concurrently')
}

function options(params: readonly Node[] = []): string[] {
  return nodesOf(params, 'DefElem').map(({ defname = '' }: DefElem) => defname)
}

/** What leaves no trace in the catalog is known by its words: VACUUM, DETACH PARTITION CONCURRENTLY. */
function* named(tree: Node, relations: readonly Relation[]): Iterable<[number, Seen]> {
  const find = ({ schemaname, relname }: RangeVar) =>
    relations.filter(
      ({ schema, name, visible }) =>
        name === relname && (schemaname === undefined ? visible : schema === schemaname),
    )
  if ('VacuumStmt' in tree) {
    const { rels } = tree.VacuumStmt
    const ranges = nodesOf(rels, 'VacuumRelation').flatMap(({ relation }) => relation ?? [])
    const tables = rels === undefined ? relations.filter(({ kind }) => kind === 'r') : ranges.flatMap(find)
    for (const { oid } of tables) yield [oid, { lock: 'SHARE UPDATE EXCLUSIVE', scan: true }]
  }
  if ('AlterTableStmt' in tree) {
    const parts = nodesOf(tree, 'PartitionCmd').flatMap(({ name }) => name ?? [])
    const parents = tree.AlterTableStmt.relation === undefined ? [] : find(tree.AlterTableStmt.relation)
    for (const { oid } of parents) yield [oid, { lock: 'SHARE UPDATE EXCLUSIVE' }]
    for (const { oid } of parts.flatMap(find)) yield [oid, { lock: 'ACCESS EXCLUSIVE' }]
  }
}

/** Of the tables that were there before the script, by their names then. */
function effectsOf(seen: SeenTables, relations: Look['relations'], usual: string): Effect[] {
  const effects = [...seen].flatMap(([oid, { lock = 'ACCESS SHARE', scan = false, rewrite = false }]) => {
    const table = relations.get(oid)
    if (table === undefined || isOurs(table.name)) return []
    const schema = table.schema === usual ? '' : table.schema
    return [{ table: nameOf({ schema, name: table.name }), lock, scan, rewrite }]
  })
  return effects.sort((a, b) => (a.table < b.table ? -1 : 1))
}
