import type { Column, Schema, Table } from '../../schema/model.ts'
import { bare, closing, isSign, isWord, partsOf, type Token, unquoted } from '../../schema/tokens.ts'
import type { Statement } from '../migration/acts.ts'
import { lower, q, tableIn } from './sqlite-rule.ts'

/** What stands in a SELECT at one place. */
type Item =
  | { readonly is: 'column'; readonly name: string; readonly byStar?: true }
  | { readonly is: 'unknown' }
  | { readonly is: 'expression'; readonly text: string }

/** `INSERT INTO into (columns) SELECT items FROM from called`. */
interface Copy {
  readonly head: string
  readonly into: Table
  readonly columns: readonly string[] | undefined
  readonly items: readonly Item[]
  readonly from: Table
  readonly called: string | undefined
}

/**
 * The copy of a rebuild with each column by its name: what both tables have goes from one to the other; a new column
 * gets what the copy has for it, or its default. Nothing where it is not clear what is meant.
 *
 * @param schema as it is when the statement runs
 */
export function namedCopy(statement: Statement, text: string, schema: Schema): string | undefined {
  const copy = readCopy(statement, text, schema)
  if (copy === undefined) return undefined
  const { head, into, from, called } = copy
  const listed = copy.columns ?? plainColumns(into).map(({ name }) => name)
  const byPlace = listed.length === copy.items.length
  if (!byPlace && copy.items.some(({ is }) => is === 'expression')) return undefined
  const itemOf = (column: string) =>
    byPlace ? copy.items[listed.findIndex((one) => lower(one) === lower(column))] : undefined
  const pairs = plainColumns(into).map((column) => ({
    column,
    value: sourceFor(column, itemOf(column.name), copy),
  }))
  if (pairs.some(({ column, value }) => value === undefined && isRequired(into, column))) return undefined
  const given = pairs.filter(({ value }) => value !== undefined)
  // A column that goes and one that comes: it may have another name now.
  const taken = new Set(
    copy.items.map((item) => (item.is === 'column' && !item.byStar ? lower(item.name) : '')),
  )
  const left = plainColumns(from).some(({ name }) => !columnIn(into, name) && !taken.has(lower(name)))
  if (left && given.length < pairs.length) return undefined
  if (given.length === 0) return undefined
  const source = called === undefined ? q(from.name) : `${q(from.name)} AS ${q(called)}`
  return `${head} (${given.map(({ column }) => q(column.name)).join(', ')})\nSELECT ${given.map(({ value }) => value).join(', ')}\nFROM ${source};`
}

function plainColumns({ columns }: Table): Column[] {
  return columns.filter(({ generated }) => generated === undefined)
}

function isRequired({ primaryKey }: Table, { name, type, nullable, default: value }: Column): boolean {
  const isRowid = primaryKey?.columns.length === 1 && primaryKey.columns[0] === name
  return !nullable && value === undefined && !(isRowid && lower(type) === 'integer')
}

function sourceFor(
  { name }: Column,
  item: Item | undefined,
  { from, into, called }: Copy,
): string | undefined {
  const path = (column: string) => `${q(called ?? from.name)}.${q(column)}`
  if (item?.is === 'expression') return item.text
  // A column that goes may have its values here from now on.
  if (item?.is === 'column' && !item.byStar && !columnIn(into, item.name)) return path(item.name)
  const same = columnIn(from, name)
  return same && path(same.name)
}

function columnIn({ columns }: Table, name: string): Column | undefined {
  return columns.find((column) => lower(column.name) === lower(name))
}

function readCopy(statement: Statement, text: string, schema: Schema): Copy | undefined {
  const start = statement.findIndex((token) => isWord(token, 'INTO'))
  const afterPath = isSign(statement[start + 2], '.') ? start + 4 : start + 2
  const select = statement.findIndex((token) => isWord(token, 'SELECT'))
  const end = statement.findIndex((token, i) => i > select && isWord(token, 'FROM'))
  const name = statement[afterPath - 1]
  if (!isWord(statement[0], 'INSERT', 'REPLACE') || start === -1 || select === -1 || end === -1 || !name)
    return undefined
  const between = statement.slice(afterPath, select)
  const source = sourceOf(statement.slice(end + 1))
  const into = tableIn(schema, unquoted(name))
  const from = source && tableIn(schema, source.name)
  const isList =
    between.length === 0 || (isSign(between[0], '(') && closing(between, 0) === between.length - 1)
  const chosen = statement.slice(select + 1, end)
  // A FROM within parentheses is that of another SELECT.
  const isWhole = chosen.every((token, i) => !isSign(token, '(') || closing(chosen, i) < chosen.length)
  if (!into || !from || !isList || !isWhole || isWord(chosen[0], 'DISTINCT', 'ALL')) return undefined
  return {
    head: text.slice(statement[0]?.start, name.end),
    into,
    columns: between.length === 0 ? undefined : namesOf(between),
    items: partsOf(chosen).flatMap((part) => itemsOf(part, from, text)),
    from,
    called: source?.called,
  }
}

function namesOf(list: readonly Token[]): string[] {
  return partsOf(bare(list)).flatMap(([token]) => (token ? [unquoted(token)] : []))
}

/** One table, all of it. */
function sourceOf(tokens: readonly Token[]): { name: string; called: string | undefined } | undefined {
  const path = isSign(tokens[1], '.') ? tokens.slice(2) : tokens
  const [table, ...behind] = path
  const alias = isWord(behind[0], 'AS') ? behind.slice(1) : behind
  if (!table || alias.length > 1 || isWord(alias[0], 'WHERE')) return undefined
  return { name: unquoted(table), called: alias[0] && unquoted(alias[0]) }
}

function itemsOf(part: readonly Token[], from: Table, text: string): Item[] {
  const qualified = isSign(part[1], '.')
  const [token, ...more] = qualified ? part.slice(2) : part
  if (token === undefined || more.length > 0) return [expression(part, text)]
  if (isSign(token, '*')) return from.columns.map(({ name }) => ({ is: 'column', name, byStar: true }))
  if (token.kind !== 'word' && token.kind !== 'name') return [expression(part, text)]
  const column = columnIn(from, unquoted(token))
  if (column !== undefined) return [{ is: 'column', name: column.name }]
  return [token.kind === 'name' && token.text.startsWith('"') ? { is: 'unknown' } : expression(part, text)]
}

function expression(part: readonly Token[], text: string): Item {
  return { is: 'expression', text: text.slice(part[0]?.start, part.at(-1)?.end) }
}
