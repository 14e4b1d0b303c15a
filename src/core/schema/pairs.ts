import { MigrateError } from '../errors.ts'
import { quoteName } from '../text.ts'
import type { Rules } from './diff.ts'
import type { Difference } from './difference.ts'
import { baseName, kindOf } from './kinds.ts'
import { listedBy } from './listed.ts'
import {
  type Check,
  type Column,
  type Domain,
  type Index,
  type IndexPart,
  nameOf,
  type Schema,
  type Table,
  type View,
} from './model.ts'

/** What is written differently in the two databases and counts as equal. */
export interface Pair {
  readonly of:
    | 'type'
    | 'default'
    | 'null'
    | 'identity'
    | 'check'
    | 'key'
    | 'collation'
    | 'index'
    | 'table'
    | 'not compared'
  readonly sqlite: string
  readonly postgres: string
  readonly reason: string
  /** With `strict` it is a difference; of a type: all but these are. */
  readonly strict?: true | string
}

/** Types: every name on the left with every name on the right. `(n)` stands for any length and precision. */
const TYPES: readonly Pair[] = [
  type(
    'TEXT, VARCHAR(n), CHAR(n), CLOB',
    'text, varchar(n), char(n), citext, uuid, timestamptz, timestamp, date, time, interval, json, jsonb, enum, numeric',
    'SQLite has one type for all that is written as text; the application writes it in one form',
  ),
  type(
    'INTEGER',
    'smallint, integer, bigint, boolean',
    'an INTEGER of SQLite has up to 64 bits and says no more; a boolean is 0 or 1',
    'bigint, boolean',
  ),
  type('BIGINT, INT8', 'bigint', 'the name asks for 64 bits, which an integer of PostgreSQL has not'),
  type('INT, INT4, MEDIUMINT', 'integer, bigint, boolean', 'the name asks for 32 bits or fewer'),
  type('SMALLINT, INT2, TINYINT', 'smallint, integer, bigint, boolean', 'the name asks for 16 bits or fewer'),
  type(
    'REAL, DOUBLE, DOUBLE PRECISION, FLOAT',
    'double precision, real',
    'a REAL of SQLite has 64 bits, a real of PostgreSQL 32',
    'double precision',
  ),
  type('NUMERIC, DECIMAL(n)', 'numeric, boolean', 'a number, whole or not'),
  type('BOOLEAN, BOOL', 'boolean', 'SQLite keeps 0 or 1'),
  type(
    'DATETIME, TIMESTAMP',
    'timestamptz, timestamp',
    'SQLite keeps it as text; in UTC the zone says nothing',
  ),
  type('TIMESTAMPTZ, TIMESTAMP WITH TIME ZONE', 'timestamptz', 'a name that SQLite borrows'),
  type('DATE', 'date', 'a name that SQLite borrows'),
  type('TIME', 'time, timetz', 'a name that SQLite borrows'),
  type('UUID', 'uuid', 'a name that SQLite borrows'),
  type('JSON, JSONB', 'json, jsonb', 'SQLite keeps the text, or its own binary form'),
  type('BLOB, BYTEA, BINARY(n), VARBINARY(n)', 'bytea', 'bytes'),
]

