import { isUtf8 } from 'node:buffer'
import type { DatabaseSync } from 'node:sqlite'
import { setImmediate as turn } from 'node:timers/promises'
import { type Column, nameOf, type Schema } from '../../core/schema/model.ts'
import {
  type Bad,
  canonicalDecimal,
  EXAMPLES,
  type Example,
  fits,
  type Into,
  otherwise,
  precisionOf,
  type Search,
  shown,
  textOf,
} from '../../core/transfer/bad.ts'
import { type Form, typeBelow } from '../../core/transfer/form.ts'
import { momentOf, timeOf } from '../../core/transfer/moment.ts'
import type { Moved, MovedColumn } from '../../core/transfer/moved.ts'
import { badKeys } from './bad-keys.ts'
import { fieldSql, registerOdd } from './encode.ts'
import { rowidOf } from './send.ts'
import { chain, examplesOf, headShown, headSql, inner, keySql, plain, type Values } from './values.ts'

/** Rows that are looked at at a time. */
const CHUNK = 500
/** Bytes of a row's texts from which on they are looked at by themselves. */
const LONG = 65_536

/** Why a value is bad, and the SQL that is true of it where no reason before it is. Without a reason it is good. */
type Reason = readonly [reason: string | undefined, sql: string]

/** What the reasons are made of. */
interface Given {
  /** The value's name in SQL; it is not NULL. */
  readonly value: string
  /** The field that is sent: NULL where the converter does not take it. */
  readonly field: string
  readonly column: MovedColumn
  readonly type: string
  readonly schema: Schema
}

const NUL = 'has a NUL, which no text of PostgreSQL holds'
const NOT_UTF8 = 'is not UTF-8'

const isNot = (name: string, { value }: Given): string => `typeof(${value}) <> '${name}'`

const good = ({ field }: Given): Reason => [undefined, `${field} IS NOT NULL`]

const whole =
  (name: string, least: string, most: string) =>
  (given: Given): Reason[] => [
    ['is no integer', isNot('integer', given)],
    [`is beyond what ${name} holds`, `${given.value} NOT BETWEEN ${least} AND ${most}`],
  ]

const text = (given: Given): Reason[] => {
  const { value, column, schema } = given
  const { longest, to } = column
  const values = to.kind === 'enum' ? enumOf(to, schema) : undefined
  return [
    ['is no text', isNot('text', given)],
    ...(longest === undefined
      ? []
      : [[`has more than ${longest} characters`, `length(${value}) > ${longest}`] as const]),
    ...(values === undefined
      ? []
      : [
          [`is no value of ${given.type}`, `(${value}) COLLATE BINARY NOT IN (${literals(values)})`] as const,
        ]),
  ]
}

const moment = (what: string) => (given: Given) => {
  const { value, field, type } = given
  const [digits] = precisionOf(type)
  const isFiner = `${field} IS NOT NULL AND nexflow_finer(${value}, ${digits})`
  const isNumber = `typeof(${value}) IN ('integer', 'real') OR ${value} GLOB '[0-9]*' AND NOT ${value} GLOB '*[^0-9]*'`
  return [
    ...(digits === undefined || digits > 5
      ? []
      : [[`has a finer fraction than ${type}`, isFiner] satisfies Reason]),
    good(given),
    [`is a number that is no ${what} for certain`, isNumber],
    [`is no ${what}`, '1'],
  ] satisfies Reason[]
}

const json = (given: Given): Reason[] => [
  ['is no text', isNot('text', given)],
  ['is no JSON', `NOT json_valid(${given.value}, 1) AND NOT nexflow_json(${given.value})`],
]

