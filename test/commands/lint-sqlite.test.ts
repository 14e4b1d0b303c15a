import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { type LintedSqlite, lintSqlite } from '../../src/commands/lint-sqlite.ts'
import type { Hit } from '../../src/core/lint/rule.ts'
import { SQLITE_RULES } from '../../src/core/lint/sqlite/rules.ts'
import { readMigrations } from '../../src/core/migrations.ts'
import { CASES, type Case } from '../core/lint/sqlite-set.ts'
import { errorOf, scripts } from '../tools.ts'

/** Both migrations' findings. */
async function lintCase({ before = 'SELECT 1', up, down }: Omit<Case, 'name'>): Promise<LintedSqlite> {
  const files = scripts({ '1_before': before, '2_case': up, ...(down && { '2_case.down': down }) })
  return linted(files, '2_case')
}

async function linted(files: ReturnType<typeof scripts>, id: string): Promise<LintedSqlite> {
  const migrations = readMigrations(files, 'sqlite')
  const all = await lintSqlite({ migrations, wanted: new Set([id]) })
  return all.get(id) ?? assert.fail(`${id} was not looked at`)
}

function loud({ up, down }: Pick<LintedSqlite, 'up' | 'down'>): Hit[] {
  return [...up, ...down].filter(({ rule }) => rule.severity === 'error' || rule.severity === 'warning')
}

const told = (hits: readonly Hit[]) => hits.map(({ rule, message }) => `${rule.id}: ${message}`).join('\n')

describe('lint of SQLite', () => {
  const seen = { right: 0, wrong: 0, missed: 0 }

  for (const one of CASES) {
    test(`1 ${one.rule ?? 'safe'}: ${one.name}`, async () => {
      const hits = loud(await lintCase(one))
      if (one.rule === undefined) seen.wrong += hits.length > 0 ? 1 : 0
      else if (hits.length > 0) seen.right++
      else seen.missed++
      if (one.rule === undefined) assert.equal(told(hits), '', one.up)
      else
        assert.ok(
          hits.some(({ rule }) => rule.id === one.rule),
          `${one.up}\n${told(hits)}`,
        )
    })
  }

  test('1 precision and recall', (t) => {
    const precision = seen.right / (seen.right + seen.wrong)
    const recall = seen.right / (seen.right + seen.missed)
    t.diagnostic(`${CASES.length} cases: precision ${precision.toFixed(3)}, recall ${recall.toFixed(3)}`)
    assert.equal(precision, 1)
    assert.equal(recall, 1)
  })

  for (const rule of SQLITE_RULES) {
    test(`2 the examples of ${rule.id}`, async () => {
      const [bad, good] = [await lintCase(rule.bad), await lintCase(rule.good)]
      const ids = (all: LintedSqlite) => [...all.up, ...all.down].map((hit) => hit.rule.id)
      assert.ok(ids(bad).includes(rule.id), ids(bad).join())
      assert.equal(told(loud(good)), '')
      for (const hit of [...bad.up, ...bad.down]) {
        assert.ok(hit.at >= 0 && hit.at < rule.bad.up.length, `${hit.at}`)
        assert.doesNotMatch(hit.message, /\.$|undefined/)
        assert.match(hit.safe, /\S/)
      }
    })
  }

  test('3.1 no two rules have one id', () => {
    assert.equal(new Set(SQLITE_RULES.map(({ id }) => id)).size, SQLITE_RULES.length)
  })

  const HISTORY = scripts({
    '1_base': 'CREATE TABLE a (id INTEGER PRIMARY KEY, b TEXT);',
    '2_drop': 'DROP TABLE a;',
    '3_fails': 'ALTER TABLE none ADD COLUMN x TEXT;',
    '4_follows': 'CREATE INDEX none_x ON none (x);',
    '5_new': 'CREATE TABLE c (id INTEGER PRIMARY KEY);',
    '5_new.down': 'DROP TABLE c;',
  })

  test('3.2 only what is wanted is looked at, on what came before it', async () => {
    const migrations = readMigrations(HISTORY, 'sqlite')
    const all = await lintSqlite({ migrations, wanted: new Set(['2_drop', '5_new']) })
    assert.deepEqual([...all.keys()], ['2_drop', '5_new'])
    const names = (one: LintedSqlite | undefined, side: 'before' | 'after') =>
      one?.[side].tables.map(({ name }) => name)
    assert.deepEqual(names(all.get('2_drop'), 'before'), ['a'])
    assert.deepEqual(names(all.get('2_drop'), 'after'), [])
    assert.deepEqual(names(all.get('5_new'), 'after'), ['c'])
    assert.deepEqual(all.get('5_new')?.down, [])
  })

  test('3.3 a script that fails is told once, not what follows from it', async () => {
    const migrations = readMigrations(HISTORY, 'sqlite')
    const all = await lintSqlite({ migrations, wanted: new Set(migrations.map(({ id }) => id)) })
    assert.match(told(all.get('3_fails')?.up ?? []), /^sqlite-fails: it fails: no such table: none$/)
    assert.equal(told(all.get('4_follows')?.up ?? []), '')
  })

  test('3.4 a finding stands at its statement', async () => {
    const up = '-- first\nCREATE TABLE x (y INT);\n\n  /* now */ DROP TABLE a;'
    const files = scripts({ '1_base': 'CREATE TABLE a (id INTEGER PRIMARY KEY);', '2_case': up })
    const [hit] = (await linted(files, '2_case')).up
    assert.equal(up.slice(hit?.at), 'DROP TABLE a;')
  })

  test('3.5 the safe form of a rebuild is one that loses nothing', async () => {
    const before = 'CREATE TABLE a (id INTEGER PRIMARY KEY, b TEXT, c TEXT); CREATE INDEX a_b ON a (b);'
    const up = `CREATE TABLE n (id INTEGER PRIMARY KEY, c TEXT, b TEXT, CHECK (id <> 0)); INSERT INTO n SELECT * FROM a;
      DROP TABLE a; ALTER TABLE n RENAME TO a; CREATE INDEX a_b ON a (b);`
    const [bad] = loud(await lintCase({ before, up }))
    assert.equal(bad?.rule.id, 'sqlite-rebuild-swaps-values')
    assert.equal(told(loud(await lintCase({ before, up: bad?.safe ?? '' }))), '')
  })

  test('3.6 stopped on request', async () => {
    const migrations = readMigrations(HISTORY, 'sqlite')
    const work = lintSqlite({ migrations, wanted: new Set(['2_drop']), signal: AbortSignal.abort() })
    assert.equal((await errorOf(work)).code, 'ABORTED')
  })

  test('3.7 what is run in batches is no hazard', async () => {
    const before = 'CREATE TABLE a (id INTEGER PRIMARY KEY, b TEXT);'
    const up = "UPDATE a SET b = 'x'"
    assert.match(told(loud(await lintCase({ before, up }))), /^sqlite-whole-table-write/)
    assert.deepEqual(loud(await lintCase({ before, up: `-- migrate: batch 1000\n${up}` })), [])
  })
})
