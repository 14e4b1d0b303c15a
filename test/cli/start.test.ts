import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { test } from 'node:test'
import { NEWEST, withFolder } from '../matrix.ts'
import { BIN, run } from '../process.ts'

/** The files of the bundle that a start with nothing to do takes: each more is time at every start of a service. */
const LOADED = {
  sqlite: ['bin.cjs', 'main.cjs', 'rolldown-runtime.cjs'],
  postgres: ['bin.cjs', 'main.cjs', 'postgres-script.cjs', 'postgres.cjs', 'rolldown-runtime.cjs'],
}

for (const { label, dialect, scratch } of NEWEST) {
  test(`up with nothing to do loads neither what lints nor what knows schemas, ${label}`, () =>
    withFolder((folder) =>
      scratch(async ({ url }) => {
        const listing = join(folder, 'listing.cjs')
        writeFileSync(
          listing,
          `process.on('exit', () => require('node:fs').writeSync(1, Object.keys(require.cache).join('\\n')))`,
        )
        await run(['up', '--database', url])
        const { stdout, status } = await run(['up', '--database', url], {
          env: { NODE_OPTIONS: `--require ${listing}` },
        })
        assert.equal(status, 0)
        const loaded = stdout.split('\n').filter((path) => dirname(path) === dirname(BIN))
        assert.deepEqual(loaded.map((path) => basename(path)).sort(), LOADED[dialect])
      }),
    ))
}
