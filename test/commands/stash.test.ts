import assert from 'node:assert/strict'
import { DatabaseSync } from 'node:sqlite'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { down, type MigrationFile, stashDrop, stashList, status, up } from '../../src/index.ts'
import { KINDS, type Kind, type Scratch } from '../matrix.ts'
import { run } from '../process.ts'
import { errorOf, scripts } from '../tools.ts'

/** The rows of tables, in one order, as text that no value escapes. */
async function rowsOf({ query }: Scratch, kind: Kind, tables: readonly string[]): Promise<string> {
  const told: string[] = []
  for (const table of tables) {
    const rows = await query(`SELECT * FROM ${table}`).catch(() => [])
    const exact = (_: string, value: unknown) =>
      typeof value === 'bigint'
        ? `${value}n`
        : value instanceof Uint8Array
          ? Buffer.from(value).toString('hex')
          : value
    told.push(
      `${table}: ${rows
        .map((row) => JSON.stringify(row, exact))
        .sort()
        .join('\n')}`,
    )
  }
  return `${kind.label}\n${told.join('\n')}`
}

for (const kind of KINDS) {
  const sqlite = kind.dialect === 'sqlite'
  const id = sqlite ? 'INTEGER PRIMARY KEY AUTOINCREMENT' : 'SERIAL PRIMARY KEY'
  const USERS = {
    '1_users': `CREATE TABLE users (id ${id}, name TEXT NOT NULL); CREATE TABLE posts (id ${id}, author INTEGER REFERENCES users (id) ON DELETE CASCADE, body TEXT);`,
    '1_users.down': 'DROP TABLE posts; DROP TABLE users;',
    '2_meta': 'ALTER TABLE users ADD COLUMN meta TEXT',
    '2_meta.down': 'ALTER TABLE users DROP COLUMN meta',
  }
  const fill = `INSERT INTO users (name, meta) VALUES ('a', 'x'), ('b', NULL), ('c', 'z');`
  const post = `INSERT INTO posts (author, body) VALUES (1, 'p'), (3, 'q');`

  const withUsers = (
    work: (scratch: Scratch, migrations: MigrationFile[]) => Promise<void>,
    files: Record<string, string> = USERS,
  ) =>
    kind.scratch(async (scratch) => {
      const migrations = scripts(files)
      await up({ database: scratch.url, migrations })
      for (const sql of `${fill}${post}`.split(';').filter(Boolean)) await scratch.query(sql)
      await work(scratch, migrations)
    })
  const values = async ({ query }: Scratch, sql: string) =>
    (await query(sql)).map((row) => Object.values(row)[0])
  const meta = (scratch: Scratch) => values(scratch, 'SELECT meta FROM users ORDER BY id')

  describe(`1 down keeps, up puts back, ${kind.label}`, () => {
    test('1.1 a column', () =>
      withUsers(async (scratch, migrations) => {
        const { url: database } = scratch
        const before = await rowsOf(scratch, kind, ['users', 'posts'])
        const { stashed } = await down({ database, migrations })
        assert.deepEqual(
          stashed.map(({ migration, table, columns, rows, kept }) => [migration, table, columns, rows, kept]),
          [['2_meta', 'users', ['meta'], 3, 'copied']],
        )
        const told = await status({ database, migrations })
        assert.deepEqual(told.stashes, stashed)
        assert.deepEqual((await stashList({ database })).stashes, stashed)
        const { givenBack } = await up({ database, migrations })
        assert.deepEqual(
          givenBack.map(({ remains }) => remains),
          [0],
        )
        assert.equal(await rowsOf(scratch, kind, ['users', 'posts']), before)
        assert.deepEqual((await status({ database, migrations })).stashes, [])
      }))

    test('1.2 tables, all the way down and up, and where ids go on', () =>
      withUsers(async (scratch, migrations) => {
        const { url: database, query } = scratch
        await query('DELETE FROM posts WHERE id = 2')
        await query('DELETE FROM users WHERE id = 3')
        const before = await rowsOf(scratch, kind, ['users', 'posts'])
        await down({ database, migrations, all: true })
        assert.deepEqual(await scratch.tables(), [])
        await up({ database, migrations })
        assert.equal(await rowsOf(scratch, kind, ['users', 'posts']), before)
        await query(`INSERT INTO users (name) VALUES ('d')`)
        assert.deepEqual(await values(scratch, 'SELECT max(id) FROM users'), [4])
        assert.deepEqual((await stashList({ database })).stashes, [])
      }))

    test('1.3 in one transaction for all, and step by step', () =>
      withUsers(async (scratch, migrations) => {
        const { url: database } = scratch
        const before = await rowsOf(scratch, kind, ['users', 'posts'])
        await down({ database, migrations, all: true, transaction: 'all' })
        await up({ database, migrations, transaction: 'all' })
        assert.equal(await rowsOf(scratch, kind, ['users', 'posts']), before)
        await down({ database, migrations })
        await down({ database, migrations })
        await up({ database, migrations, steps: 1 })
        await up({ database, migrations })
        assert.equal(await rowsOf(scratch, kind, ['users', 'posts']), before)
      }))

    test('1.4 a table that nothing holds on to is parked, not copied', () =>
      kind.scratch(async (scratch) => {
        const { url: database, query } = scratch
        const migrations = scripts({
          '1_a': `CREATE TABLE a (id ${id}, b TEXT UNIQUE); CREATE INDEX a_b ON a (b, id);`,
          '1_a.down': 'DROP TABLE a',
        })
        await up({ database, migrations })
        await query(`INSERT INTO a (b) VALUES ('x'), (NULL)`)
        const before = await rowsOf(scratch, kind, ['a'])
        assert.deepEqual(
          (await down({ database, migrations })).stashed.map(({ kept }) => kept),
          ['parked'],
        )
        await up({ database, migrations })
        assert.equal(await rowsOf(scratch, kind, ['a']), before)
        // Names are free again: nothing of the parked table has kept them.
        const names = sqlite
          ? `SELECT name FROM sqlite_schema WHERE name LIKE 'a%' ORDER BY 1`
          : `SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relname LIKE 'a%' ORDER BY 1`
        assert.deepEqual(
          await values(scratch, names),
          sqlite ? ['a', 'a_b'] : ['a', 'a_b', 'a_b_key', 'a_id_seq', 'a_pkey'],
        )
      }))

    test('1.5 nothing is kept of what is empty', () =>
      kind.scratch(async ({ url: database }) => {
        const migrations = scripts(USERS)
        await up({ database, migrations })
        assert.deepEqual((await down({ database, migrations, all: true })).stashed, [])
        assert.deepEqual((await up({ database, migrations })).givenBack, [])
      }))

    test('1.6 what was deleted stays deleted, what is new keeps its values', () =>
      withUsers(async (scratch, migrations) => {
        const { url: database, query } = scratch
        await down({ database, migrations })
        await query(`DELETE FROM users WHERE name = 'a'`)
        await query(`INSERT INTO users (name) VALUES ('new')`)
        await query(`UPDATE users SET name = 'renamed' WHERE name = 'c'`)
        const { givenBack } = await up({ database, migrations })
        assert.deepEqual(
          givenBack.map(({ remains }) => remains),
          [0],
        )
        assert.deepEqual(await meta(scratch), [null, 'z', null])
      }))

    test('1.7 rows whose parent is gone stay away, and are told of', () =>
      withUsers(async (scratch) => {
        const { url: database, query } = scratch
        const later = scripts({
          ...USERS,
          '3_more':
            'CREATE TABLE more (id INTEGER PRIMARY KEY, author INTEGER REFERENCES users (id) ON DELETE CASCADE, other INTEGER REFERENCES users (id) ON DELETE SET NULL)',
          '3_more.down': 'DROP TABLE more',
        })
        await up({ database, migrations: later })
        await query('INSERT INTO more VALUES (1, 1, 2), (2, 2, 1), (3, NULL, NULL)')
        await down({ database, migrations: later })
        await query('DELETE FROM users WHERE id = 1')
        const { givenBack, warnings } = await up({ database, migrations: later })
        assert.deepEqual(
          givenBack.map(({ remains }) => remains),
          [1],
        )
        assert.match(warnings[0] ?? '', /1 row of more could not be put back/)
        assert.deepEqual(
          (await query('SELECT * FROM more ORDER BY id')).map((row) => Object.values(row)),
          [
            [2, 2, null],
            [3, null, null],
          ],
        )
        assert.equal((await stashList({ database })).stashes[0]?.remains, 1)
        // It is not tried again by itself, and does not stand in the way of the next.
        await down({ database, migrations: later })
        await up({ database, migrations: later })
        assert.equal((await query('SELECT * FROM more')).length, 2)
      }))

    test('1.8 a script that carries the values itself keeps its newer ones', () =>
      withUsers(async (scratch) => {
        const { url: database, query } = scratch
        const migrations = scripts({
          ...USERS,
          '3_label':
            'ALTER TABLE users RENAME COLUMN meta TO old; ALTER TABLE users ADD COLUMN meta TEXT; UPDATE users SET meta = old',
          '3_label.down':
            'UPDATE users SET old = meta; ALTER TABLE users DROP COLUMN meta; ALTER TABLE users RENAME COLUMN old TO meta',
        })
        await up({ database, migrations })
        await query(`UPDATE users SET meta = 'mine' WHERE id = 2`)
        await down({ database, migrations })
        assert.deepEqual(await meta(scratch), ['x', 'mine', 'z'])
        await query(`UPDATE users SET meta = 'newer' WHERE id = 1`)
        await up({ database, migrations })
        assert.deepEqual(await meta(scratch), ['newer', 'mine', 'z'])
      }))

    test('1.9 what the up script fills gets its own values back', () =>
      withUsers(async (scratch) => {
        const { url: database, query } = scratch
        const migrations = scripts({
          ...USERS,
          '3_slug': `ALTER TABLE users ADD COLUMN slug TEXT NOT NULL DEFAULT 'none'; UPDATE users SET slug = upper(name)`,
          '3_slug.down': 'ALTER TABLE users DROP COLUMN slug',
        })
        await up({ database, migrations })
        await query(`UPDATE users SET slug = 'custom' WHERE id = 2`)
        await down({ database, migrations })
        await up({ database, migrations })
        assert.deepEqual(await values(scratch, 'SELECT slug FROM users ORDER BY id'), ['A', 'custom', 'C'])
      }))

    test('1.10 triggers stay quiet, and are there afterwards', () =>
      withUsers(async (scratch) => {
        const { url: database, query } = scratch
        const trigger = sqlite
          ? `CREATE TRIGGER t AFTER UPDATE ON users BEGIN UPDATE users SET name = 'touched' WHERE id = new.id; END;`
          : `CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.name := 'touched'; RETURN NEW; END $$;
             CREATE TRIGGER t BEFORE UPDATE ON users FOR EACH ROW EXECUTE FUNCTION touch();`
        for (const sql of sqlite ? [trigger] : trigger.split(/;\n\s+(?=CREATE T)/)) await query(sql)
        await down({ database, migrations: scripts(USERS) })
        await up({ database, migrations: scripts(USERS) })
        assert.deepEqual(await values(scratch, 'SELECT name FROM users ORDER BY id'), ['a', 'b', 'c'])
        await query('UPDATE users SET id = id WHERE id = 1')
        assert.deepEqual(await values(scratch, 'SELECT name FROM users ORDER BY id'), ['touched', 'b', 'c'])
      }))

    test('1.11 without a key, rows are told apart by all that is left of them', () =>
      kind.scratch(async (scratch) => {
        const { url: database, query } = scratch
        const migrations = scripts({
          '1_a': 'CREATE TABLE a (x INTEGER, y TEXT)',
          '2_b': 'ALTER TABLE a ADD COLUMN z TEXT',
          '2_b.down': 'ALTER TABLE a DROP COLUMN z',
        })
        await up({ database, migrations })
        await query(
          `INSERT INTO a VALUES (1, 'p', 'one'), (1, 'p', 'two'), (NULL, NULL, 'three'), (1, 'q', NULL), (NULL, NULL, 'four')`,
        )
        const before = await rowsOf(scratch, kind, ['a'])
        await down({ database, migrations })
        await up({ database, migrations })
        assert.equal(await rowsOf(scratch, kind, ['a']), before)
      }))

    test('1.12 outside a transaction', () =>
      withUsers(async (scratch) => {
        const { url: database } = scratch
        const migrations = scripts({
          ...USERS,
          '2_meta.down': `-- migrate: no-transaction\n${USERS['2_meta.down']};`,
        })
        await down({ database, migrations })
        await up({ database, migrations })
        assert.deepEqual(await meta(scratch), ['x', null, 'z'])
      }))

    test('1.15 rows that the up script makes get their own values back', () =>
      kind.scratch(async (scratch) => {
        const { url: database, query } = scratch
        const migrations = scripts({
          '1_a': `CREATE TABLE a (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, note TEXT); INSERT INTO a VALUES (1, 'admin', 'seed'), (2, 'guest', 'seed');
            CREATE TABLE b (x INTEGER, y TEXT); INSERT INTO b VALUES (1, 'seed'), (1, 'seed');`,
          '1_a.down': 'DROP TABLE b; DROP TABLE a',
        })
        await up({ database, migrations })
        await query(`UPDATE a SET note = 'mine' WHERE id = 1`)
        await query(`INSERT INTO a VALUES (3, 'more', NULL)`)
        await query(`INSERT INTO b VALUES (2, NULL)`)
        const before = await rowsOf(scratch, kind, ['a', 'b'])
        await down({ database, migrations })
        const { warnings } = await up({ database, migrations })
        assert.deepEqual(warnings, [])
        assert.equal(await rowsOf(scratch, kind, ['a', 'b']), before)
        assert.deepEqual((await stashList({ database })).stashes, [])
      }))

    if (sqlite) {
      test('1.13 a column that a rebuild leaves out', () =>
        withUsers(async (scratch) => {
          const { url: database } = scratch
          const rebuild =
            'CREATE TABLE n (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL); INSERT INTO n SELECT users.id, users.name FROM users; DROP TABLE users; ALTER TABLE n RENAME TO users;'
          const migrations = scripts({ ...USERS, '2_meta.down': rebuild })
          const before = await rowsOf(scratch, kind, ['users', 'posts'])
          assert.equal((await down({ database, migrations })).stashed.length, 1)
          await up({ database, migrations })
          assert.equal(await rowsOf(scratch, kind, ['users', 'posts']), before)
        }))
    } else {
      test('1.13 types of its own come back from their text', () =>
        kind.scratch(async (scratch) => {
          const { url: database, query } = scratch
          const migrations = scripts({
            '1_a': `CREATE TYPE mood AS ENUM ('sad', 'ok'); CREATE DOMAIN small AS int CHECK (VALUE < 100); CREATE TABLE a (m mood PRIMARY KEY, ms mood[], s small, g int GENERATED ALWAYS AS (s + 1) STORED, i bigint GENERATED ALWAYS AS IDENTITY);`,
            '1_a.down': 'DROP TABLE a; DROP DOMAIN small; DROP TYPE mood',
          })
          await up({ database, migrations })
          await query(`INSERT INTO a (m, ms, s) VALUES ('sad', '{ok,sad}', 7), ('ok', NULL, NULL)`)
          const before = await rowsOf(scratch, kind, ['a'])
          assert.deepEqual(
            (await down({ database, migrations })).stashed.map(({ kept }) => kept),
            ['copied'],
          )
          await up({ database, migrations })
          assert.equal(await rowsOf(scratch, kind, ['a']), before)
          assert.deepEqual(await values(scratch, `INSERT INTO a (m) SELECT 'ok' WHERE false RETURNING i`), [])
        }))

      test('1.14 CASCADE, a DO block, a schema: what no reader of SQL sees', () =>
        kind.scratch(async (scratch) => {
          const { url: database, query } = scratch
          const migrations = scripts({
            '1_a':
              'CREATE SCHEMA app; CREATE TABLE app.a (id int PRIMARY KEY); CREATE TABLE b (id int PRIMARY KEY, a int REFERENCES app.a); CREATE TABLE c (id int)',
            '1_a.down': `DROP SCHEMA app CASCADE; DO $$ BEGIN EXECUTE 'DROP TA' || 'BLE b'; END $$; DROP TABLE IF EXISTS none, c CASCADE`,
          })
          await up({ database, migrations })
          for (const sql of [
            'INSERT INTO app.a VALUES (1)',
            'INSERT INTO b VALUES (1, 1)',
            'INSERT INTO c VALUES (1), (1)',
          ])
            await query(sql)
          const before = await rowsOf(scratch, kind, ['app.a', 'b', 'c'])
          assert.equal((await down({ database, migrations })).stashed.length, 3)
          await up({ database, migrations })
          assert.equal(await rowsOf(scratch, kind, ['app.a', 'b', 'c']), before)
        }))
    }
  })

  describe(`2 what cannot be put back is refused by name, ${kind.label}`, () => {
    const changed = (sql: string) => scripts({ ...USERS, '2_meta': sql })

    test('2.1 a type that cannot hold the values', () =>
      withUsers(async (scratch, migrations) => {
        const { url: database } = scratch
        await down({ database, migrations })
        const error = await errorOf(
          up({ database, migrations: changed('ALTER TABLE users ADD COLUMN meta INTEGER') }),
        )
        assert.equal(error.code, 'STASH')
        assert.match(error.message, /users\.meta/)
        assert.match(error.hint ?? '', /stash drop 1/)
        assert.equal((await stashList({ database })).stashes.length, 1)
        await stashDrop({ database, number: 1 })
        await up({ database, migrations: changed('ALTER TABLE users ADD COLUMN meta INTEGER') })
      }))

    test('2.2 a type that can', () =>
      withUsers(async (scratch, migrations) => {
        const { url: database, query } = scratch
        await query(`UPDATE users SET meta = '5' WHERE id = 1`)
        await query(`UPDATE users SET meta = '7' WHERE id = 3`)
        await down({ database, migrations })
        await up({ database, migrations: changed('ALTER TABLE users ADD COLUMN meta INTEGER') })
        assert.deepEqual(await meta(scratch), [5, null, 7])
      }))

    test('2.3 a column or a table that is not there again', () =>
      withUsers(async (scratch, migrations) => {
        const { url: database } = scratch
        await down({ database, migrations })
        const column = await errorOf(
          up({ database, migrations: changed('ALTER TABLE users ADD COLUMN other TEXT') }),
        )
        assert.match(column.message, /users has no column meta/)
        const table = await errorOf(
          up({ database, migrations: changed('DROP TABLE posts; DROP TABLE users') }),
        )
        assert.match(table.message, /there is no table users/)
        await up({ database, migrations })
        assert.deepEqual(await meta(scratch), ['x', null, 'z'])
      }))

    if (!sqlite) {
      test('2.4 a shorter type', () =>
        withUsers(async (scratch, migrations) => {
          const { url: database, query } = scratch
          await query(`UPDATE users SET meta = 'longer than five' WHERE id = 1`)
          await down({ database, migrations })
          const error = await errorOf(
            up({ database, migrations: changed('ALTER TABLE users ADD COLUMN meta varchar(5)') }),
          )
          assert.match(
            error.message,
            /users\.meta was text and is character varying\(5\), which cannot hold 1 value/,
          )
        }))
    }
  })

  describe(`3 told before, dropped on request, ${kind.label}`, () => {
    test('3.1 a dry run and the run say what goes and what is kept', () =>
      withUsers(async (scratch, migrations) => {
        const { url: database } = scratch
        const { planned } = await down({ database, migrations, all: true, dryRun: true })
        assert.deepEqual(
          planned.map(({ losses = [] }) =>
            losses.map(({ table, columns, rows }) => [table, columns, rows]).sort(),
          ),
          [
            [['users', ['meta'], 3]],
            [
              ['posts', null, 2],
              ['users', null, 3],
            ],
          ],
        )
        const notes: string[] = []
        await down({
          database,
          migrations,
          onProgress: (event) => 'message' in event && notes.push(event.message),
        })
        assert.match(notes[0] ?? '', /^users\.meta: 3 rows, \d+ bytes, copied to the stash$/)
      }))

    test('3.2 --discard destroys, and asks', () =>
      withUsers(async (scratch, migrations) => {
        const { url: database } = scratch
        const { stashed } = await down({ database, migrations, discard: true })
        assert.deepEqual(stashed, [])
        await up({ database, migrations })
        assert.deepEqual(await meta(scratch), [null, null, null])
        const refused = await run(['down', '--discard', '--database', database])
        assert.equal(refused.status, 2)
        assert.match(refused.stderr, /--yes/)
      }))

    test('3.3 stash list and stash drop', () =>
      withUsers(async ({ url: database }, migrations) => {
        await down({ database, migrations, all: true })
        const listed = await run(['stash', 'list', '--database', database])
        assert.equal(listed.stdout.trim().split('\n').length, 3)
        assert.match(listed.stdout, /^stash 1: users\.meta of 2_meta, 3 rows, \d+ bytes, copied /)
        assert.equal((await run(['stash', 'drop', '1', '--database', database])).status, 2)
        assert.equal((await run(['stash', 'drop', '9', '--yes', '--database', database])).status, 2)
        const dropped = await run(['stash', 'drop', '1', '--yes', '--database', database])
        assert.equal(dropped.stdout, 'dropped stash 1: users.meta\n')
        assert.equal((await stashDrop({ database, all: true })).dropped.length, 2)
        assert.deepEqual((await stashDrop({ database, all: true })).dropped, [])
        assert.equal((await errorOf(stashDrop({ database }))).code, 'USAGE')
        assert.deepEqual((await up({ database, migrations })).givenBack, [])
      }))

    test('3.5 one whose table somebody has dropped by hand can be dropped', () =>
      withUsers(async ({ url: database, query }, migrations) => {
        await down({ database, migrations })
        await query('DROP TABLE schema_migrations_stash_1')
        assert.equal((await errorOf(up({ database, migrations }))).code, 'STASH')
        await stashDrop({ database, number: 1 })
        assert.equal((await up({ database, migrations })).applied.length, 1)
      }))

    test('3.4 a script that fails keeps nothing', () =>
      withUsers(async (scratch) => {
        const { url: database } = scratch
        const migrations = scripts({ ...USERS, '2_meta.down': `${USERS['2_meta.down']}; DROP TABLE none` })
        assert.equal((await errorOf(down({ database, migrations }))).code, 'SQL')
        assert.deepEqual((await stashList({ database })).stashes, [])
        assert.deepEqual(await meta(scratch), ['x', null, 'z'])
        assert.equal(
          (
            await scratch.query(
              sqlite
                ? `SELECT 1 FROM sqlite_schema WHERE name LIKE '%stash%'`
                : `SELECT 1 FROM pg_class WHERE relname LIKE '%stash%'`,
            )
          ).length,
          0,
        )
      }))
  })

  describe(`4 property, ${kind.label}`, () => {
    test('4.1 down then up gives every row back, bit for bit', async () => {
      await fc.assert(
        fc.asyncProperty(history(sqlite), ({ files, rows }) =>
          kind.scratch(async (scratch) => {
            const { url: database, query } = scratch
            const migrations = scripts(files)
            await up({ database, migrations })
            for (const sql of rows) await query(sql)
            const before = await rowsOf(scratch, kind, ['t0', 't1', 't2'])
            await down({ database, migrations, all: true })
            await up({ database, migrations })
            assert.equal(await rowsOf(scratch, kind, ['t0', 't1', 't2']), before)
            assert.deepEqual((await stashList({ database })).stashes, [])
            await down({ database, migrations, steps: 1 })
            await up({ database, migrations })
            assert.equal(await rowsOf(scratch, kind, ['t0', 't1', 't2']), before)
          }),
        ),
        { numRuns: sqlite ? 40 : 10 },
      )
    })
  })
}

