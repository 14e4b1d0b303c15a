import assert from 'node:assert/strict'
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { readFiles } from '../../src/core/migrations.ts'
import { type LintOptions, lint, up, verify } from '../../src/index.ts'
import { NEWEST, SERVERS, withFolder } from '../matrix.ts'

const shadow = `${SERVERS.at(-1)?.url}/postgres`

const FIRST = `CREATE TABLE users (id bigint PRIMARY KEY NOT NULL, name text, age int, org_id bigint);
CREATE TABLE orgs (id bigint PRIMARY KEY NOT NULL);
`

/** Does `work` in a folder of migrations that begins with two tables. */
function withMigrations<T>(
  files: Readonly<Record<string, string>>,
  work: (dir: string, fix: (more?: LintOptions) => ReturnType<typeof lint>) => Promise<T>,
): Promise<T> {
  return withFolder((folder) => {
    const dir = join(folder, 'migrations')
    mkdirSync(dir)
    const first = {
      '000001_init.up.sql': FIRST,
      '000001_init.down.sql': 'DROP TABLE users; DROP TABLE orgs;',
    }
    for (const [name, sql] of Object.entries({ ...first, ...files })) writeFileSync(join(dir, name), sql)
    return work(dir, (more) => lint({ migrations: dir, shadow, fix: true, ...more }))
  })
}

function contents(dir: string): Record<string, string> {
  return Object.fromEntries(readdirSync(dir).map((name) => [name, readFileSync(join(dir, name), 'utf8')]))
}

/** Ids of what was found that is no advice. */
function bad({ findings }: Awaited<ReturnType<typeof lint>>): string[] {
  return findings.filter(({ severity }) => severity !== 'info').map(({ rule }) => rule)
}

const UNSAFE = {
  '000002_more.postgres.up.sql': `-- what the search needs
CREATE INDEX users_name ON users (name);
ALTER TABLE users ADD COLUMN nick text, ADD CONSTRAINT users_org FOREIGN KEY (org_id) REFERENCES orgs (id);
ALTER TABLE users ALTER COLUMN age SET NOT NULL;
`,
  '000002_more.postgres.down.sql': `ALTER TABLE users ALTER COLUMN age DROP NOT NULL;
ALTER TABLE users DROP CONSTRAINT users_org;
ALTER TABLE users DROP COLUMN nick;
DROP INDEX users_name;
`,
  '000002_more.sqlite.up.sql': `ALTER TABLE users ADD COLUMN nick text;
CREATE INDEX users_name ON users (name);
`,
  '000002_more.sqlite.down.sql': `DROP INDEX users_name;
ALTER TABLE users DROP COLUMN nick;
`,
}

