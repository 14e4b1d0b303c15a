import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { trialsOf, withMaps } from '../../../src/core/transfer/map.ts'
import { withMasks } from '../../../src/core/transfer/mask.ts'
import { select } from '../../../src/core/transfer/select.ts'
import { movedOf, schemaOf, valuesOf } from './schema.ts'

const SCHEMA = schemaOf(`
  CREATE TABLE users (id INTEGER PRIMARY KEY, active TEXT, "d e" TEXT, both TEXT AS (active || "d e"));
  CREATE TABLE logs (line TEXT)`)

const MOVED = movedOf(SCHEMA, 'text')

test('1 an expression stands in the place of its column', () => {
  const maps = { 'users.active': "active IN ('t', 'yes') -- ", 'USERS.d E': 'NULL' }
  assert.deepEqual(valuesOf(withMaps(MOVED, SCHEMA, maps)), {
    'users.active': "(active IN ('t', 'yes') -- \n)",
    'users.d e': '(NULL\n)',
  })
  assert.deepEqual(withMaps(MOVED, SCHEMA, {}), MOVED)
})

test('2 of a table that is not moved it means nothing', () => {
  const logs = MOVED.filter(({ from }) => from.name === 'logs')
  const maps = { 'users.active': '1', 'logs.line': "''" }
  assert.deepEqual(valuesOf(withMaps(logs, SCHEMA, maps)), { 'logs.line': "(''\n)" })
  const selection = select(SCHEMA, { only: ['logs'], where: { logs: "line <> '' -- x" } })
  assert.deepEqual(trialsOf(logs, SCHEMA, selection, maps), [
    { what: '--where logs', sql: "SELECT 1 FROM logs WHERE (line <> '' -- x\n) LIMIT 0" },
    { what: '--map logs.line', sql: "SELECT 1 FROM logs WHERE (''\n) IS NULL LIMIT 0" },
  ])
})

describe('3 what is refused', () => {
  for (const [name, expression, message, hint] of [
    ['users.activ', '1', /^--map: there is no column users\.activ$/, /did you mean users\.active\?/],
    ['active', '1', /there is no column active/, /table\.column/],
    ['users.active', ' ', /users\.active has no expression/, /users\.active="…"/],
    ['users.both', '1', /users\.both is computed/, /computed from/],
  ] as const) {
    test(`3.1 ${name}`, () =>
      assert.throws(() => withMaps(MOVED, SCHEMA, { [name]: expression }), { code: 'USAGE', message, hint }))
  }

  test('3.2 a mask and a map of one column', () => {
    const masked = withMasks(MOVED, SCHEMA, { 'users.active': 'hash' })
    assert.throws(() => withMaps(masked, SCHEMA, { 'users.active': '1' }), {
      code: 'USAGE',
      message: 'users.active is masked and mapped',
    })
  })
})
