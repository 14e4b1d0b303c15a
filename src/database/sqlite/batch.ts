import { constants, type DatabaseSync } from 'node:sqlite'
import { isSign, isWord, type Token, tokensOf, unquoted } from '../../core/schema/tokens.ts'
import type { Script } from '../../core/script.ts'
import type { Spot } from '../../core/sql-error.ts'
import { quoteName } from '../../core/text.ts'
import {
  type Batched,
  badClause,
  changesKey,
  type Found,
  type KeyColumn,
  nextOf,
  nextSql,
  notInBatches,
  otherStatement,
  rangeOf,
  readsItself,
  refuseOrder,
  within,
} from '../batch.ts'
import { isSqliteError } from './errors.ts'
import { type Action, walk } from './script.ts'

/** The most milliseconds for which a batch is to keep others from writing: to any table. */
const TARGET = 50

const SESSION: readonly number[] = [constants.SQLITE_PRAGMA, constants.SQLITE_ATTACH, constants.SQLITE_DETACH]
const WRITES: readonly number[] = [constants.SQLITE_INSERT, constants.SQLITE_UPDATE, constants.SQLITE_DELETE]

/** See `batches` in database.ts. */
export function readBatches(native: DatabaseSync, script: Script, name: string): Batched[] {
  const read: (Spot & { session: boolean; actions: readonly Action[] })[] = []
  walk(native, script, name, { watch: true }, ({ spot, actions, run }) => {
    const session = actions.some(({ code }) => SESSION.includes(code))
    if (!session && !/^(update|delete|with)$/i.test(firstWord(script.text, spot)))
      throw otherStatement(script, spot)
    // What it attaches, the statements below may read.
    if (session) run()
    read.push({ ...spot, session, actions })
  })
  refuseOrder(script, read)
  return read
    .filter(({ session }) => !session)
    .map((one) => batched(native, script, find(native, script, one)))
}

function firstWord(text: string, { start, end }: Spot): string {
  return tokensOf(text.slice(start, end), 'sqlite')[0]?.text ?? ''
}

function batched(native: DatabaseSync, script: Script, found: Found): Batched {
  const { start, end, key, table } = found
  return {
    start,
    end,
    by: key.map(({ name }) => name),
    target: TARGET,
    remaining: async (after) => {
      const behind =
        after === undefined ? '' : `WHERE ${rangeOf({ key, called: 'walked' }, after, undefined)}`
      const row = native.prepare(`SELECT count(*) AS n FROM ${table} AS walked ${behind}`).get()
      return { rows: Number(row?.n), exact: true }
    },
    next: async (after, rows) => nextOf(found, native.prepare(nextSql(found, after, rows)).all()),
    part: (after, last) => ({
      file: script.file,
      text: within(found, rangeOf(found, after, last)),
      before: script.text.slice(0, start),
    }),
  }
}

/** What a statement writes and along which key it can go: SQLite's authorizer says it. */
function find(
  native: DatabaseSync,
  script: Script,
  { start, end, actions }: Spot & { actions: readonly Action[] },
): Found {
  const spot = { start, end }
  const tokens = tokensOf(script.text.slice(start, end), 'sqlite')
  while (isSign(tokens.at(-1), ';')) tokens.pop()
  const at = (token: Token) => ({ ...spot, at: start + token.start })
  const outer = outside(tokens)
  if (isWord(tokens[0], 'WITH')) throw badClause(script, spot, 'WITH')
  for (const clause of ['RETURNING', 'LIMIT', 'ORDER']) {
    const token = outer.find((one) => isWord(one, clause))
    if (token !== undefined) throw badClause(script, at(token), clause === 'ORDER' ? 'ORDER BY' : clause)
  }
  const write = actions.find(({ code }) => WRITES.includes(code))
  const name = write?.first ?? ''
  if (write?.schema !== 'main') {
    throw notInBatches(
      script,
      spot,
      `${name} is in another file, and a batch and its note would not commit together`,
      'migrate that file by itself, or leave out the directive',
    )
  }
  const table = `main.${quoteName(name)}`
  const key = keyOf(native, script, spot, name)
  const names = key.map((column) => column.name.toLowerCase())
  const changed = actions
    .filter(({ code, first }) => code === constants.SQLITE_UPDATE && first === name)
    .map(({ second }) => second ?? '')
    .filter(
      (column) =>
        names.includes(column.toLowerCase()) || (names[0] === 'rowid' && isRowid(native, name, column)),
    )
  if (changed.length > 0) throw changesKey(script, spot, name, [...new Set(changed)])
  const text = script.text.slice(start, start + (tokens.at(-1)?.end ?? 0))
  const found = {
    ...spot,
    text,
    where: outer.find((one) => isWord(one, 'WHERE'))?.end,
    table,
    called: calledIn(tokens),
    key,
  }
  checkRange(native, script, found, actions)
  if (readsTwice(native, found, name, tokens, actions)) throw readsItself(script, spot, name)
  return found
}

/** The tokens that stand in no parentheses. */
function outside(tokens: readonly Token[]): Token[] {
  let depth = 0
  return tokens.filter((token) => {
    if (isSign(token, '(')) depth++
    if (isSign(token, ')')) depth--
    return depth === 0
  })
}

/** The name by which a statement calls the table that it writes: https://sqlite.org/syntax/qualified-table-name.html */
function calledIn(tokens: readonly Token[]): string {
  let i = isWord(tokens[1], 'OR') ? 3 : isWord(tokens[0], 'DELETE') ? 2 : 1
  if (isSign(tokens[i + 1], '.')) i += 2
  if (isWord(tokens[i + 1], 'AS')) i += 2
  const token = tokens[i]
  return token === undefined ? '' : quoteName(unquoted(token))
}