/** What is wrong with a value that is not NULL: of each form all that the converter does not take, and more. */
const REASONS: Readonly<Record<Form, (given: Given) => readonly Reason[]>> = {
  boolean: ({ value, field }) => [
    ['is no boolean: 0 or 1', `typeof(${value}) <> 'integer' OR ${field} IS NULL`],
  ],
  int2: whole('a smallint', '-32768', '32767'),
  int4: whole('an integer', '-2147483648', '2147483647'),
  int8: (given) => [['is no integer', isNot('integer', given)]],
  float4: (given) => [
    good(given),
    ['is no number', `typeof(${given.value}) NOT IN ('integer', 'real')`],
    ['is beyond what a real holds', '1'],
  ],
  float8: (given) => [
    good(given),
    ['is no number', `typeof(${given.value}) NOT IN ('integer', 'real')`],
    ['would be rounded in a double precision', '1'],
  ],
  numeric: ({ value, field, type }) => {
    const [precision = 'NULL', scale = '0'] = precisionOf(type)
    const fitting = `nexflow_fits(${value}, ${precision}, ${scale})`
    return [
      ['is no number', `${field} IS NULL`],
      [`is beyond what ${type} holds`, `${fitting} = 'too large'`],
      [`would be rounded in ${type}`, `${fitting} = 'rounded'`],
    ]
  },
  text,
  bytes: (given) => [['is no blob', isNot('blob', given)]],
  uuid: (given) => [
    good(given),
    [
      'is a uuid in another spelling than lower case with hyphens',
      `typeof(${given.value}) = 'text' AND octet_length(unhex(${given.value}, '{}-')) = 16`,
    ],
    ['is no uuid', '1'],
  ],
  timestamptz: moment('moment'),
  timestamp: moment('moment'),
  date: moment('date'),
  time: moment('time of day'),
  json,
  jsonb: (given) => [
    ...json(given),
    [
      'has \\u0000 or half of a surrogate pair, which jsonb does not hold',
      `instr(${given.value}, '\\u') AND NOT nexflow_jsonb(${given.value})`,
    ],
  ],
  other: (given) => [['is no text', isNot('text', given)]],
  any: () => [],
}

/** Forms of which bytes are sent as they are. */
const TEXTS: readonly Form[] = ['text', 'json', 'jsonb', 'other']

/** Values of which only the server can say whether it takes them; NULL where all of them are known. */
const DOUBTS: Partial<Record<Form, (value: string) => string>> = {
  other: () => '1',
  // Nested deeper than SQLite follows.
  json: (value) => `NOT json_valid(${value}, 1)`,
  jsonb: (value) =>
    `NOT json_valid(${value}, 1) OR ${value} GLOB '*[0-9][eE]*[0-9][0-9][0-9]*' OR octet_length(${value}) > 16000`,
}

function enumOf({ type }: Column, { enums }: Schema): readonly string[] | undefined {
  return enums.find(({ schema, name }) => type === (schema === '' ? name : `${schema}.${name}`))?.values
}

function literals(texts: readonly string[]): string {
  return texts.map((one) => `'${one.replaceAll("'", "''")}'`).join(', ')
}

function isNullable({ type, nullable }: Column, { schema: { domains }, table }: Into, name: string): boolean {
  const domain = domains.find(({ schema, name }) => type === (schema === '' ? name : `${schema}.${name}`))
  return nullable && domain?.nullable !== false && !table.primaryKey?.columns.includes(name)
}

/** The reasons of a column, and the SQL that gives the place of one in their list, or NULL where the value is good. */
export interface Judge {
  readonly column: MovedColumn
  /** The value's name, as `inner` gives it. */
  readonly value: string
  readonly reasons: readonly string[]
  readonly sql: string
  /** True of values that the target must be asked about. */
  readonly doubt?: string
}

/** What is wrong with the values of each column. */
export function judges({ columns }: Moved, into: Into): Judge[] {
  return columns.map((column, i) => {
    const value = `c${i}`
    const type = typeBelow(column.to, into.schema)
    const field = `(${fieldSql(column, value, 'postgres')})`
    const found = REASONS[column.form]({ value, field, column, type, schema: into.schema })
    const cases = found.map(
      ([reason, sql], at) => `WHEN ${sql} THEN ${reason === undefined ? 'NULL' : at + 1}`,
    )
    const none = isNullable(column.to, into, column.to.name) ? 'NULL' : '0'
    const doubt = DOUBTS[column.form]?.(value)
    return {
      column,
      value,
      reasons: ['is NULL', ...found.map(([reason]) => reason ?? '')],
      sql: `CASE WHEN ${value} IS NULL THEN ${none} ${cases.join(' ')} END`,
      ...(doubt !== undefined && { doubt }),
    }
  })
}

