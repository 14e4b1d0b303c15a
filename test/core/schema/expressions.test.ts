import assert from 'node:assert/strict'
import { DatabaseSync } from 'node:sqlite'
import { before, describe, test } from 'node:test'
import type { Dialect } from '../../../src/core/migrations.ts'
import {
  type Columns,
  type Expressions,
  loadExpressions,
} from '../../../src/core/schema/convert/expressions.ts'
import type { Kind } from '../../../src/core/schema/model.ts'
import { KINDS } from '../../matrix.ts'

/** Each with what means the same: as PostgreSQL gives it back, and as people write it for SQLite. */
const SAME: readonly [string, string][] = [
  ["strftime('%s', 'now')", "(date_part('epoch'::text, now()))::bigint"],
  [
    "((status)::text = ANY ((ARRAY['a'::character varying, 'b'::character varying])::text[]))",
    "status IN ('b', 'a')",
  ],
  ["(status = ANY (ARRAY['a'::text, 'b'::text]))", "\"status\" in ('a','b')"],
  ["(status = ANY ('{a,b}'::text[]))", "status IN ('a', 'b', 'a')"],
  ["(status <> ALL (ARRAY['a'::text, 'b'::text]))", "NOT status IN ('a', 'b')"],
  ["(status = ANY (ARRAY['a'::text]))", "status = 'a'"],
  ['now()', "datetime('now')"],
  ['CURRENT_TIMESTAMP', "strftime('%Y-%m-%dT%H:%M:%fZ', 'now')"],
  ['CURRENT_TIMESTAMP', "strftime('%Y-%m-%d %H:%M:%S','now')"],
  ["(now() AT TIME ZONE 'utc'::text)", 'current_timestamp'],
  ["to_char((now() AT TIME ZONE 'UTC'::text), 'YYYY-MM-DD HH24:MI:SS'::text)", "datetime('now')"],
  ['CURRENT_DATE', "date('now')"],
  ['(now())::date', "date('now')"],
  ['(EXTRACT(epoch FROM now()))::bigint', "CAST(strftime('%s', 'now') AS INTEGER)"],
  ['EXTRACT(epoch FROM now())', 'unixepoch()'],
  ["(now() - '7 days'::interval)", "datetime('now', '-7 days')"],
  ["'x'::text", "'x'"],
  ["'a'::log_level", "'a'"],
  ["'{}'::jsonb", "'{}'"],
  ["'-1'::integer", '-1'],
  ['0.5::double precision', '0.50'],
  ["'1.0'::numeric", '1'],
  ["'\\x00ff'::bytea", "X'00FF'"],
  ["'2024-01-01 12:30:00.5+00'::timestamp with time zone", "'2024-01-01 12:30:00.5'"],
  ["'2024-01-01 00:00:00+00'::timestamp with time zone", "'2024-01-01'"],
  ['NULL::character varying', 'NULL'],
  ['true', '1'],
  ['false', '0'],
  ['((a > 0) AND (b < 5))', 'b < 5 AND 0 < a'],
  ['((a >= 1) AND (a <= 2))', 'a BETWEEN 1 AND 2'],
  ['((a < 1) OR (a > 2))', 'NOT (a BETWEEN 1 AND 2)'],
  ['(a <> 1)', 'a != 1'],
  ['(a = 1)', '`a` == 1'],
  ['("createdAt" > 0)', 'createdAt > 0'],
  ['("from" > 0)', '[from] > 0'],
  ['(a IS DISTINCT FROM b)', 'a IS NOT b'],
  ['(NOT (a IS DISTINCT FROM b))', 'NOT a IS NOT b'],
  ['(NOT (a IS DISTINCT FROM 1))', 'a IS 1'],
  ['(a IS NOT NULL)', 'a NOTNULL'],
  ['enabled', 'enabled = 1'],
  ['(enabled = true)', 'enabled = 1'],
  ['(NOT enabled)', 'enabled = 0'],
  ['(enabled AND (a > 0))', 'a > 0 AND enabled = 1'],
  ['(char_length((name)::text) > 3)', 'length(name) > 3'],
  ["(name ~~ '%@%'::text)", "name LIKE '%@%'"],
  ["(name !~~ '%@%'::text)", "NOT name LIKE '%@%'"],
  ["(name ~~* 'a%'::text)", "name LIKE 'a%'"],
  ["(strpos(name, '@'::text) > 1)", "instr(name, '@') > 1"],
  ["(meta ->> 'a'::text)", "json_extract(meta, '$.a')"],
  ["(meta #>> '{a,b}'::text[])", "json_extract(meta, '$.a.b')"],
  ["COALESCE(name, 'x'::text)", "ifnull(name, 'x')"],
  ["CASE WHEN (a > 1) THEN 'x'::text ELSE NULL::text END", "iif(a > 1, 'x', NULL)"],
  ['gen_random_uuid()', 'lower(hex(randomblob(16)))'],
  ['btrim(name)', 'trim(name)'],
  ["name GLOB 'a*'", '"name"   glob  \'a*\''],
  ["'it''s'", '"it\'s"'],
  [
    'SELECT users.id, users.email FROM users WHERE users.enabled',
    'select id, email from users where enabled = 1',
  ],
]

