import { MigrateError } from './errors.ts'
import type { Dialect } from './migrations.ts'

/** Where backups go, and how many of them stay. */
export interface BackupPlace {
  /** The folder. Default: `./backups`. */
  readonly dir?: string
  /** Of the backups under a default name only the newest so many stay, from 1. Default: all of them. */
  readonly keep?: number
  /** PostgreSQL: smaller, and slower. */
  readonly compress?: boolean
}

/** What ends the default name: a file on SQLite, a folder on PostgreSQL. */
const ENDINGS: Record<Dialect, string> = { sqlite: '.db', postgres: '' }

/** What the default names begin with, as in the guide. */
const PREFIX = 'nexflow'

/** The default names of a backup, the next one for where the one before is taken: UTC, so that none comes twice. */
export function* backupNames(dialect: Dialect, now: Date): Generator<string> {
  const digits = now.toISOString().replace(/\D/g, '')
  const stamp = `${digits.slice(0, 8)}_${digits.slice(8, 14)}`
  for (let n = 1; ; n++) yield `${PREFIX}_${stamp}${n === 1 ? '' : `_${n}`}${ENDINGS[dialect]}`
}

/**
 * The backups that are more than `keep`, oldest first. What has no default name is none of them.
 *
 * @param newest the one that was written just now, which always stays
 */
export function surplusBackups(
  dialect: Dialect,
  names: readonly string[],
  newest: string,
  keep: number,
): string[] {
  const found = names.flatMap((name) => {
    if (name === newest || !name.startsWith(`${PREFIX}_`) || !name.endsWith(ENDINGS[dialect])) return []
    const rest = name.slice(PREFIX.length, name.length - ENDINGS[dialect].length)
    const [, stamp, n = '1'] = /^_(\d{8}_\d{6})(?:_(\d+))?$/.exec(rest) ?? []
    return stamp === undefined ? [] : { name, order: `${stamp}_${n.padStart(9, '0')}` }
  })
  const sorted = found.sort((a, b) => (a.order < b.order ? -1 : 1)).map(({ name }) => name)
  return sorted.slice(0, Math.max(0, sorted.length - (keep - 1)))
}

/** @throws USAGE */
export function checkBackupPlace({ keep }: BackupPlace): void {
  if (keep === undefined || isKeep(keep)) return
  throw new MigrateError('USAGE', 'keep must be a whole number from 1', {
    hint: 'leave it out to keep every backup',
  })
}

export function isKeep(keep: unknown): keep is number {
  return Number.isSafeInteger(keep) && Number(keep) >= 1
}
