import type { Failure, SqliteFacts, SqliteStatement } from './facts.ts'
import { lower, q, rebuilds, type SqliteRule, startOf } from './sqlite-rule.ts'

const USERS = 'CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT NOT NULL, email TEXT);'

/** What SQLite says of a script that fails, in whole or in part. */
interface Words extends Omit<SqliteRule, 'find' | 'dialect' | 'topic'> {
  readonly words: RegExp
  /** Whether it fails on tables with rows only. */
  readonly onRows?: true
  readonly say: (words: string) => string
  readonly fix: (failure: Failure, facts: SqliteFacts) => string
}

const NOT_SEEN = 'On an empty table, as a test has it, nothing fails.'

const WORDS: readonly Words[] = [
  {
    id: 'sqlite-add-column-not-null',
    severity: 'error',
    what: 'ADD COLUMN with NOT NULL and no default, on a table with rows.',
    why: `The rows that are there would have NULL: SQLite refuses it. ${NOT_SEEN}`,
    safe: 'Give the column a constant default.',
    bad: { before: USERS, up: 'ALTER TABLE users ADD COLUMN role TEXT NOT NULL;' },
    good: { before: USERS, up: `ALTER TABLE users ADD COLUMN role TEXT NOT NULL DEFAULT 'member';` },
    words: /^cannot add a NOT NULL column/i,
    onRows: true,
    say: () => 'ADD COLUMN with NOT NULL and no default fails on a table that has rows',
    fix: ({ statement }, { statements, script }) =>
      `${textOf(statements[statement], script.text, statements.at(-1)?.end)} DEFAULT '';`,
  },
  {
    id: 'sqlite-add-column-default',
    severity: 'error',
    what: 'ADD COLUMN with a default that is no constant, such as CURRENT_TIMESTAMP, on a table with rows.',
    why: `SQLite cannot compute a value for the rows that are there, and refuses it. ${NOT_SEEN}`,
    safe: 'Add the column without the default and fill it; rebuild the table where new rows need the default.',
    bad: { before: USERS, up: 'ALTER TABLE users ADD COLUMN created_at TEXT DEFAULT CURRENT_TIMESTAMP;' },
    good: { before: USERS, up: 'ALTER TABLE users ADD COLUMN created_at TEXT;' },
    words: /^cannot add a column with non-constant default/i,
    onRows: true,
    say: () => 'ADD COLUMN with a default that is no constant fails on a table that has rows',
    fix: ({ statement }, { statements, script }) =>
      `${textOf(statements[statement], script.text, statements.at(-1)?.end).replace(/\s+default\b[\s\S]*$/i, '')};\n-- the application gives the value, or the table is rebuilt with the default`,
  },
  {
    id: 'sqlite-new-not-null',
    severity: 'warning',
    what: 'Rows with NULL meet a NOT NULL that was not there before.',
    why: `The migration fails where there is one such row. ${NOT_SEEN}`,
    safe: 'Fill the NULLs first: with an UPDATE, or with coalesce() in the copy.',
    bad: {
      before: USERS,
      up: `CREATE TABLE users_new (id INTEGER PRIMARY KEY, name TEXT NOT NULL, email TEXT NOT NULL);
INSERT INTO users_new (id, name, email) SELECT users.id, users.name, users.email FROM users;
DROP TABLE users;
ALTER TABLE users_new RENAME TO users;`,
    },
    good: {
      before: USERS,
      up: `CREATE TABLE users_new (id INTEGER PRIMARY KEY, name TEXT NOT NULL, email TEXT NOT NULL);
INSERT INTO users_new (id, name, email) SELECT users.id, users.name, coalesce(users.email, '') FROM users;
DROP TABLE users;
ALTER TABLE users_new RENAME TO users;`,
    },
    words: /^NOT NULL constraint failed/i,
    onRows: true,
    say: (words) => `it fails where a row has NULL: ${words}`,
    fix: ({ words }) => {
      const [table, column] = pathIn(words)
      return `-- before it, or as coalesce() in the copy:\nUPDATE ${q(table)} SET ${q(column)} = '' WHERE ${q(column)} IS NULL;`
    },
  },
  {
    id: 'sqlite-new-unique',
    severity: 'warning',
    what: 'Rows that are the same meet a UNIQUE, a unique index or a primary key that was not there before.',
    why: `The migration fails where there are two such rows. ${NOT_SEEN}`,
    safe: 'Look for twins before, and decide in a migration of its own which of them stays.',
    bad: { before: USERS, up: 'CREATE UNIQUE INDEX users_email ON users (email);' },
    good: {
      before: USERS,
      up: `DELETE FROM users WHERE id NOT IN (SELECT min(id) FROM users GROUP BY email);
CREATE UNIQUE INDEX users_email ON users (email);`,
    },
    words: /^UNIQUE constraint failed|^indexed columns are not unique/i,
    onRows: true,
    say: (words) => `it fails where two rows have the same: ${words}`,
    fix: ({ words }) => {
      const [table, column] = pathIn(words)
      return `-- none may come of this:\nSELECT ${q(column)}, count(*) FROM ${q(table)} WHERE ${q(column)} IS NOT NULL GROUP BY 1 HAVING count(*) > 1;`
    },
  },
  {
    id: 'sqlite-new-check',
    severity: 'warning',
    what: 'Rows meet a CHECK that was not there before, or the types of a STRICT table.',
    why: `The migration fails where one row does not fit. ${NOT_SEEN}`,
    safe: 'Look for such rows before, and put them right in the same migration.',
    bad: { before: USERS, up: 'ALTER TABLE users ADD COLUMN age INTEGER DEFAULT 0 CHECK (age > 0);' },
    good: { before: USERS, up: 'ALTER TABLE users ADD COLUMN age INTEGER CHECK (age > 0);' },
    words: /CHECK constraint failed|^cannot store/i,
    onRows: true,
    say: (words) => `it fails where a row does not fit: ${words}`,
    fix: ({ words }) =>
      `-- look first for rows that do not fit, and put them right:\n-- SELECT * FROM … WHERE NOT (${words.replace(/^.*failed:? ?/i, '')});`,
  },
  {
    id: 'sqlite-add-column-refused',
    severity: 'error',
    what: 'ADD COLUMN with PRIMARY KEY, UNIQUE, a STORED expression, or REFERENCES and a default.',
    why: 'SQLite adds no such column, whatever is in the table.',
    safe: 'Add it without, and make a unique index; or rebuild the table.',
    bad: { before: USERS, up: 'ALTER TABLE users ADD COLUMN code TEXT UNIQUE;' },
    good: { before: USERS, up: 'ALTER TABLE users ADD COLUMN code TEXT;' },
    words: /^cannot add a (UNIQUE|PRIMARY KEY|STORED|REFERENCES) column/i,
    onRows: true,
    say: (words) => `SQLite adds no such column: ${words}`,
    fix: ({ statement }, { statements, script }) => {
      const text = textOf(statements[statement], script.text, statements.at(-1)?.end)
      const [, table = 'the_table', column = 'the_column'] =
        /table\s+(\S+)\s+add\s+(?:column\s+)?(\S+)/i.exec(text) ?? []
      const plain = text.replace(/\s+(UNIQUE|PRIMARY\s+KEY|STORED)\b/gi, '')
      return `${plain};\nCREATE UNIQUE INDEX ${table.replaceAll(/\W/g, '')}_${column.replaceAll(/\W/g, '')} ON ${table} (${column});`
    },
  },
  {
    id: 'sqlite-drop-column-in-use',
    severity: 'error',
    what: 'DROP COLUMN of a column that a key, an index, a CHECK, a view or a trigger names.',
    why: 'SQLite refuses it, whatever is in the table.',
    safe: 'Drop the index, view or trigger first; for a key or a CHECK, rebuild the table without the column.',
    bad: {
      before: `${USERS}\nCREATE INDEX users_email ON users (email);`,
      up: 'ALTER TABLE users DROP COLUMN email;',
    },
    good: {
      before: `${USERS}\nCREATE INDEX users_email ON users (email);`,
      up: 'DROP INDEX users_email;',
    },
    words: /after drop column|^cannot drop (PRIMARY KEY|UNIQUE)? ?column/i,
    say: (words) => `SQLite does not drop the column: ${words}`,
    fix: ({ words, statement }, { statements, script }) => {
      const [, type = '', name = ''] = /^error in (index|view|trigger) (\S+)/.exec(words) ?? []
      const text = `${textOf(statements[statement], script.text, statements.at(-1)?.end)};`
      return type === ''
        ? '-- rebuild the table without the column: create, copy, drop, rename'
        : `DROP ${type.toUpperCase()} ${q(name)};\n${text}`
    },
  },
  {
    id: 'sqlite-rename-blocked',
    severity: 'error',
    what: 'A rename while a view or a trigger refers to a table that is not there.',
    why: 'A rename reads every view and trigger. In a rebuild the old table is gone by then; outside a transaction it stays gone.',
    safe: 'Drop the view or trigger before the old table, and make it again at the end.',
    bad: {
      before: `${USERS}\nCREATE VIEW named AS SELECT id, name FROM users;`,
      up: `CREATE TABLE users_new (id INTEGER PRIMARY KEY, name TEXT NOT NULL, email TEXT);
INSERT INTO users_new (id, name, email) SELECT users.id, users.name, users.email FROM users;
DROP TABLE users;
ALTER TABLE users_new RENAME TO users;`,
    },
    good: {
      before: `${USERS}\nCREATE VIEW named AS SELECT id, name FROM users;`,
      up: `DROP VIEW named;
CREATE TABLE users_new (id INTEGER PRIMARY KEY, name TEXT NOT NULL, email TEXT);
INSERT INTO users_new (id, name, email) SELECT users.id, users.name, users.email FROM users;
DROP TABLE users;
ALTER TABLE users_new RENAME TO users;
CREATE VIEW named AS SELECT id, name FROM users;`,
    },
    words: /^error in (view|trigger) \S+: no such/i,
    say: (words) => `the rename fails: ${words}`,
    fix: ({ words }, { before }) => {
      const [, type = '', name = ''] = /^error in (view|trigger) ([^\s:]+)/i.exec(words) ?? []
      const all: readonly { name: string; sql?: string; query?: string }[] =
        type === 'view' ? before.views : before.triggers
      const found = all.find((one) => lower(one.name) === lower(name))
      const made = found?.sql ?? `CREATE VIEW ${q(name)} AS ${found?.query ?? 'SELECT …'}`
      return `-- before DROP TABLE:\nDROP ${type.toUpperCase()} ${q(name)};\n-- at the end:\n${made};`
    },
  },
  {
    id: 'sqlite-double-quotes',
    severity: 'error',
    what: 'A text stands in double quotes, or a column that is not there does.',
    why: 'Double quotes are for names. Where SQLite is built as it has long been, SELECT "nickname" of a table without that column gives the word nickname in every row and no error: a copy loses what it should have carried.',
    safe: `Write texts in single quotes, and columns with their table: users."name".`,
    bad: { before: USERS, up: 'UPDATE users SET name = "nobody" WHERE id = 1;' },
    good: { before: USERS, up: `UPDATE users SET name = 'nobody' WHERE id = 1;` },
    words: /should this be a string literal in single-quotes/,
    say: (words) =>
      `${words.replace(/ - should.*$/, '')}: elsewhere SQLite takes it for a text and puts that into every row`,
    fix: ({ words }) => {
      const name = /"([^"]*)"/.exec(words)?.[1] ?? ''
      return `-- a text: '${name}'; a column: its_table.${q(name)}`
    },
  },
  {
    id: 'sqlite-vacuum-in-transaction',
    severity: 'error',
    what: 'VACUUM in a script that runs in a transaction.',
    why: 'It fails there, always.',
    safe: 'Put it into a migration of its own with "-- migrate: no-transaction".',
    bad: { before: USERS, up: 'VACUUM;' },
    good: { before: USERS, up: '-- migrate: no-transaction\nVACUUM;' },
    words: /cannot VACUUM from within/i,
    say: () => 'VACUUM fails inside a transaction',
    fix: () => '-- migrate: no-transaction\nVACUUM;',
  },
]

