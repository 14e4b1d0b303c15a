import type {
  Check,
  Column,
  Domain,
  Enum,
  Exclusion,
  ForeignKey,
  Index,
  IndexPart,
  Routine,
  Sequence,
  Table,
  Trigger,
  Unique,
  View,
} from '../../core/schema/model.ts'

/** Sends several statements in one message and gives the rows of each. */
export type QueryEach = (sql: string) => Promise<Record<string, unknown>[][]>

/** What PostgreSQL tells of a schema: flat rows, each with the OID of what it belongs to. */
export interface Catalog {
  readonly extensions: readonly string[]
  readonly enums: readonly (Enum & Numbered)[]
  readonly domains: readonly (Domain & Numbered)[]
  readonly sequences: readonly (Sequence & Numbered)[]
  readonly functions: readonly (Routine & Numbered)[]
  readonly relations: readonly RelationRow[]
  /** In their order. */
  readonly columns: readonly ColumnRow[]
  readonly keys: readonly KeyRow[]
  readonly foreignKeys: readonly ForeignKeyRow[]
  readonly checks: readonly (Check & Part)[]
  readonly exclusions: readonly (Exclusion & Part)[]
  readonly indexes: readonly IndexRow[]
  /** Of indexes, in their order. */
  readonly parts: readonly (IndexPart & Part)[]
  readonly triggers: readonly TriggerRow[]
  /** By the catalog, the OID and the column's number of what they are on, with spaces between. */
  readonly comments: Readonly<Record<string, string>>
}

interface Numbered {
  readonly oid: string
}

interface Part {
  /** The OID of the relation, or of the index, that it is a part of. */
  readonly of: string
}

/** A table or a view. */
export interface RelationRow
  extends Numbered,
    Pick<Table, 'schema' | 'name' | 'unlogged' | 'partitionBy' | 'partitionOf'>,
    Pick<View, 'materialized'> {
  /** A view's. */
  readonly query?: string
}

export interface ColumnRow extends Omit<Column, 'kind'>, Part {
  readonly number: number
  /** The name of the type at the bottom of all domains; of an enum and of an array only that. */
  readonly base: string
}

/** Columns by their numbers. */
export interface KeyRow extends Omit<Unique, 'columns' | 'include'>, Part {
  readonly primary: boolean
  readonly columns: readonly number[]
  readonly include?: readonly number[]
}

export interface ForeignKeyRow extends Omit<ForeignKey, 'columns' | 'onDeleteColumns'>, Part {
  readonly columns: readonly number[]
  readonly onDeleteColumns?: readonly number[]
}

export interface IndexRow extends Omit<Index, 'parts' | 'include'>, Numbered, Part {
  readonly include?: readonly number[]
}

