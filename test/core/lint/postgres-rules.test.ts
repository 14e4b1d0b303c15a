import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { POSTGRES_RULES } from '../../../src/core/lint/postgres/rules.ts'
import { found } from './read.ts'

/** Only running it tells: these need what was measured. */
const MEASURED = new Set(['hidden-work'])

describe('the rules for PostgreSQL', () => {
  test('1 have names of their own', () => {
    const ids = POSTGRES_RULES.map(({ id }) => id)
    assert.equal(new Set(ids).size, ids.length)
    for (const id of ids) assert.match(id, /^[a-z]+(-[a-z]+)+$/)
  })

  for (const rule of POSTGRES_RULES) {
    test(`2 ${rule.id}: finds its bad example, with SQL to paste, and not its good one`, async () => {
      const bad = await found(rule.bad.before ?? '', rule.bad.up)
      const hits = bad.filter((hit) => hit.rule.id === rule.id)
      if (!MEASURED.has(rule.id)) {
        assert.ok(hits.length > 0, `not found in ${rule.bad.up}`)
        assert.match(hits[0]?.message ?? '', /[^.]$/)
        assert.doesNotMatch(hits[0]?.message ?? '', /undefined/)
        assert.doesNotMatch(hits[0]?.safe ?? 'undefined', /undefined/)
      }
      const good = await found(rule.good.before ?? '', rule.good.up)
      assert.deepEqual(
        good.filter((hit) => hit.rule.id === rule.id).map((hit) => hit.message),
        [],
      )
    })
  }

  for (const { id, good } of POSTGRES_RULES.filter(({ topic }) => topic !== 'style')) {
    test(`3 ${id}: the good example is good by every rule`, async () => {
      const hits = await found(good.before ?? '', good.up)
      const loud = hits.filter(({ rule }) => rule.severity === 'error' || rule.severity === 'warning')
      const expected = id === 'hidden-work' ? ['opaque-sql'] : []
      assert.deepEqual(
        loud.map(({ rule }) => rule.id),
        expected,
      )
    })
  }
})
