import { MigrateError } from '../errors.ts'
import type { Dialect } from '../migrations.ts'
import type { Script } from '../script.ts'
import { didYouMean, place } from '../text.ts'
import type { Hit, Rule, Severity } from './rule.ts'
import { type FailOn, type FoundSeverity, RANKS, type Severities } from './severity.ts'

/** What a rule has found, where, and what to write instead. */
export interface Finding {
  /** The rule's id; docs/rules.md says more of it. */
  readonly rule: string
  readonly severity: FoundSeverity
  /** The database on which it is so. */
  readonly dialect: Dialect
  /** The migration's id; of a file that is no migration its name. */
  readonly migration: string
  readonly file: string
  /** From 1. */
  readonly line: number
  /** In characters, from 1. */
  readonly column: number
  /** What happens here, on which table. */
  readonly message: string
  /** SQL that does the same without the hazard, to be pasted. */
  readonly safe: string
}

/** A script and what the rules say of it on one database. */
export interface JudgedScript {
  readonly migration: string
  readonly dialect: Dialect
  readonly script: Script
  readonly hits: readonly Hit[]
}

/** What is told of scripts: not what is off, and not what they ask to ignore. In the order of the scripts, then of the places. */
export function findingsOf(judged: readonly JudgedScript[], severities: Severities): Finding[] {
  const files = new Map(judged.map(({ script }, i) => [script.file, i]))
  const found = judged.flatMap(({ migration, dialect, script, hits }) =>
    hits.flatMap(({ rule, at, message, safe }): Finding[] => {
      const severity = severityOf(rule, severities)
      if (severity === 'off' || isIgnored(script, rule)) return []
      const { file, line, column } = placeOf(script, at)
      return [{ rule: rule.id, severity, dialect, migration, file, line, column, message, safe }]
    }),
  )
  const order = ({ file }: Finding) => files.get(file) ?? 0
  return found.sort((a, b) => order(a) - order(b) || a.line - b.line || a.column - b.column)
}

/** What the project says of a rule, else the rule itself. */
export function severityOf({ id, severity }: Rule, severities: Severities): Severity {
  return Object.hasOwn(severities, id) ? (severities[id] ?? severity) : severity
}

/** Whether a script asks not to be told of a rule. */
export function isIgnored({ ignores = [] }: Script, { id }: Rule): boolean {
  return ignores.some(({ rule }) => rule === id)
}

/** Of a statement whose beginning is not known better, the beginning of the file. */
function placeOf({ file, text }: Script, at: number) {
  const { line, column = 1 } = place(file, text, Math.min(at, text.length))
  return { file, line, column }
}

/**
 * The directives `-- lint: ignore` that kept nothing back, in sentences.
 *
 * @throws DIRECTIVE if one names no rule
 */
export function unusedIgnores(
  judged: readonly JudgedScript[],
  rules: readonly Rule[],
  severities: Severities,
): string[] {
  const notes: string[] = []
  for (const [file, all] of Map.groupBy(judged, ({ script }) => script.file)) {
    const [{ script } = { script: undefined }] = all
    for (const { rule: id, at } of script?.ignores ?? []) {
      const rule = rules.find((one) => one.id === id)
      if (script !== undefined && rule === undefined) throw unknownIgnore(script, id, at, rules)
      if (rule === undefined || severityOf(rule, severities) === 'off') continue
      // Where the rule's database was not asked, nobody knows.
      if (rule.dialect !== undefined && all.every(({ dialect }) => dialect !== rule.dialect)) continue
      if (all.some(({ hits }) => hits.some((hit) => hit.rule.id === id))) continue
      notes.push(`${file}: "lint: ignore ${id}" keeps nothing back`)
    }
  }
  return notes
}

function unknownIgnore({ file, text }: Script, id: string, at: number, rules: readonly Rule[]): MigrateError {
  return new MigrateError('DIRECTIVE', `"lint: ignore" names ${id}, which is no rule`, {
    ...place(file, text, at),
    hint: didYouMean(id, idsOf(rules)) ?? 'docs/rules.md lists them',
  })
}

function idsOf(rules: readonly Rule[]): string[] {
  return rules.map(({ id }) => id)
}

/**
 * Refuses severities of rules that there are not.
 *
 * @throws CONFIG
 */
export function checkSeverities(severities: Severities, rules: readonly Rule[]): void {
  const ids = idsOf(rules)
  const unknown = Object.keys(severities).find((id) => !ids.includes(id))
  if (unknown === undefined) return
  throw new MigrateError('CONFIG', `lint.rules names ${unknown}, which is no rule`, {
    hint: didYouMean(unknown, ids) ?? 'docs/rules.md lists them',
  })
}

/** Whether nothing is as bad as that, or worse. */
export function isFine(findings: readonly Finding[], failOn: FailOn): boolean {
  return (
    failOn === 'never' || findings.every(({ severity }) => RANKS.indexOf(severity) < RANKS.indexOf(failOn))
  )
}
