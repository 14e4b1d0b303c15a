import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type MigrationFile, up } from '../src/index.ts'
import { type Kind, type Scratch, withFolder } from './matrix.ts'
import { type Run, type RunOptions, run } from './process.ts'

/** A source that holds rows, a target that is empty, and the command line that goes from one to the other. */
export interface Road {
  readonly source: Scratch
  readonly target: Scratch
  /** The folder of the migrations, inside one that is the test's. */
  readonly dir: string
  readonly folder: string
  /** `transfer` from one to the other, as words. */
  readonly args: readonly string[]
  /** Runs it with these words behind. */
  transfer(words?: readonly string[], options?: RunOptions): Promise<Run>
}

/**
 * Makes the two ends, does `work` and removes them.
 *
 * @param rows statements for the source, behind its migrations
 */
export function withRoad<T>(
  from: Kind,
  to: Kind,
  { migrations, rows = [] }: { migrations: readonly MigrationFile[]; rows?: readonly string[] },
  work: (road: Road) => Promise<T>,
): Promise<T> {
  return from.scratch((source) =>
    to.scratch((target) =>
      withFolder(async (folder) => {
        const dir = join(folder, 'migrations')
        mkdirSync(dir)
        for (const { name, sql } of migrations) writeFileSync(join(dir, name), sql)
        await up({ database: source.url, migrations: [...migrations] })
        for (const sql of rows) await source.query(sql)
        const args = ['transfer', '--from', source.url, '--to', target.url, '--dir', dir]
        const transfer = (words: readonly string[] = [], options: RunOptions = {}) =>
          run([...args, ...words], { cwd: folder, ...options })
        return work({ source, target, dir, folder, args, transfer })
      }),
    ),
  )
}

/** A number in a row of a query, whatever the dialect gives it as. */
export async function countOf({ query }: Scratch, table: string, condition = '1 = 1'): Promise<number> {
  const [row] = await query(`SELECT count(*) AS n FROM ${table} WHERE ${condition}`)
  return Number(row?.n)
}
