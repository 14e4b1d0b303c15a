import { stringOf, words } from '../../../schema/convert/ast.ts'
import { stringText } from '../../../schema/sql/names.ts'
import { tokensOf, unquoted } from '../../../schema/tokens.ts'
import { isRequired, notNullSteps, type PostgresRule, quoted, SECOND, sqlName, sqlOf } from '../moment.ts'
import { held, of } from '../statement.ts'
import { isSerial, typeText } from '../types.ts'

const BEFORE = 'CREATE TABLE orders (id bigint PRIMARY KEY, total int, code text);'
const ENUM = "CREATE TYPE mood AS ENUM ('sad');\nCREATE TABLE people (id bigint PRIMARY KEY, mood mood);"

/** Bytes of a name that PostgreSQL keeps. */
const LONGEST_NAME = 63

/** A name that may be too long: in ASCII, or in letters that take more bytes. */
const MAY_BE_LONG = /(?<![\w$])[\w$]{64}|"[^"]{64}|[\u0080-\uffff]/

/** Whether a value of an enum stands in a statement. */
function usesValue(tree: unknown, value: string): boolean {
  if (typeof tree !== 'object' || tree === null) return false
  if ('A_Const' in tree) return stringOf(tree as never) === value
  return Object.values(tree).some((inner) => usesValue(inner, value))
}

/** Statements that only describe: a value in them is no use of it. */
const DESCRIBING = new Set([
  'CommentStmt',
  'AlterEnumStmt',
  'VariableSetStmt',
  'DoStmt',
  'CreateFunctionStmt',
])

