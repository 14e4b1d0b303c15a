import type { DatabaseSync } from 'node:sqlite'
import {
  collationName,
  type Declaration,
  declarationOf,
  defaultText,
  indexDeclaration,
  lower,
  triggerHead,
  typeName,
  viewQuery,
} from '../../core/schema/declaration.ts'
import { kindOf } from '../../core/schema/kinds.ts'
import {
  type Action,
  type Column,
  emptySchema,
  type ForeignKey,
  type Index,
  type IndexPart,
  type Key,
  type Schema,
  type Table,
  type Trigger,
  type Unique,
  type View,
} from '../../core/schema/model.ts'
import { sorted } from '../../core/schema/sorted.ts'
import { isOurs } from '../state.ts'
import {
  type Catalog,
  type ColumnRow,
  type ForeignKeyRow,
  type IndexRow,
  type ObjectRow,
  readCatalog,
} from './catalog.ts'

/** The whole schema: from the PRAGMAs all that they tell, from the texts the rest. */
export function introspect(native: DatabaseSync): Schema {
  const catalog = readCatalog(native)
  const { objects, list } = catalog
  const tables = objects.filter(({ type, name }) => {
    const kind = list.get(name)?.type
    return type === 'table' && (kind === 'table' || kind === 'virtual') && !isOurs(name)
  })
  const views = objects.filter(({ type }) => type === 'view')
  const triggers = objects.filter(
    ({ type, name, table }) => type === 'trigger' && !isOurs(table) && !isOurs(name),
  )
  const read = reader(catalog, declarationsOf(native))
  return sorted({
    ...emptySchema('sqlite'),
    tables: tables.map(read.table),
    views: views.map(read.view),
    triggers: triggers.map(triggerOf),
  })
}

/** What was read of the texts of a database the last time: between two of its migrations most are the same. */
const DECLARATIONS = new WeakMap<DatabaseSync, Map<string, Declaration>>()

type Declare = typeof declarationOf

/** Reads texts, each that was there the last time not again. */
function declarationsOf(native: DatabaseSync): Declare {
  const known = DECLARATIONS.get(native)
  const now = new Map<string, Declaration>()
  DECLARATIONS.set(native, now)
  return (sql, columns) => {
    const key = [sql, ...columns].join('\0')
    const declaration = known?.get(key) ?? declarationOf(sql, columns)
    now.set(key, declaration)
    return declaration
  }
}

function reader(catalog: Catalog, declarationOf: Declare) {
  const columns = Map.groupBy(catalog.columns, ({ table }) => table)
  const indexes = Map.groupBy(catalog.indexes, ({ table }) => table)
  const foreignKeys = Map.groupBy(catalog.foreignKeys, ({ table }) => table)
  const texts = new Map(catalog.objects.map(({ name, sql }) => [name, sql]))
  /** Tables by their names in lower case, as foreign keys find them. */
  const parents = new Map([...columns].map(([name, rows]) => [lower(name), { name, rows }]))

  function table({ name, sql }: ObjectRow): Table {
    const entry = catalog.list.get(name)
    const rows = columns.get(name) ?? []
    const visible = rows.filter(({ hidden }) => hidden !== HIDDEN)
    const none = { uniques: [], foreignKeys: [], checks: [], exclusions: [], indexes: [] }
    if (entry?.type === 'virtual') {
      return { schema: '', name, columns: visible.map((row) => columnOf(row)), ...none, virtual: sql }
    }
    const names = visible.map((row) => row.name)
    const declared = declarationOf(sql, names)
    const own = [...Map.groupBy(indexes.get(name) ?? [], (row) => row.name).values()]
    const primary = own.find(([row]) => row?.origin === 'pk')
    const key = primaryKey(visible, declared, primary)
    // Without an index of its own, the key is the rowid.
    const isRowid = key !== undefined && primary === undefined && entry?.wr !== 1
    return {
      schema: '',
      name,
      columns: visible.map((row) => columnOf(row, declared, isRowid)),
      ...(key !== undefined && { primaryKey: key }),
      uniques: uniquesOf(
        own.filter(([row]) => row?.origin === 'u'),
        declared,
      ),
      foreignKeys: foreignKeysOf(foreignKeys.get(name) ?? [], declared, parents),
      checks: declared.checks,
      exclusions: [],
      indexes: own
        .filter(([row]) => row?.origin === 'c')
        .map((index) => indexOf(index, texts.get(index[0]?.name ?? '') ?? '', names, declared)),
      ...(entry?.strict === 1 && { strict: true as const }),
      ...(entry?.wr === 1 && { withoutRowid: true as const }),
    }
  }

  function view({ name, sql }: ObjectRow): View {
    const rows = columns.get(name) ?? []
    return {
      schema: '',
      name,
      columns: rows.map(({ name, type }) => ({
        name,
        type: typeName(type),
        // A view's expression has no type; a table's column without one holds anything.
        kind: type === '' ? 'other' : kindOf('sqlite', typeName(type)),
      })),
      query: viewQuery(sql),
      indexes: [],
    }
  }

  return { table, view }
}

/** https://sqlite.org/pragma.html#pragma_table_xinfo */
const HIDDEN = 1
const STORED = 3

