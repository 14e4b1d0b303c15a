import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import {
  type DriftOptions,
  type DriftResult,
  drift,
  type MigrationFile,
  parity,
  up,
} from '../../src/index.ts'
import { KINDS, type Scratch, SERVERS } from '../matrix.ts'

const MIGRATIONS: readonly MigrationFile[] = [
  {
    name: '1_people.sqlite.sql',
    sql: `CREATE TABLE people (id INTEGER PRIMARY KEY, name TEXT NOT NULL, age INTEGER DEFAULT 1);
CREATE INDEX idx_people_name ON people (name);
CREATE TABLE pets (id INTEGER PRIMARY KEY, owner INTEGER NOT NULL REFERENCES people (id) ON DELETE CASCADE);`,
  },
  {
    name: '1_people.postgres.sql',
    sql: `CREATE TABLE people (id BIGSERIAL PRIMARY KEY, name TEXT NOT NULL, age INTEGER DEFAULT 1);
CREATE INDEX idx_people_name ON people (name);
CREATE TABLE pets (id BIGSERIAL PRIMARY KEY, owner BIGINT NOT NULL REFERENCES people (id) ON DELETE CASCADE);`,
  },
  { name: '1_people.down.sql', sql: 'DROP TABLE pets; DROP TABLE people;' },
  { name: '2_view.sql', sql: 'CREATE VIEW names AS SELECT name FROM people;' },
  { name: '2_view.down.sql', sql: 'DROP VIEW names;' },
]

/** What somebody did by hand, and how it is told. */
const CASES: readonly { does: string; sql?: string; told: string }[] = [
  {
    does: 'adds and drops',
    sql: `ALTER TABLE people ADD COLUMN nick TEXT; DROP INDEX idx_people_name; CREATE INDEX mine ON pets (owner);
CREATE TABLE extra (a INTEGER); DROP VIEW names`,
    told: 'extra table extra, extra column people nick, missing index people idx_people_name, extra index pets mine, missing view names',
  },
  {
    does: 'drops a table and renames a column',
    sql: 'DROP TABLE pets; ALTER TABLE people RENAME COLUMN age TO years',
    told: 'missing table pets, missing column people age, extra column people years',
  },
  {
    does: 'changes a type, a default and a key',
    told: 'different column people age, different column people name, different foreign key pets',
  },
]

const CHANGED = {
  sqlite: `DROP TABLE pets; DROP VIEW names; DROP TABLE people;
CREATE TABLE people (id INTEGER PRIMARY KEY, name TEXT, age REAL DEFAULT 2);
CREATE INDEX idx_people_name ON people (name); CREATE VIEW names AS SELECT name FROM people;
CREATE TABLE pets (id INTEGER PRIMARY KEY, owner INTEGER NOT NULL REFERENCES people (id))`,
  postgres: `ALTER TABLE people ALTER COLUMN age TYPE DOUBLE PRECISION, ALTER COLUMN age SET DEFAULT 2, ALTER COLUMN name DROP NOT NULL;
ALTER TABLE pets DROP CONSTRAINT pets_owner_fkey, ADD CONSTRAINT pets_owner_fkey FOREIGN KEY (owner) REFERENCES people (id)`,
}

const told = ({ differences }: DriftResult) =>
  differences
    .map(({ change, object, table = '', name }) => {
      return `${change} ${object} ${table} ${object === 'foreign key' ? '' : name}`.replace(/ +/g, ' ').trim()
    })
    .join(', ')

const shadow = `${SERVERS.at(-1)?.url}/postgres`

for (const { label, dialect, scratch } of KINDS) {
  describe(`drift, ${label}`, { concurrency: 2 }, () => {
    /** A migrated database with rows; its own server serves for shadows. */
    const migrated = (
      work: (database: Scratch, look: (more?: DriftOptions) => Promise<DriftResult>) => Promise<void>,
    ) =>
      scratch(async (database) => {
        const options = { database: database.url, migrations: MIGRATIONS }
        await up(options)
        await database.query(`INSERT INTO people (name) VALUES ('ann')`)
        await database.query('INSERT INTO pets (owner) VALUES (1)')
        await work(database, (more) => drift({ ...options, shadow, ...more }))
      })
    const run = async ({ query }: Scratch, sql: string) => {
      for (const statement of sql.split(/;\s*/)) if (statement.trim() !== '') await query(statement)
    }

    test('1 a database that nobody has touched', () =>
      migrated(async (_, look) => {
        const result = await look()
        assert.deepEqual([result.drifted, result.changed, result.differences], [false, [], []])
        assert.deepEqual(result.back, { sql: '', notes: [] })
      }))

    for (const { does, sql = CHANGED[dialect], told: expected } of CASES) {
      test(`2 somebody ${does}: it is told, and the SQL brings it back`, () =>
        migrated(async (database, look) => {
          await run(database, sql)
          const found = await look()
          assert.equal(found.drifted, true)
          assert.equal(told(found), expected)
          await run(database, found.back.sql)
          assert.deepEqual((await look()).differences, [])
          // And there again, by what the migration would say.
          await run(database, found.official[dialect]?.up.sql ?? '')
          assert.equal(told(await look()), expected)
        }))
    }

    test('3 the rows of what is not dropped stay', () =>
      migrated(async (database, look) => {
        await run(database, `ALTER TABLE people ADD COLUMN nick TEXT; DROP INDEX idx_people_name`)
        await run(database, (await look()).back.sql)
        assert.equal((await database.query(`SELECT * FROM people WHERE name = 'ann'`)).length, 1)
        assert.equal((await database.query('SELECT * FROM pets')).length, 1)
      }))

    test('4 what is pending is no drift; a file that changed is named; a missing one is an error', () =>
      migrated(async (_, look) => {
        const more = { name: '3_more.sql', sql: 'CREATE TABLE more (a INTEGER);' }
        assert.equal((await look({ migrations: [...MIGRATIONS, more] })).drifted, false)
        const edited = MIGRATIONS.map((file) =>
          file.name === '2_view.sql'
            ? { ...file, sql: 'CREATE VIEW names AS SELECT id, name FROM people' }
            : file,
        )
        const result = await look({ migrations: edited })
        assert.deepEqual([result.changed, told(result)], [['2_view'], 'different view names'])
        await assert.rejects(look({ migrations: MIGRATIONS.slice(0, 3) }), { code: 'MISSING' })
      }))

    test('5 it changes nothing, and an empty database has drifted nowhere', () =>
      scratch(async (database) => {
        const result = await drift({ database: database.url, migrations: MIGRATIONS, shadow })
        assert.deepEqual([result.drifted, result.differences], [false, []])
        assert.deepEqual(await database.tables(), [])
      }))

    test('6 the migration that makes it official serves both databases', () =>
      migrated(async (database, look) => {
        await run(database, CHANGED[dialect])
        await database.query('CREATE TABLE extra (a INTEGER, b TEXT)')
        const { official } = await look()
        assert.deepEqual(Object.keys(official).sort(), ['postgres', 'sqlite'])
        const files = Object.entries(official).flatMap(([of, { up, down }]) => [
          { name: `3_official.${of}.up.sql`, sql: up.sql },
          { name: `3_official.${of}.down.sql`, sql: down.sql },
        ])
        const migrations = [...MIGRATIONS, ...files]
        assert.deepEqual((await parity({ migrations, shadow })).differences, [])
        const applied = `INSERT INTO schema_migrations (version) VALUES ('3_official')`
        await database.query(applied)
        assert.deepEqual(told(await look({ migrations })), '')
      }))
  })
}
