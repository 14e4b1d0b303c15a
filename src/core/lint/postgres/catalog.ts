import type {
  AlterDomainStmt,
  AlterTableCmd,
  AlterTableStmt,
  ColumnDef,
  Constraint,
  CreateStmt,
  DefElem,
  DropStmt,
  IndexElem,
  IndexStmt,
  Node,
  RenameStmt,
} from 'libpg-query'
import { numberOf, stringOf, words } from '../../schema/convert/ast.ts'
import { kindOf } from '../../schema/kinds.ts'
import {
  type Action,
  type Check,
  type Column,
  type Domain,
  type Enum,
  emptySchema,
  type ForeignKey,
  type Index,
  type IndexPart,
  type Key,
  type Named,
  nameOf,
  type Routine,
  type Schema,
  type Sequence,
  type Table,
  type Trigger,
  type Unique,
  type View,
} from '../../schema/model.ts'
import { namesIn, renameIn } from '../../schema/sql/names.ts'
import { columnsIn, expressionText, notNullIn, type Volatility } from './expression.ts'
import { held, of, opened, type Tree } from './statement.ts'
import { isSerial, typeText } from './types.ts'

/** A table as it is at one moment. */
export interface Relation extends Table {
  /** NOT NULL as a constraint with a name (18). */
  readonly notNulls?: readonly NotNull[]
  /** It has a policy that is known of. */
  readonly policy?: true
}

export interface NotNull {
  readonly name: string
  readonly column: string
  readonly notValid?: true
}

/** A table's name as the grammar gives it. */
interface Path {
  readonly schemaname?: string | undefined
  readonly relname?: string | undefined
}

/** What a name in `DROP CONSTRAINT` and `VALIDATE CONSTRAINT` stands for. */
export type Constrained =
  | { readonly kind: 'primary key'; readonly on: Key }
  | { readonly kind: 'unique'; readonly on: Unique }
  | { readonly kind: 'foreign key'; readonly on: ForeignKey }
  | { readonly kind: 'check'; readonly on: Check }
  | { readonly kind: 'not null'; readonly on: NotNull }
  | { readonly kind: 'exclusion' }

const ACTIONS: Readonly<Record<string, Action>> = {
  a: 'NO ACTION',
  r: 'RESTRICT',
  c: 'CASCADE',
  n: 'SET NULL',
  d: 'SET DEFAULT',
}

/**
 * The schema as it is at one moment, kept current by the statements that change it. It takes whatever it is given:
 * what is not known is left as it is.
 */
export class Catalog {
  readonly #tables = new Map<string, Relation>()
  /** The tables as a schema has them, until one goes: then they stand in other places. */
  #list: readonly Table[] | undefined
  /** The places of the tables in the list. */
  readonly #places = new Map<string, number>()
  /** Tables that are not in the list yet as they are. */
  readonly #changed = new Set<string>()
  readonly #enums = new Map<string, Enum>()
  readonly #domains = new Map<string, Domain>()
  readonly #sequences = new Map<string, Sequence>()
  readonly #views = new Map<string, View>()
  readonly #triggers = new Map<string, Trigger>()
  readonly #routines = new Map<string, Routine & { readonly volatility: Volatility }>()
  readonly #extensions = new Set<string>()
  /** The table or materialized view of each index. */
  readonly #owners = new Map<string, string>()
  /** What the script made that is being read: tables, views, types; and columns, behind their table. */
  readonly #fresh = new Set<string>()
  /** The schema that a name without one is in: empty for the usual one. */
  #path = ''
  #utc = false

  /** A script begins: what there is was there before it. */
  begin(): void {
    this.#fresh.clear()
    this.#path = ''
    this.#utc = false
  }

