import type { SQLInputValue } from 'node:sqlite'
import fc from 'fast-check'
import type { Column } from '../src/core/schema/model.ts'
import type { Form } from '../src/core/transfer/form.ts'
import type { Moved } from '../src/core/transfer/moved.ts'

/** A column with nothing but a name and a type. */
export function column(name: string, type: string): Column {
  return { name, type, kind: 'other', nullable: true }
}

/** A table `t` that is moved from SQLite to PostgreSQL. */
export function moved(
  columns: readonly { name: string; form: Form; type?: string }[],
  key: string[] = [],
): Moved {
  const table = { schema: '', name: 't' }
  return {
    from: table,
    to: table,
    columns: columns.map(({ name, form, type = '' }) => {
      return { from: column(name, 'ANY'), to: column(name, type), form }
    }),
    key,
  }
}

/** The same value on both sides: as a text that PostgreSQL reads, and as SQLite may have it. */
export interface Pair {
  readonly postgres: string | null
  readonly sqlite: SQLInputValue
}

export interface Sample {
  readonly name: string
  readonly form: Form
  /** On PostgreSQL, and what a parameter is cast to. */
  readonly type: string
  readonly cast?: string
  readonly pairs: fc.Arbitrary<Pair>
  /** Another value than this one, which is not NULL. */
  readonly change: (value: SQLInputValue) => SQLInputValue
}

/** A text that both sides take. */
export const text = fc.string({ unit: 'binary', maxLength: 20 }).map((one) => one.replaceAll('\0', '0'))

const two = (n: number) => String(n).padStart(2, '0')

/** Seconds since 1970 from the year 1 to the year 9999, without the last days. */
const seconds = fc.integer({ min: -62_135_500_000, max: 253_402_200_000 })
const micros = fc.oneof(
  fc.constant(0),
  fc.integer({ min: 0, max: 999_999 }),
  fc.constantFrom(1, 999_999, 500_000, 1000),
)

/** `YYYY-MM-DD HH:MM:SS`, and its parts. */
function civil(time: number): { day: string; clock: string } {
  const date = new Date(time * 1000)
  const day = `${String(date.getUTCFullYear()).padStart(4, '0')}-${two(date.getUTCMonth() + 1)}-${two(date.getUTCDate())}`
  const clock = [date.getUTCHours(), date.getUTCMinutes(), date.getUTCSeconds()].map(two).join(':')
  return { day, clock }
}

/** Ways to write a moment that mean the same. */
const moments: fc.Arbitrary<Pair> = fc
  .tuple(seconds, micros, fc.nat(7), fc.integer({ min: -14 * 60, max: 14 * 60 }))
  .map(([time, fraction, way, offset]) => {
    const six = String(fraction).padStart(6, '0')
    const { day, clock } = civil(time)
    const ways: (() => [number, SQLInputValue])[] = [
      () => [fraction, `${day} ${clock}.${six}`],
      () => [fraction, `${day}T${clock}.${six}Z`],
      () => [fraction, `${day} ${clock}${fraction === 0 ? '' : `.${six.replace(/0+$/, '')}`}`],
      () => [0, `${day} ${clock}`],
      () => [0, Math.abs(time) < 1e10 ? BigInt(time) : `${day}T${clock}`],
      () => [0, Math.abs(time) >= 253_402_301 ? BigInt(time) * 1000n : `${day}T${clock}+00:00`],
      () => {
        const millis = Math.floor(fraction / 1000)
        const day = (time + millis / 1000) / 86400 + 2440587.5
        return day >= 1721059.5 && day < 5373484.5 ? [millis * 1000, day] : [0, `${civil(time).day} ${clock}`]
      },
      () => {
        const local = civil(time + offset * 60)
        const zone = `${offset < 0 ? '-' : '+'}${two(Math.floor(Math.abs(offset) / 60))}:${two(Math.abs(offset) % 60)}`
        return [fraction, `${local.day}T${local.clock}.${six}${zone}`]
      },
    ]
    const [kept, sqlite] = ways[way]?.() ?? [0, '']
    // A real holds some tens of microseconds, which are rounded to milliseconds.
    return { postgres: `${day} ${clock}.${String(kept).padStart(6, '0')}+00`, sqlite }
  })

const decimals = fc
  .tuple(fc.bigInt({ min: -(10n ** 25n), max: 10n ** 25n }), fc.integer({ min: -30, max: 30 }), fc.nat(4))
  .map(([digits, exponent, zeros]): Pair => {
    const exact = `${digits}e${exponent}`
    const ways = [
      exact,
      `${digits}${'0'.repeat(zeros)}E${exponent - zeros}`,
      `${digits}.${'0'.repeat(zeros)}e${exponent}`,
    ]
    const sqlite =
      exponent === 0 && digits < 2n ** 63n && digits >= -(2n ** 63n) ? digits : (ways[zeros % 3] ?? exact)
    return { postgres: exact, sqlite }
  })

function integers(min: bigint, max: bigint): fc.Arbitrary<Pair> {
  return fc
    .oneof(fc.bigInt({ min, max }), fc.constantFrom(min, max, 0n, 1n, -1n))
    .map((n) => ({ postgres: String(n), sqlite: n }))
}

function floats(of: fc.Arbitrary<number>): fc.Arbitrary<Pair> {
  return of.map((n) => ({
    postgres: Object.is(n, -0) ? '-0' : String(n),
    sqlite: Number.isSafeInteger(n) && n % 2 === 1 ? BigInt(n) : n,
  }))
}

function texts(of: fc.Arbitrary<string>): fc.Arbitrary<Pair> {
  return of.map((one) => ({ postgres: one, sqlite: one }))
}

