import type { Dialect, Direction } from '../../migrations.ts'
import type { Schema } from '../../schema/model.ts'
import type { Script } from '../../script.ts'
import type { Hit, Rule } from '../rule.ts'
export const MIGRATION_RULES: readonly Rule[] = []
export interface WholeMigration {
  id: string
  sqlite?: Side
  postgres?: Side
  othersHaveDown: boolean
}
export interface Side {
  up: Script
  down?: Script
  neutral: boolean
  before: Schema
  after: Schema
}
export function lintMigration(
  _migration: WholeMigration,
): { dialect: Dialect; direction: Direction; hit: Hit }[] {
  return []
}
