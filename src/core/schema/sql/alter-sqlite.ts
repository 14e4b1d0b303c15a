import { isDeepStrictEqual } from 'node:util'
import type { Check, Column, ForeignKey, Index, Key, Schema, Table, Trigger, View } from '../model.ts'
import type { Alteration } from './ddl.ts'
import {
  checkText,
  columnText,
  defaultText,
  indexText,
  indexTexts,
  isLiteral,
  isRowid,
  tableText,
  triggersInOrder,
  triggerText,
  viewsInOrder,
  viewText,
} from './ddl-sqlite.ts'
import { fold, namesIn, nameText, stringText } from './names.ts'
import { tablesInOrder } from './order.ts'
import { freeName, type Renames, renameAll, renameOrder, renamesOf, type TableRename } from './renames.ts'

const name = (text: string) => nameText('sqlite', text)
const folded = (text: string) => fold('sqlite', text)
const find = <T extends { readonly name: string }>(all: readonly T[], wanted: string) =>
  all.find((one) => folded(one.name) === folded(wanted))

/** How a table comes to be as wanted. */
type Way =
  | { readonly how: 'nothing' | 'create' | 'rebuild' | 'replace' }
  | { readonly how: 'alter'; readonly added: readonly Column[]; readonly dropped: readonly Column[] }

/** The statements that turn one schema of SQLite into another. */
export function alterSqlite(before: Schema, after: Schema, told: Renames): Alteration {
  const renames = renamesOf(before, told)
  // What stands where a renamed table is to be must go first.
  const displaced = renames.filter(
    (rename) =>
      rename.from === rename.to &&
      renames.some((one) => one !== rename && folded(one.to) === folded(rename.to)),
  )
  const kept = renames.filter((rename) => !displaced.includes(rename))
  const was = renameAll(
    {
      ...before,
      tables: before.tables.filter((table) => !displaced.some(({ from }) => from === table.name)),
    },
    kept,
  )
  const gone = tablesInOrder(was)
    .filter((table) => find(after.tables, table.name) === undefined)
    .toReversed()
  const ways = new Map(after.tables.map((table) => [table, wayOf(find(was.tables, table.name), table)]))
  const taken = new Set(
    [...before.tables, ...after.tables, ...before.views, ...after.views].map((one) => folded(one.name)),
  )

  const touched = touchedBy(kept, displaced, gone, ways)
  const views = affectedViews(before, after, touched)
  const triggers = affectedTriggers(
    before,
    after,
    new Set([...touched, ...views.map((view) => folded(view.name))]),
  )
  const indexes = indexesInTheWay(was, after, ways)

  const statements = [
    ...triggers.map((trigger) => `DROP TRIGGER ${name(trigger.name)}`),
    ...viewsInOrder(views)
      .toReversed()
      .map((view) => `DROP VIEW ${name(view.name)}`),
    ...indexes.map((index) => `DROP INDEX ${name(index)}`),
    // The name stays, and its rows do not: the tool that runs it wants to be told.
    ...displaced.flatMap(({ from }) => [`DELETE FROM ${name(from)}`, `DROP TABLE ${name(from)}`]),
    ...renameTexts(kept, taken),
    ...tablesInOrder(after).flatMap((table) =>
      tableSteps(find(was.tables, table.name), table, ways.get(table) ?? { how: 'nothing' }, taken),
    ),
    ...gone.map((table) => `DROP TABLE ${name(table.name)}`),
    ...viewsInOrder(after.views)
      .filter((view) => isGone(before.views, views, view))
      .map((view) => viewText(view, after)),
    ...triggersInOrder(after.triggers)
      .filter((trigger) => isGone(before.triggers, triggers, trigger))
      .map(triggerText),
  ]
  const notes = [
    ...[...displaced.map(({ from }) => from), ...gone.map((table) => table.name)].map(
      (table) => `the table ${table} is dropped with its rows`,
    ),
    ...after.tables.flatMap((table) => notesOf(find(was.tables, table.name), table, ways.get(table))),
  ]
  return { statements, notes }
}

