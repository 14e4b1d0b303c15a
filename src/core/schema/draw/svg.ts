import { type Column, type ForeignKey, nameOf, type Schema, type Table } from '../model.ts'
import { type Box, type Layout, layOut, type Point, type Route, type Sides } from './layout.ts'
import { endsOf, marksOf, sameName, shortType, tableOf, wholeTables } from './marks.ts'

/**
 * Draws the tables and keys as an SVG picture, for light and dark screens, without anything from outside of it. A key
 * goes from the column that it refers to, on the left, to its own, and has the color of the table it refers to.
 */
export async function svgOf(schema: Schema): Promise<string> {
  const tables = wholeTables(schema).map(drawn)
  const byName = new Map(tables.map((one) => [one.id, one]))
  const keys = tables.flatMap((child) =>
    child.table.foreignKeys.flatMap((key): Drawn[] => {
      const to = tableOf(schema, key.to)
      const parent = to && byName.get(nameOf(to))
      return parent === undefined ? [] : [{ key, parent, child }]
    }),
  )
  const layout = await layOut(
    tables,
    keys.map(({ key, parent, child }) => {
      return { from: parent.id, to: child.id, port: key.references[0] ?? '' }
    }),
  )
  const colors = colorsOf(tables, keys)
  return picture(schema, layout, [
    ...keys.map((key, i) => keyPicture(key, layout, i, colors.get(key.parent.id) ?? 0)),
    ...tables.map((one) => tablePicture(one, layout, colors.get(one.id))),
  ])
}

interface DrawnTable extends Box {
  readonly table: Table
  readonly marks: readonly (readonly string[])[]
}

/** A foreign key with the tables at its ends. */
interface Drawn {
  readonly key: ForeignKey
  readonly parent: DrawnTable
  readonly child: DrawnTable
}

const TITLE = 34
const ROW = 24
const PAD = 12
const MARK = 22
const MARGIN = 32
/** Characters of a name and of a type that are shown at most. */
const LONGEST = 40
const LONGEST_TYPE = 30

/** The width of a character in fonts of one width, by font size: Menlo and DejaVu Sans Mono have the widest. */
const CHARACTER = 0.6023
/** Characters that take the place of two. */
const WIDE =
  /[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{1f300}-\u{1faff}\u{20000}-\u{3fffd}]/u

const SIZE = 13

function cells(text: string): number {
  return [...text].reduce((sum, character) => sum + (WIDE.test(character) ? 2 : 1), 0)
}

function textWidth(text: string, size = SIZE): number {
  return cells(text) * CHARACTER * size
}

function clipped(text: string, most: number): string {
  if (cells(text) <= most) return text
  const characters = [...text]
  while (cells(characters.join('')) >= most) characters.pop()
  return `${characters.join('')}…`
}

function drawn(table: Table): DrawnTable {
  const marks = table.columns.map(({ name }) => marksOf(table, name))
  const rows = table.columns.map(
    (column) => textWidth(clipped(column.name, LONGEST)) + 28 + textWidth(typeText(column)),
  )
  const title = textWidth(clipped(nameOf(table), LONGEST), SIZE + 1)
  const width = Math.max(title, markWidth(marks) + Math.max(0, ...rows), 120) + 2 * PAD
  return {
    id: nameOf(table),
    table,
    marks,
    width: Math.ceil(width),
    height: TITLE + ROW * table.columns.length + 6,
  }
}

function markWidth(marks: DrawnTable['marks']): number {
  const most = Math.max(0, ...marks.map(({ length }) => length))
  return most === 0 ? 0 : most * (MARK + 4) + 4
}

function typeText(column: Column): string {
  return `${clipped(shortType(column), LONGEST_TYPE)}${column.nullable ? ' null' : ''}`
}

const COLORS = [
  ['#2563eb', '#60a5fa'],
  ['#b45309', '#fbbf24'],
  ['#047857', '#34d399'],
  ['#be185d', '#f472b6'],
  ['#6d28d9', '#a78bfa'],
  ['#0e7490', '#22d3ee'],
  ['#4d7c0f', '#a3e635'],
  ['#b91c1c', '#f87171'],
] as const

/** A color for each table that something refers to. */
function colorsOf(tables: readonly DrawnTable[], keys: readonly Drawn[]): Map<string, number> {
  const parents = new Set(keys.map(({ parent }) => parent.id))
  const ids = tables.map(({ id }) => id).filter((id) => parents.has(id))
  return new Map(ids.map((id, i) => [id, i % COLORS.length]))
}

