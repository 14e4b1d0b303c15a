import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { mendable, mendableNumber } from '../../../src/core/transfer/aside.ts'
import { canonicalDecimal, fits, precisionOf, shown, textOf } from '../../../src/core/transfer/bad.ts'

describe('bad values', () => {
  test('1 a value is shown in a line', () => {
    assert.equal(shown(null), 'NULL')
    assert.equal(shown(12n), '12')
    assert.equal(shown('a\n"b"\0'), '"a\\n\\"b\\"\\u0000"')
    assert.equal(shown('x'.repeat(100)), `"${'x'.repeat(60)}"…`)
    assert.equal(shown(`${'x'.repeat(59)}😀`), `"${'x'.repeat(59)}�"…`)
    assert.equal(shown(new Uint8Array([0, 255])), "x'00ff'")
    assert.equal(shown(new Uint8Array(31)), `x'${'00'.repeat(30)}…' (31 bytes)`)
  })

  test('2 a number fits a numeric, or is rounded, or is too large', () => {
    for (const [words, precision, scale, expected] of [
      ['999.99', 5, 2, 'whole'],
      ['999.990', 5, 2, 'whole'],
      ['999.995', 5, 2, 'rounded'],
      ['1000', 5, 2, 'too large'],
      ['1e2', 5, 2, 'whole'],
      ['1e3', 5, 2, 'too large'],
      ['0.00e9', 5, 2, 'whole'],
      ['-.01', 5, 2, 'whole'],
      ['1e-3', 5, 2, 'rounded'],
      ['1e131071', undefined, undefined, 'whole'],
      ['1e131072', undefined, undefined, 'too large'],
      ['1e-16383', undefined, undefined, 'whole'],
      ['1e-16384', undefined, undefined, 'too large'],
      ['12 ', undefined, undefined, 'too large'],
    ] as const) {
      assert.equal(fits(words, precision, scale), expected, words)
    }
  })

  test('3 equal numbers have one form', () => {
    const forms = ['1', '1.0', '+1', '01', '.1e1', '10e-1', '1.'].map(canonicalDecimal)
    assert.equal(new Set(forms).size, 1)
    assert.equal(canonicalDecimal('-0.0'), canonicalDecimal('0'))
    assert.notEqual(canonicalDecimal('-1'), canonicalDecimal('1'))
    assert.equal(canonicalDecimal('1,5'), undefined)
  })

  test('4 a precision is read from a type', () => {
    assert.deepEqual(precisionOf('numeric(5,2)'), [5, 2])
    assert.deepEqual(precisionOf('timestamp(3) without time zone'), [3])
    assert.deepEqual(precisionOf('text'), [])
  })

  test('5 what a person mends is as JSON has it, and nothing of it is lost', () => {
    assert.equal(mendable(9_007_199_254_740_993n), '9007199254740993')
    assert.equal(mendable(-5n), -5)
    assert.equal(mendable(Number.POSITIVE_INFINITY), 'Infinity')
    assert.deepEqual(mendable(textOf(new Uint8Array([97, 0]))), { hex: '6100' })
    assert.deepEqual(mendable(textOf(new Uint8Array([255]))), { hex: 'ff' })
    assert.equal(mendable(textOf(new Uint8Array([97]))), 'a')
    assert.equal(mendableNumber('1.50'), '1.50')
    assert.equal(mendableNumber('1.5'), 1.5)
    assert.equal(mendableNumber('9007199254740993'), '9007199254740993')
    assert.equal(mendableNumber('NaN'), 'NaN')
  })
})
