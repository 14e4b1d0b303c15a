import type { Hit } from '../core/lint/rule.ts'
import type { Migration } from '../core/migrations.ts'
import type { Script } from '../core/script.ts'
export async function fixSqlite(
  _e: readonly Migration[],
  _s: Script,
  _h: readonly Hit[],
): Promise<string | undefined> {
  return undefined
}
