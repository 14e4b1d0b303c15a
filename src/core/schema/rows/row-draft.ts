import type { Table } from '../model.ts'

/** Values for one column or, of a foreign key, for several; the first that the database takes is the one. */
export interface Slot {
  readonly columns: readonly string[]
  /** SQL for each column in turn; undefined leaves them to the database. */
  readonly options: readonly (readonly string[] | undefined)[]
  /** Which of the options nobody would wonder at. */
  readonly plain: number
}

/** A row that is being looked for. */
export class Draft {
  readonly #table: Table
  readonly #slots: Slot[]
  readonly #turns: number[]
  /** How often the database refused it and did not say why. */
  #calm = 0
  #next = 0

  constructor(table: Table, slots: Slot[]) {
    this.#table = table
    this.#slots = slots
    this.#turns = slots.map(() => 0)
  }

  /** What is put in: columns and SQL. */
  values(): Map<string, string> {
    const values = new Map<string, string>()
    for (const [i, { columns, options }] of this.#slots.entries()) {
      const chosen = options[(this.#turns[i] ?? 0) % Math.max(1, options.length)]
      for (const [j, column] of columns.entries()) {
        const sql = chosen?.[j]
        if (sql !== undefined) values.set(column, sql)
      }
    }
    return values
  }

  /**
   * Takes another form.
   *
   * @param refused the database's words
   * @returns false if there is none left
   */
  change(refused: string): boolean {
    const blamed = blame(this.#table, refused)
    const slots = [...this.#slots.keys()].filter((i) => {
      const slot = this.#slots[i]
      return (
        slot !== undefined && slot.options.length > 1 && slot.columns.some((column) => blamed.has(column))
      )
    })
    if (slots.length > 0) {
      // One at a time: where two are in it together, every pair of their options has its turn.
      const slot = slots[this.#next++ % slots.length] ?? 0
      this.#turns[slot] = (this.#turns[slot] ?? 0) + 1
      return true
    }
    this.#calm++
    for (const [i, { plain, options }] of this.#slots.entries()) {
      const last = options.length - 1
      this.#turns[i] =
        this.#calm === 1 ? plain : this.#calm === 2 ? last : Math.min(last, plain + this.#calm - 2)
    }
    return this.#calm < 4
  }
}

/** The columns that the database's words are about, by the name or the text of what was violated. */
function blame(table: Table, refused: string): Set<string> {
  const plain = refused.replaceAll(/\s+/g, ' ')
  const says = (words: string | undefined) =>
    words !== undefined && words !== '' && plain.includes(words.replaceAll(/\s+/g, ' '))
  const keys = [table.primaryKey, ...table.uniques, ...table.foreignKeys].filter((one) => one !== undefined)
  const checks = table.checks.filter(({ name, expression }) => says(name) || says(expression))
  const indexes = table.indexes.filter(({ name }) => says(name))
  const parts = indexes.flatMap(({ parts: all }) => all.map(({ column, expression }) => column ?? expression))
  const texts = [
    ...checks.map(({ expression }) => expression),
    ...table.exclusions.filter(({ name }) => says(name)).map(({ definition }) => definition),
    ...parts,
  ]
  const named = keys.filter(({ name }) => says(name)).flatMap(({ columns }) => columns)
  return new Set(
    table.columns
      .map(({ name }) => name)
      .filter(
        (name) =>
          named.includes(name) ||
          says(`${table.name}.${name}`) ||
          says(`column "${name}"`) ||
          texts.some((text) => mentions(text, name)),
      ),
  )
}

/** Whether an SQL expression has a column's name in it; one too many does no harm. */
export function mentions(expression: string | undefined, name: string): boolean {
  const escaped = name.replaceAll(/[^\w]/g, '\\$&')
  return expression !== undefined && new RegExp(`(?<!\\w)${escaped}(?!\\w)`, 'i').test(expression)
}
