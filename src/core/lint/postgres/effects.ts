import type {
  AlterTableCmd,
  AlterTableStmt,
  ColumnDef,
  Constraint,
  CreateStmt,
  Node,
  SelectStmt,
} from 'libpg-query'
import { isNull, words } from '../../schema/convert/ast.ts'
import { type ForeignKey, nameOf } from '../../schema/model.ts'
import { namesIn } from '../../schema/sql/names.ts'
import { tokensOf, unquoted } from '../../schema/tokens.ts'
import { type Effect, LOCKS, type Lock } from '../effect.ts'
import { boundOf } from './bounded.ts'
import { type Catalog, namesOf, type Relation } from './catalog.ts'
import { columnOf, columnsIn, expressionText, notNullIn, volatileIn } from './expression.ts'
import { held, of, type Tree } from './statement.ts'
import { isSerial, type TypeChange, typeChange, typeText } from './types.ts'

/** The rules about work that is done while others wait. */
export type LockRule =
  | 'create-index-blocks-writes'
  | 'reindex-blocks-writes'
  | 'add-foreign-key-scans'
  | 'add-check-scans'
  | 'set-not-null-scans'
  | 'volatile-default-rewrites'
  | 'add-identity-rewrites'
  | 'add-generated-rewrites'
  | 'add-constrained-domain-rewrites'
  | 'add-unique-builds-index'
  | 'add-primary-key-builds-index'
  | 'primary-key-scans-nulls'
  | 'add-exclusion-builds-index'
  | 'type-change-rewrites'
  | 'type-change-rechecks'
  | 'type-change-rebuilds-index'
  | 'key-type-change-locks-children'
  | 'table-rewrite'
  | 'set-expression-rewrites'
  | 'attach-partition-scans'
  | 'create-partition-scans-default'
  | 'refresh-view-blocks-reads'
  | 'alter-domain-scans'
  | 'validate-under-lock'

/** A statement, as much of it as is needed to tell what it does. */
export interface Told {
  readonly kind: string
  readonly node: Tree
}

/** What a part of a statement does to a table, and why. */
export interface Cause extends Effect {
  /** The rule that is about it; `none` where it is long and yet no lock rule's. */
  readonly rule?: LockRule | 'none'
  readonly column?: string
  /** The column as it is added. */
  readonly added?: ColumnDef
  readonly constraint?: Constraint
  readonly from?: string
  readonly to?: string
  /** What is the reason for it: a function, a CHECK, a domain. */
  readonly why?: string
  /** The other table of a foreign key, or of a partition. */
  readonly other?: string
  /** A throw-away database cannot tell: it depends on the server's settings, or on what is made while it runs. */
  readonly unmeasurable?: true
}

type More = Omit<Cause, 'table' | 'lock' | 'scan' | 'rewrite'> & {
  readonly scan?: boolean
  readonly rewrite?: boolean
}

/** What a statement does to the tables that were there before its script, each once, with the strongest of all. */
export function effectsOf(statement: Told, catalog: Catalog, version?: number): Effect[] {
  return merged(causesOf(statement, catalog, version))
}

/** One effect for each table. */
export function merged(causes: readonly Effect[]): Effect[] {
  const effects = new Map<string, Effect>()
  for (const { table, lock, scan, rewrite } of causes) {
    const one = effects.get(table)
    effects.set(table, {
      table,
      lock: one === undefined ? lock : stronger(one.lock, lock),
      scan: scan || (one?.scan ?? false),
      rewrite: rewrite || (one?.rewrite ?? false),
    })
  }
  return [...effects.values()]
}

export function stronger(a: Lock, b: Lock): Lock {
  return LOCKS.indexOf(a as (typeof LOCKS)[number]) >= LOCKS.indexOf(b as (typeof LOCKS)[number]) ? a : b
}

/** What a statement does to the tables that were there before its script, and which part of it does so. */
export function causesOf(statement: Told, catalog: Catalog, version?: number): Cause[] {
  const causes: Cause[] = []
  const touch: Touch = (table, lock, { scan = false, rewrite = false, ...more } = {}) => {
    if (table !== '' && !catalog.isFresh(table))
      causes.push({ table, lock, scan: scan || rewrite, rewrite, ...more })
  }
  EFFECTS[statement.kind]?.({ node: statement.node, catalog, touch, version })
  return causes
}

type Touch = (table: string, lock: Lock, more?: More) => void

