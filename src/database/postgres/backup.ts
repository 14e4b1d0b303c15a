import { type ChildProcess, type StdioOptions, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createReadStream, existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { text } from 'node:stream/consumers'
import { crc32, createGunzip, gunzipSync } from 'node:zlib'
import pg from 'pg'
import { MigrateError } from '../../core/errors.ts'
import { list } from '../../core/text.ts'
import type { BackupFacts, CopyOptions, Row } from '../database.ts'
import { noBackup, sizeOf } from '../files.ts'
import { throwIfStopped } from '../lock.ts'

/** The server that is copied: a way to ask it, and the environment in which libpq's programs find it. */
export interface Source {
  readonly name: string
  readonly query: (sql: string) => Promise<Row[]>
  readonly env: NodeJS.ProcessEnv
}

/** Our own file among those of pg_dump: what was in the database, and what each file must be. */
const LIST = 'nexflow-migrate.json'

interface BackupList {
  readonly format: 1
  readonly server: string
  readonly tables: readonly { schema: string; name: string; rows: number }[]
  readonly files: Readonly<Record<string, { bytes: number; crc32: number }>>
}

/** A table of the snapshot. */
interface Table {
  readonly oid: string
  readonly schema: string
  readonly name: string
  readonly rows: number
}

/** How many tables are dumped at once. */
const JOBS = 2

/** Milliseconds between two looks at how far a program has come. */
const LOOK = 500

/**
 * pg_dump into a folder, two tables at once and without compression: the fastest that it can. It reads a snapshot
 * that is held open meanwhile, so that the rows in its files can be counted against the rows in the database.
 *
 * @param to where nothing is yet
 * @throws TOOL, BACKUP, ABORTED
 */
export async function backup(source: Source, to: string, options: CopyOptions): Promise<BackupFacts> {
  const [version] = await source.query(
    `SELECT current_setting('server_version') AS version, current_setting('server_version_num')::int AS number`,
  )
  const programs = await findPrograms(Math.floor(Number(version?.number) / 10000))
  const { tables, values } = await withSnapshot(source, async (snapshot) => {
    const stop = new AbortController()
    const signal = AbortSignal.any([stop.signal, ...(options.signal ? [options.signal] : [])])
    const counted = countTables(source, options)
    counted.catch(() => stop.abort())
    // The snapshot lasts until both have ended.
    const [contents, dumped] = await Promise.allSettled([
      counted,
      dump(programs, source, snapshot, to, { ...options, signal }),
    ])
    if (contents.status === 'rejected') throw contents.reason
    if (dumped.status === 'rejected') throw dumped.reason
    return contents.value
  })
  const files = await verifyDump(programs, source, to, tables, values, options)
  const written = {
    format: 1,
    server: String(version?.version),
    tables: tables.map(({ schema, name, rows }) => ({ schema, name, rows })),
    files,
  } satisfies BackupList
  writeFileSync(join(to, LIST), `${JSON.stringify(written, null, 1)}\n`, { flush: true })
  return factsOf(to, tables)
}

/** Does `work` with the name of a snapshot, which lasts as long. */
async function withSnapshot<T>({ query }: Source, work: (snapshot: string) => Promise<T>): Promise<T> {
  await query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY')
  try {
    await query('SET LOCAL statement_timeout = 0')
    await query('SET LOCAL idle_in_transaction_session_timeout = 0')
    await query('SET LOCAL row_security = off')
    const [row] = await query('SELECT pg_export_snapshot() AS name')
    return await work(String(row?.name))
  } finally {
    await query('ROLLBACK').catch(() => {})
  }
}

/** What somebody has made: not the system's, and not an extension's. */
const MADE = `n.nspname NOT LIKE 'pg\\_%' AND n.nspname <> 'information_schema'
  AND NOT EXISTS (SELECT FROM pg_depend AS e WHERE e.objid = o.objid AND e.classid = o.classid AND e.deptype = 'e')`

/** Everything that stands in a schema by itself, and not only as a part of something else. */
const OBJECTS = `FROM pg_depend AS o JOIN pg_namespace AS n
  ON o.refclassid = 'pg_namespace'::regclass AND o.refobjid = n.oid AND o.deptype = 'n' AND o.objsubid = 0
    AND o.classid NOT IN ('pg_default_acl'::regclass, 'pg_extension'::regclass)
  WHERE ${MADE}`

/** The schemas beside `public`. */
const SCHEMAS = `FROM (SELECT oid, oid AS objid, 'pg_namespace'::regclass AS classid, nspname FROM pg_namespace) AS n,
  LATERAL (SELECT n.objid, n.classid) AS o WHERE n.nspname <> 'public' AND ${MADE}`

export async function isEmpty(query: Source['query']): Promise<boolean> {
  const [row] = await query(
    `SELECT EXISTS (SELECT ${OBJECTS}) OR EXISTS (SELECT ${SCHEMAS})
       OR EXISTS (SELECT FROM pg_largeobject_metadata) AS made`,
  )
  return row?.made === false
}

async function countTables(
  { query }: Source,
  { compare }: CopyOptions,
): Promise<{ tables: Table[]; values: string[] }> {
  const found = await query(
    `SELECT c.oid::text, n.nspname AS schema, c.relname AS name
     FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace,
       LATERAL (SELECT c.oid AS objid, 'pg_class'::regclass AS classid) AS o
     WHERE c.relkind = 'r' AND c.relpersistence <> 't' AND ${MADE} ORDER BY 2, 3`,
  )
  const tables: Table[] = []
  const values: string[] = []
  for (const row of found) {
    const [oid, schema, name] = [String(row.oid), String(row.schema), String(row.name)]
    const path = `${pg.escapeIdentifier(schema)}.${pg.escapeIdentifier(name)}`
    const [counted] = await query(`SELECT count(*) AS n FROM ONLY ${path}`)
    tables.push({ oid, schema, name, rows: Number(counted?.n) })
    if (name !== compare.table) continue
    const listed = await query(
      `SELECT ${pg.escapeIdentifier(compare.column)}::text AS value FROM ONLY ${path}`,
    )
    values.push(...listed.map(({ value }) => String(value)))
  }
  return { tables, values }
}

async function dump(
  { folder }: Programs,
  { env }: Source,
  snapshot: string,
  to: string,
  options: CopyOptions,
): Promise<void> {
  const args = ['--format=directory', `--jobs=${JOBS}`, `--compress=${options.compress ? 1 : 0}`]
  const child = start(
    join(folder, 'pg_dump'),
    [...args, '--no-password', `--snapshot=${snapshot}`, `--file=${to}`],
    {
      env,
      signal: options.signal,
    },
  )
  const look = setInterval(() => options.onBytes('backup', sizeOf(to)), LOOK)
  try {
    await finished(child, options.signal)
  } finally {
    clearInterval(look)
  }
  const bytes = sizeOf(to)
  options.onBytes('backup', bytes, bytes)
}

/** Every table of the snapshot is in the dump, with as many lines as it had rows. */
async function verifyDump(
  programs: Programs,
  { name }: Source,
  path: string,
  tables: readonly Table[],
  values: readonly string[],
  options: CopyOptions,
): Promise<BackupList['files']> {
  const refuse = (why: string) =>
    new MigrateError('BACKUP', `the backup of ${name} does not verify, and was removed: ${why}`, {
      hint: 'check the disk, and run the same command again',
    })
  const entries = await listOf(programs, path, options, refuse)
  const read = await readFiles(path, options)
  for (const { oid, name: table, rows } of tables) {
    const file = entries.get(oid)
    const found = read.get(`${file}.dat`) ?? read.get(`${file}.dat.gz`)
    if (found === undefined) throw refuse(`${table} is not in it`)
    if (found.rows !== rows) throw refuse(`${table} has ${found.rows} rows and not ${rows}`)
    if (table !== options.compare.table) continue
    const fields = new Set(found.text().split(/[\t\n]/))
    const missing = values.filter((value) => !fields.has(value))
    if (missing.length > 0) throw refuse(`the history lacks ${list(missing)}`)
  }
  return Object.fromEntries([...read].map(([file, { bytes, crc32 }]) => [file, { bytes, crc32 }]))
}

/**
 * The tables in an archive, by their oid, with the number in the name of their file: lines such as
 * `3400; 0 16390 TABLE DATA public users nexflow`.
 */
async function listOf(
  { folder }: Programs,
  path: string,
  { signal }: CopyOptions,
  refuse: (why: string) => MigrateError,
): Promise<Map<string, string>> {
  const child = start(join(folder, 'pg_restore'), ['--list', path], { signal })
  if (child.stdout === null) throw new Error('pg_restore has no output')
  const [listed] = await Promise.all([text(child.stdout), finished(child, signal, refuse)])
  const lines = listed.matchAll(/^(\d+); \d+ (\d+) TABLE DATA /gm)
  return new Map([...lines].map(([, file = '', oid = '']) => [oid, file]))
}

/** What stands in a file of an archive. */
interface FileFacts {
  readonly bytes: number
  readonly crc32: number
  /** Lines of data. */
  readonly rows: number
  /** All of it, read again: for a small one. */
  text(): string
}

/** Behind the last row: `\.` and two empty lines. */
const END_LINES = 3
const NEWLINE = 10

/** Reads the files of an archive once. */
async function readFiles(path: string, { signal, onBytes }: CopyOptions): Promise<Map<string, FileFacts>> {
  const names = readdirSync(path).filter((name) => name !== LIST)
  const total = sizeOf(path)
  const found = new Map<string, FileFacts>()
  let done = 0
  for (const name of names) {
    let [bytes, sum, lines] = [0, 0, 0]
    const count = (chunk: Buffer) => {
      for (let at = chunk.indexOf(NEWLINE); at !== -1; at = chunk.indexOf(NEWLINE, at + 1)) lines++
    }
    const packed = name.endsWith('.gz')
    const unpacked = packed ? createGunzip().on('data', count) : undefined
    const failed = unpacked && once(unpacked, 'end')
    for await (const chunk of createReadStream(join(path, name), { highWaterMark: 2 ** 20 })) {
      throwIfStopped(signal)
      bytes += chunk.length
      sum = crc32(chunk, sum)
      if (unpacked === undefined) count(chunk)
      else if (!unpacked.write(chunk)) await Promise.race([once(unpacked, 'drain'), failed])
      done += chunk.length
      onBytes('verify', done, total)
    }
    unpacked?.end()
    await failed
    const rows = Math.max(0, lines - END_LINES)
    found.set(name, { bytes, crc32: sum, rows, text: () => textOf(join(path, name)) })
  }
  return found
}

function textOf(path: string): string {
  const bytes = readFileSync(path)
  return (path.endsWith('.gz') ? gunzipSync(bytes) : bytes).toString()
}

/**
 * Verifies an archive: pg_restore can read its list, and its files are what they were when it was written. One that
 * pg_dump wrote by itself has no such list of ours: then the former only.
 */
export async function verifyBackup(path: string, options: CopyOptions): Promise<BackupFacts> {
  const programs = await findPrograms(0)
  const refuse = (why: string) => noBackup(path, `it is damaged: ${why}`, 'restore another backup')
  await listOf(programs, path, options, refuse)
  const written = readList(path, refuse)
  if (written === undefined) return factsOf(path, [])
  const read = await readFiles(path, options)
  for (const [name, wanted] of Object.entries(written.files)) {
    const has = read.get(name)
    if (has === undefined) throw refuse(`${name} is missing`)
    if (has.bytes !== wanted.bytes) throw refuse(`${name} has ${has.bytes} bytes and not ${wanted.bytes}`)
    if (has.crc32 !== wanted.crc32) throw refuse(`${name} is not what it was`)
  }
  return factsOf(path, written.tables)
}

function readList(path: string, refuse: (why: string) => MigrateError): BackupList | undefined {
  const file = join(path, LIST)
  if (!statSync(path).isDirectory() || !existsSync(file)) return undefined
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as BackupList
  } catch (error) {
    throw refuse(`${LIST}: ${(error as Error).message}`)
  }
}