const DIFFERENT: readonly [string, string][] = [
  ["'a'", "'b'"],
  ["'1'", '1'],
  ['a > 0', 'a >= 0'],
  ['a > b', 'b > a'],
  ['a - b', 'b - a'],
  ["'2024-01-01 00:00:00+00'::timestamp with time zone", "'2024-01-01 00:00:01'"],
  ["status IN ('a', 'b')", "status IN ('a', 'c')"],
  ["status IN ('a', 'b')", "status NOT IN ('a', 'b')"],
  ['now()', 'CURRENT_DATE'],
  ["datetime('now')", "datetime('now', 'localtime')"],
  ["datetime('now', '-7 days')", "datetime('now', '-8 days')"],
  ['a AND b', 'a OR b'],
  ['(a AND b) OR c', 'a AND (b OR c)'],
  ['a IS NULL', 'a IS NOT NULL'],
  ['a IS b', 'a IS NOT b'],
  ['lower(name)', 'upper(name)'],
  ['enabled = 1', 'enabled = 0'],
  ["name GLOB 'a*'", "name GLOB 'b*'"],
  ["name LIKE 'a%'", "name LIKE 'b%'"],
  ["meta ->> 'a'", "meta -> 'a'"],
  ['SELECT a.id FROM a JOIN b ON a.id = b.id', 'SELECT b.id FROM a JOIN b ON a.id = b.id'],
]

/** The columns of the table on which what comes out is tried, with their types. */
const COLUMNS: Readonly<Record<string, [kind: Kind, sqlite: string, postgres: string]>> = {
  enabled: ['boolean', 'INTEGER', 'boolean'],
  created_at: ['timestamptz', 'TEXT', 'timestamptz'],
  name: ['text', 'TEXT', 'text'],
  n: ['integer', 'INTEGER', 'bigint'],
  price: ['numeric', 'NUMERIC', 'numeric'],
  meta: ['json', 'TEXT', 'jsonb'],
  userId: ['integer', 'INTEGER', 'bigint'],
  day: ['date', 'TEXT', 'date'],
  status: ['enum', 'TEXT', 'mood'],
  index: ['integer', 'INTEGER', 'bigint'],
}

const columns: Columns = (given) => {
  const name = Object.keys(COLUMNS).find((one) => one.toLowerCase() === given.toLowerCase())
  const [kind] = COLUMNS[name ?? ''] ?? []
  return name !== undefined && kind !== undefined ? { name, kind } : undefined
}