interface Look {
  readonly node: Tree
  readonly catalog: Catalog
  readonly touch: Touch
  readonly version: number | undefined
}

const AX = 'ACCESS EXCLUSIVE'
const SRE = 'SHARE ROW EXCLUSIVE'
const SUE = 'SHARE UPDATE EXCLUSIVE'

/** What each kind of statement does. Kinds that are not named take no lock on a table. */
const EFFECTS: Readonly<Record<string, (look: Look) => void>> = {
  AlterTableStmt: alterTable,
  CreateStmt: createTable,
  IndexStmt: createIndex,
  DropStmt: drop,
  TruncateStmt: truncate,
  RenameStmt: ({ node, catalog, touch }) => {
    const { renameType, relation } = node as { renameType?: string; relation?: { relname: string } }
    const table = /TABLE|COLUMN|TABCONSTRAINT|TRIGGER|POLICY|RULE/.test(renameType ?? '')
    const key = catalog.keyOf(relation)
    if (relation !== undefined && table && !isIndexOrView(catalog, key)) touch(key, AX)
  },
  AlterObjectSchemaStmt: ({ node, catalog, touch }) => {
    if (node.objectType === 'OBJECT_TABLE') touch(catalog.keyOf(node.relation as never), AX)
  },
  ReindexStmt: reindex,
  ClusterStmt: ({ node, catalog, touch }) => {
    if (node.relation)
      touch(catalog.keyOf(node.relation), AX, { rewrite: true, rule: 'table-rewrite', why: 'CLUSTER' })
  },
  VacuumStmt: vacuum,
  RefreshMatViewStmt: ({ node, catalog, touch }) => {
    const view = catalog.keyOf(node.relation as never)
    if (node.concurrent) touch(view, 'EXCLUSIVE', { scan: true, rule: 'none' })
    else touch(view, AX, { rewrite: true, rule: 'refresh-view-blocks-reads' })
  },
  AlterDomainStmt: alterDomain,
  CreateTrigStmt: ({ node, catalog, touch }) => {
    const key = catalog.keyOf(node.relation as never)
    if (!isIndexOrView(catalog, key)) touch(key, SRE)
    if (node.constrrel) touch(catalog.keyOf(node.constrrel), SRE)
  },
  RuleStmt: ({ node, catalog, touch }) => touch(catalog.keyOf(node.relation as never), AX),
  CreatePolicyStmt: ({ node, catalog, touch }) => touch(catalog.keyOf(node.table as never), AX),
  AlterPolicyStmt: ({ node, catalog, touch }) => touch(catalog.keyOf(node.table as never), AX),
  CommentStmt: ({ node, catalog, touch }) => {
    const names = namesOf(node.object as Node)
    if (node.objtype === 'OBJECT_TABLE') touch(catalog.keyOfWords(names), SUE)
    if (node.objtype === 'OBJECT_COLUMN') touch(catalog.keyOfWords(names.slice(0, -1)), SUE)
  },
  CreateStatsStmt: ({ node, catalog, touch }) => eachTable(node.relations, catalog, (key) => touch(key, SUE)),
  CreatePublicationStmt: publication,
  AlterPublicationStmt: publication,
  LockStmt: ({ node, catalog, touch }) => {
    const lock = LOCKS[Number(node.mode ?? 8) - 1] ?? AX
    eachTable(node.relations, catalog, (key) => touch(key, lock))
  },
  GrantStmt: ({ node, catalog, touch, version = 0 }) => {
    if (version >= 18 && node.objtype === 'OBJECT_TABLE')
      eachTable(node.objects, catalog, (key) => touch(key, 'ACCESS SHARE'))
  },
  UpdateStmt: change,
  DeleteStmt: change,
  MergeStmt: ({ node, catalog, touch }) => {
    touch(catalog.keyOf(node.relation as never), 'ROW EXCLUSIVE', { scan: true })
    read(node.sourceRelation, catalog, touch, true)
  },
  InsertStmt: ({ node, catalog, touch }) => {
    touch(catalog.keyOf(node.relation as never), 'ROW EXCLUSIVE')
    read(node.selectStmt, catalog, touch, true)
  },
  CopyStmt: ({ node, catalog, touch }) => {
    if (node.relation) touch(catalog.keyOf(node.relation), node.is_from ? 'ROW EXCLUSIVE' : 'ACCESS SHARE')
  },
  SelectStmt: ({ node, catalog, touch }) => {
    const { intoClause, lockingClause } = node as SelectStmt
    const locks = lockingClause !== undefined
    for (const key of readIn(node, catalog))
      touch(key, locks ? 'ROW SHARE' : 'ACCESS SHARE', { scan: locks || intoClause !== undefined })
  },
  CreateTableAsStmt: ({ node, catalog, touch }) => read(node.query, catalog, touch, true),
  ViewStmt: ({ node, catalog, touch }) => read(node.query, catalog, touch, false),
}

