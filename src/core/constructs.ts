import type { Dialect } from './migrations.ts'

/** SQL that one database has and another refuses, as people meet it when a script reaches the wrong one. */
interface Construct {
  readonly of: Dialect | 'mysql'
  readonly name: string
  readonly pattern: RegExp
  /** A statement that its own database takes and the others refuse: the test runs it. */
  readonly example: string
}

const OWNERS = { sqlite: 'SQLite', postgres: 'PostgreSQL', mysql: 'MySQL' } as const

export const CONSTRUCTS: readonly Construct[] = [
  { of: 'postgres', name: 'a cast with ::', pattern: /::\s*[a-z_]/i, example: "SELECT '1'::int" },
  { of: 'postgres', name: 'now()', pattern: /\bnow\s*\(\s*\)/i, example: 'SELECT now()' },
  {
    of: 'postgres',
    name: 'gen_random_uuid()',
    pattern: /\bgen_random_uuid\s*\(/i,
    example: 'SELECT gen_random_uuid()',
  },
  {
    of: 'postgres',
    name: 'CREATE TYPE',
    pattern: /\bcreate\s+type\b/i,
    example: "CREATE TYPE construct_mood AS ENUM ('ok')",
  },
  {
    of: 'postgres',
    name: 'ALTER TYPE',
    pattern: /\balter\s+type\b/i,
    example: "ALTER TYPE construct_kind ADD VALUE 'new'",
  },
  {
    of: 'postgres',
    name: 'CREATE EXTENSION',
    pattern: /\bcreate\s+extension\b/i,
    example: 'CREATE EXTENSION IF NOT EXISTS plpgsql',
  },
  {
    of: 'postgres',
    name: 'DROP COLUMN IF EXISTS',
    pattern: /\bdrop\s+column\s+if\s+exists\b/i,
    example: 'ALTER TABLE construct_table DROP COLUMN IF EXISTS c',
  },
  {
    of: 'postgres',
    name: 'ADD COLUMN IF NOT EXISTS',
    pattern: /\badd\s+column\s+if\s+not\s+exists\b/i,
    example: 'ALTER TABLE construct_table ADD COLUMN IF NOT EXISTS a int',
  },
  {
    of: 'postgres',
    name: 'ALTER COLUMN … TYPE',
    pattern: /\balter\s+(column\s+)?\S+\s+(set\s+data\s+)?type\b/i,
    example: 'ALTER TABLE construct_table ALTER COLUMN a TYPE bigint',
  },
  {
    of: 'postgres',
    name: 'CONCURRENTLY',
    pattern: /\bindex\s+concurrently\b/i,
    example: 'CREATE INDEX CONCURRENTLY construct_index ON construct_table (a)',
  },
  {
    of: 'postgres',
    name: 'CREATE OR REPLACE',
    pattern: /\bcreate\s+or\s+replace\b/i,
    example: 'CREATE OR REPLACE VIEW construct_view AS SELECT 1 AS a',
  },
  { of: 'postgres', name: 'TRUNCATE', pattern: /\btruncate\b/i, example: 'TRUNCATE construct_table' },
  {
    of: 'postgres',
    name: 'COMMENT ON',
    pattern: /\bcomment\s+on\b/i,
    example: "COMMENT ON TABLE construct_table IS 'c'",
  },
  { of: 'postgres', name: 'DO $$', pattern: /\bdo\s+\$/i, example: 'DO $$ BEGIN END $$' },
  {
    of: 'postgres',
    name: 'an index method (USING)',
    pattern: /\bindex\b[^;]*\busing\s+(gin|gist|btree|hash|brin)\b/i,
    example: 'CREATE INDEX construct_hash ON construct_table USING hash (a)',
  },
  {
    of: 'postgres',
    name: 'DROP … CASCADE',
    pattern: /\bdrop\b[^;]*\bcascade\b/i,
    example: 'DROP TABLE IF EXISTS construct_none CASCADE',
  },
  {
    of: 'postgres',
    name: 'GENERATED … AS IDENTITY',
    pattern: /\bas\s+identity\b/i,
    example: 'CREATE TABLE construct_identity (id int GENERATED ALWAYS AS IDENTITY)',
  },
  {
    of: 'sqlite',
    name: 'AUTOINCREMENT',
    pattern: /\bautoincrement\b/i,
    example: 'CREATE TABLE construct_auto (id INTEGER PRIMARY KEY AUTOINCREMENT)',
  },
  {
    of: 'sqlite',
    name: "datetime('now')",
    pattern: /\b(datetime|strftime|unixepoch|julianday)\s*\(/i,
    example: "SELECT datetime('now')",
  },
  { of: 'sqlite', name: 'PRAGMA', pattern: /\bpragma\b/i, example: 'PRAGMA user_version' },
  {
    of: 'sqlite',
    name: 'INSERT OR …',
    pattern: /\b(insert|update)\s+or\s+\w+/i,
    example: 'INSERT OR IGNORE INTO construct_table (a) VALUES (1)',
  },
  {
    of: 'sqlite',
    name: 'WITHOUT ROWID',
    pattern: /\bwithout\s+rowid\b/i,
    example: 'CREATE TABLE construct_rowid (a INTEGER PRIMARY KEY) WITHOUT ROWID',
  },
  {
    of: 'sqlite',
    name: 'STRICT',
    pattern: /\)\s*strict\b/i,
    example: 'CREATE TABLE construct_strict (a INTEGER) STRICT',
  },
  {
    of: 'sqlite',
    name: 'randomblob()',
    pattern: /\b(randomblob|hex|zeroblob)\s*\(/i,
    example: 'SELECT hex(randomblob(1))',
  },
  {
    of: 'sqlite',
    name: 'names in `backticks`',
    pattern: /`[^`]+`/,
    example: 'SELECT `a` FROM `construct_table`',
  },
  {
    of: 'sqlite',
    name: 'the type BLOB',
    pattern: /\bblob\b/i,
    example: 'CREATE TABLE construct_blob (b BLOB)',
  },
  {
    of: 'mysql',
    name: 'AUTO_INCREMENT',
    pattern: /\bauto_increment\b/i,
    example: 'CREATE TABLE construct_my (id INT PRIMARY KEY AUTO_INCREMENT)',
  },
  {
    of: 'mysql',
    name: 'GET_LOCK',
    pattern: /\b(get|release)_lock\s*\(/i,
    example: "SELECT GET_LOCK('migrations', 60)",
  },
  {
    of: 'mysql',
    name: 'ENGINE=',
    pattern: /\bengine\s*=/i,
    example: 'CREATE TABLE construct_engine (a INT) ENGINE=InnoDB',
  },
]

/**
 * A construct of another database in a failing statement, nearest to where the error is.
 *
 * @param offset of the error in the statement
 */
export function foreignConstruct(statement: string, offset: number, dialect: Dialect): string | undefined {
  let best: Construct | undefined
  let least = Number.POSITIVE_INFINITY
  for (const construct of CONSTRUCTS) {
    if (construct.of === dialect) continue
    for (const found of statement.matchAll(new RegExp(construct.pattern, 'gi'))) {
      const distance = Math.max(found.index - offset, offset - (found.index + found[0].length), 0)
      if (distance < least) {
        least = distance
        best = construct
      }
    }
  }
  return best && `${best.name} is ${OWNERS[best.of]}'s`
}
