import assert from 'node:assert/strict'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { PAIRS } from '../../src/core/schema/pairs.ts'
import {
  differenceText,
  type MigrateError,
  type MigrationFile,
  type ParityOptions,
  type ParityResult,
  parity,
} from '../../src/index.ts'
import { SERVERS, withFolder } from '../matrix.ts'
import { json, run } from '../process.ts'

const PROJECTS = join(import.meta.dirname, 'parity')
const shadow = `${SERVERS.at(-1)?.url}/postgres`

/** The migrations of a project, as a bundler gives them. */
function filesOf(project: string): MigrationFile[] {
  const folder = join(PROJECTS, project)
  const names = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) =>
    name.endsWith('.sql'),
  )
  return names.map((path) => {
    const [name = '', dialect] = path.split('/').reverse()
    const sql = readFileSync(join(folder, path), 'utf8')
    return { name: dialect === undefined ? name : name.replace('.', `.${dialect}.`), sql }
  })
}

const texts = ({ differences }: ParityResult) =>
  differences.map((one) => {
    const text = differenceText(one, { before: 'SQLite', after: 'PostgreSQL' })
    return one.table === undefined ? text : `${one.table}: ${text}`
  })

const compare = (migrations: MigrationFile[], options: ParityOptions = {}) =>
  parity({ migrations, shadow, ...options })

/** A mistake that people make in one of the two dialects. */
interface Planted {
  readonly what: string
  /** A part of the name of the file. */
  readonly file: string
  readonly from: string
  readonly to: string
  /** The one difference that comes of it. */
  readonly found: string
  /** Found only with it. */
  readonly strict?: true
}

