import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { describe, test } from 'node:test'
import pg from 'pg'
import {
  type Dialect,
  type MigrationFile,
  type PlanCheck,
  type PlanOptions,
  type PlanResult,
  plan,
  up,
} from '../../src/index.ts'
import { KINDS, NEWEST, type Scratch, SERVERS, withFolder } from '../matrix.ts'
import { run } from '../process.ts'
import { onServer } from '../servers.ts'
import { errorOf } from '../tools.ts'

const shadow = `${SERVERS.at(-1)?.url}/postgres`

/** What is applied: the tables that the cases change. */
const BASE: Record<Dialect, string> = {
  sqlite: `CREATE TABLE people (id INTEGER PRIMARY KEY, email TEXT, age TEXT, nick TEXT, score INTEGER);
CREATE TABLE pets (id INTEGER PRIMARY KEY, owner INTEGER, name TEXT);`,
  postgres: `CREATE TABLE people (id INTEGER PRIMARY KEY, email TEXT, age TEXT, nick VARCHAR(40), score INTEGER);
CREATE TABLE pets (id INTEGER PRIMARY KEY, owner INTEGER, name TEXT);`,
}

/** Ten people: no email of 3 and 7, one email of 1, 4 and 5, an age of 6 that is no number, a nick of 8 that is long. */
const ROWS = [
  ...Array.from({ length: 10 }, (_, i) => {
    const id = i + 1
    const email = id === 3 || id === 7 ? 'NULL' : [1, 4, 5].includes(id) ? `'same'` : `'mail ${id}'`
    const age = id === 6 ? `'old'` : `'${20 + id}'`
    const nick = id === 8 ? `'very long'` : `'n${id}'`
    return `INSERT INTO people VALUES (${id}, ${email}, ${age}, ${nick}, ${id - 2})`
  }),
  `INSERT INTO pets VALUES (1, 1, 'rex'), (2, 77, 'tom'), (3, NULL, 'kit')`,
]

/** The rebuild of a SQLite table. */
const rebuilt = (
  columns: string,
  copy = 'id, email, age, nick, score',
) => `CREATE TABLE people_new (${columns});
INSERT INTO people_new (id, email, age, nick, score) SELECT ${copy} FROM people;
DROP TABLE people;
ALTER TABLE people_new RENAME TO people;`

interface Case {
  readonly what: string
  readonly sql: { readonly [dialect in Dialect]?: string }
  /** Kind, rows and examples of what is refused. */
  readonly found: readonly [kind: string, rows: number | undefined, examples: string][]
  readonly verdict?: PlanCheck['verdict']
}

