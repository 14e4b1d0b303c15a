import type { DatabaseError } from 'pg'
import { type Code, MigrateError } from '../../core/errors.ts'

/** Codes of the server and of the system that are not a script's fault: postgresql.org/docs/current/errcodes-appendix.html */
const MEANINGS: Record<string, { code: Code; hint: string }> = {
  '28P01': {
    code: 'AUTHENTICATION',
    hint: 'check the user and the password in the URL, PGPASSWORD or ~/.pgpass',
  },
  '28000': { code: 'AUTHENTICATION', hint: 'check the user, and whether pg_hba.conf lets it in from here' },
  '3D000': { code: 'CONNECTION', hint: 'create the database, or correct its name in the URL' },
  '53300': { code: 'CONNECTION', hint: 'close some connections, or raise max_connections' },
  '57P01': { code: 'CONNECTION', hint: 'the server ended the connection: run the same command again' },
  '57P03': { code: 'CONNECTION', hint: 'the server is starting or stopping: run the same command again' },
  '25006': { code: 'READ_ONLY', hint: 'name the primary server, or let this user write' },
  '42501': { code: 'PERMISSION', hint: 'grant this user the right, or use the user that owns the tables' },
  '57014': {
    code: 'SQL',
    hint: 'a timeout or a person has cancelled it: give it more time (--statement-timeout, or statement_timeout of this user) and run the same command again',
  },
  '53100': {
    code: 'DATABASE',
    hint: "the server's disk is full: free some space and run the same command again",
  },
  ECONNREFUSED: { code: 'CONNECTION', hint: 'check that the server runs, and the host and port in the URL' },
  ENOTFOUND: { code: 'CONNECTION', hint: 'check the host name in the URL' },
  EAI_AGAIN: { code: 'CONNECTION', hint: 'check the host name in the URL, and the network' },
  ENOENT: {
    code: 'CONNECTION',
    hint: "check that the server runs, and the folder of its socket in the URL's host",
  },
  ETIMEDOUT: { code: 'CONNECTION', hint: 'check the host and port in the URL, and the network' },
  ECONNRESET: { code: 'CONNECTION', hint: 'the connection was cut: run the same command again' },
  EPIPE: { code: 'CONNECTION', hint: 'the connection was cut: run the same command again' },
}

/** What `pg` says without a code when the connection is gone. */
const CUT =
  /connection terminated|timeout expired|server does not support SSL|client was closed|not queryable/i

/** An error that the server itself reported, with its words and position. */
export function isServerError(error: unknown): error is DatabaseError {
  return error instanceof Error && 'severity' in error
}

/** What the server or the network said, as our error; undefined if the statement itself is at fault. */
export function fromPostgres(error: unknown, name: string): MigrateError | undefined {
  if (!(error instanceof Error)) return undefined
  // Every address of a host refused: one error for each.
  const first = error instanceof AggregateError ? error.errors[0] : error
  const code = String((first as { code?: unknown }).code ?? '')
  const words = error.message || (first as Error).message
  const meaning = MEANINGS[code]
  if (meaning !== undefined)
    return new MigrateError(meaning.code, `${name}: ${words}`, { hint: meaning.hint, cause: error })
  if (!CUT.test(words)) return undefined
  return new MigrateError('CONNECTION', `${name}: ${words}`, {
    hint: 'check the server and the network, and run the same command again',
    cause: error,
  })
}

/** The server's code at the bottom of an error: postgresql.org/docs/current/errcodes-appendix.html */
export function causeCode(error: unknown): string | undefined {
  if (!(error instanceof MigrateError)) return isServerError(error) ? error.code : undefined
  return causeCode(error.cause)
}

/** What says nothing of a statement, only of those who are at work beside it. */
const PASSING: readonly (string | undefined)[] = ['55P03', '40P01', '40001', '57014']

/** Whether a statement may succeed where it is run again. */
export function mayPass(error: unknown): boolean {
  return PASSING.includes(causeCode(error))
}
