import type { Hit } from '../core/lint/rule.ts'
import type { Migration } from '../core/migrations.ts'
import type { Schema } from '../core/schema/model.ts'
export async function lintSqlite(_options: {
  migrations: readonly Migration[]
  wanted: ReadonlySet<string>
  signal?: AbortSignal
}): Promise<Map<string, { up: Hit[]; down: Hit[]; before: Schema; after: Schema }>> {
  return new Map()
}
