import { z } from 'zod'
import { type AppContext, requireStripe } from '../context.ts'
import { text, time } from '../db/fields.ts'
import type { Request } from '../effects/operation.ts'
import { AppError, Conflict, InvalidRequest } from '../errors.ts'
import { refreshDiscount } from '../inbox/catalogue/look-up-discount.ts'
import type { By } from '../log/by.ts'
import { ask, type Decision, type Order, resume } from '../outbox/ask.ts'
import type { OperationUnderWay } from '../outbox/under-way.ts'
import { ppmOf } from '../projections/read-value.ts'
import { keyInMetadata } from '../stripe/call.ts'
import { inOurTerms } from '../stripe/failure.ts'
import { type Discount, type FoundDiscount, findDiscount, shownDiscount } from './discounts.ts'

const hasFourDecimals = (value: number) => Number(value.toFixed(4)) === value

export const DiscountInput = z
  .strictObject({
    // What Stripe takes for a promotion code.
    code: z.string().regex(/^[A-Za-z0-9-]{1,64}$/, 'must be 1 to 64 letters, digits and dashes'),
    name: text(40).optional(),
    percent_off: z
      .number()
      .min(0.0001)
      .max(100)
      .refine(hasFourDecimals, 'must have at most four decimals')
      .optional(),
    amount_off: z.int().min(1).max(99_999_999).optional(),
    currency: z
      .string()
      .toLowerCase()
      .regex(/^[a-z]{3}$/, 'must be a code such as usd')
      .optional(),
    duration: z.enum(['once', 'repeating', 'forever']).default('once'),
    duration_in_months: z.int().min(1).max(120).optional(),
    max_redemptions: z.int().min(1).max(2_147_483_647).optional(),
    expires_at: time.optional(),
    first_time_transaction: z.boolean().default(false).meta({
      description:
        'Only for who has never bought: so a tenant redeems it once, whatever ends and begins again',
    }),
  })
  .superRefine((input, context) => {
    const problem = (path: keyof typeof input, message: string) =>
      context.addIssue({ code: 'custom', path: [path], message })
    const { percent_off, amount_off, currency, duration, duration_in_months } = input
    if ((percent_off === undefined) === (amount_off === undefined))
      problem('percent_off', 'either percent_off or amount_off must be given')
    if ((amount_off === undefined) !== (currency === undefined))
      problem('currency', 'must be given with amount_off, and only then')
    if ((duration === 'repeating') !== (duration_in_months !== undefined))
      problem('duration_in_months', 'must be given with the duration repeating, and only then')
  })
export type DiscountInput = z.infer<typeof DiscountInput>

/**
 * A coupon with the code as its id, and a promotion code with the same code for customers to type. Two calls: what a
 * crash leaves of them is finished by the same request. A code whose discount was deleted can be made again.
 * @throws AppError conflict for a code that stands for other terms; InvalidRequest
 */
export async function createDiscount(
  context: AppContext,
  by: By,
  input: DiscountInput,
  clientKey: string | undefined,
): Promise<Discount> {
  requireStripe(context)
  assertFuture(input, context.now())
  const couponId = await made(context, by, input, { clientKey, params: couponParams(input) })
  await made(context, by, input, { clientKey, params: promotionCodeParams(input, couponId), isCode: true })
  const found = await findDiscount(context.db.reader, input.code)
  if (found === undefined)
    throw new Conflict(`The discount "${input.code}" was deleted meanwhile; send the request again`)
  return shownDiscount(found, context.now())
}

type Call = {
  clientKey: string | undefined
  params: (key: string) => Record<string, unknown>
  /** The promotion code, not the coupon. */
  isCode?: boolean
}

async function made(context: AppContext, by: By, input: DiscountInput, call: Call): Promise<string> {
  const { clientKey, params, isCode = false } = call
  const { code } = input
  const order: Order = {
    ...{ tenantId: null, operation: 'create_discount', by, clientKey },
    waitsFor: (earlier) => isAbout(earlier, code),
    isSame: (earlier) => 'promotion' in earlier.params === isCode && sameParams(earlier.params, params('')),
  }
  try {
    const resumed = await resume(context, order)
    if (resumed !== undefined) return resumed
    // What was made or deleted in Stripe's dashboard, nobody may have told us yet.
    await refreshDiscount(context, code, by)
    return await ask(context, order, async ({ trx }) => {
      const found = await findDiscount(trx, code)
      return isCode ? decideCode(found, input, params) : decideCoupon(found, input, params)
    })
  } catch (error) {
    throw inOurTerms(error, discountFields)
  }
}

