import { listedBy } from '../listed.ts'
import {
  type Check,
  type Column,
  type Enum,
  type ForeignKey,
  type Index,
  type Named,
  nameOf,
  type Schema,
  type Table,
  type Unique,
} from '../model.ts'
import { namesIn } from '../sql/names.ts'
import { convertSchema, type Hints } from './convert.ts'
import type { Expressions } from './expressions.ts'

/** What was carried over, and what a person should know of it. */
export interface Carried {
  readonly schema: Schema
  readonly notes: readonly string[]
}

/**
 * Does to a schema of the other dialect what made `after` of `before`. It merges three ways: what did not change stays
 * in `onto` as somebody has made it by hand, and only what is new or different comes from the conversion of `after`.
 *
 * @param before the one dialect's schema at the version that `onto` is of
 * @param hints  the other dialect's types of columns, by `table.column`; the types that `onto` has go without saying
 */
export function carry(
  before: Schema,
  after: Schema,
  onto: Schema,
  expressions: Expressions,
  hints: Hints = {},
): Carried {
  const known = hintsOf(before, after, onto, hints)
  const base = convertSchema(before, onto.dialect, expressions, known.before)
  const fitting = without(known.after, unfit(after, onto, known.after, hints, expressions))
  const wanted = convertSchema(after, onto.dialect, expressions, fitting)
  const notes = wanted.notes.filter((note) => !base.notes.includes(note))
  return new Merge(base.schema, wanted.schema, onto, expressions, notes).result()
}

/** A name as SQLite compares it: one side is always SQLite's. */
function key(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => letter.toLowerCase())
}

function keyOf(named: Named): string {
  return key(nameOf(named))
}

function find<T extends Named>(list: readonly T[], like: Named): T | undefined {
  return list.find((one) => keyOf(one) === keyOf(like))
}

function columnOf(table: Table | undefined, name: string): Column | undefined {
  return table?.columns.find((column) => key(column.name) === key(name))
}

/** Whether two columns of the source ask for the same type: NOCASE asks for one of its own. */
function isOneType(a: Column, b: Column): boolean {
  return key(a.type) === key(b.type) && key(a.collation ?? '') === key(b.collation ?? '')
}

/** The types that the columns have in `onto`, for what is there; a new foreign key takes that of what it refers to. */
function hintsOf(before: Schema, after: Schema, onto: Schema, given: Hints): { before: Hints; after: Hints } {
  const was: Record<string, string> = {}
  const is: Record<string, string> = {}
  for (const table of onto.tables) {
    const [old, now] = [find(before.tables, table), find(after.tables, table)]
    for (const { name, type } of table.columns) {
      const [a, b] = [columnOf(old, name), columnOf(now, name)]
      if (old && a) was[`${nameOf(old)}.${a.name}`] = type
      if (now && b && a && isOneType(a, b)) is[`${nameOf(now)}.${b.name}`] = type
    }
  }
  Object.assign(is, hintsFor(after, given))
  Object.assign(was, hintsFor(before, given))
  referToTheirs(before, after, is)
  return { before: was, after: is }
}

/** Columns whose type in `onto` cannot have their new default: they need another. */
function unfit(after: Schema, onto: Schema, known: Hints, given: Hints, expressions: Expressions): string[] {
  const { tables } = convertSchema(after, onto.dialect, expressions, known).schema
  return after.tables.flatMap((table) => {
    const converted = find(tables, table)
    const lost = table.columns.filter((column) => {
      const now = columnOf(converted, column.name)
      return column.default !== undefined && now !== undefined && now.default === undefined && !now.identity
    })
    return lost.map(({ name }) => `${nameOf(table)}.${name}`).filter((name) => given[name] === undefined)
  })
}

function without(hints: Hints, columns: readonly string[]): Hints {
  return Object.fromEntries(Object.entries(hints).filter(([column]) => !columns.includes(column)))
}

/** Those of the hints that the schema has a column for. */
export function hintsFor(schema: Schema, hints: Hints): Hints {
  const columns = new Set(
    schema.tables.flatMap((table) => table.columns.map(({ name }) => `${nameOf(table)}.${name}`)),
  )
  return Object.fromEntries(Object.entries(hints).filter(([column]) => columns.has(column)))
}

