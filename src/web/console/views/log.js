import { get, urlOf } from '../api.js'
import { announce, field, h } from '../dom.js'
import { factItem } from '../fact.js'
import { latestFacts } from '../latest-facts.js'
import { href, submitTo } from '../router.js'
import { counted } from '../words.js'

/** @typedef {import('../fact.js').Fact} Fact */

const pageSize = 50
/** More would make the page slow; what has gone is under "Earlier facts". */
const keptRows = 500
const announceMs = 2000

/** The log, newest first; live while nobody has paused it or looks at an earlier page. @type {import('../router.js').View} */
export async function logView({ query, signal }) {
  const filter = {
    stream: query.get('stream') ?? '',
    tenant_id: query.get('tenant_id') ?? '',
    type: query.get('type') ?? '',
  }
  const asked = Number(query.get('upTo'))
  const { log_position } = await get('/overview', {}, signal)
  const upTo = asked > 0 ? Math.min(asked, log_position) : log_position
  const facts = await latestFacts(filter, { upTo, count: pageSize, signal })
  const list = h(
    'ol',
    { class: 'facts' },
    ...facts.map((fact) => factItem(fact, { withTenant: true, isOpen: fact.position === asked })),
  )
  const oldest = facts.at(-1)
  return {
    title: 'Log',
    content: [
      submitTo(filterForm(filter), '/log'),
      asked > 0
        ? h(
            'p',
            { class: 'hint' },
            `Up to position ${upTo}. `,
            h('a', { href: href('/log', filter) }, 'To the end, live'),
          )
        : liveBar(filter, list, upTo, signal),
      facts.length === 0 && h('p', { class: 'empty', id: 'log-empty' }, 'No fact is like that yet.'),
      list,
      facts.length === pageSize &&
        oldest &&
        h(
          'p',
          { class: 'pages' },
          h('a', { href: href('/log', { ...filter, upTo: oldest.position - 1 }) }, 'Earlier facts'),
        ),
    ],
  }
}

/** @param {Record<'stream' | 'tenant_id' | 'type', string>} filter */
function filterForm({ stream, tenant_id, type }) {
  /** @param {string} name @param {string} value @param {string} placeholder */
  const input = (name, value, placeholder) =>
    h('input', { id: `log-${name}`, name, value, placeholder, spellcheck: 'false', autocomplete: 'off' })
  return h(
    'form',
    { class: 'filter' },
    field('Stream', input('stream', stream, 'billing-…')),
    field('Tenant', input('tenant_id', tenant_id, 'Jeturing_…')),
    field('Type', input('type', type, 'onboarding.started')),
    h('button', { id: 'log-filter', type: 'submit' }, 'Filter'),
  )
}

/**
 * Follows the log from `after` on into the list.
 * @param {Record<string, string>} filter
 * @param {HTMLOListElement} list
 * @param {number} after
 * @param {AbortSignal} signal
 */
function liveBar(filter, list, after, signal) {
  const state = h('span', { class: 'live', id: 'log-state' })
  let position = after
  let fresh = 0
  /** @type {EventSource | undefined} */
  let source

  /** @param {MessageEvent<string>} event */
  const add = ({ data }) => {
    /** @type {Fact} */
    const fact = JSON.parse(data)
    // A connection that broke begins again where the browser thinks it was.
    if (fact.position <= position) return
    position = fact.position
    document.querySelector('#log-empty')?.remove()
    const item = factItem(fact, { withTenant: true })
    item.classList.add('fresh')
    list.prepend(item)
    while (list.childElementCount > keptRows) list.lastElementChild?.remove()
    fresh += 1
  }
  const connect = () => {
    state.textContent = 'Connecting…'
    source = new EventSource(urlOf('/events/stream', { ...filter, after: position }))
    source.addEventListener('open', () => {
      state.textContent = 'Live'
    })
    source.addEventListener('message', add)
    source.addEventListener('error', () => {
      state.textContent = 'Connecting again…'
    })
  }
  const pause = h(
    'button',
    {
      type: 'button',
      id: 'log-pause',
      onclick: () => {
        if (source) {
          source.close()
          source = undefined
          state.textContent = 'Paused'
          pause.textContent = 'Go live'
        } else {
          connect()
          pause.textContent = 'Pause'
        }
        announce(state.textContent ?? '')
      },
    },
    'Pause',
  )
  const telling = setInterval(() => {
    if (fresh > 0) announce(counted(fresh, 'new fact'))
    fresh = 0
  }, announceMs)
  signal.addEventListener('abort', () => {
    clearInterval(telling)
    source?.close()
  })
  connect()
  return h('p', { class: 'live-bar' }, pause, state)
}
