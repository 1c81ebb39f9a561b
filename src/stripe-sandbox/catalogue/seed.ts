import type { Store } from '../objects/store.ts'
import { savePrice } from './price.ts'
import { makeProduct } from './product.ts'

const plans = [
  { id: 'basic', name: 'Basic', monthlyCents: 4900 },
  { id: 'professional', name: 'Professional', monthlyCents: 9900 },
  { id: 'enterprise', name: 'Enterprise', monthlyCents: 29900 },
]

/** Puts the plans, their prices and the coupon of the first start in, under fixed ids and without events; once per file. */
export function seed(store: Store, now: number): void {
  if (store.db.pragma('user_version', { simple: true }) !== 0) return
  store.transaction(() => {
    const turn = { store, now }
    for (const { id, name, monthlyCents } of plans) {
      const metadata = { plan_id: id }
      const product = makeProduct(turn, { id: `prod_${id}`, name, metadata })
      const price = { currency: 'usd', product: product.id, metadata }
      const monthly = savePrice(turn, {
        ...price,
        id: `price_${id}_monthly`,
        unit_amount: monthlyCents,
        recurring: { interval: 'month' },
      })
      // Two months free.
      savePrice(turn, {
        ...price,
        id: `price_${id}_yearly`,
        unit_amount: monthlyCents * 10,
        recurring: { interval: 'year' },
      })
      store.save({ ...product, default_price: monthly.id })
    }
    store.save({
      id: 'LAUNCH50',
      object: 'coupon',
      amount_off: null,
      created: now,
      currency: null,
      duration: 'once',
      duration_in_months: null,
      livemode: false,
      max_redemptions: null,
      metadata: {},
      name: 'LAUNCH50',
      percent_off: 50,
      redeem_by: null,
      times_redeemed: 0,
      valid: true,
    })
    store.save({
      id: 'promo_launch50',
      object: 'promotion_code',
      active: true,
      code: 'LAUNCH50',
      created: now,
      customer: null,
      customer_account: null,
      expires_at: null,
      livemode: false,
      max_redemptions: null,
      metadata: {},
      promotion: { type: 'coupon', coupon: 'LAUNCH50' },
      restrictions: { first_time_transaction: false, minimum_amount: null, minimum_amount_currency: null },
      times_redeemed: 0,
    })
    store.db.pragma('user_version = 1')
  })
}
