import { hash, randomBytes } from 'node:crypto'
import type { DatabaseSync, SQLInputValue } from 'node:sqlite'
import { DIGITS, HASH } from '../../core/transfer/mask.ts'

/** What an integer of JavaScript holds exactly. */
const EXACT = 2n ** 53n - 1n

/** What is made of a digest: as PostgreSQL's side of core/transfer/mask.ts makes it. */
const MADE: Readonly<Record<string, (hex: string, longest: number) => SQLInputValue>> = {
  text: (hex, longest) => hex.slice(0, longest),
  uuid: uuidOf,
  bytes: (hex) => Buffer.from(hex, 'hex'),
  int8: (hex) => numberOf(hex) >> 1n,
  int4: (hex) => numberOf(hex) >> 33n,
  int2: (hex) => numberOf(hex) >> 49n,
}

/** A number of 64 bits. */
function numberOf(hex: string): bigint {
  return BigInt(`0x${hex.slice(0, 16)}`)
}

/** A value that stays in SQLite keeps its class, and a uuid in a text stays one. */
const UUID = /^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/i

function kept(value: unknown, hex: string): SQLInputValue {
  if (typeof value === 'bigint') return numberOf(hex) & EXACT
  if (value instanceof Uint8Array) return Buffer.from(hex, 'hex')
  return typeof value === 'string' && UUID.test(value) ? uuidOf(hex) : hex.slice(0, DIGITS)
}

/** It says of itself that it was made at random. */
function uuidOf(hex: string): string {
  const part = (from: number, to: number) => hex.slice(from, to)
  return `${part(0, 8)}-${part(8, 12)}-4${part(13, 16)}-8${part(17, 20)}-${part(20, 32)}`
}

/**
 * Registers what the SQL of masks calls; before that is prepared.
 *
 * @param secret without it, nobody can find out what was hashed by trying; nobody need know it afterwards
 */
export async function startMasks(native: DatabaseSync, secret: Uint8Array = randomBytes(32)): Promise<void> {
  const before = Buffer.from(secret).toString('hex')
  native.function(
    HASH,
    { deterministic: true, useBigIntArguments: true },
    (form: unknown, longest: unknown, value: unknown) => {
      if (value === null) return null
      // Of one text, rather than of bytes that are first put together, it takes a third of the time.
      const hashed =
        value instanceof Uint8Array ? Buffer.concat([Buffer.from(before), value]) : `${before}${value}`
      const hex = hash('sha256', hashed, 'hex')
      return MADE[String(form)]?.(hex, Number(longest)) ?? kept(value, hex)
    },
  )
}
