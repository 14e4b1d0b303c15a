import assert from 'node:assert/strict'
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { newMigration, status } from '../../src/index.ts'
import { withFolder } from '../matrix.ts'
import { errorOf } from '../tools.ts'

/** The id of a new migration in a folder that holds these files. */
function idAfter(
  names: readonly string[],
  options: Partial<Parameters<typeof newMigration>[0]> = {},
): Promise<string> {
  return withFolder(async (dir) => {
    for (const name of names) writeFileSync(join(dir, name), 'SELECT 1')
    return (await newMigration({ name: 'add email', dir, ...options })).id
  })
}

test('1 the next number, in the style of the last', async () => {
  const now = new Date().toISOString().replace(/\D/g, '')
  assert.equal(await idAfter([]), '000001_add_email')
  assert.equal(await idAfter(['000003_a.sql', '000012_b.up.sql']), '000013_add_email')
  assert.equal(await idAfter(['9_a.sql']), '10_add_email')
  assert.equal(await idAfter(['20260115_a.sql']), `${now.slice(0, 8)}_add_email`)
  assert.match(await idAfter(['20260115093000_a.sql']), new RegExp(`^${now.slice(0, 8)}\\d{6}_add_email$`))
  assert.equal(await idAfter([], { version: 'date' }), `${now.slice(0, 8)}_add_email`)
  assert.match(await idAfter(['000001_a.sql'], { version: 'timestamp' }), /^\d{14}_add_email$/)
})

test('2 up and down for both databases, which are empty until somebody writes them', () =>
  withFolder(async (folder) => {
    const dir = join(folder, 'migrations')
    const { files } = await newMigration({ name: 'Add e-mail!', dir })
    assert.deepEqual(readdirSync(dir), [
      '000001_add_e_mail.postgres.down.sql',
      '000001_add_e_mail.postgres.up.sql',
      '000001_add_e_mail.sqlite.down.sql',
      '000001_add_e_mail.sqlite.up.sql',
    ])
    assert.equal(files.length, 4)
    assert.match(readFileSync(join(dir, '000001_add_e_mail.sqlite.up.sql'), 'utf8'), /^-- /)
    assert.equal((await errorOf(status({ database: ':memory:', migrations: dir }))).code, 'EMPTY_SCRIPT')
    const neutral = await newMigration({ name: 'b', dir, neutral: true })
    assert.deepEqual(
      neutral.files.map((file) => file.replace(/^.*\//, '')),
      ['000002_b.up.sql', '000002_b.down.sql'],
    )
  }))

test('3 into the folders per dialect where there are such', () =>
  withFolder(async (dir) => {
    mkdirSync(join(dir, 'sqlite'))
    writeFileSync(join(dir, 'sqlite', '000004_a.sql'), 'SELECT 1')
    const { files } = await newMigration({ name: 'b', dir })
    assert.deepEqual(
      files.map((file) => file.split('/').slice(-2).join('/')),
      [
        'sqlite/000005_b.up.sql',
        'sqlite/000005_b.down.sql',
        'postgres/000005_b.up.sql',
        'postgres/000005_b.down.sql',
      ],
    )
  }))

test('4 a name of nothing, and a folder that is a file', () =>
  withFolder(async (folder) => {
    for (const name of [' - ', 'добавить', 'caf\u00e9']) {
      assert.equal((await errorOf(newMigration({ name, dir: folder }))).code, 'USAGE')
    }
    const two = [
      await newMigration({ name: 'a', dir: folder, version: 'timestamp' }),
      await newMigration({ name: 'b', dir: folder, version: 'timestamp' }),
    ]
    assert.equal(new Set(two.map(({ id }) => id.split('_')[0])).size, 2)
    writeFileSync(join(folder, 'file'), '')
    assert.equal((await errorOf(newMigration({ name: 'a', dir: join(folder, 'file') }))).code, 'DIRECTORY')
  }))
