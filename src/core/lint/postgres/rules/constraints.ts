import type { Constraint } from 'libpg-query'
import { blocksReads } from '../../effect.ts'
import type { Cause } from '../effects.ts'
import { columnList } from '../expression.ts'
import {
  columnsOf,
  constraintName,
  inTwoSteps,
  lockRule,
  type Moment,
  NO_TRANSACTION,
  notNullSteps,
  type PostgresRule,
  quoted,
  SECOND,
  sqlName,
} from '../moment.ts'
import { typeText } from '../types.ts'

const TABLES = `CREATE TABLE users (id bigint PRIMARY KEY);
CREATE TABLE orders (id bigint PRIMARY KEY, user_id bigint, total int, code text);`

/** A column first, without what would make others wait. */
export function plainColumn({ table, column = '', added }: Cause): string {
  return `ALTER TABLE ${sqlName(table)} ADD COLUMN ${quoted(column)} ${typeText(added?.typeName)};`
}

const NONE: Constraint = {}

/** Who waits. */
export const waits = ({ lock }: Cause) =>
  blocksReads(lock) ? 'nobody reads or writes it' : 'nobody writes to it'

function addIndexed({ table, constraint = NONE, column }: Cause, kind: 'UNIQUE' | 'PRIMARY KEY'): string {
  const name = constraintName(table, constraint, column)
  const columns = columnList(columnsOf(constraint, column))
  return `${NO_TRANSACTION}
CREATE UNIQUE INDEX CONCURRENTLY ${quoted(name)} ON ${sqlName(table)} ${columns};
${SECOND}
ALTER TABLE ${sqlName(table)} ADD CONSTRAINT ${quoted(name)} ${kind} USING INDEX ${quoted(name)};`
}

/** What stands before a constraint where its column is not there yet. */
const columnFirst = (cause: Cause) =>
  cause.added === undefined ? '' : `${plainColumn(cause)}\n-- in another migration:\n`

/** The table of a foreign key, whichever of the two the lock is on. */
function childOf(cause: Cause, moment: Moment): string {
  const parent = moment.catalog.keyOf(cause.constraint?.pktable)
  return cause.table === parent ? (cause.other ?? parent) : cause.table
}

