import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { checkRows } from '../../src/commands/transfer-check.ts'
import type { Schema } from '../../src/core/schema/model.ts'
import type { Bad } from '../../src/core/transfer/bad.ts'
import type { Moved } from '../../src/core/transfer/moved.ts'
import { withDatabase } from '../../src/database/database.ts'
import type { Target } from '../../src/database/target.ts'
import { SERVERS } from '../matrix.ts'
import { errorOf } from '../tools.ts'
import { reversed, withBoth } from '../transfer.ts'

/** Looks through the tables of `from`, and asks `to` where there is one that can be asked. */
function check(from: Target, to: Target, schema: Schema, all: readonly Moved[], signal?: AbortSignal) {
  return withDatabase(from, {}, (source) =>
    withDatabase(to, {}, async (target) => {
      const [end, other] = [await source.end(), await target.end()]
      const found = await end.snapshot(async () =>
        checkRows(end, all, schema, await other.server(), { ...(signal && { signal }) }),
      )
      return { ...found, rows: found.tables.reduce((sum, { rows }) => sum + rows, 0) }
    }),
  )
}

const briefly = ({ table, columns, reason, count }: Bad) =>
  `${table}.${columns.join('+')} ${reason}: ${count}`

describe('transfer --check', () => {
  for (const server of SERVERS) {
    test(`1 of SQLite it finds what ${server.label} cannot take, by table and column, with examples`, async () => {
      await withBoth(server, async ({ native, client, schemas }) => {
        native.exec(`
          CREATE TABLE parents (id TEXT PRIMARY KEY, n INTEGER, code TEXT COLLATE NOCASE UNIQUE);
          CREATE TABLE children (id INTEGER PRIMARY KEY, parent TEXT, at TEXT, mail TEXT, price, UNIQUE (at), UNIQUE (price));
          INSERT INTO parents VALUES ('a', 1, 'x'), (NULL, 2, 'y'), (NULL, 3, 'z'), ('b' || char(0), 'n', 'w'), ('A', 1, 'v');
          INSERT INTO children VALUES (1, 'a', '2026-01-01 00:00:00', 'a@b', 1), (2, 'b', '2026-01-01T00:00:00Z', 'A@B', '1.0'),
            (3, 'c', 1767225600, 'c@d', 2), (4, NULL, NULL, NULL, 2.5), (5, 'a', NULL, NULL, 'x'), (6, 'a', NULL, 'A@b', NULL);`)
        await client.query(`
          CREATE TABLE parents (id text PRIMARY KEY, n integer, code text UNIQUE);
          CREATE TABLE children (id bigint PRIMARY KEY, parent text REFERENCES parents, at timestamptz UNIQUE, mail text, price numeric UNIQUE);
          CREATE UNIQUE INDEX ON children (lower(mail)) WHERE price > 0`)
        const { postgres, all } = await schemas()
        const found = await check(native, client, postgres, all)
        assert.equal(found.rows, 11)
        assert.deepEqual(found.bad.map(briefly).sort(), [
          'children.at is there in another row already, as the target compares it: 2',
          'children.lower(mail) is there in another row already, as the target compares it: 1',
          'children.parent refers to no row of parents: 2',
          'children.price is no number: 1',
          'children.price is there in another row already, as the target compares it: 1',
          'parents.id has a NUL, which no text of PostgreSQL holds: 1',
          'parents.id is NULL: 2',
          'parents.n is no integer: 1',
        ])
        const [price] = found.bad.filter(({ reason }) => reason === 'is no number')
        assert.deepEqual(price?.examples, [{ key: { id: '5' }, value: '"x"' }])
        const [nul] = found.bad.filter(({ reason }) => reason.startsWith('has a NUL'))
        assert.deepEqual(nul?.examples, [{ key: { id: "x'6200'" }, value: "x'6200'" }])
      })
    })

    test(`2 of ${server.label} it finds what SQLite cannot take`, async () => {
      await withBoth(server, async ({ native, client, schemas }) => {
        native.exec(`
          CREATE TABLE parents (id INTEGER PRIMARY KEY, code TEXT COLLATE NOCASE UNIQUE, at TEXT, x REAL, n NUMERIC, t TEXT NOT NULL);
          CREATE TABLE children (id INTEGER PRIMARY KEY, parent INTEGER REFERENCES parents (id))`)
        await client.query(`
          CREATE TABLE parents (id bigint PRIMARY KEY, code text UNIQUE, at timestamptz, x double precision, n numeric, t numeric);
          CREATE TABLE children (id bigint PRIMARY KEY, parent bigint);
          INSERT INTO children VALUES (1, 1), (2, 99);
          ALTER TABLE children ADD FOREIGN KEY (parent) REFERENCES parents NOT VALID;
          INSERT INTO parents VALUES (1, 'a', 'infinity', 'NaN', 1.5, 'NaN'), (2, 'A', '0044-03-15 BC', 'Infinity', 0.12345678901234567890, 1),
            (3, 'b', '12026-01-01', -0.0, 9223372036854775807, 1), (4, 'é', '9999-12-31 23:59:59+00', 0, 1e400, NULL), (5, 'É', NULL, NULL, 'NaN', 1e-400)`)
        const { sqlite, all } = await schemas()
        const found = await check(client, native, sqlite, all.map(reversed))
        assert.equal(found.rows, 7)
        assert.deepEqual(found.bad.map(briefly).sort(), [
          'children.parent refers to no row of parents: 1',
          'parents.at is no moment of the years 0001 to 9999: 3',
          'parents.code is there in another row already, as the target compares it: 1',
          'parents.n is no number of SQLite: 1',
          'parents.n would be rounded in NUMERIC: 2',
          'parents.t is NULL: 1',
          'parents.x is NaN, which SQLite makes NULL: 1',
        ])
        const [lone] = found.bad.filter(({ table }) => table === 'children')
        assert.deepEqual(lone?.examples, [{ key: { id: '2' }, value: '"99"' }])
      })
    })
  }

  test('3 it holds for tables without a rowid, and stops when it is told to', async () => {
    const [server] = SERVERS.slice(-1)
    if (server === undefined) return
    await withBoth(server, async ({ native, client, schemas }) => {
      native.exec(`CREATE TABLE t (a TEXT, b TEXT, c TEXT, PRIMARY KEY (a, b)) WITHOUT ROWID;
        INSERT INTO t VALUES ('1', '2', CAST(x'ff' AS TEXT)), ('1', '3', 'fine'), ('2', '3', 'a' || char(0))`)
      await client.query('CREATE TABLE t (a text, b text, c text, PRIMARY KEY (a, b))')
      const { postgres, all } = await schemas()
      const { bad } = await check(native, client, postgres, all)
      assert.deepEqual(
        bad.map(({ examples }) => examples),
        [[{ key: { a: '1', b: '2' }, value: "x'ff'" }], [{ key: { a: '2', b: '3' }, value: "x'6100'" }]],
      )
      const stopped = await errorOf(check(native, client, postgres, all, AbortSignal.abort()))
      assert.equal(stopped.code, 'ABORTED')
    })
  })
})
