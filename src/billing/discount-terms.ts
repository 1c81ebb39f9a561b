import type Stripe from 'stripe'
import type { SelectedDiscount } from '../../machines/onboarding-facts.ts'
import type { Reader } from '../db/tables.ts'
import { AppError, InvalidRequest } from '../errors.ts'
import { ppmOf } from '../projections/read-value.ts'
import type { Observation, StripeGateway } from '../stripe/gateway.ts'
import { askStripe } from './ask-stripe.ts'

/** A discount that can be redeemed now. `observations`: the coupon and the promotion code, for `recordCatalogue`. */
export type ResolvedDiscount = { terms: SelectedDiscount; observations: Observation[] }

/**
 * The discount that a customer's code stands for, as Stripe has it now.
 * @param on the price that it is to lower
 * @throws InvalidRequest on `discount_code` for a code that cannot be used; AppError conflict when it is used up
 */
export async function resolveDiscount(
  stripe: StripeGateway,
  code: string,
  on: { amountCents: number; currency: string },
): Promise<ResolvedDiscount> {
  const observations = await askStripe(() => stripe.findDiscount(code))
  const { coupon, promotionCode } = shown(observations)
  if (coupon === undefined) return refuse('is no discount of ours')
  for (const limits of [coupon, promotionCode]) if (isUsedUp(limits)) throw usedUp(code)
  if (!coupon.valid || promotionCode?.active === false) return refuse('is not valid any more')
  if (coupon.amount_off !== null && coupon.currency !== on.currency)
    return refuse(`is an amount in ${coupon.currency}; the price is in ${on.currency}`)
  const { minimum_amount: minimum, minimum_amount_currency: currency } = promotionCode?.restrictions ?? {}
  if (minimum && (currency !== on.currency || on.amountCents < minimum))
    return refuse('is for larger amounts than this price')
  return {
    observations,
    terms: {
      code: promotionCode?.code ?? coupon.id,
      coupon_id: coupon.id,
      promotion_code_id: promotionCode?.id ?? null,
      percent_off_ppm: ppmOf(coupon.percent_off),
      amount_off_cents: coupon.amount_off,
      duration: coupon.duration as SelectedDiscount['duration'],
      duration_in_months: coupon.duration_in_months,
    },
  }
}

/** What it takes off an amount: a percentage is rounded half up once, as Stripe does, and nothing goes below zero. */
export function discountCents(
  terms: Pick<SelectedDiscount, 'percent_off_ppm' | 'amount_off_cents'>,
  amountCents: number,
): number {
  const { percent_off_ppm: ppm, amount_off_cents: amountOffCents } = terms
  const off =
    ppm === null ? (amountOffCents ?? 0) : Number((BigInt(amountCents) * BigInt(ppm) + 500_000n) / 1_000_000n)
  return Math.min(amountCents, off)
}

/**
 * In the transaction that reserves or redeems it: what was redeemed and what open sessions hold leaves one for this
 * one. Stripe has the last word, because redemptions elsewhere are seen by it alone.
 * @param observations as `resolveDiscount` gave them
 * @throws AppError conflict
 */
export async function assertRedeemable(
  reader: Reader,
  terms: SelectedDiscount,
  observations: readonly Observation[],
  { exceptSessionId }: { exceptSessionId?: string } = {},
): Promise<void> {
  const { coupon, promotionCode } = shown(observations)
  const limited = [coupon, promotionCode].filter((limits) => typeof limits?.max_redemptions === 'number')
  if (limited.length === 0) return
  const holders = await reader
    .selectFrom('onboarding_sessions')
    .select(['session_id', 'reserved_promotion_code_id'])
    .where('reserved_coupon_id', '=', terms.coupon_id)
    .execute()
  const others = holders.filter((session) => session.session_id !== exceptSessionId)
  const withSameCode = others.filter((held) => held.reserved_promotion_code_id === terms.promotion_code_id)
  for (const [limits, held] of [
    [coupon, others.length],
    [promotionCode, withSameCode.length],
  ] as const)
    if (isUsedUp(limits, held)) throw usedUp(terms.code)
}

type Limits = { max_redemptions: number | null; times_redeemed: number }

const isUsedUp = (limits: Limits | undefined, held = 0) =>
  typeof limits?.max_redemptions === 'number' && limits.times_redeemed + held >= limits.max_redemptions

const usedUp = (code: string) =>
  new AppError('conflict', `The discount ${code} is used up or held by others; leave it out`, {
    details: { discount_code: code },
  })

function shown(observations: readonly Observation[]) {
  const live = observations.filter(({ isDeleted }) => !isDeleted)
  const object = (type: Observation['objectType']) =>
    live.find(({ objectType }) => objectType === type)?.object as unknown
  return {
    coupon: object('coupon') as Stripe.Coupon | undefined,
    promotionCode: object('promotion_code') as Stripe.PromotionCode | undefined,
  }
}

function refuse(message: string): never {
  throw new InvalidRequest([{ path: 'discount_code', message }])
}
