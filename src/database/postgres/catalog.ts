import type { Column, Schema, Table, View } from '../../core/schema/model.ts'

/** Sends several statements in one message and gives the rows of each. */
export type QueryEach = (sql: string) => Promise<Record<string, unknown>[][]>

/** What PostgreSQL tells of a schema: the model's own form, but for what a value of a column is. */
export interface Catalog extends Omit<Schema, 'dialect' | 'tables' | 'views'> {
  readonly tables: readonly (Omit<Table, 'columns'> & { readonly columns: readonly ColumnRow[] })[]
  readonly views: readonly (Omit<View, 'columns'> & { readonly columns: readonly ColumnRow[] })[]
}

export interface ColumnRow extends Omit<Column, 'kind'> {
  /** The name of the type at the bottom of all domains; of an enum and of an array only that. */
  readonly base: string
}

/**
 * What the texts that PostgreSQL writes depend on. With the schema of new tables as the only one, a name in it stands
 * alone and any other has its schema: a dump makes the same wherever it is loaded. The rest is what pg_dump sets.
 * JIT would take longer than the query.
 */
const SETTINGS: Readonly<Record<string, string>> = {
  search_path: `coalesce(quote_ident(current_schema()) || ', ', '') || 'pg_temp'`,
  timezone: `'UTC'`,
  datestyle: `'ISO, YMD'`,
  intervalstyle: `'postgres'`,
  extra_float_digits: `'1'`,
  bytea_output: `'hex'`,
  quote_all_identifiers: `'off'`,
  jit: `'off'`,
}

/** Where a setting's value is kept meanwhile. */
const kept = (name: string) => `'nexflow_migrate.${name}'`

const each = (expression: (name: string, value: string) => string) =>
  `SELECT ${Object.entries(SETTINGS)
    .map(([name, value]) => expression(name, value))
    .join(', ')}`

/**
 * Reads it in one message. Statements of one message are one transaction, if they are not in one already: what is set
 * for it does not stay in the session, and is put back for a transaction that goes on.
 */
export async function readCatalog(query: QueryEach): Promise<Catalog> {
  const results = await query(
    [
      each((name) => `set_config(${kept(name)}, current_setting('${name}'), true)`),
      each((name, value) => `set_config('${name}', ${value}, true)`),
      CATALOG,
      each((name) => `set_config('${name}', current_setting(${kept(name)}), true)`),
    ].join(';\n'),
  )
  // As text: an application may have set its own parser for JSON.
  return JSON.parse(String(results[2]?.[0]?.catalog)) as Catalog
}

/** An array of JSON, empty where there are no rows. */
const list = (value: string, order: string, from: string) =>
  `coalesce((SELECT json_agg(${value} ORDER BY ${order}) FROM ${from}), '[]')`

const object = (fields: Readonly<Record<string, string>>) =>
  `json_build_object(${Object.entries(fields)
    .map(([name, value]) => `'${name}', ${value}`)
    .join(', ')})`

/** Nothing where the condition does not hold: a null is no field in the end. */
const when = (condition: string, value: string) => `CASE WHEN ${condition} THEN ${value} END`

/** The names of a table's columns by their numbers, in the order of these. */
const names = (numbers: string, table: string) =>
  `(SELECT json_agg(a.attname ORDER BY k.n) FROM unnest(${numbers}) WITH ORDINALITY AS k(attnum, n)
    JOIN pg_attribute AS a ON a.attrelid = ${table} AND a.attnum = k.attnum)`

/** A column that not all of 13 to 18 have: without it, null. */
const newer = (row: string, column: string) => `(to_jsonb(${row}) ->> '${column}')`

const comment = (catalog: string, oid: string, column = '0') =>
  `(SELECT description FROM pg_description WHERE classoid = '${catalog}'::regclass AND objoid = ${oid} AND objsubid = ${column})`

/** What an extension has made is its own. */
const notOfExtension = (catalog: string, oid: string) =>
  `NOT EXISTS (SELECT FROM pg_depend WHERE classid = '${catalog}'::regclass AND objid = ${oid} AND deptype = 'e')`

