import type Stripe from 'stripe'
import { couponOf } from '../catalogue/discount.ts'
import { invalidRequest } from '../objects/errors.ts'
import { idOf } from '../objects/ids.ts'
import type { ListOf } from '../objects/lists.ts'
import { present } from '../objects/present.ts'
import type { ObjectType } from '../objects/store.ts'
import type { Turn } from '../objects/turn.ts'

/** Replaces ids by objects along paths such as `latest_invoice.payments` or `data.customer`; the answer is a copy. */
export function expand(turn: Turn, answer: object, paths: string[]): object {
  const copy = structuredClone(answer) as Hash
  for (const path of paths) {
    const keys = path.split('.')
    if (keys.length > 4)
      throw invalidRequest(`You cannot expand more than 4 levels of a property. Property: ${path}`, {
        param: 'expand',
      })
    expandPath(turn, copy, keys, path)
  }
  return copy
}

type Hash = Record<string, unknown>

function expandPath(turn: Turn, target: Hash, keys: string[], path: string): void {
  const [key, ...rest] = keys
  if (key === undefined) return
  const included = target.object === undefined ? undefined : onDemand[`${String(target.object)}.${key}`]
  if (included && (target[key] === undefined || target[key] === null)) target[key] = included(turn, target)
  else if (!(key in target)) throw cannotExpand(path)
  if (isDiscount(target) && key === 'source' && rest[0] === 'coupon')
    target[key] = { ...target[key], coupon: couponShown(turn, target, rest.includes('applies_to')) }
  const value = target[key]
  if (Array.isArray(value)) target[key] = value.map((item) => replace(turn, key, item, path))
  else if (typeof value === 'string') target[key] = replace(turn, key, value, path)
  const next = target[key]
  for (const child of Array.isArray(next) ? next : [next]) {
    if (typeof child === 'object' && child !== null) expandPath(turn, child as Hash, rest, path)
    else if (rest.length > 0 && child !== null && typeof child !== 'string') throw cannotExpand(path)
  }
}

function replace(turn: Turn, key: string, value: unknown, path: string): unknown {
  if (typeof value !== 'string') return value
  const type = types[key]
  if (!type) throw cannotExpand(path)
  const found = turn.store.find(type, value)
  // A copy, so that a path inside it changes nothing else.
  if (found) return structuredClone(present(found, turn.now))
  return shownDeleted.has(type) ? (turn.store.findDeleted(type, value) ?? value) : value
}

const isDiscount = (target: Hash): target is Hash & Stripe.Discount => target.object === 'discount'

/** As it was redeemed: it may be deleted since, and another have its id. */
function couponShown(turn: Turn, discount: Stripe.Discount, withProducts: boolean) {
  const redeemed = couponOf(turn, discount)
  if (redeemed === undefined) return discount.source.coupon
  const now = turn.store.find('coupon', redeemed.id)
  const coupon = now?.created === redeemed.created ? now : redeemed
  const { applies_to } = coupon
  return structuredClone({ ...present(coupon, turn.now), ...(withProducts && applies_to && { applies_to }) })
}

const cannotExpand = (path: string) =>
  invalidRequest(`This property cannot be expanded (${path}).`, { param: 'expand' })

const types: Record<string, ObjectType> = {
  charge: 'charge',
  coupon: 'coupon',
  credit_note: 'credit_note',
  customer: 'customer',
  customer_balance_transaction: 'customer_balance_transaction',
  default_payment_method: 'payment_method',
  default_price: 'price',
  discount: 'discount',
  discounts: 'discount',
  invoice: 'invoice',
  latest_charge: 'charge',
  latest_invoice: 'invoice',
  payment_intent: 'payment_intent',
  payment_method: 'payment_method',
  pending_setup_intent: 'setup_intent',
  price: 'price',
  product: 'product',
  promotion_code: 'promotion_code',
  refund: 'refund',
  subscription: 'subscription',
  test_clock: 'test_helpers.test_clock',
}

/** Of what else is deleted the id stays. */
const shownDeleted = new Set<ObjectType>(['customer', 'discount', 'product'])

/** What an object has only when it is asked for. */
const onDemand: Record<string, (turn: Turn, target: Hash) => unknown> = {
  'invoice.payments': (turn, invoice) => {
    const data = turn.store.all('invoice_payment', { invoice: String(invoice.id) })
    return list(data.reverse(), `/v1/invoice_payments?invoice=${String(invoice.id)}`)
  },
  'invoice.confirmation_secret': (turn, invoice): Stripe.Invoice.ConfirmationSecret | null => {
    const payment = turn.store
      .all('invoice_payment', { invoice: String(invoice.id) })
      .find((each) => each.is_default)
    const intent = turn.store.find('payment_intent', idOf(payment?.payment.payment_intent) ?? '')
    return intent?.client_secret ? { client_secret: intent.client_secret, type: 'payment_intent' } : null
  },
  'charge.refunds': (turn, charge) => {
    const data = turn.store.all('refund', { charge: String(charge.id) })
    return list(data.reverse(), `/v1/charges/${String(charge.id)}/refunds`)
  },
  'coupon.applies_to': (turn, coupon) => turn.store.find('coupon', String(coupon.id))?.applies_to,
  'price.tiers': (turn, price) => turn.store.find('price', String(price.id))?.tiers,
  'customer.subscriptions': (turn, customer) => {
    const all = turn.store.all('subscription', { customer: String(customer.id) })
    const live = all.filter(({ status }) => status !== 'canceled' && status !== 'incomplete_expired')
    return list(live.reverse(), `/v1/customers/${String(customer.id)}/subscriptions`)
  },
}

const list = <T>(data: T[], url: string): ListOf<T> => ({ object: 'list', data, has_more: false, url })
