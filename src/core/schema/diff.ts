import type { Aspect, Difference, ObjectType } from './difference.ts'
import {
  type Check,
  type Column,
  type Domain,
  type Enum,
  type Exclusion,
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
} from './model.ts'

/** What is not a difference though it is not the same. */
export interface Rules {
  /** Writes alike what counts as equal, before the two are compared. */
  align(before: Schema, after: Schema): readonly [before: Schema, after: Schema]
}

/**
 * Names every difference between two schemas, in a fixed order. Names are the same in any case where one side is
 * SQLite.
 *
 * @param rules without, all of it is compared
 */
export function diff(before: Schema, after: Schema, rules?: Rules): Difference[] {
  const [a, b] = rules === undefined ? [before, after] : rules.align(before, after)
  const anyCase = [a, b].some(({ dialect }) => dialect === 'sqlite')
  const fold: Fold = (name) => (anyCase ? lower(name) : name)
  const one = comparer(fold)
  const full = (named: Named) => fold(nameOf(named))
  const triggerKey = (trigger: Trigger) => fold(`${nameOf(ofTrigger(trigger))}.${trigger.name}`)
  const byName = <T extends Named>(
    object: ObjectType,
    pick: (schema: Schema) => readonly T[],
    facts: Facts<T>,
  ) => one({ object, before: pick(a), after: pick(b), name: nameOf, keys: [full], facts })

  return [
    ...one({
      object: 'extension',
      before: a.extensions,
      after: b.extensions,
      name: (name) => name,
      keys: [(name) => name],
      facts: () => ({}),
    }),
    ...byName('enum', (schema) => schema.enums, enumFacts),
    ...byName('domain', (schema) => schema.domains, domainFacts),
    ...byName('sequence', (schema) => schema.sequences, sequenceFacts),
    ...one({
      object: 'function',
      before: a.functions,
      after: b.functions,
      name: routineName,
      keys: [routineName],
      facts: routineFacts,
    }),
    ...tableDifferences(a.tables, b.tables, fold),
    ...byName('view', (schema) => schema.views, viewFacts),
    ...pairsOf(a.views, b.views, [full]).flatMap(([view, other]) =>
      view && other ? indexDifferences(nameOf(view), view.indexes, other.indexes, fold) : [],
    ),
    ...one({
      object: 'trigger',
      before: a.triggers,
      after: b.triggers,
      table: (trigger) => nameOf(ofTrigger(trigger)),
      name: ({ name }) => name,
      keys: [triggerKey],
      facts: triggerFacts,
    }),
  ]
}

/** How names are compared. */
type Fold = (name: string) => string

/** What is said of an object, aspect by aspect; what is undefined is not there. */
type Facts<T> = (object: T) => Readonly<Record<string, string | undefined>>

/** A way to tell which object of the one side is which of the other; undefined: none in this way. */
type MatchKey<T> = (object: T) => string | undefined

interface Comparison<T> {
  readonly object: ObjectType
  readonly before: readonly T[]
  readonly after: readonly T[]
  readonly name: (object: T) => string
  readonly table?: string | ((object: T) => string)
  readonly columns?: (object: T) => readonly string[]
  /** One after the other: what the first matches, the second does not see. */
  readonly keys: readonly MatchKey<T>[]
  readonly facts: Facts<T>
}

/** SQLite's own: ASCII only. */
function lower(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => letter.toLowerCase())
}

function comparer(fold: Fold) {
  return <T>({ object, before, after, name, table, columns, keys, facts }: Comparison<T>): Difference[] => {
    const told = (change: Difference['change'], one: T, aspects: Aspect[] = []): Difference => ({
      object,
      change,
      ...(table !== undefined && { table: typeof table === 'string' ? table : table(one) }),
      name: name(one),
      ...(columns !== undefined && { columns: columns(one) }),
      aspects,
    })
    const differences = pairsOf(before, after, keys).flatMap(([one, other]): Difference[] => {
      if (one === undefined) return other === undefined ? [] : [told('extra', other)]
      if (other === undefined) return [told('missing', one)]
      const aspects = aspectsOf(facts(one), facts(other), fold)
      return aspects.length === 0 ? [] : [told('different', one, aspects)]
    })
    return differences.sort((x, y) => order(x.table ?? '', y.table ?? '') || order(x.name, y.name))
  }
}

