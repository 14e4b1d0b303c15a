import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { svgOf } from '../../../src/core/schema/draw/svg.ts'
import type { Schema } from '../../../src/core/schema/model.ts'
import { column, hundred, key, nexflow, schema, table } from './handmade.ts'

interface Rectangle {
  readonly name: string
  readonly left: number
  readonly top: number
  readonly right: number
  readonly bottom: number
}

const TABLE =
  /<g transform="translate\(([\d.]+) ([\d.]+)\)">\n {4}<title>(.*?)<\/title>\n {4}<rect class="box" width="([\d.]+)" height="([\d.]+)"/g

function tablesOf(svg: string): Rectangle[] {
  return [...svg.matchAll(TABLE)].map(([, ...found]) => {
    const [x = 0, y = 0, , width = 0, height = 0] = found.map(Number)
    return { name: found[2] ?? '', left: x, top: y, right: x + width, bottom: y + height }
  })
}

/** The lines of the keys, each as points along it. */
function linesOf(svg: string): [number, number][][] {
  const paths = [...svg.matchAll(/<g class="key c\d">\n {4}<title>.*?<\/title>\n {4}<path d="(.*?)"/g)]
  return paths.map(([, path = '']) => {
    const points: [number, number][] = []
    for (const [, command, numbers = ''] of path.matchAll(/([MHC])([^MHC]*)/g)) {
      const n = numbers.trim().split(/ /).map(Number)
      const [x = 0, y = 0] = points.at(-1) ?? []
      if (command === 'M') points.push([n[0] ?? 0, n[1] ?? 0])
      else if (command === 'H')
        for (let i = 1; i <= 20; i++) points.push([x + (((n[0] ?? 0) - x) * i) / 20, y])
      else for (let i = 1; i <= 20; i++) points.push(bezier([x, y, ...n], i / 20))
    }
    return points
  })
}

function bezier(
  [x0 = 0, y0 = 0, x1 = 0, y1 = 0, x2 = 0, y2 = 0, x3 = 0, y3 = 0]: number[],
  t: number,
): [number, number] {
  const at = (a: number, b: number, c: number, d: number) =>
    a * (1 - t) ** 3 + 3 * b * t * (1 - t) ** 2 + 3 * c * t ** 2 * (1 - t) + d * t ** 3
  return [at(x0, x1, x2, x3), at(y0, y1, y2, y3)]
}

/** No table on another, no line on a table, all within the picture, and every tag closed. */
async function check(one: Schema): Promise<string> {
  const svg = await svgOf(one)
  const tables = tablesOf(svg)
  assert.equal(tables.length, one.tables.length)
  const [, width = 0, height = 0] = /^<svg [^>]*width="(\d+)" height="(\d+)"/.exec(svg)?.map(Number) ?? []
  for (const [i, a] of tables.entries()) {
    assert.ok(a.left >= 0 && a.top >= 0 && a.right + 32 <= width && a.bottom + 32 <= height, a.name)
    for (const b of tables.slice(i + 1)) {
      const apart = a.right < b.left || b.right < a.left || a.bottom < b.top || b.bottom < a.top
      assert.ok(apart, `${a.name} and ${b.name}`)
    }
  }
  for (const points of linesOf(svg)) {
    for (const [x, y] of points) {
      const on = tables.find(
        (t) => x > t.left + 0.2 && x < t.right - 0.2 && y > t.top + 0.2 && y < t.bottom - 0.2,
      )
      assert.equal(on?.name, undefined, `a line at ${x} ${y}`)
      assert.ok(x >= -32 && x <= width && y >= -32 && y <= height)
    }
  }
  const open: string[] = []
  for (const [, end, tag = '', whole] of svg.matchAll(/<(\/?)([a-z]+)[^<>]*?(\/?)>/g)) {
    if (end === '/') assert.equal(open.pop(), tag)
    else if (whole === '') open.push(tag)
  }
  assert.deepEqual(open, [])
  return svg
}

/** Width and height of a picture. */
function sizeOf(svg: string): number[] {
  return [...(/viewBox="0 0 (\d+) (\d+)"/.exec(svg)?.slice(1) ?? [])].map(Number)
}

