export { type BackupOptions, type BackupResult, backup } from './commands/backup.ts'
export type { Review } from './commands/carry.ts'
export type { DoneStep, PlannedStep } from './commands/change.ts'
export { type DownOptions, type DownResult, down } from './commands/down.ts'
export { type Kept, keptText } from './commands/keep.ts'
export { type NewOptions, type NewResult, newMigration } from './commands/new.ts'
export { type OpenDatabase, type OpenDatabaseOptions, openDatabase } from './commands/open.ts'
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
  type StashDropOptions,
  type StashDropResult,
  type StashListResult,
  stashDrop,
  stashList,
} from './commands/stash.ts'
export { type StatusResult, status } from './commands/status.ts'
export { type TranslateOptions, type TranslateResult, translate } from './commands/translate.ts'
export { type UpOptions, type UpResult, up } from './commands/up.ts'
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
export type { Entry, State } from './core/plan.ts'
export type { Hints } from './core/schema/convert.ts'
export {
  type Aspect,
  type Difference,
  differenceText,
  type Labels,
  type ObjectType,
} from './core/schema/diff.ts'
export { type AcceptedPair, type Exception, PAIRS, type Pair } from './core/schema/pairs.ts'
export type { RenameQuestion } from './core/schema/wanted.ts'
export { bytesText, count, didYouMean } from './core/text.ts'
export { type GivenBack, type Stash, stashLabel } from './database/stash.ts'
