import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { type Finding, type LintOptions, type LintResult, lint, rules } from '../../src/index.ts'
import { SERVERS, withFolder } from '../matrix.ts'
import { errorOf, scripts } from '../tools.ts'

const server = SERVERS.at(-1)
if (server === undefined) throw new Error('there is no PostgreSQL')
const SHADOW = { shadow: `${server.url}/postgres` }

/** Nobody listens there: what needs no server must not ask for one. */
const NOWHERE = { shadow: 'postgres://nobody@127.0.0.1:1/none' }

const TABLE = 'CREATE TABLE notes (id integer PRIMARY KEY, body text NOT NULL);'
const INDEX = 'CREATE INDEX notes_body ON notes (body);'
const REWRITE = 'ALTER TABLE notes ALTER COLUMN id TYPE bigint;'

/** A history of two migrations, of which the second is to be found fault with. */
const HISTORY = { '1_notes.postgres': TABLE, '2_index.postgres': INDEX }

function bad({ findings }: LintResult): Finding[] {
  return findings.filter(({ severity }) => severity !== 'info')
}

/** `file:line:column`, of what is not only advice. */
function places(result: LintResult): string[] {
  return [...new Set(bad(result).map(({ file, line, column }) => `${file}:${line}:${column}`))]
}

function write(folder: string, files: Readonly<Record<string, string>>): void {
  for (const [name, sql] of Object.entries(files)) {
    mkdirSync(join(folder, name, '..'), { recursive: true })
    writeFileSync(join(folder, name), sql)
  }
}

const text = (byName: Readonly<Record<string, string>>, options: LintOptions = {}) =>
  lint({ migrations: scripts(byName), static: true, ...NOWHERE, ...options })

