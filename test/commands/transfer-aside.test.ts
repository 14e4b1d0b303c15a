import assert from 'node:assert/strict'
import { appendFileSync, existsSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { describe, test } from 'node:test'
import {
  copyCarefully,
  type RowsFile,
  setAsideByKeys,
  withRowsFile,
} from '../../src/commands/transfer-aside.ts'
import { load } from '../../src/commands/transfer-load.ts'
import type { Schema } from '../../src/core/schema/model.ts'
import type { Entry } from '../../src/core/transfer/aside.ts'
import { withDatabase } from '../../src/database/database.ts'
import { SERVERS, withFolder } from '../matrix.ts'
import { type Both, tableOf, withBoth } from '../transfer.ts'

const UUID = (n: number) => `00000000-0000-4000-8000-${String(n).padStart(12, '0')}`

const SQLITE = `
  CREATE TABLE users (id TEXT PRIMARY KEY, name TEXT, active INTEGER, born TEXT, score INTEGER, every, best TEXT);
  CREATE TABLE posts (id INTEGER PRIMARY KEY, user_id TEXT, parent INTEGER, body TEXT);
  CREATE TABLE notes (body TEXT);`
const POSTGRES = `
  CREATE TABLE users (id uuid PRIMARY KEY, name varchar(10) NOT NULL, active boolean, born timestamptz,
    score integer CHECK (score >= 0), every interval, best bytea);
  CREATE TABLE posts (id bigint PRIMARY KEY, user_id uuid, parent bigint, body text);
  CREATE TABLE notes (body jsonb)`
/** Built when the tables are filled. */
const KEYS = `
  ALTER TABLE posts ADD FOREIGN KEY (user_id) REFERENCES users;
  ALTER TABLE posts ADD FOREIGN KEY (parent) REFERENCES posts;
  CREATE UNIQUE INDEX users_name ON users (lower(name)) WHERE active`

async function fill({ native, client }: Both): Promise<void> {
  native.exec(SQLITE)
  await client.query(POSTGRES)
  const user = native.prepare('INSERT INTO users VALUES (?, ?, ?, ?, ?, ?, ?)')
  for (let n = 1; n <= 1200; n++)
    user.run(UUID(n), `u${n}`, 1, '2026-01-01 00:00:00', n, '1 day', new Uint8Array([n & 255]))
  user.run(UUID(2001), 'yes', 'yes', '2026-02-30', 1, null, null)
  user.run(UUID(2002), 'too long for ten', 1, '2026-02-28', 1, null, null)
  user.run(UUID(2003), 'negative', 1, null, -1, null, null)
  user.run(UUID(2004), 'interval', 1, null, 1, 'soon', null)
  user.run(UUID(2005), 'a\0b', 1, null, 1, null, null)
  user.run(UUID(2006).toUpperCase().replaceAll('-', ''), 'braces', 1, null, 1, null, null)
  user.run(UUID(2007), 'U7', 1, null, 1, null, null)
  user.run(UUID(2008), 'U8', 0, null, 1, null, null)
  native.exec(`UPDATE users SET name = CAST(x'61ff' AS TEXT) WHERE id = '${UUID(9)}'`)
  const post = native.prepare('INSERT INTO posts VALUES (?, ?, ?, ?)')
  post.run(1, UUID(1), null, 'fine')
  post.run(2, UUID(9999), null, 'no such user')
  post.run(3, UUID(1), 2, 'below an orphan')
  post.run(4, null, 3, 'below that')
  post.run(9_007_199_254_740_993n, null, 1, null)
  post.run(9_007_199_254_740_995n, null, 77, null)
  native.exec(`INSERT INTO notes VALUES ('{"a":"\\ud800"}'), ('[1]'), ('{"a":"\\ud800"}')`)
}

async function copyAll({ native, client, schemas }: Both, file: RowsFile, note = ''): Promise<void> {
  const { postgres, all } = await schemas()
  for (const moved of all) {
    const into = { schema: postgres, table: tableOf(postgres, moved.to.name) }
    await copyCarefully({ native, client, moved, into, file, note })
  }
}

/** The constraints are built elsewhere: here they are made, read, and taken away again. */
async function setAside({ client, schemas }: Both, file: RowsFile, note = ''): Promise<number> {
  const { all } = await schemas()
  const keys = await inEmptyCopy(client)
  return setAsideByKeys({ target: { dialect: 'postgres', client }, schema: keys, all, file, note })
}

async function inEmptyCopy(client: Both['client']) {
  await client.query(`CREATE SCHEMA copy; SET search_path = copy; ${POSTGRES}; ${KEYS}`)
  try {
    return await withDatabase(client, {}, (database) => database.introspect())
  } finally {
    await client.query('SET search_path = public; DROP SCHEMA copy CASCADE')
  }
}

const entriesIn = (path: string): Entry[] =>
  readFileSync(path, 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line))

const briefly = ({ table, step, key, problems }: Entry) =>
  `${table} ${step} ${Object.values(key).join()}: ${problems.map(({ column = '*', reason }) => `${column} ${reason}`).join('; ')}`

