import assert from 'node:assert/strict'
import { existsSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { describe, test } from 'node:test'
import { setTimeout } from 'node:timers/promises'
import pg from 'pg'
import { down, status, up } from '../../src/index.ts'
import { KINDS, withFolder } from '../matrix.ts'
import { errorOf, ids, scripts } from '../tools.ts'

const NEXFLOW = ['logs', 'messages', 'schedules', 'sessions', 'skills', 'tasks', 'users']

const A = 'CREATE TABLE a (id INTEGER PRIMARY KEY)'
const B = 'CREATE TABLE b (id INTEGER PRIMARY KEY)'
for (const kind of KINDS) {
  describe(`1 Nexflow's own migrations, ${kind.label}`, () => {
    test('1.1 go up, have nothing to do the second time, and go down', () =>
      kind.scratch(async ({ url: database, tables }) => {
        const first = await up({ database })
        assert.deepEqual(ids(first.applied), [
          '000001_init_schema',
          '000002_add_indexes',
          '000003_add_user_metadata',
        ])
        assert.deepEqual(await tables(), NEXFLOW)
        assert.deepEqual((await up({ database })).applied, [])
        assert.equal((await status({ database })).upToDate, true)
        assert.deepEqual(ids((await down({ database })).rolledBack), ['000003_add_user_metadata'])
        await down({ database, all: true })
        assert.deepEqual(await tables(), [])
        assert.deepEqual((await down({ database })).rolledBack, [])
        assert.equal((await up({ database })).applied.length, 3)
      }))

    test('1.2 hold what the guide puts into them', () =>
      kind.scratch(async ({ url: database, query }) => {
        await up({ database })
        const uuid = (n: number) => `'00000000-0000-4000-8000-00000000000${n}'`
        await query(
          `INSERT INTO users (id, channel, channel_user_id, metadata) VALUES (${uuid(1)}, 'web', 'u', '{}')`,
        )
        await query(`INSERT INTO sessions (id, user_id) VALUES (${uuid(2)}, ${uuid(1)})`)
        await query(
          `INSERT INTO messages (id, session_id, role, content) VALUES (${uuid(3)}, ${uuid(2)}, 'user', 'hi')`,
        )
        await assert.rejects(
          query(`INSERT INTO logs (id, level, source, message) VALUES (${uuid(4)}, 'loud', 's', 'm')`),
        )
        if (kind.dialect === 'sqlite') return
        const rows = await query(`SELECT table_name || '.' || column_name AS name, udt_name AS type
          FROM information_schema.columns WHERE table_schema = 'public' AND table_name <> 'schema_migrations' AND udt_name IN ('jsonb', 'uuid', 'bool', 'log_level', 'task_status', 'message_role')`)
        const types = Object.groupBy(rows, (row) => String(row.type))
        assert.deepEqual(types.jsonb?.map(({ name }) => name).sort(), [
          'logs.metadata',
          'schedules.input',
          'skills.metadata',
          'skills.permissions',
          'tasks.input',
          'tasks.output',
          'users.metadata',
        ])
        assert.deepEqual(
          types.bool?.map(({ name }) => name),
          ['schedules.enabled'],
        )
        assert.equal(types.uuid?.length, 10)
      }))
  })

  describe(`2 what a failing script leaves, ${kind.label}`, () => {
    const migrations = scripts({
      '1_a': A,
      '2_b': `${B}; INSERT INTO none VALUES (1)`,
      '3_c': 'CREATE TABLE c (id INTEGER)',
    })

    test('2.1 nothing of itself; those before it stay, those after it wait', () =>
      kind.scratch(async ({ url: database, tables, query }) => {
        const error = await errorOf(up({ database, migrations }))
        assert.equal(error.code, 'SQL')
        assert.deepEqual(error.details.done, ['1_a'])
        assert.deepEqual(await tables(), ['a'])
        assert.deepEqual(
          await query('SELECT version FROM schema_migrations'),
          [{ version: '1_a' }].map((row) =>
            Object.assign(kind.dialect === 'sqlite' ? Object.create(null) : {}, row),
          ),
        )
      }))

    test('2.2 with one transaction for all, nothing at all', () =>
      kind.scratch(async ({ url: database, tables }) => {
        const error = await errorOf(up({ database, migrations, transaction: 'all' }))
        assert.equal(error.code, 'SQL')
        assert.equal(error.details.done, undefined)
        assert.deepEqual(await tables(), [])
        const fine = scripts({ '1_a': A, '2_b': B })
        assert.deepEqual(ids((await up({ database, migrations: fine, transaction: 'all' })).applied), [
          '1_a',
          '2_b',
        ])
        await down({
          database,
          migrations: [
            ...fine,
            ...['1_a', '2_b'].map((id) => ({ name: `${id}.down.sql`, sql: `DROP TABLE ${id.slice(2)}` })),
          ],
          all: true,
          transaction: 'all',
        })
        assert.deepEqual(await tables(), [])
      }))

    test('2.3 a deferred constraint that fails at the commit', () =>
      kind.scratch(async ({ url: database, tables }) => {
        const sql = `${A}; CREATE TABLE b (a INTEGER REFERENCES a (id) DEFERRABLE INITIALLY DEFERRED); INSERT INTO b VALUES (7)`
        const error = await errorOf(up({ database, migrations: scripts({ '1_a': sql }) }))
        assert.equal(error.code, 'SQL')
        assert.equal(error.file, '1_a.sql')
        assert.deepEqual(await tables(), [])
      }))
  })

  describe(`3 where the error is, ${kind.label}`, () => {
    const cases: [name: string, sql: string, line: number, column: number, says: RegExp][] = [
      ['a word that is no SQL', `${A};\n\n  CREAT TABLE b (id int);`, 3, 3, /CREAT/i],
      ['a column that is not there', `${A};\n/* ы𝒳 */ INSERT INTO a VALUES (nocol);`, 2, 32, /nocol/],
      [
        'a value that is there twice',
        `${A};\nINSERT INTO a VALUES (1);\n-- again\nINSERT INTO a\n  VALUES (1);`,
        4,
        1,
        /UNIQUE|duplicate/,
      ],
      ['a quote left open', `${A};\nINSERT INTO a VALUES ('1);\n`, 2, 23, /unrecognized|unterminated/],
      [
        'a table that is not there',
        `${A};\r\nSELECT * FROM a;\r\nDROP TABLE  none;`,
        3,
        kind.dialect === 'sqlite' ? 13 : 1,
        /none/,
      ],
    ]
    for (const [name, sql, line, column, says] of cases) {
      test(`3.1 ${name}`, () =>
        kind.scratch(async ({ url: database, tables }) => {
          const error = await errorOf(up({ database, migrations: scripts({ '1_a': sql }) }))
          assert.match(error.message, says)
          assert.deepEqual(
            [error.code, error.file, error.line, error.column],
            ['SQL', '1_a.sql', line, column],
          )
          assert.match(error.details.excerpt ?? '', /\^$/)
          assert.deepEqual(await tables(), [])
        }))
    }

    test('3.2 SQL of another database is named, and so are the files to write', () =>
      kind.scratch(async ({ url: database }) => {
        const sql =
          kind.dialect === 'sqlite'
            ? 'CREATE TABLE a (t TEXT DEFAULT NOW())'
            : 'CREATE TABLE a (id INTEGER PRIMARY KEY AUTOINCREMENT)'
        const { hint = '' } = await errorOf(up({ database, migrations: scripts({ '000004_a': sql }) }))
        assert.match(
          hint,
          kind.dialect === 'sqlite' ? /now\(\) is PostgreSQL's/ : /AUTOINCREMENT is SQLite's/,
        )
        assert.match(hint, /000004_a\.sqlite\.up\.sql and 000004_a\.postgres\.up\.sql/)
        assert.match(
          (
            await errorOf(
              up({ database, migrations: scripts({ '1_a': "SELECT GET_LOCK('migrations', 60)" }) }),
            )
          ).hint ?? '',
          /MySQL/,
        )
      }))
  })

  describe(`4 transaction statements, ${kind.label}`, () => {
    for (const word of [
      'BEGIN',
      'COMMIT',
      'ROLLBACK',
      'END',
      ...(kind.dialect === 'postgres' ? ['START TRANSACTION', 'ABORT'] : []),
    ]) {
      for (const directive of ['', '-- migrate: no-transaction\n']) {
        test(`4.1 ${word} is refused before anything is changed${directive && ', outside a transaction too'}`, () =>
          kind.scratch(async ({ url: database, tables }) => {
            const sql = `${directive}${A};\n ${word} ;\n${B};`
            const error = await errorOf(up({ database, migrations: scripts({ '1_a': sql }) }))
            assert.equal(error.code, 'TRANSACTION_STATEMENT')
            assert.equal(error.line, directive === '' ? 2 : 3)
            assert.equal(error.column, 2)
            assert.deepEqual(await tables(), [])
          }))
      }
    }

    test('4.2 BEGIN and END of a trigger or a function are none, nor are words in texts; savepoints may be', () =>
      kind.scratch(async ({ url: database, query }) => {
        const trigger =
          kind.dialect === 'sqlite'
            ? 'CREATE TRIGGER t AFTER INSERT ON a BEGIN UPDATE a SET note = 1; UPDATE a SET note = 2; END;'
            : `CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.note := 2; RETURN NEW; END $$;
               CREATE TRIGGER t BEFORE INSERT ON a FOR EACH ROW EXECUTE FUNCTION f();`
        const sql = `CREATE TABLE a (id INTEGER PRIMARY KEY, note INTEGER, word TEXT DEFAULT 'COMMIT; BEGIN');\n${trigger}
          -- COMMIT
          SAVEPOINT one; INSERT INTO a (id) VALUES (1); ROLLBACK TO one; RELEASE one;
          INSERT INTO a (id) VALUES (2);`
        await up({ database, migrations: scripts({ '1_a': sql }) })
        assert.deepEqual(
          (await query('SELECT id, note, word FROM a')).map((row) => ({ ...row })),
          [{ id: 2, note: 2, word: 'COMMIT; BEGIN' }],
        )
      }))
  })

  describe(`5 outside a transaction, ${kind.label}`, () => {
    const sql =
      kind.dialect === 'sqlite'
        ? '-- migrate: no-transaction\nCREATE TABLE a (id INTEGER PRIMARY KEY); VACUUM;\nINSERT INTO a VALUES (1);'
        : '-- migrate: no-transaction\nCREATE TABLE a (id INTEGER PRIMARY KEY);\nCREATE INDEX CONCURRENTLY a_id ON a (id);\nVACUUM a;\nINSERT INTO a VALUES (1);'

    test('5.1 statement by statement', () =>
      kind.scratch(async ({ url: database, query }) => {
        await up({ database, migrations: scripts({ '1_a': sql }) })
        assert.equal((await query('SELECT * FROM a')).length, 1)
        assert.equal((await up({ database, migrations: scripts({ '1_a': sql }) })).applied.length, 0)
      }))

    test('5.2 a syntax error is found before the first statement is run', () =>
      kind.scratch(async ({ url: database, tables }) => {
        const error = await errorOf(up({ database, migrations: scripts({ '1_a': `${sql}\nSELEC 1;` }) }))
        assert.deepEqual([error.code, error.line], ['SQL', sql.split('\n').length + 1])
        assert.deepEqual(await tables(), [])
      }))

    test('5.3 what fails at a row stops there, with its line', () =>
      kind.scratch(async ({ url: database, query }) => {
        const error = await errorOf(
          up({ database, migrations: scripts({ '1_a': `${sql}\nINSERT INTO a VALUES (1);` }) }),
        )
        assert.deepEqual([error.code, error.line], ['SQL', sql.split('\n').length + 1])
        assert.match(error.hint ?? '', /the statements above it have run and stay/)
        assert.equal((await query('SELECT * FROM a')).length, 1)
        assert.equal((await query('SELECT * FROM schema_migrations')).length, 0)
      }))

    test('5.4 has no place in one transaction for all', () =>
      kind.scratch(async ({ url: database, tables }) => {
        const error = await errorOf(
          up({ database, migrations: scripts({ '1_b': B, '2_a': sql }), transaction: 'all' }),
        )
        assert.equal(error.code, 'NOT_IN_TRANSACTION')
        assert.deepEqual(await tables(), [])
      }))
  })

  describe(`6 the history, ${kind.label}`, () => {
    const migrations = scripts({ '1_a': A, '2_b': B })

    test("6.1 the guide's own table and its INSERT by hand", () =>
      kind.scratch(async ({ url: database, query, tables }) => {
        await query(
          kind.dialect === 'sqlite'
            ? `CREATE TABLE schema_migrations (id INTEGER PRIMARY KEY AUTOINCREMENT, version TEXT NOT NULL UNIQUE, applied_at TEXT NOT NULL DEFAULT (datetime('now')))`
            : 'CREATE TABLE schema_migrations (id BIGSERIAL PRIMARY KEY, version TEXT NOT NULL UNIQUE, applied_at TIMESTAMPTZ NOT NULL DEFAULT now())',
        )
        const now = kind.dialect === 'sqlite' ? `datetime('now')` : 'now()'
        await query(`INSERT INTO schema_migrations (version, applied_at) VALUES ('1_a', ${now})`)
        const before = await status({ database, migrations })
        assert.deepEqual(
          before.migrations.map(({ state }) => state),
          ['applied', 'pending'],
        )
        assert.match(before.migrations[0]?.appliedAt ?? '', /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/)
        assert.deepEqual(ids((await up({ database, migrations })).applied), ['2_b'])
        assert.deepEqual(await tables(), ['b'])
        const rows = await query('SELECT * FROM schema_migrations ORDER BY applied_at DESC')
        assert.deepEqual(
          rows.map(({ version }) => version),
          ['2_b', '1_a'],
        )
      }))

    for (const [tool, ddl, mark] of [
      [
        'golang-migrate',
        'CREATE TABLE schema_migrations (version bigint NOT NULL PRIMARY KEY, dirty boolean NOT NULL)',
        undefined,
      ],
      ['dbmate', 'CREATE TABLE schema_migrations (version varchar(128) PRIMARY KEY)', undefined],
      [
        'Rails',
        'CREATE TABLE schema_migrations (version varchar PRIMARY KEY)',
        'CREATE TABLE ar_internal_metadata (key varchar)',
      ],
      ['not known', 'CREATE TABLE schema_migrations (name text, batch integer)', undefined],
    ] as const) {
      test(`6.2 the table of another tool stays untouched: ${tool}`, () =>
        kind.scratch(async ({ url: database, query, tables }) => {
          await query(ddl)
          if (mark !== undefined) await query(mark)
          for (const command of [up, down, status]) {
            const error = await errorOf(command({ database, migrations }))
            assert.equal(error.code, 'FOREIGN_HISTORY')
            assert.match(error.message, new RegExp(tool))
            assert.match(error.hint ?? '', /adopt/)
          }
          assert.deepEqual(await tables(), mark === undefined ? [] : ['ar_internal_metadata'])
        }))
    }

    test('6.3 changed, missing and out of order: told by status, refused by up', () =>
      kind.scratch(async ({ url: database, tables }) => {
        await up({ database, migrations: scripts({ '1_a': A, '3_c': B }) })
        for (const [changed, state, code] of [
          [{ '1_a': `${A} `, '3_c': B }, 'changed', 'CHANGED'],
          [{ '1_a': A }, 'missing', 'MISSING'],
          [{ '1_a': A, '2_b': 'CREATE TABLE c (id int)', '3_c': B }, 'out of order', 'OUT_OF_ORDER'],
        ] as const) {
          const told = await status({ database, migrations: scripts(changed) })
          assert.equal(told.upToDate, false)
          assert.ok(told.migrations.some((entry) => entry.state === state))
          assert.equal((await errorOf(up({ database, migrations: scripts(changed) }))).code, code)
        }
        assert.deepEqual(await tables(), ['a', 'b'])
        const late = scripts({ '1_a': A, '2_b': 'CREATE TABLE c (id int)', '3_c': B })
        assert.deepEqual(ids((await up({ database, migrations: late, allowOutOfOrder: true })).applied), [
          '2_b',
        ])
        assert.equal((await status({ database, migrations: late })).upToDate, true)
      }))
  })

  describe(`6 files on disk, ${kind.label}`, () => {
    test('6.4 an edit of an applied file is found, whatever its size and time; a touch is none', () =>
      kind.scratch(({ url: database }) =>
        withFolder(async (migrations) => {
          const path = join(migrations, '1_a.sql')
          writeFileSync(path, 'CREATE TABLE a (b int)')
          await setTimeout(150)
          await up({ database, migrations })
          assert.equal((await status({ database, migrations })).upToDate, true)
          const { atime, mtime } = statSync(path)
          utimesSync(path, atime, new Date())
          assert.equal((await status({ database, migrations })).upToDate, true)
          writeFileSync(path, 'CREATE TABLE a (c int)')
          utimesSync(path, atime, mtime)
          assert.equal((await errorOf(up({ database, migrations }))).code, 'CHANGED')
          writeFileSync(path, 'CREATE TABLE a (b int)')
          assert.equal((await up({ database, migrations })).applied.length, 0)
        }),
      ))
  })

  describe(`7 what a script may do to its session, ${kind.label}`, () => {
    test('7.1 text of every kind, and a script of several pieces', () =>
      kind.scratch(async ({ url: database, query }) => {
        const rows = Array.from(
          { length: 4000 },
          (_, i) => `INSERT INTO a VALUES (${i}, 'it''s; ы𝒳 -- no comment');`,
        )
        const sql = `CREATE TABLE a (id INTEGER PRIMARY KEY, t TEXT);\n${rows.join('\n')}\n-- the end`
        assert.ok(sql.length > 2 * 64 * 1024)
        await up({ database, migrations: scripts({ '1_a': sql }) })
        const [row] = await query(`SELECT count(*) AS n, min(t) AS t FROM a`)
        assert.deepEqual([Number(row?.n), row?.t], [4000, `it's; ы𝒳 -- no comment`])
      }))

    test('7.2 a long script whose texts and bodies look as if statements ended in them', () =>
      kind.scratch(async ({ url: database, query }) => {
        const poem = Array.from({ length: 3000 }, (_, i) => `line ${i}; it''s -- no end;\n`).join('')
        const body =
          kind.dialect === 'sqlite'
            ? 'CREATE TRIGGER t AFTER INSERT ON a BEGIN\n  UPDATE a SET n = 1;\n  UPDATE a SET n = 2;\nEND;'
            : 'CREATE FUNCTION f() RETURNS int LANGUAGE plpgsql AS $$ BEGIN\n  PERFORM 1;\n  RETURN 2;\nEND $$;'
        const sql = `CREATE TABLE a (t TEXT, n INTEGER);\n/* a;\n b;\n */\n${body}\nINSERT INTO a (t) VALUES ('${poem}');\nINSERT INTO a (t) VALUES ('${poem}');\n`
        assert.ok(poem.length > 64 * 1024)
        await up({ database, migrations: scripts({ '1_a': sql }) })
        const rows = await query('SELECT t FROM a')
        assert.deepEqual(
          rows.map(({ t }) => t),
          [poem.replaceAll("''", "'"), poem.replaceAll("''", "'")],
        )
      }))

    test('7.3 an error deep in a long script has its line, and a COMMIT in it is found', () =>
      kind.scratch(async ({ url: database, tables }) => {
        const rows = Array.from({ length: 4000 }, (_, i) => `INSERT INTO a VALUES (${i}, 'it''s; ы𝒳');`)
        const long = `CREATE TABLE a (id INTEGER PRIMARY KEY, t TEXT);\n${rows.join('\n')}\n`
        const twice = await errorOf(
          up({ database, migrations: scripts({ '1_a': `${long}INSERT INTO a VALUES (7, '');` }) }),
        )
        assert.deepEqual([twice.code, twice.line], ['SQL', 4002])
        const commit = await errorOf(
          up({ database, migrations: scripts({ '1_a': `${long}COMMIT;\n${rows.join('\n')}` }) }),
        )
        assert.deepEqual([commit.code, commit.line], ['TRANSACTION_STATEMENT', 4002])
        assert.deepEqual(await tables(), [])
      }))

    if (kind.dialect === 'postgres') {
      test('7.4 what it sets does not reach the next script, nor where the history is', () =>
        kind.scratch(async ({ url: database, query }) => {
          const first = `CREATE SCHEMA other; SET search_path = other; SELECT set_config('lock_timeout', '7s', false); CREATE TABLE a (id int)`
          await up({ database, migrations: scripts({ '1_a': first, '2_b': B }) })
          const rows = await query(
            `SELECT schemaname || '.' || tablename AS name FROM pg_tables WHERE schemaname IN ('public', 'other') ORDER BY 1`,
          )
          assert.deepEqual(
            rows.map(({ name }) => name),
            ['other.a', 'public.b', 'public.schema_migrations', 'public.schema_migrations_state'],
          )
        }))

      test('7.5 COPY FROM STDIN and a session that the server ends have clear errors', () =>
        kind.scratch(async ({ url: database, tables }) => {
          const copy = await errorOf(
            up({ database, migrations: scripts({ '1_a': `${A}; COPY a FROM STDIN;` }) }),
          )
          assert.match(copy.message, /COPY/)
          const ended = await errorOf(
            up({
              database,
              migrations: scripts({ '1_a': `${A}; SELECT pg_terminate_backend(pg_backend_pid());` }),
            }),
          )
          assert.equal(ended.code, 'CONNECTION')
          assert.deepEqual(await tables(), [])
        }))
    } else {
      test('7.4 a conflict that rolls back by itself', () =>
        kind.scratch(async ({ url: database, tables }) => {
          const sql = `${A}; INSERT INTO a VALUES (1); INSERT OR ROLLBACK INTO a VALUES (1); ${B};`
          assert.equal((await errorOf(up({ database, migrations: scripts({ '1_a': sql }) }))).code, 'SQL')
          assert.deepEqual(await tables(), [])
        }))

      test('7.5 a database is opened with WAL', () =>
        kind.scratch(async ({ url: database, query }) => {
          await up({ database })
          assert.equal((await query('PRAGMA journal_mode'))[0]?.journal_mode, 'wal')
        }))
    }
  })

  describe(`8 the caller's own handle, ${kind.label}`, () => {
    test('8.1 is used, and stays open', () =>
      kind.scratch(async ({ url, tables }) => {
        const migrations = [...scripts({ '1_a': A }), { name: '1_a.down.sql', sql: 'DROP TABLE a' }]
        if (kind.dialect === 'sqlite') {
          const database = new DatabaseSync(url.slice('sqlite:'.length))
          assert.equal((await up({ database, migrations })).applied.length, 1)
          assert.equal((await status({ database, migrations })).upToDate, true)
          assert.equal((await down({ database, migrations })).rolledBack.length, 1)
          database.exec('SELECT 1')
          database.close()
          return
        }
        const client = new pg.Client(url)
        await client.connect()
        const pool = new pg.Pool({ connectionString: url, max: 1 })
        for (const database of [client, pool]) {
          assert.equal((await up({ database, migrations })).applied.length, 1)
          assert.equal((await status({ database, migrations })).upToDate, true)
          assert.equal((await down({ database, migrations })).rolledBack.length, 1)
          assert.equal((await database.query('SELECT 1 AS one')).rows[0].one, 1)
        }
        await client.end()
        await pool.end()
        assert.deepEqual(await tables(), [])
      }))

    test('8.2 is refused where it is closed, in a transaction, or none', () =>
      kind.scratch(async ({ url }) => {
        for (const none of [5, null, {}]) {
          const error = await errorOf(up({ database: none as unknown as string }))
          assert.equal(error.code, 'CONFIG')
        }
        if (kind.dialect === 'postgres') {
          const client = new pg.Client(url)
          await client.connect()
          await client.end()
          assert.equal((await errorOf(up({ database: client }))).code, 'CONNECTION')
          return
        }
        const database = new DatabaseSync(':memory:')
        database.exec('BEGIN')
        assert.match((await errorOf(up({ database }))).message, /within a transaction/)
        database.close()
        assert.equal((await errorOf(up({ database }))).code, 'DATABASE')
      }))

    test('8.3 progress, a logger, and a signal that stops between two migrations', () =>
      kind.scratch(async ({ url: database, tables }) => {
        const stop = new AbortController()
        const told: string[] = []
        const migrations = scripts({ '1_a': A, '2_b': B })
        const error = await errorOf(
          up({
            database,
            migrations,
            signal: stop.signal,
            logger: { info: (message) => told.push(message), warn: assert.fail },
            onProgress: (event) => {
              told.push(
                'index' in event ? `${event.type} ${event.id} ${event.index}/${event.total}` : event.type,
              )
              if (event.type === 'finished') stop.abort()
            },
          }),
        )
        assert.equal(error.code, 'ABORTED')
        assert.deepEqual(told, ['started 1_a 1/2', 'finished 1_a 1/2', 'applied 1_a'])
        assert.deepEqual(await tables(), ['a'])
        assert.deepEqual(ids((await up({ database, migrations })).applied), ['2_b'])
      }))

    test('8.4 options that contradict each other', async () => {
      for (const options of [
        { id: '1', to: '1' },
        { steps: 0 },
        { steps: 1.5 },
        { to: '1', steps: 1 },
        { lockTimeout: -1 },
      ]) {
        assert.equal((await errorOf(up({ database: ':memory:', ...options }))).code, 'USAGE')
      }
    })
  })

  describe(`9 a dry run, ${kind.label}`, () => {
    test('9.1 tells the SQL and changes nothing', () =>
      kind.scratch(async ({ url: database, tables, query }) => {
        const migrations = scripts({ '1_a': A, '2_b': B })
        const { planned, applied } = await up({ database, migrations, dryRun: true, to: '1_a' })
        assert.deepEqual([planned, applied], [[{ id: '1_a', file: '1_a.sql', sql: A }], []])
        assert.deepEqual(await tables(), [])
        await assert.rejects(query('SELECT * FROM schema_migrations'))
      }))
  })
}

test('10 nothing to do, to tell or to refuse makes no SQLite file', () =>
  withFolder(async (folder) => {
    const database = join(folder, 'data', 'app.db')
    await up({ database, dryRun: true })
    await status({ database })
    await down({ database })
    await errorOf(up({ database, id: '000009' }))
    await up({ database, migrations: [] })
    assert.equal(existsSync(join(folder, 'data')), false)
  }))
