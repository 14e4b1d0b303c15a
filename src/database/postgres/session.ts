import type { Part } from './script.ts'

/**
 * Where the server has `client_connection_check_interval` (14 and newer) it looks for a vanished client while a
 * statement runs, and does not keep a killed migrator's lock until the statement's end.
 */
export function watchClient(scope: 'session' | 'transaction'): string {
  return `SELECT set_config(name, '500ms', ${scope === 'transaction'}) FROM pg_settings
    WHERE name = 'client_connection_check_interval'`
}

/** A script that sets something for its session, in some way. */
const SETS = /\b(set|set_config|discard)\b/i

export function sets(text: string): boolean {
  return SETS.test(text)
}

/** What a script may have set for its session is set back: each begins as if it were the first. */
export function reset(pooled: boolean): Part {
  return { text: `RESET ROLE;RESET ALL${pooled ? '' : `;${watchClient('session')}`}` }
}
