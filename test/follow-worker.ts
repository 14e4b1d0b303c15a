// Two programs of the follow tests: an application that never stops to write, and who follows it, to be killed.
import { createHash } from 'node:crypto'
import { DatabaseSync } from 'node:sqlite'
import { setTimeout as pause } from 'node:timers/promises'
import pg from 'pg'
import { type FollowEvent, type Followed, follow } from '../src/commands/transfer-follow.ts'
import { formOf } from '../src/core/transfer/form.ts'
import type { Moved, Side } from '../src/core/transfer/moved.ts'
import { withDatabase } from '../src/database/database.ts'
import type { Digest, Packet } from '../src/database/end.ts'
import { send } from '../src/database/sqlite/send.ts'
import { type Random, randomOf } from './crash-history.ts'

export type Job =
  | { readonly role: 'writer'; readonly path: string; readonly seed: number }
  | {
      readonly role: 'follower'
      readonly path: string
      readonly url: string
      readonly log: string
      /** The application is let be until so many steps are done. */
      readonly steps: number
      /** The call of a driver at which it dies, from 1, from that event on if one is named; 0: none. */
      readonly killAt: number
      readonly from?: FollowEvent['type']
      /** After the rest, rows do not arrive as they are. */
      readonly spoil?: true
    }

export type Said =
  | { readonly type: 'commits'; readonly commits: number; readonly fence?: string }
  | { readonly type: 'event'; readonly event: FollowEvent }
  | { readonly type: 'followed'; readonly followed: Followed }
  | { readonly type: 'failed'; readonly code: string; readonly message: string }

const TABLES = ['users', 'sessions', 'messages', 'tags', 'notes', 'commits']

export const SQLITE = `
  CREATE TABLE users (id TEXT PRIMARY KEY NOT NULL, email TEXT NOT NULL UNIQUE, nick TEXT, created_at TEXT NOT NULL,
    admin BOOLEAN NOT NULL DEFAULT 0, touched INTEGER NOT NULL DEFAULT 0, place TEXT NOT NULL DEFAULT 'nowhere');
  CREATE UNIQUE INDEX users_nick ON users (lower(nick)) WHERE nick IS NOT NULL;
  CREATE UNIQUE INDEX users_first ON users (place) WHERE admin = 1;
  CREATE TRIGGER users_touched AFTER UPDATE OF email ON users BEGIN UPDATE users SET touched = touched + 1 WHERE id = new.id; END;
  CREATE TABLE sessions (id INTEGER PRIMARY KEY, user_id TEXT NOT NULL REFERENCES users ON DELETE CASCADE ON UPDATE CASCADE,
    slot INTEGER NOT NULL, data TEXT NOT NULL, UNIQUE (user_id, slot));
  CREATE TABLE messages (id INTEGER PRIMARY KEY, session_id INTEGER NOT NULL REFERENCES sessions ON DELETE CASCADE ON UPDATE CASCADE,
    author TEXT REFERENCES users ON DELETE SET NULL ON UPDATE CASCADE,
    parent INTEGER REFERENCES messages ON DELETE SET NULL ON UPDATE CASCADE, body TEXT NOT NULL, file BLOB, price NUMERIC);
  CREATE INDEX messages_session ON messages (session_id);
  CREATE INDEX messages_author ON messages (author);
  CREATE INDEX messages_parent ON messages (parent);
  CREATE TABLE tags ("of" TEXT NOT NULL COLLATE NOCASE, "order" INTEGER NOT NULL, value TEXT, PRIMARY KEY ("of", "order")) WITHOUT ROWID;
  CREATE TABLE notes (words TEXT, n INTEGER);
  CREATE TABLE commits (n INTEGER PRIMARY KEY);
  INSERT INTO users (id, email, nick, created_at, place)
    WITH RECURSIVE n (value) AS (SELECT 1 UNION ALL SELECT value + 1 FROM n LIMIT 500)
    SELECT printf('%08x-0000-4000-8000-000000000000', value), value || '@x', 'Nick' || value, '2026-01-01 10:00:00', 'p' || value % 50
    FROM n;
  INSERT INTO sessions (user_id, slot, data) SELECT id, value, '{"n": 1}' FROM users, (SELECT 1 AS value UNION SELECT 2 UNION SELECT 3);
  INSERT INTO messages (session_id, author, body) SELECT id, user_id, 'hello' FROM sessions, (SELECT 1 UNION SELECT 2 UNION SELECT 3);`

