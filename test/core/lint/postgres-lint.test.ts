import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Effect } from '../../../src/core/lint/effect.ts'
import { lintPostgres } from '../../../src/core/lint/postgres/lint-postgres.ts'
import { POSTGRES_RULES } from '../../../src/core/lint/postgres/rules.ts'
import { SHOP } from './postgres-set.ts'
import { catalogAfter, found, scriptOf } from './read.ts'

/** What is said aloud of an up script, or of the down script behind it. */
async function loud(up: string, down?: string): Promise<string[]> {
  const catalog = await catalogAfter(SHOP)
  const before = catalog.clone()
  let hits = lintPostgres(await scriptOf(up), catalog)
  if (down !== undefined) hits = lintPostgres(await scriptOf(down, { direction: 'down', before }), catalog)
  return hits
    .filter(({ rule }) => rule.severity === 'error' || rule.severity === 'warning')
    .map(({ rule }) => rule.id)
}

/** What is said aloud of a statement that did this when it was measured. */
async function measured(sql: string, effects: readonly Effect[]): Promise<string[]> {
  const { statements, ...script } = await scriptOf(sql)
  const run = statements.map(({ start, end, tree }) => ({
    start,
    end,
    tree,
    measured: { start, end, effects },
  }))
  return lintPostgres({ ...script, statements: run }, await catalogAfter(SHOP))
    .filter(({ rule }) => rule.severity === 'error' || rule.severity === 'warning')
    .map(({ rule }) => rule.id)
}

const nothing = { table: 'users', lock: 'ACCESS EXCLUSIVE', scan: false, rewrite: false } as const
const rewrite = { ...nothing, scan: true, rewrite: true } as const

describe('the place of a finding', () => {
  test('is where its statement begins, behind comments', async () => {
    const up = '-- why\nSELECT 1;\n\n/* an index */ CREATE INDEX ON users (age);'
    const [hit] = (await found(SHOP, up)).filter(({ rule }) => rule.severity === 'error')
    assert.equal(hit?.at, up.indexOf('CREATE INDEX'))
  })

  test('only the rules that are asked for are looked at', async () => {
    const rules = POSTGRES_RULES.filter(({ id }) => id === 'drop-table')
    const up = 'DROP TABLE users CASCADE;\nCREATE INDEX ON orders (total);'
    const hits = lintPostgres(await scriptOf(up), await catalogAfter(SHOP), rules)
    assert.deepEqual(
      hits.map(({ rule }) => rule.id),
      ['drop-table'],
    )
  })
})

describe('a down script', () => {
  const pairs: readonly (readonly [name: string, up: string, down: string, ...ids: string[]])[] = [
    ['of a new table', 'CREATE TABLE carts (id int);', 'DROP TABLE carts;'],
    ['of a new column', 'ALTER TABLE users ADD COLUMN nick text;', 'ALTER TABLE users DROP COLUMN nick;'],
    [
      'that drops what was there',
      'ALTER TABLE users ADD COLUMN nick text;',
      'ALTER TABLE users DROP COLUMN bio;',
      'drop-column',
    ],
    ['of a rename', 'ALTER TABLE users RENAME name TO nick;', 'ALTER TABLE users RENAME nick TO name;'],
    ['of a renamed table', 'ALTER TABLE users RENAME TO people;', 'ALTER TABLE people RENAME TO users;'],
    [
      'of a renamed value',
      "ALTER TYPE status RENAME VALUE 'new' TO 'open';",
      "ALTER TYPE status RENAME VALUE 'open' TO 'new';",
    ],
    [
      'of SET NOT NULL',
      'ALTER TABLE users ALTER age SET NOT NULL;',
      'ALTER TABLE users ALTER age DROP NOT NULL;',
    ],
    [
      'of DROP NOT NULL',
      'ALTER TABLE users ALTER email DROP NOT NULL;',
      'ALTER TABLE users ALTER email SET NOT NULL;',
      'set-not-null-scans',
    ],
    ['of a new index', 'CREATE INDEX i ON users (age);', 'DROP INDEX i;', 'drop-index-locks-table'],
    [
      'of a free type change',
      'ALTER TABLE users ALTER name TYPE text;',
      'ALTER TABLE users ALTER name TYPE varchar(100);',
      'type-change-rewrites',
    ],
    [
      'of a new foreign key',
      'ALTER TABLE items ADD CONSTRAINT p FOREIGN KEY (product_id) REFERENCES products (id) NOT VALID;',
      'ALTER TABLE items DROP CONSTRAINT p;',
    ],
    [
      'of a dropped required column',
      'ALTER TABLE users DROP COLUMN email;',
      'ALTER TABLE users ADD COLUMN email text NOT NULL;',
      'add-required-column',
    ],
  ]
  for (const [name, up, down, ...ids] of pairs) {
    test(`${name}: ${ids.join(', ') || 'nothing'}`, async () => assert.deepEqual(await loud(up, down), ids))
  }
})

