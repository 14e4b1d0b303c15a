import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { dbmlOf } from '../../../src/core/schema/draw/dbml.ts'
import type { Column } from '../../../src/core/schema/model.ts'
import { column, hundred, key, nexflow, schema, table } from './handmade.ts'

const of = (name: string, type = 'bigint', more: Partial<Column> = {}) => column('postgres', name, type, more)

describe('dbmlOf', () => {
  test('1 Nexflow', () => {
    const text = dbmlOf(nexflow('postgres'))
    for (const block of [
      `Project {
  database_type: 'PostgreSQL'
}

Enum log_level {
  debug
  info
  warn
  error
}
`,
      `Table schedules {
  id uuid [pk, not null, default: \`gen_random_uuid()\`]
  skill varchar(255) [not null]
  cron_expression varchar(255) [not null]
  input jsonb [not null]
  enabled boolean [not null, default: true]
  created_at timestamptz [not null, default: \`now()\`]
}
`,
      `  indexes {
    (session_id) [name: 'idx_tasks_session_id']
    (status) [name: 'idx_tasks_status']
  }
`,
      `  indexes {
    (channel, channel_user_id) [unique]
  }
`,
      `Ref: schedules.skill > skills.name [delete: cascade]
Ref: sessions.user_id > users.id [delete: cascade]
`,
    ])
      assert.ok(text.includes(block), `${block}\n----\n${text}`)
    const sqlite = dbmlOf(nexflow('sqlite'))
    assert.ok(sqlite.includes(`  Note: 'check: enabled IN (0, 1)'\n`))
    assert.ok(sqlite.includes("default: `datetime('now')`]"))
  })

  test('2 all that a table can have', () => {
    const columns = [
      of('id', 'bigint', { identity: 'always' }),
      of('n', 'bigint', { identity: 'serial', default: "nextval('s')" }),
      of('line no.', 'numeric(10,2)', { default: "'it''s'::text" }),
      of('odd', 'app."Odd Type"[]', { nullable: true, comment: "it's\ntwo lines" }),
      of('sum', 'integer', { generated: { expression: 'a + b', stored: true }, default: '-1.5' }),
      of('t', 'text', { collation: '"C"' }),
    ]
    const text = dbmlOf(
      schema('postgres', [
        table('order items', columns, {
          comment: 'orders',
          primaryKey: { columns: ['id', 't'] },
          uniques: [{ columns: ['sum'] }, { name: 'u', columns: ['n', 't'] }],
          checks: [{ name: 'c', expression: "t <> 'x'" }],
          exclusions: [{ name: 'e', definition: 'EXCLUDE USING gist (t WITH =)' }],
          indexes: [
            {
              name: 'i',
              unique: true,
              parts: [
                { expression: 'lower(t)', desc: true },
                { column: 'line no.', nulls: 'first' },
              ],
              where: 'n > 0',
              method: 'gin',
              include: ['id'],
            },
            { name: 'h', unique: false, parts: [{ column: 't' }], method: 'hash' },
          ],
          foreignKeys: [
            key(['id', 't'], 'order items', ['n', 'line no.'], {
              name: 'fk',
              onDelete: 'SET NULL',
              onUpdate: 'RESTRICT',
            }),
            key('sum', 'order items', 'sum', { onDelete: 'NO ACTION' }),
            key('sum', 'order items', 'id', { onDelete: 'NO ACTION' }),
          ],
        }),
      ]),
    )
    assert.equal(
      text,
      `Project {
  database_type: 'PostgreSQL'
}

Table "order items" {
  id bigint [increment, not null]
  n bigint [increment, not null]
  "line no." numeric(10,2) [not null, default: 'it\\'s']
  odd "app.Odd Type[]" [note: '''it\\'s
two lines''']
  sum integer [unique, not null, default: -1.5, note: 'generated and stored: a + b']
  t text [not null, note: 'collation: "C"']

  indexes {
    (id, t) [pk]
    (n, t) [unique, name: 'u']
    (\`lower(t)\`, "line no.") [unique, name: 'i', note: '''lower(t) descending
line no. nulls first
include: id
where: n > 0
using: gin''']
    (t) [name: 'h', type: hash]
  }

  Note: '''orders
check c: t <> \\'x\\'
e: EXCLUDE USING gist (t WITH =)'''
}

Ref fk: "order items".(id, t) - "order items".(n, "line no.") [delete: set null, update: restrict]
Ref: "order items".sum - "order items".id
`,
    )
  })

  test('3 words of DBML, other schemas, no columns, partitions', () => {
    const text = dbmlOf(
      schema(
        'postgres',
        [
          table('table', [of('note'), of('x')]),
          { ...table('users', [of('id')]), schema: 'app' },
          table('none', []),
          table('part', [of('id')], { partitionOf: { schema: '', name: 'users', bound: 'DEFAULT' } }),
        ],
        { enums: [{ schema: 'app', name: 'e', values: ['a b', 'q"', ''] }] },
      ),
    )
    assert.ok(text.includes('Table "table" {\n  "note" bigint [not null]\n'))
    assert.ok(text.includes('Table app.users {\n'))
    assert.ok(text.includes('// none\n'))
    assert.ok(text.includes('Enum app.e {\n  "a b"\n  "q\\""\n  " "\n}'))
    assert.ok(!text.includes('Table part'))
  })

  test('4 the order of the tables makes no difference', () => {
    const one = hundred()
    assert.equal(dbmlOf(one), dbmlOf({ ...one, tables: one.tables.toReversed() }))
  })
})
