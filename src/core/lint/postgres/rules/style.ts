import { words } from '../../../schema/convert/ast.ts'
import { namesOf } from '../catalog.ts'
import { type Moment, type PostgresRule, type Said, sqlName, sqlOf } from '../moment.ts'
import { held, of, opened } from '../statement.ts'
import { isSerial, typeText } from '../types.ts'

const BEFORE = 'CREATE TABLE orders (id bigint PRIMARY KEY, total int);'

type Text = Pick<PostgresRule, 'what' | 'why' | 'safe' | 'bad' | 'good'>

/** A matter of taste: only looked for when the config file asks for it. */
function style(id: string, text: Text, find: PostgresRule['find']): PostgresRule {
  return { id, dialect: 'postgres', topic: 'style', severity: 'off', ...text, find }
}

/** A rule about the types of new columns. */
function typeRule(id: string, pattern: RegExp, instead: string, text: Omit<Text, 'safe'>): PostgresRule {
  return style(id, { ...text, safe: `${instead}.` }, ({ subject: key, newColumns: columns }) => {
    const found = columns.find(({ typeName }) => pattern.test(typeText(typeName)))
    return (
      found && {
        message: `${found.colname} of ${key} is ${typeText(found.typeName)}`,
        safe: `-- ${found.colname} ${instead}`,
      }
    )
  })
}

/** What a statement makes or drops without asking whether it is there. */
function unasked(moment: Moment): string | undefined {
  const { statement } = moment
  switch (statement.kind) {
    case 'CreateStmt':
    case 'IndexStmt':
    case 'CreateSeqStmt':
      return statement.node.if_not_exists ? undefined : 'IF NOT EXISTS'
    case 'DropStmt':
      return statement.node.missing_ok ? undefined : 'IF EXISTS'
    case 'AlterTableStmt': {
      const asks = /^AT_(AddColumn|DropColumn|DropConstraint)$/
      const found = moment.actions.find(({ subtype = '', missing_ok }) => asks.test(subtype) && !missing_ok)
      if (found === undefined) return undefined
      return found.subtype === 'AT_AddColumn' ? 'IF NOT EXISTS' : 'IF EXISTS'
    }
    default:
      return undefined
  }
}

/** Whether an ALTER TABLE could have been part of the one before it. */
function mergeable({ script, index, statement, catalog }: Moment): Said | undefined {
  const before = script.statements[index - 1]
  const [now, then] = [of(statement, 'AlterTableStmt'), before && of(opened(before.tree), 'AlterTableStmt')]
  if (now === undefined || then === undefined) return undefined
  const key = catalog.keyOf(now.relation)
  const validates = [...(now.cmds ?? []), ...(then.cmds ?? [])].some(
    (command) => held(command, 'AlterTableCmd')?.subtype === 'AT_ValidateConstraint',
  )
  if (key !== catalog.keyOf(then.relation) || validates) return undefined
  return {
    message: `${key} is altered twice in a row, and locked twice`,
    safe: `ALTER TABLE ${sqlName(key)} …, …;`,
  }
}

