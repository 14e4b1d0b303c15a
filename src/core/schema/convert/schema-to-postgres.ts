import { quoteName } from '../../text.ts'
import { baseName, kindOf } from '../kinds.ts'
import {
  type Check,
  type Column,
  emptySchema,
  type ForeignKey,
  type Index,
  type IndexPart,
  type Key,
  type Kind,
  type Schema,
  type Table,
  type Unique,
  type View,
} from '../model.ts'
import type { Converted, Hints } from './convert.ts'
import type { Columns, Expressions } from './expressions.ts'
import { utcOf } from './moments.ts'

/** What is told of a column when its type is chosen. */
interface Place {
  readonly table: Table
  readonly column: Column
  readonly expressions: Expressions
}

/** A reason to take a type for a column of SQLite. The first that holds, wins. */
interface Reason {
  readonly type: string
  readonly when: (place: Place) => boolean
}

/** Names of what is on or off. */
const FLAGS =
  /^(enabled|disabled|active|inactive|archived|deleted|hidden|visible|public|private|locked|verified|confirmed|published|completed|done|required|optional|default|pinned|read|revoked|paused)$|^(is|has|can|should|was|allow|use|needs)_|_(enabled|disabled|only)$/i

/** Names of what is kept as JSON. What is called so and is no JSON is told by a hint. */
const JSON_NAMES =
  /^(metadata|meta|permissions|settings|config|configuration|payload|attributes|properties|preferences|options|extra|tags|labels)$|_(json|metadata|settings|config|payload)$/i

const NOW = "datetime('now')"

const REASONS: readonly Reason[] = [
  { type: 'bigint', when: (place) => isRowid(place) },
  { type: 'boolean', when: ({ column }) => column.kind === 'boolean' },
  { type: 'boolean', when: (place) => place.column.kind === 'integer' && isBitCheck(place) },
  {
    type: 'boolean',
    when: ({ column, expressions: { same } }) =>
      column.kind === 'integer' &&
      FLAGS.test(column.name) &&
      ['0', '1'].some((bit) => column.default !== undefined && same(column.default, bit)),
  },
  { type: 'timestamp with time zone', when: ({ column }) => /^timestamp/.test(column.kind) },
  { type: 'timestamp with time zone', when: (place) => isText(place) && hasDefault(place, NOW) },
  {
    type: 'timestamp with time zone',
    when: (place) => isText(place) && /_at$/i.test(place.column.name) && hasDefault(place, undefined, 'NULL'),
  },
  { type: 'date', when: (place) => isText(place) && hasDefault(place, "date('now')") },
  { type: 'jsonb', when: ({ column }) => column.kind === 'json' },
  { type: 'jsonb', when: (place) => isText(place) && isJson(place) },
  { type: 'uuid', when: (place) => isText(place) && hasDefault(place, 'gen_random_uuid()') },
  {
    type: 'citext',
    when: ({ column }) => column.kind === 'text' && /^nocase$/i.test(column.collation ?? ''),
  },
]

function isText({ column }: Place): boolean {
  return column.kind === 'text' && !/^nocase$/i.test(column.collation ?? '')
}

function hasDefault({ column, expressions: { same } }: Place, ...wanted: (string | undefined)[]): boolean {
  const { default: given } = column
  return wanted.some((one) => (given === undefined || one === undefined ? given === one : same(given, one)))
}

function isJson({ table, column, expressions }: Place): boolean {
  const valid = `json_valid(${quoteName(column.name)})`
  if (table.checks.some(({ expression }) => isCheckOf(expression, valid, column, expressions))) return true
  if (hasDefault({ table, column, expressions }, "'{}'", "'[]'")) return true
  return JSON_NAMES.test(column.name) && hasDefault({ table, column, expressions }, undefined, 'NULL')
}

/** A check, or the same that lets NULL pass in so many words. */
function isCheckOf(expression: string, wanted: string, column: Column, { same }: Expressions): boolean {
  return [wanted, `${quoteName(column.name)} IS NULL OR ${wanted}`].some((one) => same(expression, one))
}

