import { get } from '../api.js'
import { field, h, idOf, pill, time } from '../dom.js'
import { href, submitTo } from '../router.js'
import { nextPage, table } from '../table.js'
import { counted } from '../words.js'

/** @type {import('../router.js').View} */
export async function tenantsView({ query, signal }) {
  const text = query.get('query') ?? ''
  /** @type {{ items: import('../../../ops/tenants.ts').TenantListing[], next_cursor: string | null }} */
  const { items, next_cursor } = await get(
    '/tenants',
    { query: text, cursor: query.get('cursor'), limit: 25 },
    signal,
  )
  const form = h(
    'form',
    { class: 'filter' },
    field(
      'Name, company, e-mail, invoice number or id',
      h('input', { id: 'tenants-query', name: 'query', type: 'search', value: text, spellcheck: 'false' }),
      'Of ids (session, cus_…, sub_…, in_…) the beginning is enough.',
    ),
    h('button', { id: 'tenants-filter', type: 'submit' }, 'Search'),
  )
  return {
    title: 'Tenants',
    content: [
      submitTo(form, '/tenants'),
      h(
        'p',
        { class: 'hint', role: 'status' },
        `${counted(items.length, 'tenant')} on this page, newest first.`,
      ),
      table(
        'Tenants',
        [
          {
            head: 'Tenant',
            cell: ({ tenant_id }) =>
              idOf(tenant_id, { href: href(`/tenants/${tenant_id}`), what: 'tenant id' }),
            key: true,
          },
          {
            head: 'Name',
            cell: ({ name, erased_at }) => (erased_at ? ['Erased ', time(erased_at)] : name),
          },
          { head: 'Company', cell: ({ company_name }) => company_name, text: true },
          { head: 'E-mail', cell: ({ email }) => email },
          { head: 'Subscription', cell: ({ subscription_status }) => pill(subscription_status) },
          { head: 'Plan', cell: ({ plan_id }) => plan_id },
          { head: 'Sessions', cell: ({ sessions }) => sessions, number: true },
          { head: 'Since', cell: ({ created_at }) => time(created_at) },
        ],
        items,
        { empty: 'No tenant is like that.', hideCaption: true },
      ),
      nextPage(next_cursor, (cursor) => href('/tenants', { query: text, cursor })),
    ],
  }
}
