import { MIGRATION_RULES } from './migration/rules.ts'
import { POSTGRES_RULES } from './postgres/rules.ts'
import { FAILS } from './refusals.ts'
import type { Rule } from './rule.ts'
import { SQLITE_RULES } from './sqlite/rules.ts'

/** Every rule there is. */
export const RULES: readonly Rule[] = [...POSTGRES_RULES, ...SQLITE_RULES, ...MIGRATION_RULES, FAILS]
