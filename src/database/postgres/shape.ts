import type { Shape } from '../stash.ts'
import type { Query } from './lock.ts'

/**
 * A table as it is now; undefined if it is not there.
 *
 * @param table an SQL expression for its oid
 */
export async function shapeOf(query: Query, table: string): Promise<Shape | undefined> {
  const [row] = await query(`
    WITH t AS (SELECT oid FROM pg_class WHERE oid = ${table})
    SELECT
      (SELECT json_agg(json_build_object(
          'name', attname,
          'type', format_type(atttypid, atttypmod),
          'portable', typnamespace = 'pg_catalog'::regnamespace AND (attcollation = 0 OR attcollation IN (SELECT oid FROM pg_collation WHERE collnamespace = 'pg_catalog'::regnamespace)),
          'generated', attgenerated <> '',
          'assignable', attidentity <> 'a',
          'fallback', atthasdef OR attidentity <> '') ORDER BY attnum)
        FROM pg_attribute JOIN pg_type ON pg_type.oid = atttypid WHERE attrelid = t.oid AND attnum > 0 AND NOT attisdropped) AS columns,
      (SELECT json_agg(names ORDER BY indisprimary DESC, indexrelid) FROM (
          SELECT indisprimary, indexrelid, (SELECT json_agg(attname ORDER BY k.n) FROM unnest(indkey) WITH ORDINALITY AS k(attnum, n)
              JOIN pg_attribute AS a ON a.attrelid = t.oid AND a.attnum = k.attnum WHERE k.n <= indnkeyatts) AS names
          FROM pg_index WHERE indrelid = t.oid AND indisunique AND indisvalid AND indpred IS NULL AND indexprs IS NULL
            AND NOT EXISTS (SELECT FROM unnest(indkey) AS k(attnum) JOIN pg_attribute AS a ON a.attrelid = t.oid AND a.attnum = k.attnum
              WHERE NOT a.attnotnull)) AS indexes) AS keys,
      (SELECT json_agg(json_build_object(
          'columns', (SELECT json_agg(attname ORDER BY k.n) FROM unnest(conkey) WITH ORDINALITY AS k(attnum, n)
              JOIN pg_attribute AS a ON a.attrelid = conrelid AND a.attnum = k.attnum),
          'schema', nspname, 'table', relname,
          'parents', (SELECT json_agg(attname ORDER BY k.n) FROM unnest(confkey) WITH ORDINALITY AS k(attnum, n)
              JOIN pg_attribute AS a ON a.attrelid = confrelid AND a.attnum = k.attnum),
          'setsNull', confdeltype = 'n'))
        FROM pg_constraint JOIN pg_class ON pg_class.oid = confrelid JOIN pg_namespace ON pg_namespace.oid = relnamespace
        WHERE conrelid = t.oid AND contype = 'f') AS "foreignKeys",
      (SELECT json_agg(json_build_object(
          'stop', format('ALTER TABLE %s DISABLE TRIGGER %I', t.oid::regclass, tgname),
          'start', format('ALTER TABLE %s ENABLE %s TRIGGER %I', t.oid::regclass, CASE tgenabled WHEN 'A' THEN 'ALWAYS' WHEN 'R' THEN 'REPLICA' ELSE '' END, tgname)))
        FROM pg_trigger WHERE tgrelid = t.oid AND NOT tgisinternal AND tgenabled <> 'D') AS triggers,
      (SELECT json_agg(json_build_object('column', attname, 'sequence', pg_get_serial_sequence(t.oid::regclass::text, attname),
          'last', pg_sequence_last_value(pg_get_serial_sequence(t.oid::regclass::text, attname)::regclass)))
        FROM pg_attribute WHERE attrelid = t.oid AND attnum > 0 AND NOT attisdropped
          AND pg_get_serial_sequence(t.oid::regclass::text, attname) IS NOT NULL) AS counters
    FROM t`)
  if (row === undefined) return undefined
  const { columns, keys, foreignKeys, triggers, counters } = row as unknown as {
    [name in keyof Shape]: Shape[name] | null
  }
  return {
    virtual: false,
    columns: columns ?? [],
    keys: keys ?? [],
    foreignKeys: foreignKeys ?? [],
    triggers: triggers ?? [],
    counters: counters ?? [],
  }
}
