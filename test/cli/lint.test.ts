import assert from 'node:assert/strict'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { withFolder } from '../matrix.ts'
import { type Run, run } from '../process.ts'

const FILES = {
  '000001_notes.postgres.sql': 'CREATE TABLE notes (id integer PRIMARY KEY, body text NOT NULL);',
  '000002_index.postgres.sql': '-- it is\n  CREATE INDEX notes_body ON notes (body);',
}

/** A folder with two migrations for PostgreSQL, and what the command line says there. */
function inProject(work: (lint: (...words: string[]) => Promise<Run>, cwd: string) => Promise<void>) {
  return withFolder(async (cwd) => {
    mkdirSync(join(cwd, 'migrations'))
    for (const [name, sql] of Object.entries(FILES)) writeFileSync(join(cwd, 'migrations', name), sql)
    await work((...words) => run(['lint', '--dir', 'migrations', '--static', ...words], { cwd }), cwd)
  })
}

describe('1 lint', { concurrency: 2 }, () => {
  test('1.1 tells people where, what and what to write instead, how much there is and how it was judged', () =>
    inProject(async (lint) => {
      const { status, stdout } = await lint()
      assert.equal(status, 3)
      const lines = stdout.split('\n')
      assert.match(
        String(lines[0]),
        /^migrations\/000002_index\.postgres\.sql:2:3 error create-index-blocks-writes \(postgres\): \S.* notes/,
      )
      assert.match(stdout, /\n {4}CREATE INDEX CONCURRENTLY notes_body ON notes \(body\);\n/)
      assert.equal(lines.at(-2), '1 error in 2 files; PostgreSQL: judged from text alone')
      const one = await lint('000001_notes')
      assert.deepEqual(
        [one.status, one.stdout],
        [0, 'nothing found in 1 file; PostgreSQL: judged from text alone\n'],
      )
    }))

  test('1.2 exits by the worst that is found, as options and the config file say', () =>
    inProject(async (lint, cwd) => {
      assert.equal((await lint('--fail-on', 'never')).status, 0)
      writeFileSync(join(cwd, 'config.yml'), 'lint: { rules: { create-index-blocks-writes: warning } }')
      assert.equal((await lint()).status, 0)
      assert.equal((await lint('--fail-on', 'warning')).status, 3)
      writeFileSync(
        join(cwd, 'config.yml'),
        'lint: { rules: { create-index-blocks-writes: warning }, fail_on: warning }',
      )
      assert.equal((await lint()).status, 3)
      assert.equal((await lint('--fail-on', 'error')).status, 0)
      writeFileSync(join(cwd, 'config.yml'), 'lint: { rules: { create-index-blocks-write: off } }')
      const wrong = await lint()
      assert.equal(wrong.status, 2)
      assert.match(
        wrong.stderr,
        /^error CONFIG: lint\.rules names create-index-blocks-write, .*\n {2}next: did you mean create-index-blocks-writes\?/,
      )
    }))

  test('1.3 refuses what it does not know', () =>
    inProject(async (lint) => {
      const wrong = [
        ['--format', 'xml'],
        ['--format', 'sarif', '--json'],
        ['--dialect', 'mysql'],
        ['--fail-on', 'all'],
        ['--since', 'main', '000001_notes'],
        ['nothing.sql'],
      ]
      for (const words of wrong) assert.equal((await lint(...words)).status, 2, words.join(' '))
    }))
})

describe('2 formats', { concurrency: 2 }, () => {
  test('2.1 --json and --format json print the result', () =>
    inProject(async (lint) => {
      const { status, stdout } = await lint('--json')
      assert.equal(status, 3)
      const result = JSON.parse(stdout)
      assert.deepEqual(Object.keys(result), ['ok', 'findings', 'files', 'judged', 'notes'])
      const [finding] = result.findings
      assert.deepEqual(
        [finding.rule, finding.severity, finding.dialect, finding.migration, finding.line, finding.column],
        ['create-index-blocks-writes', 'error', 'postgres', '000002_index', 2, 3],
      )
      assert.equal((await lint('--format', 'json')).stdout, stdout)
    }))

  test('2.2 github: annotations, with what would end them escaped', () =>
    inProject(async (lint, cwd) => {
      writeFileSync(join(cwd, 'migrations/000003_odd.postgres.sql'), 'CREATE INDEX "100%,:" ON notes (body);')
      const { status, stdout } = await lint('--format', 'github', '000003_odd')
      assert.equal(status, 3)
      const [line = ''] = stdout.split('\n')
      assert.match(
        line,
        /^::error file=migrations\/000003_odd\.postgres\.sql,line=1,col=1,title=create-index-blocks-writes::\S/,
      )
      assert.match(line, /%0ACREATE INDEX CONCURRENTLY "100%25,:" ON/)
    }))

  test('2.3 sarif: a document of version 2.1.0', () =>
    inProject(async (lint) => {
      const { status, stdout } = await lint('--format', 'sarif')
      assert.equal(status, 3)
      const { $schema, version, runs } = JSON.parse(stdout)
      assert.match($schema, /sarif-schema-2\.1\.0\.json$/)
      assert.equal(version, '2.1.0')
      assert.equal(runs.length, 1)
      const [{ tool, results, columnKind }] = runs
      assert.equal(columnKind, 'unicodeCodePoints')
      assert.match(tool.driver.version, /^\d+\.\d+\.\d+/)
      assert.deepEqual(
        tool.driver.rules.map(({ id, defaultConfiguration }: Record<string, unknown>) => [
          id,
          defaultConfiguration,
        ]),
        [['create-index-blocks-writes', { level: 'error' }]],
      )
      for (const key of ['shortDescription', 'fullDescription', 'help'])
        assert.match(tool.driver.rules[0][key].text, /\S/)
      const [{ message, ...result }] = results
      assert.match(message.text, /CONCURRENTLY/)
      assert.deepEqual(result, {
        ruleId: 'create-index-blocks-writes',
        ruleIndex: 0,
        level: 'error',
        locations: [
          {
            physicalLocation: {
              artifactLocation: { uri: 'migrations/000002_index.postgres.sql' },
              region: { startLine: 2, startColumn: 3 },
            },
          },
        ],
        properties: { dialect: 'postgres', migration: '000002_index' },
      })
    }))
})