/** A view that only looks like a table, or an index: ALTER TABLE takes these too. */
function isIndexOrView(catalog: Catalog, key: string): boolean {
  return (
    catalog.ownerOf(key) !== undefined ||
    (catalog.view(key)?.materialized === undefined && catalog.view(key) !== undefined)
  )
}

function eachTable(relations: unknown, catalog: Catalog, use: (key: string) => void): void {
  for (const relation of (relations as Node[] | undefined) ?? []) {
    const path = held(relation, 'RangeVar')
    if (path) use(catalog.keyOf(path))
  }
}

/** Tables that a query reads, its own WITH aside. */
function readIn(query: unknown, catalog: Catalog): Set<string> {
  const [tables, own] = [new Set<string>(), new Set<string>()]
  const visit = (value: unknown): void => {
    if (typeof value !== 'object' || value === null) return
    for (const [key, inner] of Object.entries(value)) {
      const name = held({ [key]: inner }, 'CommonTableExpr')?.ctename
      if (name !== undefined) own.add(name)
      const path = held({ [key]: inner }, 'RangeVar')
      if (path) tables.add(catalog.keyOf(path))
      else visit(inner)
    }
  }
  visit(query)
  for (const name of own) tables.delete(name)
  return tables
}

function read(query: unknown, catalog: Catalog, touch: Touch, scan: boolean): void {
  for (const key of readIn(query, catalog)) touch(key, 'ACCESS SHARE', { scan })
}

/** UPDATE and DELETE. */
function change({ node, catalog, touch }: Look): void {
  const key = catalog.keyOf(node.relation as never)
  touch(key, 'ROW EXCLUSIVE', { scan: boundOf(node, catalog) === undefined })
  for (const one of readIn([node.fromClause, node.usingClause, node.whereClause, node.withClause], catalog))
    if (one !== key) touch(one, 'ACCESS SHARE', { scan: false })
}

function publication({ node, catalog, touch }: Look): void {
  for (const object of (node.pubobjects as Node[] | undefined) ?? []) {
    const path = held(object, 'PublicationObjSpec')?.pubtable?.relation
    if (path) touch(catalog.keyOf(path), SUE)
  }
}

function createIndex({ node, catalog, touch }: Look): void {
  const { relation, concurrent, if_not_exists, idxname } = of({ kind: 'IndexStmt', node }, 'IndexStmt') ?? {}
  const key = catalog.keyOf(relation)
  if (if_not_exists && idxname !== undefined && hasIndex(catalog, key, idxname)) return
  if (concurrent) {
    touchParts(catalog, key, (one) => touch(one, SUE, { scan: true }))
    return
  }
  if (relation?.inh !== true) {
    touch(key, 'SHARE', { rule: 'create-index-blocks-writes', scan: isWhole(catalog, key) })
    return
  }
  touchParts(catalog, key, (one) =>
    touch(one, 'SHARE', { scan: true, rule: 'create-index-blocks-writes', ...unknownParts(catalog, key) }),
  )
}

function hasIndex(catalog: Catalog, key: string, name: string): boolean {
  const owner = catalog.table(key) ?? catalog.view(key)
  return owner?.indexes.some((index) => index.name === name) ?? false
}

/** ONLY leaves the parts of a partitioned table out, which is all that has rows. */
const isWhole = (catalog: Catalog, key: string) => catalog.table(key)?.partitionBy === undefined

/** A partitioned table whose parts are made while the application runs. */
function unknownParts(catalog: Catalog, key: string): Pick<Cause, 'unmeasurable'> {
  const isPartitioned = catalog.table(key)?.partitionBy !== undefined
  return isPartitioned && catalog.partitions(key).length === 0 ? { unmeasurable: true } : {}
}

/** A table and its parts. */
function touchParts(catalog: Catalog, key: string, use: (key: string) => void): void {
  use(key)
  if (catalog.table(key)?.partitionBy !== undefined)
    for (const part of catalog.partitions(key)) use(nameOf(part))
}

