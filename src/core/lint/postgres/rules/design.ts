import { lastWord, words } from '../../../schema/convert/ast.ts'
import { beginsWith } from '../catalog.ts'
import { columnList } from '../expression.ts'
import {
  bareName,
  columnsOf,
  type Moment,
  NO_TRANSACTION,
  type PostgresRule,
  quoted,
  sqlName,
  sqlOf,
  wasThere,
} from '../moment.ts'
import { held, of } from '../statement.ts'
import { typeText } from '../types.ts'

const BEFORE =
  'CREATE TABLE users (id bigint PRIMARY KEY);\nCREATE TABLE orders (id bigint PRIMARY KEY, user_id bigint, total int);'

/** Foreign keys that a statement adds, with their columns. */
function newForeignKeys(moment: Moment): string[][] {
  const keys: string[][] = []
  const take = (node: unknown, column?: string) => {
    const constraint = held(node, 'Constraint')
    if (constraint?.contype === 'CONSTR_FOREIGN') keys.push(columnsOf(constraint, column))
  }
  for (const node of of(moment.statement, 'CreateStmt')?.tableElts ?? []) take(node)
  for (const { def } of moment.actions) take(def)
  for (const { colname, constraints = [] } of moment.newColumns)
    for (const node of constraints) take(node, colname)
  return keys
}

/** Columns of an index that are more than help. */
const MANY_COLUMNS = 3

