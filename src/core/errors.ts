/**
 * Every way this tool can fail, with the exit status that the command line gives it:
 * 1 it failed, 2 it was used wrongly. The list is closed; docs/formats.md is checked against it.
 */
export const CODES = {
  USAGE: 2,
  CONFIG: 2,
  UNKNOWN_ID: 2,
  RENAME: 2,

  DIRECTORY: 1,
  FILE_NAME: 1,
  FILE_TEXT: 1,
  DIRECTIVE: 1,
  EMPTY_SCRIPT: 1,
  TRANSACTION_STATEMENT: 1,
  DUPLICATE_VERSION: 1,
  ONE_DIALECT: 1,
  NO_UP: 1,
  NO_DOWN: 1,
  IRREVERSIBLE: 1,

  CHANGED: 1,
  MISSING: 1,
  OUT_OF_ORDER: 1,
  EARLIER_PENDING: 1,
  LATER_APPLIED: 1,
  NOT_IN_TRANSACTION: 1,
  INTERRUPTED: 1,
  FOREIGN_HISTORY: 1,

  SQL: 1,
  ROWS_LOST: 1,
  FOREIGN_KEY: 1,
  FORGOTTEN: 1,
  STASH: 1,
  CONNECTION: 1,
  AUTHENTICATION: 1,
  PERMISSION: 1,
  READ_ONLY: 1,
  NOT_A_DATABASE: 1,
  BUSY: 1,
  LOCK_TIMEOUT: 1,
  LOCK_LOST: 1,
  BLOCKED: 1,
  DATABASE: 1,

  BACKUP: 1,
  NOT_EMPTY: 1,
  TOOL: 1,

  BAD_ROWS: 1,
  DIFFERENT: 1,
  INCOMPLETE: 1,
  MOVED: 1,

  SHADOW: 1,

  NODE_VERSION: 1,
  ABORTED: 130,
  INTERNAL: 1,
} as const

/** One of the closed list of error codes. */
export type Code = keyof typeof CODES

/** Where in a file an error is, and what stands there. Lines and columns count from 1, columns in characters. */
export interface Place {
  readonly file: string
  readonly line?: number
  readonly column?: number
  /** The lines around the error with a caret below it. */
  readonly excerpt?: string
}

/** What an error knows beside its sentence. */
export interface Details extends Partial<Place> {
  /** What to do next. */
  readonly hint?: string | undefined
  /** Ids of the migrations that this run had finished before it failed; they stay. */
  readonly done?: readonly string[]
  /** The backup that this run had taken before it failed. */
  readonly backup?: string
  readonly cause?: unknown
}

/** The one error of this package: a stable code, a sentence, a place where there is one, and what to do next. */
export class MigrateError extends Error {
  override readonly name = 'MigrateError'
  readonly code: Code
  readonly details: Details

  constructor(code: Code, message: string, details: Details = {}) {
    super(message, 'cause' in details ? { cause: details.cause } : undefined)
    this.code = code
    this.details = details
  }

  get file(): string | undefined {
    return this.details.file
  }

  get line(): number | undefined {
    return this.details.line
  }

  get column(): number | undefined {
    return this.details.column
  }

  get hint(): string | undefined {
    return this.details.hint
  }

  /** The same error with more known about it. */
  with(details: Details): MigrateError {
    return new MigrateError(this.code, this.message, { cause: this.cause, ...this.details, ...details })
  }

  /** What `--json` prints: no stack, no cause. */
  toJSON(): object {
    const { cause: _, ...known } = this.details
    return { code: this.code, message: this.message, ...known }
  }
}
