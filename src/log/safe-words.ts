import { isSellers } from '../stripe/object-types.ts'

/**
 * What of an object of Stripe's may stand in the log in the clear, beside numbers, booleans and times. Everything else
 * is personal until somebody lists it here: a member that Stripe adds tomorrow too.
 */

/** Members whose texts are words of Stripe's own (from its enums) or ids that the seller chose. */
const safeMembers = new Set([
  ...['id', 'object', 'type', 'status', 'api_version', 'currency'],
  ...['interval', 'usage_type', 'billing_scheme', 'tiers_mode', 'tax_behavior', 'duration'],
  ...['billing_reason', 'collection_method', 'missing_payment_method', 'end_behavior', 'behavior'],
  ...['proration_behavior', 'payment_behavior', 'save_default_payment_method', 'payment_method_types'],
  ...['usage', 'setup_future_usage', 'capture_method', 'confirmation_method', 'cancellation_reason'],
  ...['code', 'decline_code', 'reason', 'advice_code', 'network_status', 'brand', 'funding'],
])

/** Members where the ids of what is sold stand: the seller may have chosen any text. A plan is an older price. */
const isSellersId = (member: string) => member === 'plan' || isSellers(member)

/** The seller's own words, by the `object` that they stand in: what is sold, and how an invoice is called. */
const sellersWords: Record<string, ReadonlySet<string>> = {
  product: new Set(['id', 'name', 'description', 'unit_label']),
  price: new Set(['id', 'nickname', 'lookup_key']),
  coupon: new Set(['id', 'name']),
  promotion_code: new Set(['code']),
  invoice: new Set(['number']),
}

/** In metadata, where anybody may write anything, only what we write there ourselves is looked at. */
export const ourMetadata: ReadonlySet<string> = new Set([
  ...['tenant_id', 'session_id', 'plan_id', 'stepledger_key', 'stepledger_base_cents'],
  ...['usage_type', 'quantity'],
])

/** An id that Stripe makes, such as `cus_i6XC8PyCNVFyjL`. */
const stripeId =
  /^(acct|ba|card|cbtxn|ch|cn|cnli|cs|cus|di|dp|du|evt|ii|il|in|inpay|mandate|pi|pm|price|prod|promo|py|re|req|rcpt|seti|setatt|si|src|sub|sub_sched|txn|txi|we)_[A-Za-z0-9_]{1,250}$/
/** No white space, no @, no more than an id or an enum needs. */
const word = /^[A-Za-z0-9_.:-]{1,200}$/
const decimal = /^-?\d{1,30}(\.\d{1,20})?$/

/**
 * @param member the name that the text stands under; of a list's item, the list's
 * @param object the `object` of what the member belongs to
 */
export function isSafeText(text: string, member: string, object: string): boolean {
  if (text === '') return true
  if (sellersWords[object]?.has(member) || isSellersId(member)) return true
  if (safeMembers.has(member)) return word.test(text)
  return member.endsWith('_decimal') ? decimal.test(text) : stripeId.test(text)
}

/** Whether a text is an id that Stripe makes. */
export const isStripeId = (text: unknown): text is string => typeof text === 'string' && stripeId.test(text)

export const isOurWord = (text: unknown): boolean => typeof text === 'string' && word.test(text)
