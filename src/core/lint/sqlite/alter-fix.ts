import { kindOf } from '../../schema/kinds.ts'
import type { Column, ForeignKey, Index, Schema, Table } from '../../schema/model.ts'
import { isLiteral } from '../../schema/sql/ddl-sqlite.ts'
import { namesIn } from '../../schema/sql/names.ts'
import { isSign, isWord, type Token, unquoted } from '../../schema/tokens.ts'
import type { Statement } from '../migration/acts.ts'
import { lower, q, tableIn } from './sqlite-rule.ts'

/** What an ALTER TABLE is to do with one column, in SQLite's words or in PostgreSQL's. */
export type Alter =
  | { readonly does: 'add'; readonly table: string; readonly definition: string }
  | { readonly does: 'drop'; readonly table: string; readonly column: string }
  | {
      readonly does: 'change'
      readonly table: string
      readonly column: string
      readonly change: (column: Column) => Column
    }

/** A schema as a statement is to make it. */
export interface Wanted {
  readonly schema: Schema
  /** What goes along, as people are told. */
  readonly lost: readonly string[]
}

/** Reads an ALTER TABLE of the plain forms; nothing if it is another statement, or says more. */
export function readAlter(statement: Statement, text: string): Alter | undefined {
  const [alter, word, ...path] = statement
  if (!isWord(alter, 'ALTER') || !isWord(word, 'TABLE') || isWord(path[0], 'IF', 'ONLY')) return undefined
  const qualified = isSign(path[1], '.')
  if (qualified && path[0] && lower(unquoted(path[0])) !== 'main') return undefined
  const [name, verb, ...behind] = qualified ? path.slice(2) : path
  const rest = isWord(behind[0], 'COLUMN') ? behind.slice(1) : behind
  const [column, ...what] = rest
  if (name === undefined || column === undefined || isWord(column, 'IF', 'CONSTRAINT')) return undefined
  const table = unquoted(name)
  if (isWord(verb, 'ADD')) return { does: 'add', table, definition: sliceOf(rest, text) }
  if (isWord(verb, 'DROP') && what.length === 0) return { does: 'drop', table, column: unquoted(column) }
  const change = isWord(verb, 'ALTER') ? changeOf(what, text) : undefined
  return change && { does: 'change', table, column: unquoted(column), change }
}

function sliceOf(tokens: readonly Token[], text: string): string {
  return text.slice(tokens[0]?.start, tokens.at(-1)?.end)
}

/** ALTER COLUMN … SET NOT NULL and the like: https://www.postgresql.org/docs/current/sql-altertable.html */
function changeOf(what: readonly Token[], text: string): ((column: Column) => Column) | undefined {
  const said = what.map((token) => token.text.toUpperCase()).join(' ')
  if (said === 'SET NOT NULL') return (column) => ({ ...column, nullable: false })
  if (said === 'DROP NOT NULL') return (column) => ({ ...column, nullable: true })
  if (said === 'DROP DEFAULT') return ({ default: _, ...column }) => column
  if (said.startsWith('SET DEFAULT ')) {
    const value = sliceOf(what.slice(2), text)
    // What a function gives there, SQLite may not know.
    return isLiteral(value) ? (column) => ({ ...column, default: value }) : undefined
  }
  const type = said.startsWith('SET DATA TYPE ')
    ? what.slice(3)
    : isWord(what[0], 'TYPE')
      ? what.slice(1)
      : []
  if (type.length === 0 || type.some((token) => isWord(token, 'USING', 'COLLATE') || isSign(token, ',')))
    return undefined
  const name = sliceOf(type, text)
  return (column) => ({ ...column, type: name, kind: kindOf('sqlite', name) })
}

/** The text of a table that has what a new column says, and of the others only the names. */
export function sketchOf({ name, columns }: Table, definition: string): string {
  return `CREATE TABLE ${q(name)} (${[...columns.map((column) => q(column.name)), definition].join(', ')});`
}

