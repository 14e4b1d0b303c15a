import assert from 'node:assert/strict'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { describe, test } from 'node:test'
import { down, status, up } from '../src/index.ts'
import { ENDLESS, kill, withFiles } from './endless.ts'
import { KINDS, NEWEST, type Scratch } from './matrix.ts'
import { json, start } from './process.ts'
import { errorOf } from './tools.ts'

for (const kind of KINDS) {
  const seed = `CREATE TABLE a (id INTEGER PRIMARY KEY);\nINSERT INTO a VALUES (1);\n`
  const change = 'CREATE TABLE b (id INTEGER PRIMARY KEY);\nINSERT INTO a VALUES (2);\n'

  const crowd = NEWEST.includes(kind) ? 30 : 10

  describe(`${crowd} at once, ${kind.label}`, () => {
    test('1 up: one applies everything, the others find nothing to do', () =>
      kind.scratch(async ({ url, query }) => {
        const runs = await Promise.all(Array.from({ length: crowd }, () => json(['up', '--database', url])))
        assert.deepEqual(
          runs.flatMap((run) => run.document.error ?? []),
          [],
        )
        assert.deepEqual(runs.map((run) => run.document.applied?.length).sort(), [
          ...Array(crowd - 1).fill(0),
          3,
        ])
        assert.equal((await query('SELECT * FROM schema_migrations')).length, 3)
      }))

    test('2 down: each rolls back what the others have left', () =>
      kind.scratch(async ({ url, tables }) => {
        await up({ database: url })
        const runs = await Promise.all(Array.from({ length: crowd }, () => json(['down', '--database', url])))
        assert.deepEqual(
          runs.map((run) => run.status),
          Array(crowd).fill(0),
        )
        const ids = runs.flatMap((run) => run.document.rolledBack?.map(({ id }) => id) ?? [])
        assert.deepEqual(ids.sort(), ['000001_init_schema', '000002_add_indexes', '000003_add_user_metadata'])
        assert.deepEqual(await tables(), [])
      }))

    if (kind.dialect === 'postgres') {
      test('3 up with CREATE INDEX CONCURRENTLY among the migrations: nobody deadlocks', () =>
        kind.scratch(({ url, query }) =>
          withFiles(
            {
              '1_a.sql': seed,
              '2_b.sql': '-- migrate: no-transaction\nCREATE INDEX CONCURRENTLY a_id ON a (id);',
            },
            async (dir) => {
              const runs = await Promise.all(
                Array.from({ length: crowd }, () => json(['up', '--database', url, '--dir', dir])),
              )
              assert.deepEqual(
                runs.map((run) => run.status),
                Array(crowd).fill(0),
              )
              const [row] = await query(`SELECT indisvalid FROM pg_index WHERE indexrelid = 'a_id'::regclass`)
              assert.equal(row?.indisvalid, true)
            },
          ),
        ))
    }
  })

  describe(`killed between script and commit, ${kind.label}`, () => {
    /** What the database holds, and that the next `up` goes on by itself. */
    const check = async (
      { url: database, query, tables }: Scratch,
      migrations: string,
      applied: string[],
      rows: number[],
    ) => {
      const told = await status({ database, migrations })
      assert.deepEqual(
        told.migrations.filter(({ state }) => state === 'applied').map(({ id }) => id),
        applied,
      )
      assert.deepEqual(await tables(), applied.length > 1 ? ['a', 'b'] : ['a'])
      assert.deepEqual(
        (await query('SELECT id FROM a ORDER BY id')).map(({ id }) => id),
        rows,
      )
    }

    test('1 up: as if it had not begun, and the next one goes on', () =>
      kind.scratch((scratch) =>
        withFiles({ '1_a.sql': seed, '2_b.sql': change + ENDLESS[kind.dialect].sql }, async (dir) => {
          await kill(['up', '--dir', dir], scratch, kind.dialect)
          await check(scratch, dir, ['1_a'], [1])
          writeFileSync(join(dir, '2_b.sql'), change)
          assert.equal((await up({ database: scratch.url, migrations: dir })).applied.length, 1)
          await check(scratch, dir, ['1_a', '2_b'], [1, 2])
        }),
      ))

    test('2 down: as if it had not begun, and the next one goes on', () =>
      kind.scratch((scratch) =>
        withFiles(
          {
            '1_a.sql': seed,
            '2_b.sql': change,
            '2_b.down.sql': `DROP TABLE b; DELETE FROM a WHERE id = 2; ${ENDLESS[kind.dialect].sql}`,
          },
          async (dir) => {
            await up({ database: scratch.url, migrations: dir })
            await kill(['down', '--dir', dir], scratch, kind.dialect)
            await check(scratch, dir, ['1_a', '2_b'], [1, 2])
            writeFileSync(join(dir, '2_b.down.sql'), 'DROP TABLE b; DELETE FROM a WHERE id = 2;')
            await down({ database: scratch.url, migrations: dir })
            await check(scratch, dir, ['1_a'], [1])
          },
        ),
      ))

    test('3 with one transaction for all, nothing is there', () =>
      kind.scratch((scratch) =>
        withFiles({ '1_a.sql': seed, '2_b.sql': change + ENDLESS[kind.dialect].sql }, async (dir) => {
          await kill(['up', '--transaction', 'all', '--dir', dir], scratch, kind.dialect)
          assert.deepEqual(await scratch.tables(), [])
        }),
      ))
  })

  describe(`the lock, ${kind.label}`, () => {
    test('1 who waits too long is told so, and changes nothing', () =>
      kind.scratch(({ url, query, tables }) =>
        withFiles({ '1_a.sql': seed + ENDLESS[kind.dialect].sql }, async (dir) => {
          const holder = start(['up', '--database', url, '--dir', dir])
          if (holder.stderr === null) throw new Error('the process has no output')
          await once(createInterface(holder.stderr), 'line')
          const waiter = start(['up', '--database', url, '--dir', dir])
          if (waiter.stderr === null) throw new Error('the process has no output')
          const [told] = await once(createInterface(waiter.stderr), 'line')
          assert.equal(
            String(told).replace(/since \S+Z and/, 'since then and'),
            `nexflow-migrate on ${hostname()} (pid ${holder.pid}) has been migrating since then and is at 1_a: waiting for it`,
          )
          waiter.kill('SIGKILL')
          const waiting: string[] = []
          const error = await errorOf(
            up({
              database: url,
              migrations: dir,
              lockTimeout: 300,
              onProgress: ({ type }) => waiting.push(type),
            }),
          )
          assert.equal(error.code, 'LOCK_TIMEOUT')
          assert.deepEqual(waiting, ['waiting'])
          holder.kill('SIGKILL')
          await once(holder, 'exit')
          // The lock went with the process.
          writeFileSync(join(dir, '1_a.sql'), seed)
          assert.equal((await up({ database: url, migrations: dir })).applied.length, 1)
          assert.deepEqual(await tables(), ['a'])
          assert.equal((await query('SELECT * FROM a')).length, 1)
        }),
      ))
  })
}
