import type { Server } from '../../test/servers.ts'
import type { Table } from '../measure.ts'
import { onPostgres } from './postgres.ts'
import { onSqlite } from './sqlite.ts'

/** What an application feels while a migration runs. */
export async function stall(server: Server): Promise<Table[]> {
  return [...(await onPostgres(server)), await onSqlite()]
}
