import assert from 'node:assert/strict'
import { test } from 'node:test'
import { backupNames, backupPrefix, surplusBackups } from '../../src/core/backup.ts'

test('1 the default name begins with the database’s own', () => {
  for (const [dialect, name, prefix] of [
    ['sqlite', 'data/nexflow.db', 'nexflow'],
    ['sqlite', '/srv/my app.v2.sqlite', 'my_app_v2'],
    ['sqlite', '.db', 'db'],
    ['sqlite', ':memory:', 'memory'],
    ['postgres', 'postgres://host:5432/nexflow', 'nexflow'],
    ['postgres', 'postgres:///nexflow?host=/var/run/postgresql', 'nexflow'],
  ] as const) {
    assert.equal(backupPrefix(dialect, name), prefix)
  }
})

test('2 the time in it is UTC, and a number follows where it is taken', () => {
  const now = new Date('2026-01-15T09:30:05Z')
  const names = backupNames('sqlite', 'nexflow', now)
  const next = () => names.next().value
  assert.deepEqual(
    [next(), next(), next()],
    ['nexflow_20260115_093005.db', 'nexflow_20260115_093005_2.db', 'nexflow_20260115_093005_3.db'],
  )
  assert.equal(backupNames('postgres', 'nexflow', now).next().value, 'nexflow_20260115_093005')
})

test('3 the oldest are too many, and never the newest, nor what has another name', () => {
  const names = [
    'a_20260101_000000_10.db',
    'a_20260101_000000_2.db',
    'a_20260101_000000.db',
    'a_20260102_000000.db',
    'a_20251231_000000.db',
    'a_20260101.db',
    'b_20250101_000000.db',
    'a_b_20250101_000000.db',
    'a_20250101_000000',
    'mine.db',
  ]
  const newest = 'a_20251231_000000.db' // the clock was set back
  const surplus = (keep: number) => surplusBackups('sqlite', 'a', names, newest, keep)
  assert.deepEqual(surplus(1), [
    'a_20260101_000000.db',
    'a_20260101_000000_2.db',
    'a_20260101_000000_10.db',
    'a_20260102_000000.db',
  ])
  assert.deepEqual(surplus(4), ['a_20260101_000000.db'])
  assert.deepEqual(surplus(5), [])
  assert.deepEqual(surplus(9), [])
})
