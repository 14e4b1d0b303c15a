import type { Kind } from '../model.ts'
import { stringText } from '../sql/names.ts'
import { textOfLength } from './samples.ts'

/** Texts of shapes that a CHECK may ask for. */
const SHAPES = ['abc', 'ABC', '1', 'a@b.cd', 'https://a.b/', '2024-01-01', '{}', '[]']

const LONGEST = 2000

/**
 * What may satisfy conditions on a column: they name it themselves, mostly. The database says which of them does;
 * nothing here reads SQL beyond its literals.
 *
 * @param tag differs from row to row, for patterns that leave room
 */
export function candidates(kind: Kind, conditions: readonly string[], tag: string): string[] {
  const { strings, numbers } = literalsOf(conditions)
  return isNumber(kind) ? near(numbers).map(String) : texts(strings, numbers, tag).map(stringText)
}

/**
 * The one that most likely satisfies them, where the database cannot be asked.
 *
 * @param n which of several
 */
export function likely(kind: Kind, conditions: readonly string[], n: number): string | undefined {
  const { strings, numbers } = literalsOf(conditions)
  if (!isNumber(kind)) return strings.length === 0 ? undefined : stringText(strings[n % strings.length] ?? '')
  if (numbers.length === 0) return undefined
  const text = conditions.join(' ')
  if (!text.includes('<') && text.includes('>')) return undefined
  return String(text.includes('<') && numbers.length === 1 ? Math.min(...numbers) - 1 : near(numbers)[0])
}

/** The literals in SQL expressions; a number may stand in quotes with a cast behind it. */
function literalsOf(expressions: readonly string[]): { strings: string[]; numbers: number[] } {
  const text = expressions.join(' ')
  const strings = [...text.matchAll(STRING)].map(([, inner = '']) => inner.replaceAll("''", "'"))
  const bare = text.replaceAll(STRING, ' ').matchAll(/(?<![\w.])-?\d+(?:\.\d+)?(?![\w.])/g)
  const numbers = [...[...bare].map(([number]) => number), ...strings.filter((one) => /^-?\d+$/.test(one))]
  return { strings, numbers: numbers.map(Number) }
}

const STRING = /'((?:[^']|'')*)'/g

function isNumber(kind: Kind): boolean {
  return kind === 'integer' || kind === 'real' || kind === 'numeric'
}

/** The numbers themselves, what lies between the first two, and what is next to each. */
function near(numbers: readonly number[]): number[] {
  const [least = 0, greatest = least] = [Math.min(...numbers), Math.max(...numbers)].filter(Number.isFinite)
  const between = Math.floor(least + (greatest - least) / 2)
  return [...new Set([between, ...numbers, ...numbers.flatMap((n) => [n + 1, n - 1])])]
}

function texts(strings: readonly string[], numbers: readonly number[], tag: string): string[] {
  const lengths = numbers.filter((n) => Number.isInteger(n) && n >= 0 && n < LONGEST)
  return [
    ...new Set([
      ...strings,
      ...strings.map((string) => string.replaceAll('%', tag).replaceAll('_', 'a')),
      ...SHAPES,
      ...lengths.flatMap((n) => [n, n + 1, Math.max(0, n - 1)]).map(textOfLength),
    ]),
  ]
}
