import assert from 'node:assert/strict'
import { test } from 'node:test'
import { down, up } from '../../src/index.ts'
import { KINDS } from '../matrix.ts'

/** `npm run million` has a million of them. */
const ROWS = Number(process.env.TEST_ROWS ?? 20_000)

const FILL = {
  sqlite: [
    `INSERT INTO users (id, channel, channel_user_id, metadata) VALUES ('u', 'web', '1', '{"a": 1}')`,
    `INSERT INTO sessions (id, user_id) VALUES ('s', 'u')`,
    `WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT ${ROWS})
     INSERT INTO messages (id, session_id, role, content) SELECT 'm' || i, 's', 'user', hex(randomblob(200)) FROM n`,
  ],
  postgres: [
    `INSERT INTO users (channel, channel_user_id, metadata) VALUES ('web', '1', '{"a": 1}')`,
    `INSERT INTO sessions (user_id) SELECT id FROM users`,
    `INSERT INTO messages (session_id, role, content)
     SELECT sessions.id, 'user', repeat(md5(i::text), 13) FROM sessions, generate_series(1, ${ROWS}) AS i`,
  ],
}

/** All rows in one number, whatever their order. */
const DIGEST = {
  sqlite: `SELECT count(*) AS n, sum(length(content)) AS characters, sum(unicode(substr(content, id % 100 + 1)) * rowid) AS sum FROM
     (SELECT CAST(substr(id, 2) AS INTEGER) AS id, CAST(substr(id, 2) AS INTEGER) AS rowid, content, created_at FROM messages)`,
  postgres: `SELECT count(*)::int AS n, sum(hashtextextended(messages::text, 0))::text AS sum FROM messages`,
}

for (const kind of KINDS) {
  test(`Nexflow's migrations with ${ROWS} messages, all down and up again, ${kind.label}`, () =>
    kind.scratch(async ({ url: database, query, tables }) => {
      await up({ database })
      for (const sql of FILL[kind.dialect]) await query(sql)
      const before = await query(DIGEST[kind.dialect])
      assert.equal(before[0]?.n, ROWS)
      await down({ database, all: true })
      assert.deepEqual(await tables(), [])
      const { givenBack } = await up({ database })
      assert.deepEqual(
        givenBack.map(({ remains }) => remains),
        [0, 0, 0, 0],
      )
      assert.deepEqual(await query(DIGEST[kind.dialect]), before)
    }))
}
