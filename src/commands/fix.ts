import { renameSync, rmSync, writeFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import type { Part } from '../core/lint/postgres/split.ts'
import { DIALECTS, type Dialect, type Files, isDate, type Source } from '../core/migrations.ts'
import { readText } from '../core/script.ts'
import { shortest } from '../core/text.ts'
import { type Draft, writeNew } from './write.ts'

/** What a migration has become. */
export interface Fixed {
  readonly migration: string
  /** Files that were written, or written anew. */
  readonly wrote: readonly string[]
  /** Files in whose place others stand. */
  readonly removed: readonly string[]
}

/** What is to be done with files; a sentence where it cannot be done. */
export type FixPlan = { readonly drafts: readonly Draft[]; readonly removed: readonly string[] } | string

/**
 * The files of a migration that is split: the first part in its place, the others behind it. For the other database,
 * if the project has one, each of them says that nothing is to be done.
 *
 * @param all the files of the project, in order
 */
export function planSplit(
  files: Files,
  parts: readonly Part[],
  dialect: Dialect,
  all: readonly Files[],
): FixPlan {
  const source = files.up[dialect] ?? files.up.neutral
  if (source?.path === undefined) return `${files.id} is no file: it cannot be written anew`
  const ids = idsBehind(files, parts.slice(1), all)
  if (typeof ids === 'string') return ids
  const other = DIALECTS.find((one) => one !== dialect && all.some(({ up }) => up[one] ?? up.neutral))
  const neutral = files.up[dialect] === undefined
  const style = styleOf(source, dialect)
  const drafts: Draft[] = []
  const removed: string[] = []
  // What was for both stays as it is for the other one.
  for (const direction of neutral ? (['up', 'down'] as const) : []) {
    const shared = files[direction].neutral
    if (shared?.path === undefined || files[direction][dialect] !== undefined) continue
    removed.push(shared.path)
    if (other === undefined || files[direction][other] !== undefined) continue
    drafts.push({ path: style(files.id, other, direction), text: textOf(shared) })
  }
  for (const [i, { up, down }] of parts.entries()) {
    const id = ids[i] ?? files.id
    const own = (direction: 'up' | 'down') =>
      (i === 0 ? files[direction][dialect]?.path : undefined) ?? style(id, dialect, direction)
    drafts.push({ path: own('up'), text: up })
    if (down !== undefined) drafts.push({ path: own('down'), text: down })
    if (i === 0 || other === undefined) continue
    const text = `-- migrate: nothing ${files.id} has done it there\n`
    drafts.push({ path: style(id, other, 'up'), text })
  }
  return { drafts, removed }
}

/** The ids of what stands behind a migration, itself first; a sentence where there is no room. */
function idsBehind({ id, version }: Files, parts: readonly Part[], all: readonly Files[]): string[] | string {
  const digits = id.slice(0, id.indexOf('_'))
  const name = id.slice(id.indexOf('_') + 1)
  const next = all.find((one) => one.version > version)
  const ids = [id]
  for (const [i, { label = String(i + 2) }] of parts.entries()) {
    // Of one day, they go by their names: what is longer comes behind.
    const step = isDate(id) ? 0n : BigInt(i + 1)
    const number = String(version + step).padStart(digits.length, '0')
    const wanted = isDate(id) ? `${number}_${name}_${i + 2}_${label}` : `${number}_${name}_${label}`
    ids.push(wanted)
    if (step > 0n && next !== undefined && version + step >= next.version) {
      return `${id} would become ${parts.length + 1} migrations, and ${next.id} stands behind it: give that a later version first`
    }
  }
  return ids
}

/** How the files of a project are named, after one of them. */
function styleOf({ path = '' }: Source, dialect: Dialect) {
  const folder = dirname(path)
  const perDialect = basename(folder) === dialect
  return (id: string, to: Dialect, direction: 'up' | 'down') =>
    perDialect
      ? join(folder, '..', to, `${id}.${direction}.sql`)
      : join(folder, `${id}.${to}.${direction}.sql`)
}

function textOf({ path = '' }: Source): string {
  return readText(path, shortest(path))
}

/**
 * Writes files: new ones first, then those that are there, then what is in the way goes. Each is whole at any moment.
 *
 * @throws DIRECTORY
 */
export function writeFixed(
  migration: string,
  { drafts, removed }: Exclude<FixPlan, string>,
  old: ReadonlySet<string>,
): Fixed {
  const fresh = drafts.filter(({ path }) => !old.has(path))
  const wrote = writeNew(fresh)
  for (const { path, text } of drafts.filter((draft) => old.has(draft.path))) {
    const beside = `${path}.new`
    writeFileSync(beside, text)
    renameSync(beside, path)
    wrote.push(shortest(path))
  }
  for (const path of removed) rmSync(path)
  return { migration, wrote, removed: removed.map(shortest) }
}
