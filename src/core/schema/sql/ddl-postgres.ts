import {
  type Check,
  type Column,
  type Domain,
  type Enum,
  type ForeignKey,
  type Index,
  type IndexPart,
  type Key,
  type Named,
  nameOf,
  type Routine,
  type Schema,
  type Sequence,
  type Table,
  type Trigger,
  type Unique,
  type View,
} from '../model.ts'
import { isSign, isWord, tokensOf, unwrapped } from '../tokens.ts'
import { listText, namesIn, nameText, pathText, stringText } from './names.ts'
import { byName, inOrder, tablesInOrder } from './order.ts'
import { selectedNames } from './selected.ts'

const name = (text: string) => nameText('postgres', text)
const path = (one: Named) => pathText('postgres', one)
const list = (names: readonly string[]) => listText('postgres', names)

/** The statements that make a schema in PostgreSQL. */
export function createPostgres(schema: Schema): string[] {
  const early = earlyRoutines(schema)
  const made = new Set<string>()
  const late: string[] = []
  const tables = tablesInOrder(schema).flatMap((table) => {
    made.add(nameOf(table))
    const { text, behind, circular } = tableTexts(table, ({ to }) => made.has(nameOf(to)))
    late.push(...circular)
    return [
      text,
      ...behind,
      ...partitionTexts(table, schema),
      ...indexTexts(table),
      ...commentsOf(schema, (one) => one === table),
    ]
  })
  const types = typesInOrder(schema)
  return [
    ...schemasOf(schema).map((one) => `CREATE SCHEMA IF NOT EXISTS ${name(one)}`),
    ...schema.extensions.toSorted().map(extensionText),
    ...types.map(typeText),
    ...schema.sequences.toSorted(byPath).map(sequenceText),
    ...routinesInOrder(early).map(routineText),
    ...tables,
    ...late,
    ...queriesInOrder(
      schema.views,
      schema.functions.filter((one) => !early.includes(one)),
    ).flatMap((one) => ('query' in one ? [viewText(one), ...indexTexts(one)] : [routineText(one)])),
    ...schema.triggers.toSorted(byPath).flatMap(triggerTexts),
    ...commentsOf(schema, (one) => !schema.tables.some((table) => table === one)),
  ]
}

export function byPath(a: Named, b: Named): number {
  return byName({ name: nameOf(a) }, { name: nameOf(b) })
}

/** Schemas in which something is, without the usual one. */
export function schemasOf(schema: Schema): string[] {
  const { enums, domains, sequences, functions, tables, views } = schema
  const all = [enums, domains, sequences, functions, tables, views].flat().map((one) => one.schema)
  return [...new Set(all)].filter((one) => one !== '').sort()
}

export function extensionText(extension: string): string {
  return `CREATE EXTENSION IF NOT EXISTS ${name(extension)}`
}

/** Enums and domains, each behind what it is made of. */
export function typesInOrder({ enums, domains }: Schema): (Enum | Domain)[] {
  return inOrder<Enum | Domain>(
    [...enums, ...domains],
    ({ name }) => name,
    (one) => ('type' in one ? namesIn('postgres', one.type) : []),
  )
}

/** CREATE TYPE or CREATE DOMAIN. */
export function typeText(one: Enum | Domain): string {
  if ('values' in one) return `CREATE TYPE ${path(one)} AS ENUM (${one.values.map(stringText).join(', ')})`
  const lines = [
    one.default !== undefined && `DEFAULT ${defaultText(one.default, one.type)}`,
    !one.nullable && 'NOT NULL',
    ...one.checks
      .filter(({ notValid }) => !notValid)
      .map((check) => `${constraintName(check.name)}CHECK (${check.expression})`),
  ].filter(Boolean)
  const head = `CREATE DOMAIN ${path(one)} AS ${typeName(one.type)}`
  return [head, ...lines].join('\n    ')
}

const LARGEST: Readonly<Record<string, string>> = {
  smallint: '32767',
  integer: '2147483647',
  bigint: '9223372036854775807',
}

/** CREATE SEQUENCE, with what is not as usual. */
export function sequenceText(one: Sequence): string {
  const [usualMin, usualMax] = usualRange(one)
  const down = one.increment.startsWith('-')
  return [
    `CREATE SEQUENCE ${path(one)}`,
    one.type !== 'bigint' && `AS ${one.type}`,
    one.increment !== '1' && `INCREMENT BY ${one.increment}`,
    one.min !== usualMin && `MINVALUE ${one.min}`,
    one.max !== usualMax && `MAXVALUE ${one.max}`,
    one.start !== (down ? one.max : one.min) && `START WITH ${one.start}`,
    one.cycle && 'CYCLE',
  ]
    .filter(Boolean)
    .join(' ')
}

