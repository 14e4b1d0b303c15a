import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { describe, test } from 'node:test'

const SRC = join(import.meta.dirname, '../src')

/** Where each folder stands. An import points down, or to the same floor. */
const FLOORS: Readonly<Record<string, number>> = { core: 0, database: 1, commands: 2, '': 3, cli: 4 }

const files = readdirSync(SRC, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.ts'))

/** The files of src/ that a file imports, and the packages. */
function imports(file: string): { files: string[]; packages: string[] } {
  const text = readFileSync(join(SRC, file), 'utf8')
  const names = [...text.matchAll(/(?:from|import)\s*\(?\s*'([^']+)'/g)].map(([, name = '']) => name)
  const own = names.filter((name) => name.startsWith('.'))
  return {
    files: own.map((name) => relative(SRC, join(SRC, dirname(file), name))),
    packages: names.filter((name) => !name.startsWith('.')),
  }
}

const folder = (file: string) => (file.includes('/') ? (file.split('/')[0] ?? '') : '')

describe('the house', () => {
  test('1 an import points down, never up', () => {
    for (const file of files) {
      for (const imported of imports(file).files) {
        const [from = 9, to = 9] = [FLOORS[folder(file)], FLOORS[folder(imported)]]
        assert.ok(to <= from, `${file} imports ${imported}, which is above it`)
      }
    }
  })

  test('2 never in a circle', () => {
    const done = new Set<string>()
    const visit = (file: string, path: readonly string[]) => {
      assert.ok(!path.includes(file), `a circle: ${[...path, file].join(' → ')}`)
      if (done.has(file)) return
      // What is imported only when it is needed, or only for its types, does not count at load: a driver's seam.
      for (const imported of imports(file).files)
        if (!isLazy(file, imported)) visit(imported, [...path, file])
      done.add(file)
    }
    for (const file of files) visit(file, [])
  })

  test('3 core knows no database', () => {
    for (const file of files.filter((name) => folder(name) === 'core')) {
      const known = imports(file).packages.filter((name) => /sqlite|^pg(-|$)/.test(name))
      assert.deepEqual(known, [], file)
    }
  })

  test('4 the command line imports only the library', () => {
    for (const file of files.filter((name) => folder(name) === 'cli')) {
      for (const imported of imports(file).files) assert.match(imported, /^(cli\/|index\.ts)/, file)
    }
  })

  test('5 the two dialects mirror each other', () => {
    const names = (dialect: string) => readdirSync(join(SRC, 'database', dialect)).sort()
    assert.deepEqual(names('sqlite'), names('postgres'))
  })

  test('6 pg, its parser and yaml are imported only where they are needed', () => {
    for (const file of files) {
      const text = readFileSync(join(SRC, file), 'utf8')
      for (const name of ['pg', 'pg-connection-string', 'libpg-query', 'pgsql-deparser', 'yaml']) {
        const static_ = new RegExp(`^import (?!type )[^\\n]*from '${name}'`, 'm').test(text)
        if (static_) assert.match(file, /^database\/postgres\//)
      }
      for (const imported of imports(file).files.filter((one) => one.startsWith('database/postgres/'))) {
        assert.ok(
          file.startsWith('database/postgres/') || isLazy(file, imported),
          `${file} imports ${imported}`,
        )
      }
    }
  })

  test('7 every test folder has its place in src', () => {
    const folders = readdirSync(import.meta.dirname, { withFileTypes: true }).filter((entry) =>
      entry.isDirectory(),
    )
    for (const { name } of folders) assert.ok(existsSync(join(SRC, name)), name)
  })
})

function isLazy(file: string, imported: string): boolean {
  const text = readFileSync(join(SRC, file), 'utf8')
  const name = imported.split('/').at(-1)?.replaceAll('.', '\\.')
  return !new RegExp(`^(import|export) (?!type )[^']*from '[^']*${name}'`, 'm').test(text)
}
