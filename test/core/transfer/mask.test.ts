import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { emptySchema, type Schema } from '../../../src/core/schema/model.ts'
import type { Form } from '../../../src/core/transfer/form.ts'
import { withMasks } from '../../../src/core/transfer/mask.ts'
import { movedOf, schemaOf, valuesOf } from './schema.ts'

const SCHEMA = schemaOf(`
  CREATE TABLE users (id TEXT PRIMARY KEY, name TEXT NOT NULL, email TEXT UNIQUE COLLATE NOCASE, note TEXT, up TEXT AS (upper(name)));
  CREATE TABLE mails (n INTEGER PRIMARY KEY AUTOINCREMENT, user_id TEXT REFERENCES users (id), email TEXT REFERENCES users (email), score REAL, at DATETIME);
  CREATE TABLE copies (email TEXT REFERENCES users (email), bytes BLOB)`)

function values(masks: Record<string, string>, form: Form = 'text', schema: Schema = SCHEMA) {
  return valuesOf(withMasks(movedOf(schema, form), schema, masks))
}

const COPIES = { 'mails.email': 'hash', 'copies.email': 'hash' }

describe('1 what stands in the place of a masked column', () => {
  test('1.1 a hash, NULL, nothing', () => {
    assert.deepEqual(values({ 'users.name': 'hash', 'Users.NOTE': 'null', 'mails.user_id': 'null' }), {
      'users.name': `nexflow_hash('text', 32, "name")`,
      'users.note': 'NULL',
      'mails.user_id': 'NULL',
    })
    assert.deepEqual(values({ 'users.name': 'empty' }), { 'users.name': "''" })
    assert.deepEqual(values({ 'copies.bytes': 'empty' }, 'any'), { 'copies.bytes': "x''" })
    assert.deepEqual(values({}), {})
  })

  test('1.2 what foreign keys tie is compared without case everywhere, where it is anywhere', () => {
    const hash = `nexflow_hash('text', 32, lower("email"))`
    assert.deepEqual(values({ 'users.email': 'hash', ...COPIES }), {
      'users.email': hash,
      'mails.email': hash,
      'copies.email': hash,
    })
  })

  test('1.3 it is no longer than any of what foreign keys tie', () => {
    const moved = movedOf(SCHEMA, 'text').map((one) => ({
      ...one,
      columns: one.columns.map((column) => (one.from.name === 'mails' ? { ...column, longest: 20 } : column)),
    }))
    const masked = withMasks(moved, SCHEMA, {
      'mails.user_id': 'hash',
      'users.id': 'hash',
      'users.name': 'hash',
    })
    assert.deepEqual(valuesOf(masked), {
      'mails.user_id': `nexflow_hash('text', 20, "user_id")`,
      'users.id': `nexflow_hash('text', 20, "id")`,
      'users.name': `nexflow_hash('text', 32, "name")`,
    })
  })

  test('1.4 what is not moved is no tie, and its masks mean nothing', () => {
    const copies = movedOf(SCHEMA, 'text').filter(({ from }) => from.name === 'copies')
    assert.deepEqual(valuesOf(withMasks(copies, SCHEMA, { 'copies.email': 'hash', 'users.name': 'hash' })), {
      'copies.email': `nexflow_hash('text', 32, "email")`,
    })
  })
})

describe('2 what is refused', () => {
  for (const [masks, message, hint, form] of [
    [{ 'users.nam': 'hash' }, /^--mask: there is no column users\.nam$/, /did you mean users\.name\?/],
    [{ 'users.name': 'hsah' }, /users\.name is to be hsah/, /did you mean hash\?/],
    [{ 'users.name': 'sha512' }, /users\.name is to be sha512/, /one of hash, null, empty/],
    [{ 'users.up': 'hash' }, /users\.up is computed/, /computed from/],
    [{ 'users.name': 'null' }, /users\.name cannot be null: it is NOT NULL/, /users\.name=hash/],
    [
      { 'users.id': 'hash' },
      /tie users\.id to mails\.user_id, which is not hashed/,
      /users\.id=hash and mails\.user_id=hash/,
    ],
    [{ 'mails.user_id': 'hash' }, /tie mails\.user_id to users\.id, which is not hashed/, /users\.id=hash/],
    [COPIES, /tie mails\.email to users\.email, which/, /users\.email=hash/],
    [{ 'mails.email': 'hash', 'users.email': 'hash' }, /to copies\.email, which/, /copies\.email=hash/],
    [{ 'users.email': 'null' }, /cannot be null: foreign keys tie it to copies\.email, mails\.email/, /hash/],
    [{ 'mails.user_id': 'empty' }, /cannot be empty: foreign keys tie it to users\.id/, /hash/],
    [{ 'mails.n': 'hash' }, /mails\.n counts by itself/, /leave it/, 'int8'],
    [{ 'users.name': 'hash' }, /cannot be hashed: it holds timestamptz/, /null/, 'timestamptz'],
    [{ 'users.name': 'empty' }, /cannot be empty: it holds int8/, /hash/, 'int8'],
    [{ 'mails.score': 'hash' }, /cannot be hashed: it holds REAL/, /null/, 'any'],
    [{ 'mails.at': 'hash' }, /cannot be hashed: it holds DATETIME/, /null/, 'any'],
    [{ 'users.id': 'hash', 'mails.user_id': 'hash' }, /users\.id is unique, and too narrow/, /widen/, 'int4'],
  ] as readonly [Record<string, string>, RegExp, RegExp, Form?][]) {
    test(`2.1 ${JSON.stringify(masks)} ${form ?? ''}`, () =>
      assert.throws(() => values(masks, form), { code: 'USAGE', message, hint }))
  }

  test('2.2 a unique column of few characters', () => {
    const schema = schemaOf('CREATE TABLE a (x TEXT UNIQUE, y TEXT); CREATE UNIQUE INDEX i ON a (x, y)')
    const moved = movedOf(schema, 'text').map((one) => ({
      ...one,
      columns: one.columns.map((column) => ({ ...column, longest: 14 })),
    }))
    for (const name of ['a.x', 'a.y'])
      assert.throws(() => withMasks(moved, schema, { [name]: 'hash' }), {
        message: /is unique, and too narrow/,
      })
    assert.throws(() => withMasks(moved, schema, { 'a.y': 'empty' }), { message: /it is unique/ })
  })

  test('2.3 columns of two types that a foreign key ties', () => {
    const moved = movedOf(SCHEMA, 'text').map((one) => ({
      ...one,
      columns: one.columns.map((column) =>
        column.from.name === 'user_id' ? { ...column, form: 'uuid' as const } : column,
      ),
    }))
    assert.throws(() => withMasks(moved, SCHEMA, { 'users.id': 'hash', 'mails.user_id': 'hash' }), {
      message: /users\.id and mails\.user_id are of two types/,
    })
  })

  test('2.4 an enum', () => {
    const table = {
      schema: '',
      name: 'a',
      uniques: [],
      foreignKeys: [],
      checks: [],
      exclusions: [],
      indexes: [],
    }
    const column = { name: 'x', type: 'mood', kind: 'enum', nullable: true } as const
    const schema = { ...emptySchema('postgres'), tables: [{ ...table, columns: [column] }] }
    for (const mask of ['hash', 'empty'])
      assert.throws(() => withMasks(movedOf(schema), schema, { 'a.x': mask }), {
        message: /one of a few words/,
      })
  })
})