function usualRange({ type, increment }: Sequence): [min: string, max: string] {
  const largest = LARGEST[type] ?? ''
  return increment.startsWith('-') ? [`-${BigInt(largest || '0') + 1n}`, '-1'] : ['1', largest]
}

export function routineText(one: Routine): string {
  return statementText(one.sql)
}

/** A statement without the semicolon at its end. */
export function statementText(sql: string): string {
  return sql.trim().replace(/\s*;$/, '')
}

export function routinesInOrder(routines: readonly Routine[]): Routine[] {
  return inOrder(
    routines,
    ({ name }) => name,
    ({ sql }) => namesIn('postgres', sql),
  )
}

/** Functions that tables and domains need, or that need none of them. The others must come behind the tables. */
export function earlyRoutines(schema: Schema): Routine[] {
  const { tables, domains, views, functions } = schema
  const expressions = [...tables.flatMap(expressionsOf), ...domains.flatMap(domainExpressions)]
  const called = new Set(expressions.flatMap((one) => [...namesIn('postgres', one)]))
  const relations = new Set([...tables, ...views].map((one) => one.name))
  const early = new Set<Routine>()
  const add = (one: Routine) => {
    if (early.has(one)) return
    early.add(one)
    const names = bodyNames(one)
    for (const other of functions) if (names.has(other.name)) add(other)
  }
  for (const one of functions) {
    if (called.has(one.name) || ![...bodyNames(one)].some((used) => relations.has(used))) add(one)
  }
  return functions.filter((one) => early.has(one))
}

const BODIES = new WeakMap<Routine, Set<string>>()

