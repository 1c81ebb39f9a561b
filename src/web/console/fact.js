import { h, idOf, time } from './dom.js'
import { factData } from './fact-data.js'
import { href } from './router.js'

/**
 * @typedef {{ position: number, stream: string, version: number, fact_id: string, type: string,
 *   tenant_id: string | null, data: Record<string, unknown>, metadata: Record<string, unknown>,
 *   about: string | null, occurred_at: string, recorded_at: string, hash?: string }} Fact
 */

/**
 * A fact in one line that opens to all of it. `note`: what it led to.
 * @param {Fact} fact
 * @param {{ note?: import('./dom.js').Child, isOpen?: boolean, withTenant?: boolean }} [options]
 */
export function factItem(fact, { note, isOpen = false, withTenant = false } = {}) {
  const { position, type, tenant_id, stream, version, fact_id, about, metadata } = fact
  const [family = '', name = ''] = type.split('.')
  const more = h('div', { class: 'more' })
  const fill = () => {
    if (more.childElementCount > 0) return
    more.append(
      h(
        'dl',
        { class: 'pairs' },
        ...pair('Fact', idOf(fact_id, { what: 'fact id' })),
        ...pair(
          'Stream',
          h('a', { href: href('/log', { stream }) }, h('code', null, stream)),
          ` version ${version}`,
        ),
        ...pair(
          'Tenant',
          tenant_id && idOf(tenant_id, { href: href(`/tenants/${tenant_id}`), what: 'tenant id' }),
        ),
        ...pair('By', h('code', null, String(metadata.actor ?? ''))),
        ...pair('Recorded', time(fact.recorded_at)),
      ),
      factData(fact),
    )
  }
  const details = h(
    'details',
    {
      class: `fact ${family}${/failed|declined|expired/.test(`${name} ${about}`) ? ' bad' : ''}`,
      'data-position': position,
      ontoggle: fill,
    },
    h(
      'summary',
      null,
      h('span', { class: 'position' }, position),
      h('span', { class: 'type' }, h('span', { class: 'family' }, `${family}.`), name),
      about && h('span', { class: 'because' }, about),
      note && h('span', { class: 'note' }, note),
      h(
        'span',
        { class: 'when' },
        withTenant && tenant_id && h('code', { class: 'short', title: tenant_id }, tenant_id),
        time(fact.occurred_at),
      ),
    ),
    more,
  )
  if (isOpen) {
    fill()
    details.open = true
  }
  return h('li', null, details)
}

/** @param {string} term @param {...import('./dom.js').Child} description */
export function pair(term, ...description) {
  return [
    h('dt', null, term),
    h('dd', null, ...(description[0] ? description : [h('span', { class: 'none' }, '–')])),
  ]
}
