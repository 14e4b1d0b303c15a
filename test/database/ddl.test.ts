import assert from 'node:assert/strict'
import { DatabaseSync } from 'node:sqlite'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import pg from 'pg'
import { alterSchema, createSchema, scriptText } from '../../src/core/schema/ddl.ts'
import type { Schema, Table } from '../../src/core/schema/model.ts'
import { tablesInOrder } from '../../src/core/schema/order.ts'
import { introspect as introspectPostgres } from '../../src/database/postgres/introspect.ts'
import { introspect as introspectSqlite } from '../../src/database/sqlite/introspect.ts'
import { KINDS, type Kind } from '../matrix.ts'
import { schemas } from '../schemas.ts'

/** A database that is emptied again and again. */
interface Ground {
  clear(): Promise<void>
  run(sql: string): Promise<void>
  schema(): Promise<Schema>
  count(table: string): Promise<number>
}

async function onGround(kind: Kind, work: (ground: Ground) => Promise<void>): Promise<void> {
  if (kind.dialect === 'sqlite') {
    let native = new DatabaseSync(':memory:')
    const clear = async () => {
      native.close()
      native = new DatabaseSync(':memory:')
      // As the tool does where a script drops a table that others refer to.
      native.exec('PRAGMA foreign_keys = OFF')
    }
    return work({
      clear,
      run: async (sql) => native.exec(`BEGIN; ${sql}; COMMIT`),
      schema: async () => introspectSqlite(native),
      count: async (table) => Number(native.prepare(`SELECT count(*) AS n FROM "${table}"`).get()?.n),
    })
  }
  await kind.scratch(async ({ url }) => {
    const client = new pg.Client(url)
    await client.connect()
    const rows = async (sql: string) => {
      const results = await client.query(sql)
      return (Array.isArray(results) ? results : [results]).map((result) => result.rows)
    }
    try {
      await work({
        clear: async () => {
          await client.query('ROLLBACK; DROP SCHEMA public CASCADE; CREATE SCHEMA public')
        },
        run: async (sql) => {
          await client.query(`BEGIN; ${sql}; COMMIT`)
        },
        schema: () => introspectPostgres(rows),
        count: async (table) => Number((await rows(`SELECT count(*) AS n FROM "${table}"`))[0]?.[0]?.n),
      })
    } finally {
      await client.end()
    }
  })
}

/** Three rows for a table. */
function rowsOf(table: Table, dialect: Schema['dialect']): string[] {
  const columns = table.columns.filter(({ generated }) => generated === undefined)
  const value = (column: Table['columns'][number], i: number) => {
    if (column.nullable && i === 2) return 'NULL'
    const { kind, type } = column
    if (kind === 'integer' || type === 'positive') return String(i + 1)
    if (kind === 'real') return `${i}.5`
    if (kind === 'blob') return `x'0${i}'`
    if (kind === 'boolean') return 'true'
    if (kind === 'json') return `'{"i": ${i}}'`
    if (kind === 'enum') return `'ok'`
    if (kind === 'array') return `'{ok}'`
    if (kind.startsWith('timestamp')) return `'2026-01-0${i + 1}'`
    return dialect === 'sqlite' ? `'v${i}'` : `'${i}'`
  }
  const names = columns.map(({ name }) => `"${name}"`).join(', ')
  return [0, 1, 2].map(
    (i) => `INSERT INTO "${table.name}" (${names}) VALUES (${columns.map((column) => value(column, i)).join(', ')})`,
  )
}

function plain(schema: Schema): Schema {
  const byName = <T extends { name: string }>(all: readonly T[]) => [...all].sort((a, b) => (a.name < b.name ? -1 : 1))
  return { ...schema, tables: schema.tables.map((table) => ({ ...table, columns: byName(table.columns) })) }
}

const RUNS = Number(process.env.RUNS ?? 40)

for (const kind of KINDS) {
  describe(kind.label, () => {
    const { dialect } = kind

    test('1 built from its own dump and read again it is the same', () =>
      onGround(kind, (ground) =>
        fc.assert(
          fc.asyncProperty(schemas(dialect), async (schema) => {
            await ground.clear()
            await ground.run(scriptText(createSchema(schema)))
            const first = await ground.schema()
            const dump = scriptText(createSchema(first))
            await ground.clear()
            await ground.run(dump)
            assert.deepEqual(await ground.schema(), first)
            assert.equal(scriptText(createSchema(await ground.schema())), dump)
          }),
          { numRuns: RUNS },
        ),
      ))

    test('2 altered into another it is the other', () =>
      onGround(kind, (ground) =>
        fc.assert(
          fc.asyncProperty(schemas(dialect), schemas(dialect), fc.boolean(), async (a, b, withRows) => {
            await ground.clear()
            await ground.run(scriptText(createSchema(b)))
            const after = await ground.schema()
            await ground.clear()
            await ground.run(scriptText(createSchema(a)))
            const before = await ground.schema()
            if (withRows) {
              const off = dialect === 'postgres' ? `SET LOCAL session_replication_role = replica;` : ''
              const rows = tablesInOrder(before).flatMap((table) => rowsOf(table, dialect))
              await ground.run([off, ...rows].join(';\n'))
            }
            const { statements, notes } = alterSchema(before, after)
            const script = scriptText(statements)
            const may = withRows && notes.some((note) => /fails if|look at its values/.test(note))
            try {
              await ground.run(script)
            } catch (error) {
              if (may) return
              throw new Error(`${error}\n${script}\n${notes.join('\n')}`, { cause: error })
            }
            assert.deepEqual(plain(await ground.schema()), plain(after), script)
            assert.deepEqual(alterSchema(await ground.schema(), after).statements, [])
            if (!withRows) return
            for (const { name } of after.tables) {
              const stayed = before.tables.some((table) => table.name === name)
              assert.equal(await ground.count(name), stayed ? 3 : 0, name)
            }
          }),
          { numRuns: RUNS },
        ),
      ))
  })
}
