import assert from 'node:assert/strict'
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterEach, describe, test } from 'node:test'
import pg from 'pg'
import { receive } from '../../src/database/postgres/receive.ts'
import { putFence, readSwitched, removeFence, startLog, stopLog } from '../../src/database/sqlite/changes.ts'
import { introspect } from '../../src/database/sqlite/introspect.ts'
import { send, snapshot } from '../../src/database/sqlite/send.ts'
import { up } from '../../src/index.ts'
import { randomOf } from '../crash-history.ts'
import {
  FOREIGN_KEYS,
  type Job,
  linesOf,
  movedOf,
  POSTGRES,
  type Said,
  SQLITE,
  write,
} from '../follow-worker.ts'
import { LONG, NEWEST, type Scratch } from '../matrix.ts'

const [sqlite, postgres] = NEWEST

/** The two ends: a source that is filled a little, and a target without foreign keys. */
async function withEnds(work: (path: string, target: Scratch) => Promise<void>): Promise<void> {
  assert.ok(sqlite && postgres)
  await sqlite.scratch(({ url }) =>
    postgres.scratch(async (target) => {
      const path = url.slice('sqlite:'.length)
      const native = new DatabaseSync(path)
      native.exec(`PRAGMA journal_mode = WAL; ${SQLITE}`)
      native.close()
      await target.query(POSTGRES)
      await write(path, 1, 300)
      await work(path, target)
    }),
  )
}

const running = new Set<ChildProcess>()

/** A process of its own, that does a job, and what it says. */
function begin(job: Job, hear: (said: Said) => void = () => {}): ChildProcess {
  const child = fork(join(import.meta.dirname, '../follow-worker.ts'))
  running.add(child)
  child.on('message', hear)
  child.send(job)
  return child
}

/** Waits for the last word of a process; none if it was killed. */
async function lastWord(job: Job): Promise<{ last: Said | undefined; events: string[] }> {
  let last: Said | undefined
  const events: string[] = []
  const child = begin(job, (said) => {
    if (said.type === 'event') events.push(said.event.type)
    else last = said
  })
  const [, signal] = await once(child, 'exit')
  assert.equal(signal, last === undefined ? 'SIGKILL' : null)
  return { last, events }
}

/** Begins the log and makes the first copy, as `transfer` does. */
async function copyOnce(path: string, url: string): Promise<string> {
  const moved = await movedOf(path, url)
  const native = new DatabaseSync(path, { timeout: 30_000 })
  const client = new pg.Client(url)
  await client.connect()
  try {
    const { id, unseen } = startLog(native, moved)
    assert.deepEqual(unseen, [])
    await client.query('ALTER TABLE users DISABLE TRIGGER users_touched')
    await snapshot(native, async () => {
      for (const one of moved)
        await receive(client, one, 'sqlite', send(native, one, 'postgres'), () => ({
          file: 'test',
          text: '',
        }))
    })
    await client.query('ALTER TABLE users ENABLE TRIGGER users_touched')
    return id
  } finally {
    native.close()
    await client.end()
  }
}

/** All rows of both ends are the same, and the target is as its migrations had made it. */
async function assertSame(path: string, { url, query }: Scratch): Promise<void> {
  const native = new DatabaseSync(path)
  for (const one of await movedOf(path, url)) {
    const [there, here] = [
      await linesOf(one, 'from', async (sql) => native.prepare(sql).all()),
      await linesOf(one, 'to', query),
    ]
    const missing = there.filter((line) => !here.includes(line))
    const more = here.filter((line) => !there.includes(line))
    assert.deepEqual({ missing, more }, { missing: [], more: [] }, one.from.name)
    assert.equal(here.length, there.length)
  }
  assert.deepEqual(native.prepare('PRAGMA foreign_key_check').all(), [])
  native.close()
  const keys = await query(
    `SELECT conname, confdeltype, confupdtype, condeferrable, convalidated FROM pg_constraint WHERE contype = 'f' ORDER BY conname`,
  )
  const key = { confupdtype: 'c', condeferrable: false, convalidated: true }
  assert.deepEqual(keys, [
    { conname: 'messages_author', confdeltype: 'n', ...key },
    { conname: 'messages_parent', confdeltype: 'n', ...key },
    { conname: 'messages_session', confdeltype: 'c', ...key },
    { conname: 'sessions_user', confdeltype: 'c', ...key },
  ])
  assert.deepEqual(await query(`SELECT tgenabled FROM pg_trigger WHERE tgname = 'users_touched'`), [
    { tgenabled: 'O' },
  ])
  assert.deepEqual(await query(`SELECT name FROM schema_migrations_state WHERE name = 'follow'`), [])
}

