import assert from 'node:assert/strict'
import pg, { type Client } from 'pg'
import { formBetween, formOf } from '../../src/core/transfer/form.ts'
import type { Moved } from '../../src/core/transfer/moved.ts'
import { withDatabase } from '../../src/database/database.ts'
import type { Packet } from '../../src/database/end.ts'

/** A table as it is moved between two databases that have it under the same name, with all of its columns. */
export function movedOf(from: string, to: string, table: string): Promise<Moved> {
  return withDatabase(from, { create: true }, (source) =>
    withDatabase(to, { create: true }, async (target) => {
      const [here, there] = [await source.introspect(), await target.introspect()]
      const [one, other] = [here, there].map(({ tables }) => tables.find(({ name }) => name === table))
      assert.ok(one && other)
      const postgres = target.dialect === 'postgres' ? there : here
      const any = formBetween(source.dialect, target.dialect)
      const columns = one.columns
        .filter(({ generated }) => generated === undefined)
        .map((column) => {
          const its = other.columns.find(({ name }) => name === column.name)
          assert.ok(its)
          const form = any ?? formOf(target.dialect === 'postgres' ? its : column, postgres)
          return { from: column, to: its, form }
        })
      return { from: one, to: other, columns, key: one.primaryKey?.columns ?? [] }
    }),
  )
}

/** Does `work` over a connection of its own. */
export async function withClient<T>(url: string, work: (client: Client) => Promise<T>): Promise<T> {
  const client = new pg.Client(url)
  // A test may have the server end it.
  client.on('error', () => {})
  await client.connect()
  try {
    return await work(client)
  } finally {
    await client.end()
  }
}

export async function* packets(...given: readonly Packet[]): AsyncIterable<Packet> {
  yield* given
}
