import { numberOf, stringOf, words } from '../../../schema/convert/ast.ts'
import { tokensOf } from '../../../schema/tokens.ts'
import { blocksWrites } from '../../effect.ts'
import { namesOf } from '../catalog.ts'
import { effectsOf, hasOption, merged } from '../effects.ts'
import { type Moment, NO_TRANSACTION, type PostgresRule, SECOND, sqlName, sqlOf } from '../moment.ts'
import { held, of, opened } from '../statement.ts'
import { indexOfParts } from './indexes.ts'

const BEFORE = 'CREATE TABLE orders (id bigint PRIMARY KEY, total int);'

/** What cannot run in a transaction, in its words. */
function alone({ statement }: Moment): string | undefined {
  const options = (name: 'VacuumStmt' | 'ReindexStmt') => {
    const node = of(statement, name) as { options?: []; params?: [] } | undefined
    return node?.options ?? node?.params ?? []
  }
  switch (statement.kind) {
    case 'IndexStmt':
      return statement.node.concurrent ? 'CREATE INDEX CONCURRENTLY' : undefined
    case 'DropStmt':
      return statement.node.concurrent ? 'DROP INDEX CONCURRENTLY' : undefined
    case 'ReindexStmt':
      if (hasOption(options('ReindexStmt'), 'concurrently')) return 'REINDEX CONCURRENTLY'
      return statement.node.relation === undefined ? 'REINDEX of many tables' : undefined
    case 'VacuumStmt':
      return statement.node.is_vacuumcmd ? 'VACUUM' : undefined
    case 'ClusterStmt':
      return statement.node.relation === undefined ? 'CLUSTER of all tables' : undefined
    case 'AlterTableStmt': {
      const { cmds = [] } = of(statement, 'AlterTableStmt') ?? {}
      const actions = cmds.map((command) => held(command, 'AlterTableCmd'))
      return actions.some((action) => held(action?.def, 'PartitionCmd')?.concurrent)
        ? 'DETACH PARTITION CONCURRENTLY'
        : undefined
    }
    default:
      return ALONE[statement.kind]
  }
}

const ALONE: Readonly<Record<string, string>> = {
  CreatedbStmt: 'CREATE DATABASE',
  DropdbStmt: 'DROP DATABASE',
  CreateTableSpaceStmt: 'CREATE TABLESPACE',
  DropTableSpaceStmt: 'DROP TABLESPACE',
  AlterSystemStmt: 'ALTER SYSTEM',
}

/** Words of a body that may lock a table or change rows. */
const WORK = new Set(
  'ALTER UPDATE DELETE INSERT TRUNCATE DROP EXECUTE PERFORM CALL LOCK INDEX REFRESH REINDEX MERGE CLUSTER COPY'.split(
    ' ',
  ),
)

function hidesWork(body: string): boolean {
  const words = tokensOf(body, 'postgres').map(({ text }) => text.toUpperCase())
  return words.some((word, i) => {
    // What the block makes may be told what it is to be: ALTER TYPE and DROP TYPE lock no table.
    if ((word === 'ALTER' || word === 'DROP') && /^(TYPE|FUNCTION|ROLE|EXTENSION)$/.test(words[i + 1] ?? ''))
      return false
    return WORK.has(word)
  })
}

/** The functions that a SELECT calls and the catalog knows as ones that may change something. */
function calledIn({ statement, catalog }: Moment): string | undefined {
  const targets = (of(statement, 'SelectStmt')?.targetList ?? []).map(
    (target) => held(target, 'ResTarget')?.val,
  )
  for (const target of targets) {
    const name = words(held(target, 'FuncCall')?.funcname)
    if (name.length > 0 && catalog.volatilityOf(name) === 'volatile') return name.join('.')
  }
  return undefined
}

function opaque(moment: Moment): string | undefined {
  const { statement } = moment
  switch (statement.kind) {
    case 'DoStmt': {
      const options = (of(statement, 'DoStmt')?.args ?? []).map((option) => held(option, 'DefElem'))
      const body = held(options.find((option) => option?.defname === 'as')?.arg, 'String')?.sval ?? ''
      return hidesWork(body) ? 'the DO block' : undefined
    }
    case 'CallStmt':
      return `CALL ${words(of(statement, 'CallStmt')?.funccall?.funcname).join('.')}`
    case 'ExecuteStmt':
      return 'EXECUTE'
    case 'SelectStmt': {
      const name = calledIn(moment)
      return name === undefined ? undefined : `the function ${name}`
    }
    default:
      return undefined
  }
}