/** Starts an application that writes, and gives its last word. */
async function writing(path: string): Promise<{ ended: Promise<Extract<Said, { type: 'commits' }>> }> {
  const begun = Promise.withResolvers<void>()
  let last: Said | undefined
  const child = begin({ role: 'writer', path, seed: 2 }, (said) => {
    last = said
    begun.resolve()
  })
  await begun.promise
  const end = async () => {
    await once(child, 'exit')
    assert.ok(last?.type === 'commits')
    return last
  }
  return { ended: end() }
}

describe('transfer --follow', () => {
  // Where a test fails, the application would write for ever.
  afterEach(() => {
    for (const child of running) child.kill('SIGKILL')
    running.clear()
  })

  test('1 an application that never stops to write: one short stop, and nothing is missing', () =>
    withEnds(async (path, target) => {
      const application = await writing(path)
      const log = await copyOnce(path, target.url)
      const { last, events } = await lastWord({
        role: 'follower',
        path,
        url: target.url,
        log,
        steps: 12,
        killAt: 0,
      })
      assert.ok(last?.type === 'followed', JSON.stringify(last))
      assert.ok(events.filter((type) => type === 'followed').length >= 12)
      assert.deepEqual(events.slice(-2), ['stopping', 'switched'])
      assert.ok(last.followed.written > 100 && last.followed.removed > 100)
      assert.ok(last.followed.stop !== undefined && last.followed.stop < 5000)
      const { commits, fence } = await application.ended
      assert.match(fence ?? '', /^this database has moved to postgres:\/\/there\/app at 2/)
      assert.deepEqual(await target.query('SELECT count(*)::int AS n, max(n)::int AS last FROM commits'), [
        { n: commits, last: commits },
      ])
      await assertSame(path, target)
    }))

  test('2 killed at any call of a driver, and called again: the same', () =>
    withEnds(async (path, target) => {
      const application = await writing(path)
      const log = await copyOnce(path, target.url)
      const random = randomOf(3)
      const job = { role: 'follower', path, url: target.url, log, steps: 1 } as const
      for (let i = 0; i < (LONG ? 5 : 2); i++) {
        const { last } = await lastWord({ ...job, steps: 1000, killAt: 20 + random(500) })
        assert.equal(last, undefined)
      }
      for (const killAt of [1 + random(10), 20 + random(20), 50 + random(30), 90 + random(20)]) {
        const { last, events } = await lastWord({ ...job, killAt, from: 'stopping' })
        assert.equal(last, undefined)
        assert.equal(events.at(-1), 'stopping')
      }
      // Behind the fence there is little left to do.
      assert.equal((await lastWord({ ...job, killAt: 2, from: 'switched' })).last, undefined)
      const { last } = await lastWord({ ...job, killAt: 0 })
      assert.equal(last?.type, 'followed', JSON.stringify(last))
      const { commits, fence } = await application.ended
      assert.match(fence ?? '', /has moved/)
      assert.deepEqual(await target.query('SELECT count(*)::int AS n FROM commits'), [{ n: commits }])
      await assertSame(path, target)
    }))

  test('3 a row that has not arrived as it was sent: the application goes on with the source', () =>
    withEnds(async (path, target) => {
      await writing(path)
      const log = await copyOnce(path, target.url)
      const job = { role: 'follower', path, url: target.url, log, steps: 1000, killAt: 0 } as const
      const { last } = await lastWord({ ...job, spoil: true })
      assert.ok(last?.type === 'failed')
      assert.deepEqual(
        [last.code, last.message],
        ['DIFFERENT', 'notes: the rows that were changed last differ from the source'],
      )
      const native = new DatabaseSync(path, { timeout: 30_000 })
      assert.equal(readSwitched(native), undefined)
      stopLog(native)
      native.close()
      // The log is gone, and with it what would have to be brought over.
      const again = await lastWord(job)
      assert.ok(again.last?.type === 'failed')
      assert.equal(again.last.code, 'DIFFERENT')
    }))

  test('4 a row that the target cannot take, an orphan, another schema: it says so, and goes on when that is mended', () =>
    withEnds(async (path, target) => {
      const log = await copyOnce(path, target.url)
      for (const key of FOREIGN_KEYS) await target.query(key)
      const native = new DatabaseSync(path, { timeout: 30_000 })
      const job = { role: 'follower', path, url: target.url, log, steps: 3, killAt: 0 } as const
      const code = async () => {
        const { last } = await lastWord(job)
        return last?.type === 'failed' ? last.code || last.message : last?.type
      }
      // It has come and gone: a key that is none there is of no row there.
      native.exec(
        `INSERT INTO users (id, email, created_at) VALUES ('no uuid', '-', '2026-01-01 00:00:00'); DELETE FROM users WHERE id = 'no uuid'`,
      )
      native.exec(
        `INSERT INTO users (id, email, created_at) VALUES ('none either', '-', '2026-01-01 00:00:00')`,
      )
      assert.equal(await code(), 'BAD_ROWS')
      native.exec(`UPDATE users SET id = 'ffffffff-0000-4000-8000-000000000000' WHERE email = '-'`)
      native.exec(`UPDATE users SET nick = printf('%.41c', 'n') WHERE email = '-'`)
      assert.equal(await code(), 'BAD_ROWS')
      native.exec(`UPDATE users SET nick = NULL WHERE email = '-'`)
      native.exec(
        `PRAGMA foreign_keys = OFF; UPDATE messages SET session_id = 0 WHERE id = (SELECT min(id) FROM messages)`,
      )
      assert.equal(await code(), 'FOREIGN_KEY')
      native.exec(`DELETE FROM messages WHERE session_id = 0; CREATE TABLE more (id INTEGER PRIMARY KEY)`)
      assert.equal(await code(), 'DIFFERENT')
      native.exec('DROP TABLE more')
      assert.equal(await code(), 'followed')
      native.close()
      await assertSame(path, target)
    }))

  test('5 log and fence leave no trace, and a schema does not show them', () =>
    withEnds(async (path, target) => {
      const native = new DatabaseSync(path)
      await up({
        database: native,
        migrations: [{ name: '1_one.sql', sql: 'CREATE TABLE one (id INTEGER PRIMARY KEY)' }],
      })
      const everything = () => native.prepare('SELECT type, name, sql FROM sqlite_schema ORDER BY 1, 2').all()
      const state = () => native.prepare('SELECT * FROM schema_migrations_state').all()
      const [before, seen, noted] = [everything(), introspect(native), state()]
      const moved = await movedOf(path, target.url)
      startLog(native, moved)
      assert.ok(everything().length > before.length + 18)
      assert.deepEqual(introspect(native), seen)
      startLog(native, moved)
      stopLog(native)
      assert.deepEqual([everything(), state()], [before, noted])

      startLog(native, moved)
      native.exec('BEGIN IMMEDIATE')
      assert.deepEqual(putFence(native, 'there'), [])
      native.exec('COMMIT')
      assert.deepEqual(introspect(native), seen)
      assert.equal(readSwitched(native)?.to, 'there')
      const refused = (sql: string) =>
        assert.throws(() => native.exec(sql), /^Error: this database has moved to there at /)
      for (const or of ['', 'OR IGNORE', 'OR REPLACE', 'OR FAIL', 'OR ROLLBACK']) {
        refused(`INSERT ${or} INTO one VALUES (1)`)
        refused(`UPDATE ${or} users SET nick = NULL`)
      }
      refused('DELETE FROM tags')
      refused('INSERT INTO notes VALUES (1, 2) ON CONFLICT DO NOTHING')
      removeFence(native)
      assert.deepEqual([everything(), state()], [before, noted])
      native.exec('DELETE FROM tags')
      native.close()
    }))

  test('6 an index with a function that only the application has is told, and does not stop it', async () => {
    const native = new DatabaseSync(':memory:')
    assert.throws(() => startLog(native, []), /journal mode memory/)
    native.close()
    await sqlite?.scratch(async ({ url }) => {
      const path = url.slice('sqlite:'.length)
      const application = new DatabaseSync(path)
      application.function('plain', { deterministic: true }, (text) => String(text).toLowerCase())
      application.exec(`PRAGMA journal_mode = WAL; CREATE TABLE names (id INTEGER PRIMARY KEY, name TEXT);
        CREATE UNIQUE INDEX names_plain ON names (plain(name)); INSERT INTO names VALUES (1, 'A')`)
      const tool = new DatabaseSync(path)
      const { unseen } = startLog(tool, [{ from: { schema: '', name: 'names' }, key: ['id'] }])
      assert.deepEqual(unseen, ['names_plain on names'])
      application.exec(
        `INSERT INTO names VALUES (2, 'B'); UPDATE names SET id = 3 WHERE id = 2; DELETE FROM names WHERE id = 1`,
      )
      const rows = tool.prepare('SELECT "table", k0 FROM schema_migrations_changes ORDER BY seq').all()
      assert.deepEqual(
        rows.map(({ k0 }) => k0),
        [2, 2, 3, 1],
      )
      application.close()
      tool.close()
    })
  })
})