const CASES: readonly Case[] = [
  {
    what: 'NULLs under NOT NULL',
    sql: {
      postgres: 'ALTER TABLE "people" ALTER email SET NOT NULL;',
      sqlite: rebuilt('id INTEGER PRIMARY KEY, email TEXT NOT NULL, age TEXT, nick TEXT, score INTEGER'),
    },
    found: [['null', 2, '3: undefined; 7: undefined']],
  },
  {
    what: 'rows under a new column NOT NULL',
    sql: { postgres: 'ALTER TABLE pets ADD COLUMN size INTEGER NOT NULL;' },
    found: [['null', 3, '1: undefined; 2: undefined; 3: undefined']],
  },
  {
    what: 'duplicates under UNIQUE',
    sql: {
      postgres: 'ALTER TABLE people ADD CONSTRAINT one UNIQUE (email);',
      sqlite: rebuilt('id INTEGER PRIMARY KEY, email TEXT UNIQUE, age TEXT, nick TEXT, score INTEGER'),
    },
    found: [['duplicate', 3, '1: same']],
  },
  {
    what: 'duplicates under a unique index of an expression and a part of the rows',
    sql: {
      postgres: 'CREATE UNIQUE INDEX one ON people (upper(email)) WHERE id < 5;',
      sqlite: 'CREATE UNIQUE INDEX one ON people (upper(email)) WHERE id < 5;',
    },
    found: [['duplicate', 2, '1: SAME']],
  },
  {
    what: 'duplicates under a key of a table that has another name by then',
    sql: {
      postgres:
        'ALTER TABLE people RENAME TO users; ALTER TABLE users RENAME email TO mail; CREATE UNIQUE INDEX one ON users (mail);',
      sqlite:
        'ALTER TABLE people RENAME TO users; ALTER TABLE users RENAME email TO mail; CREATE UNIQUE INDEX one ON users (mail);',
    },
    found: [['duplicate', 3, '1: same']],
  },
  {
    what: 'orphans under a foreign key',
    sql: {
      postgres: 'ALTER TABLE pets ADD FOREIGN KEY (owner) REFERENCES people (id);',
      sqlite: `CREATE TABLE pets_new (id INTEGER PRIMARY KEY, owner INTEGER REFERENCES people (id), name TEXT);
INSERT INTO pets_new SELECT * FROM pets; DROP TABLE pets; ALTER TABLE pets_new RENAME TO pets;`,
    },
    found: [['orphan', 1, '2: 77']],
  },
  {
    what: 'rows that a CHECK refuses',
    sql: {
      postgres: 'ALTER TABLE people ADD CHECK (score >= 0);',
      sqlite: rebuilt(
        'id INTEGER PRIMARY KEY, email TEXT, age TEXT, nick TEXT, score INTEGER CHECK (score >= 0)',
      ),
    },
    found: [['check', 1, '1: -1']],
  },
  {
    what: 'values that a cast refuses',
    sql: { postgres: 'ALTER TABLE people ALTER age TYPE integer USING age::integer;' },
    found: [['cast', 1, '6: old']],
  },
  {
    what: 'values that an expression behind USING refuses',
    sql: { postgres: 'ALTER TABLE people ALTER age TYPE integer USING (age || 0)::integer;' },
    found: [['cast', undefined, '']],
  },
  {
    what: 'values that a shorter type refuses',
    sql: { postgres: 'ALTER TABLE people ALTER nick TYPE varchar(5), ALTER score TYPE smallint;' },
    found: [['cast', 1, '8: very long']],
  },
  {
    what: 'values that a STRICT table refuses',
    sql: {
      sqlite: `${rebuilt('id INTEGER PRIMARY KEY, email TEXT, age INTEGER, nick TEXT, score INTEGER').replace(');', ') STRICT;')}`,
    },
    found: [['cast', 1, '6: old']],
  },
  {
    what: 'a default that is another for each row',
    sql: { sqlite: 'ALTER TABLE pets ADD COLUMN since TEXT DEFAULT CURRENT_TIMESTAMP;' },
    found: [['default', 3, '1: undefined; 2: undefined; 3: undefined']],
  },
  {
    what: 'NULLs that an earlier statement may fill',
    sql: {
      postgres: `UPDATE people SET email = id WHERE email IS NULL; ALTER TABLE people ALTER email SET NOT NULL;`,
      sqlite: `UPDATE people SET email = id WHERE email IS NULL;
${rebuilt('id INTEGER PRIMARY KEY, email TEXT NOT NULL, age TEXT, nick TEXT, score INTEGER')}`,
    },
    found: [['null', 2, '3: undefined; 7: undefined']],
    verdict: 'may fail',
  },
  {
    what: 'nothing where it fits',
    sql: {
      postgres: `ALTER TABLE people ALTER nick SET NOT NULL; CREATE UNIQUE INDEX one ON people (nick);
ALTER TABLE people ADD CHECK (id > 0); ALTER TABLE people ALTER nick TYPE varchar(9), ALTER id TYPE bigint;
ALTER TABLE people ADD CHECK (email IS NOT NULL) NOT VALID; ALTER TABLE pets ADD FOREIGN KEY (owner) REFERENCES people (id) NOT VALID;
ALTER TABLE people ADD COLUMN made timestamptz NOT NULL DEFAULT now(); ALTER TABLE people DROP COLUMN age, ADD COLUMN age integer;`,
      sqlite: `CREATE UNIQUE INDEX one ON people (nick); ALTER TABLE people ADD COLUMN level INTEGER NOT NULL DEFAULT 1;
${rebuilt('id INTEGER PRIMARY KEY CHECK (id > 0), email TEXT, age TEXT, nick TEXT NOT NULL UNIQUE, score INTEGER, level INTEGER')}`,
    },
    found: [],
  },
]

