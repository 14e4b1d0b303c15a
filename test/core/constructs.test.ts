import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { CONSTRUCTS, foreignConstruct } from '../../src/core/constructs.ts'
import { up } from '../../src/index.ts'
import { KINDS, type Scratch } from '../matrix.ts'

/** Runs a statement after what the examples stand on, through the tool itself. */
async function refused({ url: database }: Scratch, dialect: string, example: string): Promise<boolean> {
  const types = dialect === 'postgres' ? "CREATE TYPE construct_kind AS ENUM ('old');" : ''
  const sql = `-- migrate: no-transaction\nCREATE TABLE construct_table (a INTEGER, c INTEGER); ${types} ${example};`
  return up({ database, migrations: [{ name: '1_a.sql', sql }] }).then(
    () => false,
    () => true,
  )
}

for (const kind of KINDS) {
  describe(`each construct is what it is said to be, ${kind.label}`, () => {
    for (const { name, of, example } of CONSTRUCTS) {
      const takes = of === kind.dialect
      test(`${example} is ${takes ? 'taken' : 'refused'}`, () =>
        kind.scratch(async (scratch) => {
          assert.equal(await refused(scratch, kind.dialect, example), !takes)
          const found = foreignConstruct(example, 0, kind.dialect)
          if (takes) assert.ok(!found?.startsWith(name), found)
          else assert.ok(found !== undefined)
        }))
    }
  })
}