const registered = new WeakSet<DatabaseSync>()

/** Registers what the reasons' SQL calls, and what the fields' does; once, as it cannot be done while one is at work. */
export function registerJudges(native: DatabaseSync): void {
  registerOdd(native)
  if (registered.has(native)) return
  registered.add(native)
  const register = (name: string, give: (...values: readonly unknown[]) => string | number | null) =>
    native.function(name, { deterministic: true, useBigIntArguments: true, varargs: true }, give)
  register('nexflow_json', (value) => Number(isJson(value)))
  register('nexflow_jsonb', (value) => Number(isJsonb(String(value))))
  register('nexflow_fits', (value, precision, scale) =>
    fits(String(value), precision === null ? undefined : Number(precision), Number(scale)),
  )
  register('nexflow_finer', (value, digits) => {
    const micros = momentOf(value) ?? timeOf(value) ?? 0n
    return Number(micros % 10n ** (6n - BigInt(Number(digits))) !== 0n)
  })
  register('nexflow_decimal', (value) => canonicalDecimal(String(value)) ?? null)
  register('nexflow_round', (value) => Math.fround(Number(value)))
  // Character by character, as the server does it.
  register('nexflow_fold', (value) =>
    [...String(value)]
      .map((one) => (one.toLowerCase().length === one.length ? one.toLowerCase() : one))
      .join(''),
  )
}

function isJson(value: unknown): boolean {
  try {
    JSON.parse(String(value))
    return true
  } catch {
    return false
  }
}

/** Of JSON: whether jsonb holds its escapes too. */
function isJsonb(value: string): boolean {
  const escapes = value.matchAll(/\\(?:u([\da-f]{4})|.)/gis)
  // An escaped half is whole only with the other, escaped too, behind it.
  let high: number | undefined
  for (const { 1: hex, index, 0: all } of escapes) {
    const unit = hex === undefined ? undefined : Number.parseInt(hex, 16)
    const isLow = unit !== undefined && unit >= 0xdc00 && unit < 0xe000
    if (unit === 0 || (high === index) !== isLow) return false
    high = unit !== undefined && unit >= 0xd800 && unit < 0xdc00 ? index + all.length : undefined
    if (high !== undefined && !/^\\u/.test(value.slice(high, high + 2))) return false
  }
  return high === undefined
}

/**
 * All rows of a table of SQLite that a table of PostgreSQL cannot take as they are, with the reasons: values that are
 * none of their type, NULL where there must be a value, rows that a unique constraint takes for one, rows that refer to
 * none. What a CHECK of the target says of them, and an EXCLUDE, the target says itself.
 *
 * @throws ABORTED as the signal's reason
 */
export async function findBad(
  native: DatabaseSync,
  moved: Moved,
  into: Into,
  search: Search = {},
): Promise<Bad[]> {
  registerJudges(native)
  const all = judges(moved, into)
  const rowid = rowidOf(moved, native)
  const scanned = await scan(native, moved, all, rowid, search)
  const table = nameOf(moved.from)
  const values = all.flatMap((judge, at) => {
    if (scanned.counts[at] === 0) return []
    return reasonsOf(native, moved, judge, inner(moved, rowid)).map((bad) => ({ table, ...bad }))
  })
  const doubted = await doubts(native, moved, all, rowid, search)
  const good = all
    .filter((_, at) => scanned.counts[at] !== 0)
    .map(({ sql }) => `(${sql}) IS NULL`)
    .join(' AND ')
  const keys = await badKeys(native, moved, into, good, search)
  return [...values, ...scanned.bad, ...doubted, ...keys]
}

