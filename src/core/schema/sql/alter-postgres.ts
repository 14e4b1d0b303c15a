import { isDeepStrictEqual } from 'node:util'
import {
  type Column,
  type Domain,
  type Enum,
  type Index,
  type Named,
  nameOf,
  type Routine,
  type Schema,
  type Sequence,
  type Table,
  type Trigger,
  type View,
} from '../model.ts'
import type { Alteration } from './ddl.ts'
import {
  addText,
  byPath,
  type Constraint,
  columnText,
  commentText,
  constraintsOf,
  defaultText,
  earlyRoutines,
  extensionText,
  identityText,
  indexText,
  partitionTexts,
  queriesInOrder,
  routinesInOrder,
  routineText,
  schemasOf,
  sequenceText,
  signature,
  statementText,
  tableTexts,
  targetsOf,
  triggerTexts,
  typeName,
  typesInOrder,
  typeText,
  viewText,
} from './ddl-postgres.ts'
import { namesIn, nameText, pathText, stringText } from './names.ts'
import { tablesInOrder } from './order.ts'
import {
  freeName,
  type Rename,
  type Renames,
  renameAll,
  renameOrder,
  renamesOf,
  type TableRename,
} from './renames.ts'

/** What is done, in an order in which nothing is in the way of anything. */
const STAGES = [
  'drop triggers',
  'drop views',
  'drop foreign keys',
  'drop functions',
  'drop tables',
  'drop constraints',
  'drop indexes',
  'rename',
  'types',
  'functions',
  'drop columns',
  'alter columns',
  'add columns',
  'create tables',
  'constraints',
  'indexes',
  'foreign keys',
  'views',
  'triggers',
  'drop the rest',
  'comments',
] as const
type Stage = (typeof STAGES)[number]

const name = (text: string) => nameText('postgres', text)
const path = (one: Named) => pathText('postgres', one)
const find = <T extends Named>(all: readonly T[], wanted: Named) =>
  all.find((one) => one.name === wanted.name && one.schema === wanted.schema)
const without = <T extends Named>(all: readonly T[], others: readonly T[]) =>
  all.filter((one) => find(others, one) === undefined)

/** What the steps know and where they write. */
interface Work {
  /** As it is once all is renamed. */
  readonly was: Schema
  readonly after: Schema
  readonly pairs: readonly Pair[]
  /** Enums and domains that are made anew, as others: the old one is renamed first. */
  readonly replaced: readonly { readonly old: Enum | Domain; readonly aside: string }[]
  /** Targets of comments that are gone with what is made anew. */
  readonly anew: Set<string>
  /** Indexes that get other names; so do the constraints that they are of. */
  readonly indexes: (Rename & { readonly schema: string })[]
  put(stage: Stage, ...statements: string[]): void
  note(note: string): void
}

/** A table that stays. */
interface Pair {
  /** What has other names already. */
  readonly was: Table
  readonly after: Table
  /** As the table is called before anything is renamed. */
  readonly path: string
  /** Columns that are gone, made anew or of another type: what speaks of them must not be there meanwhile. */
  readonly moved: ReadonlySet<string>
  /** Columns that are made anew. */
  readonly remade: ReadonlySet<string>
}

/** The statements that turn one schema of PostgreSQL into another. */
export function alterPostgres(before: Schema, after: Schema, told: Renames): Alteration {
  const renames = renamesOf(before, told)
  // What stands where a renamed table is to be must go first.
  const displaced = renames.filter(
    (rename) => rename.from === rename.to && renames.some((one) => one !== rename && isSame(one, rename)),
  )
  const kept = renames.filter((rename) => !displaced.includes(rename))
  const stays = before.tables.filter(
    (table) => !displaced.some(({ schema, from }) => from === table.name && schema === table.schema),
  )
  const was = renameAll({ ...before, tables: stays }, kept)
  const sql = Object.fromEntries(STAGES.map((stage) => [stage, [] as string[]])) as Record<Stage, string[]>
  const notes: string[] = []
  const replaced = replacedTypes(was, after)
  const work: Work = {
    was,
    after,
    replaced,
    pairs: pairsOf(was, after, kept, new Set(replaced.map(({ old }) => old.name))),
    anew: new Set(),
    indexes: [],
    put: (stage, ...statements) => sql[stage].push(...statements),
    note: (note) => notes.push(note),
  }
  const gone = [
    ...before.tables.filter((table) => !stays.includes(table)),
    ...tablesInOrder(was)
      .filter((table) => isGone(work, table))
      .toReversed(),
  ]
  dropTables(gone, work, before)
  queries(before, work, touchedBy(work, kept, gone))
  types(work)
  renameTexts(kept, work, before)
  for (const pair of work.pairs) {
    constraints(pair, work)
    indexes(pair, work)
    columns(pair, work)
  }
  for (const [schema, all] of Map.groupBy(work.indexes, (one) => one.schema)) {
    for (const { from, to } of renameOrder(all, namesOf(all))) {
      work.put('rename', `ALTER INDEX ${path({ schema, name: from })} RENAME TO ${name(to)}`)
    }
  }
  newTables(work)
  comments(work)
  return { statements: STAGES.flatMap((stage) => sql[stage]), notes }
}

