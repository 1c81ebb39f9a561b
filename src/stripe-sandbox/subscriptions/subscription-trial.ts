import type Stripe from 'stripe'
import { idOf } from '../objects/ids.ts'
import type { Turn } from '../objects/turn.ts'
import { defaultMethodOf } from '../payments/payment-method.ts'
import { cancelSubscription } from './subscription-end.ts'

/** What `trial_settings` says for a trial that ends with nobody to charge. Answers whether that was the end of it. */
export function endTrialWithoutMethod(turn: Turn, subscription: Stripe.Subscription): boolean {
  const method = subscription.default_payment_method ?? defaultMethodOf(turn, idOf(subscription.customer))
  if (method || subscription.collection_method === 'send_invoice') return false
  const behavior = subscription.trial_settings?.end_behavior.missing_payment_method
  if (behavior === 'cancel') {
    cancelSubscription(turn, subscription)
    return true
  }
  if (behavior !== 'pause') return false
  const paused = turn.store.save({ ...subscription, status: 'paused' as const })
  turn.emit('customer.subscription.paused', paused)
  return true
}
