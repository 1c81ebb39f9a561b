import { maskValue } from '../mask.ts'

/**
 * Replaces personal data by placeholders such as `[personal 3]`: the same text by the same one, so that what was equal
 * stays equal. What is kept is named, and the rest is taken to be personal.
 */
export function placeholders() {
  const known = new Map<string, string>()
  const placeholderOf = (text: string) => {
    const placeholder = known.get(text) ?? `[personal ${known.size + 1}]`
    known.set(text, placeholder)
    return placeholder
  }

  /** Of data that is personal as a whole: texts go, unless they are Stripe's words, ids or ours. */
  const hide = (value: unknown, name = '', kept = stripesWords): unknown => {
    if (typeof value === 'string')
      return value === '' || isKept(kept, name, value) ? value : placeholderOf(value)
    if (Array.isArray(value)) return value.map((item) => hide(item, name, kept))
    if (value === null || typeof value !== 'object') return value
    const members = Object.entries(value).map(([key, member]) => {
      return [key, hide(member, key, name === 'metadata' || key === 'metadata' ? ourIds : kept)]
    })
    return Object.fromEntries(members)
  }

  /** Of data that is not personal: texts for people may quote some, and addresses on the web may carry some. */
  const clean = (value: unknown, name = ''): unknown => {
    if (typeof value === 'string') {
      if (/(^|_)url$/.test(name)) return value === '' ? value : placeholderOf(value)
      if (!['message', 'reason'].includes(name)) return value
      const quoted = [...known].sort(([a], [b]) => b.length - a.length)
      return quoted.reduce(
        (text, [personal, placeholder]) =>
          personal.length < 3 ? text : text.replaceAll(personal, placeholder),
        maskValue(value),
      )
    }
    if (Array.isArray(value)) return value.map((item) => clean(item, name))
    if (value === null || typeof value !== 'object') return value
    return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, clean(member, key)]))
  }

  return { hide, clean }
}

/** An id of Stripe's, such as `cus_i6XC8PyCNVFyjL` or `price_basic_monthly`. */
const stripeId =
  /^(cus|sub|si|in|il|ii|pi|pm|ch|py|seti|price|prod|promo|di|evt|req|txn|card|ba|src|cs|acct|we)_[A-Za-z0-9_]{3,64}$/

/** In metadata, which anybody may have filled. */
const ourIds = new Set(['tenant_id', 'session_id', 'plan_id', 'stepledger_key'])

/** Members whose texts are words of Stripe's or ids. */
const stripesWords = new Set([
  ...['id', 'object', 'type', 'status', 'currency', 'interval', 'duration', 'usage', 'reason', 'api_version'],
  ...['billing_reason', 'billing_scheme', 'collection_method', 'brand', 'funding', 'country', 'usage_type'],
  ...['code', 'decline_code', 'coupon', 'payment_behavior', 'proration_behavior', 'missing_payment_method'],
  ...['save_default_payment_method', 'end_behavior', 'cancellation_reason', 'capture_method'],
])

const isKept = (kept: Set<string>, name: string, text: string) =>
  stripeId.test(text) || (kept.has(name) && /^[\w.:-]{1,200}$/.test(text))
