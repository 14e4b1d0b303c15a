import type { Dialect, MigrationFile } from '../src/index.ts'

/** Whole numbers from 0 that look random and are the same for the same seed (mulberry32). */
export type Random = (below: number) => number

export function randomOf(seed: number): Random {
  let state = seed | 0
  return (below) => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * below)
  }
}

/** A migration as it is made up: its statements in each direction. */
export interface Step {
  readonly id: string
  readonly up: readonly string[]
  readonly down: readonly string[]
  /** Its scripts run outside a transaction. */
  readonly outside: boolean
}

/** Migrations that are made up, and what an application writes once all are applied. */
export interface History {
  readonly steps: readonly Step[]
  readonly rows: readonly string[]
}

interface Table {
  readonly name: string
  readonly parent: string | undefined
  columns: { name: string; type: string }[]
  indexes: { name: string; column: string }[]
  checked: boolean
}

/** What a step does in both directions. Each does it once: done twice, it fails or is seen in the rows. */
type Effect = Pick<Step, 'up' | 'down'>

/** Makes up a history. The first two steps are the same in all: what the others count in, and with what. */
export function historyOf(dialect: Dialect, seed: number, length: number): History {
  const random = randomOf(seed)
  const pick = <T>(from: readonly T[]) => from[random(from.length)] as T
  const tables: Table[] = []
  const steps: Step[] = []
  const number = () => steps.length + 1

  const table = (): Effect => {
    const parent = tables.length > 0 && random(3) > 0 ? pick(tables).name : undefined
    const made: Table = { name: `t${number()}`, parent, columns: [], indexes: [], checked: false }
    tables.push(made)
    return { up: [`CREATE TABLE ${made.name} (${definition(made)})`], down: [`DROP TABLE ${made.name}`] }
  }
  const column = (): Effect => {
    const { name, columns } = pick(tables)
    const added = `c${number()}`
    const type = random(2) === 0 ? 'TEXT' : `TEXT DEFAULT 'none'`
    columns.push({ name: added, type })
    return {
      up: [
        `ALTER TABLE ${name} ADD COLUMN ${added} ${type}`,
        `UPDATE ${name} SET ${added} = name || '-${added}'`,
      ],
      down: [`ALTER TABLE ${name} DROP COLUMN ${added}`],
    }
  }
  const index = (concurrently = ''): Effect => {
    const made = pick(tables)
    const name = `i${number()}`
    made.indexes.push({ name, column: 'name' })
    return {
      up: [`CREATE INDEX${concurrently} ${name} ON ${made.name} (name)`],
      down: [`DROP INDEX${concurrently} ${name}`],
    }
  }
  const seeds = (): Effect => {
    const into = tables.find(({ parent }) => parent === undefined)?.name
    const id = 1000 + number()
    return {
      up: [`INSERT INTO ${into} (id, name) VALUES (${id}, 'seed')`],
      down: [`DELETE FROM ${into} WHERE id = ${id}`],
    }
  }
  const rebuild = (): Effect => {
    const open = tables.filter(({ checked }) => !checked)
    if (open.length === 0) return seeds()
    const made = tables.find((one) => open.includes(one) && isParent(tables, one)) ?? pick(open)
    const before = rebuilt(made)
    made.checked = true
    if (dialect === 'sqlite') return { up: rebuilt(made), down: before }
    const { name } = made
    return {
      up: [
        `ALTER TABLE ${name} ALTER COLUMN name TYPE varchar(99)`,
        `ALTER TABLE ${name} ADD CONSTRAINT ${name}_check CHECK (name <> '')`,
      ],
      down: [
        `ALTER TABLE ${name} DROP CONSTRAINT ${name}_check`,
        `ALTER TABLE ${name} ALTER COLUMN name TYPE text`,
      ],
    }
  }
  const tally = (): Effect => ({
    up: ['UPDATE tally SET n = n + 1 WHERE id = 1', `INSERT INTO log VALUES ('step ${number()}')`],
    down: [`DELETE FROM log WHERE what = 'step ${number()}'`, 'UPDATE tally SET n = n - 1 WHERE id = 1'],
  })
  const upkeep = (): Effect => {
    const statement =
      dialect === 'postgres'
        ? pick(['VACUUM log', `SET lock_timeout = '9s'`])
        : pick(['VACUUM', 'PRAGMA cache_size = -1000'])
    return { up: [statement], down: [statement] }
  }
  const together = (effects: readonly Effect[]): Effect => ({
    up: effects.flatMap(({ up }) => up),
    down: effects.toReversed().flatMap(({ down }) => down),
  })
  const add = (name: string, outside: boolean, ...effects: Effect[]) =>
    steps.push({ id: `${number()}_${name}`, outside, ...together(effects) })

  add('tally', false, {
    up: ['CREATE TABLE tally (id INTEGER PRIMARY KEY, n INTEGER NOT NULL)', 'CREATE TABLE log (what TEXT)'],
    down: ['DROP TABLE log', 'DROP TABLE tally'],
  })
  add('start', false, table(), {
    up: ['INSERT INTO tally VALUES (1, 0)'],
    down: ['DELETE FROM tally WHERE id = 1'],
  })
  const concurrently = dialect === 'postgres' ? ' CONCURRENTLY' : ''
  const kinds: Readonly<Record<string, () => void>> = {
    table: () => add('table', false, table(), tally()),
    outside: () => add('outside', true, tally(), index(concurrently), upkeep(), table()),
    column: () => add('column', false, column(), tally()),
    rebuild: () => add('rebuild', false, tally(), rebuild()),
    index: () => add('index', false, index(), tally()),
    seeds: () => add('seeds', false, seeds(), tally()),
    outsideRebuild: () => add('outside_rebuild', true, rebuild(), column(), index(concurrently)),
  }
  // None twice before all were there once; at least one script outside a transaction.
  const order = ['outside']
  while (steps.length < length) {
    if (order.length === 0) order.push(...Object.keys(kinds))
    kinds[order.splice(random(order.length), 1)[0] ?? '']?.()
  }

  const rows = tables.flatMap(({ name, parent, columns }) =>
    [1, 2, 3].map((id) => {
      const values = [
        String(id),
        `'row ${id}'`,
        ...(parent ? [id === 3 ? 'NULL' : '1'] : []),
        ...columns.map((one) => (id === 2 ? 'NULL' : `'${one.name} of ${id}'`)),
      ]
      return `INSERT INTO ${name} (${namesOf({ parent, columns })}) VALUES (${values.join(', ')})`
    }),
  )
  // Two that are the same, in a table without a key.
  return { steps, rows: [...rows, `INSERT INTO log VALUES ('app')`, `INSERT INTO log VALUES ('app')`] }
}