/**
 * The schema with one column more.
 *
 * @param sketch what SQLite has made of `sketchOf`
 */
export function withColumn(schema: Schema, table: Table, sketch: Table): Wanted | undefined {
  const column = sketch.columns.at(-1)
  if (column === undefined || sketch.columns.length !== table.columns.length + 1) return undefined
  const { primaryKey } = sketch
  // A key counts by itself only where it is the rowid.
  if (primaryKey && (table.primaryKey || table.withoutRowid || lower(column.type) !== 'integer'))
    return undefined
  const wanted: Table = {
    ...table,
    columns: [...table.columns, column],
    ...(primaryKey && { primaryKey }),
    uniques: [...table.uniques, ...sketch.uniques],
    checks: [...table.checks, ...sketch.checks],
    foreignKeys: [...table.foreignKeys, ...sketch.foreignKeys.map((key) => withTarget(schema, key))],
  }
  return { schema: replaced(schema, wanted), lost: [] }
}

/** Where it names no columns it means the primary key, which a sketch does not have. */
function withTarget(schema: Schema, key: ForeignKey): ForeignKey {
  const references = tableIn(schema, key.to.name)?.primaryKey?.columns ?? []
  return key.references.length > 0 ? key : { ...key, references }
}

/** The schema without a column, and without the indexes and keys that name it; nothing where more needs it. */
export function withoutColumn(schema: Schema, table: Table, column: string): Wanted | undefined {
  const names = (columns: readonly string[]) => columns.some((one) => lower(one) === lower(column))
  const speaks = (sql: string) => namesIn('sqlite', sql).has(lower(column))
  const others = table.columns.filter(({ name }) => lower(name) !== lower(column))
  const needed =
    others.length !== table.columns.length - 1 ||
    names(table.primaryKey?.columns ?? []) ||
    table.checks.some(({ expression }) => speaks(expression)) ||
    others.some(({ generated }) => generated !== undefined && speaks(generated.expression)) ||
    schema.tables.some(({ foreignKeys }) =>
      foreignKeys.some(({ to, references }) => lower(to.name) === lower(table.name) && names(references)),
    ) ||
    [...schema.views.map(({ query }) => query), ...schema.triggers.map(({ sql }) => sql)].some(
      (sql) => speaks(sql) && namesIn('sqlite', sql).has(lower(table.name)),
    )
  if (needed) return undefined
  const inIndex = ({ parts, where = '' }: Index) =>
    parts.some(({ column: part, expression = '' }) => names(part ? [part] : []) || speaks(expression)) ||
    speaks(where)
  const lost = [
    ...table.indexes.filter(inIndex).map(({ name }) => `the index ${name}`),
    ...table.uniques
      .filter((one) => names(one.columns))
      .map((one) => `UNIQUE (${one.columns.map(q).join(', ')})`),
    ...table.foreignKeys
      .filter((one) => names(one.columns))
      .map((one) => `the foreign key (${one.columns.map(q).join(', ')}) to ${one.to.name}`),
  ]
  const wanted: Table = {
    ...table,
    columns: others,
    indexes: table.indexes.filter((index) => !inIndex(index)),
    uniques: table.uniques.filter((one) => !names(one.columns)),
    foreignKeys: table.foreignKeys.filter((one) => !names(one.columns)),
  }
  return { schema: replaced(schema, wanted), lost }
}

/** The schema with a column that is another. */
export function withChange(
  schema: Schema,
  table: Table,
  { column, change }: Extract<Alter, { does: 'change' }>,
): Wanted | undefined {
  if (!table.columns.some(({ name }) => lower(name) === lower(column))) return undefined
  const columns = table.columns.map((one) => (lower(one.name) === lower(column) ? change(one) : one))
  return { schema: replaced(schema, { ...table, columns }), lost: [] }
}

function replaced(schema: Schema, wanted: Table): Schema {
  const tables = schema.tables.map((one) => (lower(one.name) === lower(wanted.name) ? wanted : one))
  return { ...schema, tables }
}
