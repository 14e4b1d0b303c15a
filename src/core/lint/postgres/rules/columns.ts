import type { Cause } from '../effects.ts'
import { expressionText } from '../expression.ts'
import {
  isRequired,
  lockRule,
  NO_TRANSACTION,
  notNullSteps,
  type PostgresRule,
  quoted,
  SECOND,
  sqlName,
} from '../moment.ts'
import { held } from '../statement.ts'
import { typeText } from '../types.ts'

const BEFORE =
  'CREATE TABLE orders (id bigint PRIMARY KEY, code varchar(10), total int, placed_at timestamp);'

const rewritten = ({ table, lock }: Cause) =>
  `every row of ${table} and its indexes are written anew under ${lock}`

function batchOf(table: string, column: string, value: string): string {
  return `-- in a migration of its own:\n-- migrate: batch 1000\nUPDATE ${sqlName(table)} SET ${quoted(column)} = ${value} WHERE ${quoted(column)} IS NULL;`
}

/** A new column beside the old one: expand, fill, switch, contract. */
function beside({ table, column = '', to = '' }: Cause, how = `${quoted(column)}::${to}`): string {
  const name = `${column}_new`
  return `ALTER TABLE ${sqlName(table)} ADD COLUMN ${quoted(name)} ${to};
-- write both columns from now on, by a trigger or in the application
${batchOf(table, name, how)}
-- when nothing reads ${column} any more: drop it, and rename the new one or read it under its name`
}

function defaultSteps({ table, column = '', added }: Cause): string {
  const [name, col] = [sqlName(table), quoted(column)]
  const fallback = (added?.constraints ?? [])
    .map((one) => held(one, 'Constraint'))
    .find((one) => one?.contype === 'CONSTR_DEFAULT')
  const value = expressionText(fallback?.raw_expr)
  const required =
    added !== undefined && isRequired(added) ? `\n-- then, for NOT NULL:\n${notNullSteps(table, column)}` : ''
  return `ALTER TABLE ${name} ADD COLUMN ${col} ${typeText(added?.typeName)};
ALTER TABLE ${name} ALTER COLUMN ${col} SET DEFAULT ${value};
${batchOf(table, column, value)}${required}`
}

function identitySteps({ table, column = '', added }: Cause): string {
  const [name, col] = [sqlName(table), quoted(column)]
  const sequence = quoted(`${table.split('.').at(-1)}_${column}_seq`)
  return `CREATE SEQUENCE ${sequence};
ALTER TABLE ${name} ADD COLUMN ${col} ${typeText(added?.typeName)};
ALTER TABLE ${name} ALTER COLUMN ${col} SET DEFAULT nextval('${sequence}');
ALTER SEQUENCE ${sequence} OWNED BY ${name}.${col};
${batchOf(table, column, `nextval('${sequence}')`)}`
}