/** What stands in the place of a statement, without its semicolon. */
function textOf(statement: SqliteStatement | undefined, script: string, from = 0): string {
  const text =
    statement?.text ??
    script
      .slice(from)
      .trim()
      .replace(/;[\s\S]*$/, '')
  return text.trim().replace(/;$/, '')
}

/** The table and the column in SQLite's words, the first of them. */
function pathIn(words: string): readonly [string, string] {
  const [, table = 'the_table', column = 'the_column'] = /failed: ([^.\s]+)\.([^,\s]+)/.exec(words) ?? []
  return [table, column]
}

/** Words that may be said only because an earlier migration could not be replayed. */
const MISSING = /^no such|^error in|already exists|duplicate column/

function fails({ fails, doubtful }: SqliteFacts): Failure | undefined {
  return doubtful && fails !== undefined && MISSING.test(fails.words) ? undefined : fails
}

function byWords({ words, onRows, say, fix, ...rule }: Words): SqliteRule {
  return {
    ...rule,
    dialect: 'sqlite',
    topic: 'failing',
    find: (facts) => {
      const all = [fails(facts), onRows && facts.failsOnRows]
      return all
        .filter((failure) => failure !== undefined)
        .filter((failure) => words.test(failure.words))
        .map((failure) => ({
          at: failure.at,
          message: say(failure.words),
          safe: fix(failure, facts),
        }))
    },
  }
}

