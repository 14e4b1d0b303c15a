import type { Node, PartitionBoundSpec } from 'libpg-query'
import type { Catalog } from '../catalog.ts'
import type { Cause, Told } from '../effects.ts'
import { expressionText } from '../expression.ts'
import type { Moment } from '../moment.ts'
import { lockRule, NO_TRANSACTION, type PostgresRule, SECOND, sqlName, sqlOf } from '../moment.ts'
import { held, of } from '../statement.ts'

const BEFORE = 'CREATE TABLE orders (id bigint PRIMARY KEY, total int);'
const PARTITIONED = `CREATE TABLE events (id bigint, day date NOT NULL) PARTITION BY RANGE (day);
CREATE TABLE events_rest PARTITION OF events DEFAULT;`
const VIEW = `${BEFORE}
CREATE MATERIALIZED VIEW totals AS SELECT id, total FROM orders;
CREATE UNIQUE INDEX totals_id ON totals (id);`

/** What a partition's bound says of its rows, for a key of one column. */
function boundCheck(key: string | undefined, bound: PartitionBoundSpec | undefined): string {
  const [column = ''] = /^\w+ \(([^,()]+)\)$/.exec(key ?? '')?.slice(1) ?? []
  const texts = (datums: readonly Node[] = []) => datums.map((datum) => expressionText(datum))
  if (column === '' || bound?.is_default) return '…what its rows have in common…'
  const list = texts(bound?.listdatums)
  if (list.length > 0) return `${column} IN (${list.join(', ')})`
  const [from, to] = [texts(bound?.lowerdatums)[0], texts(bound?.upperdatums)[0]]
  const ends = [
    ...(from === undefined || from === 'minvalue' ? [] : [`${column} >= ${from}`]),
    ...(to === undefined || to === 'maxvalue' ? [] : [`${column} < ${to}`]),
  ]
  return [`${column} IS NOT NULL`, ...ends].join(' AND ')
}

/** A CHECK that lets a partition come in without a look at the rows. */
function provenFirst(table: string, check: string, rest: string): string {
  return `ALTER TABLE ${sqlName(table)} ADD CONSTRAINT partition_bound CHECK (${check}) NOT VALID;
${SECOND}
ALTER TABLE ${sqlName(table)} VALIDATE CONSTRAINT partition_bound;
-- in a third migration:
${rest}`
}