function isSame(a: TableRename, b: TableRename): boolean {
  return a.to === b.to && a.schema === b.schema
}

/** Partitioned otherwise, or part of another: PostgreSQL can only make it anew. */
function isGone({ after }: Work, table: Table): boolean {
  const next = find(after.tables, table)
  return next === undefined || isOther(table, next)
}

function isOther(was: Table, after: Table): boolean {
  const parent = (table: Table) => table.partitionOf && nameOf(table.partitionOf)
  return was.partitionBy !== after.partitionBy || parent(was) !== parent(after)
}

function pairsOf(
  was: Schema,
  after: Schema,
  renames: readonly TableRename[],
  replaced: ReadonlySet<string>,
): Pair[] {
  return tablesInOrder(after).flatMap((table) => {
    const old = find(was.tables, table)
    if (old === undefined || isOther(old, table)) return []
    const rename = renames.find(({ schema, to }) => schema === table.schema && to === table.name)
    const retyped = table.columns.filter((column) => {
      const had = columnOf(old, column)
      return had !== undefined && isRetyped(had, column, replaced)
    })
    const speaks = ({ generated }: Column) =>
      generated !== undefined &&
      retyped.some((one) => namesIn('postgres', generated.expression).has(one.name))
    const remade = table.columns.filter((column) => {
      const had = columnOf(old, column)
      if (had === undefined || isDropExpression(had, column)) return false
      return !isDeepStrictEqual(had.generated, column.generated) || speaks(column)
    })
    const dropped = old.columns.filter((column) => columnOf(table, column) === undefined)
    return [
      {
        was: old,
        after: table,
        path: path({ schema: table.schema, name: rename?.from ?? table.name }),
        moved: new Set([...retyped, ...remade, ...dropped].map((column) => column.name)),
        remade: new Set(remade.map((column) => column.name)),
      },
    ]
  })
}

function columnOf(table: Table, wanted: Column): Column | undefined {
  return table.columns.find((column) => column.name === wanted.name)
}

function isRetyped(was: Column, after: Column, replaced: ReadonlySet<string>): boolean {
  return (
    was.type !== after.type ||
    was.collation !== after.collation ||
    [...namesIn('postgres', after.type)].some((one) => replaced.has(one))
  )
}

/** A stored value stays when its expression goes. */
function isDropExpression(was: Column, after: Column): boolean {
  return was.generated?.stored === true && after.generated === undefined
}

function dropTables(gone: readonly Table[], { put, note }: Work, before: Schema): void {
  const left = new Set(gone.map(nameOf))
  for (const table of gone) {
    left.delete(nameOf(table))
    // Those left over refer to it: a circle.
    const now = find(before.tables, table) ?? table
    for (const other of gone.filter((one) => left.has(nameOf(one)))) {
      for (const one of constraintsOf(other)) {
        if (one.foreign && nameOf(one.foreign.to) === nameOf(table) && one.name !== undefined) {
          put('drop foreign keys', `ALTER TABLE ${path(other)} DROP CONSTRAINT ${name(one.name)}`)
        }
      }
    }
    put('drop tables', `DROP TABLE ${path(now)}`)
    note(`the table ${nameOf(table)} is dropped with its rows`)
  }
}

/** Names of what views, triggers and functions cannot hold on to. */
function touchedBy(
  { pairs, replaced }: Work,
  renames: readonly TableRename[],
  gone: readonly Table[],
): Set<string> {
  const tables = pairs.filter(({ moved }) => moved.size > 0).map(({ after }) => after.name)
  const old = renames.filter(({ to }) => tables.includes(to)).map(({ from }) => from)
  return new Set([
    ...tables,
    ...old,
    ...gone.map((table) => table.name),
    ...replaced.map(({ old }) => old.name),
  ])
}

/** Views, functions and triggers: dropped where they go, are others, or use what changes; made in the end. */
function queries(before: Schema, work: Work, touched: ReadonlySet<string>): void {
  const { after, put, anew } = work
  const dropped = new Set<View | Routine>()
  const names = new Set(touched)
  const uses = (one: View | Routine) => ('query' in one ? namesIn('postgres', one.query) : headNames(one))
  for (const one of queriesInOrder(before.views, before.functions)) {
    const next = 'query' in one ? find(after.views, one) : sameRoutine(after, one)
    const hit = next === undefined || !canReplace(one, next) || [...uses(one)].some((used) => names.has(used))
    if (!hit) continue
    dropped.add(one)
    // What calls a function by its name finds the next one.
    if ('query' in one || next === undefined || !canReplace(one, next)) names.add(one.name)
  }
  const order = queriesInOrder(before.views, before.functions).toReversed()
  const relations = new Set([
    ...touched,
    ...[...dropped].filter((one) => 'query' in one).map((one) => one.name),
  ])
  for (const one of order.filter((each) => dropped.has(each))) {
    if ('query' in one) {
      put('drop views', `DROP ${one.materialized ? 'MATERIALIZED ' : ''}VIEW ${path(one)}`)
    } else {
      // What nothing that goes is part of may be in use until the end.
      const isLast = sameRoutine(after, one) === undefined && !hasAny(headNames(one), relations)
      put(isLast ? 'drop the rest' : 'drop functions', `DROP ROUTINE ${signature(one)}`)
    }
    anewWith(one, anew)
  }
  triggers(before, work, names)

  const isMade = (one: View | Routine) => {
    const had = 'query' in one ? find(before.views, one) : sameRoutine(before, one)
    return had === undefined || dropped.has(had) || !isSameQuery(had, one)
  }
  const early = earlyRoutines(after)
  put('functions', ...routinesInOrder(early).filter(isMade).map(routineText))
  const late = after.functions.filter((one) => !early.includes(one))
  for (const one of queriesInOrder(after.views, late)) {
    const had = 'query' in one ? find(before.views, one) : undefined
    if (!('query' in one)) {
      if (isMade(one)) put('views', routineText(one))
    } else if (isMade(one)) {
      put('views', viewText(one, had === undefined || dropped.has(had) ? 'CREATE' : 'CREATE OR REPLACE'))
      put('views', ...one.indexes.map((index) => indexText(one, index)))
    } else if (had) viewIndexes(had, one, work)
  }
}

