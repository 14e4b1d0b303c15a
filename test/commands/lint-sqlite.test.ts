import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { type LintedSqlite, lintSqlite } from '../../src/commands/lint-sqlite.ts'
import type { Hit } from '../../src/core/lint/rule.ts'
import { SQLITE_RULES } from '../../src/core/lint/sqlite/rules.ts'
import { readMigrations } from '../../src/core/migrations.ts'
import { CASES, type Case } from '../core/lint/sqlite-set.ts'
import { scripts } from '../tools.ts'

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

  test('3 no two rules have one id', () => {
    assert.equal(new Set(SQLITE_RULES.map(({ id }) => id)).size, SQLITE_RULES.length)
  })
})
