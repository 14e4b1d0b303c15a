import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { MigrateError } from '../core/errors.ts'
import { DIALECTS, isDate, listFolder, parseFileName } from '../core/migrations.ts'
import { shortest } from '../core/text.ts'

export interface NewOptions {
  /** What the migration does, in a few words. */
  readonly name: string
  /** The folder that the files go to. Default: `./migrations`. */
  readonly dir?: string
  /** What the version is made of. Default: what the last migration's is. */
  readonly version?: 'sequence' | 'date' | 'timestamp'
  /** One pair of files for both databases, instead of one for each. */
  readonly neutral?: boolean
}

export interface NewResult {
  readonly id: string
  readonly files: readonly string[]
}

/**
 * Writes the empty files of a new migration: up and down, for both databases.
 *
 * @throws USAGE, FILE_NAME, DIRECTORY
 */
export async function newMigration({
  name,
  dir = 'migrations',
  version,
  neutral = false,
}: NewOptions): Promise<NewResult> {
  const word = name
    .trim()
    .replace(/[^A-Za-z0-9]+/g, '_')
    .replace(/^_+|_+$/g, '')
    .toLowerCase()
  if (word === '' || /[^\x20-\x7e]/.test(name)) {
    throw new MigrateError('USAGE', `"${name}" is no name for a migration`, {
      hint: 'use Latin letters and digits, such as "new add_email"',
    })
  }
  const perDialect = DIALECTS.some((dialect) => existsSync(join(dir, dialect)))
  const existing = list(dir, perDialect)
  const id = `${nextVersion(existing, version)}_${word}`
  const files = (neutral ? [undefined] : DIALECTS).flatMap((dialect) =>
    ['up', 'down'].map((direction) => {
      const folder = dialect !== undefined && perDialect ? join(dir, dialect) : dir
      const part = dialect !== undefined && !perDialect ? `.${dialect}` : ''
      return { path: join(folder, `${id}${part}.${direction}.sql`), text: `-- ${id}: ${direction}\n` }
    }),
  )
  for (const { path, text } of files) write(path, text)
  return { id, files: files.map(({ path }) => shortest(path)) }
}

/** A migration that is there already. */
type Existing = ReturnType<typeof parseFileName>

/** Those of a folder. */
function list(dir: string, perDialect: boolean): Existing[] {
  const folders = perDialect ? [dir, ...DIALECTS.map((dialect) => join(dir, dialect))] : [dir]
  const names = folders.flatMap((folder) => (existsSync(folder) ? listFolder(folder) : []))
  return names.filter((name) => name.endsWith('.sql')).map((name) => parseFileName(name))
}

function nextVersion(existing: readonly Existing[], style: NewOptions['version']): string {
  const last = existing.reduce<Existing | undefined>(
    (a, b) => (a && a.version > b.version ? a : b),
    undefined,
  )
  const digits = last?.id.split('_')[0] ?? '000000'
  const chosen = style ?? (digits.length === 14 ? 'timestamp' : last && isDate(last.id) ? 'date' : 'sequence')
  if (chosen === 'sequence') return String((last?.version ?? 0n) + 1n).padStart(digits.length, '0')
  const now = new Date().toISOString().replace(/\D/g, '')
  if (chosen === 'date') return now.slice(0, 8)
  // Two may be asked for within one second.
  let second = BigInt(now.slice(0, 14))
  while (existing.some(({ version }) => version === second)) second++
  return String(second)
}

function write(path: string, text: string): void {
  try {
    mkdirSync(join(path, '..'), { recursive: true })
    writeFileSync(path, text, { flag: 'wx' })
  } catch (cause) {
    throw new MigrateError('DIRECTORY', `cannot write ${shortest(path)}: ${(cause as Error).message}`, {
      file: shortest(path),
      hint: 'name another folder with --dir, or another name',
      cause,
    })
  }
}