describe('1 what is judged', () => {
  test('1.1 all migrations, or those that are named by their ids or versions', async () => {
    const files = { ...HISTORY, '3_more.postgres': 'CREATE INDEX notes_id ON notes (id);' }
    assert.deepEqual(places(await text(files)), ['2_index.postgres.sql:1:1', '3_more.postgres.sql:1:1'])
    assert.deepEqual(places(await text(files, { files: ['3_more'] })), ['3_more.postgres.sql:1:1'])
    assert.deepEqual(places(await text(files, { files: ['2', '1_notes'] })), ['2_index.postgres.sql:1:1'])
    assert.equal((await text(files, { files: ['2', '1_notes'] })).files, 2)
  })

  test('1.2 by their paths, from where they stand', () =>
    withFolder(async (folder) => {
      write(folder, {
        'own/000001_notes.postgres.sql': TABLE,
        'own/000002_index.postgres.sql': INDEX,
        // In the other history the table is new.
        'other/postgres/000001_all.sql': `${TABLE}\n${INDEX}`,
        'other/postgres/000002_index.sql': 'CREATE INDEX notes_id ON notes (id);',
      })
      const options = { migrations: join(folder, 'own'), static: true, ...NOWHERE }
      const of = async (...names: string[]) =>
        places(await lint({ ...options, files: names.map((name) => join(folder, name)) })).map((place) =>
          place.replace(`${folder}/`, ''),
        )
      assert.deepEqual(await of('own/000002_index.postgres.sql'), ['own/000002_index.postgres.sql:1:1'])
      assert.deepEqual(await of('other/postgres/000001_all.sql'), [])
      assert.deepEqual(await of('other/postgres/000002_index.sql', 'own/000001_notes.postgres.sql'), [
        'other/postgres/000002_index.sql:1:1',
      ])
      assert.deepEqual(await of('other'), ['other/postgres/000002_index.sql:1:1'])
      const error = await errorOf(lint({ ...options, files: [join(folder, 'own/000002_indx.postgres.sql')] }))
      assert.equal(error.code, 'UNKNOWN_ID')
      assert.match(String(error.hint), /^did you mean .*000002_index\.postgres\.sql\?$/)
      assert.equal((await errorOf(lint({ ...options, files: ['2_indx'] }))).code, 'UNKNOWN_ID')
    }))

  test('1.3 an SQL file that is no migration, by itself and behind the history that is named', () =>
    withFolder(async (folder) => {
      write(folder, {
        'own/000001_notes.postgres.sql': TABLE,
        'fix.sql': REWRITE,
        'fix.sqlite.sql': 'DROP TABLE notes;',
        'only-sqlite.sql': 'CREATE TABLE t (id INTEGER PRIMARY KEY AUTOINCREMENT, at TEXT NOT NULL);',
        'both.sql': 'CREATE TABLE t (id integer PRIMARY KEY, body text NOT NULL);',
      })
      const of = (name: string, options: LintOptions = {}) =>
        lint({ files: [join(folder, name)], static: true, ...NOWHERE, ...options })
      const behind = await of('fix.sql', { migrations: join(folder, 'own'), dialect: 'postgres' })
      assert.deepEqual(
        bad(behind).map(({ migration, dialect }) => [migration, dialect]),
        [['fix', 'postgres']],
      )
      assert.deepEqual((await of('fix.sql')).judged, { sqlite: 'measured', postgres: 'text' })
      // SQLite cannot read it: it is none of its files.
      assert.deepEqual(
        bad(await of('fix.sql')).filter(({ dialect }) => dialect === 'sqlite'),
        [],
      )
      assert.deepEqual(bad(await of('only-sqlite.sql')), [])
      assert.deepEqual((await of('fix.sqlite.sql')).judged, { sqlite: 'measured' })
      assert.deepEqual((await of('both.sql', { database: 'postgres://nobody@127.0.0.1:1/none' })).judged, {
        postgres: 'text',
      })
    }))

  test('1.4 a file for both databases is judged for each, and one database can be asked alone', async () => {
    const files = { '1_notes': TABLE, '2_drop': 'ALTER TABLE notes DROP COLUMN body;' }
    const both = await text(files)
    assert.deepEqual([...new Set(bad(both).map(({ dialect }) => dialect))].sort(), ['postgres', 'sqlite'])
    assert.deepEqual(both.judged, { sqlite: 'measured', postgres: 'text' })
    const one = await text(files, { dialect: 'sqlite' })
    assert.deepEqual([...new Set(bad(one).map(({ dialect }) => dialect))], ['sqlite'])
    assert.deepEqual(one.judged, { sqlite: 'measured' })
    const wrong = { dialect: 'mysql' as 'sqlite' }
    assert.equal((await errorOf(text(files, wrong))).code, 'USAGE')
  })

  test('1.5 a project for one database is judged for it; one migration that lacks the other is an error', async () => {
    assert.deepEqual((await text({ '1_notes': TABLE, '2_index.postgres': INDEX })).judged, {
      postgres: 'text',
    })
    const error = await errorOf(text({ '1_a.postgres': TABLE, '1_a.sqlite': TABLE, '2_b.postgres': INDEX }))
    assert.equal(error.code, 'ONE_DIALECT')
    assert.equal((await errorOf(text({ '1_a.down': 'DROP TABLE notes' }))).code, 'NO_UP')
  })

  test('1.6 a file for both that one of them refuses is one finding', async () => {
    const result = await text({
      '1_notes': TABLE,
      '2_default': 'ALTER TABLE notes ALTER body SET DEFAULT 1;',
    })
    assert.deepEqual(
      bad(result).map(({ rule, dialect, line, column }) => [rule, dialect, line, column]),
      [['not-portable', 'sqlite', 1, 34]],
    )
    const other = await text({ '1_notes': 'CREATE TABLE notes (id INTEGER PRIMARY KEY AUTOINCREMENT);' })
    assert.deepEqual(
      bad(other).map(({ rule, dialect, line, column }) => [rule, dialect, line, column]),
      [['not-portable', 'postgres', 1, 44]],
    )
  })

  test('1.7 what neither can read fails, at its place', async () => {
    const result = await text({ '1_notes': `${TABLE}\nCREATE TABL other (id integer);` })
    assert.deepEqual(
      bad(result).map(({ rule, line, column }) => [rule, line, column]),
      [
        ['sqlite-fails', 2, 8],
        ['fails', 2, 8],
      ],
    )
  })
})

