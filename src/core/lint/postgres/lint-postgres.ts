import type { Direction } from '../../migrations.ts'
import type { Measured } from '../effect.ts'
import type { Hit } from '../rule.ts'
import type { Catalog } from './catalog.ts'
import { POSTGRES_RULES } from './rules.ts'
export interface PostgresScript {
  readonly file: string
  readonly text: string
  readonly direction: Direction
  readonly transaction: boolean
  readonly statements: readonly {
    start: number
    end: number
    tree: Readonly<Record<string, unknown>>
    measured?: Measured
  }[]
  readonly version?: number
  readonly before?: Catalog
}
export function lintPostgres(script: PostgresScript, _catalog: Catalog): Hit[] {
  return script.statements
    .filter(({ tree }) => 'IndexStmt' in tree)
    .map(({ start }) => ({
      rule: POSTGRES_RULES[0]!,
      at: start,
      message: 'locks',
      safe: 'CREATE INDEX CONCURRENTLY',
    }))
}
