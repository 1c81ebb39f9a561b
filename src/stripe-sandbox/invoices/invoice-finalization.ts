import type Stripe from 'stripe'
import type { Turn } from '../objects/turn.ts'
import { collect, finalizeInvoice, methodFor } from './invoicing.ts'

/** The hour in which items can still be added to a draft that advances by itself. */
export function autoFinalizeAt(invoice: Stripe.Invoice): number {
  return invoice.created + 60 * 60
}

/** The hour is over: the draft is final, and collected where there is somebody to charge. */
export function finalizeByItself(turn: Turn, id: string): void {
  const draft = turn.store.find('invoice', id)
  if (draft?.status !== 'draft' || !draft.auto_advance) return
  const final = finalizeInvoice(turn, draft)
  const method = methodFor(turn, final)
  if (final.status === 'open' && final.collection_method === 'charge_automatically' && method)
    collect(turn, final, method)
}
