import type { Dialect } from '../core/migrations.ts'
import type { Named } from '../core/schema/model.ts'
import type { Sql } from '../core/sql-error.ts'
import type { Moved, Side } from '../core/transfer/moved.ts'

/**
 * One end of a transfer. Between the two ends rows are what COPY BINARY is made of, without its header and trailer
 * (postgresql.org/docs/current/sql-copy.html, "Binary Format"): the number of fields, then each with its length.
 * Where the target is PostgreSQL, fields are of the target's types; where it is SQLite, they are `wireOf` the form.
 */
export interface End {
  /** Does `work` while all that is read of it is of one moment, whoever writes meanwhile. */
  snapshot<T>(work: () => Promise<T>): Promise<T>
  /** Does `work` while nothing asks whether foreign keys hold: all tables are not filled at once. */
  unchecked<T>(work: () => Promise<T>): Promise<T>
  /**
   * The rows of a table, in buffers of whole rows.
   *
   * @param to the other end
   * @throws BAD_ROWS
   */
  read(moved: Moved, to: Dialect): AsyncIterable<Packet>
  /**
   * Empties a table, writes rows into it, and commits that together with a note: all or nothing.
   *
   * @param from the other end
   * @param note asked for when all rows are there
   * @throws BAD_ROWS
   */
  write(moved: Moved, from: Dialect, rows: AsyncIterable<Packet>, note: () => Sql): Promise<void>
  /** The number of rows, and a digest of their canonical form that does not depend on their order. */
  digest(moved: Moved, side: Side): Promise<Digest>
  /** The number of rows. */
  count(moved: Moved, side: Side): Promise<number>
  /**
   * What is set aside while tables are filled, and built again behind: foreign keys, indexes, triggers. In the order
   * in which it is to be done; of each table by itself, but for the foreign keys, which come last.
   *
   * @param large tables of which indexes too are set aside: with few rows it is not worth it
   */
  setAside(tables: readonly Named[], large: (table: Named) => boolean): Promise<readonly Aside[]>
  isEmpty(table: Named): Promise<boolean>
  /** About how many rows there are, where that can be told at once. */
  estimate(moved: Moved): Promise<number>
  /** The last number that each counter has given: AUTOINCREMENT, serial, identity. */
  counters(tables: readonly Named[]): Promise<readonly Counter[]>
  /**
   * The SQL that ends a transfer: each counter goes on behind what it has given and behind what its column holds, and
   * the planner learns what is there.
   */
  finish(tables: readonly Named[], counters: readonly Counter[]): Promise<string>
  /** The first row of the tables that refers to one that is not there, in a sentence; none if all is whole. */
  orphan(tables: readonly Named[]): Promise<string | undefined>
}

/** Whole rows, and how many. */
export interface Packet {
  readonly bytes: Uint8Array
  readonly rows: number
}

/** What a table holds, whatever the order of its rows. */
export interface Digest {
  readonly rows: number
  /** 16 hexadecimal digits: the sum of the rows' digests, modulo 2^64. */
  readonly digest: string
}

/** Something of the target that is taken away while a table is filled. */
export interface Aside {
  readonly table: Named
  /** A foreign key can be built when all tables are filled. */
  readonly kind: 'index' | 'trigger' | 'foreign key'
  readonly name: string
  readonly drop: string
  readonly build: string
}

/** What a counter has given last. */
export interface Counter {
  readonly table: Named
  readonly column: string
  readonly last: bigint
}
