import { MigrateError } from '../core/errors.ts'
import { type Statement, statementsOf } from '../core/lint/migration/acts.ts'
import type { Hit } from '../core/lint/rule.ts'
import {
  type Alter,
  readAlter,
  sketchOf,
  type Wanted,
  withChange,
  withColumn,
  withoutColumn,
} from '../core/lint/sqlite/alter-fix.ts'
import { namedCopy } from '../core/lint/sqlite/copy-fix.ts'
import type { SqliteFacts } from '../core/lint/sqlite/facts.ts'
import { forgottenThings } from '../core/lint/sqlite/losses.ts'
import { hitsOf } from '../core/lint/sqlite/rules.ts'
import { lower, q, rebuilds, tableIn } from '../core/lint/sqlite/sqlite-rule.ts'
import type { Migration } from '../core/migrations.ts'
import type { Schema, Table } from '../core/schema/model.ts'
import { alterSchema, scriptText } from '../core/schema/sql/ddl.ts'
import { triggerText, viewText } from '../core/schema/sql/ddl-sqlite.ts'
import { namesIn, stringText } from '../core/schema/sql/names.ts'
import { isSign, isWord, type Token, tokensOf, unquoted } from '../core/schema/tokens.ts'
import { parseScript, type Script } from '../core/script.ts'
import { list } from '../core/text.ts'
import { type Probe, withProbe } from '../database/probe/probe.ts'

/** Whether a rule's findings are to be cured. */
type Wants = (rule: string) => boolean

/** What another ALTER TABLE, or a rebuild, cures: in one statement. */
const ALTERS = [
  'sqlite-add-column-default',
  'sqlite-add-column-refused',
  'sqlite-add-column-references',
  'sqlite-drop-column-in-use',
  'sqlite-fails',
]
/** What a copy with named columns cures. */
const COPIES = [
  'sqlite-rebuild-swaps-values',
  'sqlite-rebuild-loses-values',
  'sqlite-double-quotes',
  'sqlite-fails',
]
const BLOCKED = 'sqlite-rename-blocked'
const FORGETS = 'sqlite-rebuild-forgets'
const COUNTER = 'sqlite-autoincrement-reset'
const PRAGMA = 'sqlite-foreign-keys-pragma'
const WHOLE = 'sqlite-whole-table-write'
const CURED = new Set([...ALTERS, ...COPIES, BLOCKED, FORGETS, COUNTER, PRAGMA, WHOLE])

/** Rounds of looking again: each cures one thing. */
const MOST_ROUNDS = 100

/**
 * The text of a script that does what this one is to do, without the hazards that a rebuild or another order cures;
 * nothing where none is known.
 *
 * @param earlier the migrations before it
 * @param hits    what the rules said of it
 */
export async function fixSqlite(
  earlier: readonly Migration[],
  script: Script,
  hits: readonly Hit[],
): Promise<string | undefined> {
  const said = new Set(hits.map(({ rule }) => rule.id))
  if (![...said].some((id) => CURED.has(id))) return undefined
  // A statement that fails hides what stands behind it.
  const masked = hits.some(({ rule }) => rule.topic === 'failing')
  const ignored = new Set(script.ignores?.map(({ rule }) => rule))
  const wants: Wants = (id) => said.has(id) || (masked && !ignored.has(id))
  const before = <T>(work: (probe: Probe) => Promise<T>) =>
    withProbe((probe) => {
      for (const { up } of earlier) probe.apply(up)
      return work(probe)
    })
  const calm = wants(PRAGMA) ? await before(async (probe) => withoutPragmas(probe, script)) : script
  const altered = await before((probe) => fixAlters(probe, calm, wants))
  const fixed = await before(async (probe) => fixWhole(probe, fixRebuilds(probe, altered, wants), wants))
  return fixed.text === script.text ? undefined : fixed.text
}

