import fc from 'fast-check'
import type { NewFact } from '../../src/log/facts.ts'
import type { StripeObjectType } from '../../src/stripe/object-types.ts'
import { epoch, observed, type RawObject, stripeEvent, usageRecorded } from './facts.ts'

/** Length of a billing period, seconds. */
const period = 1000

/**
 * What happened at Stripe to a tenant's objects, as it may be seen: every change as a webhook, some asked for as
 * well. `usage` comes first in the log; `sightings` may come in any order, and each more than once.
 */
export type History = { usage: NewFact[]; sightings: NewFact[] }

export const histories: fc.Arbitrary<History> = fc
  .record({
    customer: lives({ of: ['updated'], end: 'deleted' }),
    subscription: lives({ of: ['active', 'past_due', 'trialing', 'paused'], end: 'deleted' }),
    invoices: fc.array(lives({ of: ['open', 'failed', 'open'], end: 'paid' }), { maxLength: 3 }),
    item: lives({ of: ['updated'], end: 'deleted' }),
    paymentMethods: fc.array(lives({ of: ['updated'], end: 'detached' }), { maxLength: 2 }),
    product: lives({ of: ['updated'], end: 'deleted' }),
    price: lives({ of: ['updated'], end: 'deleted' }),
    coupon: lives({ of: ['updated'], end: 'deleted' }),
    promotionCode: lives({ of: ['updated'] }),
    usageSeconds: fc.array(fc.integer({ min: 0, max: 3 * period }), { maxLength: 12 }),
  })
  .map((lives) => ({
    usage: lives.usageSeconds.flatMap((seconds, index) => {
      const recorded = usageRecorded(`usg_${index}`, seconds, { quantity: 1 + (seconds % 7) })
      return [{ ...recorded, fact_id: `usage-${index}` }]
    }),
    sightings: [
      ...seen('customer', 'customer', 'cus_1', lives.customer, customer),
      ...seen('customer.subscription', 'subscription', 'sub_1', lives.subscription, subscription),
      ...lives.invoices.flatMap((life, index) =>
        seen('invoice', 'invoice', `in_${index}`, life, invoice(index)),
      ),
      ...seen('invoiceitem', 'invoiceitem', 'ii_1', lives.item, invoiceItem),
      ...lives.paymentMethods.flatMap((life, index) =>
        seen('payment_method', 'payment_method', `pm_${index}`, life, paymentMethod),
      ),
      ...seen('product', 'product', 'prod_1', lives.product, product, null),
      ...seen('price', 'price', 'price_1', lives.price, price, null),
      ...seen('coupon', 'coupon', 'coupon_1', lives.coupon, coupon, null),
      ...seen('promotion_code', 'promotion_code', 'promo_1', lives.promotionCode, promotionCode, null),
    ],
  }))

type Change = { name: string; pauseSeconds: number; value: number; isAsked: boolean }

function lives({ of, end }: { of: string[]; end?: string }): fc.Arbitrary<Change[]> {
  const change = (names: string[]) =>
    fc.record({
      name: fc.constantFrom(...names),
      pauseSeconds: fc.integer({ min: 1, max: 500 }),
      value: fc.integer({ min: 0, max: 1000 }),
      isAsked: fc.boolean(),
    })
  const middle = fc.array(change(of), { maxLength: 5 })
  const last = end === undefined ? fc.constant([]) : fc.array(change([end]), { maxLength: 1 })
  return fc
    .tuple(middle, last)
    .map(([changes, ending]) => [
      { name: 'created', pauseSeconds: 1, value: 0, isAsked: true },
      ...changes,
      ...ending,
    ])
}

type Shape = (id: string, change: Change, isExpanded: boolean, seconds: number) => RawObject

