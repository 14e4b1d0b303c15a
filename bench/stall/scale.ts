/** Rows of the table, with the ids 1 to that. */
export const ROWS = 1_000_000

export const ON_POSTGRES = { connections: 8, /** Requests a second. */ rate: 400 } as const

export const ON_SQLITE = {
  rate: 50,
  /** Milliseconds that a write waits for the lock. */ timeout: 5000,
} as const

/** What an application says when its requests begin to count; the next is what it lived through. */
export const WARM = 'warm\n'
