import { words } from '../../../schema/convert/ast.ts'
import { nameOf } from '../../../schema/model.ts'
import { stringText } from '../../../schema/sql/names.ts'
import { constraintKey } from '../ahead.ts'
import { bareName, type Moment, type PostgresRule, quoted, sqlName, sqlOf, wasThere } from '../moment.ts'
import { held, of } from '../statement.ts'

const BEFORE = 'CREATE TABLE orders (id bigint PRIMARY KEY, total int NOT NULL DEFAULT 0, code text UNIQUE);'

/** A name that says that nothing uses it any more: the step before it is dropped. */
const RETIRED = /_(del|deleted|to_delete|drop|dropped)$/

export const isRetired = (name: string) => RETIRED.test(name)

/** Whether a later statement of the script makes something of that name. */
function isMadeLater({ ahead, index }: Moment, key: string): boolean {
  return (ahead.made.get(key) ?? -1) > index
}

function view(key: string, to: string): string {
  return `ALTER TABLE ${sqlName(key)} RENAME TO ${quoted(to)};
CREATE VIEW ${sqlName(key)} AS SELECT * FROM ${sqlName([...key.split('.').slice(0, -1), to].join('.'))};
-- drop the view when nothing reads the old name any more`
}

export const BREAKING_RULES: readonly PostgresRule[] = [
  {
    id: 'rename-column',
    dialect: 'postgres',
    kinds: ['RenameStmt'],
    topic: 'breaking',
    severity: 'error',
    what: 'A column gets another name',
    why: 'Code that runs asks for the old name, and fails from that moment on.',
    safe: 'A new column beside it, written by both and filled in batches; drop the old one when nothing reads it.',
    bad: { before: BEFORE, up: 'ALTER TABLE orders RENAME COLUMN total TO amount;' },
    good: { before: BEFORE, up: 'ALTER TABLE orders ADD COLUMN amount int;' },
    find: (moment) => {
      const renamed = of(moment.statement, 'RenameStmt')
      if (renamed?.renameType !== 'OBJECT_COLUMN') return undefined
      const { subname = '', newname = '', relationType } = renamed
      const key = moment.subject
      if (relationType === 'OBJECT_TYPE' || !wasThere(moment, key, subname) || isRetired(newname))
        return undefined
      // The old name is there again for those who read it.
      if ((moment.ahead.added.get(`${key} ${subname}`) ?? -1) > moment.index) return undefined
      if (isMadeLater(moment, key)) return undefined
      const type = moment.catalog.column(key, subname)?.type ?? 'text'
      return {
        message: `${subname} of ${key} is called ${newname} from now on: code that asks for ${subname} fails`,
        safe: `ALTER TABLE ${sqlName(key)} ADD COLUMN ${quoted(newname)} ${type};
-- write both columns from now on, then in a second migration:
-- migrate: batch 1000
UPDATE ${sqlName(key)} SET ${quoted(newname)} = ${quoted(subname)} WHERE ${quoted(newname)} IS DISTINCT FROM ${quoted(subname)};
-- when nothing reads ${subname} any more, drop it`,
      }
    },
  },
  {
    id: 'rename-table',
    dialect: 'postgres',
    kinds: ['RenameStmt'],
    topic: 'breaking',
    severity: 'error',
    what: 'A table or a view gets another name',
    why: 'Code that runs asks for the old name, and fails from that moment on.',
    safe: 'In the same transaction, a view of the old name, which PostgreSQL lets write through.',
    bad: { before: BEFORE, up: 'ALTER TABLE orders RENAME TO purchases;' },
    good: {
      before: BEFORE,
      up: 'ALTER TABLE orders RENAME TO purchases;\nCREATE VIEW orders AS SELECT * FROM purchases;',
    },
    find: (moment) => {
      const renamed = of(moment.statement, 'RenameStmt')
      if (!/^OBJECT_(TABLE|VIEW|MATVIEW)$/.test(renamed?.renameType ?? '')) return undefined
      const key = moment.subject
      const to = renamed?.newname ?? ''
      if (moment.catalog.ownerOf(key) !== undefined || !wasThere(moment, key)) return undefined
      if (isMadeLater(moment, key) || isRetired(to) || isSwapped(moment, key)) return undefined
      return {
        message: `${key} is called ${to} from now on: code that asks for ${bareName(key)} fails`,
        safe: view(key, to),
      }
    },
  },
  {
    id: 'rename-schema',
    dialect: 'postgres',
    kinds: ['RenameStmt', 'AlterObjectSchemaStmt'],
    topic: 'breaking',
    severity: 'error',
    what: 'A schema gets another name, or a table another schema',
    why: 'Code that runs looks for the tables where they were, and fails from that moment on.',
    safe: 'A view in the old place, for a table; for a schema, name it once and for all.',
    bad: {
      before: `CREATE SCHEMA archive;\n${BEFORE}`,
      up: 'ALTER TABLE orders SET SCHEMA archive;',
    },
    good: {
      before: `CREATE SCHEMA archive;\n${BEFORE}`,
      up: 'ALTER TABLE orders SET SCHEMA archive;\nCREATE VIEW orders AS SELECT * FROM archive.orders;',
    },
    find: (moment) => {
      const renamed = of(moment.statement, 'RenameStmt')
      if (renamed?.renameType === 'OBJECT_SCHEMA') {
        return {
          message: `the schema ${renamed.subname} is called ${renamed.newname} from now on: code that looks there fails`,
          safe: `-- keep the name ${renamed.subname}; there is no form in which both are right`,
        }
      }
      const moved = of(moment.statement, 'AlterObjectSchemaStmt')
      if (moved?.relation === undefined || !/^OBJECT_(TABLE|VIEW|MATVIEW)$/.test(moved.objectType ?? ''))
        return undefined
      const key = moment.subject
      if (!wasThere(moment, key) || isMadeLater(moment, key)) return undefined
      return {
        message: `${key} is in the schema ${moved.newschema} from now on: code that looks for it elsewhere fails`,
        safe: `${sqlOf(moment)};\nCREATE VIEW ${sqlName(key)} AS SELECT * FROM ${quoted(moved.newschema ?? '')}.${quoted(bareName(key))};`,
      }
    },
  },
  {
    id: 'rename-enum-value',
    dialect: 'postgres',
    kinds: ['AlterEnumStmt'],
    topic: 'breaking',
    severity: 'error',
    what: 'A value of an enum gets another name',
    why: 'Code that runs writes and compares the old one, and fails from that moment on.',
    safe: 'Add the new value, let code use it, and change the rows in batches.',
    bad: {
      before: "CREATE TYPE mood AS ENUM ('sad', 'happy');",
      up: "ALTER TYPE mood RENAME VALUE 'sad' TO 'blue';",
    },
    good: {
      before: "CREATE TYPE mood AS ENUM ('sad', 'happy');",
      up: "ALTER TYPE mood ADD VALUE 'blue';",
    },
    find: ({ statement, catalog, script }) => {
      const altered = of(statement, 'AlterEnumStmt')
      if (altered?.oldVal === undefined) return undefined
      const key = catalog.keyOfWords(words(altered.typeName))
      const old = script.direction === 'down' ? script.before?.enum(key)?.values : undefined
      if (catalog.isFresh(key) || (old !== undefined && !old.includes(altered.oldVal))) return undefined
      return {
        message: `${altered.oldVal} of ${key} is called ${altered.newVal} from now on: code that writes or compares ${altered.oldVal} fails`,
        safe: `ALTER TYPE ${sqlName(key)} ADD VALUE ${stringText(altered.newVal ?? '')};\n-- let code write it, then change the rows in batches`,
      }
    },
  },
  {
    id: 'drop-not-null',
    dialect: 'postgres',
    kinds: ['AlterTableStmt'],
    topic: 'breaking',
    severity: 'warning',
    what: 'A column may be NULL that never was',
    why: 'Code that reads it may not expect NULL.',
    safe: 'Let all readers expect NULL first.',
    bad: { before: BEFORE, up: 'ALTER TABLE orders ALTER COLUMN total DROP NOT NULL;' },
    good: { before: BEFORE, up: 'ALTER TABLE orders ADD COLUMN paid_at timestamptz;' },
    find: (moment) => {
      const key = moment.subject
      const action = moment.actions.find(({ subtype, name = '' }) => {
        if (subtype !== 'AT_DropNotNull' || !wasThere(moment, key, name)) return false
        const { script, catalog } = moment
        const before = script.direction === 'down' ? script.before?.column(key, name) : undefined
        return !(catalog.column(key, name)?.nullable ?? false) && !(before?.nullable ?? false)
      })
      return (
        action && {
          message: `${action.name} of ${key} may be NULL from now on: code that reads it must expect that first`,
          safe: `-- when every reader expects NULL:\n-- lint: ignore drop-not-null <why>\n${sqlOf(moment)};`,
        }
      )
    },
  },
  {
    id: 'drop-constraint',
    dialect: 'postgres',
    kinds: ['AlterTableStmt'],
    topic: 'breaking',
    severity: 'warning',
    what: 'A foreign key, a unique constraint or a primary key is dropped',
    why: 'Rows that it kept out come in, ON CONFLICT that names it fails, and what it kept is hard to win back.',
    safe: 'Only when nothing counts on it; for another rule in its place, add the new one first.',
    bad: { before: BEFORE, up: 'ALTER TABLE orders DROP CONSTRAINT orders_code_key;' },
    good: {
      before:
        'CREATE TABLE orders (id bigint PRIMARY KEY, total int CONSTRAINT orders_total CHECK (total > 0));',
      up: 'ALTER TABLE orders DROP CONSTRAINT orders_total;',
    },
    find: (moment) => {
      const key = moment.subject
      for (const { subtype, name = '' } of moment.actions) {
        if (subtype !== 'AT_DropConstraint' || !wasThere(moment, key)) continue
        const { script, catalog, ahead } = moment
        if (script.direction === 'down' && script.before && !script.before.constraint(key, name)) continue
        const found = catalog.constraint(key, name)
        const kind = found?.kind ?? kindByName(name)
        if (kind !== 'foreign key' && kind !== 'unique' && kind !== 'primary key') continue
        const columns = found !== undefined && 'on' in found && 'columns' in found.on ? found.on.columns : []
        if (ahead.constraints.has(constraintKey(key, kind, columns))) continue
        const effect =
          kind === 'foreign key' ? 'rows without a parent come in' : 'the same value comes in twice'
        return {
          message: `the ${kind} ${name} of ${key} is dropped: from now on ${effect}${kind === 'foreign key' ? '' : ', and ON CONFLICT that counts on it fails'}`,
          safe: `-- when nothing counts on it:\n-- lint: ignore drop-constraint <why>\n${sqlOf(moment)};`,
        }
      }
      return undefined
    },
  },
  {
    id: 'drop-default-of-required',
    dialect: 'postgres',
    kinds: ['AlterTableStmt'],
    topic: 'breaking',
    severity: 'error',
    what: 'A column is added NOT NULL with a default, and loses the default in the same migration',
    why: 'Code that runs does not know the column: its INSERT fails from that moment on.',
    safe: 'Keep the default until no old code runs any more.',
    bad: {
      before: BEFORE,
      up: 'ALTER TABLE orders ADD COLUMN paid boolean NOT NULL DEFAULT false;\nALTER TABLE orders ALTER COLUMN paid DROP DEFAULT;',
    },
    good: { before: BEFORE, up: 'ALTER TABLE orders ADD COLUMN paid boolean NOT NULL DEFAULT false;' },
    find: (moment) => {
      const key = moment.subject
      if (moment.statement.kind !== 'AlterTableStmt' || moment.catalog.isFresh(key)) return undefined
      const required = new Set<string>()
      for (const { subtype, name = '', def } of moment.actions) {
        const added = subtype === 'AT_AddColumn' ? held(def, 'ColumnDef') : undefined
        const kinds = (added?.constraints ?? []).map((one) => held(one, 'Constraint')?.contype)
        if (kinds.includes('CONSTR_NOTNULL') && kinds.includes('CONSTR_DEFAULT'))
          required.add(added?.colname ?? '')
        if (subtype !== 'AT_ColumnDefault' || def !== undefined) continue
        const column = moment.catalog.isFresh(key, name) ? moment.catalog.column(key, name) : undefined
        if (!required.has(name) && (column?.default === undefined || column.nullable)) continue
        return {
          message: `${name} of ${key} is NOT NULL and has no default any more: an INSERT of code that does not know it fails`,
          safe: `-- in a later migration, when no old code runs any more:\nALTER TABLE ${sqlName(key)} ALTER COLUMN ${quoted(name)} DROP DEFAULT;`,
        }
      }
      return undefined
    },
  },
  {
    id: 'change-default',
    dialect: 'postgres',
    kinds: ['AlterTableStmt'],
    topic: 'breaking',
    severity: 'off',
    what: 'A column gets another default',
    why: 'Code that leaves the column out writes something else from now on.',
    safe: 'Let code write the value itself first.',
    bad: { before: BEFORE, up: 'ALTER TABLE orders ALTER COLUMN total SET DEFAULT 1;' },
    good: { before: BEFORE, up: "ALTER TABLE orders ALTER COLUMN code SET DEFAULT '';" },
    find: (moment) => {
      const key = moment.subject
      const action = moment.actions.find(
        ({ subtype, name = '', def }) =>
          subtype === 'AT_ColumnDefault' &&
          def !== undefined &&
          wasThere(moment, key, name) &&
          moment.catalog.column(key, name)?.default !== undefined,
      )
      return (
        action && {
          message: `${action.name} of ${key} gets another default: code that leaves it out writes another value from now on`,
          safe: `-- when code writes ${action.name} itself:\n${sqlOf(moment)};`,
        }
      )
    },
  },
  {
    id: 'drop-locks-parent',
    dialect: 'postgres',
    kinds: ['DropStmt', 'AlterTableStmt'],
    topic: 'locks',
    severity: 'info',
    what: 'A table, a column or a constraint with a foreign key is dropped',
    why: 'The table that it refers to is locked too, with ACCESS EXCLUSIVE, to the end of the transaction.',
    safe: 'Drop the foreign key alone first, in a short migration.',
    bad: {
      before: `${BEFORE}\nCREATE TABLE items (id bigint PRIMARY KEY, order_id bigint REFERENCES orders);`,
      up: 'ALTER TABLE items DROP COLUMN order_id;',
    },
    good: {
      before:
        'CREATE TABLE items (id bigint PRIMARY KEY, pieces int CONSTRAINT items_pieces CHECK (pieces > 0));',
      up: 'ALTER TABLE items DROP CONSTRAINT items_pieces;',
    },
    find: ({ statement, causes, catalog }) => {
      const drops = statement.kind === 'DropStmt' || statement.kind === 'AlterTableStmt'
      const cause = causes.find(
        ({ rule, lock, other }) => rule === undefined && lock === 'ACCESS EXCLUSIVE' && other,
      )
      if (!drops || cause === undefined) return undefined
      const child = cause.other ?? ''
      const key = catalog.table(child)?.foreignKeys.find(({ to }) => nameOf(to) === cause.table)
      return {
        message: `the foreign key of ${child} goes with it, for which ${cause.table} is locked with ${cause.lock} too`,
        safe: `-- first, in a migration of its own:\nALTER TABLE ${sqlName(child)} DROP CONSTRAINT ${quoted(key?.name ?? '…')};`,
      }
    },
  },
]

/** A table that another takes the place of in the same script: the old one is renamed away, the new one gets its name. */
function isSwapped({ script, index }: Moment, key: string): boolean {
  return script.statements.slice(index + 1).some(({ tree }) => {
    const renamed = of({ kind: 'RenameStmt', node: (tree.RenameStmt ?? {}) as never }, 'RenameStmt')
    return renamed?.newname === bareName(key) && /TABLE|VIEW/.test(renamed.renameType ?? '')
  })
}

/** What a constraint of a table that is not known may be. */
function kindByName(name: string): 'foreign key' | 'unique' | 'primary key' | undefined {
  if (/(^fk_|_fk$|_fkey$|_foreign$|^fk[A-Z0-9])/.test(name)) return 'foreign key'
  if (/(^uq_|^uniq|_uniq|_key$|_uq$|_unique$)/.test(name)) return 'unique'
  return /(^pk_|_pk$|_pkey$)/.test(name) ? 'primary key' : undefined
}
