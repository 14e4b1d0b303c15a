import type { ClientBase } from 'pg'
import { type ForeignKey, nameOf } from '../../core/schema/model.ts'
import { type Bad, type Into, type Search, type Uniqueness, uniquenesses } from '../../core/transfer/bad.ts'
import type { Moved } from '../../core/transfer/moved.ts'
import { examplesOf, inner } from './values.ts'

/** Rows that a unique constraint of SQLite takes for one and the server does not, and rows that refer to none. */
export async function badKeys(
  client: ClientBase,
  moved: Moved,
  into: Into,
  { all = [], signal }: Search,
): Promise<Bad[]> {
  const found: Bad[] = []
  for (const unique of into.schema.dialect === 'sqlite' ? uniquenesses(into.table) : []) {
    signal?.throwIfAborted()
    const bad = await duplicates(client, moved, into, unique)
    if (bad !== undefined) found.push(bad)
  }
  for (const foreignKey of into.table.foreignKeys) {
    signal?.throwIfAborted()
    const bad = await orphans(client, moved, foreignKey, all)
    if (bad !== undefined) found.push(bad)
  }
  return found
}

/** A text as a collation of SQLite compares it: https://sqlite.org/datatype3.html#collating_sequences */
const COLLATIONS: Readonly<Record<string, (value: string) => string>> = {
  NOCASE: (value) =>
    `translate(${value}::text, 'ABCDEFGHIJKLMNOPQRSTUVWXYZ', 'abcdefghijklmnopqrstuvwxyz') COLLATE "C"`,
  RTRIM: (value) => `rtrim(${value}::text, ' ') COLLATE "C"`,
}

/** Where SQLite compares byte by byte, the server has kept equal values apart already. */
async function duplicates(
  client: ClientBase,
  moved: Moved,
  { table }: Into,
  { parts, where }: Uniqueness,
): Promise<Bad | undefined> {
  const columns = parts.map(({ column, collation }) => {
    const at = moved.columns.findIndex(({ to }) => to.name === column)
    const own = table.columns.find(({ name }) => name === column)?.collation
    return { at, fold: COLLATIONS[(collation ?? own ?? 'BINARY').toUpperCase()] }
  })
  const isKnown = where === undefined && columns.every(({ at }) => at !== -1)
  if (!isKnown || columns.every(({ fold }) => fold === undefined)) return undefined
  const values = columns.map(({ at, fold }, i) => `${fold?.(`c${at}`) ?? `c${at}`} AS p${i}`)
  const names = columns.map((_, i) => `p${i}`)
  const order = moved.key.length > 0 ? moved.key.map((_, i) => `k${i}`) : ['i']
  const whole = names.map((name) => `${name} IS NOT NULL`).join(' AND ')
  const from = `SELECT *, row_number() OVER (PARTITION BY ${names.join(', ')} ORDER BY ${order.join(', ')}) AS nth
    FROM (SELECT *, ${values.join(', ')} FROM (${inner(moved)}) AS rows) AS folded WHERE ${whole}`
  const shown = columns.map(({ at }) => `c${at}`)
  return badOf(
    client,
    moved,
    from,
    'nth > 1',
    shown,
    'is there in another row already, as the target compares it',
  )
}

async function orphans(
  client: ClientBase,
  moved: Moved,
  { columns, to, references }: ForeignKey,
  all: readonly Moved[],
): Promise<Bad | undefined> {
  const parent = all.find((other) => other.to.schema === to.schema && other.to.name === to.name)
  const at = (of: Moved, name: string) => of.columns.findIndex((column) => column.to.name === name)
  if (parent === undefined) return undefined
  const child = columns.map((name) => at(moved, name))
  const theirs = references.map((name) => at(parent, name))
  if (child.includes(-1) || theirs.includes(-1)) return undefined
  const names = child.map((i) => `found.c${i}`)
  const same = names.map((name, i) => `parent.c${theirs[i]} = ${name}`).join(' AND ')
  const condition = `${names.map((name) => `${name} IS NOT NULL`).join(' AND ')}
    AND NOT EXISTS (SELECT FROM (${inner(parent)}) AS parent WHERE ${same})`
  return badOf(client, moved, inner(moved), condition, names, `refers to no row of ${nameOf(parent.from)}`)
}

/** The columns whose values are shown are those that it is about. */
async function badOf(
  client: ClientBase,
  moved: Moved,
  from: string,
  condition: string,
  values: readonly string[],
  reason: string,
): Promise<Bad | undefined> {
  const { rows } = await client.query(`SELECT count(*) AS n FROM (${from}) AS found WHERE ${condition}`)
  const count = Number(rows[0]?.n)
  if (count === 0) return undefined
  const columns = values.map((value) => moved.columns[Number(/\d+$/.exec(value)?.[0])]?.from.name ?? '')
  const examples = await examplesOf(client, moved, from, condition, values)
  return { table: nameOf(moved.from), columns, reason, count, examples }
}
