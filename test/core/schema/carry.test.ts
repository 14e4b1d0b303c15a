import assert from 'node:assert/strict'
import { before, describe, test } from 'node:test'
import { isDeepStrictEqual } from 'node:util'
import fc from 'fast-check'
import type { Dialect } from '../../../src/core/migrations.ts'
import { carry } from '../../../src/core/schema/convert/carry.ts'
import { convertSchema, type Hints } from '../../../src/core/schema/convert/convert.ts'
import { type Expressions, loadExpressions } from '../../../src/core/schema/convert/expressions.ts'
import { diff } from '../../../src/core/schema/diff.ts'
import { emptySchema, type Schema, type Table } from '../../../src/core/schema/model.ts'
import { parityRules } from '../../../src/core/schema/pairs.ts'
import { withShadow } from '../../../src/database/shadow.ts'
import { KINDS } from '../../matrix.ts'
import { schemas } from '../../schemas.ts'

const server = KINDS.findLast(({ dialect }) => dialect === 'postgres')

/** What the databases make of statements. */
async function made(dialect: Dialect, sql: string): Promise<Schema> {
  const make = (shadow?: string) =>
    withShadow(dialect, shadow === undefined ? {} : { shadow }, async (database) => {
      await database.transaction((run) => run({ file: 'schema.sql', text: sql }))
      return database.introspect()
    })
  if (dialect === 'sqlite' || server === undefined) return make()
  return server.scratch(({ url }) => make(url))
}

function table({ tables }: Schema, name: string): Table {
  return tables.find((one) => one.name === name) ?? assert.fail(`there is no ${name}`)
}

const typesOf = (one: Table) => Object.fromEntries(one.columns.map(({ name, type }) => [name, type]))

const OLD = `CREATE TABLE users (id TEXT PRIMARY KEY NOT NULL, nick TEXT, mood TEXT CHECK (mood IN ('a', 'b')), flag INTEGER DEFAULT 0, UNIQUE (nick));
  CREATE TABLE gone (id TEXT);`
const HANDMADE = `CREATE TYPE mood AS ENUM ('a', 'b');
  CREATE TABLE users (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), nick varchar(50), mood mood, flag boolean DEFAULT false, more int CHECK (more > 0));
  CREATE UNIQUE INDEX one_nick ON users (nick);
  CREATE TABLE gone (id text);
  CREATE TABLE theirs (id int);`

describe('carry', () => {
  let expressions: Expressions
  before(async () => {
    expressions = await loadExpressions()
  })

  async function carried(to: string, from = OLD, onto = HANDMADE, hints: Hints = {}): Promise<Schema> {
    const [was, is, theirs] = [
      await made('sqlite', from),
      await made('sqlite', to),
      await made('postgres', onto),
    ]
    return carry(was, is, theirs, expressions, hints).schema
  }

  test('1 where nothing changed, nothing changes', async () => {
    const onto = await made('postgres', HANDMADE)
    assert.deepEqual(diff(onto, await carried(OLD)), [])
  })

  test('2 what changed comes, and what somebody chose stays', async () => {
    const now = `CREATE TABLE users (id TEXT PRIMARY KEY NOT NULL, nick TEXT NOT NULL, mood TEXT CHECK (mood IN ('a', 'b', 'c')), flag INTEGER DEFAULT 1);
      CREATE TABLE likes (who TEXT REFERENCES users (id), also TEXT, FOREIGN KEY (also) REFERENCES users);
      CREATE TABLE second (who TEXT REFERENCES likes (who));`
    const schema = await carried(now)
    const users = table(schema, 'users')
    assert.deepEqual(typesOf(users), {
      id: 'uuid',
      nick: 'character varying(50)',
      mood: 'mood',
      flag: 'boolean',
      more: 'integer',
    })
    assert.deepEqual(users.columns.find(({ name }) => name === 'nick')?.nullable, false)
    assert.deepEqual(users.columns.find(({ name }) => name === 'flag')?.default, 'true')
    assert.deepEqual(
      schema.enums.map(({ values }) => values),
      [['a', 'b', 'c']],
    )
    assert.equal(users.checks.length, 1)
    // The unique constraint of the one is an index of the other.
    assert.deepEqual([users.uniques, users.indexes], [[], []])
    assert.deepEqual(typesOf(table(schema, 'likes')), { who: 'uuid', also: 'uuid' })
    assert.deepEqual(typesOf(table(schema, 'second')), { who: 'uuid' })
    assert.deepEqual(schema.tables.map(({ name }) => name).sort(), ['likes', 'second', 'theirs', 'users'])
  })

  test('3 a table that goes takes its enum along; a hint wins', async () => {
    const hints = { 'a.x': 'inet', 'b.x': 'text' }
    const schema = await carried('CREATE TABLE a (x TEXT)', OLD, HANDMADE, hints)
    assert.deepEqual(schema.enums, [])
    assert.deepEqual(schema.tables.map(({ name }) => name).sort(), ['a', 'theirs'])
    assert.deepEqual(typesOf(table(schema, 'a')), { x: 'inet' })
  })

  for (const from of ['sqlite', 'postgres'] as const) {
    const to = from === 'sqlite' ? 'postgres' : 'sqlite'

    test(`4 from ${from}: onto nothing it is the conversion, and step by step it comes to the same`, () => {
      const convert = (schema: Schema) => convertSchema(schema, to, expressions).schema
      fc.assert(
        fc.property(schemas(from), schemas(from), (one, other) => {
          const none = carry(emptySchema(from), other, emptySchema(to), expressions).schema
          assert.deepEqual(diff(none, convert(other)), [])
          const step = carry(one, other, convert(one), expressions)
          const rules = parityRules(expressions)
          const known = diff(other, convert(other), rules)
          const notes = [...step.notes, ...convertSchema(one, to, expressions).notes]
          // What could not be said before is still not said.
          const leftOut = notes.some((note) => note.includes('left out'))
          const found = diff(other, step.schema, rules).filter(
            (one) => !known.some((two) => isDeepStrictEqual(one, two)),
          )
          if (!leftOut) assert.deepEqual(found, [])
        }),
        { numRuns: 100 },
      )
    })
  }
})
