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
  /**
   * The rows of a table, in buffers of whole rows.
   *
   * @param to the other end
   * @throws BAD_ROWS
   */
  read(moved: Moved, to: Dialect): AsyncIterable<Packet>
  /**
   * Empties a table, writes rows into it, and commits that together with `note`: all or nothing.
   *
   * @param from the other end
   * @returns how many rows it holds now
   * @throws BAD_ROWS
   */
  write(moved: Moved, from: Dialect, rows: AsyncIterable<Packet>, note: Sql): Promise<number>
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
  /** The last number that each counter has given: AUTOINCREMENT, serial, identity. */
  counters(tables: readonly Named[]): Promise<readonly Counter[]>
  /** The SQL that lets each counter go on behind what it has given, and behind what its column holds. */
  countersSql(counters: readonly Counter[]): Promise<string>
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

/** What has changed in a database that is followed, and is there to be read at one moment. */
export interface Changes {
  /** The last row of the log that is in it. */
  readonly last: number
  readonly tables: readonly Changed[]
}

/** What has changed of a table. */
export interface Changed {
  readonly moved: Moved
  /** Where the keys are that were written; none of a table without a key, of which all rows are taken again. */
  readonly keys?: Moved
  /** Where the rows are that have these keys now. A key without a row is gone. */
  readonly rows: Moved
  /** How many these are. */
  readonly present: number
}
