import assert from 'node:assert/strict'
import { test } from 'node:test'
import { backupNames, surplusBackups } from '../../src/core/backup.ts'

test('1 the time in it is UTC, and a number follows where it is taken', () => {
  const now = new Date('2026-01-15T09:30:05Z')
  const names = backupNames('sqlite', now)
  const next = () => names.next().value
  assert.deepEqual(
    [next(), next(), next()],
    ['nexflow_20260115_093005.db', 'nexflow_20260115_093005_2.db', 'nexflow_20260115_093005_3.db'],
  )
  assert.equal(backupNames('postgres', now).next().value, 'nexflow_20260115_093005')
})

test('2 the oldest are too many, and never the newest, nor what has another name', () => {
  const names = [
    'nexflow_20260101_000000_10.db',
    'nexflow_20260101_000000_2.db',
    'nexflow_20260101_000000.db',
    'nexflow_20260102_000000.db',
    'nexflow_20251231_000000.db',
    'nexflow_20260101.db',
    'b_20250101_000000.db',
    'nexflow_b_20250101_000000.db',
    'nexflow_20250101_000000',
    'mine.db',
  ]
  const newest = 'nexflow_20251231_000000.db' // the clock was set back
  const surplus = (keep: number) => surplusBackups('sqlite', names, newest, keep)
  assert.deepEqual(surplus(1), [
    'nexflow_20260101_000000.db',
    'nexflow_20260101_000000_2.db',
    'nexflow_20260101_000000_10.db',
    'nexflow_20260102_000000.db',
  ])
  assert.deepEqual(surplus(4), ['nexflow_20260101_000000.db'])
  assert.deepEqual(surplus(5), [])
  assert.deepEqual(surplus(9), [])
})
