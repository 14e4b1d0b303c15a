import type { DriftOptions, DriftResult } from './commands/drift.ts'
import type { LintOptions, LintResult } from './commands/lint.ts'
import type { ParityOptions, ParityResult } from './commands/parity.ts'
import type { PlanOptions, PlanResult } from './commands/plan.ts'
import type { SchemaOptions, SchemaResult } from './commands/schema.ts'
import type {
  TransferOptions,
  TransferReleaseOptions,
  TransferReleaseResult,
  TransferResult,
} from './commands/transfer.ts'
import type { TransferLoadOptions, TransferLoadResult } from './commands/transfer-load.ts'
import type { TranslateOptions, TranslateResult } from './commands/translate.ts'
import type { TypesOptions, TypesResult } from './commands/types.ts'
import type { VerifyOptions, VerifyResult } from './commands/verify.ts'
import type { Rule } from './core/lint/rule.ts'
import type { Pair } from './core/schema/pairs.ts'

export { type BackupOptions, type BackupResult, backup } from './commands/backup.ts'
export type { Review } from './commands/carry.ts'
export type { DoneStep, PlannedStep } from './commands/change.ts'
export { type DownOptions, type DownResult, down } from './commands/down.ts'
export type { DriftOptions, DriftResult, Remedy } from './commands/drift.ts'
export type { Fixed } from './commands/fix.ts'
export { type Kept, keptText } from './commands/keep.ts'
export type { LintOptions, LintResult } from './commands/lint.ts'
export { type NewOptions, type NewResult, newMigration } from './commands/new.ts'
export {
  type DatabaseOf,
  type OpenDatabase,
  type OpenDatabaseOptions,
  openDatabase,
} from './commands/open.ts'
export {
  DEFAULT_DATABASE,
  type Logger,
  NEXFLOW_MIGRATIONS,
  type Options,
  type ProgressEvent,
  type WaitOptions,
} from './commands/options.ts'
export type { Compared, ParityOptions, ParityResult } from './commands/parity.ts'
export type {
  PlanBackup,
  PlanBlocker,
  PlanCheck,
  PlanEffect,
  PlanMigration,
  PlanOptions,
  PlanResult,
  PlanSpace,
  PlanStatement,
} from './commands/plan.ts'
export { type RestoreOptions, type RestoreResult, restore } from './commands/restore.ts'
export type { SchemaFormat, SchemaOptions, SchemaResult } from './commands/schema.ts'
export {
  type StashDropOptions,
  type StashDropResult,
  type StashListResult,
  stashDrop,
  stashList,
} from './commands/stash.ts'
export { type StatusResult, status } from './commands/status.ts'
export type {
  TransferEnd,
  TransferOptions,
  TransferReleaseOptions,
  TransferReleaseResult,
  TransferResult,
} from './commands/transfer.ts'
export type { FilledTable } from './commands/transfer-fill.ts'
export type { FollowEvent } from './commands/transfer-follow.ts'
export type { TransferLoadOptions, TransferLoadResult } from './commands/transfer-load.ts'
export type { RowDifference, ValueDifference } from './commands/transfer-verify.ts'
export type { TranslateOptions, TranslateResult } from './commands/translate.ts'
export type { TypesOptions, TypesResult } from './commands/types.ts'
export { type UpOptions, type UpResult, up } from './commands/up.ts'
export type {
  Failure,
  Judgement,
  Verdict,
  VerifiedMigration,
  VerifyOptions,
  VerifyResult,
} from './commands/verify.ts'
export type { WantedOptions } from './commands/wanted.ts'
export type { BackupPlace } from './core/backup.ts'
export {
  type AcceptedParity,
  type BackupSettings,
  type LintSettings,
  loadSettings,
  type PostgresSettings,
  type Settings,
  type SettingsOptions,
  type TransferSettings,
} from './core/config.ts'
export { CODES, type Code, MigrateError } from './core/errors.ts'
export type { Finding } from './core/lint/lint.ts'
export type { Example, Rule, Severity, Topic } from './core/lint/rule.ts'
export type { FailOn, Severities } from './core/lint/severity.ts'
export type { Dialect, MigrationFile, MigrationSource } from './core/migrations.ts'
/** The types of Nexflow's tables: `Nexflow.SqliteUser`, `Nexflow.PostgresDatabase`, … */
export type * as Nexflow from './core/nexflow.ts'
export type { Entry, State } from './core/plan.ts'
export type { Hints } from './core/schema/convert/convert.ts'
export {
  type Aspect,
  type Difference,
  differenceText,
  type Labels,
  type ObjectType,
} from './core/schema/difference.ts'
export type {
  Check,
  Column,
  Domain,
  Enum,
  Exclusion,
  ForeignKey,
  Index,
  IndexPart,
  Key,
  Kind,
  Named,
  Routine,
  Schema,
  Sequence,
  Table,
  Trigger,
  Unique,
  View,
} from './core/schema/model.ts'
export type { AcceptedPair, Exception, Pair } from './core/schema/pairs.ts'
export type { RowChange } from './core/schema/rows/row-changes.ts'
export type { RenameQuestion } from './core/schema/wanted.ts'
export { bytesText, count, didYouMean } from './core/text.ts'
export type { Entry as AsideEntry } from './core/transfer/aside.ts'
export type { Bad } from './core/transfer/bad.ts'
export type { Skipped } from './core/transfer/plan.ts'
export type { Blocker } from './database/patience.ts'
export { type GivenBack, type Stash, stashLabel } from './database/stash.ts'

