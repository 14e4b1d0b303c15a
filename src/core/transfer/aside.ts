/** A row on its way, known by itself. */
export interface OneRow {
  /** What the source finds it by. */
  readonly id: string
  /** As COPY BINARY has it; nothing where a value of it is bad. */
  readonly bytes: Uint8Array | null
}

/** Why a row was refused, by the target's own words. */
export interface Refusal {
  readonly words: string
  /** In the target, if it names one. */
  readonly column?: string
}

/** What is wrong with a row. */
export interface Problem {
  /** In the target; missing where it is the whole row. */
  readonly column?: string
  readonly reason: string
}

/** A value that a person can mend in a text file. */
export type Mendable = string | number | boolean | null | { readonly hex: string }

/** A row that was set aside: a line of the file. Names are those of the target. */
export interface Entry {
  readonly table: string
  /** Found when the rows were copied, or when constraints were to be built over all of them. */
  readonly step: 'rows' | 'keys'
  readonly key: Readonly<Record<string, Mendable>>
  readonly problems: readonly Problem[]
  readonly row: Readonly<Record<string, Mendable>>
}

/** A row that was taken out of the target. */
export type Taken = Pick<Entry, 'key' | 'row'>

/** A value of SQLite's classes; integers as bigint, texts that are none as bytes. */
export function mendable(value: unknown): Mendable {
  if (value === null || value === undefined) return null
  if (typeof value === 'bigint') return Number.isSafeInteger(Number(value)) ? Number(value) : String(value)
  // JSON has no other numbers.
  if (typeof value === 'number') return Number.isFinite(value) ? value : String(value)
  if (value instanceof Uint8Array) return { hex: Buffer.from(value).toString('hex') }
  return String(value)
}

/** A number that was written as a text: as a number, if that is the same. */
export function mendableNumber(words: string): string | number {
  const number = Number(words)
  const isExact = String(number) === words && (!Number.isInteger(number) || Number.isSafeInteger(number))
  return isExact && Number.isFinite(number) ? number : words
}
