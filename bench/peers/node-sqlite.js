import { DatabaseSync } from 'node:sqlite'

/** node:sqlite in the manner of better-sqlite3, for which knex and kysely are written. */
export class Database extends DatabaseSync {
  prepare(sql) {
    const statement = super.prepare(sql)
    return {
      reader: statement.columns().length > 0,
      all: (bindings) => statement.all(...bindings),
      run: (bindings) => statement.run(...bindings),
    }
  }
}