// Loaded when they are called: the start of an application needs none of them.

/**
 * Compares the schema of the live database with that of its history, which is replayed on a shadow. The database is
 * only read.
 *
 * @throws MISSING if the history names a migration without a file, SHADOW, FOREIGN_HISTORY, and what `up` throws of
 *   the files and the connection
 */
export async function drift(options?: DriftOptions): Promise<DriftResult> {
  return (await import('./commands/drift.ts')).drift(options)
}

/**
 * Looks for what would block the service, lose data, break running code or fail: in each migration, with the schema
 * that is there before it. PostgreSQL's statements are run on a shadow database where there is one to be had, else
 * judged by their text; SQLite's are run in memory.
 *
 * @throws USAGE, UNKNOWN_ID, CONFIG, DIRECTIVE, ONE_DIALECT, NO_UP, TOOL, ABORTED; the codes of the files: see
 *   `readMigrations`; those of the connection to a server that was named
 */
export async function lint(options?: LintOptions): Promise<LintResult> {
  return (await import('./commands/lint.ts')).lint(options)
}

/**
 * Replays the history on a shadow database of each kind and compares what they end in.
 *
 * @throws CONFIG, SHADOW, and what `up` throws of a script
 */
export async function parity(options?: ParityOptions): Promise<ParityResult> {
  return (await import('./commands/parity.ts')).parity(options)
}

/**
 * Tells what `up` would do to the live database: the statements of each pending migration, which tables each locks,
 * scans or rewrites and for how long, whether the rows that are there fit what is coming, and who is in the way now.
 * Changes nothing.
 *
 * @throws USAGE, SHADOW, and what `up` throws of the files, the history and the connection
 */
export async function plan(options?: PlanOptions): Promise<PlanResult> {
  return (await import('./commands/plan.ts')).plan(options)
}

/**
 * Gives the schema of the database as it is: tables, keys, indexes, views and so on, without the history. With `at`
 * or `dialect`, and where there is no database yet, it is what the migrations make of a shadow database.
 *
 * @throws USAGE, UNKNOWN_ID, SHADOW and what `up` throws of a script; the codes of the connection: CONFIG,
 *   CONNECTION, AUTHENTICATION, PERMISSION, NOT_A_DATABASE, BUSY
 */
