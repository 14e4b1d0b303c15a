import { quoteName } from '../../text.ts'
import { baseName, kindOf } from '../kinds.ts'
import {
  type Check,
  type Column,
  type Domain,
  type Enum,
  emptySchema,
  type ForeignKey,
  type Index,
  type IndexPart,
  type Key,
  type Kind,
  type Named,
  nameOf,
  type Schema,
  type Table,
  type Unique,
  type View,
} from '../model.ts'
import type { Converted, Hints } from './convert.ts'
import type { Columns, Expressions } from './expressions.ts'

/** SQLite's types by what a value is. */
const TYPES: Readonly<Record<Kind, string>> = {
  integer: 'INTEGER',
  boolean: 'INTEGER',
  real: 'REAL',
  numeric: 'NUMERIC',
  blob: 'BLOB',
  text: 'TEXT',
  uuid: 'TEXT',
  enum: 'TEXT',
  json: 'TEXT',
  date: 'TEXT',
  time: 'TEXT',
  timestamp: 'TEXT',
  timestamptz: 'TEXT',
  interval: 'TEXT',
  array: 'TEXT',
  other: 'TEXT',
}

/** What every part of the conversion needs. */
interface Context {
  readonly schema: Schema
  readonly expressions: Expressions
  readonly hints: ReadonlyMap<string, string>
  readonly notes: string[]
}

/** PostgreSQL's schema as SQLite has it. */
export function schemaToSqlite(schema: Schema, expressions: Expressions, hints: Hints): Converted {
  const notes: string[] = []
  const wanted = new Map(Object.entries(hints).map(([place, type]) => [place.toLowerCase(), type]))
  const context: Context = { schema, expressions, hints: wanted, notes }
  const { extensions, sequences, functions, triggers } = schema
  for (const name of extensions.filter((one) => one !== 'citext'))
    notes.push(`${name}: SQLite has no such extension`)
  for (const one of sequences) notes.push(`${nameOf(one)}: SQLite has no sequences`)
  for (const one of functions) notes.push(`${nameOf(one)}: SQLite has no functions of its own`)
  for (const { name, table } of triggers) notes.push(`${table}: write the trigger ${name} for SQLite`)
  const names = [...schema.tables, ...schema.views].filter((one) => one.schema !== '')
  for (const one of names) notes.push(`${nameOf(one)}: SQLite has one schema, it became ${flat(one)}`)
  const tables = schema.tables.filter((table) => {
    if (table.partitionOf) notes.push(`${nameOf(table)}: its rows are kept in ${nameOf(table.partitionOf)}`)
    return table.partitionOf === undefined
  })
  return {
    schema: {
      ...emptySchema('sqlite'),
      tables: tables.map((table) => tableOf(table, context)),
      views: schema.views.flatMap((view) => viewOf(view, context)),
    },
    notes,
  }
}

/** A name in SQLite's only schema. */
function flat({ schema, name }: Named): string {
  return schema === '' ? name : `${schema}_${name}`
}

function tableOf(table: Table, context: Context): Table {
  const { notes } = context
  const columns = table.columns.map((column) => columnOf(table, column, context))
  const own = table.columns.flatMap((column) => ownChecks(table, column, context))
  for (const { name } of table.exclusions)
    notes.push(`${nameOf(table)}: SQLite has no EXCLUDE, ${name} was left out`)
  const { primaryKey } = table
  return {
    schema: '',
    name: flat(table),
    columns,
    ...(primaryKey && { primaryKey: keyOf(table, primaryKey, 'pkey', notes) }),
    uniques: table.uniques.map((unique): Unique => {
      if (unique.nullsNotDistinct)
        notes.push(`${nameOf(table)}: SQLite takes NULLs for distinct in ${unique.columns}`)
      return keyOf(table, unique, 'key', notes)
    }),
    foreignKeys: table.foreignKeys.map((key) => foreignKeyOf(table, key)),
    checks: [...own, ...table.checks.flatMap((check) => checkOf(table, check, context))],
    exclusions: [],
    indexes: table.indexes.flatMap((index) => indexOf(table, index, context)),
  }
}

