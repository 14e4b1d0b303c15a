import { DatabaseSync } from 'node:sqlite'
import pg from 'pg'
import type { Schema, Table } from '../src/core/schema/model.ts'
import { formOf, longestOf } from '../src/core/transfer/form.ts'
import type { Moved } from '../src/core/transfer/moved.ts'
import { withDatabase } from '../src/database/database.ts'
import { withFolder } from './matrix.ts'
import { onServer, type Server } from './servers.ts'

/** A database of SQLite and one of PostgreSQL with tables of the same names. */
export interface Both {
  readonly native: DatabaseSync
  readonly client: pg.Client
  readonly url: string
  readonly folder: string
  /** The tables of both as they are now. */
  schemas(): Promise<{ sqlite: Schema; postgres: Schema; all: Moved[] }>
}

export async function withBoth<T>(server: Server, work: (both: Both) => Promise<T>): Promise<T> {
  const name = `test_${process.pid}_${Math.random().toString(36).slice(2)}`
  await onServer(`${server.url}/postgres`, `CREATE DATABASE ${name}`)
  const url = `${server.url}/${name}`
  const client = new pg.Client(url)
  await client.connect()
  try {
    return await withFolder(async (folder) => {
      const native = new DatabaseSync(`${folder}/app.db`, { enableForeignKeyConstraints: false })
      const schemas = async () => {
        const sqlite = await withDatabase(native, {}, (database) => database.introspect())
        const postgres = await withDatabase(url, {}, (database) => database.introspect())
        return { sqlite, postgres, all: postgres.tables.map((to) => movedOf(to, sqlite, postgres)) }
      }
      try {
        return await work({ native, client, url, folder, schemas })
      } finally {
        native.close()
      }
    })
  } finally {
    await client.end()
    await onServer(`${server.url}/postgres`, `DROP DATABASE ${name} WITH (FORCE)`)
  }
}

/** A table with all of its columns. */
export function movedOf(to: Table, sqlite: Schema, postgres: Schema): Moved {
  const from = sqlite.tables.find(({ name }) => name === to.name)
  if (from === undefined) throw new Error(`no ${to.name}`)
  const columns = from.columns.flatMap((column) => {
    const other = to.columns.find(({ name }) => name === column.name)
    if (other === undefined) return []
    const longest = longestOf(other, postgres)
    return [
      { from: column, to: other, form: formOf(other, postgres), ...(longest !== undefined && { longest }) },
    ]
  })
  return { from, to, columns, key: from.primaryKey?.columns ?? [] }
}

/** The way back. */
export function reversed({ from, to, columns, key }: Moved): Moved {
  return {
    from: to,
    to: from,
    key,
    columns: columns.map(({ from, to, form }) => ({ from: to, to: from, form })),
  }
}

export function tableOf({ tables }: Schema, name: string): Table {
  const table = tables.find((one) => one.name === name)
  if (table === undefined) throw new Error(`no ${name}`)
  return table
}
