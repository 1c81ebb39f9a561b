import type { SelectedDiscount } from '../../../machines/onboarding-facts.ts'
import type { Reader } from '../../db/tables.ts'
import { AppError, InvalidRequest } from '../../errors.ts'
import { endsInTrial } from '../../pricing/due.ts'
import { isoTime } from '../../projections/projection.ts'
import { idOf, ppmOf } from '../../projections/read-value.ts'
import { askStripe } from '../../stripe/ask-stripe.ts'
import type { Observation, StripeGateway } from '../../stripe/gateway.ts'
import type { StripeObjects } from '../../stripe/object-types.ts'
import { type Candidate, chooseDiscount } from './discount-choice.ts'
import { UnknownCode } from './unknown-code.ts'

/** What a discount is to lower, and for whom. */
type Purchase = {
  amountCents: number
  currency: string
  productId: string
  /** Null: nobody yet, and so nobody who has bought before. */
  customerId: string | null
  trialDays: number
  startsAt: Date
}

/** A discount that can be redeemed now. `observations`: what Stripe has under its code. */
export type ResolvedDiscount = { terms: SelectedDiscount; observations: readonly Observation[] }

/**
 * What a customer's code takes off a purchase. What Stripe would refuse, or take nothing off for, is refused here.
 * @param observations what `lookUpDiscount` has found under the code
 * @throws InvalidRequest on `discount_code` for a code that cannot be used; AppError conflict when it is used up
 */
export async function resolveDiscount(
  stripe: StripeGateway,
  code: string,
  observations: readonly Observation[],
  on: Purchase,
): Promise<ResolvedDiscount> {
  const found = standing(code, observations)
  if (found === undefined) throw new UnknownCode(code)
  const { coupon, promotionCode } = found
  for (const limits of [coupon, promotionCode]) if (isUsedUp(limits)) throw usedUp(code)
  if (!coupon.valid || promotionCode?.active === false) return refuse(code, 'is not valid any more')
  if (coupon.amount_off !== null && coupon.currency !== on.currency)
    return refuse(code, `takes off an amount in ${coupon.currency}, but the price is in ${on.currency}`)
  // Stripe takes it all the same, and then takes nothing off.
  const products = coupon.applies_to?.products
  if (products && !products.includes(on.productId)) return refuse(code, 'is not for this plan')
  await assertUnrestricted(stripe, code, promotionCode, on)
  const terms = termsOf(coupon, promotionCode)
  if (endsInTrial(terms, on.trialDays, on.startsAt)) return refuse(code, 'ends before the trial does')
  return { observations, terms }
}

const termsOf = (
  coupon: StripeObjects['coupon'],
  promotionCode: StripeObjects['promotion_code'] | undefined,
): SelectedDiscount => ({
  code: promotionCode?.code ?? coupon.id,
  coupon_id: coupon.id,
  promotion_code_id: promotionCode?.id ?? null,
  percent_off_ppm: ppmOf(coupon.percent_off),
  amount_off_cents: coupon.amount_off,
  duration: coupon.duration as SelectedDiscount['duration'],
  duration_in_months: coupon.duration_in_months,
})

/** By Stripe's rules for promotion codes: https://docs.stripe.com/api/promotion_codes/object */
async function assertUnrestricted(
  stripe: StripeGateway,
  code: string,
  promotionCode: StripeObjects['promotion_code'] | undefined,
  on: Purchase,
): Promise<void> {
  if (promotionCode === undefined) return
  const owner = idOf(promotionCode.customer)
  if (owner !== null && owner !== on.customerId) return refuse(code, 'is for another customer')
  const { first_time_transaction: isForNew, minimum_amount: minimumCents } = promotionCode.restrictions
  const { minimum_amount_currency: currency } = promotionCode.restrictions
  if (minimumCents && currency !== on.currency)
    return refuse(code, `is for purchases in ${currency}, but the price is in ${on.currency}`)
  if (minimumCents && on.amountCents < minimumCents)
    return refuse(code, 'is for larger purchases than this plan')
  const { customerId } = on
  if (isForNew && customerId !== null && (await askStripe(() => stripe.hasBought(customerId))))
    return refuse(code, 'is for first purchases alone, and there was one already')
}

/**
 * In the transaction that reserves or redeems it: what was redeemed and what open sessions hold leaves one for this
 * one. Stripe has the last word, because redemptions elsewhere are seen by it alone.
 * @throws AppError conflict
 */
export async function assertRedeemable(
  reader: Reader,
  { terms, observations }: ResolvedDiscount,
  { exceptSessionId }: { exceptSessionId?: string } = {},
): Promise<void> {
  const { coupon, promotionCode } = standing(terms.code, observations) ?? {}
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
  new AppError(
    'conflict',
    `The discount code "${code}" is used up, or others hold the last of it; leave it out`,
    {
      details: { discount_code: code },
    },
  )

function standing(code: string, observations: readonly Observation[]) {
  const candidates: Candidate<StripeObjects['coupon'], StripeObjects['promotion_code']>[] = []
  for (const { isDeleted, objectType, object } of observations) {
    if (isDeleted || (objectType !== 'coupon' && objectType !== 'promotion_code')) continue
    const createdAt = isoTime(object.created)
    if (objectType === 'coupon') {
      const { id } = object
      candidates.push({ kind: objectType, code: id, couponId: id, createdAt, isActive: true, of: object })
    } else {
      const couponId = idOf(object.promotion.coupon) ?? ''
      const { code, active } = object
      candidates.push({ kind: objectType, code, couponId, createdAt, isActive: active, of: object })
    }
  }
  return chooseDiscount(code, candidates)
}

function refuse(code: string, why: string): never {
  throw new InvalidRequest([{ path: 'discount_code', message: `The discount code "${code}" ${why}.` }])
}
