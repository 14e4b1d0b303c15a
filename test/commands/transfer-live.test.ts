import assert from 'node:assert/strict'
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { afterEach, describe, test } from 'node:test'
import { openDatabase } from '../../src/index.ts'
import { FOREIGN_KEYS, type Job, POSTGRES, type Said, SQLITE } from '../follow-worker.ts'
import { NEWEST } from '../matrix.ts'
import { run, start } from '../process.ts'
import { countOf, type Road, withRoad } from '../road.ts'
import { errorOf, scripts } from '../tools.ts'

const APP = scripts({
  '1_app.sqlite.up': SQLITE,
  '1_app.sqlite.down': 'SELECT 1',
  '1_app.postgres.up': `${POSTGRES}\n${FOREIGN_KEYS.join(';\n')};`,
  '1_app.postgres.down': 'SELECT 1',
})

const [sqlite, postgres] = NEWEST
const running = new Set<ChildProcess>()

/** An application that writes for as long as it can, and what it says last. */
async function writing({ source }: Road): Promise<() => Promise<Extract<Said, { type: 'commits' }>>> {
  const child = fork(join(import.meta.dirname, '../follow-worker.ts'))
  running.add(child)
  const begun = Promise.withResolvers<void>()
  const ended = once(child, 'exit')
  let last: Said | undefined
  child.on('message', (said: Said) => {
    last = said
    begun.resolve()
  })
  child.send({ role: 'writer', path: source.url.slice('sqlite:'.length), seed: 5 } satisfies Job)
  await begun.promise
  return async () => {
    await ended
    assert.ok(last?.type === 'commits')
    return last
  }
}

const withLive = (work: (road: Road) => Promise<void>) => {
  assert.ok(sqlite && postgres)
  return withRoad(sqlite, postgres, { migrations: APP, rows: ['PRAGMA journal_mode = WAL'] }, work)
}

/** Runs it until it says something, and kills it then. */
async function killedAt({ args, folder }: Road, words: readonly string[], what: RegExp): Promise<boolean> {
  const child = start([...args, ...words], { cwd: folder })
  let said = ''
  child.stderr?.setEncoding('utf8').on('data', (data: string) => {
    said += data
    if (what.test(said)) child.kill('SIGKILL')
  })
  const [[, signal]] = await Promise.all([once(child, 'close'), child.stdout && text(child.stdout)])
  return signal === 'SIGKILL'
}

describe('transfer --follow, on the command line', () => {
  afterEach(() => {
    for (const child of running) child.kill('SIGKILL')
    running.clear()
  })

  test('1 an application that never stops: one short stop, which is told; then the source is left', () =>
    withLive(async (road) => {
      const { source, target, dir, transfer } = road
      const application = await writing(road)
      const { status, stdout, stderr } = await transfer(['--follow'])
      assert.equal(status, 0, stderr)
      const { commits, fence } = await application()
      assert.match(fence ?? '', /has moved to postgres:\/\/127\.0\.0\.1/)
      assert.doesNotMatch(fence ?? '', /for-tests-only/)
      assert.match(stderr, /the application waits\n/)
      assert.match(stderr, /the application can go on with the target: it waited \d+ ms/)
      assert.match(stdout, /^the application waited \d+ ms; it must use postgres:\/\/\S+ from now on$/m)
      assert.equal(await countOf(target, 'commits'), commits)
      const proven = await transfer(['--verify-only'])
      assert.equal(proven.status, 0, proven.stdout)

      await (await openDatabase({ path: target.url, migrations: dir })).close()
      const moved = await errorOf(openDatabase({ path: source.url, migrations: dir }))
      assert.equal(moved.code, 'MOVED')
      assert.match(moved.hint ?? '', /--release/)
      const unasked = await run(['transfer', '--release', '--from', source.url])
      assert.equal(unasked.status, 2, unasked.stderr)
      const released = await run(['transfer', '--release', '--from', source.url, '--yes'])
      assert.equal(released.status, 0, released.stderr)
      assert.match(released.stdout, /can be written to; what postgres:\/\/\S+ was given since is not in it/)
      await (await openDatabase({ path: source.url, migrations: dir })).close()
      await source.query(`INSERT INTO commits VALUES (${commits + 1})`)
    }))

  test('2 killed while it copies, while it follows and while the application waits, it goes on', () =>
    withLive(async (road) => {
      const { target, dir, transfer } = road
      const application = await writing(road)
      assert.ok(await killedAt(road, ['--follow'], / rows /))
      const opened = await errorOf(openDatabase({ path: target.url, migrations: dir }))
      assert.equal(opened.code, 'INCOMPLETE')
      assert.equal((await transfer(['--follow'])).status, 1)
      await killedAt(road, ['--follow', '--resume'], /the application waits/)
      // Killed behind the switch, there may be nothing left to do.
      if ((await countOf(target, 'schema_migrations_state', `name = 'transfer'`)) > 0) {
        const { status, stderr } = await transfer(['--follow', '--resume'])
        assert.equal(status, 0, stderr)
      }
      const { commits, fence } = await application()
      assert.match(fence ?? '', /has moved/)
      assert.equal(await countOf(target, 'commits'), commits)
      const proven = await transfer(['--verify-only'])
      assert.equal(proven.status, 0, proven.stdout)
    }))

  test('3 SIGINT: the application goes on with the source, and the log with it', () =>
    withLive(async (road) => {
      const { source, args, folder, transfer } = road
      const application = await writing(road)
      const child = start([...args, '--follow'], { cwd: folder })
      let said = ''
      child.stderr?.setEncoding('utf8').on('data', (data: string) => {
        if (said === '') child.kill('SIGINT')
        said += data
      })
      const [status] = await once(child, 'close')
      assert.equal(status, 130, said)
      assert.match(said, /next: .*--resume/)
      assert.ok((await countOf(source, 'commits')) > 0)
      const { status: end, stderr } = await transfer(['--follow', '--resume'])
      assert.equal(end, 0, stderr)
      assert.match((await application()).fence ?? '', /has moved/)
    }))

  test('4 what it cannot do it says before anything is written', () =>
    withLive(async (road) => {
      const { target, transfer, source, dir } = road
      for (const words of [
        ['--check'],
        ['--limit', '3'],
        ['--mask', 'users.nick=null'],
        ['--bad', 'rows-to', 'x'],
      ]) {
        assert.equal((await transfer(['--follow', ...words])).status, 2, words.join())
      }
      const back = await run(['transfer', '--follow', '--from', target.url, '--to', source.url, '--dir', dir])
      assert.equal(back.status, 2, back.stderr)
      await source.query('PRAGMA journal_mode = DELETE')
      const noWal = await transfer(['--follow'])
      assert.notEqual(noWal.status, 0)
      assert.match(noWal.stderr, /WAL/)
      assert.deepEqual(await target.tables(), [])
    }))
})
