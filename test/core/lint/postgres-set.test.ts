import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { CASES, SHOP } from './postgres-set.ts'
import { found } from './read.ts'

/** What is said aloud of a case. */
async function loud(before: string, up: string): Promise<string[]> {
  const hits = await found(before, up)
  const ids = hits
    .filter(({ rule }) => rule.severity === 'error' || rule.severity === 'warning')
    .map(({ rule }) => rule.id)
  return [...new Set(ids)].sort()
}

describe('a set of hazards and of what looks like them', () => {
  for (const { name, before = SHOP, up, hazard } of CASES) {
    test(name, async () => assert.deepEqual(await loud(before, up), [...hazard].sort()))
  }

  test('half of them are safe, and nothing is missed or found where there is none', async () => {
    const [safe, hazards] = [
      CASES.filter(({ hazard }) => hazard.length === 0),
      CASES.filter(({ hazard }) => hazard.length > 0),
    ]
    assert.ok(CASES.length >= 150)
    assert.ok(safe.length >= 0.45 * CASES.length, `${safe.length} of ${CASES.length}`)
    const flagged = async (all: typeof CASES) =>
      (await Promise.all(all.map(({ before = SHOP, up }) => loud(before, up)))).filter(
        (ids) => ids.length > 0,
      ).length
    const [right, wrong] = [await flagged(hazards), await flagged(safe)]
    assert.deepEqual(
      { recall: right / hazards.length, precision: right / (right + wrong) },
      { recall: 1, precision: 1 },
    )
  })
})