/** Each with what it is in the other database, or nothing. */
const CONVERTED: Readonly<Record<Dialect, readonly [string, string | undefined][]>> = {
  postgres: [
    ["datetime('now')", 'now()'],
    ['CURRENT_TIMESTAMP', 'now()'],
    ["strftime('%Y-%m-%dT%H:%M:%fZ', 'now')", 'now()'],
    ["date('now')", 'CURRENT_DATE'],
    ["strftime('%s', 'now')", 'extract(epoch FROM now())::bigint'],
    ["CAST(strftime('%s', 'now') AS INTEGER)", 'extract(epoch FROM now())::bigint'],
    ['lower(hex(randomblob(16)))', 'gen_random_uuid()::text'],
    ['enabled = 1', 'enabled'],
    ['enabled = 0', 'NOT enabled'],
    ['enabled <> 0', 'enabled <> false'],
    ['enabled IN (0, 1)', 'enabled IN (false, true)'],
    ['n AND enabled = 0', 'n <> 0 AND NOT enabled'],
    ["ifnull(name, 'x')", "COALESCE(name, 'x')"],
    ['length(name) > 3', 'length(name) > 3'],
    ["instr(name, '@') > 1", "strpos(name, '@') > 1"],
    ['substr(name, 1, 3)', 'substr(name, 1, 3)'],
    ['substr(name, -1)', undefined],
    ["json_extract(meta, '$.a') = 'x'", "(meta ->> 'a') = 'x'"],
    ["json_extract(meta, '$.a.b')", "meta #>> '{a,b}'"],
    ["json_extract(meta, '$.a') = 5", undefined],
    ['json_valid(meta)', undefined],
    ["meta <> ''", undefined],
    ['length(meta) < 9', undefined],
    ["name GLOB 'a*'", undefined],
    ["name LIKE 'a%'", "name ILIKE 'a%'"],
    ["name LIKE '%@%'", "name LIKE '%@%'"],
    ["name NOT LIKE 'a%'", "name NOT ILIKE 'a%'"],
    ["name LIKE 'a\\_%'", undefined],
    ["name LIKE 'a!_%' ESCAPE '!'", "name ILIKE 'a!_%' ESCAPE '!'"],
    ['USERID > 1', '"userId" > 1'],
    ['[name] = `name`', 'name = name'],
    ['name || n', 'name || n::text'],
    ['name || n + 1', undefined],
    ['name = 5', "name = '5'"],
    ['"foo"', "'foo'"],
    ['name = "foo"', "name = 'foo'"],
    ["X'00ff'", "'\\x00ff'::bytea"],
    ["created_at > datetime('now', '-7 days')", "created_at > (now() - '7 days'::interval)"],
    ["created_at > '2020-01-01'", "created_at > '2020-01-01 00:00:00+00'"],
    ["created_at IN ('2020-01-01T10:00:00.500Z')", "created_at IN ('2020-01-01 10:00:00.5+00')"],
    ["created_at < 'soon'", undefined],
    ["created_at > ''", undefined],
    ["name > datetime('now')", undefined],
    ['date(created_at)', "(created_at AT TIME ZONE 'UTC')::date"],
    ['iif(n, 1, 2)', 'CASE WHEN n <> 0 THEN 1 ELSE 2 END'],
    ['-n', '-n'],
    ['n - (n - (n - 1))', 'n - (n - (n - 1))'],
    ['n % 2 = 0', '(n % 2) = 0'],
    ["name IS NOT 'x'", "name IS DISTINCT FROM 'x'"],
    ['n BETWEEN 1 AND 5', 'n BETWEEN 1 AND 5'],
    ['n > 1 OR (n < 0 AND enabled)', 'n > 1 OR (n < 0 AND enabled)'],
    ["typeof(n) = 'integer'", undefined],
    ["name COLLATE NOCASE = 'x'", undefined],
    ['abs(random())', undefined],
    ['round(price, 2)', 'round(price, 2)'],
    ['CAST(n AS TEXT)', 'n::text'],
    ['CAST(price AS INTEGER)', undefined],
    ['lower(trim(name))', 'lower(btrim(name))'],
    ['"index" > 0', 'index > 0'],
  ],
  sqlite: [
    ['now()', "datetime('now')"],
    ['CURRENT_TIMESTAMP', "datetime('now')"],
    ['CURRENT_DATE', "date('now')"],
    ["(now() AT TIME ZONE 'utc'::text)", "datetime('now')"],
    ['(EXTRACT(epoch FROM now()))::bigint', "CAST(strftime('%s', 'now') AS INTEGER)"],
    ["(now() - '7 days'::interval)", "datetime('now', '-7 days')"],
    ["(created_at - '7 days'::interval)", undefined],
    ["'a'::mood", "'a'"],
    ["'{}'::jsonb", "'{}'"],
    ['false', '0'],
    ['(enabled = true)', 'enabled = 1'],
    ['(NOT enabled)', 'NOT enabled'],
    ['gen_random_uuid()', undefined],
    ["nextval('a_seq'::regclass)", undefined],
    [
      "((name)::text = ANY ((ARRAY['a'::character varying, 'b'::character varying])::text[]))",
      "name IN ('a', 'b')",
    ],
    ["(status = ANY (ARRAY['ok'::mood, 'bad'::mood]))", "status IN ('ok', 'bad')"],
    ["(name <> ALL (ARRAY['a'::text, 'b'::text]))", "name NOT IN ('a', 'b')"],
    ["(name = ANY (string_to_array('a,b', ',')))", undefined],
    ['(char_length((name)::text) > 3)', 'length(name) > 3'],
    ["(name ~~* 'a%'::text)", "name LIKE 'a%'"],
    ["(name ~~ '%@%'::text)", "name LIKE '%@%'"],
    ["(name !~~ 'a%'::text)", undefined],
    ["(name ~~ 'a\\_%'::text)", "name LIKE 'a\\_%' ESCAPE '\\'"],
    ["(name ~ '^a'::text)", undefined],
    ["(meta ->> 'a'::text)", "meta ->> 'a'"],
    ["(meta #>> '{a,b}'::text[])", "meta ->> '$.a.b'"],
    ["((meta -> 'a'::text) ->> 'b'::text)", "(meta -> 'a') ->> 'b'"],
    ["(meta @> '{}'::jsonb)", undefined],
    ["'-1'::integer", '-1'],
    ['(n)::text', 'CAST(n AS TEXT)'],
    ['(price)::integer', undefined],
    ['lower((name)::text)', 'lower(name)'],
    ["'\\x00ff'::bytea", "X'00ff'"],
    ["(POSITION(('a'::text) IN (name)) > 0)", "instr(name, 'a') > 0"],
    ["(TRIM(BOTH FROM name) <> ''::text)", "trim(name) <> ''"],
    ['("userId" > 1)', '"userId" > 1'],
    ['(index > 0)', '"index" > 0'],
    ['(n - (n - 1))', 'n - (n - 1)'],
    ['(n IS DISTINCT FROM 1)', 'n IS NOT 1'],
    ['((n >= 1) AND (n <= 5))', 'n >= 1 AND n <= 5'],
    ['NULL::character varying', 'NULL'],
    ["'1970-01-01 00:00:00+00'::timestamp with time zone", "'1970-01-01 00:00:00'"],
    ["created_at > '2020-01-01T10:00:00.5+02:30'", "created_at > '2020-01-01 07:30:00.5'"],
    [
      "created_at BETWEEN '2020-01-01' AND '2020-01-02 00:00Z'",
      "created_at BETWEEN '2020-01-01 00:00:00' AND '2020-01-02 00:00:00'",
    ],
    ["'now'::timestamptz > created_at", undefined],
    ["('now'::text)::date", undefined],
    ["COALESCE(name, 'x'::text)", "COALESCE(name, 'x')"],
    ["to_tsvector('english'::regconfig, name)", undefined],
    ["CASE WHEN (n > 1) THEN 'a'::text ELSE 'b'::text END", "CASE WHEN n > 1 THEN 'a' ELSE 'b' END"],
    ["E'a\\\\b'", "'a\\b'"],
    ['GREATEST(n, 1)', undefined],
    [
      "((price >= ('-1'::integer)::numeric) AND (price > (n)::numeric))",
      'price >= -1 AND price > CAST(n AS NUMERIC)',
    ],
    ['((n)::numeric / (2)::numeric)', undefined],
    ['(price / (2)::numeric)', undefined],
  ],
}

