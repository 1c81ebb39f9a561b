import { z } from 'zod'
import type { SelectedPlan } from '../../machines/onboarding-facts.ts'
import { isAbandoned } from '../../machines/onboarding-steps.ts'
import { type AppContext, requireStripe } from '../context.ts'
import { resourceId, text } from '../db/fields.ts'
import { InvalidRequest } from '../errors.ts'
import { assertRedeemable, resolveDiscount } from '../inbox/catalogue/discount-terms.ts'
import { lookUpDiscount, refreshDiscount } from '../inbox/catalogue/look-up-discount.ts'
import { resolvePrice } from '../inbox/catalogue/price-terms.ts'
import { dispatch, notAllowed, type Session, sessionStatus } from '../inbox/sessions/store.ts'
import { takeIn } from '../inbox/take-in.ts'
import type { Caller } from '../log/by.ts'
import { assertCurrency } from '../pricing/currency.ts'
import { discountCents } from '../pricing/discount-cents.ts'
import { cardAt } from '../pricing/price.ts'
import { readRateCards } from '../pricing/rate-cards.ts'
import { allowedSteps } from '../session/session.ts'
import type { Observation } from '../stripe/gateway.ts'
import { loadOwnSession } from './access.ts'
import { assertCard } from './card.ts'

export const PlanChoice = z.strictObject({
  session_id: resourceId,
  plan_id: text(128),
  price_id: resourceId,
  discount_code: text(128).optional(),
})
export type PlanChoice = Omit<z.infer<typeof PlanChoice>, 'session_id'>

/**
 * Step 4: a plan, at the price that Stripe has now, and a discount, whose redemption is reserved from here until the
 * subscription exists or the session ends. The plan may be changed until then.
 */
export async function selectPlan(
  context: AppContext,
  caller: Caller,
  sessionId: string,
  choice: PlanChoice,
): Promise<Session> {
  const session = await loadOwnSession(context.db.reader, sessionId, caller)
  const status = sessionStatus(session)
  if (isChosen(session, choice)) return session
  if (status !== 'payment_setup' && status !== 'plan_selected') throw notAllowed(session)

  requireStripe(context)
  if (status === 'payment_setup') await assertCard(context, caller, session)
  // What Stripe says of the code is kept whether or not it can be used: it may say that it is gone.
  const look = (code: string) => refreshDiscount(context, code, caller)
  const { selected, discount, observations } = await resolveChoice(context, session, choice, look)

  return context.transact(caller, async (turn) => {
    const { trx } = turn
    const fresh = await loadOwnSession(trx, sessionId, caller)
    if (isChosen(fresh, choice)) return fresh
    await takeIn(turn, observations, { cause: `${sessionId}:select_plan:${fresh.version + 1}` })
    // Safe from races: one writer at a time, and the reservation is the session's row.
    if (discount !== null) await assertRedeemable(trx, discount, { exceptSessionId: sessionId })
    const chosen = { type: 'onboarding.plan_selected', data: selected } as const
    return dispatch(turn, fresh, chosen, { factId: `${sessionId}:plan:${fresh.version + 1}` })
  })
}

/**
 * What the choice would cost, by Stripe as it is now and by what other sessions have reserved. Records nothing.
 * @throws as `selectPlan`, except that no card has to be confirmed yet
 */
export async function previewPlan(
  context: AppContext,
  caller: Caller,
  sessionId: string,
  choice: PlanChoice,
): Promise<{ session: Session; selected: SelectedPlan }> {
  const { reader } = context.db
  const session = await loadOwnSession(reader, sessionId, caller)
  if (!allowedSteps(session.snapshot).includes('select_plan')) throw notAllowed(session)
  const stripe = requireStripe(context)
  const look = (code: string) => lookUpDiscount(stripe, reader, code)
  const { selected, discount } = await resolveChoice(context, session, choice, look)
  if (discount !== null) await assertRedeemable(reader, discount, { exceptSessionId: sessionId })
  return { session, selected }
}

async function resolveChoice(
  context: AppContext,
  session: Session,
  choice: PlanChoice,
  look: (code: string) => Promise<Observation[]>,
) {
  const stripe = requireStripe(context)
  const price = await resolvePrice(stripe, choice.price_id)
  if (price.plan_id !== choice.plan_id)
    throw new InvalidRequest([
      {
        path: 'price_id',
        message: `The price "${choice.price_id}" is one of the plan "${price.plan_id}", not of "${choice.plan_id}".`,
      },
    ])
  assertCurrency(cardAt(await readRateCards(context.db.reader), context.now().toISOString()), price.currency)
  const { discount_code: code } = choice
  const discount =
    code === undefined
      ? null
      : await resolveDiscount(stripe, code, await look(code), {
          amountCents: price.amount_cents,
          currency: price.currency,
          productId: price.product_id,
          customerId: session.snapshot.context.customer_id,
          trialDays: context.config.trialPeriodDays,
          startsAt: context.now(),
        })
  const discount_cents = discount === null ? 0 : discountCents(discount.terms, price.amount_cents)
  const selected: SelectedPlan = {
    plan_id: price.plan_id,
    plan_name: price.plan_name,
    price_id: price.price_id,
    amount_cents: price.amount_cents,
    currency: price.currency,
    billing_interval: price.billing_interval,
    billing_interval_count: price.billing_interval_count,
    discount: discount?.terms ?? null,
    discount_cents,
    amount_after_discount_cents: price.amount_cents - discount_cents,
  }
  return { selected, discount, observations: price.observations }
}

function isChosen(session: Session, choice: PlanChoice): boolean {
  const { plan } = session.snapshot.context
  const status = sessionStatus(session)
  return plan !== null && !isAbandoned(status) && isSameChoice(plan, choice)
}

const isSameChoice = (plan: SelectedPlan, choice: PlanChoice) =>
  plan.plan_id === choice.plan_id &&
  plan.price_id === choice.price_id &&
  (plan.discount?.code.toUpperCase() ?? null) === (choice.discount_code?.toUpperCase() ?? null)
