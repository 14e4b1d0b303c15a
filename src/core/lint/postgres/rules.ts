import type { PostgresRule } from './moment.ts'
import { BREAKING_RULES } from './rules/breaking.ts'
import { COLUMN_RULES } from './rules/columns.ts'
import { CONSTRAINT_RULES } from './rules/constraints.ts'
import { DESIGN_RULES } from './rules/design.ts'
import { FAILING_RULES } from './rules/failing.ts'
import { INDEX_RULES } from './rules/indexes.ts'
import { LOSS_RULES } from './rules/loss.ts'
import { STYLE_RULES } from './rules/style.ts'
import { TABLE_RULES } from './rules/tables.ts'
import { TRANSACTION_RULES } from './rules/transaction.ts'

/** What lint finds in scripts for PostgreSQL. */
export const POSTGRES_RULES: readonly PostgresRule[] = [
  ...INDEX_RULES,
  ...CONSTRAINT_RULES,
  ...COLUMN_RULES,
  ...TABLE_RULES,
  ...TRANSACTION_RULES,
  ...BREAKING_RULES,
  ...LOSS_RULES,
  ...FAILING_RULES,
  ...DESIGN_RULES,
  ...STYLE_RULES,
]
