import { h, pill, time } from '../dom.js'
import { table } from '../table.js'
import { why } from '../why.js'
import { grouped, money, periodOf, spaced } from '../words.js'

/** @typedef {import('../../../ops/tenants.ts').TenantView} TenantView */
/** @typedef {import('../dom.js').Child} Child */

/**
 * Columns whose cells tell why.
 * @template {Record<string, unknown>} T
 * @param {string} tableName
 * @param {keyof T & string} key
 */
function columnsOf(tableName, key) {
  /**
   * @param {string} head
   * @param {keyof T & string} column
   * @param {(value: any, row: T) => Child} [shown]
   * @param {{ number?: boolean }} [options]
   * @returns {import('../table.js').Column<T>}
   */
  return (head, column, shown = String, { number = false } = {}) => ({
    head,
    number,
    key: column === key,
    cell: (row) =>
      row[column] === null
        ? null
        : why(shown(row[column], row), tableName, String(row[key]), column === key ? undefined : column),
  })
}

/** @param {string} id */
const code = (id) => h('code', { title: id }, id)
/** @param {number} flag */
const yesNo = (flag) => (flag ? 'yes' : 'no')

/** @param {TenantView['subscriptions']} rows */
export function subscriptionTable(rows) {
  /** @type {ReturnType<typeof columnsOf<TenantView['subscriptions'][number]>>} */
  const column = columnsOf('billing_subscriptions', 'subscription_id')
  return table(
    'Subscriptions',
    [
      column('Subscription', 'subscription_id', code),
      column('Status', 'status', pill),
      column('Plan', 'plan_id'),
      column('Price', 'amount_cents', (cents, { currency }) => money(cents, currency), { number: true }),
      column('Every', 'billing_interval', (_interval, row) => periodOf(row)),
      column('Trial ends', 'trial_ends_at', time),
      column('Period ends', 'current_period_end', time),
      column('Cancels at its end', 'cancel_at_period_end', yesNo),
      column('Paused', 'is_paused', yesNo),
      column('Ended', 'ended_at', time),
    ],
    rows,
    { empty: 'No subscription.', hideCaption: true },
  )
}

/** Discounts as the subscriptions carry them. @param {TenantView['subscriptions']} subscriptions */
export function discountTable(subscriptions) {
  const rows = subscriptions.flatMap(({ subscription_id, discounts, currency }) =>
    JSON.parse(discounts).map((/** @type {Record<string, any>} */ discount) => ({
      subscription_id,
      currency,
      discount,
    })),
  )
  return table(
    'Discounts',
    [
      { head: 'Coupon', cell: ({ discount }) => code(discount.coupon_id), key: true },
      {
        head: 'Off',
        cell: ({ discount, currency, subscription_id }) =>
          why(
            discount.percent_off === null
              ? money(discount.amount_off_cents, currency)
              : `${discount.percent_off} %`,
            'billing_subscriptions',
            subscription_id,
            'discounts',
          ),
        number: true,
      },
      { head: 'For', cell: ({ discount }) => discount.duration },
      { head: 'Until', cell: ({ discount }) => discount.ends_at && time(discount.ends_at) },
      { head: 'On', cell: ({ subscription_id }) => code(subscription_id) },
    ],
    rows,
    { empty: 'No discount.', hideCaption: true },
  )
}

/** @param {TenantView['invoices']} rows */
export function invoiceTable(rows) {
  /** @type {ReturnType<typeof columnsOf<TenantView['invoices'][number]>>} */
  const column = columnsOf('billing_invoices', 'invoice_id')
  /** @param {number} cents @param {{ currency: string }} row */
  const amount = (cents, { currency }) => money(cents, currency)
  return table(
    'Invoices',
    [
      column('Invoice', 'invoice_id', code),
      column('Number', 'number'),
      column('Status', 'status', pill),
      column('Because of', 'billing_reason', spaced),
      column('Total', 'total_cents', amount, { number: true }),
      column('Paid', 'amount_paid_cents', amount, { number: true }),
      column('Open', 'amount_remaining_cents', amount, { number: true }),
      column('Refunded', 'refunded_cents', amount, { number: true }),
      column('Disputed', 'disputed_cents', amount, { number: true }),
      column('Dispute', 'dispute_status', pill),
      column('Attempts', 'attempt_count', String, { number: true }),
      column('Failed', 'payment_failed_at', time),
      column('Paid at', 'paid_at', time),
      column('Made', 'created_at', time),
    ],
    rows,
    { empty: 'No invoice.', hideCaption: true },
  )
}

/** @param {TenantView['payment_methods']} rows */
export function paymentMethodTable(rows) {
  /** @type {ReturnType<typeof columnsOf<TenantView['payment_methods'][number]>>} */
  const column = columnsOf('billing_payment_methods', 'payment_method_id')
  return table(
    'Payment methods',
    [
      column('Payment method', 'payment_method_id', code),
      column('Type', 'type'),
      column('Brand', 'brand'),
      column('Ends in', 'last4'),
      column('Expires', 'exp_month', (month, { exp_year }) => `${month}/${exp_year}`),
      column('Detached', 'detached_at', time),
    ],
    rows,
    { empty: 'No payment method.', hideCaption: true },
  )
}

/** @param {TenantView['unbilled']} unbilled @param {string | null | undefined} currency */
export function unbilledTable({ lines, amount_cents }, currency) {
  return table(
    `Not billed yet: ${money(amount_cents, currency)}`,
    [
      { head: 'Type', cell: ({ usage_type }) => spaced(usage_type), key: true },
      { head: 'Quantity', cell: ({ quantity }) => grouped(quantity), number: true },
      { head: 'Amount', cell: (line) => money(line.amount_cents, currency), number: true },
    ],
    lines,
    { empty: 'Everything is billed.' },
  )
}