/** SQLite's own names for a row's number. A column of such a name hides it. */
const ROWIDS = ['rowid', '_rowid_', 'oid']

/** The key of a table: the number of its rows, or of a WITHOUT ROWID table its primary key. */
function keyOf(native: DatabaseSync, script: Script, spot: Spot, name: string): KeyColumn[] {
  const table = native
    .prepare(`SELECT type, wr FROM pragma_table_list WHERE schema = 'main' AND lower(name) = lower(?)`)
    .get(name)
  if (table?.type !== 'table') {
    throw notInBatches(
      script,
      spot,
      `${name} is a ${table?.type ?? 'table that is not there'}, and has no key of its own`,
      table?.type === 'view' ? 'write to the table behind it' : 'leave out the directive',
    )
  }
  const columns = native.prepare('SELECT name, pk FROM pragma_table_xinfo(?) ORDER BY pk').all(name)
  const literal = (column: string) =>
    // `quote` ends a text at a NUL. The plus takes away what the CAST says of the type, which columns would follow.
    `CASE WHEN typeof(${column}) = 'text' AND instr(${column}, char(0)) > 0
      THEN '+CAST(X''' || hex(${column}) || ''' AS TEXT)' ELSE quote(${column}) END`
  if (table.wr === 1) {
    const key = columns.filter(({ pk }) => Number(pk) > 0).map((column) => String(column.name))
    return key.map((column) => ({ name: column, sql: quoteName(column), literal }))
  }
  const taken = new Set(columns.map((column) => String(column.name).toLowerCase()))
  const rowid = ROWIDS.find((one) => !taken.has(one)) ?? rowidAlias(native, name)
  if (rowid !== undefined) return [{ name: 'rowid', sql: quoteName(rowid), literal }]
  throw notInBatches(
    script,
    spot,
    `the columns of ${name} hide the number of its rows: ${ROWIDS.join(', ')}`,
    'leave out the directive',
  )
}

/** The column that is the row's number: https://sqlite.org/lang_createtable.html#rowid */
function rowidAlias(native: DatabaseSync, table: string): string | undefined {
  const columns = native.prepare('SELECT name, upper(type) AS type, pk FROM pragma_table_xinfo(?)').all(table)
  const [key, ...more] = columns.filter(({ pk }) => Number(pk) > 0)
  if (key?.type !== 'INTEGER' || more.length > 0) return undefined
  // INTEGER PRIMARY KEY DESC is none, and has an index.
  const index = native.prepare(`SELECT 1 FROM pragma_index_list(?) WHERE origin = 'pk'`).get(table)
  return index === undefined ? String(key.name) : undefined
}

function isRowid(native: DatabaseSync, table: string, column: string): boolean {
  return column === 'ROWID' || column.toLowerCase() === rowidAlias(native, table)?.toLowerCase()
}

/** Makes sure that SQLite takes the statement with a range in it as the one that it was. */
function checkRange(native: DatabaseSync, script: Script, found: Found, actions: readonly Action[]): void {
  const dummy = found.key.map(() => '0')
  const ranged = within(found, rangeOf(found, dummy, dummy))
  const writes = (some: readonly Action[]) =>
    JSON.stringify(
      some
        .filter(({ code }) => WRITES.includes(code))
        .map(({ code, first, second }) => [code, first, second]),
    )
  const now = actionsOf(native, ranged)
  if (now !== undefined && writes(now) === writes(actions)) return
  throw notInBatches(script, found, 'this statement cannot be cut into batches', 'leave out the directive')
}

/** What a statement does, if it is one that SQLite can compile. */
function actionsOf(native: DatabaseSync, sql: string): Action[] | undefined {
  const actions: Action[] = []
  native.setAuthorizer((code, first, second, schema, within) => {
    actions.push({ code, first, second, schema, within })
    return constants.SQLITE_OK
  })
  try {
    return native.prepare(sql).sourceSQL.length === sql.length ? actions : undefined
  } catch (error) {
    if (isSqliteError(error)) return undefined
    throw error
  } finally {
    native.setAuthorizer(null)
  }
}

/** A function that nobody calls in a migration, and that gives no NULL. */
const PROBE = 'sqlite_source_id'

/**
 * Whether a statement reads the table that it writes in a subquery or in FROM, too: SQLite is asked. A WITH in front
 * of it takes the table's name there and nowhere else, and says so by the function that it calls.
 */
function readsTwice(
  native: DatabaseSync,
  { text, table }: Found,
  name: string,
  tokens: readonly Token[],
  actions: readonly Action[],
): boolean {
  const views = new Set(
    native
      .prepare(`SELECT name FROM sqlite_schema WHERE type = 'view'`)
      .all()
      .map((row) => String(row.name)),
  )
  const READ = constants.SQLITE_READ
  if (actions.some((one) => one.code === READ && one.first === name && views.has(one.within ?? '')))
    return true
  // By the name of the database too it can be read.
  const qualified = tokens.filter(
    (token, i) =>
      i > 3 &&
      isSign(tokens[i - 1], '.') &&
      !isSign(tokens[i + 1], '.') &&
      tokens[i - 2] !== undefined &&
      isMain(tokens[i - 2]) &&
      unquoted(token).toLowerCase() === name.toLowerCase(),
  )
  if (qualified.length > 0) return true
  const calls = (some: readonly Action[]) => some.filter(({ second }) => second === PROBE).length
  const probe = `WITH ${quoteName(name)} AS (SELECT * FROM ${table} WHERE ${PROBE}() IS NOT NULL) ${text}`
  const probed = actionsOf(native, probe)
  return probed === undefined || calls(probed) > calls(actions)
}

function isMain(token: Token | undefined): boolean {
  return token !== undefined && unquoted(token).toLowerCase() === 'main'
}