describe('what was measured', () => {
  test('wins where the text says more', async () => {
    const sql = 'ALTER TABLE users ADD COLUMN token text DEFAULT make_token();'
    assert.deepEqual(await measured(sql, [rewrite]), ['volatile-default-rewrites'])
    assert.deepEqual(await measured(sql, [nothing]), [])
  })

  test('wins where the text says less', async () => {
    const sql = 'ALTER TABLE users ALTER name TYPE text;'
    assert.deepEqual(await measured(sql, [nothing]), [])
    assert.deepEqual(await measured(sql, [rewrite]), ['type-change-rewrites'])
  })

  test('tells what a DO block hides', async () => {
    const sql = "DO $$ BEGIN EXECUTE 'ALTER TABLE users ALTER age TYPE bigint'; END $$;"
    assert.deepEqual(await measured(sql, [rewrite]), ['hidden-work'])
    assert.deepEqual(await measured(sql, [nothing]), [])
  })

  test('does not tell of the time zone of the server', async () => {
    const sql = 'ALTER TABLE users ALTER created_at TYPE timestamptz;'
    assert.deepEqual(await measured(sql, [nothing]), ['type-change-rewrites'])
  })

  test('does not tell of partitions that are made later', async () => {
    const up = 'CREATE INDEX ON parts (id);'
    const catalog = await catalogAfter('CREATE TABLE parts (id int) PARTITION BY RANGE (id);')
    const { statements, ...script } = await scriptOf(up)
    const effects = [{ table: 'parts', lock: 'SHARE', scan: false, rewrite: false }] as const
    const run = statements.map(({ start, end, tree }) => ({
      start,
      end,
      tree,
      measured: { start, end, effects },
    }))
    const [hit] = lintPostgres({ ...script, statements: run }, catalog)
    assert.equal(hit?.rule.id, 'create-index-blocks-writes')
  })

  test('counts for nothing where the script made the table', async () => {
    const { statements, ...script } = await scriptOf(
      'CREATE TABLE users (id int);\nALTER TABLE users ALTER id TYPE bigint;',
    )
    const run = statements.map(({ start, end, tree }, i) => {
      const effects = i === 0 ? [] : [rewrite]
      return { start, end, tree, measured: { start, end, effects } }
    })
    const hits = (before: string) =>
      catalogAfter(before).then((catalog) => lintPostgres({ ...script, statements: run }, catalog))
    assert.deepEqual(
      (await hits('')).filter(({ rule }) => rule.severity === 'error'),
      [],
    )
  })
})

describe('one script after another', () => {
  test('what the first makes was there before the second', async () => {
    const catalog = await catalogAfter('CREATE TABLE a (id int);')
    const first = lintPostgres(await scriptOf('CREATE TABLE b (id int);\nCREATE INDEX ON b (id);'), catalog)
    assert.deepEqual(
      first.filter(({ rule }) => rule.severity === 'error'),
      [],
    )
    const second = lintPostgres(await scriptOf('CREATE INDEX ON b (id);'), catalog)
    assert.ok(second.some(({ rule }) => rule.id === 'create-index-blocks-writes'))
  })

  test('search_path tells which table is meant, to the end of the script', async () => {
    const catalog = await catalogAfter('CREATE TABLE app.t (a varchar(5)); CREATE TABLE t (a int);')
    const hits = async (sql: string) =>
      lintPostgres(await scriptOf(sql), catalog.clone())
        .filter(({ rule }) => rule.severity === 'error')
        .map(({ rule }) => rule.id)
    assert.deepEqual(await hits('SET search_path TO app, public;\nALTER TABLE t ALTER a TYPE text;'), [])
    assert.deepEqual(await hits('ALTER TABLE t ALTER a TYPE text;'), ['type-change-rewrites'])
  })
})
