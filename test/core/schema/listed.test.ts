import assert from 'node:assert/strict'
import { test } from 'node:test'
import { listedBy } from '../../../src/core/schema/listed.ts'

const LISTS: readonly [expression: string, column: string, values: readonly (string | number)[]][] = [
  [`role IN ('user', 'it''s')`, 'role', ['user', "it's"]],
  ['enabled in (0,1)', 'enabled', [0, 1]],
  [`"order by" IN ('a')`, 'order by', ['a']],
  ['`x` IN (-1, 1.5) -- why', 'x', [-1, 1.5]],
  ['[x y] IN (1)', 'x y', [1]],
  [`((x IN ('a')))`, 'x', ['a']],
  [`x IS NULL OR x IN ('a')`, 'x', ['a']],
  [`x = 'a'`, 'x', ['a']],
  [`role = ANY (ARRAY['a'::text, 'b'::text])`, 'role', ['a', 'b']],
  [
    `((status)::text = ANY ((ARRAY['a'::character varying, 'b'::character varying(20)])::text[]))`,
    'status',
    ['a', 'b'],
  ],
  [`(x IS NULL) OR (x = ANY (ARRAY[1, '-2'::integer]))`, 'x', [1, '-2']],
  [`VALUE = ANY (ARRAY['a'::app."Odd Type"])`, 'VALUE', ['a']],
]

test('1 checks that are lists of values', () => {
  for (const [expression, column, values] of LISTS)
    assert.deepEqual(listedBy(expression), { column, values }, expression)
})

test('2 checks that say something else', () => {
  for (const expression of [
    '',
    'x',
    'x IN ()',
    `x NOT IN ('a')`,
    `NOT x IN ('a')`,
    `x IN ('a') AND y`,
    `x IN ('a') OR y = 'b'`,
    `x IN ('a', lower('b'))`,
    `lower(x) IN ('a')`,
    `y IS NULL OR x IN ('a')`,
    `x <> 'a'`,
    `x = y`,
    'x > 0',
    `x <> ALL (ARRAY['a'::text])`,
    `x = 'a' = 'b'`,
    `(x, y) IN ((1, 2))`,
    `x LIKE 'a%'`,
    `x IN (SELECT a FROM b)`,
    `x IN (NULL)`,
  ])
    assert.equal(listedBy(expression), undefined, expression)
})
