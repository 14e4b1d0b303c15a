import type { Domain, Named, Schema, Table, View } from './model.ts'

/** The same schema, with all that has no order of its own by its name: two that hold the same are the same. */
export function sorted(schema: Schema): Schema {
  return {
    ...schema,
    extensions: [...schema.extensions].sort(),
    enums: byName(schema.enums),
    domains: byName(schema.domains.map(sortedDomain)),
    sequences: byName(schema.sequences),
    functions: by(schema.functions, (one) => [...keyOf(one), one.arguments]),
    tables: byName(schema.tables.map(sortedTable)),
    views: byName(schema.views.map(sortedView)),
    triggers: by(schema.triggers, (one) => [one.schema, one.table, one.name]),
  }
}

function sortedDomain(domain: Domain): Domain {
  return { ...domain, checks: by(domain.checks, (one) => [one.name ?? '', one.expression]) }
}

function sortedTable(table: Table): Table {
  return {
    ...table,
    uniques: by(table.uniques, (one) => [one.name ?? '', ...one.columns]),
    foreignKeys: by(table.foreignKeys, (one) => [
      one.name ?? '',
      ...one.columns,
      ...keyOf(one.to),
      ...one.references,
      one.onDelete,
      one.onUpdate,
    ]),
    checks: by(table.checks, (one) => [one.name ?? '', one.expression]),
    exclusions: by(table.exclusions, (one) => [one.name]),
    indexes: by(table.indexes, (one) => [one.name]),
  }
}

function sortedView(view: View): View {
  return { ...view, indexes: by(view.indexes, (one) => [one.name]) }
}

const keyOf = ({ schema, name }: Named) => [schema, name]

function byName<T extends Named>(all: readonly T[]): T[] {
  return by(all, keyOf)
}

function by<T>(all: readonly T[], key: (one: T) => readonly string[]): T[] {
  const keyed = all.map((one) => ({ one, key: key(one).join('\0') }))
  return keyed.sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0)).map(({ one }) => one)
}