function anewWith(one: View | Routine, anew: Set<string>): void {
  if (!('query' in one)) anew.add(`ROUTINE ${signature(one)}`)
  else {
    anew.add(`${one.materialized ? 'MATERIALIZED ' : ''}VIEW ${path(one)}`)
    for (const index of one.indexes) anew.add(`INDEX ${path({ schema: one.schema, name: index.name })}`)
  }
}

function isSameQuery(was: View | Routine, after: View | Routine): boolean {
  if ('query' in was && 'query' in after) return statementText(was.query) === statementText(after.query)
  return 'sql' in was && 'sql' in after && statementText(was.sql) === statementText(after.sql)
}

function sameRoutine({ functions }: Schema, wanted: Routine): Routine | undefined {
  return functions.find((one) => signature(one) === signature(wanted))
}

/** Whether CREATE OR REPLACE does it: columns only more, arguments and result the same. */
function canReplace(was: View | Routine, after: View | Routine): boolean {
  if (isSameQuery(was, after))
    return 'query' in was && 'query' in after ? was.materialized === after.materialized : true
  if ('sql' in was && 'sql' in after) return headText(was) === headText(after)
  if (!('query' in was) || !('query' in after) || was.materialized || after.materialized) return false
  return was.columns.every(
    ({ name, type }, i) => after.columns[i]?.name === name && after.columns[i]?.type === type,
  )
}

/** What stands before the language and the body. */
function headText({ sql }: Routine): string {
  return sql.slice(0, /\bLANGUAGE\b/i.exec(sql)?.index).replace(/\s+/g, ' ')
}

/** Names that a function holds on to: those of its head, and of a body that is no string. */
function headNames(one: Routine): Set<string> {
  return namesIn('postgres', one.sql)
}

function viewIndexes(had: View, view: View, { put, anew }: Work): void {
  const { gone, made } = changes(had.indexes, view.indexes, (index) => indexText(view, index))
  put('drop indexes', ...gone.map((index) => `DROP INDEX ${path({ schema: had.schema, name: index.name })}`))
  put('views', ...made.map((index) => indexText(view, index)))
  for (const index of made) anew.add(`INDEX ${path({ schema: view.schema, name: index.name })}`)
}

/** What goes or becomes another, and what is made. */
function changes<T extends { readonly name: string }>(
  was: readonly T[],
  after: readonly T[],
  text: (one: T) => string,
) {
  const same = (one: T, others: readonly T[]) =>
    others.some((other) => other.name === one.name && text(other) === text(one))
  return { gone: was.filter((one) => !same(one, after)), made: after.filter((one) => !same(one, was)) }
}

function triggers(before: Schema, { was, after, pairs, put, anew }: Work, names: ReadonlySet<string>): void {
  const table = ({ schema, table }: Trigger) => ({ schema, name: table })
  const moved = (one: Trigger) => {
    const pair = pairs.find((each) => nameOf(each.was) === nameOf(table(one)))
    if (pair === undefined) return find(after.views, table(one)) === undefined || names.has(one.table)
    return pair.moved.size > 0 && ((one.of ?? []).length > 0 || /\bWHEN\b/i.test(one.sql))
  }
  const text = (one: Trigger) => triggerTexts(one).join(';')
  const same = (a: Trigger, b: Trigger) => a.name === b.name && nameOf(table(a)) === nameOf(table(b))
  const kept = new Set<Trigger>()
  for (const [i, one] of before.triggers.entries()) {
    const now = was.triggers[i] ?? one
    const next = after.triggers.find((each) => same(each, now))
    const calls = [...namesIn('postgres', one.sql)].some((used) => names.has(used) && used !== one.table)
    if (next !== undefined && text(next) === text(one) && !moved(now) && !calls) {
      kept.add(next)
      continue
    }
    const stays = pairs.some((pair) => nameOf(pair.was) === nameOf(table(now)))
    // That of a table or a view that goes, goes with it.
    const view = find(before.views, table(one))
    if (stays || (view && !names.has(view.name))) {
      put('drop triggers', `DROP TRIGGER ${name(one.name)} ON ${path(table(one))}`)
    }
  }
  for (const one of after.triggers.toSorted(byPath)) {
    if (kept.has(one)) continue
    put('triggers', ...triggerTexts(one))
    anew.add(`TRIGGER ${name(one.name)} ON ${path(table(one))}`)
  }
}