function reindex({ node, catalog, touch }: Look): void {
  const { kind, relation, params = [] } = of({ kind: 'ReindexStmt', node }, 'ReindexStmt') ?? {}
  const concurrent = hasOption(params, 'concurrently')
  const path = catalog.keyOf(relation)
  const key = kind === 'REINDEX_OBJECT_INDEX' ? (catalog.ownerOf(path) ?? path) : path
  if (relation !== undefined)
    touch(key, concurrent ? SUE : 'SHARE', {
      scan: true,
      ...(!concurrent && { rule: 'reindex-blocks-writes' }),
    })
}

export function hasOption(options: readonly Node[], name: string): boolean {
  return options.some((option) => {
    const { defname, arg } = held(option, 'DefElem') ?? {}
    const off = /^(off|false|0|no)$/i.test(held(arg, 'String')?.sval ?? '')
    return (
      defname === name && !off && held(arg, 'Integer')?.ival !== 0 && held(arg, 'Boolean')?.boolval !== false
    )
  })
}

function vacuum({ node, catalog, touch }: Look): void {
  const { rels = [], options = [] } = of({ kind: 'VacuumStmt', node }, 'VacuumStmt') ?? {}
  const full = hasOption(options, 'full')
  for (const rel of rels) {
    const key = catalog.keyOf(held(rel, 'VacuumRelation')?.relation)
    if (full) touch(key, AX, { rewrite: true, rule: 'table-rewrite', why: 'VACUUM FULL' })
    else touch(key, SUE)
  }
}

function drop({ node, catalog, touch }: Look): void {
  const { objects = [], removeType, behavior, concurrent } = of({ kind: 'DropStmt', node }, 'DropStmt') ?? {}
  for (const object of objects) {
    const names = namesOf(object)
    switch (removeType) {
      case 'OBJECT_TABLE':
        dropTable(catalog.keyOfWords(names), behavior === 'DROP_CASCADE', catalog, touch)
        break
      case 'OBJECT_INDEX': {
        const owner = catalog.ownerOf(catalog.keyOfWords(names))
        if (owner !== undefined) touch(owner, concurrent ? SUE : AX)
        break
      }
      case 'OBJECT_TRIGGER':
      case 'OBJECT_POLICY':
      case 'OBJECT_RULE': {
        const key = catalog.keyOfWords(names.slice(0, -1))
        if (!isIndexOrView(catalog, key)) touch(key, AX)
        break
      }
      case 'OBJECT_SCHEMA':
        if (behavior === 'DROP_CASCADE')
          for (const table of catalog.tables()) if (table.schema === names[0]) touch(nameOf(table), AX)
    }
  }
}

function dropTable(key: string, cascade: boolean, catalog: Catalog, touch: Touch): void {
  touch(key, AX)
  const table = catalog.table(key)
  if (table === undefined) return
  for (const { to } of table.foreignKeys) touch(nameOf(to), AX, { other: key })
  for (const part of catalog.partitions(key)) touch(nameOf(part), AX)
  if (table.partitionOf !== undefined) {
    touch(nameOf(table.partitionOf), AX)
    const other = defaultPart(catalog, nameOf(table.partitionOf))
    if (other !== undefined) touch(nameOf(other), AX)
  }
  if (cascade) for (const child of catalog.children(key)) touch(nameOf(child), AX)
}

function truncate({ node, catalog, touch }: Look): void {
  const done = new Set<string>()
  const one = (key: string) => {
    if (done.has(key)) return
    done.add(key)
    touchParts(catalog, key, (part) => touch(part, AX, { rule: 'none' }))
    if (node.behavior === 'DROP_CASCADE') for (const child of catalog.children(key)) one(nameOf(child))
  }
  eachTable(node.relations, catalog, one)
}

function createTable({ node, catalog, touch }: Look): void {
  const statement: CreateStmt = node
  const key = catalog.keyOf(statement.relation)
  if (statement.if_not_exists && catalog.table(key) !== undefined) return
  const constraints = (statement.tableElts ?? []).flatMap((element) => [
    held(element, 'Constraint'),
    ...(held(element, 'ColumnDef')?.constraints ?? []).map((one) => held(one, 'Constraint')),
  ])
  for (const constraint of constraints) {
    if (constraint?.contype !== 'CONSTR_FOREIGN') continue
    const parent = catalog.keyOf(constraint.pktable)
    if (parent !== key) touch(parent, SRE, { other: key })
  }
  const [above] = statement.inhRelations ?? []
  const parent = held(above, 'RangeVar')
  if (parent === undefined) return
  const name = catalog.keyOf(parent)
  touch(name, statement.partbound ? AX : SUE)
  const other = statement.partbound && defaultPart(catalog, name)
  if (other === undefined) return
  const scan = !isKeptOut(other, statement.partbound)
  touch(nameOf(other), AX, { scan, rule: 'create-partition-scans-default', other: key })
}

