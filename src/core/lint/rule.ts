import type { Dialect } from '../migrations.ts'

/** How bad it is; `off`: it is not looked for unless the config file says so. */
export const SEVERITIES = ['error', 'warning', 'info', 'off'] as const
export type Severity = (typeof SEVERITIES)[number]

/** What a rule is about: the chapters of docs/rules.md. */
export type Topic =
  | 'locks'
  | 'breaking'
  | 'loss'
  | 'failing'
  | 'design'
  | 'rebuild'
  | 'pair'
  | 'down'
  | 'practice'
  | 'style'

/** Migrations of one dialect that show a rule. */
export interface Example {
  /** What is there before: the up script of an earlier migration. */
  readonly before?: string
  /** The migration itself, with its directives. */
  readonly up: string
  readonly down?: string
  /** Of a rule about both dialects: the other one's `before` and `up`, where they differ. */
  readonly other?: { readonly before?: string; readonly up: string; readonly down?: string }
}

/** A hazard as data: docs/rules.md and the tests are made from it. */
export interface Rule {
  /** Lower case, words joined by "-"; no two have the same. */
  readonly id: string
  /** Left out: of both. */
  readonly dialect?: Dialect
  readonly topic: Topic
  /** Where the config file says nothing. */
  readonly severity: Severity
  /** What it finds, in one sentence. */
  readonly what: string
  /** What happens if nobody listens. */
  readonly why: string
  /** What to do instead, in one sentence. The SQL stands with each finding, and in `good`. */
  readonly safe: string
  /** Of which versions of the database it is true, such as "PostgreSQL 12 to 17"; left out: of all. */
  readonly versions?: string
  readonly bad: Example
  readonly good: Example
}

/** A place in a script at which a rule holds. */
export interface Found {
  /** Offset in the script's text, in characters. */
  readonly at: number
  /** What happens here, on which table: which lock, rewrite or scan, what is lost. One sentence, no full stop. */
  readonly message: string
  /** SQL that does the same without the hazard, to be pasted; a comment where there is none. */
  readonly safe: string
}

/** What a rule has found in a script. */
export interface Hit extends Found {
  readonly rule: Rule
}
