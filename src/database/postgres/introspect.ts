import { kindOf } from '../../core/schema/kinds.ts'
import type { Check, Column, Index, Schema } from '../../core/schema/model.ts'
import { sorted } from '../../core/schema/sorted.ts'
import { unwrapped } from '../../core/schema/tokens.ts'
import { isOurs } from '../state.ts'
import { type ColumnRow, type QueryEach, readCatalog } from './catalog.ts'

/** The whole schema: of every schema of the database, with names as they are seen from that of new tables. */
export async function introspect(query: QueryEach): Promise<Schema> {
  const catalog = await readCatalog(query)
  return sorted({
    ...catalog,
    dialect: 'postgres',
    domains: catalog.domains.map((domain) => ({
      ...domain,
      ...(domain.default !== undefined && { default: bare(domain.default) }),
      checks: domain.checks.map(checkOf),
    })),
    sequences: catalog.sequences.filter(({ name }) => !isOurs(name)),
    tables: catalog.tables
      .filter(({ name }) => !isOurs(name))
      .map((table) => ({
        ...table,
        columns: table.columns.map(columnOf),
        checks: table.checks.map(checkOf),
        indexes: table.indexes.map(indexOf),
      })),
    views: catalog.views.map((view) => ({
      ...view,
      columns: view.columns.map(columnOf).map(({ name, type, kind }) => ({ name, type, kind })),
      indexes: view.indexes.map(indexOf),
    })),
    triggers: catalog.triggers.filter(({ table }) => !isOurs(table)),
  })
}

function columnOf({ base, default: fallback, generated, ...row }: ColumnRow): Column {
  return {
    ...row,
    kind: base === 'enum' || base === 'array' ? base : kindOf('postgres', base),
    ...(fallback !== undefined && { default: bare(fallback) }),
    ...(generated && { generated: { ...generated, expression: bare(generated.expression) } }),
  }
}

function checkOf(check: Check): Check {
  return { ...check, expression: bare(check.expression) }
}

function indexOf(index: Index): Index {
  return {
    ...index,
    parts: index.parts.map(({ expression, ...part }) =>
      expression === undefined ? part : { ...part, expression: bare(expression) },
    ),
    ...(index.where !== undefined && { where: bare(index.where) }),
  }
}

const bare = (expression: string) => unwrapped(expression, 'postgres')