/** Names in a function's head and in its body, which is mostly a string. */
export function bodyNames(one: Routine): Set<string> {
  const known = BODIES.get(one)
  if (known !== undefined) return known
  const bodies = tokensOf(one.sql, 'postgres').filter(
    ({ kind, text }) => kind === 'string' && /^['$]/.test(text),
  )
  const texts = bodies.map(({ text }) => text.replace(/^(?:'|\$\w*\$)/, '').replace(/(?:'|\$\w*\$)$/, ''))
  const names = new Set([one.sql, ...texts].flatMap((text) => [...namesIn('postgres', text)]))
  BODIES.set(one, names)
  return names
}

function domainExpressions(domain: Domain): string[] {
  return [domain.default ?? '', ...domain.checks.map(({ expression }) => expression)]
}

/** Every expression in a table. */
export function expressionsOf(table: Table): string[] {
  return [
    ...table.columns.flatMap(({ default: fallback, generated }) => [
      fallback ?? '',
      generated?.expression ?? '',
    ]),
    ...table.checks.map(({ expression }) => expression),
    ...table.exclusions.map(({ definition }) => definition),
    ...table.indexes.flatMap(({ parts, where }) => [
      where ?? '',
      ...parts.map(({ expression }) => expression ?? ''),
    ]),
    table.partitionBy ?? '',
  ].filter((one) => one !== '')
}

/** Views and functions, each behind what it uses. */
export function queriesInOrder(views: readonly View[], routines: readonly Routine[]): (View | Routine)[] {
  return inOrder<View | Routine>(
    [...views, ...routines],
    ({ name }) => name,
    (one) => ('query' in one ? namesIn('postgres', one.query) : bodyNames(one)),
  )
}

/** CREATE TABLE, and what else makes it. */
export interface TableTexts {
  readonly text: string
  /** What CREATE TABLE cannot say. */
  readonly behind: string[]
  /** Foreign keys to tables that are not there yet. */
  readonly circular: string[]
}

/** @param isThere whether what a foreign key refers to is there */
export function tableTexts(table: Table, isThere: (key: ForeignKey) => boolean): TableTexts {
  const constraints = constraintsOf(table)
  const add = (one: Constraint) => addText(table, one)
  const circular = constraints.filter(
    ({ foreign, isForeign }) => isForeign && (foreign === undefined || !isThere(foreign)),
  )
  const behind = constraints.filter((one) => one.notValid && !circular.includes(one))
  const own = constraints.filter((one) => !circular.includes(one) && !behind.includes(one))
  const part = table.partitionOf
  const columns = part === undefined ? table.columns : []
  const inlined = new Map(columns.map((column) => [column, own.filter((one) => one.column === column.name)]))
  const lines = [
    ...columns.map((column) => columnText(column, inlined.get(column) ?? [])),
    ...own
      .filter((one) => ![...inlined.values()].flat().includes(one))
      .map((one) => `${constraintName(one.usual ? undefined : one.name)}${one.text}`),
  ]
  const head = `CREATE ${table.unlogged ? 'UNLOGGED ' : ''}TABLE ${path(table)}`
  const of = part === undefined ? '' : ` PARTITION OF ${path(part)}`
  const body = lines.length === 0 ? '' : ` (\n${lines.map((line) => `    ${line}`).join(',\n')}\n)`
  const bound = part === undefined ? '' : ` ${part.bound}`
  const by = table.partitionBy === undefined ? '' : ` PARTITION BY ${table.partitionBy}`
  return {
    text: `${head}${of}${body || (part === undefined ? ' ()' : '')}${bound}${by}`,
    behind: [...nullableSerials(table), ...behind.map(add)],
    circular: circular.map(add),
  }
}

/** What the columns of a partition have that those of its table have not. */
export function partitionTexts(table: Table, { tables }: Schema): string[] {
  const part = table.partitionOf
  const parent = part && tables.find((one) => nameOf(one) === nameOf(part))
  if (parent === undefined) return []
  return table.columns.flatMap((column) => {
    const own = parent.columns.find((one) => one.name === column.name)
    const alter = `ALTER TABLE ${path(table)} ALTER COLUMN ${name(column.name)}`
    if (own === undefined || column.generated !== undefined) return []
    const fallback =
      column.default === undefined
        ? 'DROP DEFAULT'
        : `SET DEFAULT ${defaultText(column.default, column.type)}`
    return [
      ...(own.default === column.default ? [] : [`${alter} ${fallback}`]),
      ...(own.nullable && !column.nullable ? [`${alter} SET NOT NULL`] : []),
    ]
  })
}

/** SERIAL means NOT NULL too. */
function nullableSerials(table: Table): string[] {
  return table.columns
    .filter(({ identity, nullable }) => identity === 'serial' && nullable && table.partitionOf === undefined)
    .map((column) => `ALTER TABLE ${path(table)} ALTER COLUMN ${name(column.name)} DROP NOT NULL`)
}

/** A constraint of a table, with the name that it has or gets. */
export interface Constraint {
  /** Nothing where only the server can tell which it gives. */
  readonly name: string | undefined
  /** It is the name that the server gives. */
  readonly usual: boolean
  readonly text: string
  /** The column behind which it can stand, and how. */
  readonly column?: string
  readonly inline?: string
  readonly key?: Key
  readonly foreign?: ForeignKey
  readonly isForeign?: true
  /** An index makes sure of it, and has its name. */
  readonly isIndex?: true
  readonly expression?: string
  readonly notValid?: true
}

/** Every constraint of a table but NOT NULL. */
export function constraintsOf(table: Table): Constraint[] {
  const names = new Map<string, number>()
  const given = new Set(allConstraints(table).flatMap(({ name }) => name ?? []))
  const named = (own: string | undefined, usual: string): Pick<Constraint, 'name' | 'usual'> => {
    // Longer ones are cut, the server knows how.
    const short = new TextEncoder().encode(usual).length < 64
    if (own !== undefined) {
      const isUsual = own === usual && short && !names.has(usual)
      if (isUsual) names.set(usual, 0)
      return { name: own, usual: isUsual }
    }
    if (!short) return { name: undefined, usual: true }
    let [free, n] = [usual, names.get(usual) ?? 0]
    while (n > 0 || given.has(free)) {
      n++
      free = `${usual}${n - 1 || 1}`
      if (!given.has(free)) break
    }
    names.set(usual, n + 1)
    return { name: free, usual: free === usual }
  }
  const t = table.name
  const { primaryKey: key } = table
  return [
    ...(key === undefined ? [] : [{ ...named(key.name, `${t}_pkey`), ...keyTexts(key, 'PRIMARY KEY'), key }]),
    ...table.uniques.map((one) => {
      const kind = one.nullsNotDistinct ? 'UNIQUE NULLS NOT DISTINCT' : 'UNIQUE'
      return { ...named(one.name, `${t}_${one.columns.join('_')}_key`), ...keyTexts(one, kind), key: one }
    }),
    ...table.checks.map((check) => {
      const column = onlyColumn(table, check)
      const text = `CHECK (${check.expression})`
      return {
        ...named(check.name, column === undefined ? `${t}_check` : `${t}_${column}_check`),
        text: check.notValid ? `${text} NOT VALID` : text,
        ...(column !== undefined && !check.notValid && { column, inline: text }),
        expression: check.expression,
        ...(check.notValid && { notValid: true as const }),
      }
    }),
    ...table.exclusions.map(({ name, definition }) => ({
      name,
      usual: false,
      text: definition,
      expression: definition,
      // Over periods of time.
      ...(definition.startsWith('FOREIGN KEY') ? { isForeign: true as const } : { isIndex: true as const }),
    })),
    ...table.foreignKeys.map((foreign) => {
      const references = referencesText(foreign)
      const alone = foreign.columns.length === 1 && !foreign.notValid
      return {
        ...named(foreign.name, `${t}_${foreign.columns.join('_')}_fkey`),
        text: `FOREIGN KEY ${list(foreign.columns)} ${references}${foreign.notValid ? ' NOT VALID' : ''}`,
        ...(alone && { column: foreign.columns[0] ?? '', inline: references }),
        foreign,
        isForeign: true as const,
        ...(foreign.notValid && { notValid: true as const }),
      }
    }),
  ]
}

function allConstraints(table: Table): readonly { readonly name?: string }[] {
  const { primaryKey: key, uniques, checks, exclusions, foreignKeys } = table
  return [...(key === undefined ? [] : [key]), ...uniques, ...checks, ...exclusions, ...foreignKeys]
}

function keyTexts(key: Unique, kind: string): Pick<Constraint, 'text' | 'column' | 'inline' | 'isIndex'> {
  const include = key.include === undefined ? '' : ` INCLUDE ${list(key.include)}`
  const end = `${include}${deferrableText(key)}`
  const [column] = key.columns
  const alone = key.columns.length === 1 && include === '' && column !== undefined
  return {
    text: `${kind} ${list(key.columns)}${end}`,
    isIndex: true,
    ...(alone && { column, inline: `${kind}${end}` }),
  }
}

/** The column after which the server names a check: the only one that it speaks of. */
function onlyColumn(table: Table, check: Check): string | undefined {
  const names = namesIn('postgres', check.expression)
  const columns = table.columns.filter((column) => names.has(column.name))
  return columns.length === 1 ? columns[0]?.name : undefined
}

function constraintName(own: string | undefined): string {
  return own === undefined ? '' : `CONSTRAINT ${name(own)} `
}

function deferrableText({ deferrable }: Pick<Key, 'deferrable'>): string {
  if (deferrable === undefined) return ''
  return deferrable === 'deferred' ? ' DEFERRABLE INITIALLY DEFERRED' : ' DEFERRABLE'
}

function referencesText(key: ForeignKey): string {
  const { to, references, onDelete, onDeleteColumns, onUpdate, matchFull } = key
  return [
    `REFERENCES ${path(to)}`,
    references.length > 0 && ` ${list(references)}`,
    matchFull && ' MATCH FULL',
    onDelete !== 'NO ACTION' && ` ON DELETE ${onDelete}`,
    onDeleteColumns && ` ${list(onDeleteColumns)}`,
    onUpdate !== 'NO ACTION' && ` ON UPDATE ${onUpdate}`,
    deferrableText(key),
  ]
    .filter(Boolean)
    .join('')
}

/** ALTER TABLE … ADD a constraint. */
export function addText(table: Named, one: Constraint): string {
  return `ALTER TABLE ${path(table)} ADD ${constraintName(one.name)}${one.text}`
}

const SERIALS: Readonly<Record<string, string>> = {
  smallint: 'SMALLSERIAL',
  integer: 'SERIAL',
  bigint: 'BIGSERIAL',
}

/** A column as CREATE TABLE and ADD COLUMN write it. */
export function columnText(column: Column, constraints: readonly Constraint[] = []): string {
  const { identity, generated } = column
  const serial = identity === 'serial' ? SERIALS[column.type] : undefined
  const isKey = constraints.some(({ inline }) => inline?.startsWith('PRIMARY KEY'))
  const usual = constraints.filter((one) => one.inline !== undefined)
  const inline = ({ name, usual, inline }: Constraint) =>
    `${constraintName(usual ? undefined : name)}${inline}`
  return [
    name(column.name),
    serial ?? typeName(column.type),
    column.collation && `COLLATE ${column.collation}`,
    ...usual.filter(({ inline }) => inline?.startsWith('PRIMARY KEY')).map(inline),
    !column.nullable && !isKey && serial === undefined && identity === undefined && 'NOT NULL',
    identity === undefined &&
      column.default !== undefined &&
      `DEFAULT ${defaultText(column.default, column.type)}`,
    identity !== undefined && serial === undefined && identityText(identity),
    generated && `GENERATED ALWAYS AS (${generated.expression}) ${generated.stored ? 'STORED' : 'VIRTUAL'}`,
    ...usual.filter(({ inline }) => !inline?.startsWith('PRIMARY KEY')).map(inline),
  ]
    .filter(Boolean)
    .join(' ')
}

/** Operators that are words, which DEFAULT takes only in parentheses. */
const OPERATORS = [
  'AND',
  'OR',
  'NOT',
  'IS',
  'IN',
  'LIKE',
  'ILIKE',
  'BETWEEN',
  'AT',
  'COLLATE',
  'SIMILAR',
  'OVERLAPS',
]

/** A number or a string as the server gives it back, and the type that it says it has. */
const CAST = /^('(?:[^']|'')*')::([a-z][\w ]*(?:\[\])*)(?:\([\d,]+\))?$/