const DEFERRABLE = when('c.condeferrable', `CASE WHEN c.condeferred THEN 'deferred' ELSE 'immediate' END`)

/** A key over periods of time (18) is more than its columns: it stands among the exclusions, which it is. */
const PERIOD = `CASE c.contype WHEN 'f' THEN coalesce(${newer('c', 'conperiod')}, 'false') = 'true' ELSE c.conexclop IS NOT NULL END`

const constraints = (type: string, value: string, more = 'true') =>
  list(
    value,
    'c.conname',
    `pg_constraint AS c WHERE c.conrelid = t.oid AND ${type} AND (c.conparentid = 0) AND ${more}`,
  )

/** What a unique constraint's index knows more of it: nulls that are not distinct, columns that are carried along. */
const KEY = object({
  name: 'c.conname',
  columns: names('c.conkey', 't.oid'),
  include: `(SELECT ${names('i.indkey[i.indnkeyatts:]', 't.oid')} FROM pg_index AS i WHERE i.indexrelid = c.conindid AND i.indnatts > i.indnkeyatts)`,
  deferrable: DEFERRABLE,
  nullsNotDistinct: `(SELECT true FROM pg_index AS i WHERE i.indexrelid = c.conindid AND ${newer('i', 'indnullsnotdistinct')} = 'true')`,
})

/** The name of a table. */
const relation = (oid: string, more: Readonly<Record<string, string>>) =>
  `(SELECT ${object({ schema: 'coalesce(s.schema, n.nspname)', name: 'r.relname', ...more })} FROM pg_class AS r
    JOIN pg_namespace AS n ON n.oid = r.relnamespace LEFT JOIN spaces AS s ON s.oid = n.oid WHERE r.oid = ${oid})`

const action = (column: string) =>
  `CASE ${column} WHEN 'r' THEN 'RESTRICT' WHEN 'c' THEN 'CASCADE' WHEN 'n' THEN 'SET NULL' WHEN 'd' THEN 'SET DEFAULT' ELSE 'NO ACTION' END`

const FOREIGN_KEY = object({
  name: 'c.conname',
  columns: names('c.conkey', 'c.conrelid'),
  to: relation('c.confrelid', {}),
  references: names('c.confkey', 'c.confrelid'),
  onDelete: action('c.confdeltype'),
  onDeleteColumns: `(SELECT ${names(
    `(SELECT array_agg(e::int2) FROM jsonb_array_elements_text(to_jsonb(c) -> 'confdelsetcols') AS e)`,
    'c.conrelid',
  )} WHERE jsonb_typeof(to_jsonb(c) -> 'confdelsetcols') = 'array')`,
  onUpdate: action('c.confupdtype'),
  matchFull: when(`c.confmatchtype = 'f'`, 'true'),
  deferrable: DEFERRABLE,
  notValid: when('NOT c.convalidated', 'true'),
})

const CHECK = object({
  name: 'c.conname',
  expression: 'pg_get_expr(c.conbin, c.conrelid)',
  notValid: when('NOT c.convalidated', 'true'),
})

/** The default operator classes and the type's own collations go without saying. */
const INDEX_PART = object({
  column: 'a.attname',
  expression: when('k.attnum = 0', 'pg_get_indexdef(i.indexrelid, k.n::int, false)'),
  desc: when('i.indoption[k.n - 1] & 1 = 1', 'true'),
  nulls: `CASE i.indoption[k.n - 1] & 3 WHEN 1 THEN 'last' WHEN 2 THEN 'first' END`,
  collation: `(SELECT p.attcollation::regcollation::text FROM pg_type AS y
    WHERE y.oid = p.atttypid AND p.attcollation <> coalesce(a.attcollation, y.typcollation))`,
  operators: `(SELECT CASE WHEN pg_opclass_is_visible(o.oid) THEN '' ELSE quote_ident(n.nspname) || '.' END || quote_ident(o.opcname)
      || coalesce('(' || array_to_string(p.attoptions, ', ') || ')', '')
    FROM pg_opclass AS o JOIN pg_namespace AS n ON n.oid = o.opcnamespace
    WHERE o.oid = i.indclass[k.n - 1] AND (NOT o.opcdefault OR p.attoptions IS NOT NULL))`,
})

