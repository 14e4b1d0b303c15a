import { skipBlank } from '../../text.ts'
import { blocksWrites, type Effect, type Lock } from '../effect.ts'
import type { Hit } from '../rule.ts'
import { aheadOf } from './ahead.ts'
import type { Catalog } from './catalog.ts'
import { type Cause, causesOf, merged, stronger } from './effects.ts'
import { type Moment, type PostgresRule, partsOf } from './moment.ts'
import { POSTGRES_RULES } from './rules.ts'
import { opened, type PostgresScript, type PostgresStatement } from './statement.ts'

/**
 * What the rules find in a script, in the order of its statements, at most once for each rule and statement.
 *
 * @param catalog the schema before the script; afterwards, the one after it
 * @param rules   those that are asked; left out: all, those that are off too
 */
export function lintPostgres(
  script: PostgresScript,
  catalog: Catalog,
  rules: readonly PostgresRule[] = POSTGRES_RULES,
): Hit[] {
  catalog.begin()
  const hits: Hit[] = []
  const locks = new Map<string, Lock>()
  const ahead = aheadOf(script, catalog)
  for (const [index, { start, end, tree, measured }] of script.statements.entries()) {
    const told = opened(tree)
    const causes = causesOf(told, catalog, script.version)
    const effects = measured === undefined || measured.error ? undefined : measured.effects
    const statement: PostgresStatement = {
      start,
      end,
      ...told,
      effects: effects ?? merged(causes),
      measured: effects !== undefined,
      ...(measured?.error && { error: measured.error }),
    }
    const moment: Moment = {
      script,
      statement,
      index,
      catalog,
      causes,
      locks,
      ahead,
      ...partsOf(told, catalog),
      ...worked(causes, effects, catalog),
    }
    const at = skipBlank(script.text, start)
    for (const rule of asked(rules, told.kind, moment.work.length > 0)) {
      const said = rule.find(moment)
      if (said !== undefined) hits.push({ rule, at, ...said })
    }
    if (script.transaction) hold(locks, statement.effects, catalog)
    catalog.apply(tree)
  }
  return hits
}

/** Rules by the kind of statement that they may hold for; of most kinds few have anything to say. */
const ASKED = new WeakMap<readonly PostgresRule[], Map<string, readonly PostgresRule[]>>()

function asked(rules: readonly PostgresRule[], kind: string, isWork: boolean): readonly PostgresRule[] {
  const byKind = ASKED.get(rules) ?? new Map<string, readonly PostgresRule[]>()
  ASKED.set(rules, byKind)
  const key = isWork ? kind : `${kind} idle`
  const known = byKind.get(key)
  if (known !== undefined) return known
  const fitting = rules.filter(
    ({ kinds, ofWork }) => (kinds === undefined || kinds.includes(kind)) && (isWork || ofWork === undefined),
  )
  byKind.set(key, fitting)
  return fitting
}

/** The locks for which others wait, to the end of the transaction. */
function hold(locks: Map<string, Lock>, effects: readonly Effect[], catalog: Catalog): void {
  for (const { table, lock } of effects) {
    if (!blocksWrites(lock) || catalog.isFresh(table)) continue
    const before = locks.get(table)
    locks.set(table, before === undefined ? lock : stronger(before, lock))
  }
}

const isHeavy = ({ lock, scan, rewrite }: Effect) => blocksWrites(lock) && (scan || rewrite)

const IDLE: Pick<Moment, 'work' | 'hidden'> = { work: [], hidden: [] }

/**
 * What makes others wait for long. What was measured wins over what the text says; the text only tells why. What it
 * tells nothing of is hidden.
 */
function worked(
  causes: readonly Cause[],
  measured: readonly Effect[] | undefined,
  catalog: Catalog,
): Pick<Moment, 'work' | 'hidden'> {
  if (causes.length === 0 && measured === undefined) return IDLE
  const predicted = causes.filter(
    (cause) => cause.rule !== undefined && cause.rule !== 'none' && isHeavy(cause),
  )
  if (measured === undefined) return { work: predicted, hidden: [] }
  const work = predicted.filter(({ unmeasurable }) => unmeasurable)
  const hidden: Effect[] = []
  for (const effect of measured) {
    if (!isHeavy(effect) || catalog.isFresh(effect.table)) continue
    const told = causes.filter(({ table, rule }) => table === effect.table && rule !== undefined)
    const sure = told.filter(isHeavy)
    if (told.length === 0) hidden.push(effect)
    for (const cause of sure.length > 0 ? sure : told)
      if (cause.rule !== 'none' && !work.includes(cause)) work.push({ ...cause, ...effect })
  }
  return { work, hidden }
}