/** The script with another text; as it was where that is none. */
function rewritten(script: Script, text: string): Script {
  if (text === script.text) return script
  try {
    return parseScript(script.file, text)
  } catch (error) {
    if (error instanceof MigrateError) return script
    throw error
  }
}

interface Edit {
  readonly start: number
  readonly end: number
  readonly text: string
}

function edited(text: string, edits: readonly Edit[]): string {
  let [made, at] = ['', 0]
  for (const edit of edits.toSorted((a, b) => a.start - b.start)) {
    made += text.slice(at, edit.start) + edit.text
    at = edit.end
  }
  return made + text.slice(at)
}

/** What may stand before the semicolon that ends a statement, and that. */
const SEMICOLON = /(?:\s|--[^\n]*|\/\*[\s\S]*?\*\/)*;/y

/** Where a statement stands, with its semicolon. */
function spotOf(statement: Statement, text: string): { start: number; end: number } {
  const last = statement.at(-1)?.end ?? 0
  SEMICOLON.lastIndex = last
  return { start: statement[0]?.start ?? 0, end: SEMICOLON.test(text) ? SEMICOLON.lastIndex : last }
}

/** Without what switches foreign keys: in a transaction it does nothing, or enforcement is off already. */
function withoutPragmas(probe: Probe, script: Script): Script {
  if (!script.transaction) return script
  const isOff = probe.facts(script, 'up').tables.some(({ referrers }) => referrers.length > 0)
  const names = isOff ? ['FOREIGN_KEYS', 'DEFER_FOREIGN_KEYS'] : ['FOREIGN_KEYS']
  const { text } = script
  const edits = statementsOf(text, 'sqlite')
    .filter(([first, ...rest]) => isWord(first, 'PRAGMA') && rest.some((token) => isWord(token, ...names)))
    // One that only asks is no hazard.
    .filter((statement) => statement.some((token) => isSign(token, '=') || isSign(token, '(')))
    .map((statement) => {
      const { start, end } = spotOf(statement, text)
      const line = text.lastIndexOf('\n', start - 1) + 1
      const behind = /[ \t]*(?:--[^\n]*)?(?:\n|$)/y
      behind.lastIndex = end
      const alone = text.slice(line, start).trim() === '' && behind.test(text)
      return alone ? { start: line, end: behind.lastIndex, text: '' } : { start, end, text: '' }
    })
  return rewritten(script, edited(text, edits))
}

/** Goes through the script and puts what can be done in the place of each ALTER TABLE that SQLite refuses. */
async function fixAlters(probe: Probe, script: Script, wants: Wants): Promise<Script> {
  const { text } = script
  const there = probe.schema()
  const edits: Edit[] = []
  // Which a script sets for what stands behind it.
  let settings = ''
  for (const statement of statementsOf(text, 'sqlite')) {
    const spot = spotOf(statement, text)
    const own = text.slice(spot.start, spot.end).replace(/;?$/, ';')
    const one: Script = { ...script, text: settings + own }
    const alter = readAlter(statement, text)
    const isOld = alter !== undefined && tableIn(there, alter.table) !== undefined
    const fix = isOld ? await fixAlter(probe, one, alter, wants) : undefined
    if (fix !== undefined) edits.push({ ...spot, text: fix.trimEnd() })
    probe.apply(fix === undefined ? one : { ...script, text: settings + fix })
    if (isWord(statement[0], 'PRAGMA') && statement.some((token) => isWord(token, 'LEGACY_ALTER_TABLE')))
      settings += `${own}\n`
  }
  return rewritten(script, edited(text, edits))
}