function defaultPart(catalog: Catalog, key: string): Relation | undefined {
  return catalog
    .partitions(key)
    .find(({ partitionOf }) => partitionOf?.bound === 'DEFAULT' && nameOf(partitionOf) === key)
}

/** Constants of a partition's bound. */
function boundTexts(bound: CreateStmt['partbound']): string[] {
  const { lowerdatums = [], upperdatums = [], listdatums = [] } = bound ?? {}
  return [...lowerdatums, ...upperdatums, ...listdatums]
    .map((datum) => expressionText(datum).replace(/::.*$/, ''))
    .filter((text) => !/^(minvalue|maxvalue)$/i.test(text))
}

/** Whether a valid CHECK says of the bound which rows there are, so that none needs to be looked at. */
function isKeptOut({ checks }: Relation, bound: CreateStmt['partbound']): boolean {
  const wanted = boundTexts(bound).map(bareText)
  if (wanted.length === 0) return false
  return checks.some(({ expression, notValid }) => {
    if (notValid) return false
    const said = new Set(tokensOf(expression, 'postgres').map((token) => bareText(token.text)))
    return wanted.every((text) => said.has(text))
  })
}

const bareText = (text: string) => {
  const [token, ...more] = tokensOf(text, 'postgres')
  return token?.kind === 'string' && more.length === 0 ? unquoted(token) : text
}

function isAttachProven(
  child: Relation,
  parent: Relation | undefined,
  bound: CreateStmt['partbound'],
  catalog: Catalog,
): boolean {
  if (!isKeptOut(child, bound)) return false
  // A row with NULL in the key is no row of a range.
  const keys = [...namesIn('postgres', parent?.partitionBy?.replace(/^\w+/, '') ?? '')]
  return keys.every(
    (column) =>
      catalog.isProven(nameOf(child), column) ||
      bound?.strategy === 'l' ||
      child.checks.some(({ expression }) => notNullIn(expression).includes(column)),
  )
}

function alterDomain({ node, catalog, touch }: Look): void {
  const { typeName, subtype, def } = of({ kind: 'AlterDomainStmt', node }, 'AlterDomainStmt') ?? {}
  const key = catalog.keyOfWords(words(typeName))
  const scans =
    subtype === 'O' || subtype === 'V' || (subtype === 'C' && !held(def, 'Constraint')?.skip_validation)
  if (!scans || catalog.isFresh(key)) return
  if (catalog.domain(key) === undefined) {
    touch(`(the tables with ${key})`, 'SHARE', { scan: true, rule: 'alter-domain-scans', why: key })
    return
  }
  for (const table of catalog.tables()) {
    const column = table.columns.find(({ type }) => type === key || isBelow(catalog, type, key))
    if (column)
      touch(nameOf(table), 'SHARE', { scan: true, rule: 'alter-domain-scans', column: column.name, why: key })
  }
}

function isBelow(catalog: Catalog, type: string, key: string): boolean {
  const domain = catalog.domain(type)
  return domain !== undefined && (domain.type === key || isBelow(catalog, domain.type, key))
}

/** Settings of a table that need no stronger lock. */
const LIGHT_OPTION =
  /^(fillfactor|autovacuum_.*|toast_tuple_target|parallel_workers|log_autovacuum_.*|vacuum_.*)$/

const SUE_ACTIONS = new Set([
  'AT_SetStatistics',
  'AT_SetOptions',
  'AT_ResetOptions',
  'AT_ClusterOn',
  'AT_DropCluster',
])
const REWRITES: Readonly<Record<string, string>> = {
  AT_SetLogged: 'SET LOGGED',
  AT_SetUnLogged: 'SET UNLOGGED',
  AT_SetTableSpace: 'SET TABLESPACE',
  AT_SetAccessMethod: 'SET ACCESS METHOD',
}

/** Actions of which the parts of a partitioned table know nothing. */
const PARENT_ONLY = /Partition|Inherit|ReplicaIdentity|RowSecurity|ChangeOwner|ClusterOn/

