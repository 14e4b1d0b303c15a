import { isAbsolute, sep } from 'node:path'
import { pathToFileURL } from 'node:url'
import {
  count,
  type Finding,
  type Fixed,
  type LintResult,
  type Rule,
  rules,
  type Severity,
} from '../index.ts'
import { paint } from './output.ts'

/** What `lint` found, for people or for programs. */
export async function findingsAs(
  format: 'text' | 'json' | 'github' | 'sarif',
  result: LintResult,
): Promise<string> {
  if (format === 'json') return JSON.stringify(result)
  if (format === 'github') return githubText(result)
  if (format === 'sarif') return JSON.stringify(sarif(result, await rules(), await ownVersion()))
  return findingsText(result)
}

type Found = Exclude<Severity, 'off'>

const COLORS: Readonly<Record<Found, 'red' | 'yellow' | 'dim'>> = {
  error: 'red',
  warning: 'yellow',
  info: 'dim',
}

function findingsText(result: LintResult): string {
  const groups = Map.groupBy(result.findings, ({ dialect: _, ...finding }) => JSON.stringify(finding))
  const fixed = (result.fixed ?? []).map(fixedText)
  return [...fixed, ...[...groups.values()].map(findingText), ...summary(result)].join('\n')
}

function fixedText({ migration, wrote, removed }: Fixed): string {
  return [
    `fixed ${migration}`,
    ...wrote.map((file) => `  wrote ${file}`),
    ...removed.map((file) => `  removed ${file}`),
    '',
  ].join('\n')
}

/** One finding, on one database or on both. */
function findingText(all: readonly Finding[]): string {
  const [finding] = all
  if (finding === undefined) return ''
  const { file, line, column, severity, rule, message, safe } = finding
  const dialects = all.map(({ dialect }) => dialect).join(', ')
  const head = `${file}:${line}:${column} ${paint(COLORS[severity], severity, process.stdout)} ${paint('bold', rule, process.stdout)} (${dialects}): ${message}`
  return [head, ...safe.split('\n').map((shown) => (shown === '' ? '' : `    ${shown}`)), ''].join('\n')
}

/** Why it may not be all, how many there are, and how they were found. */
function summary({ findings, files, judged, notes }: LintResult): string[] {
  const severities = (['error', 'warning', 'info'] as const).flatMap((severity) => {
    const n = findings.filter((finding) => finding.severity === severity).length
    return n === 0 ? [] : [severity === 'info' ? `${n} info` : count(n, severity)]
  })
  const found = findings.length === 0 ? 'nothing found' : severities.join(', ')
  const ways = [
    ...(judged.sqlite === undefined ? [] : ['SQLite: run in memory']),
    ...(judged.postgres === undefined ? [] : [`PostgreSQL: ${WAYS[judged.postgres]}`]),
  ]
  return [
    ...notes.map((note) => `note: ${note}`),
    [`${found} in ${count(files, 'file')}`, ...ways].join('; '),
  ]
}

const WAYS = { measured: 'measured on a shadow database', text: 'judged from text alone' } as const

const COMMANDS: Readonly<Record<Found, string>> = { error: 'error', warning: 'warning', info: 'notice' }

/** Annotations: docs.github.com/actions/reference/workflow-commands-for-github-actions */
function githubText(result: LintResult): string {
  const lines = result.findings.map(({ severity, file, line, column, rule, message, safe }) => {
    const places = Object.entries({ file, line, col: column, title: rule })
    const shown = places.map(([name, value]) => `${name}=${escapeProperty(String(value))}`).join(',')
    return `::${COMMANDS[severity]} ${shown}::${escapeData(`${message}\n${safe}`)}`
  })
  return [...lines, ...summary(result)].join('\n')
}

/** As the runner takes it apart again. */
function escapeData(text: string): string {
  return text.replaceAll('%', '%25').replaceAll('\r', '%0D').replaceAll('\n', '%0A')
}

function escapeProperty(text: string): string {
  return escapeData(text).replaceAll(':', '%3A').replaceAll(',', '%2C')
}

const LEVELS: Readonly<Record<Severity, string>> = {
  error: 'error',
  warning: 'warning',
  info: 'note',
  off: 'none',
}

/** SARIF 2.1.0: docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html */
function sarif({ findings }: LintResult, all: readonly Rule[], version: string): object {
  const ids = [...new Set(findings.map(({ rule }) => rule))].sort()
  const used = ids.flatMap((id) => all.find((rule) => rule.id === id) ?? [])
  return {
    $schema: 'https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json',
    version: '2.1.0',
    runs: [
      {
        tool: { driver: { name: 'nexflow-migrate', version, rules: used.map(sarifRule) } },
        columnKind: 'unicodeCodePoints',
        results: findings.map((finding) => sarifResult(finding, ids.indexOf(finding.rule))),
      },
    ],
  }
}

function sarifRule({ id, severity, what, why, safe, topic }: Rule): object {
  return {
    id,
    shortDescription: { text: what },
    fullDescription: { text: why },
    help: { text: safe },
    defaultConfiguration: { level: LEVELS[severity] },
    properties: { topic },
  }
}

function sarifResult(finding: Finding, ruleIndex: number): object {
  const { rule, severity, dialect, migration, file, line, column, message, safe } = finding
  const region = { startLine: line, startColumn: column }
  const artifactLocation = { uri: uriOf(file) }
  return {
    ruleId: rule,
    ruleIndex,
    level: LEVELS[severity],
    message: { text: `${message}\n${safe}` },
    locations: [{ physicalLocation: { artifactLocation, region } }],
    properties: { dialect, migration },
  }
}

function uriOf(file: string): string {
  return isAbsolute(file) ? pathToFileURL(file).href : file.split(sep).map(encodeURIComponent).join('/')
}

async function ownVersion(): Promise<string> {
  return (await import('./help.ts')).version()
}
