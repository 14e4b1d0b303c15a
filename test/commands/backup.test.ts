import assert from 'node:assert/strict'
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { describe, test } from 'node:test'
import { backup, down, openDatabase, restore, up } from '../../src/index.ts'
import { KINDS, type Kind, type Scratch, withFolder } from '../matrix.ts'
import { json, run } from '../process.ts'
import { noBackups } from '../programs.ts'
import { errorOf, scripts } from '../tools.ts'

const INDEX = join(import.meta.dirname, '../../src/index.ts')

const migrations = scripts({
  '1_a': 'CREATE TABLE a (id INTEGER PRIMARY KEY, data TEXT)',
  '1_a.down': 'DROP TABLE a',
  '2_b': 'CREATE TABLE b (id INTEGER PRIMARY KEY)',
  '2_b.down': 'DROP TABLE b',
})

/** Rows of 1 kB. */
function fill({ dialect }: Kind, rows: number, from = 1): string {
  return dialect === 'sqlite'
    ? `WITH RECURSIVE n (i) AS (SELECT ${from} UNION ALL SELECT i + 1 FROM n LIMIT ${rows}) INSERT INTO a SELECT i, hex(randomblob(500)) FROM n`
    : `INSERT INTO a SELECT i, repeat(md5(i::text), 31) || E'\\\\\\n.\\t' FROM generate_series(${from}, ${from + rows - 1}) AS i`
}

/** Does `work` with a database that holds rows, and an empty folder. */
function withData<T>(kind: Kind, rows: number, work: (database: Scratch, dir: string) => Promise<T>) {
  return kind.scratch((scratch) =>
    withFolder(async (dir) => {
      await up({ database: scratch.url, migrations })
      await scratch.query(fill(kind, rows))
      return work(scratch, dir)
    }),
  )
}

async function contents({ query }: Scratch): Promise<unknown> {
  return [
    await query('SELECT * FROM a ORDER BY id'),
    await query('SELECT version, checksum, down_script FROM schema_migrations ORDER BY id'),
  ]
}

/** Runs this with the library as a process of its own, to its end. */
async function process_(code: string): Promise<(number | string | null)[]> {
  const text = `import { backup, restore } from ${JSON.stringify(INDEX)}\n${code}`
  const child = spawn(process.execPath, ['--input-type=module', '-e', text], {
    stdio: ['ignore', 'inherit', 'inherit'],
  })
  return once(child, 'exit')
}

/** Calls the function and kills its process, without a chance to clean up, at the first bytes of this work. */
function killedIn(what: string, call: string, options: object): Promise<(number | string | null)[]> {
  return process_(`await ${call}({
    ...${JSON.stringify(options)},
    onProgress: (event) => { if (event.what === '${what}') process.kill(process.pid, 'SIGKILL') },
  })`)
}

/** One byte in the middle of a file is another. */
function flip(path: string, at = statSync(path).size >> 1): void {
  const byte = readFileSync(path)[at] ?? 0
  writeSync(openSync(path, 'r+'), Buffer.from([byte ^ 0xff]), 0, 1, at)
}