function alterTable({ node, catalog, touch: plain }: Look): void {
  const statement: AlterTableStmt = node
  const key = catalog.keyOf(statement.relation)
  const { objtype } = statement
  if (objtype === 'OBJECT_TYPE' || objtype === 'OBJECT_SEQUENCE' || objtype === 'OBJECT_VIEW') return
  if (objtype === 'OBJECT_INDEX' || isIndexOrView(catalog, key)) return
  const parts = catalog.table(key)?.partitionBy === undefined ? [] : catalog.partitions(key).map(nameOf)
  for (const command of statement.cmds ?? []) {
    const action = held(command, 'AlterTableCmd')
    if (action === undefined) continue
    const alone = PARENT_ONLY.test(action.subtype ?? '')
    const touch: Touch = (table, lock, more) => {
      plain(table, lock, table === key ? { ...more, ...unknownParts(catalog, key) } : more)
      if (table === key && !alone) for (const part of parts) plain(part, lock, more)
    }
    alter(key, action, catalog, touch)
  }
}

function alter(key: string, action: AlterTableCmd, catalog: Catalog, touch: Touch): void {
  const { subtype = '', name = '', def } = action
  const rewrites = REWRITES[subtype]
  if (rewrites !== undefined) {
    touch(key, AX, { rewrite: true, rule: 'table-rewrite', why: rewrites })
    return
  }
  if (SUE_ACTIONS.has(subtype)) {
    touch(key, SUE)
    return
  }
  if (/^AT_(En|Dis)able(Always|Replica)?Trig/.test(subtype)) {
    touch(key, SRE)
    return
  }
  switch (subtype) {
    case 'AT_AddColumn': {
      const column = held(def, 'ColumnDef')
      const isThere = catalog.column(key, column?.colname ?? '') !== undefined
      if (column && !(action.missing_ok && isThere)) addColumn(key, column, catalog, touch)
      break
    }
    case 'AT_DropColumn':
      touch(key, AX)
      for (const { columns, to } of catalog.table(key)?.foreignKeys ?? [])
        if (columns.includes(name)) touch(nameOf(to), AX, { other: key })
      break
    case 'AT_AlterColumnType':
      alterType(key, name, held(def, 'ColumnDef'), catalog, touch)
      break
    case 'AT_SetNotNull':
      touch(key, AX, { scan: !catalog.isProven(key, name), rule: 'set-not-null-scans', column: name })
      break
    case 'AT_SetExpression': {
      const stored = catalog.column(key, name)?.generated?.stored ?? true
      touch(key, AX, { rewrite: stored, rule: 'set-expression-rewrites', column: name })
      break
    }
    case 'AT_AddConstraint': {
      const constraint = held(def, 'Constraint')
      if (constraint) addConstraint(key, constraint, catalog, touch)
      break
    }
    case 'AT_ValidateConstraint':
      validate(key, name, catalog, touch)
      break
    case 'AT_DropConstraint': {
      touch(key, AX)
      const found = catalog.constraint(key, name)
      if (found?.kind === 'foreign key') touch(nameOf(found.on.to), AX, { other: key })
      break
    }
    case 'AT_SetRelOptions':
    case 'AT_ResetRelOptions': {
      const names = (held(def, 'List')?.items ?? []).map((item) => held(item, 'DefElem')?.defname ?? '')
      touch(key, names.every((one) => LIGHT_OPTION.test(one)) ? SUE : AX)
      break
    }
    case 'AT_AttachPartition':
      attach(key, action, catalog, touch)
      break
    case 'AT_DetachPartition':
    case 'AT_DetachPartitionFinalize': {
      const part = held(def, 'PartitionCmd')
      const lock = part?.concurrent || subtype === 'AT_DetachPartitionFinalize' ? SUE : AX
      touch(key, lock)
      touch(catalog.keyOf(part?.name), AX)
      const other = defaultPart(catalog, key)
      if (other !== undefined) touch(nameOf(other), AX)
      break
    }
    case 'AT_AddInherit':
    case 'AT_DropInherit':
      touch(key, AX)
      touch(catalog.keyOf(held(def, 'RangeVar')), subtype === 'AT_AddInherit' ? SUE : 'ACCESS SHARE')
      break
    default:
      touch(key, AX)
  }
}

