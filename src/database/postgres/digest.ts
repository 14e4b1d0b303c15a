import { MigrateError } from '../../core/errors.ts'
import { pathText } from '../../core/schema/sql/names.ts'
import { quoteName } from '../../core/text.ts'
import { bytesOf, Chain, hexOf } from '../../core/transfer/hash.ts'
import type { Moved, Side } from '../../core/transfer/moved.ts'
import type { Digest } from '../end.ts'
import { BUCKETS, GROUP, keyOf, type Proof, SHOWN } from '../proof.ts'
import { hashText } from './canonical.ts'

/** The rows of a query. */
export type Query = <T>(sql: string) => Promise<T[]>

/** The number of rows of a table, and a digest of their canonical form. */
export async function digest(
  query: Query,
  moved: Moved,
  side: Side,
  signal?: AbortSignal,
  onRows?: (rows: number) => void,
): Promise<Digest> {
  signal?.throwIfAborted()
  const row = rowHash(moved, [...moved.columns.keys()], await isUtf8(query))
  const [found] = await query<{ rows: string; sum: string }>(
    `SELECT count(*)::text AS rows, coalesce(sum(${row}), 0)::text AS sum FROM ${sourceOf(moved, side)}`,
  )
  const rows = Number(found?.rows)
  onRows?.(rows)
  return { rows, digest: hexOf(BigInt(found?.sum ?? 0)) }
}

/** The number of rows of a table. */
export async function count(query: Query, moved: Moved, side: Side): Promise<number> {
  const [found] = await query<{ rows: string }>(
    `SELECT count(*)::text AS rows FROM ${pathText('postgres', moved[side])}${whereOf(moved, side)}`,
  )
  return Number(found?.rows)
}

/** What the database says of its tables. */
export function proofOf(query: Query, signal?: AbortSignal): Proof {
  const hashed = async (moved: Moved, side: Side, columns = '') => {
    signal?.throwIfAborted()
    const utf8 = await isUtf8(query)
    const [key, row] = [keyOf(moved), [...moved.columns.keys()]].map((one) => rowHash(moved, one, utf8))
    // Behind OFFSET the hashes are values, and are not computed again wherever their names stand.
    return `(SELECT ${key} AS key, ${row} AS hash${columns} FROM ${sourceOf(moved, side)} OFFSET 0) AS hashed`
  }
  const bucket = `(key & ${BUCKETS - 1})::int`
  return {
    digest: (moved, side) => digest(query, moved, side, signal),
    count: (moved, side) => count(query, moved, side),
    buckets: async (moved, side) => {
      const found = await query<{ bucket: number; rows: string; sum: string }>(
        `SELECT ${bucket} AS bucket, count(*)::text AS rows, sum(hash)::text AS sum
        FROM ${await hashed(moved, side)} GROUP BY 1 ORDER BY 1`,
      )
      return found.map(({ bucket, rows, sum }) => {
        return { bucket, rows: Number(rows), sum: BigInt.asUintN(64, BigInt(sum)) }
      })
    },
    hashes: async (moved, side, wanted) => {
      const found = await query<{ key: string; row: string }>(
        `SELECT key::text, hash::text AS row FROM ${await hashed(moved, side)}
        WHERE ${bucket} = ANY ('{${[...wanted].join(',')}}'::int[])`,
      )
      return found.map(({ key, row }) => ({ key: BigInt(key), row: BigInt(row) }))
    },
    rows: async (moved, side, keys, most) => {
      const utf8 = await isUtf8(query)
      const values = moved.columns.map((column, i) => {
        const hash = rowHash(moved, [i], utf8)
        const shown =
          column.form === 'bytes'
            ? `'\\x' || encode(substr(c${i}::bytea, 1, ${SHOWN / 2}), 'hex')`
            : `left(c${i}::text, ${SHOWN})`
        return `, (${hash})::text AS h${i}, ${shown} AS t${i}`
      })
      const found = await query<Record<string, string | null>>(
        `SELECT * FROM (SELECT *, row_number() OVER (PARTITION BY key) AS nth
          FROM ${await hashed(moved, side, values.join(''))}
          WHERE key = ANY ('{${[...keys].join(',')}}'::bigint[])) AS numbered
        WHERE nth <= ${most}`,
      )
      return found.map((one) => ({
        key: BigInt(one.key ?? 0),
        row: BigInt(one.hash ?? 0),
        values: moved.columns.map((_, i) => ({
          hash: BigInt(one[`h${i}`] ?? 0),
          text: one[`t${i}`] ?? null,
        })),
      }))
    },
  }
}

function whereOf(moved: Moved, side: Side): string {
  return side === 'from' && moved.rows !== undefined ? ` WHERE ${moved.rows}` : ''
}

/** The rows, with columns c0, c1 and so on. */
function sourceOf(moved: Moved, side: Side): string {
  const columns = moved.columns.map((column, i) => {
    const value = side === 'from' ? column.value : undefined
    return `${value === undefined ? quoteName(column[side].name) : `(${value})`} AS c${i}`
  })
  const table = pathText('postgres', moved[side])
  return `(SELECT ${columns.join(', ')} FROM ${table}${whereOf(moved, side)}) AS source`
}

/**
 * SQL of the hash of some columns, as `Row.hash` of ../sqlite/digest.ts computes it: each value's hash is the seed of the
 * next, and the NULLs are the seed of the first.
 */
function rowHash(moved: Moved, columns: readonly number[], utf8: boolean): string {
  let hash = ''
  for (let start = 0; start < columns.length || start === 0; start += GROUP) {
    const group = columns.slice(start, start + GROUP)
    const nulls = nullsOf(group)
    hash = start === 0 ? nulls : `hashtextextended((${nulls})::text COLLATE "C", ${hash})`
    for (const i of group) {
      const column = moved.columns[i]
      if (column !== undefined) hash = hashText(column, `c${i}`, hash, utf8)
    }
  }
  return hash
}

/** SQL of a number whose bits tell which columns are NULL. A composite value of NULLs is not. */
function nullsOf(columns: readonly number[]): string {
  if (columns.length === 0) return '0::bigint'
  const none = columns.map((i) => `c${i} IS DISTINCT FROM NULL`)
  const bits = columns.map((i, bit) => `CASE WHEN c${i} IS DISTINCT FROM NULL THEN 0 ELSE ${2 ** bit} END`)
  return `CASE WHEN ${none.join(' AND ')} THEN 0::bigint ELSE ${bits.join(' + ')} END`
}

const SAMPLE = 'nexflow-migrate'

/**
 * Whether the server keeps texts in UTF-8.
 *
 * @throws DATABASE if it hashes otherwise than we do
 */
async function isUtf8(query: Query): Promise<boolean> {
  const [found] = await query<{ encoding: string; hash: string }>(
    `SELECT current_setting('server_encoding') AS encoding, hashtextextended('${SAMPLE}', 1)::text AS hash`,
  )
  const chain = new Chain()
  chain.start(1)
  chain.add(bytesOf(new TextEncoder().encode(SAMPLE)), 0, SAMPLE.length)
  if (found?.hash !== String(chain.value)) {
    throw new MigrateError('DATABASE', 'the server computes hashes in another way than all that are known', {
      hint: 'its processor may be big-endian; compare the numbers of rows with --verify count',
    })
  }
  return found.encoding === 'UTF8'
}
