import pg from 'pg'
import type { Named } from '../../core/schema/model.ts'
import type { Aside } from '../end.ts'
import { quoteTable } from './receive.ts'

/** Megabytes that the server may take to sort what an index is made of, where it would take less. */
const SORT = 256
const SORTING = `SELECT set_config('maintenance_work_mem', greatest(pg_size_bytes(current_setting('maintenance_work_mem')) / 1024, ${SORT * 1024}) || 'kB', true);\n`

type Query = <T>(sql: string) => Promise<T[]>

interface Found {
  readonly kind: Aside['kind']
  readonly schema: string
  readonly table: string
  readonly name: string
  readonly drop: string
  readonly build: string
}

/**
 * What of the tables is set aside while they are filled: foreign keys, also those of others that refer to them, as
 * TRUNCATE refuses such tables; triggers, which are only disabled; of large tables indexes and what stands on them. An
 * index that something else needs, such as a view that groups by a primary key, stays.
 */
export async function setAside(
  query: Query,
  tables: readonly Named[],
  large: (table: Named) => boolean,
): Promise<Aside[]> {
  const names = tables.map((table) => `${pg.escapeLiteral(quoteTable(table))}::regclass`)
  if (names.length === 0) return []
  const found = await query<Found>(foundSql(names.join(', ')))
  const set = found.map(({ schema, table, ...aside }) => ({
    ...aside,
    build: aside.kind === 'index' ? `${SORTING}${aside.build}` : aside.build,
    table: { schema, name: table },
  }))
  return set.filter(({ kind, table }) => kind !== 'index' || large(table))
}

/** In the order in which they are taken away, which is that in which they are built again but for the keys. */
function foundSql(tables: string): string {
  const table = (oid: string) => `${oid}::regclass::text`
  const of = `(CASE n.nspname WHEN current_schema() THEN '' ELSE n.nspname END) AS schema, c.relname AS "table"`
  const comment = (oid: string, catalog: string, what: string) =>
    `coalesce((SELECT format(E';\\nCOMMENT ON %s IS %L', ${what}, description) FROM pg_description
       WHERE objoid = ${oid} AND classoid = '${catalog}'::regclass AND objsubid = 0), '')`
  const constraint = `format('CONSTRAINT %I ON %s', k.conname, ${table('k.conrelid')})`
  const add = `format('ALTER TABLE %s ADD CONSTRAINT %I %s', ${table('k.conrelid')}, k.conname, pg_get_constraintdef(k.oid))`
  const dropConstraint = `format('ALTER TABLE %s DROP CONSTRAINT %I', ${table('k.conrelid')}, k.conname)`
  // A partitioned table's index is those of its parts, and a part's key may be that of the whole.
  const plain = `c.relkind = 'r' AND NOT c.relispartition`
  const needed = `EXISTS (SELECT FROM pg_depend d WHERE d.refclassid = 'pg_constraint'::regclass AND d.refobjid = k.oid
      AND d.deptype = 'n' AND NOT (d.classid = 'pg_constraint'::regclass))`
  return `SELECT * FROM (
    SELECT 1 AS place, 'foreign key' AS kind, ${of}, k.conname AS name, ${dropConstraint} AS drop,
      ${add} || ${comment('k.oid', 'pg_constraint', constraint)} AS build
    FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE k.contype = 'f' AND k.conparentid = 0 AND (k.conrelid IN (${tables}) OR k.confrelid IN (${tables}))
  UNION ALL
    SELECT 2, 'trigger', ${of}, t.tgname, format('ALTER TABLE %s DISABLE TRIGGER %I', ${table('c.oid')}, t.tgname),
      format('ALTER TABLE %s ENABLE %sTRIGGER %I', ${table('c.oid')},
        CASE t.tgenabled WHEN 'R' THEN 'REPLICA ' WHEN 'A' THEN 'ALWAYS ' ELSE '' END, t.tgname)
    FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE NOT t.tgisinternal AND t.tgenabled <> 'D' AND t.tgparentid = 0 AND c.oid IN (${tables})
  UNION ALL
    SELECT 3, 'index', ${of}, k.conname, ${dropConstraint},
      ${add} || ${comment('k.oid', 'pg_constraint', constraint)}
        || CASE WHEN i.indisreplident THEN format(E';\\nALTER TABLE %s REPLICA IDENTITY USING INDEX %I', ${table('c.oid')}, k.conname) ELSE '' END
    FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid JOIN pg_namespace n ON n.oid = c.relnamespace
    JOIN pg_index i ON i.indexrelid = k.conindid
    WHERE k.contype IN ('p', 'u', 'x') AND c.oid IN (${tables}) AND ${plain} AND NOT i.indisclustered AND NOT ${needed}
  UNION ALL
    SELECT 4, 'index', ${of}, x.relname, format('DROP INDEX %s', ${table('x.oid')}),
      pg_get_indexdef(x.oid) || ${comment('x.oid', 'pg_class', `format('INDEX %s', ${table('x.oid')})`)}
        || CASE WHEN i.indisreplident THEN format(E';\\nALTER TABLE %s REPLICA IDENTITY USING INDEX %I', ${table('c.oid')}, x.relname) ELSE '' END
    FROM pg_index i JOIN pg_class x ON x.oid = i.indexrelid JOIN pg_class c ON c.oid = i.indrelid
    JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.oid IN (${tables}) AND ${plain} AND NOT i.indisclustered
      AND NOT EXISTS (SELECT FROM pg_constraint k WHERE k.conindid = i.indexrelid AND k.contype IN ('p', 'u', 'x'))
  ) AS found ORDER BY place, "table", name`
}
