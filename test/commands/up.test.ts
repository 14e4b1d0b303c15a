import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { down, status, up } from '../../src/index.ts'
import { KINDS } from '../matrix.ts'

const NEXFLOW = ['logs', 'messages', 'schedules', 'sessions', 'skills', 'tasks', 'users']

for (const kind of KINDS) {
  describe(`up and down, ${kind.label}`, () => {
    test("Nexflow's migrations go up, are up the second time, and go down", () =>
      kind.scratch(async ({ url, tables }) => {
        const first = await up({ database: url })
        assert.deepEqual(
          first.applied.map(({ id }) => id),
          ['000001_init_schema', '000002_add_indexes', '000003_add_user_metadata'],
        )
        assert.deepEqual(await tables(), NEXFLOW)
        assert.deepEqual((await up({ database: url })).applied, [])
        assert.equal((await status({ database: url })).upToDate, true)
        assert.deepEqual(
          (await down({ database: url })).rolledBack.map(({ id }) => id),
          ['000003_add_user_metadata'],
        )
        await down({ database: url, all: true })
        assert.deepEqual(await tables(), [])
        assert.deepEqual((await down({ database: url })).rolledBack, [])
        assert.equal((await up({ database: url })).applied.length, 3)
      }))
  })
}
