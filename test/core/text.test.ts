import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { didYouMean, list, nearest, place, skipBlank } from '../../src/core/text.ts'

describe('1 places', () => {
  test('1.1 lines and columns count characters from 1', () => {
    const text = 'a\nбв𝒳 d\n'
    assert.deepEqual(place('f', text, text.indexOf('d')), {
      file: 'f',
      line: 2,
      column: 5,
      excerpt: '2 | бв𝒳 d\n  |     ^',
    })
  })

  test('1.2 the statement is shown from its beginning', () => {
    const text = 'SELECT 1;\nCREATE TABLE a (\n\tid\n);'
    assert.equal(place('f', text, text.indexOf('id'), 10).excerpt, '2 | CREATE TABLE a (\n3 | \tid\n  | \t^')
  })

  test('1.3 the first character may end a line', () => {
    assert.deepEqual(place('f', '\n', 0), { file: 'f', line: 1, column: 1, excerpt: '1 | \n  | ^' })
  })

  test('1.4 any offset of any text has a place', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.nat(), (text, n) => {
        const offset = n % (text.length + 1)
        const { line = 0, column = 0 } = place('f', text, offset)
        const before = text.slice(0, offset).split('\n')
        assert.equal(line, before.length)
        assert.equal(column, [...(before.at(-1) ?? '')].length + 1)
      }),
    )
  })
})

test('2 blank is white space, comments and semicolons', () => {
  for (const blank of ['', ' ;\n', '-- a\n', '-- a', '/* a\nb */;', '/* open']) {
    assert.equal(skipBlank(blank), blank.length, blank)
    assert.equal(skipBlank(`${blank}\nSELECT`), blank === '/* open' ? 14 : blank.length + 1, blank)
  }
  assert.equal(skipBlank("'--'"), 0)
})

test('3 the nearest word, if one is near', () => {
  assert.equal(nearest('stauts', ['up', 'status', 'down']), 'status')
  assert.equal(nearest('frobnicate', ['up', 'status', 'down']), undefined)
  assert.equal(didYouMean('--databse', ['--database']), 'did you mean --database?')
  assert.equal(didYouMean('x', []), undefined)
})

test('4 a long list is cut', () => {
  assert.equal(list(['a', 'b']), 'a, b')
  assert.equal(list([...'abcdefgh']), 'a, b, c, d, e and 3 more')
})