/** Gives each new column with a foreign key the type of what it refers to, through as many tables as there are. */
function referToTheirs(before: Schema, after: Schema, hints: Record<string, string>): void {
  for (let found = true; found; ) {
    found = false
    for (const table of after.tables) {
      for (const { columns, to, references } of table.foreignKeys) {
        const target = find(after.tables, to)
        for (const [i, name] of columns.entries()) {
          const column = `${nameOf(table)}.${name}`
          const theirs = columnOf(target, references[i] ?? '')
          const type = target && theirs && hints[`${nameOf(target)}.${theirs.name}`]
          if (type === undefined || hints[column] !== undefined) continue
          if (columnOf(find(before.tables, table), name) !== undefined) continue
          hints[column] = type
          found = true
        }
      }
    }
  }
}

/** Whether two values are the same in every field but some. */
function same<T>(a: T, b: T, without: readonly string[] = []): boolean {
  const text = (value: T) =>
    JSON.stringify(value, (field, inner: unknown) => (without.includes(field) ? undefined : sorted(inner)))
  return text(a) === text(b)
}

/** An object with its fields in one order. */
function sorted(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value
  return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)))
}

function sameNames(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((name, i) => key(name) === key(b[i] ?? ''))
}

function sameSet(a: readonly string[], b: readonly string[]): boolean {
  return sameNames(a.toSorted(), b.toSorted())
}

/** The columns of an index that has nothing but columns. */
function plainColumns({ parts, where }: Index): string[] | undefined {
  const columns = parts.flatMap(({ column }) => column ?? [])
  return columns.length === parts.length && where === undefined ? columns : undefined
}

/** Three schemas of one dialect on their way to becoming one. */
class Merge {
  readonly #base: Schema
  readonly #wanted: Schema
  readonly #onto: Schema
  readonly #expressions: Expressions
  readonly #notes: string[]
  /** Enums whose values a CHECK of the source has changed, by name. */
  readonly #enums = new Map<string, Enum>()

  constructor(
    base: Schema,
    wanted: Schema,
    onto: Schema,
    expressions: Expressions,
    notes: readonly string[],
  ) {
    this.#base = base
    this.#wanted = wanted
    this.#onto = onto
    this.#expressions = expressions
    this.#notes = [...notes]
  }

  result(): Carried {
    const [base, wanted, onto] = [this.#base, this.#wanted, this.#onto]
    const tables = this.#named(base.tables, wanted.tables, onto.tables, 'table', (a, b, mine) =>
      this.#table(a, b, mine),
    )
    const gone = (named: Named & { table: string }) =>
      find(onto.tables, { schema: named.schema, name: named.table }) !== undefined &&
      find(tables, { schema: named.schema, name: named.table }) === undefined
    const replace = <T>(_was: T, is: T) => is
    const schema: Schema = {
      dialect: onto.dialect,
      extensions: [
        ...onto.extensions.filter(
          (name) => !base.extensions.includes(name) || wanted.extensions.includes(name),
        ),
        ...wanted.extensions.filter((name) => ![...base.extensions, ...onto.extensions].includes(name)),
      ].sort(),
      enums: this.#named(base.enums, wanted.enums, onto.enums, 'enum', replace).map(
        (one) => this.#enums.get(keyOf(one)) ?? one,
      ),
      domains: this.#named(base.domains, wanted.domains, onto.domains, 'domain', replace),
      sequences: this.#named(base.sequences, wanted.sequences, onto.sequences, 'sequence', replace),
      functions: this.#named(base.functions, wanted.functions, onto.functions, 'function', replace),
      tables: tables.map((table) => this.#withTheirNames(table, tables)),
      views: this.#named(base.views, wanted.views, onto.views, 'view', replace, ['columns']),
      triggers: this.#named(base.triggers, wanted.triggers, onto.triggers, 'trigger', replace).filter(
        (trigger) => !gone(trigger),
      ),
    }
    return { schema: { ...schema, enums: this.#used(schema) }, notes: [...new Set(this.#notes)] }
  }

  /** What has a name: kept, removed, added, or changed from `was` to `is`. */
  #named<T extends Named>(
    base: readonly T[],
    wanted: readonly T[],
    onto: readonly T[],
    noun: string,
    change: (was: T, is: T, mine: T) => T,
    without: readonly string[] = [],
  ): T[] {
    const kept = onto.flatMap((mine) => {
      const [was, is] = [find(base, mine), find(wanted, mine)]
      if (is === undefined) return was === undefined ? [mine] : []
      if (was !== undefined) return same(was, is, without) ? [mine] : [change(was, is, mine)]
      this.#notes.push(`the ${noun} ${nameOf(mine)} is there already`)
      return [mine]
    })
    const added = wanted.filter((one) => find(base, one) === undefined && find(onto, one) === undefined)
    const lost = wanted.filter((one) => {
      const was = find(base, one)
      return was !== undefined && find(onto, one) === undefined && !same(was, one, without)
    })
    for (const one of lost) this.#notes.push(`the ${noun} ${nameOf(one)} changed, and is not there`)
    return [...kept, ...added]
  }

