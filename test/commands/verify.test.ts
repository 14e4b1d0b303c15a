import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { type Judgement, type VerifyOptions, type VerifyResult, verify } from '../../src/commands/verify.ts'
import type { Dialect } from '../../src/index.ts'
import { KINDS, type Kind } from '../matrix.ts'
import { errorOf, scripts } from '../tools.ts'

const BASE = {
  '1_base': `CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT NOT NULL, email TEXT, role TEXT DEFAULT 'user');
    CREATE TABLE posts (id INTEGER PRIMARY KEY, author INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE, body TEXT);
    CREATE INDEX posts_author ON posts (author);`,
  '1_base.down': 'DROP TABLE posts; DROP TABLE users;',
}

/** The second migration: for both databases, or for each. */
type Sql = string | Readonly<Record<Dialect, string>>

interface Case {
  readonly up: Sql
  readonly down?: Sql
  readonly verdict: Judgement['verdict']
  /** What one of the reasons says; one of the notes where it is none that changes the verdict. */
  readonly says?: RegExp | Readonly<Record<Dialect, RegExp>>
  readonly only?: Dialect
}

const REBUILD = `CREATE TABLE new (id INTEGER PRIMARY KEY, author INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE, body TEXT);
  INSERT INTO new SELECT posts.id, posts.author, posts.body FROM posts WHERE posts.id % 2 = 0;
  DROP TABLE posts; ALTER TABLE new RENAME TO posts;`

const NOTHING = '-- migrate: nothing it is only data'

