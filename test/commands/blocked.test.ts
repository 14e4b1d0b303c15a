import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { describe, test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import pg from 'pg'
import { type Blocker, down, type ProgressEvent, type UpOptions, up } from '../../src/index.ts'
import { withFiles } from '../endless.ts'
import { KINDS, NEWEST, type Scratch } from '../matrix.ts'
import { json, start } from '../process.ts'
import { errorOf, ids, scripts } from '../tools.ts'

const POSTGRES = KINDS.filter(({ dialect }) => dialect === 'postgres')

const SEED =
  'CREATE TABLE a (id int PRIMARY KEY, n int); INSERT INTO a SELECT i, 0 FROM generate_series(1, 100) AS i;'
const CHANGE = 'ALTER TABLE a ADD COLUMN note text;'

/** Does `work` with a session of somebody else's. */
async function withSession<T>(url: string, work: (session: pg.Client) => Promise<T>): Promise<T> {
  const session = new pg.Client({ connectionString: url, application_name: 'the application' })
  session.on('error', () => {})
  await session.connect()
  try {
    return await work(session)
  } finally {
    await session.end()
  }
}

/** Tells what is waited for, and calls `first` once when it is. */
function watching(first: () => unknown = () => {}) {
  const events: ProgressEvent[] = []
  const waits: (readonly Blocker[])[] = []
  const onProgress = (event: ProgressEvent) => {
    events.push(event)
    if (event.type !== 'waiting' || event.blockers === undefined) return
    waits.push(event.blockers)
    if (waits.length === 1) first()
  }
  return { events, waits, onProgress }
}

/** Runs `up` while a session has a lock on `a`, which it gives away when it is waited for. */
async function blocked(
  { url: database }: Scratch,
  migrations: UpOptions['migrations'],
  { lock = 'SELECT FROM a', ...options }: UpOptions & { lock?: string } = {},
) {
  return withSession(database, async (session) => {
    await session.query(`BEGIN; ${lock}`)
    const watch = watching(() => session.query('COMMIT'))
    const result = await up({
      database,
      ...(migrations && { migrations }),
      ...options,
      onProgress: watch.onProgress,
    })
    return { ...watch, result }
  })
}

for (const kind of POSTGRES) {
  const seeded = <T>(work: (scratch: Scratch) => Promise<T>) =>
    kind.scratch(async (scratch) => {
      await scratch.query(SEED)
      return work(scratch)
    })

  describe(`1 a transaction that others block, ${kind.label}`, () => {
    test('1.1 is tried again when they are gone, and tells who they are', () =>
      seeded(async (scratch) => {
        const { result, waits, events } = await blocked(
          scratch,
          scripts({ '1_a': CHANGE, '2_b': 'CREATE TABLE b (id int)' }),
          {
            lock: `UPDATE a SET n = 1 WHERE id = 1 AND 'a secret' <> ''`,
          },
        )
        assert.deepEqual(ids(result.applied), ['1_a', '2_b'])
        const [blocker] = waits[0] ?? []
        assert.deepEqual(
          [blocker?.user, blocker?.application, blocker?.state, blocker?.table],
          ['postgres', 'the application', 'idle in transaction', 'a'],
        )
        assert.match(blocker?.query ?? '', /^BEGIN; UPDATE a SET n = 1 WHERE id = 1 AND '…' <> '…'$/)
        assert.match(blocker?.since ?? '', /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/)
        assert.match(blocker?.queryStart ?? '', /Z$/)
        assert.ok((blocker?.seconds ?? -1) >= 0)
        assert.equal(typeof blocker?.pid, 'number')
        assert.deepEqual(
          events.flatMap((event) => ('id' in event ? [`${event.type} ${event.id}`] : [])),
          ['started 1_a', 'finished 1_a', 'started 2_b', 'finished 2_b'],
        )
      }))

    test('1.2 fails when the time is over, with nothing changed, and names them', () =>
      seeded(async ({ url: database, query, tables }) => {
        await withSession(database, async (session) => {
          const { rows } = await session
            .query('BEGIN; SELECT FROM a; SELECT pg_backend_pid() AS pid')
            .then((r) => (r as unknown as pg.QueryResult[]).at(-1) as pg.QueryResult)
          const error = await errorOf(
            up({
              database,
              migrations: scripts({
                '1_b': 'CREATE TABLE b (id int)',
                '2_a': `CREATE TABLE c (id int);\n${CHANGE}`,
              }),
              tableLockTimeout: 200,
              maxWait: 700,
            }),
          )
          assert.deepEqual([error.code, error.file, error.line], ['BLOCKED', '2_a.sql', 2])
          assert.match(
            error.message,
            new RegExp(
              `^blocked for [\\d.]+ s: pid ${rows[0].pid} \\(user postgres, application the application\\) has a lock on a: its transaction is open for [\\d.]+ s, idle in transaction, last query at `,
            ),
          )
          assert.match(
            error.hint ?? '',
            new RegExp(`nothing of it was changed: .*pg_terminate_backend\\(${rows[0].pid}\\).*--max-wait`),
          )
          assert.deepEqual(error.details.done, ['1_b'])
        })
        assert.deepEqual(await tables(), ['a', 'b'])
        assert.equal((await query('SELECT * FROM schema_migrations')).length, 1)
        assert.deepEqual(await query(`SELECT * FROM schema_migrations_state`), [])
      }))

    test('1.3 keeps nobody waiting who comes after it', () =>
      seeded(async (scratch) => {
        const { url: database } = scratch
        await withSession(database, (holder) =>
          withSession(database, async (application) => {
            await holder.query('BEGIN; SELECT FROM a')
            const { onProgress } = watching()
            const stop = new AbortController()
            const running = errorOf(
              up({
                database,
                migrations: scripts({ '1_a': CHANGE }),
                onProgress,
                tableLockTimeout: 2000,
                signal: stop.signal,
              }),
            )
            const times: number[] = []
            for (const end = Date.now() + 3000; Date.now() < end; await pause(5)) {
              const began = performance.now()
              await application.query('SELECT count(*) FROM a')
              times.push(performance.now() - began)
            }
            stop.abort()
            assert.equal((await running).code, 'ABORTED')
            assert.ok(Math.max(...times) < 1000, `${Math.max(...times)} ms`)
            assert.ok(times.length > 50, `${times.length} answers`)
          }),
        )
      }))

    test('1.4 with one transaction for all: all of it is tried again, and told once', () =>
      seeded(async (scratch) => {
        const { result, events, waits } = await blocked(
          scratch,
          scripts({ '1_b': 'CREATE TABLE b (id int)', '2_a': CHANGE }),
          {
            transaction: 'all',
          },
        )
        assert.deepEqual(ids(result.applied), ['1_b', '2_a'])
        assert.ok(waits.length > 0)
        assert.deepEqual(
          events.flatMap((event) => ('id' in event ? [`${event.type} ${event.id}`] : [])),
          ['started 1_b', 'started 2_a', 'finished 1_b', 'finished 2_a'],
        )
      }))

    test('1.5 a deadlock is tried again', () =>
      seeded(async ({ url: database, query }) => {
        const name = new URL(database).pathname.slice(1)
        await query(
          `CREATE SEQUENCE tries; CREATE TABLE b (id int); ALTER DATABASE ${name} SET deadlock_timeout = '300ms'`,
        )
        await withSession(database, async (session) => {
          // It is to be the migration that is ended.
          await session.query(`SET deadlock_timeout = '1h'; BEGIN; LOCK TABLE b`)
          let crossing: Promise<unknown> | undefined
          const { onProgress, waits } = watching(() => {
            crossing = session.query('SELECT FROM a').then(() => session.query('COMMIT'))
          })
          const migrations = scripts({
            '1_a': `SELECT nextval('tries'); SET lock_timeout = 0; LOCK TABLE a; ALTER TABLE b ADD COLUMN n int`,
          })
          assert.equal((await up({ database, migrations, onProgress })).applied.length, 1)
          assert.ok(waits.length > 0)
          await crossing
        })
        assert.deepEqual(await query('SELECT last_value::int AS n FROM tries'), [{ n: 2 }])
      }))

    test('1.6 a serialization failure is tried again, also of a script that asks for it', () =>
      seeded(async ({ url: database, query }) => {
        await withSession(database, async (session) => {
          await session.query('BEGIN; UPDATE a SET n = n + 1 WHERE id = 1')
          const { onProgress } = watching(() => session.query('COMMIT'))
          const sql =
            "-- why\nSET TRANSACTION ISOLATION LEVEL SERIALIZABLE;\nUPDATE a SET n = n + 10 WHERE id = 1;\nCREATE TABLE told AS SELECT current_setting('transaction_isolation') AS level"
          await up({ database, migrations: scripts({ '1_a': sql }), onProgress })
        })
        assert.deepEqual(await query('SELECT n, level FROM a, told WHERE id = 1'), [
          { n: 11, level: 'serializable' },
        ])
      }))

    test('1.7 other errors are not tried again', () =>
      seeded(async ({ url: database, query }) => {
        await query('CREATE SEQUENCE tries')
        for (const [sql, code] of [
          ['SELECT 1 / 0', '22012'],
          [`DO $$ BEGIN RAISE EXCEPTION 'no' USING ERRCODE = '57014'; END $$`, '57014'],
          ['INSERT INTO a VALUES (1)', '23505'],
        ] as const) {
          const error = await errorOf(
            up({ database, migrations: scripts({ '1_a': `SELECT nextval('tries'); ${sql}` }) }),
          )
          assert.equal((error.cause as { code?: string }).code, code)
        }
        assert.deepEqual(await query('SELECT last_value::int AS n FROM tries'), [{ n: 3 }])
      }))

    test('1.8 a signal ends the wait at once', () =>
      seeded(async ({ url: database, query }) => {
        await withSession(database, async (session) => {
          await session.query('BEGIN; SELECT FROM a')
          for (const tableLockTimeout of [100, 60_000]) {
            const stop = new AbortController()
            const { onProgress } = watching(() => stop.abort())
            const error = await errorOf(
              up({
                database,
                migrations: scripts({ '1_a': CHANGE }),
                signal: stop.signal,
                onProgress,
                tableLockTimeout,
              }),
            )
            assert.equal(error.code, 'ABORTED')
          }
        })
        assert.equal((await query('SELECT * FROM schema_migrations')).length, 0)
        await up({ database, migrations: scripts({ '1_a': CHANGE }), maxWait: 0, lockTimeout: 1000 })
      }))

    test('1.9 the history itself', () =>
      kind.scratch(async ({ url: database, query }) => {
        await up({ database, migrations: scripts({ '1_a': SEED }) })
        await withSession(database, async (session) => {
          await session.query('BEGIN; LOCK TABLE schema_migrations_state IN SHARE MODE')
          const { onProgress } = watching(() => session.query('COMMIT'))
          assert.deepEqual(
            ids(
              (await up({ database, migrations: scripts({ '1_a': SEED, '2_a': CHANGE }), onProgress }))
                .applied,
            ),
            ['2_a'],
          )
        })
        assert.equal((await query('SELECT * FROM schema_migrations')).length, 2)
      }))

    test('1.10 a prepared transaction is named', (context) =>
      seeded(async ({ url: database, query }) => {
        const [row] = await query('SHOW max_prepared_transactions')
        if (row?.max_prepared_transactions === '0') return context.skip('the server has none')
        await query(`BEGIN; LOCK TABLE a; PREPARE TRANSACTION 'half'`)
        try {
          const error = await errorOf(
            up({ database, migrations: scripts({ '1_a': CHANGE }), tableLockTimeout: 300, maxWait: 500 }),
          )
          assert.match(error.message, /the prepared transaction half has a lock on a/)
          assert.match(error.hint ?? '', /ROLLBACK PREPARED 'half'/)
        } finally {
          await query(`ROLLBACK PREPARED 'half'`)
        }
      }))

    test('1.11 rows that others have changed', () =>
      seeded(async (scratch) => {
        const { result, waits } = await blocked(scratch, scripts({ '1_a': 'UPDATE a SET n = n + 1' }), {
          lock: 'UPDATE a SET n = 5 WHERE id = 7',
        })
        assert.equal(result.applied.length, 1)
        assert.equal(waits[0]?.[0]?.table, 'a')
        assert.deepEqual(await scratch.query('SELECT n FROM a WHERE id = 7'), [{ n: 6 }])
      }))

    test('1.12 a user who may not see what others do', () =>
      seeded(async ({ url: database, query }) => {
        const role = `other_${new URL(database).pathname.slice(-12)}`
        await query(
          `CREATE ROLE ${role} LOGIN PASSWORD 'x'; GRANT ALL ON SCHEMA public TO ${role}; ALTER TABLE a OWNER TO ${role}`,
        )
        const own = new URL(database)
        own.username = role
        own.password = 'x'
        try {
          await withSession(database, async (session) => {
            await session.query('BEGIN; SELECT FROM a')
            const { onProgress, waits } = watching(() => session.query('COMMIT'))
            await up({ database: own.href, migrations: scripts({ '1_a': CHANGE }), onProgress })
            const [{ pid, seconds, ...known } = {}] = waits[0] ?? []
            assert.equal(typeof pid, 'number')
            assert.equal(seconds, undefined)
            assert.deepEqual(known, { user: 'postgres', application: 'the application', table: 'a' })
          })
        } finally {
          await query(`DROP OWNED BY ${role} CASCADE; DROP ROLE ${role}`)
        }
      }))

    test("1.13 the caller's own handle, a pool with one connection too", () =>
      seeded(async ({ url }) => {
        await withSession(url, async (client) => {
          const pool = new pg.Pool({ connectionString: url, max: 1 })
          for (const [i, database] of [client, pool].entries()) {
            await withSession(url, async (session) => {
              await session.query('BEGIN; SELECT FROM a')
              const { onProgress, waits } = watching(() => session.query('COMMIT'))
              const sql = (n: number) => `ALTER TABLE a ADD COLUMN c${n} int`
              const migrations = scripts(
                Object.fromEntries([0, 1].slice(0, i + 1).map((n) => [`${n + 1}_a`, sql(n)])),
              )
              assert.equal((await up({ database, migrations, onProgress })).applied.length, 1)
              assert.equal(waits[0]?.[0]?.application, 'the application')
            })
          }
          await pool.end()
        })
      }))

    test('1.14 where no second connection is to be had, it is tried again all the same', () =>
      seeded(async ({ url: database, query }) => {
        const role = `single_${new URL(database).pathname.slice(-12)}`
        await query(
          `CREATE ROLE ${role} LOGIN CONNECTION LIMIT 1 PASSWORD 'x'; GRANT ALL ON SCHEMA public TO ${role}; ALTER TABLE a OWNER TO ${role}`,
        )
        const own = new URL(database)
        own.username = role
        own.password = 'x'
        try {
          await withSession(database, async (session) => {
            await session.query('BEGIN; SELECT FROM a')
            const { onProgress, events } = watching()
            const free = (event: ProgressEvent) => {
              onProgress(event)
              if (event.type === 'waiting') void session.query('COMMIT')
            }
            await up({
              database: own.href,
              migrations: scripts({ '1_a': CHANGE }),
              onProgress: free,
              tableLockTimeout: 200,
            })
            assert.deepEqual(events[1], {
              type: 'waiting',
              message: 'others keep the locks that it needs',
              blockers: [],
            })
          })
        } finally {
          await query(`DROP OWNED BY ${role} CASCADE; DROP ROLE ${role}`)
        }
      }))
  })

  if (!NEWEST.includes(kind)) continue

  describe(`2 what the statements of a script may take, ${kind.label}`, () => {
    const TELL = (table: string) =>
      `CREATE TABLE ${table} AS SELECT current_setting('lock_timeout') AS lock, current_setting('statement_timeout') AS statement;`
    const told = async ({ query }: Scratch, table: string) =>
      Object.values((await query(`SELECT * FROM ${table}`))[0] ?? {})

    test('2.1 two seconds for a lock, and as long as the server says; or what the options say', () =>
      kind.scratch(async (scratch) => {
        const { url: database } = scratch
        await up({ database, migrations: scripts({ '1_a': TELL('a') }) })
        assert.deepEqual(await told(scratch, 'a'), ['2s', '0'])
        const migrations = scripts({ '1_a': TELL('a'), '2_b': TELL('b') })
        await up({ database, migrations, tableLockTimeout: 1500, statementTimeout: 60_000 })
        assert.deepEqual(await told(scratch, 'b'), ['1500ms', '1min'])
      }))

    test('2.2 a SET of its own goes before them, for this script only', () =>
      kind.scratch(async (scratch) => {
        const { url: database } = scratch
        for (const transaction of ['each', 'all'] as const) {
          await up({
            database,
            transaction,
            migrations: scripts({
              [`1_${transaction}`]: `SET lock_timeout = '7s'; SET LOCAL statement_timeout = '9s'; ${TELL(`${transaction}1`)}`,
              [`2_${transaction}`]: `SELECT 1; ${TELL(`${transaction}2`)}`,
            }),
            statementTimeout: 5000,
          })
          assert.deepEqual(await told(scratch, `${transaction}1`), ['7s', '9s'])
          assert.deepEqual(await told(scratch, `${transaction}2`), ['2s', '5s'])
          await down({
            database,
            migrations: scripts({
              [`1_${transaction}`]: 'SELECT 1',
              [`1_${transaction}.down`]: 'SELECT 1',
              [`2_${transaction}`]: 'SELECT 1',
              [`2_${transaction}.down`]: 'SELECT 1',
            }),
            all: true,
            discard: true,
          })
        }
      }))

    test('2.3 so does one outside a transaction; then no limit stays with the session', () =>
      kind.scratch(async (scratch) => {
        await withSession(scratch.url, async (database) => {
          const no = '-- migrate: no-transaction\n'
          const migrations = scripts({
            '1_a': `${no}${TELL('a')} SET lock_timeout = '7s'; ${TELL('b')} VACUUM a; SET statement_timeout = '9s'; ${TELL('c')} VACUUM b; ${TELL('d')}`,
            '2_b': `${no}VACUUM a; ${TELL('e')}`,
          })
          await up({ database, migrations, statementTimeout: 5000 })
          for (const [table, ...limits] of [
            ['a', '2s', '5s'],
            ['b', '7s', '5s'],
            ['c', '7s', '9s'],
            ['d', '7s', '9s'],
            ['e', '2s', '5s'],
          ] as const) {
            assert.deepEqual([table, ...(await told(scratch, table))], [table, ...limits])
          }
          const { rows } = await database.query(
            `SELECT current_setting('lock_timeout') AS l, current_setting('statement_timeout') AS s`,
          )
          assert.deepEqual(rows, [{ l: '0', s: '0' }])
        })
      }))

    test('2.4 a statement that takes longer than it may is not run again', () =>
      kind.scratch(async ({ url: database, query, tables }) => {
        await query('CREATE SEQUENCE tries')
        const sleep = `SELECT nextval('tries'); SELECT pg_sleep(60);`
        for (const sql of [`CREATE TABLE a (id int); ${sleep}`, `-- migrate: no-transaction\n${sleep}`]) {
          const error = await errorOf(
            up({ database, migrations: scripts({ '1_a': sql }), statementTimeout: 100 }),
          )
          assert.deepEqual([error.code, error.file], ['SQL', '1_a.sql'])
          assert.match(error.hint ?? '', /--statement-timeout/)
          await up({ database, migrations: [], interrupted: 'restart' })
        }
        assert.deepEqual(await tables(), [])
        assert.deepEqual(await query('SELECT last_value::int AS n FROM tries'), [{ n: 2 }])
      }))

    test('2.5 CREATE INDEX CONCURRENTLY waits for old transactions as long as it takes', () =>
      seeded(async ({ url: database, query }) => {
        await withSession(database, async (session) => {
          await session.query('BEGIN; INSERT INTO a VALUES (1000)')
          const { onProgress, waits } = watching(() => pause(700).then(() => session.query('COMMIT')))
          const sql = '-- migrate: no-transaction\nCREATE INDEX CONCURRENTLY a_n ON a (n);'
          const name = new URL(database).pathname.slice(1)
          // Not even what the user is given otherwise ends it.
          await query(`ALTER DATABASE ${name} SET lock_timeout = '200ms'`)
          await up({
            database,
            migrations: scripts({ '1_a': sql }),
            onProgress,
            tableLockTimeout: 200,
            maxWait: 0,
          })
          assert.equal(waits[0]?.[0]?.application, 'the application')
        })
        const [row] = await query(`SELECT indisvalid FROM pg_index WHERE indexrelid = 'a_n'::regclass`)
        assert.equal(row?.indisvalid, true)
      }))

    for (const directive of ['', '-- migrate: no-transaction\n']) {
      test(`2.6 VALIDATE CONSTRAINT keeps nobody waiting, and has no limit${directive && ', outside a transaction too'}`, () =>
        seeded(async ({ url: database, query }) => {
          await query('ALTER TABLE a ADD CONSTRAINT positive CHECK (n >= 0) NOT VALID')
          await withSession(database, async (session) => {
            await session.query('BEGIN; LOCK TABLE a IN SHARE UPDATE EXCLUSIVE MODE')
            const { onProgress } = watching(() => pause(700).then(() => session.query('COMMIT')))
            const sql = `${directive}ALTER TABLE a VALIDATE CONSTRAINT positive;\n${TELL('b')}`
            await up({
              database,
              migrations: scripts({ '1_a': sql }),
              onProgress,
              tableLockTimeout: 200,
              maxWait: 0,
            })
          })
          assert.deepEqual(
            await query(`SELECT convalidated AS yes, lock FROM pg_constraint, b WHERE conname = 'positive'`),
            [{ yes: true, lock: '200ms' }],
          )
        }))
    }

    test('2.7 an index that a deadlock has left half built is dropped and built again', () =>
      seeded(async ({ url: database, query }) => {
        const name = new URL(database).pathname.slice(1)
        await query(`ALTER DATABASE ${name} SET deadlock_timeout = '500ms'`)
        await withSession(database, async (session) => {
          await session.query(`SET deadlock_timeout = '1h'; BEGIN; INSERT INTO a VALUES (1000)`)
          let crossing: Promise<unknown> | undefined
          const { onProgress } = watching(() => {
            crossing = session
              .query('LOCK TABLE a IN SHARE UPDATE EXCLUSIVE MODE')
              .then(() => session.query('COMMIT'))
          })
          const sql = `-- migrate: no-transaction\nCREATE INDEX CONCURRENTLY a_n ON a (n);\nCREATE TABLE b (id int);`
          assert.equal(
            (await up({ database, migrations: scripts({ '1_a': sql }), onProgress })).applied.length,
            1,
          )
          await crossing
        })
        const indexes =
          await query(`SELECT indexrelid::regclass::text AS name, indisvalid AS valid FROM pg_index
          WHERE indrelid = 'a'::regclass ORDER BY 1`)
        assert.deepEqual(indexes, [
          { name: 'a_n', valid: true },
          { name: 'a_pkey', valid: true },
        ])
        assert.deepEqual(await query('SELECT * FROM schema_migrations_state'), [])
      }))

    test('2.8 outside a transaction: the statement is tried again; when the time is over, it goes on there', () =>
      seeded(async ({ url: database, query }) => {
        const migrations = scripts({
          '1_a': `-- migrate: no-transaction\nCREATE TABLE b (id int);\n${CHANGE}\nVACUUM FULL a;`,
        })
        await withSession(database, async (session) => {
          await session.query('BEGIN; SELECT FROM a')
          const error = await errorOf(up({ database, migrations, tableLockTimeout: 200, maxWait: 300 }))
          assert.deepEqual([error.code, error.line], ['BLOCKED', 3])
          assert.match(error.hint ?? '', /it goes on with this statement/)
          const { onProgress } = watching(async () => {
            await session.query('COMMIT; BEGIN; SELECT FROM a; SELECT pg_sleep(0.2)')
            await session.query('COMMIT')
          })
          assert.equal((await up({ database, migrations, onProgress })).applied.length, 1)
        })
        assert.deepEqual(await query(`SELECT count(note)::int AS n FROM a`), [{ n: 0 }])
      }))

    test('2.9 costs no message more: each migration is one', () =>
      kind.scratch(({ url }) =>
        withSession(url, async (database) => {
          let messages = 0
          const query = database.query.bind(database)
          database.query = ((...words: Parameters<typeof query>) => {
            messages++
            return query(...words)
          }) as typeof query
          const files: Record<string, string> = {}
          const costs: number[] = []
          for (const more of [1, 1, 2, 4]) {
            for (let i = 0; i < more; i++) {
              const n = Object.keys(files).length + 1
              files[`${n}_t`] = `CREATE TABLE t${n} (id int)`
            }
            messages = 0
            await up({ database, migrations: scripts(files), statementTimeout: 60_000 })
            costs.push(messages)
          }
          const [, one = 0, two, four] = costs
          assert.deepEqual([two, four], [one + 1, one + 3])
        }),
      ))
  })

  describe(`3 what goes with it, ${kind.label}`, () => {
    test('3.1 what a rollback keeps and the next up puts back is told once', () =>
      seeded(async (scratch) => {
        const { url: database, query } = scratch
        const migrations = scripts({ '1_a': CHANGE, '1_a.down': 'ALTER TABLE a DROP COLUMN note' })
        await up({ database, migrations })
        await query(`UPDATE a SET note = 'kept'`)
        const { stashed, rolledBack } = await withSession(database, async (session) => {
          await session.query('BEGIN; SELECT FROM a')
          const { onProgress } = watching(() => session.query('COMMIT'))
          return down({ database, migrations, onProgress })
        })
        assert.deepEqual([ids(rolledBack), stashed.length, stashed[0]?.number], [['1_a'], 1, 1])
        const { result } = await blocked(scratch, migrations)
        assert.deepEqual([result.givenBack.length, result.givenBack[0]?.remains, result.warnings], [1, 0, []])
        assert.deepEqual(await query(`SELECT count(*)::int AS n FROM a WHERE note = 'kept'`), [{ n: 100 }])
      }))

    test('3.2 to see what a rollback takes away keeps nobody waiting either', () =>
      seeded(async ({ url: database }) => {
        const migrations = scripts({
          '1_a': CHANGE,
          '1_a.down': '-- migrate: no-transaction\nALTER TABLE a DROP COLUMN note',
        })
        await up({ database, migrations })
        await withSession(database, async (session) => {
          await session.query(`UPDATE a SET note = 'kept'; BEGIN; SELECT FROM a`)
          const error = await errorOf(
            down({ database, migrations, dryRun: true, tableLockTimeout: 200, maxWait: 300 }),
          )
          assert.equal(error.code, 'BLOCKED')
          const { onProgress } = watching(() => session.query('COMMIT'))
          const { stashed } = await down({ database, migrations, onProgress })
          assert.equal(stashed[0]?.rows, 100)
        })
      }))

    test('3.3 killed while it waits: nothing is changed, and the next one goes on', () =>
      seeded(({ url: database, query }) =>
        withFiles({ '1_a.sql': CHANGE }, async (dir) => {
          await withSession(database, async (session) => {
            await session.query('BEGIN; SELECT FROM a')
            const child = start(['up', '--database', database, '--dir', dir])
            if (child.stderr === null) throw new Error('the process has no output')
            for await (const line of createInterface(child.stderr))
              if (line.endsWith(': waiting for it')) break
            child.kill('SIGKILL')
            await once(child, 'exit')
            assert.equal((await query('SELECT * FROM schema_migrations')).length, 0)
            const { onProgress } = watching(() => session.query('COMMIT'))
            const { applied } = await up({ database, migrations: dir, onProgress, lockTimeout: 10_000 })
            assert.deepEqual(ids(applied), ['1_a'])
          })
        }),
      ))

    test('3.4 twenty at once: one waits for the others, and the twenty for one', () =>
      seeded(({ url: database }) =>
        withFiles({ '1_a.sql': CHANGE }, async (dir) => {
          await withSession(database, async (session) => {
            await session.query('BEGIN; SELECT FROM a')
            const runs = Array.from({ length: 19 }, () => json(['up', '--database', database, '--dir', dir]))
            const { onProgress } = watching(() => session.query('COMMIT'))
            const events = (event: ProgressEvent) => {
              onProgress(event)
              // Whoever is first, somebody has to let it through.
              if (event.type === 'waiting') void session.query('COMMIT')
            }
            const own = await up({ database, migrations: dir, onProgress: events })
            const others = await Promise.all(runs)
            assert.deepEqual(
              others.flatMap(({ document }) => document.error ?? []),
              [],
            )
            const applied = [
              own.applied.length,
              ...others.map(({ document }) => document.applied?.length ?? 0),
            ]
            assert.deepEqual(applied.sort(), [...Array(19).fill(0), 1])
          })
        }),
      ))

    test('3.5 on the command line and in the config file', () =>
      seeded(({ url: database, query }) =>
        withFiles(
          { '1_a.sql': CHANGE, 'config.json': '{"postgres":{"lock_timeout":"300ms","max_wait":"1h"}}' },
          async (dir) => {
            await withSession(database, async (session) => {
              await session.query('BEGIN; SELECT FROM a')
              const config = ['--database', database, '--dir', dir, '--config', `${dir}/config.json`]
              const { status, document } = await json([
                'up',
                ...config,
                '--max-wait',
                '0.5',
                '--statement-timeout',
                '9',
              ])
              assert.deepEqual([status, document.error?.code], [1, 'BLOCKED'])
              const misspelt = await json(['down', ...config, '--max-wait', 'long'])
              assert.deepEqual([misspelt.status, misspelt.document.error?.code], [2, 'USAGE'])
            })
            assert.equal((await query('SELECT * FROM schema_migrations')).length, 0)
          },
        ),
      ))
  })
}

test('4 options that make no sense, and SQLite, which needs none of them', async () => {
  for (const options of [{ tableLockTimeout: 0 }, { maxWait: -1 }, { statementTimeout: Number.NaN }]) {
    assert.equal((await errorOf(up({ database: ':memory:', migrations: [], ...options }))).code, 'USAGE')
  }
  const { applied } = await up({
    database: ':memory:',
    migrations: scripts({ '1_a': 'CREATE TABLE a (id int)' }),
    tableLockTimeout: 1,
    maxWait: 0,
    statementTimeout: 1,
  })
  assert.equal(applied.length, 1)
})