describe('2 --since', () => {
  const git = (folder: string, ...args: string[]) =>
    execFileSync('git', ['-c', 'user.name=t', '-c', 'user.email=t@example.com', ...args], {
      cwd: folder,
      stdio: 'ignore',
      env: { PATH: process.env.PATH, HOME: folder, GIT_CONFIG_NOSYSTEM: '1' },
    })
  const inRepository = (
    work: (folder: string, since: (revision: string) => Promise<string[]>) => Promise<void>,
  ) =>
    withFolder(async (root) => {
      const folder = join(root, 'app/migrations')
      write(folder, {
        '000001_notes.postgres.sql': TABLE,
        '000002_old.postgres.sql': 'CREATE INDEX notes_id ON notes (id);',
        '000003_renamed.postgres.sql': 'CREATE INDEX notes_renamed ON notes (id);',
      })
      git(root, 'init', '-q', '-b', 'main')
      git(root, 'add', '-A')
      git(root, 'commit', '-qm', 'first')
      git(root, 'switch', '-qc', 'branch')
      await work(folder, async (since) => {
        const result = await lint({ migrations: folder, since, static: true, ...NOWHERE })
        return places(result).map((place) => place.replace(`${folder}/`, ''))
      })
    })

  test('2.1 finds what a branch adds, changes or renames, in commits or not yet', () =>
    inRepository(async (folder, since) => {
      assert.deepEqual(await since('main'), [])
      write(folder, { '000004_new.postgres.sql': INDEX })
      assert.deepEqual(await since('main'), ['000004_new.postgres.sql:1:1'])
      git(folder, 'add', '-A')
      git(folder, 'commit', '-qm', 'second')
      // What main does in the meantime is not the branch's.
      git(folder, 'switch', '-q', 'main')
      write(folder, { '000002_old.postgres.sql': 'CREATE INDEX notes_other ON notes (id);' })
      git(folder, 'commit', '-qam', 'third')
      git(folder, 'switch', '-q', 'branch')
      assert.deepEqual(await since('main'), ['000004_new.postgres.sql:1:1'])
      renameSync(join(folder, '000003_renamed.postgres.sql'), join(folder, '000005_later.postgres.sql'))
      write(folder, { '000004_new.postgres.sql': `\n${INDEX}` })
      assert.deepEqual(await since('main'), ['000004_new.postgres.sql:2:1', '000005_later.postgres.sql:1:1'])
      assert.deepEqual(await since('HEAD'), ['000004_new.postgres.sql:2:1', '000005_later.postgres.sql:1:1'])
    }))

  test('2.2 says what git does not know', () =>
    inRepository(async (folder, since) => {
      for (const revision of ['mian', '--all', 'main:app']) {
        const error = await errorOf(since(revision))
        assert.deepEqual([error.code, error.message], ['USAGE', `git knows no revision ${revision}`])
      }
      git(folder, 'switch', '-q', '--orphan', 'other')
      write(folder, { '000001_notes.postgres.sql': TABLE })
      git(folder, 'add', '-A')
      git(folder, 'commit', '-qm', 'unrelated')
      assert.match((await errorOf(since('main'))).message, /no commit in common/)
      rmSync(join(folder, '../../.git'), { recursive: true })
      assert.match((await errorOf(since('main'))).message, /not a git repository/)
      const both = lint({ migrations: folder, since: 'main', files: ['1'] })
      assert.equal((await errorOf(both)).code, 'USAGE')
      assert.equal((await errorOf(lint({ migrations: scripts(HISTORY), since: 'main' }))).code, 'USAGE')
    }))
})

describe('3 PostgreSQL', { concurrency: true }, () => {
  const measured = (byName: Readonly<Record<string, string>>, options: LintOptions = {}) =>
    lint({ migrations: scripts(byName), ...SHADOW, ...options })

  test('3.1 is measured on a shadow database, and DO hides nothing', async () => {
    const files = { ...HISTORY, '3_hidden.postgres': `DO $$ BEGIN EXECUTE '${REWRITE}'; END $$;` }
    const result = await measured(files, { files: ['3'] })
    assert.deepEqual(result.judged, { postgres: 'measured' })
    assert.deepEqual(places(result), ['3_hidden.postgres.sql:1:1'])
    assert.match(
      bad(result)
        .map(({ message }) => message)
        .join(),
      /notes/,
    )
  })

  test('3.2 up, down and what comes behind them is measured from where each begins', async () => {
    const result = await measured({
      '1_notes.postgres': TABLE,
      '1_notes.postgres.down': 'DROP TABLE notes;',
      '2_fill.postgres': "INSERT INTO notes VALUES (1000, 'x');",
      '2_fill.postgres.down': '-- migrate: nothing the row may stay',
      '3_wide.postgres': REWRITE,
      '3_wide.postgres.down': 'ALTER TABLE notes ALTER COLUMN id TYPE integer;',
      '4_index.postgres': INDEX,
    })
    assert.deepEqual(result.judged, { postgres: 'measured' })
    assert.deepEqual(result.notes, [])
    const found = places(result)
    for (const file of ['3_wide.postgres.sql', '3_wide.postgres.down.sql', '4_index.postgres.sql'])
      assert.ok(found.includes(`${file}:1:1`), `${file} in ${found}`)
  })

  test('3.3 what fails there is a finding in the words of the server, and what comes behind is read', async () => {
    const result = await measured({
      ...HISTORY,
      '3_wrong.postgres': 'SELECT 1;\nALTER TABLE notes DROP COLUMN nowhere;',
      '4_more.postgres': 'CREATE INDEX notes_id ON notes (id);',
    })
    const failed = bad(result).find(({ migration, rule }) => migration === '3_wrong' && rule === 'fails')
    assert.match(String(failed?.message), /column "nowhere" of relation "notes" does not exist/)
    assert.deepEqual([failed?.rule, failed?.line], ['fails', 2])
    assert.ok(places(result).includes('4_more.postgres.sql:1:1'))
    assert.equal(result.judged.postgres, 'text')
    assert.match(result.notes.join(), /^3_wrong\.postgres\.sql fails on PostgreSQL/)
  })

  test('3.4 rows that stand in the way are no fault of a migration', async () => {
    const result = await measured({
      '1_notes.postgres': TABLE,
      '2_check.postgres': 'ALTER TABLE notes ADD CONSTRAINT long CHECK (length(body) > 5000) NOT VALID;',
      '3_valid.postgres': 'ALTER TABLE notes VALIDATE CONSTRAINT long;',
    })
    assert.deepEqual(bad(result), [])
    assert.deepEqual(result.judged, { postgres: 'measured' })
  })

  test('3.5 without a shadow database it is judged from the text, and the result says so', async () => {
    const named = { shadow: '@electric-sql/pglite' }
    const gone = await lint({ migrations: scripts(HISTORY), ...named, static: true })
    assert.deepEqual([gone.judged, gone.notes], [{ postgres: 'text' }, []])
    // A server that was named is not given up in silence.
    const error = await errorOf(lint({ migrations: scripts(HISTORY), ...NOWHERE }))
    assert.equal(error.code, 'CONNECTION')
  })

  test('3.6 a file by itself that does not run there is judged from its text', () =>
    withFolder(async (folder) => {
      write(folder, { 'fix.postgres.sql': INDEX })
      const result = await lint({ files: [join(folder, 'fix.postgres.sql')], ...SHADOW })
      assert.equal(result.judged.postgres, 'text')
      assert.match(
        result.notes.join(),
        /does not run on PostgreSQL by itself.*relation "notes" does not exist/,
      )
      assert.equal(bad(result).length, 1)
    }))

  test('3.7 it can be stopped', async () => {
    const signal = AbortSignal.abort()
    assert.equal((await errorOf(measured(HISTORY, { signal }))).code, 'ABORTED')
  })
})

