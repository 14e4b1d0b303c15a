import type { ClientBase, ClientConfig } from 'pg'
import type { Column } from '../../core/schema/model.ts'
import type { Selection } from '../../core/transfer/select.ts'
import { type Chooser, chooseWith, type IdPart } from '../choose.ts'
import { nameOf } from './connect.ts'
import { fromPostgres } from './errors.ts'
import { quoteTable } from './receive.ts'

/** Where a row is, which stays as it is for the transaction's snapshot; in partitions also in which. */
const CTID: IdPart = { name: 'ctid', type: 'tid' }
const PARTITION: IdPart = { name: 'tableoid', type: 'oid' }

/**
 * Chooses rows inside the transaction that is open, as `chooseWith` says. It must be REPEATABLE READ, and not READ
 * ONLY, which forbids temporary tables too; they go with it.
 *
 * @throws USAGE, the errors of the connection
 */
export function choose(client: ClientBase, selection: Selection): Promise<Map<string, string>> {
  const chooser: Chooser = {
    temporary: 'pg_temp',
    run: async (sql) => {
      try {
        return (await client.query(sql)).rowCount ?? 0
      } catch (error) {
        throw fromPostgres(error, nameOf(client as ClientConfig)) ?? error
      }
    },
    // Tables that inherit have rows and keys of their own.
    from: (table) => (table.partitionBy === undefined ? `ONLY ${quoteTable(table)}` : quoteTable(table)),
    idOf: ({ partitionBy }) => (partitionBy === undefined ? [CTID] : [PARTITION, CTID]),
    comparedWith,
    soughtAmong: (sql) => sql,
  }
  return chooseWith(chooser, selection)
}

/** The foreign key compares by the collation of the column that it refers to. */
function comparedWith(parent: Column | undefined, sql: string, child: Column | undefined): string {
  if (parent?.collation === child?.collation) return sql
  return `${sql} COLLATE ${parent?.collation ?? 'pg_catalog."default"'}`
}