function factsOf(path: string, tables: readonly { rows: number }[]): BackupFacts {
  return {
    bytes: sizeOf(path),
    tables: tables.length,
    rows: tables.reduce((sum, { rows }) => sum + rows, 0),
  }
}

/** Drops all that somebody has made. Extensions stay: the archive makes them only where they are not. */
const DROP_ALL = `DO $drop$
DECLARE item text;
BEGIN
  FOR item IN SELECT format('SCHEMA %I', nspname) ${SCHEMAS} LOOP
    EXECUTE 'DROP ' || item || ' CASCADE';
  END LOOP;
  FOREACH item IN ARRAY coalesce((
    SELECT array_agg(replace(d.type, 'statistics object', 'statistics') || ' IF EXISTS ' || d.identity)
    FROM (SELECT DISTINCT o.classid, o.objid ${OBJECTS}) AS o,
      LATERAL pg_identify_object(o.classid, o.objid, 0) AS d
  ), '{}') LOOP
    EXECUTE 'DROP ' || item || ' CASCADE';
  END LOOP;
  FOR item IN SELECT pubname FROM pg_publication LOOP
    EXECUTE format('DROP PUBLICATION %I', item);
  END LOOP;
  PERFORM lo_unlink(oid) FROM pg_largeobject_metadata;
END $drop$;
`