const ALL = [
  'notes rows : body has \\u0000 or half of a surrogate pair, which jsonb does not hold',
  'notes rows : body has \\u0000 or half of a surrogate pair, which jsonb does not hold',
  'posts keys 2: user_id refers to no row of users',
  'posts keys 3: parent refers to no row of posts',
  'posts keys 4: parent refers to no row of posts',
  'posts keys 9007199254740995: parent refers to no row of posts',
  'users keys 00000000-0000-4000-8000-000000002007: * is there in another row already (users_name)',
  'users rows 00000000-0000-4000-8000-000000000009: name is not UTF-8',
  'users rows 00000000-0000-4000-8000-000000002001: active is no boolean: 0 or 1; born is no moment',
  'users rows 00000000-0000-4000-8000-000000002002: name has more than 10 characters',
  'users rows 00000000-0000-4000-8000-000000002003: * new row for relation "users" violates check constraint "users_score_check"',
  'users rows 00000000-0000-4000-8000-000000002004: * invalid input syntax for type interval: "soon"',
  'users rows 00000000-0000-4000-8000-000000002005: name has a NUL, which no text of PostgreSQL holds',
  'users rows 00000000000040008000000000002006: id is a uuid in another spelling than lower case with hyphens',
]

async function withAside<T>(both: Both, work: (path: string) => Promise<T>): Promise<T> {
  await fill(both)
  return work(`${both.folder}/bad.jsonl`)
}

for (const server of SERVERS) {
  describe(`rows set aside, from SQLite to ${server.label}`, () => {
    test('1 what the target does not take is in the file, and all else in the target', async () => {
      await withBoth(server, (both) =>
        withAside(both, async (path) => {
          await withRowsFile(path, false, async (file) => {
            await copyAll(both, file)
            await setAside(both, file)
            assert.deepEqual(Object.fromEntries(file.counts()), { notes: 2, posts: 4, users: 8 })
          })
          assert.deepEqual(entriesIn(path).map(briefly).sort(), ALL)
          assert.equal(statSync(path).mode & 0o777, 0o600)
          const { rows } = await both.client.query(
            'SELECT (SELECT count(*)::int FROM users) AS users, (SELECT count(*)::int FROM posts) AS posts, (SELECT count(*)::int FROM notes) AS notes',
          )
          assert.deepEqual(rows, [{ users: 1200, posts: 2, notes: 1 }])
          // Nothing is in the way of the constraints now.
          await both.client.query(KEYS)
        }),
      )
    })

    test('2 killed before a commit, it is done again and no row is twice in the file', async () => {
      await withBoth(server, (both) =>
        withAside(both, async (path) => {
          const broken = 'SELECT 1/0'
          await assert.rejects(withRowsFile(path, false, (file) => copyAll(both, file, broken)))
          assert.notDeepEqual(entriesIn(path), [])
          appendFileSync(path, '{"table":"users","st')
          await withRowsFile(path, true, (file) => copyAll(both, file))
          await assert.rejects(withRowsFile(path, true, (file) => setAside(both, file, broken)))
          await withRowsFile(path, true, (file) => setAside(both, file))
          assert.deepEqual(entriesIn(path).map(briefly).sort(), ALL)
          await assert.rejects(
            withRowsFile(path, false, async () => {}),
            { code: 'USAGE' },
          )
        }),
      )
    })

    test('3 mended rows are loaded, the others stay; a row that is there is not there twice', async () => {
      await withBoth(server, (both) =>
        withAside(both, async (path) => {
          await withRowsFile(path, false, async (file) => {
            await copyAll(both, file)
            await setAside(both, file)
          })
          await both.client.query(KEYS)
          const first = await load({ file: path, to: both.url })
          assert.deepEqual([first.loaded, first.there, first.left.length], [1, 0, 13])
          // What PostgreSQL reads of another spelling is the same uuid.
          assert.ok(!entriesIn(path).some(({ row }) => row.name === 'braces'))

          const mend = (entry: Entry): Entry => {
            const { row } = entry
            const mended: Record<string, Entry['row']> = {
              yes: { active: true, born: '2026-03-02' },
              'too long for ten': { name: 'short' },
              negative: { score: 0 },
              interval: { every: '1 hour' },
              U7: { name: 'seven' },
              'no such user': { user_id: UUID(2001) },
            }
            const changes = mended[String(row.name)] ?? mended[String(row.body)] ?? {}
            return { ...entry, row: { ...row, ...changes } }
          }
          const lines = entriesIn(path).map((entry) => JSON.stringify(mend(entry)))
          // As some editors leave it: blank lines, and no end of the last.
          writeFileSync(path, lines.reverse().join('\n\n'))
          const second = await load({ file: path, to: both.url })
          assert.deepEqual([second.loaded, second.there, second.left.length], [8, 0, 5])
          const users = await both.client.query(
            `SELECT name, active, born::text, score FROM users WHERE id = '${UUID(2001)}'`,
          )
          assert.equal(users.rows[0]?.active, true)
          // As if it had been killed before the file was written.
          writeFileSync(path, `${lines.join('\n')}\n`)
          const third = await load({ file: path, to: both.url })
          assert.deepEqual([third.loaded, third.there, third.left.length], [0, 8, 5])
          assert.equal(entriesIn(path).length, 5)
          assert.equal(statSync(path).mode & 0o777, 0o600)
        }),
      )
    })

    test('4 a file of which all is loaded is gone; a row that has become another is not lost', async () => {
      await withBoth(server, async ({ client, url, folder }) => {
        await client.query(
          `CREATE TABLE a (id int PRIMARY KEY, b numeric(5,2), c timestamptz, d bytea); INSERT INTO a VALUES (1, 1, NULL, NULL)`,
        )
        const path = `${folder}/bad.jsonl`
        const row = (row: object) => JSON.stringify({ table: 'a', step: 'rows', key: {}, problems: [], row })
        const reasons = async (...rows: object[]) => {
          writeFileSync(path, `${rows.map(row).join('\n')}\n`)
          const { left } = await load({ file: path, to: url })
          return left.map(({ problems }) => problems.map(({ reason }) => reason).join())
        }
        assert.deepEqual(await reasons({ id: 1, b: 2 }), [
          'duplicate key value violates unique constraint "a_pkey": Key (id)=(1) already exists.',
        ])
        assert.deepEqual(
          await reasons(
            { id: 2, b: 1.005 },
            { id: 2, c: 'now' },
            { id: 2, c: '20260101' },
            { id: 2, d: 'ff' },
            { id: 2, x: 1 },
          ),
          [
            'would be rounded in numeric(5,2)',
            'is no moment: YYYY-MM-DD HH:MM:SS',
            'is no moment: YYYY-MM-DD HH:MM:SS',
            'is no {"hex":"…"}',
            'there is no such column',
          ],
        )
        assert.deepEqual(await reasons({ id: 2, b: 1.25, c: '2026-01-01 00:00:00', d: { hex: 'ff00' } }), [])
        assert.ok(!existsSync(path))
        const { rows } = await client.query(
          `SELECT b, extract(epoch FROM c)::int AS c, encode(d, 'hex') AS d FROM a WHERE id = 2`,
        )
        assert.deepEqual(rows, [{ b: '1.25', c: 1767225600, d: 'ff00' }])
      })
    })
  })
}