/** Everything that counts as equal. The documentation is made from it, and a test proves every row. */
export const PAIRS: readonly Pair[] = [
  ...TYPES,
  {
    of: 'type',
    sqlite: 'VARCHAR(40), DECIMAL(8, 2)',
    postgres: 'varchar(50), numeric(10, 2)',
    reason: 'SQLite does not look at lengths and precisions',
    strict: true,
  },
  {
    of: 'type',
    sqlite: 'any type',
    postgres: 'a domain over one of its partners',
    reason: 'a domain is the type below it, with its checks, NOT NULL and default',
  },
  {
    of: 'default',
    sqlite: "datetime('now'), CURRENT_TIMESTAMP, strftime('%Y-%m-%d %H:%M:%f', 'now')",
    postgres: 'now(), CURRENT_TIMESTAMP',
    reason: 'the present moment',
  },
  { of: 'default', sqlite: '0, 1', postgres: 'false, true', reason: 'a boolean of SQLite is 0 or 1' },
  {
    of: 'default',
    sqlite: 'none',
    postgres: 'gen_random_uuid(), uuid_generate_v4(), uuidv7()',
    reason: 'SQLite has no such function: the application gives the id',
  },
  { of: 'default', sqlite: 'none', postgres: 'NULL', reason: 'a column without a default is NULL' },
  {
    of: 'default',
    sqlite: '"text"',
    postgres: "'text'",
    reason: 'SQLite takes a quoted name that is none for a text',
  },
  {
    of: 'default',
    sqlite: "'1' of a number",
    postgres: '1',
    reason: 'the type of the column makes it a number',
  },
  {
    of: 'null',
    sqlite: 'PRIMARY KEY',
    postgres: 'PRIMARY KEY, which implies NOT NULL',
    reason: 'a primary key of SQLite that is no INTEGER takes NULL, unless it says NOT NULL',
    strict: true,
  },
  {
    of: 'identity',
    sqlite: 'INTEGER PRIMARY KEY',
    postgres: 'with or without serial, bigserial, identity',
    reason: 'SQLite counts where no id is given; the application may give it',
  },
  {
    of: 'identity',
    sqlite: 'INTEGER PRIMARY KEY AUTOINCREMENT',
    postgres: 'serial, bigserial, identity',
    reason: 'both count, and never give an id twice',
  },
  { of: 'check', sqlite: 'CHECK (x IN (0, 1))', postgres: 'boolean', reason: 'what the type says already' },
  {
    of: 'check',
    sqlite: "CHECK (x IN ('a', 'b'))",
    postgres: 'an enum of the same values, in any order',
    reason: 'what the type says already',
  },
  {
    of: 'check',
    sqlite: 'CHECK (json_valid(x))',
    postgres: 'json, jsonb',
    reason: 'what the type says already',
  },
  {
    of: 'check',
    sqlite: 'CHECK (length(x) <= n)',
    postgres: 'varchar(n)',
    reason: 'what the type says already',
  },
  {
    of: 'check',
    sqlite: 'CHECK (status IN (…) AND "from" <> \'\')',
    postgres: 'CHECK (status = ANY (ARRAY[…]) AND "from" <> \'\'::text)',
    reason: 'expressions are compared by what they mean, here and in defaults, indexes and generated columns',
  },
  {
    of: 'key',
    sqlite: 'a constraint without a name, or with another',
    postgres: 'a constraint with a name',
    reason: 'PostgreSQL names every constraint, SQLite only one that is given a name',
  },
  {
    of: 'collation',
    sqlite: 'COLLATE NOCASE',
    postgres: 'citext',
    reason: 'both take no notice of case',
  },
  {
    of: 'collation',
    sqlite: 'none, COLLATE BINARY',
    postgres: 'COLLATE "C", "POSIX", "default"',
    reason: 'by bytes',
  },
  {
    of: 'index',
    sqlite: 'none',
    postgres: 'NULLS FIRST or LAST, an operator class, INCLUDE',
    reason: 'SQLite has none of them; they change no result',
    strict: true,
  },
  {
    of: 'table',
    sqlite: 'columns',
    postgres: 'the same in another order',
    reason: 'an added column comes last; code names its columns',
    strict: true,
  },
  {
    of: 'table',
    sqlite: 'a table',
    postgres: 'a partitioned table',
    reason: 'its partitions are not compared',
  },
  {
    of: 'table',
    sqlite: 'a generated column, VIRTUAL',
    postgres: 'STORED',
    reason: 'PostgreSQL before 18 has only stored ones',
    strict: true,
  },
  {
    of: 'not compared',
    sqlite: 'STRICT, WITHOUT ROWID; the text of views and triggers',
    postgres:
      'comments, functions, sequences of no column, extensions, UNLOGGED, NOT VALID; the text of views and triggers',
    reason:
      'the other database has no such thing, or another language: of views the columns are compared, of triggers table, timing and events',
  },
]

function type(sqlite: string, postgres: string, reason: string, strict?: string): Pair {
  return { of: 'type', sqlite, postgres, reason, ...(strict !== undefined && { strict }) }
}

/** A pair of types that a project accepts beside the table's. */
export interface AcceptedPair {
  readonly sqlite: string
  readonly postgres: string
  readonly reason: string
}

/** A difference that a project accepts. What it does not name may be anything. */
export interface Exception {
  readonly table?: string
  readonly column?: string
  readonly index?: string
  readonly view?: string
  readonly trigger?: string
  readonly reason: string
}