/** A migration file for one dialect, and one that does nothing for the other. */
function pending(dialect: Dialect, sql: string, name = '2_change'): MigrationFile[] {
  const other = dialect === 'sqlite' ? 'postgres' : 'sqlite'
  return [
    { name: `${name}.${dialect}.sql`, sql },
    { name: `${name}.${other}.sql`, sql: '-- migrate: nothing it is not about this one' },
  ]
}

const base = (['sqlite', 'postgres'] as const).map((dialect) => ({
  name: `1_base.${dialect}.sql`,
  sql: BASE[dialect],
}))

const shown = ({ examples }: PlanCheck) => examples.map(({ key, value }) => `${key}: ${value}`).join('; ')

/** Everything that a database holds. */
async function dump({ query }: Scratch, dialect: Dialect): Promise<unknown> {
  const objects = await query(
    dialect === 'sqlite'
      ? 'SELECT type, name, sql FROM sqlite_schema'
      : `SELECT relname, relkind, relfilenode, relhasindex FROM pg_class WHERE relnamespace NOT IN (SELECT oid FROM pg_namespace WHERE nspname ~ '^(pg_toast|information)') ORDER BY oid`,
  )
  const rows = await Promise.all(
    ['people', 'pets', 'schema_migrations'].map((name) => query(`SELECT * FROM ${name}`)),
  )
  return [objects, rows]
}