/** Whether it must be made: it was not there, or has been dropped. */
function isGone<T extends View | Trigger>(before: readonly T[], dropped: readonly T[], wanted: T): boolean {
  return find(before, wanted.name) === undefined || find(dropped, wanted.name) !== undefined
}

function wayOf(before: Table | undefined, after: Table): Way {
  if (before === undefined) return { how: 'create' }
  if (before.virtual !== undefined || after.virtual !== undefined) {
    return { how: before.virtual === after.virtual ? 'nothing' : 'replace' }
  }
  const added = after.columns.filter((column) => find(before.columns, column.name) === undefined)
  const dropped = before.columns.filter((column) => find(after.columns, column.name) === undefined)
  if (!canAlter(before, after, added, dropped)) return { how: 'rebuild' }
  return added.length + dropped.length === 0 ? { how: 'nothing' } : { how: 'alter', added, dropped }
}

/** Whether ALTER TABLE does it, on a table with rows too: https://sqlite.org/lang_altertable.html */
function canAlter(
  before: Table,
  after: Table,
  added: readonly Column[],
  dropped: readonly Column[],
): boolean {
  const stays = before.columns.filter((column) => !dropped.includes(column))
  const lost = (one: readonly unknown[], other: readonly unknown[]) =>
    one.filter((thing) => !other.some((same) => isDeepStrictEqual(same, thing)))
  const news = [
    lost(after.checks, before.checks) as Check[],
    lost(after.foreignKeys.map(plainKey), before.foreignKeys.map(plainKey)) as ForeignKey[],
  ] as const
  return (
    before.strict === after.strict &&
    before.withoutRowid === after.withoutRowid &&
    isDeepStrictEqual(
      before.primaryKey && plainKey(before.primaryKey),
      after.primaryKey && plainKey(after.primaryKey),
    ) &&
    isDeepStrictEqual(textsOf(before.uniques), textsOf(after.uniques)) &&
    lost(before.checks, after.checks).length === 0 &&
    lost(before.foreignKeys.map(plainKey), after.foreignKeys.map(plainKey)).length === 0 &&
    stays.some(({ generated }) => generated === undefined) &&
    stays.every((column) => sameColumn(column, find(after.columns, column.name))) &&
    dropped.every((column) => isDroppable(before, column)) &&
    added.every((column) => isAddable(after, column)) &&
    news[0].every((check) => added.some((column) => speaksOf(check.expression, column))) &&
    news[1].every(
      ({ columns }) => columns.length === 1 && added.some((column) => folded(column.name) === columns[0]),
    )
  )
}

/** With names as SQLite compares them. */
function plainKey<K extends Key | ForeignKey>(key: K): K {
  return {
    ...key,
    columns: key.columns.map(folded),
    ...('to' in key && {
      to: { ...key.to, name: folded(key.to.name) },
      references: key.references.map(folded),
    }),
  }
}

function textsOf(keys: readonly Key[]): string[] {
  return keys.map((key) => JSON.stringify(plainKey(key))).sort()
}

function sameColumn(before: Column, after: Column | undefined): boolean {
  const plain = ({ name, type, kind, comment, ...rest }: Column) => rest
  return (
    after !== undefined &&
    before.type.toLowerCase() === after.type.toLowerCase() &&
    isDeepStrictEqual(plain(before), plain(after))
  )
}

function speaksOf(expression: string, column: Column): boolean {
  return namesIn('sqlite', expression).has(folded(column.name))
}

function isDroppable(table: Table, column: Column): boolean {
  const keys = [table.primaryKey, ...table.uniques, ...table.foreignKeys].flatMap((key) => key?.columns ?? [])
  const others = table.columns.filter((one) => one !== column)
  return (
    !keys.some((key) => folded(key) === folded(column.name)) &&
    !table.checks.some(({ expression }) => speaksOf(expression, column)) &&
    !others.some(({ generated }) => generated !== undefined && speaksOf(generated.expression, column))
  )
}

