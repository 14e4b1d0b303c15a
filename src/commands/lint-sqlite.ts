import { setImmediate as turn } from 'node:timers/promises'
import type { Hit } from '../core/lint/rule.ts'
import { hitsOf } from '../core/lint/sqlite/rules.ts'
import type { Migration } from '../core/migrations.ts'
import type { Schema } from '../core/schema/model.ts'
import { throwIfStopped } from '../database/lock.ts'
import { withProbe } from '../database/probe/probe.ts'

export interface LintSqliteOptions {
  /** The history, in order. */
  readonly migrations: readonly Migration[]
  /** Ids of those that are to be looked at. */
  readonly wanted: ReadonlySet<string>
  readonly signal?: AbortSignal | undefined
}

/** What was found in one migration, and the schema on both sides of it. */
export interface LintedSqlite {
  readonly up: Hit[]
  /** Empty too where there is no down script. */
  readonly down: Hit[]
  readonly before: Schema
  readonly after: Schema
}

/**
 * Tries every wanted migration on a database in memory that goes through the history: up on what is before it, down on
 * what is behind it, on empty tables and on such with rows.
 *
 * @throws FILE_TEXT, DIRECTIVE, EMPTY_SCRIPT, ABORTED
 */
export async function lintSqlite(options: LintSqliteOptions): Promise<Map<string, LintedSqlite>> {
  const { migrations, wanted, signal } = options
  const last = migrations.findLastIndex(({ id }) => wanted.has(id))
  const linted = new Map<string, LintedSqlite>()
  await withProbe(async (probe) => {
    for (const { id, up, down } of migrations.slice(0, last + 1)) {
      if (!wanted.has(id)) {
        probe.apply(up)
        continue
      }
      // SQLite keeps the thread: only here can a signal be heard.
      if (signal !== undefined) await turn()
      throwIfStopped(signal)
      const before = probe.schema()
      const facts = probe.facts(up, 'up')
      probe.apply(up, facts)
      const after = probe.schema()
      const back = down?.()
      linted.set(id, {
        up: hitsOf(facts),
        down: back === undefined ? [] : hitsOf(probe.facts(back, 'down', before)),
        before,
        after,
      })
    }
  })
  return linted
}