function order(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}

/** What is a name, or has names in it; all else is compared to the letter. */
const NAMES: readonly string[] = [
  'name',
  'columns',
  'descending',
  'collations',
  'on delete of',
  'table',
  'references',
  'include',
  'parts',
  'type',
  'collation',
]

const ABSENT = 'none'

function aspectsOf(before: ReturnType<Facts<never>>, after: ReturnType<Facts<never>>, fold: Fold): Aspect[] {
  const aspects: Aspect[] = []
  for (const aspect of new Set([...Object.keys(before), ...Object.keys(after)])) {
    const [one, other] = [before[aspect] ?? ABSENT, after[aspect] ?? ABSENT]
    const same = NAMES.includes(aspect) ? fold(one) === fold(other) : one === other
    if (!same) aspects.push({ aspect, before: one, after: other })
  }
  return aspects
}

type Pairs<T> = [before: T | undefined, after: T | undefined][]

/** Both sides put together: by the first key where that finds a partner, then by the next. */
function pairsOf<T>(before: readonly T[], after: readonly T[], keys: readonly MatchKey<T>[]): Pairs<T> {
  const partners = new Map<T, T>()
  let left = [...after]
  for (const key of keys) {
    const waiting = Map.groupBy(left, key)
    for (const one of before) {
      const wanted = partners.has(one) ? undefined : key(one)
      const partner = wanted === undefined ? undefined : waiting.get(wanted)?.shift()
      if (partner !== undefined) partners.set(one, partner)
    }
    const taken = new Set(partners.values())
    left = left.filter((one) => !taken.has(one))
  }
  const first = before.map((one): Pairs<T>[number] => {
    const partner = partners.get(one)
    return [one, partner]
  })
  return [...first, ...left.map((one): Pairs<T>[number] => [undefined, one])]
}

function tableDifferences(before: readonly Table[], after: readonly Table[], fold: Fold): Difference[] {
  const key = (table: Table) => fold(nameOf(table))
  const whole = comparer(fold)({
    object: 'table',
    before,
    after,
    name: nameOf,
    keys: [key],
    facts: tableFacts,
  })
  const inside = pairsOf(before, after, [key])
    .sort(([a], [b]) => order(a ? nameOf(a) : '', b ? nameOf(b) : ''))
    .flatMap(([a, b]) => (a && b ? partsOfTable(a, b, fold) : []))
  return [...whole, ...inside]
}

function partsOfTable(a: Table, b: Table, fold: Fold): Difference[] {
  const one = comparer(fold)
  const table = nameOf(a)
  const columnKey = ({ name }: Column) => fold(name)
  const inBoth = (column: Column) =>
    [a, b].every(({ columns }) => columns.some((other) => columnKey(other) === columnKey(column)))
  const places = (columns: readonly Column[]) => columns.filter(inBoth)
  const [first, second] = [places(a.columns), places(b.columns)].map((columns) =>
    columns.map(columnKey).join(', '),
  )
  const reordered: Difference[] =
    first === second
      ? []
      : [
          {
            object: 'table',
            change: 'different',
            name: table,
            aspects: [
              { aspect: 'column order', before: named(places(a.columns)), after: named(places(b.columns)) },
            ],
          },
        ]
  const columns = ({ columns }: Key) => columns
  const keyName = ({ name, columns }: Key) => name ?? columns.join(', ')
  const differences = [
    ...reordered,
    ...one({
      object: 'column',
      table,
      before: a.columns,
      after: b.columns,
      name: ({ name }) => name,
      keys: [columnKey],
      facts: columnFacts,
    }),
    ...one({
      object: 'primary key',
      table,
      before: a.primaryKey ? [a.primaryKey] : [],
      after: b.primaryKey ? [b.primaryKey] : [],
      name: keyName,
      columns,
      keys: [() => ''],
      facts: keyFacts,
    }),
    ...one({
      object: 'unique',
      table,
      before: a.uniques,
      after: b.uniques,
      name: keyName,
      columns,
      keys: keysOf((unique: Unique) => named(unique.columns), fold),
      facts: uniqueFacts,
    }),
    ...one({
      object: 'foreign key',
      table,
      before: a.foreignKeys,
      after: b.foreignKeys,
      name: keyName,
      columns,
      keys: [
        ...keysOf((key: ForeignKey) => `${named(key.columns)} ${nameOf(key.to)}`, fold),
        (key: ForeignKey) => fold(named(key.columns)),
      ],
      facts: foreignKeyFacts,
    }),
    ...one({
      object: 'check',
      table,
      before: a.checks,
      after: b.checks,
      name: ({ name, expression }) => name ?? expression,
      keys: keysOf(
        ({ expression }: Check) => expression,
        (text) => text,
      ),
      facts: checkFacts,
    }),
    ...one({
      object: 'exclusion',
      table,
      before: a.exclusions,
      after: b.exclusions,
      name: ({ name }) => name,
      keys: keysOf(
        ({ definition }: Exclusion) => definition,
        (text) => text,
      ),
      facts: ({ name, definition }) => ({ name, definition }),
    }),
    ...indexDifferences(table, a.indexes, b.indexes, fold),
  ]
  return uniqueInOneWay(differences, [...a.indexes, ...b.indexes], fold)
}