/** Types and values that are hard to keep. */
const VALUES: Record<'sqlite' | 'postgres', Record<string, readonly string[]>> = {
  sqlite: {
    TEXT: [`''`, `'a''b'`, `'émoji 🎉'`, `'12'`, 'NULL', `'line' || char(10) || 'two'`],
    INTEGER: ['0', '-1', '9223372036854775807', 'NULL', `'no number'`, `x'00ff'`],
    REAL: ['0.1', '-1e308', '9e999', 'NULL', '3.0'],
    BLOB: [`x''`, `x'00ff00'`, 'NULL', `'text'`, '7'],
    NUMERIC: ['1.50', '10', 'NULL', `'2026-01-15'`],
    '': [`'12'`, '12', '12.0', 'NULL'],
  },
  postgres: {
    text: [`''`, `'a''b'`, `'émoji 🎉'`, 'NULL', `E'line\\ntwo'`],
    integer: ['0', '-1', '2147483647', 'NULL'],
    bigint: ['9223372036854775807', 'NULL'],
    'double precision': ['0.1', `'NaN'`, `'-Infinity'`, '1e308', 'NULL'],
    numeric: ['1.50', '123456789012345678901234567890.123', `'NaN'`, 'NULL'],
    bytea: [`'\\x00ff'`, `''`, 'NULL'],
    jsonb: [`'{"a": [1, null]}'`, `'null'`, 'NULL'],
    json: [`'{"b":1, "a":2,  "a":3}'`, 'NULL'],
    timestamptz: [`'2026-01-15 10:00:00.123456+03'`, `'infinity'`, 'NULL'],
    'text[]': [`'{a,NULL,"b,c"}'`, `'{}'`, 'NULL'],
    mood: [`'sad'`, `'ok'`, 'NULL'],
    boolean: ['true', 'false', 'NULL'],
    uuid: [`'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'`, 'NULL'],
  },
}