export const CONSTRAINT_RULES: readonly PostgresRule[] = [
  lockRule(
    'add-foreign-key-scans',
    {
      what: 'A foreign key that is checked while it is added',
      why: 'Both tables are read under SHARE ROW EXCLUSIVE: nobody writes to either until every row has been looked up.',
      safe: 'Add it NOT VALID, and validate it in a second migration.',
      bad: {
        before: TABLES,
        up: 'ALTER TABLE orders ADD CONSTRAINT orders_user FOREIGN KEY (user_id) REFERENCES users (id);',
      },
      good: {
        before: TABLES,
        up: 'ALTER TABLE orders ADD CONSTRAINT orders_user FOREIGN KEY (user_id) REFERENCES users (id) NOT VALID;',
      },
    },
    (cause, moment) => {
      const child = childOf(cause, moment)
      const parent = moment.catalog.keyOf(cause.constraint?.pktable)
      const both = child === parent ? child : `${child} and ${parent}`
      return {
        message: `the foreign key is checked row by row, with SHARE ROW EXCLUSIVE or more on ${both}: nobody writes to them meanwhile`,
        safe:
          columnFirst({ ...cause, table: child }) +
          inTwoSteps(child, cause.constraint ?? NONE, moment.catalog, cause.column),
      }
    },
  ),
  lockRule(
    'add-check-scans',
    {
      what: 'A CHECK that is added to a table in use, alone or with a column',
      why: 'Every row is checked under ACCESS EXCLUSIVE: nobody reads or writes the table meanwhile.',
      safe: 'Add it NOT VALID, and validate it in a second migration.',
      bad: { before: TABLES, up: 'ALTER TABLE orders ADD CONSTRAINT orders_total CHECK (total >= 0);' },
      good: {
        before: TABLES,
        up: 'ALTER TABLE orders ADD CONSTRAINT orders_total CHECK (total >= 0) NOT VALID;',
      },
    },
    (cause, moment) => ({
      message: `every row of ${cause.table} is checked under ${cause.lock}: ${waits(cause)} meanwhile`,
      safe:
        (cause.added === undefined ? '' : `${plainColumn(cause)}\n`) +
        inTwoSteps(cause.table, cause.constraint ?? NONE, moment.catalog, cause.column),
    }),
  ),
  lockRule(
    'set-not-null-scans',
    {
      what: 'NOT NULL for a column of a table in use',
      why: 'Every row is looked at under ACCESS EXCLUSIVE, and one NULL makes it fail.',
      safe: 'Prove it first by a CHECK (… IS NOT NULL) that is added NOT VALID and validated: then no row is looked at.',
      versions: 'PostgreSQL 12 to 18; 18 also takes NOT NULL itself NOT VALID',
      bad: { before: TABLES, up: 'ALTER TABLE orders ALTER COLUMN user_id SET NOT NULL;' },
      good: {
        before: `${TABLES}\nALTER TABLE orders ADD CONSTRAINT orders_user_id CHECK (user_id IS NOT NULL);`,
        up: 'ALTER TABLE orders ALTER COLUMN user_id SET NOT NULL;\nALTER TABLE orders DROP CONSTRAINT orders_user_id;',
      },
    },
    (cause) => ({
      message: `every row of ${cause.table} is looked at for a NULL in ${cause.column} under ${cause.lock}: ${waits(cause)} meanwhile`,
      safe: notNullSteps(cause.table, cause.column ?? ''),
    }),
  ),
  lockRule(
    'add-unique-builds-index',
    {
      what: 'A UNIQUE constraint that is added to a table in use, alone or with a column',
      why: 'Its index is built under ACCESS EXCLUSIVE: nobody reads or writes the table meanwhile.',
      safe: 'Build a unique index CONCURRENTLY, and make it the constraint USING INDEX.',
      bad: { before: TABLES, up: 'ALTER TABLE orders ADD CONSTRAINT orders_code UNIQUE (code);' },
      good: {
        before: `${TABLES}\nCREATE UNIQUE INDEX orders_code ON orders (code);`,
        up: 'ALTER TABLE orders ADD CONSTRAINT orders_code UNIQUE USING INDEX orders_code;',
      },
    },
    (cause) => ({
      message: `the index of the UNIQUE constraint is built under ${cause.lock}: nobody reads or writes ${cause.table} meanwhile`,
      safe: columnFirst(cause) + addIndexed(cause, 'UNIQUE'),
    }),
  ),
  lockRule(
    'add-primary-key-builds-index',
    {
      what: 'A PRIMARY KEY that is added to a table in use',
      why: 'Its index is built under ACCESS EXCLUSIVE: nobody reads or writes the table meanwhile.',
      safe: 'Make the columns NOT NULL, build a unique index CONCURRENTLY, and make it the key USING INDEX.',
      bad: {
        before: 'CREATE TABLE orders (id bigint NOT NULL);',
        up: 'ALTER TABLE orders ADD PRIMARY KEY (id);',
      },
      good: {
        before: 'CREATE TABLE orders (id bigint NOT NULL);\nCREATE UNIQUE INDEX orders_pkey ON orders (id);',
        up: 'ALTER TABLE orders ADD CONSTRAINT orders_pkey PRIMARY KEY USING INDEX orders_pkey;',
      },
    },
    (cause) => ({
      message: `the index of the primary key is built under ${cause.lock}: nobody reads or writes ${cause.table} meanwhile`,
      safe: columnFirst(cause) + addIndexed(cause, 'PRIMARY KEY'),
    }),
  ),
  lockRule(
    'primary-key-scans-nulls',
    {
      what: 'PRIMARY KEY USING INDEX of columns that may be NULL',
      why: 'The key makes them NOT NULL, for which every row is looked at under ACCESS EXCLUSIVE.',
      safe: 'Make the columns NOT NULL first, proven by a CHECK.',
      bad: {
        before: 'CREATE TABLE orders (id bigint);\nCREATE UNIQUE INDEX orders_pkey ON orders (id);',
        up: 'ALTER TABLE orders ADD CONSTRAINT orders_pkey PRIMARY KEY USING INDEX orders_pkey;',
      },
      good: {
        before: 'CREATE TABLE orders (id bigint NOT NULL);\nCREATE UNIQUE INDEX orders_pkey ON orders (id);',
        up: 'ALTER TABLE orders ADD CONSTRAINT orders_pkey PRIMARY KEY USING INDEX orders_pkey;',
      },
    },
    (cause) => ({
      message: `${cause.column ?? 'a column'} may be NULL, so every row of ${cause.table} is looked at under ${cause.lock}: ${waits(cause)} meanwhile`,
      safe: notNullSteps(cause.table, cause.column ?? ''),
    }),
  ),
  lockRule(
    'add-exclusion-builds-index',
    {
      what: 'An EXCLUDE constraint that is added to a table in use',
      why: 'Its index is built under ACCESS EXCLUSIVE, and there is no form that does it CONCURRENTLY.',
      safe: 'Make a new table with the constraint and move the rows in batches, or wait for a window.',
      bad: {
        before: 'CREATE TABLE bookings (id bigint PRIMARY KEY, during tsrange);',
        up: 'ALTER TABLE bookings ADD CONSTRAINT no_overlap EXCLUDE USING gist (during WITH &&);',
      },
      good: {
        before: 'CREATE TABLE bookings (id bigint PRIMARY KEY, during tsrange);',
        up: 'CREATE TABLE bookings_new (id bigint PRIMARY KEY, during tsrange, CONSTRAINT no_overlap EXCLUDE USING gist (during WITH &&));',
      },
    },
    (cause) => ({
      message: `the index of the EXCLUDE constraint is built under ${cause.lock}: nobody reads or writes ${cause.table} meanwhile`,
      safe: `-- there is no form that lets others work: make a new table with the constraint, copy ${cause.table} into it in batches, and swap them`,
    }),
  ),
]
