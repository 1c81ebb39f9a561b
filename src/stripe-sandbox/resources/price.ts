import type Stripe from 'stripe'
import { newId } from '../ids.ts'
import type { Turn } from '../turn.ts'

export type PriceInput = {
  id?: string
  currency: string
  product: string
  unit_amount?: number | undefined
  unit_amount_decimal?: number | undefined
  active?: boolean | undefined
  lookup_key?: string | undefined
  metadata?: Record<string, string> | null | undefined
  nickname?: string | undefined
  recurring?: { interval: 'day' | 'week' | 'month' | 'year'; interval_count?: number | undefined } | undefined
  tax_behavior?: 'exclusive' | 'inclusive' | 'unspecified' | undefined
}

export function savePrice(turn: Pick<Turn, 'store' | 'now'>, input: PriceInput): Stripe.Price {
  const exact = input.unit_amount ?? input.unit_amount_decimal ?? 0
  return turn.store.save({
    id: input.id ?? newId('price'),
    object: 'price',
    active: input.active ?? true,
    billing_scheme: 'per_unit',
    created: turn.now,
    currency: input.currency,
    custom_unit_amount: null,
    livemode: false,
    lookup_key: input.lookup_key ?? null,
    metadata: input.metadata ?? {},
    nickname: input.nickname ?? null,
    product: input.product,
    recurring: input.recurring
      ? {
          interval: input.recurring.interval,
          interval_count: input.recurring.interval_count ?? 1,
          meter: null,
          trial_period_days: null,
          usage_type: 'licensed',
        }
      : null,
    tax_behavior: input.tax_behavior ?? 'unspecified',
    tiers_mode: null,
    transform_quantity: null,
    type: input.recurring ? 'recurring' : 'one_time',
    unit_amount: Number.isInteger(exact) ? exact : null,
    unit_amount_decimal: wireDecimal(exact),
  })
}

/** The SDK reads decimals as `Decimal` objects; on the wire and in the store they are strings. */
export function wireDecimal(value: number): Stripe.Decimal {
  return String(value) as unknown as Stripe.Decimal
}

/** What `quantity` units cost, in whole minor units, rounded half away from zero. */
export function priceAmount(price: Stripe.Price, quantity: number): number {
  return roundHalfUp(Number(price.unit_amount_decimal ?? price.unit_amount ?? 0) * quantity)
}

export function roundHalfUp(amount: number): number {
  // Binary fractions such as 1.005 * 100 fall just short of the half.
  return Math.sign(amount) * Math.round(Math.abs(amount) + 1e-9) + 0
}
