import { get } from '../api.js'
import { h, idOf, pill, time } from '../dom.js'
import { factItem, pair } from '../fact.js'
import { latestFacts } from '../latest-facts.js'
import { href } from '../router.js'
import { usageCharts } from '../usage-chart.js'
import { why } from '../why.js'
import { money, spaced } from '../words.js'
import { sessionTable } from './sessions.js'
import { accessPart } from './tenant-access.js'
import { monthsPart } from './tenant-months.js'
import {
  discountTable,
  invoiceTable,
  paymentMethodTable,
  subscriptionTable,
  unbilledTable,
} from './tenant-tables.js'

/** @typedef {import('../../../ops/tenants.ts').TenantView} TenantView */

const shownFacts = 50

/** All of a tenant, each value with the facts behind it. @type {import('../router.js').View} */
export async function tenantView({ id, signal }) {
  /** @type {[TenantView, { log_position: number }]} */
  const [tenant, overview] = await Promise.all([
    get(`/tenants/${encodeURIComponent(id)}`, {}, signal),
    get('/overview', {}, signal),
  ])
  const facts = await latestFacts(
    { tenant_id: id },
    { upTo: overview.log_position, count: shownFacts, signal },
  )
  return {
    title: `Tenant ${tenant.person?.name ?? tenant.tenant_id}`,
    heading: ['Tenant ', idOf(tenant.tenant_id, { what: 'tenant id' })],
    content: [
      h('p', { class: 'hint' }, 'Click a value to see the facts that made it.'),
      tenant.erased_at &&
        h('p', { class: 'hint' }, 'Erased ', time(tenant.erased_at), ': nothing personal is left of it.'),
      tenant.person && part('Person', personList(tenant.person)),
      part('Status', statusList(tenant)),
      part('Access', accessPart(tenant)),
      part('Sessions', sessionTable('Sessions', tenant.sessions, { withTenant: false })),
      part('Subscriptions', subscriptionTable(tenant.subscriptions)),
      part('Discounts', discountTable(tenant.subscriptions)),
      part('Invoices', invoiceTable(tenant.invoices)),
      part('Payment methods', paymentMethodTable(tenant.payment_methods)),
      part('Months', monthsPart(tenant, currencyOf(tenant))),
      part('Usage', usageCharts(tenant, signal)),
      part('Not billed yet', unbilledTable(tenant.unbilled, currencyOf(tenant))),
      part(
        facts.length < shownFacts ? 'Facts' : `The last ${shownFacts} facts`,
        h('ol', { class: 'facts' }, ...facts.map((fact) => factItem(fact))),
        h('p', null, h('a', { href: href('/log', { tenant_id: id }) }, 'All its facts in the log')),
      ),
    ],
  }
}

/** @param {string} title @param {...import('../dom.js').Child} content */
function part(title, ...content) {
  const id = `part-${title.toLowerCase().replaceAll(' ', '-')}`
  return h('section', { 'aria-labelledby': id }, h('h2', { id }, title), ...content)
}

/** What a tenant is billed in. @param {Pick<TenantView, 'subscriptions' | 'invoices'>} tenant */
const currencyOf = ({ subscriptions, invoices }) => subscriptions[0]?.currency ?? invoices[0]?.currency

/** @param {NonNullable<TenantView['person']>} person */
function personList(person) {
  const names = /** @type {const} */ (['name', 'company_name', 'email', 'phone'])
  return h(
    'dl',
    { class: 'pairs standing' },
    ...names.flatMap((name) =>
      pair(spaced(name), person[name] && why(person[name], 'people', person.tenant_id, name)),
    ),
  )
}

/** The nine fields of the billing status, each with what it is read from. @param {TenantView} tenant */
function statusList({ status, customer, subscriptions, invoices }) {
  const of = subscriptions.find((one) => one.status === status.subscription_status) ?? subscriptions[0]
  const currency = currencyOf({ subscriptions, invoices })
  const owed = invoices.find(
    ({ amount_remaining_cents, status: one }) => one === 'open' && amount_remaining_cents > 0,
  )
  /** @param {import('../dom.js').Child} shown @param {string} column */
  const subscription = (shown, column) =>
    of ? why(shown, 'billing_subscriptions', of.subscription_id, column) : shown
  /** @param {import('../dom.js').Child} shown @param {string} column */
  const ofCustomer = (shown, column) =>
    customer ? why(shown, 'billing_customers', customer.customer_id, column) : shown
  /** @param {import('../dom.js').Child} shown */
  const ofInvoice = (shown) =>
    owed ? why(shown, 'billing_invoices', owed.invoice_id, 'amount_remaining_cents') : shown
  return h(
    'dl',
    { class: 'pairs standing' },
    ...pair(
      'customer_id',
      status.customer_id && ofCustomer(h('code', null, status.customer_id), 'customer_id'),
    ),
    ...pair('has_active_subscription', subscription(yesNo(status.has_active_subscription), 'status')),
    ...pair('subscription_status', subscription(pill(status.subscription_status), 'status')),
    ...pair(
      'trial_ends_at',
      status.trial_ends_at && subscription(time(status.trial_ends_at), 'trial_ends_at'),
    ),
    ...pair(
      'current_period_end',
      status.current_period_end && subscription(time(status.current_period_end), 'current_period_end'),
    ),
    ...pair(
      'is_delinquent',
      owed ? ofInvoice(yesNo(status.is_delinquent)) : subscription(yesNo(status.is_delinquent), 'status'),
    ),
    ...pair('outstanding_balance_cents', ofInvoice(money(status.outstanding_balance_cents, currency))),
    ...pair(
      'next_invoice_amount_cents',
      status.next_invoice_amount_cents !== null &&
        subscription(money(status.next_invoice_amount_cents, currency), 'amount_cents'),
    ),
    ...pair(
      'payment_method_configured',
      ofCustomer(yesNo(status.payment_method_configured), 'default_payment_method_id'),
    ),
  )
}

/** @param {boolean} value */
const yesNo = (value) => (value ? 'yes' : 'no')