/**
 * What stands behind DEFAULT: in parentheses where it is more than a value, a call or a cast, and without the cast
 * that the type says already.
 *
 * @param type of what has the default
 */
export function defaultText(expression: string, type: string): string {
  const [, value = '', cast] = CAST.exec(expression) ?? []
  if (cast !== undefined && type.replace(/\([\d,]+\)/, '') === cast) return value
  if (cast === 'integer' && /^'-\d+'$/.test(value)) return value.slice(1, -1)
  const next = /^nextval\(('[^']*')::regclass\)$/.exec(expression)
  if (next !== null) return `nextval(${next[1]})`
  let depth = 0
  const simple = tokensOf(expression, 'postgres').every((token, i) => {
    if (isSign(token, '(') || isSign(token, '[')) depth++
    if (isSign(token, ')') || isSign(token, ']')) depth--
    if (depth > 0) return true
    if (token.kind === 'sign') return /^(::|[.)\]])$/.test(token.text) || (token.text === '-' && i === 0)
    return !isWord(token, ...OPERATORS)
  })
  return simple ? expression : `(${expression})`
}

export function identityText(identity: Column['identity']): string {
  return identity === 'always' ? 'GENERATED ALWAYS AS IDENTITY' : 'GENERATED BY DEFAULT AS IDENTITY'
}

