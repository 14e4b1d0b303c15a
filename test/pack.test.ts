import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'

const ROOT = join(import.meta.dirname, '..')

/** The package as npm would publish it, installed into an empty folder. */
describe('the package', () => {
  const folder = mkdtempSync(join(tmpdir(), 'nexflow-pack-'))
  // What `npm test` says to its own npm would send the one in here to the wrong folder.
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('npm_')))
  const sh = (command: string, cwd = folder) =>
    execFileSync('sh', ['-c', command], { cwd, env, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })
  before(() => {
    // dist/ is what `npm ci` has built.
    const filename = sh(`npm pack --silent --ignore-scripts --pack-destination ${folder}`, ROOT).trim()
    sh('npm init -y && npm pkg set type=module')
    sh(`npm install --no-audit --no-fund ./${filename}`)
  })
  after(() => rmSync(folder, { recursive: true, force: true }))

  test('1 runs up', () => {
    assert.match(sh('npx nexflow-migrate up'), /3 migrations applied/)
    assert.ok(existsSync(join(folder, 'data/nexflow.db')))
    assert.match(sh('npx nexflow-migrate up'), /nothing to do/)
    assert.match(sh('npx nexflow-migrate --version'), /^\d/)
  })

  test('2 is a library with types', () => {
    writeFileSync(
      join(folder, 'app.ts'),
      `import { MigrateError, openDatabase, status } from 'nexflow-migrate'
       const db = await openDatabase({ type: 'sqlite', path: './data/nexflow.db' })
       const n: unknown = db.native.prepare('SELECT count(*) AS n FROM users').get()?.n
       const { upToDate }: { upToDate: boolean } = await status({ database: db.native })
       await db.close()
       const error: MigrateError | undefined = await openDatabase({ path: 'mysql://h/d' }).then(() => undefined, (e) => e)
       console.log(JSON.stringify([db.dialect, db.migrated, n, upToDate, error?.code]))`,
    )
    assert.equal(sh(`${process.execPath} app.ts`), '["sqlite",[],0,true,"CONFIG"]\n')
    const tsc = `${process.execPath} ${join(ROOT, 'node_modules/typescript/bin/tsc')}`
    const types = `--typeRoots ${join(ROOT, 'node_modules/@types')} --types node --skipLibCheck`
    sh(`${tsc} --noEmit --strict --module nodenext --target es2024 ${types} app.ts`)
  })

  test('3 has no install script, and brings nothing of the workshop', () => {
    const installed = join(folder, 'node_modules/nexflow-migrate')
    const manifest = JSON.parse(readFileSync(join(installed, 'package.json'), 'utf8'))
    for (const script of ['preinstall', 'install', 'postinstall'])
      assert.equal(manifest.scripts[script], undefined)
    for (const name of ['test', 'src', 'bench', 'node_modules', '.ci'])
      assert.ok(!existsSync(join(installed, name)), name)
    for (const name of ['README.md', 'LICENSE', 'dist', 'docs', 'migrations'])
      assert.ok(existsSync(join(installed, name)), name)
  })
})
