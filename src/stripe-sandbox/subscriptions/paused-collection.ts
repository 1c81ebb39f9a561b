import type Stripe from 'stripe'
import { finalizeInvoice, voidInvoice, writeOff } from '../invoices/invoicing.ts'
import type { Turn } from '../objects/turn.ts'

/** What becomes of an invoice of a subscription whose collection is paused; a draft is kept as it is. */
export function putAside(
  turn: Turn,
  draft: Stripe.Invoice,
  behavior: Stripe.Subscription.PauseCollection.Behavior,
): void {
  if (behavior === 'keep_as_draft') return
  const final = finalizeInvoice(turn, draft)
  if (final.status !== 'open') return
  if (behavior === 'void') voidInvoice(turn, final)
  else writeOff(turn, final)
}
