import type { Dialect } from '../../migrations.ts'
import { isSign, isWord, partsOf, type Token, tokensOf } from '../tokens.ts'
import { nameIn } from './names.ts'

/** The names, folded, that the first SELECT gives its columns: `*` for all of a table; nothing where it is not clear. */
export function selectedNames(dialect: Dialect, query: string): string[] | undefined {
  const all = tokensOf(query, dialect)
  let depth = 0
  const top = all.filter((token) => {
    if (isSign(token, ')')) depth--
    const outside = depth === 0
    if (isSign(token, '(')) depth++
    return outside
  })
  const start = top.findIndex((token) => isWord(token, 'SELECT'))
  if (start === -1) return undefined
  const end = top.findIndex(
    (token, i) => i > start && (isWord(token, ...BEHIND_COLUMNS) || isSign(token, ';')),
  )
  const list = top.slice(start + 1, end === -1 ? undefined : end)
  const names = partsOf(list.filter((token) => !isWord(token, 'DISTINCT', 'ALL'))).map((item) =>
    selectedName(dialect, item),
  )
  return names.every((one) => one !== undefined) ? names : undefined
}

const BEHIND_COLUMNS = ['FROM', 'WHERE', 'GROUP', 'UNION', 'EXCEPT', 'INTERSECT', 'ORDER', 'LIMIT', 'WINDOW']

function selectedName(dialect: Dialect, item: readonly Token[]): string | undefined {
  const last = item.at(-1)
  const before = item.at(-2)
  if (last === undefined) return undefined
  if (isSign(last, '*') && item.length <= 3 && (before === undefined || isSign(before, '.'))) return '*'
  const clear = item.length === 1 || isWord(before, 'AS') || (item.length === 3 && isSign(before, '.'))
  return clear ? nameIn(dialect, last) : undefined
}
