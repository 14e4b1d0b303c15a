import assert from 'node:assert/strict'
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { describe, test } from 'node:test'
import type { Entry } from '../../src/core/transfer/aside.ts'
import { openDatabase, up } from '../../src/index.ts'
import { NEWEST } from '../matrix.ts'
import { run } from '../process.ts'
import { countOf, type Road, withRoad } from '../road.ts'
import { errorOf, scripts } from '../tools.ts'

const BAD = scripts({
  '1_init.sqlite.up': `
    CREATE TABLE users (id TEXT PRIMARY KEY NOT NULL, n2 INTEGER, n4 INTEGER, n8 INTEGER, flag INTEGER, day TEXT, at TEXT,
      meta TEXT, raw TEXT, name TEXT, mail TEXT, ip TEXT, age INTEGER);
    CREATE TABLE posts (id INTEGER PRIMARY KEY, user_id TEXT REFERENCES users (id), body TEXT);`,
  '1_init.sqlite.down': 'SELECT 1',
  '1_init.postgres.up': `
    CREATE TABLE users (id uuid PRIMARY KEY, n2 smallint, n4 integer, n8 bigint, flag boolean, day date, at timestamptz,
      meta jsonb, raw json, name varchar(5), mail text, ip inet, age integer CHECK (age < 200));
    CREATE UNIQUE INDEX users_mail ON users (lower(mail));
    CREATE TABLE posts (id bigint PRIMARY KEY, user_id uuid REFERENCES users (id), body text);`,
  '1_init.postgres.down': 'SELECT 1',
})

const ID = (n: number) => `00000000-0000-4000-8000-${String(n).padStart(12, '0')}`
const GOOD = 5

/** Values, what is wrong with them, and what they are mended to. */
const VALUES: readonly (readonly [column: string, sql: string, reason: string, mended: unknown])[] = [
  ['mail', `'a' || char(0)`, 'has a NUL, which no text of PostgreSQL holds', 'a0'],
  ['mail', `CAST(x'61ff' AS TEXT)`, 'is not UTF-8', 'a1'],
  ['n4', `'twelve'`, 'is no integer', 12],
  ['n4', '2147483648', 'is beyond what an integer holds', 1],
  ['n2', '-32769', 'is beyond what a smallint holds', -1],
  ['n8', '9223372036854775808', 'is no integer', '9223372036854775807'],
  ['flag', `'t'`, 'is no boolean: 0 or 1', true],
  ['flag', `'yes'`, 'is no boolean: 0 or 1', false],
  ['flag', '2', 'is no boolean: 0 or 1', 1],
  ['day', `'2026-02-30'`, 'is no date', '2026-02-28'],
  ['at', `'yesterday'`, 'is no moment', '2026-01-01 00:00:00'],
  ['at', '20000000000', 'is a number that is no moment for certain', '2026-01-01T00:00:00Z'],
  ['meta', `'{"a":'`, 'is no JSON', { a: 1 }],
  ['meta', `'"\\ud83d"'`, 'has \\u0000 or half of a surrogate pair, which jsonb does not hold', '"?"'],
  ['meta', `'"\\u0000"'`, 'has \\u0000 or half of a surrogate pair, which jsonb does not hold', '""'],
  ['raw', `'{a}'`, 'is no JSON', '{}'],
  ['name', `'too long'`, 'has more than 5 characters', 'short'],
  ['ip', `'::FFFF'`, 'would be written in another way by inet', '::ffff'],
  ['ip', `'localhost'`, 'is refused: invalid input syntax for type inet', '127.0.0.1'],
]
const BRACES = `{${ID(100)}}`
const UPPER = ID(101).replace('8000', 'ABCD')
const DUPLICATE = ID(102)

const ROWS = [
  ...Array.from(
    { length: GOOD },
    (_, i) => `INSERT INTO users (id, flag, name, mail) VALUES ('${ID(i)}', 1, 'n${i}', 'm${i}@x')`,
  ),
  ...VALUES.map(([column, sql], i) => `INSERT INTO users (id, ${column}) VALUES ('${ID(10 + i)}', ${sql})`),
  `INSERT INTO users (id) VALUES ('${BRACES}'), ('${UPPER}')`,
  `INSERT INTO users (id, mail) VALUES ('${DUPLICATE}', 'M1@X')`,
]
/** From the time when foreign keys were off; the third is one only as long as its user is not there. */
const POSTS = `INSERT INTO posts VALUES (1, '${ID(1)}', 'fine'), (2, '${ID(999)}', 'orphan'), (3, '${ID(10)}', 'of a bad one')`

const [sqlite, postgres] = NEWEST
const withBad = (work: (road: Road) => Promise<void>): Promise<void> => {
  assert.ok(sqlite && postgres)
  return withRoad(sqlite, postgres, { migrations: BAD, rows: ROWS }, async (road) => {
    unchecked(road, POSTS)
    await work(road)
  })
}