  /** Whether there is an earlier script that made anything: what it has not made then is not there. */
  get isKnown(): boolean {
    for (const key of this.#tables.keys()) if (!this.#fresh.has(key)) return true
    return false
  }

  clone(): Catalog {
    const copy = new Catalog()
    copyInto(copy.#tables, this.#tables)
    copyInto(copy.#enums, this.#enums)
    copyInto(copy.#domains, this.#domains)
    copyInto(copy.#sequences, this.#sequences)
    copyInto(copy.#views, this.#views)
    copyInto(copy.#triggers, this.#triggers)
    copyInto(copy.#routines, this.#routines)
    copyInto(copy.#owners, this.#owners)
    for (const name of this.#extensions) copy.#extensions.add(name)
    for (const name of this.#fresh) copy.#fresh.add(name)
    copy.#path = this.#path
    copy.#utc = this.#utc
    return copy
  }

  schema(): Schema {
    return {
      ...emptySchema('postgres'),
      extensions: [...this.#extensions],
      enums: [...this.#enums.values()],
      domains: [...this.#domains.values()],
      sequences: [...this.#sequences.values()],
      functions: [...this.#routines.values()].map(({ volatility: _, ...routine }) => routine),
      tables: this.#listed(),
      views: [...this.#views.values()],
      triggers: [...this.#triggers.values()],
    }
  }

  /** Of a long history a script changes few tables. */
  #listed(): readonly Table[] {
    if (this.#list === undefined) {
      this.#places.clear()
      for (const key of this.#tables.keys()) this.#places.set(key, this.#places.size)
      this.#list = [...this.#tables.values()].map(tableOf)
    } else if (this.#changed.size > 0) {
      const list = this.#list.slice()
      for (const key of this.#changed) {
        const place = this.#places.get(key) ?? list.length
        this.#places.set(key, place)
        const table = this.#tables.get(key)
        if (table !== undefined) list[place] = tableOf(table)
      }
      this.#list = list
    }
    this.#changed.clear()
    return this.#list
  }

  /** Takes in what a schema holds. */
  take(schema: Schema): void {
    for (const one of schema.enums) this.#enums.set(nameOf(one), one)
    for (const one of schema.domains) this.#domains.set(nameOf(one), one)
    for (const one of schema.sequences) this.#sequences.set(nameOf(one), one)
    for (const one of schema.views) {
      this.#views.set(nameOf(one), one)
      for (const index of one.indexes) this.#owners.set(beside(one, index.name), nameOf(one))
    }
    for (const one of schema.triggers) this.#triggers.set(`${beside(one, one.table)} ${one.name}`, one)
    for (const one of schema.functions) this.#setRoutine(one, volatilityIn(one.sql))
    for (const one of schema.extensions) this.#extensions.add(one)
    for (const one of schema.tables) this.#set(one)
  }

  /** A table by its name as people are told of it. */
  table(key: string): Relation | undefined {
    return this.#tables.get(key)
  }

  tables(): Iterable<Relation> {
    return this.#tables.values()
  }

  view(key: string): View | undefined {
    return this.#views.get(key)
  }

  enum(key: string): Enum | undefined {
    return this.#enums.get(key)
  }

  /** A domain by its name or a type's text. */
  domain(key: string): Domain | undefined {
    return this.#domains.get(key)
  }

  column(key: string, name: string): Column | undefined {
    return this.#tables.get(key)?.columns.find((column) => column.name === name)
  }

  /** Whether the script made it: a table, a view, a type, or the column of a table. */
  isFresh(key: string, column?: string): boolean {
    return this.#fresh.has(key) || (column !== undefined && this.#fresh.has(`${key} ${column}`))
  }

  /** Whether the script has said that the session's time zone is UTC. */
  get utc(): boolean {
    return this.#utc
  }

  /** The name of a table that a statement says, as people are told of it. */
  keyOf(path: Path | undefined): string {
    return nameOf(this.#named(path?.schemaname, path?.relname ?? ''))
  }

  /** The same for a name in parts. */
  keyOfWords(names: readonly string[]): string {
    return this.keyOf({ schemaname: names.at(-2), relname: names.at(-1) })
  }

  /** The table whose index it is. */
  ownerOf(index: string): string | undefined {
    return this.#owners.get(index)
  }

  volatilityOf(name: readonly string[]): Volatility | undefined {
    return this.#routines.get(this.keyOfWords(name))?.volatility
  }

  /** What a constraint of a table is. */
  constraint(key: string, name: string): Constrained | undefined {
    const table = this.#tables.get(key)
    if (table === undefined) return undefined
    if (table.primaryKey?.name === name) return { kind: 'primary key', on: table.primaryKey }
    const unique = table.uniques.find((one) => one.name === name)
    if (unique) return { kind: 'unique', on: unique }
    const foreignKey = table.foreignKeys.find((one) => one.name === name)
    if (foreignKey) return { kind: 'foreign key', on: foreignKey }
    const check = table.checks.find((one) => one.name === name)
    if (check) return { kind: 'check', on: check }
    const notNull = table.notNulls?.find((one) => one.name === name)
    if (notNull) return { kind: 'not null', on: notNull }
    return table.exclusions.some((one) => one.name === name) ? { kind: 'exclusion' } : undefined
  }

  /** Whether no row of it can hold NULL there: by NOT NULL, or by a CHECK that is valid. */
  isProven(key: string, column: string): boolean {
    const table = this.#tables.get(key)
    if (table === undefined) return false
    if (table.columns.some(({ name, nullable }) => name === column && !nullable)) return true
    return table.checks.some(
      ({ expression, notValid }) => notValid === undefined && notNullIn(expression).includes(column),
    )
  }

  /** Parts of a partitioned table, and the parts of these. */
  partitions(key: string): Relation[] {
    const parts: Relation[] = []
    for (const table of this.#tables.values()) {
      if (table.partitionOf !== undefined && nameOf(table.partitionOf) === key)
        parts.push(table, ...(table.partitionBy === undefined ? [] : this.partitions(nameOf(table))))
    }
    return parts
  }

  /** Tables with a foreign key to it, without itself. */
  children(key: string): Relation[] {
    return [...this.#tables.values()].filter(
      (table) => nameOf(table) !== key && table.foreignKeys.some(({ to }) => nameOf(to) === key),
    )
  }

  /** Lists of columns of which no two rows have the same. */
  uniqueKeys(key: string): (readonly string[])[] {
    const table = this.#tables.get(key)
    if (table === undefined) return []
    const indexes = table.indexes
      .filter(
        ({ unique, where, parts }) => unique && where === undefined && parts.every((part) => part.column),
      )
      .map(({ parts }) => parts.map(({ column = '' }) => column))
    const keys = [...(table.primaryKey ? [table.primaryKey] : []), ...table.uniques]
    return [...keys.map(({ columns }) => columns), ...indexes]
  }

  /** Whether an index begins with these columns, in whatever order. */
  isIndexed(key: string, columns: readonly string[]): boolean {
    const table = this.#tables.get(key)
    if (table === undefined) return false
    const indexes = table.indexes
      .filter(({ where }) => where === undefined)
      .map(({ parts }) => parts.map(({ column = '' }) => column))
    const keys = [...(table.primaryKey ? [table.primaryKey] : []), ...table.uniques]
    return [...keys.map((one) => one.columns), ...indexes].some((list) => beginsWith(list, columns))
  }

  /** Indexes and keys that a column is part of. */
  hasIndexOn(key: string, column: string): boolean {
    const table = this.#tables.get(key)
    if (table === undefined) return false
    const keys = [...(table.primaryKey ? [table.primaryKey] : []), ...table.uniques]
    return (
      keys.some(({ columns }) => columns.includes(column)) ||
      table.indexes.some(({ parts, where }) =>
        [...parts.map((part) => part.column ?? part.expression ?? ''), where ?? ''].some(
          (text) => text === column || (text !== '' && namesIn('postgres', text).has(column)),
        ),
      )
    )
  }

  /** Whether a domain, or one below it, says which values it takes. */
  isConstrained(domain: Domain): boolean {
    if (!domain.nullable || domain.checks.length > 0) return true
    const below = this.#domains.get(domain.type)
    return below !== undefined && this.isConstrained(below)
  }

  /** The type below domains. */
  baseType(type: string): string {
    const domain = this.#domains.get(type)
    return domain === undefined ? type : this.baseType(domain.type)
  }

  /** What a statement changes. */
  apply(tree: Tree): void {
    const { kind, node } = opened(tree)
    APPLY[kind]?.(this, node)
  }

  #named(schema: string | undefined, name: string): Named {
    const said = schema ?? this.#path
    return { schema: said === 'public' ? '' : said, name }
  }

  #put(key: string, table: Relation): void {
    this.#changed.add(key)
    this.#tables.set(key, table)
  }

  #remove(key: string): boolean {
    this.#list = undefined
    return this.#tables.delete(key)
  }

  #set(table: Relation): void {
    const key = nameOf(table)
    this.#put(key, table)
    for (const { name } of table.indexes) this.#owners.set(beside(table, name), key)
    for (const { name } of [...(table.primaryKey ? [table.primaryKey] : []), ...table.uniques])
      if (name !== undefined) this.#owners.set(beside(table, name), key)
  }

  #change(key: string, change: (table: Relation) => Partial<Relation>): void {
    const table = this.#tables.get(key)
    if (table === undefined) return
    const changes = change(table)
    const changed = { ...table, ...changes }
    if ('indexes' in changes || 'uniques' in changes || 'primaryKey' in changes) this.#set(changed)
    else this.#put(key, changed)
  }

  #changeColumn(key: string, name: string, change: (column: Column) => Column): void {
    this.#change(key, ({ columns }) => ({
      columns: columns.map((column) => (column.name === name ? change(column) : column)),
    }))
  }

  #setRoutine(routine: Routine, volatility: Volatility): void {
    const key = nameOf(routine)
    // Of several with one name the least stable counts.
    const worst = this.#routines.get(key)?.volatility === 'volatile' ? 'volatile' : volatility
    this.#routines.set(key, { ...routine, volatility: worst })
  }

  createTable(statement: CreateStmt): void {
    const named = this.#named(statement.relation?.schemaname, statement.relation?.relname ?? '')
    const key = nameOf(named)
    if (this.#tables.has(key) && statement.if_not_exists) return
    this.#fresh.add(key)
    const parent = held(statement.inhRelations?.[0], 'RangeVar')
    const above = parent && this.#tables.get(this.keyOf(parent))
    const bound = statement.partbound
    let columns: Column[] = [...(above?.columns ?? [])]
    const inline: { constraint: Constraint; column: string }[] = []
    const constraints: Constraint[] = []
    for (const element of statement.tableElts ?? []) {
      const column = held(element, 'ColumnDef')
      if (column) {
        const { said, made } = this.#columnOf(named, column)
        // A column of the table above, or of one that was copied, may be said again.
        if (columns.some(({ name }) => name === made.name))
          columns = columns.filter(({ name }) => name !== made.name)
        columns.push(made)
        for (const constraint of said) inline.push({ constraint, column: made.name })
      }
      const constraint = held(element, 'Constraint')
      if (constraint) constraints.push(constraint)
      const like = held(element, 'TableLikeClause')
      const copied = like && this.#tables.get(this.keyOf(like.relation))
      if (copied) columns.push(...copied.columns)
    }
    this.#set({
      ...named,
      ...NOTHING,
      columns,
      ...(above && { checks: above.checks }),
      ...(bound &&
        parent && {
          partitionOf: {
            ...this.#named(parent.schemaname, parent.relname ?? ''),
            bound: bound.is_default ? 'DEFAULT' : 'FOR VALUES',
          },
        }),
      ...(statement.partspec && { partitionBy: partitionText(statement.partspec) }),
    })
    for (const { constraint, column } of inline) this.#addConstraint(key, constraint, column)
    for (const constraint of constraints) this.#addConstraint(key, { ...constraint, skip_validation: false })
  }

  /** A table or a materialized view that a query fills: its columns are not known. */
  createAs(path: Path | undefined, view: boolean): void {
    const named = this.#named(path?.schemaname, path?.relname ?? '')
    this.#fresh.add(nameOf(named))
    if (view)
      this.#views.set(nameOf(named), { ...named, columns: [], query: '', indexes: [], materialized: true })
    else this.#set({ ...named, ...NOTHING })
  }

  createView(path: Path | undefined): void {
    const named = this.#named(path?.schemaname, path?.relname ?? '')
    if (!this.#views.has(nameOf(named))) this.#fresh.add(nameOf(named))
    this.#views.set(nameOf(named), { ...named, columns: [], query: '', indexes: [] })
  }

  createIndex(statement: IndexStmt): void {
    const { relation, indexParams = [], indexIncludingParams = [], whereClause, accessMethod } = statement
    const key = this.keyOf(relation)
    const parts = indexParams.map(partOf)
    const columns = parts.map((part) => part.column ?? 'expr')
    const owner = this.#tables.get(key) ?? this.#views.get(key)
    if (owner === undefined) return
    const name = statement.idxname ?? this.#freeName(owner, `${owner.name}_${columns.join('_')}_idx`)
    if (this.#owners.has(beside(owner, name))) return
    const index: Index = {
      name,
      unique: statement.unique ?? false,
      parts,
      ...(accessMethod !== undefined && accessMethod !== 'btree' && { method: accessMethod }),
      ...(whereClause && { where: expressionText(whereClause) }),
      ...(indexIncludingParams.length > 0 && {
        include: indexIncludingParams.map((part) => partOf(part).column ?? ''),
      }),
      ...(statement.nulls_not_distinct && { nullsNotDistinct: true }),
    }
    this.#owners.set(beside(owner, name), key)
    const view = this.#views.get(key)
    if (view) this.#views.set(key, { ...view, indexes: [...view.indexes, index] })
    this.#change(key, ({ indexes }) => ({ indexes: [...indexes, index] }))
  }

  #freeName(owner: Named, wanted: string): string {
    for (let i = 0; ; i++) {
      const name = i === 0 ? wanted : `${wanted}${i}`
      if (!this.#owners.has(beside(owner, name))) return name
    }
  }

  alterTable(statement: AlterTableStmt): void {
    const { relation, cmds = [], objtype } = statement
    const key = this.keyOf(relation)
    if (objtype === 'OBJECT_TYPE' || objtype === 'OBJECT_INDEX' || !this.#tables.has(key)) return
    for (const command of cmds) {
      const action = held(command, 'AlterTableCmd')
      if (action) this.#alter(key, action)
    }
  }

  #alter(key: string, action: AlterTableCmd): void {
    const { subtype, name = '', def, behavior } = action
    switch (subtype) {
      case 'AT_AddColumn': {
        const column = held(def, 'ColumnDef')
        if (column === undefined || this.column(key, column.colname ?? '')) return
        this.#fresh.add(`${key} ${column.colname}`)
        this.#addColumn(key, column)
        if (this.#tables.get(key)?.partitionBy === undefined) return
        for (const part of this.partitions(key)) this.#addColumn(nameOf(part), { ...column, constraints: [] })
        return
      }
      case 'AT_DropColumn':
        this.#dropColumn(key, name, behavior === 'DROP_CASCADE')
        break
      case 'AT_AlterColumnType': {
        const column = held(def, 'ColumnDef')
        const type = typeText(column?.typeName)
        const collation = column?.collClause && words(column.collClause.collname).at(-1)
        this.#changeColumn(key, name, ({ collation: _, ...rest }) => ({
          ...rest,
          type,
          kind: this.#kindOf(type),
          ...(collation !== undefined && { collation }),
        }))
        break
      }
      case 'AT_SetNotNull':
        this.#changeColumn(key, name, (column) => ({ ...column, nullable: false }))
        break
      case 'AT_DropNotNull':
        this.#changeColumn(key, name, (column) => ({ ...column, nullable: true }))
        break
      case 'AT_ColumnDefault':
        this.#changeColumn(key, name, ({ default: _, ...column }) => ({
          ...column,
          ...(def && { default: expressionText(def) }),
        }))
        break
      case 'AT_AddIdentity': {
        const always = held(def, 'Constraint')?.generated_when === 'a'
        this.#changeColumn(key, name, (column) => ({
          ...column,
          identity: always ? 'always' : 'by default',
        }))
        break
      }
      case 'AT_DropIdentity':
        this.#changeColumn(key, name, ({ identity: _, ...column }) => column)
        break
      case 'AT_DropExpression':
        this.#changeColumn(key, name, ({ generated: _, ...column }) => column)
        break
      case 'AT_SetExpression':
        this.#changeColumn(key, name, (column) => ({
          ...column,
          generated: { expression: expressionText(def), stored: column.generated?.stored ?? true },
        }))
        break
      case 'AT_AddConstraint': {
        const constraint = held(def, 'Constraint')
        if (constraint) this.#addConstraint(key, constraint)
        return
      }
      case 'AT_DropConstraint':
        this.#dropConstraint(key, name)
        break
      case 'AT_ValidateConstraint':
        this.#validate(key, name)
        break
      case 'AT_AttachPartition': {
        const part = held(def, 'PartitionCmd')
        const to = this.#tables.get(key)
        if (part === undefined || to === undefined) return
        const bound = part.bound?.is_default ? 'DEFAULT' : 'FOR VALUES'
        this.#change(this.keyOf(part.name), () => ({
          partitionOf: { schema: to.schema, name: to.name, bound },
        }))
        break
      }
      case 'AT_DetachPartition':
      case 'AT_DetachPartitionFinalize': {
        const child = this.keyOf(held(def, 'PartitionCmd')?.name)
        const { partitionOf: _, ...rest } = this.#tables.get(child) ?? { partitionOf: undefined }
        if ('name' in rest) this.#put(child, rest)
      }
    }
  }

  #kindOf(type: string): Column['kind'] {
    return this.#enums.has(type) ? 'enum' : kindOf('postgres', type)
  }

  #addColumn(key: string, column: ColumnDef): void {
    const table = this.#tables.get(key)
    if (table === undefined) return
    const { said, made } = this.#columnOf(table, column)
    this.#put(key, {
      ...table,
      columns: [...table.columns.filter(({ name }) => name !== made.name), made],
    })
    for (const constraint of said) this.#addConstraint(key, constraint, made.name)
  }

  /** A column as a statement makes it, and the constraints that stand behind it. */
  #columnOf(table: Named, column: ColumnDef): { said: Constraint[]; made: Column } {
    const { colname: name = '', typeName, constraints = [], collClause } = column
    const said = constraints.flatMap((one) => held(one, 'Constraint') ?? [])
    const type = typeText(typeName)
    const find = (contype: Constraint['contype']) => said.find((one) => one.contype === contype)
    const [identity, generated, fallback] = [
      find('CONSTR_IDENTITY'),
      find('CONSTR_GENERATED'),
      find('CONSTR_DEFAULT'),
    ]
    const serial = isSerial(typeName)
    const required = serial || identity || find('CONSTR_NOTNULL') || find('CONSTR_PRIMARY')
    const collation = collClause && words(collClause.collname).at(-1)
    const made: Column = {
      name,
      type,
      kind: this.#kindOf(type),
      nullable: !required,
      ...(fallback?.raw_expr && { default: expressionText(fallback.raw_expr) }),
      ...(serial && {
        identity: 'serial' as const,
        default: `nextval('${table.name}_${name}_seq'::regclass)`,
      }),
      ...(identity && {
        identity: identity.generated_when === 'a' ? ('always' as const) : ('by default' as const),
      }),
      ...(generated && {
        generated: {
          expression: expressionText(generated.raw_expr),
          stored: generated.generated_kind !== 'v',
        },
      }),
      ...(collation !== undefined && { collation }),
    }
    return { said, made }
  }

  /** @param column where it stands behind one */
  #addConstraint(key: string, constraint: Constraint, column?: string): void {
    const table = this.#tables.get(key)
    if (table === undefined) return
    const notValid = constraint.skip_validation ? ({ notValid: true } as const) : {}
    const given = words(constraint.keys)
    const columns = column === undefined ? given : [column]
    const named = (end: string, of: readonly string[] = columns) =>
      constraint.conname ?? this.#freeConstraint(table, [table.name, ...of, end].join('_'))
    switch (constraint.contype) {
      case 'CONSTR_PRIMARY':
      case 'CONSTR_UNIQUE':
        this.#addKey(key, table, constraint, columns, named)
        break
      case 'CONSTR_FOREIGN': {
        const foreignKey = this.#foreignKey(constraint, column)
        const name = named('fkey', foreignKey.columns)
        this.#change(key, ({ foreignKeys }) => ({
          foreignKeys: [...foreignKeys, { name, ...foreignKey, ...notValid }],
        }))
        break
      }
      case 'CONSTR_CHECK': {
        const names = [...columnsIn(constraint.raw_expr)]
        const name = named('check', column === undefined && names.length !== 1 ? [] : names.slice(0, 1))
        const check = { name, expression: expressionText(constraint.raw_expr), ...notValid }
        this.#change(key, ({ checks }) => ({ checks: [...checks, check] }))
        break
      }
      case 'CONSTR_EXCLUSION':
        this.#change(key, ({ exclusions }) => ({
          exclusions: [...exclusions, { name: named('excl'), definition: 'EXCLUDE' }],
        }))
        break
      case 'CONSTR_NOTNULL': {
        if (column !== undefined) return
        for (const one of columns) {
          const notNull = { name: named('not_null'), column: one, ...notValid }
          this.#change(key, ({ notNulls = [] }) => ({ notNulls: [...notNulls, notNull] }))
          if (!constraint.skip_validation)
            this.#changeColumn(key, one, (found) => ({ ...found, nullable: false }))
        }
      }
    }
  }

  #freeConstraint(table: Relation, wanted: string): string {
    for (let i = 0; ; i++) {
      const name = i === 0 ? wanted : `${wanted}${i}`
      if (this.constraint(nameOf(table), name) === undefined) return name
    }
  }

  #addKey(
    key: string,
    table: Relation,
    constraint: Constraint,
    given: readonly string[],
    named: (end: string, of?: readonly string[]) => string,
  ): void {
    const { indexname, contype } = constraint
    const index = indexname === undefined ? undefined : table.indexes.find(({ name }) => name === indexname)
    const columns = index ? index.parts.map(({ column = '' }) => column) : given
    const primary = contype === 'CONSTR_PRIMARY'
    const name = constraint.conname ?? indexname ?? (primary ? named('pkey', []) : named('key', columns))
    this.#change(key, ({ indexes, uniques, columns: all }) => ({
      indexes: indexes.filter((one) => one !== index),
      ...(primary
        ? {
            primaryKey: { name, columns },
            columns: all.map((column) =>
              columns.includes(column.name) ? { ...column, nullable: false } : column,
            ),
          }
        : { uniques: [...uniques, { name, columns }] }),
    }))
  }

  #foreignKey(constraint: Constraint, column: string | undefined): Omit<ForeignKey, 'name'> {
    const to = this.#named(constraint.pktable?.schemaname, constraint.pktable?.relname ?? '')
    const said = words(constraint.pk_attrs)
    return {
      columns: column === undefined ? words(constraint.fk_attrs) : [column],
      to,
      references: said.length > 0 ? said : (this.#tables.get(nameOf(to))?.primaryKey?.columns ?? []),
      onDelete: ACTIONS[constraint.fk_del_action ?? 'a'] ?? 'NO ACTION',
      onUpdate: ACTIONS[constraint.fk_upd_action ?? 'a'] ?? 'NO ACTION',
    }
  }

  #dropConstraint(key: string, name: string): void {
    const found = this.constraint(key, name)
    if (found?.kind === 'not null')
      this.#changeColumn(key, found.on.column, (column) => ({ ...column, nullable: true }))
    const others = <T extends { readonly name?: string }>(all: readonly T[]) =>
      all.filter((one) => one.name !== name)
    const { primaryKey, ...rest } = this.#tables.get(key) ?? { primaryKey: undefined }
    if (!('name' in rest)) return
    this.#owners.delete(beside(rest, name))
    this.#put(key, {
      ...rest,
      ...(primaryKey && primaryKey.name !== name && { primaryKey }),
      uniques: others(rest.uniques),
      foreignKeys: others(rest.foreignKeys),
      checks: others(rest.checks),
      exclusions: others(rest.exclusions),
      ...(rest.notNulls && { notNulls: others(rest.notNulls) }),
    })
  }

  #validate(key: string, name: string): void {
    const found = this.constraint(key, name)
    const valid = <T extends { readonly name?: string; readonly notValid?: true }>(all: readonly T[]) =>
      all.map(({ notValid, ...one }) => (one.name === name || !notValid ? one : { ...one, notValid })) as T[]
    this.#change(key, ({ foreignKeys, checks, notNulls }) => ({
      foreignKeys: valid(foreignKeys),
      checks: valid(checks),
      ...(notNulls && { notNulls: valid(notNulls) }),
    }))
    if (found?.kind === 'not null')
      this.#changeColumn(key, found.on.column, (column) => ({ ...column, nullable: false }))
  }

  #dropColumn(key: string, name: string, cascade: boolean): void {
    const table = this.#tables.get(key)
    if (table === undefined || !table.columns.some((column) => column.name === name)) return
    const without = <T extends { readonly columns: readonly string[] }>(all: readonly T[]) =>
      all.filter(({ columns }) => !columns.includes(name))
    const { primaryKey, ...rest } = table
    this.#put(key, {
      ...rest,
      columns: rest.columns.filter((column) => column.name !== name),
      ...(primaryKey && !primaryKey.columns.includes(name) && { primaryKey }),
      uniques: without(rest.uniques),
      foreignKeys: without(rest.foreignKeys),
      checks: rest.checks.filter(({ expression }) => !namesIn('postgres', expression).has(name)),
      indexes: rest.indexes.filter(({ parts }) => !parts.some((part) => part.column === name)),
    })
    this.#fresh.delete(`${key} ${name}`)
    if (!cascade) return
    for (const child of this.children(key)) {
      this.#change(nameOf(child), ({ foreignKeys }) => ({
        foreignKeys: foreignKeys.filter(
          ({ to, references }) => nameOf(to) !== key || !references.includes(name),
        ),
      }))
    }
  }

  drop(statement: DropStmt): void {
    for (const object of statement.objects ?? []) {
      const names = namesOf(object)
      const key = this.keyOfWords(names)
      switch (statement.removeType) {
        case 'OBJECT_TABLE':
          this.#dropTable(key)
          break
        case 'OBJECT_VIEW':
        case 'OBJECT_MATVIEW':
          this.#views.delete(key)
          this.#fresh.delete(key)
          break
        case 'OBJECT_INDEX':
          this.#dropIndex(key, names.at(-1) ?? '')
          break
        case 'OBJECT_TYPE':
        case 'OBJECT_DOMAIN':
          this.#enums.delete(key)
          this.#domains.delete(key)
          this.#fresh.delete(key)
          break
        case 'OBJECT_SEQUENCE':
          this.#sequences.delete(key)
          break
        case 'OBJECT_FUNCTION':
        case 'OBJECT_PROCEDURE':
          this.#routines.delete(key)
          break
        case 'OBJECT_TRIGGER':
          this.#triggers.delete(`${this.keyOfWords(names.slice(0, -1))} ${names.at(-1)}`)
          break
        case 'OBJECT_SCHEMA':
          for (const table of [...this.#tables.values()])
            if (table.schema === names[0]) this.#dropTable(nameOf(table))
          break
        case 'OBJECT_EXTENSION':
          this.#extensions.delete(names[0] ?? '')
      }
    }
  }

  #dropTable(key: string): void {
    for (const part of this.partitions(key)) this.#remove(nameOf(part))
    for (const child of this.children(key)) {
      this.#change(nameOf(child), ({ foreignKeys }) => ({
        foreignKeys: foreignKeys.filter(({ to }) => nameOf(to) !== key),
      }))
    }
    const table = this.#tables.get(key)
    for (const index of table?.indexes ?? []) this.#owners.delete(beside(table ?? { schema: '' }, index.name))
    this.#remove(key)
    this.#fresh.delete(key)
  }

  #dropIndex(key: string, name: string): void {
    const owner = this.#owners.get(key)
    this.#owners.delete(key)
    if (owner !== undefined)
      this.#change(owner, ({ indexes }) => ({ indexes: indexes.filter((index) => index.name !== name) }))
  }

  rename(statement: RenameStmt): void {
    const { renameType, relation, subname = '', newname = '' } = statement
    const key = this.keyOf(relation)
    switch (renameType) {
      case 'OBJECT_TABLE':
      case 'OBJECT_VIEW':
      case 'OBJECT_MATVIEW':
        // ALTER TABLE renames what has rows or looks so, an index too.
        if (this.#owners.has(key)) {
          this.#renameIndex(key, newname)
          return
        }
        this.#move(key, { ...this.#named(relation?.schemaname, ''), name: newname })
        break
      case 'OBJECT_COLUMN':
        this.#renameColumn(key, subname, newname)
        break
      case 'OBJECT_TABCONSTRAINT':
        this.#renameConstraint(key, subname, newname)
        break
      case 'OBJECT_INDEX':
        this.#renameIndex(key, newname)
        break
      case 'OBJECT_SCHEMA':
        for (const table of [...this.#tables.values()])
          if (table.schema === subname) this.#move(nameOf(table), { schema: newname, name: table.name })
        return
      case 'OBJECT_TYPE':
      case 'OBJECT_DOMAIN':
        this.#renameType(this.keyOfWords(namesOf(statement.object)), newname)
        break
    }
  }

  #renameType(key: string, name: string): void {
    const found = this.#enums.get(key) ?? this.#domains.get(key)
    if (found === undefined) return
    const type = nameOf({ schema: found.schema, name })
    const [enumeration, domain] = [this.#enums.get(key), this.#domains.get(key)]
    this.#enums.delete(key)
    this.#domains.delete(key)
    if (enumeration) this.#enums.set(type, { ...enumeration, name })
    if (domain) this.#domains.set(type, { ...domain, name })
    for (const table of [...this.#tables.values()])
      for (const column of table.columns)
        if (column.type === key) this.#changeColumn(nameOf(table), column.name, (one) => ({ ...one, type }))
  }

  /** A table or a view gets another name, or another schema. */
  #move(key: string, to: Named): void {
    const view = this.#views.get(key)
    if (view) {
      this.#views.delete(key)
      this.#views.set(nameOf(to), { ...view, ...to })
    }
    if (this.#fresh.delete(key)) this.#fresh.add(nameOf(to))
    const table = this.#tables.get(key)
    if (table === undefined) return
    this.#remove(key)
    for (const other of [...this.#tables.values()]) {
      const { partitionOf } = other
      if (partitionOf !== undefined && nameOf(partitionOf) === key)
        this.#change(nameOf(other), () => ({ partitionOf: { ...partitionOf, ...to } }))
      if (other.foreignKeys.some((one) => nameOf(one.to) === key))
        this.#change(nameOf(other), ({ foreignKeys }) => ({
          foreignKeys: foreignKeys.map((one) => (nameOf(one.to) === key ? { ...one, to } : one)),
        }))
    }
    this.#set({ ...table, ...to })
  }

  setSchema(path: Path | undefined, schema: string): void {
    const key = this.keyOf(path)
    this.#move(key, this.#named(schema, path?.relname ?? ''))
  }

  #renameColumn(key: string, from: string, to: string): void {
    const names = new Map([[from, to]])
    const each = (columns: readonly string[]) => columns.map((name) => (name === from ? to : name))
    const text = (expression: string) => renameIn('postgres', expression, names)
    if (this.#fresh.delete(`${key} ${from}`)) this.#fresh.add(`${key} ${to}`)
    this.#change(key, (table) => ({
      columns: table.columns.map((column) => (column.name === from ? { ...column, name: to } : column)),
      ...(table.primaryKey && {
        primaryKey: { ...table.primaryKey, columns: each(table.primaryKey.columns) },
      }),
      uniques: table.uniques.map((one) => ({ ...one, columns: each(one.columns) })),
      foreignKeys: table.foreignKeys.map((one) => ({ ...one, columns: each(one.columns) })),
      checks: table.checks.map((one) => ({ ...one, expression: text(one.expression) })),
      indexes: table.indexes.map((index) => ({
        ...index,
        parts: index.parts.map((part) => (part.column === from ? { ...part, column: to } : part)),
      })),
    }))
    for (const child of this.children(key)) {
      this.#change(nameOf(child), ({ foreignKeys }) => ({
        foreignKeys: foreignKeys.map((one) =>
          nameOf(one.to) === key ? { ...one, references: each(one.references) } : one,
        ),
      }))
    }
  }

  #renameConstraint(key: string, from: string, to: string): void {
    const each = <T extends { readonly name?: string }>(all: readonly T[]) =>
      all.map((one) => (one.name === from ? { ...one, name: to } : one))
    this.#change(key, (table) => ({
      ...(table.primaryKey?.name === from && { primaryKey: { ...table.primaryKey, name: to } }),
      uniques: each(table.uniques),
      foreignKeys: each(table.foreignKeys),
      checks: each(table.checks),
      exclusions: each(table.exclusions) as Relation['exclusions'],
    }))
  }

  #renameIndex(key: string, name: string): void {
    const owner = this.#owners.get(key)
    if (owner === undefined) return
    const old = key.split('.').at(-1)
    this.#owners.delete(key)
    this.#change(owner, ({ indexes }) => ({
      indexes: indexes.map((index) => (index.name === old ? { ...index, name } : index)),
    }))
    this.#renameConstraint(owner, old ?? '', name)
  }

  createEnum(names: readonly string[], values: readonly string[]): void {
    const named = this.#named(names.at(-2), names.at(-1) ?? '')
    this.#fresh.add(nameOf(named))
    this.#enums.set(nameOf(named), { ...named, values })
  }

  alterEnum(key: string, oldValue: string | undefined, newValue: string): void {
    const found = this.#enums.get(key)
    if (found === undefined || found.values.includes(newValue)) return
    const values =
      oldValue === undefined
        ? [...found.values, newValue]
        : found.values.map((value) => (value === oldValue ? newValue : value))
    this.#enums.set(key, { ...found, values })
  }

  createDomain(names: readonly string[], type: string, constraints: readonly Constraint[]): void {
    const named = this.#named(names.at(-2), names.at(-1) ?? '')
    this.#fresh.add(nameOf(named))
    const fallback = constraints.find(({ contype }) => contype === 'CONSTR_DEFAULT')
    this.#domains.set(nameOf(named), {
      ...named,
      type,
      nullable: !constraints.some(({ contype }) => contype === 'CONSTR_NOTNULL'),
      ...(fallback && { default: expressionText(fallback.raw_expr) }),
      checks: constraints
        .filter(({ contype }) => contype === 'CONSTR_CHECK')
        .map((check) => checkOf(named, check)),
    })
  }

  alterDomain(statement: AlterDomainStmt): void {
    const key = this.keyOfWords(words(statement.typeName))
    const domain = this.#domains.get(key)
    if (domain === undefined) return
    const constraint = held(statement.def, 'Constraint')
    const { name } = statement
    switch (statement.subtype) {
      case 'C':
        if (constraint?.contype === 'CONSTR_CHECK')
          this.#domains.set(key, { ...domain, checks: [...domain.checks, checkOf(domain, constraint)] })
        else if (constraint) this.#domains.set(key, { ...domain, nullable: false })
        break
      case 'X':
        this.#domains.set(key, { ...domain, checks: domain.checks.filter((check) => check.name !== name) })
        break
      case 'O':
      case 'N':
        this.#domains.set(key, { ...domain, nullable: statement.subtype === 'N' })
        break
      case 'V':
        this.#domains.set(key, {
          ...domain,
          checks: domain.checks.map(({ notValid, ...check }) =>
            check.name === name || !notValid ? check : { ...check, notValid },
          ),
        })
    }
  }

  createRoutine(names: readonly string[], options: readonly Node[], isArguments: string): void {
    const named = this.#named(names.at(-2), names.at(-1) ?? '')
    const said = optionOf(options, 'volatility')
    const volatility = said === 'immutable' || said === 'stable' ? 'stable' : 'volatile'
    this.#routines.delete(nameOf(named))
    this.#setRoutine({ ...named, arguments: isArguments, sql: '' }, volatility)
  }

  alterRoutine(names: readonly string[], options: readonly Node[]): void {
    const found = this.#routines.get(this.keyOfWords(names))
    const said = optionOf(options, 'volatility')
    if (found === undefined || said === undefined) return
    this.#routines.set(nameOf(found), { ...found, volatility: said === 'volatile' ? 'volatile' : 'stable' })
  }

  createSequence(path: Path | undefined): void {
    const named = this.#named(path?.schemaname, path?.relname ?? '')
    const numbers = { start: '1', increment: '1', min: '1', max: '9223372036854775807', cycle: false }
    this.#sequences.set(nameOf(named), { ...named, type: 'bigint', ...numbers })
  }

  createTrigger(path: Path | undefined, name: string, { timing = 0, events = 0 }): void {
    const table = this.#named(path?.schemaname, path?.relname ?? '')
    this.#triggers.set(`${nameOf(table)} ${name}`, {
      schema: table.schema,
      name,
      table: table.name,
      timing: timing & 2 ? 'BEFORE' : timing & 64 ? 'INSTEAD OF' : 'AFTER',
      events: EVENTS.filter(([bit]) => (events & bit) !== 0).map(([, event]) => event),
      sql: '',
    })
  }

  createPolicy(path: Path | undefined): void {
    this.#change(this.keyOf(path), () => ({ policy: true }))
  }

  createExtension(name: string): void {
    this.#extensions.add(name)
  }

  /** SET of the script's own: where names are looked for, which time zone it is. */
  set(name: string, values: readonly Node[]): void {
    const [first] = values
    const value = stringOf(first) ?? numberOf(first) ?? ''
    if (name === 'timezone') this.#utc = /^(utc|gmt|etc\/utc|zulu|0)$/i.test(value)
    if (name !== 'search_path') return
    const path = values
      .map((one) => stringOf(one) ?? '')
      .flatMap((one) => one.split(','))
      .map((one) => one.trim())
      .find((one) => one !== '' && !/^"?\$user"?$|^pg_catalog$/.test(one))
    this.#path = path === undefined || path === 'public' ? '' : path
  }
}