function seen(
  eventPrefix: string,
  objectType: StripeObjectType,
  id: string,
  life: Change[],
  shape: Shape,
  tenantId?: null,
): NewFact[] {
  const options = tenantId === null ? { tenantId } : {}
  let seconds = 0
  return life.flatMap((change, index) => {
    seconds += change.pauseSeconds
    const name = eventNames[change.name] ?? 'updated'
    const eventId = `evt_${id}_${index}`
    const event = stripeEvent(
      `${eventPrefix}.${name}`,
      objectType,
      shape(id, change, false, seconds),
      seconds,
      { ...options, eventId },
    )
    if (!change.isAsked) return [event]
    const isDeleted = change.name === 'deleted' && objectType !== 'subscription'
    const answer = isDeleted ? { id, deleted: true } : shape(id, change, true, seconds)
    return [
      event,
      { ...observed(objectType, answer, seconds, { ...options, isDeleted }), fact_id: `answer-${eventId}` },
    ]
  })
}

const eventNames: Record<string, string> = {
  created: 'created',
  deleted: 'deleted',
  detached: 'detached',
  failed: 'payment_failed',
  paid: 'paid',
}

const customer: Shape = (id, { value }) => ({
  id,
  created: epoch,
  email: `${value}@example.com`,
  balance: value,
  invoice_settings: { default_payment_method: value % 2 ? `pm_${value}` : { id: `pm_${value}` } },
})

const subscription: Shape = (id, { name, value }, isExpanded, seconds) => ({
  id,
  created: epoch,
  customer: 'cus_1',
  status: { created: 'incomplete', deleted: 'canceled' }[name] ?? name,
  ended_at: name === 'deleted' ? epoch + seconds : null,
  items: {
    data: [
      {
        id: 'si_1',
        quantity: 1 + (value % 3),
        current_period_start: epoch,
        current_period_end: epoch + value,
        price: {
          id: 'price_1',
          unit_amount: value,
          currency: 'usd',
          recurring: { interval: 'month' },
          metadata: {},
        },
      },
    ],
  },
  metadata: { plan_id: 'pro' },
  discounts: isExpanded
    ? [{ id: 'di_1', source: { coupon: { id: 'coupon_1', percent_off: 50, duration: 'once' } }, end: null }]
    : ['di_1'],
})

const invoice =
  (index: number): Shape =>
  (id, { name, value }, _isExpanded, seconds) => ({
    id,
    created: epoch,
    customer: 'cus_1',
    currency: 'usd',
    status: { created: 'draft', failed: 'open' }[name] ?? name,
    attempted: name === 'failed',
    attempt_count: name === 'failed' ? 1 : 0,
    total: 100 + value,
    billing_reason: 'subscription_cycle',
    lines: { data: index === 0 ? [itemLine] : [] },
    starting_balance: 0,
    ending_balance: name === 'created' ? null : -value,
    post_payment_credit_notes_amount: name === 'paid' ? value : 0,
    amount_paid: name === 'paid' ? 100 + value : 0,
    period_start: epoch + index * period,
    period_end: epoch + (index + 1) * period,
    status_transitions: { paid_at: name === 'paid' ? epoch + seconds : null },
  })

/** An item shows what all invoices show of it, and that it is on none. */
const invoiceItem: Shape = (id) => ({
  id,
  date: epoch,
  customer: 'cus_1',
  amount: 70,
  currency: 'usd',
  invoice: null,
})
const itemLine = {
  ...{ amount: 70, currency: 'usd' },
  parent: { type: 'invoice_item_details', invoice_item_details: { invoice_item: 'ii_1', proration: false } },
}

const paymentMethod: Shape = (id, { name, value }) => ({
  id,
  created: epoch,
  customer: name === 'detached' ? null : 'cus_1',
  type: 'card',
  card: { brand: 'visa', last4: String(1000 + value), exp_month: 1 + (value % 12), exp_year: 2030 },
})

const product: Shape = (id, { value }) => ({ id, created: epoch, name: `Plan ${value}`, active: true })

const price: Shape = (id, { value }) => ({
  id,
  created: epoch,
  product: 'prod_1',
  unit_amount: value,
  currency: 'usd',
  active: true,
})

const coupon: Shape = (id, { value }) => ({ id, created: epoch, percent_off: 1 + (value % 100), valid: true })

const promotionCode: Shape = (id, { value }, isExpanded) => ({
  id,
  created: epoch,
  code: 'LAUNCH50',
  promotion: { coupon: isExpanded ? { id: 'coupon_1' } : 'coupon_1' },
  times_redeemed: value,
  active: true,
})
