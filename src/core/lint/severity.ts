import type { Severity } from './rule.ts'

/** How bad what was found is. */
export type FoundSeverity = Exclude<Severity, 'off'>

/** The least bad first. */
export const RANKS: readonly FoundSeverity[] = ['info', 'warning', 'error']

/** How bad a finding must be for `lint` to fail. */
export const FAIL_ON = ['info', 'warning', 'error', 'never'] as const
export type FailOn = (typeof FAIL_ON)[number]

/** Severities that a project gives to rules, by their ids. */
export type Severities = Readonly<Record<string, Severity>>