/** Tables that refer to each other, columns that come later, and rows in all of them. */
function history(sqlite: boolean): fc.Arbitrary<{ files: Record<string, string>; rows: string[] }> {
  const types = VALUES[sqlite ? 'sqlite' : 'postgres']
  const column = fc.constantFrom(...Object.keys(types))
  const key = fc.constantFrom('id', 'two', 'none')
  const table = fc.record({
    key,
    columns: fc.array(column, { minLength: 1, maxLength: 3 }),
    later: fc.array(column, { minLength: 1, maxLength: 2 }),
    refers: fc.boolean(),
    fallback: fc.boolean(),
    rows: fc.integer({ min: 0, max: 4 }),
  })
  return fc
    .tuple(fc.array(table, { minLength: 1, maxLength: 3 }), fc.infiniteStream(fc.nat(1000)))
    .map(([tables, picks]) => {
      const pick = <T>(from: readonly T[]): T => from[picks.next().value % from.length] as T
      const ups: string[] = sqlite ? [] : [`CREATE TYPE mood AS ENUM ('sad', 'ok');`]
      const downs: string[] = sqlite ? [] : ['DROP TYPE mood;']
      const later: string[] = []
      const rows: string[] = []
      const drops: string[] = []
      for (const [i, { key, columns, later: added, refers, fallback, rows: count }] of tables.entries()) {
        const parent = i > 0 && refers && tables[i - 1]?.key === 'id' ? `t${i - 1}` : undefined
        const keys = {
          id: 'id INTEGER PRIMARY KEY',
          two: 'id INTEGER NOT NULL, id2 TEXT NOT NULL, PRIMARY KEY (id, id2)',
          none: 'id INTEGER',
        }[key]
        const [first = 'id INTEGER', ...constraint] =
          key === 'two' ? ['id INTEGER NOT NULL', 'id2 TEXT NOT NULL', 'PRIMARY KEY (id, id2)'] : [keys]
        const plain = columns.map((type, n) => `c${n} ${type}`)
        const reference = parent ? [`p INTEGER REFERENCES ${parent} (id)`] : []
        ups.push(
          `CREATE TABLE t${i} (${[first, ...constraint.slice(0, 1), ...plain, ...reference, ...constraint.slice(1)].join(', ')});`,
        )
        downs.unshift(`DROP TABLE t${i};`)
        for (const [n, type] of added.entries()) {
          const value = fallback ? types[type]?.[0] : undefined
          later.push(`ALTER TABLE t${i} ADD COLUMN l${n} ${type}${value ? ` DEFAULT ${value}` : ''};`)
          drops.unshift(`ALTER TABLE t${i} DROP COLUMN l${n};`)
        }
        for (let r = 0; r < count; r++) {
          const parents = parent ? [tables[i - 1]?.rows ? '0' : 'NULL'] : []
          const given = [
            key === 'none' ? pick(['0', 'NULL']) : String(r),
            ...(key === 'two' ? [`'k${r}'`] : []),
            ...columns.map((type) => pick(types[type] ?? [])),
            ...parents,
            ...added.map((type) => pick(types[type] ?? [])),
          ]
          rows.push(`INSERT INTO t${i} VALUES (${given.join(', ')})`)
        }
      }
      return {
        files: {
          '1_tables': ups.join('\n'),
          '1_tables.down':
            downs.join('\n').replace(/^(DROP TYPE mood;)\n?/m, '') + (sqlite ? '' : '\nDROP TYPE mood;'),
          '2_later': later.join('\n'),
          '2_later.down': drops.join('\n'),
        },
        rows,
      }
    })
}

