/** A rectangle that is to be given its place. */
export interface Box {
  readonly id: string
  readonly width: number
  readonly height: number
}

/** A line from the right of one box to the left of another. */
export interface Link {
  readonly from: string
  readonly to: string
  /** Links of one port begin together, and part where they must. */
  readonly port: string
}

export interface Point {
  readonly x: number
  readonly y: number
}

/** From side to side of a column of boxes. */
export interface Sides {
  readonly left: number
  readonly right: number
}

/** A column that a line passes, at the height `y`. */
export interface Passage extends Sides {
  readonly y: number
}

/** Where a line goes, from its box to its box. Its turns are between the columns, where no box is. */
export interface Route {
  /** The columns that the two boxes stand in. */
  readonly from: Sides
  readonly to: Sides
  /** In the order of the line. */
  readonly through: readonly Passage[]
}

export interface Layout {
  readonly width: number
  readonly height: number
  /** The upper left corner of each box. */
  readonly places: ReadonlyMap<string, Point>
  /** One for each link, in their order; none for a link from a box to itself. */
  readonly routes: readonly (Route | undefined)[]
}

/** Between two columns of boxes: there is room for a line to turn. */
const COLUMN_GAP = 120
const BOX_GAP = 30
const PART_GAP = 48
/** Beside a box, for a line from it to itself. */
const LOOP = 60
/** Width by height that a drawing strives for. */
const RATIO = 1.5
/** How high a column may be that is made of boxes of one origin, as shares of the best picture's height. */
const SHARES = [0.15, 0.25, 0.4, 0.6, 0.8]
/** Where there are more boxes, no other shares are tried than this one: it takes time. */
const MANY = 300
const SHARE_OF_MANY = 0.4

/**
 * Places boxes so that links go from left to right and pass no box. What is linked stands together; the parts that
 * are not linked to each other are packed. The same boxes are always placed the same.
 */
export async function layOut(boxes: readonly Box[], links: readonly Link[]): Promise<Layout> {
  const dagre = await import('@dagrejs/dagre')
  const centers: Centers = (nodes, lines) => {
    const graph = new dagre.graphlib.Graph()
    graph.setGraph({ rankdir: 'LR', ranksep: COLUMN_GAP, nodesep: BOX_GAP })
    // Not every name can be a key of an object, such as __proto__.
    const names = new Map(nodes.map(({ id }, i) => [id, `n${i}`]))
    const name = (id: string) => names.get(id) ?? ''
    for (const { id, width, height } of nodes) graph.setNode(name(id), { width, height })
    for (const { from, to, length } of lines) graph.setEdge(name(from), name(to), { minlen: length })
    dagre.layout(graph)
    return (id) => graph.node(name(id)) as Point
  }
  const lines = links.map((link, index) => ({ ...link, index }))
  const parts = partsOf(boxes, links).map((part) => {
    const ids = new Set(part.map(({ id }) => id))
    return best(
      centers,
      part,
      lines.filter(({ from }) => ids.has(from)),
    )
  })
  return together(parts, links.length)
}

/** Gives nodes their centers, columns from left to right along the lines, each over so many columns at least. */
type Centers = (
  nodes: readonly Box[],
  lines: readonly { readonly from: string; readonly to: string; readonly length: number }[],
) => (id: string) => Point

interface Line extends Link {
  readonly index: number
}

interface Part {
  readonly first: string
  readonly width: number
  readonly height: number
  readonly places: ReadonlyMap<string, Point>
  readonly routes: ReadonlyMap<number, Route>
}

/** The boxes in groups that no link leaves. */
function partsOf(boxes: readonly Box[], links: readonly Link[]): Box[][] {
  const groups = new Map(boxes.map((box) => [box.id, [box]]))
  for (const { from, to } of links) {
    const [a = [], b = []] = [groups.get(from), groups.get(to)]
    if (a === b) continue
    const [large, small] = a.length < b.length ? [b, a] : [a, b]
    large.push(...small)
    for (const { id } of small) groups.set(id, large)
  }
  const order = new Map(boxes.map(({ id }, i) => [id, i]))
  const place = ({ id }: Box) => order.get(id) ?? 0
  return [...new Set(groups.values())].map((group) => group.sort((a, b) => place(a) - place(b)))
}

/** Many boxes that refer to one would be a tall column: they are spread over as many as make the best picture. */
function best(centers: Centers, boxes: readonly Box[], lines: readonly Line[]): Part {
  const ideal = Math.sqrt(areaOf(boxes, COLUMN_GAP, BOX_GAP) / RATIO)
  const shares = boxes.length > MANY ? [SHARE_OF_MANY] : [Number.POSITIVE_INFINITY, ...SHARES]
  const groups = leavesOf(boxes, lines)
  const spreads = shares.map((share) => spreadOf(groups, ideal * share))
  const tried = spreads.filter((spread, i) => i === 0 || sum(spread) !== sum(spreads[i - 1] ?? new Map()))
  const found = tried.map((spread) => placed(centers, boxes, lines, spread))
  return found.reduce((a, b) => (size(b) < size(a) ? b : a))
}