/** How strictly the two are compared, and what a project accepts. */
export interface ParitySettings {
  readonly pairs?: readonly AcceptedPair[]
  /** Also the order of columns, lengths, bits: what the table of pairs marks so. */
  readonly strict?: boolean
}

/** What tells whether two expressions mean the same. */
interface Expressions {
  same(a: string, b: string): boolean
}

/** How a SQLite schema is compared with a PostgreSQL schema; in either order. Within one dialect it changes nothing. */
export function parityRules(expressions: Expressions, settings: ParitySettings = {}): Rules {
  const aligned = (sqlite: Schema, postgres: Schema) => align(sqlite, postgres, { expressions, settings })
  return {
    align: (before, after) => {
      if (before.dialect === after.dialect) return [before, after]
      if (before.dialect === 'sqlite') return aligned(before, after)
      const [sqlite, postgres] = aligned(after, before)
      return [postgres, sqlite]
    },
  }
}

/** What every step of the alignment needs. */
interface Context {
  readonly expressions: Expressions
  readonly settings: ParitySettings
}

interface TableContext extends Context {
  readonly sqlite: Table
  readonly postgres: Table
  /** Columns whose type is narrower than that of the column they refer to, and that one. */
  readonly narrow: ReadonlyMap<string, string>
}

/** Both sides, with PostgreSQL's written as SQLite's wherever the two are a pair. */
function align(sqlite: Schema, postgres: Schema, context: Context): [Schema, Schema] {
  const left = plain(sqlite)
  const right = plain(postgres)
  const tables = new Map(right.tables.map((table) => [key(nameOf(table)), table]))
  const narrow = narrowColumns(right)
  const pairs = left.tables.map((table): [Table, Table?] => {
    const other = tables.get(key(nameOf(table)))
    if (other === undefined) return [table]
    return alignTables({ ...context, sqlite: table, postgres: other, narrow: narrow.get(other) ?? new Map() })
  })
  const done = new Map(
    pairs.flatMap(([table, other]) => (other ? [[key(nameOf(table)), other] as const] : [])),
  )
  return [
    { ...left, tables: pairs.map(([table]) => table) },
    { ...right, tables: right.tables.map((table) => done.get(key(nameOf(table))) ?? table) },
  ]
}

/** A name as it is compared. */
function key(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => letter.toLowerCase())
}

/** Without what has no partner in the other database. */
function plain(schema: Schema): Schema {
  return {
    ...schema,
    extensions: [],
    enums: [],
    domains: [],
    sequences: [],
    functions: [],
    tables: schema.tables
      .filter(({ partitionOf }) => partitionOf === undefined)
      .map((table) => plainTable(table, schema)),
    views: schema.views.map(plainView),
    triggers: schema.triggers.map(({ of: _, enabled: __, comment: ___, ...trigger }) => ({
      ...trigger,
      sql: '',
    })),
  }
}

function plainTable(table: Table, schema: Schema): Table {
  const { schema: home, name, primaryKey, uniques, foreignKeys, exclusions, indexes, withoutRowid } = table
  const { columns, checks } = withoutDomains(table, schema)
  return {
    schema: home,
    name,
    columns: columns.map(({ comment: _, ...column }) => column),
    ...(primaryKey && { primaryKey: nameless(primaryKey) }),
    uniques: uniques.map(nameless),
    foreignKeys: foreignKeys.map(({ notValid: _, ...foreign }) => nameless(foreign)),
    checks: [...checks.map(({ expression }) => ({ expression })), ...enumChecks(columns, schema)],
    exclusions,
    indexes: indexes.map(({ comment: _, ...index }) => index),
    ...only('withoutRowid', withoutRowid),
  }
}

function nameless<T extends { readonly name?: string }>(object: T): Omit<T, 'name'> {
  const { name: _, ...rest } = object
  return rest
}

function plainView({ schema, name, columns }: View): View {
  return {
    schema,
    name,
    columns: columns.map((column) => ({ ...column, type: '' })),
    query: '',
    indexes: [],
  }
}

