import assert from 'node:assert/strict'
import { Readable } from 'node:stream'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { MigrateError } from '../../src/core/errors.ts'
import type { Form } from '../../src/core/transfer/form.ts'
import type { Moved } from '../../src/core/transfer/moved.ts'
import type { Packet } from '../../src/database/end.ts'
import { receive } from '../../src/database/postgres/receive.ts'
import { isRefusal, serverOf } from '../../src/database/postgres/refused.ts'
import { findBad } from '../../src/database/sqlite/bad.ts'
import { send } from '../../src/database/sqlite/send.ts'
import { SERVERS } from '../matrix.ts'
import { type Both, tableOf, withBoth } from '../transfer.ts'

/** A type of every form, and more where it has parameters. */
const TYPES: readonly (readonly [Form, string])[] = [
  ['boolean', 'boolean'],
  ['int2', 'smallint'],
  ['int4', 'integer'],
  ['int8', 'bigint'],
  ['float4', 'real'],
  ['float8', 'double precision'],
  ['numeric', 'numeric'],
  ['numeric', 'numeric(5,2)'],
  ['text', 'text'],
  ['text', 'varchar(5)'],
  ['text', 'mood'],
  ['bytes', 'bytea'],
  ['uuid', 'uuid'],
  ['timestamptz', 'timestamptz'],
  ['timestamp', 'timestamp'],
  ['timestamp', 'timestamp(3)'],
  ['date', 'date'],
  ['time', 'time'],
  ['json', 'json'],
  ['jsonb', 'jsonb'],
  ['other', 'interval'],
  ['other', 'integer[]'],
]

/** A value in SQL. */
type Sql = string

const quoted = (text: string): Sql => `CAST(x'${Buffer.from(text).toString('hex')}' AS TEXT)`
const bytes = (hex: string): Sql => `CAST(x'${hex}' AS TEXT)`

const UUID = '0189d5c2-1f7a-7c3e-8f00-00000000002a'
const TEXTS = [
  '',
  ' ',
  'a',
  'happy',
  'HAPPY',
  'longer than five',
  'abcde  ',
  'żółć!',
  '👍👍👍👍👍',
  '0',
  '1',
  't',
  'yes',
  'true',
  '-1',
  '12',
  '12.5',
  '1e3',
  '1e400000',
  '1e-20000',
  '.5',
  '5.',
  '0x10',
  'NaN',
  'Infinity',
  '1234.567',
  '999.995',
  '1_000',
  'now',
  'yesterday',
  'infinity',
  UUID,
  UUID.toUpperCase(),
  `{${UUID}}`,
  UUID.replaceAll('-', ''),
  '--89d5c2-1f7a-7c3e-8f00-00000000002a',
  `${UUID}\0`,
  '2026-02-28',
  '2026-02-30',
  '2024-02-29',
  '2026-13-01',
  '20ab-01-01',
  '0000-01-01',
  '0001-01-01',
  '9999-12-31',
  '2026-02-28 12:30:59',
  '2026-02-28T12:30:59Z',
  '2026-02-28 12:30:59.123Z',
  '2026-02-28 12:30:59.123456+02:00',
  '2026-02-28 12:30',
  '2026-02-28 24:00:00',
  '2026-02-28 12:60:00',
  '2026-02-28 0a:bc:de',
  '2026-02-28 12:30:59\0junk',
  '9999-12-31 23:59:59-01:00',
  '0001-01-01 00:00:00+01:00',
  '1700000000',
  '1700000000000',
  '99999999999',
  '12:30',
  '12:30:59.5',
  '25:00',
  'a\0b',
  '{"a":1}',
  '{a:1}',
  '[1,]',
  '{"a":"\\u0000"}',
  '{"a":"\\ud83d"}',
  '{"a":"\\ud83d\\ude00"}',
  '{"a":"\\\\ud83d"}',
  '"\\ude00"',
  '"\\ud83d\\\\ude00"',
  '[1e400000]',
  '[1e-20000]',
  'null',
  '01',
  '"\u0001"',
  '\u00a01',
  '[1]\0',
  `${'['.repeat(1500)}${']'.repeat(1500)}`,
  `[${'9'.repeat(140000)}]`,
  '1 day',
  '{1,2}',
  '{1,x}',
  '1:2',
] as const
const VALUES: readonly Sql[] = [
  ...TEXTS.map(quoted),
  ...['ff', '61ff', 'eda0bd', 'c080', '61c3', '22ff22'].map(bytes),
  ...[
    '0',
    '1',
    '2',
    '-1',
    '32767',
    '32768',
    '-32769',
    '2147483648',
    '9223372036854775807',
    '-9223372036854775808',
    '9007199254740993',
    '1700000000',
    '1700000000000',
    '99999999999',
    '253402300799999',
    '253402300800000',
  ],
  ...[
    '0.0',
    '-0.0',
    '0.1',
    '1e39',
    '-1e39',
    '9e999',
    '-9e999',
    '1e-320',
    '2451545.25',
    '1.7e9',
    '5e12',
    '999.995',
    '0.125',
  ],
  ...[
    "x''",
    "x'00ff'",
    `CAST('${UUID}' AS BLOB)`,
    `CAST('2026-02-28 12:30:59' AS BLOB)`,
    "CAST('[1]' AS BLOB)",
    "jsonb('[1]')",
  ],
]

