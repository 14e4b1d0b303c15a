import assert from 'node:assert/strict'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import type { Dialect } from '../src/index.ts'
import { type Scratch, withFolder } from './matrix.ts'
import { start } from './process.ts'

/** Does `work` with a folder of these files. */
export function withFiles<T>(
  files: Record<string, string>,
  work: (folder: string) => Promise<T>,
): Promise<T> {
  return withFolder((folder) => {
    mkdirSync(join(folder, 'migrations'))
    for (const [name, sql] of Object.entries(files)) writeFileSync(join(folder, 'migrations', name), sql)
    return work(join(folder, 'migrations'))
  })
}

/**
 * The end of a script that never ends, so that whoever runs it is killed in it for certain, and how to see from
 * outside that it has come there.
 */
export const ENDLESS: Record<Dialect, { sql: string; reached: (database: Scratch) => Promise<boolean> }> = {
  sqlite: {
    // More than the cache holds: it is written to the log before the commit, where it can be seen.
    sql: `CREATE TABLE filler (data BLOB);
      WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 10000) INSERT INTO filler SELECT randomblob(1000) FROM n;
      WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n;`,
    reached: async ({ url }) =>
      (statSync(`${url.slice('sqlite:'.length)}-wal`, { throwIfNoEntry: false })?.size ?? 0) > 1_000_000,
  },
  postgres: {
    sql: 'SELECT pg_sleep(600);',
    reached: async ({ query }) =>
      (
        await query(
          `SELECT 1 FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND datname = current_database()`,
        )
      ).length > 0,
  },
}

/** Starts the command line and kills it, without a chance to clean up, in the endless script. */
export async function kill(args: readonly string[], database: Scratch, dialect: Dialect): Promise<void> {
  const child = start([...args, '--database', database.url])
  const ended = once(child, 'exit')
  await reached(child, database, dialect)
  child.kill('SIGKILL')
  assert.deepEqual(await ended, [null, 'SIGKILL'])
}

/** Waits until a process has come to the endless script. */
export async function reached(child: ChildProcess, database: Scratch, dialect: Dialect): Promise<void> {
  while (!(await ENDLESS[dialect].reached(database))) {
    assert.equal(child.exitCode, null, 'it has ended before')
    await setTimeout(10)
  }
}