/** A name that PostgreSQL would give by itself says nothing. */
function namedBy(
  table: Named,
  given: string | undefined,
  columns: readonly string[],
  end: string,
): { name?: string } {
  if (given === undefined) return {}
  const usual = end === 'pkey' ? [`${table.name}_pkey`] : [[table.name, ...columns, end].join('_')]
  const isUsual =
    usual.some((one) => given.replace(/\d+$/, '') === one) || new RegExp(`_${end}\\d*$`).test(given)
  return isUsual ? {} : { name: given }
}

function keyOf(table: Table, { name, columns, deferrable }: Key, end: string, notes: string[]): Key {
  if (deferrable) notes.push(`${nameOf(table)}: SQLite checks the key of ${columns.join(', ')} at once`)
  return { ...namedBy(table, name, columns, end), columns }
}

function foreignKeyOf(table: Table, key: ForeignKey): ForeignKey {
  const { name, notValid: _, matchFull: __, to, ...rest } = key
  return { ...namedBy(table, name, key.columns, 'fkey'), ...rest, to: { schema: '', name: flat(to) } }
}

/** What stands behind the name of a type: an enum, a domain. */
function behind<T extends Named>(type: string, all: readonly T[]): T | undefined {
  const plain = type.replaceAll('"', '')
  return all.find((one) => nameOf(one) === plain) ?? all.find((one) => one.name === plain)
}

/** A column's domains, from its own down to the type below them all. */
function domainsOf({ type }: { type: string }, { domains }: Schema): Domain[] {
  const domain = behind(type, domains)
  return domain === undefined ? [] : [domain, ...domainsOf(domain, { domains } as Schema)]
}

/** The type below all domains. */
function bottom(column: Column, schema: Schema): { type: string; kind: Kind; values?: Enum['values'] } {
  const type = domainsOf(column, schema).at(-1)?.type ?? column.type
  const found = behind(type, schema.enums)
  if (found !== undefined) return { type, kind: 'enum', values: found.values }
  return { type, kind: type === column.type ? column.kind : kindOf('postgres', type) }
}

function columnsOf(table: Table, schema: Schema): Columns {
  return (name) => {
    const column = table.columns.find((one) => one.name.toLowerCase() === name.toLowerCase())
    return column && { name: column.name, kind: bottom(column, schema).kind }
  }
}

/** Types that SQLite keeps as text, and does not know how to compare. */
const STRANGE: ReadonlySet<Kind> = new Set<Kind>(['array', 'other', 'interval'])

function columnOf(table: Table, column: Column, context: Context): Column {
  const { schema, expressions, notes } = context
  const place = `${nameOf(table)}.${column.name}`
  const { type: raw, kind } = bottom(column, schema)
  const hint = context.hints.get(place.toLowerCase())
  const type = hint ?? TYPES[kind]
  const [only, ...more] = table.primaryKey?.columns ?? []
  const isKey = only === column.name && more.length === 0
  const isCitext = baseName(raw) === 'citext'
  if (STRANGE.has(kind) && hint === undefined) notes.push(`${place}: ${column.type} became TEXT`)
  if (!isUsualCollation(column.collation)) notes.push(`${place}: SQLite has no collation ${column.collation}`)
  const domains = domainsOf(column, schema)
  const base: Column = {
    name: column.name,
    type,
    kind: kindOf('sqlite', type),
    nullable: column.nullable && domains.every(({ nullable }) => nullable),
    ...(isCitext && { collation: 'NOCASE' }),
  }
  if (column.identity !== undefined && isKey && kind === 'integer')
    return { ...base, type: 'INTEGER', identity: 'autoincrement' }
  if (column.identity !== undefined) {
    notes.push(`${place}: SQLite counts only in a primary key of one column`)
    return base
  }
  if (column.generated) {
    const expression = expressions.convert(column.generated.expression, 'sqlite', columnsOf(table, schema))
    if (expression !== undefined)
      return { ...base, generated: { expression, stored: column.generated.stored } }
    notes.push(
      `${place}: is no longer made from (${column.generated.expression}), which SQLite may not understand`,
    )
    return base
  }
  const given = column.default ?? domains.find((domain) => domain.default !== undefined)?.default
  const value = given === undefined ? undefined : expressions.convert(given, 'sqlite', () => undefined)
  if (given !== undefined && value === undefined) {
    const isRandom = expressions.same(given, 'gen_random_uuid()')
    notes.push(
      isRandom
        ? `${place}: SQLite makes no UUID, the application gives it`
        : `${place}: the default ${given} was left out, SQLite may not understand it`,
    )
  }
  return value === undefined ? base : { ...base, default: value }
}