const STYLE = `
    text { font: ${SIZE}px ui-monospace, 'SF Mono', Menlo, Consolas, 'DejaVu Sans Mono', 'Liberation Mono', monospace; white-space: pre; fill: #0f172a }
    .back { fill: #f8fafc }
    .box { fill: #ffffff; stroke: #94a3b8 }
    .bar { fill: #334155 }
    .title { font-size: ${SIZE + 1}px; font-weight: 600; fill: #ffffff }
    .line { stroke: #e2e8f0 }
    .type { fill: #64748b }
    .mark { font-size: 10px; font-weight: 700; text-anchor: middle; fill: #475569 }
    .badge { fill: #e2e8f0 }
    .key { fill: none; stroke-width: 1.5 }
    .key:hover { stroke-width: 3.5 }
    .hole { fill: #f8fafc; stroke-width: 1.5 }
${COLORS.map(([light], i) => `    .c${i} { stroke: ${light} } .s${i} { fill: ${light} }`).join('\n')}
    @media (prefers-color-scheme: dark) {
      text { fill: #e2e8f0 }
      .back, .hole { fill: #0f172a }
      .box { fill: #1e293b; stroke: #475569 }
      .bar { fill: #334155 }
      .title { fill: #f8fafc }
      .line { stroke: #334155 }
      .type { fill: #94a3b8 }
      .mark { fill: #cbd5e1 }
      .badge { fill: #475569 }
${COLORS.map(([, dark], i) => `      .c${i} { stroke: ${dark} } .s${i} { fill: ${dark} }`).join('\n')}
    }
  `

function picture(schema: Schema, layout: Layout, parts: readonly string[]): string {
  const [width, height] = [layout.width, layout.height].map((one) => Math.ceil(one + 2 * MARGIN))
  const names = wholeTables(schema).map(nameOf).join(', ')
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img" aria-labelledby="title desc">`,
    '  <title id="title">Tables and keys</title>',
    `  <desc id="desc">${escaped(names === '' ? 'There is no table.' : names)}</desc>`,
    `  <style>${STYLE}</style>`,
    `  <rect class="back" width="${width}" height="${height}"/>`,
    `  <g transform="translate(${MARGIN} ${MARGIN})">`,
    ...parts,
    '  </g>',
    '</svg>\n',
  ].join('\n')
}

function tablePicture(
  { id, table, marks, width, height }: DrawnTable,
  layout: Layout,
  color?: number,
): string {
  const { x, y } = layout.places.get(id) ?? { x: 0, y: 0 }
  const comment = table.comment === undefined ? '' : `: ${table.comment}`
  return [
    `  <g transform="translate(${round(x)} ${round(y)})">`,
    `    <title>${escaped(`${id}${comment}`)}</title>`,
    `    <rect class="box" width="${width}" height="${height}" rx="6"/>`,
    `    <path class="bar" d="M0 ${TITLE}V6Q0 0 6 0H${width - 6}Q${width} 0 ${width} 6V${TITLE}Z"/>`,
    ...(color === undefined
      ? []
      : [`    <rect class="s${color}" y="${TITLE - 3}" width="${width}" height="3"/>`]),
    `    <text class="title" x="${PAD}" y="21">${escaped(clipped(id, LONGEST))}</text>`,
    ...table.columns.map((column, i) => rowPicture(column, i, marks, width)),
    '  </g>',
  ].join('\n')
}

function rowPicture(column: Column, i: number, marks: DrawnTable['marks'], width: number): string {
  const top = TITLE + 3 + i * ROW
  const base = top + 16.5
  const badges = (marks[i] ?? []).map((mark, n) => {
    const x = PAD + n * (MARK + 4)
    return `<rect class="badge" x="${x}" y="${top + 4.5}" width="${MARK}" height="15" rx="3"/><text class="mark" x="${x + MARK / 2}" y="${top + 15.5}">${mark}</text>`
  })
  const name = `<text x="${round(PAD + markWidth(marks))}" y="${base}">${escaped(clipped(column.name, LONGEST))}</text>`
  const type = `<text class="type" text-anchor="end" x="${width - PAD}" y="${base}">${escaped(typeText(column))}</text>`
  const line = i === 0 ? '' : `<path class="line" d="M1 ${top}H${width - 1}"/>`
  return `    <g><title>${escaped(columnTitle(column))}</title>${line}${badges.join('')}${name}${type}</g>`
}

function columnTitle({ name, type, nullable, default: given, comment }: Column): string {
  const facts = [
    name,
    type,
    nullable ? 'NULL' : 'NOT NULL',
    ...(given === undefined ? [] : [`DEFAULT ${given}`]),
  ]
  return `${facts.filter((fact) => fact !== '').join(' ')}${comment === undefined ? '' : `: ${comment}`}`
}

