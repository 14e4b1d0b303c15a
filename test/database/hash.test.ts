import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import pg from 'pg'
import { writeDecimal } from '../../src/core/transfer/decimal.ts'
import { bytesOf, Chain, hexOf, Sum } from '../../src/core/transfer/hash.ts'
import { JsonPrinter } from '../../src/core/transfer/json.ts'
import { Output } from '../../src/core/transfer/output.ts'
import { SERVERS } from '../matrix.ts'
import { text } from '../moved.ts'

/** What the server says of each text. */
type Ask = (sql: string, texts: readonly string[]) => Promise<(string | null)[]>

const ROUNDS = 60
const many = <T>(of: fc.Arbitrary<T>) => fc.array(of, { minLength: 50, maxLength: 150 })

function json(printer: JsonPrinter, source: string): string | null {
  const bytes = Buffer.from(`<${source}>`)
  if (!printer.print(bytes, 1, bytes.length - 1)) return null
  return Buffer.from(printer.out.bytes.subarray(0, printer.out.length)).toString()
}

function decimal(source: string): string | null {
  const bytes = Buffer.from(source)
  const out = new Output()
  return writeDecimal(out, bytes, 0, bytes.length, true)
    ? Buffer.from(out.bytes.subarray(0, out.length)).toString()
    : null
}

const number = fc
  .tuple(
    fc.constantFrom('', '-'),
    fc.oneof(fc.constant('0'), fc.bigInt({ min: 1n, max: 10n ** 30n }).map(String)),
    fc.oneof(fc.constant(''), fc.stringMatching(/^\.[0-9]{1,12}$/), fc.constantFrom('.0', '.000', '.50')),
    fc.oneof(
      fc.constant(''),
      fc.tuple(fc.constantFrom('e', 'E', 'e+', 'E-', 'e-'), fc.nat(40)).map((one) => one.join('')),
    ),
  )
  .map((parts) => parts.join(''))

const character = fc.oneof(
  text.map((one) => JSON.stringify(one).slice(1, -1)),
  fc.constantFrom(
    '\\/',
    '\\b',
    '\\f',
    '\\n',
    '\\r',
    '\\t',
    '\\"',
    '\\\\',
    '\\u00e9',
    '\\u001f',
    '\\u007F',
    '\\ud83d\\uDE00',
    '\\uFFFF',
    '\u2028',
  ),
)
const string = fc.array(character, { maxLength: 4 }).map((parts) => `"${parts.join('')}"`)
// Keys that are often equal.
const key = fc.oneof(
  fc.constantFrom('"a"', '"b"', '"\\u0061"', '"aa"', '""', '"é"', '"zz"', '"\\n"', '"\\""'),
  string,
)
const blank = fc.constantFrom('', '', ' ', '\n\t ', '\r\n')

/** JSON as people, and programs, write it. */
const value: fc.Arbitrary<string> = fc.letrec<{ value: string }>((tie) => {
  const around = (of: fc.Arbitrary<string>) => fc.tuple(blank, of, blank).map((parts) => parts.join(''))
  return {
    value: fc.oneof(
      { maxDepth: 4, withCrossShrink: true },
      around(fc.oneof(number, string, fc.constantFrom('true', 'false', 'null', '{}', '[]', '[ ]'))),
      around(fc.array(tie('value'), { maxLength: 5 }).map((items) => `[${items.join(',')}]`)),
      around(
        fc
          .array(fc.tuple(key, blank, tie('value')), { maxLength: 7 })
          .map((members) => `{${members.map(([name, space, one]) => `${name}${space}:${one}`).join(',')}}`),
      ),
    ),
  }
}).value

describe('hash', () => {
  test('1 a sum is exact, whatever the order, modulo 2^64', () => {
    const [sum, chain] = [new Sum(), new Chain()]
    let expected = 0n
    for (let i = 0; i < 3_000_000; i++) {
      chain.high = -i
      chain.low = -1
      expected += BigInt.asUintN(64, chain.value)
      sum.add(chain)
    }
    assert.equal(sum.total, BigInt.asUintN(64, expected))
    assert.equal(hexOf(-1n), 'ffffffffffffffff')
    assert.equal(hexOf(10n), '000000000000000a')
  })

  test('2 what is no JSON is none', () => {
    const printer = new JsonPrinter()
    const none = [
      '',
      ' ',
      '{',
      '[1,]',
      '{"a":1,}',
      '{"a"}',
      '{a:1}',
      '[1 2]',
      '1 2',
      '01',
      '-',
      '1.',
      '.5',
      '+1',
      '1e',
      '"',
      '"\t"',
      '"\\x"',
      '"\\u12"',
      '"\\ud800"',
      '"\\udc00\\ud800"',
      '"\\u0000"',
      'tru',
      'nul',
      "'a'",
      ']',
      '{"a":1]',
      '[1}',
      'NaN',
      '\u00a01',
    ]
    for (const source of none) assert.equal(json(printer, source), null, source)
    assert.equal(json(printer, ' [ 1 , {"b":1,"a":[{ }]} ]'), '[1, {"a": [{}], "b": 1}]')
  })

  test('3 containers within containers need no stack', () => {
    const depth = 100_000
    const deep = `${'[{"a":'.repeat(depth)}1${'}]'.repeat(depth)}`
    assert.equal(json(new JsonPrinter(), deep), deep.replaceAll(':', ': '))
  })
})