function areaOf(boxes: readonly Omit<Box, 'id'>[], right: number, below: number): number {
  return boxes.reduce((area, { width, height }) => area + (width + right) * (height + below), 0)
}

/** How large it must be, to be seen whole. */
function size({ width, height }: Part): number {
  return Math.max(width / RATIO, height)
}

function sum(spread: Spread): number {
  return [...spread.values()].reduce((a, b) => a + b, 0)
}

/** The boxes that no link starts from, by the boxes that they come from. */
function leavesOf(boxes: readonly Box[], lines: readonly Line[]): Box[][] {
  const inner = new Set(lines.filter(({ from, to }) => from !== to).map(({ from }) => from))
  const origins = (id: string) => lines.filter(({ to }) => to === id).map(({ from }) => from)
  const leaves = boxes.filter(({ id }) => !inner.has(id))
  return [...Map.groupBy(leaves, ({ id }) => JSON.stringify(origins(id).sort())).values()]
}

/** How many columns behind its origin a box stands. */
type Spread = ReadonlyMap<string, number>

function spreadOf(groups: readonly (readonly Box[])[], most: number): Spread {
  const spread = new Map<string, number>()
  for (const group of groups) {
    const height = group.reduce((all, box) => all + box.height + BOX_GAP, 0)
    const column = height / Math.ceil(height / most)
    let above = 0
    for (const box of group) {
      spread.set(box.id, 1 + Math.floor(above / column))
      above += box.height + BOX_GAP
    }
  }
  return spread
}

function placed(centers: Centers, boxes: readonly Box[], lines: readonly Line[], spread: Spread): Part {
  const rank = ranksOf(centers, boxes, lines, spread)
  const paths = lines.filter(({ from, to }) => from !== to).map((line) => pathOf(line, rank))
  const trunks = new Set(paths.flatMap(({ nodes }) => nodes.slice(1, -1)))
  const center = centers(
    [...boxes, ...[...trunks].map((id) => ({ id, width: 0, height: 0 }))],
    trunksInside(
      paths.flatMap(({ nodes }) =>
        nodes.slice(1).map((to, i) => ({ from: nodes[i] as string, to, length: 1 })),
      ),
      trunks,
    ),
  )
  const columns = columnsOf(boxes, center)
  const column = (id: string): Sides => columns.get(Math.round(center(id).x)) ?? { left: 0, right: 0 }
  const routes = paths.map(({ nodes, back, index }): [number, Route] => {
    const [from = '', ...rest] = back ? nodes.toReversed() : nodes
    const through = rest.slice(0, -1).map((id) => ({ ...column(id), y: center(id).y }))
    return [index, { from: column(from), to: column(rest.at(-1) ?? ''), through }]
  })
  const places = boxes.map(({ id, height }): [string, Point] => {
    return [id, { x: column(id).left, y: center(id).y - height / 2 }]
  })
  return framed(boxes, lines, new Map(places), new Map(routes))
}

/** What leads further comes in the middle of what begins at a node: so it goes on straight. */
function trunksInside<T extends { from: string; to: string }>(
  lines: readonly T[],
  trunks: ReadonlySet<string>,
): T[] {
  return [...Map.groupBy(lines, ({ from }) => from).values()].flatMap((group) => {
    const [on, off] = [true, false].map((is) => group.filter(({ to }) => trunks.has(to) === is))
    const half = Math.ceil((off?.length ?? 0) / 2)
    return [...(off?.slice(0, half) ?? []), ...(on ?? []), ...(off?.slice(half) ?? [])]
  })
}

/** The column of each box, counted from the left. */
function ranksOf(
  centers: Centers,
  boxes: readonly Box[],
  lines: readonly Line[],
  spread: Spread,
): (id: string) => number {
  const others = lines.filter(({ from, to }) => from !== to)
  const center = centers(
    boxes,
    others.map(({ from, to }) => ({ from, to, length: spread.get(to) ?? 1 })),
  )
  const columns = [...columnsOf(boxes, center).keys()].sort((a, b) => a - b)
  return (id) => columns.indexOf(Math.round(center(id).x))
}

