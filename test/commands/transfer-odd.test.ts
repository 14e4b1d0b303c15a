import assert from 'node:assert/strict'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { describe, test } from 'node:test'
import { type Dialect, type MigrationFile, schema, transfer, up } from '../../src/index.ts'
import { LONG, NEWEST, type Scratch } from '../matrix.ts'
import { run } from '../process.ts'
import { withRoad } from '../road.ts'
import { scripts } from '../tools.ts'

/** Tables that are not as most are, but in the same words on both. */
const ODD = scripts({
  '1_odd.sqlite.up': `
    CREATE TABLE "a""b" ("select" INTEGER PRIMARY KEY, "Mixed Case" TEXT, "q""q" TEXT, "it's" TEXT);
    CREATE TABLE taken (rowid TEXT, oid INTEGER, _rowid_ TEXT);
    CREATE TABLE half (rowid TEXT, n INTEGER);
    CREATE TABLE keyless (a INTEGER, b TEXT);
    CREATE TABLE "Group" ("Order" TEXT PRIMARY KEY NOT NULL, "table" INTEGER) WITHOUT ROWID;
    CREATE TABLE pairs (a INTEGER NOT NULL, b TEXT NOT NULL, c TEXT, PRIMARY KEY (b, a)) WITHOUT ROWID;
    CREATE TABLE measured (id INTEGER NOT NULL, at TEXT NOT NULL, v REAL, PRIMARY KEY (id, at));
    CREATE TABLE numbered (id INTEGER PRIMARY KEY AUTOINCREMENT, v TEXT);
    CREATE TABLE area (id INTEGER PRIMARY KEY, w INTEGER, h INTEGER, area INTEGER GENERATED ALWAYS AS (w * h) STORED,
      around INTEGER AS (2 * (w + h)) VIRTUAL);
    CREATE TABLE noted (id INTEGER PRIMARY KEY);
    CREATE TABLE empty (id INTEGER PRIMARY KEY, t TEXT);
    CREATE TABLE self (id INTEGER PRIMARY KEY, next INTEGER NOT NULL REFERENCES self (id));
    CREATE VIEW wide AS SELECT id, w FROM area;
    CREATE TRIGGER area_noted AFTER INSERT ON area BEGIN INSERT INTO noted (id) VALUES (new.id); END;`,
  '1_odd.sqlite.down': 'SELECT 1',
  '1_odd.postgres.up': `
    CREATE TABLE "a""b" ("select" bigint PRIMARY KEY, "Mixed Case" text, "q""q" text, "it's" text);
    CREATE TABLE taken (rowid text, oid bigint, _rowid_ text);
    CREATE TABLE half (rowid text, n bigint);
    CREATE TABLE keyless (a bigint, b text);
    CREATE TABLE "Group" ("Order" text PRIMARY KEY, "table" integer);
    CREATE TABLE pairs (a bigint NOT NULL, b text NOT NULL, c text, PRIMARY KEY (b, a));
    CREATE TABLE measured (id bigint NOT NULL, at timestamptz NOT NULL, v double precision, PRIMARY KEY (id, at))
      PARTITION BY RANGE (at);
    CREATE TABLE measured_25 PARTITION OF measured FOR VALUES FROM ('2025-01-01') TO ('2026-01-01');
    CREATE TABLE measured_26 PARTITION OF measured FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
    CREATE TABLE numbered (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, v text);
    CREATE TABLE area (id bigint PRIMARY KEY, w integer, h integer, area integer GENERATED ALWAYS AS (w * h) STORED,
      around integer GENERATED ALWAYS AS (2 * (w + h)) STORED);
    CREATE TABLE noted (id bigint PRIMARY KEY);
    CREATE TABLE empty (id bigint PRIMARY KEY, t text);
    CREATE TABLE self (id bigint PRIMARY KEY, next bigint NOT NULL REFERENCES self (id));
    CREATE VIEW wide AS SELECT id, w FROM area;
    CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS
      $$ BEGIN INSERT INTO noted (id) VALUES (new.id); RETURN new; END $$;
    CREATE TRIGGER area_noted AFTER INSERT ON area FOR EACH ROW EXECUTE FUNCTION note();`,
  '1_odd.postgres.down': 'SELECT 1',
})

