import assert from 'node:assert/strict'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { describe, test } from 'node:test'
import { from as copyFrom } from 'pg-copy-streams'
import type { Moved } from '../../src/core/transfer/moved.ts'
import type { Packet } from '../../src/database/end.ts'
import { send, snapshot } from '../../src/database/postgres/send.ts'
import { KINDS } from '../matrix.ts'
import { movedOf, withClient } from './moved.ts'

/** The header and the trailer of COPY BINARY. */
const HEADER = Buffer.from('PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0', 'latin1')
const TRAILER = Buffer.from([0xff, 0xff])

const TYPES = `CREATE TYPE "Mood" AS ENUM ('sad', 'fine'); CREATE DOMAIN amount AS numeric(12, 2); CREATE DOMAIN moment AS timestamptz;`

const TABLE = `CREATE TABLE "All of them" (id bigint PRIMARY KEY, b boolean, i2 smallint, i4 int, f4 real, f8 double precision,
  n numeric, a amount, t text, v varchar(9), c char(5), bytes bytea, u uuid, tz moment, ts timestamp(3), d date, tm time,
  j json, jb jsonb, e "Mood", ints int[], i interval, o oid, x xml, g int GENERATED ALWAYS AS (i4 - 1) STORED)`

const ROWS = `INSERT INTO "All of them" VALUES
  (1, true, -32768, 2147483647, 1.5, 'NaN', '1e30', 3.14, E'a\\tü😀', 'varchar', 'ab', '\\x00ff', '2b1f8a51-4c0e-4d0b-8f5a-0c9d6e7f8a9b',
   'infinity', '0044-03-15 12:00:00 BC', '-infinity', '24:00:00', '{"a": 1, "a": 2}', '{"b": [1, null]}', 'fine', '{1,NULL,3}', '1 year 2 days', 7, '<a/>'),
  (2, false, 0, 0, '-0', '-Infinity', 'NaN', NULL, '', '', '', '', NULL, '2026-01-02 03:04:05.123456+09', NULL, '10000-01-01', '00:00:00.000001', 'null', '1e2', 'sad', '{}', '-1 mons', 0, ''),
  (3, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL)`

async function gathered(rows: AsyncIterable<Packet>): Promise<Packet[]> {
  const all: Packet[] = []
  for await (const packet of rows) all.push(packet)
  return all
}

const sum = (all: readonly Packet[]) => all.reduce((rows, packet) => rows + packet.rows, 0)

