import { hash, randomBytes } from 'node:crypto'
import type { DatabaseSync, SQLInputValue } from 'node:sqlite'
import { DIGITS, HASH } from '../../core/transfer/mask.ts'

/** What an integer of JavaScript holds exactly. */
const EXACT = 2n ** 53n - 1n

/** What is made of a digest: as PostgreSQL's side of core/transfer/mask.ts makes it. */
const MADE: Readonly<Record<string, (digest: Buffer, longest: number) => SQLInputValue>> = {
  text: (digest, longest) => digest.toString('hex').slice(0, longest),
  uuid: (digest) => uuidOf(digest.toString('hex')),
  bytes: (digest) => digest,
  int8: (digest) => digest.readBigUInt64BE() >> 1n,
  int4: (digest) => digest.readUInt32BE() >>> 1,
  int2: (digest) => digest.readUInt16BE() >>> 1,
}

/** A value that stays in SQLite keeps its class, and a uuid in a text stays one. */
const UUID = /^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/i

function kept(value: unknown, digest: Buffer): SQLInputValue {
  if (typeof value === 'bigint') return digest.readBigUInt64BE() & EXACT
  if (value instanceof Uint8Array) return digest
  const hex = digest.toString('hex')
  return typeof value === 'string' && UUID.test(value) ? uuidOf(hex) : hex.slice(0, DIGITS)
}

/** It says of itself that it was made at random. */
function uuidOf(hex: string): string {
  const part = (from: number, to: number) => hex.slice(from, to)
  return `${part(0, 8)}-${part(8, 12)}-4${part(13, 16)}-8${part(17, 20)}-${part(20, 32)}`
}

/**
 * Registers what the SQL of masks calls.
 *
 * @param secret without it, nobody can find out what was hashed by trying; nobody need know it afterwards
 */
export async function startMasks(native: DatabaseSync, secret: Uint8Array = randomBytes(32)): Promise<void> {
  native.function(
    HASH,
    { deterministic: true, useBigIntArguments: true },
    (form: unknown, longest: unknown, value: unknown) => {
      if (value === null) return null
      const bytes = value instanceof Uint8Array ? value : Buffer.from(String(value))
      const digest = hash('sha256', Buffer.concat([secret, bytes]), 'buffer')
      return MADE[String(form)]?.(digest, Number(longest)) ?? kept(value, digest)
    },
  )
}