function isParent(tables: readonly Table[], { name }: Table): boolean {
  return tables.some(({ parent }) => parent === name)
}

function definition({ parent, columns, checked }: Table): string {
  return [
    'id INTEGER PRIMARY KEY',
    `name TEXT NOT NULL${checked ? ` CHECK (name <> '')` : ''}`,
    ...(parent === undefined ? [] : [`parent INTEGER REFERENCES ${parent} (id) ON DELETE CASCADE`]),
    ...columns.map(({ name, type }) => `${name} ${type}`),
  ].join(', ')
}

function namesOf({ parent, columns }: Pick<Table, 'parent' | 'columns'>): string {
  return ['id', 'name', ...(parent ? ['parent'] : []), ...columns.map(({ name }) => name)].join(', ')
}

/** A SQLite table made anew as it now is to be: https://sqlite.org/lang_altertable.html#otheralter */
function rebuilt(table: Table): string[] {
  const { name, indexes } = table
  const names = namesOf(table)
  return [
    `CREATE TABLE ${name}_new (${definition(table)})`,
    `INSERT INTO ${name}_new (${names}) SELECT ${names} FROM ${name}`,
    `DROP TABLE ${name}`,
    `ALTER TABLE ${name}_new RENAME TO ${name}`,
    ...indexes.map((index) => `CREATE INDEX ${index.name} ON ${name} (${index.column})`),
  ]
}

/** The history's files. */
export function filesOf({ steps }: History): MigrationFile[] {
  return steps.flatMap(({ id, outside, up, down }) =>
    Object.entries({ up, down }).map(([direction, statements]) => ({
      name: `${id}.${direction}.sql`,
      sql: `${outside ? '-- migrate: no-transaction\n' : ''}${statements.join(';\n')};\n`,
    })),
  )
}