function unchecked({ source }: Road, sql: string): void {
  const native = new DatabaseSync(source.url.slice('sqlite:'.length), { enableForeignKeyConstraints: false })
  native.exec(sql)
  native.close()
}

/** What holds the target's rows together. */
const KEYS = `SELECT conname AS name FROM pg_constraint WHERE connamespace = 'public'::regnamespace AND contype IN ('p', 'f')
    AND convalidated AND conname NOT LIKE 'schema%'
  UNION SELECT indexname FROM pg_indexes WHERE schemaname = 'public' AND indexname NOT LIKE 'schema%' ORDER BY 1`
const keysOf = async ({ target }: Road) => (await target.query(KEYS)).map(({ name }) => name)
const ALL_KEYS = ['posts_pkey', 'posts_user_id_fkey', 'users_mail', 'users_pkey']

describe('bad rows, on the command line', () => {
  test('1 --check counts all of it and writes nothing', () =>
    withBad(async ({ target, transfer }) => {
      /** What is found, where a server is there to be asked or not. */
      const assertFound = async (isAsked: boolean) => {
        const { status, stdout } = await transfer(['--check', '--json'])
        assert.equal(status, 3)
        const { bad, ok } = JSON.parse(stdout)
        assert.equal(ok, false)
        const found = new Map<string, number>()
        for (const { table, columns, reason, count } of bad) found.set(`${table}.${columns} ${reason}`, count)
        const wanted = new Map<string, number>()
        const add = (what: string, n = 1) => wanted.set(what, (wanted.get(what) ?? 0) + n)
        for (const [column, , reason] of VALUES)
          if (column !== 'ip' || isAsked) add(`users.${column} ${reason}`)
        add('users.id is a uuid in another spelling than lower case with hyphens', 2)
        add('users.lower(mail) is there in another row already, as the target compares it')
        add('posts.user_id refers to no row of users')
        assert.deepEqual([...found].sort(), [...wanted].sort())
      }
      await assertFound(false)
      assert.deepEqual(await target.query('SELECT FROM pg_tables WHERE schemaname = current_schema()'), [])
      const text = await transfer(['--check'])
      assert.equal(text.status, 3)
      assert.match(text.stdout, /users\.n4: 1 row: is no integer\n {2}"twelve" where id = 0{8}-/)
      assert.doesNotMatch(text.stderr, /moved/)
      await up({ database: target.url, migrations: BAD })
      await assertFound(true)
      assert.equal(await countOf(target, 'users'), 0)
    }))

  test('2 the default stops at the first and names it; nothing is taken for whole', () =>
    withBad(async (road) => {
      const { target, transfer, dir } = road
      const { status, stdout } = await transfer(['--json'])
      const { error } = JSON.parse(stdout)
      assert.deepEqual([status, error.code], [1, 'BAD_ROWS'])
      assert.match(error.message, /^users\.(\w+) .*where id = \S+; 2\d values of it in all$/)
      assert.match(error.hint, /--check.*--bad.*--map/)
      const opened = await errorOf(openDatabase({ path: target.url, migrations: dir }))
      assert.equal(opened.code, 'INCOMPLETE')
      // As it says: mended, by --map or by hand.
      unchecked(road, `DELETE FROM posts WHERE id > 1; DELETE FROM users WHERE id >= '${ID(10)}'`)
      unchecked(
        road,
        `DELETE FROM users WHERE id LIKE '{%'; UPDATE users SET flag = 't' WHERE id = '${ID(0)}'`,
      )
      const one = await transfer(['--resume', '--json'])
      assert.match(
        JSON.parse(one.stdout).error.message,
        /^users\.flag is no boolean: 0 or 1: "t" where id = /,
      )
      const mapped = await transfer(['--resume', '--map', `users.flag=iif(flag = 't', 1, flag)`])
      assert.equal(mapped.status, 0, mapped.stderr)
      assert.equal(await countOf(target, 'users', 'flag'), GOOD)
      assert.deepEqual(await keysOf(road), ALL_KEYS)
    }))

  test('3 --bad rows-to: the rest is moved and proven; mended and loaded, all of it is there', () =>
    withBad(async (road) => {
      const { target, transfer, folder, dir } = road
      assert.equal((await transfer()).status, 1)
      // Also where an earlier run has taken the constraints away.
      const moved = await transfer(['--replace', '--yes', '--bad', 'rows-to', 'bad.jsonl'])
      assert.equal(moved.status, 0, moved.stderr)
      const path = join(folder, 'bad.jsonl')
      const entries: Entry[] = readFileSync(path, 'utf8')
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line))
      const users = VALUES.length + 3
      assert.match(moved.stdout, new RegExp(`^users: ${users} rows set aside$`, 'm'))
      assert.match(moved.stdout, /^posts: 2 rows set aside$/m)
      assert.equal(statSync(path).mode & 0o777, 0o600)
      assert.equal(entries.length, users + 2)
      assert.equal(await countOf(target, 'users'), GOOD)
      assert.equal(await countOf(target, 'posts'), 1)
      assert.deepEqual(await keysOf(road), ALL_KEYS)
      await (await openDatabase({ path: target.url, migrations: dir })).close()

      const load = ['--load', 'bad.jsonl', '--to', target.url]
      const early = await run(['transfer', ...load, '--json'], { cwd: folder })
      assert.equal(early.status, 3, early.stdout)
      const mend = (entry: Entry): Entry => {
        const { row } = entry
        const at = VALUES.findIndex((_, i) => row.id === ID(10 + i))
        const [column, , , value] = VALUES[at] ?? []
        if (column !== undefined) return { ...entry, row: { ...row, [column]: value as string } }
        if (row.id === DUPLICATE) return { ...entry, row: { ...row, mail: 'other@x' } }
        if (row.user_id === ID(999)) return { ...entry, row: { ...row, user_id: ID(2) } }
        return entry
      }
      const left: Entry[] = readFileSync(path, 'utf8')
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line))
      writeFileSync(path, left.map((entry) => JSON.stringify(mend(entry))).join('\n'))
      const loaded = await run(['transfer', ...load, '--json'], { cwd: folder })
      assert.equal(loaded.status, 0, loaded.stdout)
      assert.ok(!existsSync(path))
      assert.equal(await countOf(target, 'users'), GOOD + users)
      assert.equal(await countOf(target, 'posts'), 3)
    }))

  test('4 --map in the config makes bad data good, without a row set aside', () =>
    withBad(async (road) => {
      const { folder, target, transfer } = road
      unchecked(
        road,
        `DELETE FROM posts WHERE id = 2; DELETE FROM users WHERE id IN ('${ID(10)}', '${ID(11)}', '${DUPLICATE}')`,
      )
      unchecked(road, 'DELETE FROM posts WHERE id = 3')
      const nulled = ['n2', 'n4', 'n8', 'day', 'meta', 'raw', 'name', 'ip']
      writeFileSync(
        join(folder, 'config.yml'),
        [
          'transfer:',
          '  map:',
          ...nulled.map((column) => `    users.${column}: "NULL"`),
          `    users.flag: "CASE flag WHEN 't' THEN 1 WHEN 'yes' THEN 1 WHEN 2 THEN 0 ELSE flag END"`,
          `    users.at: "iif(typeof(at) = 'text' AND at LIKE '2___-%', at, NULL)"`,
          `    users.id: "lower(trim(id, '{}'))"`,
        ].join('\n'),
      )
      const check = await transfer(['--config', 'config.yml', '--check'])
      assert.equal(check.status, 0, check.stdout)
      const moved = await transfer(['--config', 'config.yml', '--bad', 'rows-to', 'bad.jsonl'])
      assert.equal(moved.status, 0, moved.stderr)
      assert.match(moved.stdout, /no row was set aside/)
      assert.ok(!existsSync(join(folder, 'bad.jsonl')))
      assert.equal(await countOf(target, 'users', `id = '${ID(100)}'`), 1)
      assert.equal(await countOf(target, 'users', 'flag'), GOOD + 2)
      const again = await transfer(['--config', 'config.yml', '--verify-only'])
      assert.equal(again.status, 0, again.stdout)
    }))

  test('5 what stands in an index, or refers to nothing, in a large table too', async () => {
    assert.ok(sqlite && postgres)
    const rows = `WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 11000)
      INSERT INTO users (id, mail) SELECT printf('00000000-0000-4000-8000-%012d', i), 'm' || i FROM n`
    await withRoad(sqlite, postgres, { migrations: BAD, rows: [rows] }, async (road) => {
      const { transfer } = road
      const message = async (words: string[]) => {
        const { status, stdout } = await transfer([...words, '--json'])
        const { error } = JSON.parse(stdout)
        assert.deepEqual([status, error.code], [1, 'BAD_ROWS'], stdout)
        return error.message
      }
      unchecked(road, `UPDATE users SET mail = 'M7' WHERE mail = 'm9'`)
      assert.equal(
        await message([]),
        `users.lower(mail) is there in another row already, as the target compares it: "m7" where id = ${ID(9)}`,
      )
      unchecked(
        road,
        `UPDATE users SET mail = 'm9' WHERE mail = 'M7'; INSERT INTO posts VALUES (5, '${ID(0)}', '')`,
      )
      assert.equal(
        await message(['--resume']),
        `posts.user_id refers to no row of users: "${ID(0)}" where id = 5`,
      )
      unchecked(road, `DELETE FROM posts; UPDATE users SET age = 200 WHERE mail = 'm9'`)
      assert.match(
        await message(['--resume']),
        /violates check constraint "users_age_check".*\(00000000-0000-4000-8000-000000000009, /,
      )
      unchecked(road, 'UPDATE users SET age = NULL')
      const { status, stderr } = await transfer(['--replace', '--yes'])
      assert.equal(status, 0, stderr)
      assert.deepEqual(await keysOf(road), ALL_KEYS)
    })
  })
})
