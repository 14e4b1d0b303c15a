import { execFileSync } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import type { Kind } from './matrix.ts'

/** Programs that tests need and no package of npm brings, and the package of Debian that does. */
const PACKAGES = {
  pg_dump: 'postgresql-client',
  pg_restore: 'postgresql-client',
  psql: 'postgresql-client',
  pgbouncer: 'pgbouncer',
} as const

type Program = keyof typeof PACKAGES

const DEBIAN = '/usr/lib/postgresql'

function folders(): string[] {
  const majors = existsSync(DEBIAN) ? readdirSync(DEBIAN).sort((a, b) => Number(b) - Number(a)) : []
  return [
    ...majors.map((major) => join(DEBIAN, major, 'bin')),
    ...(process.env.PATH ?? '').split(delimiter),
    '/usr/sbin',
  ]
}

/** Where a program is, on the path or in the folders of Debian. */
export function programPath(name: Program): string | undefined {
  return folders()
    .map((folder) => join(folder, name))
    .find((path) => existsSync(path))
}

/** What is not on this machine, in a line for each package: which tests are skipped, and what brings them. */
export function missingPrograms(): string[] {
  const missing = (Object.keys(PACKAGES) as Program[]).filter((name) => programPath(name) === undefined)
  return Object.entries(Object.groupBy(missing, (name) => PACKAGES[name])).map(
    ([wanted, names = []]) =>
      `skipped: the tests that need ${names.join(', ')}; "apt-get install ${wanted}" brings them`,
  )
}

/** The reason why backups cannot be tested on this kind of database; undefined where they can. pg_dump must not be older than its server. */
export function noBackups({ dialect, label }: Pick<Kind, 'dialect' | 'label'>): string | undefined {
  if (dialect === 'sqlite') return undefined
  const path = programPath('pg_dump')
  if (path === undefined || !programPath('pg_restore') || !programPath('psql'))
    return 'postgresql-client is not here'
  const said = execFileSync(path, ['--version'], { encoding: 'utf8' })
  const [has, wants] = [/ (\d+)/.exec(said)?.[1], /(\d+)$/.exec(label)?.[1]]
  return wants !== undefined && Number(has) < Number(wants) ? `pg_dump is of PostgreSQL ${has}` : undefined
}
