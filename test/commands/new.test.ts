import assert from 'node:assert/strict'
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { writeNew } from '../../src/commands/write.ts'
import {
  type Dialect,
  down,
  type NewOptions,
  type NewResult,
  newMigration,
  parity,
  status,
  up,
} from '../../src/index.ts'
import { KINDS, withFolder } from '../matrix.ts'
import { errorOf } from '../tools.ts'

/** The id of a new migration in a folder that holds these files. */
function idAfter(
  names: readonly string[],
  options: Partial<Parameters<typeof newMigration>[0]> = {},
): Promise<string> {
  return withFolder(async (dir) => {
    for (const name of names) writeFileSync(join(dir, name), 'SELECT 1')
    return (await newMigration({ name: 'add email', dir, ...options })).id
  })
}

test('1 the next number, in the style of the last', async () => {
  const now = new Date().toISOString().replace(/\D/g, '')
  assert.equal(await idAfter([]), '000001_add_email')
  assert.equal(await idAfter(['000003_a.sql', '000012_b.up.sql']), '000013_add_email')
  assert.equal(await idAfter(['9_a.sql']), '10_add_email')
  assert.equal(await idAfter(['20260115_a.sql']), `${now.slice(0, 8)}_add_email`)
  assert.match(await idAfter(['20260115093000_a.sql']), new RegExp(`^${now.slice(0, 8)}\\d{6}_add_email$`))
  assert.equal(await idAfter([], { version: 'date' }), `${now.slice(0, 8)}_add_email`)
  assert.match(await idAfter(['000001_a.sql'], { version: 'timestamp' }), /^\d{14}_add_email$/)
})

