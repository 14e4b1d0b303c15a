import type { AcceptedParity } from '../core/config.ts'
import { MigrateError } from '../core/errors.ts'
import type { Dialect } from '../core/migrations.ts'
import type { Expressions } from '../core/schema/convert/expressions.ts'
import { diff } from '../core/schema/diff.ts'
import { type Difference, differenceText } from '../core/schema/difference.ts'
import type { Schema } from '../core/schema/model.ts'
import { checkAccepted, isExcepted, parityRules } from '../core/schema/pairs.ts'
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
 * @returns the differences that were not there before it, and what failed, in sentences
 */
export function checkWritten(
  make: MakeReplay,
  dialect: Dialect,
  written: readonly Written[],
  same: Same,
): Promise<string[]> {
  return make(async (replay) => {
    await replay.up()
    const found: string[] = []
    for (const { file, text, direction, before, after } of written) {
      const known = new Set(compare(before, await replay.schema(), same))
      try {
        await replay.run(scriptOf(file, text))
      } catch (error) {
        if (!(error instanceof MigrateError) || error.code !== 'SQL') throw error
        return [...found, `${file} fails on ${dialect}: ${error.message}`]
      }
      const differences = compare(after, await replay.schema(), same)
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

/** What is different in two schemas. */
export type Same = (one: Schema, other: Schema) => Difference[]

/**
 * Compares two schemas of either dialect, as `parity` does where they are of both.
 *
 * @throws CONFIG
 */
export function comparer(
  expressions: Expressions,
  { pairs = [], exceptions = [] }: AcceptedParity = {},
): Same {
  checkAccepted(pairs, exceptions)
  const rules = parityRules(expressions, { pairs })
  return (one, other) => {
    if (one.dialect === other.dialect) return diff(one, other).filter((found) => !isOrder(found))
    return diff(one, other, rules).filter((found) => !exceptions.some((known) => isExcepted(found, known)))
  }
}

/** What ALTER TABLE adds comes last. */
function isOrder({ aspects }: Difference): boolean {
  return aspects.length > 0 && aspects.every(({ aspect }) => aspect === 'column order')
}

function compare(one: Schema, other: Schema, same: Same): string[] {
  const labels = { before: `the ${one.dialect} source`, after: 'what was written' }
  return same(one, other).map((found) => {
    const { table, name } = found
    return differenceText({ ...found, name: table === undefined ? name : `${table}.${name}` }, labels)
  })
}
