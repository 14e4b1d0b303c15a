import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { openDatabase, up } from '../../src/index.ts'
import { KINDS, withFolder } from '../matrix.ts'
import { errorOf, scripts } from '../tools.ts'

const A = 'CREATE TABLE a (id INTEGER PRIMARY KEY)'
const migrations = scripts({ '1_a': A, '2_b': 'CREATE TABLE b (a INTEGER REFERENCES a (id))' })

for (const kind of KINDS) {
  describe(`openDatabase, ${kind.label}`, () => {
    test('1 migrates, and hands back the native handle', () =>
      kind.scratch(async ({ url: path }) => {
        const first = await openDatabase({ type: kind.dialect, path, migrations })
        assert.equal(first.dialect, kind.dialect)
        assert.deepEqual(first.migrated, ['1_a', '2_b'])
        if (first.dialect === 'sqlite') {
          assert.throws(() => first.native.exec('INSERT INTO b VALUES (7)'), /FOREIGN KEY/)
          assert.equal(first.native.prepare('PRAGMA journal_mode').get()?.journal_mode, 'wal')
        } else {
          await assert.rejects(first.native.query('INSERT INTO b VALUES (7)'), /foreign key/)
        }
        await first.close()
        const second = await openDatabase({ path, migrations })
        assert.deepEqual(second.migrated, [])
        await second.close()
      }))

    test('2 twenty at once in one process', () =>
      kind.scratch(async ({ url: path }) => {
        const opened = await Promise.all(Array.from({ length: 20 }, () => openDatabase({ path, migrations })))
        assert.equal(opened.filter(({ migrated }) => migrated.length === 2).length, 1)
        assert.equal(opened.filter(({ migrated }) => migrated.length === 0).length, 19)
        await Promise.all(opened.map((database) => database.close()))
      }))

    test('3 a build older than its database starts with a warning, or not at all', () =>
      kind.scratch(async ({ url: path }) => {
        await up({ database: path, migrations })
        const warned: string[] = []
        const logger = { info: assert.fail, warn: (message: string) => warned.push(message) }
        const older = { path, migrations: migrations.slice(0, 1), logger }
        await (await openDatabase(older)).close()
        assert.equal(warned.length, 1)
        assert.match(warned[0] ?? '', /newer build: 2_b/)
        assert.equal((await errorOf(openDatabase({ ...older, refuseNewer: true }))).code, 'MISSING')
        assert.equal(
          (await errorOf(openDatabase({ ...older, migrations: migrations.slice(1) }))).code,
          'MISSING',
        )
      }))

    test('4 a failing migration closes what was opened', () =>
      kind.scratch(async ({ url: path }) => {
        const error = await errorOf(openDatabase({ path, migrations: scripts({ '1_a': 'SELECT none' }) }))
        assert.equal(error.code, 'SQL')
      }))

    test('5 a type that the path does not have', () =>
      kind.scratch(async ({ url: path }) => {
        const type = kind.dialect === 'sqlite' ? 'postgres' : 'sqlite'
        assert.equal((await errorOf(openDatabase({ type, path }))).code, 'CONFIG')
      }))
  })
}

test('6 what cannot be migrated is not made', () =>
  withFolder(async (folder) => {
    const path = join(folder, 'app.db')
    assert.equal((await errorOf(openDatabase({ path, migrations: join(folder, 'none') }))).code, 'DIRECTORY')
    assert.equal(existsSync(path), false)
  }))

test('7 in memory', async () => {
  const database = await openDatabase({ type: 'sqlite', path: ':memory:' })
  assert.equal(database.migrated.length, 3)
  assert.equal(database.native.prepare('SELECT count(*) AS n FROM users').get()?.n, 0)
  await database.close()
})