export const POSTGRES = `
  CREATE TABLE users (id uuid PRIMARY KEY, email text NOT NULL UNIQUE, nick varchar(40), created_at timestamptz NOT NULL,
    admin boolean NOT NULL DEFAULT false, touched integer NOT NULL DEFAULT 0, place text NOT NULL DEFAULT 'nowhere');
  CREATE UNIQUE INDEX users_nick ON users (lower(nick)) WHERE nick IS NOT NULL;
  CREATE UNIQUE INDEX users_first ON users (place) WHERE admin;
  CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN new.touched = new.touched + 1000; RETURN new; END';
  CREATE TRIGGER users_touched BEFORE INSERT OR UPDATE OF email ON users FOR EACH ROW EXECUTE FUNCTION touch();
  CREATE TABLE sessions (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, user_id uuid NOT NULL, slot integer NOT NULL,
    data jsonb NOT NULL, UNIQUE (user_id, slot));
  CREATE TABLE messages (id bigint PRIMARY KEY, session_id bigint NOT NULL, author uuid, parent bigint, body text NOT NULL,
    file bytea, price numeric(10, 2));
  CREATE INDEX ON messages (session_id);
  CREATE TABLE tags ("of" text NOT NULL, "order" integer NOT NULL, value text, PRIMARY KEY ("of", "order"));
  CREATE TABLE notes (words text, n bigint);
  CREATE TABLE commits (n bigint PRIMARY KEY);`

/** Built when the tables are filled. */
export const FOREIGN_KEYS = [
  'sessions ADD CONSTRAINT sessions_user FOREIGN KEY (user_id) REFERENCES users ON DELETE CASCADE ON UPDATE CASCADE',
  'messages ADD CONSTRAINT messages_session FOREIGN KEY (session_id) REFERENCES sessions ON DELETE CASCADE ON UPDATE CASCADE',
  'messages ADD CONSTRAINT messages_author FOREIGN KEY (author) REFERENCES users ON DELETE SET NULL ON UPDATE CASCADE',
  'messages ADD CONSTRAINT messages_parent FOREIGN KEY (parent) REFERENCES messages ON DELETE SET NULL ON UPDATE CASCADE',
].map((key) => `ALTER TABLE ${key}`)

/** The tables as they are moved. */
export async function movedOf(path: string, url: string): Promise<Moved[]> {
  const from = await withDatabase(path, {}, (database) => database.introspect())
  const to = await withDatabase(url, {}, (database) => database.introspect())
  return TABLES.map((name) => {
    const source = from.tables.find((table) => table.name === name)
    const target = to.tables.find((table) => table.name === name)
    if (source === undefined || target === undefined) throw new Error(name)
    return {
      from: { schema: '', name },
      to: { schema: '', name },
      columns: source.columns.map((column) => {
        const other = target.columns.find((one) => one.name === column.name)
        if (other === undefined) throw new Error(column.name)
        return { from: column, to: other, form: formOf(other, to) }
      }),
      key: source.primaryKey?.columns ?? [],
    }
  })
}

/** The rows of a table as texts that are the same on both sides. */
const TEXTS: Readonly<Record<Side, (name: string, form: string) => string>> = {
  from: (name, form) =>
    form === 'bytes'
      ? `lower(hex(${name}))`
      : form === 'numeric'
        ? `printf('%.2f', ${name})`
        : `CAST(${name} AS TEXT)`,
  to: (name, form) => {
    if (form === 'boolean') return `${name}::int::text`
    if (form === 'bytes') return `encode(${name}, 'hex')`
    return form === 'timestamptz'
      ? `to_char(${name} AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS')`
      : `${name}::text`
  },
}

/** The rows of a table, sorted. */
export async function linesOf(
  moved: Moved,
  side: Side,
  query: (sql: string) => Promise<Record<string, unknown>[]>,
): Promise<string[]> {
  const { schema, name } = moved[side]
  const values = moved.columns.map((column, i) => {
    const quoted = `"${column[side].name}"`
    return `CASE WHEN ${quoted} IS NOT NULL THEN ${TEXTS[side](quoted, column.form)} END AS c${i}`
  })
  const rows = await query(`SELECT ${values.join(', ')} FROM ${schema === '' ? '' : `${schema}.`}"${name}"`)
  return rows.map((row) => JSON.stringify(Object.values(row))).sort()
}

function digestOf(lines: readonly string[]): Digest {
  return {
    rows: lines.length,
    digest: createHash('sha256').update(lines.join('\n')).digest('hex').slice(0, 16),
  }
}