export interface TriggerRow extends Omit<Trigger, 'of'>, Numbered {
  readonly relation: string
  readonly columns: readonly number[]
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
const list = (value: string, from: string, order = '') =>
  `coalesce((SELECT json_agg(${value}${order && ` ORDER BY ${order}`}) FROM ${from}), '[]')`

const object = (fields: Readonly<Record<string, string>>) =>
  `json_build_object(${Object.entries(fields)
    .map(([name, value]) => `'${name}', ${value}`)
    .join(', ')})`

/** Nothing where the condition does not hold: a null is no field in the end. */
const when = (condition: string, value: string) => `CASE WHEN ${condition} THEN ${value} END`

/** A column that not all of 13 to 18 have: without it, null. */
const newer = (row: string, column: string) => `(to_jsonb(${row}) ->> '${column}')`

/** What an extension has made is its own. */
const notOfExtension = (catalog: string, oid: string) =>
  `${oid} NOT IN (SELECT objid FROM extended WHERE classid = '${catalog}'::regclass)`

const DEFERRABLE = when('c.condeferrable', `CASE WHEN c.condeferred THEN 'deferred' ELSE 'immediate' END`)

/** A key over periods of time (18) is more than its columns: it stands among the exclusions, which it is. */
const PERIOD = `CASE c.contype WHEN 'f' THEN coalesce(${newer('c', 'conperiod')}, 'false') = 'true' ELSE c.conexclop IS NOT NULL END`

/** As an array it is looked up: the planner takes the relations for few, and would go through all of them for each row. */
const isOf = (relation: string, kinds = 'true') =>
  `${relation} = ANY (ARRAY(SELECT oid FROM relations WHERE ${kinds}))`

/** Those that no partitioned table's has made. */
const CONSTRAINTS = `pg_constraint AS c WHERE ${isOf('c.conrelid')} AND c.conparentid = 0`

const INCLUDE = when('i.indnatts > i.indnkeyatts', 'i.indkey[i.indnkeyatts:]')
const NULLS_NOT_DISTINCT = when(`i.indisunique AND ${newer('i', 'indnullsnotdistinct')} = 'true'`, 'true')

/** What a unique constraint's index knows more of it: nulls that are not distinct, columns that are carried along. */
const KEYS = list(
  object({
    of: 'c.conrelid',
    primary: `c.contype = 'p'`,
    name: 'c.conname',
    columns: 'c.conkey',
    include: INCLUDE,
    deferrable: DEFERRABLE,
    nullsNotDistinct: NULLS_NOT_DISTINCT,
  }),
  `(SELECT * FROM ${CONSTRAINTS}) AS c LEFT JOIN pg_index AS i ON i.indexrelid = c.conindid WHERE c.contype IN ('p', 'u') AND NOT ${PERIOD}`,
)

/** The name of a table. */
const relation = (oid: string, more: Readonly<Record<string, string>>) =>
  `(SELECT ${object({ schema: 'coalesce(s.schema, n.nspname)', name: 'r.relname', ...more })} FROM pg_class AS r
    JOIN pg_namespace AS n ON n.oid = r.relnamespace LEFT JOIN spaces AS s ON s.oid = n.oid WHERE r.oid = ${oid})`

const action = (column: string) =>
  `CASE ${column} WHEN 'r' THEN 'RESTRICT' WHEN 'c' THEN 'CASCADE' WHEN 'n' THEN 'SET NULL' WHEN 'd' THEN 'SET DEFAULT' ELSE 'NO ACTION' END`

/** The table that one refers to may be an extension's, whose columns are told nowhere else. */
const FOREIGN_KEYS = list(
  object({
    of: 'c.conrelid',
    name: 'c.conname',
    columns: 'c.conkey',
    to: relation('c.confrelid', {}),
    references: `(SELECT json_agg(a.attname ORDER BY k.n) FROM unnest(c.confkey) WITH ORDINALITY AS k(attnum, n)
      JOIN pg_attribute AS a ON a.attrelid = c.confrelid AND a.attnum = k.attnum)`,
    onDelete: action('c.confdeltype'),
    onDeleteColumns: `to_jsonb(c) -> 'confdelsetcols'`,
    onUpdate: action('c.confupdtype'),
    matchFull: when(`c.confmatchtype = 'f'`, 'true'),
    deferrable: DEFERRABLE,
    notValid: when('NOT c.convalidated', 'true'),
  }),
  `${CONSTRAINTS} AND c.contype = 'f' AND NOT ${PERIOD}`,
)

const CHECK = {
  name: 'c.conname',
  expression: 'pg_get_expr(c.conbin, c.conrelid)',
  notValid: when('NOT c.convalidated', 'true'),
}

/** The default operator classes and the type's own collations go without saying. */
const PARTS = list(
  object({
    of: 'i.indexrelid',
    column: 'a.attname',
    expression: when('k.attnum = 0', 'pg_get_indexdef(i.indexrelid, k.n::int, false)'),
    desc: when('i.indoption[k.n - 1] & 1 = 1', 'true'),
    nulls: `CASE i.indoption[k.n - 1] & 3 WHEN 1 THEN 'last' WHEN 2 THEN 'first' END`,
    collation: when(
      'p.attcollation <> coalesce(a.attcollation, y.typcollation)',
      'p.attcollation::regcollation::text',
    ),
    operators: when(
      'NOT o.opcdefault OR p.attoptions IS NOT NULL',
      `CASE WHEN pg_opclass_is_visible(o.oid) THEN '' ELSE quote_ident(n.nspname) || '.' END || quote_ident(o.opcname)
        || coalesce('(' || array_to_string(p.attoptions, ', ') || ')', '')`,
    ),
  }),
  `indexes AS i CROSS JOIN unnest(i.indkey) WITH ORDINALITY AS k(attnum, n)
   JOIN pg_attribute AS p ON p.attrelid = i.indexrelid AND p.attnum = k.n
   JOIN pg_type AS y ON y.oid = p.atttypid
   JOIN pg_opclass AS o ON o.oid = i.indclass[k.n - 1] JOIN pg_namespace AS n ON n.oid = o.opcnamespace
   LEFT JOIN pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = k.attnum AND k.attnum <> 0
   WHERE k.n <= i.indnkeyatts`,
  'k.n',
)

/** What a type is at its bottom; a domain's is known only there. */
const BASE = `CASE WHEN y.typtype = 'd' THEN NULL WHEN y.typcategory = 'A' THEN 'array' WHEN y.typtype = 'e' THEN 'enum' ELSE y.typname END`

/** A sequence counts as the column's part where it is as serial would have made it. */
const COLUMNS = list(
  object({
    of: 'a.attrelid',
    number: 'a.attnum',
    name: 'a.attname',
    type: 'format_type(a.atttypid, a.atttypmod)',
    base: `coalesce(b.base, ${BASE})`,
    nullable: 'NOT a.attnotnull',
    default: when(`a.attgenerated = '' AND q.oid IS NULL`, 'pg_get_expr(d.adbin, d.adrelid)'),
    identity: `CASE WHEN a.attidentity = 'a' THEN 'always' WHEN a.attidentity = 'd' THEN 'by default' WHEN q.oid IS NOT NULL THEN 'serial' END`,
    generated: when(
      `a.attgenerated <> ''`,
      object({ expression: 'pg_get_expr(d.adbin, d.adrelid)', stored: `a.attgenerated = 's'` }),
    ),
    collation: when(
      'a.attcollation <> 0 AND a.attcollation <> y.typcollation',
      'a.attcollation::regcollation::text',
    ),
  }),
  `pg_attribute AS a JOIN pg_type AS y ON y.oid = a.atttypid
   LEFT JOIN domains AS b ON b.oid = a.atttypid AND b.base IS NOT NULL
   LEFT JOIN pg_attrdef AS d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
   LEFT JOIN serials AS q ON q.attrelid = a.attrelid AND q.attnum = a.attnum
   WHERE ${isOf('a.attrelid', `relkind <> 'S'`)} AND a.attnum > 0 AND NOT a.attisdropped`,
  'a.attnum',
)

/** A trigger's bits: https://github.com/postgres/postgres/blob/master/src/include/catalog/pg_trigger.h */
const EVENTS = Object.entries({ INSERT: 4, UPDATE: 16, DELETE: 8, TRUNCATE: 32 })
  .map(([event, bit]) => when(`g.tgtype & ${bit} <> 0`, `'${event}'`))
  .join(', ')

/** The statement names the schema in any case, and it is the schema of new tables that it is to be loaded into. */
const FUNCTION = `CASE WHEN s.schema <> '' THEN pg_get_functiondef(p.oid) ELSE overlay(pg_get_functiondef(p.oid) PLACING ''
  FROM CASE p.prokind WHEN 'p' THEN 29 ELSE 28 END FOR length(quote_ident(s.nspname)) + 1) END`

/** From here on are the OIDs of what is not PostgreSQL's own. */
const FIRST_OID = 16_384

/** Every table is read once and joined as a whole: a subquery for each row would take as long to plan as to run. */
const CATALOG = `
WITH RECURSIVE extended AS MATERIALIZED (
  SELECT classid, objid FROM pg_depend WHERE refclassid = 'pg_extension'::regclass AND deptype = 'e'
), spaces AS (
  SELECT oid, nspname, CASE WHEN nspname = current_schema() THEN '' ELSE nspname END AS schema FROM pg_namespace
  WHERE nspname !~ '^pg_' AND nspname <> 'information_schema' AND ${notOfExtension('pg_namespace', 'oid')}
), domains AS (
  SELECT d.oid, ${BASE} AS base, y.typbasetype FROM pg_type AS d JOIN pg_type AS y ON y.oid = d.typbasetype WHERE d.typtype = 'd'
  UNION ALL
  SELECT d.oid, ${BASE}, y.typbasetype FROM domains AS d JOIN pg_type AS y ON y.oid = d.typbasetype WHERE d.base IS NULL
), relations AS (
  SELECT r.*, s.schema FROM pg_class AS r JOIN spaces AS s ON s.oid = r.relnamespace
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
), indexes AS (
  -- Those that no constraint and no partitioned index has made, and that can be used.
  SELECT i.*, x.relname, x.relam FROM pg_index AS i JOIN pg_class AS x ON x.oid = i.indexrelid
  WHERE ${isOf('i.indrelid')} AND (i.indisvalid OR x.relkind = 'I') AND NOT x.relispartition
    AND NOT EXISTS (SELECT FROM pg_constraint AS c WHERE c.conrelid = i.indrelid AND c.conindid = i.indexrelid AND c.contype IN ('p', 'u', 'x'))
)
SELECT json_strip_nulls(${object({
  extensions: list('extname', `pg_extension WHERE extname <> 'plpgsql'`),
  enums: list(
    object({
      oid: 'y.oid',
      schema: 's.schema',
      name: 'y.typname',
      values: list('e.enumlabel', 'pg_enum AS e WHERE e.enumtypid = y.oid', 'e.enumsortorder'),
    }),
    `pg_type AS y JOIN spaces AS s ON s.oid = y.typnamespace WHERE y.typtype = 'e' AND ${notOfExtension('pg_type', 'y.oid')}`,
  ),
  domains: list(
    object({
      oid: 'y.oid',
      schema: 's.schema',
      name: 'y.typname',
      type: 'format_type(y.typbasetype, y.typtypmod)',
      nullable: 'NOT y.typnotnull',
      default: 'pg_get_expr(y.typdefaultbin, 0)',
      checks: list(
        object(CHECK),
        `pg_constraint AS c WHERE c.contypid = y.oid AND c.conrelid = 0 AND c.contype = 'c'`,
      ),
    }),
    `pg_type AS y JOIN spaces AS s ON s.oid = y.typnamespace WHERE y.typtype = 'd' AND ${notOfExtension('pg_type', 'y.oid')}`,
  ),
  sequences: list(
    object({
      oid: 't.oid',
      schema: 't.schema',
      name: 't.relname',
      type: 'format_type(q.seqtypid, NULL)',
      start: 'q.seqstart::text',
      increment: 'q.seqincrement::text',
      min: 'q.seqmin::text',
      max: 'q.seqmax::text',
      cycle: 'q.seqcycle',
    }),
    `relations AS t JOIN pg_sequence AS q ON q.seqrelid = t.oid
     WHERE t.oid NOT IN (SELECT oid FROM serials) AND t.oid NOT IN (SELECT oid FROM owned WHERE deptype = 'i')`,
  ),
  functions: list(
    object({
      oid: 'p.oid',
      schema: 's.schema',
      name: 'p.proname',
      arguments: 'oidvectortypes(p.proargtypes)',
      sql: `rtrim(${FUNCTION}, E'\\n')`,
    }),
    `pg_proc AS p JOIN spaces AS s ON s.oid = p.pronamespace WHERE p.prokind <> 'a' AND ${notOfExtension('pg_proc', 'p.oid')}`,
  ),
  relations: list(
    object({
      oid: 't.oid',
      schema: 't.schema',
      name: 't.relname',
      query: when(`t.relkind IN ('v', 'm')`, `rtrim(btrim(pg_get_viewdef(t.oid), E' \\n'), ';')`),
      materialized: when(`t.relkind = 'm'`, 'true'),
      unlogged: when(`t.relpersistence = 'u'`, 'true'),
      partitionBy: when(`t.relkind = 'p'`, 'pg_get_partkeydef(t.oid)'),
      partitionOf: when(
        't.relispartition',
        relation('(SELECT h.inhparent FROM pg_inherits AS h WHERE h.inhrelid = t.oid)', {
          bound: 'pg_get_expr(t.relpartbound, t.oid)',
        }),
      ),
    }),
    `relations AS t WHERE t.relkind <> 'S'`,
  ),
  columns: COLUMNS,
  keys: KEYS,
  foreignKeys: FOREIGN_KEYS,
  checks: list(
    object({ of: 'c.conrelid', ...CHECK }),
    `${CONSTRAINTS} AND c.contype = 'c' AND (c.conislocal OR c.conrelid NOT IN (SELECT oid FROM relations WHERE relispartition))`,
  ),
  exclusions: list(
    object({ of: 'c.conrelid', name: 'c.conname', definition: 'pg_get_constraintdef(c.oid)' }),
    `${CONSTRAINTS} AND c.contype IN ('p', 'u', 'f', 'x') AND (c.contype = 'x' OR ${PERIOD})`,
  ),
  indexes: list(
    object({
      oid: 'i.indexrelid',
      of: 'i.indrelid',
      name: 'i.relname',
      unique: 'i.indisunique',
      method: `(SELECT m.amname FROM pg_am AS m WHERE m.oid = i.relam AND m.amname <> 'btree')`,
      where: 'pg_get_expr(i.indpred, i.indrelid)',
      include: INCLUDE,
      nullsNotDistinct: NULLS_NOT_DISTINCT,
    }),
    'indexes AS i',
  ),
  parts: PARTS,
  triggers: list(
    object({
      oid: 'g.oid',
      relation: 't.oid',
      schema: 't.schema',
      name: 'g.tgname',
      table: 't.relname',
      timing: `CASE WHEN g.tgtype & 64 <> 0 THEN 'INSTEAD OF' WHEN g.tgtype & 2 <> 0 THEN 'BEFORE' ELSE 'AFTER' END`,
      events: `array_remove(ARRAY[${EVENTS}], NULL)`,
      columns: 'g.tgattr::int2[]',
      sql: 'pg_get_triggerdef(g.oid, true)',
      enabled: `CASE g.tgenabled WHEN 'D' THEN 'disabled' WHEN 'R' THEN 'replica' WHEN 'A' THEN 'always' END`,
    }),
    `relations AS t JOIN pg_trigger AS g ON g.tgrelid = t.oid WHERE NOT g.tgisinternal AND g.tgparentid = 0
     AND ${notOfExtension('pg_trigger', 'g.oid')}`,
  ),
  comments: `coalesce((SELECT json_object_agg(classoid::regclass || ' ' || objoid || ' ' || objsubid, description)
    FROM pg_description WHERE objoid >= ${FIRST_OID}), '{}')`,
})})::text AS catalog`
