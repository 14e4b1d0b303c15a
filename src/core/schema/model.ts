import type { Dialect } from '../migrations.ts'

/** What a value is, whichever database holds it. */
export type Kind =
  | 'integer'
  | 'real'
  | 'numeric'
  | 'boolean'
  | 'text'
  | 'uuid'
  | 'enum'
  | 'json'
  | 'date'
  | 'time'
  | 'timestamp'
  | 'timestamptz'
  | 'interval'
  | 'blob'
  | 'array'
  | 'other'

/** What has a name in a schema of the database. */
export interface Named {
  /** Empty for the schema in which new tables are made: `main`, or the first of the search_path. */
  readonly schema: string
  readonly name: string
}

/** All that a database holds beside its rows; nothing of this tool's own, of the system or of an extension. */
export interface Schema {
  readonly dialect: Dialect
  /** PostgreSQL's, by name, without plpgsql. */
  readonly extensions: readonly string[]
  readonly enums: readonly Enum[]
  readonly domains: readonly Domain[]
  /** Those of no column: what serial, identity and AUTOINCREMENT count with is part of the column. */
  readonly sequences: readonly Sequence[]
  readonly functions: readonly Routine[]
  readonly tables: readonly Table[]
  readonly views: readonly View[]
  readonly triggers: readonly Trigger[]
}

export interface Enum extends Named {
  /** In their order. */
  readonly values: readonly string[]
  readonly comment?: string
}

export interface Domain extends Named {
  /** The type below it, as the database writes it. */
  readonly type: string
  readonly nullable: boolean
  /** An SQL expression. */
  readonly default?: string
  readonly checks: readonly Check[]
  readonly comment?: string
}

export interface Sequence extends Named {
  readonly type: string
  /** Numbers as text: they may be beyond what JavaScript counts exactly. */
  readonly start: string
  readonly increment: string
  readonly min: string
  readonly max: string
  readonly cycle: boolean
  readonly comment?: string
}

/** A function or a procedure of PostgreSQL. */
export interface Routine extends Named {
  /** Types of the arguments, which tell those of one name apart, such as `integer, text`. */
  readonly arguments: string
  /** The statement that makes it. */
  readonly sql: string
  readonly comment?: string
}

export interface Table extends Named {
  /** In their order. */
  readonly columns: readonly Column[]
  readonly primaryKey?: Key
  /** Constraints; a unique index that is none is an index. */
  readonly uniques: readonly Unique[]
  readonly foreignKeys: readonly ForeignKey[]
  readonly checks: readonly Check[]
  readonly exclusions: readonly Exclusion[]
  readonly indexes: readonly Index[]
  /** SQLite: every value has its column's type. */
  readonly strict?: true
  /** SQLite: WITHOUT ROWID. */
  readonly withoutRowid?: true
  /** PostgreSQL: UNLOGGED. */
  readonly unlogged?: true
  /** SQLite: the statement that makes a virtual table. Its columns tell what it holds; it has no keys. */
  readonly virtual?: string
  /** PostgreSQL: what stands behind PARTITION BY. */
  readonly partitionBy?: string
  /**
   * PostgreSQL: the table that it is a part of, and what stands behind its name: `FOR VALUES …` or `DEFAULT`. What it
   * has from that table stands there only, beside the columns.
   */
  readonly partitionOf?: Named & { readonly bound: string }
  readonly comment?: string
}

export interface Column {
  readonly name: string
  /** Raw: as SQLite's table declares it, as PostgreSQL's format_type writes it. */
  readonly type: string
  readonly kind: Kind
  readonly nullable: boolean
  /** An SQL expression, as the database gives it back. */
  readonly default?: string
  /**
   * Who counts where nothing is given: `autoincrement` is SQLite's keyword (a plain INTEGER PRIMARY KEY has none),
   * the others are PostgreSQL's.
   */
  readonly identity?: 'autoincrement' | 'serial' | 'always' | 'by default'
  readonly generated?: { readonly expression: string; readonly stored: boolean }
  /** Only where it is not the type's own. As SQL has it: NOCASE, "C" in its quotes. */
  readonly collation?: string
  /** SQLite: NOT NULL ON CONFLICT …, where it is not ABORT. */
  readonly onConflict?: Conflict
  readonly comment?: string
}

