import { MigrateError } from '../core/errors.ts'
import { type Column, nameOf, type Table } from '../core/schema/model.ts'
import { quoteName } from '../core/text.ts'
import type { Trial } from '../core/transfer/map.ts'
import type { Choice, Reference, Related, Selection } from '../core/transfer/select.ts'
import type { Database } from './database.ts'

/** A part of what tells a row of a table from all others. */
export interface IdPart {
  /** SQL. */
  readonly name: string
  /** What it is in a table of ids; empty for any value. */
  readonly type: string
  /** How two of it are compared, where it is not the column's own way. */
  readonly collation?: string
}

/** What each dialect gives to choose rows with. */
export interface Chooser {
  /** The schema of temporary tables. */
  readonly temporary: string
  /** Runs one statement, and tells how many rows it has written. */
  run(sql: string): Promise<number>
  /** A table behind FROM. */
  from(table: Table): string
  /** @throws USAGE where nothing tells rows apart */
  idOf(table: Table): readonly IdPart[]
  /** A column of a foreign key as it is compared with the column that it refers to. */
  comparedWith(parent: Column | undefined, sql: string, child: Column | undefined): string
  /** What tells a row, as it is looked for among so many ids. */
  soughtAmong(sql: string, ids: number): string
}

/** The rows of a table that have been chosen: their ids are in a temporary table, each with when it came. */
interface Picked {
  readonly ids: readonly IdPart[]
  readonly name: string
  rows: number
  /** The last time that there were more. */
  latest: number
}

/**
 * Chooses rows, and then the rows that they refer to, until none is missing, in temporary tables of row ids. They are
 * of the moment that the open transaction reads, and of its connection.
 *
 * @returns by the names of tables, conditions for `Moved.rows`; a table without one is taken whole
 * @throws USAGE
 */
export async function chooseWith(chooser: Chooser, selection: Selection): Promise<Map<string, string>> {
  const { choices, references } = selection
  const picked = new Map<string, Picked>()
  for (const choice of choices) {
    if (choice.rows !== 'all')
      picked.set(nameOf(choice.table), await begin(chooser, choice, `nexflow_chosen_${picked.size}`))
  }
  await addParents(chooser, childrenFirst(choices, references), picked)
  for (const { name } of picked.values()) await chooser.run(`ANALYZE ${chooser.temporary}.${name}`)
  return new Map([...picked].map(([table, one]) => [table, conditionOf(chooser, one)]))
}

/** The names of the columns in a table of ids. */
const ours = (ids: readonly IdPart[]) => ids.map((_, i) => `k${i}`)

/** Makes a table of ids and fills it with those that are chosen for their own sake. */
async function begin(chooser: Chooser, choice: Choice, name: string): Promise<Picked> {
  const { table, rows, where, limit } = choice
  const ids = chooser.idOf(table)
  const columns = ids.map(({ type }, i) => `k${i} ${type}`).join(', ')
  await chooser.run(`DROP TABLE IF EXISTS ${chooser.temporary}.${name}`)
  await chooser.run(
    `CREATE TEMPORARY TABLE ${name} (${columns}, turn INTEGER NOT NULL, PRIMARY KEY (${ours(ids).join(', ')}))`,
  )
  await chooser.run(`CREATE INDEX ${name}_turn ON ${name} (turn)`)
  if (rows === 'referred to') return { ids, name, rows: 0, latest: 0 }
  const key = table.primaryKey?.columns ?? []
  const order = key.map((column) => `${quoteName(column)} DESC`).join(', ')
  const sql = [
    `INSERT INTO ${name} SELECT ${ids.map((part) => part.name).join(', ')}, 1 FROM ${chooser.from(table)}`,
    ...(where === undefined ? [] : [`WHERE (${where}\n)`]),
    ...(limit === undefined ? [] : [`${order === '' ? '' : `ORDER BY ${order} `}LIMIT ${limit}`]),
  ].join(' ')
  const found = await chooser.run(sql).catch((error: unknown) => {
    if (error instanceof MigrateError || where === undefined) throw error
    throw refused(`--where ${nameOf(table)}`, error)
  })
  // How many they are decides how the rows that they refer to are best found.
  await chooser.run(`ANALYZE ${chooser.temporary}.${name}`)
  return { ids, name, rows: found, latest: 1 }
}

