import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import pg from 'pg'
import { down, status, up } from '../../src/index.ts'
import { KINDS, type Scratch } from '../matrix.ts'
import { errorOf, scripts } from '../tools.ts'

const OUTSIDE = '-- migrate: no-transaction\n'

/** What is noted of a script that did not come to its end. */
async function noted({ query }: Scratch): Promise<Record<string, unknown> | undefined> {
  const [row] = await query(`SELECT value FROM schema_migrations_state WHERE name = 'interrupted'`)
  return row === undefined ? undefined : JSON.parse(String(row.value))
}

for (const kind of KINDS) {
  const FIRST = 'CREATE TABLE a (id INTEGER PRIMARY KEY);\nINSERT INTO a VALUES (1);\n'
  const broken = `${OUTSIDE}${FIRST}INSERT INTO none VALUES (1);\nINSERT INTO a VALUES (2);\n`
  const mended = broken.replace('none VALUES (1)', 'a VALUES (7)')
  const ids = async ({ query }: Scratch) => (await query('SELECT id FROM a ORDER BY id')).map(({ id }) => id)

  describe(`1 a script outside a transaction goes on, ${kind.label}`, () => {
    test('1.1 at the statement that failed, when that is corrected', () =>
      kind.scratch(async (scratch) => {
        const { url: database } = scratch
        const error = await errorOf(up({ database, migrations: scripts({ '1_a': broken }) }))
        assert.deepEqual([error.code, error.line], ['SQL', 4])
        assert.match(error.hint ?? '', /it goes on here/)
        const { done, started, id } = (await noted(scratch)) ?? {}
        assert.deepEqual([id, done, started], ['1_a', 2, false])
        const told = await status({ database, migrations: scripts({ '1_a': broken }) })
        assert.deepEqual(
          told.migrations.map(({ state }) => state),
          ['interrupted'],
        )
        assert.equal(told.upToDate, false)
        await up({ database, migrations: scripts({ '1_a': mended }) })
        assert.deepEqual(await ids(scratch), [1, 2, 7])
        assert.equal(await noted(scratch), undefined)
        assert.equal((await status({ database, migrations: scripts({ '1_a': mended }) })).upToDate, true)
      }))

    test('1.2 not where what has run was changed since', () =>
      kind.scratch(async (scratch) => {
        const { url: database, query } = scratch
        await errorOf(up({ database, migrations: scripts({ '1_a': broken }) }))
        const other = scripts({ '1_a': mended.replace('VALUES (1)', 'VALUES (5)') })
        const error = await errorOf(up({ database, migrations: other }))
        assert.equal(error.code, 'INTERRUPTED')
        assert.match(
          error.message,
          /interrupted after 2 statements, and what has run of it is not what the file says now/,
        )
        await query('DROP TABLE a')
        await up({ database, migrations: other, interrupted: 'restart' })
        assert.deepEqual(await ids(scratch), [2, 5, 7])
      }))

    test('1.3 nothing else goes on before it', () =>
      kind.scratch(async (scratch) => {
        const { url: database } = scratch
        const files = {
          '1_first': 'CREATE TABLE first (id INTEGER)',
          '1_first.down': 'DROP TABLE first',
          '2_a': broken,
        }
        await errorOf(up({ database, migrations: scripts(files) }))
        const error = await errorOf(down({ database, migrations: scripts(files) }))
        assert.equal(error.code, 'INTERRUPTED')
        assert.match(error.message, /the up script of 2_a was interrupted after 2 statements/)
        assert.match(error.hint ?? '', /"up --to 2_a"/)
        assert.deepEqual(await scratch.tables(), ['a', 'first'])
      }))

    test('1.4 a down script too', () =>
      kind.scratch(async (scratch) => {
        const { url: database } = scratch
        const files = {
          '1_a': FIRST,
          '1_a.down': `${OUTSIDE}INSERT INTO a VALUES (3);\nDROP TABLE none;\nDROP TABLE a;`,
        }
        await up({ database, migrations: scripts(files) })
        assert.equal((await errorOf(down({ database, migrations: scripts(files) }))).line, 3)
        const more = scripts({ ...files, '2_b': 'CREATE TABLE b (id INTEGER)' })
        // Half of it is no state to go on from: whatever comes next ends it first.
        assert.equal((await errorOf(up({ database, migrations: more }))).file, '1_a.down.sql')
        files['1_a.down'] = files['1_a.down'].replace('DROP TABLE none', 'DELETE FROM a WHERE id = 3')
        await down({ database, migrations: scripts(files) })
        assert.deepEqual(await scratch.tables(), [])
        // What it destroyed was kept before its first statement.
        await up({ database, migrations: scripts(files) })
        assert.deepEqual(await ids(scratch), [1])
      }))

    test('1.7 a rollback that goes on takes no other with it', () =>
      kind.scratch(async ({ url: database, tables }) => {
        const files = {
          '1_a': FIRST,
          '1_a.down': 'DROP TABLE a',
          '2_b': 'CREATE TABLE b (id INTEGER)',
          '2_b.down': `${OUTSIDE}INSERT INTO b VALUES (1);\nINSERT INTO none VALUES (1);\nDROP TABLE b;`,
        }
        await up({ database, migrations: scripts(files) })
        await errorOf(down({ database, migrations: scripts(files) }))
        files['2_b.down'] = files['2_b.down'].replace('none', 'b')
        const { rolledBack } = await down({ database, migrations: scripts(files) })
        assert.deepEqual(
          rolledBack.map(({ id }) => id),
          ['2_b'],
        )
        assert.deepEqual(await tables(), ['a'])
      }))

    test('1.5 what it sets for the session is set again', () =>
      kind.scratch(async (scratch) => {
        const { url: database, query } = scratch
        const set =
          kind.dialect === 'sqlite'
            ? 'PRAGMA ignore_check_constraints = ON'
            : `SET search_path = other, public`
        const make =
          kind.dialect === 'sqlite'
            ? 'CREATE TABLE a (id INTEGER CHECK (id < 5))'
            : 'CREATE SCHEMA IF NOT EXISTS other; CREATE TABLE IF NOT EXISTS a (id int)'
        const sql = `${OUTSIDE}${set};\n${make};\nINSERT INTO none VALUES (1);\nINSERT INTO a VALUES (9);`
        await errorOf(up({ database, migrations: scripts({ '1_a': sql }) }))
        await up({ database, migrations: scripts({ '1_a': sql.replace('none', 'a') }) })
        const table = kind.dialect === 'sqlite' ? 'a' : 'other.a'
        assert.equal((await query(`SELECT * FROM ${table}`)).length, 2)
      }))

    test('1.6 a mistake of the option is named', () =>
      kind.scratch(async ({ url: database }) => {
        const error = await errorOf(
          up({ database, migrations: scripts({ '1_a': FIRST }), interrupted: 'perhaps' as 'done' }),
        )
        assert.equal(error.code, 'USAGE')
      }))
  })

  if (kind.dialect === 'postgres') {
    /** As if it had been killed: the note says that the statement was started, and not how it ended. */
    const inDoubt = async ({ url: database, query }: Scratch, sql: string, before: readonly string[]) => {
      const broken = sql.replace(/(.*;\n)([^\n]*)$/s, '$1SELECT 1 / 0;\n$2')
      await errorOf(up({ database, migrations: scripts({ '1_a': broken }) }))
      await query(
        `UPDATE schema_migrations_state SET value = replace(value, '"started":false', '"started":true') WHERE name = 'interrupted'`,
      )
      for (const one of before) await query(one)
    }
    const index = `${OUTSIDE}CREATE TABLE a (id int, b int);\nCREATE UNIQUE INDEX CONCURRENTLY a_b ON a (b);`
    const indexes = async ({ query }: Scratch) =>
      (
        await query(
          `SELECT relname AS name, indisvalid AS valid FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid WHERE indrelid = 'a'::regclass ORDER BY 1`,
        )
      ).map(({ name, valid }) => [name, valid])
    /** Leaves an invalid index, as an interrupted build does. */
    const invalid = ['INSERT INTO a VALUES (1, 1), (2, 1)']
    const breakIndex = async (scratch: Scratch) => {
      await assert.rejects(scratch.query('CREATE UNIQUE INDEX CONCURRENTLY a_b ON a (b)'))
      assert.deepEqual(await indexes(scratch), [['a_b', false]])
      await scratch.query('DELETE FROM a WHERE id = 2')
    }

    describe(`2 a statement in doubt is looked up, ${kind.label}`, () => {
      test('2.1 an index that is there and valid is done', () =>
        kind.scratch(async (scratch) => {
          await inDoubt(scratch, index, ['CREATE UNIQUE INDEX a_b ON a (b)'])
          await up({ database: scratch.url, migrations: scripts({ '1_a': index }) })
          assert.deepEqual(await indexes(scratch), [['a_b', true]])
        }))

      test('2.2 an index that is not there is built', () =>
        kind.scratch(async (scratch) => {
          await inDoubt(scratch, index, [])
          await up({ database: scratch.url, migrations: scripts({ '1_a': index }) })
          assert.deepEqual(await indexes(scratch), [['a_b', true]])
        }))

      test('2.3 an invalid one is dropped and built again, also by "again"', async () => {
        for (const interrupted of [undefined, 'again', 'done'] as const) {
          await kind.scratch(async (scratch) => {
            await inDoubt(scratch, index, invalid)
            await breakIndex(scratch)
            await up({
              database: scratch.url,
              migrations: scripts({ '1_a': index }),
              ...(interrupted && { interrupted }),
            })
            assert.deepEqual(await indexes(scratch), [['a_b', true]])
          })
        }
      })

      test('2.4 a build that fails is not recorded, and is built when the rows are right', () =>
        kind.scratch(async (scratch) => {
          const { url: database, query } = scratch
          await query('CREATE TABLE a (id int, b int)')
          await query('INSERT INTO a VALUES (1, 1), (2, 1)')
          const migrations = scripts({ '1_a': `${OUTSIDE}CREATE UNIQUE INDEX CONCURRENTLY a_b ON a (b);` })
          assert.equal((await errorOf(up({ database, migrations }))).code, 'SQL')
          assert.deepEqual(await indexes(scratch), [['a_b', false]])
          await query('DELETE FROM a WHERE id = 2')
          await up({ database, migrations })
          assert.deepEqual(await indexes(scratch), [['a_b', true]])
        }))

      test('2.5 IF NOT EXISTS is not content with an invalid one', () =>
        kind.scratch(async (scratch) => {
          const { url: database, query } = scratch
          await query('CREATE TABLE a (id int, b int)')
          await query(invalid[0] ?? '')
          await breakIndex(scratch)
          const sql = `${OUTSIDE}CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS a_b ON a (b);`
          await up({ database, migrations: scripts({ '1_a': sql }) })
          assert.deepEqual(await indexes(scratch), [['a_b', true]])
        }))

      test('2.6 dropping an index, VACUUM and REINDEX', async () => {
        for (const last of ['DROP INDEX CONCURRENTLY a_b;', 'VACUUM a;', 'REINDEX TABLE CONCURRENTLY a;']) {
          for (const before of [[], ['DROP INDEX a_b']]) {
            await kind.scratch(async (scratch) => {
              const sql = `${OUTSIDE}CREATE TABLE a (id int, b int);\nCREATE INDEX a_b ON a (b);\n${last}`
              await inDoubt(scratch, sql, before)
              await up({ database: scratch.url, migrations: scripts({ '1_a': sql }) })
              assert.equal(await noted(scratch), undefined)
            })
          }
        }
      })

      test('2.7 what cannot be known is said, with the two commands that settle it', async () => {
        const sql = `${OUTSIDE}CREATE TABLE a (id int);\nDO $$ BEGIN INSERT INTO a VALUES (1); COMMIT; END $$;`
        const migrations = scripts({ '1_a': sql })
        for (const [interrupted, rows] of [
          ['done', 0],
          ['again', 1],
        ] as const) {
          await kind.scratch(async (scratch) => {
            const { url: database, query } = scratch
            await inDoubt(scratch, sql, [])
            const error = await errorOf(up({ database, migrations }))
            assert.deepEqual([error.code, error.line], ['INTERRUPTED', 3])
            assert.match(error.hint ?? '', /"up --interrupted done"; if not: "up --interrupted again"/)
            await up({ database, migrations, interrupted })
            assert.equal((await query('SELECT * FROM a')).length, rows)
          })
        }
      })

      test('2.8 one that the server still runs is waited for', () =>
        kind.scratch(async (scratch) => {
          const { url: database, query } = scratch
          await inDoubt(scratch, index, ['INSERT INTO a VALUES (1, 1)'])
          // Another transaction keeps the build of the one that was killed from its end.
          const [other, builder] = [new pg.Client(database), new pg.Client(database)]
          await Promise.all([other.connect(), builder.connect()])
          await other.query('BEGIN; SELECT * FROM a')
          const [, , , , statement = ''] = [0, 0, 0, 0, index.split('\n')[2]]
          const building = builder.query(`\n${statement.replace(/;$/, '')}`)
          const going = up({ database, migrations: scripts({ '1_a': index }) })
          await query('SELECT pg_sleep(0.3)')
          await other.query('COMMIT')
          await Promise.all([building, going])
          assert.deepEqual(await indexes(scratch), [['a_b', true]])
          await Promise.all([other.end(), builder.end()])
        }))
    })
  }
}