/** What psql prints when all is committed: a COMMIT that it took for a row of data prints nothing. */
const COMMITTED = 'nexflow-migrate: committed'

/**
 * Drops what is there and runs what pg_restore writes, all in one transaction. psql is given the COMMIT only when
 * pg_restore has ended well: whatever ends one of us before that, the server rolls back.
 *
 * @throws TOOL, BACKUP, ABORTED
 */
export async function restore(source: Source, from: string, options: CopyOptions): Promise<void> {
  const [version] = await source.query(`SELECT current_setting('server_version_num')::int AS number`)
  const { folder } = await findPrograms(Math.floor(Number(version?.number) / 10000))
  const { signal, onBytes, timeout } = options
  const written = readList(from, (why) => noBackup(from, `it is damaged: ${why}`, 'restore another backup'))
  // Of a compressed one it is not known how long the SQL will be.
  const plain = written !== undefined && !Object.keys(written.files).some((name) => name.endsWith('.gz'))
  const total = plain ? sizeOf(from) : undefined

  const psql = start(
    join(folder, 'psql'),
    ['--no-psqlrc', '--no-password', '--quiet', '--no-align', '--tuples-only', '--set=ON_ERROR_STOP=1'],
    { env: source.env, signal, stdio: ['pipe', 'pipe', 'pipe'] },
  )
  const reader = start(join(folder, 'pg_restore'), ['--no-owner', '--file=-', from], { signal })
  const { stdin, stdout } = psql
  if (stdin === null || stdout === null || reader.stdout === null) throw new Error('a program has no pipes')
  // That psql has gone is told by how it ended.
  stdin.on('error', () => {})
  const refuse = (why: string) =>
    new MigrateError(
      'BACKUP',
      `${source.name}: the backup could not be restored, and nothing was changed: ${why}`,
      {
        hint: 'correct what the server says, and run the same command again',
      },
    )
  const ended = finished(psql, signal, refuse)
  ended.catch(() => reader.kill())
  const told = text(stdout)
  try {
    stdin.write(
      `BEGIN;\nSET LOCAL lock_timeout = ${Math.max(1, Math.ceil(timeout))};\nSET LOCAL client_min_messages = warning;\n${DROP_ALL}`,
    )
    let done = 0
    const fed = (async () => {
      for await (const chunk of reader.stdout ?? []) {
        done += chunk.length
        onBytes('restore', done, total)
        if (!stdin.write(chunk)) await Promise.race([once(stdin, 'drain'), ended])
      }
    })()
    await Promise.race([Promise.all([fed, finished(reader, signal, refuse)]), ended])
    stdin.end(`\n${countSql(written)}COMMIT;\nSELECT '${COMMITTED}';\n`)
    await ended
  } catch (error) {
    stdin.destroy()
    // psql's words go before those of the pipe that broke with it.
    await ended
    throw error
  }
  if (!(await told).includes(COMMITTED)) throw refuse('the archive ends before its end')
  onBytes('restore', total ?? sizeOf(from), total ?? sizeOf(from))
}