/** What does the same as a statement that has such a hazard, and has been seen to. */
async function fixAlter(
  probe: Probe,
  script: Script,
  alter: Alter,
  wants: Wants,
): Promise<string | undefined> {
  const hit = hitsOf(probe.facts(script, 'up')).find(({ rule }) => ALTERS.includes(rule.id) && wants(rule.id))
  const schema = probe.schema()
  const table = tableIn(schema, alter.table)
  if (hit === undefined || table === undefined || table.virtual !== undefined) return undefined
  const wanted = await wantedBy(schema, table, alter)
  if (wanted === undefined) return undefined
  const comment = wanted.lost.length > 0 ? `-- with the column go ${list(wanted.lost)}\n` : ''
  const text = comment + scriptText(alterSchema(schema, wanted.schema).statements)
  const { fails, failsOnRows, broken } = probe.facts({ ...script, text }, 'up')
  // NULLs that are in the way of NOT NULL are for a person to fill.
  const stops = fails !== undefined || broken.length > 0 || (failsOnRows && alter.does !== 'change')
  return stops ? undefined : text
}

async function wantedBy(schema: Schema, table: Table, alter: Alter): Promise<Wanted | undefined> {
  if (alter.does === 'drop') return withoutColumn(schema, table, alter.column)
  if (alter.does === 'change') return withChange(schema, table, alter)
  const sketch = await withProbe(async (probe) => {
    probe.apply(parseScript('a sketch', sketchOf(table, alter.definition)))
    return tableIn(probe.schema(), table.name)
  })
  return sketch && withColumn(schema, table, sketch)
}

/** Cures one thing after the other, each on the text that the one before has left. */
function fixRebuilds(probe: Probe, script: Script, wants: Wants): Script {
  for (let round = 0; round < MOST_ROUNDS; round++) {
    const facts = probe.facts(script, 'up')
    const hits = hitsOf(facts).filter(({ rule }) => wants(rule.id))
    const next = hits.map((hit) => fixHit(probe, facts, hit)).find((text) => text !== undefined)
    if (next === undefined || next === script.text) return script
    script = rewritten(script, next)
  }
  return script
}

/** The text without this finding, or with less of it. */
function fixHit(probe: Probe, facts: SqliteFacts, hit: Hit): string | undefined {
  const { id } = hit.rule
  if (id === FORGETS) return withForgotten(probe, facts)
  const text = COPIES.includes(id)
    ? withNamedCopy(probe, facts, hit)
    : id === BLOCKED
      ? withoutBlocker(facts)
      : id === COUNTER
        ? withCounter(facts)
        : undefined
  return text !== undefined && heals(probe, facts, hit, text) ? text : undefined
}

/** Whether a finding is gone, and nothing has come in its place. */
function heals(probe: Probe, before: SqliteFacts, { rule, message }: Hit, text: string): boolean {
  const facts = probe.facts({ ...before.script, text }, 'up')
  const hits = hitsOf(facts)
  const fails = hits.some((hit) => hit.rule.topic === 'failing' && hit.rule.id !== BLOCKED)
  const failed = hitsOf(before).some((hit) => hit.rule.topic === 'failing')
  const isGone = !hits.some((hit) => hit.rule === rule && hit.message === message)
  return isGone && (failed || !fails) && facts.broken.length <= before.broken.length
}

/** With what a rebuild has left behind, as it was; what cannot be made on the new table is said. */
function withForgotten(probe: Probe, facts: SqliteFacts): string | undefined {
  const { script } = facts
  let text = script.text
  let made = 0
  for (const { what, sql = '' } of rebuilds(facts).flatMap((fate) => forgottenThings(facts, fate))) {
    const longer = appended(text, sql)
    const { fails, broken } = probe.facts({ ...script, text: longer }, 'up')
    const works = fails === undefined && broken.length <= facts.broken.length
    if (works) made++
    text = works ? longer : appended(text, `-- not made again, the new table cannot have it: ${what}`)
  }
  return made > 0 ? text : undefined
}

function appended(text: string, sql: string): string {
  const last = tokensOf(text, 'sqlite').at(-1)
  const end = last === undefined || isSign(last, ';') ? '' : ';'
  const at = last?.end ?? text.length
  return `${text.slice(0, at)}${end}${text.slice(at).trimEnd()}\n${sql}\n`
}

