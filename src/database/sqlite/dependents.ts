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
  const works = (script: Sql) => {
    replay.exec('BEGIN')
    try {
      runScript(replay, script, 'the replay in memory')
      checkReferences(replay)
      replay.exec('COMMIT')
      return true
    } catch {
      if (replay.isTransaction) replay.exec('ROLLBACK')
      return false
    }
  }
  try {
    // Where even these do not run in memory, nothing can be told apart.
    if (!before.every(works)) return [...later]
    return later.filter((script) => !works(script))
  } finally {
    replay.close()
  }
}

/** SQLite makes foreign keys, views and triggers that refer to what is not there, and fails when they are used. */
function checkReferences(replay: DatabaseSync): void {
  const dangling = replay
    .prepare(
      `SELECT 1 FROM sqlite_schema AS child, pragma_foreign_key_list(child.name) AS key
       WHERE child.type = 'table' AND lower(key."table") NOT IN (SELECT lower(name) FROM sqlite_schema)`,
    )
    .get()
  if (dangling !== undefined) throw new Error('a foreign key refers to a table that is not there')
  // A rename reads every view and trigger again: https://sqlite.org/lang_altertable.html
  replay.exec('CREATE TABLE "probe of references" (a); ALTER TABLE "probe of references" RENAME a TO b')
  replay.exec('DROP TABLE "probe of references"')
}