const CASES: Readonly<Record<string, Case>> = {
  '1.1 a column more': {
    up: 'ALTER TABLE users ADD COLUMN age INTEGER',
    down: 'ALTER TABLE users DROP COLUMN age',
    verdict: 'reversible',
  },
  '1.2 a table more': {
    up: 'CREATE TABLE tags (post INTEGER REFERENCES posts (id), name TEXT NOT NULL, PRIMARY KEY (post, name))',
    down: 'DROP TABLE tags',
    verdict: 'reversible',
  },
  '1.3 another name': {
    up: 'ALTER TABLE users RENAME COLUMN name TO title; ALTER TABLE posts RENAME TO articles',
    down: 'ALTER TABLE users RENAME COLUMN title TO name; ALTER TABLE articles RENAME TO posts',
    verdict: 'reversible',
  },
  '1.4 values moved there and back': {
    up: `CREATE TABLE mails (user_id INTEGER PRIMARY KEY REFERENCES users (id), mail TEXT);
      INSERT INTO mails SELECT id, email FROM users; ALTER TABLE users DROP COLUMN email;`,
    down: `ALTER TABLE users ADD COLUMN email TEXT;
      UPDATE users SET email = (SELECT mail FROM mails WHERE user_id = users.id); DROP TABLE mails;`,
    verdict: 'reversible',
    says: /^the columns of users are in another order after down: id, name, role, email; they were id, name, email, role$/,
  },
  '1.6 rows in batches': {
    up: `-- migrate: batch 2\nUPDATE users SET name = name || '!'`,
    down: `-- migrate: batch 2\nUPDATE users SET name = substr(name, 1, length(name) - 1)`,
    verdict: 'reversible',
  },
  '1.5 nothing': { up: NOTHING, verdict: 'reversible' },

  '2.1 a column is dropped': {
    up: 'ALTER TABLE users DROP COLUMN role',
    down: `ALTER TABLE users ADD COLUMN role TEXT DEFAULT 'user'`,
    verdict: 'shape only',
    says: /^\d values of users.role that up took away or changed are not back after down$/,
  },
  '2.2 a table is dropped': {
    up: 'DROP TABLE posts',
    down: BASE['1_base'].slice(BASE['1_base'].indexOf('CREATE TABLE posts')),
    verdict: 'shape only',
    says: /^7 rows of posts that up took away are not back after down$/,
  },
  '2.3 values are changed': {
    up: 'UPDATE users SET name = lower(trim(name))',
    down: NOTHING,
    verdict: 'shape only',
    says: /^\d values? of users.name that up took away/,
  },
  '2.4 all values are changed': {
    up: `UPDATE users SET name = '(' || name || ')'`,
    down: NOTHING,
    verdict: 'shape only',
    says: /^7 values of users.name that up took away/,
  },
  '2.5 rows stay': {
    up: `INSERT INTO users (id, name) VALUES (1, 'admin')${' ON CONFLICT DO NOTHING'}`,
    down: NOTHING,
    verdict: 'shape only',
    says: /^1 row of users that up put in stays after down$/,
  },

  '3.1 down deletes': {
    up: 'ALTER TABLE posts ADD COLUMN at TEXT',
    down: 'DELETE FROM users WHERE id % 2 = 0; ALTER TABLE posts DROP COLUMN at',
    verdict: 'lossy',
    says: /^\d rows? of users that up had left (is|are) gone after down$/,
  },
  '3.2 down forgets an index': {
    up: 'DROP INDEX IF EXISTS posts_author',
    down: NOTHING,
    verdict: 'lossy',
    says: /^posts: index posts_author: only in the schema before it$/,
  },
  '3.3 down makes it with another default': {
    up: 'ALTER TABLE users DROP COLUMN role',
    down: `ALTER TABLE users ADD COLUMN role TEXT DEFAULT 'member'`,
    verdict: 'lossy',
    says: /^users: column role: default is 'user'\S* in the schema before it and 'member'\S* in the schema after down$/,
  },
  '3.4 down drops what up had only renamed': {
    up: 'ALTER TABLE users RENAME COLUMN name TO title',
    down: `ALTER TABLE users DROP COLUMN title; ALTER TABLE users ADD COLUMN name TEXT NOT NULL DEFAULT ''`,
    verdict: 'lossy',
    says: /^\d values of users.name that up had kept are lost after down$/,
  },
  '3.5 down leaves a table': {
    up: 'CREATE TABLE IF NOT EXISTS a (id INTEGER PRIMARY KEY)',
    down: NOTHING,
    verdict: 'lossy',
    says: /^table a: only in the schema after down$/,
  },

  '3.6 down leaves a column, and up does not mind': {
    up: 'CREATE TABLE IF NOT EXISTS a (id INTEGER)',
    down: 'ALTER TABLE a ADD COLUMN b TEXT',
    verdict: 'lossy',
    says: /^a: column b: only in the one after down and up$/,
  },

  '4.1 declared': {
    up: '-- migrate: irreversible the letters are gone\nALTER TABLE users DROP COLUMN email',
    verdict: 'irreversible (declared)',
    says: /^the letters are gone$/,
  },

  '5.1 NOT NULL without a default': {
    up: '-- more\nALTER TABLE users ADD COLUMN age INTEGER NOT NULL',
    down: 'ALTER TABLE users DROP COLUMN age',
    verdict: 'fails',
    says: {
      sqlite: /^works on empty tables, fails on rows: Cannot add a NOT NULL column with default value NULL$/,
      postgres:
        /^works on empty tables, fails on rows: column "age" of relation "users" contains null values$/,
    },
  },
  '5.2 down fails': {
    up: 'CREATE TABLE a (id INTEGER)',
    down: 'DROP TABLE b',
    verdict: 'fails',
    says: /^down fails: .*\bb\b/,
  },
  '5.3 there is no down': {
    up: 'CREATE TABLE a (id INTEGER)',
    verdict: 'fails',
    says: /^2_case has no down script$/,
  },
  '5.4 the second up fails': {
    up: 'CREATE TABLE a (id INTEGER)',
    down: 'CREATE TABLE b (id INTEGER)',
    verdict: 'fails',
    says: /^up fails after down: .*\ba\b.*already exists/,
  },
  '5.5 a rebuild loses rows': {
    up: REBUILD,
    down: NOTHING,
    verdict: 'fails',
    says: /^works on empty tables, fails on rows: posts had 3 rows and would have \d$/,
    only: 'sqlite',
  },

  '6.1 unique where values are there twice': {
    up: 'CREATE UNIQUE INDEX users_name ON users (name)',
    down: 'DROP INDEX users_name',
    verdict: 'reversible',
    says: {
      sqlite: /^works on some rows and fails on others: UNIQUE/,
      postgres: /^works on some rows and fails on others: could not create unique index/,
    },
  },
  '6.2 NOT NULL where there is NULL': {
    up: 'ALTER TABLE users ALTER COLUMN email SET NOT NULL',
    down: 'ALTER TABLE users ALTER COLUMN email DROP NOT NULL',
    verdict: 'reversible',
    says: /^works on some rows and fails on others: .*null values/,
    only: 'postgres',
  },
  '6.3 another type': {
    up: `CREATE TYPE role AS ENUM ('user', 'admin'); ALTER TABLE users ALTER role DROP DEFAULT;
      ALTER TABLE users ALTER role TYPE role USING role::role, ALTER name TYPE uuid USING name::uuid, ALTER email TYPE int USING email::int;
      ALTER TABLE users ALTER role SET DEFAULT 'user'`,
    down: `ALTER TABLE users ALTER role DROP DEFAULT;
      ALTER TABLE users ALTER role TYPE text, ALTER name TYPE text, ALTER email TYPE text; DROP TYPE role;
      ALTER TABLE users ALTER role SET DEFAULT 'user'`,
    verdict: 'reversible',
    says: /^works on some rows and fails on others: invalid input/,
    only: 'postgres',
  },

  '7.1 outside a transaction': {
    up: {
      sqlite: '-- migrate: no-transaction\nCREATE INDEX users_name ON users (name); VACUUM;',
      postgres: '-- migrate: no-transaction\nCREATE INDEX CONCURRENTLY users_name ON users (name)',
    },
    down: {
      sqlite: '-- migrate: no-transaction\nDROP INDEX users_name',
      postgres: '-- migrate: no-transaction\nDROP INDEX CONCURRENTLY users_name',
    },
    verdict: 'reversible',
  },
}