/** Enums of which values go or change their order, or a new value is needed at once, and domains of another type. */
function replacedTypes(was: Schema, after: Schema): Work['replaced'] {
  const taken = new Set([was, after].flatMap((one) => [...one.enums, ...one.domains].map(({ name }) => name)))
  const enums = was.enums.filter((old) => {
    const next = find(after.enums, old)
    if (next === undefined) return false
    const stays = next.values.filter((value) => old.values.includes(value))
    const added = next.values.filter((value) => !old.values.includes(value))
    return stays.join('\0') !== old.values.join('\0') || added.some((value) => speaksOfValue(after, value))
  })
  const domains = was.domains.filter((old) => {
    const next = find(after.domains, old)
    const names = namesIn('postgres', old.type)
    return next !== undefined && (next.type !== old.type || enums.some((one) => names.has(one.name)))
  })
  return [...enums, ...domains].map((old) => ({ old, aside: freeName(`${old.name}_old`, taken) }))
}

/** A value that is new cannot be used in the transaction that adds it. */
function speaksOfValue({ tables, domains, views, functions }: Schema, value: string): boolean {
  const text = stringText(value)
  const texts = [
    ...tables.flatMap((table) => [JSON.stringify({ ...table, comment: '' })]),
    ...domains.map((one) => JSON.stringify(one)),
    ...views.map(({ query }) => query),
    ...functions.map(({ sql }) => sql),
  ]
  return texts.some((one) => one.includes(text))
}

function types({ was, after, replaced, put, note, anew }: Work): void {
  put(
    'types',
    ...schemasOf(after)
      .filter((one) => !schemasOf(was).includes(one))
      .map((one) => `CREATE SCHEMA IF NOT EXISTS ${name(one)}`),
  )
  const news = after.extensions.filter((one) => !was.extensions.includes(one))
  put('types', ...news.map(extensionText))
  for (const { old, aside } of replaced) {
    const kind = 'values' in old ? 'TYPE' : 'DOMAIN'
    put('types', `ALTER ${kind} ${path(old)} RENAME TO ${name(aside)}`)
  }
  const had = [...was.enums, ...was.domains]
  for (const one of typesInOrder(after)) {
    const old = find(had, one)
    if (old === undefined || replaced.some((each) => each.old === old)) {
      put('types', typeText(one), ...notValidChecks(one))
      anew.add(`${'values' in one ? 'TYPE' : 'DOMAIN'} ${path(one)}`)
      if (old && 'values' in old && 'values' in one) noteValues(old, one, note)
    } else if ('values' in one && 'values' in old) put('types', ...addValues(old, one))
    else if ('type' in one && 'type' in old) put('types', ...alterDomain(old, one))
  }
  for (const one of after.sequences) {
    const old = find(was.sequences, one)
    if (old === undefined) put('types', sequenceText(one))
    else if (!isDeepStrictEqual({ ...old, comment: '' }, { ...one, comment: '' }))
      put('types', alterSequence(one))
  }
  // One that a column owns goes with it.
  const counters = without(was.sequences, after.sequences)
  put('drop the rest', ...counters.map((one) => `DROP SEQUENCE IF EXISTS ${path(one)}`))
  const dropped = typesInOrder(was).toReversed()
  for (const one of dropped) {
    const aside = replaced.find(({ old }) => old === one)?.aside
    if (aside === undefined && find([...after.enums, ...after.domains], one)) continue
    const now = path({ schema: one.schema, name: aside ?? one.name })
    put('drop the rest', `DROP ${'values' in one ? 'TYPE' : 'DOMAIN'} ${now}`)
  }
  const lost = was.extensions.filter((one) => !after.extensions.includes(one))
  put('drop the rest', ...lost.map((one) => `DROP EXTENSION ${name(one)}`))
}

function noteValues(old: Enum, next: Enum, note: Work['note']): void {
  const gone = old.values.filter((value) => !next.values.includes(value))
  if (gone.length === 0) return
  note(`the enum ${nameOf(next)} loses ${gone.join(', ')}: it fails if rows have such a value`)
}

function addValues(old: Enum, next: Enum): string[] {
  const has = [...old.values]
  return next.values.flatMap((value, i) => {
    if (old.values.includes(value)) return []
    const before = next.values[i - 1]
    // Each behind the one before it, which is there by now.
    const where =
      before === undefined
        ? has[0] === undefined
          ? ''
          : ` BEFORE ${stringText(has[0])}`
        : before === has.at(-1)
          ? ''
          : ` AFTER ${stringText(before)}`
    has.splice(before === undefined ? 0 : has.indexOf(before) + 1, 0, value)
    return [`ALTER TYPE ${path(next)} ADD VALUE ${stringText(value)}${where}`]
  })
}

