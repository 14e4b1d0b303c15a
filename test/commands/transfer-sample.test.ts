import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import type { Dialect } from '../../src/index.ts'
import { LONG, NEWEST, type Scratch } from '../matrix.ts'
import { countOf, withRoad } from '../road.ts'
import { scripts } from '../tools.ts'

const SHOP = scripts({
  '1_shop.sqlite.up': `
    CREATE TABLE places (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
    CREATE TABLE users (id TEXT PRIMARY KEY NOT NULL, mail TEXT NOT NULL UNIQUE, phone TEXT, place INTEGER NOT NULL REFERENCES places (id),
      boss TEXT REFERENCES users (id));
    CREATE TABLE sessions (id INTEGER PRIMARY KEY, user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE, mail TEXT);
    CREATE TABLE messages (id INTEGER PRIMARY KEY, session INTEGER NOT NULL REFERENCES sessions (id), answers INTEGER REFERENCES messages (id),
      body TEXT NOT NULL, file BLOB);
    CREATE TABLE logs (id INTEGER PRIMARY KEY, line TEXT);`,
  '1_shop.sqlite.down': 'SELECT 1',
  '1_shop.postgres.up': `
    CREATE TABLE places (id bigint PRIMARY KEY, name text NOT NULL UNIQUE);
    CREATE TABLE users (id uuid PRIMARY KEY, mail varchar(60) NOT NULL UNIQUE, phone text, place bigint NOT NULL REFERENCES places (id),
      boss uuid REFERENCES users (id));
    CREATE TABLE sessions (id bigint PRIMARY KEY, user_id uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE, mail text);
    CREATE TABLE messages (id bigint PRIMARY KEY, session bigint NOT NULL REFERENCES sessions (id), answers bigint REFERENCES messages (id),
      body text NOT NULL, file bytea);
    CREATE TABLE logs (id bigint PRIMARY KEY, line text);`,
  '1_shop.postgres.down': 'SELECT 1',
})

const ID = (i: number) => `00000000-0000-4000-8000-${String(i).padStart(12, '0')}`
const USERS = 20

function shopRows(dialect: Dialect): string[] {
  const some = (n: number, of: (i: number) => string) =>
    Array.from({ length: n }, (_, i) => `(${of(i + 1)})`).join(', ')
  const bytes = dialect === 'sqlite' ? `x'00ff'` : `'\\x00ff'`
  return [
    `INSERT INTO places VALUES ${some(5, (i) => `${i}, 'place ${i}'`)}`,
    `INSERT INTO users VALUES ${some(USERS, (i) => `'${ID(i)}', 'm${i}@x', '${i}', ${(i % 5) + 1}, ${i > 2 ? `'${ID(i >> 1)}'` : 'NULL'}`)}`,
    `INSERT INTO sessions VALUES ${some(60, (i) => `${i}, '${ID((i % USERS) + 1)}', 'm${(i % USERS) + 1}@x'`)}`,
    `INSERT INTO messages VALUES ${some(300, (i) => `${i}, ${(i % 60) + 1}, ${i > 10 ? i - 10 : 'NULL'}, 'body ${i}', ${bytes}`)}`,
    `INSERT INTO logs VALUES ${some(50, (i) => `${i}, 'line'`)}`,
  ]
}

const KEYS = [
  ['users', 'place', 'places', 'id'],
  ['users', 'boss', 'users', 'id'],
  ['sessions', 'user_id', 'users', 'id'],
  ['messages', 'session', 'sessions', 'id'],
  ['messages', 'answers', 'messages', 'id'],
] as const

/** No row refers to one that is not there; and the target takes no other. */
async function assertWhole(target: Scratch): Promise<void> {
  for (const [child, column, parent, key] of KEYS) {
    const orphans = await countOf(target, child, `${column} NOT IN (SELECT ${key} FROM ${parent})`)
    assert.equal(orphans, 0, `${child}.${column}`)
  }
  await assert.rejects(target.query(`INSERT INTO sessions VALUES (9999, '${ID(9999)}', NULL)`))
}

