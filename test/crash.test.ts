import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { crash } from './crash.ts'
import { KINDS } from './matrix.ts'

/** CI does it 500 times besides: `npm run crash -- --kills 500`. */
const KILLS = 10

/** With CRASH_SEED those of another run again. */
const seed = Number(process.env.CRASH_SEED ?? Date.now() % 1_000_000)

describe('killed at any instant', { concurrency: true }, () => {
  const newest = KINDS.findLast(({ dialect }) => dialect === 'postgres')
  for (const kind of KINDS.filter((one) => one.dialect === 'sqlite' || one === newest)) {
    test(`1 up, down and openDatabase, ${KILLS} times, ${kind.label}`, async (context) => {
      const crashes = await crash(kind, { kills: KILLS, seed, lanes: 1, each: 40 })
      context.diagnostic(`seed ${seed}: ${JSON.stringify(crashes)}`)
      assert.ok(crashes.kills >= KILLS)
    })
  }
})
