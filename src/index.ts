export { type BackupOptions, type BackupResult, backup } from './commands/backup.ts'
export type { Review } from './commands/carry.ts'
export type { DoneStep, PlannedStep } from './commands/change.ts'
export { type DownOptions, type DownResult, down } from './commands/down.ts'
export { type DriftOptions, type DriftResult, drift, type Remedy } from './commands/drift.ts'
export { type Kept, keptText } from './commands/keep.ts'
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
} from './commands/options.ts'
export { type Compared, type ParityOptions, type ParityResult, parity } from './commands/parity.ts'
export { type RestoreOptions, type RestoreResult, restore } from './commands/restore.ts'
export {
  SCHEMA_FORMATS,
  type SchemaFormat,
  type SchemaOptions,
  type SchemaResult,
  schema,
} from './commands/schema.ts'
export {
  type StashDropOptions,
  type StashDropResult,
  type StashListResult,
  stashDrop,
  stashList,
} from './commands/stash.ts'
export { type StatusResult, status } from './commands/status.ts'
export { type TranslateOptions, type TranslateResult, translate } from './commands/translate.ts'
export { type TypesOptions, type TypesResult, types } from './commands/types.ts'
export { type UpOptions, type UpResult, up } from './commands/up.ts'
export {
  type Failure,
  type Judgement,
  type Verdict,
  type VerifiedMigration,
  type VerifyOptions,
  type VerifyResult,
  verify,
} from './commands/verify.ts'
export type { WantedOptions } from './commands/wanted.ts'
export type { BackupPlace } from './core/backup.ts'
export {
  type AcceptedParity,
  type BackupSettings,
  loadSettings,
  type Settings,
  type SettingsOptions,
} from './core/config.ts'
export { CODES, type Code, MigrateError } from './core/errors.ts'
export type { Dialect, MigrationFile, MigrationSource } from './core/migrations.ts'
/** The types of Nexflow's tables: `Nexflow.SqliteUser`, `Nexflow.PostgresDatabase`, … */
export type * as Nexflow from './core/nexflow.ts'
export type { Entry, State } from './core/plan.ts'
export type { Hints } from './core/schema/convert.ts'
export {
  type Aspect,
  type Difference,
  differenceText,
  type Labels,
  type ObjectType,
} from './core/schema/diff.ts'
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
export { type AcceptedPair, type Exception, PAIRS, type Pair } from './core/schema/pairs.ts'
export type { RowChange } from './core/schema/row-changes.ts'
export type { RenameQuestion } from './core/schema/wanted.ts'
export { bytesText, count, didYouMean } from './core/text.ts'
export { type GivenBack, type Stash, stashLabel } from './database/stash.ts'