/** SQLite: what is done with a row that breaks a constraint: https://sqlite.org/lang_conflict.html */
export type Conflict = 'ROLLBACK' | 'FAIL' | 'IGNORE' | 'REPLACE'

export interface Key {
  /** PostgreSQL names every constraint; SQLite only one that was given a name. */
  readonly name?: string
  readonly columns: readonly string[]
  /** SQLite: columns of the key in descending order. */
  readonly desc?: readonly string[]
  /** SQLite: collations, by column, that are not the column's own. */
  readonly collations?: Readonly<Record<string, string>>
  /** SQLite: only where it is not ABORT. */
  readonly onConflict?: Conflict
  /** PostgreSQL: columns that are only carried along. */
  readonly include?: readonly string[]
  readonly deferrable?: Deferrable
}

export interface Unique extends Key {
  readonly nullsNotDistinct?: true
}

/** Whether a constraint can be checked at the end of a transaction, and is unless somebody says otherwise. */
export type Deferrable = 'immediate' | 'deferred'

export type Action = 'NO ACTION' | 'RESTRICT' | 'CASCADE' | 'SET NULL' | 'SET DEFAULT'

export interface ForeignKey {
  readonly name?: string
  readonly columns: readonly string[]
  /** The table referred to. */
  readonly to: Named
  /** Its columns; also where SQLite's text leaves them out and means its primary key. */
  readonly references: readonly string[]
  readonly onDelete: Action
  /** PostgreSQL: those that ON DELETE sets, where it is not all. */
  readonly onDeleteColumns?: readonly string[]
  readonly onUpdate: Action
  readonly matchFull?: true
  readonly deferrable?: Deferrable
  /** PostgreSQL: NOT VALID. */
  readonly notValid?: true
}

export interface Check {
  readonly name?: string
  /** An SQL expression without the parentheses around it. */
  readonly expression: string
  /** PostgreSQL: NOT VALID. */
  readonly notValid?: true
}

export interface Exclusion {
  readonly name: string
  /** As `pg_get_constraintdef` writes it: EXCLUDE …, and a key or a foreign key over periods of time. */
  readonly definition: string
}

export interface Index {
  readonly name: string
  readonly unique: boolean
  readonly parts: readonly IndexPart[]
  /** Only where it is not a B-tree. */
  readonly method?: string
  /** An SQL expression: the index is partial. */
  readonly where?: string
  /** PostgreSQL: columns that are only carried along. */
  readonly include?: readonly string[]
  readonly nullsNotDistinct?: true
  readonly comment?: string
}

/** A column or an expression that an index orders by. */
export interface IndexPart {
  /** One of the two. */
  readonly column?: string
  readonly expression?: string
  readonly desc?: true
  /** Only where it is not the order's own: last when ascending, first when descending, in PostgreSQL. */
  readonly nulls?: 'first' | 'last'
  readonly collation?: string
  /** PostgreSQL: an operator class that is not the type's own. */
  readonly operators?: string
}

export interface View extends Named {
  readonly columns: readonly Pick<Column, 'name' | 'type' | 'kind'>[]
  /** The SELECT. */
  readonly query: string
  readonly materialized?: true
  /** A materialized view's. */
  readonly indexes: readonly Index[]
  readonly comment?: string
}

/** `schema` is that of its table, or view. */
export interface Trigger extends Named {
  readonly table: string
  readonly timing: 'BEFORE' | 'AFTER' | 'INSTEAD OF'
  /** `INSERT`, `UPDATE`, `DELETE`, `TRUNCATE`. */
  readonly events: readonly string[]
  /** The columns of UPDATE OF. */
  readonly of?: readonly string[]
  /** The statement that makes it. */
  readonly sql: string
  /** PostgreSQL: what ALTER TABLE … TRIGGER has made of it. */
  readonly enabled?: 'disabled' | 'replica' | 'always'
  readonly comment?: string
}

/** How people are told of it: with its schema where that is not the usual one. */
export function nameOf({ schema, name }: Named): string {
  return schema === '' ? name : `${schema}.${name}`
}

/** A schema that holds nothing. */
export function emptySchema(dialect: Dialect): Schema {
  return {
    dialect,
    extensions: [],
    enums: [],
    domains: [],
    sequences: [],
    functions: [],
    tables: [],
    views: [],
    triggers: [],
  }
}