/** From a box, the length of what stands at the end of a key, and of what must be straight. */
const END = 12
const STRAIGHT = 18

function keyPicture({ key, parent, child }: Drawn, layout: Layout, i: number, color: number): string {
  const start = port(parent, key.references[0], layout)
  const end = port(child, key.columns[0], layout)
  const route = layout.routes[i]
  const rightward = route === undefined || route.from.left < route.to.left
  const [from, to] = rightward ? [start.right, end.left] : [start.left, end.right]
  const path = route === undefined ? loop(start.right, end.right) : curve(from, to, route, rightward)
  const { optional, many } = endsOf(child.table, key)
  const out = rightward ? 1 : -1
  const into = route === undefined ? end.right : to
  return [
    `  <g class="key c${color}">`,
    `    <title>${escaped(keyTitle(key, child.table))}</title>`,
    `    <path d="${path}"/>`,
    oneEnd(from, out, optional),
    manyEnd(into, route === undefined ? 1 : -out, many),
    '  </g>',
  ].join('\n')
}

function keyTitle({ columns, to, references, onDelete, onUpdate }: ForeignKey, table: Table): string {
  return [
    `${nameOf(table)} (${columns.join(', ')}) → ${nameOf(to)} (${references.join(', ')})`,
    ...(onDelete === 'NO ACTION' ? [] : [`ON DELETE ${onDelete}`]),
    ...(onUpdate === 'NO ACTION' ? [] : [`ON UPDATE ${onUpdate}`]),
  ].join(' ')
}

/** Where a column's row meets the sides of its table. */
function port({ id, table, width }: DrawnTable, column: string | undefined, layout: Layout) {
  const { x, y } = layout.places.get(id) ?? { x: 0, y: 0 }
  const row = table.columns.findIndex(({ name }) => sameName(name, column ?? ''))
  const height = y + (row === -1 ? TITLE / 2 : TITLE + 3 + (row + 0.5) * ROW)
  return { left: { x, y: height }, right: { x: x + width, y: height } }
}

/** Straight past the boxes, turning in between. */
function curve(
  from: Point,
  to: Point,
  { from: first, to: last, through }: Route,
  rightward: boolean,
): string {
  const ahead = (passage: Sides) => (rightward ? passage.right : passage.left)
  const back = (passage: Sides) => (rightward ? passage.left : passage.right)
  const out = rightward ? STRAIGHT : -STRAIGHT
  const stops = [
    ...through.map((passage) => ({ in: back(passage), out: ahead(passage), y: passage.y })),
    { in: back(last) - out, out: to.x, y: to.y },
  ]
  let path = `M${at(from)}H${round(ahead(first) + out)}`
  let before = { x: ahead(first) + out, y: from.y }
  for (const stop of stops) {
    const middle = (before.x + stop.in) / 2
    path += `C${at({ x: middle, y: before.y })} ${at({ x: middle, y: stop.y })} ${at({ x: stop.in, y: stop.y })}H${round(stop.out)}`
    before = { x: stop.out, y: stop.y }
  }
  return path
}

/** From a table to itself. */
function loop(from: Point, to: Point): string {
  const [start, end] = from.y === to.y ? [from.y - 5, to.y + 5] : [from.y, to.y]
  const out = Math.max(from.x, to.x) + STRAIGHT
  return `M${at({ x: from.x, y: start })}H${round(out)}C${at({ x: out + 24, y: start })} ${at({ x: out + 24, y: end })} ${at({ x: out, y: end })}H${round(to.x)}`
}

/** A bar: one row; with a ring: or none. */
function oneEnd({ x, y }: Point, out: number, optional: boolean): string {
  const bar = `    <path d="M${at({ x: x + out * 5, y: y - 5 })}V${round(y + 5)}"/>`
  return optional ? `${bar}<circle class="hole" cx="${round(x + out * END)}" cy="${round(y)}" r="3.5"/>` : bar
}

/** A crow's foot: many rows; a bar: one. */
function manyEnd({ x, y }: Point, out: number, many: boolean): string {
  if (!many) return `    <path d="M${at({ x: x + out * 5, y: y - 5 })}V${round(y + 5)}"/>`
  const foot = [-6, 6].map((dy) => `M${at({ x: x + out * END, y })}L${at({ x, y: y + dy })}`)
  return `    <path d="${foot.join('')}"/>`
}

function at({ x, y }: Point): string {
  return `${round(x)} ${round(y)}`
}

function round(n: number): number {
  return Math.round(n * 10) / 10
}

/** What XML cannot hold is left out. */
function escaped(text: string): string {
  return text
    .replace(/(?![\t\n\r])\p{Cc}|\p{Cs}|[\ufffe\uffff]/gu, '\ufffd')
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
}
