/** What a difference can be of. */
export type ObjectType =
  | 'extension'
  | 'enum'
  | 'domain'
  | 'sequence'
  | 'function'
  | 'table'
  | 'column'
  | 'primary key'
  | 'unique'
  | 'foreign key'
  | 'check'
  | 'exclusion'
  | 'index'
  | 'view'
  | 'trigger'

/** One side of an object and the other. */
export interface Aspect {
  /** Such as `type`, `default`, `on delete`. */
  readonly aspect: string
  readonly before: string
  readonly after: string
}

/** Something that two schemas do not have alike. */
export interface Difference {
  readonly object: ObjectType
  /** `missing`: only in the first. `extra`: only in the second. */
  readonly change: 'missing' | 'extra' | 'different'
  /** The table, or the view, that it belongs to. */
  readonly table?: string
  /** Of a key without a name: its columns. Of a check without a name: its expression. */
  readonly name: string
  /** The columns of a key. */
  readonly columns?: readonly string[]
  /** Of what both have: where they differ. */
  readonly aspects: readonly Aspect[]
}

/** What the two sides are called. */
export interface Labels {
  readonly before: string
  readonly after: string
}

/** A difference in one line of plain words, without its table. */
export function differenceText(
  { object, change, name, aspects }: Difference,
  { before, after }: Labels,
): string {
  if (change !== 'different') return `${object} ${name}: only in ${change === 'missing' ? before : after}`
  const sides = aspects.map(({ aspect, ...side }) => {
    const words = `${side.before} in ${before} and ${side.after} in ${after}`
    return aspect === 'null' ? words : `${aspect} is ${words}`
  })
  return `${object} ${name}: ${sides.join('; ')}`
}