function withNamedCopy(probe: Probe, { script }: SqliteFacts, { at }: Hit): string | undefined {
  const { text } = script
  for (const statement of statementsOf(text, 'sqlite')) {
    const spot = spotOf(statement, text)
    if (at < spot.start || at >= spot.end) continue
    const schema = probe.facts({ ...script, text: text.slice(0, spot.start) }, 'up').after
    const copy = namedCopy(statement, text, schema)
    return copy && edited(text, [{ ...spot, text: copy }])
  }
  return undefined
}

/** A view or a trigger that a rename would read while its table is gone: dropped before, made again at the end. */
function withoutBlocker({ script, fails, before, tables, statements }: SqliteFacts): string | undefined {
  const [, type = '', name = ''] = /^error in (view|trigger) ([^\s:]+)/i.exec(fails?.words ?? '') ?? []
  const isIt = (one: { readonly name: string }) => lower(one.name) === lower(name)
  const view = type === 'view' ? before.views.find(isIt) : undefined
  const trigger = type === 'trigger' ? before.triggers.find(isIt) : undefined
  const made = view ? viewText(view, before) : trigger && triggerText(trigger)
  if (made === undefined) return undefined
  const drops = tables.filter(({ fate }) => fate === 'dropped').toSorted((a, b) => a.at - b.at)
  const names = namesIn('sqlite', view?.query ?? trigger?.sql ?? '')
  const drop = drops.find(({ table }) => names.has(lower(table.name))) ?? drops[0]
  const start = statements[drop?.at ?? -1]?.start
  if (start === undefined) return undefined
  const text = edited(script.text, [
    { start, end: start, text: `DROP ${type.toUpperCase()} ${q(view?.name ?? trigger?.name ?? '')};\n` },
  ])
  return appended(text, `${made};`)
}

/** The row of sqlite_sequence goes along, before the table goes that it is of. */
function withCounter(facts: SqliteFacts): string | undefined {
  const edits = rebuilds(facts).flatMap(({ table, at, rows, renamedTo }): Edit[] => {
    const start = facts.statements[at]?.start
    const old = renamedTo ?? table.name
    const made = start === undefined ? undefined : filledFrom(old, facts.script.text.slice(0, start))
    if (!rows?.counter || made === undefined || start === undefined) return []
    const counter = `SELECT seq FROM sqlite_sequence WHERE name = ${stringText(old)}`
    const text = `UPDATE sqlite_sequence SET seq = coalesce((${counter}), seq) WHERE name = ${stringText(made)};\n`
    return [{ start, end: start, text }]
  })
  return edits.length > 0 ? edited(facts.script.text, edits) : undefined
}

/** The table into which the last copy of another's rows goes. */
function filledFrom(table: string, text: string): string | undefined {
  const copy = statementsOf(text, 'sqlite').findLast(
    (statement) => isWord(statement[0], 'INSERT') && statement.some((token) => isNameOf(token, table)),
  )
  const path = copy?.slice(copy.findIndex((token) => isWord(token, 'INTO')) + 1) ?? []
  const name = isSign(path[1], '.') ? path[2] : path[0]
  return name && unquoted(name)
}

function isNameOf(token: Token, table: string): boolean {
  return (token.kind === 'word' || token.kind === 'name') && lower(unquoted(token)) === lower(table)
}

/** A write of every row that stands alone can go in batches. */
function fixWhole(probe: Probe, script: Script, wants: Wants): Script {
  if (!wants(WHOLE) || script.batch !== undefined || statementsOf(script.text, 'sqlite').length !== 1)
    return script
  if (!probe.facts(script, 'up').statements.some(({ whole }) => whole !== undefined)) return script
  const batched = rewritten(script, `-- migrate: batch 1000\n${script.text}`)
  return probe.takesBatches(batched) ? batched : script
}