function isUsualCollation(collation = 'default'): boolean {
  return /^"?(C|POSIX|default)"?$/.test(collation.replace(/^"?pg_catalog"?\./, ''))
}

/** What a type of PostgreSQL says that SQLite's does not: a boolean, an enum, the checks of a domain. */
function ownChecks(table: Table, column: Column, context: Context): Check[] {
  const { schema, expressions, notes } = context
  const { kind, values } = bottom(column, schema)
  const quoted =
    /^[a-z_][a-z0-9_]*$/.test(column.name) && !RESERVED.has(column.name)
      ? column.name
      : quoteName(column.name)
  const texts = values?.map((value) => `'${value.replaceAll("'", "''")}'`)
  const checks = domainsOf(column, schema).flatMap((domain) =>
    domain.checks.flatMap(({ expression }): Check[] => {
      const columns: Columns = (name) => (name === 'value' ? { name: column.name, kind } : undefined)
      const converted = expressions.convert(expression, 'sqlite', columns)
      if (converted !== undefined) return [{ expression: converted }]
      notes.push(`${nameOf(table)}.${column.name}: CHECK (${expression}) of ${domain.name} was left out`)
      return []
    }),
  )
  if (kind === 'boolean') return [{ expression: `${quoted} IN (0, 1)` }, ...checks]
  return texts === undefined ? checks : [{ expression: `${quoted} IN (${texts.join(', ')})` }, ...checks]
}

/** Words that are no names in either database, as far as people use them for columns. */
const RESERVED = new Set(
  'all and as case check collate column commit constraint create default delete desc asc distinct drop else end exists for foreign from group having in index insert into is join key limit not null on or order primary references select set table then to transaction union unique update user using values when where with'.split(
    ' ',
  ),
)

function checkOf(table: Table, check: Check, { schema, expressions, notes }: Context): Check[] {
  const expression = expressions.convert(check.expression, 'sqlite', columnsOf(table, schema))
  if (expression !== undefined) return [{ ...namedBy(table, check.name, [], 'check'), expression }]
  notes.push(`${nameOf(table)}: CHECK (${check.expression}) was left out, SQLite may not understand it`)
  return []
}

function indexOf(table: Table, index: Index, { schema, expressions, notes }: Context): Index[] {
  const place = `${index.name} on ${nameOf(table)}`
  const columns = columnsOf(table, schema)
  const note = (what: string) => notes.push(`${place}: ${what}`)
  if (index.method !== undefined && index.method !== 'hash')
    note(`SQLite has no ${index.method}, it became a plain one`)
  if (index.nullsNotDistinct) note('SQLite takes NULLs for distinct')
  const parts = index.parts.flatMap(({ column, expression, desc, collation }): IndexPart[] => {
    if (!isUsualCollation(collation)) note(`SQLite has no collation ${collation}`)
    const order = desc && { desc }
    if (column !== undefined) return [{ column, ...order }]
    const converted =
      expression === undefined ? undefined : expressions.convert(expression, 'sqlite', columns)
    return converted === undefined ? [] : [{ expression: converted, ...order }]
  })
  const where = index.where === undefined ? undefined : expressions.convert(index.where, 'sqlite', columns)
  if (parts.length < index.parts.length || (index.where !== undefined && where === undefined)) {
    note('was left out, SQLite may not understand its expression')
    return []
  }
  return [{ name: index.name, unique: index.unique, parts, ...(where !== undefined && { where }) }]
}

function viewOf(view: View, { schema, expressions, notes }: Context): View[] {
  const columns: Columns = (column, name) => {
    const table = schema.tables.find((one) => one.name === name)
    return table && columnsOf(table, schema)(column)
  }
  const query = expressions.convertStatement(view.query, 'sqlite', columns)
  if (query === undefined) {
    notes.push(`${nameOf(view)}: the view was left out, SQLite may not understand it`)
    return []
  }
  if (view.materialized) notes.push(`${nameOf(view)}: SQLite keeps no view's rows, it became a plain one`)
  const made = view.columns.map(({ name, type, kind }) => {
    const found = bottom({ name, type, kind, nullable: true }, schema).kind
    return { name, type: TYPES[found], kind: kindOf('sqlite', TYPES[found]) }
  })
  return [{ schema: '', name: flat(view), columns: made, query, indexes: [] }]
}
