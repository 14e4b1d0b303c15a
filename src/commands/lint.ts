import { MigrateError } from '../core/errors.ts'
import {
  checkSeverities,
  type Finding,
  findingsOf,
  isFine,
  type JudgedScript,
  unusedIgnores,
} from '../core/lint/lint.ts'
import { lintMigration, type Refused, type Side, type WholeMigration } from '../core/lint/migration/rules.ts'
import { isForeign, isRefusal, isUnreadable, refusalOf } from '../core/lint/refusals.ts'
import { FAIL_ON, type FailOn, type Severities } from '../core/lint/severity.ts'
import {
  DIALECTS,
  type Dialect,
  type Direction,
  type Files,
  type Migration,
  type MigrationSource,
  migrationOf,
} from '../core/migrations.ts'
import type { ShadowOptions } from '../database/shadow.ts'
import { dialectOf, type Target } from '../database/target.ts'
import type { Fixed } from './fix.ts'
import { type Batch, chooseFiles, filesOfBatch } from './lint-files.ts'
import type { History, Judged } from './lint-postgres.ts'

export interface LintOptions extends ShadowOptions {
  /** A folder, its URL, or the files themselves. Default: Nexflow's migrations. */
  readonly migrations?: MigrationSource
  /** Only these: ids of migrations, and paths of SQL files. Default: all migrations. */
  readonly files?: readonly string[]
  /** Only what has come or changed since the branch left this revision of git. */
  readonly since?: string
  /** Only for this database. Default: for those that the files are for. */
  readonly dialect?: Dialect
  /** Judge PostgreSQL from the text alone, without a shadow database. */
  readonly static?: boolean
  /** The severities of rules, by their ids. */
  readonly rules?: Severities
  /** How bad a finding must be for the result not to be `ok`. Default: `error`. */
  readonly failOn?: FailOn
  /** Write what can be written without the hazards that were found, and judge that. Only what is applied nowhere. */
  readonly fix?: boolean
  /** The database that the project uses: a file that is no migration and does not say for which it is, is for that. */
  readonly database?: Target
}

export interface LintResult {
  /** No finding is as bad as `failOn`, or worse. */
  readonly ok: boolean
  readonly findings: readonly Finding[]
  /** How many files were looked at. */
  readonly files: number
  /** How: by what the statements did on a shadow database, or by their text. */
  readonly judged: { readonly sqlite?: 'measured'; readonly postgres?: 'measured' | 'text' }
  /** What kept it from seeing more, and what is worth a look. */
  readonly notes: readonly string[]
  /** With `fix`: what was written. The findings are those that are left. */
  readonly fixed?: readonly Fixed[]
}

/** See `lint` in index.ts. */
export async function lint(options: LintOptions = {}): Promise<LintResult> {
  const { migrations, files, since, dialect, database, rules = {}, failOn = 'error' } = options
  checkOptions(options)
  if (Object.keys(rules).length > 0) checkSeverities(rules, await allRules())
  const batches = await chooseFiles({
    ...(migrations !== undefined && { migrations }),
    ...(files !== undefined && { files }),
    ...(since !== undefined && { since }),
    ...(dialect !== undefined && { dialect }),
    ...(database !== undefined && { usual: dialectOf(database) }),
  })
  const { judged, how, notes } = await judge(batches, options)
  if (options.fix) {
    const { fixMigrations } = await import('./fix.ts')
    const { batches: after, fixed, notes: unfixed } = await fixMigrations(batches, judged, rules)
    const again = fixed.length > 0 ? await judge(after, options) : { judged, how, notes }
    return { ...(await resultOf(again, rules, failOn, unfixed)), fixed }
  }
  return resultOf({ judged, how, notes }, rules, failOn)
}

async function resultOf(
  { judged, how, notes }: Verdict,
  rules: Severities,
  failOn: FailOn,
  more: readonly string[] = [],
): Promise<LintResult> {
  const ignores = judged.some(({ script }) => script.ignores !== undefined)
  const unused = ignores ? unusedIgnores(judged, await allRules(), rules) : []
  const findings = findingsOf(judged, rules)
  return {
    ok: isFine(findings, failOn),
    findings,
    files: new Set(judged.map(({ script }) => script.file)).size,
    judged: how,
    notes: [...notes, ...unused, ...more],
  }
}

