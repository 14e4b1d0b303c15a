import { type Named, nameOf } from '../model.ts'

/** The types of a table or a view. */
export interface TypeNames {
  readonly table: string
  readonly row: string
  readonly added: string
  readonly update: string
}

export interface Names {
  readonly tables: ReadonlyMap<Named, TypeNames>
  readonly enums: ReadonlyMap<Named, string>
}

/**
 * Names of types, no two the same: of `users` they are `UsersTable`, `User`, `NewUser` and `UserUpdate`.
 *
 * @param tables and views
 * @param prefix stands in front of each
 * @param reserved names that there are already
 */
export function namesFor(
  tables: readonly Named[],
  enums: readonly Named[],
  prefix: string,
  reserved: readonly string[],
): Names {
  const taken = new Set(reserved)
  const take = <T extends readonly string[]>(candidates: Iterable<T>): T => {
    for (const names of candidates) {
      if (names.some((name) => taken.has(name))) continue
      for (const name of names) taken.add(name)
      return names
    }
    throw new RangeError('there is always another number')
  }
  const tableNames = tables.map((one) => {
    const [table, row, added, update] = take(candidates(one, prefix))
    return [one, { table, row, added, update }] as const
  })
  const enumNames = enums.map((one) => {
    const name = `${prefix}${pascal(nameOf(one))}`
    const [found] = take(numbered([name, `${name}Enum`], (number) => `${name}${number}`))
    return [one, found] as const
  })
  return { tables: new Map(tableNames), enums: new Map(enumNames) }
}

function* candidates(table: Named, prefix: string): Generator<readonly [string, string, string, string]> {
  const plural = pascal(nameOf(table))
  const one = pascal(nameOf({ ...table, name: singular(table.name) }))
  for (const [row] of numbered([one, plural], (number) => `${plural}${number}`)) {
    const whole = row === one ? plural : row
    yield [`${prefix}${whole}Table`, `${prefix}${row}`, `${prefix}New${row}`, `${prefix}${row}Update`]
  }
}

function* numbered(first: readonly string[], more: (number: number) => string): Generator<readonly [string]> {
  for (const name of first) yield [name]
  for (let number = 2; ; number++) yield [more(number)]
}

/**
 * All that a name of TypeScript cannot hold, whichever Unicode its compiler knows, and what parts words: letters beyond
 * the first 65,536 and those that came after Unicode 15.
 */
const BETWEEN =
  /(?:[^\p{ID_Continue}]|_|[\u{10000}-\u{10ffff}]|[\u088f-\u0897]|\u0c5c|\u0cdc|[\u1acf-\u1aff]|[\u1c89\u1c8a]|[\ua7cb-\ua7cf\ua7d2\ua7d4\ua7da-\ua7dc\ua7f1])+/u

/** `order_items` → `OrderItems`, `2fa codes` → `T2faCodes`. */
function pascal(name: string): string {
  const words = name.split(BETWEEN).filter((word) => word !== '')
  const joined = words.map((word) => `${upper(word[0] ?? '')}${word.slice(1)}`).join('')
  return /^\p{ID_Start}/u.test(joined) ? joined : `T${joined}`
}

function upper(letter: string): string {
  const found = letter.toUpperCase()
  return BETWEEN.test(found) ? letter : found
}

/** What the rules below would spoil. */
const IRREGULAR: Readonly<Record<string, string>> = {
  aliases: 'alias',
  bonuses: 'bonus',
  buses: 'bus',
  children: 'child',
  cookies: 'cookie',
  indices: 'index',
  matrices: 'matrix',
  movies: 'movie',
  news: 'news',
  people: 'person',
  series: 'series',
  species: 'species',
  statuses: 'status',
}

const RULES: readonly (readonly [RegExp, string])[] = [
  [/(ss|us|is)$/i, '$1'],
  [/ies$/i, 'y'],
  [/(ss|x|z|ch|sh)es$/i, '$1'],
  [/s$/i, ''],
]

/** One of them, as far as a few rules can tell. */
function singular(name: string): string {
  const [, before = '', last = ''] = /^(.*?)([a-z]*)$/i.exec(name) ?? []
  const known = IRREGULAR[last.toLowerCase()]
  if (known !== undefined) return before + (/^[A-Z]/.test(last) ? pascal(known) : known)
  const [rule, by] = RULES.find(([pattern]) => pattern.test(last)) ?? [/$/, '']
  return before + last.replace(rule, by)
}
