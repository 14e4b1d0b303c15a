import type { Check, Column, ForeignKey, Index, Schema, Table, Trigger } from '../../schema/model.ts'
import { columnText, indexText, triggerText } from '../../schema/sql/ddl-sqlite.ts'
import { namesIn, nameText } from '../../schema/sql/names.ts'
import type { SqliteFacts, TableFate } from './facts.ts'

/** What a rebuild has left behind, as people are told, and the SQL that makes it again. */
export interface Forgotten {
  readonly what: string
  readonly sql?: string
}

const lower = (name: string) => name.toLowerCase()
const name = (text: string) => nameText('sqlite', text)

/** Indexes and triggers that went with a table and were not made again. */
export function forgottenThings(facts: SqliteFacts, { table, now }: TableFate): Forgotten[] {
  const { before, after, dropped, origin } = facts
  if (now === undefined) return []
  const gone = goneColumns(table, now)
  const said = (thing: string) => dropped.has(lower(thing))
  const known = origin?.tables.find((one) => lower(one.name) === lower(table.name))
  const indexes = table.indexes.filter(
    (index) =>
      !said(index.name) &&
      !namesOf(index).some((column) => gone.has(column)) &&
      !hasIndex(now, index) &&
      (origin === undefined || known?.indexes.some((one) => sameIndex(one, index))),
  )
  const triggers = before.triggers.filter(
    (trigger) =>
      lower(trigger.table) === lower(table.name) &&
      !said(trigger.name) &&
      !hasTrigger(after, trigger) &&
      ![...namesIn('sqlite', trigger.sql)].some((column) => gone.has(column)) &&
      (origin === undefined || hasTrigger(origin, trigger)),
  )
  return [
    ...indexes.map((index) => ({ what: `the index ${index.name}`, sql: `${indexText(now, index)};` })),
    ...triggers.map((trigger) => ({ what: `the trigger ${trigger.name}`, sql: `${triggerText(trigger)};` })),
  ]
}

function hasTrigger({ triggers }: Schema, { name, table }: Trigger): boolean {
  return triggers.some((one) => lower(one.name) === lower(name) || (one.table === table && one.name === name))
}

function namesOf({ parts, where = '' }: Index): string[] {
  const expressions = parts.map(({ expression = '' }) => expression)
  const columns = parts.flatMap(({ column }) => (column === undefined ? [] : [lower(column)]))
  return [...columns, ...namesIn('sqlite', [...expressions, where].join(' '))]
}

/** Whether the same is found in the table, under whatever name: a constraint has an index too. */
function hasIndex(table: Table, index: Index): boolean {
  if (table.indexes.some((one) => sameIndex(one, index))) return true
  const columns = index.parts.map(({ column }) => lower(column ?? ''))
  if (index.where !== undefined || columns.includes('')) return false
  const keys = [table.primaryKey, ...table.uniques]
  return keys.some((key) => key !== undefined && sameNames(key.columns, columns))
}

function sameIndex(one: Index, other: Index): boolean {
  const text = ({ parts, unique, where }: Index) => JSON.stringify([parts, unique, where]).toLowerCase()
  return text(one) === text(other)
}

function sameNames(one: readonly string[], other: readonly string[]): boolean {
  const set = new Set(one.map(lower))
  return one.length === other.length && other.every((column) => set.has(lower(column)))
}

function goneColumns(before: Table, after: Table): Set<string> {
  const left = new Set(after.columns.map((column) => lower(column.name)))
  return new Set(before.columns.map((column) => lower(column.name)).filter((column) => !left.has(column)))
}

/** Clauses of CREATE TABLE that the new table lacks. What has become another of its kind is a change, not a loss. */
export function forgottenClauses({ origin }: SqliteFacts, { table, now }: TableFate): Forgotten[] {
  if (now === undefined || now.virtual !== undefined || table.virtual !== undefined) return []
  const lost = lostClauses(table, now)
  if (origin === undefined) return lost
  const was = origin.tables.find((one) => lower(one.name) === lower(table.name))
  const owed = new Set((was ? lostClauses(was, now) : []).map(({ what }) => what))
  return lost.filter(({ what }) => owed.has(what))
}