describe('1 what blocks on PostgreSQL', () => {
  test('1.1 becomes migrations that do not, each with its way back', () =>
    withMigrations(UNSAFE, async (dir, fix) => {
      assert.notDeepEqual(bad(await lint({ migrations: dir, shadow })), [])
      const result = await fix()
      assert.deepEqual(bad(result), [])
      assert.deepEqual(
        result.fixed?.map(({ migration, added }) => [migration, added]),
        [
          [
            '000002_more',
            ['000003_more_constraint', '000004_more_check', '000005_more_validate', '000006_more_not_null'],
          ],
        ],
      )
      const files = contents(dir)
      assert.equal(
        files['000002_more.postgres.up.sql'],
        '-- migrate: no-transaction\n-- what the search needs\nCREATE INDEX CONCURRENTLY users_name ON users (name);\n',
      )
      assert.equal(files['000002_more.sqlite.up.sql'], UNSAFE['000002_more.sqlite.up.sql'])
      assert.match(files['000005_more_validate.sqlite.up.sql'] ?? '', /^-- migrate: nothing /)
      const { migrations } = await verify({ migrations: dir, shadow })
      assert.deepEqual(
        migrations.filter(
          ({ sqlite, postgres }) => sqlite?.verdict !== 'reversible' || postgres?.verdict !== 'reversible',
        ),
        [],
      )
    }))

  test('1.2 a second run changes nothing', () =>
    withMigrations(UNSAFE, async (dir, fix) => {
      await fix()
      const once = contents(dir)
      assert.deepEqual((await fix()).fixed, [])
      assert.deepEqual(contents(dir), once)
    }))

  test('1.3 a file for both databases becomes one for each', () =>
    withMigrations(
      {
        '000002_index.up.sql': 'CREATE INDEX users_name ON users (name);\n',
        '000002_index.down.sql': 'DROP INDEX users_name;\n',
      },
      async (dir, fix) => {
        assert.deepEqual(bad(await fix()), [])
        assert.deepEqual(readdirSync(dir).slice(2), [
          '000002_index.postgres.down.sql',
          '000002_index.postgres.up.sql',
          '000002_index.sqlite.down.sql',
          '000002_index.sqlite.up.sql',
        ])
        assert.equal(
          contents(dir)['000002_index.sqlite.up.sql'],
          'CREATE INDEX users_name ON users (name);\n',
        )
      },
    ))

  test('1.4 where there is no room behind it, it says so and changes nothing', () =>
    withMigrations(
      { ...UNSAFE, '000003_late.up.sql': 'CREATE TABLE late (id bigint PRIMARY KEY NOT NULL);' },
      async (dir, fix) => {
        const before = contents(dir)
        const { fixed, notes } = await fix({ files: ['000002_more'] })
        assert.deepEqual(fixed, [])
        assert.ok(
          notes.some((note) => note.includes('000003_late stands behind it')),
          notes.join('\n'),
        )
        assert.deepEqual(contents(dir), before)
      },
    ))

  test('1.5 migrations of one day stay in their order', () =>
    withFolder(async (folder) => {
      const dir = join(folder, 'postgres')
      mkdirSync(dir)
      writeFileSync(join(dir, '20260115_init.up.sql'), FIRST)
      writeFileSync(
        join(dir, '20260116_org.up.sql'),
        'ALTER TABLE users ADD FOREIGN KEY (org_id) REFERENCES orgs (id);',
      )
      const result = await lint({ migrations: folder, dialect: 'postgres', shadow, fix: true })
      assert.deepEqual(bad(result), [])
      assert.deepEqual(readdirSync(dir), [
        '20260115_init.up.sql',
        '20260116_org.up.sql',
        '20260116_org_2_validate.up.sql',
      ])
    }))

  test('1.5.1 also where one becomes ten or more', () =>
    withFolder(async (folder) => {
      const dir = join(folder, 'postgres')
      mkdirSync(dir)
      const names = Array.from({ length: 11 }, (_, i) => `c${i + 1}`)
      const columns = names.map((name) => `${name} bigint`).join(', ')
      writeFileSync(
        join(dir, '20260115_init.up.sql'),
        `${FIRST}CREATE TABLE more (id bigint PRIMARY KEY NOT NULL, ${columns});`,
      )
      // What is built outside a transaction keeps apart what stands before and behind it.
      const many = names.map(
        (name) =>
          `ALTER TABLE more ALTER ${name} SET DEFAULT 1;\nCREATE INDEX more_${name} ON more (${name});\n`,
      )
      writeFileSync(join(dir, '20260116_many.up.sql'), many.join(''))
      const { fixed = [] } = await lint({ migrations: folder, dialect: 'postgres', shadow, fix: true })
      const [{ added } = { added: [] }] = fixed
      assert.equal(added.length, 21)
      assert.deepEqual([added[0], added.at(-1)], ['20260116_many_02_index', '20260116_many_22_index'])
      assert.deepEqual(
        readFiles(folder).map(({ id }) => id),
        ['20260115_init', '20260116_many', ...added],
      )
    }))

  test('1.6 what is ignored, off or only advice stays as it is', () =>
    withMigrations(
      {
        '000002_a.up.sql':
          '-- lint: ignore create-index-blocks-writes there are ten users\nCREATE INDEX users_name ON users (name);\n',
        '000003_b.up.sql': 'CREATE INDEX users_age ON users (age);\n',
      },
      async (dir, fix) => {
        const before = contents(dir)
        const { fixed } = await fix({ rules: { 'create-index-blocks-writes': 'info' } })
        assert.deepEqual([fixed, contents(dir)], [[], before])
      },
    ))

  test('1.7 comments stay with their statements, in both directions', () =>
    withMigrations(
      {
        '000002_more.postgres.up.sql': `-- what the search needs
/* by Ann */ CREATE INDEX users_name -- for the list
  ON users (name); -- see 12
-- lint: of another tool

-- people have nicks; and more
ALTER TABLE users ADD COLUMN nick text -- as it is
; /* short */
/* of the
   company */
ALTER TABLE users ADD CONSTRAINT users_org FOREIGN KEY (org_id) REFERENCES orgs (id);
-- an age for everybody
UPDATE users SET age = 1; -- a year
-- the end`,
        '000002_more.postgres.down.sql': `-- back
DROP INDEX users_name; -- gone
ALTER TABLE users DROP CONSTRAINT users_org;
-- nobody has a nick
ALTER TABLE users DROP COLUMN nick; -- any more
-- no ages
UPDATE users SET age = NULL -- at all
`,
        '000002_more.sqlite.up.sql': '-- migrate: nothing it is not about this one\n',
      },
      async (dir, fix) => {
        await fix()
        const files = contents(dir)
        const text = (id: string, direction: string) => files[`${id}.postgres.${direction}.sql`]
        assert.equal(
          text('000002_more', 'up'),
          `-- migrate: no-transaction
-- what the search needs
/* by Ann */
-- for the list
CREATE INDEX CONCURRENTLY users_name ON users (name); -- see 12
`,
        )
        // At the top of a file it would be an unknown directive.
        assert.equal(
          text('000003_more_constraint', 'up'),
          `--- lint: of another tool

-- people have nicks; and more
ALTER TABLE users ADD COLUMN nick text; -- as it is
/* short */
/* of the
   company */
ALTER TABLE users ADD CONSTRAINT users_org FOREIGN KEY (org_id) REFERENCES orgs (id) NOT VALID;
`,
        )
        assert.equal(
          text('000005_more_rows', 'up'),
          `-- migrate: batch 1000
-- an age for everybody
UPDATE users SET age = 1; -- a year
-- the end
`,
        )
        assert.equal(
          text('000003_more_constraint', 'down'),
          `ALTER TABLE users DROP CONSTRAINT IF EXISTS users_org;
-- nobody has a nick
ALTER TABLE users DROP COLUMN nick; -- any more
-- no ages
UPDATE users SET age = NULL; -- at all
`,
        )
        assert.match(text('000002_more', 'down') ?? '', /^-- migrate: no-transaction\n-- back\nDROP INDEX /)
      },
    ))
})

