import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { catalogOf } from '../../../src/core/lint/postgres/catalog.ts'
import { nameOf } from '../../../src/core/schema/model.ts'
import { cut } from '../../../src/database/postgres/script.ts'
import { SHOP } from './postgres-set.ts'
import { catalogAfter } from './read.ts'

const columns = async (sql: string, table = 't') =>
  (await catalogAfter(sql)).table(table)?.columns.map(({ name, type }) => `${name} ${type}`)

describe('the catalog', () => {
  test('1 spells types as format_type does', async () => {
    const types =
      await columns(`CREATE TABLE t (a int, b int8, c varchar(10), d char, e decimal(5), f numeric, g timestamp(3),
      h timestamptz, i float, j float(4), k bool, l text[], m serial, n interval(2), o bit varying(3), p public.thing, q app.thing,
      r time(2) with time zone, s "Odd")`)
    assert.deepEqual(types, [
      'a integer',
      'b bigint',
      'c character varying(10)',
      'd character(1)',
      'e numeric(5,0)',
      'f numeric',
      'g timestamp(3) without time zone',
      'h timestamp with time zone',
      'i double precision',
      'j real',
      'k boolean',
      'l text[]',
      'm integer',
      'n interval(2)',
      'o bit varying(3)',
      'p thing',
      'q app.thing',
      'r time(2) with time zone',
      's "Odd"',
    ])
  })

  test('2 follows columns through their changes', async () => {
    const catalog = await catalogAfter(
      `CREATE TABLE t (a int, b text DEFAULT 'x', c serial);
      ALTER TABLE t ADD COLUMN d int NOT NULL DEFAULT 5, DROP COLUMN b, ALTER a TYPE bigint, ALTER a SET NOT NULL; ALTER TABLE t RENAME a TO z;`,
    )
    assert.deepEqual(catalog.table('t')?.columns, [
      { name: 'z', type: 'bigint', kind: 'integer', nullable: false },
      {
        name: 'c',
        type: 'integer',
        kind: 'integer',
        nullable: false,
        identity: 'serial',
        default: "nextval('t_c_seq'::regclass)",
      },
      { name: 'd', type: 'integer', kind: 'integer', nullable: false, default: '5' },
    ])
  })

  test('3 names constraints and indexes as PostgreSQL does', async () => {
    const catalog = await catalogAfter(`CREATE TABLE p (id int PRIMARY KEY);
      CREATE TABLE t (a int PRIMARY KEY, b int UNIQUE, c int CHECK (c > 0) REFERENCES p, UNIQUE (a, b), CHECK (a > b));
      CREATE INDEX ON t (c); CREATE INDEX ON t (c);`)
    const table = catalog.table('t')
    assert.equal(table?.primaryKey?.name, 't_pkey')
    assert.deepEqual(
      table?.uniques.map(({ name }) => name),
      ['t_b_key', 't_a_b_key'],
    )
    assert.deepEqual(
      table?.checks.map(({ name, expression }) => `${name} ${expression}`),
      ['t_c_check c > 0', 't_check a > b'],
    )
    assert.deepEqual(table?.foreignKeys, [
      {
        name: 't_c_fkey',
        columns: ['c'],
        to: { schema: '', name: 'p' },
        references: ['id'],
        onDelete: 'NO ACTION',
        onUpdate: 'NO ACTION',
      },
    ])
    assert.deepEqual(
      table?.indexes.map(({ name }) => name),
      ['t_c_idx', 't_c_idx1'],
    )
    assert.equal(catalog.ownerOf('t_c_idx'), 't')
  })

  test('4 follows constraints through VALIDATE, RENAME and DROP', async () => {
    const catalog = await catalogAfter(`CREATE TABLE t (a int, b int);
      ALTER TABLE t ADD CONSTRAINT x CHECK (a IS NOT NULL) NOT VALID, ADD CONSTRAINT y CHECK (b > 0);`)
    assert.equal(catalog.isProven('t', 'a'), false)
    const after = await catalogAfter(`CREATE TABLE t (a int, b int);
      ALTER TABLE t ADD CONSTRAINT x CHECK (a IS NOT NULL) NOT VALID, ADD CONSTRAINT y CHECK (b > 0);
      ALTER TABLE t VALIDATE CONSTRAINT x; ALTER TABLE t RENAME CONSTRAINT x TO z; ALTER TABLE t DROP CONSTRAINT y;`)
    assert.equal(after.isProven('t', 'a'), true)
    assert.deepEqual(after.table('t')?.checks, [{ name: 'z', expression: 'a IS NOT NULL' }])
  })

  test('5 NOT NULL as a constraint counts when it is valid', async () => {
    const sql = 'CREATE TABLE t (a int); ALTER TABLE t ADD CONSTRAINT n NOT NULL a NOT VALID;'
    assert.equal((await catalogAfter(sql)).isProven('t', 'a'), false)
    assert.equal((await catalogAfter(`${sql} ALTER TABLE t VALIDATE CONSTRAINT n;`)).isProven('t', 'a'), true)
  })

  test('6 a table that is renamed takes along who refers to it', async () => {
    const catalog =
      await catalogAfter(`CREATE TABLE p (id int PRIMARY KEY); CREATE TABLE t (a int REFERENCES p);
      CREATE TABLE q (d date) PARTITION BY RANGE (d); CREATE TABLE q1 PARTITION OF q DEFAULT;
      ALTER TABLE p RENAME TO parents; ALTER TABLE q RENAME TO days; ALTER TABLE t SET SCHEMA app;`)
    assert.equal(catalog.table('app.t')?.foreignKeys[0]?.to.name, 'parents')
    assert.deepEqual(catalog.partitions('days').map(nameOf), ['q1'])
    assert.equal(catalog.table('p'), undefined)
  })

  test('7 a table that is dropped takes its foreign keys and partitions', async () => {
    const catalog =
      await catalogAfter(`CREATE TABLE p (id int PRIMARY KEY); CREATE TABLE t (a int REFERENCES p);
      CREATE TABLE q (d date) PARTITION BY RANGE (d); CREATE TABLE q1 PARTITION OF q DEFAULT;
      DROP TABLE p CASCADE; DROP TABLE q;`)
    assert.deepEqual([...catalog.tables()].map(nameOf), ['t'])
    assert.deepEqual(catalog.table('t')?.foreignKeys, [])
  })

  test('8 types, domains, functions and indexes', async () => {
    const catalog =
      await catalogAfter(`CREATE TYPE e AS ENUM ('a'); ALTER TYPE e ADD VALUE 'b'; ALTER TYPE e RENAME VALUE 'a' TO 'c';
      CREATE DOMAIN d AS int; ALTER DOMAIN d ADD CHECK (VALUE > 0); CREATE DOMAIN dd AS d;
      CREATE FUNCTION s() RETURNS int LANGUAGE sql STABLE AS 'SELECT 1'; CREATE FUNCTION v() RETURNS int LANGUAGE sql AS 'SELECT 1';
      CREATE TABLE t (x e, y dd); ALTER TYPE e RENAME TO f; CREATE INDEX i ON t (x); ALTER INDEX i RENAME TO j;`)
    assert.deepEqual(catalog.enum('f')?.values, ['c', 'b'])
    assert.deepEqual(
      catalog.table('t')?.columns.map(({ type, kind }) => `${type} ${kind}`),
      ['f enum', 'dd other'],
    )
    const domain = catalog.domain('dd')
    assert.ok(domain && catalog.isConstrained(domain))
    assert.equal(catalog.baseType('dd'), 'integer')
    assert.deepEqual(
      [catalog.volatilityOf(['s']), catalog.volatilityOf(['v']), catalog.volatilityOf(['w'])],
      ['stable', 'volatile', undefined],
    )
    assert.equal(catalog.ownerOf('j'), 't')
  })

  test('9 a copy goes its own way, and a schema says it all', async () => {
    const catalog = await catalogAfter(SHOP)
    const copy = catalog.clone()
    const { tables, enums, domains, views } = catalog.schema()
    assert.deepEqual(catalogOf(catalog.schema()).schema(), catalog.schema())
    assert.deepEqual([tables.length, enums.length, domains.length, views.length], [10, 1, 2, 2])
    for (const { tree } of await cut({ file: 'x', text: 'DROP TABLE users CASCADE' })) copy.apply(tree)
    assert.equal(copy.table('users'), undefined)
    assert.ok(catalog.table('users'))
  })

  test('10 it takes whatever it is given', async () => {
    const odd = `ALTER TABLE nobody ADD COLUMN a int; ALTER TABLE nobody DROP CONSTRAINT x; DROP TABLE nobody; DROP INDEX nothing;
      ALTER TYPE nothing ADD VALUE 'x'; ALTER DOMAIN nothing SET NOT NULL; ALTER TABLE nobody RENAME TO somebody;
      CREATE INDEX ON nobody (a); ALTER TABLE nobody ATTACH PARTITION other DEFAULT; DROP TYPE nothing; ALTER INDEX i RENAME TO j;
      CREATE TABLE t (a int); ALTER TABLE t DROP COLUMN nothing, DROP CONSTRAINT nothing, VALIDATE CONSTRAINT nothing; ALTER TABLE t DETACH PARTITION x`
    const catalog = await catalogAfter(odd)
    assert.deepEqual([...catalog.tables()].map(nameOf), ['t'])
  })
})