/** Files of the second migration, for both databases. */
function files(name: string, sql: Sql | undefined): Record<string, string> {
  if (sql === undefined) return {}
  if (typeof sql === 'string') return { [name]: sql }
  return Object.fromEntries(Object.entries(sql).map(([dialect, text]) => [`${name}.${dialect}`, text]))
}

const JUDGES = KINDS.filter(({ dialect }, i) => dialect === 'sqlite' || i === KINDS.length - 1)

for (const kind of KINDS) {
  const { dialect } = kind
  const run = (more: Readonly<Record<string, string>>, options: VerifyOptions = {}) =>
    onShadow(kind, (shadow) =>
      verify({ dialect, shadow, migrations: scripts({ ...BASE, ...more }), ...options }),
    )
  const of = ({ migrations }: VerifyResult, id: string) => migrations.find((one) => one.id === id)?.[dialect]
  const verdicts = (result: VerifyResult) => result.migrations.map((one) => one[dialect]?.verdict)

  describe(`verify, ${kind.label}`, () => {
    for (const [name, { up, down, verdict, says, only }] of Object.entries(CASES)) {
      // What differs from one PostgreSQL to the next is the schema that is read: it has tests of its own.
      if ((only ?? dialect) !== dialect || !JUDGES.includes(kind)) continue
      test(`${name}: ${verdict}`, async () => {
        const more = { ...files('2_case', up), ...files('2_case.down', down) }
        const last = {
          '3_last': 'ALTER TABLE users ADD COLUMN last TEXT',
          '3_last.down': 'ALTER TABLE users DROP COLUMN last',
        }
        const result = await run({ ...more, ...last })
        const judged = of(result, '2_case')
        const told = JSON.stringify(judged, null, 1)
        assert.deepEqual(verdicts(result), ['reversible', verdict, 'reversible'], told)
        assert.equal(result.ok, !['fails', 'lossy'].includes(verdict), told)
        const said = [...(judged?.reasons ?? []), ...(judged?.notes ?? [])]
        const expected = says instanceof RegExp ? says : says?.[dialect]
        if (expected === undefined) assert.deepEqual(said, [])
        else
          assert.ok(
            said.some((sentence) => expected.test(sentence)),
            told,
          )
      })
    }

    test('8 where it fails: file, line and column', async () => {
      const judged = of(
        await run({ '2_a': '-- more\n\nALTER TABLE users ADD COLUMN a TEXT NOT NULL' }),
        '2_a',
      )
      const { code, file, line, column, excerpt } = judged?.error ?? {}
      assert.deepEqual([code, file, line, column], ['SQL', '2_a.sql', 3, 1])
      assert.match(excerpt ?? '', /ALTER TABLE/)
    })

    test('9 what fails on empty tables keeps the later ones from being reached', async () => {
      const result = await run({ '2_a': 'DROP TABLE none', '3_b': 'CREATE TABLE b (a INTEGER)' })
      assert.deepEqual(verdicts(result), ['reversible', 'fails', 'not reached'])
      assert.equal(of(result, '2_a')?.error?.file, '2_a.sql')
      assert.equal(result.ok, false)
      const named = await run(
        { '2_a': 'DROP TABLE none', '3_b': 'CREATE TABLE b (a INTEGER)' },
        { ids: ['3'] },
      )
      assert.deepEqual(verdicts(named), ['not reached'])
      assert.match(of(named, '3_b')?.reasons[0] ?? '', /2_a\.sql/)
    })

    test('10 only some, by id or version', async () => {
      const more = {
        '2_a': 'CREATE TABLE a (a INTEGER)',
        '3_b': 'CREATE TABLE b (b INTEGER)',
        '3_b.down': 'DROP TABLE b',
      }
      const result = await run(more, { ids: ['1', '3_b'] })
      assert.deepEqual(
        result.migrations.map(({ id }) => id),
        ['1_base', '3_b'],
      )
      assert.equal(result.ok, true)
      assert.equal((await errorOf(run(more, { ids: ['4'] }))).code, 'UNKNOWN_ID')
    })

    test('11 what strict finds: shape only, and what works on some rows only', async () => {
      const picky = { '2_a': 'CREATE UNIQUE INDEX n ON users (name)', '2_a.down': 'DROP INDEX n' }
      const shape = {
        '2_a': 'ALTER TABLE users DROP COLUMN email',
        '2_a.down': 'ALTER TABLE users ADD COLUMN email TEXT',
      }
      for (const more of [picky, shape]) {
        const { ok, migrations } = await run(more, { strict: true })
        assert.equal(ok, false)
        assert.notEqual(migrations[1]?.[dialect]?.verdict, 'fails')
      }
    })

    test('11.1 one after the other that fails on some rows', async () => {
      const index = (id: string, column: string) => ({
        [`${id}_a`]: `CREATE UNIQUE INDEX users_${column} ON users (${column})`,
        [`${id}_a.down`]: `DROP INDEX users_${column}`,
      })
      const result = await run({ ...index('2', 'name'), ...index('3', 'role') })
      assert.deepEqual(verdicts(result), ['reversible', 'reversible', 'reversible'])
      for (const id of ['2_a', '3_a']) assert.match(of(result, id)?.notes.join() ?? '', /fails on others/)
    })

    test('11.2 what one migration fills in is NULL again for the next', async () => {
      const fill = (id: string) => ({
        [`${id}_a`]: `UPDATE users SET email = 'none' WHERE email IS NULL`,
        [`${id}_a.down`]: NOTHING,
      })
      const result = await run({ ...fill('2'), ...fill('3') })
      assert.deepEqual(verdicts(result), ['reversible', 'shape only', 'shape only'])
    })

    test('12 rows are in place through a long history, also where tables refer to each other', async () => {
      const circle =
        dialect === 'sqlite'
          ? `CREATE TABLE a (id INTEGER PRIMARY KEY, b INTEGER NOT NULL REFERENCES b (id), t TEXT, u TEXT);
             CREATE TABLE b (id INTEGER PRIMARY KEY, a INTEGER NOT NULL REFERENCES a (id));`
          : `CREATE TABLE a (id INTEGER PRIMARY KEY, b INTEGER NOT NULL, t TEXT, u TEXT);
             CREATE TABLE b (id INTEGER PRIMARY KEY, a INTEGER NOT NULL REFERENCES a (id));
             ALTER TABLE a ADD CONSTRAINT a_b FOREIGN KEY (b) REFERENCES b (id);`
      const result = await run({
        '2_circle': circle,
        '2_circle.down':
          dialect === 'sqlite' ? 'DROP TABLE a; DROP TABLE b;' : 'DROP TABLE a CASCADE; DROP TABLE b;',
        '3_a': 'ALTER TABLE a DROP COLUMN t',
        '3_a.down': 'ALTER TABLE a ADD COLUMN t TEXT',
        '4_b': 'ALTER TABLE a ADD COLUMN n TEXT NOT NULL',
        '4_b.down': 'ALTER TABLE a DROP COLUMN n',
        '5_c': 'ALTER TABLE a DROP COLUMN n',
        '5_c.down': `ALTER TABLE a ADD COLUMN n TEXT NOT NULL DEFAULT ''`,
        '6_d': 'ALTER TABLE a DROP COLUMN u',
        '6_d.down': 'ALTER TABLE a ADD COLUMN u TEXT',
      })
      assert.deepEqual(verdicts(result), [
        'reversible',
        'reversible',
        'shape only',
        'fails',
        'lossy',
        'shape only',
      ])
    })

    test('13 a table that takes no row is told of', async () => {
      const more = {
        '2_a': 'CREATE TABLE a (id INTEGER CHECK (id <> id AND id IS NOT NULL) NOT NULL)',
        '2_a.down': 'DROP TABLE a',
        '3_b': 'ALTER TABLE a ADD COLUMN b TEXT NOT NULL',
        '3_b.down': 'ALTER TABLE a DROP COLUMN b',
      }
      const result = await run(more)
      assert.deepEqual(of(result, '3_b')?.notes, ['no row could be made for a: it was empty'])
    })

    test('14 many migrations', async () => {
      const more = Object.fromEntries(
        Array.from({ length: 20 }, (_, i) => i + 2).flatMap((n) => [
          [
            `${n}_t`,
            n % 2
              ? `ALTER TABLE t${n - 1} ADD COLUMN more TEXT`
              : `CREATE TABLE t${n} (id INTEGER PRIMARY KEY, a TEXT, b REAL)`,
          ],
          [`${n}_t.down`, n % 2 ? `ALTER TABLE t${n - 1} DROP COLUMN more` : `DROP TABLE t${n}`],
        ]),
      )
      assert.deepEqual([...new Set(verdicts(await run(more)))], ['reversible'])
    })
  })
}

test('15 Nexflow’s own are reversible on both', async () => {
  const [, kind] = KINDS
  assert.ok(kind)
  const { ok, migrations } = await onShadow(kind, (shadow) => verify({ shadow }))
  assert.equal(ok, true)
  assert.equal(migrations.length, 3)
  for (const { sqlite, postgres } of migrations) {
    assert.deepEqual([sqlite?.verdict, postgres?.verdict], ['reversible', 'reversible'])
    assert.deepEqual([...(sqlite?.notes ?? []), ...(postgres?.notes ?? [])], [])
  }
})

/** SQLite needs no server. */
function onShadow<T>(kind: Kind, work: (shadow: string) => Promise<T>): Promise<T> {
  return kind.dialect === 'sqlite' ? work('embedded-postgres') : kind.scratch(({ url }) => work(url))
}
