import type { MigrateError } from '../../errors.ts'
import type { Direction } from '../../migrations.ts'
import type { Fields, NodeName } from '../../schema/convert/ast.ts'
import type { Spot } from '../../sql-error.ts'
import type { Effect, Measured } from '../effect.ts'
import type { Catalog } from './catalog.ts'

/** A statement's syntax tree: its kind, and what libpg-query says of it. */
export type Tree = Readonly<Record<string, unknown>>

/** A statement as the rules see it. */
export interface PostgresStatement extends Spot {
  /** Of libpg-query, such as `AlterTableStmt`. */
  readonly kind: string
  readonly node: Tree
  /** Measured, else predicted. */
  readonly effects: readonly Effect[]
  readonly measured: boolean
  /** Why it failed when it was measured. */
  readonly error?: MigrateError
}

/** A script to be looked at. */
export interface PostgresScript {
  readonly file: string
  readonly text: string
  readonly direction: Direction
  /** Not `-- migrate: no-transaction`. */
  readonly transaction: boolean
  /** `-- migrate: batch <rows>`. */
  readonly batched: boolean
  readonly statements: readonly {
    readonly start: number
    readonly end: number
    readonly tree: Tree
    readonly measured?: Measured
  }[]
  /** The server's major version, where it is known. */
  readonly version?: number
  /** Of a down script: the schema before its up script. */
  readonly before?: Catalog
}

/** What a tree is: its one name, and what stands in it. */
export function opened(tree: Tree): { kind: string; node: Tree } {
  for (const kind in tree) return { kind, node: (tree[kind] ?? {}) as Tree }
  return { kind: '', node: {} }
}

/** What a statement holds, if it is of that kind. */
export function of<K extends NodeName>(
  statement: { readonly kind: string; readonly node: Tree },
  kind: K,
): Fields<K> | undefined {
  return statement.kind === kind ? (statement.node as Fields<K>) : undefined
}

/** What a node holds, if it is of that name. */
export function held<K extends NodeName>(node: unknown, kind: K): Fields<K> | undefined {
  return typeof node === 'object' && node !== null ? (node as Record<K, Fields<K>>)[kind] : undefined
}
