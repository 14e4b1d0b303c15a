import { isDeepStrictEqual } from 'node:util'
import type { Node, RangeVar, ResTarget } from 'libpg-query'
import pg from 'pg'
import { MigrateError } from '../../core/errors.ts'
import type { Script } from '../../core/script.ts'
import { type Spot, sqlError } from '../../core/sql-error.ts'
import {
  type Batched,
  badClause,
  changesKey,
  type Found,
  nextOf,
  nextSql,
  notInBatches,
  otherStatement,
  rangeOf,
  readsItself,
  refuseOrder,
  within,
} from '../batch.ts'
import type { Query } from './lock.ts'
import { isSession } from './outside.ts'
import { cut, grammar, type Tree } from './script.ts'

/** The most milliseconds for which a batch is to keep its rows from others. */
const TARGET = 100

/** An UPDATE or a DELETE, as libpg-query has it. */
interface Write {
  readonly relation: RangeVar
  readonly targetList?: readonly { ResTarget: ResTarget }[]
  readonly whereClause?: Node
  readonly withClause?: object
  readonly returningClause?: object
}

interface Statement extends Spot {
  readonly write: Write
}

/** What each transaction may be given anew: the script's own word on it is the last. */
const LIMITS: readonly unknown[] = ['lock_timeout', 'statement_timeout']

/** What there is in a script that is run in batches. */
interface Read {
  readonly session: readonly Spot[]
  /** Of them what each batch sets again, as SQL. */
  readonly limits: string
  readonly statements: readonly Statement[]
}

/**
 * The statements of a script, by the grammar alone.
 *
 * @throws DIRECTIVE, SQL (syntax), TRANSACTION_STATEMENT
 */
export async function readBatches(script: Script): Promise<Read> {
  const read = (await cut(script)).map(({ start, end, tree }) => {
    const session = isSession(tree)
    const write = (tree.UpdateStmt ?? tree.DeleteStmt) as Write | undefined
    if (!session && write === undefined) throw otherStatement(script, { start, end })
    const setting = tree.VariableSetStmt as { name?: string } | undefined
    return { start, end, session, write, isLimit: LIMITS.includes(setting?.name) }
  })
  refuseOrder(script, read)
  const statements = read.flatMap(({ start, end, write }) =>
    write === undefined ? [] : [{ start, end, write }],
  )
  for (const { write, ...spot } of statements) refuseClauses(script, spot, write)
  const limits = read.filter(({ isLimit }) => isLimit).map(({ start, end }) => script.text.slice(start, end))
  return {
    session: read.filter(({ session }) => session),
    limits: limits.map((limit) => `${limit}\n;`).join(''),
    statements,
  }
}

function refuseClauses(
  script: Script,
  spot: Spot,
  { withClause, returningClause, whereClause }: Write,
): void {
  if (withClause !== undefined) throw badClause(script, spot, 'WITH')
  if (returningClause !== undefined) throw badClause(script, spot, 'RETURNING')
  if (whereClause !== undefined && 'CurrentOfExpr' in whereClause) throw badClause(script, spot, 'CURRENT OF')
}

/**
 * How each of them goes along a key of its table, by the catalog.
 *
 * @throws DIRECTIVE, SQL
 */
export async function planBatches(
  query: Query,
  script: Script,
  { statements, limits }: Read,
): Promise<Batched[]> {
  const planned: Batched[] = []
  for (const statement of statements)
    planned.push(batched(query, script, limits, await find(query, script, statement)))
  return planned
}

function batched(query: Query, script: Script, limits: string, found: Found): Batched {
  const { start, end, key, table } = found
  return {
    start,
    end,
    by: key.map(({ name }) => name),
    target: TARGET,
    remaining: async (after) => {
      const behind =
        after === undefined ? '' : `WHERE ${rangeOf({ key, called: 'walked' }, after, undefined)}`
      const [plan] = await explain(query, `SELECT FROM ${table} AS walked ${behind}`)
      return { rows: Number(plan?.['Plan Rows']), exact: false }
    },
    next: async (after, rows) => nextOf(found, await query(nextSql(found, after, rows))),
    part: (after, last) => ({
      file: script.file,
      text: `${limits}${within(found, rangeOf(found, after, last))}`,
      before: script.text.slice(0, start),
      // The grammar has read it: it is one UPDATE or DELETE.
      own: true,
    }),
  }
}

