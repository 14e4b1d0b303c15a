import type { Sql } from '../../core/sql-error.ts'
import { quoteName } from '../../core/text.ts'
import { cut, type Part, type Tree } from './script.ts'

/** A table's name as a script has it. */
interface Name {
  readonly schema: string | undefined
  readonly name: string
}

/** The tables of a plain DROP TABLE. CASCADE takes along what depends on them: that is none. */
export function dropped(tree: Tree): Name[] {
  const { removeType, behavior, objects } = (tree.DropStmt ?? {}) as Record<string, unknown>
  if (removeType !== 'OBJECT_TABLE' || behavior !== 'DROP_RESTRICT') return []
  return (objects as { List: { items: { String: { sval: string } }[] } }[]).map(({ List: { items } }) => {
    const [name = '', schema] = items.map((item) => item.String.sval).reverse()
    return { schema, name }
  })
}

export function isTable(one: Name, schema: string, name: string): boolean {
  return one.name === name && (one.schema === undefined || one.schema === schema)
}

function quoted(...names: (string | undefined)[]): string {
  return names.flatMap((name) => (name === undefined ? [] : quoteName(name))).join('.')
}

/**
 * A script with tables that are not dropped where it says so, but stripped of all but their rows and renamed. The
 * drop itself is tried first and taken back: where it would fail, so does this.
 *
 * @param parks the new names, by `schema.table`
 * @param home  the schema where those are to be
 */
export async function parked(script: Sql, parks: ReadonlyMap<string, string>, home: string): Promise<Part[]> {
  const parts: Part[] = []
  for (const { start, end, tree } of await cut(script)) {
    const statement = { text: script.text.slice(start, end), of: { sql: script, start } }
    const names = dropped(tree)
    const moves = [...parks].flatMap(([full, target]) => {
      const one = names.find(({ schema, name }) => full === `${schema ?? home}.${name}`)
      return one === undefined ? [] : [{ one, target }]
    })
    parts.push(...(moves.length === 0 ? [statement] : [SAVEPOINT, statement, TAKE_BACK]))
    if (moves.length > 0) parts.push({ text: strip(moves.map(({ one }) => quoted(one.schema, one.name))) })
    for (const { one, target } of moves) {
      parts.push({ text: `ALTER TABLE ${quoted(one.schema, one.name)} RENAME TO ${quoted(target)}` })
      if (one.schema === undefined || one.schema === home) continue
      parts.push({ text: `ALTER TABLE ${quoted(one.schema, target)} SET SCHEMA ${quoted(home)}` })
    }
    const others = moves.length === 0 ? [] : names.filter((one) => !moves.some((move) => move.one === one))
    if (others.length > 0) {
      parts.push({
        text: `DROP TABLE IF EXISTS ${others.map(({ schema, name }) => quoted(schema, name)).join(', ')}`,
      })
    }
  }
  return parts
}

const SAVEPOINT = { text: 'SAVEPOINT parking' }
const TAKE_BACK = { text: 'ROLLBACK TO SAVEPOINT parking' }

/** Takes off tables what has a name of its own, which the next table may want, or depends on something else. */
function strip(tables: readonly string[]): string {
  const oids = tables.map((table) => `'${table.replaceAll("'", "''")}'::regclass`).join(', ')
  const each = (rows: string, statement: string) =>
    `FOR r IN ${rows} LOOP EXECUTE format(${statement}); END LOOP;`
  const columns = `SELECT attrelid::regclass AS t, attname AS name, attidentity FROM pg_attribute WHERE attrelid IN (${oids}) AND attnum > 0 AND NOT attisdropped`
  return `DO $strip$ DECLARE r record; BEGIN
    ${each(`SELECT conrelid::regclass AS t, conname FROM pg_constraint WHERE conrelid IN (${oids}) AND contype IN ('f', 'c', 'u', 'p', 'x') ORDER BY contype <> 'f'`, `'ALTER TABLE %s DROP CONSTRAINT %I', r.t, r.conname`)}
    ${each(`SELECT indexrelid::regclass AS i FROM pg_index WHERE indrelid IN (${oids})`, `'DROP INDEX %s', r.i`)}
    ${each(`SELECT tgrelid::regclass AS t, tgname FROM pg_trigger WHERE tgrelid IN (${oids}) AND NOT tgisinternal`, `'DROP TRIGGER %I ON %s', r.tgname, r.t`)}
    ${each(`${columns} AND attidentity <> ''`, `'ALTER TABLE %s ALTER COLUMN %I DROP IDENTITY', r.t, r.name`)}
    ${each(`${columns} AND atthasdef`, `'ALTER TABLE %s ALTER COLUMN %I DROP DEFAULT', r.t, r.name`)}
    ${each(`SELECT objid::regclass AS s FROM pg_depend JOIN pg_class ON pg_class.oid = objid WHERE classid = 'pg_class'::regclass AND refclassid = 'pg_class'::regclass AND refobjid IN (${oids}) AND deptype = 'a' AND relkind = 'S'`, `'DROP SEQUENCE %s', r.s`)}
  END $strip$`
}
