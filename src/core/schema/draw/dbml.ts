import {
  type Column,
  type Enum,
  type ForeignKey,
  type Index,
  type Key,
  nameOf,
  type Schema,
  type Table,
} from '../model.ts'
import { byName, endsOf, shortType, tableOf, wholeTables } from './marks.ts'

/** The tables, keys, indexes and enums as DBML: https://dbml.dbdiagram.io/docs */
export function dbmlOf(schema: Schema): string {
  const tables = wholeTables(schema)
  const blocks = [
    `Project {\n  database_type: '${schema.dialect === 'sqlite' ? 'SQLite' : 'PostgreSQL'}'\n}`,
    ...byName(schema.enums).map(enumBlock),
    ...tables.map(tableBlock),
  ]
  const refs = tables.flatMap((table) =>
    table.foreignKeys.flatMap((key) => ref(table, key, tableOf(schema, key.to))),
  )
  return `${[...blocks, ...(refs.length > 0 ? [refs.join('\n')] : [])].join('\n\n')}\n`
}

/** DBML has no value without characters. */
const EMPTY = ' '

function enumBlock(type: Enum): string {
  const values = type.values.map((value) => `  ${quoted(value || EMPTY)}`)
  return [`Enum ${path(type)} {`, ...values, '}'].join('\n')
}

function tableBlock(table: Table): string {
  // DBML has no table without columns.
  if (table.columns.length === 0) return `// ${nameOf(table)}`
  return [
    `Table ${path(table)} {`,
    ...table.columns.map((column) => `  ${columnLine(table, column)}`),
    ...indexBlock(table),
    ...noteBlock(table),
    '}',
  ].join('\n')
}

function columnLine({ primaryKey, uniques }: Table, column: Column): string {
  const alone = (key: Key | undefined) => key?.columns.length === 1 && key.columns[0] === column.name
  const settings = [
    ...(alone(primaryKey) ? ['pk'] : []),
    ...(uniques.some(alone) ? ['unique'] : []),
    ...(column.identity === undefined ? [] : ['increment']),
    ...(column.nullable ? [] : ['not null']),
    ...(column.default === undefined || column.identity === 'serial'
      ? []
      : [`default: ${value(column.default)}`]),
    ...note(columnNotes(column)),
  ]
  const type = shortType(column)
  const written = /^[A-Za-z_]\w*(\(\d+(, ?\d+)?\))?$/.test(type) ? type : quoted(unquoted(type))
  return `${quoted(column.name)} ${written}${settingsText(settings)}`
}

/** A type with a schema or capitals stands in its own quotes. */
function unquoted(type: string): string {
  return type.replace(/"((?:[^"]|"")*)"/g, (_, name: string) => name.replaceAll('""', '"'))
}

function columnNotes({ generated, collation, comment }: Column): string[] {
  return [
    ...(comment === undefined ? [] : [comment]),
    ...(generated ? [`generated${generated.stored ? ' and stored' : ''}: ${generated.expression}`] : []),
    ...(collation === undefined ? [] : [`collation: ${collation}`]),
  ]
}

/** Keys of several columns and indexes. */
function indexBlock({ primaryKey, uniques, indexes }: Table): string[] {
  const several = ({ columns }: Key) => columns.length > 1
  const lines = [
    ...(primaryKey && several(primaryKey) ? [keyLine(primaryKey, 'pk')] : []),
    ...uniques.filter(several).map((unique) => keyLine(unique, 'unique')),
    ...indexes.map(indexLine),
  ]
  return lines.length === 0 ? [] : ['', '  indexes {', ...lines.map((line) => `    ${line}`), '  }']
}

function keyLine({ columns, name }: Key, setting: string): string {
  return `(${columns.map(quoted).join(', ')})${settingsText([setting, ...named(name)])}`
}

