import type { DatabaseSync } from 'node:sqlite'
import { baseName } from '../../core/schema/kinds.ts'
import { type ForeignKey, type Named, nameOf } from '../../core/schema/model.ts'
import { type Bad, type Into, type Search, type Uniqueness, uniquenesses } from '../../core/transfer/bad.ts'
import { type Form, typeBelow } from '../../core/transfer/form.ts'
import type { Moved, MovedColumn } from '../../core/transfer/moved.ts'
import { fieldSql } from './encode.ts'
import { rowidOf } from './send.ts'
import { examplesOf, inner } from './values.ts'

/** Forms of which equal values are equal in SQLite too, and only those. */
const SAME: readonly Form[] = ['boolean', 'int2', 'int4', 'int8', 'float8', 'bytes', 'uuid', 'text']

/** The field is one for all spellings of a moment. */
const field = (value: string, column: MovedColumn) =>
  `iif(${value} IS NULL, NULL, ${fieldSql(column, value, 'postgres')})`

/** What equal values of a form have in common; nothing where only the target compares them. */
const CANONICAL: Partial<Record<Form, (value: string, column: MovedColumn) => string>> = {
  float4: (value) => `iif(${value} IS NULL, NULL, nexflow_round(${value}))`,
  numeric: (value) => `iif(${value} IS NULL, NULL, nexflow_decimal(${value}))`,
  timestamptz: field,
  timestamp: field,
  date: field,
  time: field,
}

/** A value as the target compares it, in SQL; nothing where only the target can say. */
function canonical(column: MovedColumn, value: string, into: Into, { server }: Search): string | undefined {
  const { form, to } = column
  const type = baseName(typeBelow(to, into.schema))
  if (type === 'citext')
    return server?.foldsAll === true
      ? `iif(${value} IS NULL, NULL, nexflow_fold(${value}))`
      : `lower(${value})`
  if (type === 'character') return `rtrim(${value}, ' ')`
  return SAME.includes(form) ? `${value} COLLATE BINARY` : CANONICAL[form]?.(value, column)
}

/** Whether values that SQLite tells apart can be one value of the target. */
function merges({ form, to }: MovedColumn, into: Into): boolean {
  return !SAME.includes(form) || ['citext', 'character'].includes(baseName(typeBelow(to, into.schema)))
}

/** Rows that the target's unique constraints take for one, and rows that refer to none. */
export async function badKeys(
  native: DatabaseSync,
  moved: Moved,
  into: Into,
  good: string,
  search: Search,
): Promise<Bad[]> {
  const found: Bad[] = []
  const covered = uniqueColumns(native, moved)
  for (const uniqueness of uniquenesses(into.table)) {
    search.signal?.throwIfAborted()
    if (isCovered(uniqueness, moved, into, covered)) continue
    const bad = await duplicates(native, moved, into, uniqueness, good, search)
    if (bad !== undefined) found.push(bad)
  }
  for (const foreignKey of into.table.foreignKeys) {
    search.signal?.throwIfAborted()
    const bad = orphans(native, moved, into, foreignKey, good, search)
    if (bad !== undefined) found.push(bad)
  }
  return found
}

/** Sets of columns that SQLite itself keeps without equal rows, compared byte by byte. */
function uniqueColumns(native: DatabaseSync, { from }: Moved): ReadonlySet<string>[] {
  const indexes = native
    .prepare(
      `SELECT l.name, x.name AS part, x.coll FROM pragma_index_list(?) AS l, pragma_index_xinfo(l.name) AS x
       WHERE l."unique" AND NOT l.partial AND x.key ORDER BY 1`,
    )
    .all(from.name)
  const parts = Map.groupBy(indexes, ({ name }) => String(name))
  const sets = [...parts.values()]
    .filter((columns) => columns.every(({ part, coll }) => part !== null && coll === 'BINARY'))
    .map((columns) => new Set(columns.map(({ part }) => String(part))))
  const keys = native.prepare('SELECT name, type, pk FROM pragma_table_info(?) WHERE pk > 0').all(from.name)
  const [key] = keys
  const isRowid = keys.length === 1 && String(key?.type).toUpperCase() === 'INTEGER'
  return isRowid ? [...sets, new Set([String(key?.name)])] : sets
}

function isCovered(
  // A condition only leaves rows out.
  { parts, nullsNotDistinct }: Uniqueness,
  moved: Moved,
  into: Into,
  covered: readonly ReadonlySet<string>[],
): boolean {
  const columns = parts.map(({ column }) => moved.columns.find(({ to }) => to.name === column))
  const known = columns.filter((column) => column !== undefined)
  if (known.some((column) => column.value !== undefined)) return false
  const same = known.filter((column) => !merges(column, into))
  const names = new Set(same.map(({ from }) => from.name))
  const isNever = (name: string) => known.find(({ from }) => from.name === name)?.from.nullable === false
  return covered.some((set) =>
    [...set].every((name) => names.has(name) && (nullsNotDistinct !== true || isNever(name))),
  )
}

/** What each part of a uniqueness is in SQL over what `inner` gives. */
async function partsSql(
  { parts, where }: Uniqueness,
  moved: Moved,
  into: Into,
  search: Search,
): Promise<{ parts: string[]; where: string } | undefined> {
  const hasExpression = where !== undefined || parts.some(({ expression }) => expression !== undefined)
  const convert = hasExpression ? await converter(moved) : () => undefined
  const found = parts.map(({ column, expression }) => {
    if (expression !== undefined) return convert(expression)
    const at = moved.columns.findIndex(({ to }) => to.name === column)
    const known = moved.columns[at]
    return known && canonical(known, `c${at}`, into, search)
  })
  const condition = where === undefined ? '1' : convert(where)
  if (condition === undefined || found.includes(undefined)) return undefined
  return { parts: found.filter((part) => part !== undefined), where: condition }
}