/** From box to box, with a node in each column between them, which the lines of a port share. */
function pathOf({ from, to, port, index }: Line, rank: (id: string) => number) {
  const back = rank(from) > rank(to)
  const [first, last] = back ? [to, from] : [from, to]
  // What goes back comes from a table of its own: nothing can be shared.
  const key = back ? [first, last, index] : [first, port]
  const between = Array.from({ length: rank(last) - rank(first) - 1 }, (_, i) => {
    return JSON.stringify([...key, rank(first) + 1 + i])
  })
  return { nodes: [first, ...between, last], back, index }
}

/** The sides of each column, by its middle. */
function columnsOf(boxes: readonly Box[], center: (id: string) => Point): Map<number, Sides> {
  const columns = new Map<number, Sides>()
  for (const { id, width } of boxes) {
    const { x } = center(id)
    const { left, right } = columns.get(Math.round(x)) ?? { left: x, right: x }
    columns.set(Math.round(x), { left: Math.min(left, x - width / 2), right: Math.max(right, x + width / 2) })
  }
  return columns
}

/** Moved to the upper left, with its size. */
function framed(
  boxes: readonly Box[],
  lines: readonly Line[],
  places: ReadonlyMap<string, Point>,
  routes: ReadonlyMap<number, Route>,
): Part {
  const loops = new Set(lines.filter(({ from, to }) => from === to).map(({ from }) => from))
  const ends = boxes.map(({ id, width, height }) => {
    const { x, y } = places.get(id) ?? { x: 0, y: 0 }
    return { left: x, right: x + width + (loops.has(id) ? LOOP : 0), top: y, bottom: y + height }
  })
  const heights = [...routes.values()].flatMap(({ through }) => through.map(({ y }) => y))
  const left = Math.min(...ends.map((one) => one.left))
  const top = Math.min(...ends.map((one) => one.top), ...heights)
  const width = Math.max(...ends.map((one) => one.right)) - left
  const height = Math.max(...ends.map((one) => one.bottom), ...heights) - top
  return moved({ first: boxes[0]?.id ?? '', width, height, places, routes }, -left, -top)
}

function moved(part: Part, dx: number, dy: number): Part {
  const sides = ({ left, right }: Sides) => ({ left: left + dx, right: right + dx })
  const places = [...part.places].map(([id, { x, y }]) => [id, { x: x + dx, y: y + dy }] as const)
  const routes = [...part.routes].map(([index, { from, to, through }]): [number, Route] => {
    const passages = through.map((passage) => ({ ...sides(passage), y: passage.y + dy }))
    return [index, { from: sides(from), to: sides(to), through: passages }]
  })
  return { ...part, places: new Map(places), routes: new Map(routes) }
}

/** Packs the parts, the tallest first, each as high up as it fits. */
function together(parts: readonly Part[], links: number): Layout {
  const order = [...parts].sort((a, b) => b.height - a.height || (a.first < b.first ? -1 : 1))
  const area = areaOf(order, PART_GAP, PART_GAP)
  const limit = Math.max(...order.map(({ width }) => width), Math.sqrt(area * RATIO * 1.05))
  let skyline: readonly Step[] = [{ x: 0, y: 0 }]
  const done = order.map((part) => {
    const at = lowest(skyline, part.width, limit)
    skyline = raised(skyline, at.x, at.x + part.width + PART_GAP, at.y + part.height + PART_GAP)
    return { at, part: moved(part, at.x, at.y) }
  })
  const routes = new Map(done.flatMap(({ part }) => [...part.routes]))
  return {
    width: Math.max(0, ...done.map(({ at, part }) => at.x + part.width)),
    height: Math.max(0, ...done.map(({ at, part }) => at.y + part.height)),
    places: new Map(done.flatMap(({ part }) => [...part.places])),
    routes: Array.from({ length: links }, (_, i) => routes.get(i)),
  }
}

/** From `x` to the next step's, all is taken down to `y`. */
type Step = Point

/** The place nearest to the top where so much width is free. */
function lowest(skyline: readonly Step[], width: number, limit: number): Point {
  const free = skyline
    .filter(({ x }) => x === 0 || x + width <= limit)
    .map(({ x }) => ({ x, y: Math.max(...under(skyline, x, x + width).map(({ y }) => y)) }))
  return free.reduce((a, b) => (b.y < a.y ? b : a), free[0] ?? { x: 0, y: 0 })
}

function under(skyline: readonly Step[], from: number, to: number): Step[] {
  return skyline.filter(({ x }, i) => x < to && (skyline[i + 1]?.x ?? Number.POSITIVE_INFINITY) > from)
}

function raised(skyline: readonly Step[], from: number, to: number, y: number): Step[] {
  const behind = under(skyline, from, to).at(-1)?.y ?? 0
  const rest = skyline.filter(({ x }) => x < from || x > to)
  const end = skyline.find(({ x }) => x === to) ?? { x: to, y: behind }
  return [...rest, { x: from, y }, end].sort((a, b) => a.x - b.x)
}