function isAddable(table: Table, column: Column): boolean {
  const { default: fallback, generated } = column
  const isNull = fallback === undefined || /^null$/i.test(fallback)
  const keys = [table.primaryKey, ...table.uniques].flatMap((key) => key?.columns ?? [])
  const refers = table.foreignKeys.some(({ columns }) => columns.includes(column.name))
  return (
    !keys.some((key) => folded(key) === folded(column.name)) &&
    (generated === undefined || (!generated.stored && column.nullable)) &&
    (generated !== undefined || column.nullable || !isNull) &&
    (isNull || (isLiteral(fallback) && !/^current_/i.test(fallback))) &&
    (!refers || isNull)
  )
}

/** Names, folded, of tables whose views and triggers cannot stay as they are. */
function touchedBy(
  renames: readonly TableRename[],
  displaced: readonly TableRename[],
  gone: readonly Table[],
  ways: ReadonlyMap<Table, Way>,
): Set<string> {
  const changed = [...ways].filter(
    ([, way]) =>
      way.how === 'rebuild' || way.how === 'replace' || (way.how === 'alter' && way.dropped.length > 0),
  )
  const current = [...changed.map(([table]) => table.name), ...gone.map((table) => table.name)]
  const old = renames
    .filter(
      ({ from, to, columns }) =>
        from !== to || columns.length > 0 || current.some((one) => folded(one) === folded(to)),
    )
    .flatMap(({ from, to }) => [from, to])
  return new Set([...current, ...old, ...displaced.map(({ from }) => from)].map(folded))
}

/** Views that are dropped: those that go, are others, or read what changes; those that do not work are in the way. */
function affectedViews(before: Schema, after: Schema, touched: ReadonlySet<string>): View[] {
  const affected = new Set(touched)
  return viewsInOrder(before.views).filter((view) => {
    const wanted = find(after.views, view.name)
    const reads = namesIn('sqlite', view.query)
    const hit =
      wanted === undefined ||
      viewText(wanted, after) !== viewText(view, before) ||
      (view.columns.length === 0 && touched.size > 0) ||
      [...affected].some((one) => reads.has(one))
    if (hit) affected.add(folded(view.name))
    return hit
  })
}

function affectedTriggers(before: Schema, after: Schema, touched: ReadonlySet<string>): Trigger[] {
  return triggersInOrder(before.triggers).filter((trigger) => {
    const wanted = find(after.triggers, trigger.name)
    if (wanted === undefined || triggerText(wanted) !== triggerText(trigger)) return true
    const names = namesIn('sqlite', trigger.sql)
    return [...touched].some((one) => names.has(one))
  })
}

/** Names of indexes that go, become others or move to another table; those of a table that goes, go with it. */
function indexesInTheWay(was: Schema, after: Schema, ways: ReadonlyMap<Table, Way>): string[] {
  const wanted = new Map(
    after.tables.flatMap((table) => table.indexes.map((index) => [folded(index.name), { table, index }])),
  )
  return was.tables.flatMap((table) => {
    const next = find(after.tables, table.name)
    const how = next === undefined ? undefined : ways.get(next)?.how
    const goes = (index: Index) => {
      const again = wanted.get(folded(index.name))
      const moves = again !== undefined && again.table !== next
      if (how === undefined || how === 'replace') return moves
      if (again === undefined || moves) return true
      return how !== 'rebuild' && indexText(again.table, again.index) !== indexText(table, index)
    }
    return table.indexes.filter(goes).map((index) => index.name)
  })
}

function renameTexts(renames: readonly TableRename[], taken: ReadonlySet<string>): string[] {
  const tables = renameOrder(renames, taken).map(
    ({ from, to }) => `ALTER TABLE ${name(from)} RENAME TO ${name(to)}`,
  )
  const columns = renames.flatMap(({ to: table, columns }) =>
    renameOrder(columns, new Set(columns.flatMap(({ from, to }) => [folded(from), folded(to)]))).map(
      ({ from, to }) => `ALTER TABLE ${name(table)} RENAME COLUMN ${name(from)} TO ${name(to)}`,
    ),
  )
  return [...tables, ...columns]
}