const oddRows = (dialect: Dialect): string[] => {
  const zone = dialect === 'sqlite' ? '' : '+00'
  return [
    `INSERT INTO "a""b" VALUES (1, 'x', 'y', ''''), (2, NULL, '', '\\')`,
    `INSERT INTO taken VALUES ('a', 1, 'b'), ('a', 1, 'b'), (NULL, NULL, NULL)`,
    `INSERT INTO half VALUES ('a', 1), ('a', 1), (NULL, 2)`,
    `INSERT INTO keyless VALUES (1, 'x'), (1, 'x'), (1, 'x'), (NULL, NULL), (NULL, NULL)`,
    `INSERT INTO "Group" VALUES ('é', 1), ('e', 2), ('日本', NULL)`,
    `INSERT INTO pairs VALUES (1, 'x', NULL), (2, 'x', ''), (1, 'y', 'z')`,
    `INSERT INTO measured VALUES (1, '2025-05-05 00:00:00${zone}', 1.5), (2, '2026-05-05 00:00:00${zone}', 2.5)`,
    `INSERT INTO numbered (v) VALUES ('a'), ('b')`,
    'INSERT INTO area (id, w, h) VALUES (1, 2, 3), (2, NULL, 4)',
    'INSERT INTO self VALUES (1, 1)',
    'INSERT INTO self VALUES (2, 1)',
    'INSERT INTO self VALUES (3, 2)',
    'UPDATE self SET next = 3 WHERE id = 1',
  ]
}

const TABLES: Readonly<Record<string, string>> = {
  '"a""b"': '"select", "Mixed Case", "q""q", "it\'s"',
  taken: 'rowid, oid, _rowid_',
  half: 'rowid, n',
  keyless: 'a, b',
  '"Group"': '"Order", "table"',
  pairs: 'a, b, c',
  numbered: 'id, v',
  area: 'id, w, h, area, around',
  noted: 'id',
  empty: 'id, t',
  self: 'id, next',
  wide: 'id, w',
}

/** All rows as texts, in an order that both dialects have. */
async function allOf({ query }: Scratch): Promise<Record<string, string[]>> {
  const found: Record<string, string[]> = {}
  for (const [table, columns] of Object.entries(TABLES)) {
    const values = columns.split(', ').map((column, i) => `CAST(${column} AS TEXT) AS c${i}`)
    const rows = await query(`SELECT ${values.join(', ')} FROM ${table}`)
    found[table] = rows.map((row) => JSON.stringify(Object.values(row))).sort()
  }
  return found
}

for (const from of NEWEST) {
  for (const to of NEWEST.filter((one) => LONG || one !== from)) {
    describe(`odd tables, ${from.label} to ${to.label}`, () => {
      test('1 names, keys, cycles, parts, computed columns: all is there, and the schema is what it was', () =>
        withRoad(from, to, { migrations: ODD, rows: oddRows(from.dialect) }, (road) =>
          to.scratch(async (fresh) => {
            const { source, target, transfer: go } = road
            const check = await go(['--check'])
            assert.equal(check.status, 0, check.stdout)
            const moved = await go()
            assert.equal(moved.status, 0, `${moved.stdout}${moved.stderr}`)
            assert.deepEqual(await allOf(target), await allOf(source))
            await up({ database: fresh.url, migrations: ODD })
            const [one, other] = await Promise.all(
              [target, fresh].map(({ url }) => schema({ database: url, format: 'json' })),
            )
            assert.deepEqual(JSON.parse(one?.text ?? ''), JSON.parse(other?.text ?? ''))
            await target.query('INSERT INTO numbered (v) VALUES (NULL)')
            await target.query('INSERT INTO area (id, w, h) VALUES (9, 9, 9)')
            assert.equal((await target.query('SELECT id FROM noted WHERE id = 9')).length, 1)
            await assert.rejects(target.query('INSERT INTO self VALUES (4, 99)'))
          }),
        ))
    })
  }
}

const WIDE = Array.from({ length: 600 }, (_, i) => `c${i}`)
const wide = (type: string) => `
  CREATE TABLE wide (id ${type} PRIMARY KEY, ${WIDE.map((name) => `${name} TEXT`).join(', ')});
  CREATE TABLE named (i ${type}, c0 TEXT, k0 TEXT, bytes TEXT, long TEXT, rows TEXT, c1 ${type}, value TEXT);
  CREATE TABLE snow (id ${type} PRIMARY KEY, t TEXT);`

/** Many columns, names that the tool uses itself, keys as large as they can be. */
const LARGE = scripts({
  '1_large.sqlite.up': wide('INTEGER'),
  '1_large.sqlite.down': 'SELECT 1',
  '1_large.postgres.up': wide('bigint'),
  '1_large.postgres.down': 'SELECT 1',
})
const LARGE_ROWS = [
  `INSERT INTO wide (id, c0, c599) VALUES (1, 'a', 'z'), (2, NULL, '')`,
  `INSERT INTO named VALUES (1, 'c0', 'k0', 'b', 'l', 'r', 7, 'v'), (1, 'c0', 'k0', 'b', 'l', 'r', 7, 'v')`,
  `INSERT INTO snow VALUES (1, 'a'), (9223372036854775807, 'b'), (-9223372036854775808, 'c')`,
]

