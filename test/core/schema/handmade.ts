import { kindOf } from '../../../src/core/schema/kinds.ts'
import {
  type Column,
  emptySchema,
  type ForeignKey,
  type Schema,
  type Table,
} from '../../../src/core/schema/model.ts'
import type { Dialect } from '../../../src/index.ts'

/** A column, NOT NULL unless it is said. */
export function column(dialect: Dialect, name: string, type: string, more: Partial<Column> = {}): Column {
  return { name, type, kind: kindOf(dialect, type), nullable: false, ...more }
}

export function table(name: string, columns: readonly Column[], more: Partial<Table> = {}): Table {
  return {
    schema: '',
    name,
    columns,
    uniques: [],
    foreignKeys: [],
    checks: [],
    exclusions: [],
    indexes: [],
    ...more,
  }
}

/** `user_id` → `users (id)`. */
export function key(
  columns: string | readonly string[],
  to: string,
  references: string | readonly string[] = 'id',
  more: Partial<ForeignKey> = {},
): ForeignKey {
  return {
    columns: [columns].flat(),
    to: { schema: '', name: to },
    references: [references].flat(),
    onDelete: 'CASCADE',
    onUpdate: 'NO ACTION',
    ...more,
  }
}

export function schema(dialect: Dialect, tables: readonly Table[], more: Partial<Schema> = {}): Schema {
  return { ...emptySchema(dialect), tables, ...more }
}

const TYPES = {
  sqlite: { id: 'TEXT', short: 'TEXT', time: 'TEXT', json: 'TEXT', bool: 'INTEGER', now: "datetime('now')" },
  postgres: {
    id: 'uuid',
    short: 'character varying(255)',
    time: 'timestamp with time zone',
    json: 'jsonb',
    bool: 'boolean',
    now: 'now()',
  },
} as const

const ENUMS = {
  message_role: ['user', 'assistant', 'system', 'tool'],
  task_status: ['pending', 'running', 'completed', 'failed'],
  log_level: ['debug', 'info', 'warn', 'error'],
} as const

/** Nexflow's seven tables, as introspection gives them. */
export function nexflow(dialect: Dialect): Schema {
  const types = TYPES[dialect]
  const postgres = dialect === 'postgres'
  const of = (name: string, type: string, more: Partial<Column> = {}) => column(dialect, name, type, more)
  const id = of('id', types.id, postgres ? { default: 'gen_random_uuid()' } : {})
  const time = (name: string) => of(name, types.time, { default: types.now })
  const listed = (name: string, type: keyof typeof ENUMS) =>
    postgres ? of(name, type, { kind: 'enum' }) : of(name, 'TEXT')
  const check = (name: string, type: keyof typeof ENUMS) =>
    postgres ? [] : [{ expression: `${name} IN (${ENUMS[type].map((value) => `'${value}'`).join(', ')})` }]
  const primaryKey = { columns: ['id'] }
  const index = (name: string, column: string) => ({ name, unique: false, parts: [{ column }] })
  return schema(
    dialect,
    [
      table(
        'users',
        [
          id,
          of('channel', postgres ? 'character varying(50)' : 'TEXT'),
          of('channel_user_id', types.short),
          time('created_at'),
          of('metadata', types.json, { nullable: true }),
        ],
        { primaryKey, uniques: [{ columns: ['channel', 'channel_user_id'] }] },
      ),
      table('sessions', [id, of('user_id', types.id), time('created_at'), time('updated_at')], {
        primaryKey,
        foreignKeys: [key('user_id', 'users')],
        indexes: [index('idx_sessions_user_id', 'user_id')],
      }),
      table(
        'messages',
        [
          id,
          of('session_id', types.id),
          listed('role', 'message_role'),
          of('content', postgres ? 'text' : 'TEXT'),
          time('created_at'),
        ],
        {
          primaryKey,
          foreignKeys: [key('session_id', 'sessions')],
          checks: check('role', 'message_role'),
          indexes: [index('idx_messages_session_id', 'session_id')],
        },
      ),
      table(
        'tasks',
        [
          id,
          of('session_id', types.id),
          of('skill', types.short),
          of('input', types.json),
          of('output', types.json, { nullable: true }),
          listed('status', 'task_status'),
          of('error', postgres ? 'text' : 'TEXT', { nullable: true }),
          time('created_at'),
          time('updated_at'),
        ],
        {
          primaryKey,
          foreignKeys: [key('session_id', 'sessions')],
          checks: check('status', 'task_status'),
          indexes: [index('idx_tasks_session_id', 'session_id'), index('idx_tasks_status', 'status')],
        },
      ),
      table(
        'skills',
        [
          id,
          of('name', types.short),
          of('version', postgres ? 'character varying(50)' : 'TEXT'),
          of('location', postgres ? 'text' : 'TEXT'),
          of('permissions', types.json),
          of('metadata', types.json),
          time('created_at'),
        ],
        { primaryKey, uniques: [{ columns: ['name'] }] },
      ),
      table(
        'schedules',
        [
          id,
          of('skill', types.short),
          of('cron_expression', types.short),
          of('input', types.json),
          of('enabled', types.bool, { default: postgres ? 'true' : '1' }),
          time('created_at'),
        ],
        {
          primaryKey,
          foreignKeys: [key('skill', 'skills', 'name')],
          checks: postgres ? [] : [{ expression: 'enabled IN (0, 1)' }],
        },
      ),
      table(
        'logs',
        [
          id,
          listed('level', 'log_level'),
          of('source', types.short),
          of('message', postgres ? 'text' : 'TEXT'),
          of('metadata', types.json, { nullable: true }),
          time('created_at'),
        ],
        {
          primaryKey,
          checks: check('level', 'log_level'),
          indexes: [index('idx_logs_level', 'level')],
        },
      ),
    ],
    postgres ? { enums: Object.entries(ENUMS).map(([name, values]) => ({ schema: '', name, values })) } : {},
  )
}