  #table(was: Table, is: Table, mine: Table): Table {
    const dropped = was.columns.filter(({ name }) => columnOf(is, name) === undefined).map(({ name }) => name)
    const stays = (columns: readonly string[]) =>
      !columns.some((name) => dropped.some((other) => key(other) === key(name)))
    const columns = this.#columns(was, is, mine)
    const { uniques, indexes } = this.#uniquesAndIndexes(was, is, mine)
    const primaryKey = same(was.primaryKey, is.primaryKey, ['name']) ? mine.primaryKey : is.primaryKey
    const flags = [
      'strict',
      'withoutRowid',
      'unlogged',
      'virtual',
      'partitionBy',
      'partitionOf',
      'comment',
    ] as const
    const {
      primaryKey: _,
      strict: _1,
      withoutRowid: _2,
      unlogged: _3,
      virtual: _4,
      partitionBy: _5,
      partitionOf: _6,
      comment: _7,
      ...rest
    } = mine
    return {
      ...rest,
      ...Object.fromEntries(
        flags.flatMap((flag) => {
          const value = same(was[flag], is[flag]) ? mine[flag] : is[flag]
          return value === undefined ? [] : [[flag, value]]
        }),
      ),
      columns,
      ...(primaryKey && stays(primaryKey.columns) && { primaryKey }),
      uniques: uniques.filter((one) => stays(one.columns)),
      foreignKeys: this.#foreignKeys(was, is, mine).filter((one) => stays(one.columns)),
      checks: this.#checks(was, is, mine, dropped),
      indexes: indexes.filter(({ parts }) => stays(parts.flatMap(({ column }) => column ?? []))),
    }
  }

  #columns(was: Table, is: Table, mine: Table): Column[] {
    const kept = mine.columns.flatMap((column) => {
      const [old, now] = [columnOf(was, column.name), columnOf(is, column.name)]
      if (now === undefined) return old === undefined ? [column] : []
      return [old === undefined ? column : mergeColumn(old, now, column)]
    })
    const added = is.columns.filter(({ name }) => !columnOf(was, name) && !columnOf(mine, name))
    return [...kept, ...added]
  }

  #foreignKeys(was: Table, is: Table, mine: Table): ForeignKey[] {
    const like = (a: ForeignKey, b: ForeignKey) =>
      sameNames(a.columns, b.columns) && keyOf(a.to) === keyOf(b.to)
    return mergeUnnamed(was.foreignKeys, is.foreignKeys, mine.foreignKeys, [like])
  }

  /** A unique constraint in the one schema may be a unique index in the other. */
  #uniquesAndIndexes(was: Table, is: Table, mine: Table): { uniques: Unique[]; indexes: Index[] } {
    const inOrder = (a: Unique, b: Unique) => sameNames(a.columns, b.columns)
    const like = (a: Unique, b: Unique) => sameSet(a.columns, b.columns)
    const likeIndex = (a: Index, b: Index) => key(a.name) === key(b.name)
    const uniques = mergeUnnamed(was.uniques, is.uniques, mine.uniques, [inOrder, like])
    const indexes = mergeUnnamed(was.indexes, is.indexes, mine.indexes, [likeIndex], [])
    const goneUniques = was.uniques.filter((one) => !is.uniques.some((other) => like(one, other)))
    const goneIndexes = was.indexes.filter((one) => !is.indexes.some((other) => likeIndex(one, other)))
    const goneColumns = goneUniques.filter((one) => !mine.uniques.some((other) => like(one, other)))
    const goneUnique = goneIndexes
      .filter((one) => one.unique && !mine.indexes.some((other) => likeIndex(one, other)))
      .flatMap((one) => [plainColumns(one) ?? []])
    return {
      uniques: uniques.filter(({ columns }) => !goneUnique.some((gone) => sameSet(gone, columns))),
      indexes: indexes.filter((index) => {
        const columns = index.unique ? plainColumns(index) : undefined
        return columns === undefined || !goneColumns.some((gone) => sameSet(gone.columns, columns))
      }),
    }
  }

  #checks(was: Table, is: Table, mine: Table, dropped: readonly string[]): Check[] {
    const like = (a: Check, b: Check) => this.#expressions.same(a.expression, b.expression)
    const removed = was.checks.filter((one) => !is.checks.some((other) => like(one, other)))
    const added = is.checks.filter((one) => !was.checks.some((other) => like(one, other)))
    const rest = added.filter((one) => !this.#asEnum(removed, one, mine))
    const mentions = ({ expression }: Check) => {
      const names = namesIn(this.#onto.dialect, expression)
      return dropped.some((name) => names.has(key(name)))
    }
    return [
      ...mine.checks.filter((one) => !removed.some((other) => like(one, other)) && !mentions(one)),
      ...rest.filter((one) => !mine.checks.some((other) => like(one, other))),
    ]
  }

  /** Where a list of values is an enum in `onto`, another list is another enum. */
  #asEnum(removed: readonly Check[], added: Check, mine: Table): boolean {
    const now = listedBy(added.expression)
    const column = now && columnOf(mine, now.column)
    const known = column && this.#onto.enums.find((one) => isOfType(column, one))
    if (now === undefined || known === undefined) return false
    const had = removed
      .map((one) => listedBy(one.expression))
      .find((one) => one && key(one.column) === key(now.column))
    const list = now.values.map(String)
    if (had === undefined || !sameSet(had.values.map(String), known.values)) return false
    const values = [
      ...known.values.filter((value) => list.includes(value)),
      ...list.filter((value) => !known.values.includes(value)),
    ]
    this.#enums.set(keyOf(known), { ...known, values })
    return true
  }

  /** Foreign keys refer to tables by the names that these have here. */
  #withTheirNames(table: Table, tables: readonly Table[]): Table {
    const foreignKeys = table.foreignKeys.map((one) => {
      const target = find(tables, one.to)
      return target === undefined ? one : { ...one, to: { schema: target.schema, name: target.name } }
    })
    return { ...table, foreignKeys }
  }

  /** An enum that columns had and none has any more goes with them. */
  #used({ enums, tables }: Schema): Enum[] {
    const has = (among: readonly Table[], one: Enum) =>
      among.some(({ columns }) => columns.some((column) => isOfType(column, one)))
    return enums.filter((one) => has(tables, one) || !has(this.#onto.tables, one))
  }
}