/** What an application does in a transaction: each is given to chance. */
function writesOf(native: DatabaseSync, random: Random): readonly (() => void)[] {
  const run = (sql: string, ...values: (string | number | null)[]) => native.prepare(sql).run(...values)
  const any = (column: string, table: string) =>
    (native.prepare(`SELECT ${column} AS one FROM ${table} ORDER BY random() LIMIT 1`).get()?.one ?? null) as
      | string
      | number
      | null
  const uuid = () =>
    native
      .prepare(`SELECT lower(printf('%s-%s-4%s-8%s-%s', hex(randomblob(4)), hex(randomblob(2)),
    substr(hex(randomblob(2)), 2), substr(hex(randomblob(2)), 2), hex(randomblob(6)))) AS id`)
      .get()?.id as string
  const word = () => `${random(1_000_000)}`
  const insertUser = (or = '') =>
    run(
      `INSERT ${or} INTO users (id, email, nick, created_at, admin, place) VALUES (?, ?, ?, datetime('now', ?), ?, ?)`,
      uuid(),
      `${word()}@é.x`,
      random(2) ? `Nick${word()}` : null,
      `-${random(10_000)} minutes`,
      0,
      `p${random(50)}`,
    )
  const insertMessages = () =>
    run(
      `INSERT INTO messages (session_id, author, parent, body, file, price)
      SELECT id, user_id, (SELECT max(id) FROM messages), 'body ' || ?, randomblob(20), ? / 4.0 FROM sessions ORDER BY random() LIMIT 5`,
      word(),
      random(400),
    )
  return [
    insertUser,
    insertUser,
    insertUser,
    insertMessages,
    insertMessages,
    insertMessages,
    () =>
      run(
        `INSERT INTO sessions (user_id, slot, data) SELECT id, ?, '{"n": ' || ? || '}' FROM users ORDER BY random() LIMIT 3`,
        random(1_000_000),
        random(1000),
      ),
    () => run('UPDATE messages SET body = body || ? WHERE id % 50 = ?', '!', random(50)),
    // Keys.
    () => run('UPDATE users SET id = ? WHERE id = ?', uuid(), any('id', 'users')),
    () => run('UPDATE messages SET id = id + 1000000 WHERE id = ?', any('id', 'messages')),
    // Cascades.
    () => run('DELETE FROM users WHERE id = ?', any('id', 'users')),
    () => run('DELETE FROM messages WHERE id % 20 = ?', random(20)),
    // REPLACE: by a unique constraint, an index on an expression, a partial index, the default of a NULL, a key.
    () =>
      run(
        `INSERT OR REPLACE INTO users (id, email, created_at) VALUES (?, ?, '2026-01-01 00:00:00')`,
        uuid(),
        any('email', 'users'),
      ),
    () =>
      run(
        `INSERT OR REPLACE INTO users (id, email, nick, created_at) VALUES (?, ?, ?, '2026-01-01 00:00:00')`,
        uuid(),
        word(),
        any('upper(nick)', 'users WHERE nick IS NOT NULL'),
      ),
    () => run(`UPDATE OR REPLACE users SET admin = 1 WHERE id = ?`, any('id', 'users')),
    () =>
      run(
        `INSERT OR REPLACE INTO users (id, email, created_at, admin, place) VALUES (?, ?, '2026-01-01 00:00:00', 1, NULL)`,
        uuid(),
        word(),
      ),
    () =>
      run('UPDATE OR REPLACE users SET email = ? WHERE id = ?', any('email', 'users'), any('id', 'users')),
    () =>
      run('UPDATE OR REPLACE sessions SET id = ? WHERE id = ?', any('id', 'sessions'), any('id', 'sessions')),
    () => run('REPLACE INTO tags VALUES (?, ?, ?)', random(2) ? 'Tag' : 'tAG', random(20), word()),
    // Unique values that two rows have swapped.
    () => {
      const [a, b] = [any('email', 'users'), any('email', 'users')]
      run(`UPDATE users SET email = 'between' WHERE email = ?`, a)
      run('UPDATE users SET email = ? WHERE email = ?', a, b)
      run(`UPDATE users SET email = ? WHERE email = 'between'`, b)
    },
    // Keys that two rows have swapped, with those that refer to them.
    () => {
      const [a, b] = [any('id', 'sessions'), any('id', 'sessions')]
      run('UPDATE sessions SET id = -1 WHERE id = ?', a)
      run('UPDATE sessions SET id = ? WHERE id = ?', a, b)
      run('UPDATE sessions SET id = ? WHERE id = -1', b)
    },
    // A parent goes, its children stay.
    () => {
      const [a, b] = [any('id', 'users'), any('id', 'users')]
      if (a === b) return
      run('UPDATE sessions SET user_id = ?, slot = slot + 1000000 WHERE user_id = ?', b, a)
      run('DELETE FROM users WHERE id = ?', a)
    },
    // The same key again, and another row.
    () => {
      const id = any('id', 'messages')
      run('DELETE FROM messages WHERE id = ?', id)
      run(`INSERT INTO messages (id, session_id, body) VALUES (?, ?, 'again')`, id, any('id', 'sessions'))
    },
    () => run('DELETE FROM tags WHERE "order" = ?', random(20)),
    () => run('INSERT INTO notes VALUES (?, ?)', word(), random(10)),
    () => run('DELETE FROM notes WHERE n = ?', random(10)),
  ]
}

