import type { Dialect } from '../../migrations.ts'
import { baseName } from '../kinds.ts'
import type { Kind } from '../model.ts'
import { stringText } from '../sql/names.ts'

/** What can stand in a column, as SQL. */
export interface Values {
  /** A value that nobody would wonder at. Those of different numbers differ, where the type has room. */
  plain(n: number): string
  /** Values at the edges of the type. */
  readonly edges: readonly string[]
}

/** A type, and what its parentheses say. */
interface Type {
  readonly dialect: Dialect
  readonly name: string
  readonly sizes: readonly number[]
}

/** Numbers of rows are added to this: what migrations put in themselves is numbered from 1. */
const FIRST = 1_000_000
const FIRST_SMALL = 10_000

/** More than a VARCHAR(255); whoever reads all rows again and again has to carry it. */
const LONG = 1000

const MINUTE = 60_000
const DAY = 1440 * MINUTE
const START = Date.UTC(2024, 0, 1)

/** Months before the year 10000 there is room for every time zone. */
const TIMES = ['0001-01-01 00:00:00', '1970-01-01 00:00:00', '2024-02-29 12:34:56', '9999-06-30 23:59:59']

/**
 * The values of a type.
 *
 * @param type as in `Column`
 * @returns undefined where nothing is known of the type
 */
export function valuesOf(dialect: Dialect, kind: Kind, type: string): Values | undefined {
  const sizes = [...(/\(([^)]*)\)/.exec(type)?.[1] ?? '').matchAll(/\d+/g)].map(Number)
  return MAKERS[kind]({ dialect, name: baseName(type), sizes })
}

/** A text of so many characters. */
export function textOfLength(n: number): string {
  return 'abcdefghij'.repeat(Math.ceil(n / 10)).slice(0, n)
}

function quoted(plain: (n: number) => string, edges: readonly string[]): Values {
  return { plain: (n) => stringText(plain(n)), edges: edges.map(stringText) }
}

const MAKERS: Readonly<Record<Kind, (type: Type) => Values | undefined>> = {
  integer: ({ dialect, name }) => {
    if (dialect === 'sqlite') return integers(2n ** 63n, FIRST)
    if (/^(smallint|int2|smallserial)$/.test(name)) return integers(2n ** 15n, FIRST_SMALL)
    if (name === 'oid') return { plain: (n) => String(FIRST + n), edges: ['0', '4294967295'] }
    return integers(/^(bigint|int8|bigserial)$/.test(name) ? 2n ** 63n : 2n ** 31n, FIRST)
  },
  real: ({ dialect, name }) => {
    const single = dialect === 'postgres' && /^(real|float4)$/.test(name)
    const extremes = single ? ['3.4e38', '1e-37'] : ['1.7976931348623157e308', '1e-300']
    return { plain: (n) => `${FIRST + n}.5`, edges: ['0', '-1.5', ...extremes] }
  },
  numeric: ({ dialect, name, sizes }) => {
    if (name === 'money')
      return { plain: (n) => stringText(`${FIRST + n}.5`), edges: literals('0', '-1.5', '99999999.99') }
    return numbers(dialect, sizes)
  },
  boolean: ({ dialect }) => {
    const [no, yes] = dialect === 'sqlite' ? ['0', '1'] : ['false', 'true']
    return { plain: (n) => (n % 2 === 0 ? no : yes), edges: [no, yes] }
  },
  text: ({ name, sizes: [size] }) => {
    const fixed: Record<string, number> = { '"char"': 1, name: 60 }
    return texts(fixed[name] ?? size ?? Number.POSITIVE_INFINITY)
  },
  uuid: () =>
    quoted(
      (n) => `00000000-0000-4000-8000-${(FIRST + n).toString(16).padStart(12, '0')}`,
      ['00000000-0000-0000-0000-000000000000', 'ffffffff-ffff-ffff-ffff-ffffffffffff'],
    ),
  json: () =>
    quoted(
      (n) => `{"n": ${n}}`,
      ['{}', '[]', 'null', '{"a": [1, -2.5e3, true, null, ""], "ж": {"🙂": "\\" \\\\ \\n"}}'],
    ),
  date: () => quoted((n) => iso(START + n * DAY).slice(0, 10), [...TIMES.map((time) => time.slice(0, 10))]),
  time: () => quoted((n) => iso(START + n * MINUTE).slice(11), ['00:00:00', '23:59:59']),
  timestamp: () => quoted((n) => iso(START + n * MINUTE), TIMES),
  timestamptz: ({ dialect }) => {
    const zone = dialect === 'postgres' ? '+00' : '+00:00'
    return quoted(
      (n) => `${iso(START + n * MINUTE)}${zone}`,
      TIMES.map((time) => `${time}${zone}`),
    )
  },
  interval: () =>
    quoted((n) => `${n} minutes`, ['0', '-1 day', '1 year 2 months 3 days 4 hours 5 minutes 6 seconds']),
  blob: ({ dialect }) => {
    const bytes = (hex: string) => (dialect === 'sqlite' ? `X'${hex}'` : `'\\x${hex}'`)
    return {
      plain: (n) => bytes((FIRST + n).toString(16).padStart(8, '0')),
      edges: ['', '00', '00ff'.repeat(200)].map(bytes),
    }
  },
  // Their values are the schema's.
  enum: () => undefined,
  array: () => undefined,
  other: ({ name, sizes }) => rare(name, sizes),
}