function tableSteps(before: Table | undefined, after: Table, way: Way, taken: ReadonlySet<string>): string[] {
  if (before === undefined) return [tableText(after), ...indexTexts(after)]
  if (way.how === 'rebuild') return [...rebuild(before, after, taken), ...indexTexts(after)]
  if (way.how === 'replace')
    return [`DROP TABLE ${name(before.name)}`, tableText(after), ...indexTexts(after)]
  const had = new Set(before.indexes.map((index) => indexText(before, index)))
  return [
    ...(way.how === 'alter' ? alterTexts(after, way) : []),
    ...indexTexts(after).filter((text) => !had.has(text)),
  ]
}

function alterTexts(after: Table, { added, dropped }: Extract<Way, { how: 'alter' }>): string[] {
  // A check stands behind the last of the new columns that it speaks of.
  const ownerOf = (check: Check) => added.findLast((column) => speaksOf(check.expression, column))
  const table = name(after.name)
  return [
    ...added.map((column) => {
      const parts = {
        checks: after.checks.filter((check) => ownerOf(check) === column),
        references: after.foreignKeys.filter(({ columns }) => columns.includes(column.name)),
      }
      return `ALTER TABLE ${table} ADD COLUMN ${columnText(column, parts)}`
    }),
    ...dropped.map((column) => `ALTER TABLE ${table} DROP COLUMN ${name(column.name)}`),
  ]
}

/** Makes the table anew, takes the rows along, and gives it its name: https://sqlite.org/lang_altertable.html#otheralter */
function rebuild(before: Table, after: Table, taken: ReadonlySet<string>): string[] {
  const made = freeName(`${after.name}_new`, taken)
  const copied = after.columns.filter(({ generated }) => generated === undefined)
  const pairs = copied.flatMap((column) => {
    const old = find(before.columns, column.name)
    return old === undefined ? [] : [{ column, value: valueText(before, old, after, column) }]
  })
  // Rows of which nothing is left are still rows.
  const [first] = copied
  if (pairs.length === 0 && first) pairs.push({ column: first, value: defaultText(first.default ?? 'NULL') })
  const counts = (table: Table) => table.columns.some(({ identity }) => identity === 'autoincrement')
  const counter = (table: string) => `SELECT seq FROM sqlite_sequence WHERE name = ${stringText(table)}`
  return [
    tableText(after, made),
    `INSERT INTO ${name(made)} (${pairs.map(({ column }) => name(column.name)).join(', ')})\nSELECT ${pairs
      .map(({ value }) => value)
      .join(', ')}\nFROM ${name(before.name)}`,
    // Else ids of deleted rows would be given again.
    ...(counts(before) && counts(after)
      ? [
          `UPDATE sqlite_sequence SET seq = coalesce((${counter(before.name)}), seq) WHERE name = ${stringText(made)}`,
        ]
      : []),
    `DROP TABLE ${name(before.name)}`,
    `ALTER TABLE ${name(made)} RENAME TO ${name(after.name)}`,
  ]
}

function valueText(from: Table, old: Column, to: Table, column: Column): string {
  // Qualified: a column that is not there would else be a string.
  const value = `${name(from.name)}.${name(old.name)}`
  const typed = needsCast(old, to, column) ? `CAST(${value} AS ${column.type})` : value
  return fillsNulls(old, to, column) ? `coalesce(${typed}, ${defaultText(column.default ?? '')})` : typed
}

/** SQLite converts what it writes where nothing is lost, but never from or to BLOB; a STRICT table refuses it. */
function needsCast(old: Column, to: Table, column: Column): boolean {
  return (
    to.strict === true &&
    (old.kind === 'blob') !== (column.kind === 'blob') &&
    column.type.toLowerCase() !== 'any'
  )
}

function fillsNulls(old: Column, to: Table, column: Column): boolean {
  return becomesNotNull(old, to, column) && column.default !== undefined && !/^null$/i.test(column.default)
}