for (const server of SERVERS) {
  describe(`hash: ${server.label}`, () => {
    const onServer = async (work: (ask: Ask) => Promise<void>) => {
      const client = new pg.Client(`${server.url}/postgres`)
      await client.connect()
      try {
        await work(async (sql, texts) => {
          const { rows } = await client.query(
            `SELECT (${sql})::text AS r FROM unnest($1::text[]) WITH ORDINALITY AS u (t, n) ORDER BY n`,
            [texts],
          )
          return rows.map(({ r }) => r)
        })
      } finally {
        await client.end()
      }
    }

    test('1 it is hashtextextended, and the hash of one is the seed of the next', async () => {
      await onServer(async (ask) => {
        const chain = new Chain()
        const check = async (texts: readonly string[], seed: number) => {
          const hashes = await ask(`hashtextextended(t, hashtextextended(t || 'x', ${seed}))`, texts)
          for (const [i, one] of texts.entries()) {
            const bytes = bytesOf(Buffer.from(`..${one}x`))
            chain.start(seed)
            chain.add(bytes, 2, bytes.bytes.length - 2)
            chain.add(bytes, 2, bytes.bytes.length - 3)
            assert.equal(hashes[i], String(chain.value), one)
          }
        }
        await check(
          Array.from({ length: 100 }, (_, i) => 'ÿé~'.repeat(50).slice(0, i)),
          0,
        )
        await fc.assert(fc.asyncProperty(many(text), fc.nat(2 ** 31 - 1), check), { numRuns: ROUNDS })
      })
    })

    test('2 JSON is printed as jsonb prints it', async () => {
      await onServer(async (ask) => {
        const printer = new JsonPrinter()
        const property = fc.asyncProperty(many(fc.oneof(value, fc.json())), async (sources) => {
          const usual = sources.map((one) => (/\\u0000|\\ud[89a-f]..(?!\\ud)/i.test(one) ? '0' : one))
          const valid = usual.filter((one) => json(printer, one) !== null)
          const printed = await ask('t::jsonb', valid)
          for (const [i, one] of valid.entries()) assert.equal(json(printer, one), printed[i], one)
          for (const one of usual) assert.ok(valid.includes(one) || !isJson(one), one)
        })
        await fc.assert(property, { numRuns: ROUNDS })
      })
    })

    test('3 decimal numbers are printed as numeric prints them', async () => {
      await onServer(async (ask) => {
        const check = async (sources: readonly string[]) => {
          const printed = await ask('trim_scale(t::numeric)', sources)
          for (const [i, one] of sources.entries()) assert.equal(decimal(one), printed[i], one)
        }
        await check([
          '0',
          '-0',
          '+5',
          '.5',
          '5.',
          '-.50',
          '00012.3400',
          '1e5',
          '-0.0e-3',
          '1.5E+3',
          '000',
          '9e-20',
        ])
        await fc.assert(fc.asyncProperty(many(number), check), { numRuns: ROUNDS })
        for (const none of ['', '.', '-', 'e5', '1e', '1.2.3', ' 1', '1 ', '0x10', '1_0'])
          assert.equal(decimal(none), null)
      })
    })

    test('4 what is no JSON for jsonb is none', async () => {
      await onServer(async (ask) => {
        const printer = new JsonPrinter()
        const broken = fc
          .tuple(value, fc.nat(), fc.constantFrom('', ...',"}]{0.e\\ -', '\\u0000', '\\ud800'), fc.nat(2))
          .map(([source, at, put, cut]) => {
            const offset = at % (source.length + 1)
            return source.slice(0, offset) + put + source.slice(offset + cut)
          })
          // Half a character cannot be sent.
          .filter((source) => source.isWellFormed())
        const property = fc.asyncProperty(broken, async (source) => {
          const printed = await ask('t::jsonb', [source]).catch(() => [null])
          assert.equal(json(printer, source), printed[0], source)
        })
        await fc.assert(property, { numRuns: 50 * ROUNDS })
      })
    })
  })
}

function isJson(source: string): boolean {
  try {
    JSON.parse(source)
    return true
  } catch {
    return false
  }
}
