import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { readMigrations } from '../../src/core/migrations.ts'
import { type Applied, compare, newerThanFiles, planDown, planUp } from '../../src/core/plan.ts'

/** Migrations 1_a, 2_b … of the letters given. */
const files = (letters: string) =>
  readMigrations(
    [...letters].map((letter) => ({ name: `${id(letter)}.sql`, sql: `SELECT '${letter}'` })),
    'sqlite',
  )
const id = (letter: string) => `${letter.charCodeAt(0) - 96}_${letter}`
const letters = (steps: readonly { id: string }[]) => steps.map((step) => step.id.split('_')[1]).join('')

/** The history of these letters; a capital is one that has changed since. */
function history(applied: string): Applied[] {
  const checksums = new Map(files('abcdefgh').map((migration) => [migration.id, migration.up.checksum]))
  return [...applied].map((letter) => {
    const name = id(letter.toLowerCase())
    return {
      id: name,
      appliedAt: '2026-01-15T00:00:00.000Z',
      checksum: letter < 'a' ? 'sha256:other' : (checksums.get(name) ?? null),
      stamp: null,
    }
  })
}

describe('1 the state of each migration', () => {
  const cases: [files: string, applied: string, states: string][] = [
    ['', '', ''],
    ['abc', '', 'pending pending pending'],
    ['abc', 'ab', 'applied applied pending'],
    ['abc', 'aBc', 'applied changed applied'],
    ['abc', 'ac', 'applied out-of-order applied'],
    ['ac', 'abc', 'applied missing applied'],
    ['abc', 'abcd', 'applied applied applied missing'],
    ['ab', 'd', 'out-of-order out-of-order missing'],
    ['', 'ab', 'missing missing'],
  ]
  for (const [present, applied, states] of cases) {
    test(`1.1 files ${present || 'none'}, applied ${applied || 'none'}`, () => {
      const told = compare(files(present), history(applied)).map(({ state }) => state.replaceAll(' ', '-'))
      assert.equal(told.join(' '), states)
    })
  }

  test('1.2 a row without a checksum, written by hand, counts as applied', () => {
    const [entry] = compare(files('a'), [{ id: '1_a', appliedAt: '', checksum: null, stamp: null }])
    assert.equal(entry?.state, 'applied')
  })

  test('1.3 a row that is no id of ours is missing, and comes first', () => {
    const rows = [{ id: 'by hand', appliedAt: '', checksum: null, stamp: null }, ...history('a')]
    assert.deepEqual(
      compare(files('ab'), rows).map(({ state }) => state),
      ['missing', 'applied', 'pending'],
    )
  })
})

describe('1 the file that was applied', () => {
  const row = { id: '1_a', appliedAt: '', checksum: 'sha256:a', stamp: '7-1-1.5-1.5' }
  const file = (stamp: string | undefined) => ({
    id: '1_a',
    version: 1n,
    stamp,
    down: undefined,
    get up(): never {
      throw new Error('it was read')
    },
  })

  test('1.4 is not read again while nobody has written to it', () => {
    assert.deepEqual(compare([file('7-1-1.5-1.5')], [row]), [{ id: '1_a', state: 'applied', appliedAt: '' }])
  })

  test('1.5 is read where its stamp differs, is unknown, or was not kept', () => {
    for (const [now, kept] of [
      ['7-1-1.5-2.5', row.stamp],
      [undefined, row.stamp],
      ['7-1-1.5-1.5', null],
    ] as const) {
      assert.throws(() => compare([file(now)], [{ ...row, stamp: kept }]), /it was read/)
    }
    assert.throws(() => compare([file(undefined)], []), /it was read/)
  })
})

