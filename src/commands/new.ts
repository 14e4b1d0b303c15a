import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { MigrateError } from '../core/errors.ts'
import { DIALECTS, isDate, listFolder, parseFileName } from '../core/migrations.ts'
import type { WantedMigration, WantedOptions } from './wanted.ts'
import { writeNew } from './write.ts'

/** With `from`: the wanted schema, against which the history is held. */
export interface NewOptions extends Partial<WantedOptions> {
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
  /** None where the history makes the wanted schema already. */
  readonly files: readonly string[]
  /** With `from`: what is worth a look. */
  readonly notes: readonly string[]
  /** With `from`: where what was written does not do what it should. */
  readonly differences: readonly string[]
}

/**
 * Writes the files of a new migration: up and down, for both databases. They are empty, or, with `from`, make the
 * wanted schema.
 *
 * @throws USAGE, FILE_NAME, DIRECTORY; with `from` also RENAME, FILE_TEXT, SQL, SHADOW and what `up` throws
 */
export async function newMigration(options: NewOptions): Promise<NewResult> {
  const { name, dir = 'migrations', version, neutral = false, from } = options
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
  const wanted = from === undefined ? undefined : await draft({ ...options, from }, dir, id)
  if (from !== undefined && wanted === undefined) return { id, files: [], notes: [], differences: [] }
  const files = (neutral ? [undefined] : DIALECTS).flatMap((dialect) =>
    (['up', 'down'] as const).map((direction) => {
      const folder = dialect !== undefined && perDialect ? join(dir, dialect) : dir
      const part = dialect !== undefined && !perDialect ? `.${dialect}` : ''
      const text = dialect && wanted?.scripts[dialect][direction]
      return {
        path: join(folder, `${id}${part}.${direction}.sql`),
        text: text ?? `-- ${id}: ${direction}\n`,
      }
    }),
  )
  const { notes = [], differences = [] } = wanted ?? {}
  return { id, files: writeNew(files), notes, differences }
}

async function draft(
  options: NewOptions & WantedOptions,
  dir: string,
  id: string,
): Promise<WantedMigration | undefined> {
  if (options.neutral) {
    throw new MigrateError('USAGE', 'neutral and from cannot be given together', {
      hint: 'each database gets its own files',
    })
  }
  const { wantedMigration } = await import('./wanted.ts')
  return wantedMigration(options, dir, id)
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
