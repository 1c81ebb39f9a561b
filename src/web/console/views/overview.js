import { get, readiness } from '../api.js'
import { h, pill } from '../dom.js'
import { href } from '../router.js'
import { drawStatechart, heatOf, populationRows, sessionsLink } from '../statechart.js'
import { table } from '../table.js'
import { clock, counted, explained, grouped, placeName } from '../words.js'

const refreshMs = 10_000

/** How the service is, and where all sessions are. @type {import('../router.js').View} */
export async function overviewView({ signal }) {
  let chart = await get('/statechart', {}, signal)
  const drawing = await drawStatechart(
    chart,
    'The onboarding statechart, with the sessions at each place; the table has the same numbers',
    { withEvents: false },
  )
  const health = h('li', null, ...tileParts('Service', '…', ''))
  const tiles = h('ul', { class: 'tiles' })
  const places = h('div')
  const notice = h('p', { class: 'hint', role: 'status' })

  const paint = async () => {
    const [counts, stuck] = await Promise.all([
      get('/overview', {}, signal),
      get('/sessions', { stuck: true, limit: 100 }, signal),
    ])
    drawing.heat(chart.population)
    tiles.replaceChildren(health, ...tilesOf(counts, stuck, chart.quarantined))
    places.replaceChildren(placesTable(chart))
    // Not waited for: it takes its time when Stripe does not answer.
    void paintHealth(health, counts)
  }
  await paint()

  const timer = setInterval(async () => {
    if (document.hidden || places.contains(document.activeElement) || tiles.contains(document.activeElement))
      return
    try {
      chart = await get('/statechart', {}, signal)
      await paint()
      if (notice.textContent) notice.textContent = ''
    } catch (error) {
      if (!signal.aborted) notice.textContent = `The numbers are not fresh: ${explained(error)}`
    }
  }, refreshMs)
  signal.addEventListener('abort', () => clearInterval(timer))

  return {
    title: 'Overview',
    content: [
      tiles,
      notice,
      h('h2', null, 'Where the sessions are'),
      h('div', { class: 'beside' }, drawing.element, places),
    ],
  }
}

/**
 * @typedef {{ log_position: number, effects: Record<string, number>, timers: number, webhooks: Record<string, number>,
 *   retrying: { count: number, since: string | null, last_error: string | null },
 *   stripe: { requests: number, errors: number } | null }} Counts
 */

/**
 * @param {Counts} counts
 * @param {{ items: unknown[], next_cursor: string | null }} stuck
 * @param {number} quarantined
 */
function tilesOf({ log_position, effects, retrying, timers, webhooks, stripe }, stuck, quarantined) {
  return [
    tile('Log position', h('a', { href: href('/log') }, grouped(log_position)), 'facts so far'),
    tile(
      'Stuck sessions',
      h(
        'a',
        { href: href('/sessions', { stuck: true }) },
        `${stuck.items.length}${stuck.next_cursor ? '+' : ''}`,
      ),
      quarantined === 0 ? 'none quarantined' : `${grouped(quarantined)} quarantined`,
      stuck.items.length > 0,
    ),
    stripe &&
      tile(
        'Stripe errors',
        stripe.requests === 0 ? '–' : `${Math.round((100 * stripe.errors) / stripe.requests)} %`,
        `${grouped(stripe.errors)} of ${counted(stripe.requests, 'request')} of this instance in 5 minutes`,
        stripe.errors > 0,
      ),
    tile(
      'Calls retried',
      h('a', { href: href('/effects', { retrying: true }) }, grouped(retrying.count)),
      retrying.since === null
        ? 'none has failed'
        : `the oldest since ${clock(retrying.since)}. ${retrying.last_error ?? ''}`,
      retrying.count > 0,
    ),
    tile(
      'Calls pending',
      h(
        'a',
        { href: href('/effects', { status: 'pending', waits_for: 'stripe' }) },
        grouped(effects.pending ?? 0),
      ),
      'the retried ones included',
    ),
    tile(
      'Calls failed',
      h('a', { href: href('/effects', { status: 'failed' }) }, grouped(effects.failed ?? 0)),
      'refused by Stripe',
      Boolean(effects.failed),
    ),
    tile(
      'Timers',
      h('a', { href: href('/effects', { status: 'pending', waits_for: 'time' }) }, grouped(timers)),
      'wait for their time alone',
    ),
    ...['parked', 'quarantined'].map((disposition) =>
      tile(
        `Webhooks ${disposition}`,
        h('a', { href: href('/webhooks', { disposition }) }, grouped(webhooks[disposition] ?? 0)),
        disposition === 'parked' ? 'customer not known yet' : 'contradict what is known',
        Boolean(webhooks[disposition]),
      ),
    ),
  ].filter((one) => one !== null)
}

/**
 * Ready is said only where Stripe does its part too: its health check may be answered while our calls are not.
 * @param {HTMLLIElement} tile
 * @param {Counts} counts
 */
async function paintHealth(tile, { retrying, stripe }) {
  try {
    const { status, checks } = await readiness()
    const broken = Object.entries(checks).flatMap(([name, { ok, message }]) =>
      ok ? [] : [`${name}: ${message ?? 'not ok'}`],
    )
    const isAway = retrying.count > 0 || (stripe?.errors ?? 0) * 10 > (stripe?.requests ?? 0)
    if (isAway && broken.length === 0) broken.push('calls to Stripe fail')
    const hint = broken.join('; ') || 'database, migrations and Stripe answer'
    tile.classList.toggle('care', broken.length > 0)
    tile.replaceChildren(
      ...tileParts('Service', pill(isAway && status === 'ready' ? 'degraded' : status), hint),
    )
  } catch (error) {
    tile.replaceChildren(...tileParts('Service', pill('unavailable'), explained(error)))
  }
}

/** @param {string} name @param {import('../dom.js').Child} value @param {string} hint @param {boolean} [needsCare] */
const tile = (name, value, hint, needsCare = false) =>
  h('li', { class: needsCare && 'care' }, ...tileParts(name, value, hint))

/** @param {string} name @param {import('../dom.js').Child} value @param {string} hint */
const tileParts = (name, value, hint) => [
  h('span', { class: 'tile-name' }, name),
  h('span', { class: 'tile-value' }, value),
  h('span', { class: 'hint' }, hint),
]

/** @param {import('../statechart.js').Statechart} chart */
function placesTable(chart) {
  const rows = populationRows(chart)
  const most = Math.max(1, ...rows.map(({ count }) => count))
  const total = rows.reduce((sum, { count }) => sum + count, 0)
  return table(
    `${counted(total, 'session')} by place`,
    [
      { head: 'Place', cell: ({ place }) => placeName(place), key: true },
      {
        head: 'Sessions',
        cell: ({ status, count }) =>
          h('span', { class: 'heat', 'data-heat': heatOf(count, most) }, sessionsLink(status, count)),
        number: true,
      },
    ],
    rows,
  )
}