function notValidChecks(one: Enum | Domain): string[] {
  if ('values' in one) return []
  return one.checks
    .filter(({ notValid }) => notValid)
    .map((check) => `ALTER DOMAIN ${path(one)} ADD ${checkText(check)} NOT VALID`)
}

function checkText({ name: own, expression }: Domain['checks'][number]): string {
  return `${own === undefined ? '' : `CONSTRAINT ${name(own)} `}CHECK (${expression})`
}

function alterDomain(old: Domain, next: Domain): string[] {
  const alter = `ALTER DOMAIN ${path(next)}`
  const same = (a: Domain['checks'][number]) => (b: Domain['checks'][number]) => isDeepStrictEqual(a, b)
  return [
    ...old.checks
      .filter((check) => !next.checks.some(same(check)))
      .map((check) => `${alter} DROP CONSTRAINT ${name(check.name ?? `${old.name}_check`)}`),
    ...(old.default === next.default
      ? []
      : [
          `${alter} ${next.default === undefined ? 'DROP DEFAULT' : `SET DEFAULT ${defaultText(next.default, next.type)}`}`,
        ]),
    ...(old.nullable === next.nullable ? [] : [`${alter} ${next.nullable ? 'DROP' : 'SET'} NOT NULL`]),
    ...next.checks
      .filter((check) => !old.checks.some(same(check)))
      .map((check) => `${alter} ADD ${checkText(check)}${check.notValid ? ' NOT VALID' : ''}`),
  ]
}

function alterSequence({ type, start, increment, min, max, cycle, ...one }: Sequence): string {
  const range = `INCREMENT BY ${increment} MINVALUE ${min} MAXVALUE ${max} START WITH ${start}`
  return `ALTER SEQUENCE ${path(one)} AS ${type} ${range} ${cycle ? 'CYCLE' : 'NO CYCLE'}`
}

function renameTexts(renames: readonly TableRename[], { put }: Work, before: Schema): void {
  const taken = new Set([...before.tables, ...before.views].map((one) => one.name))
  for (const [schema, all] of Map.groupBy(renames, (one) => one.schema)) {
    for (const { from, to } of renameOrder(all, taken)) {
      put('rename', `ALTER TABLE ${path({ schema, name: from })} RENAME TO ${name(to)}`)
    }
  }
  for (const { schema, to: table, columns } of renames) {
    for (const { from, to } of renameOrder(columns, namesOf(columns))) {
      put('rename', `ALTER TABLE ${path({ schema, name: table })} RENAME COLUMN ${name(from)} TO ${name(to)}`)
    }
  }
}

function namesOf(renames: readonly Rename[]): Set<string> {
  return new Set(renames.flatMap(({ from, to }) => [from, to]))
}

/** Which of the constraints stays as which: by its name, else as what is the same under another. */
function staying(
  had: readonly Constraint[],
  wanted: readonly Constraint[],
  mustGo: (one: Constraint) => boolean,
): Map<Constraint, Constraint> {
  const stays = new Map<Constraint, Constraint>()
  for (const named of [true, false]) {
    const left = had.filter((one) => one.name !== undefined && !stays.has(one) && !mustGo(one))
    for (const one of left) {
      const taken = new Set(stays.values())
      const fits = (next: Constraint) => next.text === one.text && (next.name === one.name || !named)
      const next = wanted.find((each) => !taken.has(each) && fits(each))
      if (next !== undefined) stays.set(one, next)
    }
  }
  return stays
}

/** Constraints: of what is the same under another name only the name changes. */
function constraints(pair: Pair, work: Work): void {
  const { was, after } = pair
  const { put, note } = work
  const had = constraintsOf(was)
  const wanted = constraintsOf(after)
  const stays = staying(had, wanted, (one) => mustGo(one, pair, work))
  const renames: Rename[] = []
  for (const one of had) {
    const next = stays.get(one)
    if (next === undefined) {
      const valid = wanted.find((each) => each.name === one.name && `${each.text} NOT VALID` === one.text)
      if (valid !== undefined && !mustGo(one, pair, work)) {
        put('constraints', `ALTER TABLE ${path(after)} VALIDATE CONSTRAINT ${name(valid.name ?? '')}`)
        stays.set(one, valid)
        continue
      }
      const stage = one.isForeign ? 'drop foreign keys' : 'drop constraints'
      put(stage, `ALTER TABLE ${pair.path} DROP CONSTRAINT ${name(one.name ?? '')}`)
    } else if (one.name !== undefined && next.name !== undefined) {
      const renamed = { from: one.name, to: next.name }
      if (one.isIndex) work.indexes.push({ ...renamed, schema: after.schema })
      else renames.push(renamed)
    }
  }
  for (const { from, to } of renameOrder(renames, namesOf(renames))) {
    put('rename', `ALTER TABLE ${path(after)} RENAME CONSTRAINT ${name(from)} TO ${name(to)}`)
  }
  const kept = new Set(stays.values())
  for (const one of wanted.filter((each) => !kept.has(each))) {
    put(one.isForeign ? 'foreign keys' : 'constraints', addText(after, one))
    const columns = one.foreign?.columns ?? (one.text.startsWith('UNIQUE (') ? (one.key?.columns ?? []) : [])
    const obeyed = columns.some((column) => isNull(pair, column))
    if (!one.notValid && !obeyed && !had.some(({ text }) => text === one.text)) {
      note(`${nameOf(after)} gets ${one.text}: it fails if rows break it`)
    }
  }
}