/** A catalog of what a schema holds. */
export function catalogOf(schema: Schema): Catalog {
  const catalog = new Catalog()
  catalog.take(schema)
  return catalog
}

const NOTHING = {
  columns: [],
  uniques: [],
  foreignKeys: [],
  checks: [],
  exclusions: [],
  indexes: [],
} as const

const EVENTS = [
  [4, 'INSERT'],
  [8, 'DELETE'],
  [16, 'UPDATE'],
  [32, 'TRUNCATE'],
] as const

/** What each kind of statement changes. */
const APPLY: Readonly<Record<string, (catalog: Catalog, node: Tree) => void>> = {
  CreateStmt: (catalog, node) => catalog.createTable(node),
  CreateForeignTableStmt: (catalog, { base }) => base && catalog.createTable(base),
  CreateTableAsStmt: (catalog, node) => {
    const statement = of({ kind: 'CreateTableAsStmt', node }, 'CreateTableAsStmt')
    catalog.createAs(statement?.into?.rel, statement?.objtype === 'OBJECT_MATVIEW')
  },
  SelectStmt: (catalog, node) => {
    const into = of({ kind: 'SelectStmt', node }, 'SelectStmt')?.intoClause
    if (into) catalog.createAs(into.rel, false)
  },
  ViewStmt: (catalog, node) => catalog.createView(of({ kind: 'ViewStmt', node }, 'ViewStmt')?.view),
  IndexStmt: (catalog, node) => catalog.createIndex(node),
  AlterTableStmt: (catalog, node) => catalog.alterTable(node),
  DropStmt: (catalog, node) => catalog.drop(node),
  RenameStmt: (catalog, node) => catalog.rename(node),
  AlterObjectSchemaStmt: (catalog, node) => {
    const statement = of({ kind: 'AlterObjectSchemaStmt', node }, 'AlterObjectSchemaStmt')
    if (statement?.relation) catalog.setSchema(statement.relation, statement.newschema ?? '')
  },
  CreateEnumStmt: (catalog, node) => {
    const statement = of({ kind: 'CreateEnumStmt', node }, 'CreateEnumStmt')
    catalog.createEnum(words(statement?.typeName), words(statement?.vals))
  },
  AlterEnumStmt: (catalog, node) => {
    const statement = of({ kind: 'AlterEnumStmt', node }, 'AlterEnumStmt')
    catalog.alterEnum(
      catalog.keyOfWords(words(statement?.typeName)),
      statement?.oldVal,
      statement?.newVal ?? '',
    )
  },
  CreateDomainStmt: (catalog, node) => {
    const statement = of({ kind: 'CreateDomainStmt', node }, 'CreateDomainStmt')
    const constraints = (statement?.constraints ?? []).flatMap((one) => held(one, 'Constraint') ?? [])
    catalog.createDomain(words(statement?.domainname), typeText(statement?.typeName), constraints)
  },
  AlterDomainStmt: (catalog, node) => catalog.alterDomain(node),
  CreateFunctionStmt: (catalog, node) => {
    const statement = of({ kind: 'CreateFunctionStmt', node }, 'CreateFunctionStmt')
    const types = (statement?.parameters ?? []).flatMap((one) => {
      const parameter = held(one, 'FunctionParameter')
      return parameter?.argType && parameter.mode !== 'FUNC_PARAM_OUT' ? [typeText(parameter.argType)] : []
    })
    catalog.createRoutine(words(statement?.funcname), statement?.options ?? [], types.join(', '))
  },
  AlterFunctionStmt: (catalog, node) => {
    const statement = of({ kind: 'AlterFunctionStmt', node }, 'AlterFunctionStmt')
    catalog.alterRoutine(words(statement?.func?.objname), statement?.actions ?? [])
  },
  CreateSeqStmt: (catalog, node) =>
    catalog.createSequence(of({ kind: 'CreateSeqStmt', node }, 'CreateSeqStmt')?.sequence),
  CreateTrigStmt: (catalog, node) => {
    const statement = of({ kind: 'CreateTrigStmt', node }, 'CreateTrigStmt')
    if (statement) catalog.createTrigger(statement.relation, statement.trigname ?? '', statement)
  },
  CreatePolicyStmt: (catalog, node) =>
    catalog.createPolicy(of({ kind: 'CreatePolicyStmt', node }, 'CreatePolicyStmt')?.table),
  CreateExtensionStmt: (catalog, node) =>
    catalog.createExtension(of({ kind: 'CreateExtensionStmt', node }, 'CreateExtensionStmt')?.extname ?? ''),
  VariableSetStmt: (catalog, node) => {
    const statement = of({ kind: 'VariableSetStmt', node }, 'VariableSetStmt')
    catalog.set(statement?.name?.toLowerCase() ?? '', statement?.args ?? [])
  },
}

