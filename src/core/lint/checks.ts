import type { Dialect } from '../migrations.ts'
import { type Check, type Column, type ForeignKey, nameOf, type Schema, type Table } from '../schema/model.ts'
import { fold, namesIn } from '../schema/sql/names.ts'
import { list, quoteName } from '../text.ts'
import { castCheck } from './casts.ts'
import type { Lineage, Origin } from './lineage.ts'

/** What rows can refuse. */
export type Refusal = 'null' | 'duplicate' | 'orphan' | 'check' | 'cast' | 'default'

/** A question to the rows that are there now: whether a migration will find them as it needs them. */
export interface DataCheck {
  readonly kind: Refusal
  /** The table that is there now. */
  readonly table: string
  /** Its columns, by the names that they will have. */
  readonly columns: readonly string[]
  /** What is coming, such as `NOT NULL`, `UNIQUE`, `REFERENCES users (id)`. */
  readonly rule: string
  /** What else could be in it by then: an earlier statement writes to it. */
  readonly changed: boolean
  /** Does to every row what will be done; rows that refuse it make it fail. */
  readonly attempt?: string
  /** Gives `n`: how many rows refuse. */
  readonly count?: string
  /** Gives `key` and `value` of some of them. */
  readonly examples?: string
}

/** What one migration does, and where the rows of its tables come from. */
export interface Change {
  /** What is there now. */
  readonly live: Schema
  readonly before: Schema
  readonly after: Schema
  readonly from: Lineage
  readonly to: Lineage
  /** What ALTER … TYPE says behind USING, by `table.column` without a schema, and whether it is the plain cast to that type. */
  readonly using?: ReadonlyMap<string, { readonly expression: string; readonly plain: boolean }>
  /** Tables of which rows are read or written; left out: not known. */
  readonly read?: ReadonlySet<string>
  /** The server has `pg_input_is_valid`. */
  readonly tries?: boolean
}

/** Examples that are asked for. */
const EXAMPLES = 5

/** The questions to the rows that are there now. */
export function checksOf(change: Change): DataCheck[] {
  return change.after.tables.flatMap((table) => {
    const origin = change.to.of(nameOf(table))
    if (origin?.live === undefined || table.virtual !== undefined || table.partitionBy !== undefined)
      return []
    const old = change.before.tables.find((one) => change.from.of(nameOf(one))?.live === origin.live)
    return old === undefined ? [] : new Asking(change, table, old, origin).all()
  })
}

/** Asks about one table. */
class Asking {
  readonly #change: Change
  readonly #dialect: Dialect
  readonly #table: Table
  readonly #old: Table
  readonly #origin: Origin
  readonly #before: Origin

  constructor(change: Change, table: Table, old: Table, origin: Origin) {
    this.#change = change
    this.#dialect = change.after.dialect
    this.#table = table
    this.#old = old
    this.#origin = origin
    this.#before = change.from.of(nameOf(old)) ?? origin
  }

  all(): DataCheck[] {
    return [
      ...this.#casts(),
      ...this.#defaults(),
      ...this.#nulls(),
      ...this.#duplicates(),
      ...this.#orphans(),
      ...this.#checks(),
    ]
  }