test('5 a SQLite table that only the application can make', async () => {
  const database = new DatabaseSync(':memory:')
  database.function('even', (n) => Number(Number(n) % 2 === 0))
  const migrations = scripts({
    '1_a': 'CREATE TABLE a (n INTEGER CHECK (even(n)))',
    '1_a.down': 'DROP TABLE a',
  })
  await up({ database, migrations })
  database.exec('INSERT INTO a VALUES (2), (4)')
  assert.equal((await down({ database, migrations })).stashed.length, 1)
  await up({ database, migrations })
  assert.equal(database.prepare('SELECT count(*) AS n FROM a').get()?.n, 2)
})

test('6 a search index of SQLite, with its rowids', async () => {
  const database = new DatabaseSync(':memory:')
  const migrations = scripts({
    '1_a': 'CREATE VIRTUAL TABLE a USING fts5 (body)',
    '1_a.down': 'DROP TABLE a',
  })
  await up({ database, migrations })
  database.exec(`INSERT INTO a (rowid, body) VALUES (7, 'seven words'), (9, 'nine words')`)
  await down({ database, migrations })
  await up({ database, migrations })
  const found = database.prepare(`SELECT rowid FROM a WHERE a MATCH 'nine'`).all()
  assert.deepEqual(
    found.map(({ rowid }) => rowid),
    [9],
  )
})
