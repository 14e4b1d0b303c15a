import assert from 'node:assert/strict'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { isDate, type MigrationFile, parseFileName, readMigrations } from '../../src/core/migrations.ts'
import { withFolder } from '../matrix.ts'

/** Files that hold a statement that tells them apart. */
function files(...names: string[]): MigrationFile[] {
  return names.map((name) => ({ name, sql: `SELECT '${name}';` }))
}

const ids = (...names: string[]) => readMigrations(files(...names), 'sqlite').map(({ id }) => id)
const code = (expected: string) => (error: { code: string }) => error.code === expected

describe('1 file names', () => {
  const forms: [name: string, id: string, dialect: string | undefined, direction: string][] = [
    ['000001_init_schema.up.sql', '000001_init_schema', undefined, 'up'],
    ['20260115_add_email.down.sql', '20260115_add_email', undefined, 'down'],
    ['000001_init_schema.postgres.sql', '000001_init_schema', 'postgres', 'up'],
    ['000001_init_schema.postgres.up.sql', '000001_init_schema', 'postgres', 'up'],
    ['000001_init_schema.down.sqlite.sql', '000001_init_schema', 'sqlite', 'down'],
    ['20260115093000_a.sql', '20260115093000_a', undefined, 'up'],
    ['1_a-b_C.sql', '1_a-b_C', undefined, 'up'],
  ]
  for (const [name, id, dialect, direction] of forms) {
    test(`1.1 ${name}`, () => {
      const parsed = parseFileName(name)
      assert.deepEqual([parsed.id, parsed.dialect, parsed.direction], [id, dialect, direction])
    })
  }

  for (const name of [
    'init.sql',
    'a_1.sql',
    '1.sql',
    '1_.sql',
    '1_a b.sql',
    '1_a.mysql.sql',
    '1_a.up.up.sql',
    '1_a.up.down.sql',
    '1_a.sqlite.postgres.sql',
    '1_a..sql',
    '.sql',
  ]) {
    test(`1.2 ${name} is refused`, () => assert.throws(() => parseFileName(name), code('FILE_NAME')))
  }

  test('1.3 what is written is read, in either order of dialect and direction', () => {
    const part = fc.constantFrom('', '.sqlite', '.postgres')
    const direction = fc.constantFrom('', '.up', '.down')
    fc.assert(
      fc.property(
        fc.bigInt({ min: 0n, max: 10n ** 20n }),
        fc.stringMatching(/^[a-z][a-z0-9_-]*$/),
        part,
        direction,
        fc.boolean(),
        (version, name, dialect, way, swap) => {
          const parsed = parseFileName(`${version}_${name}${swap ? way + dialect : dialect + way}.sql`)
          assert.equal(parsed.version, version)
          assert.equal(parsed.id, `${version}_${name}`)
          assert.equal(parsed.dialect, dialect === '' ? undefined : dialect.slice(1))
          assert.equal(parsed.direction, way === '.down' ? 'down' : 'up')
        },
      ),
    )
  })

  test('1.4 days are told from numbers', () => {
    for (const day of ['20260115_a', '20240229_a', '19700101_a']) assert.ok(isDate(day), day)
    for (const number of ['20260230_a', '20261301_a', '00000001_a', '2026011_a', '202601150_a'])
      assert.ok(!isDate(number), number)
  })
})

describe('2 order and identity', () => {
  test('2.1 by the version as an integer, then by name', () => {
    assert.deepEqual(ids('10_b.sql', '9_a.sql', '20260115_z.sql', '20260115_a.sql', '000002_c.sql'), [
      '000002_c',
      '9_a',
      '10_b',
      '20260115_a',
      '20260115_z',
    ])
  })

  test('2.2 two may share a day, and not another number', () => {
    assert.equal(ids('20260115_a.sql', '20260115_b.sql').length, 2)
    for (const pair of [
      ['000001_a.sql', '000001_b.sql'],
      ['1_a.sql', '001_b.sql'],
      ['20260115093000_a.sql', '20260115093000_b.sql'],
    ]) {
      assert.throws(
        () => ids(...pair),
        (error: { code: string; message: string; hint: string }) => {
          assert.equal(error.code, 'DUPLICATE_VERSION')
          for (const name of pair) assert.match(error.message, new RegExp(name))
          assert.match(error.hint, /renumber/)
          return true
        },
      )
    }
  })

  test('2.3 a script cannot be there twice', () => {
    assert.throws(() => ids('1_a.sql', '1_a.up.sql'), code('DUPLICATE_VERSION'))
    assert.throws(
      () => ids('1_a.sqlite.up.sql', '1_a.up.sqlite.sql', '1_a.postgres.sql'),
      code('DUPLICATE_VERSION'),
    )
  })

  test('2.4 a down script needs its up script', () => assert.throws(() => ids('1_a.down.sql'), code('NO_UP')))
})

describe('3 dialects', () => {
  test('3.1 the file of the dialect wins over the neutral one, for each direction by itself', () => {
    const source = files('1_a.up.sql', '1_a.postgres.up.sql', '1_a.down.sql', '1_a.sqlite.down.sql')
    const told = (dialect: 'sqlite' | 'postgres') => {
      const [one] = readMigrations(source, dialect)
      return [one?.up.file, one?.down?.().file]
    }
    assert.deepEqual(told('sqlite'), ['1_a.up.sql', '1_a.sqlite.down.sql'])
    assert.deepEqual(told('postgres'), ['1_a.postgres.up.sql', '1_a.down.sql'])
  })

  test('3.2 a version for one dialect only is refused on both', () => {
    for (const dialect of ['sqlite', 'postgres'] as const) {
      assert.throws(() => readMigrations(files('1_a.sqlite.sql'), dialect), code('ONE_DIALECT'))
      assert.throws(() => readMigrations(files('1_a.postgres.sql'), dialect), code('ONE_DIALECT'))
    }
    assert.equal(ids('1_a.sqlite.sql', '1_a.postgres.sql').length, 1)
  })

  test('3.3 a folder for each dialect', () =>
    withFolder(async (folder) => {
      for (const dialect of ['sqlite', 'postgres']) {
        mkdirSync(join(folder, dialect))
        writeFileSync(join(folder, dialect, '1_a.up.sql'), `SELECT '${dialect}'`)
      }
      writeFileSync(join(folder, '2_b.sql'), 'SELECT 2')
      writeFileSync(join(folder, 'README.md'), 'no migration')
      const read = readMigrations(folder, 'postgres')
      assert.deepEqual(
        read.map(({ id, up }) => [id, up.text]),
        [
          ['1_a', `SELECT 'postgres'`],
          ['2_b', 'SELECT 2'],
        ],
      )
      writeFileSync(join(folder, 'sqlite', '3_c.postgres.sql'), 'SELECT 3')
      assert.throws(() => readMigrations(folder, 'postgres'), code('FILE_NAME'))
    }))

  test('3.4 a folder that is not there, or is a file', () =>
    withFolder(async (folder) => {
      assert.throws(() => readMigrations(join(folder, 'none'), 'sqlite'), code('DIRECTORY'))
      writeFileSync(join(folder, 'file'), '')
      assert.throws(() => readMigrations(join(folder, 'file'), 'sqlite'), code('DIRECTORY'))
    }))
})
