import { get } from '../api.js'
import { choice, field, h, idOf, pill, time } from '../dom.js'
import { href, submitTo } from '../router.js'
import { nextPage, table } from '../table.js'
import { counted, placeName } from '../words.js'

/** @typedef {import('../../../ops/sessions.ts').SessionListing} SessionListing */

/** Sessions by state. @type {import('../router.js').View} */
export async function sessionsView({ query, signal }) {
  const status = query.get('status') ?? ''
  const tenant_id = query.get('tenant_id') ?? ''
  const stuck = query.get('stuck') === 'true'
  const cursor = query.get('cursor')
  /** @type {[{ items: SessionListing[], next_cursor: string | null }, import('../statechart.js').Statechart]} */
  const [{ items, next_cursor }, { graph }] = await Promise.all([
    get('/sessions', { status, tenant_id, stuck: stuck || null, cursor, limit: 25 }, signal),
    get('/statechart', {}, signal),
  ])
  const statuses = graph.states.filter((one) => one.parent === null && !one.is_initial).map(({ key }) => key)
  const form = h(
    'form',
    { class: 'filter' },
    field('State', choice('sessions-status', status, statuses)),
    field(
      'Tenant',
      h('input', {
        id: 'sessions-tenant_id',
        name: 'tenant_id',
        value: tenant_id,
        placeholder: 'the whole id',
        spellcheck: 'false',
      }),
    ),
    h(
      'div',
      { class: 'field check' },
      h('input', { id: 'sessions-stuck', name: 'stuck', type: 'checkbox', value: 'true', checked: stuck }),
      h('label', { for: 'sessions-stuck' }, 'Stuck only'),
    ),
    h('button', { id: 'sessions-filter', type: 'submit' }, 'Filter'),
  )
  return {
    title: 'Sessions',
    content: [
      submitTo(form, '/sessions'),
      h(
        'p',
        { class: 'hint', role: 'status' },
        `${counted(items.length, 'session')} on this page, newest first.`,
      ),
      sessionTable('Sessions', items),
      nextPage(next_cursor, (next) => href('/sessions', { status, tenant_id, stuck, cursor: next })),
    ],
  }
}

/** @param {string} caption @param {SessionListing[]} rows @param {{ withTenant?: boolean }} [options] */
export function sessionTable(caption, rows, { withTenant = true } = {}) {
  /** @type {import('../table.js').Column<SessionListing>[]} */
  const columns = [
    {
      head: 'Session',
      cell: ({ session_id }) =>
        idOf(session_id, { href: href(`/sessions/${session_id}`), what: 'session id' }),
      key: true,
    },
    {
      head: 'State',
      cell: ({ status, is_quarantined }) => [pill(status), is_quarantined && pill('quarantined')],
    },
    { head: 'Place', cell: ({ position }) => placeName(position) },
    { head: 'Facts', cell: ({ version }) => version, number: true },
    { head: 'Changed', cell: ({ updated_at }) => time(updated_at) },
    { head: 'Begun', cell: ({ created_at }) => time(created_at) },
  ]
  if (withTenant)
    columns.splice(1, 0, {
      head: 'Tenant',
      cell: ({ tenant_id }) => idOf(tenant_id, { href: href(`/tenants/${tenant_id}`), what: 'tenant id' }),
    })
  return table(caption, columns, rows, { empty: 'No session is like that.', hideCaption: true })
}
