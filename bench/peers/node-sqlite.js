import { DatabaseSync } from 'node:sqlite'

/** node:sqlite in the manner of better-sqlite3, for which knex and kysely are written. */
export class Database extends DatabaseSync {
  constructor(path) {
    // As better-sqlite3 waits where nobody says otherwise.
    super(path, { timeout: 5000 })
  }

  prepare(sql) {
    const statement = super.prepare(sql)
    return {
      reader: statement.columns().length > 0,
      all: (bindings) => statement.all(...bindings),
      run: (bindings) => statement.run(...bindings),
    }
  }
}