/** @throws USAGE */
function checkOptions({ dialect, failOn }: LintOptions): void {
  if (dialect !== undefined && !DIALECTS.includes(dialect)) {
    throw new MigrateError('USAGE', `dialect must be ${DIALECTS.join(' or ')}`, {
      hint: 'such as --dialect sqlite',
    })
  }
  if (failOn !== undefined && !FAIL_ON.includes(failOn)) {
    throw new MigrateError('USAGE', `failOn must be one of ${FAIL_ON.join(', ')}`, {
      hint: 'such as --fail-on warning',
    })
  }
}

async function allRules() {
  return (await import('../core/lint/rules.ts')).RULES
}

/** A batch on one database: what is there, and the migration that each of its files is. */
interface OnDialect extends History {
  readonly of: ReadonlyMap<Files, Migration>
}

function onDialect(batch: Batch, dialect: Dialect, only: Dialect | undefined): OnDialect {
  const isOf = ({ up }: Files) => up[dialect] !== undefined || up.neutral !== undefined
  const history = batch.dialects.includes(dialect) ? batch.files : []
  const strays = dialect === (only ?? dialect) ? batch.strays.filter(isOf) : []
  const of = new Map([...history, ...strays].map((files) => [files, migrationOf(files, dialect)]))
  const migrationsOf = (all: readonly Files[]) => all.flatMap((files) => of.get(files) ?? [])
  return {
    of,
    migrations: migrationsOf(history),
    wanted: history.length > 0 ? batch.wanted : new Set(),
    strays: migrationsOf(strays),
  }
}

interface Verdict {
  readonly judged: readonly JudgedScript[]
  readonly how: LintResult['judged']
  readonly notes: readonly string[]
}

async function judge(batches: readonly Batch[], options: LintOptions): Promise<Verdict> {
  const { dialect } = options
  const sqlite = batches.map((batch) => onDialect(batch, 'sqlite', dialect))
  const postgres = batches.map((batch) => onDialect(batch, 'postgres', dialect))
  const isAsked = (all: readonly History[]) =>
    all.some(({ wanted, strays }) => wanted.size + strays.length > 0)
  // Both to their ends, so that neither leaves anything behind.
  const [here, there] = await Promise.allSettled([
    isAsked(sqlite) ? onSqlite(sqlite, options) : undefined,
    isAsked(postgres) ? onPostgres(postgres, options) : undefined,
  ])
  if (here.status === 'rejected') throw here.reason
  if (there.status === 'rejected') throw there.reason
  const partOf = (files: Files, dialect: Dialect, i: number): Part[] => {
    const migration = (dialect === 'sqlite' ? sqlite : postgres)[i]?.of.get(files)
    const judged = migration && (dialect === 'sqlite' ? here : there).value?.judged.get(migration)
    return migration && judged ? [{ dialect, migration, judged }] : []
  }
  return {
    judged: batches.flatMap((batch, i) => {
      const withDown = batch.files.filter(({ down }) => Object.keys(down).length > 0)
      return filesOfBatch(batch).flatMap((files) => {
        const parts = DIALECTS.flatMap((one) => partOf(files, one, i))
        return scriptsOf(files, parts, {
          isRun: there.value?.measured === true,
          isStray: batch.strays.includes(files),
          othersHaveDown: withDown.length > 1 || (withDown.length === 1 && withDown[0] !== files),
        })
      })
    }),
    how: {
      ...(here.value && { sqlite: 'measured' }),
      ...(there.value && { postgres: there.value.measured ? 'measured' : 'text' }),
    },
    notes: [...(here.value?.notes ?? []), ...(there.value?.notes ?? [])],
  }
}

type ByMigration = ReadonlyMap<Migration, Judged>

interface OneVerdict {
  readonly judged: ByMigration
  readonly notes: readonly string[]
}

async function onSqlite(histories: readonly History[], { signal }: LintOptions): Promise<OneVerdict> {
  const { lintSqlite } = await import('./lint-sqlite.ts')
  const judged = new Map<Migration, Judged>()
  const notes: string[] = []
  const run = async (migrations: readonly Migration[], wanted: ReadonlySet<string>) => {
    const found = await lintSqlite({ migrations, wanted, ...(signal && { signal }) })
    for (const migration of migrations) {
      const one = found.get(migration.id)
      if (one !== undefined) judged.set(migration, one)
    }
  }
  for (const { migrations, wanted, strays } of histories) {
    if (wanted.size > 0) await run(migrations, wanted)
    for (const stray of strays) {
      await run([...migrations, stray], new Set([stray.id]))
      const one = judged.get(stray)
      const alone = one?.up.find((hit) => isRefusal(hit) && !isUnreadable(hit))
      if (one === undefined || alone === undefined) continue
      // It may be of another history, whose tables are not here.
      judged.set(stray, { ...one, up: one.up.filter((hit) => hit !== alone) })
      notes.push(
        `${stray.up.file} does not run on SQLite by itself: what fails is not judged (${alone.message})`,
      )
    }
  }
  return { judged, notes }
}