/** A node of a plan: https://www.postgresql.org/docs/current/sql-explain.html */
interface Plan {
  readonly 'Node Type': string
  readonly 'Plan Rows': number
  readonly Schema?: string
  readonly 'Relation Name'?: string
  readonly Plans?: readonly Plan[]
}

/** The plans of a statement: of one with rules there are several. */
async function explain(query: Query, sql: string): Promise<Plan[]> {
  const [row] = await query(`EXPLAIN (VERBOSE, FORMAT JSON) ${sql}`)
  const plans = row?.['QUERY PLAN'] as { Plan: Plan }[]
  return plans.map(({ Plan: plan }) => plan)
}

async function find(query: Query, script: Script, { start, end, write }: Statement): Promise<Found> {
  const spot = { start, end }
  const text = script.text.slice(start, end)
  const plans = await explain(query, text).catch((error: unknown) => {
    throw refused(script, spot, error)
  })
  const { relation } = write
  const path = [relation.schemaname, relation.relname].filter((name) => name !== undefined)
  const called = pg.escapeIdentifier(relation.alias?.aliasname ?? relation.relname ?? '')
  const literal = pg.escapeLiteral(path.map((name) => pg.escapeIdentifier(name)).join('.'))
  const [table] = await query(`
    SELECT c.oid::int8 AS oid, relkind AS kind, quote_ident(nspname) || '.' || quote_ident(relname) AS name,
      EXISTS (SELECT FROM pg_inherits WHERE inhparent = c.oid) AS parent
    FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = relnamespace WHERE c.oid = to_regclass(${literal})`)
  const name = relation.relname ?? ''
  const only = relation.inh !== true
  if (table?.kind !== 'r' && table?.kind !== 'p') {
    throw notInBatches(
      script,
      spot,
      `${name} is no table with a key of its own`,
      'write to the table behind it, or leave out the directive',
    )
  }
  if (table.kind === 'r' && table.parent === true && !only) {
    throw notInBatches(
      script,
      spot,
      `${name} has tables that inherit from it, and no key over all of them`,
      'write ONLY before its name, and a statement for each of the others',
    )
  }
  if (plans.length > 1 || (await readsTwice(query, plans, Number(table.oid))))
    throw readsItself(script, spot, name)
  const set = (write.targetList ?? []).map(({ ResTarget: target }) => target.name ?? '')
  const key = await keyOf(query, script, spot, { oid: Number(table.oid), name }, set)
  const found = {
    ...spot,
    text,
    where: await whereOf(text),
    table: `${only ? 'ONLY ' : ''}${table.name}`,
    called,
    key,
  }
  const range = rangeOf(
    found,
    key.map(({ literal }) => literal('NULL')),
    undefined,
  )
  if (await isSame(text, within(found, key.length > 0 ? range : ''))) return found
  throw notInBatches(script, spot, 'this statement cannot be cut into batches', 'leave out the directive')
}

/** The server will not run the statement: it says so where the error is. */
function refused(script: Script, spot: Spot, error: unknown): unknown {
  if (!(error instanceof MigrateError) || error.code !== 'DATABASE') return error
  const { message, position, hint } = error.cause as pg.DatabaseError
  const prefix = 'EXPLAIN (VERBOSE, FORMAT JSON) '.length
  const text = [...script.text.slice(spot.start, spot.end)]
  const at =
    position === undefined
      ? spot.start
      : spot.start + text.slice(0, Number(position) - 1 - prefix).join('').length
  return sqlError(script, { ...spot, at }, 'postgres', message, { hint, cause: error })
}

/** Whether a statement reads the table that it writes in a subquery, a view or FROM, too: the plan shows it. */
async function readsTwice(query: Query, plans: readonly Plan[], oid: number): Promise<boolean> {
  const family = await query(`
    WITH RECURSIVE family(oid) AS (SELECT ${oid}::oid UNION SELECT inhrelid FROM pg_inherits JOIN family ON inhparent = family.oid)
    SELECT nspname AS schema, relname AS name
    FROM family JOIN pg_class AS c ON c.oid = family.oid JOIN pg_namespace AS n ON n.oid = relnamespace`)
  const read = plans.flatMap(scans)
  return family.some(({ schema, name }) => {
    const same = read.filter((plan) => plan.Schema === schema && plan['Relation Name'] === name)
    return same.length > 1
  })
}