const PLANTED: Readonly<Record<string, readonly Planted[]>> = {
  vault: [
    {
      what: 'a renamed index',
      file: '20180217_add_attachments.postgres',
      from: 'INDEX ix_attachments_cipher_uuid',
      to: 'INDEX attachments_cipher_idx',
      found:
        'attachments: index ix_attachments_cipher_uuid: name is ix_attachments_cipher_uuid in SQLite and attachments_cipher_idx in PostgreSQL',
    },
    {
      what: 'a missing NOT NULL',
      file: '20180114_create_tables.sqlite',
      from: 'refresh_token TEXT     NOT NULL',
      to: 'refresh_token TEXT',
      found: 'devices: column refresh_token: NULL in SQLite and NOT NULL in PostgreSQL',
    },
    {
      what: 'ON DELETE that differs',
      file: '20180217_add_attachments.postgres',
      from: ' ON DELETE CASCADE',
      to: '',
      found:
        'attachments: foreign key cipher_uuid: on delete is CASCADE in SQLite and NO ACTION in PostgreSQL',
    },
    {
      what: 'a default that differs',
      file: '20211024_add_hide_passwords.postgres',
      from: 'DEFAULT FALSE',
      to: 'DEFAULT TRUE',
      found: 'users_collections: column hide_passwords: default is 0 in SQLite and true in PostgreSQL',
    },
    {
      what: 'a unique index against a unique constraint',
      file: '20180114_create_tables.postgres',
      from: 'VARCHAR(255) NOT NULL UNIQUE,',
      to: 'VARCHAR(255) NOT NULL,',
      found: 'users: unique email: form is a constraint in SQLite and the index ix_email in PostgreSQL',
    },
    {
      what: 'int against bigint',
      file: '20180217_add_attachments.postgres',
      from: 'file_size   BIGINT',
      to: 'file_size   INTEGER',
      found: 'attachments: column file_size: type is BIGINT in SQLite and integer in PostgreSQL',
    },
    {
      what: 'int against bigint',
      file: '20180114_create_tables.postgres',
      from: 'type          INTEGER',
      to: 'type          BIGINT',
      found: '',
    },
    {
      what: 'another order of columns',
      file: '20180114_create_tables.sqlite',
      from: '  user_uuid TEXT NOT NULL REFERENCES users (uuid),\n  name      TEXT NOT NULL\n',
      to: '  name      TEXT NOT NULL,\n  user_uuid TEXT NOT NULL REFERENCES users (uuid)\n',
      found:
        'table folders: column order is uuid, name, user_uuid in SQLite and uuid, user_uuid, name in PostgreSQL',
      strict: true,
    },
    {
      what: 'a column that one lacks',
      file: '20180827_update_ciphers.postgres',
      from: 'ADD COLUMN fields TEXT,',
      to: '',
      found: 'ciphers: column fields: only in SQLite',
    },
    {
      what: 'an index that the rebuild of a table forgot',
      file: '20180827_update_ciphers.sqlite',
      from: 'CREATE INDEX ix_ciphers_user_uuid ON ciphers (user_uuid) WHERE user_uuid IS NOT NULL;',
      to: '',
      found: 'ciphers: index ix_ciphers_user_uuid: only in PostgreSQL',
    },
    {
      what: 'another condition of an index',
      file: '20180827_update_ciphers.postgres',
      from: 'WHERE user_uuid IS NOT NULL',
      to: 'WHERE user_uuid IS NULL',
      found:
        'ciphers: index ix_ciphers_user_uuid: where is user_uuid IS NOT NULL in SQLite and user_uuid IS NULL in PostgreSQL',
    },
    {
      what: 'another key',
      file: '20180525_add_organizations.sqlite',
      from: 'PRIMARY KEY (user_uuid, collection_uuid)',
      to: 'PRIMARY KEY (collection_uuid, user_uuid)',
      found:
        'users_collections: primary key collection_uuid, user_uuid: columns is collection_uuid, user_uuid in SQLite and user_uuid, collection_uuid in PostgreSQL',
    },
    {
      what: 'another type',
      file: '20180114_create_tables.postgres',
      from: 'password_hash       BYTEA',
      to: 'password_hash       TEXT',
      found: 'users: column password_hash: type is BLOB in SQLite and text in PostgreSQL',
    },
  ],
  workflows: [
    {
      what: 'a renamed index',
      file: '000001_init.sqlite',
      from: 'INDEX "IDX_execution_status"',
      to: 'INDEX "IDX_execution_entity_status"',
      found:
        'execution_entity: index IDX_execution_entity_status: name is IDX_execution_entity_status in SQLite and IDX_execution_status in PostgreSQL',
    },
    {
      what: 'a missing NOT NULL',
      file: '000001_init.postgres',
      from: '"finished" boolean NOT NULL',
      to: '"finished" boolean',
      found: 'execution_entity: column finished: NOT NULL in SQLite and NULL in PostgreSQL',
    },
    {
      what: 'ON DELETE that differs',
      file: '000001_init.postgres',
      from: 'ON DELETE SET NULL ON UPDATE CASCADE',
      to: 'ON DELETE CASCADE ON UPDATE CASCADE',
      found:
        'workflow_entity: foreign key ownerId: on delete is SET NULL in SQLite and CASCADE in PostgreSQL',
    },
    {
      what: 'a default that differs',
      file: '000001_init.sqlite',
      from: `"startedAt" datetime NOT NULL DEFAULT CURRENT_TIMESTAMP`,
      to: `"startedAt" datetime NOT NULL DEFAULT (datetime('now', 'localtime'))`,
      found: `execution_entity: column startedAt: default is datetime('now', 'localtime') in SQLite and now() in PostgreSQL`,
    },
    {
      what: 'a unique index against a unique constraint',
      file: '000002_add_tags.postgres',
      from: `  "name" varchar(24) NOT NULL,\n  CONSTRAINT "UQ_tag_name" UNIQUE ("name")\n);`,
      to: `  "name" varchar(24) NOT NULL\n);\nCREATE UNIQUE INDEX "UQ_tag_name" ON "tag_entity" ("name");`,
      found:
        'tag_entity: unique name: form is a constraint in SQLite and the index UQ_tag_name in PostgreSQL',
    },
    {
      what: 'int against bigint, where a key refers to it',
      file: '000002_add_tags.postgres',
      from: '"workflowId" bigint',
      to: '"workflowId" integer',
      found:
        'workflows_tags: column workflowId: type is INTEGER in SQLite and integer, narrower than workflow_entity.id in PostgreSQL',
    },
    {
      what: 'another order of columns',
      file: '000003_add_statistics.postgres',
      from: `  "name" varchar(64) NOT NULL,\n  "count" integer NOT NULL DEFAULT 0,\n`,
      to: `  "count" integer NOT NULL DEFAULT 0,\n  "name" varchar(64) NOT NULL,\n`,
      found:
        'table workflow_statistics: column order is workflowId, name, count, seconds, minutes in SQLite and workflowId, count, name, seconds, minutes in PostgreSQL',
      strict: true,
    },
    {
      what: 'another list of values',
      file: '000001_init.sqlite',
      from: `'success', 'error')`,
      to: `'success', 'failed')`,
      found: `execution_entity: check status: expression is "status" IN ('new', 'running', 'success', 'failed') in SQLite and "status" IN ('new', 'running', 'success', 'error') in PostgreSQL`,
    },
    {
      what: 'no list of values',
      file: '000001_init.sqlite',
      from: ` CHECK ("status" IN ('new', 'running', 'success', 'error'))`,
      to: '',
      found: `execution_entity: check "status" IN ('new', 'running', 'success', 'error'): only in PostgreSQL`,
    },
    {
      what: 'no counter',
      file: '000001_init.postgres',
      from: '"id" bigint GENERATED BY DEFAULT AS IDENTITY',
      to: '"id" bigint',
      found: 'workflow_entity: column id: identity is autoincrement in SQLite and none in PostgreSQL',
    },
    {
      what: 'a trigger on another event',
      file: '000003_add_statistics.postgres',
      from: 'AFTER INSERT ON',
      to: 'AFTER INSERT OR UPDATE ON',
      found:
        'execution_entity: trigger count_execution: events is INSERT in SQLite and INSERT, UPDATE in PostgreSQL',
    },
    {
      what: 'a view with other columns',
      file: '000003_add_statistics.sqlite',
      from: 'SELECT "id", "name" FROM "workflow_entity"',
      to: 'SELECT "id" FROM "workflow_entity"',
      found: 'view active_workflows: columns is id in SQLite and id, name in PostgreSQL',
    },
    {
      what: 'another generated column',
      file: '000003_add_statistics.sqlite',
      from: '"seconds" / 60',
      to: '"seconds" * 60',
      found:
        'workflow_statistics: column minutes: generated is ("seconds" * 60) VIRTUAL in SQLite and (seconds / (60)::double precision) STORED in PostgreSQL',
    },
    {
      what: 'another collation',
      file: '000001_init.postgres',
      from: '"email" citext',
      to: '"email" text',
      found: 'user: column email: collation is NOCASE in SQLite and none in PostgreSQL',
    },
  ],
}