/** A constraint on one side and a unique index on the other are one difference. */
function uniqueInOneWay(
  differences: readonly Difference[],
  indexes: readonly Index[],
  fold: Fold,
): Difference[] {
  const left = [...differences]
  for (const unique of differences) {
    if (unique.object !== 'unique' || unique.change === 'different') continue
    const columns = fold(named(unique.columns ?? []))
    const isSame = ({ object, change, name }: Difference) => {
      if (object !== 'index' || change === 'different' || change === unique.change) return false
      return indexes.some((index) => index.name === name && fold(plainColumns(index) ?? '') === columns)
    }
    const index = left.find(isSame)
    if (index === undefined) continue
    const forms = ['a constraint', `the index ${index.name}`]
    const [before = '', after = ''] = unique.change === 'missing' ? forms : forms.reverse()
    left.splice(left.indexOf(index), 1)
    left[left.indexOf(unique)] = {
      ...unique,
      change: 'different',
      aspects: [{ aspect: 'form', before, after }],
    }
  }
  return left
}

/** What a unique index makes unique, where a constraint could too. */
function plainColumns({ unique, parts, where }: Index): string | undefined {
  if (!unique || where !== undefined || parts.some(({ expression }) => expression !== undefined))
    return undefined
  return parts.map(({ column }) => column).join(', ')
}

/** By name and content, by content, by name: a renamed one is told as that, and so is a changed one. */
function keysOf<T extends { readonly name?: string }>(
  content: (object: T) => string,
  fold: Fold,
): MatchKey<T>[] {
  const name = (object: T) => (object.name === undefined ? undefined : fold(object.name))
  return [(object) => `${name(object)} ${fold(content(object))}`, (object) => fold(content(object)), name]
}

function indexDifferences(
  table: string,
  before: readonly Index[],
  after: readonly Index[],
  fold: Fold,
): Difference[] {
  const name = ({ name }: Index) => fold(name)
  const content = (index: Index) =>
    fold(JSON.stringify({ ...indexFacts(index), name: undefined, comment: undefined }))
  return comparer(fold)({
    object: 'index',
    table,
    before,
    after,
    name: ({ name }) => name,
    keys: [name, content],
    facts: indexFacts,
  })
}

function named(items: readonly (string | { readonly name: string })[]): string {
  return items.map((item) => (typeof item === 'string' ? item : item.name)).join(', ')
}

function yes(value: boolean | undefined): string | undefined {
  return value ? 'yes' : undefined
}

const enumFacts: Facts<Enum> = ({ values, comment }) => ({
  values: values.map((value) => `'${value}'`).join(', '),
  comment,
})

const domainFacts: Facts<Domain> = ({ type, nullable, checks, comment, default: fallback }) => ({
  type,
  null: nullable ? 'NULL' : 'NOT NULL',
  default: fallback,
  checks: checks.length > 0 ? checks.map(checkText).sort().join(', ') : undefined,
  comment,
})

