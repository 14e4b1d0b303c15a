import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DATA } from './files.ts'
import { BIN, type Command, type Runner, race, run, type Table, timeTable, VERDICT } from './measure.ts'

const FILES = 1000
const ROUNDS = 9
const BOUND = 3

/** What `lint` and `squawk` end with when they have found something. */
const FOUND = [0, 1, 3]

/** What it takes to lint a long history from its text alone. */
export async function lint(): Promise<Table[]> {
  const folder = history()
  const title = `${FILES} files of three statements, beside squawk`
  const ours = [process.execPath, BIN, 'lint', '--static', '--dialect', 'postgres', '--dir', folder, '--json']
  const program = squawk()
  if (program === undefined) {
    const { ms } = run(ours, FOUND)
    const notes = ['`squawk` is not on this machine: there is nothing to compare with.']
    const rows = [
      ['ours', `${Math.round(ms)} ms`, '', ''],
      ['squawk', '', `≤ ${BOUND}`, 'unknown'],
    ]
    return [{ title, notes, heads: ['', 'once', ...VERDICT], rows }]
  }
  const { stdout: version } = run([program, '--version'])
  const runners: Runner[] = [
    runner('ours, `lint --static --json`', ours),
    {
      ...runner('`squawk --reporter json`', [program, '--reporter', 'json', `${folder}/*.sql`]),
      bound: BOUND,
    },
  ]
  const notes = [
    `${version.trim()}, its program itself and not what npm starts it with. The same files for both: tables, columns, indexes, constraints and changes of types, drawn at random from a seed.`,
    `Whole processes, measured from outside; median of ${ROUNDS} rounds and of the ratios in each round.`,
  ]
  return [timeTable(title, notes, runners, await race(runners, ROUNDS))]
}

function runner(name: string, command: Command): Runner {
  return { name, run: () => run(command, FOUND).ms }
}

/** The program that its package brings, else one that is on the path. */
function squawk(): string | undefined {
  const name = `@squawk-cli/${process.platform}-${process.arch}/bin/squawk`
  const own = join(import.meta.dirname, 'node_modules', name)
  if (existsSync(own)) return own
  return spawnSync('squawk', ['--version']).error ? undefined : 'squawk'
}

/** Half of the files make a table; the rest change those that are there. */
function history(): string {
  const folder = mkdtempSync(join(DATA, 'lint-'))
  const random = seeded(5)
  for (let i = 0; i < FILES; i++) {
    const made = (i >> 1) + 1
    const change = (n: number) =>
      CHANGES[random(CHANGES.length)]?.(`table_${random(made)}`, `${i}_${n}`) ?? ''
    const first = i % 2 === 0 ? table(i >> 1, random(made)) : change(1)
    const id = String(i + 1).padStart(6, '0')
    writeFileSync(join(folder, `${id}_step.up.sql`), `${[first, change(2), change(3)].join(';\n\n')};\n`)
  }
  return folder
}

function table(i: number, parent: number): string {
  return `CREATE TABLE table_${i} (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  parent_id bigint REFERENCES table_${parent} (id) ON DELETE CASCADE,
  name varchar(100) NOT NULL,
  email text NOT NULL UNIQUE,
  state text NOT NULL DEFAULT 'new' CHECK (state IN ('new', 'open', 'done')),
  amount numeric(12, 2),
  metadata jsonb,
  created_at timestamptz NOT NULL DEFAULT now()
)`
}

/** What is done to a table, with a part of a name that is used once. */
const CHANGES: readonly ((table: string, once: string) => string)[] = [
  (table, once) => `ALTER TABLE ${table} ADD COLUMN note_${once} text`,
  (table, once) => `ALTER TABLE ${table} ADD COLUMN is_${once} boolean NOT NULL DEFAULT false`,
  (table, once) => `ALTER TABLE ${table} ADD COLUMN key_${once} uuid NOT NULL DEFAULT gen_random_uuid()`,
  (table, once) => `CREATE INDEX index_${once} ON ${table} (state, created_at)`,
  (table, once) => `CREATE INDEX IF NOT EXISTS index_${once} ON ${table} USING gin (metadata jsonb_path_ops)`,
  (table, once) => `CREATE UNIQUE INDEX index_${once} ON ${table} (lower(email)) WHERE state <> 'done'`,
  (table, once) => `ALTER TABLE ${table} ADD CONSTRAINT check_${once} CHECK (amount >= 0)`,
  (table, once) => `ALTER TABLE ${table} ADD CONSTRAINT check_${once} CHECK (amount < 1e6) NOT VALID`,
  (table, once) =>
    `ALTER TABLE ${table} ADD CONSTRAINT key_${once} FOREIGN KEY (parent_id) REFERENCES ${table} (id) NOT VALID`,
  (table) => `ALTER TABLE ${table} ALTER COLUMN name TYPE text`,
  (table) => `ALTER TABLE ${table} ALTER COLUMN amount SET NOT NULL`,
  (table) => `ALTER TABLE ${table} ALTER COLUMN state SET DEFAULT 'open'`,
  (table) => `UPDATE ${table} SET amount = 0 WHERE amount IS NULL`,
  (table, once) => `COMMENT ON COLUMN ${table}.name IS 'what it is called, since ${once}'`,
]

/** Numbers below a bound, the same ones each time. */
function seeded(seed: number): (bound: number) => number {
  let state = seed
  return (bound) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return Math.floor((state / 2 ** 32) * bound)
  }
}
