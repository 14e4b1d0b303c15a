import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { RULES } from '../../../src/core/lint/rules.ts'
import {
  type Example,
  type Finding,
  lint,
  type MigrationFile,
  type Rule,
  type Severity,
  type Topic,
} from '../../../src/index.ts'
import { SERVERS } from '../../matrix.ts'

/** The newest server, unless the rule is true of older ones only. */
/** What the newest server does not do any more: `npm run long` has an older one. */
const OLDER = /PostgreSQL 12 to 1\d$/

function serverFor({ versions = '' }: Rule): string {
  const server = SERVERS.at(OLDER.test(versions) ? 0 : -1)
  if (server === undefined) throw new Error('there is no PostgreSQL')
  return `${server.url}/postgres`
}

/** The migrations that show a rule, for the database that it is of. */
function filesOf({ dialect, bad, good }: Rule, example: Example): MigrationFile[] {
  const { other, ...own } = example
  // About a down script that is not there: in its folder others are.
  if (bad.down === undefined && good.down !== undefined && dialect === undefined && other === undefined)
    return [...sideOf(own), { name: '1_before.down.sql', sql: BEGINNING }]
  if (other === undefined) return sideOf(own, dialect === undefined ? '' : `.${dialect}`)
  const [first, second] = dialect === 'postgres' ? ['.postgres', '.sqlite'] : ['.sqlite', '.postgres']
  return [...sideOf(own, first), ...sideOf(other, second)]
}

const BEGINNING = '-- migrate: irreversible it is where everything begins'

function sideOf({ before, up, down }: Omit<Example, 'other'>, dialect = ''): MigrationFile[] {
  return [
    ...(before === undefined ? [] : [{ name: `1_before${dialect}.up.sql`, sql: before }]),
    { name: `2_rule${dialect}.up.sql`, sql: up },
    ...(down === undefined ? [] : [{ name: `2_rule${dialect}.down.sql`, sql: down }]),
  ]
}

/** The findings in the migration that shows the rule. */
async function found(rule: Rule, example: Example, fromText: boolean): Promise<readonly Finding[]> {
  const { findings } = await lint({
    migrations: filesOf(rule, example),
    files: ['2_rule'],
    // Those that are off by default are looked for here.
    ...(rule.severity === 'off' && { rules: { [rule.id]: 'warning' } }),
    static: fromText,
    shadow: serverFor(rule),
  })
  return findings
}

const told = ({ rule, severity, dialect, line, message }: Finding) =>
  `${line} ${severity} ${rule} (${dialect}): ${message}`

describe('1 the tables of rules', () => {
  test('1.1 no two rules have the same id, and each id is words joined by "-"', () => {
    const ids = RULES.map(({ id }) => id)
    assert.deepEqual(
      ids.filter((id, i) => ids.indexOf(id) !== i || !/^[a-z]+(-[a-z0-9]+)*$/.test(id)),
      [],
    )
  })

  test('1.2 each says what it finds, why, and what to do, in sentences', () => {
    for (const { id, what, why, safe } of RULES) {
      assert.match(what, /^\S.*\S$/, id)
      for (const text of [why, safe]) assert.match(text, /^\S.*[.]$/, id)
    }
  })
})

/** What is known only of one who reads, or only of one who runs. */
const ONE_WAY: Readonly<Record<string, 'text' | 'measured'>> = {
  'opaque-sql': 'text',
  'hidden-work': 'measured',
  // No server of the tests is of such a version.
  'concurrent-index-corruption': 'text',
}

/** About a detail of what is a hazard itself. */
const DETAILS = ['drop-locks-parent', 'rename-reaches-less']

/** Those of SQLite are run either way. */
const WAYS = [
  {
    label: 'from the text',
    fromText: true,
    rules: RULES.filter(({ id }) => ONE_WAY[id] !== 'measured'),
  },
  {
    label: 'measured',
    fromText: false,
    // Of the others the text tells all.
    rules: RULES.filter(
      ({ id, dialect, topic, versions = '' }) =>
        !(OLDER.test(versions) && SERVERS.length === 1) &&
        dialect !== 'sqlite' &&
        ONE_WAY[id] !== 'text' &&
        !['style', 'design', 'practice'].includes(topic),
    ),
  },
]