for (const { label, dialect, scratch } of KINDS) {
  describe(`plan, ${label}`, { concurrency: 2 }, () => {
    /** A database with rows, and what is planned for it. */
    const withRows = (
      work: (
        database: Scratch,
        look: (sql: string, more?: PlanOptions) => Promise<PlanResult>,
      ) => Promise<void>,
    ) =>
      scratch(async (database) => {
        await up({ database: database.url, migrations: base })
        for (const sql of ROWS) await database.query(sql)
        const look = (sql: string, more?: PlanOptions) =>
          plan({ database: database.url, migrations: [...base, ...pending(dialect, sql)], shadow, ...more })
        await work(database, look)
      })

    for (const { what, sql: sqls, found, verdict = 'fails' } of CASES) {
      const sql = sqls[dialect]
      if (sql === undefined) continue
      test(`1 it finds ${what}, and up says the same`, () =>
        withRows(async (database, look) => {
          const before = await dump(database, dialect)
          const result = await look(sql)
          const checks = result.migrations.flatMap((one) => one.checks)
          const refused = checks.filter((check) => check.verdict !== 'fits')
          assert.deepEqual(
            refused.map((check) => [check.kind, check.rows, shown(check)]),
            found,
            refused.map(({ message }) => message).join('\n'),
          )
          assert.ok(refused.every((check) => check.verdict === verdict))
          assert.deepEqual(await dump(database, dialect), before)
          const fails = found.length > 0 && verdict === 'fails'
          assert.equal(result.ok, !fails)
          const migrations = [...base, ...pending(dialect, sql)]
          const did = await up({ database: database.url, migrations }).then(
            () => 'applied',
            ({ code }) => (['SQL', 'FOREIGN_KEY'].includes(code) ? 'failed' : code),
          )
          assert.equal(did, fails ? 'failed' : 'applied')
        }))
    }

    test('2 statements, with their places, locks and tables, and how large those are', () =>
      withRows(async (_, look) => {
        const { migrations, rate, exists, ok } = await look(
          `-- about people\n\nCREATE INDEX people_email ON people (email);\nCREATE TABLE more (id INTEGER PRIMARY KEY);\n  CREATE INDEX more_id ON more (id);`,
        )
        // A server that is busy is not measured to the end: then the usual rate is told.
        assert.deepEqual([exists, ok, typeof rate?.measured], [true, true, 'boolean'])
        const [migration] = migrations
        assert.deepEqual(
          migration?.statements.map(({ line, sql }) => [line, sql]),
          [
            [3, 'CREATE INDEX people_email ON people (email)'],
            [4, 'CREATE TABLE more (id INTEGER PRIMARY KEY)'],
            [5, 'CREATE INDEX more_id ON more (id)'],
          ],
        )
        const [first, ...others] = migration?.statements ?? []
        const [effect] = first?.effects ?? []
        assert.deepEqual(
          { ...effect, bytes: undefined },
          {
            table: 'people',
            lock: dialect === 'sqlite' ? 'WRITE' : 'SHARE',
            scan: true,
            rewrite: false,
            reads: false,
            writes: true,
            rows: 10,
            bytes: undefined,
          },
        )
        assert.ok((effect?.bytes ?? 0) >= 4096)
        assert.deepEqual(
          others.flatMap(({ effects }) => effects),
          [],
        )
        assert.deepEqual(
          migration?.holds.map(({ table, writes }) => [table, writes]),
          [[dialect === 'sqlite' ? '' : 'people', true]],
        )
      }))

    test('3 only as far as it is to go, and nothing where nothing is pending', () =>
      withRows(async ({ url: database }) => {
        const more = ['2_b', '3_c', '4_d'].map((id) => ({
          name: `${id}.sql`,
          sql: 'CREATE INDEX i_people ON people (nick);',
        }))
        const migrations = [...base, ...more]
        const ids = async (options: PlanOptions) => {
          const { migrations: planned } = await plan({ database, migrations, shadow, ...options })
          return planned.map(({ id }) => id)
        }
        assert.deepEqual(await ids({ steps: 1 }), ['2_b'])
        assert.deepEqual(await ids({ to: '3' }), ['2_b', '3_c'])
        assert.deepEqual(await ids({ id: '2_b' }), ['2_b'])
        assert.deepEqual(await ids({ migrations: base }), [])
        assert.equal((await errorOf(plan({ database, migrations, id: '2', to: '3' }))).code, 'USAGE')
        // The second makes an index that the first has made.
        const { ok, migrations: planned } = await plan({ database, migrations, shadow })
        assert.equal(ok, false)
        assert.match(planned[1]?.error?.message ?? '', /i_people/)
      }))

    test('3.1 what needs rows that the shadow has not is no failure', () =>
      withRows(async (database, look) => {
        const sql = `CREATE TABLE toys (id INTEGER PRIMARY KEY, owner INTEGER NOT NULL REFERENCES people (id));
INSERT INTO toys VALUES (1, 1);
INSERT INTO toys SELECT 2, (SELECT id FROM people WHERE id = 2);
CREATE INDEX pets_name ON pets (name);`
        const { ok, migrations, notes } = await look(sql)
        assert.equal(ok, true, migrations[0]?.error?.message)
        assert.match(notes.join(), /2_change\.\w+\.sql:3 could not be tried without rows/)
        assert.deepEqual(
          migrations[0]?.statements
            .map(({ effects }) => effects.map(({ table, scan }) => [table, scan]))
            .at(-1),
          [['pets', true]],
        )
        await up({ database: database.url, migrations: [...base, ...pending(dialect, sql)] })
      }))

    test('4 up --dry-run tells the same', () =>
      withRows(async ({ url: database }) => {
        const migrations = [...base, ...pending(dialect, 'CREATE UNIQUE INDEX one ON people (email);')]
        const result = await up({ database, migrations, shadow, dryRun: true })
        assert.deepEqual(
          result.planned.map(({ id }) => id),
          ['2_change'],
        )
        assert.equal(result.plan?.ok, false)
        assert.equal(result.plan?.migrations[0]?.checks[0]?.rows, 3)
        const done = await up({ database, migrations: base, shadow, dryRun: true })
        assert.equal(done.plan, undefined)
      }))

    test('5 whether a backup is due', () =>
      withRows((_, look) =>
        withFolder(async (folder) => {
          const dir = join(folder, 'backups')
          const drop = 'ALTER TABLE people DROP COLUMN nick; DROP TABLE pets;'
          const due = (await look(drop, { backup: { dir } })).backup
          assert.deepEqual(due, { before: false, destroys: ['people.nick', 'pets'], due: true })
          assert.equal((await look(drop, { backup: { dir, before: true } })).backup.due, false)
          assert.equal((await look('CREATE TABLE x (id INTEGER);', { backup: { dir } })).backup.due, false)
          mkdirSync(dir)
          if (dialect === 'sqlite') new DatabaseSync(join(dir, 'some.db')).exec('CREATE TABLE a (b)')
          else {
            mkdirSync(join(dir, 'some'))
            writeFileSync(join(dir, 'some/toc.dat'), 'PGDMP and so on')
          }
          const { due: again, last } = (await look(drop, { backup: { dir } })).backup
          assert.equal(again, false)
          assert.match(last?.file ?? '', /some(\.db)?$/)
        }),
      ))
  })
}

