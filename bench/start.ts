import type { Dialect } from '../src/index.ts'
import type { Server } from '../test/servers.ts'
import { query, tables, withPostgres, withSqlite, write } from './files.ts'
import { observe, type Runner, race, run, type Table, timeTable } from './measure.ts'
import { OURS, peersOn, type Tool } from './peers.ts'

const COUNT = 1000
const PAIRS = 25
const ROUNDS = 9

/** `up` with nothing to do: whole processes, from outside. */
export async function start(server: Server): Promise<Table[]> {
  const floor = await onApplied('sqlite', server, [OURS], async ([ours]) => {
    const bare = { name: '`node -e 0`', run: () => run([process.execPath, '-e', '0']).ms, bound: 2.5 }
    const runners = [...(ours ? [ours] : []), bare]
    return timeTable(
      `\`up\` with nothing to do, beside Node itself`,
      [what()],
      runners,
      await race(runners, PAIRS),
    )
  })
  const peers: Table[] = []
  for (const dialect of ['sqlite', 'postgres'] as const) {
    const table = await onApplied(dialect, server, [OURS, ...peersOn(dialect)], async (runners) => {
      const title = `\`up\` with nothing to do, beside the peers on ${dialect === 'sqlite' ? 'SQLite' : 'PostgreSQL'}`
      return timeTable(title, [what(ROUNDS)], runners, await race(runners, ROUNDS))
    })
    peers.push(table)
  }
  return [floor, ...peers, await loaded(server)]
}

function what(rounds = PAIRS): string {
  return `${COUNT} migrations applied, the whole process measured from outside; median of ${rounds} rounds and of the ratios in each round.`
}

/** Each tool applies its migrations to a database of its own; then `work` measures what another run of it takes. */
async function onApplied<T>(
  dialect: Dialect,
  server: Server,
  [tool, ...others]: readonly Tool[],
  work: (runners: Runner[]) => Promise<T>,
): Promise<T> {
  if (tool === undefined) return work([])
  const folder = write(tool, tables(COUNT))
  const measured = async (url: string) => {
    const command = tool.command(url, folder)
    run(command)
    // Each of them is there: so was the migration before.
    await query(url, `SELECT * FROM table_${COUNT}`)
    const runner = { name: tool.name, run: () => run(command).ms, ...(tool !== OURS && { bound: 1 }) }
    return onApplied(dialect, server, others, (rest) => work([runner, ...rest]))
  }
  return dialect === 'sqlite'
    ? withSqlite(measured)
    : withPostgres(server, measured, 'synchronous_commit = off')
}

/** Whether a run on SQLite loads the driver of PostgreSQL; the run on PostgreSQL shows that it would be seen. */
async function loaded(server: Server): Promise<Table> {
  const folder = write(OURS, tables(10))
  const packages = (url: string) => observe(OURS.command(url, folder)).packages
  const row = (name: string, found: string[], wanted: boolean) => {
    const pg = found.includes('pg')
    return [name, found.join(', ') || 'none', pg ? 'yes' : 'no', pg === wanted ? 'yes' : '**no**']
  }
  const sqlite = await withSqlite(packages)
  const postgres = await withPostgres(server, packages)
  return {
    title: 'What `up` loads',
    notes: ['A SQLite user never loads `pg`; that a run on PostgreSQL does shows that the observer sees it.'],
    heads: ['', 'packages', '`pg` among them', 'as it should be'],
    rows: [row('SQLite', sqlite, false), row('PostgreSQL', postgres, true)],
  }
}
