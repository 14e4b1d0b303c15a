import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { down, status, up } from '../../src/index.ts'
import { KINDS } from '../matrix.ts'
import { errorOf, ids, scripts } from '../tools.ts'

const FILES = {
  '1_a': 'CREATE TABLE a (id INTEGER PRIMARY KEY)',
  '1_a.down': 'DROP TABLE a',
  '2_b': 'CREATE TABLE b (id INTEGER PRIMARY KEY)',
  '2_b.down': 'DROP TABLE b',
  '3_c': 'CREATE TABLE c (b INTEGER REFERENCES b (id))',
  '3_c.down': 'DROP TABLE c',
  '4_d': 'ALTER TABLE a ADD COLUMN d INTEGER',
  '4_d.down': 'ALTER TABLE a DROP COLUMN d',
}
const migrations = scripts(FILES)

for (const kind of KINDS) {
  describe(`down, ${kind.label}`, () => {
    test('1 the last one, some, as far as one, all', () =>
      kind.scratch(async ({ url: database, tables }) => {
        await up({ database, migrations })
        assert.deepEqual(ids((await down({ database, migrations })).rolledBack), ['4_d'])
        assert.deepEqual(ids((await down({ database, migrations, steps: 2 })).rolledBack), ['3_c', '2_b'])
        await up({ database, migrations })
        assert.deepEqual(ids((await down({ database, migrations, to: '2_b' })).rolledBack), [
          '4_d',
          '3_c',
          '2_b',
        ])
        assert.deepEqual(await tables(), ['a'])
        assert.deepEqual(ids((await down({ database, migrations, all: true })).rolledBack), ['1_a'])
        assert.deepEqual(await tables(), [])
      }))

    test('2 exactly the one named, from under later ones that do not need it', () =>
      kind.scratch(async ({ url: database, tables }) => {
        await up({ database, migrations })
        const error = await errorOf(down({ database, migrations, id: '2_b' }))
        assert.equal(error.code, 'LATER_APPLIED')
        assert.match(error.message, /^3_c was/)
        assert.match(error.hint ?? '', /--to 2_b/)
        assert.match((await errorOf(down({ database, migrations, id: '1_a' }))).message, /4_d/)
        assert.deepEqual(ids((await down({ database, migrations, id: '3_c' })).rolledBack), ['3_c'])
        assert.deepEqual(await tables(), ['a', 'b'])
        // Now nothing needs it any more.
        assert.deepEqual(ids((await down({ database, migrations, id: '2_b' })).rolledBack), ['2_b'])
        assert.deepEqual(ids((await down({ database, migrations, id: '2_b' })).rolledBack), [])
      }))

    test('3 a view and a trigger need their tables', () =>
      kind.scratch(async ({ url: database }) => {
        const trigger =
          kind.dialect === 'sqlite'
            ? 'CREATE TRIGGER t AFTER INSERT ON a BEGIN INSERT INTO b VALUES (new.id); END'
            : `CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO b VALUES (NEW.id); RETURN NEW; END $$;
               CREATE TRIGGER t AFTER INSERT ON a FOR EACH ROW EXECUTE FUNCTION f()`
        const dropTrigger =
          kind.dialect === 'sqlite' ? 'DROP TRIGGER t' : 'DROP TRIGGER t ON a; DROP FUNCTION f'
        for (const [id, sql, drop] of [
          ['5_view', 'CREATE VIEW v AS SELECT * FROM b', 'DROP VIEW v'],
          ['6_trigger', trigger, dropTrigger],
        ] as const) {
          const { '1_a': a, '2_b': b } = FILES
          const files = scripts({
            '1_a': a,
            '2_b': b,
            '2_b.down': 'DROP TABLE b',
            [id]: sql,
            [`${id}.down`]: drop,
          })
          await up({ database, migrations: files })
          const error = await errorOf(down({ database, migrations: files, id: '2_b' }))
          assert.deepEqual([error.code, error.message.split(' ')[0]], ['LATER_APPLIED', id])
          await down({ database, migrations: files, id })
        }
      }))

    test('4 the last one is the last that was applied', () =>
      kind.scratch(async ({ url: database }) => {
        await up({ database, migrations })
        await down({ database, migrations, id: '3_c' })
        await up({ database, migrations, allowOutOfOrder: true })
        assert.deepEqual(ids((await down({ database, migrations })).rolledBack), ['3_c'])
      }))

    test('5 without the file, the script that the history kept', () =>
      kind.scratch(async ({ url: database, tables }) => {
        await up({ database, migrations })
        const older = scripts({ '1_a': FILES['1_a'], '1_a.down': FILES['1_a.down'] })
        const { planned } = await down({ database, migrations: older, to: '3_c', dryRun: true })
        assert.deepEqual(
          planned.map(({ sql }) => sql),
          [FILES['4_d.down'], FILES['3_c.down']],
        )
        await down({ database, migrations: older, to: '2_b' })
        assert.deepEqual(await tables(), ['a'])
        assert.equal((await status({ database, migrations: older })).upToDate, true)
      }))

    test('6 a file that has changed since wins over the kept script', () =>
      kind.scratch(async ({ url: database, tables }) => {
        await up({ database, migrations, to: '1_a' })
        const mended = scripts({ ...FILES, '1_a.down': 'DROP TABLE a; CREATE TABLE mended (id INTEGER)' })
        await down({ database, migrations: mended })
        assert.deepEqual(await tables(), ['mended'])
      }))

    test('7 irreversible, by its reason; and no down script', () =>
      kind.scratch(async ({ url: database, tables }) => {
        const files = scripts({
          '1_a': `-- migrate: irreversible the old names are gone\n${FILES['1_a']}`,
          '2_b': FILES['2_b'],
          '2_b.down': '-- migrate: irreversible too late\n',
          '3_c': FILES['3_c'],
        })
        await up({ database, migrations: files })
        const none = await errorOf(down({ database, migrations: files }))
        assert.deepEqual([none.code, none.hint], ['NO_DOWN', 'write 3_c.down.sql'])
        // All or nothing: the plan fails before the first is rolled back.
        assert.equal(
          (
            await errorOf(
              down({
                database,
                migrations: [...files, ...scripts({ '3_c.down': 'DROP TABLE c' })],
                all: true,
              }),
            )
          ).code,
          'IRREVERSIBLE',
        )
        assert.deepEqual(await tables(), ['a', 'b', 'c'])
        await down({ database, migrations: [...files, ...scripts({ '3_c.down': 'DROP TABLE c' })] })
        for (const present of [files, []]) {
          const error = await errorOf(down({ database, migrations: present }))
          assert.equal(error.code, 'IRREVERSIBLE')
          assert.match(error.message, /too late/)
          assert.match(
            (await errorOf(down({ database, migrations: present, to: '1_a' }))).code,
            /IRREVERSIBLE/,
          )
        }
      }))

    test('8 a failing script leaves everything as it was', () =>
      kind.scratch(async ({ url: database, tables }) => {
        await up({ database, migrations })
        const broken = scripts({ ...FILES, '3_c.down': 'DROP TABLE c; DROP TABLE none' })
        const error = await errorOf(down({ database, migrations: broken, all: true }))
        assert.deepEqual([error.code, error.file, error.details.done], ['SQL', '3_c.down.sql', ['4_d']])
        assert.deepEqual(await tables(), ['a', 'b', 'c'])
        await errorOf(down({ database, migrations: broken, all: true, transaction: 'all' }))
        const told = await status({ database, migrations: broken })
        assert.deepEqual(
          told.migrations.map(({ state }) => state),
          ['applied', 'applied', 'applied', 'pending'],
        )
      }))

    test('9 where nothing is to be done', () =>
      kind.scratch(async ({ url: database }) => {
        const files = scripts({
          '1_a': '-- migrate: nothing only for the other\n',
          '1_a.down': '-- migrate: nothing likewise\n',
        })
        for (const present of [files, files.slice(0, 1)]) {
          for (const rollback of [present, []]) {
            assert.equal((await up({ database, migrations: present })).applied.length, 1)
            assert.equal((await down({ database, migrations: rollback })).rolledBack.length, 1)
          }
        }
      }))

    test('10 outside a transaction', () =>
      kind.scratch(async ({ url: database, tables }) => {
        const files = scripts({
          '1_a': FILES['1_a'],
          '1_a.down': '-- migrate: no-transaction\nVACUUM;\nDROP TABLE a;',
        })
        await up({ database, migrations: files })
        await down({ database, migrations: [] })
        assert.deepEqual(await tables(), [])
      }))
  })
}