export const DESIGN_RULES: readonly PostgresRule[] = [
  {
    id: 'json-column',
    dialect: 'postgres',
    kinds: ['CreateStmt', 'AlterTableStmt'],
    topic: 'design',
    severity: 'warning',
    what: 'A column of type json',
    why: 'json has no equality: SELECT DISTINCT, GROUP BY and UNION over the table fail.',
    safe: 'jsonb.',
    bad: { before: BEFORE, up: 'ALTER TABLE orders ADD COLUMN details json;' },
    good: { before: BEFORE, up: 'ALTER TABLE orders ADD COLUMN details jsonb;' },
    find: (moment) => {
      const { subject: key, newColumns: columns } = moment
      const found = columns.find(
        ({ typeName }) => lastWord(typeName?.names) === 'json' && /^json(\[\])?$/.test(typeText(typeName)),
      )
      return (
        found && {
          message: `${found.colname} of ${key} is json, which has no equality: SELECT DISTINCT, GROUP BY and UNION over ${key} fail`,
          safe: `${sqlOf(moment).replace(/\bjson\b/gi, 'jsonb')};`,
        }
      )
    },
  },
  {
    id: 'create-enum',
    dialect: 'postgres',
    kinds: ['CreateEnumStmt'],
    topic: 'design',
    severity: 'off',
    what: 'An enum type',
    why: 'A value that was added cannot be taken away again, and SQLite has no such type.',
    safe: 'A table of the values with a foreign key to it, or text with a CHECK.',
    bad: { up: "CREATE TYPE mood AS ENUM ('sad', 'happy');" },
    good: { up: 'CREATE TABLE moods (name text PRIMARY KEY);' },
    find: ({ statement }) => {
      const made = of(statement, 'CreateEnumStmt')
      const name = words(made?.typeName).join('.')
      return (
        made && {
          message: `values of the enum ${name} can be added later, but never taken away`,
          safe: `CREATE TABLE ${sqlName(`${name}s`)} (name text PRIMARY KEY);\n-- and a foreign key to it instead of the type`,
        }
      )
    },
  },
  {
    id: 'foreign-key-without-index',
    dialect: 'postgres',
    kinds: ['CreateStmt', 'AlterTableStmt'],
    topic: 'design',
    severity: 'info',
    what: 'A foreign key whose columns no index begins with',
    why: 'A DELETE, or a change of a key, in the other table reads this whole table for each row.',
    safe: 'An index on the columns, built CONCURRENTLY, before the foreign key.',
    bad: {
      before: BEFORE,
      up: 'ALTER TABLE orders ADD CONSTRAINT orders_user FOREIGN KEY (user_id) REFERENCES users (id) NOT VALID;',
    },
    good: {
      before: `${BEFORE}\nCREATE INDEX orders_user_id ON orders (user_id);`,
      up: 'ALTER TABLE orders ADD CONSTRAINT orders_user FOREIGN KEY (user_id) REFERENCES users (id) NOT VALID;',
    },
    find: (moment) => {
      const { catalog, ahead, statement } = moment
      if (statement.kind !== 'CreateStmt' && statement.kind !== 'AlterTableStmt') return undefined
      const keys = newForeignKeys(moment)
      if (keys.length === 0) return undefined
      const key = moment.subject
      const made = ahead.indexes.get(key) ?? []
      const bare = keys.find(
        (columns) => !catalog.isIndexed(key, columns) && !made.some((list) => beginsWith(list, columns)),
      )
      return (
        bare && {
          message: `no index of ${key} begins with ${bare.join(', ')}: each DELETE in the table that it refers to reads all of ${key}`,
          safe: catalog.table(key)
            ? `${NO_TRANSACTION}\nCREATE INDEX CONCURRENTLY ON ${sqlName(key)} ${columnList(bare)};`
            : `CREATE INDEX ON ${sqlName(key)} ${columnList(bare)};`,
        }
      )
    },
  },
  {
    id: 'wide-index',
    dialect: 'postgres',
    kinds: ['IndexStmt'],
    topic: 'design',
    severity: 'info',
    what: 'An index of more than three columns that is not unique',
    why: 'The columns behind the first seldom help, and each change of a row pays for them.',
    safe: 'The columns that choose best, first.',
    bad: {
      before: BEFORE,
      up: `${NO_TRANSACTION}\nCREATE INDEX CONCURRENTLY ON orders (user_id, total, id, (total + 1));`,
    },
    good: { before: BEFORE, up: `${NO_TRANSACTION}\nCREATE INDEX CONCURRENTLY ON orders (user_id, total);` },
    find: (moment) => {
      const index = of(moment.statement, 'IndexStmt')
      const columns = index?.indexParams?.length ?? 0
      if (index?.unique || columns <= MANY_COLUMNS) return undefined
      return {
        message: `the index has ${columns} columns, and each change of a row of ${moment.subject} pays for all of them`,
        safe: '-- only the columns that choose best, the most choosing one first',
      }
    },
  },
  {
    id: 'disable-trigger',
    dialect: 'postgres',
    kinds: ['VariableSetStmt', 'AlterTableStmt'],
    topic: 'design',
    severity: 'warning',
    what: 'Triggers are disabled, of foreign keys too, or session_replication_role is set',
    why: 'Meanwhile rows come in that they would have refused or changed, from everybody.',
    safe: 'Write the change so that the triggers may run.',
    bad: { before: BEFORE, up: 'ALTER TABLE orders DISABLE TRIGGER ALL;' },
    good: { before: BEFORE, up: 'ALTER TABLE orders ENABLE TRIGGER ALL;' },
    find: (moment) => {
      const set = of(moment.statement, 'VariableSetStmt')
      if (set?.name?.toLowerCase() === 'session_replication_role' && set.kind === 'VAR_SET_VALUE') {
        const replica = held(set.args?.[0], 'A_Const')?.sval?.sval === 'replica'
        if (!replica) return undefined
        return {
          message: 'no trigger and no foreign key is looked at in this session any more',
          safe: '-- write the change so that triggers and foreign keys may be looked at',
        }
      }
      const key = moment.subject
      const found = moment.actions.find(({ subtype = '' }) => /^AT_DisableTrig/.test(subtype))
      if (found === undefined || moment.catalog.isFresh(key)) return undefined
      return {
        message: `${found.name ?? 'every trigger'} of ${key} does not run any more, for nobody: rows come in that it would have refused or changed`,
        safe: `-- write the change so that the triggers of ${key} may run`,
      }
    },
  },
  {
    id: 'row-security-without-policy',
    dialect: 'postgres',
    kinds: ['AlterTableStmt'],
    topic: 'design',
    severity: 'warning',
    what: 'Row level security is enabled on a table in use that has no policy',
    why: 'All but its owner see no row and write none, from that moment on.',
    safe: 'The policies first, in the same transaction.',
    bad: { before: BEFORE, up: 'ALTER TABLE orders ENABLE ROW LEVEL SECURITY;' },
    good: {
      before: BEFORE,
      up: 'CREATE POLICY all_rows ON orders USING (true);\nALTER TABLE orders ENABLE ROW LEVEL SECURITY;',
    },
    find: (moment) => {
      const key = moment.subject
      const enables = moment.actions.some(({ subtype }) => subtype === 'AT_EnableRowSecurity')
      if (!enables || !wasThere(moment, key)) return undefined
      if (moment.catalog.table(key)?.policy || moment.ahead.policies.has(key)) return undefined
      return {
        message: `${key} has no policy that is known of: all but its owner see no row of it from now on`,
        safe: `CREATE POLICY ${quoted(`${bareName(key)}_all`)} ON ${sqlName(key)} USING (…);\n${sqlOf(moment)};`,
      }
    },
  },
  {
    id: 'broad-grant',
    dialect: 'postgres',
    kinds: ['GrantStmt', 'AlterDefaultPrivilegesStmt'],
    topic: 'design',
    severity: 'warning',
    what: 'A privilege on tables is given to PUBLIC, or all privileges on all tables at once',
    why: 'Whoever can connect, or whoever gets that role, reads and writes more than was meant.',
    safe: 'Name the privileges, the tables and the role.',
    bad: { before: BEFORE, up: 'GRANT ALL ON orders TO PUBLIC;' },
    good: { before: BEFORE, up: 'GRANT SELECT ON orders TO CURRENT_USER;' },
    find: (moment) => {
      const grant =
        of(moment.statement, 'GrantStmt') ?? of(moment.statement, 'AlterDefaultPrivilegesStmt')?.action
      if (!grant?.is_grant || !/^OBJECT_(TABLE|SEQUENCE|DATABASE|SCHEMA)$/.test(grant.objtype ?? ''))
        return undefined
      const all = grant.privileges === undefined
      const toAll = (grant.grantees ?? []).some(
        (role) => held(role, 'RoleSpec')?.roletype === 'ROLESPEC_PUBLIC',
      )
      // USAGE of a schema and CONNECT to a database show no row.
      const isTable = grant.objtype === 'OBJECT_TABLE' || grant.objtype === 'OBJECT_SEQUENCE'
      const everything = all && grant.targtype !== 'ACL_TARGET_OBJECT'
      if (!(toAll && (isTable || all)) && !everything) return undefined
      return {
        message: toAll
          ? 'whoever can connect gets these privileges'
          : 'the role may do everything with every table',
        safe: 'GRANT SELECT, INSERT, UPDATE, DELETE ON … TO …;',
      }
    },
  },
]