export const STYLE_RULES: readonly PostgresRule[] = [
  style(
    'merge-alter-table',
    {
      what: 'Two ALTER TABLE of one table in a row',
      why: 'Each waits for the lock again, and what is rewritten is rewritten twice.',
      safe: 'One ALTER TABLE with both; never VALIDATE beside another action.',
      bad: {
        before: BEFORE,
        up: 'ALTER TABLE orders ADD COLUMN note text;\nALTER TABLE orders ADD COLUMN paid boolean;',
      },
      good: { before: BEFORE, up: 'ALTER TABLE orders ADD COLUMN note text, ADD COLUMN paid boolean;' },
    },
    mergeable,
  ),
  style(
    'prefer-if-exists',
    {
      what: 'Something is made or dropped without IF NOT EXISTS or IF EXISTS',
      why: 'A script that stopped half-way outside a transaction cannot simply be run again.',
      safe: 'IF NOT EXISTS and IF EXISTS, where the shape of what is there is looked at too.',
      bad: { up: 'CREATE TABLE orders (id bigint PRIMARY KEY);' },
      good: { up: 'CREATE TABLE IF NOT EXISTS orders (id bigint PRIMARY KEY);' },
    },
    (moment) => {
      const words = unasked(moment)
      return words === undefined
        ? undefined
        : { message: `this fails when it is run a second time`, safe: `-- ${words}: ${sqlOf(moment)}` }
    },
  ),
  typeRule('prefer-bigint', /^(integer|smallint)$/, 'bigint', {
    what: 'A column of type integer or smallint',
    why: 'It may overflow one day, and a wider type then rewrites the table.',
    bad: { up: 'CREATE TABLE orders (id int PRIMARY KEY);' },
    good: { up: 'CREATE TABLE orders (id bigint PRIMARY KEY);' },
  }),
  typeRule('prefer-text', /^character varying\(/, 'text', {
    what: 'A column of type varchar with a length',
    why: 'A shorter length rewrites the table, and text with a CHECK does the same.',
    bad: { up: 'CREATE TABLE orders (code varchar(10));' },
    good: { up: 'CREATE TABLE orders (code text);' },
  }),
  typeRule('prefer-timestamptz', /^timestamp.* without time zone$/, 'timestamptz', {
    what: 'A column of type timestamp without time zone',
    why: 'It holds no moment: what it means depends on who reads it.',
    bad: { up: 'CREATE TABLE orders (placed_at timestamp);' },
    good: { up: 'CREATE TABLE orders (placed_at timestamptz);' },
  }),
  typeRule('no-char', /^character(\(|$)/, 'text', {
    what: 'A column of type char',
    why: 'It is filled up with spaces, which count in some comparisons and not in others.',
    bad: { up: 'CREATE TABLE orders (code char(10));' },
    good: { up: 'CREATE TABLE orders (code text);' },
  }),
  style(
    'prefer-identity',
    {
      what: 'A serial column',
      why: 'Its sequence has privileges and an owner of its own; identity is what the SQL standard has.',
      safe: 'GENERATED BY DEFAULT AS IDENTITY.',
      bad: { up: 'CREATE TABLE orders (id bigserial PRIMARY KEY);' },
      good: { up: 'CREATE TABLE orders (id bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY);' },
    },
    ({ subject: key, newColumns: columns }) => {
      const found = columns.find(({ typeName }) => isSerial(typeName))
      return (
        found && {
          message: `${found.colname} of ${key} is serial`,
          safe: `-- ${found.colname} ${typeText(found.typeName)} GENERATED BY DEFAULT AS IDENTITY`,
        }
      )
    },
  ),
  style(
    'domain-with-constraint',
    {
      what: 'A domain with a constraint',
      why: 'A change of the constraint reads every table with a column of it, and a new column of it rewrites its table.',
      safe: 'A CHECK on each table.',
      bad: { up: 'CREATE DOMAIN positive AS int CHECK (VALUE > 0);' },
      good: { up: 'CREATE DOMAIN amount AS int;' },
    },
    ({ statement }) => {
      const made = of(statement, 'CreateDomainStmt')
      const checked = (made?.constraints ?? []).some((one) =>
        /CHECK|NOTNULL/.test(held(one, 'Constraint')?.contype ?? ''),
      )
      if (made === undefined || !checked) return undefined
      const name = words(made.domainname).join('.')
      return {
        message: `the domain ${name} has a constraint: to change it later reads every table that uses it`,
        safe: `CREATE DOMAIN ${sqlName(name)} AS ${typeText(made.typeName)};\n-- and a CHECK on each table`,
      }
    },
  ),
  style(
    'require-schema',
    {
      what: 'A table is named without its schema',
      why: 'Which one is meant depends on the search_path of whoever runs it.',
      safe: 'The schema before the name.',
      bad: { up: 'CREATE TABLE orders (id bigint PRIMARY KEY);' },
      good: { up: 'CREATE TABLE public.orders (id bigint PRIMARY KEY);' },
    },
    ({ statement }) => {
      const relation = statement.node.relation as { schemaname?: string; relname?: string } | undefined
      const dropped = of(statement, 'DropStmt')
      const names = dropped?.removeType === 'OBJECT_TABLE' ? (dropped.objects ?? []).map(namesOf) : []
      const bare = relation?.schemaname === undefined ? relation?.relname : undefined
      const name = bare ?? names.find((parts) => parts.length === 1)?.[0]
      return name === undefined
        ? undefined
        : { message: `${name} is named without its schema`, safe: `-- public.${sqlName(name)}` }
    },
  ),
  style(
    'enum-value-order',
    {
      what: 'A value is added to an enum without BEFORE or AFTER',
      why: 'It comes last in every ORDER BY, and cannot be moved later.',
      safe: 'BEFORE or AFTER another value.',
      bad: { before: "CREATE TYPE size AS ENUM ('s', 'l');", up: "ALTER TYPE size ADD VALUE 'm';" },
      good: {
        before: "CREATE TYPE size AS ENUM ('s', 'l');",
        up: "ALTER TYPE size ADD VALUE 'm' AFTER 's';",
      },
    },
    (moment) => {
      const altered = of(moment.statement, 'AlterEnumStmt')
      if (altered === undefined || altered.oldVal !== undefined || altered.newValNeighbor !== undefined)
        return undefined
      return { message: `${altered.newVal} comes last, for good`, safe: `${sqlOf(moment)} AFTER '…';` }
    },
  ),
]
