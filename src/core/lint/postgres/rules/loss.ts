import type { Node } from 'libpg-query'
import { boundOf } from '../bounded.ts'
import { namesOf } from '../catalog.ts'
import { isTautology } from '../expression.ts'
import {
  bareName,
  batched,
  type Moment,
  type PostgresRule,
  quoted,
  sqlName,
  sqlOf,
  wasThere,
} from '../moment.ts'
import { held, of } from '../statement.ts'
import { isRetired } from './breaking.ts'

const BEFORE = 'CREATE TABLE orders (id bigint PRIMARY KEY, total int, state text);'

/** The tables that a DROP TABLE takes away from running code. */
function dropped(moment: Moment): string[] {
  const statement = of(moment.statement, 'DropStmt')
  if (statement?.removeType !== 'OBJECT_TABLE' && statement?.removeType !== 'OBJECT_FOREIGN_TABLE') return []
  const { catalog } = moment
  // IF EXISTS of a table that no earlier migration made is said in case, where there are earlier ones.
  const inCase = (key: string) =>
    statement.missing_ok === true && catalog.isKnown && catalog.table(key) === undefined
  return (statement.objects ?? [])
    .map((object) => catalog.keyOfWords(namesOf(object)))
    .filter((key) => wasThere(moment, key) && !isRetired(bareName(key)) && !inCase(key))
}

/** UPDATE or DELETE of a table that was there. */
function changed(moment: Moment): { key: string; where: Node | undefined; all: boolean } | undefined {
  const { statement, catalog, script } = moment
  const change = of(statement, 'UpdateStmt') ?? of(statement, 'DeleteStmt')
  if (change === undefined || script.batched) return undefined
  const key = catalog.keyOf(change.relation)
  if (catalog.isFresh(key) || /^(pg_catalog|information_schema)\./.test(key)) return undefined
  if (boundOf(statement.node, catalog) !== undefined) return undefined
  const where = change.whereClause
  const required = (column: string) => catalog.column(key, column)?.nullable === false
  return { key, where, all: where === undefined || isTautology(where, required) }
}

/** Other things that go with what is dropped. */
const CASCADES: Readonly<Record<string, string>> = {
  OBJECT_TABLE: 'the views and foreign keys that refer to it',
  OBJECT_VIEW: 'the views that read it',
  OBJECT_MATVIEW: 'the views that read it',
  OBJECT_TYPE: 'every column of that type',
  OBJECT_DOMAIN: 'every column of that domain',
  OBJECT_FUNCTION: 'the triggers, views and defaults that call it',
  OBJECT_SEQUENCE: 'the defaults that count with it',
  OBJECT_EXTENSION: 'the columns, indexes and functions that are made with it',
  OBJECT_INDEX: 'the constraints that stand on it',
}