test('2 up and down for both databases, which are empty until somebody writes them', () =>
  withFolder(async (folder) => {
    const dir = join(folder, 'migrations')
    const { files } = await newMigration({ name: 'Add e-mail!', dir })
    assert.deepEqual(readdirSync(dir), [
      '000001_add_e_mail.postgres.down.sql',
      '000001_add_e_mail.postgres.up.sql',
      '000001_add_e_mail.sqlite.down.sql',
      '000001_add_e_mail.sqlite.up.sql',
    ])
    assert.equal(files.length, 4)
    assert.match(readFileSync(join(dir, '000001_add_e_mail.sqlite.up.sql'), 'utf8'), /^-- /)
    assert.equal((await errorOf(status({ database: ':memory:', migrations: dir }))).code, 'EMPTY_SCRIPT')
    const neutral = await newMigration({ name: 'b', dir, neutral: true })
    assert.deepEqual(
      neutral.files.map((file) => file.replace(/^.*\//, '')),
      ['000002_b.up.sql', '000002_b.down.sql'],
    )
  }))

test('3 into the folders per dialect where there are such', () =>
  withFolder(async (dir) => {
    mkdirSync(join(dir, 'sqlite'))
    writeFileSync(join(dir, 'sqlite', '000004_a.sql'), 'SELECT 1')
    const { files } = await newMigration({ name: 'b', dir })
    assert.deepEqual(
      files.map((file) => file.split('/').slice(-2).join('/')),
      [
        'sqlite/000005_b.up.sql',
        'sqlite/000005_b.down.sql',
        'postgres/000005_b.up.sql',
        'postgres/000005_b.down.sql',
      ],
    )
  }))

test('4 a name of nothing, and a folder that is a file', () =>
  withFolder(async (folder) => {
    for (const name of [' - ', 'добавить', 'caf\u00e9']) {
      assert.equal((await errorOf(newMigration({ name, dir: folder }))).code, 'USAGE')
    }
    const two = [
      await newMigration({ name: 'a', dir: folder, version: 'timestamp' }),
      await newMigration({ name: 'b', dir: folder, version: 'timestamp' }),
    ]
    assert.equal(new Set(two.map(({ id }) => id.split('_')[0])).size, 2)
    writeFileSync(join(folder, 'file'), '')
    assert.equal((await errorOf(newMigration({ name: 'a', dir: join(folder, 'file') }))).code, 'DIRECTORY')
  }))

test('4.1 all files or none: what stood in the way stays, and nothing beside it', () =>
  withFolder(async (folder) => {
    const drafts = ['a', 'b', 'c'].map((name) => ({ path: join(folder, name), text: 'ours' }))
    writeFileSync(join(folder, 'b'), 'theirs')
    assert.throws(() => writeNew(drafts), { code: 'DIRECTORY' })
    assert.deepEqual(readdirSync(folder), ['b'])
    assert.equal(readFileSync(join(folder, 'b'), 'utf8'), 'theirs')
  }))

const HISTORY: Readonly<Record<string, string>> = {
  '000001_a.sqlite.up.sql': `
    CREATE TABLE people (
      id TEXT PRIMARY KEY NOT NULL,
      nick TEXT,
      level TEXT NOT NULL DEFAULT 'low' CHECK (level IN ('low', 'high')),
      created_at TEXT NOT NULL DEFAULT (datetime('now'))
    );
    CREATE TABLE posts (id INTEGER PRIMARY KEY AUTOINCREMENT, author TEXT NOT NULL REFERENCES people (id), body TEXT);
    CREATE INDEX posts_author ON posts (author);`,
  '000001_a.sqlite.down.sql': 'DROP TABLE posts; DROP TABLE people;',
  '000001_a.postgres.up.sql': `
    CREATE TYPE level AS ENUM ('low', 'high');
    CREATE TABLE people (
      id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
      nick varchar(50),
      level level NOT NULL DEFAULT 'low',
      created_at timestamptz NOT NULL DEFAULT now()
    );
    CREATE TABLE posts (id bigserial PRIMARY KEY, author uuid NOT NULL CONSTRAINT by REFERENCES people, body text);
    CREATE INDEX posts_author ON posts (author);`,
  '000001_a.postgres.down.sql': 'DROP TABLE posts; DROP TABLE people; DROP TYPE level;',
}

const SQLITE = HISTORY['000001_a.sqlite.up.sql'] ?? ''
const POSTGRES = HISTORY['000001_a.postgres.up.sql'] ?? ''

interface Wanted {
  readonly name: string
  /** Of the file; what it says of the database. */
  readonly file?: string
  readonly sql: string
  readonly options?: Partial<NewOptions>
  /** What the up files say. */
  readonly says?: Readonly<Partial<Record<Dialect, RegExp>>>
  readonly not?: Readonly<Partial<Record<Dialect, RegExp>>>
}

const WANTED: readonly Wanted[] = [
  {
    name: 'a column, an index, a table',
    sql: `${SQLITE.replace('body TEXT', 'body TEXT, rating REAL')}
      CREATE INDEX people_nick ON people (nick);
      CREATE TABLE likes (post INTEGER REFERENCES posts (id), who TEXT REFERENCES people (id), PRIMARY KEY (post, who));`,
    says: {
      sqlite: /ADD COLUMN rating REAL/,
      postgres: /who UUID/,
    },
    not: { sqlite: /DROP/, postgres: /DROP/ },
  },
  {
    name: 'what SQLite cannot alter, said for PostgreSQL',
    sql: POSTGRES.replace('nick varchar(50)', 'nick varchar(50) NOT NULL').replace(
      "'high')",
      "'high', 'top')",
    ),
    says: {
      sqlite: /nick TEXT NOT NULL[\s\S]*'top'[\s\S]*DROP TABLE people;/,
      postgres: /ADD VALUE 'top'[\s\S]*SET NOT NULL/,
    },
  },
  {
    name: 'a file that says which database it is for',
    file: 'schema.postgres.sql',
    sql: POSTGRES.replace('body text', "body text DEFAULT ''"),
    says: { sqlite: /DEFAULT ''/, postgres: /SET DEFAULT ''/ },
    not: { postgres: /by/ },
  },
  {
    name: 'a length, which is nothing to SQLite',
    sql: POSTGRES.replace('varchar(50)', 'varchar(60)'),
    says: { sqlite: /^-- migrate: nothing .+\n$/, postgres: /varchar\(60\)/i },
  },
  {
    name: 'renamed, as was said',
    sql: SQLITE.replaceAll('people', 'users').replace('nick TEXT', 'name TEXT'),
    options: { rename: { people: 'users', 'people.nick': 'name' } },
    says: {
      sqlite: /^ALTER TABLE people RENAME TO users;\nALTER TABLE users RENAME COLUMN nick TO name;\n$/,
      postgres: /^ALTER TABLE people RENAME TO users;\nALTER TABLE users RENAME COLUMN nick TO name;\n$/,
    },
  },
  {
    name: 'renamed, as somebody answers',
    sql: SQLITE.replace('nick TEXT', 'name TEXT'),
    options: { onRename: ({ table, from, to }) => `${table}.${from} ${to}` === 'people.nick name' },
    says: { postgres: /RENAME COLUMN nick TO name/ },
  },
  {
    name: 'not renamed',
    sql: SQLITE.replace('nick TEXT', 'name TEXT'),
    options: { drop: ['people.nick'] },
    says: { sqlite: /DROP COLUMN nick/, postgres: /ADD COLUMN name TEXT/ },
  },
]

for (const kind of KINDS.filter((one) => one === KINDS.at(-1) && one.dialect === 'postgres')) {
  const sqlite = KINDS.find(({ dialect }) => dialect === 'sqlite')

  /** Holds the history against a wanted schema. */
  function wanted(
    { sql, file = 'schema.sql', options = {} }: Pick<Wanted, 'sql' | 'file' | 'options'>,
    look: (
      make: (said?: Partial<NewOptions>) => Promise<NewResult>,
      dir: string,
      url: string,
    ) => Promise<void>,
  ): Promise<void> {
    return kind.scratch(({ url }) =>
      withFolder(async (folder) => {
        const dir = join(folder, 'migrations')
        mkdirSync(dir)
        for (const [name, text] of Object.entries(HISTORY)) writeFileSync(join(dir, name), text)
        const from = join(folder, file)
        writeFileSync(from, sql)
        return look(
          (said = options) => newMigration({ name: 'x', dir, from, shadow: url, ...said }),
          dir,
          url,
        )
      }),
    )
  }

  describe(`5 from a wanted schema, ${kind.label}`, { concurrency: 2 }, () => {
    for (const one of WANTED) {
      test(`5.1 ${one.name}`, () =>
        wanted(one, async (make, dir, url) => {
          const { id, files, differences } = await make()
          assert.equal(files.length, 4)
          for (const dialect of ['sqlite', 'postgres'] as const) {
            const text = readFileSync(join(dir, `${id}.${dialect}.up.sql`), 'utf8')
            assert.match(text, one.says?.[dialect] ?? /./)
            assert.doesNotMatch(text, one.not?.[dialect] ?? /^$/)
          }
          assert.deepEqual(differences, [])
          const { equal, differences: between } = await parity({ migrations: dir, shadow: url })
          assert.ok(equal, JSON.stringify(between))
          assert.deepEqual((await make({})).files, [])
        }))
    }

    test('5.2 what it writes goes up and down with rows, on both', () => {
      const [first, second] = WANTED
      const sql = `${first?.sql}`.replace('nick TEXT', "nick TEXT DEFAULT ''")
      return wanted({ sql, options: second?.options ?? {} }, async (make, dir) => {
        const { id } = await make()
        for (const one of [sqlite, kind]) {
          await one?.scratch(async (database) => {
            await up({ database: database.url, migrations: dir, to: '1' })
            await database.query(
              "INSERT INTO people (id, nick) VALUES ('6f0d1a52-0a8b-4a52-9f5f-1b0e5cbb3e0a', 'a')",
            )
            await database.query("INSERT INTO posts (author) VALUES ('6f0d1a52-0a8b-4a52-9f5f-1b0e5cbb3e0a')")
            await up({ database: database.url, migrations: dir })
            await down({ database: database.url, migrations: dir, id })
            const [row] = await database.query(
              'SELECT nick, author FROM people JOIN posts ON author = people.id',
            )
            assert.equal(row?.nick, 'a')
          })
        }
      })
    })

    test('5.3 what may be a rename is asked, never guessed', () =>
      wanted(
        { sql: SQLITE.replaceAll('people', 'users').replace('nick TEXT', 'name TEXT') },
        async (make) => {
          const error = await errorOf(make())
          assert.equal(error.code, 'RENAME')
          assert.match(error.message, /people to users/)
          assert.equal(
            error.hint,
            'give --rename people=users to keep what they hold, or --drop people to lose it',
          )
        },
      ))

    test('5.4 columns that may be renamed, all at once', () =>
      wanted(
        { sql: SQLITE.replace('nick TEXT', 'name TEXT').replace('body TEXT', 'text TEXT') },
        async (make) => {
          const { code, hint } = await errorOf(make())
          assert.equal(code, 'RENAME')
          assert.equal(
            hint,
            'give --rename people.nick=name,posts.body=text to keep what they hold, or --drop people.nick,posts.body to lose it',
          )
        },
      ))

    test('5.5 what was said must fit', async () => {
      for (const [options, hint] of [
        [{ rename: { 'people.nik': 'name' } }, 'did you mean people.nick?'],
        [{ rename: { 'people.nick': 'nam' } }, 'did you mean people.name?'],
        [{ rename: { 'people.level': 'name' } }, 'leave it out of --rename'],
        [{ drop: ['peple.nick'] }, 'did you mean people.nick?'],
        [{ neutral: true }, 'each database gets its own files'],
      ] as const) {
        await wanted({ sql: SQLITE.replace('nick TEXT', 'name TEXT'), options }, async (make) => {
          const error = await errorOf(make())
          assert.deepEqual([error.code, error.hint], ['USAGE', hint])
        })
      }
    })

    test('5.6 a file that neither database takes, and one that is not there', () =>
      wanted({ sql: 'CREATE TABEL a (b text)' }, async (make, dir, url) => {
        const error = await errorOf(make())
        assert.equal(error.code, 'SQL')
        assert.match(error.hint ?? '', /SQLite refuses it too/)
        const from = join(dir, 'words.txt')
        writeFileSync(from, 'CREATE TABLE a (id INTEGER PRIMARY KEY AUTOINCREMENT)')
        const other = await errorOf(newMigration({ name: 'x', dir, from, dialect: 'postgres', shadow: url }))
        assert.match(other.hint ?? '', /AUTOINCREMENT is SQLite's; is the file for the other database\?/)
        const none = await errorOf(newMigration({ name: 'x', dir, from: join(dir, 'none.sql'), shadow: url }))
        assert.equal(none.code, 'FILE_TEXT')
        assert.match(none.hint ?? '', /look for it/)
      }))
  })
}