describe('2 what is written works', () => {
  for (const { label, dialect, scratch } of NEWEST) {
    test(`2.1 on a database with rows, ${label}`, () =>
      withMigrations(
        {
          '000002_seen.up.sql': "ALTER TABLE users ADD COLUMN seen text DEFAULT (lower('NEVER'));\n",
          '000002_seen.down.sql': 'ALTER TABLE users DROP COLUMN seen;\n',
          '000003_name.up.sql': "UPDATE users SET name = 'nobody';\n",
        },
        async (dir, fix) =>
          scratch(async ({ url: database, query }) => {
            await up({ database, migrations: dir, to: '000001_init' })
            await query("INSERT INTO users (id, name) VALUES (1, 'a'), (2, NULL)")
            const { fixed = [] } = await fix()
            assert.deepEqual(
              fixed.map(({ migration }) => migration),
              ['000002_seen', '000003_name'],
            )
            await up({ database, migrations: dir })
            assert.deepEqual(
              await query('SELECT id, name, seen FROM users ORDER BY id'),
              [
                { id: dialect === 'sqlite' ? 1 : '1', name: 'nobody', seen: 'never' },
                { id: dialect === 'sqlite' ? 2 : '2', name: 'nobody', seen: 'never' },
              ].map((row) => Object.assign(dialect === 'sqlite' ? Object.create(null) : {}, row)),
            )
          }),
      ))
  }
})