/** The project with one mistake in it. */
function planted(project: string, { file, from, to, what }: Planted): MigrationFile[] {
  const files = filesOf(project)
  const wrong = files.map((one) => {
    if (!one.name.startsWith(file)) return one
    assert.ok(one.sql.includes(from), `${what}: ${file} does not say ${from}`)
    const index = what.startsWith('a unique index') && !to.includes('INDEX')
    const more = index ? '\nCREATE UNIQUE INDEX ix_email ON users (email);\n' : ''
    return { ...one, sql: one.sql.replace(from, to) + more }
  })
  assert.notDeepEqual(wrong, files, `${what}: there is no ${file}`)
  return wrong
}

describe('1 Nexflow’s own migrations', () => {
  for (const server of SERVERS) {
    test(`1.1 make the same of SQLite and of ${server.label}`, async () => {
      const each = await parity({ shadow: `${server.url}/postgres`, each: true, strict: true })
      assert.deepEqual(texts(each), [])
      const { equal, at, compared, warnings } = await parity({ shadow: `${server.url}/postgres` })
      assert.deepEqual(
        { equal, at, tables: compared.tables, columns: compared.columns, warnings },
        { equal: true, at: '000003_add_user_metadata', tables: 7, columns: 42, warnings: [] },
      )
    })
  }
})

describe('2 projects that ship both', { concurrency: 2 }, () => {
  for (const [project, mistakes] of Object.entries(PLANTED)) {
    test(`2.1 ${project} is equal, after every version`, async () => {
      assert.deepEqual(texts(await compare(filesOf(project))), [])
      assert.deepEqual(texts(await compare(filesOf(project), { each: true })), [])
    })

    for (const mistake of mistakes) {
      test(`2.2 ${project}: ${mistake.what} is found (${mistake.found})`, async () => {
        const files = planted(project, mistake)
        const lenient = texts(await compare(files))
        const wanted = mistake.found === '' ? [] : [mistake.found]
        assert.deepEqual(lenient, mistake.strict ? [] : wanted)
        if (mistake.strict) assert.ok(texts(await compare(files, { strict: true })).includes(mistake.found))
      })
    }

    test(`2.3 ${project}: a migration of one dialect only is an error`, async () => {
      const files = [
        ...filesOf(project),
        { name: '30000101_only.sqlite.up.sql', sql: 'CREATE TABLE only_here (a TEXT)' },
      ]
      await assert.rejects(compare(files), { code: 'ONE_DIALECT' })
    })
  }
})

const both = (sqlite: string, postgres: string, id = '000001_a'): MigrationFile[] => [
  { name: `${id}.sqlite.up.sql`, sql: sqlite },
  { name: `${id}.postgres.up.sql`, sql: postgres },
]

