import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { nameOf, type Schema } from '../../../src/core/schema/model.ts'
import { select, type Wanted } from '../../../src/core/transfer/select.ts'
import { schemaOf } from './schema.ts'

const SCHEMA = schemaOf(`
  CREATE TABLE users (id INTEGER PRIMARY KEY, boss INTEGER REFERENCES users);
  CREATE TABLE Sessions (id INTEGER PRIMARY KEY, user_id INTEGER NOT NULL REFERENCES users (id));
  CREATE TABLE messages (id INTEGER PRIMARY KEY, session_id INTEGER CONSTRAINT of_session REFERENCES sessions);
  CREATE TABLE logs (id INTEGER PRIMARY KEY, line TEXT, gone INTEGER REFERENCES nowhere);
  CREATE TABLE left_ (id INTEGER PRIMARY KEY, other INTEGER REFERENCES right_);
  CREATE TABLE right_ (id INTEGER PRIMARY KEY, other INTEGER REFERENCES left_);`)

/** What is taken of each table, in a word. */
function chosen(wanted: Wanted, schema: Schema = SCHEMA): Record<string, string> {
  const { choices } = select(schema, wanted)
  return Object.fromEntries(
    choices.map(({ table, rows, where, limit }) => {
      const words = [rows, where, limit === undefined ? undefined : `limit ${limit}`]
      return [nameOf(table), words.filter((word) => word !== undefined).join(', ')]
    }),
  )
}

const ALL = { Sessions: 'all', left_: 'all', logs: 'all', messages: 'all', right_: 'all', users: 'all' }

const CASES: readonly [what: string, Wanted, Record<string, string>][] = [
  ['everything', {}, ALL],
  ['everything, said with empty options', { exclude: [], where: {} }, ALL],
  ['one table', { only: ['logs'] }, { logs: 'all' }],
  ['a table and what it refers to', { only: ['sessions'] }, { Sessions: 'all', users: 'referred to' }],
  [
    'what those refer to',
    { only: ['messages'] },
    { Sessions: 'referred to', messages: 'all', users: 'referred to' },
  ],
  ['both are named', { only: ['users', 'SESSIONS'] }, { Sessions: 'all', users: 'all' }],
  ['one that refers to itself', { only: ['users'] }, { users: 'all' }],
  ['a cycle', { only: ['left_'] }, { left_: 'all', right_: 'referred to' }],
  [
    'without those that need it',
    { exclude: ['sessions', 'messages'] },
    { left_: 'all', logs: 'all', right_: 'all', users: 'all' },
  ],
  ['only, and not', { only: ['logs', 'users'], exclude: ['logs'] }, { users: 'all' }],
  [
    'a condition',
    { only: ['logs', 'users'], where: { Logs: 'id > 1' } },
    { logs: 'some, id > 1', users: 'all' },
  ],
  [
    'a limit, of what is named',
    { only: ['sessions'], limit: 5 },
    { Sessions: 'some, limit 5', users: 'referred to' },
  ],
  [
    'a condition and a limit',
    { only: ['logs'], where: { logs: 'id > 1' }, limit: 5 },
    { logs: 'some, id > 1, limit 5' },
  ],
]

describe('what is chosen', () => {
  for (const [what, wanted, expected] of CASES)
    test(`1 ${what}`, () => assert.deepEqual(chosen(wanted), expected))

  test('2 foreign keys between what is moved; to nowhere none', () => {
    const keys = (wanted: Wanted) =>
      select(SCHEMA, wanted).references.map(
        ({ child, parent }) => `${nameOf(child.table)} → ${nameOf(parent.table)}`,
      )
    assert.deepEqual(keys({ only: ['messages', 'logs'] }), [
      'Sessions → users',
      'messages → Sessions',
      'users → users',
    ])
    assert.deepEqual(keys({ only: ['right_'] }), ['left_ → right_', 'right_ → left_'])
  })

  test('3 a table that refers to itself can go', () => {
    const schema = schemaOf(
      'CREATE TABLE a (x INTEGER PRIMARY KEY, y INTEGER REFERENCES a); CREATE TABLE b (z)',
    )
    assert.deepEqual(chosen({ exclude: ['a'] }, schema), { b: 'all' })
  })

  test('4 nothing is asked of an empty database', () => assert.deepEqual(chosen({}, schemaOf('')), {}))
})

const REFUSED: readonly [Wanted, message: RegExp, hint: RegExp][] = [
  [{ only: ['user'] }, /^--only: there is no table user$/, /did you mean users\?/],
  [{ exclude: ['xyz123'] }, /^--exclude: there is no table xyz123$/, /the tables are Sessions, left_, logs/],
  [{ where: { mesages: '1' } }, /^--where: there is no table mesages$/, /did you mean messages\?/],
  [
    { exclude: ['users'] },
    /^--exclude: users is needed: the foreign key Sessions \(user_id\) refers to it$/,
    /^exclude Sessions too, or keep users$/,
  ],
  [
    { exclude: ['users', 'sessions'] },
    /Sessions is needed: the foreign key messages \(session_id\), of_session, refers/,
    /exclude messages too/,
  ],
  [{ only: ['messages'], exclude: ['users'] }, /users is needed: the foreign key Sessions/, /Sessions too/],
  [{ only: ['left_'], exclude: ['right_'] }, /right_ is needed/, /left_/],
  [{ only: ['logs'], exclude: ['logs'] }, /no table is left/, /--only/],
  [{ only: [] }, /no table is left/, /--only/],
  [{ only: ['sessions'], where: { users: 'id > 1' } }, /users is not among the tables/, /--only/],
  [{ exclude: ['logs'], where: { logs: 'id > 1' } }, /logs is not among the tables/, /--exclude/],
  [{ where: { logs: ' ' } }, /logs has no condition/, /logs="…"/],
  [{ limit: 0 }, /--limit is 0/, /whole number/],
  [{ limit: 1.5 }, /--limit is 1\.5/, /whole number/],
]

describe('what is refused', () => {
  for (const [wanted, message, hint] of REFUSED) {
    test(`5 ${JSON.stringify(wanted)}`, () =>
      assert.throws(() => select(SCHEMA, wanted), { code: 'USAGE', message, hint }))
  }
})
