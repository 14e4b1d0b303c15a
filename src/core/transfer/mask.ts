import { MigrateError } from '../errors.ts'
import type { Dialect } from '../migrations.ts'
import { baseName } from '../schema/kinds.ts'
import { type Column, type Kind, nameOf, type Schema, type Table } from '../schema/model.ts'
import { didYouMean, list, quoteName } from '../text.ts'
import type { Form } from './form.ts'
import { withValue } from './map.ts'
import type { Moved, MovedColumn } from './moved.ts'
import { columnNamed } from './named.ts'
import { referencesOf } from './select.ts'

/** `hash`: another value, the same for the same; `null`; `empty`: a text or bytes of no length. */
export const MASKS = ['hash', 'null', 'empty'] as const

export type Mask = (typeof MASKS)[number]

/** The setting of PostgreSQL that holds the secret of a run, and the function of SQLite that knows it. */
export const SECRET = 'nexflow.secret'
export const HASH = 'nexflow_hash'

/** Hexadecimal digits of a hash in a text. */
export const DIGITS = 32
/** With fewer, two of a million values could well have the same hash. */
const LEAST_DIGITS = 15

/** Forms that a hash can have, and whether it is wide enough for no two values to have the same. */
const WIDE: Readonly<Partial<Record<Form, boolean>>> = {
  text: true,
  uuid: true,
  bytes: true,
  int8: true,
  int4: false,
  int2: false,
  any: true,
}

/** A column of a moved table. */
interface Tied {
  readonly name: string
  readonly table: Table
  readonly column: Column
  readonly moved: MovedColumn | undefined
}

/** What foreign keys tie to a column. */
interface Ties {
  /** The column itself comes first. */
  readonly tied: readonly [Tied, ...Tied[]]
  /** Names of the columns that refer to it. */
  readonly referring: readonly string[]
}

/**
 * The tables with masked columns.
 *
 * @param source the source's schema
 * @param masks by `table.column`; of a table that is not moved they mean nothing
 * @throws USAGE
 */
export function withMasks(
  moved: readonly Moved[],
  source: Schema,
  masks: Readonly<Record<string, string>>,
): readonly Moved[] {
  const said = new Map(
    Object.entries(masks).map(([name, mask]) => {
      const { table, column } = columnNamed(source, name, '--mask')
      return [fullName(table, column.name), maskOf(name, mask)]
    }),
  )
  const tiesOf = tiesIn(moved, source)
  return [...said].reduce<readonly Moved[]>(
    (all, [name, mask]) =>
      withValue(all, source, name, '--mask', (column) => {
        const ties = tiesOf(name)
        return mask === 'hash'
          ? hashOf(column, ties, said, source.dialect)
          : constantOf(mask, column, ties, source.dialect)
      }),
    moved,
  )
}

function maskOf(name: string, mask: string): Mask {
  const found = MASKS.find((one) => one === mask)
  if (found !== undefined) return found
  throw new MigrateError('USAGE', `--mask: ${name} is to be ${mask}`, {
    hint: didYouMean(mask, MASKS) ?? `write one of ${MASKS.join(', ')}`,
  })
}

function fullName(table: Table, column: string): string {
  return `${nameOf(table)}.${column}`
}

/** Finds what foreign keys tie to a column, directly or not: it is hashed together or not at all. */
function tiesIn(moved: readonly Moved[], source: Schema): (name: string) => Ties {
  const tables = new Map(moved.map((one) => [nameOf(one.from), one]))
  const pairs = referencesOf(source)
    .filter(({ child, parent }) => tables.has(nameOf(child.whole)) && tables.has(nameOf(parent.whole)))
    .flatMap(({ key, child, parent }) =>
      key.columns.map((column, i) => ({
        child: fullName(child.whole, column),
        parent: fullName(parent.whole, key.references[i] ?? ''),
      })),
    )
  const tied = (name: string): Tied => {
    const { table, column } = columnNamed(source, name, '--mask')
    const columns = tables.get(nameOf(table))?.columns
    return { name, table, column, moved: columns?.find(({ from }) => from.name === column.name) }
  }
  return (name) => {
    const names = new Set([name])
    for (const one of names) {
      for (const { child, parent } of pairs) if (child === one || parent === one) names.add(child).add(parent)
    }
    const [, ...others] = names
    const referring = pairs.filter(({ parent }) => parent === name).map(({ child }) => child)
    return { tied: [tied(name), ...others.map(tied)], referring }
  }
}

