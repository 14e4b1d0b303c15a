import type { DatabaseSync } from 'node:sqlite'
import type { ClientBase } from 'pg'
import type { Dialect } from '../core/migrations.ts'
import type { Named } from '../core/schema/model.ts'
import type { Sql } from '../core/sql-error.ts'
import type { Bad, Into, Search, Server } from '../core/transfer/bad.ts'
import type { Moved } from '../core/transfer/moved.ts'
import type { Selection } from '../core/transfer/select.ts'
import type { Database } from './database.ts'
import type { Proof } from './proof.ts'

/**
 * One end of a transfer. Between the two ends rows are what COPY BINARY is made of, without its header and trailer
 * (postgresql.org/docs/current/sql-copy.html, "Binary Format"): the number of fields, then each with its length.
 * Where the target is PostgreSQL, fields are of the target's types; where it is SQLite, they are `wireOf` the form.
 */
export interface End extends Proof {
  readonly handle: Handle
  /** Does `work` while all that is read of it is of one moment, whoever writes meanwhile. */
  snapshot<T>(work: () => Promise<T>): Promise<T>
  /** Does `work` while nothing asks whether foreign keys hold: all tables are not filled at once. */
  unchecked<T>(work: () => Promise<T>): Promise<T>
  /**
   * The rows of a table, in buffers of whole rows.
   *
   * @param to the other end
   * @param onDigest told at the end what `digest` would give, where that costs less than to read the rows again
   * @throws BAD_ROWS
   */
  read(moved: Moved, to: Dialect, onDigest?: (digest: Digest) => void): AsyncIterable<Packet>
  /**
   * Empties a table, writes rows into it, and commits that together with a note: all or nothing.
   *
   * @param from the other end
   * @param note asked for when all rows are there
   * @throws BAD_ROWS
   */
  write(moved: Moved, from: Dialect, rows: AsyncIterable<Packet>, note: () => Sql): Promise<void>
  /**
   * Chooses rows, and those that they refer to, inside the snapshot.
   *
   * @returns by the names of tables, conditions for `Moved.rows`; a table without one is taken whole
   * @throws USAGE
   */
  choose(selection: Selection): Promise<ReadonlyMap<string, string>>
  /** Makes the secret of this run, by which values are masked, inside the snapshot. */
  startMasks(): Promise<void>
  /**
   * The rows of a table that the target cannot take as they are, inside the snapshot. Nothing is written.
   *
   * @throws ABORTED
   */
  findBad(moved: Moved, into: Into, search: Search): Promise<readonly Bad[]>
  /** What can be asked whether it takes a value, before it is sent. */
  server(): Promise<Server | undefined>
  /**
   * What is set aside while tables are filled, and built again behind: foreign keys, indexes, triggers. In the order
   * in which it is to be done; of each table by itself, but for the foreign keys, which come last.
   *
   * @param large tables of which indexes too are set aside: with few rows it is not worth it
   */
  setAside(tables: readonly Named[], large: (table: Named) => boolean): Promise<readonly Aside[]>
  isEmpty(table: Named): Promise<boolean>
  /** The SQL that takes all rows out of tables, while nothing asks whether foreign keys hold. */
  emptied(tables: readonly Named[]): string
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

/** A connection to one of the databases. */
export interface Lane {
  readonly database: Database
  readonly end: End
}

/** The driver's own handle, of one connection. */
export type Handle =
  | { readonly dialect: 'sqlite'; readonly native: DatabaseSync }
  | { readonly dialect: 'postgres'; readonly client: ClientBase }

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
