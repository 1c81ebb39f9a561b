import type Stripe from 'stripe'
import { newId } from '../objects/ids.ts'
import type { Turn } from '../objects/turn.ts'

export type PriceInput = {
  id?: string
  currency: string
  product: string
  unit_amount?: number | undefined
  unit_amount_decimal?: string | undefined
  active?: boolean | undefined
  lookup_key?: string | undefined
  metadata?: Record<string, string> | null | undefined
  nickname?: string | undefined
  billing_scheme?: 'per_unit' | 'tiered' | undefined
  custom_unit_amount?: ChosenAmount | undefined
  tiers?: Tier[] | undefined
  tiers_mode?: 'graduated' | 'volume' | undefined
  recurring?:
    | {
        interval: 'day' | 'week' | 'month' | 'year'
        interval_count?: number | undefined
        meter?: string | undefined
        usage_type?: 'licensed' | 'metered' | undefined
      }
    | undefined
  tax_behavior?: 'exclusive' | 'inclusive' | 'unspecified' | undefined
}

type ChosenAmount = {
  enabled: boolean
  maximum?: number | undefined
  minimum?: number | undefined
  preset?: number | undefined
}
type Tier = {
  /** Null: without end. */
  up_to: number | null
  flat_amount?: number | undefined
  unit_amount?: number | undefined
  unit_amount_decimal?: string | undefined
}

export function savePrice(turn: Pick<Turn, 'store' | 'now'>, input: PriceInput): Stripe.Price {
  const { custom_unit_amount: chosen } = input
  const hasNone = input.billing_scheme === 'tiered' || chosen?.enabled === true
  const exact = hasNone ? null : (input.unit_amount ?? input.unit_amount_decimal ?? 0)
  return turn.store.save({
    id: input.id ?? newId('price'),
    object: 'price',
    active: input.active ?? true,
    billing_scheme: input.billing_scheme ?? 'per_unit',
    created: turn.now,
    currency: input.currency,
    custom_unit_amount: chosen?.enabled
      ? { maximum: chosen.maximum ?? null, minimum: chosen.minimum ?? null, preset: chosen.preset ?? null }
      : null,
    livemode: false,
    lookup_key: input.lookup_key ?? null,
    metadata: input.metadata ?? {},
    nickname: input.nickname ?? null,
    product: input.product,
    recurring: input.recurring
      ? {
          interval: input.recurring.interval,
          interval_count: input.recurring.interval_count ?? 1,
          meter: input.recurring.meter ?? null,
          trial_period_days: null,
          usage_type: input.recurring.usage_type ?? 'licensed',
        }
      : null,
    tax_behavior: input.tax_behavior ?? 'unspecified',
    ...(input.tiers && { tiers: input.tiers.map(tierOf) }),
    tiers_mode: input.tiers_mode ?? null,
    transform_quantity: null,
    type: input.recurring ? 'recurring' : 'one_time',
    ...unitAmount(exact),
  })
}

function tierOf(tier: Tier): Stripe.Price.Tier {
  const exact = tier.unit_amount ?? tier.unit_amount_decimal ?? null
  return {
    flat_amount: tier.flat_amount ?? null,
    flat_amount_decimal: tier.flat_amount === undefined ? null : wireDecimal(tier.flat_amount),
    ...unitAmount(exact),
    up_to: tier.up_to,
  }
}

function unitAmount(exact: number | string | null) {
  const whole = exact === null ? null : Number(exact)
  return {
    unit_amount: Number.isInteger(whole) ? whole : null,
    unit_amount_decimal: exact === null ? null : wireDecimal(exact),
  }
}

/** Whether one unit has one amount for a period: no tiers, no meter, no amount of the customer's choice. */
export function hasFixedAmount(price: Stripe.Price): boolean {
  return price.unit_amount_decimal !== null && price.recurring?.usage_type !== 'metered'
}

/** The SDK reads decimals as `Decimal` objects; on the wire and in the store they are strings. */
export function wireDecimal(value: number | string): Stripe.Decimal {
  const short = typeof value === 'string' || Number.isInteger(value)
  // Twelve decimals as Stripe's, without an exponent.
  return (short ? String(value) : value.toFixed(12).replace(/\.?0+$/, '')) as unknown as Stripe.Decimal
}

/** What `quantity` units cost, in whole minor units, rounded half away from zero. */
export function priceAmount(price: Stripe.Price, quantity: number): number {
  return roundHalfUp(Number(price.unit_amount_decimal ?? price.unit_amount ?? 0) * quantity)
}

/** A percentage of at most four decimals of an amount, rounded half up, without the errors of binary fractions. */
export function percentOf(amount: number, percent: number): number {
  const millionths = BigInt(Math.round(percent * 10_000))
  return Number((BigInt(amount) * millionths + 500_000n) / 1_000_000n)
}

/** `amount × part / whole` of whole amounts, rounded half up, where the product is more than a double holds. */
export function partOf(amount: number, part: number, whole: number): number {
  const twice = 2n * BigInt(amount) * BigInt(part)
  return Number((twice + BigInt(whole)) / (2n * BigInt(whole)))
}

export function roundHalfUp(amount: number): number {
  // Binary fractions such as 1.005 * 100 fall just short of the half.
  return Math.sign(amount) * Math.round(Math.abs(amount) + 1e-9) + 0
}