/** Statements that read and change rows. */
const STATEMENTS: Readonly<Record<Dialect, readonly [string, string | undefined][]>> = {
  postgres: [
    [
      "INSERT INTO t (n, enabled, created_at) VALUES (1, 1, datetime('now'))",
      'INSERT INTO t (n, enabled, created_at) VALUES (1, true, now())',
    ],
    [
      'INSERT OR IGNORE INTO t (enabled) VALUES (0)',
      'INSERT INTO t (enabled) VALUES (false) ON CONFLICT DO NOTHING',
    ],
    ['INSERT OR REPLACE INTO t (n) VALUES (1)', undefined],
    ['REPLACE INTO t (n) VALUES (1)', undefined],
    ['INSERT INTO t (enabled) VALUES (2)', undefined],
    [
      "INSERT INTO t (created_at) VALUES ('2026-01-15 10:00:00'), ('2026-01-15T10:00:00+02:00')",
      "INSERT INTO t (created_at) VALUES ('2026-01-15 10:00:00+00'), ('2026-01-15 08:00:00+00')",
    ],
    [
      "INSERT INTO t (name, enabled) SELECT 'a', 1 WHERE NOT EXISTS (SELECT 1 FROM t)",
      "INSERT INTO t (name, enabled) SELECT 'a', true WHERE NOT (EXISTS (SELECT 1 FROM t))",
    ],
    [
      'UPDATE t SET enabled = CASE WHEN n > 1 THEN 1 ELSE 0 END',
      'UPDATE t SET enabled = CASE WHEN n > 1 THEN true ELSE false END',
    ],
    ['UPDATE t SET enabled = coalesce(enabled, 0)', 'UPDATE t SET enabled = COALESCE(enabled, false)'],
    [
      "UPDATE t SET enabled = 1, name = name || '!' WHERE n",
      "UPDATE t SET enabled = true, name = name || '!' WHERE n <> 0",
    ],
    [
      "DELETE FROM t WHERE created_at < datetime('now', '-30 days')",
      "DELETE FROM t WHERE created_at < (now() - '30 days'::interval)",
    ],
    ['SELECT n FROM t WHERE rowid > 1', undefined],
    ['SELECT n FROM t ORDER BY n', 'SELECT n FROM t ORDER BY n NULLS FIRST'],
    [
      'SELECT name, count(*) AS c FROM t GROUP BY name HAVING count(*) > 1',
      'SELECT name, count(*) AS c FROM t GROUP BY name HAVING count(*) > 1',
    ],
    [
      'SELECT a.n FROM t AS a LEFT JOIN t AS b ON a.n = b.n AND b.enabled',
      'SELECT a.n FROM t AS a LEFT JOIN t AS b ON a.n = b.n AND b.enabled',
    ],
    ['SELECT group_concat(name) AS g FROM t', "SELECT string_agg(name::text, ',') AS g FROM t"],
    [
      'SELECT n FROM t WHERE n IN (SELECT n FROM t WHERE enabled = 1)',
      'SELECT n FROM t WHERE n IN (SELECT n FROM t WHERE enabled)',
    ],
    ['PRAGMA foreign_keys = ON', undefined],
    ['VACUUM', undefined],
  ],
  sqlite: [
    [
      "INSERT INTO t (meta, enabled) VALUES ('{}'::jsonb, true), (NULL, false) ON CONFLICT DO NOTHING",
      "INSERT INTO t (meta, enabled) VALUES ('{}', 1), (NULL, 0) ON CONFLICT DO NOTHING",
    ],
    ['INSERT INTO t (name) VALUES (gen_random_uuid())', undefined],
    [
      "UPDATE t SET created_at = '2026-01-15T10:00:00+02' WHERE created_at = '2026-01-15 10:00:00+00'::timestamptz",
      "UPDATE t SET created_at = '2026-01-15 08:00:00' WHERE created_at = '2026-01-15 10:00:00'",
    ],
    [
      "UPDATE t SET enabled = false WHERE name ILIKE 'a%' RETURNING n",
      "UPDATE t SET enabled = 0 WHERE name LIKE 'a%' RETURNING n",
    ],
    ['UPDATE public.t SET n = index', 'UPDATE t SET n = "index"'],
    ['DELETE FROM t USING t AS u WHERE t.n = u.n', undefined],
    ['SELECT DISTINCT ON (n) n FROM t', undefined],
    ['SELECT n FROM t FOR UPDATE', undefined],
    [
      "SELECT t.n FROM t WHERE (t.enabled AND (t.name = ANY (ARRAY['a'::text])))",
      "SELECT t.n FROM t WHERE t.enabled AND t.name IN ('a')",
    ],
    ['SELECT n FROM t ORDER BY n DESC', 'SELECT n FROM t ORDER BY n DESC NULLS FIRST'],
    ['TRUNCATE t', undefined],
  ],
}

