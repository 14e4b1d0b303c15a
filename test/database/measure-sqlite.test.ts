import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Measured } from '../../src/core/lint/effect.ts'
import { parseScript } from '../../src/core/script.ts'
import { withShadow } from '../../src/database/shadow.ts'

const TABLES = `
CREATE TABLE p (id INTEGER PRIMARY KEY, name TEXT);
CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT UNIQUE, b INTEGER REFERENCES p (id), c TEXT);`

function measured(sql: string): Promise<Measured[]> {
  return withShadow('sqlite', {}, async (database) => {
    await database.measure(parseScript('tables', TABLES))
    return database.measure(parseScript('script', sql))
  })
}

/** `t`, `t scan` or `t rewrite` of each statement. */
function told(all: readonly Measured[]): string {
  const one = ({ effects, error }: Measured) =>
    error?.message ??
    effects
      .map(({ table, scan, rewrite, lock }) => {
        assert.equal(lock, 'WRITE')
        return `${table}${rewrite ? ' rewrite' : scan ? ' scan' : ''}`
      })
      .sort()
      .join(', ')
  return all.map(one).join(' | ')
}

const CASES: Readonly<Record<string, string>> = {
  'CREATE INDEX i ON t (b)': 't scan',
  'REINDEX t': 't scan',
  'ALTER TABLE t ADD COLUMN x INTEGER': 't',
  'ALTER TABLE t ADD COLUMN x INTEGER NOT NULL DEFAULT 1': 't',
  'ALTER TABLE t ADD COLUMN x INTEGER CHECK (x > 0)': 't scan',
  'ALTER TABLE t DROP COLUMN c': 't rewrite',
  'ALTER TABLE t RENAME TO u': 't',
  'ALTER TABLE t RENAME COLUMN c TO d': 't',
  'UPDATE t SET b = 1': 't rewrite',
  'UPDATE t SET b = 1 WHERE true': 't rewrite',
  'UPDATE t SET a = lower(a)': 't rewrite',
  'UPDATE t SET a = (SELECT name FROM p WHERE p.id = t.b)': 't rewrite',
  'UPDATE t SET b = 1 WHERE b IS NULL': 't scan',
  'UPDATE t SET b = 1 WHERE id = 4': 't',
  'UPDATE t SET b = p.id FROM p WHERE p.name = t.a': 'p scan, t',
  'DELETE FROM t': 't rewrite',
  'DELETE FROM t WHERE id NOT IN (SELECT min(id) FROM t GROUP BY c)': 't scan',
  'DELETE FROM p': 'p rewrite, t scan',
  'INSERT INTO t (id, b) VALUES (1, 2)': 't',
  'INSERT INTO t (a) SELECT name FROM p': 'p rewrite, t',
  'CREATE TABLE x AS SELECT * FROM t': 't rewrite',
  'CREATE TABLE x (y INTEGER); CREATE INDEX x_y ON x (y); INSERT INTO x VALUES (1);': ' |  | ',
  'CREATE TABLE n (id, a); INSERT INTO n SELECT id, a FROM t; DROP TABLE t; ALTER TABLE n RENAME TO t; CREATE INDEX i ON t (a);':
    ' | t rewrite | t |  | t scan',
  'DROP TABLE t': 't',
  VACUUM: 'p rewrite, t rewrite',
  'SELECT * FROM t': '',
  'PRAGMA foreign_keys = OFF': '',
  'CREATE INDEX i ON t (b); CREATE INDEX i ON t (c); DROP TABLE t;': 't scan | index i already exists',
}

describe('measure on SQLite', () => {
  for (const [sql, effects] of Object.entries(CASES)) {
    test(`1 ${sql}`, async () => {
      assert.equal(told(await measured(sql)), effects)
    })
  }

  test('2 spots are those of the statements', async () => {
    const sql = '-- one\nSELECT 1;\n /* two */ DROP TABLE t ; '
    const texts = (await measured(sql)).map(({ start, end }) => sql.slice(start, end))
    assert.deepEqual(texts, ['SELECT 1;', 'DROP TABLE t ;'])
  })
})