/** Whether a column is new and has no value yet. */
function isNull({ was, after }: Pair, column: string): boolean {
  const made = after.columns.find((one) => one.name === column)
  const had = was.columns.some((one) => one.name === column)
  return !had && made !== undefined && !hasDefault(made) && !made.generated && !made.identity
}

/** What speaks of columns that are made anew or get another type is made again. */
function mustGo(one: Constraint, pair: Pair, { pairs }: Work): boolean {
  const { moved, was } = pair
  if (one.expression !== undefined && hasAny(namesIn('postgres', one.expression), moved)) return true
  if (one.foreign === undefined) return isKeyOfGone(one, pair)
  const { to, columns, references } = one.foreign
  const parent = pairs.find((each) => nameOf(each.was) === nameOf(to))
  const ends =
    columns.some((column) => moved.has(column)) || references.some((each) => parent?.moved.has(each))
  return ends || (parent === undefined ? nameOf(to) !== nameOf(was) : !keyStays(parent, references))
}

function isKeyOfGone({ key }: Constraint, { remade, after }: Pair): boolean {
  const left = new Set(after.columns.map((column) => column.name).filter((column) => !remade.has(column)))
  return key?.columns.some((column) => !left.has(column)) ?? false
}

/** Whether each key that a foreign key to these columns may hold on to stays, and there is one. */
function keyStays(pair: Pair, columns: readonly string[]): boolean {
  const { was, after } = pair
  const wanted = [...columns].sort().join('\0')
  const fits = (names: readonly (string | undefined)[]) => [...names].sort().join('\0') === wanted
  const keys = (table: Table) => constraintsOf(table).filter(({ key }) => key !== undefined)
  const stays = staying(keys(was), keys(after), (one) => isKeyOfGone(one, pair))
  const had = keys(was).filter(({ key }) => fits(key?.columns ?? []))
  const indexes = was.indexes.filter((index) => index.unique && fits(index.parts.map(({ column }) => column)))
  const left = new Set(after.indexes.map((index) => indexText(after, index)))
  return (
    had.length + indexes.length > 0 &&
    had.every((one) => [...stays.keys()].some((key) => key.text === one.text && key.name === one.name)) &&
    indexes.every((index) => left.has(indexText(after, index)))
  )
}

function hasAny(names: ReadonlySet<string>, wanted: ReadonlySet<string>): boolean {
  return [...wanted].some((one) => names.has(one))
}

function indexes({ was, after, moved, remade }: Pair, { put, note, anew, indexes }: Work): void {
  const text = (index: Index) => indexText(after, index)
  const hit = ({ parts, where, include }: Index) =>
    [where, ...parts.map(({ expression }) => expression)].some(
      (one) => one !== undefined && hasAny(namesIn('postgres', one), moved),
    ) || [...(include ?? []), ...parts.map(({ column }) => column ?? '')].some((column) => remade.has(column))
  const { gone, made } = changes(was.indexes, after.indexes, (index) => `${text(index)}${hit(index)}`)
  const again = after.indexes.filter((index) => hit(index) && !made.includes(index))
  const lost = [...gone, ...was.indexes.filter((index) => again.some((one) => one.name === index.name))]
  const at = (index: Index) => path({ schema: after.schema, name: index.name })
  const unnamed = (index: Index) => text({ ...index, name: '' })
  const renamed = new Map<Index, Index>()
  for (const index of made) {
    const old = gone.find((one) => !renamed.has(one) && !hit(one) && unnamed(one) === unnamed(index))
    if (old !== undefined) renamed.set(old, index)
  }
  for (const [old, index] of renamed) indexes.push({ schema: after.schema, from: old.name, to: index.name })
  const fresh = [...made, ...again].filter((index) => ![...renamed.values()].includes(index))
  put(
    'drop indexes',
    ...lost.filter((index) => !renamed.has(index)).map((index) => `DROP INDEX ${at(index)}`),
  )
  put('indexes', ...fresh.map(text))
  for (const index of [...fresh, ...renamed.values()]) anew.add(`INDEX ${at(index)}`)
  for (const index of made.filter(({ unique }) => unique)) {
    if (fresh.includes(index))
      note(`${nameOf(after)} gets the unique index ${index.name}: it fails if rows are alike`)
  }
}