for (const from of NEWEST) {
  for (const to of NEWEST.filter((one) => LONG || one !== from)) {
    test(`six hundred columns, and keys as large as they can be, ${from.label} to ${to.label}`, () =>
      withRoad(from, to, { migrations: LARGE, rows: LARGE_ROWS }, async ({ target, transfer: go }) => {
        const check = await go(['--check'])
        assert.equal(check.status, 0, `${check.stdout}${check.stderr}`)
        const moved = await go(['--where', 'named=i = 1 AND c1 = 7'])
        assert.equal(moved.status, 0, `${moved.stdout}${moved.stderr}`)
        assert.doesNotMatch(moved.stderr, /about/)
        const rows = await target.query('SELECT CAST(id AS TEXT) AS id, t FROM snow ORDER BY t')
        assert.deepEqual(
          rows.map(({ id }) => id),
          ['1', '9223372036854775807', '-9223372036854775808'],
        )
        await target.query(`UPDATE wide SET c598 = 'x' WHERE id = 2`)
        const { differences } = JSON.parse((await go(['--verify-only', '--json'])).stdout)
        assert.deepEqual(
          differences.map(({ columns }: { columns: { name: string }[] }) => columns.map(({ name }) => name)),
          [['c598']],
        )
      }))
  }
}

/** Types with no form of their own, and the texts that their values are. */
const TYPED: Readonly<Record<string, readonly [postgres: string, sqlite: string, ...values: string[]]>> = {
  money: ['numeric(10,2)', 'NUMERIC', '12.5', '-0.01', '99999999.99'],
  every: ['interval', 'TEXT', '1 day 02:00:00', '-1 years', '00:00:00.000001'],
  ip: ['inet', 'TEXT', '10.0.0.1', '10.0.0.0/8', '::1'],
  net: ['cidr', 'TEXT', '10.0.0.0/8', '::1/128', '0.0.0.0/0'],
  milli: ['timestamp(3)', 'TEXT', '2026-01-02 03:04:05.678', '2026-01-02 03:04:05', '0001-01-01 00:00:00'],
  code: ['char(4)', 'TEXT', 'ab', 'abcd', ''],
  list: ['integer[]', 'TEXT', '{1,2,NULL}', '{}', '{{1},{2}}'],
  words: ['text[]', 'TEXT', '{a,"b c","\\"",NULL}', '{""}', '{}'],
  mail: ['citext', 'TEXT', 'A@b.c', 'a@B.d', ''],
  single: ['real', 'REAL', '1.5', '-0.25', '3.5'],
  bits: ['bit varying', 'TEXT', '0101', '', '1'],
  days: ['daterange', 'TEXT', '[2026-01-01,2026-02-01)', 'empty', '(,)'],
  zoned: ['timetz', 'TEXT', '12:00:00+02', '00:00:00+00', '23:59:59.5-08'],
  short: ['short', 'TEXT', 'ééééé', '', 'x'],
  positive: ['positive', 'INTEGER', '0', '1', '2147483647'],
}

const columns = Object.entries(TYPED)
const typed = (citext: boolean): MigrationFile[] => {
  const of = (at: 0 | 1) =>
    columns
      .map(([name, type]) => `${name} ${type[at] === 'citext' && !citext ? 'text' : type[at]}`)
      .join(', ')
  return scripts({
    '1_typed.sqlite.up': `CREATE TABLE typed (id INTEGER PRIMARY KEY, ${of(1)})`,
    '1_typed.sqlite.down': 'DROP TABLE typed',
    '1_typed.postgres.up': `${citext ? 'CREATE EXTENSION citext;' : ''}
      CREATE DOMAIN short AS varchar(5) CHECK (VALUE <> 'bad'); CREATE DOMAIN positive AS integer CHECK (VALUE >= 0);
      CREATE TABLE typed (id bigint PRIMARY KEY, ${of(0)})`,
    '1_typed.postgres.down': 'DROP TABLE typed; DROP DOMAIN short; DROP DOMAIN positive',
  })
}
const typedRows = [
  ...[0, 1, 2].map((row) => {
    const values = columns.map(([, [, type, ...values]]) => {
      const value = values[row] ?? ''
      return type === 'TEXT' ? `'${value}'` : value
    })
    return `INSERT INTO typed VALUES (${row}, ${values.join(', ')})`
  }),
  'INSERT INTO typed (id) VALUES (3)',
]

const [sqlite, postgres] = NEWEST