function indexLine({ name, unique, parts, method, where, include }: Index): string {
  const written = parts.map(({ column, expression = '' }) =>
    column === undefined ? code(expression) : quoted(column),
  )
  const orders = parts.flatMap(({ column, expression = '', desc, nulls }) => {
    const order = [...(desc ? ['descending'] : []), ...(nulls ? [`nulls ${nulls}`] : [])].join(', ')
    return order === '' ? [] : [`${column ?? expression} ${order}`]
  })
  const notes = [
    ...orders,
    ...(include ? [`include: ${include.join(', ')}`] : []),
    ...(where === undefined ? [] : [`where: ${where}`]),
    ...(method === undefined || METHODS.has(method) ? [] : [`using: ${method}`]),
  ]
  return `(${written.join(', ')})${settingsText([
    ...(unique ? ['unique'] : []),
    ...named(name),
    ...(method !== undefined && METHODS.has(method) ? [`type: ${method}`] : []),
    ...note(notes),
  ])}`
}

/** Those that DBML knows. */
const METHODS: ReadonlySet<string> = new Set(['btree', 'hash'])

/** What DBML has no words for. */
function noteBlock({ comment, checks, exclusions }: Table): string[] {
  const notes = [
    ...(comment === undefined ? [] : [comment]),
    ...checks.map(({ name, expression }) => `check${name === undefined ? '' : ` ${name}`}: ${expression}`),
    ...exclusions.map(({ name, definition }) => `${name}: ${definition}`),
  ]
  return notes.length === 0 ? [] : ['', `  Note: ${string(notes.join('\n'))}`]
}

/** Child and parent; `>` where several rows may refer to one, `-` where it is one. */
function ref(table: Table, key: ForeignKey, to: Table | undefined): string[] {
  const child = columnsOf(table, key.columns)
  const parent = columnsOf(to ?? key.to, key.references)
  // A column that refers to itself says nothing, and DBML refuses it.
  if (child === parent) return []
  const { many } = endsOf(table, key)
  const settings = [
    ...(key.onDelete === 'NO ACTION' ? [] : [`delete: ${key.onDelete.toLowerCase()}`]),
    ...(key.onUpdate === 'NO ACTION' ? [] : [`update: ${key.onUpdate.toLowerCase()}`]),
  ]
  const name = key.name === undefined ? '' : ` ${quoted(key.name)}`
  return [`Ref${name}: ${child} ${many ? '>' : '-'} ${parent}${settingsText(settings)}`]
}

function columnsOf(table: { schema: string; name: string }, columns: readonly string[]): string {
  const names = columns.map(quoted).join(', ')
  return `${path(table)}.${columns.length === 1 ? names : `(${names})`}`
}

function path({ schema, name }: { schema: string; name: string }): string {
  return schema === '' ? quoted(name) : `${quoted(schema)}.${quoted(name)}`
}

/** A number, a word or an expression. */
function value(expression: string): string {
  const literal = /^'((?:[^']|'')*)'(::[\w ."]+(\(\d+\))?)?$/.exec(expression)?.[1]
  if (literal !== undefined) return string(literal.replaceAll("''", "'"))
  return /^(-?\d+(\.\d+)?|true|false|null)$/i.test(expression) ? expression.toLowerCase() : code(expression)
}

/** An expression. There is no way to write its own mark in it. */
function code(expression: string): string {
  return `\`${expression.replaceAll('`', "'").replace(/\s+/g, ' ')}\``
}

function settingsText(settings: readonly string[]): string {
  return settings.length === 0 ? '' : ` [${settings.join(', ')}]`
}

function named(name: string | undefined): string[] {
  return name === undefined ? [] : [`name: ${string(name)}`]
}

function note(notes: readonly string[]): string[] {
  return notes.length === 0 ? [] : [`note: ${string(notes.join('\n'))}`]
}

/** A text, in three quotes where it has lines. */
function string(text: string): string {
  const escaped = text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")
  return escaped.includes('\n') ? `'''${escaped}'''` : `'${escaped}'`
}

function quoted(name: string): string {
  if (/^[A-Za-z_]\w*$/.test(name) && !RESERVED.test(name)) return name
  return `"${name
    .replaceAll('\\', '\\\\')
    .replaceAll('"', '\\"')
    .replace(/[\r\n]+/g, ' ')}"`
}

/** Words that begin something else where a name may stand. */
const RESERVED =
  /^(as|enum|indexes|note|project|ref|table|tablegroup|tablepartial|checks|records|headercolor)$/i
