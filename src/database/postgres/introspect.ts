import { kindOf } from '../../core/schema/kinds.ts'
import type {
  Check,
  Column,
  ForeignKey,
  Index,
  IndexPart,
  Schema,
  Table,
  Trigger,
  Unique,
  View,
} from '../../core/schema/model.ts'
import { sorted } from '../../core/schema/sorted.ts'
import { unwrapped } from '../../core/schema/tokens.ts'
import { isOurs } from '../state.ts'
import {
  type Catalog,
  type ColumnRow,
  type ForeignKeyRow,
  type IndexRow,
  type KeyRow,
  type QueryEach,
  type RelationRow,
  readCatalog,
  type TriggerRow,
} from './catalog.ts'

/** The whole schema: of every schema of the database, with names as they are seen from that of new tables. */
export async function introspect(query: QueryEach): Promise<Schema> {
  const catalog = await readCatalog(query)
  const { relations, triggers } = catalog
  const read = reader(catalog)
  return sorted({
    dialect: 'postgres',
    extensions: catalog.extensions,
    enums: catalog.enums.map(read.type),
    domains: catalog.domains.map(read.type).map((domain) => ({
      ...domain,
      ...(domain.default !== undefined && { default: bare(domain.default) }),
      checks: domain.checks.map(checkOf),
    })),
    sequences: catalog.sequences.filter(({ name }) => !isOurs(name)).map(read.sequence),
    functions: catalog.functions.map(read.routine),
    tables: relations.filter(({ query, name }) => query === undefined && !isOurs(name)).map(read.table),
    views: relations.filter(({ query }) => query !== undefined).map(read.view),
    triggers: triggers.filter(({ table }) => !isOurs(table)).map(read.trigger),
  })
}

/** Puts together what belongs together. */
function reader(catalog: Catalog) {
  const columns = byOwner(catalog.columns)
  const keys = byOwner(catalog.keys)
  const foreignKeys = byOwner(catalog.foreignKeys)
  const checks = byOwner(catalog.checks)
  const exclusions = byOwner(catalog.exclusions)
  const indexes = byOwner(catalog.indexes)
  const parts = byOwner(catalog.parts)

  /** The names of a relation's columns by their numbers, in the order of these. */
  const names = (of: string, numbers: readonly number[]) =>
    numbers.map((number) => columns(of).find((column) => column.number === number)?.name ?? '')

  const comment = (where: string, oid: string, column = 0) => {
    const text = catalog.comments[`${where} ${oid} ${column}`]
    return text === undefined ? {} : { comment: text }
  }
  const commented =
    (where: string) =>
    <T extends { readonly oid: string }>({ oid, ...object }: T) => ({ ...object, ...comment(where, oid) })

  function column({ of, number, base, default: fallback, generated, ...row }: ColumnRow): Column {
    return {
      ...row,
      kind: base === 'enum' || base === 'array' ? base : kindOf('postgres', base),
      ...(fallback !== undefined && { default: bare(fallback) }),
      ...(generated && { generated: { ...generated, expression: bare(generated.expression) } }),
      ...comment('pg_class', of, number),
    }
  }

  function key({ of, primary: _, columns, include, ...row }: KeyRow): Unique {
    return { ...row, columns: names(of, columns), ...(include && { include: names(of, include) }) }
  }

  function foreignKey({ of, columns, onDeleteColumns, ...row }: ForeignKeyRow): ForeignKey {
    return {
      ...row,
      columns: names(of, columns),
      ...(onDeleteColumns && { onDeleteColumns: names(of, onDeleteColumns) }),
    }
  }

  function index({ of, oid, where, include, ...row }: IndexRow): Index {
    return {
      ...row,
      parts: parts(oid).map(partOf),
      ...(where !== undefined && { where: bare(where) }),
      ...(include && { include: names(of, include) }),
      ...comment('pg_class', oid),
    }
  }

  function table({ oid, query: _, ...row }: RelationRow): Table {
    const primary = keys(oid).find(({ primary }) => primary)
    return {
      ...row,
      columns: columns(oid).map(column),
      ...(primary && { primaryKey: key(primary) }),
      uniques: keys(oid)
        .filter(({ primary }) => !primary)
        .map(key),
      foreignKeys: foreignKeys(oid).map(foreignKey),
      checks: checks(oid).map(({ of: _, ...check }) => checkOf(check)),
      exclusions: exclusions(oid).map(({ of: _, ...exclusion }) => exclusion),
      indexes: indexes(oid).map(index),
      ...comment('pg_class', oid),
    }
  }

  function view({ oid, schema, name, query = '', materialized }: RelationRow): View {
    return {
      schema,
      name,
      columns: columns(oid)
        .map(column)
        .map(({ name, type, kind }) => ({ name, type, kind })),
      query,
      ...(materialized && { materialized }),
      indexes: indexes(oid).map(index),
      ...comment('pg_class', oid),
    }
  }

  function trigger({ oid, relation, columns, ...row }: TriggerRow): Trigger {
    return {
      ...row,
      ...(columns.length > 0 && { of: names(relation, columns) }),
      ...comment('pg_trigger', oid),
    }
  }

  return {
    type: commented('pg_type'),
    sequence: commented('pg_class'),
    routine: commented('pg_proc'),
    table,
    view,
    trigger,
  }
}

/** Rows by what they are a part of. */
function byOwner<T extends { readonly of: string }>(rows: readonly T[]): (of: string) => readonly T[] {
  const groups = Map.groupBy(rows, ({ of }) => of)
  return (of) => groups.get(of) ?? []
}

function checkOf(check: Check): Check {
  return { ...check, expression: bare(check.expression) }
}

function partOf({ of: _, expression, ...part }: IndexPart & { readonly of: string }): IndexPart {
  return expression === undefined ? part : { ...part, expression: bare(expression) }
}

const bare = (expression: string) => unwrapped(expression, 'postgres')