function checkText({ name, expression, notValid }: Check): string {
  return [name ?? '', `(${expression})`, notValid ? 'NOT VALID' : ''].join(' ').trim()
}

const sequenceFacts: Facts<Sequence> = ({ type, start, increment, min, max, cycle, comment }) => ({
  type,
  start,
  increment,
  min,
  max,
  cycle: yes(cycle),
  comment,
})

const routineName = (routine: Routine) => `${nameOf(routine)}(${routine.arguments})`
const routineFacts: Facts<Routine> = ({ sql, comment }) => ({ definition: sql, comment })

const tableFacts: Facts<Table> = (table) => ({
  strict: yes(table.strict),
  'without rowid': yes(table.withoutRowid),
  unlogged: yes(table.unlogged),
  virtual: table.virtual,
  'partition by': table.partitionBy,
  'partition of': table.partitionOf && `${nameOf(table.partitionOf)} ${table.partitionOf.bound}`,
  comment: table.comment,
})

const columnFacts: Facts<Column> = (column) => ({
  type: column.type,
  null: column.nullable ? 'NULL' : 'NOT NULL',
  'on conflict': column.onConflict,
  default: column.default,
  identity: column.identity,
  generated: column.generated && generatedText(column.generated),
  collation: column.collation,
  comment: column.comment,
})

function generatedText({ expression, stored }: NonNullable<Column['generated']>): string {
  return `(${expression}) ${stored ? 'STORED' : 'VIRTUAL'}`
}

const keyFacts: Facts<Key> = ({ name, columns, desc = [], collations, include, onConflict, deferrable }) => ({
  name,
  columns: named(columns),
  descending: desc.length > 0 ? named(desc) : undefined,
  collations: collations && collationsText(collations),
  include: include && named(include),
  'on conflict': onConflict,
  deferrable,
})

function collationsText(collations: Readonly<Record<string, string>>): string {
  return Object.entries(collations)
    .map(([column, collation]) => `${column} COLLATE ${collation}`)
    .sort()
    .join(', ')
}

const uniqueFacts: Facts<Unique> = (unique) => ({
  ...keyFacts(unique),
  'nulls not distinct': yes(unique.nullsNotDistinct),
})

const foreignKeyFacts: Facts<ForeignKey> = (key) => ({
  name: key.name,
  columns: named(key.columns),
  table: nameOf(key.to),
  references: named(key.references),
  'on delete': key.onDelete,
  'on delete of': key.onDeleteColumns && named(key.onDeleteColumns),
  'on update': key.onUpdate,
  match: key.matchFull ? 'FULL' : undefined,
  deferrable: key.deferrable,
  'not valid': yes(key.notValid),
})

const checkFacts: Facts<Check> = ({ name, expression, notValid }) => ({
  name,
  expression,
  'not valid': yes(notValid),
})

/** One part of an index, as it would be written. */
function partText({ column, expression, desc, nulls, collation, operators }: IndexPart): string {
  return [
    column ?? `(${expression})`,
    ...(collation === undefined ? [] : [`COLLATE ${collation}`]),
    ...(operators === undefined ? [] : [operators]),
    ...(desc ? ['DESC'] : []),
    ...(nulls === undefined ? [] : [`NULLS ${nulls.toUpperCase()}`]),
  ].join(' ')
}

const indexFacts: Facts<Index> = ({
  name,
  unique,
  parts,
  method,
  where,
  include,
  nullsNotDistinct,
  comment,
}) => ({
  name,
  unique: yes(unique),
  parts: parts.map(partText).join(', '),
  method,
  where,
  include: include && named(include),
  'nulls not distinct': yes(nullsNotDistinct),
  comment,
})

const viewFacts: Facts<View> = ({ columns, query, materialized, comment }) => ({
  columns: columns.map(({ name, type }) => `${name} ${type}`.trim()).join(', '),
  query,
  materialized: yes(materialized),
  comment,
})

const triggerFacts: Facts<Trigger> = ({ timing, events, of, sql, enabled, comment }) => ({
  timing,
  events: [...events].sort().join(', '),
  of: of && named(of),
  definition: sql,
  enabled,
  comment,
})

function ofTrigger({ schema, table }: Trigger): Named {
  return { schema, name: table }
}