/** SQL that fails unless every table has as many rows as it had when it was saved. */
function countSql(written: BackupList | undefined): string {
  const checks = (written?.tables ?? []).map(({ schema, name, rows }) => {
    const path = `${pg.escapeIdentifier(schema)}.${pg.escapeIdentifier(name)}`
    return `  IF (SELECT count(*) FROM ONLY ${path}) <> ${rows} THEN RAISE EXCEPTION '% has not % rows', ${pg.escapeLiteral(name)}, ${rows}; END IF;\n`
  })
  return checks.length === 0 ? '' : `DO $count$ BEGIN\n${checks.join('')}END $count$;\n`
}

/** Where PostgreSQL's programs are, and their major version. */
interface Programs {
  readonly folder: string
  readonly major: number
}

/** Debian keeps each major in a folder of its own, and a script on the path that chooses one. */
const DEBIAN = '/usr/lib/postgresql'

/**
 * The newest of PostgreSQL's programs on this machine.
 *
 * @param least the major version of the server: an older pg_dump refuses it
 * @throws TOOL
 */
async function findPrograms(least: number): Promise<Programs> {
  const debian = existsSync(DEBIAN) ? readdirSync(DEBIAN).map((major) => join(DEBIAN, major, 'bin')) : []
  const folders = [...debian, ...(process.env.PATH ?? '').split(delimiter)].filter(
    (folder) => folder !== '' && existsSync(join(folder, 'pg_dump')),
  )
  const found = await Promise.all([...new Set(folders)].map((folder) => programsIn(folder)))
  const newest = found
    .filter(({ major }) => major > 0)
    .reduce<Programs | undefined>((a, b) => (a !== undefined && a.major >= b.major ? a : b), undefined)
  const wanted = least === 0 ? 'postgresql-client' : `postgresql-client-${least}`
  const hint = `install the package ${wanted} (Debian, Ubuntu; with apt.postgresql.org where the system has it not), or postgresql${least || ''} elsewhere`
  if (newest === undefined) {
    throw new MigrateError(
      'TOOL',
      'a backup of PostgreSQL needs pg_dump, pg_restore and psql, which are not here',
      {
        hint,
      },
    )
  }
  if (newest.major >= least) return newest
  throw new MigrateError(
    'TOOL',
    `pg_dump is of PostgreSQL ${newest.major} and the server of ${least}: it must not be older`,
    { hint },
  )
}