/** Columns of a domain as columns of the type below it. */
function withoutDomains({ columns, checks }: Table, { domains }: Schema): Pick<Table, 'columns' | 'checks'> {
  const found = new Map(domains.map((domain) => [nameOf(domain), domain]))
  const more: Check[] = []
  const based = columns.map((column) => {
    let now = column
    for (let domain = found.get(now.type); domain !== undefined; domain = found.get(now.type)) {
      now = ofDomain(now, domain)
      more.push(...domain.checks.map(({ expression }) => ({ expression: valueIs(expression, column.name) })))
    }
    return now
  })
  return { columns: based, checks: [...checks, ...more] }
}

function ofDomain(column: Column, domain: Domain): Column {
  const fallback = column.default ?? domain.default
  return {
    ...column,
    type: domain.type,
    kind: kindOf('postgres', domain.type),
    nullable: column.nullable && domain.nullable,
    ...(fallback !== undefined && { default: fallback }),
  }
}

/** A domain calls what it checks VALUE, which is a word of SQL and no name. */
function valueIs(expression: string, column: string): string {
  return expression.replace(/'(?:[^']|'')*'|\bVALUE\b/g, (found) =>
    found === 'VALUE' ? quoteName(column) : found,
  )
}

/** An enum says what SQLite can only check. */
function enumChecks(columns: readonly Column[], { enums }: Schema): Check[] {
  return columns.flatMap(({ name, type }) => {
    const found = enums.find((one) => nameOf(one) === type)
    if (found === undefined) return []
    const values = found.values.map((value) => `'${value.replaceAll("'", "''")}'`)
    return [{ expression: `${quoteName(name)} IN (${values.join(', ')})` }]
  })
}

const BITS: Readonly<Record<string, number>> = { smallint: 16, integer: 32, bigint: 64 }

/** Of each table the columns that cannot hold every value of the column that they refer to. */
function narrowColumns({ tables }: Schema): Map<Table, Map<string, string>> {
  const byName = new Map(tables.map((table) => [nameOf(table), table]))
  const bitsOf = (table: Table | undefined, name: string | undefined) =>
    BITS[table?.columns.find((column) => column.name === name)?.type ?? '']
  const narrowIn = (table: Table) =>
    table.foreignKeys.flatMap(({ columns, to, references }) =>
      columns.flatMap((name, i): [string, string][] => {
        const [own, other] = [bitsOf(table, name), bitsOf(byName.get(nameOf(to)), references[i])]
        return own === undefined || other === undefined || own >= other
          ? []
          : [[name, `narrower than ${nameOf(to)}.${references[i]}`]]
      }),
    )
  return new Map(tables.map((table) => [table, new Map(narrowIn(table))]))
}

function alignTables(context: TableContext): [Table, Table] {
  const { sqlite, postgres, settings } = context
  const columns = alignColumns(context)
  const [left, right] = alignChecks(context)
  const { withoutRowid: _, ...table } = sqlite
  return [
    {
      ...table,
      ...(sqlite.primaryKey && !settings.strict && { primaryKey: ascending(sqlite.primaryKey) }),
      checks: left,
    },
    {
      ...postgres,
      columns: settings.strict ? columns : inOrderOf(columns, sqlite.columns),
      checks: right,
      indexes: alignIndexes(context),
      ...(!settings.strict && {
        ...only('primaryKey', postgres.primaryKey && withoutInclude(postgres.primaryKey)),
        uniques: postgres.uniques.map(withoutInclude),
      }),
    },
  ]
}

function ascending<T extends { readonly desc?: readonly string[] }>(keyOfTable: T): Omit<T, 'desc'> {
  const { desc: _, ...rest } = keyOfTable
  return rest
}

function withoutInclude<T extends { readonly include?: readonly string[] }>(
  keyOfTable: T,
): Omit<T, 'include'> {
  const { include: _, ...rest } = keyOfTable
  return rest
}

function inOrderOf(columns: readonly Column[], others: readonly Column[]): Column[] {
  const places = new Map(others.map(({ name }, i) => [key(name), i]))
  const place = ({ name }: Column) => places.get(key(name)) ?? others.length
  return columns.toSorted((a, b) => place(a) - place(b))
}

function alignColumns(context: TableContext): Column[] {
  const others = new Map(context.sqlite.columns.map((column) => [key(column.name), column]))
  return context.postgres.columns.map((column) => {
    const other = others.get(key(column.name))
    return other === undefined ? column : alignColumn(other, column, context)
  })
}