/** Those that no constraint and no partitioned index has made, and that can be used. */
const INDEXES = list(
  object({
    name: 'x.relname',
    unique: 'i.indisunique',
    parts: list(
      INDEX_PART,
      'k.n',
      `unnest(i.indkey) WITH ORDINALITY AS k(attnum, n) JOIN pg_attribute AS p ON p.attrelid = i.indexrelid AND p.attnum = k.n
       LEFT JOIN pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = k.attnum AND k.attnum <> 0 WHERE k.n <= i.indnkeyatts`,
    ),
    method: `(SELECT m.amname FROM pg_am AS m WHERE m.oid = x.relam AND m.amname <> 'btree')`,
    where: 'pg_get_expr(i.indpred, i.indrelid)',
    include: when('i.indnatts > i.indnkeyatts', names('i.indkey[i.indnkeyatts:]', 'i.indrelid')),
    nullsNotDistinct: when(`i.indisunique AND ${newer('i', 'indnullsnotdistinct')} = 'true'`, 'true'),
    comment: comment('pg_class', 'x.oid'),
  }),
  'x.relname',
  `pg_index AS i JOIN pg_class AS x ON x.oid = i.indexrelid
   WHERE i.indrelid = t.oid AND (i.indisvalid OR x.relkind = 'I') AND NOT x.relispartition
     AND NOT EXISTS (SELECT FROM pg_constraint AS c WHERE c.conrelid = t.oid AND c.conindid = x.oid AND c.contype IN ('p', 'u', 'x'))`,
)

/** What a type is at its bottom; a domain's is known only there. */
const BASE = `CASE WHEN y.typtype = 'd' THEN NULL WHEN y.typcategory = 'A' THEN 'array' WHEN y.typtype = 'e' THEN 'enum' ELSE y.typname END`

/** A sequence counts as the column's part where it is as serial would have made it. */
const SERIAL = `(a.attrelid, a.attnum::int) IN (SELECT attrelid, attnum FROM serials)`

const COLUMN = object({
  name: 'a.attname',
  type: 'format_type(a.atttypid, a.atttypmod)',
  base: `coalesce(b.base, ${BASE})`,
  nullable: 'NOT a.attnotnull',
  default: when(`a.attgenerated = '' AND NOT ${SERIAL}`, 'pg_get_expr(d.adbin, d.adrelid)'),
  identity: `CASE WHEN a.attidentity = 'a' THEN 'always' WHEN a.attidentity = 'd' THEN 'by default' WHEN ${SERIAL} THEN 'serial' END`,
  generated: when(
    `a.attgenerated <> ''`,
    object({ expression: 'pg_get_expr(d.adbin, d.adrelid)', stored: `a.attgenerated = 's'` }),
  ),
  collation: when(
    'a.attcollation <> 0 AND a.attcollation <> y.typcollation',
    'a.attcollation::regcollation::text',
  ),
  comment: comment('pg_class', 't.oid', 'a.attnum'),
})

const COLUMNS = list(
  COLUMN,
  'a.attnum',
  `pg_attribute AS a JOIN pg_type AS y ON y.oid = a.atttypid
   LEFT JOIN domains AS b ON b.oid = a.atttypid AND b.base IS NOT NULL
   LEFT JOIN pg_attrdef AS d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
   WHERE a.attrelid = t.oid AND a.attnum > 0 AND NOT a.attisdropped`,
)

/** A trigger's bits: https://github.com/postgres/postgres/blob/master/src/include/catalog/pg_trigger.h */
const EVENTS = Object.entries({ INSERT: 4, UPDATE: 16, DELETE: 8, TRUNCATE: 32 })
  .map(([event, bit]) => when(`g.tgtype & ${bit} <> 0`, `'${event}'`))
  .join(', ')

