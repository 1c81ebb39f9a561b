/**
 * @typedef {import('../../ops/statechart.ts').Statechart['graph']} Graph
 * @typedef {{ x: number, y: number, width: number, height: number }} Box
 * @typedef {{ source: string, target: string, events: string[], isQuiet: boolean }} Edge transitions between the same two places
 * @typedef {Edge & { points: { x: number, y: number }[], label: Box | null }} DrawnEdge
 * @typedef {{ width: number, height: number, boxes: Map<string, Box>, edges: DrawnEdge[] }} Layout
 */

export const lineHeight = 13
const characterWidth = 6.1

/** Ends that nearly every place leads to: their names on every line would hide the rest. */
const quiet = ['onboarding.cancelled', 'onboarding.expired']

/** @type {Map<string, Promise<Layout>>} */
const layouts = new Map()

/**
 * Places and lines, computed by ELK in a worker, once per machine.
 * @param {string} version
 * @param {Graph} graph
 * @param {boolean} withEvents whether there is room for the names on the lines
 */
export function layoutOf(version, graph, withEvents) {
  const key = `${version} ${withEvents}`
  const known = layouts.get(key)
  if (known) return known
  const made = compute(graph, withEvents)
  layouts.set(key, made)
  made.catch(() => layouts.delete(key))
  return made
}

/** @param {Graph} graph @param {boolean} withEvents @returns {Promise<Layout>} */
async function compute(graph, withEvents) {
  const edges = edgesOf(graph)
  const elk = await engine()
  /** @type {import('elkjs/lib/elk-api.js').ElkNode} */
  const asked = {
    id: 'onboarding',
    layoutOptions: {
      'elk.algorithm': 'layered',
      'elk.direction': 'DOWN',
      'elk.hierarchyHandling': 'INCLUDE_CHILDREN',
      'elk.json.shapeCoords': 'ROOT',
      'elk.json.edgeCoords': 'ROOT',
      'elk.spacing.nodeNode': '24',
      'elk.spacing.edgeNode': '12',
      'elk.spacing.edgeLabel': '3',
      'elk.layered.spacing.nodeNodeBetweenLayers': withEvents ? '30' : '22',
      'elk.layered.spacing.edgeNodeBetweenLayers': '12',
      'elk.padding': '[top=8,left=8,bottom=8,right=8]',
    },
    children: childrenOf(graph, null),
    edges: edges.map((edge, index) => ({
      id: String(index),
      sources: [edge.source],
      targets: [edge.target],
      ...(withEvents && !edge.isQuiet && { labels: [{ text: labelOf(edge), ...sizeOf(edge) }] }),
    })),
  }
  const root = /** @type {import('elkjs/lib/elk-api.js').ElkNode} */ (await elk.layout(asked))
  /** @type {Map<string, Box>} */
  const boxes = new Map()
  /** @param {import('elkjs/lib/elk-api.js').ElkNode} node */
  const collect = (node) => {
    boxes.set(node.id, boxOf(node))
    for (const child of node.children ?? []) collect(child)
  }
  for (const child of root.children ?? []) collect(child)
  return {
    width: Math.ceil(root.width ?? 0),
    height: Math.ceil(root.height ?? 0),
    boxes,
    edges: (root.edges ?? []).flatMap(({ id, sections = [], labels = [] }) => {
      const edge = edges[Number(id)]
      const label = labels[0]
      return edge === undefined
        ? []
        : sections.map(({ startPoint, bendPoints = [], endPoint }) => ({
            ...edge,
            points: [startPoint, ...bendPoints, endPoint],
            label: label ? boxOf(label) : null,
          }))
    }),
  }
}

/** @param {Graph} graph @param {string | null} parent @returns {import('elkjs/lib/elk-api.js').ElkNode[]} */
function childrenOf(graph, parent) {
  return graph.states
    .filter((state) => state.parent === parent)
    .map(({ key }) => {
      const children = childrenOf(graph, key)
      return children.length === 0
        ? { id: key, width: 168, height: 38 }
        : { id: key, children, layoutOptions: { 'elk.padding': '[top=30,left=12,bottom=12,right=12]' } }
    })
}

/** One line for all transitions between two places. What stays where it is has none. @param {Graph} graph @returns {Edge[]} */
function edgesOf({ transitions, states }) {
  /** @type {Map<string, Edge>} */
  const edges = new Map()
  for (const { source, target, event } of transitions) {
    if (source === target) continue
    const isQuiet = quiet.includes(event)
    // Into a compound state is into its first place.
    const first = states.find(({ parent, is_initial }) => parent === target && is_initial)
    const end = first?.key ?? target
    const key = `${source} ${end} ${isQuiet}`
    const edge = edges.get(key) ?? { source, target: end, events: [], isQuiet }
    edges.set(key, edge)
    if (!edge.events.includes(event)) edge.events.push(event)
  }
  return [...edges.values()]
}

/** @param {Edge} edge */
export const labelLines = ({ events }) =>
  events.map((event) => event.replace(/^.*\./, '').replaceAll('_', ' '))
/** @param {Edge} edge */
const labelOf = (edge) => labelLines(edge).join('\n')
/** @param {Edge} edge */
const sizeOf = (edge) => ({
  width: Math.max(...labelLines(edge).map(({ length }) => length)) * characterWidth,
  height: edge.events.length * lineHeight,
})

/** @param {import('elkjs/lib/elk-api.js').ElkShape} shape @returns {Box} */
const boxOf = ({ x = 0, y = 0, width = 0, height = 0 }) => ({ x, y, width, height })

/** @type {import('elkjs/lib/elk-api.js').ELK | undefined} */
let elk

/** ELK is a script that sets a global; its work is done in a worker, so that the page stays quick. */
async function engine() {
  if (elk) return elk
  const script = '/console/vendor/elk-api.js'
  await import(script)
  const { ELK } = /** @type {{ ELK: typeof import('elkjs/lib/elk-api.js').default }} */ (
    /** @type {unknown} */ (globalThis)
  )
  elk = new ELK({ workerUrl: '/console/vendor/elk-worker.min.js' })
  return elk
}
