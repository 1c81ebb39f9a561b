import { retriesAreOver } from '../invoices/retries.ts'
import { mustFind, type Turn } from '../objects/turn.ts'
import { cancelSubscription } from './cancel.ts'
import { changeSubscription, fallBehind } from './subscription-status.ts'

/** What becomes of a subscription when the last retry has failed: a setting of the account, at Stripe `cancel` by default. */
export type AfterRetries = 'cancel' | 'mark_unpaid' | 'leave_past_due'

/** An invoice that was not paid makes its subscription past due; the last retry of one ends it, or leaves it unpaid. */
export function unpaidSubscription(turn: Turn, invoiceId: string): void {
  const invoice = mustFind(turn, 'invoice', invoiceId)
  const subscription = fallBehind(turn, invoice)
  if (subscription?.status !== 'past_due' || !retriesAreOver(invoice)) return
  const { afterRetries = 'cancel' } = turn.store.hidden<{ afterRetries: AfterRetries }>('account')
  if (afterRetries === 'cancel') cancelSubscription(turn, subscription, { reason: 'payment_failed' })
  else if (afterRetries === 'mark_unpaid')
    changeSubscription(turn, subscription, { ...subscription, status: 'unpaid' })
}
