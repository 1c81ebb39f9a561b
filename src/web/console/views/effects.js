import { get, post } from '../api.js'
import { action, announce, choice, field, h, idOf, pill, time } from '../dom.js'
import { href, submitTo } from '../router.js'
import { nextPage, table, tableRow } from '../table.js'
import { counted, spaced } from '../words.js'

/** @typedef {import('../../../ops/effects.ts').EffectListing} EffectListing */

/** The outbox: calls to Stripe, and apart from them what waits for its time. @type {import('../router.js').View} */
export async function effectsView({ query, signal }) {
  const status = query.get('status') ?? ''
  const retrying = query.get('retrying') === 'true'
  const waits_for = query.get('waits_for') ?? (retrying ? '' : 'stripe')
  /** @type {{ items: EffectListing[], next_cursor: string | null }} */
  const { items, next_cursor } = await get(
    '/effects',
    { status, waits_for, retrying: retrying || null, cursor: query.get('cursor'), limit: 25 },
    signal,
  )
  const form = h(
    'form',
    { class: 'filter' },
    field('Waits for', choice('effects-waits_for', waits_for, ['stripe', 'time'])),
    field('State', choice('effects-status', status, ['pending', 'done', 'failed'])),
    h(
      'div',
      { class: 'field check' },
      h('input', {
        id: 'effects-retrying',
        name: 'retrying',
        type: 'checkbox',
        value: 'true',
        checked: retrying,
      }),
      h('label', { for: 'effects-retrying' }, 'Retried only'),
    ),
    h('button', { id: 'effects-filter', type: 'submit' }, 'Filter'),
  )
  return {
    title: 'Effects',
    content: [
      submitTo(form, '/effects'),
      h(
        'p',
        { class: 'hint', role: 'status' },
        `${counted(items.length, 'effect')} on this page, newest first.`,
      ),
      table('Effects', columns, items, { empty: 'No effect is like that.', hideCaption: true }),
      nextPage(next_cursor, (cursor) => href('/effects', { status, waits_for, retrying, cursor })),
    ],
  }
}

/** @type {import('../table.js').Column<EffectListing>[]} */
const columns = [
  { head: 'Effect', cell: ({ effect_id }) => idOf(effect_id, { what: 'effect id' }), key: true },
  { head: 'Kind', cell: ({ kind }) => spaced(kind) },
  { head: 'State', cell: ({ status }) => pill(status) },
  { head: 'Tries', cell: ({ attempts }) => attempts, number: true },
  { head: 'Last error', cell: ({ last_error }) => last_error, text: true },
  { head: 'Again', cell: retry },
  { head: 'Due', cell: ({ due_at }) => time(due_at) },
  { head: 'Being done until', cell: ({ claimed_until }) => claimed_until && time(claimed_until) },
  {
    head: 'Tenant',
    cell: ({ tenant_id }) =>
      tenant_id && idOf(tenant_id, { href: href(`/tenants/${tenant_id}`), what: 'tenant id' }),
  },
  { head: 'Asked for', cell: ({ created_at }) => time(created_at) },
]

/** @param {EffectListing} effect */
function retry({ effect_id, status, kind }) {
  // A session's timer that is carried out early does nothing; there is nothing to gain from it.
  if (status !== 'pending' || kind === 'expire_session') return null
  const again = async () => {
    /** @type {EffectListing} */
    const tried = await post(`/effects/${encodeURIComponent(effect_id)}/retry`)
    announce(`The effect is ${tried.status}`)
    const row = tableRow(columns, tried)
    row.tabIndex = -1
    button.closest('tr')?.replaceWith(row)
    row.focus()
  }
  const button = action('Try now', again, { 'aria-label': `Try now: ${effect_id}` })
  return button
}