const longer = (value: SQLInputValue) => `${value}x`
const next = (value: SQLInputValue) => (typeof value === 'bigint' ? value + (value > 0n ? -1n : 1n) : 7n)
const otherNumber = (value: SQLInputValue) => (Number(value) === 0 ? 1 : -Number(value))

const other_moment = (value: SQLInputValue) =>
  typeof value === 'string'
    ? value.replace(/\d(?=:)/, (hour) => String((Number(hour) + 1) % 4))
    : '2001-02-03 04:05:06'

/** Every form that a value has between the two dialects. */
export const SAMPLES: readonly Sample[] = [
  {
    name: 'boolean',
    form: 'boolean',
    type: 'boolean',
    pairs: fc.boolean().map((one) => ({ postgres: String(one), sqlite: one ? 1n : 0n })),
    change: (value) => (value === 1n ? 0n : 1n),
  },
  {
    name: 'int2',
    form: 'int2',
    type: 'smallint',
    pairs: integers(-(2n ** 15n), 2n ** 15n - 1n),
    change: next,
  },
  {
    name: 'int4',
    form: 'int4',
    type: 'integer',
    pairs: integers(-(2n ** 31n), 2n ** 31n - 1n),
    change: next,
  },
  { name: 'int8', form: 'int8', type: 'bigint', pairs: integers(-(2n ** 63n), 2n ** 63n - 1n), change: next },
  {
    name: 'float4',
    form: 'float4',
    type: 'real',
    cast: 'double precision',
    pairs: floats(
      fc
        .float({ noNaN: true, min: Math.fround(-1e30), max: Math.fround(1e30) })
        .map((n) => n * (Math.abs(n) > 1e-30 ? 1.000_000_001 : 1)),
    ),
    change: otherNumber,
  },
  {
    name: 'float8',
    form: 'float8',
    type: 'double precision',
    pairs: floats(fc.double({ noNaN: true })),
    change: otherNumber,
  },
  {
    name: 'numeric',
    form: 'numeric',
    type: 'numeric',
    pairs: decimals,
    change: (value) =>
      typeof value === 'bigint'
        ? value + 1n
        : String(value).replace(/\d/, (n) => String((Number(n) % 9) + 1)),
  },
  { name: 'text', form: 'text', type: 'text', pairs: texts(text), change: longer },
  {
    name: 'char',
    form: 'text',
    type: 'character(6)',
    pairs: fc.tuple(fc.constantFrom('', 'a', ' b', 'äöü'), fc.nat(3)).map(([one, blanks]) => {
      return { postgres: one, sqlite: one + ' '.repeat(blanks) }
    }),
    change: longer,
  },
  {
    name: 'bytes',
    form: 'bytes',
    type: 'bytea',
    pairs: fc.uint8Array({ maxLength: 40 }).map((bytes) => {
      return { postgres: `\\x${Buffer.from(bytes).toString('hex')}`, sqlite: Uint8Array.from(bytes) }
    }),
    change: (value) => Uint8Array.from([...(value as Uint8Array), 0]),
  },
  {
    name: 'uuid',
    form: 'uuid',
    type: 'uuid',
    pairs: texts(fc.uuid()),
    change: (value) => String(value).replace(/.$/, (last) => (last === '0' ? '1' : '0')),
  },
  {
    name: 'timestamptz',
    form: 'timestamptz',
    type: 'timestamp with time zone',
    pairs: moments,
    change: other_moment,
  },
  {
    name: 'timestamp',
    form: 'timestamp',
    type: 'timestamp without time zone',
    pairs: moments.map(({ postgres, sqlite }) => ({ postgres: String(postgres).replace('+00', ''), sqlite })),
    change: other_moment,
  },
  {
    name: 'date',
    form: 'date',
    type: 'date',
    pairs: texts(seconds.map((time) => civil(time).day)),
    change: (value) => (value === '2001-02-03' ? '2001-02-04' : '2001-02-03'),
  },
  {
    name: 'time',
    form: 'time',
    type: 'time without time zone',
    pairs: fc.tuple(fc.nat(86399), micros, fc.boolean()).map(([time, fraction, cut]) => {
      const { clock } = civil(time)
      const whole = `${clock}.${String(fraction).padStart(6, '0')}`
      const short = fraction === 0 ? clock.replace(/:00$/, '') : whole.replace(/0+$/, '')
      return { postgres: whole, sqlite: cut ? short : whole }
    }),
    change: (value) => (value === '01:02:03' ? '01:02:04' : '01:02:03'),
  },
  {
    name: 'json',
    form: 'json',
    type: 'json',
    pairs: texts(fc.json().filter((one) => !one.includes('\0'))),
    change: (value) => ` ${value}`,
  },
  {
    name: 'jsonb',
    form: 'jsonb',
    type: 'jsonb',
    pairs: fc.json().map((one) => {
      const plain = one.replaceAll('\\u0000', '').replaceAll(/\\ud[89a-f]../gi, '')
      return { postgres: plain, sqlite: plain.replaceAll(/(?<=^\[|^\{)/g, ' \n') }
    }),
    change: (value) => `[${value}]`,
  },
  {
    name: 'other',
    form: 'other',
    type: 'interval',
    pairs: fc.tuple(fc.nat(500), fc.nat(23)).map(([days, hours]) => {
      const one = `${days + 2} days ${two(hours)}:30:00`
      return { postgres: one, sqlite: one }
    }),
    change: (value) => (value === '2 days 01:30:00' ? '2 days 02:30:00' : '2 days 01:30:00'),
  },
]