/** What the search says of a value, and what the converter and the server say. */
async function verdicts(
  both: Both,
  types: readonly (readonly [Form, string])[],
  values: readonly Sql[],
): Promise<string[]> {
  const { native, client, schemas } = both
  const { postgres, all } = await schemas()
  const server = await serverOf(client)
  const wrong: string[] = []
  for (const [form, type] of types) {
    const name = `t_${TYPES.findIndex(([, other]) => other === type)}`
    const moved = all.find(({ to }) => to.name === name)
    assert.equal(moved?.columns[0]?.form, form, type)
    for (const value of values) {
      native.exec(`DELETE FROM ${name}; INSERT INTO ${name} VALUES (${value})`)
      const bad = await findBad(
        native,
        moved,
        { schema: postgres, table: tableOf(postgres, name) },
        { all, server },
      )
      const sent = await outcome(both, moved)
      if (
        sent !== undefined &&
        !isRefusal(sent) &&
        !(sent instanceof MigrateError && sent.code === 'BAD_ROWS')
      )
        throw sent
      // What the server would change without a word is bad too, though it would take it.
      const changed = bad.length === 1 && /would be rounded|finer|more than/.test(bad[0]?.reason ?? '')
      const count = bad.reduce((sum, one) => sum + one.count, 0)
      if (count > 1 || ((count === 1) !== (sent !== undefined) && !changed)) {
        wrong.push(`${type} ${value.slice(0, 120)}: ${JSON.stringify(bad).slice(0, 300)}, ${sent}`)
      }
    }
  }
  return wrong
}

/** What is thrown where the table is copied. */
async function outcome({ native, client }: Both, moved: Moved): Promise<unknown> {
  try {
    // The server is only asked where there is something to ask.
    const packets: Packet[] = []
    for await (const packet of send(native, moved, 'postgres')) packets.push(packet)
    await receive(client, moved, 'sqlite', Readable.from(packets), () => ({
      file: 'test',
      text: '',
    }))
    return undefined
  } catch (error) {
    return error
  }
}

async function makeTables({ native, client }: Both): Promise<void> {
  await client.query(`CREATE TYPE mood AS ENUM ('happy', 'sad', 'yes')`)
  for (const [i, [, type]] of TYPES.entries()) {
    native.exec(`CREATE TABLE t_${i} (a)`)
    await client.query(`CREATE TABLE t_${i} (a ${type})`)
  }
}

for (const server of SERVERS) {
  describe(`bad rows, from SQLite to ${server.label}`, () => {
    test('1 a value is found bad where the converter or the server refuses it, and only there', async () => {
      await withBoth(server, async (both) => {
        await makeTables(both)
        assert.deepEqual(await verdicts(both, TYPES, VALUES), [])
      })
    })
  })
}

for (const server of SERVERS.slice(-1)) {
  describe(`bad rows, from SQLite to ${server.label}, at random`, () => {
    test('2 so it is with texts that nobody has thought of', async () => {
      await withBoth(server, async (both) => {
        await makeTables(both)
        const part = fc.constantFrom(
          '2026-02-28',
          ' 12:30:59',
          '.5',
          'Z',
          '+02:00',
          '-',
          '0',
          '9',
          'T',
          '\0',
          '\\u',
          'd83d',
          '"',
          '[',
          ']',
          'e',
          '{',
          '}',
          ':',
          ',',
          'é',
          UUID,
          UUID.slice(0, 18),
        )
        const near = fc.array(part, { minLength: 1, maxLength: 5 }).map((parts) => quoted(parts.join('')))
        const raw = fc.uint8Array({ maxLength: 12 }).map((all) => bytes(Buffer.from(all).toString('hex')))
        await fc.assert(
          fc.asyncProperty(
            fc.constantFrom(...TYPES),
            fc.array(fc.oneof(near, raw), { minLength: 5, maxLength: 10 }),
            async (type, values) => {
              assert.deepEqual(await verdicts(both, [type], values), [])
            },
          ),
          { numRuns: 60 },
        )
      })
    })
  })
}
