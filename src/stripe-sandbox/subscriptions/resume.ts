import type Stripe from 'stripe'
import type { z } from 'zod'
import { invalidRequest } from '../objects/errors.ts'
import * as p from '../objects/parameters.ts'
import { mustFind, type Turn } from '../objects/turn.ts'
import { bill } from './billing.ts'
import { startPeriods } from './periods.ts'
import { prorate } from './proration.ts'
import { changeSubscription } from './subscription-status.ts'

export const resumeShape = p.optional({
  billing_cycle_anchor: p.hash({ type: p.oneOf('now', 'unchanged') }),
  payment_behavior: p.oneOf('resume_on_payment_attempt', 'resume_on_payment_success'),
  proration_behavior: p.oneOf('always_invoice', 'create_prorations', 'none'),
  proration_date: p.whole,
} satisfies p.ShapeOf<Stripe.SubscriptionResumeParams>)

/**
 * Resumes what was paused at the end of a trial. An invoice that this makes is tried at once; with
 * `resume_on_payment_success` it waits instead, and the subscription stays paused until it is paid, for 23 hours at most.
 */
export function resumeSubscription(
  turn: Turn & { params: z.output<z.ZodObject<typeof resumeShape>> },
  paused: Stripe.Subscription,
): Stripe.Subscription {
  const { billing_cycle_anchor: anchor, payment_behavior: payment, proration_behavior } = turn.params
  if (paused.status !== 'paused')
    throw invalidRequest(`Only paused subscriptions can be resumed; this one is ${paused.status}.`)
  const resets = anchor?.type !== 'unchanged'
  const placed = startPeriods({ ...paused, ...(resets && { billing_cycle_anchor: turn.now }) }, turn.now)
  const at = turn.params.proration_date ?? turn.now
  const nothing = { ...paused, items: { ...paused.items, data: [] } }
  const prorates = !resets && proration_behavior !== 'none'
  const prorated = prorates ? prorate(turn, nothing, placed, { at, creditsAll: false }) : 0
  const bills = resets || (proration_behavior === 'always_invoice' && prorated > 0)
  const waits = bills && payment === 'resume_on_payment_success'
  const after = waits ? placed : { ...placed, status: 'active' as const }
  if (!bills) changeSubscription(turn, paused, after)
  else
    bill(turn, paused, after, {
      reason: 'subscription_update',
      begun: resets ? placed.items.data : [],
      collects: waits ? 'default_incomplete' : 'allow_incomplete',
    })
  const resumed = mustFind(turn, 'subscription', paused.id)
  if (!waits) turn.emit('customer.subscription.resumed', resumed)
  return resumed
}