export const COLUMN_RULES: readonly PostgresRule[] = [
  lockRule(
    'volatile-default-rewrites',
    {
      what: 'A column that is added with a default that is another for each row',
      why: 'The table and all its indexes are written anew under ACCESS EXCLUSIVE. A constant, or now(), costs nothing.',
      safe: 'Add the column without a default, set the default, and fill the old rows in batches.',
      versions: 'PostgreSQL 12 to 18',
      bad: { before: BEFORE, up: 'ALTER TABLE orders ADD COLUMN token float DEFAULT random();' },
      good: {
        before: BEFORE,
        up: 'ALTER TABLE orders ADD COLUMN token float;\nALTER TABLE orders ALTER COLUMN token SET DEFAULT random();',
      },
    },
    (cause) => ({
      message: `${cause.why ?? 'the default'}() gives each row another value, so ${rewritten(cause)}: nobody reads or writes it meanwhile`,
      safe: defaultSteps(cause),
    }),
  ),
  lockRule(
    'add-identity-rewrites',
    {
      what: 'A serial or identity column, or one with nextval(), that is added to a table in use',
      why: 'Every row gets its number: the table and all its indexes are written anew under ACCESS EXCLUSIVE.',
      safe: 'Add a plain column, give it the sequence as default, and fill the old rows in batches.',
      bad: {
        before: BEFORE,
        up: 'ALTER TABLE orders ADD COLUMN number bigint GENERATED ALWAYS AS IDENTITY;',
      },
      good: {
        before: BEFORE,
        up: `CREATE SEQUENCE orders_number_seq;
ALTER TABLE orders ADD COLUMN number bigint;
ALTER TABLE orders ALTER COLUMN number SET DEFAULT nextval('orders_number_seq');`,
      },
    },
    (cause) => ({
      message: `every row gets a number for ${cause.column ?? 'the column'}, so ${rewritten(cause)}: nobody reads or writes it meanwhile`,
      safe: identitySteps(cause),
    }),
  ),
  lockRule(
    'add-generated-rewrites',
    {
      what: 'A generated column that is STORED, added to a table in use',
      why: 'It is worked out for every row: the table and all its indexes are written anew under ACCESS EXCLUSIVE.',
      safe: 'A plain column that a trigger fills, and the old rows in batches; from 18 on, VIRTUAL costs nothing.',
      bad: {
        before: BEFORE,
        up: 'ALTER TABLE orders ADD COLUMN gross int GENERATED ALWAYS AS (total * 2) STORED;',
      },
      good: { before: BEFORE, up: 'ALTER TABLE orders ADD COLUMN gross int;' },
    },
    (cause) => ({
      message: `${cause.column ?? 'the column'} is worked out for every row, so ${rewritten(cause)}: nobody reads or writes it meanwhile`,
      safe: `ALTER TABLE ${sqlName(cause.table)} ADD COLUMN ${quoted(cause.column ?? '')} ${typeText(cause.added?.typeName)};
-- fill it by a trigger BEFORE INSERT OR UPDATE, then the old rows:
${batchOf(cause.table, cause.column ?? '', expressionText((cause.added?.constraints ?? []).map((one) => held(one, 'Constraint')).find((one) => one?.contype === 'CONSTR_GENERATED')?.raw_expr))}`,
    }),
  ),
  lockRule(
    'add-constrained-domain-rewrites',
    {
      what: 'A column of a domain with a constraint, added to a table in use',
      why: 'The domain is asked for every row: the table and all its indexes are written anew under ACCESS EXCLUSIVE, even for NULL.',
      safe: 'A column of the type below the domain, and a CHECK that is added NOT VALID and validated.',
      bad: {
        before: `${BEFORE}\nCREATE DOMAIN positive AS int CHECK (VALUE > 0);`,
        up: 'ALTER TABLE orders ADD COLUMN pieces positive;',
      },
      good: {
        before: `${BEFORE}\nCREATE DOMAIN positive AS int CHECK (VALUE > 0);`,
        up: 'ALTER TABLE orders ADD COLUMN pieces int, ADD CONSTRAINT orders_pieces CHECK (pieces > 0) NOT VALID;',
      },
    },
    (cause, { catalog }) => {
      const domain = catalog.domain(cause.why ?? '')
      const check = domain?.checks[0]?.expression.replace(/\bvalue\b/gi, quoted(cause.column ?? ''))
      const table = sqlName(cause.table)
      const name = quoted(`${table.split('.').at(-1)}_${cause.column}_check`)
      return {
        message: `the domain ${cause.why} has a constraint, so ${rewritten(cause)}: nobody reads or writes it meanwhile`,
        safe: `ALTER TABLE ${table} ADD COLUMN ${quoted(cause.column ?? '')} ${domain?.type ?? 'text'};
ALTER TABLE ${table} ADD CONSTRAINT ${name} CHECK (${check ?? `${quoted(cause.column ?? '')} IS NOT NULL`}) NOT VALID;
${SECOND}
ALTER TABLE ${table} VALIDATE CONSTRAINT ${name};`,
      }
    },
  ),
  lockRule(
    'type-change-rewrites',
    {
      what: 'A column gets a type whose values are stored otherwise, or must be looked at',
      why: 'The table and all its indexes are written anew under ACCESS EXCLUSIVE. A longer varchar, text, or a wider numeric costs nothing.',
      safe: 'A new column beside the old one, filled in batches, then the switch.',
      bad: { before: BEFORE, up: 'ALTER TABLE orders ALTER COLUMN total TYPE bigint;' },
      good: { before: BEFORE, up: 'ALTER TABLE orders ALTER COLUMN code TYPE varchar(20);' },
    },
    (cause) => {
      const types = cause.from === undefined ? `to ${cause.to}` : `from ${cause.from} to ${cause.to}`
      const zone =
        cause.unmeasurable && cause.from?.startsWith('timestamp')
          ? ' (unless the session has TimeZone UTC)'
          : ''
      return {
        message: `${cause.column} goes ${types}, so ${rewritten(cause)}${zone}: nobody reads or writes it meanwhile`,
        safe:
          zone === ''
            ? beside(cause)
            : `${NO_SCAN_UTC}\nALTER TABLE ${sqlName(cause.table)} ALTER COLUMN ${quoted(cause.column ?? '')} TYPE ${cause.to};\n-- right only if the values are UTC; else:\n${beside(cause)}`,
      }
    },
  ),
  lockRule(
    'type-change-rechecks',
    {
      what: 'A type change that costs nothing, of a column with a CHECK',
      why: 'The CHECK is made anew, and every row is looked at under ACCESS EXCLUSIVE.',
      safe: 'Drop the CHECK, change the type, add the CHECK again NOT VALID, and validate it in a second migration.',
      bad: {
        before:
          "CREATE TABLE orders (id bigint PRIMARY KEY, code varchar(10) CONSTRAINT orders_code CHECK (code <> ''));",
        up: 'ALTER TABLE orders ALTER COLUMN code TYPE text;',
      },
      good: {
        before:
          "CREATE TABLE orders (id bigint PRIMARY KEY, code varchar(10) CONSTRAINT orders_code CHECK (code <> ''));",
        up: `ALTER TABLE orders DROP CONSTRAINT orders_code;
ALTER TABLE orders ALTER COLUMN code TYPE text;
ALTER TABLE orders ADD CONSTRAINT orders_code CHECK (code <> '') NOT VALID;`,
      },
    },
    (cause, { catalog }) => {
      const table = sqlName(cause.table)
      const check = catalog.table(cause.table)?.checks.find(({ name }) => name === cause.why)
      const name = quoted(cause.why ?? '')
      return {
        message: `the CHECK ${cause.why} is made anew and looks at every row of ${cause.table} under ${cause.lock}: nobody reads or writes it meanwhile`,
        safe: `ALTER TABLE ${table} DROP CONSTRAINT ${name};
ALTER TABLE ${table} ALTER COLUMN ${quoted(cause.column ?? '')} TYPE ${cause.to};
ALTER TABLE ${table} ADD CONSTRAINT ${name} CHECK (${check?.expression ?? '…'}) NOT VALID;
${SECOND}
ALTER TABLE ${table} VALIDATE CONSTRAINT ${name};`,
      }
    },
  ),
  lockRule(
    'type-change-rebuilds-index',
    {
      what: 'A column with an index gets another collation, or a type that orders otherwise',
      why: 'Its indexes are built anew under ACCESS EXCLUSIVE.',
      safe: 'A new column beside it, with an index that is built CONCURRENTLY.',
      bad: {
        before: `${BEFORE}\nCREATE INDEX orders_code ON orders (code);`,
        up: 'ALTER TABLE orders ALTER COLUMN code TYPE varchar(10) COLLATE "C";',
      },
      good: { before: BEFORE, up: 'ALTER TABLE orders ALTER COLUMN code TYPE varchar(10) COLLATE "C";' },
    },
    (cause) => ({
      message: `the indexes with ${cause.column} are built anew under ${cause.lock}: nobody reads or writes ${cause.table} meanwhile`,
      safe: `${NO_TRANSACTION}
-- an index that orders as it is wanted, instead of a column that does:
CREATE INDEX CONCURRENTLY ON ${sqlName(cause.table)} (${quoted(cause.column ?? '')} COLLATE "…");`,
    }),
  ),
  lockRule(
    'key-type-change-locks-children',
    {
      what: 'A type change of a column that foreign keys refer to',
      why: 'The table is written anew, and every table that refers to it is checked again, all under ACCESS EXCLUSIVE.',
      safe: 'A new column in each of them, filled in batches, then the switch.',
      bad: {
        before:
          'CREATE TABLE users (id int PRIMARY KEY);\nCREATE TABLE orders (id bigint PRIMARY KEY, user_id int REFERENCES users);',
        up: 'ALTER TABLE users ALTER COLUMN id TYPE bigint;',
      },
      good: {
        before:
          'CREATE TABLE users (id int PRIMARY KEY);\nCREATE TABLE orders (id bigint PRIMARY KEY, user_id int REFERENCES users);',
        up: 'ALTER TABLE users ADD COLUMN id_new bigint;',
      },
    },
    (cause) => ({
      message: `${cause.column} goes from ${cause.from ?? 'its type'} to ${cause.to}: ${cause.other ?? cause.table} is written anew and the tables that refer to it are checked again, all under ${cause.lock}`,
      safe: beside({ ...cause, table: cause.other ?? cause.table }),
    }),
  ),
  lockRule(
    'set-expression-rewrites',
    {
      what: 'SET EXPRESSION of a column that is STORED',
      why: 'It is worked out again for every row: the table is written anew under ACCESS EXCLUSIVE.',
      safe: 'A new column beside it.',
      versions: 'PostgreSQL 17 and later',
      bad: {
        before:
          'CREATE TABLE orders (id bigint PRIMARY KEY, total int, gross int GENERATED ALWAYS AS (total * 2) STORED);',
        up: 'ALTER TABLE orders ALTER COLUMN gross SET EXPRESSION AS (total * 3);',
      },
      good: {
        before:
          'CREATE TABLE orders (id bigint PRIMARY KEY, total int, gross int GENERATED ALWAYS AS (total * 2) STORED);',
        up: 'ALTER TABLE orders ADD COLUMN gross_new int;',
      },
    },
    (cause, { catalog }) => ({
      message: `${cause.column} is worked out again, so ${rewritten(cause)}: nobody reads or writes it meanwhile`,
      safe: beside(
        { ...cause, to: catalog.column(cause.table, cause.column ?? '')?.type ?? 'text' },
        catalog.column(cause.table, cause.column ?? '')?.generated?.expression,
      ),
    }),
  ),
]

const NO_SCAN_UTC = "SET LOCAL timezone = 'UTC';"