function reasonsOf(
  native: DatabaseSync,
  moved: Moved,
  { column, value, reasons, sql }: Judge,
  from: string,
): Omit<Bad, 'table'>[] {
  const counts = native.prepare(
    `SELECT reason, count(*) AS n FROM (SELECT ${sql} AS reason FROM (${from})) WHERE reason IS NOT NULL
     GROUP BY 1 ORDER BY 1`,
  )
  return counts.all().map(({ reason, n }) => ({
    columns: [column.from.name],
    reason: reasons[Number(reason)] ?? '',
    count: Number(n),
    examples: examplesOf(native, moved, from, `(${sql}) = ${reason}`, [value]),
  }))
}

/** Counts what is added one by one. */
function tally(table: string): {
  add(column: string, reason: string, one: () => Example): void
  all(): Bad[]
} {
  const found = new Map<string, Bad & { count: number; examples: Example[] }>()
  return {
    add: (column, reason, one) => {
      const id = JSON.stringify([column, reason])
      const bad = found.get(id) ?? { table, columns: [column], reason, count: 0, examples: [] }
      bad.count++
      if (bad.examples.length < EXAMPLES) bad.examples.push(one())
      found.set(id, bad)
    },
    all: () => [...found.values()],
  }
}

interface Scanned {
  /** Of each column: values for which SQL knows a reason. */
  readonly counts: readonly number[]
  /** Texts that are none. */
  readonly bad: readonly Bad[]
}

/** One look at all rows: what SQL says of them is counted, and the bytes of their texts are looked at. */
async function scan(
  native: DatabaseSync,
  moved: Moved,
  all: readonly Judge[],
  rowid: string | undefined,
  { signal }: Search,
): Promise<Scanned> {
  const counts = all.map(() => 0)
  const found = tally(nameOf(moved.from))
  const texts = all.filter(({ column: { form } }) => TEXTS.includes(form))
  const ofAll = (sql: (value: string) => string, operator: string) =>
    chain(
      texts.map(({ value }) => sql(value)),
      operator,
    )
  const bytes = ofAll((value) => `ifnull(${value}, '')`, `|| '|' ||`) || `''`
  const length = ofAll((value) => `ifnull(octet_length(${value}), 0)`, '+') || '0'
  const sums = all.map(({ sql }, at) => `count(${sql}) AS n${at}`).join(', ')
  const seen = `count(*) AS rows, ${sums},
    CAST(group_concat(iif(${length} > ${LONG}, '', ${bytes}), '|') AS BLOB) AS texts, max(${length}) AS longest`
  const add = (row: Values) => {
    for (const at of all.keys()) counts[at] = (counts[at] ?? 0) + Number(row[`n${at}`])
  }
  const isClean = ({ texts, longest }: Values) =>
    !(Number(longest) > LONG) && (!(texts instanceof Uint8Array) || (isUtf8(texts) && !texts.includes(0)))

  if (rowid === undefined) {
    const [row = {}] = native.prepare(`SELECT count(*) AS rows, ${sums} FROM (${inner(moved, rowid)})`).all()
    add(row)
    lookAt(native, moved, texts, inner(moved, rowid), found)
    return { counts, bad: found.all() }
  }
  const part = `SELECT ${seen}, min(i) AS least, max(i) AS most FROM (${inner(moved, rowid, `${rowid} >= ?`)} ORDER BY ${rowid} LIMIT ${CHUNK})`
  const chunk = native.prepare(part)
  chunk.setReadBigInts(true)
  for (let next = -(2n ** 63n); ; ) {
    signal?.throwIfAborted()
    const row = chunk.get(next) as Values
    if (row.rows === 0n) break
    add(row)
    const [least, most] = [row.least as bigint, row.most as bigint]
    if (!isClean(row)) {
      lookAt(native, moved, texts, inner(moved, rowid, `${rowid} BETWEEN ${least} AND ${most}`), found)
    }
    if (most === 2n ** 63n - 1n) break
    next = most + 1n
    await turn()
  }
  return { counts, bad: found.all() }
}

