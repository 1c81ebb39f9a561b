import type Stripe from 'stripe'
import { idOf } from '../objects/ids.ts'
import type { Turn } from '../objects/turn.ts'
import { defaultMethodOf } from '../payments/payment-method.ts'
import { cancelSubscription } from './cancel.ts'
import { trialNoticeSeconds } from './moments.ts'
import { changeSubscription } from './subscription-status.ts'

/** Whether a trial ends with nobody to charge, and `trial_settings` do not want an invoice all the same. */
export function lacksMethod(turn: Turn, subscription: Stripe.Subscription): boolean {
  if (subscription.collection_method === 'send_invoice' || behaviorOf(subscription) === 'create_invoice')
    return false
  return !subscription.default_payment_method && !defaultMethodOf(turn, idOf(subscription.customer))
}

/** Cancels or pauses, as `trial_settings` say. */
export function endTrialWithoutMethod(turn: Turn, subscription: Stripe.Subscription): Stripe.Subscription {
  if (behaviorOf(subscription) === 'cancel') return cancelSubscription(turn, subscription)
  const paused = changeSubscription(turn, subscription, { ...subscription, status: 'paused' })
  turn.emit('customer.subscription.paused', paused)
  return paused
}

const behaviorOf = ({ trial_settings: settings }: Stripe.Subscription) =>
  settings?.end_behavior.missing_payment_method ?? 'create_invoice'

/** Three days before a trial ends, and at once where less is left. */
export function tellTrialEnd(turn: Turn, subscription: Stripe.Subscription): void {
  const { status, trial_end: end } = subscription
  if (status === 'trialing' && end !== null && end - turn.now <= trialNoticeSeconds)
    turn.emit('customer.subscription.trial_will_end', subscription)
}