/** Without what only this catalog knows. Of many tables, few have it. */
function tableOf(relation: Relation): Table {
  if (relation.notNulls === undefined && relation.policy === undefined) return relation
  const { notNulls: _, policy: __, ...table } = relation
  return table
}

function copyInto<K, V>(to: Map<K, V>, from: ReadonlyMap<K, V>): void {
  for (const [key, value] of from) to.set(key, value)
}

/** What stands in the same schema. */
function beside({ schema }: { readonly schema: string }, name: string): string {
  return nameOf({ schema, name })
}

/** The name of an object that a statement drops or renames, in parts. */
export function namesOf(object: Node | undefined): string[] {
  const items = held(object, 'List')?.items
  if (items !== undefined) return words(items)
  const names = held(object, 'TypeName')?.names ?? held(object, 'ObjectWithArgs')?.objname
  if (names !== undefined) return words(names)
  const name = held(object, 'String')?.sval
  return name === undefined ? [] : [name]
}

/** Whether a list begins with these, in whatever order. */
export function beginsWith(list: readonly string[], columns: readonly string[]): boolean {
  const start = list.slice(0, columns.length)
  return columns.length > 0 && columns.every((column) => start.includes(column))
}

function partOf(node: Node): IndexPart {
  const { name, expr, ordering, collation }: IndexElem = held(node, 'IndexElem') ?? {}
  return {
    ...(name === undefined ? { expression: expressionText(expr) } : { column: name }),
    ...(ordering === 'SORTBY_DESC' && { desc: true }),
    ...(collation && { collation: words(collation).at(-1) ?? '' }),
  }
}

function checkOf({ name }: Named, constraint: Constraint): Check {
  return {
    name: constraint.conname ?? `${name}_check`,
    expression: expressionText(constraint.raw_expr),
    ...(constraint.skip_validation && { notValid: true }),
  }
}

function partitionText(spec: NonNullable<CreateStmt['partspec']>): string {
  const strategy = spec.strategy?.replace('PARTITION_STRATEGY_', '') ?? 'RANGE'
  const columns = (spec.partParams ?? []).map((param) => {
    const element = held(param, 'PartitionElem')
    return element?.name ?? expressionText(element?.expr)
  })
  return `${strategy} (${columns.join(', ')})`
}

function optionOf(options: readonly Node[], name: string): string | undefined {
  const found = options
    .map((option): DefElem => held(option, 'DefElem') ?? {})
    .find(({ defname }) => defname === name)
  return held(found?.arg, 'String')?.sval
}

/** As pg_get_functiondef writes it, before the body. */
function volatilityIn(sql: string): Volatility {
  const [head = ''] = sql.split(/\bAS\b\s*[$']|\bBEGIN ATOMIC\b|\bRETURN\b/i)
  return /\b(IMMUTABLE|STABLE)\b/i.test(head) ? 'stable' : 'volatile'
}