function literals(...values: string[]): string[] {
  return values.map(stringText)
}

function iso(time: number): string {
  return new Date(time).toISOString().slice(0, 19).replace('T', ' ')
}

function integers(end: bigint, first: number): Values {
  // SQLite reads the least one as a real where it is written so.
  return { plain: (n) => String(first + n), edges: ['0', '-1', String(end - 1n), String(1n - end)] }
}

function numbers(dialect: Dialect, [precision, scale = 0]: readonly number[]): Values {
  // SQLite keeps 15 digits, and takes what is declared as a comment.
  const most = Math.min(precision ?? 15, dialect === 'sqlite' ? 15 : 1000)
  const whole = Math.max(0, most - scale)
  const greatest = `${'9'.repeat(whole) || '0'}${scale > 0 ? `.${'9'.repeat(scale)}` : ''}`
  const room = 10 ** Math.min(whole, 15)
  return {
    plain: (n) => `${(FIRST + n) % room}${scale > 0 ? '.5' : ''}`,
    edges: ['0', scale > 0 ? '-0.5' : whole > 0 ? '-1' : '0', greatest, `-${greatest}`],
  }
}

/** @param size the most characters */
function texts(size: number): Values {
  const cut = (text: string) => [...text].slice(0, size).join('')
  const short = (n: number) => (FIRST + n).toString(36)
  return quoted(
    (n) => (size >= 16 ? `row ${FIRST + n}` : short(n).slice(-size)),
    ['', textOfLength(Math.min(size, LONG)), cut(' Life жизнь 🙂 É 漢字 '), cut(`' " \\ -- /* ; \n\t`)],
  )
}

/** Types of PostgreSQL and its extensions that few tables have: a plain value, and further ones. */
const RARE: Readonly<Record<string, (n: number) => readonly [string, ...string[]]>> = {
  inet: (n) => [`10.0.${(n >> 8) & 255}.${n & 255}`, '::1'],
  cidr: (n) => [`10.0.${(n >> 8) & 255}.${n & 255}/32`, '::/0'],
  macaddr: (n) => [`08:00:2b:00:${hex(n >> 8)}:${hex(n)}`],
  macaddr8: (n) => [`08:00:2b:00:00:00:${hex(n >> 8)}:${hex(n)}`],
  point: (n) => [`(${n},0)`],
  line: (n) => [`{1,2,${n}}`],
  lseg: (n) => [`[(0,0),(1,${n})]`],
  box: (n) => [`(${n + 1},1),(${n},0)`],
  path: (n) => [`((0,0),(1,${n}))`],
  polygon: (n) => [`((0,0),(1,${n}),(2,0))`],
  circle: (n) => [`<(${n},0),1>`],
  tsvector: (n) => [`a${n}`, ''],
  tsquery: (n) => [`a${n}`],
  int4range: (n) => [`[${n},${n + 1})`, 'empty', '(,)'],
  int8range: (n) => [`[${n},${n + 1})`, 'empty', '(,)'],
  numrange: (n) => [`[${n},${n + 1})`, 'empty', '(,)'],
  daterange: (n) => [`[${iso(START + n * DAY)},${iso(START + (n + 1) * DAY)})`, 'empty', '(,)'],
  tsrange: (n) => [`[${iso(START + n * MINUTE)},${iso(START + (n + 1) * MINUTE)})`, 'empty', '(,)'],
  tstzrange: (n) => [`[${iso(START + n * MINUTE)}+00,${iso(START + (n + 1) * MINUTE)}+00)`, 'empty', '(,)'],
  xml: (n) => [`<a>${n}</a>`],
  jsonpath: (n) => [`$[${n}]`],
  pg_lsn: (n) => [`0/${hex(n)}`],
  hstore: (n) => [`a=>${n}`, ''],
  ltree: (n) => [`a.b${n}`],
  // SQLite: any value in a STRICT table.
  any: (n) => [`row ${n}`, ''],
}

function hex(n: number): string {
  return (n & 255).toString(16).padStart(2, '0')
}

function rare(name: string, [size = 1]: readonly number[]): Values | undefined {
  if (/^(bit|bit varying|varbit)$/.test(name))
    return quoted((n) => (n % 2 ** Math.min(size, 30)).toString(2).padStart(size, '0'), ['1'.repeat(size)])
  if (name === 'vector')
    return quoted((n) => JSON.stringify(Array.from({ length: size }, (_, i) => n + i)), [])
  const make = RARE[name]
  if (make === undefined) return undefined
  return quoted((n) => make(n)[0], make(0).slice(1))
}
