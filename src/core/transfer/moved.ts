import type { Column, Named } from '../schema/model.ts'
import type { Form } from './form.ts'

/** A table that is moved: what is read on one side and what is written on the other. */
export interface Moved {
  /** The table in the source, and in the target. */
  readonly from: Named
  readonly to: Named
  /** Without those that are computed from others. */
  readonly columns: readonly MovedColumn[]
  /** Columns, by their names in the source, that tell a row from all others; none if nothing does. */
  readonly key: readonly string[]
  /** A condition in the source's SQL that the rows fulfil; without, all of them. */
  readonly rows?: string
}

export interface MovedColumn {
  readonly from: Column
  readonly to: Column
  readonly form: Form
  /** SQL in the source's dialect whose value is moved, where it is not the column's own. */
  readonly value?: string
  /** The most characters that the target takes. */
  readonly longest?: number
}

/** One side's look at a table: for a digest each side computes it by itself. */
export type Side = 'from' | 'to'