/** The SQL of a hash that ties foreign keys as the values did. */
function hashOf(
  column: MovedColumn,
  { tied }: Ties,
  masks: ReadonlyMap<string, Mask>,
  dialect: Dialect,
): string {
  const [{ name }] = tied
  const other = tied.find((one) => masks.get(one.name) !== 'hash')
  if (other !== undefined) {
    throw new MigrateError(
      'USAGE',
      `--mask: foreign keys tie ${name} to ${other.name}, which is not hashed`,
      {
        hint: `mask both: ${name}=hash and ${other.name}=hash`,
      },
    )
  }
  const { form } = column
  if (!hashable(column)) {
    throw new MigrateError('USAGE', `--mask: ${name} cannot be hashed: it holds ${what(column)}`, {
      hint: 'hash texts, uuids, whole numbers and bytes; what may be NULL can be masked with null',
    })
  }
  const differs = tied.find((one) => one.moved?.form !== form)
  if (differs !== undefined) {
    throw new MigrateError(
      'USAGE',
      `--mask: ${name} and ${differs.name} are of two types, and so would be their hashes`,
      { hint: 'mask neither, or give both columns one type' },
    )
  }
  if (column.from.identity !== undefined || column.to.identity !== undefined) {
    throw new MigrateError('USAGE', `--mask: ${name} counts by itself, and could not go on from a hash`, {
      hint: 'leave it as it is: a count says nothing of a person',
    })
  }
  const longest = Math.min(DIGITS, ...tied.map((one) => one.moved?.longest ?? DIGITS))
  const narrow = WIDE[form] !== true || (form === 'text' && longest < LEAST_DIGITS)
  const unique = narrow ? tied.find(({ table, column: { name: one } }) => isUnique(table, one)) : undefined
  if (unique !== undefined) {
    throw new MigrateError(
      'USAGE',
      `--mask: ${unique.name} is unique, and too narrow for hashes that all differ`,
      { hint: 'leave it as it is, or widen the column' },
    )
  }
  const folded = tied.some((one) => isFolded(one.column))
  return hashSql(dialect, column, folded, longest)
}

function hashable({ form, from, to }: MovedColumn): boolean {
  if (WIDE[form] === undefined || from.kind === 'enum' || to.kind === 'enum') return false
  return form !== 'any' || ANY_KINDS.includes(from.kind)
}

/** Kinds of columns that can hold anything, whose hash is of the value's own class. */
const ANY_KINDS: readonly Kind[] = ['text', 'uuid', 'integer', 'blob', 'other']

function what({ from, to, form }: MovedColumn): string {
  return [from, to].some(({ kind }) => kind === 'enum')
    ? 'one of a few words'
    : form === 'any'
      ? from.type
      : form
}

/** Whether values are compared without regard to case. */
function isFolded({ type, collation }: Column): boolean {
  return baseName(type) === 'citext' || collation?.toUpperCase() === 'NOCASE'
}

/** Whether a key or a unique index is of this column. */
function isUnique({ primaryKey, uniques, indexes }: Table, name: string): boolean {
  return (
    [...(primaryKey === undefined ? [] : [primaryKey]), ...uniques].some(({ columns }) =>
      columns.includes(name),
    ) || indexes.some(({ unique, parts }) => unique && parts.some(({ column }) => column === name))
  )
}

/**
 * One value for all rows is none for what must differ, or be found in another table. NULL differs from itself, and a
 * foreign key of NULL refers to nothing.
 */
function constantOf(
  mask: 'null' | 'empty',
  column: MovedColumn,
  { tied, referring }: Ties,
  dialect: Dialect,
): string {
  const { from, to, form } = column
  const [{ name, table }, ...others] = tied
  const refuse = (why: string) =>
    new MigrateError('USAGE', `--mask: ${name} cannot be ${mask}: ${why}`, {
      hint: hashable(column)
        ? `mask it with hash: ${name}=hash`
        : 'leave it as it is, or map it to a value of its own',
    })
  const needed = mask === 'null' ? referring : others.map((one) => one.name)
  if (needed.length > 0) throw refuse(`foreign keys tie it to ${list(needed)}`)
  if (mask === 'null') {
    if (from.nullable && to.nullable) return 'NULL'
    throw refuse('it is NOT NULL')
  }
  if (isUnique(table, from.name)) throw refuse('it is unique')
  const kind = form === 'any' ? from.kind : form
  if (hashable(column) && kind === 'text') return "''"
  if (hashable(column) && (kind === 'bytes' || kind === 'blob')) return NO_BYTES[dialect]
  throw refuse(`it holds ${what(column)}`)
}

const NO_BYTES: Readonly<Record<Dialect, string>> = { sqlite: "x''", postgres: "''::bytea" }

/** SQL whose value is the hash of a column's. NULL stays NULL. */
function hashSql(dialect: Dialect, { from, form }: MovedColumn, folded: boolean, longest: number): string {
  const name = quoteName(from.name)
  if (dialect === 'sqlite') return `${HASH}('${form}', ${longest}, ${folded ? `lower(${name})` : name})`
  const secret = `convert_to((SELECT current_setting('${SECRET}')), 'UTF8')`
  const text = folded ? `lower(${name}::text)` : `${name}::text`
  const digest = `sha256(${secret} || ${form === 'bytes' ? name : `convert_to(${text}, 'UTF8')`})`
  return POSTGRES[form]?.(digest, `encode(${digest}, 'hex')`, longest) ?? digest
}

/** PostgreSQL: what is made of a digest. A uuid says of itself that it was made at random. */
const POSTGRES: Readonly<Partial<Record<Form, (digest: string, hex: string, longest: number) => string>>> = {
  text: (_, hex, longest) => `left(${hex}, ${longest})`,
  uuid: (_, hex) => `overlay(overlay(left(${hex}, 32) PLACING '4' FROM 13) PLACING '8' FROM 17)::uuid`,
  int8: (_, hex) => `(('x' || left(${hex}, 16))::bit(64)::bigint & 9223372036854775807)`,
  int4: (_, hex) => `(('x' || left(${hex}, 8))::bit(32)::integer & 2147483647)`,
  int2: (_, hex) => `(('x' || left(${hex}, 8))::bit(32)::integer & 32767)::smallint`,
}