/** Another process that is writing to a SQLite file. */
async function startWriter(path: string): Promise<{ pid: number | undefined; stop(): Promise<void> }> {
  const text = `import { DatabaseSync } from 'node:sqlite'
    const native = new DatabaseSync(${JSON.stringify(path)})
    native.exec('BEGIN IMMEDIATE')
    console.log('ready')
    process.stdin.resume().on('end', () => process.exit())`
  const child = spawn(process.execPath, ['--input-type=module', '-e', text], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  await once(child.stdout, 'data')
  return {
    pid: child.pid,
    stop: async () => {
      child.stdin.end()
      await once(child, 'exit')
    },
  }
}

/** Work on 300,000 rows, and how long it takes beside what is predicted. */
const WORK: Record<Dialect, readonly string[]> = {
  postgres: [
    'CREATE INDEX big_number ON big (number);',
    'ALTER TABLE big ALTER number SET NOT NULL;',
    'ALTER TABLE big ALTER number TYPE bigint;',
  ],
  sqlite: [
    'CREATE INDEX big_number ON big (number);',
    'CREATE TABLE big_new (id INTEGER PRIMARY KEY, number INTEGER, name TEXT); INSERT INTO big_new SELECT * FROM big; DROP TABLE big; ALTER TABLE big_new RENAME TO big;',
  ],
}

/** A machine that is busy with other tests is not the one that was measured a moment ago. */
const BUSY = 3

for (const { label, dialect, scratch } of NEWEST) {
  test(`6 the time that it takes is within what was predicted, ${label}`, () =>
    scratch(async ({ url: database, query }) => {
      const table = {
        name: '1_big.sql',
        sql: 'CREATE TABLE big (id INTEGER PRIMARY KEY, number INTEGER, name TEXT);',
      }
      await up({ database, migrations: [table] })
      const numbers =
        dialect === 'sqlite'
          ? 'WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 300000) SELECT'
          : 'SELECT'
      const from = dialect === 'sqlite' ? 'n' : 'generate_series(1, 300000) AS n'
      await query(`INSERT INTO big ${numbers} n, n * 7 % 100003, 'the name of number ' || n FROM ${from}`)
      for (const sql of WORK[dialect]) {
        const migrations = [table, ...pending(dialect, sql)]
        const { seconds, migrations: planned } = await plan({ database, migrations, shadow })
        assert.equal(planned[0]?.statements.flatMap(({ effects }) => effects)[0]?.rows, 300_000)
        const native = dialect === 'sqlite' ? new DatabaseSync(database.slice(7)) : new pg.Client(database)
        if (native instanceof pg.Client) await native.connect()
        const start = performance.now()
        if (native instanceof pg.Client) await native.query(sql)
        else native.exec(sql)
        const took = (performance.now() - start) / 1000
        await (native instanceof pg.Client ? native.end() : native.close())
        const [least, most] = seconds
        assert.ok(took > least / BUSY && took < most * BUSY, `${sql}: ${took} s, predicted ${seconds}`)
      }
    }))
}

describe('7 PostgreSQL', () => {
  for (const { label, dialect, scratch } of NEWEST) {
    if (dialect !== 'postgres') continue
    const withPets = (
      work: (
        database: Scratch,
        look: (sql: string, more?: PlanOptions) => Promise<PlanResult>,
      ) => Promise<void>,
    ) =>
      scratch(async (database) => {
        await up({ database: database.url, migrations: base })
        for (const sql of ROWS) await database.query(sql)
        const look = (sql: string, more?: PlanOptions) =>
          plan({
            database: database.url,
            migrations: [...base, ...pending('postgres', sql)],
            shadow,
            ...more,
          })
        await work(database, look)
      })

    test(`7.1 both tables of a foreign key, and how long each is locked, ${label}`, () =>
      withPets(async (_, look) => {
        const { migrations } = await look(
          'ALTER TABLE pets ADD FOREIGN KEY (owner) REFERENCES people (id) NOT VALID;',
        )
        assert.deepEqual(
          migrations[0]?.statements[0]?.effects.map(({ table, lock, scan, writes }) => [
            table,
            lock,
            scan,
            writes,
          ]),
          [
            ['people', 'SHARE ROW EXCLUSIVE', false, true],
            ['pets', 'SHARE ROW EXCLUSIVE', false, true],
          ],
        )
        assert.deepEqual(migrations[0]?.holds.map(({ table }) => table).sort(), ['people', 'pets'])
      }))

    test(`7.2 who is in the way: an open transaction, who waits, an invalid index, ${label}`, () =>
      withPets(async ({ url, query }, look) => {
        await query(`INSERT INTO pets VALUES (4, 1, 'rex')`)
        await assert.rejects(query('CREATE UNIQUE INDEX CONCURRENTLY pets_name ON pets (name)'))
        const holder = new pg.Client(`${url}?application_name=web`)
        const waiter = new pg.Client(`${url}?application_name=worker`)
        await Promise.all([holder.connect(), waiter.connect()])
        try {
          await holder.query('BEGIN; UPDATE pets SET name = name')
          const waiting = waiter.query('BEGIN; LOCK TABLE pets IN SHARE MODE; ROLLBACK').catch(() => {})
          const waits = `SELECT FROM pg_locks WHERE NOT granted AND relation = 'pets'::regclass`
          while ((await query(waits)).length === 0);
          const { blockers, ok } = await look(
            'CREATE UNIQUE INDEX IF NOT EXISTS pets_name ON pets (name); ALTER TABLE pets ADD COLUMN x INTEGER;',
          )
          assert.deepEqual(
            blockers.map(({ kind, tables, application, name }) => [kind, tables, application ?? name]),
            [
              ['transaction', ['pets'], 'web'],
              ['waiting', ['pets'], 'worker'],
              ['invalid index', ['pets'], 'pets_name'],
            ],
          )
          const [first, , index] = blockers
          assert.equal(first?.state, 'idle in transaction')
          assert.equal(typeof first?.pid, 'number')
          assert.match(`${first?.since} ${first?.queryStart}`, /^\d{4}-\S+Z \d{4}-\S+Z$/)
          assert.match(index?.message ?? '', /IF NOT EXISTS would keep it/)
          assert.equal(ok, false)
          await holder.query('ROLLBACK')
          await waiting
          // Of a table that nobody uses, nobody is in the way.
          assert.deepEqual((await look('ALTER TABLE people ADD COLUMN x INTEGER;')).blockers, [])
        } finally {
          await Promise.all([holder.end(), waiter.end()])
        }
      }))

    test(`7.3 CONCURRENTLY waits for every transaction, whatever it uses, ${label}`, () =>
      withPets(async ({ url }, look) => {
        const holder = new pg.Client(`${url}?application_name=web`)
        await holder.connect()
        try {
          await holder.query('BEGIN; SELECT count(*) FROM people')
          const index = (how: string) =>
            `-- migrate: no-transaction\nCREATE INDEX ${how} pets_name ON pets (name);`
          assert.deepEqual((await look(index(''))).blockers, [])
          const { blockers, migrations } = await look(index('CONCURRENTLY'))
          assert.deepEqual(
            blockers.map(({ application, tables }) => [application, tables]),
            [['web', []]],
          )
          assert.deepEqual([migrations[0]?.transaction, migrations[0]?.holds], [false, []])
        } finally {
          await holder.end()
        }
      }))

    test(`7.4 without a shadow it is judged by the text, and says so, ${label}`, () =>
      withPets(async ({ url }, look) => {
        const role = `weak_${Math.random().toString(36).slice(2)}`
        await onServer(url, `CREATE ROLE ${role} LOGIN PASSWORD 'x'`)
        try {
          const weak = url.replace(/\/\/[^@]+@/, `//${role}:x@`)
          const { migrations, notes, ok } = await look(CASES[0]?.sql.postgres ?? '', { shadow: weak })
          assert.match(notes.join(), /judged by the text alone/)
          const [statement] = migrations[0]?.statements ?? []
          assert.deepEqual(
            [statement?.measured, statement?.effects[0]?.lock, statement?.effects[0]?.scan],
            [false, 'ACCESS EXCLUSIVE', true],
          )
          assert.equal(migrations[0]?.checks[0]?.rows, 2)
          assert.equal(ok, false)
        } finally {
          await onServer(url, `DROP ROLE ${role}`)
        }
      }))

    test(`7.5 a user who may only read: what it may not see is said to be unknown, ${label}`, () =>
      withPets(async ({ url, query }, look) => {
        const role = `reader_${Math.random().toString(36).slice(2)}`
        await query(`CREATE ROLE ${role} LOGIN PASSWORD 'x'`)
        await query(`ALTER ROLE ${role} SET default_transaction_read_only = on`)
        await query(`GRANT SELECT ON pets, schema_migrations, schema_migrations_state TO ${role}`)
        try {
          const database = url.replace(/\/\/[^@]+@/, `//${role}:x@`)
          const sql = `ALTER TABLE pets ALTER owner SET NOT NULL; ALTER TABLE people ALTER email SET NOT NULL;`
          const { migrations, rate } = await look(sql, { database })
          assert.equal(rate?.measured, false)
          assert.deepEqual(
            migrations[0]?.checks.map(({ table, verdict, rows }) => [table, verdict, rows]),
            [
              ['people', 'unknown', undefined],
              ['pets', 'fails', 1],
            ],
          )
          assert.match(migrations[0]?.checks[0]?.message ?? '', /permission denied/)
        } finally {
          await query(`DROP OWNED BY ${role}`)
          await query(`DROP ROLE ${role}`)
        }
      }))

    test(`7.6 who keeps everybody from a table is named, and not waited for, ${label}`, () =>
      withPets(async ({ url, query }, look) => {
        await query('CREATE VIEW names AS SELECT name FROM pets')
        const holder = new pg.Client(`${url}?application_name=web`)
        await holder.connect()
        try {
          await holder.query('BEGIN; LOCK TABLE pets IN ACCESS EXCLUSIVE MODE')
          const error = await errorOf(look('ALTER TABLE pets ADD COLUMN x INTEGER;'))
          assert.equal(error.code, 'BUSY')
          assert.match(error.message, /pid \d+ \(\S+, web\) has locked pets, idle in transaction/)
        } finally {
          await holder.end()
        }
      }))
  }
})

describe('8 SQLite', () => {
  const withFile = (work: (path: string, look: (sql: string) => Promise<PlanResult>) => Promise<void>) =>
    withFolder(async (folder) => {
      const path = join(folder, 'app.db')
      await up({ database: path, migrations: base })
      await work(path, (sql) => plan({ database: path, migrations: [...base, ...pending('sqlite', sql)] }))
    })

  test('8.1 a database that is not there yet is not made', () =>
    withFolder(async (folder) => {
      const database = join(folder, 'none.db')
      const { exists, ok, migrations } = await plan({ database, migrations: base })
      assert.deepEqual([exists, ok, migrations.map(({ id }) => id)], [false, true, ['1_base']])
      assert.throws(() => new DatabaseSync(database, { readOnly: true }))
    }))

  test('8.2 who has the write lock, where the system tells it', { skip: process.platform !== 'linux' }, () =>
    withFile(async (path, look) => {
      const writer = await startWriter(path)
      try {
        const { blockers } = await look('ALTER TABLE pets ADD COLUMN x INTEGER;')
        assert.deepEqual(
          blockers.map(({ kind, pid }) => [kind, pid]),
          [['writer', writer.pid]],
        )
      } finally {
        await writer.stop()
      }
      assert.deepEqual((await look('ALTER TABLE pets ADD COLUMN x INTEGER;')).blockers, [])
    }),
  )

  test('8.3 the space that a rebuild needs, and what is free', () =>
    withFile(async (path, look) => {
      const native = new DatabaseSync(path)
      native.exec(`WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 20000)
        INSERT INTO people SELECT n, 'mail ' || n, n, hex(zeroblob(50)), n FROM n`)
      const bytes = Number(
        native.prepare(`SELECT sum(pgsize) AS n FROM dbstat WHERE name = 'people'`).get()?.n,
      )
      native.close()
      const { space, migrations } = await look(
        rebuilt('id INTEGER PRIMARY KEY, email TEXT, age TEXT, nick TEXT, score INTEGER'),
      )
      assert.ok(
        (space?.needed ?? 0) >= bytes * 0.9 && (space?.needed ?? 0) <= bytes * 2.5,
        `${space?.needed} of ${bytes}`,
      )
      assert.ok((space?.free ?? 0) > 0)
      assert.deepEqual(
        migrations[0]?.holds.map(({ table, lock, reads }) => [table, lock, reads]),
        [['', 'WRITE', false]],
      )
      assert.ok((migrations[0]?.holds[0]?.seconds[1] ?? 0) > 0)
    }))
})

describe('9 the command', () => {
  test('9.1 tells people what would fail, and exits with 3; --json is what the library gives', () =>
    withFolder(async (cwd) => {
      mkdirSync(join(cwd, 'migrations'))
      writeFileSync(join(cwd, 'migrations/1_base.sql'), BASE.sqlite)
      await run(['up', '--dir', 'migrations', '--database', 'a.db'], { cwd })
      const native = new DatabaseSync(join(cwd, 'a.db'))
      for (const sql of ROWS) native.exec(sql)
      native.close()
      const options = ['--dir', 'migrations', '--database', 'a.db']
      assert.match((await run(['plan', ...options], { cwd })).stdout, /nothing to do/)
      writeFileSync(join(cwd, 'migrations/2_b.sql'), 'CREATE UNIQUE INDEX one ON people (email);')
      const told = await run(['plan', ...options], { cwd })
      assert.equal(told.status, 3)
      assert.match(told.stdout, /^2_b \(migrations\/2_b\.sql\), one transaction/)
      assert.match(told.stdout, /^ +1 \| CREATE UNIQUE INDEX one ON people \(email\)/m)
      assert.match(told.stdout, /people: write lock, every row read, blocks writes; 10 rows/)
      assert.match(
        told.stdout,
        /would fail: 3 rows of people: email is the same in several rows, which UNIQUE INDEX one refuses \(such as 1: same\)/,
      )
      assert.match(told.stdout, /a\.db: would apply 1 migration in .*; nothing was changed\n$/)
      const same = await run(['up', '--dry-run', ...options], { cwd })
      assert.equal(same.status, 3)
      const without = (text: string) =>
        text.replaceAll(/note: seconds.*\n| in less than.*|[\d.]+ to [\d.]+ s/g, '')
      assert.equal(without(same.stdout), without(told.stdout))
      const result: PlanResult = JSON.parse((await run(['plan', '--json', ...options], { cwd })).stdout)
      assert.equal(result.ok, false)
      assert.equal(result.migrations[0]?.checks[0]?.verdict, 'fails')
    }))
})
