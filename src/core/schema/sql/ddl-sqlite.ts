import type {
  Check,
  Column,
  Conflict,
  ForeignKey,
  Index,
  IndexPart,
  Key,
  Schema,
  Table,
  Trigger,
  Unique,
  View,
} from '../model.ts'
import { fold, listText, namesIn, nameText } from './names.ts'
import { byName, inOrder, tablesInOrder } from './order.ts'
import { selectedNames } from './selected.ts'

const name = (text: string) => nameText('sqlite', text)
const list = (names: readonly string[]) => listText('sqlite', names)

/** The statements that make a schema in SQLite. Foreign keys may refer to what comes later. */
export function createSqlite(schema: Schema): string[] {
  return [
    ...tablesInOrder(schema).flatMap((table) => [tableText(table), ...indexTexts(table)]),
    ...viewsInOrder(schema.views).map((view) => viewText(view, schema)),
    ...triggersInOrder(schema.triggers).map(triggerText),
  ]
}

/** CREATE TABLE. @param as its name, if it is made under another */
export function tableText(table: Table, as = table.name): string {
  if (table.virtual !== undefined) return statementText(table.virtual)
  const lines = [
    ...table.columns.map((column) => columnText(column, ownOf(table, column))),
    ...tableConstraints(table),
  ]
  const options = [table.strict && 'STRICT', table.withoutRowid && 'WITHOUT ROWID'].filter(Boolean)
  const end = options.length > 0 ? `) ${options.join(', ')}` : ')'
  return `CREATE TABLE ${name(as)} (\n${lines.map((line) => `    ${line}`).join(',\n')}\n${end}`
}

/** What a column's line says of the constraints that are its own. */
interface Own {
  /** It is the number of the row, which is never NULL. */
  readonly isRowid?: boolean
  readonly key?: Key
  readonly unique?: Unique
  readonly checks: readonly Check[]
  readonly references: readonly ForeignKey[]
}

function ownOf(table: Table, column: Column): Own {
  const { primaryKey: key } = table
  const unique = table.uniques.find((one) => isInline(one, column))
  return {
    isRowid: isRowid(table, column),
    ...(key !== undefined && isOwnKey(key, column) && { key }),
    ...(unique !== undefined && { unique }),
    checks: table.checks.filter((check) => ownerOf(table, check) === column),
    references: table.foreignKeys.filter((one) => isInline(one, column)),
  }
}

/** Whether a column is the number of the row: https://sqlite.org/lang_createtable.html#rowid */
export function isRowid({ primaryKey: key, withoutRowid }: Table, column: Column): boolean {
  const alone = key?.columns.length === 1 && key.columns[0] === column.name && key.desc === undefined
  return alone && withoutRowid === undefined && column.type.toLowerCase() === 'integer'
}

/** Whether a constraint stands behind its column: one that has its own name or order stands by itself. */
function isInline({ name, columns, ...key }: Key | ForeignKey, column: Column): boolean {
  const plain = name === undefined && !('collations' in key) && !('desc' in key)
  return plain && columns.length === 1 && columns[0] === column.name
}

/** AUTOINCREMENT and DESC mean what they do only behind the column. */
function isOwnKey(key: Key, column: Column): boolean {
  const alone = key.columns.length === 1 && key.columns[0] === column.name && key.collations === undefined
  return alone && (key.name === undefined || column.identity === 'autoincrement' || key.desc !== undefined)
}

function conflictText({ onConflict }: { readonly onConflict?: Conflict }): string {
  return onConflict === undefined ? '' : ` ON CONFLICT ${onConflict}`
}

/** The column that a check without a name stands behind: the only one that it speaks of. */
function ownerOf(table: Table, check: Check): Column | undefined {
  if (check.name !== undefined) return undefined
  const named = namesIn('sqlite', check.expression)
  const columns = table.columns.filter((column) => named.has(fold('sqlite', column.name)))
  return columns.length === 1 ? columns[0] : undefined
}

/** A column as CREATE TABLE and ADD COLUMN write it. */
export function columnText(column: Column, { isRowid, key, unique, checks, references }: Own): string {
  const { generated } = column
  return [
    name(column.name),
    column.type,
    column.collation && `COLLATE ${column.collation}`,
    key && `${constraintName(key)}PRIMARY KEY${key.desc === undefined ? '' : ' DESC'}${conflictText(key)}`,
    column.identity === 'autoincrement' && 'AUTOINCREMENT',
    !column.nullable && !(key && isRowid) && `NOT NULL${conflictText(column)}`,
    unique && `UNIQUE${conflictText(unique)}`,
    column.default !== undefined && `DEFAULT ${defaultText(column.default)}`,
    generated && `GENERATED ALWAYS AS (${generated.expression}) ${generated.stored ? 'STORED' : 'VIRTUAL'}`,
    ...checks.map(checkText),
    ...references.map(referencesText),
  ]
    .filter(Boolean)
    .join(' ')
}