export const TABLE_RULES: readonly PostgresRule[] = [
  lockRule(
    'table-rewrite',
    {
      what: 'VACUUM FULL, CLUSTER, SET LOGGED, SET UNLOGGED, SET TABLESPACE, SET ACCESS METHOD',
      why: 'The table is written anew under ACCESS EXCLUSIVE. What is UNLOGGED is empty after a crash.',
      safe: 'pg_repack, or a new table that is filled in batches.',
      bad: { before: BEFORE, up: 'ALTER TABLE orders SET UNLOGGED;' },
      good: { before: BEFORE, up: 'ALTER TABLE orders SET (fillfactor = 90);' },
    },
    (cause) => ({
      message: `${cause.why} writes ${cause.table} anew under ${cause.lock}: nobody reads or writes it meanwhile${cause.why === 'SET UNLOGGED' ? ', and its rows are lost in a crash' : ''}`,
      safe: `-- pg_repack does it while others work, outside a migration: pg_repack --table=${sqlName(cause.table)}`,
    }),
  ),
  lockRule(
    'attach-partition-scans',
    {
      what: 'ATTACH PARTITION of a table of which no CHECK says that its rows belong there',
      why: 'The new part, and the default part, are read under ACCESS EXCLUSIVE.',
      safe: 'A CHECK with the bound on the new part, and one that leaves the bound out on the default part, each added NOT VALID and validated.',
      bad: {
        before: `${PARTITIONED}\nCREATE TABLE events_2024 (id bigint, day date NOT NULL);`,
        up: "ALTER TABLE events ATTACH PARTITION events_2024 FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');",
      },
      good: {
        before: `CREATE TABLE events (id bigint, day date NOT NULL) PARTITION BY RANGE (day);
CREATE TABLE events_2024 (id bigint, day date NOT NULL, CHECK (day >= '2024-01-01' AND day < '2025-01-01'));`,
        up: "ALTER TABLE events ATTACH PARTITION events_2024 FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');",
      },
    },
    (cause, moment) => ({
      message: `every row of ${cause.table} is looked at under ${cause.lock}, because no valid CHECK tells which rows it has: nobody reads or writes it meanwhile`,
      safe: attachSteps(cause, moment),
    }),
  ),
  lockRule(
    'create-partition-scans-default',
    {
      what: 'A new partition of a table that has a default partition',
      why: 'The default partition is read under ACCESS EXCLUSIVE for rows that belong to the new one.',
      safe: 'Make the table alone, and attach it when a CHECK on the default partition leaves its rows out.',
      bad: {
        before: PARTITIONED,
        up: "CREATE TABLE events_2024 PARTITION OF events FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');",
      },
      good: {
        before: 'CREATE TABLE events (id bigint, day date NOT NULL) PARTITION BY RANGE (day);',
        up: "CREATE TABLE events_2024 PARTITION OF events FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');",
      },
    },
    (cause, { statement, catalog }) => {
      const parent = catalog.keyOf(held(of(statement, 'CreateStmt')?.inhRelations?.[0], 'RangeVar'))
      return {
        message: `every row of the default partition ${cause.table} is looked at under ${cause.lock}: nobody reads or writes it, or ${parent}, meanwhile`,
        safe: createSteps(cause, parent, statement, catalog),
      }
    },
  ),
  {
    id: 'detach-partition-locks',
    dialect: 'postgres',
    kinds: ['AlterTableStmt'],
    topic: 'locks',
    severity: 'warning',
    what: 'DETACH PARTITION without CONCURRENTLY',
    why: 'It takes ACCESS EXCLUSIVE on the whole partitioned table and on its default partition.',
    safe: 'DETACH PARTITION … CONCURRENTLY, outside a transaction; not where there is a default partition.',
    versions: 'PostgreSQL 14 and later have CONCURRENTLY',
    bad: {
      before: `CREATE TABLE events (id bigint, day date NOT NULL) PARTITION BY RANGE (day);
CREATE TABLE events_2024 PARTITION OF events FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');`,
      up: 'ALTER TABLE events DETACH PARTITION events_2024;',
    },
    good: {
      before: `CREATE TABLE events (id bigint, day date NOT NULL) PARTITION BY RANGE (day);
CREATE TABLE events_2024 PARTITION OF events FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');`,
      up: `${NO_TRANSACTION}\nALTER TABLE events DETACH PARTITION events_2024 CONCURRENTLY;`,
    },
    find: ({ statement, catalog, script: { version = 14 } }) => {
      const altered = of(statement, 'AlterTableStmt')
      const key = catalog.keyOf(altered?.relation)
      const detached = (altered?.cmds ?? [])
        .map((command) => held(command, 'AlterTableCmd'))
        .find((action) => action?.subtype === 'AT_DetachPartition')
      const part = held(detached?.def, 'PartitionCmd')
      if (part === undefined || part.concurrent || version < 14 || catalog.isFresh(key)) return undefined
      // With a default partition there is no other way.
      if (catalog.partitions(key).some(({ partitionOf }) => partitionOf?.bound === 'DEFAULT'))
        return undefined
      return {
        message: `DETACH PARTITION takes ACCESS EXCLUSIVE on all of ${key}: reads and writes wait behind it`,
        safe: `${NO_TRANSACTION}\nALTER TABLE ${sqlName(key)} DETACH PARTITION ${sqlName(catalog.keyOf(part.name))} CONCURRENTLY;`,
      }
    },
  },
  lockRule(
    'refresh-view-blocks-reads',
    {
      what: 'REFRESH MATERIALIZED VIEW without CONCURRENTLY',
      why: 'The query is run under ACCESS EXCLUSIVE on the view: nobody reads it meanwhile.',
      safe: 'REFRESH MATERIALIZED VIEW CONCURRENTLY, which needs a unique index.',
      bad: { before: VIEW, up: 'REFRESH MATERIALIZED VIEW totals;' },
      good: { before: VIEW, up: 'REFRESH MATERIALIZED VIEW CONCURRENTLY totals;' },
    },
    ({ table, lock }, { catalog }) => {
      const unique =
        catalog.view(table)?.indexes.some(({ unique, where }) => unique && where === undefined) ?? true
      return {
        message: `the query of ${table} is run under ${lock}: nobody reads it until it is done`,
        safe: `${unique ? '' : `${NO_TRANSACTION}\nCREATE UNIQUE INDEX CONCURRENTLY ON ${sqlName(table)} (…);\n`}REFRESH MATERIALIZED VIEW CONCURRENTLY ${sqlName(table)};`,
      }
    },
  ),
  lockRule(
    'alter-domain-scans',
    {
      what: 'ALTER DOMAIN with a constraint that is checked, VALIDATE CONSTRAINT or SET NOT NULL',
      why: 'Every table with a column of the domain is read under SHARE: nobody writes to any of them meanwhile.',
      safe: 'Only ADD CONSTRAINT … NOT VALID locks nothing; better a CHECK on each table, validated there.',
      bad: {
        before: 'CREATE DOMAIN amount AS int;\nCREATE TABLE orders (id bigint PRIMARY KEY, total amount);',
        up: 'ALTER DOMAIN amount ADD CONSTRAINT amount_min CHECK (VALUE >= 0);',
      },
      good: {
        before: 'CREATE DOMAIN amount AS int;\nCREATE TABLE orders (id bigint PRIMARY KEY, total amount);',
        up: 'ALTER DOMAIN amount ADD CONSTRAINT amount_min CHECK (VALUE >= 0) NOT VALID;',
      },
    },
    ({ table, lock, column, why }, moment) => {
      const step =
        column === undefined
          ? '-- on each table with a column of it:\n'
          : `ALTER TABLE ${sqlName(table)} ADD CONSTRAINT ${sqlName(`${table.split('.').at(-1)}_${column}_check`)} CHECK (${column} …) NOT VALID;\n${SECOND}\n`
      return {
        message: `every row of ${table} is looked at under ${lock}, because of the domain ${why}: nobody writes to it meanwhile`,
        safe: `${step}${column === undefined ? '' : `ALTER TABLE ${sqlName(table)} VALIDATE CONSTRAINT ${sqlName(`${table.split('.').at(-1)}_${column}_check`)};\n`}-- instead of: ${sqlOf(moment)}`,
      }
    },
  ),
]