/** Foreign keys in an order in which, without a cycle, each has to be followed only once. */
function childrenFirst(choices: readonly Choice[], references: readonly Reference[]): Reference[] {
  const parentsFirst: Table[] = []
  const seen = new Set<Table>()
  const visit = (table: Table) => {
    if (seen.has(table)) return
    seen.add(table)
    for (const { child, parent } of references) if (child.whole === table) visit(parent.whole)
    parentsFirst.push(table)
  }
  for (const { table } of choices) visit(table)
  const place = ({ child }: Reference) => parentsFirst.indexOf(child.whole)
  return references.toSorted((a, b) => place(b) - place(a))
}

/** Each time a foreign key is followed, it is from rows that were not there the last time. */
async function addParents(
  chooser: Chooser,
  references: readonly Reference[],
  picked: ReadonlyMap<string, Picked>,
): Promise<void> {
  const followed = new Map<Reference, number>()
  // A table that is taken whole has all of its rows from the beginning, and needs no more.
  const pending = (reference: Reference) => {
    const latest = picked.get(nameOf(reference.child.whole))?.latest ?? 1
    return picked.has(nameOf(reference.parent.whole)) && latest > (followed.get(reference) ?? 0)
  }
  for (let turn = 2; ; turn++) {
    const reference = references.find(pending)
    if (reference === undefined) return
    const from = picked.get(nameOf(reference.child.whole))
    const to = picked.get(nameOf(reference.parent.whole)) as Picked
    const sql = followSql(chooser, reference, from, to, followed.get(reference) ?? 0, turn)
    followed.set(reference, from?.latest ?? 1)
    const added = await chooser.run(sql)
    to.rows += added
    if (added > 0) to.latest = turn
  }
}

/** Adds the rows that those refer to which have come after `since`. */
function followSql(
  chooser: Chooser,
  { key, child, parent }: Reference,
  from: Picked | undefined,
  to: Picked,
  since: number,
  turn: number,
): string {
  const references = key.references.map((name) => `p.${quoteName(name)}`).join(', ')
  const values = key.columns.map((name, i) =>
    chooser.comparedWith(columnOf(parent, key.references[i]), `c.${quoteName(name)}`, columnOf(child, name)),
  )
  const chosen = from?.ids.map((part, i) => `${compared(part, 'c.')} = k.k${i}`).join(' AND ')
  const join = from === undefined ? '' : ` JOIN ${from.name} AS k ON ${chosen} WHERE k.turn > ${since}`
  return `INSERT INTO ${to.name}
    SELECT ${to.ids.map(({ name }) => `p.${name}`).join(', ')}, ${turn} FROM ${chooser.from(parent.table)} AS p
    WHERE (${references}) IN (SELECT ${values.join(', ')} FROM ${chooser.from(child.table)} AS c${join})
    ON CONFLICT DO NOTHING`
}

function columnOf({ table }: Related, name: string | undefined): Column | undefined {
  return table.columns.find((column) => column.name === name)
}

function compared({ name, collation }: IdPart, alias = ''): string {
  return `${alias}${name}${collation === undefined ? '' : ` COLLATE ${collation}`}`
}

function conditionOf({ temporary, soughtAmong }: Chooser, { ids, name, rows }: Picked): string {
  const parts = ids.map((part) => soughtAmong(compared(part), rows)).join(', ')
  return `(${parts}) IN (SELECT ${ours(ids).join(', ')} FROM ${temporary}.${name})`
}

/**
 * Tries SQL of somebody's before anything relies on it.
 *
 * @throws USAGE with the database's own words, the errors of the connection
 */
export async function tryOut({ query }: Pick<Database, 'query'>, trials: readonly Trial[]): Promise<void> {
  for (const { what, sql } of trials) {
    try {
      await query(sql)
    } catch (error) {
      // What is at fault with the connection has another code.
      if (error instanceof MigrateError && error.code === 'DATABASE')
        throw refused(what, error.cause ?? error)
      throw error
    }
  }
}

function refused(what: string, error: unknown): MigrateError {
  return new MigrateError('USAGE', `${what}: ${(error as Error).message}`, {
    hint: 'write it in the SQL of the source, with the columns of this table',
    cause: error,
  })
}