for (const kind of KINDS.filter(({ dialect }) => dialect === 'postgres')) {
  describe(`send, ${kind.label}`, () => {
    test('1 COPY FROM takes what it gives, of every type', async () => {
      await kind.scratch(async (source) => {
        await kind.scratch(async (target) => {
          await source.query(`${TYPES} ${TABLE}; ${ROWS}`)
          await target.query(`${TYPES} ${TABLE}`)
          const moved = await movedOf(source.url, target.url, 'All of them')
          const names = moved.columns.map(({ to }) => `"${to.name}"`).join(', ')
          // Types with no form of their own come as text.
          const staged = moved.columns.map(
            ({ to, form }) => `"${to.name}" ${form === 'other' ? 'text' : to.type}`,
          )
          await withClient(source.url, (client) =>
            withClient(target.url, async (other) => {
              await client.query(
                `SET timezone = 'Asia/Kathmandu'; SET datestyle = 'German'; SET intervalstyle = 'iso_8601'`,
              )
              await other.query(`CREATE TEMPORARY TABLE stage (${staged.join(', ')})`)
              const sent = await snapshot(client, () => gathered(send(client, moved, 'postgres')))
              assert.equal(sum(sent), 3)
              const bytes = [HEADER, ...sent.map((packet) => packet.bytes), TRAILER]
              await pipeline(
                Readable.from(bytes),
                other.query(copyFrom('COPY stage FROM STDIN (FORMAT binary)')),
              )
              const values = moved.columns.map(({ to }) => `"${to.name}"::${to.type}`).join(', ')
              await other.query(`INSERT INTO "All of them" (${names}) SELECT ${values} FROM stage`)
            }),
          )
          const read = `SELECT t::text FROM "All of them" AS t ORDER BY id`
          assert.deepEqual(await target.query(read), await source.query(read))
        })
      })
    })

    test('2 packets are of whole rows, however long', async () => {
      await kind.scratch(async ({ url, query }) => {
        await query(`CREATE TABLE t (id int PRIMARY KEY, bytes bytea, t text);
          INSERT INTO t SELECT i, convert_to(repeat('x', CASE WHEN i % 400 = 7 THEN 3000000 + i WHEN i % 50 = 0 THEN 100000 ELSE i % 3000 END), 'UTF8'), i::text
          FROM generate_series(1, 2000) AS i`)
        const moved = await movedOf(url, url, 't')
        const sent = await withClient(url, (client) =>
          snapshot(client, () => gathered(send(client, moved, 'postgres'))),
        )
        assert.equal(sum(sent), 2000)
        const seen: number[] = []
        for (const { bytes, rows } of sent) {
          const packet = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
          let at = 0
          for (let row = 0; row < rows; row++) {
            assert.equal(packet.readInt16BE(at), 3)
            const id = packet.readInt32BE(at + 6)
            const length = packet.readInt32BE(at + 10)
            const wanted = id % 400 === 7 ? 3_000_000 + id : id % 50 === 0 ? 100_000 : id % 3000
            assert.equal(length, wanted)
            assert.ok(packet.subarray(at + 14, at + 14 + length).every((byte) => byte === 120))
            at += 14 + length
            const text = packet.readInt32BE(at)
            assert.equal(packet.toString('latin1', at + 4, at + 4 + text), String(id))
            at += 4 + text
            seen.push(id)
          }
          assert.equal(at, packet.length)
        }
        assert.deepEqual(
          seen.toSorted((a, b) => a - b),
          Array.from({ length: 2000 }, (_, i) => i + 1),
        )
      })
    })

    test('3 who takes only some of the rows goes on with the snapshot', async () => {
      await kind.scratch(async ({ url, query }) => {
        await query(
          `CREATE TABLE t (t text); INSERT INTO t SELECT repeat('x', 900) FROM generate_series(1, 100000)`,
        )
        const moved = await movedOf(url, url, 't')
        await withClient(url, (client) =>
          snapshot(client, async () => {
            for await (const { rows } of send(client, moved, 'postgres')) {
              assert.ok(rows > 0 && rows < 100_000)
              break
            }
            await query('DELETE FROM t')
            const { rows } = await client.query('SELECT count(*)::int AS n FROM t')
            assert.deepEqual(rows, [{ n: 100_000 }])
            assert.equal(sum(await gathered(send(client, moved, 'postgres'))), 100_000)
          }),
        )
      })
    })

    test('4 some rows, and values in the place of columns', async () => {
      await kind.scratch(async ({ url, query }) => {
        await query(
          `CREATE TABLE t (id bigint, t varchar(9)); INSERT INTO t VALUES (1, 'a'), (2, 'b'), (3, NULL)`,
        )
        const moved = await movedOf(url, url, 't')
        const columns = moved.columns.map((column, i) => ({
          ...column,
          value: ['length(t)', `md5(t)`][i] ?? '',
        }))
        const some: Moved = { ...moved, columns, rows: `id > 1 OR t = 'z'` }
        const sent = await withClient(url, (client) =>
          snapshot(client, () => gathered(send(client, some, 'postgres'))),
        )
        const row = (...fields: readonly string[]) => `0002${fields.join('')}`
        const hash = Buffer.from('92eb5ffee6ae2fec3ad71c777531578f').toString('hex')
        assert.equal(
          Buffer.concat(sent.map(({ bytes }) => bytes)).toString('hex'),
          `${row('000000080000000000000001', `00000020${hash}`)}${row('ffffffff', 'ffffffff')}`,
        )
      })
    })

    test('5 a server that stops, and SQL that fails, are errors; the connection goes on where there is one', async () => {
      await kind.scratch(async ({ url, query }) => {
        await query(
          `CREATE TABLE t (t text); INSERT INTO t SELECT repeat('x', 900) FROM generate_series(1, 100000)`,
        )
        const moved = await movedOf(url, url, 't')
        await withClient(url, async (client) => {
          const fails = { ...moved, rows: `1 / (length(t) - 900) = 1` }
          await assert.rejects(
            snapshot(client, () => gathered(send(client, fails, 'postgres'))),
            /division by zero/,
          )
          assert.deepEqual((await client.query('SELECT 1 AS one')).rows, [{ one: 1 }])
          const ended = snapshot(client, async () => {
            const { rows } = await client.query('SELECT pg_backend_pid() AS pid')
            for await (const _ of send(client, moved, 'postgres'))
              await query(`SELECT pg_terminate_backend(${rows[0]?.pid})`)
          })
          await assert.rejects(ended)
        })
      })
    })

    test('6 no row is left out by a policy, and no timeout cuts it off', async () => {
      await kind.scratch(async ({ url, query }) => {
        const role = `reader_${process.pid}_${Date.now()}`
        await query(`CREATE TABLE t (id int); INSERT INTO t VALUES (1), (2); ALTER TABLE t ENABLE ROW LEVEL SECURITY;
          CREATE POLICY one ON t USING (id = 1); CREATE ROLE ${role}; GRANT SELECT ON t TO ${role}`)
        const moved = await movedOf(url, url, 't')
        try {
          await withClient(url, async (client) => {
            await client.query(`SET statement_timeout = '7s'`)
            const timeout = await snapshot(client, () => client.query('SHOW statement_timeout'))
            assert.deepEqual(timeout.rows, [{ statement_timeout: '0' }])
            await client.query(`SET ROLE ${role}`)
            await assert.rejects(
              snapshot(client, () => gathered(send(client, moved, 'postgres'))),
              /policy/,
            )
            assert.deepEqual((await client.query('SHOW statement_timeout')).rows, [
              { statement_timeout: '7s' },
            ])
          })
        } finally {
          await query(`DROP TABLE t; DROP ROLE ${role}`)
        }
      })
    })
  })
}