/** Expressions of the target in SQLite's words, over what `inner` gives. */
async function converter(moved: Moved): Promise<(expression: string) => string | undefined> {
  const { loadExpressions } = await import('../../core/schema/convert/expressions.ts')
  const { convert } = await loadExpressions()
  return (expression) =>
    convert(expression, 'sqlite', (name) => {
      const at = moved.columns.findIndex(({ to }) => to.name.toLowerCase() === name.toLowerCase())
      const column = moved.columns[at]
      return column && { name: `c${at}`, kind: column.to.kind }
    })
}

async function duplicates(
  native: DatabaseSync,
  moved: Moved,
  into: Into,
  uniqueness: Uniqueness,
  good: string,
  search: Search,
): Promise<Bad | undefined> {
  const sql = await partsSql(uniqueness, moved, into, search)
  if (sql === undefined || sql.parts.length === 0) return undefined
  const rowid = rowidOf(moved, native)
  const parts = sql.parts.map((part, i) => `${part} AS p${i}`)
  const names = sql.parts.map((_, i) => `p${i}`)
  const nulls = uniqueness.nullsNotDistinct === true ? [] : names.map((name) => `${name} IS NOT NULL`)
  const conditions = [`(${sql.where})`, ...(good === '' ? [] : [good])]
  const order = moved.key.length > 0 ? moved.key.map((_, i) => `k${i}`) : ['1']
  const from = `SELECT *, ${parts.join(', ')} FROM (${inner(moved, rowid)}) WHERE ${conditions.join(' AND ')}`
  const whole = nulls.length === 0 ? '1' : nulls.join(' AND ')
  const counted = native
    .prepare(
      `SELECT sum(n - 1) AS n FROM (SELECT count(*) AS n FROM (${from}) WHERE ${whole}
       GROUP BY ${names.join(', ')} HAVING count(*) > 1)`,
    )
    .get()
  const count = Number(counted?.n ?? 0)
  if (count === 0) return undefined
  const numbered = `SELECT *, row_number() OVER (PARTITION BY ${names.join(', ')} ORDER BY ${order.join(', ')}) AS nth
    FROM (${from}) WHERE ${whole}`
  const shown = uniqueness.parts.flatMap(({ column }, i) => {
    const at = moved.columns.findIndex(({ to }) => to.name === column)
    return at === -1 ? [`p${i}`] : [`c${at}`]
  })
  return {
    table: nameOf(moved.from),
    columns: uniqueness.parts.map(({ column, expression }) => sourceName(moved, column) ?? expression ?? ''),
    reason: 'is there in another row already, as the target compares it',
    count,
    examples: examplesOf(native, moved, numbered, 'nth > 1', shown),
  }
}

function sourceName({ columns }: Moved, name: string | undefined): string | undefined {
  return columns.find(({ to }) => to.name === name)?.from.name
}

const isTable = (a: Named, b: Named) => a.schema === b.schema && a.name === b.name

function orphans(
  native: DatabaseSync,
  moved: Moved,
  into: Into,
  { columns, to, references, matchFull }: ForeignKey,
  good: string,
  search: Search,
): Bad | undefined {
  const parent = search.all?.find((other) => isTable(other.to, to))
  const parentTable = into.schema.tables.find((table) => isTable(table, to))
  if (parent === undefined || parentTable === undefined) return undefined
  const at = (of: Moved, name: string) => of.columns.findIndex((column) => column.to.name === name)
  const child = columns.map((name) => at(moved, name))
  const whole = references.map((name) => at(parent, name))
  if (child.includes(-1) || whole.includes(-1)) return undefined
  const sqlOf = (of: Moved, table: Into) => (i: number) => {
    const column = of.columns[i]
    return column && canonical(column, `c${i}`, table, search)
  }
  const mine = child.map(sqlOf(moved, into))
  const theirs = whole.map(sqlOf(parent, { schema: into.schema, table: parentTable }))
  if (mine.includes(undefined) || theirs.includes(undefined)) return undefined
  const names = child.map((i) => `c${i}`)
  const all = names.map((name) => `${name} IS NOT NULL`).join(' AND ')
  const parents = inner(parent, undefined)
  // NULL among those that are looked through would make every answer NULL.
  const there = whole.map((i) => `c${i} IS NOT NULL`).join(' AND ')
  const lone = `(${mine.join(', ')}) NOT IN (SELECT ${theirs.join(', ')} FROM (${parents}) WHERE ${there})`
  const half = `${names.map((name) => `${name} IS NULL`).join(' + ')} BETWEEN 1 AND ${names.length - 1}`
  const missing = `(${all} AND ${lone})${matchFull === true ? ` OR (${half})` : ''}`
  const condition = `(${missing})${good === '' ? '' : ` AND ${good}`}`
  const from = inner(moved, rowidOf(moved, native))
  const counted = native.prepare(`SELECT count(*) AS n FROM (${from}) WHERE ${condition}`).get()
  const count = Number(counted?.n ?? 0)
  if (count === 0) return undefined
  return {
    table: nameOf(moved.from),
    columns: child.map((i) => moved.columns[i]?.from.name ?? ''),
    reason: `refers to no row of ${nameOf(parent.from)}`,
    count,
    examples: examplesOf(native, moved, from, condition, names),
  }
}