function bitChecks({ name }: Column): string[] {
  const column = quoteName(name)
  return [`${column} IN (0, 1)`, `${column} = 0 OR ${column} = 1`, `${column} BETWEEN 0 AND 1`]
}

function isBitCheck({ table, column, expressions }: Place): boolean {
  return table.checks.some(({ expression }) =>
    bitChecks(column).some((wanted) => isCheckOf(expression, wanted, column, expressions)),
  )
}

const sameName = (a: string, b: string) => a.toLowerCase() === b.toLowerCase()

/** Whether the column is another name of the rowid. */
function isRowid({ table, column }: Place): boolean {
  const [first, ...more] = table.primaryKey?.columns ?? []
  const isKey = first !== undefined && more.length === 0 && sameName(first, column.name)
  const isDescending = (table.primaryKey?.desc?.length ?? 0) > 0
  return isKey && /^integer$/i.test(column.type) && !table.withoutRowid && !isDescending
}

/** PostgreSQL's types by what a value is. */
const TYPES: { readonly [K in Kind]?: string } = {
  integer: 'bigint',
  real: 'double precision',
  text: 'text',
  blob: 'bytea',
  boolean: 'boolean',
  uuid: 'uuid',
  json: 'jsonb',
  date: 'date',
  time: 'time without time zone',
  interval: 'interval',
  timestamp: 'timestamp with time zone',
  timestamptz: 'timestamp with time zone',
}

/** The type by the declared one alone: with its length or its precision, where that says something. */
function plainType({ type, kind }: Column): string {
  const [, size] = /\(\s*(\d+(?:\s*,\s*\d+)?)\s*\)/.exec(type) ?? []
  if (kind === 'numeric')
    return /^(numeric|decimal)/i.test(type) && size ? `numeric(${size.replace(/\s/g, '')})` : 'numeric'
  if (kind === 'text' && size && /^(n?varchar|character varying)$/.test(baseName(type)))
    return `character varying(${size})`
  return TYPES[kind] ?? 'text'
}

/** The types of all columns of a schema, by table and column in small letters. */
type Types = Map<string, { readonly name: string; readonly type: string; readonly kind: Kind }>

const keyOf = (table: string, column: string) => `${table}.${column}`.toLowerCase()

/** SQLite's schema as PostgreSQL has it. */
export function schemaToPostgres(schema: Schema, expressions: Expressions, hints: Hints): Converted {
  const notes: string[] = []
  const tables = schema.tables.filter(({ name, virtual }) => {
    if (virtual !== undefined) notes.push(`${name}: a virtual table, which PostgreSQL has not`)
    return virtual === undefined
  })
  const types = typesOf(tables, expressions, hints)
  const views = schema.views.flatMap((view) => viewOf(view, types, expressions, notes))
  for (const { name, table } of schema.triggers)
    notes.push(`${table}: write the trigger ${name} for PostgreSQL`)
  const made = tables.map((table) => tableOf(table, types, expressions, notes))
  const isCitext = made.some(({ columns }) => columns.some(({ type }) => type === 'citext'))
  return {
    schema: { ...emptySchema('postgres'), extensions: isCitext ? ['citext'] : [], tables: made, views },
    notes,
  }
}

function typesOf(tables: readonly Table[], expressions: Expressions, hints: Hints): Types {
  const wanted = new Map(Object.entries(hints).map(([place, type]) => [place.toLowerCase(), type]))
  const byName = new Map(tables.map((table) => [table.name.toLowerCase(), table]))
  const types: Types = new Map()
  const own = (table: Table, column: Column) =>
    REASONS.find(({ when }) => when({ table, column, expressions }))?.type ?? plainType(column)

  // A column that refers to another has its type.
  const chosen = (table: Table, column: Column, seen: readonly string[]): string => {
    const key = keyOf(table.name, column.name)
    const hint = wanted.get(key)
    if (hint !== undefined) return hint
    for (const { columns, references, to } of table.foreignKeys) {
      const at = columns.findIndex((name) => sameName(name, column.name))
      const other = byName.get(to.name.toLowerCase())
      const target = other?.columns.find(({ name }) => at >= 0 && sameName(name, references[at] ?? ''))
      if (other && target && !seen.includes(key)) return chosen(other, target, [...seen, key])
    }
    return own(table, column)
  }
  for (const table of tables) {
    for (const column of table.columns) {
      const type = chosen(table, column, [])
      types.set(keyOf(table.name, column.name), { name: column.name, type, kind: kindOf('postgres', type) })
    }
  }
  return types
}

