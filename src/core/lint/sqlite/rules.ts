import type { Rule } from '../rule.ts'
export const SQLITE_RULES: readonly Rule[] = []