  #nulls(): DataCheck[] {
    const { read } = this.#change
    // NOT NULL that is NOT VALID looks the same, and reads no row.
    if (read !== undefined && !read.has(nameOf(this.#table))) return []
    return this.#table.columns.flatMap((column) => {
      if (column.nullable || this.#isRowid(column)) return []
      const before = this.#beforeOf(column)
      if (before !== undefined && !before.nullable) return []
      if (before === undefined && (this.#isNew(column) === false || column.default !== undefined)) return []
      return this.#ask('null', [column.name], 'NOT NULL', `${quoteName(column.name)} IS NULL`)
    })
  }

  /** What SQLite refuses in ADD COLUMN as soon as there is a row. */
  #defaults(): DataCheck[] {
    if (this.#dialect !== 'sqlite' || this.#origin.rebuilt) return []
    return this.#table.columns.flatMap((column) => {
      const constant = column.default === undefined || isConstant(column.default)
      if (constant || !this.#isNew(column)) return []
      return this.#ask('default', [], `ADD COLUMN ${column.name} DEFAULT ${column.default}`, '1')
    })
  }

  #duplicates(): DataCheck[] {
    const had = new Set(keysOf(this.#old).map((key) => this.#signature(key, this.#before)))
    return keysOf(this.#table).flatMap((key) => {
      if (had.has(this.#signature(key, this.#origin))) return []
      return this.#duplicate(key)
    })
  }

  #duplicate({ rule, parts, where, nullsSame }: UniqueKey): DataCheck[] {
    const names = parts.map(({ column, expression }) => column ?? expression ?? '')
    const texts = parts.map(({ column, expression, collation }) => {
      const text = column === undefined ? `(${expression})` : quoteName(column)
      const own = column && this.#table.columns.find(({ name }) => this.#same(name, column))?.collation
      const with_ = this.#dialect === 'sqlite' ? (collation ?? own) : undefined
      return with_ === undefined ? text : `${text} COLLATE ${with_}`
    })
    const from = this.#from(texts.join(' ') + (where === undefined ? '' : ` ${where}`))
    if (from === undefined) return []
    const conditions = [
      ...(where === undefined ? [] : [`(${where})`]),
      ...(nullsSame ? [] : texts.map((text) => `${text} IS NOT NULL`)),
    ]
    const groups = [
      `FROM ${from.text}`,
      conditions.length === 0 ? '' : `WHERE ${conditions.join(' AND ')}`,
      `GROUP BY ${texts.join(', ')} HAVING count(*) > 1`,
    ].join(' ')
    const value = texts.map((text) => this.#text(text)).join(` || ', ' || `)
    return [
      {
        ...this.#told('duplicate', names, rule),
        count: `SELECT coalesce(sum(n), 0) AS n FROM (SELECT count(*) AS n ${groups}) AS plan_groups`,
        examples: `SELECT min(plan_key) AS key, min(${value}) AS value ${groups} LIMIT ${EXAMPLES}`,
      },
    ]
  }

  #orphans(): DataCheck[] {
    const had = new Set(
      this.#old.foreignKeys.map((key) => this.#keyText(key, this.#before, this.#change.from)),
    )
    return this.#table.foreignKeys.flatMap((key) => {
      const known = had.has(this.#keyText(key, this.#origin, this.#change.to))
      return known || key.notValid ? [] : this.#orphan(key)
    })
  }

  #orphan(key: ForeignKey): DataCheck[] {
    const { columns, references, to, matchFull } = key
    // Where it refers to itself, its parents are its own rows.
    const parent = this.#change.to.of(nameOf(to))
    const rule = `REFERENCES ${nameOf(to)} (${references.join(', ')})`
    const own = columns.map(quoteName)
    const some = own.map((name) => `${name} IS NOT NULL`)
    const set = `(${some.join(matchFull ? ' OR ' : ' AND ')})`
    if (parent?.live === undefined) {
      // A table that is new is empty, unless a statement fills it.
      if (parent === undefined || parent.changed) return []
      return this.#ask('orphan', columns, rule, set)
    }
    const others = references.map((name) => parent.columns.get(fold(this.#dialect, name)))
    if (others.some((name) => name === undefined || name === '')) return []
    const pairs = others.map((name, i) => `plan_parent.${quoteName(name ?? '')} = plan_rows.${own[i]}`)
    const there = `EXISTS (SELECT 1 FROM ${pathOf(parent.live, this.#change.live)} AS plan_parent WHERE ${pairs.join(' AND ')})`
    const found = this.#ask('orphan', columns, rule, `${set} AND NOT ${there}`)
    return parent.changed ? found.map((one) => ({ ...one, changed: true })) : found
  }

  #checks(): DataCheck[] {
    const valid = ({ notValid }: Check) => notValid !== true
    const had = new Set(this.#old.checks.filter(valid).map(({ expression }) => expression))
    return this.#table.checks.filter(valid).flatMap(({ expression }) => {
      if (had.has(expression)) return []
      const columns = this.#named(expression).map(({ name }) => name)
      return this.#ask('check', columns, `CHECK (${expression})`, `NOT (${expression})`, expression)
    })
  }

  #casts(): DataCheck[] {
    return this.#table.columns.flatMap((column) => {
      const before = this.#beforeOf(column)
      if (before === undefined || column.generated) return []
      const source = this.#origin.columns.get(fold(this.#dialect, column.name)) ?? ''
      const strict = this.#table.strict && !this.#old.strict
      if (before.type === column.type && !strict) return []
      const { using, tries = false, after } = this.#change
      const cast = castCheck({
        dialect: this.#dialect,
        value: quoteName(source),
        before,
        after: column,
        enums: after.enums,
        tries,
        using: using?.get(`${this.#table.name}.${column.name}`),
      })
      if (cast === undefined) return []
      const { bad, result } = cast
      const from = `${pathOf(this.#origin.live ?? '', this.#change.live)} AS plan_rows`
      return [
        {
          ...this.#told('cast', [column.name], `TYPE ${column.type}`),
          ...(result !== undefined && { attempt: `SELECT count(${result}) AS n FROM ${from}` }),
          ...(bad !== undefined && {
            count: `SELECT count(*) AS n FROM ${from} WHERE ${bad}`,
            examples: `SELECT ${this.#key()} AS key, ${this.#text(quoteName(source))} AS value FROM ${from} WHERE ${bad} LIMIT ${EXAMPLES}`,
          }),
        },
      ]
    })
  }

  /** @param bad the condition under which a row refuses, by the names that the columns will have */
  #ask(
    kind: Refusal,
    columns: readonly string[],
    rule: string,
    bad: string,
    names = columns.map(quoteName).join(' '),
  ): DataCheck[] {
    const from = this.#from(names)
    if (from === undefined) return []
    const value = columns.map((name) => this.#text(quoteName(name))).join(` || ', ' || `)
    const shown = kind === 'null' || kind === 'default' || value === '' ? 'NULL' : value
    return [
      {
        ...this.#told(kind, columns, rule),
        count: `SELECT count(*) AS n FROM ${from.text} WHERE ${bad}`,
        examples: `SELECT plan_key AS key, ${shown} AS value FROM ${from.text} WHERE ${bad} LIMIT ${EXAMPLES}`,
      },
    ]
  }

  #told(kind: Refusal, columns: readonly string[], rule: string) {
    const { live = '', changed } = this.#origin
    return { kind, table: live, columns, rule, changed }
  }

  /**
   * The rows that are there now, with the columns that SQL names as they will be called. Nothing where it cannot be
   * told what will be in one of them.
   */
  #from(sql: string): { text: string } | undefined {
    const columns = this.#named(sql).map((column) => ({ column, value: this.#valueOf(column) }))
    if (columns.some(({ value }) => value === undefined)) return undefined
    const values = columns.map(({ column, value }) => `${value} AS ${quoteName(column.name)}`)
    const items = [...values, `${this.#key()} AS plan_key`].join(', ')
    return {
      text: `(SELECT ${items} FROM ${pathOf(this.#origin.live ?? '', this.#change.live)}) AS plan_rows`,
    }
  }

  #named(sql: string): Column[] {
    const names = namesIn(this.#dialect, sql)
    return this.#table.columns.filter(({ name }) => names.has(fold(this.#dialect, name)))
  }

  /** What will be in a column, in terms of what is there now. */
  #valueOf(column: Column): string | undefined {
    const source = this.#origin.columns.get(fold(this.#dialect, column.name))
    if (source === '') return undefined
    if (source !== undefined) {
      const same = this.#dialect === 'sqlite' || this.#beforeOf(column)?.type === column.type
      return same ? quoteName(source) : `CAST(${quoteName(source)} AS ${column.type})`
    }
    if (column.generated || column.identity) return undefined
    if (column.default !== undefined && !isConstant(column.default)) return undefined
    const value = column.default ?? 'NULL'
    return this.#dialect === 'sqlite' ? value : `CAST(${value} AS ${column.type})`
  }

  /** Of the rows that are there now, what tells them apart. */
  #key(): string {
    const live = this.#change.live.tables.find((one) => nameOf(one) === this.#origin.live)
    const names = live?.primaryKey?.columns ?? []
    if (names.length === 0) return 'NULL'
    return names.map((name) => this.#text(quoteName(name))).join(` || ', ' || `)
  }

  /** A value for people. */
  #text(value: string): string {
    const text = `substr(CAST(${value} AS TEXT), 1, 60)`
    return `coalesce(${text}, 'NULL')`
  }

  /** The column as it was before this migration; nothing if it is new in it. */
  #beforeOf(column: Column): Column | undefined {
    const source = this.#origin.columns.get(fold(this.#dialect, column.name))
    if (source === undefined) return undefined
    return this.#old.columns.find(
      ({ name }) => this.#before.columns.get(fold(this.#dialect, name)) === source,
    )
  }

  /** Whether no row has a value for it, nor a statement gives it one. */
  #isNew({ name, generated, identity }: Column): boolean {
    const added = !this.#origin.columns.has(fold(this.#dialect, name))
    const had = this.#old.columns.some((one) => this.#same(one.name, name))
    return added && !had && generated === undefined && identity === undefined && !this.#origin.changed
  }

  /** Its values are numbered where they are NULL. */
  #isRowid({ name, kind }: Column): boolean {
    const { primaryKey, withoutRowid } = this.#table
    const [only, ...others] = primaryKey?.columns ?? []
    const rowid = this.#dialect === 'sqlite' && !withoutRowid && others.length === 0 && kind === 'integer'
    return rowid && only !== undefined && this.#same(only, name)
  }

  #same(a: string, b: string): boolean {
    return fold(this.#dialect, a) === fold(this.#dialect, b)
  }

  /** A key in terms of the columns that are there now. */
  #signature({ parts, where = '', nullsSame }: UniqueKey, { columns }: Origin): string {
    const names = parts.map(({ column, expression = '', collation = '' }) => {
      const source = column === undefined ? expression : columns.get(fold(this.#dialect, column))
      return `${source ?? `new ${column}`} ${collation}`
    })
    return JSON.stringify([names.sort(), where, nullsSame])
  }

  #keyText({ columns, to, references, notValid }: ForeignKey, origin: Origin, lineage: Lineage): string {
    const parent = lineage.of(nameOf(to))
    const own = columns.map((name) => origin.columns.get(fold(this.#dialect, name)) ?? `new ${name}`)
    const others = references.map((name) => parent?.columns.get(fold(this.#dialect, name)) ?? name)
    return JSON.stringify([own, parent?.live ?? nameOf(to), others, notValid === true])
  }
}

/** Whatever makes values differ from row to row. */
interface UniqueKey {
  readonly rule: string
  readonly parts: readonly {
    readonly column?: string
    readonly expression?: string
    readonly collation?: string
  }[]
  readonly where?: string
  readonly nullsSame: boolean
}

function keysOf({ primaryKey, uniques, indexes }: Table): UniqueKey[] {
  const parts = (columns: readonly string[]) => columns.map((column) => ({ column }))
  return [
    ...(primaryKey ? [{ rule: 'PRIMARY KEY', parts: parts(primaryKey.columns), nullsSame: false }] : []),
    ...uniques.map((key) => ({
      rule: 'UNIQUE',
      parts: parts(key.columns),
      nullsSame: key.nullsNotDistinct === true,
    })),
    ...indexes
      .filter(({ unique }) => unique)
      .map(({ name, parts, where, nullsNotDistinct }) => ({
        rule: `UNIQUE INDEX ${name}`,
        parts,
        ...(where !== undefined && { where }),
        nullsSame: nullsNotDistinct === true,
      })),
  ]
}

/** A value that is the same for every row, and that it does no harm to ask for. */
function isConstant(expression: string): boolean {
  return !/\(|\bcurrent_|\blocaltime|\bnextval/i.test(expression)
}

/** A table of a schema in SQL, by the name with which people are told of it. */
function pathOf(table: string, { tables }: Schema): string {
  const known = tables.find((one) => nameOf(one) === table)
  if (known === undefined || known.schema === '') return quoteName(known?.name ?? table)
  return `${quoteName(known.schema)}.${quoteName(known.name)}`
}

/** `3 rows of users have no email: NOT NULL is coming`. */
export function refusalText({ kind, columns, rule }: Pick<DataCheck, 'kind' | 'columns' | 'rule'>): string {
  const what = list(columns)
  return {
    null: `${what} is NULL and is to be NOT NULL`,
    duplicate: `${what} is the same in several rows, which ${rule} refuses`,
    orphan: `${what} refers to nothing: ${rule}`,
    check: `${rule} refuses ${what === '' ? 'them' : what}`,
    cast: `${what} does not fit ${rule}`,
    default: `${rule} is refused where there are rows`,
  }[kind]
}