/** Stripe's parameters of a coupon and of a promotion code that are fields of our request. */
const discountFields = {
  id: 'code',
  redeem_by: 'expires_at',
  ...Object.fromEntries(
    ['code', 'name', 'percent_off', 'amount_off', 'currency'].map((name) => [name, name]),
  ),
  ...{ duration_in_months: 'duration_in_months', duration: 'duration', max_redemptions: 'max_redemptions' },
}

/** @throws AppError conflict for a code that stands for other terms */
export function decideCoupon(
  found: FoundDiscount | undefined,
  input: DiscountInput,
  params: Request['params'],
): Decision {
  if (found === undefined) return { call: 'create_coupon', targetId: null, params }
  assertSameTerms(found, input)
  return { objectId: found.coupon.coupon_id }
}

/** @throws AppError conflict for a code that stands for other terms */
export function decideCode(
  found: FoundDiscount | undefined,
  input: DiscountInput,
  params: Request['params'],
): Decision {
  if (found !== undefined) assertSameTerms(found, input)
  const objectId = promotionCodeOf(found)
  return objectId === undefined ? { call: 'create_promotion_code', targetId: null, params } : { objectId }
}

/** One that was switched off is made again, as long as its coupon can be redeemed. */
function promotionCodeOf(discount: FoundDiscount | undefined): string | undefined {
  if (discount?.promotionCode === undefined) return undefined
  const { coupon, promotionCode } = discount
  const { max_redemptions: maximum, times_redeemed: redeemed } = promotionCode
  const isSpent = (maximum !== null && redeemed >= maximum) || promotionCode.expires_at !== null
  const isUsable = promotionCode.is_active === 1 || isSpent || coupon.is_active === 0
  return isUsable ? promotionCode.discount_id : undefined
}

/** Any call about this code: of its coupon, or of a promotion code. */
function isAbout({ params, targetId }: OperationUnderWay, code: string): boolean {
  return [params.id, params.code, targetId].some(
    (name) => typeof name === 'string' && name.toLowerCase() === code.toLowerCase(),
  )
}

const couponParams = (input: DiscountInput) => (key: string) => ({
  id: input.code,
  duration: input.duration,
  ...defined({
    name: input.name,
    percent_off: input.percent_off,
    amount_off: input.amount_off,
    currency: input.currency,
    duration_in_months: input.duration_in_months,
    max_redemptions: input.max_redemptions,
    redeem_by: input.expires_at === undefined ? undefined : secondsOf(input.expires_at),
  }),
  metadata: { [keyInMetadata]: key },
})

/** The coupon has the limits: a code is good for as long as its coupon is. */
const promotionCodeParams = (input: DiscountInput, couponId: string) => (key: string) => ({
  promotion: { type: 'coupon', coupon: couponId },
  code: input.code,
  ...(input.first_time_transaction && { restrictions: { first_time_transaction: true } }),
  metadata: { [keyInMetadata]: key },
})

function sameParams(a: Record<string, unknown>, b: Record<string, unknown>): boolean {
  const text = ({ metadata: _, ...terms }: Record<string, unknown>) => JSON.stringify(terms)
  return text(a) === text(b)
}

function assertSameTerms({ coupon, promotionCode }: FoundDiscount, input: DiscountInput): void {
  const isSame =
    coupon.percent_off_ppm === ppmOf(input.percent_off) &&
    coupon.amount_off_cents === (input.amount_off ?? null) &&
    coupon.currency === (input.currency ?? null) &&
    coupon.duration === input.duration &&
    coupon.duration_in_months === (input.duration_in_months ?? null) &&
    (promotionCode?.max_redemptions ?? coupon.max_redemptions) === (input.max_redemptions ?? null) &&
    (promotionCode?.expires_at ?? coupon.expires_at) === wholeSeconds(input.expires_at) &&
    (promotionCode === undefined ||
      (promotionCode.first_time_transaction === 1) === input.first_time_transaction) &&
    (input.name === undefined || coupon.name === input.name)
  if (!isSame)
    throw new AppError('conflict', `The discount code "${input.code}" stands for other terms already`, {
      details: { code: input.code },
    })
}

function assertFuture({ expires_at }: DiscountInput, now: Date): void {
  if (expires_at !== undefined && expires_at <= now.toISOString())
    throw new InvalidRequest([{ path: 'expires_at', message: 'must be in the future' }])
}

const secondsOf = (time: string) => Math.floor(Date.parse(time) / 1000)

/** As Stripe keeps it. */
const wholeSeconds = (time: string | undefined) =>
  time === undefined ? null : new Date(secondsOf(time) * 1000).toISOString()

const defined = (members: Record<string, unknown>) =>
  Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined))