async function programsIn(folder: string): Promise<Programs> {
  const child = start(join(folder, 'pg_dump'), ['--version'], {})
  if (child.stdout === null) throw new Error('pg_dump has no output')
  const [said] = await Promise.all([text(child.stdout), finished(child, undefined).catch(() => {})])
  return { folder, major: Number(/\(PostgreSQL\) (\d+)/.exec(said)?.[1] ?? 0) }
}

interface StartOptions {
  readonly env?: NodeJS.ProcessEnv
  readonly signal?: AbortSignal | undefined
  readonly stdio?: StdioOptions
}

function start(program: string, args: readonly string[], options: StartOptions): ChildProcess {
  const { env = process.env, signal, stdio = ['ignore', 'pipe', 'pipe'] } = options
  // Its words are looked at, and shown to people as they are in English.
  return spawn(program, args, { env: { ...env, LC_ALL: 'C' }, stdio, ...(signal && { signal }) })
}

/** Waits for a program's good end. */
async function finished(
  child: ChildProcess,
  signal: AbortSignal | undefined,
  refuse = (why: string) =>
    new MigrateError('BACKUP', `no backup could be made: ${why}`, {
      hint: 'correct what pg_dump says, and run the same command again',
    }),
): Promise<void> {
  if (child.stderr === null) throw new Error('the program has no stderr')
  try {
    const [said, [code, killed]] = await Promise.all([text(child.stderr), once(child, 'close')])
    throwIfStopped(signal)
    if (code !== 0) throw refuse(wordsOf(said) || `${child.spawnfile} was ended by ${killed ?? code}`)
  } catch (error) {
    throwIfStopped(signal)
    if (error instanceof MigrateError) throw error
    throw new MigrateError('TOOL', `${child.spawnfile} cannot be run: ${(error as Error).message}`, {
      hint: 'install the package postgresql-client',
      cause: error,
    })
  }
}

/** The first thing that a program of PostgreSQL says is wrong, without its name. */
function wordsOf(said: string): string {
  const lines = said.trim().split('\n')
  const wrong = lines.find((line) => /error|fatal/i.test(line)) ?? lines[0] ?? ''
  return wrong.replace(/^\S*(pg_dump|pg_restore|psql)\S*: (<stdin>:\d+: )?(error: |fatal: )?/i, '')
}