describe('rows set aside, in SQLite', () => {
  test('1 duplicates and orphans are taken out by the rules of the target, and loaded when they are mended', async () => {
    await withFolder(async (folder) => {
      const native = new DatabaseSync(`${folder}/app.db`, { enableForeignKeyConstraints: false })
      native.exec(`
        CREATE TABLE parents (id INTEGER PRIMARY KEY, code TEXT COLLATE NOCASE, data BLOB) ;
        CREATE TABLE children (a TEXT, b INTEGER REFERENCES parents (id), PRIMARY KEY (a, b)) WITHOUT ROWID;
        INSERT INTO parents VALUES (1, 'a', x'00'), (2, 'A', x'01'), (3, NULL, NULL), (4, NULL, NULL);
        INSERT INTO children VALUES ('x', 1), ('y', 2), ('z', 9)`)
      const schema = await withDatabase(native, {}, (database) => database.introspect())
      const wanted: Schema = {
        ...schema,
        tables: schema.tables.map((table) =>
          table.name === 'parents' ? { ...table, uniques: [{ columns: ['code'] }] } : table,
        ),
      }
      const all = schema.tables.map((table) => ({
        from: table,
        to: table,
        key: table.primaryKey?.columns ?? [],
        columns: table.columns.map((column) => ({ from: column, to: column, form: 'any' as const })),
      }))
      const path = `${folder}/bad.jsonl`
      await withRowsFile(path, false, async (file) => {
        const target = { dialect: 'sqlite', native } as const
        assert.equal(await setAsideByKeys({ target, schema: wanted, all, file, note: '' }), 3)
      })
      assert.deepEqual(entriesIn(path).map(briefly).sort(), [
        'children keys y,2: b refers to no row of parents',
        'children keys z,9: b refers to no row of parents',
        'parents keys 2: code is there in another row already',
      ])
      native.close()
      // The children before their parent.
      const lines = entriesIn(path).map((entry) => JSON.stringify(entry))
      writeFileSync(path, `${lines.reverse().join('\n')}\n`)
      const { loaded, left } = await load({ file: path, to: `sqlite:${folder}/app.db` })
      assert.equal(loaded, 2)
      assert.deepEqual(left, [
        { table: 'children', key: { a: 'z', b: 9 }, problems: [{ reason: 'FOREIGN KEY constraint failed' }] },
      ])
      const again = new DatabaseSync(`${folder}/app.db`)
      assert.deepEqual(
        { ...again.prepare('SELECT id, code, hex(data) AS data FROM parents WHERE id = 2').get() },
        {
          id: 2,
          code: 'A',
          data: '01',
        },
      )
      again.close()
    })
  })
})