function attach(key: string, { def }: AlterTableCmd, catalog: Catalog, touch: Touch): void {
  const { name, bound } = held(def, 'PartitionCmd') ?? {}
  const part = catalog.keyOf(name)
  touch(key, SUE)
  const child = catalog.table(part)
  const proven = child !== undefined && isAttachProven(child, catalog.table(key), bound, catalog)
  touch(part, AX, { scan: !proven, rule: 'attach-partition-scans', other: key })
  const other = defaultPart(catalog, key)
  if (other !== undefined)
    touch(nameOf(other), AX, { scan: !isKeptOut(other, bound), rule: 'attach-partition-scans', other: key })
}

function validate(key: string, name: string, catalog: Catalog, touch: Touch): void {
  const found = catalog.constraint(key, name)
  const on = found !== undefined && 'on' in found ? found.on : undefined
  const done = on !== undefined && !('notValid' in on)
  touch(key, SUE, { scan: !done, rule: 'validate-under-lock', why: name })
  if (found?.kind === 'foreign key') touch(nameOf(found.on.to), 'ROW SHARE', { scan: !done, other: key })
}

/** Constraints that stand behind a column, by their kind. */
function constraintsOf(column: ColumnDef): (kind: Constraint['contype']) => Constraint | undefined {
  const all = (column.constraints ?? []).flatMap((one) => held(one, 'Constraint') ?? [])
  return (kind) => all.find(({ contype }) => contype === kind)
}

function addColumn(key: string, added: ColumnDef, catalog: Catalog, touch: Touch): void {
  const find = constraintsOf(added)
  const column = added.colname ?? ''
  const work = (rule: LockRule, more: More = {}) =>
    touch(key, AX, { rewrite: true, rule, column, added, ...more })
  const fallback = find('CONSTR_DEFAULT')?.raw_expr
  const generated = find('CONSTR_GENERATED')
  const volatile = volatileIn(fallback, (name) => catalog.volatilityOf(name))
  const domain = catalog.domain(typeText(added.typeName))
  const hasDefault = fallback !== undefined && !isNull(fallback)
  if (isSerial(added.typeName) || find('CONSTR_IDENTITY') || volatile?.endsWith('nextval'))
    work('add-identity-rewrites')
  else if (generated !== undefined && generated.generated_kind !== 'v') work('add-generated-rewrites')
  else if (volatile !== undefined) work('volatile-default-rewrites', { why: volatile })
  else if (domain !== undefined && catalog.isConstrained(domain))
    work('add-constrained-domain-rewrites', { why: nameOf(domain) })
  else {
    touch(key, AX)
    const scans = (rule: LockRule, constraint: Constraint) =>
      work(rule, { scan: true, rewrite: false, constraint })
    const [check, unique, primary] = [find('CONSTR_CHECK'), find('CONSTR_UNIQUE'), find('CONSTR_PRIMARY')]
    if (check !== undefined && !find('CONSTR_ATTR_NOT_ENFORCED')) scans('add-check-scans', check)
    if (unique !== undefined) scans('add-unique-builds-index', unique)
    if (primary !== undefined) scans('add-primary-key-builds-index', primary)
  }
  const foreign = find('CONSTR_FOREIGN')
  if (foreign === undefined) return
  const parent = catalog.keyOf(foreign.pktable)
  const more: More = { scan: hasDefault, rule: 'add-foreign-key-scans', column, added, constraint: foreign }
  touch(parent, SRE, { ...more, other: key })
  touch(key, AX, { ...more, other: parent })
}

function addConstraint(key: string, constraint: Constraint, catalog: Catalog, touch: Touch): void {
  // NOT VALID and NOT ENFORCED alike.
  const scan = !constraint.skip_validation
  const columns = words(constraint.keys)
  switch (constraint.contype) {
    case 'CONSTR_FOREIGN': {
      const parent = catalog.keyOf(constraint.pktable)
      const fills = scan && !catalog.isFresh(key)
      touch(key, SRE, { scan, rule: 'add-foreign-key-scans', constraint, other: parent })
      if (parent !== key)
        touch(parent, SRE, { scan: fills, rule: 'add-foreign-key-scans', constraint, other: key })
      break
    }
    case 'CONSTR_CHECK':
      touch(key, AX, { scan, rule: 'add-check-scans', constraint })
      break
    case 'CONSTR_NOTNULL':
      touch(key, AX, {
        scan: scan && !columns.every((column) => catalog.isProven(key, column)),
        rule: 'set-not-null-scans',
        constraint,
        ...(columns[0] !== undefined && { column: columns[0] }),
      })
      break
    case 'CONSTR_UNIQUE':
      touch(key, AX, {
        scan: constraint.indexname === undefined,
        rule: 'add-unique-builds-index',
        constraint,
      })
      break
    case 'CONSTR_PRIMARY': {
      if (constraint.indexname === undefined) {
        touch(key, AX, { scan: true, rule: 'add-primary-key-builds-index', constraint })
        break
      }
      const index = catalog.table(key)?.indexes.find(({ name }) => name === constraint.indexname)
      const open = (index?.parts ?? []).flatMap(({ column = '' }) =>
        catalog.isProven(key, column) ? [] : [column],
      )
      const column = open[0] === undefined ? {} : { column: open[0] }
      touch(key, AX, { scan: open.length > 0, rule: 'primary-key-scans-nulls', constraint, ...column })
      break
    }
    case 'CONSTR_EXCLUSION':
      touch(key, AX, { scan: true, rule: 'add-exclusion-builds-index', constraint })
      break
    default:
      touch(key, AX)
  }
}

