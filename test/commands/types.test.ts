import assert from 'node:assert/strict'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { types } from '../../src/index.ts'
import { compile } from '../compile.ts'
import { SERVERS, withFolder } from '../matrix.ts'
import { run } from '../process.ts'
import { errorOf, scripts } from '../tools.ts'

const ROOT = join(import.meta.dirname, '../..')
const migrations = scripts({
  '1_a': `CREATE TABLE notes (id INTEGER PRIMARY KEY, body TEXT NOT NULL)`,
  '2_b': `ALTER TABLE notes ADD COLUMN kind TEXT CHECK (kind IN ('a', 'b'))`,
})
/** The server to make shadow databases on. */
const shadow = `${SERVERS.at(-1)?.url}/postgres`

describe('types', { concurrency: true }, () => {
  test('1 those of Nexflow, which openDatabase gives, are up to date', async () => {
    const file = join(ROOT, 'src/core/nexflow.ts')
    const { upToDate, dialects } = await types({ file, check: true, shadow })
    assert.ok(upToDate, 'run: npx nexflow-migrate types src/core/nexflow.ts')
    assert.deepEqual(dialects, ['sqlite', 'postgres'])
  })

  test('2 without a file they are the result, and nothing is written', async () => {
    const { text, upToDate, file } = await types({ migrations, dialect: 'sqlite' })
    assert.ok(text.includes(`  kind: 'a' | 'b' | null\n`))
    assert.ok(text.includes('  id: Generated<number>\n'))
    assert.equal(upToDate, false)
    assert.equal(file, undefined)
  })

  test('3 a file is written, with its folder; the same again changes nothing', () =>
    withFolder(async (folder) => {
      const file = join(folder, 'deep/er/types.ts')
      const options = { migrations, dialect: 'sqlite', file } as const
      const written = await types(options)
      assert.equal(written.upToDate, false)
      assert.equal(readFileSync(file, 'utf8'), written.text)
      assert.equal((await types(options)).upToDate, true)
      writeFileSync(file, written.text.replaceAll('\n', '\r\n'))
      assert.equal((await types(options)).upToDate, true, 'as a checkout on Windows makes it')
      assert.ok(readFileSync(file, 'utf8').includes('\r\n'))
    }))

  test('4 check writes nothing and exits with 3', () =>
    withFolder(async (folder) => {
      mkdirSync(join(folder, 'migrations'))
      for (const { name, sql } of migrations) writeFileSync(join(folder, 'migrations', name), sql)
      const args = ['types', 'types.ts', '--dir', 'migrations', '--dialect', 'sqlite']
      const missing = await run([...args, '--check'], { cwd: folder })
      assert.deepEqual(
        [missing.status, missing.stdout],
        [3, 'types.ts: out of date; "types types.ts" writes it\n'],
        missing.stderr,
      )
      assert.ok(!existsSync(join(folder, 'types.ts')))
      const written = await run(args, { cwd: folder })
      assert.deepEqual([written.status, written.stdout, written.stderr], [0, 'wrote types.ts\n', ''])
      const fine = await run([...args, '--check', '--json'], { cwd: folder })
      assert.equal(fine.status, 0)
      assert.equal(JSON.parse(fine.stdout).upToDate, true)
      writeFileSync(join(folder, 'migrations/3_c.sql'), 'CREATE TABLE more (x TEXT)')
      assert.equal((await run([...args, '--check'], { cwd: folder })).status, 3)
      const printed = await run(['types', '--dir', 'migrations', '--dialect', 'sqlite'], { cwd: folder })
      assert.ok(printed.stdout.includes('export interface MoreTable {\n'))
    }))

  test('5 what is wrong is told', async () => {
    assert.equal((await errorOf(types({ migrations, dialect: 'sqlite', check: true }))).code, 'USAGE')
    const broken = scripts({ '1_a': 'CREATE TABLE' })
    assert.equal((await errorOf(types({ migrations: broken, dialect: 'sqlite' }))).code, 'SQL')
    const file = join(ROOT, 'package.json/types.ts')
    assert.equal((await errorOf(types({ migrations, dialect: 'sqlite', file }))).code, 'DIRECTORY')
    const none = await errorOf(types({ migrations, shadow: 'postgres://127.0.0.1:1/none' }))
    assert.match(String(none.hint), none.code === 'SHADOW' ? /--dialect sqlite/ : /./)
    const { status, stderr } = await run(['types', '--dialect', 'mysql'])
    assert.equal(status, 2)
    assert.match(stderr, /there is no dialect mysql/)
  })

  test('6 openDatabase gives them', () =>
    compile({
      'app.ts': `
import { Kysely, PostgresDialect } from 'kysely'
import { type DatabaseOf, type Nexflow, openDatabase } from '${join(ROOT, 'src/index.ts')}'
type Same<A, B> = [A, B] extends [B, A] ? true : false
const db = await openDatabase({ type: 'postgres', path: 'postgres://h/d' })
const kysely = new Kysely<DatabaseOf<typeof db>>({ dialect: new PostgresDialect({ pool: db.native }) })
const user: Nexflow.PostgresNewUser = { channel: 'web', channel_user_id: '1' }
await kysely.insertInto('users').values(user).execute()
const task = await kysely.selectFrom('tasks').selectAll().executeTakeFirstOrThrow()
const created: Date = task.created_at
// @ts-expect-error: no status of a task
await kysely.updateTable('tasks').set({ status: 'lost' }).execute()

const sqlite = await openDatabase({ type: 'sqlite' })
const one: Same<DatabaseOf<typeof sqlite>, Nexflow.SqliteDatabase> = true
const any = await openDatabase()
const either: Same<DatabaseOf<typeof any>, Nexflow.SqliteDatabase | Nexflow.PostgresDatabase> = true
interface Mine { sqlite: { a: { x: string } }; postgres: { a: { x: Date } } }
const own: Same<DatabaseOf<typeof db, Mine>, { a: { x: Date } }> = true
export default { created, one, either, own }
`,
    }))
})
