import { Catalog } from '../../../src/core/lint/postgres/catalog.ts'
import { lintPostgres } from '../../../src/core/lint/postgres/lint-postgres.ts'
import type { PostgresScript } from '../../../src/core/lint/postgres/statement.ts'
import type { Hit } from '../../../src/core/lint/rule.ts'
import type { Direction } from '../../../src/core/migrations.ts'
import { parseScript } from '../../../src/core/script.ts'
import { cut } from '../../../src/database/postgres/script.ts'

/** The schema that statements make. */
export async function catalogAfter(sql: string): Promise<Catalog> {
  const catalog = new Catalog()
  if (sql === '') return catalog
  for (const { tree } of await cut({ file: 'before.sql', text: sql })) catalog.apply(tree)
  return catalog
}

/** A script as lint is given it. */
export async function scriptOf(
  text: string,
  more: Partial<Pick<PostgresScript, 'version' | 'before'>> & { direction?: Direction } = {},
): Promise<PostgresScript> {
  const { transaction, batch } = parseScript('up.sql', text)
  const statements = await cut({ file: 'up.sql', text })
  const batched = batch !== undefined
  return { file: 'up.sql', text, direction: 'up', transaction, batched, statements, ...more }
}

/** What lint finds in an up script after the statements that were run before it. */
export async function found(before: string, up: string, version?: number): Promise<Hit[]> {
  const script = await scriptOf(up, version === undefined ? {} : { version })
  return lintPostgres(script, await catalogAfter(before))
}
