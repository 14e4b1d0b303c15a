import { constants, type DatabaseSync } from 'node:sqlite'
import type { Script } from '../../core/script.ts'
import { outsideTransaction } from '../../core/sql-error.ts'
import type { Progress } from '../database.ts'
import { isSqliteError } from './errors.ts'
import { beginWriting } from './lock.ts'
import { type Statement, walk } from './script.ts'

/** What holds for the connection only. (In a transaction, some PRAGMAs do nothing and say nothing.) */
const SESSION: readonly number[] = [constants.SQLITE_PRAGMA, constants.SQLITE_ATTACH, constants.SQLITE_DETACH]

/**
 * Runs a script outside a transaction, from where it stopped. Each statement commits together with its note, so that
 * none is ever in doubt. What cannot, VACUUM and the settings of the connection, may run twice.
 */
export function runOutside(native: DatabaseSync, script: Script, progress: Progress, name: string): void {
  for (const { start, end } of progress.session) native.exec(script.text.slice(start, end))
  const visit = ({ spot, actions, run }: Statement) => {
    if (actions.some(({ code }) => SESSION.includes(code))) {
      run()
      native.exec(progress.finished(spot, 'session').text)
      progress.pass(spot, 'session')
      return
    }
    const note = progress.finished(spot).text
    beginWriting(native)
    try {
      run()
      native.exec(note)
      native.exec('COMMIT')
    } catch (error) {
      if (native.isTransaction) native.exec('ROLLBACK')
      if (!isSqliteError(error) || !error.message.endsWith('from within a transaction')) throw error
      run()
      native.exec(note)
    }
    progress.pass(spot)
  }
  try {
    walk(native, script, name, { watch: true, from: progress.from }, visit)
  } catch (error) {
    throw outsideTransaction(error)
  }
}
