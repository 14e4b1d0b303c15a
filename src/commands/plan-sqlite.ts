import { MigrateError } from '../core/errors.ts'
import type { Work } from '../core/lint/forecast.ts'
import { type Copies, loadCopies } from '../core/schema/convert/copies.ts'
import type { Schema } from '../core/schema/model.ts'
import { createSchema, scriptText } from '../core/schema/sql/ddl.ts'
import type { Script } from '../core/script.ts'
import { skipBlank } from '../core/text.ts'
import type { Database } from '../database/database.ts'
import { prepareHistory } from '../database/history.ts'
import { type ShadowOptions, withShadow } from '../database/shadow.ts'
import { holderOf } from '../database/state.ts'
import { type Foreseen, type ForeseenStatement, moveOf } from './foresee.ts'

/** What scripts would do, measured on a shadow in memory that has the schema of the live database. */
export function foreseeSqlite(
  live: Schema,
  scripts: readonly Script[],
  options: ShadowOptions,
): Promise<Foreseen[]> {
  return withShadow('sqlite', options, async (shadow) => {
    await furnish(shadow, live)
    return measureAll(shadow, scripts)
  })
}

/** Makes the tables of a live database on a shadow, and the history, which a script may name. */
export async function furnish(shadow: Database, live: Schema): Promise<void> {
  const text = scriptText(createSchema(live))
  await shadow.transaction((run) => run({ file: 'schema', text, own: true }))
  await prepareHistory(shadow, holderOf('up', []))
}

async function measureAll(shadow: Database, scripts: readonly Script[]): Promise<Foreseen[]> {
  const copies = await loadCopies()
  const all: Foreseen[] = []
  let before = await shadow.introspect()
  for (const script of scripts) {
    const { statements, error } = await measureOne(shadow, script, copies)
    const after = await shadow.introspect()
    all.push({ statements, before, after, measured: true, ...(error && { error }) })
    if (error !== undefined) break
    before = after
  }
  return all
}

async function measureOne(
  shadow: Database,
  script: Script,
  copies: Copies,
): Promise<Pick<Foreseen, 'statements' | 'error'>> {
  try {
    const readings = await shadow.read(script)
    const measured = await shadow.measure(script)
    const statements = readings.map((reading, i): ForeseenStatement => {
      const { start, end } = reading
      const text = script.text.slice(skipBlank(script.text, start), end)
      const { effects = [] } = measured[i] ?? {}
      return { start, end, effects, move: moveOf(reading, text, copies), ...workOf(text) }
    })
    const error = measured.find((one) => one.error)?.error
    return { statements, ...(error && { error }) }
  } catch (error) {
    if (error instanceof MigrateError) return { statements: [], error }
    throw error
  }
}

/** By the words with which a statement begins. */
function workOf(text: string): { work: Work; some?: true } {
  if (/^(create\s+(unique\s+)?index|reindex)\b/i.test(text)) return { work: 'index' }
  if (/^(insert|replace|create|vacuum)\b/i.test(text)) return { work: 'rewrite' }
  if (/^(update|delete|with)\b/i.test(text))
    return { work: 'update', ...(/\bwhere\b/i.test(text) && { some: true }) }
  return { work: 'scan' }
}
