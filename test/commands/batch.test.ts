import assert from 'node:assert/strict'
import { fork, spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { text } from 'node:stream/consumers'
import { describe, test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import fc from 'fast-check'
import { nextSize } from '../../src/commands/batch.ts'
import { down, type ProgressEvent, plan, up } from '../../src/index.ts'
import type { Job, Said } from '../crash-worker.ts'
import { KINDS, type Kind, NEWEST, type Scratch, SERVERS, withFolder } from '../matrix.ts'
import { run, start } from '../process.ts'
import { errorOf, scripts } from '../tools.ts'

/** How many of the calls of the driver are tried as the last one. */
const CALLS = 5

const shadow = `${SERVERS.at(-1)?.url}/postgres`

const batch = (rows: number, sql: string) => `-- migrate: batch ${rows}\n${sql}`

type BatchEvent = Extract<ProgressEvent, { type: 'batch' }>

/** A SELECT of the numbers from 1. */
function numbers({ dialect }: Pick<Kind, 'dialect'>, rows: number): string {
  return dialect === 'sqlite'
    ? `WITH RECURSIVE g(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM g WHERE i < ${rows}) SELECT i FROM g WHERE i <= ${rows}`
    : `SELECT i FROM generate_series(1, ${rows}) AS g(i)`
}

/** A table of so many rows. */
function table(kind: Kind, rows: number): string {
  return `CREATE TABLE t (id integer PRIMARY KEY, n integer, s text);
    INSERT INTO t SELECT i, 0, 'row ' || i FROM (${numbers(kind, rows)}) AS g`
}

/** Takes the history away, so that the same ids can be applied again. */
async function forget({ query }: Scratch): Promise<void> {
  for (const name of ['schema_migrations', 'schema_migrations_state'])
    await query(`DROP TABLE IF EXISTS ${name}`)
}

async function noted({
  query,
}: Scratch): Promise<{ batch?: { by: string[]; key: string[]; rows: number } } | undefined> {
  const [row] = await query(`SELECT value FROM schema_migrations_state WHERE name = 'interrupted'`)
  return row === undefined ? undefined : JSON.parse(String(row.value))
}

/** Statements as people write them, for a table of a name. */
const STATEMENTS: readonly ((t: string) => string)[] = [
  (t) => `UPDATE ${t} SET n = n + 1`,
  (t) => `UPDATE ${t} SET n = n + 1 WHERE n > 2 OR s = ' where '`,
  (t) =>
    `update ${t} as x set n = x.n * 2, s = 'a where b' where x.s is null or x.n in (select v from other where v > 1)`,
  (t) =>
    `UPDATE ${t} SET s = (SELECT 'no' WHERE 1 = 1) -- WHERE of a comment\n  WHERE s <> 'it''s' -- and this`,
  (t) =>
    `UPDATE ${t} /* WHERE */ SET "n" = CASE WHEN n IS NULL THEN 0 ELSE n + 1 END WHERE NOT (n = 3 OR n IS NULL) /* ; */`,
  (t) => `UPDATE ${t} SET n = other.v FROM other WHERE other.v = ${t}.n + 1`,
  (t) =>
    `UPDATE ${t} SET n = n - 1 WHERE EXISTS (SELECT 1 FROM other WHERE other.v = ${t}.n) AND s IS NOT NULL OR n = 5`,
  (t) => `DELETE FROM ${t} WHERE n = 1 OR s IS NULL`,
  (t) => `DELETE FROM ${t}`,
  (t) =>
    `DELETE FROM ${t} AS "wHere" WHERE "wHere".n NOT IN (SELECT v FROM other) AND "wHere".n < 4 OR "wHere".n = 6`,
]

const KEYS: readonly { readonly columns: string; readonly only?: Kind['dialect']; readonly end?: string }[] =
  [
    { columns: 'a integer, k text, PRIMARY KEY (a)' },
    { columns: 'a integer NOT NULL, k text NOT NULL, PRIMARY KEY (k)' },
    { columns: 'a integer NOT NULL, k text NOT NULL, PRIMARY KEY (k, a)' },
    {
      columns: 'a integer NOT NULL, k text NOT NULL, PRIMARY KEY (k, a)',
      end: 'WITHOUT ROWID',
      only: 'sqlite',
    },
    {
      columns: 'a integer NOT NULL, k text NOT NULL COLLATE NOCASE, PRIMARY KEY (k, a)',
      end: 'WITHOUT ROWID',
      only: 'sqlite',
    },
    { columns: 'a integer, k text', only: 'sqlite' },
    { columns: 'a integer NOT NULL, k varchar(30) NOT NULL, UNIQUE (k)', only: 'postgres' },
    { columns: 'a numeric(9, 2) NOT NULL, k char(30) NOT NULL, PRIMARY KEY (a, k)', only: 'postgres' },
  ]

const rows = fc.uniqueArray(
  fc.record({
    a: fc.integer({ min: -9, max: 99 }),
    k: fc.oneof(
      fc.string({ maxLength: 6 }),
      fc.constantFrom("'", '\\', '"', "o''o", '\\n', '%', 'é', '𝒳', ' ', ''),
    ),
    n: fc.option(fc.integer({ min: 0, max: 7 })),
    s: fc.option(fc.constantFrom(' where ', "it's", 'x')),
  }),
  { maxLength: 25, selector: ({ a }) => a, minLength: 0 },
)

for (const kind of NEWEST) {
  const { dialect } = kind

  describe(`1 in batches a statement does what it does as a whole, ${kind.label}`, () => {
    test('1.1 whatever the statement, the key and the rows', () =>
      kind.scratch(async (scratch) => {
        const { url: database, query } = scratch
        const keys = KEYS.filter(({ only }) => only === undefined || only === dialect)
        await query('CREATE TABLE other (v integer PRIMARY KEY)')
        await query('INSERT INTO other VALUES (1), (2), (3), (5)')
        const literal = (value: string | number | null) =>
          typeof value === 'string' ? `'${value.replaceAll("'", "''")}'` : String(value)
        await fc.assert(
          fc.asyncProperty(
            fc.constantFrom(...keys),
            fc.array(fc.constantFrom(...STATEMENTS), { minLength: 1, maxLength: 2 }),
            rows,
            fc.integer({ min: 1, max: 9 }),
            async ({ columns, end = '' }, statements, made, size) => {
              const unique = new Map(
                made.filter(({ k }) => !k.includes('\0')).map((row) => [row.k.trimEnd().toUpperCase(), row]),
              )
              for (const name of ['t', 'whole']) {
                await query(`DROP TABLE IF EXISTS ${name}`)
                await query(
                  `CREATE TABLE ${name} (${columns
                    .replace('PRIMARY KEY (', 'n integer, s text, PRIMARY KEY (')
                    .replace('UNIQUE (', 'n integer, s text, UNIQUE (')
                    .replace(/k text$/, 'k text, n integer, s text')}) ${end}`,
                )
                for (const { a, k, n, s } of unique.values()) {
                  await query(
                    `INSERT INTO ${name} (a, k, n, s) VALUES (${[a, k, n, s].map(literal).join(', ')})`,
                  )
                }
              }
              for (const statement of statements) await query(statement('whole'))
              const sql = statements.map((statement) => statement('t')).join('\n;')
              await forget(scratch)
              await up({ database, migrations: scripts({ '1_a': batch(size, sql) }) })
              const all = (name: string) => query(`SELECT a, k, n, s FROM ${name} ORDER BY a`)
              assert.deepEqual(await all('t'), await all('whole'), sql)
            },
          ),
          { numRuns: dialect === 'sqlite' ? 100 : 25 },
        )
      }))

    test('1.2 an empty table, and one that is just as long as its batches', () =>
      kind.scratch(async (scratch) => {
        const { url: database, query } = scratch
        for (const count of [0, 1, 10, 20]) {
          await query('DROP TABLE IF EXISTS t')
          await forget(scratch)
          const files = { '1_a': table(kind, count), '2_b': batch(10, 'UPDATE t SET n = n + 1') }
          await up({ database, migrations: scripts(files) })
          assert.equal((await query('SELECT id FROM t WHERE n = 1')).length, count)
          assert.equal(await noted(scratch), undefined)
        }
      }))

    test('1.3 rows that are added behind it while it runs are done', () =>
      kind.scratch(async ({ url: database, query }) => {
        let added: Promise<unknown> | undefined
        const add = (event: ProgressEvent) => {
          if (event.type !== 'batch') return
          added ??= query("INSERT INTO t VALUES (901, 0, 'new'), (902, 0, 'new'), (903, 0, 'new')")
        }
        const files = { '1_a': table(kind, 300), '2_b': batch(2, 'UPDATE t SET n = n + 1') }
        await up({ database, migrations: scripts(files), onProgress: add })
        await added
        assert.equal((await query('SELECT id FROM t WHERE n = 1')).length, 303)
      }))

    test('1.4 what it says of its progress', () =>
      kind.scratch(async ({ url: database }) => {
        const told: BatchEvent[] = []
        const sql = 'UPDATE t SET n = 1; DELETE FROM t WHERE id > 7'
        await up({
          database,
          migrations: scripts({ '1_a': table(kind, 25), '2_b': batch(10, sql) }),
          onProgress: (event) => event.type === 'batch' && told.push(event),
        })
        assert.deepEqual(
          told.map(({ id, statement, statements, done }) => [id, statement, statements, done]),
          [10, 20, 25, 10, 20, 25].map((done, i) => ['2_b', i < 3 ? 1 : 2, 2, done]),
        )
        for (const { exact, total, done, rate, left } of told) {
          assert.equal(exact, dialect === 'sqlite')
          assert.ok(total >= done && rate > 0 && left >= 0 && (total > done || left === 0))
        }
        if (dialect === 'sqlite') assert.deepEqual(new Set(told.map(({ total }) => total)), new Set([25]))
      }))

    test('1.5 what it sets for its session holds for each batch', () =>
      kind.scratch(async ({ url: database, query }) => {
        const [set, made] =
          dialect === 'sqlite'
            ? [
                'PRAGMA ignore_check_constraints = ON',
                'CREATE TABLE t (id integer PRIMARY KEY, n integer CHECK (n < 1))',
              ]
            : [
                'SET search_path = other, public',
                'CREATE SCHEMA other; CREATE TABLE other.t (id integer PRIMARY KEY, n integer)',
              ]
        const name = dialect === 'sqlite' ? 't' : 'other.t'
        const insert = `INSERT INTO ${name} SELECT i, 0 FROM (${numbers(kind, 9)}) AS g`
        const files = { '1_a': `${made};\n${insert}`, '2_b': batch(2, `${set};\nUPDATE t SET n = n + 1`) }
        await up({ database, migrations: scripts(files) })
        assert.equal((await query(`SELECT id FROM ${name} WHERE n = 1`)).length, 9)
      }))

    test('1.6 a rollback in batches, and what others behind it take away is kept', () =>
      kind.scratch(async ({ url: database, query }) => {
        const files = {
          '1_a': 'CREATE TABLE t (id integer PRIMARY KEY)',
          '1_a.down': 'DROP TABLE t',
          '2_b': 'ALTER TABLE t ADD COLUMN n integer',
          '2_b.down': 'ALTER TABLE t DROP COLUMN n',
          '3_c': batch(3, 'UPDATE t SET n = id'),
          '3_c.down': batch(3, 'UPDATE t SET n = NULL WHERE n > 5'),
        }
        const migrations = scripts(files)
        await up({ database, migrations, steps: 1 })
        await query(`INSERT INTO t SELECT i FROM (${numbers(kind, 10)}) AS g`)
        await up({ database, migrations })
        const planned = await down({ database, migrations, to: '2_b', dryRun: true })
        assert.deepEqual(
          planned.planned.map(({ id, losses }) => [id, losses]),
          [
            ['3_c', []],
            ['2_b', undefined],
          ],
        )
        const { stashed } = await down({ database, migrations, to: '2_b' })
        assert.deepEqual(
          stashed.map(({ table, columns, rows }) => [table, columns, rows]),
          [['t', ['n'], 10]],
        )
        await up({ database, migrations, to: '2_b' })
        assert.deepEqual(
          (await query('SELECT id FROM t WHERE n = id ORDER BY id')).map(({ id }) => id),
          [1, 2, 3, 4, 5],
        )
      }))
  })

  describe(`2 it goes on where it stopped, ${kind.label}`, () => {
    test('2.1 behind a batch that failed, when the rows are right', () =>
      kind.scratch(async (scratch) => {
        const { url: database, query } = scratch
        const files = {
          '1_a': `CREATE TABLE parent (id integer PRIMARY KEY); INSERT INTO parent VALUES (1);
            CREATE TABLE t (id integer PRIMARY KEY, n integer, p integer REFERENCES parent);
            INSERT INTO t SELECT i, 0, NULL FROM (${numbers(kind, 50)}) AS g; UPDATE t SET n = 1 WHERE id = 35`,
          '2_b': batch(10, '-- a comment\n\nUPDATE t\nSET p = 1 + n, n = n - 7 WHERE id > 0'),
        }
        const migrations = scripts(files)
        const error = await errorOf(up({ database, migrations }))
        assert.deepEqual([error.code, error.file, error.line, error.column], ['SQL', '2_b.sql', 4, 1])
        assert.match(error.message, /foreign key/i)
        const [key, to] = dialect === 'sqlite' ? ['rowid 30', '40'] : ["id '30'::integer", "'40'::integer"]
        assert.ok(error.hint?.includes(`up to ${key} are done and stay`), error.hint)
        assert.ok(error.hint?.includes(to), error.hint)
        assert.equal((await query('SELECT id FROM t WHERE n = -7')).length, 30)
        assert.deepEqual((await noted(scratch))?.batch?.rows, 30)
        const other = scripts({ ...files, '2_b': files['2_b'].replace('- 7', '- 8') })
        assert.equal((await errorOf(up({ database, migrations: other }))).code, 'INTERRUPTED')
        const longer = scripts({ ...files, '2_b': `${files['2_b']} AND id < 32` })
        assert.equal((await errorOf(up({ database, migrations: longer }))).code, 'INTERRUPTED')
        await query('UPDATE t SET n = 0 WHERE id = 35')
        await up({ database, migrations })
        assert.equal((await query('SELECT id FROM t WHERE n = -7 AND p = 1')).length, 50)
        assert.equal(await noted(scratch), undefined)
      }))

    test('2.2 after it was stopped on request, and plan shows what goes on', () =>
      kind.scratch(async (scratch) => {
        const { url: database, query } = scratch
        const sqls = ['UPDATE t SET n = n + 1', 'UPDATE t SET n = n + 10']
        const migrations = scripts({ '1_a': table(kind, 50), '2_b': batch(10, sqls.join('; ')) })
        let batches = 0
        for (const at of [2, 7]) {
          const stop = new AbortController()
          const onProgress = (event: ProgressEvent) => {
            if (event.type === 'batch' && ++batches === at) stop.abort()
          }
          const error = await errorOf(up({ database, migrations, signal: stop.signal, onProgress }))
          assert.equal(error.code, 'ABORTED')
          assert.equal((await noted(scratch))?.batch?.rows, 20)
          const { migrations: planned, notes } = await plan({ database, migrations, shadow })
          assert.deepEqual(
            planned.map(({ id, statements }) => [id, statements.map(({ sql }) => sql)]),
            [['2_b', sqls]],
          )
          const where = `2_b was interrupted after 20 rows of statement ${at === 2 ? 1 : 2}: all of it is shown`
          assert.ok(
            notes.some((note) => note.startsWith(where)),
            notes.join('\n'),
          )
        }
        await up({ database, migrations })
        assert.equal((await query('SELECT id FROM t WHERE n = 11')).length, 50)
      }))

    test('2.3 after any kill, and no row is done twice', () =>
      kind.scratch((scratch) =>
        withFolder(async (folder) => {
          const { url, query } = scratch
          const size = dialect === 'sqlite' ? 8 : 40
          const file = (name: string, sql: string) => writeFileSync(join(folder, `${name}.sql`), sql)
          file('1_a.up', table(kind, 16_000))
          const args = ['up', '--database', url, '--dir', folder]
          assert.equal((await run(args)).status, 0)
          file(
            '2_b.up',
            batch(size, "UPDATE t SET n = n + 1;\nUPDATE t SET n = n + 10 WHERE s <> ' where ';"),
          )
          let kills = 0
          const seen = new Set<number>()
          for (;;) {
            const child = start(args)
            const ended = once(child, 'exit')
            child.stderr?.on('data', (said) => {
              // From then on it is in the middle of it.
              if (kills < 7 && String(said).includes('applying 2_b'))
                pause(Math.random() * 250).then(() => child.kill('SIGKILL'))
            })
            const [status] = await ended
            if (status === 0) break
            assert.equal(child.signalCode, 'SIGKILL')
            kills++
            const rows = (await noted(scratch))?.batch?.rows
            if (rows !== undefined) seen.add(rows)
            const [row] = await query('SELECT min(n) AS low, max(n) AS high FROM t')
            assert.ok(Number(row?.high) <= 11, `a row was done twice: ${row?.high}`)
          }
          assert.ok(kills > 0 && seen.size > 1, `killed ${kills} times, ${seen.size} of them half-way`)
          assert.equal((await query('SELECT id FROM t WHERE n = 11')).length, 16_000)
        }),
      ))

    test('2.4 after a kill at any call of the driver', () =>
      kind.scratch(async (scratch) => {
        const { url: database, query } = scratch
        const files = {
          '1_a': table(kind, 7),
          '2_b': batch(3, 'UPDATE t SET n = n + 1; UPDATE t SET n = n + 10'),
        }
        const migrations = scripts(files)
        const begin = async () => {
          await query('DROP TABLE IF EXISTS t')
          await forget(scratch)
          await up({ database, migrations, steps: 1 })
        }
        const work = async (killAt: number): Promise<Said | undefined> => {
          const worker = fork(join(import.meta.dirname, '../crash-worker.ts'), {
            stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
          })
          let said: Said | undefined
          worker.on('message', (message: Said) => {
            said = message
            if (message !== 'begun') worker.disconnect()
          })
          const ended = once(worker, 'exit')
          worker.send({ dialect, database, migrations, operations: ['up'], killAt } satisfies Job)
          await ended
          return said
        }
        await begin()
        const all = await work(0)
        const calls = typeof all === 'object' ? (all.calls ?? 0) : 0
        assert.ok(calls > 20, JSON.stringify(all))
        const places = Array.from(
          { length: CALLS },
          (_, i) => 1 + Math.floor(((i + Math.random()) * calls) / CALLS),
        )
        for (const killAt of places) {
          await begin()
          assert.equal(await work(killAt), 'begun')
          await up({ database, migrations })
          assert.equal(
            (await query('SELECT id FROM t WHERE n = 11')).length,
            7,
            `killed at call ${killAt} of ${calls}`,
          )
        }
      }))

    test('2.5 two at once are one', () =>
      kind.scratch(async (scratch) => {
        const { url: database, query } = scratch
        const migrations = scripts({ '1_a': table(kind, 300), '2_b': batch(10, 'UPDATE t SET n = n + 1') })
        await up({ database, migrations, steps: 1 })
        const both = await Promise.all([up({ database, migrations }), up({ database, migrations })])
        assert.deepEqual(both.map(({ applied }) => applied.length).sort(), [0, 1])
        assert.equal((await query('SELECT id FROM t WHERE n = 1')).length, 300)
      }))
  })

  describe(`3 what cannot be run in batches is refused, and nothing is changed, ${kind.label}`, () => {
    const cases: readonly (readonly [sql: string, line: number, message: RegExp, hint: RegExp])[] = [
      [
        'UPDATE t SET n = 1;\nCREATE TABLE x (id integer)',
        3,
        /UPDATE and DELETE only/,
        /a migration of its own/,
      ],
      ["INSERT INTO t VALUES (900, 1, 'x')", 2, /UPDATE and DELETE only/, /a migration of its own/],
      ['WITH w AS (SELECT 1 AS v)\nUPDATE t SET n = 1 WHERE id IN (SELECT v FROM w)', 2, /^WITH/, /subquery/],
      ['DELETE FROM t WHERE n = 0 RETURNING id', 2, /^RETURNING/, /nobody/],
      ['UPDATE t SET n = 1, id = id + 1000', 2, /changes id, the key of t/, /as a whole/],
      [
        'DELETE FROM t WHERE id NOT IN (SELECT min(id) FROM t GROUP BY n)',
        2,
        /reads t elsewhere too/,
        /CREATE TABLE/,
      ],
      ['UPDATE t SET n = 1 WHERE id IN (SELECT id FROM v)', 2, /reads t elsewhere too/, /CREATE TABLE/],
      [
        `UPDATE t SET n = o.n FROM ${dialect === 'sqlite' ? 'main' : 'public'}.t AS o WHERE o.id = t.id + 1`,
        2,
        /reads t elsewhere too/,
        /CREATE TABLE/,
      ],
      ['DELETE FROM v', 2, /v is (a view|no table)/, /the table behind it/],
      [
        `UPDATE t SET n = 1;\n${dialect === 'sqlite' ? 'PRAGMA cache_size = 10' : "SET work_mem = '1MB'"}`,
        3,
        /for the session/,
        /above/,
      ],
      [
        dialect === 'sqlite' ? 'PRAGMA cache_size = 10' : "SET work_mem = '1MB'",
        2,
        /no UPDATE and no DELETE/,
        /remove the directive/,
      ],
      ...(dialect === 'postgres'
        ? ([
            ['UPDATE bare SET n = 1', 2, /no primary key/, /CREATE UNIQUE INDEX/],
            ['UPDATE family SET n = 1', 2, /inherit/, /ONLY/],
          ] as const)
        : ([['UPDATE w SET k = 1', 2, /changes k/, /as a whole/]] as const)),
    ]
    const more =
      dialect === 'postgres'
        ? 'CREATE TABLE bare (n integer); CREATE TABLE family (id integer PRIMARY KEY, n integer); CREATE TABLE child () INHERITS (family)'
        : `CREATE TABLE w (k integer PRIMARY KEY, n integer) WITHOUT ROWID;
          CREATE TRIGGER v_delete INSTEAD OF DELETE ON v BEGIN DELETE FROM t WHERE id = old.id; END`
    test('3.1 with its place and what to do', () =>
      kind.scratch(async ({ url: database, query }) => {
        const first = `${table(kind, 5)};\nCREATE VIEW v AS SELECT * FROM t;\n${more}`
        await up({ database, migrations: scripts({ '1_a': first }) })
        const before = await query('SELECT * FROM t ORDER BY id')
        for (const [sql, line, message, hint] of cases) {
          const error = await errorOf(
            up({ database, migrations: scripts({ '1_a': first, '2_b': batch(2, sql) }) }),
          )
          assert.deepEqual(
            [error.code, error.file, error.line],
            ['DIRECTIVE', '2_b.sql', line],
            `${sql}: ${error.message}`,
          )
          assert.match(error.message, message)
          assert.match(error.hint ?? '', hint)
          assert.deepEqual(await query('SELECT * FROM t ORDER BY id'), before)
        }
      }))

    test('3.2 what the database itself refuses is said where it is', () =>
      kind.scratch(async ({ url: database }) => {
        const migrations = scripts({
          '1_a': table(kind, 5),
          '2_b': batch(2, "UPDATE t SET n = 1;\nUPDATE t SET\n  s = 'é', nothing = 1"),
        })
        const error = await errorOf(up({ database, migrations }))
        assert.deepEqual([error.code, error.line], ['SQL', 4])
        assert.match(error.message, /nothing/)
      }))
  })

  test(`4 the command line tells how far it has come, ${kind.label}`, () =>
    kind.scratch(({ url }) =>
      withFolder(async (folder) => {
        writeFileSync(join(folder, '1_a.up.sql'), table(kind, 40_000))
        writeFileSync(join(folder, '2_b.up.sql'), batch(20, 'UPDATE t SET n = n + 1'))
        const child = start(['up', '--database', url, '--dir', folder])
        if (child.stderr === null) throw new Error('no stderr')
        const [said] = await Promise.all([text(child.stderr), once(child, 'exit')])
        assert.match(
          said,
          /^2_b: \d+(,\d+)* of (about )?\d+(,\d+)* rows, \d+(,\d+)* rows\/s, (\d+ min )?\d+ s left$/m,
        )
      }),
    ))
}

/** Writes all the time, as an application does, and says how often and how long it waited. */
const WRITER = `
  const { DatabaseSync } = require('node:sqlite')
  const database = new DatabaseSync(process.argv[1], { timeout: 5000 })
  let writes = 0, longest = 0, stop = false
  process.on('SIGTERM', () => { stop = true })
  process.stdout.write('begun\\n')
  const write = () => {
    if (stop) { process.stdout.write(JSON.stringify({ writes, longest })); return }
    const start = performance.now()
    database.exec('UPDATE calls SET n = n + 1')
    longest = Math.max(longest, performance.now() - start)
    writes++
    setImmediate(write)
  }
  write()`

const [SQLITE] = KINDS

if (SQLITE?.dialect === 'sqlite') {
  test('5 an application that writes all the time never finds the database locked', () =>
    SQLITE.scratch(async ({ url: database, query }) => {
      const first = `${table(SQLITE, 100_000)}; CREATE TABLE calls (n integer); INSERT INTO calls VALUES (0)`
      await up({ database, migrations: scripts({ '1_a': first }) })
      const writer = spawn(process.execPath, ['-e', WRITER, database.slice('sqlite:'.length)], {
        stdio: ['ignore', 'pipe', 'inherit'],
      })
      const said = text(writer.stdout)
      const ended = once(writer, 'exit')
      await up({
        database,
        migrations: scripts({ '1_a': first, '2_b': batch(10_000, 'UPDATE t SET n = n + 1') }),
      })
      writer.kill('SIGTERM')
      const [status] = await ended
      assert.equal(status, 0)
      const { writes, longest } = JSON.parse((await said).replace('begun\n', '')) as {
        writes: number
        longest: number
      }
      assert.ok(writes > 0 && longest < 2000, `${writes} writes, the longest ${longest} ms`)
      assert.equal((await query('SELECT id FROM t WHERE n = 1')).length, 100_000)
      assert.equal((await query('SELECT n FROM calls'))[0]?.n, writes)
    }))
}

for (const kind of KINDS.filter(({ dialect }) => dialect === 'postgres')) {
  test(`1.8 partitions, other schemas, keys of many types, USING and limits of its own, ${kind.label}`, () =>
    kind.scratch(async ({ url: database, query }) => {
      const first = `CREATE SCHEMA "Far";
        CREATE TYPE mood AS ENUM ('sad', 'ok', 'glad');
        CREATE TABLE "Far"."T" (id bigint, at timestamptz, n integer, PRIMARY KEY (at, id)) PARTITION BY RANGE (id);
        CREATE TABLE "Far".low PARTITION OF "Far"."T" FOR VALUES FROM (0) TO (20);
        CREATE TABLE "Far".high PARTITION OF "Far"."T" FOR VALUES FROM (20) TO (100);
        INSERT INTO "Far"."T" SELECT i, '2020-01-01'::timestamptz + i % 5 * interval '1.000001 s', 0 FROM generate_series(1, 40) AS g(i);
        CREATE TABLE kinds (a mood, b uuid, c double precision, d bytea, n integer, PRIMARY KEY (a, b, c, d));
        INSERT INTO kinds SELECT (ARRAY['sad', 'ok', 'glad']::mood[])[i % 3 + 1], md5((i % 4)::text)::uuid, i / 7.0, decode(md5(i::text), 'hex'), 0 FROM generate_series(1, 40) AS g(i);
        CREATE TABLE family (id integer PRIMARY KEY, n integer); CREATE TABLE child () INHERITS (family);
        INSERT INTO family SELECT i, 0 FROM generate_series(1, 9) AS g(i); INSERT INTO child VALUES (1, 0);
        CREATE TABLE gone (id integer PRIMARY KEY); INSERT INTO gone VALUES (2), (3), (30)`
      const sql = `SET lock_timeout = '7s';
        UPDATE "Far"."T" SET n = n + 1;
        DELETE FROM "Far"."T" AS "x y" USING gone WHERE "x y".id = gone.id AND "x y".n = 1 OR "x y".id = 4;
        UPDATE kinds SET n = n + 1;
        UPDATE ONLY family SET n = n + CASE current_setting('lock_timeout') WHEN '7s' THEN 1 END`
      await up({ database, migrations: scripts({ '1_a': first, '2_b': batch(3, sql) }) })
      const count = async (from: string) => Number((await query(`SELECT count(*) AS n FROM ${from}`))[0]?.n)
      assert.deepEqual([await count('"Far"."T"'), await count('"Far"."T" WHERE n = 1')], [36, 36])
      assert.deepEqual(
        [
          await count('kinds WHERE n = 1'),
          await count('ONLY family WHERE n = 1'),
          await count('child WHERE n = 0'),
        ],
        [40, 9, 1],
      )
    }))
}

for (const kind of KINDS.filter(({ dialect }) => dialect === 'sqlite')) {
  test('1.9 rows by their numbers, however these are called and as large as they are', () =>
    kind.scratch(async (scratch) => {
      const { url: database, query } = scratch
      const KEYS = [
        'rowid TEXT, n integer',
        'rowid TEXT, oid TEXT, _rowid_ INTEGER PRIMARY KEY, n integer',
        'n integer, k INTEGER PRIMARY KEY DESC',
      ]
      for (const columns of KEYS) {
        await query('DROP TABLE IF EXISTS t')
        await forget(scratch)
        const made = `CREATE TABLE t (${columns}); INSERT INTO t (n) SELECT 0 FROM (${numbers(kind, 10)}) AS g;
          ${columns.includes('DESC') ? '' : 'UPDATE t SET _rowid_ = 9223372036854775000 + _rowid_ WHERE _rowid_ > 5; UPDATE t SET _rowid_ = -_rowid_ WHERE _rowid_ < 4;'}`
        await up({
          database,
          migrations: scripts({ '1_a': made, '2_b': batch(2, 'UPDATE t SET n = n + 1') }),
        })
        assert.equal((await query('SELECT n FROM t WHERE n = 1')).length, 10, columns)
      }
      await query('DROP TABLE t')
      await forget(scratch)
      const hidden = scripts({
        '1_a': 'CREATE TABLE t (rowid, oid, _rowid_, n)',
        '2_b': batch(2, 'DELETE FROM t'),
      })
      assert.match(
        (await errorOf(up({ database, migrations: hidden }))).message,
        /hide the number of its rows/,
      )
    }))

  test('3.3 a table of another file, whose batches would not commit with their notes', () =>
    kind.scratch(({ url: database }) =>
      withFolder(async (folder) => {
        const other = join(folder, 'other.db')
        const made = new DatabaseSync(other)
        made.exec('CREATE TABLE far (id integer PRIMARY KEY, n integer)')
        made.close()
        const sql = batch(2, `ATTACH '${other}' AS other;\nUPDATE far SET n = 1`)
        const error = await errorOf(
          up({ database, migrations: scripts({ '1_a': table(kind, 5), '2_b': sql }) }),
        )
        assert.deepEqual([error.code, error.line], ['DIRECTIVE', 3])
        assert.match(error.message, /another file/)
      }),
    ))

  test('1.7 it comes to an end though rows are added all the time', () =>
    kind.scratch(async ({ url: database, query }) => {
      let id = 30
      const add = (event: ProgressEvent) => {
        if (event.type === 'batch') query(`INSERT INTO t VALUES (${++id}, 0, 'new')`)
      }
      const files = { '1_a': table(kind, 30), '2_b': batch(10, 'UPDATE t SET n = n + 1') }
      await up({ database, migrations: scripts(files), onProgress: add })
      assert.ok(id < 60)
      assert.deepEqual(
        (await query('SELECT id FROM t WHERE n <> 1')).map((row) => row.id),
        [id],
      )
    }))
}

describe('6 the number of rows follows the time that they take', () => {
  test('6.1 it grows slowly, and not above what the directive says', () => {
    assert.equal(nextSize(1000, 5000, 10, 100), 1200)
    assert.equal(nextSize(4900, 5000, 10, 100), 5000)
    assert.equal(nextSize(1, 5000, 10, 100), 2)
  })
  test('6.2 it stays while the time is right, and falls at once where it is too long', () => {
    assert.equal(nextSize(1000, 5000, 70, 100), 1000)
    assert.equal(nextSize(1000, 5000, 200, 100), 500)
    assert.equal(nextSize(1000, 5000, 100_000, 100), 250)
    assert.equal(nextSize(1, 5000, 100_000, 100), 1)
  })
})
