import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, test } from 'node:test'
import { openDatabase, transfer, up } from '../../src/index.ts'
import { type Kind, LONG, NEWEST, type Scratch, withFolder } from '../matrix.ts'
import { contents, MOVABLE, movableRows } from '../movable.ts'
import { json, start } from '../process.ts'
import { errorOf } from '../tools.ts'

const KILLS = LONG ? 40 : 4

/** Rows enough that a kill comes in between. */
function many(dialect: Kind['dialect']): string {
  return dialect === 'sqlite'
    ? `WITH RECURSIVE n (i) AS (SELECT 10 UNION ALL SELECT i + 1 FROM n LIMIT 30000) INSERT INTO parts SELECT i, 'b' || i, hex(randomblob(50)) FROM n`
    : `INSERT INTO parts SELECT i, 'b' || i, repeat(md5(i::text), 3) FROM generate_series(10, 30009) AS i`
}

function withEnds<T>(
  from: Kind,
  to: Kind,
  work: (from: Scratch, to: Scratch, dir: string) => Promise<T>,
): Promise<T> {
  return from.scratch((source) =>
    to.scratch((target) =>
      withFolder(async (folder) => {
        const dir = join(folder, 'migrations')
        mkdirSync(dir)
        for (const { name, sql } of MOVABLE) writeFileSync(join(dir, name), sql)
        await up({ database: source.url, migrations: MOVABLE })
        for (const sql of [...movableRows(from.dialect, 20), many(from.dialect)]) await source.query(sql)
        return work(source, target, dir)
      }),
    ),
  )
}

for (const from of NEWEST) {
  for (const to of NEWEST) {
    if (from === to && (from.dialect === 'sqlite' || !LONG)) continue
    describe(`transfer killed, ${from.label} to ${to.label}`, () => {
      test('at any instant, it goes on where it stopped, with no row twice', () =>
        withEnds(from, to, async (source, target, dir) => {
          const args = ['transfer', '--from', source.url, '--to', target.url, '--dir', dir]
          for (let kill = 0; kill < KILLS; kill++) {
            // Backups of what it replaces go where it runs.
            const child = start([...args, ...(await resumable(target))], { cwd: dirname(dir) })
            const exit = once(child, 'exit')
            // Somewhere in the time that it takes: there is no event in it that could be awaited.
            const timer = setTimeout(() => child.kill('SIGKILL'), 250 + Math.random() * 900)
            await exit
            clearTimeout(timer)
            if ((await resumable(target)).includes('--resume')) {
              const error = await errorOf(openDatabase({ path: target.url, migrations: MOVABLE }))
              assert.equal(error.code, 'INCOMPLETE')
            }
          }
          const more = await resumable(target)
          if (!more.includes('--replace')) {
            const { status, document } = await json([...args, ...more], { cwd: dirname(dir) })
            assert.equal(status, 0, JSON.stringify(document))
          }
          assert.deepEqual(await contents(target, to.dialect), await contents(source, from.dialect))
        }))
    })
  }
}

/** What goes on with a transfer into it, if one has begun. */
async function resumable({ query, tables }: Scratch): Promise<string[]> {
  const rows = await query(`SELECT name FROM schema_migrations_state WHERE name = 'transfer'`).catch(() => [])
  if (rows.length > 0) return ['--resume']
  return (await tables()).length > 0 ? ['--replace', '--yes'] : []
}

const [sqlite, postgres] = NEWEST
if (sqlite && postgres) {
  describe('transfer resumed', () => {
    test('copies again what has changed in the source meanwhile', () =>
      withEnds(sqlite, postgres, async (source, target) => {
        const options = { from: source.url, to: target.url, migrations: MOVABLE }
        const stop = new AbortController()
        const error = await errorOf(
          transfer({
            ...options,
            signal: stop.signal,
            onProgress: (event) => {
              if (event.type === 'building' && event.what.startsWith('foreign key')) stop.abort()
            },
          }),
        )
        assert.equal(error.code, 'ABORTED')
        await source.query(`UPDATE tree SET parent = 1 WHERE id = 3`)
        const result = await transfer({ ...options, resume: true })
        assert.equal(result.ok, true)
        assert.deepEqual(await contents(target, 'postgres'), await contents(source, 'sqlite'))
      }))

    test('what was never begun, or has ended, cannot be resumed', () =>
      withEnds(sqlite, postgres, async (source, target) => {
        const options = { from: source.url, to: target.url, migrations: MOVABLE }
        assert.equal((await errorOf(transfer({ ...options, resume: true }))).code, 'USAGE')
        await transfer(options)
        assert.equal((await errorOf(transfer({ ...options, resume: true }))).code, 'USAGE')
        assert.equal((await errorOf(transfer(options))).code, 'NOT_EMPTY')
      }))
  })
}
