import { relative } from 'node:path'
import type { Place } from './errors.ts'

const BLANK = /\s+|;|--[^\n]*|\/\*.*?(?:\*\/|$)/sy

/** The offset of the first character at or after `offset` that is neither white space, comment nor semicolon. */
export function skipBlank(text: string, offset = 0): number {
  BLANK.lastIndex = offset
  while (BLANK.test(text)) offset = BLANK.lastIndex
  return offset
}

/** Lines of a statement that are shown above the one with the error. */
const LINES_ABOVE = 6
const WIDTH = 120

/**
 * Where `offset` of a file's text is, for people: line, column, and the lines since `from` with a caret below the last.
 *
 * @param from where the statement begins
 */
export function place(file: string, text: string, offset: number, from = offset): Place & { line: number } {
  const start = lineStart(text, offset)
  const column = [...text.slice(start, offset)].length + 1
  let line = 1
  for (let at = text.indexOf('\n'); at !== -1 && at < start; at = text.indexOf('\n', at + 1)) line++

  const end = text.indexOf('\n', offset)
  const above = text.slice(lineStart(text, from), start).split('\n').slice(0, -1)
  const lines = [...above.slice(-LINES_ABOVE), text.slice(start, end === -1 ? text.length : end)]
  const margin = String(line).length
  // A very long line is shown from shortly before the error.
  const cut = (lines.at(-1) ?? '').length > WIDTH ? Math.max(0, offset - start - WIDTH / 2) : 0
  const numbered = lines.map((shown, i) => {
    const number = String(line - lines.length + 1 + i).padStart(margin)
    return `${number} | ${i < lines.length - 1 ? shown.slice(0, WIDTH) : shown.slice(cut, cut + WIDTH)}`
  })
  const indent = text.slice(start + cut, offset).replace(/[^\t]/gu, ' ')
  return { file, line, column, excerpt: `${numbered.join('\n')}\n${' '.repeat(margin)} | ${indent}^` }
}

/** Before the first character there is no line end: `lastIndexOf` takes -1 for 0. */
function lineStart(text: string, offset: number): number {
  return offset === 0 ? 0 : text.lastIndexOf('\n', offset - 1) + 1
}

/** The candidate nearest to `word`, if one is near enough to have been meant. */
export function nearest(word: string, candidates: Iterable<string>): string | undefined {
  let best: string | undefined
  let least = Math.max(2, Math.floor(word.length / 3)) + 1
  for (const candidate of candidates) {
    const distance = candidate.startsWith(word) ? 1 : editDistance(word, candidate)
    if (distance < least) {
      least = distance
      best = candidate
    }
  }
  return best
}

/** `did you mean …?`, or nothing. */
export function didYouMean(word: string, candidates: Iterable<string>): string | undefined {
  const meant = nearest(word, candidates)
  return meant === undefined ? undefined : `did you mean ${meant}?`
}

/** Levenshtein's distance. */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      const substitution = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1)
      next.push(Math.min(substitution, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1))
    }
    row = next
  }
  return row[b.length] ?? 0
}

/** `1 migration`, `2 migrations`. */
export function count(n: number, noun: string): string {
  return `${n} ${noun}${n === 1 ? '' : 's'}`
}

const UNITS = ['bytes', 'kB', 'MB', 'GB', 'TB']

/** `512 bytes`, `12 kB`, `1.07 GB`. */
export function bytesText(bytes: number): string {
  let unit = 0
  for (; bytes >= 1000 && unit < UNITS.length - 1; unit++) bytes /= 1000
  return `${unit === 0 || bytes >= 10 ? Math.round(bytes) : bytes.toFixed(2)} ${UNITS[unit]}`
}

/** A name in SQL, whatever is in it. */
export function quoteName(name: string): string {
  return `"${name.replaceAll('"', '""')}"`
}

/** A list for a sentence, cut after a few. */
export function list(items: readonly string[], most = 5): string {
  const shown = items.slice(0, most).join(', ')
  return items.length > most ? `${shown} and ${items.length - most} more` : shown
}

/** The path as people would write it from here. */
export function shortest(path: string): string {
  const near = relative('', path)
  return near.startsWith('..') ? path : near
}

/** What is made when it is first asked for, and kept. */
export function once<T>(make: () => T): () => T {
  let made: T | undefined
  return () => {
    made ??= make()
    return made
  }
}