function columnsOf({ name: own }: { name: string }, types: Types): Columns {
  return (column, table = own) => types.get(keyOf(table, column))
}

function tableOf(table: Table, types: Types, expressions: Expressions, notes: string[]): Table {
  const columns = table.columns.map((column) => columnOf(table, column, types, expressions, notes))
  const { primaryKey } = table
  return {
    schema: '',
    name: table.name,
    columns,
    ...(primaryKey && { primaryKey: keyOnly(primaryKey) }),
    uniques: table.uniques.map((unique): Unique => keyOnly(unique)),
    foreignKeys: table.foreignKeys.map(
      (key): ForeignKey => ({ ...key, to: { schema: '', name: key.to.name } }),
    ),
    checks: table.checks.flatMap((check) => checkOf(table, check, types, expressions, notes)),
    exclusions: [],
    indexes: table.indexes.flatMap((index) =>
      indexOf(table.name, index, columnsOf(table, types), expressions, notes),
    ),
  }
}

/** A key has no order in PostgreSQL. */
function keyOnly({ name, columns, deferrable }: Key): Key {
  return { ...(name !== undefined && { name }), columns, ...(deferrable && { deferrable }) }
}

function columnOf(
  table: Table,
  column: Column,
  types: Types,
  expressions: Expressions,
  notes: string[],
): Column {
  const place = `${table.name}.${column.name}`
  const { type, kind } = types.get(keyOf(table.name, column.name)) ?? { type: 'text', kind: 'text' as const }
  const inKey = table.primaryKey?.columns.some((name) => sameName(name, column.name)) ?? false
  const refers = table.foreignKeys.some(({ columns }) => columns.some((name) => sameName(name, column.name)))
  const counts = kind === 'integer' && isRowid({ table, column, expressions }) && !refers
  const base = { name: column.name, type, kind, nullable: column.nullable && !inKey }
  if (type === 'citext') notes.push(`${place}: NOCASE became citext, an extension of PostgreSQL`)
  if (/^rtrim$/i.test(column.collation ?? '')) notes.push(`${place}: PostgreSQL has no collation RTRIM`)
  if (kindOf('sqlite', column.type) === 'blob' && column.type === '')
    notes.push(`${place}: has no type, became bytea`)
  if (/^any$/i.test(column.type)) notes.push(`${place}: holds whatever it is given, became ${type}`)
  if (counts) return { ...base, identity: 'serial' }
  if (column.generated) {
    const expression = expressions.convert(column.generated.expression, 'postgres', columnsOf(table, types))
    if (expression !== undefined) return { ...base, generated: { expression, stored: true } }
    notes.push(
      `${place}: is no longer made from (${column.generated.expression}), which PostgreSQL may not understand`,
    )
  }
  const value = column.default === undefined ? undefined : defaultOf(column.default, type, kind, expressions)
  if (column.default !== undefined && value === undefined) {
    notes.push(`${place}: the default ${column.default} was left out, PostgreSQL may not understand it`)
  }
  return value === undefined ? base : { ...base, default: value }
}

/** SQLite's form of a moment. */
const AS_TEXT = "to_char((now() AT TIME ZONE 'UTC'), 'YYYY-MM-DD HH24:MI:SS')"

