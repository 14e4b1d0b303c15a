import type { Dialect, Direction } from '../../migrations.ts'
import type { Hit, Rule } from '../rule.ts'
import { DOWN_RULES } from './down.ts'
import { PAIR_RULES } from './pairs.ts'
import { PRACTICES } from './practices.ts'
import { type Whole, type WholeMigration, wholeOf } from './whole.ts'

export type { Refused, Side, WholeMigration } from './whole.ts'

const RULES = [...PRACTICES, ...DOWN_RULES, ...PAIR_RULES]

/** Rules about whole migrations: both directions, both databases, what was there before and is there after. */
export const MIGRATION_RULES: readonly Rule[] = RULES

/** What a migration's hit is of. */
export interface MigrationHit {
  readonly dialect: Dialect
  readonly direction: Direction
  readonly hit: Hit
}

/** What the rules find in a migration. What both databases find in a file that is for both stands there once. */
export function lintMigration(migration: WholeMigration): MigrationHit[] {
  const whole = wholeOf(migration)
  const hits = RULES.flatMap((rule) =>
    rule
      .find(whole)
      .map(
        ({ dialect, direction, ...found }): MigrationHit => ({ dialect, direction, hit: { rule, ...found } }),
      ),
  )
  const seen = new Set<string>()
  return hits.filter(({ dialect, direction, hit }) => {
    const key = `${fileOf(whole, dialect, direction)} ${hit.rule.id} ${hit.at}`
    return !seen.has(key) && seen.add(key)
  })
}

function fileOf({ sqlite, postgres, migration }: Whole, dialect: Dialect, direction: Direction): string {
  const part = dialect === 'sqlite' ? sqlite : postgres
  const refused = migration.refused?.find((one) => one.dialect === dialect && one.direction === direction)
  return part?.[direction]?.script.file ?? refused?.script.file ?? `${dialect} ${direction}`
}
