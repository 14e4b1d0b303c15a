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
  if (word === '') {
    throw new MigrateError('USAGE', `"${name}" is no name for a migration`, {
      hint: 'such as "new add_email"',
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

/** The migrations that are there already. */
function list(dir: string, perDialect: boolean): { id: string; version: bigint }[] {
  const folders = perDialect ? [dir, ...DIALECTS.map((dialect) => join(dir, dialect))] : [dir]
  const names = folders.flatMap((folder) => (existsSync(folder) ? listFolder(folder) : []))
  return names.filter((name) => name.endsWith('.sql')).map((name) => parseFileName(name))
}

function nextVersion(
  existing: readonly { id: string; version: bigint }[],
  style: NewOptions['version'],
): string {
  const last = existing.reduce<{ id: string; version: bigint } | undefined>(
    (most, one) => (most === undefined || one.version > most.version ? one : most),
    undefined,
  )
  const digits = last?.id.split('_')[0] ?? '000000'
  const now = new Date().toISOString().replace(/\D/g, '')
  const like =
    digits.length === 14 ? 'timestamp' : last !== undefined && isDate(last.id) ? 'date' : 'sequence'
  const chosen = style ?? like
  if (chosen === 'date') return now.slice(0, 8)
  if (chosen === 'timestamp') return now.slice(0, 14)
  return String((last?.version ?? 0n) + 1n).padStart(digits.length, '0')
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
