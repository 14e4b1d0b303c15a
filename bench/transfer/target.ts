import { DatabaseSync } from 'node:sqlite'
import { isDeepStrictEqual } from 'node:util'
import { query } from '../files.ts'
import { ours, run } from '../measure.ts'
import { MIGRATIONS, TABLES, type TableName } from './data.ts'
import type { Job } from './processes.ts'

/** The tables by their size, the longest first: so two lanes end at about the same time. */
export const BY_SIZE: readonly TableName[] = [
  'messages',
  'logs',
  'tasks',
  'sessions',
  'users',
  'schedules',
  'skills',
]

/** Rows of each table that are compared. */
const COMPARED = 20

const LIST = TABLES.map((name) => `'${name}'::regclass`).join(', ')

const CONSTRAINTS = `SELECT conrelid::regclass::text AS on, conname AS name, contype AS kind,
    pg_get_constraintdef(oid) AS definition, confrelid::regclass::text AS parent
  FROM pg_constraint WHERE contype IN ('p', 'u', 'f') AND conrelid IN (${LIST}) ORDER BY conname`

const INDEXES = `SELECT indrelid::regclass::text AS on, indexrelid::regclass::text AS name,
    pg_get_indexdef(indexrelid) AS definition
  FROM pg_index WHERE indrelid IN (${LIST}) ORDER BY 2`

interface Constraint {
  readonly on: TableName
  readonly name: string
  readonly kind: 'p' | 'u' | 'f'
  readonly definition: string
  readonly parent: string
}

interface Index {
  readonly on: TableName
  readonly name: string
  readonly definition: string
}

/** What is to be enforced in the end: keys, foreign keys and indexes. */
export interface Rules {
  readonly constraints: readonly Constraint[]
  readonly indexes: readonly Index[]
}

async function rulesOf(url: string): Promise<Rules> {
  return {
    constraints: (await query(url, CONSTRAINTS)) as unknown as Constraint[],
    indexes: (await query(url, INDEXES)) as unknown as Index[],
  }
}

/** Makes the tables of the last version in an empty database. */
export async function migrate(url: string): Promise<Rules> {
  run(ours(url, MIGRATIONS))
  return rulesOf(url)
}

/** Makes the tables without what is faster to make when the rows are there, and gives that. */
export async function makeBare(url: string): Promise<Rules> {
  const rules = await migrate(url)
  const owned = new Set(rules.constraints.map(({ name }) => name))
  // Foreign keys hold the keys that they refer to.
  for (const { on, name } of rules.constraints.toSorted((a, b) => rank(a) - rank(b))) {
    await query(url, `ALTER TABLE ${on} DROP CONSTRAINT ${name}`)
  }
  for (const { name } of rules.indexes) if (!owned.has(name)) await query(url, `DROP INDEX ${name}`)
  return rules
}

function rank({ kind }: Constraint): number {
  return kind === 'f' ? 0 : 1
}

/** The jobs that make indexes and keys, each as soon as the jobs that have the tables' names are done. */
export function finishing(url: string, { constraints, indexes }: Rules): Job[] {
  const job = (name: string, needs: readonly string[], ...statements: readonly string[]): Job => ({
    name,
    needs,
    run: async () => {
      for (const sql of statements) await query(url, `SET maintenance_work_mem = '512MB'; ${sql}`)
    },
  })
  const keys = constraints.filter(({ kind }) => kind !== 'f')
  return [
    // Two of one table can be made at a time; a constraint that made its index itself would lock the others out.
    ...bySize(indexes).map(({ on, name, definition }) => job(name, [on], definition)),
    ...bySize(keys).map(({ on, name, kind }) => {
      const word = kind === 'p' ? 'PRIMARY KEY' : 'UNIQUE'
      return job(
        `${name} as key`,
        [name],
        `ALTER TABLE ${on} ADD CONSTRAINT ${name} ${word} USING INDEX ${name}`,
      )
    }),
    // To validate locks less than to add: two that refer to the same table are validated at a time.
    ...bySize(constraints.filter(({ kind }) => kind === 'f')).map(({ on, name, definition, parent }) => {
      const needed = [on, ...keys.filter((key) => key.on === parent).map((key) => `${key.name} as key`)]
      const add = `ALTER TABLE ${on} ADD CONSTRAINT ${name} ${definition} NOT VALID`
      return job(name, needed, add, `ALTER TABLE ${on} VALIDATE CONSTRAINT ${name}`)
    }),
  ]
}

