import fc from 'fast-check'
import type { Dialect } from '../src/core/migrations.ts'
import {
  type Action,
  type Column,
  emptySchema,
  type Index,
  type Schema,
  type Table,
} from '../src/core/schema/model.ts'

/** What a column of a made-up table may be: of one name and meaning, in either database. */
type Form = Omit<Column, 'name' | 'nullable'>

const FORMS: Readonly<Record<Dialect, readonly Form[]>> = {
  sqlite: [
    { type: 'TEXT', kind: 'text' },
    { type: 'TEXT', kind: 'text', default: "'x''y'" },
    { type: 'TEXT', kind: 'text', default: "datetime('now')" },
    { type: 'TEXT', kind: 'text', default: 'CURRENT_TIMESTAMP' },
    { type: 'TEXT', kind: 'text', collation: 'NOCASE' },
    { type: 'INTEGER', kind: 'integer' },
    { type: 'INTEGER', kind: 'integer', default: '-1' },
    { type: 'REAL', kind: 'real', default: '1.5' },
    { type: 'BLOB', kind: 'blob' },
  ],
  postgres: [
    { type: 'text', kind: 'text' },
    { type: 'text', kind: 'text', default: "'x''y'::text" },
    { type: 'text', kind: 'text', collation: '"C"' },
    { type: 'character varying(40)', kind: 'text', default: "'v'::character varying" },
    { type: 'integer', kind: 'integer' },
    { type: 'bigint', kind: 'integer', default: "'-1'::integer" },
    { type: 'integer', kind: 'integer', identity: 'serial' },
    { type: 'bigint', kind: 'integer', identity: 'by default' },
    { type: 'boolean', kind: 'boolean', default: 'true' },
    { type: 'timestamp with time zone', kind: 'timestamptz', default: 'now()' },
    { type: 'timestamp without time zone', kind: 'timestamp', default: "(now() AT TIME ZONE 'utc'::text)" },
    { type: 'jsonb', kind: 'json', default: "'{}'::jsonb" },
    { type: 'mood', kind: 'enum', default: "'ok'::mood" },
    { type: 'mood', kind: 'enum' },
    { type: 'mood[]', kind: 'array' },
    { type: 'positive', kind: 'integer' },
  ],
}

const TABLES = ['users', 'posts', 'Order', 'tags']
const COLUMNS = ['a', 'b', 'c', 'Group', 'd e']

/** What is decided of a table before it is known which others there are. */
const shape = (dialect: Dialect) =>
  fc.record({
    columns: fc.uniqueArray(
      fc.record({
        name: fc.constantFrom(...COLUMNS),
        form: fc.constantFrom(...FORMS[dialect]),
        nullable: fc.boolean(),
        comment: fc.boolean(),
      }),
      { selector: ({ name }) => name, maxLength: 4 },
    ),
    key: fc.constantFrom('none', 'id', 'counted', 'both'),
    references: fc.array(
      fc.record({
        table: fc.nat(3),
        onDelete: fc.constantFrom<Action>('CASCADE', 'SET NULL', 'NO ACTION'),
        deferred: fc.boolean(),
      }),
      { maxLength: 2 },
    ),
    extras: fc.uniqueArray(
      fc.constantFrom(
        'unique',
        'named unique',
        'check',
        'named check',
        'generated',
        'index',
        'unique index',
        'partial index',
        'expression index',
        'view',
        'trigger',
        'strict',
        'without rowid',
        'comment',
        'unlogged',
      ),
      { maxLength: 5 },
    ),
  })

type Shape = ReturnType<typeof shape> extends fc.Arbitrary<infer S> ? S : never

/** Small schemas that the database takes: tables that refer to each other, in circles too, with all that hangs on them. */
export function schemas(dialect: Dialect): fc.Arbitrary<Schema> {
  return fc
    .record({
      names: fc.uniqueArray(fc.constantFrom(...TABLES), { maxLength: 4 }),
      shapes: fc.array(shape(dialect), { minLength: 4, maxLength: 4 }),
      values: fc.shuffledSubarray(['sad', 'happy', 'odd'], { maxLength: 3 }),
      more: fc.record({
        function: fc.boolean(),
        sequence: fc.boolean(),
        view: fc.boolean(),
        small: fc.boolean(),
      }),
    })
    .map(({ names, shapes, values, more }) => {
      const tables = names.map((name, i) => tableOf(dialect, name, shapes[i] as Shape, names))
      const has = (name: string, extra: Shape['extras'][number]) =>
        shapes[names.indexOf(name)]?.extras.includes(extra)
      const views = names.filter((name) => has(name, 'view')).map((name) => viewOf(dialect, name))
      const triggers = names.filter((name) => has(name, 'trigger')).map((name) => triggerOf(dialect, name))
      const [first] = views
      const all: Schema = {
        ...emptySchema(dialect),
        tables,
        views:
          first && more.view
            ? [
                ...views,
                {
                  ...first,
                  name: 'a_second',
                  query: `SELECT id AS number FROM ${first.name}`,
                  columns: [{ name: 'number', type: '', kind: 'other' }],
                },
              ]
            : views,
        triggers,
      }
      if (dialect === 'sqlite') return all
      const bump = `CREATE FUNCTION bump() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$`
      return {
        ...all,
        enums: [{ schema: '', name: 'mood', values: ['ok', ...values] }],
        domains: [
          {
            schema: '',
            name: 'positive',
            type: more.small ? 'integer' : 'bigint',
            nullable: true,
            checks: [{ name: 'positive_check', expression: `VALUE > ${values.length - 9}` }],
          },
        ],
        sequences: more.sequence
          ? [
              {
                schema: '',
                name: 'numbers',
                type: 'bigint',
                start: '1',
                increment: String(1 + values.length),
                min: '1',
                max: '9223372036854775807',
                cycle: more.small,
              },
            ]
          : [],
        functions: [
          { schema: '', name: 'bump', arguments: '', sql: bump },
          ...(more.function
            ? [
                {
                  schema: '',
                  name: 'is_ok',
                  arguments: 'mood',
                  sql: `CREATE FUNCTION is_ok(m mood) RETURNS ${more.small ? 'boolean' : 'text'} LANGUAGE sql AS $$ SELECT ${more.small ? `m = 'ok'` : 'm::text'} $$`,
                },
              ]
            : []),
        ],
      }
    })
}