describe('types of PostgreSQL that SQLite has not', () => {
  test('2 go there and come back as the same texts', async () => {
    assert.ok(sqlite && postgres)
    const citext = await postgres.scratch(
      async ({ query }) =>
        (await query(`SELECT FROM pg_available_extensions WHERE name = 'citext'`)).length > 0,
    )
    const migrations = typed(citext)
    await withRoad(sqlite, postgres, { migrations, rows: typedRows }, ({ source, target, transfer: go }) =>
      sqlite.scratch((back) =>
        postgres.scratch(async (again) => {
          assert.equal((await go(['--check'])).status, 0)
          const moved = await go()
          assert.equal(moved.status, 0, `${moved.stdout}${moved.stderr}`)
          assert.match(moved.stdout, /warning: typed\.single is a real of 32 bits/)
          for (const [from, to] of [
            [target, back],
            [target, again],
          ] as const) {
            assert.equal((await transfer({ from: from.url, to: to.url, migrations })).ok, true)
          }
          const texts = columns.map(([name]) => `CAST(${name} AS TEXT) AS ${name}`)
          const select = `SELECT ${texts.join(', ')} FROM typed ORDER BY id`
          const rows = async ({ query }: Scratch) => (await query(select)).map((row) => ({ ...row }))
          const [before, after] = [await rows(source), await rows(back)]
          assert.deepEqual(
            after.map((row) => ({ ...row, money: Number(row.money), single: Number(row.single) })),
            before.map((row) => ({ ...row, money: Number(row.money), single: Number(row.single) })),
          )
          assert.deepEqual(await rows(again), await rows(target))
        }),
      ),
    )
  })

  test('3 another spelling of theirs is bad, not changed', async () => {
    assert.ok(sqlite && postgres)
    const migrations = scripts({
      '1_t.sqlite.up': 'CREATE TABLE t (id INTEGER PRIMARY KEY, every TEXT, list TEXT)',
      '1_t.sqlite.down': 'DROP TABLE t',
      '1_t.postgres.up': 'CREATE TABLE t (id bigint PRIMARY KEY, every interval, list integer[])',
      '1_t.postgres.down': 'DROP TABLE t',
    })
    const rows = [
      `INSERT INTO t VALUES (1, '1 hour', '{1}'), (2, '01:00:00', '{1, 2}'), (3, '01:00:00', '{3}')`,
    ]
    await withRoad(sqlite, postgres, { migrations, rows }, async ({ target, transfer: go }) => {
      const { error } = JSON.parse((await go(['--json'])).stdout)
      assert.equal(error.code, 'BAD_ROWS')
      assert.match(
        error.message,
        /^t\.every would be written in another way by interval: "1 hour" where id = 1; 2 values/,
      )
      const aside = await go(['--resume', '--bad', 'rows-to', 'bad.jsonl', '--json'])
      assert.deepEqual(JSON.parse(aside.stdout).aside.rows, { t: 2 })
      assert.deepEqual(await target.query('SELECT id::int FROM t'), [{ id: 3 }])
    })
  })
})

describe('a database of SQLite in UTF-16', () => {
  for (const to of NEWEST) {
    test(`4 is refused before anything is written where SQL would have to look into its rows, to ${to.label}`, () => {
      assert.ok(sqlite)
      return withRoad(sqlite, to, { migrations: ODD }, async ({ target, dir, folder }) => {
        const path = join(folder, 'utf16.db')
        await makeUtf16(path)
        const args = ['transfer', '--from', path, '--to', target.url, '--dir', dir]
        for (const words of [['--check'], ['--bad', 'rows-to', 'bad.jsonl']]) {
          const { status, stderr } = await run([...args, ...words])
          assert.equal(status, 2, stderr)
          assert.match(
            stderr,
            /utf16\.db keeps its texts in UTF-16le\n {2}next: leave out --check, --bad and --follow/,
          )
        }
        assert.deepEqual(await target.tables(), [])
      })
    })
  }

  for (const from of NEWEST) {
    test(`5 is a target like any other, from ${from.label}, and a source`, () =>
      withRoad(from, sqlite ?? from, { migrations: ODD, rows: oddRows(from.dialect) }, async (road) => {
        const path = join(road.folder, 'utf16.db')
        await makeUtf16(path)
        const { ok, tables } = await transfer({ from: road.source.url, to: path, migrations: ODD })
        assert.ok(ok && tables.length > 0)
        const native = new DatabaseSync(path)
        assert.equal(native.prepare('PRAGMA encoding').get()?.encoding, 'UTF-16le')
        const found = native.prepare('SELECT "Order" AS one FROM "Group" ORDER BY "table"').all()
        assert.deepEqual(
          found.map(({ one }) => one),
          ['日本', 'é', 'e'],
        )
        native.close()
        const back = await transfer({ from: path, to: road.target.url, migrations: ODD })
        assert.ok(back.ok)
        const [rows] = await road.target.query('SELECT count(*) AS n FROM "Group"')
        assert.equal(rows?.n, 3)
      }))
  }
})

async function makeUtf16(path: string): Promise<void> {
  const native = new DatabaseSync(path)
  native.exec(`PRAGMA encoding = 'UTF-16le'; CREATE TABLE once (id); DROP TABLE once`)
  native.close()
  await up({ database: path, migrations: ODD })
}