/** A hundred tables as a grown application has them: hubs, chains, links, trees and many that stand alone. */
export function hundred(): Schema {
  const of = (name: string, type: string, more: Partial<Column> = {}) => column('postgres', name, type, more)
  const tables: Table[] = []
  const add = (name: string, parents: readonly string[], extra: number, optional = false) => {
    const columns = [
      of('id', 'bigint', { identity: 'by default' }),
      ...parents.map((parent, i) =>
        of(`${parent}_id${parents.indexOf(parent) === i ? '' : `_${i}`}`, 'bigint', { nullable: optional }),
      ),
      ...FIELDS.slice(0, extra).map(([field, type, nullable]) => of(field, type, { nullable })),
    ]
    tables.push(
      table(name, columns, {
        primaryKey: { columns: ['id'] },
        foreignKeys: parents.map((parent, i) =>
          key(`${parent}_id${parents.indexOf(parent) === i ? '' : `_${i}`}`, parent),
        ),
      }),
    )
  }
  add('organizations', [], 5)
  add('users', ['organizations'], 9)
  add('projects', ['organizations', 'users'], 6)
  for (let i = 0; i < 30; i++) add(`user_${WORDS[i]}`, ['users'], (i * 7) % 10)
  for (let i = 0; i < 15; i++)
    add(`project_${WORDS[i]}`, i % 3 === 0 ? ['projects', 'users'] : ['projects'], (i * 5) % 8)
  add('categories', ['categories'], 3, true)
  add('orders', ['users'], 6)
  add('order_items', ['orders', 'products'], 4)
  add('products', ['categories'], 8)
  add('refunds', ['order_items', 'users'], 3, true)
  add('teams', ['organizations', 'team_leads'], 2)
  add('team_leads', ['teams', 'users'], 2)
  for (let i = 0; i < 10; i++) {
    add(`stage_${i}`, i === 0 ? [] : [`stage_${i - 1}`], 2 + (i % 3))
  }
  for (let i = 0; tables.length < 100; i++) add(`lookup_${WORDS[i]}`, [], 1 + ((i * 3) % 7))
  return schema('postgres', tables)
}

const FIELDS: readonly (readonly [string, string, boolean])[] = [
  ['name', 'character varying(255)', false],
  ['created_at', 'timestamp with time zone', false],
  ['description', 'text', true],
  ['enabled', 'boolean', false],
  ['metadata', 'jsonb', true],
  ['amount', 'numeric(10,2)', false],
  ['tags', 'text[]', false],
  ['external_reference_number', 'uuid', true],
  ['position', 'integer', false],
  ['payload', 'bytea', true],
]

const WORDS =
  'settings tokens avatars emails phones addresses badges devices logins sessions notes tags votes follows blocks reports invites roles grants keys hooks events jobs exports imports charges cards plans quotas usage locales countries currencies timezones colors sizes brands units statuses reasons'.split(
    ' ',
  )