/** Whether a statement reads or changes many rows, and what it does. */
function workOf({ statement, catalog, causes, work }: Moment): string | undefined {
  if (work.length > 0) return `works on every row of ${work[0]?.table}`
  switch (statement.kind) {
    case 'UpdateStmt':
    case 'DeleteStmt':
    case 'MergeStmt': {
      const scanned = causes.find(({ scan, lock }) => scan && lock === 'ROW EXCLUSIVE')
      return scanned && `changes rows all over ${scanned.table}`
    }
    case 'InsertStmt':
    case 'CreateTableAsStmt': {
      const source = causes.find(({ scan }) => scan)
      return source && `copies rows of ${source.table}`
    }
    case 'CopyStmt':
      return catalog.isFresh(catalog.keyOf(of(statement, 'CopyStmt')?.relation)) ? undefined : 'copies rows'
    default:
      return undefined
  }
}

/** A VALIDATE that looks at rows. */
function validated({ causes }: Moment) {
  return causes.find(({ rule, scan }) => rule === 'validate-under-lock' && scan)
}

const UNITS: Readonly<Record<string, number>> = {
  us: 0.001,
  ms: 1,
  s: 1000,
  min: 60_000,
  h: 3_600_000,
  d: 86_400_000,
}

/** Milliseconds of a setting. */
function milliseconds(text: string): number | undefined {
  const [, number, unit = 'ms'] = /^\s*(-?\d+(?:\.\d+)?)\s*(us|ms|s|min|h|d)?\s*$/.exec(text) ?? []
  return number === undefined ? undefined : Number(number) * (UNITS[unit] ?? 1)
}

/** What a statement sets a timeout to: SET, or set_config. */
function timeoutOf({ statement }: Moment): { name: string; value: number } | undefined {
  const set = of(statement, 'VariableSetStmt')
  const call = held(held(of(statement, 'SelectStmt')?.targetList?.[0], 'ResTarget')?.val, 'FuncCall')
  const [named, given] = words(call?.funcname).at(-1) === 'set_config' ? (call?.args ?? []) : []
  const name = (set?.name ?? stringOf(named) ?? '').toLowerCase()
  const [arg = given] = set?.args ?? []
  const value = milliseconds(stringOf(arg) ?? numberOf(arg) ?? '')
  return value === undefined ? undefined : { name, value }
}

/** Milliseconds above which a timeout protects nobody. */
const LONGEST: Readonly<Record<string, number>> = { lock_timeout: 10_000, statement_timeout: 3_600_000 }

/** Whether a later statement makes others wait; also where there is none, and the setting is all there is. */
function blocksLater({ script, index, catalog }: Moment): boolean {
  const later = script.statements.slice(index + 1).map(({ tree }) => opened(tree))
  const rest = later.filter(({ kind }) => kind !== 'VariableSetStmt')
  if (rest.length === 0) return true
  return rest.some((statement) => effectsOf(statement, catalog).some(({ lock }) => blocksWrites(lock)))
}

