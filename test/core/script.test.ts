import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { statSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { setTimeout } from 'node:timers/promises'
import fc from 'fast-check'
import { parseScript, readText, stampOf } from '../../src/core/script.ts'
import type { MigrateError } from '../../src/index.ts'
import { withFolder } from '../matrix.ts'

const parse = (text: string) => parseScript('1_a.sql', text)

function refuses(text: string, code: string, line?: number, hint?: RegExp): void {
  assert.throws(
    () => parse(text),
    (error: MigrateError) => {
      assert.equal(error.code, code)
      assert.equal(error.line, line)
      if (hint !== undefined) assert.match(error.hint ?? '', hint)
      return true
    },
  )
}

describe('1 text', () => {
  test('1.1 a checkout on Windows, with or without a BOM, is no edit', () => {
    fc.assert(
      fc.property(fc.array(fc.stringMatching(/^[^\r\0\uFEFF]*$/)), (lines) => {
        const unix = ['SELECT 1;', ...lines.filter((line) => !line.includes('migrate:'))].join('\n')
        const { checksum, text } = parse(unix)
        assert.equal(text, unix)
        assert.equal(parse(`\uFEFF${unix.replaceAll('\n', '\r\n')}`).checksum, checksum)
      }),
    )
  })

  test('1.2 the checksum is SHA-256 of the text', () => {
    // printf 'SELECT 1;\n' | sha256sum
    assert.equal(
      parse('SELECT 1;\n').checksum,
      'sha256:b4e0497804e46e0a0b0b8c31975b062152d551bac49c3c2e80932567b4085dcd',
    )
  })

  test('1.3 a long text has the same checksum as a short one would have', () => {
    const long = `SELECT '${'é𝒳'.repeat(700_000)}';`
    assert.equal(parse(long).checksum, `sha256:${createHash('sha256').update(long).digest('hex')}`)
  })

  test('1.4 bytes that are no UTF-8 are refused with their line', () =>
    withFolder(async (folder) => {
      const path = join(folder, '1_a.sql')
      writeFileSync(path, Buffer.from([...Buffer.from('SELECT 1;\nSELECT '), 0xe9, 0x27]))
      assert.throws(
        () => readText(path, '1_a.sql'),
        (error: MigrateError) => error.code === 'FILE_TEXT' && error.line === 2,
      )
      writeFileSync(path, "SELECT '\uFFFD';")
      assert.equal(readText(path, '1_a.sql'), "SELECT '\uFFFD';")
    }))

  test('1.5 a NUL, where SQLite would stop reading', () => refuses('SELECT 1;\nSELECT\0 2;', 'FILE_TEXT', 2))

  for (const empty of ['', ' \n\t', '-- only a comment', '/* a */ ; -- b\n;', '/* open']) {
    test(`1.6 ${JSON.stringify(empty)} is empty`, () => refuses(empty, 'EMPTY_SCRIPT'))
  }
})

describe('1 stamps', () => {
  test('1.7 tell a file from what it becomes, whatever its size and its time of modification', () =>
    withFolder(async (folder) => {
      const path = join(folder, '1_a.sql')
      writeFileSync(path, 'SELECT 1')
      assert.equal(stampOf(path), undefined, 'too fresh to tell')
      await setTimeout(150)
      const before = stampOf(path)
      assert.equal(stampOf(path), before)
      const { atime, mtime } = statSync(path)
      writeFileSync(path, 'SELECT 2')
      utimesSync(path, atime, mtime)
      await setTimeout(150)
      assert.notEqual(stampOf(path), before)
      assert.equal(stampOf(join(folder, 'none')), undefined)
    }))
})

describe('2 directives', () => {
  test('2.1 each says what it says', () => {
    assert.equal(parse('SELECT 1').transaction, true)
    assert.equal(parse('-- a comment\n\n-- migrate: no-transaction\nSELECT 1').transaction, false)
    assert.equal(parse('-- migrate: irreversible the rows are gone\n').irreversible, 'the rows are gone')
    assert.equal(parse('--migrate:nothing  SQLite has no types \n').nothing, 'SQLite has no types')
    assert.deepEqual(
      parse('-- lint: ignore drop-table it is empty\r\n--lint: ignore truncate  so  is it \nDROP TABLE a')
        .ignores,
      [
        { rule: 'drop-table', reason: 'it is empty', at: 0 },
        { rule: 'truncate', reason: 'so  is it', at: 39 },
      ],
    )
    assert.equal(parse('SELECT 1').ignores, undefined)
  })

  test('2.2 an unknown one suggests the nearest', () => {
    refuses('-- migrate: no-transction\nSELECT 1', 'DIRECTIVE', 1, /no-transaction/)
    refuses('-- a\n-- migrate: reversible because\nSELECT 1', 'DIRECTIVE', 2, /irreversible/)
    refuses('-- migrate:up\nSELECT 1', 'DIRECTIVE', 1, /dbmate/)
  })

  test('2.3 one without its reason, or with something behind it', () => {
    refuses('-- migrate: irreversible\nSELECT 1', 'DIRECTIVE', 1, /<reason>/)
    refuses('-- migrate: nothing\n', 'DIRECTIVE', 1, /<reason>/)
    refuses('-- lint: ignore drop-table\nSELECT 1', 'DIRECTIVE', 1, /<rule> <reason>/)
    refuses('-- migrate: no-transaction please\nSELECT 1', 'DIRECTIVE', 1)
  })

  test('2.7 batches and their rows', () => {
    const { batch, transaction } = parse('-- migrate: batch 1000\nDELETE FROM a')
    assert.deepEqual([batch, transaction], [1000, false])
    assert.equal(parse('-- migrate: no-transaction\n-- migrate: batch 1\nDELETE FROM a').batch, 1)
    assert.equal(parse('DELETE FROM a').batch, undefined)
    refuses('-- migrate: batch\nDELETE FROM a', 'DIRECTIVE', 1, /<rows>/)
    for (const rows of ['0', '-1', '1.5', '1e3', 'many', '9007199254740993', '10 20'])
      refuses(`-- a\n-- migrate: batch ${rows}\nDELETE FROM a`, 'DIRECTIVE', 2, /batch 1000/)
    refuses('DELETE FROM a;\n-- migrate: batch 10\n', 'DIRECTIVE', 2, /top/)
  })

  test('2.4 one below the first statement', () => {
    refuses('SELECT 1;\n-- migrate: no-transaction\n', 'DIRECTIVE', 2, /top/)
    refuses('SELECT 1;\n-- lint: ignore drop-table it is empty\n', 'DIRECTIVE', 2, /top/)
  })

  test('2.5 nothing, and yet a statement', () =>
    refuses('-- migrate: nothing none\nSELECT 1;', 'DIRECTIVE', 2))

  test('2.6 types of the other database', () => {
    const { hints } = parse('-- translate: a.b jsonb\n--translate:a.c  timestamp with time zone \nSELECT 1')
    assert.deepEqual(hints, { 'a.b': 'jsonb', 'a.c': 'timestamp with time zone' })
    assert.equal(parse('SELECT 1').hints, undefined)
    refuses('-- translate: a.b\nSELECT 1', 'DIRECTIVE', 1, /translate: users\.metadata jsonb/)
    refuses('-- translate: b jsonb\nSELECT 1', 'DIRECTIVE', 1)
    refuses('SELECT 1;\n-- translate: a.b jsonb\n', 'DIRECTIVE', 2, /top/)
  })
})
