import type Stripe from 'stripe'
import { noSuch } from '../objects/errors.ts'
import { listPage } from '../objects/lists.ts'
import * as p from '../objects/parameters.ts'
import { route } from '../objects/routes.ts'

const path = '/v1/plans'
const listShape = p.optional({ ...p.pagination, active: p.yesNo, created: p.range, product: p.text })

/** What recurring prices are to older programs: the same objects, under the same ids. Here they are read alone. */
export const planRoutes = [
  route(`GET ${path}`, listShape, (call) => {
    const { active, product, ...page } = call.params
    const equal = { type: 'recurring', active, product }
    const prices = listPage(call, 'price', path, page, { equal })
    return { ...prices, data: prices.data.map(planOf) }
  }),
  route(`GET ${path}/:id`, {}, (call) => {
    const price = call.store.find('price', call.id)
    if (!price?.recurring) throw noSuch('plan', call.id)
    return planOf(price)
  }),
]

/** A recurring price, as a plan. */
export function planOf(price: Stripe.Price): Stripe.Plan {
  return {
    id: price.id,
    object: 'plan',
    active: price.active,
    amount: price.unit_amount,
    amount_decimal: price.unit_amount_decimal,
    billing_scheme: price.billing_scheme,
    created: price.created,
    currency: price.currency,
    interval: price.recurring?.interval ?? 'month',
    interval_count: price.recurring?.interval_count ?? 1,
    livemode: price.livemode,
    metadata: price.metadata,
    meter: price.recurring?.meter ?? null,
    nickname: price.nickname,
    product: price.product,
    tiers_mode: price.tiers_mode,
    transform_usage: price.transform_quantity,
    trial_period_days: null,
    usage_type: price.recurring?.usage_type ?? 'licensed',
  }
}
