import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { withFolder } from './matrix.ts'

const MODULES = join(import.meta.dirname, '../node_modules')

/** Checks the types of files as strictly as an application may; they can import what is in node_modules. */
export function compile(files: Readonly<Record<string, string>>): Promise<void> {
  return withFolder(async (folder) => {
    symlinkSync(MODULES, join(folder, 'node_modules'))
    writeFileSync(join(folder, 'package.json'), '{ "type": "module" }')
    for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text)
    const strict = [
      '--strict',
      '--exactOptionalPropertyTypes',
      '--noUncheckedIndexedAccess',
      '--noUnusedLocals',
    ]
    const options = [
      '--noEmit',
      '--target',
      'es2024',
      '--module',
      'nodenext',
      '--types',
      'node',
      '--skipLibCheck',
    ]
    const more = ['--allowImportingTsExtensions', '--erasableSyntaxOnly', '--isolatedModules']
    const args = [join(MODULES, '.bin/tsc'), ...options, ...strict, ...more, ...Object.keys(files)]
    await promisify(execFile)(process.execPath, args, { cwd: folder }).catch(({ stdout, stderr }) => {
      assert.fail(`${stdout}${stderr}\n${JSON.stringify(files, undefined, 2).replaceAll('\\n', '\n')}`)
    })
  })
}
