import { nameOf } from '../../../schema/model.ts'
import { namesOf } from '../catalog.ts'
import { hasOption } from '../effects.ts'
import { expressionText } from '../expression.ts'
import {
  bareName,
  lockRule,
  type Moment,
  NO_TRANSACTION,
  type PostgresRule,
  quoted,
  SECOND,
  sqlName,
  sqlOf,
} from '../moment.ts'
import { held, of } from '../statement.ts'

const BEFORE = 'CREATE TABLE orders (id bigint PRIMARY KEY, placed_on date);'

/** The same statement with CONCURRENTLY, and the directive that it needs. */
export function concurrently(moment: Moment): string {
  const sql = sqlOf(moment)
  const [pattern, words] = /^\s*REINDEX/i.test(sql)
    ? ([/\b(TABLE|INDEX|SCHEMA|DATABASE)\b/i, '$1 CONCURRENTLY'] as const)
    : ([/\b(INDEX|VIEW)\b/i, '$1 CONCURRENTLY'] as const)
  return `${NO_TRANSACTION}\n${sql.replace(pattern, words)};`
}

/** A partitioned table takes no index CONCURRENTLY: its parts do. */
export function indexOfParts(key: string, { statement, catalog }: Moment): string {
  const { idxname, unique, accessMethod = 'btree', indexParams = [] } = of(statement, 'IndexStmt') ?? {}
  const columns = indexParams.map((part) => {
    const { name, expr } = held(part, 'IndexElem') ?? {}
    return name === undefined ? `(${expressionText(expr)})` : quoted(name)
  })
  const words = unique ? 'CREATE UNIQUE INDEX' : 'CREATE INDEX'
  const how = `${accessMethod === 'btree' ? '' : ` USING ${accessMethod}`} (${columns.join(', ')})`
  const name = quoted(idxname ?? `${bareName(key)}_idx`)
  const parts = catalog.partitions(key).map(nameOf)
  const steps = (parts.length > 0 ? parts : [`${key}_part`]).map((part) => {
    const index = quoted(`${bareName(part)}_${bareName(idxname ?? 'idx')}`)
    return `${words} CONCURRENTLY ${index} ON ${sqlName(part)}${how};\nALTER INDEX ${name} ATTACH PARTITION ${index};`
  })
  return `${words} ${name} ON ONLY ${sqlName(key)}${how};
${SECOND}
${NO_TRANSACTION}
${steps.join('\n')}`
}