function defaultOf(value: string, type: string, kind: Kind, expressions: Expressions): string | undefined {
  const { same } = expressions
  if (same(value, 'NULL')) return 'NULL'
  if (kind === 'boolean') return same(value, '1') ? 'true' : same(value, '0') ? 'false' : undefined
  if (kind === 'uuid' && same(value, 'gen_random_uuid()')) return 'gen_random_uuid()'
  if (type === 'text' && same(value, NOW)) return AS_TEXT
  const number = /^'([-+]?\d+(?:\.\d+)?)'$/.exec(value)?.[1]
  if (number !== undefined && (kind === 'integer' || kind === 'real' || kind === 'numeric')) return number
  const utc = kind === 'timestamptz' ? utcOf(/^'(.*)'$/.exec(value)?.[1] ?? '') : undefined
  if (utc !== undefined) return `'${utc}+00'`
  // A default names no column: what looks like one is a text.
  return expressions.convert(value, 'postgres', () => undefined)
}

function checkOf(
  table: Table,
  check: Check,
  types: Types,
  expressions: Expressions,
  notes: string[],
): Check[] {
  const columns = columnsOf(table, types)
  for (const column of table.columns) {
    const kind = columns(column.name)?.kind
    const quoted = quoteName(column.name)
    const implied = kind === 'boolean' ? bitChecks(column) : kind === 'json' ? [`json_valid(${quoted})`] : []
    if (implied.some((one) => isCheckOf(check.expression, one, column, expressions))) return []
    const named = STORED[kind ?? 'other']?.map((storage) => `typeof(${quoted}) = '${storage}'`) ?? []
    if (named.some((one) => isCheckOf(check.expression, one, column, expressions))) return []
  }
  const expression = conditionOf(check.expression, columns, expressions)
  if (expression !== undefined) return [{ ...check, expression }]
  notes.push(`${table.name}: CHECK (${check.expression}) was left out, PostgreSQL may not understand it`)
  return []
}

/** What `typeof` says of a column that can hold nothing else. */
const STORED: { readonly [K in Kind]?: readonly string[] } = {
  integer: ['integer'],
  real: ['real'],
  text: ['text'],
  blob: ['blob'],
}

/** A number alone is a condition to SQLite. */
function conditionOf(text: string, columns: Columns, { convert }: Expressions): string | undefined {
  const [, name] = /^\W*(\w+)\W*$/.exec(text) ?? []
  const isNumber = name !== undefined && ['integer', 'real', 'numeric'].includes(columns(name)?.kind ?? '')
  return convert(isNumber ? `${text} <> 0` : text, 'postgres', columns)
}

function indexOf(
  table: string,
  index: Index,
  columns: Columns,
  expressions: Expressions,
  notes: string[],
): Index[] {
  const where = index.where === undefined ? undefined : conditionOf(index.where, columns, expressions)
  const parts = index.parts.flatMap(({ collation, expression, ...part }): IndexPart[] => {
    if (collation !== undefined && !/^binary$/i.test(collation)) {
      notes.push(`${index.name} on ${table}: PostgreSQL has no collation ${collation}`)
    }
    if (expression === undefined) return [part]
    const converted = expressions.convert(expression, 'postgres', columns)
    return converted === undefined ? [] : [{ ...part, expression: converted }]
  })
  if (parts.length < index.parts.length || (index.where !== undefined && where === undefined)) {
    notes.push(`${index.name} on ${table}: was left out, PostgreSQL may not understand its expression`)
    return []
  }
  const { where: _, ...rest } = index
  return [{ ...rest, parts, ...(where !== undefined && { where }) }]
}

function viewOf(view: View, types: Types, expressions: Expressions, notes: string[]): View[] {
  const query = expressions.convertStatement(view.query, 'postgres', (column, table) =>
    table === undefined ? undefined : types.get(keyOf(table, column)),
  )
  if (query === undefined) {
    notes.push(`${view.name}: the view was left out, PostgreSQL may not understand it`)
    return []
  }
  const columns = view.columns.map(({ name, type, kind }) => {
    // A column of a view has the type of the column that it shows, which only its name tells.
    const found = [...types.values()].filter((one) => sameName(one.name, name))
    const [first] = found
    const isOne = first !== undefined && found.every((one) => one.type === first.type)
    const plain = plainType({ name, type, kind, nullable: true })
    return { name, type: isOne ? first.type : plain, kind: isOne ? first.kind : kindOf('postgres', plain) }
  })
  return [{ schema: '', name: view.name, columns, query, indexes: [] }]
}