/** What fails, on empty tables or only where there are rows. */
export const FAILING: readonly SqliteRule[] = [
  ...WORDS.map(byWords),
  {
    id: 'sqlite-fails',
    dialect: 'sqlite',
    topic: 'failing',
    severity: 'error',
    what: 'SQLite refuses the script, on tables without rows too.',
    why: 'The migration stops here on every database.',
    safe: 'Correct the statement.',
    bad: { before: USERS, up: 'ALTER TABLE users ADD COLUMN IF NOT EXISTS age INTEGER;' },
    good: { before: USERS, up: 'ALTER TABLE users ADD COLUMN age INTEGER;' },
    find: (facts) => {
      const failure = fails(facts)
      if (failure === undefined || WORDS.some(({ words }) => words.test(failure.words))) return []
      return [{ at: failure.at, message: `it fails: ${failure.words}`, safe: '-- correct this statement' }]
    },
  },
  {
    id: 'sqlite-add-column-references',
    dialect: 'sqlite',
    topic: 'failing',
    severity: 'error',
    what: 'ADD COLUMN with REFERENCES and a default that is not NULL.',
    why: 'With foreign keys on SQLite refuses it; with foreign keys off it is taken, and every row refers to what may not be there.',
    safe: 'Add the column without the default, and fill it.',
    bad: { before: USERS, up: 'ALTER TABLE users ADD COLUMN boss INTEGER DEFAULT 1 REFERENCES users (id);' },
    good: { before: USERS, up: 'ALTER TABLE users ADD COLUMN boss INTEGER REFERENCES users (id);' },
    find: (facts) =>
      facts.tables.flatMap(({ table, now, fate }) => {
        if (fate !== 'kept' || now === undefined) return []
        const fresh = now.columns.filter(
          (column) =>
            column.default !== undefined &&
            column.default.toUpperCase() !== 'NULL' &&
            !table.columns.some((one) => lower(one.name) === lower(column.name)),
        )
        return fresh
          .filter(({ name }) => now.foreignKeys.some(({ columns }) => columns.includes(name)))
          .map(({ name, type }) => ({
            at: startOf(facts, facts.changedAt.get(lower(table.name)) ?? 0),
            message: `ADD COLUMN ${name} to ${table.name} fails with foreign keys on: it refers to rows and has a default`,
            safe: `ALTER TABLE ${q(table.name)} ADD COLUMN ${q(name)} ${type} REFERENCES …;\n-- then, by key or in batches:\nUPDATE ${q(table.name)} SET ${q(name)} = … WHERE …;`,
          }))
      }),
  },
  {
    id: 'sqlite-strict-conversion',
    dialect: 'sqlite',
    topic: 'failing',
    severity: 'warning',
    what: 'A rebuild makes a table STRICT that was not.',
    why: 'A table that was not STRICT may hold anything in any column: one value of another type, and the copy fails.',
    safe: 'Look for such values with typeof() before, and put them right.',
    bad: {
      before: USERS,
      up: `CREATE TABLE users_new (id INTEGER PRIMARY KEY, name TEXT NOT NULL, email TEXT) STRICT;
INSERT INTO users_new (id, name, email) SELECT users.id, users.name, users.email FROM users;
DROP TABLE users;
ALTER TABLE users_new RENAME TO users;`,
    },
    good: { up: 'CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT NOT NULL, email TEXT) STRICT;' },
    find: (facts) =>
      rebuilds(facts)
        .filter(({ table, now }) => !table.strict && now?.strict)
        .filter(({ now }) => now?.columns.some(({ type }) => lower(type) !== 'any'))
        .map(({ table, now, at }) => ({
          at: startOf(facts, at),
          message: `${table.name} becomes STRICT: the copy fails at the first value of another type than its column's`,
          safe: (now?.columns ?? [])
            .filter(({ type }) => lower(type) !== 'any')
            .map(({ name }) => `SELECT typeof(${q(name)}), count(*) FROM ${q(table.name)} GROUP BY 1;`)
            .join('\n'),
        })),
  },
  {
    id: 'sqlite-if-not-exists',
    dialect: 'sqlite',
    topic: 'failing',
    severity: 'warning',
    what: 'IF NOT EXISTS, and there is one of that name that is not the same.',
    why: 'The statement does nothing and says nothing: the old one stays, and what is built on the new one fails later.',
    safe: 'Leave IF NOT EXISTS out, or change what is there.',
    bad: { before: USERS, up: 'CREATE TABLE IF NOT EXISTS users (id INTEGER PRIMARY KEY, mail TEXT);' },
    good: { before: USERS, up: 'CREATE TABLE IF NOT EXISTS people (id INTEGER PRIMARY KEY, mail TEXT);' },
    find: ({ statements }) =>
      statements.flatMap(({ keeps, start, text }) =>
        keeps === undefined
          ? []
          : [
              {
                at: start,
                message: `there is a ${keeps.type} ${keeps.name} already, which is not the same: the statement does nothing`,
                safe: text.replace(/\bif\s+not\s+exists\s+/i, ''),
              },
            ],
      ),
  },
]