function columns(pair: Pair, work: Work): void {
  const { was, after, remade } = pair
  const { put, note } = work
  const alter = `ALTER TABLE ${path(after)}`
  if (was.unlogged !== after.unlogged)
    put('alter columns', `${alter} SET ${after.unlogged ? 'UNLOGGED' : 'LOGGED'}`)
  const parent =
    after.partitionOf && work.pairs.find((one) => nameOf(one.after) === nameOf(after.partitionOf as Named))
  const dropped = was.columns.filter((column) => columnOf(after, column) === undefined)
  // What a partition has of its table it gets through its table.
  if (parent === undefined) {
    const drops = [...dropped, ...was.columns.filter((column) => remade.has(column.name))]
    // What is computed from others goes before them.
    const sorted = [
      ...drops.filter(({ generated }) => generated),
      ...drops.filter(({ generated }) => !generated),
    ]
    put('drop columns', ...sorted.map((column) => `${alter} DROP COLUMN ${name(column.name)}`))
    const added = after.columns.filter(
      (column) => columnOf(was, column) === undefined || remade.has(column.name),
    )
    const order = [
      ...added.filter(({ generated }) => !generated),
      ...added.filter(({ generated }) => generated),
    ]
    put('add columns', ...order.map((column) => `${alter} ADD COLUMN ${columnText(column)}`))
    put(
      'add columns',
      ...order
        .filter(({ identity, nullable }) => identity === 'serial' && nullable)
        .map((column) => `${alter} ALTER COLUMN ${name(column.name)} DROP NOT NULL`),
    )
    for (const column of dropped) note(`${nameOf(after)}.${column.name} is dropped with its values`)
    for (const column of added) noteAdded(after, column, columnOf(was, column), note)
  }
  const { partitionOf: part } = after
  if (part && was.partitionOf?.bound !== part.bound) {
    put('alter columns', `ALTER TABLE ${path(part)} DETACH PARTITION ${path(after)}`)
    put('constraints', `ALTER TABLE ${path(part)} ATTACH PARTITION ${path(after)} ${part.bound}`)
  }
  for (const column of after.columns) {
    const old = columnOf(was, column)
    if (old !== undefined && !remade.has(column.name))
      alterColumn(pair, old, column, parent !== undefined, work)
  }
  const stays = was.columns.filter((column) => columnOf(after, column) && !remade.has(column.name))
  const order = [
    ...stays,
    ...after.columns.filter((column) => !stays.some((one) => one.name === column.name)),
  ]
  if (order.some((column, i) => after.columns[i]?.name !== column.name)) {
    const wanted = after.columns.map((column) => column.name).join(', ')
    note(`the columns of ${nameOf(after)} keep their order, new ones last: the wanted order is ${wanted}`)
  }
}

function noteAdded(table: Table, column: Column, was: Column | undefined, note: Work['note']): void {
  const at = `${nameOf(table)}.${column.name}`
  if (was !== undefined && was.generated === undefined) note(`${at} is computed now: what it held is dropped`)
  const filled = column.nullable || column.generated || column.identity || hasDefault(column)
  if (!filled) note(`${at} is new, NOT NULL and has no default: it fails if the table has rows`)
}

function hasDefault(column: Column): boolean {
  return column.default !== undefined && !/^null\b/i.test(column.default)
}

function alterColumn(pair: Pair, was: Column, after: Column, isPart: boolean, work: Work): void {
  const table = pair.after
  const { put, note, replaced } = work
  const at = `${nameOf(table)}.${after.name}`
  const column = `ALTER COLUMN ${name(after.name)}`
  const retyped = isRetyped(was, after, new Set(replaced.map(({ old }) => old.name)))
  const actions: string[] = []
  const fallback = (one: Column) =>
    one.identity === undefined && one.generated === undefined ? one.default : undefined
  const other = fallback(was) !== fallback(after) || (retyped && fallback(was) !== undefined)
  const counts = was.identity !== after.identity

  if (was.generated !== undefined && after.generated === undefined) actions.push(`${column} DROP EXPRESSION`)
  const sets = isIdentity(was) && isIdentity(after)
  if (counts && sets) {
    actions.push(`${column} SET GENERATED ${after.identity === 'always' ? 'ALWAYS' : 'BY DEFAULT'}`)
  } else if (counts && was.identity !== undefined) put('alter columns', ...stopCounting(table, was))
  if (other && fallback(was) !== undefined && (retyped || fallback(after) === undefined))
    actions.push(`${column} DROP DEFAULT`)
  if (retyped && !isPart) {
    actions.push(`${column} TYPE ${typeName(after.type)}${collationText(was, after)}${usingText(was, after)}`)
    if (was.kind !== after.kind) note(`${at} changes from ${was.type} to ${after.type}: look at its values`)
    if (was.type !== after.type && was.kind === after.kind)
      note(`${at} changes from ${was.type} to ${after.type}`)
  }
  if (other && fallback(after) !== undefined)
    actions.push(`${column} SET DEFAULT ${defaultText(after.default ?? '', after.type)}`)
  if (!was.nullable && after.nullable && !inKey(table, after)) actions.push(`${column} DROP NOT NULL`)
  const fills = was.nullable && !after.nullable
  const filled = fills && fallback(after) !== undefined && hasDefault(after)
  if (fills && !filled) {
    actions.push(`${column} SET NOT NULL`)
    note(`${at} becomes NOT NULL and has no default: it fails if rows have NULL there`)
  }
  if (actions.length > 0) put('alter columns', `ALTER TABLE ${path(table)}${actionsText(actions)}`)
  if (filled) {
    const value = after.default ?? ''
    put(
      'alter columns',
      `UPDATE ${path(table)} SET ${name(after.name)} = ${value} WHERE ${name(after.name)} IS NULL`,
    )
    put('alter columns', `ALTER TABLE ${path(table)} ${column} SET NOT NULL`)
    note(`NULLs in ${at} become ${value}`)
  }
  if (counts && !sets && after.identity !== undefined) put('alter columns', ...startCounting(table, after))
  else if (retyped && was.type !== after.type && after.identity === 'serial') {
    put('alter columns', withSequence(table, after, `ALTER SEQUENCE %s AS ${after.type}`))
  }
}

