import { h, svg } from './dom.js'
import { labelLines, layoutOf, lineHeight } from './layout.js'
import { href } from './router.js'
import { counted, placeName, spaced } from './words.js'

/**
 * @typedef {import('../../ops/statechart.ts').Statechart} Statechart
 * @typedef {{ type: string, place: string | null }} Step
 * @typedef {{ element: HTMLElement, heat: (population: Record<string, number>) => void,
 *   light: (path: readonly Step[]) => void }} Drawing
 */

/**
 * The statechart as a picture. `heat` colours places by how many sessions are there, `light` shows one session's way.
 * Whoever draws it says the same in words beside it.
 * @param {Statechart} chart
 * @param {string} label
 * @param {{ withEvents?: boolean }} [options] whether the lines have names
 * @returns {Promise<Drawing>}
 */
export async function drawStatechart({ machine_version, graph }, label, { withEvents = true } = {}) {
  const { width, height, boxes, edges } = await layoutOf(machine_version, graph, withEvents)
  /** @type {Map<string, SVGGElement>} */
  const places = new Map()
  /** @type {Map<string, SVGTextElement>} */
  const numbers = new Map()
  const compounds = new Set(graph.states.map(({ parent }) => parent))

  const lines = edges.map((edge) => ({
    edge,
    node: svg(
      'g',
      { class: `line${edge.isQuiet ? ' quiet' : ''}` },
      svg('path', {
        d: edge.points.map(({ x, y }, index) => `${index === 0 ? 'M' : 'L'}${round(x)} ${round(y)}`).join(''),
        'marker-end': 'url(#arrow)',
      }),
      edge.label &&
        svg(
          'text',
          null,
          ...labelLines(edge).map((line, index) =>
            svg(
              'tspan',
              { x: round(edge.label?.x ?? 0), y: round((edge.label?.y ?? 0) + lineHeight * (index + 0.8)) },
              line,
            ),
          ),
        ),
      svg(
        'title',
        null,
        `${labelLines(edge).join(', ')}: ${placeName(edge.source)} to ${placeName(edge.target)}`,
      ),
    ),
  }))
  const states = graph.states.map(({ key, parent, type }) => {
    const { x, y, width: w, height: h } = boxes.get(key) ?? { x: 0, y: 0, width: 0, height: 0 }
    const isCompound = compounds.has(key)
    const name = spaced(isCompound || parent === null ? key : key.slice(parent.length + 1))
    const box = svg('rect', {
      x: round(x),
      y: round(y),
      width: round(w),
      height: round(h),
      rx: type === 'final' ? 19 : 6,
    })
    const title = svg(
      'text',
      { class: 'name', x: round(x + 12), y: round(y + (isCompound ? 19 : h / 2 + 4)) },
      name,
    )
    if (isCompound)
      return { under: svg('g', { class: 'compound' }, box), over: svg('g', { class: 'compound' }, title) }
    const number = svg('text', { class: 'number', x: round(x + w - 10), y: round(y + h / 2 + 5) })
    const over = svg('g', { class: `place ${type}` }, box, title, number)
    places.set(key, over)
    numbers.set(key, number)
    return { under: '', over }
  })
  const picture = svg(
    'svg',
    {
      class: 'statechart',
      viewBox: `0 0 ${width} ${height}`,
      width,
      height,
      role: 'img',
      'aria-label': label,
    },
    svg(
      'defs',
      null,
      svg(
        'marker',
        {
          id: 'arrow',
          viewBox: '0 0 8 8',
          refX: 7,
          refY: 4,
          markerUnits: 'userSpaceOnUse',
          markerWidth: 7,
          markerHeight: 7,
          orient: 'auto',
        },
        svg('path', { d: 'M0 0L8 4L0 8z' }),
      ),
    ),
    // Lines pass over a group, and under its name.
    ...states.map(({ under }) => under),
    ...lines.map(({ node }) => node),
    ...states.map(({ over }) => over),
  )

  const element = h(
    'div',
    { class: 'scroll chart', tabindex: 0, role: 'region', 'aria-label': label },
    picture,
  )

  return {
    element,
    heat(population) {
      const most = Math.max(1, ...Object.values(population))
      for (const [place, node] of places) {
        const count = population[place] ?? 0
        node.dataset.heat = String(heatOf(count, most))
        const number = numbers.get(place)
        if (number) number.textContent = count === 0 ? '' : String(count)
      }
    },
    light(path) {
      const way = path.map(({ place }) => place)
      const visited = new Set(way)
      const current = way.at(-1)
      for (const [place, node] of places) {
        node.classList.toggle('visited', visited.has(place))
        node.classList.toggle('current', place === current)
      }
      center(element, boxes.get(current ?? ''))
      for (const { edge, node } of lines)
        node.classList.toggle(
          'taken',
          path.some(
            ({ type, place }, index) =>
              place === edge.target &&
              (way[index - 1] ?? 'new') === edge.source &&
              edge.events.includes(type),
          ),
        )
    },
  }
}

/** Scrolls the picture, and not the page. @param {HTMLElement} element @param {import('./layout.js').Box | undefined} box */
function center(element, box) {
  if (!box) return
  // The picture may not be in the page yet.
  requestAnimationFrame(() =>
    element.scrollTo({
      left: box.x + (box.width - element.clientWidth) / 2,
      top: box.y + (box.height - element.clientHeight) / 2,
    }),
  )
}

/** 0 to 4, by the logarithm, so that one session is seen beside ten thousand. @param {number} count @param {number} most */
export function heatOf(count, most) {
  return count === 0 ? 0 : Math.max(1, Math.ceil((4 * Math.log(count + 1)) / Math.log(most + 1)))
}

/** The same in a table: what the picture shows by colour. @param {Statechart} chart */
export function populationRows({ graph, population }) {
  const compounds = new Set(graph.states.map(({ parent }) => parent))
  return graph.states
    .filter(({ key }) => !compounds.has(key) && (key !== 'new' || population.new))
    .map(({ key }) => ({ place: key, status: key.split('.')[0] ?? key, count: population[key] ?? 0 }))
}

/** @param {string} status @param {number} count */
export const sessionsLink = (status, count) =>
  count === 0
    ? '0'
    : h(
        'a',
        {
          href: href('/sessions', { status }),
          'aria-label': `${counted(count, 'session')}, ${spaced(status)}`,
        },
        count,
      )

/** @param {number} value */
const round = (value) => Math.round(value * 10) / 10
