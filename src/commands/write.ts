import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { MigrateError } from '../core/errors.ts'
import { shortest } from '../core/text.ts'

/** A file that is to be written. */
export interface Draft {
  readonly path: string
  readonly text: string
}

/**
 * Writes files where nothing is yet, and the folders that they need.
 *
 * @returns their paths as people are told
 * @throws DIRECTORY
 */
export function writeNew(drafts: readonly Draft[]): string[] {
  for (const { path, text } of drafts) {
    try {
      mkdirSync(join(path, '..'), { recursive: true })
      writeFileSync(path, text, { flag: 'wx' })
    } catch (cause) {
      throw new MigrateError('DIRECTORY', `cannot write ${shortest(path)}: ${(cause as Error).message}`, {
        file: shortest(path),
        hint: 'name another folder with --dir, or another name',
        cause,
      })
    }
  }
  return drafts.map(({ path }) => shortest(path))
}
