import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { mermaidOf } from '../../../src/core/schema/draw/mermaid.ts'
import type { Column, Table } from '../../../src/core/schema/model.ts'
import { column, hundred, key, nexflow, schema, table } from './handmade.ts'

const of = (name: string, type = 'bigint', more: Partial<Column> = {}) => column('postgres', name, type, more)
const parents = table('parents', [of('id'), of('code')], { primaryKey: { columns: ['id'] } })

/** The line between `parents` and a table that refers to it. */
function line(child: Partial<Table>, nullable = false): string | undefined {
  const columns = [of('id'), of('parent_id', 'bigint', { nullable })]
  const children = table('children', columns, { foreignKeys: [key('parent_id', 'parents')], ...child })
  return /parents (\S+) children/.exec(mermaidOf(schema('postgres', [parents, children])))?.[1]
}

describe('mermaidOf', () => {
  test('1 Nexflow', () => {
    const text = mermaidOf(nexflow('postgres'))
    assert.match(text, /^erDiagram\n/)
    assert.ok(
      text.includes(
        `    tasks {
        uuid id PK
        uuid session_id FK
        varchar(255) skill
        jsonb input
        jsonb output "nullable"
        task_status status
        text error "nullable"
        timestamptz created_at
        timestamptz updated_at
    }
`,
      ),
      text,
    )
    assert.ok(text.includes('        varchar(255) name UK\n'))
    assert.ok(text.includes('    users ||..o{ sessions : "user_id"\n'))
    assert.ok(mermaidOf(nexflow('sqlite')).includes('        TEXT session_id FK\n'))
  })

  const LINES: readonly [what: string, line: string, child: Partial<Table>, nullable?: boolean][] = [
    ['many', '||..o{', {}],
    ['many or none', '|o..o{', {}, true],
    ['unique', '||..o|', { uniques: [{ columns: ['parent_id'] }] }],
    ['unique with another column', '||..o{', { uniques: [{ columns: ['parent_id', 'id'] }] }],
    [
      'a unique index',
      '|o..o|',
      { indexes: [{ name: 'i', unique: true, parts: [{ column: 'parent_id' }] }] },
      true,
    ],
    [
      'a unique index of some rows',
      '||..o{',
      { indexes: [{ name: 'i', unique: true, parts: [{ column: 'parent_id' }], where: 'id > 0' }] },
    ],
    [
      'a unique index of an expression',
      '||..o{',
      { indexes: [{ name: 'i', unique: true, parts: [{ expression: 'abs(id)' }] }] },
    ],
    ['the primary key', '||--o|', { primaryKey: { columns: ['parent_id'] } }],
    ['a part of the primary key', '||--o{', { primaryKey: { columns: ['parent_id', 'id'] } }],
  ]
  for (const [i, [what, expected, child, nullable]] of LINES.entries())
    test(`2.${i + 1} what stands at the ends of a key: ${what}`, () =>
      assert.equal(line(child, nullable), expected))

  test('3 names that are no words of Mermaid', () => {
    const names = ['order items', 'a"b%\\c', 'end', 'one', 'ключ', 'direction TB']
    const text = mermaidOf(
      schema('postgres', [
        ...names.map((name) => table(name, [of('id')])),
        table(
          'odd',
          [of('pk'), of('2fa', 'numeric(10,2)'), of('x y', '"My Type"', { comment: 'a "b"\nc' })],
          {
            foreignKeys: [key('x y', 'order items')],
          },
        ),
        { ...table('users', [of('id')]), schema: 'app' },
      ]),
    )
    for (const written of [
      '"order items"',
      '"a_b_c"',
      '"end"',
      '"one"',
      '"ключ"',
      '"direction_TB"',
      '"app.users"',
    ])
      assert.ok(text.includes(`    ${written} {\n`), written)
    assert.ok(text.includes('        bigint _pk "pk"\n        numeric(10_2) _2fa "2fa"\n'))
    assert.ok(text.includes(`        _My_Type_ x_y FK "x y; a 'b' c"\n`))
    assert.ok(text.includes('    "order items" ||..o{ odd : "x y"\n'))
  })

  test('4 two names that would be one stay two', () => {
    const text = mermaidOf(schema('postgres', [table('a"b', [of('id')]), table('a%b', [of('id')])]))
    assert.equal(new Set([...text.matchAll(/^ {4}(\S.*) \{$/gm)].map(([, name]) => name)).size, 2)
  })

  test('5 SQLite finds the table whatever its case; a table without columns, and one that is not there', () => {
    const text = mermaidOf(
      schema('sqlite', [
        table('Users', [column('sqlite', 'id', '')]),
        table('none', []),
        table('t', [column('sqlite', 'a', 'INT'), column('sqlite', 'b', 'INT')], {
          foreignKeys: [key('a', 'users'), key('b', 'lost')],
        }),
      ]),
    )
    assert.ok(text.includes('    Users {\n        any id\n    }\n'))
    assert.ok(text.includes('    none\n'))
    assert.ok(text.includes('    Users ||..o{ t : "a"\n    "lost" ||..o{ t : "b"\n'))
  })

  test('6 the order of the tables makes no difference', () => {
    const one = hundred()
    assert.equal(mermaidOf(one), mermaidOf({ ...one, tables: one.tables.toReversed() }))
  })
})