describe('3 versions', () => {
  const parted = [
    ...both('CREATE TABLE a (x TEXT)', 'CREATE TABLE a (x TEXT)'),
    ...both('ALTER TABLE a ADD COLUMN y TEXT', 'ALTER TABLE a ADD COLUMN z TEXT', '000002_part'),
    ...both('ALTER TABLE a ADD COLUMN z TEXT', 'ALTER TABLE a ADD COLUMN y TEXT', '000003_meet'),
  ]

  test('3.1 --each names the first at which they part, also where they meet again', async () => {
    const { equal, at } = await compare(parted)
    assert.deepEqual({ equal, at }, { equal: true, at: '000003_meet' })
    const each = await compare(parted, { each: true })
    assert.equal(each.at, '000002_part')
    assert.deepEqual(texts(each), ['a: column y: only in SQLite', 'a: column z: only in PostgreSQL'])
  })

  const types = [
    ...both(
      `CREATE TABLE a (id INTEGER PRIMARY KEY);
       CREATE TABLE b (a INTEGER REFERENCES a (id), state TEXT CHECK (state IN ('x', 'y')));`,
      `CREATE TYPE state AS ENUM ('x', 'y');
       CREATE TABLE a (id integer PRIMARY KEY);
       CREATE TABLE b (a integer REFERENCES a (id), state state);`,
    ),
    ...both('CREATE TABLE c (x TEXT)', 'CREATE TABLE c (x TEXT)', '000002_c'),
  ]
  for (const { what, postgres } of [
    { what: 'what it refers to', postgres: 'ALTER TABLE a ALTER COLUMN id TYPE bigint' },
    { what: 'its type', postgres: "ALTER TYPE state ADD VALUE 'z'" },
  ]) {
    test(`3.2 --each finds what comes to a table only through ${what}`, async () => {
      const part = both('SELECT 1', postgres, '000003_part')
      const files = [...types, ...part, ...both('SELECT 1', 'SELECT 1', '000004_after')]
      const whole = await compare(files)
      const each = await compare(files, { each: true })
      assert.equal(each.at, '000003_part')
      assert.deepEqual(texts(each), texts(whole))
      assert.ok(texts(each).length > 0)
    })
  }

  test('3.3 a script that fails is named with its dialect and its place', async () => {
    const neutral = [
      { name: '000001_a.up.sql', sql: 'CREATE TABLE a (x TEXT);\nCREATE TABLE b (x REAL) STRICT' },
    ]
    await assert.rejects(compare(neutral), (error: MigrateError) => {
      assert.equal(error.code, 'SQL')
      assert.match(error.message, /^on PostgreSQL: syntax error/)
      assert.deepEqual([error.file, error.line, error.column], ['000001_a.up.sql', 2, 25])
      return true
    })
    const wrong = both('CREATE TABLE a (x TEXT) wrong', 'SELECT pg_sleep(60)')
    const start = performance.now()
    await assert.rejects(compare(wrong), { code: 'SQL', message: /^on SQLite: / })
    assert.ok(performance.now() - start < 10_000, 'it waited for the other')
  })

  test('3.4 without migrations both are empty', async () => {
    const { equal, compared } = await compare([])
    assert.deepEqual([equal, compared.tables], [true, 0])
  })
})

/** Tables for a row of types: each name on the left with each on the right. */
function typeTables(strict: boolean) {
  const sqlite: string[] = []
  const postgres: string[] = ["CREATE EXTENSION citext; CREATE TYPE enum_of_a AS ENUM ('a')"]
  const sized = (name: string) => name.replace('(n)', '(8)')
  const rows = PAIRS.filter(
    (pair) => pair.of === 'type' && pair.strict !== true && pair.sqlite !== 'any type',
  )
  for (const pair of rows) {
    const right = strict && typeof pair.strict === 'string' ? pair.strict : pair.postgres
    for (const left of pair.sqlite.split(', ')) {
      for (const type of right.split(', ')) {
        const name = `t${sqlite.length}`
        const isEnum = type === 'enum'
        sqlite.push(`CREATE TABLE ${name} (x ${sized(left)}${isEnum ? " CHECK (x IN ('a'))" : ''})`)
        postgres.push(`CREATE TABLE ${name} (x ${isEnum ? 'enum_of_a' : sized(type)})`)
      }
    }
  }
  return both(sqlite.join(';\n'), postgres.join(';\n'))
}