function attachSteps({ table, other = '' }: Cause, moment: Moment): string {
  const part = held(
    moment.actions.find(({ subtype }) => subtype === 'AT_AttachPartition')?.def,
    'PartitionCmd',
  )
  const check = boundCheck(moment.catalog.table(other)?.partitionBy, part?.bound)
  const isNew = moment.catalog.keyOf(part?.name) === table
  return provenFirst(table, isNew ? check : `NOT (${check})`, `${sqlOf(moment)};`)
}

function createSteps(
  { table, other = '' }: Cause,
  parent: string,
  statement: Told,
  catalog: Catalog,
): string {
  const bound = of(statement, 'CreateStmt')?.partbound
  const check = boundCheck(catalog.table(parent)?.partitionBy, bound)
  return provenFirst(
    table,
    `NOT (${check})`,
    `CREATE TABLE ${sqlName(other)} (LIKE ${sqlName(parent)} INCLUDING ALL, CHECK (${check}));
ALTER TABLE ${sqlName(parent)} ATTACH PARTITION ${sqlName(other)} FOR VALUES ${valuesText(bound)};`,
  )
}

/** What stands behind FOR VALUES. */
function valuesText({
  listdatums = [],
  lowerdatums = [],
  upperdatums = [],
}: PartitionBoundSpec = {}): string {
  const texts = (datums: readonly Node[]) => datums.map((datum) => expressionText(datum)).join(', ')
  return listdatums.length > 0
    ? `IN (${texts(listdatums)})`
    : `FROM (${texts(lowerdatums)}) TO (${texts(upperdatums)})`
}