for (const [i, { label, fromText, rules }] of WAYS.entries()) {
  describe(`${i + 2} the examples, ${label}`, { concurrency: 2 }, () => {
    for (const rule of rules) {
      test(`${i + 2}.1 ${rule.id}`, async () => {
        const bad = await found(rule, rule.bad, fromText)
        assert.ok(
          bad.some((finding) => finding.rule === rule.id),
          `nothing in the bad example, but:\n${bad.map(told).join('\n')}`,
        )
        const good = await found(rule, rule.good, fromText)
        const isDetail = rule.topic === 'down' || DETAILS.includes(rule.id)
        const wrong = good.filter(
          (finding) => finding.rule === rule.id || (finding.severity !== 'info' && !isDetail),
        )
        assert.deepEqual(wrong.map(told), [], 'in the good example')
      })
    }
  })
}

const TOPICS: Readonly<Record<Topic, string>> = {
  locks: 'Locks, rewrites and scans',
  breaking: 'What breaks the code that runs',
  loss: 'What loses data',
  failing: 'What fails',
  rebuild: 'Rebuilds of SQLite tables',
  pair: 'SQLite and PostgreSQL apart',
  down: 'Down scripts',
  design: 'Design',
  practice: 'Practices of the guide',
  style: 'Style',
}

const DIALECTS = { sqlite: 'SQLite', postgres: 'PostgreSQL' } as const

const SEVERITIES: Readonly<Record<Severity, string>> = {
  error: 'error',
  warning: 'warning',
  info: 'info',
  off: 'off, unless the config file says otherwise',
}

function rulesPage(): string {
  const chapters = Object.entries(TOPICS).flatMap(([topic, title]) => {
    const rules = RULES.filter((rule) => rule.topic === topic)
    return rules.length === 0 ? [] : [`## ${title}`, ...rules.map(section)]
  })
  return `${[INTRODUCTION, ...chapters].join('\n\n')}\n`
}

const INTRODUCTION = `# Rules

What \`nexflow-migrate lint\` looks for. This page is made from the tables that it looks by; each example is run by the tests.

An \`error\` will block the service for long, lose data, break the code that runs, or fail. A \`warning\` may. \`info\` is advice. The [config file](./formats.md#config-file) gives a rule another severity, or \`off\`. A [directive](./formats.md#directives) at the top of a file keeps a rule back in it: \`-- lint: ignore <rule> <reason>\`.`

function section(rule: Rule): string {
  const { id, dialect, severity, versions, what, why, safe } = rule
  const facts = [
    dialect === undefined ? 'SQLite and PostgreSQL' : DIALECTS[dialect],
    SEVERITIES[severity],
    ...(versions === undefined ? [] : [versions]),
  ]
  return [
    `### ${id}`,
    `${facts.join(' · ')}`,
    what.replace(/[^.]$/, '$&.'),
    why,
    `Instead: ${safe}`,
    `Bad:`,
    exampleText(rule, rule.bad),
    `Good:`,
    exampleText(rule, rule.good),
  ].join('\n\n')
}

function exampleText(rule: Rule, example: Example): string {
  const files = filesOf(rule, example).filter(({ sql }) => sql !== BEGINNING)
  const texts = files.map(({ name, sql }) => `-- ${name}\n${sql.trim()}`)
  return `\`\`\`sql\n${texts.join('\n\n')}\n\`\`\``
}

test('4 the page shows them', () => {
  const page = join(import.meta.dirname, '../../../docs/rules.md')
  // After a change of the tables: WRITE_DOCS=1 npm test test/core/lint/rules.test.ts
  if (process.env.WRITE_DOCS !== undefined) writeFileSync(page, rulesPage())
  assert.equal(readFileSync(page, 'utf8'), rulesPage())
})