describe('4 what is told', () => {
  const told = async () => {
    const [finding] = bad(await text(HISTORY))
    return String(finding?.rule)
  }

  test('4.1 rule, severity, dialect, migration, place, message and the safe form, and nothing else', async () => {
    const [finding] = bad(await text(HISTORY))
    assert.deepEqual(Object.keys(finding ?? {}), [
      'rule',
      'severity',
      'dialect',
      'migration',
      'file',
      'line',
      'column',
      'message',
      'safe',
    ])
    assert.match(String(finding?.message), /notes/)
    assert.match(String(finding?.safe), /CREATE INDEX CONCURRENTLY/)
    assert.ok((await rules()).some(({ id }) => id === finding?.rule))
  })

  test('4.2 severities of the project, and how bad it must be', async () => {
    const rule = await told()
    assert.equal((await text(HISTORY)).ok, false)
    assert.equal((await text(HISTORY, { failOn: 'never' })).ok, true)
    const softer = await text(HISTORY, { rules: { [rule]: 'warning' } })
    assert.deepEqual([bad(softer)[0]?.severity, softer.ok], ['warning', true])
    assert.equal((await text(HISTORY, { rules: { [rule]: 'warning' }, failOn: 'warning' })).ok, false)
    assert.deepEqual(bad(await text(HISTORY, { rules: { [rule]: 'off' } })), [])
    const error = await errorOf(text(HISTORY, { rules: { [rule.slice(1)]: 'off' } }))
    assert.deepEqual([error.code, error.hint], ['CONFIG', `did you mean ${rule}?`])
    assert.equal((await errorOf(text(HISTORY, { failOn: 'all' as 'never' }))).code, 'USAGE')
  })

  test('4.3 a directive keeps a rule back in its file', async () => {
    const rule = await told()
    const ignore = `-- lint: ignore ${rule} the table is small\n`
    const quiet = await text({ ...HISTORY, '2_index.postgres': ignore + INDEX })
    assert.deepEqual([bad(quiet), quiet.notes], [[], []])
    const useless = await text({ '1_notes.postgres': ignore + TABLE })
    assert.deepEqual(useless.notes, [`1_notes.postgres.sql: "lint: ignore ${rule}" keeps nothing back`])
    // Nobody has asked the database of the rule.
    const elsewhere = await text({ '1_notes': ignore + TABLE }, { dialect: 'sqlite' })
    assert.deepEqual(elsewhere.notes, [])
    const error = await errorOf(
      text({ '1_notes.postgres': `-- a comment\n-- lint: ignore ${rule.slice(1)} why\n${TABLE}` }),
    )
    assert.deepEqual([error.code, error.line, error.hint], ['DIRECTIVE', 2, `did you mean ${rule}?`])
  })

  test("4.4 Nexflow's own migrations are clean", async () => {
    for (const options of [{ static: true }, SHADOW]) {
      const result = await lint({ ...options })
      assert.deepEqual([bad(result), result.notes], [[], []])
    }
  })
})