export const FAILING_RULES: readonly PostgresRule[] = [
  {
    id: 'add-required-column',
    dialect: 'postgres',
    kinds: ['AlterTableStmt'],
    topic: 'failing',
    severity: 'error',
    what: 'A column that is added NOT NULL without a default',
    why: 'It fails where the table has a row, and where it has none, the INSERT of code that does not know the column does.',
    safe: 'With a constant default; or NULL first, filled in batches, then NOT NULL proven by a CHECK.',
    bad: { before: BEFORE, up: 'ALTER TABLE orders ADD COLUMN paid boolean NOT NULL;' },
    good: { before: BEFORE, up: 'ALTER TABLE orders ADD COLUMN paid boolean NOT NULL DEFAULT false;' },
    find: (moment) => {
      const key = moment.subject
      const { catalog } = moment
      const { objtype } = of(moment.statement, 'AlterTableStmt') ?? {}
      if (objtype !== 'OBJECT_TABLE' || catalog.isFresh(key) || catalog.view(key)) return undefined
      for (const { subtype, def, missing_ok } of moment.actions) {
        const added = subtype === 'AT_AddColumn' ? held(def, 'ColumnDef') : undefined
        if (added === undefined || (missing_ok && catalog.column(key, added.colname ?? ''))) continue
        const kinds = (added.constraints ?? []).map((one) => held(one, 'Constraint')?.contype)
        const filled = ['CONSTR_DEFAULT', 'CONSTR_IDENTITY', 'CONSTR_GENERATED'] as const
        const domain = catalog.domain(typeText(added.typeName))
        const isFilled =
          filled.some((one) => kinds.includes(one)) ||
          isSerial(added.typeName) ||
          domain?.default !== undefined
        if (!(isRequired(added) || domain?.nullable === false) || isFilled) continue
        const name = added.colname ?? ''
        return {
          message: `${name} is NOT NULL and has no default: this fails if ${key} has a row, and if not, inserts of code that does not know the column do`,
          safe: `ALTER TABLE ${sqlName(key)} ADD COLUMN ${quoted(name)} ${typeText(added.typeName)};
-- fill it in batches in a second migration, then:
${notNullSteps(key, name)}`,
        }
      }
      return undefined
    },
  },
  {
    id: 'enum-value-in-same-transaction',
    dialect: 'postgres',
    topic: 'failing',
    severity: 'error',
    what: 'A value is added to an enum and used in the same transaction',
    why: 'PostgreSQL refuses to use it before the transaction that added it has ended.',
    safe: 'Use it in a second migration.',
    bad: {
      before: ENUM,
      up: "ALTER TYPE mood ADD VALUE 'happy';\nINSERT INTO people (id, mood) VALUES (1, 'happy');",
    },
    good: { before: ENUM, up: "ALTER TYPE mood ADD VALUE 'happy';" },
    find: (moment) => {
      const { script, statement, ahead, catalog, index } = moment
      if (!script.transaction || ahead.values.length === 0 || DESCRIBING.has(statement.kind)) return undefined
      const used = ahead.values.find(
        ({ type, value, by }) => by < index && !catalog.isFresh(type) && usesValue(statement.node, value),
      )
      return (
        used && {
          message: `the value ${stringText(used.value)} of ${used.type} is added in this transaction and cannot be used in it: the migration fails here`,
          safe: `${SECOND}\n${sqlOf(moment)};`,
        }
      )
    },
  },
  {
    id: 'not-valid-on-partitioned',
    dialect: 'postgres',
    kinds: ['AlterTableStmt'],
    topic: 'failing',
    severity: 'error',
    what: 'A foreign key NOT VALID on a partitioned table',
    why: 'PostgreSQL before 18 refuses it.',
    safe: 'A foreign key NOT VALID on each part, validated there; then the one on the whole finds them.',
    versions: 'PostgreSQL 12 to 17',
    bad: {
      before:
        'CREATE TABLE users (id bigint PRIMARY KEY);\nCREATE TABLE events (user_id bigint, day date) PARTITION BY RANGE (day);',
      up: 'ALTER TABLE events ADD CONSTRAINT events_user FOREIGN KEY (user_id) REFERENCES users (id) NOT VALID;',
    },
    good: {
      before: 'CREATE TABLE users (id bigint PRIMARY KEY);\nCREATE TABLE events (user_id bigint, day date);',
      up: 'ALTER TABLE events ADD CONSTRAINT events_user FOREIGN KEY (user_id) REFERENCES users (id) NOT VALID;',
    },
    find: (moment) => {
      const key = moment.subject
      const { version = 17 } = moment.script
      if (version >= 18 || moment.catalog.table(key)?.partitionBy === undefined) return undefined
      const found = moment.actions
        .map(({ def }) => held(def, 'Constraint'))
        .find((one) => one?.contype === 'CONSTR_FOREIGN' && one.skip_validation)
      return (
        found && {
          message: `${key} is partitioned: PostgreSQL before 18 refuses a foreign key NOT VALID there, and the migration fails`,
          safe: `-- on each part: ADD CONSTRAINT … NOT VALID, then VALIDATE in a second migration; then on the whole:\n${sqlOf(moment).replace(/\s+NOT\s+VALID\b/i, '')};`,
        }
      )
    },
  },
  {
    id: 'identifier-too-long',
    dialect: 'postgres',
    topic: 'failing',
    severity: 'warning',
    what: 'A name of more than 63 bytes',
    why: 'PostgreSQL cuts it off without an error: two names may become one, and code that asks for the whole is told another.',
    safe: 'A shorter name.',
    bad: {
      before: BEFORE,
      up: 'ALTER TABLE orders ADD COLUMN the_number_of_the_order_as_the_customer_wrote_it_on_the_delivery_note text;',
    },
    good: { before: BEFORE, up: 'ALTER TABLE orders ADD COLUMN customer_order_number text;' },
    find: ({ script, statement }) => {
      const sql = script.text.slice(statement.start, statement.end)
      if (!MAY_BE_LONG.test(sql)) return undefined
      const long = tokensOf(sql, 'postgres').find(
        (token) =>
          (token.kind === 'word' || token.kind === 'name') &&
          Buffer.byteLength(unquoted(token)) > LONGEST_NAME,
      )
      if (long === undefined) return undefined
      const name = unquoted(long)
      return {
        message: `${name} has ${Buffer.byteLength(name)} bytes, of which PostgreSQL keeps ${LONGEST_NAME}`,
        safe: `-- a name of at most ${LONGEST_NAME} bytes, such as ${quoted(
          Buffer.from(name)
            .toString('utf8', 0, LONGEST_NAME)
            .replace(/\ufffd+$/, ''),
        )}`,
      }
    },
  },
  {
    id: 'unique-may-fail',
    dialect: 'postgres',
    kinds: ['IndexStmt', 'AlterTableStmt'],
    topic: 'failing',
    severity: 'off',
    what: 'Something becomes UNIQUE that was not',
    why: 'It fails where two rows have the same, and an index that was built CONCURRENTLY stays behind invalid.',
    safe: 'Look for duplicates first.',
    bad: {
      before: BEFORE,
      up: '-- migrate: no-transaction\nCREATE UNIQUE INDEX CONCURRENTLY orders_code ON orders (code);',
    },
    good: {
      before: BEFORE,
      up: '-- migrate: no-transaction\nCREATE INDEX CONCURRENTLY orders_code ON orders (code);',
    },
    find: (moment) => {
      const index = of(moment.statement, 'IndexStmt')
      const key = moment.subject
      if (moment.catalog.isFresh(key)) return undefined
      const constraint = moment.actions
        .map(({ def }) => held(def, 'Constraint'))
        .find((one) => one?.contype === 'CONSTR_UNIQUE' && one.indexname === undefined)
      const parts = (index?.unique ? (index.indexParams ?? []) : []).map(
        (part) => held(part, 'IndexElem')?.name,
      )
      const columns = constraint ? words(constraint.keys) : parts.filter((part) => part !== undefined)
      if (columns.length === 0 || columns.length < parts.length) return undefined
      const list = columns.map(quoted).join(', ')
      return {
        message: `this fails if two rows of ${key} have the same ${columns.join(', ')}`,
        safe: `-- look first:\nSELECT ${list}, count(*) FROM ${sqlName(key)} GROUP BY ${list} HAVING count(*) > 1;`,
      }
    },
  },
]
