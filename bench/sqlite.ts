import { join } from 'node:path'
import { makeWal, tables, withSqlite, write } from './files.ts'
import { type Command, type Runner, race, run, type Table, timeTable } from './measure.ts'
import { label, OURS, peersOn } from './peers.ts'

const COUNT = 1000
const ROUNDS = 5

const FLOOR = [
  'The floor is a bare loop over `node:sqlite` with the same pragmas (WAL, `synchronous = FULL`), the same statements and the same',
  'history rows: it lists the folder, reads the up and down scripts, hashes the up scripts, and for each migration runs',
  '`BEGIN IMMEDIATE`, the script, the `INSERT` into `schema_migrations` and `COMMIT`. It checks and locks nothing.',
].join(' ')

/** One-table migrations on SQLite, each committed to the disk. */
export async function sqlite(): Promise<Table[]> {
  const folder = write(OURS, tables(COUNT))
  const script = (name: string) => join(import.meta.dirname, `processes/${name}.js`)
  const inside = (who: string): Runner => ({
    name: who === 'ours' ? 'ours, `up()` of the library' : 'bare loop',
    run: () =>
      withSqlite((url) => Number(run([process.execPath, script('in-process'), who, url, folder]).stdout)),
    ...(who === 'floor' && { bound: 1.25 }),
  })
  const loop = onFresh('bare loop', (url) => [process.execPath, script('bare-loop'), url, folder], 1.25)
  const ours = onFresh('ours', (url) => OURS.command(url, folder))

  const calls = [inside('ours'), inside('floor')]
  const pair = [ours, loop]
  const all = [ours, ...peers()]
  const title = `${COUNT} one-table migrations on SQLite`
  return [
    timeTable(
      `${title}, beside a bare loop in the process`,
      [FLOOR, rounds()],
      calls,
      await race(calls, ROUNDS),
    ),
    timeTable(`${title}, beside a bare loop as a whole process`, [rounds()], pair, await race(pair, ROUNDS)),
    timeTable(`${title}, beside the peers`, [DURABLE, rounds()], all, await race(all, ROUNDS)),
  ]
}

const DURABLE = [
  'Whole processes. Every peer is given an empty file in WAL mode, as ours makes it. dbmate three times: in WAL mode it syncs no',
  'commit to the disk unless its URL says so, and in a file of its own it uses a rollback journal.',
].join(' ')

function rounds(): string {
  return `Median of ${ROUNDS} rounds and of the ratios in each round; fresh files on one disk.`
}

function peers(): Runner[] {
  return peersOn('sqlite').flatMap((peer) => {
    const folder = write(peer, tables(COUNT))
    const name = label(peer, 'sqlite')
    const command = (url: string) => peer.command(url, folder)
    if (peer.name !== 'dbmate') return [onFresh(name, command, undefined, makeWal)]
    return [
      onFresh(`${name}, WAL and durable by its URL`, (url) => command(`${url}?_journal=WAL&_sync=FULL`), 0.5),
      onFresh(`${name}, file of its own`, command, 0.5),
      onFresh(`${name}, WAL and not durable`, command, undefined, makeWal),
    ]
  })
}

function onFresh(
  name: string,
  command: (url: string) => Command,
  bound?: number,
  prepare?: (url: string) => Promise<void>,
): Runner {
  const once = async (url: string) => {
    await prepare?.(url)
    return run(command(url)).ms
  }
  return { name, run: () => withSqlite(once), ...(bound !== undefined && { bound }) }
}