/** Fills the database a little, or goes on writing to it until it is told that there is nothing more to write to. */
export async function write(path: string, seed: number, until = Number.POSITIVE_INFINITY): Promise<Said> {
  const native = new DatabaseSync(path, { timeout: 30_000 })
  const random = randomOf(seed)
  const writes = writesOf(native, random)
  let commits = Number(native.prepare('SELECT count(*) AS n FROM commits').get()?.n)
  try {
    for (;;) {
      try {
        native.exec('BEGIN IMMEDIATE')
        for (let i = random(5); i >= 0; i--) writes[random(writes.length)]?.()
        native.prepare('INSERT INTO commits VALUES (?)').run(commits + 1)
        if (random(8) === 0) native.exec('ROLLBACK')
        else {
          native.exec('COMMIT')
          commits++
        }
      } catch (error) {
        if (native.isTransaction) native.exec('ROLLBACK')
        const { message } = error as Error
        if (/has moved/.test(message)) return { type: 'commits', commits, fence: message }
        if (!/constraint/.test(message)) throw error
      }
      if (commits >= until) return { type: 'commits', commits }
      if (commits % 20 === 0) {
        process.send?.({ type: 'commits', commits } satisfies Said)
        // It leaves the processor to others too.
        await pause(5)
      }
    }
  } finally {
    native.close()
  }
}

let calls = 0
let killAt = 0

/** The driver's method, with a place to die before it, and one behind it. */
function wire(prototype: object, name: string): void {
  const methods = prototype as Record<string, (...args: unknown[]) => unknown>
  const method = methods[name]
  const passing = () => {
    if (++calls === killAt) process.kill(process.pid, 'SIGKILL')
  }
  methods[name] = function (...args) {
    passing()
    const result = method?.apply(this, args)
    passing()
    return result
  }
}

/** A conversion that makes another number of the last one. */
async function* spoiled(packets: AsyncIterable<Packet>): AsyncIterable<Packet> {
  for await (const { bytes, rows } of packets) {
    const other = Buffer.from(bytes)
    other.writeUInt8((other.at(-1) ?? 0) ^ 64, other.length - 1)
    yield { bytes: other, rows }
  }
}

async function followOnce(job: Job & { role: 'follower' }): Promise<Said> {
  const { path, url, log, steps, spoil } = job
  killAt = job.from === undefined ? job.killAt : 0
  wire(DatabaseSync.prototype, 'exec')
  wire(pg.Client.prototype, 'query')
  const source = new DatabaseSync(path, { timeout: 30_000 })
  const target = new pg.Client(url)
  await target.connect()
  const moved = await movedOf(path, url)
  const query: Record<Side, (sql: string) => Promise<Record<string, unknown>[]>> = {
    from: async (sql) => source.prepare(sql).all(),
    to: async (sql) => (await target.query(sql)).rows,
  }
  const lines = (one: Moved, side: Side) => linesOf(one, side, query[side])
  const enough = Promise.withResolvers<void>()
  let done = 0
  let spoiling = false
  try {
    const followed = await follow({
      source,
      target,
      moved,
      log,
      to: 'postgres://there/app',
      read: (one) =>
        spoiling && one.to.name === 'notes'
          ? spoiled(send(source, one, 'postgres'))
          : send(source, one, 'postgres'),
      digest: async (one, side) => digestOf(await lines(one, side)),
      atRest: async () => {
        const { rows } = await target.query(`SELECT conname FROM pg_constraint WHERE contype = 'f'`)
        const there = rows.map(({ conname }) => conname)
        for (const key of FOREIGN_KEYS) if (!there.some((name) => key.includes(name))) await target.query(key)
        for (const one of moved) {
          const [a, b] = [digestOf(await lines(one, 'from')), digestOf(await lines(one, 'to'))]
          if (a.digest !== b.digest) throw new Error(`${one.from.name} differs at rest`)
        }
        spoiling = spoil === true
      },
      when: enough.promise,
      onEvent: (event) => {
        process.send?.({ type: 'event', event } satisfies Said)
        if (event.type === job.from) killAt = calls + job.killAt
        if (event.type === 'followed' && ++done >= steps) enough.resolve()
      },
    })
    return { type: 'followed', followed }
  } catch (error) {
    const { code = '', message } = error as Error & { code?: string }
    return { type: 'failed', code, message }
  } finally {
    source.close()
    await target.end()
  }
}

process.on('message', async (job: Job) => {
  const said = await (job.role === 'writer' ? write(job.path, job.seed) : followOnce(job))
  process.send?.(said, () => process.disconnect())
})
