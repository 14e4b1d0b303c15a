import type { Hit } from '../rule.ts'
import { BREAKING } from './breaking.ts'
import type { SqliteFacts } from './facts.ts'
import { FAILING } from './failing.ts'
import { REBUILD } from './rebuild.ts'
import type { SqliteRule } from './sqlite-rule.ts'
import { WRITING } from './writing.ts'

/** Every rule about scripts for SQLite. */
export const SQLITE_RULES: readonly SqliteRule[] = [...BREAKING, ...FAILING, ...REBUILD, ...WRITING]

/** What the rules have to say of a script, in the order of its statements. */
export function hitsOf(facts: SqliteFacts): Hit[] {
  const hits = SQLITE_RULES.flatMap((rule) => rule.find(facts).map((found) => ({ rule, ...found })))
  return hits.sort((a, b) => a.at - b.at)
}

export type { SqliteRule }