export async function schema(options?: SchemaOptions): Promise<SchemaResult> {
  return (await import('./commands/schema.ts')).schema(options)
}

/**
 * Moves what a database holds into another one, of either dialect, that has the same migrations; and proves it. The
 * source is only read, at one moment, whoever writes to it meanwhile. Until the proof is done the target is marked as
 * incomplete, and nobody else opens it.
 *
 * @throws USAGE, DIFFERENT, MISSING, INTERRUPTED, INCOMPLETE, NOT_EMPTY, BAD_ROWS, LOCK_TIMEOUT, ABORTED; what `up`
 *   throws of a migration, with `replace` what `backup` throws, with `check` SHADOW, with `follow` FOREIGN_KEY, BLOCKED
 *   and LOCK_LOST, of a source that was switched over MOVED; the codes of the connections: CONFIG, CONNECTION,
 *   AUTHENTICATION, PERMISSION, READ_ONLY, NOT_A_DATABASE, BUSY, DATABASE
 */
export async function transfer(options: TransferOptions): Promise<TransferResult> {
  return (await import('./commands/transfer.ts')).transfer(options)
}

/**
 * Lets a database be written to again that was followed by a transfer, and takes the log away: nothing of it stays.
 * What was written to the other one since is not in it.
 *
 * @throws USAGE, and the codes of the connection: CONFIG, READ_ONLY, PERMISSION, NOT_A_DATABASE, BUSY, DATABASE
 */
export async function transferRelease(options: TransferReleaseOptions): Promise<TransferReleaseResult> {
  return (await import('./commands/transfer.ts')).transferRelease(options)
}

/**
 * Inserts the rows of a file that were set aside and have been mended. Those that the target does not take stay in the
 * file, with the reasons; the others are removed from it, and the file with the last. Done twice it changes nothing.
 *
 * @throws USAGE, BAD_ROWS if a line is no row, ABORTED, and the codes of the connection: CONFIG, CONNECTION,
 *   AUTHENTICATION, PERMISSION, READ_ONLY, NOT_A_DATABASE, BUSY, DATABASE
 */
export async function transferLoad(options: TransferLoadOptions): Promise<TransferLoadResult> {
  return (await import('./commands/transfer-load.ts')).load(options)
}

/**
 * Writes the other database's files of a migration, runs them on a shadow database and compares the schemas.
 *
 * @throws UNKNOWN_ID, DIRECTORY, DIRECTIVE, CONFIG, SHADOW, what `up` throws
 */
export async function translate(options: TranslateOptions): Promise<TranslateResult> {
  return (await import('./commands/translate.ts')).translate(options)
}

/**
 * Writes TypeScript types of the schema that the migrations make, found out on shadow databases: no live database is
 * needed. For each dialect they say what its driver gives, and Kysely takes them as they are.
 *
 * @throws USAGE, DIRECTORY, SHADOW and what `up` throws of a script
 */
export async function types(options?: TypesOptions): Promise<TypesResult> {
  return (await import('./commands/types.ts')).types(options)
}

/**
 * Tries each migration on throw-away databases: up, down, up, on tables with rows that are made to fit, and compares.
 * The scripts are judged as they are, without the stash, in which `down` keeps what they drop.
 *
 * @throws USAGE, UNKNOWN_ID, SHADOW, ABORTED; the codes of the files: see `readMigrations`
 */
export async function verify(options?: VerifyOptions): Promise<VerifyResult> {
  return (await import('./commands/verify.ts')).verify(options)
}

/** What counts as equal between SQLite and PostgreSQL: the table that `parity` compares by. */
export async function pairs(): Promise<readonly Pair[]> {
  return (await import('./core/schema/pairs.ts')).PAIRS
}

/** What `lint` looks for: the table that docs/rules.md is made from. */
export async function rules(): Promise<readonly Rule[]> {
  return (await import('./core/lint/rules.ts')).RULES
}