function isOfType({ type }: Column, one: Enum): boolean {
  const bare = type.replaceAll('"', '').replace(/(\[\])+$/, '')
  return bare === nameOf(one)
}

const FIELDS = ['nullable', 'default', 'identity', 'generated', 'collation', 'comment'] as const

/** A column, field by field. A name is `onto`'s. */
function mergeColumn(was: Column, is: Column, mine: Column): Column {
  const sameType = key(was.type) === key(is.type)
  const merged: Record<string, unknown> = {
    name: mine.name,
    type: sameType ? mine.type : is.type,
    kind: sameType ? mine.kind : is.kind,
  }
  for (const field of FIELDS) {
    const value = same(was[field], is[field]) ? mine[field] : is[field]
    if (value !== undefined) merged[field] = value
  }
  return merged as unknown as Column
}

/** Constraints and indexes: those that are not the same in `was` and in `is` make room, or come. */
function mergeUnnamed<T>(
  was: readonly T[],
  is: readonly T[],
  mine: readonly T[],
  like: Likeness<T>,
  without: readonly string[] = ['name'],
): T[] {
  const unchanged = (one: T, others: readonly T[]) =>
    others.some((other) => like[0](one, other) && same(one, other, without))
  const left = [...mine]
  for (const one of was.filter((one) => !unchanged(one, is))) {
    const i = like.map((alike) => left.findIndex((other) => alike(one, other))).find((at) => at !== -1)
    if (i !== undefined) left.splice(i, 1)
  }
  const added = is.filter((one) => !unchanged(one, was))
  return [...left, ...added.filter((one) => !left.some((other) => like[0](one, other)))]
}

/** When two are the same but for what somebody chose; what is more alike comes first. */
type Likeness<T> = readonly [(a: T, b: T) => boolean, ...((a: T, b: T) => boolean)[]]
