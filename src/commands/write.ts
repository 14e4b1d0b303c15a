import { closeSync, mkdirSync, openSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { MigrateError } from '../core/errors.ts'
import { shortest } from '../core/text.ts'

/** A file that is to be written. */
export interface Draft {
  readonly path: string
  readonly text: string
}

/**
 * Writes files where nothing is yet, and the folders that they need: all of them, or none.
 *
 * @returns their paths as people are told
 * @throws DIRECTORY
 */
export function writeNew(drafts: readonly Draft[]): string[] {
  const made: string[] = []
  for (const { path, text } of drafts) {
    try {
      mkdirSync(join(path, '..'), { recursive: true })
      closeSync(openSync(path, 'wx'))
      made.push(path)
      writeFileSync(path, text)
    } catch (cause) {
      for (const ours of made) rmSync(ours, { force: true })
      throw new MigrateError('DIRECTORY', `cannot write ${shortest(path)}: ${(cause as Error).message}`, {
        file: shortest(path),
        hint: 'name another folder with --dir, or another name',
        cause,
      })
    }
  }
  return drafts.map(({ path }) => shortest(path))
}
