import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { type Reading, withDatabase } from '../../src/database/database.ts'
import { KINDS, type Kind } from '../matrix.ts'
import { errorOf } from '../tools.ts'

const MADE =
  'CREATE TABLE a (x TEXT); CREATE TABLE b (x TEXT REFERENCES a (x)); CREATE VIEW v AS SELECT x FROM a'

/** What is read of a script, without its places; nothing of it has been done. */
function read({ scratch }: Kind, sql: string, made = 'CREATE TABLE a (x TEXT); CREATE TABLE b (y TEXT)') {
  return scratch(({ url }) =>
    withDatabase(url, { create: true }, async (database) => {
      await database.transaction((run) => run({ file: 'made.sql', text: made }))
      const before = JSON.stringify(await database.introspect())
      const readings = await database.read({ file: 'a.sql', text: sql })
      assert.equal(JSON.stringify(await database.introspect()), before)
      return readings.map(({ start, end, ...reading }) => ({ ...reading, sql: sql.slice(start, end) }))
    }),
  )
}

const brief = ({ kind, makes, drops, writes, reads, renames, fills }: Omit<Reading, 'start' | 'end'>) => ({
  kind,
  ...(makes.length > 0 && { makes }),
  ...(drops.length > 0 && { drops }),
  ...(writes.length > 0 && { writes }),
  ...(reads.length > 0 && { reads }),
  ...(renames && { renames }),
  ...(fills && { fills }),
})

/** Statements that both databases read alike. */
const BOTH: readonly [string, ReturnType<typeof brief>][] = [
  ['CREATE TABLE c (z TEXT)', { kind: 'schema', makes: ['c'] }],
  ['DROP TABLE a', { kind: 'schema', drops: ['a'] }],
  ['CREATE TABLE c AS SELECT x FROM a', { kind: 'schema', makes: ['c'], reads: ['a'], fills: true }],
  ['ALTER TABLE a ADD COLUMN z TEXT', { kind: 'schema' }],
  ['ALTER TABLE a RENAME TO c', { kind: 'schema', renames: { table: 'a', to: 'c' } }],
  ['ALTER TABLE a RENAME COLUMN x TO z', { kind: 'schema', renames: { table: 'a', column: 'x', to: 'z' } }],
  ['CREATE INDEX i ON a (x)', { kind: 'schema' }],
  ['CREATE VIEW v AS SELECT x FROM a', { kind: 'schema' }],
  ["INSERT INTO a VALUES ('1')", { kind: 'data', writes: ['a'] }],
  ['INSERT INTO a SELECT y FROM b', { kind: 'data', writes: ['a'], reads: ['b'] }],
  ["UPDATE b SET y = '1'", { kind: 'data', writes: ['b'] }],
  [
    'WITH c AS (SELECT y FROM b) INSERT INTO a SELECT y FROM c',
    { kind: 'data', writes: ['a'], reads: ['b'] },
  ],
  ['DELETE FROM a', { kind: 'data', writes: ['a'] }],
  ['SELECT 1', { kind: 'session' }],
  ['SAVEPOINT s', { kind: 'session' }],
]

for (const kind of KINDS) {
  describe(`read, ${kind.label}`, () => {
    for (const [sql, wanted] of BOTH) {
      test(`1 ${sql}`, async () => {
        const [reading, ...more] = await read(kind, sql)
        assert.ok(reading)
        assert.deepEqual(brief(reading), wanted)
        assert.deepEqual(more, [])
      })
    }

    test('2 a script, each statement by what those before it have made', async () => {
      const found = await read(
        kind,
        `-- one\nCREATE TABLE a_new (x TEXT NOT NULL);\nINSERT INTO a_new SELECT x FROM a;
        DROP TABLE b; DROP TABLE a;\nALTER TABLE a_new RENAME TO a;`,
      )
      assert.deepEqual(
        found.map(({ kind: one }) => one),
        ['schema', 'data', 'schema', 'schema', 'schema'],
      )
      assert.deepEqual([found[1]?.writes, found[1]?.reads], [['a_new'], ['a']])
      assert.deepEqual(found[4]?.renames, { table: 'a_new', to: 'a' })
    })

    test('3 what cannot be read is an error with its place', async () => {
      const error = await errorOf(read(kind, 'SELECT 1;\nCREATE TABEL c (x TEXT)'))
      assert.deepEqual([error.code, error.line], ['SQL', 2])
      assert.equal((await errorOf(read(kind, 'COMMIT'))).code, 'TRANSACTION_STATEMENT')
    })
  })
}

const [sqlite] = KINDS.filter(({ dialect }) => dialect === 'sqlite')
const [postgres] = KINDS.filter(({ dialect }) => dialect === 'postgres')

test('4 SQLite: what a trigger does is not what the statement does', async () => {
  if (sqlite === undefined) return
  const made = `${MADE}; CREATE TRIGGER t AFTER INSERT ON a BEGIN DELETE FROM b; END`
  const [insert, drop, pragma] = await read(
    sqlite,
    'INSERT INTO a VALUES (1); DROP TABLE a; PRAGMA user_version = 3',
    made,
  )
  assert.deepEqual(insert?.writes, ['a'])
  assert.deepEqual(drop?.drops, ['a'])
  assert.equal(pragma?.kind, 'session')
})

test('5 PostgreSQL: code, rights, settings', async () => {
  if (postgres === undefined) return
  const found = await read(
    postgres,
    `DO $$ BEGIN INSERT INTO a VALUES ('1'); END $$; DO $$ BEGIN CREATE TYPE t AS ENUM ('a'); END $$;
     SELECT setval('s', 3); SELECT set_config('a.b', 'c', true); GRANT SELECT ON a TO public; SET LOCAL lock_timeout = 1;
     TRUNCATE a, b; WITH gone AS (DELETE FROM a RETURNING x) INSERT INTO b SELECT x FROM gone;
     SELECT x INTO c FROM a; CREATE MATERIALIZED VIEW m AS SELECT x FROM a; ALTER TYPE t RENAME VALUE 'a' TO 'b'`,
  )
  assert.deepEqual(
    found.map(({ kind }) => kind),
    [
      'opaque',
      'schema',
      'opaque',
      'session',
      'other',
      'session',
      'data',
      'data',
      'schema',
      'schema',
      'schema',
    ],
  )
  assert.deepEqual(found[7]?.writes.toSorted(), ['a', 'b'])
  assert.deepEqual([found[8]?.makes, found[8]?.fills, found[9]?.makes], [['c'], true, []])
})