/** What the server writes in full, and people do not. */
const SHORT: readonly [RegExp, string][] = [
  [/^character varying/i, 'varchar'],
  [/^character(?=$|\(|\[)/i, 'char'],
  [/^timestamp(\(\d\))? with time zone/i, 'timestamptz$1'],
  [/^timestamp(\(\d\))? without time zone/i, 'timestamp$1'],
  [/^time(\(\d\))? with time zone/i, 'timetz$1'],
  [/^time(\(\d\))? without time zone/i, 'time$1'],
]

const BUILT_IN =
  /^(bigint|bit|boolean|bytea|char|cidr|date|double precision|inet|integer|interval|jsonb?|macaddr8?|money|numeric|real|smallint|text|time|timestamp|timestamptz|timetz|tsquery|tsvector|uuid|varchar|xml)(\([\d,]+\))?(\[\])*$/

/** A type as people write it: what the database knows itself in capitals. */
export function typeName(type: string): string {
  const short = SHORT.reduce((text, [pattern, to]) => text.replace(pattern, to), type)
  return BUILT_IN.test(short) ? short.toUpperCase().replace(',', ', ') : type
}

export function indexTexts(of: Pick<Table, 'schema' | 'name' | 'indexes'>): string[] {
  return of.indexes.toSorted(byName).map((index) => indexText(of, index))
}

/** CREATE INDEX. */
export function indexText(of: Named, index: Index): string {
  const { method, include, where } = index
  return [
    `CREATE ${index.unique ? 'UNIQUE ' : ''}INDEX ${name(index.name)} ON ${path(of)}`,
    method && `USING ${name(method)}`,
    `(${index.parts.map(partText).join(', ')})`,
    include && include.length > 0 && `INCLUDE ${list(include)}`,
    index.nullsNotDistinct && 'NULLS NOT DISTINCT',
    where !== undefined && `WHERE ${where}`,
  ]
    .filter(Boolean)
    .join(' ')
}

function partText({ column, expression = '', collation, operators, desc, nulls }: IndexPart): string {
  return [
    column === undefined ? expressionText(expression) : name(column),
    collation && `COLLATE ${collation}`,
    operators,
    desc && 'DESC',
    nulls && `NULLS ${nulls.toUpperCase()}`,
  ]
    .filter(Boolean)
    .join(' ')
}

/** An index takes the call of a function as it is, and everything else in parentheses. */
function expressionText(expression: string): string {
  const tokens = tokensOf(expression, 'postgres')
  const isCall =
    tokens[0]?.kind === 'word' && isSign(tokens[1], '(') && !/[\s:]/.test(expression.replace(/\(.*\)$/s, ''))
  const simple =
    isCall &&
    unwrapped(expression.slice(tokens[1]?.start), 'postgres').length ===
      expression.length - (tokens[1]?.start ?? 0) - 2
  return simple ? expression : `(${unwrapped(expression, 'postgres')})`
}

/** CREATE VIEW; with the names of its columns where its SELECT does not give them. */
export function viewText(view: View, verb = 'CREATE'): string {
  const columns = view.columns.map((column) => column.name)
  const given = selectedNames('postgres', view.query)
  const isGiven = given?.includes('*') || (given ?? []).join('\0') === columns.join('\0')
  const head = `${verb} ${view.materialized ? 'MATERIALIZED ' : ''}VIEW ${path(view)}`
  return `${head}${isGiven ? '' : ` ${list(columns)}`} AS\n${statementText(view.query)}`
}

/** CREATE TRIGGER, and what makes it as awake as it is. */
export function triggerTexts(trigger: Trigger): string[] {
  const { enabled } = trigger
  const verb = enabled === 'disabled' ? 'DISABLE' : `ENABLE ${enabled?.toUpperCase()}`
  const table = path({ schema: trigger.schema, name: trigger.table })
  return [
    statementText(trigger.sql),
    ...(enabled === undefined ? [] : [`ALTER TABLE ${table} ${verb} TRIGGER ${name(trigger.name)}`]),
  ]
}

/** What a comment is on, as COMMENT ON names it, and the comment. */
export function targetsOf(schema: Schema, which: (one: object) => boolean): [string, string | undefined][] {
  const of = <T extends object>(all: readonly T[], one: (thing: T) => [string, string | undefined][]) =>
    all.filter(which).flatMap(one)
  const indexes = (one: Table | View): [string, string | undefined][] =>
    one.indexes.map((index) => [`INDEX ${path({ schema: one.schema, name: index.name })}`, index.comment])
  return [
    ...of(schema.enums, (one) => [[`TYPE ${path(one)}`, one.comment]]),
    ...of(schema.domains, (one) => [[`DOMAIN ${path(one)}`, one.comment]]),
    ...of(schema.sequences, (one) => [[`SEQUENCE ${path(one)}`, one.comment]]),
    ...of(schema.functions, (one) => [[`ROUTINE ${signature(one)}`, one.comment]]),
    ...of(schema.tables, (table) => [
      [`TABLE ${path(table)}`, table.comment],
      ...table.columns.map((column): [string, string | undefined] => [
        `COLUMN ${path(table)}.${name(column.name)}`,
        column.comment,
      ]),
      ...indexes(table),
    ]),
    ...of(schema.views, (view) => [
      [`${view.materialized ? 'MATERIALIZED ' : ''}VIEW ${path(view)}`, view.comment],
      ...indexes(view),
    ]),
    ...of(schema.triggers, (one) => [
      [`TRIGGER ${name(one.name)} ON ${path({ schema: one.schema, name: one.table })}`, one.comment],
    ]),
  ]
}

/** `name(argument, …)`. */
export function signature(one: Routine): string {
  return `${path(one)}(${one.arguments})`
}

export function commentText(target: string, comment: string | undefined): string {
  return `COMMENT ON ${target} IS ${comment === undefined ? 'NULL' : stringText(comment)}`
}

function commentsOf(schema: Schema, which: (one: object) => boolean): string[] {
  return targetsOf(schema, which).flatMap(([target, comment]) =>
    comment === undefined ? [] : [commentText(target, comment)],
  )
}
