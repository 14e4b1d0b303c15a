import { renameSync, rmSync, writeFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { isIgnored, type JudgedScript, severityOf } from '../core/lint/lint.ts'
import { type Part, type Read, splitMigration, type Write } from '../core/lint/postgres/split.ts'
import type { Hit } from '../core/lint/rule.ts'
import type { Severities } from '../core/lint/severity.ts'
import {
  DIALECTS,
  type Dialect,
  type Direction,
  type Files,
  isDate,
  migrationOf,
  readFiles,
  readScript,
} from '../core/migrations.ts'
import type { Script } from '../core/script.ts'
import type { Spot } from '../core/sql-error.ts'
import { shortest } from '../core/text.ts'
import type { Batch } from './lint-files.ts'
import { statementsOf } from './lint-postgres.ts'
import { type Draft, writeNew } from './write.ts'

/** What a migration has become. */
export interface Fixed {
  readonly migration: string
  /** Migrations that stand behind it now and do the rest. */
  readonly added: readonly string[]
  /** Files that were written, or written anew. */
  readonly wrote: readonly string[]
  /** Files in whose place others stand. */
  readonly removed: readonly string[]
}

/** The migrations that one becomes on each database; what is not there stays as it is. */
type Fixes = { readonly [dialect in Dialect]?: readonly Part[] }

/**
 * Writes what can be written without the hazards that were found: the migration in its place, and what must come in a
 * migration of its own behind it.
 *
 * @returns the batches as they are now, what was written, and in sentences why something was not
 * @throws DIRECTORY
 */
export async function fixMigrations(
  batches: readonly Batch[],
  judged: readonly JudgedScript[],
  severities: Severities,
): Promise<{ batches: Batch[]; fixed: Fixed[]; notes: string[] }> {
  const fixed: Fixed[] = []
  const notes: string[] = []
  const after: Batch[] = []
  for (const batch of batches) {
    const plans = await planBatch(batch, judged, severities)
    for (const [files, plan] of plans) {
      if (typeof plan === 'string') notes.push(plan)
      else fixed.push(write(files, plan))
    }
    const added = plans.flatMap(([, plan]) => (typeof plan === 'string' ? [] : plan.ids))
    after.push({ ...batch, files: readAgain(batch.files), wanted: new Set([...batch.wanted, ...added]) })
  }
  return { batches: after, fixed, notes }
}

/** Decides on all before anything is written: what is fixed runs on what stands before it. */
async function planBatch(
  { files: all, wanted }: Batch,
  judged: readonly JudgedScript[],
  severities: Severities,
): Promise<(readonly [Files, Plan | string])[]> {
  const plans: (readonly [Files, Plan | string])[] = []
  for (const [i, files] of all.entries()) {
    if (!wanted.has(files.id)) continue
    const hitsOn = (dialect: Dialect) => badHits(files, judged, dialect, severities)
    const fixes = {
      ...(await onPostgres(files, hitsOn('postgres'))),
      ...(await onSqlite(all.slice(0, i), files, hitsOn('sqlite'))),
    }
    if (Object.keys(fixes).length > 0) plans.push([files, planFiles(files, fixes, all)])
  }
  return plans
}

/** The folder of migrations, as it is now. */
function readAgain(files: readonly Files[]): readonly Files[] {
  const path = files.flatMap(({ up }) => Object.values(up)).find((one) => one.path !== undefined)?.path
  if (path === undefined) return files
  const folder = dirname(path)
  return readFiles(isOfDialect(folder) ? dirname(folder) : folder)
}

function isOfDialect(folder: string): boolean {
  return DIALECTS.some((dialect) => dialect === basename(folder))
}

/** What was found in the up script that is worth another one. */
function badHits(
  { id, up }: Files,
  judged: readonly JudgedScript[],
  dialect: Dialect,
  severities: Severities,
): Hit[] {
  const file = (up[dialect] ?? up.neutral)?.file
  const found = judged.filter(
    (one) => one.migration === id && one.dialect === dialect && one.script.file === file,
  )
  return found.flatMap(({ script, hits }) =>
    hits.filter(
      ({ rule }) => !isIgnored(script, rule) && ['error', 'warning'].includes(severityOf(rule, severities)),
    ),
  )
}

async function onPostgres(files: Files, hits: readonly Hit[]): Promise<Fixes> {
  const source = files.up.postgres ?? files.up.neutral
  if (hits.length === 0 || source === undefined) return {}
  const isHazard = ({ start, end }: Spot) => hits.some(({ at }) => at >= start && at < end)
  const down = files.down.postgres ?? files.down.neutral
  const parts = splitMigration(
    await readPostgres(readScript(source)),
    down && (await readPostgres(readScript(down))),
    isHazard,
    await writer(),
  )
  return parts === undefined ? {} : { postgres: parts }
}

/** What the grammar does not read has nothing in it that can be written otherwise. */
async function readPostgres(script: Script): Promise<Read> {
  return { script, statements: await statementsOf(script).catch(() => []) }
}

async function writer(): Promise<Write> {
  const { Deparser } = await import('pgsql-deparser')
  return (tree) => new Deparser(tree as never, { pretty: false }).deparseQuery()
}

async function onSqlite(earlier: readonly Files[], files: Files, hits: readonly Hit[]): Promise<Fixes> {
  const migration = hits.length > 0 && migrationOf(files, 'sqlite')
  if (!migration) return {}
  const { fixSqlite } = await import('./fix-sqlite.ts')
  const before = earlier.flatMap((one) => migrationOf(one, 'sqlite') ?? [])
  const up = await fixSqlite(before, migration.up, hits)
  return up === undefined ? {} : { sqlite: [{ up }] }
}

/** What is to be done with files. */
interface Plan {
  readonly ids: readonly string[]
  readonly drafts: readonly Draft[]
  readonly removed: readonly string[]
}

/**
 * The files of a migration that is written anew: the first part in its place, the others behind it, where they say for
 * the other database that nothing is to be done. A sentence where it cannot be done.
 *
 * @param all the files of the project, in order
 */
export function planFiles(files: Files, fixes: Fixes, all: readonly Files[]): Plan | string {
  const path = Object.values(files.up)[0]?.path
  if (path === undefined) return `${files.id} is no file: it cannot be written anew`
  const dialects = DIALECTS.filter((one) => all.some(({ up }) => up[one] ?? up.neutral))
  const { postgres = [], sqlite = [] } = fixes
  const ids = idsBehind(
    files,
    [postgres, sqlite].flatMap((parts) => parts.slice(1)),
    all,
  )
  if (typeof ids === 'string') return ids
  const style = styleOf(path)
  const drafts: Draft[] = []
  const removed: string[] = []
  for (const direction of DIRECTIONS) {
    const texts = DIALECTS.flatMap((dialect) => fixes[dialect]?.[0]?.[direction] ?? [])
    const { neutral } = files[direction]
    if (texts.length === 0) continue
    if (neutral?.path !== undefined) removed.push(neutral.path)
    for (const dialect of dialects) {
      const text = fixes[dialect]?.[0]?.[direction]
      const own = files[direction][dialect]
      const to = own?.path ?? style(files.id, dialect, direction)
      if (text !== undefined) drafts.push({ path: to, text })
      // What was for both stays as it is for the other one.
      else if (own === undefined && neutral) drafts.push({ path: to, text: readScript(neutral).text })
    }
  }
  for (const [i, { up, down }] of postgres.slice(1).entries()) {
    const id = ids[i + 1] ?? files.id
    drafts.push({ path: style(id, 'postgres', 'up'), text: up })
    if (down !== undefined) drafts.push({ path: style(id, 'postgres', 'down'), text: down })
    if (!dialects.includes('sqlite')) continue
    const nothing = `-- migrate: nothing ${files.id} has done it there\n`
    drafts.push({ path: style(id, 'sqlite', 'up'), text: nothing })
  }
  return { ids: ids.slice(1), drafts, removed }
}

const DIRECTIONS: readonly Direction[] = ['up', 'down']

/** The ids of what stands behind a migration, itself first; a sentence where there is no room. */
function idsBehind({ id, version }: Files, parts: readonly Part[], all: readonly Files[]): string[] | string {
  const digits = id.slice(0, id.indexOf('_'))
  const name = id.slice(id.indexOf('_') + 1)
  const next = all.find((one) => one.version > version)
  const ids = [id]
  for (const [i, { label = '' }] of parts.entries()) {
    // Of one day, they go by their names: what is longer comes behind, and 10 behind 02.
    const step = isDate(id) ? 0n : BigInt(i + 1)
    const number = String(version + step).padStart(digits.length, '0')
    const place = String(i + 2).padStart(String(parts.length + 1).length, '0')
    ids.push(step === 0n ? `${number}_${name}_${place}_${label}` : `${number}_${name}_${label}`)
    if (step > 0n && next !== undefined && version + step >= next.version) {
      return `${id} would become ${parts.length + 1} migrations, and ${next.id} stands behind it: give that a later version first`
    }
  }
  return ids
}

/** How the files of a project are named, after one of them. */
function styleOf(path: string) {
  const folder = dirname(path)
  const perDialect = isOfDialect(folder)
  return (id: string, to: Dialect, direction: Direction) =>
    perDialect
      ? join(folder, '..', to, `${id}.${direction}.sql`)
      : join(folder, `${id}.${to}.${direction}.sql`)
}

/** New files first, then those that are there, each whole at any moment; then what is in the way goes. */
function write({ id, up, down }: Files, { ids, drafts, removed }: Plan): Fixed {
  const old = new Set([...Object.values(up), ...Object.values(down)].map(({ path }) => path))
  const wrote = writeNew(drafts.filter(({ path }) => !old.has(path)))
  for (const { path, text } of drafts.filter((draft) => old.has(draft.path))) {
    const beside = `${path}.new`
    writeFileSync(beside, text)
    renameSync(beside, path)
    wrote.push(shortest(path))
  }
  for (const path of removed) rmSync(path)
  return { migration: id, added: ids, wrote, removed: removed.map(shortest) }
}