function lostClauses(before: Table, after: Table): Forgotten[] {
  const gone = goneColumns(before, after)
  const stay = (columns: readonly string[]) => columns.every((column) => !gone.has(lower(column)))
  const columns = before.columns.filter((column) => !gone.has(lower(column.name)))
  const pairs = columns.map(
    (column) => [column, after.columns.find((one) => lower(one.name) === lower(column.name))] as const,
  )
  const lost: Forgotten[] = []
  const { primaryKey: key } = before
  if (key !== undefined && after.primaryKey === undefined && stay(key.columns))
    lost.push({ what: `PRIMARY KEY (${key.columns.join(', ')})` })
  for (const { columns } of before.uniques)
    if (stay(columns) && !isUnique(after, columns)) lost.push({ what: `UNIQUE (${columns.join(', ')})` })
  for (const one of before.foreignKeys)
    if (stay(one.columns) && !refers(after, one)) lost.push({ what: keyText(one) })
  for (const check of before.checks)
    if (stay(columnsOf(before, check)) && !isChecked(after, columnsOf(before, check)))
      lost.push({ what: `CHECK (${check.expression})` })
  for (const [column, other] of pairs)
    if (other !== undefined) lost.push(...lostOfColumn(before, column, other))
  if (before.strict && !after.strict) lost.push({ what: 'STRICT' })
  if (before.withoutRowid && !after.withoutRowid) lost.push({ what: 'WITHOUT ROWID' })
  // Nobody rebuilds a table for nothing: where it is all that changes, it is meant.
  const nulls = pairs.filter(([column, other]) => isLoosened(before, column, other))
  const changes = changesBeyond(before, after, nulls.length)
  if (lost.length > 0 || changes)
    lost.push(...nulls.map(([column]) => ({ what: `NOT NULL of ${column.name}` })))
  return lost
}

function lostOfColumn(table: Table, before: Column, after: Column): Forgotten[] {
  const lost: Forgotten[] = []
  const text = (what: string) =>
    `${what} of ${before.name} (${columnText(before, { checks: [], references: [] })})`
  if (before.identity === 'autoincrement' && after.identity === undefined)
    lost.push({ what: `AUTOINCREMENT of ${table.name}.${before.name}` })
  if (before.collation !== undefined && after.collation === undefined)
    lost.push({ what: text(`COLLATE ${before.collation}`) })
  if (before.default !== undefined && after.default === undefined && after.generated === undefined)
    lost.push({ what: text('DEFAULT') })
  if (before.generated !== undefined && after.generated === undefined) lost.push({ what: text('GENERATED') })
  return lost
}

function isLoosened(table: Table, before: Column, after: Column | undefined): boolean {
  return (
    after?.nullable === true && !before.nullable && table.primaryKey?.columns.includes(before.name) !== true
  )
}

/** Whether more of the columns has changed than that so many take NULL now. */
function changesBeyond(before: Table, after: Table, nulls: number): boolean {
  if (nulls === 0) return false
  const text = ({ columns, checks, foreignKeys, uniques }: Table) =>
    JSON.stringify([
      columns.map(({ name, type, default: value, collation }) => [name, type, value, collation]),
      checks,
      foreignKeys,
      uniques,
    ]).toLowerCase()
  return text(before) !== text(after)
}

export function isUnique(table: Table, columns: readonly string[]): boolean {
  const keys = [table.primaryKey, ...table.uniques].flatMap((key) => (key === undefined ? [] : [key.columns]))
  const indexes = table.indexes.filter(({ unique }) => unique).map(namesOf)
  // Of more columns, it is another one.
  return [...keys, ...indexes].some((key) =>
    columns.every((column) => key.map(lower).includes(lower(column))),
  )
}

function refers(table: Table, { columns }: ForeignKey): boolean {
  return table.foreignKeys.some((one) =>
    columns.every((column) => one.columns.map(lower).includes(lower(column))),
  )
}

export function keyText({ columns, to, references }: ForeignKey): string {
  return `FOREIGN KEY (${columns.join(', ')}) REFERENCES ${name(to.name)} (${references.join(', ')})`
}

function columnsOf({ columns }: Table, { expression }: Check): string[] {
  const names = namesIn('sqlite', expression)
  return columns.map((column) => column.name).filter((column) => names.has(lower(column)))
}

function isChecked(table: Table, columns: readonly string[]): boolean {
  return table.checks.some((check) => {
    const names = namesIn('sqlite', check.expression)
    return columns.some((column) => names.has(lower(column)))
  })
}

/** Foreign keys that no row can be written under: their target is not there, or not unique. */
export function brokenKeys({ tables, views }: Schema): { table: Table; key: ForeignKey; why: string }[] {
  return tables.flatMap((table) =>
    table.foreignKeys.flatMap((key) => {
      const to = tables.find((one) => lower(one.name) === lower(key.to.name))
      const isView = views.some((view) => lower(view.name) === lower(key.to.name))
      const missing = isView ? `${key.to.name} is a view` : `there is no table ${key.to.name}`
      if (to === undefined) return [{ table, key, why: missing }]
      const exact = [
        ...[to.primaryKey, ...to.uniques].flatMap((one) => (one === undefined ? [] : [one.columns])),
        ...to.indexes
          .filter((index) => index.unique && index.where === undefined)
          .map((index) => index.parts.map(({ column = '' }) => column)),
      ]
      const fits =
        key.references.length === key.columns.length &&
        exact.some((columns) => sameNames(columns, key.references))
      const columns = key.references.join(', ') || 'its primary key'
      return fits ? [] : [{ table, key, why: `${to.name} (${columns}) is neither a primary key nor unique` }]
    }),
  )
}
