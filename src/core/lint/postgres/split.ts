import type { Node } from 'libpg-query'
import type { Script } from '../../script.ts'
import type { Spot } from '../../sql-error.ts'
import { skipBlank } from '../../text.ts'
import { REST, type Step, safeSteps, undoneBy, type Write } from './fix.ts'
import type { Tree } from './statement.ts'

export type { Write }

/** A script and its statements by PostgreSQL's grammar. */
export interface Read {
  readonly script: Script
  readonly statements: readonly (Spot & { readonly tree: Tree })[]
}

/** A migration that an unsafe one becomes. */
export interface Part {
  /** For its name; of the first, which keeps the name, nothing. */
  readonly label?: string
  readonly up: string
  readonly down?: string
}

/** Rows that a batch begins with. */
const BATCH = 1000

type How = Step['how']

/** The grammar's own tree, by its own types. */
function nodeOf(tree: Tree): Node {
  return tree as unknown as Node
}

interface Group {
  readonly how: How
  readonly steps: Step[]
}

/**
 * The migrations that do what one does, each safe by itself, in order; nothing where none of its hazards is one that
 * can be written otherwise.
 *
 * @param isHazard by the place of a statement in the script
 */
export function splitMigration(
  up: Read,
  down: Read | undefined,
  isHazard: (spot: Spot) => boolean,
  write: Write,
): Part[] | undefined {
  const { text, transaction } = up.script
  let fixed = false
  const steps = up.statements.flatMap((statement) => {
    const sql = textOf(text, statement)
    const safe = isHazard(statement) ? safeSteps(nodeOf(statement.tree), sql, write) : undefined
    fixed ||= safe !== undefined
    return safe ?? [{ sql, how: 'inside', label: REST } satisfies Step]
  })
  if (!fixed) return undefined
  const groups = grouped(steps, transaction)
  const undone = new Set(steps.flatMap(({ undoes }) => (undoes ? [`${undoes.kind} ${undoes.name}`] : [])))
  const isUndone = (tree: Tree) => {
    const all = undoneBy(nodeOf(tree)).map(({ kind, name }) => `${kind} ${name}`)
    return all.length > 0 && all.every((one) => undone.has(one))
  }
  const rest = down?.statements.filter(({ tree }) => !isUndone(tree)) ?? []
  const head = headOf(text, up.statements[0]?.start)
  // What the down script takes back beside them was made by what stayed as it was.
  const home = Math.max(
    groups.findIndex((group) => group.steps.some((step) => step.label === REST)),
    0,
  )
  return groups.map(({ how, steps: own }, i): Part => {
    const downs = own.toReversed().flatMap((step) => step.down ?? [])
    const back = own.some((step) => step.downOutside) ? 'outside' : how
    const others = i === home ? rest.map((one) => textOf(down?.script.text ?? '', one)) : []
    const label = own.at(-1)?.label
    return {
      ...(i > 0 && label !== undefined && { label }),
      up: `${directive(how)}${i === 0 ? head : ''}${scriptOf(own.map(({ sql }) => sql))}`,
      ...(down !== undefined && { down: downText(down.script, back, [...downs, ...others], i === 0) }),
    }
  })
}

/** As many in one migration as may share a transaction. */
function grouped(steps: readonly Step[], transaction: boolean): Group[] {
  const groups: Group[] = []
  for (const step of steps) {
    // Outside a transaction each statement has its own.
    const how = step.how === 'inside' && !transaction ? 'outside' : step.how
    const last = groups.at(-1)
    const joins =
      last !== undefined && last.how === how && how !== 'batch' && !(step.apart && how === 'inside')
    if (joins) last.steps.push(step)
    else groups.push({ how, steps: [step] })
  }
  return groups
}

function directive(how: How): string {
  if (how === 'batch') return `-- migrate: batch ${BATCH}\n`
  return how === 'outside' ? '-- migrate: no-transaction\n' : ''
}

/** The comment lines at the top, without what is said anew. */
function headOf(text: string, start = 0): string {
  const lines = text.slice(0, skipBlank(text, start)).split('\n')
  return lines
    .slice(0, -1)
    .filter((line) => !/^\s*--\s*migrate:\s*(no-transaction|batch)/.test(line))
    .map((line) => `${line}\n`)
    .join('')
}

function downText({ text }: Script, how: How, statements: readonly string[], first: boolean): string {
  const head = first ? headOf(text) : ''
  if (statements.length > 0) return `${how === 'outside' ? directive(how) : ''}${head}${scriptOf(statements)}`
  return first && text.includes('-- migrate:')
    ? text
    : '-- migrate: nothing the migration before it takes all of it back\n'
}

/** Without the comments before it and the semicolon behind it. */
function textOf(text: string, { start, end }: Spot): string {
  return text.slice(skipBlank(text, start), end).trimEnd().replace(/;$/, '')
}

function scriptOf(statements: readonly string[]): string {
  return statements.map((statement) => `${statement};\n`).join('')
}