function bySize<T extends { on: TableName }>(all: readonly T[]): T[] {
  return all.toSorted((a, b) => BY_SIZE.indexOf(a.on) - BY_SIZE.indexOf(b.on))
}

/** What is in the source, and so is to be in a target. */
export class Expected {
  readonly counts: Readonly<Record<string, unknown>>
  readonly columns: ReadonlyMap<TableName, readonly string[]>
  readonly samples: ReadonlyMap<TableName, readonly Record<string, unknown>[]>
  /** Bytes of all values. */
  readonly bytes: number

  constructor(file: string) {
    const database = new DatabaseSync(file, { readOnly: true })
    const all = (sql: string) => database.prepare(sql).all()
    this.columns = new Map(
      TABLES.map((table) => [
        table,
        all(`SELECT name FROM pragma_table_info('${table}')`).map(({ name }) => String(name)),
      ]),
    )
    this.counts = { ...database.prepare(COUNTS).get() }
    this.samples = new Map(
      TABLES.map((table) => [
        table,
        all(
          `SELECT * FROM ${table} WHERE rowid % (SELECT max(1, max(rowid) / ${COMPARED}) FROM ${table}) = 0`,
        ),
      ]),
    )
    const sizes = TABLES.map((table) => {
      const sum = this.columns
        .get(table)
        ?.map((name) => `coalesce(octet_length(${name}), 0)`)
        .join(' + ')
      return database.prepare(`SELECT sum(${sum}) AS bytes FROM ${table}`).get()?.bytes
    })
    this.bytes = sizes.reduce<number>((sum, bytes) => sum + Number(bytes), 0)
    database.close()
  }

  get rows(): number {
    return TABLES.reduce((sum, table) => sum + Number(this.counts[table]), 0)
  }

  /** Compares counts and samples with a target of either kind. */
  async check(url: string): Promise<void> {
    const [counts = {}] = await query(url, COUNTS)
    for (const [name, count] of Object.entries(this.counts)) {
      if (Number(counts[name]) !== count) throw new Error(`${name}: ${counts[name]} rows instead of ${count}`)
    }
    for (const [table, rows] of this.samples) {
      const ids = rows.map(({ id }) => `'${id}'`).join(', ')
      const found = await query(url, `SELECT * FROM ${table} WHERE id IN (${ids})`)
      for (const row of rows) {
        const other = found.find(({ id }) => id === row.id)
        for (const [name, value] of Object.entries(row)) {
          if (isDeepStrictEqual(canonical(name, value), canonical(name, other?.[name]))) continue
          throw new Error(`${table} ${row.id}: ${name} is ${other?.[name]} instead of ${value}`)
        }
      }
    }
  }
}

/** Rows of each table, and of one column those with nothing and those with an empty text. */
const COUNTS = `SELECT ${[
  ...TABLES.map((table) => `(SELECT count(*) FROM ${table}) AS ${table}`),
  '(SELECT count(*) FROM tasks WHERE error IS NULL) AS null_errors',
  `(SELECT count(*) FROM tasks WHERE error = '') AS empty_errors`,
].join(', ')}`

const JSONS = ['metadata', 'input', 'output', 'permissions']

/** A value of either database in the form in which equal ones are the same. */
function canonical(column: string, value: unknown): unknown {
  if (column.endsWith('_at')) return moment(value)
  if (column === 'enabled') return Boolean(value)
  return JSONS.includes(column) && typeof value === 'string' ? JSON.parse(value) : value
}

function moment(value: unknown): number {
  if (value instanceof Date) return value.getTime()
  return Date.parse(
    `${String(value)
      .replace(' ', 'T')
      .replace(/(Z|\+00(:00)?)$/, '')}Z`,
  )
}

/** Compares what is enforced in a target. */
export async function checkRules(url: string, expected: Rules): Promise<void> {
  if (isDeepStrictEqual(await rulesOf(url), expected)) return
  throw new Error(`other keys and indexes than the migrations make:\n${JSON.stringify(await rulesOf(url))}`)
}