export const INDEX_RULES: readonly PostgresRule[] = [
  lockRule(
    'create-index-blocks-writes',
    {
      what: 'CREATE INDEX on a table that is in use',
      why: 'It reads the whole table under SHARE: until the index is built, nobody writes to the table.',
      safe: 'CREATE INDEX CONCURRENTLY, outside a transaction.',
      bad: { before: BEFORE, up: 'CREATE INDEX orders_placed_on ON orders (placed_on);' },
      good: {
        before: BEFORE,
        up: `${NO_TRANSACTION}\nCREATE INDEX CONCURRENTLY orders_placed_on ON orders (placed_on);`,
      },
    },
    ({ table }, moment) => ({
      message: `CREATE INDEX reads all of ${table} under SHARE: nobody writes to it until the index is built`,
      safe:
        moment.catalog.table(table)?.partitionBy === undefined
          ? concurrently(moment)
          : indexOfParts(table, moment),
    }),
  ),
  lockRule(
    'reindex-blocks-writes',
    {
      what: 'REINDEX without CONCURRENTLY',
      why: 'It builds the indexes anew under SHARE on the table and ACCESS EXCLUSIVE on the indexes: writes wait, and most reads.',
      safe: 'REINDEX … CONCURRENTLY, outside a transaction.',
      bad: { before: BEFORE, up: 'REINDEX TABLE orders;' },
      good: { before: BEFORE, up: `${NO_TRANSACTION}\nREINDEX TABLE CONCURRENTLY orders;` },
    },
    ({ table }, moment) => ({
      message: `REINDEX reads all of ${table} under SHARE and locks its indexes: writes wait, and reads that use them`,
      safe: concurrently(moment),
    }),
  ),
  {
    id: 'reindex-many-blocks-writes',
    dialect: 'postgres',
    kinds: ['ReindexStmt'],
    topic: 'locks',
    severity: 'error',
    what: 'REINDEX of a schema or a database without CONCURRENTLY',
    why: 'Every table in it stands still for as long as its indexes are built.',
    safe: 'REINDEX … CONCURRENTLY, outside a transaction, better one table at a time.',
    bad: { before: BEFORE, up: `${NO_TRANSACTION}\nREINDEX SCHEMA public;` },
    good: { before: BEFORE, up: `${NO_TRANSACTION}\nREINDEX TABLE CONCURRENTLY orders;` },
    find: (moment) => {
      const statement = of(moment.statement, 'ReindexStmt')
      if (statement === undefined || statement.relation !== undefined) return undefined
      if (hasOption(statement.params ?? [], 'concurrently')) return undefined
      return {
        message:
          'REINDEX builds every index of many tables anew under SHARE: one after the other, they take no writes',
        safe: concurrently(moment),
      }
    },
  },
  {
    id: 'drop-index-locks-table',
    dialect: 'postgres',
    kinds: ['DropStmt'],
    topic: 'locks',
    severity: 'warning',
    what: 'DROP INDEX without CONCURRENTLY',
    why: 'It takes ACCESS EXCLUSIVE on the table: it waits for all who use it, and all others wait behind it.',
    safe: 'DROP INDEX CONCURRENTLY, outside a transaction.',
    bad: {
      before: `${BEFORE}\nCREATE INDEX orders_placed_on ON orders (placed_on);`,
      up: 'DROP INDEX orders_placed_on;',
    },
    good: {
      before: `${BEFORE}\nCREATE INDEX orders_placed_on ON orders (placed_on);`,
      up: `${NO_TRANSACTION}\nDROP INDEX CONCURRENTLY orders_placed_on;`,
    },
    find: (moment) => {
      const statement = of(moment.statement, 'DropStmt')
      if (statement?.removeType !== 'OBJECT_INDEX' || statement.concurrent) return undefined
      const names = (statement.objects ?? []).map((object) => moment.catalog.keyOfWords(namesOf(object)))
      const owners = names.map((name) => moment.catalog.ownerOf(name) ?? `the table of ${name}`)
      const old = owners.filter((owner) => !moment.catalog.isFresh(owner))
      // An index of a partitioned table is not dropped CONCURRENTLY.
      if (old.every((owner) => moment.catalog.table(owner)?.partitionBy !== undefined)) return undefined
      return {
        message: `DROP INDEX takes ACCESS EXCLUSIVE on ${old.join(', ')}: reads and writes wait behind it`,
        safe: [
          NO_TRANSACTION,
          ...names.map(
            (name) => `DROP INDEX CONCURRENTLY ${statement.missing_ok ? 'IF EXISTS ' : ''}${sqlName(name)};`,
          ),
        ].join('\n'),
      }
    },
  },
  {
    id: 'concurrent-index-corruption',
    dialect: 'postgres',
    kinds: ['IndexStmt', 'ReindexStmt'],
    topic: 'locks',
    severity: 'off',
    what: 'An index that is built CONCURRENTLY on PostgreSQL 14.0 to 14.3',
    why: 'Rows that are changed meanwhile may be missing in the index.',
    safe: 'Upgrade to 14.4 or later first.',
    versions: 'PostgreSQL 14.0 to 14.3',
    bad: {
      before: BEFORE,
      up: `${NO_TRANSACTION}\nCREATE INDEX CONCURRENTLY orders_placed_on ON orders (placed_on);`,
    },
    good: { before: BEFORE, up: 'ALTER TABLE orders ADD COLUMN note text;' },
    find: ({ script: { version = 14 }, statement }) => {
      const index = of(statement, 'IndexStmt')?.concurrent
      const again = of(statement, 'ReindexStmt')
      if (version !== 14 || !(index || hasOption(again?.params ?? [], 'concurrently'))) return undefined
      return {
        message: 'PostgreSQL 14.0 to 14.3 may leave rows out of an index that is built CONCURRENTLY',
        safe: '-- upgrade to 14.4 or later first, then run it as it is',
      }
    },
  },
]