/** A value, or nothing: so that what is undefined is not there at all. */
function only<K extends string, V>(name: K, value: V | undefined): { [key in K]?: V } {
  return (value === undefined ? {} : { [name]: value }) as { [key in K]?: V }
}

function alignColumn(left: Column, right: Column, context: TableContext): Column {
  const { name, kind } = right
  const { expressions, settings, narrow } = context
  const { type, nullable, identity, generated, collation } = left
  const tooNarrow = narrow.get(name)
  const sameType = tooNarrow === undefined && typesPair(left, right, settings)
  // By its name alone it would be the same.
  const bits = key(type) === key(right.type) ? 'which has 32 bits' : undefined
  const sameDefault = right.identity !== undefined || defaultsPair(left, right, expressions)
  const nullsPair = inPrimaryKey(context, name) && (!settings.strict || isRowid(context.sqlite))
  const sameCollation = collationsPair(left, right)
  return {
    name,
    kind,
    type: sameType ? type : [right.type, tooNarrow ?? bits].filter((words) => words !== undefined).join(', '),
    nullable: nullsPair ? nullable : right.nullable,
    ...only('default', sameDefault ? left.default : right.default),
    ...only('identity', identitiesPair(left, right, context) ? identity : right.identity),
    ...only('generated', generatedPair(left, right, context) ? generated : right.generated),
    ...only('collation', sameCollation ? collation : right.collation),
  }
}

/** Short names of what `format_type` writes out. */
const SHORT: Readonly<Record<string, string>> = {
  'character varying': 'varchar',
  character: 'char',
  bpchar: 'char',
  'timestamp with time zone': 'timestamptz',
  'timestamp without time zone': 'timestamp',
  'time without time zone': 'time',
  'time with time zone': 'timetz',
}

/** The type that SQLite takes an unknown name for, by its kind. */
const AFFINITY: Readonly<Record<string, string>> = {
  text: 'text',
  integer: 'integer',
  real: 'real',
  blob: 'blob',
  numeric: 'numeric',
}

const names = (list: string) => list.split(', ').map(baseName)
const PARTNERS = new Map(
  TYPES.flatMap((pair) => {
    const all = names(pair.postgres)
    const strict = typeof pair.strict === 'string' ? names(pair.strict) : all
    return names(pair.sqlite).map((name) => [name, { all, strict }])
  }),
)

function typesPair(left: Column, right: Column, { pairs = [], strict = false }: ParitySettings): boolean {
  const declared = baseName(left.type)
  const written = baseName(right.type)
  const short = right.kind === 'enum' ? 'enum' : (SHORT[written] ?? written)
  const asks = (wanted: string, full: string, ...short: string[]) =>
    key(wanted) === key(full) || short.includes(key(wanted))
  if (
    pairs.some(
      (pair) => asks(pair.sqlite, left.type, declared) && asks(pair.postgres, right.type, written, short),
    )
  )
    return true
  const partners = PARTNERS.get(declared) ?? PARTNERS.get(AFFINITY[left.kind] ?? '')
  if (!(strict ? partners?.strict : partners?.all)?.includes(short)) return false
  const [size, other] = [left.type, right.type].map((full) =>
    /\(([^)]*)\)/.exec(full)?.[1]?.replace(/\s/g, ''),
  )
  return !strict || size === undefined || other === undefined || size === other
}

const UUIDS: readonly string[] = ['gen_random_uuid()', 'uuid_generate_v4()', 'uuidv4()', 'uuidv7()']

function defaultsPair(left: Column, right: Column, { same }: Expressions): boolean {
  const isNull = (value: string | undefined) => value === undefined || same(value, 'NULL')
  if (isNull(left.default)) {
    const { default: value } = right
    return isNull(value) || UUIDS.some((one) => value !== undefined && same(value, one))
  }
  return right.default !== undefined && same(literalOf(left), right.default)
}

/** A default of SQLite as PostgreSQL would write it. */
function literalOf({ default: value = '', kind }: Column): string {
  const text = /^"((?:[^"]|"")*)"$/.exec(value)?.[1]
  if (text !== undefined) return `'${text.replaceAll('""', '"').replaceAll("'", "''")}'`
  const isNumber = ['integer', 'real', 'numeric', 'boolean'].includes(kind)
  return isNumber ? value.replace(/^'(-?\d+(?:\.\d+)?)'$/, '$1') : value
}

