import type { Named } from '../../core/schema/model.ts'
import { pathText, stringText } from '../../core/schema/sql/names.ts'
import { quoteName } from '../../core/text.ts'
import type { Counter } from '../end.ts'

type Query = <T>(sql: string) => Promise<T[]>

/** The sequence of a serial or an identity column. */
interface Owned {
  /** Which of the tables it is of. */
  readonly place: number
  readonly column: string
  /** Its name in SQL. */
  readonly sequence: string
  /** Numbers as text: they may be beyond what JavaScript counts exactly. */
  readonly least: string
  readonly most: string
  readonly descending: boolean
  /** What it has given last, if it has given anything. */
  readonly last: string | null
}

function ownedSql(tables: readonly Named[]): string {
  const rows = tables.map((table, i) => `(${i}, ${stringText(pathText('postgres', table))}::regclass)`)
  return `SELECT t.place, a.attname AS column, format('%I.%I', n.nspname, s.relname) AS sequence, q.seqmin::text AS least,
    q.seqmax::text AS most, q.seqincrement < 0 AS descending, pg_sequence_last_value(s.oid)::text AS last
  FROM (VALUES ${rows.join(', ')}) AS t (place, oid)
  JOIN pg_depend AS d ON d.refclassid = 'pg_class'::regclass AND d.refobjid = t.oid AND d.refobjsubid > 0
    AND d.classid = 'pg_class'::regclass AND d.deptype IN ('a', 'i')
  JOIN pg_attribute AS a ON a.attrelid = t.oid AND a.attnum = d.refobjsubid
  JOIN pg_class AS s ON s.oid = d.objid AND s.relkind = 'S'
  JOIN pg_namespace AS n ON n.oid = s.relnamespace JOIN pg_sequence AS q ON q.seqrelid = s.oid
  ORDER BY t.place, a.attnum, s.oid`
}

async function ownedBy(query: Query, tables: readonly Named[]): Promise<Owned[]> {
  return tables.length === 0 ? [] : query<Owned>(ownedSql(tables))
}

/** The outermost number of a column: where its sequence counts down, the smallest. */
function heldSql(table: Named, { column, descending }: Owned): string {
  return `SELECT ${descending ? 'min' : 'max'}(${quoteName(column)})::bigint FROM ${pathText('postgres', table)}`
}

/**
 * The last number that each serial or identity column has given. Where its sequence has given none, the numbers came
 * with the rows: then it is the outermost of them.
 */
export async function counters(query: Query, tables: readonly Named[]): Promise<Counter[]> {
  const found: Counter[] = []
  for (const owned of await ownedBy(query, tables)) {
    const table = tables[owned.place]
    if (table === undefined) continue
    const [row] =
      owned.last === null
        ? await query<{ last: string | null }>(`SELECT (${heldSql(table, owned)})::text AS last`)
        : [owned]
    if (row?.last != null) found.push({ table, column: owned.column, last: BigInt(row.last) })
  }
  return found
}

/**
 * The SQL that lets each sequence go on behind what was given, and behind what its column holds: never out of its
 * bounds. Where nothing was given it stays as it is.
 */
export async function countersSql(query: Query, given: readonly Counter[]): Promise<string> {
  const owned = await ownedBy(
    query,
    given.map(({ table }) => table),
  )
  return owned
    .flatMap((sequence) => {
      const counter = given[sequence.place]
      return counter?.column === sequence.column ? [setSql(sequence, counter)] : []
    })
    .join(';\n')
}

function setSql(owned: Owned, { table, last }: Counter): string {
  const { sequence, descending } = owned
  const [least, most, given] = [owned.least, owned.most, last].map((number) => `'${number}'::bigint`)
  // What is before its first number it comes to by itself; what is behind its last one leaves it none.
  const next = descending ? `greatest(min(last), ${least})` : `least(max(last), ${most})`
  const counted = descending ? `last <= ${most}` : `last >= ${least}`
  return `SELECT setval(${stringText(sequence)}, ${next})
FROM (SELECT ${given} AS last UNION ALL ${heldSql(table, owned)}) AS numbers WHERE ${counted} HAVING count(*) > 0`
}