/** The statement names the schema in any case, and it is the schema of new tables that it is to be loaded into. */
const FUNCTION = `CASE WHEN s.schema <> '' THEN pg_get_functiondef(p.oid) ELSE overlay(pg_get_functiondef(p.oid) PLACING ''
  FROM CASE p.prokind WHEN 'p' THEN 29 ELSE 28 END FOR length(quote_ident(s.nspname)) + 1) END`

const CATALOG = `
WITH RECURSIVE spaces AS (
  SELECT oid, nspname, CASE WHEN nspname = current_schema() THEN '' ELSE nspname END AS schema FROM pg_namespace
  WHERE nspname !~ '^pg_' AND nspname <> 'information_schema' AND ${notOfExtension('pg_namespace', 'pg_namespace.oid')}
), domains AS (
  SELECT d.oid, ${BASE} AS base, y.typbasetype FROM pg_type AS d JOIN pg_type AS y ON y.oid = d.typbasetype WHERE d.typtype = 'd'
  UNION ALL
  SELECT d.oid, ${BASE}, y.typbasetype FROM domains AS d JOIN pg_type AS y ON y.oid = d.typbasetype WHERE d.base IS NULL
), relations AS (
  SELECT r.*, s.schema, s.nspname FROM pg_class AS r JOIN spaces AS s ON s.oid = r.relnamespace
  WHERE r.relkind IN ('r', 'p', 'v', 'm', 'S') AND r.relpersistence <> 't' AND ${notOfExtension('pg_class', 'r.oid')}
), owned AS (
  SELECT objid AS oid, refobjid AS attrelid, refobjsubid AS attnum, deptype FROM pg_depend
  WHERE classid = 'pg_class'::regclass AND refclassid = 'pg_class'::regclass AND refobjsubid > 0 AND deptype IN ('a', 'i')
    AND objid IN (SELECT oid FROM relations WHERE relkind = 'S')
), serials AS (
  SELECT o.oid, o.attrelid, o.attnum FROM owned AS o
  JOIN pg_attribute AS a ON a.attrelid = o.attrelid AND a.attnum = o.attnum AND a.attnotnull AND a.atttypid IN ('int2'::regtype, 'int4'::regtype, 'int8'::regtype)
  JOIN pg_attrdef AS d ON d.adrelid = o.attrelid AND d.adnum = o.attnum
  WHERE o.deptype = 'a' AND pg_get_expr(d.adbin, d.adrelid) = format('nextval(%L::regclass)', o.oid::regclass::text)
)
SELECT json_strip_nulls(${object({
  extensions: list('extname', 'extname', `pg_extension WHERE extname <> 'plpgsql'`),
  enums: list(
    object({
      schema: 's.schema',
      name: 'y.typname',
      values: list('e.enumlabel', 'e.enumsortorder', 'pg_enum AS e WHERE e.enumtypid = y.oid'),
      comment: comment('pg_type', 'y.oid'),
    }),
    'y.typname',
    `pg_type AS y JOIN spaces AS s ON s.oid = y.typnamespace WHERE y.typtype = 'e' AND ${notOfExtension('pg_type', 'y.oid')}`,
  ),
  domains: list(
    object({
      schema: 's.schema',
      name: 'y.typname',
      type: 'format_type(y.typbasetype, y.typtypmod)',
      nullable: 'NOT y.typnotnull',
      default: 'pg_get_expr(y.typdefaultbin, 0)',
      checks: list(
        CHECK,
        'c.conname',
        `pg_constraint AS c WHERE c.contypid = y.oid AND c.conrelid = 0 AND c.contype = 'c'`,
      ),
      comment: comment('pg_type', 'y.oid'),
    }),
    'y.typname',
    `pg_type AS y JOIN spaces AS s ON s.oid = y.typnamespace WHERE y.typtype = 'd' AND ${notOfExtension('pg_type', 'y.oid')}`,
  ),
  sequences: list(
    object({
      schema: 't.schema',
      name: 't.relname',
      type: 'format_type(q.seqtypid, NULL)',
      start: 'q.seqstart::text',
      increment: 'q.seqincrement::text',
      min: 'q.seqmin::text',
      max: 'q.seqmax::text',
      cycle: 'q.seqcycle',
      comment: comment('pg_class', 't.oid'),
    }),
    't.relname',
    `relations AS t JOIN pg_sequence AS q ON q.seqrelid = t.oid
     WHERE t.oid NOT IN (SELECT oid FROM serials) AND t.oid NOT IN (SELECT oid FROM owned WHERE deptype = 'i')`,
  ),
  functions: list(
    object({
      schema: 's.schema',
      name: 'p.proname',
      arguments: 'oidvectortypes(p.proargtypes)',
      sql: `rtrim(${FUNCTION}, E'\\n')`,
      comment: comment('pg_proc', 'p.oid'),
    }),
    'p.proname',
    `pg_proc AS p JOIN spaces AS s ON s.oid = p.pronamespace WHERE p.prokind <> 'a' AND ${notOfExtension('pg_proc', 'p.oid')}`,
  ),
  tables: list(
    object({
      schema: 't.schema',
      name: 't.relname',
      columns: COLUMNS,
      primaryKey: `${constraints(`c.contype = 'p'`, KEY, `NOT ${PERIOD}`)} -> 0`,
      uniques: constraints(`c.contype = 'u'`, KEY, `NOT ${PERIOD}`),
      foreignKeys: constraints(`c.contype = 'f'`, FOREIGN_KEY, `NOT ${PERIOD}`),
      checks: constraints(`c.contype = 'c'`, CHECK, `(c.conislocal OR NOT t.relispartition)`),
      exclusions: constraints(
        `c.contype IN ('p', 'u', 'f', 'x')`,
        object({ name: 'c.conname', definition: 'pg_get_constraintdef(c.oid)' }),
        `(c.contype = 'x' OR ${PERIOD})`,
      ),
      indexes: INDEXES,
      unlogged: when(`t.relpersistence = 'u'`, 'true'),
      partitionBy: 'pg_get_partkeydef(t.oid)',
      partitionOf: when(
        't.relispartition',
        relation('(SELECT h.inhparent FROM pg_inherits AS h WHERE h.inhrelid = t.oid)', {
          bound: 'pg_get_expr(t.relpartbound, t.oid)',
        }),
      ),
      comment: comment('pg_class', 't.oid'),
    }),
    't.relname',
    `relations AS t WHERE t.relkind IN ('r', 'p')`,
  ),
  views: list(
    object({
      schema: 't.schema',
      name: 't.relname',
      columns: COLUMNS,
      query: `rtrim(btrim(pg_get_viewdef(t.oid), E' \\n'), ';')`,
      materialized: when(`t.relkind = 'm'`, 'true'),
      indexes: INDEXES,
      comment: comment('pg_class', 't.oid'),
    }),
    't.relname',
    `relations AS t WHERE t.relkind IN ('v', 'm')`,
  ),
  triggers: list(
    object({
      schema: 't.schema',
      name: 'g.tgname',
      table: 't.relname',
      timing: `CASE WHEN g.tgtype & 64 <> 0 THEN 'INSTEAD OF' WHEN g.tgtype & 2 <> 0 THEN 'BEFORE' ELSE 'AFTER' END`,
      events: `array_remove(ARRAY[${EVENTS}], NULL)`,
      of: names('g.tgattr', 't.oid'),
      sql: 'pg_get_triggerdef(g.oid, true)',
      enabled: `CASE g.tgenabled WHEN 'D' THEN 'disabled' WHEN 'R' THEN 'replica' WHEN 'A' THEN 'always' END`,
      comment: comment('pg_trigger', 'g.oid'),
    }),
    'g.tgname',
    `relations AS t JOIN pg_trigger AS g ON g.tgrelid = t.oid WHERE NOT g.tgisinternal AND g.tgparentid = 0
     AND ${notOfExtension('pg_trigger', 'g.oid')}`,
  ),
})})::text AS catalog`
