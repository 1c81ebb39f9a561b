import { get, post } from '../api.js'
import { action, announce, choice, field, h, idOf, pill, time } from '../dom.js'
import { href, submitTo } from '../router.js'
import { nextPage, table, tableRow } from '../table.js'
import { why } from '../why.js'
import { counted, spaced } from '../words.js'

/** @typedef {import('../../../ops/webhooks.ts').WebhookListing} WebhookListing */

const dispositions = ['applied', 'ignored', 'parked', 'quarantined', 'refetched', 'released']

/** What Stripe has said, and what became of it. @type {import('../router.js').View} */
export async function webhooksView({ query, signal }) {
  const disposition = query.get('disposition') ?? ''
  /** @type {{ items: WebhookListing[], next_cursor: string | null }} */
  const { items, next_cursor } = await get(
    '/webhooks',
    { disposition, cursor: query.get('cursor'), limit: 25 },
    signal,
  )
  const form = h(
    'form',
    { class: 'filter' },
    field('What became of it', choice('webhooks-disposition', disposition, dispositions)),
    h('button', { id: 'webhooks-filter', type: 'submit' }, 'Filter'),
  )
  return {
    title: 'Webhooks',
    content: [
      submitTo(form, '/webhooks'),
      h(
        'p',
        { class: 'hint', role: 'status' },
        `${counted(items.length, 'event')} on this page, newest first.`,
      ),
      table('Webhooks', columns, items, { empty: 'No event is like that.', hideCaption: true }),
      nextPage(next_cursor, (cursor) => href('/webhooks', { disposition, cursor })),
    ],
  }
}

/** @type {import('../table.js').Column<WebhookListing>[]} */
const columns = [
  { head: 'Event', cell: ({ event_id }) => idOf(event_id, { what: 'event id' }), key: true },
  { head: 'Type', cell: ({ type }) => type },
  {
    head: 'Became',
    cell: ({ event_id, disposition }) => why(pill(disposition), 'stripe_events', event_id, 'disposition'),
  },
  { head: 'Reason', cell: ({ reason }) => reason && spaced(reason), text: true },
  { head: 'Again', cell: retry },
  {
    head: 'Tenant',
    cell: ({ tenant_id }) =>
      tenant_id && idOf(tenant_id, { href: href(`/tenants/${tenant_id}`), what: 'tenant id' }),
  },
  { head: 'Customer', cell: ({ customer_id }) => customer_id && idOf(customer_id, { what: 'customer id' }) },
  { head: 'Object', cell: ({ object_id }) => idOf(object_id, { what: 'object id' }) },
  { head: 'Received', cell: ({ received_at }) => time(received_at) },
]

/** @param {WebhookListing} webhook */
function retry({ event_id, disposition }) {
  if (disposition !== 'parked' && disposition !== 'quarantined') return null
  const again = async () => {
    /** @type {WebhookListing} */
    const judged = await post(`/webhooks/${encodeURIComponent(event_id)}/retry`)
    if (judged.disposition === disposition) throw new Error(`It is ${disposition} still.`)
    announce(`The event is ${judged.disposition} now`)
    const row = tableRow(columns, judged)
    row.tabIndex = -1
    button.closest('tr')?.replaceWith(row)
    row.focus()
  }
  const button = action('Try again', again, { 'aria-label': `Try again: ${event_id}` })
  return button
}
