import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import {
  type RowChange,
  type Rows,
  rowChanges,
  rowChangeText,
} from '../../../src/core/schema/rows/row-changes.ts'

const rows = (columns: string, ...values: (string | null)[][]): Rows => ({
  columns: columns.split(' '),
  rows: values,
})
const keyed = (columns: string, ...values: (string | null)[][]): Rows => ({
  ...rows(columns, ...values),
  key: ['id'],
})

const BEFORE = keyed('id a', ['1', 'x'], ['2', null])

interface Case {
  readonly before: Rows
  /** Undefined: up has taken the table away. */
  readonly between?: Rows | Readonly<Record<string, Rows>>
  readonly after: Rows
  readonly changes: readonly Omit<RowChange, 'table'>[]
}

const CASES: Readonly<Record<string, Case>> = {
  '1 nothing': {
    before: BEFORE,
    between: BEFORE,
    after: keyed('a id', [null, '2'], ['x', '1']),
    changes: [],
  },
  '2 a row that up had left': {
    before: BEFORE,
    between: BEFORE,
    after: keyed('id a', ['1', 'x']),
    changes: [{ change: 'gone', rows: 1, had: true }],
  },
  '3 rows that up took away': {
    before: BEFORE,
    after: keyed('id a'),
    changes: [{ change: 'gone', rows: 2, had: false }],
  },
  '4 values that up took away': {
    before: BEFORE,
    between: keyed('id', ['1'], ['2']),
    after: keyed('id a', ['1', null], ['2', null]),
    changes: [{ column: 'a', change: 'changed', rows: 1, had: false }],
  },
  '5 values that up kept under another name': {
    before: BEFORE,
    between: keyed('id b', ['1', 'x'], ['2', null]),
    after: keyed('id a', ['1', null], ['2', null]),
    changes: [{ column: 'a', change: 'changed', rows: 1, had: true }],
  },
  '6 values that up moved to another table': {
    before: BEFORE,
    between: { t: keyed('id', ['1'], ['2']), u: rows('v', ['x'], [null]) },
    after: keyed('id a', ['1', null], ['2', null]),
    changes: [{ column: 'a', change: 'changed', rows: 1, had: true }],
  },
  '7 values that down changes': {
    before: BEFORE,
    between: BEFORE,
    after: keyed('id a', ['1', 'y'], ['2', null]),
    changes: [{ column: 'a', change: 'changed', rows: 1, had: true }],
  },
  '8 rows that stay, and rows that are new': {
    before: BEFORE,
    between: keyed('id a', ['1', 'x'], ['2', null], ['3', 'up']),
    after: keyed('id a', ['1', 'x'], ['2', null], ['3', 'up'], ['4', 'down']),
    changes: [
      { change: 'left over', rows: 1, had: true },
      { change: 'left over', rows: 1, had: false },
    ],
  },
  '9 columns that only one has are not compared': {
    before: BEFORE,
    between: BEFORE,
    after: keyed('id b', ['1', 'z'], ['2', 'z']),
    changes: [],
  },
  '10 without a key: rows': {
    before: rows('a', ['x'], ['x'], ['y']),
    between: rows('a', ['x'], ['y']),
    after: rows('a', ['x']),
    changes: [
      { change: 'gone', rows: 1, had: true },
      { change: 'gone', rows: 1, had: false },
    ],
  },
  '11 without a key: values': {
    before: rows('a b', ['x', '1'], ['y', '2']),
    between: rows('a b', ['y', '2'], ['x', '1']),
    after: rows('a b', ['z', '1'], ['y', '2']),
    changes: [{ column: 'a', change: 'changed', rows: 2, had: true }],
  },
  '12 a key that tells no rows apart is none': {
    before: keyed('id a', [null, 'x'], [null, 'y']),
    between: keyed('id a', [null, 'x'], [null, 'y']),
    after: keyed('id a', [null, 'y'], [null, 'x']),
    changes: [],
  },
}

describe('what a rollback does not bring back of the rows', () => {
  for (const [name, { before, between, after, changes }] of Object.entries(CASES)) {
    test(name, () => {
      const middle = between === undefined ? {} : 'columns' in between ? { t: between as Rows } : between
      const found = rowChanges(
        new Map([['t', before]]),
        new Map(Object.entries(middle)),
        new Map([['t', after]]),
      )
      assert.deepEqual(
        found,
        changes.map((change) => ({ table: 't', ...change })),
      )
    })
  }

  test('13 a table that is not back is no matter of rows', () => {
    assert.deepEqual(rowChanges(new Map([['t', BEFORE]]), new Map(), new Map()), [])
  })

  test('14 in words', () => {
    const told = (change: Omit<RowChange, 'table'>) => rowChangeText({ table: 't', ...change })
    assert.equal(
      told({ change: 'gone', rows: 1, had: true }),
      '1 row of t that up had left is gone after down',
    )
    assert.equal(
      told({ change: 'left over', rows: 2, had: true }),
      '2 rows of t that up put in stay after down',
    )
    assert.equal(told({ change: 'left over', rows: 1, had: false }), '1 row of t is new after down')
    assert.equal(
      told({ column: 'a', change: 'changed', rows: 2, had: false }),
      '2 values of t.a that up took away or changed are not back after down',
    )
  })
})