function becomesNotNull(old: Column, to: Table, column: Column): boolean {
  const inKey = to.withoutRowid === true && to.primaryKey?.columns.includes(column.name)
  return old.nullable && (!column.nullable || inKey === true) && !isRowid(to, column)
}

function notesOf(before: Table | undefined, after: Table, way: Way | undefined): string[] {
  if (before === undefined || way === undefined) return []
  if (way.how === 'replace') return [`the virtual table ${after.name} is made anew without what it held`]
  const at = (column: Column) => `${after.name}.${column.name}`
  const columns = after.columns.flatMap((column): string[] => {
    const old = find(before.columns, column.name)
    if (column.generated !== undefined) return []
    if (old === undefined) {
      const filled = column.nullable || (column.default !== undefined && !/^null$/i.test(column.default))
      return filled
        ? []
        : [`${at(column)} is new, NOT NULL and has no default: it fails if the table has rows`]
    }
    const isNull = becomesNotNull(old, after, column)
    return [
      ...(old.kind !== column.kind
        ? [`${at(column)} changes from ${old.type} to ${column.type}: look at its values`]
        : []),
      ...(isNull && fillsNulls(old, after, column)
        ? [`NULLs in ${at(column)} become ${column.default}`]
        : []),
      ...(isNull && !fillsNulls(old, after, column)
        ? [`${at(column)} becomes NOT NULL and has no default: it fails if rows have NULL there`]
        : []),
    ]
  })
  const dropped = before.columns.filter((column) => find(after.columns, column.name) === undefined)
  const counted =
    before.columns.some(({ identity }) => identity) && !after.columns.some(({ identity }) => identity)
  return [
    ...(counted ? [`${after.name} counts without AUTOINCREMENT: ids of deleted rows are given again`] : []),
    ...dropped.map((column) => `${at(column)} is dropped with its values`),
    ...columns,
    ...newRules(before, after).map((rule) => `${after.name} gets ${rule}: it fails if rows break it`),
    ...orderNote(before, after, way),
  ]
}

/** Rules that rows of a table must obey from now on. One about a column that is NULL everywhere is obeyed. */
function newRules(before: Table, after: Table): string[] {
  const isNull = (column: string) => {
    const made = find(after.columns, column)
    return find(before.columns, column) === undefined && made?.default === undefined && !made?.generated
  }
  const rules = (table: Table): [rule: string, columns: readonly string[]][] => [
    ...[table.primaryKey, ...table.uniques].flatMap((key): [string, readonly string[]][] =>
      key === undefined
        ? []
        : [[`UNIQUE (${key.columns.join(', ')})`, key === table.primaryKey ? [] : key.columns]],
    ),
    ...table.indexes
      .filter(({ unique }) => unique)
      .map((index): [string, string[]] => [
        `the unique index ${index.name}`,
        index.parts.flatMap(({ column }) => column ?? []),
      ]),
    ...table.checks.map(({ expression }): [string, string[]] => [checkText({ expression }), []]),
    ...table.foreignKeys.map(({ columns, to }): [string, readonly string[]] => [
      `a foreign key (${columns.join(', ')}) to ${to.name}`,
      columns,
    ]),
    ...(table.strict ? [['STRICT', []] as [string, string[]]] : []),
  ]
  const had = new Set(rules(before).map(([rule]) => folded(rule)))
  return rules(after).flatMap(([rule, columns]) =>
    had.has(folded(rule)) || columns.some(isNull) ? [] : [rule],
  )
}

function orderNote(before: Table, after: Table, way: Way): string[] {
  if (way.how === 'rebuild') return []
  const stays = before.columns.map((column) => folded(column.name))
  const wanted = after.columns.map((column) => folded(column.name))
  const order = [
    ...stays.filter((one) => wanted.includes(one)),
    ...wanted.filter((one) => !stays.includes(one)),
  ]
  return order.join('\0') === wanted.join('\0')
    ? []
    : [
        `the columns of ${after.name} keep their order, new ones last: the wanted order is ${wanted.join(', ')}`,
      ]
}