function alterType(
  key: string,
  name: string,
  def: ColumnDef | undefined,
  catalog: Catalog,
  touch: Touch,
): void {
  const table = catalog.table(key)
  const column = catalog.column(key, name)
  const to = typeText(def?.typeName)
  const { rewrite, reindex, timezone } = retyped(column?.type, to, name, def?.raw_default, catalog)
  const what = {
    column: name,
    to,
    ...(column && { from: column.type }),
    ...(timezone && { unmeasurable: true as const }),
  }
  const collation = def?.collClause && words(def.collClause.collname).at(-1)
  const isOrdered = column !== undefined && (reindex || (collation ?? '') !== (column.collation ?? ''))
  const check = table?.checks.find(({ expression }) => namesIn('postgres', expression).has(name))
  const children = rewrite
    ? catalog.children(key).filter((child) => child.foreignKeys.some((one) => refersTo(one, key, name)))
    : []
  for (const child of children)
    touch(nameOf(child), AX, { scan: true, rule: 'key-type-change-locks-children', other: key, ...what })
  const parents = (table?.foreignKeys ?? []).filter(({ columns }) => columns.includes(name))
  for (const { to: parent } of parents)
    if (nameOf(parent) !== key)
      touch(nameOf(parent), AX, { scan: rewrite, rule: 'type-change-rewrites', other: key, ...what })
  if (children.length > 0)
    touch(key, AX, {
      rewrite: true,
      rule: 'key-type-change-locks-children',
      why: children.map(nameOf).join(', '),
      ...what,
    })
  else if (rewrite || (check === undefined && !isOrdered))
    touch(key, AX, { rewrite, rule: 'type-change-rewrites', ...what })
  else if (check !== undefined)
    touch(key, AX, { scan: true, rule: 'type-change-rechecks', why: check.name ?? check.expression, ...what })
  else touch(key, AX, { scan: catalog.hasIndexOn(key, name), rule: 'type-change-rebuilds-index', ...what })
}

function refersTo({ to, references }: ForeignKey, key: string, column: string): boolean {
  return nameOf(to) === key && references.includes(column)
}

const REWRITE: TypeChange = { rewrite: true, reindex: true }

/** What a column's new type costs, USING regarded: casts of the column alone are steps on the way to it. */
function retyped(
  from: string | undefined,
  to: string,
  name: string,
  using: Node | undefined,
  catalog: Catalog,
): TypeChange {
  const types = using === undefined ? [] : castsOf(using, name)
  if (types === undefined || from === undefined) return REWRITE
  let [now, cost]: [string, TypeChange] = [from, { rewrite: false, reindex: false }]
  for (const type of [...types, to]) {
    const domain = catalog.domain(type)
    if (domain !== undefined && type !== now && catalog.isConstrained(domain)) return REWRITE
    const step = typeChange(catalog.baseType(now), catalog.baseType(type), catalog.utc)
    cost = { ...cost, ...step, rewrite: cost.rewrite || step.rewrite, reindex: cost.reindex || step.reindex }
    now = type
  }
  return cost
}

/** The types that a column is cast to on the way, the innermost first; nothing where more is done with it. */
function castsOf(node: Node, name: string): string[] | undefined {
  if (columnOf(node) === name && columnsIn(node).size === 1) return []
  const cast = held(node, 'TypeCast')
  const inner = cast?.arg && castsOf(cast.arg, name)
  return inner && [...inner, typeText(cast?.typeName)]
}