describe('2 up', () => {
  const steps: [files: string, applied: string, target: object, expected: string][] = [
    ['abcd', '', {}, 'abcd'],
    ['abcd', 'ab', {}, 'cd'],
    ['abcd', 'abcd', {}, ''],
    ['abcd', 'a', { steps: 2 }, 'bc'],
    ['abcd', 'a', { steps: 9 }, 'bcd'],
    ['abcd', 'a', { to: '3_c' }, 'bc'],
    ['abcd', 'abc', { to: '2_b' }, ''],
    ['abcd', 'a', { id: '2_b' }, 'b'],
    ['abcd', 'a', { id: '2' }, 'b'],
    ['abcd', 'a', { id: '0002' }, 'b'],
    ['abcd', 'ab', { id: '2_b' }, ''],
    ['abcd', 'acd', { allowOutOfOrder: true }, 'b'],
    ['abcd', 'ad', { allowOutOfOrder: true, id: '2_b' }, 'b'],
    ['abc', 'abcd', { allowNewer: true }, ''],
  ]
  for (const [present, applied, target, expected] of steps) {
    test(`2.1 ${present} with ${applied || 'none'} applied, ${JSON.stringify(target)}: ${expected || 'nothing'}`, () => {
      assert.equal(letters(planUp(files(present), history(applied), target, target)), expected)
    })
  }

  const problems: [files: string, applied: string, target: object, code: string, says: RegExp][] = [
    ['ab', 'A', {}, 'CHANGED', /1_a/],
    ['ab', 'AB', { steps: 1 }, 'CHANGED', /1_a, 2_b/],
    ['a', 'ab', {}, 'MISSING', /2_b/],
    ['ac', 'abc', { allowNewer: true }, 'MISSING', /2_b/],
    ['abc', 'ac', {}, 'OUT_OF_ORDER', /2_b/],
    ['abc', 'ac', { id: '2_b' }, 'OUT_OF_ORDER', /2_b/],
    ['abc', '', { id: '3_c' }, 'EARLIER_PENDING', /1_a, 2_b/],
    ['abc', '', { id: '4_d' }, 'UNKNOWN_ID', /4_d/],
    ['abc', '', { to: '9' }, 'UNKNOWN_ID', /9/],
  ]
  for (const [present, applied, target, code, says] of problems) {
    test(`2.2 ${present} with ${applied || 'none'} applied, ${JSON.stringify(target)}: ${code}`, () => {
      assert.throws(
        () => planUp(files(present), history(applied), target, target),
        (error: { code: string; message: string; hint: string }) => {
          assert.equal(error.code, code)
          assert.match(error.message, says)
          assert.ok(error.hint.length > 0)
          return true
        },
      )
    })
  }

  test('2.3 an unknown id suggests the nearest', () => {
    assert.throws(() => planUp(files('abc'), [], { id: '2_c' }), { hint: /did you mean/ })
  })

  test('2.4 a version that two migrations share does not name one', () => {
    const two = readMigrations(
      ['20260115_a.sql', '20260115_b.sql'].map((name) => ({ name, sql: 'SELECT 1' })),
      'sqlite',
    )
    assert.throws(() => planUp(two, [], { id: '20260115' }), { code: 'UNKNOWN_ID' })
  })

  test('2.5 what is applied and what is planned are together all files, each once', () => {
    const subset = fc.subarray([...'abcdefgh'])
    fc.assert(
      fc.property(subset, subset, (present, applied) => {
        const done = applied.filter((letter) => present.includes(letter)).join('')
        const planned = planUp(files(present.join('')), history(done), {}, { allowOutOfOrder: true })
        assert.equal([...(done + letters(planned))].sort().join(''), present.join(''))
      }),
    )
  })

  test('2.6 newer than every file', () => {
    assert.deepEqual(newerThanFiles(files('ab'), history('abcd')), ['3_c', '4_d'])
    assert.deepEqual(newerThanFiles(files('ac'), history('abc')), [])
  })
})

describe('3 down', () => {
  const steps: [applied: string, target: object, expected: string][] = [
    ['', {}, ''],
    ['abc', {}, 'c'],
    ['acb', {}, 'b'],
    ['abc', { steps: 2 }, 'cb'],
    ['abc', { all: true }, 'cba'],
    ['abc', { to: '2_b' }, 'cb'],
    ['acb', { to: '3_c' }, 'bc'],
    ['abc', { id: '2_b' }, 'b'],
    ['a', { id: '2_b' }, ''],
    ['a', { to: '2_b' }, ''],
  ]
  for (const [applied, target, expected] of steps) {
    test(`3.1 ${applied || 'none'} applied, ${JSON.stringify(target)}: ${expected || 'nothing'}`, () => {
      assert.equal(letters(planDown(files('abcd'), history(applied), target)), expected)
    })
  }

  test('3.2 what is in the history needs no file', () => {
    assert.equal(letters(planDown([], history('ab'), { id: '1_a' })), 'a')
    assert.throws(() => planDown([], history('ab'), { id: '3_c' }), { code: 'UNKNOWN_ID' })
  })
})
