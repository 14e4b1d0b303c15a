import { DatabaseSync } from 'node:sqlite'
import type { Sql } from '../../core/sql-error.ts'
import { runScript } from './script.ts'

/** Tries it: the later scripts run in memory, on what was there before and without the one in question. */
export async function dependents(
  before: readonly Sql[],
  _without: Sql,
  later: readonly Sql[],
): Promise<Sql[]> {
  const replay = new DatabaseSync(':memory:')
  const fails = (script: Sql) => {
    try {
      runScript(replay, script, 'the replay in memory')
      return false
    } catch {
      return true
    }
  }
  try {
    // Where even these do not run in memory, nothing can be told apart.
    if (before.some(fails)) return [...later]
    return later.filter(fails)
  } finally {
    replay.close()
  }
}