function columnOf(row: ColumnRow, declared?: Declaration, isRowid = false): Column {
  const type = typeName(row.type)
  const key = lower(row.name)
  const expression = declared?.generated.get(key)
  const collation = declared?.collations.get(key)
  const onConflict = declared?.notNulls.get(key)
  return {
    name: row.name,
    type,
    kind: kindOf('sqlite', type),
    nullable: row.required === 0 && !(isRowid && row.pk > 0),
    ...(row.fallback !== null && { default: defaultText(row.fallback) }),
    ...(row.pk > 0 && declared?.primaryKey?.autoincrement && { identity: 'autoincrement' as const }),
    ...(row.hidden > HIDDEN &&
      expression !== undefined && { generated: { expression, stored: row.hidden === STORED } }),
    ...(collation !== undefined && collation !== 'BINARY' && { collation }),
    ...(onConflict !== undefined && { onConflict }),
  }
}

function primaryKey(
  rows: readonly ColumnRow[],
  declared: Declaration,
  index: readonly IndexRow[] | undefined,
): Key | undefined {
  const columns = rows
    .filter(({ pk }) => pk > 0)
    .sort((a, b) => a.pk - b.pk)
    .map(({ name }) => name)
  if (columns.length === 0) return undefined
  const { name, onConflict } = declared.primaryKey ?? {}
  return {
    ...(name !== undefined && { name }),
    columns,
    ...orderOf(index ?? [], declared),
    ...(onConflict !== undefined && { onConflict }),
  }
}

/** The texts give the names: of two constraints on the same columns SQLite keeps the first. */
function uniquesOf(indexes: readonly (readonly IndexRow[])[], declared: Declaration): Unique[] {
  const left = [...declared.uniques]
  return indexes
    .map((index) => ({ index, columns: index.map(({ column }) => column ?? '') }))
    .map(({ index, columns }) => {
      const key = columns.map(lower).join('\0')
      const at = left.findIndex((unique) => unique.columns.join('\0') === key)
      const [{ name, onConflict } = {}] = at === -1 ? [] : left.splice(at, 1)
      return {
        ...(name !== undefined && { name }),
        columns,
        ...orderOf(index, declared),
        ...(onConflict !== undefined && { onConflict }),
      }
    })
}

/** Which columns of a key are in descending order or in another collation than their own. */
function orderOf(index: readonly IndexRow[], declared: Declaration): Pick<Key, 'desc' | 'collations'> {
  const desc = index.filter((row) => row.desc === 1).map(({ column }) => column ?? '')
  const collations = index.flatMap((row) => {
    const collation = otherCollation(row, declared)
    return collation === undefined ? [] : [[row.column ?? '', collation] as const]
  })
  return {
    ...(desc.length > 0 && { desc }),
    ...(collations.length > 0 && { collations: Object.fromEntries(collations) }),
  }
}

function otherCollation({ column, collation }: IndexRow, declared: Declaration): string | undefined {
  const own = column === null ? undefined : declared.collations.get(lower(column))
  const name = collationName(collation)
  return name === (own ?? 'BINARY') ? undefined : name
}

function foreignKeysOf(
  rows: readonly ForeignKeyRow[],
  declared: Declaration,
  parents: ReadonlyMap<string, { name: string; rows: readonly ColumnRow[] }>,
): ForeignKey[] {
  // SQLite counts them from the last.
  const keys = [...Map.groupBy(rows, ({ id }) => id)].sort(([a], [b]) => b - a)
  return keys.map(([, parts], i) => {
    const [first] = parts
    const parent = parents.get(lower(first?.parent ?? ''))
    const real = (name: string) => parent?.rows.find((row) => lower(row.name) === lower(name))?.name ?? name
    const primary = (parent?.rows ?? []).filter(({ pk }) => pk > 0).sort((a, b) => a.pk - b.pk)
    const named = parts.flatMap(({ to }) => to ?? [])
    const { name, deferrable } = declared.foreignKeys[i] ?? {}
    return {
      ...(name !== undefined && { name }),
      columns: parts.map(({ from }) => from),
      to: { schema: '', name: parent?.name ?? first?.parent ?? '' },
      references: named.length > 0 ? named.map(real) : primary.map((row) => row.name),
      onDelete: (first?.onDelete ?? 'NO ACTION') as Action,
      onUpdate: (first?.onUpdate ?? 'NO ACTION') as Action,
      ...(deferrable !== undefined && { deferrable }),
    }
  })
}

function indexOf(
  rows: readonly IndexRow[],
  sql: string,
  columns: readonly string[],
  declared: Declaration,
): Index {
  const collates = (part: number) => otherCollation(rows[part] as IndexRow, declared) !== undefined
  const text = indexDeclaration(sql, columns, collates)
  const parts = rows.map((row, i): IndexPart => {
    const collation = otherCollation(row, declared)
    return {
      ...(row.column === null ? { expression: text.parts[i] ?? '' } : { column: row.column }),
      ...(row.desc === 1 && { desc: true as const }),
      ...(collation !== undefined && { collation }),
    }
  })
  return {
    name: rows[0]?.name ?? '',
    unique: rows[0]?.unique === 1,
    parts,
    ...(text.where !== undefined && { where: text.where }),
  }
}

function triggerOf({ name, table, sql }: ObjectRow): Trigger {
  const { timing, event, of } = triggerHead(sql)
  return { schema: '', name, table, timing, events: [event], ...(of.length > 0 && { of }), sql }
}