function tableOf(
  dialect: Dialect,
  name: string,
  { columns, key, references, extras }: Shape,
  names: readonly string[],
): Table {
  const postgres = dialect === 'postgres'
  const has = (extra: Shape['extras'][number]) => extras.includes(extra)
  const strict = !postgres && has('strict')
  const withoutRowid = !postgres && has('without rowid') && key !== 'none' && key !== 'counted'
  const type = postgres ? 'integer' : 'INTEGER'
  const counted =
    key !== 'counted' ? {} : { identity: postgres ? ('serial' as const) : ('autoincrement' as const) }
  const parents = [...new Set(references.map(({ table }) => names[table]).filter((one) => one !== undefined))]
  const own: Column[] = [
    { name: 'id', type, kind: 'integer', nullable: false, ...counted },
    ...columns.map(({ name, form, nullable, comment }) => ({
      ...form,
      name,
      nullable: nullable && form.identity === undefined,
      ...(postgres && comment && { comment: `It's ${name}` }),
    })),
    ...parents.map((parent) => ({ name: `${parent}_id`, type, kind: 'integer' as const, nullable: true })),
  ]
  const [first] = own.slice(1).filter((column) => column.kind !== 'json')
  if (has('generated'))
    own.push({
      name: 'twice',
      type,
      kind: 'integer',
      nullable: true,
      generated: { expression: 'id * 2', stored: true },
    })
  const text = own.find(({ kind }) => kind === 'text')
  return {
    schema: '',
    name,
    columns: own,
    ...((key === 'id' || key === 'counted') && { primaryKey: { columns: ['id'] } }),
    ...(key === 'both' && {
      primaryKey: { columns: first && !first.nullable ? ['id', first.name] : ['id'] },
    }),
    // Whoever refers to it needs a key.
    uniques: [
      { columns: ['id'], name: `${name} id` },
      ...(has('unique') && first ? [{ columns: [first.name, 'id'] }] : []),
      ...(has('named unique') && first ? [{ columns: ['id', first.name], name: `${name}_pair` }] : []),
    ],
    foreignKeys: parents.map((parent) => {
      const { onDelete, deferred } = references.find(({ table }) => names[table] === parent) ?? {}
      return {
        columns: [`${parent}_id`],
        to: { schema: '', name: parent },
        references: ['id'],
        onDelete: onDelete ?? 'NO ACTION',
        onUpdate: 'NO ACTION' as const,
        ...(deferred && { deferrable: 'deferred' as const }),
      }
    }),
    checks: [
      ...(has('check') ? [{ expression: 'id >= 0' }] : []),
      ...(has('named check') && text
        ? [{ name: `${name}_text`, expression: `${quoted(text.name)} <> 'bad' AND id > -5` }]
        : []),
    ],
    exclusions: [],
    indexes: indexesOf(dialect, name, first, text, has),
    ...(strict && { strict: true as const }),
    ...(withoutRowid && { withoutRowid: true as const }),
    ...(postgres && has('comment') && { comment: 'A table' }),
  }
}

function indexesOf(
  dialect: Dialect,
  table: string,
  first: Column | undefined,
  text: Column | undefined,
  has: (extra: Shape['extras'][number]) => boolean,
): Index[] {
  const postgres = dialect === 'postgres'
  return [
    ...(has('index') && first
      ? [{ name: `${table}_first`, unique: false, parts: [{ column: first.name, desc: true as const }] }]
      : []),
    ...(has('unique index') && first
      ? [{ name: `${table}_one`, unique: true, parts: [{ column: 'id' }, { column: first.name }] }]
      : []),
    ...(has('partial index')
      ? [{ name: 'some_partial', unique: false, parts: [{ column: 'id' }], where: 'id > 3' }].map((one) => ({
          ...one,
          name: `${table}_partial`,
        }))
      : []),
    ...(has('expression index') && text
      ? [
          {
            name: `${table} lower`,
            unique: false,
            parts: [
              { expression: `lower(${quoted(text.name)})` },
              { expression: postgres ? 'id + 1' : 'id + 1' },
            ],
          },
        ]
      : []),
  ]
}

const quoted = (name: string) => `"${name}"`

function viewOf(dialect: Dialect, table: string): Schema['views'][number] {
  const type = dialect === 'postgres' ? 'integer' : 'INTEGER'
  return {
    schema: '',
    name: `all_${table.toLowerCase()}`,
    columns: [{ name: 'id', type, kind: 'integer' }],
    query: `SELECT id FROM "${table}"`,
    indexes: [],
  }
}

function triggerOf(dialect: Dialect, table: string): Schema['triggers'][number] {
  const name = `${table.toLowerCase()}_touch`
  const head = `CREATE TRIGGER ${name} AFTER INSERT ON "${table}"`
  const body =
    dialect === 'postgres'
      ? 'FOR EACH ROW EXECUTE FUNCTION bump()'
      : `BEGIN UPDATE "${table}" SET id = id WHERE id = NEW.id; END`
  return { schema: '', name, table, timing: 'AFTER', events: ['INSERT'], sql: `${head} ${body}` }
}