export const TRANSACTION_RULES: readonly PostgresRule[] = [
  {
    id: 'concurrently-in-transaction',
    dialect: 'postgres',
    topic: 'failing',
    severity: 'error',
    what: 'CONCURRENTLY, VACUUM and others in a script that runs in a transaction',
    why: 'PostgreSQL refuses them there: the migration fails.',
    safe: 'A script of its own with "-- migrate: no-transaction".',
    bad: { before: BEFORE, up: 'CREATE INDEX CONCURRENTLY orders_total ON orders (total);' },
    good: {
      before: BEFORE,
      up: `${NO_TRANSACTION}\nCREATE INDEX CONCURRENTLY orders_total ON orders (total);`,
    },
    find: (moment) => {
      const what = moment.script.transaction ? alone(moment) : undefined
      if (what === undefined) return undefined
      return {
        message: `${what} cannot run inside a transaction: the migration fails here`,
        safe: `-- in a migration of its own:\n${NO_TRANSACTION}\n${sqlOf(moment)};`,
      }
    },
  },
  {
    id: 'concurrently-on-partitioned',
    dialect: 'postgres',
    kinds: ['IndexStmt', 'DropStmt'],
    topic: 'failing',
    severity: 'error',
    what: 'An index that is built or dropped CONCURRENTLY on a partitioned table',
    why: 'PostgreSQL refuses it.',
    safe: 'The index ON ONLY the partitioned table, one CONCURRENTLY on each part, and ALTER INDEX … ATTACH PARTITION.',
    bad: {
      before: 'CREATE TABLE events (id bigint, day date) PARTITION BY RANGE (day);',
      up: `${NO_TRANSACTION}\nCREATE INDEX CONCURRENTLY events_day ON events (day);`,
    },
    good: {
      before: 'CREATE TABLE events (id bigint, day date) PARTITION BY RANGE (day);',
      up: 'CREATE INDEX events_day ON ONLY events (day);',
    },
    find: (moment) => {
      const { statement, catalog } = moment
      const [made, dropped] = [of(statement, 'IndexStmt'), of(statement, 'DropStmt')]
      const tables = made?.concurrent
        ? [catalog.keyOf(made.relation)]
        : dropped?.concurrent
          ? (dropped.objects ?? []).map(
              (object) => catalog.ownerOf(catalog.keyOfWords(namesOf(object))) ?? '',
            )
          : []
      const table = tables.find((key) => catalog.table(key)?.partitionBy !== undefined)
      if (table === undefined || (made && made.relation?.inh !== true)) return undefined
      return {
        message: `${table} is partitioned: PostgreSQL refuses CONCURRENTLY for its indexes, and the migration fails here`,
        safe: made ? indexOfParts(table, moment) : sqlOfDrop(dropped?.objects ?? []),
      }
    },
  },
  {
    id: 'validate-under-lock',
    dialect: 'postgres',
    topic: 'locks',
    severity: 'error',
    what: 'VALIDATE CONSTRAINT while a stronger lock is held on the table',
    why: 'The lock that adding the constraint NOT VALID took lasts to the end of the transaction: the rows are looked at under it, and nothing is gained.',
    safe: 'VALIDATE CONSTRAINT in a second migration, in a statement of its own.',
    bad: {
      before: BEFORE,
      up: `ALTER TABLE orders ADD CONSTRAINT orders_total CHECK (total >= 0) NOT VALID;
ALTER TABLE orders VALIDATE CONSTRAINT orders_total;`,
    },
    good: {
      before: `${BEFORE}\nALTER TABLE orders ADD CONSTRAINT orders_total CHECK (total >= 0) NOT VALID;`,
      up: 'ALTER TABLE orders VALIDATE CONSTRAINT orders_total;',
    },
    find: (moment) => {
      const cause = validated(moment)
      if (cause === undefined) return undefined
      const here = merged(moment.causes).find(
        ({ table, lock }) => table === cause.table && blocksWrites(lock),
      )
      const earlier = moment.causes.find(({ table }) => moment.locks.has(table))
      const lock = here?.lock ?? moment.locks.get(earlier?.table ?? '')
      if (lock === undefined) return undefined
      const table = here?.table ?? earlier?.table ?? cause.table
      return {
        message: `VALIDATE looks at every row while this ${here ? 'statement' : 'transaction'} holds ${lock} on ${table}: others wait as if it had been added without NOT VALID`,
        safe: `${SECOND}\nALTER TABLE ${sqlName(cause.table)} VALIDATE CONSTRAINT ${sqlName(cause.why ?? '')};`,
      }
    },
  },
  {
    id: 'work-under-lock',
    dialect: 'postgres',
    topic: 'locks',
    severity: 'error',
    what: 'Long work in a transaction that already holds a lock for which others wait',
    why: 'A lock lasts to the end of the transaction: what would have been short is held for as long as the work takes.',
    safe: 'The work in a migration of its own.',
    bad: {
      before: `${BEFORE}\nCREATE TABLE payments (id bigint PRIMARY KEY, paid boolean);`,
      up: `ALTER TABLE orders ADD COLUMN note text;
INSERT INTO payments (id, paid) SELECT id, false FROM orders;`,
    },
    good: {
      before: BEFORE,
      up: `ALTER TABLE orders ADD COLUMN note text;
ALTER TABLE orders ADD COLUMN paid boolean NOT NULL DEFAULT false;`,
    },
    find: (moment) => {
      const [held] = moment.locks
      if (held === undefined) return undefined
      const cause = validated(moment)
      const onHeld = cause && moment.causes.some(({ table }) => moment.locks.has(table))
      const what = cause ? `looks at every row of ${cause.table}` : workOf(moment)
      // Of a VALIDATE on a table that is locked another rule tells.
      if (what === undefined || onHeld) return undefined
      const [table, lock] = held
      return {
        message: `this ${what} while the transaction holds ${lock} on ${table} from an earlier statement: others wait for ${table} until it is done`,
        safe: `-- in a migration of its own:\n${sqlOf(moment)};`,
      }
    },
  },
  {
    id: 'lock-table',
    dialect: 'postgres',
    kinds: ['LockStmt'],
    topic: 'locks',
    severity: 'warning',
    what: 'LOCK TABLE in a mode for which others wait',
    why: 'The lock lasts to the end of the transaction, whatever the statements behind it need.',
    safe: 'Leave it out: each statement takes the lock that it needs.',
    bad: { before: BEFORE, up: 'LOCK TABLE orders IN ACCESS EXCLUSIVE MODE;' },
    good: { before: BEFORE, up: 'LOCK TABLE orders IN ACCESS SHARE MODE;' },
    find: ({ statement, causes }) => {
      const cause = statement.kind === 'LockStmt' ? causes.find(({ lock }) => blocksWrites(lock)) : undefined
      if (cause === undefined) return undefined
      const who = cause.lock === 'ACCESS EXCLUSIVE' ? 'reads and writes' : 'writes'
      return {
        message: `it takes ${cause.lock} on ${cause.table} until the transaction ends: ${who} of ${cause.table} wait`,
        safe: '-- leave it out: each statement takes the lock that it needs',
      }
    },
  },
  {
    id: 'lock-timeout-off',
    dialect: 'postgres',
    kinds: ['VariableSetStmt', 'SelectStmt'],
    topic: 'locks',
    severity: 'warning',
    what: 'SET lock_timeout or statement_timeout to 0, or to a long time, before a statement for which others wait',
    why: 'A statement that waits for a lock makes all others wait behind it, now for as long as it takes.',
    safe: 'Leave lock_timeout to this tool, or set seconds.',
    bad: { before: BEFORE, up: 'SET lock_timeout = 0;\nALTER TABLE orders ADD COLUMN note text;' },
    good: { before: BEFORE, up: "SET lock_timeout = '2s';\nALTER TABLE orders ADD COLUMN note text;" },
    find: (moment) => {
      const set = timeoutOf(moment)
      const most = LONGEST[set?.name ?? '']
      if (set === undefined || most === undefined || (set.value > 0 && set.value <= most)) return undefined
      if (!blocksLater(moment)) return undefined
      const how = set.value === 0 ? 'without end' : `for up to ${Math.round(set.value / 1000)} s`
      return {
        message:
          set.name === 'lock_timeout'
            ? `what follows may wait for its lock ${how}, and all others wait behind it`
            : `what follows may hold its lock ${how}`,
        safe: set.name === 'lock_timeout' ? "SET lock_timeout = '2s';" : "SET statement_timeout = '5s';",
      }
    },
  },
  {
    id: 'opaque-sql',
    dialect: 'postgres',
    kinds: ['DoStmt', 'CallStmt', 'ExecuteStmt', 'SelectStmt'],
    topic: 'locks',
    severity: 'warning',
    what: 'A DO block, CALL, EXECUTE or a function whose work is not to be seen',
    why: 'What it locks, rewrites or loses is only known by running it.',
    safe: 'Plain statements; or lint with a shadow database, which runs it and sees.',
    bad: { before: BEFORE, up: "DO $$ BEGIN EXECUTE 'ALTER TABLE orders ADD COLUMN note text'; END $$;" },
    good: { before: BEFORE, up: 'ALTER TABLE orders ADD COLUMN note text;' },
    find: (moment) => {
      if (moment.statement.measured) return undefined
      const what = opaque(moment)
      if (what === undefined) return undefined
      return {
        message: `what ${what} does is not to be seen in its text`,
        safe: '-- write the statements themselves, or run lint with a shadow database, which measures them',
      }
    },
  },
  {
    id: 'hidden-work',
    dialect: 'postgres',
    topic: 'locks',
    severity: 'error',
    what: 'Work under a strong lock that was measured and is not in the text: in a function, a DO block or a trigger',
    why: 'Others wait for the table for as long as it takes.',
    safe: 'Plain statements, in the safe form of each.',
    bad: {
      before: BEFORE,
      up: "DO $$ BEGIN EXECUTE 'ALTER TABLE orders ALTER COLUMN total TYPE bigint'; END $$;",
    },
    good: { before: BEFORE, up: "DO $$ BEGIN EXECUTE 'ALTER TABLE orders ADD COLUMN note text'; END $$;" },
    find: (moment) => {
      const [effect] = moment.hidden
      if (effect === undefined) return undefined
      const does = effect.rewrite ? 'writes every row anew' : 'reads every row'
      return {
        message: `this ${does} of ${effect.table} under ${effect.lock}, as measured: others wait meanwhile`,
        safe: `-- write as plain statements what it does to ${effect.table}: each has a safe form`,
      }
    },
  },
]

function sqlOfDrop(objects: Parameters<typeof namesOf>[0][]): string {
  return objects.map((object) => `DROP INDEX ${namesOf(object).map(sqlName).join('.')};`).join('\n')
}