/** What proves each other row of the table: equal, and with `strict` different where the row says so. */
const EXAMPLES: readonly (readonly [of: string, sqlite: string, postgres: string])[] = [
  ['type VARCHAR(40), DECIMAL(8, 2)', 'CREATE TABLE a (x VARCHAR(40))', 'CREATE TABLE a (x varchar(50))'],
  [
    'type any type',
    "CREATE TABLE a (x TEXT NOT NULL DEFAULT '' CHECK (x <> 'a'))",
    "CREATE DOMAIN d AS text NOT NULL DEFAULT '' CHECK (VALUE <> 'a'); CREATE TABLE a (x d)",
  ],
  [
    "default datetime('now'), CURRENT_TIMESTAMP, strftime('%Y-%m-%d %H:%M:%f', 'now')",
    "CREATE TABLE a (x TEXT DEFAULT (datetime('now')), y TEXT DEFAULT CURRENT_TIMESTAMP, z TEXT DEFAULT (strftime('%Y-%m-%d %H:%M:%f', 'now')))",
    'CREATE TABLE a (x timestamptz DEFAULT now(), y timestamptz DEFAULT now(), z timestamp DEFAULT CURRENT_TIMESTAMP)',
  ],
  [
    'default 0, 1',
    'CREATE TABLE a (x INTEGER DEFAULT 0, y INTEGER DEFAULT 1)',
    'CREATE TABLE a (x boolean DEFAULT false, y boolean DEFAULT true)',
  ],
  ['default none', 'CREATE TABLE a (x TEXT)', 'CREATE TABLE a (x uuid DEFAULT gen_random_uuid())'],
  ['default none', 'CREATE TABLE a (x TEXT DEFAULT NULL)', 'CREATE TABLE a (x varchar(9) DEFAULT NULL)'],
  ['default "text"', 'CREATE TABLE a (x TEXT DEFAULT "it\'s")', "CREATE TABLE a (x text DEFAULT 'it''s')"],
  [
    "default '1' of a number",
    "CREATE TABLE a (x INTEGER DEFAULT '1')",
    'CREATE TABLE a (x bigint DEFAULT 1)',
  ],
  ['null PRIMARY KEY', 'CREATE TABLE a (x TEXT PRIMARY KEY)', 'CREATE TABLE a (x text PRIMARY KEY)'],
  [
    'identity INTEGER PRIMARY KEY',
    'CREATE TABLE a (x INTEGER PRIMARY KEY); CREATE TABLE b (x INTEGER PRIMARY KEY)',
    'CREATE TABLE a (x bigint PRIMARY KEY); CREATE TABLE b (x bigserial PRIMARY KEY)',
  ],
  [
    'identity INTEGER PRIMARY KEY AUTOINCREMENT',
    'CREATE TABLE a (x INTEGER PRIMARY KEY AUTOINCREMENT); CREATE TABLE b (x INTEGER PRIMARY KEY AUTOINCREMENT)',
    'CREATE TABLE a (x bigserial PRIMARY KEY); CREATE TABLE b (x bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY)',
  ],
  [
    'check CHECK (x IN (0, 1))',
    'CREATE TABLE a (x INTEGER CHECK (x IN (0, 1)))',
    'CREATE TABLE a (x boolean)',
  ],
  [
    "check CHECK (x IN ('a', 'b'))",
    "CREATE TABLE a (x TEXT CHECK (x IN ('a', 'b')))",
    "CREATE TYPE e AS ENUM ('b', 'a'); CREATE TABLE a (x e)",
  ],
  [
    'check CHECK (json_valid(x))',
    'CREATE TABLE a (x TEXT CHECK (json_valid(x)))',
    'CREATE TABLE a (x jsonb)',
  ],
  [
    'check CHECK (length(x) <= n)',
    'CREATE TABLE a (x TEXT CHECK (length(x) <= 8))',
    'CREATE TABLE a (x varchar(8))',
  ],
  [
    'check CHECK (status IN (…) AND "from" <> \'\')',
    `CREATE TABLE a (status TEXT, "from" TEXT, CHECK (status IN ('a', 'b') AND "from" <> ''))`,
    `CREATE TABLE a (status text, "from" text, CHECK (status IN ('a', 'b') AND "from" <> ''))`,
  ],
  [
    'key a constraint without a name, or with another',
    'CREATE TABLE a (x TEXT NOT NULL, CONSTRAINT one UNIQUE (x), CHECK (x <> 0))',
    'CREATE TABLE a (x text NOT NULL, CONSTRAINT two UNIQUE (x), CONSTRAINT three CHECK (x <> 0::text))',
  ],
  [
    'collation COLLATE NOCASE',
    'CREATE TABLE a (x TEXT COLLATE NOCASE)',
    'CREATE EXTENSION citext; CREATE TABLE a (x citext)',
  ],
  [
    'collation none, COLLATE BINARY',
    'CREATE TABLE a (x TEXT, y TEXT COLLATE BINARY); CREATE INDEX i ON a (x)',
    'CREATE TABLE a (x text, y text COLLATE "POSIX"); CREATE INDEX i ON a (x COLLATE "C")',
  ],
  [
    'index none',
    'CREATE TABLE a (x TEXT, y TEXT); CREATE INDEX i ON a (x DESC)',
    'CREATE TABLE a (x text, y text); CREATE INDEX i ON a (x text_pattern_ops DESC NULLS LAST) INCLUDE (y)',
  ],
  ['table columns', 'CREATE TABLE a (x TEXT, y TEXT)', 'CREATE TABLE a (y text, x text)'],
  [
    'table a table',
    'CREATE TABLE a (x BIGINT)',
    'CREATE TABLE a (x bigint) PARTITION BY RANGE (x); CREATE TABLE a1 PARTITION OF a DEFAULT',
  ],
  [
    'table a generated column, VIRTUAL',
    'CREATE TABLE a (x TEXT, y TEXT GENERATED ALWAYS AS (lower(x)))',
    'CREATE TABLE a (x text, y text GENERATED ALWAYS AS (lower(x)) STORED)',
  ],
  [
    'not compared STRICT, WITHOUT ROWID; the text of views and triggers',
    `CREATE TABLE a (x TEXT PRIMARY KEY NOT NULL) STRICT, WITHOUT ROWID;
     CREATE VIEW v AS SELECT x FROM a WHERE x GLOB 'a*'`,
    `CREATE UNLOGGED TABLE a (x text PRIMARY KEY); CREATE SEQUENCE s; COMMENT ON TABLE a IS 'it';
     CREATE VIEW v AS SELECT x FROM a WHERE x ~ '^a'; CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'`,
  ],
]