function inPrimaryKey({ sqlite, postgres }: TableContext, name: string): boolean {
  return [sqlite, postgres].every((table) => table.primaryKey?.columns.some((one) => key(one) === key(name)))
}

/** Whether its primary key is another name of the rowid: https://sqlite.org/lang_createtable.html#rowid */
function isRowid({ primaryKey, columns, withoutRowid }: Table): boolean {
  const [first, ...more] = primaryKey?.columns ?? []
  const column = columns.find(({ name }) => first !== undefined && key(name) === key(first))
  return !withoutRowid && more.length === 0 && column !== undefined && key(column.type) === 'integer'
}

function identitiesPair(left: Column, right: Column, context: TableContext): boolean {
  if (left.identity !== undefined) return right.identity !== undefined
  return inPrimaryKey(context, right.name) && isRowid(context.sqlite)
}

function generatedPair(left: Column, right: Column, { expressions, settings }: Context): boolean {
  const [one, other] = [left.generated, right.generated]
  if (one === undefined || other === undefined) return false
  const stored = !settings.strict || one.stored === other.stored
  return stored && expressions.same(one.expression, other.expression)
}

function collationsPair(left: Column, right: Column): boolean {
  if (key(left.collation ?? '') === 'nocase') return right.type === 'citext'
  return isBytes(left) && isBytes(right)
}

