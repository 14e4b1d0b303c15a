import { deepEqual, rejects } from 'node:assert/strict'
import { test } from 'node:test'
import { cut, inOrder } from '../../src/database/postgres/script.ts'

const TEXTS = [
  'SELECT 1;\n\nSELECT 2 -- at the end',
  '-- nothing but this\n',
  "INSERT INTO notes VALUES ('a;\n;\nb');\n",
  "SELECT 'ä'; SELECT 3",
  '  ;; SELECT 4 ; ',
  '/* closed */ SELECT 5;\n',
  `SELECT '${'x'.repeat(20_000)}';`,
  'CREATE FUNCTION one() RETURNS int BEGIN ATOMIC SELECT 1; END;\nSELECT 6',
]

/** Where each statement is, and what it is. */
async function spots(read: typeof cut, text: { file: string; text: string }) {
  return (await read(text)).map(({ start, end, tree }) => ({ start, end, kind: Object.keys(tree) }))
}

const sqls = (texts: readonly string[]) => texts.map((text, i) => ({ file: `${i}.sql`, text }))

test('scripts that are read together have the statements that each has by itself', async () => {
  const scripts = sqls([...TEXTS, ...TEXTS.toReversed()])
  const read = inOrder(scripts)
  for (const script of scripts) deepEqual(await spots(read, script), await spots(cut, script))
})

test('what one leaves open does not go on into the next', async () => {
  for (const [open, close] of [
    ["SELECT 'a", "b'; SELECT 2;"],
    ['SELECT $x$a', 'b$x$; SELECT 2;'],
    ['SELECT "a', 'b"; SELECT 2;'],
    ['SELECT 1; /* a', '*/ SELECT 2;'],
    ['CREATE FUNCTION one() RETURNS int BEGIN ATOMIC SELECT 1;', 'END; SELECT 2;'],
  ] as const) {
    const scripts = sqls(['SELECT 0;', open, close])
    const read = inOrder(scripts)
    const [first = { file: '', text: '' }, second = first] = scripts
    deepEqual(await spots(read, first), await spots(cut, first))
    await rejects(read(second), { code: 'SQL' })
  }
})

test('a script that ends the transaction is refused, and those beside it are not', async () => {
  const scripts = sqls(['SELECT 1;', 'COMMIT;', 'SELECT 2;'])
  const read = inOrder(scripts)
  const [first = { file: '', text: '' }, second = first, third = first] = scripts
  deepEqual(await spots(read, first), await spots(cut, first))
  await rejects(read(second), { code: 'TRANSACTION_STATEMENT' })
  deepEqual(await spots(read, third), await spots(cut, third))
})
