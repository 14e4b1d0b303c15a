import type { Node } from 'libpg-query'
import { isSign, type Token, tokensOf } from '../../schema/tokens.ts'
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

/** A statement without its semicolon, and the comments of people: above it, and behind it on its line. */
interface Line {
  readonly sql: string
  readonly above?: string
  readonly behind?: string
}

interface Group {
  readonly how: How
  readonly steps: (Step & Line)[]
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
  const steps = linesOf(text, up.statements).flatMap(({ sql, ...comments }, i): (Step & Line)[] => {
    const statement = up.statements[i]
    const safe = statement && isHazard(statement) ? safeSteps(nodeOf(statement.tree), sql, write) : undefined
    fixed ||= safe !== undefined
    const [first, ...others] = safe ?? [{ sql, how: 'inside', label: REST } satisfies Step]
    if (first === undefined) return []
    const above = `${comments.above}${first.sql === sql ? '' : commentsIn(sql)}`
    return [{ ...first, ...comments, above }, ...others]
  })
  if (!fixed) return undefined
  const groups = grouped(steps, transaction)
  const undone = new Set(steps.flatMap(({ undoes }) => (undoes ? [`${undoes.kind} ${undoes.name}`] : [])))
  const isUndone = (tree: Tree) => {
    const all = undoneBy(nodeOf(tree)).map(({ kind, name }) => `${kind} ${name}`)
    return all.length > 0 && all.every((one) => undone.has(one))
  }
  const rest = down
    ? linesOf(down.script.text, down.statements).filter((_, i) => !isUndone(down.statements[i]?.tree ?? {}))
    : []
  const head = headOf(text, up.statements[0]?.start)
  // What the down script takes back beside them was made by what stayed as it was.
  const home = Math.max(
    groups.findIndex((group) => group.steps.some((step) => step.label === REST)),
    0,
  )
  return groups.map(({ how, steps: own }, i): Part => {
    const downs = own.toReversed().flatMap(({ down: back = [] }) => back.map((sql) => ({ sql })))
    const back = own.some((step) => step.downOutside) ? 'outside' : how
    const others = i === home ? rest : []
    const label = own.at(-1)?.label
    return {
      ...(i > 0 && label !== undefined && { label }),
      up: `${directive(how)}${i === 0 ? head : ''}${scriptOf(own)}`,
      ...(down !== undefined && { down: downText(down.script, back, [...downs, ...others], i === 0) }),
    }
  })
}

/** As many in one migration as may share a transaction. */
function grouped(steps: readonly (Step & Line)[], transaction: boolean): Group[] {
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

/** The comments at the top, without what is said anew. */
function headOf(text: string, start = 0): string {
  const lines = text.slice(0, skipBlank(text, start)).split('\n')
  // Behind the last line end there may be a comment, on the line of the statement.
  const own = lines.pop()?.trim()
  return [...lines, ...(own ? [own] : [])]
    .filter((line) => !/^\s*--\s*migrate:\s*(no-transaction|batch)/.test(line))
    .map((line) => `${line}\n`)
    .join('')
}

function downText({ text }: Script, how: How, statements: readonly Line[], first: boolean): string {
  const head = first ? headOf(text) : ''
  if (statements.length > 0) return `${how === 'outside' ? directive(how) : ''}${head}${scriptOf(statements)}`
  return first && text.includes('-- migrate:')
    ? text
    : '-- migrate: nothing the migration before it takes all of it back\n'
}

/** A comment behind a statement, which ends with its line. */
const BEHIND = /[ \t;]*(--[^\n]*|\/\*(?:(?!\*\/)[^\n])*\*\/)(?=[ \t]*(?:\n|$))/y

/** What would be read as a directive where no statement stands above it. */
const LIKE_DIRECTIVE = /^([ \t]*--)(?=[ \t]*(?:migrate|lint|translate):)/gm

/** Statements with their comments; what stands above the first is the head of the script. */
function linesOf(text: string, statements: readonly Spot[]): Required<Line>[] {
  let done = 0
  return statements.map(({ start, end }, i) => {
    const tokens = tokensOf(text.slice(start, end), 'postgres').filter((token) => !isSign(token, ';'))
    const [from, to] = [start + (tokens[0]?.start ?? 0), start + (tokens.at(-1)?.end ?? 0)]
    const above = i === 0 ? '' : commentText(text.slice(done, from))
    BEHIND.lastIndex = to
    const [found = '', comment] = BEHIND.exec(text) ?? []
    done = to + found.length
    const last = i < statements.length - 1 ? '' : commentText(text.slice(done))
    const behind = `${comment === undefined ? '' : ` ${comment}`}\n${last}`
    return { above, sql: text.slice(from, to), behind }
  })
}

/** The comments between two statements, as lines. */
function commentText(gap: string): string {
  const text = gap
    .replace(/^[\s;]+/, '')
    .trimEnd()
    .replace(LIKE_DIRECTIVE, '$1-')
  return text === '' ? '' : `${text}\n`
}

/** The comments of a statement that is written anew, as lines. */
function commentsIn(sql: string): string {
  const tokens = tokensOf(sql, 'postgres')
  const gap = ({ start }: Token, i: number) => sql.slice(tokens[i - 1]?.end ?? 0, start)
  return tokens.map((token, i) => commentText(gap(token, i))).join('')
}

function scriptOf(lines: readonly Line[]): string {
  return lines.map(({ above = '', sql, behind = '\n' }) => `${above}${sql};${behind}`).join('')
}