function scans(plan: Plan): Plan[] {
  const own = plan['Node Type'] !== 'ModifyTable' && plan['Relation Name'] !== undefined ? [plan] : []
  return [...own, ...(plan.Plans ?? []).flatMap(scans)]
}

/** The primary key, or else a unique index of columns that are never NULL; not one that the statement changes. */
async function keyOf(
  query: Query,
  script: Script,
  spot: Spot,
  { oid, name }: { oid: number; name: string },
  set: readonly string[],
): Promise<Found['key']> {
  const keys = await query(`
    SELECT array_agg(attname::text ORDER BY n) AS names, array_agg(format_type(atttypid, atttypmod) ORDER BY n) AS types
    FROM pg_index AS i JOIN pg_class AS c ON c.oid = indexrelid JOIN pg_am ON pg_am.oid = relam
      CROSS JOIN LATERAL unnest(indkey::int2[]) WITH ORDINALITY AS k(number, n)
      JOIN pg_attribute ON attrelid = indrelid AND attnum = number
    WHERE indrelid = ${oid} AND n <= indnkeyatts AND indisunique AND indisvalid AND amname = 'btree'
      AND indpred IS NULL AND indexprs IS NULL
    GROUP BY i.indexrelid, indisprimary HAVING bool_and(attnotnull AND attgenerated = '')
    ORDER BY indisprimary DESC, count(*), i.indexrelid`)
  const found = keys as unknown as { names: string[]; types: string[] }[]
  const key = found.find(({ names }) => !names.some((column) => set.includes(column)))
  if (key !== undefined) {
    return key.names.map((column, i) => ({
      name: column,
      sql: pg.escapeIdentifier(column),
      literal: (expression) =>
        `quote_literal((${expression})::text) || ${pg.escapeLiteral(`::${key.types[i]}`)}`,
    }))
  }
  const [first] = found
  if (first !== undefined)
    throw changesKey(
      script,
      spot,
      name,
      first.names.filter((column) => set.includes(column)),
    )
  throw notInBatches(
    script,
    spot,
    `${name} has no primary key and no unique index of columns that are NOT NULL`,
    'make one before (CREATE UNIQUE INDEX CONCURRENTLY …), or leave out the directive',
  )
}

/** Where the WHERE of a statement ends that stands in no parentheses, by the server's own lexer. */
async function whereOf(text: string): Promise<number | undefined> {
  const { scanSync } = await grammar()
  let depth = 0
  for (const { text: token, end } of scanSync(text).tokens) {
    if (token === '(' || token === '[') depth++
    if (token === ')' || token === ']') depth--
    // It counts bytes.
    if (depth === 0 && token.toUpperCase() === 'WHERE')
      return Buffer.from(text).toString('utf8', 0, end).length
  }
  return undefined
}

/** Whether the grammar reads the one text as the other with another condition beside its own. */
async function isSame(text: string, ranged: string): Promise<boolean> {
  const { parseSync } = await grammar()
  const read = (sql: string) =>
    (parseSync(sql).stmts ?? []).map(({ stmt }) => withoutPlaces((stmt ?? {}) as Tree))
  const [before, after] = [read(text), read(ranged)]
  const [one, other] = [Object.values(before[0] ?? {})[0], Object.values(after[0] ?? {})[0]] as [Write, Write]
  const { whereClause: was, ...rest } = one
  const { whereClause: now, ...same } = other
  return (
    after.length === 1 &&
    isDeepStrictEqual(rest, same) &&
    isDeepStrictEqual(conditions(was), conditions(now).slice(0, -1))
  )
}

/** What a condition joins by AND. The grammar puts what stands side by side into one list. */
function conditions(condition: Node | undefined): readonly unknown[] {
  if (condition === undefined) return []
  if (!('BoolExpr' in condition) || condition.BoolExpr.boolop !== 'AND_EXPR') return [condition]
  return condition.BoolExpr.args ?? []
}

/** A syntax tree without the places in the text. */
function withoutPlaces(tree: Tree): Tree {
  return JSON.parse(
    JSON.stringify(tree, (name, value) =>
      /^(location|rexpr_list_(start|end))$/.test(name) ? undefined : value,
    ),
  )
}