for (const from of NEWEST) {
  for (const to of NEWEST.filter((one) => LONG || one !== from)) {
    describe(`samples and masks, ${from.label} to ${to.label}`, () => {
      const onShop = (work: Parameters<typeof withRoad<void>>[3]) =>
        withRoad(from, to, { migrations: SHOP, rows: shopRows(from.dialect) }, work)

      test('1 --limit, --where and --only take what is referred to along, and keep keys whole', () =>
        onShop(async ({ target, transfer }) => {
          const moved = await transfer(['--limit', '7', '--where', "users=phone = '3'", '--exclude', 'logs'])
          assert.equal(moved.status, 0, `${moved.stdout}${moved.stderr}`)
          await assertWhole(target)
          assert.equal(await countOf(target, 'logs'), 0)
          assert.equal(await countOf(target, 'users', `phone = '3'`), 1)
          assert.ok((await countOf(target, 'messages')) >= 7)
          assert.ok((await countOf(target, 'messages')) < 300)
          assert.equal(await countOf(target, 'messages', 'id > 293'), 7)
          const again = await transfer([
            '--limit',
            '7',
            '--where',
            `users=phone = '3'`,
            '--exclude',
            'logs',
            '--verify-only',
          ])
          assert.equal(again.status, 0, again.stdout)
          assert.equal((await transfer(['--verify-only'])).status, 3)
        }))

      test('2 --only with --where on two tables', () =>
        onShop(async ({ target, transfer }) => {
          const words = [
            '--only',
            'sessions,logs',
            '--where',
            'sessions=id <= 3',
            '--where',
            'logs=id = 2 OR id = 3',
          ]
          const { status, stdout } = await transfer([...words, '--json'])
          assert.equal(status, 0, stdout)
          const { tables } = JSON.parse(stdout)
          const rows = Object.fromEntries(
            tables.map(({ table, rows }: { table: string; rows: number }) => [table, rows]),
          )
          // Users 2 to 4, and their bosses 1 and 2.
          assert.deepEqual(rows, { logs: 2, places: 4, sessions: 3, users: 4 })
          await assertWhole(target)
          const none = await transfer(['--replace', '--yes', '--only', 'nothing'])
          assert.equal(none.status, 2)
          const needed = await transfer(['--replace', '--yes', '--exclude', 'users'])
          assert.match(needed.stderr, /users is needed/)
          assert.equal(await countOf(target, 'logs'), 2)
        }))

      test('3 --mask hides by hash, NULL and nothing; what was equal is equal; masked rows are proven too', () =>
        onShop(async ({ source, target, transfer, folder }) => {
          writeFileSync(
            join(folder, 'config.yml'),
            'transfer:\n  mask:\n    users.id: hash\n    users.phone: null\n    messages.body: empty\n    sessions.user_id: hash\n',
          )
          const config = await transfer(['--config', 'config.yml'])
          assert.equal(config.status, 2, 'users.boss refers to what is masked')
          assert.deepEqual(await target.tables(), [])
          writeFileSync(
            join(folder, 'config.yml'),
            'transfer:\n  mask:\n    users.id: hash\n    users.boss: hash\n    users.phone: null\n    messages.body: empty\n    sessions.user_id: hash\n',
          )
          const masks = [
            '--config',
            'config.yml',
            '--mask',
            'users.mail=hash',
            '--mask',
            'messages.file=empty',
          ]
          const moved = await transfer(masks)
          assert.equal(moved.status, 0, `${moved.stdout}${moved.stderr}`)
          await assertWhole(target)
          assert.equal(await countOf(target, 'users', `mail LIKE '%@%' OR phone IS NOT NULL`), 0)
          assert.equal(await countOf(target, 'messages', `body <> '' OR length(file) > 0`), 0)
          const of = async ({ query }: Scratch) =>
            (await query('SELECT count(*) AS n FROM users GROUP BY place ORDER BY place')).map(({ n }) =>
              Number(n),
            )
          assert.deepEqual(await of(target), await of(source))
          assert.equal(await countOf(target, 'users'), USERS)
          const [row] = await target.query(`SELECT count(DISTINCT mail) AS n FROM users`)
          assert.equal(Number(row?.n), USERS)
          const later = await transfer([...masks, '--verify-only'])
          assert.equal(later.status, 2)
        }))
    })
  }
}