describe('SQL expressions', () => {
  let expressions: Expressions
  before(async () => {
    expressions = await loadExpressions()
  })

  test('1 what means the same is the same', () => {
    for (const [a, b] of SAME) assert.ok(expressions.same(a, b) && expressions.same(b, a), `${a} · ${b}`)
  })

  test('2 what does not is not', () => {
    for (const [a, b] of DIFFERENT) assert.ok(!expressions.same(a, b), `${a} · ${b}`)
  })

  for (const to of ['postgres', 'sqlite'] as const) {
    test(`3 expressions for ${to}`, () => {
      for (const [given, wanted] of CONVERTED[to]) {
        assert.equal(expressions.convert(given, to, columns), wanted, given)
      }
    })

    test(`4 statements for ${to}`, () => {
      for (const [given, wanted] of STATEMENTS[to]) {
        assert.equal(expressions.convertStatement(given, to, columns), wanted, given)
      }
    })
  }

  test('4.1 columns that nobody names are named: they may stand in another order there', () => {
    const rows = (table: string) =>
      table === 't' ? [{ name: 'n' }, { name: 'twice', generated: {} }, { name: 'enabled' }] : undefined
    const cases = [
      ['postgres', 'INSERT INTO t VALUES (1, 0)', 'INSERT INTO t (n, enabled) VALUES (1, false)'],
      ['sqlite', 'INSERT INTO t VALUES (1)', 'INSERT INTO t (n) VALUES (1)'],
      [
        'postgres',
        'INSERT INTO u (a, b, c) SELECT * FROM t',
        'INSERT INTO u (a, b, c) SELECT n, twice, enabled FROM t',
      ],
      ['postgres', 'INSERT INTO u (a) SELECT * FROM t, u', undefined],
      ['postgres', 'INSERT INTO t DEFAULT VALUES', 'INSERT INTO t DEFAULT VALUES'],
    ] as const
    for (const [to, given, wanted] of cases) {
      assert.equal(expressions.convertStatement(given, to, columns, rows), wanted, given)
    }
  })

  test('4.3 a timestamp without a zone leaves aside the one that it is given', () => {
    const given = "'2020-01-01T10:00:00+02'::timestamp"
    assert.equal(expressions.convert(given, 'sqlite'), "'2020-01-01 10:00:00'")
    assert.equal(expressions.convert(`${given}tz`, 'sqlite'), "'2020-01-01 08:00:00'")
  })

  test('4.2 what is strange in a statement', () => {
    assert.equal(
      expressions.strangeIn("UPDATE t SET name = printf('%d', n)", 'postgres'),
      'the function printf',
    )
    assert.equal(expressions.strangeIn('TRUNCATE t', 'sqlite'), 'TruncateStmt')
    assert.equal(expressions.strangeIn('REPLACE INTO t (n) VALUES (1)', 'postgres'), undefined)
    assert.deepEqual(expressions.inserted('INSERT INTO t (n, "Name") VALUES (1, 2)'), ['n', 'Name'])
  })

  test('5 what is converted still means the same, but for names and flags', () => {
    // A name in quotes that is none is told apart only by the columns.
    const apart = new Set([
      'name = "foo"',
      'name = 5',
      'iif(n, 1, 2)',
      'n AND enabled = 0',
      'date(created_at)',
    ])
    for (const [given, wanted] of [...CONVERTED.postgres, ...CONVERTED.sqlite]) {
      if (wanted === undefined || apart.has(given)) continue
      assert.ok(expressions.same(given, wanted), `${given} · ${wanted}`)
    }
  })
})