async function onPostgres(histories: readonly History[], options: LintOptions) {
  const { judgePostgres } = await import('./lint-postgres.ts')
  const { static: fromText, shadow, signal, rules = {} } = options
  return judgePostgres(histories, {
    severities: rules,
    ...(fromText !== undefined && { static: fromText }),
    ...(shadow !== undefined && { shadow }),
    ...(signal && { signal }),
  })
}

/** A migration on one database, and what was found of it. */
interface Part {
  readonly dialect: Dialect
  readonly migration: Migration
  readonly judged: Judged
}

/** What is to be known of a migration beside its files. */
interface About {
  /** PostgreSQL has run it too. */
  readonly isRun: boolean
  readonly isStray: boolean
  readonly othersHaveDown: boolean
}

/** The scripts of a migration, each with what was found of it on each database. */
function scriptsOf(
  files: Files,
  all: readonly Part[],
  { isRun, isStray, othersHaveDown }: About,
): JudgedScript[] {
  const parts = isStray ? readable(all) : all
  const refused = DIRECTIONS.flatMap((direction) => refusedIn(files, parts, direction, isRun))
  const refusal = (dialect: Dialect, direction: Direction) =>
    refused.find((one) => one.dialect === dialect && one.direction === direction)
  const whole: WholeMigration = {
    id: files.id,
    othersHaveDown,
    refused,
    ...Object.fromEntries(
      parts
        .filter(({ dialect }) => refusal(dialect, 'up') === undefined)
        .map((part) => [part.dialect, sideOf(files, part)]),
    ),
  }
  const about = lintMigration(whole)
  return DIRECTIONS.flatMap((direction) =>
    parts.flatMap(({ dialect, migration, judged }): JudgedScript[] => {
      const script = scriptOf(files, migration, dialect, direction)
      if (script === undefined) return []
      const others = about.filter((one) => one.dialect === dialect && one.direction === direction)
      const own = judged[direction].filter((hit) => !refusal(dialect, direction)?.neutral || !isRefusal(hit))
      return [{ migration: files.id, dialect, script, hits: [...own, ...others.map(({ hit }) => hit)] }]
    }),
  )
}

const DIRECTIONS: readonly Direction[] = ['up', 'down']

/** Where a directive makes up for a file, nobody has written it. */
function scriptOf(files: Files, { up, down }: Migration, dialect: Dialect, direction: Direction) {
  const slots = files[direction]
  if ((slots[dialect] ?? slots.neutral) === undefined) return undefined
  return direction === 'up' ? up : down?.()
}

/** What the databases refuse. Of a file that is for both, it is a matter of the file if only one of them does. */
function refusedIn(files: Files, parts: readonly Part[], direction: Direction, isRun: boolean): Refused[] {
  const all = parts.map((part) => ({ ...part, hit: part.judged[direction].find(isRefusal) }))
  const isOneOf = all.length === DIALECTS.length && all.some(({ hit }) => hit === undefined)
  return all.flatMap(({ dialect, migration, judged, hit }): Refused[] => {
    const script = scriptOf(files, migration, dialect, direction)
    if (hit === undefined || script === undefined) return []
    // What PostgreSQL was not asked it may refuse too.
    const neutral = isOneOf && files[direction][dialect] === undefined && (isRun || isForeign(hit))
    const before = direction === 'up' ? judged.before : judged.after
    return [{ dialect, direction, script, neutral, before, error: refusalOf(script, hit) }]
  })
}

/** Of a file that does not say for which database it is, those that can read it; where none can, all. */
function readable(parts: readonly Part[]): readonly Part[] {
  const some = parts.filter(({ judged }) => !judged.up.some(isUnreadable))
  return some.length > 0 ? some : parts
}

function sideOf(files: Files, { dialect, migration, judged }: Part): Side {
  const script = scriptOf(files, migration, dialect, 'down')
  return {
    up: migration.up,
    ...(script && { down: script }),
    neutral: files.up[dialect] === undefined,
    before: judged.before,
    after: judged.after,
  }
}