/** Looks at the bytes of texts, value by value. Where SQL knows a reason already, there is no other. */
function lookAt(
  native: DatabaseSync,
  moved: Moved,
  texts: readonly Judge[],
  from: string,
  found: ReturnType<typeof tally>,
): void {
  if (texts.length === 0) return
  const keys = keySql(moved, rowidOf(moved, native))
  const heads = keys.map((_, i) => headSql(`k${i}`, `k${i}`))
  const values = texts.map(
    ({ value, sql }) => `iif((${sql}) IS NULL, CAST(${value} AS BLOB), NULL) AS ${value}`,
  )
  const statement = native.prepare(`SELECT ${[...heads, ...values].join(', ')} FROM (${from})`)
  statement.setReadBigInts(true)
  for (const row of statement.iterate() as Iterable<Values>) {
    for (const { column, value } of texts) {
      const bytes = row[value]
      const reason = bytes instanceof Uint8Array ? textTrouble(bytes) : undefined
      if (reason === undefined) continue
      found.add(column.from.name, reason, () => ({
        key: Object.fromEntries(keys.map(({ name }, i) => [name, plain(headShown(row, `k${i}`))])),
        value: shown(bytes),
      }))
    }
  }
}

/** Why bytes are no text to PostgreSQL. */
export function textTrouble(bytes: Uint8Array): string | undefined {
  if (bytes.includes(0)) return NUL
  return isUtf8(bytes) ? undefined : NOT_UTF8
}

/** Asks the target about values that only it knows. */
async function doubts(
  native: DatabaseSync,
  moved: Moved,
  all: readonly Judge[],
  rowid: string | undefined,
  { server, signal }: Search,
): Promise<Bad[]> {
  const found = tally(nameOf(moved.from))
  const keys = keySql(moved, rowid)
  const heads = keys.map((_, i) => headSql(`k${i}`, `k${i}`))
  for (const { column, value, sql, doubt } of all) {
    if (doubt === undefined || server === undefined) continue
    const statement = native.prepare(
      `SELECT ${[...heads, `CAST(${value} AS BLOB) AS bytes`].join(', ')}
       FROM (${inner(moved, rowid)}) WHERE ${value} IS NOT NULL AND (${sql}) IS NULL AND (${doubt})`,
    )
    statement.setReadBigInts(true)
    const ask = async (rows: readonly (readonly [row: Values, text: string])[]) => {
      const { type } = column.to
      const tell = ([row, text]: (typeof rows)[number], reason: string) =>
        found.add(column.from.name, reason, () => ({
          key: Object.fromEntries(keys.map(({ name }, i) => [name, plain(headShown(row, `k${i}`))])),
          value: shown(text),
        }))
      const textsOf = (some: typeof rows) => some.map(([, text]) => text)
      const refused = await server.refusals(type, textsOf(rows))
      for (const [at, one] of rows.entries()) {
        const words = refused.get(at)
        if (words !== undefined) tell(one, `is refused: ${general(words, one[1])}`)
      }
      if (column.form !== 'other') return
      const taken = rows.filter((_, at) => !refused.has(at))
      for (const at of await server.rewritten(type, textsOf(taken))) {
        const one = taken[at]
        if (one !== undefined) tell(one, otherwise(type))
      }
    }
    let waiting: [Values, string][] = []
    let size = 0
    for (const row of statement.iterate() as Iterable<Values>) {
      const text = row.bytes instanceof Uint8Array ? textOf(row.bytes) : undefined
      if (typeof text !== 'string') continue
      waiting.push([{ ...row, bytes: undefined }, text])
      size += text.length
      if (waiting.length < CHUNK && size < 1_000_000) continue
      signal?.throwIfAborted()
      await ask(waiting)
      waiting = []
      size = 0
    }
    await ask(waiting)
  }
  return found.all()
}

/** The server's words without the value, so that equal reasons are one. */
function general(words: string, text: string): string {
  return words.replace(`: "${text}"`, '').replace(`"${text}"`, 'the value')
}