describe('svgOf', () => {
  test('1 Nexflow: seven tables and four keys fit a screen', async () => {
    for (const dialect of ['sqlite', 'postgres'] as const) {
      const svg = await check(nexflow(dialect))
      assert.equal(linesOf(svg).length, 4)
      const [width = 0, height = 0] = sizeOf(svg)
      assert.ok(width <= 1280 && height <= 900, `${width} ${height}`)
      assert.ok(svg.includes('<title>sessions (user_id) → users (id) ON DELETE CASCADE</title>'))
    }
  })

  test('2 a hundred tables: none on another, in the form of a page', async () => {
    const svg = await check(hundred())
    const [width = 0, height = 0] = sizeOf(svg)
    assert.ok(width / height > 1 && width / height < 2.5, `${width} ${height}`)
  })

  test('3 a hundred tables without keys are no long row', async () => {
    const tables = Array.from({ length: 100 }, (_, i) => table(`t${i}`, [column('sqlite', 'id', 'INTEGER')]))
    const [width = 0, height = 0] = sizeOf(await check(schema('sqlite', tables)))
    assert.ok(width / height > 0.8 && width / height < 2.5, `${width} ${height}`)
  })

  test('4 a key begins and ends at its columns', async () => {
    const svg = await check(nexflow('postgres'))
    const place = new Map(tablesOf(svg).map((one) => [one.name, one]))
    const [users, sessions] = [place.get('users'), place.get('sessions')]
    const line = linesOf(svg).find(([first]) => first?.[0] === users?.right)
    // The title's height, half a line, and a line: `id` is the first column and `user_id` the second.
    assert.deepEqual(line?.[0], [users?.right, (users?.top ?? 0) + 34 + 3 + 12])
    assert.deepEqual(line?.at(-1), [sessions?.left, (sessions?.top ?? 0) + 34 + 3 + 36])
  })

  test('5 what is long is cut, and told in full', async () => {
    const long = 'x'.repeat(80)
    const svg = await check(schema('sqlite', [table(long, [column('sqlite', `${long}y`, `${long}z`)])]))
    const [box] = tablesOf(svg)
    assert.equal(box?.name, long)
    assert.ok((box?.right ?? 0) - (box?.left ?? 0) < 700)
    assert.ok(svg.includes(`<title>${long}y ${long}z NOT NULL</title>`))
    assert.ok(!svg.includes(`>${long}y<`))
  })

  test('6 any names', async () => {
    const names = ['<b>&"\'', 'a\u0000\u001b\ud800b', '数据库表', '🙂', '', '__proto__', 'constructor']
    const svg = await check(
      schema(
        'postgres',
        names.map((name, i) =>
          table(name, [column('postgres', name, name, { comment: name })], {
            foreignKeys: [key(name, names[(i + 1) % names.length] ?? '', names[(i + 1) % names.length])],
          }),
        ),
      ),
    )
    assert.doesNotMatch(svg, /(?![\n])\p{Cc}|\p{Cs}/u)
    assert.ok(svg.includes('&lt;b&gt;&amp;'))
  })

  test('7 no table at all', async () => {
    assert.match(await check(schema('sqlite', [])), /There is no table/)
  })

  test('8 property: whatever refers to whatever, no line is on a table; the same schema is the same picture', () => {
    const tables = fc
      .array(
        fc.record({
          columns: fc.integer({ min: 1, max: 12 }),
          parents: fc.array(fc.nat(11), { maxLength: 4 }),
          wide: fc.boolean(),
        }),
        { minLength: 1, maxLength: 12 },
      )
      .map((all) =>
        all.map(({ columns, parents, wide }, i) => {
          const names = Array.from({ length: columns }, (_, n) => `${wide ? 'a_very_wide_column_' : 'c'}${n}`)
          const foreignKeys = parents.map((parent, n) =>
            key(names[n % columns] ?? '', `t${parent % all.length}`, n % 2 === 0 ? 'c0' : names[0]),
          )
          return table(
            `t${i}`,
            names.map((name) => column('sqlite', name, 'TEXT', { nullable: wide })),
            { foreignKeys },
          )
        }),
      )
    return fc.assert(
      fc.asyncProperty(tables, async (all) => {
        const svg = await check(schema('sqlite', all))
        assert.equal(await svgOf(schema('sqlite', all.toReversed())), svg)
      }),
      { numRuns: 60 },
    )
  })
})