/** Whether texts are compared by their bytes, or as they are where nothing is said. */
function isBytes({ collation = '' }: { readonly collation?: string }): boolean {
  return ['', 'binary', 'c', 'posix', 'default'].includes(key(collation).replace(/^.*\.|"/g, ''))
}

/** Without those that the other side's types say already; those that mean the same are written alike. */
function alignChecks(context: TableContext): [Check[], Check[]] {
  const { sqlite, postgres, expressions } = context
  const left = sqlite.checks.filter((check) => !isImplied(check, context))
  const right: Check[] = []
  for (const check of postgres.checks) {
    const partner = left.find(({ expression }) => checksPair(expression, check.expression, expressions))
    right.push(partner ?? check)
  }
  return nameLists(left, right)
}

function checksPair(left: string, right: string, { same }: Expressions): boolean {
  const [one, other] = [listedBy(left), listedBy(right)]
  if (one === undefined || other === undefined) return same(left, right)
  const sorted = (values: readonly (string | number)[]) => values.map(String).sort().join('\0')
  return key(one.column) === key(other.column) && sorted(one.values) === sorted(other.values)
}

/** Two lists of values of one column that differ are told as one difference. */
function nameLists(left: readonly Check[], right: readonly Check[]): [Check[], Check[]] {
  const columnOf = ({ expression }: Check) => key(listedBy(expression)?.column ?? '')
  const lists = (checks: readonly Check[]) => new Set(checks.map(columnOf))
  const [ours, theirs] = [lists(left), lists(right)]
  const give = (checks: readonly Check[]) =>
    checks.map((check): Check => {
      const name = columnOf(check)
      return name !== '' && ours.has(name) && theirs.has(name) ? { ...check, name } : check
    })
  return [give(left), give(right)]
}

function isImplied({ expression }: Check, { postgres, expressions }: TableContext): boolean {
  const listed = listedBy(expression)
  const isBoth = listed?.values.toSorted().join() === '0,1'
  return postgres.columns.some(({ name, kind, type }) => {
    if (kind === 'boolean') {
      return isBoth && key(listed.column) === key(name)
    }
    const quoted = quoteName(name)
    if (kind === 'json') return expressions.same(expression, `json_valid(${quoted})`)
    const length = /^character(?: varying)?\((\d+)\)$/.exec(type)?.[1]
    return length !== undefined && expressions.same(expression, `length(${quoted}) <= ${length}`)
  })
}

function alignIndexes(context: TableContext): Index[] {
  const { sqlite, postgres } = context
  const byName = new Map(sqlite.indexes.map((index) => [key(index.name), index]))
  const own = new Set(postgres.indexes.map(({ name }) => key(name)))
  const free = sqlite.indexes.filter(({ name }) => !own.has(key(name)))
  return postgres.indexes.map((index) => {
    const partner = byName.get(key(index.name))
    if (partner !== undefined) return alignIndex(partner, index, context)
    // One that has another name there is told as renamed.
    const renamed = free.find((other) => sameIndex(other, alignIndex(other, index, context)))
    return renamed === undefined ? index : { ...renamed, name: index.name }
  })
}

function sameIndex(left: Index, right: Index): boolean {
  return JSON.stringify({ ...left, name: '' }) === JSON.stringify({ ...right, name: '' })
}

function alignIndex(left: Index, right: Index, { expressions, settings }: Context): Index {
  const { where, ...rest } = left
  const pairOf = (one: IndexPart, other: IndexPart | undefined) =>
    other !== undefined && partsPair(one, other, expressions, settings.strict)
  const sameParts =
    left.parts.length === right.parts.length && left.parts.every((one, i) => pairOf(one, right.parts[i]))
  const sameWhere = where !== undefined && right.where !== undefined && expressions.same(where, right.where)
  return {
    ...rest,
    name: right.name,
    unique: right.unique,
    parts: sameParts ? left.parts : right.parts,
    ...only('method', right.method),
    ...only('where', sameWhere ? where : right.where),
    ...only('include', settings.strict ? right.include : undefined),
    ...only('nullsNotDistinct', right.nullsNotDistinct),
  }
}

function partsPair(left: IndexPart, right: IndexPart, { same }: Expressions, strict = false): boolean {
  if (left.desc !== right.desc || (strict && (right.nulls ?? right.operators) !== undefined)) return false
  const sameCollation =
    key(left.collation ?? '') === key(right.collation ?? '') || (isBytes(left) && isBytes(right))
  if (left.column !== undefined && right.column !== undefined) {
    return sameCollation && key(left.column) === key(right.column)
  }
  const { expression: one } = left
  const { expression: other } = right
  return sameCollation && one !== undefined && other !== undefined && same(one, other)
}

const PLACES = ['table', 'column', 'index', 'view', 'trigger'] as const

/** Whether an exception is for this difference. */
export function isExcepted(difference: Difference, exception: Exception): boolean {
  const { object, name, table, columns = [] } = difference
  const is = (given: string, ...found: (string | undefined)[]) =>
    found.some((one) => one !== undefined && key(one) === key(given))
  const places: Readonly<Record<(typeof PLACES)[number], (given: string) => boolean>> = {
    table: (given) => is(given, table, object === 'table' ? name : undefined),
    column: (given) => is(given, object === 'column' ? name : undefined, ...columns, checked(difference)),
    index: (given) => object === 'index' && is(given, name),
    view: (given) => object === 'view' && is(given, name),
    trigger: (given) => object === 'trigger' && is(given, name),
  }
  return PLACES.every((place) => {
    const given = exception[place]
    return given === undefined || places[place](given)
  })
}

/** The column of a check that lists its values. */
function checked({ object, name }: Difference): string | undefined {
  return object === 'check' ? (listedBy(name)?.column ?? name) : undefined
}

/** @throws CONFIG if something is accepted without a reason, or nothing is named */
export function checkAccepted(
  pairs: readonly AcceptedPair[] = [],
  exceptions: readonly Exception[] = [],
  refuse = (message: string, hint: string) => new MigrateError('CONFIG', message, { hint }),
): void {
  const isText = (value: unknown) => typeof value === 'string' && value.trim() !== ''
  for (const pair of pairs) {
    if (![pair.sqlite, pair.postgres, pair.reason].every(isText)) {
      throw refuse(
        `parity.pairs: ${JSON.stringify(pair)} is no pair`,
        'write { sqlite: TEXT, postgres: inet, reason: WHY }',
      )
    }
  }
  for (const exception of exceptions) {
    const known = [...PLACES, 'reason']
    const stray = Object.keys(exception).find((name) => !known.includes(name))
    const given = PLACES.filter((place) => exception[place] !== undefined)
    const texts = given.every((place) => isText(exception[place]))
    if (stray !== undefined || given.length === 0 || !texts || !isText(exception.reason)) {
      throw refuse(
        `parity.exceptions: ${JSON.stringify(exception)} is no exception`,
        'write { table: NAME, column: NAME, reason: WHY } or { index: NAME, reason: WHY }; also view and trigger',
      )
    }
  }
}
