// What the crash test kills: it does what it is told, and at the n-th call of the driver it kills itself.
import { flushCompileCache } from 'node:module'
import { DatabaseSync, StatementSync } from 'node:sqlite'
import type { Dialect, MigrateError, MigrationFile } from '../src/index.ts'
import { down, openDatabase, up } from '../src/index.ts'

/** What a worker does, in this order. */
export type Operation = 'up' | 'open' | 'down' | 'down all'

export interface Job {
  readonly dialect: Dialect
  readonly database: string
  readonly migrations: readonly MigrationFile[]
  readonly operations: readonly Operation[]
  /** The call of the driver at which it dies, from 1; 0: none. */
  readonly killAt: number
}

/** What a worker says: it begins, or it has come to the end of its job. */
export type Said = 'begun' | { readonly error?: string; readonly calls?: number }

let calls = 0
let killAt = 0

function passing(): void {
  if (++calls === killAt) process.kill(process.pid, 'SIGKILL')
}

/** The driver's method, with a place to die before it, and one behind it: sent, and the answer not waited for. */
function wire(prototype: object, name: string): void {
  const methods = prototype as Record<string, (...args: unknown[]) => unknown>
  const method = methods[name]
  methods[name] = function (...args) {
    passing()
    const result = method?.apply(this, args)
    passing()
    return result
  }
}

async function wireDriver(dialect: Dialect): Promise<void> {
  if (dialect === 'sqlite') {
    wire(DatabaseSync.prototype, 'exec')
    wire(StatementSync.prototype, 'run')
  } else wire((await import('pg')).default.Client.prototype, 'query')
}

async function operate(operation: Operation, { database, migrations, dialect }: Job): Promise<void> {
  const options = { database, migrations, lockTimeout: 20_000 }
  if (operation === 'up') await up(options)
  if (operation === 'down') await down(options)
  if (operation === 'down all') await down({ ...options, all: true })
  if (operation === 'open') {
    const logger = { info: () => {}, warn: () => {} }
    const opened = await openDatabase({
      type: dialect,
      path: database,
      migrations,
      logger,
      lockTimeout: 20_000,
    })
    await opened.close()
  }
}

/** A rollback is refused while an "up" is half done: that one goes on first. */
async function operateOrGoOn(operation: Operation, job: Job): Promise<void> {
  try {
    await operate(operation, job)
  } catch (error) {
    if ((error as MigrateError).code !== 'INTERRUPTED' || !operation.startsWith('down')) throw error
    await operate('up', job)
    await operate(operation, job)
  }
}

let wired: Promise<void> | undefined

async function work(job: Job): Promise<Said> {
  wired ??= wireDriver(job.dialect)
  await wired
  calls = 0
  killAt = job.killAt
  process.send?.('begun' satisfies Said)
  try {
    for (const operation of job.operations) await operateOrGoOn(operation, job)
    return { calls }
  } catch (error) {
    return { error: `${(error as MigrateError).code} ${(error as Error).stack}` }
  } finally {
    killAt = 0
    // Who is killed leaves nothing for the next one, which is to start fast.
    flushCompileCache()
  }
}

process.on('message', (job: Job) => {
  work(job).then((said) => process.send?.(said))
})
