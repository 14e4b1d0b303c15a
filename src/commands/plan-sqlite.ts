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
import {
  type Foreseen,
  type ForeseenAll,
  type ForeseenStatement,
  measureThrough,
  moveOf,
  type Through,
} from './foresee.ts'

/** What scripts would do, measured on a shadow in memory that has the schema of the live database. */
export function foreseeSqlite(
  live: Schema,
  scripts: readonly Script[],
  options: ShadowOptions,
): Promise<ForeseenAll> {
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

async function measureAll(shadow: Database, scripts: readonly Script[]): Promise<ForeseenAll> {
  const copies = await loadCopies()
  const all: Foreseen[] = []
  const notes: string[] = []
  let before = await shadow.introspect()
  for (const script of scripts) {
    const { statements, error, notes: more } = await measureOne(shadow, script, copies)
    notes.push(...more)
    const after = await shadow.introspect()
    all.push({ statements, before, after, measured: true, ...(error && { error }) })
    if (error !== undefined) break
    before = after
  }
  return { all, notes }
}

async function measureOne(
  shadow: Database,
  script: Script,
  copies: Copies,
): Promise<Pick<Foreseen, 'statements' | 'error'> & Pick<Through, 'notes'>> {
  try {
    const readings = await shadow.read(script)
    const { effects, error, notes } = await measureThrough(shadow, script, readings)
    const statements = readings.map((reading, i): ForeseenStatement => {
      const { start, end } = reading
      const text = script.text.slice(skipBlank(script.text, start), end)
      return { start, end, effects: effects[i] ?? [], move: moveOf(reading, text, copies), ...workOf(text) }
    })
    return { statements, notes, ...(error && { error }) }
  } catch (error) {
    if (error instanceof MigrateError) return { statements: [], notes: [], error }
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