for (const kind of KINDS) {
  const skip = noBackups(kind) ?? false
  const { dialect } = kind
  const ending = dialect === 'sqlite' ? '\\.db' : ''

  describe(`1 backup and restore, ${kind.label}`, { skip }, () => {
    test('1.1 what is restored is what was there', () =>
      withData(kind, 50, (scratch, dir) =>
        kind.scratch(async (other) => {
          const done = await backup({ database: scratch.url, dir })
          assert.match(done.file, new RegExp(`_\\d{8}_\\d{6}${ending}$`))
          assert.deepEqual(
            [done.tables, done.rows, done.removed],
            dialect === 'sqlite' ? [5, 53, []] : [4, 52, []],
          )
          const restored = await restore({ database: other.url, file: done.file })
          assert.deepEqual(
            [restored.rows, restored.bytes, restored.backup],
            [done.rows, done.bytes, undefined],
          )
          assert.deepEqual(await contents(other), await contents(scratch))
          assert.deepEqual((await up({ database: other.url, migrations })).applied, [])
          assert.deepEqual(readdirSync(dir).length, 1)
        }),
      ))

    test('1.2 over another only with replace, and what it held before is in a backup', () =>
      withData(kind, 50, async (scratch, dir) => {
        const { file } = await backup({ database: scratch.url, file: join(dir, 'first') })
        const before = await contents(scratch)
        await scratch.query('CREATE TABLE later (id INTEGER)')
        await scratch.query('CREATE VIEW late AS SELECT * FROM later')
        await scratch.query(fill(kind, 5, 1000))
        const error = await errorOf(restore({ database: scratch.url, file }))
        assert.equal(error.code, 'NOT_EMPTY')
        assert.match(error.hint ?? '', /--replace/)
        const after = await contents(scratch)
        const options = { database: scratch.url, replace: true, backup: { dir, keep: 1 } }
        const { backup: saved = '' } = await restore({ ...options, file })
        assert.deepEqual(await contents(scratch), before)
        assert.deepEqual(await scratch.tables(), ['a', 'b'])
        await restore({ ...options, file: saved })
        assert.deepEqual(await contents(scratch), after)
        assert.deepEqual(await scratch.tables(), ['a', 'b', 'later'])
      }))

    test('1.3 an open connection of the application sees it, and a failed restore changes nothing', () =>
      withData(kind, 50, async (scratch, dir) => {
        const { file } = await backup({ database: scratch.url, file: join(dir, 'first') })
        await scratch.query('DELETE FROM a WHERE id > 7')
        const open = await openDatabase({ path: scratch.url, migrations })
        const count = async () =>
          open.dialect === 'sqlite'
            ? open.native.prepare('SELECT count(*) AS n FROM a').get()?.n
            : Number((await open.native.query('SELECT count(*) AS n FROM a')).rows[0].n)
        assert.equal(await count(), 7)
        const handle = { database: open.native, replace: true, backup: { dir }, file }
        const stop = new AbortController()
        const stopped = restore({
          ...handle,
          signal: stop.signal,
          onProgress: (event) => 'what' in event && event.what === 'verify' && stop.abort(),
        })
        assert.equal((await errorOf(stopped)).code, 'ABORTED')
        assert.equal(await count(), 7)
        await restore(handle)
        assert.equal(await count(), 50)
        await open.close()
      }))

    test('1.4 nothing is overwritten, neither what was named nor what has the default name', () =>
      withData(kind, 5, async ({ url: database }, dir) => {
        for (const [name, make] of [
          ['file', (path: string) => writeFileSync(path, 'mine')],
          ['folder', (path: string) => mkdirSync(join(path, 'mine'), { recursive: true })],
          ['link', (path: string) => symlinkSync('/nowhere', path)],
        ] as const) {
          make(join(dir, name))
          const error = await errorOf(backup({ database, file: join(dir, name) }))
          assert.equal(error.code, 'BACKUP')
          assert.match(error.message, /exists already/)
        }
        const files = await Promise.all(Array.from({ length: 4 }, () => backup({ database, dir })))
        assert.equal(new Set(files.map(({ file }) => file)).size, 4)
        assert.equal(readdirSync(dir).length, 7)
      }))

    test('1.5 keep: the newest stay, and all that it did not write', () =>
      withData(kind, 5, async ({ url: database, query }, dir) => {
        const prefix = (await backup({ database, dir })).file.replace(/.*\/(.*)_\d{8}_\d{6}.*/, '$1')
        const [first = ''] = readdirSync(dir)
        writeFileSync(join(dir, `${prefix}_20200101_000000${dialect === 'sqlite' ? '.db' : ''}`), 'mine')
        writeFileSync(join(dir, 'notes.txt'), 'mine')
        mkdirSync(join(dir, `${prefix}_20200101_000001`))
        const named = await backup({ database, file: join(dir, 'named'), keep: 1 })
        const second = await backup({ database, dir, keep: 2 })
        assert.deepEqual([named.removed, second.removed], [[], []])
        const third = await backup({ database, dir, keep: 2 })
        assert.deepEqual(third.removed, [join(dir, first)])
        assert.equal(readdirSync(dir).length, 6)
        // One that fails removes none.
        await query('DROP TABLE schema_migrations')
        for (const table of ['a', 'b', 'schema_migrations_state']) await query(`DROP TABLE ${table}`)
        assert.equal((await errorOf(backup({ database, dir, keep: 1 }))).code, 'BACKUP')
        assert.equal(readdirSync(dir).length, 6)
        assert.equal((await errorOf(backup({ database, dir, keep: 0 }))).code, 'USAGE')
      }))

    test('1.6 what is no backup, of another database, or damaged', () =>
      withData(kind, 3000, (scratch, dir) =>
        kind.scratch(async (other) => {
          const refused = async (file: string, says: RegExp, database = other.url) => {
            const error = await errorOf(restore({ database, file, replace: true, backup: { dir } }))
            assert.equal(error.code, 'BACKUP', error.message)
            assert.match(error.message, says)
          }
          await refused(join(dir, 'none'), /not there/)
          writeFileSync(join(dir, 'dump.sql'), 'CREATE TABLE a (id INTEGER);')
          await refused(join(dir, 'dump.sql'), /no SQLite database and no archive/)
          const { file } = await backup({ database: scratch.url, file: join(dir, 'good') })
          await refused(
            file,
            /a backup of/,
            dialect === 'sqlite' ? 'postgres://127.0.0.1:1/none' : join(dir, 'x.db'),
          )
          if (dialect === 'sqlite') {
            await refused(scratch.url.slice('sqlite:'.length), /the database itself/, scratch.url)
            for (const [name, damage] of [
              ['cut', (path: string) => truncateSync(path, statSync(path).size - 4096)],
              ['flipped', (path: string) => flip(path, 5 * 4096 + 3)],
              ['wal', (path: string) => writeFileSync(`${path}-wal`, 'left')],
            ] as const) {
              copyFileSync(file, join(dir, name))
              damage(join(dir, name))
              await refused(join(dir, name), name === 'wal' ? /part of it stands in/ : /damaged/)
            }
          } else {
            const [data = ''] = readdirSync(file)
              .filter((name) => name.endsWith('.dat') && name !== 'toc.dat')
              .sort((x, y) => statSync(join(file, y)).size - statSync(join(file, x)).size)
            const path = join(file, data)
            const whole = readFileSync(path)
            flip(path)
            await refused(file, /is not what it was/)
            truncateSync(path, whole.length >> 1)
            await refused(file, /bytes and not/)
            writeFileSync(path, whole)
            truncateSync(join(file, 'toc.dat'), 200)
            await refused(file, /damaged/)
          }
          assert.deepEqual(await other.tables(), [])
        }),
      ))

    test('1.7 progress in bytes', () =>
      withData(kind, 5000, async ({ url: database }, dir) => {
        const told: { what: string; done: number; total?: number }[] = []
        const onProgress: NonNullable<Parameters<typeof backup>[0]>['onProgress'] = (event) => {
          if (event.type === 'bytes') told.push(event)
        }
        const { bytes } = await backup({ database, dir, onProgress })
        assert.deepEqual([...new Set(told.map(({ what }) => what))], ['backup', 'verify'])
        for (const what of ['backup', 'verify']) {
          const last = told.findLast((event) => event.what === what)
          assert.equal(last?.done, last?.total)
          assert.ok(Math.abs((last?.done ?? 0) - bytes) < 10_000)
        }
      }))

    test('1.8 stopped on request, nothing is left', () =>
      withData(kind, 5000, async ({ url: database }, dir) => {
        for (const what of ['backup', 'verify']) {
          const stop = new AbortController()
          const stopped = backup({
            database,
            dir,
            signal: stop.signal,
            onProgress: (event) => 'what' in event && event.what === what && stop.abort(),
          })
          assert.equal((await errorOf(stopped)).code, 'ABORTED')
        }
        assert.deepEqual(readdirSync(dir), [])
      }))

    test('1.9 a folder that cannot be written', { skip: process.getuid?.() !== 0 }, () =>
      withData(kind, 5, async ({ url, query }, dir) => {
        mkdirSync(join(dir, 'closed'))
        chmodSync(join(dir, 'closed'), 0o555)
        // The user must come as far as there, and to the database.
        chmodSync(dir, 0o777)
        const database = dialect === 'sqlite' ? `sqlite:${join(dir, 'copy.db')}` : url
        if (dialect === 'sqlite') {
          await query(`VACUUM INTO '${join(dir, 'copy.db')}'`)
          chmodSync(join(dir, 'copy.db'), 0o666)
        }
        for (const file of ['closed/b', '/proc/none/b']) {
          const { document } = await json(['backup', file, '--database', database], { cwd: dir, uid: 65534 })
          assert.equal(document.error?.code, 'BACKUP', JSON.stringify(document))
          assert.match(document.error?.message ?? '', /cannot write to/)
        }
      }),
    )

    test('1.10 a full disk leaves nothing, and says so', async (t) =>
      withData(kind, 5000, async ({ url: database }, dir) => {
        const small = join(dir, 'small')
        mkdirSync(small)
        try {
          execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=2m', 'tmpfs', small], { stdio: 'ignore' })
        } catch {
          return t.skip('no file system can be mounted here')
        }
        try {
          const error = await errorOf(backup({ database, dir: small }))
          assert.match(`${error.message} ${error.hint}`, /full|No space|space/i)
          assert.deepEqual(readdirSync(small), [])
        } finally {
          execFileSync('umount', [small])
        }
      }))
  })

  describe(`2 killed, ${kind.label}`, { skip }, () => {
    test('2.1 in a backup: nothing has the name, and the next one works and clears up', () =>
      withData(kind, 5000, async ({ url: database }, dir) => {
        const file = join(dir, 'mine')
        for (const what of dialect === 'sqlite' ? ['backup', 'verify'] : ['verify']) {
          assert.deepEqual(await killedIn(what, 'backup', { database, file }), [null, 'SIGKILL'])
          assert.equal(existsSync(file), false)
        }
        assert.ok(readdirSync(dir).length > 0)
        await backup({ database, file })
        assert.deepEqual(readdirSync(dir), ['mine'])
      }))

    test('2.2 in a restore over a database: the old one is whole', () =>
      withData(kind, 5000, async (scratch, dir) => {
        const { file } = await backup({ database: scratch.url, file: join(dir, 'first') })
        await scratch.query('DELETE FROM a WHERE id > 7')
        const before = await contents(scratch)
        const options = { database: scratch.url, file, replace: true, backup: { dir } }
        assert.deepEqual(await killedIn('restore', 'restore', options), [null, 'SIGKILL'])
        assert.deepEqual(await contents(scratch), before)
        await restore(options)
        assert.equal((await scratch.query('SELECT * FROM a')).length, 5000)
      }))

    test('2.3 in a restore into a new one: there is none', () =>
      withData(kind, 5000, (scratch, dir) =>
        kind.scratch(async (other) => {
          const { file } = await backup({ database: scratch.url, file: join(dir, 'first') })
          const options = { database: other.url, file }
          assert.deepEqual(await killedIn('restore', 'restore', options), [null, 'SIGKILL'])
          assert.deepEqual(await other.tables(), [])
          await restore(options)
          assert.deepEqual(await contents(other), await contents(scratch))
        }),
      ))
  })

  describe(`3 while others write, ${kind.label}`, { skip }, () => {
    test('3.1 a writer that never stops does not keep it from its end, and is not kept', () =>
      withData(kind, 20_000, async (scratch, dir) => {
        // Each transaction writes one row to both tables: a copy of one moment has as many in one as in the other.
        await scratch.query('DELETE FROM b')
        const sql = 'INSERT INTO b SELECT coalesce(max(id), 0) + 1 FROM b'
        const other = `UPDATE a SET data = (SELECT count(*) FROM b) WHERE id = 1`
        const loop =
          dialect === 'sqlite'
            ? `import { DatabaseSync } from 'node:sqlite'
               const db = new DatabaseSync(${JSON.stringify(scratch.url.slice('sqlite:'.length))}, { timeout: 10000 })
               for (let n = 1; ; n++) {
                 db.exec("BEGIN IMMEDIATE; ${sql}; ${other}; COMMIT")
                 process.stdout.write('.')
               }`
            : `import pg from 'pg'
               const db = new pg.Client(${JSON.stringify(scratch.url)})
               await db.connect()
               for (;;) {
                 await db.query("BEGIN; ${sql}; ${other}; COMMIT")
                 process.stdout.write('.')
               }`
        const writer = spawn(process.execPath, ['--input-type=module', '-e', loop], {
          cwd: import.meta.dirname,
          stdio: ['ignore', 'pipe', 'inherit'],
        })
        let written = 0
        writer.stdout.on('data', (dots: Buffer) => {
          written += dots.length
        })
        try {
          await once(writer.stdout, 'data')
          const before = written
          const { file } = await backup({ database: scratch.url, dir })
          assert.ok(written > before, 'nothing was written meanwhile')
          assert.equal(writer.exitCode, null)
          await kind.scratch(async (copy) => {
            await restore({ database: copy.url, file })
            const [row] = await copy.query(
              `SELECT (SELECT count(*) FROM b) AS b, (SELECT data FROM a WHERE id = 1) AS a`,
            )
            assert.equal(Number(row?.a), Number(row?.b))
          })
        } finally {
          writer.kill('SIGKILL')
          await once(writer, 'exit')
        }
      }))
  })

  describe(`4 before up and down, ${kind.label}`, { skip }, () => {
    test('4.1 with a step to do, and not of a database that is new', () =>
      kind.scratch((scratch) =>
        withFolder(async (dir) => {
          const options = { database: scratch.url, migrations, backup: { dir } }
          const first = await up({ ...options, steps: 1 })
          assert.deepEqual([first.applied.length, first.backup], [1, undefined])
          const second = await up(options)
          const third = await up(options)
          assert.deepEqual([second.applied.length, third.backup], [1, undefined])
          const fourth = await down(options)
          assert.equal(readdirSync(dir).length, 2)
          await restore({ ...options, replace: true, file: fourth.backup ?? '' })
          assert.deepEqual(await scratch.tables(), ['a', 'b'])
          await restore({ ...options, replace: true, file: second.backup ?? '' })
          assert.deepEqual(await scratch.tables(), ['a'])
          const { dryRun } = { dryRun: true }
          assert.equal((await up({ ...options, dryRun })).backup, undefined)
        }),
      ))

    test('4.2 an error of the migration says where it is', () =>
      withData(kind, 5, async ({ url: database }, dir) => {
        const broken = [...migrations, ...scripts({ '3_c': 'DROP TABLE a; DROP TABLE none' })]
        const error = await errorOf(up({ database, migrations: broken, backup: { dir } }))
        assert.equal(error.code, 'SQL')
        assert.ok(existsSync(error.details.backup ?? ''))
      }))

    test('4.3 by --backup, or by the config file', () =>
      kind.scratch(({ url }) =>
        withFolder(async (cwd) => {
          const command = (name: string, ...args: string[]) =>
            json([name, '--database', url, ...args], { cwd })
          const saved = async (name: string, ...args: string[]) => {
            const { document, status } = await command(name, ...args)
            assert.equal(status, 0, JSON.stringify(document))
            return (document as { backup?: string }).backup
          }
          await saved('up', '--steps', '1')
          assert.match((await saved('up', '--steps', '1', '--backup')) ?? '', /^backups\//)
          mkdirSync(join(cwd, 'etc'))
          writeFileSync(join(cwd, 'etc/c.yml'), 'backup: { before: up, dir: kept, keep: 1 }')
          const config = ['--config', 'etc/c.yml']
          const one = await saved('up', ...config)
          assert.match(one ?? '', /^etc\/kept\//)
          assert.equal(await saved('down', ...config), undefined)
          const two = await saved('up', ...config)
          assert.deepEqual(
            readdirSync(join(cwd, 'etc/kept')).map((name) => `etc/kept/${name}`),
            [two],
          )
          assert.match((await saved('down', '--backup', ...config)) ?? '', /^etc\/kept\//)
        }),
      ))
  })

  describe(`5 the command line, ${kind.label}`, { skip }, () => {
    test('5.1 backup and restore, and what they say', () =>
      withData(kind, 5, ({ url }, cwd) =>
        kind.scratch(async (other) => {
          const made = await run(['backup', 'copy', '--database', url], { cwd })
          assert.equal(made.status, 0, made.stderr)
          assert.match(made.stdout, /backed up to copy \(\d+ kB, \d tables, \d+ rows, verified\)\n$/)
          assert.equal((await run(['restore', 'copy', '--database', other.url], { cwd })).status, 0)
          const again = await json(['restore', 'copy', '--database', other.url], { cwd })
          assert.deepEqual([again.status, again.document.error?.code], [1, 'NOT_EMPTY'])
        }),
      ))

    test('5.2 restore --replace asks, and waits for no answer where there is nobody', () =>
      withData(kind, 5, async ({ url }, cwd) => {
        const words = ['restore', 'copy', '--replace', '--database', url]
        await backup({ database: url, file: join(cwd, 'copy') })
        const refused = await json(words, { cwd })
        assert.deepEqual([refused.status, refused.document.error?.code], [2, 'USAGE'])
        assert.match(refused.document.error?.hint ?? '', /--yes/)
        const done = await run([...words, '--yes'], { cwd })
        assert.equal(done.status, 0, done.stderr)
        assert.match(done.stdout, /^what it held before is in backups\//)
      }))
  })

  if (dialect === 'postgres') {
    describe(`6 a compressed one, ${kind.label}`, { skip }, () => {
      test('6.1 is smaller, and restored as the other', () =>
        withData(kind, 2000, (scratch, dir) =>
          kind.scratch(async (other) => {
            const database = scratch.url
            const plain = await backup({ database, file: join(dir, 'plain') })
            const small = await backup({ database, file: join(dir, 'small'), compress: true })
            assert.ok(small.bytes * 3 < plain.bytes)
            await restore({ database: other.url, file: small.file })
            assert.deepEqual(await contents(other), await contents(scratch))
          }),
        ))

      test('6.2 all kinds of objects go and come back', () =>
        withData(kind, 5, async (scratch, dir) => {
          const database = scratch.url
          await scratch.query(`CREATE SCHEMA other;
            CREATE TYPE other.mood AS ENUM ('a', 'b');
            CREATE DOMAIN d AS int CHECK (value > 0);
            CREATE TABLE other."we ird" (id serial PRIMARY KEY, mood other.mood, d d);
            CREATE TABLE parts (a int, b int) PARTITION BY RANGE (a);
            CREATE TABLE part PARTITION OF parts FOR VALUES FROM (0) TO (10);
            CREATE STATISTICS s ON a, b FROM parts;
            CREATE VIEW v AS SELECT * FROM other."we ird";
            CREATE MATERIALIZED VIEW m AS SELECT 1 AS x;
            CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN new; END $$;
            CREATE TRIGGER t BEFORE INSERT ON a FOR EACH ROW EXECUTE FUNCTION f();
            CREATE AGGREGATE g (int) (sfunc = int4pl, stype = int);
            CREATE OPERATOR === (function = int4eq, leftarg = int, rightarg = int);
            CREATE PUBLICATION p FOR TABLE a;
            INSERT INTO other."we ird" (mood, d) VALUES ('b', 3);
            INSERT INTO parts VALUES (3, 4);
            SELECT lo_from_bytea(4711, 'large');`)
          const { file } = await backup({ database, file: join(dir, 'all') })
          for (let i = 0; i < 2; i++) await restore({ database, file, replace: true, backup: { dir } })
          const [row] = await scratch.query(
            `SELECT (SELECT mood::text || d FROM v) AS v, (SELECT b FROM parts) AS b, (SELECT x FROM m) AS x,
               (SELECT g(b) FROM parts) AS g, 1 === 1 AS op, convert_from(lo_get(4711), 'UTF8') AS lo,
               (SELECT count(*)::int FROM pg_trigger WHERE tgname = 't') AS t,
               (SELECT count(*)::int FROM pg_publication) AS p`,
          )
          assert.deepEqual({ ...row }, { v: 'b3', b: 4, x: 1, g: 4, op: true, lo: 'large', t: 1, p: 1 })
        }))
    })
  }
}

describe('7 SQLite', () => {
  test('7.1 a handle in memory is backed up, and not restored into', () =>
    withFolder(async (dir) => {
      const database = new DatabaseSync(':memory:')
      await up({ database, migrations })
      const { file } = await backup({ database, dir })
      assert.equal(
        (await errorOf(restore({ database, file, replace: true, backup: { dir } }))).code,
        'BACKUP',
      )
      await restore({ database: join(dir, 'new/app.db'), file })
      assert.ok(existsSync(join(dir, 'new/app.db')))
    }))

  test('7.2 a database that is not there or holds nothing has no backup', () =>
    withFolder(async (dir) => {
      const error = await errorOf(backup({ database: join(dir, 'none.db'), dir }))
      assert.equal(error.code, 'BACKUP')
      assert.deepEqual(readdirSync(dir), [])
    }))

  test('7.3 what a removed database has left beside it is not written into the new one', () =>
    withFolder(async (dir) => {
      const database = join(dir, 'app.db')
      await up({ database, migrations })
      const { file } = await backup({ database, dir })
      const target = join(dir, 'new.db')
      writeFileSync(`${target}-wal`, 'left')
      assert.equal((await errorOf(restore({ database: target, file }))).code, 'NOT_EMPTY')
      assert.equal(existsSync(target), false)
    }))

  test('7.4 pages of another size are refused, and nothing is changed', () =>
    withFolder(async (dir) => {
      const database = join(dir, 'app.db')
      const other = new DatabaseSync(database)
      other.exec('PRAGMA page_size = 8192; PRAGMA journal_mode = WAL; CREATE TABLE z (id INTEGER)')
      other.close()
      const source = join(dir, 'source.db')
      await up({ database: source, migrations })
      const { file } = await backup({ database: source, dir })
      const error = await errorOf(restore({ database, file, replace: true, backup: { dir } }))
      assert.equal(error.code, 'BACKUP')
      assert.match(error.message, /pages of 8192 bytes/)
    }))

  test('7.5 a writer in the way is waited for, and told after its time', () =>
    withFolder(async (dir) => {
      const database = join(dir, 'app.db')
      await up({ database, migrations })
      const { file } = await backup({ database, dir })
      const writer = new DatabaseSync(database)
      writer.exec('BEGIN IMMEDIATE')
      const options = { database, file, replace: true, backup: { dir } }
      assert.equal((await errorOf(restore({ ...options, lockTimeout: 200 }))).code, 'BUSY')
      const restored = restore({
        ...options,
        onProgress: (event) =>
          'what' in event && event.what === 'verify' && writer.isTransaction && writer.exec('COMMIT'),
      })
      await restored
      writer.close()
    }))

  test('7.6 outside WAL mode writers wait, and a warning says so', () =>
    withFolder(async (dir) => {
      const path = join(dir, 'app.db')
      const database = new DatabaseSync(path)
      database.exec('CREATE TABLE a (id INTEGER)')
      chmodSync(path, 0o600)
      const warned: string[] = []
      const logger = { info: () => {}, warn: (message: string) => warned.push(message) }
      const { file } = await backup({ database, dir, logger })
      assert.match(warned.join(), /not in WAL mode/)
      assert.equal(statSync(file).mode & 0o777, 0o600)
      database.close()
    }))

  test('7.7 a time to wait that is none', async () => {
    const options = { file: 'none', lockTimeout: Number.NaN }
    assert.equal((await errorOf(restore(options))).code, 'USAGE')
  })

  test('7.8 a damaged database has no backup that looks whole', () =>
    withFolder(async (dir) => {
      const path = join(dir, 'app.db')
      await up({ database: path, migrations })
      const database = new DatabaseSync(path)
      database.exec(fill({ dialect: 'sqlite' } as Kind, 3000))
      database.exec('PRAGMA wal_checkpoint(TRUNCATE)')
      database.close()
      flip(path, 100 * 4096 + 3)
      const error = await errorOf(backup({ database: path, file: join(dir, 'copy') }))
      assert.match(error.code, /BACKUP|DATABASE/)
      assert.equal(existsSync(join(dir, 'copy')), false)
    }))
})

describe('8 on a terminal', () => {
  for (const [answer, status] of [
    ['y', 0],
    ['yes', 0],
    ['n', 130],
    ['', 130],
  ] as const) {
    test(`8.1 restore --replace is answered "${answer}"`, async (t) =>
      withFolder(async (cwd) => {
        await up({ database: join(cwd, 'a.db'), migrations })
        await backup({ database: join(cwd, 'a.db'), file: join(cwd, 'copy') })
        const bin = join(import.meta.dirname, '../../src/cli/bin.ts')
        const command = `${process.execPath} ${bin} restore copy --replace --database a.db`
        // script(1) gives a terminal.
        const child = spawn('script', ['-qec', command, '/dev/null'], {
          cwd,
          stdio: ['pipe', 'pipe', 'inherit'],
        })
        const started = await Promise.race([
          once(child, 'spawn').then(() => true),
          once(child, 'error').then(() => false),
        ])
        if (!started) return t.skip('there is no script(1) on this machine')
        let shown = ''
        child.stdout.on('data', (chunk: Buffer) => {
          const asked = /\[y\/N\] /.test(shown)
          shown += chunk
          if (!asked && /\[y\/N\] /.test(shown)) child.stdin.write(`${answer}\n`)
        })
        const [code] = await once(child, 'close')
        assert.equal(code, status, shown)
        assert.match(shown, status === 0 ? /restored from copy/ : /nothing was changed/)
      }))
  }
})

test('9 a program that is missing is named, with the package that brings it', async () => {
  const postgres = KINDS.find(({ dialect }) => dialect === 'postgres')
  const tooNew = KINDS.find((kind) => noBackups(kind) !== undefined)
  assert.ok(postgres)
  if (tooNew === undefined) return
  await tooNew.scratch(({ url: database }) =>
    withFolder(async (dir) => {
      await up({ database, migrations })
      const error = await errorOf(backup({ database, dir }))
      assert.equal(error.code, 'TOOL')
      assert.match(error.hint ?? '', /postgresql-client-\d+/)
      assert.deepEqual(existsSync(dir) && readdirSync(dir), [])
    }),
  )
})