for (const kind of KINDS) {
  test(`what is written for ${kind.label} is understood there`, async () => {
    const expressions = await loadExpressions()
    const { dialect } = kind
    const written = CONVERTED[dialect].flatMap(
      ([given]) => expressions.convert(given, dialect, columns) ?? [],
    )
    const changes = STATEMENTS[dialect].flatMap(
      ([given]) => expressions.convertStatement(given, dialect, columns) ?? [],
    )
    const types = Object.entries(COLUMNS).map(
      ([name, [, sqlite, postgres]]) => `"${name}" ${dialect === 'sqlite' ? sqlite : postgres}`,
    )
    const table = `CREATE TABLE t (${types.join(', ')})`
    if (dialect === 'sqlite') {
      const database = new DatabaseSync(':memory:')
      try {
        database.exec(table)
        for (const one of written) assert.doesNotThrow(() => database.exec(`SELECT ${one} FROM t`), one)
        for (const one of changes) assert.doesNotThrow(() => database.exec(one), one)
      } finally {
        database.close()
      }
      return
    }
    await kind.scratch(async ({ query }) => {
      await query(`CREATE TYPE mood AS ENUM ('ok', 'bad'); ${table}`)
      const select = written.map((one) => `SELECT ${one} FROM t;`).join('\n')
      await query(`${select}\n${changes.join(';\n')}`)
    })
  })
}