/** docs/pairs.md. */
function pairsPage(): string {
  const cell = (text: string) => text.replaceAll('|', '\\|')
  const strict = (pair: (typeof PAIRS)[number]) => {
    if (pair.strict === undefined) return 'equal'
    return pair.strict === true ? 'different' : `only ${pair.strict}`
  }
  const rows = PAIRS.map((pair) => [
    pair.of,
    cell(pair.sqlite),
    cell(pair.postgres),
    cell(pair.reason),
    strict(pair),
  ])
  const head = ['What', 'SQLite', 'PostgreSQL', 'Why they are equal', 'With `--strict`']
  const lines = [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`)
  return `# What counts as equal

\`nexflow-migrate parity\` replays the migrations on a SQLite and on a PostgreSQL database and compares what they end in. What is written differently and means the same stands in this table, which \`parity --pairs\` prints; all else is a difference. \`(n)\` stands for any length and precision. A project adds pairs of its own, and exceptions, [in its config file](./formats.md#config-file).

${lines.join('\n')}

Names of tables, columns and indexes are the same in any case. A type of SQLite that is not in the table counts as the one whose affinity it has: [NVARCHAR as TEXT, STRING as NUMERIC](https://sqlite.org/datatype3.html#determination_of_column_affinity).

Different are, among others: an index that has another name, a unique index and a unique constraint, ON DELETE RESTRICT and NO ACTION, a foreign key of 32 bits to a key of 64.
`
}

describe('4 the table of pairs', { concurrency: 2 }, () => {
  test('4.1 every name on the left is equal to every name on the right', async () => {
    assert.deepEqual(texts(await compare(typeTables(false))), [])
    assert.deepEqual(texts(await compare(typeTables(true), { strict: true })), [])
  })

  test('4.2 every other row has an example', () => {
    const rows = PAIRS.filter(
      (pair) => pair.of !== 'type' || pair.strict === true || pair.sqlite === 'any type',
    )
    assert.deepEqual(
      EXAMPLES.map(([of]) => of),
      rows.map((pair) => `${pair.of} ${pair.sqlite}`),
    )
  })

  const others = PAIRS.filter(
    (pair) => pair.of !== 'type' || pair.strict === true || pair.sqlite === 'any type',
  )
  for (const [i, [of, sqlite, postgres]] of EXAMPLES.entries()) {
    test(`4.3 ${of}`, async () => {
      const files = both(sqlite, postgres)
      assert.deepEqual(texts(await compare(files)), [])
      const { equal } = await compare(files, { strict: true })
      assert.equal(equal, others[i]?.strict === undefined, 'with strict')
    })
  }

  test('4.4 the page shows it', () => {
    const page = join(import.meta.dirname, '../../docs/pairs.md')
    // After a change of the table: WRITE_DOCS=1 npm test test/commands/parity.test.ts && npm run fix
    if (process.env.WRITE_DOCS !== undefined) writeFileSync(page, pairsPage())
    // Biome aligns the columns.
    const bare = (text: string) => text.replaceAll(/ +/g, ' ').replaceAll(/-{3,}/g, '---')
    assert.equal(bare(readFileSync(page, 'utf8')), bare(pairsPage()))
  })

  test('4.5 what the table does not say is different', async () => {
    const different: readonly (readonly [string, string, string])[] = [
      ['TEXT', 'integer', 'type is TEXT in SQLite and integer in PostgreSQL'],
      ['INTEGER', 'text', 'type is INTEGER in SQLite and text in PostgreSQL'],
      ['BIGINT', 'integer', 'type is BIGINT in SQLite and integer in PostgreSQL'],
      ['INT8', 'smallint', 'type is INT8 in SQLite and smallint in PostgreSQL'],
      ['BOOLEAN', 'integer', 'type is BOOLEAN in SQLite and integer in PostgreSQL'],
      ['REAL', 'numeric', 'type is REAL in SQLite and numeric in PostgreSQL'],
      // SQLite takes it for NUMERIC: https://sqlite.org/datatype3.html
      ['STRING', 'text', 'type is STRING in SQLite and text in PostgreSQL'],
      ['TEXT', 'inet', 'type is TEXT in SQLite and inet in PostgreSQL'],
      ['TEXT', 'text[]', 'type is TEXT in SQLite and text[] in PostgreSQL'],
      [
        'INTEGER',
        'serial',
        'NULL in SQLite and NOT NULL in PostgreSQL; identity is none in SQLite and serial in PostgreSQL',
      ],
    ]
    const tables = (side: 0 | 1) =>
      different.map((one, i) => `CREATE TABLE t${i} (x ${one[side]})`).join(';\n')
    assert.deepEqual(
      texts(await compare(both(tables(0), tables(1)))),
      different.map(([, , text], i) => `t${i}: column x: ${text}`),
    )
  })

  test('4.6 what only one side narrows is different', async () => {
    const files = both(
      `CREATE TABLE a (x TEXT, y INTEGER CHECK (y = 0), z INTEGER CHECK (z IN (1, 0)));
       CREATE UNIQUE INDEX here ON a (x) WHERE y = 0; CREATE UNIQUE INDEX there ON a (z)`,
      `CREATE TABLE a (x text, y boolean, z boolean);
       CREATE UNIQUE INDEX here ON a (x); CREATE UNIQUE INDEX there ON a (z) WHERE NOT y`,
    )
    assert.deepEqual(texts(await compare(files)), [
      'a: check y = 0: only in SQLite',
      'a: index here: where is y = 0 in SQLite and none in PostgreSQL',
      'a: index there: where is none in SQLite and NOT y in PostgreSQL',
    ])
  })

  test('4.7 with strict, 64 bits are not 32', async () => {
    const files = both('CREATE TABLE a (x INTEGER, y REAL)', 'CREATE TABLE a (x integer, y real)')
    assert.deepEqual(texts(await compare(files, { strict: true })), [
      'a: column x: type is INTEGER in SQLite and integer, which has 32 bits in PostgreSQL',
      'a: column y: type is REAL in SQLite and real, which has 32 bits in PostgreSQL',
    ])
  })
})

describe('5 what a project accepts', () => {
  const files = both(
    'CREATE TABLE a (x TEXT, y TEXT NOT NULL, UNIQUE (x, y)); CREATE INDEX i ON a (x)',
    'CREATE TABLE a (x inet, y TEXT); CREATE TABLE b (z int)',
  )
  const pairs = [{ sqlite: 'text', postgres: 'INET', reason: 'an address' }]
  const all = [
    'table b: only in PostgreSQL',
    'a: column x: type is TEXT in SQLite and inet in PostgreSQL',
    'a: column y: NOT NULL in SQLite and NULL in PostgreSQL',
    'a: unique x, y: only in SQLite',
    'a: index i: only in SQLite',
  ]

  test('5.1 pairs and exceptions, each by itself', async () => {
    const left = async (options: ParityOptions) => {
      const result = await compare(files, options)
      assert.deepEqual(result.warnings, [])
      return all.filter((one) => !texts(result).includes(one))
    }
    const reason = 'it must be so'
    assert.deepEqual(texts(await compare(files)), all)
    assert.deepEqual(await left({ pairs }), [all[1]])
    assert.deepEqual(await left({ exceptions: [{ table: 'B', reason }] }), [all[0]])
    assert.deepEqual(await left({ exceptions: [{ table: 'a', column: 'y', reason }] }), [all[2], all[3]])
    assert.deepEqual(await left({ exceptions: [{ index: 'i', reason }] }), [all[4]])
    assert.deepEqual(await left({ exceptions: [{ table: 'a', reason }] }), all.slice(1))
    const accepted = await compare(files, {
      pairs,
      exceptions: [
        { table: 'a', reason },
        { table: 'b', reason },
      ],
    })
    assert.equal(accepted.equal, true)
    assert.equal(accepted.exceptions.length, 2)
  })

  test('5.2 an exception that matches nothing is told', async () => {
    const exceptions = [{ table: 'a', column: 'none', reason: 'once' }]
    const { warnings, exceptions: used } = await compare(files, { exceptions })
    assert.deepEqual(warnings, ['the exception for table a column none matches no difference'])
    assert.deepEqual(used, [])
  })

  test('5.3 nothing is accepted without a reason', async () => {
    const wrong: ParityOptions[] = [
      { pairs: [{ sqlite: 'TEXT', postgres: 'inet', reason: ' ' }] },
      { exceptions: [{ table: 'a', reason: '' }] },
      { exceptions: [{ reason: 'all of it' }] },
    ]
    for (const options of wrong) await assert.rejects(compare(files, options), { code: 'CONFIG' })
  })
})

describe('6 the command line', () => {
  const env = { SHADOW_DATABASE_URL: shadow }
  const write = (cwd: string, files: readonly MigrationFile[]) => {
    for (const { name, sql } of files) writeFileSync(join(cwd, name), sql)
  }

  test('6.1 tells what it compared, or the differences by table, and exits with 3', () =>
    withFolder(async (cwd) => {
      const equal = await run(['parity'], { cwd, env })
      assert.deepEqual(
        [equal.status, equal.stdout],
        [
          0,
          'SQLite and PostgreSQL have the same schema after 000003_add_user_metadata: 7 tables, 42 columns, 17 constraints, 5 indexes\n',
        ],
      )
      write(cwd, both('CREATE TABLE a (x TEXT, y TEXT)', 'CREATE TABLE a (x TEXT, y INT)'))
      const { status, stdout } = await run(['parity', '--dir', '.', '--shadow', shadow], { cwd })
      assert.equal(status, 3)
      assert.equal(
        stdout,
        'a\n  column y: type is TEXT in SQLite and integer in PostgreSQL\nSQLite and PostgreSQL differ after 000001_a: 1 difference\n',
      )
      const { status: same, document } = await json(['parity', '--dir', '.'], { cwd, env })
      assert.equal(same, 3)
      const { equal: isEqual, at, differences } = document as unknown as ParityResult
      assert.deepEqual([isEqual, at, differences.length], [false, '000001_a', 1])
    }))

  test('6.2 the config file accepts, with a reason', () =>
    withFolder(async (cwd) => {
      write(cwd, both('CREATE TABLE a (x TEXT, y TEXT)', 'CREATE TABLE a (x inet, y INT)'))
      const config = (reason: string) =>
        writeFileSync(
          join(cwd, 'config.yml'),
          `database: { migrations_path: . }
shadow: "\${SHADOW}"
parity:
  pairs:
    - { sqlite: TEXT, postgres: inet, reason: an address }
  exceptions:
    - { table: a, column: y, ${reason} }
`,
        )
      config('reason: counted otherwise')
      const { status, stdout } = await run(['parity'], { cwd, env: { SHADOW: shadow } })
      assert.match(stdout, /: 1 table, 2 columns, with 1 exception\n$/)
      assert.equal(status, 0)
      config('why: counted otherwise')
      const refused = await run(['parity'], { cwd, env: { SHADOW: shadow } })
      assert.equal(refused.status, 2)
      assert.match(refused.stderr, /^error CONFIG: config\.yml: parity\.exceptions/)
    }))

  test('6.3 --pairs prints the table', async () => {
    const { stdout } = await run(['parity', '--pairs'])
    assert.ok(stdout.startsWith('type: TEXT, VARCHAR(n), CHAR(n), CLOB\n  ~ text, varchar(n)'))
    const { document } = await json(['parity', '--pairs'])
    assert.deepEqual(document, { pairs: PAIRS })
  })
})