function isIdentity({ identity }: Column): boolean {
  return identity === 'always' || identity === 'by default'
}

function actionsText(actions: readonly string[]): string {
  return actions.length === 1 ? ` ${actions[0]}` : `\n    ${actions.join(',\n    ')}`
}

function inKey(table: Table, column: Column): boolean {
  return table.primaryKey?.columns.includes(column.name) ?? false
}

function collationText(was: Column, after: Column): string {
  if (after.collation !== undefined) return ` COLLATE ${after.collation}`
  return was.collation === undefined || after.kind !== 'text' ? '' : ' COLLATE "default"'
}

/** Kinds between which PostgreSQL converts what is assigned. */
const ASSIGNED: readonly (readonly Column['kind'][])[] = [
  ['integer', 'real', 'numeric'],
  ['date', 'timestamp', 'timestamptz'],
]

function usingText(was: Column, after: Column): string {
  const value = name(after.name)
  const type = typeName(after.type)
  const [from, to] = [was.kind, after.kind]
  if (to === 'text') return ''
  if (from === to && !['enum', 'array', 'other', 'blob'].includes(to)) return ''
  if (ASSIGNED.some((kinds) => kinds.includes(from) && kinds.includes(to))) return ''
  if (to === 'boolean' && ASSIGNED[0]?.includes(from)) return ` USING ${value} <> 0`
  if (from === 'boolean' && ASSIGNED[0]?.includes(to)) return ` USING ${value}::INTEGER`
  if (from === 'text' && to === 'blob') return ` USING convert_to(${value}, 'UTF8')`
  // Every type can be written as text, and read from it.
  const array = from === 'array' && to === 'array' ? '[]' : ''
  return ` USING ${value}${from === 'text' ? '' : `::TEXT${array}`}::${type}`
}

/** A statement about the sequence of a column, whatever its name. */
function withSequence(table: Table, column: Column, statement: string): string {
  const sequence = `pg_get_serial_sequence(${stringText(path(table))}, ${stringText(column.name)})`
  return `DO $$ BEGIN EXECUTE format('${statement}', ${sequence}); END $$`
}

function stopCounting(table: Table, column: Column): string[] {
  const alter = `ALTER TABLE ${path(table)} ALTER COLUMN ${name(column.name)}`
  if (column.identity !== 'serial') return [`${alter} DROP IDENTITY`]
  return [`${alter} DROP DEFAULT`, withSequence(table, column, 'DROP SEQUENCE %s')]
}

function startCounting(table: Table, column: Column): string[] {
  const alter = `ALTER TABLE ${path(table)} ALTER COLUMN ${name(column.name)}`
  const sequence = path({ schema: table.schema, name: `${table.name}_${column.name}_seq` })
  const own = `pg_get_serial_sequence(${stringText(path(table))}, ${stringText(column.name)})`
  const begin = `SELECT setval(${own}, (SELECT max(${name(column.name)}) FROM ${path(table)}))`
  if (column.identity !== 'serial') return [`${alter} ADD ${identityText(column.identity)}`, begin]
  return [
    `CREATE SEQUENCE ${sequence} AS ${column.type} OWNED BY ${path(table)}.${name(column.name)}`,
    `${alter} SET DEFAULT nextval(${stringText(sequence)})`,
    begin,
  ]
}

/** Inline foreign keys only to what is there as it will be. */
function newTables({ after, pairs, put }: Work): void {
  const made = new Set<string>()
  for (const table of tablesInOrder(after)) {
    if (pairs.some((pair) => pair.after === table)) continue
    made.add(nameOf(table))
    const { text, behind, circular } = tableTexts(table, ({ to, references }) => {
      const parent = pairs.find((pair) => nameOf(pair.after) === nameOf(to))
      if (parent === undefined) return made.has(nameOf(to))
      return parent.moved.size === 0 && keyStays(parent, references)
    })
    put('create tables', text, ...behind, ...partitionTexts(table, after))
    put('indexes', ...table.indexes.map((index) => indexText(table, index)))
    put('foreign keys', ...circular)
  }
}

function comments({ was, after, anew, put }: Work): void {
  const all = () => true
  const had = new Map(targetsOf(was, all))
  for (const [target, comment] of targetsOf(after, all)) {
    const old = anew.has(target) ? undefined : had.get(target)
    if (old !== comment) put('comments', commentText(target, comment))
  }
}