function tableConstraints(table: Table): string[] {
  const { primaryKey: key, columns } = table
  const inline = (one: Key | ForeignKey) => columns.some((column) => isInline(one, column))
  return [
    ...(key === undefined || columns.some((column) => isOwnKey(key, column)) ? [] : [keyText(key)]),
    ...table.uniques
      .filter((unique) => !inline(unique))
      .map((unique) => `${constraintName(unique)}UNIQUE ${keyColumns(unique)}${conflictText(unique)}`),
    ...table.checks.filter((check) => ownerOf(table, check) === undefined).map(checkText),
    ...table.foreignKeys
      .filter((one) => !inline(one))
      .map((one) => {
        const columns = list(one.columns)
        return `${constraintName(one)}FOREIGN KEY ${columns} ${referencesText(one)}`
      }),
  ]
}

function constraintName(constraint: { readonly name?: string }): string {
  return constraint.name === undefined ? '' : `CONSTRAINT ${name(constraint.name)} `
}

function keyText(key: Key): string {
  return `${constraintName(key)}PRIMARY KEY ${keyColumns(key)}${conflictText(key)}`
}

function keyColumns({ columns, collations, desc }: Key): string {
  const parts = columns.map((column) => {
    const collation = collations?.[column]
    return `${name(column)}${collation === undefined ? '' : ` COLLATE ${collation}`}${desc?.includes(column) ? ' DESC' : ''}`
  })
  return `(${parts.join(', ')})`
}

export function checkText(check: Check): string {
  return `${constraintName(check)}CHECK (${check.expression})`
}

function referencesText({ to, references, onDelete, onUpdate, matchFull, deferrable }: ForeignKey): string {
  return [
    `REFERENCES ${name(to.name)}`,
    references.length > 0 && list(references),
    onDelete !== 'NO ACTION' && `ON DELETE ${onDelete}`,
    onUpdate !== 'NO ACTION' && `ON UPDATE ${onUpdate}`,
    matchFull && 'MATCH FULL',
    deferrable === 'immediate' && 'DEFERRABLE',
    deferrable === 'deferred' && 'DEFERRABLE INITIALLY DEFERRED',
  ]
    .filter(Boolean)
    .join(' ')
}

/** A number, a string, or one word such as NULL and CURRENT_TIMESTAMP. */
const LITERAL =
  /^(?:[+-]?\s*(?:0x[\da-f]+|\d[\d.]*(?:e[+-]?\d+)?|\.\d+(?:e[+-]?\d+)?)|x?'(?:[^']|'')*'|"(?:[^"]|"")*"|\w+)$/i

/** Whether SQLite takes the expression as a default without parentheses. */
export function isLiteral(expression: string): boolean {
  return LITERAL.test(expression)
}

export function defaultText(expression: string): string {
  return isLiteral(expression) ? expression : `(${expression})`
}

export function indexTexts(table: Table): string[] {
  return [...table.indexes].sort(byName).map((index) => indexText(table, index))
}

export function indexText(table: Table, index: Index): string {
  const where = index.where === undefined ? '' : ` WHERE ${index.where}`
  const parts = index.parts.map(partText).join(', ')
  return `CREATE ${index.unique ? 'UNIQUE ' : ''}INDEX ${name(index.name)} ON ${name(table.name)} (${parts})${where}`
}

function partText({ column, expression = '', collation, desc, nulls }: IndexPart): string {
  return [
    column === undefined ? expression : name(column),
    collation && `COLLATE ${collation}`,
    desc && 'DESC',
    nulls && `NULLS ${nulls.toUpperCase()}`,
  ]
    .filter(Boolean)
    .join(' ')
}

/** Views, each behind those that it reads. */
export function viewsInOrder(views: readonly View[]): View[] {
  return inOrder(
    views,
    (view) => fold('sqlite', view.name),
    (view) => namesIn('sqlite', view.query),
  )
}

/** CREATE VIEW; with the names of its columns where its SELECT does not give them. */
export function viewText(view: View, schema: Schema): string {
  const columns = view.columns.map((column) => column.name)
  const names = givesNames(view, schema) ? '' : ` ${list(columns)}`
  return `CREATE VIEW ${name(view.name)}${names} AS\n${statementText(view.query)}`
}

function givesNames(view: View, { tables, views }: Schema): boolean {
  const columns = view.columns.map((column) => fold('sqlite', column.name))
  const given = selectedNames('sqlite', view.query)
  if (given === undefined) return columns.length === 0
  if (!given.includes('*')) return columns.length === 0 || columns.join('\0') === given.join('\0')
  // With a list of names, SELECT * would fail when its table gets another column.
  const known = new Set(
    [...tables, ...views.filter((one) => one !== view)].flatMap((one) =>
      one.columns.map((column) => fold('sqlite', column.name)),
    ),
  )
  return columns.every((column) => known.has(column) || given.includes(column))
}

export function triggersInOrder(triggers: readonly Trigger[]): Trigger[] {
  return [...triggers].sort(byName)
}

export function triggerText(trigger: Trigger): string {
  return statementText(trigger.sql)
}

/** A statement without the semicolon at its end. */
export function statementText(sql: string): string {
  return sql.trim().replace(/\s*;$/, '')
}