export const LOSS_RULES: readonly PostgresRule[] = [
  {
    id: 'drop-table',
    dialect: 'postgres',
    kinds: ['DropStmt'],
    topic: 'loss',
    severity: 'error',
    what: 'A table is dropped',
    why: 'Its rows are lost, and code that still asks for it fails.',
    safe: 'Stop reading it, rename it to …_del in one migration, and drop it in a later one.',
    bad: { before: BEFORE, up: 'DROP TABLE orders;' },
    good: { before: BEFORE, up: 'ALTER TABLE orders RENAME TO orders_del;' },
    find: (moment) => {
      const statement = of(moment.statement, 'DropStmt')
      const tables = dropped(moment).filter((key) => !isMadeAgain(moment, key))
      if (tables.length === 0 || statement?.removeType === 'OBJECT_SCHEMA') return undefined
      return {
        message: `the rows of ${tables.join(', ')} are lost, and code that asks for ${tables.length > 1 ? 'them' : 'it'} fails`,
        safe: `${tables.map((key) => `ALTER TABLE ${sqlName(key)} RENAME TO ${quoted(`${bareName(key)}_del`)};`).join('\n')}
-- in a later migration:
${tables.map((key) => `DROP TABLE ${sqlName(`${key}_del`)};`).join('\n')}`,
      }
    },
  },
  {
    id: 'drop-and-create-table',
    dialect: 'postgres',
    kinds: ['DropStmt'],
    topic: 'loss',
    severity: 'error',
    what: 'A table is dropped and made again in the same script',
    why: 'Its rows are lost, without a word where it says IF EXISTS.',
    safe: 'Make it only; change one that is there with ALTER TABLE.',
    bad: { before: BEFORE, up: 'DROP TABLE IF EXISTS orders;\nCREATE TABLE orders (id bigint PRIMARY KEY);' },
    good: { before: BEFORE, up: 'CREATE TABLE invoices (id bigint PRIMARY KEY);' },
    find: (moment) => {
      const tables = dropped(moment).filter((key) => isMadeAgain(moment, key))
      if (tables.length === 0) return undefined
      return {
        message: `the rows of ${tables.join(', ')} are lost where there are any, and an empty table takes their place`,
        safe: '-- leave the DROP out: CREATE TABLE alone fails where the table is there, and loses nothing',
      }
    },
  },
  {
    id: 'drop-column',
    dialect: 'postgres',
    kinds: ['AlterTableStmt'],
    topic: 'loss',
    severity: 'error',
    what: 'A column is dropped',
    why: 'What is in it is lost, and code that still asks for it fails.',
    safe: 'Let no code read or write it, rename it to …_del in one migration, and drop it in a later one.',
    bad: { before: BEFORE, up: 'ALTER TABLE orders DROP COLUMN total;' },
    good: { before: BEFORE, up: 'ALTER TABLE orders RENAME COLUMN total TO total_del;' },
    find: (moment) => {
      const key = moment.subject
      const { objtype } = of(moment.statement, 'AlterTableStmt') ?? {}
      if (objtype === 'OBJECT_TYPE') return undefined
      const columns = moment.actions
        .filter(({ subtype }) => subtype === 'AT_DropColumn')
        .map(({ name = '' }) => name)
        .filter((name) => wasThere(moment, key, name) && !isRetired(name))
        .filter((name) => moment.catalog.column(key, name)?.generated?.stored !== false)
      if (columns.length === 0) return undefined
      return {
        message: `what ${key} holds in ${columns.join(', ')} is lost, and code that asks for it fails`,
        safe: columns
          .map(
            (name) =>
              `ALTER TABLE ${sqlName(key)} RENAME COLUMN ${quoted(name)} TO ${quoted(`${name}_del`)};`,
          )
          .concat('-- in a later migration:')
          .concat(columns.map((name) => `ALTER TABLE ${sqlName(key)} DROP COLUMN ${quoted(`${name}_del`)};`))
          .join('\n'),
      }
    },
  },
  {
    id: 'drop-schema',
    dialect: 'postgres',
    kinds: ['DropStmt', 'DropdbStmt', 'DropOwnedStmt'],
    topic: 'loss',
    severity: 'error',
    what: 'A schema or a database is dropped, or all that a role owns',
    why: 'All tables in it are lost.',
    safe: 'Drop the tables one by one, when nothing reads them any more.',
    bad: {
      before: 'CREATE SCHEMA archive;\nCREATE TABLE archive.orders (id bigint PRIMARY KEY);',
      up: 'DROP SCHEMA archive CASCADE;',
    },
    good: {
      before: 'CREATE SCHEMA archive;\nCREATE TABLE archive.orders (id bigint PRIMARY KEY);',
      up: 'ALTER TABLE archive.orders RENAME TO orders_del;',
    },
    find: (moment) => {
      const statement = of(moment.statement, 'DropStmt')
      const names =
        statement?.removeType === 'OBJECT_SCHEMA' ? (statement.objects ?? []).flatMap(namesOf) : []
      const made = names.filter((name) => !isEmptyNow(moment, name, statement?.behavior === 'DROP_CASCADE'))
      const database = of(moment.statement, 'DropdbStmt')?.dbname
      const owned = moment.statement.kind === 'DropOwnedStmt'
      if (made.length === 0 && database === undefined && !owned) return undefined
      const what = owned ? 'what the role owns' : (database ?? made.join(', '))
      return {
        message: `all that is in ${what} is lost`,
        safe: '-- drop the tables one by one, each when nothing reads it any more',
      }
    },
  },
  {
    id: 'drop-cascade',
    dialect: 'postgres',
    kinds: ['DropStmt', 'AlterTableStmt'],
    topic: 'loss',
    severity: 'error',
    what: 'DROP … CASCADE',
    why: 'What else goes with it is not written anywhere, and differs from database to database.',
    safe: 'Name what is to be dropped, and drop it without CASCADE.',
    bad: {
      before: "CREATE TYPE mood AS ENUM ('sad');\nCREATE TABLE people (id bigint PRIMARY KEY, mood mood);",
      up: 'DROP TYPE mood CASCADE;',
    },
    good: { before: "CREATE TYPE mood AS ENUM ('sad');", up: 'DROP TYPE mood;' },
    find: (moment) => {
      const statement = of(moment.statement, 'DropStmt')
      const key = moment.subject
      if (moment.statement.kind === 'AlterTableStmt' && wasThere(moment, key)) {
        const action = moment.actions.find(
          ({ subtype, behavior, name = '' }) =>
            behavior === 'DROP_CASCADE' &&
            (subtype === 'AT_DropColumn' || subtype === 'AT_DropConstraint') &&
            wasThere(moment, key, subtype === 'AT_DropColumn' ? name : undefined) &&
            !isRetired(name),
        )
        return (
          action && said(`${action.name} of ${key}`, 'the views and foreign keys that count on it', moment)
        )
      }
      if (statement?.behavior !== 'DROP_CASCADE' || statement.removeType === 'OBJECT_SCHEMA') return undefined
      const names = (statement.objects ?? [])
        .map((object) => moment.catalog.keyOfWords(namesOf(object)))
        .filter((name) => isOld(moment, name, statement.removeType ?? '') && !isRetired(bareName(name)))
      if (names.length === 0) return undefined
      return said(names.join(', '), CASCADES[statement.removeType ?? ''] ?? 'whatever counts on it', moment)
    },
  },
  {
    id: 'truncate-table',
    dialect: 'postgres',
    kinds: ['TruncateStmt'],
    topic: 'loss',
    severity: 'error',
    what: 'TRUNCATE',
    why: 'All rows are lost, and with CASCADE those of every table that refers to it.',
    safe: 'Delete what is not wanted in batches, and name each table.',
    bad: { before: BEFORE, up: 'TRUNCATE orders;' },
    good: { before: BEFORE, up: "-- migrate: batch 1000\nDELETE FROM orders WHERE state = 'draft';" },
    find: (moment) => {
      const statement = of(moment.statement, 'TruncateStmt')
      if (statement === undefined) return undefined
      const tables = (statement.relations ?? [])
        .map((relation) => moment.catalog.keyOf(held(relation, 'RangeVar')))
        .filter((key) => wasThere(moment, key))
      if (tables.length === 0) return undefined
      const cascade =
        statement.behavior === 'DROP_CASCADE' ? ', and those of every table that refers to it' : ''
      return {
        message: `all rows of ${tables.join(', ')} are lost${cascade}, under ACCESS EXCLUSIVE`,
        safe: tables.map((key) => batched(`DELETE FROM ${sqlName(key)} WHERE …`)).join('\n'),
      }
    },
  },
  {
    id: 'delete-all-rows',
    dialect: 'postgres',
    kinds: ['DeleteStmt'],
    topic: 'loss',
    severity: 'error',
    what: 'DELETE without a condition, or with one that every row meets',
    why: 'All rows are lost, in one long transaction.',
    safe: 'Say which rows, and delete them in batches.',
    bad: { before: BEFORE, up: 'DELETE FROM orders;' },
    good: { before: BEFORE, up: 'DELETE FROM orders WHERE id = 7;' },
    find: (moment) => {
      const change = moment.statement.kind === 'DeleteStmt' ? changed(moment) : undefined
      if (!change?.all) return undefined
      return {
        message: `all rows of ${change.key} are deleted, in one transaction that holds them until it ends`,
        safe: batched(`DELETE FROM ${sqlName(change.key)} WHERE …`),
      }
    },
  },
  {
    id: 'unbatched-change',
    dialect: 'postgres',
    kinds: ['UpdateStmt', 'DeleteStmt'],
    topic: 'locks',
    severity: 'error',
    what: 'UPDATE or DELETE of many rows at once',
    why: 'Every row stays locked until all are done, the table grows by what was changed, and replicas fall behind.',
    safe: 'A script of its own with "-- migrate: batch <rows>".',
    bad: { before: BEFORE, up: "UPDATE orders SET state = 'open' WHERE state IS NULL;" },
    good: {
      before: BEFORE,
      up: "-- migrate: batch 1000\nUPDATE orders SET state = 'open' WHERE state IS NULL;",
    },
    find: (moment) => {
      const change = changed(moment)
      if (change === undefined || (change.all && moment.statement.kind === 'DeleteStmt')) return undefined
      const which = change.all ? 'every row' : 'all rows that meet the condition'
      const verb = moment.statement.kind === 'DeleteStmt' ? 'deletes' : 'changes'
      return {
        message: `this ${verb} ${which} of ${change.key} at once, and keeps them locked until it is done`,
        safe: `-- in a migration of its own:\n${batched(sqlOf(moment))}`,
      }
    },
  },
]

function said(what: string, more: string, moment: Moment) {
  return {
    message: `with ${what}, ${more} are dropped too`,
    safe: `${sqlOf(moment).replace(/\s+CASCADE\s*$/i, '')};`,
  }
}

/** A schema in which nothing is known to be, without CASCADE: it goes only if it is empty. */
function isEmptyNow({ catalog }: Moment, name: string, cascade: boolean): boolean {
  if (cascade) return false
  for (const table of catalog.tables()) if (table.schema === name) return false
  return true
}

/** Whether what is dropped was there before. */
function isOld(moment: Moment, name: string, type: string): boolean {
  if (moment.catalog.isFresh(name)) return false
  return /TABLE|VIEW/.test(type) ? wasThere(moment, name) : true
}

function isMadeAgain({ ahead, index }: Moment, key: string): boolean {
  return (ahead.made.get(key) ?? -1) > index
}
