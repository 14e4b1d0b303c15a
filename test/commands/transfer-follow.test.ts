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
import { type Job, linesOf, movedOf, POSTGRES, type Said, SQLITE, write } from '../follow-worker.ts'
import { NEWEST, type Scratch } from '../matrix.ts'
import { errorOf } from '../tools.ts'

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
  await once(child, 'exit')
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
      for (const one of moved) await receive(client, one, 'sqlite', send(native, one, 'postgres'), '')
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
        steps: 20,
        killAt: 0,
      })
      assert.ok(last?.type === 'followed', JSON.stringify(last))
      assert.ok(events.filter((type) => type === 'followed').length >= 20)
      assert.deepEqual(events.slice(-2), ['stopping', 'switched'])
      assert.ok(last.followed.written > 100 && last.followed.removed > 100)
      assert.ok(last.followed.stop !== undefined && last.followed.stop < 5000)
      const { commits, fence } = await application.ended
      assert.match(fence ?? '', /^this database has moved to postgres:\/\/there\/app at 2/)
      assert.deepEqual(await target.query('SELECT count(*)::int AS n, max(n)::int AS last FROM commits'), [
        { n: commits, last: commits },
      ])
      await assertSame(path, target)
      console.log(last.followed, commits, last.calls)
    }))

  test('2 killed at any call of a driver, and called again: the same', () =>
    withEnds(async (path, target) => {
      const application = await writing(path)
      const log = await copyOnce(path, target.url)
      const random = randomOf(3)
      const job = { role: 'follower', path, url: target.url, log, steps: 1 } as const
      for (let i = 0; i < 10; i++) {
        const { last } = await lastWord({ ...job, steps: 1000, killAt: 20 + random(1000) })
        assert.equal(last, undefined)
      }
      // In the stop, and behind it.
      let kills = 0
      for (let ended = false; !ended && kills < 20; kills++) {
        const { last, events } = await lastWord({ ...job, steps: 1, killAt: 250 + random(300) })
        ended = last !== undefined
        if (ended) assert.equal(last?.type, 'followed', JSON.stringify(last))
        console.log(events.at(-1), ended)
      }
      const { last } = await lastWord({ ...job, killAt: 0 })
      assert.equal(last?.type, 'followed', JSON.stringify(last))
      const { commits, fence } = await application.ended
      assert.match(fence ?? '', /has moved/)
      assert.deepEqual(await target.query('SELECT count(*)::int AS n FROM commits'), [{ n: commits }])
      await assertSame(path, target)
      console.log(kills)
    }))
})
