import { constants, DatabaseSync } from 'node:sqlite'
import { throwIfStopped } from '../lock.ts'
import type { MakeShadow, ShadowOptions } from '../shadow.ts'
import { wrap } from './database.ts'

/** Databases in memory. */
export function withShadows<T>(
  { signal }: ShadowOptions,
  work: (make: MakeShadow) => Promise<T>,
): Promise<T> {
  return work(async (use) => {
    throwIfStopped(signal)
    return withMemory(async (native) => use(await wrap(native, ':memory:')))
  })
}

/** Does `work` with one of them, as the driver has it. */
export async function withMemory<T>(work: (native: DatabaseSync) => Promise<T>): Promise<T> {
  const native = new MemoryDatabase(':memory:')
  try {
    return await work(native)
  } finally {
    native.close()
  }
}

type Authorizer = Parameters<DatabaseSync['setAuthorizer']>[0]

/** Makes no file, whatever a script says: ATTACH and VACUUM INTO could reach the user's data. */
class MemoryDatabase extends DatabaseSync {
  constructor(path: string) {
    super(path)
    this.setAuthorizer(null)
  }

  override setAuthorizer(authorizer: Authorizer): void {
    super.setAuthorizer((code, ...values) => {
      if (code === constants.SQLITE_ATTACH && !isMemory(values[0])) return constants.SQLITE_DENY
      return authorizer?.(code, ...values) ?? constants.SQLITE_OK
    })
  }
}

/** VACUUM attaches a database without a name. */
function isMemory(file: string | null): boolean {
  return file === '' || file === ':memory:'
}
