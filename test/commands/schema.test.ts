import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { schema, up } from '../../src/index.ts'
import { KINDS, SERVERS, withFolder } from '../matrix.ts'
import { run } from '../process.ts'
import { errorOf, scripts } from '../tools.ts'

const migrations = scripts({
  '1_users': 'CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT NOT NULL)',
  '2_notes': 'CREATE TABLE notes (id INTEGER PRIMARY KEY, user_id INTEGER REFERENCES users (id), body TEXT)',
})
/** The server to make shadow databases on. */
const shadow = `${SERVERS.at(-1)?.url}/postgres`

const BEGINS: Readonly<Record<string, RegExp>> = {
  sql: /^CREATE TABLE users \(/,
  json: /^\{\n {2}"dialect": "(sqlite|postgres)"/,
  mermaid: /^erDiagram\n {4}by_hand \{/,
  dbml: /^Project \{/,
  svg: /^<svg xmlns/,
}

describe('schema', { concurrency: true }, () => {
  for (const { label, dialect, scratch } of KINDS) {
    test(`1 the live database, in every format, on ${label}`, () =>
      scratch(async ({ url, query }) => {
        await up({ database: url, migrations })
        await query('CREATE TABLE by_hand (x INTEGER)')
        for (const format of ['sql', 'json', 'mermaid', 'dbml', 'svg'] as const) {
          const result = await schema({ database: url, migrations, format })
          if (format !== 'sql') assert.match(result.text, BEGINS[format] ?? /./)
          assert.ok(result.text.includes('by_hand') && !result.text.includes('schema_migrations'), format)
          assert.deepEqual([result.dialect, result.format, result.at], [dialect, format, undefined])
          assert.ok(result.database !== undefined)
        }
      }))

    test(`2 sql makes the same schema in an empty database on ${label}`, () =>
      scratch(async ({ url }) => {
        await up({ database: url, backup: {} })
        const { text, schema: first } = await schema({ database: url })
        await scratch(async (other) => {
          await up({ database: other.url, migrations: [{ name: '1_all.sql', sql: text }] })
          const again = await schema({ database: other.url })
          assert.deepEqual(again.schema, first)
          assert.equal(again.text, text)
        })
      }))

    test(`3 at a migration: from the files, whatever the database holds, on ${label}`, () =>
      scratch(async ({ url, tables }) => {
        const options = { database: url, migrations, shadow }
        const first = await schema({ ...options, at: '1' })
        assert.deepEqual([first.at, first.database], ['1_users', undefined])
        assert.match(first.text, BEGINS.sql ?? /./)
        assert.ok(!first.text.includes('notes'))
        const last = await schema({ ...options, dialect })
        assert.equal(last.at, '2_notes')
        assert.ok(last.text.includes('notes'))
        assert.deepEqual(await tables(), [])
        assert.equal((await errorOf(schema({ ...options, at: '2_note' }))).code, 'UNKNOWN_ID')
      }))
  }

  test('4 where there is no SQLite database yet: what the migrations will make, and nothing is made', () =>
    withFolder(async (folder) => {
      const { status, stdout, stderr } = await run(['schema', '--format', 'mermaid'], { cwd: folder })
      assert.equal(status, 0)
      assert.ok(stdout.startsWith('erDiagram\n    logs {\n'))
      assert.equal(
        stderr,
        'warning: there is no database ./data/nexflow.db yet: this is what the migrations will make\n',
      )
      assert.ok(!existsSync(join(folder, 'data')))
      const { stdout: json } = await run(['schema', '--json'], { cwd: folder })
      const result = JSON.parse(json)
      assert.equal(result.at, '000003_add_user_metadata')
      assert.equal(result.schema.tables.length, 7)
      const memory = await schema({ database: ':memory:', migrations })
      assert.equal(memory.at, '2_notes')
    }))

  test('5 a format that is none', async () => {
    const { status, stderr } = await run(['schema', '--format', 'mermiad'])
    assert.equal(status, 2)
    assert.match(stderr, /there is no format mermiad\n.*did you mean mermaid\?/)
  })

  test('6 without migrations there is nothing', async () => {
    const result = await schema({ database: ':memory:', migrations: [] })
    assert.deepEqual([result.at, result.text], [undefined, ''])
  })
})
