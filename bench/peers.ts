import { join } from 'node:path'
import type { Dialect } from '../src/index.ts'
import { type Command, ours } from './measure.ts'

/** One migration, before it is written in a tool's own manner. */
export interface Migration {
  /** Its place, from 1. */
  readonly index: number
  readonly name: string
  readonly up: string
  readonly down: string
}

/** A tool that migrates, as its user would set it up: files in its own form, and a command or the least script. */
export interface Tool {
  readonly name: string
  readonly dialects: readonly Dialect[]
  /** How it commits, where it does not commit each script together with its history row. */
  readonly commits?: { readonly [dialect in Dialect]?: string }
  files(migration: Migration): Readonly<Record<string, string>>
  command(url: string, folder: string): Command
}

const digits = ({ index }: Migration) => String(index).padStart(6, '0')
const id = (migration: Migration) => `${digits(migration)}_${migration.name}`

/** The scripts of the peers are JavaScript: to strip types would count against them. */
const script = (name: string) => (url: string, folder: string) => [
  process.execPath,
  join(import.meta.dirname, `peers/${name}.js`),
  url,
  folder,
]

const APART = 'script and row apart'
const AT_ONCE = 'one transaction for all'

export const OURS: Tool = {
  name: 'ours',
  dialects: ['sqlite', 'postgres'],
  files: (migration) => ({
    [`${id(migration)}.up.sql`]: migration.up,
    [`${id(migration)}.down.sql`]: migration.down,
  }),
  command: ours,
}

export const PEERS: readonly Tool[] = [
  {
    name: 'dbmate',
    dialects: ['sqlite', 'postgres'],
    files: (migration) => ({
      [`${id(migration)}.sql`]: `-- migrate:up\n${migration.up}\n-- migrate:down\n${migration.down}`,
    }),
    command: (url, folder) => [
      join(import.meta.dirname, 'node_modules/.bin/dbmate'),
      '--no-dump-schema',
      '--url',
      url.startsWith('postgres') ? `${url}?sslmode=disable` : url,
      '--migrations-dir',
      folder,
      'migrate',
    ],
  },
  {
    name: 'knex',
    dialects: ['sqlite', 'postgres'],
    commits: { sqlite: AT_ONCE, postgres: AT_ONCE },
    files: (migration) => ({
      [`${id(migration)}.cjs`]: (['up', 'down'] as const)
        .map(
          (direction) =>
            `exports.${direction} = (knex) => knex.raw(${JSON.stringify(migration[direction])})\n`,
        )
        .join(''),
    }),
    command: script('knex'),
  },
  {
    name: 'umzug',
    dialects: ['sqlite', 'postgres'],
    commits: { sqlite: APART, postgres: APART },
    files: (migration) => ({ [`${id(migration)}.sql`]: migration.up }),
    command: script('umzug'),
  },
  {
    name: 'kysely',
    dialects: ['sqlite', 'postgres'],
    commits: { sqlite: APART, postgres: AT_ONCE },
    files: (migration) => ({
      [`${id(migration)}.js`]: [
        `import { sql } from 'kysely'\n`,
        ...(['up', 'down'] as const).map(
          (direction) =>
            `export const ${direction} = (db) => sql.raw(${JSON.stringify(migration[direction])}).execute(db)\n`,
        ),
      ].join(''),
    }),
    command: script('kysely'),
  },
  {
    name: 'drizzle-orm',
    dialects: ['sqlite', 'postgres'],
    commits: { sqlite: AT_ONCE, postgres: AT_ONCE },
    files: (migration) => ({ [`${id(migration)}.sql`]: migration.up }),
    command: script('drizzle-orm'),
  },
  {
    name: 'node-pg-migrate',
    dialects: ['postgres'],
    files: (migration) => ({
      [`${id(migration)}.sql`]: `-- Up Migration\n${migration.up}\n-- Down Migration\n${migration.down}`,
    }),
    command: script('node-pg-migrate'),
  },
  {
    name: 'postgres-migrations',
    dialects: ['postgres'],
    files: (migration) => ({ [`${id(migration)}.sql`]: migration.up }),
    command: script('postgres-migrations'),
  },
]

export function peersOn(dialect: Dialect): Tool[] {
  return PEERS.filter(({ dialects }) => dialects.includes(dialect))
}

/** Its name, with what sets it apart. */
export function label({ name, commits }: Tool, dialect: Dialect): string {
  const how = commits?.[dialect]
  return how === undefined ? name : `${name} (${how})`
}
