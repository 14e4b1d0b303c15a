import { foreignConstruct } from './constructs.ts'
import { MigrateError } from './errors.ts'
import { DIALECTS, type Dialect } from './migrations.ts'
import { place, skipBlank } from './text.ts'

/** SQL to run, and the name of the file that it came from. */
export interface Sql {
  readonly file: string
  readonly text: string
  /** Of a part of a script: what stands before it. Places are those of the whole file. */
  readonly before?: string
  /** SQL of this program's own, which needs no looking at. */
  readonly own?: boolean
  /** Tables that are not dropped when the script says so, but renamed. */
  readonly parks?: ReadonlyMap<string, string>
}

/** Where in a script something went wrong. Offsets are in characters of the script. */
export interface Spot {
  /** Where the statement begins. */
  readonly start: number
  /** Where it ends. */
  readonly end: number
  /** Where in it the error is; its beginning where nothing better is known. */
  readonly at?: number
}

/** The database refused a statement: its own words, the place, and a hint if the statement is another database's. */
export function sqlError(
  sql: Sql,
  spot: Spot,
  dialect: Dialect,
  words: string,
  details: { hint?: string | undefined; cause: unknown },
): MigrateError {
  const start = skipBlank(sql.text, spot.start)
  const at = Math.max(spot.at ?? start, start)
  // Where the statement ends is not known when the parser refused it: then at the next semicolon.
  const semicolon = sql.text.indexOf(';', at)
  const end = semicolon === -1 ? spot.end : Math.min(spot.end, semicolon)
  const foreign = foreignConstruct(sql.text.slice(start, end), at - start, dialect)
  const hint = foreign === undefined ? details.hint : `${foreign}; ${advice(sql.file)}`
  return new MigrateError('SQL', words, {
    ...placeIn(sql, at, start),
    hint,
    cause: details.cause,
  })
}

/** A script must not end the transaction that it runs in. */
export function transactionStatement(sql: Sql, offset: number): MigrateError {
  const start = skipBlank(sql.text, offset)
  const word = /\w+/.exec(sql.text.slice(start, start + 20))?.[0].toUpperCase() ?? 'COMMIT'
  return new MigrateError(
    'TRANSACTION_STATEMENT',
    `${word} in a script would end the transaction that it runs in`,
    {
      ...placeIn(sql, start),
      hint: 'remove it: each script runs in a transaction of its own, or outside one with "-- migrate: no-transaction"',
    },
  )
}

/** Where an offset of a text is, for people. */
export function placeIn({ file, text, before = '' }: Sql, at: number, from = at) {
  return place(file, before + text, before.length + at, before.length + from)
}

/** A statement outside a transaction failed: what ran before it stays, and the next run goes on with it. */
export function outsideTransaction(error: unknown): unknown {
  if (!(error instanceof MigrateError)) return error
  if (error.code === 'BLOCKED') return error.with({ hint: `${error.hint}; it goes on with this statement` })
  if (error.code !== 'SQL') return error
  const stay =
    'the statements above it have run and stay; correct this one and run the same command again: it goes on here'
  return error.with({ hint: error.hint === undefined ? stay : `${error.hint}; ${stay}` })
}

function advice(file: string): string {
  const name = file.replace(/^.*\//, '')
  const [id = name] = name.split('.')
  // A wanted schema is in the words of one database.
  if (!/^\d+_/.test(name)) return 'is the file for the other database?'
  const direction = /\.down\./.test(name) ? 'down' : 'up'
  const files = DIALECTS.map((dialect) => `${id}.${dialect}.${direction}.sql`)
  return `the databases differ here: write ${files.join(' and ')}`
}
