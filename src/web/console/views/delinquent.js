import { get } from '../api.js'
import { h, idOf, time } from '../dom.js'
import { href } from '../router.js'
import { nextPage, table } from '../table.js'
import { counted, lasting, money } from '../words.js'
import { accessShown, declineShown, retryButtons } from './dunning.js'

/** @typedef {import('../../../ops/delinquents.ts').Delinquent} Delinquent */

/** Who owes what could not be collected. @type {import('../router.js').View} */
export async function delinquentView({ query, signal }) {
  /** @type {{ items: Delinquent[], next_cursor: string | null }} */
  const { items, next_cursor } = await get(
    '/tenants/delinquent',
    { cursor: query.get('cursor'), limit: 25 },
    signal,
  )
  return {
    title: 'Delinquent tenants',
    content: [
      h(
        'p',
        { class: 'hint', role: 'status' },
        `${counted(items.length, 'tenant')} on this page with an open invoice whose payment has failed, the latest to begin first.`,
      ),
      table('Delinquent tenants', columns, items, {
        empty: 'Everybody has paid what could be collected.',
        hideCaption: true,
      }),
      nextPage(next_cursor, (cursor) => href('/delinquent', { cursor })),
    ],
  }
}

/** @type {import('../table.js').Column<Delinquent>[]} */
const columns = [
  {
    head: 'Tenant',
    cell: ({ tenant_id }) => idOf(tenant_id, { href: href(`/tenants/${tenant_id}`), what: 'tenant id' }),
    key: true,
  },
  {
    head: 'Owes',
    cell: ({ owed }) => owed.map(({ amount_cents, currency }) => money(amount_cents, currency)).join(', '),
    number: true,
  },
  {
    head: 'For',
    cell: ({ failing_for_seconds, failing_since }) =>
      h('time', { datetime: failing_since, title: failing_since }, lasting(failing_for_seconds)),
  },
  { head: 'Last declined as', cell: ({ last_decline_code }) => declineShown(last_decline_code) },
  { head: 'Next attempt', cell: ({ next_attempt_at }) => next_attempt_at && time(next_attempt_at) },
  { head: 'Access', cell: accessShown },
  { head: 'Collect', cell: ({ invoices }) => retryButtons(invoices) },
]
