import assert from 'node:assert/strict'
import { existsSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { restore, transfer, up } from '../../src/index.ts'
import { KINDS, type Kind, LONG, NEWEST, type Scratch } from '../matrix.ts'
import { contents, MOVABLE, movableRows } from '../movable.ts'
import { noBackups } from '../programs.ts'
import { countOf, type Road, withRoad } from '../road.ts'
import { errorOf } from '../tools.ts'

const [sqlite] = NEWEST
/** The kinds that the programs which are here can take a backup of. */
const SAVED = KINDS.filter((kind) => noBackups(kind) === undefined)

const withRows = (from: Kind, to: Kind, work: (road: Road) => Promise<void>) =>
  withRoad(from, to, { migrations: MOVABLE, rows: movableRows(from.dialect, 20) }, work)

/** The columns, indexes, keys and triggers, as the database tells them. */
async function parts({ query }: Scratch, { dialect }: Kind): Promise<string[]> {
  const sql =
    dialect === 'sqlite'
      ? `SELECT sql AS one FROM sqlite_schema WHERE sql IS NOT NULL AND name NOT LIKE 'schema%'`
      : `SELECT conname || ' ' || pg_get_constraintdef(oid) AS one FROM pg_constraint WHERE connamespace = 'public'::regnamespace
         UNION ALL SELECT indexdef FROM pg_indexes WHERE schemaname = 'public'
         UNION ALL SELECT format('%s %s', tgname, tgenabled) FROM pg_trigger WHERE NOT tgisinternal`
  return (await query(sql)).map(({ one }) => String(one)).sort()
}

for (const to of SAVED) {
  describe(`transfer --replace, to ${to.label}`, () => {
    test('1 what the target held is in a backup, and none of it is left', () => {
      assert.ok(sqlite)
      return withRows(sqlite, to, async (road) => {
        const { source, target, transfer: go, folder } = road
        await up({ database: target.url, migrations: MOVABLE })
        for (const sql of movableRows(to.dialect, 5)) await target.query(sql)
        await target.query('INSERT INTO tree VALUES (99, 1)')
        const [before, made] = [await contents(target, to.dialect), await parts(target, to)]
        const typo = await go(['--replace', '--yes', '--only', 'kidns'])
        assert.equal(typo.status, 2)
        assert.deepEqual(await contents(target, to.dialect), before)
        const { status, stdout } = await go(['--replace', '--yes', '--json'])
        assert.equal(status, 0, stdout)
        const { backup } = JSON.parse(stdout)
        assert.ok(existsSync(backup.startsWith('/') ? backup : join(folder, backup)), backup)
        assert.deepEqual(await contents(target, to.dialect), await contents(source, 'sqlite'))
        assert.deepEqual(await parts(target, to), made)
        await to.scratch(async (other) => {
          await restore({ file: backup.startsWith('/') ? backup : join(folder, backup), database: other.url })
          assert.deepEqual(await contents(other, to.dialect), before)
        })
        // A part of it: nothing is left that refers to what is gone.
        const some = await go(['--replace', '--yes', '--only', 'parts'])
        assert.equal(some.status, 0, some.stderr)
        assert.deepEqual([await countOf(target, 'parts'), await countOf(target, 'kinds')], [3, 0])
        assert.deepEqual(await parts(target, to), made)
      })
    })
  })
}

for (const from of NEWEST) {
  for (const to of NEWEST.filter((one) => LONG || one !== from)) {
    describe(`begun again, ${from.label} to ${to.label}`, () => {
      test('2 with --replace behind an interrupted one everything enforced is there again', () =>
        withRows(from, to, async ({ source, target }) => {
          await to.scratch(async (fresh) => {
            await up({ database: fresh.url, migrations: MOVABLE })
            const made = await parts(fresh, to)
            const options = { from: source.url, to: target.url, migrations: MOVABLE }
            for (let at = 1; at <= 3; at++) {
              const stop = new AbortController()
              let events = 0
              const onProgress = () => {
                if (++events === at * 3) stop.abort()
              }
              const again = { ...options, replace: true, signal: stop.signal, onProgress }
              assert.equal((await errorOf(transfer(again))).code, 'ABORTED')
            }
            const other = await errorOf(transfer({ ...options, resume: true, only: ['parts'] }))
            assert.equal(other.code, 'USAGE')
            assert.match(other.message, /has moved .* too/)
            const { ok } = await transfer({ ...options, replace: true })
            assert.ok(ok)
            assert.deepEqual(await parts(target, to), made)
            assert.deepEqual(await contents(target, to.dialect), await contents(source, from.dialect))
          })
        }))
    })
  }
  test(`3 a database is not moved into itself under another name, ${from.label}`, () =>
    withRows(from, from, async ({ source, folder }) => {
      const before = await contents(source, from.dialect)
      const link = join(folder, 'link.db')
      if (from.dialect === 'sqlite') symlinkSync(source.url.slice('sqlite:'.length), link)
      const other = from.dialect === 'sqlite' ? link : `${source.url}?application_name=other`
      const error = await errorOf(
        transfer({ from: source.url, to: other, migrations: MOVABLE, replace: true }),
      )
      assert.equal(error.code, 'USAGE')
      assert.match(error.message, /are the same database/)
      assert.deepEqual(await contents(source, from.dialect), before)
    }))
}
