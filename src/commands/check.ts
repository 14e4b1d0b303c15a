import { MigrateError } from '../core/errors.ts'
import type { Dialect } from '../core/migrations.ts'
import { type Difference, differenceText, diff, type Rules } from '../core/schema/diff.ts'
import type { Schema } from '../core/schema/model.ts'
import { parseScript, type Script } from '../core/script.ts'
import type { MakeReplay } from './replay.ts'

/** A direction's text, the schema that it is to leave, and the one that it starts from. */
export interface Written {
  readonly file: string
  readonly text: string
  readonly direction: 'up' | 'down'
  /** Of either dialect. */
  readonly before: Schema
  readonly after: Schema
}

/**
 * Runs what was written, one script after the other, on a new replay, and compares what each leaves with what it is to
 * leave.
 *
 * @param rules for schemas of two dialects
 * @returns the differences that were not there before it, and what failed, in sentences
 */
export function checkWritten(
  make: MakeReplay,
  dialect: Dialect,
  written: readonly Written[],
  rules: Rules,
): Promise<string[]> {
  return make(async (replay) => {
    await replay.up()
    const found: string[] = []
    for (const { file, text, direction, before, after } of written) {
      const known = new Set(compare(before, await replay.schema(), rules))
      try {
        await replay.run(scriptOf(file, text))
      } catch (error) {
        if (!(error instanceof MigrateError) || error.code !== 'SQL') throw error
        return [...found, `${file} fails on ${dialect}: ${error.message}`]
      }
      const differences = compare(after, await replay.schema(), rules)
      found.push(...differences.filter((one) => !known.has(one)).map((one) => `after ${direction}: ${one}`))
    }
    return [...new Set(found)]
  })
}

/** A script of comments alone waits for a person, and runs as nothing. */
function scriptOf(file: string, text: string): Script {
  return parseScript(file, isEmpty(text) ? '-- migrate: nothing it waits for a review\n' : text)
}

function isEmpty(text: string): boolean {
  return text.split('\n').every((line) => /^\s*(--|$)/.test(line))
}

function compare(one: Schema, other: Schema, rules: Rules): string[] {
  const labels = { before: one.dialect, after: other.dialect }
  const differences = diff(one, other, one.dialect === other.dialect ? undefined : rules)
  return differences.map((difference) => text(difference, labels))
}

function text(difference: Difference, labels: { before: Dialect; after: Dialect }): string {
  const { table, name } = difference
  return differenceText({ ...difference, name: table === undefined ? name : `${table}.${name}` }, labels)
}
